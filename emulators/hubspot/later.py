"""What happens by itself after a while: modified dates that move after a create, archived records that are purged."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from datetime import timedelta
from weakref import WeakKeyDictionary

from emulators.hubspot import associations, history, records
from emulators.hubspot.portal import Portal
from emulators.hubspot.records import Record
from emulators.loopback.clock import stored

DDL = """
CREATE TABLE IF NOT EXISTS bump (type TEXT NOT NULL, id INTEGER NOT NULL, at TEXT NOT NULL, PRIMARY KEY (type, id));
CREATE INDEX IF NOT EXISTS bump_at ON bump (at);
"""
KEPT = timedelta(days=90)  # an archived record can be restored so long
_LOOK = timedelta(hours=1)
# seconds after a create in which HubSpot's own properties move the modified date (recorded, n = 108 each):
# companies 0.7 to 4.8, median 2.7; contacts 1.1 to 25.1, median 11.1; custom objects: never
_BUMPS = {"0-2": (0.7, 2.7, 4.8), "0-1": (1.1, 11.1, 25.1), "0-3": (0.7, 2.7, 4.8)}


class _Due:
    """When to look again, so that most calls need not ask the file."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.bump = ""  # the earliest instant at which a modified date moves; "~": none
        self.purge = ""


_DUE: WeakKeyDictionary[Portal, _Due] = WeakKeyDictionary()


def plan(portal: Portal, connection: sqlite3.Connection, created: Iterable[Record]) -> None:
    """Move the modified dates of new records in a while, unless the portal's `bumps` are off."""
    if portal.state("bumps") is False:
        return
    rows = []
    for record in created:
        bounds = _BUMPS.get(record.type_id)
        if bounds is not None:
            delay = portal.rng.triangular(bounds[0], bounds[2], bounds[1])
            rows.append((record.type_id, int(record.id), stored(portal.now() + timedelta(seconds=delay))))
    if rows:
        connection.executemany("INSERT OR REPLACE INTO bump VALUES (?,?,?)", rows)
        _due(portal).bump = ""


def settle(portal: Portal) -> None:
    """Do what is due by the portal's clock."""
    due = _due(portal)
    now = portal.now_text()
    if due.bump > now and due.purge > now:
        return
    with due.lock, portal.transaction() as connection:
        if due.bump <= now:
            _bump(connection, now)
            row = connection.execute("SELECT MIN(at) FROM bump").fetchone()
            due.bump = row[0] or "~"
        if due.purge <= now:
            _purge(portal, connection)
            due.purge = stored(portal.now() + _LOOK)


def remove(portal: Portal, connection: sqlite3.Connection, type_id: str, ids: list[str]) -> None:
    """Forget records for good, with all that hangs on them."""
    records.remove(connection, type_id, ids)
    history.drop(connection, type_id, ids)
    associations.drop(portal, type_id, ids)


def _due(portal: Portal) -> _Due:
    return _DUE.setdefault(portal, _Due())


def _bump(connection: sqlite3.Connection, now: str) -> None:
    rows = connection.execute("SELECT at, type, id FROM bump WHERE at <= ?", (now,)).fetchall()
    text = "UPDATE record SET modified = ? WHERE type = ? AND id = ? AND modified < ?"
    connection.executemany(text, [(at, type_id, number, at) for at, type_id, number in rows])
    connection.execute("DELETE FROM bump WHERE at <= ?", (now,))


def _purge(portal: Portal, connection: sqlite3.Connection) -> None:
    by_type: dict[str, list[str]] = {}
    for type_id, record_id in records.archived_before(connection, stored(portal.now() - KEPT)):
        by_type.setdefault(type_id, []).append(record_id)
    for type_id, ids in by_type.items():
        remove(portal, connection, type_id, ids)
