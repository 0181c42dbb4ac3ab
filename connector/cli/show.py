"""How results look: tables for people, plain values for --json. Text that comes from a CRM is shown, never obeyed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from connector.cli.console import plain
from connector.cli.findings import check_json, check_tables, goals_told, has_errors
from connector.cli.goals import in_force
from connector.cli.plan_view import (
    Names,
    applied_tables,
    changes_json,
    limit_told,
    names_of,
    plan_tables,
    problems_json,
)
from connector.cli.runs_view import run_json, runs_table
from connector.cli.steps import going, install_json, installed, question, steps_table, uninstalled
from connector.cli.tables import MOST_ROWS, Column, Fitted, counted, cut, plain_table
from connector.core.decisions import Decision
from connector.core.explain import brief

if TYPE_CHECKING:  # `pmom --help` must not wait for the libraries behind these
    from connector.crm.base import Usage
    from connector.sync.context import Context
    from connector.sync.decide import Decided
    from connector.sync.pull import ObjectPull, Pulled
    from connector.sync.runs import SyncReport

__all__ = [
    "applied_tables",
    "changes_json",
    "check_json",
    "check_tables",
    "counted",
    "decided_table",
    "goals_missing",
    "goals_told",
    "going",
    "has_errors",
    "install_json",
    "installed",
    "limit_told",
    "names_of",
    "partner_rows",
    "partners_table",
    "plain_table",
    "plan_tables",
    "problems_json",
    "pulled_tables",
    "question",
    "run_json",
    "runs_table",
    "steps_table",
    "sync_tables",
    "uninstalled",
]


def object_json(each: ObjectPull) -> dict[str, Any]:
    """One object's pull."""
    return asdict(each)


def pulled_tables(result: Pulled, usage: Usage) -> RenderableType:
    """What each read brought."""
    numbers = ("rows", "changed", "deleted", "rejected")
    rows = [
        (plain(each.object), each.mode, *(f"{getattr(each, name):,}" for name in numbers)) for each in result.objects
    ]
    figures = [Column(name, right=True) for name in numbers]
    table = Fitted("Pulled", (Column("object", least=14), Column("read"), *figures), rows)
    parts: list[RenderableType] = [table, "", f"{counted(result.calls, 'API call')}; {_budget(usage)}."]
    if result.unavailable:
        missing = [(name, plain(why)) for name, why in result.unavailable]
        columns = (Column("table"), Column("why", least=24, wrap=True))
        parts += ["", Fitted("Not available here", columns, missing)]
    if result.unmapped:
        odd = [
            (f"{value.table}.{value.column}", plain(value.value), f"{value.rows:,}", plain(value.became))
            for value in result.unmapped[:MOST_ROWS]
        ]
        kinds = (Column("column", least=16), Column("value"), Column("rows", right=True), Column("became"))
        table_of = Fitted("Values that stand in no value table", kinds, odd)
        parts += ["", cut(table_of, MOST_ROWS, len(result.unmapped), "values")]
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
    shown = []
    for _, group in groupby(rows, key=lambda row: row.outcome):
        for row in islice(group, each):
            parts = (row.name, row.persona, row.outcome, row.lever, row.owner, row.why)
            shown.append(tuple(plain(part) for part in parts))
    return cut(Fitted(title, _PARTNER, shown), len(shown), len(rows), "partners")


_PARTNER = (
    Column("partner", least=18, most=32),
    Column("persona", least=10, spare=3),
    Column("decision", least=16),
    Column("lever", least=14, most=22),
    Column("owner", least=14, most=24, spare=1),
    Column("why", least=30, spare=2),
)
"""Why a partner was decided so is a sentence: cut shorter than `least` it says nothing."""


def decided_table(result: Decided, rows: Sequence[PartnerRow], goals: Sequence[str] = ()) -> RenderableType:
    """How many partners stand where, and each of them. `goals`: what is to be said about the policy's goals."""
    table = plain_table(f"Decided as of {result.as_of}", "decision", "partners", right=("partners",))
    for outcome, count in sorted(result.outcomes.items()):
        table.add_row(outcome, f"{count:,}")
    scope = "everybody" if result.everybody else "only partners with news"
    words = f"{result.partners:,} decided ({scope}), {len(result.changed):,} changed, {result.gone:,} gone."
    return Group(table, words, *_staleness(result), *_goals(goals), "", partners_table(rows))


def goals_missing(ctx: Context, result: Decided) -> list[str]:
    """A sentence when no goal was in force on the day of the decisions; else nothing."""
    if in_force(ctx.policy.market_fit, result.as_of):
        return []
    return [f"No goal is in force on {result.as_of}: market fit is unknown for everybody [market_fit.goals]."]


def _goals(missing: Sequence[str]) -> list[RenderableType]:
    return [Text(sentence, style="yellow") for sentence in missing]


def _staleness(result: Decided) -> list[RenderableType]:
    if not result.stale:
        return []
    words = f"{counted(result.stale, 'partner')} judged on nothing new: the records are too old on {result.as_of}."
    return [Text(f"{words} Run `pmom pull` first, or see stale_after_hours in the policy.", style="yellow")]


def sync_tables(result: SyncReport, names: Names, usage: Usage, goals: Sequence[str] = ()) -> RenderableType:
    """One sync in a few lines."""
    pulled, decided = result.pulled, result.decided
    calls = counted(pulled.calls, "call")
    head = f"Pulled {counted(pulled.changed, 'changed row')} in {calls}; {_budget(usage)}."
    scope = "everybody" if decided.everybody else "partners with news"
    middle = f"Decided {counted(decided.partners, 'partner')} ({scope}), {len(decided.changed):,} of them anew."
    gone = ", ".join(name for name, _ in pulled.unavailable)
    missing = [Text(f"Not available in this CRM: {gone}.", style="dim")] if gone else []
    wanted = plan_tables(result.planned, names, forced=result.applied is not None)
    parts: list[RenderableType] = [head, *missing, middle, *_staleness(decided), *_goals(goals), wanted]
    if result.applied is not None:
        parts += ["", applied_tables(result.applied, names)]
    return Group(*parts)
