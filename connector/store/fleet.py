"""What do the processes of a deployment know of each other? Heartbeats, pauses, taken slots, counters, last figures.

All of it is small and none of it is needed to be right about the CRM: losing it costs a sync, never a change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from connector.store import engine as db
from connector.store import fleet_tables as t
from connector.store.inbox import Inbox
from connector.store.upserts import added, insert_new, replaced
from connector.store.versions import FLEET, prepared

AHEAD = timedelta(minutes=5)
"""So far clocks of two machines may differ; what lies further ahead was written by a clock that was wrong."""


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker process that gave a sign of life at `at`; `alive` when that is recent enough."""

    name: str
    at: datetime
    facts: Mapping[str, Any]
    alive: bool


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """Whether work for a connection is done: since when it is so, why it is paused, and when it is tried again.

    `since` is None for a connection that was never paused; `retry_at` is None when only a person can resume it.
    """

    state: Literal["active", "paused"]
    reason: str = ""
    since: datetime | None = None
    retry_at: datetime | None = None

    @property
    def paused(self) -> bool:
        """Whether it rests."""
        return self.state == "paused"


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter that outlives processes."""

    connection: str
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Note:
    """The last known figure of that name, and when it was known; the value is what JSON can hold."""

    connection: str
    name: str
    value: Any
    at: datetime


ACTIVE = ConnectionState("active")


class Fleet:
    """One deployment's own knowledge; threads may share it. Errors of every method: see `engine.writing`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, where: str | Path, password: str | None = None) -> Fleet:
        """Open a SQLite file (a path) or a database URL; made when absent. Errors as `Store.open`."""
        return cls(prepared(where, FLEET, password))

    def inbox(self) -> Inbox:
        """The inbox in the same database, on the same database connections."""
        return Inbox(self._engine)

    def close(self) -> None:
        """Give back the database connections."""
        self._engine.dispose()

    def beat(self, worker: str, at: datetime, facts: Mapping[str, Any] | None = None) -> None:
        """A worker says that it lives, and what it does."""
        values = {"at": at, "facts": json.dumps(dict(facts or {}), sort_keys=True)}
        with db.writing(self._engine, relaxed=True) as held:
            replaced(held, t.workers, {"worker": worker}, values)

    def leave(self, worker: str) -> None:
        """A worker ended as it should; nobody needs to take over from it."""
        with db.writing(self._engine, relaxed=True) as held:
            held.execute(t.workers.delete().where(t.workers.c.worker == worker))

    def workers(self, now: datetime, stale_after: timedelta) -> tuple[Worker, ...]:
        """Every worker that did not leave, by name; silent ones, and beats of a clock far ahead, are not alive."""
        with db.reading(self._engine) as held:
            return tuple(
                Worker(r.worker, r.at, json.loads(r.facts), -AHEAD <= now - r.at <= stale_after)
                for r in held.execute(sa.select(t.workers).order_by(t.workers.c.worker))
            )

    def state(self, connection: str) -> ConnectionState:
        """Whether that connection is paused; active when nothing was ever said."""
        return self.states().get(connection, ACTIVE)

    def states(self) -> dict[str, ConnectionState]:
        """The connections about which something was said."""
        with db.reading(self._engine) as held:
            return {
                r.connection: ConnectionState(r.state, r.reason, r.since, r.retry_at)
                for r in held.execute(sa.select(t.connection_states).order_by(t.connection_states.c.connection))
            }

    def pause(self, connection: str, reason: str, at: datetime, retry_at: datetime | None = None) -> bool:
        """Let a connection rest; True when it was active until now. `since` stays when it rested already."""
        return self._say(connection, "paused", reason, at, retry_at)

    def resume(self, connection: str, at: datetime) -> bool:
        """Let a connection work again; True when it was paused until now."""
        return self._say(connection, "active", "", at, None)

    def _say(self, connection: str, state: str, reason: str, at: datetime, retry_at: datetime | None) -> bool:
        s = t.connection_states.c
        values = {"state": state, "reason": reason, "since": at, "retry_at": retry_at}
        with db.writing(self._engine) as held:
            known = sa.select(s.state, s.since).where(s.connection == connection).with_for_update()
            found = held.execute(known).one_or_none()
            before = found.state if found else "active"
            if found and before == state:
                values["since"] = found.since
            replaced(held, t.connection_states, {"connection": connection}, values)
        return before != state

    def slot(self, connection: str, kind: str, slot: datetime) -> bool:
        """Take a slot of a schedule; True for exactly one caller, for good."""
        row = {"connection": connection, "kind": kind, "slot": slot}
        with db.writing(self._engine) as held:
            return insert_new(held, t.slots, [row]) == 1

    def last_slot(self, connection: str, kind: str) -> datetime | None:
        """The latest slot that was taken; None when none was."""
        s = t.slots.c
        query = sa.select(sa.func.max(s.slot)).where(s.connection == connection, s.kind == kind)
        with db.reading(self._engine) as held:
            found: datetime | None = held.scalar(query)
        return found

    def forget_slots_after(self, connection: str, kind: str, moment: datetime) -> int:
        """Take away slots after that moment, which a clock that was ahead took; how many."""
        s = t.slots.c
        later = t.slots.delete().where(s.connection == connection, s.kind == kind, s.slot > moment)
        with db.writing(self._engine) as held:
            return held.execute(later).rowcount

    def forget_slots(self, before: datetime) -> int:
        """Take away slots before that moment, but never the latest of a kind; how many."""
        s, later = t.slots, t.slots.alias()
        newer = sa.exists().where(
            later.c.connection == s.c.connection, later.c.kind == s.c.kind, later.c.slot > s.c.slot
        )
        with db.writing(self._engine, relaxed=True) as held:
            return held.execute(s.delete().where(s.c.slot < before, newer)).rowcount

    def forget_workers(self, before: datetime) -> int:
        """Take away workers that were last heard of before that moment; how many."""
        with db.writing(self._engine, relaxed=True) as held:
            return held.execute(t.workers.delete().where(t.workers.c.at < before)).rowcount

    def count(self, connection: str, name: str, by: int = 1) -> None:
        """Raise a counter."""
        with db.writing(self._engine, relaxed=True) as held:
            added(held, t.counters, {"connection": connection, "name": name}, by)

    def counters(self) -> tuple[Counter, ...]:
        """Every counter, by connection and name."""
        c = t.counters.c
        with db.reading(self._engine) as held:
            rows = held.execute(sa.select(t.counters).order_by(c.connection, c.name))
            return tuple(Counter(r.connection, r.name, r[2]) for r in rows)

    def note(self, connection: str, facts: Mapping[str, Any], at: datetime) -> None:
        """Keep figures as the last known ones; figures of other names stay."""
        with db.writing(self._engine, relaxed=True) as held:
            for name, value in sorted(facts.items()):
                said = {"value": json.dumps(value, sort_keys=True), "at": at}
                replaced(held, t.notes, {"connection": connection, "name": name}, said)

    def notes(self) -> tuple[Note, ...]:
        """Every figure, by connection and name."""
        n = t.notes.c
        with db.reading(self._engine) as held:
            rows = held.execute(sa.select(t.notes).order_by(n.connection, n.name))
            return tuple(Note(r.connection, r.name, json.loads(r.value), r.at) for r in rows)
