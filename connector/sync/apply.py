"""How does a plan reach the CRM so that nothing is overwritten, nothing is doubled and every change has an outcome?

Before a record is written it is read again: what already holds the new value is unchanged, what holds neither the
old nor the new one is a conflict. Tasks are looked up by their key before they are made. After a crash the same plan
is applied again: what was written is found unchanged.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from connector.core.cards import field_named
from connector.core.fields import ScoreField, Value
from connector.core.plan import Change, CloseTask, CreateTask, FieldChange, Plan, SetFields, refusal, same
from connector.crm.base import Write, WriteResult, WriteStatus, arrow_type
from connector.errors import Refused, WrongPlan
from connector.mapping import to_write
from connector.store.store import OutcomeRow
from connector.sync.cards import names
from connector.sync.context import Context
from connector.sync.noted import note_fields, note_tasks
from connector.sync.plan import Planned, mark_of
from connector.sync.streams import to_plan
from connector.sync.tenant import claim

CHUNK = 10_000
"""At most so many changes are checked, written and noted together: a Bulk job or fifty collection calls.

A CRM that takes no such jobs says less, so that little time passes between looking at a record and writing to it.
"""

TASK = "task"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change: applied, unchanged, conflict, refused or failed."""

    change: Change
    status: str
    record_id: str | None = None
    code: str = ""
    message: str = ""


@dataclass(slots=True)
class Applied:
    """What an apply came to."""

    plan_id: int
    outcomes: list[Outcome] = field(default_factory=list)
    calls: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """How many changes had which outcome."""
        return dict(sorted(Counter(outcome.status for outcome in self.outcomes).items()))

    @property
    def complete(self) -> bool:
        """Whether every change now stands in the CRM."""
        return all(outcome.status in ("applied", "unchanged") for outcome in self.outcomes)


def apply(ctx: Context, run_id: int, planned: Planned, *, force: str | None = None) -> Applied:
    """Write the plan. Refused when a safety limit stands against it and `force` is not its fingerprint."""
    claim(ctx)
    check_allowed(planned.plan, ctx, force)
    before = ctx.crm.usage().calls
    result = Applied(planned.plan_id)
    step = min(CHUNK, ctx.crm.capabilities.together)
    for start in range(0, len(planned.plan.changes), step):
        part = planned.plan.changes[start : start + step]
        for outcomes in _chunk(ctx, part):
            now = ctx.clock()
            ctx.store.record_outcomes(planned.plan_id, run_id, [_row(outcome, now) for outcome in outcomes])
            _note_written(ctx, outcomes)
            result.outcomes += outcomes
            ctx.progress("changes written", len(result.outcomes), len(planned.plan.changes))
    _leave_marks(ctx, result, planned)
    ctx.store.close_plan(planned.plan_id, "applied" if result.complete else "partial")
    result.calls = ctx.crm.usage().calls - before
    return result


def check_allowed(plan: Plan, ctx: Context, force: str | None) -> None:
    """Refused or Stale when the plan may not be applied as it is."""
    why = refusal(plan, ctx.policy.limits)
    if force is not None and force != plan.fingerprint:
        raise WrongPlan(
            f"the plan is {plan.fingerprint}, not {force}: look at it with `pmom plan` and say --force again"
        )
    if why is not None and force is None:
        raise Refused(why)


def _chunk(ctx: Context, changes: Sequence[Change]) -> Iterator[list[Outcome]]:
    fields = [change for change in changes if isinstance(change, SetFields)]
    created = [change for change in changes if isinstance(change, CreateTask)]
    closed = [change for change in changes if isinstance(change, CloseTask)]
    for table in dict.fromkeys(change.table for change in fields):
        yield from _written(ctx, *_checked_fields(ctx, table, [c for c in fields if c.table == table]))
    if created:
        yield from _written(ctx, *_checked_creations(ctx, created))
    if closed:
        yield from _written(ctx, *_checked_closures(ctx, closed))


def _checked_fields(ctx: Context, table: str, changes: list[SetFields]) -> tuple[list[Outcome], list[Change]]:
    """Outcomes that are already clear, and the changes that may be written; all are of that canonical table."""
    known = names(ctx.crm, ctx.fieldmap)[table]
    target = ctx.fieldmap.write.object_of(table)
    wanted = sorted({known[part.name] for change in changes for part in change.values})
    id_field = _id_field(ctx, table)
    rows = ctx.crm.fetch(target, [change.record_id for change in changes], [id_field, *wanted])
    there = _by_id(rows, id_field)
    clear: list[Outcome] = []
    open_changes: list[Change] = []
    for change in changes:
        now = there.get(change.record_id)
        outcome = _precondition(change, now, known)
        if outcome is None:
            open_changes.append(change)
        else:
            clear.append(outcome)
    return clear, open_changes


def _precondition(change: SetFields, now: dict[str, Any] | None, known: dict[str, str]) -> Outcome | None:
    """None when the change may be written."""
    if now is None:
        return Outcome(change, "conflict", change.record_id, "GONE", "the record is no longer there")
    fields = {part.name: field_named(part.name, change.table) for part in change.values}
    parts = [part for part in change.values if not fields[part.name].volatile]
    held = {part.name: _held(fields[part.name], now.get(known[part.name].lower())) for part in parts}
    if all(same(fields[part.name], held[part.name], part.after) for part in parts):
        return Outcome(change, "unchanged", change.record_id)
    moved = [part for part in parts if not _expected(fields[part.name], part, held[part.name])]
    if moved:
        words = "; ".join(f"{p.name}: expected {_shown(p.before)}, found {_shown(held[p.name])}" for p in moved)
        return Outcome(change, "conflict", change.record_id, "CHANGED", f"somebody else wrote here ({words})")
    return None


def _expected(spec: ScoreField, part: FieldChange, held: Value) -> bool:
    return same(spec, held, part.before) or same(spec, held, part.after)


def _held(spec: ScoreField, value: Any) -> Value:
    """The CRM's value as the plan's kind of value."""
    if value is None:
        return None
    cast: Value = pa.scalar(value).cast(arrow_type(spec.kind), safe=False).as_py()
    return cast


def _shown(value: Value) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _checked_creations(ctx: Context, changes: list[CreateTask]) -> tuple[list[Outcome], list[Change]]:
    """Tasks whose key the CRM already holds are not made again."""
    target = ctx.fieldmap.write.task
    id_field = _id_field(ctx, "tasks")
    keys = [change.task.key for change in changes]
    rows = ctx.crm.find(target.object, target.key_field, keys, [id_field, target.key_field])
    found = {str(row[target.key_field.lower()]): str(row[id_field.lower()]) for row in _lowered(rows)}
    clear = [Outcome(c, "unchanged", found[c.task.key]) for c in changes if c.task.key in found]
    return clear, [change for change in changes if change.task.key not in found]


def _checked_closures(ctx: Context, changes: list[CloseTask]) -> tuple[list[Outcome], list[Change]]:
    """Tasks that somebody has touched, closed or deleted meanwhile are left alone."""
    target = ctx.fieldmap.write.task
    id_field = _id_field(ctx, "tasks")
    ids = [change.closure.id for change in changes]
    rows = ctx.crm.fetch(target.object, ids, [id_field, target.status, target.subject, target.owner])
    there = _by_id(rows, id_field)
    seen = _tasks_as_planned(ctx, ids)
    clear: list[Outcome] = []
    open_changes: list[Change] = []
    for change in changes:
        now = there.get(change.closure.id)
        status = None if now is None else now.get(target.status.lower())
        if now is None or status == target.closed:
            clear.append(Outcome(change, "unchanged", change.closure.id))
        elif status != target.open:
            clear.append(Outcome(change, "conflict", change.closure.id, "CHANGED", f"its status is now {status}"))
        elif (now.get(target.subject.lower()), now.get(target.owner.lower())) != seen.get(change.closure.id):
            clear.append(Outcome(change, "conflict", change.closure.id, "CHANGED", "somebody changed it meanwhile"))
        else:
            open_changes.append(change)
    return clear, open_changes


def _tasks_as_planned(ctx: Context, ids: list[str]) -> dict[str, tuple[Any, Any]]:
    """Task id -> subject and owner as the mirror has them, with which the closing was planned."""
    rows = ctx.mirror.query("SELECT id, subject, owner_id FROM tasks WHERE list_contains(?, id)", [ids]).to_pylist()
    return {row["id"]: (row["subject"], row["owner_id"]) for row in rows}


def _written(ctx: Context, clear: list[Outcome], changes: list[Change]) -> Iterator[list[Outcome]]:
    if clear:
        yield clear
    if not changes:
        return
    known = names(ctx.crm, ctx.fieldmap)
    writes: list[Write] = [to_write(change, ctx.fieldmap.write, known) for change in changes]
    by_ref = {write.ref: change for write, change in zip(writes, changes, strict=True)}
    waiting: list[Outcome] = []
    for answer in ctx.crm.write(writes, ctx.progress):
        waiting.append(_outcome(by_ref[answer.ref], answer))
        if len(waiting) == ctx.crm.capabilities.batch:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


_STATUSES = {WriteStatus.APPLIED: "applied", WriteStatus.REFUSED: "refused", WriteStatus.FAILED: "failed"}


def _outcome(change: Change, answer: WriteResult) -> Outcome:
    return Outcome(change, _STATUSES[answer.status], answer.id, answer.code, answer.message)


def _note_written(ctx: Context, outcomes: list[Outcome]) -> None:
    """The mirror learns what the CRM now holds."""
    there = [each for each in outcomes if each.status in ("applied", "unchanged")]
    note_fields(ctx, [each.change for each in there if isinstance(each.change, SetFields)])
    written = [each for each in there if each.status == "applied"]
    made = [(e.change, e.record_id) for e in written if isinstance(e.change, CreateTask) and e.record_id]
    note_tasks(ctx, made, [each.change for each in written if isinstance(each.change, CloseTask)])


def _leave_marks(ctx: Context, result: Applied, planned: Planned) -> None:
    """What got through need not be planned again; marks that came since the plan was made stay.

    So does what the plan left aside: tasks of some partners say nothing about an earlier plan's tasks of others. What
    did not get through is marked, also when its process was killed between keeping the plan and marking it.
    """
    marks = to_plan(ctx.mirror)
    left = marks.read()
    if left is not None:
        done = {mark_of(each.change) for each in result.outcomes}
        open_ = {mark_of(each.change) for each in result.outcomes if each.status not in ("applied", "unchanged")}
        marks.replace((left - (done - planned.left)) | open_)


def _row(outcome: Outcome, at: datetime) -> OutcomeRow:
    change = outcome.change
    before: dict[str, str | None] = {}
    after: dict[str, str | None] = {}
    if isinstance(change, SetFields):
        before = {part.name: None if part.before is None else str(part.before) for part in change.values}
        after = {part.name: None if part.after is None else str(part.after) for part in change.values}
    elif isinstance(change, CreateTask):
        after = {"subject": change.task.subject, "owner": change.task.owner_id}
    return OutcomeRow(
        change.key,
        outcome.status,
        outcome.record_id,
        json.dumps(before, ensure_ascii=False),
        json.dumps(after, ensure_ascii=False),
        outcome.code,
        outcome.message,
        at,
    )


def _id_field(ctx: Context, table: str) -> str:
    rule = next((rule for source in ctx.fieldmap.of(table) if (rule := source.rule("id")) is not None), None)
    assert rule is not None
    return rule.fields[0]


def _lowered(rows: pa.Table) -> list[dict[str, Any]]:
    return [{name.lower(): value for name, value in row.items()} for row in rows.to_pylist()]


def _by_id(rows: pa.Table, id_field: str) -> dict[str, dict[str, Any]]:
    return {str(row[id_field.lower()]): row for row in _lowered(rows)}
