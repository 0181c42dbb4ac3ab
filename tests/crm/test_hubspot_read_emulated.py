"""The same reads through the vendor's client against the emulated portal: what it does nobody here has chosen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from connector.crm.base import Filter, Op, ReadRequest
from connector.crm.hubspot.catalog import Catalog
from connector.crm.hubspot.connection import ApiVersion, HubSpotConnection
from connector.crm.hubspot.read import Reader
from connector.crm.hubspot.wire import Wire
from connector.errors import Misconfigured
from emulators.hubspot.portal import Portal, Settings
from emulators.hubspot.server import Emulator
from emulators.hubspot.tokens import App
from emulators.loopback.clock import Clock

START = datetime(2026, 3, 31, 9, 0, tzinfo=UTC)
PLAIN = {"pmom_deleted": False, "pmom_merged_into": None}


@dataclass
class Bench:
    """A reader, its portal and the hands of those who work in it."""

    wire: Wire
    catalog: Catalog
    reader: Reader
    emulator: Emulator

    def control(self, name: str, **body: Any) -> Any:
        with requests.Session() as session:
            session.trust_env = False
            url, headers = f"{self.emulator.url}/__emulator__/{name}", {"X-Emulator-Token": "control"}
            answer = session.post(url, json=body, headers=headers, timeout=20, verify=False)
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.content else None

    def add(self, object_name: str, **properties: str) -> str:
        return str(self.control("insert", object=object_name, properties=properties)["id"])

    def batch(self, object_name: str, number: int) -> set[str]:
        """So many records in as few calls as it takes."""
        made: set[str] = set()
        for start in range(0, number, 100):
            inputs = [{"properties": {"name": f"n{at}"}} for at in range(start, min(start + 100, number))]
            answer = self.wire.call("POST", f"/crm/v3/objects/{object_name}/batch/create", body={"inputs": inputs})
            made |= {str(each["id"]) for each in answer.json()["results"]}
        return made

    def rows(self, object_name: str, *fields: str, **more: Any) -> list[dict[str, Any]]:
        request = ReadRequest(object_name, ("hs_object_id", *fields), **more)
        return [row for page in self.reader.read(request, lambda *_: None) for row in page.rows.to_pylist()]

    def marks(self, object_name: str, **more: Any) -> dict[str, tuple[bool, str | None]]:
        rows = self.rows(object_name, **more)
        found = {row["hs_object_id"]: (row["pmom_deleted"], row["pmom_merged_into"]) for row in rows}
        assert len(found) == len(rows)
        return found


def open_bench(folder: Path, version: ApiVersion, settings: Settings | None = None) -> Bench:
    portal = Portal.open(folder / "portal.db", settings, Clock(START, frozen=False), 3)
    portal.put_state("lag", [0, 0])
    portal.put_state("bumps", False)
    app = App("an-app", "its-secret", "pat-na1-static", "a-refresh-token")
    emulator = Emulator(portal, app, ca_folder=None, control_token="control")
    emulator.limits.set({"enabled": False})
    emulator.start()
    connection = HubSpotConnection(
        access_token="pat-na1-static", base_url=emulator.url, burst=100_000, searches=1000.0, api_version=version
    )
    wire = Wire(connection, sleep=lambda _: None)
    catalog = Catalog(wire)
    return Bench(wire, catalog, Reader(wire, catalog, group=2), emulator)


@pytest.fixture(params=["2026-03", "2026-09", "v3"])
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = open_bench(tmp_path, request.param)
    yield made
    made.wire.close()
    made.emulator.stop()


def test_values_are_typed_and_links_and_names_come_along(bench: Bench) -> None:
    label = {"label": "Sourcing partner", "name": "sourcing_partner"}
    assert bench.wire.call("POST", "/crm/v4/associations/deals/companies/labels", body=label).status < 300
    one, two = bench.add("companies", name="Alder"), bench.add("companies", name="Birch")
    deal = bench.add("deals", dealname="D", amount="12.50", dealstage="closedwon", pipeline="default")
    bench.control("associate", object="deals", id=deal, to_object="companies", to_id=two)
    bench.control("associate", object="deals", id=deal, to_object="companies", to_id=one, label="Sourcing partner")
    fields = ("amount", "dealstage_label", "hs_is_closed_won", "assoc_companies", "assoc_companies__sourcing_partner")
    values = (Decimal("12.5"), "Closed Won", True, ";".join(sorted((one, two), key=int)), one)
    expected = [{"hs_object_id": deal} | dict(zip(fields, values, strict=True)) | PLAIN]
    assert bench.rows("deals", *fields) == bench.rows("deals", *fields, since=START - timedelta(hours=1)) == expected
    assert bench.rows("deals", *fields, where=(Filter("assoc_companies", Op.EMPTY),)) == []


def test_archived_and_merged_records_are_told_once_in_full_and_in_changes(bench: Bench) -> None:
    kept, dropped, winner, loser = (bench.add("companies", name=name) for name in "abcd")
    bench.control("delete", object="companies", ids=[dropped])
    survivor = bench.control("merge", object="companies", primary=winner, loser=loser)["id"]
    since = START - timedelta(hours=1)
    expected = {kept: (False, None), survivor: (False, None), dropped: (True, None), loser: (True, survivor)}
    expected |= {winner: (True, survivor)} if winner != survivor else {}
    assert bench.marks("companies") == bench.marks("companies", since=since) == expected
    assert bench.marks("companies", deleted=False) == {kept: (False, None), survivor: (False, None)}
    found = bench.reader.fetch("companies", [kept, dropped, loser, "1"], ("hs_object_id",))
    assert found.column(0).to_pylist() == [kept]


def test_a_merge_that_makes_a_new_record_leaves_two_behind(bench: Bench) -> None:
    one, two = bench.add("companies", name="a"), bench.add("companies", name="b")
    new = bench.control("merge", object="companies", primary=one, loser=two, new_id=True)["id"]
    expected = {new: (False, None), one: (True, new), two: (True, new)}
    assert bench.marks("companies") == bench.marks("companies", since=START - timedelta(hours=1)) == expected


def test_conditions_say_the_same_of_lists_and_of_searches(bench: Bench) -> None:
    for name, kind in (("a", "PARTNER"), ("b", "RESELLER"), ("c", "PROSPECT"), ("IT'S", "")):
        bench.add("companies", name=name, **({"type": kind} if kind else {}))
    since = START - timedelta(hours=1)
    for where, names in (
        ((Filter("type", Op.IN, ("partner", "RESELLER")),), {"a", "b"}),
        ((Filter("type", Op.NE, "PARTNER"),), {"b", "c", "IT'S"}),
        ((Filter("type", Op.EMPTY),), {"IT'S"}),
        ((Filter("name", Op.EQ, "it's"),), {"IT'S"}),
        ((Filter("type", Op.FILLED), Filter("name", Op.IN, ("A", "C", "zz"))), {"a", "c"}),
        ((Filter("createdate", Op.LT, START),), set()),
    ):
        for bounds in (None, since):
            found = bench.rows("companies", "name", since=bounds, where=where)
            assert {row["name"] for row in found} == names, (where, bounds)


def test_pages_follow_one_another_also_in_another_process(bench: Bench) -> None:
    made = bench.batch("companies", 450)
    for bounds in (None, START - timedelta(hours=1)):
        request = ReadRequest("companies", ("hs_object_id",), since=bounds)
        pages = list(bench.reader.read(request, lambda *_: None))
        ids = [page.rows.column(0).to_pylist() for page in pages]
        assert (sum(map(len, ids)), {each for page in ids for each in page}) == (450, made)
        assert len(pages) > 1
        other = Reader(bench.wire, Catalog(bench.wire), group=2)
        again = other.read(
            ReadRequest("companies", ("hs_object_id",), since=bounds, resume=pages[0].resume), lambda *_: None
        )
        assert [page.rows.column(0).to_pylist() for page in again] == ids[1:]


def test_every_property_at_once_is_more_than_an_address_or_a_search_holds(bench: Bench) -> None:
    bench.add("companies", name="Alder")
    schema = bench.catalog.schema("companies")
    assert schema is not None
    every = [
        each.name for each in schema.fields if not each.name.startswith("assoc_") and each.name != "hs_object_id"
    ]
    (listed,) = bench.rows("companies", *every)
    (searched,) = bench.rows("companies", *every, since=START - timedelta(hours=1))
    assert (listed["name"], listed) == ("Alder", searched)


def test_stages_and_their_history_are_read(bench: Bench) -> None:
    deal = bench.add("deals", dealname="D", dealstage="qualifiedtobuy", pipeline="default")
    bench.control("edit", object="deals", id=deal, properties={"dealstage": "closedwon"})
    for bounds in (None, START - timedelta(hours=1)):
        request = ReadRequest("deal_stage_history", ("deal_id", "stage", "stage_label"), since=bounds)
        rows = [row for page in bench.reader.read(request, lambda *_: None) for row in page.rows.to_pylist()]
        assert [(row["deal_id"], row["stage"], row["stage_label"]) for row in rows] == [
            (deal, "closedwon", "Closed Won"),
            (deal, "qualifiedtobuy", "Qualified To Buy"),
        ]


def test_keys_are_found_by_batch_and_other_properties_by_search(bench: Bench) -> None:
    bench.add("contacts", email="ann@x.example", firstname="Ann")
    bench.add("companies", name="Alder", domain="alder.example")
    found = bench.reader.find("contacts", "email", ["Ann@X.example", "no@x.example"], ("firstname",))
    assert found.to_pylist() == [{"firstname": "Ann"}]
    found = bench.reader.find("companies", "domain", ["ALDER.example", "none.example"], ("name",))
    assert found.to_pylist() == [{"name": "Alder"}]


def test_a_scope_that_is_missing_is_named(bench: Bench) -> None:
    bench.control("scopes", take=["crm.objects.quotes.read", "crm.schemas.quotes.read"])
    with pytest.raises(Misconfigured, match=r"hubspot quotes: .*quotes"):
        bench.rows("quotes")


def test_a_portal_without_custom_objects_says_so(tmp_path: Path) -> None:
    bench = open_bench(tmp_path, "2026-03", Settings(without=("custom_objects",)))
    try:
        assert bench.catalog.schema("fund_requests") is None
        assert bench.catalog.why_absent("fund_requests").startswith(
            "hidden: the token lacks the scope crm.schemas.custom"
        )
    finally:
        bench.wire.close()
        bench.emulator.stop()
