"""What is told of a change to those who subscribed: events that wait in the file until they are delivered."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from weakref import WeakKeyDictionary

from emulators.hubspot import definitions, labels, webhooks
from emulators.hubspot.changes import Change, Kind
from emulators.hubspot.portal import Portal
from emulators.hubspot.webhooks import Subscription
from emulators.loopback.clock import parse_instant, stored

DDL = """
CREATE TABLE IF NOT EXISTS webhook_event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, twin INTEGER, due TEXT NOT NULL, attempt INTEGER NOT NULL,
  body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS webhook_event_due ON webhook_event (due, seq);
"""
_FLAGS = {Kind.CREATION: "CREATED", Kind.DELETION: "DELETED", Kind.PRIVACY: "DELETED"}
_WAKE: WeakKeyDictionary[Portal, Callable[[], None]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that is not delivered yet; `twin` is the number of the event that it repeats."""

    seq: int
    twin: int | None
    due: str
    attempt: int
    body: str

    def printed(self, portal: Portal, *, repeat_ids: bool) -> dict[str, Any]:
        """The event as it is posted."""
        number = self.seq if self.twin is None else self.twin
        body: dict[str, Any] = json.loads(self.body)
        event_id = random.Random(f"event/{portal.seed}/{number // 2 if repeat_ids else number}").randrange(1, 1 << 32)
        return {"eventId": event_id, **body, "attemptNumber": self.attempt}


def wake_with(portal: Portal, wake: Callable[[], None]) -> None:
    """Whom to call when events have come."""
    _WAKE[portal] = wake


def take(portal: Portal, connection: sqlite3.Connection, found: Sequence[Change]) -> None:
    """Keep the events of these changes; they are delivered after the present transaction."""
    active = [(each, each.type_id(portal)) for each in webhooks.subscriptions(portal) if each.active]
    wire = webhooks.wire(portal)
    due = stored(portal.now() + timedelta(seconds=wire.delay))
    kept = 0
    for change in found:
        for each, type_id in active:
            if type_id != change.type_id or each.kind is not change.kind:
                continue
            body = _body(portal, each, change)
            if body is not None:
                _keep(portal, connection, due, body, wire.duplicates)
                kept += 1
    wake = _WAKE.get(portal)
    if kept and wake is not None:
        wake()


def due(portal: Portal, connection: sqlite3.Connection, most: int) -> list[Waiting]:
    """What is to be delivered by now, in the order in which it happened."""
    text = "SELECT seq, twin, due, attempt, body FROM webhook_event WHERE due <= ? ORDER BY due, seq LIMIT ?"
    return [Waiting(*row) for row in connection.execute(text, (portal.now_text(), most))]


def pending(portal: Portal) -> tuple[int, int]:
    """How many events wait, and how many of them are due."""
    text = "SELECT COUNT(*), COALESCE(SUM(due <= ?), 0) FROM webhook_event"
    waiting, late = portal.connection.execute(text, (portal.now_text(),)).fetchone()
    return int(waiting), int(late)


def forget(connection: sqlite3.Connection, found: Sequence[Waiting]) -> None:
    """Delivered, or given up."""
    connection.executemany("DELETE FROM webhook_event WHERE seq = ?", [(each.seq,) for each in found])


def postpone(connection: sqlite3.Connection, found: Sequence[Waiting], seconds: float) -> None:
    """Try again that many seconds after the time for which this attempt was planned."""
    rows = []
    for each in found:
        later = stored(parse_instant(each.due) + timedelta(seconds=seconds))
        rows.append((later, each.attempt + 1, each.seq))
    connection.executemany("UPDATE webhook_event SET due = ?, attempt = ? WHERE seq = ?", rows)


def _keep(portal: Portal, connection: sqlite3.Connection, due: str, body: dict[str, Any], duplicates: float) -> None:
    text = "INSERT INTO webhook_event (twin, due, attempt, body) VALUES (?, ?, 0, ?)"
    packed = json.dumps(body, ensure_ascii=False)
    seq = connection.execute(text, (None, due, packed)).lastrowid
    if random.Random(f"twice/{portal.seed}/{seq}").random() < duplicates:
        connection.execute(text, (seq, due, packed))


def _body(portal: Portal, each: Subscription, change: Change) -> dict[str, Any] | None:
    """The event without its id; None when the subscription is about something else."""
    own = _own(portal, each, change)
    if own is None:
        return None
    told: dict[str, Any] = {
        "subscriptionId": each.id,
        "portalId": portal.settings.portal_id,
        "appId": portal.settings.app_id,
        "occurredAt": change.at,
        "subscriptionType": each.event_type,
        "attemptNumber": 0,
    }
    if each.generic and change.kind is not Kind.ASSOCIATION:
        told["objectTypeId"] = change.type_id
    told |= own
    if change.kind in _FLAGS:
        told["changeFlag"] = _FLAGS[change.kind]
    told["changeSource"] = change.origin.source
    if change.origin.source_id:
        told["sourceId"] = change.origin.source_id
    return told


def _own(portal: Portal, each: Subscription, change: Change) -> dict[str, Any] | None:
    """What this kind of event has besides; None when the subscription is about something else."""
    details = change.details
    if change.kind is Kind.ASSOCIATION:
        return _association(portal, each, change)
    if change.kind is Kind.MERGE:
        return {
            "primaryObjectId": int(details["primary"]),
            "mergedObjectIds": [int(text) for text in details["merged"]],
            "newObjectId": int(details["new"]),
            "numberOfPropertiesMoved": details["moved"],
        }
    if change.kind is not Kind.PROPERTY:
        return {"objectId": int(change.record_id)}
    if details["name"] != each.property_name:
        return None
    definition = definitions.of(portal, change.type_id).get(each.property_name)
    secret = definition is not None and definition.sensitivity not in ("", "non_sensitive")
    return {
        "objectId": int(change.record_id),
        "propertyName": details["name"],
        "propertyValue": "REDACTED" if secret else details["value"],
        "isSensitive": secret,
    }


def _association(portal: Portal, each: Subscription, change: Change) -> dict[str, Any] | None:
    """Classic subscriptions tell HubSpot's own kinds by name, generic ones all kinds by number."""
    details = change.details
    known = labels.kinds(portal, change.type_id, details["to_type"])
    kind = next((one for one in known if (one.category, one.type_id) == (details["category"], details["kind"])), None)
    if kind is None or (not each.generic and kind.category != labels.OWN):
        return None
    told: dict[str, Any] = {}
    if each.generic:
        told = {
            "associationTypeId": kind.type_id,
            "associationCategory": kind.category,
            "fromObjectTypeId": change.type_id,
            "toObjectTypeId": details["to_type"],
        }
    else:
        told["associationType"] = kind.name.removesuffix("_unlabeled").upper()
    return told | {
        "fromObjectId": int(change.record_id),
        "toObjectId": int(details["to_id"]),
        "associationRemoved": details["removed"],
        "isPrimaryAssociation": kind.primary,
    }
