"""What was the connector told, and what of it is still to be read? Hints from verified messages, each kept once.

A hint is durable when `record` returns. The same news of the same sender is kept once, however often it is delivered.
Ids grow in the order in which rows become visible and are never given twice.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from connector.hooks.hint import Happened, Hint, Sender
from connector.store import engine as db
from connector.store import fleet_tables as t
from connector.store.upserts import added, insert_new, storable
from connector.store.versions import FLEET, prepared

_CHUNK = 400  # rows a statement
_KEY = 200  # characters; a longer key is kept as its digest
_LOCK = 0x706D6F6D01  # PostgreSQL's advisory lock that makes ids visible in their order


@dataclass(frozen=True, slots=True)
class Waiting:
    """What one connection's inbox holds unread; moments are those of arrival, `highest` is an id."""

    connection: str
    count: int
    oldest: datetime
    newest: datetime
    highest: int


@dataclass(frozen=True, slots=True)
class Held:
    """One hint in the inbox."""

    id: int
    hint: Hint
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Counted:
    """How many hints came (received, duplicate) and how they ended (read, echo, unmapped, dropped), since ever."""

    connection: str
    sender: Sender
    state: str
    count: int


class Inbox:
    """One inbox for a whole deployment; threads may share it. Errors of every method: see `engine.writing`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, where: str | Path, password: str | None = None) -> Inbox:
        """Open a SQLite file (a path) or a database URL; made when absent. Errors as `Store.open`."""
        return cls(prepared(where, FLEET, password))

    def close(self) -> None:
        """Give back the database connections."""
        self._engine.dispose()

    def record(self, items: Sequence[tuple[str, Hint]], at: datetime) -> int:
        """Keep (connection, hint) in one durable transaction; how many of them were news."""
        if not items:
            return 0
        groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for connection, hint in items:
            groups.setdefault((connection, hint.sender.value), []).append(_values(connection, hint, at))
        counts: Counter[tuple[str, str, str]] = Counter()
        with db.writing(self._engine) as held:
            if self._engine.dialect.name == "postgresql":
                held.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            for group, rows in groups.items():
                new = insert_new(held, t.inbox, rows)
                counts[(*group, "received")] += new
                counts[(*group, "duplicate")] += len(rows) - new
            self._count(held, counts)
        return sum(count for (_, _, state), count in counts.items() if state == "received")

    def waiting(self) -> tuple[Waiting, ...]:
        """What waits, by connection; connections without anything unread are absent."""
        i = t.inbox.c
        query = (
            sa.select(
                i.connection,
                sa.func.count().label("count"),
                sa.func.min(i.received_at).label("oldest"),
                sa.func.max(i.received_at).label("newest"),
                sa.func.max(i.id).label("highest"),
            )
            .where(_unread())
            .group_by(i.connection)
            .order_by(i.connection)
        )
        with db.reading(self._engine) as held:
            return tuple(Waiting(r.connection, r[1], r.oldest, r.newest, r.highest) for r in held.execute(query))

    def take(self, connection: str, up_to: int, limit: int = 5000) -> tuple[Held, ...]:
        """Unread hints of a connection with ids up to `up_to`, oldest first, at most `limit`. They stay unread."""
        i = t.inbox.c
        query = (
            sa.select(t.inbox).where(_unread(), i.connection == connection, i.id <= up_to).order_by(i.id).limit(limit)
        )
        with db.reading(self._engine) as held:
            return tuple(Held(r.id, _hint(r), r.received_at) for r in held.execute(query))

    def done(self, ids: Sequence[int], at: datetime, *, how: str = "read") -> None:
        """Mark hints as dealt with; `how` is read, echo, unmapped or dropped. A mark is never changed."""
        i = t.inbox.c
        counts: Counter[tuple[str, str, str]] = Counter()
        with db.writing(self._engine, relaxed=True) as held:
            for part in _parts(sorted(set(ids))):
                marked = held.execute(
                    t.inbox.update()
                    .where(i.id.in_(part), _unread())
                    .values(done_at=at, how=how)
                    .returning(i.connection, i.sender)
                )
                counts.update((r.connection, r.sender, how) for r in marked)
            self._count(held, counts)

    def forget(self, before: datetime) -> int:
        """Take away what was dealt with before that moment; how many rows. Unread hints are never forgotten."""
        i, gone = t.inbox.c, 0
        old = sa.select(i.id).where(i.done_at < before).order_by(i.id).limit(_CHUNK * 10)
        while True:  # in small steps, so that nobody who writes waits long
            with db.writing(self._engine, relaxed=True) as held:
                count = held.execute(t.inbox.delete().where(i.id.in_(old.scalar_subquery()))).rowcount
            gone += count
            if count < _CHUNK * 10:
                return gone

    def counts(self) -> tuple[Counted, ...]:
        """Every count since the database was made; forgetting rows does not lower them."""
        c = t.inbox_counts.c
        query = sa.select(t.inbox_counts).order_by(c.connection, c.sender, c.state)
        with db.reading(self._engine) as held:
            return tuple(Counted(r.connection, Sender(r.sender), r.state, r[3]) for r in held.execute(query))

    def _count(self, held: sa.Connection, counts: Mapping[tuple[str, str, str], int]) -> None:
        for (connection, sender, state), count in sorted(counts.items()):  # one order: writers never embrace
            if count:
                key = {"connection": connection, "sender": sender, "state": state}
                added(held, t.inbox_counts, key, count)


def _unread() -> sa.TextClause:
    return sa.text("inbox.done_at IS NULL")  # literal: the partial index is only found by its own words


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]


def _values(connection: str, hint: Hint, at: datetime) -> dict[str, Any]:
    key = storable(hint.key)
    return {
        "connection": connection,
        "sender": hint.sender.value,
        "key": key if len(key) <= _KEY else hashlib.sha256(key.encode()).hexdigest(),
        "object": storable(hint.object),
        "record_id": storable(hint.record_id),
        "happened": hint.happened.value,
        "occurred_at": hint.occurred_at,
        "property": storable(hint.property),
        "written_by": storable(hint.written_by),
        "received_at": at,
    }


def _hint(row: Any) -> Hint:
    return Hint(
        sender=Sender(row.sender),
        object=row.object,
        record_id=row.record_id,
        happened=Happened(row.happened),
        key=row.key,
        occurred_at=row.occurred_at,
        property=row.property,
        written_by=row.written_by,
    )


def ids_of(held: Iterable[Held]) -> tuple[int, ...]:
    """The ids, for `Inbox.done`."""
    return tuple(each.id for each in held)
