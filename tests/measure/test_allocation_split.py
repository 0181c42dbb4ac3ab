"""Increments go where the next one brings most, within every cap; where caps are nested, no better split exists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from connector.measure.allocation import Cap, Floats, Ints, expected, laminar, split, total_interval


def cap(name: str, members: list[int], units: int) -> Cap:
    return Cap(name, np.array(members, dtype=np.int64), units)


def value(first: Floats, diminishing: float, units: Ints) -> float:
    return float(expected(first, diminishing, units, 1.0).sum())


def best(first: Floats, diminishing: float, hurdle: float, caps: list[Cap], most: int) -> float:
    """The linear programme's optimum over fractions of single increments."""
    owner = np.repeat(np.arange(len(first)), most)
    nth = np.tile(np.arange(most), len(first))
    values = first[owner] * diminishing**nth
    keep = values >= hurdle
    owner, values = owner[keep], values[keep]
    if not len(owner):
        return 0.0
    matrix = np.array([np.isin(owner, each.members).astype(float) for each in caps])
    found = linprog(-values, A_ub=matrix, b_ub=[each.units for each in caps], bounds=(0, 1), method="highs")
    return -float(found.fun)


@st.composite
def nested(draw: st.DrawFn) -> tuple[Floats, float, float, list[Cap], int]:
    """A tree of caps over random lines: the budget, regions, partners, single lines."""
    lines = draw(st.integers(1, 12))
    first = np.array(draw(st.lists(st.floats(0.1, 20), min_size=lines, max_size=lines)))
    most = draw(st.integers(1, 8))
    caps = [cap("budget", list(range(lines)), most)]
    for level in (4, 2, 1):
        for start in range(0, lines, level):
            if draw(st.booleans()):
                members = list(range(start, min(start + level, lines)))
                caps.append(cap(f"{level}:{start}", members, draw(st.integers(0, 4))))
    return first, draw(st.sampled_from([0.5, 0.9, 1.0])), draw(st.sampled_from([0.0, 1.0, 3.0])), caps, most


@settings(max_examples=150, deadline=None)
@given(nested())
def test_with_nested_caps_no_split_brings_more_not_even_of_fractions(
    case: tuple[Floats, float, float, list[Cap], int],
) -> None:
    first, diminishing, hurdle, caps, most = case
    assert laminar(caps, len(first))
    found = split(first, diminishing, hurdle, caps)
    assert value(first, diminishing, found) == pytest.approx(best(first, diminishing, hurdle, caps, most), rel=1e-9)
    assert all(found[each.members].sum() <= each.units for each in caps)


@st.composite
def crossing(draw: st.DrawFn) -> tuple[Floats, float, list[Cap], int]:
    """Caps of partners (rows) and of motions (columns) over one grid."""
    rows, columns = draw(st.integers(2, 4)), draw(st.integers(2, 3))
    first = np.array(draw(st.lists(st.floats(1, 20), min_size=rows * columns, max_size=rows * columns)))
    most = draw(st.integers(1, 8))
    grid = np.arange(rows * columns).reshape(rows, columns)
    caps = [cap("budget", list(range(rows * columns)), most)]
    caps += [cap(f"row {at}", [int(i) for i in grid[at]], draw(st.integers(0, 4))) for at in range(rows)]
    caps += [cap(f"column {at}", [int(i) for i in grid[:, at]], draw(st.integers(0, 4))) for at in range(columns)]
    return first, draw(st.sampled_from([0.5, 0.9, 1.0])), caps, most


@settings(max_examples=60, deadline=None)
@given(crossing())
def test_with_crossing_caps_every_cap_holds_and_little_is_lost_by_rounding(
    case: tuple[Floats, float, list[Cap], int],
) -> None:
    first, diminishing, caps, most = case
    assert not laminar(caps, len(first))
    found = split(first, diminishing, 0.0, caps)
    assert all(found[each.members].sum() <= each.units for each in caps)
    bound = best(first, diminishing, 0.0, caps, most)
    assert value(first, diminishing, found) <= bound + 1e-9
    assert value(first, diminishing, found) >= bound - len(caps) * first.max()


def test_an_increment_at_the_hurdle_is_granted_and_one_below_it_is_not() -> None:
    caps = [cap("budget", [0], 10)]
    assert split(np.array([4.0]), 0.5, 2.0, caps).tolist() == [2]  # 4, 2, then 1
    assert split(np.array([3.999]), 0.5, 2.0, caps).tolist() == [1]


def test_ties_go_to_the_line_that_comes_first() -> None:
    assert split(np.array([5.0, 5.0, 5.0]), 0.9, 0.0, [cap("budget", [0, 1, 2], 2)]).tolist() == [1, 1, 0]


def test_what_was_taken_before_counts_for_the_caps_and_for_the_diminishing() -> None:
    caps = [cap("budget", [0, 1], 4), cap("first", [0], 2)]
    found = split(np.array([10.0, 6.0]), 0.5, 0.0, caps, taken=np.array([1, 0]))
    assert found.tolist() == [1, 2]  # 6, 5, then the first line is full


def test_blocked_lines_get_nothing() -> None:
    found = split(np.array([10.0, 6.0]), 0.9, 0.0, [cap("budget", [0, 1], 3)], blocked=np.array([True, False]))
    assert found.tolist() == [0, 3]


def test_a_line_that_no_cap_holds_is_an_error() -> None:
    with pytest.raises(ValueError, match="without any cap"):
        split(np.array([1.0, 1.0]), 0.9, 0.0, [cap("budget", [0], 3)])


@pytest.mark.parametrize(
    ("caps", "nested_ones"),
    [
        ([[0, 1, 2, 3], [0, 1], [2, 3], [0]], True),
        ([[0, 1, 2, 3], [0, 1], [1, 2]], False),
        ([[0, 1], [2, 3]], True),
        ([[0, 1], [0, 1], [1]], True),
        ([[0, 1, 2], [2, 3, 4], [0, 4]], False),
        ([[], [0]], True),
    ],
)
def test_caps_are_nested_when_any_two_are_inside_each_other_or_apart(
    caps: list[list[int]], nested_ones: bool
) -> None:
    assert laminar([cap(str(at), members, 1) for at, members in enumerate(caps)], 5) is nested_ones


def test_the_pipeline_of_increments_is_a_geometric_sum() -> None:
    found = expected(np.array([4.0, 3.0]), 0.5, np.array([3, 0]), 1000.0)
    assert found.tolist() == [7000.0, 0.0]
    assert expected(np.array([4.0]), 1.0, np.array([3]), 1000.0).tolist() == [12000.0]


def test_the_interval_of_a_sum_is_narrower_than_the_sum_of_intervals_and_never_below_zero() -> None:
    low, high = total_interval(np.array([100.0, 100.0]), np.array([0.04, 0.04]), 0.80)
    one_low, one_high = total_interval(np.array([100.0]), np.array([0.04]), 0.80)
    assert low < 200 < high
    assert high - low < 2 * (one_high - one_low)
    assert total_interval(np.array([100.0]), np.array([4.0]), 0.99)[0] == 0.0
