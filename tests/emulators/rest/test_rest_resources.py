"""The smaller resources: relationships in addresses, layouts, menus, plans, and what came with a version."""

from __future__ import annotations

from typing import Any

import pytest

NOT_FOUND = [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]


@pytest.fixture(scope="module")
def family(client: Any) -> dict[str, str]:
    """An account with a parent and two opportunities."""
    top = client.make("Account", Name="Top")
    account = client.make("Account", Name="Middle", ParentId=top)
    deals = [
        client.make(
            "Opportunity", Name=f"Deal {n}", StageName="Prospecting", CloseDate="2026-06-30", AccountId=account
        )
        for n in (1, 2)
    ]
    return {"top": top, "account": account, "first": deals[0], "second": deals[1]}


def test_children_are_a_page_of_records(client: Any, family: dict[str, str]) -> None:
    path = f"/sobjects/Account/{family['account']}/Opportunities"
    status, body = client.call("GET", path, params={"fields": "Name"})
    assert (status, body["totalSize"], body["done"]) == (200, 2, True)
    assert sorted(one["Name"] for one in body["records"]) == ["Deal 1", "Deal 2"]
    assert sorted(body["records"][0]) == ["Name", "attributes"]


def test_no_children_are_an_empty_page(client: Any, family: dict[str, str]) -> None:
    status, body = client.call("GET", f"/sobjects/Account/{family['top']}/Opportunities")
    assert (status, body) == (200, {"totalSize": 0, "done": True, "records": []})


def test_parents_are_records_over_several_steps(client: Any, family: dict[str, str]) -> None:
    status, body = client.call("GET", f"/sobjects/Opportunity/{family['first']}/Account")
    assert (status, body["Id"], body["attributes"]["type"]) == (200, family["account"], "Account")
    _, body = client.call("GET", f"/sobjects/Opportunity/{family['first']}/Account/Parent", params={"fields": "Name"})
    assert body["Name"] == "Top"


def test_a_parent_that_is_not_there_is_not_found(client: Any, family: dict[str, str]) -> None:
    assert client.call("GET", f"/sobjects/Account/{family['top']}/Parent") == (404, NOT_FOUND)
    assert client.call("GET", f"/sobjects/Account/{family['top']}/Nothing") == (404, NOT_FOUND)


def test_a_parent_is_changed_and_children_are_not(client: Any, family: dict[str, str]) -> None:
    path = f"/sobjects/Opportunity/{family['first']}/Account"
    assert client.call("PATCH", path, {"Industry": "Energy"}) == (204, None)
    assert client.query(f"SELECT Industry FROM Account WHERE Id = '{family['account']}'")[0]["Industry"] == "Energy"
    assert client.call("DELETE", f"/sobjects/Account/{family['account']}/Opportunities")[0] == 405


@pytest.mark.parametrize(("version", "status"), [("35.0", 404), ("36.0", 200)])
def test_relationships_came_with_version_36(client: Any, family: dict[str, str], version: str, status: int) -> None:
    assert client.call("GET", f"/sobjects/Opportunity/{family['first']}/Account", version=version)[0] == status


def test_what_was_viewed_last_comes_first(client: Any, family: dict[str, str]) -> None:
    client.query(f"SELECT Id FROM Opportunity WHERE Id = '{family['second']}' FOR VIEW")
    status, body = client.call("GET", "/recent", params={"limit": "1"})
    assert (status, [(one["attributes"]["type"], one["Name"]) for one in body]) == (200, [("Opportunity", "Deal 2")])


def test_the_layout_has_every_field_the_user_may_see(client: Any) -> None:
    status, body = client.call("GET", "/sobjects/Account/describe/layouts/")
    assert (status, sorted(body)) == (200, ["layouts", "recordTypeMappings", "recordTypeSelectorRequired"])
    rows = body["layouts"][0]["detailLayoutSections"][0]["layoutRows"]
    names = {item["layoutComponents"][0]["value"] for row in rows for item in row["layoutItems"]}
    assert {"Name", "Industry", "OwnerId"} <= names
    record_type = body["recordTypeMappings"][0]["recordTypeId"]
    assert client.call("GET", f"/sobjects/Account/describe/layouts/{record_type}")[1] == body["layouts"][0]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/sobjects/Account/describe/compactLayouts", "compactLayouts"),
        ("/sobjects/Account/describe/approvalLayouts", "approvalLayouts"),
        ("/sobjects/Account/listviews", "listviews"),
        ("/theme", "themeItems"),
        ("/appMenu/AppSwitcher/", "appMenuItems"),
    ],
)
def test_surroundings_answer_in_their_shape(client: Any, path: str, key: str) -> None:
    status, body = client.call("GET", path)
    assert (status, key in body) == (200, True)


def test_there_are_no_actions_and_searches_have_an_order(client: Any) -> None:
    assert client.call("GET", "/quickActions") == (200, [])
    assert client.call("GET", "/sobjects/Account/quickActions") == (200, [])
    order = client.call("GET", "/search/scopeOrder")[1]
    assert order[0] == {"type": "Account", "url": "/services/data/v67.0/sobjects/Account/describe"}


def test_tabs_name_their_objects(client: Any) -> None:
    assert {"Account", "Opportunity"} <= {tab["sobjectName"] for tab in client.call("GET", "/tabs")[1]}


@pytest.mark.parametrize(
    ("where", "kinds"),
    [("Name = 'Top'", ["Index", "TableScan"]), ("Industry = 'Energy'", ["TableScan"])],
)
def test_a_plan_names_the_index_or_scans(client: Any, family: dict[str, str], where: str, kinds: list[str]) -> None:
    soql = f"SELECT Id FROM Account WHERE {where}"
    status, body = client.call("GET", "/query", params={"explain": soql})
    assert (status, body["sourceQuery"]) == (200, soql)
    assert sorted(plan["leadingOperationType"] for plan in body["plans"]) == kinds
    costs = [plan["relativeCost"] for plan in body["plans"]]
    assert costs == sorted(costs)


@pytest.mark.parametrize(("version", "there"), [("49.0", False), ("50.0", True)])
def test_describes_name_associates_from_version_50(client: Any, version: str, there: bool) -> None:
    body = client.call("GET", "/sobjects/Account/describe", version=version)[1]
    assert ("associateEntityType" in body, "aiPredictionField" in body["fields"][0]) == (there, there)


def test_describes_and_queries_agree_about_groups(client: Any) -> None:
    for field in client.call("GET", "/sobjects/Opportunity/describe")[1]["fields"]:
        soql = f"SELECT {field['name']} FROM Opportunity GROUP BY {field['name']}"
        assert (client.call("GET", "/query", params={"q": soql})[0] == 200) is field["groupable"], field["name"]
