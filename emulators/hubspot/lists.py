"""What lists a portal has and who is in them: static ones by hand, dynamic ones by filters that are read again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from emulators.hubspot import changes, definitions, list_filters
from emulators.hubspot.changes import Kind
from emulators.hubspot.errors import invalid, not_found
from emulators.hubspot.portal import Portal, shown

DDL = """
CREATE TABLE IF NOT EXISTS list (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, processing TEXT NOT NULL, branch TEXT,
  version INTEGER NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL, filtered TEXT, deleted TEXT);
CREATE TABLE IF NOT EXISTS list_member (
  list INTEGER NOT NULL, record INTEGER NOT NULL, first TEXT NOT NULL, at TEXT NOT NULL,
  PRIMARY KEY (list, record)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS list_member_record ON list_member (record);
"""
MANUAL, SNAPSHOT, DYNAMIC = "MANUAL", "SNAPSHOT", "DYNAMIC"
_COLUMNS = "id, name, type, processing, branch, version, created, updated, filtered, deleted"
_DEPTH = 10  # of lists that are defined by other lists


@dataclass(frozen=True, slots=True)
class Listing:
    """One list; `branch` is its filter as JSON text."""

    id: int
    name: str
    type_id: str
    processing: str
    branch: str | None
    version: int
    created: str
    updated: str
    filtered: str | None
    deleted: str | None


def create(portal: Portal, name: str, object_type: str, processing: str, branch: Mapping[str, Any] | None) -> Listing:
    """A new list; 400 for a name that is taken, filters on a manual list or filters that make no sense."""
    obj = definitions.required_type(portal, object_type)
    if processing not in (MANUAL, SNAPSHOT, DYNAMIC):
        raise invalid(f"processingType must be MANUAL, SNAPSHOT or DYNAMIC, not {processing!r}")
    if (branch is None) is not (processing == MANUAL):
        raise invalid(f"A filterBranch is {'not supported for' if branch else 'required for'} {processing} lists")
    now = portal.now_text()
    with portal.transaction() as connection:
        _demand_free(connection, name)
        kept = None if branch is None else json.dumps(list_filters.normal(branch))
        row = (name, obj.type_id, processing, kept, 1, now, now, None if branch is None else now, None)
        marks = ",".join("?" * len(row))
        text = f"INSERT INTO list ({_COLUMNS.partition(', ')[2]}) VALUES ({marks})"
        found = get(portal, str(connection.execute(text, row).lastrowid))
        if branch is not None:
            refresh(portal, found, also_snapshot=True)
    return found


def get(portal: Portal, number: str, *, deleted: bool = False) -> Listing:
    """The list of that id; 404 when there is none or when it was deleted (not)."""
    if number.isdecimal() and len(number) <= 18:
        text = f"SELECT {_COLUMNS} FROM list WHERE id = ?"
        row = portal.connection.execute(text, (int(number),)).fetchone()
        if row is not None and (row[-1] is not None) is deleted:
            return Listing(*row)
    raise not_found(f"List does not exist with ID {number}.")


def named(portal: Portal, type_id: str, name: str) -> Listing:
    """The list of that name; 404 when there is none."""
    text = f"SELECT {_COLUMNS} FROM list WHERE type = ? AND lower(name) = lower(?) AND deleted IS NULL"
    row = portal.connection.execute(text, (type_id, name)).fetchone()
    if row is None:
        raise not_found(f"List does not exist with name {name} and object type ID {type_id}.")
    return Listing(*row)


def every(portal: Portal) -> list[Listing]:
    """All lists, oldest first."""
    rows = portal.connection.execute(f"SELECT {_COLUMNS} FROM list WHERE deleted IS NULL ORDER BY id")
    return [Listing(*row) for row in rows]


def rename(portal: Portal, found: Listing, name: str) -> Listing:
    """Another name; 400 for one that is taken."""
    with portal.transaction() as connection:
        if name.lower() != found.name.lower():
            _demand_free(connection, name)
        return _save(portal, replace(found, name=name))


def refilter(portal: Portal, found: Listing, branch: Mapping[str, Any]) -> Listing:
    """Other filters of a dynamic list; its members change with them."""
    if found.processing != DYNAMIC:
        raise invalid("Filters can be updated for DYNAMIC lists only")
    with portal.transaction():
        kept = json.dumps(list_filters.normal(branch))
        changed = _save(portal, replace(found, branch=kept, filtered=portal.now_text()))
        refresh(portal, changed)
    return changed


def delete(portal: Portal, found: Listing) -> None:
    """Away, until it is restored; its members stay known."""
    _save(portal, replace(found, deleted=portal.now_text()))


def restore(portal: Portal, found: Listing) -> None:
    """Back; 400 when another list has its name by now."""
    with portal.transaction() as connection:
        _demand_free(connection, found.name)
        _save(portal, replace(found, deleted=None))


def refresh(portal: Portal, found: Listing, *, also_snapshot: bool = False, depth: int = 0) -> None:
    """Look at the filters of a dynamic list again: who joined and who left since the last look."""
    if found.branch is None or not (found.processing == DYNAMIC or also_snapshot):
        return
    if depth > _DEPTH:
        raise invalid(f"List {found.id} is defined by itself")
    obj = definitions.required_type(portal, found.type_id)

    def members(type_id: str, number: str) -> list[int]:
        other = get(portal, number)
        if other.type_id != type_id:
            raise invalid(f"List {number} is of another object")
        refresh(portal, other, depth=depth + 1)
        return [int(each) for each, _ in page(portal, other, 0, -1)]

    condition = list_filters.compiled(portal, obj, json.loads(found.branch), members)
    text = f"SELECT id FROM record WHERE type = ? AND archived IS NULL AND {condition.text}"
    with portal.transaction() as connection:
        now = {number for (number,) in connection.execute(text, (obj.type_id, *condition.values))}
        before = _ids(connection, found)
        _join(portal, found, now - before)
        _leave(portal, found, before - now)


def page(portal: Portal, found: Listing, after: int, limit: int) -> list[tuple[str, str]]:
    """(record id, when it joined) of live members after that id; a limit of -1 is none."""
    text = """SELECT m.record, m.at FROM list_member m JOIN record r ON r.type = ? AND r.id = m.record
      WHERE m.list = ? AND m.record > ? AND r.archived IS NULL ORDER BY m.record LIMIT ?"""
    rows = portal.connection.execute(text, (found.type_id, found.id, after, limit))
    return [(str(number), at) for number, at in rows]


def size(portal: Portal, found: Listing) -> int:
    """How many live members there are."""
    text = """SELECT COUNT(*) FROM list_member m JOIN record r ON r.type = ? AND r.id = m.record
      WHERE m.list = ? AND r.archived IS NULL"""
    return int(portal.connection.execute(text, (found.type_id, found.id)).fetchone()[0])


def change(
    portal: Portal, found: Listing, add: Sequence[str], remove: Sequence[str]
) -> tuple[list[str], list[str], list[str]]:
    """(added, removed, missing) record ids; 400 for a dynamic list."""
    if found.processing == DYNAMIC:
        raise invalid("Memberships of DYNAMIC lists are decided by their filters")
    with portal.transaction() as connection:
        wanted = [int(each) for each in dict.fromkeys(add) if each.isdecimal() and len(each) <= 18]
        text = "SELECT 1 FROM record WHERE type = ? AND id = ? AND archived IS NULL"
        live = {each for each in wanted if connection.execute(text, (found.type_id, each)).fetchone()}
        before = _ids(connection, found)
        joined = [each for each in wanted if each in live and each not in before]
        leaving = {int(each) for each in remove if each.isdecimal() and len(each) <= 18} & before
        _join(portal, found, joined)
        _leave(portal, found, leaving)
    missing = [each for each in add if not (each.isdecimal() and len(each) <= 18 and int(each) in live)]
    return [str(each) for each in joined], [str(each) for each in sorted(leaving)], missing


def of_record(portal: Portal, type_id: str, record_id: str) -> list[tuple[Listing, str, str]]:
    """(list, first joined, last joined) of every list that a record is in."""
    found: list[tuple[Listing, str, str]] = []
    text = "SELECT first, at FROM list_member WHERE list = ? AND record = ?"
    for each in every(portal):
        if each.type_id == type_id and record_id.isdecimal() and len(record_id) <= 18:
            refresh(portal, each)
            row = portal.connection.execute(text, (each.id, int(record_id))).fetchone()
            if row is not None:
                found.append((each, row[0], row[1]))
    return found


def printed(portal: Portal, each: Listing, *, with_filters: bool = False) -> dict[str, Any]:
    """As the API prints it."""
    user = str(portal.settings.user_id)
    found: dict[str, Any] = {
        "listId": str(each.id),
        "listVersion": each.version,
        "name": each.name,
        "objectTypeId": each.type_id,
        "processingType": each.processing,
        "processingStatus": "COMPLETE",
        "createdAt": shown(each.created),
        "updatedAt": shown(each.updated),
        "createdById": user,
        "updatedById": user,
        "size": size(portal, each),
    }
    if each.filtered is not None:
        found["filtersUpdatedAt"] = shown(each.filtered)
    if with_filters and each.branch is not None:
        found["filterBranch"] = json.loads(each.branch)
    return found


def _demand_free(connection: sqlite3.Connection, name: str) -> None:
    if not name.strip():
        raise invalid("Some required fields were not set: [name]")
    text = "SELECT 1 FROM list WHERE lower(name) = lower(?) AND deleted IS NULL"
    if connection.execute(text, (name,)).fetchone():
        raise invalid(f"A list named {name!r} exists already", sub_category="ILS.DUPLICATE_LIST_NAMES")


def _save(portal: Portal, found: Listing) -> Listing:
    kept = replace(found, version=found.version + 1, updated=portal.now_text())
    with portal.transaction() as connection:
        row = (kept.name, kept.branch, kept.version, kept.updated, kept.filtered, kept.deleted, kept.id)
        text = (
            "UPDATE list SET name = ?, branch = ?, version = ?, updated = ?, filtered = ?, deleted = ? WHERE id = ?"
        )
        connection.execute(text, row)
    return kept


def _ids(connection: sqlite3.Connection, found: Listing) -> set[int]:
    return {number for (number,) in connection.execute("SELECT record FROM list_member WHERE list = ?", (found.id,))}


def _join(portal: Portal, found: Listing, ids: Iterable[int]) -> None:
    listed, now = sorted(ids), portal.now_text()
    rows = [(found.id, each, now, now) for each in listed]
    if rows:
        with portal.transaction() as connection:
            connection.executemany("INSERT INTO list_member VALUES (?, ?, ?, ?)", rows)
        changes.listed(portal, Kind.LISTED, found.type_id, str(found.id), map(str, listed))


def _leave(portal: Portal, found: Listing, ids: Iterable[int]) -> None:
    listed = sorted(ids)
    if listed:
        with portal.transaction() as connection:
            rows = [(found.id, each) for each in listed]
            connection.executemany("DELETE FROM list_member WHERE list = ? AND record = ?", rows)
        changes.listed(portal, Kind.UNLISTED, found.type_id, str(found.id), map(str, listed))
