"""Which connections are open in this process, and when are they given back?

A CRM's client stays warm between two jobs. The mirror has one writer: it is given back as soon as other workers are
alive, and otherwise after a short rest, so that people's commands come to their turn.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

from connector import wiring
from connector.config.deployment import Deployment
from connector.crm.base import Progress
from connector.sync.context import Context

Opened = Callable[[Path], AbstractContextManager[Context]]

RESTS = 2.0  # seconds for which a connection stays open when its job is done


@dataclass(slots=True)
class _Kept:
    """One open connection. `until` is None while a job works with it."""

    ctx: Context
    closing: AbstractContextManager[Context]
    until: float | None = None


class Contexts:
    """The open connections of one worker; a connection is used by one job at a time."""

    def __init__(self, deployment: Deployment, opened: Opened = wiring.opened) -> None:
        self._deployment, self._opened = deployment, opened
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    @contextmanager
    def of(self, connection: str, progress: Progress, *, alone: bool) -> Iterator[Context]:
        """What a job on that connection works with; opened anew after any error, so that corrected files count."""
        held = self._taken(connection)
        if held is None:
            closing = self._opened(self._deployment.connection(connection).path)
            held = _Kept(closing.__enter__(), closing)
        try:
            yield replace(held.ctx, progress=progress)
        except BaseException:
            held.closing.__exit__(None, None, None)
            raise
        if alone:
            with self._lock:
                held.until = monotonic() + RESTS
                self._kept[connection] = held
        else:
            held.closing.__exit__(None, None, None)

    def _taken(self, connection: str) -> _Kept | None:
        with self._lock:
            return self._kept.pop(connection, None)

    def rest(self, *, everything: bool = False) -> None:
        """Give back what has rested long enough."""
        now = monotonic()
        with self._lock:
            over = [name for name, held in self._kept.items() if everything or (held.until or now) <= now]
            gone = [self._kept.pop(name) for name in over]
        for held in gone:
            held.closing.__exit__(None, None, None)
