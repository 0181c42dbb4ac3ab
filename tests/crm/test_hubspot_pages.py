"""Bytes of answers become the same columns whichever way they are read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.crm.hubspot.pages import ARCHIVED, ARCHIVED_AT, ID, after_of, decoded
from connector.errors import Retry

NAMES = ("name", "amount", "paging")

# The shape of a search answer recorded from HubSpot in 2022 (MIT licence, (c) 2022 Grouparoo, Inc.), names changed.
RECORDED = b"""{"total":2,"results":[{"id":"7945028643","properties":{"createdate":"2022-02-17T18:54:22.300Z",
"domain":"one.example","hs_lastmodifieddate":"2022-02-17T18:54:26.270Z","hs_object_id":"7945028643"},
"createdAt":"2022-02-17T18:54:22.300Z","updatedAt":"2022-02-17T18:54:26.270Z","archived":false},
{"id":"7945028644","properties":{"createdate":"2022-02-17T18:54:22.300Z","domain":null,
"hs_lastmodifieddate":"2022-02-17T18:54:25.876Z","hs_object_id":"7945028644"},
"createdAt":"2022-02-17T18:54:22.300Z","updatedAt":"2022-02-17T18:54:25.876Z","archived":false}]}"""


def page(*records: Any, **more: Any) -> bytes:
    return json.dumps({"results": list(records), **more}).encode()


def slow(pages: list[bytes], names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The obvious way, record by record."""
    found = []
    for each in pages:
        for record in json.loads(each)["results"]:
            row = {ID: record["id"], ARCHIVED: bool(record.get("archived")), ARCHIVED_AT: record.get("archivedAt")}
            found.append(row | {name: record.get("properties", {}).get(name) for name in names})
    return found


def test_a_recorded_answer_becomes_rows_and_unknown_properties_are_null() -> None:
    rows = decoded([RECORDED], ("domain", "no_such_property")).to_pylist()
    plain = {ARCHIVED: False, ARCHIVED_AT: None, "no_such_property": None}
    assert rows == [
        {ID: "7945028643", "domain": "one.example"} | plain,
        {ID: "7945028644", "domain": None} | plain,
    ]


def test_pages_without_records_have_the_columns_all_the_same() -> None:
    for pages in ([], [b'{"results":[]}'], [b'{"status":"COMPLETE"}', b'{"results":null}']):
        found = decoded(pages, ("name",))
        assert (found.num_rows, found.column_names) == (0, [ID, ARCHIVED, ARCHIVED_AT, "name"])


@pytest.mark.parametrize(
    ("value", "text"), [(5, "5"), (1.10, "1.1"), (True, "true"), (["a"], '["a"]'), ("half \ud83d", "half ?")]
)
def test_what_is_no_plain_text_is_read_the_slow_way(value: Any, text: str) -> None:
    found = decoded([page({"id": "1", "properties": {"name": value}}), page({"id": 2})], ("name",))
    assert found.select([ID, "name"]).to_pylist() == [{ID: "1", "name": text}, {ID: "2", "name": None}]


def test_an_answer_that_is_cut_is_asked_for_again() -> None:
    with pytest.raises(Retry):
        decoded([RECORDED[:-40]], ("domain",))
    with pytest.raises(Retry):
        decoded([b"<html>busy</html>"], ("domain",))


def test_bytes_that_are_no_utf8_do_not_become_a_text() -> None:
    assert decoded([b'{"results":[{"id":"1","properties":{"name":"a\xff"}}]}'], ("name",))["name"].to_pylist() == [
        "a\ufffd"
    ]


def test_the_token_of_the_next_page_is_found_wherever_it_stands() -> None:
    paging = {"next": {"after": "7", "link": "https://portal.example/?after=7"}}
    assert after_of(page({"id": "1"}, paging=paging)) == "7"
    assert after_of(json.dumps({"paging": paging, "results": [{"id": "1"}]}, indent=1).encode()) == "7"
    nested = {"id": "1", "associations": {"companies": {"results": [], "paging": {"next": {"after": "9"}}}}}
    assert after_of(page(nested)) is None
    assert after_of(page(nested, paging=paging)) == "7"
    assert (
        after_of(page({"id": "1", "properties": {"name": '"paging":{"next":{"after":"5"}}', "paging": "paging"}}))
        is None
    )


TEXTS = st.one_of(st.none(), st.text(st.characters(codec="utf-8"), max_size=8), st.just('"paging":{"next":'))
RECORDS = st.builds(
    lambda number, held, archived: (
        {"id": str(number), "properties": held, "archived": archived, "url": "https://x"}
        | ({"archivedAt": "2026-01-01T00:00:00Z"} if archived else {})
    ),
    st.integers(1, 10**12),
    st.dictionaries(st.sampled_from([*NAMES, "other"]), TEXTS),
    st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(RECORDS, max_size=4), max_size=4), st.booleans(), st.one_of(st.none(), st.integers(0, 10**9))
)
def test_any_pages_are_what_reading_them_record_by_record_says(
    pages: list[list[dict[str, Any]]], escaped: bool, after: int | None
) -> None:
    more = {} if after is None else {"paging": {"next": {"after": str(after)}}}
    answers = [json.dumps({"results": each, **more}, ensure_ascii=escaped).encode() for each in pages]
    assert decoded(answers, NAMES).to_pylist() == slow(answers, NAMES)
    assert all(after_of(each) == (None if after is None else str(after)) for each in answers)
