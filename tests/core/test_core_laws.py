"""Do the laws hold for any facts: same bytes, no order, an empty plan after its own application, no surprise?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.core.codec import from_json, to_json
from connector.core.decide import decide
from connector.core.decisions import Decision, Settled
from connector.core.explain import story, why
from connector.core.facts import PartnerFacts, Unknown
from connector.core.figures import Ratio
from connector.core.plan import DesiredRecord, RecordValues, SetFields, diff
from connector.core.scorecard import scorecard
from connector.core.tasks import plan_tasks
from connector.core.triage import velocity
from connector.core.verdicts import Gate, Verdict

quick = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])

small, few = st.integers(0, 40), st.integers(0, 5)
days = st.one_of(st.none(), st.integers(0, 400))
amounts = st.integers(0, 10**6)


@st.composite
def facts(draw: Any, build: Any) -> PartnerFacts:
    """A partner with any mixture of known and unknown facts."""

    def known(value: Any) -> Any:
        return draw(st.sampled_from((value, value, Unknown("NOT_MAPPED", "a source"))))

    counted = draw(small)
    campaigns = [
        build.campaign(
            f"c{n}", draw(amounts), draw(amounts), draw(st.integers(0, 400)), missing_amounts=draw(small) // 8
        )
        for n in range(draw(st.integers(0, 5)))
    ]
    held = draw(small)
    found: PartnerFacts = build.partner(
        personas=tuple(
            draw(st.lists(st.sampled_from(("VAR", "GSI", "ISV", "Agency", "?")), max_size=2, unique=True))
        ),
        strategic=draw(st.booleans()),
        since=build.as_of - timedelta(days=draw(st.integers(0, 2000))) if draw(st.booleans()) else None,
        excluded=draw(st.integers(0, 9)) == 0,
        quotes=known(build.quotes(draw(st.integers(0, counted)), counted)),
        footprint=known(build.footprint(*draw(st.lists(st.sampled_from(("DE", "US", "JP")), max_size=2)))),
        track_record=known(build.record(*campaigns)),
        meetings=known(build.meetings(held, draw(small) // 4)),
        won_deals=known(build.deals(draw(small), draw(amounts), draw(amounts), draw(small), draw(small) // 8)),
        activity=known(build.activity(login=draw(days), registration=draw(days), known=draw(st.booleans()))),
        live=(build.live(),) if draw(st.booleans()) else (),
        override=build.override(days_left=draw(st.integers(-20, 20))) if draw(st.booleans()) else None,
        freshness=build.ago(draw(st.integers(0, 5))) if draw(st.booleans()) else None,
    )
    return found


def many(data: Any, build: Any) -> list[PartnerFacts]:
    found = data.draw(st.lists(facts(build), min_size=1, max_size=6))
    return [replace(one, partner_id=f"p{n}") for n, one in enumerate(found)]


@quick
@given(data=st.data())
def test_same_facts_and_policy_give_the_same_bytes_and_survive_as_text(build: Any, with_goal: Any, data: Any) -> None:
    one = data.draw(facts(build))
    text = build.decided(one, with_goal).to_json()
    assert build.decided(one, with_goal).to_json() == text
    assert Decision.from_json(text).to_json() == text
    assert from_json(PartnerFacts, to_json(one)) == one


@quick
@given(data=st.data())
def test_campaigns_in_any_order_decide_alike(build: Any, with_goal: Any, data: Any) -> None:
    one = data.draw(facts(build))
    if isinstance(one.track_record, Unknown):
        return
    shuffled = tuple(data.draw(st.permutations(one.track_record.last)))
    other = replace(one, track_record=replace(one.track_record, last=shuffled))
    assert build.decided(other, with_goal).to_json() == build.decided(one, with_goal).to_json()


@quick
@given(data=st.data())
def test_a_plan_after_its_own_application_is_empty_whatever_the_order(build: Any, with_goal: Any, data: Any) -> None:
    decisions = [build.decided(one, with_goal) for one in many(data, build)]
    desired = [DesiredRecord(d.partner_id, scorecard(d, scored_at=build.ago(0))) for d in decisions]
    there = {d.record_id: dict(data.draw(st.sampled_from((d.values, d.values[:5], ())))) for d in desired}
    existing = [RecordValues(key, tuple(values.items())) for key, values in there.items()]
    plan = diff(existing, desired)
    assert diff(data.draw(st.permutations(existing)), data.draw(st.permutations(desired))) == plan
    for change in plan.changes:
        assert isinstance(change, SetFields)
        for part in change.values:
            assert there[change.record_id].get(part.name) == part.before
            there[change.record_id][part.name] = part.after
    applied = [RecordValues(key, tuple(values.items())) for key, values in there.items()]
    assert diff(applied, desired).empty


@quick
@given(data=st.data())
def test_the_first_run_makes_no_task_and_running_again_that_day_changes_nothing(
    build: Any, with_goal: Any, data: Any
) -> None:
    partners = many(data, build)
    decisions = [build.decided(one, with_goal) for one in partners]
    first = plan_tasks(decisions, None, (), with_goal, build.as_of, connection="org")
    assert (first.create, first.close) == ((), ())
    again = plan_tasks(
        data.draw(st.permutations(decisions)), first.state, (), with_goal, build.as_of, connection="org"
    )
    assert (again.create, again.close) == ((), ()) or {task.type for task in again.create} == {"T11"}
    assert {e.id for e in again.state.episodes} == {e.id for e in first.state.episodes}


@quick
@given(data=st.data())
def test_a_confidence_gap_or_a_failed_gate_never_leaves_demand_gen_open_without_a_person(
    build: Any, with_goal: Any, data: Any
) -> None:
    decision = build.decided(data.draw(facts(build)), with_goal)
    failed = any(gate.verdict is Verdict.FAIL for gate in decision.gates)
    by_hand = decision.override is not None and decision.override.applied
    if (failed or decision.stop_signal) and not by_hand:
        assert "Demand Gen" not in decision.allowed_motions


@quick
@given(data=st.data())
def test_one_more_won_quote_never_turns_a_pass_into_a_failure(build: Any, default: Any, data: Any) -> None:
    counted = data.draw(st.integers(10, 300))
    won = data.draw(st.integers(0, counted - 1))
    settled = data.draw(
        st.sampled_from(
            (None, *(Settled(Gate.VELOCITY, v, build.as_of, Decimal("0.20")) for v in (Verdict.PASS, Verdict.FAIL)))
        )
    )

    def verdict(wins: int) -> Verdict:
        found = velocity(build.partner(quotes=build.quotes(wins, counted)), default.velocity, build.as_of, settled)
        assert isinstance(found.verdict, Verdict)
        return found.verdict

    assert (verdict(won), verdict(won + 1)) != (Verdict.PASS, Verdict.FAIL)


@quick
@given(data=st.data())
def test_every_decision_can_account_for_itself(build: Any, with_goal: Any, data: Any) -> None:
    decision = build.decided(data.draw(facts(build)), with_goal)
    assert 0 < len(why(decision)) <= 1000
    assert all(story(decision))
    assert decision.reasons


@quick
@given(top=st.integers(0, 10**6), bottom=st.integers(1, 10**6), threshold=st.decimals("0.001", "5", places=3))
def test_a_shown_figure_is_on_the_same_side_as_the_truth(top: int, bottom: int, threshold: Decimal) -> None:
    ratio = Ratio(Decimal(top), Decimal(bottom))
    for shown in (ratio.rounded(1, threshold=threshold), Decimal(ratio.text(1, threshold=threshold))):
        assert (shown >= threshold) == ratio.reaches(threshold)


@quick
@given(data=st.data())
def test_a_day_later_with_the_same_facts_only_time_itself_may_decide(build: Any, with_goal: Any, data: Any) -> None:
    one = replace(data.draw(facts(build)), freshness=None, override=None)
    today = build.decided(one, with_goal)
    again = build.decided(one, with_goal, today.carried())
    assert replace(again, first=True) == today
    assert decide(one, with_goal, build.as_of, again.carried()).to_json() == again.to_json()
