"""What does each named definition compare, and which opportunities does it leave out?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.measure import cycle_times as measure
from connector.measure.cycle_times import DEFINITIONS, Rows, merged_levels, pooled_levels


def rows(chance: np.random.Generator, n: int, *, effect: float = 0.0, levels: int = 3) -> Rows:
    size, level = chance.normal(9, 1, n), chance.integers(0, levels, n)
    age = np.floor(chance.uniform(30, 1000, n))
    won = np.exp(3.5 + 0.2 * (size - 9) + 0.2 * level + effect + chance.normal(0, 0.6, n))
    lost = np.exp(5.2 + chance.normal(0, 0.6, n))
    days = np.minimum(np.minimum(won, lost), age)
    status = np.where(days == won, 1, np.where(days == lost, 0, 2)).astype(np.int64)
    return Rows(days, status, age, size, np.column_stack([level, np.zeros(n, np.int64)]))


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 1_000))
def test_all_groups_at_once_are_each_group_alone(seed: int) -> None:
    chance = np.random.default_rng(seed)
    base = measure.baseline(rows(chance, 500), maturity_share=0.9)
    ours, who = rows(chance, 90), chance.integers(0, 3, 90)
    together = measure.measured(base, ours, who, 3)
    for group in range(3):
        mine = who == group
        alone = measure.measured(base, ours.only(mine), np.zeros(int(mine.sum()), np.int64), 1)
        for name in DEFINITIONS:
            left, right = together.by_definition[name], alone.by_definition[name]
            assert (left.n[group], left.wins[group]) == (right.n[0], right.wins[0])
            np.testing.assert_allclose([left.log_ratio[group], left.se[group]], [right.log_ratio[0], right.se[0]])


@settings(deadline=None, max_examples=15)
@given(factor=st.floats(0.5, 2.0))
def test_another_unit_of_time_changes_no_ratio(factor: float) -> None:
    chance = np.random.default_rng(5)
    direct, ours, who = rows(chance, 500), rows(chance, 60), np.zeros(60, np.int64)

    def ratios(scale: float) -> list[float]:
        turned = [Rows(r.days * scale, r.status, r.age * scale, r.size, r.levels) for r in (direct, ours)]
        base = measure.baseline(turned[0], maturity_share=0.9)
        found = measure.measured(base, turned[1], who, 1).by_definition
        return [float(found[name].log_ratio[0]) for name in DEFINITIONS]

    np.testing.assert_allclose(ratios(factor), ratios(1.0), atol=1e-7)


def test_direct_compared_with_itself_takes_as_long() -> None:
    direct = rows(np.random.default_rng(6), 800)
    base = measure.baseline(direct, maturity_share=0.9)
    found = measure.measured(base, direct, np.zeros(800, np.int64), 1).by_definition
    for name in DEFINITIONS:
        assert found[name].log_ratio[0] == pytest.approx(0.0, abs=1e-7), name


def test_an_effect_is_found_again_within_its_interval() -> None:
    chance = np.random.default_rng(7)
    base = measure.baseline(rows(chance, 4_000), maturity_share=0.9)
    told = measure.measured(base, rows(chance, 400, effect=np.log(0.8)), np.zeros(400, np.int64), 1)
    told_of = told.by_definition[measure.CENSORED]
    assert abs(told_of.log_ratio[0] - np.log(0.8)) < 2 * told_of.se[0]
    assert told_of.se[0] < 0.06


def test_rows_without_a_size_or_in_a_level_that_direct_lacks_are_counted_and_left_out_of_adjusted_ones() -> None:
    chance = np.random.default_rng(8)
    base = measure.baseline(rows(chance, 600), maturity_share=0.9)
    ours = rows(chance, 40)
    ours.size[:5] = np.nan
    ours.levels[5:8, 0] = -1
    found = measure.measured(base, ours, np.zeros(40, np.int64), 1)
    assert (found.unsized[0], found.unmatched[0]) == (5, 3)
    assert (found.by_definition["censored"].n[0], found.n[0]) == (32, 40)


def test_without_direct_wins_nothing_is_estimated_and_nothing_breaks() -> None:
    chance = np.random.default_rng(9)
    direct = rows(chance, 50)
    lost = Rows(direct.days, np.zeros(50, np.int64), direct.age, direct.size, direct.levels)
    none = direct.only(np.zeros(50, bool))
    for given_rows in (lost, none):
        base = measure.baseline(given_rows, maturity_share=0.9)
        found = measure.measured(base, rows(chance, 20), np.zeros(20, np.int64), 2).by_definition
        for name in ("mean_won", "median_won", "size_adjusted", "censored"):
            assert np.isnan(found[name].log_ratio).all()


def test_columns_that_say_the_same_are_told_apart_once() -> None:
    chance = np.random.default_rng(10)
    direct = rows(chance, 600)
    double = Rows(direct.days, direct.status, direct.age, direct.size, direct.levels[:, [0, 0]])
    ours = rows(chance, 50)
    ours_double = Rows(ours.days, ours.status, ours.age, ours.size, ours.levels[:, [0, 0]])
    who = np.zeros(50, np.int64)
    one = measure.measured(measure.baseline(direct, maturity_share=0.9), ours, who, 1).by_definition
    two = measure.measured(measure.baseline(double, maturity_share=0.9), ours_double, who, 1).by_definition
    for name in DEFINITIONS:
        assert two[name].log_ratio[0] == pytest.approx(one[name].log_ratio[0], abs=1e-8)


def test_rare_levels_share_one_and_too_rare_ones_have_none() -> None:
    codes = np.repeat([0, 1, 2, 3], [40, 30, 6, 5])
    won = np.ones(81, bool)
    assert pooled_levels(codes, won, 4, least=20, most=12).tolist() == [0, 1, -1, -1]
    assert pooled_levels(codes, won, 4, least=11, most=12).tolist() == [0, 1, 2, 2]
    assert pooled_levels(codes, won, 4, least=1, most=2).tolist() == [0, 1, 1, 1]
    assert pooled_levels(codes, won, 4, least=1, most=4).tolist() == [0, 1, 2, 3]


def test_neighbouring_cohorts_are_merged_until_each_has_enough_wins() -> None:
    codes = np.repeat([0, 1, 2, 3], [5, 30, 40, 3])
    won = np.ones(78, bool)
    assert merged_levels(codes, won, 4, least=20).tolist() == [0, 0, 1, 1]
    assert merged_levels(codes, won, 4, least=1).tolist() == [0, 1, 2, 3]
    assert merged_levels(codes, np.zeros(78, bool), 4, least=1).tolist() == [0, 0, 0, 0]
