"""A proposal reads as tables and sentences, and as one document for programs."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
import typer
from rich.console import Console

from connector.cli.allocate import _amount, _motion, as_json, as_text, sentence
from connector.sync.allocate import LeftOut, Line, Moved, Proposal

LINE = Line(
    "p1", "Example Reseller", "Demand Gen", Decimal(15000), Decimal("56000"), Decimal("41000"), Decimal("75000"),
    Decimal("4.13"), Decimal("3.01"), 6, Decimal("4.52"), False,
)  # fmt: skip
FOUND = Proposal(
    date(2026, 6, 30), "default@1", "USD", Decimal(20000), Decimal(5000), ("Demand Gen",), (LINE,),
    (LeftOut("p2", "Another", "BELOW_HURDLE", "2.1:1 expected over 4 campaigns, 3:1 asked [allocation.hurdle]"),),
    Decimal(15000), Decimal(0), Decimal(56000), Decimal(41000), Decimal(75000), Decimal("3.75"), 41, 2, False,
    ("Example Reseller [allocation.partner_cap]",),
    Moved(Decimal(18000), Decimal(15000), Decimal(56000), ()),
    Moved(Decimal(22000), Decimal(20000), Decimal(71000), (("Example Reseller", "Demand Gen", Decimal(5000)),)),
)  # fmt: skip


def shown(found: Proposal, width: int = 200) -> str:
    file = io.StringIO()
    Console(file=file, width=width).print(as_text(found))
    return file.getvalue()


def test_the_sentence_for_the_budget_says_the_shadow_price_with_n_and_day() -> None:
    assert sentence(FOUND) == (
        "The next 1,000 USD would bring about 3,750 USD of pipeline (3.75:1, from 41 campaigns as of 2026-06-30)."
    )
    assert sentence(replace(FOUND, marginal=Decimal(0))).startswith("More budget would stay unspent")
    assert sentence(replace(FOUND, campaigns=0)).startswith("No campaign was counted yet")


def test_the_tables_name_lines_limits_changes_and_refusals() -> None:
    text = shown(FOUND)
    for part in (
        "Example Reseller",
        "41,000 to 75,000",
        "15,000 USD in 1 line, 0 USD of it exploring [allocation.exploration]",
        "5,000 USD stay unspent.",
        "Caps used up: Example Reseller [allocation.partner_cap].",
        "2 campaigns left out for want of amounts [track_record.max_missing_amounts].",
        "The caps cross each other",
        "With 10 % less (18,000 USD): +0 USD of pipeline.",
        "With 10 % more (22,000 USD): +15,000 USD of pipeline (Example Reseller Demand Gen +5,000).",
        "2.1:1 expected over 4 campaigns, 3:1 asked [allocation.hurdle]",
        "A proposal: nothing was written. People decide.",
    ):
        assert part in text


def test_the_document_is_whole_and_exact() -> None:
    told = json.loads(json.dumps(as_json(FOUND)))
    assert told["lines"][0]["amount"] == "15000"
    assert told["left_out"][0]["code"] == "BELOW_HURDLE"
    assert told["more"]["changes"] == [["Example Reseller", "Demand Gen", "5000"]]
    assert told["sentence"] == sentence(FOUND)
    assert told["as_of"] == "2026-06-30"


@pytest.mark.parametrize(
    ("text", "amount"), [("250000", 250_000), ("250,000", 250_000), ("250k", 250_000), ("1.5m", 1_500_000)]
)
def test_amounts_are_read_as_people_type_them(text: str, amount: int) -> None:
    assert _amount(text) == amount


@pytest.mark.parametrize("text", ["", "much", "-5", "0", "nan", "inf"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        _amount(text)


def test_motions_are_found_without_regard_to_case() -> None:
    assert _motion("demand gen") == "Demand Gen"
    with pytest.raises(typer.BadParameter, match="no motion"):
        _motion("Golf")
