"""Single records: what is told of them, how they come, change, merge and go."""

from __future__ import annotations

import json
from typing import Any

import pytest

NAMED = {"contacts": "lastmodifieddate", "companies": "hs_lastmodifieddate", "deals": "hs_lastmodifieddate"}


def problems(body: dict[str, Any]) -> list[tuple[str, str]]:
    """(property, error) of the JSON inside the message."""
    listed = json.loads(body["message"].removeprefix("Property values were not valid: "))
    return [(each["name"], each["error"]) for each in listed]


def test_a_created_company_is_told_with_what_the_portal_filled_in(hub: Any) -> None:
    status, body = hub.call(
        "POST", "/crm/v3/objects/companies", {"properties": {"name": "Acme", "domain": "a.example"}}
    )
    told = body["properties"]
    assert status == 201
    assert (body["createdAt"], body["updatedAt"], body["archived"]) == ("2026-03-31T09:00:00Z",) * 2 + (False,)
    assert body["url"] == f"https://app.hubspot.com/contacts/48000001/record/0-2/{body['id']}"
    assert (told["website"], told["lifecyclestage"], told["hs_pipeline"]) == (
        "a.example",
        "lead",
        "companies-lifecycle-pipeline",
    )
    assert (told["hs_object_source"], told["hs_object_source_id"]) == ("INTEGRATION", "23000001")
    assert told["hs_object_id"] == body["id"]
    assert len(body["id"]) == 12


@pytest.mark.parametrize("spelled", ["companies", "company", "COMPANY", "0-2"])
@pytest.mark.parametrize("version", ["v3", "2026-03", "2026-09"])
def test_an_object_has_four_names_and_every_version(hub: Any, spelled: str, version: str) -> None:
    record = hub.make("companies", name="Acme")
    base = "/crm/v3/objects" if version == "v3" else f"/crm/objects/{version}"
    assert hub.call("GET", f"{base}/{spelled}/{record}")[1]["id"] == record


def test_requested_properties_are_null_when_empty_and_missing_when_unknown(hub: Any) -> None:
    record = hub.make("companies", name="Acme")
    assert hub.get("companies", record, "name", "phone", "no_such_thing")["properties"] == {
        "createdate": "2026-03-31T09:00:00Z",
        "hs_lastmodifieddate": "2026-03-31T09:00:00Z",
        "hs_object_id": record,
        "name": "Acme",
        "phone": None,
    }


def test_repeated_and_comma_separated_lists_are_the_same(hub: Any) -> None:
    record = hub.make("companies", name="Acme")
    path = f"/crm/v3/objects/companies/{record}"
    commas = hub.call("GET", path + "?properties=name,phone")
    assert commas == hub.call("GET", path + "?properties=name&properties=phone")


@pytest.mark.parametrize(("name", "modified"), NAMED.items())
def test_each_object_names_its_modified_property(hub: Any, name: str, modified: str) -> None:
    record = hub.make(name)
    assert hub.get(name, record)["properties"][modified] == "2026-03-31T09:00:00Z"


def test_pages_ascend_by_id_and_end_without_paging(hub: Any) -> None:
    made = [hub.make("companies", name=str(n)) for n in range(5)]
    first = hub.call("GET", "/crm/v3/objects/companies?limit=2&properties=name")[1]
    assert [each["id"] for each in first["results"]] == made[:2]
    second = hub.http.get(first["paging"]["next"]["link"], timeout=10).json()  # absolute, as clients follow it
    assert [each["id"] for each in second["results"]] == made[2:4]
    last = hub.call("GET", f"/crm/v3/objects/companies?limit=2&after={second['paging']['next']['after']}")[1]
    assert ([each["id"] for each in last["results"]], "paging" in last) == (made[4:], False)
    assert sorted(made) == made


@pytest.mark.parametrize(("query", "status"), [("limit=100", 200), ("limit=101", 400), ("limit=0", 400)])
def test_a_page_holds_100_records(hub: Any, query: str, status: int) -> None:
    assert hub.call("GET", f"/crm/v3/objects/companies?{query}")[0] == status


@pytest.mark.parametrize(("limit", "status"), [(50, 200), (51, 400)])
def test_a_page_with_history_holds_50(hub: Any, limit: int, status: int) -> None:
    path = f"/crm/v3/objects/deals?limit={limit}&propertiesWithHistory=dealstage"
    assert hub.call("GET", path)[0] == status


def test_a_change_tells_what_was_sent_and_moves_the_modified_date(hub: Any) -> None:
    record = hub.make("companies", name="Acme", phone="1")
    hub.control("clock", {"advance": 60})
    status, body = hub.call(
        "PATCH", f"/crm/v3/objects/companies/{record}", {"properties": {"phone": "", "name": "B"}}
    )
    assert (status, body["updatedAt"], body["createdAt"]) == (200, "2026-03-31T09:01:00Z", "2026-03-31T09:00:00Z")
    assert (body["properties"]["phone"], body["properties"]["name"]) == ("", "B")
    assert hub.get("companies", record, "phone")["properties"]["phone"] is None


def test_values_that_are_not_valid_are_all_told_inside_the_message(hub: Any) -> None:
    sent = {"nam": "x", "num_associated_deals": "3", "lifecyclestage": "no such stage", "name": "fine"}
    status, body = hub.call("POST", "/crm/v3/objects/companies", {"properties": sent})
    assert (status, body["category"]) == (400, "VALIDATION_ERROR")
    assert problems(body) == [
        ("nam", "PROPERTY_DOESNT_EXIST"),
        ("num_associated_deals", "READ_ONLY_VALUE"),
        ("lifecyclestage", "INVALID_OPTION"),
    ]
    assert hub.call("GET", "/crm/v3/objects/companies")[1] == {"results": []}


def test_a_second_contact_with_the_same_address_is_a_conflict(hub: Any) -> None:
    first = hub.make("contacts", email="Ann@Example.com")
    status, body = hub.call("POST", "/crm/v3/objects/contacts", {"properties": {"email": "ann@example.com"}})
    assert (status, body["category"]) == (409, "CONFLICT")
    assert body["message"] == f"Contact already exists. Existing ID: {first}"


def test_companies_may_share_a_domain(hub: Any) -> None:
    assert hub.make("companies", domain="same.example") != hub.make("companies", domain="same.example")


def test_a_contact_is_found_by_its_address_and_nothing_by_what_is_not_unique(hub: Any) -> None:
    record = hub.make("contacts", email="ann@example.com", firstname="Ann")
    path = "/crm/v3/objects/contacts/ann@example.com?idProperty=email"
    assert hub.call("GET", path)[1]["id"] == record
    assert hub.call("PATCH", path, {"properties": {"firstname": "Anna"}})[0] == 200
    assert hub.call("GET", "/crm/v3/objects/contacts/Ann?idProperty=firstname")[0] == 400


def test_a_task_needs_a_due_date(hub: Any) -> None:
    assert hub.call("POST", "/crm/v3/objects/tasks", {"properties": {"hs_task_subject": "Call"}})[0] == 400
    status, body = hub.call(
        "POST",
        "/crm/v3/objects/tasks",
        {"properties": {"hs_timestamp": "2026-04-01T00:00:00Z", "hs_task_subject": "C"}},
    )
    assert (status, body["properties"]["hs_task_priority"]) == (201, "NONE")
    assert "/tasks/48000001/view/all/task/" in body["url"]


def test_archived_records_are_only_told_when_asked_for(hub: Any) -> None:
    kept, gone = hub.make("companies", name="kept"), hub.make("companies", name="gone")
    hub.control("clock", {"advance": 5})
    assert hub.call("DELETE", f"/crm/v3/objects/companies/{gone}") == (204, None)
    assert [each["id"] for each in hub.call("GET", "/crm/v3/objects/companies")[1]["results"]] == [kept]
    listed = hub.call("GET", "/crm/v3/objects/companies?archived=true")[1]["results"]
    assert [(each["id"], each["archived"], each["archivedAt"]) for each in listed] == [
        (gone, True, "2026-03-31T09:00:05Z")
    ]
    path = f"/crm/v3/objects/companies/{gone}"
    assert (hub.call("GET", path)[0], hub.call("GET", path + "?archived=true")[0]) == (404, 200)
    assert hub.call("PATCH", path, {"properties": {"name": "x"}})[0] == 404


def test_deleting_what_nobody_has_succeeds(hub: Any) -> None:
    assert hub.call("DELETE", "/crm/v3/objects/companies/1234567890") == (204, None)


def test_an_archived_contact_frees_its_address_until_it_is_restored(hub: Any) -> None:
    gone = hub.make("contacts", email="ann@example.com")
    hub.call("DELETE", f"/crm/v3/objects/contacts/{gone}")
    assert hub.make("contacts", email="ann@example.com") != gone
    assert hub.control("restore", {"object": "contacts", "id": gone}) == {"restored": 1}
    assert hub.get("contacts", gone)["archived"] is False


@pytest.mark.parametrize(("days", "left"), [(89, 1), (91, 0)])
def test_the_recycling_bin_keeps_records_for_90_days(hub: Any, days: int, left: int) -> None:
    gone = hub.make("companies", name="gone")
    hub.call("DELETE", f"/crm/v3/objects/companies/{gone}")
    hub.control("clock", {"advance": days * 86400})
    assert len(hub.call("GET", "/crm/v3/objects/companies?archived=true")[1]["results"]) == left


def test_a_privacy_delete_leaves_nothing(hub: Any) -> None:
    gone = hub.make("contacts", email="ann@example.com")
    body = {"objectId": "ann@example.com", "idProperty": "email"}
    assert hub.call("POST", "/crm/v3/objects/contacts/gdpr-delete", body) == (204, None)
    assert hub.call("GET", f"/crm/v3/objects/contacts/{gone}?archived=true")[0] == 404


def test_the_survivor_of_a_merge_takes_what_it_lacks_and_answers_for_both(hub: Any) -> None:
    kept, lost = hub.make("companies", name="Kept"), hub.make("companies", name="Lost", phone="1")
    hub.control("clock", {"advance": 60})
    body = {"primaryObjectId": kept, "objectIdToMerge": lost}
    status, told = hub.call("POST", "/crm/v3/objects/companies/merge", body)
    assert (status, told["id"], told["updatedAt"]) == (200, kept, "2026-03-31T09:01:00Z")
    led = hub.get("companies", lost, "name", "phone", "hs_merged_object_ids")
    assert led["id"] == kept
    assert [led["properties"][each] for each in ("name", "phone", "hs_merged_object_ids")] == ["Kept", "1", lost]
    assert hub.call("POST", "/crm/v3/objects/companies/merge", body)[0] == 400
    assert [each["id"] for each in hub.call("GET", "/crm/v3/objects/companies")[1]["results"]] == [kept]


def test_a_merge_can_make_a_new_id(hub: Any) -> None:
    kept, lost = hub.make("deals", dealname="Kept"), hub.make("deals", dealname="Lost")
    made = hub.control("merge", {"object": "deals", "primary": kept, "loser": lost, "new_id": True})["id"]
    assert made not in (kept, lost)
    assert {hub.get("deals", each)["id"] for each in (kept, lost, made)} == {made}
    assert hub.get("deals", made, "hs_merged_object_ids")["properties"]["hs_merged_object_ids"] == f"{kept};{lost}"


def test_history_is_told_newest_first_with_its_source(hub: Any) -> None:
    record = hub.make("deals", dealname="D", dealstage="qualifiedtobuy")
    hub.control("clock", {"advance": 60})
    edit = {"object": "deals", "id": record, "properties": {"dealstage": "contractsent"}, "user_id": "52000077"}
    hub.control("edit", edit)
    path = f"/crm/v3/objects/deals/{record}?propertiesWithHistory=dealstage"
    assert hub.call("GET", path)[1]["propertiesWithHistory"]["dealstage"] == [
        {
            "value": "contractsent",
            "timestamp": "2026-03-31T09:01:00Z",
            "sourceType": "CRM_UI",
            "sourceId": "userId:52000077",
            "updatedByUserId": 52000077,
        },
        {
            "value": "qualifiedtobuy",
            "timestamp": "2026-03-31T09:00:00Z",
            "sourceType": "INTEGRATION",
            "sourceId": "23000001",
            "updatedByUserId": 52000001,
        },
    ]


def test_a_primary_company_is_listed_twice_and_the_key_is_absent_without_any(hub: Any) -> None:
    company, alone = hub.make("companies", name="Acme"), hub.make("deals", dealname="alone")
    link = {"to": {"id": company}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 5}]}
    body = {"properties": {"dealname": "D"}, "associations": [link]}
    deal = hub.call("POST", "/crm/v3/objects/deals", body)[1]["id"]
    listed = hub.call("GET", "/crm/v3/objects/deals?associations=companies")[1]["results"]
    assert {each["id"]: each.get("associations") for each in listed} == {
        alone: None,
        deal: {
            "companies": {
                "results": [
                    {"id": company, "type": "deal_to_company"},
                    {"id": company, "type": "deal_to_company_unlabeled"},
                ]
            }
        },
    }


def test_an_object_that_the_portal_lacks_cannot_be_inferred(hub: Any) -> None:
    status, body = hub.call("GET", "/crm/v3/objects/widgets")
    assert (status, body["message"]) == (400, "Unable to infer object type from: widgets")
    hub.control("hide", {"object": "quotes"})
    assert hub.call("GET", "/crm/v3/objects/quotes")[1]["message"] == "Unable to infer object type from: quotes"
    hub.control("hide", {"object": "quotes", "hidden": False})
    assert hub.call("GET", "/crm/v3/objects/quotes")[0] == 200


def test_the_modified_date_of_a_new_record_moves_by_itself_but_not_of_a_task(hub: Any) -> None:
    company, contact = hub.make("companies", name="A"), hub.make("contacts", email="a@example.com")
    task = hub.make("tasks", hs_timestamp="2026-04-01T00:00:00Z")
    hub.control("clock", {"advance": 0.5})
    assert hub.get("companies", company)["updatedAt"] == "2026-03-31T09:00:00Z"
    hub.control("clock", {"advance": 30})
    moved = [hub.get(*each)["updatedAt"] for each in (("companies", company), ("contacts", contact), ("tasks", task))]
    assert "2026-03-31T09:00:00.700Z" <= moved[0] <= "2026-03-31T09:00:04.800Z"
    assert "2026-03-31T09:00:01.100Z" <= moved[1] <= "2026-03-31T09:00:25.100Z"
    assert moved[2] == "2026-03-31T09:00:00Z"


def test_a_portal_goes_on_where_it_was(start: Any) -> None:
    hub = start()
    record = hub.make("companies", name="Acme")
    hub.emulator.stop()
    again = start()
    assert again.get("companies", record, "name")["properties"]["name"] == "Acme"
    assert again.make("companies", name="next") > record


def test_a_validation_rule_refuses_what_callers_write_but_not_people(hub: Any) -> None:
    record, other = hub.make("companies", name="A"), hub.make("companies", name="B", phone="1")
    rule = {"rule": "CONDITIONAL_REQUIRED", "property": "phone", "when": "lifecyclestage", "values": ["customer"]}
    hub.control("rules", {"object": "companies", **rule})
    changed = {"properties": {"lifecyclestage": "customer"}}
    status, body = hub.call("PATCH", f"/crm/v3/objects/companies/{record}", changed)
    assert (status, body["errors"][0]["code"]) == (400, "MISSING_CONDITIONAL_REQUIRED_PROPERTY")
    inputs = {"inputs": [{"id": each, **changed} for each in (record, other)]}
    status, body = hub.call("POST", "/crm/v3/objects/companies/batch/update", inputs)
    assert (status, [each["id"] for each in body["results"]]) == (207, [other])
    assert [each["context"]["ids"] for each in body["errors"]] == [[record]]
    hub.control("edit", {"object": "companies", "id": record, **changed})
    hub.control("rules", {}, method="DELETE")
    assert hub.call("PATCH", f"/crm/v3/objects/companies/{record}", changed)[0] == 200


def test_other_peoples_work_is_told_as_theirs(hub: Any) -> None:
    record = hub.control("insert", {"object": "deals", "properties": {"dealname": "D"}, "user_id": "52000077"})["id"]
    names = ("hs_object_source", "hs_created_by_user_id", "hs_updated_by_user_id")
    told = hub.get("deals", record, *names)["properties"]
    assert [told[name] for name in names] == ["CRM_UI", "52000077", "52000077"]
    hub.call("PATCH", f"/crm/v3/objects/deals/{record}", {"properties": {"dealname": "E"}})
    told = hub.get("deals", record, *names)["properties"]
    assert [told[name] for name in names] == ["CRM_UI", "52000077", "52000001"]
    assert hub.control("delete", {"object": "deals", "ids": [record, "77"]}) == {"deleted": 1}
    hub.control("purge", {"object": "deals", "id": record})
    assert hub.call("GET", f"/crm/v3/objects/deals/{record}?archived=true")[0] == 404


def test_two_writers_do_not_lose_each_others_work(hub: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    record = hub.make("companies", name="A")
    names = ("name", "phone", "city", "country", "address", "zip", "state", "website")

    def write(name: str) -> int:
        body = {"properties": {name: f"{name} written"}}
        return int(hub.call("PATCH", f"/crm/v3/objects/companies/{record}", body)[0])

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(write, names)) == {200}
    told = hub.get("companies", record, *names)["properties"]
    assert [told[name] for name in names] == [f"{name} written" for name in names]


def test_records_are_listed_and_read_under_version_4_too(hub: Any) -> None:
    made = [hub.make("companies", name=name) for name in ("A", "B")]
    status, page = hub.call("GET", "/crm/v4/objects/companies?limit=1&properties=name")
    assert (status, page["results"][0]["properties"]["name"]) == (200, "A")
    assert page["paging"]["next"]["link"].startswith(f"{hub.emulator.url}/crm/v4/objects/companies?")
    older, newer = (hub.call("GET", f"/crm/{version}/objects/companies/{made[1]}") for version in ("v3", "v4"))
    assert newer == older
