"""Where do threads and processes keep their common count of calls: in memory, or in a small SQLite file?

The file holds one row a token. A process that dies between two calls leaves nothing behind but its counts, which age.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from connector.crm.hubspot.limiter import Limits, packed, unpacked

_LOG = logging.getLogger(__name__)
_WAIT = 5.0  # seconds for another process's turn, which takes a fraction of a millisecond


class LimitCell:
    """One token's limits; `change` gives them to one thread of one process at a time.

    Without a path, and once the file fails, each process counts alone; the second is told once.
    """

    def __init__(self, path: str | None, key: str, first: Limits, searches: float) -> None:
        self._path, self._key, self._searches = path, key, searches
        self._limits = first
        self._lock = threading.Lock()
        self._file: sqlite3.Connection | None = None
        self._owner = os.getpid()

    @contextmanager
    def change(self) -> Iterator[Limits]:
        """The limits as they are; what is done to them is kept when the block ends, also by an error."""
        with self._lock:
            taken = self._begin()
            try:
                yield self._limits
            finally:
                if taken is not None:
                    self._keep(taken)

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            if self._file is not None and self._owner == os.getpid():
                self._file.close()
            self._file = None

    def _begin(self) -> sqlite3.Connection | None:
        if self._path is None:
            return None
        try:
            file = self._opened(self._path)
            file.execute("BEGIN IMMEDIATE")
            row = file.execute("SELECT state FROM limits WHERE key = ?", (self._key,)).fetchone()
        except (sqlite3.Error, OSError) as error:
            self._alone(error)
            return None
        if row is not None:
            with suppress(ValueError, TypeError, LookupError):  # a row of another release counts for nothing
                self._limits = unpacked(row[0], self._searches)
        return file

    def _keep(self, file: sqlite3.Connection) -> None:
        try:
            file.execute("INSERT OR REPLACE INTO limits VALUES (?, ?)", (self._key, packed(self._limits)))
            file.execute("COMMIT")
        except sqlite3.Error as error:
            self._alone(error)

    def _opened(self, path: str) -> sqlite3.Connection:
        if self._file is not None and self._owner == os.getpid():
            return self._file
        self._owner = os.getpid()  # a forked child must not use its parent's handle
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        file = sqlite3.connect(path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
        try:
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("PRAGMA synchronous = OFF")  # counts of ten seconds need not outlive a power cut
            file.execute(
                "CREATE TABLE IF NOT EXISTS limits (key TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID"
            )
        except sqlite3.Error:
            file.close()
            raise
        self._file = file
        return file

    def _alone(self, error: Exception) -> None:
        _LOG.warning("%s cannot be used (%s): this process counts its HubSpot calls alone", self._path, error)
        self._path = None
        if self._file is not None:
            with suppress(sqlite3.Error):
                self._file.close()
            self._file = None
