"""Bulk ingest: one upload, three result files in another order, locks between batches, restarts."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from emulators.loopback.clock import Clock
from emulators.salesforce.bulk import ingest as bulk_ingest
from emulators.salesforce.bulk import jobs as bulk_jobs
from emulators.salesforce.catalog import load
from emulators.salesforce.org import Org
from emulators.salesforce.schema import FieldType


@pytest.fixture
def keyed(org: Org) -> Org:
    """Accounts and contacts have an external id; everybody may write it."""
    for name in ("Account", "Contact"):
        field = FieldType("Ext__c", "Ext", "string", 40, custom=True, unique=True, external_id=True)
        org.add_custom_field(name, field)
    return org


def accounts(org: Org, count: int) -> list[str]:
    ids = org.new_ids("Account", count)
    org.load_raw("Account", [{"Id": id_, "Name": f"Account {at}"} for at, id_ in enumerate(ids)])
    return ids


def file(header: str, rows: list[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header.split(","), *rows])
    return out.getvalue()


def results(call: Any, job: Any) -> tuple[list[dict[str, str]], list[dict[str, str]], list[dict[str, str]]]:
    good, bad, left = (
        call.rows(f"jobs/ingest/{job['id']}/{which}")
        for which in ("successfulResults", "failedResults", "unprocessedrecords")
    )
    return good, bad, left


def test_a_job_goes_from_open_to_complete_with_every_step_refused_out_of_turn(org: Org, call: Any) -> None:
    job = call.json("POST", "jobs/ingest", {"object": "Account", "operation": "insert"})
    url = f"jobs/ingest/{job['id']}"
    assert (job["state"], job["contentUrl"]) == ("Open", f"services/data/v67.0/{url}/batches")
    assert call.refused("GET", f"{url}/successfulResults") == (400, "INVALIDJOBSTATE")
    assert call.refused("DELETE", url) == (400, "INVALIDJOBSTATE")
    first = call("PUT", f"{url}/batches", b"Name\nx\n")
    assert (first.status, first.body) == (201, b"")
    assert call.refused("PUT", f"{url}/batches", b"Name\ny\n") == (400, "INVALIDJOBSTATE")
    assert call.json("PATCH", url, {"state": "UploadComplete"})["state"] == "UploadComplete"
    assert call.refused("PATCH", url, {"state": "UploadComplete"}) == (400, "INVALIDJOBSTATE")
    states = [call.json("GET", url)["state"] for _ in range(2)]
    assert states == ["InProgress", "JobComplete"]
    assert call("DELETE", url).status == 204
    assert call.refused("GET", url) == (404, "NOT_FOUND")


def test_good_and_bad_rows_are_told_apart_and_the_good_ones_stay(org: Org, call: Any) -> None:
    rows = [["one", "note"], ["", "no name"], ["two", ""]]
    job = call.ingest(file("Name,Description", rows), object="Account", operation="insert")
    good, bad, left = results(call, job)
    assert (job["state"], job["numberRecordsProcessed"], job["numberRecordsFailed"]) == ("JobComplete", 3, 1)
    assert {(row["Name"], row["Description"], row["sf__Created"]) for row in good} == {
        ("one", "note", "true"), ("two", "", "true"),
    }  # fmt: skip
    assert all(org.get("Account", row["sf__Id"]) for row in good)
    error = "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"
    assert bad == [{"sf__Id": "", "sf__Error": error, "Name": "", "Description": "no name"}]
    assert left == []


def test_result_rows_do_not_come_in_the_order_of_the_upload(org: Org, call: Any) -> None:
    names = [f"n{at:03d}" for at in range(100)]
    job = call.ingest(file("Name", [[name] for name in names]), object="Account", operation="insert")
    good, _, _ = results(call, job)
    assert [row["Name"] for row in good] != names  # a reader that zips results with its input mixes ids up
    assert sorted(row["Name"] for row in good) == names
    assert [row["Name"] for row in results(call, job)[0]] == [row["Name"] for row in good]


def test_an_empty_cell_changes_nothing_and_na_clears(org: Org, call: Any) -> None:
    kept, cleared = accounts(org, 2)
    for id_ in (kept, cleared):
        org.update("Account", id_, {"Industry": "Energy"}, org.system())
    rows = [[kept, ""], [cleared, "#N/A"]]
    job = call.ingest(file("Id,Industry", rows), object="Account", operation="update")
    assert job["numberRecordsFailed"] == 0
    assert [(org.get("Account", id_) or {})["Industry"] for id_ in (kept, cleared)] == ["Energy", None]


def test_upsert_tells_the_made_from_the_changed_and_finds_parents_by_their_key(keyed: Org, call: Any) -> None:
    actor = keyed.system()
    keyed.insert("Account", {"Name": "parent", "Ext__c": "A-1"}, actor)
    keyed.insert("Contact", {"LastName": "old", "Ext__c": "C-1"}, actor)
    rows = [["C-1", "new", "A-1"], ["C-2", "other", "A-1"], ["C-3", "orphan", "A-9"]]
    body = {"object": "Contact", "operation": "upsert", "externalIdFieldName": "Ext__c"}
    job = call.ingest(file("Ext__c,LastName,Account.Ext__c", rows), **body)
    good, bad, _ = results(call, job)
    assert {(row["Ext__c"], row["sf__Created"]) for row in good} == {("C-1", "false"), ("C-2", "true")}
    assert [(row["Ext__c"], row["sf__Error"].split(":")[0]) for row in bad] == [("C-3", "INVALID_FIELD")]


def test_delete_moves_to_the_bin_and_hard_delete_does_not(org: Org, call: Any) -> None:
    soft, hard = accounts(org, 2)
    call.ingest(f"Id\n{soft}\n", object="Account", operation="delete")
    call.ingest(f"Id\n{hard}\n", object="Account", operation="hardDelete")
    assert (org.get("Account", soft) or {})["IsDeleted"] == 1
    assert org.get("Account", hard) is None


def test_a_row_error_keeps_the_record_id_and_its_line_breaks(org: Org, call: Any) -> None:
    (one,) = accounts(org, 1)
    job = call.ingest(
        file("Id,NumberOfEmployees,Site", [[one, "many", "a\nb"]]), object="Account", operation="update"
    )
    _, bad, _ = results(call, job)
    assert (bad[0]["sf__Id"], bad[0]["Site"]) == (one, "a\nb")
    assert bad[0]["sf__Error"].startswith("INVALID_TYPE_ON_FIELD_IN_RECORD:")
    text = call("GET", f"jobs/ingest/{job['id']}/failedResults").body.decode()
    assert len(text.splitlines()) - 1 == 2  # one row, which splitlines() cuts in two


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"columnDelimiter": "SEMICOLON"}, "Name;Site\na;b\n"),
        ({"columnDelimiter": "TAB"}, "Name\tSite\na\tb\n"),
        ({"columnDelimiter": "BACKQUOTE"}, "Name`Site\na`b\n"),
        ({"columnDelimiter": "CARET"}, "Name^Site\na^b\n"),
        ({"columnDelimiter": "PIPE", "lineEnding": "CRLF"}, "Name|Site\r\na|b\r\n"),
        ({}, "\ufeffName,Site\na,b\n"),
    ],
)
def test_delimiters_and_line_endings_are_as_declared(
    org: Org, call: Any, settings: dict[str, str], text: str
) -> None:
    job = call.ingest(text, object="Account", operation="insert", **settings)
    assert (job["state"], job["numberRecordsFailed"]) == ("JobComplete", 0)
    row = org.connection().execute("SELECT f_name, f_site FROM o_account").fetchone()
    assert tuple(row) == ("a", "b")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Name,Nope\na,b\n", "InvalidBatch : Field name not found : Nope"),
        ("Name\r\na\r\n", "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF"),
        ('Name\n"a"b\n', "ClientInputError : Found unescaped quote"),
        ("Name,Site\na\n", "InvalidBatch : Row 2 has 1 columns, the header row has 2"),
        ("Name,name\na,b\n", "InvalidBatch : Duplicate field name"),
        ("", "InvalidBatch : Unable to find header row"),
        (b"Name\n\xff\n", "ClientInputError : Invalid UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_fails_the_job_and_changes_nothing(
    org: Org, call: Any, text: str | bytes, complaint: str
) -> None:
    job = call.ingest(text, object="Account", operation="insert")
    assert job["state"] == "Failed"
    assert complaint in job["errorMessage"]
    assert org.connection().execute("SELECT count(*) FROM o_account").fetchone()[0] == 0


def test_update_without_ids_and_upsert_without_keys_fail(org: Org, call: Any) -> None:
    assert call.ingest("Name\nx\n", object="Account", operation="update")["state"] == "Failed"
    body = {"object": "Account", "operation": "upsert", "externalIdFieldName": "Id"}
    assert call.ingest("Name\nx\n", **body)["state"] == "Failed"


@pytest.mark.parametrize(
    "body",
    [
        {"object": "Nope", "operation": "insert"},
        {"object": "Account", "operation": "merge"},
        {"object": "Account", "operation": "upsert"},
        {"object": "Account", "operation": "upsert", "externalIdFieldName": "Name"},
        {"object": "Account", "operation": "insert", "contentType": "JSON"},
    ],
)
def test_a_job_that_cannot_be_is_refused_at_once(call: Any, body: dict[str, str]) -> None:
    assert call.refused("POST", "jobs/ingest", body) == (400, "INVALIDJOB")


def test_an_upload_may_be_as_large_as_the_limit_and_no_larger(org: Org, call: Any) -> None:
    bulk_jobs.configure(org, max_upload=10)
    jobs = [call.json("POST", "jobs/ingest", {"object": "Account", "operation": "insert"})["id"] for _ in range(2)]
    assert call("PUT", f"jobs/ingest/{jobs[0]}/batches", b"Name\naaaa\n").status == 201
    assert call("PUT", f"jobs/ingest/{jobs[1]}/batches", b"Name\naaaaa\n").status == 413


def test_an_aborted_job_leaves_its_rows_unprocessed_under_both_spellings(org: Org, call: Any) -> None:
    job = call.json("POST", "jobs/ingest", {"object": "Account", "operation": "insert"})["id"]
    call("PUT", f"jobs/ingest/{job}/batches", b"Name\nx\n")
    assert call.json("PATCH", f"jobs/ingest/{job}", {"state": "Aborted"})["state"] == "Aborted"
    for spelling in ("unprocessedrecords", "unprocessedRecords"):
        assert call.rows(f"jobs/ingest/{job}/{spelling}") == [{"Name": "x"}]
    assert call.rows(f"jobs/ingest/{job}/successfulResults") == []


def opportunities(parents: list[str]) -> str:
    rows = [[f"o{at}", "Prospecting", "2026-05-01", parent] for at, parent in enumerate(parents)]
    return file("Name,StageName,CloseDate,AccountId", rows)


def test_children_of_one_parent_in_batches_side_by_side_lock_each_other_out(org: Org, call: Any) -> None:
    bulk_jobs.configure(org, batch=50, chunk=10)
    parents = accounts(org, 2)
    job = call.ingest(opportunities(parents * 50), object="Opportunity", operation="insert")
    _, bad, _ = results(call, job)
    assert job["numberRecordsFailed"] == len(bad) == 50
    assert {row["sf__Error"].split(":")[0] for row in bad} == {"UNABLE_TO_LOCK_ROW"}
    assert {int(row["Name"][1:]) for row in bad} == set(range(50, 100))  # the later batch of the two loses


def test_rows_sorted_by_parent_never_meet(org: Org, call: Any) -> None:
    bulk_jobs.configure(org, batch=50, chunk=10)
    parents = accounts(org, 7)
    shuffled = [parents[at % 7] for at in range(200)]
    first = call.ingest(opportunities(shuffled), object="Opportunity", operation="insert")
    second = call.ingest(opportunities(sorted(shuffled)), object="Opportunity", operation="insert")
    assert first["numberRecordsFailed"] > 0
    assert second["numberRecordsFailed"] == 0


def test_one_batch_or_serial_batches_never_meet(org: Org, call: Any) -> None:
    parents = accounts(org, 2) * 50
    assert call.ingest(opportunities(parents), object="Opportunity", operation="insert")["numberRecordsFailed"] == 0
    bulk_jobs.configure(org, batch=50, chunk=10, parallel=1)
    assert call.ingest(opportunities(parents), object="Opportunity", operation="insert")["numberRecordsFailed"] == 0


def test_an_update_locks_the_parents_that_the_records_already_have(org: Org, call: Any) -> None:
    parents = accounts(org, 2)
    made = call.ingest(opportunities(parents * 50), object="Opportunity", operation="insert")
    ids = sorted((row["Name"], row["sf__Id"]) for row in results(call, made)[0])
    bulk_jobs.configure(org, batch=50, chunk=10)
    job = call.ingest(
        file("Id,NextStep", [[id_, "call"] for _, id_ in ids]), object="Opportunity", operation="update"
    )
    assert job["numberRecordsFailed"] > 0


def test_a_job_killed_in_the_middle_goes_on_where_it_stood(org: Org, call: Any, tmp_path: Path) -> None:
    bulk_jobs.configure(org, chunk=10)
    job = call.json("POST", "jobs/ingest", {"object": "Account", "operation": "insert"})["id"]
    names = [[f"n{at:02d}"] for at in range(35)]
    call("PUT", f"jobs/ingest/{job}/batches", file("Name", names).encode())
    kept = bulk_jobs.find(org, job, bulk_jobs.INGEST)
    kept.state = "UploadComplete"
    bulk_jobs.save(org, kept)
    upload = bulk_ingest.upload_of(org, kept)
    columns = bulk_ingest._columns(org, kept, upload)
    bulk_ingest._process(org, kept, upload, columns, {}, range(10))  # one chunk, then the process dies
    call.org = Org.open(tmp_path / "org.db", load(), Clock(org.clock.now(), frozen=True))
    ended = call.finish("ingest", job)
    assert (ended["state"], ended["numberRecordsProcessed"]) == ("JobComplete", 35)
    stored = [row[0] for row in call.org.connection().execute("SELECT f_name FROM o_account ORDER BY f_name")]
    assert stored == [name for (name,) in names]


def test_the_daily_number_of_jobs_is_limited(org: Org, call: Any) -> None:
    bulk_jobs.configure(org, batches_a_day=1)
    body = {"object": "Account", "operation": "insert"}
    call.json("POST", "jobs/ingest", body)
    assert call.refused("POST", "jobs/ingest", body) == (400, "EXCEEDEDQUOTA")


def test_a_hidden_field_fails_the_job_and_a_read_only_one_the_row(org: Org, call: Any) -> None:
    score = FieldType("Score__c", "Score", "double", precision=5, custom=True, always_visible=False)
    org.add_custom_field("Account", score)
    (one,) = accounts(org, 1)
    hidden = call.ingest(f"Id,Score__c\n{one},5\n", object="Account", operation="update")
    assert (hidden["state"], hidden["errorMessage"]) == ("Failed", "InvalidBatch : Field name not found : Score__c")
    org.access.hide("Account", "Score__c", readable=True, editable=False)
    refused = call.ingest(f"Id,Score__c\n{one},5\n", object="Account", operation="update")
    assert refused["state"] == "JobComplete"
    assert results(call, refused)[1][0]["sf__Error"].startswith("INVALID_FIELD_FOR_INSERT_UPDATE:")
