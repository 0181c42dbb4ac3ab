"""The quarterly audits as they were kept: every version for good, and who signed for which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from connector.errors import Misconfigured
from connector.store import tables as t

if TYPE_CHECKING:
    from connector.store.store import Store

_CHUNK = 400  # rows a statement: below SQLite's variable limit

SNAPSHOT, REVISION, RESTATEMENT = "snapshot", "revision", "restatement"


@dataclass(frozen=True, slots=True)
class AuditVersion:
    """One version of a quarter's audit, without its lines; `kind` is snapshot, revision or restatement."""

    quarter: str
    version: int
    kind: str
    taken_at: datetime
    digest: str
    head: str  # the core's JSON text


@dataclass(frozen=True, slots=True)
class LineRow:
    """One partner's line of one version; `body` is the core's JSON text."""

    partner_id: str
    status: str
    digest: str
    body: str


@dataclass(frozen=True, slots=True)
class SignOff:
    """Somebody stood for one version of an audit."""

    quarter: str
    version: int
    digest: str
    by: str
    note: str
    at: datetime


class AuditBook:
    """One connection's audits. Nothing here is ever changed or taken away."""

    def __init__(self, store: Store) -> None:
        self._store, self._name = store, store.connection

    def versions(self, quarter: str | None = None) -> tuple[AuditVersion, ...]:
        """Every version, of one quarter or of all, in the order in which they were kept."""
        a = t.audits
        query = sa.select(a).where(a.c.connection == self._name).order_by(a.c.id)
        if quarter is not None:
            query = query.where(a.c.quarter == quarter)
        with self._store.read() as db:
            return tuple(
                AuditVersion(r.quarter, r.version, r.kind, r.taken_at, r.digest, r.head) for r in db.execute(query)
            )

    def lines(self, quarter: str, version: int) -> tuple[LineRow, ...]:
        """The lines of one version, by partner."""
        x = t.audit_lines
        query = (
            sa.select(x)
            .where(x.c.connection == self._name, x.c.quarter == quarter, x.c.version == version)
            .order_by(x.c.partner_id)
        )
        with self._store.read() as db:
            return tuple(LineRow(r.partner_id, r.status, r.digest, r.body) for r in db.execute(query))

    def marks(
        self, quarter: str, version: int, partners: Sequence[str] | None = None
    ) -> tuple[tuple[str, str, str], ...]:
        """(partner, status, digest) of the lines of one version, or of some partners', without their bodies."""
        x = t.audit_lines
        query = (
            sa.select(x.c.partner_id, x.c.status, x.c.digest)
            .where(x.c.connection == self._name, x.c.quarter == quarter, x.c.version == version)
            .order_by(x.c.partner_id)
        )
        if partners is not None and len(partners) <= _CHUNK:
            query = query.where(x.c.partner_id.in_(partners))
        with self._store.read() as db:
            return tuple((r.partner_id, r.status, r.digest) for r in db.execute(query))

    def record(self, run_id: int, made: AuditVersion, lines: Iterable[LineRow]) -> None:
        """Keep a version with its lines; Misconfigured when that version is there already."""
        rows = list(lines)
        stamp = {"connection": self._name, "quarter": made.quarter, "version": made.version}
        with self._store.begin() as db:
            a = t.audits
            there = sa.select(a.c.id).where(*(a.c[name] == value for name, value in stamp.items()))
            if db.execute(there).first() is not None:
                raise Misconfigured("store", f"{made.quarter} v{made.version} is kept already", "Run it again.")
            said = {"kind": made.kind, "taken_at": made.taken_at, "digest": made.digest, "head": made.head}
            db.execute(a.insert().values(**stamp, run_id=run_id, **said))
            for start in range(0, len(rows), _CHUNK):
                part = rows[start : start + _CHUNK]
                db.execute(
                    t.audit_lines.insert(),
                    [
                        {
                            **stamp,
                            "partner_id": row.partner_id,
                            "status": row.status,
                            "digest": row.digest,
                            "body": row.body,
                        }
                        for row in part
                    ],
                )

    def sign(self, signed: SignOff) -> None:
        """Note that somebody stands for a version."""
        values = {name: getattr(signed, name) for name in ("quarter", "version", "digest", "by", "note", "at")}
        with self._store.begin() as db:
            db.execute(t.audit_signoffs.insert().values(connection=self._name, **values))

    def signoffs(self, quarter: str | None = None) -> tuple[SignOff, ...]:
        """Who signed, in the order in which they did."""
        s = t.audit_signoffs
        query = sa.select(s).where(s.c.connection == self._name).order_by(s.c.id)
        if quarter is not None:
            query = query.where(s.c.quarter == quarter)
        with self._store.read() as db:
            return tuple(SignOff(r.quarter, r.version, r.digest, r.by, r.note, r.at) for r in db.execute(query))

    def decisions_until(self, day: date) -> dict[str, str]:
        """Partner -> JSON of the decision that stood at the end of that day, by the history."""
        return self._picked(day, newest=True)

    def first_decisions(self) -> dict[str, str]:
        """Partner -> JSON of the first decision that was ever kept."""
        return self._picked(None, newest=False)

    def first_day(self) -> date | None:
        """The first day for which anything was decided."""
        d = t.decisions
        query = sa.select(sa.func.min(d.c.as_of)).where(d.c.connection == self._name)
        with self._store.read() as db:
            found: date | None = db.scalar(query)
        return found

    def _picked(self, day: date | None, *, newest: bool) -> dict[str, str]:
        d = t.decisions
        chosen = (
            sa.select(sa.func.max(d.c.id) if newest else sa.func.min(d.c.id))
            .where(d.c.connection == self._name)
            .group_by(d.c.partner_id)
        )
        if day is not None:
            chosen = chosen.where(d.c.as_of <= day)
        query = sa.select(d.c.partner_id, d.c.body).where(d.c.id.in_(chosen))
        with self._store.read() as db:
            return {r.partner_id: r.body for r in db.execute(query)}
