"""What is one partner's figure likely to be, given how the figures of all partners lie?

Empirical Bayes: the spread among partners is estimated from all of them, and a partner about whom little is known is
drawn towards the rest. Beta and binomial for shares, normal and normal for anything with a standard error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from connector.measure.survival import Floats, Whole

_FLATTEST, _SHARPEST = 1e-3, 1e6  # bounds of a + b: beyond them the likelihood is flat


@dataclass(frozen=True, slots=True)
class BetaPrior:
    """How the true shares lie among so many groups: Beta(a, b)."""

    a: float
    b: float
    groups: int


@dataclass(frozen=True, slots=True)
class NormalPrior:
    """How the true values lie among so many groups: Normal(mean, sd)."""

    mean: float
    sd: float
    groups: int


def beta_prior(won: Whole, counted: Whole) -> BetaPrior | None:
    """The prior by maximum likelihood of the beta-binomial over groups that counted anything; None without any.

    When the shares differ no more than chance lets them, a + b goes to its bound: all groups are taken as alike.
    """
    there = counted > 0
    if not there.any():
        return None
    pairs, weights = np.unique(np.column_stack([won[there], counted[there]]), axis=0, return_counts=True)
    k, n = pairs[:, 0].astype(float), pairs[:, 1].astype(float)

    def loss(place: Floats) -> float:
        a, b = _shape(place)
        return -float(weights @ _beta_binomial(k, n, a, b))

    from scipy.optimize import minimize

    share = float((k @ weights + 0.5) / (n @ weights + 1))
    start = [np.log(share / (1 - share)), np.log(10.0)]
    options = {"xatol": 1e-7, "fatol": 1e-9, "maxiter": 2_000}
    found = minimize(loss, start, method="Nelder-Mead", options=options)
    a, b = _shape(found.x)
    return BetaPrior(a, b, int(there.sum()))


def _shape(place: Floats) -> tuple[float, float]:
    mean = 1 / (1 + np.exp(-np.clip(place[0], -30, 30)))
    total = float(np.clip(np.exp(np.clip(place[1], -30, 30)), _FLATTEST, _SHARPEST))
    return float(mean) * total, float(1 - mean) * total


def _beta_binomial(k: Floats, n: Floats, a: float, b: float) -> Floats:
    from scipy.special import betaln

    return np.asarray(betaln(a + k, b + n - k) - betaln(a, b))


def chance_below(prior: BetaPrior, won: Whole, counted: Whole, floor: float) -> Floats:
    """The posterior chance that each true share is below the floor."""
    from scipy.special import betainc

    return np.asarray(betainc(prior.a + won, prior.b + counted - won, floor))


def normal_prior(estimate: Floats, se: Floats) -> NormalPrior | None:
    """The prior by maximum likelihood over groups with an estimate and a standard error; None without any.

    `sd` is 0 when the estimates differ no more than their errors let them.
    """
    known = np.isfinite(estimate) & np.isfinite(se) & (se > 0)
    if not known.any():
        return None
    y, variance = estimate[known], se[known] ** 2

    def profile(sd: float) -> tuple[float, float]:
        spread = variance + sd * sd
        mean = float((y / spread).sum() / (1 / spread).sum())
        return -0.5 * float((np.log(spread) + (y - mean) ** 2 / spread).sum()), mean

    top = max(float(y.std()), float(np.sqrt(variance.max()))) * 2 + 1e-9
    grid = np.linspace(0.0, top, 65)
    best = int(np.argmax([profile(float(sd))[0] for sd in grid]))
    low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, 64)])
    golden = (np.sqrt(5) - 1) / 2
    while high - low > 1e-7 * top:
        left, right = high - golden * (high - low), low + golden * (high - low)
        if profile(left)[0] >= profile(right)[0]:
            high = right
        else:
            low = left
    sd = (low + high) / 2
    sd = 0.0 if profile(0.0)[0] >= profile(sd)[0] else sd
    return NormalPrior(profile(sd)[1], sd, int(known.sum()))


def shrunk(prior: NormalPrior | None, estimate: Floats, se: Floats) -> tuple[Floats, Floats]:
    """Posterior mean and standard deviation; without a prior the estimate and its error stand for themselves."""
    if prior is None:
        return estimate, se
    spread = prior.sd**2
    keep = spread / (spread + se**2)
    return prior.mean + keep * (estimate - prior.mean), np.sqrt(keep) * se


def chance_under(limit: float, mean: Floats, sd: Floats) -> Floats:
    """The chance that a normal value is at most the limit; with no spread it is 0 or 1."""
    from scipy.special import ndtr

    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(sd > 0, (limit - mean) / sd, np.where(mean <= limit, np.inf, -np.inf))
    return np.asarray(np.where(np.isnan(mean), np.nan, ndtr(z)))
