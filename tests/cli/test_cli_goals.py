"""Is a misspelt vertical of a goal told, where it can be known?"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from connector.cli.goals import in_force, unknown_verticals
from connector.cli.show import goals_missing
from connector.config.mapping_file import load_named
from connector.config.policy import load
from connector.core.policy import Goal
from connector.core.records import Kind
from connector.crm.base import Field, ObjectSchema
from connector.crm.memory import MemoryCRM

TODAY = date(2026, 3, 31)
GOAL = Goal(name="H1", start=date(2026, 1, 1), end=date(2026, 7, 1), regions=(), verticals=("Helthcare", "finance"))


def unknown(tmp_path: Path, *options: str, day: date = TODAY) -> list[tuple[str, str, str]]:
    industry = Field("industry", "Industry", Kind.TEXT, options=options)
    crm = MemoryCRM({"companies": ObjectSchema("companies", "Companies", (industry,))})
    gate = replace(load("default").market_fit, goals=(GOAL,))
    return unknown_verticals(gate, day, load_named("hubspot"), crm, tmp_path / "none.duckdb")


def test_a_vertical_that_the_crm_does_not_offer_is_told_with_the_nearest(tmp_path: Path) -> None:
    assert unknown(tmp_path, "Healthcare", "Finance") == [("H1", "Helthcare", "Healthcare")]


def test_nothing_is_said_where_any_text_may_stand_and_nothing_was_pulled(tmp_path: Path) -> None:
    assert unknown(tmp_path) == []


def test_a_goal_is_in_force_from_its_first_day_to_the_one_before_its_end() -> None:
    gate = replace(load("default").market_fit, goals=(GOAL,))
    days = (date(2025, 12, 31), date(2026, 1, 1), date(2026, 6, 30), date(2026, 7, 1))
    assert [in_force(gate, day) for day in days] == [False, True, True, False]
    assert not in_force(replace(gate, goals=()), TODAY)


def test_decisions_of_a_day_without_a_goal_say_so() -> None:
    gate = replace(load("default").market_fit, goals=(GOAL,))
    ctx: Any = SimpleNamespace(policy=SimpleNamespace(market_fit=gate))
    over: Any = SimpleNamespace(as_of=date(2026, 7, 1))
    assert goals_missing(ctx, over) == [
        "No goal is in force on 2026-07-01: market fit is unknown for everybody [market_fit.goals]."
    ]
    over.as_of = date(2026, 6, 30)
    assert goals_missing(ctx, over) == []


def test_a_goal_that_is_over_is_not_looked_at(tmp_path: Path) -> None:
    assert unknown(tmp_path, "Healthcare", day=date(2026, 7, 1)) == []
