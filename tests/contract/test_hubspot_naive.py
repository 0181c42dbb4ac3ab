"""Where the vendor's bare client misses, doubles or misreads what a portal holds, and the adapter does not.

Both are run against the same portal, which behaves as recorded traffic and documentation of HubSpot tell.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hubspot.crm.companies.exceptions import NotFoundException

from connector.crm.base import Filter, Op, ReadRequest
from connector.errors import Misconfigured
from connector.sync.context import Pace


def ms(hs: Any, seconds: float = 0) -> str:
    return str(round((hs.start + timedelta(seconds=seconds)).timestamp() * 1000))


def query(hs: Any, **more: Any) -> dict[str, Any]:
    """A search for what changed since the test began, as anybody would write it."""
    changed = {"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": ms(hs)}
    return {"filterGroups": [{"filters": [changed]}], "limit": 200, **more}


def rows(crm: Any, object_name: str, *fields: str, **bounds: Any) -> list[dict[str, Any]]:
    return [row for page in crm.read(ReadRequest(object_name, fields, **bounds)) for row in page.rows.to_pylist()]


def ids(hs: Any, crm: Any = None, **bounds: Any) -> list[str]:
    asked = {"since": hs.start} | bounds
    return [row["hs_object_id"] for row in rows(crm or hs.crm, "companies", "hs_object_id", **asked)]


def test_a_record_that_the_index_learns_of_late_is_not_missed(hs: Any, naive: Any) -> None:
    """Search runs 1 to 10 seconds behind: a cursor of "now" has passed the record before it can be found."""
    hs.emulator.control("lag", {"seconds": 8})
    made = hs.make(name="late")

    def poll(since: float) -> list[str]:
        changed = {"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": ms(hs, since)}
        answer = naive.crm.companies.search_api.do_search({"filterGroups": [{"filters": [changed]}]})
        return [each.id for each in answer.results]

    hs.advance(2)
    pace, cursor = Pace(), hs.crm.now()
    found = poll(0)
    hs.advance(20)
    found += poll(2)
    assert found == []
    assert ids(hs, since=cursor - pace.holdback - pace.overlap) == [made]


def test_archived_records_that_the_index_still_counts_end_no_read_early(hs: Any, naive: Any) -> None:
    """`total` counts ghosts that `results` lacks: a short page is not the last, and `total` is never reached."""
    made = hs.fill(230)
    hs.emulator.control("lag", {"seconds": 60})
    for each in made[:5]:
        hs.delete("companies", each)
    first = naive.crm.companies.search_api.do_search(query(hs))
    assert (first.total, len(first.results)) == (230, 195)
    short_page_is_the_last = [each.id for each in first.results]
    assert set(made[200:]).isdisjoint(short_page_is_the_last)
    rest = naive.crm.companies.search_api.do_search(query(hs, after=first.paging.next.after))
    assert (len(first.results) + len(rest.results), rest.paging) == (225, None)  # `while len(found) < total` goes on
    found = rows(hs.crm, "companies", "hs_object_id", since=hs.start)
    assert Counter(row["hs_object_id"] for row in found) == Counter(made)
    assert {row["hs_object_id"] for row in found if row["pmom_deleted"]} == set(made[:5])


def test_a_hit_that_no_longer_matches_is_not_taken_for_a_match(hs: Any, naive: Any) -> None:
    """The filter runs on the index, the properties are live: what was a partner a moment ago is still found."""
    one, two = (hs.add("companies", name=name, type="PARTNER") for name in "ab")
    hs.emulator.control("lag", {"seconds": 60})
    hs.edit("companies", two, type="VENDOR")
    partner = {"propertyName": "type", "operator": "EQ", "value": "PARTNER"}
    created = {"propertyName": "createdate", "operator": "GTE", "value": ms(hs)}
    answer = naive.crm.companies.search_api.do_search({"filterGroups": [{"filters": [partner, created]}]})
    assert {each.id for each in answer.results} == {one, two}
    assert ids(hs, where=(Filter("type", Op.EQ, "PARTNER"),)) == [one]


def test_dates_that_move_while_pages_are_read_neither_hide_nor_double_a_record(hs: Any, naive: Any) -> None:
    """HubSpot moves modified dates seconds after a create: pages in their order shift under the reader."""
    hs.emulator.control("bumps", {"enabled": True})
    made = hs.fill(450)
    sorts = [{"propertyName": "hs_lastmodifieddate", "direction": "ASCENDING"}]
    search, found, after = naive.crm.companies.search_api, [], "0"
    while after is not None:
        answer = search.do_search(query(hs, sorts=sorts, after=after))
        found += [each.id for each in answer.results]
        after = answer.paging.next.after if answer.paging else None
        hs.advance(2)
    assert set(made) - set(found)
    assert max(Counter(found).values()) > 1
    more, told = hs.fill(450, "more"), []
    for page in hs.paged().read(ReadRequest("companies", ("hs_object_id",), since=hs.start)):
        told += page.rows.column(0).to_pylist()
        hs.advance(2)
    assert Counter(told) == Counter([*made, *more])


def test_a_property_that_is_not_there_is_not_taken_for_an_empty_one(hs: Any, naive: Any) -> None:
    """Unknown requested properties are left out without a word: a typo reads as "no revenue"."""
    record = hs.add("companies", name="rich", annualrevenue="1000000")
    got = naive.crm.companies.basic_api.get_by_id(record, properties=["anual_revenue", "city"])
    assert (got.properties.get("anual_revenue"), got.properties.get("city")) == (None, None)
    with pytest.raises(Misconfigured, match=r"hubspot companies\.anual_revenue: no such property"):
        hs.crm.fetch("companies", [record], ("anual_revenue",))
    assert hs.crm.fetch("companies", [record], ("annualrevenue", "city")).to_pylist() == [
        {"annualrevenue": Decimal(1000000), "city": None}
    ]


def test_archived_records_are_told(hs: Any, naive: Any) -> None:
    """Neither lists nor searches say what is gone: it stays in the copy for ever."""
    kept, gone = hs.make(name="kept"), hs.make(name="gone")
    copy = {each.id for each in naive.crm.companies.search_api.do_search(query(hs)).results}
    hs.advance(10)
    hs.delete("companies", gone)
    copy |= {each.id for each in naive.crm.companies.search_api.do_search(query(hs)).results}
    assert copy == {kept, gone}
    changed = rows(hs.crm, "companies", "hs_object_id", since=hs.start + timedelta(seconds=5))
    assert [(row["hs_object_id"], row["pmom_deleted"]) for row in changed] == [(gone, True)]


def test_a_company_that_was_merged_is_counted_once(hs: Any, naive: Any) -> None:
    """The loser's id goes on answering, as the survivor: what is kept by both ids counts its revenue twice."""
    winner, loser = (hs.add("companies", name=name, annualrevenue="100") for name in "wl")
    hs.advance(10)
    hs.merge("companies", winner, loser)
    read = naive.crm.companies.basic_api.get_by_id
    revenues = [read(each, properties=["annualrevenue"]).properties["annualrevenue"] for each in (winner, loser)]
    assert sum(map(int, revenues)) == 200
    fetched = hs.crm.fetch("companies", [winner, loser], ("hs_object_id", "annualrevenue")).to_pylist()
    assert fetched == [{"hs_object_id": winner, "annualrevenue": Decimal(100)}]
    found = rows(hs.crm, "companies", "hs_object_id", since=hs.start)
    assert {row["hs_object_id"]: row["pmom_merged_into"] for row in found} == {winner: None, loser: winner}


def test_a_primary_company_is_linked_once(hs: Any, naive: Any) -> None:
    """A deal's primary company stands in its associations twice, by two types."""
    company, deal = hs.make(name="first"), hs.add("deals", dealname="D", amount="10")
    for label in ("", "Primary"):
        link = {"object": "deals", "id": deal, "to_object": "companies", "to_id": company, "label": label}
        hs.emulator.control("associate", link)
    got = naive.crm.deals.basic_api.get_by_id(deal, associations=["companies"])
    assert [each.id for each in got.associations["companies"].results] == [company, company]
    assert hs.crm.fetch("deals", [deal], ("assoc_companies",)).to_pylist() == [{"assoc_companies": company}]


def test_a_deal_is_won_by_its_stages_probability_and_not_by_the_stages_name(hs: Any, naive: Any) -> None:
    """Stages of a portal's own pipelines have ids of their own, and probabilities in full binary expansion."""
    stages = [
        {"label": label, "displayOrder": at, "metadata": {"probability": probability}}
        for at, (label, probability) in enumerate((("Open", "0.4"), ("Signed", "1.0"), ("No", "0.0")))
    ]
    own = {"label": f"Own {hs.start:%j}", "displayOrder": 9, "stages": stages}
    made = hs.crm.wire.call("POST", "/crm/v3/pipelines/deals", body=own).json()
    by_label = {each["label"]: each["id"] for each in made["stages"]}
    won, open_ = (
        hs.add("deals", dealname=label, amount="15000", pipeline=made["id"], dealstage=by_label[label])
        for label in ("Signed", "Open")
    )
    got = naive.crm.deals.basic_api.get_by_id(won, properties=["dealstage"])
    assert got.properties["dealstage"] != "closedwon"
    got = naive.crm.deals.basic_api.get_by_id(open_, properties=["hs_projected_amount", "hs_deal_stage_probability"])
    assert Decimal(got.properties["hs_projected_amount"]) != 6000
    assert Decimal(got.properties["hs_deal_stage_probability"]) != Decimal("0.4")
    names = ("hs_object_id", "hs_is_closed_won", "dealstage_label", "hs_deal_stage_probability")
    read = {row["hs_object_id"]: row for row in hs.crm.fetch("deals", [won, open_], names).to_pylist()}
    assert read == {
        won: dict(zip(names, (won, True, "Signed", Decimal(1)), strict=True)),
        open_: dict(zip(names, (open_, False, "Open", Decimal("0.4")), strict=True)),
    }
    (stage,) = hs.crm.find("deal_stages", "id", [by_label["Signed"]], ("is_closed", "is_won")).to_pylist()
    assert stage == {"is_closed": True, "is_won": True}


def test_what_hubspot_calculates_is_known_to_change_without_a_date(hs: Any, naive: Any) -> None:
    """A formula's value moves while the modified date stands: an incremental copy goes stale unknowingly."""
    schema = hs.crm.schema("deals")
    formulas = ("hs_is_closed_won", "hs_projected_amount", "days_to_close", "assoc_companies")
    assert [schema.field(each).calculated for each in formulas] == [True] * 4
    assert not schema.field("amount").calculated
    company, deal = hs.make(name="linked later"), hs.add("deals", dealname="D")
    hs.advance(60)
    link = {"object": "deals", "id": deal, "to_object": "companies", "to_id": company}
    hs.emulator.control("associate", link)
    changed = {"propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": ms(hs, 30)}
    assert naive.crm.deals.search_api.do_search({"filterGroups": [{"filters": [changed]}]}).results == []
    assert hs.crm.fetch("deals", [deal], ("assoc_companies",)).to_pylist() == [{"assoc_companies": company}]


def test_what_the_application_made_itself_is_read_like_everything_else(hs: Any, naive: Any) -> None:
    """Records made by API say INTEGRATION: leaving them out against echoes leaves out what was imported that way."""
    by_api, by_hand = hs.fill(1)[0], hs.make(name="by hand")
    not_ours = {"propertyName": "hs_object_source", "operator": "NEQ", "value": "INTEGRATION"}
    asked = query(hs)
    asked["filterGroups"][0]["filters"].append(not_ours)
    assert [each.id for each in naive.crm.companies.search_api.do_search(asked).results] == [by_hand]
    found = rows(hs.crm, "companies", "hs_object_id", "hs_object_source", since=hs.start)
    assert {row["hs_object_id"]: row["hs_object_source"] for row in found} == {
        by_api: "INTEGRATION",
        by_hand: "CRM_UI",
    }


def test_a_retired_version_is_not_taken_for_a_missing_record(hs: Any, naive: Any) -> None:
    """Numbered paths that are gone answer 404 as a missing record does: to a client of v3 everything is deleted."""
    record = hs.make(name="alive")
    hs.emulator.control("retire", {"versions": ["v3", "v4"]})
    try:
        with pytest.raises(NotFoundException):
            naive.crm.companies.basic_api.get_by_id(record)
        assert ids(hs) == [record]
        with pytest.raises(Misconfigured, match=r"hubspot\.api_version: .*/crm/v3/"):
            ids(hs, hs.open(api_version="v3"))
    finally:
        hs.emulator.control("retire", {"versions": []})
