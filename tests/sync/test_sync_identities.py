"""Sums over opportunities, over partners and in a report of the CRM are one number, whatever happened."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.facts.bookings import bookings

if TYPE_CHECKING:
    from conftest import Office

DAY = timedelta(days=1)
NOTHING = Decimal(0)
PARTNERS = 3

story = st.fixed_dictionaries(
    {
        "state": st.sampled_from(["won", "won", "lost", "open"]),
        "amount": st.none() | st.decimals("0.01", "99999.99", places=2),
        "claims": st.sets(st.integers(0, PARTNERS - 1), max_size=2),
        "helpers": st.sets(st.integers(0, PARTNERS - 1)),
    }
)


def happened(office: Office, partners: list[str], told: dict[str, Any]) -> str:
    """One opportunity of a new customer, opened a month ago and closed today unless it is open."""
    crm, closed = office.crm, told["state"] != "open"
    opened = crm.now_at - 30 * DAY
    deal = crm.add(
        "Opportunity",
        {
            "Name": "Deal", "StageName": "Proposal", "IsClosed": closed, "IsWon": told["state"] == "won",
            "Amount": told["amount"], "AccountId": office.customer(), "CreatedDate": opened,
            "CloseDate": crm.now_at.date() if closed else date(2026, 9, 1),
        },
    )  # fmt: skip
    for place, claim in enumerate(sorted(told["claims"])):
        at = opened + timedelta(hours=place)
        values = {"Partner__c": partners[claim], "Opportunity__c": deal, "Status__c": "Approved"}
        crm.add("Deal_Registration__c", {**values, "Submitted_At__c": at, "Approved_At__c": at, "CreatedDate": at})
    for helper in sorted(told["helpers"]):
        person, at = crm.add("Contact", {"AccountId": partners[helper]}), opened + 10 * DAY
        crm.add(
            "Task",
            {"WhatId": deal, "WhoId": person, "Type": "Proof of Concept", "IsClosed": True, "CompletedDateTime": at,
             "CreatedDate": at},
        )  # fmt: skip
    return deal


def on(office: Office, deal: str, name: str) -> Any:
    return office.crm.records["Opportunity"][deal].values.get(f"PMOM_{name}__c")


@pytest.mark.slow
@given(stories=st.lists(story, min_size=1, max_size=12))
@settings(
    max_examples=5, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_sums_over_opportunities_are_the_partners_fields_and_the_bookings(
    office: Office, stories: list[dict[str, Any]]
) -> None:
    """Each example adds to what happened before, and the identities hold over all of it."""
    partners = [office.partner(f"Partner {n}") for n in range(PARTNERS)]
    for told in stories:
        happened(office, partners, told)
    office.sync()
    everybody = [id_ for id_, each in office.crm.records["Account"].items() if each.values.get("IsPartner")]
    deals = {id_: each.values for id_, each in office.crm.records["Opportunity"].items()}
    won = [id_ for id_, each in deals.items() if each["IsWon"]]
    sourced = dict.fromkeys(everybody, NOTHING)
    pipeline = dict(sourced)
    for deal, each in deals.items():
        source, amount = on(office, deal, "Sourcing_Partner"), each["Amount"] or NOTHING
        assert (on(office, deal, "Sourced_Amount") or NOTHING) == (amount if source else NOTHING)
        assert (on(office, deal, "Influenced_Amount") or NOTHING) in (NOTHING, amount)
        if source and each["IsWon"]:
            sourced[source] += amount
        elif source and not each["IsClosed"]:
            pipeline[source] += amount
    cards = {partner: office.card(partner) for partner in everybody}
    assert {partner: card["Sourced_Won_TTM"] for partner, card in cards.items()} == sourced
    assert {partner: card["Sourced_Open_Pipeline"] for partner, card in cards.items()} == pipeline
    shares = sum((on(office, deal, "Influenced_Amount") or NOTHING for deal in won), NOTHING)
    assert sum((card["Influenced_Won_TTM"] for card in cards.values()), NOTHING) == shares
    found = bookings(office.ctx.mirror, office.ctx.policy, office.crm.now_at)
    total = sum((deals[deal]["Amount"] or NOTHING for deal in won), NOTHING)
    assert found.whole.amount == total
    assert dict(found.parts)["sourced"].amount == sum(sourced.values(), NOTHING)
    assert found.shares == shares <= total
    assert all(card["Touched_Won_TTM"] <= total for card in cards.values())
