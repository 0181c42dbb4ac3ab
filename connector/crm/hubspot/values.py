"""Texts of the portal as typed Arrow columns: which value does a property's text mean, and does it fit its kind?

HubSpot sends every property value as text or null. The fast way converts whole columns; only cells that will not
convert that way are looked at one by one. A number with more decimals than its kind keeps is rounded half to even
(calculated probabilities come as full binary expansions); anything else that does not fit becomes a `BadCell`.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connector.core.records import Kind
from connector.crm.base import BadCell, Field, arrow_type
from connector.crm.cells import READERS, instant, read_cells

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_MILLISECONDS = re.compile(r"-?[0-9]{5,15}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9:]{5})?")
_PLAIN = {
    Kind.BOOL: r"^(true|false)$",
    Kind.MONEY: r"^-?[0-9]{1,16}(\.[0-9]{1,4})?$",
    Kind.NUMBER: r"^-?[0-9]{1,12}(\.[0-9]{1,8})?$",
    Kind.DATE: r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    Kind.INSTANT: r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$",
}
"""What Arrow converts without a doubt; everything else is read cell by cell."""


def typed(column: Any, field: Field, ids: Any) -> tuple[Any, list[BadCell]]:
    """The texts of one property as a column of its kind; `ids` name the rows of cells that do not fit."""
    texts = _emptied(column)
    if field.kind in (Kind.ID, Kind.TEXT):
        return texts, []
    wanted, plain = arrow_type(field.kind), _plain(texts, field.kind)
    try:
        fast: Any = pc.cast(texts if plain is None else pc.if_else(plain, texts, None), wanted)
    except pa.ArrowInvalid:  # a shape that fits and a value that does not: 30 February
        return read_cells(texts, field, ids, _READERS)
    if plain is None:
        return fast, []
    rest = pc.indices_nonzero(pc.fill_null(pc.invert(plain), False)).to_pylist()
    return read_cells(texts, field, ids, _READERS, rest, fast.to_pylist())


def _emptied(column: Any) -> Any:
    empty: Any = pc.equal(column, pa.scalar(""))
    return pc.if_else(empty, None, column) if pc.any(empty).as_py() else column


def _plain(texts: Any, kind: Kind) -> Any:
    """Which cells Arrow can convert; None when it is all of them."""
    pattern = _PLAIN.get(kind)
    if pattern is None:
        return pc.is_null(texts)
    fits = pc.match_substring_regex(texts, pattern)
    return None if pc.all(fits).as_py() in (True, None) else fits


def value_of(text: str, kind: Kind) -> Any:
    """One cell's value; ValueError or ArithmeticError when the text is none of that kind."""
    return _READERS[kind](text)


def _instant(text: str) -> datetime:
    if _MILLISECONDS.fullmatch(text):
        return EPOCH + timedelta(milliseconds=int(text))
    if _DAY.fullmatch(text):
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    if not _MOMENT.fullmatch(text):
        raise ValueError("not a moment")
    return instant(text)


def _date(text: str) -> date:
    """A day, as text or as the moment of its UTC midnight: that is how HubSpot keeps days."""
    if _DAY.fullmatch(text):
        return date.fromisoformat(text)
    moment = _instant(text)
    if moment != datetime.combine(moment.date(), datetime.min.time(), UTC):
        raise ValueError("not midnight")
    return moment.date()


_READERS = READERS | {Kind.DATE: _date, Kind.INSTANT: _instant}


def milliseconds(moment: datetime, *, up: bool = False) -> int:
    """Epoch milliseconds, rounded down, or `up`: what search compares. ValueError for a moment without its zone."""
    if moment.tzinfo is None:
        raise ValueError("a moment without its zone")
    passed, step = moment - EPOCH, timedelta(milliseconds=1)
    return -(-passed // step) if up else passed // step


def days(moments: Any, zone: str) -> Any:
    """The day of each moment in that time zone; UTC days where the zone is unknown here."""
    try:
        local: Any = pc.local_timestamp(pc.cast(moments, pa.timestamp("us", zone)))
    except pa.ArrowInvalid:
        local = pc.cast(moments, pa.timestamp("us"))
    return pc.cast(pc.floor_temporal(local, 1, "day"), pa.date32())
