"""Who may call, how often, under which version; and what the refusals look like."""

from __future__ import annotations

from typing import Any

import pytest

from emulators.hubspot.portal import Settings, Tier

LIST = "/crm/v3/objects/companies"
SEARCH = LIST + "/search"
HEADERS = ("Max", "Remaining", "Interval-Milliseconds", "Daily", "Daily-Remaining")
GRANT = {
    "grant_type": "refresh_token",
    "client_id": "an-app",
    "client_secret": "its-secret",
    "refresh_token": "a-refresh-token",
}


def told(answer: Any) -> dict[str, str]:
    """The rate limit headers by their last words."""
    names = {f"X-HubSpot-RateLimit-{name}": name for name in HEADERS}
    return {names[name]: value for name, value in answer.headers.items() if name in names}


def oauth(hub: Any, **form: str) -> Any:
    return hub.raw("POST", "/oauth/v1/token", data={**GRANT, **form})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_every_answer_but_a_search_tells_both_limits(start: Any) -> None:
    hub = start(limits=True)
    assert told(hub.raw("GET", LIST)) == {
        "Max": "190",
        "Remaining": "189",
        "Interval-Milliseconds": "10000",
        "Daily": "1000000",
        "Daily-Remaining": "999999",
    }
    assert told(hub.raw("GET", LIST + "/77"))["Remaining"] == "188"  # refusals count and tell too
    assert told(hub.raw("POST", SEARCH, json={})) == {"Daily": "1000000", "Daily-Remaining": "999997"}


@pytest.mark.parametrize(
    ("tier", "most", "daily"),
    [("free", "100", "250000"), ("starter", "100", "250000"), ("professional", "190", "625000")],
)
def test_the_edition_decides_the_limits(start: Any, tier: str, most: str, daily: str) -> None:
    found = told(start(settings=Settings(tier=Tier(tier)), limits=True).raw("GET", LIST))
    assert (found["Max"], found["Daily"]) == (most, daily)


def test_an_oauth_application_has_110_calls_and_no_day(start: Any) -> None:
    hub = start(limits=True)
    headers = bearer(oauth(hub).json()["access_token"])
    assert told(hub.raw("GET", LIST, headers=headers)) == {
        "Max": "110",
        "Remaining": "109",
        "Interval-Milliseconds": "10000",
    }


def test_the_call_beyond_the_burst_is_refused_with_its_policy(start: Any) -> None:
    hub = start(limits=True)
    hub.control("limits", {"burst": 3, "window": 600})
    assert [hub.call("GET", LIST)[0] for _ in range(4)] == [200, 200, 200, 429]
    answer = hub.raw("GET", LIST)
    body = answer.json()
    assert (body["errorType"], body["policyName"]) == ("RATE_LIMIT", "TEN_SECONDLY_ROLLING")
    assert body["message"] == "You have reached your ten_secondly_rolling limit."
    assert (told(answer)["Remaining"], "Retry-After" in answer.headers) == ("0", False)
    assert hub.call("POST", SEARCH, {})[0] == 200  # has a window of its own


def test_the_burst_is_counted_by_token(start: Any) -> None:
    hub = start(limits=True)
    hub.control("limits", {"burst": 1, "window": 600})
    headers = bearer(oauth(hub).json()["access_token"])
    assert [hub.call("GET", LIST)[0], hub.call("GET", LIST)[0]] == [200, 429]
    assert hub.call("GET", LIST, headers=headers)[0] == 200


def test_searches_are_counted_by_account_and_refused_with_a_bare_body(start: Any) -> None:
    hub = start(limits=True)
    hub.control("limits", {"second": 600})
    headers = bearer(oauth(hub).json()["access_token"])
    assert [hub.call("POST", SEARCH, {})[0] for _ in range(3)] == [200] * 3
    assert [hub.call("POST", SEARCH, {}, headers=headers)[0] for _ in range(3)] == [200, 200, 429]
    answer = hub.raw("POST", SEARCH, json={})
    body = answer.json()
    assert {key: body[key] for key in body if key != "correlationId"} == {
        "status": "error",
        "message": "You have reached your secondly limit.",
        "category": "RATE_LIMITS",
    }
    assert (set(told(answer)), "Retry-After" in answer.headers) == ({"Daily", "Daily-Remaining"}, False)


def test_the_daily_limit_ends_at_midnight_in_the_portals_zone(start: Any) -> None:
    hub = start(limits=True)  # 09:00 UTC is 05:00 in New York
    hub.control("limits", {"daily": 2})
    assert [hub.call("GET", LIST)[0] for _ in range(3)] == [200, 200, 429]
    assert hub.call("GET", LIST)[1]["policyName"] == "DAILY"
    hub.control("clock", {"now": "2026-04-01T03:59:59Z"})
    assert hub.call("GET", LIST)[0] == 429
    hub.control("clock", {"now": "2026-04-01T04:00:00Z"})
    assert hub.call("GET", LIST)[0] == 200


@pytest.mark.parametrize(
    "header", [{"Authorization": ""}, {"Authorization": "Bearer wrong"}, bearer("a-refresh-token")]
)
def test_an_unknown_token_is_refused(hub: Any, header: dict[str, str]) -> None:
    status, body = hub.call("GET", LIST, headers=header)
    assert (status, body["category"]) == (401, "INVALID_AUTHENTICATION")


def test_an_access_token_lives_30_minutes_of_the_portals_time(hub: Any) -> None:
    granted = oauth(hub).json()
    assert (granted["expires_in"], granted["token_type"], granted["refresh_token"]) == (
        1800,
        "bearer",
        "a-refresh-token",
    )
    headers = bearer(granted["access_token"])
    hub.control("clock", {"advance": 1799})
    assert hub.call("GET", LIST, headers=headers)[0] == 200
    hub.control("clock", {"advance": 1})
    status, body = hub.call("GET", LIST, headers=headers)
    assert (status, body["category"]) == (401, "EXPIRED_AUTHENTICATION")
    assert hub.call("GET", LIST)[0] == 200  # the static one lives on


@pytest.mark.parametrize("path", ["/oauth/v3/token", "/oauth/2026-03/token", "/oauth/2026-09/token"])
def test_newer_token_endpoints_tell_scopes_and_portal(hub: Any, path: str) -> None:
    body = hub.raw("POST", path, data=GRANT).json()
    assert (body["hub_id"], body["token_use"], "oauth" in body["scopes"]) == (48_000_001, "access_token", True)


def test_a_grant_is_refused_with_the_word_for_what_is_wrong(hub: Any) -> None:
    hub.control("revoke", {"token": "a-refresh-token"})
    found = [oauth(hub).json()["status"], oauth(hub, client_secret="x").json()["status"]]
    assert found == ["BAD_REFRESH_TOKEN", "BAD_CLIENT_SECRET"]
    assert (oauth(hub).status_code, oauth(hub).json()["error"]) == (400, "invalid_grant")


def test_tokens_are_told_about(hub: Any) -> None:
    token = oauth(hub).json()["access_token"]
    status, body = hub.call("GET", f"/oauth/v1/access-tokens/{token}")
    assert (status, body["hub_id"], body["app_id"], body["expires_in"]) == (200, 48_000_001, 23_000_001, 1800)
    path = "/oauth/v2/private-apps/get/access-token-info"
    assert hub.call("POST", path, {"tokenKey": "pat-na1-static"})[1]["hubId"] == 48_000_001
    assert hub.call("POST", path, {"tokenKey": "other"})[0] == 404


def test_expiring_all_tokens_spares_the_static_one(hub: Any) -> None:
    headers = bearer(oauth(hub).json()["access_token"])
    assert hub.control("expire_tokens") == {"expired": 1}
    assert (hub.call("GET", LIST, headers=headers)[0], hub.call("GET", LIST)[0]) == (401, 200)


def test_a_missing_scope_is_named(hub: Any) -> None:
    hub.control("scopes", {"take": ["crm.objects.companies.read", "crm.objects.contacts.read"]})
    status, body = hub.call("GET", LIST)
    assert (status, body["category"]) == (403, "MISSING_SCOPES")
    assert body["message"].startswith("This app hasn't been granted all required scopes to make this call.")
    assert body["errors"][0]["context"] == {"requiredGranularScopes": ["crm.objects.companies.read"]}
    told_of_tasks = hub.call("GET", "/crm/v3/objects/tasks")[1]["errors"][0]["context"]
    assert told_of_tasks == {"requiredGranularScopes": ["crm.objects.contacts.read"]}
    assert hub.call("GET", "/crm/v3/objects/deals")[0] == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/crm/v3/objects/companies", 404),
        ("/crm/objects/2026-03/companies", 200),
        ("/crm/objects/2025-01/companies", 404),
        ("/crm/v3/nothing", 404),
    ],
)
def test_retired_and_unknown_versions_answer_404(start: Any, path: str, status: int) -> None:
    hub = start(retired=("v3", "v4"))
    assert hub.call("GET", path)[0] == status


def test_a_method_that_a_path_lacks_is_405(hub: Any) -> None:
    assert hub.call("PUT", LIST, {})[0] == 405


@pytest.mark.parametrize(
    ("headers", "data", "status"),
    [({"Content-Type": "text/plain"}, b"{}", 415), ({"Content-Type": "application/json"}, b"{", 400)],
)
def test_a_body_must_be_json(hub: Any, headers: dict[str, str], data: bytes, status: int) -> None:
    assert hub.call("POST", LIST, headers=headers, data=data)[0] == status


def test_an_address_with_too_many_properties_is_414(hub: Any) -> None:
    assert hub.call("GET", LIST + "?properties=" + "x" * 16_400)[0] == 414


@pytest.mark.parametrize("kind", ["423", "429", "477", "500", "502", "503", "504"])
def test_planned_refusals_have_the_vendors_form(hub: Any, kind: str) -> None:
    hub.control("faults", [{"kind": kind, "times": 1}])
    answer = hub.raw("GET", LIST)
    assert (answer.status_code, answer.json()["status"]) == (int(kind), "error")
    assert ("Retry-After" in answer.headers) is (kind == "477")
    assert hub.call("GET", LIST)[0] == 200


def test_calls_are_counted_by_kind(hub: Any) -> None:
    record = hub.make("companies", name="A")
    hub.control("reset_calls")
    for _ in range(2):
        hub.call("GET", f"/crm/objects/2026-03/companies/{record}")
    assert hub.control("calls", method="GET")["by_kind"] == {"GET /crm/objects/2026-03/companies/{id}": 2}
