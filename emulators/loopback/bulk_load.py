"""How a file of SQLite takes in much at once: pages written once, indexes made afterwards, and still undone whole."""

from __future__ import annotations

import contextlib
import gc
import sqlite3
from collections.abc import Iterator


@contextlib.contextmanager
def in_bulk(connection: sqlite3.Connection) -> Iterator[None]:
    """Inside, one large transaction writes each page once, not first into a log; it can still be undone.

    Nothing changes when a transaction is open already or somebody else has the file open.
    """
    if connection.in_transaction or not _journal(connection, "DELETE"):
        yield
        return
    kept = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "cache_size")}
    connection.execute("PRAGMA synchronous=OFF")  # a load that the machine loses is made again
    connection.execute("PRAGMA cache_size=-200000")
    collecting = gc.isenabled()
    gc.disable()  # rows make no cycles, but enough objects to be searched for them again and again
    try:
        yield
    finally:
        if collecting:
            gc.enable()
        for name, value in kept.items():
            connection.execute(f"PRAGMA {name}={value}")
        _journal(connection, "WAL")


@contextlib.contextmanager
def indexed_afterwards(connection: sqlite3.Connection, table: str, *, large: bool = True) -> Iterator[None]:
    """Inside, an empty table that takes in much has no indexes; they are made at the end, each by one sort."""
    known: list[tuple[str, str]] = []
    if large and connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is None:
        text = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql NOT NULL"
        known = [(name, sql) for name, sql in connection.execute(text, (table,))]
    for name, _ in known:
        connection.execute(f"DROP INDEX {name}")
    yield
    for _, sql in known:  # in their order, by which SQLite chooses between equals
        connection.execute(sql)


def _journal(connection: sqlite3.Connection, mode: str) -> bool:
    try:
        connection.execute(f"PRAGMA journal_mode={mode}")
    except sqlite3.OperationalError:  # locked
        return False
    return True
