"""How much of an opportunity does each touch that led up to it get, by the rules that marketing knows?

Every rule gives each touch a weight; the weights of a path add up to 1, so that credit adds up to the amounts, to the
cent when it is paid out. Participation alone does not: it is marked as overlapping and never added up.
What the vendors mean by the same word differs; docs/attribution.md says whose definition each rule is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from connector.measure.paths import NOWHERE, Flags, Floats, Ints, Labels, Paths, tally


class Model(StrEnum):
    """The rules, by the names that people type."""

    FIRST = "first"
    LAST = "last"
    LAST_NON_DIRECT = "last-non-direct"
    LINEAR = "linear"
    UNIQUE = "unique"
    PARTICIPATION = "participation"
    TIME_DECAY = "time-decay"
    U_SHAPED = "u"
    U_LEAD = "u-lead"
    W_SHAPED = "w"
    FULL_PATH = "full-path"
    J_SHAPED = "j"
    INVERSE_J = "inverse-j"
    CUSTOM = "custom"


OVERLAPPING = frozenset({Model.PARTICIPATION})
"""Rules whose credits overlap: their sum means nothing."""

NORMALISE, SPLIT_MIDDLE = "normalise", "split_middle"

ANY = "*"


@dataclass(frozen=True, slots=True)
class Points:
    """A line of the custom table: points of a touch with that role, at that stage, in that position.

    `position` is "first", "middle" or "last"; "*" fits everything. The first line that fits a touch counts; the only
    touch of a path is first and last.
    """

    role: str
    stage: str
    position: str
    points: float


@dataclass(frozen=True, slots=True)
class Options:
    """What a rule may be told: half life in days, names that stand for our own touches, the custom table.

    `two_touch` says what J does with the middle's fifth when there are two touches: "normalise" leaves it out (Adobe:
    25/75), "split_middle" parts it (Amplitude: 30/70).
    """

    half_life: float = 60.0
    direct: frozenset[str] = frozenset()
    two_touch: str = NORMALISE
    table: tuple[Points, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Credit:
    """`amounts` (m), a name; `unattributed` is what no touch got; together the amounts, unless overlapping."""

    amounts: Floats
    unattributed: float
    overlapping: bool = False


def weights(paths: Paths, model: Model, options: Options | None = None) -> Floats:
    """The share of its path that each touch gets (n); they add up to 1 a path, or 0 where no touch counts.

    Raises ValueError when the rule needs times or milestones that the paths do not have.
    """
    return _RULES[model](paths, options or Options())


def credit(paths: Paths, model: Model, worth: Floats | None = None, options: Options | None = None) -> Credit:
    """The credit of every name for what the paths are worth (default: their amounts; NaN gives nothing).

    First, last and linear do not need the weights of single touches, and are as fast as counting.
    """
    value = np.nan_to_num(paths.amounts if worth is None else worth)
    quick = _QUICK.get(model)
    if quick is not None:
        found = quick(paths, value)
    else:
        found = by_name(paths, weights(paths, model, options) * paths.spread(value))
    if model in OVERLAPPING:
        return Credit(found, 0.0, overlapping=True)
    rest = float(value.sum() - found.sum())
    return Credit(found, rest if abs(rest) > 1e-9 * max(float(np.abs(value).sum()), 1e-300) else 0.0)


def by_name(paths: Paths, values: Floats) -> Floats:
    """The sum of a value of each touch, a name."""
    return tally(paths.codes, values, len(paths.names))


def payout(paths: Paths, given: Floats, cents: Ints) -> Ints:
    """Whole cents of each touch (n), by largest remainder: exactly `cents` (p) a path, nothing where no touch counts.

    Of equal remainders the earlier touch gets the cent.
    """
    exact = given * paths.spread(cents)
    paid = np.floor(exact).astype(np.int64)
    counts = paths.sums(given) > 0
    missing = np.where(counts, cents - paths.sums(paid.astype(np.float64)).astype(np.int64), 0)
    eligible = given > 0
    rest = np.where(eligible, exact - paid, -1.0)
    order = np.argsort(paths.owners() + (1.0 - rest) / 4, kind="stable")  # by path, then by remainder
    rank = np.empty(len(rest), dtype=np.int64)
    rank[order] = np.arange(len(rest)) - paths.spread(paths.offsets[:-1])
    sharing = np.maximum(paths.sums(eligible.astype(np.float64)).astype(np.int64), 1)
    paid += np.where(eligible, paths.spread(missing // sharing), 0)
    return np.asarray(paid + (eligible & (rank < paths.spread(missing % sharing))), dtype=np.int64)


def _first(paths: Paths, options: Options) -> Floats:
    return _at(paths, paths.offsets[:-1])


def _last(paths: Paths, options: Options) -> Floats:
    return _at(paths, paths.offsets[1:] - 1)


def _at(paths: Paths, index: Ints) -> Floats:
    found = np.zeros(len(paths.codes))
    found[index[paths.lengths > 0]] = 1.0
    return found


def _last_non_direct(paths: Paths, options: Options) -> Floats:
    """The last touch that is not our own; our own last one where there is none else."""
    own = np.array([name in options.direct for name in paths.names], dtype=bool)
    here = np.arange(len(paths.codes))
    partner = here if not own.any() else np.where(own[paths.codes], -1, here)
    latest = np.maximum.accumulate(partner) if len(partner) else partner
    last = paths.offsets[1:] - 1
    some = paths.lengths > 0
    found = np.where(some, latest[last] if len(latest) else last, last)
    return _at(paths, np.where(found >= paths.offsets[:-1], found, last))


def _linear(paths: Paths, options: Options) -> Floats:
    return _normalised(paths, np.ones(len(paths.codes)))


def _unique(paths: Paths, options: Options) -> Floats:
    return _normalised(paths, paths.firsts().astype(np.float64))


def _participation(paths: Paths, options: Options) -> Floats:
    return paths.firsts().astype(np.float64)


def _time_decay(paths: Paths, options: Options) -> Floats:
    """2^(-age / half life). Without ends the last touch is the clock; the clock cancels out of touches before it."""
    if paths.times is None:
        raise ValueError("time decay needs the times of the touches")
    if options.half_life <= 0:
        raise ValueError("a half life is more than zero days")
    last = np.full(paths.count, -np.inf)
    some = paths.lengths > 0
    if some.any():
        last[some] = np.maximum.reduceat(paths.times, paths.offsets[:-1][some])
    ends = last if paths.ends is None else np.minimum(last, paths.ends)
    ages = np.maximum(paths.spread(ends) - paths.times, 0.0)
    return _normalised(paths, np.exp2(-ages / options.half_life))


def _normalised(paths: Paths, raw: Floats) -> Floats:
    total = paths.sums(raw)
    scale = np.divide(1.0, total, out=np.zeros(len(total)), where=total > 0)
    return np.asarray(raw * paths.spread(scale), dtype=np.float64)


def _milestones(shared: float, **worth: float) -> Callable[[Paths, Options], Floats]:
    """A rule that gives milestones their points, and the rest to the touches that hold none.

    A touch that holds several gets them all. What nobody can get, for want of a milestone or of a touch between them,
    is parted among the others as they stand to each other.
    """

    def rule(paths: Paths, options: Options) -> Floats:
        raw = np.zeros(len(paths.codes))
        for name, points in worth.items():
            index = _positions(paths, name)
            raw += points * tally(index, None, len(raw))
        middle = (raw == 0).astype(np.float64)
        if shared:
            between = paths.sums(middle)
            raw += middle * paths.spread(np.divide(shared, between, out=np.zeros(len(between)), where=between > 0))
        return _normalised(paths, raw)

    return rule


def _ends_rule(first: float, last: float) -> Callable[[Paths, Options], Floats]:
    """A rule that gives the first and the last touch their points and parts the rest among those between."""

    def rule(paths: Paths, options: Options) -> Floats:
        some = paths.lengths > 0
        size = paths.lengths[some]
        start, end = paths.offsets[:-1][some], paths.offsets[1:][some] - 1
        split = options.two_touch == SPLIT_MIDDLE
        half = (1 - first - last) / 2 if split else 0.0
        scale = np.where(size > 2, 1.0, 1 / (first + last + 2 * half))
        middle = np.zeros(paths.count)
        middle[some] = np.where(size > 2, (1 - first - last) / np.maximum(size - 2, 1), 0.0)
        found = paths.spread(middle)
        extra = np.where(size == 2, half, 0.0)
        found[start] = (first + extra) * scale
        found[end] = (last + extra) * scale
        found[start[size == 1]] = 1.0
        return found

    return rule


def _positions(paths: Paths, name: str) -> Ints:
    """The touches (numbers among all) that hold a milestone."""
    start = paths.offsets[:-1]
    some = paths.lengths > 0
    if name == "first":
        return start[some]
    inside = {"lead": paths.lead, "opened": paths.opened, "closed": paths.closed}[name]
    if inside is None:
        raise ValueError(f"the paths do not say which touch holds the milestone {name!r}")
    known = (inside != NOWHERE) & some
    return np.asarray(start[known] + np.minimum(inside[known], paths.lengths[known] - 1), dtype=np.int64)


def _custom(paths: Paths, options: Options) -> Floats:
    raw = np.zeros(len(paths.codes))
    free = np.ones(len(raw), dtype=bool)
    some = paths.lengths > 0
    first, last = np.zeros(len(raw), dtype=bool), np.zeros(len(raw), dtype=bool)
    first[paths.offsets[:-1][some]] = True
    last[paths.offsets[1:][some] - 1] = True
    where = {"first": first, "last": last, "middle": ~(first | last), ANY: np.ones(len(raw), dtype=bool)}
    for line in options.table:
        fits = free & where[line.position] & _called(paths.roles, line.role, free)
        fits &= _called(paths.stages, line.stage, free)
        raw[fits] = line.points
        free &= ~fits
    return _normalised(paths, raw)


def _called(labels: Labels | None, word: str, every: Flags) -> Flags:
    if word == ANY:
        return np.ones(len(every), dtype=bool)
    if labels is None or word not in labels.names:
        return np.zeros(len(every), dtype=bool)
    return np.asarray(labels.codes == labels.names.index(word))


_RULES: dict[Model, Callable[[Paths, Options], Floats]] = {
    Model.FIRST: _first,
    Model.LAST: _last,
    Model.LAST_NON_DIRECT: _last_non_direct,
    Model.LINEAR: _linear,
    Model.UNIQUE: _unique,
    Model.PARTICIPATION: _participation,
    Model.TIME_DECAY: _time_decay,
    Model.U_SHAPED: _ends_rule(0.4, 0.4),
    Model.U_LEAD: _milestones(0.0, first=0.5, lead=0.5),
    Model.W_SHAPED: _milestones(0.1, first=0.3, lead=0.3, opened=0.3),
    Model.FULL_PATH: _milestones(0.1, first=0.225, lead=0.225, opened=0.225, closed=0.225),
    Model.J_SHAPED: _ends_rule(0.2, 0.6),
    Model.INVERSE_J: _ends_rule(0.6, 0.2),
    Model.CUSTOM: _custom,
}


def _quick_first(paths: Paths, value: Floats) -> Floats:
    return _quick_at(paths, paths.offsets[:-1], value)


def _quick_last(paths: Paths, value: Floats) -> Floats:
    return _quick_at(paths, paths.offsets[1:] - 1, value)


def _quick_at(paths: Paths, index: Ints, value: Floats) -> Floats:
    some = paths.lengths > 0
    if not some.all():
        index, value = index[some], value[some]
    return tally(paths.codes[index], value, len(paths.names))


def _quick_linear(paths: Paths, value: Floats) -> Floats:
    return by_name(paths, paths.spread(value / np.maximum(paths.lengths, 1)))


_QUICK: dict[Model, Callable[[Paths, Floats], Floats]] = {
    Model.FIRST: _quick_first,
    Model.LAST: _quick_last,
    Model.LINEAR: _quick_linear,
}
