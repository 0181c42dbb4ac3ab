"""Which kinds of records are there, and what does a property definition of the portal mean as a field?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.core.records import Kind
from connector.crm.base import Field

ID_FIELD = "hs_object_id"
MERGED_IDS = "hs_merged_object_ids"
LINK = "assoc_"
TEXT_LENGTH = 65_536  # characters of any text property
Property = Mapping[str, Any]
"""A property definition as the portal has it."""


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """One kind of record: its name here, its type id ("0-2", "2-123") and the name that paths take."""

    name: str
    type_id: str
    api: str
    modified: str = "hs_lastmodifieddate"
    merges: bool = False
    custom: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """One type of link from records of an object to another's; `label` is None for the plain link."""

    category: str
    type_id: int
    label: str | None


STANDARD = {
    each.name: each
    for each in (
        ObjectKind("contacts", "0-1", "contacts", "lastmodifieddate", merges=True, label="Contacts"),
        ObjectKind("companies", "0-2", "companies", merges=True, label="Companies"),
        ObjectKind("deals", "0-3", "deals", merges=True, label="Deals"),
        ObjectKind("tickets", "0-5", "tickets", label="Tickets"),
        ObjectKind("products", "0-7", "products", label="Products"),
        ObjectKind("line_items", "0-8", "line_items", label="Line items"),
        ObjectKind("quotes", "0-14", "quotes", label="Quotes"),
        ObjectKind("tasks", "0-27", "tasks", label="Tasks"),
        ObjectKind("notes", "0-46", "notes", label="Notes"),
        ObjectKind("meetings", "0-47", "meetings", label="Meetings"),
        ObjectKind("calls", "0-48", "calls", label="Calls"),
        ObjectKind("emails", "0-49", "emails", label="Emails"),
        ObjectKind("users", "0-115", "users", label="Users"),
    )
}
UNLINKED = ("products", "users")
ID_NUMBERS = {
    "associatedcompanyid": "companies",
    "hs_parent_company_id": "companies",
    "hs_primary_associated_company": "companies",
}
"""HubSpot's own properties of type number that hold a record's id, and of what: an id is no quantity."""
KINDS = {
    "bool": Kind.BOOL,
    "date": Kind.DATE,
    "datetime": Kind.INSTANT,
    "number": Kind.NUMBER,
}


@dataclass(frozen=True, slots=True)
class Link:
    """What a link field stands for: all records of `target` that are linked, or those by one of `types`."""

    target: ObjectKind
    types: frozenset[tuple[str, int]] | None = None


def slug(label: str) -> str:
    """A label's text as part of a field name: "Sourcing partner" is sourcing_partner."""
    return re.sub(r"[^a-z0-9]+", "_", label.lower()).strip("_")


def property_field(raw: Property) -> Field:
    """A property definition as a field."""
    name, kind = str(raw["name"]), _kind(raw)
    if name == ID_FIELD:
        return id_field(raw.get("label") or "Record ID")
    frozen = bool((raw.get("modificationMetadata") or {}).get("readOnlyValue"))
    calculated = bool(raw.get("calculated")) or str(raw.get("fieldType") or "").startswith("calculation")
    listed = raw.get("type") == "enumeration" and not raw.get("externalOptions") and kind is Kind.TEXT
    options = tuple(str(each["value"]) for each in raw.get("options") or ()) if listed else ()
    return Field(
        name=name,
        label=raw.get("label") or name,
        kind=kind,
        createable=not (frozen or calculated),
        updateable=not (frozen or calculated),
        calculated=calculated,
        unique_key=bool(raw.get("hasUniqueValue")),
        length=TEXT_LENGTH if kind is Kind.TEXT and not listed else None,
        options=options,
        restricted=bool(options),
        multiple=raw.get("type") == "enumeration" and raw.get("fieldType") == "checkbox",
        references=(ID_NUMBERS.get(name, "owners"),) if kind is Kind.ID else (),
    )


def _kind(raw: Property) -> Kind:
    if raw.get("referencedObjectType") == "OWNER" or raw["name"] in ID_NUMBERS:
        return Kind.ID
    money = raw.get("showCurrencySymbol") or raw.get("numberDisplayHint") == "currency" or raw["name"] == "amount"
    if raw.get("type") == "number" and money:
        return Kind.MONEY
    return KINDS.get(str(raw.get("type")), Kind.TEXT)


def id_field(label: str) -> Field:
    return Field(ID_FIELD, label, Kind.ID, nullable=False, unique_key=True)


def day_field(name: str, label: str) -> Field:
    return Field(name, label, Kind.DATE)


def named_field(name: str, label: str) -> Field:
    return Field(name, label, Kind.TEXT, calculated=True)


def link_field(name: str, label: str, target: str) -> Field:
    return Field(
        name,
        f"Linked {label.lower()}",
        Kind.ID,
        createable=True,
        calculated=True,
        multiple=True,
        references=(target,),
    )


def custom_kind(raw: Mapping[str, Any]) -> ObjectKind:
    type_id = str(raw.get("objectTypeId") or raw.get("id"))
    label = (raw.get("labels") or {}).get("plural") or raw["name"]
    return ObjectKind(str(raw["name"]).lower(), type_id, type_id, custom=True, label=str(label))


def label_of(raw: Mapping[str, Any]) -> Label:
    return Label(str(raw.get("category") or ""), int(raw["typeId"]), raw.get("label"))
