"""What has changed in the CRM since the last look, and how does it get into the mirror without loss or doubling?

Each object is read once for all canonical tables that it feeds. The first read is a full one, staged page by page
and taken up again after a crash; later reads start before the cursor (docs/decisions/0002) and drop rows that the
mirror already holds with the same modified stamp. Deleted and merged rows arrive in the same reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pyarrow as pa
from pyarrow import compute as pc

from connector.config.fieldmap import MERGED_INTO, Source
from connector.config.reads import ObjectRead, reads
from connector.core import records
from connector.crm.base import BadCell, ObjectSchema, Page, ReadRequest
from connector.errors import Misconfigured
from connector.mapping import MERGED, Mapped, UnmappedValue, canonical_ids, to_canonical
from connector.mirror import Rejected
from connector.sync.absent import note_absent
from connector.sync.cards import card_rows, carried_by, edited_cards, names
from connector.sync.context import Context
from connector.sync.streams import Stream, followed, links_moved, mark, take_up, to_decide, to_plan
from connector.sync.tenant import claim

MOST_FOLLOWED = 10_000
"""When a full read brings more changed rows than this, everybody is decided again."""

KEEP_EVERY = 250_000
"""Rows of a full read after which every feed is written down, so that a crash costs no more than twice as many."""

_NUMBERED = "|"


@dataclass(slots=True)
class ObjectPull:
    """What one read brought."""

    object: str
    mode: str  # "full", "changes" or "resumed"
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


def pull(ctx: Context, run: str, *, full: bool = False, refresh: bool = False, reconcile: bool = False) -> Pulled:
    """Bring the mirror up to date. `full` reads everything anew, `refresh` what drifts, `reconcile` compares ids."""
    before = ctx.crm.usage().calls
    result = Pulled()
    schemas = {name: ctx.crm.schema(name) for name in ctx.fieldmap.objects()}
    planned = reads(ctx.fieldmap, schemas)
    claim(ctx)  # before anything here is touched: another portal has other objects
    result.unavailable = note_absent(ctx, planned, schemas)
    take_up(ctx.mirror)
    now = ctx.crm.now()
    for read in planned:
        schema = schemas[read.object] or _schema_named(schemas, read.object)
        read = _with_cards(ctx, read, schema)
        stream = Stream.load(ctx.mirror, read.key)
        if full or _needs_full(ctx, read, schema, stream, now, refresh=refresh):
            _full(ctx, read, stream, now, run, result)
        else:
            _changes(ctx, read, schema, stream, now, run, result)
            if _due(stream.reconciled_at, ctx.pace.reconcile, now) or reconcile:
                _reconcile(ctx, read, now, result)
        _note_sources(ctx, read, now)
    result.calls = ctx.crm.usage().calls - before
    return result


def _schema_named(schemas: dict[str, ObjectSchema | None], name: str) -> ObjectSchema:
    found = next((s for key, s in schemas.items() if s is not None and key.lower() == name.lower()), None)
    if found is None:
        raise Misconfigured(name, "the CRM no longer shows this object", "Run `pmom check`.")
    return found


def _with_cards(ctx: Context, read: ObjectRead, schema: ObjectSchema) -> ObjectRead:
    """The read with the fields added of those cards that its object carries."""
    fed = {table for table, _ in read.feeds}
    tables = [table for table in carried_by(read.object, ctx.fieldmap) if table in fed]
    if not tables:
        return read
    ours = names(ctx.crm, ctx.fieldmap)
    known = {found.name for t in tables for name in ours[t].values() if (found := schema.field(name)) is not None}
    return replace(read, fields=tuple(sorted(set(read.fields) | known)))


def _needs_full(
    ctx: Context, read: ObjectRead, schema: ObjectSchema, stream: Stream, now: datetime, *, refresh: bool
) -> bool:
    if schema.cursor is None or stream.cursor is None or stream.fingerprint != read.fingerprint:
        return True
    if stream.cursor > now:  # the CRM's clock was once told wrong: nothing would be read until it comes true
        return True
    moved = links_moved(ctx.mirror)
    stale = moved is not None and (stream.full_at is None or stream.full_at < moved)
    return bool(read.drifting) and (refresh or stale or _due(stream.full_at, ctx.pace.refresh, now))


def _due(last: datetime | None, every: timedelta, now: datetime) -> bool:
    return bool(every) and (last is None or last > now or now - last >= every)


def _full(ctx: Context, read: ObjectRead, stream: Stream, now: datetime, run: str, result: Pulled) -> None:
    """Read everything; a full read that a crash cut off goes on after its last stored page."""
    again = stream.attempt == read.fingerprint and stream.began is not None
    resume, first = _resume_token(ctx, read) if again else (None, 1)
    kept = 0
    done = ObjectPull(read.object, "resumed" if resume else "full")
    result.objects.append(done)
    if resume is None:
        # The CRM may take up the job of the attempt that was cut off: the cursor must not be set after its beginning.
        stream = replace(stream, attempt=read.fingerprint, began=stream.began if again else now)
        stream.save(ctx.mirror, read.key)
        for table, source in read.feeds:
            ctx.mirror.begin_full(table, source.name)
            ctx.mirror.forget_rejections(table)
    request = ReadRequest(read.object, read.fields, read.where, deleted=_keeps_merges(read), resume=resume)
    for number, page in enumerate(ctx.crm.read(request, ctx.progress), start=first):
        done.rows += page.rows.num_rows
        token = None if page.resume is None else f"{number}{_NUMBERED}{page.resume}"
        for table, source in read.feeds:
            mapped = _mapped(ctx, page, table, source, run, done, result)
            done.changed += mapped.rows.num_rows
            ctx.mirror.append(table, source.name, mapped.rows, token=token)
            _take_cards(ctx, read, page, table, source, mapped)
        if done.rows - kept >= KEEP_EVERY:
            kept = done.rows
            for table, source in read.feeds:
                ctx.mirror.keep(table, source.name)
    _finish(ctx, read, first=stream.full_at is None)
    began = stream.began or now
    stream.finished(cursor=began - ctx.pace.holdback, at=began).save(ctx.mirror, read.key)


def _finish(ctx: Context, read: ObjectRead, *, first: bool) -> None:
    """Put what was staged in place; only partners behind rows that differ are decided again."""
    for table, source in read.feeds:
        differ = None if first else ctx.mirror.staged_changes(table, source.name, MOST_FOLLOWED)
        if differ is None:
            to_decide(ctx.mirror).add(None)
        with followed(ctx.mirror, table, differ or []):
            ctx.mirror.finish_full(table, source.name)


def _resume_token(ctx: Context, read: ObjectRead) -> tuple[str | None, int]:
    """Where the read goes on, and with which page: behind the feed that is least far; the others see rows again."""
    tokens = [ctx.mirror.staged_token(table, source.name) for table, source in read.feeds]
    places = [token.partition(_NUMBERED) for token in tokens if token]
    if len(places) < len(tokens):
        return None, 1
    number, _, token = min(places, key=lambda place: int(place[0]))
    return token, int(number) + 1


def _keeps_merges(read: ObjectRead) -> bool:
    """Whether deleted rows matter in a full read: only the merged ones of companies and people do."""
    tables = {table for table, _ in read.feeds}
    return bool(tables & {"partners", "accounts", "contacts"})


def _changes(
    ctx: Context, read: ObjectRead, schema: ObjectSchema, stream: Stream, now: datetime, run: str, result: Pulled
) -> None:
    assert stream.cursor is not None
    done = ObjectPull(read.object, "changes")
    result.objects.append(done)
    since = stream.cursor - ctx.pace.overlap
    request = ReadRequest(read.object, read.fields, read.where, since=since, deleted=True)
    for page in ctx.crm.read(request, ctx.progress):
        done.rows += page.rows.num_rows
        for table, source in read.feeds:
            mapped = _mapped(ctx, page, table, source, run, done, result)
            if _store_changes(ctx, table, source, mapped, done) and page.rows.column(MERGED).null_count < len(
                page.rows
            ):
                links_moved(ctx.mirror, now)
            _take_cards(ctx, read, page, table, source, mapped)
    replace(stream, cursor=max(stream.cursor, now - ctx.pace.holdback)).save(ctx.mirror, read.key)


def _store_changes(ctx: Context, table: str, source: Source, mapped: Mapped, done: ObjectPull) -> int:
    """Store what is new; -> how many rows that the mirror held are gone."""
    news = _news(ctx, table, source, mapped.rows)
    gone = _held(ctx, table, [str(gone) for gone in mapped.deleted_ids.to_pylist()])
    gone += _no_longer_said(ctx, table, source, mapped)
    if not news.num_rows and not gone:
        return 0
    touched = [*_different(ctx, table, source, news), *gone]
    with followed(ctx.mirror, table, touched):
        ctx.mirror.upsert(table, source.name, news, gone)
    done.changed += len(touched) - len(gone)
    done.deleted += len(gone)
    return len(gone)


def _news(ctx: Context, table: str, source: Source, rows: pa.Table) -> pa.Table:
    """The rows that the mirror does not hold with the same modified stamp."""
    if not rows.num_rows or all(column.name != "modified_at" for column in records.table(table).columns):
        return rows
    ctx.mirror.load("seen", rows.select(["id", "modified_at"]))
    known = ctx.mirror.query(
        f'SELECT DISTINCT s.id FROM seen s JOIN "{table}" t ON t.id = s.id AND t.modified_at = s.modified_at'
        " WHERE t._source = ?",
        [source.name],
    )
    if not known.num_rows:
        return rows
    return rows.filter(pc.invert(pc.is_in(rows.column("id"), value_set=known.column("id").combine_chunks())))


def _different(ctx: Context, table: str, source: Source, rows: pa.Table) -> list[str]:
    """Ids of the rows that say something new: the echo of our own write moves the stamp and nothing else."""
    rows = _without_known_merges(ctx, rows)
    if not rows.num_rows:
        return []
    ctx.mirror.load("seen", rows)
    names = [f'"{name}"' for name in rows.column_names if name not in ("id", "modified_at")]
    ours, theirs = ", ".join(f"s.{name}" for name in names), ", ".join(f"t.{name}" for name in names)
    found = ctx.mirror.query(
        f'SELECT DISTINCT s.id FROM seen s LEFT JOIN "{table}" t ON t.id = s.id AND t._source = ?'
        f" WHERE t.id IS NULL OR ({ours}) IS DISTINCT FROM ({theirs}) ORDER BY 1",
        [source.name],
    )
    return [str(value) for value in found.column("id").to_pylist()]


def _without_known_merges(ctx: Context, rows: pa.Table) -> pa.Table:
    """The rows without records of which the mirror already knows into whom they were merged.

    A CRM that keeps the merged ids on the survivor tells them again whenever the survivor changes.
    """
    if MERGED_INTO not in rows.column_names or rows.column(MERGED_INTO).null_count == rows.num_rows:
        return rows
    ctx.mirror.load("seen", rows.select(["id", MERGED_INTO]))
    found = ctx.mirror.query("SELECT s.id FROM seen s JOIN pmom_merges m USING (id, merged_into)")
    return rows.filter(pc.invert(pc.is_in(rows.column("id"), value_set=found.column("id").combine_chunks())))


def _held(ctx: Context, table: str, ids: list[str]) -> list[str]:
    """Those of the ids that the mirror holds."""
    if not ids:
        return []
    ctx.mirror.load("seen", pa.table({"id": pa.array(ids, pa.string())}))
    found = ctx.mirror.query(f'SELECT DISTINCT t.id FROM "{table}" t JOIN seen USING (id) ORDER BY 1')
    return [str(value) for value in found.column("id").to_pylist()]


def _no_longer_said(ctx: Context, table: str, source: Source, mapped: Mapped) -> list[str]:
    """Where one record makes several rows: those that the mirror holds and the record, read anew, no longer makes."""
    if mapped.parents is None or not len(mapped.parents):
        return []
    ctx.mirror.load("seen", pa.table({"id": mapped.parents}))
    ctx.mirror.load("said", mapped.rows.select(["id"]))
    found = ctx.mirror.query(
        f"""SELECT DISTINCT t.id FROM "{table}" t
            JOIN seen ON seen.id = left(t.id, length(t.id) - strpos(reverse(t.id), ':'))"""
        " WHERE t._source = ? AND t.id NOT IN (SELECT id FROM said) ORDER BY 1",
        [source.name],
    )
    return [str(value) for value in found.column("id").to_pylist()]


def _mapped(
    ctx: Context, page: Page, table: str, source: Source, run: str, done: ObjectPull, result: Pulled
) -> Mapped:
    mapped = to_canonical(page.rows, source, records.table(table))
    rejected = [Rejected(r.table, r.row_id, r.field, r.found, r.why, run) for r in mapped.rejections]
    rejected += _bad_cells(table, source, page.bad_cells, run)
    ctx.mirror.reject(rejected)
    done.rejected += len(rejected)
    result.unmapped = _merged_counts(result.unmapped, mapped.unmapped)
    return mapped


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


def _take_cards(ctx: Context, read: ObjectRead, page: Page, table: str, source: Source, mapped: Mapped) -> None:
    """Keep what the CRM now shows in the fields of our own; what somebody else wrote there is planned again."""
    if table not in carried_by(read.object, ctx.fieldmap):
        return
    id_rule = source.rule("id")
    assert id_rule is not None
    ours = names(ctx.crm, ctx.fieldmap)[table]
    rows = card_rows(page.rows, id_rule.fields[0], table, mapped.rows.column("id"), ours)
    if rows.num_rows:
        to_plan(ctx.mirror).add(edited_cards(ctx.mirror, table, rows))
        ctx.mirror.patch_scorecards(rows, table)


def _reconcile(ctx: Context, read: ObjectRead, now: datetime, result: Pulled) -> None:
    """Forget rows whose ids the CRM no longer has: hard deletes and purges leave no other trace."""
    told = [rule for _, source in read.feeds for rule in (source.rule("id"), source.spread())]
    rules = [rule for rule in told if rule is not None]
    request = ReadRequest(read.object, tuple(sorted({n for r in rules for n in r.fields})), read.where, deleted=False)
    pages = [page.rows for page in ctx.crm.read(request, ctx.progress)]
    done = ObjectPull(read.object, "ids", rows=sum(page.num_rows for page in pages))
    result.objects.append(done)
    for table, source in read.feeds:
        alive = [canonical_ids(page, source) for page in pages]
        ctx.mirror.load("alive", pa.table({"id": pa.chunked_array(alive, pa.string())}))
        gone = ctx.mirror.query(
            f'SELECT DISTINCT id FROM "{table}" WHERE _source = ? AND id NOT IN (SELECT id FROM alive) ORDER BY 1',
            [source.name],
        ).column("id")
        if len(gone):
            ids = [str(value) for value in gone.to_pylist()]
            mark(ctx.mirror, table, ids)
            ctx.mirror.delete(table, source.name, ids)
            done.deleted += len(ids)
    stream = Stream.load(ctx.mirror, read.key)
    replace(stream, reconciled_at=now).save(ctx.mirror, read.key)


def _note_sources(ctx: Context, read: ObjectRead, now: datetime) -> None:
    before = ctx.mirror.sources()
    for table in sorted({table for table, _ in read.feeds}):
        if table not in before or not before[table].available:
            to_decide(ctx.mirror).add(None)  # what could not be known may be known now, about everybody
        ctx.mirror.set_source(table, True, "", now)
