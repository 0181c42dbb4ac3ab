"""How long did each opportunity take, or take until now, and which ones does a partner stand on?

One row an opportunity: `days` from its start to its close, or to the end of yesterday while it is open. Opportunities
that cannot be timed come with the reason in `code`, so that they are counted and not lost.
"""

from __future__ import annotations

from typing import Any

import ibis
from ibis import _
from ibis.expr import types as ir

from connector.core.cycle_time import NO_CLOSE_DATE, NONPOSITIVE, NOT_QUALIFIED
from connector.facts.evidence import local_day
from connector.facts.links import without_partner
from connector.facts.money import converted
from connector.facts.relations import moment, rows, survivor, yes
from connector.measure.survival import LOST, OPEN, WON

_COLUMNS = ("days", "status", "age", "size", "segment", "product", "code")


@ibis.udf.scalar.builtin(name="hash", signature=(("string",), "uint64"))
def _mark(text):  # type: ignore[no-untyped-def]
    """A number for an id: an order that is the same in every run, and sorts in half the time."""


def direct_cycles(*, start: str, qualified_stage: str, business: str, corporate: str) -> ir.Table:
    """The opportunities on which no partner stands and with which none is credited, in the order of their marks."""
    alone = without_partner(rows("opportunities")).anti_join(rows("credited"), [("id", "opportunity_id")])
    timed = _timed(alone, start, qualified_stage, business, corporate)
    return timed.select(*_COLUMNS, mark=_mark(timed.opportunity_id)).order_by("mark").drop("mark")


def partner_cycles(*, side: str, start: str, qualified_stage: str, business: str, corporate: str) -> ir.Table:
    """The wanted partners' opportunities with `partner_id`, in the order of the opportunities' `mark`."""
    stands = _standing(side)
    ours = rows("opportunities").semi_join(stands, [("id", "opportunity_id")])
    timed = _timed(ours, start, qualified_stage, business, corporate)
    joined = stands.join(timed, "opportunity_id")
    return joined.select("partner_id", *_COLUMNS, mark=_mark(joined.opportunity_id)).order_by("mark")


def _standing(side: str) -> ir.Table:
    """`partner_id`, `opportunity_id`: whose opportunity it is, each pair once."""
    deals, known, wanted = rows("deals"), rows("credited"), rows("wanted")
    credited = known.join(wanted.select(id=wanted.id, wanted_id=wanted.partner_id), known.partner_id == wanted.id)
    named = credited.select("opportunity_id", partner_id=credited.wanted_id).select("partner_id", "opportunity_id")
    if side == "credited":
        return named.distinct()
    linked = (deals.filter(deals.closing) if side == "closing" else deals).select("partner_id", "opportunity_id")
    return linked.distinct() if side == "closing" else linked.union(named, distinct=True)


def _started(opportunities: ir.Table, start: str, qualified_stage: str) -> ir.Table:
    """With `started`, the local day on which the clock starts; empty when it never did."""
    if start == "created":
        return opportunities.mutate(started=local_day(opportunities.created_at))
    stages = rows("stages").filter(_.position.notnull())
    named = stages.mutate(word=stages.name.strip().lower())
    least = named.filter(named.word == qualified_stage).agg(least=_.position.min())
    enough = named.cross_join(least).filter(_.position >= _.least).select("word").distinct()
    history = rows("stage_history").mutate(word=_.stage.strip().lower())
    entered = history.semi_join(enough, "word").group_by("opportunity_id").agg(qualified=_.at.min())
    joined = opportunities.left_join(entered, opportunities.id == entered.opportunity_id)
    return joined.mutate(started=local_day(joined.qualified)).drop("opportunity_id", "qualified")


def _timed(opportunities: ir.Table, start: str, qualified_stage: str, business: str, corporate: str) -> ir.Table:
    if business == "new":
        opportunities = opportunities.filter(ibis.coalesce(opportunities["type"], "new") != "renewal")
    today = moment("today")
    born = opportunities.filter(opportunities.created_at <= moment("as_of"))
    clocked = _started(born, start, qualified_stage)
    first = ibis.coalesce(clocked.started, local_day(clocked.created_at))
    inside = clocked.filter(first >= moment("cycle_from"), first < today)
    closed = yes(inside.is_closed) & (inside.close_date.isnull() | (inside.close_date < today))
    ends = inside.mutate(closed=closed, ends=ibis.ifelse(closed, inside.close_date, today))
    priced = survivor(converted(ends, "amount", ends.ends, corporate), "account_id")
    accounts = rows("accounts").select(customer=_.id, class_of=_.segment)
    known = priced.left_join(accounts, priced.account_id == accounts.customer)
    days = known.ends.delta(known.started, unit="day")
    value = known["value"].cast("float64")
    code = ibis.cases(
        (known.started.isnull(), NOT_QUALIFIED), (known.ends.isnull(), NO_CLOSE_DATE), (days <= 0, NONPOSITIVE),
        else_="",
    )  # fmt: skip
    return known.select(
        opportunity_id=known.id,
        days=days.cast("int32"),
        status=_status(known),
        age=today.delta(known.started, unit="day").cast("int32"),
        size=(value > 0).ifelse(value, ibis.null("float64")).ln(),
        segment=ibis.coalesce(known["segment"], known.class_of, ""),
        product=ibis.coalesce(known["product"], ""),
        code=code,
    )


def _status(known: ir.Table) -> Any:
    return known.closed.ifelse(yes(known.is_won).ifelse(WON, LOST), OPEN).cast("int8")
