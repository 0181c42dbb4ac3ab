"""How does a page of changed records get into the mirror, and which of its rows say something new?

The same functions store what a pull reads and what a hint leads to, so that both end in the same rows. A row that
differs in nothing but its modified stamp is the echo of a write of ours, or of a change that the mapping does not
read: it is stored and nobody is decided again for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

import pyarrow as pa
from pyarrow import compute as pc

from connector.config.fieldmap import MERGED_INTO, Source
from connector.config.reads import ObjectRead
from connector.core import records
from connector.crm.base import BadCell, ObjectSchema, Page
from connector.mapping import MERGED, Mapped, UnmappedValue, to_canonical
from connector.mirror import Rejected
from connector.sync.cards import card_rows, carried_by, edited_cards, names
from connector.sync.context import Context
from connector.sync.seen import dated
from connector.sync.streams import links_moved, mark, to_plan

UNTOLD = {"tasks": ("modified_at", "created_at")}
"""Columns that say nothing new when they alone differ; elsewhere only `modified_at`.

A task of ours is noted when it was made, before the CRM has told at which of its moments that was.
"""


@dataclass(slots=True)
class ObjectPull:
    """What one read brought."""

    object: str
    mode: str  # "full", "changes", "resumed", "ids" or "named"
    rows: int = 0
    changed: int = 0
    deleted: int = 0
    rejected: int = 0


@dataclass(slots=True)
class Pulled:
    """What a pull brought, and what the CRM could not give."""

    objects: list[ObjectPull] = field(default_factory=list)
    unavailable: list[tuple[str, str]] = field(default_factory=list)  # (table, why)
    unmapped: list[UnmappedValue] = field(default_factory=list)
    calls: int = 0

    @property
    def changed(self) -> int:
        """Rows that were new or different."""
        return sum(pull.changed + pull.deleted for pull in self.objects)


def with_cards(ctx: Context, read: ObjectRead, schema: ObjectSchema) -> ObjectRead:
    """The read with the fields added of those cards that its object carries."""
    fed = {table for table, _ in read.feeds}
    tables = [table for table in carried_by(read.object, ctx.fieldmap) if table in fed]
    if not tables:
        return read
    ours = names(ctx.crm, ctx.fieldmap)
    known = {found.name for t in tables for name in ours[t].values() if (found := schema.field(name)) is not None}
    return replace(read, fields=tuple(sorted(set(read.fields) | known)))


def store_page(
    ctx: Context, read: ObjectRead, page: Page, now: datetime, run: str, done: ObjectPull, result: Pulled
) -> dict[str, list[str]]:
    """Take a page of changed, deleted and merged records; -> by table the ids of rows that are new, other or gone.

    Rows and the marks of whom they concern are kept at once or not at all.
    """
    told: dict[str, list[str]] = {}
    done.rows += page.rows.num_rows
    merges = page.rows.column(MERGED).null_count < page.rows.num_rows
    with ctx.mirror.together():
        for table, source in read.feeds:
            rows = mapped(ctx, page, table, source, run, done, result)
            touched, gone = _store(ctx, table, source, rows)
            done.changed += len(touched) - gone
            done.deleted += gone
            if gone and merges:
                links_moved(ctx.mirror, now)
            told.setdefault(table, []).extend(touched)
            edited = take_cards(ctx, read, page, table, source, rows)
            told[table].extend(sorted(edited - set(told[table])))
    return told


def mapped(
    ctx: Context, page: Page, table: str, source: Source, run: str, done: ObjectPull, result: Pulled
) -> Mapped:
    """The page as rows of the table; what could not be taken is listed."""
    rows = dated(ctx, table, source, to_canonical(page.rows, source, records.table(table)))
    rejected = [Rejected(r.table, r.row_id, r.field, r.found, r.why, run) for r in rows.rejections]
    rejected += _bad_cells(table, source, page.bad_cells, run)
    ctx.mirror.reject(rejected)
    done.rejected += len(rejected)
    result.unmapped = _merged_counts(result.unmapped, rows.unmapped)
    return rows


def take_cards(ctx: Context, read: ObjectRead, page: Page, table: str, source: Source, rows: Mapped) -> set[str]:
    """Keep what the CRM now shows in the fields of our own; -> ids of records in which somebody else wrote there.

    Those are planned again.
    """
    if table not in carried_by(read.object, ctx.fieldmap):
        return set()
    id_rule = source.rule("id")
    assert id_rule is not None
    ours = names(ctx.crm, ctx.fieldmap)[table]
    cards = card_rows(page.rows, id_rule.fields[0], table, rows.rows.column("id"), ours)
    if not cards.num_rows:
        return set()
    edited, news = edited_cards(ctx.mirror, table, cards)
    to_plan(ctx.mirror).add(edited)
    if news.num_rows:
        ctx.mirror.patch_scorecards(news, table)
    return {mark.rpartition("/")[2] for mark in edited}


def _store(ctx: Context, table: str, source: Source, rows: Mapped) -> tuple[list[str], int]:
    """Store what is new; -> ids of the rows that say something new or are gone, and how many are gone."""
    news, different = _compared(ctx, table, source, rows.rows)
    gone = _held(ctx, table, source, [str(each) for each in rows.deleted_ids.to_pylist()])
    gone += _no_longer_said(ctx, table, source, rows)
    if not news.num_rows and not gone:
        return [], 0
    touched = [*different, *gone]
    mark(ctx.mirror, table, touched)  # a row that moves concerns whom it leaves, and whom it comes to
    ctx.mirror.upsert(table, source.name, news, gone)
    mark(ctx.mirror, table, touched)
    return touched, len(gone)


def _compared(ctx: Context, table: str, source: Source, rows: pa.Table) -> tuple[pa.Table, list[str]]:
    """The rows that the mirror does not hold just so, and the ids of those that say something new.

    A stamp has no finer grain than the CRM's clock: rows of one stamp are compared by what they say. A row older
    than the stored one is neither.
    """
    if not rows.num_rows:
        return rows, []
    ctx.mirror.load("seen", rows)
    held = ctx.mirror.held(table, source.name, [str(id_) for id_ in rows.column("id").to_pylist()])
    untold = UNTOLD.get(table, ("modified_at",))
    telling = [name for name in rows.column_names if name != "id" and name not in untold]
    newer = " AND NOT coalesce(t.modified_at > s.modified_at, false)" if "modified_at" in rows.column_names else ""
    found = ctx.mirror.query(
        f"SELECT DISTINCT s.id, t.id IS NULL OR {_other(telling)} AS different FROM seen s LEFT JOIN ({held}) t"
        f" ON t.id = s.id WHERE (t.id IS NULL OR {_other(rows.column_names)}){newer} ORDER BY 1"
    )
    if not found.num_rows:
        return rows.slice(0, 0), []
    news = rows.filter(pc.is_in(rows.column("id"), value_set=found.column("id").combine_chunks()))
    different = found.filter(found.column("different")).column("id")
    known = _known_merges(ctx, rows) if len(different) else set()
    return news, [str(id_) for id_ in different.to_pylist() if id_ not in known]


def _other(names: Iterable[str]) -> str:
    quoted = [f'"{name}"' for name in names]
    ours, theirs = ", ".join(f"s.{name}" for name in quoted), ", ".join(f"t.{name}" for name in quoted)
    return f"(({ours}) IS DISTINCT FROM ({theirs}))"


def _known_merges(ctx: Context, rows: pa.Table) -> set[str]:
    """Records of which the mirror already knows into whom they were merged.

    A CRM that keeps the merged ids on the survivor tells them again whenever the survivor changes.
    """
    if MERGED_INTO not in rows.column_names or rows.column(MERGED_INTO).null_count == rows.num_rows:
        return set()
    found = ctx.mirror.query("SELECT s.id FROM seen s JOIN pmom_merges m USING (id, merged_into)")
    return {str(value) for value in found.column("id").to_pylist()}


def _held(ctx: Context, table: str, source: Source, ids: list[str]) -> list[str]:
    """Those of the ids that the mirror holds from this source."""
    if not ids:
        return []
    ctx.mirror.load("seen", pa.table({"id": pa.array(ids, pa.string())}))
    held = ctx.mirror.held(table, source.name, ids)
    found = ctx.mirror.query(f"SELECT DISTINCT t.id FROM ({held}) t JOIN seen USING (id) ORDER BY 1")
    return [str(value) for value in found.column("id").to_pylist()]


def _no_longer_said(ctx: Context, table: str, source: Source, rows: Mapped) -> list[str]:
    """Where one record makes several rows: those that the mirror holds and the record, read anew, no longer makes."""
    if rows.parents is None or not len(rows.parents):
        return []
    parents = [str(each) for each in rows.parents.to_pylist()]
    ctx.mirror.load("seen", pa.table({"id": pa.array(parents, pa.string())}))
    ctx.mirror.load("said", rows.rows.select(["id"]))
    found = ctx.mirror.query(
        f"""SELECT DISTINCT t.id FROM ({ctx.mirror.held(table, source.name, parents, below=True)}) t
            JOIN seen ON seen.id = left(t.id, length(t.id) - strpos(reverse(t.id), ':'))"""
        " WHERE t.id NOT IN (SELECT id FROM said) ORDER BY 1"
    )
    return [str(value) for value in found.column("id").to_pylist()]


def _bad_cells(table: str, source: Source, cells: Iterable[BadCell], run: str) -> list[Rejected]:
    named = {name.lower() for rule in source.columns for name in rule.fields}
    return [
        Rejected(table, cell.row_id, cell.field, cell.found, cell.why, run)
        for cell in cells
        if cell.field.lower() in named
    ]


def _merged_counts(known: list[UnmappedValue], more: Iterable[UnmappedValue]) -> list[UnmappedValue]:
    counted = {(u.table, u.source, u.column, u.field, u.value): u for u in known}
    for value in more:
        key = (value.table, value.source, value.column, value.field, value.value)
        earlier = counted.get(key)
        counted[key] = replace(value, rows=value.rows + (earlier.rows if earlier else 0))
    return list(counted.values())
