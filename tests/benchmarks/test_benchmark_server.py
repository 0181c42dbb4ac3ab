"""The benchmark's server answers as an org does in what the benchmarks touch: otherwise its figures mean nothing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks import render, rows
from benchmarks.answers import Org
from benchmarks.calls import Answer, asked

ROWS = 2_500
FIELDS = ("Id", "Name", "Amount", "IsClosed", "CreatedDate", "Description")
SOQL = f"SELECT {', '.join(FIELDS)} FROM Opportunity"
DATA = "/services/data/v67.0"


def _body(answer: Answer) -> bytes:
    return b"".join(bytes(part) for part in answer.body)


def _header(answer: Answer, name: str) -> str:
    return dict(answer.headers)[name]


@pytest.fixture
def org() -> Org:
    """An org of 2,500 Opportunities."""
    return Org(ROWS)


Call = Callable[..., Answer]


@pytest.fixture
def call(org: Org) -> Call:
    """`call(method, path, body)`: one call to that org."""
    return lambda method, path, body=b"": org.answer(asked(method, DATA + path, body))


def _bulk_job(call: Call, soql: str = SOQL) -> str:
    answer = call("POST", "/jobs/query", json.dumps({"operation": "query", "query": soql}).encode())
    return str(json.loads(_body(answer))["id"])


def _csv(answer: Answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(_body(answer).decode(), newline="")))


def _rest(call: Call) -> list[dict[str, Any]]:
    answer = json.loads(_body(call("GET", f"/query?q={SOQL.replace(' ', '+')}")))
    records = list(answer["records"])
    while not answer["done"]:
        answer = json.loads(_body(call("GET", answer["nextRecordsUrl"].removeprefix(DATA))))
        records += answer["records"]
    return records


def test_pages_of_a_bulk_result_follow_their_locators_to_the_end(call: Call) -> None:
    job, locator, sizes, found = _bulk_job(call), "", [], []
    while locator != "null":
        page = call("GET", f"/jobs/query/{job}/results?maxRecords=1000" + (f"&locator={locator}" if locator else ""))
        locator = _header(page, "Sforce-Locator")
        lines = _csv(page)
        sizes.append(int(_header(page, "Sforce-NumberOfRecords")))
        found += [line["Id"] for line in lines]
        assert len(lines) == sizes[-1]
    assert sizes == [1000, 1000, 500]
    assert len(set(found)) == ROWS


def test_rest_and_bulk_tell_the_same_rows_in_their_own_spelling(call: Call) -> None:
    bulk = _csv(call("GET", f"/jobs/query/{_bulk_job(call)}/results?maxRecords=50000"))
    rest = _rest(call)
    assert len(rest) == len(bulk) == ROWS
    for line, record in zip(bulk, rest, strict=True):
        assert line["Name"] == record["Name"]
        assert line["Description"] == (record["Description"] or "")
        assert line["Amount"] == ("" if record["Amount"] is None else str(record["Amount"]))
        assert line["IsClosed"] == str(record["IsClosed"]).lower()
        assert line["CreatedDate"].removesuffix("Z") == record["CreatedDate"].removesuffix("+0000")


def test_some_text_breaks_its_line_so_that_nobody_can_split_at_line_ends(call: Call) -> None:
    page = call("GET", f"/jobs/query/{_bulk_job(call)}/results?maxRecords=50000")
    assert _body(page).count(b"\n") > ROWS + 1


def test_a_field_that_is_not_there_is_refused(call: Call) -> None:
    answer = call("POST", "/jobs/query", json.dumps({"operation": "query", "query": "SELECT No__c FROM X"}).encode())
    assert answer.status == 400
    assert json.loads(_body(answer))[0]["errorCode"] == "INVALID_FIELD"


def test_every_record_of_a_collection_gets_its_answer_in_its_place(call: Call) -> None:
    ids = [f"0015g0000000{at:03d}AAA" for at in range(3)]
    sent = {"allOrNone": False, "records": [{"attributes": {"type": "Account"}, "id": each} for each in ids]}
    answer = json.loads(_body(call("PATCH", "/composite/sobjects", json.dumps(sent).encode())))
    assert [each["id"] for each in answer] == ids


def test_an_ingest_job_tells_what_became_of_each_row(call: Call) -> None:
    job = json.loads(_body(call("POST", "/jobs/ingest", b'{"operation": "update", "object": "Account"}')))["id"]
    call("PUT", f"/jobs/ingest/{job}/batches", b"Id,Name\n0015g0000000000AAA,One\n0015g0000000001AAA,Two\n")
    done = json.loads(_body(call("GET", f"/jobs/ingest/{job}")))
    assert (done["numberRecordsProcessed"], done["numberRecordsFailed"]) == (2, 0)
    told = _csv(call("GET", f"/jobs/ingest/{job}/successfulResults"))
    assert [line["sf__Id"] for line in told] == ["0015g0000000000AAA", "0015g0000000001AAA"]


def test_calls_are_counted_by_kind_and_unknown_ones_by_name(org: Org, call: Call) -> None:
    call("GET", "/limits")
    call("GET", "/limits")
    call("GET", "/nothing")
    assert dict(org.calls) == {"limits": 2, f"unknown: GET {DATA}/nothing": 1}


def test_values_are_the_same_whatever_else_is_asked_for() -> None:
    alone = render.csv_body(("Amount",), ROWS)
    beside = [line["Amount"] for line in csv.DictReader(io.StringIO(_text(render.csv_body(FIELDS, ROWS))))]
    assert [line["Amount"] for line in csv.DictReader(io.StringIO(_text(alone)))] == beside


def _text(body: render.CsvBody) -> str:
    return (body.header + bytes(body.body)).decode()


def test_every_contender_asks_for_twenty_fields() -> None:
    assert len(set(rows.PULLED)) == 20
