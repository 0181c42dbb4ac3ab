"""What did the latest runs come to, in the figures that a person wants?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from connector.cli.console import plain
from connector.cli.tables import Column, Fitted, counted

if TYPE_CHECKING:
    from connector.store.store import RunRow


def run_json(row: RunRow) -> dict[str, Any]:
    """One run as plain values."""
    return asdict(row)


def runs_table(rows: Sequence[RunRow]) -> RenderableType:
    """The latest runs: what, when, how long, and what changed."""
    if not rows:
        return "No run yet. The first one: pmom pull"
    columns = (
        Column("run", right=True),
        Column("what"),
        Column("state", least=7),
        Column("began (UTC)", least=16, spare=1),
        Column("took", right=True, spare=2),
        Column("came to", least=24, wrap=True),
    )
    return Fitted("Runs", columns, [_row(row) for row in rows])


def _row(row: RunRow) -> tuple[str, ...]:
    took = f"{abs((row.finished_at - row.started_at).total_seconds()):.1f} s" if row.finished_at else ""
    began = f"{row.started_at:%Y-%m-%d %H:%M}"
    figures = "" if _interrupted(row) else "; ".join(came_to(row.kind, row.summary))
    return str(row.id), row.kind, row.state, began, took, plain(figures)


def _interrupted(row: RunRow) -> bool:
    """Whether a Ctrl-C ended it, of which there is nothing to tell."""
    return row.state == "stopped" and "interrupt" in str(row.summary.get("error", "")).lower()


def came_to(kind: str, summary: Mapping[str, Any]) -> list[str]:
    """The figures of a run, or the first line of its error."""
    if summary.get("error"):
        first = str(summary["error"]).strip().splitlines()[0]
        return [first if len(first) <= 160 else f"{first[:159]}…"]
    if kind == "sync":
        steps = (("pulled", "pull"), ("decided", "decide"), ("planned", "plan"), ("applied", "apply"))
        parts = [(step, summary.get(name) or {}) for name, step in steps]
        done = dict(parts)
        shown = [(step, part) for step, part in parts if part and not (step == "plan" and done["apply"])]
        return [words for step, part in shown for words in came_to(step, part)]
    told = {"pull": _pulled, "decide": _decided, "plan": _planned, "apply": _applied, "hints": _hinted}.get(kind)
    return list(told(summary)) if told else []


def _pulled(summary: Mapping[str, Any]) -> Iterable[str]:
    rejected = summary.get("rejected") or 0
    words = counted(summary.get("changed") or 0, "changed row")
    yield f"{words}, {rejected:,} rejected" if rejected else words


def _hinted(summary: Mapping[str, Any]) -> Iterable[str]:
    yield counted(summary.get("hints") or 0, "hint")
    if summary.get("waits"):
        yield f"not read: {summary['waits']}"
        return
    yield f"{counted(summary.get('fetched') or 0, 'record')} read, {summary.get('different') or 0:,} with news"
    if summary.get("partners"):
        yield f"{counted(summary['partners'], 'partner')} decided"
    yield from _applied(summary) if summary.get("outcomes") else ()
    if summary.get("refused"):
        yield str(summary["refused"])


def _decided(summary: Mapping[str, Any]) -> Iterable[str]:
    words = f"{counted(summary.get('partners') or 0, 'partner')} decided, {summary.get('changed') or 0:,} changed"
    yield f"{words}, {summary['gone']:,} gone" if summary.get("gone") else words


def _planned(summary: Mapping[str, Any]) -> Iterable[str]:
    records, tasks = summary.get("records_changed") or 0, summary.get("tasks_created") or 0
    if not records and not tasks and not summary.get("tasks_closed"):
        yield "nothing to write"
        return
    more = f" and {counted(tasks, 'task')}" if tasks else ""
    yield f"{counted(records, 'record')}{more} to write"
    if summary.get("refusal"):
        yield "a safety limit stands against it"


def _applied(summary: Mapping[str, Any]) -> Iterable[str]:
    outcomes = summary.get("outcomes") or {}
    yield ", ".join(f"{count:,} {status}" for status, count in outcomes.items()) or "nothing to write"
