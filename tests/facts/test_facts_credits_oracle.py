"""Credit over many small markets: equal to a plain computation over the same rows, and true to its laws."""

from __future__ import annotations

import importlib.util
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.core.credit import CreditSums
from connector.core.policy import Policy
from connector.facts.credited import keep
from connector.facts.crediting import LOCKS, PARTS, credit
from connector.facts.gather import compute
from connector.mirror import Mirror

pytestmark = pytest.mark.slow


def beside(name: str) -> Any:
    """A module of this folder that is no test: tests are imported by path, so it is too."""
    made = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert made is not None
    assert made.loader is not None
    module = importlib.util.module_from_spec(made)
    sys.modules[name] = module  # dataclasses look there for what their annotations mean
    made.loader.exec_module(module)
    return module


HAND, MARKETS = beside("credit_by_hand"), beside("small_market")
AS_OF = HAND.AS_OF

Row = dict[str, Any]
World = dict[str, list[Row]]
Parts = dict[tuple[str, str, str], tuple[str, int, int | None, int]]  # reason, points, agreed, pieces
Found = dict[tuple[str, str, str], tuple[str, Decimal | None, str]]  # reason, amount, what is lacking


class Bench:
    """One mirror that shows one world after the other."""

    def __init__(self, fill: Callable[..., None]) -> None:
        self.mirror = Mirror.open(":memory:", threads=1)
        self.fill = fill

    def credits(self, world: World, policy: Policy, **given: Any) -> tuple[Found, Parts]:
        for table, source in self.mirror.feeds():
            self.mirror.begin_full(table, source)
            self.mirror.finish_full(table, source)
        self.fill(self.mirror, world)
        credit(self.mirror, policy, AS_OF, **given)
        rows = self.mirror.query("SELECT * FROM credits").to_pylist()
        key = ("opportunity_id", "partner_id", "role")
        found = {tuple(r[k] for k in key): (r["reason"], r["amount"], r["lacking"]) for r in rows}
        parts = {tuple(r[k] for k in key): (r["reason"], r["points"], r["agreed"], r["pieces"]) for r in rows}
        assert len(found) == len(rows)
        return found, parts  # type: ignore[return-value]


@pytest.fixture(scope="module")
def bench(fill_mirror: Callable[..., None]) -> Iterator[Bench]:
    made = Bench(fill_mirror)
    yield made
    made.mirror.close()


def often(examples: int) -> Callable[[Any], Any]:
    return settings(
        max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
    )


seeds = st.integers(min_value=0, max_value=10**9)


@often(20)
@given(seed=seeds, split=st.sampled_from(["equal", "points"]), whose=st.sampled_from(["anyone", "partners", "none"]))
def test_credit_is_what_a_plain_computation_finds(
    bench: Bench, policy: Policy, seed: int, split: str, whose: str
) -> None:
    rules = replace(policy.attribution, split=split, prior_activity=whose)
    world = MARKETS.market(seed)
    by_hand = HAND.ByHand(world, rules)
    assert bench.credits(world, replace(policy, attribution=rules))[0] == by_hand.credits(by_hand.found())


@often(8)
@given(seed=seeds)
def test_the_identities_hold_whatever_happened(bench: Bench, policy: Policy, seed: int) -> None:
    world = MARKETS.market(seed)
    found, _ = bench.credits(world, policy)
    rows = bench.mirror.query("SELECT opportunity_id, value FROM credits").to_pylist()
    worth = {row["opportunity_id"]: row["value"] for row in rows}
    by_deal: dict[str, list[tuple[str, str, Decimal | None]]] = defaultdict(list)
    for (deal, partner, role), (_, amount, _) in found.items():
        by_deal[deal].append((partner, role, amount))
    sourced = direct = influenced = touched = whole = Decimal(0)
    for deal in [row for row in world["opportunities"] if row["is_won"]]:
        parts, value = by_deal[deal["id"]], worth.get(deal["id"])
        if value is None or value < 0:
            continue
        whole += value
        by_source = [amount for _, role, amount in parts if role == "sourced"]
        assert len(by_source) <= 1
        assert by_source in ([], [value])
        sourced += sum(by_source, Decimal(0))  # type: ignore[arg-type]
        direct += Decimal(0) if by_source else value
        influenced += sum((amount or Decimal(0) for _, role, amount in parts if role == "influenced"), Decimal(0))
        touched += value if any(role != "disputed" for _, role, _ in parts) else Decimal(0)
    assert sourced + direct == whole
    assert influenced <= whole
    assert touched <= whole
    for parts in by_deal.values():
        claiming = {partner for partner, role, _ in parts if role != "influenced"}
        assert claiming.isdisjoint(partner for partner, role, _ in parts if role == "influenced")


@often(4)
@given(seed=seeds, shuffle=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(
    bench: Bench, policy: Policy, seed: int, shuffle: random.Random
) -> None:
    world = MARKETS.market(seed)
    first = bench.credits(world, policy)
    mixed = {name: shuffle.sample(rows, len(rows)) for name, rows in reversed(world.items())}
    assert bench.credits(mixed, policy) == first


@often(4)
@given(seed=seeds, piece=st.integers(1, 5))
def test_parted_in_pieces_the_credits_are_the_same(bench: Bench, policy: Policy, seed: int, piece: int) -> None:
    world = MARKETS.market(seed)
    assert bench.credits(world, policy, piece=piece) == bench.credits(world, policy)


@often(4)
@given(seed=seeds)
def test_a_few_opportunities_looked_at_alone_are_credited_alike(bench: Bench, policy: Policy, seed: int) -> None:
    world = MARKETS.market(seed)
    whole, _ = bench.credits(world, policy)
    for deal in HAND.ByHand(world, policy.attribution).deals():
        credit(bench.mirror, policy, AS_OF, [deal["id"]])
        rows = bench.mirror.query("SELECT * FROM credits").to_pylist()
        alone = {
            (r["opportunity_id"], r["partner_id"], r["role"]): (r["reason"], r["amount"], r["lacking"]) for r in rows
        }
        assert alone == {key: part for key, part in whole.items() if key[0] == deal["id"]}


@often(8)
@given(before=seeds, after=seeds, closed=st.booleans())
def test_what_is_final_changes_only_when_a_person_asks_for_it(
    bench: Bench, policy: Policy, before: int, after: int, closed: bool
) -> None:
    """Everything about the opportunities is another afterwards; what was final stands."""
    _, held = bench.credits(MARKETS.market(before), policy)
    world = MARKETS.market(after)
    dates = {row["id"]: row["close_date"] if closed else None for row in world["opportunities"]}
    _, now = bench.credits(world, policy, kept=kept(held), locks=locks(dates))
    shown = {deal["id"]: deal for deal in HAND.ByHand(world, policy.attribution).deals()}
    for deal_id, deal in shown.items():
        again = deal["credit_dispute"] == "reassess"
        sides = [("sourced", "disputed")] if not again else []
        if closed and deal["is_closed"] and not again:
            sides.append(("influenced",))
        for roles in sides:
            assert {k: v for k, v in now.items() if k[0] == deal_id and k[2] in roles} == {
                k: v for k, v in held.items() if k[0] == deal_id and k[2] in roles
            }


@often(4)
@given(seed=seeds)
def test_what_stands_on_partners_is_the_sum_of_what_stands_on_opportunities(
    bench: Bench, policy: Policy, seed: int
) -> None:
    bench.credits(MARKETS.market(seed), policy)
    keep(bench.mirror, whole=True)
    rows = bench.mirror.query("SELECT * FROM credited").to_pylist()
    for facts in compute(bench.mirror, policy, AS_OF):
        ours = [row for row in rows if row["partner_id"] == facts.partner_id]
        held = facts.credit
        if isinstance(held, CreditSums):
            assert held.sourced_won == total(ours, "sourced", "amount")
            assert held.influenced_won == total(ours, "influenced", "amount")
            assert held.touched_won == total(ours, "sourced", "value") + total(ours, "influenced", "value")


def total(rows: Sequence[Row], role: str, column: str) -> Decimal:
    """What a report of the CRM adds up: won opportunities closed in the last 365 days."""
    since = date(2025, 7, 1)
    return sum(
        (
            row[column] or Decimal(0)
            for row in rows
            if row["role"] == role and row["is_won"] and since <= row["close_date"] <= AS_OF.date()
        ),
        Decimal("0.00"),
    )


def kept(parts: Parts) -> pa.Table:
    rows = [
        {"opportunity_id": deal, "partner_id": partner, "role": role, "reason": reason, "points": points,
         "agreed": agreed, "pieces": pieces, "evidence_ids": []}
        for (deal, partner, role), (reason, points, agreed, pieces) in parts.items()
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, PARTS)


def locks(dates: dict[str, date | None]) -> pa.Table:
    rows = [{"opportunity_id": id_, "sourced_final": True, "final_close": day} for id_, day in dates.items()]
    return pa.Table.from_pylist(rows, LOCKS)


def test_the_worlds_show_every_case(bench: Bench, policy: Policy) -> None:
    """A generator that never makes a tie or a late claim would prove nothing."""
    codes: set[str] = set()
    reasons: set[str] = set()
    lenient = replace(policy, attribution=replace(policy.attribution, prior_activity="none"))
    for seed in range(24):
        found, _ = bench.credits(MARKETS.market(seed), (policy, lenient)[seed % 2])
        codes |= {row["code"] for row in bench.mirror.query("SELECT DISTINCT code FROM candidates").to_pylist()}
        reasons |= {reason for reason, _, _ in found.values()} | {lacking for _, _, lacking in found.values()}
    assert codes == {"HELD", "LATE_SUBMISSION", "LATE_APPROVAL", "EXPIRED", "PRIOR_DEAL", "PRIOR_ACTIVITY"}
    assert reasons >= {
        "FIRST_CLAIM",
        "SAME_MOMENT",
        "ENOUGH_EVIDENCE",
        "AGREED_SHARE",
        "AMOUNT_MISSING",
        "FX_RATE_MISSING",
    }
