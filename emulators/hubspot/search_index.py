"""What search sees: the records as they were before writes that the index has not caught up with."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from emulators.hubspot.portal import Portal
from emulators.hubspot.records import Record, encoded

DDL = """
CREATE TABLE IF NOT EXISTS unseen (
  seq INTEGER PRIMARY KEY, type TEXT NOT NULL, id INTEGER NOT NULL, due INTEGER NOT NULL,
  properties TEXT, created TEXT, modified TEXT);
CREATE INDEX IF NOT EXISTS unseen_record ON unseen (type, id, seq);
CREATE INDEX IF NOT EXISTS unseen_due ON unseen (due);
"""
LAG = "lag"  # state: seconds, least and most
DEFAULT_LAG = (1.0, 10.0)


@dataclass(frozen=True, slots=True)
class Source:
    """What to search in: a table expression with id, properties, created, modified, and its parameters."""

    text: str
    values: tuple[Any, ...]


def lag(portal: Portal) -> tuple[float, float]:
    """The least and most seconds by which the index is late."""
    least, most = portal.state(LAG) or DEFAULT_LAG
    return float(least), float(most)


def created(portal: Portal, connection: sqlite3.Connection, made: Sequence[Record]) -> None:
    """These records are new: the index does not have them yet."""
    _late(portal, connection, [(each.type_id, int(each.id), None, None, None) for each in made])


def changing(portal: Portal, connection: sqlite3.Connection, found: Sequence[Record]) -> None:
    """These records are about to change: the index keeps what they are now for a while."""
    if lag(portal)[1] <= 0:
        return
    rows: list[tuple[Any, ...]] = []
    for each in found:
        text = None if each.archived is not None else encoded(each.properties)
        rows.append((each.type_id, int(each.id), text, each.created, each.modified))
    _late(portal, connection, rows)


def source(portal: Portal, connection: sqlite3.Connection, type_id: str) -> Source:
    """What the index holds now; records whose properties it lacks are not in it."""
    now = portal.now_ms()
    pending = connection.execute("SELECT 1 FROM unseen WHERE type = ? AND due > ? LIMIT 1", (type_id, now)).fetchone()
    live = "SELECT id, properties, created, modified FROM record WHERE type = ? AND archived IS NULL"
    if pending is None:
        return Source(live, (type_id,))
    text = f"""{live} AND id NOT IN (SELECT id FROM unseen WHERE type = ? AND due > ?)
      UNION ALL SELECT id, properties, created, modified FROM unseen WHERE properties IS NOT NULL
      AND seq IN (SELECT MIN(seq) FROM unseen WHERE type = ? AND due > ? GROUP BY id)"""
    return Source(text, (type_id, type_id, now, type_id, now))


def _late(portal: Portal, connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    least, most = lag(portal)
    now = portal.now_ms()
    connection.execute("DELETE FROM unseen WHERE due <= ?", (now,))
    if most > 0:
        text = "INSERT INTO unseen (type, id, properties, created, modified, due) VALUES (?,?,?,?,?,?)"
        delays = [round(portal.rng.uniform(least, most) * 1000) for _ in rows]
        connection.executemany(text, [(*row, now + delay) for row, delay in zip(rows, delays, strict=True)])
