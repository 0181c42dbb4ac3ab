"""Who lives? A worker whose heartbeat goes on, whatever its machine's clock says.

A heartbeat is stamped by the clock of the worker's machine, which may be wrong. It counts as of the moment at which
it was first seen here, so that one from the future is believed once and no longer than any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from connector.store.fleet import AHEAD, Fleet


@dataclass(slots=True)
class Heard:
    """One worker's memory of the others' heartbeats. `passed`: seconds by a clock that nobody sets."""

    fleet: Fleet
    stale_after: timedelta
    passed: Callable[[], float] = monotonic
    _seen: dict[str, tuple[datetime, float]] = field(default_factory=dict)

    def alive(self, now: datetime) -> frozenset[str]:
        """The workers that gave a sign of life lately; one that has been old for long is silent at the first look."""
        found, passed, before = set(), self.passed(), self._seen
        self._seen = {}
        for each in self.fleet.workers(now, self.stale_after):
            known = before.get(each.name)
            first = known[1] if known is not None and known[0] == each.at else passed
            self._seen[each.name] = each.at, first
            at_first_sight = known is None and now - each.at > self.stale_after + AHEAD
            if passed - first < self.stale_after.total_seconds() and not at_first_sight:
                found.add(each.name)
            elif at_first_sight:
                self._seen[each.name] = each.at, passed - self.stale_after.total_seconds()
        return frozenset(found)
