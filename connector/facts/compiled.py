"""The facts' relations as SQL."""

from __future__ import annotations

import ibis
from ibis.expr import types as ir

from connector.facts import (
    campaigns,
    credits,
    cycle_times,
    evidence,
    fund_requests,
    fund_returns,
    links,
    multiplier,
    partners,
    sourcing,
)
from connector.facts.money import dated_rates
from connector.facts.relations import rows
from connector.facts.statements import (
    CreditShape,
    CreditStatements,
    FundShape,
    FundStatements,
    Shape,
    Statements,
)


def compiled(wanted: Shape) -> Statements:
    """The SQL of every stage and answer (DuckDB's dialect)."""
    timed = {
        "start": wanted.cycle_start,
        "qualified_stage": wanted.qualified_stage,
        "business": wanted.cycle_business,
        "corporate": wanted.corporate,
    }
    stages = {
        "linked_accounts": links.linked_accounts(),
        "deals": links.deals(wanted.closing_roles),
        "wins": partners.wins(wanted.corporate),
        "mix": partners.mix(),
        "owned": campaigns.owned(),
        "funded": campaigns.funded(vendor_paid=wanted.vendor_paid, corporate=wanted.corporate),
        "service_parts": multiplier.service_parts(wanted.service_split),
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
        "credit": _by_partner(credits.sums()),
        "services": multiplier.services(wanted.corporate).order_by("partner_id", "provenance"),
        "cycles": cycle_times.partner_cycles(side=wanted.cycle_side, **timed),
        "mix": rows("mix").order_by("partner_id", "segment", "product"),
        "profiles": partners.profiles(),
    }
    once = {
        "rates": dated_rates(),
        "direct": partners.direct_wins(wanted.corporate),
        "direct_cycles": cycle_times.direct_cycles(**timed),
    }
    shared = dict(_compiled(once))
    return Statements(_compiled(stages), _compiled(answers), **shared)


def compiled_credits(wanted: CreditShape) -> CreditStatements:
    """The SQL of the stages that lead to credits (DuckDB's dialect)."""
    rules = wanted.rules
    stages = {
        "partner_people": evidence.partner_people(),
        "credited_deals": evidence.credited_deals(rules.business),
        "evidence": evidence.evidence(
            strong=rules.strong,
            weak=rules.weak,
            late_stages=rules.late_stages,
            lock_days=rules.influence_lock_days,
        ),
        "claims": sourcing.claims(
            referral_roles=rules.referral_roles,
            window_days=rules.window_days,
            extension_days=rules.extension_days,
        ),
        "timely": sourcing.timely(grace_days=rules.grace_days, lock_days=rules.sourced_lock_days),
        "standing": sourcing.standing(),
        "dealt": sourcing.dealt(rules.prior_activity),
        "subjects": sourcing.subjects(),
        "traced": sourcing.traced(rules.prior_activity),
        "candidates": sourcing.candidates(
            grace_days=rules.grace_days,
            lock_days=rules.sourced_lock_days,
            lookback_days=rules.lookback_days,
            prior_activity=rules.prior_activity,
        ),
        "found": credits.found(rules),
        "settled": credits.settled(),
        "credits": credits.credits(wanted.corporate),
    }
    return CreditStatements(_compiled(stages), dict(_compiled({"rates": dated_rates()}))["rates"])


def compiled_funds(wanted: FundShape) -> FundStatements:
    """The SQL about fund requests and what campaigns brought (DuckDB's dialect)."""
    stages = {
        "owned": campaigns.owned(),
        "funded": campaigns.funded(vendor_paid=wanted.vendor_paid, corporate=wanted.corporate),
    }
    answers = {
        "requests": fund_requests.waiting(wanted.corporate),
        "granted": fund_requests.granted(),
        "claims": fund_requests.claims(wanted.claims_days),
        "returns": fund_returns.returns(wanted.attribution_days, wanted.corporate),
        "standings": fund_returns.standings(wanted.attribution_days, wanted.corporate),
        "rates": dated_rates(),
    }
    return FundStatements(stages=_compiled(stages), **dict(_compiled(answers)))


def _by_partner(relation: ir.Table) -> ir.Table:
    return relation.order_by("partner_id")


def _compiled(relations: dict[str, ir.Table]) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(ibis.to_sql(relation, dialect="duckdb"))) for name, relation in relations.items())
