"""Who sourced, who influenced, and how the amount is parted: every rule from both sides of its boundary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from connector.core.policy import Policy
from connector.facts.crediting import LOCKS, PARTS, credit
from connector.mirror import Mirror
from connector.mirror.layout import CANONICAL, arrow_type

AS_OF = datetime(2026, 7, 1, 12, tzinfo=UTC)
OPENED = datetime(2026, 4, 1, 9, tzinfo=UTC)
CLOSED = date(2026, 6, 26)
CLOSE_END = datetime(2026, 6, 26, 22, tzinfo=UTC)  # midnight in Berlin, where the policy of these tests is at home

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
Row = tuple[str, str, str, Decimal | None, str]


class Bench:
    """A small mirror whose credits are asked for."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.mirror = Mirror.open(":memory:", threads=1)
        self.put("partners", *({"id": name, "name": name} for name in "ABC"))
        self.put("accounts", {"id": "acc"})

    def put(self, name: str, *rows: Mapping[str, Any]) -> None:
        columns = [column for column in CANONICAL[name].columns if any(column.name in row for row in rows)]
        arrays = {c.name: pa.array([row.get(c.name) for row in rows], arrow_type(c.kind)) for c in columns}
        self.mirror.upsert(name, "made", pa.table(arrays))
        self.mirror.set_source(name, True, "", AS_OF)

    def deal(self, id_: str = "d", **values: Any) -> None:
        won = {"is_closed": True, "is_won": True, "close_date": CLOSED, "stage": "Closed Won"}
        self.put(
            "opportunities",
            {"id": id_, "account_id": "acc", "amount": Decimal(100_000), "created_at": OPENED, **won, **values},
        )

    def registration(self, partner: str = "A", id_: str = "r", **values: Any) -> None:
        self.put(
            "registrations",
            {
                "id": id_,
                "partner_id": partner,
                "opportunity_id": "d",
                "status": "approved",
                "submitted_at": OPENED - timedelta(days=1),
                "approved_at": OPENED,
                **values,
            },
        )

    def touch(self, partner: str, kind: str, at: datetime, id_: str = "", **values: Any) -> None:
        self.put(
            "touches",
            {
                "id": id_ or f"{partner}{kind}{at}",
                "related_id": "d",
                "partner_id": partner,
                "type": kind,
                "occurred_at": at,
                "recorded_at": at,
                **values,
            },
        )

    def credits(self, **given: Any) -> list[Row]:
        """(partner, role, reason, amount, what is lacking), in order."""
        credit(self.mirror, self.policy, given.pop("as_of", AS_OF), **given)
        rows = self.mirror.query(
            "SELECT partner_id, role, reason, amount, lacking FROM credits"
            " ORDER BY opportunity_id, role DESC, partner_id"
        ).to_pylist()
        return [(r["partner_id"], r["role"], r["reason"], r["amount"], r["lacking"]) for r in rows]

    def codes(self) -> list[str]:
        """What was said of each claim."""
        self.credits()
        rows = self.mirror.query("SELECT code FROM candidates ORDER BY partner_id, source_id").to_pylist()
        return [row["code"] for row in rows]


@pytest.fixture
def bench(policy: Policy) -> Iterator[Bench]:
    made = Bench(policy)
    yield made
    made.mirror.close()


WHOLE = Decimal("100000.00")
SOURCED: Row = ("A", "sourced", "FIRST_CLAIM", WHOLE, "")


def influenced(partner: str, amount: str = "100000.00") -> Row:
    return (partner, "influenced", "ENOUGH_EVIDENCE", Decimal(amount), "")


def days_after(days: float) -> datetime:
    return OPENED + timedelta(days=days)


@pytest.mark.parametrize(
    ("submitted", "code"),
    [
        (days_after(13), "HELD"),  # golden vector 14
        (days_after(14), "HELD"),
        (days_after(14) + timedelta(seconds=1), "LATE_SUBMISSION"),
    ],
)
def test_a_registration_may_follow_the_opportunity_by_the_days_of_grace(
    bench: Bench, submitted: datetime, code: str
) -> None:
    bench.deal()
    bench.registration(submitted_at=submitted, approved_at=days_after(14))
    assert bench.codes() == [code]
    assert bench.credits() == ([SOURCED] if code == "HELD" else [])


@pytest.mark.parametrize(
    ("approved", "code"),
    [
        (days_after(14), "HELD"),
        (days_after(14) + timedelta(seconds=1), "LATE_APPROVAL"),
        (None, "HELD"),
    ],
)
def test_an_approval_after_the_lock_comes_too_late(bench: Bench, approved: datetime | None, code: str) -> None:
    bench.deal()
    bench.registration(approved_at=approved)
    assert bench.codes() == [code]


@pytest.mark.parametrize(
    ("submitted", "expires", "code"),
    [
        (days_after(-90), None, "HELD"),
        (days_after(-91), None, "EXPIRED"),
        (days_after(-100), OPENED.date(), "HELD"),
        (days_after(-100), OPENED.date() - timedelta(days=1), "EXPIRED"),
        (days_after(-120), date(2099, 1, 1), "HELD"),
        (days_after(-121), date(2099, 1, 1), "EXPIRED"),
    ],
)
def test_a_registration_must_be_in_force_when_the_opportunity_is_opened(
    bench: Bench, submitted: datetime, expires: date | None, code: str
) -> None:
    bench.deal()
    bench.registration(submitted_at=submitted, approved_at=submitted, expires_on=expires)
    assert bench.codes() == [code]


@pytest.mark.parametrize("status", ["submitted", "rejected"])
def test_what_was_never_approved_is_no_claim(bench: Bench, status: str) -> None:
    bench.deal()
    bench.registration(status=status, approved_at=None)
    assert bench.codes() == []


def test_a_registration_that_expired_after_its_approval_keeps_what_it_brought(bench: Bench) -> None:
    bench.deal()
    bench.registration(status="expired")
    assert bench.credits() == [SOURCED]


def test_a_registration_of_the_account_counts_for_what_is_opened_while_it_holds(bench: Bench) -> None:
    bench.deal()
    bench.registration(
        opportunity_id=None, account_id="acc", submitted_at=days_after(-30), approved_at=days_after(-29)
    )
    assert bench.credits() == [SOURCED]


def test_a_registration_of_the_account_from_after_the_opening_names_no_opportunity(bench: Bench) -> None:
    bench.deal()
    bench.registration(opportunity_id=None, account_id="acc", submitted_at=days_after(1), approved_at=days_after(2))
    assert bench.credits() == []


def test_the_earliest_of_several_claims_counts(bench: Bench) -> None:
    bench.deal()
    bench.registration("B", "r2", submitted_at=days_after(-1))
    bench.registration("A", "r1", submitted_at=days_after(-1) - timedelta(seconds=1))
    assert bench.credits() == [SOURCED]


def test_two_claims_of_one_moment_are_disputed_and_nobody_is_credited(bench: Bench) -> None:
    bench.deal()
    bench.registration("B", "r2")
    bench.registration("A", "r1")
    nothing = Decimal("0.00")
    assert bench.credits() == [(name, "disputed", "SAME_MOMENT", nothing, "") for name in "AB"]


def test_two_claims_of_one_partner_at_one_moment_are_no_dispute(bench: Bench) -> None:
    bench.deal()
    bench.registration("A", "r2")
    bench.registration("A", "r1")
    assert bench.credits() == [SOURCED]


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"is_closed": False}, "PRIOR_DEAL"),
        ({"close_date": date(2026, 3, 31)}, "PRIOR_DEAL"),  # the day of the submission
        ({"close_date": date(2026, 3, 30)}, "HELD"),
        ({"is_closed": False, "created_at": days_after(-1)}, "HELD"),  # the moment of the submission
        ({"is_closed": False, "account_id": "elsewhere"}, "HELD"),
    ],
)
def test_an_open_opportunity_of_the_customer_without_the_partner_was_there_before(
    bench: Bench, other: dict[str, Any], code: str
) -> None:
    bench.deal()
    bench.deal("older", **{"created_at": days_after(-40), "type": "renewal", **other})
    bench.registration()
    assert bench.codes() == [code]


def test_the_partners_own_earlier_opportunity_does_not_speak_against_it(bench: Bench) -> None:
    bench.deal()
    bench.deal("older", created_at=days_after(-40), is_closed=False)
    bench.put("partner_links", {"id": "l", "opportunity_id": "older", "partner_id": "A", "role": "reseller"})
    bench.registration()
    assert bench.codes() == ["HELD"]


@pytest.mark.parametrize(
    ("when", "whose", "code"),
    [
        (days_after(-2), None, "PRIOR_ACTIVITY"),
        (days_after(-2), "B", "PRIOR_ACTIVITY"),
        (days_after(-2), "A", "HELD"),
        (days_after(-91), None, "PRIOR_ACTIVITY"),  # 90 days before the submission
        (days_after(-91) - timedelta(seconds=1), None, "HELD"),
        (days_after(-1), None, "HELD"),  # at the moment of the submission
    ],
)
def test_other_peoples_activity_at_the_customer_in_the_look_back_speaks_against_a_claim(
    bench: Bench, when: datetime, whose: str | None, code: str
) -> None:
    bench.deal()
    bench.registration()
    bench.touch(whose or "", "call", when, related_id="acc", partner_id=whose)
    assert bench.codes() == [code]


def test_a_policy_may_look_at_other_partners_only_or_at_nobody(bench: Bench) -> None:
    bench.deal()
    bench.registration()
    bench.touch("", "call", days_after(-2), related_id="acc", partner_id=None)
    rules = bench.policy.attribution
    bench.policy = replace(bench.policy, attribution=replace(rules, prior_activity="partners"))
    assert bench.codes() == ["HELD"]
    bench.touch("B", "call", days_after(-3), related_id="acc")
    assert bench.codes() == ["PRIOR_ACTIVITY"]
    bench.policy = replace(bench.policy, attribution=replace(rules, prior_activity="none"))
    assert bench.codes() == ["HELD"]


@pytest.mark.parametrize(("role", "found"), [("lead", [SOURCED]), ("reseller", [])])
def test_a_dated_referral_is_as_good_as_a_registration(bench: Bench, role: str, found: list[Row]) -> None:
    bench.deal()
    link = {"id": "l", "opportunity_id": "d", "partner_id": "A", "role": role, "recorded_at": days_after(3)}
    bench.put("partner_links", link)
    assert bench.credits() == found


def test_strong_evidence_once_or_weak_evidence_on_two_days_influences(bench: Bench) -> None:
    bench.deal()
    bench.touch("A", "Proof of Concept", days_after(5))
    bench.touch("B", "meeting", days_after(5))
    bench.touch("B", "call", days_after(5.1))
    bench.touch("C", "meeting", days_after(5))
    bench.touch("C", "meeting", days_after(6))
    assert bench.credits() == [influenced("A", "50000.00"), influenced("C", "50000.00")]


def test_weak_evidence_counts_by_the_tenants_day(bench: Bench) -> None:
    bench.deal()
    late = datetime(2026, 5, 1, 21, 30, tzinfo=UTC)  # 23:30 in Berlin
    bench.touch("A", "meeting", late)
    bench.touch("A", "meeting", late + timedelta(hours=1))
    assert bench.credits() == [influenced("A")]


def test_a_kind_that_no_list_names_is_worth_nothing(bench: Bench) -> None:
    bench.deal()
    bench.touch("A", "gift basket", days_after(5))
    assert bench.credits() == []


@pytest.mark.parametrize(
    ("occurred", "recorded", "counts"),
    [
        (OPENED, OPENED, True),
        (OPENED - timedelta(seconds=1), OPENED, False),
        (CLOSE_END - timedelta(seconds=1), CLOSE_END - timedelta(seconds=1), True),
        (CLOSE_END - timedelta(days=1), CLOSE_END, False),  # golden vector 15: logged after the close
        (CLOSE_END, CLOSE_END, False),
        (days_after(5), None, False),
    ],
)
def test_influence_lies_between_the_opening_and_the_close_and_is_written_down_by_then(
    bench: Bench, occurred: datetime, recorded: datetime | None, counts: bool
) -> None:
    bench.deal()
    bench.touch("A", "proof of concept", occurred, recorded_at=recorded)
    assert bench.credits() == ([influenced("A")] if counts else [])


def test_the_days_of_the_lock_let_late_notes_in(bench: Bench) -> None:
    bench.deal()
    bench.touch("A", "proof of concept", days_after(5), recorded_at=CLOSE_END + timedelta(days=2))
    rules = bench.policy.attribution
    bench.policy = replace(bench.policy, attribution=replace(rules, influence_lock_days=2))
    assert bench.credits() == []
    bench.policy = replace(bench.policy, attribution=replace(rules, influence_lock_days=3))
    assert bench.credits() == [influenced("A")]


def test_who_comes_in_the_late_stages_did_not_help_to_win(bench: Bench) -> None:
    bench.deal()
    bench.put(
        "stage_history", {"id": "h", "opportunity_id": "d", "stage": "Negotiation/Review", "at": days_after(20)}
    )
    bench.touch("A", "proof of concept", days_after(20) - timedelta(seconds=1))
    bench.touch("B", "proof of concept", days_after(20))
    assert bench.credits() == [influenced("A")]


def test_meetings_and_answers_count_through_the_people_who_were_there(bench: Bench) -> None:
    bench.deal()
    bench.put("contacts", {"id": "ann", "account_id": "A"}, {"id": "eve", "account_id": "acc"})
    bench.put("campaigns", {"id": "camp", "partner_id": "A"})
    held = {"related_id": "d", "contact_id": "ann", "starts_at": days_after(3), "created_at": days_after(2)}
    bench.put("meetings", {"id": "m1", **held}, {"id": "m2", **held, "internal": True, "starts_at": days_after(9)})
    assert bench.credits() == []
    answer = {
        "id": "x",
        "campaign_id": "camp",
        "contact_id": "eve",
        "responded": True,
        "responded_on": date(2026, 4, 9),
    }
    bench.put("campaign_members", answer)
    assert bench.credits() == [influenced("A")]


def test_a_sourced_and_two_influencers_golden_vector_16(bench: Bench) -> None:
    bench.deal()
    bench.registration()
    bench.touch("A", "proof of concept", days_after(5))
    bench.touch("B", "proof of concept", days_after(6))
    bench.touch("C", "executive introduction", days_after(7))
    assert bench.credits() == [SOURCED, influenced("B", "50000.00"), influenced("C", "50000.00")]


def test_cents_that_do_not_part_evenly_go_to_the_first(bench: Bench) -> None:
    bench.deal(amount=Decimal("100.00"))
    for name in "ABC":
        bench.touch(name, "proof of concept", days_after(5))
    parted = [("A", "33.34"), ("B", "33.33"), ("C", "33.33")]
    assert bench.credits() == [influenced(name, amount) for name, amount in parted]


def test_points_weigh_strong_evidence_more(bench: Bench) -> None:
    bench.deal()
    bench.touch("A", "proof of concept", days_after(5))
    bench.touch("B", "meeting", days_after(5))
    bench.touch("B", "meeting", days_after(6))
    rules = bench.policy.attribution
    bench.policy = replace(bench.policy, attribution=replace(rules, split="points"))
    assert bench.credits() == [influenced("A", "60000.00"), influenced("B", "40000.00")]


@pytest.mark.parametrize(
    ("shares", "amounts", "lacking"),
    [
        (("60", "40"), ("60000.00", "40000.00"), ""),
        (("60", "20"), ("60000.00", "20000.00"), ""),
        (("60", "41"), (None, None), "SHARES_OVER_100"),
    ],
)
def test_shares_agreed_in_writing_come_before_every_rule(
    bench: Bench, shares: tuple[str, str], amounts: tuple[str | None, str | None], lacking: str
) -> None:
    bench.deal()
    bench.touch("C", "proof of concept", days_after(5))
    bench.put(
        "partner_links",
        *(
            {"id": name, "opportunity_id": "d", "partner_id": name, "role": "other", "share": Decimal(share)}
            for name, share in zip("AB", shares, strict=True)
        ),
    )
    found = [(row[0], row[2], row[3], row[4]) for row in bench.credits()]
    parted = [None if amount is None else Decimal(amount) for amount in amounts]
    agreed = [(name, "AGREED_SHARE", amount, lacking) for name, amount in zip("AB", parted, strict=True)]
    without = Decimal("0.00") if not lacking else None
    assert found == [*agreed, ("C", "ENOUGH_EVIDENCE", without, lacking)]


def test_an_amount_that_is_unknown_or_has_no_rate_stays_unknown(bench: Bench) -> None:
    bench.deal(amount=None)
    bench.registration()
    assert bench.credits() == [("A", "sourced", "FIRST_CLAIM", None, "AMOUNT_MISSING")]
    bench.deal(currency="EUR")
    assert bench.credits() == [("A", "sourced", "FIRST_CLAIM", None, "FX_RATE_MISSING")]


def test_a_closed_amount_converts_at_its_close_date(bench: Bench) -> None:
    bench.deal(currency="EUR", amount=Decimal(90))
    bench.registration()
    bench.put(
        "exchange_rates",
        {"id": "1", "currency": "EUR", "rate": Decimal("0.9"), "start_date": date(2026, 1, 1)},
        {"id": "2", "currency": "EUR", "rate": Decimal("0.5"), "start_date": date(2026, 6, 27)},
    )
    assert bench.credits()[0][3] == Decimal("100.00")


@pytest.mark.parametrize(("business", "found"), [("new", []), ("all", [SOURCED])])
def test_renewals_give_credit_only_where_the_policy_says_so(bench: Bench, business: str, found: list[Row]) -> None:
    bench.deal(type="renewal")
    bench.registration()
    rules = bench.policy.attribution
    bench.policy = replace(bench.policy, attribution=replace(rules, business=business))
    assert bench.credits() == found


def kept_parts(*rows: Mapping[str, Any]) -> pa.Table:
    blank = {"opportunity_id": "d", "points": 0, "agreed": None, "pieces": 1, "evidence_ids": []}
    return pa.Table.from_pylist([{**blank, **row} for row in rows], PARTS)


def locks(*, sourced: bool = False, close: date | None = None) -> pa.Table:
    return pa.Table.from_pylist([{"opportunity_id": "d", "sourced_final": sourced, "final_close": close}], LOCKS)


def test_what_is_locked_stays_and_what_is_not_follows_the_evidence(bench: Bench) -> None:
    bench.deal()
    bench.registration("A")
    bench.touch("C", "proof of concept", days_after(5))
    kept = kept_parts(
        {"partner_id": "B", "role": "sourced", "reason": "FIRST_CLAIM"},
        {"partner_id": "A", "role": "influenced", "reason": "ENOUGH_EVIDENCE"},
    )
    ours: Callable[..., list[Row]] = lambda **lock: bench.credits(kept=kept, locks=locks(**lock))  # noqa: E731
    assert ours() == [SOURCED, influenced("C")]
    by_b: Row = ("B", "sourced", "FIRST_CLAIM", WHOLE, "")
    assert ours(sourced=True) == [by_b, influenced("C")]
    assert ours(sourced=True, close=CLOSED) == [by_b, influenced("A")]
    assert ours(sourced=True, close=CLOSED - timedelta(days=1)) == [by_b, influenced("C")]  # reopened meanwhile
    bench.deal(credit_dispute="reassess")
    assert ours(sourced=True, close=CLOSED) == [SOURCED, influenced("C")]


def test_a_reopened_opportunity_lets_evidence_in_again(bench: Bench) -> None:
    bench.deal(is_closed=False, is_won=False)
    bench.touch("C", "proof of concept", days_after(5))
    kept = kept_parts({"partner_id": "A", "role": "influenced", "reason": "ENOUGH_EVIDENCE"})
    assert bench.credits(kept=kept, locks=locks(close=CLOSED)) == [influenced("C")]


def test_only_the_opportunities_asked_for_are_looked_at(bench: Bench) -> None:
    bench.deal()
    bench.deal("e")
    bench.registration("A")
    bench.registration("B", "r2", opportunity_id="e")
    credit(bench.mirror, bench.policy, AS_OF, ["e"])
    assert bench.mirror.query("SELECT opportunity_id FROM credits").column(0).to_pylist() == ["e"]


def test_a_partner_that_was_merged_away_is_credited_under_its_survivor(bench: Bench) -> None:
    bench.put("partners", {"id": "old", "name": "old", "merged_into": "A"})
    bench.deal()
    bench.registration("old")
    assert bench.credits() == [SOURCED]
