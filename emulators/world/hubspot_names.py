"""Which objects, properties, labels, stages and options a world's portal has, before the product is installed."""

from __future__ import annotations

from typing import Any

Definition = dict[str, Any]

_ACTIVITY_DATES = ("hs_createdate", "hs_lastmodifieddate")

COLUMNS: dict[str, tuple[str, ...]] = {
    "companies": (
        "hs_object_id", "name", "type", "country", "vertical", "segment", "hubspot_owner_id",
        "partner_marketing_lead", "strategic_partner", "partner_agreement_date", "hs_parent_company_id",
        "hs_merged_object_ids", "createdate", "hs_lastmodifieddate", "archived_at",
    ),
    "contacts": (
        "hs_object_id", "firstname", "lastname", "email", "jobtitle", "associatedcompanyid", "hubspot_owner_id",
        "partner_portal_active", "partner_portal_last_login", "hs_merged_object_ids", "createdate",
        "lastmodifieddate", "archived_at",
    ),
    "deals": (
        "hs_object_id", "dealname", "amount", "deal_currency_code", "pipeline", "dealstage", "closedate", "dealtype",
        "hubspot_owner_id", "partner_company_id", "primary_campaign", "product_family", "createdate",
        "hs_lastmodifieddate", "archived_at",
    ),
    "quotes": (
        "hs_object_id", "hs_title", "hs_quote_number", "hs_status", "quote_state", "hs_quote_amount", "hs_currency",
        "hs_expiration_date", "hubspot_owner_id", *_ACTIVITY_DATES, "archived_at",
    ),
    "meetings": (
        "hs_object_id", "hs_meeting_title", "hs_timestamp", "hs_meeting_start_time", "hs_meeting_end_time",
        "hs_meeting_outcome", "internal_only", "calendar_id", "hubspot_owner_id", *_ACTIVITY_DATES, "archived_at",
    ),
    "tasks": (
        "hs_object_id", "hs_task_subject", "hs_task_type", "hs_task_status", "hs_task_priority", "hs_timestamp",
        "hs_task_completion_date", "hubspot_owner_id", *_ACTIVITY_DATES, "archived_at",
    ),
    "deal_registrations": (
        "hs_object_id", "registration_name", "partner_company_id", "deal_id", "customer_company_id",
        "registration_status", "submitted_at", "approved_at", "expires_on", "agreed_share", "hubspot_owner_id",
        *_ACTIVITY_DATES, "archived_at",
    ),
    "marketing_budgets": (
        "hs_object_id", "budget_title", "amount", "currency_code", "start_date", "end_date", "hubspot_owner_id",
        *_ACTIVITY_DATES, "archived_at",
    ),
    "fund_allocations": (
        "hs_object_id", "allocation_title", "partner_company_id", "budget_id", "amount", "currency_code",
        "hubspot_owner_id", *_ACTIVITY_DATES, "archived_at",
    ),
    "fund_requests": (
        "hs_object_id", "request_title", "partner_company_id", "campaign_id", "allocation_id", "budget_id",
        "activity", "request_status", "requested_amount", "approved_amount", "expected_pipeline", "target_conversion",
        "match_percent", "activity_start", "currency_code", "hubspot_owner_id", *_ACTIVITY_DATES, "archived_at",
    ),
    "fund_claims": (
        "hs_object_id", "claim_title", "partner_company_id", "request_id", "allocation_id", "budget_id",
        "claim_status", "evidence_status", "evidence_flags", "claim_deadline", "amount", "currency_code",
        "hubspot_owner_id", *_ACTIVITY_DATES, "archived_at",
    ),
    "partner_service_revenue": (
        "hs_object_id", "service_revenue_name", "partner_company_id", "deal_id", "amount", "currency_code",
        "provenance", "hubspot_owner_id", *_ACTIVITY_DATES, "archived_at",
    ),
    "users": (
        "hs_object_id", "hubspot_owner_id", "hs_given_name", "hs_family_name", "hs_email", "hs_job_title",
        "hs_deactivated", "manager_owner_id", *_ACTIVITY_DATES,
    ),
    "owners": ("id", "user_id", "email", "first_name", "last_name", "archived", "created_at", "updated_at"),
    "campaigns": (
        "id", "hs_name", "hs_start_date", "hs_end_date", "hs_campaign_status", "hs_currency_code", "hs_owner",
        "partner_company_id", "motion", "created_at", "updated_at",
    ),
    "campaign_items": ("campaign_id", "kind", "name", "amount"),
    "currencies": ("currency", "conversion_rate", "effective_at"),
    "associations": ("from_object", "from_id", "to_object", "to_id", "label"),
    "history": ("object", "id", "property", "value", "timestamp", "source_type"),
}  # fmt: skip
"""File -> its columns, in order."""

OWNED_BY_PEOPLE = {
    "hs_object_id": "Id",
    "pmom_partner_persona": "PMOM_Partner_Persona__c",
    "pmom_footprint_regions": "PMOM_Footprint_Regions__c",
    "pmom_footprint_verticals": "PMOM_Footprint_Verticals__c",
    "pmom_override_decision": "PMOM_Override_Decision__c",
    "pmom_override_reason": "PMOM_Override_Reason__c",
    "pmom_override_expires": "PMOM_Override_Expires__c",
    "pmom_exclude_from_scoring": "PMOM_Exclude_From_Scoring__c",
}
"""Columns of `after_install/companies.csv`, each with the Salesforce field it is made of."""

PIPELINE = "default"

STAGES: tuple[tuple[str, str, str, str], ...] = (
    ("1010000001", "Prospecting", "false", "0.1"),
    ("1010000002", "Qualification", "false", "0.1"),
    ("1010000003", "Needs Analysis", "false", "0.2"),
    ("1010000004", "Value Proposition", "false", "0.5"),
    ("1010000005", "Id. Decision Makers", "false", "0.6"),
    ("1010000006", "Perception Analysis", "false", "0.7"),
    ("1010000007", "Proposal/Price Quote", "false", "0.75"),
    ("1010000008", "Negotiation/Review", "false", "0.9"),
    ("closedwon", "Closed Won", "true", "1.0"),
    ("closedlost", "Closed Lost", "true", "0.0"),
)
"""Stage id, label (as Salesforce names the stage), isClosed and probability as HubSpot's texts."""

STAGE_IDS = {label: id_ for id_, label, _, _ in STAGES}

PIPELINES: dict[str, list[Definition]] = {
    "deals": [
        {
            "id": PIPELINE, "label": "Sales Pipeline", "displayOrder": 0,
            "stages": [
                {"id": id_, "label": label, "displayOrder": order,
                 "metadata": {"isClosed": closed, "probability": probability}}
                for order, (id_, label, closed, probability) in enumerate(STAGES)
            ],
        }
    ]
}  # fmt: skip
"""Written as `pipelines.json`."""

PRIMARY = "Primary"  # HubSpot's own label of a deal's or contact's first company

LABELS: list[dict[str, str]] = [
    {"from": "deals", "to": "companies", "label": label}
    for label in (
        "Reseller partner",
        "Influencing partner",
        "Sourcing partner",
        "Services partner",
        "Referral partner",
    )
]
"""Written as `labels.json`. The first two are in use; the others a portal of partners has as well."""

ROLE_LABELS = {
    "VAR/Reseller": "Reseller partner",
    "Distributor": "Reseller partner",
    "Consultant": "Influencing partner",
    "Agency": "Influencing partner",
    "System Integrator": "Services partner",
    "Broker": "Referral partner",
}
"""Role of an OpportunityPartner -> label between the deal and the partner."""

COMPANY_TYPES = {"true": "PARTNER", "false": "OTHER"}  # by IsPartner
DEAL_TYPES = {"New Business": "newbusiness", "Existing Business": "existingbusiness"}
MEETING_OUTCOMES = {"Held": "COMPLETED", "No Show": "NO_SHOW", "Cancelled": "CANCELLED", "Planned": "SCHEDULED"}
TASK_STATUSES = {
    "Not Started": "NOT_STARTED", "In Progress": "IN_PROGRESS", "Completed": "COMPLETED", "Deferred": "DEFERRED",
    "Waiting on someone else": "WAITING",
}  # fmt: skip
TASK_PRIORITIES = {"": "NONE", "Low": "LOW", "Normal": "MEDIUM", "High": "HIGH"}
CAMPAIGN_STATUSES = {
    "Planned": "planned", "In Progress": "in_progress", "Completed": "completed", "Aborted": "paused",
}  # fmt: skip
QUOTE_STATUSES = {
    "Draft": ("DRAFT", ""),
    "Needs Review": ("PENDING_APPROVAL", ""),
    "In Review": ("PENDING_APPROVAL", ""),
    "Rejected": ("REJECTED", ""),
    "Approved": ("APPROVED", ""),
    "Presented": ("APPROVAL_NOT_NEEDED", "presented"),
    "Accepted": ("APPROVAL_NOT_NEEDED", "accepted"),
    "Denied": ("APPROVAL_NOT_NEEDED", "denied"),
}
"""Status of a quote -> `hs_status` and `quote_state`: HubSpot's own status does not know the customer's answer."""
FUND_STATUSES = {
    "Draft": "draft", "Submitted": "submitted", "In Review": "in_review", "Approved": "approved",
    "Rejected": "rejected", "Paid": "paid", "Expired": "expired",
}  # fmt: skip


PROOF_STATES = {
    "": "", "Not Started": "not_started", "Needs Info": "needs_info", "Flagged for Review": "flagged",
    "Complete": "complete", "Cleared by Reviewer": "cleared",
}  # fmt: skip


def _property(name: str, label: str, kind: str, field: str, group: str, **more: Any) -> Definition:
    return {"name": name, "label": label, "type": kind, "fieldType": field, "groupName": group, **more}


class _Group:
    """Makes the definitions of one property group."""

    def __init__(self, name: str) -> None:
        self.name = name

    def text(self, name: str, label: str) -> Definition:
        return _property(name, label, "string", "text", self.name)

    def day(self, name: str, label: str) -> Definition:
        return _property(name, label, "date", "date", self.name)

    def instant(self, name: str, label: str) -> Definition:
        return _property(name, label, "datetime", "date", self.name)

    def flag(self, name: str, label: str) -> Definition:
        yes_no = [_option("true", "Yes", 0), _option("false", "No", 1)]
        return _property(name, label, "bool", "booleancheckbox", self.name, options=yes_no)

    def money(self, name: str, label: str) -> Definition:
        hints = {"numberDisplayHint": "currency", "showCurrencySymbol": True}
        return _property(name, label, "number", "number", self.name, **hints)

    def number(self, name: str, label: str) -> Definition:
        return _property(name, label, "number", "number", self.name)

    def owner(self, name: str, label: str) -> Definition:
        refers = {"referencedObjectType": "OWNER", "externalOptions": True}
        return _property(name, label, "enumeration", "select", self.name, **refers)

    def choice(self, name: str, label: str, *values: str) -> Definition:
        options = [_option(value, _spoken(value), order) for order, value in enumerate(values)]
        return _property(name, label, "enumeration", "select", self.name, options=options)


def _option(value: str, label: str, order: int) -> Definition:
    return {"label": label, "value": value, "displayOrder": order, "hidden": False}


def _spoken(value: str) -> str:
    return value.replace("_", " ").capitalize() if value.islower() else value


_COMPANY, _CONTACT = _Group("companyinformation"), _Group("contactinformation")
_DEAL, _QUOTE, _MEETING = _Group("dealinformation"), _Group("quoteinformation"), _Group("meeting")
_USER, _CAMPAIGN = _Group("userinformation"), _Group("campaigninformation")

PROPERTIES: dict[str, list[Definition]] = {
    "companies": [
        _COMPANY.text("vertical", "Vertical"),
        _COMPANY.choice("segment", "Segment", "SMB", "Mid-Market", "Enterprise"),
        _COMPANY.day("partner_agreement_date", "Partner agreement date"),
        _COMPANY.owner("partner_marketing_lead", "Partner marketing lead"),
        _COMPANY.flag("strategic_partner", "Strategic partner"),
    ],
    "contacts": [
        _CONTACT.flag("partner_portal_active", "May log in to the partner portal"),
        _CONTACT.instant("partner_portal_last_login", "Last visit to the partner portal"),
    ],
    "deals": [
        _DEAL.text("partner_company_id", "Partner (company id)"),
        _DEAL.text("primary_campaign", "Primary campaign"),
        _DEAL.choice("product_family", "Product family", "Platform", "Security", "Analytics"),
    ],
    "quotes": [_QUOTE.choice("quote_state", "Customer's answer", "presented", "accepted", "denied")],
    "meetings": [
        _MEETING.flag("internal_only", "Internal only"),
        _MEETING.text("calendar_id", "Calendar id"),
    ],
    "users": [_USER.owner("manager_owner_id", "Manager")],
    "campaigns": [
        _CAMPAIGN.text("partner_company_id", "Partner (company id)"),
        _CAMPAIGN.choice(
            "motion", "Motion", "Demand Gen", "Enablement", "Thought Leadership", "First-Deal Incentive", "Other"
        ),
    ],
}
"""Object -> its custom properties. Written as `properties.json`."""

_REGISTRATION = _Group("deal_registrations_information")
_BUDGET, _ALLOCATION = _Group("marketing_budgets_information"), _Group("fund_allocations_information")
_SERVICE = _Group("partner_service_revenue_information")
PROVENANCES = {"Vendor-recorded": "vendor", "Partner-reported": "partner", "Estimated": "estimated"}
"""Who tells of a partner's service revenue, by the Salesforce words."""

_REQUEST, _CLAIM = _Group("fund_requests_information"), _Group("fund_claims_information")


def _schema(name: str, one: str, many: str, related: tuple[str, ...], *properties: Definition) -> Definition:
    shown = properties[0]["name"]
    return {
        "name": name, "labels": {"singular": one, "plural": many}, "primaryDisplayProperty": shown,
        "requiredProperties": [shown], "searchableProperties": [shown], "properties": list(properties),
        "associatedObjects": list(related),
    }  # fmt: skip


SCHEMAS: list[Definition] = [
    _schema(
        "deal_registrations", "Deal registration", "Deal registrations", ("companies", "deals"),
        _REGISTRATION.text("registration_name", "Registration"),
        _REGISTRATION.text("partner_company_id", "Partner (company id)"),
        _REGISTRATION.text("deal_id", "Deal (id)"),
        _REGISTRATION.text("customer_company_id", "Customer (company id)"),
        _REGISTRATION.choice("registration_status", "Status", "submitted", "approved", "rejected", "expired"),
        _REGISTRATION.instant("submitted_at", "Submitted at"),
        _REGISTRATION.instant("approved_at", "Approved at"),
        _REGISTRATION.day("expires_on", "Expires on"),
        _REGISTRATION.number("agreed_share", "Agreed share (percent)"),
    ),
    _schema(
        "marketing_budgets", "Marketing budget", "Marketing budgets", (),
        _BUDGET.text("budget_title", "Budget"),
        _BUDGET.money("amount", "Amount"),
        _BUDGET.text("currency_code", "Currency"),
        _BUDGET.day("start_date", "First day"),
        _BUDGET.day("end_date", "Last day"),
    ),
    _schema(
        "fund_allocations", "Fund allocation", "Fund allocations", ("companies", "marketing_budgets"),
        _ALLOCATION.text("allocation_title", "Allocation"),
        _ALLOCATION.text("partner_company_id", "Partner (company id)"),
        _ALLOCATION.text("budget_id", "Budget (id)"),
        _ALLOCATION.money("amount", "Amount"),
        _ALLOCATION.text("currency_code", "Currency"),
    ),
    _schema(
        "fund_requests", "Fund request", "Fund requests", ("companies", "fund_allocations"),
        _REQUEST.text("request_title", "Request"),
        _REQUEST.text("partner_company_id", "Partner (company id)"),
        _REQUEST.text("campaign_id", "Campaign (id)"),
        _REQUEST.text("allocation_id", "Allocation (id)"),
        _REQUEST.text("budget_id", "Budget (id)"),
        _REQUEST.choice("activity", "Activity", "Event", "Training", "Content", "Other"),
        _REQUEST.choice("request_status", "Status", "draft", "submitted", "in_review", "approved", "rejected"),
        _REQUEST.money("requested_amount", "Requested amount"),
        _REQUEST.money("approved_amount", "Approved amount"),
        _REQUEST.money("expected_pipeline", "Expected pipeline"),
        _REQUEST.number("target_conversion", "Target conversion (percent)"),
        _REQUEST.number("match_percent", "Match (percent)"),
        _REQUEST.day("activity_start", "Activity starts"),
        _REQUEST.text("currency_code", "Currency"),
    ),
    _schema(
        "fund_claims", "Fund claim", "Fund claims", ("companies", "fund_requests"),
        _CLAIM.text("claim_title", "Claim"),
        _CLAIM.text("partner_company_id", "Partner (company id)"),
        _CLAIM.text("request_id", "Request (id)"),
        _CLAIM.text("allocation_id", "Allocation (id)"),
        _CLAIM.text("budget_id", "Budget (id)"),
        _CLAIM.choice(
            "claim_status", "Status", "draft", "submitted", "in_review", "approved", "rejected", "paid"
        ),
        _CLAIM.choice("evidence_status", "Proof", "not_started", "needs_info", "flagged", "complete", "cleared"),
        _CLAIM.text("evidence_flags", "Proof: flags"),
        _CLAIM.day("claim_deadline", "May be proven until"),
        _CLAIM.money("amount", "Amount"),
        _CLAIM.text("currency_code", "Currency"),
    ),
    _schema(
        "partner_service_revenue", "Partner service revenue", "Partner service revenue", ("companies", "deals"),
        _SERVICE.text("service_revenue_name", "Service revenue"),
        _SERVICE.text("partner_company_id", "Partner (company id)"),
        _SERVICE.text("deal_id", "Deal (id)"),
        _SERVICE.money("amount", "Amount"),
        _SERVICE.text("currency_code", "Currency"),
        _SERVICE.choice("provenance", "Provenance", *PROVENANCES.values()),
    ),
]  # fmt: skip
"""The custom objects. Every custom object has `hubspot_owner_id` of HubSpot's own. Written as `schemas.json`."""
