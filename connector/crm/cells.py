"""Which value does one cell's text mean, whatever CRM sent it, and does it fit the kind of its field?

Whole columns are converted by Arrow; these readers are for the cells that it will not take. A number with more
decimals than its kind keeps is rounded half to even; anything else that does not fit becomes a `BadCell`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

import pyarrow as pa

from connector.core.records import Kind
from connector.crm.base import BadCell, Field, arrow_type

SHOWN = 200  # characters of a bad cell that are reported
_SCALES = {Kind.MONEY: 4, Kind.NUMBER: 8}
_DIGITS = 20  # of a decimal column in all
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")

Readers = Mapping[Kind, Callable[[str], Any]]
"""Kind -> what reads a text of that kind: ValueError or ArithmeticError when it is none."""


def read_cells(
    column: Any, field: Field, ids: Any, readers: Readers, rows: Sequence[int] | None = None, values: Any = None
) -> tuple[Any, list[BadCell]]:
    """A column of texts read cell by cell; `ids` name the rows that do not fit, None: they have no name.

    With `rows` only those are read, the others stand in `values` already.
    """
    cells = column.to_pylist()
    found: list[Any] = [None] * len(cells) if values is None else values
    known: dict[str, Any] = {}
    bad: list[BadCell] = []
    read = readers[field.kind]
    for row in range(len(cells)) if rows is None else rows:
        text = cells[row]
        if text is None:
            continue
        try:
            found[row] = known[text] if text in known else known.setdefault(text, read(text))
        except (ValueError, ArithmeticError):
            row_id = ids[row].as_py() if ids is not None else None
            bad.append(BadCell(row_id or "", field.name, text[:SHOWN], f"not a {field.kind} value"))
    return pa.chunked_array([pa.array(found, arrow_type(field.kind))]), bad


def decimal(kind: Kind) -> Callable[[str], Decimal]:
    """What reads numbers of that kind, rounded to the decimals that it keeps."""
    unit, most = Decimal(1).scaleb(-_SCALES[kind]), Decimal(10) ** (_DIGITS - _SCALES[kind])

    def read(text: str) -> Decimal:
        if not _NUMBER.fullmatch(text):
            raise ValueError("not a number")
        value = Decimal(text)
        if abs(value) >= most:
            raise ValueError("too large")
        with localcontext() as context:
            context.prec = 50
            rounded = value.quantize(unit, ROUND_HALF_EVEN)
        if abs(rounded) >= most:
            raise ValueError("too large")
        return rounded

    return read


def integer(text: str) -> int:
    """A whole number of 64 bits, however it is written: 7, 7.0, 7E0."""
    if not _NUMBER.fullmatch(text):
        raise ValueError("not a number")
    value = Decimal(text)
    if value != value.to_integral_value() or abs(value) >= 2**63:
        raise ValueError("not whole")
    return int(value)


def boolean(text: str) -> bool:
    """True or false, as a word or as 1 or 0."""
    lower = text.lower()
    if lower not in ("true", "false", "1", "0"):
        raise ValueError("neither true nor false")
    return lower in ("true", "1")


def instant(text: str) -> datetime:
    """A moment in ISO form; without its zone it is UTC."""
    value = datetime.fromisoformat(text)
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


READERS: dict[Kind, Callable[[str], Any]] = {
    Kind.ID: str,
    Kind.TEXT: str,
    Kind.BOOL: boolean,
    Kind.INTEGER: integer,
    Kind.MONEY: decimal(Kind.MONEY),
    Kind.NUMBER: decimal(Kind.NUMBER),
    Kind.DATE: date.fromisoformat,
    Kind.INSTANT: instant,
}
