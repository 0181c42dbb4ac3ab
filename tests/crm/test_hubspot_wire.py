"""Every class of answer that is not a success, and what the wire to a portal does about it."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.crm.hubspot.faults import MissingScopes, NotFound, Refusal, Throttled
from connector.crm.retry import Again, Unanswered
from connector.errors import BudgetExhausted, Misconfigured

DEALS = "/crm/objects/2026-03/deals"
RATE = {"X-HubSpot-RateLimit-Max": "100", "X-HubSpot-RateLimit-Interval-Milliseconds": "10000"}


def said(category: str, message: str = "said the portal", **more: Any) -> dict[str, Any]:
    return {"status": "error", "message": message, "correlationId": "c-1", "category": category} | more


LATER = {"status": "error", "message": "You have reached your secondly limit.", "category": "RATE_LIMITS"}
TENLY = {
    "status": "error",
    "message": "You have reached your ten_secondly_rolling limit.",
    "errorType": "RATE_LIMIT",
    "policyName": "TEN_SECONDLY_ROLLING",
}
DAILY = TENLY | {"message": "You have reached your daily limit.", "policyName": "DAILY"}


def test_the_clients_calls_go_to_dated_paths_with_our_token_and_answer_whole_bodies(
    portal: Any, hub: Any, reply: Any
) -> None:
    portal.on("GET", DEALS, reply(body={"results": [], "rate": 1.5}))
    answer = hub().client.crm.deals.basic_api.get_page(limit=100, archived=False, properties=["a b", "c"])
    seen = portal.seen[-1]
    assert (answer.status, answer.json()) == (200, {"results": [], "rate": Decimal("1.5")})
    assert seen.path == f"{DEALS}?limit=100&properties=a+b&properties=c&archived=false"
    assert seen.token == "pat-eu1-5ec2e7-of-the-app"
    assert answer.headers["content-type" if "content-type" in answer.headers else "date"]


def test_numbered_paths_are_left_alone_where_they_are_configured(portal: Any, hub: Any, reply: Any) -> None:
    portal.on("GET", "/crm/v3/objects/deals", reply(body={}))
    hub(api_version="v3").client.crm.deals.basic_api.get_page()
    assert portal.seen[-1].path == "/crm/v3/objects/deals"


def test_every_api_of_the_client_is_made_once_and_shares_one_pool(hub: Any) -> None:
    crm = hub().client.crm
    assert crm.deals.basic_api is crm.deals.basic_api
    assert crm.deals.basic_api is not crm.companies.basic_api


def test_a_create_with_a_model_or_a_dict_sends_the_same_body(portal: Any, hub: Any, reply: Any) -> None:
    from hubspot.crm.deals import SimplePublicObjectInputForCreate

    portal.on("POST", DEALS, reply(201, {"id": "1"}))
    api = hub().client.crm.deals.basic_api
    api.create({"properties": {"amount": "1", "x": None}})
    api.create(SimplePublicObjectInputForCreate(properties={"amount": "1", "x": None}))
    assert [json.loads(each.body) for each in portal.seen] == [{"properties": {"amount": "1", "x": None}}] * 2
    assert portal.seen[0].headers["Content-Type"] == "application/json"


def test_a_batch_that_succeeded_in_part_is_an_answer(portal: Any, hub: Any, reply: Any) -> None:
    portal.on("POST", "/batch/read", reply(207, {"numErrors": 1}))
    answer = hub().client.crm.deals.batch_api.read({"inputs": []})
    assert (answer.status, answer.json()) == (207, {"numErrors": 1})


def test_an_archive_answers_with_nothing(portal: Any, hub: Any, reply: Any) -> None:
    portal.on("DELETE", DEALS, reply(204))
    answer = hub().client.crm.deals.basic_api.archive("5")
    assert (answer.status, answer.data, answer.json()) == (204, b"", None)


def test_a_packed_body_is_unpacked(portal: Any, hub: Any, reply: Any) -> None:
    packed = gzip.compress(json.dumps({"id": "1"}).encode())
    portal.on("GET", DEALS, reply(200, packed, {"Content-Encoding": "gzip"}))
    assert hub().call("GET", "/crm/v3/objects/deals/1").json() == {"id": "1"}
    assert portal.seen[-1].headers["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize(
    "broken",
    [
        {"status": 502, "body": b"<html>Bad Gateway</html>"},
        {"status": 500, "body": {"message": "internal"}},
        {"body": {"results": [1, 2, 3]}, "cut": 9},
        {"body": b'{"results":[{"id":"1"}'},
        {"body": b"<html>Sign in to the proxy</html>"},
        {"drop": True},
    ],
)
def test_a_lost_answer_is_asked_for_again_but_nothing_is_made_twice(
    portal: Any, hub: Any, reply: Any, broken: dict[str, Any]
) -> None:
    bad, good = reply(**broken), reply(body={"results": []})
    wire = hub()
    portal.on("GET", DEALS, bad, good)
    portal.on("POST", "/deals/search", bad, good)
    portal.on("POST", "/batch/update", bad, good)
    assert wire.call("GET", "/crm/v3/objects/deals").json() == {"results": []}
    assert wire.call("POST", "/crm/v3/objects/deals/search", body={}).json() == {"results": []}
    assert wire.call("POST", "/crm/v3/objects/deals/batch/update", body={}).json() == {"results": []}
    for path in ("/crm/v3/objects/deals", "/crm/v3/objects/deals/batch/create"):
        portal.seen.clear()
        portal.on("POST", path.replace("/v3/objects", "/objects/2026-03") + "$", bad, good)
        with pytest.raises(Unanswered):
            wire.call("POST", path, body={"properties": {}})
        assert len(portal.seen) == 1


@pytest.mark.parametrize(("status", "body"), [(429, LATER), (423, said("LOCKED")), (477, said("MIGRATION"))])
def test_a_create_that_was_not_done_is_sent_again(
    portal: Any, hub: Any, reply: Any, status: int, body: dict[str, Any]
) -> None:
    portal.on("POST", DEALS, reply(status, body, {"Retry-After": "3"}), reply(201, {"id": "9"}))
    assert hub().call("POST", "/crm/v3/objects/deals", body={}).json() == {"id": "9"}


def test_a_silent_portal_is_given_up_after_the_time_limit(portal: Any, hub: Any, reply: Any) -> None:
    portal.on("GET", DEALS, reply(hold=30.0), reply(body={}))
    portal.on("POST", DEALS, reply(hold=30.0), reply(body={}))
    wire = hub(read_timeout=0.2)
    begun = time.monotonic()
    assert wire.call("GET", "/crm/v3/objects/deals").json() == {}
    with pytest.raises(Unanswered):
        wire.call("POST", "/crm/v3/objects/deals", body={})
    assert time.monotonic() - begun < 20


def test_searches_that_come_too_fast_wait_a_second_longer_each_time(
    portal: Any, hub: Any, reply: Any, naps: list[float]
) -> None:
    late = reply(429, LATER)
    portal.on("POST", "/search", late, late, late, reply(body={"total": 0}))
    assert hub().call("POST", "/crm/v3/objects/deals/search", body={}).json() == {"total": 0}
    assert [nap for nap in naps if nap >= 1] == [1.0, 2.0, 3.0]


def test_a_used_up_window_is_waited_for_by_everybody(
    portal: Any, hub: Any, reply: Any, naps: list[float], tmp_path: Path
) -> None:
    portal.on("GET", DEALS, reply(429, TENLY), reply(body={}))
    file = str(tmp_path / "limits.sqlite")
    first, second = hub(budget_file=file), hub(budget_file=file)
    assert first.call("GET", "/crm/v3/objects/deals").json() == {}
    assert naps[0] == 10.0
    naps.clear()
    second.call("GET", "/crm/v3/objects/deals")
    assert 8.0 < naps[0] <= 10.0


def test_a_page_of_the_network_before_the_portal_is_a_limit_too(
    portal: Any, hub: Any, reply: Any, naps: list[float]
) -> None:
    portal.on("GET", DEALS, reply(429, b"error code: 1015", {"Content-Type": "text/plain"}), reply(body={}))
    assert hub().call("GET", "/crm/v3/objects/deals").json() == {}


def test_used_up_calls_of_the_day_stop_the_work_and_say_when_they_begin_anew(
    portal: Any, hub: Any, reply: Any, naps: list[float]
) -> None:
    portal.on("GET", DEALS, reply(429, DAILY))
    wire = hub()
    wire.budget.zone("US/Eastern")
    with pytest.raises(BudgetExhausted, match=r"begin anew at .* 0[45]:00 UTC \(midnight in US/Eastern\)"):
        wire.call("GET", "/crm/v3/objects/deals")
    assert (len(portal.seen), naps) == (1, [])


def test_a_wish_to_wait_longer_than_we_may_is_handed_on(portal: Any, hub: Any, reply: Any, naps: list[float]) -> None:
    portal.on("GET", DEALS, reply(477, said("MIGRATION_IN_PROGRESS"), {"retry-after": "7200"}))
    with pytest.raises(Again) as caught:
        hub().call("GET", "/crm/v3/objects/deals")
    assert (caught.value.after, naps) == (7200.0, [])


def test_a_limit_that_never_frees_is_told_in_the_end(portal: Any, hub: Any, reply: Any) -> None:
    portal.on("GET", DEALS, reply(429, TENLY))
    with pytest.raises(Throttled):
        hub().call("GET", "/crm/v3/objects/deals")
    assert 2 < len(portal.seen) < 100


def test_a_bad_token_names_the_setting_and_never_the_token(portal: Any, hub: Any, reply: Any) -> None:
    echo = said("INVALID_AUTHENTICATION", "pat-eu1-5ec2e7-of-the-app is wrong. Bearer pat-eu1-5ec2e7-of-the-app")
    portal.on("GET", DEALS, reply(401, echo))
    with pytest.raises(Misconfigured, match=r"hubspot\.access_token") as caught:
        hub().call("GET", "/crm/v3/objects/deals")
    assert "5ec2e7" not in str(caught.value) + repr(caught.value)
    assert len(portal.seen) == 1


def test_missing_scopes_are_named(portal: Any, hub: Any, reply: Any) -> None:
    errors = [{"message": "x", "context": {"requiredGranularScopes": ["crm.objects.deals.read"]}}]
    portal.on("GET", DEALS, reply(403, said("MISSING_SCOPES", errors=errors)))
    with pytest.raises(MissingScopes, match=r"crm\.objects\.deals\.read") as caught:
        hub().call("GET", "/crm/v3/objects/deals")
    assert caught.value.scopes == ("crm.objects.deals.read",)


@pytest.mark.parametrize("body", [b"<html>Error 404 Not Found</html>", {"status": "error", "correlationId": "c"}])
def test_a_version_that_is_no_more_is_told_from_a_record_that_is_not_there(
    portal: Any, hub: Any, reply: Any, body: Any
) -> None:
    portal.on("GET", f"{DEALS}/1", reply(404, said("OBJECT_NOT_FOUND", "resource not found")))
    portal.on("GET", f"{DEALS}/2", reply(404, body))
    portal.on("GET", f"{DEALS}/3", reply(410, said("GONE")))
    wire = hub()
    with pytest.raises(NotFound):
        wire.call("GET", "/crm/v3/objects/deals/1")
    for each in ("2", "3"):
        with pytest.raises(Misconfigured, match=r"^hubspot\.api_version: HubSpot has no GET /crm/objects/2026-03"):
            wire.call("GET", f"/crm/v3/objects/deals/{each}")
    wire.call("GET", "/account-info/v3/details")  # the version answers something: what it does not know is not there
    with pytest.raises(NotFound):
        wire.call("GET", "/crm/v3/objects/deals/2")


def test_a_redirect_is_followed_on_the_same_host_only(portal: Any, hub: Any, reply: Any) -> None:
    portal.on("GET", "/crm/owners/2026-03$", reply(301, b"", {"Location": "/crm/owners/2026-03/all"}))
    portal.on("GET", "/crm/owners/2026-03/all", reply(body={"results": []}))
    portal.on("GET", DEALS, reply(302, b"", {"Location": "http://localhost:9/steal"}))
    portal.on("POST", DEALS, reply(307, b"", {"Location": DEALS + "/again"}))
    wire = hub()
    assert wire.call("GET", "/crm/v3/owners/").json() == {"results": []}
    for method in ("GET", "POST"):
        with pytest.raises(Misconfigured, match=r"hubspot\.base_url"):
            wire.call(method, "/crm/v3/objects/deals")


def test_nobody_at_the_address_is_told_without_a_hundred_tries(hub: Any, naps: list[float]) -> None:
    wire = hub(base_url="http://127.0.0.1:9")
    with pytest.raises(Again, match=r"nothing answers at http://127\.0\.0\.1:9"):
        wire.call("POST", "/crm/v3/objects/deals", body={})
    assert len(naps) == 3


def test_the_clock_is_the_portals_and_moves_on(portal: Any, hub: Any, reply: Any) -> None:
    portal.on("GET", DEALS, reply(body={}, headers={"Date": "Mon, 23 Nov 2026 10:00:00 GMT"}))
    wire = hub()
    assert abs(wire.now() - datetime.now(UTC)) < timedelta(minutes=1)
    wire.call("GET", "/crm/v3/objects/deals")
    first, second = wire.now(), wire.now()
    assert datetime(2026, 11, 23, 10, tzinfo=UTC) <= first <= second < datetime(2026, 11, 23, 10, 1, tzinfo=UTC)


def test_sixteen_threads_share_the_client(portal: Any, hub: Any, reply: Any) -> None:
    portal.on("GET", DEALS, reply(body={"results": []}))
    wire = hub(threads=4)

    def ask(_: int) -> int:
        return len(wire.client.crm.deals.basic_api.get_page(limit=1).json()["results"])

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(ask, range(160))) == 0
    assert wire.budget.usage().calls == 160
    assert dict(wire.budget.by_kind) == {"read": 160}


def test_limits_are_heard_whatever_the_case_of_their_headers(portal: Any, hub: Any, reply: Any) -> None:
    daily = {"x-HUBSPOT-ratelimit-daily": "250000", "X-HubSpot-RateLimit-Daily-Remaining": "249000"}
    portal.on("GET", DEALS, reply(body={}, headers=RATE | {"X-HubSpot-RateLimit-Remaining": "99"} | daily))
    wire = hub()
    wire.call("GET", "/crm/v3/objects/deals")
    usage = wire.budget.usage()
    assert (usage.used, usage.limit, usage.calls) == (1000, 250_000, 1)


def test_a_refused_value_names_its_property(portal: Any, hub: Any, reply: Any) -> None:
    inside = [{"isValid": False, "message": "no such property", "error": "PROPERTY_DOESNT_EXIST", "name": "pmom_x"}]
    message = f"Property values were not valid: {json.dumps(inside)}"
    portal.on("PATCH", DEALS, reply(400, said("VALIDATION_ERROR", message)))
    with pytest.raises(Refusal, match=r"VALIDATION_ERROR: pmom_x: no such property$") as caught:
        hub().call("PATCH", "/crm/v3/objects/deals/1", body={})
    problem = caught.value.errors[0]
    assert (problem.code, problem.name, problem.message) == ("PROPERTY_DOESNT_EXIST", "pmom_x", "no such property")


def test_starting_up_loads_none_of_the_clients_generated_families() -> None:
    code = (
        "import sys, connector.crm.hubspot.wire as w\n"
        "from connector.crm.hubspot.connection import HubSpotConnection\n"
        "w.Wire(HubSpotConnection(access_token='x')).client\n"
        "print([m for m in sys.modules if m.startswith('hubspot.') and m.count('.') > 1 and 'utils' not in m])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert ran.stdout.strip() == "[]"
