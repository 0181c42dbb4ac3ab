"""Everything that the records say about money asked for and money spent, for the wanted partners."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from connector.core.campaign_card import CampaignFacts
from connector.core.funding import ClaimHistory, FundRequest
from connector.core.policy import Policy
from connector.facts.asking import set_moments, want
from connector.facts.kept import kept_fund_statements
from connector.facts.readiness import ABSENT
from connector.facts.sources import Tables
from connector.facts.statements import FundShape, FundStatements
from connector.facts.windows import windows


@dataclass(frozen=True, slots=True)
class Waiting:
    """Requests that wait, by partner, with what the partners' claims and granted pilots say."""

    requests: dict[str, tuple[FundRequest, ...]]
    claims: dict[str, ClaimHistory]
    pilots: Counter[str]  # approved demand generation requests of this fiscal quarter
    unclaimed: ClaimHistory  # of whoever has no decided claim

    def history(self, partner_id: str) -> ClaimHistory:
        """The partner's claims."""
        return self.claims.get(partner_id, self.unclaimed)


@dataclass(frozen=True, slots=True)
class Spent:
    """One counted campaign: what it cost and brought, in the corporate currency."""

    partner_id: str
    campaign_id: str
    motion: str
    ended: date
    spend: Decimal
    pipeline: Decimal
    opportunities: int
    unknown: int  # amounts that are empty or have no dated rate


def waiting(tables: Tables, policy: Policy, as_of: datetime, partner_ids: Sequence[str] | None = None) -> Waiting:
    """The requests of every partner, or of the named ones, as of an aware moment."""
    if partner_ids is not None and not _any(tables, partner_ids, _WAITS):
        return Waiting({}, {}, Counter(), ClaimHistory(False))
    questions = _questions(tables, policy, as_of, partner_ids)
    zone = ZoneInfo(policy.timezone)
    asked: dict[str, list[FundRequest]] = defaultdict(list)
    for row in tables.query(questions.requests).to_pylist():
        asked[row["partner_id"]].append(_request(row, zone))
    states = tables.sources()
    known = states.get("fund_claims", ABSENT).available
    claims = tables.query(questions.claims).to_pylist() if known else []
    quarter = quarter_start(as_of.astimezone(zone).date(), policy.fiscal_year_start_month)
    granted = tables.query(questions.granted).to_pylist()
    return Waiting(
        {partner: tuple(found) for partner, found in asked.items()},
        {row["partner_id"]: ClaimHistory(True, row["decided"], row["rejected"]) for row in claims},
        Counter(row["partner_id"] for row in granted if _day(row["created_at"], zone) >= quarter),
        ClaimHistory(known),
    )


_ASKED = """
(r.partner_id IN (SELECT id FROM requested)
    OR r.partner_id IN (SELECT a.id FROM aliases a JOIN requested q ON q.id = a.survivor WHERE a.family = 'company'))
"""
_WAITS = f"SELECT 1 FROM fund_requests r WHERE r.status IN ('draft', 'submitted') AND {_ASKED} LIMIT 1"
_HAS_CAMPAIGN = f"""
SELECT 1 FROM campaigns r WHERE {_ASKED}
UNION ALL SELECT 1 FROM fund_requests r WHERE r.campaign_id IS NOT NULL AND {_ASKED} LIMIT 1
"""


def _any(tables: Tables, partner_ids: Sequence[str], question: str) -> bool:
    """Most changes concern partners without any: then all else need not be asked."""
    tables.load("requested", pa.table({"id": pa.array(sorted(set(partner_ids)), pa.string())}))
    found = tables.query(question).num_rows > 0
    tables.run("DROP TABLE temp.requested")
    return found


def spent(tables: Tables, policy: Policy, as_of: datetime) -> tuple[Spent, ...]:
    """Every counted campaign of every partner, by partner and end date."""
    questions = _questions(tables, policy, as_of, None)
    found = _staged(tables, questions, questions.returns)
    return tuple(
        Spent(
            row["partner_id"],
            row["campaign_id"],
            row["motion"] or "Other",
            row["end_date"],
            row["spend"],
            row["pipeline"],
            int(row["opportunities"]),
            int(row["missing"]) + int(row["unconverted"]),
        )
        for row in found
    )


def campaigns(
    tables: Tables, policy: Policy, as_of: datetime, partner_ids: Sequence[str] | None = None
) -> tuple[CampaignFacts, ...]:
    """Every campaign of every partner, or of the named ones, by partner and id."""
    if partner_ids is not None and not _any(tables, partner_ids, _HAS_CAMPAIGN):
        return ()
    questions = _questions(tables, policy, as_of, partner_ids)
    return tuple(
        CampaignFacts(
            campaign_id=row["campaign_id"],
            partner_id=row["partner_id"],
            name=row["name"] or "",
            ended=row["end_date"],
            code=row["code"] or "",
            spend=row["spend"] or Decimal(0),
            pipeline=row["pipeline"] or Decimal(0),
            opportunities=int(row["opportunities"] or 0),
            missing_amounts=int(row["missing"] or 0),
            unconverted=int(row["unconverted"] or 0),
        )
        for row in _staged(tables, questions, questions.standings)
    )


def _staged(tables: Tables, questions: FundStatements, question: str) -> list[dict[str, Any]]:
    """The answer's rows, where the stages that it rests on are there."""
    try:
        for name, sql in questions.stages:
            tables.run(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
        return tables.query(question).to_pylist()
    finally:
        for name, _ in questions.stages:
            tables.run(f"DROP TABLE IF EXISTS temp.{name}")


def quarter_start(day: date, fiscal_year_start_month: int) -> date:
    """The first day of the fiscal quarter that holds the day."""
    into = (day.month - fiscal_year_start_month) % 3
    month = day.month - into
    return date(day.year, month, 1) if month > 0 else date(day.year - 1, month + 12, 1)


def _questions(tables: Tables, policy: Policy, as_of: datetime, partner_ids: Sequence[str] | None) -> FundStatements:
    """The SQL, with the moments, the rates and the wanted partners set."""
    set_moments(tables, windows(policy, as_of))
    form = FundShape(
        vendor_paid=policy.track_record.spend_basis == "vendor_paid",
        attribution_days=policy.track_record.attribution_days,
        claims_days=policy.funds.claims_days,
        corporate=policy.corporate_currency,
    )
    questions = kept_fund_statements(tables, form)
    tables.run(f"CREATE OR REPLACE TEMP TABLE rates AS {questions.rates}")
    want(tables, partner_ids)
    return questions


def _request(row: dict[str, Any], zone: ZoneInfo) -> FundRequest:
    return FundRequest(
        id=row["id"],
        partner_id=row["partner_id"],
        name=row["name"] or "",
        status=row["status"],
        motion=row["motion"] or None,
        activity=row["activity"] or None,
        currency=row["currency"],
        amount=row["requested_amount"],
        value=row["value"],
        expected_pipeline=row["expected_pipeline"],
        target_conversion=row["target_conversion"],
        match_share=row["match_share"],
        asked_on=None if row["created_at"] is None else _day(row["created_at"], zone),
        starts_on=row["starts_on"],
    )


def _day(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()
