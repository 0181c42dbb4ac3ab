"""Is there enough to say that much of a partner, or must a model refuse?

A model that learns from wins and losses is noise below a floor: with 50 closed opportunities the share of a partner
varies by more than itself. Rules do not learn and are not refused, but their shares get the same intervals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from connector.measure.paths import Flags, Floats, Ints, Paths, kept, tally
from connector.measure.touch_models import Model, Options, by_name, weights


class State(StrEnum):
    """How far a figure may be relied on."""

    AVAILABLE = "available"
    PROVISIONAL = "provisional"
    REFUSED = "refused"


class Lack(StrEnum):
    """Why a model that learns is refused or provisional."""

    FEW_WON = "FEW_WON"
    LOSSES_NOT_RECORDED = "LOSSES_NOT_RECORDED"
    FEW_TOUCHES = "FEW_TOUCHES"
    MANY_STATES = "MANY_STATES"
    NOT_YET_MANY_WON = "NOT_YET_MANY_WON"


@dataclass(frozen=True, slots=True)
class Floors:
    """The floors; shares are fractions. `available_won` wins lift the word "provisional"."""

    min_won: int
    available_won: int
    min_lost_share: float
    min_mean_touches: float
    won_per_state: float
    interval: float
    max_half_width: float
    min_won_each: int
    replications: int


@dataclass(frozen=True, slots=True)
class Reason:
    """One floor that was not reached: what was found and what is asked."""

    lack: Lack
    found: float
    asked: float


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a model that learns may speak, with everything it was judged by."""

    state: State
    reasons: tuple[Reason, ...]
    won: int
    lost: int
    mean_touches: float
    states: int


def standing(paths: Paths, floors: Floors, states: int | None = None) -> Standing:
    """Judge the paths with touches; `states` of the model, by default one a name that has a touch."""
    touched = paths.lengths > 0
    won, lost = float(paths.wins[touched].sum()), float(paths.losses[touched].sum())
    closed = won + lost
    counted = (paths.wins + paths.losses)[touched]
    mean = float((paths.lengths[touched] * counted).sum() / closed) if closed else 0.0
    held = len(np.unique(paths.codes)) if states is None else states
    lost_share = lost / closed if closed else 0.0
    most = won / floors.won_per_state
    checks = (
        (won < floors.min_won, Reason(Lack.FEW_WON, won, floors.min_won)),
        (lost_share < floors.min_lost_share, Reason(Lack.LOSSES_NOT_RECORDED, lost_share, floors.min_lost_share)),
        (mean < floors.min_mean_touches, Reason(Lack.FEW_TOUCHES, mean, floors.min_mean_touches)),
        (held > most, Reason(Lack.MANY_STATES, held, most)),
    )
    reasons = tuple(reason for missed, reason in checks if missed)
    state = State.REFUSED if reasons else State.AVAILABLE
    if not reasons and won < floors.available_won:
        state, reasons = State.PROVISIONAL, (Reason(Lack.NOT_YET_MANY_WON, won, floors.available_won),)
    return Standing(state, reasons, int(won), int(lost), mean, held)


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """Limits (m) of every name's share, from resampled opportunities; and of how many wins it was a part (m)."""

    low: Floats
    high: Floats
    won: Floats


Shares = Callable[[Paths, Floats], Floats]
"""The shares of all names when each path counts so many times."""

_ROUNDING = 1 + 1e-9  # a width of exactly the part is not too wide
_LEAST = 8  # fewer paths than this cannot be resampled in any sense
_MOST_CELLS = 20_000_000  # sums of groups by name
_GROUPS = 2_000
"""More paths than this are resampled in so many random groups: of independent paths that is as wide an interval."""


def bootstrap(paths: Paths, shares: Shares, floors: Floors, seed: int = 0) -> Interval:
    """Percentile limits of the shares over `replications` samples of as many paths with replacement.

    The same paths in the same order give the same limits. Empty paths take part: they are opportunities too.
    """
    on = by_name(paths, paths.firsts() * paths.spread(paths.wins))
    names = len(paths.names)
    if paths.count < _LEAST or not names:
        return Interval(np.zeros(names), np.ones(names), on)
    member, counts = _samples(paths.count, floors, seed)
    found = np.stack([shares(paths, count.astype(np.float64)[member]) for count in counts])
    return _limits(found, on, floors)


def _samples(paths: int, floors: Floors, seed: int, most: int = 0) -> tuple[Ints, Ints]:
    """The group of each path, and how often each sample holds each group (replications x groups)."""
    drawn = np.random.Generator(np.random.PCG64(seed))
    groups = min(paths, most or _GROUPS)
    member = np.arange(paths) if groups == paths else drawn.permutation(paths) % groups
    return member, drawn.multinomial(groups, np.full(groups, 1.0 / groups), size=floors.replications)


def _limits(found: Floats, on: Floats, floors: Floors) -> Interval:
    tail = (1 - floors.interval) / 2
    low, high = np.quantile(found, [tail, 1 - tail], axis=0)
    return Interval(low, high, on)


def of_rule(paths: Paths, model: Model, options: Options | None = None) -> Shares:
    """The shares by a rule, of the amounts; of the wins where no amount is known."""
    worth, given = _worth(paths), weights(paths, model, options)

    def shares(same: Paths, count: Floats) -> Floats:
        found = by_name(same, given * same.spread(count * worth))
        total = found.sum()
        return found / total if total > 0 else found

    return shares


def resampled_rule(paths: Paths, model: Model, floors: Floors, options: Options | None = None) -> Interval:
    """`bootstrap` of a rule, over the paths that were won: the others have no part in it.

    A rule's credit is a sum over paths, so that the sums of groups are resampled, not the touches themselves.
    """
    won = kept(paths, paths.wins > 0)
    on, names = by_name(won, won.firsts() * won.spread(won.wins)), len(won.names)
    if won.count < _LEAST or not names:
        return Interval(np.zeros(names), np.ones(names), on)
    member, counts = _samples(won.count, floors, 0, max(_LEAST, min(_GROUPS, _MOST_CELLS // names)))
    given = weights(won, model, options) * won.spread(_worth(won))
    groups = counts.shape[1]
    cells = tally(won.spread(member).astype(np.int64) * names + won.codes, given, groups * names)
    sums = counts.astype(np.float64) @ cells.reshape(groups, names)
    total = sums.sum(axis=1, keepdims=True)
    return _limits(np.divide(sums, total, out=np.zeros_like(sums), where=total > 0), on, floors)


def _worth(paths: Paths) -> Floats:
    known = np.isfinite(paths.amounts)
    return np.nan_to_num(paths.amounts) if bool((paths.wins[known] > 0).any()) else paths.wins


def speaks(shares: Floats, interval: Interval, floors: Floors) -> Flags:
    """Marks of the names whose share may be shown: enough wins, and not wider than a part of itself."""
    half = (interval.high - interval.low) / 2
    return np.asarray(
        (interval.won >= floors.min_won_each) & (half <= floors.max_half_width * shares * _ROUNDING) & (shares > 0)
    )
