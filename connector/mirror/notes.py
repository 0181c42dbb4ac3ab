"""What the mirror remembers beside the records: sources, settings, refused rows, the CRM's current scorecards."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any, cast

import duckdb
import numpy as np
import pyarrow as pa

from connector.core.records import Kind
from connector.errors import Unkept
from connector.facts.sources import SourceState
from connector.mirror.affected import among
from connector.mirror.layout import arrow_type, sql_type

# Set once: a filter within a call would belong to all threads. A relation would save the copy that is warned of, but
# plans every question twice, which costs more.
warnings.filterwarnings("ignore", "Arrow output on a DB-API result", UserWarning)


_LOOKED = "looked"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row, or one field of it, that the mapping could not take; `run` names the pull that met it."""

    table: str
    row_id: str
    field: str
    found: str
    why: str
    run: str


def cards_of(table: str) -> str:
    """The table that keeps what the CRM holds in our fields on the records of a canonical table."""
    return "scorecards" if table == "partners" else f"scorecards_{table}"


@contextmanager
def one_transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit what the block wrote, or nothing of it."""
    con.execute("BEGIN")
    try:
        yield
    except BaseException:
        con.execute("ROLLBACK")
        raise
    con.execute("COMMIT")


@contextmanager
def unordered(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Store rows in any order, which takes less memory; questions must not be asked so: they would lose their order.

    (The database gathers an answer from several threads as they come, even one with ORDER BY.)
    """
    con.execute("SET preserve_insertion_order = false")
    try:
        yield
    finally:
        con.execute("SET preserve_insertion_order = true")


def arrow(con: duckdb.DuckDBPyConnection, sql: str, values: Sequence[Any] = ()) -> pa.Table:
    """The answer to a question as one Arrow table."""
    rows: Any = con.execute(sql, list(values)).to_arrow_table()
    return cast(pa.Table, rows)


def numbered(rows: pa.Table) -> pa.Table:
    """The rows with their place in `nth`: a parallel scan keeps no order of its own."""
    return rows.append_column("nth", pa.array(np.arange(rows.num_rows, dtype=np.int64)))


class Notes:
    """The small tables about the mirror; mixed into `Mirror`, which owns the connection."""

    _con: duckdb.DuckDBPyConnection
    _within = False

    @contextmanager
    def together(self) -> Iterator[None]:
        """Commit what the block writes at once, or nothing of it; a block within another one is part of that."""
        if self._within:
            yield
            return
        self._within = True
        try:
            with one_transaction(self._con):
                yield
        finally:
            self._within = False

    def look_kept(self, at: datetime) -> None:
        """Write that it was looked at; Unkept when nothing can be written: a full disk, a read-only folder."""
        try:
            self.set_meta(_LOOKED, at.isoformat())
        except duckdb.Error as error:
            reason = str(error).strip().splitlines()[0]
            raise Unkept(f"the mirror cannot be written ({reason}). Look at its disk and its permissions.") from error

    def set_source(self, table: str, available: bool, reason: str = "", read_until: datetime | None = None) -> None:
        """Remember whether a canonical table can be read, why not, and up to which moment it was (aware)."""
        with self.together():
            self._con.execute("DELETE FROM pmom_sources WHERE canonical = ?", [table])
            self._con.execute("INSERT INTO pmom_sources VALUES (?, ?, ?, ?)", [table, available, reason, read_until])

    def sources(self) -> dict[str, SourceState]:
        """What was reported about each canonical table, by name."""
        table = arrow(self._con, "SELECT * FROM pmom_sources ORDER BY canonical")
        return {
            row["canonical"]: SourceState(row["available"], row["reason"], row["read_until"])
            for row in table.to_pylist()
        }

    def set_meta(self, key: str, value: str | None) -> None:
        """Remember a text under a key; None forgets it."""
        with self.together():
            self._con.execute("DELETE FROM pmom_meta WHERE key = ?", [key])
            if value is not None:
                self._con.execute("INSERT INTO pmom_meta VALUES (?, ?)", [key, value])

    def get_meta(self, key: str) -> str | None:
        """The text kept under the key, or None."""
        rows = self._con.execute("SELECT value FROM pmom_meta WHERE key = ?", [key]).fetchall()
        return rows[0][0] if rows else None

    def reject(self, rows: Iterable[Rejected]) -> None:
        """Add refused rows to the list."""
        columns = list(zip(*(astuple(row) for row in rows), strict=True))
        if not columns:
            return
        names = ("canonical", "row_id", "field", "found", "why", "run")
        incoming = pa.table({n: pa.array(c, pa.string()) for n, c in zip(names, columns, strict=True)})
        self._con.register("incoming", incoming)
        self._con.execute("INSERT INTO rejections SELECT * FROM incoming")
        self._con.unregister("incoming")

    def rejections(self, run: str | None = None) -> tuple[Rejected, ...]:
        """The refused rows of one run, or of all, in a fixed order."""
        rows = self._con.execute(
            "SELECT * FROM rejections WHERE ?::VARCHAR IS NULL OR run = ? ORDER BY ALL", [run, run]
        ).fetchall()
        return tuple(Rejected(*row) for row in rows)

    def forget_rejections(self, table: str) -> None:
        """Empty the list for one canonical table, before it is read anew."""
        self._con.execute("DELETE FROM rejections WHERE canonical = ?", [table])

    def existing(
        self, fields: Sequence[tuple[str, Kind]], table: str = "partners", ids: Iterable[str] | None = None
    ) -> pa.Table:
        """The machine fields' values that the CRM holds now on records of a canonical table: `id`, fields; by id.

        Of all records, or of those with these ids.
        """
        self._add_fields(cards_of(table), [(name, sql_type(kind)) for name, kind in fields])
        names = ", ".join(f'"{name}"' for name, _ in fields)
        chosen = "" if ids is None else f" WHERE {among('id', ids)}"
        answer = arrow(
            self._con, f"SELECT id{', ' + names if names else ''} FROM {cards_of(table)}{chosen} ORDER BY id"
        )
        wanted = pa.schema([("id", pa.string()), *((name, arrow_type(kind)) for name, kind in fields)])
        return answer.cast(wanted)

    def scorecards(self, table: str = "partners") -> pa.Table:
        """All kept machine fields: `id`, then every field ever put, by id."""
        return arrow(self._con, f"SELECT * FROM {cards_of(table)} ORDER BY id")

    def put_scorecards(self, rows: pa.Table, table: str = "partners") -> None:
        """Replace the kept values by these rows (`id` and field columns; a repeated id keeps its last row)."""
        self._take_scorecards(rows, cards_of(table), everything=True)

    def patch_scorecards(self, rows: pa.Table, table: str = "partners") -> None:
        """Overwrite the given columns of the given ids; other columns stay, new ids are added."""
        self._take_scorecards(rows, cards_of(table), everything=False)

    def _take_scorecards(self, rows: pa.Table, kept: str, *, everything: bool) -> None:
        self._con.register("incoming", numbered(rows))
        described = self._con.execute("DESCRIBE incoming").fetchall()
        fields = [(row[0], row[1]) for row in described if row[0] not in ("id", "nth")]
        self._add_fields(kept, fields)
        names = "".join(f', "{name}"' for name, _ in fields)
        with self.together():
            self._con.execute(
                "CREATE OR REPLACE TEMP TABLE cards AS SELECT * EXCLUDE (nth) FROM incoming"
                " QUALIFY row_number() OVER (PARTITION BY id ORDER BY nth DESC) = 1"
            )
            if everything:
                self._con.execute(f"DELETE FROM {kept}")
            elif fields:
                sets = ", ".join(f'"{name}" = cards."{name}"' for name, _ in fields)
                self._con.execute(f"UPDATE {kept} AS held SET {sets} FROM cards WHERE held.id = cards.id")
            self._con.execute(
                f"INSERT INTO {kept} (id{names}) SELECT id{names} FROM cards"
                f" WHERE NOT EXISTS (SELECT 1 FROM {kept} s WHERE s.id = cards.id)"
            )
        self._con.execute("DROP TABLE cards")
        self._con.unregister("incoming")

    def _add_fields(self, kept: str, fields: Sequence[tuple[str, str]]) -> None:
        if kept != "scorecards":
            self._con.execute(f"CREATE TABLE IF NOT EXISTS {kept} (id VARCHAR)")
        have = {row[0] for row in self._con.execute(f"DESCRIBE {kept}").fetchall()}
        for name, kind in fields:
            if name not in have:
                self._con.execute(f'ALTER TABLE {kept} ADD COLUMN "{name}" {kind}')
