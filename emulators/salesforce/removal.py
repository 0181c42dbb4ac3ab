"""What happens when a record goes: recycle bin, children that go along, undelete, hard delete and merge."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING

from emulators.salesforce import behaviour, dml, storage
from emulators.salesforce.errors import DmlError
from emulators.salesforce.schema import FieldType, ObjectType

if TYPE_CHECKING:
    from emulators.salesforce.org import Actor, Org


def delete(org: Org, obj: ObjectType, record_id: str, actor: Actor) -> None:
    """Into the recycle bin with everything that hangs on it by a cascading look-up."""
    _refuse_undeletable(obj, actor)
    with org.transaction() as connection:
        row = dml.existing(org, obj, record_id)
        dml.refuse_by_plan(org, obj, str(row["Id"]))
        _bin(org, connection, obj, [str(row["Id"])], actor)
        behaviour.after_delete(org, obj, row)


def hard_delete(org: Org, obj: ObjectType, record_id: str, actor: Actor) -> None:
    """Gone without the recycle bin; children go along."""
    _refuse_undeletable(obj, actor)
    with org.transaction() as connection:
        row = next(storage.rows(connection, obj, "f_id = ?", record_id), None)
        if row is None:
            raise DmlError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", http=404)
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


def undelete(org: Org, obj: ObjectType, record_id: str, actor: Actor) -> None:
    """Back from the bin with the children that went at the same moment."""
    with org.transaction() as connection:
        row = next(storage.rows(connection, obj, "f_id = ?", record_id), None)
        if row is None or not row.get("IsDeleted"):
            raise DmlError("UNDELETE_FAILED", "Entity is not in the recycle bin")
        gone = connection.execute("SELECT at FROM e_deleted WHERE object = ? AND id = ?", (obj.name, record_id))
        at = gone.fetchone()
        _restore(org, connection, obj, record_id, at[0] if at else "", actor)


def merge(org: Org, obj: ObjectType, master_id: str, losing_ids: Sequence[str], actor: Actor) -> None:
    """One master, one or two losers: children move (their stamp too), losers are deleted and name the master."""
    if not obj.mergeable:
        raise DmlError("INVALID_TYPE", f"{obj.name} cannot be merged")
    if not 1 <= len(losing_ids) <= 2 or master_id in losing_ids:
        raise DmlError("INVALID_NUM_ARGUMENTS", "merge takes one or two records besides the master")
    with org.transaction() as connection:
        master = dml.existing(org, obj, master_id)
        for losing in losing_ids:
            row = dml.existing(org, obj, losing)
            for child, field in _referring(org, obj):
                _move(org, connection, child, field, str(row["Id"]), str(master["Id"]), actor)
            _mark_deleted(org, connection, obj, str(row["Id"]), actor)
            connection.execute(
                f"UPDATE {storage.table(obj)} SET f_masterrecordid = ? WHERE f_id = ?", (master["Id"], row["Id"])
            )
        stamped = dict(master)
        dml.stamp(org, obj, stamped, actor, creating=False, kept=frozenset())
        dml.write_row(connection, obj, stamped, master)


def _refuse_undeletable(obj: ObjectType, actor: Actor) -> None:
    if not obj.deletable and not actor.system:
        raise DmlError("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", http=403)


def _referring(org: Org, obj: ObjectType) -> list[tuple[ObjectType, FieldType]]:
    return [
        (child, field)
        for child in org.schema.objects.values()
        for field in child.fields.values()
        if field.type == "reference" and obj.name in field.reference_to and field.name != "MasterRecordId"
    ]


def _children(
    connection: sqlite3.Connection, child: ObjectType, field: FieldType, ids: Sequence[str], deleted: bool
) -> list[str]:
    marks = ", ".join("?" * len(ids))
    where = f" AND f_isdeleted = {int(deleted)}" if "isdeleted" in child.fields else ""
    sql = f"SELECT f_id FROM {storage.table(child)} WHERE {storage.column(field)} IN ({marks}){where}"
    return [row[0] for row in connection.execute(sql, tuple(ids))]


def _bin(org: Org, connection: sqlite3.Connection, obj: ObjectType, ids: Sequence[str], actor: Actor) -> None:
    for record_id in ids:
        _mark_deleted(org, connection, obj, record_id, actor)
    for child, field in _referring(org, obj):
        found = _children(connection, child, field, ids, deleted=False)
        if found and field.cascade_delete:
            _bin(org, connection, child, found, actor)
        elif found and field.nillable and not storage_only(child):
            _clear(org, connection, child, field, found, actor)


def storage_only(obj: ObjectType) -> bool:
    """Objects such as histories and logins, whose look-ups stay as they were."""
    return not obj.updateable and not obj.createable


def _mark_deleted(org: Org, connection: sqlite3.Connection, obj: ObjectType, record_id: str, actor: Actor) -> None:
    now = org.clock.stamp()
    connection.execute(
        "INSERT INTO e_deleted VALUES (?, ?, ?, 0) ON CONFLICT (object, id) DO UPDATE SET at = excluded.at, hard = 0",
        (obj.name, record_id, now),
    )
    if "isdeleted" not in obj.fields:
        connection.execute(f"DELETE FROM {storage.table(obj)} WHERE f_id = ?", (record_id,))
        return
    _touch(org, connection, obj, [record_id], actor, "f_isdeleted = 1")


def _clear(
    org: Org, connection: sqlite3.Connection, child: ObjectType, field: FieldType, ids: list[str], actor: Actor
) -> None:
    """A look-up to a deleted record is emptied; the vendor stamps only SystemModstamp."""
    for record_id in ids:
        connection.execute(
            f"UPDATE {storage.table(child)} SET {storage.column(field)} = NULL WHERE f_id = ?", (record_id,)
        )
    _touch(org, connection, child, ids, actor, "")


def _move(
    org: Org,
    connection: sqlite3.Connection,
    child: ObjectType,
    field: FieldType,
    source: str,
    target: str,
    actor: Actor,
) -> None:
    ids = _children(connection, child, field, [source], deleted=False)
    for record_id in ids:
        connection.execute(
            f"UPDATE {storage.table(child)} SET {storage.column(field)} = ? WHERE f_id = ?", (target, record_id)
        )
    if ids:
        _touch(org, connection, child, ids, actor, "")


def _touch(
    org: Org, connection: sqlite3.Connection, obj: ObjectType, ids: Sequence[str], actor: Actor, also: str
) -> None:
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


def _restore(
    org: Org, connection: sqlite3.Connection, obj: ObjectType, record_id: str, at: str, actor: Actor
) -> None:
    connection.execute("DELETE FROM e_deleted WHERE object = ? AND id = ?", (obj.name, record_id))
    _touch(org, connection, obj, [record_id], actor, "f_isdeleted = 0")
    for child, field in _referring(org, obj):
        if field.cascade_delete and "isdeleted" in child.fields:
            for found in _children(connection, child, field, [record_id], deleted=True):
                row = connection.execute("SELECT at FROM e_deleted WHERE object = ? AND id = ?", (child.name, found))
                gone = row.fetchone()
                if gone and gone[0] == at:
                    _restore(org, connection, child, found, at, actor)
