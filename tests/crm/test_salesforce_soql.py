"""What is quoted and how, and how many keys a query may carry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.core.records import Kind
from connector.crm.base import Field, Filter, Op
from connector.crm.salesforce import soql
from connector.crm.salesforce.values import csv_value, json_value
from connector.errors import Misconfigured

NAME = Field("Name", "Name", Kind.TEXT)


def test_quotes_and_backslashes_cannot_end_a_literal() -> None:
    hostile = "x' OR Name != '\\"
    assert soql.condition(Filter("Name", Op.EQ, hostile), NAME) == "Name = 'x\\' OR Name != \\'\\\\'"


@given(st.text())
def test_every_text_stays_inside_its_quotes(value: str) -> None:
    inner = soql.text(value)[1:-1]
    unescaped = inner.replace("\\\\", "").replace("\\'", "")
    assert "'" not in unescaped
    assert not unescaped.endswith("\\")


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        (Kind.MONEY, Decimal("1E+3"), "1000"),
        (Kind.NUMBER, "0.25", "0.25"),
        (Kind.BOOL, "true", "TRUE"),
        (Kind.BOOL, False, "FALSE"),
        (Kind.DATE, "2026-01-02", "2026-01-02"),
        (Kind.INSTANT, datetime(2026, 1, 2, 1, tzinfo=timezone(timedelta(hours=2))), "2026-01-01T23:00:00.000Z"),
        (Kind.TEXT, 7, "'7'"),
        (Kind.ID, None, "NULL"),
    ],
)
def test_a_literal_is_written_as_its_fields_kind_asks(kind: Kind, value: object, written: str) -> None:
    assert soql.literal(value, kind) == written  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "value"), [(Kind.BOOL, "x"), (Kind.MONEY, "x"), (Kind.DATE, "x"), (Kind.MONEY, True)]
)
def test_a_value_of_another_kind_is_a_fault_of_the_mapping(kind: Kind, value: object) -> None:
    with pytest.raises(Misconfigured):
        soql.literal(value, kind)  # type: ignore[arg-type]


def test_conditions_by_operator() -> None:
    many = Field("Tags__c", "Tags", Kind.TEXT, multiple=True)
    assert soql.condition(Filter("Name", Op.IN, ("a", "b")), NAME) == "Name IN ('a', 'b')"
    assert soql.condition(Filter("Name", Op.NE, ("a",)), NAME) == "Name NOT IN ('a')"
    assert soql.condition(Filter("Name", Op.EMPTY), NAME) == "Name = NULL"
    assert soql.condition(Filter("Name", Op.FILLED), NAME) == "Name != NULL"
    assert soql.condition(Filter("Tags__c", Op.EQ, "a"), many) == "Tags__c INCLUDES ('a')"
    assert soql.condition(Filter("Tags__c", Op.IN, ("a", "b")), many) == "Tags__c INCLUDES ('a', 'b')"


@given(st.lists(st.text(max_size=30), max_size=60), st.integers(50, 400), st.integers(1, 20))
def test_chunks_keep_every_value_in_order_and_within_the_room(values: list[str], room: int, most: int) -> None:
    runs = list(soql.chunks(values, room, most))
    assert [value for run in runs for value in run] == values
    for run in runs:
        assert len(run) <= most
        assert len(run) == 1 or len(soql.quoted(", ".join(soql.text(value) for value in run))) <= room


def test_values_go_out_the_same_by_json_and_csv() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)
    cases = (
        (None, None, "#N/A"),
        ("", None, "#N/A"),
        (True, True, "true"),
        (Decimal("10.50"), 10.5, "10.50"),
        (Decimal("3.00"), 3, "3.00"),
        (Decimal("1234567890123456.01"), "1234567890123456.01", "1234567890123456.01"),
        (moment, "2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678Z"),
        (moment.date(), "2026-01-02", "2026-01-02"),
    )
    assert [(json_value(value), csv_value(value)) for value, _, _ in cases] == [(a, b) for _, a, b in cases]


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ("0015100000000bA", True),
        ("00151000000000bAAA", True),
        ("001510000000Ab1AAM", False),
        ("001510000000AB1", True),
        ("00151000000000", False),
        ("00151000000000b!AA", False),
        ("00151000000000zzAA", False),
        ("", False),
    ],
)
def test_an_id_is_told_from_what_cannot_be_one(value: str, right: bool) -> None:
    assert soql.is_id(value) is right


NAIVE = datetime.fromisoformat("2026-01-02T00:00:00")


@pytest.mark.parametrize("value", [NAIVE, Decimal("NaN"), Decimal("Infinity")])
def test_a_value_that_means_nothing_is_not_sent(value: object) -> None:
    with pytest.raises(ValueError, match=r"instant|number"):
        json_value(value)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"instant|number"):
        csv_value(value)  # type: ignore[arg-type]
