"""sObject collections, composite and batch: one result a record, in order, and roll-back."""

from __future__ import annotations

from typing import Any

import pytest

MISSING = {
    "statusCode": "REQUIRED_FIELD_MISSING",
    "message": "Required fields are missing: [Name]",
    "fields": ["Name"],
}
ROLLED_BACK = {
    "statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "message": "Record rolled back because not all records were valid and the request was using AllOrNone header",
    "fields": [],
}


def account(**values: Any) -> dict[str, Any]:
    return {"attributes": {"type": "Account"}, **values}


def test_created_records_answer_in_request_order(caller: Any) -> None:
    body = {"allOrNone": False, "records": [account(Name="a"), account(Site="x"), account(Name="c")]}
    status, results = caller.call("POST", "/composite/sobjects", body)
    ids = [row["Id"] for row in caller.query("SELECT Id FROM Account ORDER BY Name")]
    assert status == 200
    assert results == [
        {"id": ids[0], "success": True, "errors": []},
        {"success": False, "errors": [MISSING]},
        {"id": ids[1], "success": True, "errors": []},
    ]


def test_all_or_none_undoes_everything(caller: Any) -> None:
    body = {"allOrNone": True, "records": [account(Name="a"), account(Site="x")]}
    status, results = caller.call("POST", "/composite/sobjects", body)
    assert status == 200
    assert results == [{"success": False, "errors": [ROLLED_BACK]}, {"success": False, "errors": [MISSING]}]
    assert caller.query("SELECT Id FROM Account") == []


@pytest.mark.parametrize(("count", "status"), [(200, 200), (201, 400)])
def test_a_call_takes_at_most_200_records(caller: Any, count: int, status: int) -> None:
    body = {"records": [account(Name=str(place)) for place in range(count)]}
    assert caller.call("POST", "/composite/sobjects", body)[0] == status


@pytest.mark.parametrize(("chunks", "status"), [(10, 200), (11, 400)])
def test_types_may_change_nine_times(caller: Any, chunks: int, status: int) -> None:
    pair = [account(Name="a"), {"attributes": {"type": "Contact"}, "LastName": "b"}]
    body = {"records": [pair[place % 2] for place in range(chunks)]}
    assert caller.call("POST", "/composite/sobjects", body)[0] == status


def test_updates_go_by_id_and_fail_one_by_one(caller: Any) -> None:
    first, gone = caller.make("Account", Name="a"), caller.make("Account", Name="b")
    caller.call("DELETE", f"/sobjects/Account/{gone}")
    records = [
        account(id=first, Name="z"),
        account(id=gone, Name="z"),
        account(id="abc", Name="z"),
        account(id=first, Name="again"),
        account(Name="no id"),
    ]
    status, results = caller.call("PATCH", "/composite/sobjects", {"records": records})
    codes = [result["errors"][0]["statusCode"] for result in results[1:]]
    assert (status, results[0]) == (200, {"id": first, "success": True, "errors": []})
    assert codes == ["ENTITY_IS_DELETED", "MALFORMED_ID", "DUPLICATE_VALUE", "MISSING_ARGUMENT"]
    assert caller.org.get("Account", first)["Name"] == "z"


def test_deletes_take_a_list_of_ids(caller: Any) -> None:
    ids = [caller.make("Account", Name=name) for name in "ab"]
    status, results = caller.call("DELETE", f"/composite/sobjects?ids={','.join(ids)},{ids[0]}&allOrNone=false")
    assert status == 200
    assert results[:2] == [{"id": record_id, "success": True, "errors": []} for record_id in ids]
    assert results[2]["errors"] == [{"statusCode": "ENTITY_IS_DELETED", "message": "entity is deleted", "fields": []}]


def test_upserts_tell_what_was_created(keyed: Any) -> None:
    known = keyed.make("Account", Name="a", Key__c="1")
    records = [account(Key__c="1", Name="b"), account(Key__c="2", Name="c"), account(Key__c="3", Name="d")]
    status, results = keyed.call("PATCH", "/composite/sobjects/Account/Key__c", {"records": records})
    assert status == 200
    assert results[0] == {"id": known, "success": True, "errors": [], "created": False}
    assert [result["created"] for result in results] == [False, True, True]


def test_an_external_id_given_twice_fails_both(keyed: Any) -> None:
    records = [account(Key__c="1", Name="a"), account(Key__c="1", Name="b"), account(Key__c="2", Name="c")]
    _, results = keyed.call("PATCH", "/composite/sobjects/Account/Key__c", {"records": records})
    assert [result["success"] for result in results] == [False, False, True]
    expected = {
        "statusCode": "DUPLICATE_VALUE",
        "message": "Duplicate external id specified: 1",
        "fields": ["Key__c"],
    }
    assert results[0]["errors"] == [expected]


def test_an_upsert_by_id_without_one_creates(caller: Any) -> None:
    known = caller.make("Account", Name="a")
    records = [account(Id=known, Name="b"), account(Id=None, Name="c")]
    status, results = caller.call("PATCH", "/composite/sobjects/Account/Id", {"records": records})
    assert (status, [result["created"] for result in results]) == (200, [False, True])


def test_records_are_fetched_in_order_with_null_for_none(caller: Any) -> None:
    first, second = caller.make("Account", Name="a"), caller.make("Account", Name="b")
    absent = "001510000000999AAA"
    status, rows = caller.call("GET", f"/composite/sobjects/Account?ids={second},{absent},{first}&fields=Name")
    assert status == 200
    assert [row and row["Name"] for row in rows] == ["b", None, "a"]
    body = {"ids": [first], "fields": ["Name"]}
    assert caller.call("POST", "/composite/sobjects/Account", body)[1][0]["Name"] == "a"


def test_a_value_of_another_type_refuses_the_whole_call(caller: Any) -> None:
    records = [account(Name="a"), account(Name="b", AnnualRevenue="many")]
    status, body = caller.call("POST", "/composite/sobjects", {"records": records})
    assert (status, body[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")
    assert caller.query("SELECT Id FROM Account") == []


def test_composite_calls_see_what_earlier_ones_answered(caller: Any) -> None:
    base = "/services/data/v67.0/sobjects"
    contact = {"LastName": "y", "AccountId": "@{a.id}"}
    calls = [
        {"method": "POST", "url": f"{base}/Account", "referenceId": "a", "body": {"Name": "x"}},
        {"method": "POST", "url": f"{base}/Contact", "referenceId": "c", "body": contact},
        {"method": "GET", "url": f"{base}/Contact/@{{c.id}}?fields=AccountId", "referenceId": "r"},
        {"method": "GET", "url": f"{base}/Account/001510000000999AAA", "referenceId": "n"},
    ]  # fmt: skip
    status, body = caller.call("POST", "/composite", {"compositeRequest": calls})
    answers = body["compositeResponse"]
    assert (status, [answer["httpStatusCode"] for answer in answers]) == (200, [201, 201, 200, 404])
    assert answers[2]["body"]["AccountId"] == answers[0]["body"]["id"]
    assert answers[3] == {
        "body": [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}],
        "httpHeaders": {},
        "httpStatusCode": 404,
        "referenceId": "n",
    }


def test_composite_all_or_none_undoes_and_says_so(caller: Any) -> None:
    url = "/services/data/v67.0/sobjects/Account"
    calls = [
        {"method": "POST", "url": url, "referenceId": "a", "body": {"Name": "x"}},
        {"method": "POST", "url": url, "referenceId": "b", "body": {"Site": "x"}},
    ]
    _, body = caller.call("POST", "/composite", {"allOrNone": True, "compositeRequest": calls})
    text = "The transaction was rolled back since another operation in the same transaction failed."
    assert body["compositeResponse"][0]["body"] == [{"errorCode": "PROCESSING_HALTED", "message": text}]
    assert caller.query("SELECT Id FROM Account") == []


def test_batch_answers_each_call_with_its_status(caller: Any) -> None:
    calls = [{"method": "GET", "url": "v67.0/limits"}, {"method": "GET", "url": "v67.0/sobjects/Nothing/describe"}]
    status, body = caller.call("POST", "/composite/batch", {"batchRequests": calls})
    assert (status, body["hasErrors"], [one["statusCode"] for one in body["results"]]) == (200, True, [200, 404])
