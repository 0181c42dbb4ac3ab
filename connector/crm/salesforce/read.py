"""Rows out of the org: by REST pages where few, by a Bulk job where many, from where an earlier process stopped.

A read asks REST first: its first page tells the number of rows, and above the threshold that page is dropped for a
Bulk job. Windows of time that are too slow for the org are halved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from connector.core.records import Kind
from connector.crm.base import Filter, JobLedger, Op, Page, Progress, ReadRequest, arrow_type
from connector.crm.salesforce import soql
from connector.crm.salesforce.bulk_query import BulkQuery, Job, JobLost
from connector.crm.salesforce.csv_arrow import json_page
from connector.crm.salesforce.describe import Describer
from connector.crm.salesforce.faults import QueryTooSlow, Refusal, error_of, fault_of
from connector.crm.salesforce.http import Wire, parsed_date
from connector.crm.salesforce.question import Place, Question, place_of, question_of, visible
from connector.errors import GiveUp, Misconfigured

STARTS = 3  # how often a read begins anew when its job or its server-side cursor is lost
REST_PAGE = 2_000  # rows
IDS_A_QUERY = REST_PAGE
QUERIES_A_CALL = 5  # of one composite call
NOT_IN_BULK = "INVALIDENTITY"
LOCATOR_LOST = ("INVALID_QUERY_LOCATOR", "INVALID_QUERY_CURSOR")


class Reader:
    """Reads requests over one wire."""

    def __init__(self, wire: Wire, describer: Describer, ledger: JobLedger) -> None:
        self._wire, self._describer = wire, describer
        self._bulk = BulkQuery(wire, ledger)

    def read(self, request: ReadRequest, progress: Progress) -> Iterator[Page]:
        """The pages of the request, after its resume token where there is one that still serves."""
        request = self._with_true_ids(request)
        question = question_of(request, self._describer)
        empty = request.since is not None and request.until is not None and request.since >= request.until
        place: Place | None = None if empty or soql.matches_nothing(request.where) else place_of(request)
        starts = 0
        while place is not None:
            at = place
            try:
                for page, after in self._window(question, place, progress):
                    at = after
                    yield page
                place = at.next_window()
            except QueryTooSlow as error:
                if question.cursor is None:
                    raise
                place = at.halved(self._now(), error)
            except JobLost as error:
                starts += 1
                if starts >= STARTS:
                    raise GiveUp(f"{question.name}: {error}") from error
                place = replace(at, job=None, seen=at.seen - (at.job.seen if at.job else 0))

    def _with_true_ids(self, request: ReadRequest) -> ReadRequest:
        """The request without ids that are none: the org would refuse the whole query for one of them."""
        where = tuple(
            replace(each, value=tuple(value for value in each.value if soql.is_id(str(value))))
            if each.op is Op.IN
            and isinstance(each.value, tuple)
            and visible(self._describer, request.object, each.field).kind is Kind.ID
            else each
            for each in request.where
        )
        return replace(request, where=where)

    def _now(self) -> datetime:
        header = self._wire.server_date()
        return (parsed_date(header) if header else datetime.now(UTC)) + timedelta(minutes=1)

    def _window(self, question: Question, place: Place, progress: Progress) -> Iterator[tuple[Page, Place]]:
        unordered = question.query(place, ordered=False)
        bulk = question.described.bulk and len(unordered) <= soql.QUERY_LIMIT
        if place.job is not None or (bulk and self._bulk.known(unordered, _operation(question))):
            yield from self._job(question, place, progress)
            return
        try:
            first = self.ask(question.query(place, ordered=True), everything=question.everything)
        except QueryTooSlow:
            if not bulk:
                raise
            first = None  # the sort was too slow, not necessarily the rows
        many = first is None or first["totalSize"] > self._wire.connection.rest_rows
        if first is not None:
            self._afford(question.name, int(first["totalSize"]), bulk=bulk and many)
        job = self._opened(question, unordered, place, needed=first is None) if bulk and many else None
        if job is not None:
            yield from self._job(question, replace(place, job=job), progress)
        elif first is not None:
            yield from self._rest(question, place, first, progress)

    def _opened(self, question: Question, query: str, place: Place, *, needed: bool) -> Job | None:
        """The Bulk job; None where the org keeps the object out of the Bulk API: those are read page by page."""
        try:
            return self._bulk.open(query, _operation(question), bounded=place.until is not None)
        except Refusal as error:
            if needed or error.code != NOT_IN_BULK:
                raise
            return None

    def _afford(self, name: str, rows: int, *, bulk: bool) -> None:
        """BudgetExhausted before a read is begun that the budget will not let end."""
        calls = 4 + rows // self._wire.connection.bulk_page_rows if bulk else rows // REST_PAGE
        self._wire.budget.require(calls, f"reading {rows} rows of {name}")

    def _rest(
        self, question: Question, place: Place, first: dict[str, Any], progress: Progress
    ) -> Iterator[tuple[Page, Place]]:
        total = place.seen + int(first["totalSize"])
        answer: dict[str, Any] | None = first
        while answer is not None and answer["records"]:
            records = answer["records"]
            place = question.passed(place, records[-1], len(records))
            rows, bad = json_page(records, question.columns)
            more = None if answer.get("done") else answer["nextRecordsUrl"]
            progress(question.name, place.seen, total)
            yield question.page(rows, bad, place if more else place.next_window(), total), place
            answer = None if more is None else self._more(question, place, more)

    def _more(self, question: Question, place: Place, url: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self._wire.json("GET", url, kind="query")
        except Refusal as error:
            if error.code not in LOCATOR_LOST:
                raise
            return self.ask(question.query(place, ordered=True), everything=question.everything)
        return found

    def _job(self, question: Question, place: Place, progress: Progress) -> Iterator[tuple[Page, Place]]:
        query, operation = question.query(replace(place, job=None), ordered=False), _operation(question)
        job = place.job or self._bulk.open(query, operation, bounded=place.until is not None)
        if job.version != self._wire.version:
            raise JobLost(f"Bulk query job {job.id} belongs to API version {job.version}")
        try:
            total = self._bulk.finish(job, progress, question.name)
            before = place.seen - job.seen
            for page in self._bulk.pages(job, question.columns, total):
                seen = page.job.seen + before
                place = replace(place, job=page.job if page.job.locator else None, seen=seen)
                after = place if page.job.locator else place.next_window()
                progress(question.name, seen, total + before)
                yield question.page(page.rows, page.bad_cells, after, total + before), place
        except (JobLost, Refusal):
            self._bulk.forget(query, operation)
            raise
        self._bulk.forget(query, operation)

    def ask(self, query: str, *, everything: bool = False) -> dict[str, Any]:
        """The first page of a query; one too long for a URI travels in the body of a composite call."""
        resource = "queryAll" if everything else "query"
        if soql.fits_uri(query):
            found: dict[str, Any] = self._wire.json("GET", resource, kind="query", params={"q": query})
            return found
        if len(query) > soql.QUERY_LIMIT:
            fix = f"An org takes {soql.QUERY_LIMIT}: shorten the mapping's conditions or fields"
            raise Misconfigured("salesforce query", f"{len(query)} characters long", fix)
        return self._composite([query], resource)[0]

    def _composite(self, queries: Sequence[str], resource: str) -> list[dict[str, Any]]:
        requests = [
            {"method": "GET", "referenceId": f"q{at}", "url": self._wire.path(resource) + "?q=" + soql.quoted(query)}
            for at, query in enumerate(queries)
        ]
        answer = self._wire.json(
            "POST", "composite", kind="query", payload={"compositeRequest": requests}, idempotent=True
        )
        found = []
        for each in answer["compositeResponse"]:
            if each["httpStatusCode"] != 200:
                raise error_of(fault_of("POST composite", each["httpStatusCode"], each["body"], {}), idempotent=True)
            found.append(each["body"])
        return found

    def pick(self, object_name: str, key_field: str, keys: Sequence[str], fields: Sequence[str]) -> pa.Table:
        """The live records whose key field holds one of the keys, as columns of the names asked for."""
        key = visible(self._describer, object_name, key_field)
        wanted = [visible(self._describer, object_name, name) for name in fields]
        columns = list({each.name: each for each in [*wanted, key]}.values())
        head = soql.select([each.name for each in columns], object_name, [f"{key.name} IN ()"])
        distinct = [each for each in dict.fromkeys(keys) if key.kind is not Kind.ID or soql.is_id(each)]
        records = list(self._picked(head, distinct)) if distinct else []
        rows, _ = json_page(records, columns)
        return pa.table(
            [rows.column(each.name) for each in wanted] or {},
            schema=pa.schema([(name, arrow_type(each.kind)) for name, each in zip(fields, wanted, strict=True)]),
        )

    def _picked(self, head: str, keys: list[str]) -> Iterator[dict[str, Any]]:
        room = soql.URI_LIMIT - soql.uri_length(head)
        if len(list(soql.chunks(keys, room, IDS_A_QUERY))) <= 1:
            yield from self._all(self.ask(_filled(head, keys)))
            return
        queries = [_filled(head, run) for run in soql.chunks(keys, soql.QUERY_LIMIT - len(head), IDS_A_QUERY)]
        for start in range(0, len(queries), QUERIES_A_CALL):
            for answer in self._composite(queries[start : start + QUERIES_A_CALL], "query"):
                yield from self._all(answer)

    def _all(self, answer: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
        while answer is not None:
            yield from answer["records"]
            more = None if answer.get("done", True) else answer["nextRecordsUrl"]
            answer = None if more is None else self._wire.json("GET", more, kind="query")

    def rows(self, query: str) -> list[dict[str, Any]]:
        """All records of a query of the adapter's own."""
        return list(self._all(self.ask(query)))

    def ids(self, object_name: str, where: Sequence[Filter], progress: Progress) -> Iterator[str]:
        """The ids of all live records, for finding out which of ours were deleted for good."""
        request = ReadRequest(object_name, ("Id",), tuple(where), deleted=False)
        for page in self.read(request, progress):
            yield from (str(each) for each in page.rows.column("Id").to_pylist())


def _operation(question: Question) -> str:
    return "queryAll" if question.everything else "query"


def _filled(head: str, keys: Sequence[str]) -> str:
    return head.replace(" IN ()", f" IN ({', '.join(soql.text(key) for key in keys)})")
