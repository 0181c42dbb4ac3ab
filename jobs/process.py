"""What does one worker process do from start to end? It works, listens, beats, and takes over from the silent.

Its name is its machine and the first free slot there, so that it finds its own unfinished work when it comes back. A
signal to stop ends it within ten seconds; a kill at any moment is harmless.
"""

from __future__ import annotations

import fcntl
import os
import re
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import IO

import structlog

from connector.config.deployment import Deployment
from connector.errors import Busy, PmomError
from connector.store.fleet import Fleet
from jobs import queue as durable
from jobs import rests
from jobs.alive import Heard
from jobs.contexts import Contexts, Warmed
from jobs.desk import Work
from jobs.orders import By, Kind, Order
from jobs.queue import Queue
from jobs.scheduler import Clock
from jobs.verdicts import rest, told
from jobs.watch import Watch
from jobs.worker import Worker, now

log = structlog.get_logger()

LISTEN = 0.1  # seconds between two looks at the inbox
GRACE = 7  # seconds that running jobs have to come to a step's end
STRANDED = 4.0  # seconds between two looks at work that was taken and not begun; at the second it is put back
TELL = 10.0  # seconds between two looks at how much waits
LAST = 9.5  # seconds after which a stopping worker ends whatever runs; what runs is taken up by the next one
SLOTS = 256


@dataclass(slots=True)
class Slot:
    """A worker's name on this machine, held as long as the process lives."""

    name: str
    held: IO[str]


def slot(folder: Path) -> Slot:
    """The first free name; two processes never hold the same one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())[:48] or "worker"
    for number in range(SLOTS):
        file = (folder / f"worker-{number}.lock").open("w", encoding="utf-8")
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.write(f"{os.getpid()}\n")
            file.flush()
            return Slot(f"{host}-{number}", file)
        file.close()
    raise Busy(f"{folder}: {SLOTS} workers run on this machine already")


def run(
    deployment: Deployment,
    *,
    once: bool = False,
    parent: int | None = None,
    warmed: Warmed | None = None,
    work: Work | None = None,
) -> bool:
    """Work until told to stop, or with `once` until nothing waits; whether all that was done went well.

    `warmed` and `work` are what jobs work with and what they do; without them, the real ones.
    """
    with ExitStack() as stack:
        place = slot(deployment.folder)
        stack.callback(place.held.close)
        fleet = stack.enter_context(closing(Fleet.open(deployment.fleet)))
        queue = stack.enter_context(closing(Queue.open(deployment.durable)))
        with structlog.contextvars.bound_contextvars(worker=place.name):
            contexts = Contexts(deployment, warmed or _warmed(deployment, fleet))
            worker = Worker(place.name, deployment, fleet, queue, contexts, work or _work())
            return _Process(worker, parent).live(once=once)


def _warmed(deployment: Deployment, fleet: Fleet) -> Warmed:
    from connector.config.secret_files import secrets_in
    from connector.config.settings import Settings
    from connector.web import log as logs
    from connector.wiring import Connected  # it and the work take seconds to import

    def alone() -> bool:
        """Whether no other worker lives that may have to open the same mirror next."""
        every = fleet.workers(now(), timedelta(seconds=deployment.jobs.stale_after))
        return sum(each.alive for each in every) <= 1

    def warmed(path: Path) -> Connected:
        logs.hide(secrets_in(Settings.load(path)))  # they may have come since this process began
        return Connected(path, alone=alone)

    return warmed


def _work() -> Work:
    from jobs.work import worked

    return worked


class _Process:
    """The parts of one worker process, and the loop around them."""

    def __init__(self, worker: Worker, parent: int | None = None) -> None:
        self.worker, self.parent = worker, parent
        self.deployment, self.fleet, self.queue = worker.deployment, worker.fleet, worker.queue
        self.stale = timedelta(seconds=self.deployment.jobs.stale_after)
        self.heard = Heard(self.fleet, self.stale)
        names = frozenset(self.deployment.names)
        where = self.deployment.fleet
        self.watch = Watch(self.fleet, self.queue, names, where if isinstance(where, Path) else None)
        self._due: dict[str, float] = {}
        self._missing: set[str] = set()
        self._told: dict[str, tuple[int, int]] = {}
        self._not_begun: dict[str, datetime | None] = {}
        self._put: set[str] = set()

    def live(self, *, once: bool) -> bool:
        """From launch to landing."""
        self._catch_signals()
        self._beat()
        jobs = self.deployment.jobs
        durable.launch(self.deployment.durable, self.worker.name, self.worker.perform, at_once=jobs.threads)
        clock = Clock(self.deployment, self.fleet, self.queue)
        began = now()
        if once:
            self._ask_once()
            scheduler = None
        else:
            self._tolerant("rest", lambda: rest_unread(self.deployment, self.fleet))
            scheduler = clock.begin()
        log.info("worker began", connections=list(self.deployment.names))
        self._loop(lambda: once and self._idle(), clock)
        if scheduler is not None:
            scheduler.shutdown(wait=False)
        well = not once or self._went_well(began)
        self._land()
        return well

    def _catch_signals(self) -> None:
        def stop(number: int, frame: FrameType | None) -> None:
            self.worker.stopping.set()

        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, stop)
            signal.signal(signal.SIGINT, stop)

    def _loop(self, over: Callable[[], bool], clock: Clock) -> None:
        rounds: tuple[tuple[str, float, Callable[[], object]], ...] = (
            ("beat", self.stale.total_seconds() / 5, self._beat),
            ("take over", self.stale.total_seconds() / 2, self._take_over),
            ("schedule", TELL, clock.set_right),
            ("put back", STRANDED, self._put_back),
            ("tell", TELL, self._tell),
        )
        while not self.worker.stopping.wait(LISTEN):
            self._tolerant("listen", self.watch.look)
            for name, every, do in rounds:
                if monotonic() >= self._due.get(name, 0.0):
                    self._due[name] = monotonic() + every
                    self._tolerant(name, do)
            if self.parent is not None and os.getppid() != self.parent:
                log.warning("parent is gone")
                return
            if over():
                return

    def _tolerant(self, what: str, do: Callable[[], object]) -> None:
        """A database that is away for a while ends no worker; it is said once, until it is back."""
        try:
            do()
        except Exception as error:
            if what not in self._missing:
                log.error("worker is hindered", what=what, reason=str(error).strip().splitlines()[:1])
            self._missing.add(what)
            self.worker.stopping.wait(1.0)
        else:
            self._missing.discard(what)

    def _beat(self) -> None:
        jobs = {job: order.kind.value for job, order in tuple(self.worker.running.items())}
        self.fleet.beat(self.worker.name, now(), {"pid": os.getpid(), "running": jobs})

    def _tell(self) -> None:
        """Note how much waits and how much is dead, where that is another figure than last time."""
        counts = self.queue.counts()
        for name in self.deployment.names:
            mine = {key: count for key, count in counts.items() if key[0] == name}
            waiting = sum(count for (_, _, state), count in mine.items() if state in ("waiting", "delayed"))
            dead = sum(count for (_, _, state), count in mine.items() if state == "dead")
            if self._told.get(name) != (waiting, dead):
                self._told[name] = (waiting, dead)
                self.fleet.note(name, {"jobs_waiting": waiting, "jobs_dead": dead}, now())

    def _take_over(self) -> None:
        """Put back what workers were doing that gave no sign of life for too long."""
        at = now()
        alive = self.heard.alive(at) | {self.worker.name}
        lost = [job for job in self.queue.jobs(states=["running"]) if job.worker not in alive]
        if lost and self.fleet.slot("fleet", "take over", _turn(at, self.stale)):
            self.queue.take_over(job.id for job in lost)
            for job in lost:
                log.warning("work taken over", job=job.id, silent=job.worker)

    def _put_back(self) -> None:
        """Put back what this worker took and did not begin, or it blocks its connection; set aside the unknown."""
        taken = [job for job in self.queue.jobs(states=["running"]) if job.worker == self.worker.name]
        idle = {job.id: job for job in taken if job.id not in self.worker.running}
        before, self._not_begun = self._not_begun, {job.id: job.began_at for job in idle.values()}
        for job in idle.values():
            if job.id not in before or before[job.id] != job.began_at:
                continue
            log.warning("work was taken and not begun", job=job.id, name=job.name)
            if job.name in durable.NAMES:
                self.queue.take_over([job.id])
            elif job.id in self._put:  # not even its name helps
                self.queue.cancel(job.id)
            else:
                self._put.add(job.id)
                durable.set_aside(job.name)
                self.queue.take_over([job.id])

    def _ask_once(self) -> None:
        for name in self.deployment.names:
            self.queue.put(Order(Kind.SYNC, name, By.SCHEDULE, f"once-{now():%Y%m%dT%H%M%S%f}"))

    def _idle(self) -> bool:
        return not self.worker.running and not self.queue.jobs(states=["waiting", "running"])

    def _went_well(self, began: datetime) -> bool:
        ended = [job for job in self.queue.jobs(states=["done", "dead"]) if job.ended_at and job.ended_at >= began]
        return all(job.state == "done" and job.answer.get("state") in ("done", "left out") for job in ended)

    def _land(self) -> None:
        """Hand back what runs, within ten seconds; what does not come to a step's end is taken up by the next."""
        self.worker.stopping.set()
        last = threading.Timer(LAST, os._exit, args=(0,))
        last.daemon = True
        last.start()
        durable.land(GRACE if self.worker.running else 0)
        if not self.worker.running:
            self.worker.contexts.close()
            with suppress(PmomError):
                self.fleet.leave(self.worker.name)
        self.watch.close()
        log.info("worker ended", left=len(self.worker.running))
        last.cancel()
        if self.worker.running:
            os._exit(0)


def rest_unread(deployment: Deployment, fleet: Fleet) -> None:
    """Connections that cannot be loaded rest until a probe finds that they can; a person's pause stays."""
    for each in deployment.resting:
        state, reason = fleet.state(each.name), told(each.why)
        log.error("connection cannot be loaded", connection=each.name, reason=reason)
        if not state.paused:
            rests.let_rest(fleet, each.name, reason, now(), rest(0))


def _turn(at: datetime, stale: timedelta) -> datetime:
    """The turn in which one worker takes over from the silent: the others' lists are old by then."""
    length = stale.total_seconds() / 2
    return datetime.fromtimestamp(int(at.timestamp() / length) * length, at.tzinfo)
