"""Which partners a set of changed rows can say something new about, so that one changed deal re-decides only them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

Ask = Callable[[str], list[str]]
"""Runs a question and gives the filled cells of its first column."""


def among(column: str, ids: Iterable[str]) -> str:
    """The condition that a column holds one of the ids, written out so that an index can be used."""
    texts = ", ".join("'" + id_.replace("'", "''") + "'" for id_ in sorted(set(ids)))
    return f"{column} IN ({texts})" if texts else "false"


@dataclass(frozen=True, slots=True)
class Follow:
    """The ways from changed rows to partners; ids are given as they stand, before merges are followed."""

    ask: Ask

    def cells(self, table: str, column: str, ids: Iterable[str], key: str = "id") -> list[str]:
        """What a column holds in the rows whose key is one of the ids."""
        condition = among(key, ids)
        return [] if condition == "false" else self.ask(f"SELECT DISTINCT {column} FROM {table} WHERE {condition}")

    def named(self, table: str, ids: list[str]) -> list[str]:
        """Partners that the rows themselves name."""
        return self.cells(table, "partner_id", ids)

    def deals(self, ids: list[str]) -> list[str]:
        """Partners who stand on the opportunities, on their accounts, or whose campaigns brought them."""
        on_deal = [*self._linked("partner_links", ids), *self._linked("registrations", ids)]
        customers = self.cells("opportunities", "account_id", ids)
        campaigns = self.cells("opportunities", "campaign_id", ids)
        return [*on_deal, *self.cells("account_links", "partner_id", self.same(customers), "account_id"),
                *self.campaigns(campaigns)]  # fmt: skip

    def _linked(self, table: str, ids: list[str]) -> list[str]:
        return self.cells(table, "partner_id", ids, "opportunity_id")

    def companies(self, ids: list[str]) -> list[str]:
        """The companies themselves, should they be partners, and the partners who stand on them."""
        known = self.same(ids)
        return [*known, *self.cells("account_links", "partner_id", known, "account_id")]

    def accounts(self, ids: list[str]) -> list[str]:
        """Partners of the companies and of their opportunities."""
        known = self.same(ids)
        return [*self.companies(known), *self.deals(self.cells("opportunities", "id", known, "account_id"))]

    def campaigns(self, ids: list[str]) -> list[str]:
        """Partners whose campaigns they are, or who asked money for them."""
        return [*self.named("campaigns", ids), *self.cells("fund_requests", "partner_id", ids, "campaign_id")]

    def about(self, table: str, ids: list[str]) -> list[str]:
        """Partners behind the deal, account or partner that an activity was about."""
        subjects = self.cells(table, "related_id", ids)
        return [*self.deals(subjects), *self.companies(subjects)]

    def requests(self, ids: list[str]) -> list[str]:
        """Partners who asked, and those of the campaigns asked for."""
        return [*self.named("fund_requests", ids), *self.campaigns(self.cells("fund_requests", "campaign_id", ids))]

    def same(self, ids: Iterable[str]) -> list[str]:
        """The ids with every other id of the same companies, through merges."""
        now = set(ids)
        condition = f"{among('id', now)} OR {among('survivor', now)}"
        survivors = self.ask(f"SELECT DISTINCT survivor FROM aliases WHERE {condition}") if now else []
        return sorted({*now, *survivors, *self.cells("aliases", "id", survivors, "survivor")})

    def users(self, ids: list[str]) -> list[str]:
        """Partners whose managers they are."""
        return [*self.cells("partners", "id", ids, "owner_id"), *self.cells("partners", "id", ids, "marketer_id")]

    def everybody(self, ids: list[str]) -> list[str]:
        """All partners."""
        return self.ask("SELECT id FROM partners")


RULES: dict[str, Callable[[Follow, list[str]], list[str]]] = {
    "partners": lambda follow, ids: ids,
    "accounts": Follow.accounts,
    "opportunities": Follow.deals,
    "partner_links": lambda follow, ids: follow.named("partner_links", ids),
    "account_links": lambda follow, ids: follow.named("account_links", ids),
    "registrations": lambda follow, ids: follow.named("registrations", ids),
    "quotes": lambda follow, ids: follow.deals(follow.cells("quotes", "opportunity_id", ids)),
    "stage_history": lambda follow, ids: follow.deals(follow.cells("stage_history", "opportunity_id", ids)),
    "meetings": lambda follow, ids: follow.about("meetings", ids),
    "touches": lambda follow, ids: [*follow.about("touches", ids), *follow.named("touches", ids)],
    "campaigns": Follow.campaigns,
    "campaign_members": lambda follow, ids: follow.campaigns(follow.cells("campaign_members", "campaign_id", ids)),
    "contacts": lambda follow, ids: follow.companies(follow.cells("contacts", "account_id", ids)),
    "logins": lambda follow, ids: follow.named("logins", ids),
    "fund_requests": Follow.requests,
    "fund_claims": lambda follow, ids: [
        *follow.named("fund_claims", ids),
        *follow.requests(follow.cells("fund_claims", "request_id", ids)),
    ],
    "fund_allocations": lambda follow, ids: follow.named("fund_allocations", ids),
    "service_revenue": lambda follow, ids: follow.named("service_revenue", ids),
    "users": Follow.users,
    "stages": Follow.everybody,
    "exchange_rates": Follow.everybody,
    "tasks": lambda follow, ids: follow.cells("tasks", "related_id", ids),
}
"""For each canonical table the way from its changed rows to partner ids."""


def partners(ask: Ask, table: str, ids: list[str]) -> set[str]:
    """The live partners behind the rows of a table."""
    follow = Follow(ask)
    found = RULES[table](follow, ids)
    return set(follow.cells("partners", "id", follow.same(found)))
