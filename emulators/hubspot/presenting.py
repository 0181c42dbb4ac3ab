"""How a record is told: which properties, with which associations and which history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emulators.hubspot import associations, definitions, history
from emulators.hubspot.definitions import ObjectType
from emulators.hubspot.errors import HubError
from emulators.hubspot.portal import Portal, shown
from emulators.hubspot.records import Record

# what is told of a record when nobody says which properties (recorded with list and read calls without `properties`)
_USUAL = {
    "contacts": ("email", "firstname", "lastname"),
    "companies": ("domain", "name"),
    "deals": ("amount", "closedate", "dealname", "dealstage", "pipeline"),
    "tickets": ("content", "hs_pipeline", "hs_pipeline_stage", "hs_ticket_category", "hs_ticket_priority", "subject"),
    "products": ("description", "name", "price"),
    "line_items": ("quantity", "amount", "name"),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller asked to see of records of one object."""

    obj: ObjectType
    names: tuple[str, ...]  # known ones, sorted, the three that are always told among them
    with_history: tuple[str, ...] = ()
    to: tuple[ObjectType, ...] = ()


def named_object(portal: Portal, spelled: str) -> ObjectType:
    """The object of a path; 400 as recorded for one that the portal does not have or that was hidden."""
    found = definitions.object_type(portal, spelled)
    if found is None or found.type_id in (portal.state("hidden") or ()):
        raise HubError(400, "", f"Unable to infer object type from: {spelled}")
    return found


def wanted(
    portal: Portal,
    obj: ObjectType,
    properties: Sequence[str] = (),
    with_history: Sequence[str] = (),
    to: Iterable[str] = (),
) -> Wanted:
    """What to tell; property names that the portal does not know are dropped without a word."""
    known = definitions.of(portal, obj.type_id)
    asked = properties or (() if with_history else _USUAL.get(obj.name, ()))
    names = {name for name in (*asked, *with_history) if name in known}
    always = {"hs_object_id", obj.created, obj.modified}
    histories = tuple(name for name in with_history if name in known)
    return Wanted(obj, tuple(sorted(names | always)), histories, tuple(named_object(portal, text) for text in to))


def documents(portal: Portal, found: Sequence[Record], want: Wanted) -> list[dict[str, Any]]:
    """The records as HubSpot tells them, in the same order."""
    obj, names = want.obj, want.names
    base = _address(portal, obj)
    told: list[dict[str, Any]] = []
    for record in found:
        document = _document(record, obj, base)
        of = record.properties.get
        properties: dict[str, Any] = {name: of(name) for name in names}
        properties["hs_object_id"] = record.id  # these three are among the names: their places stay
        properties[obj.created], properties[obj.modified] = document["createdAt"], document["updatedAt"]
        document["properties"] = properties
        told.append(document)
    if want.with_history:
        for record, document in zip(found, told, strict=True):
            document["propertiesWithHistory"] = history.of(portal.connection, record, want.with_history)
    if want.to:
        _associate(portal, obj, told, want.to)
    return told


def written(portal: Portal, record: Record, obj: ObjectType, names: Iterable[str]) -> dict[str, Any]:
    """The answer to a write: these properties and those that are always told; cleared ones as empty text."""
    document = _document(record, obj, _address(portal, obj))
    values = all_values(record, obj)
    shown_names = sorted({*names, "hs_object_id", obj.created, obj.modified})
    document["properties"] = {name: values.get(name, "") for name in shown_names}
    return document


def updated(portal: Portal, record: Record, obj: ObjectType, names: Iterable[str]) -> dict[str, Any]:
    """The answer to an update, as recorded: contacts tell neither id nor creation among the properties."""
    listed = set(names)
    if obj.name != "contacts":
        return written(portal, record, obj, listed)
    document = written(portal, record, obj, listed | ({"hs_email_domain"} if "email" in listed else set()))
    for name in {"hs_object_id", obj.created} - listed:
        del document["properties"][name]
    return document


def all_values(record: Record, obj: ObjectType) -> dict[str, str]:
    """Every property that has a value, the three that the record itself holds among them."""
    return {
        **record.properties,
        "hs_object_id": record.id,
        obj.created: shown(record.created),
        obj.modified: shown(record.modified),
    }


def _document(record: Record, obj: ObjectType, base: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": record.id,
        "properties": {},
        "createdAt": shown(record.created),
        "updatedAt": shown(record.modified),
        "archived": record.archived is not None,
    }
    if record.archived is not None:
        document["archivedAt"] = shown(record.archived)
    document["url"] = base + record.id
    return document


def _address(portal: Portal, obj: ObjectType) -> str:
    settings = portal.settings
    if obj.name == "tasks":
        return f"https://{settings.ui_domain}/tasks/{settings.portal_id}/view/all/task/"
    return f"https://{settings.ui_domain}/contacts/{settings.portal_id}/record/{obj.type_id}/"


def _associate(portal: Portal, obj: ObjectType, told: Sequence[dict[str, Any]], to: Sequence[ObjectType]) -> None:
    """`associations.companies.results[{id, type}]`, one a label; no key for an object without any."""
    ids = [document["id"] for document in told]
    for target in to:
        links: Mapping[str, Sequence[associations.Link]] = associations.of(portal, obj.type_id, ids, target.type_id)
        key = target.qualified if target.custom else target.name.replace("_", " ")
        for document in told:
            found = links.get(document["id"], ())
            if found:
                results = [{"id": link.to_id, "type": link.name} for link in found]
                document.setdefault("associations", {})[key] = {"results": results}
