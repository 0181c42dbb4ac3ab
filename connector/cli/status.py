"""How does the deployment do: which connections work, how far behind are they, who works for them?

Read from the store, the fleet database and the file system alone: it answers while workers have the mirrors open, and
about every connection even where one's store cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import typer
from rich.console import Group, RenderableType

from connector.cli.console import Voice, plain
from connector.cli.runs_view import came_to
from connector.cli.tables import Column, Fitted, counted
from connector.errors import PmomError

if TYPE_CHECKING:
    from connector.config.deployment import Deployment, Named, Resting
    from connector.store.fleet import ConnectionState, Fleet, Worker
    from connector.store.inbox import Waiting
    from connector.store.store import RunRow

_RUNS = 50  # so many of the latest runs are looked through for one that read the CRM
_READ = ("sync", "pull", "hints")
_NEVER = "never"


@dataclass(frozen=True, slots=True)
class Standing:
    """One connection. Ages are in seconds; None is unknown, and `budget_left` is None where no limit is known."""

    name: str
    crm: str
    state: str  # active, paused (it rests, also because its settings cannot be read)
    reason: str = ""
    since: datetime | None = None
    retry_at: datetime | None = None
    last_run: Mapping[str, Any] | None = None
    waiting: int = 0
    lag: float = 0.0
    mirror_age: float | None = None
    mirror_bytes: int | None = None
    budget_left: int | None = None
    budget_limit: int | None = None
    failures: int = 0
    jobs_waiting: int | None = None
    jobs_dead: int | None = None
    running: Mapping[str, Any] | None = None
    trouble: str = ""


class Speaking(Protocol):
    """Whatever knows the settings file and how answers are given."""

    config: Path
    voice: Voice


def register(app: typer.Typer, state: Speaking) -> None:
    """Add `status` to the commands."""

    @app.command()
    def status() -> None:
        """Show every connection's state, latest run, waiting hints and budget, and the workers that are alive.

        Answers while `pmom serve` and `pmom work` run, and without them; asks neither the CRM nor the mirror.
        """
        from connector.config.deployment import Deployment
        from connector.sync.context import wall_clock

        found, workers = standings(Deployment.load(state.config, spare=True), wall_clock())
        state.voice.answer(connections=[_json(each) for each in found], workers=[asdict(each) for each in workers])
        state.voice.show(status_tables(found, workers))


def standings(deployment: Deployment, now: datetime) -> tuple[tuple[Standing, ...], tuple[Worker, ...]]:
    """Every connection and every worker that did not leave, as the databases tell; looking makes none."""
    from connector import wiring
    from connector.store.engine import local_file

    place = local_file(deployment.fleet)
    if place is not None and not place.is_file():
        return _every(deployment, {}, now), ()
    with closing(wiring.fleet(deployment)) as fleet:
        states, notes = fleet.states(), _notes(fleet)
        waiting = {each.connection: each for each in fleet.inbox().waiting()}
        workers = fleet.workers(now, timedelta(seconds=deployment.jobs.stale_after))
    known = {name: _Known(states.get(name), waiting.get(name), notes.get(name, {})) for name in deployment.names}
    return _every(deployment, known, now), workers


def _every(deployment: Deployment, known: Mapping[str, _Known], now: datetime) -> tuple[Standing, ...]:
    able = (_standing(each, known.get(each.name, _Known()), now) for each in deployment.connections)
    return *able, *(_resting(each, known.get(each.name, _Known()), now) for each in deployment.resting)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the fleet database says about one connection."""

    state: ConnectionState | None = None
    waiting: Waiting | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


def _notes(fleet: Fleet) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for note in fleet.notes():
        found.setdefault(note.connection, {})[note.name] = note.value
    return found


def _standing(named: Named, known: _Known, now: datetime) -> Standing:
    rows, trouble = _runs(named)
    read = next((row.finished_at for row in rows if _read(row)), None)
    mirror = named.settings.workspace.mirror
    state, notes = known.state, known.notes
    used, limit = _number(notes.get("budget_used")), _number(notes.get("budget_limit"))
    return Standing(
        name=named.name,
        crm=named.settings.crm(),
        state=state.state if state else "active",
        reason=state.reason if state else "",
        since=state.since if state else None,
        retry_at=state.retry_at if state else None,
        last_run=_run(rows[0]) if rows else None,
        waiting=known.waiting.count if known.waiting else 0,
        lag=max(0.0, (now - known.waiting.oldest).total_seconds()) if known.waiting else 0.0,
        mirror_age=(now - read).total_seconds() if read and mirror.is_file() else None,
        mirror_bytes=mirror.stat().st_size if mirror.is_file() else None,
        budget_left=max(0, limit - (used or 0)) if limit is not None else None,
        budget_limit=limit,
        failures=_number(notes.get("failures")) or 0,
        jobs_waiting=_number(notes.get("jobs_waiting")),
        jobs_dead=_number(notes.get("jobs_dead")),
        running=notes.get("running"),
        trouble=trouble,
    )


def _read(row: RunRow) -> bool:
    """Whether the run read the CRM; hints that waited for the first sync, or named nothing, did not."""
    return row.kind in _READ and row.state == "done" and (row.kind != "hints" or bool(row.summary.get("fetched")))


def _resting(resting: Resting, known: _Known, now: datetime) -> Standing:
    """As much as is known of a connection whose settings cannot be read."""
    state = known.state if known.state and known.state.paused else None
    return Standing(
        name=resting.name,
        crm="",
        state="paused",
        reason=str(resting.why),
        since=state.since if state else None,
        retry_at=state.retry_at if state else None,
        waiting=known.waiting.count if known.waiting else 0,
        lag=max(0.0, (now - known.waiting.oldest).total_seconds()) if known.waiting else 0.0,
        jobs_waiting=_number(known.notes.get("jobs_waiting")),
        jobs_dead=_number(known.notes.get("jobs_dead")),
    )


def _number(found: Any) -> int | None:
    return int(found) if isinstance(found, int | float) else None


def _runs(named: Named) -> tuple[Sequence[RunRow], str]:
    """The latest runs, and why they cannot be told."""
    from connector import wiring

    try:
        if not wiring.has_store(named.settings):
            return (), ""
        with closing(wiring.store(named.settings)) as store:
            return store.runs(_RUNS), ""
    except PmomError as error:
        return (), str(error)


def _run(row: RunRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "state": row.state,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "came_to": "; ".join(came_to(row.kind, row.summary)),
    }


def _json(standing: Standing) -> dict[str, Any]:
    return asdict(standing)


def status_tables(found: Sequence[Standing], workers: Sequence[Worker]) -> RenderableType:
    """A line a connection, what is wrong in words, and who works."""
    columns = (
        Column("connection", least=8),
        Column("state", least=6),
        Column("last run", least=12, wrap=True),
        Column("hints wait", right=True),
        Column("for", right=True, spare=2),
        Column("CRM read", right=True, spare=1),
        Column("calls left", right=True, spare=3),
    )
    rows = [
        (
            plain(each.name),
            each.state,
            plain(_last(each)),
            f"{each.waiting:,}",
            age(each.lag) if each.waiting else "",
            f"{age(each.mirror_age)} ago" if each.mirror_age is not None else _NEVER,
            f"{each.budget_left:,}" if each.budget_left is not None else "",
        )
        for each in found
    ]
    return Group(Fitted("Connections", columns, rows), *map(plain, _sentences(found)), *map(plain, _who(workers)))


def _last(standing: Standing) -> str:
    if standing.last_run is None:
        return "unknown" if standing.trouble else _NEVER
    return (
        f"{standing.last_run['kind']} {standing.last_run['state']} {standing.last_run['started_at']:%Y-%m-%d %H:%M}"
    )


def _sentences(found: Sequence[Standing]) -> Iterator[str]:
    for each in found:
        if each.state == "paused":
            by_hand = "until it is resumed" if each.since else "until its settings can be read"
            again = f"tried again at {each.retry_at:%Y-%m-%d %H:%M}" if each.retry_at else by_hand
            since = f" since {each.since:%Y-%m-%d %H:%M}" if each.since else ""
            yield f"{each.name} rests{since}, {again}: {each.reason}"
        if each.trouble:
            yield f"{each.name}: {each.trouble}"
        failed = each.last_run if each.last_run and each.last_run["state"] == "failed" else None
        if failed and failed["came_to"] not in each.reason:
            yield f"{each.name}: the last run failed: {failed['came_to']}"
        if each.running:
            yield f"{each.name}: {each.running.get('kind', 'a job')} is running ({each.running.get('what', '')})"
        if each.failures:
            yield f"{each.name}: {counted(each.failures, 'failure')} in a row"
        if each.jobs_dead:
            yield f"{each.name}: {counted(each.jobs_dead, 'job')} set aside as dead; see `pmom jobs`"
        if each.jobs_waiting:
            yield f"{each.name}: {counted(each.jobs_waiting, 'job')} waiting"


def _who(workers: Sequence[Worker]) -> Iterator[str]:
    silent = [each.name for each in workers if not each.alive]
    alive = len(workers) - len(silent)
    yield f"{counted(alive, 'worker')} alive. Times are UTC."
    if silent:
        what = "The others take up their work." if alive else "Nothing is being done: start `pmom work`."
        yield f"Silent: {', '.join(silent)}. {what}"


def age(seconds: float) -> str:
    """`4 s`, `12 min`, `3 h`, `5 d`."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
