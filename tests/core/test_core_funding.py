"""A fund request is decided by the partner's decision and by what it says; what it lacks is named, never rejected."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.core.conditions import EndingRegistration, registration_conditions, request_conditions
from connector.core.decisions import Decision, Outcome
from connector.core.fund_card import FUND_FIELDS, fund_card
from connector.core.funding import ClaimHistory, Funding, FundingDecision, FundRequest, decide_requests
from connector.core.policy import Policy

if TYPE_CHECKING:
    from conftest import Build

CLEAN = ClaimHistory(True, 4, 0)


def request(build: Build, **changes: Any) -> FundRequest:
    """A complete request: 4,000 that are to bring 20,000, half matched, in a month."""
    asked = build.as_of - timedelta(days=3)
    base = FundRequest(
        id="r1", partner_id="p1", name="Autumn webinar", status="submitted", motion="Demand Gen", activity="Webinar",
        currency="USD", amount=Decimal(4000), value=Decimal(4000), expected_pipeline=Decimal(20_000),
        target_conversion=Decimal(8), match_share=Decimal(50), asked_on=asked, starts_on=asked + timedelta(days=30),
    )  # fmt: skip
    return replace(base, **changes)


def only(found: tuple[FundingDecision, ...]) -> FundingDecision:
    (one,) = found
    return one


def codes(found: FundingDecision) -> tuple[str, ...]:
    return tuple(reason.code for reason in found.reasons)


@pytest.fixture
def passing(build: Build, with_goal: Policy) -> Decision:
    return build.decided(build.good(), with_goal)


@pytest.fixture
def pilot(build: Build, with_goal: Policy) -> Decision:
    decided = build.decided(build.good(quotes=build.quotes(0, 3)), with_goal)
    assert decided.outcome is Outcome.PILOT
    return decided


@pytest.fixture
def failing(build: Build, with_goal: Policy) -> Decision:
    decided = build.decided(build.good(quotes=build.quotes(1, 10)), with_goal)
    assert decided.outcome is Outcome.ENABLE
    return decided


def test_a_complete_request_of_a_partner_that_passes_is_funded_with_its_grounds(
    build: Build, with_goal: Policy, passing: Decision
) -> None:
    found = only(decide_requests([request(build)], passing, CLEAN, with_goal))
    assert found.decision is Funding.FUND
    assert found.cap is None
    assert found.why == (
        "MOTION_OPEN: Demand Gen is open to the partner (Fund Demand Gen) [triage.ungated_motions]; "
        "PIPELINE_REACHED: 20,000 USD from 4,000 USD is 5.0:1 [funds.ratio]; "
        "CLAIMS_CLEAN: 0 of 4 claims rejected in 365 days [funds.claims_days]"
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": None, "value": None}, "AMOUNT_MISSING"),
        ({"amount": Decimal(0), "value": Decimal(0)}, "AMOUNT_MISSING"),
        ({"value": None, "currency": "CHF"}, "FX_RATE_MISSING"),
        ({"activity": None, "motion": None}, "ACTIVITY_MISSING"),
        ({"activity": "Golf day", "motion": "Other"}, "ACTIVITY_NOT_ELIGIBLE"),
        ({"activity": "Golf day", "motion": None}, "ACTIVITY_NOT_ELIGIBLE"),
        ({"target_conversion": None}, "CONVERSION_MISSING"),
        ({"expected_pipeline": None}, "PIPELINE_MISSING"),
        ({"expected_pipeline": Decimal("11999.99")}, "PIPELINE_BELOW_RATIO"),
        ({"match_share": None}, "MATCH_MISSING"),
        ({"match_share": Decimal("49.9")}, "MATCH_BELOW"),
        ({"starts_on": None}, "START_MISSING"),
    ],
)
def test_what_a_request_lacks_makes_it_incomplete_and_is_named(
    build: Build, with_goal: Policy, passing: Decision, changes: dict[str, Any], code: str
) -> None:
    found = only(decide_requests([request(build, **changes)], passing, CLEAN, with_goal))
    assert (found.decision, codes(found)) == (Funding.INCOMPLETE, (code,))


def test_boundaries_are_met_when_they_are_reached(build: Build, with_goal: Policy, passing: Decision) -> None:
    asked = build.as_of - timedelta(days=3)
    edge = request(build, expected_pipeline=Decimal(12_000), match_share=Decimal(50), starts_on=asked + timedelta(14))
    assert only(decide_requests([edge], passing, CLEAN, with_goal)).decision is Funding.FUND
    late = replace(edge, starts_on=asked + timedelta(days=13))
    assert codes(only(decide_requests([late], passing, CLEAN, with_goal))) == ("LEAD_TIME_SHORT",)


def test_everything_that_is_missing_is_named_at_once_in_the_policys_order(
    build: Build, with_goal: Policy, passing: Decision
) -> None:
    bare = request(build, expected_pipeline=None, target_conversion=None, match_share=None, starts_on=None)
    found = only(decide_requests([bare], passing, ClaimHistory(False), with_goal))
    assert codes(found) == (
        "CONVERSION_MISSING", "PIPELINE_MISSING", "MATCH_MISSING", "START_MISSING", "CLAIMS_UNKNOWN"
    )  # fmt: skip


def test_what_the_policy_does_not_require_is_not_missed(build: Build, with_goal: Policy, passing: Decision) -> None:
    bare = request(build, expected_pipeline=None, target_conversion=None, match_share=None, starts_on=None)
    lenient = build.policy(with_goal, "funds", requires=("activity",))
    found = only(decide_requests([bare], passing, ClaimHistory(False), lenient))
    assert (found.decision, codes(found)) == (Funding.FUND, ("MOTION_OPEN",))


def test_a_motion_that_the_partners_decision_closes_is_not_funded_and_the_open_ones_are_named(
    build: Build, with_goal: Policy, failing: Decision
) -> None:
    found = only(decide_requests([request(build)], failing, CLEAN, with_goal))
    assert (found.decision, codes(found)) == (Funding.OTHER_MOTION, ("MOTION_CLOSED",))
    assert "open: Enablement, Thought Leadership, First-Deal Incentive" in found.why
    academy = request(build, motion="Enablement", activity="Training")
    assert only(decide_requests([academy], failing, CLEAN, with_goal)).decision is Funding.FUND


def test_a_confidence_gap_closes_demand_generation_even_when_every_gate_passes(
    build: Build, with_goal: Policy
) -> None:
    gap = build.decided(build.good(meetings=build.meetings(12, 0)), with_goal)
    found = only(decide_requests([request(build)], gap, CLEAN, with_goal))
    assert found.decision is Funding.OTHER_MOTION
    assert "[levers.stop_wins]" in found.why


def test_a_pilot_is_capped_at_the_policys_amount(build: Build, with_goal: Policy, pilot: Decision) -> None:
    large = request(build, amount=Decimal("5000.01"), value=Decimal("5000.01"), expected_pipeline=Decimal(30_000))
    capped = only(decide_requests([large], pilot, CLEAN, with_goal))
    assert (capped.decision, capped.cap, codes(capped)[0]) == (Funding.CAPPED, Decimal(5000), "PILOT_CAPPED")
    within = request(build, amount=Decimal(5000), value=Decimal(5000), expected_pipeline=Decimal(30_000))
    funded = only(decide_requests([within], pilot, CLEAN, with_goal))
    assert (funded.decision, funded.cap, codes(funded)[0]) == (Funding.FUND, None, "PILOT")


def test_a_pilot_is_one_campaign_a_quarter(build: Build, with_goal: Policy, pilot: Decision) -> None:
    earlier = request(build, id="r2", asked_on=build.as_of - timedelta(days=9))
    draft = request(build, id="r0", status="draft", asked_on=build.as_of - timedelta(days=20))
    academy = request(build, id="r3", motion="Enablement", activity="Training")
    found = decide_requests([request(build), earlier, draft, academy], pilot, CLEAN, with_goal)
    assert [(each.request.id, each.decision, codes(each)[0]) for each in found] == [
        ("r0", Funding.HOLD, "PILOT_TAKEN"),
        ("r1", Funding.HOLD, "PILOT_TAKEN"),
        ("r2", Funding.FUND, "PILOT"),
        ("r3", Funding.FUND, "MOTION_OPEN"),
    ]
    granted = decide_requests([request(build)], pilot, CLEAN, with_goal, pilots_granted=1)
    assert codes(only(granted)) == ("PILOT_TAKEN",)


def test_an_incomplete_request_does_not_take_the_pilot(build: Build, with_goal: Policy, pilot: Decision) -> None:
    earlier = request(build, id="r0", match_share=None, asked_on=build.as_of - timedelta(days=9))
    found = decide_requests([earlier, request(build)], pilot, CLEAN, with_goal)
    assert [each.decision for each in found] == [Funding.INCOMPLETE, Funding.FUND]


def test_what_a_person_must_look_at_first_is_held(build: Build, with_goal: Policy, passing: Decision) -> None:
    def held(partner: Decision | None, claims: ClaimHistory = CLEAN) -> tuple[Funding, tuple[str, ...]]:
        found = only(decide_requests([request(build)], partner, claims, with_goal))
        return found.decision, codes(found)

    assert held(None) == (Funding.HOLD, ("PARTNER_UNDECIDED",))
    assert held(replace(passing, excluded=True)) == (Funding.HOLD, ("PARTNER_EXCLUDED",))
    assert held(replace(passing, stale=True)) == (Funding.HOLD, ("STALE_SOURCE",))
    assert held(replace(passing, outcome=Outcome.HOLD)) == (Funding.HOLD, ("PARTNER_ON_HOLD",))
    assert held(passing, ClaimHistory(True, 5, 1)) == (Funding.HOLD, ("CLAIMS_REJECTED",))
    assert held(passing, ClaimHistory(True, 0, 0))[0] is Funding.FUND


_MAYBE = st.one_of(st.none(), st.decimals(0, 100_000, places=2))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    amounts=st.lists(
        st.fixed_dictionaries(
            {
                "amount": _MAYBE,
                "expected_pipeline": _MAYBE,
                "target_conversion": _MAYBE,
                "match_share": _MAYBE,
                "motion": st.sampled_from([None, "Demand Gen", "Enablement", "Other"]),
                "status": st.sampled_from(["draft", "submitted"]),
            }
        ),
        max_size=5,
    ),
    rejected=st.integers(0, 2),
    known=st.booleans(),
    data=st.data(),
)
def test_every_request_has_one_decision_with_reasons_whatever_the_order(
    build: Build,
    with_goal: Policy,
    pilot: Decision,
    amounts: list[dict[str, Any]],
    rejected: int,
    known: bool,
    data: st.DataObject,
) -> None:
    requests = [request(build, id=f"r{at}", value=each["amount"], **each) for at, each in enumerate(amounts)]
    claims = ClaimHistory(known, 3, rejected)
    found = decide_requests(requests, pilot, claims, with_goal)
    assert [each.request.id for each in found] == [each.id for each in requests]
    assert all(each.reasons and all(r.key and r.said for r in each.reasons) for each in found)
    assert found == decide_requests(data.draw(st.permutations(requests)), pilot, claims, with_goal)
    paid = [each for each in found if each.decision in (Funding.FUND, Funding.CAPPED)]
    assert all(each.request.motion in pilot.allowed_motions for each in paid)
    assert sum(each.request.motion == "Demand Gen" for each in paid) <= 1


def test_the_card_holds_the_decision_and_a_reason_that_fits(
    build: Build, with_goal: Policy, passing: Decision
) -> None:
    found = only(decide_requests([request(build)], passing, CLEAN, with_goal))
    card = dict(fund_card(found, "p@1"))
    assert list(card) == [field.name for field in FUND_FIELDS]
    assert card["Funding_Decision"] == "Fund"
    long = request(build, motion="Other", activity="x" * 2000)
    told = dict(fund_card(only(decide_requests([long], passing, CLEAN, with_goal)), "p@1"))["Decision_Reason"]
    assert isinstance(told, str)
    assert len(told) == 1000


def test_only_submitted_requests_call_for_an_answer(build: Build, with_goal: Policy, passing: Decision) -> None:
    requests = [request(build), request(build, id="r2", status="draft")]
    found = decide_requests(requests, passing, CLEAN, with_goal)
    (condition,) = request_conditions(found, {"p1": passing})
    assert (condition.type, condition.subject, condition.holds) == ("T5", "r1", True)
    assert condition.text[0] == "Answer the fund request Autumn webinar: Example Reseller"
    assert condition.text[1].startswith("Proposed: Fund.\nMOTION_OPEN: ")


@pytest.mark.parametrize(("days", "told"), [(-1, False), (0, True), (30, True), (31, False)])
def test_registrations_are_told_from_a_month_before_their_last_day_until_that_day(
    build: Build, with_goal: Policy, passing: Decision, days: int, told: bool
) -> None:
    ends = build.as_of + timedelta(days=days)
    ending = [EndingRegistration("g1", "p1", "Deal", ends)]
    found = list(registration_conditions(ending, {"p1": passing}, with_goal, build.as_of))
    assert [(each.type, each.subject, each.due) for each in found] == ([("T8", "g1", ends)] if told else [])
