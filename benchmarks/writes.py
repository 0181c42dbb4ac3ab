"""How many API calls 10,000 changed partners cost, and how long they take, beside simple-salesforce."""

from __future__ import annotations

from benchmarks.measure import ContenderFailed, Cost
from benchmarks.prerendered import running
from benchmarks.pull import Course, Row, Say, interleaved, medians
from benchmarks.write_contenders import CONTENDERS, ONE_BY_ONE

PARTNERS = 10_000
JOB, COLLECTIONS = "pmom, one ingest job", "pmom, collections of 200"
PEER, EACH = "simple-salesforce bulk2.update", "simple-salesforce, one call a record"
COURSE = Course("benchmarks.write_contenders", lambda count: running(count, fields=("Id",), rest=False))
_SETUP = ("versions", "token", "describe", "identity", "limits")


def of_the_write(cost: Cost) -> int:
    """Calls that the write itself cost: a process signs in and describes an object once, however much it writes."""
    return sum(count for kind, count in cost.calls_by_kind.items() if kind not in _SETUP)


def compare(count: int, rounds: int, say: Say) -> list[tuple[Row, int]]:
    """Every contender's medians and the calls of its write alone."""
    runs = interleaved(COURSE, count, tuple(CONTENDERS), lambda _: rounds, say)
    found = []
    for name, costs in runs.items():
        wanted = min(count, ONE_BY_ONE) if name == EACH else count
        for cost in costs:
            if cost.checks != {"records": wanted, "outcomes": wanted}:
                raise ContenderFailed(f"{name} wrote {cost.checks} of {wanted}")
        found.append((medians(costs, wanted), max(of_the_write(cost) for cost in costs)))
    return found
