"""Answers of a large and slow org that a test cannot wait for: queries that time out, rows that go missing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connector.crm.base import Action, ReadRequest, Write, WriteStatus
from connector.crm.retry import Again
from connector.crm.salesforce.adapter import SalesforceCRM
from connector.crm.salesforce.faults import QueryTooSlow
from connector.errors import Misconfigured, Retry

START = datetime(2026, 1, 1, tzinfo=UTC)
SLOW = [{"errorCode": "QUERY_TIMEOUT", "message": "Your query request was running for too long."}]
FIELDS = [
    {"name": "Id", "type": "id", "label": "Id", "filterable": True, "sortable": True},
    {"name": "Name", "type": "string", "label": "Name", "length": 80, "filterable": True, "sortable": True},
    {"name": "SystemModstamp", "type": "datetime", "label": "Stamp", "filterable": True, "sortable": True},
]


@pytest.fixture
def thing(org: Any, reply: Any) -> Any:
    """An org with one object."""
    body = {"name": "Thing", "label": "Thing", "queryable": True, "createable": True, "fields": FIELDS}
    org.on("GET", "/sobjects/Thing/describe", reply(body=body, headers={"Date": "Thu, 01 Jan 2026 00:00:00 GMT"}))
    return org


def record(at: int) -> dict[str, Any]:
    return {"Id": f"a{at:02d}", "Name": f"n{at}", "SystemModstamp": f"2026-01-01T00:00:{at:02d}.000+0000"}


def answer(reply: Any, *records: dict[str, Any], **more: Any) -> Any:
    return reply(body={"totalSize": len(records), "done": True, "records": list(records)} | more)


def queries(org: Any) -> list[str]:
    return [parse_qs(urlsplit(each.path).query)["q"][0] for each in org.calls("/query?q=")]


def windows(org: Any) -> list[tuple[str, str]]:
    return [tuple(re.findall(r"2026-\d\d-\d\dT\d\d:\d\d", query)) for query in queries(org)]  # type: ignore[misc]


def test_a_window_that_is_too_slow_is_halved_and_nothing_is_left_out(thing: Any, reply: Any) -> None:
    crm = SalesforceCRM(thing.connection())
    thing.on("GET", r"/query\?q=", reply(400, SLOW), answer(reply, record(1)), answer(reply, record(2)))
    thing.on("POST", "/jobs/query", reply(400, SLOW))
    request = ReadRequest("Thing", ("Id",), since=START, until=START + timedelta(hours=4))
    found = [row["Id"] for page in crm.read(request) for row in page.rows.to_pylist()]
    assert found == ["a01", "a02"]
    assert windows(thing) == [
        ("2026-01-01T00:00", "2026-01-01T04:00"),
        ("2026-01-01T00:00", "2026-01-01T02:00"),
        ("2026-01-01T02:00", "2026-01-01T04:00"),
    ]
    crm.close()


def test_a_window_that_cannot_be_halved_any_more_is_given_up(thing: Any, reply: Any) -> None:
    crm = SalesforceCRM(thing.connection())
    thing.on("GET", r"/query\?q=", reply(400, SLOW))
    thing.on("POST", "/jobs/query", reply(400, SLOW))
    request = ReadRequest("Thing", ("Id",), since=START, until=START + timedelta(minutes=4))
    with pytest.raises(QueryTooSlow):
        list(crm.read(request))
    assert len(windows(thing)) == 3
    crm.close()


def test_a_lost_server_cursor_is_replaced_by_the_last_row(thing: Any, reply: Any) -> None:
    crm = SalesforceCRM(thing.connection())
    more = {"totalSize": 3, "done": False, "nextRecordsUrl": "/services/data/v67.0/query/01g-2000"}
    gone = [{"errorCode": "INVALID_QUERY_LOCATOR", "message": "invalid query locator"}]
    thing.on("GET", "/query/01g", reply(400, gone))
    first = answer(reply, record(1), record(2), **more)
    thing.on("GET", r"/query\?q=", first, answer(reply, record(3)))
    found = [row["Id"] for page in crm.read(ReadRequest("Thing", ("Id",))) for row in page.rows.to_pylist()]
    assert found == ["a01", "a02", "a03"]
    stamp = "2026-01-01T00:00:02.000Z"
    behind = f"(SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND Id > 'a02'))"
    assert behind in queries(thing)[1]
    crm.close()


def bulk_job(org: Any, reply: Any, rows: int, **state: Any) -> None:
    org.on("POST", "/jobs/query", reply(body={"id": "750x"}))
    body = {"id": "750x", "state": "JobComplete", "numberRecordsProcessed": rows} | state
    org.on("GET", "/jobs/query/750x$", reply(body=body))


def test_fewer_rows_than_the_job_announced_are_not_taken_for_all(thing: Any, reply: Any) -> None:
    crm = SalesforceCRM(thing.connection(rest_rows=0))
    thing.on("GET", r"/query\?q=", answer(reply, record(1), totalSize=3))
    bulk_job(thing, reply, 3)
    page = b'"Id","Name","SystemModstamp"\n"a1","n","2026-01-01T00:00:00.000Z"\n'
    headers = {"Sforce-Locator": "null", "Sforce-NumberOfRecords": "1"}
    thing.on("GET", "/results", reply(body=page, headers=headers))
    with pytest.raises(Retry, match="has 3 rows but gave 1"):
        list(crm.read(ReadRequest("Thing", ("Id", "Name"))))
    crm.close()


def test_a_page_shorter_than_its_own_header_is_fetched_again(thing: Any, reply: Any) -> None:
    crm = SalesforceCRM(thing.connection(rest_rows=0))
    thing.on("GET", r"/query\?q=", answer(reply, record(1), totalSize=2))
    bulk_job(thing, reply, 2)
    rows = [b'"a1","n","2026-01-01T00:00:00.000Z"\n', b'"a2","n","2026-01-01T00:00:00.000Z"\n']
    head, headers = b'"Id","Name","SystemModstamp"\n', {"Sforce-Locator": "null", "Sforce-NumberOfRecords": "2"}
    thing.on(
        "GET",
        "/results",
        reply(body=head + rows[0], headers=headers),
        reply(body=head + b"".join(rows), headers=headers),
    )
    pages = list(crm.read(ReadRequest("Thing", ("Id", "Name"))))
    assert [page.rows.column("Id").to_pylist() for page in pages] == [["a1", "a2"]]
    thing.on("GET", "/results", reply(body=head + rows[0], headers=headers))
    with pytest.raises(Again, match="1 rows where 2 were announced"):
        list(crm.read(ReadRequest("Thing", ("Id", "Name"))))
    crm.close()


def test_a_job_that_was_aborted_every_time_is_given_up(thing: Any, reply: Any) -> None:
    crm = SalesforceCRM(thing.connection(rest_rows=0))
    thing.on("GET", r"/query\?q=", answer(reply, record(1), totalSize=2))
    bulk_job(thing, reply, 0, state="Aborted")
    with pytest.raises(Exception, match="was aborted"):
        list(crm.read(ReadRequest("Thing", ("Id",))))
    assert len([each for each in thing.seen if each.method == "POST" and "jobs/query" in each.path]) == 3
    crm.close()


def test_a_job_that_failed_tells_the_orgs_reason(thing: Any, reply: Any) -> None:
    crm = SalesforceCRM(thing.connection(rest_rows=0))
    thing.on("GET", r"/query\?q=", answer(reply, record(1), totalSize=2))
    bulk_job(thing, reply, 0, state="Failed", errorMessage="InvalidBatch : Failed to process query")
    with pytest.raises(Exception, match="Failed to process query"):
        list(crm.read(ReadRequest("Thing", ("Id",))))
    crm.close()


def test_a_job_that_outlasts_its_deadline_is_left_for_later(thing: Any, reply: Any) -> None:
    crm = SalesforceCRM(thing.connection(rest_rows=0, job_deadline=0.0))
    thing.on("GET", r"/query\?q=", answer(reply, record(1), totalSize=2))
    bulk_job(thing, reply, 0, state="InProgress")
    with pytest.raises(Retry, match="still InProgress"):
        list(crm.read(ReadRequest("Thing", ("Id",))))
    crm.close()


def test_limits_that_the_user_may_not_see_do_not_stop_the_sign_in(org: Any, reply: Any) -> None:
    crm = SalesforceCRM(org.connection())
    org.on("GET", "/limits", reply(403, [{"errorCode": "INSUFFICIENT_ACCESS", "message": "no"}]))
    assert crm.identity() == "salesforce 00D000000000001EAA 005000000000001AAA"
    crm.close()


def test_the_orgs_clock_is_its_date_header(org: Any, reply: Any) -> None:
    crm = SalesforceCRM(org.connection())
    org.on(
        "GET", "/services/data$", reply(body=[{"version": "67.0"}], headers={"Date": "Thu, 01 Jan 2026 00:00:00 GMT"})
    )
    assert abs(crm.now() - START) < timedelta(seconds=5)
    assert org.tokens == 0
    crm.close()


def test_a_write_to_a_silent_org_is_failed_not_lost(thing: Any, reply: Any) -> None:
    crm = SalesforceCRM(thing.connection())
    thing.on("PATCH", "/composite/sobjects", reply(503, b"<html>"))
    found = list(crm.write([Write("w", "Thing", Action.UPDATE, (("Name", "x"),), id="a01")]))
    assert [(each.status, each.code) for each in found] == [(WriteStatus.FAILED, "UNAVAILABLE")]
    crm.close()


def test_a_user_without_the_deploy_permission_is_told_which_one(thing: Any, reply: Any) -> None:
    from connector.core.records import Kind
    from connector.crm.base import FieldSpec

    crm = SalesforceCRM(thing.connection())
    thing.on("GET", r"/query\?q=", answer(reply))
    denied = [
        {"errorCode": "INSUFFICIENT_ACCESS", "message": "use of the Metadata API requires a user with the permission"}
    ]
    thing.on("POST", "/metadata/deployRequest", reply(403, denied))
    with pytest.raises(Misconfigured, match="Modify Metadata"):
        crm.install([FieldSpec("Thing", "X", "X", Kind.BOOL, "h")], dry_run=False)
    crm.close()
