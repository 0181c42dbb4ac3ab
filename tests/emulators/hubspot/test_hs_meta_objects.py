"""Custom objects, pipelines and owners."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emulators.hubspot import owners, pipelines, schemas
from emulators.hubspot.portal import Settings, Tier

SCHEMAS = "/crm-object-schemas/v3/schemas"
REQUESTS = {
    "name": "fund_requests",
    "labels": {"singular": "Fund request", "plural": "Fund requests"},
    "primaryDisplayProperty": "title",
    "requiredProperties": ["title"],
    "searchableProperties": ["title"],
    "properties": [
        {"name": "title", "label": "Title", "type": "string", "fieldType": "text"},
        {"name": "sum", "label": "Sum", "type": "number", "fieldType": "number", "showCurrencySymbol": True},
    ],
    "associatedObjects": ["COMPANY", "0-3"],
}


@pytest.mark.parametrize("path", [SCHEMAS, "/crm-object-schemas/2026-03/schemas", "/crm/v3/schemas"])
def test_a_custom_object_is_made_with_properties_and_associations(hub: Any, path: str) -> None:
    status, body = hub.call("POST", path, REQUESTS)
    assert status == 201
    assert (body["objectTypeId"], body["fullyQualifiedName"], body["metaType"], body["archived"]) == (
        "2-30100001",
        "p48000001_fund_requests",
        "PORTAL_SPECIFIC",
        False,
    )
    found = {each["name"]: each for each in body["properties"]}
    assert {"title", "sum", "hs_object_id", "hs_createdate", "hs_lastmodifieddate"} <= set(found)
    assert (found["sum"]["groupName"], found["sum"]["showCurrencySymbol"]) == ("fund_requests_information", True)
    pairs = [(each["fromObjectTypeId"], each["toObjectTypeId"], each["name"]) for each in body["associations"]]
    assert pairs == [
        ("2-30100001", "0-2", "fund_requests_to_company"),
        ("0-2", "2-30100001", "company_to_fund_requests"),
        ("2-30100001", "0-3", "fund_requests_to_deal"),
        ("0-3", "2-30100001", "deal_to_fund_requests"),
    ]
    assert hub.call("GET", f"{path}/fund_requests")[1] == body
    assert [each["name"] for each in hub.call("GET", path)[1]["results"]] == ["fund_requests"]


@pytest.mark.parametrize("spelled", ["fund_requests", "2-30100001", "p48000001_fund_requests"])
def test_records_of_a_custom_object_are_reached_by_all_its_names(hub: Any, spelled: str) -> None:
    hub.call("POST", SCHEMAS, REQUESTS)
    record = hub.make(spelled, title="Roadshow", sum="100")
    assert hub.get("fund_requests", record, "title", "sum")["properties"]["title"] == "Roadshow"


def test_only_enterprise_portals_have_custom_objects(start: Any) -> None:
    hub = start(settings=Settings(tier=Tier.PROFESSIONAL))
    for method, sent in (("POST", REQUESTS), ("GET", None)):
        status, body = hub.call(method, SCHEMAS, sent)
        assert (status, body["category"]) == (403, "MISSING_SCOPES")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"name": "1st"}, 400, "InboundDbObjectTypeError.OBJECT_TYPE_NAME_FORMAT"),
        ({"primaryDisplayProperty": None}, 400, "ObjectSchemaError.PRIMARY_DISPLAY_PROPERTY_REQUIRED"),
        ({"requiredProperties": ["nothing"]}, 400, "ObjectSchemaError.INVALID_PROPERTIES"),
    ],
)
def test_schemas_that_hubspot_does_not_take(hub: Any, change: dict[str, Any], status: int, code: str) -> None:
    found = hub.call("POST", SCHEMAS, REQUESTS | change)
    assert (found[0], found[1]["subCategory"]) == (status, code)


def test_a_second_object_of_that_name_is_a_conflict(hub: Any) -> None:
    hub.call("POST", SCHEMAS, REQUESTS)
    status, body = hub.call("POST", SCHEMAS, REQUESTS)
    assert (status, body["message"], body["subCategory"]) == (
        409,
        "fund_requests already exists",
        "InboundDbObjectTypeError.OBJECT_TYPE_ALREADY_EXIST",
    )


def test_a_schema_with_records_is_not_archived(hub: Any) -> None:
    hub.call("POST", SCHEMAS, REQUESTS)
    record = hub.make("fund_requests", title="x")
    status, body = hub.call("DELETE", f"{SCHEMAS}/fund_requests")
    assert (status, body["subCategory"]) == (400, "ObjectSchemaError.EXISTING_OBJECT_RECORDS")
    hub.call("DELETE", f"/crm/v3/objects/fund_requests/{record}")
    assert hub.call("DELETE", f"{SCHEMAS}/fund_requests") == (204, None)
    assert hub.call("GET", "/crm/v3/objects/fund_requests")[0] == 400
    assert hub.call("GET", SCHEMAS, params={"archived": "true"})[1]["results"][0]["name"] == "fund_requests"
    assert hub.call("DELETE", f"{SCHEMAS}/2-30100001", params={"archived": "true"})[0] == 204


def test_a_schema_is_changed_and_gets_more_associations(hub: Any) -> None:
    hub.call("POST", SCHEMAS, REQUESTS)
    status, body = hub.call("PATCH", f"{SCHEMAS}/fund_requests", {"labels": {"plural": "Requests"}})
    assert (status, body["labels"]) == (200, {"singular": "Fund request", "plural": "Requests"})
    assert "properties" not in body
    sent = {"fromObjectTypeId": "2-30100001", "toObjectTypeId": "0-1", "name": "asked_by"}
    status, made = hub.call("POST", f"{SCHEMAS}/fund_requests/associations", sent)
    assert (status, made["name"], made["toObjectTypeId"]) == (201, "asked_by", "0-1")


def test_schemas_are_loaded_with_the_number_that_the_file_says(hub: Any, tmp_path: Path) -> None:
    path = tmp_path / "schemas.json"
    path.write_text(json.dumps([REQUESTS | {"objectTypeId": "2-77"}]), encoding="utf-8")
    assert schemas.load(hub.portal, path) == 1
    assert hub.call("GET", f"{SCHEMAS}/2-77")[1]["name"] == "fund_requests"


def test_the_default_deal_pipeline_is_hubspots(hub: Any) -> None:
    status, body = hub.call("GET", "/crm/pipelines/2026-03/deals")
    assert status == 200
    (pipeline,) = body["results"]
    assert (pipeline["id"], pipeline["createdAt"]) == ("default", "1970-01-01T00:00:00Z")
    assert [(stage["id"], stage["metadata"]) for stage in pipeline["stages"]] == [
        ("appointmentscheduled", {"isClosed": "false", "probability": "0.2"}),
        ("qualifiedtobuy", {"isClosed": "false", "probability": "0.4"}),
        ("presentationscheduled", {"isClosed": "false", "probability": "0.6"}),
        ("decisionmakerboughtin", {"isClosed": "false", "probability": "0.8"}),
        ("contractsent", {"isClosed": "false", "probability": "0.9"}),
        ("closedwon", {"isClosed": "true", "probability": "1.0"}),
        ("closedlost", {"isClosed": "true", "probability": "0.0"}),
    ]
    assert {stage["writePermissions"] for stage in pipeline["stages"]} == {"CRM_PERMISSIONS_ENFORCEMENT"}


FUNDS = {
    "label": "Funds",
    "displayOrder": 1,
    "stages": [
        {"label": "Asked", "displayOrder": 0, "metadata": {"probability": "0.5"}},
        {"label": "Paid", "displayOrder": 1, "metadata": {"probability": 1}},
    ],
}


def test_a_pipeline_lives_and_its_stages_bring_properties_along(hub: Any) -> None:
    path = "/crm/v3/pipelines/deals"
    status, made = hub.call("POST", path, FUNDS)
    assert status == 201
    assert [stage["metadata"] for stage in made["stages"]] == [
        {"isClosed": "false", "probability": "0.5"},
        {"isClosed": "true", "probability": "1.0"},
    ]
    asked = made["stages"][0]["id"]
    assert hub.call("GET", f"/crm/v3/properties/deals/hs_v2_date_entered_{asked}")[0] == 200
    assert hub.call("PATCH", f"{path}/{made['id']}", {"label": "Money"})[1]["label"] == "Money"
    one = f"{path}/{made['id']}/stages"
    status, stage = hub.call("POST", one, {"label": "No", "displayOrder": 2, "metadata": {"probability": "0.0"}})
    assert (status, stage["metadata"]["isClosed"]) == (201, "true")
    changed = hub.call("PATCH", f"{one}/{asked}", {"label": "Wanted"})[1]
    assert (changed["label"], changed["metadata"]["probability"]) == ("Wanted", "0.5")
    assert [each["label"] for each in hub.call("GET", one)[1]["results"]] == ["Wanted", "Paid", "No"]
    assert hub.call("DELETE", f"{one}/{stage['id']}") == (204, None)
    assert hub.call("DELETE", f"{path}/{made['id']}") == (204, None)
    assert hub.call("GET", f"{path}/{made['id']}")[0] == 404


def test_a_pipeline_and_a_stage_in_use_are_not_deleted(hub: Any) -> None:
    path = "/crm/v3/pipelines/deals"
    made = hub.call("POST", path, FUNDS)[1]
    asked, paid = (stage["id"] for stage in made["stages"])
    hub.make("deals", dealname="x", pipeline=made["id"], dealstage=asked)
    assert hub.call("DELETE", f"{path}/{made['id']}/stages/{asked}")[1]["subCategory"] == (
        "PipelineError.STAGE_ID_IN_USE"
    )
    status, body = hub.call("DELETE", f"{path}/{made['id']}")
    assert (status, body["subCategory"]) == (400, "PipelineError.PIPELINE_ID_IN_USE")
    assert hub.call("DELETE", f"{path}/{made['id']}/stages/{paid}")[0] == 204


@pytest.mark.parametrize(
    ("probability", "status"), [("0", 201), ("1.0", 201), ("1.1", 400), ("-0.1", 400), ("", 400)]
)
def test_a_probability_is_between_nought_and_one(hub: Any, probability: str, status: int) -> None:
    stage = {"label": "A", "displayOrder": 0, "metadata": {"probability": probability}}
    sent = {"label": "P", "displayOrder": 2, "stages": [stage]}
    assert hub.call("POST", "/crm/v3/pipelines/deals", sent)[0] == status


def test_companies_have_no_pipelines_to_manage(hub: Any) -> None:
    assert hub.call("GET", "/crm/v3/pipelines/companies")[0] == 400


def test_pipelines_are_loaded_with_their_ids(hub: Any, tmp_path: Path) -> None:
    path = tmp_path / "pipelines.json"
    stage = {"id": "new", "label": "New", "metadata": {"probability": "0.1"}}
    path.write_text(json.dumps({"deals": [{"id": "renewals", "label": "Renewals", "stages": [stage]}]}))
    assert pipelines.load(hub.portal, path) == 1
    assert pipelines.stages(hub.portal, "0-3")["new"]["pipeline"] == "renewals"


def owner(number: int, **more: Any) -> dict[str, Any]:
    base = {"id": str(number), "email": f"o{number}@example.com", "firstName": "O", "lastName": str(number)}
    return (
        base
        | {"userId": number + 1000, "createdAt": "2025-01-01T00:00:00Z", "updatedAt": "2025-01-02T00:00:00Z"}
        | more
    )


def test_owners_come_in_pages(hub: Any) -> None:
    for number in range(1, 4):
        owners.put(hub.portal, owner(number))
    status, body = hub.call("GET", "/crm/v3/owners/", params={"limit": 2})
    assert (status, [each["id"] for each in body["results"]]) == (200, ["1", "2"])
    assert body["paging"]["next"]["after"] == "2"
    assert body["paging"]["next"]["link"].startswith(hub.url)
    rest = hub.call("GET", "/crm/owners/2026-03", params={"limit": 2, "after": "2"})[1]
    assert rest == {
        "results": [
            {
                "type": "PERSON",
                "firstName": "O",
                "lastName": "3",
                "createdAt": "2025-01-01T00:00:00Z",
                "updatedAt": "2025-01-02T00:00:00Z",
                "archived": False,
                "id": "3",
                "email": "o3@example.com",
                "userIdIncludingInactive": 1003,
                "userId": 1003,
            }
        ]
    }


def test_a_leaver_is_found_only_among_the_archived(hub: Any) -> None:
    owners.put(hub.portal, owner(1, archived=True))
    assert hub.call("GET", "/crm/v3/owners")[1] == {"results": []}
    assert hub.call("GET", "/crm/v3/owners/1")[0] == 404
    found = hub.call("GET", "/crm/v3/owners/1", params={"archived": "true"})[1]
    assert (found["archived"], found["userIdIncludingInactive"], "userId" in found) == (True, 1001, False)


def test_an_owner_is_found_by_user_and_by_address(hub: Any) -> None:
    owners.put(hub.portal, owner(1))
    owners.put(hub.portal, owner(2))
    assert hub.call("GET", "/crm/v3/owners/1002", params={"idProperty": "userId"})[1]["id"] == "2"
    found = hub.call("GET", "/crm/v3/owners", params={"email": "O1@example.com"})[1]["results"]
    assert [each["id"] for each in found] == ["1"]
    assert hub.call("GET", "/crm/v3/owners/1002")[0] == 404


def test_owners_are_loaded_from_a_sheet(hub: Any, tmp_path: Path) -> None:
    path = tmp_path / "owners.csv"
    path.write_text(
        "id,user_id,email,first_name,last_name,archived\n5,50,a@b.example,A,B,true\n6,60,c@d.example,,,\n"
    )
    assert owners.load(hub.portal, path) == 2
    assert [owners.exists(hub.portal, each) for each in ("5", "6", "7", "x")] == [True, True, False, False]
