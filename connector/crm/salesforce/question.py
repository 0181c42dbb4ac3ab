"""A read request against the object as described: which SOQL answers it from which place on, and as which columns."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from connector.core.records import Kind
from connector.crm.base import BadCell, Field, Page, ReadRequest
from connector.crm.salesforce import soql
from connector.crm.salesforce.bulk_query import Job
from connector.crm.salesforce.describe import Describer, Description
from connector.crm.salesforce.faults import QueryTooSlow
from connector.errors import Misconfigured

EARLIEST = datetime(1999, 1, 1, tzinfo=UTC)  # no org is older
NARROWEST = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a read stands: in the window [since, until) of the cursor field, after that row or in that Bulk job.

    With `more`, the window is the first part of the request's, which ends at `end` (None: open).
    """

    since: datetime | None = None
    until: datetime | None = None
    more: bool = False
    end: datetime | None = None
    job: Job | None = None
    cursor: str | None = None  # the last row's cursor value as a SOQL literal
    row_id: str | None = None
    seen: int = 0

    def next_window(self) -> Place | None:
        """The place behind this window; None when the request is answered."""
        return Place(self.until, self.end, seen=self.seen) if self.more else None

    def halved(self, now: datetime, error: QueryTooSlow) -> Place:
        """The first half of the window; `error` goes on when the window cannot be narrowed."""
        since, until = self.since or EARLIEST, self.until or now
        middle = since + (until - since) / 2
        if middle - since < NARROWEST:
            raise error
        end = self.end if self.more else self.until
        return replace(self, since=since, until=middle, more=True, end=end, job=None)


def token_of(place: Place, request: ReadRequest) -> str:
    """The place as text that another process can go on from."""
    job = place.job
    return json.dumps(
        {
            "of": _fingerprint(request),
            "since": _iso(place.since),
            "until": _iso(place.until),
            "more": place.more,
            "end": _iso(place.end),
            "job": None if job is None else [job.id, job.version, job.locator, job.seen],
            "row": [place.cursor, place.row_id],
            "seen": place.seen,
        },
        separators=(",", ":"),
    )


def place_of(request: ReadRequest) -> Place:
    """Where the request's token points; the beginning when it has none, or one of another request."""
    start = Place(request.since, request.until)
    if request.resume is None:
        return start
    try:
        kept = json.loads(request.resume)
        if kept["of"] != _fingerprint(request):
            return start
        job = Job(*kept["job"]) if kept["job"] else None
        cursor, row_id = kept["row"]
        since, until, end = (_instant(kept[name]) for name in ("since", "until", "end"))
        return Place(since, until, bool(kept["more"]), end, job, cursor, row_id, int(kept["seen"]))
    except (ValueError, KeyError, TypeError):
        return start


def _fingerprint(request: ReadRequest) -> str:
    return hashlib.sha256(repr(replace(request, resume=None)).encode()).hexdigest()[:16]


def _iso(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def _instant(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


@dataclass(frozen=True, slots=True)
class Question:
    """What is selected for a request, under which conditions."""

    request: ReadRequest
    described: Description
    wanted: tuple[Field, ...]  # what the caller asked for, in its order
    columns: tuple[Field, ...]  # what is selected for it
    conditions: tuple[str, ...]

    @property
    def name(self) -> str:
        """The object."""
        return self.described.schema.name

    @property
    def cursor(self) -> Field | None:
        """The field by which rows are ordered and bounded."""
        name = self.described.schema.cursor
        return self.described.schema.field(name) if name else None

    @property
    def everything(self) -> bool:
        """Whether deleted rows are asked for and the object has them."""
        return self.request.deleted and self.described.soft_deletes

    def query(self, place: Place, *, ordered: bool) -> str:
        """The SOQL from that place on; a Bulk job takes it unordered, so that the org may split it."""
        cursor = self.cursor
        bounds = []
        if cursor is not None:
            bounds += [f"{cursor.name} >= {soql.instant(place.since)}"] if place.since else []
            bounds += [f"{cursor.name} < {soql.instant(place.until)}"] if place.until else []
        order = [cursor.name, "Id"] if cursor is not None else ["Id"]
        conditions = (*self.conditions, *bounds, *self._after(place))
        return soql.select([each.name for each in self.columns], self.name, conditions, order if ordered else ())

    def _after(self, place: Place) -> list[str]:
        if place.row_id is None:
            return []
        row_id, cursor = soql.text(place.row_id), self.cursor
        if cursor is None or place.cursor is None:
            return [f"Id > {row_id}"]
        name, value = cursor.name, place.cursor
        return [f"({name} > {value} OR ({name} = {value} AND Id > {row_id}))"]

    def passed(self, place: Place, last: dict[str, Any], rows: int) -> Place:
        """The place behind a REST page that ends with that record."""
        value = last.get(self.cursor.name) if self.cursor is not None else None
        literal = soql.instant(datetime.fromisoformat(value)) if value else None
        return replace(place, cursor=literal, row_id=last["Id"], seen=place.seen + rows)

    def page(self, rows: pa.Table, bad: tuple[BadCell, ...], after: Place | None, total: int) -> Page:
        """The selected columns as the page that the protocol promises."""
        names = {each.name: name for each, name in zip(self.wanted, self.request.fields, strict=True)}
        columns = [rows.column(each.name) for each in self.wanted]
        gone = pa.array([False] * rows.num_rows) if not self.everything else rows.column("IsDeleted")
        merges = self.everything and self.described.merges
        into = rows.column("MasterRecordId") if merges else pa.nulls(rows.num_rows, pa.string())
        table = pa.table(
            [*columns, gone, into],
            names=[*(names[each.name] for each in self.wanted), "pmom_deleted", "pmom_merged_into"],
        )
        shown = tuple(replace(each, field=names[each.field]) for each in bad if each.field in names)
        return Page(table, None if after is None else token_of(after, self.request), total, shown)


def question_of(request: ReadRequest, describer: Describer) -> Question:
    """The request checked against the describe; Misconfigured names an absent or hidden object or field."""
    described = describer.get(request.object)
    if described is None:
        fix = "Correct the mapping, enable the feature or give the integration user access"
        raise Misconfigured(f"salesforce {request.object}", "no such object for this user", fix)
    wanted = tuple(visible(describer, request.object, name) for name in request.fields)
    conditions = tuple(
        soql.condition(each, visible(describer, request.object, each.field))
        for each in request.where
        if each.value != ()
    )
    columns = {each.name: each for each in wanted}
    columns |= {name: described.schema.field(name) or Field(name, name, Kind.ID) for name in _own(request, described)}
    return Question(request, described, wanted, tuple(columns.values()), conditions)


def _own(request: ReadRequest, described: Description) -> list[str]:
    names = ["Id", *([described.schema.cursor] if described.schema.cursor else [])]
    if request.deleted and described.soft_deletes:
        names += ["IsDeleted", *(["MasterRecordId"] if described.merges else [])]
    return names


def visible(describer: Describer, object_name: str, field: str) -> Field:
    """The field of that name or path; Misconfigured when the connecting user does not see it."""
    found = describer.resolve(object_name, field)
    if found is None:
        fix = "Correct the mapping, or give the integration user read access to the field"
        raise Misconfigured(f"salesforce {object_name}.{field}", "no such field for this user", fix)
    return found
