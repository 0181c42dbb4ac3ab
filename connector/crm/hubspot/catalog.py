"""What does the portal say of its objects: their properties, links, labels, pipelines, and what is hidden from us?

Properties of an object are asked for once, and once whether its records may be read; labels of a pair of objects once
and only when a link of that pair is wanted; pipelines once. After five minutes, or after `forget`, all is asked anew.
An object that is absent or hidden is None, and `why_absent` says which.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.crm.base import Field, ObjectSchema
from connector.crm.hubspot import kinds
from connector.crm.hubspot.faults import MissingScopes, Refusal
from connector.crm.hubspot.kinds import (
    ID_FIELD,
    LINK,
    STANDARD,
    TEXT_LENGTH,
    Label,
    Link,
    ObjectKind,
    Property,
    property_field,
    slug,
)
from connector.crm.hubspot.sources import HISTORY, SOURCES, history_schema, source_schema
from connector.crm.hubspot.wire import DETAILS, Wire

__all__ = [
    "ID_FIELD",
    "LINK",
    "TEXT_LENGTH",
    "Catalog",
    "Label",
    "Link",
    "ObjectKind",
    "PortalSchema",
    "Property",
    "property_field",
    "slug",
]

ABSENT = "no such object in this portal"
CUSTOM = "custom objects"
ENTERPRISE = "custom objects need an Enterprise subscription"
PIPELINES = "pipelines of {}"
KEPT_FOR = 300.0  # seconds; a process that runs for days sees what an admin adds


@dataclass(frozen=True, slots=True)
class PortalSchema(ObjectSchema):
    """A schema whose links are looked up when somebody names one: each pair of objects costs a call.

    `fields` lists the plain links to HubSpot's own objects; `field` finds labelled ones and custom objects too.
    """

    link: Callable[[str], Field | None] = field(default=lambda _: None, compare=False, repr=False)

    def field(self, name: str) -> Field | None:
        """The field of that name, case aside; None where it is absent or hidden."""
        if name.lower().startswith(LINK):
            found = self.link(name.lower())
            if found is not None:
                return found
            return next((f for f in self.fields if f.name == name.lower() and not f.calculated), None)
        return ObjectSchema.field(self, name)


class Catalog:
    """The schema of one portal, read once and kept."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._lock = threading.RLock()
        self._kept: dict[tuple[str, ...], tuple[float, Any]] = {}  # asked when, and what was said
        self._hidden: dict[str, str] = {}

    def forget(self) -> None:
        """Ask the portal anew from here on."""
        with self._lock:
            self._kept.clear()
            self._hidden.clear()

    def why_absent(self, name: str) -> str:
        """Why the object was not found: the portal lacks it, or a scope is missing; said once it was asked for."""
        lower = name.lower()
        custom = lower not in STANDARD and lower not in SOURCES
        behind = {"deal_stages": PIPELINES.format("deals"), HISTORY: "deals"}.get(lower, CUSTOM if custom else "")
        return self._hidden.get(lower) or self._hidden.get(behind) or ABSENT

    def kind_of(self, name: str) -> ObjectKind | None:
        """The kind of record of that name, type id or full name; None when it is absent or hidden."""
        found = self.known(name)
        return found if found is not None and self.properties(found.name) is not None else None

    def known(self, name: str) -> ObjectKind | None:
        """As `kind_of`, without asking whether HubSpot's own objects are hidden."""
        lower = name.lower()
        own = STANDARD.get(lower) or next((each for each in STANDARD.values() if each.type_id == lower), None)
        return own or self._customs().get(lower)

    def _customs(self) -> dict[str, ObjectKind]:
        found: dict[str, ObjectKind] = self._once(("schemas",), self._ask_customs)
        return found

    def _ask_customs(self) -> dict[str, ObjectKind]:
        answer = self._visible(CUSTOM, lambda: self._wire.client.crm.schemas.core_api.get_all())
        if answer is None:  # no other portal can grant the scope
            self._hidden[CUSTOM] += f"; {ENTERPRISE}"
        found: dict[str, ObjectKind] = {}
        for each in (answer or {}).get("results") or ():
            if each.get("archived"):
                continue
            kind = kinds.custom_kind(each)
            names = (kind.name, kind.type_id, str(each.get("fullyQualifiedName") or kind.name))
            found |= {name.lower(): kind for name in names}
        return found

    def properties(self, name: str) -> dict[str, Property] | None:
        """The definitions of the object's properties by name; None when it is absent or hidden."""
        kind = self.known(name)
        return None if kind is None else self._definitions(kind.api, kind.name)

    def account(self) -> Mapping[str, Any]:
        """What the portal says of itself: portalId, timeZone, companyCurrency, uiDomain; empty for another server."""
        found: Mapping[str, Any] = self._once(("account",), lambda: self._wire.call("GET", DETAILS).json())
        return found if isinstance(found, Mapping) else {}

    def campaign_fields(self) -> tuple[Field, ...]:
        """The properties of marketing campaigns; none where the portal does not list them."""
        found = self._definitions("campaigns", "properties of campaigns") or {}
        return tuple(property_field(each) for name, each in found.items() if name != ID_FIELD)

    def _definitions(self, api: str, name: str) -> dict[str, Property] | None:
        def ask() -> dict[str, Property] | None:
            answer = self._visible(name, lambda: self._wire.client.crm.properties.core_api.get_all(api))
            if answer is None:
                return None
            return {each["name"]: each for each in answer.get("results") or () if not each.get("archived")}

        found: dict[str, Property] | None = self._once(("properties", name), ask)
        return found

    def schema(self, name: str) -> ObjectSchema | None:
        """The object with its fields and links; None when it is absent or hidden."""
        if name.lower() in SOURCES or name.lower() == HISTORY:
            ask = self._history if name.lower() == HISTORY else lambda: source_schema(self._wire, self, name.lower())
            beside: ObjectSchema | None = self._once(("schema", name.lower()), ask)
            return beside
        kind = self.known(name)
        raw = None if kind is None else self.properties(kind.name)
        if kind is None or raw is None or not self._readable(kind):
            return None
        found: ObjectSchema = self._once(("schema", kind.name), lambda: self._schema(kind, raw))
        return found

    def _readable(self, kind: ObjectKind) -> bool:
        """Whether records may be read: the scope for definitions alone does not give that."""

        def ask() -> bool:
            api = self._wire.client.crm.objects.basic_api
            return self._visible(kind.name, lambda: api.get_page(kind.api, limit=1, archived=False)) is not None

        return bool(self._once(("records", kind.name), ask))

    def _history(self) -> ObjectSchema | None:
        return None if self.schema("deals") is None else history_schema()

    def _schema(self, kind: ObjectKind, raw: Mapping[str, Property]) -> ObjectSchema:
        fields = [property_field(each) for each in raw.values()]
        if ID_FIELD not in raw:
            fields.insert(0, kinds.id_field("Record ID"))
        if kind.name == "deals":
            fields += [
                kinds.named_field("dealstage_label", "Deal stage name"),
                kinds.named_field("pipeline_label", "Pipeline"),
                kinds.day_field("closedate_day", "Close date in the portal's time zone"),
            ]
        targets = [
            each for each in STANDARD.values() if each.name not in kinds.UNLINKED and kind.name not in kinds.UNLINKED
        ]
        fields += [kinds.link_field(f"{LINK}{each.name}", each.label, each.name) for each in targets]
        return PortalSchema(
            kind.name,
            kind.label or kind.name,
            tuple(fields),
            createable=True,
            updateable=True,
            cursor=kind.modified,
            deletes=True,
            merges=kind.merges,
            link=lambda name: self.link_field(kind, name),
        )

    def link_field(self, kind: ObjectKind, name: str) -> Field | None:
        """The link field of that name; None when there is no such object or label, or links to it are hidden."""
        link = self.link_of(kind, name)
        return None if link is None else kinds.link_field(name.lower(), link.target.label, link.target.name)

    def link_of(self, kind: ObjectKind, name: str) -> Link | None:
        """What a link field stands for; None when there is no such object or label, or links to it are hidden."""
        whole = name.lower().removeprefix(LINK)
        head, _, label = whole.rpartition("__")
        target = None if head in STANDARD else self.known(whole)
        if target is not None and whole == target.name:
            return None if self._labels(kind, target) is None else Link(target)
        target = self.known(head) if head else None
        if target is None or head != target.name:
            return None
        types = [each for each in self._labels(kind, target) or () if each.label and slug(each.label) == label]
        return Link(target, frozenset((each.category, each.type_id) for each in types)) if types else None

    def labels(self, from_object: str, to_object: str) -> tuple[Label, ...]:
        """The types of links between two objects, seen from the first; empty when one is absent or hidden."""
        one, other = self.known(from_object), self.known(to_object)
        return () if one is None or other is None else self._labels(one, other) or ()

    def _labels(self, one: ObjectKind, other: ObjectKind) -> tuple[Label, ...] | None:
        def ask() -> tuple[Label, ...] | None:
            api = self._wire.client.crm.associations.v4.schema.definitions_api
            answer = self._visible(f"{one.name} to {other.name}", lambda: api.get_all(one.api, other.api))
            return None if answer is None else tuple(map(kinds.label_of, answer.get("results") or ()))

        found: tuple[Label, ...] | None = self._once(("labels", one.name, other.name), ask)
        return found

    def pipelines(self, name: str) -> tuple[Mapping[str, Any], ...] | None:
        """The object's pipelines with their stages as the portal has them; None when they are hidden."""

        def ask() -> tuple[Mapping[str, Any], ...] | None:
            answer = self._visible(
                PIPELINES.format(name), lambda: self._wire.client.crm.pipelines.pipelines_api.get_all(name)
            )
            return None if answer is None else tuple(answer.get("results") or ())

        found: tuple[Mapping[str, Any], ...] | None = self._once(("pipelines", name), ask)
        return found

    def _once(self, key: tuple[str, ...], ask: Callable[[], Any]) -> Any:
        with self._lock:
            at, found = self._kept.get(key, (0.0, None))
            if not at or time.monotonic() - at > KEPT_FOR:
                self._kept[key] = (time.monotonic(), found := ask())
            return found

    def visible(self, name: str, ask: Callable[[], Any]) -> Any:
        """The parsed answer, kept from then on; None where the portal has no such thing or hides it."""
        return self._once(("seen", name), lambda: self._visible(name, ask))

    def _visible(self, name: str, ask: Callable[[], Any]) -> Any:
        try:
            return ask().json() or {}
        except MissingScopes as error:
            self._hidden[name.lower()] = f"hidden: the token lacks the scope {' or '.join(error.scopes) or 'for it'}"
        except Refusal as error:
            if error.status not in (400, 403, 404):
                raise
            self._hidden[name.lower()] = error.message or ABSENT
        return None
