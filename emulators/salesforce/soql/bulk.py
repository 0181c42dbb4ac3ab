"""What Bulk API 2.0 answers to a query: a header and rows of text, and which queries it refuses."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from emulators.salesforce.schema import FieldType
from emulators.salesforce.soql.ast import Query, SelectChildren, SelectField, TypeOf
from emulators.salesforce.soql.compile import Compiler, is_aggregate
from emulators.salesforce.soql.context import Context
from emulators.salesforce.soql.errors import SoqlError
from emulators.salesforce.soql.functions import register
from emulators.salesforce.soql.operands import ValueKind, kind_of
from emulators.salesforce.soql.parser import parse
from emulators.salesforce.soql.run import fetch

_COMPOUND = "Selecting compound data not supported in Bulk Query"
_CHILDREN = "Aggregate Relationships not supported in Bulk Query"


def rows_for_bulk(
    connection: sqlite3.Connection, soql: str, context: Context
) -> tuple[list[str], Iterator[list[str]]]:
    """Header and rows as CSV cell texts: datetimes 2026-01-02T03:04:05.000Z, booleans true and false, null empty.

    The rows stream from one SQL cursor: read them before changing the tables. Raises SoqlError.
    """
    query = parse(soql)
    register(connection)
    compiler = Compiler(soql, context)
    entity = compiler.entity(query)
    if not entity.bulk_queryable:
        raise SoqlError("INVALIDENTITY", f"Entity '{entity.name}' is not supported by the Bulk API.")
    _refuse(query)
    plan = compiler.rows(query, entity)
    if any(field.type in ("address", "location") for _, _, field in plan.flat):
        raise SoqlError("API_ERROR", _COMPOUND)
    cells = ", ".join(_text_sql(sql, field) for _, sql, field in plan.flat)
    order = f" ORDER BY {plan.order}" if plan.order else ""
    sql = f"SELECT {cells} FROM {plan.source}{plan.joins} WHERE {plan.where}{order}{plan.window}"
    cursor = fetch(connection, sql, plan.values)
    return [header for header, _, _ in plan.flat], (list(row) for row in cursor)


def _refuse(query: Query) -> None:
    for item in query.items:
        if isinstance(item, SelectChildren):
            raise SoqlError("API_ERROR", _CHILDREN)
        if isinstance(item, TypeOf):
            raise SoqlError("API_ERROR", "TYPEOF is not supported in Bulk Query")
        if isinstance(item, SelectField) and str(item.operand).upper() in ("FIELDS(ALL)", "FIELDS(CUSTOM)"):
            raise SoqlError("API_ERROR", "FIELDS(ALL) and FIELDS(CUSTOM) are not supported in Bulk Query")
    if is_aggregate(query):
        raise SoqlError("API_ERROR", "GROUP BY and aggregate functions are not supported in Bulk Query")
    if query.offset is not None:
        raise SoqlError("API_ERROR", "OFFSET is not supported in Bulk Query")


def _text_sql(sql: str, field: FieldType) -> str:
    """A cell's text, made by SQLite where it writes numbers as Salesforce does."""
    kind = kind_of(field)
    if kind is ValueKind.BOOLEAN:
        return f"CASE WHEN {sql} = 1 THEN 'true' ELSE 'false' END"
    if kind is ValueKind.NUMBER:
        simple = f"{sql} = 0 OR abs({sql}) BETWEEN 0.001 AND 9999999"
        return f"coalesce(CASE WHEN {simple} THEN CAST({sql} + 0.0 AS TEXT) ELSE soql_double({sql}) END, '')"
    if kind is ValueKind.INTEGER:
        return f"coalesce(CAST({sql} AS TEXT), '')"
    return f"coalesce({sql}, '')"
