"""What has changed in the CRM since the last look, and how does it get into the mirror without loss or doubling?

Each object is read once for all canonical tables that it feeds. The first read is a full one, staged page by page
and taken up again after a crash; later reads start before the cursor (docs/decisions/0002), and rows that the
mirror already holds just so change nothing. Deleted and merged rows arrive in the same reads.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pyarrow as pa

from connector.config.reads import ObjectRead
from connector.crm.base import ObjectSchema, ReadRequest
from connector.mapping import canonical_ids
from connector.sync.absent import note_absent
from connector.sync.addresses import keep_addresses
from connector.sync.context import Context
from connector.sync.known import known
from connector.sync.rows import ObjectPull, Pulled, mapped, store_page, take_cards
from connector.sync.streams import Stream, followed, links_moved, mark, take_up, to_decide
from connector.sync.tenant import claim

__all__ = ["ObjectPull", "Pulled", "pull"]

MOST_FOLLOWED = 10_000
"""When a full read brings more changed rows than this, everybody is decided again."""

KEEP_EVERY = 250_000
"""Rows of a full read after which every feed is written down, so that a crash costs no more than twice as many."""

_NUMBERED = "|"


def pull(ctx: Context, run: str, *, full: bool = False, refresh: bool = False, reconcile: bool = False) -> Pulled:
    """Bring the mirror up to date. `full` reads everything anew, `refresh` what drifts, `reconcile` compares ids."""
    before = ctx.crm.usage().calls
    result = Pulled()
    there = known(ctx, fresh=True)
    claim(ctx)  # before anything here is touched: another portal has other objects
    result.unavailable = note_absent(ctx, there.reads, there.schemas)
    take_up(ctx.mirror)
    now = ctx.crm.now()
    for read in there.reads:
        schema = there.schema(read.object)
        stream = Stream.load(ctx.mirror, read.key)
        if full or _needs_full(ctx, read, schema, stream, now, refresh=refresh):
            _full(ctx, read, stream, now, run, result)
        else:
            _changes(ctx, read, schema, stream, now, run, result)
            if _due(stream.reconciled_at, ctx.pace.reconcile, now) or reconcile:
                _reconcile(ctx, read, now, result)
        _note_sources(ctx, read, now)
    keep_addresses(ctx, (read.object for read in there.reads))
    result.calls = ctx.crm.usage().calls - before
    return result


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
            rows = mapped(ctx, page, table, source, run, done, result)
            done.changed += rows.rows.num_rows
            ctx.mirror.append(table, source.name, rows.rows, token=token)
            take_cards(ctx, read, page, table, source, rows)
        if done.rows - kept >= KEEP_EVERY:
            kept = done.rows
            for table, source in read.feeds:
                ctx.mirror.keep(table, source.name)
    known = _finish(ctx, read, first=stream.full_at is None)
    done.changed = done.changed if known is None else known
    began = stream.began or now
    stream.finished(cursor=began - ctx.pace.holdback, at=began).save(ctx.mirror, read.key)


def _finish(ctx: Context, read: ObjectRead, *, first: bool) -> int | None:
    """Put what was staged in place; only partners behind rows that differ are decided again.

    How many rows say something new or are gone; None where all are taken for new.
    """
    news: int | None = 0
    for table, source in read.feeds:
        differ = None if first else ctx.mirror.staged_changes(table, source.name, MOST_FOLLOWED)
        if differ is None:
            to_decide(ctx.mirror).add(None)
        with followed(ctx.mirror, table, differ or []):
            ctx.mirror.finish_full(table, source.name)
        news = None if news is None or differ is None else news + len(differ)
    return news


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
        store_page(ctx, read, page, now, run, done, result)
    replace(stream, cursor=max(stream.cursor, now - ctx.pace.holdback)).save(ctx.mirror, read.key)


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
