"""Which values a property had before: kept change by change, newest first when read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from emulators.hubspot.portal import shown
from emulators.hubspot.records import Record

DDL = """
CREATE TABLE IF NOT EXISTS history (
  type TEXT NOT NULL, id INTEGER NOT NULL, property TEXT NOT NULL, at TEXT NOT NULL, value TEXT NOT NULL,
  source TEXT NOT NULL, source_id TEXT NOT NULL, user_id TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS history_record ON history (type, id, property, at);
"""
_LOADED = "IMPORT"  # what changed before this program looked


def note(
    connection: sqlite3.Connection,
    record: Record,
    before: Mapping[str, str],
    changed: Iterable[str],
    *,
    source: str,
    source_id: str,
    user_id: str,
) -> None:
    """Keep what changed in this write; a value that came from nowhere gets its first row, dated as the record."""
    number, rows = int(record.id), []
    for name in changed:
        if before.get(name) and not _known(connection, record, name):
            rows.append((record.type_id, number, name, record.created, before[name], _LOADED, "", ""))
        value = record.properties.get(name, "")
        rows.append((record.type_id, number, name, record.modified, value, source, source_id, user_id))
    connection.executemany("INSERT INTO history VALUES (?,?,?,?,?,?,?,?)", rows)


def of(connection: sqlite3.Connection, record: Record, names: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """`propertiesWithHistory` of a record; a value without rows was there from the beginning."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        rows = connection.execute(
            "SELECT value, at, source, source_id, user_id FROM history WHERE type = ? AND id = ? AND property = ?"
            " ORDER BY at DESC, rowid DESC",
            (record.type_id, int(record.id), name),
        ).fetchall()
        if not rows and record.properties.get(name):
            rows = [(record.properties[name], record.created, _LOADED, "", "")]
        found[name] = [_item(*row) for row in rows]
    return found


def drop(connection: sqlite3.Connection, type_id: str, ids: Iterable[str]) -> None:
    """Forget the history of purged records."""
    connection.executemany("DELETE FROM history WHERE type = ? AND id = ?", [(type_id, int(text)) for text in ids])


def _known(connection: sqlite3.Connection, record: Record, name: str) -> bool:
    text = "SELECT 1 FROM history WHERE type = ? AND id = ? AND property = ? LIMIT 1"
    return connection.execute(text, (record.type_id, int(record.id), name)).fetchone() is not None


def _item(value: str, at: str, source: str, source_id: str, user_id: str) -> dict[str, Any]:
    item: dict[str, Any] = {"value": value, "timestamp": shown(at), "sourceType": source}
    if source_id:
        item["sourceId"] = source_id
    if user_id:
        item["updatedByUserId"] = int(user_id)
    return item
