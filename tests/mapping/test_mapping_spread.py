"""Does a record that names several partners make one row for each, and do rows go that it no longer makes?"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.config.fieldmap import ColumnRule, Source
from connector.core.records import table
from connector.mapping import canonical_ids, to_canonical

LINKS = Source(
    "partner_links",
    "resellers",
    "deals",
    (
        ColumnRule("id", ("id",), tag="reseller"),
        ColumnRule("opportunity_id", ("id",)),
        ColumnRule("partner_id", ("assoc_companies",), each=True),
        ColumnRule("role", const="reseller"),
    ),
)


def page(*rows: tuple[str, str | None], deleted: tuple[str, ...] = ()) -> pa.Table:
    return pa.table(
        {
            "id": pa.array([id_ for id_, _ in rows], pa.string()),
            "assoc_companies": pa.array([ids for _, ids in rows], pa.string()),
            "pmom_deleted": pa.array([id_ in deleted for id_, _ in rows], pa.bool_()),
            "pmom_merged_into": pa.nulls(len(rows), pa.string()),
        }
    )


def links(rows: pa.Table) -> list[tuple[Any, ...]]:
    found = to_canonical(rows, LINKS, table("partner_links"))
    assert found.rejections == ()
    return [tuple(row[name] for name in ("id", "opportunity_id", "partner_id")) for row in found.rows.to_pylist()]


def test_each_id_of_a_field_makes_a_row_of_its_own() -> None:
    assert links(page(("7", "1;2"), ("8", "1"))) == [
        ("7:reseller:1", "7", "1"),
        ("7:reseller:2", "7", "2"),
        ("8:reseller:1", "8", "1"),
    ]


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_record_that_names_nobody_makes_no_row_but_is_known_to_have_been_looked_at(nothing: str | None) -> None:
    found = to_canonical(page(("7", nothing), ("8", "1")), LINKS, table("partner_links"))
    assert found.rows.num_rows == 1
    assert found.parents is not None
    assert found.parents.to_pylist() == ["7:reseller", "8:reseller"]


def test_a_deleted_record_makes_no_row_and_its_rows_are_told_to_go() -> None:
    found = to_canonical(page(("7", "1;2"), deleted=("7",)), LINKS, table("partner_links"))
    assert found.rows.num_rows == 0
    assert found.deleted_ids.to_pylist() == ["7:reseller:1", "7:reseller:2"]
    assert found.parents is not None
    assert found.parents.to_pylist() == ["7:reseller"]


def test_the_ids_of_a_page_are_those_of_its_rows() -> None:
    assert canonical_ids(page(("7", "1;2"), ("8", None)), LINKS).to_pylist() == ["7:reseller:1", "7:reseller:2"]


def test_a_page_without_the_field_makes_no_row() -> None:
    rows = page(("7", "1")).drop_columns(["assoc_companies"])
    assert links(rows) == []


def test_first_takes_the_first_of_several_ids_and_leaves_single_ones_alone() -> None:
    rules = (ColumnRule("id", ("id",)), ColumnRule("contact_id", ("assoc_companies",), first=True))
    source = Source("meetings", "meetings", "meetings", rules)
    found = to_canonical(page(("7", "3;1;2"), ("8", "4"), ("9", None)), source, table("meetings"))
    assert found.rows.column("contact_id").to_pylist() == ["3", "4", None]


@given(st.lists(st.lists(st.integers(1, 9), max_size=4, unique=True), max_size=12))
def test_there_are_as_many_rows_as_ids_whatever_the_records_name(named: list[list[int]]) -> None:
    rows = [(str(at), ";".join(map(str, ids)) or None) for at, ids in enumerate(named)]
    expected = [(f"{at}:reseller:{id_}", str(at), str(id_)) for at, ids in enumerate(named) for id_ in ids]
    assert links(page(*rows)) == expected
