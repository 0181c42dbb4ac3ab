"""How property definitions and groups are made, changed, archived and counted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emulators.hubspot import definitions, properties, validations
from emulators.hubspot.errors import HubError

BASE = "/crm/v3/properties/companies"
SCORE = {
    "name": "pmom_score",
    "label": "Score",
    "type": "number",
    "fieldType": "number",
    "groupName": "companyinformation",
}
LEVER = SCORE | {
    "name": "pmom_lever",
    "label": "Lever",
    "type": "enumeration",
    "fieldType": "select",
    "options": [{"label": "None", "value": "none"}, {"label": "Fund", "value": "fund"}],
}


@pytest.mark.parametrize("path", [BASE, "/crm/properties/2026-03/companies", "/crm/properties/2026-09/0-2"])
def test_a_new_property_is_answered_with_201_and_read_back(hub: Any, path: str) -> None:
    answer = hub.raw("POST", path, json=SCORE | {"numberDisplayHint": "currency", "description": "How good"})
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{path}/pmom_score")
    assert answer.json() == {
        "updatedAt": "2026-03-31T09:00:00.000Z",
        "createdAt": "2026-03-31T09:00:00.000Z",
        "name": "pmom_score",
        "label": "Score",
        "type": "number",
        "fieldType": "number",
        "description": "How good",
        "groupName": "companyinformation",
        "options": [],
        "createdUserId": "52000001",
        "updatedUserId": "52000001",
        "displayOrder": -1,
        "calculated": False,
        "externalOptions": False,
        "archived": False,
        "hasUniqueValue": False,
        "hidden": False,
        "showCurrencySymbol": False,
        "numberDisplayHint": "currency",
        "modificationMetadata": {"archivable": True, "readOnlyDefinition": False, "readOnlyValue": False},
        "formField": False,
        "dataSensitivity": "non_sensitive",
    }
    assert hub.call("GET", f"{path}/pmom_score") == (200, answer.json())


def test_a_name_that_is_there_is_a_conflict_and_changes_nothing(hub: Any) -> None:
    hub.call("POST", BASE, SCORE)
    status, body = hub.call("POST", BASE, SCORE | {"label": "Other"})
    assert status == 409
    assert {key: body[key] for key in ("status", "category", "subCategory", "message")} == {
        "status": "error",
        "category": "OBJECT_ALREADY_EXISTS",
        "subCategory": "Properties.PROPERTY_WITH_NAME_EXISTS",
        "message": "A property named 'pmom_score' already exists.",
    }
    assert hub.call("GET", f"{BASE}/pmom_score")[1]["label"] == "Score"


def test_an_unknown_property_is_404(hub: Any) -> None:
    status, body = hub.call("GET", f"{BASE}/pmom_nothing")
    assert (status, body["category"]) == (404, "OBJECT_NOT_FOUND")


@pytest.mark.parametrize("name", ["Pmom", "1st", "a-b", "_a", "hs_mine", "a" * 101, "a b"])
def test_names_that_hubspot_does_not_take_are_refused(hub: Any, name: str) -> None:
    assert hub.call("POST", BASE, SCORE | {"name": name})[0] == 400


@pytest.mark.parametrize("name", ["a", "a1_b", "a" * 100])
def test_names_that_hubspot_takes_are_taken(hub: Any, name: str) -> None:
    assert hub.call("POST", BASE, SCORE | {"name": name})[0] == 201


@pytest.mark.parametrize(
    "change",
    [
        {"label": ""},
        {"groupName": "nowhere"},
        {"type": "json"},
        {"fieldType": "text"},
        {"type": "enumeration", "fieldType": "select"},
        {"type": "bool", "fieldType": "booleancheckbox"},
        {"type": "enumeration", "fieldType": "select", "options": [{"label": "A", "value": "a"}] * 2},
        {"fieldType": "calculation_equation"},
        {"numberDisplayHint": "shiny"},
    ],
)
def test_definitions_that_do_not_fit_together_are_refused(hub: Any, change: dict[str, Any]) -> None:
    status, body = hub.call("POST", BASE, SCORE | change)
    assert (status, body["category"]) == (400, "VALIDATION_ERROR")


def test_a_patch_without_options_keeps_them_and_with_options_replaces_them(hub: Any) -> None:
    hub.call("POST", BASE, LEVER)
    body = hub.call("PATCH", f"{BASE}/pmom_lever", {"label": "The lever"})[1]
    assert (body["label"], [each["value"] for each in body["options"]]) == ("The lever", ["none", "fund"])
    sent = {"options": [{"label": "Train", "value": "train", "displayOrder": 5}]}
    status, body = hub.call("PATCH", f"{BASE}/pmom_lever", sent)
    assert status == 200
    assert body["options"] == [{"label": "Train", "value": "train", "displayOrder": 5, "hidden": False}]
    company = {"properties": {"name": "A", "pmom_lever": "fund"}}
    assert hub.call("POST", "/crm/v3/objects/companies", company)[0] == 400


def test_uniqueness_is_set_only_at_creation(hub: Any) -> None:
    hub.call("POST", BASE, SCORE)
    assert hub.call("PATCH", f"{BASE}/pmom_score", {"hasUniqueValue": True})[1]["hasUniqueValue"] is False
    made = hub.call("POST", BASE, SCORE | {"name": "pmom_key", "hasUniqueValue": True})[1]
    assert made["hasUniqueValue"] is True


def test_an_archived_property_is_gone_listed_as_archived_and_comes_back_by_its_name(hub: Any) -> None:
    first = hub.call("POST", BASE, SCORE)[1]
    assert hub.call("DELETE", f"{BASE}/pmom_score") == (204, None)
    assert hub.call("GET", f"{BASE}/pmom_score")[0] == 404
    assert hub.call("DELETE", f"{BASE}/pmom_score")[0] == 404
    archived = hub.call("GET", BASE, params={"archived": "true"})[1]["results"]
    assert [(each["name"], each["archived"]) for each in archived] == [("pmom_score", True)]
    hub.portal.clock.advance(60)
    status, again = hub.call("POST", BASE, SCORE | {"label": "Again"})
    assert (status, again["label"], again["createdAt"]) == (201, "Again", first["createdAt"])
    assert again["updatedAt"] == "2026-03-31T09:01:00.000Z"
    assert hub.call("GET", BASE, params={"archived": "true"})[1]["results"] == []


def test_a_property_that_a_formula_uses_is_not_archived(hub: Any) -> None:
    hub.call("POST", BASE, SCORE)
    twice = SCORE | {
        "name": "pmom_twice",
        "fieldType": "calculation_equation",
        "calculationFormula": "2 * pmom_score",
    }
    assert hub.call("POST", BASE, twice)[0] == 201
    status, body = hub.call("DELETE", f"{BASE}/pmom_score")
    assert (status, body["subCategory"]) == (400, "PropertyValidationError.CANNOT_DELETE_PROPERTY_IN_USE")
    assert body["message"] == (
        "Property: pmom_score of object type 0-2 is currently used in 1 places and cannot be deleted"
    )
    assert body["errors"][0]["context"] == {"parentType": ["CALCULATED_PROPERTY"], "parentName": ["0-2/pmom_twice"]}
    assert hub.call("DELETE", f"{BASE}/pmom_twice")[0] == 204
    assert hub.call("DELETE", f"{BASE}/pmom_score")[0] == 204


def test_hubspots_own_properties_are_read_only_definitions(hub: Any) -> None:
    assert hub.call("DELETE", f"{BASE}/domain")[0] == 400
    assert hub.call("PATCH", f"{BASE}/domain", {"label": "Mine"})[0] == 400
    found = hub.call("GET", f"{BASE}/type")[1]
    assert (found["hubspotDefined"], found["modificationMetadata"]["readOnlyDefinition"]) == (True, True)
    assert [each["value"] for each in found["options"]] == ["PROSPECT", "PARTNER", "RESELLER", "VENDOR", "OTHER"]


def test_a_batch_makes_what_it_can_and_tells_the_clash(hub: Any) -> None:
    status, body = hub.call("POST", f"{BASE}/batch/create", {"inputs": [SCORE, LEVER]})
    assert (status, [each["name"] for each in body["results"]]) == (201, ["pmom_score", "pmom_lever"])
    other = SCORE | {"name": "pmom_other"}
    status, body = hub.call("POST", f"{BASE}/batch/create", {"inputs": [SCORE, other]})
    assert (status, body["numErrors"], [each["name"] for each in body["results"]]) == (207, 1, ["pmom_other"])
    error = body["errors"][0]
    assert (error["category"], error["subCategory"]) == (
        "OBJECT_ALREADY_EXISTS",
        "Properties.PROPERTY_WITH_NAME_EXISTS",
    )


def test_batches_read_and_archive(hub: Any) -> None:
    hub.call("POST", f"{BASE}/batch/create", {"inputs": [SCORE, LEVER]})
    names = {"archived": False, "inputs": [{"name": "pmom_score"}, {"name": "pmom_nothing"}]}
    status, body = hub.call("POST", f"{BASE}/batch/read", names)
    assert (status, body["numErrors"], [each["name"] for each in body["results"]]) == (207, 1, ["pmom_score"])
    assert hub.call("POST", f"{BASE}/batch/archive", names) == (204, None)
    assert hub.call("GET", f"{BASE}/pmom_score")[0] == 404
    assert hub.call("GET", f"{BASE}/pmom_lever")[0] == 200


def test_a_batch_takes_100_inputs_and_not_101(hub: Any) -> None:
    many = [SCORE | {"name": f"p{number}"} for number in range(101)]
    assert hub.call("POST", f"{BASE}/batch/create", {"inputs": many})[0] == 400
    assert hub.call("POST", f"{BASE}/batch/create", {"inputs": many[1:]})[0] == 201


def test_an_object_has_ten_unique_properties_and_not_eleven(hub: Any) -> None:
    for number in range(10):
        assert hub.call("POST", BASE, SCORE | {"name": f"key{number}", "hasUniqueValue": True})[0] == 201
    status, body = hub.call("POST", BASE, SCORE | {"name": "key10", "hasUniqueValue": True})
    assert (status, body["subCategory"]) == (400, "PropertyLimitError.UNIQUE_PROPERTY_LIMIT_EXCEEDED")


def test_an_object_has_1000_custom_properties_and_not_1001(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(properties, "MOST", 2)
    assert hub.call("POST", BASE, SCORE)[0] == 201
    assert hub.call("POST", BASE, LEVER)[0] == 201
    status, body = hub.call("POST", BASE, SCORE | {"name": "third"})
    assert (status, body["subCategory"]) == (400, "PropertyLimitError.PROPERTY_LIMIT_EXCEEDED")
    assert properties.MOST_UNIQUE == 10


def test_a_new_definition_is_read_a_moment_later_when_the_portal_lags(start: Any) -> None:
    hub = start(lag=(1, 1))
    assert hub.call("POST", BASE, SCORE)[0] == 201
    hub.portal.clock.advance(0.249)
    assert hub.call("GET", f"{BASE}/pmom_score")[0] == 404
    hub.portal.clock.advance(0.452)
    assert hub.call("GET", f"{BASE}/pmom_score")[0] == 200


def test_a_name_is_taken_before_it_can_be_read(start: Any) -> None:
    hub = start(lag=(1, 1))
    assert [hub.call("POST", BASE, SCORE)[0] for _ in range(2)] == [201, 409]


def test_groups_are_made_changed_and_archived_when_empty(hub: Any) -> None:
    path = f"{BASE}/groups"
    status, body = hub.call("POST", path, {"name": "pmom", "label": "PM-OM"})
    assert (status, body) == (201, {"name": "pmom", "label": "PM-OM", "displayOrder": -1, "archived": False})
    assert hub.call("GET", f"{path}/pmom") == (200, body)
    assert hub.call("POST", path, {"name": "pmom", "label": "x"})[0] == 409
    assert hub.call("PATCH", f"{path}/pmom", {"label": "New"})[1]["label"] == "New"
    hub.call("POST", BASE, SCORE | {"groupName": "pmom"})
    status, refused = hub.call("DELETE", f"{path}/pmom")
    assert (status, refused["subCategory"]) == (400, "PropertyGroupError.GROUP_WITH_ACTIVE_PROPERTIES")
    inner = json.loads(refused["message"])
    assert (inner["subCategory"], inner["message"]) == (
        "PropertyGroupError.GROUP_WITH_ACTIVE_PROPERTIES",
        "Can't delete or purge a group with active properties",
    )
    hub.call("DELETE", f"{BASE}/pmom_score")
    assert hub.call("DELETE", f"{path}/pmom") == (204, None)
    assert "pmom" not in [each["name"] for each in hub.call("GET", path)[1]["results"]]
    assert hub.call("POST", path, {"name": "pmom", "label": "Again"})[0] == 201


def test_tasks_need_the_scopes_of_contacts(hub: Any) -> None:
    hub.control("scopes", {"set": ["crm.schemas.companies.write", "crm.objects.contacts.read"]})
    sent = SCORE | {"groupName": "task"}
    status, body = hub.call("POST", "/crm/v3/properties/tasks", sent)
    assert (status, body["category"]) == (403, "MISSING_SCOPES")
    assert hub.call("GET", "/crm/v3/properties/tasks")[0] == 200
    hub.control("scopes", {"give": ["crm.schemas.contacts.write"]})
    assert hub.call("POST", "/crm/v3/properties/tasks", sent)[0] == 201


def test_how_many_properties_are_left_is_told(hub: Any) -> None:
    hub.call("POST", BASE, SCORE)
    body = hub.call("GET", "/crm/limits/2026-03/custom-properties")[1]
    found = next(each for each in body["byObjectType"] if each["objectTypeId"] == "0-2")
    assert (found["usage"], found["limit"], body["overallUsage"]) == (1, 1000, 1)
    hub.control("scopes", {"set": ["crm.schemas.companies.read"]})
    assert hub.call("GET", "/crm/limits/2026-03/custom-properties")[0] == 403


def refused(hub: Any, kept: dict[str, str], changed: list[str] | None = None) -> HubError | None:
    try:
        validations.check(hub.portal, "0-3", kept, changed)
    except HubError as bad:
        return bad
    return None


def test_a_required_property_is_demanded_of_creates_and_may_not_be_cleared(hub: Any) -> None:
    validations.put(hub.portal, "0-3", {"rule": "REQUIRED", "property": "amount"})
    bad = refused(hub, {"dealname": "x"})
    assert bad is not None
    assert bad.errors == (
        {
            "message": "A value for amount must be provided",
            "code": "MISSING_REQUIRED_PROPERTY",
            "context": {"propertyName": ["amount"]},
        },
    )
    assert refused(hub, {"amount": "1"}) is None
    assert refused(hub, {"dealname": "y"}, ["dealname"]) is None
    assert refused(hub, {}, ["amount"]) is not None


def test_a_conditional_rule_holds_while_its_cause_does(hub: Any) -> None:
    rule = {"rule": "CONDITIONAL_REQUIRED", "property": "closed_lost_reason", "when": "dealstage"}
    validations.put(hub.portal, "0-3", rule | {"values": ["closedlost"]})
    bad = refused(hub, {"dealstage": "closedlost"}, ["dealstage"])
    assert bad is not None
    assert (bad.status, bad.errors[0]["code"], bad.message) == (
        400,
        "MISSING_CONDITIONAL_REQUIRED_PROPERTY",
        "closed_lost_reason is required because of a conditional property rule based on [dealstage]",
    )
    assert refused(hub, {"dealstage": "closedwon"}, ["dealstage"]) is None
    assert refused(hub, {"dealstage": "closedlost", "closed_lost_reason": "price"}) is None
    assert refused(hub, {"dealstage": "closedlost"}, ["amount"]) is None


@pytest.mark.parametrize(
    ("rule", "bound", "good", "bad"),
    [
        ("MIN_LENGTH", "3", "abc", "ab"),
        ("MAX_LENGTH", "3", "abc", "abcd"),
        ("MIN_NUMBER", "1", "1", "0.9"),
        ("MAX_NUMBER", "9", "9", "9.1"),
        ("FORMAT", "[a-z]+", "ab", "a1"),
    ],
)
def test_rules_of_values_hold_at_their_bounds(hub: Any, rule: str, bound: str, good: str, bad: str) -> None:
    validations.put(hub.portal, "0-3", {"rule": rule, "property": "dealname", "arguments": [bound]})
    assert refused(hub, {"dealname": good}) is None
    found = refused(hub, {"dealname": bad})
    assert found is not None
    assert (found.status, found.errors[0]["code"]) == (400, rule)
    listed = hub.call("GET", "/crm/property-validations/2026-03/0-3")[1]
    assert listed == {
        "results": [
            {"propertyName": "dealname", "propertyValidationRules": [{"ruleType": rule, "ruleArguments": [bound]}]}
        ]
    }


def test_a_stage_of_another_pipeline_is_refused(hub: Any) -> None:
    sent = {"label": "Funds", "stages": [{"label": "Asked", "metadata": {"probability": "0.5"}}]}
    made = hub.call("POST", "/crm/v3/pipelines/deals", sent)[1]
    stage = made["stages"][0]["id"]
    assert refused(hub, {"pipeline": made["id"], "dealstage": stage}) is None
    bad = refused(hub, {"pipeline": "default", "dealstage": stage})
    assert bad is not None
    assert bad.errors[0]["code"] == "INVALID_OPTION"


def test_definitions_in_a_transaction_that_is_undone_are_gone(hub: Any) -> None:
    obj = definitions.object_type(hub.portal, "companies")
    assert obj is not None

    def fail() -> None:
        with hub.portal.transaction():
            properties.make(hub.portal, obj, SCORE)
            assert "pmom_score" in definitions.of(hub.portal, "0-2")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert "pmom_score" not in definitions.of(hub.portal, "0-2")
