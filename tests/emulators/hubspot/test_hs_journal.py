"""The webhooks journal: who may read it, what is written into it, and how its files are walked."""

from __future__ import annotations

from typing import Any

import pytest

PORTAL = 48_000_001
BASE = "/webhooks-journal/journal/2026-03"
SUBSCRIPTIONS = "/webhooks-journal/subscriptions/2026-03"
SCOPES = ("read", "subscriptions.read", "subscriptions.write", "snapshots.read", "snapshots.write")


class Reader:
    """An application with a token of its own."""

    def __init__(self, hub: Any, *scopes: str) -> None:
        self.hub = hub
        form = {
            "grant_type": "client_credentials",
            "client_id": "an-app",
            "client_secret": "its-secret",
            "scope": " ".join(f"developer.webhooks_journal.{each}" for each in scopes or SCOPES),
        }
        status, self.granted = hub.call("POST", "/oauth/v1/token", data=form)
        assert status == 200, self.granted
        self.headers = {"Authorization": f"Bearer {self.granted['access_token']}"}

    def call(self, method: str, path: str, json: Any = None) -> tuple[int, Any]:
        found: tuple[int, Any] = self.hub.call(method, path, json, headers=self.headers)
        return found

    def subscribe(self, kind: str, object_type: str, *actions: str, **more: Any) -> dict[str, Any]:
        body = {"subscriptionType": kind, "objectTypeId": object_type, "portalId": PORTAL, "actions": list(actions)}
        status, made = self.call("POST", SUBSCRIPTIONS, {**body, **more})
        assert status == 200, made
        return dict(made)

    def open(self, link: dict[str, str]) -> list[dict[str, Any]]:
        """The events of the file to which a link leads; no token is needed."""
        answer = self.hub.http.get(link["url"], timeout=20, headers={"Authorization": ""})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["offset"] == link["currentOffset"]
        return list(body["journalEvents"])

    def events(self) -> list[dict[str, Any]]:
        """All events of the newest file."""
        status, link = self.call("GET", f"{BASE}/latest")
        assert status == 200
        return self.open(link)


@pytest.fixture
def reader(hub: Any) -> Reader:
    return Reader(hub)


def event(action: str, type_id: str, number: str, **more: Any) -> dict[str, Any]:
    own = {"action": action, "objectTypeId": type_id, "objectId": int(number)}
    kind = more.pop("type", "OBJECT")
    return {"type": kind, "portalId": PORTAL, "occurredAt": "2026-03-31T09:00:00Z", **own, **more}


def test_a_client_credentials_token_has_its_scopes_and_no_more(hub: Any) -> None:
    some = Reader(hub, "read")
    assert some.granted["token_use"] == "client_credentials"
    assert some.granted["expires_in"] == 1800
    assert some.granted["scopes"] == ["developer.webhooks_journal.read"]
    assert some.call("GET", f"{BASE}/earliest") == (204, None)
    status, body = some.call("GET", SUBSCRIPTIONS)
    assert (status, body["category"]) == (403, "MISSING_SCOPES")
    assert some.call("GET", "/crm/v3/objects/companies")[0] == 401


def test_the_static_token_and_an_expired_one_do_not_open_the_journal(hub: Any, reader: Reader) -> None:
    assert hub.call("GET", f"{BASE}/earliest")[0] == 401
    hub.control("clock", {"advance": 1800})
    status, body = reader.call("GET", f"{BASE}/earliest")
    assert (status, body["category"]) == (401, "EXPIRED_AUTHENTICATION")


@pytest.mark.parametrize("scope", ["", "crm.objects.companies.read"])
def test_a_grant_for_other_scopes_is_refused(hub: Any, scope: str) -> None:
    form = {"grant_type": "client_credentials", "client_id": "an-app", "client_secret": "its-secret", "scope": scope}
    assert hub.call("POST", "/oauth/v1/token", data=form)[0] == 400


def test_nothing_is_written_before_somebody_subscribes(hub: Any, reader: Reader) -> None:
    hub.make("companies", name="Acme")
    assert reader.call("GET", f"{BASE}/latest") == (204, None)


def test_creates_changes_and_deletions_are_written(hub: Any, reader: Reader) -> None:
    reader.subscribe("OBJECT", "0-2", "CREATE", "UPDATE", "DELETE", "RESTORE", properties=["name", "city"])
    made = hub.make("companies", name="Acme", phone="1")
    hub.call(
        "PATCH", f"/crm/v3/objects/companies/{made}", {"properties": {"name": "B", "city": "Rome", "phone": "2"}}
    )
    hub.call("PATCH", f"/crm/v3/objects/companies/{made}", {"properties": {"phone": "3"}})
    hub.call("DELETE", f"/crm/v3/objects/companies/{made}")
    hub.control("restore", {"object": "companies", "id": made})
    hub.make("contacts", email="a@b.example")
    assert reader.events() == [
        event("CREATE", "0-2", made, propertyChanges={"name": "Acme"}),
        event("UPDATE", "0-2", made, propertyChanges={"name": "Acme"}),
        event("UPDATE", "0-2", made, propertyChanges={"name": "B", "city": "Rome"}),
        event("DELETE", "0-2", made),
        event("RESTORE", "0-2", made),
    ]


def test_merges_associations_and_privacy_deletions_are_written(hub: Any, reader: Reader) -> None:
    one, other = hub.make("companies", name="A"), hub.make("companies", name="B")
    deal, contact = hub.make("deals", dealname="Boat"), hub.make("contacts", email="a@b.example")
    reader.subscribe("OBJECT", "0-2", "MERGE")
    reader.subscribe(
        "ASSOCIATION", "0-3", "ASSOCIATION_ADDED", "ASSOCIATION_REMOVED", associatedObjectTypeIds=["0-1"]
    )
    reader.subscribe("GDPR_PRIVACY_DELETION", "0-1", "GDPR_DELETE")
    hub.control("merge", {"object": "companies", "primary": one, "loser": other})
    path = f"/crm/v4/objects/deals/{deal}/associations/default"
    hub.call("PUT", f"{path}/companies/{one}")
    hub.call("PUT", f"{path}/contacts/{contact}")
    hub.call("DELETE", f"/crm/v4/objects/deals/{deal}/associations/contacts/{contact}")
    hub.call("POST", "/crm/v3/objects/contacts/gdpr-delete", {"objectId": contact})
    link = {
        "type": "ASSOCIATION",
        "associatedObjectTypeId": "0-1",
        "associatedObjectId": int(contact),
        "associationCategory": "HUBSPOT_DEFINED",
        "associationTypeId": 3,
    }
    assert reader.events() == [
        event("MERGE", "0-2", one, mergedObjectIds=[int(other)]),
        event("ASSOCIATION_ADDED", "0-3", deal, **link),
        event("ASSOCIATION_REMOVED", "0-3", deal, **link),
        event("GDPR_DELETE", "0-1", contact, type="GDPR_PRIVACY_DELETION"),
    ]


def test_files_are_walked_from_the_earliest_by_offset(hub: Any, reader: Reader) -> None:
    reader.subscribe("OBJECT", "0-2", "CREATE")
    made, offsets = [], []
    for number in range(3):
        made.append(int(hub.make("companies", name=f"C{number}")))
        offsets.append(reader.call("GET", f"{BASE}/latest")[1]["currentOffset"])
    seen: list[int] = []
    status, link = reader.call("GET", f"{BASE}/earliest")
    while status == 200:
        seen += [each["objectId"] for each in reader.open(link)]
        status, link = reader.call("GET", f"{BASE}/offset/{link['currentOffset']}/next?installPortalId={PORTAL}")
    assert (status, seen, len(set(offsets))) == (204, made, 3)

    def batch(path: str) -> list[str]:
        return [each["currentOffset"] for each in reader.call("GET", f"{BASE}/batch/{path}")[1]["results"]]

    assert batch("earliest/2") == offsets[:2]
    assert batch("latest/2") == offsets[1:]
    assert batch(f"{offsets[0]}/next/5") == offsets[1:]
    assert reader.call("GET", f"{BASE}/batch/earliest/0")[0] == 400
    assert reader.call("GET", f"{BASE}/earliest?installPortalId=1") == (204, None)
    status, body = reader.call("POST", f"{BASE}/batch/read", {"inputs": [offsets[1], "unknown"]})
    assert (status, body["numErrors"], [each["currentOffset"] for each in body["results"]]) == (207, 1, [offsets[1]])


def test_files_are_kept_for_three_days(hub: Any, reader: Reader) -> None:
    reader.subscribe("OBJECT", "0-2", "CREATE")
    hub.make("companies", name="A")
    offset = reader.call("GET", f"{BASE}/latest")[1]["currentOffset"]
    hub.control("clock", {"advance": 3 * 86_400 - 1})
    reader = Reader(hub)
    assert reader.call("GET", f"{BASE}/earliest")[1]["currentOffset"] == offset
    hub.control("clock", {"advance": 1})
    assert reader.call("GET", f"{BASE}/earliest") == (204, None)
    assert reader.call("GET", f"{BASE}/offset/{offset}/next")[0] == 404


def test_a_link_is_good_until_it_expires_and_cannot_be_forged(hub: Any, reader: Reader) -> None:
    reader.subscribe("OBJECT", "0-2", "CREATE")
    hub.make("companies", name="A")
    link = reader.call("GET", f"{BASE}/latest")[1]
    assert link["expiresAt"] == "2026-03-31T10:00:00Z"
    assert hub.http.get(link["url"].replace("signature=", "signature=0"), timeout=20).status_code == 403
    hub.control("clock", {"advance": 3600})
    assert hub.http.get(link["url"], timeout=20).status_code == 403


def test_a_snapshot_writes_what_a_record_is_now(hub: Any, reader: Reader) -> None:
    made = hub.make("companies", name="Acme")
    wanted = {
        "portalId": PORTAL,
        "objectId": int(made),
        "objectTypeId": "0-2",
        "properties": ["name", "city", "nonsense"],
    }
    path = "/webhooks-journal/snapshots/2026-03/crm"
    status, body = reader.call("POST", path, {"snapshotRequests": [wanted]})
    (answer,) = body["snapshotResponses"]
    assert (status, answer["objectId"], answer["objectTypeId"]) == (200, int(made), "0-2")
    status, told = reader.call("GET", f"{BASE}/status/{answer['snapshotStatusId']}")
    assert (status, told["status"], told["completedAt"]) == (200, "COMPLETED", 1_774_947_600_000)
    assert reader.events() == [event("SNAPSHOT", "0-2", made, properties={"name": "Acme", "city": None})]
    assert reader.call("POST", path, {"snapshotRequests": [{**wanted, "objectId": 5}]})[0] == 404
    assert reader.call("GET", f"{BASE}/status/unknown")[0] == 404


def test_subscriptions_are_listed_read_and_removed(hub: Any, reader: Reader) -> None:
    made = reader.subscribe("OBJECT", "deals", "UPDATE", properties=["amount"])
    assert (made["objectTypeId"], made["properties"], made["deletedAt"]) == ("0-3", ["amount"], None)
    assert reader.call("GET", SUBSCRIPTIONS)[1] == {"results": [made]}
    assert reader.call("GET", f"{SUBSCRIPTIONS}/{made['id']}") == (200, made)
    assert reader.call("DELETE", f"{SUBSCRIPTIONS}/{made['id']}") == (204, None)
    assert reader.call("GET", f"{SUBSCRIPTIONS}/{made['id']}")[0] == 404
    reader.subscribe("OBJECT", "deals", "CREATE")
    assert reader.call("DELETE", f"{SUBSCRIPTIONS}/portals/{PORTAL}") == (204, None)
    assert reader.call("GET", SUBSCRIPTIONS)[1] == {"results": []}
    hub.make("deals", dealname="Boat")
    assert reader.call("GET", f"{BASE}/latest") == (204, None)


@pytest.mark.parametrize(
    "change",
    [
        {"subscriptionType": "EVENT"},
        {"subscriptionType": "APP_LIFECYCLE_EVENT"},
        {"actions": []},
        {"actions": ["ASSOCIATION_ADDED"]},
        {"objectTypeId": ""},
        {"objectTypeId": "nothing"},
        {"portalId": 1},
        {"objectIds": ["x"]},
    ],
)
def test_subscriptions_that_make_no_sense_or_are_not_emulated_are_refused(
    reader: Reader, change: dict[str, Any]
) -> None:
    body = {"subscriptionType": "OBJECT", "objectTypeId": "0-2", "portalId": PORTAL, "actions": ["CREATE"]}
    assert reader.call("POST", SUBSCRIPTIONS, {**body, **change})[0] == 400


@pytest.mark.parametrize(
    ("operator", "given", "passes"),
    [
        ("GT", {"value": "99"}, True),
        ("GT", {"value": "100"}, False),
        ("GTE", {"value": "100"}, True),
        ("LT", {"value": "100"}, False),
        ("EQ", {"value": "100.0"}, True),
        ("N_EQ", {"value": "100"}, False),
        ("IN", {"values": ["5", "100"]}, True),
        ("NOT_IN", {"values": ["5", "100"]}, False),
        ("STARTS_WITH", {"value": "1"}, True),
        ("ENDS_WITH", {"value": "1"}, False),
        ("CONTAINS", {"value": "00"}, True),
        ("IS_EMPTY", {}, False),
        ("IS_NOT_EMPTY", {}, True),
    ],
)
def test_a_filter_lets_only_records_with_such_values_pass(
    hub: Any, reader: Reader, operator: str, given: dict[str, Any], passes: bool
) -> None:
    made = reader.subscribe("OBJECT", "0-3", "CREATE")
    condition = {"filterType": "CRM_OBJECT_PROPERTY", "property": "amount", "operator": operator, **given}
    body = {"subscriptionId": made["id"], "filter": {"conditions": [condition]}}
    status, answer = reader.call("POST", f"{SUBSCRIPTIONS}/filters", body)
    assert status == 200
    hub.make("deals", dealname="Boat", amount="100")
    assert (reader.call("GET", f"{BASE}/latest")[0] == 200) is passes
    path = f"{SUBSCRIPTIONS}/filters/{answer['filterId']}"
    (listed,) = reader.call("GET", f"{SUBSCRIPTIONS}/filters/subscription/{made['id']}")[1]
    assert reader.call("GET", path) == (200, listed)
    assert reader.call("DELETE", path) == (204, None)
    assert reader.call("GET", path)[0] == 404


def test_an_unknown_operator_of_a_filter_is_refused(reader: Reader) -> None:
    made = reader.subscribe("OBJECT", "0-3", "CREATE")
    condition = {"filterType": "CRM_OBJECT_PROPERTY", "property": "amount", "operator": "NEQ", "value": "1"}
    body = {"subscriptionId": made["id"], "filter": {"conditions": [condition]}}
    assert reader.call("POST", f"{SUBSCRIPTIONS}/filters", body)[0] == 400


def test_records_that_join_and_leave_a_list_are_written(hub: Any, reader: Reader) -> None:
    made = hub.make("companies", name="Acme")
    body = {"name": "Partners", "objectTypeId": "0-2", "processingType": "MANUAL"}
    number = hub.call("POST", "/crm/v3/lists", body)[1]["list"]["listId"]
    reader.subscribe("LIST_MEMBERSHIP", "", "ADDED_TO_LIST", "REMOVED_FROM_LIST", listIds=[int(number)])
    hub.call("PUT", f"/crm/v3/lists/{number}/memberships/add", [made])
    hub.call("PUT", f"/crm/v3/lists/{number}/memberships/remove", [made])
    own = {"type": "LIST_MEMBERSHIP", "listId": int(number)}
    assert reader.events() == [
        event("ADDED_TO_LIST", "0-2", made, **own),
        event("REMOVED_FROM_LIST", "0-2", made, **own),
    ]
