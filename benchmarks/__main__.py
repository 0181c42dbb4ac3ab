"""`python -m benchmarks [PART|all]`: measure, print tables, and write benchmarks/RESULTS.md.

`honesty` and `watson FILE` measure how right the figures are; they stand by themselves.

RESULTS.md is only written by `all` at full size, so that a quick look never overwrites figures that can be relied on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid

from benchmarks import (
    attribution,
    decide,
    emulators,
    emulators_report,
    hubspot,
    hubspot_report,
    incremental,
    pull,
    report,
    webhooks,
    writes,
)
from benchmarks.report import Report

RESULTS = Path(__file__).with_name("RESULTS.md")
PARTS = ("pull", "writes", "hubspot", "decide", "attribution", "emulators", "webhooks")
ROWS = 200_000


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("part", nargs="?", default="all", choices=(*PARTS, "all"))
    parser.add_argument("--rows", type=int, default=ROWS, help="Opportunities and deals of the pulls")
    parser.add_argument("--rounds", type=int, default=5, help="counted runs of each contender")
    parser.add_argument("--quick", action="store_true", help="everything small, once: does it run at all?")
    return parser.parse_args(argv)


def measured(part: str, rows: int, rounds: int, *, quick: bool, console: Console) -> Report:
    """Run the parts one after another; nothing else should run beside them."""
    found = Report()
    with console.status("") as status:
        for name in PARTS if part == "all" else (part,):
            _part(found, name, rows, rounds, quick, lambda what, name=name: status.update(f"{name}: {what}"))  # type: ignore[misc]
    return found


def _part(found: Report, name: str, rows: int, rounds: int, quick: bool, say: pull.Say) -> None:
    command = f"python -m benchmarks {name} --rows {rows} --rounds {rounds}" + (" --quick" if quick else "")
    if name == "pull":
        found.add(*report.pull_table(pull.compare(rows, rounds, say, slow=not quick), command))
        found.add(*report.growth_table(pull.growth(pull.SALESFORCE, _sizes(rows, quick), say), command, "Salesforce"))
    elif name == "writes":
        found.add(*report.write_table(writes.compare(writes.PARTNERS, rounds, say), command))
    elif name == "hubspot":
        found.add(*hubspot_report.pull_table(hubspot.compare(rows, rounds, say), command))
        found.add(*report.growth_table(pull.growth(hubspot.COURSE, _sizes(rows, quick), say), command, "HubSpot"))
        found.add(*hubspot_report.update_table(hubspot.updates(hubspot.COMPANIES, rounds, say), command))
        say("one changed deal")
        found.add(*hubspot_report.incremental_table(incremental.run("tiny" if quick else "small"), command))
    elif name == "emulators":
        made = emulators.run(20_000 if quick else emulators.RECORDS, rounds, say, 0.3 if quick else 2.0)
        for table, targets in emulators_report.tables(made, command):
            found.add(table, targets)
    elif name == "webhooks":
        found.add(*webhooks.table(webhooks.run(say, seconds=2.0 if quick else webhooks.SECONDS), command))
    elif name == "attribution":
        if attribution.installed():
            paths = 20_000 if quick else attribution.PATHS
            found.add(*attribution.table(attribution.compare(paths, min(rounds, 3), say), command))
        else:
            found.add(*attribution.not_compared(command))
    else:
        say("making a mirror")
        found.add(*report.decide_table(decide.run(0.01 if quick else 1.0, 1 if quick else min(rounds, 3)), command))


def _sizes(rows: int, quick: bool) -> tuple[int, ...]:
    return (rows // 4, rows) if quick else (rows // 4, rows, rows * 4)


def _print(found: Report, console: Console) -> None:
    for table in found.tables:
        grid = Grid(*table.columns, title=table.title)
        for row in table.rows:
            grid.add_row(*row)
        console.print(grid)
        for note in table.notes:
            console.print(f"  {note}", highlight=False)
    targets = Grid("target", "found", "", title="Targets")
    for target in found.targets:
        targets.add_row(target.promise, target.found, "[green]met" if target.met else "[red]not met")
    console.print(targets)


def main(argv: list[str] | None = None) -> int:
    """Measure and report; 0 when every target is met, 1 when one is not (with --quick: always 0)."""
    words = sys.argv[1:] if argv is None else argv
    if words[:1] in (["honesty"], ["watson"]):  # how right, not how fast: they take words of their own
        from benchmarks import honesty, watson

        return (honesty if words[0] == "honesty" else watson).main(words[1:])
    given = _arguments(words)
    console = Console(width=max(Console().width, 150))  # a table that is cut says nothing
    rows, rounds = (min(given.rows, 10_000), 1) if given.quick else (given.rows, given.rounds)
    found = measured(given.part, rows, rounds, quick=given.quick, console=console)
    _print(found, console)
    if given.part == "all" and not given.quick:
        report.write(found, RESULTS)
        console.print(f"written: benchmarks/{RESULTS.name}")
    return 0 if given.quick or all(target.met for target in found.targets) else 1


if __name__ == "__main__":
    raise SystemExit(main())
