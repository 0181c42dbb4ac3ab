"""Thousands of writes as one Bulk 2.0 ingest job, whose rows come back unordered and are matched to their writes.

The ledger holds the job's id before the data is sent, so that a crashed apply finds its job again and no row is
created twice.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from connector.crm.base import Action, JobLedger, Progress, Write, WriteResult, WriteStatus
from connector.crm.salesforce.faults import TRANSIENT, Refusal
from connector.crm.salesforce.http import Wire
from connector.crm.salesforce.values import csv_value
from connector.errors import Retry

JOB_BYTES = 90_000_000  # of one job's CSV: Salesforce takes 150 MB after base64
OPERATIONS = {Action.CREATE: "insert", Action.UPDATE: "update", Action.UPSERT: "upsert", Action.DELETE: "delete"}
KEPT = 86_400.0  # seconds for which a crashed apply may find its job again
UNPROCESSED = "UNPROCESSED"
GONE = "ENTITY_IS_DELETED"
DONE = ("JobComplete", "Failed", "Aborted")


def result_of(write: Write, error: str) -> WriteResult:
    """The outcome that an error text "CODE:message:FIELDS --" tells."""
    code, _, rest = error.partition(":")
    message, _, tail = rest.rpartition(":")
    fields = tuple(name.strip() for name in tail.removesuffix("--").split(",") if name.strip())
    text = (message or rest).strip()
    return outcome(write, code.strip(), text, fields)


def outcome(write: Write, code: str, message: str, fields: tuple[str, ...] = ()) -> WriteResult:
    """A failure as the protocol names it; deleting what is already deleted is no failure."""
    if write.action is Action.DELETE and code == GONE:
        return WriteResult(write.ref, WriteStatus.APPLIED, write.id)
    status = WriteStatus.FAILED if code in TRANSIENT or code == UNPROCESSED else WriteStatus.REFUSED
    return WriteResult(write.ref, status, write.id, code=code, message=message, fields=fields)


class BulkIngest:
    """Runs ingest jobs over one wire."""

    def __init__(self, wire: Wire, ledger: JobLedger, *, clock: Callable[[], float] = time.time) -> None:
        self._wire, self._ledger, self._clock = wire, ledger, clock

    def write(self, writes: Sequence[Write], progress: Progress) -> Iterator[WriteResult]:
        """One result for each write; all are of one object, action and key field, no record twice."""
        columns = _columns(writes)
        for batch, content in _files(writes, columns):
            yield from self._run(batch, content, columns, progress)

    def _run(
        self, writes: Sequence[Write], content: bytes, columns: list[str], progress: Progress
    ) -> Iterator[WriteResult]:
        key = self._key(writes[0], content)
        job = self._recall(key, writes[0].action) or self._start(writes[0], content, key)
        state = self._finish(job, writes[0].object, len(writes), progress)
        yield from self._outcomes(job, state, writes, columns)
        self._ledger.drop(key)

    def _key(self, first: Write, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        text = "\n".join(
            (self._wire.connection.instance_url, first.object, first.action, first.key_field or "", digest)
        )
        return "salesforce:ingest:" + hashlib.sha256(text.encode()).hexdigest()[:32]

    def _recall(self, key: str, action: Action) -> str | None:
        text = self._ledger.get(key)
        if text is None:
            return None
        entry = json.loads(text)
        job = str(entry["job"])
        if self._clock() - float(entry["made"]) > KEPT:
            return None
        try:
            state = self._state(job)["state"]
        except Refusal:
            return None
        if state == "Open":  # its data may be cut: nothing was done yet, so begin anew
            self._patch(job, "Aborted")
            return None
        if state in DONE and action is not Action.CREATE:
            return None  # the record may have changed since; writing the value again is harmless and sure
        return None if state == "Aborted" else job

    def _start(self, first: Write, content: bytes, key: str) -> str:
        body: dict[str, Any] = {
            "object": first.object,
            "operation": OPERATIONS[first.action],
            "contentType": "CSV",
            "lineEnding": "LF",
            "columnDelimiter": "COMMA",
        }
        if first.action is Action.UPSERT:
            body["externalIdFieldName"] = first.key_field
        # A job whose creation was answered to nobody stays open and empty, and expires; so it may be sent again.
        for last in (False, True):
            job = str(self._wire.json("POST", "jobs/ingest", kind="bulk", payload=body, idempotent=True)["id"])
            self._ledger.put(key, json.dumps({"job": job, "made": self._clock()}))
            try:
                self._upload(job, content)
                break
            except Refusal:
                # The upload was sent twice after a lost answer, and a job takes one only: begin with another job.
                if last or self._state(job)["state"] != "Open":
                    raise
                self._patch(job, "Aborted")
        self._patch(job, "UploadComplete")
        return job

    def _upload(self, job: str, content: bytes) -> None:
        path, headers = f"jobs/ingest/{job}/batches", {"Content-Type": "text/csv"}
        self._wire.raw("PUT", path, kind="bulk", data=content, headers=headers)

    def _patch(self, job: str, state: str) -> None:
        try:
            self._wire.json("PATCH", f"jobs/ingest/{job}", kind="bulk", payload={"state": state})
        except Refusal:
            if self._state(job)["state"] == "Open":  # else the first of two sendings did it
                raise

    def _state(self, job: str) -> dict[str, Any]:
        found: dict[str, Any] = self._wire.json("GET", f"jobs/ingest/{job}", kind="bulk")
        return found

    def _finish(self, job: str, name: str, rows: int, progress: Progress) -> dict[str, Any]:
        wait, waited = self._wire.connection.first_poll, 0.0
        while True:
            state = self._state(job)
            if state["state"] in DONE:
                return state
            if waited > self._wire.connection.job_deadline:
                raise Retry(f"Bulk ingest job {job} is still {state['state']} after {waited:.0f} s; run again later")
            progress(name, int(state.get("numberRecordsProcessed") or 0), rows)
            self._wire.sleep(wait)
            waited += wait
            wait = min(self._wire.connection.longest_poll, wait * 1.5)

    def _outcomes(
        self, job: str, state: dict[str, Any], writes: Sequence[Write], columns: list[str]
    ) -> Iterator[WriteResult]:
        failed = int(state.get("numberRecordsFailed") or 0)
        whole = state["state"] == "JobComplete" and int(state.get("numberRecordsProcessed") or 0) >= len(writes)
        waiting = _Waiting(writes, columns)
        ids_known = writes[0].action in (Action.UPDATE, Action.DELETE)
        if failed or not whole:
            for row in self._rows(job, "failedResults"):
                write = waiting.take(row, row.get("sf__Id", ""))
                if write is not None:
                    yield result_of(write, row.get("sf__Error", ""))
        if not (whole and ids_known):
            for row in self._rows(job, "successfulResults"):
                write = waiting.take(row, row.get("sf__Id", ""))
                if write is not None:
                    created = row.get("sf__Created", "").lower() == "true" and not ids_known
                    yield WriteResult(write.ref, WriteStatus.APPLIED, row["sf__Id"], created)
        reason = str(state.get("errorMessage") or f"the job ended as {state['state']} before this row")
        for write in waiting.left():
            if whole and ids_known:
                yield WriteResult(write.ref, WriteStatus.APPLIED, write.id)
            else:
                yield outcome(write, UNPROCESSED, reason)

    def _rows(self, job: str, which: str) -> Iterator[dict[str, str]]:
        answer = self._wire.raw("GET", f"jobs/ingest/{job}/{which}", kind="bulk", headers={"Accept": "text/csv"})
        return csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))


class _Waiting:
    """The writes of a job that have no outcome yet, found by id, by key or, for creations, by their whole row."""

    def __init__(self, writes: Sequence[Write], columns: list[str]) -> None:
        self._columns, self._first = columns, writes[0]
        self._by_mark: dict[tuple[str, ...], deque[Write]] = defaultdict(deque)
        for write in writes:
            self._by_mark[self._mark(dict(zip(columns, _row(write, columns), strict=True)), write.id or "")].append(
                write
            )

    def _mark(self, row: dict[str, str], record_id: str) -> tuple[str, ...]:
        action = self._first.action
        if action in (Action.UPDATE, Action.DELETE):
            return (str(record_id or row.get("Id", ""))[:15],)
        if action is Action.UPSERT:
            return (row.get(self._first.key_field or "", ""),)
        # Rows with the same content are interchangeable: each write gets one of their outcomes.
        return tuple((row.get(name) or "").replace("\r\n", "\n") for name in self._columns)

    def take(self, row: dict[str, str], record_id: str) -> Write | None:
        found = self._by_mark.get(self._mark(row, record_id or row.get("Id", "")))
        return found.popleft() if found else None

    def left(self) -> Iterator[Write]:
        for writes in self._by_mark.values():
            yield from writes


def _columns(writes: Sequence[Write]) -> list[str]:
    names = sorted({name for write in writes for name, _ in write.values})
    first = writes[0]
    if first.action in (Action.UPDATE, Action.DELETE):
        return ["Id", *(names if first.action is Action.UPDATE else [])]
    if first.action is Action.UPSERT:
        return [first.key_field or "", *(name for name in names if name != first.key_field)]
    return names


def _row(write: Write, columns: list[str]) -> list[str]:
    cells = {name: csv_value(value) for name, value in write.values}
    if write.action is Action.UPSERT:
        cells[write.key_field or ""] = write.key or ""
    elif write.id is not None:
        cells["Id"] = write.id
    return [cells.get(name, "") for name in columns]


def _files(writes: Sequence[Write], columns: list[str]) -> Iterator[tuple[list[Write], bytes]]:
    batch: list[Write] = []
    out = io.StringIO()
    sheet = csv.writer(out, lineterminator="\n")
    sheet.writerow(columns)
    for write in writes:
        sheet.writerow(_row(write, columns))
        batch.append(write)
        if out.tell() * 2 > JOB_BYTES and len(out.getvalue().encode()) > JOB_BYTES * 0.9:
            yield batch, out.getvalue().encode()
            batch, out = [], io.StringIO()
            sheet = csv.writer(out, lineterminator="\n")
            sheet.writerow(columns)
    if batch:
        yield batch, out.getvalue().encode()
