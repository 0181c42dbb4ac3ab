"""Which SQL the facts ask: one text for what a policy and the sources make of the relations."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from connector.core.policy import Attribution, Policy


@dataclass(frozen=True, slots=True)
class Shape:
    """Everything that changes the text of a relation; moments and partners are rows, so they do not."""

    closing_roles: tuple[str, ...]
    decided: bool
    proxy: bool
    observed_share: Decimal
    vendor_paid: bool
    newest: int
    attribution_days: int
    service_split: str
    cycle_side: str
    cycle_start: str
    qualified_stage: str
    cycle_business: str
    corporate: str


def shape(policy: Policy, *, proxy: bool) -> Shape:
    """The shape that a policy asks for."""
    return Shape(
        closing_roles=policy.velocity.link_roles,
        decided=policy.velocity.denominator == "decided",
        proxy=proxy,
        observed_share=policy.market_fit.observed_share,
        vendor_paid=policy.track_record.spend_basis == "vendor_paid",
        newest=policy.track_record.campaigns,
        attribution_days=policy.track_record.attribution_days,
        service_split=policy.multiplier.split,
        cycle_side=policy.cycle_time.partner_side,
        cycle_start=policy.cycle_time.start,
        qualified_stage=policy.cycle_time.qualified_stage,
        cycle_business=policy.cycle_time.business,
        corporate=policy.corporate_currency,
    )


@dataclass(frozen=True, slots=True)
class CreditShape:
    """Everything that changes the text of the relations about credit."""

    rules: Attribution
    corporate: str


@dataclass(frozen=True, slots=True)
class CreditStatements:
    """SQL: `stages` fill temporary tables in this order; the last one is `credits`."""

    stages: tuple[tuple[str, str], ...]
    rates: str


@dataclass(frozen=True, slots=True)
class Statements:
    """SQL: `stages` fill temporary tables in this order; `answers` are read, in the order of partner ids.

    `rates` comes before all of them, and `direct` makes the pool of direct deals that partners are compared with.
    """

    stages: tuple[tuple[str, str], ...]
    answers: tuple[tuple[str, str], ...]
    rates: str
    direct: str
    direct_cycles: str  # what the day's fits are made of


@dataclass(frozen=True, slots=True)
class FundShape:
    """Everything that changes the text of the relations about fund requests and what campaigns brought."""

    vendor_paid: bool
    attribution_days: int
    claims_days: int
    corporate: str


@dataclass(frozen=True, slots=True)
class FundStatements:
    """SQL: `requests`, `granted` and `claims` are read as they are; `returns` and `standings` after the `stages`."""

    requests: str
    granted: str
    claims: str
    stages: tuple[tuple[str, str], ...]
    returns: str
    standings: str
    rates: str


@lru_cache(maxsize=16)
def statements(wanted: Shape) -> Statements:
    """The SQL of every stage and answer (DuckDB's dialect)."""
    from connector.facts.compiled import compiled  # the library that compiles takes most of a second to import

    return compiled(wanted)


@lru_cache(maxsize=16)
def credit_statements(wanted: CreditShape) -> CreditStatements:
    """The SQL of every stage (DuckDB's dialect)."""
    from connector.facts.compiled import compiled_credits

    return compiled_credits(wanted)


@lru_cache(maxsize=16)
def fund_statements(wanted: FundShape) -> FundStatements:
    """The SQL about fund requests and returns (DuckDB's dialect)."""
    from connector.facts.compiled import compiled_funds

    return compiled_funds(wanted)
