"""Tokens renew themselves once for all threads, and no message ever holds a secret."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs

import pytest

from connector.crm.hubspot.auth import EARLY, TokenProvider
from connector.crm.hubspot.pool import pool_of
from connector.crm.retry import Again
from connector.errors import Misconfigured

OAUTH = {"auth": "oauth", "client_id": "app-1", "client_secret": "s3cr3t-of-app", "refresh_token": "na1-r3fr3sh"}
EXPIRED = {"status": "error", "message": "expired", "correlationId": "c", "category": "EXPIRED_AUTHENTICATION"}
PATH = "/oauth/2026-03/token"


@pytest.fixture
def clock() -> list[float]:
    return [1000.0]


@pytest.fixture
def provider(portal: Any, clock: list[float]) -> Any:
    connection = portal.portal_connection(**OAUTH)
    pool = pool_of(connection)
    yield TokenProvider(connection, pool, sleep=lambda _: None, clock=lambda: clock[0])
    pool.clear()


def test_a_renewal_is_a_form_and_the_rotated_refresh_token_is_used_next(portal: Any, provider: TokenProvider) -> None:
    first = provider.token()
    second = provider.refresh(first)
    forms = [parse_qs(each.body.decode()) for each in portal.calls(PATH)]
    assert (first.access, first.portal, first.user) == ("CJSP-access-1", "4711", "77")
    assert second.access == "CJSP-access-2"
    assert forms[0] == {
        "grant_type": ["refresh_token"],
        "client_id": ["app-1"],
        "client_secret": ["s3cr3t-of-app"],
        "refresh_token": ["na1-r3fr3sh"],
    }
    assert forms[1]["refresh_token"] == ["na1-refresh-1"]
    assert "Authorization" not in portal.seen[0].headers


@pytest.mark.parametrize(("version", "path"), [("v3", "/oauth/v3/token"), ("2026-09", "/oauth/2026-09/token")])
def test_the_token_is_asked_for_at_the_version_in_use(portal: Any, version: str, path: str) -> None:
    connection = portal.portal_connection(**OAUTH, api_version=version)
    pool = pool_of(connection)
    TokenProvider(connection, pool).token()
    pool.clear()
    assert portal.seen[-1].path == path


def test_a_token_is_renewed_some_time_before_it_ends(provider: TokenProvider, clock: list[float]) -> None:
    provider.token()
    clock[0] += 1800 - EARLY
    assert provider.token().access == "CJSP-access-1"
    clock[0] += 1
    assert provider.token().access == "CJSP-access-2"


def test_sixteen_threads_that_see_a_token_expire_renew_it_once(portal: Any, hub: Any, reply: Any) -> None:
    class Expiring:
        """Takes every token but the first."""

        def answer(self, seen: Any, rest: Any = portal.answer) -> Any:
            if seen.path.startswith("/crm/") and seen.token == "CJSP-access-1":
                portal.seen.append(seen)
                return reply(401, EXPIRED)
            return rest(seen)

    portal.answer = Expiring().answer
    portal.on("GET", "/crm/", reply(body={"results": []}))
    wire = hub(**OAUTH, threads=16)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: wire.call("GET", "/crm/v3/objects/deals").status, range(64)))
    assert answers == [200] * 64
    assert len(portal.calls("/oauth/")) == 2


def test_a_fresh_token_that_is_refused_as_well_ends_it(portal: Any, hub: Any, reply: Any) -> None:
    portal.on("GET", "/crm/", reply(401, EXPIRED))
    with pytest.raises(Misconfigured, match=r"hubspot\.refresh_token: a fresh token is refused"):
        hub(**OAUTH).call("GET", "/crm/v3/objects/deals")
    assert len(portal.calls("/crm/")) == 2


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"status": "BAD_REFRESH_TOKEN", "message": "unknown na1-r3fr3sh of s3cr3t-of-app"}, "hubspot.refresh_token"),
        ({"error": "invalid_grant", "error_description": "na1-r3fr3sh was revoked"}, "hubspot.refresh_token"),
        ({"error": "invalid_client", "error_description": "s3cr3t-of-app"}, "hubspot.client_secret"),
    ],
)
def test_a_refused_renewal_names_the_setting_and_masks_what_is_echoed(
    portal: Any, hub: Any, reply: Any, body: dict[str, str], where: str
) -> None:
    portal.on("POST", "/oauth/", reply(400, body))
    with pytest.raises(Misconfigured) as caught:
        hub(**OAUTH).call("GET", "/crm/v3/objects/deals")
    assert caught.value.where == where
    assert "r3fr3sh" not in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    assert len(portal.seen) == 1


def test_a_busy_sign_in_is_tried_again(portal: Any, hub: Any, reply: Any) -> None:
    token = {"access_token": "CJSP-late", "expires_in": 1800}
    portal.on("POST", "/oauth/", reply(503, b"busy"), reply(429, b"slow"), reply(body=token))
    portal.on("GET", "/crm/", reply(body={}))
    assert hub(**OAUTH).call("GET", "/crm/v3/objects/deals").json() == {}
    assert portal.seen[-1].token == "CJSP-late"


def test_a_sign_in_that_answers_with_a_page_is_told(portal: Any, hub: Any, reply: Any) -> None:
    portal.on("POST", "/oauth/", reply(200, b"<html>hello</html>"))
    with pytest.raises(Misconfigured, match=r"hubspot\.base_url"):
        hub(**OAUTH).call("GET", "/crm/v3/objects/deals")


def test_no_secret_is_in_any_repr(portal: Any, hub: Any, reply: Any) -> None:
    portal.on("GET", "/crm/", reply(body={"echo": "CJSP-access-1"}))
    wire = hub(**OAUTH)
    answer = wire.call("GET", "/crm/v3/objects/deals")
    shown = repr((wire, wire.connection, wire.tokens, wire.tokens.token(), answer, wire.client, wire.budget))
    for secret in ("s3cr3t", "r3fr3sh", "access-1", "na1-refresh"):
        assert secret not in shown


def test_an_echoed_token_is_masked_in_every_fault(portal: Any, hub: Any, reply: Any) -> None:
    wire = hub(**OAUTH)
    wire.tokens.token()
    for status, kind in ((400, Exception), (403, Exception), (404, Exception), (500, Again)):
        portal.on(
            "GET", "/crm/", reply(status, {"category": "X", "message": "you sent CJSP-access-1, na1-refresh-1"})
        )
        with pytest.raises(kind) as caught:
            wire.call("GET", "/crm/v3/objects/deals")
        assert "you sent ***, ***" in str(caught.value)
