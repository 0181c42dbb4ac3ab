"""Who we are to a portal, where its records are opened, and that no other portal is ever written to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connector.crm.base import Action, Capabilities, Usage, Who, Write
from connector.crm.hubspot.adapter import HubSpotCRM
from connector.errors import Misconfigured

TOKEN_INFO = "/oauth/v2/private-apps/get/access-token-info"


@pytest.fixture
def crm_of(portal: Any) -> Iterator[Callable[..., HubSpotCRM]]:
    made: list[HubSpotCRM] = []

    def make(**settings: Any) -> HubSpotCRM:
        made.append(HubSpotCRM(portal.portal_connection(**settings), sleep=lambda _: None))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_the_portal_and_the_tokens_user_are_told(portal: Any, crm_of: Any, reply: Any) -> None:
    portal.on("POST", TOKEN_INFO, reply(body={"userId": 77, "hubId": 4711}))
    crm = crm_of()
    assert crm.capabilities == Capabilities("hubspot", 100, upsert=True, together=100)
    assert (crm.who(), crm.identity()) == (Who("4711", "77"), "portal 4711 as user 77")
    assert len(portal.seen) == 2


def test_a_token_of_which_the_portal_tells_no_user_is_an_apps(portal: Any, crm_of: Any, reply: Any) -> None:
    portal.on("POST", TOKEN_INFO, reply(400, {"status": "error", "message": "not that kind", "category": "X"}))
    crm = crm_of()
    assert (crm.who(), crm.identity()) == (Who("4711", ""), "portal 4711 as an app")


def test_with_oauth_the_sign_in_tells_the_user(portal: Any, crm_of: Any) -> None:
    crm = crm_of(auth="oauth", client_id="app-1", client_secret="s3cr3t", refresh_token="na1-r3fr3sh")
    assert crm.who() == Who("4711", "77")
    assert portal.calls("token-info") == []


@pytest.mark.parametrize("act", ["write", "install", "uninstall", "who", "identity"])
def test_another_portal_than_the_configured_one_is_refused_before_anything_is_written(
    portal: Any, crm_of: Any, act: str
) -> None:
    crm = crm_of(portal_id="999")
    write = Write("a", "companies", Action.UPDATE, (("name", "x"),), id="1")
    acts: dict[str, Callable[[], Any]] = {
        "write": lambda: list(crm.write([write])),
        "install": lambda: crm.install((), dry_run=False),
        "uninstall": lambda: crm.uninstall((), dry_run=False),
        "who": crm.who,
        "identity": crm.identity,
    }
    with pytest.raises(Misconfigured, match=r"hubspot\.portal_id: the token leads to portal 4711, not 999"):
        acts[act]()
    assert [each.method for each in portal.seen] == ["GET"]


def test_records_are_opened_in_the_portals_own_region(crm_of: Any) -> None:
    crm = crm_of(portal_id="4711")
    assert crm.record_url("companies", "5") == "https://app-eu1.hubspot.com/contacts/4711/record/0-2/5"
    assert crm.record_url("tasks", "6") == "https://app-eu1.hubspot.com/tasks/4711/view/all/task/6"


@pytest.mark.parametrize(
    ("told", "host"),
    [
        ({"dataHostingLocation": "eu1"}, "app-eu1.hubspot.com"),
        ({"dataHostingLocation": "na1"}, "app.hubspot.com"),
        ({}, "app.hubspot.com"),
    ],
)
def test_where_the_portal_names_no_host_its_region_does(
    portal: Any, crm_of: Any, reply: Any, told: dict[str, str], host: str
) -> None:
    portal.on("GET", "/account-info/", reply(body={"portalId": 4711, **told}))
    assert crm_of().record_url("deals", "7") == f"https://{host}/contacts/4711/record/0-3/7"


def test_an_address_that_is_no_portal_is_told(portal: Any, crm_of: Any, reply: Any) -> None:
    portal.on("GET", "/account-info/", reply(body={"hello": "world"}))
    with pytest.raises(Misconfigured, match=r"hubspot\.base_url"):
        crm_of().who()


def test_time_and_use_are_the_portals(portal: Any, crm_of: Any, reply: Any) -> None:
    headers = {
        "Date": "Mon, 23 Nov 2026 10:00:00 GMT",
        "X-HubSpot-RateLimit-Daily": "1000",
        "X-HubSpot-RateLimit-Daily-Remaining": "990",
    }
    portal.on("GET", "/account-info/", reply(body={"portalId": 4711}, headers=headers))
    crm = crm_of()
    assert crm.now().replace(second=0, microsecond=0) == datetime(2026, 11, 23, 10, tzinfo=UTC)
    assert crm.usage() == Usage(used=10, limit=1000, calls=1)


def test_importing_the_adapter_loads_none_of_the_clients_generated_families() -> None:
    code = (
        "import sys, connector.crm.hubspot.adapter\n"
        "print([m for m in sys.modules if m.startswith('hubspot.') and m.count('.') > 1 and 'utils' not in m])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert ran.stdout.strip() == "[]"


def test_scopes_that_a_token_lacks_are_told_before_anything_is_written(portal: Any, crm_of: Any, reply: Any) -> None:
    granted = ["oauth", "crm.objects.companies.read", "crm.objects.contacts.write", "crm.schemas.companies.write"]
    portal.on("POST", TOKEN_INFO, reply(body={"userId": 77, "scopes": granted}))
    assert crm_of().lacking_scopes(("companies", "tasks", "fund_requests"), ("companies", "tasks")) == (
        ("crm.objects.companies.write", "nothing can be written to companies"),
        ("crm.objects.custom.write", "nothing can be written to fund_requests"),
        ("crm.schemas.contacts.write", "an install makes no properties on tasks"),
    )


def test_a_token_of_which_the_portal_tells_no_scope_is_not_doubted(portal: Any, crm_of: Any, reply: Any) -> None:
    portal.on("POST", TOKEN_INFO, reply(400, {"status": "error", "message": "not that kind", "category": "X"}))
    assert crm_of().lacking_scopes(("companies",), ("companies",)) == ()
