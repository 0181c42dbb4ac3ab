"""What a benchmark server is asked and answers: requests, responses, and calls counted by kind."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

Body = tuple[bytes | memoryview, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: `path` without the query string."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    pairs: tuple[tuple[str, str], ...] = ()

    def queries(self, name: str) -> list[str]:
        """Every value of a parameter that may be repeated."""
        return [value for key, value in self.pairs if key == name]


@dataclass(frozen=True, slots=True)
class Answer:
    """One response; the parts of the body are sent one after another."""

    status: int
    body: Body = ()
    headers: tuple[tuple[str, str], ...] = ()
    type: str = "application/json;charset=UTF-8"


def asked(method: str, target: str, body: bytes) -> Asked:
    """The request of that line and body."""
    parts = urlsplit(target)
    pairs = tuple(parse_qsl(parts.query))
    return Asked(method, parts.path.rstrip("/"), dict(pairs), body, pairs)


def told(value: object, status: int = 200) -> Answer:
    """A value as JSON."""
    return Answer(status, (json.dumps(value).encode(),))


Act = Callable[[Any, Asked, re.Match[str]], Answer]
Route = tuple[str, re.Pattern[str], str, Act]


def routes(table: Iterable[tuple[str, str, str, Act]]) -> tuple[Route, ...]:
    """Method, pattern of the path, kind of call and who answers it, ready for use."""
    return tuple((method, re.compile(pattern), kind, act) for method, pattern, kind, act in table)


@dataclass(slots=True)
class Answering:
    """Answers by route and counts the calls of each kind; what it does not know is counted by its path."""

    headers: ClassVar[tuple[tuple[str, str], ...]] = ()  # of every answer
    routes: ClassVar[tuple[Route, ...]] = ()

    rows: int
    since: float = 0.0  # this process's CPU seconds at the last reset
    calls: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: Asked) -> Answer:
        """Count the call and answer it."""
        for method, pattern, kind, act in self.routes:
            if request.method == method and (found := pattern.fullmatch(request.path)):
                with self.lock:
                    self.calls[kind] += 1
                return act(self, request, found)
        with self.lock:
            self.calls[f"unknown: {request.method} {request.path}"] += 1
        return self.unknown()

    def unknown(self) -> Answer:
        """What a call gets that nobody knows."""
        return told([{"message": "The requested resource does not exist", "errorCode": "NOT_FOUND"}], 404)
