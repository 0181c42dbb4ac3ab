"""The facts' relations as SQL."""

from __future__ import annotations

import ibis
from ibis.expr import types as ir

from connector.facts import campaigns, links, partners
from connector.facts.money import dated_rates
from connector.facts.relations import rows
from connector.facts.statements import Shape, Statements


def compiled(wanted: Shape) -> Statements:
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
