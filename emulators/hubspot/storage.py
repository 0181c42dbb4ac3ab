"""Which tables a portal's SQLite file has: the sum of what its modules declare."""

from __future__ import annotations

import importlib
import json
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal

# Every module that keeps something has its own DDL (CREATE TABLE IF NOT EXISTS ...) and may have `found(portal)`,
# which puts into a new file what every portal has from the beginning.
_MODULES = (
    "definitions", "properties", "groups", "schemas", "pipelines", "owners", "labels", "associations", "campaigns",
    "account", "currencies", "validations", "records", "later", "history", "merge", "search_index", "tokens",
    "webhook_events", "journal", "app_tokens", "lists", "jobs", "pipeline_audits", "association_limits",
    "token_grants", "list_folders",
)  # fmt: skip
DDL = "CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"


def connect(path: str) -> sqlite3.Connection:
    """A connection for one thread; transactions are begun and ended by Portal alone."""
    connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = OFF")  # a portal that the machine loses is made again
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA cache_size = -32000")
    return connection


def create(connection: sqlite3.Connection) -> None:
    """All tables that are not there yet."""
    connection.executescript("\n".join([DDL, *(_part(name, "DDL", "") for name in _MODULES)]))


def found(portal: Portal) -> None:
    """What a new portal has from the beginning."""
    for name in _MODULES:
        begin: Callable[[Portal], None] | None = _part(name, "found", None)
        if begin is not None:
            begin(portal)


def state(connection: sqlite3.Connection, name: str) -> Any:
    """A small JSON document kept under that name; None when there is none."""
    row = connection.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
    return None if row is None else json.loads(row[0])


def put_state(connection: sqlite3.Connection, name: str, value: Any) -> None:
    """Keep a small JSON document."""
    connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (name, json.dumps(value)))


def _part(module: str, name: str, default: Any) -> Any:
    return getattr(importlib.import_module(f"emulators.hubspot.{module}"), name, default)
