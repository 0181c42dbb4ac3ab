"""When was each deal in which stage: the earlier values of its stage, one row a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connector.core.records import Kind
from connector.crm.base import BadCell, Field, ObjectSchema, ReadRequest
from connector.crm.base import Filter as Condition
from connector.crm.hubspot import conditions
from connector.crm.hubspot.absent import named, seen
from connector.crm.hubspot.catalog import Catalog
from connector.crm.hubspot.conditions import SearchFilter
from connector.crm.hubspot.kinds import STANDARD, ObjectKind
from connector.crm.hubspot.listing import Ask, Records
from connector.crm.hubspot.pages import ARCHIVED, ARCHIVED_AT, ID, parsed
from connector.crm.hubspot.question import DELETED, MERGED_INTO, Part, before, both, empty_rows
from connector.crm.hubspot.sources import HISTORY, HISTORY_FIELDS
from connector.crm.hubspot.values import milliseconds, typed, value_of
from connector.crm.hubspot.wire import Wire

STAGE = "dealstage"
DEAL = "deal_id"
CHANGES = "changes"


@dataclass(frozen=True, slots=True)
class HistoryQuestion:
    """What is asked of the stage history."""

    catalog: Catalog
    schema: ObjectSchema
    names: tuple[str, ...]
    wanted: tuple[Field, ...]
    where: tuple[Condition, ...] = ()
    until: datetime | None = None

    @property
    def kind(self) -> ObjectKind:
        """Deals carry it."""
        return STANDARD["deals"]

    @property
    def ask(self) -> Ask:
        """The deal's modified date, and its stages."""
        return Ask((self.kind.modified,), (STAGE,))

    def filters(self, since: datetime) -> list[SearchFilter]:
        """Deals that changed since then."""
        bounds = [{"propertyName": self.kind.modified, "operator": "GTE", "value": str(milliseconds(since))}]
        if self.until is not None:
            value = str(milliseconds(self.until, up=True))
            bounds.append({"propertyName": self.kind.modified, "operator": "LT", "value": value})
        return bounds

    def table(self, pages: Sequence[bytes]) -> pa.Table:
        """One row a deal, `CHANGES` holding what happened to it."""
        deals = [each for page in pages for each in parsed(page).get("results") or ()]
        changes = pa.list_(pa.struct([("value", pa.string()), ("timestamp", pa.string())]))
        return pa.table(
            {
                ID: pa.array([str(each["id"]) for each in deals], pa.string()),
                ARCHIVED: pa.array([bool(each.get("archived")) for each in deals], pa.bool_()),
                ARCHIVED_AT: pa.array([each.get("archivedAt") for each in deals], pa.string()),
                "modified": pa.array(
                    [(each.get("properties") or {}).get(self.kind.modified) for each in deals], pa.string()
                ),
                CHANGES: pa.array([_changes(each) for each in deals], changes),
            }
        )

    def part(self, raw: pa.Table, *, deleted: bool, bounded: bool = False) -> Part:
        """One row a change."""
        rows = self._rows(raw)
        columns, bad = dict[str, Any](), list[BadCell]()
        for each in HISTORY_FIELDS:
            columns[each.name], cells = typed(rows.column(each.name), each, rows.column("id"))
            bad.extend(cells)
        made = pa.table(columns)
        kept = conditions.holding(made, self.where, {each.name: each for each in HISTORY_FIELDS})
        if bounded and self.until is not None:
            kept = both(kept, before(made.column("modified_at"), self.until))
        made = made if kept is None else made.filter(kept)
        shown = made.select([each.name for each in self.wanted]).rename_columns(list(self.names))
        shown = shown.append_column(DELETED, pa.array([deleted] * made.num_rows, pa.bool_()))
        shown = shown.append_column(MERGED_INTO, pa.nulls(made.num_rows, pa.string()))
        told = tuple(each for each in bad if each.field in {wanted.name for wanted in self.wanted})
        return Part(shown, made.column("deal_id").combine_chunks(), told)

    def _rows(self, raw: pa.Table) -> pa.Table:
        pipelines = self.catalog.pipelines("deals") or ()
        labels = {str(s["id"]): s.get("label") for each in pipelines for s in each.get("stages") or ()}
        found: list[dict[str, str | None]] = []
        for deal in raw.select([ID, "modified", CHANGES]).to_pylist():
            used: set[str] = set()
            for change in deal[CHANGES]:
                row = _row(deal[ID], deal["modified"], change, used)
                found.append(row | {"stage_label": labels.get(row["stage"] or "")})
        return pa.table({each.name: pa.chunked_array([_texts(found, each.name)]) for each in HISTORY_FIELDS})

    def picked(self, records: Records, ids: Sequence[str]) -> pa.Table:
        """The changes with these ids."""
        deals = list(dict.fromkeys(each.partition("-")[0] for each in ids))
        pages = tuple(records.batch(self.kind, [each for each in deals if each.isdigit()], self.ask))
        if not pages:
            return empty_rows(self.names, self.wanted)
        raw = self.table(pages)
        every = HistoryQuestion(self.catalog, self.schema, ("id", *self.names), (HISTORY_FIELDS[0], *self.wanted))
        rows = every.part(raw.filter(pc.is_in(raw.column(ID), value_set=pa.array(deals))), deleted=False).rows
        kept = rows.filter(pc.is_in(rows.column(0), value_set=pa.array(list(ids), pa.string())))
        return kept.select(range(1, 1 + len(self.names)))


def _changes(deal: dict[str, Any]) -> list[dict[str, Any]]:
    found = (deal.get("propertiesWithHistory") or {}).get(STAGE) or ()
    return [{"value": each.get("value"), "timestamp": _text(each.get("timestamp"))} for each in found]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _row(deal: str, modified: str | None, change: dict[str, Any], used: set[str]) -> dict[str, str | None]:
    """One change. Two changes of one deal in one millisecond keep apart: the later listed one is numbered on."""
    at = change["timestamp"]
    try:
        stamp = milliseconds(value_of(at or "", Kind.INSTANT))
    except (ValueError, ArithmeticError):
        stamp = 0
    name = row_id = f"{deal}-{stamp}"
    while row_id in used:
        row_id = f"{name}-{len(used)}"
    used.add(row_id)
    return {"id": row_id, "deal_id": deal, "stage": change["value"], "at": at, "modified_at": modified}


def _texts(rows: Sequence[dict[str, str | None]], name: str) -> Any:
    return pa.array([row.get(name) for row in rows], pa.string())


def history_of(_wire: Wire, catalog: Catalog, request: ReadRequest) -> HistoryQuestion:
    """The request checked; Misconfigured names an absent or hidden object or field."""
    schema = seen(catalog.schema(HISTORY), HISTORY, catalog.why_absent("deals"))
    wanted = tuple(named(schema, each) for each in request.fields)
    where = tuple(Condition(named(schema, each.field).name, each.op, each.value) for each in request.where)
    return HistoryQuestion(catalog, schema, request.fields, wanted, where, request.until)
