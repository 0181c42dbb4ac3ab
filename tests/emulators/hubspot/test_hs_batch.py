"""Batches of records: order, limits, and what happens when some inputs fail."""

from __future__ import annotations

from typing import Any

import pytest

BASE = "/crm/v3/objects/companies/batch"
LACKING = "Could not get some COMPANY objects, they may be deleted or not exist. Check that ids are valid."


def made(hub: Any, count: int) -> list[str]:
    return [hub.make("companies", name=f"company {n}") for n in range(count)]


def inputs(ids: list[str], **properties: Any) -> dict[str, Any]:
    return {"inputs": [{"id": each, "properties": properties} for each in ids]}


def ids_of(body: dict[str, Any]) -> list[str]:
    return [each["id"] for each in body["results"]]


def not_found(*ids: str) -> list[dict[str, Any]]:
    item = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": LACKING, "errors": [], "links": {}}
    return [{**item, "context": {"ids": list(ids)}}]


def test_a_batch_answers_in_another_order_than_it_was_asked(hub: Any) -> None:
    names = [str(n) for n in range(20)]
    body = {"inputs": [{"properties": {"name": name}} for name in names]}
    status, answer = hub.call("POST", BASE + "/create", body)
    told = [each["properties"]["name"] for each in answer["results"]]
    assert (status, answer["status"], sorted(told, key=int)) == (201, "COMPLETE", names)
    assert told != names
    in_order = sorted(answer["results"], key=lambda each: int(each["id"]))
    assert [each["properties"]["name"] for each in in_order] == names  # ids ascend with the inputs


def test_the_order_is_the_same_for_the_same_seed(start: Any) -> None:
    body = {"inputs": [{"properties": {"name": str(n)}} for n in range(20)]}
    found = [start(file=f"{n}.db", seed=7).call("POST", BASE + "/create", body)[1] for n in range(2)]
    assert ids_of(found[0]) == ids_of(found[1])


@pytest.mark.parametrize("verb", ["read", "create", "update", "archive"])
@pytest.mark.parametrize(("count", "refused"), [(100, False), (101, True)])
def test_a_batch_holds_100_inputs(hub: Any, verb: str, count: int, refused: bool) -> None:
    body = {"inputs": [{"id": str(n + 1), "properties": {}} for n in range(count)]}
    assert (hub.call("POST", f"{BASE}/{verb}", body)[0] == 400) is refused


def test_ids_that_are_not_there_are_told_beside_those_that_are(hub: Any) -> None:
    ids = made(hub, 2)
    body = {"inputs": [{"id": each} for each in (*ids, "77", "78")], "properties": ["name"]}
    status, answer = hub.call("POST", BASE + "/read", body)
    assert (status, sorted(ids_of(answer)), answer["numErrors"]) == (207, ids, 1)
    assert answer["errors"] == not_found("77", "78")


def test_an_update_changes_what_is_there_and_tells_what_is_not(hub: Any) -> None:
    ids = made(hub, 3)
    hub.call("DELETE", f"/crm/v3/objects/companies/{ids[2]}")
    status, answer = hub.call("POST", BASE + "/update", inputs([*ids, "77"], name="new"))
    assert (status, sorted(ids_of(answer)), answer["errors"]) == (207, ids[:2], not_found(ids[2], "77"))
    assert hub.get("companies", ids[0], "name")["properties"]["name"] == "new"


def test_a_complete_update_is_200_without_errors(hub: Any) -> None:
    status, answer = hub.call("POST", BASE + "/update", inputs(made(hub, 2), name="new"))
    assert (status, set(answer)) == (200, {"status", "results", "startedAt", "completedAt"})


def test_one_unknown_property_refuses_the_whole_batch(hub: Any) -> None:
    ids = made(hub, 2)
    body = inputs(ids, name="new")
    body["inputs"][1]["properties"]["nam"] = "typo"
    status, answer = hub.call("POST", BASE + "/update", body)
    assert (status, answer["category"], "PROPERTY_DOESNT_EXIST" in answer["message"]) == (
        400,
        "VALIDATION_ERROR",
        True,
    )
    assert hub.get("companies", ids[0], "name")["properties"]["name"] == "company 0"


def test_an_id_twice_in_one_update_refuses_the_whole_batch(hub: Any) -> None:
    (record,) = made(hub, 1)
    assert hub.call("POST", BASE + "/update", inputs([record, record], name="new"))[0] == 400


def test_a_duplicate_in_a_create_refuses_all_and_names_the_first(hub: Any) -> None:
    first = hub.make("contacts", email="a@example.com")
    body = {"inputs": [{"properties": {"email": f"{each}@example.com"}} for each in "xaby"]}
    status, answer = hub.call("POST", "/crm/v3/objects/contacts/batch/create", body)
    assert (status, answer["message"]) == (409, f"Contact already exists. Existing ID: {first}")
    assert len(hub.call("GET", "/crm/v3/objects/contacts")[1]["results"]) == 1


def test_with_a_trace_id_for_each_input_the_others_are_made(hub: Any) -> None:
    hub.make("contacts", email="a@example.com")
    body = {
        "inputs": [{"objectWriteTraceId": each, "properties": {"email": f"{each}@example.com"}} for each in "xab"]
    }
    status, answer = hub.call("POST", "/crm/v3/objects/contacts/batch/create", body)
    assert (status, sorted(each["objectWriteTraceId"] for each in answer["results"])) == (207, ["b", "x"])
    assert [(each["category"], each["context"]) for each in answer["errors"]] == [
        ("CONFLICT", {"objectWriteTraceId": ["a"]})
    ]


def test_an_upsert_tells_which_records_are_new(hub: Any) -> None:
    known = hub.make("contacts", email="a@example.com")
    body = {
        "inputs": [
            {"id": f"{each}@example.com", "idProperty": "email", "properties": {"firstname": each}} for each in "ab"
        ]
    }
    status, answer = hub.call("POST", "/crm/v3/objects/contacts/batch/upsert", body)
    told = {each["properties"]["firstname"]: (each["new"], each["id"] == known) for each in answer["results"]}
    assert (status, told) == (200, {"a": (False, True), "b": (True, False)})


def test_an_upsert_needs_a_unique_property(hub: Any) -> None:
    body = {"inputs": [{"id": "a", "idProperty": "name", "properties": {}}]}
    assert hub.call("POST", BASE + "/upsert", body)[0] == 400


def test_an_archive_succeeds_for_any_ids(hub: Any) -> None:
    ids = made(hub, 2)
    body = {"inputs": [{"id": each} for each in (*ids, "77")]}
    assert hub.call("POST", BASE + "/archive", body) == (204, None)
    assert hub.call("GET", "/crm/v3/objects/companies")[1]["results"] == []


def test_a_merged_id_reads_as_its_survivor(hub: Any) -> None:
    kept, lost = made(hub, 2)
    hub.control("merge", {"object": "companies", "primary": kept, "loser": lost})
    status, answer = hub.call("POST", BASE + "/read", {"inputs": [{"id": lost}], "properties": ["name"]})
    assert (status, ids_of(answer)) == (200, [kept])


def test_a_planned_failure_strikes_single_records_of_an_update(hub: Any) -> None:
    ids = made(hub, 3)
    code = "MISSING_CONDITIONAL_REQUIRED_PROPERTY"
    rule = {"kind": "partial_failure", "path": "companies", "ids": ids[:1], "code": code, "message": "No."}
    hub.control("faults", [rule])
    status, answer = hub.call("POST", BASE + "/update", inputs(ids, name="new"))
    assert (status, sorted(ids_of(answer))) == (207, ids[1:])
    assert [(each["category"], each["message"], each["context"]) for each in answer["errors"]] == [
        (code, "No.", {"ids": ids[:1]})
    ]
