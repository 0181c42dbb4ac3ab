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
    """Take work out of the queue; what runs ends between two steps. Hints of a drain are left to a sync."""
    job = known(queue, job_id)
    if job.state not in ACTIVE:
        raise Misconfigured(job_id, f"it is {job.state}", "Only work that waits or runs can be cancelled.")
    queue.cancel(job_id)
    if job.order.kind is Kind.DRAIN:
        let_go(queue, fleet, job.order, sync=True)
    return known(queue, job_id)


def let_go(queue: Queue, fleet: Fleet, drain: Order, *, sync: bool = False) -> int:
    """Leave to a sync what waits unread: it finds the same changes without hints. How many hints.

    The sync is asked for before they are dropped; hints that come meanwhile wait for the next drain. `sync`: also
    when none waits.
    """
    inbox, connection = fleet.inbox(), drain.connection
    waiting = next((each for each in inbox.waiting() if each.connection == connection), None)
    if waiting is None and not sync:
        return 0
    if not any(job.state != "running" for job in queue.active(Kind.SYNC, connection)):
        queue.put(Order(Kind.SYNC, connection, By.HINTS, f"after-{drain.id}"))
    held = inbox.take(connection, waiting.highest, waiting.count) if waiting else ()
    inbox.done([one.id for one in held], now(), how="dropped")
    return len(held)


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
