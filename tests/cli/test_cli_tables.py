"""Do tables use the width that there is, and is it said what they leave out?"""

from __future__ import annotations

import io

import pytest
from rich.console import Console, RenderableType

from connector.cli.plan_view import apart
from connector.cli.tables import Column, Fitted, fitted

COLUMNS = (
    Column("partner", least=6, most=10),
    Column("lever", least=5, spare=1),
    Column("why", least=12, spare=2),
)


def shown(thing: RenderableType, width: int) -> list[str]:
    file = io.StringIO()
    Console(file=file, width=width).print(thing)
    return [line.rstrip() for line in file.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("width", "widths", "left_out"),
    [
        (60, [14, 8, 30], []),
        (56, [14, 8, 30], []),
        (55, [13, 8, 30], []),  # what is beyond `most` gives way first
        (40, [10, 8, 18], []),
        (28, [7, 5, 12], []),
        (27, [14, 8, 0], ["why"]),
        (14, [7, 5, 0], ["why"]),
        (9, [9, 0, 0], ["why", "lever"]),
    ],
)
def test_the_widest_column_gives_way_and_then_the_least_important_is_left_out(
    width: int, widths: list[int], left_out: list[str]
) -> None:
    assert fitted(COLUMNS, (14, 8, 30), (14, 8, 10), width) == (widths, left_out)


def test_what_is_left_out_is_said() -> None:
    table = Fitted("Partners", COLUMNS, [("Northwind", "Sustain", "41 % of 12 quoted deals won")])
    assert shown(table, 22) == [
        "Partners",
        "partner    lever",
        "Northwind  Sustain",
        "why: use a wider",
        "terminal or --json.",
    ]
    assert shown(table, 60)[-1] == "Northwind  Sustain  41 % of 12 quoted deals won"


def test_words_are_never_broken_where_a_column_wraps() -> None:
    columns = (Column("table"), Column("from", least=6, wrap=True))
    lines = shown(Fitted("", columns, [("deals", "footprint_regions and footprint_verticals")]), 26)
    assert lines == ["table  from", "deals  footprint_regions", "       and", "       footprint_verticals"]


@pytest.mark.parametrize(
    ("now", "then", "room", "wanted"),
    [
        ("-", "Fund Demand Gen. Lever: Sustain", 60, ("-", "Fund Demand Gen. Lever: Sustain")),
        ("a", "b" * 50, 30, ("a", "b" * 28 + "…")),
        (
            "Fund Demand Gen. Lever: Sustain. Owner: PAM",
            "Fund Demand Gen. Lever: Re-recruit. Owner: PAM",
            40,
            ("…Lever: Sustain. Ow…", "…Lever: Re-recruit.…"),
        ),
        ("x" * 60 + "1", "x" * 60 + "2", 40, ("…xxxx1", "…xxxx2")),
    ],
)
def test_where_two_values_begin_alike_the_part_that_differs_is_shown(
    now: str, then: str, room: int, wanted: tuple[str, str]
) -> None:
    assert apart(now, then, room) == wanted
