"""What of a connection's memory has been kept long enough? Bodies of old plans; old runs with what they wrote.

Never forgotten are decisions, credits and audits with their history, the newest plan, plans that are still open, and
anything that a young run wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from connector.store import tables as t
from connector.store.store import Store

EMPTY = "{}"
_STEP = 2_000  # rows a transaction: nobody who writes waits long


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many plans lost their bodies, and how many outcomes, plans and runs are gone."""

    bodies: int
    outcomes: int
    plans: int
    runs: int


def forget(store: Store, *, bodies_before: datetime, trail_before: datetime) -> Forgotten:
    """Empty the bodies of plans made before `bodies_before`; take away the trail of runs begun before `trail_before`.

    The trail is a run, its plans and its outcomes. Small transactions: a process killed in between has forgotten
    part of it, and the next call goes on. Errors as `engine.writing`.
    """
    p, o, r = t.plans.c, t.outcomes.c, t.runs.c
    name = store.connection
    newest_plan = sa.select(sa.func.max(p.id)).where(p.connection == name).scalar_subquery()
    newest_run = sa.select(sa.func.max(r.id)).where(r.connection == name).scalar_subquery()
    settled = (p.connection == name, p.state != "open", p.id < newest_plan)
    old_plans = sa.select(p.id).where(*settled, p.made_at < trail_before)
    old_bodies = sa.select(p.id).where(*settled, p.made_at < bodies_before, p.body != EMPTY)
    old_outcomes = sa.select(o.id).where(o.plan_id.in_(old_plans), o.at < trail_before)
    bare_plans = old_plans.where(~sa.exists().where(o.plan_id == p.id))
    old_runs = sa.select(r.id).where(
        r.connection == name, r.state != "running", r.started_at < trail_before, r.id < newest_run
    )
    quiet_runs = old_runs.where(~sa.exists().where(p.run_id == r.id), ~sa.exists().where(o.run_id == r.id))
    return Forgotten(
        bodies=_stepwise(store, old_bodies, t.plans.update().values(body=EMPTY), p.id),
        outcomes=_stepwise(store, old_outcomes, t.outcomes.delete(), o.id),
        plans=_stepwise(store, bare_plans, t.plans.delete(), p.id),
        runs=_stepwise(store, quiet_runs, t.runs.delete(), r.id),
    )


def _stepwise(store: Store, chosen: sa.Select[Any], change: Any, column: Any) -> int:
    """Change the chosen rows, so many at a time, until none is chosen any more; how many they were."""
    done = 0
    step = chosen.order_by(column).limit(_STEP)
    while True:
        with store.begin() as db:
            ids = list(db.scalars(step))
            for start in range(0, len(ids), 400):
                db.execute(change.where(column.in_(ids[start : start + 400])))
        done += len(ids)
        if len(ids) < _STEP:
            return done
