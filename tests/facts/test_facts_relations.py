"""The relations are written as they must be, and equal hand-written SQL over the same rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import connector.facts
from connector.core.policy import Policy
from connector.facts import kept
from connector.facts.benchmark import Benchmark, matched_medians, pooled
from connector.facts.gather import compute
from connector.facts.statements import Shape, Statements
from connector.mirror import Mirror

AS_OF = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_no_median_takes_a_filter_of_its_own() -> None:
    folder = Path(connector.facts.__file__).parent
    sources = "".join(path.read_text() for path in folder.glob("*.py"))
    assert [word for word in ("median(where", "quantile(", "where=") if word in sources] == []


def test_an_as_of_without_a_time_zone_is_refused(mirror: Mirror, policy: Policy) -> None:
    with pytest.raises(ValueError, match="as_of must say its time zone"):
        compute(mirror, policy, AS_OF.replace(tzinfo=None))


def a_year(partners: int, deals: int) -> dict[str, list[dict[str, Any]]]:
    """Every deal won and quoted on some day of three years, in UTC's days."""
    start = datetime(2023, 7, 1, 12, tzinfo=UTC)
    return {
        "partners": [{"id": f"p{n}", "name": f"P{n}"} for n in range(partners)],
        "opportunities": [
            {
                "id": f"o{n:03}", "stage": "x", "is_closed": True, "is_won": n % 3 == 0, "amount": Decimal(n * 10),
                "close_date": (start + timedelta(days=n * 4)).date(),
            }
            for n in range(deals)
        ],
        "partner_links": [
            {"id": f"l{n}", "opportunity_id": f"o{n:03}", "partner_id": f"p{n % partners}", "role": "reseller"}
            for n in range(deals)
            if n % 4
        ],
        "quotes": [
            {
                "id": f"q{n}-{r}", "opportunity_id": f"o{n:03}", "status": "issued",
                "issued_at": start + timedelta(n * 4 + r),
            }
            for n in range(deals)
            for r in range(2)
        ],
    }  # fmt: skip


_BY_HAND = """
WITH first AS (SELECT opportunity_id, min(issued_at) AS issued FROM quotes GROUP BY 1),
mine AS (SELECT l.partner_id, o.*, f.issued FROM partner_links l JOIN opportunities o ON o.id = l.opportunity_id
  JOIN first f ON f.opportunity_id = o.id)
SELECT partner_id,
  count(*) FILTER (issued >= '2025-07-01' AND issued < '2026-04-03') AS counted,
  count(*) FILTER (issued >= '2025-07-01' AND issued < '2026-04-03' AND is_won) AS won,
  count(*) FILTER (is_won AND close_date >= '2025-07-01' AND close_date < '2026-07-01') AS wins,
  median(amount) FILTER (is_won AND close_date >= '2025-07-01' AND close_date < '2026-07-01') AS middle
FROM mine GROUP BY 1 ORDER BY 1
"""


def test_the_facts_equal_sql_written_by_hand(
    mirror: Mirror, policy: Policy, fill_mirror: Callable[..., None]
) -> None:
    fill_mirror(mirror, a_year(5, 270))
    found = compute(mirror, replace(policy, timezone="UTC"), AS_OF)
    assert [
        (f.partner_id, f.quotes.counted, f.quotes.won, f.won_deals.won, f.won_deals.median)  # type: ignore[union-attr]
        for f in found
    ] == [tuple(row.values()) for row in mirror.query(_BY_HAND).to_pylist()]


def test_a_few_partners_have_the_same_facts_as_among_all(
    mirror: Mirror, policy: Policy, fill_mirror: Callable[..., None]
) -> None:
    fill_mirror(mirror, a_year(5, 270))
    every = list(compute(mirror, policy, AS_OF))
    mirror.index()
    assert list(compute(mirror, policy, AS_OF, ["p3", "p1", "p3", "nobody"])) == [every[1], every[3]]
    assert list(compute(mirror, policy, AS_OF, [])) == []


def test_a_computation_of_a_few_leaves_the_mirror_and_its_own_tables_as_they_were(
    mirror: Mirror, policy: Policy, fill_mirror: Callable[..., None]
) -> None:
    fill_mirror(mirror, a_year(2, 30))
    before = mirror.counts()
    first = list(compute(mirror, policy, AS_OF, ["p1"]))
    assert list(compute(mirror, policy, AS_OF, ["p0"])) != list(compute(mirror, policy, AS_OF, ["p1"])) == first
    assert mirror.counts() == before


def test_a_few_partners_facts_follow_the_rows_the_day_and_the_policy(
    mirror: Mirror, policy: Policy, fill_mirror: Callable[..., None]
) -> None:
    fill_mirror(mirror, a_year(3, 90))
    other = replace(policy, velocity=replace(policy.velocity, denominator="decided"), timezone="America/New_York")
    later = AS_OF + timedelta(days=200)
    asked = [(policy, AS_OF), (policy, later), (other, AS_OF), (other, later), (policy, AS_OF)]
    few = [list(compute(mirror, rules, day, ["p2", "p1"])) for rules, day in asked]
    every = [[f for f in compute(mirror, rules, day) if f.partner_id != "p0"] for rules, day in asked]
    assert few == every
    changed = mirror.query("SELECT * EXCLUDE (_source) FROM opportunities WHERE is_won LIMIT 40")
    mirror.delete("opportunities", "made", changed.column("id").to_pylist())
    assert list(compute(mirror, policy, AS_OF, ["p1", "p2"])) == [
        f for f in compute(mirror, policy, AS_OF) if f.partner_id != "p0"
    ]


def test_the_direct_deals_of_a_day_outlive_the_process(
    tmp_path: Path, policy: Policy, fill_mirror: Callable[..., None]
) -> None:
    sold = {"stage": "x", "is_closed": True, "is_won": True, "close_date": date(2026, 3, 1), "amount": Decimal(2)}
    world = {
        "partners": [{"id": "p", "name": "P"}],
        "opportunities": [{"id": "o", **sold}, {"id": "d", **sold}],
        "partner_links": [{"id": "l", "opportunity_id": "o", "partner_id": "p", "role": "reseller"}],
    }
    with Mirror.open(tmp_path / "m.duckdb") as mirror:
        fill_mirror(mirror, world)
        every = list(compute(mirror, policy, AS_OF))
        mirror.delete("opportunities", "made", ["d"])
    with Mirror.open(tmp_path / "m.duckdb") as mirror:
        assert list(compute(mirror, policy, AS_OF, ["p"])) == every
        assert list(compute(mirror, policy, AS_OF, ["p"])) != list(compute(mirror, policy, AS_OF))


def test_a_matched_median_is_the_middle_where_the_weight_splits_in_half() -> None:
    mix = pa.table({"partner_id": ["p"], "segment": ["S"], "product": [""], "weight": [3]})
    units = [40_000, 10_000, 30_000, 20_000]
    direct = pa.table({"segment": ["S"] * 4, "product": [""] * 4, "units": units})
    assert matched_medians(mix, pooled(direct)) == {"p": Benchmark(Decimal("2.5"), 4)}
    assert matched_medians(mix, pooled(direct.slice(0, 3))) == {"p": Benchmark(Decimal(3), 3)}
    assert matched_medians(mix, pooled(direct.slice(0, 0))) == {}


def test_changed_direct_deals_count_from_the_next_computation_of_all(
    mirror: Mirror, policy: Policy, fill_mirror: Callable[..., None]
) -> None:
    sold = {"stage": "x", "is_closed": True, "is_won": True, "close_date": date(2026, 3, 1)}
    world = {
        "partners": [{"id": "p", "name": "P"}],
        "opportunities": [{"id": "o", "amount": Decimal(1), **sold}, {"id": "d", "amount": Decimal(2), **sold}],
        "partner_links": [{"id": "l", "opportunity_id": "o", "partner_id": "p", "role": "reseller"}],
    }

    def benchmark(only: list[str] | None) -> Decimal | None:
        (facts,) = compute(mirror, policy, AS_OF, only)
        return facts.won_deals.benchmark_median  # type: ignore[union-attr]

    fill_mirror(mirror, world)
    first = benchmark(None)
    world["opportunities"][1]["amount"] = Decimal(7)
    fill_mirror(mirror, world)
    assert (first, benchmark(["p"]), benchmark(None), benchmark(["p"])) == (2, 2, 7, 7)


def test_a_second_process_asks_without_compiling(
    tmp_path: Path, policy: Policy, fill_mirror: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(form: Shape) -> Statements:
        raise AssertionError(f"compiled again: {form}")

    with Mirror.open(tmp_path / "m.duckdb") as mirror:
        fill_mirror(mirror, a_year(2, 30))
        every = list(compute(mirror, policy, AS_OF))
    monkeypatch.setattr(kept, "statements", refuse)
    with Mirror.open(tmp_path / "m.duckdb") as mirror:
        assert list(compute(mirror, policy, AS_OF)) == every
        with pytest.raises(AssertionError, match="compiled again"):
            compute(mirror, replace(policy, corporate_currency="EUR"), AS_OF)
