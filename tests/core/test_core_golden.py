"""Do the rules give the expected answer for each of the model's reference cases that they cover?

Cases about relations between records (several quotes on one deal, merged partners, attribution) are elsewhere.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connector.core.decide import decide
from connector.core.decisions import Outcome
from connector.core.explain import sentence, why
from connector.core.facts import Unknown
from connector.core.plan import DesiredRecord, RecordValues, SetFields, diff
from connector.core.scorecard import scorecard
from connector.core.tasks import ExistingTask, plan_tasks
from connector.core.triage import market_fit, track_record, velocity
from connector.core.verdicts import Confidence, Lever, Presence, Symptom, Verdict


def gate_one(build: Any, policy: Any, won: int, counted: int) -> Any:
    return velocity(build.partner(quotes=build.quotes(won, counted)), policy.velocity, build.as_of, None)


def gate_three(build: Any, policy: Any, *campaigns: Any, **changes: Any) -> Any:
    rules = build.policy(policy, "track_record", **changes).track_record
    return track_record(build.partner(track_record=build.record(*campaigns)), rules, build.as_of)


def case_five(build: Any, spend: int = 1) -> list[Any]:
    pairs = ((60_000, 20_000), (10_000, 10_000), (90_000, 10_000))
    return [build.campaign(f"c{n}", made, cost * spend, 200 + n) for n, (made, cost) in enumerate(pairs)]


def test_case_1_ten_matured_quotes_two_won_pass_at_low_confidence(build: Any, default: Any) -> None:
    result = gate_one(build, default, 2, 10)
    assert (result.verdict, result.confidence) == (Verdict.PASS, Confidence.LOW)
    assert "20.0 %" in sentence(result)


def test_case_2_one_of_ten_funds_enablement_and_no_demand_gen(build: Any, with_goal: Any) -> None:
    decision = build.decided(build.good(quotes=build.quotes(1, 10)), with_goal)
    assert decision.outcome is Outcome.ENABLE
    assert "Demand Gen" not in decision.allowed_motions


def test_case_3_none_of_nine_is_insufficient_not_failed(build: Any, default: Any) -> None:
    result = gate_one(build, default, 0, 9)
    assert (result.verdict, result.code) == (Verdict.INSUFFICIENT, "FEW_QUOTES")


def test_case_5_pooled_passes_each_fails_two_of_three(build: Any, default: Any, literal: Any) -> None:
    pooled = gate_three(build, default, *case_five(build))
    assert (pooled.verdict, pooled.value.rounded(1), pooled.met) == (Verdict.PASS, Decimal("4.0"), 2)
    assert "4.0:1 pipeline to spend, 2 of 3 campaigns met 3:1" in sentence(pooled)
    assert gate_three(build, literal, *case_five(build)).verdict is Verdict.FAIL


def test_case_6_the_partner_s_half_counted_too_fails(build: Any, default: Any) -> None:
    result = gate_three(build, default, *case_five(build, spend=2), spend_basis="total_cost")
    assert (result.verdict, result.value.rounded(1)) == (Verdict.FAIL, Decimal("2.0"))


def test_case_7_a_campaign_that_ended_20_days_ago_is_not_counted(build: Any, default: Any) -> None:
    young = build.campaign("young", 90_000, 10_000, 20)
    assert gate_three(build, default, young, *case_five(build)).evidence == ("c0", "c1", "c2")
    few = gate_three(build, default, young, *case_five(build)[:2])
    assert (few.verdict, few.n, few.needed) == (Verdict.INSUFFICIENT, 2, 3)


def test_case_8_spend_of_zero_is_excluded(build: Any, default: Any) -> None:
    free = build.campaign("free", 50_000, 0, 100)
    assert gate_three(build, default, free, *case_five(build)).left_out == (("free", "ZERO_SPEND"),)


def test_case_9_a_foreign_campaign_without_a_rate_is_insufficient(build: Any, default: Any) -> None:
    foreign = build.campaign("eur", 60_000, 20_000, 100, unconverted=1)
    result = gate_three(build, default, foreign, *case_five(build))
    assert (result.verdict, result.code) == (Verdict.INSUFFICIENT, "FX_RATE_MISSING")


def test_case_10_goals_not_set_is_insufficient_and_one_admin_task(build: Any, default: Any) -> None:
    partners = [build.good(partner_id=f"p{n}") for n in range(40)]
    result = market_fit(partners[0], default.market_fit, build.as_of)
    assert (result.verdict, result.code) == (Verdict.INSUFFICIENT, "GOALS_NOT_SET")
    first = [build.decided(partner, default) for partner in partners]
    state = plan_tasks(first, None, (), default, build.as_of, connection="org").state
    tomorrow = build.as_of + timedelta(days=1)
    later = [decide(p, default, tomorrow, d.carried()) for p, d in zip(partners, first, strict=True)]
    made = plan_tasks(later, state, (), default, tomorrow, connection="org").create
    assert [(task.type, task.partner_id) for task in made] == [("T10", None)]


def test_case_11_twelve_meetings_no_quotes_stop_demand_gen_and_the_live_campaign(build: Any, with_goal: Any) -> None:
    goals = (replace(with_goal.market_fit.goals[0], end=date(2028, 1, 1)),)
    policy = build.policy(build.policy(with_goal, "tasks", cohort_personas=()), "market_fit", goals=goals)
    calm = build.partner(live=(build.live(),), meetings=build.meetings(12, 3), footprint=build.footprint("DE"))
    gap = replace(calm, meetings=build.meetings(12))
    decision = build.decided(gap, policy)
    assert decision.computed is Outcome.PILOT  # the gates are insufficient
    assert (decision.symptom, decision.lever) == (Symptom.CONFIDENCE, Lever.STOP)
    assert "Demand Gen" not in decision.allowed_motions
    day, state, carried = build.as_of, None, None
    made = []
    for facts in (calm, gap, gap):
        decision = decide(facts, policy, day, carried)
        plan = plan_tasks([decision], state, (), policy, day, connection="org")
        made += [task.type for task in plan.create if task.partner_id]
        day, state, carried = day + timedelta(days=1), plan.state, decision.carried()
    assert made == ["T1"]


def test_case_12_a_registration_ten_days_ago_is_not_dormant_though_logins_are_unmapped(
    build: Any, default: Any
) -> None:
    decision = build.decided(build.partner(activity=build.activity(registration=10, known=False)), default)
    result = decision.symptom_result(Symptom.AWARENESS)
    assert result is not None
    assert (result.presence, result.code, result.confidence) == (Presence.ABSENT, "LOGIN_UNMAPPED", Confidence.LOW)


def test_case_13_var_and_gsi_without_a_primary_is_strategic_and_the_account_manager_s(
    build: Any, default: Any
) -> None:
    held = build.decided(build.partner(personas=("VAR", "GSI")), default).accountability
    assert (held.strategic, held.role, held.owner.id) == (True, "PAM", "u1")


@pytest.mark.parametrize("partners", [1, 1000])
def test_cases_19_and_20_the_first_run_writes_fields_and_no_task_and_a_rerun_nothing(
    build: Any, with_goal: Any, partners: int
) -> None:
    gap = {"meetings": build.meetings(12), "live": (build.live(),)}
    facts = [build.good(partner_id=f"p{n}", **(gap if n % 2 else {})) for n in range(partners)]
    decisions = [build.decided(partner, with_goal) for partner in facts]
    desired = [DesiredRecord(d.partner_id, scorecard(d, scored_at=build.ago(0))) for d in decisions]
    tasks = plan_tasks(decisions, None, (), with_goal, build.as_of, connection="org")
    first = diff((), desired, create=tasks.create, close=tasks.close)
    assert first.summary.first_decisions == partners
    assert first.summary.tasks_created == 0

    written = [RecordValues(d.record_id, d.values) for d in desired]
    again = [build.decided(p, with_goal, d.carried()) for p, d in zip(facts, decisions, strict=True)]
    later = [DesiredRecord(d.partner_id, scorecard(d, scored_at=build.ago(-1))) for d in again]
    rerun = plan_tasks(again, tasks.state, (), with_goal, build.as_of, connection="org")
    assert diff(written, later, create=rerun.create, close=rerun.close).empty


def test_case_21_a_completed_task_is_not_made_again_the_next_day(build: Any, with_goal: Any) -> None:
    goals = (replace(with_goal.market_fit.goals[0], end=date(2028, 1, 1)),)
    policy = build.policy(build.policy(with_goal, "tasks", cohort_personas=()), "market_fit", goals=goals)
    day, state, carried = build.as_of, None, None
    existing: tuple[ExistingTask, ...] = ()
    made = []
    for meetings in (build.meetings(12, 3), *[build.meetings(12)] * 5):
        decision = decide(build.good(meetings=meetings), policy, day, carried)
        plan = plan_tasks([decision], state, existing, policy, day, connection="org")
        made += [task.type for task in plan.create]
        for task in plan.create:  # made, and completed by a person on the same day
            done = ExistingTask(task.key, "t1", task.owner_id, "p1", day, is_closed=True, closed=day, touched=True)
            existing = (*existing, done)
        day, state, carried = day + timedelta(days=1), plan.state, decision.carried()
    assert made == ["T2"]


def test_case_22_an_override_that_expired_yesterday_gives_way(build: Any, with_goal: Any) -> None:
    facts = build.good(quotes=build.quotes(0, 40), override=build.override("Fund Demand Gen", days_left=-1))
    decision = build.decided(facts, with_goal)
    assert decision.outcome is Outcome.ENABLE
    assert "OVERRIDE_EXPIRED" in decision.reasons
    assert "is ignored: it has expired" in why(decision)


def test_unknown_facts_are_never_a_failure(build: Any, with_goal: Any) -> None:
    for name in ("quotes", "footprint", "track_record"):
        decision = build.decided(build.good(**{name: Unknown("X", "x")}), with_goal)
        assert decision.outcome is Outcome.PILOT


def test_set_fields_carries_the_decision_that_caused_it() -> None:
    plan = diff((), [DesiredRecord("p1", (("Symptom", "None"),), "abc", "velocity.BELOW_FLOOR")])
    (change,) = plan.changes
    assert isinstance(change, SetFields)
    assert (change.decision_id, change.reason) == ("abc", "velocity.BELOW_FLOOR")
