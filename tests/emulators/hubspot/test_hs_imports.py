"""Imports: what becomes of each row, what is refused at once and what is told later."""

from __future__ import annotations

import json
from typing import Any

import pytest

BASE = "/crm/v3/imports"


def column(name: str, prop: str | None, object_type: str = "0-2", kind: str | None = None) -> dict[str, Any]:
    found = {"columnObjectTypeId": object_type, "columnName": name, "propertyName": prop}
    return found if kind is None else {**found, "columnType": kind}


def asked(*columns: dict[str, Any], **more: Any) -> dict[str, Any]:
    page = {"hasHeader": True, "columnMappings": list(columns)}
    return {"name": "Spring", "files": [{"fileName": "a.csv", "fileFormat": "CSV", "fileImportPage": page}], **more}


def send(hub: Any, request: Any, content: str) -> tuple[int, Any]:
    files = {"files": ("a.csv", content.encode(), "text/csv")}
    answer = hub.raw("POST", BASE, data={"importRequest": json.dumps(request)}, files=files)
    return answer.status_code, answer.json()


def done(hub: Any, request: Any, content: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Import; its state afterwards and its errors."""
    status, begun = send(hub, request, content)
    assert (status, begun.get("state")) == (200, "STARTED"), begun
    found = hub.call("GET", f"{BASE}/{begun['id']}")[1]
    assert found["state"] == "DONE"
    return found, hub.call("GET", f"{BASE}/{begun['id']}/errors")[1]["results"]


def companies(hub: Any, *names: str) -> list[dict[str, Any]]:
    listed = hub.call("GET", "/crm/v3/objects/companies", params={"properties": ",".join(names)})[1]["results"]
    return [{name: each["properties"][name] for name in names} for each in listed]


def test_new_companies_are_made_and_known_domains_changed(hub: Any) -> None:
    hub.make("companies", name="Old", domain="a.example")
    content = "Name,Site,Staff\nAcme,A.example,10\nBeta,b.example,\n"
    request = asked(column("Name", "name"), column("Site", "domain"), column("Staff", "numberofemployees"))
    found, errors = done(hub, request, content)
    assert errors == []
    assert found["metadata"]["counters"] == {
        "TOTAL_ROWS": 2,
        "CREATED_OBJECTS": 1,
        "UPDATED_OBJECTS": 1,
        "UNIQUE_OBJECTS_WRITTEN": 2,
        "PROPERTY_VALUES_EMITTED": 5,
    }
    assert (found["importName"], found["importSource"], found["mappedObjectTypeIds"]) == ("Spring", "API", ["0-2"])
    assert found["importRequestJson"] == request
    assert companies(hub, "name", "numberofemployees") == [
        {"name": "Acme", "numberofemployees": "10"},
        {"name": "Beta", "numberofemployees": None},
    ]


def test_rows_find_their_record_by_id(hub: Any) -> None:
    made = hub.make("companies", name="Old")
    request = asked(column("Id", None, kind="HUBSPOT_OBJECT_ID"), column("Name", "name"))
    found, errors = done(hub, request, f"Id,Name\n{made},New\n77,Nobody\n")
    assert companies(hub, "name") == [{"name": "New"}]
    (bad,) = errors
    assert (bad["errorType"], bad["sourceData"]["lineNumber"], bad["sourceData"]["rowData"]) == (
        "INVALID_OBJECT_ID", 3, ["77", "Nobody"],
    )  # fmt: skip
    assert found["metadata"]["counters"]["ERRORS"] == 1


@pytest.mark.parametrize(
    ("operation", "error", "names"),
    [("CREATE", "CREATE_ONLY_IMPORT", ["Old", "New"]), ("UPDATE", "UPDATE_ONLY_IMPORT", ["Changed"])],
)
def test_an_import_can_only_create_or_only_update(hub: Any, operation: str, error: str, names: list[str]) -> None:
    hub.make("companies", name="Old", domain="a.example")
    request = asked(column("Name", "name"), column("Site", "domain"), importOperations={"0-2": operation})
    _, errors = done(hub, request, "Name,Site\nChanged,a.example\nNew,b.example\n")
    assert [each["errorType"] for each in errors] == [error]
    assert [each["name"] for each in companies(hub, "name")] == names


@pytest.mark.parametrize(
    ("prop", "cell", "error"),
    [
        ("numberofemployees", "many", "COULD_NOT_PARSE_NUMBER"),
        ("type", "Nonsense", "INVALID_ENUMERATION_OPTION"),
        ("hubspot_owner_id", "nobody@a.example", "COULD_NOT_FIND_OWNER"),
        ("notes_last_updated", "31/12/2026", "COULD_NOT_PARSE_DATE"),
    ],
)
def test_a_cell_that_cannot_be_read_is_told_and_the_row_goes_on(hub: Any, prop: str, cell: str, error: str) -> None:
    request = asked(column("Name", "name"), column("Other", prop))
    _, errors = done(hub, request, f"Name,Other\nAcme,{cell}\n")
    (bad,) = errors
    assert (bad["errorType"], bad["knownColumnNumber"], bad["invalidValue"]) == (error, 1, cell)
    assert (bad["objectType"], bad["objectTypeId"], bad["createdAt"]) == ("COMPANY", "0-2", 1_774_947_600_000)
    assert companies(hub, "name", prop) == [{"name": "Acme", prop: None}]


@pytest.mark.parametrize(
    ("order", "cell", "kept"),
    [
        ("MONTH_DAY_YEAR", "3/4/2026", "2026-03-04T00:00:00.000Z"),
        ("DAY_MONTH_YEAR", "3.4.2026", "2026-04-03T00:00:00.000Z"),
        ("YEAR_MONTH_DAY", "2026-04-03", "2026-04-03T00:00:00.000Z"),
    ],
)
def test_dates_are_read_in_the_order_that_the_request_says(hub: Any, order: str, cell: str, kept: str) -> None:
    request = asked(column("Deal", "dealname", "0-3"), column("Close", "closedate", "0-3"), dateFormat=order)
    _, errors = done(hub, request, f"Deal,Close\nBoat,{cell}\n")
    assert errors == []
    found = hub.call("GET", "/crm/v3/objects/deals", params={"properties": "closedate"})[1]["results"]
    assert [each["properties"]["closedate"] for each in found] == [kept]


def test_options_are_found_by_label_and_owners_by_address(hub: Any) -> None:
    from emulators.hubspot import owners

    owners.put(hub.portal, {"id": 31, "email": "ann@a.example", "firstName": "Ann", "userId": 5})
    request = asked(column("Name", "name"), column("Kind", "type"), column("Owner", "hubspot_owner_id"))
    _, errors = done(hub, request, "Name,Kind,Owner\nAcme,partner,Ann@a.example\n")
    assert errors == []
    assert companies(hub, "type", "hubspot_owner_id") == [{"type": "PARTNER", "hubspot_owner_id": "31"}]


def test_records_of_one_row_are_associated(hub: Any) -> None:
    request = asked(column("Mail", "email", "0-1"), column("Name", "name"), createContactListFromImport=True)
    found, errors = done(hub, request, "Mail,Name\na@a.example,Acme\n")
    assert errors == []
    contact = hub.call("GET", "/crm/v3/objects/contacts?associations=companies")[1]["results"][0]
    assert len({each["id"] for each in contact["associations"]["companies"]["results"]}) == 1
    (listed,) = found["metadata"]["objectLists"]
    assert listed["objectType"] == "CONTACT"
    members = hub.call("GET", f"/crm/v3/lists/{listed['listId']}/memberships")[1]["results"]
    assert [each["recordId"] for each in members] == [contact["id"]]


def test_rows_of_another_width_and_refused_records_are_told(hub: Any) -> None:
    hub.make("companies", name="A", domain="a.example")
    hub.make("companies", name="B", domain="a.example")
    request = asked(column("Name", "name"), column("Site", "domain"))
    _, errors = done(hub, request, "Name,Site\nAcme\nC,a.example\n,\n")
    assert [each["errorType"] for each in errors] == [
        "INCORRECT_NUMBER_OF_COLUMNS",
        "MULTIPLE_COMPANIES_WITH_THIS_DOMAIN",
        "FAILED_TO_PROCESS_OBJECT_WITH_EMPTY_PROPERTY_VALUES",
    ]
    mails = asked(column("Mail", "email", "0-1"))
    assert [each["errorType"] for each in done(hub, mails, "Mail\nnonsense\n")[1]] == ["FAILED_VALIDATION"]
    tasks = asked(column("Task", "hs_task_subject", "0-27"))
    assert [each["errorType"] for each in done(hub, tasks, "Task\nCall\n")[1]] == ["MISSING_REQUIRED_PROPERTY"]


def test_errors_are_paged(hub: Any) -> None:
    rows = "".join(f"{number},x\n" for number in range(5))
    found, _ = done(hub, asked(column("Name", "name"), column("N", "numberofemployees")), "Name,N\n" + rows)
    seen, url = [], f"{hub.url}{BASE}/{found['id']}/errors?limit=2"
    while url:
        body = hub.http.get(url, timeout=20).json()
        seen += [each["sourceData"]["lineNumber"] for each in body["results"]]
        url = body.get("paging", {}).get("next", {}).get("link", "")
    assert seen == [2, 3, 4, 5, 6]
    assert [each["id"] for each in hub.call("GET", BASE)[1]["results"]] == [found["id"]]


def test_an_import_takes_its_time_and_can_be_cancelled(hub: Any) -> None:
    hub.control("jobs", {"seconds": 60})
    request = asked(column("Name", "name"))
    number = send(hub, request, "Name\nAcme\n")[1]["id"]
    other = send(hub, request, "Name\nBeta\n")[1]["id"]
    assert hub.call("GET", f"{BASE}/{number}")[1]["state"] == "PROCESSING"
    assert hub.call("POST", f"{BASE}/{other}/cancel")[1]["status"] == "CANCELED"
    hub.control("clock", {"advance": 59})
    assert companies(hub, "name") == []
    hub.control("clock", {"advance": 1})
    assert companies(hub, "name") == [{"name": "Acme"}]
    assert [hub.call("GET", f"{BASE}/{each}")[1]["state"] for each in (number, other)] == ["DONE", "CANCELED"]
    assert hub.call("POST", f"{BASE}/{number}/cancel")[1]["status"] == "COMPLETE"


def test_imported_records_tell_webhooks_that_they_were_imported(hub: Any, receiver: Any) -> None:
    hub.control("webhooks", {"target_url": receiver.url})
    hub.control("subscribe", {"type": "company.creation"})
    found, _ = done(hub, asked(column("Name", "name")), "Name\nAcme\n")
    assert hub.control("deliver") == {"idle": True}
    assert [(each["changeSource"], each["sourceId"]) for each in receiver.events] == [("IMPORT", found["id"])]


@pytest.mark.parametrize(
    "request_json",
    [
        {"name": "Spring", "files": []},
        asked(),
        {**asked(column("Name", "name")), "name": ""},
        asked(column("Nothing", "name")),
        asked(column("Name", "no_such_thing")),
        asked(column("Name", "name", "9-9")),
        asked(column("Name", "name", kind="FLEXIBLE_ASSOCIATION_LABEL")),
        asked({**column("Name", "name"), "toColumnObjectTypeId": "0-1"}),
        asked(column("Name", "name"), importOperations={"0-2": "DELETE"}),
        asked(column("Name", "name"), dateFormat="YEAR"),
        asked(column("Name", "name"), marketableContactImport=True),
        {"name": "Spring", "files": [{"fileName": "b.csv"}]},
        {"name": "Spring", "files": [{"fileName": "a.csv", "fileFormat": "SPREADSHEET"}]},
        [],
    ],
)
def test_requests_that_are_wrong_or_not_emulated_are_refused(hub: Any, request_json: Any) -> None:
    status, body = send(hub, request_json, "Name\nAcme\n")
    assert (status, body["category"] if status == 400 and body.get("category") else "") in (
        (400, "VALIDATION_ERROR"),
        (400, ""),
    )
    assert companies(hub, "name") == []


def test_an_import_is_a_form_and_needs_its_scope(hub: Any) -> None:
    assert hub.call("POST", BASE, {})[0] == 415
    headers = {"Content-Type": "multipart/form-data"}
    assert hub.raw("POST", BASE, data=b"\x00\xff", headers=headers).status_code == 400
    hub.control("scopes", {"take": ["crm.import"]})
    assert hub.call("GET", BASE)[0] == 403
