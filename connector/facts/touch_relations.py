"""The touches of closed opportunities as relations: what `touch_paths` asks the mirror."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis
from ibis import _
from ibis.expr import types as ir

from connector.facts.campaigns import campaign_partners
from connector.facts.evidence import credited_deals, partner_people, traces
from connector.facts.money import converted, dated_rates
from connector.facts.relations import merged_companies, moment, rows, survivor, yes

DIRECT = "direct"
"""What our own touches are called where they are counted."""

if TYPE_CHECKING:
    from connector.facts.touch_paths import PathShape

_PATH_DEALS = {
    "number": "int64",
    "opportunity_id": "string",
    "account_id": "string",
    "created_at": "timestamp('UTC')",
    "closes_at": "timestamp('UTC')",
    "close_date": "date",
    "is_won": "boolean",
    "value": "decimal(20, 4)",
    "unconverted": "boolean",
}
_ORDER = ("opportunity_id", "code", "kind", "at", "recorded_at", "id")


def compiled(form: PathShape) -> dict[str, str]:
    """The SQL of every stage and answer (DuckDB's dialect)."""
    relations = {
        "rates": dated_rates(),
        "partner_people": partner_people(),
        "credited_deals": credited_deals(form.business),
        "path_deals": path_deals(form.corporate),
        "deals": deals(),
        "touches": touches(form),
    }
    return {name: str(ibis.to_sql(relation, dialect="duckdb")) for name, relation in relations.items()}


def _path_deals() -> ir.Table:
    return ibis.table(_PATH_DEALS, name="path_deals")


def path_deals(corporate: str) -> ir.Table:
    """The opportunities in question, numbered from 0 in the order of their ids, with what each was worth."""
    closed = rows("credited_deals").filter(_.is_closed, _.closes_at.notnull())
    priced = converted(closed, "amount", closed.close_date, corporate)
    numbered = priced.mutate(number=ibis.row_number().over(order_by=priced.opportunity_id))
    return numbered.select(*_PATH_DEALS)


def deals() -> ir.Table:
    """The same with what is known of each, and when the customer's first lead was made, where that is known."""
    ours, full = _path_deals(), rows("opportunities")
    named = full.select("segment", "type", known=full.id)
    accounts = rows("accounts").select(account=_.id, country=_.country, size_class=_.segment)
    known = ours.left_join(named, ours.opportunity_id == named.known)
    joined = known.left_join(accounts, known.account_id == accounts.account)
    leads = _lead_at()
    told = joined.left_join(leads, joined.account_id == leads.company)
    return told.select(
        "opportunity_id",
        "created_at",
        "closes_at",
        "is_won",
        "value",
        "unconverted",
        "lead_at",
        "country",
        segment=ibis.coalesce(told.segment, told.size_class),
        type=ibis.coalesce(told["type"], "new"),
        number=told.number,
    ).order_by("number")


def _people() -> ir.Table:
    """`person`, `company`: the customers' people, under the companies that exist now."""
    return survivor(rows("contacts").select(person=_.id, company=_.account_id), "company")


def _lead_at() -> ir.Table:
    """`company`, `lead_at`: when the first person of a company that came as a lead was first in a campaign."""
    members = rows("campaign_members").filter(_.lead_id.notnull(), _.contact_id.notnull())
    people = _people()
    placed = members.join(people, members.contact_id == people.person)
    return placed.filter(placed.company.notnull()).group_by("company").agg(lead_at=placed.created_at.min())


def _done() -> ir.Table:
    """What was done on the opportunities, and at their customers outside any opportunity; `code` empty: our own."""
    ours, known = _path_deals(), traces()
    on = known.join(ours, known.related_id == ours.opportunity_id)
    merged = merged_companies()
    customers = ours.select("opportunity_id", subject=ours.account_id)
    former = customers.join(merged, customers.subject == merged.survivor).select(
        "opportunity_id", subject=merged.former
    )
    named = customers.union(former, distinct=True)
    at = known.join(named, known.related_id == named.subject)
    return ibis.union(*(_trace(table) for table in (on, at)), distinct=False)


def _trace(table: ir.Table) -> ir.Table:
    return table.select(
        opportunity_id=table.opportunity_id,
        code=table.partner_id,
        kind=table.kind,
        at=table.occurred_at,
        recorded_at=table.recorded_at,
        id=table.id,
    )


def _answers() -> ir.Table:
    """Answers of the customers' people to campaigns, at the midnight that begins their day; `code`: the campaign."""
    members, people, days = rows("campaign_members"), _people(), rows("calendar")
    answered = members.filter(yes(members.responded), members.responded_on.notnull())
    dated = answered.join(days, answered.responded_on == days.day).select(
        "id", "campaign_id", "contact_id", at=days.midnight
    )
    placed = dated.join(people, dated.contact_id == people.person)
    ours = _path_deals()
    joined = placed.join(ours, placed.company == ours.account_id)
    return joined.select(
        opportunity_id=joined.opportunity_id,
        code=joined.campaign_id,
        kind=ibis.literal("campaign response"),
        at=joined["at"],
        recorded_at=joined["at"],
        id=joined.id,
    )


def _links() -> ir.Table:
    links = rows("partner_links")
    dated = links.filter(links.recorded_at.notnull(), ibis.coalesce(links.via, "") != "registration")
    told = dated.select(
        opportunity_id=dated.opportunity_id,
        code=dated.partner_id,
        kind=ibis.literal("link"),
        at=dated.recorded_at,
        recorded_at=dated.recorded_at,
        id=dated.id,
    )
    return survivor(told, "code")


def _registrations() -> ir.Table:
    known = rows("registrations")
    accepted = (known.status == "approved") | ((known.status == "expired") & known.approved_at.notnull())
    named = known.filter(yes(accepted), known.opportunity_id.notnull(), known.submitted_at.notnull())
    told = named.select(
        opportunity_id=named.opportunity_id,
        code=named.partner_id,
        kind=ibis.literal("registration"),
        at=named.submitted_at,
        recorded_at=named.submitted_at,
        id=named.id,
    )
    return survivor(told, "code")


def _every(form: PathShape) -> ir.Table:
    answers = _answers()
    if form.by == "campaign":
        return answers.select(*_ORDER)
    if form.by == "motion":
        motions = rows("campaigns").select(campaign=_.id, motion=ibis.coalesce(_.motion, "Other"))
        return answers.join(motions, answers.code == motions.campaign).mutate(code=_.motion).select(*_ORDER)
    owners = campaign_partners()
    theirs = answers.join(owners, answers.code == owners.campaign_id).mutate(code=_.partner_id)
    parts = (_done(), theirs, _links(), _registrations())
    every = ibis.union(*(part.select(*_ORDER) for part in parts), distinct=False)
    partners = rows("partners").select(partner=_.id)
    known = every.left_join(partners, every.code == partners.partner)
    own = known.code.isnull()
    kept = known.filter(known.partner.notnull() | (own & form.direct))
    return kept.mutate(code=ibis.coalesce(kept.code, DIRECT)).select(*_ORDER)


def touches(form: PathShape) -> ir.Table:
    """One row a touch, by (number of the opportunity, time, priority of its kind, id); copies of one are one."""
    every, ours = _every(form), _path_deals()
    counted = every.filter(every.kind.isin(form.kinds))
    joined = counted.join(ours, "opportunity_id")
    inside = joined.filter(
        joined["at"] >= joined.created_at - ibis.interval(days=form.lookback_days),
        joined["at"] < joined.closes_at,
        joined["at"] <= moment("as_of"),
        joined.recorded_at <= moment("as_of"),
        joined.recorded_at < joined.closes_at + ibis.interval(days=form.lock_days),
    )
    single = inside.group_by("number", "opportunity_id", "code", "kind", "at").agg(id=inside.id.min())
    ranked = single.mutate(priority=_priority(single.kind, form.kinds))
    if not form.staged:
        return ranked.select("number", "code", "at", "priority", "id").order_by(
            "number", "at", "priority", "id", "code"
        )
    return _staged(ranked)


def _priority(kind: Any, kinds: tuple[str, ...]) -> Any:
    return ibis.cases(*((kind == word, at) for at, word in enumerate(kinds)), else_=len(kinds))


def _staged(ranked: ir.Table) -> ir.Table:
    """With the partner's role on the opportunity and the stage that the opportunity was in then, lower case."""
    links = survivor(rows("partner_links").filter(_.role.notnull()), "partner_id")
    roles = links.group_by(deal=links.opportunity_id, who=links.partner_id).agg(role=links.role.min())
    acting = ranked.left_join(roles, [ranked.opportunity_id == roles.deal, ranked.code == roles.who])
    history = rows("stage_history").select(
        deal_of=_.opportunity_id, entered=_["at"], stage=ibis.coalesce(_.stage, "").strip().lower()
    )
    columns = ("number", "code", "at", "priority", "id", "role")
    met = acting.left_join(history, [acting.opportunity_id == history.deal_of, acting["at"] >= history.entered])
    found = met.group_by(*columns).agg(stage=met.stage.argmax(met.entered))
    return found.order_by("number", "at", "priority", "id", "code")
