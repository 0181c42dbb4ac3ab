"""Who would be decided otherwise under another policy, and how much live money would that touch?

Both sides are decided from the same records on the same day, so that nothing but the policy differs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from connector.core.decisions import Decision
from connector.core.facts import LiveItem


@dataclass(frozen=True, slots=True)
class Money:
    """Live fund requests and campaigns: how many, their amounts together, and how many have none known."""

    items: int = 0
    amount: Decimal = Decimal(0)
    unknown: int = 0

    def __add__(self, other: Money) -> Money:
        return Money(self.items + other.items, self.amount + other.amount, self.unknown + other.unknown)


def money_of(items: Iterable[LiveItem]) -> Money:
    """The items' amounts together; an item without an amount is counted, never taken as zero."""
    kept = tuple(items)
    known = [item.amount for item in kept if item.amount is not None]
    return Money(len(kept), sum(known, Decimal(0)), len(kept) - len(known))


@dataclass(frozen=True, slots=True)
class Moved:
    """One partner whom the other policy treats otherwise."""

    partner_id: str
    name: str
    before: str  # the outcome under the policy in force
    after: str  # under the other one
    lever_before: str
    lever_after: str
    reasons_before: tuple[str, ...]
    reasons_after: tuple[str, ...]
    motions_closed: tuple[str, ...]
    motions_opened: tuple[str, ...]
    live: Money
    closed: Money  # live items in motions that would no longer be allowed
    opened: Money  # live items in motions that are not allowed now and would be


@dataclass(frozen=True, slots=True)
class Class:
    """Everybody who goes from one outcome to another (the same, when only a lever or a motion changes)."""

    before: str
    after: str
    partners: int
    live: Money
    closed: Money
    opened: Money


@dataclass(frozen=True, slots=True)
class Backtest:
    """The comparison; `partners` is how many were decided on each side."""

    as_of: date
    policy: str
    other: str
    currency: str
    partners: int
    moved: tuple[Moved, ...]
    stale: int = 0  # partners on whom nothing new could be decided, as the records are too old on that day

    @property
    def decisions(self) -> int:
        """Partners whose outcome would be another."""
        return sum(1 for each in self.moved if each.before != each.after)

    @property
    def levers(self) -> int:
        """Partners whose lever would be another."""
        return sum(1 for each in self.moved if each.lever_before != each.lever_after)

    @property
    def classes(self) -> tuple[Class, ...]:
        """The moved partners by outcome, from and to, the largest first."""
        groups: dict[tuple[str, str], list[Moved]] = defaultdict(list)
        for each in self.moved:
            groups[each.before, each.after].append(each)
        found = [
            Class(
                before,
                after,
                len(group),
                sum((each.live for each in group), Money()),
                sum((each.closed for each in group), Money()),
                sum((each.opened for each in group), Money()),
            )
            for (before, after), group in groups.items()
        ]
        return tuple(sorted(found, key=lambda each: (-each.partners, each.before, each.after)))


def compared(now: Decision, other: Decision) -> Moved | None:
    """What the other policy changes about one partner; None when outcome, lever and motions stay."""
    closed = tuple(motion for motion in now.allowed_motions if motion not in other.allowed_motions)
    opened = tuple(motion for motion in other.allowed_motions if motion not in now.allowed_motions)
    if now.outcome is other.outcome and now.lever is other.lever and not closed and not opened:
        return None
    return Moved(
        partner_id=now.partner_id,
        name=now.name,
        before=now.outcome.value,
        after=other.outcome.value,
        lever_before=now.lever.value,
        lever_after=other.lever.value,
        reasons_before=now.reasons,
        reasons_after=other.reasons,
        motions_closed=closed,
        motions_opened=opened,
        live=money_of(now.live),
        closed=money_of(item for item in now.live if item.motion in closed),
        opened=money_of(item for item in now.live if item.motion in opened),
    )
