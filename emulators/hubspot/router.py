"""Which handler answers which method and path, under numbered and dated API versions alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from emulators.hubspot.errors import HubError, invalid
from emulators.loopback.http import Response as Response
from emulators.loopback.json_text import compact, parse

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal

JSON_TYPE = "application/json;charset=utf-8"
DATED = ("2026-03", "2026-09")
_MOVED = frozenset({"crm", "marketing", "settings"})  # /crm/v3/owners -> /crm/owners/2026-03; others: in place
_NUMBER, _DATE = re.compile(r"v\d+\Z"), re.compile(r"\d{4}-\d{2}\Z")


@dataclass(slots=True)
class Request:
    """One call as handlers see it."""

    method: str
    path: str  # raw, without the query
    params: dict[str, str] = field(default_factory=dict)  # decoded {names} of the route's template
    query: dict[str, list[str]] = field(default_factory=dict)  # decoded, repeated names kept
    headers: dict[str, str] = field(default_factory=dict)  # by lower-case name
    body: bytes = b""
    base_url: str = ""  # scheme://host:port of this portal, for paging links
    version: str = ""  # "v3", "v4", "2026-03" ...
    target: str = ""  # path and query as sent
    user_id: str = ""  # whose token called; empty on public routes
    correlation_id: str = ""

    def one(self, name: str, default: str = "") -> str:
        """The last value of a query parameter."""
        found = self.query.get(name)
        return found[-1] if found else default

    def many(self, name: str) -> tuple[str, ...]:
        """A list parameter, sent repeated or with commas or both; each value once, in order."""
        values = (part.strip() for text in self.query.get(name, ()) for part in text.split(","))
        return tuple(dict.fromkeys(value for value in values if value))

    def flag(self, name: str) -> bool:
        """A boolean parameter; absent means False."""
        return self.one(name, "false").strip().lower() == "true"

    def number(self, name: str, default: int, *, least: int = 1, most: int | None = None) -> int:
        """A whole number parameter; 400 outside its bounds."""
        text = self.one(name)
        if not text:
            return default
        if not re.fullmatch(r"-?\d{1,15}", text):
            raise invalid(f"Invalid input for query parameter {name}: '{text}' is not a number")
        if int(text) < least or (most is not None and int(text) > most):
            bounds = f"at least {least}" if most is None else f"between {least} and {most}"
            raise invalid(f"Invalid input for query parameter {name}: {text} must be {bounds}")
        return int(text)

    def json(self) -> Any:
        """The parsed body; 415 for another media type, 400 for text that is not JSON."""
        kind = self.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != "application/json":
            raise HubError(415, "", "HTTP 415 Unsupported Media Type")
        try:
            return parse(self.body)
        except ValueError:
            raise invalid("Invalid input JSON on line 1, column 1: the body cannot be read") from None

    def document(self) -> dict[str, Any]:
        """The parsed body, which must be a JSON object."""
        found = self.json()
        if not isinstance(found, dict):
            raise invalid("Invalid input JSON on line 1, column 1: an object was expected")
        return found


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer whose body is that value as JSON."""
    return Response(status, compact(value), {"Content-Type": JSON_TYPE, **(headers or {})})


def no_content() -> Response:
    """204."""
    return Response(204)


Handler = Callable[[Request, "Portal"], Response]
Scopes = tuple[str, ...] | Callable[[Request, "Portal"], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Route:
    """One handler. One of `scopes` must have been granted; none means that any token will do."""

    method: str
    template: str
    handler: Handler
    scopes: Scopes
    public: bool  # no token at all
    limit: str  # which window counts it: "burst", "search" or "" (none)
    version: str
    names: tuple[str, ...]  # of the {parameters}, in order


class _Node:
    """One step of a path: fixed words first, then a parameter."""

    __slots__ = ("any", "routes", "words")

    def __init__(self) -> None:
        self.words: dict[str, _Node] = {}
        self.any: _Node | None = None
        self.routes: dict[str, Route] = {}


class Router:
    """Routes of one portal. Words beat parameters; a trailing slash is tolerated.

    `retired` names versions that answer no more ("v3", "v4", "v1", "2026-03"): 404, as HubSpot announces for
    sunset APIs (changelog "upcoming sunset of v2 Owners API": "all endpoints ... will return a 404 error response").
    """

    def __init__(self, retired: Iterable[str] = (), dated: Iterable[str] = DATED) -> None:
        self.retired = set(retired)
        self._dated = tuple(dated)
        self._root = _Node()

    def add(
        self,
        method: str,
        template: str,
        handler: Handler,
        *,
        scopes: Scopes = (),
        public: bool = False,
        limit: str = "burst",
        dated: bool = True,
    ) -> None:
        """Register `/crm/v3/things/{name}` and, unless dated=False, its form under each dated version.

        A scope may say `{object}`, `{to}` ...: the word for scopes of the object that this parameter names, as
        `crm.objects.{object}.read` -> `crm.objects.companies.read` (tasks: contacts; custom objects: custom).
        """
        for spelled, version in [
            (template, _version(template)),
            *(_dated_forms(template, self._dated) if dated else ()),
            *_turned(template),
        ]:
            names = tuple(re.findall(r"\{(\w+)\}", spelled))
            route = Route(method, spelled, handler, scopes, public, limit, version, names)
            self._put(route)

    def routes(self) -> Iterator[Route]:
        """Every route, in no particular order."""
        nodes = [self._root]
        while nodes:
            node = nodes.pop()
            yield from node.routes.values()
            nodes += [*node.words.values(), *([node.any] if node.any else [])]

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route and its decoded parameters; 404 for no path or a retired version, 405 for another method."""
        allowed: list[str] = []
        parts = [unquote(part) for part in path.strip("/").split("/")]
        found = self._find(self._root, parts, 0, (), method, allowed)
        if found is None and not allowed:
            raise HubError(404, "", "resource not found")
        if found is None:
            raise HubError(405, "", "HTTP 405 Method Not Allowed")
        route, values = found
        if route.version in self.retired:
            raise HubError(404, "", "resource not found")
        return route, dict(zip(route.names, values, strict=True))

    def _put(self, route: Route) -> None:
        node = self._root
        for part in route.template.strip("/").split("/"):
            if part.startswith("{"):
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.words.setdefault(part, _Node())
        node.routes[route.method] = route

    def _find(
        self, node: _Node, parts: list[str], at: int, values: tuple[str, ...], method: str, allowed: list[str]
    ) -> tuple[Route, tuple[str, ...]] | None:
        if at == len(parts):
            allowed.extend(node.routes)
            route = node.routes.get("GET" if method == "HEAD" else method)
            return None if route is None else (route, values)
        word = node.words.get(parts[at])
        found = None if word is None else self._find(word, parts, at + 1, values, method, allowed)
        if found is None and node.any is not None and parts[at]:
            found = self._find(node.any, parts, at + 1, (*values, parts[at]), method, allowed)
        return found


def _version(template: str) -> str:
    return next((part for part in template.split("/") if _NUMBER.match(part) or _DATE.match(part)), "")


def _turned(template: str) -> list[tuple[str, str]]:
    """`/crm/v4/associations/...` answers as `/crm/associations/v4/...` too, as the reference now writes it."""
    stem = "/crm/v4/associations/"
    return [("/crm/associations/v4/" + template.removeprefix(stem), "v4")] if template.startswith(stem) else []


def _dated_forms(template: str, dates: Iterable[str]) -> list[tuple[str, str]]:
    """`/crm/v3/objects/{object}` -> `/crm/objects/2026-03/{object}`; `/oauth/v1/token` -> `/oauth/2026-03/token`."""
    parts = template.strip("/").split("/")
    at = next((index for index, part in enumerate(parts) if _NUMBER.match(part)), None)
    if at is None:
        return []
    head, tail = parts[:at], parts[at + 1 :]
    if head[-1] in _MOVED and tail:
        head, tail = [*head, tail[0]], tail[1:]
    return [("/" + "/".join([*head, date, *tail]), date) for date in dates]
