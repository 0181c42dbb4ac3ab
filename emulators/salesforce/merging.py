"""What a merge of records does: one master takes the place of one or two losers.

The vendor's page: merge(). Children move to the master, losers are deleted and name it in MasterRecordId; fields of
the master change only by the values that the call gives.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulators.salesforce import dml, removal, storage
from emulators.salesforce.errors import DmlError
from emulators.salesforce.ids import to18
from emulators.salesforce.rights import permissions, sharing
from emulators.salesforce.schema import FieldType, ObjectType

if TYPE_CHECKING:
    from emulators.salesforce.org import Actor, Org

MAX_LOSERS = 2
# Children of which a master has at most one: child -> (field of the loser, what makes two the same).
_ONE_EACH = {
    "CampaignMember": ("LeadOrContactId", "CampaignId"),
    "OpportunityContactRole": ("ContactId", "OpportunityId"),
}


@dataclass(frozen=True, slots=True)
class Merged:
    """The outcome: the master, the losers, and the children that were moved to the master."""

    id: str
    merged: tuple[str, ...]
    related: tuple[str, ...]


def merge(
    org: Org,
    obj: ObjectType,
    master_id: str,
    losing_ids: Sequence[str],
    actor: Actor,
    values: Mapping[str, Any] | None = None,
) -> Merged:
    """Merge one or two losers into the master, whose fields take `values`. Raises DmlError."""
    if not obj.mergeable:
        raise DmlError("INVALID_TYPE", f"{obj.name} cannot be merged")
    given = [to18(master_id) or master_id, *(to18(losing) or losing for losing in losing_ids)]
    if not 1 <= len(losing_ids) <= MAX_LOSERS or len(set(given)) < len(given):
        raise DmlError("INVALID_NUM_ARGUMENTS", "merge takes one or two records besides the master")
    for right in (permissions.refuse_edit, permissions.refuse_delete):
        right(org, obj, actor)
    with org.transaction() as connection:
        master = _mergeable(org, obj, given[0], actor, sharing.EDIT)
        losers = [_mergeable(org, obj, losing, actor, sharing.FULL) for losing in given[1:]]
        _refuse_mixed(obj, [master, *losers])
        related: list[str] = []
        for loser in losers:
            related += _absorb(org, connection, obj, master, loser, actor)
        dml.update(org, obj, str(master["Id"]), values or {}, actor)
    return Merged(given[0], tuple(given[1:]), tuple(dict.fromkeys(related)))


def _mergeable(org: Org, obj: ObjectType, record_id: str, actor: Actor, access: str) -> dml.Row:
    if not record_id.startswith(obj.key_prefix):
        raise DmlError("INVALID_ID_FIELD", f"all records of a merge must be of one type: {record_id}")
    row = dml.existing(org, obj, record_id)
    dml.refuse_record(org, obj, str(row["Id"]), actor, access)
    dml.refuse_by_plan(org, obj, str(row["Id"]))
    if obj.name == "Lead" and row.get("IsConverted"):
        raise DmlError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    return row


def _refuse_mixed(obj: ObjectType, rows: Sequence[dml.Row]) -> None:
    """Person accounts merge only with each other, and their contacts only through them."""
    kinds = {bool(row.get("IsPersonAccount")) for row in rows}
    if len(kinds) > 1 or (obj.name == "Contact" and True in kinds):
        raise DmlError("MERGE_FAILED", "person accounts can only be merged with person accounts")


def _absorb(
    org: Org, connection: sqlite3.Connection, obj: ObjectType, master: dml.Row, loser: dml.Row, actor: Actor
) -> list[str]:
    """Move the loser's children and put it into the bin; the ids that moved."""
    source, target = str(loser["Id"]), str(master["Id"])
    moved: list[str] = []
    if loser.get("IsPersonAccount") and obj.name == "Account":
        contacts = [dml.existing(org, org.object("Contact"), str(row["PersonContactId"])) for row in (master, loser)]
        moved += _absorb(org, connection, org.object("Contact"), contacts[0], contacts[1], actor)
    for child, field in removal.referring(org, obj):
        if not child.name.endswith(("Share", "History")):
            _drop_twins(org, connection, child, field, source, target, actor)
            moved += _move(org, connection, child, field, source, target, actor)
    removal.mark_deleted(org, connection, obj, source, actor)
    connection.execute(f"UPDATE {storage.table(obj)} SET f_masterrecordid = ? WHERE f_id = ?", (target, source))
    return moved


def _drop_twins(
    org: Org,
    connection: sqlite3.Connection,
    child: ObjectType,
    field: FieldType,
    source: str,
    target: str,
    actor: Actor,
) -> None:
    """Where the master is a member already, the loser's membership goes."""
    link, same = _ONE_EACH.get(child.name, ("", ""))
    if field.name != link:
        return
    column, key = storage.column(link), storage.column(same)
    sql = (
        f"SELECT f_id FROM {storage.table(child)} WHERE {column} = ? AND f_isdeleted = 0 AND {key} IN "
        f"(SELECT {key} FROM {storage.table(child)} WHERE {column} = ? AND f_isdeleted = 0)"
    )
    for (twin,) in connection.execute(sql, (source, target)).fetchall():
        removal.mark_deleted(org, connection, child, twin, actor)


def _move(
    org: Org,
    connection: sqlite3.Connection,
    child: ObjectType,
    field: FieldType,
    source: str,
    target: str,
    actor: Actor,
) -> list[str]:
    ids = removal.children(connection, child, field, [source], deleted=False)
    for record_id in ids:
        connection.execute(
            f"UPDATE {storage.table(child)} SET {storage.column(field)} = ? WHERE f_id = ?", (target, record_id)
        )
    if ids:
        removal.touch(org, connection, child, ids, actor, "")
    return ids
