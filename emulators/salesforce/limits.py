"""What the org still grants: calls in any 24 hours, long calls side by side, rows a query may take, storage.

The vendor's pages: API Request Limits and Allocations; Data and File Storage Allocations; QUERY_TIMEOUT.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from emulators.loopback.clock import Clock
from emulators.salesforce.errors import ApiError, DmlError
from emulators.salesforce.storage import record_kb

DAY = timedelta(hours=24)
_BUCKET = 60.0  # calls are remembered by the minute
_KEPT = ("daily_max", "concurrent_max", "long_seconds", "pretended", "query_rows", "storage_mb", "_stored_kb")


class Limits:
    """Counts calls and storage, and refuses what is above the allowance."""

    def __init__(self, clock: Clock, daily_max: int = 100_000) -> None:
        self.daily_max = daily_max
        self.concurrent_max = 25  # calls that take long at the same time; 5 in developer and trial orgs
        self.long_seconds = 20.0  # real seconds from which on a call takes long
        self.pretended = 0  # long calls that somebody else is said to be making
        self.query_rows = 0  # a query that finds more rows takes too long; 0: none does
        self.storage_mb = 10_240
        self._clock = clock
        self._lock = threading.Lock()
        self._minutes: deque[list[float]] = deque()  # [minute, calls], oldest first
        self._used = 0
        self._running: dict[object, float] = {}
        self._stored_kb: int | None = None  # counted when the allowance was last changed, carried on since

    def spend(self) -> None:
        """Count a call, or raise REQUEST_LIMIT_EXCEEDED."""
        with self._lock:
            minute = self._forget_old()
            if self._used >= self.daily_max:
                raise ApiError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", http=403)
            self._count(minute, 1)

    @contextmanager
    def running(self) -> Iterator[None]:
        """A call while it is carried out; refused when too many others have been taking long already."""
        mark, now = object(), time.monotonic()
        with self._lock:
            long = self.pretended + sum(now - since >= self.long_seconds for since in self._running.values())
            if long >= self.concurrent_max:
                text = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
                raise ApiError("REQUEST_LIMIT_EXCEEDED", text, http=403)
            self._running[mark] = now
        try:
            yield
        finally:
            with self._lock:
                del self._running[mark]

    def check_query(self, rows: int) -> None:
        """QUERY_TIMEOUT for a query that finds more rows than the org is said to manage."""
        if self.query_rows and rows > self.query_rows:
            raise ApiError("QUERY_TIMEOUT", "Your query request was running for too long.")

    def limit_storage(self, megabytes: int, stored_kb: int) -> None:
        """Another allowance of data storage, of which so much is used; from now on inserts are counted."""
        with self._lock:
            self.storage_mb, self._stored_kb = megabytes, stored_kb

    def store(self, object_name: str, recount: Callable[[], int]) -> None:
        """Count a new record, or raise STORAGE_LIMIT_EXCEEDED; costs nothing unless the allowance was changed."""
        size, most = record_kb(object_name), self.storage_mb * 1024
        if self._stored_kb is None or not size:
            return
        if self._stored_kb + size > most:
            self._stored_kb = recount()  # something may have been deleted
        if self._stored_kb + size > most:
            raise DmlError("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded")
        self._stored_kb += size

    def used(self) -> int:
        """Calls of the last 24 hours."""
        with self._lock:
            self._forget_old()
            return self._used

    def set_used(self, calls: int) -> None:
        """Pretend that so many calls were made just now."""
        with self._lock:
            self._minutes.clear()
            self._used = 0
            self._count(self._forget_old(), calls)

    def keep(self) -> dict[str, Any]:
        """Allowance and calls by the minute, as JSON values."""
        with self._lock:
            found = {name: getattr(self, name) for name in _KEPT}
            return {**found, "minutes": [list(each) for each in self._minutes]}

    def restore(self, kept: dict[str, Any]) -> None:
        """What `keep` told."""
        with self._lock:
            for name in _KEPT:
                setattr(self, name, kept[name])
            self._minutes = deque([float(minute), int(calls)] for minute, calls in kept["minutes"])
            self._used = int(sum(calls for _, calls in self._minutes))

    def usage(self) -> str:
        """The Sforce-Limit-Info header."""
        return f"api-usage={self.used()}/{self.daily_max}"

    def _count(self, minute: float, calls: int) -> None:
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append([minute, 0])
        self._minutes[-1][1] += calls
        self._used += calls

    def _forget_old(self) -> float:
        minute = _minute(self._clock.now())
        oldest = minute - DAY.total_seconds() / _BUCKET
        while self._minutes and self._minutes[0][0] <= oldest:
            self._used -= int(self._minutes.popleft()[1])
        return minute


def _minute(at: datetime) -> float:
    return at.timestamp() // _BUCKET
