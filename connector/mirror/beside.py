"""A database in memory beside the mirror's: room for a computation that must not touch the mirror's own tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from connector.mirror.notes import arrow


class Beside:
    """A session whose own database is the one named; the mirror's tables are read under `there`."""

    def __init__(self, con: duckdb.DuckDBPyConnection, name: str) -> None:
        row = con.execute("SELECT current_database()").fetchone()
        assert row is not None
        self.there = '"' + row[0].replace('"', '""') + '".main'
        self._con = con.cursor()
        self._con.execute("SET TimeZone = 'UTC'")
        self._con.execute(f"USE {name}")

    def run(self, sql: str) -> None:
        """Run a statement for its effect."""
        self._con.execute(sql)

    def insert(self, name: str, rows: pa.Table) -> None:
        """Add rows to a table, by the names of their columns."""
        self._con.register("incoming", rows)
        try:
            self._con.execute(f"INSERT INTO {name} BY NAME SELECT * FROM incoming")
        finally:
            self._con.unregister("incoming")

    def cells(self, sql: str) -> list[str]:
        """The filled cells of the answer's first column."""
        return [row[0] for row in self._con.execute(sql).fetchall() if row[0] is not None]

    def query(self, sql: str) -> pa.Table:
        """The answer as one Arrow table; instants are UTC."""
        return arrow(self._con, sql)

    @contextmanager
    def small(self) -> Iterator[None]:
        """Many questions about few rows: sharing each one out over threads costs more than it saves."""
        before = self._con.execute("SELECT current_setting('threads')").fetchone()
        assert before is not None
        self._con.execute("SET threads = 1")
        try:
            yield
        finally:
            self._con.execute(f"SET threads = {before[0]}")

    def close(self) -> None:
        """End the session."""
        self._con.close()
