"""`python -m benchmarks [PART|all|list]`: measure, print tables, and write benchmarks/RESULTS.md.

`all` measures every part, `all --only pull,writes` these; both renew what stands in RESULTS.md about them and leave
the rest as it is. `list` names the parts, with how long each took. A part by its name is measured and only printed.
`honesty` and `watson FILE` measure how right the figures are, `latency` how soon a changed deal reaches its partner,
`storm` whether all ends well when everything goes wrong; they stand by themselves.

RESULTS.md is only written by `all` at full size, so that a quick look never overwrites figures that can be relied on.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid

from benchmarks import page
from benchmarks.page import Measured
from benchmarks.parts import PARTS, Asked, Part, chosen
from benchmarks.report import machine

RESULTS = Path(__file__).with_name("RESULTS.md")
KEPT = Path(__file__).with_name("results")
ROWS = 200_000


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [part.name for part in PARTS]
    parser.add_argument("part", nargs="?", default="all", choices=(*names, "all", "list"))
    parser.add_argument("--only", metavar="PART,PART", help="with all: measure these and renew their sections")
    parser.add_argument("--rows", type=int, default=ROWS, help="Opportunities and deals of the pulls")
    parser.add_argument("--rounds", type=int, default=5, help="counted runs of each contender")
    parser.add_argument("--quick", action="store_true", help="everything small, once: does it run at all?")
    given = parser.parse_args(argv)
    if given.only and given.part != "all":
        parser.error("--only goes with all")
    try:
        given.parts = chosen(given.only if given.part in ("all", "list") else given.part)
    except ValueError as error:
        parser.error(str(error))
    return given


def measured(part: Part, rows: int, rounds: int, *, quick: bool, console: Console) -> Measured:
    """Run one part; nothing else should run beside it."""
    command = f"python -m benchmarks {part.name} --rows {rows} --rounds {rounds}" + (" --quick" if quick else "")
    day, load = datetime.now(UTC).date().isoformat(), os.getloadavg()[0]
    found = Measured(part.name, day, None, load, os.cpu_count() or 1, machine())
    began = time.monotonic()
    with console.status(part.name) as status:
        asked = Asked(rows, rounds, quick, command, lambda what: status.update(f"{part.name}: {what}"))
        for table, targets in part.run(asked):
            found = found.plus(table, targets)
    return replace(found, seconds=round(time.monotonic() - began, 1))


def _print(found: Iterable[Measured], console: Console) -> None:
    targets = Grid("target", "found", "", title="Targets")
    for part in found:
        for table in part.tables:
            grid = Grid(*table.columns, title=table.title)
            for row in table.rows:
                grid.add_row(*row)
            console.print(grid)
            for note in table.notes:
                console.print(f"  {note}", highlight=False)
        for target in part.targets:
            targets.add_row(target.promise, target.found, "[green]met" if target.met else "[red]not met")
    console.print(targets)


def _list(parts: Sequence[Measured], console: Console, title: str, *, every: bool = False) -> None:
    """The parts with their times; `every`: also those that were never measured."""
    known = {part.part: part for part in parts}
    grid = Grid("part", "what it measures", "measured on", "took", "load before", title=title)
    for part in PARTS:
        if part.name in known:
            (line,) = page.times([known[part.name]])
            grid.add_row(line[0], part.question, *line[1:])
        elif every:
            grid.add_row(part.name, part.question, "never", "", "")
    console.print(grid)


def main(argv: list[str] | None = None) -> int:
    """Measure and report; 0 when every target is met, 1 when one is not (with --quick: always 0)."""
    words = sys.argv[1:] if argv is None else argv
    if words[:1] in (["honesty"], ["watson"], ["latency"], ["storm"]):  # they take words of their own
        from benchmarks import honesty, latency, storm, watson

        alone = {"honesty": honesty, "watson": watson, "latency": latency, "storm": storm}
        return alone[words[0]].main(words[1:])
    given = _arguments(words)
    console = Console(width=max(Console().width, 150))  # a table that is cut says nothing
    if given.part == "list":
        _list(page.kept(KEPT), console, "Parts, as they stand in RESULTS.md", every=True)
        return 0
    rows, rounds = (min(given.rows, 10_000), 1) if given.quick else (given.rows, given.rounds)
    found = []
    for part in given.parts:
        found.append(measured(part, rows, rounds, quick=given.quick, console=console))
        if given.part == "all" and not given.quick:  # at once: what a later part breaks does not cost this one
            page.keep(found[-1], KEPT)
            RESULTS.write_text(page.markdown(page.kept(KEPT)), encoding="utf-8")
    _print(found, console)
    _list(found, console, "Times")
    if given.part == "all" and not given.quick:
        console.print(f"written: benchmarks/{RESULTS.name}")
    return 0 if given.quick or all(target.met for part in found for target in part.targets) else 1


if __name__ == "__main__":
    raise SystemExit(main())
