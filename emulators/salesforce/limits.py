"""How many calls the org still grants: one allowance for any 24 hours, counted call by call."""

from __future__ import annotations

import threading
from collections import deque
from datetime import datetime, timedelta

from emulators.loopback.clock import Clock
from emulators.salesforce.errors import ApiError

DAY = timedelta(hours=24)
_BUCKET = 60.0  # calls are remembered by the minute


class Limits:
    """Counts calls over the last 24 hours of the org's time and refuses those above the allowance."""

    def __init__(self, clock: Clock, daily_max: int = 100_000) -> None:
        self.daily_max = daily_max
        self._clock = clock
        self._lock = threading.Lock()
        self._minutes: deque[list[float]] = deque()  # [minute, calls], oldest first
        self._used = 0

    def spend(self) -> None:
        """Count a call, or raise REQUEST_LIMIT_EXCEEDED."""
        with self._lock:
            minute = self._forget_old()
            if self._used >= self.daily_max:
                raise ApiError("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", http=403)
            self._count(minute, 1)

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
