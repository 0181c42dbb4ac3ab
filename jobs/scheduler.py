"""When does work begin by itself? At the slots of [schedule], each fired once however many schedulers run.

APScheduler is only the clock, its jobs live in memory. A firing asks for work whose id is its slot, so that a second
scheduler asks for the same work; then the slot is noted. At the start the latest slot that was missed is made up for,
once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from connector.config.deployment import Deployment
from connector.config.operation import NEVER, Schedule
from connector.errors import Misconfigured, PmomError
from connector.store.fleet import AHEAD, Fleet
from jobs.orders import By, Kind, Order
from jobs.queue import Queue
from jobs.rests import due

log = structlog.get_logger()

KINDS = (Kind.SYNC, Kind.AUDIT, Kind.RETENTION, Kind.PROBE)
SET = timedelta(seconds=5)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BACK = (timedelta(hours=1), timedelta(days=1), timedelta(days=8), timedelta(days=32), timedelta(days=370))


def trigger(schedule: Schedule, kind: Kind) -> BaseTrigger | None:
    """When work of that kind begins; None is never. Misconfigured when the cron line cannot be read."""
    when = getattr(schedule, kind.value)
    if when == NEVER:
        return None
    if isinstance(when, int):
        return IntervalTrigger(minutes=when, start_date=_EPOCH, timezone=UTC)
    try:
        return CronTrigger.from_crontab(when, timezone=schedule.timezone)
    except ValueError as error:
        fix = 'Write minutes, or a cron line such as "*/15 6-20 * * mon-fri".'
        raise Misconfigured(f"schedule.{kind}", f'"{when}" is no cron line ({error})', fix) from error


def latest(when: BaseTrigger, now: datetime) -> datetime | None:
    """The latest slot that has begun, in UTC; None when there was none within a year."""
    for back in _BACK:
        slot, found = when.get_next_fire_time(None, now - back), None
        while slot is not None and slot <= now:
            found, slot = slot, when.get_next_fire_time(slot, slot + timedelta(microseconds=1))
        if found is not None:
            moment: datetime = found.astimezone(UTC)
            return moment
    return None


@dataclass(slots=True)
class Clock:
    """Asks for what is due."""

    deployment: Deployment
    fleet: Fleet
    queue: Queue
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    passed: Callable[[], float] = monotonic  # seconds by a clock that nobody sets
    _made: Any = None
    _began: tuple[datetime, float] | None = None

    def begin(self) -> Any:
        """Make up for what was missed, and fire from now on; the scheduler, to be shut down."""
        logging.getLogger("apscheduler").setLevel(logging.WARNING)  # it tells of every firing
        made = BackgroundScheduler(timezone=UTC)
        for kind in KINDS:
            when = trigger(self.deployment.schedule, kind)
            if when is not None:
                self.fire(kind)
                made.add_job(
                    self.fire,
                    when,
                    args=[kind],
                    id=kind.value,
                    coalesce=True,
                    max_instances=1,
                    misfire_grace_time=None,
                )
        made.start()
        self._made, self._began = made, (self.now(), self.passed())
        return made

    def set_right(self) -> bool:
        """Where the machine's clock was set meanwhile, begin to wait anew by what it says now; whether it was."""
        if self._made is None or self._began is None:
            return False
        at, passed = self.now(), self.passed()
        set_by = at - self._began[0] - timedelta(seconds=passed - self._began[1])
        self._began = at, passed
        if abs(set_by) < SET:
            return False
        log.warning("the clock was set", seconds=round(set_by.total_seconds()))
        for job in self._made.get_jobs():
            job.reschedule(job.trigger)
            self.fire(Kind(job.id))
        return True

    def fire(self, kind: Kind) -> None:
        """Ask for work of that kind on every connection whose latest slot nobody took."""
        when, at = trigger(self.deployment.schedule, kind), self.now()
        slot = latest(when, at) if when is not None else None
        if slot is None:
            return
        for name in self.deployment.names:
            try:
                self._ask(kind, name, slot, at)
            except PmomError as error:
                log.error("slot not asked for", kind=kind.value, connection=name, reason=str(error))

    def _ask(self, kind: Kind, connection: str, slot: datetime, at: datetime) -> None:
        last = self.fleet.last_slot(connection, kind.value)
        if last is not None and last > at + AHEAD:
            log.warning("a clock was ahead", kind=kind.value, connection=connection, slot=last.isoformat())
            self.fleet.forget_slots_after(connection, kind.value, at)
            last = self.fleet.last_slot(connection, kind.value)
        if last is not None and last >= slot:
            return
        if kind is Kind.PROBE:
            if not due(self.fleet, connection, at):
                return
        elif self.fleet.state(connection).paused:
            return  # the slot stays untaken; a connection that works again reads what it missed
        if not any(job.state != "running" for job in self.queue.active(kind, connection)):
            self.queue.put(Order(kind, connection, By.SCHEDULE, f"{slot:%Y-%m-%dT%H:%MZ}"))
        self.fleet.slot(connection, kind.value, slot)
