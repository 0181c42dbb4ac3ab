"""What a partner's funded campaigns cost and brought, and which money is at work now."""

from __future__ import annotations

from typing import Any

import ibis
from ibis import _
from ibis.expr import types as ir

from connector.facts.money import converted
from connector.facts.relations import STAGES, moment, rows, survivor

NOT_MATURED = "NOT_MATURED"
SPEND_UNKNOWN = "SPEND_UNKNOWN"
ZERO_SPEND = "ZERO_SPEND"


def _named() -> ir.Table:
    """Campaigns with `named`: the partner named there, else the only one who asked money for it."""
    campaigns, requests = rows("campaigns"), rows("fund_requests")
    asked = requests.filter(requests.campaign_id.notnull(), requests.partner_id.notnull())
    single = (
        asked.group_by("campaign_id")
        .agg(asker=asked.partner_id.min(), last=asked.partner_id.max())
        .filter(_.asker == _.last)
        .select(asked_for=_.campaign_id, asker=_.asker)
    )
    joined = campaigns.left_join(single, campaigns.id == single.asked_for)
    return joined.mutate(named=ibis.coalesce(joined.partner_id, joined.asker)).drop(
        "partner_id", "asked_for", "asker"
    )


def campaign_partners() -> ir.Table:
    """`campaign_id`, `partner_id`: every campaign with the partner whose it is, as that partner is called now."""
    named = _named()
    return survivor(named.filter(named.named.notnull()).select(campaign_id=_.id, partner_id=_.named), "partner_id")


def owned() -> ir.Table:
    """The wanted partners' campaigns."""
    named, wanted = _named(), rows("wanted")
    known = wanted.select("partner_id", known=wanted.id)
    ours = named.join(known, named.named == known.known)
    return ours.select(*STAGES["owned"])


def _claimed(campaigns: ir.Table, corporate: str) -> ir.Table:
    """One row a campaign with paid claims, or else approved ones: `spend`, `blank` amounts, `spend_unconverted`."""
    claims, requests = rows("fund_claims"), rows("fund_requests").select(request=_.id, campaign_id=_.campaign_id)
    ended = campaigns.select(campaign=_.id, end_date=_.end_date)
    of_request = claims.filter(claims.status.isin(["paid", "approved"])).join(
        requests, claims.request_id == requests.request
    )
    of_campaign = of_request.join(ended, of_request.campaign_id == ended.campaign)
    claimed = of_campaign.select("campaign", "status", "amount", "currency", "end_date")
    priced = converted(claimed, "amount", claimed.end_date, corporate)
    per = priced.group_by("campaign", "status").agg(
        spend=priced.value.sum(), blank=priced.amount.isnull().sum(), spend_unconverted=priced.unconverted.sum()
    )
    best = ibis.row_number().over(ibis.window(group_by="campaign", order_by=ibis.desc("status")))  # paid > approved
    return per.mutate(nth=best).filter(_.nth == 0).drop("nth", "status")


def _costed(campaigns: ir.Table, corporate: str) -> ir.Table:
    """One row a campaign with its total cost: `spend`, `blank`, `spend_unconverted`."""
    costs = campaigns.select("actual_cost", "currency", "end_date", campaign=_.id)
    priced = converted(costs, "actual_cost", costs.end_date, corporate)
    return priced.select(
        "campaign",
        spend=priced.value.cast("decimal(38, 4)"),
        blank=priced.actual_cost.isnull().cast("int64"),
        spend_unconverted=priced.unconverted.cast("int64"),
    )


def funded(*, vendor_paid: bool, corporate: str) -> ir.Table:
    """One row an ended campaign: its net `spend`, and in `code` why it is left out of the track record, if it is."""
    ours = rows("owned")
    ended = ours.filter(ours.end_date < moment("today"))
    spends = _claimed(ended, corporate) if vendor_paid else _costed(ended, corporate)
    joined = ended.left_join(spends, ended.id == spends.campaign)
    unknown = ibis.coalesce(joined.blank, 1) > 0
    none = (ibis.coalesce(joined.spend, 0) <= 0) & (ibis.coalesce(joined.spend_unconverted, 0) == 0)
    code = ibis.cases(
        (joined.end_date > moment("matured_by"), NOT_MATURED), (unknown, SPEND_UNKNOWN), (none, ZERO_SPEND)
    )
    return joined.select(
        joined.partner_id,
        joined.name,
        joined.start_date,
        joined.end_date,
        campaign_id=joined.id,
        code=code,
        spend=ibis.coalesce(joined.spend, 0).cast("decimal(38, 4)"),
        spend_unconverted=ibis.coalesce(joined.spend_unconverted, 0).cast("int64"),
    )


def left_out() -> ir.Table:
    """`partner_id`, `campaign_id`, `code`: ended campaigns that do not count, newest first."""
    ended = rows("funded").filter(_.code.notnull())
    newest = ended.order_by("partner_id", ibis.desc("end_date"), "campaign_id")
    return newest.select("partner_id", "campaign_id", "code")


def returns(*, newest: int, attribution_days: int, corporate: str) -> ir.Table:
    """A partner's newest counted campaigns, newest first, with the pipeline opened from their start on.

    An opportunity belongs to the campaign that it names, when it was opened between the campaign's first day and
    the end of the attribution days after its last one; open, won and lost ones alike. Closed deals convert at
    their close date, open ones at as_of.
    """
    counted = rows("funded").filter(_.code.isnull())
    order = ibis.window(group_by="partner_id", order_by=[ibis.desc("end_date"), "campaign_id"])
    last = counted.mutate(nth=ibis.row_number().over(order)).filter(_.nth < newest)
    days = rows("calendar")
    opens, closes = days.select(first=_.day, opens=_.midnight), days.select(after=_.day, closes=_.midnight)
    starting = last.left_join(opens, last.start_date == opens["first"])
    dated = starting.left_join(
        closes, starting.end_date + ibis.interval(days=attribution_days) == closes.after.cast("timestamp")
    )
    span = dated.select("campaign_id", "opens", "closes")
    deals = rows("opportunities")
    named = deals.join(span, deals.campaign_id == span.campaign_id)
    inside = named.filter(
        named.opens.isnull() | (named.created_at >= named.opens), named.created_at < named.closes
    ).select("id", "campaign_id", "amount", "currency", "is_closed", "close_date")
    on = (ibis.coalesce(inside.is_closed, False) & inside.close_date.notnull()).ifelse(
        inside.close_date, moment("today")
    )
    priced = converted(inside, "amount", on, corporate)
    made = priced.group_by("campaign_id").agg(
        pipeline=priced.value.sum(),
        opportunities=priced.count(),
        missing=priced.amount.isnull().sum(),
        unconverted=priced.unconverted.sum(),
    )
    joined = last.left_join(made, last.campaign_id == made.campaign_id)
    return joined.select(
        "partner_id", "campaign_id", "name", "end_date", "spend",
        pipeline=_or_zero(joined.pipeline),
        opportunities=_or_zero(joined.opportunities),
        missing=_or_zero(joined.missing),
        unconverted=_or_zero(joined.unconverted) + joined.spend_unconverted,
    ).order_by("partner_id", ibis.desc("end_date"), "campaign_id")  # fmt: skip


def _or_zero(column: Any) -> Any:
    return ibis.coalesce(column, 0)


def live(corporate: str) -> ir.Table:
    """Campaigns that are planned or running, and fund requests that wait or were granted and are not yet spent."""
    today = moment("today")
    ours = rows("owned")
    running = ours.filter(ours.status.isin(["active", "planned"]), ours.end_date.isnull() | (ours.end_date >= today))
    campaigns = running.select(
        "partner_id", "id", "name", "motion", "currency",
        kind=ibis.literal("campaign"),
        amount=ibis.coalesce(running.budgeted_cost, running.actual_cost),
    )  # fmt: skip
    every = campaigns.select("partner_id", "id", "kind", "name", "motion", "currency", "amount").union(
        _open_requests(), distinct=False
    )
    priced = converted(every, "amount", today, corporate)
    return priced.select(
        "partner_id", "id", "kind", "value",
        name=ibis.coalesce(priced.name, ""),
        motion=ibis.coalesce(priced.motion, "Other"),
    ).order_by("partner_id", "kind", "id")  # fmt: skip


def _open_requests() -> ir.Table:
    requests, wanted = rows("fund_requests"), rows("wanted")
    paid = rows("fund_claims").filter(_.status == "paid")
    over = rows("campaigns").filter(_.status.isin(["completed", "aborted"]) | (_.end_date < moment("today")))
    waiting = requests.filter(requests.status.isin(["approved", "submitted"]))
    unpaid = waiting.anti_join(paid, waiting.id == paid.request_id)
    current = unpaid.anti_join(over, unpaid.campaign_id == over.id)
    known = wanted.select(known=wanted.id, partner=wanted.partner_id)
    ours = current.join(known, current.partner_id == known.known)
    return ours.select(
        partner_id=ours.partner, id=ours.id, kind=ibis.literal("fund_request"), name=ours.name, motion=ours.motion,
        currency=ours.currency, amount=ibis.coalesce(ours.approved_amount, ours.requested_amount),
    )  # fmt: skip
