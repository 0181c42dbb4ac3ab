"""Only the rows that can matter to the credit of a few opportunities, laid out where the relations answer at once.

As `desk` does for partners: a small database beside the mirror's, filled by index, so that one changed touch costs
little however many there are. What it finds is put where the computation over whole tables leaves it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from connector.facts.desk import among
from connector.facts.sources import Tables
from connector.facts.statements import CreditStatements
from connector.facts.windows import Windows, calendar, moments

MOST_DEALS = 200
"""For more opportunities than that, reading whole tables is as fast."""

NAME = "pmom_credit_desk"

_WHOLE = ("aliases", "exchange_rates")
_COPIED = (
    *_WHOLE, "opportunities", "partner_links", "registrations", "touches", "meetings", "contacts", "campaign_members",
    "campaigns", "fund_requests", "stage_history", "partners",
)  # fmt: skip

_ANSWERS = ("scope", "kept", "locks", "credited_deals", "evidence", "candidates", "settled", "credits")

_PARTNERS = """
SELECT partner_id FROM partner_links UNION SELECT partner_id FROM registrations
UNION SELECT partner_id FROM touches UNION SELECT account_id FROM contacts
UNION SELECT partner_id FROM campaigns UNION SELECT partner_id FROM fund_requests
"""
"""Ids of whoever may be a partner among what was copied."""

_TRACED = "SELECT contact_id FROM touches UNION SELECT contact_id FROM meetings"


class CreditDesk:
    """The tables and plans for one text of the relations. Not for two computations at once."""

    def __init__(self, tables: Tables, questions: CreditStatements) -> None:
        self._tables, self._session = tables, tables.beside(NAME)
        self._stages = ("rates", *(name for name, _ in questions.stages))
        self._year = ""
        self._lay_out(questions)

    def credit(self, opportunity_ids: Sequence[str], kept: pa.Table, locks: pa.Table, spans: Windows) -> None:
        """Fill the temporary tables that `crediting.credit` fills, for these opportunities."""
        with self._session.small():
            self._credit(opportunity_ids, kept, locks, spans)

    def _credit(self, opportunity_ids: Sequence[str], kept: pa.Table, locks: pa.Table, spans: Windows) -> None:
        self._turn_to(spans)
        for name in (*_COPIED, "scope", "kept", "locks", *self._stages):
            self._session.run(f"DELETE FROM {name}")
        scope = pa.table({"opportunity_id": pa.array(sorted(set(opportunity_ids)), pa.string())})
        for name, rows in (("scope", scope), ("kept", kept), ("locks", locks)):
            self._session.insert(name, rows)
        self._fill(opportunity_ids)
        for name in self._stages:
            self._session.run(f"EXECUTE make_{name}")
        for name in _ANSWERS:
            self._tables.run(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM {NAME}.main.{name}")

    def _lay_out(self, questions: CreditStatements) -> None:
        run = self._session.run
        for table in _COPIED:
            run(f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM {self._session.there}.{table} LIMIT 0")
        run("CREATE OR REPLACE TABLE calendar (day DATE, midnight TIMESTAMPTZ)")
        run("CREATE OR REPLACE TABLE scope (opportunity_id VARCHAR)")
        run(f"CREATE OR REPLACE TABLE kept ({_PARTS})")
        run("CREATE OR REPLACE TABLE locks (opportunity_id VARCHAR, sourced_final BOOLEAN, final_close DATE)")
        for name, sql in (("rates", questions.rates), *questions.stages):
            run(f"CREATE OR REPLACE TABLE {name} AS {sql}")
            run(f"PREPARE make_{name} AS INSERT INTO {name} BY NAME {sql}")

    def _turn_to(self, spans: Windows) -> None:
        for name, literal in moments(spans).items():
            self._session.run(f"SET VARIABLE {name} = {literal}")
        year = f"{spans.zone} {spans.today.year}"
        if year != self._year:
            self._session.run("DELETE FROM calendar")
            self._session.insert("calendar", calendar(spans.zone, spans.today.year))
            self._year = year

    def _fill(self, opportunity_ids: Sequence[str]) -> None:
        """Copy at least the rows that the relations would find for these opportunities in the whole tables."""
        for table in _WHOLE:
            self._copy(table, "true")
        asked = among("id", opportunity_ids)
        customers = self._same(f"SELECT DISTINCT account_id FROM {self._session.there}.opportunities WHERE {asked}")
        self._copy("opportunities", asked, among("account_id", customers))
        deals = self._cells("SELECT id FROM opportunities")
        self._copy("partner_links", among("opportunity_id", deals))
        self._copy("registrations", among("opportunity_id", deals), among("account_id", customers))
        for table in ("touches", "meetings"):
            self._copy(table, among("related_id", [*deals, *customers]))
        people = self._same(_TRACED)
        self._copy("contacts", among("id", people), among("account_id", customers))
        self._copy("campaign_members", among("contact_id", self._cells("SELECT id FROM contacts")))
        campaigns = self._cells("SELECT DISTINCT campaign_id FROM campaign_members")
        self._copy("campaigns", among("id", campaigns))
        self._copy("fund_requests", among("campaign_id", campaigns))
        self._copy("stage_history", among("opportunity_id", opportunity_ids))
        self._copy("partners", among("id", self._same(_PARTNERS)))

    def _same(self, sql: str) -> list[str]:
        """The ids, with every other id of the same records through merges."""
        return self._cells(
            f"WITH named AS (SELECT * FROM ({sql}) n(id)), now AS (SELECT id FROM named"
            " UNION SELECT a.survivor FROM aliases a JOIN named USING (id))"
            " SELECT id FROM now UNION SELECT a.id FROM aliases a JOIN now ON now.id = a.survivor"
        )

    def _copy(self, table: str, *conditions: str) -> None:
        """Copy the rows for which any condition holds, each once; every condition is looked up by its own index."""
        source = f"SELECT * FROM {self._session.there}.{table} WHERE "
        chosen = " UNION ".join(source + condition for condition in conditions if not condition.startswith("false"))
        if chosen:
            self._session.run(f"INSERT INTO {table} {chosen}")

    def _cells(self, sql: str) -> list[str]:
        return self._session.cells(sql)


_PARTS = (
    "opportunity_id VARCHAR, partner_id VARCHAR, role VARCHAR, reason VARCHAR, points BIGINT, agreed BIGINT,"
    " pieces BIGINT, evidence_ids VARCHAR[]"
)
