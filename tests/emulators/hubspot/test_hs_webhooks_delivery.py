"""How webhook events are delivered: batches, headers, retries on the portal's clock, and misbehaviour on request."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from emulators.hubspot import webhook_signatures
from emulators.hubspot.webhook_delivery import gap
from emulators.loopback import tls

NOW = 1_774_947_600_000  # 2026-03-31T09:00:00Z
SECRET = "its-secret"


def listen(hub: Any, receiver: Any, **options: Any) -> None:
    """Send created companies to the receiver."""
    hub.control("webhooks", {"target_url": receiver.url, **options})
    hub.control("subscribe", {"type": "company.creation"})


def make(hub: Any, count: int) -> None:
    inputs = [{"properties": {"name": f"Company {number}"}} for number in range(count)]
    assert hub.call("POST", "/crm/v3/objects/companies/batch/create", {"inputs": inputs})[0] == 201


def settle(hub: Any) -> None:
    assert hub.control("deliver", {"seconds": 30}) == {"idle": True}


def log(hub: Any) -> list[dict[str, Any]]:
    return list(hub.control("deliveries", method="GET")["deliveries"])


def counts(hub: Any) -> dict[str, int]:
    state = hub.control("webhooks", method="GET")
    return {name: state[name] for name in ("waiting", "due", "delivered", "given_up")}


@pytest.mark.parametrize(("count", "sizes"), [(99, [99]), (100, [1, 99])])
def test_a_request_holds_fewer_than_a_hundred_events(hub: Any, receiver: Any, count: int, sizes: list[int]) -> None:
    listen(hub, receiver)
    make(hub, count)
    settle(hub)
    assert sorted(len(json.loads(body)) for _, body in receiver.posts) == sizes
    assert counts(hub) == {"waiting": 0, "due": 0, "delivered": count, "given_up": 0}


def test_a_delivery_is_compact_json_with_the_headers_of_the_vendor(hub: Any, receiver: Any) -> None:
    listen(hub, receiver)
    make(hub, 1)
    settle(hub)
    headers, body = receiver.posts[0]
    assert body == json.dumps(json.loads(body), separators=(",", ":")).encode()
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("HubSpot Connect 2.0 (")
    assert headers["x-hubspot-timeout-millis"] == "10000"
    assert headers["x-hubspot-signature-version"] == "v1"
    assert headers["x-hubspot-signature"] == webhook_signatures.v1(SECRET, body)
    assert headers["x-hubspot-request-timestamp"] == str(NOW)
    expected = webhook_signatures.v3(SECRET, "POST", receiver.url, body, str(NOW))
    assert headers["x-hubspot-signature-v3"] == expected


def test_signatures_can_be_of_version_2_for_a_public_address_and_wrong(hub: Any, receiver: Any) -> None:
    public = "https://pmom.example/hooks/hubspot"
    listen(hub, receiver, signature="v2", public_url=public, skew=-301)
    make(hub, 1)
    settle(hub)
    hub.control("webhooks", {"forge": True})
    make(hub, 1)
    settle(hub)
    (headers, body), (forged, other) = receiver.posts
    assert headers["x-hubspot-signature-version"] == "v2"
    assert headers["x-hubspot-signature"] == webhook_signatures.v2(SECRET, "POST", public, body)
    stamp = headers["x-hubspot-request-timestamp"]
    assert stamp == str(NOW - 301_000)
    assert headers["x-hubspot-signature-v3"] == webhook_signatures.v3(SECRET, "POST", public, body, stamp)
    assert forged["x-hubspot-signature-v3"] != webhook_signatures.v3(SECRET, "POST", public, other, stamp)


def test_a_failed_delivery_is_repeated_when_the_clock_has_moved_on(hub: Any, receiver: Any) -> None:
    listen(hub, receiver)
    receiver.statuses = [500, 404]
    make(hub, 2)
    settle(hub)
    assert counts(hub) == {"waiting": 2, "due": 0, "delivered": 0, "given_up": 0}
    hub.control("clock", {"advance": 60})
    settle(hub)
    hub.control("clock", {"advance": 300})
    settle(hub)
    assert [(each["attempt"], each["status"], len(each["events"])) for each in log(hub)] == [
        (0, 500, 2),
        (1, 404, 2),
        (2, 200, 2),
    ]
    assert [[event["attemptNumber"] for event in json.loads(body)] for _, body in receiver.posts] == [
        [0, 0],
        [1, 1],
        [2, 2],
    ]
    ids = [{event["eventId"] for event in json.loads(body)} for _, body in receiver.posts]
    assert ids[0] == ids[1] == ids[2]
    stamps = [headers["x-hubspot-request-timestamp"] for headers, _ in receiver.posts]
    assert stamps == [str(NOW), str(NOW + 60_000), str(NOW + 360_000)]
    assert counts(hub) == {"waiting": 0, "due": 0, "delivered": 2, "given_up": 0}


def test_after_ten_retries_in_a_day_an_event_is_given_up(hub: Any, receiver: Any) -> None:
    listen(hub, receiver)
    receiver.statuses = [503] * 11
    make(hub, 1)
    settle(hub)
    hub.control("clock", {"advance": 24 * 3600})  # all ten are made up for
    settle(hub)
    assert [each["attempt"] for each in log(hub)] == list(range(11))
    assert counts(hub) == {"waiting": 0, "due": 0, "delivered": 0, "given_up": 1}


def test_gaps_between_retries_are_random_and_repeatable_and_fit_into_a_day() -> None:
    gaps = [gap(1, 5, attempt) for attempt in range(10)]
    assert gaps == [gap(1, 5, attempt) for attempt in range(10)]
    assert gaps != [gap(2, 5, attempt) for attempt in range(10)]
    assert sum(gaps) < 24 * 3600


def test_a_silent_receiver_fails_after_the_timeout(hub: Any, receiver: Any) -> None:
    listen(hub, receiver, timeout=0.2)
    receiver.gate = threading.Event()
    make(hub, 1)
    settle(hub)
    assert [(each["status"], each["problem"].split(":")[0]) for each in log(hub)] == [(0, "TimeoutError")]
    assert counts(hub)["waiting"] == 1


def test_a_receiver_that_is_not_there_fails(hub: Any, receiver: Any) -> None:
    listen(hub, receiver)
    receiver.stop()
    make(hub, 1)
    settle(hub)
    assert [(each["status"], each["problem"].split(":")[0]) for each in log(hub)] == [(0, "ConnectionRefusedError")]


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_requests_run_at_once_than_the_settings_allow(hub: Any, receiver: Any, most: int) -> None:
    listen(hub, receiver, max_concurrent_requests=most)
    receiver.gate = threading.Event()
    hub.control("webhooks", {"paused": True})
    for _ in range(5):
        make(hub, 99)
    hub.control("webhooks", {"paused": False})
    for _ in range(2000):
        if receiver.busy == most:
            break
        threading.Event().wait(0.01)
    assert receiver.busy == most
    receiver.gate.set()
    settle(hub)
    assert receiver.most_at_once == most
    assert len(receiver.events) == 5 * 99


def test_duplicates_are_sent_with_the_same_id(hub: Any, receiver: Any) -> None:
    listen(hub, receiver, duplicates=1)
    make(hub, 3)
    settle(hub)
    ids = [each["eventId"] for each in receiver.events]
    assert (len(ids), len(set(ids))) == (6, 3)


def test_a_share_of_duplicates_is_the_same_for_the_same_seed(start: Any, receiver: Any) -> None:
    found = []
    for name in ("one.db", "two.db"):
        hub = start(file=name, seed=3)
        listen(hub, receiver, duplicates=0.5)
        make(hub, 20)
        settle(hub)
        found.append([each["eventId"] for each in receiver.events])
        receiver.posts.clear()
    assert found[0] == found[1]
    assert 20 < len(found[0]) < 40


def test_event_ids_can_come_twice_for_different_events(hub: Any, receiver: Any) -> None:
    listen(hub, receiver, repeat_ids=True)
    make(hub, 4)
    settle(hub)
    events = receiver.events
    assert len({each["objectId"] for each in events}) == 4
    assert len({each["eventId"] for each in events}) < 4


def test_reordered_events_come_in_a_repeatable_other_order(start: Any, receiver: Any) -> None:
    orders = []
    for name in ("one.db", "two.db"):
        hub = start(file=name)
        listen(hub, receiver, reorder=True)
        make(hub, 20)
        settle(hub)
        orders.append([each["objectId"] for each in receiver.events])
        receiver.posts.clear()
    assert orders[0] == orders[1]
    assert orders[0] != sorted(orders[0])


def test_a_delay_keeps_events_back_until_the_clock_has_passed_it(hub: Any, receiver: Any) -> None:
    listen(hub, receiver, delay=0.69)
    make(hub, 1)
    settle(hub)
    assert receiver.posts == []
    hub.control("clock", {"now": (datetime(2026, 3, 31, 9, tzinfo=UTC) + timedelta(seconds=1)).isoformat()})
    settle(hub)
    assert len(receiver.events) == 1


def test_what_was_not_delivered_is_delivered_after_a_restart(start: Any, receiver: Any) -> None:
    hub = start()
    listen(hub, receiver, paused=True)
    make(hub, 2)
    hub.emulator.stop()
    again = start()
    again.control("webhooks", {"paused": False})
    settle(again)
    assert len(receiver.events) == 2


def test_no_thread_is_begun_before_the_first_event_and_stop_ends_it(hub: Any, receiver: Any) -> None:
    def alive() -> bool:
        return hub.emulator.deliveries._thread is not None

    make(hub, 1)
    assert not alive()
    listen(hub, receiver)
    make(hub, 1)
    settle(hub)
    thread = hub.emulator.deliveries._thread
    assert thread is not None
    hub.emulator.stop()
    assert not thread.is_alive()


def test_the_log_is_emptied_on_request(hub: Any, receiver: Any) -> None:
    listen(hub, receiver)
    make(hub, 1)
    settle(hub)
    assert len(log(hub)) == 1
    hub.control("reset_deliveries")
    assert log(hub) == []


def test_unknown_options_are_refused(hub: Any) -> None:
    headers = {"X-Emulator-Token": "control-token"}
    for body in ({"speed": 3}, {"signature": "v9"}, {"target_url": "https://example.com/"}):
        assert hub.raw("POST", "/__emulator__/webhooks", json=body, headers=headers).status_code == 400


def test_a_receiver_with_a_certificate_of_its_own_is_reached(hub: Any, receiver: Any, tmp_path: Path) -> None:
    context = tls.server_context(tmp_path)
    receiver._server.socket = context.wrap_socket(receiver._server.socket, server_side=True)
    receiver.url = receiver.url.replace("http:", "https:")
    listen(hub, receiver)
    make(hub, 1)
    settle(hub)
    assert [each["status"] for each in log(hub)] == [200]
    assert len(receiver.events) == 1
