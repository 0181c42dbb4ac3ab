"""How much longer or shorter do a group's opportunities take than direct ones, by each of six named definitions?

| definition | what is compared |
|---|---|
| mean_won | the mean duration of won opportunities |
| median_won | their median |
| mean_closed | the mean duration of won and lost opportunities |
| median_closed | their median |
| size_adjusted | log(duration) of won ones from matured cohorts, at equal size, segment, product and cohort |
| censored | log-normal model of the time to a win, likewise adjusted, with lost and open ones censored |

All give log(ratio): below 0 is faster. The adjusted ones are fitted once over the direct opportunities; a group is
one shift of that model, so that any number of groups costs little.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from connector.measure.survival import LOST, OPEN, WON, Flags, Floats, Whole, lognormal_aft, shifts

MEAN_WON, MEDIAN_WON, MEAN_CLOSED, MEDIAN_CLOSED = "mean_won", "median_won", "mean_closed", "median_closed"
SIZE_ADJUSTED, CENSORED = "size_adjusted", "censored"
DEFINITIONS = (MEAN_WON, MEDIAN_WON, MEAN_CLOSED, MEDIAN_CLOSED, SIZE_ADJUSTED, CENSORED)

_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Rows:
    """Opportunities as arrays of one length.

    `days` from start to end, positive; `status` LOST, WON or OPEN; `age` days from the start to today; `size` the log
    of the amount, NaN when unknown; `levels` (n, factors) the place in each factor of the model, -1 for one that the
    direct opportunities do not have.
    """

    days: Floats
    status: Whole
    age: Floats
    size: Floats
    levels: Whole

    def only(self, which: Flags) -> Rows:
        """Some of the rows."""
        return Rows(self.days[which], self.status[which], self.age[which], self.size[which], self.levels[which])

    @property
    def usable(self) -> Flags:
        """Rows that an adjusted definition can use."""
        return np.asarray(np.isfinite(self.size) & (self.levels >= 0).all(axis=1))


@dataclass(frozen=True, slots=True)
class Sample:
    """What a plain definition needs of the direct side: log of the mean or median and its variance."""

    log: float
    variance: float
    n: int


@dataclass(frozen=True, slots=True)
class Model:
    """A fitted model of log(duration): one place in `beta` a column; left-out columns hold 0."""

    beta: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    sigma: float
    n: int
    wins: int


@dataclass(frozen=True, slots=True)
class Baseline:
    """The direct side, ready for any number of groups; only plain numbers, so that it can be kept."""

    n: int
    wins: int
    lost: int
    maturity: float  # days after which that share of the direct wins had come
    center: float  # of the log sizes
    sizes: tuple[float, float]  # 5th and 95th percentile of the log sizes
    widths: tuple[int, ...]  # levels of each factor
    plain: tuple[Sample | None, ...]  # in the order of the four plain definitions
    adjusted: Model | None
    censored: Model | None


@dataclass(frozen=True, slots=True)
class Estimates:
    """log(ratio) to direct, its standard error and how much stands behind it, a group each; NaN where unknown."""

    log_ratio: Floats
    se: Floats
    n: Whole
    wins: Whole
    direct_n: int
    direct_wins: int


@dataclass(frozen=True, slots=True)
class Measured:
    """All definitions for all groups, and what a judge of them must know."""

    by_definition: dict[str, Estimates]
    n: Whole
    wins: Whole
    lost: Whole
    oldest: Floats  # age of the oldest row; -inf without one
    mature_wins: Whole
    unsized: Whole
    unmatched: Whole  # of known size, but in a level that direct opportunities do not have
    overlap: Floats  # the share of usable rows whose size is as that of most direct ones


def pooled_levels(codes: Whole, won: Flags, count: int, *, least: int, most: int) -> Whole:
    """For each of `count` codes its level in the model, from 0 on, -1 for none; `codes` are the direct rows'.

    A code with fewer than `least` wins, or beyond the `most` - 1 commonest, shares one level with all such, if they
    have enough wins together.
    """
    wins = np.bincount(codes, weights=won, minlength=count).astype(np.int64)
    order = np.argsort(-wins, kind="stable")
    own = [int(code) for code in order if wins[code] >= least and wins[code] > 0]
    if len(own) > most or (len(own) < count and len(own) == most):
        own = own[: most - 1]
    levels = np.full(count, -1, dtype=np.int64)
    levels[own] = np.arange(len(own))
    rest = np.setdiff1d(np.unique(codes), own)
    if len(rest) and wins[rest].sum() >= max(least, 1):
        levels[rest] = len(own)
    return levels


def merged_levels(codes: Whole, won: Flags, count: int, *, least: int) -> Whole:
    """For each of `count` codes in an order its level: neighbours are merged until each level has enough wins."""
    wins = np.bincount(codes, weights=won, minlength=count)
    levels, level, held = np.zeros(count, dtype=np.int64), 0, 0.0
    for code in range(count):
        levels[code] = level
        held += wins[code]
        if held >= max(least, 1):
            level, held = level + 1, 0.0
    if held < max(least, 1) and level:  # the last one stayed too small
        levels[levels == level] = level - 1
    return levels


def baseline(direct: Rows, *, maturity_share: float, most: int = 400_000) -> Baseline:
    """Fit the direct side; a model that cannot be fitted is None.

    Of more than `most` rows the models take every so manieth: more would not make them any better to be seen.
    """
    won = direct.status == WON
    maturity = float(np.quantile(direct.days[won], maturity_share)) if won.any() else float("inf")
    usable = direct.usable
    sizes = direct.size[usable]
    center = float(sizes.mean()) if len(sizes) else 0.0
    widths = tuple(int(column.max(initial=-1)) + 1 for column in direct.levels.T)
    ends = (float(np.quantile(sizes, 0.05)), float(np.quantile(sizes, 0.95))) if len(sizes) else (0.0, 0.0)
    return Baseline(
        n=len(direct.days),
        wins=int(won.sum()),
        lost=int((direct.status == LOST).sum()),
        maturity=maturity,
        center=center,
        sizes=ends,
        widths=widths,
        plain=tuple(_sample(days, median=median) for days, median in _plain(direct)),
        adjusted=_least_squares(direct.only(usable & won & (direct.age >= maturity)), center, widths, most),
        censored=_censored(direct.only(usable), center, widths, most),
    )


def _plain(rows: Rows) -> list[tuple[Floats, bool]]:
    won, closed = rows.days[rows.status == WON], rows.days[rows.status != OPEN]
    return [(won, False), (won, True), (closed, False), (closed, True)]


def _sample(days: Floats, *, median: bool) -> Sample | None:
    if not len(days):
        return None
    who = np.zeros(len(days), dtype=np.int64)
    log, variance, n = (_medians if median else _means)(days, who, 1)
    return Sample(float(log[0]), float(variance[0]), int(n[0]))


def _means(days: Floats, who: Whole, groups: int) -> tuple[Floats, Floats, Whole]:
    """log(mean) a group and its variance by the delta method."""
    n = np.bincount(who, minlength=groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(who, weights=days, minlength=groups) / n
        apart = np.bincount(who, weights=(days - np.nan_to_num(mean)[who]) ** 2, minlength=groups)
        return np.log(mean), np.asarray(apart / (n - 1) / n / mean**2), n


def _medians(days: Floats, who: Whole, groups: int) -> tuple[Floats, Floats, Whole]:
    """log(median) a group and its variance from the order statistics around it (McKean and Schrader 1984)."""
    n = np.bincount(who, minlength=groups)
    order = np.lexsort((days, who))
    ranked = np.log(days[order])
    first = np.concatenate([[0], np.cumsum(n)[:-1]])
    log, variance = np.full(groups, np.nan), np.full(groups, np.nan)
    there = np.flatnonzero(n > 0)
    at, size = first[there], n[there]
    low, high = np.exp(ranked[at + (size - 1) // 2]), np.exp(ranked[at + size // 2])
    log[there] = np.log((low + high) / 2)
    several = there[n[there] > 1]
    at, size = first[several], n[several]
    out = np.maximum(np.rint((size + 1) / 2 - _Z95 * np.sqrt(size / 4)).astype(np.int64), 1)
    variance[several] = ((ranked[at + size - out] - ranked[at + out - 1]) / (2 * _Z95)) ** 2
    return log, variance, n


def _columns(rows: Rows, center: float, widths: Sequence[int]) -> Floats:
    """The covariates: ones, log size about its center, and every level of each factor but the first."""
    parts: list[Any] = [np.ones(len(rows.days)), rows.size - center]
    for factor, width in enumerate(widths):
        parts += [rows.levels[:, factor] == level for level in range(1, width)]
    return np.column_stack(parts).astype(np.float64)


def _apart(gram: Floats) -> Whole:
    """The columns that are no combination of those before them."""
    kept: list[int] = []
    for column in range(len(gram)):
        if gram[column, column] <= 0:
            continue
        left = gram[column, column]
        if kept:
            inner = gram[np.ix_(kept, kept)]
            left -= gram[column, kept] @ np.linalg.solve(inner, gram[kept, column])
        if left > 1e-6 * gram[column, column]:
            kept.append(column)
    return np.array(kept, dtype=np.int64)


def _model(beta: Floats, covariance: Floats, kept: Whole, width: int, sigma: float, n: int, wins: int) -> Model:
    full, wide = np.zeros(width), np.zeros((width, width))
    full[kept] = beta
    wide[np.ix_(kept, kept)] = covariance
    return Model(tuple(full.tolist()), tuple(map(tuple, wide.tolist())), sigma, n, wins)


def _thinned(rows: Rows, most: int) -> Rows:
    stride = max(-(-len(rows.days) // most), 1)
    return rows if stride == 1 else rows.only(np.arange(len(rows.days)) % stride == 0)


def _least_squares(every: Rows, center: float, widths: Sequence[int], most: int) -> Model | None:
    rows = _thinned(every, most)
    x = _columns(rows, center, widths)
    n, width = x.shape
    if n <= width:
        return None
    gram = x.T @ x
    kept = _apart(gram)
    y = np.log(rows.days)
    inverse = np.linalg.inv(gram[np.ix_(kept, kept)])
    beta = inverse @ (x[:, kept].T @ y)
    rest = y - x[:, kept] @ beta
    variance = float(rest @ rest) / (n - len(kept))
    return _model(beta, inverse * variance, kept, width, float(np.sqrt(variance)), len(every.days), len(every.days))


def _censored(every: Rows, center: float, widths: Sequence[int], most: int) -> Model | None:
    rows = _thinned(every, most)
    x = _columns(rows, center, widths)
    won = rows.status == WON
    if won.sum() <= x.shape[1]:
        return None
    kept = _apart(x[won].T @ x[won])
    try:
        found = lognormal_aft(rows.days, won, np.ascontiguousarray(x[:, kept]))
    except ValueError:
        return None
    return _model(
        found.beta, found.covariance, kept, x.shape[1], found.sigma, len(every.days), int((every.status == WON).sum())
    )


def measured(
    base: Baseline, rows: Rows, who: Whole, groups: int, definitions: Collection[str] = DEFINITIONS
) -> Measured:
    """The named definitions for `groups` groups; `who` (n,) says to which one each row belongs."""
    won, usable = rows.status == WON, rows.usable
    mature = won & usable & (rows.age >= base.maturity)
    near = usable & (rows.size >= base.sizes[0]) & (rows.size <= base.sizes[1])
    oldest = np.full(groups, -np.inf)
    np.maximum.at(oldest, who, rows.age)

    def count(which: Flags) -> Whole:
        return np.bincount(who[which], minlength=groups)

    with np.errstate(invalid="ignore"):
        overlap = count(near) / count(usable)
    sized = np.isfinite(rows.size)
    found: dict[str, Estimates] = {}
    if not set(DEFINITIONS[:4]).isdisjoint(definitions):
        found |= dict(zip(DEFINITIONS[:4], _plain_estimates(base, rows, who, groups), strict=True))
    if SIZE_ADJUSTED in definitions:
        found[SIZE_ADJUSTED] = _adjusted(base, rows.only(mature), who[mature], groups)
    if CENSORED in definitions:
        found[CENSORED] = _shifted(base, rows.only(usable), who[usable], groups)
    return Measured(
        found, count(rows.status >= LOST), count(won), count(rows.status == LOST), oldest, count(mature),
        count(~sized), count(sized & ~usable), overlap,
    )  # fmt: skip


def _plain_estimates(base: Baseline, rows: Rows, who: Whole, groups: int) -> list[Estimates]:
    won, closed = rows.status == WON, rows.status != OPEN
    wins = np.bincount(who[won], minlength=groups)
    found = []
    for which, take, direct in zip(
        (won, won, closed, closed), (_means, _medians, _means, _medians), base.plain, strict=True
    ):
        log, variance, n = take(rows.days[which], who[which], groups)
        if direct is None:
            found.append(_nothing(groups))
            continue
        se = np.sqrt(variance + direct.variance)
        found.append(Estimates(log - direct.log, se, n, wins, direct.n, base.wins))
    return found


def _nothing(groups: int) -> Estimates:
    none, zero = np.full(groups, np.nan), np.zeros(groups, dtype=np.int64)
    return Estimates(none, none, zero, zero, 0, 0)


def _adjusted(base: Baseline, rows: Rows, who: Whole, groups: int) -> Estimates:
    model = base.adjusted
    if model is None:
        return _nothing(groups)
    rest = np.log(rows.days) - _expected(model, base, rows)
    n = np.bincount(who, minlength=groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = np.bincount(who, weights=rest, minlength=groups) / n
        variance = model.sigma**2 / n + _borrowed(model, base, rows, who, groups, np.ones(len(who)))
    return Estimates(shift, np.sqrt(variance), n, n, model.n, model.wins)


def _shifted(base: Baseline, rows: Rows, who: Whole, groups: int) -> Estimates:
    model = base.censored
    if model is None:
        return _nothing(groups)
    won = rows.status == WON
    found = shifts(np.log(rows.days) - _expected(model, base, rows), won, who, groups, model.sigma)
    variance = found.se**2 + _borrowed(model, base, rows, who, groups, found.weight)
    n, wins = np.bincount(who, minlength=groups), np.bincount(who[won], minlength=groups)
    return Estimates(found.shift, np.sqrt(variance), n, wins, model.n, model.wins)


def _expected(model: Model, base: Baseline, rows: Rows) -> Floats:
    """x . beta of every row, looked up level by level."""
    beta = np.array(model.beta)
    expected = beta[0] + beta[1] * (rows.size - base.center)
    first = 2
    for factor, width in enumerate(base.widths):
        of_level = np.concatenate([[0.0], beta[first : first + width - 1]])
        expected = expected + of_level[rows.levels[:, factor]]
        first += max(width - 1, 0)
    return np.asarray(expected)


def _borrowed(model: Model, base: Baseline, rows: Rows, who: Whole, groups: int, weight: Floats) -> Floats:
    """The variance that a group's shift takes over from the model's own uncertainty at the group's covariates."""
    total = np.bincount(who, weights=weight, minlength=groups)
    parts = [total, np.bincount(who, weights=weight * (rows.size - base.center), minlength=groups)]
    for factor, width in enumerate(base.widths):
        if width > 1:
            place = who * width + rows.levels[:, factor]
            table = np.bincount(place, weights=weight, minlength=groups * width).reshape(groups, width)
            parts += list(table.T[1:])
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = np.column_stack(parts) / total[:, None]
    return np.asarray(np.einsum("gi,ij,gj->g", middle, np.array(model.covariance), middle))
