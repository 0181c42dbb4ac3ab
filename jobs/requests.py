"""What may a person ask of the queue: start, retry, cancel work; let a connection rest and work again."""

from __future__ import annotations

from datetime import UTC, datetime

from connector.errors import Misconfigured
from connector.store.fleet import Fleet
from jobs.orders import By, Kind, Order
from jobs.queue import ACTIVE, Job, Queue

STARTED = (Kind.SYNC, Kind.RECALCULATE, Kind.AUDIT, Kind.RETENTION, Kind.PROBE)
"""What a person may start; a drain begins when there are hints."""


def now() -> datetime:
    """By this machine."""
    return datetime.now(UTC)


def start(queue: Queue, kind: Kind, connection: str, *, partner: str = "", full: bool = False) -> Job:
    """Ask for work; what waits already and is the same is not asked for twice."""
    for job in queue.active(kind, connection):
        same = job.order.partner in ("", partner) and job.order.full >= full
        if job.state == "waiting" and job.order.by is By.PERSON and same:
            return job
    key = f"{now():%Y-%m-%dT%H:%M:%S.%fZ}"
    return _kept(queue, Order(kind, connection, By.PERSON, key, partner=partner, full=full))


def retry(queue: Queue, job_id: str) -> Job:
    """Dead or cancelled work once more, as if it had never failed. Misconfigured when it is neither."""
    job = known(queue, job_id)
    if job.state not in ("dead", "cancelled") or job.retried:
        said = "it was retried already" if job.retried else f"it is {job.state}"
        raise Misconfigured(job_id, said, "Only dead and cancelled work is retried; `pmom jobs list --state dead`.")
    if job.order.kind is Kind.OTHER:
        said = f"this version of pmom knows no work called {job.name!r}"
        raise Misconfigured(job_id, said, "Start a sync instead.")
    base = job.order.id.partition("~")[0]
    attempts = [each.order.attempt for each in queue.jobs(prefix=base) if each.order.key == job.order.key]
    order = job.order.renewed(max(attempts))
    found = _kept(queue, order)
    queue.mark(job_id, retried=found.id)
    return found


def cancel(queue: Queue, fleet: Fleet, job_id: str) -> Job:
    """Take work out of the queue; what runs ends between two steps. Hints of a drain are left to the next sync."""
    job = known(queue, job_id)
    if job.state not in ACTIVE:
        raise Misconfigured(job_id, f"it is {job.state}", "Only work that waits or runs can be cancelled.")
    queue.cancel(job_id)
    if job.order.kind is Kind.DRAIN:
        let_go(fleet, job.order.connection)
    return known(queue, job_id)


def let_go(fleet: Fleet, connection: str) -> int:
    """Mark what waits unread as dropped: a sync finds the same changes without it. How many hints."""
    inbox, gone = fleet.inbox(), 0
    for each in inbox.waiting():
        if each.connection == connection:
            held = inbox.take(connection, each.highest, each.count)
            inbox.done([one.id for one in held], now(), how="dropped")
            gone += len(held)
    return gone


def pause(fleet: Fleet, connection: str, reason: str) -> None:
    """Let a connection rest until a person resumes it: no probe does."""
    fleet.pause(connection, reason or "paused by a person", now())


def resume(queue: Queue, fleet: Fleet, connection: str) -> Job:
    """Let a connection work again; the sync that reads what it missed."""
    fleet.resume(connection, now())
    fleet.note(connection, {"pauses": 0, "failures": 0}, now())
    return start(queue, Kind.SYNC, connection)


def known(queue: Queue, job_id: str) -> Job:
    """The job of that id; Misconfigured when there is none."""
    job = queue.find(job_id)
    if job is None:
        raise Misconfigured(job_id, "there is no such job", "`pmom jobs list` names them.")
    return job


def _kept(queue: Queue, order: Order) -> Job:
    return known(queue, queue.put(order))
