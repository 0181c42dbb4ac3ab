"""Which connections are warm in this process, and when do they begin anew?

A CRM's client keeps its token, sockets and schemas between two jobs. The mirror has one writer and is given back
after a job, or soon after it where no other worker lives (`wiring.Connected`), so that everybody comes to their turn.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from connector.config.deployment import Deployment
from connector.errors import Busy

if TYPE_CHECKING:
    from connector.crm.base import Progress
    from connector.sync.context import Context


class Warm(Protocol):
    """A connection that stays warm between jobs (`wiring.Connected`)."""

    def context(self, *, progress: Progress) -> AbstractContextManager[Context]: ...

    def close(self) -> None: ...


Warmed = Callable[[Path], Warm]


PATIENCE = 1.0  # seconds that a job waits for one that was cancelled and has not ended yet


class Contexts:
    """The warm connections of one worker; a connection is used by one job at a time."""

    def __init__(self, deployment: Deployment, warmed: Warmed) -> None:
        self._deployment, self._warmed = deployment, warmed
        self._kept: dict[str, Warm] = {}
        self._lock = threading.Lock()
        self._used: dict[str, threading.Lock] = {}

    @contextmanager
    def of(self, connection: str, progress: Progress) -> Iterator[Context]:
        """What a job on that connection works with. After any error it begins anew, so that corrected files count.

        Busy while another job of this worker has it: a cancelled one works on until its step ends.
        """
        with self._lock:
            used = self._used.setdefault(connection, threading.Lock())
        if not used.acquire(timeout=PATIENCE):
            raise Busy(f"{connection}: the job before has not ended yet")
        try:
            with self._one(connection, progress) as ctx:
                yield ctx
        finally:
            used.release()

    @contextmanager
    def _one(self, connection: str, progress: Progress) -> Iterator[Context]:
        with self._lock:
            warm = self._kept.pop(connection, None)
        warm = warm or self._warmed(self._deployment.path_of(connection))
        try:
            with warm.context(progress=progress) as ctx:
                yield ctx
        except BaseException:
            warm.close()
            raise
        with self._lock:
            self._kept[connection] = warm

    def close(self) -> None:
        """Give back everything that is not in use."""
        with self._lock:
            gone, self._kept = tuple(self._kept.values()), {}
        for each in gone:
            each.close()
