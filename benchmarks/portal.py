"""What does the benchmark's portal answer: the calls of a pull of deals and of an update of companies, nothing else.

A list is answered with bytes that were rendered beforehand. The portal holds `rows` deals with the properties of
`deals.PROPERTIES` and no record of any other object; numbered and dated paths answer alike.
"""

from __future__ import annotations

import json
import re
from typing import ClassVar

from benchmarks import deals
from benchmarks.calls import Act, Answer, Answering, Asked, routes, told

PORTAL_ID = 12345678
ROOM = "1000000000"
_STAMP = "2026-01-01T00:00:00.000Z"
_TEXTS = ("name", "pmom_triage_decision", "pmom_lever", "pmom_reasons")
COMPANY = (
    *(deals.Property(name, "string", "text", deals.choice(None)) for name in _TEXTS),
    deals.Property("hs_object_id", "number", "number", deals.choice(None)),
    deals.Property("hs_lastmodifieddate", "datetime", "date", deals.choice(None)),
    deals.Property("pmom_quote_to_close", "number", "number", deals.choice(None)),
    deals.Property("pmom_as_of", "date", "date", deals.choice(None)),
)
"""The properties of the companies, of which there is none to read."""


class Portal(Answering):
    """A portal with so many deals."""

    headers: ClassVar[tuple[tuple[str, str], ...]] = (
        ("X-HubSpot-RateLimit-Max", ROOM),
        ("X-HubSpot-RateLimit-Remaining", ROOM),
        ("X-HubSpot-RateLimit-Interval-Milliseconds", "10000"),
        ("X-HubSpot-RateLimit-Daily", ROOM),
        ("X-HubSpot-RateLimit-Daily-Remaining", ROOM),
    )

    def unknown(self) -> Answer:
        """What a call gets that nobody knows."""
        return _error(404, "OBJECT_NOT_FOUND", "The requested resource does not exist")


def _error(status: int, category: str, message: str) -> Answer:
    return told({"status": "error", "message": message, "category": category}, status)


def _details(portal: Portal, request: Asked, _: re.Match[str]) -> Answer:
    said = {"portalId": PORTAL_ID, "accountType": "DEVELOPER_TEST", "timeZone": "Europe/Berlin"}
    return told(said | {"companyCurrency": "EUR", "additionalCurrencies": [], "uiDomain": "app.hubspot.com"})


def _token(portal: Portal, request: Asked, _: re.Match[str]) -> Answer:
    return told({"hubId": PORTAL_ID, "userId": 1, "appId": 1, "scopes": []})


def _properties(portal: Portal, request: Asked, found: re.Match[str]) -> Answer:
    known = deals.PROPERTIES if found["object"] == "deals" else COMPANY
    return told({"results": [_definition(each) for each in known]})


def _definition(known: deals.Property) -> dict[str, object]:
    return {
        "name": known.name,
        "label": known.name,
        "type": known.type,
        "fieldType": known.field_type,
        "description": "",
        "groupName": "information",
        "options": [],
        "calculated": known.field_type.startswith("calculation"),
        "archived": False,
        "hidden": False,
        "hasUniqueValue": known.name == "hs_object_id",
        "showCurrencySymbol": known.name == "amount",
        "modificationMetadata": {"archivable": True, "readOnlyDefinition": False, "readOnlyValue": False},
    }


def _pipelines(portal: Portal, request: Asked, _: re.Match[str]) -> Answer:
    stages = [
        {"id": name, "label": label, "displayOrder": at, "metadata": {"isClosed": "false", "probability": "0.5"}}
        for at, (name, label) in enumerate(deals.STAGES.items())
    ]
    return told({"results": [{"id": "default", "label": "Sales", "displayOrder": 0, "stages": stages}]})


def _nothing(portal: Portal, request: Asked, _: re.Match[str]) -> Answer:
    return told({"results": []})


def _list(portal: Portal, request: Asked, found: re.Match[str]) -> Answer:
    if found["object"] != "deals" or request.query.get("archived") == "true":
        return told({"results": []})
    if request.query.get("limit") == "1":  # may records be read at all?
        return Answer(200, (deals.pages(1)[0],))
    asked = {name for text in request.queries("properties") for name in text.split(",")}
    if request.query.get("limit") != str(deals.PAGE) or not asked >= set(deals.PULLED):
        return _error(400, "VALIDATION_ERROR", "only pages of 100 with all properties were rendered")
    return Answer(200, (deals.pages(portal.rows)[int(request.query.get("after", "0")) // deals.PAGE],))


def _update(portal: Portal, request: Asked, _: re.Match[str]) -> Answer:
    written = json.loads(request.body)["inputs"]
    results = [
        {"id": each["id"], "createdAt": _STAMP, "updatedAt": _STAMP, "archived": False}
        | {"properties": {"hs_object_id": each["id"], "hs_lastmodifieddate": _STAMP} | each["properties"]}
        | ({"objectWriteTraceId": each["objectWriteTraceId"]} if each.get("objectWriteTraceId") else {})
        for each in written
    ]
    return told({"status": "COMPLETE", "results": results, "startedAt": _STAMP, "completedAt": _STAMP})


_V, _O = r"(?:v\d|\d{4}-\d\d)", r"(?P<object>[\w-]+)"
_OBJECTS = rf"/crm/(?:objects/{_V}|{_V}/objects)/{_O}"
_TABLE: tuple[tuple[str, str, str, Act], ...] = (
    ("GET", rf"/account-info/{_V}/details", "account", _details),
    ("POST", r"/oauth/v2/private-apps/get/access-token-info", "account", _token),
    ("GET", rf"/crm/(?:properties/{_V}|{_V}/properties)/{_O}", "properties", _properties),
    ("GET", rf"/crm/(?:pipelines/{_V}|{_V}/pipelines)/{_O}", "pipelines", _pipelines),
    ("GET", rf"/crm-object-schemas/{_V}/schemas", "custom objects", _nothing),
    ("GET", rf"/crm/(?:associations/{_V}|{_V}/associations)/{_O}/[\w-]+/labels", "labels", _nothing),
    ("GET", _OBJECTS, "list", _list),
    ("POST", _OBJECTS + r"/batch/update", "batch update", _update),
)
Portal.routes = routes(_TABLE)
