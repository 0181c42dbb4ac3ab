"""How should a budget be split over lines of uncertain, diminishing return, within caps?

A line is one (partner, motion). Its return is shrunk towards its motion's by a normal-normal model of log ratios
(empirical Bayes: Efron and Morris 1973; the variance between lines by the moments of DerSimonian and Laird 1986).
Equal increments and nested caps make the feasible sets a laminar matroid, on which greedy is optimal (Edmonds 1971);
where caps cross, the linear programme is solved and rounded down. Arrays in, arrays out.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Returns:
    """Expected pipeline to spend of each line, shape (lines,), with its interval.

    `log_mean` and `log_variance` are the posterior of the log ratio's location, `campaigns` the evidence behind it,
    `scale` what turns typical campaigns into expected ones: it makes the model's total equal the observed one.
    """

    expected: Floats
    low: Floats
    high: Floats
    log_mean: Floats
    log_variance: Floats
    campaigns: Ints
    own: Floats  # spend-weighted observed ratio; nan without campaigns
    scale: float


def shrunk_returns(
    spend: Floats, pipeline: Floats, line: Ints, motion_of: Ints, *, smoothing: float, interval: float
) -> Returns:
    """The return of every line from campaigns of `spend` > 0 and `pipeline` >= 0, shape (campaigns,).

    `line` is each campaign's line, `motion_of` (lines,) each line's motion. A line without campaigns gets its
    motion's return, a motion without any the overall one. ValueError when no campaign is given or a spend is not
    positive: nothing was observed to learn from.
    """
    if not len(spend):
        raise ValueError("no campaign to learn from")
    if (spend <= 0).any() or (pipeline < 0).any():
        raise ValueError("spend must be positive and pipeline not negative")
    lines = len(motion_of)
    logs = _log_ratios(spend, pipeline, motion_of[line], smoothing)
    counts = np.bincount(line, minlength=lines)
    means = np.bincount(line, logs, minlength=lines) / np.maximum(counts, 1)
    within = _within(logs, line, means, counts)
    prior_mean, prior_variance = _priors(means, counts, motion_of, within)
    noise = np.where(counts > 0, within / np.maximum(counts, 1), np.inf)
    weight = np.where(np.isinf(noise), 0.0, _share(prior_variance, noise))
    mean = weight * means + (1 - weight) * prior_mean
    variance = (1 - weight) * prior_variance
    scale = float(pipeline.sum() / (spend * np.exp(mean[line])).sum()) if pipeline.sum() > 0 else 0.0
    spread = NormalDist().inv_cdf((1 + interval) / 2) * np.sqrt(variance)
    own = np.full(lines, np.nan)
    spent = np.bincount(line, spend, minlength=lines)
    np.divide(np.bincount(line, pipeline, minlength=lines), spent, out=own, where=spent > 0)
    bounds = (scale * np.exp(mean - spread), scale * np.exp(mean + spread))
    return Returns(scale * np.exp(mean), *bounds, mean, variance, counts.astype(np.int64), own, scale)


def _log_ratios(spend: Floats, pipeline: Floats, motion: Ints, smoothing: float) -> Floats:
    """Log of each campaign's ratio, mixed with a little of its motion's pooled one so that it is finite."""
    motions = int(motion.max()) + 1
    spent = np.bincount(motion, spend, minlength=motions)
    pooled = np.bincount(motion, pipeline, minlength=motions) / np.maximum(spent, 1e-300)
    overall = pipeline.sum() / spend.sum()
    floor = np.where(pooled > 0, pooled, overall if overall > 0 else 1.0)
    mixed: Floats = np.log((1 - smoothing) * pipeline / spend + smoothing * floor[motion])
    return mixed


def _within(logs: Floats, line: Ints, means: Floats, counts: Ints) -> float:
    """Variance of single campaigns around their line, pooled over the lines with two or more."""
    free = int(np.maximum(counts - 1, 0).sum())
    if free == 0:
        return 1.0 if len(logs) < 2 else max(float(np.var(logs, ddof=1)), 1e-12)
    return max(float(((logs - means[line]) ** 2).sum() / free), 1e-12)


def _priors(means: Floats, counts: Ints, motion_of: Ints, within: float) -> tuple[Floats, Floats]:
    """Each line's prior: the mean of its motion's lines, and the variance of lines around it, (lines,) each."""
    seen = counts > 0
    precision = np.where(seen, counts / within, 0.0)
    overall = float((precision * means).sum() / precision.sum())
    motions = int(motion_of.max()) + 1
    weights = np.bincount(motion_of, precision, minlength=motions)
    sums = np.bincount(motion_of, precision * means, minlength=motions)
    centre = np.where(weights > 0, sums / np.maximum(weights, 1e-300), overall)
    about = centre[motion_of]
    q = float((precision * (means - about) ** 2)[seen].sum())
    used = int((weights > 0).sum())
    squares = np.bincount(motion_of, precision**2, minlength=motions)
    c = float((weights - np.divide(squares, weights, out=np.zeros(motions), where=weights > 0)).sum())
    between = max((q - (int(seen.sum()) - used)) / c, 0.0) if c > 0 else within
    unseen = np.where(weights[motion_of] > 0, 0.0, within)  # a motion that nobody tried is less sure still
    return about, between + unseen


def _share(between: Floats, noise: Floats) -> Floats:
    total = between + np.where(np.isinf(noise), 1.0, noise)
    return np.divide(between, total, out=np.zeros_like(total), where=total > 0)


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `units` increments over the lines `members`, each named once."""

    name: str
    members: Ints
    units: int


def laminar(caps: Sequence[Cap], lines: int) -> bool:
    """Whether any two caps are nested or have no line in common."""
    order = sorted(range(len(caps)), key=lambda at: (-len(caps[at].members), at))
    above = np.full(lines, -1, dtype=np.int64)  # the last, smallest cap so far that holds each line
    for at in order:
        members = caps[at].members
        if len(members) and (above[members] != above[members[0]]).any():
            return False
        above[members] = at
    return True


def split(
    first: Floats,
    diminishing: float,
    hurdle: float,
    caps: Sequence[Cap],
    *,
    taken: Ints | None = None,
    blocked: NDArray[np.bool_] | None = None,
) -> Ints:
    """How many increments each line gets, (lines,), on top of `taken` ones, which caps count too.

    The k-th increment (from 0) of line i returns first[i] x diminishing**k; those below the hurdle are left. Some cap
    must hold every line. Ties go to the line that comes first.
    """
    start = np.zeros(len(first), dtype=np.int64) if taken is None else taken.astype(np.int64)
    closed = np.zeros(len(first), dtype=bool) if blocked is None else blocked
    if laminar(caps, len(first)):
        return _greedy(first, diminishing, hurdle, caps, start, closed)
    whole = _programme(first, diminishing, hurdle, caps, start, closed)
    return whole + _greedy(first, diminishing, hurdle, caps, start + whole, closed)


def _greedy(
    first: Floats, diminishing: float, hurdle: float, caps: Sequence[Cap], taken: Ints, closed: NDArray[np.bool_]
) -> Ints:
    left, holders = _room(caps, taken, len(first))
    over_all = [number for number, cap in enumerate(caps) if len(cap.members) >= len(first)]
    values = first * diminishing**taken
    heap = [(-float(values[at]), int(at)) for at in np.flatnonzero(~closed & (values >= hurdle) & (values > 0))]
    heapq.heapify(heap)
    got = [0] * len(first)
    while heap and all(left[cap] > 0 for cap in over_all):
        _, at = heapq.heappop(heap)
        if any(left[cap] <= 0 for cap in holders[at]):
            continue  # what is full stays full, so the line is done
        for cap in holders[at]:
            left[cap] -= 1
        got[at] += 1
        value = float(first[at] * diminishing ** (taken[at] + got[at]))
        if value >= hurdle and value > 0:
            heapq.heappush(heap, (-value, at))
    return np.array(got, dtype=np.int64)


def _room(caps: Sequence[Cap], taken: Ints, lines: int) -> tuple[list[int], list[list[int]]]:
    """What each cap has left, and which caps hold each line; ValueError for a line that nothing bounds."""
    holders: list[list[int]] = [[] for _ in range(lines)]
    left = []
    for number, cap in enumerate(caps):
        left.append(int(cap.units - taken[cap.members].sum()))
        for member in cap.members.tolist():
            holders[member].append(number)
    if any(not held for held in holders):
        raise ValueError("a line without any cap could take an endless budget")
    return left, holders


def _programme(
    first: Floats, diminishing: float, hurdle: float, caps: Sequence[Cap], taken: Ints, closed: NDArray[np.bool_]
) -> Ints:
    """The linear programme over single increments, rounded down: what it grants whole."""
    from scipy.optimize import linprog  # half a second to import
    from scipy.sparse import csr_matrix

    left, holders = _room(caps, taken, len(first))
    most = np.array([max(min(left[cap] for cap in held), 0) for held in holders])
    most[closed] = 0
    owner = np.repeat(np.arange(len(first)), most)
    if not len(owner):
        return np.zeros(len(first), dtype=np.int64)
    nth = np.arange(len(owner)) - np.repeat(np.cumsum(most) - most, most)
    values = first[owner] * diminishing ** (taken[owner] + nth)
    worth = (values >= hurdle) & (values > 0)
    owner, values = owner[worth], values[worth]
    if not len(owner):
        return np.zeros(len(first), dtype=np.int64)
    pairs = [(cap, column) for column, line in enumerate(owner) for cap in holders[int(line)]]
    rows, columns = zip(*pairs, strict=True)
    matrix = csr_matrix((np.ones(len(pairs)), (rows, columns)), shape=(len(caps), len(owner)))
    solved = linprog(-values, A_ub=matrix, b_ub=np.maximum(left, 0), bounds=(0, 1), method="highs")
    granted = np.floor(np.bincount(owner, solved.x, minlength=len(first)) + 1e-6)
    whole: Ints = granted.astype(np.int64)
    return whole


def expected(first: Floats, diminishing: float, taken: Ints, increment: float) -> Floats:
    """The pipeline that so many increments of each line are expected to bring, (lines,)."""
    if diminishing == 1:
        worth: Floats = first * taken * increment
    else:
        worth = first * increment * (1 - diminishing**taken) / (1 - diminishing)
    return worth


def total_interval(pipeline: Floats, log_variance: Floats, interval: float) -> tuple[float, float]:
    """The interval of a sum of lines whose log returns vary independently; never below zero."""
    total = float(pipeline.sum())
    spread = sqrt(float((pipeline**2 * np.expm1(log_variance)).sum()))
    z = NormalDist().inv_cdf((1 + interval) / 2)
    return max(total - z * spread, 0.0), total + z * spread
