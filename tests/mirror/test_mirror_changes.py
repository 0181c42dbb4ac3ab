"""Changes, deletions and merges, in whatever order they come, leave the newest truth."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.core.records import TABLES, Kind
from connector.crm import base
from connector.mirror import Mirror, Rejected
from connector.mirror.affected import RULES
from connector.mirror.layout import arrow_type
from connector.mirror.merges import survivors

Rows = Callable[..., pa.Table]
Stamp = Callable[[int], Any]


def names(mirror: Mirror) -> dict[str, str]:
    return {row["id"]: row["name"] for row in mirror.query("SELECT id, name FROM partners ORDER BY id").to_pylist()}


def test_an_older_row_never_overwrites_a_newer_one(mirror: Mirror, rows: Rows, stamp: Stamp) -> None:
    counts = [
        mirror.upsert("partners", "a", rows("partners", {"id": "1", "name": name, "modified_at": stamp(day)}))
        for name, day in (("second", 2), ("first", 1), ("again", 2), ("third", 3))
    ]
    assert (counts, names(mirror)) == ([1, 0, 1, 1], {"1": "third"})


def test_the_newest_and_then_the_last_row_of_a_batch_wins(mirror: Mirror, rows: Rows, stamp: Stamp) -> None:
    batch = [("b", 2), ("c", 2), ("a", 1)]
    page = rows("partners", *({"id": "1", "name": name, "modified_at": stamp(day)} for name, day in batch))
    assert (mirror.upsert("partners", "a", page), names(mirror)) == (1, {"1": "c"})


def test_deletions_come_after_the_rows_of_their_batch(mirror: Mirror, rows: Rows) -> None:
    mirror.upsert("partners", "a", rows("partners", {"id": "1", "name": "x"}, {"id": "2", "name": "y"}))
    mirror.upsert("partners", "a", rows("partners", {"id": "3", "name": "z"}), deleted_ids=["1", "3", "never"])
    assert names(mirror) == {"2": "y"}
    mirror.delete("partners", "a", ["2"])
    assert names(mirror) == {}


def test_of_two_sources_that_tell_of_one_partner_the_newest_is_seen(mirror: Mirror, rows: Rows, stamp: Stamp) -> None:
    mirror.upsert("partners", "a", rows("partners", {"id": "1", "name": "old", "modified_at": stamp(1)}))
    mirror.upsert("partners", "b", rows("partners", {"id": "1", "name": "new", "modified_at": stamp(2)}))
    assert (names(mirror), mirror.counts()["partners"]) == ({"1": "new"}, 1)


def test_a_merged_partner_leaves_and_its_id_stands_for_the_survivor(mirror: Mirror, rows: Rows) -> None:
    mirror.upsert("partners", "a", rows("partners", {"id": "1", "name": "x"}, {"id": "2", "name": "y"}))
    mirror.upsert("partners", "a", rows("partners", {"id": "1", "name": "x", "merged_into": "2"}))
    assert (names(mirror), mirror.affected_partners("partners", ["1"])) == ({"2": "y"}, {"2"})


def test_a_merge_is_remembered_when_the_crm_has_forgotten_it(mirror: Mirror, rows: Rows) -> None:
    mirror.upsert("partners", "a", rows("partners", {"id": "1", "name": "x", "merged_into": "2"}))
    mirror.append("partners", "a", rows("partners", {"id": "2", "name": "y"}))
    mirror.finish_full("partners", "a")
    assert mirror.affected_partners("partners", ["1"]) == {"2"}
    mirror.upsert("partners", "a", rows("partners", {"id": "1", "name": "back"}))
    assert mirror.affected_partners("partners", ["1"]) == {"1"}


def test_a_chain_of_merges_ends_at_its_last_record_and_a_ring_at_its_least() -> None:
    assert survivors({"a": "b", "b": "c", "d": "d"}) == {"a": "c", "b": "c"}
    assert survivors({"x": "z", "z": "y", "y": "x", "w": "z"}) == {"w": "x", "y": "x", "z": "x"}


@given(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("abcdef")))
def test_no_survivor_was_merged_away_itself(merged: dict[str, str]) -> None:
    found = survivors(merged)
    assert not set(found.values()) & set(found)
    assert {id_ for id_, into in merged.items() if id_ != into} - set(found) <= set(found.values())


def test_a_changed_deal_concerns_the_partners_who_stand_on_it(mirror: Mirror, rows: Rows) -> None:
    mirror.upsert("partners", "a", rows("partners", *({"id": f"p{n}", "name": "P"} for n in range(8))))
    mirror.upsert("accounts", "a", rows("accounts", {"id": "a1"}))
    deal = {"id": "o", "stage": "s", "account_id": "a1", "campaign_id": "c"}
    mirror.upsert("opportunities", "a", rows("opportunities", deal))
    mirror.upsert("partner_links", "a", rows("partner_links", {"id": "l", "opportunity_id": "o", "partner_id": "p1"}))
    mirror.upsert("registrations", "a", rows("registrations", {"id": "r", "opportunity_id": "o", "partner_id": "p2"}))
    mirror.upsert("account_links", "a", rows("account_links", {"id": "k", "account_id": "a1", "partner_id": "p3"}))
    mirror.upsert("campaigns", "a", rows("campaigns", {"id": "c", "partner_id": "p4"}))
    mirror.upsert("fund_requests", "a", rows("fund_requests", {"id": "f", "campaign_id": "c", "partner_id": "p5"}))
    mirror.upsert("fund_claims", "a", rows("fund_claims", {"id": "e", "request_id": "f"}))
    told = {"id": "v", "opportunity_id": "o", "partner_id": "p6", "provenance": "vendor"}
    mirror.upsert("service_revenue", "a", rows("service_revenue", told))
    mirror.upsert("quotes", "a", rows("quotes", {"id": "q", "opportunity_id": "o"}))
    mirror.upsert("meetings", "a", rows("meetings", {"id": "m", "related_id": "o"}, {"id": "n", "related_id": "a1"}))
    every = {"p1", "p2", "p3", "p4", "p5"}
    assert {table: mirror.affected_partners(table, [id_]) for table, id_ in _ASKED} == {
        "opportunities": every,
        "quotes": every,
        "accounts": every,
        "meetings": every,
        "partner_links": {"p1"},
        "registrations": {"p2"},
        "account_links": {"p3"},
        "campaigns": {"p4", "p5"},
        "fund_claims": {"p4", "p5"},
        "service_revenue": {"p6"},
        "exchange_rates": {f"p{n}" for n in range(8)},
    }
    assert mirror.affected_partners("meetings", ["n"]) == {"p3"}
    assert mirror.affected_partners("opportunities", ["unknown"]) == set()


_ASKED = (
    ("opportunities", "o"), ("quotes", "q"), ("accounts", "a1"), ("meetings", "m"), ("partner_links", "l"),
    ("registrations", "r"), ("account_links", "k"), ("campaigns", "c"), ("fund_claims", "e"), ("exchange_rates", "x"),
    ("service_revenue", "v"),
)  # fmt: skip


def test_every_canonical_table_has_a_rule_for_whom_it_concerns() -> None:
    assert set(RULES) == {table.name for table in TABLES}


@pytest.mark.parametrize("kind", list(Kind))
def test_a_column_has_one_type_from_the_crm_to_the_mirror(kind: Kind) -> None:
    assert arrow_type(kind) == base.arrow_type(kind)


def test_every_kind_comes_back_as_it_went_in(mirror: Mirror, rows: Rows, stamp: Stamp) -> None:
    row = {"id": "1", "name": "🦜", "amount": Decimal("12345678901234.5678"), "is_won": True, "modified_at": stamp(1)}
    mirror.upsert("opportunities", "a", rows("opportunities", row))
    assert mirror.query("SELECT id, name, amount, is_won, modified_at FROM opportunities").to_pylist() == [row]


def test_scorecards_are_put_whole_and_patched_in_part(mirror: Mirror) -> None:
    fields = [("decision", Kind.TEXT), ("rate", Kind.NUMBER)]
    assert mirror.existing(fields).to_pylist() == []
    mirror.put_scorecards(pa.table({"id": ["2", "1", "1"], "decision": ["a", "b", "c"]}))
    mirror.patch_scorecards(
        pa.table({"id": ["1", "3"], "rate": pa.array([Decimal("0.5"), None], pa.decimal128(20, 8))})
    )
    assert mirror.existing(fields).to_pylist() == [
        {"id": "1", "decision": "c", "rate": Decimal("0.50000000")},
        {"id": "2", "decision": "a", "rate": None},
        {"id": "3", "decision": None, "rate": None},
    ]
    mirror.put_scorecards(pa.table({"id": ["9"], "decision": ["z"]}))
    assert mirror.scorecards().to_pylist() == [{"id": "9", "decision": "z", "rate": None}]


def test_refused_rows_are_listed_by_run(mirror: Mirror) -> None:
    first, second = (Rejected("quotes", "q1", "amount", "12,x", "not a number", run) for run in ("r1", "r2"))
    mirror.reject([second, first])
    mirror.reject([])
    assert (mirror.rejections("r1"), mirror.rejections()) == ((first,), (first, second))
    mirror.forget_rejections("quotes")
    assert mirror.rejections() == ()


def test_an_answer_asked_for_in_order_comes_in_order_whatever_the_number_of_threads(path: Path) -> None:
    with Mirror.open(path, threads=4) as mirror:
        page = pa.table({"id": [f"{n * 7919 % 300_000:06}" for n in range(300_000)]})
        mirror.append("quotes", "a", page, token="1")
        mirror.finish_full("quotes", "a")
        sql = "SELECT id, count(*) AS n FROM quotes GROUP BY id ORDER BY id"
        ids = mirror.query(sql).column("id").to_pylist()
        streamed = mirror.batches("SELECT id FROM quotes ORDER BY id", 50_000)
        batches = [batch.column("id").to_pylist() for batch in streamed]
    assert ids == sorted(ids) == [id_ for batch in batches for id_ in batch]
