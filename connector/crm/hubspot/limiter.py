"""How many calls went out lately, how many may, and how long until the next may: pure state, times are given.

A window counts calls in a hundredth of its length, so that its size does not grow with the limit. A call counts until
the whole hundredth in which it was last known to be on its way has left the window: never too few are counted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

PARTS = 100
SLACK = 0.2  # seconds between two calls' ways to the portal that need no count of their own
LONGEST_BLOCK = 120.0
TRUST = 300.0  # seconds for which the day's numbers may stop a call without asking again
SHORTEST_WAIT = 0.01


@dataclass(slots=True)
class Window:
    """At most `limit` calls in any `interval` seconds; `others` is what others were seen to use at `others_at`."""

    limit: int
    interval: float
    slack: float = 0.0
    taken: dict[int, int] = field(default_factory=dict)
    blocked: float = 0.0
    others: float = 0.0
    others_at: float = 0.0

    @property
    def part(self) -> float:
        """The length of one count."""
        return self.interval / PARTS

    @property
    def capacity(self) -> int:
        """How many calls we make of the limit: a large one keeps a little back."""
        return max(1, self.limit - min(2, self.limit // 50))

    def ours(self) -> int:
        """Our calls in the window."""
        return sum(self.taken.values())

    def slot(self, now: float) -> int:
        """The hundredth that `now` lies in."""
        return int(now / self.part)

    def add(self, now: float) -> int:
        """One call goes out; the slot that it counts in."""
        slot = self.slot(now)
        self.taken[slot] = self.taken.get(slot, 0) + 1
        return slot

    def move(self, slot: int, now: float) -> None:
        """A call of that slot was on its way until now: it counts from now on."""
        if slot in self.taken:
            self.taken[slot] -= 1
            if not self.taken[slot]:
                del self.taken[slot]
        self.add(now)

    def prune(self, now: float) -> None:
        """Forget what has left the window, and what a clock that was set back has put into the future."""
        newest = self.slot(now)
        gone = [s for s in self.taken if self._ends(s) <= now or s > newest]
        for slot in gone:
            del self.taken[slot]
        if self.blocked > now + LONGEST_BLOCK:
            self.blocked = 0.0
        if not now - self.interval < self.others_at <= now:
            self.others = 0.0

    def wait(self, now: float) -> float:
        """Seconds until a call may go out; 0 when it may now."""
        self.prune(now)
        if self.blocked > now:
            return self.blocked - now
        missing = self.ours() + self._others(now) + 1 - self.capacity
        if missing <= 1e-9:
            return 0.0
        return max(SHORTEST_WAIT, min(self._own_end(missing) - now, self._others_end(missing, now) - now))

    def block(self, until: float) -> None:
        """Nobody calls before then."""
        self.blocked = max(self.blocked, until)

    def see(self, limit: int, interval: float, remaining: int, ours: int, now: float) -> None:
        """The portal told its numbers; `ours` is at least what we had used of them."""
        if interval != self.interval:
            ratio = self.interval / interval
            self.interval, old, self.taken = interval, self.taken, {}
            for slot, calls in old.items():
                moved = min(int((slot + 1) * ratio), self.slot(now))  # what lies ahead would be forgotten
                self.taken[moved] = self.taken.get(moved, 0) + calls
        self.limit = limit
        self.others, self.others_at = max(0.0, float(limit - remaining - ours)), now

    def _ends(self, slot: int) -> float:
        return (slot + 1) * self.part + self.interval + self.slack

    def _others(self, now: float) -> float:
        """What others still use: the window rolls, so that their calls leave it as ours do."""
        return self.others * max(0.0, 1 - (now - self.others_at) / self.interval)

    def _own_end(self, missing: float) -> float:
        freed = 0
        for slot in sorted(self.taken):
            freed += self.taken[slot]
            if freed >= missing:
                return self._ends(slot)
        return float("inf")

    def _others_end(self, missing: float, now: float) -> float:
        still = self._others(now)
        if still <= 0:
            return float("inf")
        return now + self.interval * min(missing, still) / self.others


@dataclass(slots=True)
class Day:
    """The account's calls of the day as last told, and ours; `zone` is where midnight is."""

    limit: int = 0
    remaining: int = 0
    at: float | None = None  # when it was told
    own: int = 0
    date: str = ""
    zone: str = ""

    def begin(self, date: str) -> None:
        """Our count begins anew with the day."""
        if date != self.date:
            self.date, self.own = date, 0

    def see(self, limit: int, remaining: int, now: float) -> None:
        """The portal told its numbers; many more left than before means that a day began."""
        if self.limit and remaining > self.remaining + max(50, limit // 20):
            self.own = 0
        self.limit, self.remaining, self.at = limit, remaining, now

    def room(self, share: float, reserve: float, now: float) -> int | None:
        """How many more calls fit; None while the portal told nothing lately."""
        if not self.limit:
            return None
        rooms = [int(self.limit * share) - self.own]
        if self.at is not None and 0 <= now - self.at <= TRUST:
            rooms.append(self.remaining - int(self.limit * reserve))
        return max(0, min(rooms))


@dataclass(slots=True)
class Limits:
    """All that processes share about one token's limits."""

    burst: Window
    search: Window
    day: Day = field(default_factory=Day)
    serial: int = 0  # calls ever let out


def fresh(burst: int, searches: float) -> Limits:
    """What is assumed before the portal has told anything; `searches` is a rate per second."""
    at_once = max(1, int(searches))
    return Limits(Window(burst, 10.0, SLACK), Window(at_once, at_once / searches))


def packed(limits: Limits) -> str:
    """The state as a text."""
    day = limits.day
    return json.dumps(
        [
            _packed(limits.burst),
            _packed(limits.search),
            [day.limit, day.remaining, day.at, day.own, day.date, day.zone],
            limits.serial,
        ]
    )


def unpacked(text: str, searches: float) -> Limits:
    """The state of a text; ValueError, TypeError, LookupError when it is none. Our own rate of searches holds."""
    burst, search, day, serial = json.loads(text)
    limits = Limits(_window(burst), _window(search), _day(day), int(serial))
    own = fresh(1, searches).search
    if (limits.search.limit, limits.search.interval) != (own.limit, own.interval):
        own.taken = limits.search.taken if limits.search.interval == own.interval else {}
        own.blocked, limits.search = limits.search.blocked, own
    return limits


def _day(packed: list[Any]) -> Day:
    limit, remaining, at, own, date, zone = packed
    return Day(int(limit), int(remaining), None if at is None else float(at), int(own), str(date), str(zone))


def _packed(window: Window) -> list[Any]:
    head = [window.limit, window.interval, window.slack, window.blocked, window.others, window.others_at]
    return [*head, *(number for pair in window.taken.items() for number in pair)]


def _window(packed: list[Any]) -> Window:
    limit, interval, slack, blocked, others, others_at, *taken = packed
    counts = {int(slot): int(count) for slot, count in zip(taken[::2], taken[1::2], strict=True)}
    if limit < 1 or not interval > 0 or min(counts.values(), default=1) < 1:
        raise ValueError("no limits")
    return Window(int(limit), float(interval), float(slack), counts, float(blocked), float(others), float(others_at))
