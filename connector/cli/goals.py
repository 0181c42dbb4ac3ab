"""Does a goal name a vertical that nobody is at home in? A misspelt one would close a gate in silence."""

from __future__ import annotations

import difflib
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from connector.errors import PmomError

if TYPE_CHECKING:  # `pmom --help` must not wait for the libraries behind these
    from connector.config.fieldmap import FieldMap
    from connector.core.policy import MarketFitGate
    from connector.crm.base import CRM

Unknown = tuple[str, str, str]
"""(goal, vertical, nearest known one or "")."""

_COLUMNS = (("accounts", "industry"), ("partners", "industry"), ("partners", "footprint_verticals"))


def in_force(gate: MarketFitGate, day: date) -> bool:
    """Whether any goal is in force on that day."""
    return any(goal.start <= day < goal.end for goal in gate.goals)


def unknown_verticals(gate: MarketFitGate, today: date, fieldmap: FieldMap, crm: CRM, mirror: Path) -> list[Unknown]:
    """Verticals of goals not yet over that neither the mirror's records nor the CRM's options hold.

    Nothing where that cannot be known: a field takes any text and nothing was pulled yet.
    """
    goals = [goal for goal in gate.goals if goal.end > today and goal.verticals]
    if not goals:
        return []
    options, closed = _offered(fieldmap, crm)
    held = _held(mirror)
    if not held and not closed:
        return []
    known = {word.casefold(): word for word in (*options, *held)}
    found = []
    for goal in goals:
        for vertical in goal.verticals:
            if vertical.strip().casefold() not in known:
                near = difflib.get_close_matches(vertical.casefold(), known, n=1, cutoff=0.7)
                found.append((goal.name, vertical, known[near[0]] if near else ""))
    return found


def _offered(fieldmap: FieldMap, crm: CRM) -> tuple[set[str], bool]:
    """What the mapped fields offer, in the policy's words, and whether they take nothing else."""
    offered: set[str] = set()
    closed = True
    for table, column in _COLUMNS:
        for source in fieldmap.of(table):
            rule, schema = source.rule(column), crm.schema(source.object)
            for name in rule.fields if rule is not None else ():
                field = schema.field(name) if schema is not None else None
                if rule is not None and field is not None:
                    became = {word.casefold(): str(value) for word, value in rule.values}
                    offered |= {became.get(option.casefold(), option) for option in field.options}
                    closed &= bool(field.options)
    return offered, closed and bool(offered)


def _held(mirror: Path) -> set[str]:
    """What the records of the last pull hold; nothing before a pull, or while another process is at it."""
    if not mirror.is_file():
        return set()
    from connector.mirror import Mirror

    try:
        with Mirror.open(mirror) as opened:
            texts = [
                str(value)
                for table, column in _COLUMNS
                for value in opened.query(f"SELECT DISTINCT {column} AS v FROM {table}").column("v").to_pylist()
                if value
            ]
    except PmomError:
        return set()
    return {part.strip() for text in texts for part in text.split(";") if part.strip()}
