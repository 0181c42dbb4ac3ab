"""Only the rows that can matter to a few partners, laid out where the relations answer in milliseconds.

A desk is a small database beside the mirror's, with empty tables of the canonical names. A computation copies there
what it needs, by index, so that a changed deal costs little however large the mirror is; afterwards the desk is empty
again. What stays are the relations' plans: on a few hundred rows, to plan them costs more than to run them.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from connector.facts.sources import Tables
from connector.facts.statements import Statements
from connector.facts.windows import Windows, calendar, moments

MOST_PARTNERS = 50
"""For more partners than that, reading whole tables is as fast."""

_MOST_IDS = 1_000
"""A longer list of ids is not looked up one by one: the table is read through once."""

_WHOLE = ("aliases", "exchange_rates")
_BY_PARTNER = ("partner_links", "account_links", "registrations", "logins", "service_revenue", "credited")
_COPIED = (
    *_WHOLE, *_BY_PARTNER, "stages", "partners", "fund_requests", "campaigns", "fund_claims", "opportunities",
    "quotes", "stage_history", "meetings", "accounts",
)  # fmt: skip

_WANTED = """
SELECT id, id AS partner_id FROM partners
UNION ALL SELECT a.id, a.survivor FROM aliases a JOIN partners p ON p.id = a.survivor WHERE a.family = 'company'
"""

_NOW = """
SELECT coalesce(c.survivor, l.account_id) AS id FROM {links} l
LEFT JOIN aliases c ON c.family = 'company' AND c.id = l.account_id WHERE l.account_id IS NOT NULL
"""

_CUSTOMERS = f"""
WITH now AS ({_NOW.format(links="account_links")})
SELECT id FROM now UNION SELECT c.id FROM aliases c JOIN now ON now.id = c.survivor WHERE c.family = 'company'
"""

_IDS = {
    "partners": "SELECT id FROM wanted",
    "customers": _CUSTOMERS,
    "asked": "SELECT DISTINCT campaign_id FROM fund_requests WHERE campaign_id IS NOT NULL",
    "campaigns": "SELECT id FROM campaigns",
    "requests": "SELECT id FROM fund_requests",
    "served": "SELECT opportunity_id FROM credited WHERE partner_id IN (SELECT partner_id FROM service_revenue)",
    "linked": "SELECT opportunity_id FROM partner_links"
    " UNION SELECT opportunity_id FROM registrations WHERE opportunity_id IS NOT NULL"
    " UNION SELECT opportunity_id FROM credited",
    "deals": "SELECT id FROM opportunities",
    "accounts": f"SELECT DISTINCT id FROM ({_NOW.format(links='opportunities')})",
}
"""Ids of what was copied so far, by which more is copied."""


class Desk:
    """The tables and plans for one text of the relations. Not for two computations at once."""

    def __init__(self, tables: Tables, questions: Statements) -> None:
        self._session = tables.beside("pmom_desk")
        every = [sql for _, sql in (*questions.stages, *questions.answers)]
        self._read = {table for table in _COPIED if any(f'"{table}"' in sql for sql in every)}
        self._stages = tuple(name for name, _ in questions.stages)
        self._answers = tuple(name for name, _ in questions.answers)
        self._year = ""
        self._moments: dict[str, str] = {}
        self._lay_out(questions)

    def ask(self, partner_ids: Sequence[str], spans: Windows) -> dict[str, pa.Table]:
        """The relations' answers for the named partners, by the names of `Statements.answers`."""
        with self._session.small():
            return self._asked(partner_ids, spans)

    def _asked(self, partner_ids: Sequence[str], spans: Windows) -> dict[str, pa.Table]:
        self._turn_to(spans)
        run = self._session.run
        run("BEGIN")
        try:
            self._fill(partner_ids)
            for name in ("rates", *self._stages):
                run(f"EXECUTE make_{name}")
            return {name: self._session.query(f"EXECUTE ask_{name}") for name in self._answers}
        finally:
            run("ROLLBACK")

    def _lay_out(self, questions: Statements) -> None:
        run = self._session.run
        for table in _COPIED:
            run(f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM {self._session.there}.{table} LIMIT 0")
        run("CREATE OR REPLACE TABLE calendar (day DATE, midnight TIMESTAMPTZ)")
        for name, sql in (("wanted", _WANTED), ("rates", questions.rates), *questions.stages):
            run(f"CREATE OR REPLACE TABLE {name} AS {sql}")
            run(f"PREPARE make_{name} AS INSERT INTO {name} BY NAME {sql}")
        for name, sql in questions.answers:
            run(f"PREPARE ask_{name} AS {sql}")
        for name, sql in _IDS.items():
            run(f"PREPARE ids_{name} AS {sql}")

    def _turn_to(self, spans: Windows) -> None:
        """Set the moments, and the calendar when the year is another one."""
        now = moments(spans)
        for name, literal in now.items():
            if self._moments.get(name) != literal:
                self._session.run(f"SET VARIABLE {name} = {literal}")
        self._moments = now
        year = f"{spans.zone} {spans.today.year}"
        if year != self._year:
            self._session.run("DELETE FROM calendar")
            self._session.insert("calendar", calendar(spans.zone, spans.today.year))
            self._year = year

    def _fill(self, partner_ids: Sequence[str]) -> None:
        """Copy at least the rows that the relations would find for these partners in the whole tables."""
        for table in _WHOLE:
            self._copy(table, "true")
        self._copy("partners", among("id", self._survivors(partner_ids)))
        self._session.run("EXECUTE make_wanted")
        partners = self._ids("partners")
        for table in _BY_PARTNER:
            self._copy(table, among("partner_id", partners))
        served = among("opportunity_id", self._ids("served"))  # others' parts of these deals count, too
        if served != _NONE:
            self._copy("credited", f"{served} AND NOT {among('partner_id', partners)}")
        customers = self._ids("customers")
        campaigns = self._money(partners)
        linked = self._ids("linked")
        self._copy("opportunities", among("id", linked), among("account_id", customers),
                   among("campaign_id", campaigns))  # fmt: skip
        deals = self._ids("deals")
        for table in ("quotes", "stage_history"):
            if table in self._read:
                self._copy(table, among("opportunity_id", deals))
        if "stages" in self._read:
            self._copy("stages", "true")
        self._copy("meetings", among("related_id", [*deals, *customers, *partners]))
        self._copy("accounts", among("id", self._ids("accounts")))

    def _survivors(self, partner_ids: Sequence[str]) -> list[str]:
        """The ids, and what those that were merged away became."""
        merged = f"SELECT survivor FROM aliases WHERE family = 'company' AND {among('id', partner_ids)}"
        return [*partner_ids, *self._session.cells(merged)]

    def _money(self, partners: Sequence[str]) -> list[str]:
        """Campaigns with every request for them: who else asked decides whose campaign it is; the campaigns' ids."""
        self._copy("fund_requests", among("partner_id", partners))
        self._copy("campaigns", among("partner_id", partners), among("id", self._ids("asked")))
        campaigns = self._ids("campaigns")
        others = f"{among('campaign_id', campaigns)} AND id NOT IN (SELECT id FROM fund_requests)"
        self._copy("fund_requests", others)
        self._copy("fund_claims", among("partner_id", partners), among("request_id", self._ids("requests")))
        return campaigns

    def _copy(self, table: str, *conditions: str) -> None:
        """Copy the rows for which any condition holds, each once; every condition is looked up by its own index."""
        source = f"SELECT * FROM {self._session.there}.{table} WHERE "
        chosen = " UNION ".join(source + condition for condition in conditions if condition != _NONE)
        if chosen:
            self._session.run(f"INSERT INTO {table} {chosen}")

    def _ids(self, name: str) -> list[str]:
        return self._session.cells(f"EXECUTE ids_{name}")


_NONE = "false"


def among(column: str, ids: Sequence[str]) -> str:
    """The condition that a column holds one of the ids, written out so that an index can be used."""
    listed = sorted(set(ids))
    if not listed:
        return _NONE
    texts = ["'" + id_.replace("'", "''") + "'" for id_ in listed]
    if len(listed) > _MOST_IDS:
        return f"{column} IN (SELECT unnest([{', '.join(texts)}]))"
    return f"{column} IN ({', '.join(texts)})"
