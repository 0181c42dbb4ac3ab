"""Changes into the org: grouped, ordered so that they do not wait for each other's locks, one outcome a write.

Up to a threshold 200 records travel in one collection call, above it in one Bulk job. Nothing is written twice: a
creation whose answer was lost is reported as failed and unknown, and the caller finds the record by its key.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from connector.crm.base import Action, JobLedger, Progress, Write, WriteResult, WriteStatus
from connector.crm.retry import Unanswered
from connector.crm.runs import once_each
from connector.crm.salesforce.bulk_ingest import UNPROCESSED, BulkIngest, outcome
from connector.crm.salesforce.describe import Describer
from connector.crm.salesforce.faults import TRANSIENT, Refusal
from connector.crm.salesforce.http import Wire
from connector.crm.salesforce.values import csv_value, json_value, needs_json
from connector.errors import BudgetExhausted, Retry

BATCH = 200  # records of one collection call
ROUNDS = 4  # how often a record is sent whose lock another transaction held
SPLITS = 64  # calls spent on finding the records for which the org refuses a whole batch
ANSWER_LOST = "ANSWER_LOST"
UNAVAILABLE = "UNAVAILABLE"
NO_REQUESTS = "REQUEST_LIMIT_EXCEEDED"
WHOLE = frozenset({"INVALID_TYPE", "NOT_FOUND", "INSUFFICIENT_ACCESS", "INVALID_HTTP_METHOD", "METHOD_NOT_ALLOWED"})
"""Codes with which a batch is refused for what it is, not for one of its records."""

Group = tuple[str, Action, str | None]


class Writer:
    """Writes over one wire."""

    def __init__(self, wire: Wire, describer: Describer, ledger: JobLedger) -> None:
        self._wire, self._describer = wire, describer
        self._bulk = BulkIngest(wire, ledger)

    def write(self, writes: Sequence[Write], progress: Progress) -> Iterator[WriteResult]:
        """One result a write. BudgetExhausted before the first call when all of them would not fit the budget."""
        groups: dict[Group, list[Write]] = defaultdict(list)
        for write in writes:
            groups[write.object, write.action, write.key_field].append(write)
        self._wire.budget.require(self.calls(writes), f"writing {len(writes)} records")
        done = 0
        for group in groups.values():
            for part in once_each(group, _target):
                for result in self._rounds(part, progress):
                    done += 1
                    progress("writing", done, len(writes))
                    yield result

    def calls(self, writes: Sequence[Write]) -> int:
        """About how many requests the writes cost."""
        sizes: dict[Group, int] = defaultdict(int)
        for write in writes:
            sizes[write.object, write.action, write.key_field] += 1
        return sum(7 if self._in_bulk(size) else -(-size // BATCH) for size in sizes.values())

    def _in_bulk(self, size: int) -> bool:
        return size > self._wire.connection.bulk_writes

    def _rounds(self, writes: list[Write], progress: Progress) -> Iterator[WriteResult]:
        sound: list[Write] = []
        for write in writes:
            refusal = _unsendable(write)
            if refusal is None:
                sound.append(write)
            else:
                yield refusal
        waiting = self._ordered(sound)
        for turn in range(ROUNDS):
            by_ref = {write.ref: write for write in waiting}
            again: list[Write] = []
            for result in self._send(waiting, progress):
                if turn + 1 < ROUNDS and result.code in TRANSIENT | {UNPROCESSED}:
                    again.append(by_ref[result.ref])
                else:
                    yield result
            if not again:
                return
            waiting = self._ordered(again)
            self._wire.sleep(self._wire.connection.patience.first * 2**turn * (0.5 + random.random()))

    def _ordered(self, writes: list[Write]) -> list[Write]:
        """By parent, then record: transactions that want the same locks lie in the same batch, in the same order."""
        if not writes:
            return writes
        described = self._describer.get(writes[0].object)
        parents = {each.name for each in described.schema.fields if each.references} if described else set()

        def place(write: Write) -> tuple[str, str]:
            parent = next((str(value) for name, value in write.values if name in parents and value), "")
            return parent, write.id or write.key or write.ref

        return sorted(writes, key=place)

    def _send(self, writes: list[Write], progress: Progress) -> Iterator[WriteResult]:
        if self._in_bulk(len(writes)) and not any(needs_json(value) for each in writes for _, value in each.values):
            yield from self._job(writes, progress)
            return
        stopped: BudgetExhausted | None = None
        for start in range(0, len(writes), BATCH):
            batch = writes[start : start + BATCH]
            if stopped is None:
                try:
                    yield from self._batch(batch, [SPLITS])
                    continue
                except BudgetExhausted as error:
                    stopped = error
            yield from _all_failed(batch, NO_REQUESTS, str(stopped))

    def _job(self, writes: list[Write], progress: Progress) -> Iterator[WriteResult]:
        left = {write.ref: write for write in writes}
        try:
            for result in self._bulk.write(writes, progress):
                left.pop(result.ref)
                yield result
        except BudgetExhausted as error:
            yield from _all_failed(list(left.values()), NO_REQUESTS, str(error))
        except Refusal as error:
            for write in left.values():
                yield WriteResult(
                    write.ref, WriteStatus.REFUSED, write.id, False, error.code, error.message, error.fields
                )
        except Retry as error:
            yield from _all_failed(list(left.values()), UNAVAILABLE, str(error))

    def _batch(self, batch: list[Write], splits: list[int]) -> list[WriteResult]:
        try:
            answer = self._call(batch)
        except Refusal as error:
            return self._refused(batch, error, splits)
        except Unanswered as error:
            return _all_failed(batch, ANSWER_LOST, f"{error}; it may have been done")
        except Retry as error:
            return _all_failed(batch, UNAVAILABLE, str(error))
        if not isinstance(answer, list) or len(answer) != len(batch):
            return _all_failed(batch, ANSWER_LOST, "the org answered for another number of records")
        return [_result(write, each) for write, each in zip(batch, answer, strict=True)]

    def _refused(self, batch: list[Write], error: Refusal, splits: list[int]) -> list[WriteResult]:
        """A batch that is refused as a whole is halved until its culprits stand alone."""
        if len(batch) == 1 or error.code in WHOLE or error.status in (403, 404, 405):
            return [outcome(write, error.code, error.message, error.fields) for write in batch]
        if splits[0] < 2:
            why = f"not tried alone after {SPLITS} splits of a refused batch: {error.code}: {error.message}"
            return _all_failed(batch, error.code, why)
        splits[0] -= 2
        middle = len(batch) // 2
        return self._batch(batch[:middle], splits) + self._batch(batch[middle:], splits)

    def _call(self, batch: list[Write]) -> Any:
        first = batch[0]
        if first.action is Action.DELETE:
            params = {"ids": ",".join(write.id or "" for write in batch), "allOrNone": "false"}
            return self._wire.json("DELETE", "composite/sobjects", kind="write", params=params)
        payload = {"allOrNone": False, "records": [_record(write) for write in batch]}
        if first.action is Action.CREATE:
            return self._wire.json("POST", "composite/sobjects", kind="write", payload=payload)
        path = f"composite/sobjects/{first.object}/{first.key_field}" if first.action is Action.UPSERT else None
        return self._wire.json("PATCH", path or "composite/sobjects", kind="write", payload=payload)


def _record(write: Write) -> dict[str, Any]:
    record: dict[str, Any] = {"attributes": {"type": write.object}}
    if write.action is Action.UPDATE:
        record["id"] = write.id
    if write.action is Action.UPSERT:
        record[write.key_field or ""] = write.key
    return record | {name: json_value(value) for name, value in write.values}


def _result(write: Write, answer: dict[str, Any]) -> WriteResult:
    if answer.get("success"):
        created = bool(answer.get("created", write.action is Action.CREATE))
        return WriteResult(write.ref, WriteStatus.APPLIED, answer.get("id") or write.id, created)
    errors = answer.get("errors") or [{}]
    first = errors[0]
    code = str(first.get("statusCode") or first.get("errorCode") or "UNKNOWN")
    message = "; ".join(str(each.get("message", "")) for each in errors)
    fields = tuple(str(name) for each in errors for name in each.get("fields") or ())
    return outcome(write, code, message, fields)


def _all_failed(writes: Sequence[Write], code: str, message: str) -> list[WriteResult]:
    return [WriteResult(each.ref, WriteStatus.FAILED, each.id, code=code, message=message) for each in writes]


def _unsendable(write: Write) -> WriteResult | None:
    """The refusal of a write that cannot be put into a call at all."""
    try:
        for _, value in write.values:
            json_value(value)
            csv_value(value)
    except ValueError as error:
        return WriteResult(write.ref, WriteStatus.REFUSED, write.id, code="BAD_VALUE", message=str(error))
    if write.action in (Action.UPDATE, Action.DELETE) and not write.id:
        return WriteResult(write.ref, WriteStatus.REFUSED, code="MISSING_ARGUMENT", message="no record id")
    if write.action is Action.UPSERT and not (write.key_field and write.key):
        return WriteResult(write.ref, WriteStatus.REFUSED, code="MISSING_ARGUMENT", message="no key")
    return None


def _target(write: Write) -> str | None:
    """The record that a write is about; None for one that is not there yet."""
    return ((write.id or "")[:15] if write.action in (Action.UPDATE, Action.DELETE) else write.key) or None
