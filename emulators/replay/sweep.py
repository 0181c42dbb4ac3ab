"""Every route in turn, wrong in each of the ways in which a request can be; and many threads at once."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from emulators.loopback.http import Call
from emulators.replay.fuzz import Outcome, Target, throw
from emulators.replay.odd import METHODS, NUMBERS, RAW, TYPES, WORDS, OddCalls, spoilt_at

Route = tuple[str, str]
UNREACHED = frozenset({0, 401, 403, 404, 405, 415})  # what a router answers without asking the handler


@dataclass(slots=True)
class Swept:
    """What a sweep has shown: as after a storm, and with which statuses each route has answered."""

    outcome: Outcome = field(default_factory=Outcome)
    statuses: dict[Route, set[int]] = field(default_factory=lambda: defaultdict(set))

    def unreached(self) -> list[Route]:
        """Routes whose handler was never seen to say anything of its own."""
        return sorted(route for route, found in self.statuses.items() if found <= UNREACHED)


def sweep(target: Target, chance: random.Random, share: float = 1.0, *, routes: tuple[Route, ...] = ()) -> Swept:
    """Throw each route's malformed requests, or a share of them drawn by lot; the well-formed ones always."""
    swept, odd = Swept(), OddCalls(target.vocabulary, chance)
    before = target.kept()
    every = routes or target.vocabulary.routes
    for route in sorted(every, key=lambda each: each[0] == "DELETE"):  # last, else all that is to be hit is gone
        for certain, call in malformed(odd, route):
            if certain or chance.random() < share:
                sent = sum(swept.outcome.statuses.values())
                counted = swept.outcome.statuses.copy()
                before = throw(target, call, swept.outcome, before)
                if call.method == route[0] and sum(swept.outcome.statuses.values()) > sent:
                    swept.statuses[route] |= set((swept.outcome.statuses - counted).elements())
    wrong = target.sound()
    if wrong:
        swept.outcome.found.append(f"afterwards: {wrong}")
    return swept


def malformed(odd: OddCalls, route: Route) -> Iterator[tuple[bool, Call]]:
    """A route's requests: (whether it is well-formed, the request)."""
    method, template = route
    headers, target = odd.headers(route), odd.target(route)
    documents = odd.documents(route) or [{}]
    plain = odd.encoded(documents[0])

    def made(**other: Any) -> Call:
        parts = {"method": method, "target": target, "headers": headers, "body": plain, **other}
        return Call(parts["method"], parts["target"], dict(parts["headers"]), parts["body"])

    for body in (*map(odd.encoded, documents), *odd.forms(route)):
        yield True, made(body=body, headers=odd.headers(route, body))
    for each in METHODS:
        if not odd.answers(each, template):  # else it is another route's turn
            yield False, made(method=each)
    for body in RAW if method in ("POST", "PUT", "PATCH") else RAW[:6]:
        yield False, made(body=body)
    for kind in TYPES:
        yield False, made(headers={**headers, "content-type": kind})
    for stranger in ("", "Bearer", "Bearer ", "Basic !!!", "Bearer " + "x" * 9000, "\0"):
        yield False, made(headers={**headers, "authorization": stranger})
    for word in WORDS:
        yield from ((False, made(target=each)) for each in odd.targets_with(route, word))
        yield False, made(target=f"{target}?{odd.query_with(word)}")
    kinds: tuple[Any, ...] = (*NUMBERS[:6], None, True, [], {}, [None], "\ud800", "", "a" * 3000)
    for document in documents:
        for place in range(_leaves(document)):
            for wrong in kinds:
                yield False, made(body=odd.encoded(spoilt_at(document, place, wrong)))


def _leaves(document: Any) -> int:
    """How many places of a document can be spoilt."""
    children = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    return 1 + sum(_leaves(each) for each in children)


def crowd(target: Target, threads: int, requests: int, seed: int, seconds: float = 120.0) -> list[str]:
    """What goes wrong when that many threads throw malformed requests at once; a line each.

    What the store keeps cannot be told call by call then: it is looked at in the end.
    """
    found: list[str] = []
    lock = threading.Lock()

    def throwing(number: int) -> None:
        odd = OddCalls(target.vocabulary, random.Random(f"{seed}/{number}"))
        for _ in range(requests):
            wrong = _thrown(target, odd.call())
            if wrong:
                with lock:
                    found.append(wrong)

    running = [threading.Thread(target=throwing, args=(number,), daemon=True) for number in range(threads)]
    for each in running:
        each.start()
    for each in running:
        each.join(seconds)
        if each.is_alive():
            found.append("a thread hangs")
    wrong = target.sound()
    return [*found, f"afterwards: {wrong}"] if wrong else found


def _thrown(target: Target, call: Call) -> str:
    try:
        response = target.handle(call)
    except Exception as bad:  # whatever escapes is a finding, and the others go on
        return f"raised {type(bad).__name__}: {bad} <- {call.method} {call.target[:200]!r}"
    finally:
        target.release()
    if response is None or response.status < 500 or target.expects(call, response):
        return ""
    return f"status {response.status} <- {call.method} {call.target[:200]!r} {call.body[:300]!r}"
