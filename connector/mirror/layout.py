"""How canonical tables are laid out in the DuckDB file: one stored table a feed, one view a canonical table.

A feed is one rule of the mapping that fills a canonical table. Each feed has its own stored table, so that a full
pull replaces exactly what it read, by a rename. The view named as the canonical table is the union of the feeds,
with the feed's name in `_source`, without rows that were merged away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from connector.core.records import TABLES, Kind, Table

SCHEMA_VERSION = 1
"""Raised when an older program could no longer read the file; a new column alone does not raise it."""

FAMILIES = {"partners": "company", "accounts": "company", "contacts": "contact"}
"""Canonical tables whose rows may be merged; ids are looked up within one family."""

ASSOCIATIONS = frozenset({"partner_links", "account_links", "meetings", "touches", "campaign_members"})
"""Tables in which two feeds may tell different things about the same source record: both rows stay."""

LOOKED_UP = {
    "opportunities": ("id", "account_id", "campaign_id"),
    "partner_links": ("partner_id", "opportunity_id"),
    "registrations": ("partner_id", "opportunity_id", "account_id"),
    "quotes": ("opportunity_id",),
    "stage_history": ("opportunity_id",),
    "meetings": ("related_id",),
    "accounts": ("id",),
    "campaigns": ("id", "partner_id"),
    "fund_requests": ("id", "partner_id", "campaign_id"),
    "fund_claims": ("partner_id", "request_id"),
    "logins": ("partner_id",),
    "service_revenue": ("partner_id",),
    "touches": ("related_id",),
    "contacts": ("id", "account_id"),
    "campaign_members": ("contact_id",),
}
"""Columns of large tables by which a few partners' rows are found; see `Mirror.index`."""

_SQL_TYPES = {
    Kind.ID: "VARCHAR",
    Kind.TEXT: "VARCHAR",
    Kind.BOOL: "BOOLEAN",
    Kind.INTEGER: "BIGINT",
    Kind.MONEY: "DECIMAL(20, 4)",
    Kind.NUMBER: "DECIMAL(20, 8)",
    Kind.DATE: "DATE",
    Kind.INSTANT: "TIMESTAMP WITH TIME ZONE",
}

_ARROW_TYPES: dict[Kind, Any] = {
    Kind.ID: pa.string(),
    Kind.TEXT: pa.string(),
    Kind.BOOL: pa.bool_(),
    Kind.INTEGER: pa.int64(),
    Kind.MONEY: pa.decimal128(20, 4),
    Kind.NUMBER: pa.decimal128(20, 8),
    Kind.DATE: pa.date32(),
    Kind.INSTANT: pa.timestamp("us", tz="UTC"),
}

NOTES = """
CREATE TABLE IF NOT EXISTS pmom_meta (key VARCHAR PRIMARY KEY, value VARCHAR);
CREATE TABLE IF NOT EXISTS pmom_feeds (canonical VARCHAR, source VARCHAR, number INTEGER);
CREATE TABLE IF NOT EXISTS pmom_staging (canonical VARCHAR, source VARCHAR, token VARCHAR);
CREATE TABLE IF NOT EXISTS pmom_sources (
  canonical VARCHAR, available BOOLEAN, reason VARCHAR, read_until TIMESTAMP WITH TIME ZONE);
CREATE TABLE IF NOT EXISTS pmom_merges (family VARCHAR, id VARCHAR, merged_into VARCHAR);
CREATE TABLE IF NOT EXISTS aliases (family VARCHAR, id VARCHAR, survivor VARCHAR);
CREATE TABLE IF NOT EXISTS rejections (
  canonical VARCHAR, row_id VARCHAR, field VARCHAR, found VARCHAR, why VARCHAR, run VARCHAR);
CREATE TABLE IF NOT EXISTS scorecards (id VARCHAR);
CREATE TABLE IF NOT EXISTS credited (
  opportunity_id VARCHAR, partner_id VARCHAR, role VARCHAR, reason VARCHAR, points BIGINT, agreed BIGINT,
  pieces BIGINT, evidence_ids VARCHAR[], is_won BOOLEAN, is_closed BOOLEAN, close_date DATE,
  created_at TIMESTAMP WITH TIME ZONE, value DECIMAL(20, 2), amount DECIMAL(20, 2), lacking VARCHAR);
"""
"""The tables about the mirror itself; small, written in place."""


def sql_type(kind: Kind) -> str:
    """The DuckDB type that a column of that kind has."""
    return _SQL_TYPES[kind]


def arrow_type(kind: Kind) -> Any:
    """The Arrow type that a column of that kind has (the same as at the CRM seam)."""
    return _ARROW_TYPES[kind]


def stored(table: Table, number: int) -> str:
    """The name of the stored table of a feed."""
    return f"stored_{table.name}_{number}"


def staging(table: Table, number: int) -> str:
    """The name of the table that a full pull of a feed fills."""
    return f"staging_{table.name}_{number}"


def create(name: str, table: Table) -> str:
    """The statement that makes a stored or staging table."""
    columns = ", ".join(f'"{column.name}" {sql_type(column.kind)}' for column in table.columns)
    return f'CREATE TABLE IF NOT EXISTS "{name}" ({columns})'


def newest_first(table: Table, *, tie: str) -> str:
    """An ORDER BY that puts the row that wins first; `tie` decides between equal stamps."""
    stamped = any(column.name == "modified_at" for column in table.columns)
    return f"modified_at DESC NULLS LAST, {tie}" if stamped else tie


def key(table: Table) -> str:
    """The key columns, quoted, for a USING or PARTITION BY."""
    return ", ".join(f'"{name}"' for name in table.key)


def view(table: Table, feeds: Sequence[tuple[str, int]]) -> str:
    """The statement that makes the canonical view over the feeds (source, number)."""
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    if not feeds:
        nulls = ", ".join(f'NULL::{sql_type(column.kind)} AS "{column.name}"' for column in table.columns)
        return f'CREATE OR REPLACE VIEW "{table.name}" AS SELECT {nulls}, NULL::VARCHAR AS _source WHERE false'
    union = " UNION ALL ".join(
        f"SELECT {names}, {text(source)} AS _source FROM {stored(table, number)}" for source, number in feeds
    )
    family = FAMILIES.get(table.name)
    if family:
        dead = f"SELECT 1 FROM aliases a WHERE a.family = '{family}' AND a.id = r.id"
        union = f"SELECT * FROM ({union}) r WHERE NOT EXISTS ({dead})"
    if len(feeds) > 1 and table.name not in ASSOCIATIONS:
        order = newest_first(table, tie="_source")
        union = f"SELECT * FROM ({union}) QUALIFY row_number() OVER (PARTITION BY {key(table)} ORDER BY {order}) = 1"
    return f'CREATE OR REPLACE VIEW "{table.name}" AS {union}'


def text(value: str) -> str:
    """A text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def conform(table: Table, rows: pa.Table) -> pa.Table:
    """The rows with exactly the table's columns, in order and typed; absent columns are empty.

    Raises ValueError for a column that the table does not have and for a row without a key.
    """
    known = {column.name for column in table.columns}
    alien = sorted(set(rows.column_names) - known)
    if alien:
        raise ValueError(f"{table.name} has no column {', '.join(alien)}")
    arrays: list[pa.ChunkedArray[Any] | pa.Array[Any]] = []
    for column in table.columns:
        kind = arrow_type(column.kind)
        if column.name not in rows.column_names:
            arrays.append(pa.nulls(rows.num_rows, kind))
        else:
            cells = rows.column(column.name)
            arrays.append(cells if cells.type == kind else cells.cast(kind))
    fitted = pa.table(arrays, names=[column.name for column in table.columns])
    if any(fitted.column(name).null_count for name in table.key):
        raise ValueError(f"{table.name}: a row has no {' or '.join(table.key)}")
    return fitted


CANONICAL = {table.name: table for table in TABLES}
