"""Which touches led up to each closed opportunity, in order of time, by partner, campaign or motion?

An opportunity's touches are what was done on it, what was done at its customer outside any opportunity, the answers
of the customer's people to campaigns, dated partner links and approved registrations: from `lookback_days` before it
was opened until it was closed, written down by then. Kinds that are no evidence for `[attribution]` are no touches.
Ties of time go by kind (registrations, then the kinds as the policy lists them) and then by id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from connector.core.facts import Window
from connector.core.policy import Policy
from connector.facts.asking import set_moments
from connector.facts.sources import Tables
from connector.facts.windows import windows
from connector.measure.paths import Floats, Ints, Labels, Paths, labels, milestone, offsets_of
from connector.measure.win_lift import Covariate

BY = ("partner", "campaign", "motion")
DIRECT = "direct"
"""What our own touches are called where they are counted."""


@dataclass(frozen=True, slots=True)
class PathShape:
    """Everything that changes the text of the relations."""

    by: str
    business: str
    corporate: str
    kinds: tuple[str, ...]  # in order of priority
    direct: bool
    staged: bool
    lookback_days: int
    lock_days: int


@dataclass(frozen=True, slots=True, eq=False)
class TouchPaths:
    """The closed opportunities of a window with their touches, in the order of their ids.

    `paths` name partners, campaigns or motions by id; opportunities that nobody touched are empty paths. `cents` (p)
    is what a won opportunity was worth in the corporate currency, 0 where that is not known; `opened` and `ended`
    are days since 1970.
    """

    by: str
    window: Window
    paths: Paths
    titles: dict[str, str]
    ids: tuple[str, ...]
    cents: Ints
    opened: Floats
    ended: Floats
    covariates: tuple[Covariate, ...]
    missing_amounts: int
    unconverted: int


def touch_paths(tables: Tables, policy: Policy, as_of: datetime, by: str, *, staged: bool = False) -> TouchPaths:
    """The paths of the opportunities closed in the policy's trailing window; `staged`: with roles and stages."""
    if by not in BY:
        raise ValueError(f"touches are looked at by {', '.join(BY)}")
    spans, rules = windows(policy, as_of), policy.touch_models
    window = Window(spans.today - timedelta(days=rules.window_days), spans.today)
    set_moments(tables, spans)
    form = _shape(policy, by, staged)
    sql = statements(form)
    tables.run(f"CREATE OR REPLACE TEMP TABLE rates AS {sql['rates']}")
    _scope(tables, window)
    stages = ("partner_people", "credited_deals", "path_deals")
    for name in stages:
        tables.run(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql[name]}")
    try:
        deals, touches = tables.query(sql["deals"]), tables.query(sql["touches"])
        titles = tables.query(f"SELECT id, name FROM {by}s ORDER BY id") if by != "motion" else None
    finally:
        for name in stages:
            tables.run(f"DROP TABLE IF EXISTS temp.{name}")
    return _gathered(by, window, deals, touches, titles)


def _shape(policy: Policy, by: str, staged: bool) -> PathShape:
    rules, evidence = policy.touch_models, policy.attribution
    return PathShape(
        by=by,
        business=evidence.business,
        corporate=policy.corporate_currency,
        kinds=("registration", *evidence.strong, *evidence.weak),
        direct=rules.direct == "counted",
        staged=staged,
        lookback_days=rules.lookback_days,
        lock_days=evidence.influence_lock_days,
    )


@lru_cache(maxsize=8)
def statements(form: PathShape) -> dict[str, str]:
    """The SQL of the stages and answers (DuckDB's dialect)."""
    from connector.facts.touch_relations import compiled  # the library that compiles takes most of a second to import

    return compiled(form)


def _scope(tables: Tables, window: Window) -> None:
    tables.run(
        "CREATE OR REPLACE TEMP TABLE scope AS SELECT DISTINCT id AS opportunity_id FROM opportunities "
        "WHERE is_closed AND close_date >= ? AND close_date < ?",
        [window.start, window.end],
    )


def _gathered(by: str, window: Window, deals: pa.Table, touches: pa.Table, titles: pa.Table | None) -> TouchPaths:
    won = _array(deals, "is_won", bool)
    names, codes = _coded(touches.column("code"))
    value = deals.column("value")
    cents = np.array([0 if cell is None else int(cell * 100) for cell in _rounded(value)], dtype=np.int64)
    known = ~np.asarray(value.is_null())
    lost_to_rates = _array(deals, "unconverted", bool)
    paths = Paths(
        codes,
        offsets_of(np.bincount(_array(touches, "number", np.int64), minlength=deals.num_rows).astype(np.int64)),
        names,
        won.astype(np.float64),
        (~won).astype(np.float64),
        np.where(won, np.where(known, cents / 100.0, np.nan), 0.0),
        times=_days(touches.column("at")),
        ends=_days(deals.column("closes_at")),
        roles=_labels(touches, "role"),
        stages=_labels(touches, "stage"),
    )
    opened = _days(deals.column("created_at"))
    lead = milestone(paths, _days(deals.column("lead_at")))
    paths = replace(paths, lead=lead, opened=milestone(paths, opened), closed=(paths.lengths - 1).astype(np.int32))
    return TouchPaths(
        by=by,
        window=window,
        paths=paths,
        titles={} if titles is None else dict(zip(*(titles.column(at).to_pylist() for at in (0, 1)), strict=True)),
        ids=tuple(_words(deals, "opportunity_id")),
        cents=np.where(won, cents, 0),
        opened=opened,
        ended=paths.ends if paths.ends is not None else opened,
        covariates=_covariates(deals, np.where(known, cents / 100.0, np.nan)),
        missing_amounts=int((won & ~known & ~lost_to_rates).sum()),
        unconverted=int((won & lost_to_rates).sum()),
    )


def _covariates(deals: pa.Table, amounts: Floats) -> tuple[Covariate, ...]:
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(amounts > 0, np.log(amounts), np.nan)
    words = [Covariate(name, words=_words(deals, name)) for name in ("segment", "country", "type")]
    opened: list[Any] = deals.column("created_at").to_pylist()
    quarters = [_quarter(at) for at in opened]
    return (Covariate("amount", numbers=size), *words, Covariate("quarter of opening", words=quarters))


def _quarter(at: datetime) -> str:
    return f"{at.year}-{(at.month + 2) // 3}"


def _words(table: pa.Table, name: str) -> list[str]:
    return [word or "" for word in table.column(name).to_pylist()]


def _rounded(column: Any) -> Sequence[Decimal | None]:
    cells: list[Decimal | None] = column.to_pylist()
    return [None if cell is None else cell.quantize(Decimal("0.01")) for cell in cells]


def _array(table: pa.Table, name: str, kind: Any) -> Any:
    return np.asarray(table.column(name).to_numpy()).astype(kind)


def _coded(column: Any) -> tuple[tuple[str, ...], Any]:
    if not len(column):
        return (), np.zeros(0, dtype=np.int32)
    coded = column.combine_chunks().dictionary_encode()
    words = coded.dictionary.to_pylist()
    names = tuple(sorted(words))
    number = {name: at for at, name in enumerate(names)}
    table = np.array([number[word] for word in words], dtype=np.int32)
    return names, table[np.asarray(coded.indices)]


def _labels(table: pa.Table, name: str) -> Labels | None:
    return labels(_words(table, name)) if name in table.column_names else None


def _days(column: Any) -> Floats:
    """Days since 1970, NaN where there is none."""
    micros = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    return np.asarray(micros, dtype=np.float64) / 86_400e6
