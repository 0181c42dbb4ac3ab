"""What does one column of a page say, as a given kind, and which rows meet a source's conditions?"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
from pyarrow import compute

from connector.config.fieldmap import ColumnRule, How, Plain, Predicate, Source
from connector.core.records import Kind
from connector.crm.base import arrow_type
from connector.errors import Misconfigured

pc: Any = compute  # the stubs tell arrays from chunked arrays; nothing here needs to
arrow: Any = pa

DELETED = "pmom_deleted"
MERGED = "pmom_merged_into"
EACH = "pmom_each"
"""The column that holds, in a page of which some records make several rows, what tells those rows apart."""


@dataclass(frozen=True, slots=True)
class Cells:
    """One canonical column before rejected rows are taken out; `bad` marks the rows that cannot stay."""

    values: Any  # pa.Array or pa.ChunkedArray
    bad: Any = None  # boolean of the same length, or None when all may stay
    why: str = ""


class Columns:
    """A page whose columns are found without regard to case."""

    def __init__(self, rows: pa.Table) -> None:
        self.rows = rows
        self.names = {name.lower(): name for name in rows.column_names}

    def has(self, name: str) -> bool:
        return name.lower() in self.names

    def only(self, source: Source, kept: Any) -> Columns:
        """The rows kept, with the columns that the source names and no others: copying is what costs."""
        named = {DELETED, MERGED, EACH} | {name.lower() for rule in source.columns for name in rule.fields}
        wanted = [self.names[name] for name in self.names if name in named] or self.rows.column_names[:1]
        return Columns(self.rows.select(wanted).filter(kept))

    def gone(self) -> Any:
        """Which rows were deleted or merged away."""
        return pc.fill_null(self.column(DELETED, pa.bool_()), False)

    def survivors(self) -> Any:
        """The record that each merged row was merged into, else null."""
        return pc.if_else(self.gone(), self.column(MERGED, pa.string()), arrow.scalar(None, pa.string()))

    def column(self, name: str, otherwise: pa.DataType) -> Any:
        """The column of that name, or nulls of the type given."""
        found = self.names.get(name.lower())
        return self.rows.column(found) if found else arrow.nulls(self.rows.num_rows, otherwise)

    def present(self, rule: ColumnRule) -> tuple[str, ...]:
        return tuple(name for name in rule.fields if self.has(name))

    def cells(self, rule: ColumnRule, kind: Kind) -> Any:
        """The first filled of the rule's fields, as that kind; values that do not fit stay out of it."""
        return self.fitted(rule, kind).values

    def fitted(self, rule: ColumnRule, kind: Kind) -> Cells:
        names = self.present(rule)
        if not names:
            return Cells(arrow.nulls(self.rows.num_rows, arrow_type(kind)))
        parts = [cast(self.rows.column(self.names[name.lower()]), kind, name) for name in names]
        values = parts[0].values if len(parts) == 1 else pc.coalesce(*(part.values for part in parts))
        bad = functools.reduce(either, (part.bad for part in parts))
        return Cells(values, bad, next((part.why for part in parts if part.why), ""))


def tagged(ids: Any, rule: ColumnRule) -> Any:
    return pc.binary_join_element_wise(ids, rule.tag, ":") if rule.tag else ids


def spread(page: Columns, rule: ColumnRule) -> Columns:
    """The page with one row for each value of the rule's field; records without any are not in it."""
    name = page.names.get(rule.fields[0].lower())
    if name is None:
        return Columns(page.rows.slice(0, 0).append_column(EACH, arrow.array([], pa.string())))
    lists = pc.split_pattern(pc.cast(whole(page.rows.column(name)), pa.string()), ";")
    rows = page.rows.take(pc.list_parent_indices(lists))
    values = pc.list_flatten(lists)
    rows = rows.set_column(rows.column_names.index(name), name, values).append_column(EACH, values)
    filled = pc.and_(pc.is_valid(values), pc.not_equal(values, ""))
    return Columns(rows.filter(filled))


def first_of(values: Any) -> Any:
    """The first of the values of each cell; cells that hold one value are as they were."""
    texts = whole(values)
    several = pc.fill_null(pc.match_substring(texts, ";"), False)
    return (
        pc.if_else(several, pc.list_element(pc.split_pattern(texts, ";", max_splits=1), 0), texts)
        if some(several)
        else texts
    )


def cast(values: Any, kind: Kind, name: str) -> Cells:
    """The values as that kind; `bad` marks what does not fit."""
    wanted = arrow_type(kind)
    if values.type == wanted:
        return Cells(values)
    try:
        return Cells(_cast_all(values, wanted))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        one_by_one = _SINGLY.get(kind)
        if one_by_one is None or not (pa.types.is_decimal(values.type) or _is_number(values.type)):
            fix = "Name a field of a fitting kind; `pmom check` lists them."
            raise Misconfigured(name, f"is {values.type}, which cannot become {kind}", fix) from None
    fitted = [None if value is None else one_by_one(value) for value in values.to_pylist()]
    cells = arrow.array(fitted, wanted)
    bad = pc.and_(pc.is_null(cells), pc.is_valid(whole(values)))
    return Cells(cells, bad, f"does not fit into {_RANGE[kind]}")


def _cast_all(values: Any, wanted: pa.DataType) -> Any:
    if pa.types.is_string(wanted) and pa.types.is_decimal(values.type):
        plain = [None if value is None else format(value.normalize(), "f") for value in values.to_pylist()]
        return arrow.array(plain, wanted)
    if pa.types.is_decimal(wanted) and pa.types.is_decimal(values.type) and values.type.scale > wanted.scale:
        values = pc.round(values, wanted.scale, "half_to_even")
    if pa.types.is_date(wanted) and pa.types.is_timestamp(values.type):
        return pc.cast(pc.floor_temporal(values, 1, "day"), wanted)
    if pa.types.is_timestamp(wanted) and pa.types.is_date(values.type):
        return pc.assume_timezone(pc.cast(values, pa.timestamp("us")), "UTC")
    return pc.cast(values, wanted)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _decimal(digits: int, places: int) -> Callable[[Any], Decimal | None]:
    step, limit = Decimal(1).scaleb(-places), Decimal(10) ** (digits - places)

    def fit(value: Any) -> Decimal | None:
        try:
            rounded = Decimal(str(value)).quantize(step, ROUND_HALF_EVEN)
        except InvalidOperation:
            return None
        return rounded if abs(rounded) < limit else None

    return fit


def _integer(value: Any) -> int | None:
    try:
        whole = int(value)
    except (OverflowError, ValueError):
        return None
    return whole if whole == value and abs(whole) < 2**63 else None


_SINGLY: dict[Kind, Callable[[Any], Any]] = {
    Kind.MONEY: _decimal(20, 4),
    Kind.NUMBER: _decimal(20, 8),
    Kind.INTEGER: _integer,
}
_RANGE = {
    Kind.MONEY: "money of 16 digits before the point",
    Kind.NUMBER: "a number of 12 digits before the point",
    Kind.INTEGER: "a whole number",
}


def matching(page: Columns, where: tuple[Predicate, ...]) -> Any:
    """Which rows meet every condition; a condition marked optional holds where its field is absent."""
    asked = (p for p in where if page.has(p.field) or not p.optional)
    everything = arrow.repeat(arrow.scalar(True), page.rows.num_rows)
    return functools.reduce(pc.and_, (_holds(page.column(p.field, pa.string()), p) for p in asked), everything)


def _holds(values: Any, predicate: Predicate) -> Any:
    if predicate.test is How.FILLED:
        return pc.is_valid(values)
    if predicate.test is How.EMPTY:
        return pc.is_null(values)
    if predicate.test is How.STARTS:
        return pc.fill_null(pc.starts_with(values, str(predicate.values[0]), ignore_case=True), False)
    among = _among(values, predicate.values)
    return pc.invert(among) if predicate.test in (How.IS_NOT, How.NOT_IN) else among


def _among(values: Any, wanted: tuple[Plain, ...]) -> Any:
    """Whether each value is one of those wanted: text without case; an empty boolean is false, as CRMs have it."""
    if pa.types.is_boolean(values.type):
        return pc.is_in(pc.fill_null(values, False), arrow.array([bool(value) for value in wanted]))
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return pc.is_in(pc.utf8_lower(values), arrow.array([str(value).lower() for value in wanted], values.type))
    return pc.is_in(values, arrow.array(wanted).cast(values.type))


def either(one: Any, other: Any) -> Any:
    return other if one is None else one if other is None else pc.or_(one, other)


def every(mask: Any) -> bool:
    return bool(pc.all(mask).as_py() is not False)


def some(mask: Any) -> bool:
    return bool(pc.any(mask).as_py())


def whole(values: Any) -> Any:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
