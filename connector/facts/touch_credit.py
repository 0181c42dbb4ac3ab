"""How do touch models part what was won among partners, campaigns or motions, how sure is it, and what is it worth?

Credit is mostly exposure: who is on many opportunities gets much of every model. So beside it stands the adjusted win
lift, which may be nothing, and a model that learns refuses where there is too little to learn from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from connector.core.facts import Window
from connector.core.policy_touch import TouchModelRules
from connector.facts.touch_paths import DIRECT, TouchPaths
from connector.measure.floors import (
    Floors,
    Interval,
    Lack,
    Reason,
    Standing,
    State,
    bootstrap,
    of_rule,
    resampled_rule,
    speaks,
    standing,
)
from connector.measure.markov import removal_effects
from connector.measure.paths import Flags, Floats, Ints, Paths, grouped
from connector.measure.shapley import MOST_PLAYERS, WinRateGame, largest, sets_of, win_rate
from connector.measure.touch_models import OVERLAPPING, Model, Options, Points, payout, weights
from connector.measure.win_lift import Covariate, win_lift

MARKOV, SHAPLEY = "markov", "shapley"
MODELS = (*(each.value for each in Model), MARKOV, SHAPLEY)
"""Every model by the name that people type."""

OTHERS = "others"
"""Whose shares cannot be told apart stand together under this name."""

_MOST_LIFTED = 100
"""Names whose win lift is estimated, those on most opportunities: a regression with more would not end."""

EXPOSURE = (
    "Credit is mostly exposure: who is on many opportunities gets much under every model, whether it helped or not. "
    "The win lift beside it asks whether it helped."
)


@dataclass(frozen=True, slots=True)
class Line:
    """What one name gets by one model; `share` (of the credit) and its limits are None where they may not be shown.

    `won` opportunities it was on; `effect` is the raw removal effect, or the raw difference of win rates.
    """

    id: str
    amount: Decimal
    share: float | None
    low: float | None
    high: float | None
    won: int
    effect: float | None = None


@dataclass(frozen=True, slots=True)
class ModelCredit:
    """One model's answer. Rules are always available; the lines and `unattributed` add up to what was won.

    `overlapping`: they do not, and must never be added up. `grouped`: how many names stand under `OTHERS`.
    """

    model: str
    state: State
    reasons: tuple[Reason, ...]
    lines: tuple[Line, ...]
    unattributed: Decimal
    overlapping: bool
    grouped: int


@dataclass(frozen=True, slots=True)
class LiftLine:
    """The difference that a name makes to the chance to win, with limits; `n` opportunities had it."""

    id: str
    lift: float
    low: float
    high: float
    n: int
    won: int


@dataclass(frozen=True, slots=True)
class LiftAnswer:
    """An association, adjusted for covariates, over opportunities that were open `landmark_days` after opening."""

    state: State
    reasons: tuple[Reason, ...]
    lines: tuple[LiftLine, ...]
    n: int
    won: int
    adjusted_for: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TouchCredit:
    """All models side by side over one set of opportunities."""

    by: str
    window: Window
    standing: Standing
    won: int
    lost: int
    untouched_won: int
    won_amount: Decimal
    missing_amounts: int
    unconverted: int
    models: tuple[ModelCredit, ...]
    lift: LiftAnswer
    titles: dict[str, str]


def touch_credit(found: TouchPaths, rules: TouchModelRules, models: Sequence[str]) -> TouchCredit:
    """The answer of each model in the order asked; KeyError for a name that is none of `MODELS`."""
    paths = found.paths
    floors = floors_of(rules)
    judged = standing(paths, floors)
    won = paths.wins > 0
    return TouchCredit(
        by=found.by,
        window=found.window,
        standing=judged,
        won=int(won.sum()),
        lost=int((~won).sum()),
        untouched_won=int((won & (paths.lengths == 0)).sum()),
        won_amount=_money(int(found.cents.sum())),
        missing_amounts=found.missing_amounts,
        unconverted=found.unconverted,
        models=tuple(_answer(found, rules, floors, model) for model in models),
        lift=_lift(found, rules),
        titles={**found.titles, DIRECT: "our own touches"},
    )


def floors_of(rules: TouchModelRules) -> Floors:
    """The policy's floors as the statistics take them."""
    return Floors(
        min_won=rules.min_won,
        available_won=rules.available_won,
        min_lost_share=float(rules.min_lost_share),
        min_mean_touches=float(rules.min_mean_touches),
        won_per_state=float(rules.won_per_state),
        interval=float(rules.interval),
        max_half_width=float(rules.max_half_width),
        min_won_each=rules.min_won_each,
        replications=rules.replications,
    )


def options_of(rules: TouchModelRules) -> Options:
    """What the policy tells the rules."""
    return Options(
        half_life=float(rules.half_life_days),
        direct=frozenset({DIRECT}),
        two_touch=rules.two_touch,
        table=tuple(Points(each.role, each.stage, each.position, float(each.points)) for each in rules.custom),
    )


def _answer(found: TouchPaths, rules: TouchModelRules, floors: Floors, model: str) -> ModelCredit:
    if model == MARKOV:
        return _markov(found, rules, floors)
    if model == SHAPLEY:
        return _shapley(found, rules, floors)
    return _rule(found, Model(model), options_of(rules), floors)


def _rule(found: TouchPaths, model: Model, options: Options, floors: Floors) -> ModelCredit:
    """Amounts are the rule's own arithmetic and always shown; a share says more than that, and may be withheld."""
    paths = found.paths
    given = weights(paths, model, options)
    overlapping = model in OVERLAPPING
    whole = np.where(given > 0, paths.spread(found.cents), 0)
    cents = whole if overlapping else payout(paths, given, found.cents)
    each = _sums(paths, cents)
    shares = of_rule(paths, model, options)(paths, np.ones(paths.count))
    limits = resampled_rule(paths, model, floors, options)
    lines = _lines(paths, each, shares, limits, speaks(shares, limits, floors) & (not overlapping))
    rest = 0 if overlapping else int(found.cents.sum() - each.sum())
    return ModelCredit(model.value, State.AVAILABLE, (), lines, _money(rest), overlapping, 0)


def _sums(paths: Paths, cents: Ints) -> Ints:
    each = np.zeros(len(paths.names), dtype=np.int64)
    np.add.at(each, paths.codes, cents)
    return each


def _lines(
    paths: Paths, cents: Ints, shares: Floats, limits: Interval, shown: Flags, effects: Floats | None = None
) -> tuple[Line, ...]:
    lines = [
        Line(
            name,
            _money(int(cents[at])),
            float(shares[at]) if shown[at] else None,
            float(limits.low[at]) if shown[at] else None,
            float(limits.high[at]) if shown[at] else None,
            int(limits.won[at]),
            None if effects is None else float(effects[at]),
        )
        for at, name in enumerate(paths.names)
    ]
    return tuple(sorted(lines, key=lambda line: (-line.amount, line.id)))


def _markov(found: TouchPaths, rules: TouchModelRules, floors: Floors) -> ModelCredit:
    order = rules.markov_order
    made = removal_effects(found.paths, order)
    judged = standing(found.paths, floors, made.states)
    if judged.state is State.REFUSED:
        return _refused(found, MARKOV, judged)
    limits = bootstrap(found.paths, lambda paths, weight: removal_effects(paths, order, weight=weight).shares, floors)
    return _learned(found, found.paths, MARKOV, judged, made.shares, made.effects, limits, floors)


def _shapley(found: TouchPaths, rules: TouchModelRules, floors: Floors) -> ModelCredit:
    """Of the game over win rates: only gains are parted; a name that lowers the rate gets nothing and shows it."""
    paths = found.paths
    if len(paths.names) > MOST_PLAYERS:
        paths = grouped(paths, largest(paths, MOST_PLAYERS - 1), OTHERS)
    judged = standing(paths, floors)
    if judged.state is State.REFUSED:
        return _refused(found, SHAPLEY, judged)

    sets = sets_of(paths)

    def values(same: Paths, weight: Floats) -> Floats:
        game = win_rate(same, weight=weight, sets=sets)
        return game.values if isinstance(game, WinRateGame) else np.zeros(len(same.names))

    def shares(same: Paths, weight: Floats) -> Floats:
        gains = np.maximum(values(same, weight), 0.0)
        return gains / gains.sum() if gains.sum() > 0 else gains

    ones = np.ones(paths.count)
    limits = bootstrap(paths, shares, floors)
    return _learned(found, paths, SHAPLEY, judged, shares(paths, ones), values(paths, ones), limits, floors)


def _refused(found: TouchPaths, model: str, judged: Standing) -> ModelCredit:
    nothing = _money(int(found.cents.sum()))
    return ModelCredit(model, State.REFUSED, judged.reasons, (), nothing, False, 0)


def _learned(
    found: TouchPaths,
    paths: Paths,
    model: str,
    judged: Standing,
    shares: Floats,
    effects: Floats,
    limits: Interval,
    floors: Floors,
) -> ModelCredit:
    """Shares of what the touched opportunities brought; names that cannot be told apart stand together."""
    total = int(found.cents[paths.lengths > 0].sum()) if shares.sum() > 0 else 0
    cents = _parted(shares, total)
    shown = speaks(shares, limits, floors) & np.array([name != OTHERS for name in paths.names], dtype=bool)
    lines = _lines(paths, cents, shares, limits, shown, effects)
    told = tuple(line for line in lines if line.share is not None)
    tail = [line for line in lines if line.share is None]
    if tail:
        rest = sum((line.amount for line in tail), Decimal(0))
        won = int(((paths.wins > 0) & (paths.sums((~shown)[paths.codes].astype(np.float64)) > 0)).sum())
        told = (*told, Line(OTHERS, rest, None, None, None, won))
    grouped_in = len(found.paths.names) - (len(told) - bool(tail))
    nobody = _money(int(found.cents.sum()) - total)
    return ModelCredit(model, judged.state, judged.reasons, told, nobody, False, grouped_in)


def _parted(shares: Floats, total: int) -> Ints:
    """Whole cents by largest remainder, as one path in which every name is a touch."""
    if not shares.sum() > 0:
        return np.zeros(len(shares), dtype=np.int64)
    count = len(shares)
    one = Paths(
        np.arange(count, dtype=np.int32),
        np.array([0, count]),
        tuple(str(at) for at in range(count)),
        np.ones(1),
        np.zeros(1),
        np.ones(1),
    )
    return payout(one, shares, np.array([total]))


def _lift(found: TouchPaths, rules: TouchModelRules) -> LiftAnswer:
    """Of opportunities that lived to the landmark; who came later is not there: it came because they lived."""
    alive = found.ended > found.opened + rules.landmark_days
    won = found.paths.wins[alive] > 0
    told = tuple(each.name for each in found.covariates)
    if won.sum() < rules.min_won:
        why = (Reason(Lack.FEW_WON, float(won.sum()), rules.min_won),)
        return LiftAnswer(State.REFUSED, why, (), int(alive.sum()), int(won.sum()), told)
    presence, names = _there(found, rules, alive)
    covariates = [_alive(each, alive) for each in found.covariates]
    made = win_lift(presence, won, covariates, interval=float(rules.lift_interval))
    lines = tuple(
        LiftLine(
            name,
            float(made.lift[at]),
            float(made.low[at]),
            float(made.high[at]),
            int(made.n_with[at]),
            int(made.won_with[at]),
        )
        for at, name in enumerate(names)
    )
    state = State.AVAILABLE if won.sum() >= rules.available_won else State.PROVISIONAL
    if not made.converged:
        state, lines = State.REFUSED, ()
    return LiftAnswer(state, (), lines, made.n, made.won, told)


def _there(found: TouchPaths, rules: TouchModelRules, alive: Flags) -> tuple[Flags, list[str]]:
    """Who was there by the landmark, for the names that were there often enough."""
    paths, times = found.paths, found.paths.times
    assert times is not None
    by_then = (times <= paths.spread(found.opened + rules.landmark_days)) & paths.spread(alive)
    pairs = np.unique(paths.owners()[by_then].astype(np.int64) * max(len(paths.names), 1) + paths.codes[by_then])
    row, name = pairs // max(len(paths.names), 1), pairs % max(len(paths.names), 1)
    often = np.bincount(name, minlength=len(paths.names))
    order = np.lexsort((np.arange(len(often)), -often))[:_MOST_LIFTED]
    chosen = np.sort(order[often[order] >= rules.min_won_each])
    column = np.full(len(paths.names), -1)
    column[chosen] = np.arange(len(chosen))
    presence = np.zeros((int(alive.sum()), len(chosen)), dtype=bool)
    inside = column[name] >= 0
    presence[(np.cumsum(alive) - 1)[row[inside]], column[name[inside]]] = True
    return presence, [paths.names[at] for at in chosen]


def _alive(each: Covariate, alive: Flags) -> Covariate:
    words = None if each.words is None else [word for word, lives in zip(each.words, alive, strict=True) if lives]
    return replace(each, numbers=None if each.numbers is None else each.numbers[alive], words=words)


def _money(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)
