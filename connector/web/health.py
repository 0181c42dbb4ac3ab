"""Is the deployment alive and of use? Each connection's state, its latest runs, and the workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime, timedelta

from flask import Blueprint, Response, jsonify

from connector import wiring
from connector.config.deployment import Deployment, Named
from connector.errors import PmomError
from connector.store.fleet import ACTIVE, ConnectionState, Fleet
from connector.store.store import RunRow
from connector.web.answers import ConnectionHealth, Ready

RUNS = 5
NO_WORKER = "hints wait and no worker is alive"
UNREAD = "its settings cannot be read"  # which file and why is told by `pmom status`
SILENT = "a worker fell silent"


def blueprint(
    load: Callable[[], Deployment],
    fleet: Fleet,
    *,
    clock: Callable[[], datetime],
    stale_after: timedelta = timedelta(hours=24),
) -> Blueprint:
    """`/healthz`: 200 while the process lives. `/readyz`: 503 when no connection is of use, or nothing can be kept.

    A connection that rests, or a silent worker, is `degraded`, with 200: posts are taken and read later.
    """
    health = Blueprint("health", __name__)

    @health.get("/healthz")
    def alive() -> Response:
        return jsonify(status="alive")

    @health.get("/readyz")
    def ready() -> tuple[Response, int]:
        try:
            found = _ready(load(), fleet, clock(), stale_after)
        except PmomError as error:  # the message may name files: it belongs in the log, not here
            found = Ready(status="not ready", trouble=type(error).__name__, workers_alive=0, connections=[], runs=[])
        return jsonify(found.model_dump()), 503 if found.status == "not ready" else 200

    return health


def _ready(deployment: Deployment, fleet: Fleet, now: datetime, stale_after: timedelta) -> Ready:
    states = fleet.states()
    waiting = {each.connection: each.count for each in fleet.inbox().waiting()}
    workers = fleet.workers(now, timedelta(seconds=deployment.jobs.stale_after))
    found = [
        _connection(each, states.get(each.name, ACTIVE), waiting.get(each.name, 0), now - stale_after)
        for each in deployment.connections
    ]
    useless = all(each.state == "in trouble" for each in found)
    found += [
        ConnectionHealth(name=each.name, state="paused", trouble=UNREAD, waiting=waiting.get(each.name, 0), runs=[])
        for each in deployment.resting
    ]
    alive = sum(each.alive for each in workers)
    trouble = next((each.trouble for each in found if each.trouble), None)
    if trouble is None and len(workers) > alive:
        trouble = SILENT
    if trouble is None and waiting and not alive:
        trouble = NO_WORKER
    return Ready(
        status="not ready" if useless else "degraded" if trouble else "ready",
        trouble=trouble,
        workers_alive=alive,
        connections=found,
        runs=found[0].runs if len(found) == 1 else [],
    )


def _connection(named: Named, state: ConnectionState, waiting: int, since: datetime) -> ConnectionHealth:
    if not wiring.has_store(named.settings):
        rows: Sequence[RunRow] = ()
    else:
        with closing(wiring.store(named.settings)) as store:
            rows = store.runs(RUNS)
    trouble = _trouble(rows, since)
    return ConnectionHealth(
        name=named.name,
        state="paused" if state.paused else "in trouble" if trouble else "active",
        trouble="paused" if state.paused else trouble,  # why is told by `pmom status`: it may name files
        waiting=waiting,
        runs=[
            {"id": row.id, "kind": row.kind, "state": row.state, "started_at": row.started_at.isoformat()}
            for row in rows
        ],
    )


def _trouble(rows: Sequence[RunRow], since: datetime) -> str | None:
    if not rows:
        return "nothing was run yet"
    if rows[0].state == "failed":
        return "the latest run failed"
    ended = [row.finished_at for row in rows if row.state == "done" and row.finished_at is not None]
    return None if any(at >= since for at in ended) else "no run ended well lately"
