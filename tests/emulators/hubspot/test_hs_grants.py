"""Codes of installations are good once, for a while and for one address; introspection knows what lives."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

BACK = "https://app.example.com/back?from=hubspot"
KEYS = {"client_id": "an-app", "client_secret": "its-secret"}


def code(hub: Any, **other: str) -> str:
    query = {"client_id": "an-app", "redirect_uri": BACK, "scope": "oauth", "state": "a&b", **other}
    answer = hub.raw("GET", "/oauth/authorize", params=query, allow_redirects=False)
    assert answer.status_code == 302
    page = urlsplit(answer.headers["Location"])
    told = parse_qs(page.query)
    assert (page.netloc, told["from"], told["state"]) == ("app.example.com", ["hubspot"], ["a&b"])
    return told["code"][0]


def granted(hub: Any, **form: str) -> tuple[int, dict[str, Any]]:
    sent = {**KEYS, "grant_type": "authorization_code", "redirect_uri": BACK, **form}
    answer = hub.raw("POST", "/oauth/2026-09/token", data=sent)
    return answer.status_code, answer.json()


def test_a_code_brings_tokens_once(hub: Any) -> None:
    given = code(hub)
    status, body = granted(hub, code=given)
    assert (status, body["token_use"], body["expires_in"]) == (200, "access_token", 1800)
    assert (
        hub.raw("GET", "/crm/v3/owners", headers={"Authorization": f"Bearer {body['access_token']}"}).status_code
        == 200
    )
    assert (granted(hub, code=given)[0], granted(hub, code=given)[1]["status"]) == (400, "BAD_AUTH_CODE")
    assert granted(hub, grant_type="refresh_token", refresh_token=body["refresh_token"])[0] == 200


@pytest.mark.parametrize(("seconds", "expected"), [(299, 200), (300, 400)])
def test_a_code_is_good_for_five_minutes(hub: Any, seconds: int, expected: int) -> None:
    given = code(hub)
    hub.control("clock", {"advance": seconds})
    assert granted(hub, code=given)[0] == expected


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"redirect_uri": "https://elsewhere.example/"}, "MISMATCH_REDIRECT_URI_AUTH_CODE", "invalid_grant"),
        ({"redirect_uri": ""}, "BAD_REDIRECT_URI", "invalid_grant"),
        ({"client_id": "x"}, "BAD_CLIENT_ID", "invalid_client"),
        ({"client_secret": "x"}, "BAD_CLIENT_SECRET", "invalid_client"),
        ({"grant_type": "password"}, "BAD_GRANT_TYPE", "unsupported_grant_type"),
    ],
)
def test_a_grant_is_refused_in_both_forms(hub: Any, form: dict[str, str], status: str, error: str) -> None:
    answered, body = granted(hub, **{"code": code(hub), **form})
    assert (answered, body["status"], body["error"]) == (400, status, error)
    assert body["message"] == body["error_description"]


@pytest.mark.parametrize("query", [{"client_id": "x"}, {"redirect_uri": "javascript:alert(1)"}, {"redirect_uri": ""}])
def test_nobody_is_sent_anywhere_for_a_wrong_page(hub: Any, query: dict[str, str]) -> None:
    asked = {"client_id": "an-app", "redirect_uri": BACK, **query}
    answer = hub.raw("GET", "/oauth/authorize", params=asked, allow_redirects=False)
    assert (answer.status_code, "Location" in answer.headers) == (400, False)


@pytest.mark.parametrize("version", ["v3", "2026-03", "2026-09"])
def test_introspection_knows_what_lives(hub: Any, version: str) -> None:
    def told(token: str) -> dict[str, Any]:
        return dict(hub.raw("POST", f"/oauth/{version}/token/introspect", data={**KEYS, "token": token}).json())

    access = granted(hub, grant_type="refresh_token", refresh_token="a-refresh-token")[1]["access_token"]
    assert [told(each).get("token_use") for each in (access, "a-refresh-token")] == ["access_token", "refresh_token"]
    hub.control("clock", {"advance": 1800})
    assert [told(each) for each in (access, "pat-na1-static", "nobody's")] == [{"active": False}] * 3
    path = f"/oauth/{version}/token/revoke"
    assert hub.raw("POST", path, data={**KEYS, "token": "a-refresh-token"}).status_code == 204
    assert told("a-refresh-token") == {"active": False}


def test_an_association_limit_holds_in_both_directions_and_ends_when_purged(hub: Any) -> None:
    base = "/crm/v4/associations/definitions/configurations/deals/companies/batch"
    one = {"category": "HUBSPOT_DEFINED", "typeId": 341, "maxToObjectIds": 1}
    assert hub.call("POST", f"{base}/create", {"inputs": [one]})[0] == 201
    assert hub.call("POST", f"{base}/update", {"inputs": [{**one, "typeId": 5, "maxToObjectIds": 2}]})[0] == 207
    deal, first, second = hub.make("deals"), hub.make("companies"), hub.make("companies")
    path = "/crm/v4/objects/{}/{}/associations/default/{}/{}"
    assert hub.call("PUT", path.format("deals", deal, "companies", first))[0] == 200
    assert hub.call("PUT", path.format("deals", deal, "companies", first))[0] == 200
    status, body = hub.call("PUT", path.format("companies", second, "deals", deal))
    assert (status, body["subCategory"]) == (400, "crm.associations.ASSOCIATION_LIMIT_EXCEEDED")
    near = hub.call("GET", "/crm/v3/limits/associations/records/deals/companies")[1]
    assert (near["limit"], near["totalRecordsAtLimit"]) == (1, 1)
    assert hub.call("POST", f"{base}/purge", {"inputs": [one]})[0] == 204
    assert hub.call("PUT", path.format("companies", second, "deals", deal))[0] == 200
