"""Do priors come out as they were put in, do they draw thin evidence in, and is a list kept honest?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from connector.measure.discovery import adjusted, listed
from connector.measure.shrinkage import (
    BetaPrior,
    NormalPrior,
    beta_prior,
    chance_below,
    chance_under,
    normal_prior,
    shrunk,
)


def test_the_beta_prior_of_many_partners_is_found_again() -> None:
    chance = np.random.default_rng(1)
    counted = chance.integers(1, 30, 20_000)
    won = chance.binomial(counted, chance.beta(4, 12, 20_000))
    found = beta_prior(won, counted)
    assert found is not None
    assert (found.a, found.b) == (pytest.approx(4, rel=0.05), pytest.approx(12, rel=0.05))
    assert found.groups == 20_000


def test_partners_that_differ_only_by_chance_are_taken_as_alike_and_none_is_no_prior() -> None:
    alike = beta_prior(np.full(50, 2), np.full(50, 10))
    assert alike is not None
    assert alike.a / (alike.a + alike.b) == pytest.approx(0.2, abs=0.01)
    assert alike.a + alike.b > 1_000
    assert beta_prior(np.zeros(3, np.int64), np.zeros(3, np.int64)) is None


def test_without_quotes_the_chance_is_the_prior_s_and_with_many_it_is_theirs() -> None:
    prior = BetaPrior(4, 12, 100)
    none, many = chance_below(prior, np.array([0, 100]), np.array([0, 1000]), 0.2)
    assert none == pytest.approx(0.3518, abs=1e-3)
    assert many > 0.999


def test_the_normal_prior_of_many_partners_is_found_again() -> None:
    chance = np.random.default_rng(2)
    se = chance.uniform(0.05, 0.3, 5_000)
    found = normal_prior(chance.normal(-0.04, 0.15, 5_000) + chance.normal(0, se), se)
    assert found is not None
    assert (found.mean, found.sd) == (pytest.approx(-0.04, abs=0.01), pytest.approx(0.15, rel=0.05))


def test_estimates_within_their_errors_have_a_prior_without_spread() -> None:
    found = normal_prior(np.array([0.01, -0.01, 0.0, np.nan]), np.array([0.2, 0.2, 0.2, np.nan]))
    assert found is not None
    assert (found.sd, found.groups) == (0.0, 3)
    assert normal_prior(np.array([np.nan]), np.array([np.nan])) is None


@settings(deadline=None)
@given(y=st.floats(-2, 2), se=st.floats(0.01, 2), mean=st.floats(-1, 1), sd=st.floats(0.01, 1))
def test_what_is_drawn_in_lies_between_the_estimate_and_the_prior(
    y: float, se: float, mean: float, sd: float
) -> None:
    middle, spread = shrunk(NormalPrior(mean, sd, 9), np.array([y]), np.array([se]))
    assert min(y, mean) - 1e-9 <= middle[0] <= max(y, mean) + 1e-9
    assert spread[0] <= min(se, sd) + 1e-12


def test_without_a_prior_an_estimate_stands_for_itself() -> None:
    middle, spread = shrunk(None, np.array([0.3]), np.array([0.1]))
    assert (middle[0], spread[0]) == (0.3, 0.1)
    assert_allclose(chance_under(0.3, np.array([0.3, 0.1, np.nan]), np.array([0.1, 0.0, 0.1])), [0.5, 1.0, np.nan])


@given(st.lists(st.floats(1e-9, 1), min_size=1, max_size=60))
@settings(deadline=None)
def test_adjusted_chances_are_the_library_s(chances: list[float]) -> None:
    from scipy.stats import false_discovery_control

    p = np.array(chances)
    assert_allclose(adjusted(p), false_discovery_control(p), rtol=1e-12)


def test_what_is_no_test_counts_as_none() -> None:
    p = np.array([0.04, np.nan, 0.5])
    assert_allclose(adjusted(p), [0.08, np.nan, 0.5])
    assert listed(p, 0.08).tolist() == [True, False, False]
    assert listed(p, 0.0799).tolist() == [False, False, False]
    assert listed(np.array([np.nan]), 0.9).tolist() == [False]


def test_few_of_a_list_are_there_by_chance() -> None:
    chance = np.random.default_rng(3)
    shares = []
    for _ in range(60):
        real = chance.random(400) < 0.2
        from scipy.special import ndtr

        p = ndtr(chance.normal(np.where(real, -2.5, 0.0), 1))
        named = listed(p, 0.1)
        shares.append((named & ~real).sum() / max(named.sum(), 1))
    assert np.mean(shares) < 0.1
