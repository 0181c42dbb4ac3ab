"""Which handler answers which method and path, and the two types that pass between them and the server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from emulators.loopback.http import Response as Response
from emulators.loopback.json_text import compact, parse
from emulators.salesforce.errors import ApiError, DmlError, not_found

if TYPE_CHECKING:
    from emulators.salesforce.org import Actor, Org

JSON_TYPE = "application/json;charset=UTF-8"


@dataclass(slots=True)
class Request:
    """One call as handlers see it."""

    method: str
    path: str  # raw, without the query
    params: dict[str, str] = field(default_factory=dict)  # decoded {names} of the route's pattern
    query: dict[str, str] = field(default_factory=dict)  # decoded; the last of equal names
    pairs: tuple[tuple[str, str], ...] = ()  # the query in order, with every one of equal names
    headers: dict[str, str] = field(default_factory=dict)  # by lower-case name
    body: bytes = b""  # already gunzipped
    user: str = ""  # the session's user id; empty on routes without a session
    version: str = ""  # "67.0" on routes under /services/data/{version}
    base_url: str = ""  # scheme://host:port of this org

    @property
    def content_type(self) -> str:
        """The media type without parameters, lower case; empty when none was sent."""
        return self.headers.get("content-type", "").split(";")[0].strip().lower()

    def actor(self) -> Actor:
        """Who acts in this call."""
        from emulators.salesforce.org import Actor

        allowed = "allowsave=true" in self.headers.get("sforce-duplicate-rule-header", "").lower().replace(" ", "")
        return Actor(self.user, allow_duplicates=allowed, version=self.version or "67.0")

    def json(self) -> Any:
        """The parsed body; 415 for another media type, JSON_PARSER_ERROR for text that is not JSON."""
        if self.content_type not in ("application/json", "text/json"):
            raise ApiError(
                "UNSUPPORTED_MEDIA_TYPE",
                f"Unsupported content type: {self.content_type or 'none'}. Use application/json.",
                http=415,
            )
        try:
            return parse(self.body)
        except ValueError as bad:
            line, column = getattr(bad, "lineno", 1), getattr(bad, "colno", 1)
            text = f"Unexpected character or end of input at [line:{line}, column:{column}]"
            raise ApiError("JSON_PARSER_ERROR", text) from None

    def document(self) -> dict[str, Any]:
        """The parsed body, which must be a JSON object."""
        found = self.json()
        if not isinstance(found, dict):
            raise ApiError("JSON_PARSER_ERROR", "The body must be a JSON object at [line:1, column:1]")
        return found


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer whose body is that value as JSON."""
    return Response(status, compact(value), {"Content-Type": JSON_TYPE, **(headers or {})})


def error_response(error: ApiError | DmlError) -> Response:
    """The documented error body: an array with one item."""
    if isinstance(error, DmlError):
        return json_response(error.as_errors(), error.http)
    if error.http == 404:
        return json_response([{"errorCode": error.code, "message": error.message}], 404)
    return json_response([{"message": error.message, "errorCode": error.code}], error.http)


Handler = Callable[[Request, "Org"], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """One pattern with its handler; `session` says whether a bearer token is demanded, `since` the first version."""

    method: str
    pattern: re.Pattern[str]
    template: str
    handler: Handler
    session: bool
    since: int = 0

    def match(self, path: str) -> re.Match[str] | None:
        """The match of a path, unless the version that it names is older than the resource."""
        found = self.pattern.match(path)
        return found if found is None or not self.since or float(found["version"]) >= self.since else None


class Router:
    """Routes in the order in which they were added; the first match answers."""

    def __init__(self) -> None:
        self._routes: list[Route] = []

    def add(self, method: str, template: str, handler: Handler, *, session: bool = True, since: int = 0) -> None:
        """Register `/a/{name}/b`: `{version}` matches vNN.N, `{rest...}` slashes too; a last slash is tolerated.

        Before API version `since` there is no such resource.
        """
        self._routes.append(Route(method, re.compile(_expression(template)), template, handler, session, since))

    def routes(self) -> Iterator[Route]:
        """Every route, the most special ones first."""
        return iter(self._routes)

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route and its decoded parameters; 404 for no path, 405 for a path without that method."""
        allowed: list[str] = []
        for route in self._routes:
            match = route.match(path)
            if match and route.method in (method, "GET" if method == "HEAD" else method):
                return route, {name: unquote(value) for name, value in match.groupdict().items()}
            if match:
                allowed.append(route.method)
        if not allowed:
            raise not_found()
        text = f"HTTP Method '{method}' not allowed. Allowed are {','.join(dict.fromkeys(allowed))}"
        raise ApiError("METHOD_NOT_ALLOWED", text, http=405)


def _expression(template: str) -> str:
    def part(match: re.Match[str]) -> str:
        name = match[1]
        if name == "version":
            return r"v(?P<version>\d+\.\d)"
        return f"(?P<{name[:-3]}>.+?)" if name.endswith("...") else f"(?P<{name}>[^/]+)"

    return re.sub(r"\{([a-z_]+(?:\.\.\.)?)\}", part, template.replace(".", r"\.").replace(r"\.\.\.", "...")) + r"/?\Z"
