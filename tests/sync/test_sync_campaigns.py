"""Campaigns carry what they brought, whether they count and whether they run against the facts."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Office

    from connector.crm.base import Scalar


def campaign(office: Office, partner: str | None, *, paid: int | None = 1000, **values: Scalar) -> str:
    """A campaign of last summer with a paid claim."""
    made = office.crm.add(
        "Campaign",
        {
            "Name": "Summer",
            "Partner__c": partner,
            "Status": "Completed",
            "Type": "Webinar",
            "StartDate": date(2025, 6, 1),
            "EndDate": date(2025, 8, 31),
            **values,
        },
    )
    if partner is not None:
        request = office.crm.add(
            "PartnerFundRequest", {"ChannelPartnerId": partner, "CampaignId": made, "Status": "Approved"}
        )
        claim: dict[str, Scalar] = {"ChannelPartnerId": partner, "RequestId": request, "Status": "Paid"}
        if paid is not None:
            office.crm.add("PartnerFundClaim", {**claim, "Amount": Decimal(paid)})
    return made


def brought(office: Office, source: str, amount: str | None) -> str:
    return office.crm.add(
        "Opportunity",
        {
            "Name": "Brought",
            "StageName": "Proposal",
            "IsClosed": False,
            "IsWon": False,
            "Amount": None if amount is None else Decimal(amount),
            "CreatedDate": office.crm.now_at - timedelta(days=250),
            "CampaignId": source,
        },
    )


def card(office: Office, record: str) -> dict[str, Scalar]:
    held = office.crm.records["Campaign"][record].values
    return {n.removeprefix("PMOM_").removesuffix("__c"): v for n, v in held.items() if n.startswith("PMOM_")}


def test_a_matured_campaign_carries_its_multiple_with_the_figures_behind_it(office: Office) -> None:
    known = campaign(office, office.partner("One", PMOM_Partner_Persona__c="VAR"))
    brought(office, known, "2000"), brought(office, known, "1500")
    office.sync()
    assert card(office, known) == {
        "PoP_Multiple": Decimal("3.50"),
        "PoP_Matured": True,
        "Counts_Toward_Last_Three": True,
        "Campaign_Reason": "3,500 USD pipeline of 2 opportunities on 1,000 USD spent, opened until 90 days after "
        "2025-08-31 [track_record.attribution_days, track_record.spend_basis: vendor_paid]",
        "Policy_Version": office.ctx.policy.version,
    }


def test_what_cannot_be_known_is_empty_with_its_reason(office: Office) -> None:
    partner = office.partner("One", PMOM_Partner_Persona__c="VAR")
    young = campaign(office, partner, EndDate=date(2026, 3, 1))
    free, unpaid = campaign(office, partner, paid=0), campaign(office, partner, paid=None)
    vague, late = campaign(office, partner), campaign(office, partner, EndDate=date(2026, 6, 1))
    brought(office, vague, None)
    office.sync()
    assert [(card(office, each).get("PoP_Multiple"), card(office, each)["Campaign_Reason"]) for each in
            (young, free, unpaid, vague, late)] == [
        (None, "NOT_MATURED: ended 2026-03-01, counts from 2026-05-30 [track_record.maturity_days: 90]"),
        (None, "ZERO_SPEND [track_record.spend_basis]"),
        (None, "SPEND_UNKNOWN [track_record.spend_basis]"),
        (None, "AMOUNT_MISSING: 1 of 1 opportunities have no amount [track_record.max_missing_amounts]"),
        (None, "NOT_ENDED [track_record.maturity_days]"),
    ]  # fmt: skip
    assert [card(office, each).get("PoP_Matured") for each in (young, free, vague, late)] == [None, True, True, None]


@pytest.mark.parametrize(("ended", "matured"), [(date(2025, 12, 31), True), (date(2026, 1, 1), None)])
def test_a_campaign_matures_on_the_ninetieth_day(office: Office, ended: date, matured: bool | None) -> None:
    known = campaign(office, office.partner("One", PMOM_Partner_Persona__c="VAR"), EndDate=ended)
    office.sync()
    assert card(office, known).get("PoP_Matured") is matured


def test_only_the_newest_three_count_towards_the_track_record(office: Office) -> None:
    partner = office.partner("One", PMOM_Partner_Persona__c="VAR")
    made = [campaign(office, partner, EndDate=date(2025, month, 28)) for month in (8, 7, 9, 6)]
    office.sync()
    assert [card(office, each).get("Counts_Toward_Last_Three") for each in made] == [True, True, True, None]
    assert [card(office, each)["PoP_Multiple"] for each in made] == [Decimal(0)] * 4


def live(office: Office, partner: str, kind: str) -> str:
    return campaign(office, partner, paid=None, Status="In Progress", Type=kind, EndDate=date(2026, 5, 1))


def test_live_demand_generation_conflicts_with_a_failing_gate_and_enablement_does_not(office: Office) -> None:
    failing, passing = office.quoting("Failing", won=1, of=10), office.quoting("Passing", won=5, of=10)
    webinar, training, fine = (
        live(office, failing, "Webinar"),
        live(office, failing, "Training"),
        live(office, passing, "Webinar"),
    )
    office.sync()
    assert [card(office, each).get("Lever_Conflict") for each in (webinar, training, fine)] == [True, None, None]
    assert "VELOCITY_FAILS: Demand generation is live" in str(card(office, webinar)["Campaign_Reason"])


def test_an_override_that_allows_it_is_no_conflict(office: Office) -> None:
    failing = office.quoting("Failing", won=1, of=10)
    webinar = live(office, failing, "Webinar")
    account = office.crm.records["Account"][failing].values
    account |= {"PMOM_Override_Decision__c": "Fund Demand Gen", "PMOM_Override_Reason__c": "board",
                "PMOM_Override_Expires__c": date(2026, 4, 30), "PMOM_Override_By__c": "usr-cmo"}  # fmt: skip
    office.sync()
    assert card(office, webinar).get("Lever_Conflict") is None


def test_one_changed_claim_writes_its_campaign_and_the_partner_only(office: Office) -> None:
    one, other = (office.partner(name, PMOM_Partner_Persona__c="VAR") for name in ("One", "Other"))
    known, beside = campaign(office, one), campaign(office, other)
    brought(office, known, "3000")
    office.sync()
    assert office.sync().planned.plan.empty
    (claim,) = [
        id_ for id_, each in office.crm.records["PartnerFundClaim"].items() if each.values["ChannelPartnerId"] == one
    ]
    office.edit("PartnerFundClaim", claim, Amount=Decimal(1500))
    report = office.sync()
    assert report.decided.partners == 1
    assert f"fields:campaigns/{known}" in {each.key for each in report.planned.plan.changes}
    assert f"fields:campaigns/{beside}" not in {each.key for each in report.planned.plan.changes}
    assert card(office, known)["PoP_Multiple"] == Decimal(2)


def test_a_field_that_somebody_changed_is_mended_alone(office: Office) -> None:
    known = campaign(office, office.partner("One", PMOM_Partner_Persona__c="VAR"))
    brought(office, known, "3000")
    office.sync()
    office.edit("Campaign", known, PMOM_PoP_Multiple__c=Decimal(9))
    (change,) = office.sync().planned.plan.changes
    assert change.key == f"fields:campaigns/{known}"
    assert card(office, known)["PoP_Multiple"] == Decimal(3)


def test_a_campaign_that_is_no_partners_any_more_is_emptied(office: Office) -> None:
    known = campaign(office, office.partner("One", PMOM_Partner_Persona__c="VAR"), paid=None)
    for request in office.crm.records["PartnerFundRequest"].values():
        request.values["CampaignId"] = None
    office.sync()
    assert card(office, known)["PoP_Matured"] is True
    office.edit("Campaign", known, Partner__c=None)
    office.sync()
    held = card(office, known)
    assert [held.get(name) for name in ("PoP_Matured", "Campaign_Reason", "PoP_Multiple")] == [False, None, None]


def test_a_campaign_of_nobody_carries_nothing(office: Office) -> None:
    own = campaign(office, None)
    office.quoting("Passing", won=5, of=10)
    office.sync()
    assert card(office, own) == {}
