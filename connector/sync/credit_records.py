"""Which records stand behind one opportunity's credit, as the relations that decide it see them?"""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from connector.core.credit_story import Claim, Piece, Records, Version
from connector.sync.addresses import record_address
from connector.sync.context import Context
from connector.sync.credit import kept_locks, kept_parts
from connector.sync.decide import moment


def credit_records(ctx: Context, opportunity_id: str) -> Records:
    """Claims, evidence and versions as of the last decisions, or today before there were any. Writes nothing."""
    from connector.facts.crediting import credit  # the relations' library takes most of a second to import

    said = ctx.store.state("decided")
    day = ctx.today() if said is None else date.fromisoformat(json.loads(said)["as_of"])
    book = ctx.store.credits()
    before = book.latest([opportunity_id]).values()
    only = [opportunity_id]
    credit(ctx.mirror, ctx.policy, moment(ctx, day), only, kept=kept_parts(before), locks=kept_locks(before))
    closed = ctx.mirror.query("SELECT close_date FROM credited_deals").column("close_date").to_pylist()
    close_date = closed[0] if closed else None
    return Records(
        tuple(Claim(**row) for row in _rows(ctx, "candidates", "partner_id, kind, source_id, submitted_at, code")),
        tuple(Piece(**row) for row in _rows(ctx, "evidence", "partner_id, kind, source_id, day, strong")),
        tuple(Version(v.version, v.as_of, v.policy_version, v.reason, v.words) for v in book.history(opportunity_id)),
        close_date,
        close_date or day,
        day,
    )


def _rows(ctx: Context, table: str, columns: str) -> list[dict[str, Any]]:
    return ctx.mirror.query(f"SELECT DISTINCT {columns} FROM {table} ORDER BY ALL").to_pylist()


def record_url(ctx: Context, source_id: str, tables: tuple[str, ...]) -> str | None:
    """Where people see the record behind a claim or a piece of evidence."""
    for table in tables:
        rows = ctx.mirror.query(f"SELECT _source FROM {table} WHERE id = ? LIMIT 1", [source_id]).to_pylist()
        for source in ctx.fieldmap.of(table):
            if rows and source.name == rows[0]["_source"]:
                return record_address(ctx, source.object, source_id)
    return None
