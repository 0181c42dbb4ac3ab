"""Every window takes its first day and leaves out the day after its last, in the tenant's time zone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connector.core.facts import Activity, Meetings, QuoteCohort, TrackRecord, Unknown, Window, WonDeals
from connector.core.policy import Policy
from connector.facts.windows import windows

Facts = Callable[..., Any]


def deal(id_: str, **given: Any) -> dict[str, Any]:
    return {"id": id_, "stage": "x", "is_closed": True, "is_won": True, "currency": "USD", **given}


def world(deals: list[dict[str, Any]], **more: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    links = [{"id": f"l{d['id']}", "opportunity_id": d["id"], "partner_id": "p", "role": "reseller"} for d in deals]
    return {"partners": [{"id": "p", "name": "P"}], "opportunities": deals, "partner_links": links, **more}


def quote(id_: str, deal_id: str, issued: datetime, status: str = "issued") -> dict[str, Any]:
    return {"id": id_, "opportunity_id": deal_id, "status": status, "issued_at": issued}


def test_three_revisions_of_a_quote_count_as_one_opportunity(facts_of: Facts, at: Callable[..., datetime]) -> None:
    """Golden vector 4."""
    revisions = [quote(f"q{n}", "o1", at(200 - n)) for n in range(3)]
    found = facts_of(world([deal("o1")], quotes=revisions))["p"].quotes
    assert found == QuoteCohort(1, 1, Window(date(2025, 7, 1), date(2026, 4, 3)), False, ("o1",))


@pytest.mark.parametrize(
    ("issued", "counted"),
    [
        (datetime(2025, 6, 30, 22, 0, tzinfo=UTC), 1),  # midnight of 1 July 2025 in Berlin
        (datetime(2025, 6, 30, 21, 59, tzinfo=UTC), 0),
        (datetime(2026, 4, 2, 21, 59, tzinfo=UTC), 1),  # 2 April 2026 in Berlin: 90 days old
        (datetime(2026, 4, 2, 22, 0, tzinfo=UTC), 0),
    ],
)
def test_the_cohort_is_cut_at_local_midnight(facts_of: Facts, issued: datetime, counted: int) -> None:
    assert facts_of(world([deal("o1")], quotes=[quote("q", "o1", issued)]))["p"].quotes.counted == counted


def test_a_draft_is_no_quote(facts_of: Facts, at: Callable[..., datetime]) -> None:
    quotes = [quote("q1", "o1", at(200), "draft"), quote("q2", "o2", at(200))]
    assert facts_of(world([deal("o1"), deal("o2")], quotes=quotes))["p"].quotes.evidence == ("o2",)


def test_a_role_that_does_not_close_counts_meetings_but_not_quotes(
    facts_of: Facts, at: Callable[..., datetime]
) -> None:
    given = world([deal("o1")], quotes=[quote("q", "o1", at(150))])
    given["partner_links"][0]["role"] = "influencer"
    found = facts_of(given)["p"]
    assert (found.quotes.counted, found.meetings.quoted) == (0, 1)


def test_won_ones_come_first_in_the_evidence(facts_of: Facts, at: Callable[..., datetime]) -> None:
    deals = [deal(f"o{n:02}", is_won=n >= 20) for n in range(30)]
    quotes = [quote(f"q{n}", f"o{n:02}", at(200)) for n in range(30)]
    evidence = facts_of(world(deals, quotes=quotes))["p"].quotes.evidence
    assert evidence == tuple(f"o{n:02}" for n in (*range(20, 30), *range(15)))


def test_stage_history_stands_in_where_quotes_are_not_kept(facts_of: Facts, at: Callable[..., datetime]) -> None:
    stages = [{"id": "s", "name": "Proposal", "is_quoted": True}, {"id": "t", "name": "Talk", "is_quoted": False}]
    history = [
        {"id": "h1", "opportunity_id": "o1", "stage": "Proposal", "at": at(200)},
        {"id": "h2", "opportunity_id": "o2", "stage": "Talk", "at": at(200)},
    ]
    given = world([deal("o1"), deal("o2")], stages=stages, stage_history=history)
    found = facts_of(given, unavailable=["quotes"])["p"].quotes
    assert (found.counted, found.proxy, found.evidence) == (1, True, ("o1",))


def test_without_quotes_or_a_quoted_stage_the_cohort_is_unknown_not_empty(facts_of: Facts) -> None:
    found = facts_of(world([deal("o1")]), unavailable=["quotes", "stage_history"])["p"]
    assert found.quotes == Unknown("QUOTES_UNAVAILABLE", "quotes")


def test_a_reopened_deal_leaves_the_won_sets(facts_of: Facts, at: Callable[..., datetime]) -> None:
    won = deal("o1", amount=Decimal(100), close_date=date(2026, 3, 1))
    quotes = [quote("q", "o1", at(200))]
    before = facts_of(world([won], quotes=quotes))["p"]
    after = facts_of(world([{**won, "is_closed": False, "is_won": False}], quotes=quotes))["p"]
    assert (before.quotes.won, before.won_deals.won, after.quotes.won, after.won_deals.won) == (1, 1, 0, 0)
    assert after.quotes.counted == 1


@pytest.mark.parametrize(
    ("starts", "held"),
    [
        (datetime(2025, 12, 2, 23, 0, tzinfo=UTC), 1),  # 3 December in Berlin: 210 days before 1 July
        (datetime(2025, 12, 2, 22, 59, tzinfo=UTC), 0),
        (datetime(2026, 5, 31, 21, 59, tzinfo=UTC), 1),
        (datetime(2026, 5, 31, 22, 0, tzinfo=UTC), 0),  # 1 June in Berlin: 30 days before
    ],
)
def test_the_meetings_window_ends_thirty_days_ago(facts_of: Facts, starts: datetime, held: int) -> None:
    meetings = [{"id": "m", "related_id": "o1", "starts_at": starts}]
    quotes = [quote("q", "other", starts)]
    found = facts_of(world([deal("o1")], meetings=meetings, quotes=quotes))["p"].meetings
    assert (found.held, found.window) == (held, Window(date(2025, 12, 3), date(2026, 6, 1)))


def test_no_shows_internal_ones_and_copies_are_not_held_meetings(
    facts_of: Facts, at: Callable[..., datetime]
) -> None:
    kinds = [
        ("held", False, "x"),
        (None, None, "x"),
        ("no_show", False, None),
        ("held", True, None),
        (None, False, ""),
    ]
    meetings = [
        {"id": f"m{n}", "related_id": "o1", "starts_at": at(100), "outcome": o, "internal": i, "calendar_id": c}
        for n, (o, i, c) in enumerate(kinds)
    ]
    given = world([deal("o1")], meetings=meetings, quotes=[quote("q", "other", at(50))])
    window = Window(date(2025, 12, 3), date(2026, 6, 1))
    assert facts_of(given)["p"].meetings == Meetings(2, 0, window, ("m0", "m4"))


def test_without_a_meeting_source_meetings_are_unknown(facts_of: Facts, at: Callable[..., datetime]) -> None:
    given = world([deal("o1")], quotes=[quote("q", "o1", at(50))])
    assert facts_of(given, unavailable=["meetings"])["p"].meetings == Unknown("MEETINGS_UNMAPPED", "meetings")


@pytest.mark.parametrize(
    ("closed", "won"),
    [(date(2025, 7, 1), 1), (date(2025, 6, 30), 0), (date(2026, 6, 30), 1), (date(2026, 7, 1), 0)],
)
def test_won_deals_are_those_of_the_last_year(facts_of: Facts, closed: date, won: int) -> None:
    given = world([deal("o1", amount=Decimal(100), close_date=closed)])
    assert facts_of(given)["p"].won_deals.won == won


def test_renewals_are_no_new_business_and_an_empty_amount_is_missing(facts_of: Facts) -> None:
    closed = {"close_date": date(2026, 3, 1)}
    deals = [
        deal("o1", amount=Decimal(100), **closed),
        deal("o2", amount=Decimal(301), type="new", **closed),
        deal("o3", amount=Decimal(1), type="renewal", **closed),
        deal("o4", **closed),
        deal("o5", amount=Decimal(5), **{**closed, "currency": "JPY"}),
    ]
    found = facts_of(world(deals))["p"].won_deals
    window = Window(date(2025, 7, 1), date(2026, 7, 1))
    assert found == WonDeals(4, Decimal("200.5"), None, 0, 2, window, ("o1", "o2", "o4", "o5"))


def test_the_benchmark_has_the_partners_mix_of_segment_and_product(facts_of: Facts) -> None:
    def won(id_: str, segment: str, amount: int) -> dict[str, Any]:
        return deal(id_, segment=segment, product="A", amount=Decimal(amount), close_date=date(2026, 3, 1))

    ours = [won("o1", "SMB", 10), won("o2", "SMB", 10), won("o3", "Enterprise", 500)]
    given = world(ours)
    given["opportunities"] = [
        *ours, won("d1", "SMB", 9), won("d2", "SMB", 11), *(won(f"e{n}", "Enterprise", 900) for n in range(7)),
        won("m1", "Mid", 1),
    ]  # fmt: skip
    found = facts_of(given)["p"].won_deals
    # a third of the weight lies on 9, a third on 11, a third on 900: unweighted it would be 900
    assert (found.benchmark_median, found.benchmark_counted) == (Decimal(11), 9)


def campaign(id_: str, ended: date, **given: Any) -> dict[str, Any]:
    return {"id": id_, "name": id_, "partner_id": "p", "start_date": date(2025, 1, 1), "end_date": ended, **given}


@pytest.fixture
def by_cost(policy: Policy) -> Policy:
    return replace(policy, track_record=replace(policy.track_record, spend_basis="total_cost"))


def test_a_campaign_that_ended_ninety_days_ago_is_old_enough(facts_of: Facts, by_cost: Policy) -> None:
    spent = {"actual_cost": Decimal(10)}
    campaigns = [campaign("c1", date(2026, 4, 2), **spent), campaign("c2", date(2026, 4, 3), **spent)]
    found = facts_of(world([], campaigns=campaigns), policy=by_cost)["p"].track_record
    assert ([c.campaign_id for c in found.last], found.excluded) == (["c1"], (("c2", "NOT_MATURED"),))


def test_an_older_campaign_takes_the_place_of_one_that_is_too_young(facts_of: Facts, by_cost: Policy) -> None:
    days = [date(2026, 6, 11), date(2025, 9, 1), date(2025, 9, 1), date(2025, 3, 1), date(2025, 2, 1)]
    campaigns = [campaign(f"c{n}", day, actual_cost=Decimal(10)) for n, day in enumerate(days)]
    found = facts_of(world([], campaigns=campaigns), policy=by_cost)["p"].track_record
    assert [c.campaign_id for c in found.last] == ["c1", "c2", "c3"]


def test_zero_spend_is_left_out_and_never_an_infinite_return(facts_of: Facts, by_cost: Policy) -> None:
    given = world(
        [deal("o1", campaign_id="c1", amount=Decimal(50_000), created_at=datetime(2025, 2, 1, tzinfo=UTC))],
        campaigns=[campaign("c1", date(2025, 3, 1), actual_cost=Decimal(0)), campaign("c2", date(2025, 3, 1))],
    )
    found = facts_of(given, policy=by_cost)["p"].track_record
    assert found == TrackRecord((), (("c1", "ZERO_SPEND"), ("c2", "SPEND_UNKNOWN")))


@pytest.mark.parametrize(("rates", "spend", "unconverted"), [([], 0, 1), ([Decimal("0.5")], 200, 0)])
def test_a_currency_without_a_rate_is_counted_and_never_taken_one_to_one(
    facts_of: Facts, by_cost: Policy, rates: list[Decimal], spend: int, unconverted: int
) -> None:
    given = world([], campaigns=[campaign("c", date(2025, 3, 1), actual_cost=Decimal(100), currency="EUR")])
    given["exchange_rates"] = [{"id": "x", "currency": "EUR", "rate": rate} for rate in rates]
    (found,) = facts_of(given, policy=by_cost)["p"].track_record.last
    assert (found.spend, found.unconverted) == (Decimal(spend), unconverted)


def test_paid_claims_come_before_approved_ones(facts_of: Facts) -> None:
    claims = [("k1", "f1", "paid", 30), ("k2", "f1", "approved", 50), ("k3", "f2", "approved", 70)]
    given = world(
        [],
        campaigns=[campaign("c1", date(2025, 3, 1)), campaign("c2", date(2025, 3, 1))],
        fund_requests=[{"id": f"f{n}", "campaign_id": f"c{n}", "partner_id": "p"} for n in (1, 2)],
        fund_claims=[{"id": i, "request_id": r, "status": s, "amount": Decimal(a)} for i, r, s, a in claims],
    )
    found = facts_of(given)["p"].track_record
    assert [c.spend for c in found.last] == [Decimal(30), Decimal(70)]


@pytest.mark.parametrize(
    ("created", "counted"),
    [
        (datetime(2024, 12, 31, 23, 0, tzinfo=UTC), 1),  # the first midnight of the campaign in Berlin
        (datetime(2024, 12, 31, 22, 59, tzinfo=UTC), 0),
        (datetime(2025, 5, 29, 21, 59, tzinfo=UTC), 1),
        (datetime(2025, 5, 29, 22, 0, tzinfo=UTC), 0),  # 90 days after 1 March
    ],
)
def test_pipeline_is_what_was_opened_from_the_start_until_ninety_days_after_the_end(
    facts_of: Facts, by_cost: Policy, created: datetime, counted: int
) -> None:
    lost = deal("o1", campaign_id="c", amount=Decimal(50), created_at=created, is_won=False)
    given = world([lost], campaigns=[campaign("c", date(2025, 3, 1), actual_cost=Decimal(10))])
    (found,) = facts_of(given, policy=by_cost)["p"].track_record.last
    assert (found.opportunities, found.pipeline) == (counted, Decimal(50 * counted))


def test_without_a_login_feed_a_registration_is_a_sign_of_life(facts_of: Facts, at: Callable[..., datetime]) -> None:
    registrations = [{"id": "r", "partner_id": "p", "status": "submitted", "submitted_at": at(10)}]
    found = facts_of(world([], registrations=registrations), unavailable=["logins"])["p"].activity
    assert found == Activity(False, None, at(10), None, None, ("r",))


def test_the_last_login_is_the_latest_of_all_the_partners_people(
    facts_of: Facts, at: Callable[..., datetime]
) -> None:
    logins = [{"id": f"u{n}", "partner_id": "p", "last_login_at": at(n * 50)} for n in (3, 1, 2)]
    found = facts_of(world([], logins=logins))["p"].activity
    assert (found.logins_known, found.last_login, found.evidence) == (True, at(50), ("u1",))


def test_a_merged_partner_hands_its_records_to_the_survivor(facts_of: Facts, at: Callable[..., datetime]) -> None:
    deals = [deal(f"o{n}") for n in range(3)]
    given = world(deals, quotes=[quote(f"q{n}", f"o{n}", at(200)) for n in range(3)])
    given["partners"] = [{"id": "old", "name": "Old", "merged_into": "p"}, {"id": "p", "name": "P"}]
    given["partner_links"][1]["partner_id"] = "old"
    given["partner_links"].append({"id": "again", "opportunity_id": "o2", "partner_id": "old", "role": "lead"})
    found = facts_of(given)
    assert list(found) == ["p"]
    assert found["p"].quotes.evidence == ("o0", "o1", "o2")
    assert facts_of(given, partner_ids=["old"]) == found


def test_a_stale_source_makes_its_facts_unknown(facts_of: Facts, policy: Policy, mirror: Any) -> None:
    given = world([deal("o1")])
    fresh = facts_of(given)["p"]
    late = facts_of(given, as_of=datetime(2026, 9, 1, tzinfo=UTC))["p"]
    assert not isinstance(fresh.won_deals, Unknown)
    assert [getattr(late, name).code for name in ("won_deals", "track_record", "activity")] == ["STALE_SOURCE"] * 3
    assert late.freshness == datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_a_window_follows_the_tenants_day_not_the_servers(policy: Policy) -> None:
    late_evening = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    assert windows(policy, late_evening).today == date(2026, 7, 2)
    assert windows(replace(policy, timezone="America/New_York"), late_evening).today == date(2026, 7, 1)
