"""Which registrations and referrals claim to have brought an opportunity, and what speaks against each?

A claim holds when it was submitted in time, approved before the lock, in force when the opportunity was opened, and
nobody else was at that customer before.
"""

from __future__ import annotations

from typing import Any

import ibis
from ibis import _
from ibis.expr import types as ir

from connector.facts.evidence import local_day, traces
from connector.facts.relations import merged_companies, moment, rows, survivor, yes

HELD = "HELD"
LATE_SUBMISSION, LATE_APPROVAL, EXPIRED = "LATE_SUBMISSION", "LATE_APPROVAL", "EXPIRED"
PRIOR_DEAL, PRIOR_ACTIVITY = "PRIOR_DEAL", "PRIOR_ACTIVITY"

_CLAIM = (
    "claim", "opportunity_id", "customer", "partner_id", "kind", "submitted_at", "approved_at", "holds_until",
    "created_at",
)  # fmt: skip


def _registrations(window_days: int, extension_days: int) -> ir.Table:
    """Accepted registrations with the last day on which each holds, under today's ids."""
    known = rows("registrations")
    accepted = (known.status == "approved") | ((known.status == "expired") & known.approved_at.notnull())
    in_time = known.filter(
        yes(accepted), known.submitted_at <= moment("as_of"), _known_by(known.approved_at, moment("as_of"))
    )
    submitted = local_day(in_time.submitted_at)
    usual, longest = (_later(submitted, days) for days in (window_days, window_days + extension_days))
    dated = in_time.select(
        "opportunity_id", "account_id", "partner_id", "submitted_at", "approved_at",
        claim=in_time.id,
        kind=ibis.literal("registration"),
        holds_until=ibis.least(ibis.coalesce(in_time.expires_on, usual), longest),
    )  # fmt: skip
    return survivor(survivor(dated, "partner_id"), "account_id")


def _later(day: Any, days: int) -> Any:
    """So many days later, as a day: the database makes a timestamp of the sum."""
    return (day + ibis.interval(days=days)).cast("timestamp").cast("date")


def _known_by(at: Any, limit: Any) -> Any:
    """Without an instant, or not after the limit."""
    return at.isnull() | (at <= limit)


def _referrals(roles: tuple[str, ...]) -> ir.Table:
    """Dated partner roles on opportunities that stand for an accepted referral."""
    links = rows("partner_links")
    told = links.filter(
        links.role.isin(roles),
        links.recorded_at <= moment("as_of"),
        ibis.coalesce(links.via, "") != "registration",
    )
    dated = told.select(
        "opportunity_id", "partner_id",
        claim=told.id,
        kind=ibis.literal("referral"),
        submitted_at=told.recorded_at,
        approved_at=told.recorded_at,
        holds_until=ibis.null("date"),
    )  # fmt: skip
    return survivor(dated, "partner_id")


def claims(*, referral_roles: tuple[str, ...], window_days: int, extension_days: int) -> ir.Table:
    """Every claim on a credited opportunity: one that names it, or one on its account from before it was opened."""
    deals, accepted = rows("credited_deals"), _registrations(window_days, extension_days)
    opened = deals.select("opportunity_id", "created_at", customer=deals.account_id)
    named = accepted.filter(accepted.opportunity_id.notnull()).drop("account_id").join(opened, "opportunity_id")
    waiting = accepted.filter(accepted.opportunity_id.isnull(), accepted.account_id.notnull()).drop("opportunity_id")
    before = waiting.join(
        opened,
        [
            waiting.account_id == opened.customer,
            waiting.submitted_at <= opened.created_at,
            local_day(opened.created_at) <= waiting.holds_until,
        ],
    ).drop("account_id")
    referred = _referrals(referral_roles).join(opened, "opportunity_id")
    every = ibis.union(*(table.select(*_CLAIM) for table in (named, before, referred)), distinct=True)
    return every.semi_join(rows("partners").select(partner_id=_.id), "partner_id")


def timely(*, grace_days: int, lock_days: int) -> ir.Table:
    """The claims that came in time, were approved in time and were in force: of these alone the rivals matter."""
    every = rows("claims")
    return every.filter(_untimely(every, grace_days, lock_days) == "")


def _untimely(claim: ir.Table, grace_days: int, lock_days: int) -> Any:
    """What in a claim's own dates speaks against it; empty when nothing does."""
    return ibis.cases(
        (claim.submitted_at > claim.created_at + ibis.interval(days=grace_days), LATE_SUBMISSION),
        (yes(claim.approved_at > claim.created_at + ibis.interval(days=lock_days)), LATE_APPROVAL),
        (yes(local_day(claim.created_at) > claim.holds_until), EXPIRED),
        else_="",
    )


def subjects() -> ir.Table:
    """`account_id`, `subject`: every id under which a claim's customer, or an opportunity of its, is named.

    Only of claims against which nothing speaks so far.
    """
    customers = _undealt().filter(_.customer.notnull()).select(account_id=_.customer).distinct()
    deals = survivor(rows("opportunities").select("account_id", subject=_.id), "account_id")
    merged = merged_companies().select(account_id=_.survivor, subject=_.former)
    own = customers.select("account_id", subject=customers.account_id)
    known = merged.semi_join(customers, "account_id").select("account_id", "subject")
    theirs = deals.semi_join(customers, "account_id").select("account_id", "subject")
    return ibis.union(own, known, theirs, distinct=True)


def standing() -> ir.Table:
    """`opportunity_id`, `partner_id`: who stands on which opportunity of a claim's customer, in any role."""
    links = rows("partner_links").select("opportunity_id", "partner_id")
    named = rows("registrations").filter(_.opportunity_id.notnull()).select("opportunity_id", "partner_id")
    return survivor(links.union(named, distinct=False), "partner_id").distinct()


def dealt(whose: str) -> ir.Table:
    """Timely claims at whose submission another opportunity of the customer was open without them: `claim`, `on`."""
    every, others = rows("timely"), survivor(rows("opportunities"), "account_id")
    if whose == "none":
        return every.filter(ibis.literal(False)).select("claim", on=every.opportunity_id)
    other = others.select(
        other=others.id,
        at=others.account_id,
        opened=others.created_at,
        until=ibis.ifelse(yes(others.is_closed), others.close_date, ibis.null("date")),
    )
    met = every.join(other, [every.customer == other["at"], other.opened < every.submitted_at])
    open_then = met.filter(
        met.other != met.opportunity_id, met.until.isnull() | (met.until >= local_day(met.submitted_at))
    )
    stands = rows("standing").select(who=_.partner_id, stood=_.opportunity_id)
    joined = open_then.left_join(stands, [open_then.other == stands.stood, open_then.partner_id == stands.who])
    without = joined.filter(joined.who.isnull()).select("claim", "other", on=joined.opportunity_id)
    if whose == "partners":
        without = without.semi_join(rows("standing").select(other=_.opportunity_id), "other")
    return without.select("claim", "on").distinct()


def _undealt() -> ir.Table:
    every, before = rows("timely"), rows("dealt")
    return every.anti_join(before, [every.claim == before.claim, every.opportunity_id == before["on"]])


def traced(whose: str) -> ir.Table:
    """What was done at the customers of those claims: laid aside, or its joins take the memory of the next."""
    known = traces(rows("subjects"))
    if whose == "none":
        known = known.filter(ibis.literal(False))
    return known.select("occurred_at", at=known.account_id, actor=known.partner_id)


def _prior_traces(whose: str, lookback_days: int) -> ir.Table:
    """Claims before which somebody else was active at the customer: `claim`, `on`."""
    every, seen = _undealt(), rows("traced")
    met = every.join(seen, [every.customer == seen["at"], seen.occurred_at < every.submitted_at])
    theirs = met.actor.notnull() & (met.actor != met.partner_id)
    counted = theirs if whose == "partners" else met.actor.isnull() | theirs
    recent = met.occurred_at >= met.submitted_at - ibis.interval(days=lookback_days)
    return met.filter(counted, recent).select("claim", on=met.opportunity_id).distinct()


def candidates(*, grace_days: int, lock_days: int, lookback_days: int, prior_activity: str) -> ir.Table:
    """One row a claim: `code` is the first thing that speaks against it, or that it holds."""
    every, before = rows("claims"), rows("dealt").select(c1=_.claim, o1=_.on)
    joined = every.left_join(before, [every.claim == before.c1, every.opportunity_id == before.o1])
    checked = joined.mutate(dealt=joined.c1.notnull(), seen=ibis.literal(False))
    if prior_activity != "none":
        met = _prior_traces(prior_activity, lookback_days).select(c2=_.claim, o2=_.on)
        joined = joined.left_join(met, [joined.claim == met.c2, joined.opportunity_id == met.o2])
        checked = joined.mutate(dealt=joined.c1.notnull(), seen=joined.c2.notnull())
    own = _untimely(checked, grace_days, lock_days)
    code = ibis.cases((own != "", own), (checked.dealt, PRIOR_DEAL), (checked.seen, PRIOR_ACTIVITY), else_=HELD)
    return checked.select("opportunity_id", "partner_id", "kind", "submitted_at", source_id=checked.claim, code=code)
