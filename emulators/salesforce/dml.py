"""How one record is written: names, rights, types, requirements, look-ups, keys and rules, in the vendor's order."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulators.salesforce import behaviour, duplicates, history, rules, storage
from emulators.salesforce.errors import DmlError
from emulators.salesforce.faults import record_error
from emulators.salesforce.ids import to18
from emulators.salesforce.rights import permissions, sharing
from emulators.salesforce.schema import FieldType, ObjectType
from emulators.salesforce.values import Stored, to_stored

if TYPE_CHECKING:
    from emulators.salesforce.org import Actor, Org

Row = dict[str, Stored]  # by field name, storage form


class SeveralRecords(Exception):
    """An external id that is not unique names several records."""

    def __init__(self, ids: list[str]) -> None:
        super().__init__(f"{len(ids)} records have this external id")
        self.ids = ids


@dataclass(frozen=True, slots=True)
class Change:
    """One write as automations see it: `row` is the record as it will be, `old` as it was."""

    org: Org
    obj: ObjectType
    row: Row
    old: Row | None
    given: frozenset[str]  # names of the fields that the caller set
    actor: Actor

    def changed(self, *names: str) -> bool:
        """Whether any of these fields differs from before."""
        return any(self.old is None or self.row.get(name) != self.old.get(name) for name in names)


def insert(org: Org, obj: ObjectType, values: Mapping[str, Any], actor: Actor) -> str:
    """Make a record."""
    if not obj.createable and not actor.system:
        raise DmlError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be inserted: {obj.label}")
    permissions.refuse_create(org, obj, actor)
    with org.transaction() as connection:
        refuse_by_plan(org, obj, None)
        given = stored_values(org, obj, values, actor, creating=True)
        row: Row = dict.fromkeys(_columns(obj))
        row.update({field.name: 0 for field in obj.fields.values() if field.type == "boolean"})
        row.update(_picklist_defaults(obj))
        row.update(given)
        record_id = str(given.get("Id") or _free_id(org, connection, obj))
        row["Id"] = record_id
        stamp(org, obj, row, actor, creating=True, kept=frozenset(given))
        change = Change(org, obj, row, None, frozenset(given), actor)
        _finish(connection, change)
        org.limits.store(obj.name, lambda: storage.stored_kb(connection, org.schema))
        _write_new(connection, obj, row)
        history.remember(change)
        behaviour.after(change)
    return record_id


def update(org: Org, obj: ObjectType, record_id: str, values: Mapping[str, Any], actor: Actor) -> None:
    """Change a record."""
    if not obj.updateable and not actor.system:
        raise DmlError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be updated: {obj.label}")
    permissions.refuse_edit(org, obj, actor)
    with org.transaction() as connection:
        old = existing(org, obj, record_id)
        refuse_record(org, obj, str(old["Id"]), actor, sharing.EDIT)
        refuse_by_plan(org, obj, str(old["Id"]))
        if obj.name == "Lead" and old.get("IsConverted") and not actor.system:
            raise DmlError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        given = stored_values(org, obj, values, actor, creating=False)
        row = {**old, **given, "Id": old["Id"]}
        stamp(org, obj, row, actor, creating=False, kept=frozenset(given))
        change = Change(org, obj, row, old, frozenset(given), actor)
        _finish(connection, change)
        write_row(connection, obj, row, old)
        history.remember(change)
        behaviour.after(change)


def upsert(
    org: Org, obj: ObjectType, key_field: str, key: Any, values: Mapping[str, Any], actor: Actor
) -> tuple[str, bool]:
    """Update the record with that key, or make one."""
    field = obj.field(key_field)
    if field is None or not (field.external_id or field.id_lookup or field.type == "id"):
        text = f"Provided external ID field does not exist or is not accessible: {key_field}"
        raise DmlError("NOT_FOUND", text, http=404)
    with org.transaction():
        if key is None or key == "":
            if field.type == "id":
                return insert(org, obj, values, actor), True
            raise DmlError("MISSING_ARGUMENT", f"{field.name} not specified", [field.name])
        found = find_by_key(org, obj, field, key)
        if len(found) > 1:
            raise SeveralRecords(found)
        if found:
            update(org, obj, found[0], values, actor)
            return found[0], False
        if field.type == "id":
            raise DmlError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", http=404)
        return insert(org, obj, {**values, field.name: key}, actor), True


def find_by_key(org: Org, obj: ObjectType, field: FieldType, key: Any) -> list[str]:
    """Ids of the records, not deleted, whose field has that value."""
    value = to_stored(field, key)
    sql = f"SELECT f_id FROM {storage.table(obj)} WHERE {storage.column(field)} = ?{_alive(obj)} ORDER BY f_id"
    return [row[0] for row in org.connection().execute(sql, (value,))]


def existing(org: Org, obj: ObjectType, record_id: str) -> Row:
    """The record as it is, or the documented refusal for an unknown, malformed or deleted id."""
    found = to18(record_id)
    if found is None:
        raise DmlError("MALFORMED_ID", f"malformed id {record_id}", http=400)
    row = next(storage.rows(org.connection(), obj, "f_id = ?", found), None)
    if row is None:
        raise DmlError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", http=404)
    if row.get("IsDeleted"):
        raise DmlError("ENTITY_IS_DELETED", "entity is deleted", http=404)
    return row


def refuse_record(org: Org, obj: ObjectType, record_id: str, actor: Actor, access: str) -> None:
    """Refuse what sharing does not let the user do: a record that they cannot see, or one that they can only read."""
    if actor.system or org.sharing.allows(obj, actor.user_id, access, record_id):
        return
    if org.sharing.allows(obj, actor.user_id, sharing.READ, record_id):
        raise permissions.no_access()
    raise no_reference(record_id)


def no_reference(record_id: str) -> DmlError:
    """The refusal of a record that the user cannot see."""
    text = f"insufficient access rights on cross-reference id: {record_id[:15]}"
    return DmlError("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", text)


def refuse_by_plan(org: Org, obj: ObjectType, record_id: str | None) -> None:
    """Raise what the fault plan has for this write."""
    planned = org.faults.of_record(obj.name, record_id)
    if planned is not None:
        raise record_error(planned, record_id)


def stored_values(org: Org, obj: ObjectType, values: Mapping[str, Any], actor: Actor, *, creating: bool) -> Row:
    """The caller's values by proper field names in storage form, or the refusal of unknown or unwritable ones."""
    row: Row = {}
    refused: list[str] = []
    editable = org.access.editable(actor.user_id)
    for name, value in values.items():
        if name.lower() == "attributes":
            continue
        field = obj.field(name)
        if field is None:
            parent = _relationship(obj, name)
            if parent is None or not isinstance(value, Mapping):
                raise DmlError("INVALID_FIELD", f"No such column '{name}' on sobject of type {obj.name}")
            field, value = parent, _by_foreign_key(org, obj, parent, value)
        if not actor.system and not ((field.createable if creating else field.updateable) and editable(obj, field)):
            refused.append(field.name)
            continue
        row[field.name] = value if storage.has_column(field) else None
    if refused:
        text = (
            f"Unable to create/update fields: {', '.join(refused)}. Please check the security settings of this field "
            "and verify that it is read/write for your profile or permission set."
        )
        raise DmlError("INVALID_FIELD_FOR_INSERT_UPDATE", text, refused)
    return {name: to_stored(obj.fields[name.lower()], value) for name, value in row.items()}


def stamp(org: Org, obj: ObjectType, row: Row, actor: Actor, *, creating: bool, kept: frozenset[str]) -> None:
    """Audit fields of a write; those that the system set itself are kept."""
    now = org.clock.stamp()
    audit: Row = {"LastModifiedDate": now, "SystemModstamp": now, "LastModifiedById": actor.user_id}
    if creating:
        audit.update(CreatedDate=now, CreatedById=actor.user_id)
        if not row.get("OwnerId"):
            audit["OwnerId"] = actor.user_id
    for name, value in audit.items():
        if name.lower() in obj.fields and name not in kept:
            row[name] = value


def write_row(connection: sqlite3.Connection, obj: ObjectType, row: Row, old: Row) -> None:
    """Store the columns that differ."""
    changed = [name for name, value in row.items() if value != old.get(name)]
    if changed:
        places = ", ".join(f"{storage.column(name)} = ?" for name in changed)
        sql = f"UPDATE {storage.table(obj)} SET {places} WHERE f_id = ?"
        connection.execute(sql, (*(row[name] for name in changed), row["Id"]))


def _finish(connection: sqlite3.Connection, change: Change) -> None:
    behaviour.before(change)
    _require(change)
    _check_references(connection, change)
    _check_unique(connection, change)
    if not change.actor.system:
        rules.check(change.org, change.obj, change.row)
        duplicates.check(connection, change)


def _columns(obj: ObjectType) -> list[str]:
    return [field.name for field in obj.fields.values() if storage.has_column(field)]


def _picklist_defaults(obj: ObjectType) -> Row:
    return {
        field.name: option.value
        for field in obj.fields.values()
        if field.type in ("picklist", "multipicklist")
        for option in field.picklist
        if option.default and option.active
    }


def _write_new(connection: sqlite3.Connection, obj: ObjectType, row: Row) -> None:
    names = list(row)
    sql = (
        f"INSERT INTO {storage.table(obj)} ({', '.join(storage.column(name) for name in names)}) "
        f"VALUES ({', '.join('?' * len(names))})"
    )
    connection.execute(sql, [row[name] for name in names])


def _free_id(org: Org, connection: sqlite3.Connection, obj: ObjectType) -> str:
    while True:
        record_id = org.new_id(obj.name)
        if connection.execute(f"SELECT 1 FROM {storage.table(obj)} WHERE f_id = ?", (record_id,)).fetchone() is None:
            return record_id


def _relationship(obj: ObjectType, name: str) -> FieldType | None:
    wanted = name.lower()
    return next((f for f in obj.fields.values() if (f.relationship_name or "").lower() == wanted), None)


def _by_foreign_key(org: Org, obj: ObjectType, field: FieldType, key: Mapping[str, Any]) -> str:
    """`{"Account": {"Ext__c": "x"}}` -> the id of that account."""
    attributes = key.get("attributes") or {}
    target = str(attributes.get("type") or field.reference_to[0])
    keys = [(name, value) for name, value in key.items() if name != "attributes"]
    parent = org.schema.object(target)
    parent_field = parent.field(keys[0][0]) if parent and len(keys) == 1 else None
    if parent is None or parent_field is None or not (parent_field.external_id or parent_field.id_lookup):
        named = keys[0][0] if keys else ""
        raise DmlError("INVALID_FIELD", f"{named} is not an External ID or indexed field for {target}")
    found = find_by_key(org, parent, parent_field, keys[0][1])
    if len(found) != 1:
        text = (
            f"Foreign key external ID: {keys[0][1]} not found for field {parent_field.name} in entity {parent.name}"
        )
        raise DmlError("INVALID_FIELD", text)
    return found[0]


def _require(change: Change) -> None:
    if change.actor.system:
        return
    missing = [
        field.name
        for field in change.obj.fields.values()
        if not field.nillable
        and not field.calculated
        and (field.createable or field.updateable)
        and field.type not in ("boolean", "id")
        and change.row.get(field.name) is None
        and (change.old is None or field.name in change.given)
    ]
    if missing:
        raise DmlError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)


def _check_references(connection: sqlite3.Connection, change: Change) -> None:
    if change.actor.system:
        return
    for name in change.given:
        field = change.obj.fields[name.lower()]
        value = change.row.get(field.name)
        if field.type == "reference" and isinstance(value, str) and change.changed(field.name):
            _check_reference(connection, change, field, value)


def _check_reference(connection: sqlite3.Connection, change: Change, field: FieldType, value: str) -> None:
    if field.name == "RecordTypeId" and value == "012000000000000AAA":
        return
    schema = change.org.schema
    targets = [schema.object(name) for name in field.reference_to]
    parent = next((target for target in targets if target and target.key_prefix == value[:3]), None)
    if parent is None:
        text = f"{field.label}: id value of incorrect type: {value}"
        raise DmlError("FIELD_INTEGRITY_EXCEPTION", text, [field.name])
    row = next(storage.rows(connection, parent, "f_id = ?", value), None)
    if row is None:
        text = "invalid cross reference id"
        if field.name == "RecordTypeId":
            text = f"Record Type ID: this ID value isn't valid for the user: {value}"
        raise DmlError("INVALID_CROSS_REFERENCE_KEY", text, [field.name] if field.name == "RecordTypeId" else [])
    if row.get("IsDeleted"):
        raise DmlError("ENTITY_IS_DELETED", "entity is deleted", http=404)
    if field.name == "RecordTypeId" and (row.get("SobjectType") != change.obj.name or not row.get("IsActive")):
        text = f"Record Type ID: this ID value isn't valid for the user: {value}"
        raise DmlError("INVALID_CROSS_REFERENCE_KEY", text, [field.name])
    if field.name == "OwnerId" and parent.name == "User" and not row.get("IsActive"):
        raise DmlError("INACTIVE_OWNER_OR_USER", "owner or user is inactive.", [field.name])
    _refuse_reference(change, field, parent, value)


def _refuse_reference(change: Change, field: FieldType, parent: ObjectType, value: str) -> None:
    """A look-up to a record that the user may not see; the record that a child belongs to must be theirs to edit."""
    org, user = change.org, change.actor.user_id
    belongs = permissions.BELONGS.get(change.obj.name.lower(), ("", ""))[1] == field.name.lower()
    if not org.sharing.allows(parent, user, sharing.EDIT if belongs else sharing.READ, value):
        raise no_reference(value)
    given_away = field.name == "OwnerId" and change.old is not None
    if given_away and not org.sharing.allows(change.obj, user, sharing.FULL, str(change.row["Id"])):
        raise permissions.no_access()


def _alive(obj: ObjectType) -> str:
    return " AND f_isdeleted = 0" if "isdeleted" in obj.fields else ""


def _check_unique(connection: sqlite3.Connection, change: Change) -> None:
    obj = change.obj
    for field in obj.fields.values():
        value = change.row.get(field.name)
        if not field.unique or value is None or not change.changed(field.name):
            continue
        sql = f"SELECT f_id FROM {storage.table(obj)} WHERE {storage.column(field)} = ? AND f_id <> ?{_alive(obj)}"
        row = connection.execute(sql, (value, change.row["Id"])).fetchone()
        if row is not None:
            text = f"duplicate value found: {field.name} duplicates value on record with id: {row[0][:15]}"
            raise DmlError("DUPLICATE_VALUE", text)
