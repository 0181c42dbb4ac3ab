"""Is there news in the inbox that nobody was asked to read yet? Then a drain of that connection is asked for.

The drain is asked for at the first hint and waits out the burst itself (`Worker._settled`): meanwhile it comes up in
the queue. Several watchers ask for the same work by the same id.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from connector.store.engine import seen
from connector.store.fleet import ACTIVE, Fleet
from connector.store.inbox import Waiting
from jobs.orders import By, Kind, Order
from jobs.queue import Queue

AGAIN = 1.0  # seconds until hints that were asked about are looked at again


@dataclass(slots=True)
class Watch:
    """One watcher. `file` is the inbox's when it is SQLite: whether it changed costs almost nothing to know."""

    fleet: Fleet
    queue: Queue
    connections: frozenset[str]
    file: Path | None = None
    _asked: dict[str, tuple[int, float]] = field(default_factory=dict)
    _ear: sqlite3.Connection | None = None
    _file: tuple[int, int] | None = None  # which file it listens to
    _version: int = -1
    _heard: bool = True

    def look(self) -> tuple[str, ...]:
        """Ask for what is needed; the ids of the drains that were asked for now."""
        if not (self._changed() or self._heard):
            return ()
        waiting = [each for each in self.fleet.inbox().waiting() if each.connection in self.connections]
        self._heard = bool(waiting)
        if not waiting:
            return ()
        states = self.fleet.states()
        awake = [each for each in waiting if not states.get(each.connection, ACTIVE).paused]
        return tuple(found for each in awake if (found := self._ask(each)))

    def close(self) -> None:
        """Give back what listens."""
        if self._ear is not None:
            self._ear.close()
            self._ear = None

    def _changed(self) -> bool:
        """Whether anybody wrote since the last look; True where that cannot be known."""
        if self.file is None:
            return True
        if self._file != (there := seen(self.file)):  # deleted, or a restored one stands there
            self.close()
            self._file, self._version = there, -1
        if there is None:
            return True
        if self._ear is None:
            self._ear = sqlite3.connect(self.file, check_same_thread=False)
        before, self._version = self._version, self._ear.execute("PRAGMA data_version").fetchone()[0]
        return before != self._version

    def _ask(self, waiting: Waiting) -> str | None:
        highest, at = self._asked.get(waiting.connection, (0, 0.0))
        if highest == waiting.highest and monotonic() - at < AGAIN:
            return None
        self._asked[waiting.connection] = (waiting.highest, monotonic())
        for job in self.queue.active(Kind.DRAIN, waiting.connection):
            if job.state != "running" or int(job.order.key) >= waiting.highest:
                return None  # it has not begun, or took these too
        earlier = self.queue.jobs(prefix=f"drain:{waiting.connection}:{waiting.highest}")
        attempt = 1 + max(
            (each.order.attempt for each in earlier if each.order.key == str(waiting.highest)), default=0
        )
        order = Order(Kind.DRAIN, waiting.connection, By.HINTS, str(waiting.highest), attempt)
        return self.queue.put(order, after=0 if attempt == 1 else min(2.0**attempt, 60.0))
