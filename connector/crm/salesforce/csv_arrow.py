"""Answers as Arrow tables: Bulk CSV and REST JSON become the same columns, and no odd cell stops a page.

The fast way converts whole columns; only a column that will not convert is looked at cell by cell. A number with
more decimals than its kind keeps is rounded half to even; anything else that does not fit becomes a `BadCell`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from connector.crm.base import BadCell, Field, arrow_type
from connector.crm.cells import READERS, read_cells
from connector.crm.retry import Again


def csv_page(content: bytes, fields: Sequence[Field], expected: int | None) -> tuple[pa.Table, tuple[BadCell, ...]]:
    """A Bulk result page as columns named and typed by `fields`, which are in the order of its header.

    `expected` is the number of rows that the server says the page has: a cut page raises `Again`.
    """
    if not content.strip():
        return _counted(pa.table(_empty(fields)), expected), ()
    _check_header(content, fields)
    try:
        types = {each.name: arrow_type(each.kind) for each in fields}
        return _counted(_read(content, fields, types), expected), ()
    except pa.ArrowInvalid as error:
        try:
            raw = _read(content, fields, {each.name: pa.string() for each in fields})
        except pa.ArrowInvalid:
            raise Again(f"a Bulk result page is cut or not CSV ({str(error)[:120]})") from error
    return _typed(_counted(raw, expected), fields)


def _empty(fields: Sequence[Field]) -> dict[str, Any]:
    return {each.name: pa.array([], arrow_type(each.kind)) for each in fields}


def _counted(table: pa.Table, expected: int | None) -> pa.Table:
    if expected is not None and table.num_rows != expected:
        raise Again(f"a Bulk result page has {table.num_rows} rows where {expected} were announced")
    return table


def _check_header(content: bytes, fields: Sequence[Field]) -> None:
    end = content.find(b"\n")
    line = content[: end if end >= 0 else len(content)].decode("utf-8-sig", "replace")
    names = next(csv.reader(io.StringIO(line.strip())), [])
    wanted = [each.name.lower() for each in fields]
    if [name.lower() for name in names] != wanted:
        raise Again(f"a Bulk result page has the columns {names} where {[f.name for f in fields]} were asked for")


def _read(content: bytes, fields: Sequence[Field], types: Mapping[str, Any]) -> pa.Table:
    source: Any = pa.BufferReader(content)
    return pacsv.read_csv(
        source,
        read_options=pacsv.ReadOptions(column_names=[each.name for each in fields], skip_rows=1, block_size=2 << 20),
        parse_options=pacsv.ParseOptions(newlines_in_values=True, ignore_empty_lines=True),
        convert_options=pacsv.ConvertOptions(
            column_types=dict(types),
            null_values=[""],
            strings_can_be_null=True,
            true_values=["true", "True", "TRUE", "1"],
            false_values=["false", "False", "FALSE", "0"],
        ),
    )


def json_page(rows: Sequence[Mapping[str, Any]], fields: Sequence[Field]) -> tuple[pa.Table, tuple[BadCell, ...]]:
    """REST records as columns named and typed by `fields`; a path reads the nested parent."""
    columns = [pa.array([_plain(_cell(row, each.name)) for row in rows], pa.string()) for each in fields]
    return _typed(pa.table(columns, names=[each.name for each in fields]), fields)


def _cell(row: Mapping[str, Any], path: str) -> Any:
    found: Any = row
    for part in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def _plain(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def _typed(raw: pa.Table, fields: Sequence[Field]) -> tuple[pa.Table, tuple[BadCell, ...]]:
    ids = raw.column("Id") if "Id" in raw.column_names else None
    columns, bad = [], []
    for each in fields:
        column, cells = _column(raw.column(each.name), each, ids)
        columns.append(column)
        bad.extend(cells)
    return pa.table(columns, names=[each.name for each in fields]), tuple(bad)


def _column(column: Any, field: Field, ids: Any) -> tuple[Any, list[BadCell]]:
    wanted = arrow_type(field.kind)
    try:
        return pc.cast(column, wanted), []
    except pa.ArrowInvalid:
        return read_cells(column, field, ids, READERS)
