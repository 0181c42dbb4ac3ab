"""The rules against the tables that vendors print, and the laws that hold for every path."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.measure.paths import NOWHERE, Paths, Touch, from_strings, from_touches, milestone
from connector.measure.touch_models import (
    OVERLAPPING,
    SPLIT_MIDDLE,
    Credit,
    Model,
    Options,
    Points,
    credit,
    payout,
    weights,
)

TABLE = (
    Points("sourcing", "*", "first", 5.0),
    Points("reseller", "Proposal", "*", 3.0),
    Points("*", "*", "last", 2.0),
    Points("services", "*", "*", 0.0),
    Points("*", "Discovery", "middle", 1.0),
)
OPTIONS = Options(half_life=7.0, direct=frozenset({"own"}), table=TABLE)


def one(*names: str, amount: float = 100.0, days: tuple[float, ...] = ()) -> Paths:
    touches = [Touch(name, time) for name, time in zip(names, days or range(len(names)), strict=True)]
    made = from_touches([touches], [True], [amount])
    return replace(
        made,
        lead=np.array([min(1, len(names) - 1)], dtype=np.int32),
        opened=np.array([min(2, len(names) - 1)], dtype=np.int32),
        closed=np.array([len(names) - 1], dtype=np.int32),
    )


def shares(paths: Paths, model: Model, **options: object) -> list[float]:
    return [round(float(w), 6) for w in weights(paths, model, replace(OPTIONS, **options))]  # type: ignore[arg-type]


def test_adobes_order_of_fifty_dollars() -> None:
    paths = one("paid search", "social", "email", "display", amount=50, days=(-9, -6, 0, 0))
    # ties of time are settled by id and then name, and both touches of day 0 weigh the same in time decay
    decay = weights(paths, Model.TIME_DECAY, OPTIONS) * 50
    assert [round(float(w), 2) for w in decay] == [6.92, 9.32, 16.88, 16.88]
    assert [round(w * 50, 2) for w in shares(paths, Model.J_SHAPED)] == [10, 5, 5, 30]
    assert [round(w * 50, 2) for w in shares(paths, Model.LINEAR)] == [12.5] * 4


def test_time_decay_of_a_deal_of_twelve_thousand() -> None:
    paths = one("a", "b", "c", "d", "e", amount=12_000, days=(-38, -33, -26, -8, 0))
    assert [round(w * 12_000) for w in shares(paths, Model.TIME_DECAY)] == [175, 287, 575, 3417, 7545]


def test_a_touch_one_half_life_older_weighs_half() -> None:
    assert shares(one("a", "b", days=(-7, 0)), Model.TIME_DECAY) == [round(1 / 3, 6), round(2 / 3, 6)]


def test_the_clock_of_time_decay_matters_only_to_touches_after_it() -> None:
    early = one("a", "b", days=(-7, 0))
    assert shares(replace(early, ends=np.array([50.0])), Model.TIME_DECAY) == shares(early, Model.TIME_DECAY)
    assert shares(replace(early, ends=np.array([-7.0])), Model.TIME_DECAY) == [0.5, 0.5]


def test_amplitudes_tables() -> None:
    assert shares(one("a", "b", "c", "d"), Model.U_SHAPED) == [0.4, 0.1, 0.1, 0.4]
    assert shares(one("a", "b", "c"), Model.J_SHAPED) == [0.2, 0.2, 0.6]
    assert shares(one("a", "b", "c"), Model.INVERSE_J) == [0.6, 0.2, 0.2]
    assert shares(one("a", "b"), Model.J_SHAPED, two_touch=SPLIT_MIDDLE) == [0.3, 0.7]
    assert shares(one("a", "b"), Model.INVERSE_J, two_touch=SPLIT_MIDDLE) == [0.7, 0.3]


def test_adobe_leaves_the_middle_out_of_two_touches() -> None:
    assert shares(one("a", "b"), Model.J_SHAPED) == [0.25, 0.75]
    assert shares(one("a", "b"), Model.INVERSE_J) == [0.75, 0.25]
    assert shares(one("a", "b"), Model.U_SHAPED) == [0.5, 0.5]


def test_two_vendors_mean_two_things_by_u() -> None:
    paths = one("a", "b", "c", "d")
    assert shares(paths, Model.U_SHAPED) == [0.4, 0.1, 0.1, 0.4]
    assert shares(paths, Model.U_LEAD) == [0.5, 0.5, 0, 0]


def test_w_and_full_path_of_marketo_measure() -> None:
    paths = one("a", "b", "c", "d", "e")
    assert shares(paths, Model.W_SHAPED) == [0.3, 0.3, 0.3, 0.05, 0.05]
    assert shares(paths, Model.FULL_PATH) == [0.225, 0.225, 0.225, 0.1, 0.225]


def test_a_full_path_without_a_middle_touch_parts_all_among_the_milestones() -> None:
    assert shares(one("a", "b", "c", "d"), Model.FULL_PATH) == [0.25] * 4


def test_a_touch_that_holds_two_milestones_gets_both() -> None:
    paths = replace(one("a", "b", "c"), lead=np.array([0], dtype=np.int32), opened=np.array([1], dtype=np.int32))
    assert shares(paths, Model.W_SHAPED) == [0.6, 0.3, 0.1]


def test_an_unknown_milestone_is_parted_among_the_known() -> None:
    paths = replace(one("a", "b", "c"), lead=np.array([NOWHERE], dtype=np.int32))
    assert shares(paths, Model.W_SHAPED) == [round(0.3 / 0.7, 6), round(0.1 / 0.7, 6), round(0.3 / 0.7, 6)]


def test_last_non_direct_looks_past_our_own_touches() -> None:
    assert shares(one("a", "b", "own", "own"), Model.LAST_NON_DIRECT) == [0, 1, 0, 0]
    assert shares(one("own", "own"), Model.LAST_NON_DIRECT) == [0, 1]


def test_last_non_direct_never_looks_into_the_path_before() -> None:
    paths = from_strings(["a > b", "own > own", "own > a > own"], [1, 1, 1], None, [1, 1, 1]).paths
    assert list(weights(paths, Model.LAST_NON_DIRECT, OPTIONS)) == [0, 1, 0, 1, 0, 1, 0]


def test_unique_counts_a_partner_once_and_linear_every_touch() -> None:
    paths = one("a", "a", "b")
    assert list(credit(paths, Model.UNIQUE).amounts) == [50.0, 50.0]
    assert [round(float(x), 6) for x in credit(paths, Model.LINEAR).amounts] == [66.666667, 33.333333]


def test_participation_overlaps_and_says_so() -> None:
    found = credit(one("a", "a", "b"), Model.PARTICIPATION)
    assert (list(found.amounts), found.overlapping) == ([100.0, 100.0], True)


def test_the_custom_table_reads_role_stage_and_position() -> None:
    touches = [
        Touch("a", 0, role="sourcing", stage="Discovery"),
        Touch("b", 1, role="reseller", stage="Proposal"),
        Touch("c", 2, role="services", stage="Discovery"),
        Touch("d", 3, role="influencer", stage="Proposal"),
    ]
    paths = from_touches([touches], [True], [100.0])
    assert shares(paths, Model.CUSTOM) == [0.5, 0.3, 0, 0.2]


def test_the_only_touch_is_first_and_last() -> None:
    paths = from_touches([[Touch("a", 0, role="sourcing")]], [True], [100.0])
    assert shares(paths, Model.CUSTOM) == [1.0]


def test_a_table_that_gives_no_points_leaves_the_amount_unattributed() -> None:
    paths = from_touches([[Touch("a", 0), Touch("b", 1)]], [True], [100.0])
    nothing = Options(table=(Points("services", "*", "*", 4.0),))
    found = credit(paths, Model.CUSTOM, options=nothing)
    assert (list(found.amounts), found.unattributed) == ([0.0, 0.0], 100.0)
    assert list(payout(paths, weights(paths, Model.CUSTOM, nothing), np.array([10_000]))) == [0, 0]


def test_cents_go_to_the_largest_remainders_and_then_to_the_earlier() -> None:
    paths = one("a", "b", "c")
    assert list(payout(paths, weights(paths, Model.LINEAR), np.array([10_000]))) == [3334, 3333, 3333]
    assert list(payout(paths, weights(paths, Model.LINEAR), np.array([-100]))) == [-33, -33, -34]
    assert list(payout(paths, np.array([0.5, 0.0, 0.5]), np.array([1]))) == [1, 0, 0]


def test_a_rule_that_needs_times_or_milestones_says_which() -> None:
    bare = from_strings(["a > b"], [1]).paths
    with pytest.raises(ValueError, match="times"):
        weights(bare, Model.TIME_DECAY)
    with pytest.raises(ValueError, match="'lead'"):
        weights(bare, Model.U_LEAD)
    with pytest.raises(ValueError, match="half life"):
        weights(one("a"), Model.TIME_DECAY, Options(half_life=0))


def test_no_touch_at_all_is_nobodys() -> None:
    nobody = from_touches([[]], [True], [7.0])
    assert credit(nobody, Model.LINEAR) is not None
    for model in set(Model) - {Model.U_LEAD, Model.W_SHAPED, Model.FULL_PATH}:
        assert credit(nobody, model).unattributed == (0.0 if model in OVERLAPPING else 7.0)


_touch = st.builds(
    Touch,
    st.sampled_from(["a", "b", "c", "own"]),
    st.integers(0, 400).map(float),
    st.integers(0, 1),
    st.text("xyz", min_size=1, max_size=3),
    st.sampled_from(["sourcing", "reseller", "services", ""]),
    st.sampled_from(["Discovery", "Proposal", ""]),
)
_amount = st.one_of(st.none(), st.integers(0, 10**11).map(lambda cents: cents / 100))
_deal = st.tuples(st.lists(_touch, max_size=6), st.booleans(), _amount, st.integers(0, 400), st.integers(0, 400))
_deals = st.lists(_deal, max_size=8)


def world(deals: list[tuple[list[Touch], bool, float | None, int, int]]) -> Paths:
    made = from_touches(
        [each[0] for each in deals],
        [each[1] for each in deals],
        [each[2] for each in deals],
        [float(each[4]) for each in deals],
    )
    at = milestone(made, np.array([float(each[3]) for each in deals]))
    return replace(made, lead=at, opened=at, closed=(made.lengths - 1).astype(np.int32))


@given(_deals, st.sampled_from(sorted(set(Model) - OVERLAPPING)), st.sampled_from(["normalise", SPLIT_MIDDLE]))
@settings(max_examples=80, deadline=None)
def test_credit_adds_up_to_the_amounts_for_every_rule(deals: list[object], model: Model, two_touch: str) -> None:
    paths = world(deals)  # type: ignore[arg-type]
    options = replace(OPTIONS, two_touch=two_touch)
    given = weights(paths, model, options)
    assert (given >= 0).all()
    sums = paths.sums(given)
    assert all(abs(total - 1) < 1e-9 or (total == 0 and (model is Model.CUSTOM or not n))
               for total, n in zip(sums, paths.lengths, strict=True))  # fmt: skip
    found = credit(paths, model, options=options)
    amounts = np.nan_to_num(paths.amounts)
    assert found.amounts.sum() + found.unattributed == pytest.approx(amounts.sum(), rel=1e-9, abs=1e-6)
    cents = np.round(amounts * 100).astype(np.int64)
    paid = payout(paths, given, cents)
    for at, (low, high) in enumerate(zip(paths.offsets[:-1], paths.offsets[1:], strict=True)):
        assert paid[low:high].sum() == (cents[at] if sums[at] > 0 else 0)


@given(_deals, st.sampled_from(sorted(Model)), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_the_rows_changes_nothing(deals: list[object], model: Model, random: object) -> None:
    names = sorted({touch.name for each in deals for touch in each[0]})  # type: ignore[index]
    shuffled = [(random.sample(each[0], len(each[0])), *each[1:]) for each in deals]  # type: ignore[attr-defined,index]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (credit(world(rows), model, options=OPTIONS) for rows in (deals, shuffled))  # type: ignore[arg-type]
    assert len(one.amounts) == len(names)
    assert other.amounts == pytest.approx(one.amounts, rel=1e-12, abs=1e-6)


@given(_deals, st.sampled_from([Model.FIRST, Model.LAST, Model.LINEAR]))
@settings(max_examples=40, deadline=None)
def test_the_quick_way_gives_what_the_weights_give(deals: list[object], model: Model) -> None:
    paths = world(deals)  # type: ignore[arg-type]
    slow = np.bincount(
        paths.codes,
        weights(paths, model) * paths.spread(np.nan_to_num(paths.amounts)),
        minlength=len(paths.names),
    )
    assert credit(paths, model).amounts == pytest.approx(slow, rel=1e-12, abs=1e-6)


@given(_touch, st.sampled_from(sorted(set(Model) - {Model.CUSTOM})))
@settings(max_examples=40, deadline=None)
def test_the_only_touch_gets_everything(touch: Touch, model: Model) -> None:
    assert isinstance(credit(world([([touch], True, 10.0, 0, 400)]), model, options=OPTIONS), Credit)
    assert list(weights(world([([touch], True, 10.0, 0, 400)]), model, OPTIONS)) == [1.0]
