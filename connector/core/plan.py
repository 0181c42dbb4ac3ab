"""What is the smallest set of CRM changes that makes the records hold what was decided?

The plan is a pure function of what is there and what should be there, whatever the order of either. Each change names
the value that it expects to replace, so that a later edit becomes a conflict instead of being overwritten.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from connector.core.cards import field_named
from connector.core.fields import ScoreField, Value
from connector.core.policy import Limits
from connector.core.records import Kind
from connector.core.tasks import DesiredTask, TaskClosure

DECISION_FIELD = "Triage_Decision"
PARTNERS = "partners"


def marked(table: str, record_id: str) -> str:
    """How a record is named among records of several tables: a partner by its bare id."""
    return record_id if table == PARTNERS else f"{table}/{record_id}"


def unmarked(mark: str, table: str) -> str | None:
    """The record's id when the mark names one of that table."""
    head, slash, record_id = mark.rpartition("/")
    return record_id if head == ("" if table == PARTNERS else table) and bool(slash) is (table != PARTNERS) else None


@dataclass(frozen=True, slots=True)
class RecordValues:
    """What a record holds: field names without a vendor's suffix; absent means empty."""

    record_id: str
    values: tuple[tuple[str, Value], ...]
    table: str = PARTNERS


@dataclass(frozen=True, slots=True)
class DesiredRecord:
    """What a record should hold, and because of which decision."""

    record_id: str
    values: tuple[tuple[str, Value], ...]
    decision_id: str = ""
    reason: str = ""
    table: str = PARTNERS


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field: the value that is expected there, and the value to write."""

    name: str
    before: Value
    after: Value


@dataclass(frozen=True, slots=True)
class SetFields:
    """Fields of one record to write; `table` is the canonical table that it is a row of."""

    record_id: str
    values: tuple[FieldChange, ...]
    decision_id: str = ""
    reason: str = ""
    table: str = PARTNERS

    @property
    def key(self) -> str:
        """The change's own name within its plan."""
        return f"fields:{marked(self.table, self.record_id)}"


@dataclass(frozen=True, slots=True)
class CreateTask:
    """A task to make; its key makes a second attempt harmless."""

    task: DesiredTask

    @property
    def key(self) -> str:
        """The change's own name within its plan."""
        return f"task:{self.task.key}"


@dataclass(frozen=True, slots=True)
class CloseTask:
    """A task of ours to close, which no person has touched."""

    closure: TaskClosure

    @property
    def key(self) -> str:
        """The change's own name within its plan."""
        return f"close:{self.closure.key}"


Change = SetFields | CreateTask | CloseTask


@dataclass(frozen=True, slots=True)
class Summary:
    """A plan in numbers."""

    partners: int  # in all
    records_changed: int  # of partners
    first_decisions: int  # records that had no decision before
    decisions_changed: int  # records whose decision becomes another
    fields_changed: int
    tasks_created: int
    tasks_closed: int
    others_changed: int = 0  # records of other tables: opportunities


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes in order, a fingerprint of them (without volatile stamps), and their numbers."""

    changes: tuple[Change, ...]
    fingerprint: str
    summary: Summary

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.changes


def diff(
    existing: Iterable[RecordValues],
    desired: Iterable[DesiredRecord],
    *,
    create: Iterable[DesiredTask] = (),
    close: Iterable[TaskClosure] = (),
    restamp: bool = False,
    partners: int | None = None,
) -> Plan:
    """The plan. A record that is not in `existing` counts as empty.

    Volatile fields ride along with a real change; with `restamp` a new policy version is a change by itself.
    `partners` is how many there are in all, when `desired` holds only some: the safety limit is a share of them.
    """
    there = {(record.table, record.record_id): dict(record.values) for record in existing}
    wanted = sorted(desired, key=lambda record: (record.table != PARTNERS, record.table, record.record_id))
    fields = tuple(
        change
        for record in wanted
        if (change := _set_fields(there.get((record.table, record.record_id), {}), record, restamp)) is not None
    )
    created = tuple(CreateTask(task) for task in sorted(create, key=lambda task: task.key))
    closed = tuple(CloseTask(closure) for closure in sorted(close, key=lambda closure: closure.key))
    changes: tuple[Change, ...] = (*fields, *created, *closed)
    return Plan(changes, fingerprint(changes), _summary(_all(partners, wanted), fields, len(created), len(closed)))


def _all(partners: int | None, wanted: Sequence[DesiredRecord]) -> int:
    return partners or sum(1 for record in wanted if record.table == PARTNERS)


def _set_fields(there: Mapping[str, Value], wanted: DesiredRecord, restamp: bool) -> SetFields | None:
    changed = [
        FieldChange(name, there.get(name), value)
        for name, value in wanted.values
        if not same(field_named(name, wanted.table), there.get(name), value)
    ]
    if not any(_counts(field_named(change.name, wanted.table), restamp) for change in changed):
        return None
    return SetFields(wanted.record_id, tuple(changed), wanted.decision_id, wanted.reason, wanted.table)


def _counts(field: ScoreField, restamp: bool) -> bool:
    return not field.volatile or (restamp and field.name == "Policy_Version")


def same(spec: ScoreField, one: Value, other: Value) -> bool:
    """Whether a CRM would keep both as the same value: scale, empty text, order of options and time zone aside."""
    return _kept(spec, one) == _kept(spec, other)


def _kept(spec: ScoreField, value: Value) -> Value | frozenset[str]:
    if value is None:
        return False if spec.kind is Kind.BOOL else None
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(microsecond=0)
    if isinstance(value, bool | date):
        return value
    if isinstance(value, str):
        text = value.replace("\r\n", "\n").strip()
        return frozenset(text.split(";")) if spec.multiple and text else text or None
    scale = spec.scale if spec.scale is not None else 0 if spec.kind is Kind.INTEGER else 8
    return Decimal(value).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_EVEN)


def _summary(partners: int, fields: tuple[SetFields, ...], created: int, closed: int) -> Summary:
    cards = [record for record in fields if record.table == PARTNERS]
    decisions = [change for record in cards for change in record.values if change.name == DECISION_FIELD]
    return Summary(
        partners=partners,
        records_changed=len(cards),
        first_decisions=sum(1 for change in decisions if not change.before),
        decisions_changed=sum(1 for change in decisions if change.before),
        fields_changed=sum(len(record.values) for record in fields),
        tasks_created=created,
        tasks_closed=closed,
        others_changed=len(fields) - len(cards),
    )


def fingerprint(changes: tuple[Change, ...]) -> str:
    """Sixteen hex digits of the ordered changes; volatile stamps and reasons are no part of it."""
    text = json.dumps([_printed(change) for change in changes], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _printed(change: Change) -> list[object]:
    if isinstance(change, CreateTask):
        task = change.task
        return [change.key, task.owner_id, task.subject, task.body, task.due.isoformat()]
    if isinstance(change, CloseTask):
        return [change.key, change.closure.id]
    parts = [
        [part.name, _shown(part.before), _shown(part.after)]
        for part in change.values
        if not field_named(part.name, change.table).volatile or part.name == "Policy_Version"
    ]
    return [change.key, parts]


def _shown(value: Value) -> str | None:
    return None if value is None else value.isoformat() if isinstance(value, date) else str(value)


def refusal(plan: Plan, limits: Limits) -> str | None:
    """Why the plan must not be applied without a person's word; None when it may. First decisions are no change."""
    summary = plan.summary
    changed, partners = summary.decisions_changed, summary.partners
    if changed >= limits.min_changed_partners and changed > limits.max_changed_share * partners:
        found = f"{changed} of {partners} decisions would change"
        limit = f"more than limits.max_changed_share ({limits.max_changed_share * 100:.0f} %) allows"
    elif summary.tasks_created > limits.max_new_tasks:
        found = f"{summary.tasks_created} tasks would be made"
        limit = f"more than limits.max_new_tasks ({limits.max_new_tasks}) allows"
    else:
        return None
    return f"{found}, {limit}. Look at the plan; to apply it all the same, say --force {plan.fingerprint}"
