"""Which webhooks the application has asked for, and where they are sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from emulators.hubspot import changes, definitions
from emulators.hubspot.changes import Kind
from emulators.hubspot.errors import invalid, not_found
from emulators.hubspot.portal import Portal, shown
from emulators.loopback.outgoing import on_this_machine

CLASSIC = ("contact", "company", "deal", "ticket", "product", "line_item")
MOST, CONCURRENT = 1000, 10
_KINDS = tuple(kind for kind in Kind if kind not in (Kind.PRIVACY, Kind.LISTED, Kind.UNLISTED))
TYPES = (*(f"{name}.{kind}" for name in (*CLASSIC, "object") for kind in _KINDS), f"contact.{Kind.PRIVACY}")
_SETTINGS, _SUBSCRIPTIONS, _WIRE = "webhook_settings", "webhook_subscriptions", "webhook_wire"


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription; `object_type_id` of generic (`object.*`) ones, `property_name` of property changes."""

    id: int
    event_type: str
    active: bool
    created: str
    updated: str
    property_name: str = ""
    object_type_id: str = ""

    @property
    def kind(self) -> Kind:
        """What it is about."""
        return Kind(self.event_type.partition(".")[2])

    @property
    def generic(self) -> bool:
        """Whether it is of the form `object.*`."""
        return self.event_type.startswith("object.")

    def type_id(self, portal: Portal) -> str:
        """The object whose changes it tells; empty when the portal does not have that object any more."""
        if self.generic:
            return self.object_type_id
        found = definitions.object_type(portal, self.event_type.partition(".")[0])
        return "" if found is None else found.type_id


@dataclass(frozen=True, slots=True)
class Wire:
    """How deliveries behave; only the control plane changes it."""

    public_url: str = ""  # what is signed in place of the target's address, as behind a proxy
    signature: str = "v1"  # or v2: which of them X-HubSpot-Signature holds
    timeout: float = 5.0  # real seconds until a silent receiver has failed
    delay: float = 0.0  # emulated seconds between a change and its first delivery
    duplicates: float = 0.0  # share of the events that are sent twice
    reorder: bool = False
    repeat_ids: bool = False  # eventId is not unique
    paused: bool = False
    forge: bool = False  # sign with another secret
    skew: float = 0.0  # seconds by which the signed time is off


@dataclass(frozen=True, slots=True)
class Settings:
    """Where events are posted, and how many requests at once."""

    target_url: str
    most: int
    created: str
    updated: str


def settings(portal: Portal) -> Settings | None:
    """The settings; None before they were made."""
    kept = portal.state(_SETTINGS)
    return Settings(**kept) if kept else None


def configure(portal: Portal, target_url: str, most: int) -> Settings:
    """Make or change the settings; 400 for a target that is not on this machine."""
    demand_loopback(target_url)
    if most < 1:
        raise invalid(f"maxConcurrentRequests must be a positive number, not {most}")
    before, now = settings(portal), portal.now_text()
    found = Settings(target_url, most, before.created if before else now, now)
    portal.put_state(_SETTINGS, asdict(found))
    _listen(portal)
    return found


def clear(portal: Portal) -> None:
    """Forget the settings: nothing is sent any more."""
    portal.put_state(_SETTINGS, None)
    _listen(portal)


def demand_loopback(url: str) -> None:
    """400 unless the address leads to this machine: an emulator must never call anybody else."""
    if not on_this_machine(url):
        text = f"The emulator posts webhooks to this machine only (127.0.0.1, ::1, localhost), not to {url!r}"
        raise invalid(f"{text}; use a public_url of the control plane for the address that is signed")


def wire(portal: Portal) -> Wire:
    """How deliveries behave."""
    return Wire(**(portal.state(_WIRE) or {}))


def tune(portal: Portal, values: Mapping[str, Any]) -> Wire:
    """Change names of Wire; ValueError for an unknown one."""
    unknown = sorted(set(values) - set(Wire.__slots__))
    if unknown:
        raise ValueError(f"unknown {', '.join(unknown)}; known are {', '.join(Wire.__slots__)}")
    present = wire(portal)
    found = replace(present, **{name: type(getattr(present, name))(value) for name, value in values.items()})
    if found.signature not in ("v1", "v2"):
        raise ValueError(f"signature is v1 or v2, not {found.signature!r}")
    portal.put_state(_WIRE, asdict(found))
    return found


def subscriptions(portal: Portal) -> tuple[Subscription, ...]:
    """All subscriptions, oldest first."""
    return tuple(Subscription(**each) for each in portal.state(_SUBSCRIPTIONS) or ())


def subscribe(
    portal: Portal, event_type: str, *, active: bool = True, property_name: str = "", object_type: str = ""
) -> Subscription:
    """A new subscription; 400 for a type that HubSpot or this emulator does not have."""
    if event_type not in TYPES:
        raise invalid(f"{event_type!r} is not an event type that is emulated; known are {', '.join(TYPES)}")
    if (event_type.partition(".")[2] == Kind.PROPERTY) is not bool(property_name):
        raise invalid(f"propertyName is required for propertyChange, and for nothing else; the type is {event_type}")
    type_id = ""
    if event_type.startswith("object."):
        if not object_type:
            raise invalid(f"objectTypeId is required for {event_type}")
        type_id = definitions.required_type(portal, object_type).type_id
    kept = subscriptions(portal)
    if len(kept) >= MOST:
        raise invalid(f"An application has at most {MOST} subscriptions")
    number, now = int(portal.state("webhook_number") or 2_000_000) + 1, portal.now_text()
    found = Subscription(number, event_type, active, now, now, property_name, type_id)
    with portal.transaction():
        portal.put_state("webhook_number", number)
        _keep(portal, (*kept, found))
    return found


def subscription(portal: Portal, number: str) -> Subscription:
    """One subscription; 404 for an unknown number."""
    found = next((each for each in subscriptions(portal) if str(each.id) == number), None)
    if found is None:
        raise not_found()
    return found


def activate(portal: Portal, number: str, *, active: bool) -> Subscription:
    """Switch a subscription on or off."""
    found = replace(subscription(portal, number), active=active, updated=portal.now_text())
    _keep(portal, tuple(found if each.id == found.id else each for each in subscriptions(portal)))
    return found


def unsubscribe(portal: Portal, number: str) -> None:
    """Forget a subscription; 404 for an unknown number."""
    gone = subscription(portal, number)
    _keep(portal, tuple(each for each in subscriptions(portal) if each.id != gone.id))


def printed(each: Subscription) -> dict[str, Any]:
    """As the API prints it."""
    found: dict[str, Any] = {
        "id": str(each.id),
        "createdAt": shown(each.created),
        "updatedAt": shown(each.updated),
        "eventType": each.event_type,
        "active": each.active,
    }
    if each.property_name:
        found["propertyName"] = each.property_name
    if each.object_type_id:
        found["objectTypeId"] = each.object_type_id
    return found


def _keep(portal: Portal, found: tuple[Subscription, ...]) -> None:
    with portal.transaction():
        portal.put_state(_SUBSCRIPTIONS, [asdict(each) for each in found])
        _listen(portal)


def _listen(portal: Portal) -> None:
    active = any(each.active for each in subscriptions(portal))
    changes.listen(portal, "webhooks", wanted=active and settings(portal) is not None)
