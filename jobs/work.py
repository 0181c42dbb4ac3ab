"""What does each kind of work do with an open connection? The figures it came to are kept with the job."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from connector.errors import Misconfigured, Refused
from connector.hooks.hint import Hint
from connector.store.fleet import Fleet
from connector.store.inbox import ids_of
from connector.sync.apply import apply
from connector.sync.audit import close_quarter
from connector.sync.context import Context
from connector.sync.decide import decide
from connector.sync.hints import HintsReport, hints_summary, sync_hints
from connector.sync.plan import plan
from connector.sync.retention import retention
from connector.sync.runs import applied_summary, decided_summary, planned_summary, run, sync, sync_summary
from connector.sync.streams import to_decide
from jobs.desk import Desk
from jobs.orders import Kind, Order

_PROBED = "probed"
MOST_HINTS = 100_000  # hints of one drain: about 50 MB


def worked(ctx: Context, order: Order, desk: Desk) -> dict[str, Any]:
    """Do that work; the figures it came to. Raises what went wrong (connector/errors.py)."""
    if ctx.connection != order.connection:  # its file was not there when this process began, or was renamed since
        found = f'its settings now call it "{ctx.connection}"'
        raise Misconfigured(order.connection, found, "Start `pmom work` and `pmom serve` again.")
    return _KINDS[order.kind](ctx, order, desk)


def _drain(ctx: Context, order: Order, desk: Desk) -> dict[str, Any]:
    """Everything that waits unread, in one go: a partner named by a thousand hints is decided once."""
    inbox = desk.fleet.inbox()
    desk.settled(order.connection)
    waiting = next((each for each in inbox.waiting() if each.connection == order.connection), None)
    if waiting is None:
        return {"hints": 0}
    held = inbox.take(order.connection, waiting.highest, MOST_HINTS)
    hints: list[Hint] = [each.hint for each in held]
    report: HintsReport = run(ctx, "hints", lambda run_id: sync_hints(ctx, run_id, hints), hints_summary)
    inbox.done(ids_of(held), ctx.clock())
    _counted(desk.fleet, order.connection, report)
    if report.refused:
        raise Refused(report.refused)
    return hints_summary(report)


def _counted(fleet: Fleet, connection: str, report: HintsReport) -> None:
    """What became of the records that hints led to, for the figures that outlive this process."""
    figures = {
        "records_fetched": report.fetched,
        "records_different": report.different,
        "records_echoed": report.echoes,
        "records_unmapped": report.unmapped,
        "partners_decided": report.partners,
    }
    for name, by in figures.items():
        if by:
            fleet.count(connection, name, by)
    for status, by in report.outcomes.items():
        fleet.count(connection, f"outcomes_{status}", by)


def _sync(ctx: Context, order: Order, desk: Desk) -> dict[str, Any]:
    report = run(ctx, "sync", lambda run_id: sync(ctx, run_id, full=order.full), sync_summary)
    for status, by in (report.applied.counts if report.applied else {}).items():
        desk.fleet.count(order.connection, f"outcomes_{status}", by)
    return sync_summary(report)


def _recalculate(ctx: Context, order: Order, desk: Desk) -> dict[str, Any]:
    """Decide one partner or everybody from the mirror, and write what differs."""
    if order.partner:
        to_decide(ctx.mirror).add({order.partner})
    decided = run(ctx, "decide", lambda run_id: decide(ctx, run_id, everybody=not order.partner), decided_summary)
    planned = run(ctx, "plan", lambda run_id: plan(ctx, run_id, everybody=decided.everybody), planned_summary)
    done = {"decided": decided_summary(decided), "planned": planned_summary(planned)}
    if planned.plan.empty:
        return done
    applied = run(ctx, "apply", lambda run_id: apply(ctx, run_id, planned), applied_summary)
    return {**done, "applied": applied_summary(applied)}


def _audit(ctx: Context, order: Order, desk: Desk) -> dict[str, Any]:
    """Freeze the last quarter once it is closed; what follows from it is planned by the next sync."""

    def summary(audited: Any) -> dict[str, Any]:
        return {"quarter": audited.quarter.label if audited else None}

    return summary(run(ctx, "audit", lambda run_id: close_quarter(ctx, run_id), summary))


def _probe(ctx: Context, order: Order, desk: Desk) -> dict[str, Any]:
    """Whether the CRM answers, and what it says can be kept: else the next drain would only let it rest again."""
    found = {"identity": ctx.crm.identity()}
    ctx.store.set_state(_PROBED, json.dumps({"at": ctx.clock().isoformat()}))
    ctx.mirror.look_kept(ctx.clock())
    return found


def _retention(ctx: Context, order: Order, desk: Desk) -> dict[str, Any]:
    """Forget what was kept long enough; of the deployment too, where doing it twice is harmless."""
    before = ctx.clock() - timedelta(days=desk.jobs.keep_days)
    return {
        "hints": desk.fleet.inbox().forget(before),
        "slots": desk.fleet.forget_slots(before),
        "workers": desk.fleet.forget_workers(before),
        "jobs": desk.queue.forget(before),
        **retention(ctx),
    }


_KINDS: dict[Kind, Callable[[Context, Order, Desk], dict[str, Any]]] = {
    Kind.DRAIN: _drain,
    Kind.SYNC: _sync,
    Kind.RECALCULATE: _recalculate,
    Kind.AUDIT: _audit,
    Kind.PROBE: _probe,
    Kind.RETENTION: _retention,
}
