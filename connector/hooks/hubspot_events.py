"""What do HubSpot's webhook events say? A batch becomes hints: records to be read again ("Webhooks API").

Events come at least once, in any order, and their `eventId` is not unique: news is the same when portal,
subscription, event, object, property and moment are the same. `propertyValue` is never believed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.hooks.hint import Happened, Hint, Sender
from connector.hooks.json_text import NotJson, instant, number_text, parsed, word
from connector.hooks.refusals import Refusal, Told
from connector.hooks.wanted import Wanted

MOST = 1000  # events of one request; HubSpot sends fewer than 100
CLASSIC = {
    "contact": "contacts",
    "company": "companies",
    "deal": "deals",
    "ticket": "tickets",
    "product": "products",
    "line_item": "line_items",
}
"""The first word of a subscription's type -> the object's name."""
TYPE_IDS = {
    "0-1": "contacts",
    "0-2": "companies",
    "0-3": "deals",
    "0-5": "tickets",
    "0-7": "products",
    "0-8": "line_items",
    "0-14": "quotes",
    "0-18": "communications",
    "0-27": "tasks",
    "0-35": "campaigns",
    "0-46": "notes",
    "0-47": "meetings",
    "0-48": "calls",
    "0-49": "emails",
    "0-53": "invoices",
    "0-54": "marketing_events",
    "0-69": "subscriptions",
    "0-101": "payments",
    "0-115": "users",
    "0-116": "postal_mail",
    "0-123": "orders",
    "0-136": "leads",
    "0-142": "carts",
    "0-162": "services",
}
"""HubSpot's own object type ids; custom objects are "2-..." and differ between portals."""
_HAPPENED = {
    "creation": Happened.CHANGED,
    "propertyChange": Happened.CHANGED,
    "restore": Happened.CHANGED,
    "deletion": Happened.DELETED,
    "privacyDeletion": Happened.DELETED,
    "merge": Happened.MERGED,
    "associationChange": Happened.LINKED,
}
_SOURCES = ("INTEGRATION", "API")  # whose sourceId is an application's


@dataclass(frozen=True, slots=True)
class Portal:
    """One connection to which the events of a request may belong."""

    connection: str
    portal_id: str
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class Record:
    """A record that an event names; `type` is a name of HubSpot's own object, or a custom object's type id."""

    type: str
    id: str


def told(body: bytes, portals: tuple[Portal, ...]) -> dict[str, Told] | Refusal:
    """Connection -> what the body says to it, for every one of `portals`; a Refusal when it is no list of events.

    Events of portals that are not among them, and events in an unknown form, count with the first portal: nobody
    must send them again.
    """
    try:
        events = parsed(body)
    except NotJson:
        return Refusal.MALFORMED
    if not isinstance(events, list) or len(events) > MOST or not all(isinstance(each, dict) for each in events):
        return Refusal.MALFORMED
    by_id = {portal.portal_id: portal for portal in portals}
    found: dict[str, list[Told]] = {portal.connection: [] for portal in portals}
    for event in events:
        portal = by_id.get(number_text(event.get("portalId")))
        name = (portal or portals[0]).connection
        found[name].append(_one(event, portal.wanted) if portal else Told(unmapped=1))
    return {name: _sum(parts) for name, parts in found.items()}


def _sum(parts: Sequence[Told]) -> Told:
    """All of them as one; each hint once."""
    return Told(
        tuple({hint.key: hint for each in parts for hint in each.hints}.values()),
        sum(each.echoes for each in parts),
        sum(each.unmapped for each in parts),
        sum(each.strange for each in parts),
    )


def _one(event: Mapping[str, Any], wanted: Wanted) -> Told:
    prefix, _, kind = word(event.get("subscriptionType")).partition(".")
    happened = _HAPPENED.get(kind)
    if happened is None:
        return Told(unmapped=1) if kind else Told(strange=1)
    records = tuple(_records(event, prefix, kind))
    if not records:
        return Told(strange=1)
    field, writer = word(event.get("propertyName")), _writer(event)
    if wanted.echo(field, writer):
        return Told(echoes=1)
    named = [(name, each) for each in records if (name := _named(each.type, wanted))]
    if not named:
        return Told(unmapped=1)
    news = _news(event)
    return Told(
        tuple(
            Hint(
                sender=Sender.HUBSPOT,
                object=name,
                record_id=each.id,
                happened=happened,
                key=f"{news}/{each.type}/{each.id}",
                occurred_at=instant(event.get("occurredAt")),
                property=field,
                written_by=writer,
            )
            for name, each in named
        )
    )


def _writer(event: Mapping[str, Any]) -> str:
    return word(event.get("sourceId")) if event.get("changeSource") in _SOURCES else ""


def _named(type_: str, wanted: Wanted) -> str | None:
    """The object as the mapping writes it. A custom object goes by its type id: only the portal knows its name."""
    if type_.startswith("2-"):
        return wanted.object(type_) or (type_ if any(_custom(name) for name in wanted.objects) else None)
    return wanted.object(type_)


def _custom(name: str) -> bool:
    return name not in TYPE_IDS.values() and name not in DERIVED


DERIVED = ("owners", "deal_stages", "deal_stage_history", "exchange_rates")
"""Objects of the connector's own making: no event names them."""


def _news(event: Mapping[str, Any]) -> str:
    parts = ("portalId", "subscriptionId", "eventId", "occurredAt")
    numbers = [number_text(event.get(name)) or "-" for name in parts]
    return "/".join((*numbers, word(event.get("propertyName")), str(bool(event.get("associationRemoved")))[0]))


def _records(event: Mapping[str, Any], prefix: str, kind: str) -> Iterator[Record]:
    """Every record that the event is about: both ends of an association, all records of a merge."""
    own = _type(event.get("objectTypeId")) if prefix == "object" else CLASSIC.get(prefix, prefix)
    if kind == "associationChange":
        yield from _ends(event, own)
        return
    ids = [event.get("objectId")]
    if kind == "merge":
        merged = event.get("mergedObjectIds")
        ids = [event.get("newObjectId"), event.get("primaryObjectId"), *ids]
        ids += merged[:MOST] if isinstance(merged, list) else []
    for number in dict.fromkeys(filter(None, map(number_text, ids))):
        if own:
            yield Record(own, number)


def _ends(event: Mapping[str, Any], own: str) -> Iterator[Record]:
    """The classic form names the kind ("DEAL_TO_COMPANY"), the generic one both objects' type ids."""
    here = _type(event.get("fromObjectTypeId")) or own
    there = _type(event.get("toObjectTypeId")) or _target(word(event.get("associationType")))
    for type_, number in ((here, event.get("fromObjectId")), (there, event.get("toObjectId"))):
        if type_ and number_text(number):
            yield Record(type_, number_text(number))


def _target(kind: str) -> str:
    target = kind.lower().partition("_to_")[2]
    return next((name for first, name in CLASSIC.items() if first in target), "")


def _type(type_id: object) -> str:
    """A type id as the name of HubSpot's own object, or as it stands; empty for what is none."""
    text = word(type_id)
    first, _, number = text.partition("-")
    if first not in ("0", "2") or not number_text(number):
        return ""
    return TYPE_IDS.get(text, text)
