"""What would be written, what was written, and what did not get through: for people and for --json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from connector.cli.console import clean, out, plain
from connector.cli.tables import MOST_ROWS, Column, Fitted, counted, cut
from connector.core.cards import field_named
from connector.core.figures import plain as number
from connector.core.plan import Change, CloseTask, CreateTask, Plan, SetFields, Summary

if TYPE_CHECKING:  # `pmom --help` must not wait for the libraries behind these
    from connector.sync.apply import Applied
    from connector.sync.context import Context
    from connector.sync.plan import Planned

_SIDE = 58  # characters that the partner's and the field's columns take
_LEAST = 20  # characters of a value, however narrow the terminal is


@dataclass(frozen=True, slots=True)
class Names:
    """What partners and people are called, by their ids."""

    partners: Mapping[str, str]
    people: Mapping[str, str]


def names_of(ctx: Context) -> Names:
    """The names that the mirror holds."""
    partners, people = (
        {row["id"]: row["name"] for row in ctx.mirror.query(f"SELECT id, name FROM {table}").to_pylist()}
        for table in ("partners", "users")
    )
    return Names(partners, people)


def plan_tables(result: Planned, names: Names, most: int = MOST_ROWS, *, forced: bool = False) -> RenderableType:
    """The plan: numbers first, then the changes. `forced`: a person let it through a safety limit."""
    summary = result.plan.summary
    words = (
        f"{counted(_fields(result.plan), 'field')} on {summary.records_changed:,} of {summary.partners:,} partner "
        f"records{_others(summary)} would change ({counted(summary.first_decisions, 'first decision')}, "
        f"{summary.decisions_changed:,} changed); {counted(summary.tasks_created, 'task')} made, "
        f"{summary.tasks_closed:,} closed."
    )
    if result.plan.empty:
        done = f"Nothing to do: the CRM holds what was decided for {summary.partners:,} partners."
        return Group(done, *_outdated(result))
    parts: list[RenderableType] = [
        words,
        f"Plan {result.plan.fingerprint}",
        "",
        changes_table(result.plan, names, most),
    ]
    if result.refusal:
        parts += ["", limit_told(result.refusal, forced=forced)]
    return Group(*parts)


def _others(summary: Summary) -> str:
    """The records that are no partners', where there are any."""
    count = summary.others_changed
    return f" and {count:,} opportunities, campaigns and fund requests" if count else ""


def limit_told(refusal: str, *, forced: bool) -> Text:
    """A safety limit that stands against a plan, or stood against one that a person forced."""
    if not forced:
        return Text(f"Stopped by a safety limit: {clean(refusal)}", style="yellow")
    reason = refusal.partition(". Look at the plan")[0]
    return Text(f"A safety limit stood against it ({clean(reason)}); forced by you.", style="yellow")


def _outdated(result: Planned) -> list[RenderableType]:
    if not result.other_policy:
        return []
    return [Text(f"Decided under {result.other_policy}; the policy is another now: `pmom decide`.", style="yellow")]


def _fields(made: Plan) -> int:
    """Fields to write, the stamps that ride along aside."""
    changes = [change for change in made.changes if isinstance(change, SetFields)]
    return sum(1 for c in changes for part in c.values if not field_named(part.name, c.table).volatile)


def changes_table(made: Plan, names: Names, most: int = MOST_ROWS) -> RenderableType:
    """Each field with the value that is there and the value to come; a partner's name stands once."""
    columns = (
        Column("partner", least=10, most=24),
        Column("field", least=10, most=26),
        Column("now", least=16),
        Column("then", least=16),
    )
    rows = [row for change in made.changes for row in _change_rows(change, names)]
    shown, before = [], ""
    for who, *rest in rows[:most]:
        shown.append(("" if who == before else who, *rest))
        before = who
    return cut(Fitted("Changes", columns, shown), most, len(rows), "changes")


def _change_rows(change: Change, names: Names) -> list[tuple[str, str, str, str]]:
    if isinstance(change, CreateTask):
        task = change.task
        who = names.partners.get(task.partner_id or "", f"{len(task.partners)} partners")
        return [(plain(who), f"task {task.type}", "-", plain(f"due {task.due}: {task.subject}"))]
    if isinstance(change, CloseTask):
        return [("", "task", "open", f"closed: {plain(change.closure.reason)}")]
    who = plain(names.partners.get(change.record_id, change.record_id))
    rows = []
    for part in change.values:
        field = field_named(part.name, change.table)
        if not field.volatile:
            people = names.people if field.references == "users" else {}
            now, then = apart(_text(part.before, people), _text(part.after, people), out.width - _SIDE)
            rows.append((who, field.label, plain(now), plain(then)))
    return rows


def _text(value: object, people: Mapping[str, str]) -> str:
    if isinstance(value, Decimal):
        return number(value)
    return "-" if value is None else clean(people.get(str(value), value))


def apart(now: str, then: str, room: int) -> tuple[str, str]:
    """Both values within `room` characters together; where they begin alike, from shortly before what differs."""
    width = max(_LEAST, room // 2, room - min(len(now), len(then)))
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(now, then, strict=False)))
    begin = 0
    if max(len(now), len(then)) > width and same > width // 2:
        begin = now.rfind(" ", 0, same - 4) + 1
        begin = begin if begin and same - begin <= width // 2 else same - 4  # no blank near
    first, second = (shortened(f"…{text[begin:]}" if begin else text, width) for text in (now, then))
    return first, second


def shortened(text: str, width: int) -> str:
    """The text, its end cut where it is longer."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def changes_json(made: Plan, names: Names) -> list[dict[str, Any]]:
    """The changes as plain values."""
    return [_change_json(change, names) for change in made.changes]


def _change_json(change: Change, names: Names) -> dict[str, Any]:
    if isinstance(change, SetFields):
        fields = {part.name: {"before": part.before, "after": part.after} for part in change.values}
        return {
            "kind": "set_fields",
            "record": change.record_id,
            "name": names.partners.get(change.record_id),
            "fields": fields,
            "decision": change.decision_id,
            "reason": change.reason,
        }
    if isinstance(change, CreateTask):
        return {"kind": "create_task", **asdict(change.task)}
    return {"kind": "close_task", **asdict(change.closure)}


def applied_tables(result: Applied, names: Names) -> RenderableType:
    """How many changes had which outcome, and those that did not get through."""
    counts = ", ".join(f"{count:,} {status}" for status, count in result.counts.items()) or "nothing to write"
    head = f"Plan {result.plan_id}: {counts}; {counted(result.calls, 'API call')}."
    problems = [outcome for outcome in result.outcomes if outcome.status not in ("applied", "unchanged")]
    if not problems:
        return head
    columns = (
        Column("partner", least=14),
        Column("outcome"),
        Column("code", spare=1, wrap=True),
        Column("message", least=24, wrap=True),
    )
    rows = [
        (
            plain(names.partners.get(outcome.record_id or "", outcome.change.key)),
            outcome.status,
            plain(outcome.code),
            plain(outcome.message),
        )
        for outcome in problems[:MOST_ROWS]
    ]
    return Group(head, "", cut(Fitted("Did not get through", columns, rows), MOST_ROWS, len(problems), "changes"))


def problems_json(result: Applied) -> list[dict[str, Any]]:
    """Changes that did not get through, as plain values."""
    return [
        {
            "change": outcome.change.key,
            "status": outcome.status,
            "record": outcome.record_id,
            "code": outcome.code,
            "message": outcome.message,
        }
        for outcome in result.outcomes
        if outcome.status not in ("applied", "unchanged")
    ]
