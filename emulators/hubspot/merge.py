"""What merging two records does: the survivor keeps its values and takes what it lacks, the other id leads to it."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from emulators.hubspot.errors import HubError, invalid, not_found

if TYPE_CHECKING:
    from emulators.hubspot.definitions import ObjectType
    from emulators.hubspot.portal import Portal
    from emulators.hubspot.records import Record
    from emulators.hubspot.writing import Actor

DDL = """
CREATE TABLE IF NOT EXISTS merged (
  type TEXT NOT NULL, id INTEGER NOT NULL, survivor INTEGER NOT NULL, PRIMARY KEY (type, id)) WITHOUT ROWID;
"""
NEW_ID = "merge_makes_new_id"  # state: the survivor gets an id of its own, as companies and deals do since 2025


def survivor(connection: sqlite3.Connection, type_id: str, record_id: str) -> str:
    """The id under which a merged record lives on; the id itself when it was not merged."""
    for _ in range(100):  # a survivor may have been merged again
        if not record_id.isdecimal() or len(record_id) > 18:
            return record_id
        row = connection.execute(
            "SELECT survivor FROM merged WHERE type = ? AND id = ?", (type_id, int(record_id))
        ).fetchone()
        if row is None:
            return record_id
        record_id = str(row[0])
    return record_id


def merge(portal: Portal, obj: ObjectType, primary: str, other: str, actor: Actor) -> Record:
    """Merge `other` into `primary`; the survivor. 400 for one and the same, 404 for an unknown one."""
    from emulators.hubspot import associations, calculated, changes, records, search_index
    from emulators.hubspot.writing import unique_names

    with portal.transaction() as connection:
        ids = [survivor(connection, obj.type_id, each) for each in (primary, other)]
        if ids[0] == ids[1]:
            raise invalid("Cannot merge an object with itself")
        found = records.read(connection, obj.type_id, ids)
        if len(found) < 2 or any(each.archived is not None for each in found.values()):
            raise not_found()
        kept, lost = found[ids[0]], found[ids[1]]
        search_index.changing(portal, connection, [kept, lost])
        losers = [kept, lost] if portal.state(NEW_ID) else [lost]
        winner = _joined(portal, kept, lost, new_id=len(losers) == 2)
        for loser in losers:
            loser.archived = portal.now_text()
            records.hold(connection, loser, ())
            connection.execute(
                "INSERT OR REPLACE INTO merged VALUES (?,?,?)", (obj.type_id, int(loser.id), int(winner.id))
            )
            associations.move(portal, obj.type_id, loser.id, winner.id)
        records.save(connection, losers)
        calculated.refresh(portal, obj.type_id, winner)
        records.save(connection, [winner])
        records.hold(connection, winner, unique_names(portal, obj))
        with changes.by(actor):
            changes.merged(portal, connection, kept, lost, winner)
    return winner


def _joined(portal: Portal, kept: Record, lost: Record, *, new_id: bool) -> Record:
    """The survivor: its own values first, the other's where it has none."""
    from emulators.hubspot.records import Record

    before = [part for text in (kept, lost) for part in text.properties.get("hs_merged_object_ids", "").split(";")]
    ids = [*before, *([kept.id] if new_id else []), lost.id]
    properties = {**lost.properties, **kept.properties}
    properties["hs_merged_object_ids"] = ";".join(dict.fromkeys(each for each in ids if each))
    number = portal.new_id() if new_id else kept.id
    return Record(kept.type_id, number, properties, min(kept.created, lost.created), portal.now_text())


def refuse(obj: ObjectType) -> HubError:
    """400 for an object that cannot be merged."""
    return invalid(f"Merging is not supported for object type {obj.type_id}")
