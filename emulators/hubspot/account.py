"""Which account this is, how many calls it has made, and how near it is to its limits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from emulators.hubspot import currencies, definitions, labels, properties, schemas
from emulators.hubspot.catalog import ObjectType
from emulators.hubspot.router import Request, Response, Router, json_response
from emulators.hubspot.values import kept_instant

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal

MOST_PROPERTIES = 10_000  # of all objects together
_LIMITS = (
    "crm.objects.contacts.read", "crm.objects.companies.read", "crm.objects.deals.read", "crm.objects.custom.read",
)  # fmt: skip
Usage = Callable[[], tuple[int, int]]
_USAGE: WeakKeyDictionary[Portal, Usage] = WeakKeyDictionary()


def routes(router: Router) -> None:
    """Account information and the limits tracking API."""
    router.add("GET", "/account-info/v3/details", _details)
    router.add("GET", "/account-info/v3/api-usage/daily/private-apps", _usage)
    base = "/crm/v3/limits"
    router.add("GET", base + "/custom-properties", _custom_properties, scopes=_LIMITS)
    router.add("GET", base + "/custom-object-types", _custom_objects, scopes=_LIMITS)
    router.add("GET", base + "/records", _records, scopes=_LIMITS)
    router.add("GET", base + "/associations/labels", _labels, scopes=_LIMITS)


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


def _share(used: int, limit: int) -> dict[str, Any]:
    return {"usage": used, "limit": limit, "percentage": round(100 * used / limit, 2)}


def _named(obj: ObjectType) -> dict[str, Any]:
    return {"objectTypeId": obj.type_id, "singularLabel": obj.label, "pluralLabel": obj.plural_label}


def _custom_properties(request: Request, portal: Portal) -> Response:
    counts = {
        obj: sum(not each.hubspot_defined for each in definitions.of(portal, obj.type_id).values())
        for obj in definitions.object_types(portal)
    }
    by_type = [_named(obj) | _share(count, properties.MOST) for obj, count in counts.items()]
    return json_response({"overallUsage": _share(sum(counts.values()), MOST_PROPERTIES), "byObjectType": by_type})


def _custom_objects(request: Request, portal: Portal) -> Response:
    return json_response(_share(len(definitions.custom_objects(portal)), schemas.MOST))


def _records(request: Request, portal: Portal) -> Response:
    rows = portal.connection.execute("SELECT type, COUNT(*) FROM record WHERE archived IS NULL GROUP BY type")
    counts = dict(rows.fetchall())
    limit = int(portal.state("record_limit") or 15_000_000)
    return json_response(
        {
            "hubspotDefinedObjectTypes": [
                {"objectTypeId": obj.type_id, "pluralLabel": obj.plural_label}
                | _share(counts.get(obj.type_id, 0), limit)
                for obj in definitions.object_types(portal)
                if not obj.custom
            ],
            "customObjectTypes": {
                "byObjectType": [
                    {
                        "objectTypeId": obj.type_id,
                        "pluralLabel": obj.plural_label,
                        "usage": counts.get(obj.type_id, 0),
                    }
                    for obj in definitions.custom_objects(portal)
                ],
            },
        }
    )


def _labels(request: Request, portal: Portal) -> Response:
    most = int(portal.state("labels_a_pair") or labels.MOST)
    pairs = labels.count(portal)
    return json_response(
        {
            "results": [
                {"fromObjectTypeId": one, "toObjectTypeId": other, **_share(count, most)}
                for one, other, count in pairs
            ]
        }
    )
