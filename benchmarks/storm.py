"""How many storms end well? Each has a seed; both CRMs, `pmom serve` and `pmom work` run as they do for users.

Everything goes wrong at once: calls fail in every way, messages come twice, late, in another order and with a clock
that is off, disks fill up, files become read-only, and both processes are killed at random moments. Then it is calm.
Both CRMs must then hold what one plain `pmom sync` writes after the same changes without a storm, no task may be
there twice, and the trail must account for every write.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.storms.nursery import Nursery
from benchmarks.storms.sides import Prepared, prepare
from benchmarks.storms.storm import Found, weather


def main(argv: list[str]) -> int:
    """Run the storms and print one table; 0 when all ended well."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks storm", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many storms")
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no storm after so many seconds")
    parser.add_argument("--folder", type=Path, help="where to work; what ended badly is kept there")
    given = parser.parse_args(argv)
    console, folder = Console(), given.folder or Path(tempfile.mkdtemp(prefix="storms-"))
    found = run(range(given.start, given.start + given.seeds), folder.absolute(), given.seconds, console)
    _report(found, console)
    return 0 if found and all(each.well for each in found) else 1


def run(seeds: range, folder: Path, seconds: float, console: Console) -> list[Found]:
    """One storm after the other; what went wrong is said at once."""
    until, found = time.monotonic() + seconds, list[Found]()
    with closing(Nursery()) as nursery, Progress(console=console) as progress:
        bar = progress.add_task("storms", total=len(seeds))
        made: Prepared | None = None
        for seed in seeds:
            if time.monotonic() > until:
                break
            if made is None or made.stale:
                made = prepare(nursery, folder / f"prepared-{time.monotonic_ns()}")
            try:
                each = weather(nursery, made, seed, folder)
            except AssertionError as error:
                each = Found(seed, differences=[f"did not end: {error}"])
            if made.stale:
                continue  # midnight came in between: the calm day is another one
            found.append(each)
            if not console.is_terminal:
                how = "well" if each.well else "badly"
                parts = ", ".join(f"{name} {seconds:.0f}" for name, seconds in each.phases.items())
                console.print(
                    f"seed {seed}: {how}, {each.seconds:.0f} s ({parts}), {each.tasks} tasks, {each.amid} amid",
                    highlight=False,
                )
            progress.update(bar, advance=1, description=f"storms, {sum(not f.well for f in found)} badly")
            for line in [*each.differences, *each.doubled, *each.untold][:20]:
                console.print(f"seed {seed}: {line}", markup=False, highlight=False)
            if any(each.codes.values()):
                console.print(f"seed {seed}: ended with {each.codes}", markup=False)
    return found


def _report(found: list[Found], console: Console) -> None:
    def total(of: str) -> Counter[str]:
        return sum((getattr(each, of) for each in found), Counter())

    kills, faults, events, writes = (total(name) for name in ("kills", "faults", "events", "writes"))
    grid = Table("", "", title="Storms", show_header=False)
    rows = {
        "storms": len(found),
        "ended equal": sum(not each.differences for each in found),
        "changes made by people": sum(each.acts for each in found),
        "differences after all (changes lost)": sum(len(each.differences) for each in found),
        "tasks doubled": sum(len(each.doubled) for each in found),
        "kills of worker / web": f"{kills['work']} / {kills['serve']}",
        "faults by kind": ", ".join(f"{kind} {count}" for kind, count in sorted(faults.items()) if count),
        "messages sent (delayed and reordered)": events["sent"],
        "of them sent more than once": events["again"],
        "posts not taken at first": events["refused"],
        "tasks made": sum(each.tasks for each in found),
        "writes seen by the CRMs": writes["writes"],
        "of fields, while faults struck, stamps included": sum(each.amid for each in found),
        "accounted for by an outcome / by the kept plan": f"{writes['by_outcome']} / {writes['by_plan']}",
        "writes without a trace, traces without a write": f"{writes['unaccounted']}, {writes['unwritten']}",
        "seconds a storm, its calm twin included": round(sum(f.seconds for f in found) / max(len(found), 1), 1),
    }
    for name, value in rows.items():
        grid.add_row(name, str(value))
    console.print(grid)
    bad = [each.seed for each in found if not each.well]
    console.print(f"badly: {bad}" if bad else "all well")
