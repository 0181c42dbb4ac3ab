"""Does a decision put gates, symptoms, owners and a person's override together as written?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connector.core.decide import decide, is_stale, outcome_named
from connector.core.decisions import Decision, Outcome, Previous, decision_id
from connector.core.facts import Unknown
from connector.core.verdicts import Confidence, Gate, Lever, Symptom, Verdict


def test_a_partner_that_passes_everything_is_funded(build: Any, with_goal: Any) -> None:
    decision = build.decided(build.good(), with_goal)
    assert (decision.outcome, decision.confidence, decision.lever) == (Outcome.FUND, Confidence.HIGH, Lever.SUSTAIN)
    assert decision.allowed_motions[0] == "Demand Gen"
    assert decision.reasons == ("velocity.FLOOR_REACHED", "market_fit.OVERLAP", "track_record.RATIO_REACHED")


def test_all_gates_are_evaluated_even_if_the_first_fails(build: Any, with_goal: Any) -> None:
    facts = build.good(quotes=build.quotes(0, 40), footprint=build.footprint("US"))
    decision = build.decided(facts, with_goal)
    assert decision.outcome is Outcome.ENABLE
    assert [gate.verdict for gate in decision.gates] == [Verdict.FAIL, Verdict.FAIL, Verdict.PASS]
    assert decision.reasons == ("velocity.BELOW_FLOOR",)


def test_a_partner_about_whom_nothing_is_known_may_pilot(build: Any, default: Any) -> None:
    decision = build.decided(build.partner(), default)
    assert (decision.outcome, decision.confidence) == (Outcome.PILOT, Confidence.NONE)


def test_a_confidence_gap_closes_demand_gen_even_when_the_gates_pass(build: Any, with_goal: Any) -> None:
    facts = build.good(meetings=build.meetings(12))
    stopped = build.decided(facts, with_goal)
    assert stopped.outcome is Outcome.FUND
    assert stopped.stop_signal
    assert "Demand Gen" not in stopped.allowed_motions
    gate_wins = build.policy(with_goal, "levers", stop_wins=False)
    assert "Demand Gen" in build.decided(facts, gate_wins).allowed_motions


def test_the_stop_signal_holds_when_another_symptom_is_primary(build: Any, with_goal: Any) -> None:
    decision = build.decided(build.good(meetings=build.meetings(12), activity=build.activity()), with_goal)
    assert (decision.symptom, decision.lever) == (Symptom.AWARENESS, Lever.RE_RECRUIT)
    assert decision.stop_signal


@pytest.mark.parametrize(
    ("days", "outcome"), [(0, Outcome.FUND), (10, Outcome.FUND), (-1, Outcome.ENABLE), (None, Outcome.ENABLE)]
)
def test_an_override_holds_through_the_day_on_which_it_expires(
    build: Any, with_goal: Any, days: int | None, outcome: Outcome
) -> None:
    facts = build.good(quotes=build.quotes(0, 40), override=build.override(days_left=days))
    decision = build.decided(facts, with_goal)
    assert (decision.outcome, decision.computed) == (outcome, Outcome.ENABLE)


def test_an_override_keeps_the_computed_verdict_beneath(build: Any, with_goal: Any) -> None:
    facts = build.good(quotes=build.quotes(0, 40), override=build.override())
    gate = build.decided(facts, with_goal).gate(Gate.VELOCITY)
    assert gate is not None
    assert (gate.verdict, gate.shown) == (Verdict.FAIL, Verdict.OVERRIDDEN)
    assert "Demand Gen" in build.decided(facts, with_goal).allowed_motions


def test_an_override_that_agrees_overrides_nothing(build: Any, with_goal: Any) -> None:
    facts = build.good(quotes=build.quotes(0, 40), override=build.override("Fund Enablement Instead"))
    assert build.decided(facts, with_goal).gates[0].shown is Verdict.FAIL


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        ("fund demand gen", Outcome.FUND),
        ("Defer - Market Fit", Outcome.DEFER),
        ("  Rework —  Proof of Performance", Outcome.REWORK),
        ("Give them money", None),
        ("", None),
    ],
)
def test_people_s_words_for_outcomes(words: str, outcome: Outcome | None) -> None:
    assert outcome_named(words) is outcome


def test_an_override_in_unknown_words_is_ignored_with_a_reason(build: Any, with_goal: Any) -> None:
    decision = build.decided(build.good(override=build.override("Give them money")), with_goal)
    assert decision.outcome is Outcome.FUND
    assert "OVERRIDE_UNKNOWN" in decision.reasons


def test_an_excluded_partner_is_held_and_not_judged(build: Any, with_goal: Any) -> None:
    decision = build.decided(build.good(excluded=True, override=build.override()), with_goal)
    assert (decision.outcome, decision.gates, decision.allowed_motions) == (Outcome.HOLD, (), ())
    assert decision.reasons == ("EXCLUDED",)


def test_a_stale_source_decides_nothing_and_keeps_the_last_decision(build: Any, with_goal: Any) -> None:
    before = build.decided(build.good(quotes=build.quotes(0, 40)), with_goal)
    stale = build.good(freshness=build.ago(10))
    decision = build.decided(stale, with_goal, before.carried())
    assert (decision.outcome, decision.lever, decision.stale) == (Outcome.ENABLE, Lever.SUSTAIN, True)
    assert {gate.code for gate in decision.gates} == {"STALE_SOURCE"}
    assert decision.settled == before.settled
    assert build.decided(stale, with_goal).outcome is Outcome.INSUFFICIENT


def test_one_stale_fact_is_enough_to_keep_the_last_decision(build: Any, with_goal: Any) -> None:
    before = build.decided(build.good(quotes=build.quotes(0, 40)), with_goal)
    stale = build.good(activity=Unknown("STALE_SOURCE", "logins: read up to yesterday"))
    decision = build.decided(stale, with_goal, before.carried())
    assert (decision.outcome, decision.stale) == (Outcome.ENABLE, True)


def test_a_source_is_stale_after_the_policy_s_hours_before_the_day(build: Any, default: Any) -> None:
    start_of_day = build.ago(0).replace(hour=0)
    assert not is_stale(start_of_day - timedelta(hours=72), default, build.as_of)
    assert is_stale(start_of_day - timedelta(hours=72, seconds=1), default, build.as_of)
    assert not is_stale(None, default, build.as_of)


def test_the_lever_keeps_its_first_day_while_it_stays(build: Any, with_goal: Any) -> None:
    monday = build.decided(build.good(), with_goal)
    tuesday = decide(build.good(), with_goal, build.as_of + timedelta(days=1), monday.carried())
    assert tuesday.lever_since == build.as_of
    gone = decide(
        build.good(meetings=build.meetings(9)), with_goal, build.as_of + timedelta(days=1), tuesday.carried()
    )
    assert (gone.lever, gone.lever_since) == (Lever.STOP, build.as_of + timedelta(days=1))


def test_a_settled_verdict_keeps_its_first_day_and_ends_with_the_evidence(build: Any, with_goal: Any) -> None:
    first = build.decided(build.good(quotes=build.quotes(10, 40)), with_goal)
    later = decide(
        build.good(quotes=build.quotes(7, 40)), with_goal, build.as_of + timedelta(days=5), first.carried()
    )
    assert later.settled == first.settled
    assert later.gates[0].code == "HELD"
    thin = build.decided(build.good(quotes=build.quotes(1, 5)), with_goal, first.carried())
    assert thin.settled == ()


def test_a_decision_is_the_same_after_a_turn_as_text(build: Any, with_goal: Any) -> None:
    facts = build.good(
        quotes=build.quotes(1, 40, proxy=True),
        footprint=build.footprint("DE", unmapped=("Lévant ☂",)),
        live=(build.live(), build.live(motion="Enablement", amount=None)),
        override=build.override(),
        freshness=build.ago(1),
    )
    decision = build.decided(facts, with_goal)
    text = decision.to_json()
    assert Decision.from_json(text) == decision
    assert Decision.from_json(text).to_json() == text
    assert decision_id(text) == decision_id(build.decided(facts, with_goal).to_json())
    carried = decision.carried()
    assert Previous.from_json(carried.to_json()) == carried


def test_live_items_in_any_order_are_the_same_decision(build: Any, with_goal: Any) -> None:
    one, two = build.live(), replace(build.live("Enablement"), id="c1")
    here = build.decided(build.good(live=(one, two)), with_goal)
    there = build.decided(build.good(live=(two, one)), with_goal)
    assert here.to_json() == there.to_json()
