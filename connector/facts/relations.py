"""The tables that the facts are written over, and the small moves that they share."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.datatypes as dt
from ibis import _
from ibis.expr import types as ir

from connector.core.facts import EVIDENCE_LIMIT
from connector.core.records import Kind
from connector.core.records import table as canonical

_TYPES = {
    Kind.ID: "string",
    Kind.TEXT: "string",
    Kind.BOOL: "boolean",
    Kind.INTEGER: "int64",
    Kind.MONEY: "decimal(20, 4)",
    Kind.NUMBER: "decimal(20, 8)",
    Kind.DATE: "date",
    Kind.INSTANT: "timestamp('UTC')",
}

INSTANTS = ("as_of", "quotes_start", "quotes_end", "meetings_start", "meetings_end")
DAYS = (
    "today", "won_start", "footprint_start", "matured_by", "credit_from", "services_start", "services_end",
    "cycle_from",
)  # fmt: skip

_PART = {
    "opportunity_id": "string",
    "partner_id": "string",
    "role": "string",
    "reason": "string",
    "points": "int64",
    "agreed": "int64",
    "pieces": "int64",
    "evidence_ids": "array<string>",
}
"""One partner's part in one opportunity."""

_CREDIT = {
    **_PART,
    "is_won": "boolean",
    "is_closed": "boolean",
    "close_date": "date",
    "created_at": "timestamp('UTC')",
    "value": "decimal(20, 2)",
    "amount": "decimal(20, 2)",
    "lacking": "string",
}
"""A part with the opportunity's whole `value` and the part's `amount` of it."""

_CLAIM = {
    "claim": "string",
    "opportunity_id": "string",
    "customer": "string",
    "partner_id": "string",
    "kind": "string",
    "submitted_at": "timestamp('UTC')",
    "approved_at": "timestamp('UTC')",
    "holds_until": "date",
    "created_at": "timestamp('UTC')",
}
"""A claim to have brought an opportunity."""

STAGES: dict[str, dict[str, str]] = {
    "calendar": {"day": "date", "midnight": "timestamp('UTC')"},
    "aliases": {"family": "string", "id": "string", "survivor": "string"},
    # ids under which a wanted partner appears in records, and the partner that they stand for now
    "wanted": {"id": "string", "partner_id": "string"},
    "rates": {"code": "string", "from_day": "date", "to_day": "date", "rate": "float64"},
    "linked_accounts": {"account_id": "string", "partner_id": "string", "role": "string"},
    "deals": {
        "partner_id": "string",
        "opportunity_id": "string",
        "closing": "boolean",
        "account_id": "string",
        "created_at": "timestamp('UTC')",
        "is_closed": "boolean",
        "is_won": "boolean",
        "close_date": "date",
    },
    "wins": {
        "partner_id": "string",
        "opportunity_id": "string",
        "close_date": "date",
        "new_business": "boolean",
        "segment": "string",
        "product": "string",
        "country": "string",
        "industry": "string",
        "value": "decimal(20, 4)",
    },
    "mix": {"partner_id": "string", "segment": "string", "product": "string", "weight": "int64"},
    "direct": {"segment": "string", "product": "string", "units": "int64"},
    # opportunities whose credit is asked for
    "scope": {"opportunity_id": "string"},
    "partner_people": {"contact_id": "string", "partner_id": "string"},
    "subjects": {"account_id": "string", "subject": "string"},
    "traced": {"occurred_at": "timestamp('UTC')", "at": "string", "actor": "string"},
    "credited_deals": {
        "opportunity_id": "string",
        "account_id": "string",
        "created_at": "timestamp('UTC')",
        "closes_at": "timestamp('UTC')",
        "close_date": "date",
        "is_closed": "boolean",
        "is_won": "boolean",
        "amount": "decimal(20, 4)",
        "currency": "string",
        "dispute": "string",
        "words": "string",
    },
    "evidence": {
        "opportunity_id": "string",
        "partner_id": "string",
        "occurred_at": "timestamp('UTC')",
        "strong": "boolean",
        "kind": "string",
        "day": "date",
        "source_id": "string",
    },
    "candidates": {
        "opportunity_id": "string",
        "partner_id": "string",
        "source_id": "string",
        "kind": "string",
        "submitted_at": "timestamp('UTC')",
        "code": "string",
    },
    "claims": _CLAIM,
    "timely": _CLAIM,
    "dealt": {"claim": "string", "on": "string"},
    "standing": {"opportunity_id": "string", "partner_id": "string"},
    "found": _PART,
    "kept": _PART,
    "locks": {"opportunity_id": "string", "sourced_final": "boolean", "final_close": "date"},
    "settled": _PART,
    "credits": _CREDIT,
    # the credits of all opportunities, kept in the mirror from the last computation of each
    "credited": _CREDIT,
    "service_parts": {
        "partner_id": "string",
        "opportunity_id": "string",
        "close_date": "date",
        "unconverted": "boolean",
        "part": "decimal(20, 4)",
    },
    "owned": {
        "partner_id": "string",
        "id": "string",
        "name": "string",
        "motion": "string",
        "status": "string",
        "start_date": "date",
        "end_date": "date",
        "budgeted_cost": "decimal(20, 4)",
        "actual_cost": "decimal(20, 4)",
        "currency": "string",
    },
    "funded": {
        "campaign_id": "string",
        "partner_id": "string",
        "name": "string",
        "start_date": "date",
        "end_date": "date",
        "code": "string",
        "spend": "decimal(38, 4)",
        "spend_unconverted": "int64",
    },
}
"""Tables made for one computation, and their columns."""


def rows(name: str) -> ir.Table:
    """A canonical table of the mirror, or a stage, not bound to any database."""
    if name in STAGES:
        return ibis.table(STAGES[name], name=name)
    columns = {column.name: _TYPES[column.kind] for column in canonical(name).columns}
    return ibis.table(columns, name=name)


@ibis.udf.scalar.builtin(name="getvariable", signature=(("string",), dt.Timestamp("UTC")))
def _instant(variable):  # type: ignore[no-untyped-def]
    """An instant of this computation."""


@ibis.udf.scalar.builtin(name="getvariable", signature=(("string",), dt.date))
def _day(variable):  # type: ignore[no-untyped-def]
    """A local day of this computation."""


def moment(name: str) -> Any:
    """One of the moments of this computation, a day or an instant, from a variable of the database session.

    The database puts its value in the place of a constant, so one compiled statement serves every day.
    """
    return _day(name) if name in DAYS else _instant(name)


def yes(column: Any) -> Any:
    """True where the column is true; an empty cell is no."""
    return column.fill_null(False)


@ibis.udf.agg.builtin(name="min", signature=(("string", "int64"), "array<string>"))
def _least(texts, most):  # type: ignore[no-untyped-def]
    """The least of the texts, in order, at most so many: a heap, where sorting whole lists would cost a second."""


def evidence(ids: Any, first: Any = None) -> Any:
    """Some ids, those with `first` in front, then by id; at most as many as evidence may have."""
    if first is None:
        return _least(ids, EVIDENCE_LIMIT)
    return _least(first.ifelse("0", "1") + ids, EVIDENCE_LIMIT).map(lambda marked: marked.substr(1))


def few_ids(ids: Any) -> Any:
    """As `evidence`, each once, for groups of a few rows: a heap for each of a million groups would not fit."""
    return ids.collect(distinct=True).sort()[:EVIDENCE_LIMIT]


def merged_companies() -> ir.Table:
    """`former` ids of companies that were merged away, and the `survivor` of each."""
    return rows("aliases").filter(_.family == "company").select("survivor", former=_.id)


def survivor(table: ir.Table, column: str) -> ir.Table:
    """The rows with a company's id replaced by the id of the record that it was merged into."""
    merged = merged_companies()
    joined = table.left_join(merged, table[column] == merged.former)
    return joined.mutate(**{column: ibis.coalesce(joined.survivor, joined[column])}).drop("former", "survivor")
