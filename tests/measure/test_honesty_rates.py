"""Are the shipped ways of measuring as rarely wrong, and the naive ones as often, as is claimed for them?"""

from __future__ import annotations

import pytest

from benchmarks import honesty


@pytest.mark.slow
def test_the_rates_of_a_short_seeded_run_lie_in_their_bands() -> None:
    found = honesty.rates(size=0.1, seed=4)
    assert [f"{each.question}, {each.way}: {each.rate:.3f}" for each in found if not each.inside] == []
    told = {(each.question, each.way): each.rate for each in found}
    none = 'no effect, called "15 % faster"'
    assert told[none, "median_won"] > 0.4 + told[none, "shipped verdict"]
    blocked = "good partners blocked at 20 %"
    assert told[blocked, "bare rate"] > 10 * told[blocked, "state (bayes)"]
    flips = "flips a year at the floor, daily"
    assert told[flips, "neither"] > 2.5 * told[flips, "shipped: both"]
    state, verdict, figure = (
        f"flips a year of the {what}" for what in ("quote state", "cycle verdict", "cycle figure")
    )
    assert told[state, "entered and left at 0.80"] > 1.5 * told[state, "shipped: left at 0.50"]
    assert told[verdict, "as measured"] > 3 * told[verdict, "shipped: held"]
    assert told[figure, "as measured"] > 10 * told[figure, "shipped: held"]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_rates() -> None:
    assert honesty.no_effect(4, 9) == honesty.no_effect(4, 9)
