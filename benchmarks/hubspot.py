"""How fast 200,000 deals come in from a portal, and what 10,000 changed companies cost, beside the peers."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.measure import ContenderFailed, Cost
from benchmarks.prerendered import running
from benchmarks.pull import Course, Row, Say, check, interleaved, medians

COMPANIES = 10_000
OURS, BOUND, CLIENT, DLT = "pmom", "lower bound", "hubspot-api-client get_all", "dlt, parquet"
PULLS = (BOUND, OURS, CLIENT, DLT)
UPDATES, PEER = "pmom, batches of 100", "hubspot-api-client batch_api.update"
MOST_ROUNDS = {CLIENT: 3, DLT: 1}
"""Who is many times slower runs less often."""

COURSE = Course("benchmarks.hubspot_contenders", running)
WRITES = Course(COURSE.module, lambda count: running(count, rest=False))


def _rounds(rounds: int) -> Callable[[str], int]:
    return lambda name: min(rounds, MOST_ROUNDS.get(name, rounds))


def compare(count: int, rounds: int, say: Say) -> list[Row]:
    """All contenders on so many deals."""
    runs = interleaved(COURSE, count, PULLS, _rounds(rounds), say)
    check([cost for costs in runs.values() for cost in costs], count)
    return [medians(costs, count) for costs in runs.values()]


def updates(count: int, rounds: int, say: Say) -> list[tuple[Row, int]]:
    """Both contenders' medians and their calls of update alone."""
    runs = interleaved(WRITES, count, (UPDATES, PEER), _rounds(rounds), say)
    for name, costs in runs.items():
        for cost in costs:
            if cost.checks != {"records": count, "outcomes": count}:
                raise ContenderFailed(f"{name} wrote {cost.checks} of {count}")
    return [(medians(costs, count), max(map(_of_the_update, costs))) for costs in runs.values()]


def _of_the_update(cost: Cost) -> int:
    return cost.calls_by_kind.get("batch update", 0)
