"""What a read brings from a portal that changes meanwhile, answers in any order and forgets nothing it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from connector.crm.base import BadCell, Filter, Op, Page, ReadRequest
from connector.crm.hubspot.catalog import Catalog
from connector.crm.hubspot.faults import Complaint, NotFound
from connector.crm.hubspot.read import Reader
from connector.crm.hubspot.values import milliseconds
from connector.crm.hubspot.wire import Answer
from connector.errors import Misconfigured, Retry

START = datetime(2026, 3, 1, tzinfo=UTC)
MODIFIED = {"contacts": "lastmodifieddate"}
TYPES = {
    "name": "string",
    "amount": "number",
    "size": "number",
    "closedate": "datetime",
    "dealstage": "string",
    "pipeline": "string",
    "domain": "string",
    "hs_merged_object_ids": "string",
    "lastmodifieddate": "datetime",
    "hs_lastmodifieddate": "datetime",
}
STAGES = [{"id": "s1", "label": "New"}, {"id": "s2", "label": "Won"}]


def text_of(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Portal:
    """A portal in memory, standing where the wire stands. `meanwhile` runs before the call of that number."""

    kept: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    links: dict[tuple[str, str], dict[str, list[tuple[int, int]]]] = field(default_factory=dict)
    labels: list[dict[str, Any]] = field(default_factory=list)
    ghosts: set[int] = field(default_factory=set)  # archived, and search has not noticed
    meanwhile: dict[int, Callable[[], None]] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    page: int = 10
    last: int = 1000

    def __post_init__(self) -> None:
        crm = SimpleNamespace(
            objects=SimpleNamespace(
                basic_api=SimpleNamespace(get_page=self.listed),
                batch_api=SimpleNamespace(read=self.batch),
                search_api=SimpleNamespace(do_search=self.search),
            ),
            properties=SimpleNamespace(core_api=SimpleNamespace(get_all=self.definitions)),
            schemas=SimpleNamespace(core_api=SimpleNamespace(get_all=lambda: self.answer("schemas", None, []))),
            pipelines=SimpleNamespace(pipelines_api=SimpleNamespace(get_all=self.pipelines)),
            associations=SimpleNamespace(
                v4=SimpleNamespace(
                    batch_api=SimpleNamespace(get_page=self.associations),
                    schema=SimpleNamespace(
                        definitions_api=SimpleNamespace(
                            get_all=lambda *pair: self.answer("labels", pair, self.labels)
                        )
                    ),
                )
            ),
        )
        self.client = SimpleNamespace(crm=crm)

    def add(self, api: str, at: datetime = START, **values: Any) -> int:
        self.last += 1
        row = {"properties": values | {MODIFIED.get(api, "hs_lastmodifieddate"): text_of(at)}, "archivedAt": None}
        self.kept.setdefault(api, {})[self.last] = row
        return self.last

    def archive(self, api: str, number: int, at: datetime) -> None:
        self.kept[api][number]["archivedAt"] = text_of(at)

    def answer(self, what: str, asked: Any, results: Any, status: int = 200, **more: Any) -> Answer:
        self.calls.append((what, asked))
        if (change := self.meanwhile.pop(len(self.calls), None)) is not None:
            change()
        return Answer(status, json.dumps({"results": results, **more}).encode(), {})

    def definitions(self, api: str) -> Answer:
        if api not in ("companies", "contacts", "deals"):
            raise NotFound(f"GET properties/{api}", 404, Complaint("OBJECT_NOT_FOUND", "", "resource not found"))
        made = [{"name": name, "label": name, "type": kind, "fieldType": "text"} for name, kind in TYPES.items()]
        return self.answer("properties", api, [*made, {"name": "key", "type": "string", "hasUniqueValue": True}])

    def pipelines(self, api: str) -> Answer:
        return self.answer("pipelines", api, [{"id": "p", "label": "Sales", "stages": STAGES}])

    def shown(self, number: int, row: dict[str, Any], asked: list[str], history: Any = ()) -> dict[str, Any]:
        held = {
            name: row["properties"].get(name)
            for name in [*asked, "hs_lastmodifieddate"]
            if name in TYPES | {"key": 1}
        }
        told = {
            "id": str(number),
            "properties": held | {"hs_object_id": str(number)},
            "archived": bool(row["archivedAt"]),
        }
        if row["archivedAt"]:
            told["archivedAt"] = row["archivedAt"]
        if history:
            told["propertiesWithHistory"] = {"dealstage": row.get("stages", [])}
        return told

    def listed(self, api: str, *, limit: int, archived: bool, after: str = "0", **more: Any) -> Answer:
        asked = more.get("properties", [""])[0].split(",")
        probe = limit == 1
        answer = (
            Answer(200, b"", {}) if probe else self.answer("list", {"archived": archived, "after": after} | more, [])
        )
        numbers = [n for n, row in sorted(self.kept.get(api, {}).items()) if bool(row["archivedAt"]) is archived]
        found = [n for n in numbers if n > int(after)]
        size = min(limit, self.page)
        rows = [self.shown(n, self.kept[api][n], asked, more.get("properties_with_history")) for n in found[:size]]
        paging = {"paging": {"next": {"after": rows[-1]["id"]}}} if len(found) > size else {}
        return Answer(answer.status, json.dumps({"results": rows, **paging}).encode(), {})

    def batch(self, api: str, *, batch_read_input_simple_public_object_id: Any, archived: bool) -> Answer:
        body = batch_read_input_simple_public_object_id
        found, asked = [], [each["id"] for each in body["inputs"]]
        for number, row in self.kept.get(api, {}).items():
            lost = (row["properties"].get("hs_merged_object_ids") or "").split(";")
            key = row["properties"].get(body["idProperty"]) if "idProperty" in body else str(number)
            if (key in asked or set(lost) & set(asked)) and bool(row["archivedAt"]) is archived:
                found.append(self.shown(number, row, body["properties"], body["propertiesWithHistory"]))
        gone = len(found) < len(asked)
        errors = {"errors": [{"category": "OBJECT_NOT_FOUND"}], "numErrors": 1} if gone else {}
        return self.answer("batch", body, found[::-1], 207 if gone else 200, **errors)

    def search(self, api: str, *, public_object_search_request: Any) -> Answer:
        body = public_object_search_request
        answer = self.answer("search", body, [])
        hits = [n for n, row in sorted(self.kept.get(api, {}).items()) if self.matches(n, row, body)]
        start = int(body.get("after", 0))
        assert start + body["limit"] <= 10_000
        window = hits[start : start + min(body["limit"], self.page)]
        rows = [self.shown(n, self.kept[api][n], body["properties"]) for n in window if n not in self.ghosts]
        more = start + len(window)
        paging = {"paging": {"next": {"after": str(more)}}} if more < len(hits) else {}
        return Answer(200, json.dumps({"total": len(hits), "results": rows, **paging}).encode(), answer.headers)

    def matches(self, number: int, row: dict[str, Any], body: Any) -> bool:
        if row["archivedAt"] and number not in self.ghosts:
            return False
        for each in body["filterGroups"][0]["filters"]:
            name, value = each["propertyName"], each.get("value", "")
            if name == "hs_object_id":
                fits = number > int(value)
            elif name.endswith("lastmodifieddate"):
                at = milliseconds(datetime.fromisoformat(row["properties"][name]))
                fits = at >= int(value) if each["operator"] == "GTE" else at < int(value)
            else:
                fits = (row["properties"].get(name) or "").lower() in each.get("values", [value])
            if not fits:
                return False
        return True

    def associations(self, one: str, other: str, **body: Any) -> Answer:
        inputs = body["batch_input_public_fetch_associations_batch_request"]["inputs"]
        kept, results = self.links.get((one, other), {}), []
        for each in inputs:
            to, start = kept.get(each["id"], []), int(each.get("after", 0))
            shown = [
                {
                    "toObjectId": number,
                    "associationTypes": [{"category": "USER_DEFINED", "typeId": kind, "label": "x"}],
                }
                for number, kind in to[start : start + 2]
            ]
            paging = {"paging": {"next": {"after": str(start + 2)}}} if len(to) > start + 2 else {}
            if shown:
                results.append({"from": {"id": each["id"]}, "to": shown, **paging})
        lacking = len(results) < len(inputs)
        errors = {"errors": [{"subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND"}]} if lacking else {}
        return self.answer("links", inputs, results, 207 if lacking else 200, **errors)

    def asked(self, what: str) -> list[Any]:
        return [asked for name, asked in self.calls if name == what]


def reader(portal: Any, group: int = 2) -> Reader:
    return Reader(portal, Catalog(portal), group=group)


def pages(
    portal: Portal, fields: tuple[str, ...] = ("hs_object_id",), of: str = "companies", **more: Any
) -> list[Page]:
    return list(reader(portal).read(ReadRequest(of, fields, **more), lambda *_: None))


def rows(
    portal: Portal, fields: tuple[str, ...] = ("hs_object_id",), of: str = "companies", **more: Any
) -> list[Any]:
    return [row for page in pages(portal, fields, of, **more) for row in page.rows.to_pylist()]


def ids(found: list[Any]) -> list[int]:
    return [int(row["hs_object_id"]) for row in found]


def marked(found: list[Any]) -> dict[int, tuple[bool, str | None]]:
    assert len(ids(found)) == len(set(ids(found)))
    return {int(row["hs_object_id"]): (row["pmom_deleted"], row["pmom_merged_into"]) for row in found}


LIVE, GONE = (False, None), (True, None)


def test_rows_come_typed_under_the_names_asked_for_and_odd_cells_are_told() -> None:
    portal = Portal()
    one = portal.add("deals", name="x", amount="5.00", size="many", closedate="2026-12-31T00:00:00Z", dealstage="s2")
    fields = ("HS_Object_Id", "amount", "size", "closedate", "dealstage_label", "pipeline_label")
    (page,) = pages(portal, fields, "deals")
    values = (str(one), Decimal(5), None, datetime(2026, 12, 31, tzinfo=UTC), "Won", None)
    assert page.rows.to_pylist() == [
        dict(zip(fields, values, strict=True)) | {"pmom_deleted": False, "pmom_merged_into": None}
    ]
    assert page.bad_cells == (BadCell(str(one), "size", "many", "not a number value"),)


def test_a_full_read_lists_all_and_goes_on_behind_any_of_its_pages() -> None:
    portal = Portal(page=3)
    made = [portal.add("companies") for _ in range(20)]
    portal.archive("companies", made[5], START)
    found = pages(portal)
    assert ids([row for page in found for row in page.rows.to_pylist()]) == [*made[:5], *made[6:], made[5]]
    assert [page.resume is None for page in found] == [False] * (len(found) - 1) + [True]
    for at, page in enumerate(found[:-1]):
        again = pages(portal, resume=page.resume)
        assert [each.rows for each in again] == [each.rows for each in found[at + 1 :]]
        assert again[-1].total == found[-1].total == 20
    assert ids(rows(portal, resume="nonsense")) == ids(rows(portal))


def test_progress_ends_with_the_number_of_rows() -> None:
    portal, told = Portal(page=2), list[tuple[str, int, int | None]]()
    for _ in range(7):
        portal.add("companies")
    list(reader(portal).read(ReadRequest("companies", ("name",)), lambda *each: told.append(each)))
    assert told == [("companies", 4, None), ("companies", 7, 7)]


def test_an_object_or_a_field_that_is_not_there_is_named() -> None:
    portal = Portal()
    with pytest.raises(Misconfigured, match=r"hubspot fund_requests: no such object"):
        rows(portal, of="fund_requests")
    for name in ("nope", "assoc_nope", "assoc_companies__nope"):
        with pytest.raises(Misconfigured, match=rf"hubspot deals\.{name}: "):
            rows(portal, ("hs_object_id", name), "deals")
    with pytest.raises(Misconfigured, match=r"companies\.nope"):
        rows(portal, where=(Filter("nope", Op.FILLED),))


def test_since_and_until_bound_the_modified_date_and_what_was_archived_meanwhile() -> None:
    portal = Portal()
    made = [portal.add("companies", START + timedelta(seconds=at)) for at in range(4)]
    portal.archive("companies", portal.add("companies", START), START + timedelta(seconds=2))
    portal.archive("companies", portal.add("companies", START), START + timedelta(seconds=3))
    bounds: dict[str, Any] = {"since": START + timedelta(seconds=1), "until": START + timedelta(seconds=3)}
    assert marked(rows(portal, **bounds)) == {made[1]: LIVE, made[2]: LIVE, made[3] + 1: GONE}
    assert ids(rows(portal, deleted=False, **bounds)) == [made[1], made[2]]
    assert ids(rows(portal, until=START + timedelta(seconds=1), deleted=False)) == [made[0]]
    assert rows(portal, since=START, until=START) == []


def test_contacts_are_bounded_by_their_own_modified_date() -> None:
    portal = Portal()
    one = portal.add("contacts", START)
    portal.add("contacts", START - timedelta(seconds=1))
    assert ids(rows(portal, of="contacts", since=START)) == [one]
    assert portal.asked("search")[0]["filterGroups"][0]["filters"][0]["propertyName"] == "lastmodifieddate"


@pytest.mark.slow
def test_more_than_ten_thousand_records_of_one_instant_all_come_once() -> None:
    portal = Portal(page=200)
    made = [portal.add("companies") for _ in range(10_250)]
    assert ids(rows(portal, since=START, deleted=False)) == made
    assert len(portal.asked("search")) == 52


def test_a_short_page_of_ghosts_is_no_end() -> None:
    portal = Portal(page=2)
    made = [portal.add("companies") for _ in range(9)]
    portal.ghosts = {*made[:5], made[7]}
    for each in portal.ghosts:
        portal.archive("companies", each, START - timedelta(days=1))
    assert ids(rows(portal, since=START)) == [made[5], made[6], made[8]]


def test_a_search_of_nothing_but_ghosts_is_tried_later() -> None:
    portal = Portal(page=200)
    portal.ghosts = {portal.add("companies") for _ in range(10_100)}
    for each in portal.ghosts:
        portal.archive("companies", each, START - timedelta(days=1))
    with pytest.raises(Retry, match="index lags"):
        rows(portal, since=START)


def test_conditions_are_asked_of_search_and_checked_again_on_the_rows() -> None:
    portal = Portal()
    made = [portal.add("companies", name=name) for name in ("a", "A", "b", "")]
    both = (Filter("name", Op.EQ, "A"), Filter("hs_object_id", Op.NE, str(made[0])))
    assert ids(rows(portal, since=START, where=both)) == [made[1]]
    assert portal.asked("search")[0]["filterGroups"][0]["filters"][1:] == [
        {"propertyName": "name", "operator": "EQ", "value": "a"}
    ]
    assert ids(rows(portal, where=(Filter("name", Op.NE, "a"),))) == made[2:]
    assert ids(rows(portal, where=(Filter("name", Op.IN, ()),))) == []


def test_too_many_properties_for_an_address_or_a_search_are_read_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.crm.hubspot.listing.URL_PROPERTIES", 20)
    monkeypatch.setattr("connector.crm.hubspot.search.BODY", 480)
    portal = Portal()
    made = [portal.add("companies", name=f"n{at}", domain="x.example") for at in range(3)]
    fields = ("hs_object_id", "name", "domain", "closedate", "pipeline", "dealstage", "amount")
    full, changed = rows(portal, fields), rows(portal, fields, since=START)
    assert sorted(full, key=str) == sorted(changed, key=str)
    assert {row["name"]: int(row["hs_object_id"]) for row in full} == {f"n{at}": each for at, each in enumerate(made)}
    assert all("properties" not in each for each in portal.asked("list")[:1])
    assert portal.asked("search")[0]["properties"] == []


def test_a_merged_record_is_told_once_with_its_survivor_and_the_survivors_values() -> None:
    portal = Portal()
    loser = portal.add("companies", name="old")
    portal.archive("companies", loser, START + timedelta(seconds=1))
    survivor = portal.add("companies", name="new", hs_merged_object_ids=f"{loser};77")
    each_way: list[dict[str, Any]] = [{}, {"since": START}]
    for bounds in each_way:
        found = rows(portal, ("hs_object_id", "name"), **bounds)
        assert marked(found) == {survivor: LIVE, loser: (True, str(survivor)), 77: (True, str(survivor))}
        assert {row["name"] for row in found} == {"new"}
    assert ids(rows(portal, deleted=False)) == [survivor]


def test_a_record_archived_while_the_read_goes_on_is_told_once() -> None:
    def told(number: int, call: int, page: int) -> tuple[bool, str | None] | None:
        portal = Portal(page=page)
        made = [portal.add("companies") for _ in range(12)]
        portal.meanwhile[call] = lambda: portal.archive("companies", made[number], START)
        found = marked(rows(portal))
        assert set(found) == set(made)
        return found[made[number]]

    assert told(11, 3, 2) == GONE  # before the list came to it
    assert told(0, 8, 2) == LIVE  # its row was given away before it was archived
    assert told(0, 3, 12) == GONE  # its row was still here


def test_links_are_read_in_batches_page_by_page_each_id_once() -> None:
    portal = Portal()
    portal.labels = [
        {"category": "HUBSPOT_DEFINED", "typeId": 341, "label": None},
        {"category": "USER_DEFINED", "typeId": 7, "label": "Sourcing partner"},
    ]
    one, two = portal.add("deals"), portal.add("deals")
    portal.links[("deals", "companies")] = {str(one): [(30, 5), (30, 341), (9, 7), (100, 341), (9, 341)]}
    fields = ("hs_object_id", "assoc_companies", "assoc_companies__sourcing_partner")
    found = {row["hs_object_id"]: tuple(row.values())[1:3] for row in rows(portal, fields, "deals")}
    assert found == {str(one): ("9;30;100", "9"), str(two): (None, None)}
    assert portal.asked("links") == [
        [{"id": str(one)}, {"id": str(two)}],
        [{"id": str(one), "after": "2"}],
        [{"id": str(one), "after": "4"}],
    ]
    assert ids(rows(portal, of="deals", where=(Filter("assoc_companies", Op.EMPTY),))) == [two]


def test_fetch_leaves_out_what_is_gone_and_a_survivor_does_not_answer_for_its_loser() -> None:
    portal = Portal()
    one, gone = portal.add("companies", name="one"), portal.add("companies")
    portal.archive("companies", gone, START)
    survivor = portal.add("companies", hs_merged_object_ids="77")
    asked = [str(one), str(gone), "77", "999", "not an id", str(one)]
    assert reader(portal).fetch("companies", asked, ("name", "hs_object_id")).to_pylist() == [
        {"name": "one", "hs_object_id": str(one)}
    ]
    both = reader(portal).fetch("companies", ["77", str(survivor)], ("hs_object_id",))
    assert both.column(0).to_pylist() == [str(survivor)]
    assert (
        reader(portal).fetch("companies", [], ("amount",)).schema.types
        == pages(portal, ("amount",))[0].rows.schema.types[:1]
    )


def test_find_asks_by_a_unique_property_and_tolerates_unknown_keys() -> None:
    portal = Portal()
    one = portal.add("companies", key="k1", name="one")
    portal.archive("companies", portal.add("companies", key="k2"), START)
    found = reader(portal).find("companies", "key", ["K1", "k1", "k2", "k3", ""], ("hs_object_id", "name"))
    assert found.to_pylist() == [{"hs_object_id": str(one), "name": "one"}]
    assert portal.asked("batch")[0]["idProperty"] == "key"


def test_find_by_any_other_property_searches() -> None:
    portal = Portal()
    one = portal.add("companies", domain="One.example")
    portal.add("companies", domain="two.example")
    found = reader(portal).find("companies", "domain", ["one.EXAMPLE"], ("hs_object_id", "domain"))
    assert found.to_pylist() == [{"hs_object_id": str(one), "domain": "One.example"}]


def test_the_history_of_stages_is_a_row_a_change() -> None:
    portal = Portal()
    one = portal.add("deals", START)
    later = START + timedelta(hours=1)
    portal.kept["deals"][one]["stages"] = [
        {"value": "s2", "timestamp": text_of(later), "sourceType": "CRM_UI"},
        {"value": "s1", "timestamp": text_of(START)},
    ]
    fields = ("id", "deal_id", "stage", "stage_label", "at", "modified_at")
    expected = [
        (f"{one}-{milliseconds(later)}", str(one), "s2", "Won", later, START, False, None),
        (f"{one}-{milliseconds(START)}", str(one), "s1", "New", START, START, False, None),
    ]
    each_way: list[dict[str, Any]] = [{}, {"since": START}]
    for bounds in each_way:
        assert [tuple(row.values()) for row in rows(portal, fields, "deal_stage_history", **bounds)] == expected
    assert portal.asked("list")[0]["properties_with_history"] == ["dealstage"]
    assert portal.asked("batch")[0]["propertiesWithHistory"] == ["dealstage"]
    assert reader(portal).fetch("deal_stage_history", [expected[1][0]], ("stage",)).to_pylist() == [{"stage": "s1"}]
    assert reader(portal).find("deal_stage_history", "deal_id", [str(one)], ("stage",)).to_pylist() == [
        {"stage": "s2"},
        {"stage": "s1"},
    ]
    assert reader(portal).find("deal_stage_history", "deal_id", [], ("at",)).num_rows == 0
