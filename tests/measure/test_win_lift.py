"""The adjusted difference: found where it is, not found where only the mix differs."""

from __future__ import annotations

import numpy as np
import pytest

from connector.measure.win_lift import Covariate, design, win_lift


def made(n: int, seed: int, *, effect: float, confounded: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Presence of two partners, wins, and a size that decides wins and (when confounded) draws the first partner."""
    drawn = np.random.Generator(np.random.PCG64(seed))
    size = drawn.normal(size=n)
    draw = 1 / (1 + np.exp(-(1.5 * size if confounded else 0 * size)))
    presence = np.stack([drawn.random(n) < draw, drawn.random(n) < 0.3], axis=1)
    score = -1 + 1.2 * size + effect * presence[:, 1]
    return presence, drawn.random(n) < 1 / (1 + np.exp(-score)), size


def test_a_partner_on_likely_winners_has_no_lift_once_the_size_is_known() -> None:
    presence, won, size = made(4_000, 5, effect=0.0, confounded=True)
    naive = win_lift(presence, won)
    adjusted = win_lift(presence, won, [Covariate("amount", numbers=size)])
    assert naive.low[0] > 0.15
    assert adjusted.low[0] < 0 < adjusted.high[0]
    assert adjusted.adjusted_for == ("amount",)


def test_a_true_effect_is_found_with_its_size() -> None:
    presence, won, size = made(6_000, 7, effect=0.9, confounded=True)
    found = win_lift(presence, won, [Covariate("amount", numbers=size)])
    with_, without = (1 / (1 + np.exp(-(-1 + 1.2 * size + e))) for e in (0.9, 0.0))
    truth = float((with_ - without).mean())
    assert found.low[1] > 0
    assert found.low[1] < truth < found.high[1]
    assert found.lift[1] == pytest.approx(truth, abs=0.03)
    assert (found.converged, found.n, found.won) == (True, 6_000, int(won.sum()))
    assert list(found.n_with) == list(presence.sum(axis=0))
    assert list(found.won_with) == [int((presence[:, at] & won).sum()) for at in (0, 1)]


@pytest.mark.slow
def test_nineteen_of_twenty_intervals_hold_nothing_where_there_is_nothing() -> None:
    held = 0
    for seed in range(100):
        presence, won, size = made(400, seed, effect=0.0, confounded=True)
        found = win_lift(presence, won, [Covariate("amount", numbers=size)])
        held += int(found.low[0] <= 0 <= found.high[0])
    assert held >= 90


def test_a_partner_on_every_win_and_no_loss_has_limits_all_the_same() -> None:
    won = np.arange(40) % 2 == 0
    found = win_lift(won[:, None], won)
    assert found.converged
    assert found.lift[0] > 0.5
    assert np.isfinite(found.low[0])


@pytest.mark.parametrize("won", [np.zeros(5, dtype=bool), np.ones(5, dtype=bool), np.zeros(0, dtype=bool)])
def test_without_wins_and_losses_nothing_is_known(won: np.ndarray) -> None:  # type: ignore[type-arg]
    found = win_lift(np.ones((len(won), 1), dtype=bool), won)
    assert (list(found.lift), list(found.low), list(found.high), found.converged) == ([0], [-1], [1], False)


def test_the_order_of_opportunities_changes_nothing() -> None:
    presence, won, size = made(300, 1, effect=0.5, confounded=False)
    order = np.random.Generator(np.random.PCG64(2)).permutation(300)
    one = win_lift(presence, won, [Covariate("amount", numbers=size)])
    two = win_lift(presence[order], won[order], [Covariate("amount", numbers=size[order])])
    assert two.lift == pytest.approx(one.lift, abs=1e-9)
    assert two.low == pytest.approx(one.low, abs=1e-9)


def test_unknown_numbers_are_a_column_and_rare_words_stand_together() -> None:
    numbers = np.array([1.0, 3.0, np.nan, np.nan])
    words = ["a", "a", "b", "c"]
    columns = design([Covariate("amount", numbers=numbers), Covariate("segment", words=words)], least=2)
    assert columns.tolist() == [[-1, 0, 0], [1, 0, 0], [0, 1, 1], [0, 1, 1]]


def test_what_is_the_same_everywhere_is_no_column() -> None:
    same = [Covariate("amount", numbers=np.ones(3)), Covariate("none", numbers=np.full(3, np.nan))]
    assert design([*same, Covariate("segment", words=["x"] * 3)], least=1).shape == (3, 0)
