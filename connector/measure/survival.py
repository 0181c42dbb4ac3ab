"""How long do opportunities take when some were lost and others are still open?

Durations are in one unit throughout (days). An opportunity that was lost or is open is censored: all that is known is
that winning it would have taken longer. Arrays come in and go out; scipy is imported where it is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
Flags = np.ndarray[Any, np.dtype[np.bool_]]
Whole = np.ndarray[Any, np.dtype[np.int64]]

LOST, WON, OPEN = 0, 1, 2

_ROOT = float(np.sqrt(2 * np.pi))
_ITERATIONS = 60
_CLOSE = 1e-9


@dataclass(frozen=True, slots=True)
class Regression:
    """log(duration) = x . beta + sigma * normal; `covariance` is that of beta, `se_log_sigma` of log(sigma)."""

    beta: Floats
    sigma: float
    covariance: Floats
    se_log_sigma: float
    log_likelihood: float  # of the durations themselves, not of their logarithms
    n: int
    events: int


def hazard(z: Floats) -> Floats:
    """The standard normal's density over its upper tail, without loss far out in either."""
    from scipy.special import log_ndtr

    return np.asarray(np.exp(-0.5 * z * z - log_ndtr(-z)) / _ROOT)


def lognormal_aft(days: Floats, event: Flags, x: Floats) -> Regression:
    """The log-normal accelerated failure time model with right censoring, by maximum likelihood.

    `days` (n,) are positive, `event` (n,) says which ended in a win, `x` (n, p) holds the covariates with a column
    of ones. Newton's steps in (beta / sigma, 1 / sigma), in which the likelihood is concave (Olsen 1978).
    Raises ValueError when the columns of `x` depend on each other or no event is there.
    """
    p = x.shape[1]
    if not event.any():
        raise ValueError("without an event nothing can be estimated")
    data = _Data.of(np.log(days), event, x)
    start, sigma = _least_squares(np.log(days), x)
    scaled = np.append(start / sigma, 1 / sigma)
    value, gradient, curve = data.score(scaled)
    for _ in range(_ITERATIONS):
        step = _solved(curve, gradient)
        size = 1.0
        while True:
            tried = scaled + size * step
            if tried[p] > 0:
                found, slope, bend = data.score(tried)
                if found >= value - 1e-12 * abs(value):
                    break
            size /= 2
            if size < 1e-8:
                raise ValueError("the likelihood has no maximum here")
        scaled, value, gradient, curve = tried, found, slope, bend
        if float(np.abs(size * step).max()) <= _CLOSE * (1 + float(np.abs(scaled).max())):
            break
    return _regression(scaled, value - float(data.y.sum()), curve, len(days), len(data.y))


def _least_squares(y: Floats, x: Floats) -> tuple[Floats, float]:
    """Where to start: as if nothing were censored."""
    found: Floats = _solved(x.T @ x, x.T @ y)
    rest = y - x @ found
    return found, max(float(np.sqrt(rest @ rest / len(y))), 1e-3)


def _solved(matrix: Floats, right: Floats) -> Floats:
    scale = np.sqrt(np.maximum(np.diag(matrix), 0))
    if not (scale > 0).all():
        raise ValueError("a covariate is zero everywhere")
    even = matrix / np.outer(scale, scale)
    if np.linalg.cond(even) > 1e11:
        raise ValueError("the covariates depend on each other")
    return np.asarray(np.linalg.solve(even, right / scale) / scale)


@dataclass(frozen=True, slots=True)
class _Data:
    """Logarithms and covariates of the events, and of the others; sums over events that do not change."""

    y: Floats
    x: Floats
    other_y: Floats
    other_x: Floats
    fixed: Floats  # (p + 1, p + 1): sums of products of (-x, y) over events

    @staticmethod
    def of(y: Floats, event: Flags, x: Floats) -> _Data:
        wide = np.column_stack([-x[event], y[event]])
        return _Data(y[event], x[event], y[~event], x[~event], wide.T @ wide)

    def score(self, scaled: Floats) -> tuple[float, Floats, Floats]:
        """Log-likelihood of the logarithms, its gradient, and minus its second derivatives."""
        from scipy.special import log_ndtr

        p = len(scaled) - 1
        gamma, tau = scaled[:p], float(scaled[p])
        z, past = tau * self.y - self.x @ gamma, tau * self.other_y - self.other_x @ gamma
        above = log_ndtr(-past)
        tail = np.exp(-0.5 * past * past - above) / _ROOT
        events = len(z)
        value = -0.5 * float(z @ z) + events * (np.log(tau) - np.log(_ROOT)) + float(above.sum())
        gradient = np.append(
            self.x.T @ z + self.other_x.T @ tail, events / tau - float(self.y @ z) - float(self.other_y @ tail)
        )
        bend = tail * (tail - past)
        curve = self.fixed.copy()
        curve[:p, :p] += self.other_x.T @ (self.other_x * bend[:, None])
        mixed = self.other_x.T @ (bend * self.other_y)
        curve[:p, p] -= mixed
        curve[p, :p] -= mixed
        curve[p, p] += float(self.other_y @ (bend * self.other_y)) + events / tau**2
        return float(value), gradient, curve


def _regression(scaled: Floats, value: float, curve: Floats, n: int, events: int) -> Regression:
    p = len(scaled) - 1
    gamma, tau = scaled[:p], float(scaled[p])
    inverse = np.linalg.inv(curve)
    turn = np.hstack([np.eye(p) / tau, -(gamma / tau**2)[:, None]])
    return Regression(
        beta=np.asarray(gamma / tau),
        sigma=1 / tau,
        covariance=np.asarray(turn @ inverse @ turn.T),
        se_log_sigma=float(np.sqrt(inverse[p, p])) / tau,
        log_likelihood=value,
        n=n,
        events=events,
    )


@dataclass(frozen=True, slots=True)
class ShiftEstimates:
    """One shift of log(duration) a group; NaN for a group without an event. `weight` is the information of a row."""

    shift: Floats
    se: Floats
    weight: Floats


def shifts(rest: Floats, event: Flags, who: Whole, groups: int, sigma: float) -> ShiftEstimates:
    """By how much the groups' log durations differ from what a fitted model expects, all groups at once.

    `rest` (n,) is log(duration) - x . beta of every row, `who` (n,) its group of so many. The model's beta and sigma
    are taken as known; each group's own shift maximises its likelihood, which is concave.
    """
    z = rest / sigma
    events = np.bincount(who, weights=event, minlength=groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.bincount(who, weights=np.where(event, z, 0.0), minlength=groups) / events
    moving = np.flatnonzero(events > 0)
    place = np.full(groups, -1)
    for _ in range(_ITERATIONS):
        place[:] = -1
        place[moving] = np.arange(len(moving))
        at = place[who]
        rows = at >= 0
        gradient, bend = _group_score(z[rows] - found[who[rows]], event[rows], at[rows], len(moving))
        step = np.clip(gradient / bend, -2.0, 2.0)
        found[moving] += step
        moving = moving[np.abs(step) > 1e-10]
        if not len(moving):
            break
    here = np.where(events[who] > 0, z - np.nan_to_num(found)[who], 0.0)
    tail = hazard(here)
    weight = np.where(event, 1.0, tail * (tail - here))
    with np.errstate(divide="ignore"):
        se = sigma / np.sqrt(np.bincount(who, weights=weight, minlength=groups))
    return ShiftEstimates(found * sigma, np.where(events > 0, se, np.nan), np.asarray(weight))


def _group_score(z: Floats, event: Flags, who: Whole, groups: int) -> tuple[Floats, Floats]:
    tail = hazard(z)
    slope: Any = np.bincount(who, weights=np.where(event, z, tail), minlength=groups)
    bend: Any = np.bincount(who, weights=np.where(event, 1.0, tail * (tail - z)), minlength=groups)
    return slope, bend


@dataclass(frozen=True, slots=True)
class Curve:
    """A step function of time: `at[i]` holds from `times[i]` on."""

    times: Floats
    at: Floats

    def value(self, time: float, before: float = 0.0) -> float:
        """The value at a time; `before` the first step."""
        place = int(np.searchsorted(self.times, time, side="right")) - 1
        return before if place < 0 else float(self.at[place])


def kaplan_meier(days: Floats, event: Flags) -> Curve:
    """The share that lasts longer, with the others censored; never one minus it as a chance of winning."""
    from scipy.stats import CensoredData, ecdf

    survival = ecdf(CensoredData(uncensored=days[event], right=days[~event])).sf
    return Curve(np.asarray(survival.quantiles, float), np.asarray(survival.probabilities, float))


def median_time(curve: Curve) -> float | None:
    """When a Kaplan-Meier curve comes down to a half; None when it never does."""
    below = np.flatnonzero(curve.at <= 0.5 + 1e-12)
    return float(curve.times[below[0]]) if len(below) else None


def incidence(days: Floats, status: Whole, cause: int = WON) -> Curve:
    """The share won by a time while losses take opportunities away (Aalen and Johansen 1978).

    `status` (n,) is LOST, WON or OPEN; open ones are censored. Unlike one minus Kaplan-Meier, won, lost and open
    shares add up to one.
    """
    times, inverse = np.unique(days, return_inverse=True)
    ends = np.bincount(inverse, weights=status != OPEN, minlength=len(times))
    wanted = np.bincount(inverse, weights=status == cause, minlength=len(times))
    leaving = np.bincount(inverse, minlength=len(times))
    at_risk = len(days) - np.concatenate([[0], np.cumsum(leaving)[:-1]])
    lasting = np.concatenate([[1.0], np.cumprod(1 - ends / at_risk)[:-1]])
    return Curve(times, np.cumsum(lasting * wanted / at_risk))


def logrank(left: tuple[Floats, Flags], right: tuple[Floats, Flags]) -> float:
    """The chance of curves at least so different if both groups were alike (two-sided)."""
    from scipy.stats import CensoredData
    from scipy.stats import logrank as test

    groups = [CensoredData(uncensored=days[event], right=days[~event]) for days, event in (left, right)]
    return float(test(*groups).pvalue)
