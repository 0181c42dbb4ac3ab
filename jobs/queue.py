"""The queue that survives crashes: DBOS on SQLite or PostgreSQL. Only this module knows DBOS.

One queue with one partition a connection: a connection is worked on by one worker at a time. What waits is plain
JSON. The version of the application is pinned, so that an upgraded worker takes up what an older one left; work of a
kind that it does not know fails with that reason.
"""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer

from connector.errors import Misconfigured, PmomError, refuse_cut_off
from jobs.orders import KNOWN, By, Kind, Order, known

QUEUE = WORK = "work"  # one name for all kinds: a kind that a worker does not know then fails with that reason
NAMES = (WORK, *(kind.value for kind in KNOWN))  # an earlier version named work by its kind
APPLICATION = "pmom"
VERSION = "1"  # of what waits in the queue: raised only when old orders can no longer be read
LONGEST = 500  # characters of what DBOS says at once
_ERROR = re.compile(r"[A-Za-z_][\w.]*(?::|$)")
_SQL = re.compile(r"\[(?:SQL|parameters):")
POLL = 0.6  # seconds between two looks at the queue; what hints start waits out the debounce meanwhile

Perform = Callable[[str, dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work and where it stands: waiting, delayed, running, done, dead or cancelled."""

    id: str
    name: str  # one of NAMES, or of another program or version
    order: Order
    state: str
    asked_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    worker: str
    starts: int
    noted: dict[str, Any] | None  # the answer, before the queue knows that the work is done
    answer: dict[str, Any]  # what it came to
    reason: str  # why it is dead
    retried: bool  # dead, and asked for once more


class Dead(Exception):
    """Work that is set aside until a person asks for it again; the message says why."""


_STATES = {
    "ENQUEUED": "waiting",
    "DELAYED": "delayed",
    "PENDING": "running",
    "SUCCESS": "done",
    "ERROR": "dead",
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "dead",
    "CANCELLED": "cancelled",
}
ACTIVE = ("waiting", "delayed", "running")


class Queue:
    """The queue as everybody sees it: what waits, runs and was done; threads may share it."""

    def __init__(self, url: str) -> None:
        self._client = DBOSClient(
            system_database_url=url,
            serializer=DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
            retry_connection_errors=False,
        )

    @classmethod
    def open(cls, url: str) -> Queue:
        """Open the queue, made when absent. Misconfigured when its database cannot be opened, Unkept when its server
        cannot be reached."""
        try:
            made(url)
            return cls(url)
        except PmomError:
            raise
        except Exception as error:
            raise unopened(url, error) from error

    def close(self) -> None:
        """Give back the database connections."""
        self._client.destroy()

    def put(self, order: Order, *, after: float = 0.0) -> str:
        """Ask for work, in so many seconds; asked for twice it is kept once. Its id."""
        options: dict[str, Any] = {
            "workflow_name": WORK,
            "queue_name": QUEUE,
            "workflow_id": order.id,
            "queue_partition_key": order.connection,
            "priority": order.priority,
            "app_version": VERSION,
        }
        if after > 0:
            options["delay_seconds"] = after
        self._client.enqueue(options, order.as_json())  # type: ignore[arg-type]
        return order.id

    def find(self, job_id: str) -> Job | None:
        """The job of that id."""
        return next(iter(self.jobs(ids=[job_id])), None)

    def jobs(
        self,
        *,
        states: Sequence[str] = (),
        kind: Kind | None = None,
        connection: str | None = None,
        ids: Sequence[str] | None = None,
        prefix: str | None = None,
        limit: int | None = None,
    ) -> tuple[Job, ...]:
        """Jobs, the newest first."""
        rows = self._client.list_workflows(
            status=[name for name, ours in _STATES.items() if ours in states] or None,
            workflow_ids=list(ids) if ids is not None else None,
            workflow_id_prefix=prefix or _prefixes(kind, connection),
            limit=limit,
            sort_desc=True,
        )
        found = (_job(row) for row in rows)
        return tuple(job for job in found if kind is None or job.order.kind is kind)

    def active(self, kind: Kind, connection: str) -> tuple[Job, ...]:
        """Work of that kind that waits or runs."""
        return self.jobs(states=ACTIVE, kind=kind, connection=connection)

    def counts(self) -> dict[tuple[str, str, str], int]:
        """How many jobs wait, run or are dead, by connection, kind and state."""
        found: dict[tuple[str, str, str], int] = {}
        for job in self.jobs(states=(*ACTIVE, "dead")):
            if not job.retried:
                key = (job.order.connection, job.order.kind.value, job.state)
                found[key] = found.get(key, 0) + 1
        return found

    def mark(self, job_id: str, **facts: Any) -> None:
        """Note facts on a job."""
        self._client.update_workflow_attributes(job_id, facts, merge=True)

    def cancel(self, job_id: str) -> None:
        """Take a job out of the queue; one that runs learns of it from `find`."""
        self._client.cancel_workflow(job_id)

    def take_over(self, job_ids: Iterable[str]) -> None:
        """Put running work back into the queue, because its worker is gone or never began it."""
        for job_id in job_ids:
            self._client.resume_workflow(job_id, queue_name=QUEUE)

    def forget(self, before: datetime, limit: int = 10_000) -> int:
        """Take away what ended before that moment; how many. Dead work that nobody retried is kept."""
        old = self._client.list_workflows(
            status=["SUCCESS", "CANCELLED", "ERROR"],
            completed_before=before.isoformat(),
            limit=limit,
            load_output=False,
        )
        gone = [row.workflow_id for row in old if row.status != "ERROR" or (row.attributes or {}).get("retried")]
        for start in range(0, len(gone), 200):
            self._client.delete_workflows(gone[start : start + 200])
        return len(gone)


def _prefixes(kind: Kind | None, connection: str | None) -> list[str] | None:
    """How the ids of such jobs begin; None is all."""
    if connection:
        return [f"{each}:{connection}:" for each in ([kind] if kind else Kind)]
    return [f"{kind}:"] if kind else None


def made(url: str) -> None:
    """Make the queue's tables, or bring them up to date."""
    _quiet()
    if url.startswith("sqlite:///"):
        file = Path(url.removeprefix("sqlite:///"))
        refuse_cut_off(file)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with sqlite3.connect(file, timeout=30) as held:  # readers then never wait for a writer; the file remembers it
            held.execute("PRAGMA journal_mode=WAL")
        held.close()
    DBOS.migrate(url)


def launch(url: str, worker: str, perform: Perform, *, at_once: int) -> None:
    """Begin to work as that worker: `perform(job's id, order)` is called for what comes up, in threads.

    Work that this worker left unfinished when it was killed comes up again. One worker a process.
    """
    try:
        made(url)
        DBOS(
            config={
                "name": APPLICATION,
                "system_database_url": url,
                "serializer": DBOSPortableJSONSerializer(),
                "executor_id": worker,
                "application_version": VERSION,
                "enable_otlp": False,
                "log_level": "WARNING",
                "notification_listener_polling_interval_sec": 2.0,
                "scheduler_polling_interval_sec": 3600.0,
                "use_listen_notify": False,
            }
        )
        _quiet()
        for name in NAMES:
            _registered(perform, name)
        DBOS.launch()
        DBOS.register_queue(
            QUEUE,
            partition_concurrency=1,
            worker_concurrency=at_once,
            polling_interval_sec=POLL,
            on_conflict="always_update",
        )
    except PmomError:
        raise
    except Exception as error:
        raise unopened(url, error) from error


def _registered(perform: Perform, name: str) -> None:
    def work(order: dict[str, Any]) -> dict[str, Any]:
        job = DBOS.workflow_id or ""
        answer: dict[str, Any] = DBOS.run_step({"name": name}, perform, job, order)
        if answer.get("state") == "dead":
            raise Dead(answer.get("reason", ""))
        return answer

    DBOS.workflow(name=name, max_recovery_attempts=None)(work)


def set_aside(name: str) -> None:
    """Let all work of that name end as dead from now on; without a name here it would block its connection."""

    def unknown(*said: Any, **more: Any) -> None:
        raise Dead(f"this version of pmom knows no work called {name!r}")

    if name not in _set_aside:
        _set_aside.add(name)
        DBOS.workflow(name=name, max_recovery_attempts=None)(unknown)


_set_aside: set[str] = set()


def land(seconds: int) -> None:
    """Take up nothing more, and wait at most so long for what runs."""
    DBOS.destroy(workflow_completion_timeout_sec=seconds)


def unopened(url: str, error: Exception) -> Exception:
    """What is said when the queue's database cannot be opened; a password is never shown."""
    import sqlalchemy as sa

    from connector.store import engine

    reason = str(getattr(error, "orig", None) or error).strip().splitlines()
    place = sa.make_url(url)
    told = engine.unopened(place, "queue", "[jobs] database", reason[0] if reason else type(error).__name__)
    if not isinstance(told, Misconfigured):
        return told
    return Misconfigured(
        told.where, told.found, "Check [jobs] dir or database, its permissions, and that the server runs."
    )


def _job(row: Any) -> Job:
    facts = row.attributes or {}
    answer = row.output if isinstance(row.output, dict) else {}
    return Job(
        id=row.workflow_id,
        name=row.name,
        order=_order(row),
        state=_STATES.get(row.status, row.status.lower()),
        asked_at=_moment(row.created_at),
        began_at=_moment(row.dequeued_at) if row.dequeued_at else None,
        ended_at=_moment(row.completed_at) if row.completed_at else None,
        worker=row.executor_id or "",
        starts=int(facts.get("starts", 0)),
        noted=facts.get("noted"),
        answer=answer,
        reason=str(row.error) if row.error else "",
        retried=bool(facts.get("retried")),
    )


def _order(row: Any) -> Order:
    """What was asked for; of work that this version does not know, only that it is there and holds up whom."""
    args = row.input.get("args") if isinstance(row.input, dict) else None
    said = args[0] if args else None
    if row.name in NAMES and isinstance(said, dict) and known(said):
        with suppress(TypeError):
            return Order.from_json(said)
    return Order(Kind.OTHER, row.queue_partition_key or "", By.SCHEDULE, row.workflow_id)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


class _Through(logging.Handler):
    """What DBOS says goes where all other words go: under another name, or it would come back here for ever."""

    def emit(self, record: logging.LogRecord) -> None:
        say = structlog.get_logger("pmom.queue")
        level = say.error if record.levelno >= logging.ERROR else say.warning
        error = record.exc_info[1] if record.exc_info else None
        why = {"reason": f"{type(error).__name__}: {_in_a_line(str(error))}"} if error is not None else {}
        level(_in_a_line(record.getMessage()), **why)


def _in_a_line(words: str) -> str:
    """The first line without SQL and its parameters; of a stack of calls the error at its end."""
    before, stack, calls = words.partition("Traceback (most recent call last):")
    ends = (line for line in calls.splitlines() if _ERROR.match(line)) if stack else ()
    said = f"{before}{next(iter(ends), '')}".strip().splitlines() or [""]
    return _SQL.split(said[0], maxsplit=1)[0].strip()[:LONGEST]


def _quiet() -> None:
    """Only warnings and errors, through structlog; nothing to the console by itself."""
    heard = logging.getLogger("dbos")
    heard.propagate = False
    heard.setLevel(logging.WARNING)
    if not any(isinstance(each, _Through) for each in heard.handlers):
        heard.handlers[:] = [_Through()]
