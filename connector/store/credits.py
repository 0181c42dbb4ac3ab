"""What was settled about each opportunity's credit, every version of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from connector.store import tables as t

if TYPE_CHECKING:
    from connector.store.store import Store

_CHUNK = 400  # rows a statement: below SQLite's variable limit


@dataclass(frozen=True, slots=True)
class CreditRow:
    """The latest version of one opportunity's credit; `body` is the core's JSON text."""

    opportunity_id: str
    version: int
    body: str
    sourced_final: bool
    final_close: date | None


@dataclass(frozen=True, slots=True)
class CreditVersion:
    """One version as it is kept for good; `reason` says why there was a new one, `words` what a person said to it."""

    version: int
    run_id: int
    as_of: date
    policy_version: str
    reason: str
    body: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A row that replaces the latest one, and why."""

    row: CreditRow
    reason: str  # first, evidence, policy, merged, reassessed, gone
    words: str = ""


class CreditBook:
    """One connection's credits. Versions are only ever added."""

    def __init__(self, store: Store) -> None:
        self._store, self._name = store, store.connection

    def latest(self, opportunity_ids: Sequence[str] | None = None) -> dict[str, CreditRow]:
        """The latest version of each opportunity, of all of them when no ids are given."""
        table = t.latest_credits
        query = sa.select(table).where(table.c.connection == self._name)
        found: dict[str, CreditRow] = {}
        with self._store.read() as db:
            for part in _parts(query, table.c.opportunity_id, opportunity_ids):
                for r in db.execute(part):
                    found[r.opportunity_id] = CreditRow(
                        r.opportunity_id, r.version, r.body, r.sourced_final, r.final_close
                    )
        return found

    def record(
        self,
        run_id: int,
        as_of: date,
        policy_version: str,
        changed: Iterable[NewVersion],
        relocked: Iterable[CreditRow],
    ) -> None:
        """Add versions, and renew the locks of those that stay as they are; all of it or nothing."""
        new = list(changed)
        every = [each.row for each in new] + list(relocked)
        latest = t.latest_credits
        stamp = {"connection": self._name, "run_id": run_id, "as_of": as_of, "policy_version": policy_version}
        with self._store.begin() as db:
            for start in range(0, len(new), _CHUNK):
                part = [{**stamp, **_version_values(each)} for each in new[start : start + _CHUNK]]
                db.execute(t.credit_versions.insert(), part)
            for start in range(0, len(every), _CHUNK):
                rows = every[start : start + _CHUNK]
                ids = [row.opportunity_id for row in rows]
                db.execute(latest.delete().where(latest.c.connection == self._name, latest.c.opportunity_id.in_(ids)))
                db.execute(latest.insert(), [self._latest_values(row) for row in rows])

    def _latest_values(self, row: CreditRow) -> dict[str, Any]:
        return {
            "connection": self._name,
            "opportunity_id": row.opportunity_id,
            "version": row.version,
            "body": row.body,
            "sourced_final": row.sourced_final,
            "final_close": row.final_close,
        }

    def history(self, opportunity_id: str) -> tuple[CreditVersion, ...]:
        """Every version of one opportunity's credit, newest first."""
        v = t.credit_versions
        query = (
            sa.select(v)
            .where(v.c.connection == self._name, v.c.opportunity_id == opportunity_id)
            .order_by(v.c.version.desc(), v.c.id.desc())
        )
        with self._store.read() as db:
            return tuple(
                CreditVersion(r.version, r.run_id, r.as_of, r.policy_version, r.reason, r.body, r.words)
                for r in db.execute(query)
            )


def _version_values(new: NewVersion) -> dict[str, Any]:
    return {
        "opportunity_id": new.row.opportunity_id,
        "version": new.row.version,
        "reason": new.reason,
        "words": new.words,
        "body": new.row.body,
    }


def _parts(query: sa.Select[Any], column: Any, ids: Sequence[str] | None) -> list[sa.Select[Any]]:
    if ids is None:
        return [query]
    return [query.where(column.in_(ids[start : start + _CHUNK])) for start in range(0, len(ids), _CHUNK)]
