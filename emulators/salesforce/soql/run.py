"""Answers SOQL over the emulator's tables: `prepare` finds the rows, `Prepared.page` reads some, `run` does both."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import overload

from emulators.salesforce.schema import ObjectType
from emulators.salesforce.soql.aggregate import MAX_GROUPS, compile_groups
from emulators.salesforce.soql.ast import Query
from emulators.salesforce.soql.compile import ChildPlan, Compiler, RowPlan, is_aggregate
from emulators.salesforce.soql.context import Context
from emulators.salesforce.soql.errors import SoqlError, malformed, too_complicated
from emulators.salesforce.soql.functions import register
from emulators.salesforce.soql.parser import parse
from emulators.salesforce.soql.shapes import Record, ResultColumn

_CHUNK = 2000
_TOO_MUCH = ("too large", "too many", "too complex", "stack overflow", "at most")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A query whose rows are found: ids in order (values are read page by page), or finished aggregate rows.

    `seen` is VIEW or REFERENCE where the query says FOR VIEW or FOR REFERENCE.
    """

    entity: ObjectType
    total: int
    is_count: bool
    is_aggregate: bool
    columns: tuple[ResultColumn, ...]
    ids: tuple[str, ...] = ()
    rows: tuple[Record, ...] = ()
    plan: RowPlan | None = None
    seen: str = ""
    _connection: sqlite3.Connection | None = field(default=None, repr=False)

    def page(self, offset: int, size: int, connection: sqlite3.Connection | None = None) -> list[Record]:
        """Records from an offset on, as they are now; rows purged since are left out. Another connection may read."""
        if self.plan is None:
            return list(self.rows[offset : offset + size])
        reader = connection or self._connection
        assert reader is not None
        return list(_records(reader, self.plan, self.ids[offset : offset + size]).values())


class Records(Sequence[Record]):
    """The records of an answer, read from the tables in chunks when they are asked for."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._length = len(prepared.rows) if prepared.plan is None else len(prepared.ids)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Record]:
        for start in range(0, self._length, _CHUNK):
            yield from self._prepared.page(start, _CHUNK)

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...

    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        if isinstance(index, int):
            position = range(self._length)[index]
            return self._prepared.page(position, 1)[0]
        positions = range(self._length)[index]
        if positions.step == 1:
            return self._prepared.page(positions.start, len(positions))
        return [self[position] for position in positions]


@dataclass(frozen=True, slots=True)
class Result:
    """An answer. `total` is totalSize; COUNT() has a total and no records.

    `seen` is VIEW or REFERENCE where the records with `ids` count as viewed or referenced, else empty.
    """

    entity: ObjectType
    total: int
    is_count: bool
    columns: tuple[ResultColumn, ...]
    records: Records
    seen: str = ""
    ids: tuple[str, ...] = ()


def run(connection: sqlite3.Connection, soql: str, context: Context) -> Result:
    """Answer a query. Raises SoqlError."""
    prepared = prepare(connection, soql, context)
    return Result(
        prepared.entity,
        prepared.total,
        prepared.is_count,
        prepared.columns,
        Records(prepared),
        prepared.seen,
        prepared.ids if prepared.seen else (),
    )


def prepare(connection: sqlite3.Connection, soql: str, context: Context) -> Prepared:
    """Find a query's rows and keep their ids, so that pages stay the same rows later. Raises SoqlError."""
    try:
        return _prepare(connection, soql, context)
    except RecursionError:
        raise too_complicated() from None


def records_among(
    connection: sqlite3.Connection, soql: str, context: Context, ids: Sequence[str], most: int
) -> list[Record]:
    """The records of a query that are among those ids, at most so many; for searches. Raises SoqlError."""
    query = parse(soql)
    register(connection)
    compiler = Compiler(soql, context)
    entity = compiler.entity(query)
    if is_aggregate(query) or query.counts_only:
        raise malformed(soql, query.position, "aggregates are not supported in a search")
    plan = compiler.rows(query, entity)
    if plan.children:
        raise malformed(soql, query.position, "sub-queries are not supported in a search")
    among = replace(
        plan,
        where=f"({plan.where}) AND t.f_id IN (SELECT value FROM json_each(:among))",
        values={**plan.values, "among": json.dumps(list(ids))},
        limit=most if plan.limit is None else min(plan.limit, most),
    )
    found = [row[0] for row in fetch(connection, among.ids_sql, among.values)]
    return list(_records(connection, plan, found).values())


def _prepare(connection: sqlite3.Connection, soql: str, context: Context) -> Prepared:
    query = parse(soql)
    register(connection)
    compiler = Compiler(soql, context)
    entity = compiler.entity(query)
    if query.counts_only:
        return _count(connection, compiler, query, entity)
    if is_aggregate(query):
        return _groups(connection, compiler, query, entity)
    plan = compiler.rows(query, entity)
    ids = tuple(row[0] for row in fetch(connection, plan.ids_sql, plan.values))
    seen = next((word for word in query.locks if word in ("VIEW", "REFERENCE")), "")
    return Prepared(
        entity, len(ids), False, False, plan.columns, ids=ids, plan=plan, seen=seen, _connection=connection
    )


def fetch(connection: sqlite3.Connection, sql: str, values: dict[str, object]) -> sqlite3.Cursor:
    """Run SQL; rows are plain tuples whatever the connection's row factory."""
    cursor = connection.cursor()
    cursor.row_factory = None
    try:
        return cursor.execute(sql, values)
    except sqlite3.OperationalError as bad:
        if any(text in str(bad) for text in _TOO_MUCH):
            raise too_complicated() from None
        raise


def _count(connection: sqlite3.Connection, compiler: Compiler, query: Query, entity: ObjectType) -> Prepared:
    if query.grouping is not None or query.order:
        position = query.grouping.position if query.grouping else query.order_position
        word = "GROUP" if query.grouping else "ORDER"
        raise malformed(compiler.soql, position, f"unexpected token: '{word}'")
    scope = compiler.scope(query, entity)
    where = compiler.where(query, scope)
    limit = -1 if query.limit is None else query.limit
    inner = f"SELECT 1 FROM {scope.source}{scope.joins} WHERE {where} LIMIT {limit} OFFSET {compiler.offset(query)}"
    total = fetch(connection, f"SELECT count(*) FROM ({inner})", compiler.binder.values).fetchone()[0]
    return Prepared(entity, total, True, True, ())


def _groups(connection: sqlite3.Connection, compiler: Compiler, query: Query, entity: ObjectType) -> Prepared:
    plan = compile_groups(compiler, query, entity)
    rows = tuple(plan.record(row) for row in fetch(connection, plan.sql, plan.values))
    if len(rows) > MAX_GROUPS:
        text = "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch"
        raise SoqlError("EXCEEDED_ID_LIMIT", text)
    return Prepared(entity, len(rows), False, True, plan.columns, rows=rows)


def _records(connection: sqlite3.Connection, plan: RowPlan, ids: Sequence[str]) -> dict[str, Record]:
    """The records of those ids, by id, in that order."""
    if not ids:
        return {}
    page = json.dumps(list(ids))
    children = {child.relationship: _blocks(connection, child, page) for child in plan.children}
    build, at = plan.shape.builder(), plan.shape.id_index
    rows = fetch(connection, plan.page_sql, {**plan.values, "page": page})
    return {row[at]: record for row in rows if (record := build(row, children)) is not None}


def _blocks(connection: sqlite3.Connection, child: ChildPlan, page: str) -> dict[str, Record]:
    """The child rows of a page of parents, by parent id."""
    ids: dict[str, list[str]] = {}
    for parent_id, child_id in fetch(connection, child.ids_sql, {**child.rows.values, "page": page}):
        ids.setdefault(parent_id, []).append(child_id)
    start, limit = child.rows.offset, child.rows.limit
    end = None if limit is None else start + limit
    chosen = {parent: window for parent, all_ids in ids.items() if (window := all_ids[start:end])}
    records = _records(connection, child.rows, [one for window in chosen.values() for one in window])
    return {parent: _block([records[one] for one in window if one in records]) for parent, window in chosen.items()}


def _block(records: list[Record]) -> Record:
    return {"totalSize": len(records), "done": True, "records": records}
