"""Since when does a row stand in a CRM that does not date it? Since a pull first saw it, never earlier."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa

from connector.config.fieldmap import Source
from connector.core.records import Kind
from connector.crm.base import arrow_type
from connector.mapping import Mapped
from connector.sync.context import Context

RECORDED_AT = "recorded_at"


def dated(ctx: Context, table: str, source: Source, rows: Mapped) -> Mapped:
    """The rows with the moment at which they were first seen, where the mapping asks for it.

    It is kept with the row in the mirror: a row that goes and comes back was first seen when it came back.
    """
    if not source.dated_when_seen or not rows.rows.num_rows:
        return rows
    ids = [str(id_) for id_ in rows.rows.column("id").to_pylist()]
    held = ctx.mirror.query(f"SELECT id, {RECORDED_AT} AS at FROM ({ctx.mirror.held(table, source.name, ids)})")
    known: dict[Any, Any] = dict(zip(held.column("id").to_pylist(), held.column("at").to_pylist(), strict=True))
    now = ctx.clock()
    moments = pa.array([known.get(id_) or now for id_ in ids], arrow_type(Kind.INSTANT))
    bare = rows.rows.drop_columns([RECORDED_AT]) if RECORDED_AT in rows.rows.column_names else rows.rows
    return replace(rows, rows=bare.append_column(RECORDED_AT, moments))
