"""How companies, people, deals, quotes and activities of the Salesforce world look in HubSpot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from zoneinfo import ZoneInfo

from emulators.world.calendar import TIME_ZONE, text
from emulators.world.hubspot_folder import PortalFolder, Row, Source, dates
from emulators.world.hubspot_ids import hubspot_id
from emulators.world.hubspot_names import (
    COMPANY_TYPES,
    DEAL_TYPES,
    MEETING_OUTCOMES,
    PIPELINE,
    PRIMARY,
    QUOTE_STATUSES,
    ROLE_LABELS,
    STAGE_IDS,
    TASK_PRIORITIES,
    TASK_STATUSES,
)

_ZONE = ZoneInfo(TIME_ZONE)
_MILLISECOND = timedelta(milliseconds=1)
_OBJECTS = {"001": "companies", "006": "deals"}

_VISITOR = ("Id", "AccountId", "FirstName", "LastName", "Email", "Title", "IsActive", "LastLoginDate", "CreatedDate",
            "SystemModstamp")  # fmt: skip


@dataclass(slots=True)
class _Merged:
    """Which records were merged into one, and when the last of them was."""

    losers: list[str] = field(default_factory=list)
    at: str = ""


def _merges(source: Source, name: str) -> dict[str, _Merged]:
    found: dict[str, _Merged] = {}
    for row in source.rows(name):
        if row["MasterRecordId"]:
            merged = found.setdefault(row["MasterRecordId"], _Merged())
            merged.losers.append(hubspot_id(row["Id"]))
            merged.at = max(merged.at, row["SystemModstamp"])
    return found


def _survivors(portal: PortalFolder, source: Source, name: str) -> Iterator[tuple[Row, _Merged]]:
    """The rows that were not merged away, with what was merged into each. The losers leave no record."""
    merges = _merges(source, name)
    for row in source.rows(name):
        if row["MasterRecordId"]:
            portal.same(row["Id"], hubspot_id(row["Id"]))
        else:
            yield row, merges.get(row["Id"], _Merged())


def companies(portal: PortalFolder, source: Source) -> None:
    """Accounts."""
    for row, merged in _survivors(portal, source, "Account"):
        values = {
            "name": row["Name"].strip(),
            "type": COMPANY_TYPES[row["IsPartner"]],
            "country": row["BillingCountry"],
            "vertical": row["Industry"],
            "segment": row["Segment__c"],
            "hubspot_owner_id": hubspot_id(row["OwnerId"]),
            "partner_marketing_lead": hubspot_id(row["Partner_Marketing_Lead__c"]),
            "strategic_partner": row["Strategic_Partner__c"],
            "partner_agreement_date": row["Partner_Agreement_Date__c"],
            "hs_parent_company_id": hubspot_id(row["ParentId"]),
            "hs_merged_object_ids": ";".join(merged.losers),
            "createdate": row["CreatedDate"],
            "hs_lastmodifieddate": max(row["SystemModstamp"], merged.at),
        }
        portal.record("companies", row, values)


def contacts(portal: PortalFolder, source: Source) -> None:
    """Contacts, with the portal users who have no other place."""
    visitors = _portal_users(source)
    for row, merged in _survivors(portal, source, "Contact"):
        first, *others = visitors.pop(row["Id"], ()) or (None,)
        modified = max(row["SystemModstamp"], merged.at, first["SystemModstamp"] if first else "")
        values = _person(row, row["Title"]) | {
            "hubspot_owner_id": hubspot_id(row["OwnerId"]),
            "hs_merged_object_ids": ";".join(merged.losers),
            "createdate": row["CreatedDate"],
            "lastmodifieddate": modified,
        }
        id_ = portal.record("contacts", row, values | (_visits(first) if first else {}))
        portal.link("contacts", id_, "companies", values["associatedcompanyid"], PRIMARY)
        if first:
            portal.same(first["Id"], id_)
        for number, other in enumerate(others, 1):
            _visitor(portal, other, hubspot_id(row["Id"], number))
    for row in (row for rows in visitors.values() for row in rows):  # portal users whose contact nobody kept
        _visitor(portal, row, hubspot_id(row["Id"]))


def _portal_users(source: Source) -> dict[str, list[Row]]:
    """Contact id (a user's own id where he has no contact) -> the portal users."""
    found: dict[str, list[Row]] = {}
    for row in source.rows("User"):
        if row["AccountId"]:
            found.setdefault(row["ContactId"] or row["Id"], []).append({name: row[name] for name in _VISITOR})
    return found


def _person(row: Row, title: str) -> Row:
    return {
        "firstname": row["FirstName"].strip(),
        "lastname": row["LastName"].strip(),
        "email": row["Email"],
        "jobtitle": title,
        "associatedcompanyid": hubspot_id(row["AccountId"]),
    }


def _visits(user: Row) -> Row:
    return {"partner_portal_active": user["IsActive"], "partner_portal_last_login": user["LastLoginDate"]}


def _visitor(portal: PortalFolder, user: Row, id_: str) -> None:
    """A contact for a portal user alone."""
    values = _person(user, user["Title"]) | _visits(user) | dates(user, "createdate", "lastmodifieddate")
    portal.add("contacts", {"hs_object_id": id_, **values})
    portal.link("contacts", id_, "companies", values["associatedcompanyid"], PRIMARY)
    portal.same(user["Id"], id_)


def deals(portal: PortalFolder, source: Source) -> None:
    """Opportunities with their first company, the partners who have a role on them, and the history of stages."""
    for row in source.rows("Opportunity"):
        values = {
            "dealname": row["Name"].strip(),
            "amount": row["Amount"],
            "deal_currency_code": row["CurrencyIsoCode"],
            "pipeline": PIPELINE,
            "dealstage": STAGE_IDS[row["StageName"]],
            "closedate": _closes_at(row),
            "dealtype": DEAL_TYPES[row["Type"]],
            "hubspot_owner_id": hubspot_id(row["OwnerId"]),
            "partner_company_id": hubspot_id(row["Partner__c"]),
            "primary_campaign": hubspot_id(row["CampaignId"]),
            "product_family": row["Product_Family__c"],
        }
        id_ = portal.record("deals", row, values | dates(row, "createdate"))
        portal.link("deals", id_, "companies", hubspot_id(row["AccountId"]), PRIMARY)
    for row in source.rows("OpportunityPartner"):
        deal, partner = hubspot_id(row["OpportunityId"]), hubspot_id(row["AccountToId"])
        portal.link("deals", deal, "companies", partner, ROLE_LABELS[row["Role"]])
    for opportunity, steps in groupby(source.rows("OpportunityHistory"), itemgetter("OpportunityId")):
        _stages(portal, hubspot_id(opportunity), list(steps))


def _closes_at(row: Row) -> str:
    """An instant of the close day: when a deal was closed late in the evening, the instant, a day later in UTC."""
    day, touched = row["CloseDate"], row["SystemModstamp"]
    if row["IsClosed"] == "true" and touched[:10] > day:
        at = datetime.fromisoformat(touched.replace("Z", "+00:00"))
        if at.astimezone(_ZONE).date().isoformat() == day:
            return touched
    return _on(day)


def _on(day: str) -> str:
    """An instant of that day, which is the same day in UTC and in the portal's time zone."""
    return f"{day}T15:00:00.000Z" if day else ""


def _stages(portal: PortalFolder, deal: str, steps: list[Row]) -> None:
    """The history of the deal's stage, oldest first; two steps of one moment come a millisecond apart."""
    last = datetime.min.replace(tzinfo=UTC)
    for step in sorted(steps, key=itemgetter("CreatedDate")):
        last = max(datetime.fromisoformat(step["CreatedDate"].replace("Z", "+00:00")), last + _MILLISECOND)
        stage = {"property": "dealstage", "value": STAGE_IDS[step["StageName"]], "source_type": "CRM_UI"}
        portal.add("history", {"object": "deals", "id": deal, "timestamp": text(last), **stage})


def quotes(portal: PortalFolder, source: Source) -> None:
    """Quotes, each with its deal."""
    for row in source.rows("Quote"):
        status, state = QUOTE_STATUSES[row["Status"]]
        values = {
            "hs_title": row["Name"].strip(),
            "hs_quote_number": row["QuoteNumber"],
            "hs_status": status,
            "quote_state": state,
            "hs_quote_amount": row["GrandTotal"],
            "hs_currency": row["CurrencyIsoCode"],
            "hs_expiration_date": _on(row["ExpirationDate"]),
            "hubspot_owner_id": hubspot_id(row["OwnerId"]),
        }
        id_ = portal.record("quotes", row, values | dates(row))
        portal.link("quotes", id_, "deals", hubspot_id(row["OpportunityId"]))


def meetings(portal: PortalFolder, source: Source) -> None:
    """Events, without the copies that invitees see."""
    for row in source.rows("Event"):
        if row["IsChild"] == "true":
            continue
        values = {
            "hs_meeting_title": row["Subject"].strip(),
            "hs_timestamp": row["StartDateTime"],
            "hs_meeting_start_time": row["StartDateTime"],
            "hs_meeting_end_time": row["EndDateTime"],
            "hs_meeting_outcome": MEETING_OUTCOMES[row["Meeting_Outcome__c"]],
            "internal_only": row["Internal_Only__c"],
            "calendar_id": row["Calendar_Id__c"],
            "hubspot_owner_id": hubspot_id(row["OwnerId"]),
        }
        _about(portal, "meetings", portal.record("meetings", row, values | dates(row)), row)


def tasks(portal: PortalFolder, source: Source) -> None:
    """Tasks: what was done for a deal is the subject."""
    for row in source.rows("Task"):
        values = {
            "hs_task_subject": row["Subject"].strip(),
            "hs_task_type": "TODO",
            "hs_task_status": TASK_STATUSES[row["Status"]],
            "hs_task_priority": TASK_PRIORITIES[row["Priority"]],
            "hs_timestamp": row["CompletedDateTime"] or _on(row["ActivityDate"]),
            "hs_task_completion_date": row["CompletedDateTime"],
            "hubspot_owner_id": hubspot_id(row["OwnerId"]),
        }
        _about(portal, "tasks", portal.record("tasks", row, values | dates(row)), row)


def _about(portal: PortalFolder, name: str, id_: str, row: Row) -> None:
    """Associate an activity with what it was about and whom it was with."""
    if row["WhatId"]:
        portal.link(name, id_, _OBJECTS[row["WhatId"][:3]], hubspot_id(row["WhatId"]))
    portal.link(name, id_, "contacts", hubspot_id(row["WhoId"]))
