"""How are jobs, connections and workers shown, to people and as JSON?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType

from connector.cli.console import plain
from connector.cli.runs_view import came_to
from connector.cli.tables import Column, Fitted, counted
from connector.config.deployment import Resting
from connector.store.fleet import ConnectionState, Note, Worker
from jobs.orders import Kind
from jobs.queue import Job

_JOBS = (
    Column("job", whole=True),  # an id that is broken cannot be copied
    Column("state", least=7),
    Column("for", spare=3),
    Column("asked (UTC)", least=16, spare=2),
    Column("took", right=True, spare=1),
    Column("came to", least=20, wrap=True),
)


def job_json(job: Job, running: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """One job as plain values; `running` is how far it is."""
    return {
        "id": job.id,
        "state": state_of(job),
        **{name: value for name, value in asdict(job.order).items() if name != "key"},
        "asked_at": job.asked_at.isoformat(),
        "began_at": job.began_at.isoformat() if job.began_at else None,
        "ended_at": job.ended_at.isoformat() if job.ended_at else None,
        "worker": job.worker,
        "starts": job.starts,
        "answer": job.answer,
        "reason": job.reason or job.answer.get("reason", ""),
        "retried": job.retried,
        "progress": dict(running) if running and running.get("job") == job.id else None,
    }


def state_of(job: Job) -> str:
    """Where a job stands, in one word or two."""
    if job.state == "done":
        return str(job.answer.get("state") or "done")
    return "retried" if job.state == "dead" and job.retried else job.state


def progress_of(notes: Sequence[Note]) -> dict[str, dict[str, Any]]:
    """Job's id -> how far the running job is, as it was last noted."""
    running = [note.value for note in notes if note.name == "running" and isinstance(note.value, dict)]
    return {said["job"]: said for said in running}


def jobs_table(jobs: Sequence[Job], progress: Mapping[str, Mapping[str, Any]]) -> RenderableType:
    """Jobs, the newest first."""
    if not jobs:
        return "No job of that kind. `pmom work` does what is due; `pmom jobs start sync` asks for a sync now."
    return Fitted("Jobs", _JOBS, [_row(job, progress.get(job.id)) for job in jobs])


def _row(job: Job, running: Mapping[str, Any] | None) -> tuple[str, ...]:
    end = job.ended_at
    took = f"{(end - job.began_at).total_seconds():.0f} s" if end and job.began_at else ""
    asked = f"{job.asked_at:%Y-%m-%d %H:%M}"
    return plain(job.id), plain(state_of(job)), job.order.by.value, asked, took, plain(told(job, running))


def told(job: Job, running: Mapping[str, Any] | None) -> str:
    """What a job came to, or how far it is."""
    if job.state == "running" and running:
        total = running.get("total")
        done = f"{running.get('done', 0):,}" + (
            f" of {total:,} ({100 * running['done'] // total} %)" if total else ""
        )
        return f"{running.get('what', '')}: {done}"
    if job.state in ("waiting", "delayed", "running", "cancelled"):
        return ""
    reason = job.reason or str(job.answer.get("reason", ""))
    if reason:
        return reason if len(reason) <= 160 else f"{reason[:159]}…"
    return "; ".join(_came_to(job.order.kind, job.answer))


def _came_to(kind: Kind, answer: Mapping[str, Any]) -> Iterator[str]:
    """The figures of a job that a person wants."""
    match kind:
        case Kind.SYNC:
            yield from came_to("sync", answer)
        case Kind.RECALCULATE:
            for step, name in (("decide", "decided"), ("plan", "planned"), ("apply", "applied")):
                yield from came_to(step, answer.get(name) or {}) if name in answer else ()
        case Kind.DRAIN:
            yield counted(answer.get("hints") or 0, "hint")
            if answer.get("fetched"):
                yield f"{counted(answer['fetched'], 'record')} read, {answer.get('different') or 0:,} different"
            if answer.get("partners"):
                yield f"{counted(answer['partners'], 'partner')} decided"
            yield from (f"{count:,} {status}" for status, count in (answer.get("outcomes") or {}).items())
        case Kind.AUDIT:
            yield f"{answer['quarter']} frozen" if answer.get("quarter") else "nothing to freeze"
        case Kind.PROBE:
            yield str(answer.get("identity") or "")
        case Kind.RETENTION:
            forgotten = sum(value for value in answer.values() if isinstance(value, int))
            yield f"{counted(forgotten, 'row')} forgotten"


def connection_json(name: str, state: ConnectionState) -> dict[str, Any]:
    """One connection's state as plain values."""
    return {
        "name": name,
        "state": state.state,
        "reason": state.reason,
        "since": state.since.isoformat() if state.since else None,
        "retry_at": state.retry_at.isoformat() if state.retry_at else None,
    }


def resting(found: Sequence[Resting]) -> dict[str, ConnectionState]:
    """The state of connections whose settings cannot be read, before a worker has noted it."""
    return {each.name: ConnectionState("paused", str(each.why)) for each in found}


def connections_table(states: Mapping[str, ConnectionState], at: datetime) -> RenderableType | None:
    """The connections that rest; None when all work."""
    paused = {name: state for name, state in states.items() if state.paused}
    if not paused:
        return None
    columns = (
        Column("connection"),
        Column("since (UTC)", least=16),
        Column("next try", least=8),
        Column("why", wrap=True),
    )
    rows = [
        (plain(name), _minute(state.since), _next(state, at), plain(state.reason)) for name, state in paused.items()
    ]
    return Fitted("Connections that rest", columns, rows)


def _minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""


def _next(state: ConnectionState, at: datetime) -> str:
    if state.retry_at is None:
        return "by hand" if state.since else ""
    return "now" if state.retry_at <= at else f"{state.retry_at:%H:%M}"


def workers_line(workers: Sequence[Worker]) -> RenderableType:
    """How many workers live, and who is silent."""
    silent = [each for each in workers if not each.alive]
    words = f"{counted(len(workers) - len(silent), 'worker')} alive"
    return f"{words}, silent: {', '.join(plain(each.name) for each in silent)}" if silent else words


def whole(*parts: RenderableType | None) -> RenderableType:
    """What there is, one below the other."""
    return Group(*(part for part in parts if part is not None))


def job_story(job: Job, said: Mapping[str, Any]) -> RenderableType:
    """One job, a line for each thing that is known of it."""
    order = job.order
    wanted = f"{order.kind} of {order.connection}" + (f", partner {order.partner}" if order.partner else "")
    lines = [
        f"{plain(job.id)}: {plain(said['state'])}",
        f"  {plain(wanted)}, asked {job.asked_at:%Y-%m-%d %H:%M:%S} UTC for {order.by.value}",
    ]
    if job.began_at:
        lines.append(f"  begun {job.began_at:%H:%M:%S} by {plain(job.worker)}, {counted(job.starts, 'start')}")
    words = told(job, said["progress"])
    if words:
        lines.append(f"  {plain(words)}")
    if job.answer.get("next"):
        lines.append(f"  its next try: {plain(job.answer['next'])}")
    return "\n".join(lines)
