"""Exports: asked for, done one after another by the portal's clock, and fetched by a link that ends."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

BASE = "/crm/v3/exports/export/async"


def asked(**more: Any) -> dict[str, Any]:
    return {
        "exportType": "VIEW",
        "format": "CSV",
        "exportName": "Partners",
        "objectType": "COMPANY",
        "objectProperties": ["name", "type"],
        "language": "EN",
        "exportInternalValuesOptions": [],
        **more,
    }


def start(hub: Any, **more: Any) -> str:
    status, body = hub.call("POST", BASE, asked(**more))
    assert status == 202, body
    assert list(body) == ["id"]
    return str(body["id"])


def status_of(hub: Any, number: str) -> dict[str, Any]:
    status, body = hub.call("GET", f"{BASE}/tasks/{number}/status")
    assert status == 200, body
    return dict(body)


def rows(hub: Any, number: str) -> list[list[str]]:
    """The file's lines; no token is needed for its link."""
    answer = hub.http.get(status_of(hub, number)["result"], timeout=20, headers={"Authorization": ""})
    assert answer.status_code == 200, answer.text
    return list(csv.reader(io.StringIO(answer.text)))


def test_a_view_is_exported_with_labels(hub: Any) -> None:
    one = hub.make("companies", name='Acme, "Inc."', type="PARTNER")
    two = hub.make("companies", name="Beta")
    assert rows(hub, start(hub)) == [
        ["Record ID", "Company name", "Type"],
        [one, 'Acme, "Inc."', "Partner"],
        [two, "Beta", ""],
    ]


def test_internal_names_and_values_are_exported_on_request(hub: Any) -> None:
    one = hub.make("companies", name="Acme", type="PARTNER")
    number = start(hub, exportInternalValuesOptions=["NAMES", "VALUES"])
    assert rows(hub, number) == [["hs_object_id", "name", "type"], [one, "Acme", "PARTNER"]]


def test_a_view_is_narrowed_by_a_search(hub: Any) -> None:
    hub.make("companies", name="Acme", type="PARTNER")
    wanted = [hub.make("companies", name=name, type="VENDOR") for name in ("Beta", "Gamma")]
    search = {
        "filters": [{"propertyName": "type", "operator": "EQ", "value": "VENDOR"}],
        "sorts": ["-name"],
        "query": "",
    }
    assert [row[0] for row in rows(hub, start(hub, publicCrmSearchRequest=search))[1:]] == wanted[::-1]


def test_a_list_is_exported(hub: Any) -> None:
    body = {"name": "Some", "objectTypeId": "0-2", "processingType": "MANUAL"}
    number = hub.call("POST", "/crm/v3/lists", body)[1]["list"]["listId"]
    made, _ = hub.make("companies", name="A"), hub.make("companies", name="B")
    hub.call("PUT", f"/crm/v3/lists/{number}/memberships/add", [made])
    assert [row[0] for row in rows(hub, start(hub, exportType="LIST", listId=number))[1:]] == [made]
    assert hub.call("POST", BASE, asked(exportType="LIST", listId="99"))[0] == 404


def test_exports_are_done_one_after_another(hub: Any) -> None:
    hub.control("jobs", {"seconds": 60})
    first, second = start(hub), start(hub)
    told = [status_of(hub, each) for each in (first, second)]
    assert [each["status"] for each in told] == ["PROCESSING", "PENDING"]
    assert [each.get("result") for each in told] == [None, None]
    hub.make("companies", name="Late")
    hub.control("clock", {"advance": 60})
    assert [status_of(hub, each)["status"] for each in (first, second)] == ["COMPLETE", "PROCESSING"]
    hub.control("clock", {"advance": 60})
    assert status_of(hub, second)["status"] == "COMPLETE"
    found = hub.call("GET", f"/crm/v3/exports/export/{second}")[1]
    assert (found["exportState"], found["exportType"], found["recordCount"]) == ("DONE", "VIEW", 1)


def test_no_more_than_thirty_exports_run_in_24_hours(hub: Any) -> None:
    for _ in range(30):
        start(hub)
    assert hub.call("POST", BASE, asked())[0] == 429
    hub.control("clock", {"advance": 86_399})
    assert hub.call("POST", BASE, asked())[0] == 429
    hub.control("clock", {"advance": 1})
    start(hub)


def test_a_link_ends_after_five_minutes_and_the_next_status_has_a_new_one(hub: Any) -> None:
    number = start(hub)
    link = status_of(hub, number)["result"]
    assert link.startswith(hub.url)
    assert hub.http.get(link.replace("signature=", "signature=0"), timeout=20).status_code == 403
    hub.control("clock", {"advance": 299})
    assert hub.http.get(link, timeout=20).status_code == 200
    hub.control("clock", {"advance": 1})
    assert hub.http.get(link, timeout=20).status_code == 403
    assert rows(hub, number)[0][0] == "Record ID"


@pytest.mark.parametrize(
    "change",
    [
        {"exportType": "OTHER"},
        {"format": "XLSX"},
        {"language": "DE"},
        {"objectType": "nothing"},
        {"objectProperties": []},
        {"objectProperties": ["no_such_thing"]},
        {"exportInternalValuesOptions": ["OTHER"]},
        {"associatedObjectType": "CONTACT"},
        {"publicCrmSearchRequest": {"filters": [{"propertyName": "no_such_thing", "operator": "EQ", "value": "1"}]}},
    ],
)
def test_requests_that_are_wrong_or_not_emulated_are_refused(hub: Any, change: dict[str, Any]) -> None:
    assert hub.call("POST", BASE, asked(**change))[0] == 400


def test_an_export_whose_list_was_deleted_meanwhile_fails(hub: Any) -> None:
    body = {"name": "Some", "objectTypeId": "0-2", "processingType": "MANUAL"}
    listed = hub.call("POST", "/crm/v3/lists", body)[1]["list"]["listId"]
    hub.control("jobs", {"seconds": 60})
    number = start(hub, exportType="LIST", listId=listed)
    hub.call("DELETE", f"/crm/v3/lists/{listed}")
    hub.control("clock", {"advance": 60})
    told = status_of(hub, number)
    assert (told["status"], told["numErrors"], "result" in told) == ("COMPLETE", 1, False)


def test_unknown_tasks_and_missing_scopes(hub: Any) -> None:
    assert hub.call("GET", f"{BASE}/tasks/5/status")[0] == 404
    assert hub.call("GET", "/exported-files/5?expires=1&signature=1")[0] == 403
    hub.control("scopes", {"take": ["crm.export"]})
    assert hub.call("POST", BASE, asked())[0] == 403
