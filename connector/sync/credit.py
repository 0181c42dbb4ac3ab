"""Who is credited with what on which opportunities now, and what has changed against what was settled before?

What was settled is kept in versions. A lock that has passed keeps its side of a version in force whatever the records
say later; a person's "Reassess" on the opportunity opens it again and leaves a version with that reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa

from connector.core.credit import Credited, DealCredit, Part, Parts
from connector.core.plan import marked
from connector.facts.crediting import LOCKS, PARTS
from connector.store.credits import CreditRow, NewVersion
from connector.sync.context import Context
from connector.sync.streams import to_decide, to_plan

OPPORTUNITIES = "opportunities"


@dataclass(slots=True)
class CreditRun:
    """What settling credit came to."""

    opportunities: int = 0  # with credit on them
    changed: int = 0  # new versions
    partners: frozenset[str] = frozenset()  # whose credit is another now


@dataclass(frozen=True, slots=True)
class News:
    """Why credit is settled anew: another policy, or something new about these opportunities (None: about any)."""

    policy: bool = False
    opportunities: frozenset[str] | None = frozenset()

    def about(self, id_: str) -> bool:
        """Whether something new arrived about that one."""
        return self.opportunities is None or id_ in self.opportunities


def settle(
    ctx: Context, run_id: int, day: date, as_of: datetime, chosen: list[str] | None, news: News = News()
) -> CreditRun:
    """Compute the credit of the chosen opportunities (None: of all) and keep what is new about it.

    What is to be done again is noted before what it rests on is kept, for the case that the process dies in between.
    """
    from connector.facts.credited import keep
    from connector.facts.crediting import clear, credit  # the relations' library takes most of a second to import

    book = ctx.store.credits()
    before = book.latest(chosen)
    credit(ctx.mirror, ctx.policy, as_of, chosen, kept=kept_parts(before.values()), locks=kept_locks(before.values()))
    now = _settled(ctx)
    changed, relocked = _compared(ctx, before, now, as_of, news)
    moved = _moved(ctx)
    book.record(run_id, day, ctx.policy.version, changed, relocked)
    to_plan(ctx.mirror).add(None if chosen is None else {marked(OPPORTUNITIES, id_) for id_ in {*now, *before}})
    to_decide(ctx.mirror).add(set(moved))
    keep(ctx.mirror, whole=chosen is None)
    if chosen is None:
        clear(ctx.mirror, ctx.policy)
    return CreditRun(sum(1 for deal in now.values() if deal["parts"]), len(changed), moved)


def kept_parts(rows: Iterable[CreditRow]) -> pa.Table:
    """The parts of these versions, for the relations."""
    parts = [(row.opportunity_id, part) for row in rows for part in Parts.from_json(row.body).parts]
    columns = {
        "opportunity_id": [id_ for id_, _ in parts],
        "partner_id": [part.partner_id for _, part in parts],
        "role": [part.role for _, part in parts],
        "reason": [part.reason for _, part in parts],
        "points": [part.points for _, part in parts],
        "agreed": [part.agreed for _, part in parts],
        "pieces": [part.pieces for _, part in parts],
        "evidence_ids": [list(part.evidence) for _, part in parts],
    }
    return pa.table(columns, schema=PARTS)


def kept_locks(rows: Iterable[CreditRow]) -> pa.Table:
    """Which sides of these versions are final, for the relations."""
    known = list(rows)
    columns = {
        "opportunity_id": [row.opportunity_id for row in known],
        "sourced_final": [row.sourced_final for row in known],
        "final_close": [row.final_close for row in known],
    }
    return pa.table(columns, schema=LOCKS)


def _settled(ctx: Context) -> dict[str, dict[str, Any]]:
    """By opportunity: its parts as a version would hold them, and when it was opened and closed.

    Only opportunities with parts, and those that had some in an earlier version.
    """
    rows = ctx.mirror.query(
        "SELECT s.*, d.created_at, d.closes_at, d.close_date, d.dispute, d.words, d.opportunity_id AS deal"
        " FROM credited_deals d LEFT JOIN settled s USING (opportunity_id)"
        " WHERE s.partner_id IS NOT NULL OR d.opportunity_id IN (SELECT opportunity_id FROM locks)"
        " ORDER BY deal, role DESC, partner_id"
    ).to_pylist()
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        deal = found.setdefault(row["deal"], {**row, "parts": []})
        if row["partner_id"] is not None:
            deal["parts"].append(part_of(row))
    return found


def part_of(row: dict[str, Any]) -> Part:
    """The part that a row of `settled` or `credited` tells."""
    return Part(
        row["partner_id"],
        row["role"],
        row["reason"],
        row["points"],
        row["agreed"],
        row["pieces"],
        tuple(row["evidence_ids"] or ()),
    )


def _compared(
    ctx: Context, before: dict[str, CreditRow], now: dict[str, dict[str, Any]], as_of: datetime, news: News
) -> tuple[list[NewVersion], list[CreditRow]]:
    """New versions with their reasons, and rows whose locks have passed or were opened since."""
    changed: list[NewVersion] = []
    relocked: list[CreditRow] = []
    merged = _merged_away(ctx)
    for id_ in sorted({*before, *now}):
        earlier, deal = before.get(id_), now.get(id_)
        if deal is None:  # the opportunity is gone, or gives no credit any more
            if earlier is not None and earlier.body != _NONE:
                changed.append(NewVersion(CreditRow(id_, earlier.version + 1, _NONE, False, None), "gone"))
            continue
        body, final = Parts(tuple(deal["parts"])).to_json(), _finality(ctx, deal, as_of)
        if earlier is None:
            changed.append(NewVersion(CreditRow(id_, 1, body, *final), "first"))
        elif earlier.body != body:
            row = CreditRow(id_, earlier.version + 1, body, *final)
            changed.append(NewVersion(row, _why(earlier, deal, news, merged), deal["words"] or ""))
        elif (earlier.sourced_final, earlier.final_close) != final:
            relocked.append(CreditRow(id_, earlier.version, body, *final))
    return changed, relocked


_NONE = Parts(()).to_json()


def _why(earlier: CreditRow, deal: dict[str, Any], news: News, merged: frozenset[str]) -> str:
    if deal["dispute"] == "reassess":
        return "reassessed"
    if any(part.partner_id in merged for part in Parts.from_json(earlier.body).parts):
        return "merged"
    return "policy" if news.policy and not news.about(earlier.opportunity_id) else "evidence"


def _merged_away(ctx: Context) -> frozenset[str]:
    return frozenset(r["id"] for r in ctx.mirror.query("SELECT id FROM aliases WHERE family = 'company'").to_pylist())


def _finality(ctx: Context, deal: dict[str, Any], as_of: datetime) -> tuple[bool, date | None]:
    """Whether who sourced it is final by now, and the close date for which the influence is."""
    rules = ctx.policy.attribution
    sourced = as_of >= deal["created_at"] + timedelta(days=rules.sourced_lock_days)
    closed = deal["closes_at"] is not None and as_of >= deal["closes_at"] + timedelta(days=rules.influence_lock_days)
    return sourced, deal["close_date"] if closed else None


def _moved(ctx: Context) -> frozenset[str]:
    """Partners of opportunities on which anybody's credit is another than the mirror kept: a share is of a whole."""
    columns = "opportunity_id, partner_id, role, value, amount, lacking, is_won, is_closed, close_date"
    rows = ctx.mirror.query(
        f"""WITH held AS (SELECT {columns} FROM credited
                          WHERE opportunity_id IN (SELECT opportunity_id FROM scope)),
            now AS (SELECT {columns} FROM credits),
            moved AS ((FROM held EXCEPT FROM now) UNION ALL (FROM now EXCEPT FROM held))
            SELECT DISTINCT partner_id FROM (FROM held UNION ALL FROM now)
            WHERE opportunity_id IN (SELECT opportunity_id FROM moved)"""
    )
    return frozenset(str(row["partner_id"]) for row in rows.to_pylist())


def deal_credits(ctx: Context, chosen: Iterable[str] | None = None) -> list[DealCredit]:
    """The credit in force on every opportunity that ever had any, or on the chosen ones, by id."""
    wanted = None if chosen is None else sorted(chosen)
    versions = ctx.store.credits().latest(wanted)
    ctx.mirror.load("versions", pa.table({"id": pa.array(sorted(versions), pa.string())}))
    rows = ctx.mirror.query(
        "SELECT * FROM credited WHERE opportunity_id IN (SELECT id FROM versions)"
        " ORDER BY opportunity_id, role DESC, partner_id"
    ).to_pylist()
    deals = ctx.mirror.query(
        "SELECT id, created_at, credit_dispute FROM opportunities WHERE id IN (SELECT id FROM versions) ORDER BY id"
    ).to_pylist()
    parts: dict[str, list[Credited]] = {}
    for row in rows:
        parts.setdefault(row["opportunity_id"], []).append(Credited(part_of(row), row["amount"], row["lacking"]))
    return [
        DealCredit(
            deal["id"],
            tuple(parts.get(deal["id"], ())),
            deal["created_at"],
            versions[deal["id"]].version,
            deal["credit_dispute"] == "open",
        )
        for deal in deals
        if deal["created_at"] is not None
    ]
