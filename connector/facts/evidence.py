"""Which dated traces did partners leave on the opportunities in question, and what is each worth as evidence?

"Do they influence the deal?" is answered by what was recorded before the close, never by what somebody remembers.
"""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.datatypes as dt
from ibis import _
from ibis.expr import types as ir

from connector.facts.campaigns import campaign_partners
from connector.facts.relations import moment, rows, survivor, yes


@ibis.udf.scalar.builtin(name="timezone", signature=(("string", dt.Timestamp("UTC")), dt.timestamp))
def _clock(zone, at):  # type: ignore[no-untyped-def]
    """What the clocks of a time zone show at an instant."""


@ibis.udf.scalar.builtin(name="getvariable", signature=(("string",), "string"))
def _word(variable):  # type: ignore[no-untyped-def]
    """A word of this computation."""


def local_day(at: Any) -> Any:
    """The tenant's day in which an instant lies."""
    return _clock(_word("zone"), at).date()


def credited_deals(business: str) -> ir.Table:
    """The opportunities in `scope` that can give credit; `closes_at` is the first instant after the closing day."""
    deals = survivor(rows("opportunities").semi_join(rows("scope"), [("id", "opportunity_id")]), "account_id")
    if business == "new":
        deals = deals.filter(ibis.coalesce(deals["type"], "new") != "renewal")
    closed = yes(deals.is_closed)
    days = rows("calendar").select(after=_.day, midnight=_.midnight)
    ends = deals.mutate(ends_on=ibis.ifelse(closed, deals.close_date, ibis.null("date")))
    joined = ends.left_join(days, ends.ends_on + ibis.interval(days=1) == days.after.cast("timestamp"))
    return joined.filter(joined.created_at.notnull(), joined.created_at <= moment("as_of")).select(
        opportunity_id=joined.id,
        account_id=joined.account_id,
        created_at=joined.created_at,
        closes_at=joined.midnight,
        close_date=joined.ends_on,
        is_closed=yes(joined.is_closed),
        is_won=yes(joined.is_won),
        amount=joined.amount,
        currency=joined.currency,
        dispute=joined.credit_dispute,
        words=joined.credit_dispute_reason,
    )


def partner_people() -> ir.Table:
    """`contact_id`, `partner_id`: people who work for a partner, under every id that they ever had."""
    contacts = survivor(rows("contacts").select("account_id", contact_id=_.id), "account_id")
    staff = contacts.semi_join(rows("partners"), [("account_id", "id")]).select(
        "contact_id", partner_id=contacts.account_id
    )
    merged = rows("aliases").filter(_.family == "contact").select("survivor", former=_.id)
    former = staff.join(merged, staff.contact_id == merged.survivor).select(
        contact_id=merged.former, partner_id=staff.partner_id
    )
    return staff.union(former, distinct=True)


def _traces(places: ir.Table | None, *, partners_only: bool) -> ir.Table:
    """Touches and held customer meetings: `id`, `related_id`, `partner_id` (empty: our own), `kind`, two instants.

    With `places` (`subject`, `account_id`) only those on a subject, each with its `account_id`: narrowed before
    anybody's name is looked up, which is what takes the time. With `partners_only` without our own, likewise.
    """
    people, there = rows("partner_people"), [] if places is None else ["account_id"]
    shared = [*there, "id", "related_id"]
    touches = _placed(rows("touches"), places)
    said = touches.mutate(
        who=touches.partner_id.nullif(""), kind=ibis.coalesce(touches["type"], "").strip().lower()
    ).drop("partner_id")
    events = _placed(rows("meetings"), places)
    held = events.filter(ibis.coalesce(events.outcome, "held").isin(["held", ""]), ~yes(events.internal))
    met = held.mutate(kind=ibis.literal("meeting"), occurred_at=held.starts_at, recorded_at=held.created_at)
    columns = [*shared, "partner_id", "kind", "occurred_at", "recorded_at"]
    if partners_only:
        named = said.filter(said.who.notnull()).rename(partner_id="who")
        unnamed = said.filter(said.who.isnull()).join(people, "contact_id")
        parts = [named, unnamed, met.join(people, "contact_id")]
    else:
        told = said.left_join(people, "contact_id")
        parts = [
            told.mutate(partner_id=ibis.coalesce(told.who, told.partner_id)),
            met.left_join(people, "contact_id"),
        ]
    return survivor(ibis.union(*(part.select(*columns) for part in parts), distinct=False), "partner_id")


def _placed(table: ir.Table, places: ir.Table | None) -> ir.Table:
    return table if places is None else table.join(places, table.related_id == places.subject)


def traces(places: ir.Table | None = None, *, partners_only: bool = False) -> ir.Table:
    """What was done and written down up to as_of, whoever did it; what has no instant proves nothing."""
    every = _traces(places, partners_only=partners_only)
    return every.filter(
        every.related_id.notnull(), every.occurred_at <= moment("as_of"), every.recorded_at <= moment("as_of")
    )


def _answers() -> ir.Table:
    """Answers of a customer's people to a partner's campaign, on every opportunity of that customer."""
    members, contacts = rows("campaign_members"), rows("contacts").select(person=_.id, company=_.account_id)
    campaigns, deals = campaign_partners(), rows("credited_deals")
    answered = members.filter(yes(members.responded), members.responded_on.notnull())
    days = rows("calendar")
    dated = answered.join(days, answered.responded_on == days.day).select(
        "id", "campaign_id", "contact_id", answered_at=days.midnight
    )
    named = survivor(dated.join(contacts, dated.contact_id == contacts.person), "company")
    ours = named.join(campaigns, "campaign_id")
    return ours.join(deals, ours.company == deals.account_id).select(
        id=ours.id,
        opportunity_id=deals.opportunity_id,
        partner_id=ours.partner_id,
        kind=ibis.literal("campaign response"),
        occurred_at=ours.answered_at,
        recorded_at=ours.answered_at,
    )


def _links() -> ir.Table:
    links = rows("partner_links")
    dated = links.filter(links.recorded_at.notnull(), ibis.coalesce(links.via, "") != "registration")
    return survivor(
        dated.select(
            "id",
            "opportunity_id",
            "partner_id",
            kind=ibis.literal("link"),
            occurred_at=dated.recorded_at,
            recorded_at=dated.recorded_at,
        ),
        "partner_id",
    )


def late_spans(late_stages: tuple[str, ...]) -> ir.Table:
    """`late_deal`, `late_from`, `late_until` (empty: still): while an opportunity stands in the late stages.

    One that is taken back to an earlier stage, as when it is reopened, can be influenced again.
    """
    history = rows("stage_history").filter(_["at"].notnull())
    late = ibis.coalesce(history.stage, "").strip().lower().isin(late_stages)
    marked = history.select("id", late_deal=history.opportunity_id, late_from=history["at"], late=late)
    touched = marked.semi_join(marked.filter(marked.late).select("late_deal"), "late_deal")
    following = ibis.window(group_by="late_deal", order_by=["late_from", "id"])
    spans = touched.mutate(late_until=touched.late_from.lead().over(following))
    return spans.filter(spans.late).select("late_deal", "late_from", "late_until")


def evidence(*, strong: tuple[str, ...], weak: tuple[str, ...], late_stages: tuple[str, ...], lock_days: int) -> Any:
    """One row a piece of evidence on an opportunity: `partner_id`, `strong`, `day`, `source_id`.

    It lies between the opening of the opportunity and its close, was written down by then (and the days of the lock),
    and was done while the opportunity was not in a late stage.
    """
    deals, known = rows("credited_deals"), traces(partners_only=True)
    there = known.select("id", "partner_id", "kind", "occurred_at", "recorded_at", opportunity_id=known.related_id)
    order = ("id", "opportunity_id", "partner_id", "kind", "occurred_at", "recorded_at")
    every = ibis.union(*(table.select(*order) for table in (there, _answers(), _links())), distinct=False)
    worth = every.filter(every.kind.isin((*strong, *weak)), every.partner_id.isin(rows("partners").id))
    joined = worth.join(deals, "opportunity_id")
    before_end = joined.closes_at.isnull() | (joined.occurred_at < joined.closes_at)
    told_in_time = joined.closes_at.isnull() | (joined.recorded_at < joined.closes_at + ibis.interval(days=lock_days))
    told = joined.filter(
        joined.occurred_at >= joined.created_at,
        joined.occurred_at <= moment("as_of"),
        joined.recorded_at <= moment("as_of"),
        before_end,
        told_in_time,
    )
    late = late_spans(late_stages)
    too_late = [
        told.opportunity_id == late.late_deal,
        told.occurred_at >= late.late_from,
        late.late_until.isnull() | (told.occurred_at < late.late_until),
    ]
    return told.anti_join(late, too_late).select(
        "opportunity_id",
        "partner_id",
        "occurred_at",
        strong=told.kind.isin(strong),
        kind=told.kind,
        day=local_day(told.occurred_at),
        source_id=told.id,
    )
