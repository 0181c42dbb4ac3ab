"""How records change: values are checked, defaults and formulas filled, history and the search index told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emulators.hubspot import (
    associations,
    calculated,
    changes,
    definitions,
    history,
    later,
    merge,
    records,
    search_index,
    validations,
    values,
)
from emulators.hubspot.bodies import whole
from emulators.hubspot.defaults import new_values
from emulators.hubspot.definitions import ObjectType
from emulators.hubspot.errors import HubError, conflict, invalid
from emulators.hubspot.portal import Portal
from emulators.hubspot.records import Record


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes: `source` is the sourceType of property histories."""

    source: str
    source_id: str
    user_id: str
    everything: bool = False  # may set what is read-only for callers

    @classmethod
    def app(cls, portal: Portal) -> Actor:
        """The application, by API."""
        return cls("INTEGRATION", str(portal.settings.app_id), str(portal.settings.user_id))

    @classmethod
    def person(cls, user_id: str) -> Actor:
        """Somebody in the browser."""
        return cls("CRM_UI", f"userId:{user_id}", user_id, everything=True)


@dataclass(frozen=True, slots=True)
class New:
    """One record to make."""

    properties: Mapping[str, Any]
    associations: Sequence[Mapping[str, Any]] = ()
    id: str = ""  # only the control plane chooses ids


def checked(
    portal: Portal, obj: ObjectType, given: Mapping[str, Any], actor: Actor, before: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The given values in stored form; 400 with HubSpot's JSON inside the message when one is not valid."""
    known = definitions.of(portal, obj.type_id)
    found: dict[str, str] = {}
    refused: list[values.Problem] = []
    for name, value in given.items():
        definition = known.get(name)
        if definition is None:
            refused.append(values.unknown(name))
            continue
        kept = (None if actor.everything else values.read_only(definition)) or values.stored(
            definition, value, portal, (before or {}).get(name, "")
        )
        if isinstance(kept, str):
            found[name] = kept
        else:
            refused.append(kept)
    if refused:
        raise values.refusal(portal, refused)
    return found


def unique_names(portal: Portal, obj: ObjectType) -> tuple[str, ...]:
    """The properties by which a record can be found; a contact's e-mail address is one."""
    names = [name for name, each in definitions.of(portal, obj.type_id).items() if each.unique]
    if obj.name == "contacts":
        names.append("email")
    return tuple(dict.fromkeys(name for name in names if name != "hs_object_id"))


def create(portal: Portal, obj: ObjectType, new: Sequence[New], actor: Actor) -> list[tuple[Record, list[str]]]:
    """Make all of them or none; each with the names of the properties that it got, in the order of the inputs."""
    ready = [checked(portal, obj, each.properties, actor) for each in new]
    with portal.transaction() as connection:
        made: list[Record] = []
        for each, given in zip(new, ready, strict=True):
            _demand_required(obj, given, actor)
            record = _begun(portal, obj, given, each.id, actor)
            _refuse_taken(portal, connection, obj, record, creating=True)
            calculated.refresh(portal, obj.type_id, record)
            if not actor.everything:
                validations.check(portal, obj.type_id, record.properties)
            records.save(connection, [record])
            records.hold(connection, record, unique_names(portal, obj))
            made.append(record)
        search_index.created(portal, connection, made)
        for each, record in zip(new, made, strict=True):
            _note(connection, record, {}, record.properties, actor)
            changes.created(portal, connection, record, actor)
            with changes.by(actor):
                for link in each.associations:
                    _link(portal, obj, record, link)
        later.plan(portal, connection, made)
    return [(record, list(record.properties)) for record in made]


def update(
    portal: Portal, obj: ObjectType, changes: Sequence[tuple[str, Mapping[str, Any]]], actor: Actor
) -> tuple[list[tuple[Record, list[str]]], list[str]]:
    """Change live records; (record, told names) of those changed, and the ids that are not there.

    All values are checked before anything is written. A merged record's id stands for its survivor's.
    """
    with portal.transaction() as connection:
        ids = {record_id: merge.survivor(connection, obj.type_id, record_id) for record_id, _ in changes}
        found = records.read(connection, obj.type_id, ids.values())
        ready: list[tuple[str, dict[str, str]]] = []
        for record_id, given in changes:
            held = found.get(ids[record_id])
            ready.append((record_id, checked(portal, obj, given, actor, held.properties if held else None)))
        done: list[tuple[Record, list[str]]] = []
        missing: list[str] = []
        for record_id, given in ready:
            record = found.get(ids[record_id])
            if record is None or record.archived is not None:
                missing.append(record_id)
            else:
                done.append((record, _change(portal, connection, obj, record, given, actor)))
    return done, missing


def archive(portal: Portal, obj: ObjectType, ids: Iterable[str]) -> int:
    """Put live records into the recycling bin; unknown ids are passed over. How many went."""
    with portal.transaction() as connection:
        found = [each for each in records.read(connection, obj.type_id, ids).values() if each.archived is None]
        search_index.changing(portal, connection, found)
        now = portal.now_text()
        for record in found:
            record.archived = record.modified = now
            records.hold(connection, record, ())
        records.save(connection, found)
        changes.about(portal, connection, changes.Kind.DELETION, found)
    return len(found)


def restore(portal: Portal, obj: ObjectType, ids: Iterable[str]) -> int:
    """Take records out of the recycling bin. How many came back."""
    with portal.transaction() as connection:
        found = [each for each in records.read(connection, obj.type_id, ids).values() if each.archived is not None]
        search_index.changing(portal, connection, found)
        for record in found:
            record.archived, record.modified = None, portal.now_text()
            records.hold(connection, record, unique_names(portal, obj))
        records.save(connection, found)
        changes.about(portal, connection, changes.Kind.RESTORE, found)
    return len(found)


def _begun(portal: Portal, obj: ObjectType, given: dict[str, str], record_id: str, actor: Actor) -> Record:
    now = portal.now_text()
    if record_id:
        portal.id_taken(int(record_id))
    created = given.pop(obj.created, "") or now
    given.pop(obj.modified, "")
    given.pop("hs_object_id", "")
    properties = {name: value for name, value in given.items() if value != ""}
    record = Record(obj.type_id, record_id or portal.new_id(), properties, _full(created), now)
    new_values(portal, obj, record, actor.source, actor.source_id, actor.user_id)
    return record


def _change(
    portal: Portal,
    connection: sqlite3.Connection,
    obj: ObjectType,
    record: Record,
    given: dict[str, str],
    actor: Actor,
) -> list[str]:
    before = dict(record.properties)
    search_index.changing(portal, connection, [record])
    told = list(given)
    created = given.pop(obj.created, "")
    given.pop(obj.modified, "")
    for name, value in given.items():
        if value == "":
            record.properties.pop(name, None)
        else:
            record.properties[name] = value
    if created:
        record.created = _full(created)
    record.modified = portal.now_text()
    record.properties["hs_updated_by_user_id"] = actor.user_id
    _refuse_taken(portal, connection, obj, record, creating=False)
    calculated.refresh(portal, obj.type_id, record)
    names = [*before, *(name for name in record.properties if name not in before)]
    changed = [name for name in names if before.get(name) != record.properties.get(name)]
    if not actor.everything:
        validations.check(portal, obj.type_id, record.properties, told)
    records.save(connection, [record])
    records.hold(connection, record, unique_names(portal, obj))
    _note(connection, record, before, changed, actor)
    changes.edited(portal, connection, record, changed, actor)
    return list(dict.fromkeys([*told, *changed]))


def _note(
    connection: sqlite3.Connection, record: Record, before: Mapping[str, str], names: Iterable[str], actor: Actor
) -> None:
    history.note(
        connection,
        record,
        before,
        names,
        source=actor.source,
        source_id=actor.source_id,
        user_id=actor.user_id,
    )


def _demand_required(obj: ObjectType, given: Mapping[str, str], actor: Actor) -> None:
    lacking = [name for name in obj.required if not given.get(name)]
    if lacking and not actor.everything:
        text = f"Error creating {obj.singular.upper()}. Some required properties were not set."
        errors = [{"message": text, "code": "REQUIRED_PROPERTY", "context": {"properties": lacking}}]
        raise HubError(400, "VALIDATION_ERROR", text, errors=errors, context={"properties": lacking})


def _refuse_taken(
    portal: Portal, connection: sqlite3.Connection, obj: ObjectType, record: Record, *, creating: bool
) -> None:
    """A unique value that another live record has: 409 for a new record, 400 for a changed one."""
    for name in unique_names(portal, obj):
        value = record.properties.get(name)
        other = records.holder(connection, obj.type_id, name, value) if value else None
        if other is None or other == record.id:
            continue
        if creating:
            raise conflict(f"{obj.label} already exists. Existing ID: {other}")
        text = f"{other} already has that value."
        raise values.refusal(portal, [values.Problem(name, "CONFLICTING_UNIQUE_VALUE", text)])


def _link(portal: Portal, obj: ObjectType, record: Record, link: Mapping[str, Any]) -> None:
    target = link.get("to")
    to_id = str(target.get("id", "")) if isinstance(target, Mapping) else ""
    types = link.get("types")
    if not to_id or not isinstance(types, list) or not types:
        raise invalid("Invalid input JSON: an association needs to.id and types")
    pairs = [_kind(each) for each in types]
    associations.add_typed(portal, obj.type_id, record.id, to_id, pairs)


def _full(text: str) -> str:
    """An instant in stored form with its milliseconds, as the created and modified columns have it."""
    return text if "." in text else text.replace("Z", ".000Z")


def _kind(sent: object) -> tuple[str, int]:
    if not isinstance(sent, Mapping):
        raise invalid("Invalid input JSON: types must be objects")
    return str(sent.get("associationCategory", "")), whole(sent.get("associationTypeId"), "associationTypeId")
