"""What would be written to the CRM now, and may it be?

The plan compares what the mirror knows of the CRM's values with what the latest decisions ask for. It is kept with
its fingerprint; nothing is written here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from connector.core.cards import machine
from connector.core.codec import from_json, to_json
from connector.core.deal_card import deal_card
from connector.core.decisions import Decision, decision_id
from connector.core.episodes import TaskState
from connector.core.plan import Change, DesiredRecord, Plan, RecordValues, SetFields, diff, marked, refusal, unmarked
from connector.core.scorecard import leading_evidence, scorecard
from connector.core.tasks import ExistingTask, plan_tasks
from connector.errors import Misconfigured, Stale
from connector.mapping import keepable
from connector.mirror.affected import among
from connector.store.store import DecisionRow
from connector.sync.addresses import record_address
from connector.sync.audit_cards import packs, standings
from connector.sync.batch import uncollected
from connector.sync.campaigns import campaign_cards, campaign_records
from connector.sync.cards import carriers, names, present
from connector.sync.context import Context
from connector.sync.credit import OPPORTUNITIES, deal_credits
from connector.sync.decide import DECIDED_BY, people
from connector.sync.funds import asked, conditions, fund_records
from connector.sync.streams import TASKS, to_plan
from connector.sync.tenant import claim

TASK_STATE = "tasks"
_LEFT = "plan_left"  # which marks the plan of which run left aside


@dataclass(frozen=True, slots=True)
class Planned:
    """A kept plan; `refusal` says why it may not be applied without a person's word."""

    plan_id: int
    plan: Plan
    refusal: str | None
    everybody: bool = True
    other_policy: str | None = None  # the version under which the decisions were made, when it is not today's
    left: frozenset[str] = frozenset()  # marks that this plan did not look at: applying it must not take them away


def plan(ctx: Context, run_id: int, *, everybody: bool = True, tasks: bool = True) -> Planned:
    """Make and keep the plan from the latest decisions; with `everybody` false only for partners still unplanned.

    With `tasks` false, tasks of other partners that did not get through wait for the next plan of everybody.

    Misconfigured when the CRM lacks the fields that would be written.
    """
    claim(ctx)
    _check_installed(ctx)
    with uncollected():
        return _plan(ctx, run_id, everybody=everybody, tasks=tasks)


def _plan(ctx: Context, run_id: int, *, everybody: bool, tasks: bool) -> Planned:
    marks = to_plan(ctx.mirror).read()
    left = set[str]() if tasks or marks is None else marks & {TASKS}
    chosen = None if everybody or marks is None or (tasks and TASKS in marks) else sorted(marks - left)
    rows = ctx.store.latest_decisions(chosen)  # marks of other records are no partner's id
    if not rows and chosen is None and ctx.store.state(DECIDED_BY) is None:
        raise Stale("nothing was decided yet: run `pmom pull` and `pmom decide`")
    decisions = [(row, Decision.from_json(row.body)) for row in rows.values()]
    scored_at = ctx.clock().replace(microsecond=0)
    day = max((decision.as_of for _, decision in decisions), default=ctx.today())
    requests = asked(ctx, [decision for _, decision in decisions], chosen, day)
    audited = standings(ctx, chosen)
    desired = [_desired(ctx, row, decision, scored_at, audited) for row, decision in decisions]
    campaigns = campaign_cards(ctx, [decision for _, decision in decisions], chosen, day)
    desired += [*_deals(ctx, chosen), *campaign_records(ctx, campaigns), *fund_records(ctx, requests)]
    work = plan_tasks(
        [decision for _, decision in decisions],
        task_state(ctx),
        existing_tasks(ctx),
        ctx.policy,
        day,
        connection=ctx.connection,
        people=people(ctx),
        complete=chosen is None,
        also=(*conditions(ctx, requests, day, everybody=chosen is None), *(packs(ctx) if chosen is None else ())),
    )
    partners = ctx.mirror.count("partners")
    there = _existing(ctx, chosen, requests.marks | campaigns.marks)
    made = diff(there, desired, create=work.create, close=work.close, partners=partners)
    ctx.store.set_state(_LEFT, json.dumps({"run": run_id, "left": sorted(left)}))  # before the plan can be found
    kept = ctx.store.save_plan(run_id, made.fingerprint, to_json(made), ctx.clock())
    ctx.store.set_state(TASK_STATE, work.state.to_json())
    to_plan(ctx.mirror).replace({mark_of(change) for change in made.changes} | left)
    if made.empty:
        ctx.store.close_plan(kept, "applied")
    others = sorted({decision.policy_version for _, decision in decisions} - {ctx.policy.version})
    other = others[0] if others else None
    return Planned(kept, made, refusal(made, ctx.policy.limits), chosen is None, other, frozenset(left))


def _check_installed(ctx: Context) -> None:
    there = present(ctx.crm, ctx.fieldmap)
    for table, known in names(ctx.crm, ctx.fieldmap).items():
        if table not in there:
            continue  # `pmom check` and `pmom install` say so
        target = ctx.fieldmap.write.object_of(table)
        schema = ctx.crm.schema(target)
        lacking = [name for name in known.values() if schema is None or schema.field(name) is None]
        if lacking:
            found = f"{len(lacking)} of our {len(known)} fields are absent or hidden ({lacking[0]}, ...)"
            raise Misconfigured(target, found, "Run `pmom install`, or grant access to them.")


def mark_of(change: Change) -> str:
    """What must be planned again when this change did not get through."""
    return marked(change.table, change.record_id) if isinstance(change, SetFields) else TASKS


def waiting(ctx: Context) -> Planned:
    """The plan that was looked at and not applied yet, an empty one when it is done; Stale when there is none."""
    row = ctx.store.latest_plan()
    if row is None:
        raise Stale("no plan is waiting: run `pmom plan` first")
    if row.state == "applied":
        return Planned(row.id, diff((), ()), None)
    if row.run_id < int(ctx.store.state(DECIDED_BY) or 0):
        raise Stale(f"plan {row.fingerprint} is older than the latest decisions: run `pmom plan` again")
    made = from_json(Plan, row.body)
    return Planned(row.id, made, refusal(made, ctx.policy.limits), left=_left(ctx, row.run_id))


def _left(ctx: Context, run_id: int) -> frozenset[str]:
    """What the plan of that run left aside; where it is not known, tasks that others may wait for."""
    kept = json.loads(ctx.store.state(_LEFT) or "{}")
    return frozenset(kept["left"] if kept.get("run") == run_id else (TASKS,))


def _desired(
    ctx: Context, row: DecisionRow, decision: Decision, scored_at: datetime, audited: dict[str, tuple[str, str]]
) -> DesiredRecord:
    card = scorecard(
        decision,
        scored_at=scored_at,
        evidence_url=_evidence_url(ctx, decision),
        audited=audited.get(row.partner_id),
    )
    values = tuple((name, keepable(name, value)) for name, value in card)  # else a scrubbed text would never be equal
    return DesiredRecord(row.partner_id, values, decision_id(row.body), "; ".join(decision.reasons))


def _deals(ctx: Context, chosen: list[str] | None) -> list[DesiredRecord]:
    """The cards of opportunities that have or had credit."""
    if OPPORTUNITIES not in carriers(ctx.fieldmap):
        return []
    head = f"{OPPORTUNITIES}/"
    wanted = None if chosen is None else [mark.removeprefix(head) for mark in chosen if mark.startswith(head)]
    if wanted is not None and not wanted:
        return []
    credits = deal_credits(ctx, wanted)
    named = {each.part.partner_id for credit in credits for each in credit.credited}
    rows = ctx.mirror.query(f"SELECT id, coalesce(name, id) AS name FROM partners WHERE {among('id', named)}")
    names = {row["id"]: row["name"] for row in rows.to_pylist()}
    found = []
    for credit in credits:
        card = deal_card(credit, ctx.policy.attribution, ctx.policy.version, names.get)
        values = tuple((name, keepable(name, value, OPPORTUNITIES)) for name, value in card)
        found.append(DesiredRecord(credit.opportunity_id, values, "", credit.type.value, OPPORTUNITIES))
    return found


def _evidence_url(ctx: Context, decision: Decision) -> str | None:
    evidence = leading_evidence(decision)
    sources = ctx.fieldmap.of(evidence[0]) if evidence else ()
    if not (evidence and sources):
        return None
    return record_address(ctx, sources[0].object, evidence[1])


def _existing(ctx: Context, chosen: list[str] | None, also: set[str]) -> list[RecordValues]:
    found = []
    for table in carriers(ctx.fieldmap):
        ids = None if chosen is None else [id_ for m in {*chosen, *also} if (id_ := unmarked(m, table))]
        fields = [(card.name, card.kind) for card in machine(table)]
        rows = ctx.mirror.existing(fields, table, ids).to_pylist()
        found += [RecordValues(str(row.pop("id")), tuple(row.items()), table) for row in rows]
    return found


def task_state(ctx: Context) -> TaskState | None:
    """What the task rules remember of the last plan."""
    kept = ctx.store.state(TASK_STATE)
    return None if kept is None else TaskState.from_json(kept)


def existing_tasks(ctx: Context) -> list[ExistingTask]:
    """Our tasks as the CRM holds them; one that somebody else touched last, or has begun, is a person's."""
    me = ctx.mirror.get_meta("user")
    untouched = (None, ctx.fieldmap.write.task.open, ctx.fieldmap.write.task.closed)
    zone = ZoneInfo(ctx.policy.timezone)

    def day(moment: datetime | None) -> date | None:
        return None if moment is None else moment.astimezone(zone).date()

    rows = ctx.mirror.query("SELECT * FROM tasks WHERE key IS NOT NULL ORDER BY id").to_pylist()
    return [
        ExistingTask(
            key=row["key"],
            id=row["id"],
            owner_id=row["owner_id"],
            partner_id=row["related_id"],
            created=day(row["created_at"]) or date.min,
            is_closed=bool(row["is_closed"]),
            closed=day(row["modified_at"]) if row["is_closed"] else None,
            touched=(row["modified_by"] is not None and row["modified_by"] != me) or row["status"] not in untouched,
        )
        for row in rows
    ]
