"""Who sourced and who influenced which opportunity, and how much of its amount is credited to whom?

A partner is credited with sourcing the whole amount or none; the influence on an opportunity is parted among the
others. Both are told apart and never added up: what was sourced, what was influenced and what was touched are three
figures (docs/attribution.md).
"""

from __future__ import annotations

import ibis
from ibis import _
from ibis.expr import types as ir

from connector.core.facts import EVIDENCE_LIMIT
from connector.core.policy import Attribution
from connector.facts.money import converted
from connector.facts.relations import evidence, few_ids, moment, rows, survivor, yes
from connector.facts.sourcing import HELD

SOURCED, INFLUENCED, DISPUTED = "sourced", "influenced", "disputed"
FIRST_CLAIM, SAME_MOMENT = "FIRST_CLAIM", "SAME_MOMENT"
ENOUGH, AGREED = "ENOUGH_EVIDENCE", "AGREED_SHARE"
AMOUNT_MISSING, FX_RATE_MISSING, OVER_AGREED = "AMOUNT_MISSING", "FX_RATE_MISSING", "SHARES_OVER_100"

_WHOLE = 1_000_000
"""An agreed share of 100 percent, in steps that keep four decimals of a percent."""

_MOST_CENTS = 9_000_000_000_000
"""An amount above it is no amount: its product with a share would not be exact."""

_PART = ("opportunity_id", "partner_id", "role", "reason", "points", "agreed", "pieces", "evidence_ids")


def _sourced() -> ir.Table:
    """The earliest claim that holds; of several partners at one moment none is credited."""
    held = rows("candidates").filter(_.code == HELD)
    first = held.group_by("opportunity_id").agg(at=held.submitted_at.min())
    earliest = held.join(first, [held.opportunity_id == first.opportunity_id, held.submitted_at == first["at"]])
    per = earliest.group_by("opportunity_id", "partner_id").agg(
        pieces=earliest.source_id.nunique(), evidence_ids=few_ids(earliest.source_id)
    )
    several = per.count().over(ibis.window(group_by="opportunity_id")) > 1
    return per.select(
        "opportunity_id", "partner_id", "pieces", "evidence_ids",
        role=several.ifelse(DISPUTED, SOURCED),
        reason=several.ifelse(SAME_MOMENT, FIRST_CLAIM),
        points=ibis.literal(0).cast("int64"),
        agreed=ibis.null("int64"),
    ).select(*_PART)  # fmt: skip


def _agreed(lock_days: int) -> ir.Table:
    """`opportunity_id`, `partner_id`, `agreed`: shares of the influence that were agreed in writing, in steps.

    One that was written down after the close (and the days of the lock) comes too late; of several for one partner
    the largest counts.
    """
    links = rows("partner_links").filter(_.share > 0)
    named = survivor(links.select("opportunity_id", "partner_id", "share", "recorded_at"), "partner_id")
    partners = rows("partners").select(partner_id=_.id)
    joined = named.semi_join(partners, "partner_id").join(rows("credited_deals"), "opportunity_id")
    until = joined.closes_at + ibis.interval(days=lock_days)
    told = joined.filter(
        joined.recorded_at.isnull() | (joined.recorded_at <= moment("as_of")),
        joined.recorded_at.isnull() | until.isnull() | (joined.recorded_at < until),
    )
    steps = (told.share * (_WHOLE // 100)).round().cast("int64")
    return told.mutate(steps=steps).group_by("opportunity_id", "partner_id").agg(agreed=_.steps.max())


def _influenced(rules: Attribution) -> ir.Table:
    """Partners with enough evidence, and those with a share agreed in writing."""
    known = rows("evidence").select("opportunity_id", "partner_id", "source_id", "strong", "day").distinct()
    per = known.group_by(
        "opportunity_id", "partner_id"
    ).agg(  # counting what is distinct here would take twice as long
        strong_count=_summed(known.strong.cast("int64")),
        weak_days=ibis.coalesce(known.strong.ifelse(None, known.day).collect().unique().length(), 0),
        pieces=known.count(),
        evidence_ids=known.source_id.collect().sort()[:EVIDENCE_LIMIT],
    )
    joined = per.outer_join(_agreed(rules.influence_lock_days), ["opportunity_id", "partner_id"])
    enough = yes((joined.strong_count >= rules.min_strong) | (joined.weak_days >= rules.min_weak_days))
    weighed = joined.strong_count * rules.strong_points + joined.weak_days * rules.weak_points
    points = ibis.coalesce(weighed, 0).cast("int64") if rules.split == "points" else ibis.literal(1).cast("int64")
    kept = joined.mutate(
        opportunity_id=ibis.coalesce(joined.opportunity_id, joined.opportunity_id_right),
        partner_id=ibis.coalesce(joined.partner_id, joined.partner_id_right),
        points=points,
        role=ibis.literal(INFLUENCED),
        reason=joined.agreed.notnull().ifelse(AGREED, ENOUGH),
        pieces=ibis.coalesce(joined.pieces, 0),
        counted=enough | joined.agreed.notnull(),
    )
    return kept.filter(kept.counted).select(*_PART)


def found(rules: Attribution) -> ir.Table:
    """What the evidence says: one row a (opportunity, partner, role), before locks.

    `points` are the part's weight under the policy's split, so that a later policy does not part anew what is final.
    """
    return _sourced().union(_influenced(rules), distinct=False)


def _kept() -> ir.Table:
    """The last versions' parts under today's partners: those of partners that became one are one part.

    Who disputed only with a partner that it was merged with has sourced the opportunity.
    """
    named = survivor(rows("kept"), "partner_id")
    per = named.group_by("opportunity_id", "partner_id", "role").agg(
        reason=named.reason.min(),
        points=_summed(named.points),
        agreed=_summed(named.agreed),
        pieces=_summed(named.pieces),
        evidence_ids=named.evidence_ids.collect().flatten().unique().sort(),
    )
    disputing = (per.role == DISPUTED).cast("int64").sum().over(ibis.window(group_by="opportunity_id"))
    alone = (per.role == DISPUTED) & (disputing == 1)
    return per.mutate(role=alone.ifelse(SOURCED, per.role), reason=alone.ifelse(FIRST_CLAIM, per.reason))


def settled() -> ir.Table:
    """What is in force: what was found, or what was kept where the lock has passed; nobody has both roles.

    `kept` holds the last version's parts, `locks` when each side of it became final. A person's word ("reassess")
    opens both.
    """
    deals, locks = rows("credited_deals"), rows("locks")
    joined = deals.left_join(locks, "opportunity_id")
    again = ibis.coalesce(joined.dispute, "") == "reassess"
    closed_alike = joined.is_closed & (joined.final_close == joined.close_date)
    state = joined.select(
        "opportunity_id",
        sourcing_locked=yes(joined.sourced_final) & ~again,
        influence_locked=yes(closed_alike) & ~again,
    )
    new = rows("found").join(state, "opportunity_id")
    old = _kept().join(state, "opportunity_id")

    def locked(table: ir.Table) -> ir.BooleanValue:
        return (table.role == INFLUENCED).ifelse(table.influence_locked, table.sourcing_locked)

    every = new.filter(~locked(new)).select(*_PART).union(old.filter(locked(old)).select(*_PART), distinct=False)
    sources = every.filter(every.role != INFLUENCED).select(o=_.opportunity_id, p=_.partner_id)
    joined = every.left_join(sources, [every.opportunity_id == sources.o, every.partner_id == sources.p])
    return joined.filter((joined.role != INFLUENCED) | joined.o.isnull()).select(*_PART)


def credits(corporate: str) -> ir.Table:
    """One row a (opportunity, partner, role): `amount` in cents that add up, in the corporate currency.

    A sourced amount is the whole; influenced amounts add up to the whole, or to the agreed shares of it. Closed
    opportunities convert at their close date, open ones at as_of. An empty `amount` has its reason in `lacking`.
    """
    deals, parts = rows("credited_deals"), rows("settled")
    joined = parts.join(deals, "opportunity_id")
    priced = converted(joined, "amount", ibis.coalesce(joined.close_date, moment("today")), corporate)
    whole_cents = (priced.value * 100).round().cast("decimal(20, 0)")
    sane = whole_cents.abs() <= _MOST_CENTS
    sized = priced.mutate(cents=ibis.ifelse(sane, whole_cents.cast("int64"), ibis.null("int64")))
    shared = _parted(_weighed(sized))
    signed = shared.share * (shared.cents < 0).ifelse(-1, 1)
    amount = (shared.role == DISPUTED).ifelse(ibis.literal(0).cast("int64"), signed)
    lacking = ibis.cases(
        (shared.unconverted, FX_RATE_MISSING), (shared.cents.isnull(), AMOUNT_MISSING), (shared.over, OVER_AGREED),
        else_="",
    )  # fmt: skip
    return shared.select(
        *_PART, "is_won", "is_closed", "close_date", "created_at",
        value=(shared.cents.cast("decimal(20, 4)") / 100).cast("decimal(20, 2)"),
        amount=ibis.ifelse(lacking == "", (amount.cast("decimal(20, 4)") / 100).cast("decimal(20, 2)"), None),
        lacking=lacking,
    )  # fmt: skip


def _weighed(table: ir.Table) -> ir.Table:
    """With each part's `weight` of a `whole`; `given` of it is what all parts of its role have together."""
    pool = ibis.window(group_by=["opportunity_id", "role"])
    by_agreement = table.agreed.max().over(pool).notnull()
    weight = by_agreement.ifelse(ibis.coalesce(table.agreed, 0), ibis.greatest(table.points, 1))
    weighed = table.mutate(by_agreement=by_agreement, weight=ibis.least(weight, _WHOLE))
    summed = weighed.mutate(weights=_small(weighed.weight.sum().over(pool)))
    whole = summed.by_agreement.ifelse(_WHOLE, summed.weights)
    return summed.mutate(
        over=summed.weights > whole,
        whole=whole,
        given=summed.by_agreement.ifelse(ibis.least(summed.weights, _WHOLE), 1),
        of=summed.by_agreement.ifelse(_WHOLE, 1),
    )


def _parted(table: ir.Table) -> ir.Table:
    """With `share`, the part's cents without sign: rounded down, the rest going to the largest remainders."""
    size = table.cents.abs()
    product, goal = size * table.weight, size * table.given
    cut = table.mutate(rest=product % table.whole, base=_exactly(product, table.whole), goal=_exactly(goal, table.of))
    pool = ibis.window(group_by=["opportunity_id", "role"])
    order = ibis.window(group_by=["opportunity_id", "role"], order_by=[ibis.desc("rest"), "partner_id"])
    ranked = cut.mutate(place=ibis.row_number().over(order))
    left = ranked.goal - _small(ranked.base.sum().over(pool))
    return ranked.mutate(share=ranked.base + (ranked.place < left).ifelse(1, 0))


def _summed(column: ir.IntegerColumn) -> ir.IntegerValue:
    return _small(column.sum())


def _small(total: ir.IntegerValue) -> ir.IntegerValue:
    """A sum in 64 bits: the database makes 128 of it, which the library that writes the SQL does not know."""
    return total.cast("decimal(38, 0)").cast("int64")


def _exactly(product: ir.IntegerValue, whole: ir.IntegerValue) -> ir.IntegerValue:
    """The whole quotient: what is divided is a multiple, so that rounding mends what the division loses."""
    return ((product - product % whole) / whole).round().cast("int64")


def sums() -> ir.Table:
    """One row a wanted partner: what it sourced, influenced and touched, won in the window, and its open pipeline.

    Touched opportunities count whole, each once, and are not additive over partners. `unknown` counts credited ones
    without an amount.
    """
    known, wanted = rows("credited"), rows("wanted")
    every = known.join(wanted.select(id=_.id, wanted_id=_.partner_id), known.partner_id == wanted.id)
    won = every.is_won & (every.close_date >= moment("credit_from")) & (every.close_date <= moment("today"))
    sourced, influenced = every.role == SOURCED, every.role == INFLUENCED
    lost = every.amount.isnull() & (won | ~every.is_closed)

    def worth(which: ir.BooleanValue, column: ir.Value) -> ir.Value:
        return ibis.coalesce(which.ifelse(column, None).sum(), 0).cast("decimal(38, 2)")

    def counted(which: ir.BooleanValue) -> ir.Value:
        return which.ifelse(every.opportunity_id, None).nunique()

    return every.group_by(partner_id=every.wanted_id).agg(
        sourced_won=worth(won & sourced, every.amount),
        sourced_count=counted(won & sourced),
        influenced_won=worth(won & influenced, every.amount),
        influenced_count=counted(won & influenced),
        touched_won=worth(won & (sourced | influenced), every.value),
        sourced_open=worth(sourced & ~every.is_closed, every.amount),
        open_count=counted(sourced & ~every.is_closed),
        unknown=counted((sourced | influenced) & lost),
        credit_ids=evidence((won & (sourced | influenced)).ifelse(every.opportunity_id, None)),
    )
