"""Rows out of the portal: lists when everything is wanted, searches when only what changed is, batches when ids are.

Live records come first, then archived ones. A record archived while the read goes on is told once: archived when its
row is still here, else as it was met; the next read tells the rest. Beside one table of rows only ids are kept of
what went by, eight bytes each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from connector.core.records import Kind
from connector.crm.base import Field, Filter, Op, Page, Progress, ReadRequest, no_progress
from connector.crm.hubspot import conditions
from connector.crm.hubspot.catalog import Catalog
from connector.crm.hubspot.history import DEAL, HistoryQuestion, history_of
from connector.crm.hubspot.kinds import ID_FIELD
from connector.crm.hubspot.listing import Chunk, Records, ahead, grouped
from connector.crm.hubspot.pages import ARCHIVED, ARCHIVED_AT, ID
from connector.crm.hubspot.pick import fetched, found
from connector.crm.hubspot.question import (
    DELETED,
    GONE,
    LIVE,
    Part,
    Place,
    Question,
    before,
    both,
    empty_rows,
    place_of,
    question_of,
    token_of,
)
from connector.crm.hubspot.search import Search
from connector.crm.hubspot.sources import HISTORY, SOURCES, source_rows, source_table
from connector.crm.hubspot.values import typed
from connector.crm.hubspot.wire import Wire

GROUP = 30  # answers that become one page of rows

Asked = Question | HistoryQuestion


@dataclass(slots=True)
class _Run:
    """What went by of one read."""

    ids: list[Any] = field(default_factory=list)  # int64 arrays, not yet in `ordered`
    ordered: Any = None
    held: tuple[Part, Place] | None = None  # the rows that nobody has seen yet

    def passed(self, ids: Any) -> None:
        """These records were told."""
        self.ids.append(_numbers(ids))

    def fresh(self, ids: Any) -> Any:
        """Which records were not told before; rows still held do not count as told."""
        asked = _numbers(ids)
        if self.ordered is None:
            self.ordered, self.ids = np.sort(np.concatenate([_NONE, *self.ids])), []
        known = np.isin(asked, np.concatenate([_NONE, *self.ids]))
        if len(self.ordered):
            at = np.minimum(np.searchsorted(self.ordered, asked), len(self.ordered) - 1)
            known |= self.ordered[at] == asked
        return pa.array(~known)

    def drop_held(self, ids: Any) -> Any:
        """Take live rows of these records out of what is held; -> which of the ids are to be told now."""
        if self.held is None:
            return pa.array([True] * len(ids), pa.bool_())
        part, place = self.held
        again: Any = pc.is_in(part.ids, value_set=ids)
        kept: Any = pc.or_(pc.invert(again), part.rows.column(DELETED).combine_chunks())
        told = part.ids.filter(pc.and_(again, kept))
        if not pc.all(kept).as_py():
            bad = tuple(each for each in part.bad_cells if each.row_id not in set(ids.to_pylist()))
            self.held = Part(part.rows.filter(kept), part.ids.filter(kept), bad), place
        return pc.invert(pc.is_in(ids, value_set=told))


_NONE = np.empty(0, np.int64)


def _numbers(ids: Any) -> Any:
    return pc.cast(ids, pa.int64()).to_numpy(zero_copy_only=False)


class Reader:
    """Reads requests over one wire."""

    def __init__(self, wire: Wire, catalog: Catalog, *, group: int = GROUP) -> None:
        self._wire, self._catalog, self._group = wire, catalog, group
        self._records = Records(wire)
        self._search = Search(wire, self._records)

    def read(self, request: ReadRequest, progress: Progress) -> Iterator[Page]:
        """The pages of the request, after its resume token where it has one."""
        name = request.object.lower()
        if name in SOURCES:
            yield from source_rows(self._wire, self._catalog, request, progress)
            return
        history = name == HISTORY
        named, rest = named_ids(request, DEAL if history else ID_FIELD)
        question = (history_of if history else question_of)(self._wire, self._catalog, replace(request, where=rest))
        if named is not None:
            yield from self._named(question, named)
            return
        empty = request.since is not None and request.until is not None and request.since >= request.until
        if not empty and not conditions.nothing_matches(request.where):
            yield from self._pages(question, request, progress)

    def _named(self, question: Asked, ids: Sequence[str]) -> Iterator[Page]:
        """The live records of these ids as one page; a merged one as well, where its survivor tells it."""
        asked = [each for each in dict.fromkeys(ids) if each.isascii() and each.isdigit()]
        answers = tuple(self._records.batch(question.kind, asked, question.ask))
        if answers:
            raw = question.table(answers)
            raw = raw.filter(pc.invert(raw.column(ARCHIVED)))
            part = question.part(raw, deleted=False)
            rows = part.rows.filter(pc.is_in(part.ids, value_set=pa.array(asked, pa.string())))
            yield Page(rows, None, rows.num_rows, part.bad_cells)

    def _pages(self, question: Asked, request: ReadRequest, progress: Progress) -> Iterator[Page]:
        """The parts as pages, one held back: only then is known which one is the last."""
        run, seen = _Run(), place_of(request).seen
        for part, place in self._parts(question, request, run):
            ready, run.held = run.held, (part, place)
            if ready is not None and ready[0].rows.num_rows:
                rows, at = ready[0].rows, ready[1]
                seen += rows.num_rows
                if request.deleted:
                    run.passed(ready[0].ids)
                progress(question.schema.name, seen, None)
                yield Page(rows, token_of(replace(at, seen=seen), request), None, ready[0].bad_cells)
        if run.held is not None:
            rows = run.held[0].rows
            seen += rows.num_rows
            progress(question.schema.name, seen, seen)
            yield Page(rows, None, seen, run.held[0].bad_cells)

    def _parts(self, question: Asked, request: ReadRequest, run: _Run) -> Iterator[tuple[Part, Place]]:
        place = place_of(request)
        if place.stage == LIVE:
            for chunk in self._chunks(self._live(question, request, place.after)):
                after = Place(GONE) if chunk.after is None else Place(LIVE, chunk.after)
                part = question.part(question.table(chunk.pages), deleted=False, bounded=request.since is None)
                if part.rows.num_rows:
                    yield part, after
            place = Place(GONE)
        if request.deleted:
            yield from self._gone(question, request, place, run)

    def _live(self, question: Asked, request: ReadRequest, after: str | None) -> Iterator[Chunk]:
        if request.since is None:
            return self._records.listed(question.kind, question.ask, archived=False, after=after)
        return self._search.found(question.kind, question.ask, question.filters(request.since), after=after)

    def _chunks(self, steps: Iterator[Chunk]) -> Iterator[Chunk]:
        return grouped(ahead(steps), self._group)

    def _gone(self, question: Asked, request: ReadRequest, place: Place, run: _Run) -> Iterator[tuple[Part, Place]]:
        listed = self._records.listed(question.kind, question.ask, archived=True, after=place.after)
        for chunk in self._chunks(listed):
            raw = question.table(chunk.pages)
            raw = raw.filter(_within(raw, request))
            raw = raw.filter(run.fresh(raw.column(ID).combine_chunks()))
            raw = raw.filter(run.drop_held(raw.column(ID).combine_chunks()))
            part = question.part(raw, deleted=True)
            if part.rows.num_rows:
                yield part, Place(GONE, chunk.after)

    def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> pa.Table:
        """The named live records; one that is missing, archived or merged away is simply not there."""
        if object_name.lower() in SOURCES:
            return source_table(self._wire, self._catalog, object_name, "id", ids, fields)
        request = ReadRequest(object_name, tuple(fields), deleted=False)
        if object_name.lower() == HISTORY:
            return history_of(self._wire, self._catalog, request).picked(self._records, ids)
        return fetched(self._records, question_of(self._wire, self._catalog, request), ids)

    def find(self, object_name: str, key_field: str, keys: Sequence[str], fields: Sequence[str]) -> pa.Table:
        """The live records whose key field holds one of the keys."""
        if object_name.lower() in SOURCES:
            return source_table(self._wire, self._catalog, object_name, key_field, keys, fields)
        if object_name.lower() == HISTORY:
            return self._among(object_name, Filter(key_field, Op.IN, tuple(keys)), fields)
        request = ReadRequest(object_name, (*fields, key_field), deleted=False)
        question = question_of(self._wire, self._catalog, request)
        rows = found(self._records, self._search, question, keys)
        return rows.select(range(len(fields)))

    def _among(self, object_name: str, condition: Filter, fields: Sequence[str]) -> pa.Table:
        """Of an object without keys: all of it is read."""
        request = ReadRequest(object_name, tuple(fields), (condition,), deleted=False)
        question = history_of(self._wire, self._catalog, request)
        pages = [page.rows.select(range(len(fields))) for page in self.read(request, no_progress)]
        return pa.concat_tables([empty_rows(question.names, question.wanted), *pages])


def named_ids(request: ReadRequest, id_field: str) -> tuple[tuple[str, ...] | None, tuple[Filter, ...]]:
    """The ids of a request that asks for records by name, or None, and its other conditions."""
    for each in request.where if request.since is None and request.resume is None else ():
        if each.op is Op.IN and each.field.lower() == id_field and isinstance(each.value, tuple) and each.value:
            return tuple(map(str, each.value)), tuple(other for other in request.where if other is not each)
    return None, request.where


def _within(raw: pa.Table, request: ReadRequest) -> Any:
    """Which archived records were archived in the time asked for; the modified date does not tell."""
    moments, _ = typed(raw.column(ARCHIVED_AT), Field(ARCHIVED_AT, "", Kind.INSTANT), raw.column(ID))
    kept: Any = None if request.until is None else before(moments, request.until)
    if request.since is not None:
        kept = both(kept, pc.fill_null(pc.invert(before(moments, request.since)), True))
    return pc.is_valid(raw.column(ID)) if kept is None else kept
