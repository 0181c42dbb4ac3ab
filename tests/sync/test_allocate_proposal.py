"""A proposed split keeps to gates, caps and hurdle, tells who is left out and why, and what more would bring."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.config.policy import load
from connector.core.decisions import NOBODY, Accountability, Decision, Outcome
from connector.core.policy import Policy
from connector.core.verdicts import Confidence, Lever, Symptom
from connector.errors import Misconfigured
from connector.facts.funds import Spent, quarter_start
from connector.sync.allocate import Proposal, proposal

DAY = date(2026, 6, 30)
ALL = ("Demand Gen", "Enablement", "Thought Leadership", "First-Deal Incentive")
SHIPPED = load("default")


def policy(**changes: Any) -> Policy:
    plain: dict[str, Any] = {"exploration": Decimal(0), "partner_cap": Decimal(1), "hurdle": Decimal(1)}
    return replace(SHIPPED, allocation=replace(SHIPPED.allocation, **{**plain, **changes}))


def partner(id_: str, outcome: Outcome = Outcome.FUND, motions: tuple[str, ...] = ALL, **changes: Any) -> Decision:
    held = Accountability("VAR", "Through-Partner", "PMM", "PMM", False, NOBODY, NOBODY)
    base = Decision(
        partner_id=id_, name=f"Partner {id_}", as_of=DAY, policy_version="p@1", outcome=outcome, computed=outcome,
        gates=(), allowed_motions=motions, symptoms=(), symptom=Symptom.NONE, lever=Lever.SUSTAIN, lever_since=DAY,
        stop_signal=False, accountability=held, confidence=Confidence.HIGH, reasons=("velocity.FLOOR_REACHED",),
        currency="USD", pilot_cap=Decimal(5000),
    )  # fmt: skip
    return replace(base, **changes)


def ran(id_: str, *ratios: float, motion: str = "Demand Gen", unknown: int = 0) -> list[Spent]:
    """Campaigns of 10,000 each with these ratios of pipeline."""
    return [
        Spent(id_, f"{id_}-{motion}-{at}", motion, DAY, Decimal(10_000), Decimal(str(ratio)) * 10_000, 4, unknown)
        for at, ratio in enumerate(ratios)
    ]


GOOD, FAIR, POOR = (9.0, 10.0, 11.0, 10.0), (5.0, 6.0, 5.5, 5.0), (0.4, 0.5, 0.6, 0.5)
THREE = [partner("a"), partner("b"), partner("c")]
RECORDS = [*ran("a", *GOOD), *ran("b", *FAIR), *ran("c", *POOR)]


def proposed(budget: int = 50_000, *, rules: Policy | None = None, **changes: Any) -> Proposal:
    given: dict[str, Any] = {"decisions": THREE, "campaigns": RECORDS, "countries": {}, **changes}
    decisions, campaigns, countries = (given.pop(name) for name in ("decisions", "campaigns", "countries"))
    return proposal(decisions, campaigns, countries, rules or policy(), Decimal(budget), as_of=DAY, **given)


def amounts(found: Proposal) -> dict[tuple[str, str], int]:
    return {(line.partner_id, line.motion): int(line.amount) for line in found.lines}


def test_money_goes_first_to_who_brought_most_and_none_below_the_hurdle() -> None:
    found = proposed()
    split = amounts(found)
    assert split["a", "Demand Gen"] > split["b", "Demand Gen"] > 0
    assert [(each.partner_id, each.code) for each in found.left_out] == [("c", "BELOW_HURDLE")]
    assert "over 4 campaigns" in found.left_out[0].said
    assert found.spent == 50_000
    assert found.exact


def test_a_partner_cap_moves_the_rest_to_the_next_one() -> None:
    found = proposed(rules=policy(partner_cap=Decimal("0.5")))
    assert amounts(found)["a", "Demand Gen"] == 25_000
    assert "Partner a [allocation.partner_cap]" in found.limits


def test_what_cannot_reach_the_hurdle_stays_unspent_and_more_budget_would_bring_nothing() -> None:
    found = proposed(200_000, rules=policy(hurdle=Decimal(8)))
    assert found.spent < 200_000
    assert found.marginal == 0
    assert all(line.next_ratio < 8 for line in found.lines)


def test_the_next_increment_brings_what_is_said() -> None:
    found, more = proposed(50_000), proposed(55_000)
    gain = (more.pipeline - found.pipeline) / 5_000
    assert abs(gain - found.marginal) < Decimal("0.01")


def test_ten_percent_of_the_budget_more_or_less_is_told_with_what_it_changes() -> None:
    found = proposed()
    assert found.less is not None
    assert found.more is not None
    assert (int(found.less.budget), int(found.more.budget)) == (45_000, 55_000)
    assert found.less.pipeline < found.pipeline < found.more.pipeline
    assert sum(change[2] for change in found.less.changes) == -5_000
    assert sum(change[2] for change in found.more.changes) == 5_000


def test_only_open_motions_get_money() -> None:
    closed = partner("a", Outcome.ENABLE, ("Enablement",))
    found = proposed(decisions=[closed, *THREE[1:]], campaigns=[*RECORDS, *ran("a", 4.0, motion="Enablement")])
    assert {motion for id_, motion in amounts(found) if id_ == "a"} <= {"Enablement"}
    only = proposed(decisions=[closed, *THREE[1:]], motions=("Demand Gen",))
    (told,) = [each for each in only.left_out if each.partner_id == "a"]
    assert told.code == "MOTION_CLOSED"
    assert told.said == ("Fund Enablement Instead: none of Demand Gen is open (velocity.FLOOR_REACHED)")


def test_excluded_and_stale_partners_are_left_out_and_still_teach_the_model() -> None:
    out = [partner("a", excluded=True), partner("b", stale=True), partner("c")]
    found = proposed(decisions=out)
    assert [each.code for each in found.left_out] == ["EXCLUDED", "STALE_SOURCE", "BELOW_HURDLE"]
    assert found.campaigns == 12


def test_a_pilot_gets_at_most_the_pilots_cap_for_demand_generation() -> None:
    found = proposed(decisions=[partner("a", Outcome.PILOT), *THREE[1:]])
    assert amounts(found)["a", "Demand Gen"] == 5_000


def test_partners_with_few_campaigns_get_one_increment_each_of_the_explorations_share() -> None:
    new = [partner("x"), partner("y"), partner("z")]
    rules = policy(exploration=Decimal("0.20"), hurdle=Decimal(6))
    found = proposed(decisions=[*THREE, *new], campaigns=RECORDS, rules=rules)
    exploring = [line for line in found.lines if line.exploring]
    assert [(line.partner_id, int(line.amount), line.campaigns) for line in exploring] == [
        ("x", 5000, 0),
        ("y", 5000, 0),
    ]
    assert found.explored == 10_000
    assert {(each.partner_id, each.code) for each in found.left_out} >= {("z", "EXPLORATION_FULL")}


def test_caps_of_motions_cross_those_of_partners_and_hold_all_the_same() -> None:
    records = [*RECORDS, *ran("a", *FAIR, motion="Enablement"), *ran("b", *GOOD, motion="Enablement")]
    rules = policy(partner_cap=Decimal("0.4"), motion_caps=(("Demand Gen", Decimal("0.3")),))
    found = proposed(100_000, campaigns=records, rules=rules)
    assert not found.exact
    assert sum(v for (_, motion), v in amounts(found).items() if motion == "Demand Gen") <= 30_000
    for id_ in "abc":
        assert sum(v for (who, _), v in amounts(found).items() if who == id_) <= 40_000


def test_a_cap_of_a_region_holds_for_every_country_in_it() -> None:
    rules = policy(region_caps=(("EMEA", Decimal("0.2")),))
    found = proposed(countries={"a": "DE", "b": "US"}, rules=rules)
    assert amounts(found)["a", "Demand Gen"] == 10_000
    assert amounts(found)["b", "Demand Gen"] > 10_000


def test_campaigns_with_too_many_unknown_amounts_teach_nothing_and_are_told() -> None:
    found = proposed(campaigns=[*RECORDS, *ran("a", 100.0, motion="Enablement", unknown=1)])
    assert found.ignored == 1
    assert ("a", "Enablement") not in amounts(found)


def test_without_any_campaign_nothing_is_proposed() -> None:
    found = proposed(campaigns=[])
    assert found.lines == ()
    assert {each.code for each in found.left_out} == {"NO_CAMPAIGNS"}


@pytest.mark.parametrize(("budget", "increment"), [(4_999, None), (50_000, 0), (50_000, Decimal("0.01"))])
def test_a_budget_that_cannot_be_split_is_refused(budget: int, increment: Decimal | None) -> None:
    step = None if increment is None else Decimal(increment)
    with pytest.raises(Misconfigured, match="cannot be split"):
        proposed(budget, increment=step)


def test_a_smaller_increment_diminishes_no_faster() -> None:
    coarse, fine = proposed(), proposed(increment=Decimal(1_000))
    assert fine.pipeline == pytest.approx(coarse.pipeline, rel=Decimal("0.06"))


@settings(max_examples=15, deadline=None)
@given(st.permutations(THREE), st.permutations(RECORDS))
def test_the_order_of_rows_changes_nothing(decisions: list[Decision], campaigns: list[Spent]) -> None:
    assert proposed(decisions=decisions, campaigns=campaigns) == proposed()


@pytest.mark.parametrize(
    ("day", "first_month", "start"),
    [
        (date(2026, 3, 31), 1, date(2026, 1, 1)),
        (date(2026, 4, 1), 1, date(2026, 4, 1)),
        (date(2026, 1, 31), 2, date(2025, 11, 1)),
        (date(2026, 2, 1), 2, date(2026, 2, 1)),
        (date(2026, 1, 5), 3, date(2025, 12, 1)),
    ],
)
def test_fiscal_quarters_start_where_the_year_does(day: date, first_month: int, start: date) -> None:
    assert quarter_start(day, first_month) == start
