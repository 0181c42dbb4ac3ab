"""Is the connector alive, and what did its latest runs come to?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Blueprint, Response, jsonify

from connector import wiring
from connector.errors import PmomError
from connector.store.store import Store


def blueprint(config: Path, *, stale_after: timedelta = timedelta(hours=24)) -> Blueprint:
    """`/healthz`: 200 while the process lives; `/readyz`: 503 when settings, store or latest run are bad."""
    health = Blueprint("health", __name__)

    @health.get("/healthz")
    def alive() -> Response:
        return jsonify(status="alive")

    @health.get("/readyz")
    def ready() -> tuple[Response, int]:
        try:
            trouble, runs = _state(config, stale_after)
        except PmomError as error:
            trouble, runs = type(error).__name__, []  # the message may name files: it belongs in the log, not here
        answer = jsonify(status="ready" if trouble is None else "not ready", trouble=trouble, runs=runs)
        return answer, 200 if trouble is None else 503

    return health


def _state(config: Path, stale_after: timedelta) -> tuple[str | None, list[dict[str, object]]]:
    settings = wiring.texts(config).settings
    if not settings.workspace.store.is_file():
        return "nothing was run yet", []
    store = Store.open(settings.workspace.store, settings.connection_name())
    try:
        rows = store.runs(5)
    finally:
        store.close()
    runs: list[dict[str, object]] = [
        {"id": row.id, "kind": row.kind, "state": row.state, "started_at": row.started_at.isoformat()} for row in rows
    ]
    done = next((row for row in rows if row.state == "done" and row.finished_at is not None), None)
    if rows and rows[0].state == "failed":
        return "the latest run failed", runs
    if done is None or done.finished_at is None or datetime.now(UTC) - done.finished_at > stale_after:
        return "no run ended well lately", runs
    return None, runs
