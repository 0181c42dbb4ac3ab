"""Every route wants its scope: without it a call gets the documented 403, with it (and nothing else) it is let in."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulators.hubspot import app_tokens
from emulators.hubspot.tokens import SCOPES
from emulators.loopback.http import Call
from emulators.replay.odd import OddCalls
from emulators.replay.targets import PortalUnderFire

FREE = ("/account-info/",)  # any token of the account will do
OPEN = ("/oauth/", "/exported-files/", "/webhooks-journal/files/", "/meta/network-origins/")  # no token at all


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalUnderFire]:
    made = PortalUnderFire(Path(tmp_path_factory.mktemp("scopes")))
    yield made
    made.close()


def wanted(portal: PortalUnderFire, route: Any) -> tuple[str, ...]:
    """The scopes that a 403 names for that route with everything taken away."""
    answer = asked(portal, route, ())
    body = json.loads(answer.body)
    assert (answer.status, body["status"], body["category"]) == (403, "error", "MISSING_SCOPES"), route
    assert body["message"].startswith("This app hasn't been granted all required scopes to make this call.")
    return tuple(body["errors"][0]["context"]["requiredGranularScopes"])


def asked(portal: PortalUnderFire, route: Any, scopes: tuple[str, ...]) -> Any:
    odd = OddCalls(portal.vocabulary, random.Random(1))
    key = (route.method, route.template)
    portal.portal.put_state("scopes", list(scopes))
    call = Call(route.method, odd.target(key), odd.headers(key), b"x")
    return portal.handle(call)


def routes(portal: PortalUnderFire) -> list[Any]:
    return [route for route in portal.emulator.router.routes() if not route.template.startswith((*FREE, *OPEN))]


@pytest.mark.slow
def test_every_route_refuses_who_lacks_its_scope_and_lets_in_who_has_one_of_them(portal: PortalUnderFire) -> None:
    guarded = [route for route in routes(portal) if not route.public]
    assert len(guarded) > 300
    for route in guarded:
        scopes = wanted(portal, route)
        assert scopes
        assert set(scopes) <= set(SCOPES) | {"crm.schemas.tasks.read", "settings.currencies.write"}, (
            route.template,
            scopes,
        )
        others = tuple(each for each in SCOPES if each not in scopes)
        assert wanted_of(asked(portal, route, others)) == scopes, route.template
        for each in scopes:
            body = asked(portal, route, (each,)).body
            assert b"MISSING_SCOPES" not in body or b"access to association labels" in body, (route.template, each)


def wanted_of(answer: Any) -> tuple[str, ...]:
    return tuple(json.loads(answer.body)["errors"][0]["context"]["requiredGranularScopes"])


def test_a_reader_may_not_write_and_a_writer_of_one_object_not_another(portal: PortalUnderFire) -> None:
    for route in routes(portal):
        if route.template != "/crm/v3/objects/{object}/{id}":
            continue
        found = asked(portal, route, ("crm.objects.companies.read",))
        assert (found.status == 403) is (route.method != "GET")
        assert asked(portal, route, ("crm.objects.deals.read", "crm.objects.deals.write")).status == 403


@pytest.mark.parametrize("scope", app_tokens.SCOPES)
def test_the_journal_wants_scopes_of_its_own_token(portal: PortalUnderFire, scope: str) -> None:
    keys = "client_id=an-app&client_secret=its-secret&grant_type=client_credentials"
    form = {"content-type": "application/x-www-form-urlencoded"}
    granted = portal.handle(Call("POST", "/oauth/2026-03/token", form, f"{keys}&scope={scope}".encode()))
    assert granted is not None
    headers = {
        "authorization": f"Bearer {json.loads(granted.body)['access_token']}",
        "content-type": "application/json",
    }
    seen = set()
    for route in routes(portal):
        if route.template.startswith(("/webhooks-journal/", "/webhooks/v4/")):
            answer = portal.handle(
                Call(route.method, route.template.replace("{", "").replace("}", ""), headers, b"x")
            )
            assert answer is not None
            body = json.loads(answer.body or b"{}")
            if answer.status == 403:
                assert scope not in body["errors"][0]["context"]["requiredGranularScopes"]
            seen.add(answer.status == 403)
    assert seen == {True, False}


@pytest.mark.parametrize(
    "path", ["/crm/v3/objects/companies", "/crm/objects/2026-03/companies", "/account-info/v3/details"]
)
def test_a_call_without_a_token_is_refused_before_anything_else(portal: PortalUnderFire, path: str) -> None:
    answer = portal.handle(Call("GET", path, {}, b""))
    assert answer is not None
    assert (answer.status, json.loads(answer.body)["category"]) == (401, "INVALID_AUTHENTICATION")
