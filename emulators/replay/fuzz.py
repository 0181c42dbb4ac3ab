"""What malformed requests do to an emulator: which ones it fails at, hangs on, or half carries out."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from emulators.loopback.http import Call, Response
from emulators.replay.odd import OddCalls, Vocabulary

SLOW = 10.0  # seconds after which an answer counts as a hang


class Target(Protocol):
    """An emulator under fire."""

    name: str
    vocabulary: Vocabulary

    def handle(self, call: Call) -> Response | None:
        """Its answer."""

    def expects(self, call: Call, response: Response) -> bool:
        """Whether the vendor too answers this call with a status of 500 or more."""

    def kept(self) -> object:
        """Everything that a refused call must leave as it was."""

    def release(self) -> None:
        """Let go what the current thread holds of the file."""

    def sound(self) -> str:
        """What is wrong with its file and its records; empty when nothing is."""


@dataclass(slots=True)
class Outcome:
    """What a run of malformed requests has shown."""

    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)  # a line for each request that was not answered as it should be
    slowest: float = 0.0  # seconds
    expected: int = 0  # answers of 500 and above that the vendor gives too

    def told(self, name: str) -> str:
        """The figures in one line, then what was found."""
        by_status = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        head = f"{name}: {self.sent} malformed requests, {len(self.found)} answered wrongly; {by_status}"
        if self.expected:
            head += f" ({self.expected} of 500 are SOAP faults)"
        return "\n".join([f"{head}; slowest {self.slowest * 1000:.0f} ms", *self.found])


def storm(target: Target, requests: int, chance: random.Random) -> Outcome:
    """Throw that many requests, the same ones for the same chance; look at the store after each and at the end."""
    outcome = Outcome()
    odd = OddCalls(target.vocabulary, chance)
    before = target.kept()
    for _ in range(requests):
        before = throw(target, odd.call(), outcome, before)
    wrong = target.sound()
    if wrong:
        outcome.found.append(f"afterwards: {wrong}")
    return outcome


def throw(target: Target, call: Call, outcome: Outcome, before: object) -> object:
    """One request: what was seen goes into `outcome`; returns what the store keeps now."""
    started = time.perf_counter()
    try:
        response = target.handle(call)
    except Exception as bad:  # whatever escapes is a finding, and the storm goes on
        outcome.found.append(f"raised {type(bad).__name__}: {bad} <- {_spelled(call)}")
        response = None
    took = time.perf_counter() - started
    outcome.slowest = max(outcome.slowest, took)
    outcome.sent += 1
    status = 0 if response is None else response.status
    outcome.statuses[status] += 1
    after = target.kept()
    expected = response is not None and response.status >= 500 and target.expects(call, response)
    outcome.expected += expected
    failed = status >= 500 and not expected
    for wrong in (f"status {status}" if failed else "", _unreadable(response), _half(response, before != after)):
        if wrong:
            outcome.found.append(f"{wrong} <- {_spelled(call)}")
    if took > SLOW:
        outcome.found.append(f"took {took:.1f} s <- {_spelled(call)}")
    return after


def _unreadable(response: Response | None) -> str:
    """A JSON answer must be JSON, and every header must fit into a line."""
    if response is None:
        return ""
    if any(set(text) & set("\r\n") or not text.isascii() for pair in response.headers.items() for text in pair):
        return "a header that no line can hold"
    if "json" not in response.headers.get("Content-Type", "") or not response.body:
        return ""
    try:
        json.loads(response.body, parse_constant=_constant)
    except ValueError as bad:
        return f"a body that is no JSON ({bad})"
    return ""


def _constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _half(response: Response | None, changed: bool) -> str:
    return "refused, but the store has changed" if changed and response is not None and response.status >= 400 else ""


def _spelled(call: Call) -> str:
    body = call.body if len(call.body) <= 600 else call.body[:300] + b"..."
    target = call.target if len(call.target) <= 300 else call.target[:300] + "..."
    return f"{call.method} {target!r} {call.headers.get('content-type')!r} {body!r}"
