"""Which HubSpot id stands for which Salesforce id: computed, never looked up, and in the same order as text."""

from __future__ import annotations

from emulators.world.ids import PREFIXES

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_STEP = 16  # ids between two records: what one Salesforce record becomes beside its own counterpart

_LEADS = {
    "Account": "10",
    "Contact": "12",
    "User": "14",  # as owner
    "Opportunity": "20",
    "Task": "30",
    "Event": "32",
    "PartnerMarketingBudget": "40",
    "PartnerFundClaim": "42",
    "PartnerFundAllocation": "44",
    "PartnerFundRequest": "46",
    "Quote": "50",
    "Deal_Registration__c": "90",
    "Partner_Service_Revenue__c": "92",
}
_LEAD_OF = {PREFIXES[name]: lead for name, lead in _LEADS.items()}
_CAMPAIGN = PREFIXES["Campaign"]
_USER_ID, _USER_RECORD = "60", "62"  # an owner's user id, and the id of the CRM record of that user


def serial(salesforce_id: str) -> int:
    """The number that a generated id was made of."""
    value = 0
    for digit in salesforce_id[10:15]:
        value = value * 62 + _VALUES[digit]
    return value


def hubspot_id(salesforce_id: str, beside: int = 0) -> str:
    """The counterpart of a generated id: 12 digits, a lower-case GUID for a campaign, empty for an empty one.

    Counterparts sort as text as the Salesforce ids do, those of different objects too. `beside` (1 to 15) counts
    further records that come of the same one. A KeyError when records of that object have no counterpart.
    """
    if not salesforce_id:
        return ""
    prefix = salesforce_id[:3]
    if prefix == _CAMPAIGN:
        return _guid(serial(salesforce_id))
    return f"{_LEAD_OF[prefix]}{serial(salesforce_id) * _STEP + beside:010d}"


def user_id(salesforce_id: str) -> str:
    """The user id of an owner, which is another number than the owner's id."""
    return f"{_USER_ID}{serial(salesforce_id) * _STEP:010d}"


def user_record(salesforce_id: str) -> str:
    """The id of the CRM record (object `users`) of one of our own people."""
    return f"{_USER_RECORD}{serial(salesforce_id) * _STEP:010d}"


def _guid(number: int) -> str:
    """A GUID that sorts by its number; the rest is scattered, so that no two share a tail."""
    scattered = number * 0x9E3779B97F4A7C15 % 2**64
    tail = f"{scattered:016x}"
    return f"7{number:07x}-{tail[:4]}-4{tail[4:7]}-a{tail[7:10]}-{tail[10:]}{number % 2**24:06x}"
