"""What a partner's deals would be worth, had direct sales closed the same mix of them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_ALMOST = 1e-9
"""Shares of a whole that differ by less are the same share: sums of fractions are not exact."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """The matched median in the corporate currency, and how many direct deals stand behind it."""

    median: Decimal | None
    counted: int


@dataclass(frozen=True, slots=True)
class Pool:
    """The direct deals by stratum: the place of each (segment, product) in `values`, whose parts are in order."""

    strata: dict[tuple[str, str], int]
    values: list[np.ndarray[Any, Any]]


def matched_medians(mix: pa.Table, pool: Pool) -> dict[str, Benchmark]:
    """For each partner the median of direct deals, weighted so that every stratum has the partner's share of wins.

    `mix` has `partner_id`, `segment`, `product`, `weight` (the partner's wins there). Strata without a direct deal
    cannot be matched and are left out of the mix. Where the weight is split exactly in half between two deals, the
    median is the middle between them.
    """
    values = pool.values
    places = [pool.strata.get(key) for key in zip(*_keys(mix), strict=True)]
    known = [n for n, place in enumerate(places) if place is not None]
    partners = [str(partner) for partner in mix.column("partner_id").take(pa.array(known, pa.int64())).to_pylist()]
    if not known:
        return {}
    names = sorted(set(partners))
    at = {name: n for n, name in enumerate(names)}
    who = np.array([at[partner] for partner in partners])
    stratum = np.array([places[n] for n in known])
    weight = mix.column("weight").to_numpy()[known].astype(np.float64)
    # the order of additions must not depend on the order of rows
    by_stratum = np.lexsort((stratum, who))
    pairs = _Pairs(who[by_stratum], stratum[by_stratum], weight[by_stratum], values)
    low, high = pairs.reached(above=False), pairs.reached(above=True)
    counted = pairs.counted()
    return {
        name: Benchmark(Decimal(int(low[n]) + int(high[n])) / 20_000, int(counted[n])) for n, name in enumerate(names)
    }


def _keys(table: pa.Table) -> tuple[list[Any], list[Any]]:
    return table.column("segment").to_pylist(), table.column("product").to_pylist()


def pooled(direct: pa.Table) -> Pool:
    """The pool of `segment`, `product`, `units` (ten-thousandths)."""
    if not direct.num_rows:
        return Pool({}, [])
    join: Any = pc.binary_join_element_wise
    keys = join(direct.column("segment"), direct.column("product"), "\x1f").combine_chunks()
    names = sorted(pc.unique(keys).to_pylist())
    codes, units = pc.index_in(keys, pa.array(names)).to_numpy(), direct.column("units").to_numpy()
    order = np.lexsort((units, codes))
    ends = np.searchsorted(codes[order], np.arange(len(names)), side="right")
    strata = {
        (segment, product): n for n, (segment, _, product) in enumerate(name.partition("\x1f") for name in names)
    }
    return Pool(strata, np.split(units[order], ends[:-1]))


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Rows of (partner, stratum, weight), and the sorted values of every stratum."""

    who: np.ndarray[Any, Any]
    stratum: np.ndarray[Any, Any]
    weight: np.ndarray[Any, Any]
    values: list[np.ndarray[Any, Any]]

    def counted(self) -> np.ndarray[Any, Any]:
        """How many deals each partner is compared with."""
        sizes = np.array([len(part) for part in self.values])
        return np.bincount(self.who, weights=sizes[self.stratum]).astype(np.int64)

    def reached(self, *, above: bool) -> np.ndarray[Any, Any]:
        """For each partner the least value at which the share of deals not above it is a half (`above`: more)."""
        grid = np.unique(np.concatenate([self.values[n] for n in np.unique(self.stratum)]))
        half = np.bincount(self.who, weights=self.weight) / 2
        goal = half * (1 + _ALMOST) if above else half * (1 - _ALMOST)
        low, high = np.zeros(len(half), dtype=np.int64), np.full(len(half), len(grid) - 1)
        while (low < high).any():
            middle = (low + high) // 2
            enough = self._below(grid[middle]) >= goal
            high = np.where(enough, middle, high)
            low = np.where(enough, low, np.minimum(middle + 1, high))
        return np.asarray(grid[low])

    def _below(self, limits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        shares = np.empty(len(self.who))
        for number in np.unique(self.stratum):
            here = self.stratum == number
            part = self.values[number]
            shares[here] = np.searchsorted(part, limits[self.who[here]], side="right") / len(part)
        return np.bincount(self.who, weights=shares * self.weight)
