"""A line's expected return lies between what it showed itself and what its motion shows."""

from __future__ import annotations

import numpy as np
import pytest

from connector.measure.allocation import Returns, shrunk_returns

SPEND = 10_000.0


def returns(ratios: dict[int, list[float]], motions: list[int], *, interval: float = 0.80) -> Returns:
    """Campaigns of equal spend, by line."""
    line = np.array([at for at, of in ratios.items() for _ in of], dtype=np.int64)
    pipeline = np.array([ratio * SPEND for of in ratios.values() for ratio in of])
    spend = np.full(len(line), SPEND)
    return shrunk_returns(spend, pipeline, line, np.array(motions), smoothing=0.05, interval=interval)


def test_a_line_with_more_campaigns_keeps_more_of_its_own_return() -> None:
    steady = [2.0, 3.0, 4.0] * 4
    rng = np.random.default_rng(4)
    others = {at: list(3.0 * np.exp(rng.normal(0, 0.6, 5) + rng.normal(0, 0.5))) for at in range(2, 30)}
    few = returns({0: [9.0], 1: steady, **others}, [0] * 30)
    many = returns({0: [9.0] * 8, 1: steady, **others}, [0] * 30)
    assert few.expected[0] < many.expected[0]
    assert few.log_variance[0] > many.log_variance[0] > 0


def test_lines_that_differ_no_more_than_chance_are_all_alike() -> None:
    found = returns({0: [1.0, 9.0], 1: [9.0, 1.0], 2: [3.0, 3.0]}, [0, 0, 0])
    assert found.expected == pytest.approx([found.expected[0]] * 3)


def test_the_models_total_is_the_observed_one() -> None:
    """Else a mean of logarithms would promise less than campaigns brought on average."""
    ratios = {0: [1.0, 9.0, 4.0], 1: [0.0, 2.0], 2: [30.0]}
    found = returns(ratios, [0, 0, 1])
    told = sum(found.expected[at] * len(of) * SPEND for at, of in ratios.items())
    assert told == pytest.approx(sum(sum(of) for of in ratios.values()) * SPEND)


def test_a_line_without_campaigns_has_its_motions_return_and_a_wider_interval() -> None:
    found = returns({0: [8.0, 9.0, 10.0, 8.5], 1: [6.0, 8.0, 7.0, 6.5], 3: [2.0, 1.0, 1.5, 1.2]}, [0, 0, 0, 1, 1])
    assert min(found.expected[0], found.expected[1]) < found.expected[2] < max(found.expected[0], found.expected[1])
    assert found.expected[4] < found.expected[2]
    assert found.high[2] - found.low[2] > found.high[0] - found.low[0]
    assert found.campaigns.tolist() == [4, 4, 0, 4, 0]
    assert np.isnan(found.own[2])


def test_a_campaign_without_pipeline_lowers_a_return_and_does_not_end_it() -> None:
    found = returns({0: [4.0, 0.0], 1: [4.0, 4.0], 2: [3.0, 5.0]}, [0, 0, 0])
    assert 0 < found.expected[0] <= found.expected[1]
    assert np.isfinite(found.expected).all()


def test_nothing_but_empty_campaigns_promises_nothing() -> None:
    assert returns({0: [0.0], 1: [0.0, 0.0]}, [0, 0]).expected.tolist() == [0.0, 0.0]


def test_one_campaign_alone_has_a_return_with_an_interval() -> None:
    found = returns({0: [5.0]}, [0])
    assert found.expected[0] == pytest.approx(5.0)
    assert found.low[0] <= found.expected[0] <= found.high[0]


def test_a_wider_confidence_is_a_wider_interval() -> None:
    rng = np.random.default_rng(1)
    ratios = {at: list(3 * np.exp(rng.normal(0, 0.5, 4) + rng.normal(0, 0.7))) for at in range(20)}
    narrow, wide = (returns(ratios, [0] * 20, interval=level) for level in (0.5, 0.95))
    assert (wide.low < narrow.low).all()
    assert (wide.high > narrow.high).all()


@pytest.mark.parametrize(("spend", "pipeline"), [([], []), ([0.0], [1.0]), ([1.0], [-1.0])])
def test_campaigns_that_cannot_be_are_refused(spend: list[float], pipeline: list[float]) -> None:
    with pytest.raises(ValueError, match=r"campaign|positive"):
        shrunk_returns(
            np.array(spend), np.array(pipeline), np.zeros(len(spend), dtype=np.int64), np.array([0]),
            smoothing=0.05, interval=0.8,
        )  # fmt: skip


@pytest.mark.slow
def test_shrunk_returns_rank_partners_better_than_raw_means() -> None:
    """Two campaigns each of 200 partners, log-sd 0.9: the truth of the best quarter by each ranking, 20 times."""
    rng = np.random.default_rng(7)
    raw_sum = shrunk_sum = 0.0
    for _ in range(20):
        truth = 4 * np.exp(rng.normal(0, 0.5, 200))
        counts = rng.integers(1, 9, 200)
        line = np.repeat(np.arange(200), counts)
        pipeline = truth[line] * np.exp(rng.normal(-0.405, 0.9, len(line))) * SPEND
        spend = np.full(len(line), SPEND)
        found = shrunk_returns(spend, pipeline, line, np.zeros(200, dtype=np.int64), smoothing=0.05, interval=0.8)
        shrunk_sum += truth[np.argsort(-found.expected)[:50]].mean()
        raw_sum += truth[np.argsort(-found.own)[:50]].mean()
    assert shrunk_sum > raw_sum
