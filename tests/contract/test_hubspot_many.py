"""More records with one modified date than a search shows: a naive cursor goes in a circle, the adapter ends."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import requests

from connector.crm.base import ReadRequest
from connector.crm.hubspot.adapter import HubSpotCRM

DEALS = 10_500
MOMENT = "2030-01-01T09:00:00.000Z"
FIRST = 5_000_000_000
FOREVER = 200  # pages after which nobody waits any longer: 53 hold all deals


@pytest.fixture
def loaded(start_emulator: Callable[..., Any], tmp_path: Path) -> Any:
    """A portal whose deals were all changed in one moment, as by an import."""
    folder = tmp_path / "import"
    folder.mkdir()
    with (folder / "deals.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("hs_object_id", "dealname", "createdate", "hs_lastmodifieddate"))
        rows.writerows((FIRST + at, f"Deal {at}", MOMENT, MOMENT) for at in range(DEALS))
    options = ("--lag", "0", "--no-bumps", "--no-limits", "--now", "2030-01-01T10:00:00Z")
    return start_emulator(*options, "--load", str(folder), crm="hubspot")


def naive_pages(portal: Any) -> Iterator[list[str]]:
    """Changes in order of their date; at the 10,000th result begun anew from the last date seen, as taps do."""
    url = f"{portal.url}/crm/v3/objects/deals/search"
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {portal.said['access_token']}"
        since, after = "2030-01-01T00:00:00.000Z", 0
        while True:
            body = {
                "filterGroups": [
                    {"filters": [{"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": since}]}
                ],
                "sorts": [{"propertyName": "hs_lastmodifieddate", "direction": "ASCENDING"}],
                "limit": 200,
                "after": after,
            }
            answer = session.post(url, json=body, verify=portal.ca_file, timeout=30).json()
            yield [each["id"] for each in answer["results"]]
            if "paging" not in answer:
                return
            after += 200
            if after + 200 > 10_000:
                since, after = answer["results"][-1]["properties"]["hs_lastmodifieddate"], 0


@pytest.mark.slow
def test_more_deals_with_one_date_than_a_search_shows_neither_loop_nor_lose_a_row(loaded: Any) -> None:
    whole = {str(FIRST + at) for at in range(DEALS)}
    pages = list(islice(naive_pages(loaded), FOREVER))
    assert (len(pages), len({each for page in pages for each in page})) == (FOREVER, 10_000)
    beyond = {"filterGroups": [], "limit": 200, "after": 10_000}
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {loaded.said['access_token']}"
        url = f"{loaded.url}/crm/objects/2026-03/deals/search"
        assert session.post(url, json=beyond, verify=loaded.ca_file, timeout=30).status_code == 400
    crm = HubSpotCRM(loaded.connection())
    calls = crm.usage().calls
    asked = ReadRequest("deals", ("hs_object_id",), since=datetime(2030, 1, 1, tzinfo=UTC))
    found = [each for page in crm.read(asked) for each in page.rows.column(0).to_pylist()]
    assert (len(found), set(found)) == (DEALS, whole)
    assert crm.usage().calls - calls <= 60
    crm.close()
