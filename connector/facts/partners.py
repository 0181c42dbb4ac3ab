"""What the deals, quotes, meetings and logins say about each partner: one relation a fact, one row a partner."""

from __future__ import annotations

from decimal import Decimal

import ibis
from ibis import _
from ibis.expr import types as ir

from connector.facts.links import without_partner
from connector.facts.money import converted
from connector.facts.readiness import ISSUED
from connector.facts.relations import evidence, moment, rows, survivor, yes


def issued_quotes(*, proxy: bool) -> ir.Table:
    """One row a wanted deal: `first` and `latest` quote issued before as_of.

    With `proxy`, entering a stage that is marked as quoted stands for a quote.
    """
    if proxy:
        history, stages = rows("stage_history"), rows("stages").filter(yes(_.is_quoted)).select("name").distinct()
        events = history.semi_join(stages, history.stage == stages.name).select("opportunity_id", issued_at=_.at)
    else:
        events = rows("quotes").filter(_.status.isin(ISSUED)).select("opportunity_id", "issued_at")
    past = events.filter(events.issued_at < moment("as_of"))
    ours = past.semi_join(rows("deals"), "opportunity_id")
    return ours.group_by("opportunity_id").agg(first=ours.issued_at.min(), latest=ours.issued_at.max())


def quotes(*, proxy: bool, decided: bool) -> ir.Table:
    """`counted`, `won`, `quote_ids` of the cohort, and `quoted`: deals of any role with a recent quote."""
    issued, deals = issued_quotes(proxy=proxy), rows("deals")
    joined = deals.join(issued, "opportunity_id")
    inside = (
        joined["closing"] & (joined["first"] >= moment("quotes_start")) & (joined["first"] < moment("quotes_end"))
    )
    if decided:
        inside = inside & joined["is_closed"]
    flagged = joined.select(
        "partner_id",
        "is_won",
        cohort_id=inside.ifelse(joined.opportunity_id, None),
        recent=joined["latest"] >= moment("meetings_start"),
    )
    inside = flagged.cohort_id.notnull()
    return flagged.group_by("partner_id").agg(
        counted=inside.sum(),
        won=(inside & flagged.is_won).sum(),
        quoted=flagged.recent.sum(),
        quote_ids=evidence(flagged.cohort_id, flagged.is_won),
    )


def meetings() -> ir.Table:
    """`held` meetings with `meeting_ids`: in the window, with the customer, copies of one meeting counted once."""
    accounts, wanted, deals = rows("linked_accounts"), rows("wanted"), rows("deals")
    about = ibis.union(
        deals.select(subject=deals.opportunity_id, partner_id=deals.partner_id),
        accounts.select(subject=accounts.account_id, partner_id=accounts.partner_id),
        wanted.select(subject=wanted.id, partner_id=wanted.partner_id),
        distinct=False,
    )
    events = rows("meetings")
    held = events.filter(
        events.starts_at >= moment("meetings_start"),
        events.starts_at < moment("meetings_end"),
        ibis.coalesce(events.outcome, "held").isin(["held", ""]),
        ~yes(events.internal),
    ).select("id", "related_id", meeting=ibis.coalesce(events.calendar_id.nullif(""), events.id))
    met = held.join(about, held.related_id == about.subject)
    single = met.group_by("partner_id", "meeting").agg(id=met.id.min())
    return single.group_by("partner_id").agg(held=single.count(), meeting_ids=evidence(single.id))


def wins(corporate: str) -> ir.Table:
    """One row a (partner, won deal) closed in the wider of the two windows, with customer and value."""
    deals, opportunities = rows("deals"), rows("opportunities")
    since = ibis.least(moment("footprint_start"), moment("won_start"))
    won = deals.filter(deals.closing, deals.is_won, deals.close_date >= since, deals.close_date < moment("today"))
    full = won.join(opportunities, won.opportunity_id == opportunities.id).select(
        won.partner_id,
        won.opportunity_id,
        won.close_date,
        won.account_id,
        *(opportunities[name] for name in ("amount", "currency", "type", "product", "segment")),
    )
    known = survivor(converted(full, "amount", full.close_date, corporate), "account_id")
    accounts = rows("accounts").select("id", "country", "industry", size=_.segment)
    joined = known.left_join(accounts, known.account_id == accounts.id)
    return joined.select(
        "partner_id",
        "opportunity_id",
        "close_date",
        new_business=_new(joined["type"]),
        segment=ibis.coalesce(joined["segment"], joined["size"], ""),
        product=ibis.coalesce(joined["product"], ""),
        country=joined["country"].nullif(""),
        industry=joined["industry"].nullif(""),
        value=joined["value"],
    )


def _new(kind: ir.StringValue) -> ir.BooleanValue:
    return ibis.coalesce(kind, "new") != "renewal"


def _sized() -> ir.Table:
    won = rows("wins")
    return won.filter(won.new_business, won.close_date >= moment("won_start"))


def won_deals() -> ir.Table:
    """`wins`, `median_units` (ten-thousandths of a unit), `missing` amounts and `win_ids` of new business."""
    won = _sized()
    units = (won.value * 10_000).cast("int64")
    return won.group_by("partner_id").agg(
        wins=won.count(),
        median_units=units.median(),
        missing=won.value.isnull().sum(),
        win_ids=evidence(won.opportunity_id),
    )


def mix() -> ir.Table:
    """How many won deals of known value a partner has in each stratum: `segment`, `product`, `weight`."""
    won = _sized().filter(_.value.notnull())
    return won.group_by("partner_id", "segment", "product").agg(weight=won.count())


def direct_wins(corporate: str) -> ir.Table:
    """Won new business of the last year on which no partner stands: `segment`, `product`, `units`."""
    opportunities = rows("opportunities")
    won = opportunities.filter(
        yes(opportunities.is_won),
        opportunities.close_date >= moment("won_start"),
        opportunities.close_date < moment("today"),
        _new(opportunities["type"]),
        opportunities.amount.notnull(),
    ).select("id", "account_id", "amount", "currency", "close_date", "product", "segment")
    alone = without_partner(won)
    priced = survivor(converted(alone, "amount", alone.close_date, corporate).filter(_.value.notnull()), "account_id")
    accounts = rows("accounts").select(customer=_.id, size=_.segment)
    joined = priced.left_join(accounts, priced.account_id == accounts.customer)
    return joined.select(
        segment=ibis.coalesce(joined["segment"], joined["size"], ""),
        product=ibis.coalesce(joined["product"], ""),
        units=(joined["value"] * 10_000).cast("int64"),
    )


def footprint(share: Decimal) -> ir.Table:
    """`won_counted`, `countries`, `industries` and `footprint_ids`: where enough of the won value lies."""
    won = rows("wins")
    recent = won.filter(won.close_date >= moment("footprint_start"))
    whole = recent.group_by("partner_id").agg(
        won_counted=recent.count(), total=recent.value.sum(), footprint_ids=evidence(recent.opportunity_id)
    )
    countries, industries = _large(recent, whole, "country", share), _large(recent, whole, "industry", share)
    return (
        whole.left_join(countries, "partner_id")
        .drop("partner_id_right")
        .left_join(industries, "partner_id")
        .select("partner_id", "won_counted", "footprint_ids", countries=_.country, industries=_.industry)
    )


def _large(recent: ir.Table, whole: ir.Table, column: str, share: Decimal) -> ir.Table:
    parts = recent.filter(recent[column].notnull()).group_by("partner_id", column).agg(part=_.value.sum())
    joined = parts.join(whole, "partner_id")
    over, under = share.as_integer_ratio()
    large = joined.filter(joined.total > 0, joined.part * under >= joined.total * over)
    return large.group_by("partner_id").agg(**{column: large[column].collect(order_by=large[column])})


def activity() -> ir.Table:
    """`kind`, `at`, `id`: the last sign of life of each kind up to as_of; of several at one moment the least id."""
    wanted, deals = rows("wanted"), rows("deals")
    logins, registrations = rows("logins"), rows("registrations")
    requests, claims = rows("fund_requests"), rows("fund_claims")
    asked = requests.select("id", "partner_id", at=requests.created_at)
    parents = requests.select(parent=requests.id, asker=requests.partner_id)
    joined = claims.left_join(parents, claims.request_id == parents.parent)
    claimed = joined.select("id", partner_id=ibis.coalesce(joined.partner_id, joined.asker), at=joined.created_at)
    kinds = {
        "fund": asked.union(claimed, distinct=False),
        "login": logins.select("id", "partner_id", at=logins.last_login_at),
        "registration": registrations.select(
            "id", "partner_id", at=ibis.coalesce(registrations.submitted_at, registrations.approved_at)
        ),
    }
    signs = [
        table.join(wanted, table.partner_id == wanted.id).select(
            partner_id=wanted.partner_id, kind=ibis.literal(kind), at=table["at"], id=table["id"]
        )
        for kind, table in kinds.items()
    ]
    opened = deals.select(
        "partner_id", kind=ibis.literal("opportunity"), at=deals.created_at, id=deals.opportunity_id
    )
    every = ibis.union(opened, *signs, distinct=False)
    past = every.filter(every["at"] <= moment("as_of"))
    latest = past.group_by("partner_id", "kind").agg(at=past["at"].max())
    last = past.semi_join(latest, ["partner_id", "kind", "at"])
    return last.group_by("partner_id", "kind", "at").agg(id=last["id"].min())


def profiles() -> ir.Table:
    """The wanted partners' own records, by id."""
    partners, wanted = rows("partners"), rows("wanted")
    return partners.semi_join(wanted, partners.id == wanted.partner_id).order_by("id")
