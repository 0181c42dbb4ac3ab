"""What the query resources answer: pages of rows that stay as they were while records change."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any, TypeVar

from emulators.loopback.clock import parse_instant, stored
from emulators.loopback.json_text import spaced
from emulators.salesforce import storage
from emulators.salesforce.errors import ApiError
from emulators.salesforce.explain import explain
from emulators.salesforce.org import Org
from emulators.salesforce.router import JSON_TYPE, Request, Response, Router, json_response
from emulators.salesforce.schema import ObjectType
from emulators.salesforce.soql import Context, Result, ResultColumn, SoqlError, run
from emulators.salesforce.tooling.entities import concerns
from emulators.salesforce.tooling.tables import ask
from emulators.salesforce.viewpoint import context as context
from emulators.salesforce.viewpoint import records_of as records_of

PAGE_MAX, PAGE_MIN, CURSORS_PER_USER = 2000, 200, 10
_T = TypeVar("_T")
CURSOR_LIFE = timedelta(days=2)
_BATCH = re.compile(r"batchsize\s*=\s*(\d+)", re.IGNORECASE)
_APEX = {
    "boolean": "Boolean",
    "int": "Integer",
    "double": "Double",
    "currency": "Double",
    "percent": "Double",
    "date": "Date",
    "datetime": "Datetime",
    "id": "Id",
    "reference": "Id",
}
_LOCATOR = re.compile(r"(01g[0-9A-Za-z]{12,15})-([0-9]{1,9})\Z")


def routes(router: Router) -> None:
    """query, queryAll and the pages that follow."""
    for name in ("query", "queryAll"):
        router.add("GET", f"/services/data/{{version}}/{name}", first_page)
        router.add("GET", f"/services/data/{{version}}/{name}/{{locator}}", next_page)


def first_page(request: Request, org: Org) -> Response:
    """Run a query; `columns=true` answers its column metadata and `explain` its plan."""
    all_rows = "/queryall" in request.path.lower()
    soql = request.query.get("q") or request.query.get("explain")
    if not soql:
        raise ApiError("MALFORMED_QUERY", "A query string has to be specified")
    if "explain" in request.query:
        seen_by = context(org, request.user, request.version, all_rows=all_rows)
        return json_response(_checked(lambda: explain(org.connection(), soql, seen_by)))
    return answer(request, org, soql, all_rows=all_rows)


def answer(request: Request, org: Org, soql: str, *, all_rows: bool = False) -> Response:
    """The first page of a query's rows, with the address of the next."""
    seen_by = context(org, request.user, request.version, all_rows=all_rows)
    return _checked(lambda: _answer(request, org, soql, seen_by))


def _checked(act: Callable[[], _T]) -> _T:
    try:
        return act()
    except SoqlError as bad:
        raise ApiError(bad.code, bad.message) from None


def _answer(request: Request, org: Org, soql: str, seen_by: Context) -> Response:
    if concerns(soql):
        found = ask(org, seen_by, soql, tooling=False)
        if wants_columns(request):
            return json_response(column_metadata(found.entity, found.columns))
        return _page(found.total, spaced(found.records), None)
    result = run(org.connection(), soql, seen_by)
    org.limits.check_query(result.total)
    if wants_columns(request):
        return json_response(column_metadata(result.entity, result.columns))
    records = iter(result.records)
    size = page_size(request)
    first = list(islice(records, size))
    _mark_seen(org, result)
    following = next(records, None) if len(first) == size else None
    where = None
    if following is not None:
        cursor = _keep(org, request.user, result.total, size, _chain(following, records))
        where = _next(request, cursor, size)
    return _page(result.total, spaced(first), where)


def next_page(request: Request, org: Org) -> Response:
    """A page by its locator; may be read again and again."""
    match = _LOCATOR.match(request.params["locator"])
    row = None
    if match:
        row = (
            org.connection()
            .execute(
                "SELECT c.total, c.created_at, p.start, p.size, p.body "
                "FROM e_cursor c JOIN e_page p ON p.cursor = c.id WHERE c.id = ? AND p.start = ? AND c.user_id = ?",
                (match[1], int(match[2]), request.user),
            )
            .fetchone()
        )
    if match is None or row is None or parse_instant(row["created_at"]) + CURSOR_LIFE < org.clock.now():
        raise ApiError("INVALID_QUERY_LOCATOR", "invalid query locator")
    end = row["start"] + row["size"]
    following = _next(request, match[1], end) if end < row["total"] else None
    return _page(row["total"], row["body"], following)


def page_size(request: Request) -> int:
    """The page size that the Sforce-Query-Options header asks for, within 200 and 2000."""
    match = _BATCH.search(request.headers.get("sforce-query-options", ""))
    return min(max(int(match[1]), PAGE_MIN), PAGE_MAX) if match else PAGE_MAX


def _chain(first: dict[str, Any], rest: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield first
    yield from rest


def _keep(org: Org, user: str, total: int, size: int, records: Iterator[dict[str, Any]]) -> str:
    """Store the rows after the first page; returns the cursor's id."""
    with org.transaction() as connection:
        cursor = org.new_ids("01g", 1)[0]
        connection.execute("INSERT INTO e_cursor VALUES (?, ?, ?, ?)", (cursor, user, stored(org.clock.now()), total))
        start = size
        while page := list(islice(records, size)):
            connection.execute("INSERT INTO e_page VALUES (?, ?, ?, ?)", (cursor, start, len(page), spaced(page)))
            start += len(page)
        old = "SELECT id FROM e_cursor WHERE user_id = ? ORDER BY created_at DESC, id DESC LIMIT -1 OFFSET ?"
        for (gone,) in connection.execute(old, (user, CURSORS_PER_USER)).fetchall():
            connection.execute("DELETE FROM e_page WHERE cursor = ?", (gone,))
            connection.execute("DELETE FROM e_cursor WHERE id = ?", (gone,))
    return cursor


def _mark_seen(org: Org, result: Result) -> None:
    """FOR VIEW and FOR REFERENCE: the records remember when; nothing else about them changes."""
    names = {"VIEW": ("LastViewedDate", "LastReferencedDate"), "REFERENCE": ("LastReferencedDate",)}.get(
        result.seen, ()
    )
    known = [name for name in names if result.entity.field(name) is not None]
    if not known or not result.ids:
        return
    settings = ", ".join(f"{storage.column(name)} = :now" for name in known)
    values = {"now": stored(org.clock.now()), "ids": json.dumps(result.ids)}
    with org.transaction() as connection:
        connection.execute(
            f"UPDATE {storage.table(result.entity)} SET {settings} WHERE f_id IN (SELECT value FROM json_each(:ids))",
            values,
        )


def _next(request: Request, cursor: str, start: int) -> str:
    return f"/services/data/v{request.version}/query/{cursor}-{start}"


def _page(total: int, records: bytes, following: str | None) -> Response:
    """The answer around records that are rendered already: kept pages are sent as they lie in the file."""
    more = f'"done":false,"nextRecordsUrl":"{following}"' if following else '"done":true'
    body = f'{{"totalSize":{total},{more},"records":'.encode() + records + b"}"
    return Response(200, body, {"Content-Type": JSON_TYPE})


def wants_columns(request: Request) -> bool:
    """Whether the query's column metadata is asked for instead of its rows."""
    return request.query.get("columns", "").lower() == "true"


def column_metadata(entity: ObjectType, columns: Sequence[ResultColumn]) -> dict[str, Any]:
    """What `columns=true` answers."""
    return {
        "columnMetadata": [_column(column) for column in columns],
        "entityName": entity.name,
        "groupBy": any(column.aggregate for column in columns),
        "idSelected": any(column.name.lower() == "id" for column in columns),
        "keyPrefix": entity.key_prefix,
    }


def _column(column: ResultColumn) -> dict[str, Any]:
    kind = column.field.type if column.field else ""
    number = kind in ("int", "double", "currency", "percent")
    return {
        "aggregate": column.aggregate,
        "apexType": _APEX.get(kind, "String"),
        "booleanType": kind == "boolean",
        "columnName": column.name,
        "custom": bool(column.field and column.field.custom),
        "displayName": column.name,
        "foreignKeyName": None,
        "insertable": bool(column.field and column.field.createable),
        "joinColumns": [_column(inner) for inner in column.joins],
        "numberType": number,
        "textType": not number and kind not in ("boolean", "date", "datetime", ""),
        "updatable": bool(column.field and column.field.updateable),
    }
