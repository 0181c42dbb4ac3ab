"""Which rows answer a request's conditions: as filters that search can ask, and exactly, on the rows themselves.

What is pushed to search may let through too much and never too little; every answer is checked again on its rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from connector.core.records import Kind
from connector.crm.base import Field, Filter, Op, Scalar
from connector.crm.hubspot.values import milliseconds, value_of

PUSHED = 3  # conditions of a search beside those on the modified date and the id: a group takes six
MOST_VALUES = 100  # of one IN

SearchFilter = dict[str, Any]


def nothing_matches(filters: Sequence[Filter]) -> bool:
    """Whether a condition asks for one of no values."""
    return any(each.op in (Op.IN, Op.EQ) and each.value == () for each in filters)


def pushed(filters: Sequence[Filter], fields: Mapping[str, Field]) -> list[SearchFilter]:
    """The conditions that search can be asked, at most `PUSHED`; the rest is left to `holding`."""
    found = [made for each in filters if (made := _search_filter(each, fields[each.field])) is not None]
    return found[:PUSHED]


def _search_filter(condition: Filter, field: Field) -> SearchFilter | None:
    if field.name.startswith("assoc_") or field.name.endswith("_label"):
        return None
    if condition.op in (Op.EMPTY, Op.FILLED):
        operator = "NOT_HAS_PROPERTY" if condition.op is Op.EMPTY else "HAS_PROPERTY"
        return {"propertyName": field.name, "operator": operator}
    given = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    values = [_wanted(each, field.kind) for each in given]
    if any(each is None for each in values) or not values:
        return None  # "equal to nothing" and values of another kind are no matter of search
    if condition.op in (Op.EQ, Op.IN):
        return _one_of(field, values)
    if condition.op in (Op.GE, Op.LT) and field.kind not in (Kind.TEXT, Kind.ID, Kind.BOOL):
        value = encoded(values[0], up=condition.op is Op.LT)
        return {"propertyName": field.name, "operator": "GTE" if condition.op is Op.GE else "LT", "value": value}
    return None  # NE leaves out empty values there, and texts have no order that both sides share


def _one_of(field: Field, values: Sequence[Scalar]) -> SearchFilter | None:
    texts = [part for each in values for part in (encoded(each).split(";") if field.multiple else [encoded(each)])]
    if field.kind is Kind.TEXT:
        texts = _spellings(texts, field.options)
    texts = list(dict.fromkeys(texts))
    if len(texts) > MOST_VALUES:
        return None
    if len(texts) == 1 and not field.multiple:
        return {"propertyName": field.name, "operator": "EQ", "value": texts[0]}
    return {"propertyName": field.name, "operator": "IN", "values": texts}


def _spellings(texts: Sequence[str], options: Sequence[str]) -> list[str]:
    """IN wants free texts in lower case and options as they are spelt; a value may be an option no more."""
    lower = [text.lower() for text in texts]
    if not options:
        return lower
    folded = {text.casefold() for text in texts}
    exact = [option for option in options if option.casefold() in folded]
    return exact if {each.casefold() for each in exact} == folded else [*exact, *texts, *lower]


def encoded(value: Scalar, *, up: bool = False) -> str:
    """A value as search compares it: moments and days as epoch milliseconds, numbers as plain digits.

    A moment between two milliseconds is rounded down, or `up`: bounds must not leave out what they should let in.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return str(milliseconds(value, up=up))
    if isinstance(value, date):
        return str(milliseconds(datetime.combine(value, datetime.min.time(), UTC)))
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


def holding(rows: pa.Table, filters: Sequence[Filter], fields: Mapping[str, Field]) -> Any:
    """Which of the typed rows every condition holds for; None when there are no conditions."""
    if not filters:
        return None
    kept = [True] * rows.num_rows
    for each in filters:
        field = fields[each.field]
        test = _test(each, field)
        for at, value in enumerate(rows.column(field.name).to_pylist()):
            kept[at] = kept[at] and test(value)
    return pa.array(kept, pa.bool_())


def _test(condition: Filter, field: Field) -> Any:
    op = condition.op
    if op in (Op.EMPTY, Op.FILLED):
        return lambda value: (value is None) is (op is Op.EMPTY)
    given = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    wanted = [_folded(_wanted(each, field.kind)) for each in given]
    if op in (Op.GE, Op.LT):
        bound = wanted[0] if wanted else None
        if bound is None:
            return lambda value: False
        return lambda value: value is not None and (_folded(value) < bound) is (op is Op.LT)
    match = _any_part(wanted) if field.multiple else lambda value: _folded(value) in wanted
    return lambda value: match(value) is not (op is Op.NE)


def _any_part(wanted: Sequence[Any]) -> Any:
    """Of a field with several values: all parts of one of the wanted values must be among them."""
    sets = [frozenset(str(each).split(";")) for each in wanted if each is not None]

    def match(value: str | None) -> bool:
        if value is None:
            return None in wanted
        parts = frozenset(str(_folded(value)).split(";"))
        return any(each <= parts for each in sets)

    return match


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _wanted(value: Scalar, kind: Kind) -> Scalar:
    """The condition's value as the kind of its field has it; None when it has no such value."""
    if value is None or value == "":
        return None
    if kind in (Kind.ID, Kind.TEXT):
        return encoded(value) if not isinstance(value, str) else value
    if isinstance(value, str):
        return _read(value, kind)
    if kind in (Kind.MONEY, Kind.NUMBER, Kind.INTEGER):
        return Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
    if kind is Kind.BOOL:
        return value if isinstance(value, bool) else None
    return _moment(value, kind)


def _read(value: str, kind: Kind) -> Scalar:
    try:
        found: Scalar = value_of(value.strip(), kind)
    except (ValueError, InvalidOperation):
        return None
    return found


def _moment(value: Scalar, kind: Kind) -> Scalar:
    if not isinstance(value, date):
        return None
    if kind is Kind.DATE:
        return value.astimezone(UTC).date() if isinstance(value, datetime) else value
    return value if isinstance(value, datetime) else datetime.combine(value, datetime.min.time(), UTC)
