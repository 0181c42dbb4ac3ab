"""On which opportunities a set of changed rows may move credit, so that one changed meeting re-settles only a few."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from connector.mirror.affected import Ask, Follow


@dataclass(frozen=True, slots=True)
class Lead:
    """The ways from changed rows to opportunities. Claims look at all that happened at the customer before."""

    follow: Follow

    def at_customers(self, accounts: Iterable[str]) -> list[str]:
        """Every opportunity of these companies, under every id that they ever had."""
        known = self.follow.same(accounts)
        return self.follow.cells("opportunities", "id", known, "account_id") if known else []

    def around(self, deals: Iterable[str]) -> list[str]:
        """The opportunities and all others of their customers."""
        listed = list(deals)
        return [*listed, *self.at_customers(self.follow.cells("opportunities", "account_id", listed))]

    def named(self, table: str, ids: list[str]) -> list[str]:
        """What hangs on the opportunities that the rows name."""
        return self.around(self.follow.cells(table, "opportunity_id", ids))

    def claimed(self, ids: list[str]) -> list[str]:
        """What hangs on registrations: their opportunities and accounts."""
        accounts = self.follow.cells("registrations", "account_id", ids)
        return [*self.named("registrations", ids), *self.at_customers(accounts)]

    def about(self, table: str, ids: list[str]) -> list[str]:
        """What hangs on the opportunity or account that an activity was about."""
        subjects = self.follow.cells(table, "related_id", ids)
        return [*self.around(subjects), *self.at_customers(subjects)]

    def answered(self, ids: list[str]) -> list[str]:
        """Opportunities of the companies whose people are in a campaign."""
        people = self.follow.cells("campaign_members", "contact_id", ids)
        return self.at_customers(self.follow.cells("contacts", "account_id", people))

    def campaigns(self, ids: list[str]) -> list[str]:
        """The same for everybody in these campaigns."""
        return self.answered(self.follow.cells("campaign_members", "id", ids, "campaign_id"))

    def people(self, ids: list[str]) -> list[str]:
        """What people were at, and what their companies have."""
        about = [
            id_
            for table in ("meetings", "touches")
            for id_ in self.about(table, self.follow.cells(table, "id", ids, "contact_id"))
        ]
        return [*about, *self.at_customers(self.follow.cells("contacts", "account_id", ids))]

    def partners(self, ids: list[str]) -> list[str]:
        """Whatever these partners, under every id they had, have a part in or a trace on."""
        known = self.follow.same(ids)
        linked = [
            id_
            for table in ("partner_links", "registrations", "credited")
            for id_ in self.follow.cells(table, "opportunity_id", known, "partner_id")
        ]
        touched = self.about("touches", self.follow.cells("touches", "id", known, "partner_id"))
        staff = self.follow.cells("contacts", "id", known, "account_id")
        campaigns = self.follow.cells("campaigns", "id", known, "partner_id")
        return [*self.around(linked), *touched, *self.people(staff), *self.campaigns(campaigns)]


RULES: dict[str, Callable[[Lead, list[str]], list[str]]] = {
    "partners": Lead.partners,
    "accounts": lambda lead, ids: lead.at_customers(ids),
    "opportunities": Lead.around,
    "partner_links": lambda lead, ids: lead.named("partner_links", ids),
    "registrations": Lead.claimed,
    "meetings": lambda lead, ids: lead.about("meetings", ids),
    "touches": lambda lead, ids: lead.about("touches", ids),
    "stage_history": lambda lead, ids: lead.follow.cells("stage_history", "opportunity_id", ids),
    "campaigns": Lead.campaigns,
    "campaign_members": Lead.answered,
    "contacts": Lead.people,
    "fund_requests": lambda lead, ids: lead.campaigns(lead.follow.cells("fund_requests", "campaign_id", ids)),
}
"""For each canonical table that credit rests on the way from its changed rows to opportunity ids."""

EVERYTHING = frozenset({"exchange_rates"})
"""Tables of which any change concerns every opportunity."""


def deals(ask: Ask, table: str, ids: list[str]) -> set[str] | None:
    """The opportunities behind the rows of a table; None is all of them."""
    if table in EVERYTHING:
        return None
    rule = RULES.get(table)
    return set() if rule is None else set(rule(Lead(Follow(ask)), ids))
