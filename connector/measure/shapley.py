"""What does each name add to the others, averaged over every order in which they could have come?

Three games are played. `simplified`: a set of names is worth what was won by exactly these names or fewer; its value
is the even split among distinct names (Zhao, Mahboobi, Bagheri 2018, arXiv 1804.05327). `ordered`: the same sums, by
the position of the touch. `win_rate`: a set is worth the share of its opportunities that was won.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial

import numpy as np
import numpy.typing as npt

from connector.measure.paths import Flags, Floats, Ints, Paths, tally
from connector.measure.touch_models import Model, by_name, credit, weights

MOST_PLAYERS = 15
"""2^15 sets are exact in a fraction of a second; group the rest of the names first (`paths.grouped`)."""


def simplified(paths: Paths, worth: Floats | None = None) -> Floats:
    """The value of every name (m) in the game of sums: what each set won, parted evenly in the set."""
    return credit(paths, Model.UNIQUE, worth).amounts


def ordered(paths: Paths, worth: Floats | None = None, most: int = 10) -> Floats:
    """The same values by position (m x most): row sums are `simplified`.

    A name that stands at several positions of a path parts its value evenly among them; the last column takes what
    comes at position `most` or later.
    """
    value = np.nan_to_num(paths.amounts if worth is None else worth)
    m = max(len(paths.names), 1)
    keys = paths.owners().astype(np.int64) * m + paths.codes
    _, inverse, repeats = np.unique(keys, return_inverse=True, return_counts=True)
    distinct = paths.sums(weights(paths, Model.PARTICIPATION))
    share = paths.spread(np.divide(value, distinct, out=np.zeros(len(value)), where=distinct > 0))
    each = share / repeats[inverse] if len(keys) else share
    position = np.minimum(np.arange(len(keys)) - paths.spread(paths.offsets[:-1]), most - 1)
    cells = tally(paths.codes * np.int64(most) + position, each, len(paths.names) * most)
    return cells.reshape(len(paths.names), most)


@dataclass(frozen=True, slots=True, eq=False)
class WinRateGame:
    """`values` (m) add up to `together` - `alone`, the win rates of the set of all names and of the empty set."""

    values: Floats
    together: float
    alone: float


@dataclass(frozen=True, slots=True)
class TooManyPlayers:
    """The game is not played with so many names."""

    players: int
    most: int = MOST_PLAYERS


def win_rate(
    paths: Paths, *, exactly: bool = False, weight: Floats | None = None, sets: Ints | None = None
) -> WinRateGame | TooManyPlayers:
    """The game over all sets of names, exact.

    A set is worth the win rate of the opportunities touched by at most its names (`exactly`: by all of them and
    nobody else); one without opportunities is worth nothing. `weight` (p) counts a path so many times; `sets` are
    `sets_of(paths)`, when they are known already.
    """
    players = len(paths.names)
    if players > MOST_PLAYERS:
        return TooManyPlayers(players)
    held = sets_of(paths) if sets is None else sets
    times = np.ones(paths.count) if weight is None else weight
    won = tally(held, paths.wins * times, 1 << players)
    every = tally(held, (paths.wins + paths.losses) * times, 1 << players)
    if not exactly:
        won, every = _over_subsets(won, players), _over_subsets(every, players)
    rate = np.divide(won, every, out=np.zeros(len(won)), where=every > 0)
    return WinRateGame(shapley_values(rate, players), float(rate[-1]), float(rate[0]))


def sets_of(paths: Paths) -> Ints:
    """The set of names of each path, as bits; for at most `MOST_PLAYERS` names."""
    bits = paths.firsts() * (np.int64(1) << paths.codes.astype(np.int64))
    return paths.sums(bits.astype(np.float64)).astype(np.int64)


def _over_subsets(values: Floats, players: int) -> Floats:
    """For each set the sum over its subsets."""
    found = values.copy()
    for player in range(players):
        halves = found.reshape(-1, 2, 1 << player)
        halves[:, 1] += halves[:, 0]
    return found


def shapley_values(worth: Floats, players: int) -> Floats:
    """The values of a game, given the worth of each of its 2^players sets; a set's number has its players as bits."""
    sets = np.arange(1 << players)
    size = _sizes(sets)
    total = factorial(players)
    weight = np.array([factorial(s) * factorial(max(players - s - 1, 0)) / total for s in range(players + 1)])
    found = np.zeros(players)
    for player in range(players):
        without = sets[(sets >> player) & 1 == 0]
        gain = worth[without | (1 << player)] - worth[without]
        found[player] = float(weight[size[without]] @ gain)
    return found


def _sizes(sets: npt.NDArray[np.int64]) -> Ints:
    found = np.zeros(len(sets), dtype=np.int64)
    rest = sets.copy()
    while rest.any():
        found += rest & 1
        rest >>= 1
    return found


def largest(paths: Paths, most: int = MOST_PLAYERS) -> Flags:
    """Marks of the `most` names that were on the most wins; of equals the earlier name."""
    on = by_name(paths, paths.firsts() * paths.spread(paths.wins))
    marks = np.zeros(len(paths.names), dtype=bool)
    marks[np.lexsort((np.arange(len(on)), -on))[:most]] = True
    return marks
