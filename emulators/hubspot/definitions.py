"""Which objects and properties this portal has, HubSpot's own and custom ones, and how they are kept and printed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from emulators.hubspot import catalog
from emulators.hubspot.bodies import whole
from emulators.hubspot.catalog.shapes import Definition, Group, ObjectType, Option
from emulators.hubspot.errors import HubError, invalid

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal

DDL = """
CREATE TABLE IF NOT EXISTS property (
  type TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, readable_from INTEGER NOT NULL,
  PRIMARY KEY (type, name));
CREATE TABLE IF NOT EXISTS custom_object (
  number INTEGER PRIMARY KEY, name TEXT NOT NULL, body TEXT NOT NULL, archived INTEGER NOT NULL);
"""
_FEATURES = {"quotes": "quotes", "campaigns": "campaigns"}  # objects that a portal may lack


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was read of one object: valid while the stamp is the file's."""

    stamp: str
    every: dict[str, Definition]
    live: dict[str, Definition]
    waiting: dict[str, int]  # name -> epoch ms from which it is readable


_KEPT: WeakKeyDictionary[Portal, dict[str, _Kept]] = WeakKeyDictionary()


def object_type(portal: Portal, spelled: str) -> ObjectType | None:
    """The object of that name: `companies`, `company`, `COMPANY`, `0-2`, `2-7`, `requests`, `p123_requests`.

    None for an unknown one, and for one that this portal's edition lacks.
    """
    known = _spellings().get(spelled.strip().lower())
    if known is not None:
        needed = _FEATURES.get(known.name)
        return known if needed is None or portal.settings.has(needed) else None
    return next((each for each in custom_objects(portal) if spelled.lower() in _names(each)), None)


def required_type(portal: Portal, spelled: str) -> ObjectType:
    """`object_type`, or 400 as recorded for a name that the portal does not have, or that is hidden."""
    found = object_type(portal, spelled)
    if found is None or found.type_id in (portal.state("hidden") or ()):
        raise HubError(400, "", f"Unable to infer object type from: {spelled}")
    return found


def object_types(portal: Portal) -> Iterator[ObjectType]:
    """Every object of this portal."""
    yield from (each for each in catalog.OBJECTS if object_type(portal, each.name) is not None)
    yield from custom_objects(portal)


def custom_objects(portal: Portal) -> tuple[ObjectType, ...]:
    """The custom objects that are not archived, oldest first."""
    rows = portal.connection.execute("SELECT body FROM custom_object WHERE archived = 0 ORDER BY number")
    return tuple(custom_type(portal, json.loads(body)) for (body,) in rows)


def custom_type(portal: Portal, schema: dict[str, Any]) -> ObjectType:
    """The object that a kept schema describes."""
    return ObjectType(
        type_id=schema["objectTypeId"],
        name=schema["name"],
        singular=schema["name"],
        label=schema["labels"]["singular"],
        plural_label=schema["labels"]["plural"],
        created="hs_createdate",
        modified="hs_lastmodifieddate",
        custom=True,
        scope="custom",
        primary=schema.get("primaryDisplayProperty", ""),
        qualified=f"p{portal.settings.portal_id}_{schema['name']}",
        required=tuple(schema.get("requiredProperties", ())),
    )


def of(portal: Portal, type_id: str) -> dict[str, Definition]:
    """The object's properties by name; not the archived ones, nor new ones that HubSpot does not show yet."""
    kept = _kept(portal, type_id)
    now = portal.now_ms() if kept.waiting else 0
    late = {name for name, since in kept.waiting.items() if since > now}
    return {name: each for name, each in kept.live.items() if name not in late} if late else kept.live


def every(portal: Portal, type_id: str) -> dict[str, Definition]:
    """All definitions by name, archived and not yet readable ones too."""
    return _kept(portal, type_id).every


def stamp(portal: Portal) -> str:
    """Moves whenever a definition, pipeline or schema changes."""
    return str(portal.state("definitions") or "")


def put(portal: Portal, type_id: str, definition: Definition, readable_from: int = 0) -> None:
    """Keep a definition in place of the one of that name; `readable_from` is an instant in epoch milliseconds."""
    body = json.dumps(asdict(definition))
    with portal.transaction() as connection:
        values = (type_id, definition.name, body, readable_from)
        connection.execute("INSERT OR REPLACE INTO property VALUES (?, ?, ?, ?)", values)
        changed(portal)


def changed(portal: Portal) -> None:
    """What was read of definitions is stale, on all threads when the present transaction is committed."""
    portal.put_state("definitions", uuid.uuid4().hex)


def option_from(body: dict[str, Any], order: int) -> Option:
    """An option as callers send it; 400 when value or label is missing."""
    value, label = body.get("value"), body.get("label")
    if not isinstance(value, str) or not value or not isinstance(label, str) or not label:
        raise invalid("Property options must have a label and a value.")
    return Option(
        value=value,
        label=label,
        display_order=whole(body.get("displayOrder"), "displayOrder", order),
        hidden=bool(body.get("hidden", False)),
        description=str(body.get("description") or ""),
    )


# HubSpot's own definitions that were recorded with `archived` and `showCurrencySymbol` although both are false
_TELLING = frozenset(
    (
        "hs_first_engagement_object_id",
        "hs_sa_first_engagement_date",
        "hs_sa_first_engagement_descr",
        "hs_sa_first_engagement_object_type",
        "hs_time_to_first_engagement",
    )
)


def printed(definition: Definition) -> dict[str, Any]:
    """A definition as HubSpot prints it."""
    each = definition
    quiet = each.hubspot_defined and each.name not in _TELLING
    found: dict[str, Any] = {
        "updatedAt": each.updated_at or None,
        "createdAt": each.created_at or None,
        "name": each.name,
        "label": each.label,
        "type": each.type,
        "fieldType": each.field_type,
        "description": each.description,
        "groupName": each.group,
        "options": [_printed_option(option) for option in each.options],
        "referencedObjectType": each.referenced or None,
        "createdUserId": each.created_by or None,
        "updatedUserId": each.updated_by or None,
        "displayOrder": each.display_order,
        "calculated": each.calculated,
        "externalOptions": each.external_options,
        "archived": None if quiet and not each.archived else each.archived,
        "archivedAt": each.archived_at or None,
        "hasUniqueValue": each.unique,
        "hidden": each.hidden,
        "hubspotDefined": True if each.hubspot_defined else None,
        "showCurrencySymbol": each.currency_symbol or (None if quiet else False),
        "numberDisplayHint": each.number_hint or None,
        "textDisplayHint": each.text_hint or None,
        "calculationFormula": each.formula or None,
        "modificationMetadata": {
            "archivable": not each.hubspot_defined,
            "readOnlyDefinition": each.hubspot_defined,
            "readOnlyValue": each.read_only,
        },
        "formField": each.form_field,
        "dataSensitivity": each.sensitivity,
    }
    return {key: value for key, value in found.items() if value is not None}


def unknown_property(name: str) -> HubError:
    """404 for a definition that is not there."""
    return HubError(
        404,
        "OBJECT_NOT_FOUND",
        f"Property {name} does not exist",
        "Properties.PROPERTY_NOT_FOUND",
    )


def _printed_option(option: Option) -> dict[str, Any]:
    found: dict[str, Any] = {"label": option.label, "value": option.value}
    if option.description:
        found["description"] = option.description
    return {**found, "displayOrder": option.display_order, "hidden": option.hidden}


def _kept(portal: Portal, type_id: str) -> _Kept:
    kept, now = _KEPT.setdefault(portal, {}), stamp(portal)
    found = kept.get(type_id)
    if found is None or found.stamp != now:
        found = kept[type_id] = _read(portal, type_id, now)
    return found


def _read(portal: Portal, type_id: str, now: str) -> _Kept:
    found = dict(_own(portal, type_id))
    waiting: dict[str, int] = {}
    rows = portal.connection.execute(
        "SELECT name, body, readable_from FROM property WHERE type = ? ORDER BY name", (type_id,)
    )
    for name, body, since in rows:
        found[name] = _definition(json.loads(body))
        if since:
            waiting[name] = since
    live = {name: each for name, each in found.items() if not each.archived}
    return _Kept(now, found, live, waiting)


def _own(portal: Portal, type_id: str) -> dict[str, Definition]:
    """HubSpot's own definitions."""
    from emulators.hubspot import pipelines  # it needs this module

    standard = next((each for each in catalog.OBJECTS if each.type_id == type_id), None)
    if standard is None:
        custom = next((each for each in custom_objects(portal) if each.type_id == type_id), None)
        if custom is None:
            return {}
        own = catalog.common(f"{custom.name}_information", custom.label)
        return {each.name: replace(each, created_at="", updated_at="") for each in own}
    found = dict(catalog.properties(standard.name))
    stages: Iterator[tuple[str, str]] = iter(())
    if standard.name == "deals":
        stages = ((stage["id"], stage["label"]) for stage in pipelines.stages(portal, type_id).values())
    elif standard.name == "companies":
        stages = ((option.value, option.label) for option in found["lifecyclestage"].options)
    group = "dealstages" if standard.name == "deals" else "companylcs"
    return found | {each.name: each for each in catalog.stage_properties(stages, group)}


def _definition(body: dict[str, Any]) -> Definition:
    return Definition(**{**body, "options": tuple(Option(**option) for option in body["options"])})


@cache
def _spellings() -> dict[str, ObjectType]:
    return {name: each for each in catalog.OBJECTS for name in _names(each)}


def _names(each: ObjectType) -> tuple[str, ...]:
    return (each.type_id, each.name.lower(), each.singular.lower(), each.qualified.lower())


__all__ = ["DDL", "Definition", "Group", "ObjectType", "Option", "object_type", "of"]
