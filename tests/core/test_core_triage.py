"""Do the three gates answer as the essay says, from both sides of every boundary?"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from connector.core.decisions import Outcome, Settled
from connector.core.figures import Ratio
from connector.core.triage import allowed_motions, combine, market_fit, track_record, velocity, wilson
from connector.core.verdicts import Confidence, Gate, Verdict

PASS, FAIL, THIN, NA = Verdict.PASS, Verdict.FAIL, Verdict.INSUFFICIENT, Verdict.NOT_APPLICABLE


def quote_gate(build: Any, policy: Any, won: int, counted: int, settled: Settled | None = None) -> Any:
    return velocity(build.partner(quotes=build.quotes(won, counted)), policy.velocity, build.as_of, settled)


@pytest.mark.parametrize(
    ("won", "counted", "verdict", "code"),
    [
        (2, 10, PASS, "FLOOR_REACHED"),
        (1, 10, FAIL, "BELOW_FLOOR"),
        (20, 100, PASS, "FLOOR_REACHED"),
        (199, 1000, FAIL, "BELOW_FLOOR"),
        (0, 10, FAIL, "BELOW_FLOOR"),
        (0, 9, THIN, "FEW_QUOTES"),
        (9, 9, THIN, "FEW_QUOTES"),
        (0, 0, THIN, "FEW_QUOTES"),
    ],
)
def test_twenty_percent_passes_less_fails_and_few_quotes_decide_nothing(
    build: Any, default: Any, won: int, counted: int, verdict: Verdict, code: str
) -> None:
    result = quote_gate(build, default, won, counted)
    assert (result.verdict, result.code, result.n) == (verdict, code, counted)


def test_a_rate_that_no_decimal_can_hold_is_compared_exactly(build: Any, default: Any) -> None:
    policy = build.policy(default, "velocity", floor=Decimal("0.3333333333333333333333333333"), min_quotes=3)
    assert quote_gate(build, policy, 1, 3).verdict is PASS


def test_no_quotes_decide_nothing_even_where_one_would(build: Any, literal: Any) -> None:
    assert quote_gate(build, literal, 0, 0).verdict is THIN
    assert quote_gate(build, literal, 0, 1).verdict is FAIL


def test_the_wilson_interval_agrees_with_published_figures() -> None:
    low, high = wilson(1, 10, Decimal("0.95"))
    assert (round(low, 4), round(high, 4)) == (0.0179, 0.4042)


@pytest.mark.parametrize(
    ("won", "counted", "confidence"),
    [(2, 10, "Low"), (1, 10, "Low"), (0, 10, "High"), (60, 100, "High"), (2, 40, "High"), (6, 40, "Low")],
)
def test_confidence_is_high_when_the_interval_leaves_out_the_floor(
    build: Any, default: Any, won: int, counted: int, confidence: str
) -> None:
    assert quote_gate(build, default, won, counted).confidence == confidence


def test_an_unsure_failure_fails_or_goes_to_a_person_as_the_policy_says(build: Any, default: Any) -> None:
    review = build.policy(default, "velocity", low_confidence_fail="review")
    assert quote_gate(build, default, 1, 10).verdict is FAIL
    unsure = quote_gate(build, review, 1, 10)
    assert (unsure.verdict, unsure.raw, unsure.code) == (THIN, FAIL, "LOW_CONFIDENCE")
    assert quote_gate(build, review, 0, 10).verdict is FAIL  # sure
    assert quote_gate(build, review, 2, 10).verdict is PASS


@pytest.mark.parametrize(
    ("personas", "verdict"),
    [(("ISV",), NA), (("Referral", "GSI"), NA), (("ISV", "VAR"), FAIL), (("VAR",), FAIL), ((), FAIL)],
)
def test_the_quote_gate_is_not_for_partners_whose_every_persona_never_quotes(
    build: Any, default: Any, personas: tuple[str, ...], verdict: Verdict
) -> None:
    facts = build.partner(personas=personas, quotes=build.quotes(0, 50))
    assert velocity(facts, default.velocity, build.as_of, None).verdict is verdict


def test_an_unknown_fact_names_what_is_missing(build: Any, default: Any) -> None:
    result = velocity(build.partner(), default.velocity, build.as_of, None)
    assert (result.verdict, result.code, result.missing) == (THIN, "NOT_MAPPED", "a source")


@pytest.mark.parametrize(
    ("before", "won", "days", "after"),
    [
        (FAIL, 219, 30, FAIL),  # 21.9 %: inside the band
        (FAIL, 220, 30, PASS),  # 22.0 %: at its edge
        (FAIL, 220, 29, FAIL),  # a day too soon
        (PASS, 180, 30, PASS),  # 18.0 %: at the edge
        (PASS, 179, 30, FAIL),
        (PASS, 179, 29, PASS),
        (PASS, 250, 1, PASS),
    ],
)
def test_near_the_floor_the_earlier_verdict_stays_until_band_and_dwell_are_left(
    build: Any, default: Any, before: Verdict, won: int, days: int, after: Verdict
) -> None:
    settled = Settled(Gate.VELOCITY, before, build.as_of - timedelta(days=days), Decimal("0.20"))
    result = quote_gate(build, default, won, 1000, settled)
    assert result.verdict is after
    assert result.value == Ratio(Decimal(won), Decimal(1000))  # the raw number always shows


def test_read_literally_nothing_sticks(build: Any, literal: Any) -> None:
    failed = Settled(Gate.VELOCITY, FAIL, build.as_of, Decimal("0.20"))
    passed = Settled(Gate.VELOCITY, PASS, build.as_of, Decimal("0.20"))
    assert quote_gate(build, literal, 200, 1000, failed).verdict is PASS
    assert quote_gate(build, literal, 199, 1000, passed).verdict is FAIL


def test_a_new_floor_is_not_held_back_by_the_old_one(build: Any, default: Any) -> None:
    settled = Settled(Gate.VELOCITY, PASS, build.as_of, Decimal("0.10"))
    assert quote_gate(build, default, 190, 1000, settled).verdict is FAIL


def fit(build: Any, policy: Any, footprint: Any, *goals: Any, match: str = "any") -> Any:
    rules = build.policy(policy, "market_fit", goals=goals, match=match).market_fit
    return market_fit(build.partner(footprint=footprint), rules, build.as_of)


def test_without_goals_the_fit_is_unknown_and_the_missing_thing_is_the_policy_s(build: Any, default: Any) -> None:
    result = fit(build, default, build.footprint("DE"))
    assert (result.verdict, result.code, result.missing) == (THIN, "GOALS_NOT_SET", "policy market_fit.goals")


@pytest.mark.parametrize(("day", "verdict"), [(date(2026, 4, 1), PASS), (date(2026, 3, 31), THIN)])
def test_a_goal_holds_from_its_first_day(build: Any, default: Any, day: date, verdict: Verdict) -> None:
    rules = build.policy(default, "market_fit", goals=(build.goal("DE"),)).market_fit
    assert market_fit(build.partner(footprint=build.footprint("DE")), rules, day).verdict is verdict


@pytest.mark.parametrize(("day", "verdict"), [(date(2026, 6, 30), PASS), (date(2026, 7, 1), THIN)])
def test_a_goal_ends_before_its_end(build: Any, default: Any, day: date, verdict: Verdict) -> None:
    rules = build.policy(default, "market_fit", goals=(build.goal("DE"),)).market_fit
    assert market_fit(build.partner(footprint=build.footprint("DE")), rules, day).verdict is verdict


@pytest.mark.parametrize(
    ("goal", "home", "verdict"),
    [
        ("EMEA", "DE", PASS),  # three levels down
        ("DE", "EMEA", PASS),  # a partner at home all over EMEA
        ("emea", "de", PASS),
        ("DACH", "FR", FAIL),
        ("NORTH_AMERICA", "NA", FAIL),  # Namibia
        ("AFRICA", "NA", PASS),
        ("Mars", "Mars", PASS),  # codes outside the taxonomy still equal themselves
    ],
)
def test_regions_meet_at_any_depth(build: Any, default: Any, goal: str, home: str, verdict: Verdict) -> None:
    assert fit(build, default, build.footprint(home), build.goal(goal)).verdict is verdict


@pytest.mark.parametrize(
    ("regions", "verticals", "either", "both"),
    [
        (("DE",), ("Healthcare",), PASS, PASS),
        (("DE",), ("Retail",), PASS, FAIL),
        (("US",), ("Healthcare",), PASS, FAIL),
        (("US",), ("Retail",), FAIL, FAIL),
        (("DE",), (), PASS, THIN),
        (("US",), (), FAIL, FAIL),
        ((), (), THIN, THIN),
    ],
)
def test_geographic_or_vertical(
    build: Any,
    default: Any,
    regions: tuple[str, ...],
    verticals: tuple[str, ...],
    either: Verdict,
    both: Verdict,
) -> None:
    goal, home = build.goal("EMEA", verticals=("Healthcare",)), build.footprint(*regions, verticals=verticals)
    assert fit(build, default, home, goal).verdict is either
    assert fit(build, default, home, goal, match="all").verdict is both


def test_one_goal_of_several_is_enough(build: Any, default: Any) -> None:
    result = fit(build, default, build.footprint("US"), build.goal("EMEA"), build.goal("AMERICAS"))
    assert (result.verdict, result.matched, result.wanted) == (PASS, ("AMERICAS",), ("EMEA", "AMERICAS"))


def test_a_goal_that_cannot_be_judged_keeps_the_others_from_failing_the_partner(build: Any, default: Any) -> None:
    result = fit(build, default, build.footprint("US"), build.goal("EMEA"), build.goal(verticals=("Retail",)))
    assert (result.verdict, result.code) == (THIN, "FOOTPRINT_EMPTY")


def test_words_that_the_taxonomy_lacks_are_kept_and_lower_a_failure_s_confidence(build: Any, default: Any) -> None:
    result = fit(build, default, build.footprint("US", unmapped=("Levant",)), build.goal("EMEA"))
    assert (result.verdict, result.unmapped, result.confidence) == (FAIL, ("Levant",), Confidence.LOW)


def record_gate(build: Any, policy: Any, *campaigns: Any, excluded: Any = (), **rules: Any) -> Any:
    gate = build.policy(policy, "track_record", **rules).track_record
    return track_record(build.partner(track_record=build.record(*campaigns, excluded=excluded)), gate, build.as_of)


def three(build: Any, *pipelines: int, spend: int = 10_000) -> tuple[Any, ...]:
    return tuple(build.campaign(f"c{n}", amount, spend, 200 + n) for n, amount in enumerate(pipelines))


@pytest.mark.parametrize(
    ("pipelines", "pooled", "each", "two"),
    [
        ((30_000, 30_000, 30_000), PASS, PASS, PASS),
        ((30_000, 30_000, 29_999), FAIL, FAIL, PASS),
        ((90_000, 0, 0), PASS, FAIL, FAIL),
        ((29_999, 29_999, 30_002), PASS, FAIL, FAIL),
        ((0, 0, 0), FAIL, FAIL, FAIL),
    ],
)
def test_three_to_one_pooled_each_or_two_of_three(
    build: Any, default: Any, pipelines: tuple[int, ...], pooled: Verdict, each: Verdict, two: Verdict
) -> None:
    campaigns = three(build, *pipelines)
    found = tuple(record_gate(build, default, *campaigns, rule=rule).verdict for rule in ("pooled", "each", "k_of_n"))
    assert found == (pooled, each, two)


def test_two_campaigns_decide_nothing(build: Any, default: Any) -> None:
    result = record_gate(build, default, *three(build, 90_000, 90_000))
    assert (result.verdict, result.code, result.n, result.needed) == (THIN, "FEW_CAMPAIGNS", 2, 3)


def test_only_the_newest_three_count_and_ties_go_by_id(build: Any, default: Any) -> None:
    same_day = [build.campaign(name, 10_000, 10_000, 150) for name in ("d", "b", "a", "c")]
    assert record_gate(build, default, *same_day).evidence == ("a", "b", "c")
    old = build.campaign("old", 10**9, 1, 900)
    assert record_gate(build, default, *same_day, old).verdict is FAIL


@pytest.mark.parametrize(("days", "n"), [(90, 3), (89, 2)])
def test_a_campaign_counts_once_it_is_ninety_days_over(build: Any, default: Any, days: int, n: int) -> None:
    young = build.campaign("young", 90_000, 10_000, days)
    assert record_gate(build, default, young, *three(build, 30_000, 30_000)).n == n


@pytest.mark.parametrize("spend", [0, -5])
def test_spend_of_nothing_is_left_out_never_infinite(build: Any, default: Any, spend: int) -> None:
    free = build.campaign("free", 50_000, spend, 100)
    result = record_gate(build, default, free, *three(build, 30_000, 30_000, 30_000))
    assert (result.verdict, result.n, result.left_out) == (PASS, 3, (("free", "ZERO_SPEND"),))


@pytest.mark.parametrize(("missing", "verdict"), [(6, PASS), (7, THIN)])
def test_a_fifth_of_the_amounts_may_be_empty_but_no_more(
    build: Any, default: Any, missing: int, verdict: Verdict
) -> None:
    campaigns = [build.campaign("c0", 90_000, 10_000, 200, missing_amounts=missing)]
    campaigns += [*three(build, 30_000, 30_000)[1:], build.campaign("c2", 30_000, 10_000, 300)]
    result = record_gate(build, default, *campaigns)
    assert (result.verdict, result.n) == (verdict, 3)


def test_a_missing_rate_is_never_one_to_one(build: Any, default: Any) -> None:
    foreign = build.campaign("eur", 90_000, 10_000, 100, unconverted=1)
    result = record_gate(build, default, foreign, *three(build, 30_000, 30_000))
    assert (result.verdict, result.code, result.value) == (THIN, "FX_RATE_MISSING", None)
    left_out = record_gate(build, default, *three(build, 1, 1), excluded=(("eur", "FX_RATE_MISSING"),))
    assert left_out.code == "FX_RATE_MISSING"


def test_pooled_and_each_disagreeing_is_low_confidence(build: Any, default: Any) -> None:
    assert record_gate(build, default, *three(build, 90_000, 0, 0)).confidence is Confidence.LOW
    assert record_gate(build, default, *three(build, 0, 0, 0)).confidence is Confidence.HIGH


def expected(velocity_: Verdict, fit_: Verdict, record: Verdict) -> Outcome:
    if velocity_ is FAIL:
        return Outcome.ENABLE
    if fit_ is FAIL:
        return Outcome.DEFER
    if record is FAIL:
        return Outcome.REWORK
    return Outcome.PILOT if THIN in (velocity_, fit_, record) else Outcome.FUND


@pytest.mark.parametrize("verdicts", list(product((PASS, FAIL, THIN), repeat=3)))
def test_all_combinations_of_three_verdicts(default: Any, verdicts: tuple[Verdict, Verdict, Verdict]) -> None:
    assert combine(*verdicts, default.triage) is expected(*verdicts)


def test_the_combinations_split_as_the_model_counts_them(default: Any) -> None:
    outcomes = [combine(*verdicts, default.triage) for verdicts in product((PASS, FAIL, THIN), repeat=3)]
    counts = [outcomes.count(o) for o in (Outcome.ENABLE, Outcome.DEFER, Outcome.REWORK, Outcome.PILOT, Outcome.FUND)]
    assert counts == [9, 6, 4, 7, 1]


def test_insufficient_evidence_holds_where_the_policy_says_so(build: Any, default: Any) -> None:
    hold = build.policy(default, "triage", insufficient="hold").triage
    assert combine(PASS, PASS, THIN, hold) is Outcome.HOLD
    assert combine(PASS, FAIL, THIN, hold) is Outcome.DEFER


def test_a_gate_that_does_not_apply_passes_or_blocks_as_the_policy_says(default: Any) -> None:
    assert combine(NA, PASS, PASS, default.triage) is Outcome.FUND
    assert combine(NA, PASS, PASS, default.triage, na_passes=False) is Outcome.PILOT


@pytest.mark.parametrize(
    ("outcome", "motions"),
    [
        (Outcome.FUND, ("Demand Gen", "Enablement", "Thought Leadership", "First-Deal Incentive")),
        (Outcome.PILOT, ("Demand Gen", "Enablement", "Thought Leadership", "First-Deal Incentive")),
        (Outcome.ENABLE, ("Enablement", "Thought Leadership", "First-Deal Incentive")),
        (Outcome.REWORK, ("Enablement", "Thought Leadership", "First-Deal Incentive")),
        (Outcome.DEFER, ("Enablement",)),
        (Outcome.HOLD, ()),
    ],
)
def test_allowed_motions(default: Any, outcome: Outcome, motions: tuple[str, ...]) -> None:
    assert allowed_motions(outcome, default.triage, stop=False) == motions
    stopped = allowed_motions(outcome, default.triage, stop=True)
    assert stopped == tuple(motion for motion in motions if motion != "Demand Gen")
