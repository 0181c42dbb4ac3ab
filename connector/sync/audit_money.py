"""Which campaigns and fund requests were live or approved when a quarter ended, each amount once?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from connector.core.decisions import Decision
from connector.core.facts import LiveItem
from connector.core.quarters import Quarter
from connector.sync.context import Context

_ENDED_SINCE = """
SELECT coalesce(a.survivor, c.partner_id) AS partner_id, c.id, 'campaign' AS kind, coalesce(c.name, '') AS name,
       coalesce(c.motion, 'Other') AS motion, coalesce(c.budgeted_cost, c.actual_cost) AS amount, c.currency
FROM campaigns c LEFT JOIN aliases a ON a.family = 'company' AND a.id = c.partner_id
WHERE c.partner_id IS NOT NULL AND c.status = 'completed' AND c.end_date >= ? AND c.start_date <= ?
UNION ALL
SELECT coalesce(a.survivor, r.partner_id), r.id, 'fund_request', coalesce(r.name, ''), coalesce(r.motion, 'Other'),
       coalesce(r.approved_amount, r.requested_amount), r.currency
FROM fund_requests r JOIN campaigns c ON c.id = r.campaign_id
LEFT JOIN aliases a ON a.family = 'company' AND a.id = r.partner_id
WHERE r.partner_id IS NOT NULL AND r.status = 'approved' AND c.status = 'completed'
  AND c.end_date >= ? AND c.start_date <= ?
"""


def in_effect(ctx: Context, decisions: Sequence[Decision], quarter: Quarter) -> dict[str, tuple[LiveItem, ...]]:
    """Partner -> its live items at the quarter's end, by kind and id.

    Requests that were not approved, or made afterwards, are no money yet. Campaigns that were completed since count
    as long as they ran into the quarter's last day. A campaign that a live request pays for is left to the request.
    """
    requests = {row["id"]: row for row in _rows(ctx, "SELECT id, status, created_at, campaign_id FROM fund_requests")}
    end = datetime.combine(quarter.end, time.min, ZoneInfo(ctx.policy.timezone))
    since = _ended_since(ctx, quarter)
    found = {}
    for decision in decisions:
        items = {(item.kind, item.id): item for item in (*since.get(decision.partner_id, ()), *decision.live)}
        there = [item for item in items.values() if item.kind != "fund_request" or _granted(requests, item, end)]
        paid = {_campaign(requests, item) for item in there if item.amount is not None}
        kept = [item for item in there if item.kind != "campaign" or item.id not in paid]
        found[decision.partner_id] = tuple(sorted(kept, key=lambda item: (item.kind, item.id)))
    return found


def _granted(requests: dict[str, dict[str, Any]], item: LiveItem, end: datetime) -> bool:
    row = requests.get(item.id)
    return row is not None and row["status"] == "approved" and (row["created_at"] is None or row["created_at"] < end)


def _campaign(requests: dict[str, dict[str, Any]], item: LiveItem) -> str | None:
    row = requests.get(item.id) if item.kind == "fund_request" else None
    return row["campaign_id"] if row else None


def _ended_since(ctx: Context, quarter: Quarter) -> dict[str, list[LiveItem]]:
    """What ran on the last day and is over by now; in another currency than ours its amount is unknown here."""
    found: dict[str, list[LiveItem]] = {}
    for row in _rows(ctx, _ENDED_SINCE, [quarter.last_day] * 4):
        ours = row["currency"] in (None, "", ctx.policy.corporate_currency)
        item = LiveItem(row["id"], row["kind"], row["name"], row["motion"], row["amount"] if ours else None)
        found.setdefault(row["partner_id"], []).append(item)
    return found


def _rows(ctx: Context, query: str, values: list[Any] | None = None) -> list[dict[str, Any]]:
    return list(ctx.mirror.query(query, values or []).to_pylist())
