"""Which custom fields and objects a world's org already has, before the product is installed."""

from __future__ import annotations

from typing import Any

Definition = dict[str, Any]


def _lookup(name: str, label: str, to: str, up: str, down: str) -> Definition:
    ways = {"relationshipName": up, "childRelationship": down}
    return {"name": name, "label": label, "type": "reference", "referenceTo": [to], **ways}


def _choice(name: str, label: str, *values: str) -> Definition:
    return {"name": name, "label": label, "type": "picklist", "length": 255, "picklist": list(values)}


def _plain(name: str, label: str, kind: str, **more: Any) -> Definition:
    return {"name": name, "label": label, "type": kind, **more}


FIELDS: dict[str, dict[str, Any]] = {
    "Account": {
        "fields": [
            _choice("Segment__c", "Segment", "SMB", "Mid-Market", "Enterprise"),
            _plain("Partner_Agreement_Date__c", "Partner Agreement Date", "date"),
            _lookup(
                "Partner_Marketing_Lead__c", "Partner Marketing Lead", "User", "Partner_Marketing_Lead__r",
                "Marketed_Partners__r",
            ),
            _plain("Strategic_Partner__c", "Strategic Partner", "boolean"),
        ]
    },
    "Opportunity": {
        "fields": [
            _lookup("Partner__c", "Partner", "Account", "Partner__r", "Partner_Deals__r"),
            _choice("Product_Family__c", "Product Family", "Platform", "Security", "Analytics"),
        ]
    },
    "Campaign": {
        "fields": [
            _lookup("Partner__c", "Partner", "Account", "Partner__r", "Partner_Campaigns__r"),
            _choice(
                "Motion__c", "Motion", "Demand Gen", "Enablement", "Thought Leadership",
                "First-Deal Incentive", "Other",
            ),
        ]
    },
    "Activity": {
        "fields": [
            _choice("Meeting_Outcome__c", "Meeting Outcome", "Held", "No Show", "Cancelled", "Planned"),
            _plain("Internal_Only__c", "Internal Only", "boolean"),
            _plain("Calendar_Id__c", "Calendar Id", "string", length=255),
        ]
    },
    "PartnerFundRequest": {
        "fields": [
            _plain("Expected_Pipeline__c", "Expected Pipeline", "currency"),
            _plain("Target_Conversion__c", "Target Conversion", "percent"),
            _plain("Match_Percent__c", "Match Percent", "percent"),
            _plain("Activity_Start__c", "Activity Start", "date"),
        ]
    },
    "PartnerFundClaim": {
        "fields": [
            _choice(
                "Evidence_Status__c", "Evidence Status", "Not Started", "Needs Info", "Flagged for Review",
                "Complete", "Cleared by Reviewer",
            ),
            _plain("Evidence_Flags__c", "Evidence Flags", "string", length=255),
            _plain("Claim_Deadline__c", "Claim Deadline", "date"),
        ]
    },
    "Partner_Service_Revenue__c": {
        "label": "Partner Service Revenue",
        "plural": "Partner Service Revenue",
        "prefix": "a01",
        "fields": [
            _lookup("Partner__c", "Partner", "Account", "Partner__r", "Service_Revenue__r"),
            _lookup("Opportunity__c", "Opportunity", "Opportunity", "Opportunity__r", "Service_Revenue__r"),
            _plain("Amount__c", "Amount", "currency"),
            _choice("Provenance__c", "Provenance", "Vendor-recorded", "Partner-reported", "Estimated"),
        ],
    },
    "Deal_Registration__c": {
        "label": "Deal Registration",
        "plural": "Deal Registrations",
        "prefix": "a00",
        "fields": [
            _lookup("Partner__c", "Partner", "Account", "Partner__r", "Registrations__r"),
            _lookup("Opportunity__c", "Opportunity", "Opportunity", "Opportunity__r", "Registrations__r"),
            _lookup("Account__c", "Customer", "Account", "Account__r", "Customer_Registrations__r"),
            _choice("Status__c", "Status", "Submitted", "Approved", "Rejected", "Expired"),
            _plain("Submitted_At__c", "Submitted At", "datetime"),
            _plain("Approved_At__c", "Approved At", "datetime"),
            _plain("Expires_On__c", "Expires On", "date"),
            _plain("Agreed_Share__c", "Agreed Share", "percent"),
        ],
    },
}  # fmt: skip
"""Object -> its custom fields; an object with a `prefix` is itself custom. Written as `fields.json`."""
