"""What work is there, who asked for it, and what is it called? Plain values that any version can read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """One kind of work on one connection."""

    DRAIN = "drain"  # read again what hints named, decide and write
    SYNC = "sync"
    RECALCULATE = "recalculate"  # decide and write without reading
    AUDIT = "audit"
    PROBE = "probe"  # is a connection that was set aside back?
    RETENTION = "retention"
    OTHER = "other"  # what this version does not know: only looked at, cancelled or set aside


KNOWN = tuple(each for each in Kind if each is not Kind.OTHER)


class By(StrEnum):
    """Who asked; a person who waits comes first."""

    PERSON = "person"
    HINTS = "hints"
    SCHEDULE = "schedule"


PERSON, HINTS, SCHEDULE, RETENTION = 10, 20, 30, 40
"""Priorities: the lowest number is done first."""


@dataclass(frozen=True, slots=True)
class Order:
    """One piece of work as it waits in the queue. `key` tells orders of a kind and connection apart."""

    kind: Kind
    connection: str
    by: By
    key: str
    attempt: int = 1
    failures: int = 0  # tries that failed in a row
    partner: str = ""  # of a recalculation; empty is everybody
    full: bool = False  # of a sync: everything is read anew

    @property
    def id(self) -> str:
        """The same for the same work, so that whoever asks twice asks once."""
        again = f"~{self.attempt}" if self.attempt > 1 else ""
        return f"{self.kind}:{self.connection}:{self.key}{again}"

    @property
    def priority(self) -> int:
        """The lower, the sooner."""
        if self.by is By.PERSON:
            return PERSON
        if self.kind is Kind.RETENTION:
            return RETENTION
        return HINTS if self.by is By.HINTS or self.kind is Kind.PROBE else SCHEDULE

    def again(self, *, failed: bool) -> Order:
        """The next try of the same work."""
        return replace(self, attempt=self.attempt + 1, failures=self.failures + failed)

    def renewed(self, attempts: int) -> Order:
        """The same work once more for a person, after so many tries."""
        return replace(self, attempt=attempts + 1, failures=0, by=By.PERSON)

    def as_json(self) -> dict[str, Any]:
        """As it is kept in the queue."""
        return asdict(self)

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Order:
        """What `as_json` kept; what a newer version said besides is left aside."""
        known = {name: said[name] for name in cls.__dataclass_fields__ if name in said}
        return cls(**{**known, "kind": Kind(said["kind"]), "by": By(said["by"])})


def known(said: dict[str, Any]) -> bool:
    """Whether this version of pmom knows the work: a newer one may have asked for it."""
    return said.get("kind") in KNOWN and said.get("by") in tuple(By)
