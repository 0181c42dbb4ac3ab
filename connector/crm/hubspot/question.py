"""A read request against the portal's schema: which properties and links answer it, and how they become its rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connector.core.records import Kind
from connector.crm.base import BadCell, Field, ObjectSchema, Op, ReadRequest, arrow_type
from connector.crm.base import Filter as Condition
from connector.crm.hubspot import conditions
from connector.crm.hubspot.absent import named, seen
from connector.crm.hubspot.associations import link_columns
from connector.crm.hubspot.catalog import Catalog
from connector.crm.hubspot.conditions import SearchFilter
from connector.crm.hubspot.kinds import ID_FIELD, LINK, MERGED_IDS, Link, ObjectKind
from connector.crm.hubspot.listing import Ask
from connector.crm.hubspot.pages import ARCHIVED_AT, ID, decoded
from connector.crm.hubspot.values import days, milliseconds, typed
from connector.crm.hubspot.wire import Wire

DELETED, MERGED_INTO = "pmom_deleted", "pmom_merged_into"
CLOSE_DAY = "closedate_day"
NAMED = {"dealstage_label": "dealstage", "pipeline_label": "pipeline", CLOSE_DAY: "closedate"}
"""Virtual fields of deals: the property whose value they give a name to, or the day of."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of an answer, with the ids of their records."""

    rows: pa.Table
    ids: Any  # array of text
    bad_cells: tuple[BadCell, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of which object; `names` are the fields as the request spells them."""

    wire: Wire
    catalog: Catalog
    kind: ObjectKind
    schema: ObjectSchema
    names: tuple[str, ...]
    wanted: tuple[Field, ...]
    where: tuple[Condition, ...] = ()
    fields: Mapping[str, Field] | None = None  # of the conditions, by the name that they spell
    until: datetime | None = None  # of a read that is not narrowed by search
    merged: bool = False  # whether records that were merged away are asked for

    @property
    def conditions(self) -> Mapping[str, Field]:
        """The fields of the conditions."""
        return self.fields or {}

    @property
    def ask(self) -> Ask:
        """The properties that the rows are made of."""
        names = [NAMED.get(each.name, each.name) for each in self._columns() if not _is_link(each)]
        return Ask(tuple(dict.fromkeys([*names, *([MERGED_IDS] if self.merged else [])])))

    def filters(self, since: datetime) -> list[SearchFilter]:
        """The request as a search."""
        bounds = [{"propertyName": self.kind.modified, "operator": "GTE", "value": str(milliseconds(since))}]
        if self.until is not None:
            value = str(milliseconds(self.until, up=True))
            bounds.append({"propertyName": self.kind.modified, "operator": "LT", "value": value})
        return [*bounds, *conditions.pushed(self.where, self.conditions)]

    def _columns(self) -> list[Field]:
        cursor = self.schema.field(self.kind.modified)
        found = [*self.wanted, *self.conditions.values(), *([cursor] if cursor is not None else [])]
        return list({each.name: each for each in found if each.name != ID_FIELD}.values())

    def table(self, pages: Sequence[bytes]) -> pa.Table:
        """Answers as texts by record."""
        return decoded(pages, self.ask.properties)

    def part(self, raw: pa.Table, *, deleted: bool, bounded: bool = False) -> Part:
        """The decoded records as rows, without those that a condition leaves out.

        A record that was merged away is a row as well: with its own id, its survivor's values and `MERGED_INTO`.
        """
        rows, bad = self._typed(raw)
        kept = conditions.holding(rows, self._renamed(), {each.name: each for each in self.conditions.values()})
        if bounded and self.until is not None:
            kept = both(kept, before(rows.column(self.kind.modified), self.until))
        if kept is not None:
            raw, rows = raw.filter(kept), rows.filter(kept)
        rows = self._linked(rows)
        ids = rows.column(ID).combine_chunks()
        columns = [rows.column(ID if each.name == ID_FIELD else each.name) for each in self.wanted]
        gone = pa.array([deleted] * len(ids), pa.bool_())
        made = pa.table([*columns, gone, pa.nulls(len(ids), pa.string())], names=[*self.names, DELETED, MERGED_INTO])
        shown = {each.name: name for each, name in zip(self.wanted, self.names, strict=True)}
        alive = set(ids.to_pylist()) if bad else set()
        told = [
            replace(each, field=shown[each.field]) for each in bad if each.row_id in alive and each.field in shown
        ]
        return self._with_merged(Part(made, ids, tuple(replace(each, field=shown[each.field]) for each in told)), raw)

    def _typed(self, raw: pa.Table) -> tuple[pa.Table, list[BadCell]]:
        ids, bad = raw.column(ID), list[BadCell]()
        columns: dict[str, Any] = {ID: ids, ID_FIELD: ids, ARCHIVED_AT: raw.column(ARCHIVED_AT)}
        for each in self._columns():
            if each.name == CLOSE_DAY and self.kind.name == "deals":
                columns[each.name] = self._close_days(raw.column(NAMED[each.name]), ids)
            elif each.name in NAMED and self.kind.name == "deals":
                columns[each.name] = self._labelled(raw.column(NAMED[each.name]), each.name)
            elif not _is_link(each):
                columns[each.name], cells = typed(raw.column(each.name), each, ids)
                bad.extend(cells)
        rows = pa.table(columns)
        names = [each.name for each in self.conditions.values() if _is_link(each)]
        return self._linked(rows, names), bad

    def _close_days(self, values: Any, ids: Any) -> Any:
        """HubSpot keeps a moment and shows the day that it is in the portal; near midnight UTC has another one."""
        moments, _ = typed(values, Field("closedate", "", Kind.INSTANT), ids)
        return days(moments, str(self.catalog.account().get("timeZone") or "UTC"))

    def _labelled(self, values: Any, name: str) -> Any:
        pipelines = self.catalog.pipelines("deals") or ()
        named: Sequence[Mapping[str, Any]] = pipelines
        if name == "dealstage_label":
            named = [stage for each in pipelines for stage in each.get("stages") or ()]
        keys = pa.array([str(each["id"]) for each in named], pa.string())
        labels = pa.array([each.get("label") for each in named], pa.string())
        return pc.take(labels, pc.index_in(values, value_set=keys))

    def _linked(self, rows: pa.Table, names: Sequence[str] | None = None) -> pa.Table:
        """The rows with columns of links: those of conditions before, all others after rows were left out."""
        wanted = names if names is not None else [each.name for each in self.wanted if _is_link(each)]
        lacking = [name for name in dict.fromkeys(wanted) if name not in rows.column_names]
        if not lacking:
            return rows
        links: dict[str, Link] = {}
        for name in lacking:
            link = self.catalog.link_of(self.kind, name)
            if link is not None:
                links[name] = link
        ids = [str(each) for each in rows.column(ID).to_pylist()]
        found = link_columns(self.wire, self.kind, links, ids)
        for name in lacking:
            rows = rows.append_column(name, found.get(name, pa.nulls(len(ids), pa.string())))
        return rows

    def _renamed(self) -> list[Condition]:
        return [replace(each, field=self.conditions[each.field].name) for each in self.where]

    def _with_merged(self, part: Part, raw: pa.Table) -> Part:
        if not self.merged or not part.rows.num_rows:
            return part
        pairs = [
            (at, loser)
            for at, text in enumerate(raw.column(MERGED_IDS).to_pylist())
            for loser in dict.fromkeys((text or "").split(";"))
            if loser and loser != part.ids[at].as_py()
        ]
        return part if not pairs else _joined(part, pairs, self)


def _joined(part: Part, pairs: Sequence[tuple[int, str]], question: Question) -> Part:
    places = pa.array([at for at, _ in pairs], pa.int64())
    losers, survivors = pa.array([loser for _, loser in pairs], pa.string()), part.ids.take(places)
    rows = part.rows.take(places)
    own = [name for each, name in zip(question.wanted, question.names, strict=True) if each.name == ID_FIELD]
    said: dict[str, Any] = {
        **dict.fromkeys(own, losers),
        DELETED: pa.array([True] * len(pairs)),
        MERGED_INTO: survivors,
    }
    for name, values in said.items():
        rows = rows.set_column(rows.column_names.index(name), name, values)
    return Part(pa.concat_tables([part.rows, rows]), pa.concat_arrays([part.ids, losers]), part.bad_cells)


def _is_link(field: Field) -> bool:
    return field.name.startswith(LINK) and field.calculated and bool(field.references)


def question_of(wire: Wire, catalog: Catalog, request: ReadRequest) -> Question:
    """The request checked against the schema; Misconfigured names an absent or hidden object or field."""
    schema = seen(catalog.schema(request.object), request.object, catalog.why_absent(request.object))
    kind = catalog.known(request.object)
    assert kind is not None
    wanted = tuple(named(schema, name) for name in request.fields)
    fields = {each.field: named(schema, each.field) for each in request.where}
    where = tuple(each for each in request.where if each.value != () or each.op is not Op.NE)
    merged = request.deleted and kind.merges and schema.field(MERGED_IDS) is not None
    return Question(
        wire, catalog, kind, schema, request.fields, wanted, where, fields, until=request.until, merged=merged
    )


def before(moments: Any, until: datetime) -> Any:
    """Which moments lie before that one; a row without a moment counts."""
    early: Any = pc.less(moments, pa.scalar(until, pa.timestamp("us", "UTC")))
    return pc.fill_null(early, True)


def both(one: Any, other: Any) -> Any:
    """Where both masks are set; None means everywhere."""
    return other if one is None else one if other is None else pc.and_(one, other)


def empty_rows(names: Sequence[str], wanted: Sequence[Field]) -> pa.Table:
    """No rows, with the columns that rows have."""
    typed_names = zip(names, wanted, strict=True)
    return pa.schema([pa.field(name, arrow_type(each.kind)) for name, each in typed_names]).empty_table()


LIVE, GONE = "live", "archived"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a read stands: among live or archived records, behind which token, after how many rows."""

    stage: str = LIVE
    after: str | None = None
    seen: int = 0


def token_of(place: Place, request: ReadRequest) -> str:
    """The place as text that another process can go on from."""
    said = {"of": _fingerprint(request), "stage": place.stage, "after": place.after, "seen": place.seen}
    return json.dumps(said, separators=(",", ":"))


def place_of(request: ReadRequest) -> Place:
    """Where the request's token points; the beginning when it has none, or one of another request."""
    try:
        kept = json.loads(request.resume or "null")
        if kept["of"] == _fingerprint(request) and kept["stage"] in (LIVE, GONE):
            return Place(kept["stage"], kept["after"], int(kept["seen"]))
    except (ValueError, KeyError, TypeError):
        pass
    return Place()


def _fingerprint(request: ReadRequest) -> str:
    return hashlib.sha256(repr(replace(request, resume=None)).encode()).hexdigest()[:16]
