"""The benchmark's portal answers as HubSpot does in what the benchmarks touch: otherwise its figures mean nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks import deals
from benchmarks.calls import asked
from benchmarks.portal import Portal

ROWS = 250
LIST = f"/crm/objects/2026-03/deals?limit=100&properties={','.join(deals.PULLED)}"
Call = Callable[..., Any]


@pytest.fixture
def portal() -> Portal:
    """A portal of 250 deals."""
    return Portal(ROWS)


@pytest.fixture
def call(portal: Portal) -> Call:
    """`call(method, path, value)`: the parsed answer to one call."""

    def ask(method: str, path: str, value: object = None) -> Any:
        sent = b"" if value is None else json.dumps(value).encode()
        return json.loads(b"".join(bytes(part) for part in portal.answer(asked(method, path, sent)).body))

    return ask


def _followed(call: Call, path: str) -> list[list[dict[str, Any]]]:
    found, after = [], ""
    while True:
        page = call("GET", path + after)
        found.append(page["results"])
        if "paging" not in page:
            return found
        after = f"&after={page['paging']['next']['after']}"


def test_a_list_is_followed_page_by_page_to_its_end(call: Call) -> None:
    pages = _followed(call, LIST)
    ids = [record["id"] for page in pages for record in page]
    assert [len(page) for page in pages] == [100, 100, 50]
    assert (ids == sorted(ids), len(set(ids))) == (True, ROWS)


def test_numbered_paths_with_repeated_properties_answer_alike(call: Call) -> None:
    repeated = "&".join(f"properties={name}" for name in deals.PULLED)
    assert call("GET", f"/crm/v3/objects/deals?limit=100&{repeated}") == call("GET", LIST)


def test_every_property_is_a_text_or_null_and_the_id_comes_along(call: Call) -> None:
    record = call("GET", LIST)["results"][0]
    assert set(record["properties"]) == {*deals.PULLED, "hs_object_id"}
    assert {type(value) for value in record["properties"].values()} <= {str, type(None)}
    assert record["properties"]["hs_object_id"] == record["id"] == str(deals.FIRST)


def test_pages_that_were_not_rendered_are_refused(call: Call) -> None:
    asked_for = [LIST.replace("limit=100", "limit=50"), LIST.replace("dealname,", "")]
    assert [call("GET", path)["category"] for path in asked_for] == ["VALIDATION_ERROR"] * 2


def test_nothing_is_archived_and_there_are_no_companies(call: Call) -> None:
    paths = (f"{LIST}&archived=true", "/crm/objects/2026-03/companies?limit=100")
    assert [call("GET", path) for path in paths] == [{"results": []}] * 2


def test_every_company_of_a_batch_is_answered_by_its_id_and_trace(call: Call) -> None:
    inputs = [{"id": str(at), "properties": {"name": "x"}, "objectWriteTraceId": f"t{at}"} for at in range(3)]
    answer = call("POST", "/crm/objects/2026-03/companies/batch/update", {"inputs": inputs})
    told = [(each["id"], each["objectWriteTraceId"], each["properties"]["name"]) for each in answer["results"]]
    assert told == [("0", "t0", "x"), ("1", "t1", "x"), ("2", "t2", "x")]


def test_calls_are_counted_by_kind_and_unknown_ones_by_name(portal: Portal, call: Call) -> None:
    call("GET", LIST)
    call("POST", "/crm/objects/2026-03/deals/search", {})
    assert dict(portal.calls) == {"list": 1, "unknown: POST /crm/objects/2026-03/deals/search": 1}


def test_every_contender_asks_for_twenty_properties() -> None:
    assert len(set(deals.PULLED)) == 20
