"""What people read when a HubSpot portal cannot be worked with: where, what was found, what to do, and no secret."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from connector.crm.base import Action, ReadRequest, Write
from connector.errors import BudgetExhausted, GiveUp, Misconfigured, PmomError, Refused

READ_FIX = "Correct the mapping, switch the feature on, or give the connection's token the scope"
FIELD_FIX = "Correct the mapping: write the property's internal name, or make the property or the label"
VERSION_FIX = "Set a version that HubSpot still offers (2026-03, 2026-09), and check base_url"


def told(hs: Any, kind: type[PmomError], call: Callable[[], Any]) -> str:
    """The message of the error that the call raises; nothing of it, nor of what led to it, holds a secret."""
    with pytest.raises(kind) as caught:
        call()
    whole = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    for name in ("access_token", "client_secret", "refresh_token"):
        assert hs.emulator.said[name] not in whole
    return str(caught.value)


def read(crm: Any, object_name: str, *fields: str) -> list[int]:
    return [page.rows.num_rows for page in crm.read(ReadRequest(object_name, fields))]


def create(crm: Any) -> list[Any]:
    return list(crm.write([Write("c", "companies", Action.CREATE, (("name", "never"),))]))


@contextmanager
def without(hs: Any, *scopes: str) -> Iterator[None]:
    """The application lacks these scopes."""
    hs.emulator.control("scopes", {"take": scopes})
    try:
        yield
    finally:
        hs.emulator.control("scopes", {"give": scopes})


def test_the_exit_codes_tell_whom_to_ask() -> None:
    """A person mends the configuration (3); the CRM says no, or not now (4); a limit of ours stopped it (5)."""
    assert (Misconfigured.exit_code, GiveUp.exit_code, BudgetExhausted.exit_code, Refused.exit_code) == (3, 4, 4, 5)


@pytest.mark.parametrize(
    ("object_name", "field"), [("quotes", "hs_title"), ("owners", "id"), ("deals", "dealname"), ("users", "hs_email")]
)
def test_a_missing_scope_for_reading_is_named(hs: Any, object_name: str, field: str) -> None:
    scope = f"crm.objects.{object_name}.read"
    with without(hs, scope):
        found = told(hs, Misconfigured, lambda: read(hs.crm, object_name, field))
    assert found == f"hubspot {object_name}: hidden: the token lacks the scope {scope}. {READ_FIX}"


def test_a_missing_scope_for_writing_is_named_and_nothing_is_written(hs: Any) -> None:
    with without(hs, "crm.objects.companies.write"):
        found = told(hs, Misconfigured, lambda: create(hs.crm))
    where = "POST /crm/objects/2026-03/companies/batch/create"
    fix = "Grant it to the service key or app: crm.objects.companies.write"
    assert found == f"hubspot.access_token: {where} needs a scope that the token lacks. {fix}"


def test_a_missing_scope_for_installing_is_named(hs: Any) -> None:
    fresh = [spec for spec in hs.specs if spec.name == "Score"]
    hs.crm.uninstall(fresh, dry_run=False)
    scopes = ("crm.schemas.companies.write", "crm.objects.companies.write")
    try:
        with without(hs, *scopes):
            found = told(hs, Misconfigured, lambda: hs.crm.install(fresh, dry_run=False))
        assert found.startswith("hubspot.access_token: POST /crm/properties/2026-03/companies/")
        assert found.endswith("Grant it to the service key or app: crm.schemas.companies.write")
    finally:
        hs.crm.install(fresh, dry_run=False)


def test_a_scope_that_was_granted_meanwhile_needs_no_restart_of_another_connection(hs: Any) -> None:
    with without(hs, "crm.objects.quotes.read"):
        told(hs, Misconfigured, lambda: read(hs.open(), "quotes", "hs_title"))
    assert sum(read(hs.open(), "quotes", "hs_title")) == 0


@pytest.mark.parametrize("version", ["v3", "2026-03"])
def test_a_retired_path_version_is_told_as_such(hs: Any, version: str) -> None:
    hs.emulator.control("retire", {"versions": [version]})
    crm = hs.open(api_version=version)
    path = {"v3": "/account-info/v3/details", "2026-03": "/account-info/2026-03/details"}[version]
    assert told(hs, Misconfigured, crm.identity) == (
        f"hubspot.api_version: HubSpot has no GET {path} (HTTP 404). {VERSION_FIX}"
    )


def test_a_version_that_is_retired_under_a_running_process_makes_nothing_look_deleted(hs: Any) -> None:
    """Records do not seem gone with v3, nor links with v4, which HubSpot retires half a year before."""
    company, deal, crm = hs.make(name="alive"), hs.add("deals", dealname="D"), hs.open(api_version="v3")
    hs.emulator.control("associate", {"object": "deals", "id": deal, "to_object": "companies", "to_id": company})

    def links() -> Any:
        return crm.fetch("deals", [deal], ("assoc_companies",)).to_pylist()

    def records() -> Any:
        return crm.fetch("companies", [company], ("name",)).to_pylist()

    assert (links(), records()) == ([{"assoc_companies": company}], [{"name": "alive"}])
    crm.identity()
    for version, calls in (("v4", [links]), ("v3", [records, links, partial(read, crm, "companies", "name")])):
        hs.emulator.control("retire", {"versions": [version]})
        for call in calls:
            assert told(hs, GiveUp, call).endswith("has HubSpot retired hubspot.api_version?")
    (off,) = crm.write([Write("off", "companies", Action.DELETE, id=company)])
    assert (off.status, off.message.endswith("has HubSpot retired hubspot.api_version?")) == ("refused", True)


def test_a_mapped_property_or_label_that_is_missing_is_named(hs: Any) -> None:
    for name in ("partner_tier", "assoc_companies__no_such_label"):
        found = told(hs, Misconfigured, partial(read, hs.crm, "deals", name))
        assert found == f"hubspot deals.{name}: no such property or link in this portal. {FIELD_FIX}"


def test_an_object_that_is_missing_is_named(hs: Any) -> None:
    found = told(hs, Misconfigured, lambda: read(hs.crm, "fund_requests", "name"))
    assert found == f"hubspot fund_requests: no such object in this portal. {READ_FIX}"


def test_a_token_that_hubspot_does_not_take_is_not_shown(hs: Any) -> None:
    wrong = "pat-na1-0123456789abcdef"
    found = told(hs, Misconfigured, hs.open(access_token=wrong).identity)
    why = "GET /account-info/2026-03/details: HTTP 401 INVALID_AUTHENTICATION"
    fix = "Set the token of a service key or private app of this portal that was not deleted or rotated"
    assert found == f"hubspot.access_token: HubSpot does not take it ({why}). {fix}"
    assert wrong not in found


def test_another_portal_is_not_written_to(hs: Any) -> None:
    crm, portal = hs.open(portal_id="7"), hs.emulator.said["portal_id"]
    fix = "Set portal_id to the portal that the token belongs to, or use a token of the right portal"
    expected = f"hubspot.portal_id: the token leads to portal {portal}, not 7. {fix}"
    writes = (crm.identity, lambda: create(crm), lambda: crm.install(hs.specs, dry_run=False))
    for call in (*writes, lambda: crm.uninstall(hs.specs, dry_run=False)):
        assert told(hs, Misconfigured, call) == expected


def test_a_wrong_client_secret_is_told_without_being_shown(hs: Any) -> None:
    found = told(hs, Misconfigured, hs.open(auth="oauth", access_token=None, client_secret="not-it").identity)
    why = "invalid_client: missing or invalid client secret"
    fix = "Copy client_id and client_secret anew"
    assert found == f"hubspot.client_secret: HubSpot renews no token ({why}). {fix}"
    assert "not-it" not in found


def test_a_day_without_calls_left_says_when_it_ends(hs: Any) -> None:
    hs.emulator.control("limits", {"enabled": True, "daily": 1_000, "used": 1_000})
    found = told(hs, BudgetExhausted, lambda: hs.open().schema("deals"))
    where = "GET /crm/properties/2026-03/deals: HubSpot's calls of the day are used up"
    fix = "Run again then, or lower what runs against this portal"
    assert found == f"{where}; they begin anew at midnight of the portal's time zone. {fix}"
    hs.spend(890, of=1_000)
    crm = hs.open()
    crm.identity()
    found = told(hs, BudgetExhausted, lambda: [read(crm, "deals", "amount") for _ in range(20)])
    assert " of 1000 used today" in found
    fix = "(America/New_York), or raise budget_share or lower budget_reserve"
    assert found.endswith(f"Run again after midnight of the portal's time zone {fix}")


def test_a_certificate_that_is_not_trusted_is_told(hs: Any) -> None:
    fix = "Set hubspot.ca_file to the PEM file of the authority that signed it"
    found = told(hs, Misconfigured, hs.open(ca_file=None).identity)
    assert found == f"{hs.emulator.url}: its TLS certificate is not trusted here. {fix}"


@pytest.mark.slow
def test_a_portal_without_custom_objects_and_a_revoked_refresh_token(
    start_emulator: Callable[..., Any], portal: Any
) -> None:
    """Both need a portal of their own."""
    bare = start_emulator("--tier", "professional", "--lag", "0", crm="hubspot")
    from connector.crm.hubspot.adapter import HubSpotCRM

    crm = HubSpotCRM(bare.connection())
    assert crm.schema("fund_requests") is None
    why = "the token lacks the scope crm.schemas.custom.read; custom objects need an Enterprise subscription"
    assert crm.absence("fund_requests") == f"hidden: {why}"
    with pytest.raises(Misconfigured) as caught:
        read(crm, "fund_requests", "name")
    assert str(caught.value) == f"hubspot fund_requests: hidden: {why}. {READ_FIX}"
    crm.close()
    bare.control("revoke", {"token": bare.said["refresh_token"]})
    crm = HubSpotCRM(bare.connection(auth="oauth", access_token=None))
    with pytest.raises(Misconfigured) as caught:
        crm.identity()
    why = "HubSpot renews no token (invalid_grant: missing or invalid refresh token)"
    assert str(caught.value) == f"hubspot.refresh_token: {why}. Install the app in the portal again"
    assert bare.said["refresh_token"] not in "".join(traceback.format_exception(caught.value))
    crm.close()
