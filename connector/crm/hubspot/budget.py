"""May we make another call: the portal's limits, our share of the day, and what must stay for others.

Fed by the headers of every answer. A limit that nobody has told yet stops nothing but a first burst.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from connector.crm.base import Usage
from connector.crm.hubspot.connection import HubSpotConnection
from connector.crm.hubspot.limit_file import LimitCell
from connector.crm.hubspot.limiter import SLACK, Limits, fresh
from connector.errors import BudgetExhausted

_BURST = ("x-hubspot-ratelimit-max", "x-hubspot-ratelimit-interval-milliseconds", "x-hubspot-ratelimit-remaining")
_DAILY = ("x-hubspot-ratelimit-daily", "x-hubspot-ratelimit-daily-remaining")
_OWN_WORDS = 1.0  # seconds after which an answer's "remaining" says nothing about others any more


@dataclass(frozen=True, slots=True)
class Ticket:
    """A call that was let out: when, in which slot, and how many of ours the portal may have counted with it."""

    search: bool
    at: float
    slot: int
    ours: int
    serial: int


@dataclass(frozen=True, slots=True)
class _Heard:
    """Headers of an answer that are told to the other processes with the next call."""

    ticket: Ticket
    at: float
    burst: tuple[int, int, int] | None
    daily: tuple[int, int] | None


class Budget:
    """Lets calls out one by one, waiting where a limit asks for it, and counts them by kind.

    `clock` is the machine's monotonic one, which its processes share and which nobody sets; `today` only tells days.
    """

    def __init__(
        self,
        connection: HubSpotConnection,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._share, self._reserve = connection.budget_share, connection.budget_reserve
        self._sleep, self._machine, self._today = sleep, clock, today
        self._ahead = 0.0
        first = fresh(connection.burst, connection.searches)
        self._cell = LimitCell(connection.budget_file, _name(connection), first, connection.searches)
        self._lock = threading.Lock()
        self._heard: _Heard | None = None
        self._known: tuple[int, int] | None = None  # the burst limit and interval that the others know of
        self.by_kind: Counter[str] = Counter()

    def usage(self) -> Usage:
        """The account's calls of the day as last told; 0 of 0 before the portal told anything."""
        with self._cell.change() as limits:
            self._catch_up(limits)
            used, limit = limits.day.limit - limits.day.remaining, limits.day.limit
        return Usage(used=used, limit=limit, calls=sum(self.by_kind.values()))

    def room(self) -> int | None:
        """How many more calls fit today; None while the limit is unknown."""
        with self._cell.change() as limits:
            self._catch_up(limits)
            return limits.day.room(self._share, self._reserve, self._now())

    def require(self, calls: int, what: str) -> None:
        """BudgetExhausted when `calls` more would not fit today; says what was to be done with them."""
        with self._cell.change() as limits:
            self._catch_up(limits)
            self._require(limits, calls, what)

    def take(self, search: bool, kind: str, what: str) -> Ticket:
        """Counts one call, having waited until it may go out; BudgetExhausted when the day has no room for it."""
        while True:
            with self._cell.change() as limits:
                now = self._catch_up(limits)
                self._require(limits, 1, what)
                window = limits.search if search else limits.burst
                wait = window.wait(now)
                if wait <= 0:
                    slot = window.add(now)
                    limits.serial += 1
                    limits.day.own += 1
                    ticket = Ticket(search, now, slot, window.ours(), limits.serial)
                    break
            self.rest(wait)
        with self._lock:
            self.by_kind[kind] += 1
        return ticket

    def landed(self, ticket: Ticket, headers: Mapping[str, str]) -> None:
        """The call was answered, or was lost (no headers); names are lower-case.

        Numbers wait for the next call to be shared, except a limit that is new and a call that was long on its way.
        """
        now = self._now()
        burst = None if ticket.search else _numbers(headers, _BURST)
        daily = _numbers(headers, _DAILY)
        if burst is not None or daily is not None:
            three = (burst[0], burst[1], burst[2]) if burst and burst[0] > 0 and burst[1] > 0 else None
            two = (daily[0], daily[1]) if daily and daily[0] > 0 else None
            self._heard = _Heard(ticket, now, three, two)
        new = burst is not None and (burst[0], burst[1]) != self._known
        late = ticket.search or now - ticket.at > SLACK
        if new or late:
            with self._cell.change() as limits:
                self._catch_up(limits)
                if late:
                    (limits.search if ticket.search else limits.burst).move(ticket.slot, now)

    def refused(self, search: bool, after: float) -> None:
        """A limit stopped a call: nobody calls for that many seconds."""
        with self._cell.change() as limits:
            (limits.search if search else limits.burst).block(self._now() + after)

    def rest(self, seconds: float) -> None:
        """Sleeps; a sleep that returns early, as a test's does, counts as slept, so that nothing ever spins."""
        begun = self._machine()
        self._sleep(seconds)
        self._ahead += max(0.0, seconds - (self._machine() - begun))

    def zone(self, name: str) -> None:
        """The portal's time zone, in which its day ends."""
        with self._cell.change() as limits:
            limits.day.zone = name

    def reset(self) -> str:
        """When the day's calls begin anew, in words."""
        with self._cell.change() as limits:
            name = limits.day.zone
        if not name:
            return "at midnight of the portal's time zone"
        here = self._today().astimezone(_zone(name))
        midnight = (here + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return f"at {midnight.astimezone(UTC):%Y-%m-%d %H:%M} UTC (midnight in {name})"

    def close(self) -> None:
        """Tell what was heard last and give back the file."""
        if self._heard is not None:
            with self._cell.change() as limits:
                self._catch_up(limits)
        self._cell.close()

    def _now(self) -> float:
        return self._machine() + self._ahead

    def _catch_up(self, limits: Limits) -> float:
        """Takes in what was heard and what day it is; the time now."""
        now = self._now()
        limits.day.begin(self._today().astimezone(_zone(limits.day.zone)).date().isoformat())
        heard, self._heard = self._heard, None
        if heard is None:
            return now
        if heard.daily is not None:
            limits.day.see(*heard.daily, heard.at)
        if heard.burst is not None:
            limit, interval, remaining = heard.burst
            ours = heard.ticket.ours + limits.serial - heard.ticket.serial
            ours = ours if now - heard.at < _OWN_WORDS else limit
            limits.burst.see(limit, interval / 1000, remaining, ours, now)
            self._known = (limit, interval)
        return now

    def _require(self, limits: Limits, calls: int, what: str) -> None:
        room = limits.day.room(self._share, self._reserve, self._now())
        if room is not None and calls > room:
            day = limits.day
            raise BudgetExhausted(
                f"HubSpot calls: {what} needs about {calls}, {room} are free "
                f"({day.limit - day.remaining} of {day.limit} used today, {day.own} by this connection, "
                f"{self._reserve:.0%} kept for others). Run again after midnight of the portal's time zone"
                f"{f' ({day.zone})' if day.zone else ''}, or raise budget_share or lower budget_reserve"
            )


def _name(connection: HubSpotConnection) -> str:
    """What the counts are kept under: a digest, so that the token is not in the file."""
    secret = connection.access_token if connection.auth == "token" else connection.refresh_token
    text = "\n".join((connection.base_url, connection.portal_id or "", connection.client_id or "", secret or ""))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _numbers(headers: Mapping[str, str], names: tuple[str, ...]) -> tuple[int, ...] | None:
    """The whole numbers of all these headers; None when one is absent or no number."""
    texts = [headers.get(name, "") for name in names]
    return tuple(int(text) for text in texts) if all(t.isascii() and t.isdigit() for t in texts) else None


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (OSError, ValueError, LookupError):  # a zone that this machine does not know
        return UTC
