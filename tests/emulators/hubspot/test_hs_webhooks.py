"""Which changes of a portal become which webhook events, and how subscriptions are managed."""

from __future__ import annotations

from typing import Any

import pytest

NOW = 1_774_947_600_000  # 2026-03-31T09:00:00Z
PORTAL, APP = 48_000_001, 23_000_001
SELF = {"changeSource": "INTEGRATION", "sourceId": "23000001"}
SOMEBODY = {"changeSource": "CRM_UI", "sourceId": "userId:52000099"}


def subscribe(hub: Any, receiver: Any, *wanted: tuple[str, ...]) -> dict[tuple[str, ...], int]:
    """Send these (type, property, object) to the receiver; their numbers."""
    hub.control("webhooks", {"target_url": receiver.url, "max_concurrent_requests": 1})  # one after another
    found: dict[tuple[str, ...], int] = {}
    for each in wanted:
        kind, name, object_type = (*each, "", "")[:3]
        body = {"type": kind, "property": name, "object": object_type}
        found[each] = int(hub.control("subscribe", body)["id"])
    return found


def told(hub: Any, receiver: Any) -> list[dict[str, Any]]:
    """The events that came, without their ids, and no longer kept by the receiver."""
    assert hub.control("deliver") == {"idle": True}
    events = [{name: value for name, value in each.items() if name != "eventId"} for each in receiver.events]
    receiver.posts.clear()
    return events


def event(number: int, kind: str, **more: Any) -> dict[str, Any]:
    return {
        "subscriptionId": number,
        "portalId": PORTAL,
        "appId": APP,
        "occurredAt": NOW,
        "subscriptionType": kind,
        "attemptNumber": 0,
        **more,
    }


def test_a_created_deal_is_told_with_its_source(hub: Any, receiver: Any) -> None:
    numbers = subscribe(hub, receiver, ("deal.creation",))
    made = int(hub.make("deals", dealname="Boat"))
    assert told(hub, receiver) == [
        event(numbers[("deal.creation",)], "deal.creation", objectId=made, changeFlag="CREATED", **SELF)
    ]


def test_a_created_record_also_tells_the_first_value_of_a_subscribed_property(hub: Any, receiver: Any) -> None:
    key = ("company.propertyChange", "name")
    numbers = subscribe(hub, receiver, key)
    made = int(hub.make("companies", name="Acme"))
    own = {"objectId": made, "propertyName": "name", "propertyValue": "Acme", "isSensitive": False}
    assert told(hub, receiver) == [event(numbers[key], "company.propertyChange", **own, **SELF)]


def test_only_subscribed_properties_that_changed_are_told(hub: Any, receiver: Any) -> None:
    made = hub.make("companies", name="Acme", city="Rome")
    key = ("company.propertyChange", "city")
    numbers = subscribe(hub, receiver, key)
    hub.call("PATCH", f"/crm/v3/objects/companies/{made}", {"properties": {"name": "Other", "city": "Rome"}})
    assert told(hub, receiver) == []
    hub.call("PATCH", f"/crm/v3/objects/companies/{made}", {"properties": {"city": ""}})
    own = {"objectId": int(made), "propertyName": "city", "propertyValue": "", "isSensitive": False}
    assert told(hub, receiver) == [event(numbers[key], "company.propertyChange", **own, **SELF)]


def test_somebody_elses_edit_says_who_it_was(hub: Any, receiver: Any) -> None:
    made = hub.make("deals", dealname="Boat")
    key = ("deal.propertyChange", "amount")
    numbers = subscribe(hub, receiver, key)
    hub.control("edit", {"object": "deals", "id": made, "properties": {"amount": "50"}})
    own = {"objectId": int(made), "propertyName": "amount", "propertyValue": "50", "isSensitive": False}
    assert told(hub, receiver) == [event(numbers[key], "deal.propertyChange", **own, **SOMEBODY)]


def test_what_the_portal_works_out_has_a_source_of_its_own(hub: Any, receiver: Any) -> None:
    made = hub.make("deals", dealname="Boat", dealstage="contractsent", pipeline="default")
    key = ("deal.propertyChange", "hs_is_closed_won")
    numbers = subscribe(hub, receiver, key)
    hub.call("PATCH", f"/crm/v3/objects/deals/{made}", {"properties": {"dealstage": "closedwon"}})
    own = {"objectId": int(made), "propertyName": "hs_is_closed_won", "propertyValue": "true", "isSensitive": False}
    assert told(hub, receiver) == [event(numbers[key], "deal.propertyChange", **own, changeSource="CALCULATED")]


def test_deletion_and_restoration_are_told_for_records_that_are_there(hub: Any, receiver: Any) -> None:
    made = hub.make("companies", name="Acme")
    kinds = ("company.deletion",), ("company.restore",)
    numbers = subscribe(hub, receiver, *kinds)
    hub.call("DELETE", f"/crm/v3/objects/companies/{made}")
    hub.call("DELETE", "/crm/v3/objects/companies/999999")
    hub.control("restore", {"object": "companies", "id": made})
    assert told(hub, receiver) == [
        event(numbers[kinds[0]], "company.deletion", objectId=int(made), changeFlag="DELETED", **SELF),
        event(numbers[kinds[1]], "company.restore", objectId=int(made), **SOMEBODY),
    ]


def test_privacy_deletion_of_a_contact_is_told(hub: Any, receiver: Any) -> None:
    made = hub.make("contacts", email="a@b.example")
    numbers = subscribe(hub, receiver, ("contact.privacyDeletion",))
    hub.call("POST", "/crm/v3/objects/contacts/gdpr-delete", {"objectId": made})
    number = numbers[("contact.privacyDeletion",)]
    assert told(hub, receiver) == [
        event(number, "contact.privacyDeletion", objectId=int(made), changeFlag="DELETED", **SELF)
    ]


@pytest.mark.parametrize("new_id", [False, True])
def test_a_merge_names_winner_losers_and_the_new_record(hub: Any, receiver: Any, new_id: bool) -> None:
    one, other = hub.make("companies", name="A"), hub.make("companies", name="B", city="Rome")
    numbers = subscribe(hub, receiver, ("company.merge",), ("company.propertyChange", "city"))
    survivor = hub.control("merge", {"object": "companies", "primary": one, "loser": other, "new_id": new_id})["id"]
    assert (survivor != one) is new_id
    merge, change = told(hub, receiver)
    moved = merge.pop("numberOfPropertiesMoved")
    assert moved >= 1
    ids = {"primaryObjectId": int(one), "mergedObjectIds": [int(other)], "newObjectId": int(survivor)}
    assert merge == event(numbers[("company.merge",)], "company.merge", **ids, **SOMEBODY)
    assert (change["objectId"], change["propertyValue"], change["changeSource"]) == (
        int(survivor), "Rome", "MERGE_OBJECTS",
    )  # fmt: skip


def test_an_association_is_told_once_for_each_direction(hub: Any, receiver: Any) -> None:
    deal, contact = hub.make("deals", dealname="Boat"), hub.make("contacts", email="a@b.example")
    kinds = ("deal.associationChange",), ("contact.associationChange",)
    numbers = subscribe(hub, receiver, *kinds)
    path = f"/crm/v4/objects/deals/{deal}/associations/default/contacts/{contact}"
    assert hub.call("PUT", path)[0] == 200
    there = {"associationType": "DEAL_TO_CONTACT", "fromObjectId": int(deal), "toObjectId": int(contact)}
    back = {"associationType": "CONTACT_TO_DEAL", "fromObjectId": int(contact), "toObjectId": int(deal)}
    added = {"associationRemoved": False, "isPrimaryAssociation": False}
    found = told(hub, receiver)
    assert event(numbers[kinds[0]], "deal.associationChange", **there, **added, **SELF) in found
    assert event(numbers[kinds[1]], "contact.associationChange", **back, **added, **SELF) in found
    assert len(found) == 2
    hub.call("PUT", path)
    assert told(hub, receiver) == []  # nothing changed
    hub.control(
        "associate", {"object": "deals", "id": deal, "to_object": "contacts", "to_id": contact, "remove": True}
    )
    gone = told(hub, receiver)
    assert [(each["associationRemoved"], each["changeSource"]) for each in gone] == [(True, "CRM_UI")] * 2


def test_a_primary_company_is_told_beside_the_plain_association(hub: Any, receiver: Any) -> None:
    deal, company = hub.make("deals", dealname="Boat"), hub.make("companies", name="Acme")
    subscribe(hub, receiver, ("deal.associationChange",))
    hub.call("PUT", f"/crm/v4/objects/deals/{deal}/associations/default/companies/{company}")
    found = told(hub, receiver)
    assert sorted((each["associationType"], each["isPrimaryAssociation"]) for each in found) == [
        ("DEAL_TO_COMPANY", False),
        ("DEAL_TO_COMPANY", True),
    ]
    hub.call("DELETE", f"/crm/v4/objects/deals/{deal}/associations/companies/{company}")
    assert [each["associationRemoved"] for each in told(hub, receiver)] == [True, True]


def test_generic_subscriptions_tell_any_object_and_its_type(hub: Any, receiver: Any) -> None:
    kinds = ("object.creation", "", "tasks"), ("object.propertyChange", "hs_task_status", "0-27")
    numbers = subscribe(hub, receiver, *kinds)
    made = int(hub.make("tasks", hs_timestamp="2026-04-01T00:00:00Z", hs_task_status="NOT_STARTED"))
    creation, change = told(hub, receiver)
    own = {"objectTypeId": "0-27", "objectId": made}
    assert creation == event(numbers[kinds[0]], "object.creation", **own, changeFlag="CREATED", **SELF)
    assert (change["objectTypeId"], change["propertyName"]) == ("0-27", "hs_task_status")


def test_generic_associations_tell_labels_by_number(hub: Any, receiver: Any) -> None:
    deal, company = hub.make("deals", dealname="Boat"), hub.make("companies", name="Acme")
    made = hub.call("POST", "/crm/v4/associations/deals/companies/labels", {"label": "Sourcing", "name": "sourcing"})
    number = made[1]["results"][0]["typeId"]
    subscribe(hub, receiver, ("object.associationChange", "", "deals"), ("deal.associationChange",))
    types = [{"associationCategory": "USER_DEFINED", "associationTypeId": number}]
    hub.call("PUT", f"/crm/v4/objects/deals/{deal}/associations/companies/{company}", types)
    found = told(hub, receiver)
    generic = [each for each in found if each["subscriptionType"] == "object.associationChange"]
    assert [
        (each["associationCategory"], each["associationTypeId"], each["fromObjectTypeId"], each["toObjectTypeId"])
        for each in generic
    ] == [("HUBSPOT_DEFINED", 341, "0-3", "0-2"), ("USER_DEFINED", number, "0-3", "0-2")]
    assert [each["associationType"] for each in found if each not in generic] == ["DEAL_TO_COMPANY"]


def test_nothing_is_told_of_a_write_that_was_undone(hub: Any, receiver: Any) -> None:
    hub.make("contacts", email="a@b.example")
    subscribe(hub, receiver, ("contact.creation",))
    inputs = [{"properties": {"email": text}} for text in ("new@b.example", "a@b.example")]
    assert hub.call("POST", "/crm/v3/objects/contacts/batch/create", {"inputs": inputs})[0] == 409
    assert told(hub, receiver) == []


def test_without_a_subscription_no_thread_runs_and_nothing_waits(hub: Any, receiver: Any) -> None:
    hub.control("webhooks", {"target_url": receiver.url})
    number = hub.control("subscribe", {"type": "company.creation"})["id"]
    hub.control("unsubscribe", {"id": number})
    hub.make("companies", name="Acme")
    state = hub.control("webhooks", method="GET")
    assert (state["waiting"], state["delivered"], state["subscriptions"]) == (0, 0, [])


@pytest.mark.parametrize(
    "base", ["/webhooks/v3", "/webhooks/2026-03", "/app-webhooks/2026-03", "/app-webhooks/2026-09"]
)
def test_subscriptions_and_settings_are_managed_by_api(hub: Any, receiver: Any, base: str) -> None:
    base = f"{base}/{APP}"
    assert hub.call("GET", f"{base}/settings")[0] == 404
    wanted = {"targetUrl": receiver.url, "throttling": {"maxConcurrentRequests": 10}}
    status, body = hub.call("PUT", f"{base}/settings", wanted)
    assert (status, {name: body[name] for name in wanted}) == (200, wanted)
    status, made = hub.call(
        "POST",
        f"{base}/subscriptions",
        {"eventType": "deal.propertyChange", "propertyName": "amount", "active": False},
    )
    number = made["id"]
    assert (status, made["active"], made["propertyName"]) == (201, False, "amount")
    assert hub.call("GET", f"{base}/subscriptions")[1] == {"results": [made]}
    assert hub.call("PATCH", f"{base}/subscriptions/{number}", {"active": True})[1]["active"] is True
    inputs = {"inputs": [{"id": int(number), "active": False}, {"id": 1, "active": True}]}
    status, batch = hub.call("POST", f"{base}/subscriptions/batch/update", inputs)
    assert (status, batch["results"][0]["active"], batch["numErrors"]) == (207, False, 1)
    assert hub.call("DELETE", f"{base}/subscriptions/{number}")[0] == 204
    assert hub.call("GET", f"{base}/subscriptions/{number}")[0] == 404
    assert hub.call("DELETE", f"{base}/settings")[0] == 204


@pytest.mark.parametrize(
    "body",
    [
        {"eventType": "deal.anything", "active": True},
        {"eventType": "conversation.creation", "active": True},
        {"eventType": "deal.propertyChange", "active": True},
        {"eventType": "deal.creation", "propertyName": "amount", "active": True},
        {"eventType": "object.creation", "active": True},
        {"eventType": "object.creation", "objectTypeId": "nothing", "active": True},
        {"eventType": "deal.creation", "active": "yes"},
    ],
)
def test_subscriptions_that_make_no_sense_are_refused(hub: Any, body: dict[str, Any]) -> None:
    assert hub.call("POST", f"/webhooks/v3/{APP}/subscriptions", body)[0] == 400


@pytest.mark.parametrize(
    "url", ["https://example.com/hooks", "http://10.0.0.1/", "ftp://127.0.0.1/", "http://127.0.0.1.example.com/", "x"]
)
def test_a_target_on_another_machine_is_refused(hub: Any, url: str) -> None:
    wanted = {"targetUrl": url, "throttling": {"maxConcurrentRequests": 10}}
    status, body = hub.call("PUT", f"/webhooks/v3/{APP}/settings", wanted)
    assert status == 400
    assert "this machine only" in body["message"]


def test_another_application_and_a_stranger_see_nothing(hub: Any) -> None:
    assert hub.call("GET", "/webhooks/v3/1/subscriptions")[0] == 404
    stranger = {"Authorization": "Bearer nobody"}
    assert hub.call("GET", f"/webhooks/v3/{APP}/subscriptions?hapikey=", headers=stranger)[0] == 401


def test_the_same_seed_gives_the_same_event_ids(start: Any, receiver: Any) -> None:
    ids = []
    for name in ("one.db", "two.db"):
        hub = start(file=name, seed=7)
        subscribe(hub, receiver, ("company.creation",))
        hub.make("companies", name="A")
        hub.make("companies", name="B")
        assert hub.control("deliver") == {"idle": True}
        ids.append([each["eventId"] for each in receiver.events])
        receiver.posts.clear()
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2
