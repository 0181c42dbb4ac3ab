"""What is every partner credited with on the opportunities in question, given what was settled before?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from connector.core.policy import Policy
from connector.facts.asking import set_moments
from connector.facts.credit_desk import MOST_DEALS, CreditDesk
from connector.facts.kept import kept_credit_statements
from connector.facts.sources import Tables
from connector.facts.statements import CreditShape, CreditStatements
from connector.facts.windows import windows

_PART: list[tuple[str, Any]] = [
    ("opportunity_id", pa.string()),
    ("partner_id", pa.string()),
    ("role", pa.string()),
    ("reason", pa.string()),
    ("points", pa.int64()),
    ("agreed", pa.int64()),
    ("pieces", pa.int64()),
    ("evidence_ids", pa.list_(pa.string())),
]
PARTS = pa.schema(_PART)
"""One partner's part in one opportunity, as it was settled."""

_LOCK: list[tuple[str, Any]] = [
    ("opportunity_id", pa.string()),
    ("sourced_final", pa.bool_()),
    ("final_close", pa.date32()),
]
LOCKS = pa.schema(_LOCK)
"""Since when the sides of an opportunity's credit are final: the sourcing, and the influence for that close date."""


def credit(
    tables: Tables,
    policy: Policy,
    as_of: datetime,
    opportunity_ids: Sequence[str] | None = None,
    *,
    kept: pa.Table | None = None,
    locks: pa.Table | None = None,
    piece: int = 2_500_000,
) -> None:
    """Fill the temporary tables up to `credits` for all opportunities, or for the named ones.

    More than `piece` opportunities are parted in pieces, so that memory does not grow with their number.
    `kept` (PARTS) and `locks` (LOCKS) say what was settled before about them.
    """
    spans = windows(policy, as_of)
    form = CreditShape(policy.attribution, policy.corporate_currency)
    questions = kept_credit_statements(tables, form)
    kept, locks = (PARTS.empty_table() if kept is None else kept.cast(PARTS),
                   LOCKS.empty_table() if locks is None else locks.cast(LOCKS))  # fmt: skip
    if opportunity_ids is not None and len(opportunity_ids) <= MOST_DEALS:
        _desk(tables, form, questions).credit(opportunity_ids, kept, locks, spans)
        return
    set_moments(tables, spans)
    tables.run(f"CREATE OR REPLACE TEMP TABLE rates AS {questions.rates}")
    if opportunity_ids is None:
        tables.run("CREATE OR REPLACE TEMP TABLE scope AS SELECT DISTINCT id AS opportunity_id FROM opportunities")
    else:
        tables.load("scope", pa.table({"opportunity_id": pa.array(sorted(set(opportunity_ids)), pa.string())}))
    tables.load("kept", kept)
    tables.load("locks", locks)
    gathering = tuple(each for each in questions.stages if each[0] not in _PIECEMEAL)
    for name, sql in gathering:
        tables.run(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
    parting = tuple(each for each in questions.stages if each[0] in _PIECEMEAL)
    asked = tables.query("SELECT count(*) AS n FROM scope").column("n")[0].as_py()
    _part(tables, parting, max(1, -(-asked // piece)))


_PIECEMEAL = ("found", "settled", "credits")
"""The stages that look at one opportunity at a time, in order."""

_BY_OPPORTUNITY = ("evidence", "candidates", "kept", "locks", "credited_deals")
"""What these look at."""


def _part(tables: Tables, stages: tuple[tuple[str, str], ...], count: int) -> None:
    """Make the stages from so many pieces of the opportunities, one after the other.

    The lists of evidence of one group after another must lie in memory, which the database cannot lay aside.
    """
    if count == 1:
        for name, sql in stages:
            tables.run(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
        return
    for name in _BY_OPPORTUNITY:
        tables.run(f"ALTER TABLE temp.{name} RENAME TO whole_{name}")
        here = f"hash(opportunity_id) % {count} = getvariable('piece')"
        tables.run(f"CREATE TEMP VIEW {name} AS SELECT * FROM temp.whole_{name} WHERE {here}")
    try:
        for piece in range(count):
            tables.run(f"SET VARIABLE piece = {piece}::UBIGINT")
            for name, sql in stages:
                tables.run(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
                start = f"CREATE OR REPLACE TEMP TABLE whole_{name} AS" if piece == 0 else f"INSERT INTO whole_{name}"
                tables.run(f"{start} SELECT * FROM temp.{name}")
    finally:
        for name in _BY_OPPORTUNITY:
            tables.run(f"DROP VIEW temp.{name}")
            tables.run(f"ALTER TABLE temp.whole_{name} RENAME TO {name}")
    for name, _ in stages:
        tables.run(f"DROP TABLE temp.{name}")
        tables.run(f"ALTER TABLE temp.whole_{name} RENAME TO {name}")


def clear(tables: Tables, policy: Policy) -> None:
    """Drop what `credit` made for all opportunities, once it was kept: memory that the facts need."""
    questions = kept_credit_statements(tables, CreditShape(policy.attribution, policy.corporate_currency))
    for name in ("scope", "kept", "locks", *(name for name, _ in questions.stages)):
        tables.run(f"DROP TABLE IF EXISTS temp.{name}")


def _desk(tables: Tables, form: CreditShape, questions: CreditStatements) -> CreditDesk:
    """The desk of this text; the one laid out for an earlier text is thrown away."""
    held: tuple[CreditShape, CreditDesk] | None = tables.kept.get("credit desk")
    if held is None or held[0] != form:
        tables.index()
        held = (form, CreditDesk(tables, questions))
        tables.kept["credit desk"] = held
    return held[1]
