"""Which fund requests of the wanted partners wait for an answer, and how clean are the partners' claims?"""

from __future__ import annotations

import ibis
from ibis import _
from ibis.expr import types as ir

from connector.core.decisions import DEMAND_GEN
from connector.facts.money import converted
from connector.facts.relations import moment, rows

_A_QUARTER = 94  # days, at most, and a day for the time zone on either side


def _of_wanted(table: ir.Table) -> ir.Table:
    """The rows of the wanted partners, `partner_id` being what each is called now."""
    wanted = rows("wanted").select(known=_.id, partner=_.partner_id)
    ours = table.join(wanted, table.partner_id == wanted.known)
    return ours.mutate(partner_id=ours.partner).drop("known", "partner")


def waiting(corporate: str) -> ir.Table:
    """Drafts and submitted requests with `value` in the corporate currency at today's rate, by id.

    The activity starts on its own day or else with the campaign that was asked for.
    """
    asked = _of_wanted(rows("fund_requests").filter(_.status.isin(["draft", "submitted"])))
    campaigns = rows("campaigns").select(campaign=_.id, begins=_.start_date)
    dated = asked.left_join(campaigns, asked.campaign_id == campaigns.campaign)
    priced = converted(dated.drop("campaign"), "requested_amount", moment("today"), corporate)
    return priced.select(
        "id", "partner_id", "name", "status", "motion", "activity", "requested_amount", "value",
        "expected_pipeline", "target_conversion", "match_share", "created_at",
        starts_on=ibis.coalesce(priced.starts_on, priced.begins),
        currency=ibis.coalesce(priced.currency.nullif(""), corporate),
    ).order_by("id")  # fmt: skip


def granted() -> ir.Table:
    """`partner_id`, `created_at`: approved requests for demand generation of the last three months."""
    since = moment("today") - ibis.interval(days=_A_QUARTER)
    ours = _of_wanted(rows("fund_requests").filter(_.status == "approved", _.motion == DEMAND_GEN))
    return ours.filter(ours.created_at.date() >= since).select("partner_id", "created_at")


def claims(days: int) -> ir.Table:
    """`partner_id`, `decided`, `rejected`: the claims of the trailing days on which something was decided."""
    requests = rows("fund_requests").select(request=_.id, asker=_.partner_id)
    known = rows("fund_claims").filter(_.status.isin(["approved", "rejected", "paid"]))
    joined = known.left_join(requests, known.request_id == requests.request)
    named = joined.mutate(partner_id=ibis.coalesce(joined.partner_id, joined.asker)).drop("request", "asker")
    calendar = rows("calendar")
    first = calendar.filter(calendar.day.cast("timestamp") == moment("today") - ibis.interval(days=days))
    recent = named.join(first.select("midnight"), named.created_at >= first.midnight).drop("midnight")
    ours = _of_wanted(recent)
    return ours.group_by("partner_id").agg(
        decided=ours.count(), rejected=(ours.status == "rejected").sum().cast("int64")
    )
