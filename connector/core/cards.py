"""Which fields of ours does the CRM carry, on the records of which canonical table?"""

from __future__ import annotations

from connector.core.campaign_card import CAMPAIGN_FIELDS
from connector.core.deal_card import DEAL_FIELDS
from connector.core.fields import ScoreField
from connector.core.fund_card import FUND_FIELDS
from connector.core.records import Kind
from connector.core.scorecard import PARTNER_FIELDS

TASK_KEY = ScoreField(
    table="tasks",
    name="Task_Key",
    label="Task Key",
    kind=Kind.TEXT,
    help="Finds the connector's task again; do not edit.",
    length=255,
    unique_key=True,
)

FIELDS: tuple[ScoreField, ...] = (*PARTNER_FIELDS, *DEAL_FIELDS, *CAMPAIGN_FIELDS, *FUND_FIELDS, TASK_KEY)

CARRIERS = tuple(dict.fromkeys(field.table for field in FIELDS if field.table != "tasks"))
"""Canonical tables whose records carry a card of ours; the partners' comes first."""

_BY_NAME = {(field.table, field.name): field for field in FIELDS}


def field_named(name: str, table: str = "partners") -> ScoreField:
    """The field of that name on the records of that table; KeyError when there is none."""
    return _BY_NAME[table, name]


def machine(table: str) -> tuple[ScoreField, ...]:
    """The fields of a table's cards that the connector writes."""
    return tuple(field for field in FIELDS if field.table == table and not field.human)
