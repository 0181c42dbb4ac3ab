"""Which account this is, and how many calls it has made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from emulators.hubspot import currencies
from emulators.hubspot.router import Request, Response, Router, json_response
from emulators.hubspot.values import kept_instant

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal

Usage = Callable[[], tuple[int, int]]
_USAGE: WeakKeyDictionary[Portal, Usage] = WeakKeyDictionary()


def routes(router: Router) -> None:
    """Account information."""
    router.add("GET", "/account-info/v3/details", _details)
    router.add("GET", "/account-info/v3/api-usage/daily/private-apps", _usage)


def count_by(portal: Portal, usage: Usage) -> None:
    """Who knows (calls made today, calls granted a day)."""
    _USAGE[portal] = usage


def _details(request: Request, portal: Portal) -> Response:
    settings, zone = portal.settings, ZoneInfo(portal.settings.time_zone)
    offset = portal.now().astimezone(zone).utcoffset() or timedelta()
    minutes = round(offset.total_seconds() / 60)
    sign = "-" if minutes < 0 else ""
    return json_response(
        {
            "portalId": settings.portal_id,
            "accountType": str(portal.state("account_type") or "STANDARD"),
            "timeZone": settings.time_zone,
            "companyCurrency": settings.currency,
            "additionalCurrencies": list(currencies.codes(portal)[1:]),
            "utcOffset": f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}",
            "utcOffsetMilliseconds": minutes * 60_000,
            "uiDomain": settings.ui_domain,
            "dataHostingLocation": "eu1" if "eu1" in settings.ui_domain else "na1",
        }
    )


def _usage(request: Request, portal: Portal) -> Response:
    """Calls are counted until midnight of the portal's time zone."""
    known = _USAGE.get(portal)
    used, granted = known() if known is not None else (0, 0)
    zone = ZoneInfo(portal.settings.time_zone)
    local = portal.now().astimezone(zone)
    midnight = datetime.combine(local.date() + timedelta(days=1), time(), zone)
    found = {
        "name": "private-apps-api-calls-daily",
        "usageLimit": granted,
        "currentUsage": used,
        "collectedAt": portal.now_text(),
        "fetchStatus": "SUCCESS",
        "resetsAt": kept_instant(midnight.astimezone(portal.now().tzinfo)),
    }
    return json_response({"results": [found]})
