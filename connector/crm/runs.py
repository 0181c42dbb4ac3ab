"""In which order may writes go out together, when a call may name a record only once?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence

from connector.crm.base import Write


def once_each(writes: Sequence[Write], record: Callable[[Write], Hashable]) -> list[list[Write]]:
    """The writes in runs in which no record appears twice, a record's own writes in their order.

    `record` says which record a write is about; None for one that is not there yet.
    """
    runs: list[list[Write]] = []
    times: dict[Hashable, int] = defaultdict(int)
    for write in writes:
        mark = record(write)
        at = times[mark] if mark is not None else 0
        if mark is not None:
            times[mark] += 1
        while len(runs) <= at:
            runs.append([])
        runs[at].append(write)
    return runs
