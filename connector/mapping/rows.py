"""How do rows of a CRM become canonical rows, or rejections that say why?

Pure and column by column over Arrow: names and value tables come from a `Source` of the field map, values from a
page. A value that needs no change is never touched, so that 10^7 rows cost little more than being read.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from connector.config.countries import country_code
from connector.config.fieldmap import MERGED_INTO, ColumnRule, Plain, Source, Unlisted
from connector.core.records import Column, Kind, Table
from connector.crm.base import arrow_type
from connector.mapping.cells import (
    EACH,
    Cells,
    Columns,
    arrow,
    either,
    every,
    first_of,
    matching,
    pc,
    some,
    spread,
    tagged,
    whole,
)


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
    `parents` are the beginnings of ids where one record makes several rows: of those that begin so, the mirror must
    hold no others than `rows`.
    """

    rows: pa.Table
    deleted_ids: pa.StringArray
    merged: tuple[tuple[str, str], ...] = ()
    rejections: tuple[Rejection, ...] = ()
    unmapped: tuple[UnmappedValue, ...] = ()
    parents: pa.StringArray | None = None


def canonical_ids(rows: pa.Table, source: Source) -> pa.StringArray:
    """The canonical ids of a page's rows, whatever the source's conditions say; a row without an id gives none."""
    rule = source.rule("id")
    assert rule is not None
    page, several = Columns(rows), source.spread()
    ids: pa.StringArray = whole(_ids(spread(page, several) if several else page, rule).drop_null())
    return ids


def to_canonical(rows: pa.Table, source: Source, table: Table) -> Mapped:
    """The page's rows as records of the table. Columns that the page lacks are empty."""
    page = Columns(rows)
    id_rule = source.rule("id")
    assert id_rule is not None
    parents, several = None, source.spread()
    if several is not None:
        parents = whole(_ids(page, id_rule).drop_null())
        page = spread(page, several)
    ids = _ids(page, id_rule)
    has_id = pc.is_valid(ids)
    stays = pc.invert(page.gone())
    if any(column.name == MERGED_INTO for column in table.columns):
        stays = pc.or_(stays, pc.is_valid(page.survivors()))
    kept = pc.and_(stays, matching(page, source.where))
    live = page if every(kept) else page.only(source, kept)
    records, rejections, unmapped = _records(live, source, table)
    nameless = int(pc.sum(pc.invert(pc.or_(kept, has_id))).as_py() or 0)
    if nameless:
        lost = Rejection(table.name, "", " or ".join(id_rule.fields), "", "a row without an id")
        rejections = (*rejections, *([lost] * nameless))
    left = whole(ids.filter(pc.and_(pc.invert(kept), has_id)))
    return Mapped(records, left, _pairs(records), rejections, unmapped, parents)


def _ids(page: Columns, rule: ColumnRule) -> Any:
    ids = tagged(page.cells(rule, Kind.ID), rule)
    return pc.binary_join_element_wise(ids, page.rows.column(EACH), ":") if page.has(EACH) else ids


def _records(
    page: Columns, source: Source, table: Table
) -> tuple[pa.Table, tuple[Rejection, ...], tuple[UnmappedValue, ...]]:
    unmapped: list[UnmappedValue] = []
    cells = {column.name: _column(page, source, column, unmapped) for column in table.columns}
    bad = functools.reduce(either, (cell.bad for cell in cells.values()))
    if bad is not None and MERGED_INTO in cells:  # a merged record need not be whole: it only points to its survivor
        bad = pc.and_(bad, pc.is_null(cells[MERGED_INTO].values))
    rows = arrow.table({name: cell.values for name, cell in cells.items()})
    if bad is not None and some(bad):
        rejections = tuple(_rejections(page, source, table, cells, bad))
        rows = rows.filter(pc.invert(bad))
    else:
        rejections = ()
    return rows, rejections, tuple(unmapped)


def _column(page: Columns, source: Source, column: Column, unmapped: list[UnmappedValue]) -> Cells:
    """One canonical column; values that stand in no table are added to `unmapped`."""
    rule = source.rule(column.name)
    count, kind = page.rows.num_rows, arrow_type(column.kind)
    if column.name == MERGED_INTO:
        cells = Cells(page.survivors())
    elif rule is None:
        cells = Cells(arrow.nulls(count, kind))
    elif rule.const is not None:
        cells = Cells(arrow.repeat(arrow.scalar(rule.const, kind), count))
    elif rule.values or rule.country or rule.multiple or column.values or rule.default is not None:
        cells, strange = _listed(page, source, column, rule)
        unmapped += strange
    else:
        cells = page.fitted(rule, column.kind)
        values = _ids(page, rule) if column.name == "id" else tagged(cells.values, rule)
        cells = Cells(first_of(values) if rule.first else values, cells.bad, cells.why)
    if column.required and cells.values.null_count:
        empty = pc.is_null(cells.values)
        why = cells.why or f"{column.name} is required and empty"
        cells = Cells(cells.values, either(cells.bad, empty), why)
    return cells


def _rejections(
    page: Columns, source: Source, table: Table, cells: dict[str, Cells], bad: Any
) -> Iterable[Rejection]:
    """One rejection a bad row, naming the first column that refused it."""
    id_rule = source.rule("id")
    assert id_rule is not None
    ids = page.cells(id_rule, Kind.ID)
    refused = [(name, cell) for name, cell in cells.items() if cell.bad is not None]
    for at in pc.indices_nonzero(whole(bad)).to_pylist():
        name, cell = next((name, cell) for name, cell in refused if cell.bad[at].as_py())
        rule = source.rule(name)
        fields = page.present(rule) if rule else ()
        found = next((str(v) for f in fields if (v := page.column(f, pa.string())[at].as_py()) is not None), "")
        yield Rejection(table.name, ids[at].as_py() or "", " or ".join(rule.fields if rule else ()), found, cell.why)


def _pairs(records: pa.Table) -> tuple[tuple[str, str], ...]:
    if MERGED_INTO not in records.column_names or records.column(MERGED_INTO).null_count == records.num_rows:
        return ()
    merged: Any = records.select(["id", MERGED_INTO]).filter(pc.is_valid(records.column(MERGED_INTO)))
    return tuple(zip(merged.column("id").to_pylist(), merged.column(MERGED_INTO).to_pylist(), strict=True))


def _listed(
    page: Columns, source: Source, column: Column, rule: ColumnRule
) -> tuple[Cells, tuple[UnmappedValue, ...]]:
    """A column whose values are looked up: each distinct value once, however many rows hold it."""
    texts = page.cells(rule, Kind.TEXT)
    kind = arrow_type(column.kind)
    if not page.present(rule):
        return Cells(arrow.nulls(page.rows.num_rows, kind)), ()
    coded = whole(texts).dictionary_encode()
    look = _Lookup(column, rule)
    found = [look.word(word) for word in coded.dictionary.to_pylist()]
    values = arrow.array([value for value, _, _ in found], kind).take(coded.indices)
    unmapped = () if rule.quiet else _counted(source, column, rule, coded, [strange for _, strange, _ in found])
    if rule.default is not None:
        values = pc.fill_null(values, arrow.scalar(rule.default, kind))
    if not any(refused for *_, refused in found):
        return Cells(values), unmapped
    bad = arrow.array([refused for *_, refused in found], pa.bool_()).take(coded.indices)
    return Cells(values, pc.fill_null(bad, False), f"has no meaning in the value table of {column.name}"), unmapped


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
