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


FIGURES = (
    Column("partner", least=10),
    Column("won on", right=True),
    Column("first", right=True),
    Column("win lift", whole=True, spare=1),
)
ROW = ("A Partner of a Long Name", "9", "10,800,000", "+1.8 pp (-13.0 to +16.7)")


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (70, f"{ROW[0]}       9  10,800,000  {ROW[3]}"),
        (69, f"{ROW[0]}    9  10,800,000  {ROW[3]}"),
        (53, f"A Partner…    9  10,800,000  {ROW[3]}"),
        (52, f"{ROW[0]}       9  10,800,000"),
        (27, "A Partner…    9  10,800,000"),
        (25, "A Partn…    9  10,800,000"),
        (24, "A Partner of a Lon…    9"),
    ],
)
def test_no_number_is_ever_cut_headings_and_names_give_way(width: int, wanted: str) -> None:
    lines = shown(Fitted("", FIGURES, [ROW]), width)
    row = next(line for line in lines if line.startswith("A Partn"))
    assert row == wanted
    assert max(map(len, lines)) <= width


def test_a_title_takes_the_whole_width_and_headings_may_be_left_out() -> None:
    table = Fitted("Fund Demand Gen -> Fund Enablement Instead", (Column("a"),), [("x",)], headed=False)
    assert shown(table, 60) == ["Fund Demand Gen -> Fund Enablement Instead", "x"]


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
