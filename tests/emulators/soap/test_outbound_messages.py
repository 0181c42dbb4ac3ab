"""Outbound messages: what is sent, what acknowledges it, and what happens when nothing does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from emulators.salesforce.outbound.delivery import gap
from emulators.salesforce.xml_text import Node, parse

NAMESPACE = "http://soap.sforce.com/2005/09/outbound"
HOUR = 3600


def envelope(inner: str) -> bytes:
    return (
        '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
        f"{inner}</s:Body></s:Envelope>"
    ).encode()


ACK = envelope(f'<notificationsResponse xmlns="{NAMESPACE}"><Ack>true</Ack></notificationsResponse>')
NACK = ACK.replace(b"true", b"false")


class Receiver:
    """An endpoint on this machine: remembers bodies, answers what it is told to."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.answer: tuple[int, bytes] = (200, ACK)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                status, body = outer.answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hooks/1"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def notifications(self) -> list[Node]:
        """All that came, in the order of arrival."""
        return [each for body in self.bodies for each in notifications(body).all("Notification")]

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


def notifications(body: bytes) -> Node:
    root = parse(body).first("Body")
    assert root is not None
    found = root.first("notifications")
    assert found is not None
    assert found.namespace == NAMESPACE
    return found


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.stop()


@pytest.fixture
def define(caller: Any, receiver: Receiver) -> Callable[..., dict[str, Any]]:
    def make(**more: Any) -> dict[str, Any]:
        body = {"object": "Account", "fields": ["Name", "AnnualRevenue", "Website"], "endpoint": receiver.url, **more}
        found: dict[str, Any] = caller.control("POST", "outbound_messages", body)
        return found

    return make


def settle(caller: Any) -> dict[str, Any]:
    assert caller.control("POST", "deliver", {}) == {"idle": True}
    found = caller.control("GET", "outbound_messages")
    return {name: found[name] for name in ("waiting", "due", "acknowledged", "given_up", "dropped")}


def counts(**changed: int) -> dict[str, int]:
    return {"waiting": 0, "due": 0, "acknowledged": 0, "given_up": 0, "dropped": 0} | changed


def test_a_new_record_is_told_in_the_vendors_document(caller: Any, receiver: Receiver, define: Any) -> None:
    made = define()
    account = caller.make("Account", Name="A & B", AnnualRevenue=35000000, Description="not asked for")
    assert settle(caller) == counts(acknowledged=1)
    found = notifications(receiver.bodies[0])
    org_id, where = caller.org.org_id, f"{caller.emulator.url}/services/Soap"
    assert [(node.tag, node.text) for node in found.children[:-1]] == [
        ("OrganizationId", org_id),
        ("ActionId", made["action_id"]),
        ("SessionId", ""),
        ("EnterpriseUrl", f"{where}/c/67.0/{org_id[:15]}"),
        ("PartnerUrl", f"{where}/u/67.0/{org_id[:15]}"),
    ]
    assert found.children[2].nil
    told = found.children[-1]
    record = told.first("sObject")
    assert record is not None
    assert (told.get("Id")[:3], record.type) == ("04l", "Account")
    assert [(node.tag, node.text) for node in record.children] == [
        ("Id", account), ("Name", "A & B"), ("AnnualRevenue", "3.5E7"),
    ]  # fmt: skip
    assert {node.namespace for node in record.children} == {"urn:sobject.enterprise.soap.sforce.com"}
    assert receiver.headers[0]["content-type"] == "text/xml; charset=utf-8"
    assert receiver.headers[0]["soapaction"] == '""'


def test_a_session_id_that_goes_along_opens_the_org(caller: Any, receiver: Receiver, define: Any) -> None:
    define(include_session_id=True)
    caller.make("Account", Name="Acme")
    settle(caller)
    session = notifications(receiver.bodies[0]).get("SessionId")
    answer = caller.raw("GET", "/services/data/v67.0/limits", headers={"Authorization": f"Bearer {session}"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("when", "told"), [("create", ["new"]), ("update", ["changed"]), ("both", ["new", "changed"])]
)
def test_messages_are_for_creates_or_updates_or_both(
    caller: Any, receiver: Receiver, define: Any, when: str, told: list[str]
) -> None:
    define(when=when)
    account = caller.make("Account", Name="new")
    settle(caller)
    caller.call("PATCH", f"/sobjects/Account/{account}", {"Name": "changed"})
    settle(caller)
    records = [each.first("sObject") for each in receiver.notifications()]
    assert [record.get("Name") for record in records if record] == told


def test_a_condition_chooses_records_and_met_tells_them_once(caller: Any, receiver: Receiver, define: Any) -> None:
    define(when="met", condition={"field": "Rating", "op": "eq", "value": "Hot"})
    account = caller.make("Account", Name="Acme", Rating="Cold")
    for values in ({"Rating": "Hot"}, {"Name": "Still hot"}, {"Rating": "Warm"}, {"Rating": "Hot"}):
        caller.call("PATCH", f"/sobjects/Account/{account}", values)
    assert settle(caller) == counts(acknowledged=2)


def test_a_change_that_is_rolled_back_is_not_told(caller: Any, receiver: Receiver, define: Any) -> None:
    define()
    records = [{"attributes": {"type": "Account"}, "Name": "good"}, {"attributes": {"type": "Account"}}]
    caller.call("POST", "/composite/sobjects", {"allOrNone": True, "records": records})
    assert settle(caller) == counts()


def test_other_peoples_edits_are_told_as_well(caller: Any, receiver: Receiver, define: Any) -> None:
    define()
    made = caller.control("POST", "insert", {"object": "Account", "values": {"Name": "theirs"}})["id"]
    caller.control("POST", "edit", {"object": "Account", "id": made, "values": {"Name": "edited"}})
    assert settle(caller) == counts(acknowledged=2)


def test_up_to_a_hundred_notifications_go_in_one_message(caller: Any, receiver: Receiver, define: Any) -> None:
    define()
    caller.control("POST", "outbound_messages", {"paused": True})
    for start in (0, 101):
        names = [f"A{number}" for number in range(start, start + 101)]
        records = [{"attributes": {"type": "Account"}, "Name": name} for name in names]
        caller.call("POST", "/composite/sobjects", {"records": records})
    caller.control("POST", "outbound_messages", {"paused": False})
    assert settle(caller) == counts(acknowledged=202)
    assert sorted(len(notifications(body).all("Notification")) for body in receiver.bodies) == [2, 100, 100]


@pytest.mark.parametrize(
    "answer",
    [(200, NACK), (200, b""), (200, b'{"ok": true}'), (500, ACK), (204, b""), (200, b"<!DOCTYPE a><a/>"),
     (200, envelope("<Ack>true</Ack>"))],
)  # fmt: skip
def test_anything_but_an_acknowledgement_is_repeated(
    caller: Any, receiver: Receiver, define: Any, answer: tuple[int, bytes]
) -> None:
    define()
    receiver.answer = answer
    caller.make("Account", Name="Acme")
    assert settle(caller) == counts(waiting=1)
    receiver.answer = (200, ACK)
    caller.control("POST", "clock", {"advance": 59})
    assert settle(caller) == counts(waiting=1)
    caller.control("POST", "clock", {"advance": 1})
    assert settle(caller) == counts(acknowledged=1)
    first, second = (each.get("Id") for each in receiver.notifications())
    assert first == second


def test_values_are_those_of_the_moment_of_sending(caller: Any, receiver: Receiver, define: Any) -> None:
    define(when="create")
    receiver.answer = (503, b"")
    account = caller.make("Account", Name="before")
    settle(caller)
    caller.call("PATCH", f"/sobjects/Account/{account}", {"Name": "after"})
    receiver.answer = (200, ACK)
    caller.control("POST", "clock", {"advance": 60})
    settle(caller)
    records = [each.first("sObject") for each in receiver.notifications()]
    assert [record.get("Name") for record in records if record] == ["before", "after"]


def test_a_notification_whose_record_is_gone_is_dropped(caller: Any, receiver: Receiver, define: Any) -> None:
    define()
    caller.control("POST", "outbound_messages", {"paused": True})
    account = caller.make("Account", Name="Acme")
    caller.call("DELETE", f"/sobjects/Account/{account}")
    caller.control("POST", "outbound_messages", {"paused": False})
    assert settle(caller) == counts(dropped=1)
    assert receiver.bodies == []


def test_gaps_grow_to_two_hours_and_it_ends_after_a_day(caller: Any, receiver: Receiver, define: Any) -> None:
    minutes = [gap(attempt).total_seconds() / 60 for attempt in (0, 1, 2, 6, 7, 50)]
    assert minutes == [1, 2, 4, 64, 120, 120]
    define()
    receiver.answer = (500, b"")
    caller.make("Account", Name="Acme")
    seen = [settle(caller)]
    for _ in range(30):
        caller.control("POST", "clock", {"advance": 2 * HOUR})
        seen.append(settle(caller))
        if seen[-1]["given_up"]:
            break
    assert seen[-1] == counts(given_up=1)
    assert len(seen) == 13  # at 0, 2 ... 24 hours: the next would be later than a day
    log = caller.control("GET", "deliveries")["deliveries"]
    assert [each["attempt"] for each in log] == list(range(13))
    assert {(each["status"], each["acknowledged"]) for each in log} == {(500, False)}


def test_duplicates_have_the_same_id_and_delays_follow_the_clock(
    caller: Any, receiver: Receiver, define: Any
) -> None:
    define()
    caller.control("POST", "outbound_messages", {"duplicates": 1.0, "delay": 30})
    caller.make("Account", Name="Acme")
    assert settle(caller) == counts(waiting=2)
    caller.control("POST", "clock", {"advance": 30})
    assert settle(caller) == counts(acknowledged=2)
    first, second = (each.get("Id") for each in receiver.notifications())
    assert first == second


def test_what_waits_outlives_a_restart(start: Any, receiver: Receiver) -> None:
    caller = start()
    message = {"object": "Account", "fields": ["Name"], "endpoint": receiver.url}
    caller.control("POST", "outbound_messages", message)
    caller.control("POST", "outbound_messages", {"paused": True})
    caller.make("Account", Name="Acme")
    caller.emulator.stop()
    again = start()
    again.control("POST", "outbound_messages", {"paused": False})
    assert settle(again) == counts(acknowledged=1)


def test_what_waits_in_a_saved_state_is_sent_once_it_is_loaded_and_changes_fire_on(
    start: Any, receiver: Receiver
) -> None:
    caller = start()
    caller.control("POST", "outbound_messages", {"object": "Account", "fields": ["Name"], "endpoint": receiver.url})
    caller.control("POST", "outbound_messages", {"paused": True})
    caller.make("Account", Name="Waiting")
    caller.emulator.restore(caller.emulator.snapshot())
    assert receiver.bodies == []
    caller.control("POST", "outbound_messages", {"paused": False})
    assert settle(caller) == counts(acknowledged=1)
    caller.make("Account", Name="After")
    assert settle(caller) == counts(acknowledged=2)
    told = [
        node.text
        for each in receiver.notifications()
        for record in each.all("sObject")
        for node in record.all("Name")
    ]
    assert told == ["Waiting", "After"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"object": "Account", "endpoint": "https://crm.example/hook"}, "to this machine only"),
        ({"object": "Account", "endpoint": "http://127.0.0.1.example/"}, "to this machine only"),
        ({"object": "Account", "endpoint": "ftp://127.0.0.1/"}, "to this machine only"),
        ({"object": "Account", "endpoint": "http://127.0.0.1/", "fields": ["Nope"]}, "no field Nope"),
        ({"object": "Account", "endpoint": "http://127.0.0.1/", "when": "never"}, "when is one of"),
        ({"object": "Account", "endpoint": "http://127.0.0.1/", "condition": {"field": "Nope"}}, "op must be"),
        ({"object": "Account"}, "has the keys"),
        ({"nonsense": 1}, "unknown nonsense"),
    ],
)
def test_a_message_that_makes_no_sense_is_refused(caller: Any, body: dict[str, Any], problem: str) -> None:
    answer = caller.raw(
        "POST", "/__emulator__/outbound_messages", json=body, headers={"X-Emulator-Token": "control-token"}
    )
    assert answer.status_code == 400
    assert problem in answer.text


def test_a_message_that_is_removed_takes_its_notifications_along(
    caller: Any, receiver: Receiver, define: Any
) -> None:
    first, second = define()["id"], define(when="update")["id"]
    caller.control("POST", "outbound_messages", {"paused": True})
    account = caller.make("Account", Name="Acme")
    caller.call("PATCH", f"/sobjects/Account/{account}", {"Name": "Acme 2"})
    caller.control("DELETE", "outbound_messages", {"id": first})
    found = caller.control("GET", "outbound_messages")
    assert ([each["id"] for each in found["messages"]], found["waiting"]) == ([second], 1)
    caller.control("DELETE", "outbound_messages")
    assert caller.control("GET", "outbound_messages")["messages"] == []
