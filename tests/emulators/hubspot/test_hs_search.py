"""Search: operators, limits, and an index that is late and does not agree with the records."""

from __future__ import annotations

from typing import Any

import pytest

DEALS = (
    {"dealname": "Big Boat", "amount": "5000.00", "dealstage": "closedwon", "closedate": "2026-02-01T00:00:00Z"},
    {"dealname": "Small boat", "amount": "40", "dealstage": "contractsent", "closedate": "2026-03-01T00:00:00Z"},
    {"dealname": "Car", "amount": "700", "dealstage": "contractsent"},
    {"dealname": "Nothing"},
)


def where(name: str, operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"propertyName": name, "operator": operator, **({} if value is None else {"value": value}), **more}


FILTERS = [
    (where("dealname", "EQ", "big boat"), [0]),
    (where("dealname", "NEQ", "car"), [0, 1, 3]),
    (where("amount", "EQ", "5000"), [0]),
    (where("amount", "GT", "40"), [0, 2]),
    (where("amount", "GTE", "40"), [0, 1, 2]),
    (where("amount", "LT", "700"), [1]),
    (where("amount", "LTE", "700"), [1, 2]),
    (where("amount", "NEQ", "700"), [0, 1]),
    (where("amount", "BETWEEN", "40", highValue="700"), [1, 2]),
    (where("dealname", "IN", values=["car", "nothing"]), [2, 3]),
    (where("dealname", "IN", values=["Car"]), []),  # IN compares with lower-case text
    (where("dealstage", "IN", values=["closedwon"]), [0]),
    (where("dealstage", "NOT_IN", values=["closedwon"]), [1, 2]),
    (where("dealstage", "EQ", "ClosedWon"), []),  # enumerations keep their case
    (where("amount", "HAS_PROPERTY"), [0, 1, 2]),
    (where("amount", "NOT_HAS_PROPERTY"), [3]),
    (where("dealname", "CONTAINS_TOKEN", "BOAT"), [0, 1]),
    (where("dealname", "CONTAINS_TOKEN", "boa"), []),
    (where("dealname", "CONTAINS_TOKEN", "boa*"), [0, 1]),
    (where("dealname", "NOT_CONTAINS_TOKEN", "boat"), [2, 3]),
    (where("closedate", "GTE", "1772323200000"), [1]),  # 2026-03-01
    (where("closedate", "LT", "2026-03-01T00:00:00Z"), [0]),
    (where("hs_is_closed_won", "EQ", "true"), [0]),
    (where("createdate", "EQ", "1774947600000"), [0, 1, 2, 3]),
    (where("hs_lastmodifieddate", "GT", "1774947600000"), []),
]


@pytest.mark.parametrize(("one", "expected"), FILTERS, ids=lambda value: str(value)[:60])
def test_each_operator_finds_what_it_should(hub: Any, one: dict[str, Any], expected: list[int]) -> None:
    made = [hub.make("deals", **deal) for deal in DEALS]
    found = hub.search("deals", one)
    assert [each["id"] for each in found["results"]] == [made[n] for n in expected]
    assert found["total"] == len(expected)


def test_groups_are_alternatives_and_nothing_at_all_finds_everything(hub: Any) -> None:
    made = [hub.make("deals", **deal) for deal in DEALS]
    groups = [{"filters": [where("dealname", "EQ", "car")]}, {"filters": [where("amount", "EQ", "40")]}]
    path = "/crm/v3/objects/deals/search"
    assert hub.call("POST", path, {"filterGroups": groups})[1]["total"] == 2
    for body in ({}, {"filterGroups": [{"filters": []}]}, {"after": "", "sorts": [], "query": ""}):
        assert [each["id"] for each in hub.call("POST", path, body)[1]["results"]] == made


def test_ids_compare_as_numbers_and_page_by_offset(hub: Any) -> None:
    made = [hub.make("companies", name=str(n)) for n in range(5)]
    more: dict[str, Any] = {"sorts": ["-hs_object_id"], "limit": 2}
    first = hub.search("companies", where("hs_object_id", "GTE", made[1]), **more)
    assert ([each["id"] for each in first["results"]], first["total"]) == ([made[4], made[3]], 4)
    assert first["paging"] == {"next": {"after": "2"}}
    last = hub.search("companies", where("hs_object_id", "GTE", made[1]), after="2", **more)
    assert ([each["id"] for each in last["results"]], "paging" in last) == ([made[2], made[1]], False)


def test_sorting_takes_an_object_too(hub: Any) -> None:
    for amount in ("9", "10", "8"):
        hub.make("deals", amount=amount)
    found = hub.search("deals", properties=["amount"], sorts=[{"propertyName": "amount", "direction": "DESCENDING"}])
    assert [each["properties"]["amount"] for each in found["results"]] == ["10", "9", "8"]


def test_records_are_found_by_what_they_are_associated_with(hub: Any) -> None:
    company, deal = hub.make("companies", name="A"), hub.make("deals", dealname="D")
    hub.make("deals", dealname="other")
    hub.control("associate", {"object": "deals", "id": deal, "to_object": "companies", "to_id": company})
    found = hub.search("deals", where("associations.company", "EQ", company))
    assert [each["id"] for each in found["results"]] == [deal]


def test_words_are_searched_everywhere(hub: Any) -> None:
    record = hub.make("companies", name="Blue Whale", phone="555")
    hub.make("companies", name="Red Fox")
    assert [each["id"] for each in hub.search("companies", query="whal")["results"]] == [record]


REFUSED = [
    {"limit": 201},
    {"after": "9991"},
    {"after": "10000"},
    {"after": "x"},
    {"sorts": ["name", "phone"]},
    {"filterGroups": [{"filters": [where("name", "EQ", "x")]}] * 6},
    {"filterGroups": [{"filters": [where("name", "EQ", "x")] * 7}]},
    {"filterGroups": [{"filters": [where("name", "EQ", "x")] * 5}] * 4},
    {"filterGroups": [{"filters": [where("no_such_thing", "EQ", "x")]}]},
    {"filterGroups": [{"filters": [where("name", "LIKE", "x")]}]},
    {"filterGroups": [{"filters": [where("name", "IN")]}]},
    {"filterGroups": [{"filters": [where("name", "EQ")]}]},
    {"filterGroups": [{"filters": [where("createdate", "EQ", "yesterday")]}]},
    {"query": "x" * 3000},
]


@pytest.mark.parametrize("body", REFUSED, ids=lambda body: str(body)[:50])
def test_what_is_beyond_the_limits_is_refused(hub: Any, body: dict[str, Any]) -> None:
    status, answer = hub.call("POST", "/crm/v3/objects/companies/search", {"limit": 10, **body})
    assert (status, answer["category"]) == (400, "VALIDATION_ERROR")


def test_the_last_page_below_10000_is_granted(hub: Any) -> None:
    body = {"limit": 200, "after": "9800"}
    assert hub.call("POST", "/crm/v3/objects/companies/search", body)[0] == 200


def test_the_index_is_late(start: Any) -> None:
    hub = start(lag=(1, 10))
    record = hub.make("companies", name="A")
    hub.control("clock", {"advance": 0.9})
    assert hub.search("companies") == {"total": 0, "results": []}
    hub.control("clock", {"advance": 10})
    assert [each["id"] for each in hub.search("companies")["results"]] == [record]


def test_a_hit_may_no_longer_match_what_was_searched(start: Any) -> None:
    hub = start(lag=(5, 5))
    record = hub.make("companies", name="old")
    hub.control("clock", {"advance": 6})
    hub.call("PATCH", f"/crm/v3/objects/companies/{record}", {"properties": {"name": "new"}})
    found = hub.search("companies", where("name", "EQ", "old"), properties=["name"])
    assert [(each["id"], each["properties"]["name"]) for each in found["results"]] == [(record, "new")]
    assert hub.search("companies", where("name", "EQ", "new"))["total"] == 0
    hub.control("clock", {"advance": 6})
    assert hub.search("companies", where("name", "EQ", "new"))["total"] == 1


def test_an_archived_record_is_counted_but_not_told(start: Any) -> None:
    hub = start(lag=(5, 5))
    record = hub.make("companies", name="A")
    hub.control("clock", {"advance": 6})
    hub.call("DELETE", f"/crm/v3/objects/companies/{record}")
    assert hub.search("companies") == {"total": 1, "results": []}
    hub.control("clock", {"advance": 6})
    assert hub.search("companies") == {"total": 0, "results": []}


def test_two_writes_are_seen_one_after_the_other(start: Any) -> None:
    hub = start(lag=(5, 5))
    record = hub.make("companies", name="1")
    for name in ("2", "3"):
        hub.control("clock", {"advance": 3})
        hub.call("PATCH", f"/crm/v3/objects/companies/{record}", {"properties": {"name": name}})
    seen = []
    for _ in range(4):
        seen.append([hub.search("companies", where("name", "EQ", each))["total"] for each in "123"])
        hub.control("clock", {"advance": 2})
    assert seen == [[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]]
