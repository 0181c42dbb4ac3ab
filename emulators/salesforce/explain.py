"""How a query would be carried out: plans by indexed fields and by a scan of the table, the cheapest first.

Source: "Query Performance Feedback" of the REST API guide; costs are made up, their order is not.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from emulators.salesforce import storage
from emulators.salesforce.schema import FieldType, ObjectType
from emulators.salesforce.soql import Context, parse, run
from emulators.salesforce.soql.ast import Comparison, Condition, Logical, Path

_INDEXED = frozenset({"createddate", "systemmodstamp", "name", "ownerid", "recordtypeid", "email"})
_SELECTIVE = 0.1  # the share of an object's records up to which an index is worth it
_UNINDEXED = "Not considering filter for optimization because unindexed"


def explain(connection: sqlite3.Connection, soql: str, context: Context) -> dict[str, Any]:
    """The plans of a query. Raises SoqlError for what is no query."""
    result = run(connection, soql, context)
    everything = _count(connection, result.entity)
    fields = _filtered(parse(soql).where, result.entity)
    indexed = [field for field in fields if _has_index(field)]
    notes = [_note(field.name, result.entity) for field in fields if not _has_index(field)]
    if result.entity.field("IsDeleted") is not None and not context.all_rows:
        notes.append(_note("IsDeleted", result.entity))
    plans = [_plan(result.entity, result.total, everything, field.name, notes) for field in indexed]
    plans.append(_plan(result.entity, result.total, everything, "", notes))
    return {"plans": sorted(plans, key=lambda plan: float(plan["relativeCost"])), "sourceQuery": soql}


def _count(connection: sqlite3.Connection, obj: ObjectType) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {storage.table(obj)}").fetchone()[0])


def _filtered(where: Condition | None, obj: ObjectType) -> list[FieldType]:
    """The object's own fields that all rows must satisfy; an index helps with no other."""
    terms = where.terms if isinstance(where, Logical) and where.operator == "AND" else (where,)
    paths = [term.left for term in terms if isinstance(term, Comparison) and isinstance(term.left, Path)]
    found = [obj.field(path.parts[-1]) for path in paths if len(path.parts) == 1 or len(path.parts) == 2]
    return list({field.name: field for field in found if field is not None}.values())


def _has_index(field: FieldType) -> bool:
    keyed = field.external_id or field.unique or field.id_lookup or field.type in ("id", "reference")
    return keyed or field.name.lower() in _INDEXED


def _note(name: str, obj: ObjectType) -> dict[str, Any]:
    return {"description": _UNINDEXED, "fields": [name], "tableEnumOrId": obj.name}


def _plan(obj: ObjectType, total: int, everything: int, index: str, notes: list[dict[str, Any]]) -> dict[str, Any]:
    share = total / everything if everything else 0.0
    return {
        "cardinality": total,
        "fields": [index] if index else [],
        "leadingOperationType": "Index" if index else "TableScan",
        "notes": notes,
        "relativeCost": round(share / _SELECTIVE, 3) if index else 1.0,
        "sobjectCardinality": everything,
        "sobjectType": obj.name,
    }
