"""What happens when a record goes: into the recycle bin with the children that go along, or for good."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

from emulators.salesforce import behaviour, dml, person_accounts, storage
from emulators.salesforce.errors import DmlError
from emulators.salesforce.rights import permissions, sharing
from emulators.salesforce.schema import FieldType, ObjectType

if TYPE_CHECKING:
    from emulators.salesforce.org import Actor, Org


def delete(org: Org, obj: ObjectType, record_id: str, actor: Actor) -> None:
    """Into the recycle bin with everything that hangs on it by a cascading look-up."""
    _refuse_undeletable(org, obj, actor)
    with org.transaction() as connection:
        row = dml.existing(org, obj, record_id)
        dml.refuse_record(org, obj, str(row["Id"]), actor, sharing.FULL)
        person_accounts.refuse_removal(obj, row)
        dml.refuse_by_plan(org, obj, str(row["Id"]))
        _bin(org, connection, obj, [str(row["Id"])], actor)
        behaviour.after_delete(org, obj, row)


def hard_delete(org: Org, obj: ObjectType, record_id: str, actor: Actor) -> None:
    """Gone without the recycle bin; children go along."""
    _refuse_undeletable(org, obj, actor)
    with org.transaction() as connection:
        row = next(storage.rows(connection, obj, "f_id = ?", record_id), None)
        if row is None:
            raise DmlError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", http=404)
        dml.refuse_record(org, obj, record_id, actor, sharing.FULL)
        person_accounts.refuse_removal(obj, row)
        dml.refuse_by_plan(org, obj, record_id)
        _bin(org, connection, obj, [record_id], actor)
        purge(org, connection, obj, record_id)


def purge(org: Org, connection: sqlite3.Connection, obj: ObjectType, record_id: str) -> None:
    """Remove the row itself and remember only that it was there."""
    connection.execute(f"DELETE FROM {storage.table(obj)} WHERE f_id = ?", (record_id,))
    connection.execute(
        "INSERT INTO e_deleted VALUES (?, ?, ?, 1) ON CONFLICT (object, id) DO UPDATE SET hard = 1",
        (obj.name, record_id, org.clock.stamp()),
    )


def _refuse_undeletable(org: Org, obj: ObjectType, actor: Actor) -> None:
    if not obj.deletable and not actor.system:
        raise permissions.no_access()
    permissions.refuse_delete(org, obj, actor)


def referring(org: Org, obj: ObjectType) -> list[tuple[ObjectType, FieldType]]:
    """Every object that may point to one, with the look-up."""
    return [
        (child, field)
        for child in org.schema.objects.values()
        for field in child.fields.values()
        if field.type == "reference" and obj.name in field.reference_to and field.name != "MasterRecordId"
    ]


def children(
    connection: sqlite3.Connection, child: ObjectType, field: FieldType, ids: Sequence[str], deleted: bool
) -> list[str]:
    """Ids of the records that point to these, living or deleted ones."""
    marks = ", ".join("?" * len(ids))
    where = f" AND f_isdeleted = {int(deleted)}" if "isdeleted" in child.fields else ""
    sql = f"SELECT f_id FROM {storage.table(child)} WHERE {storage.column(field)} IN ({marks}){where}"
    return [row[0] for row in connection.execute(sql, tuple(ids))]


def _bin(org: Org, connection: sqlite3.Connection, obj: ObjectType, ids: Sequence[str], actor: Actor) -> None:
    for record_id in ids:
        mark_deleted(org, connection, obj, record_id, actor)
    for child, field in referring(org, obj):
        found = children(connection, child, field, ids, deleted=False)
        if found and field.cascade_delete:
            _bin(org, connection, child, found, actor)
        elif found and field.nillable and not storage_only(child):
            _clear(org, connection, child, field, found, actor)


def storage_only(obj: ObjectType) -> bool:
    """Objects such as histories and logins, whose look-ups stay as they were."""
    return not obj.updateable and not obj.createable


def mark_deleted(org: Org, connection: sqlite3.Connection, obj: ObjectType, record_id: str, actor: Actor) -> None:
    """Put one record into the bin; objects without IsDeleted lose it at once."""
    now = org.clock.stamp()
    connection.execute(
        "INSERT INTO e_deleted VALUES (?, ?, ?, 0) ON CONFLICT (object, id) DO UPDATE SET at = excluded.at, hard = 0",
        (obj.name, record_id, now),
    )
    if "isdeleted" not in obj.fields:
        connection.execute(f"DELETE FROM {storage.table(obj)} WHERE f_id = ?", (record_id,))
        return
    touch(org, connection, obj, [record_id], actor, "f_isdeleted = 1")


def _clear(
    org: Org, connection: sqlite3.Connection, child: ObjectType, field: FieldType, ids: list[str], actor: Actor
) -> None:
    """A look-up to a deleted record is emptied; the vendor stamps only SystemModstamp."""
    for record_id in ids:
        connection.execute(
            f"INSERT OR REPLACE INTO e_cleared SELECT ?, ?, f_id, {storage.column(field)} "
            f"FROM {storage.table(child)} WHERE f_id = ?",
            (child.name, field.name, record_id),
        )  # an undelete restores what nobody has replaced
        connection.execute(
            f"UPDATE {storage.table(child)} SET {storage.column(field)} = NULL WHERE f_id = ?", (record_id,)
        )
    touch(org, connection, child, ids, actor, "")


def touch(
    org: Org, connection: sqlite3.Connection, obj: ObjectType, ids: Sequence[str], actor: Actor, also: str
) -> None:
    """Stamp records of which something changed; with `also` their modification too."""
    now = org.clock.stamp()
    sets = [also] if also else []
    values: list[object] = []
    if "systemmodstamp" in obj.fields:
        sets.append("f_systemmodstamp = ?")
        values.append(now)
    if also and "lastmodifieddate" in obj.fields:
        sets.append("f_lastmodifieddate = ?, f_lastmodifiedbyid = ?")
        values += [now, actor.user_id]
    for record_id in ids:
        if sets:
            connection.execute(
                f"UPDATE {storage.table(obj)} SET {', '.join(sets)} WHERE f_id = ?", (*values, record_id)
            )
