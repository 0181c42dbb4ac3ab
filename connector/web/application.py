"""Which addresses does `pmom serve` answer, and what do all of its answers have in common?"""

from __future__ import annotations

import importlib.metadata
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from flask import Blueprint, Flask, Response, g, jsonify
from werkzeug.exceptions import HTTPException

from connector import wiring
from connector.config.deployment import Deployment
from connector.hooks.refusals import Refusal
from connector.store.fleet import Fleet
from connector.web import figures, health, hooks, openapi, tenants
from connector.web.inbox_writer import InboxWriter
from connector.web.tally import Tally

log = structlog.get_logger("pmom.web")
_REASONS = {404: "not_found", 405: Refusal.METHOD, 413: Refusal.TOO_LARGE, 415: Refusal.MEDIA_TYPE}


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Served:
    """The application, and what must be ended with it."""

    app: Flask
    desk: hooks.Desk
    fleet: Fleet

    def close(self) -> None:
        """Write what waits and give everything back."""
        self.desk.writer.stop()
        self.desk.tally.stop()
        self.fleet.close()


def served(deployment: Deployment, *, clock: Callable[[], datetime] = now) -> Served:
    """The application of that deployment; Misconfigured when its settings or its databases cannot be used."""
    known = tenants.Tenants(deployment)
    fleet = wiring.fleet(deployment)
    inbox, shown = fleet.inbox(), figures.Figures()
    desk = hooks.Desk(
        known,
        InboxWriter(inbox.record, clock, places=deployment.web.threads - 1),
        Tally(lambda connection, name, by: fleet.count(connection, name, by)),
        shown,
        clock,
        deployment.web.body_kb * 1024,
        known.rests,
    )
    stale_after = timedelta(seconds=deployment.jobs.stale_after)
    shown.watch(figures.FleetFigures(fleet, inbox, deployment.names, clock, stale_after))
    app = Flask("pmom", static_folder=None)
    app.url_map.merge_slashes = False  # no answer is made of a stranger's Host header
    app.register_blueprint(hooks.blueprint(desk))
    app.register_blueprint(health.blueprint(known.deployment, fleet, clock=clock))
    app.register_blueprint(_pages(shown, deployment.web.public_url))
    _everywhere(app)
    made = Served(app, desk, fleet)
    app.extensions["pmom"] = made
    return made


def _pages(shown: figures.Figures, public_url: str | None) -> Blueprint:
    pages = Blueprint("pages", __name__)
    document = openapi.document(importlib.metadata.version("pmom-connector"), public_url)

    @pages.get("/metrics")
    def metrics() -> Response:
        return Response(shown.page(), content_type=figures.CONTENT_TYPE)

    @pages.get("/openapi.json")
    def paper() -> Response:
        return jsonify(document)

    return pages


def _everywhere(app: Flask) -> None:
    """Every answer has a request id and tells nothing of the inside."""

    @app.before_request
    def begin() -> None:
        g.request_id = uuid.uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.get("request_id", "")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        return response

    @app.teardown_request
    def forget(error: BaseException | None) -> None:
        structlog.contextvars.clear_contextvars()

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        status = error.code or 500
        made = hooks.problem(_REASONS.get(status, Refusal.MALFORMED if status < 500 else Refusal.FAULT), status)
        allowed = getattr(error, "valid_methods", None)
        if status == 405 and allowed:
            made.headers["Allow"] = ", ".join(sorted(allowed))
        return made

    @app.errorhandler(Exception)
    def fault(error: Exception) -> Response:
        log.error("request failed", exc_info=error)
        return hooks.problem(Refusal.FAULT, 500)
