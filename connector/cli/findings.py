"""What does `pmom check` say to people: errors first, what waits for an install in one line, and where to look."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from connector.cli.console import clean, plain
from connector.cli.tables import Column, Fitted, counted

if TYPE_CHECKING:  # `pmom --help` must not wait for the libraries behind these
    from connector.config.check import CheckReport, Finding

_LEVELS = {"error": "red", "warning": "yellow", "note": "dim"}


def has_errors(report: CheckReport) -> bool:
    """Whether the connector cannot work as things are."""
    return bool(_of(report.findings, "error"))


def check_json(report: CheckReport) -> dict[str, Any]:
    """The report as plain values: every finding, in the file's order."""
    return asdict(report)


def check_tables(
    report: CheckReport, identity: str, policy: str, crm: str, *, goals: Sequence[str], everything: bool
) -> RenderableType:
    """What fits, what is missing, what to do. `goals` are sentences about the policy's goals."""
    file = shortened(report.mapping)
    head = f"Connected as {plain(identity)}; mapping {plain(file)}; policy {plain(policy)}."
    parts: list[RenderableType] = [head, "", _coverage(report), ""]
    if report.findings:
        parts += [Text(f"Findings in {clean(file)}", style="bold"), *_listed(report, everything=everything)]
        parts += [*_folded(report, crm, everything=everything), ""]
    parts += [Text(goal, style="yellow") for goal in goals]
    return Group(*parts, _verdict(report, file))


def shortened(path: str) -> str:
    """The path from where the person stands, when it lies there; else whole."""
    try:
        near = os.path.relpath(path)
    except ValueError:  # another drive
        return path
    return near if not near.startswith("..") and len(near) < len(path) else path


def _coverage(report: CheckReport) -> RenderableType:
    rows = []
    for each in report.coverage:
        sources = ", ".join(each.sources) or "not available"
        empty = ", ".join(each.empty) if each.sources else ""
        rows.append((each.table, plain(sources), f"{each.filled}/{each.columns}", plain(empty)))
    columns = (
        Column("table", least=16),
        Column("from", least=16, wrap=True),
        Column("columns", right=True),
        Column("stay empty", least=24, spare=1, wrap=True),
    )
    return Fitted("Canonical tables", columns, rows)


def _listed(report: CheckReport, *, everything: bool) -> Iterator[RenderableType]:
    """One paragraph a finding: its level, line and key, what was found, what to do."""
    for level in _LEVELS:
        for each in _of(report.findings, level):
            if everything or not (each.waits or each.harmless):
                yield from _paragraph(each)


def _paragraph(each: Finding) -> Iterator[RenderableType]:
    line = _line(each)
    head = Text(each.level.value, style=_LEVELS[each.level.value])
    head.append(f"  {f'line {line}, ' if line else ''}{clean(each.key)}", style="dim")
    yield head
    yield Padding(Text(clean(f"{each.found[:1].upper()}{each.found[1:]}. {each.fix}".strip())), (0, 0, 0, 2))


def _folded(report: CheckReport, crm: str, *, everything: bool) -> Iterator[RenderableType]:
    if everything:
        return
    waiting = sum(each.waits for each in report.findings)
    harmless = sum(each.harmless for each in report.findings)
    told = []
    if waiting:
        told.append(f"{counted(waiting, 'field')} {'waits' if waiting == 1 else 'wait'} for `pmom install {crm}`.")
    if harmless:
        told.append(f"Values that the CRM does not offer stand in {counted(harmless, 'value table')}: harmless.")
    if told:
        yield Text(f"{' '.join(told)} `pmom check --all` shows them.", style="dim")


def _verdict(report: CheckReport, file: str) -> RenderableType:
    wrong = _of(report.findings, "error")
    if not wrong:
        doubts = len(_of(report.findings, "warning"))
        about = f", {counted(doubts, 'warning')} to look at" if doubts else ""
        return Text(f"Ready: {counted(report.reads, 'read')} a sync{about}.")
    lines = [line for line in dict.fromkeys(map(_line, wrong)) if line]
    place = f" in line{'' if len(lines) == 1 else 's'} {', '.join(lines)} of {clean(file)}" if lines else ""
    return Text(f"{counted(len(wrong), 'error')} to mend before a pull{place}.", style="red")


def _line(each: Finding) -> str:
    tail = each.where.rpartition(":")[2]
    return tail if tail.isdigit() else ""


def _of(findings: Sequence[Finding], level: str) -> list[Finding]:
    return [each for each in findings if each.level.value == level]


def goals_told(in_force: bool, day: date, unknown: Sequence[tuple[str, str, str]]) -> list[str]:
    """Sentences about goals: none in force, or verticals (goal, vertical, nearest) that nobody is at home in."""
    told = [] if in_force else [f"No goal is in force on {day}: market fit will be unknown for everybody."]
    for goal, vertical, near in unknown:
        hint = f" Did you mean {near}?" if near else " Check its spelling."
        told.append(f'Goal {goal}: no partner and no option of the CRM has the vertical "{vertical}".{hint}')
    return told
