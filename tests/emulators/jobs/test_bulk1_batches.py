"""Bulk API 1.0: jobs and batches in CSV, XML and JSON, their order, states, chunks and refusals."""

from __future__ import annotations

import csv
import io
import json
from typing import Any
from xml.etree import ElementTree

import pytest

from emulators.salesforce.bulk.csv_text import BadUpload
from emulators.salesforce.bulk1 import records

NS = "http://www.force.com/2009/06/asyncapi/dataload"
XML, JSON, CSV = "application/xml; charset=UTF-8", "application/json", "text/csv"


class Bulk:
    """Calls /services/async with a session, and nothing else of the REST kind."""

    def __init__(self, caller: Any, version: str = "61.0") -> None:
        self.caller, self.org, self.root = caller, caller.org, f"/services/async/{version}"
        self.token = caller.http.headers.pop("Authorization").removeprefix("Bearer ")

    def __call__(self, method: str, path: str, body: str = "", kind: str = "", **headers: str) -> Any:
        sent = {"X-SFDC-Session": self.token} | ({"Content-Type": kind} if kind else {})
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.caller.raw(method, self.root + path, data=body.encode() if body else None, headers=sent)

    def job(self, **values: str) -> str:
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
        answer = self("POST", "/job", f'<jobInfo xmlns="{NS}">{inner}</jobInfo>', XML)
        assert answer.status_code == 201, answer.text
        return str(read(answer)["id"])

    def batch(self, job: str, body: str, kind: str = CSV) -> str:
        answer = self("POST", f"/job/{job}/batch", body, kind)
        assert answer.status_code == 201, answer.text
        return str(read(answer)["id"])

    def finish(self, job: str, batch: str) -> dict[str, Any]:
        for _ in range(50):
            seen = read(self("GET", f"/job/{job}/batch/{batch}"))
            if seen["state"] not in ("Queued", "InProgress"):
                return seen
        raise AssertionError(seen)

    def run(self, body: str, kind: str = CSV, **values: str) -> tuple[dict[str, Any], str]:
        job = self.job(**values)
        batch = self.batch(job, body, kind)
        return self.finish(job, batch), f"/job/{job}/batch/{batch}"


def read(answer: Any) -> dict[str, Any]:
    """The members of an answer in either form."""
    if answer.headers["Content-Type"].startswith("application/json"):
        return dict(answer.json())
    assert answer.headers["Content-Type"] == "application/xml"
    return {child.tag.removeprefix(f"{{{NS}}}"): child.text for child in ElementTree.fromstring(answer.content)}


def refused(answer: Any) -> tuple[int, str, str]:
    body = read(answer)
    return answer.status_code, body["exceptionCode"], body["exceptionMessage"]


def rows(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


@pytest.fixture
def bulk(caller: Any) -> Bulk:
    return Bulk(caller)


@pytest.fixture
def keyed_bulk(keyed: Any) -> Bulk:
    return Bulk(keyed)


def test_a_job_is_told_in_the_form_in_which_it_was_asked_for(bulk: Bulk) -> None:
    asked = {"operation": "insert", "object": "account", "contentType": "JSON", "concurrencyMode": 1}
    answer = bulk("POST", "/job", json.dumps(asked), JSON)
    assert (answer.status_code, answer.headers["Content-Type"]) == (201, "application/json")
    body = answer.json()
    assert body == {
        "id": body["id"], "operation": "insert", "object": "Account", "createdById": bulk.org.user_id,
        "createdDate": "2026-03-31T09:00:00.000+0000", "systemModstamp": "2026-03-31T09:00:00.000+0000",
        "state": "Open", "externalIdFieldName": None, "assignmentRuleId": None, "concurrencyMode": "Serial",
        "contentType": "JSON", "numberBatchesQueued": 0, "numberBatchesInProgress": 0, "numberBatchesCompleted": 0,
        "numberBatchesFailed": 0, "numberBatchesTotal": 0, "numberRecordsProcessed": 0, "numberRetries": 0,
        "apiVersion": 61.0, "numberRecordsFailed": 0, "totalProcessingTime": 0, "apiActiveProcessingTime": 0,
        "apexProcessingTime": 0, "fastPathEnabled": False,
    }  # fmt: skip
    told = read(bulk("GET", f"/job/{body['id']}", kind=XML))
    assert (told["createdDate"], told["apiVersion"]) == ("2026-03-31T09:00:00.000Z", "61.0")
    assert "assignmentRuleId" not in told


def test_results_of_a_csv_batch_come_in_the_order_of_the_request(bulk: Bulk) -> None:
    body = "Name,Description\r\none,a\r\n,nameless\r\ntwo,\r\n"
    batch, path = bulk.run(body, operation="insert", object="Account", contentType="CSV")
    assert (batch["state"], batch["numberRecordsProcessed"], batch["numberRecordsFailed"]) == ("Completed", "3", "1")
    answer = bulk("GET", f"{path}/result")
    found = rows(answer)
    assert answer.headers["Content-Type"] == "text/csv"
    assert answer.text.startswith('"Id","Success","Created","Error"\n')
    error = "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --"
    assert found[1] == {"Id": "", "Success": "false", "Created": "false", "Error": error}
    names = [bulk.org.get("Account", row["Id"]) for row in (found[0], found[2])]
    assert [record["Name"] for record in names if record] == ["one", "two"]
    assert bulk("GET", f"{path}/request").text == body


def test_json_results_say_what_was_wrong_in_parts(bulk: Bulk) -> None:
    body = json.dumps([{"Name": "one", "NumberOfEmployees": 3, "Description": None}, {"Description": "x"}])
    _, path = bulk.run(body, JSON, operation="insert", object="Account", contentType="JSON")
    found = bulk("GET", f"{path}/result").json()
    assert found == [
        {"success": True, "created": True, "id": found[0]["id"], "errors": []},
        {"success": False, "created": False, "id": None, "errors": [
            {"message": "Required fields are missing: [Name]", "fields": ["Name"],
             "statusCode": "REQUIRED_FIELD_MISSING", "extendedErrorDetails": None},
        ]},
    ]  # fmt: skip
    kept = bulk.org.get("Account", found[0]["id"])
    assert kept
    assert kept["NumberOfEmployees"] == 3


def test_xml_batches_take_nulls_and_parents_by_their_key(keyed_bulk: Bulk) -> None:
    org = keyed_bulk.org
    parent = org.insert("Account", {"Name": "parent", "Key__c": "P"}, org.system())
    contact = org.insert("Contact", {"LastName": "old", "Title": "boss"}, org.system())
    body = (
        f'<sObjects xmlns="{NS}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><sObject><Id>{contact}</Id>'
        '<Title xsi:nil="true"/><Email/><Account><sObject><Key__c>P</Key__c></sObject></Account></sObject></sObjects>'
    )
    _, path = keyed_bulk.run(body, XML, operation="update", object="Contact", contentType="XML")
    answer = keyed_bulk("GET", f"{path}/result")
    result = ElementTree.fromstring(answer.content)[0]
    assert [(child.tag.partition("}")[2], child.text) for child in result] == [
        ("id", contact), ("success", "true"), ("created", "false"),
    ]  # fmt: skip
    kept = org.get("Contact", contact)
    assert kept
    assert (kept["LastName"], kept["Title"], kept["AccountId"]) == ("old", None, parent)


def test_upsert_and_delete_go_by_their_keys(keyed_bulk: Bulk) -> None:
    org = keyed_bulk.org
    known = org.insert("Account", {"Name": "known", "Key__c": "k"}, org.system())
    values = {"operation": "upsert", "object": "Account", "externalIdFieldName": "Key__c", "contentType": "CSV"}
    _, path = keyed_bulk.run("Key__c,Name\nk,renamed\nnew,fresh\n", **values)
    found = rows(keyed_bulk("GET", f"{path}/result"))
    assert [(row["Success"], row["Created"]) for row in found] == [("true", "false"), ("true", "true")]
    assert found[0]["Id"] == known
    _, path = keyed_bulk.run(f"Id\n{known}\n", operation="delete", object="Account", contentType="CSV")
    assert rows(keyed_bulk("GET", f"{path}/result"))[0]["Success"] == "true"
    gone = org.get("Account", known)
    assert gone
    assert gone["IsDeleted"]
    _, path = keyed_bulk.run(f"Id\n{known}\n", operation="hardDelete", object="Account", contentType="CSV")
    assert org.get("Account", known) is None


@pytest.mark.parametrize("mode", ["Parallel", "Serial"])
def test_a_job_counts_its_batches_and_closes_once(bulk: Bulk, mode: str) -> None:
    job = bulk.job(operation="insert", object="Account", concurrencyMode=mode, contentType="CSV")
    batches = [bulk.batch(job, f"Name\nn{at}\n") for at in range(3)]
    for batch in batches:
        bulk.finish(job, batch)
    close = f'<jobInfo xmlns="{NS}"><state>Closed</state></jobInfo>'
    told = read(bulk("POST", f"/job/{job}", close, XML))
    assert (told["state"], told["numberBatchesCompleted"], told["numberRecordsProcessed"]) == ("Closed", "3", "3")
    assert refused(bulk("POST", f"/job/{job}", close, XML))[:2] == (400, "InvalidJobState")
    assert refused(bulk("POST", f"/job/{job}/batch", "Name\nx\n", CSV))[:2] == (400, "InvalidJobState")
    listed = ElementTree.fromstring(bulk("GET", f"/job/{job}/batch").content)
    assert [child.findtext(f"{{{NS}}}id") for child in listed] == batches


def test_an_aborted_job_does_not_process_what_waits(bulk: Bulk) -> None:
    job = bulk.job(operation="query", object="Account", contentType="CSV")
    batch = bulk.batch(job, "SELECT Id FROM Account")
    told = read(bulk("POST", f"/job/{job}", json.dumps({"state": "Aborted"}), JSON))
    assert told["state"] == "Aborted"
    assert bulk.finish(job, batch)["state"] == "NotProcessed"
    wanted = (400, "InvalidBatch", "Records not processed")
    assert refused(bulk("GET", f"/job/{job}/batch/{batch}/result")) == wanted


def test_a_query_is_answered_as_csv_json_and_xml(bulk: Bulk) -> None:
    org = bulk.org
    account = org.insert("Account", {"Name": "Ada & Sons", "NumberOfEmployees": 7}, org.system())
    soql = "SELECT Id, Name, NumberOfEmployees, Description, CreatedDate, Owner.IsActive FROM Account"
    seen = {}
    for content, kind in (("CSV", CSV), ("JSON", JSON), ("XML", XML)):
        batch, path = bulk.run(soql, kind, operation="query", object="Account", contentType=content)
        assert (batch["state"], int(batch["numberRecordsProcessed"])) == ("Completed", 1)
        listed = bulk("GET", f"{path}/result")
        found = listed.json()[0] if content == "JSON" else read(listed)["result"]
        assert found == "752" + path[-15:-3] + found[15:]
        seen[content] = bulk("GET", f"{path}/result/{found}")
    assert rows(seen["CSV"]) == [
        {"Id": account, "Name": "Ada & Sons", "NumberOfEmployees": "7", "Description": "",
         "CreatedDate": "2026-03-31T09:00:00.000Z", "Owner.IsActive": "true"},
    ]  # fmt: skip
    url = f"/services/data/v61.0/sobjects/Account/{account}"
    owner = {"attributes": {"type": "User", "url": f"/services/data/v61.0/sobjects/User/{org.user_id}"},
             "IsActive": True}  # fmt: skip
    assert seen["JSON"].json() == [
        {"attributes": {"type": "Account", "url": url}, "Id": account, "Name": "Ada & Sons", "NumberOfEmployees": 7,
         "Description": None, "CreatedDate": 1774947600000, "Owner": owner},
    ]  # fmt: skip
    record = ElementTree.fromstring(seen["XML"].content)[0]
    assert [(child.tag.partition("}")[2], child.text) for child in record][:4] == [
        ("type", "Account"), ("Id", account), ("Name", "Ada & Sons"), ("NumberOfEmployees", "7"),
    ]  # fmt: skip


def test_a_query_without_rows_says_so(bulk: Bulk) -> None:
    values = {"operation": "query", "object": "Account", "contentType": "CSV"}
    _, path = bulk.run("SELECT Id FROM Account", **values)
    found = read(bulk("GET", f"{path}/result"))["result"]
    assert bulk("GET", f"{path}/result/{found}").text == '"Records not found for this query"\n'
    answer = bulk("GET", f"{path}/result/752000000000000")
    assert refused(answer)[:2] == (400, "InvalidBatch")


def test_a_query_that_cannot_run_fails_its_batch(bulk: Bulk) -> None:
    batch, path = bulk.run("SELECT Nope FROM Account", JSON, operation="query", object="Account", contentType="JSON")
    assert batch["state"] == "Failed"
    assert batch["stateMessage"].startswith("InvalidBatch : Failed to process query: INVALID_FIELD: ")
    assert refused(bulk("GET", f"{path}/result", kind=JSON)) == (400, "InvalidBatch", "Records not processed")


@pytest.mark.parametrize(("size", "parts"), [(2, 3), (5, 1), (4, 2)])
def test_a_chunked_query_leaves_its_first_batch_unprocessed(bulk: Bulk, size: int, parts: int) -> None:
    org = bulk.org
    for at in range(5):
        org.insert("Account", {"Name": f"where {at}", "Site": "(keep)" if at else None}, org.system())
    asked = json.dumps({"operation": "queryAll", "object": "Account", "contentType": "CSV"})
    header = {"Sforce_Enable_PKChunking": f"chunkSize={size}"}
    job = bulk("POST", "/job", asked, JSON, **header).json()["id"]
    sent = bulk.batch(job, "SELECT Id, Name FROM Account WHERE Site = '(keep)' OR Name LIKE 'x%'")
    listed = ElementTree.fromstring(bulk("GET", f"/job/{job}/batch").content)
    ids = [str(child.findtext(f"{{{NS}}}id")) for child in listed]
    assert (ids[0], len(ids)) == (sent, parts + 1)
    assert bulk.finish(job, sent)["state"] == "NotProcessed"
    names: list[str] = []
    for id_ in ids[1:]:
        assert bulk.finish(job, id_)["state"] == "Completed"
        found = read(bulk("GET", f"/job/{job}/batch/{id_}/result"))["result"]
        names += [row["Name"] for row in rows(bulk("GET", f"/job/{job}/batch/{id_}/result/{found}")) if "Name" in row]
    assert names == ["where 1", "where 2", "where 3", "where 4"]


def test_only_plain_queries_can_be_chunked(bulk: Bulk) -> None:
    asked = json.dumps({"operation": "query", "object": "Account", "contentType": "CSV"})
    job = bulk("POST", "/job", asked, JSON, Sforce_Enable_PKChunking="true").json()["id"]
    batch = bulk.finish(job, bulk.batch(job, "SELECT Id FROM Account ORDER BY Name"))
    assert (batch["state"], "PK chunking" in batch["stateMessage"]) == ("Failed", True)
    answer = bulk("POST", "/job", asked, JSON, Sforce_Enable_PKChunking="chunkSize=250001")
    assert refused(answer)[:2] == (400, "InvalidJob")
    assert bulk("POST", "/job", asked, JSON, Sforce_Enable_PKChunking="chunkSize=250000").status_code == 201


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"operation": "insert", "object": "Nope"}, "InvalidJob"),
        ({"operation": "merge", "object": "Account"}, "InvalidJob"),
        ({"operation": "upsert", "object": "Account"}, "InvalidJob"),
        ({"operation": "query", "object": "TaskStatus"}, "InvalidEntity"),
        ({"operation": "insert", "object": "Account", "contentType": "ZIP_CSV"}, "FeatureNotEnabled"),
        ({"operation": "insert", "object": "Account", "contentType": "PDF"}, "InvalidJob"),
    ],
)
def test_jobs_that_cannot_be_are_refused(bulk: Bulk, values: dict[str, str], code: str) -> None:
    assert refused(bulk("POST", "/job", json.dumps(values), JSON))[:2] == (400, code)


def test_refusals_of_the_api_itself(bulk: Bulk) -> None:
    assert refused(bulk("POST", "/job", "<jobInfo", XML))[:2] == (400, "InvalidXML")
    assert refused(bulk("POST", "/job", "[]", JSON))[:2] == (400, "ClientInputError")
    assert refused(bulk("GET", "/job/750000000000001", kind=JSON)) == (
        400, "InvalidJob", "Invalid job id: 750000000000001",
    )  # fmt: skip
    assert refused(bulk("GET", "/nothing"))[:2] == (400, "InvalidUrl")
    job = bulk.job(operation="insert", object="Account", contentType="CSV")
    assert refused(bulk("GET", f"/job/{job}/batch/751000000000001"))[:2] == (400, "InvalidBatch")
    assert refused(bulk("POST", f"/job/{job}/batch", "[]", JSON))[:2] == (400, "InvalidBatch")
    bulk.root = "/services/async/30.0"
    assert refused(bulk("GET", f"/job/{job}"))[:2] == (400, "InvalidVersion")
    bulk.root = "/services/async/v61.0"
    assert refused(bulk("GET", f"/job/{job}"))[:2] == (400, "InvalidUrl")


def test_a_dead_session_is_a_bad_request_and_a_bearer_does_as_well(bulk: Bulk) -> None:
    job = bulk.job(operation="insert", object="Account", contentType="CSV")
    path = f"{bulk.root}/job/{job}"
    bearer = bulk.caller.raw("GET", path, headers={"Authorization": f"Bearer {bulk.token}"})
    assert bearer.status_code == 200
    assert refused(bulk.caller.raw("GET", path))[:2] == (400, "InvalidSessionId")
    bulk.org.clock.advance(7200)
    assert refused(bulk("GET", f"/job/{job}")) == (400, "InvalidSessionId", "Invalid session id")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("Nope\n1\n", "InvalidBatch : Field name not found : Nope"),
        ("Name\n", "InvalidBatch : Unable to find any records in the batch"),
        ("Name\n" + "x\n" * 10_001, "InvalidBatch : The batch has 10001 records, at most 10000 may be"),
    ],
)
def test_batches_that_cannot_be_read_fail_as_a_whole(bulk: Bulk, body: str, problem: str) -> None:
    batch, path = bulk.run(body, operation="insert", object="Account", contentType="CSV")
    assert (batch["state"], batch["stateMessage"]) == ("Failed", problem)
    assert refused(bulk("GET", f"{path}/result")) == (400, "InvalidBatch", "Records not processed")


def test_a_batch_of_more_than_ten_million_bytes_is_refused(bulk: Bulk) -> None:
    job = bulk.job(operation="insert", object="Account", contentType="CSV")
    assert refused(bulk("POST", f"/job/{job}/batch", "x" * 10_000_001, CSV))[:2] == (400, "ClientInputError")
    assert bulk("POST", f"/job/{job}/batch", "x" * 10_000_000, CSV).status_code == 201


@pytest.mark.parametrize("content", ["JSON", "XML"])
def test_records_name_up_to_five_thousand_fields(content: str) -> None:
    def read(count: int) -> Any:
        names = [f"F{number}__c" for number in range(count)]
        if content == "JSON":
            return records.read(content, json.dumps([dict.fromkeys(names, "x")]).encode())
        inner = "".join(f"<{name}>x</{name}>" for name in names)
        return records.read(content, f"<sObjects><sObject>{inner}</sObject></sObjects>".encode())

    assert read(5_000).rows == [["x"] * 5_000]
    with pytest.raises(BadUpload, match="more than 5000 fields"):
        read(5_001)


def test_of_names_that_differ_in_case_the_first_counts() -> None:
    found = records.read("JSON", b'[{"Name": "a", "NAME": "b"}, {"name": "c"}]')
    assert (found.header, found.rows) == (("Name",), [["a"], ["c"]])
