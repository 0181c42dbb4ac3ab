"""How results look: tables for people, plain values for --json. Text that comes from a CRM is shown, never obeyed."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from connector.cli.console import out, plain
from connector.core.decisions import Decision
from connector.core.explain import brief, story
from connector.core.figures import plain as number
from connector.core.plan import Change, CloseTask, CreateTask, Plan, SetFields
from connector.core.scorecard import field_named
from connector.errors import Misconfigured

if TYPE_CHECKING:  # `pmom --help` must not wait for the libraries behind these
    from connector.config.check import CheckReport
    from connector.crm.base import InstallStep, Usage
    from connector.store.store import OutcomeRow, RunRow
    from connector.sync.apply import Applied
    from connector.sync.context import Context
    from connector.sync.decide import Decided
    from connector.sync.plan import Planned
    from connector.sync.pull import ObjectPull, Pulled
    from connector.sync.runs import SyncReport

MOST_ROWS = 40
"""A table for people shows at most so many rows and says how many it left out."""


def plain_table(title: str, *columns: str, right: Sequence[str] = ()) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def _cut(table: Table, shown: int, total: int, what: str) -> RenderableType:
    if total <= shown:
        return table
    return Group(table, Text(f"... and {total - shown} more {what}; --json shows all.", style="dim"))


def counted(number: int, thing: str) -> str:
    """`1 task`, `1,200 tasks`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def has_errors(report: CheckReport) -> bool:
    """Whether the connector cannot work as things are."""
    return any(finding.level.value == "error" for finding in report.findings)


def check_json(report: CheckReport) -> dict[str, Any]:
    """The report as plain values."""
    return asdict(report)


_LEVEL_STYLE = {"error": "red", "warning": "yellow"}


def check_tables(report: CheckReport, identity: str, policy: str, *, goals: bool) -> RenderableType:
    """What fits, what is missing, what to do."""
    covered = plain_table("Canonical tables", "table", "from", "columns", "stay empty", right=("columns",))
    for each in report.coverage:
        sources = ", ".join(each.sources) or "not available"
        empty = ", ".join(each.empty) if each.sources else ""
        covered.add_row(each.table, plain(sources), f"{each.filled}/{each.columns}", plain(empty))
    found = plain_table("Findings", "", "where", "key", "found", "what to do")
    for finding in report.findings:
        level = Text(finding.level.value, style=_LEVEL_STYLE.get(finding.level.value, "dim"))
        found.add_row(level, plain(finding.where), plain(finding.key), plain(finding.found), plain(finding.fix))
    errors = sum(1 for finding in report.findings if finding.level.value == "error")
    aims = (
        []
        if goals
        else [Text("No goal is in force today: market fit will be unknown for everybody.", style="yellow")]
    )
    verdict = f"{errors} to mend before a pull" if errors else f"Ready: {report.reads} reads a sync"
    head = f"Connected as {plain(identity)}; mapping {plain(report.mapping)}; policy {plain(policy)}."
    return Group(head, "", covered, "", found if report.findings else "No findings.", "", *aims, verdict)


def install_table(steps: Iterable[InstallStep]) -> RenderableType:
    """One row a field or permission."""
    table = plain_table("In the CRM", "what", "status", "detail")
    for step in steps:
        table.add_row(plain(step.name), step.status.value, plain(step.detail))
    return table


def install_json(steps: Iterable[InstallStep]) -> list[dict[str, str]]:
    """The steps as plain values."""
    return [{"name": step.name, "status": step.status.value, "detail": step.detail} for step in steps]


def object_json(each: ObjectPull) -> dict[str, Any]:
    """One object's pull."""
    return asdict(each)


def pulled_tables(result: Pulled, usage: Usage) -> RenderableType:
    """What each read brought."""
    numbers = ("rows", "changed", "deleted", "rejected")
    table = plain_table("Pulled", "object", "read", *numbers, right=numbers)
    for each in result.objects:
        table.add_row(plain(each.object), each.mode, *(f"{getattr(each, name):,}" for name in numbers))
    parts: list[RenderableType] = [table, "", f"{result.calls} API calls; {_budget(usage)}."]
    if result.unavailable:
        missing = plain_table("Not available here", "table", "why")
        for name, why in result.unavailable:
            missing.add_row(name, plain(why))
        parts += ["", missing]
    if result.unmapped:
        odd = plain_table("Values that stand in no value table", "column", "value", "rows", "became", right=("rows",))
        for value in result.unmapped[:MOST_ROWS]:
            odd.add_row(f"{value.table}.{value.column}", plain(value.value), f"{value.rows:,}", plain(value.became))
        parts += ["", _cut(odd, MOST_ROWS, len(result.unmapped), "values")]
    return Group(*parts)


def _budget(usage: Usage) -> str:
    return f"{usage.used:,} of {usage.limit:,} daily calls of the CRM used" if usage.limit else "daily budget unknown"


@dataclass(frozen=True, slots=True)
class PartnerRow:
    """One line of the partner table."""

    id: str
    name: str
    persona: str
    outcome: str
    lever: str
    owner: str
    why: str


def partner_rows(ctx: Context) -> list[PartnerRow]:
    """The latest decision of every partner, by name."""
    users = {row["id"]: row["name"] for row in ctx.mirror.query("SELECT id, name FROM users").to_pylist()}
    rows = []
    for kept in ctx.store.latest_decisions().values():
        decision = Decision.from_json(kept.body)
        held = decision.accountability
        person = users.get(held.owner.id or "", held.owner.id or "nobody")
        owner = f"{held.role} {person}" if held.role else "nobody"
        rows.append(
            PartnerRow(
                decision.partner_id,
                decision.name,
                held.persona or "none set",
                decision.outcome.value,
                decision.lever.value,
                owner,
                brief(decision),
            )
        )
    return sorted(rows, key=lambda row: (row.outcome, row.name))


def partner_json(row: PartnerRow) -> dict[str, str]:
    """One line of the partner table as plain values."""
    return asdict(row)


def partners_table(rows: Sequence[PartnerRow], title: str = "Partners", each: int = MOST_ROWS) -> RenderableType:
    """Decision, lever, owner and why, a partner a row; at most so many of each decision."""
    table = plain_table(title, "partner", "persona", "decision", "lever", "owner", "why")
    table.expand = True
    widths = (22, 8, 16, 14, 14, None) if out.width >= 110 else (15, 5, 12, 10, 9, None)
    for column, width in zip(table.columns, widths, strict=True):
        column.no_wrap, column.overflow, column.width = True, "ellipsis", width
        column.ratio = 1 if width is None else None
    shown = 0
    for _, group in groupby(rows, key=lambda row: row.outcome):
        for row in islice(group, each):
            name, owner = _cell(row.name, 30), _cell(row.owner, 20)
            table.add_row(*(plain(part) for part in (name, row.persona, row.outcome, row.lever, owner, row.why)))
            shown += 1
    return _cut(table, shown, len(rows), "partners")


def decided_table(result: Decided, rows: Sequence[PartnerRow]) -> RenderableType:
    """How many partners stand where, and each of them."""
    table = plain_table(f"Decided as of {result.as_of}", "decision", "partners", right=("partners",))
    for outcome, count in sorted(result.outcomes.items()):
        table.add_row(outcome, f"{count:,}")
    scope = "everybody" if result.everybody else "only partners with news"
    words = f"{result.partners:,} decided ({scope}), {len(result.changed):,} changed, {result.gone:,} gone."
    return Group(table, words, *_staleness(result), "", partners_table(rows))


def _staleness(result: Decided) -> list[RenderableType]:
    if not result.stale:
        return []
    words = f"{counted(result.stale, 'partner')} judged on nothing new: the records are too old on {result.as_of}."
    return [Text(f"{words} Run `pmom pull` first, or see stale_after_hours in the policy.", style="yellow")]


def partner_names(ctx: Context) -> dict[str, str]:
    """Names by id."""
    rows = ctx.mirror.query("SELECT id, name FROM partners").to_pylist()
    return {row["id"]: row["name"] for row in rows}


def _value(value: object) -> str:
    if isinstance(value, Decimal):
        return number(value)
    return plain(_cell("-" if value is None else str(value), 44))


def _cell(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def plan_tables(result: Planned, names: Mapping[str, str], most: int = MOST_ROWS) -> RenderableType:
    """The plan: numbers first, then the changes."""
    summary = result.plan.summary
    words = (
        f"{counted(_fields(result.plan), 'field')} on {summary.records_changed:,} of {summary.partners:,} partner "
        f"records would change ({counted(summary.first_decisions, 'first decision')}, "
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
        parts += ["", Text(f"Stopped by a safety limit: {result.refusal}", style="yellow")]
    return Group(*parts)


def _outdated(result: Planned) -> list[RenderableType]:
    if not result.other_policy:
        return []
    return [Text(f"Decided under {result.other_policy}; the policy is another now: `pmom decide`.", style="yellow")]


def _fields(made: Plan) -> int:
    """Fields to write, the stamps that ride along aside."""
    parts = [part for change in made.changes if isinstance(change, SetFields) for part in change.values]
    return sum(1 for part in parts if not field_named(part.name).volatile)


def changes_table(made: Plan, names: Mapping[str, str], most: int = MOST_ROWS) -> RenderableType:
    """Each field with the value that is there and the value to come."""
    table = plain_table("Changes", "partner", "field", "now", "then")
    rows = [row for change in made.changes for row in _change_rows(change, names)]
    for row in rows[:most]:
        table.add_row(*row)
    return _cut(table, most, len(rows), "changes")


def _change_rows(change: Change, names: Mapping[str, str]) -> list[tuple[str, str, str, str]]:
    if isinstance(change, CreateTask):
        task = change.task
        who = names.get(task.partner_id or "", f"{len(task.partners)} partners")
        return [(plain(who), f"task {task.type}", "-", plain(f"{task.subject} (due {task.due})"))]
    if isinstance(change, CloseTask):
        return [("", "task", "open", f"closed: {plain(change.closure.reason)}")]
    name = plain(names.get(change.record_id, change.record_id))
    return [
        (name, field_named(part.name).label, _value(part.before), _value(part.after))
        for part in change.values
        if not field_named(part.name).volatile
    ]


def changes_json(made: Plan, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """The changes as plain values."""
    return [_change_json(change, names) for change in made.changes]


def _change_json(change: Change, names: Mapping[str, str]) -> dict[str, Any]:
    if isinstance(change, SetFields):
        fields = {part.name: {"before": part.before, "after": part.after} for part in change.values}
        return {
            "kind": "set_fields",
            "record": change.record_id,
            "name": names.get(change.record_id),
            "fields": fields,
            "decision": change.decision_id,
            "reason": change.reason,
        }
    if isinstance(change, CreateTask):
        return {"kind": "create_task", **asdict(change.task)}
    return {"kind": "close_task", **asdict(change.closure)}


def applied_tables(result: Applied, names: Mapping[str, str]) -> RenderableType:
    """How many changes had which outcome, and those that did not get through."""
    counts = ", ".join(f"{count:,} {status}" for status, count in result.counts.items()) or "nothing to write"
    head = f"Plan {result.plan_id}: {counts}; {result.calls} API calls."
    problems = [outcome for outcome in result.outcomes if outcome.status not in ("applied", "unchanged")]
    if not problems:
        return head
    table = plain_table("Did not get through", "partner", "outcome", "code", "message")
    for outcome in problems[:MOST_ROWS]:
        who = names.get(outcome.record_id or "", outcome.change.key)
        table.add_row(plain(who), outcome.status, plain(outcome.code), plain(outcome.message))
    return Group(head, "", _cut(table, MOST_ROWS, len(problems), "changes"))


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


def sync_tables(result: SyncReport, names: Mapping[str, str], usage: Usage) -> RenderableType:
    """One sync in a few lines."""
    pulled, decided = result.pulled, result.decided
    head = f"Pulled {counted(pulled.changed, 'changed row')} in {pulled.calls} calls; {_budget(usage)}."
    scope = "everybody" if decided.everybody else "partners with news"
    middle = f"Decided {counted(decided.partners, 'partner')} ({scope}), {len(decided.changed):,} of them anew."
    gone = ", ".join(name for name, _ in pulled.unavailable)
    missing = [Text(f"Not available in this CRM: {gone}.", style="dim")] if gone else []
    parts: list[RenderableType] = [head, *missing, middle, *_staleness(decided), plan_tables(result.planned, names)]
    if result.applied is not None:
        parts += ["", applied_tables(result.applied, names)]
    return Group(*parts)


@dataclass(frozen=True, slots=True)
class Explained:
    """A partner's latest decision, how it came about, and what was written because of it."""

    decision: Decision
    url: str
    history: tuple[tuple[int, str, str], ...]  # (run, as of, outcome)
    written: tuple[OutcomeRow, ...]
    held: str | None  # the decision that the CRM shows
    owner: str

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "partner": self.decision.partner_id,
            "name": self.decision.name,
            "record": self.url,
            "story": story(self.decision),
            "owner": self.owner,
            "in_the_crm": self.held,
            "decision": json.loads(self.decision.to_json()),
            "history": [{"run": run, "as_of": day, "outcome": outcome} for run, day, outcome in self.history],
            "written": [
                {"at": row.at, "status": row.status, "fields": json.loads(row.after)} for row in self.written
            ],
        }

    def as_text(self) -> RenderableType:
        """Sentences."""
        parts: list[RenderableType] = [f"[bold]{plain(self.decision.name)}[/bold]", plain(self.url), ""]
        parts += [
            plain(line) if not line.startswith("  ") else "  " + plain(line.strip()) for line in story(self.decision)
        ]
        parts.append(f"Owner's name: {plain(self.owner)}.")
        if self.held != self.decision.outcome.value:
            parts += ["", f"[yellow]Not written yet: the CRM shows {plain(self.held or 'nothing')}.[/yellow]"]
        if len(self.history) > 1:
            table = plain_table("Earlier decisions", "as of", "run", "decision")
            for run, day, outcome in self.history[1:]:
                table.add_row(day, str(run), outcome)
            parts += ["", table]
        if self.written:
            parts += ["", f"Last written {self.written[0].at:%Y-%m-%d %H:%M} UTC: {self.written[0].status}."]
        return Group(*parts)


def explained(ctx: Context, wanted: str) -> Explained:
    """The partner of that id, name or beginning of a name; Misconfigured when none or several fit."""
    partner_id = _partner_id(ctx, wanted)
    kept = ctx.store.latest_decisions([partner_id]).get(partner_id)
    if kept is None:
        raise Misconfigured("explain", f"nothing was decided about {wanted} yet", "Run `pmom decide`.")
    history = tuple(
        (run, day.isoformat(), Decision.from_json(body).outcome.value)
        for run, day, body in ctx.store.decision_history(partner_id)
    )
    return Explained(
        Decision.from_json(kept.body),
        ctx.crm.record_url(ctx.fieldmap.write.object_of("partners"), partner_id),
        history,
        ctx.store.outcomes(record_id=partner_id, limit=5),
        _shown_decision(ctx, partner_id),
        _person(ctx, Decision.from_json(kept.body)),
    )


def _shown_decision(ctx: Context, partner_id: str) -> str | None:
    name = "Triage_Decision"
    ctx.mirror.existing([(name, field_named(name).kind)])  # the column may not be there yet
    rows = ctx.mirror.query(f"SELECT {name} AS held FROM scorecards WHERE id = ?", [partner_id]).to_pylist()
    return rows[0]["held"] if rows else None


def _person(ctx: Context, decision: Decision) -> str:
    owner = decision.accountability.owner
    rows = ctx.mirror.query("SELECT name FROM users WHERE id = ?", [owner.id or ""]).to_pylist()
    return str(rows[0]["name"]) if rows else owner.id or "nobody"


def _partner_id(ctx: Context, wanted: str) -> str:
    rows = ctx.mirror.query(
        "SELECT id, name FROM partners WHERE id = ? OR lower(name) = lower(?) OR starts_with(lower(name), lower(?))"
        " ORDER BY (id = ?) DESC, (lower(name) = lower(?)) DESC, name, id",
        [wanted] * 5,
    ).to_pylist()
    if not rows:
        raise Misconfigured("explain", f"no partner is called {wanted}", _nearest(ctx, wanted))
    exact = [row for row in rows if row["id"] == wanted] or [
        row for row in rows if str(row["name"]).casefold() == wanted.casefold()
    ]
    chosen = exact or rows
    if len(chosen) > 1:
        some = "; ".join(f"{row['name']} ({row['id']})" for row in chosen[:8])
        raise Misconfigured("explain", f"{len(chosen)} partners fit: {some}", "Say the id.")
    return str(chosen[0]["id"])


def _nearest(ctx: Context, wanted: str) -> str:
    names = [str(row["name"]) for row in ctx.mirror.query("SELECT DISTINCT name FROM partners").to_pylist()]
    near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(near)}?" if near else "Try the id, or run `pmom pull`."


def run_json(row: RunRow) -> dict[str, Any]:
    """One run as plain values."""
    return asdict(row)


def runs_table(rows: Iterable[RunRow]) -> RenderableType:
    """The latest runs."""
    table = plain_table("Runs", "run", "what", "state", "began", "took", "came to")
    for row in rows:
        took = f"{abs((row.finished_at - row.started_at).total_seconds()):.1f} s" if row.finished_at else ""
        table.add_row(
            str(row.id), row.kind, row.state, f"{row.started_at:%Y-%m-%d %H:%M:%S}", took, plain(_short(row.summary))
        )
    return table


def _short(summary: Mapping[str, Any]) -> str:
    """The figures of a run in one line; those of a sync are a mapping a step."""
    shown: list[str] = []
    for key, value in summary.items():
        if isinstance(value, Mapping):
            inner = _short(value)
            shown += [f"{key}: {inner}"] if inner else []
        elif isinstance(value, int | str) and value != "":
            shown.append(f"{key} {value}")
    return ", ".join(shown[:8])
