"""How a bulk query's answer is kept: one file of rows with the place of each, so that any page can be read again."""

from __future__ import annotations

import base64
import binascii
import re
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from emulators.salesforce.bulk import jobs
from emulators.salesforce.bulk.csv_text import line
from emulators.salesforce.bulk.jobs import Job
from emulators.salesforce.errors import ApiError
from emulators.salesforce.org import Org
from emulators.salesforce.query import records_of
from emulators.salesforce.soql import Context, SoqlError, rows_for_bulk

_FROM = re.compile(r"\bFROM\s+(\w+)(?![^()]*\))", re.IGNORECASE)


def context(org: Org, user: str, version: str, *, all_rows: bool) -> Context:
    """The query's surroundings for that user."""
    return Context(
        schema=org.schema, visible=org.visible(user), now=org.clock.now(), timezone=org.timezone, user_id=user,
        all_rows=all_rows, version=version, fiscal_start_month=org.fiscal_start_month,
        shown=org.shown(user), records=records_of(org, user),
    )  # fmt: skip


def object_of(query: str) -> str:
    """The object after the outermost FROM."""
    found = _FROM.search(query)
    return found[1] if found else ""


def work(org: Org, job: Job) -> None:
    """Run the query and write its rows; callable again after a crash, the file starts anew."""
    begun = time.monotonic()
    rows = jobs.folder(org) / f"{job.id}.csv"
    places = array("Q", [0])
    try:
        header, found = _rows(org, job)
        with rows.open("wb") as out:
            at = out.write(line(header, job.separator, job.newline).encode())
            places[0] = at
            for row in found:
                at += out.write(line(row, job.separator, job.newline).encode())
                places.append(at)
    except (SoqlError, ApiError) as bad:
        jobs.finish(org, job.id, job.kind, error=f"{bad.code}: {bad.message}")
        return
    with (jobs.folder(org) / f"{job.id}.idx").open("wb") as index:
        places.tofile(index)
    took = int((time.monotonic() - begun) * 1000)
    jobs.finish(org, job.id, job.kind, processed=len(places) - 1, milliseconds=took)


def _rows(org: Org, job: Job) -> tuple[list[str], Iterator[list[str]]]:
    surroundings = context(org, job.user, job.version, all_rows=job.operation == "queryAll")
    return rows_for_bulk(org.connection(), job.query, surroundings)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of results: the file with its header, how many rows, and where the next page begins."""

    body: bytes
    rows: int
    locator: str  # "null" at the end


def page(org: Org, job: Job, start: int, size: int) -> Page:
    """The rows [start, start + size)."""
    index = jobs.folder(org) / f"{job.id}.idx"
    last = index.stat().st_size // 8 - 1
    end = min(start + size, last)
    with index.open("rb") as places, (jobs.folder(org) / f"{job.id}.csv").open("rb") as rows:
        head = rows.read(_place(places, 0))
        at = _place(places, min(start, last))
        rows.seek(at)
        body = head + rows.read(_place(places, max(end, 0)) - at)
    return Page(body, max(end - start, 0), "null" if end >= last else locator(end))


def _place(index: object, number: int) -> int:
    places = array("Q")
    index.seek(number * 8)  # type: ignore[attr-defined]
    places.fromfile(index, 1)  # type: ignore[arg-type]
    return places[0]


def locator(row: int) -> str:
    """The opaque name of a place in the results."""
    return base64.urlsafe_b64encode(str(row).encode()).decode().rstrip("=")


def place(text: str) -> int:
    """The row that a locator names; 400 for one that we never gave."""
    try:
        row = int(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError):
        raise ApiError("INVALID_QUERY_LOCATOR", f"invalid query locator: {text}") from None
    if row < 0 or locator(row) != text:
        raise ApiError("INVALID_QUERY_LOCATOR", f"invalid query locator: {text}")
    return row
