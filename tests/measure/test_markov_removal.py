"""Removal effects against chains that are solved anew without each name."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.measure import markov
from connector.measure.markov import Removal, removal_effects
from connector.measure.paths import Paths, from_strings

START, WON, LOST = ("start",), ("won",), ("lost",)
State = tuple[str, ...]


def brute(rows: list[tuple[list[str], int, int, float]], order: int, *, amounts: bool = False) -> dict[str, float]:
    """Every transition counted by hand; the chain solved with all names, and once without each of them."""
    steps: dict[State, dict[State, float]] = {}
    money: dict[State, float] = {}
    for names, wins, losses, amount in rows:
        if not wins + losses:
            continue
        walk = [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]
        grams = [tuple(walk[at : at + order]) for at in range(max(len(walk) - order + 1, 1))]
        for one, two in pairwise([START, *grams]):
            steps.setdefault(one, {}).setdefault(two, 0)
            steps[one][two] += wins + losses
        for end, weight in ((WON, wins), (LOST, losses)):
            steps.setdefault(grams[-1], {}).setdefault(end, 0)
            steps[grams[-1]][end] += weight
        money[grams[-1]] = money.get(grams[-1], 0) + amount

    def won(without: str | None) -> float:
        states = [state for state in steps if without is None or without not in state or state == START]
        number = {state: at for at, state in enumerate(states)}
        system, reward = np.eye(len(states)), np.zeros(len(states))
        for state in states:
            total = sum(steps[state].values())
            for to, weight in steps[state].items():
                if to == WON:
                    reward[number[state]] += (money.get(state, 0) if amounts else weight) / total
                elif to in number:
                    system[number[state], number[to]] -= weight / total
        return float(np.linalg.solve(system, reward)[number[START]])

    names = sorted({name for row in rows for name in row[0]})
    if START not in steps or won(None) <= 0:
        return dict.fromkeys(names, 0.0)
    return {name: 1 - won(name) / won(None) for name in names}


def paths_of(rows: list[tuple[list[str], int, int, float]]) -> Paths:
    texts = [" > ".join(names) for names, *_ in rows]
    return from_strings(texts, *(list(column) for column in zip(*(row[1:] for row in rows), strict=True))).paths


def test_bryls_three_paths() -> None:
    paths = from_strings(["C1 > C2 > C3", "C1", "C2 > C3"], [1, 0, 0], [0, 1, 1]).paths
    found = removal_effects(paths)
    assert list(found.effects) == pytest.approx([0.5, 1.0, 1.0], abs=1e-15)
    assert list(found.shares) == pytest.approx([0.2, 0.4, 0.4], abs=1e-15)
    assert (found.base, found.states, found.order) == (pytest.approx(1 / 3), 3, 1)


def test_equal_touches_in_a_row_are_one_step() -> None:
    once = from_strings(["A > B", "B > A", "B"], [1, 0, 1], [1, 2, 0]).paths
    often = from_strings(["A > A > B > B", "B > B > A", "B"], [1, 0, 1], [1, 2, 0]).paths
    for order in (1, 2, 3):
        assert removal_effects(often, order).effects == pytest.approx(removal_effects(once, order).effects)


def test_without_losses_an_effect_is_only_how_often_one_was_passed() -> None:
    """Why a model must refuse where losses are not recorded."""
    paths = from_strings(["A", "A > B", "B", "A"], [1, 1, 1, 1]).paths
    assert list(removal_effects(paths, 2).effects) == pytest.approx([0.75, 0.5])


def test_nothing_won_has_no_effects() -> None:
    nothing = removal_effects(from_strings(["A", "B"], [0, 0], [1, 1]).paths)
    assert (list(nothing.effects), list(nothing.shares), nothing.base) == ([0, 0], [0, 0], 0.0)
    assert removal_effects(from_strings([], []).paths).states == 0


@pytest.mark.parametrize("order", [0, 6])
def test_an_order_that_nobody_can_fill_is_refused(order: int) -> None:
    with pytest.raises(ValueError, match="order is from 1 to 5"):
        removal_effects(from_strings(["A"], [1]).paths, order)


@pytest.mark.parametrize("order", [1, 5])
def test_the_least_and_the_highest_order(order: int) -> None:
    assert isinstance(removal_effects(from_strings(["A"], [1]).paths, order), Removal)


_row = st.tuples(
    st.lists(st.sampled_from("ABCD"), min_size=1, max_size=7), st.integers(0, 3), st.integers(0, 3), st.just(0.0)
).map(lambda row: (*row[:3], row[1] * 10.0 + len(row[0]) * (row[1] > 0)))
_rows = st.lists(_row, min_size=1, max_size=10)


@given(_rows, st.integers(1, 4), st.booleans())
@settings(max_examples=80, deadline=None)
def test_the_formula_gives_what_solving_without_each_name_gives(rows: list, order: int, amounts: bool) -> None:  # type: ignore[type-arg]
    expected = brute(rows, order, amounts=amounts)
    found = removal_effects(paths_of(rows), order, of_amounts=amounts)
    assert list(found.effects) == pytest.approx(list(expected.values()), abs=1e-9)


@given(_rows, st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_the_walk_that_is_iterated_ends_where_the_inverse_does(rows: list, order: int) -> None:  # type: ignore[type-arg]
    paths = paths_of(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(markov, "DENSE_STATES", 0)
        iterated = removal_effects(paths, order)
    assert iterated.effects == pytest.approx(removal_effects(paths, order).effects, abs=1e-9)


@given(_rows, st.integers(1, 3), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_neither_the_order_of_rows_nor_how_they_are_counted_matters(rows: list, order: int, random: object) -> None:  # type: ignore[type-arg]
    single = [(names, one, 1 - one, amount) for names, w, lost, amount in rows
              for one in [1] * w + [0] * lost]  # fmt: skip
    counted = [row for row in rows if row[1] + row[2]]
    random.shuffle(single)  # type: ignore[attr-defined]
    if counted:
        one, other = removal_effects(paths_of(counted), order), removal_effects(paths_of(single), order)
        assert other.effects == pytest.approx(one.effects, abs=1e-9)


@given(_rows)
@settings(max_examples=25, deadline=None)
def test_a_weight_of_two_is_the_path_twice(rows: list) -> None:  # type: ignore[type-arg]
    paths = paths_of(rows)
    weight = np.arange(paths.count) % 3.0
    twice = replace(paths, wins=paths.wins * weight, losses=paths.losses * weight)
    assert removal_effects(paths, weight=weight).effects == pytest.approx(removal_effects(twice).effects, abs=1e-9)
