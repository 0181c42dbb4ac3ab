"""How often did what happen? Counted in memory and written now and then, so that no stranger can make us write."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from connector.errors import PmomError

Count = Callable[[str, str, int], None]
"""`Fleet.count`: connection, name, by."""
EVERY = 5.0  # seconds


class Tally:
    """Counts of a process on their way to the fleet database; its thread begins with the first one."""

    def __init__(self, count: Count, *, every: float = EVERY) -> None:
        self._count, self._every = count, every
        self._lock = threading.Lock()
        self._pending: Counter[tuple[str, str]] = Counter()
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    def add(self, connection: str, name: str, by: int = 1) -> None:
        """Raise a counter; "" is the connection of posts that name none which exists."""
        if by <= 0:
            return
        with self._lock:
            self._pending[(connection, name)] += by
            if self._thread is None and not self._stopped.is_set():
                self._thread = threading.Thread(target=self._run, daemon=True, name="tally")
                self._thread.start()

    def flush(self) -> None:
        """Write what is pending; what cannot be written stays pending."""
        with self._lock:
            pending, self._pending = self._pending, Counter()
        for (connection, name), by in sorted(pending.items()):
            try:
                self._count(connection, name, by)
            except PmomError:
                with self._lock:
                    self._pending[(connection, name)] += by

    def stop(self) -> None:
        """Write the rest and end the thread."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        self.flush()

    def _run(self) -> None:
        while not self._stopped.wait(self._every):
            self.flush()
