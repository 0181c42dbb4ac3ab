"""Whose a SQLite file is: the emulator's that made it, in a layout that this version knows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

LAYOUT = 1  # to be raised with a change of the tables that files of before cannot follow
_MARKS = {"salesforce": 0x656D5346, "hubspot": 0x656D4853}  # PRAGMA application_id: emSF, emHS
_NOUNS = {"salesforce": "a Salesforce org", "hubspot": "a HubSpot portal"}
_TABLES = {"salesforce": "e_state", "hubspot": "state"}  # of files from before they were marked


def claim(path: Path, crm: str) -> None:
    """Mark a new file as this CRM's. ValueError, and nothing written, for what holds anything else."""
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
        mark, layout = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
        owner = next((name for name, known in _MARKS.items() if known == mark), "") or _unmarked(connection, crm)
        if owner != crm:
            raise ValueError(f"{path} holds {_NOUNS.get(owner, 'something else')}, not {_NOUNS[crm]}")
        if layout > LAYOUT:
            raise ValueError(f"{path} was written by a newer version (layout {layout}; this one knows {LAYOUT})")
        if (mark, layout) != (_MARKS[crm], LAYOUT):
            connection.execute(f"PRAGMA application_id = {_MARKS[crm]}")
            connection.execute(f"PRAGMA user_version = {LAYOUT}")


def _unmarked(connection: sqlite3.Connection, crm: str) -> str:
    """To whom a file without a mark belongs: an empty one to who asks."""
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return crm
    found = (name for name, table in _TABLES.items() if table in tables)
    return next((name for name in found if _has_values(connection, _TABLES[name])), "")


def _has_values(connection: sqlite3.Connection, table: str) -> bool:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")] == ["name", "value"]
