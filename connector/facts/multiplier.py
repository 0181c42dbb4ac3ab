"""What do partners earn with services of their own on the won deals that credit them, and what was our product?

"For every $1 of your product sold, how much service revenue does the partner generate?" Both sides are of the same
deals: product without a word about services is no product with zero services, it only lowers the coverage.
"""

from __future__ import annotations

import ibis
from ibis import _
from ibis.expr import types as ir

from connector.facts.credits import FX_RATE_MISSING, INFLUENCED, SOURCED
from connector.facts.money import converted
from connector.facts.relations import evidence, moment, rows, survivor, yes


def service_parts(split: str) -> ir.Table:
    """One row a (wanted partner, won deal) of the window, for partners with any service revenue.

    `part` is what of the deal's amount is the partner's: its credited share ("influence"), scaled down where sourcing
    and influence together come to more than the amount, so that the parts of a deal never exceed it; or the whole
    amount ("full"). Empty when the amount or its parting is not known; `unconverted` when a rate is missing.
    """
    known = rows("credited")
    won = known.filter(
        yes(known.is_won),
        known.role.isin([SOURCED, INFLUENCED]),
        known.close_date >= moment("services_start"),
        known.close_date < moment("services_end"),
    )
    whole = won.group_by("opportunity_id").agg(
        credited=won.amount.sum(),
        unsure=won.amount.isnull().any(),
        unconverted=(won.lacking == FX_RATE_MISSING).any(),
    )
    told = survivor(rows("service_revenue").select("partner_id"), "partner_id")
    asked = rows("wanted").select(id=_.id, wanted_id=_.partner_id).semi_join(told, [("wanted_id", "partner_id")])
    own = won.join(asked, won.partner_id == asked.id)
    mine = own.group_by(partner_id=own.wanted_id, opportunity_id=own.opportunity_id).agg(
        amount=own.amount.sum(), value=own.value.max(), close_date=own.close_date.max()
    )
    joined = mine.join(whole, "opportunity_id")
    part = joined.value if split == "full" else _scaled(joined)
    return joined.select(
        "partner_id",
        "opportunity_id",
        "close_date",
        "unconverted",
        part=joined.unsure.ifelse(None, part.cast("decimal(20, 4)")),
    )


def _scaled(deal: ir.Table) -> ir.Value:
    """The partner's amount, in proportion where all credited amounts together exceed the deal's."""
    exceeds = deal.credited.abs() > deal.value.abs()
    exact = deal.amount.cast("float64") * deal.value.cast("float64") / deal.credited.cast("float64")
    return exceeds.ifelse(exact.round(4).cast("decimal(20, 4)"), deal.amount.cast("decimal(20, 4)"))


def services(corporate: str) -> ir.Table:
    """One row a (wanted partner, provenance): sums over its deals with a known service revenue, and over all deals.

    Service revenue converts at the deal's close date, as the product does. Several records of one deal and provenance
    add up; an empty amount is no record, zero is one.
    """
    parts, wanted, told = rows("service_parts"), rows("wanted"), rows("service_revenue")
    past = told.filter(
        told.amount.notnull(),
        told.provenance.notnull(),
        told.recorded_at.isnull() | (told.recorded_at <= moment("as_of")),
    ).select("partner_id", "opportunity_id", "amount", "currency", "provenance")
    today = wanted.select(id=_.id, wanted_id=_.partner_id)
    joined = past.join(today, past.partner_id == today.id)
    named = joined.select("opportunity_id", "amount", "currency", "provenance", partner_id=joined.wanted_id)
    on_deals = named.join(parts, ["partner_id", "opportunity_id"])
    priced = converted(on_deals, "amount", on_deals.close_date, corporate)
    per_deal = priced.group_by("partner_id", "provenance", "opportunity_id").agg(
        service=priced.value.sum(), lost=priced.unconverted.sum(), part=priced.part.max()
    )
    sure = per_deal.part.notnull()
    per = per_deal.group_by("partner_id", "provenance").agg(
        deals=sure.sum(),
        service=_money(sure.ifelse(per_deal.service, None).sum()),
        product=_money(per_deal.part.sum()),
        covered=_money(per_deal.part.abs().sum()),
        lost=per_deal.lost.sum(),
        service_ids=evidence(per_deal.opportunity_id),
    )
    every = parts.group_by("partner_id").agg(
        all_deals=parts.count(),
        won=_money(parts.part.abs().sum()),
        unconverted=parts.unconverted.sum(),
        unknown=(parts.part.isnull() & ~parts.unconverted).sum(),
    )
    return per.join(every, "partner_id").select(*per.columns, "all_deals", "won", "unconverted", "unknown")


def _money(total: ir.Value) -> ir.Value:
    return ibis.coalesce(total, 0).cast("decimal(38, 4)")
