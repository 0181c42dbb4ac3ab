"""How many storms end well? Each has a seed; both CRMs, `pmom serve` and `pmom work` run as they do for users.

Everything goes wrong at once: calls fail in every way, messages come twice, late, in another order and with a clock
that is off, disks fill up, files become read-only, and both processes are killed at random moments. Then it is calm.
Both CRMs must then hold what one plain `pmom sync` writes after the same changes without a storm, no task may be
there twice, and the trail must account for every write.
"""

from __future__ import annotations

import argparse
import atexit
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from functools import cache
from itertools import islice
from multiprocessing import get_context
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
    parser.add_argument("--jobs", type=int, default=2, help="how many storms at once; one waits half of its time")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no storm after so many seconds")
    parser.add_argument("--folder", type=Path, help="where to work; what ended badly is kept there")
    given = parser.parse_args(argv)
    console, folder = Console(), given.folder or Path(tempfile.mkdtemp(prefix="storms-"))
    found = run(range(given.start, given.start + given.seeds), folder.absolute(), given.seconds, given.jobs, console)
    _report(found, console)
    return 0 if found and all(each.well for each in found) else 1


def run(seeds: range, folder: Path, seconds: float, jobs: int, console: Console) -> list[Found]:
    """So many storms at once, each process with CRMs of its own; what went wrong is said as soon as it is known."""
    until, found = time.monotonic() + seconds, list[Found]()
    left, asked = iter(seeds), dict[Future[Found | None], int]()
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool, Progress(console=console) as progress:
        bar = progress.add_task("storms", total=len(seeds))

        def begin(some: Iterable[int]) -> None:
            asked.update({pool.submit(_storm, seed, folder): seed for seed in some})

        begin(islice(left, jobs))
        while asked:
            ended, _ = wait(asked, return_when=FIRST_COMPLETED)
            killed = [future for future in ended if future.exception() is not None]
            for future in ended:
                seed = asked.pop(future)
                each = Found(seed, differences=[repr(future.exception())]) if future in killed else future.result()
                if each is None:
                    begin([seed])  # midnight came in between
                    continue
                found.append(each)
                _tell(each, console)
                progress.update(bar, advance=1, description=f"storms, {sum(not f.well for f in found)} badly")
            if time.monotonic() <= until and not killed:
                begin(islice(left, jobs - len(asked)))
    return sorted(found, key=lambda each: each.seed)


@dataclass
class _Place:
    """What one process makes once: its nursery, and CRMs to begin from, made anew after midnight."""

    nursery: Nursery
    made: Prepared | None = None


@cache
def _place() -> _Place:
    place = _Place(Nursery())
    atexit.register(place.nursery.close)
    return place


def _storm(seed: int, folder: Path) -> Found | None:
    """The storm of that seed; None when midnight came in between: the calm day is another one."""
    place = _place()
    if place.made is None or place.made.stale:
        place.made = prepare(place.nursery, folder / f"prepared-{os.getpid()}-{time.monotonic_ns()}")
    try:
        found = weather(place.nursery, place.made, seed, folder)
    except Exception as error:  # the other storms go on; this one counts as ended badly
        place.made = None  # its CRMs may still run, and hold their ports
        return Found(seed, differences=[f"did not end: {type(error).__name__}: {error}"])
    return None if place.made.stale else found


def _tell(each: Found, console: Console) -> None:
    if not console.is_terminal:
        how = "well" if each.well else "badly"
        parts = ", ".join(f"{name} {seconds:.0f}" for name, seconds in each.phases.items())
        console.print(
            f"seed {each.seed}: {how}, {each.seconds:.0f} s ({parts}), {each.tasks} tasks, {each.amid} amid",
            highlight=False,
        )
    for line in [*each.differences, *each.doubled, *each.untold][:20]:
        console.print(f"seed {each.seed}: {line}", markup=False, highlight=False)
    if any(each.codes.values()):
        console.print(f"seed {each.seed}: ended with {each.codes}", markup=False)


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
