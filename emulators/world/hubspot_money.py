"""How our people, currencies, campaigns, deal registrations and funds of the Salesforce world look in HubSpot."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import ROUND_HALF_EVEN, Decimal
from zoneinfo import ZoneInfo

from emulators.world.calendar import TIME_ZONE
from emulators.world.hubspot_folder import PortalFolder, Row, Source, dates
from emulators.world.hubspot_ids import hubspot_id, user_id, user_record
from emulators.world.hubspot_names import CAMPAIGN_STATUSES, FUND_STATUSES, PROOF_STATES, PROVENANCES

_ZONE = ZoneInfo(TIME_ZONE)
_SIX_PLACES = Decimal("0.000001")
_NOT = {"true": "false", "false": "true"}


def people(portal: PortalFolder, source: Source) -> None:
    """Our own people: an owner each, and the CRM record that knows whom they report to."""
    for row in source.rows("User"):
        if row["UserType"] != "Standard":
            continue
        gone = _NOT[row["IsActive"]]
        owner = {
            "id": hubspot_id(row["Id"]),
            "user_id": user_id(row["Id"]),
            "email": row["Email"],
            "first_name": row["FirstName"],
            "last_name": row["LastName"],
            "archived": gone,
        }
        record = {
            "hs_object_id": user_record(row["Id"]),
            "hubspot_owner_id": owner["id"],
            "hs_given_name": row["FirstName"],
            "hs_family_name": row["LastName"],
            "hs_email": row["Email"],
            "hs_job_title": row["Title"],
            "hs_deactivated": gone,
            "manager_owner_id": hubspot_id(row["ManagerId"]),
        }
        portal.add("owners", owner | dates(row, "created_at", "updated_at"))
        portal.add("users", record | dates(row))
        portal.same(row["Id"], owner["id"])


def currencies(portal: PortalFolder, source: Source) -> None:
    """Exchange rates: the company currency for one unit, where Salesforce keeps the inverse. It has no row itself."""
    dated = list(source.rows("DatedConversionRate"))
    known = {row["IsoCode"] for row in dated}
    rows = [(row["IsoCode"], _midnight(row["StartDate"]), row["ConversionRate"]) for row in dated]
    for row in source.rows("CurrencyType"):
        if row["IsCorporate"] != "true" and row["IsoCode"] not in known:
            rows.append((row["IsoCode"], row["CreatedDate"], row["ConversionRate"]))
    for code, at, rate in sorted(rows):
        portal.add("currencies", {"currency": code, "conversion_rate": inverse(rate), "effective_at": at})


def inverse(rate: str) -> str:
    """One over a rate, with at most six decimals."""
    rounded = (1 / Decimal(rate)).quantize(_SIX_PLACES, ROUND_HALF_EVEN)
    return f"{rounded:f}".rstrip("0").rstrip(".")


def _midnight(day: str) -> str:
    """When that day begins in the portal's time zone."""
    begins = datetime.combine(date.fromisoformat(day), time(0), _ZONE).astimezone(ZoneInfo("UTC"))
    return f"{begins:%Y-%m-%dT%H:%M:%S}.000Z"


def campaigns(portal: PortalFolder, source: Source) -> None:
    """Marketing campaigns; their costs are one budget item and one spend item."""
    for row in source.rows("Campaign"):
        id_ = hubspot_id(row["Id"])
        values = {
            "id": id_,
            "hs_name": row["Name"].strip(),
            "hs_start_date": row["StartDate"],
            "hs_end_date": row["EndDate"],
            "hs_campaign_status": CAMPAIGN_STATUSES[row["Status"]],
            "hs_currency_code": row["CurrencyIsoCode"],
            "hs_owner": hubspot_id(row["OwnerId"]),
            "partner_company_id": hubspot_id(row["Partner__c"]),
            "motion": row["Motion__c"],
        }
        portal.add("campaigns", values | dates(row, "created_at", "updated_at"))
        portal.same(row["Id"], id_)
        for kind, name, amount in (("budget", "Planned", row["BudgetedCost"]), ("spend", "Spent", row["ActualCost"])):
            if amount:
                portal.add("campaign_items", {"campaign_id": id_, "kind": kind, "name": name, "amount": amount})


def registrations(portal: PortalFolder, source: Source) -> None:
    """Deal registrations, associated with the deal and the partner; the customer is a property only."""
    for row in source.rows("Deal_Registration__c"):
        partner, deal = hubspot_id(row["Partner__c"]), hubspot_id(row["Opportunity__c"])
        values = {
            "registration_name": row["Name"].strip(),
            "partner_company_id": partner,
            "deal_id": deal,
            "customer_company_id": hubspot_id(row["Account__c"]),
            "registration_status": FUND_STATUSES[row["Status__c"]],
            "submitted_at": row["Submitted_At__c"],
            "approved_at": row["Approved_At__c"],
            "expires_on": row["Expires_On__c"],
            "agreed_share": row["Agreed_Share__c"],
        }
        id_ = portal.record("deal_registrations", row, values | _owned(row))
        portal.link("deal_registrations", id_, "deals", deal)
        portal.link("deal_registrations", id_, "companies", partner)


def services(portal: PortalFolder, source: Source) -> None:
    """What partners earned beside deals, associated with the deal and the partner."""
    for row in source.rows("Partner_Service_Revenue__c"):
        partner, deal = hubspot_id(row["Partner__c"]), hubspot_id(row["Opportunity__c"])
        values = {
            "service_revenue_name": row["Name"].strip(),
            "partner_company_id": partner,
            "deal_id": deal,
            "amount": row["Amount__c"],
            "currency_code": "USD",
            "provenance": PROVENANCES[row["Provenance__c"]],
        }
        id_ = portal.record("partner_service_revenue", row, values | _owned(row))
        portal.link("partner_service_revenue", id_, "deals", deal)
        portal.link("partner_service_revenue", id_, "companies", partner)


def funds(portal: PortalFolder, source: Source) -> None:
    """Budgets, allocations, requests and claims, each associated with what stands above it and with the partner."""
    for row in source.rows("PartnerMarketingBudget"):
        days = {"start_date": row["StartDate"], "end_date": row["EndDate"]}
        values = {"budget_title": row["Title"].strip(), "amount": row["Amount"]}
        portal.record("marketing_budgets", row, values | days | _money_of(row))
    for row in source.rows("PartnerFundAllocation"):
        values = {"allocation_title": row["Title"].strip(), "amount": row["Amount"], **_place(row)}
        id_ = portal.record("fund_allocations", row, values | _money_of(row))
        portal.link("fund_allocations", id_, "marketing_budgets", values["budget_id"])
        portal.link("fund_allocations", id_, "companies", values["partner_company_id"])
    _requests(portal, source)
    for row in source.rows("PartnerFundClaim"):
        above = {"request_id": hubspot_id(row["RequestId"]), "allocation_id": hubspot_id(row["AllocationId"])}
        values = {"claim_title": row["Title"].strip(), "claim_status": FUND_STATUSES[row["Status"]], **_place(row)}
        proof = {
            "evidence_status": PROOF_STATES[row["Evidence_Status__c"]],
            "evidence_flags": row["Evidence_Flags__c"],
            "claim_deadline": row["Claim_Deadline__c"],
        }
        id_ = portal.record("fund_claims", row, values | above | proof | _money_of(row) | {"amount": row["Amount"]})
        portal.link("fund_claims", id_, "fund_requests", above["request_id"])
        portal.link("fund_claims", id_, "companies", values["partner_company_id"])


def _requests(portal: PortalFolder, source: Source) -> None:
    for row in source.rows("PartnerFundRequest"):
        values = {
            "request_title": row["Title"].strip(),
            "campaign_id": hubspot_id(row["CampaignId"]),
            "allocation_id": hubspot_id(row["AllocationId"]),
            "activity": row["Activity"],
            "request_status": FUND_STATUSES[row["Status"]],
            "requested_amount": row["RequestedAmount"],
            "approved_amount": row["Amount"],
            "expected_pipeline": row["Expected_Pipeline__c"],
            "target_conversion": row["Target_Conversion__c"],
            "match_percent": row["Match_Percent__c"],
            "activity_start": row["Activity_Start__c"],
        } | _place(row)
        id_ = portal.record("fund_requests", row, values | _money_of(row))
        portal.link("fund_requests", id_, "fund_allocations", values["allocation_id"])
        portal.link("fund_requests", id_, "companies", values["partner_company_id"])


def _place(row: Row) -> Row:
    return {"partner_company_id": hubspot_id(row["ChannelPartnerId"]), "budget_id": hubspot_id(row["BudgetId"])}


def _owned(row: Row) -> Row:
    return {"hubspot_owner_id": hubspot_id(row["OwnerId"]), **dates(row)}


def _money_of(row: Row) -> Row:
    return {"currency_code": row["CurrencyIsoCode"], **_owned(row)}
