"""Which associations does a write ask for, under which type ids, and making those that no create can carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from connector.crm.base import Scalar
from connector.crm.hubspot.catalog import Catalog
from connector.crm.hubspot.kinds import LINK, Label, slug

DEFAULT_CATEGORY = "HUBSPOT_DEFINED"


@dataclass(frozen=True, slots=True)
class Link:
    """One association to make: the other object as paths name it, its record, and the kind of link."""

    to_object: str
    to_id: str
    category: str
    type_id: int

    @property
    def types(self) -> list[dict[str, Any]]:
        """The kind of link as HubSpot takes it."""
        return [{"associationCategory": self.category, "associationTypeId": self.type_id}]

    def for_create(self) -> dict[str, Any]:
        """The association within a create."""
        return {"to": {"id": self.to_id}, "types": self.types}

    def between(self, from_id: str) -> dict[str, Any]:
        """The association of two records that are there."""
        return {"from": {"id": from_id}, "to": {"id": self.to_id}, "types": self.types}


def is_link(name: str) -> bool:
    """Whether a field is a virtual one that stands for associations."""
    return name.lower().startswith(LINK)


def links(catalog: Catalog, from_object: str, name: str, value: Scalar) -> tuple[Link, ...]:
    """The associations that `assoc_<object>[__label]` asks for. ValueError when the portal has no such link.

    Without a label it is the type that HubSpot itself gives an unlabelled association of the two objects.
    """
    if value is None or value == "":
        return ()
    wanted, label = name.lower().removeprefix(LINK), ""
    kind = catalog.known(wanted)
    if kind is None:
        wanted, _, label = wanted.rpartition("__")
        kind = catalog.known(wanted)
    if kind is None:
        raise ValueError(f"{name}: the portal has no such object")
    found = _type(catalog.labels(from_object, wanted), label)
    if found is None:
        what = f"the label {label!r}" if label else "an unlabelled association"
        raise ValueError(f"{name}: the portal has no {what} from {from_object} to {wanted}")
    ids = dict.fromkeys(each.strip() for each in str(value).split(";"))
    return tuple(Link(kind.api, each, found.category, found.type_id) for each in ids if each)


def _type(known: Sequence[Label], label: str) -> Label | None:
    if label:
        return next((each for each in known if each.label and slug(each.label) == label), None)
    plain = [each for each in known if not each.label]
    return next((each for each in plain if each.category == DEFAULT_CATEGORY), plain[0] if plain else None)
