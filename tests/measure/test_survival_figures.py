"""Are our estimates those of the field's survival library, to five digits, and do the laws hold?

The figures beside ours were computed once with lifelines 0.30.3 over the very same generated rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from connector.measure.survival import (
    LOST,
    OPEN,
    WON,
    hazard,
    incidence,
    kaplan_meier,
    lognormal_aft,
    logrank,
    median_time,
    shifts,
)


def uniforms() -> Iterator[float]:
    """The minimal standard generator: the same numbers with every version of every library."""
    state = 20240229
    while True:
        state = (state * 48271) % 2147483647
        yield state / 2147483647


def sample(n: int = 240) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Days, status and covariates (ones, size, stratum) of opportunities that are won, lost or still open."""
    chance = uniforms()

    def normal() -> float:
        return math.sqrt(-2 * math.log(next(chance))) * math.cos(2 * math.pi * next(chance))

    rows = []
    for _ in range(n):
        size, stratum = 8 + 1.2 * normal(), 1.0 if next(chance) < 0.4 else 0.0
        won, lost = math.exp(2.1 + 0.25 * size + 0.3 * stratum + 0.6 * normal()), math.exp(4.6 + 0.9 * normal())
        age = 20 + 380 * next(chance)
        days = min(won, lost, age)
        status = WON if days == won else LOST if days == lost else OPEN
        rows.append((round(days, 3), status, 1.0, round(size, 4), stratum))
    table = np.array(rows)
    return table[:, 0], table[:, 1].astype(np.int64), table[:, 2:]


def test_the_accelerated_failure_time_model_is_lifelines() -> None:
    days, status, x = sample()
    assert [int((status == each).sum()) for each in (WON, LOST, OPEN)] == [132, 87, 21]
    found = lognormal_aft(days, status == WON, x)
    assert_allclose(found.beta, [1.6490242894, 0.3148153451, 0.2469369637], rtol=1e-5)
    assert math.log(found.sigma) == pytest.approx(-0.5515277322, rel=1e-5)
    assert_allclose(np.sqrt(np.diag(found.covariance)), [0.2983540860, 0.0375132066, 0.0944644293], rtol=1e-5)
    assert found.se_log_sigma == pytest.approx(0.0609357449, rel=1e-5)
    assert found.log_likelihood == pytest.approx(-679.1099899185, rel=1e-9)


def test_curves_and_the_log_rank_test_are_lifelines() -> None:
    days, status, x = sample()
    won, upper = status == WON, x[:, 2] == 1
    curve = kaplan_meier(days, won)
    assert [curve.value(t, 1.0) for t in (60, 90, 180)] == pytest.approx([0.6237423988, 0.3716254563, 0.0874988453])
    assert median_time(curve) == pytest.approx(69.785)
    share = incidence(days, status)
    assert [share.value(t) for t in (60, 90, 180)] == pytest.approx([0.3184412606, 0.4803530798, 0.5965788725])
    alike = logrank((days[upper], won[upper]), (days[~upper], won[~upper]))
    assert alike == pytest.approx(0.0100556478, rel=1e-6)


def test_without_censoring_the_model_is_least_squares() -> None:
    days, _, x = sample()
    found = lognormal_aft(days, np.ones(len(days), bool), x)
    beta, rest, *_ = np.linalg.lstsq(x, np.log(days), rcond=None)
    assert_allclose(found.beta, beta, rtol=1e-7)
    assert found.sigma == pytest.approx(math.sqrt(float(rest[0]) / len(days)), rel=1e-7)


def test_a_sample_without_an_event_or_with_dependent_columns_is_refused() -> None:
    days, status, x = sample()
    with pytest.raises(ValueError, match="without an event"):
        lognormal_aft(days, np.zeros(len(days), bool), x)
    with pytest.raises(ValueError, match="depend on each other"):
        lognormal_aft(days, status == WON, np.column_stack([x, x[:, 2] * 2]))


def test_a_shift_is_the_model_s_own_coefficient_when_all_else_is_known() -> None:
    days, status, x = sample()
    won, ours = status == WON, x[:, 2] == 1
    base = lognormal_aft(days[~ours], won[~ours], x[~ours, :2])
    rest = np.log(days[ours]) - x[ours, :2] @ base.beta
    found = shifts(rest, won[ours], np.zeros(int(ours.sum()), np.int64), 1, base.sigma)
    tried = np.linspace(found.shift[0] - 0.2, found.shift[0] + 0.2, 401)
    z = (rest[:, None] - tried) / base.sigma
    from scipy.stats import norm

    likely = np.where(won[ours][:, None], norm.logpdf(z), norm.logsf(z)).sum(axis=0)
    assert tried[likely.argmax()] == pytest.approx(found.shift[0], abs=1e-3)
    bend = -np.gradient(np.gradient(likely, tried), tried)[200]
    assert found.se[0] == pytest.approx(1 / math.sqrt(bend), rel=1e-2)


def test_groups_are_estimated_as_if_each_were_alone_and_one_without_a_win_is_unknown() -> None:
    days, status, x = sample()
    won, rest = status == WON, np.log(days) - 4.3
    who = np.arange(len(days)) % 7
    won[who == 6] = False
    together = shifts(rest, won, who, 8, 0.6)
    for group in range(6):
        mine = who == group
        alone = shifts(rest[mine], won[mine], np.zeros(int(mine.sum()), np.int64), 1, 0.6)
        assert (together.shift[group], together.se[group]) == (alone.shift[0], alone.se[0])
    assert np.isnan(together.shift[6:]).all()
    assert np.isnan(together.se[6:]).all()
    assert x.shape[1] == 3


@given(factor=st.floats(0.2, 5.0))
@settings(deadline=None, max_examples=20)
def test_days_in_another_unit_move_the_shift_by_its_logarithm(factor: float) -> None:
    days, status, _ = sample()
    who = np.zeros(len(days), np.int64)
    base = shifts(np.log(days) - 4.3, status == WON, who, 1, 0.6)
    scaled = shifts(np.log(days * factor) - 4.3, status == WON, who, 1, 0.6)
    assert scaled.shift[0] == pytest.approx(base.shift[0] + math.log(factor), abs=1e-8)


@given(seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=20)
def test_won_lost_and_lasting_shares_add_up_to_one(seed: int) -> None:
    chance = np.random.default_rng(seed)
    days = chance.integers(1, 40, 60).astype(float)
    status = chance.integers(0, 3, 60)
    won, lost = incidence(days, status, WON), incidence(days, status, LOST)
    lasting = kaplan_meier(days, status != OPEN) if (status != OPEN).any() else None
    for day in (5, 20, 39):
        left = lasting.value(day, 1.0) if lasting else 1.0
        assert won.value(day) + lost.value(day) + left == pytest.approx(1.0)


def test_the_hazard_loses_nothing_far_out() -> None:
    assert_allclose(hazard(np.array([-40.0, 0.0, 30.0])), [0.0, 0.7978845608, 30.0332597], rtol=1e-7, atol=1e-300)
