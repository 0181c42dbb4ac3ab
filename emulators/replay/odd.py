"""Which malformed requests are thrown at an emulator: made of its own routes and words, each wrong in some way."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from emulators.loopback.http import Call

METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "BREW", "")
TYPES = (
    "application/json",
    "application/json",
    "application/json; charset=utf-8",
    "application/json;charset=utf-16",
    "APPLICATION/JSON",
    "text/json",
    "text/plain",
    "text/csv",
    "text/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "application/octet-stream",
    ";",
    "json",
    "é/ü",
    "",
)
WORDS = (
    "",
    " ",
    "0",
    "-1",
    "1",
    "01",
    "1e3",
    "true",
    "false",
    "null",
    "NaN",
    "9" * 19,
    "9" * 400,
    "-9223372036854775809",
    "1.5",
    "2026-03-31",
    "2026-02-30T25:61:61Z",
    "9999999-01-01",
    "0000-00-00T00:00:00.000Z",
    "١٢٣",
    "²",
    "..",
    ".",
    "../../etc/passwd",
    "%",
    "%00",
    "\0",
    "a\0b",
    "'",
    "''; DROP TABLE record; --",
    '"',
    "\\",
    "{}",
    "[]",
    "${x}",
    "\ud800",
    "\udcff",
    "\U0001f600",
    "e\u0301",
    "\u202e",
    "a" * 3000,
    ",",
    ",,,",
    ";",
    "a,b",
    "*",
    "__proto__",
    "<x/>",
    "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
    "\r\nX-Evil: 1",
)
NUMBERS = (0, -1, 1, 2**31, 2**53, 2**63, -(2**63) - 1, 10**30, 0.1, 1e308, -0.0)
RAW = (
    b"",
    b"{",
    b"[",
    b"]",
    b"null",
    b"true",
    b"0",
    b'"x"',
    b"{}",
    b"[]",
    b"[null]",
    b"[[]]",
    b"{]",
    b"{'a':1}",
    b"\xff\xfe",
    b"\xc3\x28",
    b"\xef\xbb\xbf{}",
    b'{"a":"\xc3\x28"}',
    b'{"inputs":[{"id":"\xed\xa0\x80"}]}',
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":1e999}',
    b'{"a":' + b"9" * 6000 + b"}",
    b"[" * 100_000,
    b'{"a":' * 20_000,
    b'{"inputs":' * 5_000 + b"1" + b"}" * 5_000,
    b"a=b&c=%zz",
    b"\x00" * 50,
    b"<a>" * 20_000,
    b"<?xml version='1.0'?><a/>",
    b'"Id","Name"\n"x',
    b"Id\n\xff\n",
    b"\x1f\x8b\x08\x00",
    b'{"a":1}{"b":2}',
    b'{"id":"1","id":2}',
    b"-" * 3000,
    '{"a":1}'.encode("utf-16"),
)
CRLF = b"\r\n"
_PARAMETER = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What an emulator understands: (method, template) pairs and the words with which its requests are made."""

    routes: tuple[tuple[str, str], ...]
    parameters: dict[str, tuple[str, ...]]  # values that make sense, by the name of the path's {parameter}
    queries: tuple[str, ...]
    keys: tuple[str, ...]  # of JSON objects
    values: tuple[Any, ...]  # that make sense somewhere
    bodies: tuple[tuple[str, Any], ...]  # documents that a handler understands, by a part of its method and template
    raw: tuple[bytes, ...]  # bodies of other kinds
    headers: dict[str, str]  # of a caller who may call
    special: tuple[tuple[str, dict[str, str]], ...] = ()  # others' headers, by a part of method and template
    forms: tuple[tuple[str, bytes], ...] = ()  # bodies that are no JSON and that a handler understands, likewise


class OddCalls:
    """Makes requests of which most find a handler and nearly all are wrong; `chance` decides everything."""

    def __init__(self, known: Vocabulary, chance: random.Random) -> None:
        self._known, self._chance = known, chance
        self._all = [document for _, document in known.bodies]
        self._fitting = {
            route: [document for part, document in known.bodies if part in " ".join(route)] for route in known.routes
        }
        self._texts = [each for each in known.values if isinstance(each, str)] or [""]

    def call(self) -> Call:
        """The next request."""
        one = self._chance.choice
        method, template = one(self._known.routes)
        target = _PARAMETER.sub(lambda found: self._place(found[0], template), template)
        if self._seldom(0.06):
            target += one(("/", "//", "/x", "/%2e%2e", "/%ff", "/\x00", "/é", "#", "?", "%"))
        if self._seldom(0.5):
            target += "?" + "&".join(self._pair() for _ in range(self._chance.randrange(4)))
        body = self._body((method, template))
        headers = self.headers((method, template), body) if not self._seldom(0.05) else self._stranger()
        if self._seldom(0.15):
            headers["content-type"] = one(TYPES)
        return Call(one(METHODS) if self._seldom(0.06) else method, target, headers, body)

    def headers(self, route: tuple[str, str], body: bytes = b"") -> dict[str, str]:
        """Of a caller who may call that route; the media type is that of the body."""
        spelled = " ".join(route)
        found = next((each for part, each in self._known.special if part in spelled), self._known.headers)
        kind = "application/json"
        if body.startswith(b"--"):
            kind = f"multipart/form-data; boundary={body[2:].split(CRLF, 1)[0].decode('ascii', 'replace')}"
        elif body in self.forms(route):
            kind = "text/xml" if body.startswith(b"<") else "application/x-www-form-urlencoded"
        return {**found, "content-type": kind}

    def target(self, route: tuple[str, str]) -> str:
        """A path of that route whose parameters make sense."""
        return _PARAMETER.sub(lambda found: _quoted(self._sense(found[0], route[1])[0]), route[1])

    def targets_with(self, route: tuple[str, str], word: str) -> list[str]:
        """Paths of that route, in each of which one parameter is that word."""
        places = list(_PARAMETER.finditer(route[1]))
        found = []
        for wrong in places:
            spelled = [self._or(word, place, wrong, route[1]) for place in places]
            words = iter(spelled)
            found.append("".join(next(words) if part is None else part for part in _parts(route[1])))
        return found

    def _or(self, word: str, place: re.Match[str], wrong: re.Match[str], template: str) -> str:
        return _quoted(word if place.start() == wrong.start() else self._sense(place[0], template)[0])

    def query_with(self, word: str) -> str:
        """Two parameters with that word."""
        return "&".join(f"{self._chance.choice(self._known.queries)}={_quoted(word)}" for _ in range(2))

    def answers(self, method: str, template: str) -> bool:
        """Whether there is such a route."""
        return (method, template) in self._fitting

    def documents(self, route: tuple[str, str]) -> list[Any]:
        """JSON documents that the route's handler understands."""
        return self._fitting[route]

    def forms(self, route: tuple[str, str]) -> list[bytes]:
        """Bodies that are no JSON and that the route's handler understands."""
        return [body for part, body in self._known.forms if part in " ".join(route)]

    def encoded(self, document: Any) -> bytes:
        """As JSON, halves of surrogate pairs escaped."""
        return json.dumps(document).encode()

    def _seldom(self, share: float) -> bool:
        return self._chance.random() < share

    def _stranger(self) -> dict[str, str]:
        odd = ("", "Bearer", "Bearer ", "Basic !!!", "Bearer é", "Bearer " + "x" * 9000, "\0")
        more = {"if-modified-since": "Tue, 99 Foo 2026", "sforce-query-options": "batchSize=x", "accept": "text/xml"}
        return {**self._known.headers, **more} if self._seldom(0.5) else {"authorization": self._chance.choice(odd)}

    def _sense(self, parameter: str, template: str) -> tuple[str, ...]:
        """Words for a {parameter}: those of "part/name" where the template has that part, else those of "name"."""
        name, known = parameter.strip("{}").removesuffix("..."), self._known.parameters
        special = (key for key in known if key.endswith(f"/{name}") and key.removesuffix(f"/{name}") in template)
        return known.get(next(special, name), WORDS[2:])

    def _place(self, parameter: str, template: str) -> str:
        """A word for a {parameter} of a path."""
        sense = self._sense(parameter, template)
        return _quoted(self._chance.choice(WORDS if self._seldom(0.12) else sense))

    def _pair(self) -> str:
        if self._seldom(0.15):
            return self._chance.choice(("", "=", "%", "a=%ff", "?", "limit", ";", "a=b=c", "x[]=1"))
        words = WORDS if self._seldom(0.4) else self._texts
        return f"{self._chance.choice(self._known.queries)}={_quoted(self._chance.choice(words))}"

    def _body(self, route: tuple[str, str]) -> bytes:
        kind = self._chance.random()
        forms = self.forms(route)
        if forms and kind < 0.5:
            return self._cut(self._chance.choice(forms))
        if kind < 0.15:
            return self._chance.choice(RAW + self._known.raw)
        if kind < 0.18:
            return bytes(self._chance.randrange(256) for _ in range(self._chance.randrange(40)))
        if kind < 0.3:
            return json.dumps(self._anything(4)).encode()
        fitting = self._fitting[route]
        document = self._chance.choice(fitting if fitting and not self._seldom(0.15) else self._all)
        for _ in range(self._chance.randrange(3)):
            document = self._spoilt(document, self._chance.randrange(1, 7))
        return json.dumps(document).encode()

    def _cut(self, body: bytes) -> bytes:
        """The body, or what is left of it when a part is taken out or said twice."""
        if self._seldom(0.3):
            return body
        start = self._chance.randrange(len(body))
        end = min(len(body), start + self._chance.randrange(1, 30))
        return body[:start] + (body[start:end] * 2 if self._seldom(0.3) else b"") + body[end:]

    def _anything(self, depth: int) -> Any:
        """A document of understood keys, whose values are mostly of another kind than they should be."""
        kind = self._chance.random()
        if depth == 0 or kind < 0.35:
            return self._scalar()
        if kind < 0.55:
            return [self._anything(depth - 1) for _ in range(self._chance.randrange(4))]
        return {self._key(): self._anything(depth - 1) for _ in range(self._chance.randrange(5))}

    def _scalar(self) -> Any:
        kind = self._chance.random()
        if kind < 0.5:
            return self._chance.choice(self._known.values)
        return self._chance.choice((*WORDS, *NUMBERS, None, True, False, [], {}, [None], [{}], {"": None}))

    def _key(self) -> str:
        return self._chance.choice(WORDS if self._seldom(0.08) else self._known.keys)

    def _spoilt(self, document: Any, depth: int) -> Any:
        """The document with one of its values replaced, left out or doubled."""
        if depth == 0 or not isinstance(document, (dict, list)) or not document:
            return self._anything(2)
        if isinstance(document, list):
            at = self._chance.randrange(len(document))
            return [
                *document[:at],
                self._spoilt(document[at], depth - 1),
                *document[at + self._chance.randrange(2) :],
            ]
        name = self._chance.choice(list(document))
        if self._seldom(0.15):
            return {key: value for key, value in document.items() if key != name}
        return {**document, name: self._spoilt(document[name], depth - 1)}


def _parts(template: str) -> list[str | None]:
    """The template's fixed texts, None where a parameter stands."""
    fixed = _PARAMETER.split(template)
    return [fixed[0], *(part for text in fixed[1:] for part in (None, text))]


def spoilt_at(document: Any, place: int, wrong: Any) -> Any:
    """The document with the value at that place, counted from the top, replaced."""
    found, left = _replaced(document, place, wrong)
    return found if left < 0 else document


def _replaced(document: Any, place: int, wrong: Any) -> tuple[Any, int]:
    """The document with that place replaced, and how many places are left to count; below 0: it was replaced."""
    if place == 0:
        return wrong, -1
    left = place - 1
    if isinstance(document, dict):
        found: dict[str, Any] = {}
        for key, each in document.items():
            found[key], left = (each, left) if left < 0 else _replaced(each, left, wrong)
        return found, left
    if isinstance(document, list):
        listed: list[Any] = []
        for each in document:
            one, left = (each, left) if left < 0 else _replaced(each, left, wrong)
            listed.append(one)
        return listed, left
    return document, left


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")
