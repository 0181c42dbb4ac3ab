"""Credit through whole runs: cards on opportunities, versions, locks, disputes, merges and processes that die."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from connector.core.credit import Parts
from connector.facts import credited
from connector.store.credits import CreditBook, CreditVersion
from connector.store.store import Store
from connector.sync.streams import Marks

if TYPE_CHECKING:
    from conftest import Office

DAY = timedelta(days=1)


@dataclass(slots=True)
class Market:
    """A customer, partners, and what they do, in the org of an office."""

    office: Office
    customer: str = ""
    number: int = 0

    def __post_init__(self) -> None:
        self.customer = self.office.customer()

    def deal(self, *, age: float = 1, amount: str | None = "100000", **values: Any) -> str:
        """An open opportunity that was opened so many days ago."""
        self.number += 1
        crm = self.office.crm
        known = {
            "Id": f"006{self.number:012d}", "Name": f"Deal {self.number}", "StageName": "Proposal",
            "IsClosed": False, "IsWon": False, "Amount": None if amount is None else Decimal(amount),
            "AccountId": self.customer, "CreatedDate": crm.now_at - age * DAY, "CloseDate": date(2026, 6, 1),
        }  # fmt: skip
        return crm.add("Opportunity", {**known, **values})

    def registered(self, partner: str, deal: str) -> str:
        """The partner registered the opportunity as it was opened, and that was approved."""
        opened = self.office.crm.records["Opportunity"][deal].values["CreatedDate"]
        return self.office.crm.add(
            "Deal_Registration__c",
            {
                "Partner__c": partner, "Opportunity__c": deal, "Status__c": "Approved", "Submitted_At__c": opened,
                "Approved_At__c": opened, "CreatedDate": opened,
            },
        )  # fmt: skip

    def helped(self, partner: str, deal: str, kind: str = "Proof of Concept") -> str:
        """Somebody of the partner did something for the opportunity just now."""
        crm = self.office.crm
        person = crm.add("Contact", {"AccountId": partner})
        return crm.add(
            "Task",
            {
                "WhatId": deal, "WhoId": person, "Type": kind, "IsClosed": True, "CompletedDateTime": crm.now_at,
                "CreatedDate": crm.now_at,
            },
        )  # fmt: skip

    def won(self, deal: str) -> None:
        """The opportunity is won today."""
        today = self.office.crm.now_at.date()
        self.office.edit(
            "Opportunity", deal, StageName="Closed Won", IsClosed=True, IsWon=True, CloseDate=today
        )  # fmt: skip

    def later(self, days: float) -> Any:
        """So many days pass; then a run."""
        self.office.crm.advance(days * DAY)
        return self.office.sync()

    def card(self, deal: str) -> dict[str, Any]:
        """Our fields on the opportunity."""
        held = self.office.crm.records["Opportunity"][deal].values
        return {n.removeprefix("PMOM_").removesuffix("__c"): v for n, v in held.items() if n.startswith("PMOM_")}

    def who(self, deal: str) -> tuple[Any, ...]:
        """Type, sourcing partner, both amounts, version."""
        card = self.card(deal)
        names = ("Partner_Credit_Type", "Sourcing_Partner", "Sourced_Amount", "Influenced_Amount", "Credit_Version")
        return tuple(card.get(name) for name in names)

    def versions(self, deal: str) -> list[tuple[int, str]]:
        return [(each.version, each.reason) for each in self.history(deal)]

    def history(self, deal: str) -> tuple[CreditVersion, ...]:
        return self.office.ctx.store.credits().history(deal)


@pytest.fixture
def market(office: Office) -> Market:
    return Market(office)


@dataclass(slots=True)
class Life:
    """A process that dies after so many commits."""

    left: int

    def of(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """The step, after which it may be dead."""

        def step(*rest: Any, **named: Any) -> Any:
            done = real(*rest, **named)
            self.left -= 1
            if self.left == -1:
                raise KeyboardInterrupt
            return done

        return step


NOTHING = Decimal(0)
WHOLE = Decimal(100_000)


def keys(report: Any) -> list[str]:
    return [change.key for change in report.planned.plan.changes]


def test_the_first_run_writes_cards_and_makes_no_task_and_the_second_writes_nothing(market: Market) -> None:
    office = market.office
    finder, helper, idle = (office.partner(name) for name in ("Finder", "Helper", "Idle"))
    deal, alone = market.deal(), market.deal()
    market.registered(finder, deal)
    market.helped(helper, deal)
    first = office.sync()
    assert market.who(deal) == ("Sourced + Influenced by others", finder, WHOLE, WHOLE, 1)
    card = market.card(deal)
    assert card["Influencing_Partners"] == "Helper (100000)"
    assert card["Influence_Evidence_Count"] == 1
    assert card["Credit_Reason"] == "sourced.FIRST_CLAIM; influenced.ENOUGH_EVIDENCE"
    assert market.card(alone) == {}
    assert first.planned.plan.summary.others_changed == 1
    assert office.tasks() == []
    assert office.card(finder)["Sourced_Open_Pipeline"] == WHOLE
    assert office.card(idle)["Sourced_Open_Pipeline"] == NOTHING
    again = office.sync()
    assert again.planned.plan.empty
    assert market.versions(deal) == [(1, "first")]


def test_new_evidence_makes_one_version_and_rewrites_only_what_it_concerns(market: Market) -> None:
    office = market.office
    finder, helper, other = (office.partner(name) for name in ("Finder", "Helper", "Other"))
    deal, untouched = market.deal(), market.deal(AccountId=office.customer("Elsewhere"))
    market.registered(finder, deal)
    market.registered(other, untouched)
    office.sync()
    market.helped(helper, deal)
    office.crm.advance(timedelta(minutes=1))
    report = office.sync()
    assert [key for key in keys(report) if "fields" in key and deal in key]
    assert not [key for key in keys(report) if untouched in key or other in key]
    assert market.versions(deal) == [(2, "evidence"), (1, "first")]
    assert market.versions(untouched) == [(1, "first")]
    assert report.decided.recredited == 1


def test_who_sourced_it_is_final_fourteen_days_after_the_opening(market: Market) -> None:
    office = market.office
    finder = office.partner("Finder")
    early, late = market.deal(age=1), market.deal(age=1, AccountId=office.customer("Elsewhere"))
    claims = [market.registered(finder, deal) for deal in (early, late)]
    office.sync()
    office.crm.advance(13 * DAY - timedelta(minutes=2))
    office.edit("Deal_Registration__c", claims[0], Status__c="Rejected")
    office.sync()
    assert market.who(early)[0] == "None"
    assert market.versions(early) == [(2, "evidence"), (1, "first")]
    market.later(1)
    office.edit("Deal_Registration__c", claims[1], Status__c="Rejected")
    office.sync()
    assert market.who(late)[:2] == ("Sourced", finder)
    assert market.versions(late) == [(1, "first")]


def test_influence_is_final_with_the_close_and_open_again_when_the_opportunity_is_reopened(market: Market) -> None:
    """Golden vector 17: the opportunity leaves what was won, and the first version stays on record."""
    office = market.office
    helper, latecomer = office.partner("Helper"), office.partner("Latecomer")
    deal = market.deal()
    market.helped(helper, deal)
    market.won(deal)
    market.later(2)
    assert office.card(helper)["Influenced_Won_TTM"] == WHOLE
    late = market.helped(latecomer, deal)
    market.later(1)
    assert market.versions(deal) == [(1, "first")]
    office.edit("Opportunity", deal, StageName="Proposal", IsClosed=False, IsWon=False, CloseDate=date(2026, 12, 1))
    office.sync()
    assert office.card(helper)["Influenced_Won_TTM"] == NOTHING
    assert market.who(deal) == ("Influenced", None, NOTHING, WHOLE, 2)
    assert market.versions(deal) == [(2, "evidence"), (1, "first")]
    first = Parts.from_json(market.history(deal)[-1].body)
    assert [part.partner_id for part in first.parts] == [helper]
    assert late in str(market.history(deal)[0].body)


def test_the_amount_follows_after_the_lock_and_the_type_stays(market: Market) -> None:
    office = market.office
    finder = office.partner("Finder")
    deal = market.deal(age=20)
    claim = market.registered(finder, deal)
    office.sync()
    office.edit("Opportunity", deal, Amount=Decimal(70_000))
    office.edit("Deal_Registration__c", claim, Status__c="Rejected")
    office.sync()
    assert market.who(deal) == ("Sourced", finder, Decimal(70_000), NOTHING, 1)
    assert office.card(finder)["Sourced_Open_Pipeline"] == Decimal(70_000)


def test_a_dispute_is_shown_and_reassessing_leaves_a_version_with_the_persons_reason(market: Market) -> None:
    office = market.office
    finder = office.partner("Finder")
    deal = market.deal(age=20)
    claim = market.registered(finder, deal)
    office.sync()
    office.edit("Deal_Registration__c", claim, Status__c="Rejected")
    office.edit("Opportunity", deal, PMOM_Credit_Dispute__c="Open")
    office.sync()
    assert market.who(deal) == ("Disputed", finder, WHOLE, NOTHING, 1)
    assert market.card(deal)["Credit_Reason"] == "sourced.FIRST_CLAIM; DISPUTE_OPEN"
    office.edit(
        "Opportunity",
        deal,
        PMOM_Credit_Dispute__c="Reassess",
        PMOM_Credit_Dispute_Reason__c="The registration was a mistake",
    )
    office.sync()
    assert market.who(deal) == ("None", None, NOTHING, NOTHING, 2)
    latest = market.history(deal)[0]
    assert (latest.reason, latest.words) == ("reassessed", "The registration was a mistake")
    office.edit("Opportunity", deal, PMOM_Credit_Dispute__c=None)
    office.edit("Deal_Registration__c", claim, Status__c="Approved")
    office.sync()
    assert market.who(deal)[0] == "None"


def test_a_merged_partner_brings_its_final_credit_to_the_survivor(market: Market) -> None:
    """Golden vector 18: one record, the union of the counts, nothing twice."""
    office = market.office
    one, two, third = (office.partner(name) for name in ("One", "Two", "Three"))
    sourced = market.deal(age=20)
    shared = market.deal(age=20, amount="90000", AccountId=office.customer("Elsewhere"))
    market.registered(two, sourced)
    for partner in (one, two, third):
        market.helped(partner, shared)
    market.won(shared)
    market.later(2)
    assert office.card(one)["Influenced_Won_TTM"] == Decimal(30_000)
    office.crm.advance(timedelta(minutes=1))
    office.crm.delete("Account", two, merged_into=one)
    office.sync()
    assert market.who(sourced)[1] == one
    assert office.card(one)["Influenced_Won_TTM"] == Decimal(60_000)
    assert office.card(third)["Influenced_Won_TTM"] == Decimal(30_000)
    assert office.card(one)["Touched_Won_TTM"] == Decimal(90_000)
    assert market.card(shared)["Influencing_Partners"] == "One (60000), Three (30000)"
    assert market.card(shared)["Influence_Evidence_Count"] == 3
    assert market.versions(shared) == [(2, "merged"), (1, "first")]
    assert office.sync().planned.plan.empty


def test_final_credit_of_one_that_is_no_partner_any_more_stands_without_a_link(market: Market) -> None:
    """A CRM refuses a link to a record that is gone."""
    office = market.office
    finder = office.partner("Finder")
    deal = market.deal(age=20)
    market.registered(finder, deal)
    office.sync()
    office.crm.advance(timedelta(minutes=1))
    office.crm.delete("Account", finder)
    office.sync()
    assert market.who(deal) == ("Sourced", None, WHOLE, NOTHING, 1)
    assert market.card(deal)["Credit_Reason"] == f"sourced.FIRST_CLAIM; PARTNER_GONE {finder}"


def test_another_policy_is_the_reason_of_the_versions_that_it_makes(market: Market) -> None:
    office = market.office
    helper = office.partner("Helper")
    deal = market.deal()
    market.helped(helper, deal, "call")
    office.sync()
    assert market.versions(deal) == []
    rules = replace(office.ctx.policy.attribution, min_weak_days=1)
    other = replace(office.ctx.policy, attribution=rules, version="other")
    office.ctx = replace(office.ctx, policy=other)
    office.sync()
    assert market.versions(deal) == [(1, "first")]
    office.ctx = replace(office.ctx, policy=replace(other, attribution=replace(rules, weak=()), version="third"))
    office.sync()
    assert market.versions(deal) == [(2, "policy"), (1, "first")]
    assert market.who(deal)[0] == "None"


def test_a_deleted_opportunity_is_in_no_sum_and_its_last_version_says_so(market: Market) -> None:
    office = market.office
    finder = office.partner("Finder")
    deal = market.deal()
    market.registered(finder, deal)
    office.sync()
    office.crm.advance(timedelta(minutes=1))
    office.crm.delete("Opportunity", deal)
    office.sync()
    assert office.card(finder)["Sourced_Open_Pipeline"] == NOTHING
    assert market.versions(deal) == [(2, "gone"), (1, "first")]
    assert office.sync().planned.plan.empty


def test_an_edit_of_our_fields_on_an_opportunity_is_put_right(market: Market) -> None:
    office = market.office
    finder = office.partner("Finder")
    deal = market.deal()
    market.registered(finder, deal)
    office.sync()
    office.edit("Opportunity", deal, PMOM_Sourced_Amount__c=Decimal(1))
    office.sync()
    assert market.who(deal) == ("Sourced", finder, WHOLE, NOTHING, 1)


def test_an_edit_between_plan_and_apply_is_a_conflict(market: Market) -> None:
    office = market.office
    finder = office.partner("Finder")
    deal = market.deal()
    market.registered(finder, deal)
    office.sync()
    office.edit("Opportunity", deal, Amount=Decimal(5))
    office.pull()
    office.decide()
    planned = office.plan()
    office.edit("Opportunity", deal, PMOM_Sourced_Amount__c=Decimal(7))
    assert office.apply(planned).counts["conflict"] == 1
    assert market.card(deal)["Sourced_Amount"] == 7
    office.sync()
    assert market.card(deal)["Sourced_Amount"] == 5


COMMITS = (
    (CreditBook, "record"),
    (credited, "keep"),
    (Marks, "replace"),
    (Store, "set_state"),
    (Store, "record_decisions"),
)


@pytest.mark.slow
def test_a_process_that_dies_after_any_commit_is_made_good_by_the_next(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The helper has no news of its own: only the change of credit concerns it."""
    office = market.office
    finder, helper = office.partner("Finder"), office.partner("Helper")
    deal = market.deal(amount="100")
    market.registered(finder, deal)
    market.helped(helper, deal)
    office.sync()
    for commits in range(40):
        life = Life(commits)
        office.edit("Opportunity", deal, Amount=Decimal(200 + commits))
        office.pull()
        with monkeypatch.context() as patched, suppress(KeyboardInterrupt):
            for owner, step in COMMITS:
                patched.setattr(owner, step, life.of(getattr(owner, step)))
            office.decide()
        office.sync()
        assert market.card(deal)["Sourced_Amount"] == 200 + commits
        assert office.card(finder)["Sourced_Open_Pipeline"] == 200 + commits
        if life.left > 0:
            break
    else:
        raise AssertionError("it never lived to the end")
    assert market.versions(deal) == [(1, "first")]


def test_what_stands_on_partners_is_what_a_report_adds_up_over_opportunities(market: Market) -> None:
    office = market.office
    partners = [office.partner(f"Partner {number}") for number in range(3)]
    for number in range(9):
        deal = market.deal(age=5, amount=f"{100 + number}.01", AccountId=office.customer(f"Customer {number}"))
        market.registered(partners[number % 3], deal)
        market.helped(partners[(number + 1) % 3], deal)
        market.helped(partners[(number + 2) % 3], deal)
        if number % 4:
            market.won(deal)
    market.later(1)
    records = [record.values for record in office.crm.records["Opportunity"].values()]
    won = [values for values in records if values["IsWon"]]
    for partner in partners:
        ours = [values["PMOM_Sourced_Amount__c"] for values in won if values["PMOM_Sourcing_Partner__c"] == partner]
        assert office.card(partner)["Sourced_Won_TTM"] == sum(ours)
    shares = sum(values["PMOM_Influenced_Amount__c"] for values in won)
    assert sum(office.card(partner)["Influenced_Won_TTM"] for partner in partners) == shares
