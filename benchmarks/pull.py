"""How fast 200,000 Opportunities come in, beside the peers; and whether memory grows with their number."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from benchmarks import measure, rows
from benchmarks.measure import ContenderFailed, Cost
from benchmarks.prerendered import Server, running
from benchmarks.pull_contenders import CONTENDERS

OURS, BOUND = "pmom", "lower bound"
STORED, UNSTORED = "simple-salesforce bulk2 + csv, stored", "simple-salesforce bulk2 + csv"
DLT = "dlt, parquet"
ONCE = "dlt, defaults"
"""Takes minutes, so it runs once."""

MODULE = "benchmarks.pull_contenders"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One contender's medians over its rounds; the rows a second are those of the median wall time."""

    name: str
    rounds: int
    rows: int
    wall_s: float
    spread: tuple[float, float]  # fastest and slowest wall, seconds
    cpu_s: float
    process_s: float
    peak_mb: float
    calls: int
    server_cpu_s: float

    @property
    def rows_per_s(self) -> float:
        """Rows a second."""
        return self.rows / self.wall_s


def medians(costs: Sequence[Cost], rows_done: int) -> Row:
    """The middle of several runs of one contender."""

    def middle(values: Iterable[float]) -> float:
        return statistics.median(values)

    walls = [cost.wall_s for cost in costs]
    return Row(
        name=costs[0].name,
        rounds=len(costs),
        rows=rows_done,
        wall_s=middle(walls),
        spread=(min(walls), max(walls)),
        cpu_s=middle(cost.cpu_s for cost in costs),
        process_s=middle(cost.process_s for cost in costs),
        peak_mb=max(cost.peak_mb for cost in costs),
        calls=max(cost.calls for cost in costs),
        server_cpu_s=middle(cost.server_cpu_s for cost in costs),
    )


def check(costs: Sequence[Cost], expected: int) -> None:
    """ContenderFailed when somebody lost a row, or when those who keep amounts do not agree on their exact sum."""
    for cost in costs:
        if cost.checks["rows"] != expected:
            raise ContenderFailed(f"{cost.name} has {cost.checks['rows']} rows of {expected}")
    totals = {cost.checks["total"] for cost in costs if "total" in cost.checks}
    if len(totals) > 1:
        raise ContenderFailed(f"the sums of the amounts differ: {sorted(map(str, totals))}")


REHEARSED = 2_000
"""Rows of a rehearsal: as few as still bring every module."""


@dataclass(frozen=True, slots=True)
class Course:
    """What contenders run on: their module, and how a server of so many rows is had."""

    module: str
    server: Callable[[int], AbstractContextManager[Server]]


SALESFORCE = Course(MODULE, lambda count: running(count, fields=rows.PULLED))


def interleaved(
    course: Course, count: int, names: Sequence[str], rounds: Callable[[str], int], say: Say
) -> dict[str, list[Cost]]:
    """A rehearsal of everybody on few rows, then rounds in each of which everybody runs once, in turn.

    `rounds` says how many of them a contender takes part in.
    """
    rehearsals: dict[str, Cost] = {}
    with course.server(min(count, REHEARSED)) as server:
        for name in names:
            say(f"rehearsal: {name}")
            rehearsals[name] = measure.run(course.module, name, server)
    runs: dict[str, list[Cost]] = {name: [] for name in names}
    with course.server(count) as server:
        for turn in range(max(map(rounds, names))):
            for name in (name for name in names if turn < rounds(name)):
                say(f"round {turn + 1} of {rounds(name)}: {name}")
                runs[name].append(measure.run(course.module, name, server, rehearsals[name]))
    return runs


def compare(count: int, rounds: int, say: Say, *, slow: bool = True) -> list[Row]:
    """All contenders on so many rows; `slow` takes in the one that needs minutes, once."""
    names = [name for name in CONTENDERS if slow or name != ONCE]
    runs = interleaved(SALESFORCE, count, names, lambda name: 1 if name == ONCE else rounds, say)
    check([cost for costs in runs.values() for cost in costs], count)
    return [medians(costs, count) for costs in runs.values()]


def growth(course: Course, counts: Sequence[int], say: Say) -> list[Row]:
    """Our pull of ever more rows; a mirror that keeps memory flat shows it here."""
    found = []
    for count in counts:
        say(f"memory: {count:,} rows")
        (costs,) = interleaved(course, count, [OURS], lambda _: 1, lambda _: None).values()
        check(costs, count)
        found.append(medians(costs, count))
    return found
