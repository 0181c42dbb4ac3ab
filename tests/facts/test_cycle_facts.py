"""What do the records say about how long opportunities take, and against which direct ones?"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from statistics import mean, median
from typing import Any

import pytest

from connector.core.cycle_time import CycleFact, CycleStatus, judged
from connector.core.facts import PartnerFacts, Unknown
from connector.core.policy import Policy
from connector.facts.gather import compute
from connector.mirror import Mirror

Facts = Callable[..., dict[str, PartnerFacts]]
At = Callable[..., datetime]
Day = Callable[[int], date]


class World:
    """Opportunities by how many days ago they were opened and how long they took; None: still open."""

    def __init__(self, at: At, day: Day) -> None:
        self.at, self.day = at, day
        self.rows: dict[str, list[dict[str, Any]]] = {
            "partners": [{"id": "p1", "name": "Example Reseller", "created_at": at(900)}],
            "opportunities": [],
            "partner_links": [],
        }

    def add(
        self, opened: int, took: int | None, *, won: bool = True, partner: str = "", role: str = "lead", **more: Any
    ) -> str:
        """One opportunity, on which a partner stands when it is named; its id."""
        id_ = f"o{len(self.rows['opportunities']):04}"
        closed = took is not None
        row = {
            "id": id_, "stage": "Closed" if closed else "Open", "is_closed": closed, "is_won": closed and won,
            "amount": Decimal(1000), "created_at": self.at(opened),
            "close_date": self.day(opened - took) if took is not None else self.day(-30),
        }  # fmt: skip
        self.rows["opportunities"].append({**row, **more})
        if partner:
            link = {"id": f"l{id_}{partner}", "opportunity_id": id_, "partner_id": partner, "role": role}
            self.rows["partner_links"].append(link)
        return id_

    def direct(self, count: int = 60, *, took: int = 100) -> None:
        """Direct wins around so many days, some losses, spread over two years."""
        for n in range(count):
            self.add(200 + 9 * n % 700, took + (n % 21) - 10, won=n % 6 != 0, amount=Decimal(900 + n))


@pytest.fixture
def world(at: At, day: Day) -> World:
    return World(at, day)


def cycle(facts: PartnerFacts) -> CycleFact:
    assert isinstance(facts.cycle, CycleFact)
    return facts.cycle


def by(policy: Policy, definition: str, **changes: Any) -> Policy:
    return replace(policy, cycle_time=replace(policy.cycle_time, definition=definition, **changes))


def test_case_23_fifteen_fast_wins_of_a_partner_120_days_old_are_an_immature_cohort(
    world: World, facts_of: Facts, policy: Policy
) -> None:
    world.direct(120, took=150)
    for n in range(15):
        world.add(120 - n, 40 + n, partner="p1")
    found = judged(cycle(facts_of(world.rows)["p1"]), policy.cycle_time)
    assert (found.status, found.code, found.fact.oldest) == (CycleStatus.INSUFFICIENT, "IMMATURE_COHORT", 120)


def test_the_same_wins_of_an_older_partner_are_judged(world: World, facts_of: Facts, policy: Policy) -> None:
    world.direct(120, took=150)
    for n in range(25):
        world.add(420 - n, 40 + n, partner="p1", amount=Decimal(950))
    found = judged(cycle(facts_of(world.rows)["p1"]), policy.cycle_time)
    assert (found.status, found.fact.n, found.fact.wins) == (CycleStatus.FASTER, 25, 25)


PLAIN = {"mean_won": (mean, True), "median_won": (median, True), "mean_closed": (mean, False),
         "median_closed": (median, False)}  # fmt: skip


@pytest.mark.parametrize("definition", PLAIN)
def test_a_plain_definition_is_the_ratio_of_means_or_medians(
    definition: str, world: World, facts_of: Facts, policy: Policy
) -> None:
    world.direct(70)
    ours = [(50 + 3 * n, n % 4 != 0) for n in range(24)]
    for took, won in ours:
        world.add(400, took, won=won, partner="p1")
    world.add(100, None, partner="p1")
    take, only_won = PLAIN[definition]
    direct = [(100 + (n % 21) - 10, n % 6 != 0) for n in range(70)]
    expected = take([d for d, won in ours if won or not only_won]) / take(
        [d for d, won in direct if won or not only_won]
    )
    found = cycle(facts_of(world.rows, policy=by(policy, definition))["p1"])
    assert found.log_ratio is not None
    assert float(found.log_ratio.exp()) == pytest.approx(expected, rel=2e-6)
    assert (found.n, found.wins) == (sum(won or not only_won for _, won in ours), sum(won for _, won in ours))


def test_what_cannot_be_timed_is_counted_by_its_reason(world: World, facts_of: Facts) -> None:
    world.direct(60)
    world.add(400, 60, partner="p1")
    world.add(400, 0, partner="p1")
    world.add(400, -5, partner="p1")
    world.add(400, 60, partner="p1", close_date=None)
    world.add(400, 60, partner="p1", amount=None)
    world.add(400, 60, partner="p1", amount=Decimal(0))
    found = cycle(facts_of(world.rows)["p1"])
    assert found.left_out == (("NONPOSITIVE_DURATION", 2), ("NO_AMOUNT", 2), ("NO_CLOSE_DATE", 1))
    assert found.n == 1


def test_renewals_and_what_started_before_the_window_or_after_today_are_left_out(
    world: World, facts_of: Facts, policy: Policy
) -> None:
    world.direct(60)
    world.add(400, 60, partner="p1", type="renewal")
    world.add(1096, 60, partner="p1")
    world.add(1095, 60, partner="p1")
    world.add(-1, None, partner="p1")
    world.add(0, None, partner="p1")
    world.add(1, None, partner="p1")
    assert cycle(facts_of(world.rows)["p1"]).n == 2


def test_a_close_that_is_still_to_come_is_open_today(world: World, facts_of: Facts, policy: Policy) -> None:
    world.direct(60)
    world.add(100, 99, partner="p1")
    world.add(100, 100, partner="p1")
    found = cycle(facts_of(world.rows)["p1"])
    assert (found.n, found.wins) == (2, 1)


def test_direct_is_what_no_partner_stands_on_in_any_role(world: World, facts_of: Facts) -> None:
    world.direct(60)
    before = cycle(facts_of(world.rows)["p1"]).direct_n
    world.add(400, 60, partner="p9", role="services")
    assert before == 60
    assert cycle(facts_of(world.rows)["p1"]).direct_n == 60


@pytest.mark.parametrize(("side", "n"), [("any", 3), ("closing", 2), ("credited", 0)])
def test_whose_opportunity_it_is_follows_the_policy(
    side: str, n: int, world: World, facts_of: Facts, policy: Policy
) -> None:
    world.direct(60)
    for role in ("lead", "reseller", "services"):
        world.add(400, 60, partner="p1", role=role)
    assert cycle(facts_of(world.rows, policy=by(policy, "median_won", partner_side=side))["p1"]).n == n


def test_the_clock_may_start_at_the_first_stage_at_or_after_the_qualified_one(
    world: World, facts_of: Facts, policy: Policy, at: At
) -> None:
    world.direct(60)
    stages = [("Prospecting", 1), ("Qualification", 2), ("Proposal", 3)]
    world.rows["stages"] = [{"id": f"s{n}", "name": name, "position": n} for name, n in stages]
    entered = [
        (world.add(400, 100, partner="p1"), [("Prospecting", 400), ("Qualification", 380)]),
        (world.add(400, 100, partner="p1"), [("Prospecting", 400), ("Proposal", 350)]),
        (world.add(400, 100, partner="p1"), [("Prospecting", 400)]),
    ]
    world.rows["stage_history"] = [
        {"id": f"{id_}{n}", "opportunity_id": id_, "stage": stage, "at": at(ago)}
        for id_, steps in entered
        for n, (stage, ago) in enumerate(steps)
    ]
    qualified = by(policy, "mean_won", start="qualified", min_direct_wins=1)
    for id_ in [row["id"] for row in world.rows["opportunities"][:60]]:
        opened = next(row["created_at"] for row in world.rows["opportunities"] if row["id"] == id_)
        world.rows["stage_history"].append(
            {"id": f"h{id_}", "opportunity_id": id_, "stage": "Proposal", "at": opened}
        )
    found = cycle(facts_of(world.rows, policy=qualified)["p1"])
    assert (found.n, found.start, found.left_out) == (2, "qualified", (("NOT_QUALIFIED", 1),))
    direct = mean([100 + (n % 21) - 10 for n in range(60) if n % 6])
    assert found.log_ratio is not None
    assert float(found.log_ratio.exp()) == pytest.approx(mean([80, 50]) / direct, rel=2e-6)


def test_a_partner_without_opportunities_has_none_and_an_absent_source_is_unknown(
    world: World, facts_of: Facts
) -> None:
    world.direct(60)
    empty = cycle(facts_of(world.rows)["p1"])
    assert (empty.n, empty.log_ratio, empty.oldest, empty.direct_n) == (0, None, None, 60)
    absent = facts_of(world.rows, unavailable=("opportunities",))["p1"].cycle
    assert isinstance(absent, Unknown)


def test_amounts_in_other_currencies_are_converted_at_the_rate_of_the_day(
    world: World, facts_of: Facts, day: Day
) -> None:
    world.direct(60)
    world.rows["exchange_rates"] = [{"id": "r1", "currency": "EUR", "rate": Decimal("0.5"), "start_date": day(2000)}]
    world.add(400, 60, partner="p1", amount=Decimal(465), currency="EUR")
    world.add(400, 60, partner="p1", amount=Decimal(465), currency="CHF")
    found = cycle(facts_of(world.rows)["p1"])
    assert (found.n, found.overlap, found.left_out) == (1, Decimal("1.000000"), (("NO_AMOUNT", 1),))


def many(world: World, seed: int = 5) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Thirty partners of all sorts over a generated past."""
    chance = random.Random(seed)
    world.rows["partners"] = [{"id": f"p{n}", "name": f"Partner {n}", "created_at": world.at(900)} for n in range(30)]
    for n in range(900):
        opened, took = chance.randint(5, 1000), int(chance.lognormvariate(4.4, 0.6)) + 1
        closed = took < opened
        world.add(
            opened, took if closed else None, won=chance.random() < 0.6, partner=f"p{n % 45}" if n % 45 < 30 else "",
            amount=Decimal(int(chance.lognormvariate(9, 1))), segment=chance.choice(["small", "large"]),
            product=chance.choice(["a", "b", "c"]),
        )  # fmt: skip
    return world.rows


@pytest.mark.slow
def test_the_order_of_rows_changes_nothing_and_few_partners_are_told_the_same_as_all(
    world: World, policy: Policy, fill_mirror: Callable[..., None]
) -> None:
    rows = many(world)
    shuffled = {name: random.Random(1).sample(list(given), len(given)) for name, given in rows.items()}
    told = []
    for given in (rows, shuffled):
        with Mirror.open(":memory:", threads=1) as mirror:
            fill_mirror(mirror, given)
            told.append(list(compute(mirror, policy, world.at(0))))
            some = list(compute(mirror, policy, world.at(0), ["p3", "p7"]))
            mirror.kept.clear()
            assert list(compute(mirror, policy, world.at(0), ["p3", "p7"])) == some
            assert some == [facts for facts in told[-1] if facts.partner_id in ("p3", "p7")]
    assert told[0] == told[1]
    assert any(cycle(facts).prior_partners >= 20 for facts in told[0])


@pytest.mark.slow
def test_one_changed_opportunity_refits_nothing(
    world: World, policy: Policy, fill_mirror: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Mirror.open(":memory:", threads=1) as mirror:
        fill_mirror(mirror, many(world))
        first = {facts.partner_id: facts for facts in compute(mirror, policy, world.at(0))}
        monkeypatch.setattr("connector.measure.cycle_times.baseline", lambda *_, **__: pytest.fail("fitted again"))
        world.rows["opportunities"][0]["amount"] = Decimal(5)
        fill_mirror(mirror, world.rows)
        again = {facts.partner_id: facts for facts in compute(mirror, policy, world.at(0), ["p0", "p1"])}
    assert cycle(again["p1"]) == cycle(first["p1"])
    assert cycle(again["p0"]) != cycle(first["p0"])


@pytest.mark.slow
def test_who_asks_first_on_a_day_for_few_partners_gets_the_fits_of_all(
    world: World, policy: Policy, fill_mirror: Callable[..., None]
) -> None:
    with Mirror.open(":memory:", threads=1) as mirror:
        fill_mirror(mirror, many(world))
        some = list(compute(mirror, policy, world.at(0), ["p3"]))
        everyone = {facts.partner_id: facts for facts in compute(mirror, policy, world.at(0))}
    assert some == [everyone["p3"]]


def quoted(world: World, partner: str, won: int, of: int) -> None:
    """A partner's deals with a matured quote, of which so many were won."""
    for n in range(of):
        deal = world.add(200, 60, won=n < won, partner=partner, role="reseller")
        world.rows.setdefault("quotes", []).append(
            {"id": f"q{deal}", "opportunity_id": deal, "status": "issued", "issued_at": world.at(180)}
        )


@pytest.mark.parametrize(("enough", "persona"), [(6, "VAR"), (7, "")])
def test_a_persona_of_enough_partners_is_its_own_yardstick(
    world: World, facts_of: Facts, policy: Policy, enough: int, persona: str
) -> None:
    world.rows["partners"] = []
    for n in range(10):
        kind = "VAR" if n < 6 else "MSP; VAR"
        world.rows["partners"].append({"id": f"p{n}", "name": f"P{n}", "created_at": world.at(900), "persona": kind})
        quoted(world, f"p{n}", won=(1 + n % 2) if n < 6 else 7 + n % 2, of=10)
    gate = replace(policy.velocity, min_prior_partners=2, min_persona_partners=enough)
    found = facts_of(world.rows, policy=replace(policy, velocity=gate))
    ours, others = found["p0"].quote_prior, found["p9"].quote_prior
    assert ours is not None
    assert others is not None
    assert (ours.persona, ours.partners) == ((persona, 6) if persona else ("", 10))
    assert (others.persona, others.partners) == ("", 10)
    assert (ours == others) is (not persona)
    assert (ours.a / (ours.a + ours.b) < Decimal("0.3")) is bool(persona)
