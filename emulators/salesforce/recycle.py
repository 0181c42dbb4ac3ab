"""What becomes of deleted records: undelete, emptying the recycle bin, and the purge after fifteen days.

The vendor's pages: undelete(); emptyRecycleBin(); "Recycle Bin" (15 days; 25 records a megabyte of data storage, the
oldest that are there for two hours go first).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from emulators.loopback.clock import stored
from emulators.salesforce import removal, storage
from emulators.salesforce.errors import DmlError
from emulators.salesforce.ids import to18
from emulators.salesforce.rights import permissions, sharing
from emulators.salesforce.schema import ObjectType

if TYPE_CHECKING:
    from emulators.salesforce.org import Actor, Org

KEPT = timedelta(days=15)
SAFE = timedelta(hours=2)  # even in a bin that is too full
RECORDS_A_MEGABYTE = 25
MAX_IDS = 200  # of one call to undelete or emptyRecycleBin


def undelete(org: Org, obj: ObjectType, record_id: str, actor: Actor) -> None:
    """Back from the bin with the children that went along, and with look-ups that nobody has replaced since."""
    permissions.refuse_delete(org, obj, actor)
    with org.transaction() as connection:
        row = next(storage.rows(connection, obj, "f_id = ?", record_id), None)
        if row is None or not row.get("IsDeleted") or _went_along(org, connection, obj, row):
            raise DmlError("UNDELETE_FAILED", "Entity is not in the recycle bin")
        if not actor.system and not org.sharing.allows(obj, actor.user_id, sharing.FULL, record_id):
            raise permissions.no_access()
        _refuse_twins(connection, obj, row)
        _restore(org, connection, obj, record_id, _deleted_at(connection, obj, record_id), actor)
        if "masterrecordid" in obj.fields and row.get("MasterRecordId"):
            connection.execute(
                f"UPDATE {storage.table(obj)} SET f_masterrecordid = NULL WHERE f_id = ?", (record_id,)
            )


def empty(org: Org, record_ids: Sequence[str], actor: Actor) -> list[DmlError | None]:
    """emptyRecycleBin: records leave the bin for good; one outcome a record, None for done.

    Raises DmlError when more than 200 ids are given.
    """
    if len(record_ids) > MAX_IDS:
        raise DmlError("LIMIT_EXCEEDED", f"record limit reached. cannot submit more than {MAX_IDS} records")
    return [_emptied(org, to18(record_id) or record_id, actor) for record_id in record_ids]


def sweep(org: Org) -> None:
    """Purge what has been in the bin for 15 days, and the oldest of a bin that is too full; cheap when not due."""
    now = org.clock.now()
    if now < org.next_sweep:
        return
    org.next_sweep = now + SAFE
    connection = org.connection()
    due = _due(connection, stored(now - KEPT), stored(now - SAFE), org.limits.storage_mb * RECORDS_A_MEGABYTE)
    if not due:
        return
    with org.transaction() as connection:
        for name, record_id in due:
            obj = org.schema.object(name)
            if obj is not None:
                purge(org, connection, obj, record_id)


def purge(org: Org, connection: sqlite3.Connection, obj: ObjectType, record_id: str) -> None:
    """Remove a deleted row itself; that it was deleted stays known, as of then."""
    connection.execute(f"DELETE FROM {storage.table(obj)} WHERE f_id = ?", (record_id,))
    connection.execute("UPDATE e_deleted SET hard = 1 WHERE object = ? AND id = ?", (obj.name, record_id))
    connection.execute("DELETE FROM e_cleared WHERE parent = ?", (record_id,))


def _due(connection: sqlite3.Connection, oldest: str, safe: str, capacity: int) -> list[tuple[str, str]]:
    old = connection.execute("SELECT object, id FROM e_deleted WHERE hard = 0 AND at <= ?", (oldest,)).fetchall()
    left = connection.execute("SELECT count(*) FROM e_deleted WHERE hard = 0 AND at > ?", (oldest,)).fetchone()[0]
    excess = max(left - capacity, 0)
    sql = "SELECT object, id FROM e_deleted WHERE hard = 0 AND at > ? AND at <= ? ORDER BY at, id LIMIT ?"
    surplus = connection.execute(sql, (oldest, safe, excess)).fetchall() if excess else []
    return [(row[0], row[1]) for row in [*old, *surplus]]


def _emptied(org: Org, record_id: str, actor: Actor) -> DmlError | None:
    with org.transaction() as connection:
        known = connection.execute("SELECT object, hard FROM e_deleted WHERE id = ?", (record_id,)).fetchone()
        obj = org.schema.object(known[0]) if known else None
        if obj is None or known[1]:
            return DmlError("INVALID_ID_FIELD", "Invalid record id; no recycle bin entry found")
        if not actor.system and not org.sharing.allows(obj, actor.user_id, sharing.FULL, record_id):
            return permissions.no_access()
        _purge_along(org, connection, obj, record_id, _deleted_at(connection, obj, record_id))
    return None


def _purge_along(org: Org, connection: sqlite3.Connection, obj: ObjectType, record_id: str, at: str) -> None:
    for child, found in _gone_along(org, connection, obj, record_id, at):
        _purge_along(org, connection, child, found, at)
    purge(org, connection, obj, record_id)


def _deleted_at(connection: sqlite3.Connection, obj: ObjectType, record_id: str) -> str:
    row = connection.execute("SELECT at FROM e_deleted WHERE object = ? AND id = ?", (obj.name, record_id)).fetchone()
    return str(row[0]) if row else ""


def _went_along(org: Org, connection: sqlite3.Connection, obj: ObjectType, row: dict[str, Any]) -> bool:
    """Whether the record is in the bin only because its parent is: then the parent must come back."""
    at = _deleted_at(connection, obj, str(row["Id"]))
    for field in obj.fields.values():
        value = row.get(field.name) if field.cascade_delete else None
        for name in field.reference_to if value else ():
            parent = org.schema.object(name)
            if parent is not None and "isdeleted" in parent.fields:
                above = next(storage.rows(connection, parent, "f_id = ? AND f_isdeleted = 1", value), None)
                if above is not None and _deleted_at(connection, parent, str(value)) == at:
                    return True
    return False


def _refuse_twins(connection: sqlite3.Connection, obj: ObjectType, row: dict[str, Any]) -> None:
    """A unique value that another record has taken in the meantime."""
    for field in obj.fields.values():
        if field.unique and row.get(field.name) is not None:
            where = f"{storage.column(field)} = ? AND f_id <> ? AND f_isdeleted = 0"
            twin = next(storage.rows(connection, obj, where, row[field.name], row["Id"]), None)
            if twin is not None:
                text = f"duplicate value found: {field.name} duplicates value on record with id: {twin['Id'][:15]}"
                raise DmlError("DUPLICATE_VALUE", text)


def _restore(
    org: Org, connection: sqlite3.Connection, obj: ObjectType, record_id: str, at: str, actor: Actor
) -> None:
    along = _gone_along(org, connection, obj, record_id, at)
    connection.execute("DELETE FROM e_deleted WHERE object = ? AND id = ?", (obj.name, record_id))
    removal.touch(org, connection, obj, [record_id], actor, "f_isdeleted = 0")
    for child, found in along:
        _restore(org, connection, child, found, at, actor)
    _reconnect(org, connection, record_id, actor)


def _gone_along(
    org: Org, connection: sqlite3.Connection, obj: ObjectType, record_id: str, at: str
) -> list[tuple[ObjectType, str]]:
    """The children that went into the bin at the same moment."""
    return [
        (child, found)
        for child, field in removal.referring(org, obj)
        if field.cascade_delete and "isdeleted" in child.fields
        for found in removal.children(connection, child, field, [record_id], deleted=True)
        if _deleted_at(connection, child, found) == at
    ]


def _reconnect(org: Org, connection: sqlite3.Connection, record_id: str, actor: Actor) -> None:
    """Look-ups that the deletion emptied lead to the record again, where nobody has set another."""
    rows = connection.execute("SELECT object, field, id FROM e_cleared WHERE parent = ?", (record_id,)).fetchall()
    for name, field_name, child_id in rows:
        child = org.schema.object(name)
        field = child.field(field_name) if child else None
        if child is not None and field is not None:
            column = storage.column(field)
            sql = f"UPDATE {storage.table(child)} SET {column} = ? WHERE f_id = ? AND {column} IS NULL"
            if connection.execute(sql, (record_id, child_id)).rowcount:
                removal.touch(org, connection, child, [child_id], actor, "")
    connection.execute("DELETE FROM e_cleared WHERE parent = ?", (record_id,))
