"""Which changes the webhooks journal's subscriptions ask for, and what the journal says of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from emulators.hubspot import changes, definitions, journal
from emulators.hubspot.bodies import objects, text, texts
from emulators.hubspot.changes import Change, Kind
from emulators.hubspot.errors import invalid, not_found
from emulators.hubspot.portal import Portal, instant, shown
from emulators.loopback.clock import stored

SUBSCRIPTIONS, FILTERS = "journal_subscriptions", "journal_filters"
_ACTIONS = {
    Kind.CREATION: "CREATE",
    Kind.PROPERTY: "UPDATE",
    Kind.DELETION: "DELETE",
    Kind.RESTORE: "RESTORE",
    Kind.MERGE: "MERGE",
    Kind.PRIVACY: "GDPR_DELETE",
    Kind.LISTED: "ADDED_TO_LIST",
    Kind.UNLISTED: "REMOVED_FROM_LIST",
}
_OBJECT = ("CREATE", "UPDATE", "DELETE", "MERGE", "RESTORE", "SNAPSHOT")
# subscription type -> actions that it can have; EVENT and APP_LIFECYCLE_EVENT are not emulated
TYPES = {
    "OBJECT": _OBJECT,
    "ASSOCIATION": ("ASSOCIATION_ADDED", "ASSOCIATION_REMOVED"),
    "LIST_MEMBERSHIP": ("ADDED_TO_LIST", "REMOVED_FROM_LIST"),
    "GDPR_PRIVACY_DELETION": ("GDPR_DELETE",),
}
Subscription = Mapping[str, Any]


def subscriptions(portal: Portal) -> list[Subscription]:
    """All subscriptions as they are printed, oldest first."""
    return list(portal.state(SUBSCRIPTIONS) or ())


def subscription(portal: Portal, number: str) -> Subscription:
    """One subscription; 404 for an unknown number."""
    found = next((each for each in subscriptions(portal) if str(each["id"]) == number), None)
    if found is None:
        raise not_found()
    return found


def subscribe(portal: Portal, body: Mapping[str, Any]) -> Subscription:
    """A new subscription; 400 for what the journal does not have or the emulator does not emulate."""
    kind = text(body, "subscriptionType")
    if kind not in TYPES:
        raise invalid(f"subscriptionType {kind!r} is not emulated; known are {', '.join(TYPES)}")
    actions = texts(body, "actions")
    wrong = [each for each in actions if each not in TYPES[kind]]
    if wrong or not actions:
        raise invalid(f"Actions of {kind} are {', '.join(TYPES[kind])}, not {wrong}")
    if text(body, "portalId") != str(portal.settings.portal_id):
        raise invalid(f"The application is not installed in portal {text(body, 'portalId')}")
    now = shown(portal.now_text())
    found: dict[str, Any] = {"id": 0, "appId": portal.settings.app_id, "subscriptionType": kind}
    found["objectTypeId"] = _object(portal, body, kind)
    found |= {"portalId": portal.settings.portal_id, "actions": actions}
    found |= {"properties": texts(body, "properties"), "objectIds": _numbers(body, "objectIds")}
    others = texts(body, "associatedObjectTypeIds")
    found["associatedObjectTypeIds"] = [definitions.required_type(portal, each).type_id for each in others]
    found["listIds"] = _numbers(body, "listIds")
    found |= {"createdBy": portal.settings.user_id, "createdAt": now, "updatedAt": now, "deletedAt": None}
    with portal.transaction():
        found["id"] = _number(portal)
        keep(portal, [*subscriptions(portal), found])
    return found


def keep(portal: Portal, found: Sequence[Subscription]) -> None:
    """These are the subscriptions from now on."""
    with portal.transaction():
        portal.put_state(SUBSCRIPTIONS, [dict(each) for each in found])
        changes.listen(portal, "journal", wanted=bool(found))


def filters(portal: Portal) -> list[dict[str, Any]]:
    """All filters: id, subscriptionId, filter, createdAt."""
    return list(portal.state(FILTERS) or ())


def add_filter(portal: Portal, body: Mapping[str, Any]) -> int:
    """A new filter of a subscription; 400 for an operator that the API does not have."""
    number = text(body, "subscriptionId")
    subscription(portal, number)
    given = body.get("filter")
    conditions = objects(given, "conditions") if isinstance(given, Mapping) else []
    if not conditions:
        raise invalid("Some required fields were not set: [filter.conditions]")
    for each in conditions:
        if text(each, "operator") not in _OPERATORS or text(each, "filterType") != "CRM_OBJECT_PROPERTY":
            raise invalid(
                f"Conditions have the filterType CRM_OBJECT_PROPERTY and an operator of {sorted(_OPERATORS)}"
            )
    with portal.transaction():
        new = _number(portal)
        made = {"id": new, "subscriptionId": int(number), "filter": given, "createdAt": portal.now_ms()}
        portal.put_state(FILTERS, [*filters(portal), made])
    return new


def take(portal: Portal, connection: sqlite3.Connection, found: Sequence[Change]) -> None:
    """Keep what the journal says of these changes; the new values of one record are one event."""
    wanted, known = subscriptions(portal), filters(portal)
    for group in _grouped(found):
        for each in wanted:
            body = _body(portal, each, group)
            own = [one["filter"] for one in known if one["subscriptionId"] == each["id"]]
            if body is not None and all(_passes(one, group[0].values) for one in own):
                journal.keep(connection, body)
                break  # one subscription that asks for it is enough


def snapshot(portal: Portal, type_id: str, record_id: str, values: Mapping[str, str | None]) -> None:
    """Keep what a record is now."""
    with portal.transaction() as connection:
        change = Change(Kind.CREATION, type_id, record_id, portal.now_ms(), changes.Origin("", ""))
        journal.keep(connection, {**_base(portal, "OBJECT", "SNAPSHOT", change), "properties": dict(values)})


def _grouped(found: Sequence[Change]) -> list[list[Change]]:
    """Property changes of a record in one write together, all others alone."""
    groups: list[list[Change]] = []
    for each in found:
        last = groups[-1][0] if groups else None
        same = last is not None and last.kind is each.kind is Kind.PROPERTY
        if same and last is not None and (last.type_id, last.record_id) == (each.type_id, each.record_id):
            groups[-1].append(each)
        else:
            groups.append([each])
    return groups


def _body(portal: Portal, each: Subscription, group: Sequence[Change]) -> dict[str, Any] | None:
    """The event, or None when the subscription is about something else."""
    change = group[0]
    action = _ACTIONS.get(change.kind, "")
    if change.kind is Kind.ASSOCIATION:
        action = "ASSOCIATION_REMOVED" if change.details["removed"] else "ASSOCIATION_ADDED"
    if action not in each["actions"] or action not in TYPES[each["subscriptionType"]]:
        return None
    if each["objectTypeId"] not in ("", change.type_id):
        return None
    if each["objectIds"] and int(change.record_id) not in each["objectIds"]:
        return None
    own = _own(each, group)
    return None if own is None else {**_base(portal, each["subscriptionType"], action, change), **own}


def _base(portal: Portal, kind: str, action: str, change: Change) -> dict[str, Any]:
    return {
        "type": kind,
        "portalId": portal.settings.portal_id,
        "occurredAt": shown(stored(instant(change.at))),
        "action": action,
        "objectTypeId": change.type_id,
        "objectId": int(change.record_id),
    }


def _own(each: Subscription, group: Sequence[Change]) -> dict[str, Any] | None:
    """What this kind of event has besides."""
    change, names = group[0], each["properties"]
    if change.kind is Kind.PROPERTY:
        values = {one.details["name"]: one.details["value"] for one in group}
        told = {name: value for name, value in values.items() if not names or name in names}
        return {"propertyChanges": told} if told else None
    if change.kind is Kind.CREATION:
        return {"propertyChanges": {name: change.values[name] for name in names if name in change.values}}
    if change.kind is Kind.MERGE:
        return {"mergedObjectIds": [int(text) for text in change.details["merged"]]}
    if change.kind is Kind.ASSOCIATION:
        details, others = change.details, each["associatedObjectTypeIds"]
        if others and details["to_type"] not in others:
            return None
        told = {"associatedObjectTypeId": details["to_type"], "associatedObjectId": int(details["to_id"])}
        return {**told, "associationCategory": details["category"], "associationTypeId": details["kind"]}
    if change.kind in (Kind.LISTED, Kind.UNLISTED):
        number = int(change.details["list"])
        return {"listId": number} if not each["listIds"] or number in each["listIds"] else None
    return {}


def _passes(given: Mapping[str, Any], values: Mapping[str, str]) -> bool:
    """Whether the record has what every condition asks for."""
    return all(_holds(each, values.get(text(each, "property"), "")) for each in given["conditions"])


def _holds(condition: Mapping[str, Any], value: str) -> bool:
    listed = texts(condition, "values") or [text(condition, "value")]
    return _OPERATORS[text(condition, "operator")](value, listed)


def _order(value: str, other: str) -> int:
    """-1, 0, 1: by number where both are numbers, else by text."""
    try:
        one, two = Decimal(value), Decimal(other)
        return (one > two) - (one < two)
    except InvalidOperation:
        return (value > other) - (value < other)


_OPERATORS: dict[str, Callable[[str, list[str]], bool]] = {
    "EQ": lambda value, given: _order(value, given[0]) == 0,
    "N_EQ": lambda value, given: _order(value, given[0]) != 0,
    "LT": lambda value, given: value != "" and _order(value, given[0]) < 0,
    "LTE": lambda value, given: value != "" and _order(value, given[0]) <= 0,
    "GT": lambda value, given: value != "" and _order(value, given[0]) > 0,
    "GTE": lambda value, given: value != "" and _order(value, given[0]) >= 0,
    "CONTAINS": lambda value, given: given[0].lower() in value.lower(),
    "STARTS_WITH": lambda value, given: value.lower().startswith(given[0].lower()),
    "ENDS_WITH": lambda value, given: value.lower().endswith(given[0].lower()),
    "IN": lambda value, given: value in given,
    "NOT_IN": lambda value, given: value not in given,
    "IS_EMPTY": lambda value, given: value == "",
    "IS_NOT_EMPTY": lambda value, given: value != "",
}


def _object(portal: Portal, body: Mapping[str, Any], kind: str) -> str:
    """The object's type id; list memberships are of any object."""
    spelled = text(body, "objectTypeId")
    if kind == "LIST_MEMBERSHIP" and not spelled:
        return ""
    if not spelled:
        raise invalid("Some required fields were not set: [objectTypeId]")
    return definitions.required_type(portal, spelled).type_id


def _numbers(body: Mapping[str, Any], name: str) -> list[int]:
    found = texts(body, name)
    if not all(each.isdecimal() and len(each) <= 18 for each in found):
        raise invalid(f"Invalid input JSON: {name} must be numbers")
    return [int(each) for each in found]


def _number(portal: Portal) -> int:
    number = int(portal.state("journal_number") or 0) + 1
    portal.put_state("journal_number", number)
    return number
