"""Shapley values against the average over all orders of arrival."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.measure.paths import Paths, from_strings, grouped
from connector.measure.shapley import (
    MOST_PLAYERS,
    TooManyPlayers,
    WinRateGame,
    largest,
    ordered,
    shapley_values,
    simplified,
    win_rate,
)

_row = st.tuples(st.lists(st.sampled_from("ABCD"), min_size=1, max_size=6), st.integers(0, 3), st.integers(0, 3))
_rows = st.lists(_row, min_size=1, max_size=8)


def paths_of(rows: list[tuple[list[str], int, int]]) -> Paths:
    return from_strings([" > ".join(row[0]) for row in rows], [r[1] for r in rows], [r[2] for r in rows]).paths


def worth(rows: list[tuple[list[str], int, int]], names: set[str], kind: str) -> float:
    inside = [r for r in rows if (set(r[0]) == names if kind == "exactly" else set(r[0]) <= names)]
    won, every = sum(r[1] for r in inside), sum(r[1] + r[2] for r in inside)
    return float(won) if kind == "sums" else (won / every if every else 0.0)


def brute(rows: list[tuple[list[str], int, int]], kind: str) -> list[float]:
    players = sorted({name for row in rows for name in row[0]})
    total = dict.fromkeys(players, 0.0)
    orders = list(permutations(players))
    for order in orders:
        there: set[str] = set()
        for player in order:
            total[player] += worth(rows, there | {player}, kind) - worth(rows, there, kind)
            there.add(player)
    return [total[player] / len(orders) for player in players]


@given(_rows)
@settings(max_examples=60, deadline=None)
def test_the_even_split_among_distinct_names_is_the_value_of_the_game_of_sums(rows: list) -> None:  # type: ignore[type-arg]
    paths = paths_of(rows)
    assert list(simplified(paths, paths.wins)) == pytest.approx(brute(rows, "sums"), abs=1e-9)


@given(_rows, st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_game_of_win_rates_is_averaged_over_every_order(rows: list, exactly: bool) -> None:  # type: ignore[type-arg]
    paths = paths_of(rows)
    game = win_rate(paths, exactly=exactly)
    assert isinstance(game, WinRateGame)
    assert list(game.values) == pytest.approx(brute(rows, "exactly" if exactly else "most"), abs=1e-9)
    assert game.values.sum() == pytest.approx(game.together - game.alone, abs=1e-9)


@given(_rows, st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_the_values_by_position_add_up_to_the_values(rows: list, most: int) -> None:  # type: ignore[type-arg]
    paths = paths_of(rows)
    assert ordered(paths, paths.wins, most).sum(axis=1) == pytest.approx(simplified(paths, paths.wins), abs=1e-9)


def test_a_name_parts_its_value_among_its_positions() -> None:
    paths = from_strings(["A > B > A > C"], [1], None, [90]).paths
    assert ordered(paths, most=4).tolist() == [[15, 0, 15, 0], [0, 30, 0, 0], [0, 0, 0, 30]]
    assert ordered(paths, most=2).tolist() == [[15, 15], [0, 30], [0, 30]]


def test_a_name_that_never_matters_is_worth_nothing() -> None:
    worth_of = np.array([0.0, 1.0, 0.0, 1.0])
    assert list(shapley_values(worth_of, 2)) == [1.0, 0.0]


def test_more_names_than_can_be_played_are_refused_until_they_are_grouped() -> None:
    names = [f"P{at:02}" for at in range(MOST_PLAYERS + 1)]
    paths = from_strings([*names, "P03 > P05"], [1] * 17, [1] * 17).paths
    assert win_rate(paths) == TooManyPlayers(16, 15)
    few = grouped(paths, largest(paths, MOST_PLAYERS - 1), "other partners")
    assert len(few.names) == MOST_PLAYERS
    assert {"P03", "P05", "other partners"} <= set(few.names)
    assert isinstance(win_rate(few), WinRateGame)


def test_no_paths_no_players() -> None:
    game = win_rate(from_strings([], []).paths)
    assert isinstance(game, WinRateGame)
    assert (list(game.values), game.together) == ([], 0.0)
