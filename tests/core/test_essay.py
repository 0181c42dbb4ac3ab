"""Does the shipped default policy do what the essay's own sentences say?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from connector.core.decisions import Outcome
from connector.core.verdicts import Lever, Symptom, Verdict


def test_if_it_is_below_20_percent_do_not_fund_demand_gen_fund_enablement_instead(build: Any, with_goal: Any) -> None:
    """ "What is this partner's current quote-to-close ratio? If it's below 20%, do not fund demand gen. Fund
    Enablement instead." """
    below = build.decided(build.good(quotes=build.quotes(19, 100)), with_goal)
    assert below.outcome is Outcome.ENABLE
    assert "Enablement" in below.allowed_motions
    assert "Demand Gen" not in below.allowed_motions
    at = build.decided(build.good(quotes=build.quotes(20, 100)), with_goal)
    assert at.outcome is Outcome.FUND


def test_does_the_geographic_or_vertical_footprint_align_with_this_quarter_s_goals(
    build: Any, with_goal: Any
) -> None:
    """ "Does the partner's geographic or vertical footprint align with this quarter's corporate goals?" """
    at_home = [build.footprint("DE"), build.footprint("US", verticals=("Healthcare",))]
    assert [build.decided(build.good(footprint=f), with_goal).outcome for f in at_home] == [Outcome.FUND] * 2
    elsewhere = build.footprint("US", verticals=("Retail",))
    assert build.decided(build.good(footprint=elsewhere), with_goal).outcome is Outcome.DEFER


def test_did_their_last_three_campaigns_meet_the_three_to_one_threshold(
    build: Any, with_goal: Any, literal: Any
) -> None:
    """ "Did their last three campaigns meet the 3:1 pipeline-to-spend threshold?" """

    def outcome(policy: Any, *pipelines: int) -> Outcome:
        campaigns = [build.campaign(f"c{n}", made, 10_000, 200 + n) for n, made in enumerate(pipelines)]
        found = build.decided(build.good(track_record=build.record(*campaigns)), policy)
        assert isinstance(found.outcome, Outcome)
        return found.outcome

    assert outcome(with_goal, 30_000, 30_000, 30_000) is Outcome.FUND
    assert outcome(with_goal, 30_000, 30_000, 29_999) is Outcome.REWORK
    word_by_word = build.policy(literal, "market_fit", goals=with_goal.market_fit.goals)
    assert outcome(word_by_word, 30_000, 30_000, 30_000) is Outcome.FUND
    assert outcome(word_by_word, 90_000, 90_000, 29_999) is Outcome.REWORK


def test_partner_has_meetings_but_no_quotes_stop_campaigns(build: Any, with_goal: Any) -> None:
    """ "Partner has meetings but no quotes. [...] Stop campaigns. Start Technical Sales Shadowing" """
    decision = build.decided(build.good(meetings=build.meetings(12, 0)), with_goal)
    assert (decision.symptom, decision.lever) == (Symptom.CONFIDENCE, Lever.STOP)
    assert "Demand Gen" not in decision.allowed_motions


def test_partner_closes_deals_but_they_are_small_move_to_thought_leadership(build: Any, with_goal: Any) -> None:
    """ "Partner closes deals but they are small. [...] Move to "With-Partner" Thought Leadership" """
    decision = build.decided(build.good(won_deals=build.deals(12, 100, 1000)), with_goal)
    assert (decision.symptom, decision.lever) == (Symptom.STRATEGIC, Lever.THOUGHT_LEADERSHIP)
    assert "Thought Leadership" in decision.allowed_motions


def test_partner_is_dormant_re_recruit_with_first_deal_bonuses(build: Any, with_goal: Any) -> None:
    """ "Partner is dormant / No logins. [...] Re-recruit with Incentive-heavy "First Deal" bonuses" """
    decision = build.decided(build.good(activity=build.activity(login=200)), with_goal)
    assert (decision.symptom, decision.lever) == (Symptom.AWARENESS, Lever.RE_RECRUIT)
    assert "First-Deal Incentive" in decision.allowed_motions


def test_the_levers_can_be_pulled_even_where_the_track_record_fails(build: Any, with_goal: Any) -> None:
    """The essay's own levers must not be closed by the essay's own third gate."""
    campaigns = [build.campaign(f"c{n}", 0, 10_000, 200 + n) for n in range(3)]
    decision = build.decided(build.good(track_record=build.record(*campaigns)), with_goal)
    assert decision.outcome is Outcome.REWORK
    assert {"Thought Leadership", "First-Deal Incentive"} <= set(decision.allowed_motions)


def test_marketing_owns_the_engine_for_vars_and_the_pam_the_relationship_for_gsis(build: Any, default: Any) -> None:
    """ "For Transactional Partners (VARs): Marketing owns the engine. [...] For Strategic Partners (GSIs/Alliances):
    The PAM owns the relationship; Marketing is a service provider." """
    owned = {
        persona: build.decided(build.partner(personas=(persona,)), default).accountability
        for persona in ("VAR", "GSI", "Alliance")
    }
    assert (owned["VAR"].role, owned["VAR"].motion) == ("PMM", "Through-Partner")
    for strategic in ("GSI", "Alliance"):
        assert (owned[strategic].role, owned[strategic].responsible) == ("PAM", "PMM")
        assert owned[strategic].motion == "With-Partner"


def test_you_do_not_fund_partners_you_fund_motions(build: Any, with_goal: Any) -> None:
    """ "You don't fund partners; you fund motions." A tier is no fact that the rules can see."""
    assert "tier" not in build.partner().__dataclass_fields__
    assert build.decided(build.good(), with_goal).allowed_motions != ()


def test_a_living_system_decides_anew_when_the_partner_changes(build: Any, with_goal: Any) -> None:
    """ "They assume a partner who was "Strategic" in 2024 will be "Strategic" in 2026." """
    then = build.decided(build.good(), with_goal)
    now = build.decided(build.good(quotes=build.quotes(2, 40)), with_goal, _aged(then.carried()))
    assert now.gates[0].verdict is Verdict.FAIL


def _aged(carried: Any) -> Any:
    from dataclasses import replace

    settled = tuple(replace(s, since=s.since - timedelta(days=400)) for s in carried.settled)
    return replace(carried, settled=settled)
