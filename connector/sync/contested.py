"""Which open records wait for a person: claims whose proof is lacking, opportunities whose sourcing is contested?"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connector.core.claims import OpenClaim
from connector.core.contested import Contested, WaitingClaim
from connector.sync.context import Context

_CLAIMS = """
WITH company AS (SELECT id, survivor FROM aliases WHERE family = 'company')
SELECT c.id, coalesce(c.name, c.id) AS name, coalesce(m.survivor, c.partner_id) AS partner_id, c.status,
    c.evidence_status, c.evidence_flags, c.amount, c.currency, c.deadline,
    coalesce(g.end_date, r.starts_on) AS activity_ended
FROM fund_claims c LEFT JOIN company m ON m.id = c.partner_id
LEFT JOIN fund_requests r ON r.id = c.request_id LEFT JOIN campaigns g ON g.id = r.campaign_id
WHERE c.status IN ('draft', 'submitted')
ORDER BY c.id
"""


def open_claims(ctx: Context) -> list[OpenClaim]:
    """Claims on which nothing was decided; their activity ended with the campaign, else on its first day."""
    return [
        OpenClaim(
            row["id"],
            row["name"],
            row["partner_id"] or "",
            row["status"] == "submitted",
            row["evidence_status"],
            row["evidence_flags"] or "",
            row["amount"],
            row["currency"] or ctx.policy.corporate_currency,
            row["deadline"],
            row["activity_ended"],
        )
        for row in ctx.mirror.query(_CLAIMS).to_pylist()
    ]


_RIVALS = """
SELECT c.opportunity_id, coalesce(p.name, p.id, c.partner_id) AS partner
FROM credited c LEFT JOIN partners p ON p.id = c.partner_id
WHERE c.role = 'disputed' ORDER BY c.opportunity_id, partner, c.partner_id
"""

_WAITING = """
WITH company AS (SELECT id, survivor FROM aliases WHERE family = 'company'),
waiting AS (
    SELECT r.id, r.opportunity_id, coalesce(a.survivor, r.account_id) AS account_id, r.submitted_at,
        coalesce(m.survivor, r.partner_id) AS partner_id
    FROM registrations r LEFT JOIN company m ON m.id = r.partner_id LEFT JOIN company a ON a.id = r.account_id
    WHERE r.status = 'submitted' AND r.submitted_at IS NOT NULL
),
deals AS (
    SELECT o.id AS deal, coalesce(a.survivor, o.account_id) AS customer, o.created_at AS opened
    FROM opportunities o LEFT JOIN company a ON a.id = o.account_id
    WHERE NOT coalesce(o.is_closed, false) AND o.created_at IS NOT NULL
),
named AS (
    SELECT w.*, d.deal, d.opened FROM waiting w JOIN deals d ON d.deal = w.opportunity_id
    UNION ALL
    SELECT w.*, d.deal, d.opened FROM waiting w JOIN deals d
        ON w.opportunity_id IS NULL AND d.customer = w.account_id AND w.submitted_at <= d.opened
),
first AS (
    SELECT c.opportunity_id AS deal, min(r.submitted_at) AS earliest
    FROM credited c JOIN registrations r ON list_contains(c.evidence_ids, r.id)
    WHERE c.role = 'sourced' AND c.opportunity_id IN (SELECT deal FROM named) GROUP BY ALL
)
SELECT n.deal AS opportunity_id, n.id, coalesce(p.name, p.id) AS partner, n.submitted_at
FROM named n JOIN partners p ON p.id = n.partner_id LEFT JOIN first f USING (deal)
WHERE n.submitted_at <= n.opened + to_days(?) AND (f.earliest IS NULL OR n.submitted_at <= f.earliest)
ORDER BY n.deal, n.submitted_at, n.id
"""

_DEALS = """
SELECT id, coalesce(name, id) AS name, created_at, coalesce(is_closed, false) AS is_closed,
    coalesce(is_won, false) AS is_won, credit_dispute, credit_dispute_reason
FROM opportunities
WHERE created_at IS NOT NULL AND (id IN (SELECT unnest(?)) OR credit_dispute = 'open')
    AND (? OR coalesce("type", 'new') <> 'renewal')
ORDER BY id
"""


def contested(ctx: Context) -> list[Contested]:
    """Opportunities whose sourcing is disputed or waits for an answer, lost ones left out, by id.

    A claim that came too late, or later than the one that is credited, changes nothing whatever is said to it.
    """
    rules = ctx.policy.attribution
    rivals = _by_deal(ctx.mirror.query(_RIVALS).to_pylist())
    waiting = _by_deal(ctx.mirror.query(_WAITING, [rules.grace_days]).to_pylist())
    rows = ctx.mirror.query(_DEALS, [sorted({*rivals, *waiting}), rules.business == "all"]).to_pylist()
    zone = ZoneInfo(ctx.policy.timezone)

    def day(at: datetime) -> date:
        return at.astimezone(zone).date()

    return [
        Contested(
            row["id"],
            row["name"],
            day(row["created_at"] + timedelta(days=rules.sourced_lock_days)),
            not row["is_closed"],
            tuple(each["partner"] for each in rivals[row["id"]]),
            row["credit_dispute"] == "open",
            row["credit_dispute_reason"] or "",
            tuple(WaitingClaim(w["id"], w["partner"], day(w["submitted_at"])) for w in waiting[row["id"]]),
        )
        for row in rows
        if row["is_won"] or not row["is_closed"]
    ]


def _by_deal(rows: list[dict[str, Any]]) -> defaultdict[str, list[dict[str, Any]]]:
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["opportunity_id"]].append(row)
    return found
