"""Numbered paths live elsewhere in a dated version; and which calls may be sent twice."""

from __future__ import annotations

import pytest

from connector.crm.hubspot.paths import is_search, kind_of, repeatable, rewritten, version_of

MOVED = {
    "/crm/v3/objects/deals": "/crm/objects/{v}/deals",
    "/crm/v3/objects/0-3/batch/read": "/crm/objects/{v}/0-3/batch/read",
    "/crm/v4/objects/deals/1/associations/companies": "/crm/objects/{v}/deals/1/associations/companies",
    "/crm/v4/associations/deals/companies/labels": "/crm/associations/{v}/deals/companies/labels",
    "/crm/v4/associations/{from}/{to}/batch/read": "/crm/associations/{v}/{from}/{to}/batch/read",
    "/crm/v3/properties/deals/groups": "/crm/properties/{v}/deals/groups",
    "/crm/v3/pipelines/deals": "/crm/pipelines/{v}/deals",
    "/crm/v3/owners/": "/crm/owners/{v}",
    "/crm/v3/owners/7": "/crm/owners/{v}/7",
    "/crm/v3/lists/search": "/crm/lists/{v}/search",
    "/crm/v3/exports/export/async": "/crm/exports/{v}/export/async",
    "/crm/v3/limits/custom-properties": "/crm/limits/{v}/custom-properties",
    "/crm/v3/property-validations/0-3": "/crm/property-validations/{v}/0-3",
    "/crm/v3/schemas": "/crm-object-schemas/{v}/schemas",
    "/crm-object-schemas/v3/schemas/2-1": "/crm-object-schemas/{v}/schemas/2-1",
    "/marketing/v3/campaigns": "/marketing/campaigns/{v}",
    "/account-info/v3/details": "/account-info/{v}/details",
    "/settings/v3/currencies/exchange-rates/current": "/settings/currencies/{v}/exchange-rates/current",
    "/oauth/v1/token": "/oauth/{v}/token",
}


@pytest.mark.parametrize("version", ["2026-03", "2026-09"])
@pytest.mark.parametrize(("numbered", "dated"), MOVED.items())
def test_a_numbered_path_is_found_in_the_dated_version(numbered: str, dated: str, version: str) -> None:
    assert rewritten(numbered, version) == dated.replace("{v}", version)


@pytest.mark.parametrize("path", [*MOVED, "/oauth/v2/private-apps/get/access-token-info"])
def test_with_numbered_versions_every_path_stays(path: str) -> None:
    assert rewritten(path, "v3") == path


@pytest.mark.parametrize(
    "path", ["/oauth/v2/private-apps/get/access-token-info", "/crm/v3/objectsx", "/crm/objects/2026-03/deals", "/x"]
)
def test_a_path_without_a_dated_form_stays(path: str) -> None:
    assert rewritten(path, "2026-03") == path


TWICE = [
    ("GET", "/crm/v3/objects/deals"),
    ("PATCH", "/crm/v3/objects/deals/1"),
    ("DELETE", "/crm/v3/objects/deals/1"),
    ("PUT", "/crm/v4/objects/deals/1/associations/default/companies/2"),
    *(("POST", f"/crm/v3/objects/deals/{tail}") for tail in ("search", "batch/read", "batch/update", "batch/upsert")),
    ("POST", "/crm/v3/objects/deals/batch/archive"),
    *(
        ("POST", f"/crm/v4/associations/deals/companies/batch/{tail}")
        for tail in ("read", "create", "archive", "associate/default", "labels/archive")
    ),
]
ONCE = [
    ("POST", "/crm/v3/objects/deals"),
    ("POST", "/crm/v3/objects/deals/batch/create"),
    ("POST", "/crm/v3/objects/deals/merge"),
    ("POST", "/crm/v3/properties/deals"),
    ("POST", "/crm/v3/properties/deals/batch/create"),
    ("POST", "/crm/v4/associations/deals/companies/labels"),
    ("POST", "/crm/v3/schemas"),
]


@pytest.mark.parametrize("version", ["v3", "2026-09"])
def test_only_what_makes_something_must_not_be_sent_twice(version: str) -> None:
    assert [call for call in TWICE if not repeatable(call[0], rewritten(call[1], version))] == []
    assert [call for call in ONCE if repeatable(call[0], rewritten(call[1], version))] == []


@pytest.mark.parametrize("version", ["v3", "2026-09"])
def test_only_records_are_searched_within_the_searches_of_a_second(version: str) -> None:
    assert is_search(rewritten("/crm/v3/objects/p123_funds/search", version))
    assert is_search(rewritten("/crm/v3/objects/2-7/search", version))
    assert not is_search(rewritten("/crm/v3/lists/search", version))
    assert not is_search(rewritten("/crm/v3/objects/search", version))


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/crm/v3/objects/deals/search", "search"),
        ("POST", "/crm/v3/objects/deals/batch/read", "read"),
        ("POST", "/crm/v3/objects/deals/batch/update", "write"),
        ("GET", "/crm/v3/objects/deals/1", "read"),
        ("GET", "/crm/v4/objects/deals/1/associations/companies", "associations"),
        ("GET", "/crm/v3/properties/deals", "schema"),
        ("GET", "/account-info/v3/details", "other"),
    ],
)
def test_calls_are_counted_by_what_they_are_for(method: str, path: str, kind: str) -> None:
    assert {kind_of(method, rewritten(path, version)) for version in ("v3", "2026-03")} == {kind}


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("/crm/v4/associations/a/b", "v4"),
        ("/crm/objects/2026-03/deals", "2026-03"),
        ("/a/2026-031/v12", ""),
        ("/", ""),
    ],
)
def test_the_version_of_a_path_is_read(path: str, version: str) -> None:
    assert version_of(path) == version
