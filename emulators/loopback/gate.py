"""Who may go on while everything is exchanged: many calls at once, or one restore alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """Calls pass together; who wants to be alone lets those that are inside finish, and others wait."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._inside = 0
        self._alone = 0  # thread that is alone

    @contextmanager
    def shared(self) -> Iterator[None]:
        """One call among others; inside `alone` of the same thread it passes too."""
        with self._news:
            while self._alone not in (0, threading.get_ident()):
                self._news.wait()
            self._inside += 1
        try:
            yield
        finally:
            with self._news:
                self._inside -= 1
                if not self._inside:
                    self._news.notify_all()

    @contextmanager
    def alone(self, patience: float) -> Iterator[None]:
        """Nobody else; calls that hang on for longer than that many seconds are not waited for."""
        until = time.monotonic() + patience
        with self._news:
            while self._alone:
                self._news.wait()
            self._alone = threading.get_ident()
            while self._inside and time.monotonic() < until:
                self._news.wait(max(until - time.monotonic(), 0.0))
        try:
            yield
        finally:
            with self._news:
                self._alone = 0
                self._news.notify_all()
