"""How much less would have been won if the touches of one name had led nowhere? Exact, not simulated.

A path is a walk from a start over its touches to won or lost; equal touches in a row are one step. With Q the steps
among touches and r those to won, N = (I - Q)^-1 and h = N r, the removal effect of a set of states I is
s N[:,I] N[I,I]^-1 h[I] / (s h) (Anderl et al. 2016, IJRM 33(3), removal effects of graphs of order k). Credit is the
removal effects' shares, and is mostly exposure: the raw effects belong beside it, since shares hide that all may be
small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from connector.measure.paths import Codes, Flags, Floats, Ints, Paths, kept, offsets_of, tally

MOST_ORDER = 5
DENSE_STATES = 1_200
"""Up to so many states one inverse gives every effect; above, the walk is iterated for all names at once."""

_CLOSE = 1e-13
_MOST_STEPS = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Removal:
    """`effects` (m): the part of what is won that would be lost; `shares`: of their sum (all 0 when nothing is won).

    `base` is the chance (or the amount a path) to win; `states` how many states the chain has.
    """

    effects: Floats
    shares: Floats
    base: float
    states: int
    order: int


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """Steps counted: `steps` holds (from, to, weight) of touches, `starts` and `ends` weights a state.

    `members` are (state, name) pairs: the names that a state holds.
    """

    states: int
    steps: tuple[Ints, Ints, Floats]
    starts: Floats
    ends: Floats  # to won, or money
    leaving: Floats  # everything that goes on from a state, to won and lost too
    members: tuple[Ints, Ints]


def removal_effects(
    paths: Paths, order: int = 1, *, of_amounts: bool = False, weight: Floats | None = None
) -> Removal:
    """The removal effect of every name in the chain of that order.

    `of_amounts`: of the money won instead of the number of wins (unknown amounts give none). `weight` (p) counts a
    path so many times: for resampling. Raises ValueError for an order outside 1 to `MOST_ORDER`.
    """
    if not 1 <= order <= MOST_ORDER:
        raise ValueError(f"the order is from 1 to {MOST_ORDER}")
    made = chain(paths, order, of_amounts=of_amounts, weight=weight)
    names = len(paths.names)
    total = made.starts.sum()
    if not made.states or total <= 0:
        return _removal(np.zeros(names), 0.0, made.states, order)
    start = made.starts / total
    if made.states > DENSE_STATES:
        return _iterated(made, start, names, order)
    return _dense(made, start, names, order)


def _removal(effects: Floats, base: float, states: int, order: int) -> Removal:
    total = effects.sum()
    return Removal(effects, effects / total if total > 0 else np.zeros(len(effects)), base, states, order)


def chain(paths: Paths, order: int = 1, *, of_amounts: bool = False, weight: Floats | None = None) -> Chain:
    """The chain of that order, its steps counted."""
    times = np.ones(paths.count) if weight is None else weight
    walks = (paths.wins + paths.losses) * times
    reward = (np.nan_to_num(paths.amounts) if of_amounts else paths.wins) * times
    used = paths.lengths > 0
    if not used.all():
        paths, walks, reward = kept(paths, used), walks[used], reward[used]
    if order == 1:
        return _first_order(paths, walks, reward)
    return _higher_order(paths, order, walks, reward)


def _first_order(paths: Paths, walks: Floats, reward: Floats) -> Chain:
    m = len(paths.names)
    first, last = paths.codes[paths.offsets[:-1]], paths.codes[paths.offsets[1:] - 1]
    starts = tally(first, walks, m)
    stops = tally(last, walks, m)
    keys, counts = _pairs(paths, first, last, walks)
    one, two = keys // max(m, 1), keys % max(m, 1)
    apart = one != two
    one, two, counts = one[apart], two[apart], counts[apart]
    leaving = tally(one, counts, m) + stops
    own = np.arange(m)
    return Chain(m, (one, two, counts), starts, tally(last, reward, m), leaving, (own, own))


def _pairs(paths: Paths, first: Codes, last: Codes, walks: Floats) -> tuple[Ints, Floats]:
    """Every pair of touches that follow each other in a path, as one number, with its weight.

    Where all paths count alike the pairs are counted over the paths' ends too, and those taken away again: whole
    numbers lose nothing by it, and no touch has to be looked at twice.
    """
    m = len(paths.names)
    small = m * m <= 4_000_000
    codes = paths.codes if m < 46_000 else paths.codes.astype(np.int64)
    keys: Any = codes[:-1] * m + codes[1:]
    alike = len(walks) > 0 and bool((walks == walks[0]).all())
    if small and alike:
        over = last[:-1].astype(np.int64) * m + first[1:]
        counts = tally(keys, None, m * m) - tally(over, None, m * m)
        there = np.flatnonzero(counts)
        return there, counts[there] * walks[0]
    ends = paths.offsets[1:-1] - 1
    if small:
        weight = paths.spread(walks)[:-1]
        weight[ends] = 0.0
        counts = tally(keys, weight, m * m)
        there = np.flatnonzero(counts)
        return there, counts[there]
    inside = np.ones(len(keys), dtype=bool)
    inside[ends] = False
    return _summed(keys[inside].astype(np.int64), paths.spread(walks)[:-1][inside])


def _summed(keys: Ints, weight: Floats) -> tuple[Ints, Floats]:
    found, inverse = np.unique(keys, return_inverse=True)
    return found, tally(inverse, weight, len(found))


def _higher_order(paths: Paths, order: int, walks: Floats, reward: Floats) -> Chain:
    """States are the last `order` touches; a path with fewer is one state of its own."""
    codes, lengths = _collapsed(paths)
    grams, per = _grams(codes, lengths, order)
    found, state = np.unique(grams, axis=0, return_inverse=True)
    state = state.reshape(-1).astype(np.int64)
    count, offsets = len(found), offsets_of(per)
    first, last = state[offsets[:-1]], state[offsets[1:] - 1]
    inside = np.ones(max(len(state) - 1, 0), dtype=bool)
    inside[offsets[1:-1] - 1] = False
    keys, counts = _summed((state[:-1] * count + state[1:])[inside], np.repeat(walks, per)[:-1][inside])
    one, two = keys // max(count, 1), keys % max(count, 1)
    stops = tally(last, walks, count)
    return Chain(
        count,
        (one, two, counts),
        tally(first, walks, count),
        tally(last, reward, count),
        tally(one, counts, count) + stops,
        _members(found, len(paths.names)),
    )


def _collapsed(paths: Paths) -> tuple[Codes, Ints]:
    new = np.ones(len(paths.codes), dtype=bool)
    new[1:] = paths.codes[1:] != paths.codes[:-1]
    new[paths.offsets[:-1]] = True
    return paths.codes[new], paths.sums(new.astype(np.float64)).astype(np.int64)


def _grams(codes: Codes, lengths: Ints, order: int) -> tuple[Codes, Ints]:
    """The states in order, a row each, with -1 where a short path has no touch; and how many a path has."""
    per = np.maximum(lengths - order + 1, 1)
    begins = np.repeat(offsets_of(lengths)[:-1], per) + np.arange(per.sum()) - np.repeat(offsets_of(per)[:-1], per)
    size = np.repeat(np.minimum(lengths, order), per)
    columns = np.arange(order)
    index = np.minimum(begins[:, None] + columns, len(codes) - 1)
    return np.where(columns < size[:, None], codes[index], -1).astype(np.int32), per


def _members(states: Codes, names: int) -> tuple[Ints, Ints]:
    number = np.repeat(np.arange(len(states), dtype=np.int64), states.shape[1])
    held = states.reshape(-1).astype(np.int64)
    pairs = np.unique((number * names + held)[held >= 0])
    return pairs // names, pairs % names


def _dense(made: Chain, start: Floats, names: int, order: int) -> Removal:
    one, two, counts = made.steps
    live = made.leaving > 0
    scale = np.divide(1.0, made.leaving, out=np.zeros(made.states), where=live)
    system = np.eye(made.states)
    system[one, two] -= counts * scale[one]
    inverse = np.linalg.inv(system)
    wins = inverse @ (made.ends * scale)
    reach = start @ inverse
    base = float(start @ wins)
    if base <= 0:
        return _removal(np.zeros(names), 0.0, made.states, order)
    if order == 1:
        effects = reach / np.diagonal(inverse) * wins / base
    else:
        effects = np.zeros(names)
        for name, inside in enumerate(_by_name(made.members, names)):
            if len(inside):
                block = np.linalg.solve(inverse[np.ix_(inside, inside)], wins[inside])
                effects[name] = reach[inside] @ block / base
    return _removal(np.clip(effects, 0.0, 1.0), base, made.states, order)


def _by_name(members: tuple[Ints, Ints], names: int) -> list[Ints]:
    states, held = members
    order = np.argsort(held, kind="stable")
    return np.split(states[order], np.cumsum(np.bincount(held, minlength=names))[:-1])


def _iterated(made: Chain, start: Floats, names: int, order: int) -> Removal:
    """The chance to win without each name, all names as columns, a step of the walk a round until nothing moves."""
    from scipy.sparse import csr_matrix

    one, two, counts = made.steps
    scale = np.divide(1.0, made.leaving, out=np.zeros(made.states), where=made.leaving > 0)
    steps: Any = csr_matrix((counts * scale[one], (one, two)), shape=(made.states, made.states))
    reward = made.ends * scale
    base = float(start @ _settled(steps, reward[:, None], np.ones((made.states, 1), dtype=bool))[:, 0])
    effects = np.zeros(names)
    if base <= 0:
        return _removal(effects, 0.0, made.states, order)
    block = max(1, 20_000_000 // made.states)
    for low in range(0, names, block):
        high = min(low + block, names)
        keep = np.ones((made.states, high - low), dtype=bool)
        states, held = made.members
        mine = (held >= low) & (held < high)
        keep[states[mine], held[mine] - low] = False
        left = start @ _settled(steps, np.repeat(reward[:, None], high - low, axis=1) * keep, keep)
        effects[low:high] = 1.0 - left / base
    return _removal(np.clip(effects, 0.0, 1.0), base, made.states, order)


def _settled(steps: Any, reward: Floats, keep: Flags) -> Floats:
    found = reward.copy()
    limit = _CLOSE * max(float(reward.max(initial=0.0)), 1e-300)
    for _ in range(_MOST_STEPS):
        following = (steps @ found) * keep + reward
        moved = float(np.abs(following - found).max(initial=0.0))
        found = following
        if moved <= limit:
            break
    return found
