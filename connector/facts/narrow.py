"""Only the rows that can matter to a few partners, so that a changed deal costs little however large the mirror is.

Temporary tables with the canonical names stand before the mirror's own views, so every relation reads them without
knowing it. Each holds at least the rows that the relations would find for the wanted partners.
"""

from __future__ import annotations

from collections.abc import Iterable

from connector.facts.sources import Tables

MOST_PARTNERS = 50
"""For more partners than that, reading whole tables is as fast."""

_MOST_IDS = 1_000
"""A longer list of ids is not looked up one by one: the table is read whole."""

NARROWED = (
    "partner_links", "account_links", "registrations", "fund_requests", "campaigns", "fund_claims", "logins",
    "opportunities", "quotes", "stage_history", "meetings", "accounts",
)  # fmt: skip


class Narrowing:
    """The temporary tables of one computation; `drop` takes them away again."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._made: list[str] = []
        self._catalog = str(tables.query("SELECT current_database() AS name").column("name")[0])

    def make(self, *, proxy: bool) -> None:
        """Make the tables for the partners in `wanted`."""
        partners = self._ids("SELECT id FROM wanted")
        for table in ("partner_links", "account_links", "registrations", "logins"):
            self._keep(table, _in("partner_id", partners))
        customers = self._customers()
        self._money(partners)
        deals = self._deals(customers)
        self._keep("stage_history" if proxy else "quotes", _in("opportunity_id", deals))
        self._keep("meetings", _in("related_id", [*deals, *customers, *partners]))
        of_deals = self._ids(
            "SELECT DISTINCT coalesce(a.survivor, o.account_id) FROM opportunities o"
            " LEFT JOIN aliases a ON a.family = 'company' AND a.id = o.account_id WHERE o.account_id IS NOT NULL"
        )
        self._keep("accounts", _in("id", of_deals))

    def drop(self) -> None:
        """Let the mirror's own tables be seen again."""
        for table in self._made:
            self._tables.run(f"DROP TABLE IF EXISTS temp.{table}")
        self._made.clear()

    def _customers(self) -> list[str]:
        """The linked accounts under every id that they ever had."""
        linked = self._ids("SELECT DISTINCT account_id FROM account_links")
        if not linked:
            return []
        company = "SELECT id, survivor FROM aliases WHERE family = 'company'"
        return self._ids(
            f"WITH company AS ({company}), now AS (SELECT DISTINCT coalesce(c.survivor, l.account_id) AS id"
            " FROM account_links l LEFT JOIN company c ON c.id = l.account_id)"
            " SELECT id FROM now UNION SELECT c.id FROM company c JOIN now ON now.id = c.survivor"
        )

    def _money(self, partners: list[str]) -> None:
        """Campaigns with every request for them: who else asked decides whose campaign it is."""
        ours = f"campaign_id IS NOT NULL AND {_in('partner_id', partners)}"
        asked = self._ids(f"SELECT DISTINCT campaign_id FROM fund_requests WHERE {ours}")
        self._keep("campaigns", _in("partner_id", partners), _in("id", asked))
        known = self._ids("SELECT id FROM campaigns")
        self._keep("fund_requests", _in("partner_id", partners), _in("campaign_id", known))
        requests = self._ids("SELECT id FROM fund_requests")
        self._keep("fund_claims", _in("partner_id", partners), _in("request_id", requests))

    def _deals(self, customers: list[str]) -> list[str]:
        """The partners' opportunities, and those that their campaigns brought; the ids of all of them."""
        named = self._ids(
            "SELECT opportunity_id FROM partner_links UNION SELECT opportunity_id FROM registrations"
            " WHERE opportunity_id IS NOT NULL"
        )
        campaigns = self._ids("SELECT id FROM campaigns")
        self._keep("opportunities", _in("id", named), _in("account_id", customers), _in("campaign_id", campaigns))
        return self._ids("SELECT id FROM opportunities") if "opportunities" in self._made else named

    def _keep(self, table: str, *conditions: str) -> None:
        """Copy the rows for which any condition holds; leave the whole table where looking up would not pay."""
        if "true" in conditions:
            return
        useful = [condition for condition in conditions if condition != "false"] or ["false"]
        source = f"SELECT * FROM {self._quoted()}.main.{table} WHERE "
        chosen = " UNION ".join(source + condition for condition in useful)
        self._made.append(table)
        self._tables.run(f"CREATE OR REPLACE TEMP TABLE {table} AS {chosen}")

    def _quoted(self) -> str:
        return '"' + self._catalog.replace('"', '""') + '"'

    def _ids(self, sql: str) -> list[str]:
        return [str(id_) for id_ in self._tables.query(sql).column(0).to_pylist()]


def _in(column: str, ids: Iterable[str]) -> str:
    """The condition that a column holds one of the ids, written out so that an index can be used."""
    listed = sorted(set(ids))
    if len(listed) > _MOST_IDS:
        return "true"
    texts = ", ".join("'" + id_.replace("'", "''") + "'" for id_ in listed)
    return f"{column} IN ({texts})" if listed else "false"
