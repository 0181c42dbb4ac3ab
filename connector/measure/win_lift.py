"""How much likelier is a win where a partner is on the opportunity, the rest of what is known held equal?

Not credit: it may be nothing or below. An association, adjusted for the covariates that were given, never a cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from connector.measure.paths import Flags, Floats

_ROUNDS = 60
_CHUNK = 20_000
_AVERAGED = 20_000
"""Differences are averaged over at most so many opportunities, evenly taken: more move no digit that is shown."""


@dataclass(frozen=True, slots=True, eq=False)
class Lift:
    """Differences of the chance to win (m), with limits; `n_with` opportunities had the name, of `n`.

    `converged` is False when the fit did not settle: then the limits say nothing.
    """

    lift: Floats
    low: Floats
    high: Floats
    n_with: npt.NDArray[np.int64]
    won_with: npt.NDArray[np.int64]
    n: int
    won: int
    adjusted_for: tuple[str, ...]
    converged: bool


@dataclass(frozen=True, slots=True, eq=False)
class Covariate:
    """What is known of every opportunity: a number (NaN: unknown) or a word ("" : unknown)."""

    name: str
    numbers: Floats | None = None
    words: Sequence[str] | None = None


def design(covariates: Sequence[Covariate], least: int = 10) -> Floats:
    """Columns of the covariates: numbers standardised, with one column for unknown ones; words one column each.

    Words on fewer than `least` opportunities stand together; the commonest word has no column.
    """
    columns: list[Floats] = []
    for each in covariates:
        if each.numbers is not None:
            columns += _of_numbers(each.numbers)
        elif each.words is not None:
            columns += _of_words(each.words, least)
    return np.stack(columns, axis=1) if columns else np.zeros((_rows(covariates), 0))


def _rows(covariates: Sequence[Covariate]) -> int:
    for each in covariates:
        if each.numbers is not None:
            return len(each.numbers)
        if each.words is not None:
            return len(each.words)
    return 0


def _of_numbers(values: Floats) -> list[Floats]:
    known = np.isfinite(values)
    if not known.any():
        return []
    mean, spread = float(values[known].mean()), float(values[known].std())
    scaled = np.where(known, (np.where(known, values, mean) - mean) / (spread or 1.0), 0.0)
    found = [scaled] if spread else []
    return [*found, (~known).astype(np.float64)] if not known.all() else found


def _of_words(words: Sequence[str], least: int) -> list[Floats]:
    kinds, code = np.unique(np.asarray(words, dtype=str), return_inverse=True)
    counts = np.bincount(code, minlength=len(kinds))
    common = np.flatnonzero(counts >= least)
    order = common[np.lexsort((common, -counts[common]))]
    columns = [(code == at).astype(np.float64) for at in order[1:]]
    rare = counts[code] < least
    return [*columns, rare.astype(np.float64)] if rare.any() and len(order) else columns


def win_lift(
    presence: npt.NDArray[np.bool_],
    won: Flags,
    covariates: Sequence[Covariate] = (),
    *,
    interval: float = 0.95,
    ridge: float = 1.0,
) -> Lift:
    """P(win with the name) - P(win without it), averaged over the opportunities (p), for each name (m).

    `presence` (p x m) says which names are on which opportunity. A logistic regression with a ridge of `ridge` on all
    coefficients but the intercept; limits are the delta method's over its curvature.
    """
    rows, names = presence.shape
    adjusted = tuple(each.name for each in covariates)
    n_with = presence.sum(axis=0).astype(np.int64)
    won_with = (presence & won[:, None]).sum(axis=0).astype(np.int64)
    counts = (n_with, won_with, rows, int(won.sum()), adjusted)
    if rows == 0 or won.all() or not won.any():
        nothing = np.zeros(names)
        return Lift(nothing, nothing - 1.0, nothing + 1.0, *counts, converged=False)
    columns = np.hstack([np.ones((rows, 1)), presence.astype(np.float32), _as_rows(design(covariates), rows)])
    beta, curvature, settled = _fitted(columns.astype(np.float32), won.astype(np.float64), ridge)
    cover: Floats = np.linalg.inv(curvature).astype(np.float64)
    some = columns[np.unique(np.linspace(0, rows - 1, min(rows, _AVERAGED)).astype(np.int64))].astype(np.float64)
    lift, error = np.zeros(names), np.zeros(names)
    for at in range(names):
        lift[at], error[at] = _difference(some, beta, cover, at + 1)
    reach = NormalDist().inv_cdf(0.5 + interval / 2) * error
    return Lift(lift, lift - reach, lift + reach, *counts, converged=settled)


def _as_rows(columns: Floats, rows: int) -> Floats:
    return columns if columns.shape[1] else np.zeros((rows, 0))


def _chance(score: Floats) -> Floats:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * score)), dtype=np.float64)


def _fitted(columns: npt.NDArray[np.float32], won: Floats, ridge: float) -> tuple[Floats, Floats, bool]:
    """Newton's method; a step that makes the fit worse is halved."""
    width = columns.shape[1]
    penalty = np.full(width, ridge)
    penalty[0] = 0.0
    beta = np.zeros(width)
    beta[0] = np.log(won.mean() / (1 - won.mean()))
    worth, slope, curvature = _likelihood(columns, won, beta, penalty)
    for _ in range(_ROUNDS):
        step = np.linalg.solve(curvature, slope)
        if float(np.abs(step).max()) < 1e-9:
            return beta, curvature, True
        for _half in range(30):
            tried = _likelihood(columns, won, beta + step, penalty)
            if tried[0] >= worth - 1e-12 * abs(worth):
                break
            step = step / 2
        beta = beta + step
        worth, slope, curvature = tried
    return beta, curvature, float(np.abs(step).max()) < 1e-6


def _likelihood(
    columns: npt.NDArray[np.float32], won: Floats, beta: Floats, penalty: Floats
) -> tuple[float, Floats, Floats]:
    """The penalised log likelihood, its slope, and its curvature turned positive."""
    worth = -0.5 * float(penalty @ beta**2)
    slope, curvature = -penalty * beta, np.diag(penalty)
    for low in range(0, len(won), _CHUNK):
        part, y = columns[low : low + _CHUNK].astype(np.float64), won[low : low + _CHUNK]
        score = part @ beta
        chance = _chance(score)
        worth += float((y * score - np.logaddexp(0.0, score)).sum())
        slope = slope + part.T @ (y - chance)
        curvature = curvature + part.T @ (part * (chance * (1 - chance))[:, None])
    return worth, slope, curvature


def _difference(columns: Floats, beta: Floats, cover: Floats, at: int) -> tuple[float, float]:
    """The mean difference that a column makes, and its standard error."""
    score = columns @ beta - columns[:, at] * beta[at]
    less, more = _chance(score), _chance(score + beta[at])
    flat, steep = less * (1 - less), more * (1 - more)
    slope = columns.T @ (steep - flat) / len(columns)
    slope[at] = float(steep.mean())
    return float((more - less).mean()), max(float(slope @ cover @ slope), 0.0) ** 0.5
