"""How far each read of the CRM has come, kept in the mirror beside the rows that it brought.

A cursor in another file could be ahead of the rows after a crash, or survive a mirror that was deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from connector.core.campaign_card import CAMPAIGNS
from connector.core.plan import marked
from connector.mirror import Mirror

EVERYBODY = "*"
_HEAD = "stream:"

TASKS = "+tasks"
"""Among the marks of what to plan: tasks were planned and may not stand in the CRM, so everybody is looked at."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One read's place. `began` and `attempt` belong to a full read that has not ended yet."""

    fingerprint: str = ""
    cursor: datetime | None = None
    full_at: datetime | None = None
    reconciled_at: datetime | None = None
    began: datetime | None = None
    attempt: str = ""  # fingerprint of the unfinished full read

    @staticmethod
    def load(mirror: Mirror, key: str) -> Stream:
        """The stream's place; a new one when it was never read."""
        kept = mirror.get_meta(f"{_HEAD}{key}")
        return Stream() if kept is None else Stream.told(kept)

    @staticmethod
    def known(mirror: Mirror) -> dict[str, Stream]:
        """All places by their keys."""
        rows = mirror.query("SELECT key, value FROM pmom_meta WHERE starts_with(key, ?)", [_HEAD]).to_pylist()
        return {row["key"].removeprefix(_HEAD): Stream.told(row["value"]) for row in rows}

    @staticmethod
    def told(text: str) -> Stream:
        """A place as it is kept."""
        said = json.loads(text)
        moments = {
            name: datetime.fromisoformat(said[name]) if said.get(name) else None
            for name in ("cursor", "full_at", "reconciled_at", "began")
        }
        return Stream(said["fingerprint"], **moments, attempt=said["attempt"])

    def save(self, mirror: Mirror, key: str) -> None:
        """Keep the place; called only after the rows up to it are stored."""
        moments = {
            name: moment.isoformat() if moment else None
            for name, moment in (
                ("cursor", self.cursor),
                ("full_at", self.full_at),
                ("reconciled_at", self.reconciled_at),
                ("began", self.began),
            )
        }
        said = {"fingerprint": self.fingerprint, **moments, "attempt": self.attempt}
        mirror.set_meta(f"stream:{key}", json.dumps(said, sort_keys=True))

    def finished(self, *, cursor: datetime, at: datetime) -> Stream:
        """After a full read: everything up to `cursor` is stored."""
        return replace(
            self, fingerprint=self.attempt, cursor=cursor, full_at=at, reconciled_at=at, began=None, attempt=""
        )


def forget_streams(mirror: Mirror, kept: set[str]) -> None:
    """Forget the places of reads that are no longer made: an object that comes back is read in full again."""
    for row in mirror.query("SELECT key FROM pmom_meta WHERE starts_with(key, 'stream:')").to_pylist():
        if row["key"].removeprefix("stream:") not in kept:
            mirror.set_meta(row["key"], None)


class Marks:
    """A set of records that some step must still look at, kept until that step's results are stored."""

    def __init__(self, mirror: Mirror, name: str) -> None:
        self._mirror, self._key = mirror, f"marks:{name}"

    def read(self) -> set[str] | None:
        """The partners' ids; None means everybody."""
        kept = self._mirror.get_meta(self._key)
        if kept is None:
            return set()
        return None if kept == EVERYBODY else set(json.loads(kept))

    def add(self, ids: set[str] | None) -> None:
        """Add partners; None is everybody."""
        now = self.read()
        if now is None or ids == set():
            return
        self.replace(None if ids is None else now | ids)

    def replace(self, ids: set[str] | None) -> None:
        """Keep exactly these; None is everybody."""
        kept = EVERYBODY if ids is None else json.dumps(sorted(ids)) if ids else None
        self._mirror.set_meta(self._key, kept)


def to_decide(mirror: Mirror) -> Marks:
    """Partners about whom something new arrived."""
    return Marks(mirror, "decide")


def to_credit(mirror: Mirror) -> Marks:
    """Opportunities whose credit may be another now."""
    return Marks(mirror, "credit")


def mark(mirror: Mirror, table: str, ids: list[str]) -> None:
    """Mark the partners and opportunities that changed rows concern, as the rows are now."""
    if not ids:
        return
    to_decide(mirror).add(mirror.affected_partners(table, ids))
    to_credit(mirror).add(mirror.affected_deals(table, ids))
    if table == CAMPAIGNS:  # one that no partner has any more is nobody's to plan
        to_plan(mirror).add({marked(table, id_) for id_ in ids})


def to_plan(mirror: Mirror) -> Marks:
    """Partners whose records may not yet hold what was decided."""
    return Marks(mirror, "plan")


_LINKS_MOVED = "links moved"


def links_moved(mirror: Mirror, at: datetime | None = None) -> datetime | None:
    """When records that others point to were last seen merged away; with `at`, keep that they were.

    What pointed to the record that is gone points to its survivor now, without having been modified itself: fields
    that drift are read again.
    """
    if at is not None:
        mirror.set_meta(_LINKS_MOVED, at.isoformat())
    kept = mirror.get_meta(_LINKS_MOVED)
    return None if kept is None else datetime.fromisoformat(kept)


_FOLLOWED = "followed"


@contextmanager
def followed(mirror: Mirror, table: str, ids: list[str]) -> Iterator[None]:
    """Mark whom a change of these rows concerns, before it and after it.

    A row that moves to another partner concerns that one only once it is stored: what is being changed is noted, so
    that a crash between the change and its marks is made good by `take_up`.
    """
    if not ids:
        yield
        return
    mirror.set_meta(_FOLLOWED, json.dumps([table, ids]))
    mark(mirror, table, ids)
    yield
    take_up(mirror)


def take_up(mirror: Mirror) -> None:
    """Mark whom the last change of rows concerns, as the rows are now, unless that was done."""
    kept = mirror.get_meta(_FOLLOWED)
    if kept is not None:
        table, ids = json.loads(kept)
        mark(mirror, table, ids)
        mirror.set_meta(_FOLLOWED, None)
