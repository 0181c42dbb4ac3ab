"""Bulk queries: states, pages that can be read again, and what naive readers get wrong."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from emulators.loopback.clock import Clock
from emulators.salesforce.bulk import jobs as bulk_jobs
from emulators.salesforce.catalog import load
from emulators.salesforce.org import Org


@pytest.fixture
def filled(org: Org) -> Org:
    rows = [{"Name": f"Account {number:03d}", "Industry": "Technology"} for number in range(25)]
    org.load_raw("Account", rows)
    return org


def created(call: Any, query: str = "SELECT Id, Name FROM Account", **more: str) -> str:
    return str(call.json("POST", "jobs/query", {"operation": "query", "query": query, **more})["id"])


def done(call: Any, query: str = "SELECT Id, Name FROM Account", **more: str) -> str:
    job = created(call, query, **more)
    assert call.finish("query", job)["state"] == "JobComplete"
    return job


def test_a_job_goes_from_upload_complete_through_in_progress_to_complete(filled: Org, call: Any) -> None:
    first = call("POST", "jobs/query", {"operation": "query", "query": "SELECT Id FROM Account"})
    body = json.loads(first.body)
    assert (first.status, body["state"], body["object"], body["id"][:3]) == (200, "UploadComplete", "Account", "750")
    assert "numberRecordsProcessed" not in body
    states = [call.json("GET", f"jobs/query/{body['id']}") for _ in range(3)]
    assert [state["state"] for state in states] == ["InProgress", "JobComplete", "JobComplete"]
    assert states[-1]["numberRecordsProcessed"] == 25
    assert (states[-1]["jobType"], states[-1]["apiVersion"]) == ("V2Query", 67.0)


def test_the_clock_can_hold_a_job_back(filled: Org, call: Any) -> None:
    bulk_jobs.configure(filled, seconds=60)
    job = created(call)
    assert [call.json("GET", f"jobs/query/{job}")["state"] for _ in range(3)] == ["InProgress"] * 3
    filled.clock.advance(59)
    assert call.json("GET", f"jobs/query/{job}")["state"] == "InProgress"
    filled.clock.advance(1)
    assert call.json("GET", f"jobs/query/{job}")["state"] == "JobComplete"


def test_results_of_an_unfinished_job_are_an_empty_204(filled: Org, call: Any) -> None:
    job = created(call)
    answer = call("GET", f"jobs/query/{job}/results")
    assert (answer.status, answer.body) == (204, b"")


def test_every_page_has_the_header_and_the_last_locator_is_the_word_null(filled: Org, call: Any) -> None:
    job = done(call, "SELECT Name FROM Account ORDER BY Name")
    pages, locator = [], ""
    while locator != "null":
        answer = call("GET", f"jobs/query/{job}/results?maxRecords=10&locator={locator}")
        locator = answer.headers["Sforce-Locator"]
        pages.append((answer.headers["Sforce-NumberOfRecords"], answer.body.decode()))
    assert [count for count, _ in pages] == ["10", "10", "5"]
    assert all(text.startswith('"Name"\n"Account 0') for _, text in pages)
    names = [line for _, text in pages for line in text.split("\n")[1:] if line]
    assert names == [f'"Account {number:03d}"' for number in range(25)]


def test_a_page_can_be_read_again_after_the_records_have_changed(filled: Org, call: Any) -> None:
    job = done(call)
    locator = call("GET", f"jobs/query/{job}/results?maxRecords=10").headers["Sforce-Locator"]
    once = call("GET", f"jobs/query/{job}/results?maxRecords=10&locator={locator}").body
    filled.connection().execute("DELETE FROM o_account")
    assert call("GET", f"jobs/query/{job}/results?maxRecords=10&locator={locator}").body == once


def test_a_locator_that_was_never_given_is_refused(filled: Org, call: Any) -> None:
    job = done(call)
    assert call.refused("GET", f"jobs/query/{job}/results?locator=abc!") == (400, "INVALID_QUERY_LOCATOR")


def test_an_answer_without_rows_still_has_its_header(org: Org, call: Any) -> None:
    job = done(call, "SELECT Id, Name FROM Campaign")
    answer = call("GET", f"jobs/query/{job}/results")
    assert answer.body == b'"Id","Name"\n'
    assert (answer.headers["Sforce-NumberOfRecords"], answer.headers["Sforce-Locator"]) == ("0", "null")


def test_values_with_line_breaks_quotes_and_separators_survive_a_csv_reader_only(org: Org, call: Any) -> None:
    names = ["First\nsecond", 'say "no", please', "Sep\u2028arated", "=1+1", "NA"]
    org.load_raw("Account", [{"Name": name} for name in names])
    job = done(call, "SELECT Name FROM Account ORDER BY Name")
    text = call("GET", f"jobs/query/{job}/results").body.decode()
    read = [row[0] for row in csv.reader(io.StringIO(text, newline=""))][1:]
    assert sorted(read) == sorted(names)
    assert len(text.splitlines()) - 1 == len(names) + 2  # a naive reader finds two rows that do not exist


def test_null_is_empty_and_types_are_written_as_the_vendor_does(org: Org, call: Any) -> None:
    stamp = "2026-01-02T03:04:05.000Z"
    row = {"Name": "x", "StageName": "Closed Won", "CloseDate": "2026-01-02", "Amount": 100, "CreatedDate": stamp}
    org.load_raw("Opportunity", [row])
    job = done(call, "SELECT Name, IsWon, Amount, CloseDate, CreatedDate, AccountId FROM Opportunity")
    assert call("GET", f"jobs/query/{job}/results").body.decode().split("\n")[1] == (
        f'"x","true","100.0","2026-01-02","{stamp}",""'
    )


def test_delimiter_and_line_ending_are_as_asked(filled: Org, call: Any) -> None:
    query = "SELECT Name, Industry FROM Account ORDER BY Name LIMIT 1"
    job = done(call, query, columnDelimiter="PIPE", lineEnding="CRLF")
    assert call("GET", f"jobs/query/{job}/results").body == b'"Name"|"Industry"\r\n"Account 000"|"Technology"\r\n'


def test_results_in_another_version_are_a_conflict(filled: Org, call: Any) -> None:
    job = done(call)
    assert call("GET", f"/services/data/v66.0/jobs/query/{job}/results").status == 409


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT Id FROM Account WHERE", "MALFORMED_QUERY"),
        ("SELECT Nope FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
    ],
)
def test_a_query_that_cannot_run_is_refused_at_once(call: Any, query: str, code: str) -> None:
    assert call.refused("POST", "jobs/query", {"operation": "query", "query": query}) == (400, code)


def test_groups_are_refused_in_bulk(call: Any) -> None:
    query = "SELECT StageName, count(Id) FROM Opportunity GROUP BY StageName"
    assert call.refused("POST", "jobs/query", {"operation": "query", "query": query})[0] == 400


@pytest.mark.parametrize("body", [{"operation": "delete"}, {"operation": "query", "columnDelimiter": "SPACE"}])
def test_a_job_with_a_wrong_setting_is_refused(call: Any, body: dict[str, str]) -> None:
    answer = call.refused("POST", "jobs/query", {"query": "SELECT Id FROM Account"} | body)
    assert answer == (400, "INVALIDJOB")


def test_query_all_shows_the_deleted_and_query_does_not(org: Org, call: Any) -> None:
    org.load_raw("Account", [{"Name": "kept"}, {"Name": "gone", "IsDeleted": True}])
    job = done(call)
    assert [row["Name"] for row in call.rows(f"jobs/query/{job}/results")] == ["kept"]
    every = call.json("POST", "jobs/query", {"operation": "queryAll", "query": "SELECT Name FROM Account"})["id"]
    call.finish("query", every)
    assert sorted(row["Name"] for row in call.rows(f"jobs/query/{every}/results")) == ["gone", "kept"]


def test_an_aborted_job_has_no_results_and_a_complete_one_cannot_be_aborted(filled: Org, call: Any) -> None:
    job = created(call)
    assert call.json("PATCH", f"jobs/query/{job}", {"state": "Aborted"})["state"] == "Aborted"
    bulk_jobs.wait(filled, job)
    assert call.json("GET", f"jobs/query/{job}")["state"] == "Aborted"
    assert call("GET", f"jobs/query/{job}/results").status == 204
    assert call.refused("PATCH", f"jobs/query/{done(call)}", {"state": "Aborted"}) == (400, "INVALIDJOBSTATE")


def test_a_deleted_job_is_gone_and_a_running_one_stays(filled: Org, call: Any) -> None:
    running = created(call)
    assert call.refused("DELETE", f"jobs/query/{running}") == (400, "INVALIDJOBSTATE")
    call.finish("query", running)
    assert call("DELETE", f"jobs/query/{running}").status == 204
    assert call.refused("GET", f"jobs/query/{running}") == (404, "NOT_FOUND")


def test_jobs_are_listed(filled: Org, call: Any) -> None:
    made = [created(call) for _ in range(3)]
    listed = call.json("GET", "jobs/query")
    assert ([job["id"] for job in listed["records"]], listed["done"]) == (made, True)


def test_the_daily_number_of_jobs_is_limited_over_any_24_hours(filled: Org, call: Any) -> None:
    bulk_jobs.configure(filled, query_jobs_a_day=1)
    created(call)
    query = {"operation": "query", "query": "SELECT Id FROM Account"}
    assert call.refused("POST", "jobs/query", query) == (400, "EXCEEDEDQUOTA")
    filled.clock.advance(24 * 3600 + 1)
    assert call("POST", "jobs/query", query).status == 200


def test_pages_can_be_handed_out_for_parallel_reading(filled: Org, call: Any) -> None:
    job = done(call)
    first = call.json("GET", f"jobs/query/{job}/resultPages?maxRecords=4")
    rest = call.json("GET", first["nextRecordUrl"])
    urls = [page["resultUrl"] for page in first["resultPages"] + rest["resultPages"]]
    assert (len(first["resultPages"]), first["done"], rest["done"]) == (5, False, True)
    assert sum(len(call.rows(url)) for url in urls) == 25


def test_a_job_survives_a_restart_before_and_after_it_is_complete(filled: Org, call: Any, tmp_path: Path) -> None:
    complete, waiting = done(call), created(call)
    bulk_jobs.wait(filled, waiting)
    (bulk_jobs.folder(filled) / f"{waiting}.csv").unlink()
    (bulk_jobs.folder(filled) / f"{waiting}.idx").unlink()
    job = bulk_jobs.find(filled, waiting, bulk_jobs.QUERY)
    job.done = False  # as if the process had died over its work
    bulk_jobs.save(filled, job)
    call.org = Org.open(tmp_path / "org.db", load(), Clock(filled.clock.now(), frozen=True))
    assert len(call.rows(f"jobs/query/{complete}/results")) == 25
    assert call.finish("query", waiting)["numberRecordsProcessed"] == 25
    assert len(call.rows(f"jobs/query/{waiting}/results")) == 25
