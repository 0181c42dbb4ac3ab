"""How does one worker do what waits: one job at a time a connection, told in the fleet's notes, ended in good order?

Whatever happens to a job ends as an answer that is kept with it; only dead work ends as an error. A worker that is
told to stop hands back what it is doing between two steps; one that is killed leaves it to whoever comes next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any

import structlog

from connector.config.deployment import Deployment
from connector.errors import Busy, Unkept
from connector.store.fleet import Fleet
from jobs.contexts import Contexts
from jobs.desk import Desk, Work
from jobs.orders import By, Kind, Order, known
from jobs.queue import Queue
from jobs.requests import let_go
from jobs.rests import let_rest
from jobs.verdicts import Fate, Verdict, backoff, rest, verdict

log = structlog.get_logger()

TOLD = 1.0  # seconds between two notes about a job's progress, and between two looks whether it was cancelled


class Stopped(KeyboardInterrupt):
    """The job is to end between two steps: `by` is a person or the worker that is stopping."""

    def __init__(self, by: str) -> None:
        self.by = by
        super().__init__(f"stopped by {by}")


CANCELLED, HANDED_BACK = "a person", "its worker, which ends"


def now() -> datetime:
    """By this machine."""
    return datetime.now(UTC)


class Room:
    """Where a worker's jobs are done beside each other; a suspect one has it for itself.

    A job that kills its worker takes those beside it along. Each is then done alone, so that only it dies again.
    """

    def __init__(self) -> None:
        self._free, self._inside, self._alone = threading.Condition(), 0, False

    @contextmanager
    def taken(self, *, alone: bool, stopping: threading.Event) -> Iterator[bool]:
        """Come in and leave; False when the worker stops before there is room."""
        with self._free:
            while self._alone or (alone and self._inside):
                if stopping.is_set():
                    break
                self._free.wait(0.1)
            got = not stopping.is_set()
            if got:
                self._inside, self._alone = self._inside + 1, alone
        try:
            yield got
        finally:
            with self._free:
                if got:
                    self._inside, self._alone = self._inside - 1, False
                self._free.notify_all()


@dataclass(slots=True)
class Worker:
    """One worker process; `stopping` makes every job end soon."""

    name: str
    deployment: Deployment
    fleet: Fleet
    queue: Queue
    contexts: Contexts
    work: Work
    stopping: threading.Event = field(default_factory=threading.Event)
    running: dict[str, Order] = field(default_factory=dict)
    room: Room = field(default_factory=Room)

    def perform(self, job_id: str, said: dict[str, Any]) -> dict[str, Any]:
        """Do one job to its end; the answer that is kept with it."""
        if not known(said):
            return {"state": "dead", "reason": f"this version of pmom knows no work called {said.get('kind')!r}"}
        order = Order.from_json(said)
        with structlog.contextvars.bound_contextvars(connection=order.connection, job=job_id):
            if self.stopping.is_set():
                return self._again(order, Verdict(Fate.AGAIN, HANDED_BACK, failed=False))
            self.running[job_id] = order
            try:
                return self._begun(job_id, order)
            except Stopped as stop:
                return self._ended_early(order, stop)
            except (Busy, Unkept) as error:  # the fleet's own database: nothing can be noted there
                log.error("job could not be noted", kind=order.kind.value, reason=str(error))
                return self._again(order, Verdict(Fate.AGAIN, str(error), backoff(order.failures + 1)))
            finally:
                self.running.pop(job_id, None)

    def _begun(self, job_id: str, order: Order) -> dict[str, Any]:
        """Begin the work, unless it killed its workers or its connection rests. What killed one is done alone."""
        job = self.queue.find(job_id)
        if job is not None and job.noted is not None:
            return job.noted  # done by a worker that ended before it could say so
        starts = job.starts if job else 0
        if starts >= self.deployment.jobs.tries:
            return self._dead(order, f"its worker ended {starts} times while it was being done")
        if order.connection not in self.deployment.names:
            return self._dead(order, f"this deployment has no connection {order.connection}")
        state = self.fleet.state(order.connection)
        asked = order.by is By.PERSON and state.retry_at is not None  # a person's pause is ended by a person first
        if state.paused and not asked and order.kind is not Kind.PROBE:
            log.info("job left out", kind=order.kind.value, reason=state.reason)
            return {"state": "left out", "reason": f"the connection rests: {state.reason}"}
        with self.room.taken(alone=starts > 0, stopping=self.stopping) as got:
            if not got:
                raise Stopped(HANDED_BACK)
            self.queue.mark(job_id, starts=starts + 1)
            answer = self._done(job_id, order)
            self.queue.mark(job_id, noted=answer)
            return answer

    def _done(self, job_id: str, order: Order) -> dict[str, Any]:
        began = monotonic()
        desk = Desk(self.fleet, self.queue, self.deployment.jobs, partial(self._settled, job_id))
        try:
            with self.contexts.of(order.connection, self._progress(job_id, order)) as ctx:
                came_to = self.work(ctx, order, desk)
                usage = ctx.crm.usage()
        except Stopped as stop:
            return self._ended_early(order, stop)
        except Exception as error:
            return self._failed(order, error)
        seconds = round(monotonic() - began, 3)
        facts = {"failures": 0, "budget_used": usage.used, "budget_limit": usage.limit, "pauses": 0}
        self.fleet.note(order.connection, {**facts, "running": None, f"last_{order.kind}": now().isoformat()}, now())
        self._back(order)
        log.info("job done", kind=order.kind.value, seconds=seconds)
        return {"state": "done", "seconds": seconds, **came_to}

    def _back(self, order: Order) -> None:
        """The CRM answers: a connection that rested because of trouble works again, and reads what it missed."""
        state = self.fleet.state(order.connection)
        if order.kind is Kind.RETENTION or not state.paused or state.retry_at is None:
            return  # a person's pause is ended by a person
        self.fleet.resume(order.connection, now())
        log.info("connection works again")
        self.queue.put(Order(Kind.SYNC, order.connection, By.SCHEDULE, f"after-{order.id}"))

    def _ended_early(self, order: Order, stop: Stopped) -> dict[str, Any]:
        self.fleet.note(order.connection, {"running": None}, now())
        if stop.by == CANCELLED:
            log.info("job cancelled", kind=order.kind.value)
            return {"state": "cancelled"}
        return self._again(order, Verdict(Fate.AGAIN, HANDED_BACK, failed=False))

    def _failed(self, order: Order, error: Exception) -> dict[str, Any]:
        found = verdict(error, order, self.deployment.jobs.tries)
        log.warning("job failed", kind=order.kind.value, fate=found.fate.value, reason=found.reason)
        self.fleet.note(order.connection, {"running": None, "failures": order.failures + found.failed}, now())
        match found.fate:
            case Fate.AGAIN:
                return self._again(order, found)
            case Fate.PAUSED:
                return self._paused(order, found)
            case Fate.DEAD:
                return self._dead(order, found.reason)
        if order.kind is Kind.DRAIN:
            let_go(self.queue, self.fleet, order)
        return {"state": "refused", "reason": found.reason}

    def _again(self, order: Order, found: Verdict) -> dict[str, Any]:
        following = order.again(failed=found.failed)
        self.queue.put(following, after=found.after)
        return {"state": "again", "reason": found.reason, "after": found.after, "next": following.id}

    def _paused(self, order: Order, found: Verdict) -> dict[str, Any]:
        """The connection rests until a probe finds that it works; what waited is found by the sync after that."""
        notes = {note.name: note.value for note in self.fleet.notes() if note.connection == order.connection}
        pauses = int(notes.get("pauses") or 0)
        seconds = max(found.after, rest(pauses))
        retry_at = let_rest(self.fleet, order.connection, found.reason, now(), seconds)
        if order.by is not By.PERSON:  # a person who tries again and again does not make it rest longer
            self.fleet.note(order.connection, {"pauses": pauses + 1}, now())
        return {"state": "paused", "reason": found.reason, "retry_at": retry_at.isoformat()}

    def _dead(self, order: Order, reason: str) -> dict[str, Any]:
        log.error("job dead", kind=order.kind.value, reason=reason)
        if order.kind is Kind.DRAIN:
            let_go(self.queue, self.fleet, order, sync=True)
        return {"state": "dead", "reason": reason}

    def _settled(self, job_id: str, connection: str) -> None:
        """Wait until a burst of hints is over: quiet for a while, or long enough since its first.

        Never longer than `most_ms` from now, whatever the clock was set to since a hint came.
        """
        jobs, inbox = self.deployment.jobs, self.fleet.inbox()
        quiet, most = timedelta(milliseconds=jobs.quiet_ms), timedelta(milliseconds=jobs.most_ms)
        until, looked = monotonic() + most.total_seconds(), monotonic()
        while not self.stopping.is_set():
            found = next((each for each in inbox.waiting() if each.connection == connection), None)
            if found is None:
                return
            by_clock = (min(found.newest + quiet, found.oldest + most) - now()).total_seconds()
            left = min(by_clock, until - monotonic())
            if left <= 0:
                return
            if monotonic() - looked >= TOLD:
                looked = monotonic()
                self._go_on(job_id)
            self.stopping.wait(min(left, 0.05))
        raise Stopped(HANDED_BACK)

    def _go_on(self, job_id: str) -> None:
        """Raises Stopped when a person cancelled the job."""
        job = self.queue.find(job_id)
        if job is not None and job.state == "cancelled":
            raise Stopped(CANCELLED)

    def _progress(self, job_id: str, order: Order) -> Callable[[str, int, int | None], None]:
        """Notes how far a job is, at most once a second, and ends it when that is wanted."""
        last = [0.0]
        began = now().isoformat()

        def report(what: str, done: int, total: int | None) -> None:
            if self.stopping.is_set():
                raise Stopped(HANDED_BACK)
            if monotonic() - last[0] < TOLD:
                return
            last[0] = monotonic()
            self._go_on(job_id)
            facts = {"job": job_id, "kind": order.kind.value, "what": what, "done": done, "total": total}
            self.fleet.note(order.connection, {"running": {**facts, "worker": self.name, "began": began}}, now())

        return report
