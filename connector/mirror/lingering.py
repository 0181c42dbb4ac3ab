"""When is a mirror given back after a job? At once, or when no other job has come for a moment."""

from __future__ import annotations

import threading
from pathlib import Path
from time import monotonic, sleep

from connector.errors import Busy
from connector.mirror.mirror import Mirror

IDLE = 2.0
"""Seconds without a job after which it is given back."""

MOST = 12.0
"""Seconds after which it is given back at the end of a job even when others follow: people's commands wait for it."""


class Lingering:
    """One mirror of one process, used by one job at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mirror: Mirror | None = None
        self._what: tuple[Path, str, int] | None = None
        self._opened = 0.0
        self._timer: threading.Timer | None = None

    def taken(self, path: Path, memory_limit: str, *, patience: float = 0.0) -> Mirror:
        """The mirror of that file, which others cannot open until it is closed.

        Raises as `Mirror.open`; Busy only after `patience` seconds.
        """
        with self._lock:
            self._stop()
            if self._mirror is None or self._what != _seen(path, memory_limit):
                self._close()
                self._mirror = _opened(path, memory_limit, monotonic() + patience)
                self._what, self._opened = _seen(path, memory_limit), monotonic()
            return self._mirror

    def left(self, *, linger: bool) -> None:
        """A job is done: give the mirror back now, or soon."""
        with self._lock:
            if not linger or monotonic() - self._opened > MOST:
                self._close()
                return
            self._timer = threading.Timer(IDLE, self._idle)
            self._timer.daemon = True
            self._timer.start()

    def close(self) -> None:
        """Give it back now."""
        with self._lock:
            self._stop()
            self._close()

    def _idle(self) -> None:
        with self._lock:
            if self._timer is threading.current_thread():
                self._timer = None
                self._close()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        mirror, self._mirror = self._mirror, None
        if mirror is not None:
            mirror.close()


def _seen(path: Path, memory_limit: str) -> tuple[Path, str, int]:
    """What was asked for, and which file stands there: a restored one is another."""
    return path, memory_limit, path.stat().st_ino if path.exists() else 0


def _opened(path: Path, memory_limit: str, until: float) -> Mirror:
    while True:
        try:
            return Mirror.open(path, memory_limit=memory_limit)
        except Busy:
            if monotonic() >= until:
                raise
            sleep(0.05)
