"""Fund requests carry their decision, follow their partner, and call for an answer once they are submitted."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Office

    from connector.crm.base import Scalar


def ask(office: Office, partner: str, **values: Scalar) -> str:
    """A complete request, made now."""
    made: dict[str, Scalar] = {
        "Title": "Academy",
        "ChannelPartnerId": partner,
        "Status": "Submitted",
        "Activity": "Training",
        "RequestedAmount": Decimal(4000),
        "Expected_Pipeline__c": Decimal(20_000),
        "Target_Conversion__c": Decimal(8),
        "Match_Percent__c": Decimal(50),
        "Activity_Start__c": date(2026, 6, 1),
        "CreatedDate": office.crm.now_at,
    }
    return office.crm.add("PartnerFundRequest", {**made, **values})


def card(office: Office, request: str) -> dict[str, Scalar]:
    held = office.crm.records["PartnerFundRequest"][request].values
    return {n.removeprefix("PMOM_").removesuffix("__c"): v for n, v in held.items() if n.startswith("PMOM_")}


def claims_are_kept(office: Office, partner: str, *statuses: str) -> None:
    for status in statuses:
        office.crm.add(
            "PartnerFundClaim",
            {"ChannelPartnerId": partner, "Status": status, "Amount": Decimal(10), "CreatedDate": office.crm.now_at},
        )


def test_every_waiting_request_carries_its_decision_and_an_approved_one_none(office: Office) -> None:
    failing = office.quoting("Failing", won=1, of=10)
    academy = ask(office, failing)
    webinar = ask(office, failing, Activity="Webinar", Title="Webinar")
    bare = ask(office, failing, Match_Percent__c=None)
    granted = ask(office, failing, Status="Approved", Amount=Decimal(4000))
    office.sync()
    assert card(office, academy)["Funding_Decision"] == "Fund"
    assert card(office, webinar)["Funding_Decision"] == "Not This Motion"
    assert card(office, bare)["Funding_Decision"] == "Incomplete"
    assert card(office, bare)["Decision_Reason"] == "MATCH_MISSING: confirmed match: missing [funds.requires]"
    assert card(office, academy)["Policy_Version"] == office.ctx.policy.version
    assert card(office, granted) == {}


def test_a_second_sync_writes_nothing(office: Office) -> None:
    ask(office, office.quoting("Failing", won=1, of=10))
    office.sync()
    assert office.sync().planned.plan.empty


def test_one_changed_request_changes_one_record(office: Office) -> None:
    partner = office.quoting("Failing", won=1, of=10)
    request, other = ask(office, partner, Match_Percent__c=None), ask(office, partner, Title="Other")
    office.quoting("Another", won=5, of=10)
    office.sync()
    office.edit("PartnerFundRequest", request, Match_Percent__c=Decimal(50))
    report = office.sync()
    assert report.decided.partners == 1
    (change,) = report.planned.plan.changes
    assert change.key == f"fields:fund_requests/{request}"
    assert card(office, request)["Funding_Decision"] == card(office, other)["Funding_Decision"] == "Fund"


def test_what_somebody_wrote_into_our_field_is_set_right(office: Office) -> None:
    request = ask(office, office.quoting("Failing", won=1, of=10))
    office.sync()
    office.edit("PartnerFundRequest", request, PMOM_Funding_Decision__c="Hold")
    office.sync()
    assert card(office, request)["Funding_Decision"] == "Fund"


def test_a_rejected_claim_holds_the_next_request(office: Office) -> None:
    clean, not_clean = (office.quoting(name, won=1, of=10) for name in ("Clean", "Not clean"))
    claims_are_kept(office, clean, "Paid", "Draft")
    claims_are_kept(office, not_clean, "Paid", "Rejected")
    requests = [ask(office, partner) for partner in (clean, not_clean)]
    office.sync()
    assert [card(office, request)["Funding_Decision"] for request in requests] == ["Fund", "Hold"]
    assert "1 of 2 claims rejected in 365 days" in str(card(office, requests[1])["Decision_Reason"])
    assert "0 of 1 claims rejected" in str(card(office, requests[0])["Decision_Reason"])


@pytest.mark.parametrize(("days", "decision"), [(365, "Hold"), (366, "Fund")])
def test_only_claims_of_the_policys_days_count(office: Office, days: int, decision: str) -> None:
    partner = office.quoting("Old sins", won=1, of=10)
    made = office.crm.now_at - timedelta(days=days)
    office.crm.add(
        "PartnerFundClaim",
        {"ChannelPartnerId": partner, "Status": "Rejected", "Amount": Decimal(10), "CreatedDate": made},
    )
    request = ask(office, partner)
    office.sync()
    assert card(office, request)["Funding_Decision"] == decision


def test_a_pilot_of_the_quarter_before_does_not_take_this_quarters(office: Office) -> None:
    new = office.partner("New", PMOM_Partner_Persona__c="VAR")
    event: dict[str, Scalar] = {"Activity": "Event", "Title": "Event"}
    before = date(2025, 12, 31)
    ask(
        office, new, Status="Approved", Amount=Decimal(1), CreatedDate=office.crm.now_at - timedelta(days=91), **event
    )
    assert (office.crm.now_at - timedelta(days=91)).date() < before + timedelta(days=1)
    request = ask(office, new, **event)
    office.sync()
    assert card(office, request)["Funding_Decision"] == "Fund"
    ask(office, new, Status="Approved", Amount=Decimal(1), **event)
    office.sync()
    assert card(office, request)["Decision_Reason"] == (
        "PILOT_TAKEN: the pilot of this quarter is taken: one campaign a quarter until there is evidence "
        "[triage.pilot_cap]"
    )


def test_without_the_object_there_is_no_card_and_no_error(office: Office) -> None:
    office.quoting("Failing", won=1, of=10)
    del office.crm.schemas["PartnerFundRequest"]
    report = office.sync()
    assert report.applied is not None
    assert report.applied.complete
    assert ("fund_requests", "no PartnerFundRequest (needs partner licences with Market Development Funds)") in (
        report.pulled.unavailable
    )


def test_requests_that_waited_when_the_product_came_make_no_task(office: Office) -> None:
    partner = office.quoting("Failing", won=1, of=10)
    ask(office, partner)
    for _ in range(4):
        office.sync()
        office.crm.advance(timedelta(days=1))
    assert [task for task in office.tasks() if ":T5:" in str(task["PMOM_Task_Key__c"])] == []


def test_a_new_request_makes_one_task_for_the_marketer_which_closes_when_it_is_answered(office: Office) -> None:
    office.crm.add("User", {"Id": "usr-pmm", "Name": "Mo", "IsActive": True, "UserType": "Standard"})
    partner = office.quoting("Failing", won=1, of=10)
    office.edit("Account", partner, Partner_Marketing_Lead__c="usr-pmm")
    office.sync()
    office.crm.advance(timedelta(days=1))  # Wednesday, 1 April
    request = ask(office, partner)
    for _ in range(3):
        office.sync()
        office.crm.advance(timedelta(days=1))
    (task,) = [task for task in office.tasks() if ":T5:" in str(task["PMOM_Task_Key__c"])]
    assert task["PMOM_Task_Key__c"] == f"memory:{request}:T5:2026-04-01"
    assert (task["OwnerId"], task["WhatId"], task["ActivityDate"]) == ("usr-pmm", partner, date(2026, 4, 3))
    assert task["Subject"] == "Answer the fund request Academy: Failing"
    assert str(task["Description"]).startswith("Proposed: Fund.\nMOTION_OPEN")
    office.edit("PartnerFundRequest", request, Status="Approved")
    office.sync()
    assert [t["Status"] for t in office.tasks() if ":T5:" in str(t["PMOM_Task_Key__c"])] == ["Completed"]


def test_a_registration_that_comes_to_its_end_is_told_to_the_account_manager(office: Office) -> None:
    office.edit("User", "usr-pam", UserType="Standard")
    partner = office.quoting("Failing", won=1, of=10)
    deals = [office.deal(partner, won=won) for won in (None, True)]
    for deal in deals:
        office.crm.add(
            "Deal_Registration__c",
            {
                "Partner__c": partner,
                "Opportunity__c": deal,
                "Status__c": "Approved",
                "Submitted_At__c": office.crm.now_at,
                "Approved_At__c": office.crm.now_at,
                "Expires_On__c": date(2026, 5, 2),
            },
        )
    for _ in range(5):
        office.sync()
        office.crm.advance(timedelta(days=1))
    (task,) = [task for task in office.tasks() if ":T8:" in str(task["PMOM_Task_Key__c"])]
    assert (task["OwnerId"], task["WhatId"], task["ActivityDate"]) == ("usr-pam", partner, date(2026, 5, 2))
