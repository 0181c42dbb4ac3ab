"""How do rows of a CRM become canonical rows, or rejections that say why?

Pure and column by column over Arrow: names and value tables come from a `Source` of the field map, values from a
page. A value that needs no change is never touched, so that 10^7 rows cost little more than being read.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

import pyarrow as pa
from pyarrow import compute

from connector.config.countries import country_code
from connector.config.fieldmap import MERGED_INTO, ColumnRule, How, Plain, Predicate, Source, Unlisted
from connector.core.records import Column, Kind, Table
from connector.crm.base import arrow_type
from connector.errors import Misconfigured

pc: Any = compute  # the stubs tell arrays from chunked arrays; nothing here needs to
arrow: Any = pa

DELETED = "pmom_deleted"
MERGED = "pmom_merged_into"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that cannot become a record. `row_id` and `field` are the CRM's own, `found` is what stands there."""

    table: str
    row_id: str
    field: str
    found: str
    why: str


@dataclass(frozen=True, slots=True)
class UnmappedValue:
    """A value that stands in no value table: in how many rows, and what became of it."""

    table: str
    source: str
    column: str
    field: str
    value: str
    rows: int
    became: str


@dataclass(frozen=True, slots=True)
class Mapped:
    """What one page became: every row of it is a record, a rejection or a deleted id.

    `rows` has the table's columns in their order and the one Arrow type of each kind. `deleted_ids` are canonical
    ids of rows that were deleted or that the source's conditions leave out: the mirror must not hold them.
    Where the table has `merged_into`, a merged record stays among the rows and names its survivor there; `merged`
    lists those pairs. Where it has not, a merged record is a deleted one.
    """

    rows: pa.Table
    deleted_ids: pa.StringArray
    merged: tuple[tuple[str, str], ...] = ()
    rejections: tuple[Rejection, ...] = ()
    unmapped: tuple[UnmappedValue, ...] = ()


@dataclass(frozen=True, slots=True)
class _Cells:
    """One canonical column before rejected rows are taken out; `bad` marks the rows that cannot stay."""

    values: Any  # pa.Array or pa.ChunkedArray
    bad: Any = None  # boolean of the same length, or None when all may stay
    why: str = ""
    unmapped: tuple[UnmappedValue, ...] = ()


def to_canonical(rows: pa.Table, source: Source, table: Table) -> Mapped:
    """The page's rows as records of the table. Columns that the page lacks are empty."""
    page = _Page(rows)
    id_rule = source.rule("id")
    assert id_rule is not None
    ids = _tagged(page.cells(id_rule, Kind.ID), id_rule)
    has_id = pc.is_valid(ids)
    stays = pc.invert(page.gone())
    if any(column.name == MERGED_INTO for column in table.columns):
        stays = pc.or_(stays, pc.is_valid(page.survivors()))
    kept = pc.and_(stays, _matching(page, source.where))
    live = page if _every(kept) else page.only(source, kept)
    records, rejections, unmapped = _records(live, source, table)
    nameless = int(pc.sum(pc.invert(pc.or_(kept, has_id))).as_py() or 0)
    if nameless:
        lost = Rejection(table.name, "", " or ".join(id_rule.fields), "", "a row without an id")
        rejections = (*rejections, *([lost] * nameless))
    left = _whole(ids.filter(pc.and_(pc.invert(kept), has_id)))
    return Mapped(records, left, _pairs(records), rejections, unmapped)


def canonical_ids(rows: pa.Table, source: Source) -> pa.ChunkedArray[Any]:
    """The ids that the page's rows have in the source's canonical table, whatever its conditions say."""
    rule = source.rule("id")
    assert rule is not None
    ids = _tagged(_Page(rows).cells(rule, Kind.ID), rule)
    return ids if isinstance(ids, pa.ChunkedArray) else pa.chunked_array([ids])


class _Page:
    """A page whose columns are found without regard to case."""

    def __init__(self, rows: pa.Table) -> None:
        self.rows = rows
        self.names = {name.lower(): name for name in rows.column_names}

    def has(self, name: str) -> bool:
        return name.lower() in self.names

    def only(self, source: Source, kept: Any) -> _Page:
        """The rows kept, with the columns that the source names and no others: copying is what costs."""
        named = {DELETED, MERGED} | {name.lower() for rule in source.columns for name in rule.fields}
        wanted = [self.names[name] for name in self.names if name in named] or self.rows.column_names[:1]
        return _Page(self.rows.select(wanted).filter(kept))

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

    def fitted(self, rule: ColumnRule, kind: Kind) -> _Cells:
        names = self.present(rule)
        if not names:
            return _Cells(arrow.nulls(self.rows.num_rows, arrow_type(kind)))
        parts = [_cast(self.rows.column(self.names[name.lower()]), kind, name) for name in names]
        values = parts[0].values if len(parts) == 1 else pc.coalesce(*(part.values for part in parts))
        bad = functools.reduce(_either, (part.bad for part in parts))
        return _Cells(values, bad, next((part.why for part in parts if part.why), ""))


def _records(
    page: _Page, source: Source, table: Table
) -> tuple[pa.Table, tuple[Rejection, ...], tuple[UnmappedValue, ...]]:
    cells = {column.name: _column(page, source, column) for column in table.columns}
    bad = functools.reduce(_either, (cell.bad for cell in cells.values()))
    if bad is not None and MERGED_INTO in cells:  # a merged record need not be whole: it only points to its survivor
        bad = pc.and_(bad, pc.is_null(cells[MERGED_INTO].values))
    rows = arrow.table({name: cell.values for name, cell in cells.items()})
    if bad is not None and _any(bad):
        rejections = tuple(_rejections(page, source, table, cells, bad))
        rows = rows.filter(pc.invert(bad))
    else:
        rejections = ()
    return rows, rejections, tuple(value for cell in cells.values() for value in cell.unmapped)


def _column(page: _Page, source: Source, column: Column) -> _Cells:
    rule = source.rule(column.name)
    count, kind = page.rows.num_rows, arrow_type(column.kind)
    if column.name == MERGED_INTO:
        cells = _Cells(page.survivors())
    elif rule is None:
        cells = _Cells(arrow.nulls(count, kind))
    elif rule.const is not None:
        cells = _Cells(arrow.repeat(arrow.scalar(rule.const, kind), count))
    elif rule.values or rule.country or rule.multiple or column.values:
        cells = _listed(page, source, column, rule)
    else:
        cells = page.fitted(rule, column.kind)
        cells = _Cells(_tagged(cells.values, rule), cells.bad, cells.why)
    if column.required and cells.values.null_count:
        empty = pc.is_null(cells.values)
        why = cells.why or f"{column.name} is required and empty"
        cells = _Cells(cells.values, _either(cells.bad, empty), why, cells.unmapped)
    return cells


def _rejections(page: _Page, source: Source, table: Table, cells: dict[str, _Cells], bad: Any) -> Iterable[Rejection]:
    """One rejection a bad row, naming the first column that refused it."""
    id_rule = source.rule("id")
    assert id_rule is not None
    ids = page.cells(id_rule, Kind.ID)
    refused = [(name, cell) for name, cell in cells.items() if cell.bad is not None]
    for at in pc.indices_nonzero(_whole(bad)).to_pylist():
        name, cell = next((name, cell) for name, cell in refused if cell.bad[at].as_py())
        rule = source.rule(name)
        fields = page.present(rule) if rule else ()
        found = next((str(v) for f in fields if (v := page.column(f, pa.string())[at].as_py()) is not None), "")
        yield Rejection(table.name, ids[at].as_py() or "", " or ".join(rule.fields if rule else ()), found, cell.why)


def _tagged(ids: Any, rule: ColumnRule) -> Any:
    return pc.binary_join_element_wise(ids, rule.tag, ":") if rule.tag else ids


def _pairs(records: pa.Table) -> tuple[tuple[str, str], ...]:
    if MERGED_INTO not in records.column_names or records.column(MERGED_INTO).null_count == records.num_rows:
        return ()
    merged: Any = records.select(["id", MERGED_INTO]).filter(pc.is_valid(records.column(MERGED_INTO)))
    return tuple(zip(merged.column("id").to_pylist(), merged.column(MERGED_INTO).to_pylist(), strict=True))


def _listed(page: _Page, source: Source, column: Column, rule: ColumnRule) -> _Cells:
    """A column whose values are looked up: each distinct value once, however many rows hold it."""
    texts = page.cells(rule, Kind.TEXT)
    kind = arrow_type(column.kind)
    if not page.present(rule):
        return _Cells(arrow.nulls(page.rows.num_rows, kind))
    coded = _whole(texts).dictionary_encode()
    look = _Lookup(column, rule)
    found = [look.word(word) for word in coded.dictionary.to_pylist()]
    values = arrow.array([value for value, _, _ in found], kind).take(coded.indices)
    bad = arrow.array([refused for _, _, refused in found], pa.bool_()).take(coded.indices)
    unmapped = () if rule.quiet else _counted(source, column, rule, coded, [strange for _, strange, _ in found])
    if rule.default is not None:
        values = pc.fill_null(values, arrow.scalar(rule.default, kind))
    why = f"{column.name} has no meaning in the value table"
    return _Cells(values, pc.fill_null(bad, False) if any(r for *_, r in found) else None, why, unmapped)


class _Lookup:
    """What one word of the CRM means in one column."""

    def __init__(self, column: Column, rule: ColumnRule) -> None:
        said = rule.values or tuple((value, value) for value in column.values)
        self.known: dict[str, Plain] = {word.strip().casefold(): value for word, value in said}
        self.rule = rule

    def word(self, word: str | None) -> tuple[Plain | None, tuple[str, ...], bool]:
        """-> (canonical value or None, the parts that stand in no table, whether the row must go)."""
        if word is None:
            return None, (), False
        if not self.rule.multiple:
            return self._one(word)
        parts = [self._one(part.strip()) for part in word.split(";") if part.strip()]
        kept = dict.fromkeys(str(value) for value, _, _ in parts if value is not None)
        strange = tuple(part for _, strange, _ in parts for part in strange)
        return ";".join(kept) or None, strange, any(refused for *_, refused in parts)

    def _one(self, word: str) -> tuple[Plain | None, tuple[str, ...], bool]:
        if self.rule.country and not self.known:
            code = country_code(word)
            if code is not None:
                return code, (), False
        elif not self.known:
            return word, (), False
        elif (value := self.known.get(word.strip().casefold())) is not None:
            return value, (), False
        otherwise = {Unlisted.KEEP: word, Unlisted.DEFAULT: self.rule.default}.get(self.rule.unlisted)
        return otherwise, (word,), self.rule.unlisted is Unlisted.REJECT


def _counted(
    source: Source, column: Column, rule: ColumnRule, coded: Any, strange: list[tuple[str, ...]]
) -> tuple[UnmappedValue, ...]:
    if not any(strange):
        return ()
    became = {
        Unlisted.KEEP: "kept as it is",
        Unlisted.EMPTY: "left empty",
        Unlisted.REJECT: "row rejected",
        Unlisted.DEFAULT: f"became {rule.default}",
    }[rule.unlisted]
    counts: dict[str, int] = {}
    for pair in pc.value_counts(coded.indices.drop_null()).to_pylist():
        for word in strange[pair["values"]]:
            counts[word] = counts.get(word, 0) + pair["counts"]
    field = " or ".join(rule.fields)
    return tuple(
        UnmappedValue(source.table, source.name, column.name, field, word, count, became)
        for word, count in sorted(counts.items())
    )


def _cast(values: Any, kind: Kind, name: str) -> _Cells:
    """The values as that kind; `bad` marks what does not fit."""
    wanted = arrow_type(kind)
    if values.type == wanted:
        return _Cells(values)
    try:
        return _Cells(_cast_all(values, wanted))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        one_by_one = _SINGLY.get(kind)
        if one_by_one is None or not (pa.types.is_decimal(values.type) or _is_number(values.type)):
            fix = "Name a field of a fitting kind; `pmom check` lists them."
            raise Misconfigured(name, f"is {values.type}, which cannot become {kind}", fix) from None
    fitted = [None if value is None else one_by_one(value) for value in values.to_pylist()]
    cells = arrow.array(fitted, wanted)
    bad = pc.and_(pc.is_null(cells), pc.is_valid(_whole(values)))
    return _Cells(cells, bad, f"does not fit into {_RANGE[kind]}")


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


def _matching(page: _Page, where: tuple[Predicate, ...]) -> Any:
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


def _either(one: Any, other: Any) -> Any:
    return other if one is None else one if other is None else pc.or_(one, other)


def _every(mask: Any) -> bool:
    return bool(pc.all(mask).as_py() is not False)


def _any(mask: Any) -> bool:
    return bool(pc.any(mask).as_py())


def _whole(values: Any) -> Any:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
