"""What time it is in the emulated CRM: real, shifted, or frozen, and moved only by the control plane."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(4000, 1, 1, tzinfo=UTC)  # dates beyond have no form


def parse_instant(text: str) -> datetime:
    """ISO text with a zone -> aware UTC datetime; ValueError for anything else, and without a zone."""
    try:
        at = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(f"{text!r} is no instant; write it as 2026-03-31T09:00:00Z") from None
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write it as 2026-03-31T09:00:00Z")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} lies beyond all calendars") from None


def stored(at: datetime) -> str:
    """The text kept in datetime columns: UTC, milliseconds, `Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


class Clock:
    """Gives the emulated time; starts at `start` (default: the real time) and runs until frozen."""

    def __init__(self, start: datetime | None = None, *, frozen: bool = False) -> None:
        self._lock = threading.Lock()
        self._origin = time.monotonic()
        self._base = _possible((start or datetime.now(UTC)).astimezone(UTC))
        self._frozen = frozen

    @property
    def frozen(self) -> bool:
        """Whether time stands still."""
        return self._frozen

    def now(self) -> datetime:
        """The emulated time, aware, UTC."""
        with self._lock:
            return self._at()

    def stamp(self) -> str:
        """The audit stamp of this moment: whole seconds, as the vendor keeps them."""
        return stored(self.now().replace(microsecond=0))

    def advance(self, seconds: float) -> None:
        """Move time by that many seconds; ValueError when it would leave the years 1970 to 3999."""
        try:
            then = self.now() + timedelta(seconds=seconds)
        except OverflowError:
            raise ValueError(f"the clock cannot be moved by {seconds:g} seconds") from None
        self._restart(_possible(then), frozen=self._frozen)

    def set(self, at: datetime) -> None:
        """Jump to that instant; ValueError unless it lies in the years 1970 to 3999."""
        self._restart(_possible(at.astimezone(UTC)), frozen=self._frozen)

    def freeze(self, frozen: bool = True) -> None:
        """Stop the clock, or let it run on from where it stands."""
        self._restart(self.now(), frozen=frozen)

    def _at(self) -> datetime:
        return self._base if self._frozen else self._base + timedelta(seconds=time.monotonic() - self._origin)

    def _restart(self, at: datetime, *, frozen: bool) -> None:
        with self._lock:
            self._base, self._origin, self._frozen = at, time.monotonic(), frozen


def _possible(at: datetime) -> datetime:
    if not _EARLIEST <= at < _LATEST:
        raise ValueError(f"the clock goes from 1970 to 3999, not to {at.year}")
    return at
