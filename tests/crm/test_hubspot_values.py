"""What a property's text means, in columns as in single cells."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connector.core.records import Kind
from connector.crm.base import BadCell, Field, Filter, Op, arrow_type
from connector.crm.hubspot import conditions
from connector.crm.hubspot.values import EPOCH, milliseconds, typed

IDS = pa.chunked_array([pa.array([str(at) for at in range(40)])])


def read(kind: Kind, *texts: str | None) -> tuple[list[Any], list[BadCell]]:
    column = pa.chunked_array([pa.array(texts, pa.string())])
    values, bad = typed(column, Field("f", "F", kind), IDS.slice(0, len(texts)))
    assert values.type == arrow_type(kind)
    return values.to_pylist(), bad


def bad(row: int, found: str, kind: Kind) -> BadCell:
    return BadCell(str(row), "f", found, f"not a {kind} value")


def test_an_empty_text_is_null_in_every_kind() -> None:
    for kind in Kind:
        assert read(kind, "", None) == ([None, None], [])


def test_a_binary_expansion_is_rounded_to_what_its_kind_keeps() -> None:
    long = "0.40000000000000002220446049250313080847263336181640625"
    assert read(Kind.NUMBER, long, "0.5", "6000.00000000000033") == (
        [Decimal("0.4"), Decimal("0.5"), Decimal(6000)],
        [],
    )
    assert read(Kind.MONEY, "1.00005", "1.00015", "5000.00") == (
        [Decimal("1.0000"), Decimal("1.0002"), Decimal(5000)],
        [],
    )


def test_a_number_at_the_edge_of_its_column_fits_and_one_beyond_does_not() -> None:
    most, beyond = "9999999999999999.9999", "10000000000000000"
    assert read(Kind.MONEY, most, beyond) == ([Decimal(most), None], [bad(1, beyond, Kind.MONEY)])
    assert read(Kind.NUMBER, "1_000", "NaN", "1e3") == (
        [None, None, Decimal(1000)],
        [bad(0, "1_000", Kind.NUMBER), bad(1, "NaN", Kind.NUMBER)],
    )


def test_moments_come_with_and_without_milliseconds_and_as_epoch() -> None:
    values, wrong = read(
        Kind.INSTANT, "2026-12-31T00:00:00Z", "2026-03-12T10:16:19.200Z", "1773300966332", "2026-12-31", "soon"
    )
    assert values == [
        datetime(2026, 12, 31, tzinfo=UTC),
        datetime(2026, 3, 12, 10, 16, 19, 200_000, UTC),
        datetime(2026, 3, 12, 7, 36, 6, 332_000, UTC),
        datetime(2026, 12, 31, tzinfo=UTC),
        None,
    ]
    assert wrong == [bad(4, "soon", Kind.INSTANT)]


def test_a_day_is_its_text_or_its_utc_midnight_and_nothing_between() -> None:
    midnight = str(milliseconds(datetime(2026, 5, 1, tzinfo=UTC)))
    values, wrong = read(
        Kind.DATE, "2026-05-01", midnight, "2026-05-01T00:00:00Z", "2026-05-01T10:16:19Z", "2026-02-30"
    )
    assert values == [date(2026, 5, 1)] * 3 + [None, None]
    assert [each.found for each in wrong] == ["2026-05-01T10:16:19Z", "2026-02-30"]


def test_a_bool_is_true_or_false_and_anything_else_is_told() -> None:
    assert read(Kind.BOOL, "true", "false", "TRUE", "yes") == ([True, False, True, None], [bad(3, "yes", Kind.BOOL)])


def oracle(text: str | None, places: int) -> Decimal | str | None:
    """The obvious way: None for null, "bad" for what is no number that fits."""
    if not text:
        return None
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?", text):
        return "bad"
    value = Decimal(text)
    if (value and value.adjusted() > 40) or abs(value) >= Decimal(10) ** (20 - places):
        return "bad"
    rounded = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN, Context(prec=60))
    return rounded if abs(rounded) < Decimal(10) ** (20 - places) else "bad"


NUMBERS = st.one_of(
    st.none(),
    st.decimals(-(10**18), 10**18, allow_nan=False, allow_infinity=False).map(str),
    st.floats(allow_nan=True).map(lambda value: format(Decimal(value), "f") if value == value else "NaN"),
    st.text("0123456789.-+eE _", max_size=12),
)


@settings(max_examples=150, deadline=None)
@example(texts=["0E41", "0E9999", "-0E-9999"], kept=(Kind.MONEY, 4))  # nothing, whatever its exponent
@given(st.lists(NUMBERS, max_size=20), st.sampled_from([(Kind.MONEY, 4), (Kind.NUMBER, 8)]))
def test_columns_of_numbers_are_what_reading_cell_by_cell_says(
    texts: list[str | None], kept: tuple[Kind, int]
) -> None:
    kind, places = kept
    expected = [oracle(text, places) for text in texts]
    values, wrong = read(kind, *texts)
    assert values == [None if each == "bad" else each for each in expected]
    assert [each.row_id for each in wrong] == [str(at) for at, each in enumerate(expected) if each == "bad"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-5_364_662_400_000, 13_569_465_600_000), max_size=10))
def test_moments_survive_in_each_form(stamps: list[int]) -> None:
    moments = [EPOCH + timedelta(milliseconds=each) for each in stamps]
    assert [milliseconds(each) for each in moments] == stamps
    texts = [each.isoformat(timespec="milliseconds").replace("+00:00", "Z") for each in moments]
    assert read(Kind.INSTANT, *texts) == (moments, [])
    far = [each for each in stamps if abs(each) > 10_000]
    assert read(Kind.INSTANT, *map(str, far)) == ([EPOCH + timedelta(milliseconds=each) for each in far], [])


FIELDS = {
    "name": Field("name", "", Kind.TEXT),
    "type": Field("type", "", Kind.TEXT, options=("PARTNER", "RESELLER")),
    "kinds": Field("kinds", "", Kind.TEXT, options=("A", "B"), multiple=True),
    "size": Field("size", "", Kind.NUMBER),
    "day": Field("day", "", Kind.DATE),
    "at": Field("at", "", Kind.INSTANT),
    "open": Field("open", "", Kind.BOOL),
}


@pytest.mark.parametrize(
    ("condition", "asked"),
    [
        (Filter("name", Op.EQ, "O'Neill"), {"operator": "EQ", "value": "o'neill"}),
        (Filter("name", Op.IN, ("A b", "C")), {"operator": "IN", "values": ["a b", "c"]}),
        (Filter("type", Op.EQ, "partner"), {"operator": "EQ", "value": "PARTNER"}),
        (
            Filter("type", Op.IN, ("PARTNER", "Old")),
            {"operator": "IN", "values": ["PARTNER", "Old", "partner", "old"]},
        ),
        (Filter("kinds", Op.EQ, "A;B"), {"operator": "IN", "values": ["A", "B"]}),
        (Filter("size", Op.GE, Decimal("2.50")), {"operator": "GTE", "value": "2.50"}),
        (Filter("day", Op.LT, date(1970, 1, 2)), {"operator": "LT", "value": "86400000"}),
        (Filter("at", Op.GE, datetime(1970, 1, 1, 0, 0, 0, 1999, UTC)), {"operator": "GTE", "value": "1"}),
        (Filter("at", Op.LT, datetime(1970, 1, 1, 0, 0, 0, 1999, UTC)), {"operator": "LT", "value": "2"}),
        (Filter("open", Op.EQ, True), {"operator": "EQ", "value": "true"}),
        (Filter("size", Op.EMPTY), {"operator": "NOT_HAS_PROPERTY"}),
        (Filter("size", Op.FILLED), {"operator": "HAS_PROPERTY"}),
    ],
)
def test_a_condition_that_search_can_answer_is_asked(condition: Filter, asked: dict[str, Any]) -> None:
    assert conditions.pushed([condition], FIELDS) == [{"propertyName": condition.field, **asked}]


@pytest.mark.parametrize(
    "condition",
    [
        Filter("name", Op.NE, "x"),  # search leaves out empty ones
        Filter("name", Op.GE, "x"),
        Filter("name", Op.EQ, None),
        Filter("size", Op.EQ, "many"),
        Filter("name", Op.IN, tuple(f"n{at}" for at in range(101))),
    ],
)
def test_a_condition_that_search_would_answer_otherwise_is_left_to_the_rows(condition: Filter) -> None:
    assert conditions.pushed([condition], FIELDS) == []


def test_no_more_conditions_are_asked_than_a_group_takes() -> None:
    assert len(conditions.pushed([Filter("size", Op.FILLED)] * 5, FIELDS)) == 3


ROWS = pa.table(
    {
        "name": ["it's", "B", None],
        "kinds": ["A;C", "B;A", None],
        "size": pa.array([Decimal(1), Decimal(2), None], pa.decimal128(20, 8)),
        "open": [True, False, None],
    }
)


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        (Filter("name", Op.EQ, "IT'S"), [True, False, False]),
        (Filter("name", Op.NE, "b"), [True, False, True]),
        (Filter("name", Op.IN, ("b", "zz")), [False, True, False]),
        (Filter("kinds", Op.EQ, "a;b"), [False, True, False]),
        (Filter("kinds", Op.IN, ("b", "c")), [True, True, False]),
        (Filter("kinds", Op.NE, "b"), [True, False, True]),
        (Filter("size", Op.GE, 2), [False, True, False]),
        (Filter("size", Op.LT, 2), [True, False, False]),
        (Filter("size", Op.EQ, "2"), [False, True, False]),
        (Filter("size", Op.EMPTY), [False, False, True]),
        (Filter("size", Op.FILLED), [True, True, False]),
        (Filter("open", Op.EQ, False), [False, True, False]),
    ],
)
def test_the_rows_themselves_decide_what_a_condition_keeps(condition: Filter, kept: list[bool]) -> None:
    assert conditions.holding(ROWS, [condition], FIELDS).to_pylist() == kept


def test_conditions_hold_together() -> None:
    both = [Filter("size", Op.FILLED), Filter("name", Op.NE, "b")]
    assert conditions.holding(ROWS, both, FIELDS).to_pylist() == [True, False, False]
