"""Does the quarterly audit find money on levers that the facts forbid, and nothing else?"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.core.audit_sums import by_decision, by_drift, changes, digest, portfolios, standing, whole
from connector.core.backtest import Money, compared, money_of
from connector.core.decide import decide
from connector.core.decisions import Decision, Previous
from connector.core.facts import LiveItem, PartnerFacts, Unknown
from connector.core.lever_audit import AuditLine, AuditStatus, Drift, Seen, audited, persona_set
from connector.core.policy import Policy
from connector.core.quarters import between, earlier, last_ended, quarter, quarter_named, quarter_of
from connector.core.verdicts import Lever

Q2 = quarter_of(date(2026, 6, 30), 1)


@pytest.mark.parametrize(
    ("day", "month", "label"),
    [
        (date(2026, 1, 1), 1, "FY26-Q1"),
        (date(2026, 3, 31), 1, "FY26-Q1"),
        (date(2026, 4, 1), 1, "FY26-Q2"),
        (date(2026, 12, 31), 1, "FY26-Q4"),
        (date(2025, 9, 30), 10, "FY25-Q4"),
        (date(2025, 10, 1), 10, "FY26-Q1"),
        (date(2026, 9, 30), 10, "FY26-Q4"),
        (date(2026, 1, 31), 2, "FY26-Q4"),
        (date(2026, 2, 1), 2, "FY27-Q1"),
    ],
)
def test_a_fiscal_year_is_named_by_the_year_in_which_it_ends(day: date, month: int, label: str) -> None:
    found = quarter_of(day, month)
    assert found.label == label
    assert found.start <= day < found.end
    assert quarter_named(label, month) == found


@given(st.dates(date(2001, 1, 1), date(2090, 1, 1)), st.integers(1, 12), st.integers(0, 40))
def test_quarters_tile_time(day: date, month: int, back: int) -> None:
    found = quarter_of(day, month)
    assert found.start <= day < found.end
    assert earlier(found, month).end == found.start
    assert between(earlier(found, month, back), found) == back
    assert quarter(found.year, found.number, month) == found
    assert last_ended(day, month).end == found.start
    assert found.start.day == 1


@pytest.mark.parametrize(
    ("text", "fine"), [("fy26-q4", True), ("FY2026 Q4", True), ("Q4", False), ("FY26-Q5", False)]
)
def test_a_quarter_is_written_as_people_do(text: str, fine: bool) -> None:
    if fine:
        assert quarter_named(text, 1).label == "FY26-Q4"
    else:
        with pytest.raises(ValueError, match="write it as FY26-Q4"):
            quarter_named(text, 1)


@pytest.mark.parametrize(
    ("label", "grace", "closes"),
    [
        ("FY26-Q2", 5, date(2026, 7, 8)),  # 30 June is a Tuesday: five weekdays on is Tuesday the 7th
        ("FY26-Q1", 5, date(2026, 4, 8)),
        ("FY26-Q2", 0, date(2026, 7, 1)),
        ("FY27-Q2", 5, date(2027, 7, 8)),
    ],
)
def test_a_quarter_closes_some_weekdays_after_its_end(label: str, grace: int, closes: date) -> None:
    assert quarter_named(label, 1).closes_on(grace) == closes


def decided(build: Any, facts: PartnerFacts, policy: Policy, previous: Previous | None = None) -> Decision:
    found: Decision = decide(facts, policy, build.as_of, previous)
    return found


def line(build: Any, facts: PartnerFacts, policy: Policy, **seen: Any) -> AuditLine:
    """The partner's line at the end of the second quarter of 2026."""
    decision = seen.pop("decision", None) or decided(build, facts, policy, seen.pop("previous", None))
    return audited(Seen(**{"decision": decision, "live": facts.live, **seen}), policy, Q2)


def codes(found: AuditLine) -> list[tuple[str, str]]:
    return [(each.drift.value, each.code) for each in found.found]


def test_demand_generation_that_is_live_while_the_quote_gate_fails_is_a_contradiction_with_its_amount(
    build: Any, with_goal: Policy
) -> None:
    """Golden vector 24."""
    facts = build.good(quotes=build.quotes(1, 10), live=(build.live(amount=12000), build.live("Enablement", 999)))
    facts = replace(facts, live=(build.live(amount=12000),))
    found = line(build, facts, with_goal)
    assert codes(found) == [("D1", "VELOCITY_FAILS")]
    assert money_of(found.at_risk) == Money(1, Decimal(12000), 0)
    assert found.status is AuditStatus.DRIFT
    assert found.found[0].text == (
        "Demand generation is live (12,000 USD) while quote-to-close fails (n = 10)."
    )  # fmt: skip
    assert found.found[0].policy_key == "velocity.floor"


@pytest.mark.parametrize(
    ("won", "motion", "drifts"),
    [
        (2, "Demand Gen", []),  # 20.0 % passes
        (1, "Demand Gen", ["D1"]),
        (1, "Enablement", []),
    ],
)
def test_only_demand_generation_below_the_floor_contradicts(
    build: Any, with_goal: Policy, won: int, motion: str, drifts: list[str]
) -> None:
    facts = build.good(quotes=build.quotes(won, 10), live=(build.live(motion),))
    assert [drift for drift, _ in codes(line(build, facts, with_goal))] == drifts


def test_a_confidence_gap_contradicts_too_and_says_its_numbers(build: Any, with_goal: Policy) -> None:
    facts = build.good(meetings=build.meetings(12), live=(build.live(amount=None),))
    (found,) = line(build, facts, with_goal).of(Drift.CONTRADICTION)
    assert (found.code, found.policy_key) == ("CONFIDENCE_GAP", "levers.confidence.min_meetings")
    assert found.text == "Demand generation is live (amounts unknown) while 12 meetings with 0 quotes."


def test_insufficient_evidence_contradicts_nothing(build: Any, with_goal: Policy) -> None:
    facts = build.good(quotes=build.quotes(0, 9), live=(build.live(),))
    assert codes(line(build, facts, with_goal)) == []


def test_an_override_that_holds_stands_behind_a_contradiction(build: Any, with_goal: Policy) -> None:
    facts = build.good(quotes=build.quotes(1, 10), live=(build.live(),), override=build.override())
    found = line(build, facts, with_goal)
    assert [each.excused for each in found.found] == ["override by u7 until 2026-07-10"]
    assert found.status is AuditStatus.ACCEPTED


@pytest.mark.parametrize(
    ("days_left", "drifts"),
    [(0, [("D1", "VELOCITY_FAILS")]), (-1, [("D1", "VELOCITY_FAILS"), ("D7", "OVERRIDE_EXPIRED")])],
)
def test_an_override_that_ended_yesterday_and_still_pays_is_told(
    build: Any, with_goal: Policy, days_left: int, drifts: list[tuple[str, str]]
) -> None:
    """Vector 22, at the quarter's end: the computed decision applies."""
    facts = build.good(quotes=build.quotes(1, 10), live=(build.live(),), override=build.override(days_left=days_left))
    found = line(build, facts, with_goal)
    assert codes(found) == drifts
    assert whole([found])[1] == Money(1, Decimal(12000), 0)  # once, though two drifts are about it


@pytest.mark.parametrize(("since", "stale"), [("FY25-Q2", False), ("FY25-Q1", True)])
def test_a_persona_that_nobody_confirmed_for_more_than_four_quarters_is_stale(
    build: Any, with_goal: Policy, since: str, stale: bool
) -> None:
    found = line(build, build.good(), with_goal, persona_since=since)
    assert codes(found) == ([("D2", "PERSONA_UNCONFIRMED")] if stale else [])


@pytest.mark.parametrize(
    ("personas", "median", "code"),
    [
        (("GSI",), 599, "STRATEGIC_BUT_SMALL_DEALS"),
        (("GSI",), 600, None),
        (("VAR",), 1999, None),
        (("VAR",), 2000, "TRANSACTIONAL_BUT_LARGE_DEALS"),
    ],
)
def test_a_partner_that_behaves_like_another_persona_is_told(
    build: Any, with_goal: Policy, personas: tuple[str, ...], median: int, code: str | None
) -> None:
    facts = build.good(personas=personas, won_deals=build.deals(20, median, 1000))
    found = [each.code for each in line(build, facts, with_goal).of(Drift.PERSONA)]
    assert found == ([code] if code else [])


def test_persona_since_is_carried_on_and_renewed_by_a_signature(build: Any, with_goal: Policy) -> None:
    stale = line(build, build.good(), with_goal, persona_since="FY24-Q1")
    fresh = line(build, build.good(), with_goal, persona_since="FY25-Q4")
    first = ("VAR", date(2025, 2, 1))

    def since(persona: str, before: AuditLine | None, confirmed: str = "") -> str:
        return persona_set(persona, before, first, confirmed, Q2, "FY25-Q1")

    assert since("VAR", None) == "FY25-Q1"
    assert since("MSP", None) == "FY26-Q2"
    assert since("VAR", stale) == "FY24-Q1"
    assert since("VAR", stale, "FY26-Q1") == "FY26-Q1"
    assert since("VAR", fresh, "FY26-Q1") == "FY25-Q4"  # what nobody asked about, nobody confirmed
    assert since("GSI", fresh) == "FY26-Q2"


def gap(build: Any, held: int, quoted: int, policy: Policy) -> Decision:
    """A decision with the lever of the Confidence Gap."""
    loose = build.policy(policy, "levers.confidence", max_quoted_share=Decimal("0.5"))
    return decided(build, build.good(meetings=build.meetings(held, quoted)), loose)


@pytest.mark.parametrize(
    ("then", "now", "stuck"),
    [
        ((10, 0), (12, 0), True),
        ((10, 1), (20, 2), True),
        ((10, 1), (19, 2), False),
        ((10, 2), (10, 1), True),
    ],
)
def test_a_lever_whose_number_is_no_better_after_two_quarters_is_stuck(
    build: Any, with_goal: Policy, then: tuple[int, int], now: tuple[int, int], stuck: bool
) -> None:
    before, at_end = gap(build, *then, with_goal), gap(build, *now, with_goal)
    assert at_end.lever is before.lever is Lever.STOP
    found = line(build, build.good(), with_goal, decision=at_end, earlier=(before,), attended=True)
    assert codes(found) == ([("D3", "CONFIDENCE_NOT_BETTER")] if stuck else [])


def test_one_quarter_with_a_lever_is_not_yet_stuck(build: Any, with_goal: Policy) -> None:
    now, before = gap(build, 12, 0, with_goal), decided(build, build.good(), with_goal)
    assert codes(line(build, build.good(), with_goal, decision=now, earlier=(before,), attended=True)) == []
    assert codes(line(build, build.good(), with_goal, decision=now, attended=True)) == []


@pytest.mark.parametrize(("days", "attended", "motion", "told"), [
    (30, False, None, True),
    (29, False, None, False),
    (30, True, None, False),
    (30, False, "Enablement", False),
    (30, False, "Thought Leadership", True),
])  # fmt: skip
def test_a_lever_that_nobody_took_up_is_told(
    build: Any, with_goal: Policy, days: int, attended: bool, motion: str | None, told: bool
) -> None:
    facts = build.good(meetings=build.meetings(12), live=(build.live(motion),) if motion else ())
    since = build.as_of - timedelta(days=days)
    decision = replace(decided(build, facts, with_goal), lever_since=since)
    found = line(build, facts, with_goal, decision=decision, attended=attended)
    assert codes(found) == ([("D4", "NOTHING_DONE")] if told else [])


def test_what_only_the_policy_changed_is_proven_by_the_earlier_policy(build: Any, with_goal: Policy) -> None:
    strict = replace(build.policy(with_goal, "velocity", floor=Decimal("0.6")), version="strict@1")
    facts = build.good()
    before, now = decided(build, facts, with_goal), decided(build, facts, strict)
    found = line(build, facts, strict, decision=now, earlier=(before,), redecided=before)
    assert codes(found) == [("D5", "ONLY_THE_POLICY_CHANGED")]
    assert found.found[0].text == (
        "Fund Enablement Instead, Sustain under strict@1; the same facts give Fund Demand Gen, Sustain under "
        f"{with_goal.version}, as the quarter before."
    )


def test_what_the_facts_changed_is_no_policy_drift(build: Any, with_goal: Policy) -> None:
    strict = replace(build.policy(with_goal, "velocity", floor=Decimal("0.25")), version="strict@1")
    before = decided(build, build.good(), with_goal)
    worse = build.good(quotes=build.quotes(1, 40))
    now, same_facts = decided(build, worse, strict), decided(build, worse, with_goal)
    assert codes(line(build, worse, strict, decision=now, earlier=(before,), redecided=same_facts)) == []


def test_what_was_judged_and_lost_its_feed_is_data_drift(build: Any, with_goal: Policy) -> None:
    before = decided(build, build.good(), with_goal)
    blind = build.good(quotes=Unknown("QUOTES_UNMAPPED", "quotes"))
    found = line(build, blind, with_goal, earlier=(before,))
    assert codes(found) == [("D6", "FEED_LOST")]
    assert found.found[0].text == (
        "Judged a quarter ago, no longer for want of quotes: velocity (QUOTES_UNMAPPED)."
    )  # fmt: skip


def test_too_few_rows_are_no_data_drift(build: Any, with_goal: Policy) -> None:
    before = decided(build, build.good(), with_goal)
    thin = build.good(quotes=build.quotes(3, 9))
    assert codes(line(build, thin, with_goal, earlier=(before,))) == []


@pytest.mark.parametrize(
    ("facts", "status"),
    [("good", AuditStatus.ALIGNED), ("partner", AuditStatus.NOT_REVIEWED), ("excluded", AuditStatus.NOT_REVIEWED)],
)
def test_nothing_judged_is_not_reviewed(build: Any, with_goal: Policy, facts: str, status: AuditStatus) -> None:
    made = build.good(excluded=True) if facts == "excluded" else getattr(build, facts)()
    assert line(build, made, with_goal).status is status


def test_a_line_survives_its_text(build: Any, with_goal: Policy) -> None:
    found = line(build, build.good(quotes=build.quotes(1, 10), live=(build.live(),)), with_goal)
    assert AuditLine.from_json(found.to_json()) == found
    assert AuditLine.from_json(found.to_json()).to_json() == found.to_json()


items = st.lists(
    st.builds(
        LiveItem,
        id=st.uuids().map(str),
        kind=st.sampled_from(["campaign", "fund_request"]),
        name=st.just("x"),
        motion=st.sampled_from(["Demand Gen", "Enablement", "Thought Leadership", "First-Deal Incentive", "Other"]),
        amount=st.none() | st.decimals(0, 10**6, places=2),
    ),
    max_size=5,
    unique_by=lambda item: (item.kind, item.id),
)


@given(st.lists(st.tuples(st.integers(0, 12), items), max_size=8))
def test_money_by_decision_adds_up_to_the_whole(build: Any, with_goal: Policy, partners: Any) -> None:
    lines = [
        line(build, build.good(partner_id=f"p{n}", quotes=build.quotes(won, 12), live=tuple(live)), with_goal)
        for n, (won, live) in enumerate(partners)
    ]
    live, at_risk = whole(lines)
    rows = by_decision(lines)
    assert sum((row.live for row in rows), Money()) == live
    assert sum((row.at_risk for row in rows), Money()) == at_risk
    assert at_risk.amount <= live.amount
    assert by_drift(lines)[0].at_risk == at_risk  # only contradictions are possible here
    assert sum(len(held) for _, held in portfolios(lines)) == sum(1 for each in lines if each.found)


def test_the_fingerprint_is_of_every_line_and_of_the_head() -> None:
    assert digest("h", ["a", "b"]) == digest("h", ["a", "b"])
    assert len({digest("h", ["a", "b"]), digest("h", ["ab"]), digest("h", ["b", "a"]), digest("i", ["a", "b"])}) == 4


def test_between_two_audits_only_what_differs_is_told(build: Any, with_goal: Policy) -> None:
    fine = line(build, build.good(partner_id="p1"), with_goal)
    live = (build.live(amount=12000),)
    bad = line(build, build.good(partner_id="p2", quotes=build.quotes(1, 10), live=live), with_goal)
    good = line(build, build.good(partner_id="p2", live=live), with_goal)
    (change,) = changes([fine, good], [fine, bad])
    assert (change.partner_id, change.before, change.after) == ("p2", "Aligned", "Drift")
    assert change.appeared == ("D1 VELOCITY_FAILS",)
    assert change.said == (
        "decision: Fund Demand Gen -> Fund Enablement Instead",
        "at risk: 0.00 -> 12,000.00",
    )
    assert [each.gone for each in changes([bad], [good])] == [("D1 VELOCITY_FAILS",)]
    assert changes([fine, bad], [bad, fine]) == ()
    (new,) = changes([], [fine])
    assert (new.before, new.after) == ("", "Aligned")


def test_drift_that_was_signed_for_is_accepted_until_the_line_says_something_else() -> None:
    marks = [("p1", "Drift", "a"), ("p2", "Drift", "b"), ("p3", "Aligned", "c")]
    assert standing(marks, None) == {
        "p1": AuditStatus.DRIFT, "p2": AuditStatus.DRIFT, "p3": AuditStatus.ALIGNED,
    }  # fmt: skip
    assert standing(marks, {"p1": "a", "p2": "old", "p3": "c"}) == {
        "p1": AuditStatus.ACCEPTED, "p2": AuditStatus.DRIFT, "p3": AuditStatus.ALIGNED,
    }  # fmt: skip


def test_a_backtest_tells_what_moves_and_the_money_behind_it(build: Any, with_goal: Policy) -> None:
    strict = build.policy(with_goal, "velocity", floor=Decimal("0.6"))
    facts = build.good(live=(build.live(amount=7000), build.live("Enablement", None)))
    now, then = decided(build, facts, with_goal), decided(build, facts, strict)
    moved = compared(now, then)
    assert moved is not None
    assert (moved.before, moved.after) == ("Fund Demand Gen", "Fund Enablement Instead")
    assert moved.reasons_after == ("velocity.BELOW_FLOOR",)
    assert (moved.motions_closed, moved.motions_opened) == (("Demand Gen",), ())
    assert (moved.live, moved.closed) == (Money(2, Decimal(7000), 1), Money(1, Decimal(7000), 0))
    assert compared(now, now) is None
