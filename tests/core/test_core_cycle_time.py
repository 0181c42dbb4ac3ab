"""When is a partner called faster than direct, and when is nothing said?"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.core.cycle_time import CycleFact, CycleShown, CycleStatus, judged, remembered
from connector.core.decisions import Decision
from connector.core.explain import story
from connector.core.facts import Unknown
from connector.core.quote_state import QuotePrior, QuoteState, believed, beta_cdf
from connector.core.scorecard import scorecard
from connector.core.triage import velocity
from connector.core.verdicts import Verdict

PRIOR = QuotePrior(Decimal(4), Decimal(12), 400)


def measured(**changes: Any) -> CycleFact:
    """A partner of 60 opportunities, 30 % faster, well measured; no prior over partners."""
    base = CycleFact(
        definition="censored", log_ratio=Decimal("0.7").ln().quantize(Decimal("0.000001")), se=Decimal("0.08"), n=60,
        wins=30, direct_n=2000, direct_wins=900, check=Decimal("-0.33"), mature_wins=25, oldest=900, maturity=150,
        overlap=Decimal("0.9"), prior_mean=None, prior_sd=None, prior_partners=0, left_out=(), since=date(2023, 7, 1),
        until=date(2026, 6, 30), start="created",
    )  # fmt: skip
    return replace(base, **changes)


def test_a_well_measured_difference_is_told_with_its_interval_and_chances(default: Any) -> None:
    found = judged(measured(), default.cycle_time)
    assert (found.status, found.code, found.policy_key) == (CycleStatus.FASTER, "FASTER", "cycle_time.faster")
    assert found.delta == Decimal("0.300000")
    assert (found.low, found.high) == (Decimal("0.181169"), Decimal("0.401586"))
    assert found.chance_faster is not None
    assert found.chance_faster > Decimal("0.9999")
    assert found.chance_claimed == Decimal("0.992387")


@pytest.mark.parametrize(
    ("change", "code", "key"),
    [
        ({"direct_wins": 49}, "FEW_DIRECT_WINS", "min_direct_wins"),
        ({"oldest": 149}, "IMMATURE_COHORT", "maturity"),
        ({"n": 19}, "FEW_OPPORTUNITIES", "min_opportunities"),
        ({"wins": 4}, "FEW_WINS", "min_wins"),
        ({"overlap": Decimal("0.499999")}, "NO_SIZE_OVERLAP", "min_overlap"),
        ({"overlap": None}, "NO_SIZE_OVERLAP", "min_overlap"),
        ({"mature_wins": 4}, "IMMATURE_COHORT", "maturity"),
        ({"log_ratio": None}, "NOT_ESTIMABLE", "definition"),
        ({"check": None}, "NOT_CHECKED", "max_disagreement"),
        ({"check": Decimal("-0.460000")}, "DEFINITIONS_DISAGREE", "max_disagreement"),
    ],
)
def test_thin_evidence_is_insufficient_with_the_thing_named(
    change: dict[str, Any], code: str, key: str, default: Any
) -> None:
    found = judged(measured(**change), default.cycle_time)
    assert (found.status, found.code, found.policy_key) == (CycleStatus.INSUFFICIENT, code, f"cycle_time.{key}")
    assert (found.delta, found.low, found.high, found.chance_faster) == (None, None, None, None)


@pytest.mark.parametrize(
    "change",
    [
        {"direct_wins": 50}, {"oldest": 150}, {"n": 20}, {"wins": 5}, {"overlap": Decimal("0.5")}, {"mature_wins": 5},
        {"check": Decimal("-0.440000")},
    ],
)  # fmt: skip
def test_what_just_suffices_is_judged(change: dict[str, Any], default: Any) -> None:
    assert judged(measured(**change), default.cycle_time).status is CycleStatus.FASTER


def test_case_23_a_partner_120_days_old_with_15_fast_wins_is_an_immature_cohort(default: Any) -> None:
    young = measured(n=15, wins=15, oldest=120, mature_wins=0, log_ratio=Decimal("-0.6"), check=None)
    found = judged(young, default.cycle_time)
    assert (found.status, found.code) == (CycleStatus.INSUFFICIENT, "IMMATURE_COHORT")


def test_exactly_fifteen_percent_is_faster_where_the_policy_asks_for_no_certainty(literal: Any) -> None:
    exact = measured(definition="median_won", log_ratio=Decimal("0.85").ln(), se=None, n=1, wins=1, mature_wins=1)
    short = replace(exact, log_ratio=Decimal("0.8501").ln())
    assert judged(exact, literal.cycle_time).status is CycleStatus.FASTER
    assert judged(short, literal.cycle_time).status is CycleStatus.NEUTRAL


def test_exactly_fifteen_percent_slower_is_slower_and_less_is_not(literal: Any) -> None:
    exact = measured(definition="median_won", log_ratio=Decimal("1.15").ln(), se=None)
    short = replace(exact, log_ratio=Decimal("1.1499").ln())
    assert judged(exact, literal.cycle_time).status is CycleStatus.SLOWER
    assert judged(short, literal.cycle_time).status is CycleStatus.NEUTRAL


def test_a_prior_without_spread_lets_nobody_stand_out(default: Any) -> None:
    alike = measured(prior_mean=Decimal(0), prior_sd=Decimal(0), prior_partners=300)
    apart = replace(alike, prior_sd=Decimal("0.5"))
    assert judged(alike, default.cycle_time).status is CycleStatus.NEUTRAL
    assert judged(apart, default.cycle_time).status is CycleStatus.FASTER


@settings(deadline=None)
@given(log=st.decimals(-2, 2, places=4), se=st.decimals("0.01", 1, places=3))
def test_the_chance_of_more_is_never_above_that_of_less(log: Decimal, se: Decimal, default: Any) -> None:
    found = judged(measured(log_ratio=log, se=se, check=log), default.cycle_time)
    assert found.chance_faster is not None
    assert found.chance_claimed is not None
    assert found.chance_claimed <= found.chance_faster
    assert found.low is not None
    assert found.delta is not None
    assert found.high is not None
    assert found.low <= found.delta <= found.high


def shown(decision: Decision) -> dict[str, Any]:
    return dict(scorecard(decision))


def test_the_record_shows_delta_status_and_n_and_the_story_the_definition_and_that_it_is_not_causal(
    build: Any, default: Any
) -> None:
    decision = build.decided(build.good(cycle=measured(left_out=(("NO_AMOUNT", 3),))), default)
    names = ("Cycle_Time_Delta", "Cycle_Delta_Status", "Cycle_N")
    assert [shown(decision)[name] for name in names] == [Decimal("30.0"), "Faster", 60]
    told = "\n".join(story(decision))
    assert "Cycle time: Faster. 30 % faster than direct (18.1 % to 40.2 % at 95 %)" in told
    for part in ("60 opportunities (30 won)", "1095 days", "2000 direct", "By censored", "not causal", "3 NO_AMOUNT"):
        assert part in told
    assert Decision.from_json(decision.to_json()) == decision


def test_what_cannot_be_said_empties_the_delta_and_keeps_n(build: Any, default: Any) -> None:
    decision = build.decided(build.good(cycle=measured(n=19)), default)
    card = shown(decision)
    assert (card["Cycle_Time_Delta"], card["Cycle_Delta_Status"], card["Cycle_N"]) == (None, "Insufficient", 19)


def test_an_absent_source_is_insufficient_and_never_looked_at_is_left_alone(build: Any, default: Any) -> None:
    absent = build.decided(build.good(cycle=Unknown("LINKS_UNAVAILABLE", "links")), default)
    assert shown(absent)["Cycle_Delta_Status"] == "Insufficient"
    assert any("LINKS_UNAVAILABLE" in line for line in story(absent))
    assert "Cycle_Delta_Status" not in shown(build.decided(build.good(), default))


@pytest.mark.parametrize(
    ("won", "counted", "state"),
    [
        (0, 17, QuoteState.BLOCK),
        (0, 8, QuoteState.INSUFFICIENT),
        (2, 5, QuoteState.FUND),
        (2, 6, QuoteState.INSUFFICIENT),
    ],
)
def test_few_quotes_are_drawn_towards_all_partners(won: int, counted: int, state: QuoteState) -> None:
    assert believed(won, counted, PRIOR, Decimal("0.2"), Decimal("0.8")).state is state


def test_the_state_tells_how_many_more_quotes_would_decide_it() -> None:
    undecided = believed(1, 10, PRIOR, Decimal("0.2"), Decimal("0.8"))
    assert undecided.state is QuoteState.INSUFFICIENT
    assert undecided.more is not None
    later = 10 + undecided.more
    assert believed(1 + round(undecided.more / 10), later, PRIOR, Decimal("0.2"), Decimal("0.8")).more is None


def test_the_state_stands_on_the_record_and_leaves_the_gate_alone(build: Any, default: Any) -> None:
    decision = build.decided(build.good(quotes=build.quotes(1, 12), quote_prior=PRIOR), default)
    assert shown(decision)["Quote_to_Close_State"] == "Insufficient Evidence"
    assert shown(decision)["Gate_Velocity"] == "Fail"
    told = story(decision)
    at = next(at for at, line in enumerate(told) if line.startswith("Quote-to-close state: Insufficient Evidence."))
    assert "the gate follows it only where velocity.verdict" in told[at]
    assert "400 partners" in told[at + 1]


@pytest.mark.parametrize(
    ("won", "counted", "verdict"),
    [(0, 20, Verdict.FAIL), (1, 12, Verdict.INSUFFICIENT), (4, 8, Verdict.PASS), (0, 0, Verdict.INSUFFICIENT)],
)
def test_the_gate_answers_by_the_state_where_the_policy_says_so(
    won: int, counted: int, verdict: Verdict, build: Any, default: Any
) -> None:
    gate = replace(default.velocity, verdict="bayes")
    facts = build.partner(quotes=build.quotes(won, counted), quote_prior=PRIOR)
    assert velocity(facts, gate, build.as_of, None).verdict is verdict
    unknown = velocity(build.partner(quotes=build.quotes(won, counted)), gate, build.as_of, None)
    assert (unknown.verdict, unknown.code) == (Verdict.INSUFFICIENT, "PRIOR_UNKNOWN")


@settings(deadline=None)
@given(x=st.floats(0.001, 0.999), a=st.floats(0.05, 300), b=st.floats(0.05, 300))
def test_the_incomplete_beta_function_is_the_library_s(x: float, a: float, b: float) -> None:
    from scipy.special import betainc

    assert beta_cdf(x, a, b) == pytest.approx(float(betainc(a, b, x)), abs=1e-9)


def stood(status: CycleStatus, delta: str, rules: Any) -> CycleShown:
    return CycleShown(status, Decimal(delta), "censored", rules.faster, rules.slower)


def ratio(delta: str) -> Decimal:
    return (1 - Decimal(delta)).ln().quantize(Decimal("0.000001"))


@pytest.mark.parametrize(("certain", "status"), [("0.5", CycleStatus.FASTER), ("0.51", CycleStatus.NEUTRAL)])
def test_a_claim_is_taken_back_only_below_its_chance(certain: str, status: CycleStatus, default: Any) -> None:
    """At a measured 15 % the chance that it is as much is one in two."""
    rules = replace(default.cycle_time, leave=Decimal(certain))
    fact = measured(log_ratio=ratio("0.15"), check=ratio("0.15"))
    found = judged(fact, rules, stood(CycleStatus.FASTER, "0.16", rules))
    assert (judged(fact, rules).status, found.status) == (CycleStatus.NEUTRAL, status)
    assert found.held is (status is CycleStatus.FASTER)


@pytest.mark.parametrize(
    "change", [{"definition": "size_adjusted"}, {"faster": Decimal("0.14")}, {"slower": Decimal("0.14")}]
)
def test_other_rules_start_afresh(change: dict[str, Any], default: Any) -> None:
    fact = measured(log_ratio=ratio("0.151"), check=ratio("0.151"))
    earlier = stood(CycleStatus.FASTER, "0.155", default.cycle_time)
    kept = judged(fact, default.cycle_time, earlier)
    assert (kept.status, kept.shown) == (CycleStatus.FASTER, Decimal("0.155"))
    afresh = judged(fact, default.cycle_time, replace(earlier, **change))
    assert (afresh.status, afresh.shown) == (CycleStatus.NEUTRAL, afresh.delta)


@pytest.mark.parametrize(
    ("now", "written"), [("0.1099", "0.1"), ("0.0901", "0.1"), ("0.1101", None), ("0.0899", None)]
)
def test_the_figure_on_the_record_moves_by_the_dead_band_or_more(now: str, written: str | None, default: Any) -> None:
    fact = measured(log_ratio=ratio(now), check=ratio(now))
    earlier = stood(CycleStatus.NEUTRAL, "0.1", default.cycle_time)
    found = judged(fact, default.cycle_time, earlier)
    assert found.status is CycleStatus.NEUTRAL
    assert found.shown == (found.delta if written is None else Decimal(written))


def test_two_definitions_that_part_a_little_more_take_back_no_verdict(default: Any) -> None:
    log = ratio("0.3")
    apart = measured(check=log - Decimal("1.105").ln())
    assert judged(apart, default.cycle_time).code == "DEFINITIONS_DISAGREE"
    assert judged(apart, default.cycle_time, stood(CycleStatus.FASTER, "0.3", default.cycle_time)).code == "FASTER"


@given(
    steps=st.lists(st.integers(-600, 600), min_size=1, max_size=30),
    se=st.sampled_from(["0.02", "0.05", "0.08"]),
)
def test_the_written_figure_is_never_a_dead_band_away_and_moves_by_one_or_with_the_verdict(
    steps: list[int], se: str, default: Any
) -> None:
    rules, last = default.cycle_time, None
    for step in steps:
        log = Decimal(step) / 1000
        found = judged(measured(log_ratio=log, check=log, se=Decimal(se)), rules, last)
        assert found.delta is not None
        assert found.shown is not None
        assert abs(found.delta - found.shown) < rules.dead_band or found.shown == found.delta
        if last is not None and found.shown != last.delta:
            assert found.status is not last.status or abs(found.delta - last.delta) >= rules.dead_band
        if found.held:
            assert last is not None
            assert found.status is last.status
        last = remembered(found, rules)


@given(steps=st.lists(st.integers(-600, 600), min_size=1, max_size=30))
def test_without_bands_every_day_is_judged_by_itself(steps: list[int], default: Any) -> None:
    rules = replace(default.cycle_time, leave=default.cycle_time.certainty, dead_band=Decimal(0))
    last = None
    for step in steps:
        log = Decimal(step) / 1000
        fact = measured(log_ratio=log, check=log)
        found = judged(fact, rules, last)
        assert found == judged(fact, rules)
        last = remembered(found, rules)


@given(won=st.integers(0, 40), more=st.integers(0, 60), earlier=st.sampled_from([None, *QuoteState]))
def test_a_state_is_held_only_between_leaving_and_certainty(won: int, more: int, earlier: QuoteState | None) -> None:
    floor, certainty, leave = Decimal("0.2"), Decimal("0.8"), Decimal("0.5")
    bare = believed(won, won + more, PRIOR, floor, certainty)
    found = believed(won, won + more, PRIOR, floor, certainty, leave, earlier)
    chance = {QuoteState.BLOCK: bare.below, QuoteState.FUND: 1 - bare.below}.get(earlier) if earlier else None
    held = bare.state is QuoteState.INSUFFICIENT and chance is not None and chance >= leave
    assert (found.held, found.state) == (held, earlier if held else bare.state)
    assert replace(found, state=bare.state, held=False) == bare


@pytest.mark.parametrize(("leave", "held"), [(Decimal(0), True), (Decimal("0.0001"), False)])
def test_a_state_is_left_just_below_its_chance(leave: Decimal, held: bool) -> None:
    bare = believed(1, 10, PRIOR, Decimal("0.2"), Decimal("0.8"))
    found = believed(1, 10, PRIOR, Decimal("0.2"), Decimal("0.8"), bare.below + leave, QuoteState.BLOCK)
    assert (bare.state, found.held) == (QuoteState.INSUFFICIENT, held)
