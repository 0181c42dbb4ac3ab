"""Which partner stands on which deal and on which account, through every way of saying so and through merges."""

from __future__ import annotations

import ibis
from ibis.expr import types as ir

from connector.facts.relations import merged_companies, rows, survivor, yes


def _approved(registrations: ir.Table) -> ir.Table:
    """Registrations that make a link: approved, also when they expired since; with a deal."""
    accepted = (registrations.status == "approved") | (
        (registrations.status == "expired") & registrations.approved_at.notnull()
    )
    return registrations.filter(yes(accepted), registrations.opportunity_id.notnull())


def linked_accounts() -> ir.Table:
    """`account_id`, `partner_id`, `role`: the wanted partners' customers, under every id that a customer ever had."""
    links, wanted, merged = rows("account_links"), rows("wanted"), merged_companies()
    own = links.join(wanted, links.partner_id == wanted.id).select(
        "account_id", partner_id=wanted.partner_id, role=ibis.coalesce(links.role, "other")
    )
    current = survivor(own, "account_id")
    former = current.join(merged, current.account_id == merged.survivor).select(
        account_id=merged.former, partner_id=current.partner_id, role=current.role
    )
    return current.select("account_id", "partner_id", "role").union(former, distinct=True)


def deals(closing_roles: tuple[str, ...]) -> ir.Table:
    """One row a (partner, opportunity), for wanted partners; `closing` when a role is one of the closing roles.

    A link comes from a partner link, from a link to the deal's account, or from an approved registration (which
    counts as sourcing).
    """
    links, wanted, opportunities = rows("partner_links"), rows("wanted"), rows("opportunities")
    registrations, accounts = _approved(rows("registrations")), rows("linked_accounts")
    by_link = links.join(wanted, links.partner_id == wanted.id).select(
        "opportunity_id", partner_id=wanted.partner_id, role=ibis.coalesce(links.role, "other")
    )
    by_registration = registrations.join(wanted, registrations.partner_id == wanted.id).select(
        "opportunity_id", partner_id=wanted.partner_id, role=ibis.literal("sourcing")
    )
    by_account = opportunities.join(accounts, opportunities.account_id == accounts.account_id).select(
        opportunity_id=opportunities.id, partner_id=accounts.partner_id, role=accounts.role
    )
    every = ibis.union(by_link, by_registration, by_account, distinct=False)
    single = every.group_by("partner_id", "opportunity_id").agg(closing=every.role.isin(closing_roles).any())
    return single.join(opportunities, single.opportunity_id == opportunities.id).select(
        single.partner_id,
        single.opportunity_id,
        single.closing,
        opportunities.account_id,
        opportunities.created_at,
        is_closed=yes(opportunities.is_closed),
        is_won=yes(opportunities.is_won),
        close_date=opportunities.close_date,
    )


def without_partner(opportunities: ir.Table) -> ir.Table:
    """The opportunities on which no partner stands, in no role."""
    links, registrations = rows("partner_links"), _approved(rows("registrations"))
    merged = merged_companies()
    current = survivor(rows("account_links").select("account_id"), "account_id")
    former = current.join(merged, current.account_id == merged.survivor).select(account_id=merged.former)
    taken = current.union(former, distinct=False)
    for named, ours in ((links, "id"), (registrations, "id"), (taken, "account_id")):
        theirs = "account_id" if ours == "account_id" else "opportunity_id"
        opportunities = opportunities.anti_join(named, [(ours, theirs)]).select(*opportunities.columns)
    return opportunities
