"""One whole sync, and the note that every run leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, TypeVar

from structlog.contextvars import bound_contextvars

from connector.errors import Misused, WrongPlan
from connector.sync.apply import Applied, apply
from connector.sync.audit import close_quarter
from connector.sync.context import Context
from connector.sync.decide import Decided, decide
from connector.sync.plan import Planned, plan
from connector.sync.pull import Pulled, pull

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What one sync came to; `applied` is None when there was nothing to write."""

    pulled: Pulled
    decided: Decided
    planned: Planned
    applied: Applied | None
    audited: str | None = None  # the fiscal quarter that was frozen, when one was


def run(ctx: Context, kind: str, step: Callable[[int], T], summary: Callable[[T], dict[str, Any]]) -> T:
    """Do one step as a run: begun, ended and summed up in the store, whatever becomes of it."""
    run_id = ctx.store.begin_run(kind, ctx.clock())
    try:
        with bound_contextvars(run=run_id):
            result = step(run_id)
    except BaseException as error:
        state = "stopped" if _by_a_person(error) else "failed"
        ctx.store.end_run(run_id, state, {"error": str(error) or type(error).__name__}, ctx.clock())
        raise
    ctx.store.end_run(run_id, "done", summary(result), ctx.clock())
    return result


def _by_a_person(error: BaseException) -> bool:
    """Whether somebody stopped the run, or asked for what cannot be; an interrupted database makes an error of it."""
    return isinstance(error, KeyboardInterrupt | Misused | WrongPlan) or "query interrupted" in str(error).lower()


def sync(
    ctx: Context,
    run_id: int,
    *,
    as_of: date | None = None,
    force: str | None = None,
    full: bool = False,
    let_go: bool = False,
) -> SyncReport:
    """Pull, decide, plan and apply, touching only what has changed."""
    pulled = pull(ctx, str(run_id), full=full)
    decided = decide(ctx, run_id, as_of=as_of, let_go=let_go)
    closed = close_quarter(ctx, run_id) if as_of is None else None
    planned = plan(ctx, run_id, everybody=decided.everybody)
    applied = None if planned.plan.empty else apply(ctx, run_id, planned, force=force)
    frozen = closed.quarter.label if closed is not None else None
    return SyncReport(pulled, decided, planned, applied, frozen)


def pulled_summary(result: Pulled) -> dict[str, Any]:
    """The figures of a pull."""
    return {
        "rows": sum(each.rows for each in result.objects),
        "changed": result.changed,
        "rejected": sum(each.rejected for each in result.objects),
        "unavailable": [table for table, _ in result.unavailable],
        "calls": result.calls,
    }


def decided_summary(result: Decided) -> dict[str, Any]:
    """The figures of a run of decisions."""
    return {
        "as_of": result.as_of.isoformat(),
        "partners": result.partners,
        "changed": len(result.changed),
        "first": result.first,
        "gone": result.gone,
        "stale": result.stale,
        "outcomes": dict(sorted(result.outcomes.items())),
    }


def planned_summary(result: Planned) -> dict[str, Any]:
    """The figures of a plan."""
    return {"fingerprint": result.plan.fingerprint, "refusal": result.refusal, **asdict(result.plan.summary)}


def applied_summary(result: Applied) -> dict[str, Any]:
    """The figures of an apply."""
    return {"plan": result.plan_id, "outcomes": result.counts, "calls": result.calls}


def sync_summary(result: SyncReport) -> dict[str, Any]:
    """The figures of a whole sync."""
    return {
        "pulled": pulled_summary(result.pulled),
        "decided": decided_summary(result.decided),
        "planned": planned_summary(result.planned),
        "applied": applied_summary(result.applied) if result.applied else None,
        "audited": result.audited,
    }
