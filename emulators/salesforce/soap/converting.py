"""convertLead: a lead becomes an account, a contact and, unless declined, an opportunity ("convertLead()")."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from emulators.salesforce.behaviour import lookup
from emulators.salesforce.composite.collections_ import Result, Write, carried_out
from emulators.salesforce.errors import DmlError
from emulators.salesforce.ids import to18
from emulators.salesforce.org import Org
from emulators.salesforce.soap.calls import SoapCall
from emulators.salesforce.soap.dialect import plain
from emulators.salesforce.soap.writing import errors_of
from emulators.salesforce.xml_text import Node

_MOST = 100
_ADDRESS = ("Street", "City", "State", "PostalCode", "Country")
_PERSON = ("FirstName", "LastName", "Salutation", "Title", "Email", "MobilePhone", "Phone", "Fax", "LeadSource")


def convert(call: SoapCall) -> str:
    """Up to 100 leads, one result each; a conversion happens as a whole or not at all."""
    nodes = call.nodes("leadConverts", _MOST)
    results = carried_out(call.org, [_conversion(call, node) for node in nodes], call.all_or_none())
    return "".join(_printed(call, node, result) for node, result in zip(nodes, results, strict=True))


def _conversion(call: SoapCall, node: Node) -> Write:
    def write() -> Result:
        lead = _lead(call.org, node)
        account = _existing(call.org, node, "accountId", "Account") or _account(call, node, lead)
        contact = _existing(call.org, node, "contactId", "Contact") or _contact(call, node, lead, account)
        opportunity = _existing(call.org, node, "opportunityId", "Opportunity") or _opportunity(
            call, node, lead, account
        )
        ends = {"ConvertedAccountId": account, "ConvertedContactId": contact, "ConvertedOpportunityId": opportunity}
        values = {
            "IsConverted": True,
            "ConvertedDate": call.org.clock.stamp()[:10],
            "Status": node.get("convertedStatus"),
        }
        call.org.update("Lead", str(lead["Id"]), {**values, **ends}, call.org.system())
        _pass_memberships(call.org, str(lead["Id"]), contact)
        made = {"accountId": account, "contactId": contact, "leadId": lead["Id"], "opportunityId": opportunity}
        return {"success": True, "errors": [], "made": made}

    return write


def _pass_memberships(org: Org, lead: str, contact: str) -> None:
    """The lead's campaign memberships become the contact's as well."""
    sql = "SELECT f_id FROM o_campaignmember WHERE f_leadid = ? AND f_contactid IS NULL AND f_isdeleted = 0"
    for (member,) in org.connection().execute(sql, (lead,)).fetchall():
        org.update("CampaignMember", member, {"ContactId": contact}, org.system())


def _lead(org: Org, node: Node) -> dict[str, Any]:
    """The lead that can be converted to that status."""
    lead = org.get("Lead", to18(node.get("leadId")) or "")
    if lead is None or lead.get("IsDeleted"):
        raise DmlError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ["leadId"])
    if lead.get("IsConverted"):
        raise DmlError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    if lookup(org, "LeadStatus", "f_apiname = ? AND f_isconverted = 1", node.get("convertedStatus")) is None:
        text = f"invalid convertedStatus: {node.get('convertedStatus')}"
        raise DmlError("INVALID_STATUS", text, ["convertedStatus"])
    return lead


def _existing(org: Org, node: Node, name: str, object_name: str) -> str | None:
    """A record of the caller's choice; None when it is to be made."""
    text = node.get(name)
    if not text:
        return None
    found = org.get(object_name, to18(text) or "")
    if found is None or found.get("IsDeleted"):
        raise DmlError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [name])
    return str(found["Id"])


def _account(call: SoapCall, node: Node, lead: Mapping[str, Any]) -> str:
    values = {"Name": lead.get("Company") or lead.get("Name"), **_kept(lead, "Phone", "Fax", "Website", "Industry")}
    values |= _kept(lead, "AnnualRevenue", "NumberOfEmployees", "Rating")
    values |= {f"Billing{part}": lead[part] for part in _ADDRESS if lead.get(part)}
    return call.org.insert("Account", {**values, **_owner(node, lead)}, call.actor())


def _contact(call: SoapCall, node: Node, lead: Mapping[str, Any], account: str) -> str:
    values = {**_kept(lead, *_PERSON), "AccountId": account, **_owner(node, lead)}
    values |= {f"Mailing{part}": lead[part] for part in _ADDRESS if lead.get(part)}
    return call.org.insert("Contact", values, call.actor())


def _opportunity(call: SoapCall, node: Node, lead: Mapping[str, Any], account: str) -> str | None:
    if node.get("doNotCreateOpportunity").lower() in ("true", "1"):
        return None
    stage = lookup(call.org, "OpportunityStage", "f_isclosed = 0 AND f_isactive = 1 ORDER BY f_sortorder") or {}
    values = {
        "Name": node.get("opportunityName") or f"{lead.get('Company') or lead.get('Name')}-",
        "AccountId": account,
        "StageName": stage.get("ApiName"),
        "CloseDate": _quarter_end(call.org.clock.now().date()).isoformat(),
        **_kept(lead, "LeadSource"),
        **_owner(node, lead),
    }
    return call.org.insert("Opportunity", values, call.actor())


def _quarter_end(day: date) -> date:
    first = (day.month - 1) // 3 * 3 + 4
    return date(day.year + (first > 12), first if first <= 12 else 1, 1) - timedelta(days=1)


def _kept(lead: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: lead[name] for name in names if lead.get(name) is not None}


def _owner(node: Node, lead: Mapping[str, Any]) -> dict[str, str]:
    """The owner asked for, or the lead's own; a queue cannot own what a lead becomes."""
    owner = to18(node.get("ownerId")) if node.get("ownerId") else str(lead.get("OwnerId") or "")
    return {"OwnerId": owner} if owner and owner.startswith("005") else {}


def _printed(call: SoapCall, node: Node, result: Result) -> str:
    made = result.get("made", {"leadId": to18(node.get("leadId"))})  # recorded: a lead that failed keeps its id
    first = "".join(plain(name, made.get(name)) for name in ("accountId", "contactId"))
    last = "".join(plain(name, made.get(name)) for name in ("leadId", "opportunityId"))
    return f"<result>{first}{errors_of(call, result)}{last}{plain('success', result['success'])}</result>"
