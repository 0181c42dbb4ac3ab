"""A mirror of an earlier program opens, keeps its rows, and takes new ones column by column."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from connector.core.records import Kind, Table
from connector.mirror import Mirror, layout
from connector.mirror.layout import CANONICAL

SOURCE = "a"


def value(kind: Kind, place: int) -> Any:
    """A value that no other column of its row has."""
    moment = datetime(2026, 1, 1 + place % 28, place % 24, tzinfo=UTC)
    made: dict[Kind, Any] = {
        Kind.BOOL: bool(place % 2),
        Kind.INTEGER: place,
        Kind.MONEY: Decimal(place).quantize(Decimal("0.0001")),
        Kind.NUMBER: Decimal(place).quantize(Decimal("0.00000001")),
        Kind.DATE: date(2026, 1, 1 + place % 28),
        Kind.INSTANT: moment,
    }
    return made.get(kind, f"text {place}")


def whole_row(table: Table, row: int) -> dict[str, Any]:
    """A row with a value in every column; rows of higher numbers have other keys."""
    found = {column.name: value(column.kind, place) for place, column in enumerate(table.columns, 1)}
    return (
        found
        | {name: f"{name} {row}" for name in table.key}
        | ({"merged_into": None} if "merged_into" in found else {})
    )


def page(table: Table, *rows: dict[str, Any]) -> pa.Table:
    return pa.table(
        {
            column.name: pa.array([row[column.name] for row in rows], layout.arrow_type(column.kind))
            for column in table.columns
        }
    )


def told(mirror: Mirror, table: Table) -> list[dict[str, Any]]:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    found: list[dict[str, Any]] = mirror.query(
        f'SELECT {names} FROM "{table.name}" ORDER BY {layout.key(table)}'
    ).to_pylist()
    return found


def lacked(table: Table) -> list[str]:
    """Every other column but the keys: the program before knew only the rest."""
    return [column.name for column in table.columns if column.name not in table.key][::2]


def left_by_an_earlier_program(path: Path) -> None:
    """Each table holds a row, and an unfinished full pull another; both lack columns."""
    with Mirror.open(path) as mirror:
        for table in CANONICAL.values():
            mirror.upsert(table.name, SOURCE, page(table, whole_row(table, 1)))
            mirror.begin_full(table.name, SOURCE)
            mirror.append(table.name, SOURCE, page(table, whole_row(table, 2)))
    with duckdb.connect(str(path)) as db:
        for table in CANONICAL.values():
            db.execute(f'DROP VIEW "{table.name}"')
            for name in (layout.stored(table, 1), layout.staging(table, 1)):
                for column in lacked(table):
                    db.execute(f'ALTER TABLE {name} DROP COLUMN "{column}"')


@pytest.mark.slow
def test_an_earlier_mirror_keeps_its_rows_and_takes_new_ones_column_by_column(tmp_path: Path) -> None:
    path = tmp_path / "mirror.duckdb"
    left_by_an_earlier_program(path)
    with Mirror.open(path) as mirror:
        for table in CANONICAL.values():
            known = {**whole_row(table, 1), **dict.fromkeys(lacked(table))}
            assert told(mirror, table) == [known], table.name
            mirror.upsert(table.name, SOURCE, page(table, whole_row(table, 3)))
            assert told(mirror, table) == [known, whole_row(table, 3)], table.name
            mirror.append(table.name, SOURCE, page(table, whole_row(table, 4)))
            mirror.finish_full(table.name, SOURCE)
            staged = {**whole_row(table, 2), **dict.fromkeys(lacked(table))}
            assert told(mirror, table) == [staged, whole_row(table, 3), whole_row(table, 4)], table.name


def test_an_earlier_mirror_may_be_opened_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "mirror.duckdb"
    left_by_an_earlier_program(path)
    for _ in range(2):
        with Mirror.open(path) as mirror:
            assert len(told(mirror, CANONICAL["partners"])) == 1
