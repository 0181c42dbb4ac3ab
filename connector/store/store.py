"""What must be remembered between runs, in a SQLite file by default or in PostgreSQL.

Decisions and outcomes are append-only. Every method is one transaction: a process killed anywhere leaves the store
as it was before or after the call. Bodies are JSON text made by their owners; the store never looks inside.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from connector.store import engine as databases
from connector.store import tables as t
from connector.store.audits import AuditBook
from connector.store.credits import CreditBook
from connector.store.upserts import replaced, storable
from connector.store.versions import STORE, prepared

CHUNK = 400  # rows a statement: below SQLite's variable limit for every table here


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as `pmom runs` lists it."""

    id: int
    kind: str
    state: str
    started_at: datetime
    finished_at: datetime | None
    summary: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One plan with its body."""

    id: int
    run_id: int
    made_at: datetime
    fingerprint: str
    state: str
    body: str


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """What became of one change of a plan."""

    change: str
    status: str
    record_id: str | None
    before: str
    after: str
    code: str
    message: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """A partner's latest decision and the state that the next run needs, both as JSON text."""

    partner_id: str
    digest: str
    body: str
    previous: str


def _chunks(rows: Sequence[Any], size: int = CHUNK) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


class Store:
    """One connection's memory; several connections may share a database."""

    def __init__(self, engine: sa.Engine, connection: str) -> None:
        self._engine, self._name = engine, connection

    @classmethod
    def open(cls, where: str | Path, connection: str, password: str | None = None) -> Store:
        """Open a SQLite file (a path) or a database URL; made when absent, brought up to date when it is older.

        Raises Misconfigured when it cannot be opened or was written by a newer version, Busy when it is locked,
        Unkept when its server cannot be reached.
        """
        return cls(prepared(where, STORE, password), connection)

    def close(self) -> None:
        """Give back the database connections."""
        self._engine.dispose()

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """One transaction that writes; see `engine.writing`."""
        with databases.writing(self._engine) as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One transaction that only reads and waits for no writer; see `engine.reading`."""
        with databases.reading(self._engine) as connection:
            yield connection

    def begin_run(self, kind: str, at: datetime) -> int:
        """Note that a run begins; runs of this connection that never ended are marked abandoned."""
        with self.begin() as db:
            db.execute(
                t.runs.update()
                .where(t.runs.c.connection == self._name, t.runs.c.state == "running")
                .values(state="abandoned", finished_at=at)
            )
            result = db.execute(
                t.runs.insert().values(connection=self._name, kind=kind, state="running", started_at=at)
            )
            return int(result.inserted_primary_key[0])  # type: ignore[index]

    def end_run(self, run_id: int, state: str, summary: dict[str, Any], at: datetime) -> None:
        """Note how a run ended."""
        with self.begin() as db:
            db.execute(
                t.runs.update()
                .where(t.runs.c.id == run_id)
                .values(state=state, summary=json.dumps(summary, sort_keys=True), finished_at=at)
            )

    def runs(self, limit: int = 20) -> tuple[RunRow, ...]:
        """The newest runs first."""
        query = sa.select(t.runs).where(t.runs.c.connection == self._name).order_by(t.runs.c.id.desc()).limit(limit)
        with self.read() as db:
            return tuple(
                RunRow(r.id, r.kind, r.state, r.started_at, r.finished_at, json.loads(r.summary))
                for r in db.execute(query)
            )

    def state(self, name: str) -> str | None:
        """A named JSON text, such as the task state."""
        query = sa.select(t.states.c.body).where(t.states.c.connection == self._name, t.states.c.name == name)
        with self.read() as db:
            return db.scalar(query)

    def set_state(self, name: str, body: str) -> None:
        """Replace a named JSON text."""
        with self.begin() as db:
            replaced(db, t.states, {"connection": self._name, "name": name}, {"body": body})

    def latest_decisions(self, partner_ids: Sequence[str] | None = None) -> dict[str, DecisionRow]:
        """The latest decision of each partner, of all of them when no ids are given."""
        table = t.latest_decisions
        query = sa.select(table).where(table.c.connection == self._name)
        found: dict[str, DecisionRow] = {}
        with self.read() as db:
            parts = (
                [query]
                if partner_ids is None
                else [query.where(table.c.partner_id.in_(part)) for part in _chunks(partner_ids)]
            )
            for part in parts:
                for r in db.execute(part):
                    found[r.partner_id] = DecisionRow(r.partner_id, r.digest, r.body, r.previous)
        return found

    def record_decisions(
        self,
        run_id: int,
        as_of: date,
        changed: Iterable[DecisionRow],
        restated: Iterable[DecisionRow],
        *,
        gone: Sequence[str] = (),
    ) -> None:
        """Append the changed decisions and replace the latest ones; `restated` only renews the latest.

        `gone` are partners that are no longer decided: their history stays, they leave the latest.
        """
        latest = t.latest_decisions
        new = list(changed)
        every = new + list(restated)
        with self.begin() as db:
            for part in _chunks(new):
                db.execute(
                    t.decisions.insert(),
                    [
                        {
                            "connection": self._name,
                            "partner_id": row.partner_id,
                            "run_id": run_id,
                            "as_of": as_of,
                            "digest": row.digest,
                            "body": row.body,
                        }
                        for row in part
                    ],
                )
            for ids in _chunks([row.partner_id for row in every] + list(gone)):
                db.execute(latest.delete().where(latest.c.connection == self._name, latest.c.partner_id.in_(ids)))
            for part in _chunks(every):
                db.execute(
                    latest.insert(),
                    [
                        {
                            "connection": self._name,
                            "partner_id": row.partner_id,
                            "digest": row.digest,
                            "body": row.body,
                            "previous": row.previous,
                        }
                        for row in part
                    ],
                )

    def decision_history(self, partner_id: str, limit: int = 10) -> tuple[tuple[int, date, str], ...]:
        """(run, as_of, body) of a partner's decisions, newest first; one entry a change."""
        d = t.decisions
        query = (
            sa.select(d.c.run_id, d.c.as_of, d.c.body)
            .where(d.c.connection == self._name, d.c.partner_id == partner_id)
            .order_by(d.c.id.desc())
            .limit(limit)
        )
        with self.read() as db:
            return tuple((r.run_id, r.as_of, r.body) for r in db.execute(query))

    def save_plan(self, run_id: int, fingerprint: str, body: str, at: datetime) -> int:
        """Keep a plan; an open plan before it is superseded."""
        with self.begin() as db:
            db.execute(
                t.plans.update()
                .where(t.plans.c.connection == self._name, t.plans.c.state == "open")
                .values(state="superseded")
            )
            result = db.execute(
                t.plans.insert().values(
                    connection=self._name,
                    run_id=run_id,
                    made_at=at,
                    fingerprint=fingerprint,
                    state="open",
                    body=body,
                )
            )
            return int(result.inserted_primary_key[0])  # type: ignore[index]

    def latest_plan(self) -> PlanRow | None:
        """The newest plan, whatever its state."""
        query = sa.select(t.plans).where(t.plans.c.connection == self._name).order_by(t.plans.c.id.desc()).limit(1)
        with self.read() as db:
            row = db.execute(query).one_or_none()
        return None if row is None else PlanRow(row.id, row.run_id, row.made_at, row.fingerprint, row.state, row.body)

    def close_plan(self, plan_id: int, state: str) -> None:
        """Note what became of a plan."""
        with self.begin() as db:
            db.execute(t.plans.update().where(t.plans.c.id == plan_id).values(state=state))

    def record_outcomes(self, plan_id: int, run_id: int, rows: Sequence[OutcomeRow]) -> None:
        """Append what became of changes."""
        with self.begin() as db:
            for part in _chunks(rows):
                db.execute(
                    t.outcomes.insert(),
                    [
                        {
                            "plan_id": plan_id,
                            "run_id": run_id,
                            "change": storable(row.change, 200),
                            "status": row.status,
                            "record_id": row.record_id,
                            "before": row.before,
                            "after": row.after,
                            "code": storable(row.code, 100),
                            "message": storable(row.message),
                            "at": row.at,
                        }
                        for row in part
                    ],
                )

    def outcomes(
        self, *, plan_id: int | None = None, record_id: str | None = None, limit: int = 1000
    ) -> tuple[OutcomeRow, ...]:
        """Outcomes of a plan or of one record, newest first."""
        o, p = t.outcomes, t.plans
        query = sa.select(o).join(p, p.c.id == o.c.plan_id).where(p.c.connection == self._name)
        if plan_id is not None:
            query = query.where(o.c.plan_id == plan_id)
        if record_id is not None:
            query = query.where(o.c.record_id == record_id)
        with self.read() as db:
            return tuple(
                OutcomeRow(r.change, r.status, r.record_id, r.before, r.after, r.code, r.message, r.at)
                for r in db.execute(query.order_by(o.c.id.desc()).limit(limit))
            )

    @property
    def connection(self) -> str:
        """The name of the connection whose memory this is."""
        return self._name

    def credits(self) -> CreditBook:
        """What was settled about each opportunity's credit."""
        return CreditBook(self)

    def audits(self) -> AuditBook:
        """The quarterly audits as they were kept."""
        return AuditBook(self)

    def ledger(self) -> Ledger:
        """Where the CRM adapter keeps its server-side jobs."""
        return Ledger(self)


class Ledger:
    """The adapter's job ledger on the store (see `crm.base.JobLedger`)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, key: str) -> str | None:
        """The value kept under the key."""
        query = sa.select(t.ledger.c.value).where(t.ledger.c.connection == self._store._name, t.ledger.c.key == key)
        with self._store.read() as db:
            return db.scalar(query)

    def put(self, key: str, value: str) -> None:
        """Keep the value."""
        with self._store.begin() as db:
            replaced(db, t.ledger, {"connection": self._store._name, "key": key}, {"value": value})

    def drop(self, key: str) -> None:
        """Forget the key."""
        with self._store.begin() as db:
            db.execute(t.ledger.delete().where(t.ledger.c.connection == self._store._name, t.ledger.c.key == key))
