"""What do named records of the CRM say now, with what hangs on them and what they lead to?

A record is read by its id, in the fewest calls, with all fields that any canonical table takes from it. Where it says
something new, two more things are read: what hangs on it without being able to announce itself (the stages that an
opportunity went through, partners in a role), and records that it names and the mirror does not know (the account of
a new opportunity). Everything is stored as a pull would store it; cursors stay where they are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from connector.config.fieldmap import Source
from connector.config.reads import ObjectRead
from connector.core import records
from connector.crm.base import Filter, Op, Page, ReadRequest
from connector.mapping import DELETED, MERGED
from connector.mirror.affected import among
from connector.sync.context import Context
from connector.sync.known import Known
from connector.sync.rows import ObjectPull, Pulled, store_page

HANGS_ON = {"opportunity_id": "opportunities", "account_id": "accounts"}
"""Column of a row that hangs on a record -> the canonical table of that record."""

LEADS_TO = {
    "opportunity_id": ("opportunities",),
    "account_id": ("accounts", "partners"),
    "partner_id": ("partners", "accounts"),
    "campaign_id": ("campaigns",),
    "contact_id": ("contacts",),
    "request_id": ("fund_requests",),
}
"""Column -> the canonical tables of which one should hold what it names. Activities are followed from the other side:
what a meeting was about announces itself."""

LASTING = frozenset({"stage_history"})
"""What happened stays: a CRM that keeps only the last changes of a record does not take the others back."""

ROUNDS = 4
"""A link leads to its opportunity, that to its account, and that to its partners."""

_ABSENT = "absent"


@dataclass(slots=True)
class Told:
    """What named records came to; a record is (object in lower case, id)."""

    asked: set[tuple[str, str]] = field(default_factory=set)
    different: set[tuple[str, str]] = field(
        default_factory=set
    )  # say something new, are gone, or were edited by others
    unmapped: set[tuple[str, str]] = field(default_factory=set)  # of objects that the mapping does not read


def take_named(
    ctx: Context, there: Known, named: Mapping[str, Collection[str]], now: datetime, run: str, result: Pulled
) -> Told:
    """Read records by object and id, then what hangs on them and what they lead to; store all of it."""
    told, objects = Told(), by_object(there.reads)
    asked: dict[str, set[str]] = {}
    for name, ids in named.items():
        if name.lower() in objects:
            asked.setdefault(name.lower(), set()).update(ids)
        else:
            told.unmapped |= {(name.lower(), id_) for id_ in ids}
    for _ in range(ROUNDS):
        touched: dict[str, set[str]] = {}
        for name, ids in sorted(asked.items()):
            told.asked |= {(name, id_) for id_ in ids}
            _merge(touched, _take(ctx, objects[name], sorted(ids), now, run, result, told))
        _merge(touched, _take_hanging(ctx, there, touched, now, run, result))
        asked = _unknown(ctx, there, touched, told)
        if not asked:
            break
    return told


def by_object(planned: Iterable[ObjectRead]) -> dict[str, ObjectRead]:
    """One read an object, by its name in lower case: with the fields and feeds of all its reads, and no condition."""
    found: dict[str, ObjectRead] = {}
    for read in planned:
        known = found.get(read.object.lower())
        fields = set(read.fields) | (set(known.fields) if known else set())
        feeds = (*(known.feeds if known else ()), *read.feeds)
        found[read.object.lower()] = ObjectRead(read.object, tuple(sorted(fields)), (), feeds)
    return found


def _take(
    ctx: Context, read: ObjectRead, ids: list[str], now: datetime, run: str, result: Pulled, told: Told
) -> dict[str, set[str]]:
    """Read and store these records; one that the CRM does not show any more is gone."""
    done = ObjectPull(read.object, "named")
    result.objects.append(done)
    id_field = _id_field(read)
    request = ReadRequest(read.object, read.fields, (Filter(id_field, Op.IN, tuple(ids)),), deleted=True)
    touched: dict[str, set[str]] = {}
    for page in _with_missing(ctx.crm.read(request, ctx.progress), id_field, set(ids)):
        for table, rows in store_page(ctx, read, page, now, run, done, result).items():
            touched.setdefault(table, set()).update(rows)
    told.different |= {(read.object.lower(), _record(id_)) for rows in touched.values() for id_ in rows}
    return touched


def _take_hanging(
    ctx: Context, there: Known, touched: Mapping[str, set[str]], now: datetime, run: str, result: Pulled
) -> dict[str, set[str]]:
    """Read what hangs on the records behind changed rows and has no message of its own."""
    found: dict[str, set[str]] = {}
    for read in there.reads:
        if there.schema(read.object).announced:
            continue
        for name, parents in _parents(read, touched).items():
            done = ObjectPull(read.object, "hanging")
            result.objects.append(done)
            where = (*read.where, Filter(name, Op.IN, tuple(sorted(parents))))
            request = ReadRequest(read.object, read.fields, where, deleted=False)
            held = _held_below(ctx, read, name, parents)
            for page in _with_missing(ctx.crm.read(request, ctx.progress), _id_field(read), held):
                for table, rows in store_page(ctx, read, page, now, run, done, result).items():
                    found.setdefault(table, set()).update(rows)
    return found


def _parents(read: ObjectRead, touched: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The read's fields that name changed records, each with the ids of those."""
    found: dict[str, set[str]] = {}
    for _, source in read.feeds:
        for column, table in HANGS_ON.items():
            rule = source.rule(column)
            ids = {_record(id_) for id_ in touched.get(table, ())}
            if rule is not None and len(rule.fields) == 1 and not (rule.via or rule.each) and ids:
                found.setdefault(rule.fields[0], set()).update(ids)
    return found


def _held_below(ctx: Context, read: ObjectRead, name: str, parents: set[str]) -> set[str]:
    """The records of the read that the mirror knows to hang on these."""
    found: set[str] = set()
    for table, source in read.feeds:
        columns = [rule.column for rule in source.columns if rule.fields == (name,) and rule.column in HANGS_ON]
        if table not in LASTING and columns:
            below = f"SELECT id FROM ({ctx.mirror.held(table, source.name)}) WHERE {among(columns[0], parents)}"
            found |= {_record(str(id_)) for id_ in ctx.mirror.query(below).column("id").to_pylist()}
    return found


def _unknown(ctx: Context, there: Known, touched: Mapping[str, set[str]], told: Told) -> dict[str, set[str]]:
    """By object the records that changed rows name and that the mirror does not hold; each is asked for once."""
    wanted: dict[str, set[str]] = {}
    for table, ids in sorted(touched.items()):
        for column in records.table(table).columns:
            homes = LEADS_TO.get(column.name, ())
            if not ids or not homes or table in homes:
                continue
            for id_ in _not_held(ctx, table, column.name, ids, homes):
                for name in _objects_of(there, homes):
                    if (name, id_) not in told.asked and (name, id_) not in ctx.kept.setdefault(_ABSENT, set()):
                        wanted.setdefault(name, set()).add(id_)
                        ctx.kept[_ABSENT].add((name, id_))  # what stays unknown is not asked for at every hint
    return wanted


def forget_absent(ctx: Context) -> None:
    """Ask again for what the CRM did not show: a pull may have found what changed that."""
    ctx.kept.pop(_ABSENT, None)


def _not_held(ctx: Context, table: str, column: str, ids: set[str], homes: tuple[str, ...]) -> list[str]:
    rows = ctx.mirror.query(f'SELECT DISTINCT "{column}" AS id FROM "{table}" WHERE {among("id", ids)}')
    named = {str(id_) for id_ in rows.column("id").to_pylist() if id_ is not None}
    for home in (*homes, "aliases"):
        if named:
            held = ctx.mirror.query(f"SELECT DISTINCT id FROM {home} WHERE {among('id', named)}")
            named -= set(held.column("id").to_pylist())
    return sorted(named)


def _objects_of(there: Known, tables: tuple[str, ...]) -> list[str]:
    """The objects whose records are rows of one of these tables under their own ids."""
    names = [
        read.object.lower()
        for table in tables
        for read in there.reads
        for fed, source in read.feeds
        if fed == table and _plain(source)
    ]
    return list(dict.fromkeys(names))


def _plain(source: Source) -> bool:
    rule = source.rule("id")
    return rule is not None and rule.tag is None and source.spread() is None


def _id_field(read: ObjectRead) -> str:
    rule = read.feeds[0][1].rule("id")
    assert rule is not None
    return rule.fields[0]


def _record(row_id: str) -> str:
    """The record behind a canonical id: where one record makes several rows, its id is followed by more."""
    return row_id.partition(":")[0]


def _with_missing(pages: Iterator[Page], id_field: str, ids: set[str]) -> Iterator[Page]:
    """The pages, and one more with those of the ids that were on none of them, as deleted."""
    left = set(ids)
    for page in pages:
        names = {name.lower(): name for name in page.rows.column_names}
        left -= set(page.rows.column(names[id_field.lower()]).to_pylist())
        yield page
    if left:
        yield Page(_gone(id_field, sorted(left)))


def _gone(id_field: str, ids: list[str]) -> pa.Table:
    """Nothing but who they were."""
    return pa.table(
        {
            id_field: pa.array(ids, pa.string()),
            DELETED: pa.array([True] * len(ids), pa.bool_()),
            MERGED: pa.nulls(len(ids), pa.string()),
        }
    )


def _merge(into: dict[str, set[str]], more: Mapping[str, set[str]]) -> None:
    for table, ids in more.items():
        into.setdefault(table, set()).update(ids)
