"""Every floor from both sides, and the intervals that hide a share."""

from __future__ import annotations

import numpy as np
import pytest

from connector.measure.floors import (
    Floors,
    Interval,
    Lack,
    Reason,
    State,
    bootstrap,
    of_rule,
    resampled_rule,
    speaks,
    standing,
)
from connector.measure.markov import removal_effects
from connector.measure.paths import Paths, from_strings
from connector.measure.touch_models import Model

FLOORS = Floors(
    min_won=75,
    available_won=250,
    min_lost_share=0.05,
    min_mean_touches=2.0,
    won_per_state=10.0,
    interval=0.80,
    max_half_width=0.35,
    min_won_each=10,
    replications=200,
)


def world(won: int, lost: int, text: str = "A > B") -> Paths:
    return from_strings([text] * 2, [won, 0], [0, lost], [won * 10.0, 0]).paths


def lacks(paths: Paths) -> tuple[State, tuple[Lack, ...]]:
    found = standing(paths, FLOORS)
    return found.state, tuple(reason.lack for reason in found.reasons)


@pytest.mark.parametrize(
    ("won", "expected"),
    [
        (74, (State.REFUSED, (Lack.FEW_WON,))),
        (75, (State.PROVISIONAL, (Lack.NOT_YET_MANY_WON,))),
        (249, (State.PROVISIONAL, (Lack.NOT_YET_MANY_WON,))),
        (250, (State.AVAILABLE, ())),
    ],
)
def test_wins_that_are_enough(won: int, expected: tuple[State, tuple[Lack, ...]]) -> None:
    assert lacks(world(won, 300)) == expected


@pytest.mark.parametrize(("lost", "refused"), [(0, True), (15, True), (16, False)])
def test_losses_must_be_recorded(lost: int, refused: bool) -> None:
    assert (Lack.LOSSES_NOT_RECORDED in lacks(world(304, lost))[1]) is refused


def test_two_touches_an_opportunity_are_enough_and_less_is_not() -> None:
    assert lacks(world(300, 300, "A > A"))[0] is State.AVAILABLE
    mixed = from_strings(["A > B", "A"], [300, 1], [300, 0], [1, 1]).paths
    assert standing(mixed, FLOORS).reasons == (Reason(Lack.FEW_TOUCHES, pytest.approx(1201 / 601), 2.0),)


@pytest.mark.parametrize(("names", "refused"), [(25, False), (26, True)])
def test_a_state_for_every_ten_wins(names: int, refused: bool) -> None:
    rows = [f"P{at:02} > P00" for at in range(names)]
    wins = [250 - names + 1, *[1] * (names - 1)]
    paths = from_strings(rows, wins, [20] * names, [1.0] * names).paths
    assert (Lack.MANY_STATES in lacks(paths)[1]) is refused


def test_opportunities_that_nobody_touched_do_not_count() -> None:
    found = standing(from_strings([], []).paths, FLOORS)
    assert (found.state, found.won, found.lost, found.mean_touches) == (State.REFUSED, 0, 0, 0.0)


def many(rows: int, seed: int = 3) -> Paths:
    drawn = np.random.Generator(np.random.PCG64(seed))
    texts = [
        " > ".join(drawn.choice(["A", "B", "C", "D"], size=1 + at % 4, p=[0.6, 0.25, 0.1, 0.05]))
        for at in range(rows)
    ]
    wins = np.arange(rows) % 2
    return from_strings(texts, wins, 1 - wins, wins * 100.0).paths


def test_the_limits_hold_the_share_and_close_in_with_more() -> None:
    few, more = many(200), many(3_000)
    widths = []
    for paths in (few, more):
        shares = of_rule(paths, Model.LINEAR)(paths, np.ones(paths.count))
        found = resampled_rule(paths, Model.LINEAR, FLOORS)
        assert ((found.low <= shares) & (shares <= found.high)).all()
        widths.append((found.high - found.low)[0])
    assert widths[1] < widths[0] / 2


def test_resampled_groups_are_as_wide_as_resampled_opportunities() -> None:
    paths = many(6_000)
    expected = np.sqrt(0.6 * 0.4 / 3_000)
    found = resampled_rule(paths, Model.FIRST, FLOORS)
    assert (found.high - found.low)[0] / 2 == pytest.approx(1.2816 * expected, rel=0.2)


def test_the_same_paths_give_the_same_limits() -> None:
    one, two = (bootstrap(many(100), lambda p, w: removal_effects(p, weight=w).shares, FLOORS) for _ in range(2))
    assert (one.low.tolist(), one.high.tolist()) == (two.low.tolist(), two.high.tolist())


def test_too_few_to_resample_know_nothing() -> None:
    found = resampled_rule(from_strings(["A > B"] * 7, [1] * 7).paths, Model.FIRST, FLOORS)
    assert (list(found.low), list(found.high), list(found.won)) == ([0, 0], [1, 1], [7, 7])


def test_a_share_is_shown_from_ten_wins_on_and_up_to_a_half_width_of_a_part_of_itself() -> None:
    shares = np.array([0.2, 0.2, 0.2, 0.0])
    interval = Interval(
        np.array([0.13, 0.13, 0.129, 0.0]), np.array([0.27, 0.27, 0.271, 0.0]), np.array([10.0, 9.0, 10.0, 10.0])
    )
    assert list(speaks(shares, interval, FLOORS)) == [True, False, False, False]


def test_wins_are_parted_where_no_amount_is_known() -> None:
    paths = from_strings(["A", "B", "B"], [1, 1, 1]).paths
    assert list(of_rule(paths, Model.LAST)(paths, np.ones(3))) == pytest.approx([1 / 3, 2 / 3])
