"""Is each symptom seen where the essay sees it, and nowhere for want of evidence?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connector.core.facts import Unknown
from connector.core.levers import awareness_gap, confidence_gap, primary, strategic_gap, symptoms
from connector.core.verdicts import Confidence, Lever, Presence, Symptom

PRESENT, ABSENT, THIN, NA = Presence.PRESENT, Presence.ABSENT, Presence.INSUFFICIENT, Presence.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("held", "quoted", "presence", "code"),
    [
        (8, 0, PRESENT, "MEETINGS_WITHOUT_QUOTES"),
        (7, 0, THIN, "FEW_MEETINGS"),
        (1, 0, THIN, "FEW_MEETINGS"),
        (0, 0, ABSENT, "NO_MEETINGS"),
        (8, 1, ABSENT, "QUOTES_ISSUED"),
        (3, 1, ABSENT, "QUOTES_ISSUED"),
    ],
)
def test_meetings_but_no_quotes(
    build: Any, default: Any, held: int, quoted: int, presence: Presence, code: str
) -> None:
    result = confidence_gap(build.partner(meetings=build.meetings(held, quoted)), default)
    assert (result.presence, result.code, result.n) == (presence, code, held)


@pytest.mark.parametrize(("quoted", "presence"), [(1, PRESENT), (2, ABSENT)])
def test_the_policy_may_call_few_quotes_none(build: Any, default: Any, quoted: int, presence: Presence) -> None:
    policy = build.policy(default, "levers.confidence", max_quoted_share=Decimal("0.1"))
    assert confidence_gap(build.partner(meetings=build.meetings(10, quoted)), policy).presence is presence


def test_partners_who_never_quote_have_no_confidence_gap(build: Any, default: Any) -> None:
    facts = build.partner(personas=("ISV",), meetings=build.meetings(50))
    assert confidence_gap(facts, default).presence is NA


def test_unsynced_meetings_decide_nothing(build: Any, default: Any) -> None:
    facts = build.partner(meetings=Unknown("MEETINGS_UNMAPPED", "meetings"))
    result = confidence_gap(facts, default)
    assert (result.presence, result.code, result.missing) == (THIN, "MEETINGS_UNMAPPED", "meetings")


@pytest.mark.parametrize(
    ("won", "median", "benchmark", "counted", "presence", "code"),
    [
        (8, 599, 1000, 20, PRESENT, "SMALL_DEALS"),
        (8, 600, 1000, 20, ABSENT, "DEALS_OF_FAIR_SIZE"),
        (7, 1, 1000, 20, THIN, "FEW_WINS"),
        (8, 1, 1000, 19, THIN, "THIN_BENCHMARK"),
        (8, 1, None, 0, THIN, "THIN_BENCHMARK"),
        (8, 1, 0, 20, THIN, "THIN_BENCHMARK"),
        (8, None, 1000, 20, THIN, "AMOUNT_MISSING"),
    ],
)
def test_closes_deals_but_they_are_small(
    build: Any,
    default: Any,
    won: int,
    median: int | None,
    benchmark: int | None,
    counted: int,
    presence: Presence,
    code: str,
) -> None:
    result = strategic_gap(build.partner(won_deals=build.deals(won, median, benchmark, counted)), default)
    assert (result.presence, result.code) == (presence, code)


@pytest.mark.parametrize(("missing", "presence"), [(2, PRESENT), (3, THIN)])
def test_wins_without_amount_are_no_evidence_of_size(
    build: Any, default: Any, missing: int, presence: Presence
) -> None:
    facts = build.partner(won_deals=build.deals(10, 100, 1000, missing=missing))
    assert strategic_gap(facts, default).presence is presence


@pytest.mark.parametrize(("median", "presence"), [(4999, PRESENT), (5000, THIN)])
def test_an_absolute_size_needs_no_benchmark(build: Any, default: Any, median: int, presence: Presence) -> None:
    policy = build.policy(default, "levers.strategic", absolute=Decimal(5000))
    facts = build.partner(won_deals=build.deals(8, median, None, 0))
    assert strategic_gap(facts, policy).presence is presence


@pytest.mark.parametrize(
    ("login", "registration", "presence"),
    [
        (90, 90, PRESENT),
        (89, 90, ABSENT),
        (90, 89, ABSENT),
        (None, None, PRESENT),
        (None, 10, ABSENT),
        (10, None, ABSENT),
    ],
)
def test_dormant_is_neither_login_nor_activity(
    build: Any, default: Any, login: int | None, registration: int | None, presence: Presence
) -> None:
    facts = build.partner(activity=build.activity(login=login, registration=registration))
    assert awareness_gap(facts, default, build.as_of).presence is presence


@pytest.mark.parametrize(("rule", "presence"), [("login", PRESENT), ("activity", ABSENT), ("both", ABSENT)])
def test_the_policy_may_look_at_one_kind_of_life(build: Any, default: Any, rule: str, presence: Presence) -> None:
    policy = build.policy(default, "levers.awareness", rule=rule)
    facts = build.partner(activity=build.activity(login=300, registration=10))
    assert awareness_gap(facts, policy, build.as_of).presence is presence


def test_without_a_login_feed_activity_decides_at_low_confidence(build: Any, default: Any) -> None:
    quiet = build.partner(activity=build.activity(registration=200, known=False))
    result = awareness_gap(quiet, default, build.as_of)
    assert (result.presence, result.code, result.confidence) == (PRESENT, "LOGIN_UNMAPPED", Confidence.LOW)
    only_logins = build.policy(default, "levers.awareness", rule="login")
    assert awareness_gap(quiet, only_logins, build.as_of).presence is THIN


@pytest.mark.parametrize(("age", "presence"), [(90, PRESENT), (89, NA)])
def test_a_young_partner_cannot_be_dormant(build: Any, default: Any, age: int, presence: Presence) -> None:
    facts = build.partner(since=build.as_of - timedelta(days=age), activity=build.activity())
    assert awareness_gap(facts, default, build.as_of).presence is presence


def test_a_partner_of_unknown_age_is_not_called_dormant(build: Any, default: Any) -> None:
    result = awareness_gap(build.partner(since=None, activity=build.activity()), default, build.as_of)
    assert (result.presence, result.code) == (THIN, "PARTNER_AGE_UNKNOWN")


def test_partners_without_a_portal_are_not_asked_to_log_in(build: Any, default: Any) -> None:
    facts = build.partner(personas=("Alliance",), activity=build.activity())
    assert awareness_gap(facts, default, build.as_of).presence is NA


def test_days_are_counted_in_the_tenant_s_time_zone(build: Any, default: Any) -> None:
    late = datetime(2026, 4, 1, 23, 30, tzinfo=UTC)  # 2 April in Tokyo: 89 days before 30 June
    facts = build.partner(activity=build.activity(last_opportunity=late))
    assert awareness_gap(facts, default, build.as_of).presence is PRESENT
    assert awareness_gap(facts, replace(default, timezone="Asia/Tokyo"), build.as_of).presence is ABSENT


def three(build: Any, **changes: Any) -> Any:
    """A partner that shows all three symptoms."""
    return build.partner(
        **{
            "meetings": build.meetings(12),
            "won_deals": build.deals(8, 100, 1000),
            "activity": build.activity(),
            **changes,
        }
    )


def first(build: Any, policy: Any, facts: Any) -> tuple[Symptom, Lever]:
    return primary(symptoms(facts, policy, build.as_of), facts, policy.levers, build.as_of)


def test_awareness_comes_before_confidence_before_strategic(build: Any, default: Any) -> None:
    active = build.activity(login=1)
    assert first(build, default, three(build)) == (Symptom.AWARENESS, Lever.RE_RECRUIT)
    assert first(build, default, three(build, activity=active)) == (Symptom.CONFIDENCE, Lever.STOP)
    fair = three(build, activity=active, meetings=build.meetings(12, 3))
    assert first(build, default, fair) == (Symptom.STRATEGIC, Lever.THOUGHT_LEADERSHIP)


def test_the_policy_may_order_the_symptoms_otherwise(build: Any, default: Any) -> None:
    policy = build.policy(default, "levers", precedence=("strategic", "confidence", "awareness"))
    assert first(build, policy, three(build)) == (Symptom.STRATEGIC, Lever.THOUGHT_LEADERSHIP)
    assert [result.symptom for result in symptoms(three(build), policy, build.as_of)] == [
        Symptom.STRATEGIC,
        Symptom.CONFIDENCE,
        Symptom.AWARENESS,
    ]


def test_without_a_symptom_sustain(build: Any, default: Any) -> None:
    assert first(build, default, build.good()) == (Symptom.NONE, Lever.SUSTAIN)


def test_without_any_evidence_review(build: Any, default: Any) -> None:
    assert first(build, default, build.partner()) == (Symptom.INSUFFICIENT, Lever.REVIEW)


@pytest.mark.parametrize(("age", "lever"), [(89, Lever.ONBOARD), (90, Lever.SUSTAIN)])
def test_a_new_partner_without_a_symptom_is_onboarded(build: Any, default: Any, age: int, lever: Lever) -> None:
    facts = build.good(since=build.as_of - timedelta(days=age))
    assert first(build, default, facts)[1] is lever


def test_a_new_partner_with_meetings_but_no_quotes_gets_the_lever_for_that(build: Any, default: Any) -> None:
    facts = build.partner(since=build.as_of - timedelta(days=80), meetings=build.meetings(8))
    assert first(build, default, facts) == (Symptom.CONFIDENCE, Lever.STOP)
