"""How calls reach the portal: who calls, within which limits, to which route."""

from __future__ import annotations

import random
import re
import secrets
import traceback
import uuid
from collections.abc import Iterable
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs

from emulators.hubspot import account, control, definitions, jobs, kept, later, tokens, webhook_calls, webhook_control
from emulators.hubspot.errors import HubError
from emulators.hubspot.limits import Limits
from emulators.hubspot.portal import Portal
from emulators.hubspot.presenting import named_object
from emulators.hubspot.router import Request, Response, Route, Router, json_response
from emulators.hubspot.webhook_delivery import Deliveries
from emulators.loopback.clock import Clock
from emulators.loopback.http import Call
from emulators.loopback.server import Running

if TYPE_CHECKING:
    from emulators.hubspot.browsing import Browsing

MAX_TARGET = 16_384  # bytes of path and query; above: 414, as for too many properties in one address
_ENDPOINTS = (
    "objects", "batch", "search", "properties", "groups", "schemas", "pipelines", "owners", "labels",
    "association_calls", "campaigns", "account", "currencies", "validations", "journal_calls",
    "list_calls", "imports", "exports", "association_limits",
    "list_folders", "network_origins", "limits_tracking",
)  # fmt: skip
_PLACES = re.compile(r"\{(\w+)\}")
_CAMPAIGNS = re.compile(r"crm\.(objects|schemas)\.campaigns\.")  # of campaigns, marketing has the scopes
_ID = re.compile(r"(?<=/)(\d{5,}|[0-9a-f]{8}-[0-9a-f-]{27})(?=/|$)")
_PLANNED = {
    423: ("LOCKED", "The resource is locked; try again in 2 seconds"),
    429: ("RATE_LIMITS", "You have reached your secondly limit."),
    477: ("MIGRATION_IN_PROGRESS", "This account is being moved to another data centre"),
    502: ("", "Bad Gateway"),
    503: ("", "Service Unavailable"),
    504: ("", "Gateway Timeout"),
}


class Emulator(Running):
    """One running portal: `url`, `ca_file`, `start()`, `stop()`; usable as a context manager in tests.

    `retired` names API versions that answer no more, as "v3" or "2026-03".
    """

    crm = "hubspot"

    def __init__(
        self,
        portal: Portal,
        app: tokens.App,
        *,
        port: int = 0,
        ca_folder: Path | None = None,
        control_token: str = "",
        retired: Iterable[str] = (),
    ) -> None:
        self.app = app
        plane = self._hold(portal, control_token or secrets.token_hex(16), retired)
        super().__init__(plane, port=port, ca_folder=ca_folder)

    def _hold(self, portal: Portal, control_token: str, retired: Iterable[str]) -> control.Control:
        """Everything that hangs on the portal; done again when a saved state takes its place."""
        self.portal = portal
        self.tokens = tokens.Tokens(portal, self.app)
        self.limits = Limits(portal)
        self.correlations = random.Random(f"correlations/{portal.seed}")
        account.count_by(portal, self.limits.usage)
        self.router = build_router(self.tokens, retired)
        plane = control.Control(portal, self.tokens, self.limits, self.router, control_token)
        self.deliveries = Deliveries(portal, self.app.client_secret)
        webhook_control.add(plane, self.deliveries)
        plane.clock_moved = self.deliveries.wake
        return plane

    @property
    def file(self) -> Path:
        """The portal's file."""
        return self.portal.path

    def writing(self) -> AbstractContextManager[object]:
        """While inside, nobody else writes."""
        return self.portal.write_lock

    def remembered(self) -> dict[str, Any]:
        """Seed and chance, limits, retired versions and the application."""
        return kept.memory(self)

    def try_open(self, path: Path, memory: dict[str, Any]) -> None:
        """Open another file as a portal and close it again."""
        portal = kept.open_portal(path, memory, Clock())
        try:
            kept.recall(Limits(portal), random.Random(), memory)
        finally:
            portal.release()

    def reopen(self, memory: dict[str, Any]) -> control.Control:
        """A portal on the file as it is now; its application stays."""
        self.deliveries.stop()
        self.portal.release()
        portal = kept.open_portal(self.portal.path, memory, self.portal.clock)
        plane = self._hold(portal, self.plane.token, memory["retired"])
        kept.recall(self.limits, self.correlations, memory)
        self.deliveries.resume()
        return plane

    def browsing(self) -> Browsing:
        """What the page shows."""
        from emulators.hubspot.browsing import Browsing  # nobody may ever open the page

        return Browsing(self.portal, self.limits)

    def start(self) -> Self:
        """Answer calls, and deliver the webhooks that an earlier run left behind."""
        self.deliveries.resume()
        return super().start()

    def stop(self) -> None:
        """Answer no more calls, deliver nothing more and close the file."""
        self.deliveries.stop()
        super().stop()

    def respond(self, call: Call) -> Response:
        """One call to the portal, without faults."""
        correlation = self._correlation()
        request = self._request(call, correlation)
        headers: dict[str, str] = {}
        try:
            response = self._answer(request, headers)
        except HubError as bad:
            headers.update(bad.headers)
            response = json_response(bad.body(correlation), bad.status)
        except Exception:  # the vendor's own form of an unforeseen failure; the trace goes to stderr
            traceback.print_exc()
            response = json_response(HubError(500, "", "internal error").body(correlation), 500)
        response.headers = {**response.headers, **headers, "X-HubSpot-Correlation-Id": correlation}
        return response

    def planned(self, status: int, call: Call) -> Response:
        """A refusal by plan."""
        category, message = _PLANNED.get(status, ("", "internal error"))
        correlation = self._correlation()
        response = json_response(HubError(status, category, message).body(correlation), status)
        response.headers["X-HubSpot-Correlation-Id"] = correlation
        if status == 477:
            response.headers["Retry-After"] = "3600"
        return response

    def unreadable(self) -> Response:
        """A body that is too large, cut or badly zipped."""
        bad = HubError(400, "VALIDATION_ERROR", "Invalid input JSON on line 1, column 1: the body cannot be read")
        return json_response(bad.body(self._correlation()), 400)

    def expire(self, call: Call) -> None:
        """The caller's access token ends now."""
        self.tokens.expire(call.headers.get("authorization", "").partition(" ")[2].strip())

    def pattern(self, path: str) -> str:
        """The path with ids replaced."""
        return _ID.sub("{id}", path.rstrip("/"))

    def release(self) -> None:
        """Close the thread's connection to the file."""
        self.portal.release()

    def _correlation(self) -> str:
        """The next correlation id, of the portal's own chance."""
        return str(uuid.UUID(int=self.correlations.getrandbits(128), version=4))

    def _request(self, call: Call, correlation: str) -> Request:
        return Request(
            method=call.method,
            path=call.path,
            query=parse_qs(call.query, keep_blank_values=True),
            headers=call.headers,
            body=call.body,
            base_url=self.url,
            target=call.target,
            user_id=str(self.portal.settings.user_id),
            correlation_id=correlation,
        )

    def _answer(self, request: Request, headers: dict[str, str]) -> Response:
        if len(request.target) > MAX_TARGET:
            raise HubError(414, "", "URI Too Long")
        route, request.params = self.router.find(request.method, request.path)
        request.version = route.version
        if not route.public:
            caller = self.tokens.caller(request)
            if route.limit:
                headers.update(self.limits.spend(caller.token, oauth=caller.oauth, search=route.limit == "search"))
            self.tokens.demand(self._scopes(route, request))
        later.settle(self.portal)
        jobs.settle(self.portal)
        self._demand_shown(request)
        return route.handler(request, self.portal)

    def _scopes(self, route: Route, request: Request) -> tuple[str, ...]:
        """The scopes of a route, with the words of the objects that its path names."""
        listed = route.scopes if isinstance(route.scopes, tuple) else route.scopes(request, self.portal)
        said = (_PLACES.sub(lambda found: self._word(request, found[1]), each) for each in listed)
        return tuple(dict.fromkeys(_CAMPAIGNS.sub("marketing.campaigns.", each) for each in said))

    def _word(self, request: Request, parameter: str) -> str:
        return named_object(self.portal, request.params[parameter]).scope

    def _demand_shown(self, request: Request) -> None:
        """400 for a path that names an object which the control plane has hidden."""
        hidden = self.portal.state("hidden")
        for value in request.params.values() if hidden else ():
            found = definitions.object_type(self.portal, value)
            if found is not None and found.type_id in hidden:
                raise HubError(400, "", f"Unable to infer object type from: {value}")


def build_router(known: tokens.Tokens, retired: Iterable[str] = ()) -> Router:
    """Every route of the portal."""
    router = Router(retired)
    tokens.routes(router, known)
    webhook_calls.routes(router, known)
    for name in _ENDPOINTS:
        import_module(f"emulators.hubspot.{name}").routes(router)
    return router
