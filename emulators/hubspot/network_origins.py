"""From which addresses the portal calls others: this machine's own, where HubSpot's list would be long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulators.hubspot.errors import invalid
from emulators.hubspot.router import DATED, Request, Response, Router, json_response

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal

_DIRECTIONS = ("INGRESS", "EGRESS")
_SERVICES = ("EMAIL", "API", "DNS", "WEB_SCRAPING", "TEST_SERVICE")
_RANGES = (
    {"cidr": "127.0.0.1/32", "direction": "EGRESS", "service": "API", "description": "Webhooks of this emulator"},
    {"cidr": "127.0.0.1/32", "direction": "INGRESS", "service": "API", "description": "Calls to this emulator"},
)


def routes(router: Router) -> None:
    """The addresses ("HubSpot IP ranges"), which need no token."""
    for version in DATED:
        base = f"/meta/network-origins/{version}/ip-ranges"
        router.add("GET", base, _list, public=True, limit="", dated=False)
        router.add("GET", base + "/simple", _simple, public=True, limit="", dated=False)


def _wanted(request: Request) -> list[dict[str, str]]:
    wanted = {"direction": request.many("direction"), "service": request.many("service")}
    for name, known in (("direction", _DIRECTIONS), ("service", _SERVICES)):
        wrong = [each for each in wanted[name] if each not in known]
        if wrong:
            raise invalid(f"Invalid input for query parameter {name}: {wrong[0]!r}")
    return [each for each in _RANGES if all(not many or each[name] in many for name, many in wanted.items())]


def _list(request: Request, portal: Portal) -> Response:
    return json_response({"results": _wanted(request)})


def _simple(request: Request, portal: Portal) -> Response:
    """One range a line, as text."""
    lines = "".join(f"{each}\n" for each in dict.fromkeys(one["cidr"] for one in _wanted(request)))
    return Response(200, lines.encode(), {"Content-Type": "text/plain;charset=utf-8"})
