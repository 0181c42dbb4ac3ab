"""A Bulk 2.0 query job from its creation to its last page, taken up again after a crash wherever it stood.

The job's id is in the ledger before the first wait; a page's place is its locator, which the org keeps for days.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa

from connector.crm.base import BadCell, Field, JobLedger, Progress
from connector.crm.retry import Again
from connector.crm.salesforce.csv_arrow import csv_page
from connector.crm.salesforce.faults import SLOW_QUERY, QueryTooSlow, Refusal
from connector.crm.salesforce.http import Wire
from connector.errors import GiveUp, Retry

KEPT_BOUNDED = 6 * 86_400.0  # seconds for which a job may be taken up again: results live for seven days
KEPT_OPEN = 300.0  # ... and where no `until` bounds the rows: an older answer would pass as one of now
PAGE_BYTES = 64 << 20  # a page is meant to stay below this


class JobLost(GiveUp):
    """The job is gone, expired, aborted or of another API version: start again."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job and how far it has been read."""

    id: str
    version: str
    locator: str = ""
    seen: int = 0


@dataclass(frozen=True, slots=True)
class BulkPage:
    """One page and the job's place after it, whose locator is empty behind the last one."""

    rows: pa.Table
    bad_cells: tuple[BadCell, ...]
    job: Job


def page_rows(fields: Sequence[Field], most: int) -> int:
    """Rows a page so that wide objects stay within PAGE_BYTES."""
    width = sum(max(20, (each.length or 0) // 16) for each in fields)
    return min(most, max(2_000, PAGE_BYTES // max(1, width)))


class BulkQuery:
    """Runs query jobs over one wire; the ledger may be shared between processes."""

    def __init__(self, wire: Wire, ledger: JobLedger, *, clock: Callable[[], float] = time.time) -> None:
        self._wire, self._ledger, self._clock = wire, ledger, clock

    def key(self, query: str, operation: str) -> str:
        """The ledger's key of that query in that org."""
        text = "\n".join((self._wire.connection.instance_url, self._wire.version, operation, query))
        return "salesforce:query:" + hashlib.sha256(text.encode()).hexdigest()[:32]

    def open(self, query: str, operation: str, *, bounded: bool) -> Job:
        """The job of that query: the one in the ledger where it may still serve, else a new one."""
        key = self.key(query, operation)
        kept = self._recall(key, KEPT_BOUNDED if bounded else KEPT_OPEN)
        return kept or self._create(query, operation, key)

    def known(self, query: str, operation: str) -> bool:
        """Whether the ledger has a job of that query, dead or alive."""
        return self._ledger.get(self.key(query, operation)) is not None

    def forget(self, query: str, operation: str) -> None:
        """The ledger no longer needs that job."""
        self._ledger.drop(self.key(query, operation))

    def _recall(self, key: str, longest: float) -> Job | None:
        text = self._ledger.get(key)
        if text is None:
            return None
        try:
            entry = json.loads(text)
            job, made = Job(entry["job"], entry["version"]), float(entry["made"])
        except (ValueError, KeyError, TypeError):
            return None
        if job.version != self._wire.version or self._clock() - made > longest or not self._alive(job):
            self._ledger.drop(key)
            return None
        return job

    def _alive(self, job: Job) -> bool:
        try:
            return self._state(job)["state"] in ("UploadComplete", "InProgress", "JobComplete")
        except JobLost:
            return False

    def _create(self, query: str, operation: str, key: str) -> Job:
        # A lost answer leaves an idle job behind, which expires; so the creation may be sent again.
        answer = self._wire.json(
            "POST", "jobs/query", kind="bulk", payload={"operation": operation, "query": query}, idempotent=True
        )
        job = Job(answer["id"], self._wire.version)
        self._ledger.put(key, json.dumps({"job": job.id, "version": job.version, "made": self._clock()}))
        return job

    def _state(self, job: Job) -> dict[str, object]:
        try:
            found: dict[str, object] = self._wire.json("GET", f"jobs/query/{job.id}", kind="bulk")
        except Refusal as error:
            if error.status in (404, 409) or error.code in ("NOT_FOUND", "INVALIDJOB", "INVALIDJOBSTATE"):
                raise JobLost(str(error)) from error
            raise
        return found

    def finish(self, job: Job, progress: Progress, what: str) -> int:
        """Waits until the job is complete; the number of its rows. JobLost, QueryTooSlow or GiveUp when it fails."""
        wait = self._wire.connection.first_poll
        waited = 0.0
        while True:
            state = self._state(job)
            total = int(str(state.get("numberRecordsProcessed") or 0))
            if state["state"] == "JobComplete":
                return total
            if state["state"] in ("Failed", "Aborted"):
                raise _failed(job, state)
            if waited > self._wire.connection.job_deadline:
                raise Retry(
                    f"Bulk query job {job.id} is still {state['state']} after {waited:.0f} s; run again later"
                )
            progress(f"{what}: waiting for the org", total, None)
            self._wire.sleep(wait)
            waited += wait
            wait = min(self._wire.connection.longest_poll, wait * 1.5)

    def pages(self, job: Job, fields: Sequence[Field], total: int) -> Iterator[BulkPage]:
        """The pages from the job's place on; the next one is fetched while this one is parsed and used.

        Retry when the pages do not add up to `total` rows.
        """
        most = page_rows(fields, self._wire.connection.bulk_page_rows)
        with ThreadPoolExecutor(1, "bulk-page") as fetcher:
            coming: Future[_Fetched] | None = fetcher.submit(self._fetch, job, job.locator, most)
            while coming is not None:
                fetched = coming.result()
                coming = fetcher.submit(self._fetch, job, fetched.locator, most) if fetched.locator else None
                rows, bad = self._parsed(job, fetched, fields, most)
                seen = job.seen + rows.num_rows
                place = Job(job.id, job.version, fetched.locator, seen)
                if coming is None and seen != total:
                    raise Retry(f"Bulk query job {job.id} has {total} rows but gave {seen}; run again")
                yield BulkPage(rows, bad, place)
                job = place

    def _parsed(
        self, job: Job, fetched: _Fetched, fields: Sequence[Field], most: int
    ) -> tuple[pa.Table, tuple[BadCell, ...]]:
        try:
            return csv_page(fetched.content, fields, fetched.count)
        except Again:  # a page that a gateway cut in a way the transport cannot notice
            again = self._fetch(job, fetched.asked, most)
            return csv_page(again.content, fields, again.count)

    def _fetch(self, job: Job, locator: str, most: int) -> _Fetched:
        params = {"maxRecords": str(most)} | ({"locator": locator} if locator else {})
        try:
            answer = self._wire.raw(
                "GET", f"jobs/query/{job.id}/results", kind="bulk", params=params, headers={"Accept": "text/csv"}
            )
        except Refusal as error:
            if error.status in (400, 404, 409):
                raise JobLost(str(error)) from error
            raise
        after = answer.headers.get("Sforce-Locator") or "null"
        count = answer.headers.get("Sforce-NumberOfRecords")
        number = int(count) if count and count.isdigit() else None
        return _Fetched(answer.content, locator, "" if after == "null" else after, number)


@dataclass(frozen=True, slots=True)
class _Fetched:
    content: bytes
    asked: str
    locator: str
    count: int | None


def _failed(job: Job, state: dict[str, object]) -> Exception:
    reason = str(state.get("errorMessage") or "no reason given")
    if state["state"] == "Aborted":
        return JobLost(f"Bulk query job {job.id} was aborted")
    if SLOW_QUERY in reason or "running for too long" in reason:
        return QueryTooSlow(f"Bulk query job {job.id}", 400, SLOW_QUERY, reason)
    return Refusal(f"Bulk query job {job.id}", 400, "BULK_QUERY_FAILED", reason)
