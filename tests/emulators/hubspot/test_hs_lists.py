"""Lists: static ones changed by hand, dynamic ones by their filters, and the pages of their members."""

from __future__ import annotations

from typing import Any

import pytest

BASE = "/crm/v3/lists"


def filtered(*filters: dict[str, Any], branches: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """OR of one AND of these filters."""
    inner = {"filterBranchType": "AND", "filters": list(filters), "filterBranches": branches or []}
    return {"filterBranchType": "OR", "filters": [], "filterBranches": [inner]}


def where(name: str, kind: str, operator: str, **more: Any) -> dict[str, Any]:
    return {
        "filterType": "PROPERTY",
        "property": name,
        "operation": {"operationType": kind, "operator": operator, **more},
    }


def create(hub: Any, name: str, processing: str = "MANUAL", object_type: str = "0-2", **more: Any) -> dict[str, Any]:
    body = {"name": name, "objectTypeId": object_type, "processingType": processing, **more}
    status, found = hub.call("POST", BASE, body)
    assert status == 200, found
    return dict(found["list"])


def members(hub: Any, number: str) -> list[str]:
    status, found = hub.call("GET", f"{BASE}/{number}/memberships")
    assert status == 200, found
    return [each["recordId"] for each in found["results"]]


def test_a_manual_list_is_made_read_and_found(hub: Any) -> None:
    made = create(hub, "Our partners")
    assert made == {
        "listId": "1",
        "listVersion": 1,
        "name": "Our partners",
        "objectTypeId": "0-2",
        "processingType": "MANUAL",
        "processingStatus": "COMPLETE",
        "createdAt": "2026-03-31T09:00:00Z",
        "updatedAt": "2026-03-31T09:00:00Z",
        "createdById": "52000001",
        "updatedById": "52000001",
        "size": 0,
    }
    for path in (f"{BASE}/1", "/crm/lists/2026-03/1", "/crm/lists/2026-09/object-type-id/0-2/name/our%20partners"):
        assert hub.call("GET", path) == (200, {"list": made})
    assert hub.call("GET", f"{BASE}?listIds=1&listIds=99") == (200, {"lists": [made]})
    assert hub.call("GET", f"{BASE}/2")[0] == 404


def test_members_are_added_and_removed_and_the_missing_named(hub: Any) -> None:
    number = create(hub, "Partners")["listId"]
    one, two = hub.make("companies", name="A"), hub.make("companies", name="B")
    status, body = hub.call("PUT", f"{BASE}/{number}/memberships/add", [one, two, one, "5", "x"])
    assert (status, body) == (
        200,
        {
            "recordsIdsAdded": [one, two],
            "recordIdsAdded": [one, two],
            "recordIdsRemoved": [],
            "recordIdsMissing": ["5", "x"],
        },
    )
    assert members(hub, number) == [one, two]
    body = {"recordIdsToAdd": [one], "recordIdsToRemove": [two, "7"]}
    told = hub.call("PUT", f"{BASE}/{number}/memberships/add-and-remove", body)[1]
    assert (told["recordsIdsAdded"], told["recordIdsRemoved"], told["recordIdsMissing"]) == ([], [two], [])
    assert members(hub, number) == [one]
    (membership,) = hub.call("GET", f"{BASE}/records/0-2/{one}/memberships")[1]["results"]
    assert (membership["listId"], membership["firstAddedTimestamp"]) == (number, "2026-03-31T09:00:00Z")
    other = create(hub, "Others")["listId"]
    assert hub.call("PUT", f"{BASE}/{other}/memberships/add-from/{number}") == (204, None)
    assert members(hub, other) == [one]
    assert hub.call("PUT", f"{BASE}/{number}/memberships/remove", [one])[1]["recordIdsRemoved"] == [one]
    assert hub.call("DELETE", f"{BASE}/{other}/memberships") == (204, None)
    assert (members(hub, number), members(hub, other)) == ([], [])


def test_an_archived_record_is_in_no_list_until_it_comes_back(hub: Any) -> None:
    number, made = create(hub, "Partners")["listId"], hub.make("companies", name="A")
    hub.call("PUT", f"{BASE}/{number}/memberships/add", [made])
    hub.call("DELETE", f"/crm/v3/objects/companies/{made}")
    assert members(hub, number) == []
    hub.control("restore", {"object": "companies", "id": made})
    assert members(hub, number) == [made]


@pytest.mark.parametrize(("limit", "status"), [(250, 200), (251, 400)])
def test_a_page_of_members_has_at_most_250(hub: Any, limit: int, status: int) -> None:
    number = create(hub, "Partners")["listId"]
    assert hub.call("GET", f"{BASE}/{number}/memberships?limit={limit}")[0] == status


def test_members_are_paged_by_id_and_by_time(hub: Any) -> None:
    number = create(hub, "Partners")["listId"]
    ids = [hub.make("companies", name=f"C{place}") for place in range(5)]
    for record in reversed(ids):
        hub.call("PUT", f"{BASE}/{number}/memberships/add", [record])
        hub.control("clock", {"advance": 1})
    for path, expected in (
        (f"{BASE}/{number}/memberships", ids),
        (f"{BASE}/{number}/memberships/join-order", ids[::-1]),
    ):
        seen, url = [], f"{hub.url}{path}?limit=2"
        while url:
            body = hub.http.get(url, timeout=20).json()
            assert body["total"] == 5
            seen += [each["recordId"] for each in body["results"]]
            url = body.get("paging", {}).get("next", {}).get("link", "")
        assert seen == expected


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        (where("name", "STRING", "IS_EQUAL_TO", value="acme"), ["Acme"]),
        (where("name", "STRING", "IS_NOT_EQUAL_TO", value="acme"), ["Beta", "Gamma"]),
        (where("name", "STRING", "CONTAINS", value="MM"), ["Gamma"]),
        (where("name", "STRING", "STARTS_WITH", value="b"), ["Beta"]),
        (where("name", "MULTISTRING", "ENDS_WITH", values=["me", "MA"]), ["Acme", "Gamma"]),
        (where("name", "MULTISTRING", "DOES_NOT_CONTAIN", values=["cm", "mm"]), ["Beta"]),
        (where("numberofemployees", "NUMBER", "IS_GREATER_THAN", value=9), ["Acme"]),
        (where("numberofemployees", "NUMBER", "IS_LESS_THAN_OR_EQUAL_TO", value=9), ["Beta"]),
        (
            where("numberofemployees", "NUMBER", "IS_LESS_THAN", value=9, includeObjectsWithNoValueSet=True),
            ["Gamma"],
        ),
        (where("numberofemployees", "NUMBER_RANGED", "IS_BETWEEN", lowerBound=9, upperBound=10), ["Acme", "Beta"]),
        (where("type", "ENUMERATION", "IS_ANY_OF", values=["PARTNER", "VENDOR"]), ["Acme"]),
        (where("type", "ENUMERATION", "IS_NONE_OF", values=["PARTNER"]), ["Beta"]),
        (where("type", "ALL_PROPERTY", "IS_UNKNOWN"), ["Gamma"]),
        (where("type", "ALL_PROPERTY", "IS_KNOWN"), ["Acme", "Beta"]),
        (where("hs_is_target_account", "BOOL", "IS_EQUAL_TO", value=True), ["Beta"]),
        (
            where(
                "createdate",
                "TIME_POINT",
                "IS_BEFORE",
                timePoint={"timeType": "DATE", "year": 2026, "month": 4, "day": 1},
            ),
            ["Acme", "Beta", "Gamma"],
        ),
        (
            where(
                "createdate",
                "TIME_POINT",
                "IS_AFTER",
                timePoint={"timeType": "DATE", "year": 2026, "month": 4, "day": 1},
            ),
            [],
        ),
    ],
)
def test_a_dynamic_list_has_the_records_that_its_filters_mean(
    hub: Any, condition: dict[str, Any], names: list[str]
) -> None:
    ids = {
        hub.make("companies", name="Acme", numberofemployees="10", type="PARTNER"): "Acme",
        hub.make(
            "companies", name="Beta", numberofemployees="9", type="RESELLER", hs_is_target_account="true"
        ): "Beta",
        hub.make("companies", name="Gamma"): "Gamma",
    }
    number = create(hub, "Some", "DYNAMIC", filterBranch=filtered(condition))["listId"]
    assert [ids[each] for each in members(hub, number)] == names


def test_a_dynamic_list_follows_its_records_and_a_snapshot_does_not(hub: Any) -> None:
    branch = filtered(where("type", "ENUMERATION", "IS_ANY_OF", values=["PARTNER"]))
    one, two = hub.make("companies", name="A", type="PARTNER"), hub.make("companies", name="B")
    made = create(hub, "Live", "DYNAMIC", filterBranch=branch)
    assert (made["processingStatus"], made["size"], made["filtersUpdatedAt"]) == ("PROCESSING", 1, made["createdAt"])
    live, frozen = made["listId"], create(hub, "Frozen", "SNAPSHOT", filterBranch=branch)["listId"]
    hub.call("PATCH", f"/crm/v3/objects/companies/{one}", {"properties": {"type": ""}})
    hub.call("PATCH", f"/crm/v3/objects/companies/{two}", {"properties": {"type": "PARTNER"}})
    assert (members(hub, live), members(hub, frozen)) == ([two], [one])
    assert hub.call("PUT", f"{BASE}/{live}/memberships/add", [one])[0] == 400
    assert hub.call("PUT", f"{BASE}/{frozen}/memberships/add", [two])[0] == 200
    other = filtered(where("name", "STRING", "IS_EQUAL_TO", value="A"))
    status, body = hub.call("PUT", f"{BASE}/{live}/update-list-filters", {"filterBranch": other})
    assert (status, body["updatedList"]["listVersion"], members(hub, live)) == (200, 2, [one])
    assert hub.call("PUT", f"{BASE}/{frozen}/update-list-filters", {"filterBranch": other})[0] == 400


def test_filters_are_told_with_the_defaults_that_the_portal_fills_in(hub: Any) -> None:
    condition = where("type", "ALL_PROPERTY", "IS_KNOWN")
    number = create(hub, "Some", "DYNAMIC", filterBranch=filtered(condition))["listId"]
    told = hub.call("GET", f"{BASE}/{number}?includeFilters=true")[1]["list"]["filterBranch"]
    assert told["filterBranchOperator"] == "OR"
    assert told["filterBranches"][0]["filterBranchOperator"] == "AND"
    assert told["filterBranches"][0]["filters"][0]["operation"]["includeObjectsWithNoValueSet"] is False
    assert "filterBranch" not in hub.call("GET", f"{BASE}/{number}")[1]["list"]


def test_filters_reach_associated_records_and_other_lists(hub: Any) -> None:
    partner, other = hub.make("companies", name="A"), hub.make("companies", name="B")
    deal = hub.make("deals", dealname="Boat", amount="500")
    hub.call("PUT", f"/crm/v4/objects/deals/{deal}/associations/default/companies/{partner}")
    branch = {
        "filterBranchType": "ASSOCIATION",
        "objectTypeId": "0-3",
        "operator": "IN_LIST",
        "associationCategory": "HUBSPOT_DEFINED",
        "associationTypeId": 342,
        "filterBranches": [],
        "filters": [where("amount", "NUMBER", "IS_GREATER_THAN", value=499)],
    }
    dealing = create(hub, "Dealing", "DYNAMIC", filterBranch=filtered(branches=[branch]))["listId"]
    inside = {"filterType": "IN_LIST", "listId": dealing, "operator": "NOT_IN_LIST"}
    idle = create(hub, "Idle", "DYNAMIC", filterBranch=filtered(inside))["listId"]
    assert (members(hub, dealing), members(hub, idle)) == ([partner], [other])
    hub.call("PATCH", f"/crm/v3/objects/deals/{deal}", {"properties": {"amount": "499"}})
    assert members(hub, idle) == [partner, other]
    itself = filtered({"filterType": "IN_LIST", "listId": idle, "operator": "IN_LIST"})
    assert hub.call("PUT", f"{BASE}/{idle}/update-list-filters", {"filterBranch": itself})[0] == 400


@pytest.mark.parametrize(
    "branch",
    [
        {"filterBranchType": "AND", "filters": [], "filterBranches": []},
        {"filterBranchType": "OR", "filters": [], "filterBranches": []},
        filtered(where("no_such_thing", "STRING", "IS_EQUAL_TO", value="a")),
        filtered(where("name", "STRING", "HAS_EVER_BEEN_EQUAL_TO", value="a")),
        filtered(where("name", "ROLLING_DATE_RANGE", "IS_LESS_THAN_X_DAYS_AGO", numberOfDays=3)),
        filtered(where("createdate", "TIME_POINT", "IS_AFTER", timePoint={"timeType": "INDEXED"})),
        filtered(where("numberofemployees", "NUMBER", "IS_EQUAL_TO", value="three")),
        filtered({"filterType": "EMAIL_SUBSCRIPTION", "subscriptionIds": ["1"]}),
        filtered(branches=[{"filterBranchType": "UNIFIED_EVENTS", "filters": [], "filterBranches": []}]),
    ],
)
def test_filters_that_are_wrong_or_not_emulated_are_refused(hub: Any, branch: dict[str, Any]) -> None:
    body = {"name": "Some", "objectTypeId": "0-2", "processingType": "DYNAMIC", "filterBranch": branch}
    status, told = hub.call("POST", BASE, body)
    assert (status, told["category"]) == (400, "VALIDATION_ERROR")
    assert hub.call("POST", f"{BASE}/search", {})[1]["total"] == 0


@pytest.mark.parametrize(
    "change",
    [{"name": ""}, {"name": "TAKEN"}, {"processingType": "OTHER"}, {"filterBranch": {}}, {"objectTypeId": "nothing"}],
)
def test_lists_that_make_no_sense_are_refused(hub: Any, change: dict[str, Any]) -> None:
    create(hub, "Taken")
    body = {"name": "New", "objectTypeId": "0-2", "processingType": "MANUAL", **change}
    assert hub.call("POST", BASE, body)[0] == 400


def test_a_list_is_renamed_deleted_and_restored(hub: Any) -> None:
    number = create(hub, "One")["listId"]
    status, body = hub.call("PUT", f"{BASE}/{number}/update-list-name?listName=Two")
    assert (status, body["updatedList"]["name"]) == (200, "Two")
    assert hub.call("DELETE", f"{BASE}/{number}") == (204, None)
    assert hub.call("GET", f"{BASE}/{number}")[0] == 404
    assert hub.call("PUT", f"{BASE}/{number}/restore") == (204, None)
    assert hub.call("GET", f"{BASE}/{number}")[0] == 200


def test_lists_are_searched_by_name_and_type_in_pages(hub: Any) -> None:
    for place in range(3):
        create(hub, f"Partners {place}")
    create(hub, "Deals", object_type="0-3")
    status, body = hub.call("POST", f"{BASE}/search", {"query": "PARTNERS", "count": 2})
    assert (status, body["total"], body["hasMore"], body["offset"]) == (200, 3, True, 2)
    assert body["lists"][0]["additionalProperties"] == {"hs_list_size": "0"}
    rest = hub.call("POST", f"{BASE}/search", {"query": "partners", "count": 2, "offset": 2})[1]
    assert ([each["name"] for each in rest["lists"]], rest["hasMore"]) == (["Partners 2"], False)
    assert hub.call("POST", f"{BASE}/search", {"processingTypes": ["DYNAMIC"]})[1]["total"] == 0
    assert hub.call("POST", f"{BASE}/search", {"objectTypeId": "0-3"})[1]["total"] == 1
    assert hub.call("POST", f"{BASE}/search", {"count": 501})[0] == 400


def test_lists_need_their_scopes(hub: Any) -> None:
    hub.control("scopes", {"take": ["crm.lists.write"]})
    assert hub.call("POST", BASE, {})[0] == 403
    assert hub.call("GET", BASE)[0] == 200
    hub.control("scopes", {"take": ["crm.lists.read"]})
    assert hub.call("GET", BASE)[0] == 403
