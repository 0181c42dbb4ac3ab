"""What was won in the trailing days, and how much of it was sourced by partners, influenced by them, or neither?

Every won opportunity is in exactly one of the classes, so that they add up to what was won.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from connector.core.policy import Policy
from connector.facts.asking import set_moments
from connector.facts.kept import kept_credit_statements
from connector.facts.sources import Tables
from connector.facts.statements import CreditShape
from connector.facts.windows import windows

SOURCED, INFLUENCED, DIRECT = "sourced", "influenced", "direct"
CLASSES = (SOURCED, INFLUENCED, DIRECT)


@dataclass(frozen=True, slots=True)
class Part:
    """Opportunities of one class: how many, and what they are worth in the corporate currency."""

    count: int
    amount: Decimal
    unknown: int  # of them without an amount, or without a rate for it


@dataclass(frozen=True, slots=True)
class Bookings:
    """What was won from `since` to `until`, both days included; `shares` is all allocated influence together."""

    since: date
    until: date
    currency: str
    parts: tuple[tuple[str, Part], ...]  # in the order of CLASSES
    shares: Decimal

    @property
    def whole(self) -> Part:
        """All classes together."""
        parts = [part for _, part in self.parts]
        return Part(
            sum(part.count for part in parts),
            sum((part.amount for part in parts), Decimal("0.00")),
            sum(part.unknown for part in parts),
        )

    def said(self) -> dict[str, object]:
        """As JSON would have it."""
        named = (*self.parts, ("won", self.whole))
        said: dict[str, object] = {
            name: {"n": part.count, "amount": str(part.amount), "unknown": part.unknown} for name, part in named
        }
        days = {"since": self.since.isoformat(), "until": self.until.isoformat()}
        return {**days, "currency": self.currency, **said}


def bookings(tables: Tables, policy: Policy, as_of: datetime) -> Bookings:
    """The classes of what was won; credit must have been settled. Amounts convert at the close date's rate.

    Where a partner sourced it others may have helped too: that is told by `shares`, never added.
    """
    spans = windows(policy, as_of)
    set_moments(tables, spans)
    questions = kept_credit_statements(tables, CreditShape(policy.attribution, policy.corporate_currency))
    tables.run(f"CREATE OR REPLACE TEMP TABLE rates AS {questions.rates}")
    since, until = spans.credit_from, spans.today
    renewals, corporate = policy.attribution.business == "all", policy.corporate_currency
    rows = tables.query(_CLASSES, [since, until, renewals, as_of, corporate, corporate]).to_pylist()
    found = {row["class"]: Part(row["n"], Decimal(row["amount"]), row["unknown"]) for row in rows}
    (row,) = tables.query(_SHARES, [since, until]).to_pylist()
    parts = tuple((name, found.get(name, Part(0, Decimal("0.00"), 0))) for name in CLASSES)
    return Bookings(since, until, corporate, parts, Decimal(row["shares"]))


_CLASSES = """
WITH won AS (
    SELECT id, amount, coalesce(currency, '') AS code, close_date FROM opportunities
    WHERE is_won AND close_date BETWEEN ? AND ? AND (? OR coalesce("type", 'new') <> 'renewal') AND created_at <= ?
),
valued AS (
    SELECT w.id, round(CASE WHEN w.code IN ('', ?) THEN w.amount
        ELSE (w.amount::DOUBLE / r.rate)::DECIMAL(20, 4) END, 2)::DECIMAL(20, 2) AS value
    FROM won w LEFT JOIN rates r
        ON w.code = r.code AND w.code <> ? AND w.close_date >= r.from_day AND w.close_date < r.to_day
),
roles AS (
    SELECT opportunity_id, bool_or(role = 'sourced') AS sourced, bool_or(role = 'influenced') AS influenced
    FROM credited GROUP BY opportunity_id
)
SELECT CASE WHEN sourced THEN 'sourced' WHEN influenced THEN 'influenced' ELSE 'direct' END AS class,
    count(*) AS n, coalesce(sum(value), 0)::DECIMAL(38, 2) AS amount, count(*) - count(value) AS unknown
FROM valued LEFT JOIN roles ON roles.opportunity_id = valued.id GROUP BY 1 ORDER BY 1
"""

_SHARES = """
SELECT coalesce(sum(amount), 0)::DECIMAL(38, 2) AS shares FROM credited
WHERE role = 'influenced' AND is_won AND close_date BETWEEN ? AND ?
"""
