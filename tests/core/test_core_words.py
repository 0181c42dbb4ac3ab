"""Do the words tell what the rules decided, with n, window and policy key, and never across a threshold?"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connector.core.cards import FIELDS, field_named
from connector.core.credit import CreditSums
from connector.core.decide import decide
from connector.core.explain import sentence, story, symptom_sentence, to_clear, why
from connector.core.facts import Unknown
from connector.core.fields import joined
from connector.core.figures import Ratio, money, percent, plain
from connector.core.records import MOTIONS
from connector.core.scorecard import MACHINE_FIELDS, scorecard
from connector.core.triage import market_fit, track_record, velocity


@pytest.mark.parametrize(
    ("won", "counted", "text"),
    [
        (2, 10, "20.0 %"),
        (499, 2500, "19.96 %"),
        (501, 2500, "20.0 %"),
        (19_999, 100_000, "19.999 %"),
        (1, 3, "33.3 %"),
        (0, 9, "0.0 %"),
    ],
)
def test_a_percentage_never_rounds_across_its_threshold(won: int, counted: int, text: str) -> None:
    assert percent(Ratio(Decimal(won), Decimal(counted)), Decimal("0.20")) == text


def test_a_field_s_figure_stays_on_its_side_at_the_field_s_scale() -> None:
    below, above = Ratio(Decimal(499), Decimal(2500)), Ratio(Decimal(20001), Decimal(100_000))
    assert below.rounded(1, threshold=Decimal("0.20"), factor=100) == Decimal("19.9")
    assert below.rounded(1, factor=100) == Decimal("20.0")
    odd = Decimal("0.20004")
    assert above.rounded(1, threshold=odd, factor=100) == Decimal("20.0")
    assert Ratio(odd, Decimal(1)).rounded(1, threshold=odd, factor=100) == Decimal("20.1")


def test_plain_numbers() -> None:
    assert [plain(Decimal(text)) for text in ("3.0", "3.50", "100", "0.00")] == ["3", "3.5", "100", "0"]
    assert money(Decimal("12345.5"), "EUR") == "12,346 EUR"


def test_the_account_of_a_decision(build: Any, with_goal: Any) -> None:
    decision = build.decided(build.good(quotes=build.quotes(1, 10), meetings=build.meetings(12)), with_goal)
    assert why(decision) == (
        "Fund Enablement Instead. Lever: Stop Campaigns + Technical Shadowing. "
        "Confidence Gap: Present. 12 meetings held and no quoted deals in 180 days [levers.confidence.min_meetings]. "
        "Demand Gen is closed while the Confidence Gap lasts [levers.stop_wins]. "
        "Owner: PMM, Through-Partner as VAR [ownership.personas]. "
        "Quote-to-close: Fail, low confidence. 10.0 %, 1 of 10 quoted deals won in 365 days; below 20 % "
        "[velocity.floor]. "
        "Market fit: Pass. The footprint meets EMEA of the goals EMEA, Healthcare [market_fit.match]. "
        "Proof of performance: Pass. 5.0:1 pipeline to spend, 3 of 3 campaigns met 3:1 [track_record.rule]."
    )


def test_the_account_does_not_move_from_day_to_day(build: Any, with_goal: Any) -> None:
    facts = build.good(activity=build.activity(login=300))
    monday = decide(facts, with_goal, build.as_of - timedelta(days=1))
    assert why(monday) == why(decide(facts, with_goal, build.as_of, monday.carried()))


def test_the_account_is_cut_at_a_sentence_within_a_thousand_characters(build: Any, with_goal: Any) -> None:
    wordy = replace(build.override(), reason="because " * 60)
    goals = tuple(build.goal(*(f"Region-{n}-{m}" for m in range(9))) for n in range(9))
    policy = build.policy(with_goal, "market_fit", goals=goals)
    text = why(build.decided(build.good(override=wordy), policy))
    assert len(text) <= 1000
    assert text.endswith(" …")
    endless = replace(wordy, reason="x" * 5000)
    assert len(why(build.decided(build.good(override=endless), policy))) <= 1000


def test_an_override_is_told_with_its_author_and_what_the_rules_say(build: Any, with_goal: Any) -> None:
    facts = build.good(quotes=build.quotes(0, 40), override=build.override())
    text = why(build.decided(facts, with_goal))
    assert "Overridden by u7 until 2026-07-10: Board wish; the rules say Fund Enablement Instead." in text
    expired = why(build.decided(replace(facts, override=build.override(days_left=-1)), with_goal))
    assert 'The override "Fund Demand Gen" by u7 is ignored: it has expired.' in expired


def test_excluded_and_stale_partners_say_so(build: Any, with_goal: Any) -> None:
    assert why(build.decided(build.good(excluded=True), with_goal)) == "Hold. Excluded from scoring by a person."
    stale = build.decided(build.good(freshness=build.ago(9)), with_goal)
    assert why(stale) == (
        "Insufficient Evidence, kept from before: the sources were last read at 2026-06-21T12:00+00:00 "
        "[stale_after_hours]."
    )


def quote_gate(build: Any, policy: Any, won: int, counted: int) -> Any:
    return velocity(build.partner(quotes=build.quotes(won, counted)), policy.velocity, build.as_of, None)


@pytest.mark.parametrize(
    ("won", "counted", "text"),
    [
        (2, 10, ""),
        (1, 10, "To clear: 2 more won of the next 3 quotes."),  # 3 of 13 are 23 %; 22 % leaves the dead band
        (0, 40, "To clear: 12 more won of the next 14 quotes."),
        (3, 4, "To clear: 6 more matured quotes."),
        (0, 0, "To clear: 10 more matured quotes."),
    ],
)
def test_what_would_clear_the_quote_gate(build: Any, default: Any, won: int, counted: int, text: str) -> None:
    assert to_clear(quote_gate(build, default, won, counted)) == text


def test_what_is_said_to_clear_the_gate_does_clear_it(build: Any, default: Any) -> None:
    floor = default.velocity.floor + default.velocity.dead_band
    for counted in range(10, 80):
        for won in range(counted // 5):
            words = to_clear(quote_gate(build, default, won, counted)).split()
            more, among = int(words[2]), int(words[8])
            assert Ratio(Decimal(won + more), Decimal(counted + among)).reaches(floor)
            assert not Ratio(Decimal(won + more), Decimal(counted + among + 1)).reaches(floor)


def test_what_would_clear_the_other_gates(build: Any, with_goal: Any) -> None:
    campaigns = [build.campaign(f"c{n}", 10_000, 10_000, 200 + n) for n in range(3)]
    record = track_record(build.partner(track_record=build.record(*campaigns)), with_goal.track_record, build.as_of)
    assert to_clear(record, "USD") == "To clear: 60,000 USD more pipeline on the same spend."
    few = track_record(build.partner(track_record=build.record()), with_goal.track_record, build.as_of)
    assert to_clear(few) == "To clear: 3 more matured campaigns with recorded spend."
    fit = market_fit(build.partner(footprint=build.footprint("US")), with_goal.market_fit, build.as_of)
    assert to_clear(fit) == "To clear: a footprint in EMEA, Healthcare, or the next goals."
    unknown = velocity(build.partner(), with_goal.velocity, build.as_of, None)
    assert to_clear(unknown) == "To clear: supply a source."


def test_the_story_names_evidence_and_what_was_left_out(build: Any, with_goal: Any) -> None:
    campaigns = [build.campaign(f"c{n}", 50_000, 10_000, 200 + n) for n in range(3)]
    record = build.record(*campaigns, excluded=(("c9", "ZERO_SPEND"),))
    lines = story(build.decided(build.good(track_record=record, live=(build.live(),)), with_goal))
    assert "  Left out: c9 (ZERO_SPEND)." in lines
    assert "  Evidence: c0, c1, c2." in lines
    assert "  Pipeline 150,000 USD, spend 30,000 USD." in lines
    assert "In effect: Demand Gen (Spring webinar)." in lines
    assert lines[-1] == f"As of 2026-06-30, policy {with_goal.version}."


def test_every_answer_has_a_sentence_with_its_policy_key(build: Any, default: Any, with_goal: Any) -> None:
    for facts in (
        build.partner(),
        build.good(),
        build.good(quotes=build.quotes(1, 5)),
        build.good(personas=("ISV",)),
    ):
        for policy in (default, with_goal):
            decision = build.decided(facts, policy)
            for line in (*map(sentence, decision.gates), *map(symptom_sentence, decision.symptoms)):
                assert line.endswith("].")
                assert "None" not in line


def test_every_machine_field_is_filled_in_order_and_none_that_people_own(build: Any, with_goal: Any) -> None:
    sums = CreditSums(Decimal(9), 1, Decimal(5), 2, Decimal(19), Decimal(0), 0, 0, date(2025, 6, 30), ("o1",))
    unknown = Unknown("FEW_OPPORTUNITIES", "")
    facts = replace(build.good(), credit=sums, services=Unknown("NO_SERVICE_FACTS", ""), cycle=unknown)
    card = scorecard(
        build.decided(facts, with_goal),
        scored_at=build.ago(0),
        evidence_url="https://crm.example/p1",
        audited=("Aligned", "FY26-Q1"),
    )
    assert tuple(name for name, _ in card) == MACHINE_FIELDS
    assert not any(field_named(name).human for name in MACHINE_FIELDS)


def test_the_values_on_a_record(build: Any, with_goal: Any) -> None:
    decision = build.decided(build.good(quotes=build.quotes(499, 2500), live=(build.live(),)), with_goal)
    values = dict(scorecard(decision))
    del values["Why"]
    assert values == {
        "Partner_Motion": "Through-Partner",
        "Motion_Owner_Role": "PMM",
        "Accountable_User": "u2",
        "Triage_Decision": "Fund Enablement Instead",
        "Allowed_Motions": "Enablement;Thought Leadership;First-Deal Incentive",
        "Gate_Velocity": "Fail",
        "Gate_Market_Fit": "Pass",
        "Gate_PoP": "Pass",
        "Quote_to_Close_Rate": Decimal("19.9"),
        "Quotes_Counted": 2500,
        "PoP_Pooled_Ratio": Decimal("5.00"),
        "PoP_Campaigns_Met": "3 of 3",
        "Symptom": "None",
        "Recommended_Lever": "Sustain",
        "Lever_Since": build.as_of,
        "Lever_In_Effect": "Demand Gen",
        "Decision_Confidence": "Low",
        "Scored_At": None,
        "Policy_Version": with_goal.version,
        "Data_Freshness": None,
    }


def test_every_value_fits_its_field(build: Any, default: Any, with_goal: Any) -> None:
    cheap = build.record(*(build.campaign(f"c{n}", 10**9, 1, 200 + n) for n in range(3)))
    for facts in (build.partner(), build.good(track_record=cheap), build.partner(excluded=True)):
        for name, value in scorecard(build.decided(facts, with_goal)):
            spec = field_named(name)
            if isinstance(value, str) and spec.options:
                assert set(value.split(";") if spec.multiple else [value]) <= set(spec.options)
            if isinstance(value, str) and spec.length:
                assert len(value) <= spec.length
            if isinstance(value, Decimal) and spec.precision:
                assert len(value.as_tuple().digits) <= spec.precision


def test_a_stale_decision_leaves_all_but_its_account_standing(build: Any, with_goal: Any) -> None:
    stale = build.decided(build.good(freshness=build.ago(9)), with_goal)
    assert [name for name, _ in scorecard(stale, evidence_url="https://crm.example/p1")] == ["Why"]


def test_an_excluded_partner_s_scores_are_cleared(build: Any, with_goal: Any) -> None:
    values = dict(scorecard(build.decided(build.good(excluded=True), with_goal)))
    assert {name for name, value in values.items() if value is not None} == {
        "Triage_Decision",
        "Why",
        "Policy_Version",
    }
    assert "Evidence_URL" not in values


def test_motions_stand_once_and_in_order_whatever_the_source_says() -> None:
    assert joined(("Enablement", "Demand Gen", "Enablement", "Skywriting"), MOTIONS) == "Demand Gen;Enablement;Other"
    assert joined((), MOTIONS) is None


def test_field_names_are_unique_and_fit_a_crm() -> None:
    names = [(spec.table, spec.name) for spec in FIELDS]
    assert len(set(names)) == len(names)
    assert all(len(spec.name) <= 34 and len(spec.label) <= 40 for spec in FIELDS)
    assert all(spec.help.endswith(".") and len(spec.help) <= 255 for spec in FIELDS)


def test_the_story_tells_credit_with_its_counts_window_and_what_is_unknown(build: Any, with_goal: Any) -> None:
    sums = CreditSums(
        sourced_won=Decimal("120000.00"),
        sourced_count=3,
        influenced_won=Decimal("5000.50"),
        influenced_count=1,
        touched_won=Decimal("130000.00"),
        sourced_open=Decimal("0.00"),
        open_count=0,
        unknown=1,
        since=date(2025, 6, 30),
        evidence=("o1", "o2"),
    )
    told = story(build.decided(replace(build.good(), credit=sums), with_goal))
    assert [
        line for line in told if line.startswith(("Sourced", "Influenced", "  1 opp", "  Evidence: o1, o2."))
    ] == [
        "Sourced: 120,000 USD won over 3 opportunities closed since 2025-06-30 [attribution.won_days]; "
        "0 USD open over 0 opportunities.",
        "Influenced: 5,000 USD won, its shares of 1 opportunity; touched 130,000 USD, whole opportunities, which "
        "overlap between partners.",
        "  1 opportunity credited without an amount, in no figure.",
        "  Evidence: o1, o2.",
    ]


def test_credit_that_cannot_be_known_says_what_is_missing(build: Any, with_goal: Any) -> None:
    unknown = Unknown("EVIDENCE_UNAVAILABLE", "registrations")
    told = story(build.decided(replace(build.good(), credit=unknown), with_goal))
    assert "Credit: insufficient evidence, EVIDENCE_UNAVAILABLE (registrations) [attribution]." in told
