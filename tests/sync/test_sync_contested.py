"""Credit that is disputed or soon final, and claims without proof, call for a task: few, timely, and closed again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from connector.cli.explain_partner import explained
from connector.core.policy import Policy

if TYPE_CHECKING:
    from conftest import Office

    from connector.crm.base import Scalar

DAY = timedelta(days=1)


def tasks(office: Office, kind: str) -> list[dict[str, Scalar]]:
    return [task for task in office.tasks() if f":{kind}:" in str(task["PMOM_Task_Key__c"])]


def days(office: Office, number: int) -> None:
    """So many days pass, with a run on each of the last two."""
    for passed in (number - 1, 1):
        if passed:
            office.crm.advance(passed * DAY)
            office.sync()


def deal(office: Office, name: str = "Harbour", *, age: int = 0, **values: Scalar) -> str:
    known: dict[str, Scalar] = {
        "Name": name, "StageName": "Proposal", "IsClosed": False, "IsWon": False, "Amount": Decimal(1000),
        "CreatedDate": office.crm.now_at - age * DAY, "CloseDate": date(2026, 9, 1),
    }  # fmt: skip
    return office.crm.add("Opportunity", {**known, **values})


def registered(office: Office, partner: str, deal: str, status: str = "Submitted", **values: Scalar) -> str:
    """A registration made as the opportunity was opened."""
    opened = office.crm.records["Opportunity"][deal].values["CreatedDate"]
    known: dict[str, Scalar] = {
        "Partner__c": partner, "Opportunity__c": deal, "Status__c": status, "Submitted_At__c": opened,
        "CreatedDate": office.crm.now_at,
    }  # fmt: skip
    return office.crm.add("Deal_Registration__c", {**known, **values})


def staffed(office: Office, **roles: str) -> None:
    """The policy names the people of these roles."""
    office.ctx = replace(office.ctx, policy=_with_people(office.ctx.policy, roles))
    for user in {"usr-ops", *roles.values()}:
        known: dict[str, Scalar] = {"Id": user, "Name": user, "IsActive": True, "UserType": "Standard"}
        office.crm.add("User", known)


def _with_people(policy: Policy, roles: dict[str, str]) -> Policy:
    known = {**dict(policy.raci.people), **{name.replace("_", " "): user for name, user in roles.items()}}
    return replace(policy, raci=replace(policy.raci, people=tuple(sorted(known.items()))))


def test_a_dispute_that_was_there_at_the_first_look_makes_no_task(office: Office) -> None:
    office.partner("Finder")
    deal(office, Credit_Dispute__c=None, PMOM_Credit_Dispute__c="Open")
    office.sync()
    days(office, 4)
    assert tasks(office, "T7") == []


def test_a_dispute_makes_one_task_for_sales_ops_on_the_deal_which_closes_when_it_is_settled(office: Office) -> None:
    staffed(office, sales_ops="usr-ops")
    office.partner("Finder")
    harbour = deal(office, age=100)
    office.sync()
    office.crm.advance(DAY)  # Wednesday, 1 April
    office.edit("Opportunity", harbour, PMOM_Credit_Dispute__c="Open", PMOM_Credit_Dispute_Reason__c="We met them")
    office.sync()
    assert tasks(office, "T7") == []  # seen on one day only
    days(office, 1)
    (task,) = tasks(office, "T7")
    assert task["PMOM_Task_Key__c"] == f"memory:{harbour}:T7:2026-04-01"
    assert (task["OwnerId"], task["WhatId"], task["ActivityDate"]) == ("usr-ops", harbour, date(2026, 4, 9))
    assert task["Subject"] == "Settle who brought Harbour"
    assert 'DISPUTE_OPEN: somebody disputes it: "We met them".' in str(task["Description"])
    assert "Owner: sales ops, accountable for Who sourced, who influenced" in str(task["Description"])
    days(office, 5)
    assert tasks(office, "T7") == [task]
    assert office.sync().planned.plan.empty
    office.edit("Opportunity", harbour, PMOM_Credit_Dispute__c=None)
    days(office, 1)
    assert [each["Status"] for each in tasks(office, "T7")] == ["Completed"]


def test_a_task_that_somebody_has_begun_stays_when_the_dispute_is_settled(office: Office) -> None:
    office.partner("Finder")
    harbour = deal(office, age=100)
    office.sync()
    office.edit("Opportunity", harbour, PMOM_Credit_Dispute__c="Open")
    days(office, 2)
    (task,) = (id_ for id_, record in office.crm.records["Task"].items() if record.values.get("WhatId") == harbour)
    office.edit("Task", task, Status="In Progress")
    office.edit("Opportunity", harbour, PMOM_Credit_Dispute__c=None)
    days(office, 2)
    assert [each["Status"] for each in tasks(office, "T7")] == ["In Progress"]


def test_nobody_is_bothered_about_lost_deals_and_renewals(office: Office) -> None:
    office.partner("Finder")
    lost, won = ({"IsClosed": True, "IsWon": won} for won in (False, True))
    found = {name: deal(office, age=100, **state) for name, state in
             {"open": {}, "lost": lost, "won": won, "renewal": {"Type": "Renewal"}}.items()}  # fmt: skip
    office.sync()
    for each in found.values():
        office.edit("Opportunity", each, PMOM_Credit_Dispute__c="Open")
    days(office, 2)
    assert {task["WhatId"] for task in tasks(office, "T7")} == {found["open"], found["won"]}


def test_two_registrations_of_one_moment_call_for_a_person_until_one_of_them_is_rejected(office: Office) -> None:
    ours, theirs = office.partner("Ours"), office.partner("Theirs")
    office.sync()
    harbour = deal(office)
    registered(office, ours, harbour, "Approved")
    other = registered(office, theirs, harbour, "Approved")
    days(office, 2)
    (task,) = tasks(office, "T7")
    assert "SAME_MOMENT: Ours and Theirs claimed it at one moment" in str(task["Description"])
    office.edit("Deal_Registration__c", other, Status__c="Rejected")
    days(office, 1)
    assert [each["Status"] for each in tasks(office, "T7")] == ["Completed"]


def test_a_claim_that_waits_is_told_from_a_week_before_the_lock(office: Office) -> None:
    partner = office.partner("Finder")
    office.sync()
    harbour = deal(office)  # on 31 March: final on 14 April
    registered(office, partner, harbour)
    days(office, 7)
    assert tasks(office, "T7") == []  # on 6 April too early, on 7 April seen once
    days(office, 1)
    (task,) = tasks(office, "T7")
    assert (task["PMOM_Task_Key__c"], task["ActivityDate"]) == (f"memory:{harbour}:T7:2026-04-07", date(2026, 4, 14))


def test_a_claim_that_is_answered_closes_its_task_and_one_that_is_not_keeps_it(office: Office) -> None:
    partner = office.partner("Finder")
    office.sync()
    answered, left = deal(office, "Answered"), deal(office, "Left")
    claim = registered(office, partner, answered)
    registered(office, partner, left)
    days(office, 8)
    assert len(tasks(office, "T7")) == 2
    office.edit("Deal_Registration__c", claim, Status__c="Approved", Approved_At__c=office.crm.now_at)
    days(office, 10)  # past the lock
    states = {task["WhatId"]: task["Status"] for task in tasks(office, "T7")}
    assert states == {answered: "Completed", left: "Not Started"}


ABOUT = {
    "in time": ({}, True),
    "on the last day": ({"Submitted_At__c": 14}, True),
    "too late whatever is said to it": ({"Submitted_At__c": 15}, False),
    "rejected": ({"Status__c": "Rejected"}, False),
    "expired": ({"Status__c": "Expired"}, False),
    "the account's": ({"Opportunity__c": None}, True),
    "the account's, after the opening": ({"Opportunity__c": None, "Submitted_At__c": 1}, False),
}


def test_only_claims_that_could_still_count_are_told(office: Office) -> None:
    partner = office.partner("Finder")
    office.sync()
    found = {}
    for name, (about, _) in ABOUT.items():
        customer = office.customer(name)
        found[name] = deal(office, name, AccountId=customer)
        values: dict[str, Any] = {"Account__c": customer, **about}
        if "Submitted_At__c" in values:
            values["Submitted_At__c"] = office.crm.now_at + values["Submitted_At__c"] * DAY
        registered(office, partner, found[name], **values)
    days(office, 9)
    told = {task["WhatId"] for task in tasks(office, "T7")}
    assert {name: found[name] in told for name in ABOUT} == {name: expected for name, (_, expected) in ABOUT.items()}


def test_a_claim_behind_the_one_that_is_credited_bothers_nobody(office: Office) -> None:
    first, second = office.partner("First"), office.partner("Second")
    office.sync()
    harbour = deal(office)
    registered(office, first, harbour, "Approved")
    later = office.crm.now_at + timedelta(hours=1)
    registered(office, second, harbour, Submitted_At__c=later)
    days(office, 9)
    assert tasks(office, "T7") == []


@pytest.mark.parametrize(
    ("roles", "inactive", "queue", "owner"),
    [
        ({"sales_ops": "usr-ops"}, (), "", "usr-ops"),
        ({"sales_ops": "usr-ops"}, ("usr-ops",), "00Gqueue", "00Gqueue"),
        ({}, (), "00Gqueue", "00Gqueue"),
        ({}, (), "", None),
    ],
)
def test_sales_ops_owns_it_else_the_fallback_queue_else_nobody(
    office: Office, roles: dict[str, str], inactive: tuple[str, ...], queue: str, owner: str | None
) -> None:
    staffed(office, **roles)
    rules = replace(office.ctx.policy.ownership, fallback_queue=queue)
    office.ctx = replace(office.ctx, policy=replace(office.ctx.policy, ownership=rules))
    for user in inactive:
        office.edit("User", user, IsActive=False)
    office.partner("Finder")
    harbour = deal(office, age=100)
    office.sync()
    office.edit("Opportunity", harbour, PMOM_Credit_Dispute__c="Open")
    days(office, 2)
    (task,) = tasks(office, "T7")
    assert task.get("OwnerId") == owner


def claimed(office: Office, partner: str, evidence: str | None, **values: Scalar) -> str:
    known: dict[str, Scalar] = {
        "ChannelPartnerId": partner, "Title": "Roadshow", "Status": "Submitted", "Amount": Decimal(2500),
        "Evidence_Status__c": evidence, "CreatedDate": office.crm.now_at,
    }  # fmt: skip
    return office.crm.add("PartnerFundClaim", {**known, **values})


def test_claims_that_lacked_proof_at_the_first_look_make_no_task(office: Office) -> None:
    partner = office.quoting("Ours", won=1, of=10)
    claimed(office, partner, "Flagged for Review")
    office.sync()
    days(office, 4)
    assert tasks(office, "T6") == []


CLAIMS = {
    ("Flagged for Review", "Submitted"): True,
    ("Needs Info", "Draft"): True,
    ("Not Started", "Submitted"): True,
    ("Not Started", "Draft"): False,
    ("Complete", "Submitted"): False,
    ("Cleared by Reviewer", "Submitted"): False,
    (None, "Submitted"): False,  # the CRM does not tell: no task for want of evidence
    ("Flagged for Review", "Rejected"): False,
    ("Flagged for Review", "Paid"): False,
}


def test_open_claims_whose_proof_is_missing_or_flagged_are_told(office: Office) -> None:
    partners = {key: office.partner(str(key), PMOM_Partner_Persona__c="VAR") for key in CLAIMS}
    office.sync()
    for (evidence, status), partner in partners.items():
        claimed(office, partner, evidence, Status=status)
    days(office, 2)
    told = {task["WhatId"] for task in tasks(office, "T6")}
    assert {key: partner in told for key, partner in partners.items()} == CLAIMS


def test_a_flagged_claim_is_the_marketers_until_it_is_cleared(office: Office) -> None:
    staffed(office, CFO="usr-pmm")
    partner = office.quoting("Ours", won=1, of=10)
    office.edit("Account", partner, Partner_Marketing_Lead__c="usr-pmm")
    office.sync()
    office.crm.advance(DAY)
    claim = claimed(
        office, partner, "Flagged for Review", Evidence_Flags__c="DUP_INVOICE", Claim_Deadline__c=date(2026, 5, 1)
    )
    office.sync()
    days(office, 1)
    (task,) = tasks(office, "T6")
    assert task["PMOM_Task_Key__c"] == f"memory:{claim}:T6:2026-04-01"
    assert (task["OwnerId"], task["WhatId"], task["ActivityDate"]) == ("usr-pmm", partner, date(2026, 4, 24))
    assert task["Subject"] == "Proof of performance, claim Roadshow: Ours"
    assert str(task["Description"]).split("\n")[:4] == [
        "Claim Roadshow of 2,500 USD.",
        "EVIDENCE_FLAGGED: the proof of performance is to be looked at by a person.",
        "Flags: DUP_INVOICE.",
        "It may be proven until 2026-05-01.",
    ]
    office.edit("PartnerFundClaim", claim, Evidence_Status__c="Cleared by Reviewer")
    days(office, 1)
    assert [each["Status"] for each in tasks(office, "T6")] == ["Completed"]


def test_without_a_deadline_the_policys_days_after_the_activity_count(office: Office) -> None:
    partner = office.quoting("Ours", won=1, of=10)
    campaign = office.crm.add("Campaign", {"Name": "Roadshow", "EndDate": date(2026, 3, 20)})
    request = office.crm.add(
        "PartnerFundRequest", {"ChannelPartnerId": partner, "Status": "Approved", "CampaignId": campaign}
    )
    office.sync()
    claimed(office, partner, "Needs Info", RequestId=request)
    claimed(office, partner, "Needs Info", Title="Other")
    days(office, 2)
    found = {str(task["Subject"]): task for task in tasks(office, "T6")}
    dated, undated = (found[f"Proof of performance, claim {name}: Ours"] for name in ("Roadshow", "Other"))
    assert dated["ActivityDate"] == date(2026, 4, 27)  # 45 days after the end, a week before
    assert "It may be proven until 2026-05-04 [funds.claim_days: 45]." in str(dated["Description"])
    assert undated["ActivityDate"] == date(2026, 4, 9)  # five working days


def test_a_partners_explanation_tells_what_is_proposed_for_its_waiting_requests(office: Office) -> None:
    partner = office.quoting("Ours", won=1, of=10)
    request = office.crm.add(
        "PartnerFundRequest",
        {"Title": "Webinar", "ChannelPartnerId": partner, "Status": "Submitted", "Activity": "Webinar"},
    )
    office.crm.add("PartnerFundRequest", {"ChannelPartnerId": partner, "Status": "Approved", "Activity": "Webinar"})
    office.sync()
    (told,) = explained(office.ctx, partner).as_json()["fund_requests"]
    held = office.crm.records["PartnerFundRequest"][request].values
    assert (told["id"], told["name"], told["status"]) == (request, "Webinar", "submitted")
    assert told["decision"] == held["PMOM_Funding_Decision__c"]
    assert told["reasons"]
