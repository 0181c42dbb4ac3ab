"""What a person is shown of touch models: what may be said, what must be told beside it, and what is withheld."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from connector.cli.touch_models import _wanted, as_json, as_tables
from connector.config.policy import load
from connector.core.facts import Window
from connector.errors import Misconfigured
from connector.facts.touch_credit import EXPOSURE, OTHERS, LiftAnswer, LiftLine, Line, ModelCredit, TouchCredit
from connector.measure.floors import Lack, Reason, Standing, State

RULES = load("default").touch_models


def line(id_: str, amount: str, share: float | None = None, **given: Any) -> Line:
    low, high = (None, None) if share is None else (share - 0.05, share + 0.05)
    return Line(id_, Decimal(amount), share, low, high, given.pop("won", 12), **given)


def told(**given: Any) -> TouchCredit:
    linear = ModelCredit(
        "linear", State.AVAILABLE, (), (line("p1", "700.00", 0.7), line("p2", "300.00", won=3)), Decimal(50), False, 0
    )
    lift = LiftAnswer(
        State.PROVISIONAL,
        (),
        (LiftLine("p1", 0.12, 0.02, 0.22, 40, 20), LiftLine("p2", -0.01, -0.1, 0.08, 30, 9)),
        90,
        40,
        ("amount", "segment"),
    )
    values: Mapping[str, Any] = {
        "by": "partner",
        "window": Window(date(2025, 7, 1), date(2026, 7, 1)),
        "standing": Standing(State.PROVISIONAL, (), 80, 40, 2.4, 2),
        "won": 90,
        "lost": 40,
        "untouched_won": 10,
        "won_amount": Decimal("1050.00"),
        "missing_amounts": 0,
        "unconverted": 0,
        "models": (linear,),
        "lift": lift,
        "titles": {"p1": "Blue [Partner]", "p2": "Green"},
    }
    return TouchCredit(**{**values, **given})


def shown(answer: TouchCredit, width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(as_tables(answer, RULES))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_amounts_stand_beside_counts_the_window_and_the_lift() -> None:
    text = shown(told())
    assert "Opportunities: 90 won and 40 lost, closed 2025-07-01 to 2026-07-01 (touch_models.window_days)." in text
    assert "10 of the won ones have no touch by a partner on record" in text
    row = next(each for each in text.splitlines() if each.startswith("Blue [Partner]"))
    assert row.split("  ")[0] == "Blue [Partner]"
    assert "700 (70%)" in row
    assert "+12.0 pp (+2.0 to +22.0)" in row
    assert "association, adjusted for amount, segment; 90 opportunities (40 won)" in text
    assert " ".join(EXPOSURE.split()) in " ".join(text.split())


def test_a_share_that_may_not_be_shown_leaves_the_amount_alone() -> None:
    row = next(each for each in shown(told()).splitlines() if each.startswith("Green"))
    assert " 300 " in row
    assert "(3" not in row
    assert "nobody" in shown(told())


def test_a_refusal_says_what_was_found_and_what_is_asked() -> None:
    why = (Reason(Lack.FEW_WON, 40, 75), Reason(Lack.FEW_TOUCHES, 1.234, 2.0), Reason(Lack.MANY_STATES, 30, 4.0))
    refused = ModelCredit("markov", State.REFUSED, why, (), Decimal("1050.00"), False, 0)
    text = " ".join(shown(told(models=(refused,))).split())
    assert "markov: refused (40 won, 75 are asked (touch_models.min_won)" in text
    assert "1.23 touches an opportunity, 2 are asked (touch_models.min_mean_touches)" in text
    assert "30 states for 40 won, one for every 10 is asked (touch_models.won_per_state)" in text


def test_the_tail_stands_under_one_name_at_the_end() -> None:
    lines = (line("p1", "10.00", 0.4, effect=0.1), line(OTHERS, "1040.00", won=70))
    why = (Reason(Lack.NOT_YET_MANY_WON, 90, 250),)
    markov = ModelCredit("markov", State.PROVISIONAL, why, lines, Decimal(0), False, 7)
    text = shown(told(models=(markov,)))
    assert text.index("Blue") < text.index("other partners")
    assert "markov: provisional (90 won, from 250 on it is not (touch_models.available_won)). 7 stand under" in text


def test_what_overlaps_is_marked_and_never_added_up() -> None:
    lines = (line("p1", "1050.00"),)
    every = ModelCredit("participation", State.AVAILABLE, (), lines, Decimal(0), True, 0)
    text = shown(told(models=(every,)))
    assert "participation*: every touched opportunity counts whole for everybody; never add these up." in text


def test_where_nothing_was_closed_nothing_is_parted() -> None:
    text = shown(told(won=0, lost=0, untouched_won=0, models=(), titles={}))
    assert "Nothing was closed in that time" in text


def test_the_json_holds_everything_and_money_as_text() -> None:
    answer = as_json(told(), "default@abc")
    assert json.loads(json.dumps(answer)) == answer
    assert answer["models"][0]["credit"][0] == {
        "id": "p1",
        "name": "Blue [Partner]",
        "amount": "700.00",
        "share": 0.7,
        "low": pytest.approx(0.65),
        "high": pytest.approx(0.75),
        "won": 12,
        "effect": None,
    }
    assert answer["models"][0]["unattributed"] == "50"
    assert answer["win_lift"]["association_adjusted_for"] == ["amount", "segment"]
    assert answer["note"] == EXPOSURE
    assert answer["opportunities"]["won_untouched"] == 10


def test_models_are_those_of_the_policy_or_those_asked_for_each_once() -> None:
    assert _wanted(None, RULES) == RULES.models
    assert _wanted(["Linear", "markov", "linear"], RULES) == ("linear", "markov")
    assert "custom" not in _wanted(["all"], RULES)
    assert len(_wanted(["all"], RULES)) == 15
    assert "custom" in _wanted(["all"], replace(RULES, custom=(object(),)))  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "fix"), [("lineer", "Did you mean linear?"), ("zzz", "Known: first, last")])
def test_a_misspelt_model_gets_the_nearest(name: str, fix: str) -> None:
    with pytest.raises(Misconfigured) as told_off:
        _wanted([name], RULES)
    assert fix in str(told_off.value) + told_off.value.fix
