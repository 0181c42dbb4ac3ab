"""What is every partner credited with on the opportunities in question, given what was settled before?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from connector.core.policy import Policy
from connector.facts.gather import set_moments
from connector.facts.kept import kept_credit_statements
from connector.facts.sources import Tables
from connector.facts.statements import CreditShape
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
) -> None:
    """Fill the temporary tables up to `credits` for all opportunities, or for the named ones.

    `kept` (PARTS) and `locks` (LOCKS) say what was settled before about them.
    """
    set_moments(tables, windows(policy, as_of))
    questions = kept_credit_statements(tables, CreditShape(policy.attribution, policy.corporate_currency))
    tables.run(f"CREATE OR REPLACE TEMP TABLE rates AS {questions.rates}")
    if opportunity_ids is None:
        tables.run("CREATE OR REPLACE TEMP TABLE scope AS SELECT DISTINCT id AS opportunity_id FROM opportunities")
    else:
        tables.load("scope", pa.table({"opportunity_id": pa.array(sorted(set(opportunity_ids)), pa.string())}))
    tables.load("kept", PARTS.empty_table() if kept is None else kept.cast(PARTS))
    tables.load("locks", LOCKS.empty_table() if locks is None else locks.cast(LOCKS))
    for name, sql in questions.stages:
        tables.run(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
