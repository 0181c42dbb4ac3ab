"""How calls reach the org: sessions, limits and the routes, on the loopback server."""

from __future__ import annotations

import secrets
import traceback
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl

from emulators.loopback.clock import Clock
from emulators.loopback.http import Call, Response
from emulators.loopback.server import Running
from emulators.salesforce import (
    describe,
    kept,
    layouts,
    menus,
    planned,
    query,
    recycle,
    relationships,
    replication,
    rest,
    rest_xml,
    usage,
)
from emulators.salesforce.bulk import resources as bulk
from emulators.salesforce.bulk1 import resources as bulk1
from emulators.salesforce.composite import collections_, composite, graph, tree
from emulators.salesforce.control import plane as control
from emulators.salesforce.errors import ApiError, DmlError, not_found
from emulators.salesforce.metadata import resources as metadata
from emulators.salesforce.oauth import login as oauth
from emulators.salesforce.oauth import password_calls
from emulators.salesforce.org import Org
from emulators.salesforce.outbound import control as outbound_control
from emulators.salesforce.outbound.delivery import Deliveries
from emulators.salesforce.router import Request, Router, error_response, json_response
from emulators.salesforce.search import resources as search
from emulators.salesforce.soap import endpoint
from emulators.salesforce.tooling import resources

if TYPE_CHECKING:
    from emulators.salesforce.browsing import Browsing

MAX_TARGET = 16_384  # bytes of path and query
_RETIRED, _OLDEST, _LATEST = range(21, 31), rest.OLDEST, rest.LATEST


class Emulator(Running):
    """One running org: `url`, `ca_file`, `start()`, `stop()`; usable as a context manager in tests."""

    crm = "salesforce"

    def __init__(
        self, org: Org, app: oauth.App, *, port: int = 0, ca_folder: Path | None = None, control_token: str = ""
    ) -> None:
        self._hold(org, app, control_token or secrets.token_urlsafe(24))
        super().__init__(self.control, port=port, ca_folder=ca_folder)

    def _hold(self, org: Org, app: oauth.App, control_token: str) -> None:
        """Everything that hangs on the org; done again when a saved state takes its place."""
        self.org = org
        self.login = oauth.Login(org, app)
        self.control = control.Control(org, self.login, control_token)
        self.router = build_router(self.login)
        self.deliveries = Deliveries(self.login, lambda: self.url)
        outbound_control.add(self.control, self.deliveries)
        self.control.clock_moved = self.deliveries.wake

    @property
    def file(self) -> Path:
        """The org's file."""
        return self.org.path

    def writing(self) -> AbstractContextManager[object]:
        """While inside, nobody else writes."""
        return self.org.write_lock

    def remembered(self) -> dict[str, Any]:
        """Seed, limits, sessions' last use and the application."""
        return kept.memory(self.org, self.login)

    def try_open(self, path: Path, memory: dict[str, Any]) -> None:
        """Open another file as an org and close it again."""
        org = kept.open_org(path, memory, Clock())
        try:
            oauth.Login(org, self.login.app).recall(memory["sessions"])
        finally:
            org.release()

    def reopen(self, memory: dict[str, Any]) -> control.Control:
        """An org on the file as it is now; its application stays."""
        self.deliveries.stop()
        self.org.release()
        self._hold(kept.open_org(self.org.path, memory, self.org.clock), self.login.app, self.control.token)
        self.login.recall(memory["sessions"])
        self.deliveries.resume()
        return self.control

    def browsing(self) -> Browsing:
        """What the page shows."""
        from emulators.salesforce.browsing import Browsing  # nobody may ever open the page

        return Browsing(self.org)

    def start(self) -> Self:
        """Answer calls, and send the outbound messages that an earlier run left behind."""
        self.deliveries.resume()
        return super().start()

    def stop(self) -> None:
        """Answer no more calls, send nothing more and close the file."""
        self.deliveries.stop()
        super().stop()

    def respond(self, call: Call) -> Response:
        """One call to the org, without faults."""
        if len(call.target) > MAX_TARGET:
            text = "The length of the URI exceeds the 16,384 byte limit"
            return json_response([{"message": text, "errorCode": "URI_TOO_LONG"}], 414)
        if len(call.target) + sum(len(name) + len(value) for name, value in call.headers.items()) > MAX_TARGET:
            text = "The combined length of the URI and headers exceeds the 16,384 byte limit"
            return json_response([{"message": text, "errorCode": "REQUEST_HEADER_FIELDS_TOO_LARGE"}], 431)
        try:
            response = self._answer(self._request(call))
        except (ApiError, DmlError) as bad:
            response = error_response(bad)
        except Exception:  # the vendor's own form of an unforeseen failure; the trace goes to stderr
            traceback.print_exc()
            response = json_response(
                [{"message": "An unexpected error occurred.", "errorCode": "UNKNOWN_EXCEPTION"}], 500
            )
        if "xml" in call.headers.get("accept", ""):
            response = rest_xml.as_asked(call, response)
        response.headers.setdefault("Cache-Control", "no-cache,must-revalidate,max-age=0,no-store,private")
        return response

    def planned(self, status: int, call: Call) -> Response:
        """A refusal by plan."""
        return planned.refusal(status, call)

    def unreadable(self) -> Response:
        """A body that is too large, cut or badly zipped."""
        return json_response([{"message": "The request body cannot be read", "errorCode": "INVALID_INPUT"}], 400)

    def expire(self, call: Call) -> None:
        """End the caller's session."""
        request = self._request(call)
        self.login.revoke(oauth.session_of(request) or endpoint.session_of(request))

    def pattern(self, path: str) -> str:
        """The path with ids and versions replaced."""
        return control.pattern_of(path)

    def release(self) -> None:
        """Close the thread's connection to the file."""
        self.org.release()

    def _request(self, call: Call) -> Request:
        pairs = tuple(parse_qsl(call.query, keep_blank_values=True))
        values = dict(pairs)
        method = values.get("_HttpMethod", call.method) if call.method == "POST" else call.method
        return Request(
            method.upper(), call.path, query=values, pairs=pairs, headers=call.headers, body=call.body,
            base_url=self.url,
        )  # fmt: skip

    def _answer(self, request: Request) -> Response:
        _check_version(request.path)
        route, request.params = self.router.find(request.method, request.path)
        request.version = request.params.get("version", "")
        if not route.session:
            request.user = self.login.user_of(oauth.bearer(request)) or ""
            with self.org.acting(request.user):
                return route.handler(request, self.org)
        request.user = self.login.user_of(oauth.bearer(request)) or ""
        if not request.user:
            raise ApiError("INVALID_SESSION_ID", "Session expired or invalid", http=401)
        self.org.limits.spend()
        recycle.sweep(self.org)
        try:
            with self.org.limits.running(), self.org.acting(request.user):
                response = route.handler(request, self.org)
        except (ApiError, DmlError) as bad:
            response = error_response(bad)
        response.headers["Sforce-Limit-Info"] = self.org.limits.usage()
        return response


_MODULES = (
    *(bulk, replication, usage, query, collections_),
    *(resources, search, describe, layouts, menus, composite, graph, tree, password_calls, relationships, rest),
)


def build_router(login: oauth.Login) -> Router:
    """Every route of the org; the more special ones come first."""
    router = Router()
    oauth.routes(router, login)
    endpoint.routes(router, login)
    bulk1.routes(router, login)
    metadata.routes(router, login)
    for module in _MODULES:
        module.routes(router)
    return router


def _check_version(path: str) -> None:
    """Retired versions answer 410, unknown ones 404."""
    parts = path.split("/")
    if len(parts) < 4 or parts[1:3] != ["services", "data"] or not parts[3]:
        return
    number = parts[3][1:].partition(".")
    if parts[3][:1] != "v" or not number[0].isdigit() or number[2] != "0":
        raise not_found()
    if int(number[0]) in _RETIRED:
        text = f"API version {number[0]}.0 is retired. Use version {_OLDEST}.0 or later."
        raise ApiError("UNSUPPORTED_API_VERSION", text, http=410)
    if not _OLDEST <= int(number[0]) <= _LATEST:
        raise not_found()
