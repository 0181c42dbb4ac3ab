"""The facts' relations as SQL, compiled once for what a policy and the sources make of them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import ibis
from ibis.expr import types as ir

from connector.core.policy import Policy
from connector.facts import campaigns, links, partners
from connector.facts.money import dated_rates
from connector.facts.relations import rows


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
        corporate=policy.corporate_currency,
    )


@dataclass(frozen=True, slots=True)
class Statements:
    """SQL: `stages` fill temporary tables in this order; `answers` are read, in the order of partner ids.

    `rates` comes before all of them, and `direct` makes the pool of direct deals that partners are compared with.
    """

    stages: tuple[tuple[str, str], ...]
    answers: tuple[tuple[str, str], ...]
    rates: str
    direct: str


@lru_cache(maxsize=16)
def statements(wanted: Shape) -> Statements:
    """The SQL of every stage and answer (DuckDB's dialect)."""
    stages = {
        "linked_accounts": links.linked_accounts(),
        "deals": links.deals(wanted.closing_roles),
        "wins": partners.wins(wanted.corporate),
        "mix": partners.mix(),
        "owned": campaigns.owned(),
        "funded": campaigns.funded(vendor_paid=wanted.vendor_paid, corporate=wanted.corporate),
    }
    answers = {
        "quotes": _by_partner(partners.quotes(proxy=wanted.proxy, decided=wanted.decided)),
        "meetings": _by_partner(partners.meetings()),
        "won_deals": _by_partner(partners.won_deals()),
        "footprint": _by_partner(partners.footprint(wanted.observed_share)),
        "activity": partners.activity().order_by("partner_id", "kind"),
        "returns": campaigns.returns(
            newest=wanted.newest, attribution_days=wanted.attribution_days, corporate=wanted.corporate
        ),
        "left_out": campaigns.left_out(),
        "live": campaigns.live(wanted.corporate),
        "mix": rows("mix").order_by("partner_id", "segment", "product"),
        "profiles": partners.profiles(),
    }
    shared = dict(_compiled({"rates": dated_rates(), "direct": partners.direct_wins(wanted.corporate)}))
    return Statements(_compiled(stages), _compiled(answers), **shared)


def _by_partner(relation: ir.Table) -> ir.Table:
    return relation.order_by("partner_id")


def _compiled(relations: dict[str, ir.Table]) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(ibis.to_sql(relation, dialect="duckdb"))) for name, relation in relations.items())
