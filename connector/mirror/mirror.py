"""What the CRM held when it was last read, and how pages of rows get there without loss or doubling."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from connector.core.records import Table
from connector.errors import Busy, Misconfigured, refuse_cut_off
from connector.mirror import affected, affected_deals, layout, merges
from connector.mirror.beside import Beside
from connector.mirror.gathered import GROUP_ROWS, Gathered
from connector.mirror.layout import CANONICAL, FAMILIES
from connector.mirror.notes import Notes, arrow, numbered, unordered

_LARGE = "SELECT table_name FROM duckdb_tables() WHERE NOT temporary AND index_count = 0 AND estimated_size > 50000"
"""Smaller tables are read through as fast as they are looked up in."""

_FEW = 1_000
"""So many ids are written into a question."""


class Mirror(Notes):
    """One DuckDB file with one writer. Views named as the canonical tables show the live rows.

    A full pull is `begin_full`, any number of `append`, `finish_full`; until the last of them nobody sees its
    rows, and after a crash `staged` and `staged_token` tell where to go on. Changes come through `upsert`.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._con = connection
        self._feeds: dict[str, dict[str, int]] = {}
        self._gathered: dict[tuple[str, str], Gathered] = {}
        self._beside: dict[str, Beside] = {}
        self.kept: dict[str, Any] = {}
        self._prepare()

    @classmethod
    def open(cls, path: Path | str, *, memory_limit: str = "1500MB", threads: int | None = None) -> Self:
        """Open or make the file (":memory:" for none); larger work than `memory_limit` spills beside the file.

        Raises Busy when another process has it open, Misconfigured when it cannot be a mirror of this program.
        """
        where = str(path)
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory_limit,
        }
        if threads is not None:
            config["threads"] = threads
        if where != ":memory:":
            refuse_cut_off(Path(where))
            Path(where).parent.mkdir(parents=True, exist_ok=True)
            config["temp_directory"] = where + ".tmp"
        try:
            connection = duckdb.connect(where, config=config)
        except duckdb.IOException as error:
            raise _unopened(where, error) from error
        try:
            return cls(connection)
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Write everything down and let others open the file."""
        for table, source in list(self._gathered):
            self._write_gathered(table, source)
        for session in self._beside.values():
            session.close()
        self.kept.clear()
        self._con.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # A full pull -------------------------------------------------------------------------------------------------

    def begin_full(self, table: str, source: str) -> None:
        """Start a full pull anew: what an earlier, unfinished one had staged is dropped.

        To go on with an unfinished pull, do not call this: append after `staged_token`.
        """
        known = CANONICAL[table]
        number = self._feed(known, source)
        self._gathered.pop((table, source), None)
        with self.together():
            self._con.execute(f"DROP TABLE IF EXISTS {layout.staging(known, number)}")
            self._con.execute(layout.create(layout.staging(known, number), known))
            self._set_token(table, source, "")

    def append(self, table: str, source: str, rows: pa.Table, *, token: str | None = None) -> None:
        """Store one page of a full pull.

        Without a token the page is on disk when this returns. With `token`, where reading goes on after the page,
        pages are gathered and written many at a time, always together with the token of the last of them: after a
        crash `staged_token` is where to go on, whatever the caller remembers.
        """
        known = CANONICAL[table]
        gathered = self._gathered.setdefault((table, source), Gathered())
        gathered.add(layout.conform(known, rows), token)
        if token is None or gathered.full():
            self._write_gathered(table, source, everything=token is None)

    def keep(self, table: str, source: str) -> None:
        """Write down what was gathered, but for the rows since the last write where rows come fast enough.

        Called every so many rows of a read, it leaves no more than twice as many to be read again after a crash.
        """
        if self._gathered.setdefault((table, source), Gathered()).waited():
            self._write_gathered(table, source, everything=False)

    def _write_gathered(self, table: str, source: str, *, everything: bool = True) -> None:
        gathered = self._gathered.get((table, source), Gathered())
        pages, token = gathered.take(everything=everything)
        if not pages:
            return
        known = CANONICAL[table]
        name = layout.staging(known, self._feed(known, source))
        rows = pa.concat_tables(pages)
        with unordered(self._con), self.together():
            self._con.execute(layout.create(name, known))
            for start in range(0, rows.num_rows, GROUP_ROWS):  # more at once are split among threads, and unevenly
                with self._incoming(rows.slice(start, GROUP_ROWS)):
                    self._con.execute(f"INSERT INTO {name} BY NAME SELECT * FROM incoming")
            if token is not None:
                self._set_token(table, source, token)

    def staged(self, table: str, source: str) -> int:
        """How many rows an unfinished full pull has stored; 0 when there is none."""
        self._write_gathered(table, source)
        known = CANONICAL[table]
        number = self._feeds.get(table, {}).get(source)
        if number is None or not self._has(layout.staging(known, number)):
            return 0
        return int(self._one(f"SELECT count(*) FROM {layout.staging(known, number)}"))

    def staged_token(self, table: str, source: str) -> str | None:
        """Where to go on with an unfinished full pull; None when nothing is staged or no page brought a token."""
        self._write_gathered(table, source)
        where = "SELECT token FROM pmom_staging WHERE canonical = ? AND source = ?"
        return self._one(where, [table, source]) or None

    def staged_changes(self, table: str, source: str, most: int) -> list[str] | None:
        """Ids of rows that finishing the full pull would add, change or drop; None when more than `most`."""
        self._write_gathered(table, source)
        known = CANONICAL[table]
        number = self._feed(known, source)
        target, name = layout.stored(known, number), layout.staging(known, number)
        if not self._has(name) or not self._has(target):
            return None
        differ = f"(FROM {target} EXCEPT FROM {name}) UNION ALL (FROM {name} EXCEPT FROM {target})"
        rows = self._con.execute(f"SELECT DISTINCT id FROM ({differ}) ORDER BY id LIMIT {most + 1}").fetchall()
        return None if len(rows) > most else [row[0] for row in rows]

    def finish_full(self, table: str, source: str) -> None:
        """Put the staged rows in the place of the source's rows, all at once; the newest of equal ids stays."""
        self._write_gathered(table, source)
        known = CANONICAL[table]
        number = self._feed(known, source)
        target, name = layout.stored(known, number), layout.staging(known, number)
        with self.together():
            self._con.execute(layout.create(name, known))
            self._drop_repeats(known, name)
            self._con.execute(f"DROP TABLE IF EXISTS {target}")
            self._con.execute(f"ALTER TABLE {name} RENAME TO {target}")
            self._con.execute("DELETE FROM pmom_staging WHERE canonical = ? AND source = ?", [table, source])
            self._follow_merges(known, target)

    def _drop_repeats(self, table: Table, name: str) -> None:
        keys = layout.key(table)
        if not self._one(f"SELECT count(*) - count(DISTINCT ({keys})) FROM {name}"):
            return
        order = layout.newest_first(table, tie="rowid DESC")
        self._con.execute(
            f"CREATE TABLE unrepeated AS SELECT * FROM {name}"
            f" QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {order}) = 1"
        )
        self._con.execute(f"DROP TABLE {name}")
        self._con.execute(f"ALTER TABLE unrepeated RENAME TO {name}")

    # Changes -----------------------------------------------------------------------------------------------------

    def upsert(self, table: str, source: str, rows: pa.Table, deleted_ids: Iterable[str] = ()) -> int:
        """Take changed rows and deletions in one transaction; says how many rows were stored.

        The newest of equal ids wins, the later row on equal stamps; a row older than the stored one is left out.
        """
        known = CANONICAL[table]
        number, gone = self._feed(known, source), list(deleted_ids)
        self._write_gathered(table, source)
        with self._incoming(numbered(layout.conform(known, rows))), self.together():
            if self._one("SELECT count(*) FROM pmom_staging WHERE canonical = ? AND source = ?", [table, source]):
                # an unfinished full pull may hold an older page of these rows, which would take their place
                self._put(known, layout.staging(known, number), gone)
            stored = self._put(known, layout.stored(known, number), gone)
            if rows.num_rows:
                self._follow_merges(known, "newer")
        self._con.execute("DROP TABLE newer")
        return stored

    def _put(self, table: Table, target: str, gone: list[str]) -> int:
        """Bring the incoming rows, which are then `newer`, into a stored or staged table; -> how many it took."""
        order = layout.newest_first(table, tie="nth DESC")
        self._con.execute(
            f"CREATE OR REPLACE TEMP TABLE newer AS SELECT * EXCLUDE (nth) FROM (SELECT * FROM incoming"
            f" QUALIFY row_number() OVER (PARTITION BY {layout.key(table)} ORDER BY {order}) = 1) n"
            f"{_not_older(table, target)}"
        )
        same = " AND ".join(f'{target}."{name}" = newer."{name}"' for name in table.key)
        self._con.execute(f"DELETE FROM {target} USING newer WHERE {same}")
        self._con.execute(f"INSERT INTO {target} BY NAME SELECT * FROM newer")
        self._delete(target, gone)
        return int(self._one("SELECT count(*) FROM newer"))

    def delete(self, table: str, source: str, ids: Iterable[str]) -> None:
        """Forget rows by id; what was merged into them keeps pointing on."""
        known = CANONICAL[table]
        with self.together():
            self._delete(layout.stored(known, self._feed(known, source)), ids)

    def _delete(self, target: str, ids: Iterable[str]) -> None:
        gone = list(ids)
        if gone:
            self._con.execute(f"DELETE FROM {target} WHERE id IN (SELECT unnest(?::VARCHAR[]))", [gone])

    def _follow_merges(self, table: Table, rows: str) -> None:
        """Keep who was merged into whom, also after the CRM has forgotten it, and look up every survivor anew."""
        family = FAMILIES.get(table.name)
        if family is None:
            return
        self._con.execute(f"DELETE FROM pmom_merges WHERE family = '{family}' AND id IN (SELECT id FROM {rows})")
        self._con.execute(
            f"INSERT INTO pmom_merges SELECT '{family}', id, merged_into FROM {rows} WHERE merged_into IS NOT NULL"
        )
        pairs = self._con.execute("SELECT id, merged_into FROM pmom_merges WHERE family = ?", [family]).fetchall()
        found = merges.survivors(dict(sorted(pairs)))
        self._con.execute("DELETE FROM aliases WHERE family = ?", [family])
        if found:
            self._con.execute(
                "INSERT INTO aliases SELECT ?, unnest(?::VARCHAR[]), unnest(?::VARCHAR[])",
                [family, list(found), list(found.values())],
            )

    def feeds(self) -> tuple[tuple[str, str], ...]:
        """Every (canonical table, source) that was ever filled, in a fixed order."""
        return tuple((table, source) for table, sources in sorted(self._feeds.items()) for source in sorted(sources))

    # Questions ---------------------------------------------------------------------------------------------------

    def held(self, table: str, source: str, ids: Sequence[str] | None = None, *, below: bool = False) -> str:
        """The rows of a source as a question, also those merged away: of all ids, or of few without reading all.

        With `below` the ids are the beginnings of ids, before their last ':'.
        """
        known = CANONICAL[table]
        rows = f"SELECT * FROM {layout.stored(known, self._feed(known, source))}"
        if ids is None or len(ids) > _FEW:
            return rows
        wanted = (
            [f"starts_with(id, {layout.text(id_ + ':')})" for id_ in ids] if below else [affected.among("id", ids)]
        )
        return f"{rows} WHERE {' OR '.join(wanted) or 'false'}"

    def count(self, table: str) -> int:
        """How many live rows one canonical table has."""
        return int(self._one(f'SELECT count(*) FROM "{CANONICAL[table].name}"'))

    def counts(self) -> dict[str, int]:
        """How many live rows each canonical table has."""
        return {name: self.count(name) for name in CANONICAL}

    def affected_partners(self, table: str, ids: Iterable[str]) -> set[str]:
        """The live partners that these rows can say something new about.

        Only present rows can be followed: for a row that moved from one partner to another, or is about to be
        deleted, ask before the change and again after it.
        """
        wanted = sorted(set(ids))
        return affected.partners(self._cells, table, wanted) if wanted else set()

    def affected_deals(self, table: str, ids: Iterable[str]) -> set[str] | None:
        """The opportunities whose credit these rows may move; None is all of them. Likewise."""
        wanted = sorted(set(ids))
        return affected_deals.deals(self._cells, table, wanted) if wanted else set()

    def _cells(self, sql: str) -> list[str]:
        return [row[0] for row in self._con.execute(sql).fetchall() if row[0] is not None]

    def run(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Run a statement for its effect; temporary tables last until the mirror is closed."""
        self._con.execute(sql, list(values))

    def load(self, name: str, rows: pa.Table) -> None:
        """Make or replace a temporary table with these rows."""
        with self._incoming(rows):
            self._con.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS SELECT * FROM incoming')

    def query(self, sql: str, values: Sequence[Any] = ()) -> pa.Table:
        """The answer as one Arrow table; instants are UTC."""
        return arrow(self._con, sql, values)

    def beside(self, name: str) -> Beside:
        """An empty database in memory, from which this one can be read; what an earlier call gave is thrown away."""
        if name in self._beside:
            self._beside.pop(name).close()
            self._con.execute(f"DETACH {name}")
        self._con.execute(f"ATTACH ':memory:' AS {name}")
        self._beside[name] = Beside(self._con, name)
        return self._beside[name]

    def batches(self, sql: str, rows: int) -> Iterator[pa.RecordBatch]:
        """The answer in record batches of about so many rows."""
        relation = self._con.sql(sql)
        yield from relation.to_arrow_reader(rows)

    def index(self) -> None:
        """Make the indexes by which a few partners' rows are found at once, where a table is large and lacks them.

        They cost about one second a million rows, and stay in the file until a full pull puts another table in place.
        """
        large = {row[0] for row in self._con.execute(_LARGE).fetchall()}
        for name, columns in layout.LOOKED_UP.items():
            for number in self._feeds.get(name, {}).values():
                stored = layout.stored(CANONICAL[name], number)
                for column in columns if stored in large else ():
                    self._con.execute(f'CREATE INDEX IF NOT EXISTS {stored}_{column} ON {stored} ("{column}")')

    # The file ----------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self._con.execute("SET TimeZone = 'UTC'")
        with self.together():
            self._con.execute(layout.NOTES)
        found = self.get_meta("schema_version")
        if found is None:
            self.set_meta("schema_version", str(layout.SCHEMA_VERSION))
        elif int(found) > layout.SCHEMA_VERSION:
            raise Misconfigured(
                "mirror",
                f"the file has schema version {found}, this program knows {layout.SCHEMA_VERSION}",
                "Use the newer program, or move the file away and pull anew.",
            )
        for canonical, source, number in self._con.execute("SELECT * FROM pmom_feeds ORDER BY number").fetchall():
            self._feeds.setdefault(canonical, {})[source] = number
        with self.together():
            for table in CANONICAL.values():
                self._add_columns(table)
                self._con.execute(self._view(table))

    def _add_columns(self, table: Table) -> None:
        for number in self._feeds.get(table.name, {}).values():
            for name in (layout.stored(table, number), layout.staging(table, number)):
                if not self._has(name):
                    continue
                have = [row[0] for row in self._con.execute(f"DESCRIBE {name}").fetchall()]
                for column in table.columns:
                    if column.name not in have:
                        self._drop_indexes(name)  # a table with an index takes no column
                        kind = layout.sql_type(column.kind)
                        self._con.execute(f'ALTER TABLE {name} ADD COLUMN "{column.name}" {kind}')

    def _drop_indexes(self, name: str) -> None:
        indexes = self._con.execute("SELECT index_name FROM duckdb_indexes() WHERE table_name = ?", [name]).fetchall()
        for (index,) in indexes:
            self._con.execute(f'DROP INDEX "{index}"')

    def _view(self, table: Table) -> str:
        return layout.view(table, sorted(self._feeds.get(table.name, {}).items()))

    def _feed(self, table: Table, source: str) -> int:
        """The number of the feed, made on first use together with its empty stored table."""
        feeds = self._feeds.setdefault(table.name, {})
        if source not in feeds:
            number = max(feeds.values(), default=0) + 1
            feeds[source] = number
            with self.together():
                self._con.execute("INSERT INTO pmom_feeds VALUES (?, ?, ?)", [table.name, source, number])
                self._con.execute(layout.create(layout.stored(table, number), table))
                self._con.execute(self._view(table))
        return feeds[source]

    def _set_token(self, table: str, source: str, token: str) -> None:
        self._con.execute("DELETE FROM pmom_staging WHERE canonical = ? AND source = ?", [table, source])
        self._con.execute("INSERT INTO pmom_staging VALUES (?, ?, ?)", [table, source, token])

    def _has(self, name: str) -> bool:
        return bool(self._one("SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [name]))

    def _one(self, sql: str, values: Sequence[Any] = ()) -> Any:
        rows = self._con.execute(sql, list(values)).fetchall()
        return rows[0][0] if rows else None

    @contextmanager
    def _incoming(self, rows: pa.Table) -> Iterator[None]:
        self._con.register("incoming", rows)
        try:
            yield
        finally:
            self._con.unregister("incoming")


def _not_older(table: Table, target: str) -> str:
    """The condition that no stored row is newer; tables without a stamp take every row."""
    if all(column.name != "modified_at" for column in table.columns):
        return ""
    same = " AND ".join(f's."{name}" = n."{name}"' for name in table.key)
    return f" WHERE NOT EXISTS (SELECT 1 FROM {target} s WHERE {same} AND s.modified_at > n.modified_at)"


def _unopened(where: str, error: duckdb.IOException) -> Busy | Misconfigured:
    if "lock" in str(error).lower():
        return Busy(f"{where}: another process has the mirror open. Wait for it to end, or stop it, and run again.")
    return Misconfigured(where, "the file cannot be opened as a mirror", "Check the path and its permissions.")
