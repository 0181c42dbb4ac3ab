"""Which touch is on which path, in which order: every rule from both sides, and the answer that adds up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from connector.core.policy import Policy
from connector.core.policy_touch import PointRule
from connector.facts.touch_credit import MODELS, TouchCredit, touch_credit
from connector.facts.touch_paths import DIRECT, TouchPaths, touch_paths
from connector.measure.floors import Lack, State
from connector.measure.paths import NOWHERE
from connector.mirror import Mirror
from connector.mirror.layout import CANONICAL, arrow_type

AS_OF = datetime(2026, 7, 1, 12, tzinfo=UTC)
OPENED = datetime(2026, 4, 1, 9, tzinfo=UTC)
CLOSED = date(2026, 6, 26)
CLOSE_END = datetime(2026, 6, 26, 22, tzinfo=UTC)  # midnight in Berlin, where the policy of these tests is at home
LAST_YEAR = date(2025, 7, 1)

Row = Mapping[str, Any]


def deal_row(id_: str, **values: Any) -> Row:
    won = {"is_closed": True, "is_won": True, "close_date": CLOSED, "stage": "Closed Won"}
    return {"id": id_, "account_id": "acc", "amount": Decimal(100), "created_at": OPENED, **won, **values}


def touch_row(partner: str | None, kind: str, at: datetime, **values: Any) -> Row:
    row = {"id": f"{partner}{kind}{at}", "related_id": "d", "partner_id": partner, "type": kind}
    return {**row, "occurred_at": at, "recorded_at": at, **values}


class Bench:
    """A small mirror whose paths are asked for."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.mirror = Mirror.open(":memory:", threads=1)
        self.put("partners", *({"id": name, "name": f"Partner {name}"} for name in "ABC"))
        self.put("accounts", {"id": "acc", "country": "DE", "segment": "large"})
        self.put("contacts", {"id": "buyer", "account_id": "acc"}, {"id": "seller", "account_id": "A"})

    def put(self, name: str, *rows: Row) -> None:
        columns = [column for column in CANONICAL[name].columns if any(column.name in row for row in rows)]
        arrays = {c.name: pa.array([row.get(c.name) for row in rows], arrow_type(c.kind)) for c in columns}
        self.mirror.upsert(name, "made", pa.table(arrays))
        self.mirror.set_source(name, True, "", AS_OF)

    def deal(self, id_: str = "d", **values: Any) -> None:
        self.put("opportunities", deal_row(id_, **values))

    def touch(self, partner: str | None, kind: str, at: datetime, **values: Any) -> None:
        self.put("touches", touch_row(partner, kind, at, **values))

    def found(self, by: str = "partner", **given: Any) -> TouchPaths:
        policy = replace(self.policy, touch_models=replace(self.policy.touch_models, **given.pop("rules", {})))
        return touch_paths(self.mirror, policy, given.pop("as_of", AS_OF), by, **given)

    def names(self, by: str = "partner", **given: Any) -> list[list[str]]:
        return names_of(self.found(by, **given))


def names_of(found: TouchPaths) -> list[list[str]]:
    paths = found.paths
    bounds = zip(paths.offsets[:-1], paths.offsets[1:], strict=True)
    return [[paths.names[code] for code in paths.codes[low:high]] for low, high in bounds]


@pytest.fixture
def bench(policy: Policy) -> Iterator[Bench]:
    made = Bench(policy)
    yield made
    made.mirror.close()


def test_touches_stand_in_order_of_time_and_then_of_kind(bench: Bench) -> None:
    at = OPENED + timedelta(days=5)
    bench.deal()
    bench.touch("C", "email", at)
    bench.touch("B", "technical validation", at)
    bench.touch("A", "call", at - timedelta(hours=1))
    assert bench.names() == [["A", "B", "C"]]


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        (OPENED - timedelta(days=90), True),
        (OPENED - timedelta(days=90, seconds=1), False),
        (CLOSE_END - timedelta(seconds=1), True),
        (CLOSE_END, False),
    ],
)
def test_a_touch_lies_between_the_look_back_and_the_close(bench: Bench, at: datetime, counts: bool) -> None:
    bench.deal()
    bench.touch("A", "call", at)
    assert bench.names() == [["A"] if counts else []]


def test_what_is_written_down_after_the_close_is_no_touch(bench: Bench) -> None:
    bench.deal()
    bench.touch("A", "call", OPENED, recorded_at=CLOSE_END)
    bench.touch("B", "call", OPENED, recorded_at=CLOSE_END - timedelta(seconds=1))
    assert bench.names() == [["B"]]


def test_kinds_that_are_no_evidence_are_no_touches(bench: Bench) -> None:
    bench.deal()
    bench.touch("A", "coffee", OPENED)
    bench.touch("B", " CALL ", OPENED)
    assert bench.names() == [["B"]]


@pytest.mark.parametrize(
    ("close", "counts"),
    [(LAST_YEAR, True), (LAST_YEAR - timedelta(days=1), False), (date(2026, 6, 30), True), (date(2026, 7, 1), False)],
)
def test_opportunities_closed_in_the_trailing_year(bench: Bench, close: date, counts: bool) -> None:
    bench.deal(created_at=datetime(2025, 1, 1, tzinfo=UTC), close_date=close)
    assert len(bench.found().ids) == counts


def test_open_opportunities_and_renewals_have_no_path(bench: Bench) -> None:
    bench.deal("open", is_closed=False)
    bench.deal("renewal", type="renewal")
    bench.deal("lost", is_won=False)
    found = bench.found()
    assert (found.ids, list(found.paths.losses), list(found.cents)) == (("lost",), [1.0], [0])


def test_a_touch_at_the_customer_is_on_each_of_its_opportunities_and_one_elsewhere_is_not(bench: Bench) -> None:
    bench.deal("d")
    bench.deal("e", created_at=OPENED + timedelta(days=60))
    bench.deal("f", account_id="other")
    bench.touch("A", "call", OPENED + timedelta(days=1), related_id="acc")
    bench.touch("B", "call", OPENED + timedelta(days=2), related_id="e")
    assert bench.names() == [["A"], ["A", "B"], []]


def test_a_partner_that_was_merged_away_stands_for_its_survivor(bench: Bench) -> None:
    bench.put("partners", {"id": "old", "name": "Old", "merged_into": "A"})
    bench.put("accounts", {"id": "former", "merged_into": "acc"})
    bench.deal()
    bench.touch("old", "call", OPENED)
    bench.touch("B", "call", OPENED + timedelta(1), related_id="former")
    assert bench.names() == [["A", "B"]]


def test_meetings_links_registrations_and_answers_are_touches_of_partners(bench: Bench) -> None:
    bench.deal()
    met = OPENED + timedelta(days=3)
    bench.put(
        "meetings",
        {"id": "m1", "related_id": "d", "contact_id": "seller", "starts_at": met, "created_at": met},
        {"id": "m2", "related_id": "d", "contact_id": "seller", "starts_at": met, "created_at": met},  # its copy
        {
            "id": "m3",
            "related_id": "d",
            "contact_id": "seller",
            "starts_at": met,
            "created_at": met,
            "internal": True,
        },
    )
    bench.put(
        "partner_links",
        {"id": "l1", "opportunity_id": "d", "partner_id": "B", "recorded_at": OPENED + timedelta(days=2)},
        {"id": "l2", "opportunity_id": "d", "partner_id": "C"},
    )
    bench.put(
        "registrations",
        {"id": "r1", "opportunity_id": "d", "partner_id": "C", "status": "approved", "submitted_at": OPENED},
        {"id": "r2", "opportunity_id": "d", "partner_id": "A", "status": "rejected", "submitted_at": OPENED},
    )
    bench.put("campaigns", {"id": "c", "name": "Spring", "partner_id": "B", "motion": "Demand Gen"})
    member = {"campaign_id": "c", "contact_id": "buyer", "responded": True, "responded_on": date(2026, 4, 20)}
    bench.put("campaign_members", {"id": "cm", **member})
    assert bench.names() == [["C", "B", "A", "B"]]


def test_campaigns_and_motions_are_the_answers_of_the_customers_people(bench: Bench) -> None:
    bench.deal()
    bench.put(
        "campaigns",
        {"id": "c1", "name": "Spring", "motion": "Demand Gen"},
        {"id": "c2", "name": "Summer"},
        {"id": "c3", "name": "Autumn", "motion": "Enablement"},
    )
    answered = {"contact_id": "buyer", "responded": True}
    bench.put(
        "campaign_members",
        {"id": "1", "campaign_id": "c2", **answered, "responded_on": date(2026, 5, 2)},
        {"id": "2", "campaign_id": "c1", **answered, "responded_on": date(2026, 5, 1)},
        {"id": "3", "campaign_id": "c3", "contact_id": "buyer", "responded_on": date(2026, 5, 1)},
        {"id": "4", "campaign_id": "c3", **answered, "contact_id": "seller", "responded_on": date(2026, 5, 1)},
    )
    assert bench.names("campaign") == [["c1", "c2"]]
    assert bench.names("motion") == [["Demand Gen", "Other"]]
    assert bench.found("campaign").titles == {"c1": "Spring", "c2": "Summer", "c3": "Autumn"}


def test_our_own_touches_count_only_where_the_policy_says_so(bench: Bench) -> None:
    bench.deal()
    bench.touch(None, "meeting", OPENED)
    bench.touch("A", "call", OPENED + timedelta(days=1))
    assert bench.names() == [["A"]]
    assert bench.names(rules={"direct": "counted"}) == [[DIRECT, "A"]]


def test_milestones_are_held_by_the_touch_that_led_to_them(bench: Bench) -> None:
    bench.deal()
    for days, partner in ((-20, "A"), (-3, "B"), (4, "C")):
        bench.touch(partner, "call", OPENED + timedelta(days=days), related_id="acc")
    paths = bench.found().paths
    assert [list(at) for at in (paths.lead, paths.opened, paths.closed)] == [[NOWHERE], [1], [2]]  # type: ignore[arg-type]
    made = OPENED - timedelta(days=10)
    lead = {"id": "x", "campaign_id": "c", "contact_id": "buyer", "lead_id": "l", "created_at": made}
    bench.put("campaign_members", lead)
    assert list(bench.found().paths.lead) == [0]  # type: ignore[arg-type]


def test_roles_and_the_stage_at_the_time_are_there_for_the_custom_table(bench: Bench) -> None:
    bench.deal()
    bench.put("partner_links", {"id": "l", "opportunity_id": "d", "partner_id": "A", "role": "reseller"})
    bench.put(
        "stage_history",
        {"id": "1", "opportunity_id": "d", "stage": "Discovery", "at": OPENED},
        {"id": "2", "opportunity_id": "d", "stage": "Proposal", "at": OPENED + timedelta(days=5)},
    )
    bench.touch("A", "call", OPENED + timedelta(days=5))
    bench.touch("B", "call", OPENED + timedelta(days=4))
    paths = bench.found(staged=True).paths
    assert paths.roles is not None
    assert paths.stages is not None
    assert [paths.stages.names[code] for code in paths.stages.codes] == ["discovery", "proposal"]
    assert [paths.roles.names[code] if code != NOWHERE else "" for code in paths.roles.codes] == ["", "reseller"]
    line = PointRule(role="reseller", stage="proposal", position="*", points=Decimal(1))
    rules = replace(bench.policy.touch_models, custom=(line,))
    (custom,) = touch_credit(bench.found(staged=True), rules, ["custom"]).models
    assert {each.id: each.amount for each in custom.lines} == {"A": Decimal("100.00"), "B": Decimal("0.00")}


def test_amounts_are_in_the_corporate_currency_and_what_is_unknown_is_told(bench: Bench) -> None:
    bench.put("exchange_rates", {"id": "1", "currency": "EUR", "rate": Decimal("0.8")})
    bench.deal("a", currency="EUR", amount=Decimal("8.01"))
    bench.deal("b", currency="CHF")
    bench.deal("c", amount=None)
    found = bench.found()
    assert (list(found.cents), found.unconverted, found.missing_amounts) == ([1001, 0, 0], 1, 1)


def test_what_cannot_be_asked_for(bench: Bench) -> None:
    with pytest.raises(ValueError, match="partner, campaign, motion"):
        bench.found("region")


def world(bench: Bench, count: int = 60, *, backwards: bool = False) -> None:
    """Deals of odd cents with up to three touches each; every third is lost, every tenth has no touch."""
    deals, touches = [], []
    for at in range(count):
        deals.append(deal_row(f"d{at:03}", amount=Decimal(f"{at * 7 + 1}.{at % 100:02}"), is_won=at % 3 > 0))
        for number, partner in enumerate("ABC"[: at % 4] if at % 10 else ""):
            when = OPENED + timedelta(days=at % 20 + 11 * number)
            touches.append(touch_row(partner, "call", when, related_id=f"d{at:03}", id=f"{at}{partner}"))
    step = -1 if backwards else 1
    bench.put("touches", *touches[::step])
    bench.put("opportunities", *deals[::step])


def test_every_model_adds_up_to_what_was_won_to_the_cent(bench: Bench) -> None:
    world(bench)
    rules = replace(bench.policy.touch_models, min_won=1, won_per_state=1, min_mean_touches=Decimal(1))
    told = touch_credit(bench.found(), rules, MODELS)
    assert {each.model for each in told.models} == set(MODELS)
    for each in told.models:
        assert each.state is State.PROVISIONAL if each.model in ("markov", "shapley") else State.AVAILABLE
        total = sum((line.amount for line in each.lines), each.unattributed)
        if each.overlapping:
            assert (each.model, each.unattributed) == ("participation", Decimal(0))
        else:
            assert (each.model, total) == (each.model, told.won_amount)
    assert (told.won, told.lost, told.untouched_won) == (40, 20, 12)


def test_models_that_learn_refuse_where_there_is_little_and_say_why(bench: Bench) -> None:
    world(bench)
    told = touch_credit(bench.found(), bench.policy.touch_models, ["markov", "shapley", "linear"])
    for each in told.models[:2]:
        assert (each.state, each.lines, each.unattributed) == (State.REFUSED, (), told.won_amount)
        assert each.reasons[0].lack is Lack.FEW_WON
    assert told.lift.state is State.REFUSED
    assert told.lift.reasons[0].asked == 75


def test_a_share_that_is_not_known_well_enough_is_not_shown_though_its_amount_is(bench: Bench) -> None:
    world(bench, 20)
    (linear,) = touch_credit(bench.found(), bench.policy.touch_models, ["linear"]).models
    assert all(line.share is None and line.amount > 0 for line in linear.lines)


def test_the_win_lift_leaves_out_who_came_after_the_landmark(bench: Bench) -> None:
    world(bench)
    rules = replace(bench.policy.touch_models, min_won=1, min_won_each=1)
    found = bench.found()

    def there(days: int) -> dict[str, int]:
        lift = touch_credit(found, replace(rules, landmark_days=days), []).lift
        return {line.id: line.n for line in lift.lines}

    assert there(60) == {"A": 42, "B": 27, "C": 15}
    assert there(10)["A"] < 42
    assert "C" not in there(10)
    closed_before = touch_credit(found, replace(rules, landmark_days=90), []).lift
    assert (closed_before.n, closed_before.state) == (0, State.REFUSED)


def test_the_same_records_in_another_order_give_the_same_answer(policy: Policy) -> None:
    def told(backwards: bool) -> TouchCredit:
        bench = Bench(policy)
        world(bench, backwards=backwards)
        rules = replace(policy.touch_models, min_won=1, won_per_state=1, min_mean_touches=Decimal(1))
        found = touch_credit(bench.found(), rules, MODELS)
        bench.mirror.close()
        return found

    assert told(backwards=False) == told(backwards=True)
