"""The same records by CSV and by JSON become the same columns; odd cells are reported, not fatal."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from connector.core.records import Kind
from connector.crm.base import BadCell, Field, arrow_type
from connector.crm.retry import Again
from connector.crm.salesforce.csv_arrow import csv_page, json_page

FIELDS = (
    Field("Id", "Id", Kind.ID),
    Field("Name", "Name", Kind.TEXT),
    Field("Amount", "Amount", Kind.MONEY),
    Field("Rate", "Rate", Kind.NUMBER),
    Field("Count", "Count", Kind.INTEGER),
    Field("IsWon", "Won", Kind.BOOL),
    Field("CloseDate", "Close", Kind.DATE),
    Field("SystemModstamp", "Stamp", Kind.INSTANT),
    Field("Owner.Name", "Owner", Kind.TEXT),
)
HEADER = ",".join(f'"{each.name}"' for each in FIELDS) + "\n"
STAMP = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def csv_of(*rows: tuple[str, ...]) -> bytes:
    lines = (",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)
    return (HEADER + "".join(line + "\n" for line in lines)).encode()


WHOLE = ("006", 'a "b", c\nd', "1234567.8900", "0.1", "3", "true", "2026-01-02", "2026-01-02T03:04:05.000Z", "NA")
EMPTY = ("007", "", "", "", "", "false", "", "", "")


def test_csv_and_json_agree_on_every_kind() -> None:
    by_csv, bad = csv_page(csv_of(WHOLE, EMPTY), FIELDS, 2)
    text = (
        '[{"Id":"006","Name":"a \\"b\\", c\\nd","Amount":1234567.8900,"Rate":0.1,"Count":3,"IsWon":true,'
        '"CloseDate":"2026-01-02","SystemModstamp":"2026-01-02T03:04:05.000+0000","Owner":{"Name":"NA"}},'
        '{"Id":"007","Name":null,"Amount":null,"Rate":null,"Count":null,"IsWon":false,'
        '"CloseDate":null,"SystemModstamp":null,"Owner":null}]'
    )
    by_json, _ = json_page(json.loads(text, parse_float=Decimal), FIELDS)
    assert (by_csv.to_pylist(), bad) == (by_json.to_pylist(), ())
    assert by_csv.schema.types == by_json.schema.types == [arrow_type(each.kind) for each in FIELDS]
    whole, empty = by_csv.to_pylist()
    assert whole["Amount"] == Decimal("1234567.8900")
    assert (whole["Name"], whole["Owner.Name"]) == ('a "b", c\nd', "NA")
    assert (whole["CloseDate"], whole["SystemModstamp"]) == (date(2026, 1, 2), STAMP)
    assert {name for name, value in empty.items() if value is None} == {
        "Name", "Amount", "Rate", "Count", "CloseDate", "SystemModstamp", "Owner.Name",
    }  # fmt: skip


def test_an_all_empty_column_keeps_its_type() -> None:
    rows, _ = csv_page(csv_of(EMPTY), FIELDS, 1)
    assert (rows.schema.field("Amount").type, rows.column("Amount").null_count) == (pa.decimal128(20, 4), 1)


def test_an_answer_without_rows_is_a_table_without_rows() -> None:
    for content in (b"", HEADER.encode()):
        rows, bad = csv_page(content, FIELDS, 0)
        assert (rows.num_rows, rows.column_names, bad) == (0, [each.name for each in FIELDS], ())


def test_more_decimals_than_kept_are_rounded_half_to_even_and_exponents_are_numbers() -> None:
    row = ("006", "x", "1.23455", "0.123456785", "2.0", "true", "2026-01-02", "2026-01-02T03:04:05.000Z", "")
    large = ("007", "x", "1.5E7", "1E-3", "1E2", "true", "2026-01-02", "2026-01-02T03:04:05.000Z", "")
    rows, bad = csv_page(csv_of(row, large), FIELDS, 2)
    assert bad == ()
    assert rows.column("Amount").to_pylist() == [Decimal("1.2346"), Decimal("15000000")]
    assert rows.column("Rate").to_pylist() == [Decimal("0.12345678"), Decimal("0.001")]
    assert rows.column("Count").to_pylist() == [2, 100]


def test_a_cell_that_does_not_fit_is_null_and_listed_and_its_row_stays() -> None:
    odd = ("008", "y", "much", "1E40", "2.5", "maybe", "31.12.2026", "soon", "")
    rows, bad = csv_page(csv_of(WHOLE, odd), FIELDS, 2)
    assert rows.num_rows == 2
    assert rows.column("Amount").to_pylist() == [Decimal("1234567.89"), None]
    assert bad == tuple(
        BadCell("008", field, found, f"not a {kind} value")
        for field, found, kind in (
            ("Amount", "much", "money"),
            ("Rate", "1E40", "number"),
            ("Count", "2.5", "integer"),
            ("IsWon", "maybe", "bool"),
            ("CloseDate", "31.12.2026", "date"),
            ("SystemModstamp", "soon", "instant"),
        )
    )


@pytest.mark.parametrize("content", [csv_of(WHOLE), csv_of(WHOLE, EMPTY)[:-30], b'"Id","Other"\n"006","x"\n'])
def test_a_page_with_other_rows_or_columns_than_announced_is_not_taken(content: bytes) -> None:
    with pytest.raises(Again):
        csv_page(content, FIELDS, 2)
