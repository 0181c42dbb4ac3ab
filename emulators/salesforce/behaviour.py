"""What the org does by itself when a record is written: derived fields, history rows, partner rows, permissions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from emulators.loopback.clock import parse_instant, stored
from emulators.salesforce import person_accounts, storage
from emulators.salesforce.errors import DmlError
from emulators.salesforce.loading import filling as loading
from emulators.salesforce.outbound import messages as outbound
from emulators.salesforce.rights import permissions
from emulators.salesforce.rights.access import PERMISSION_OBJECTS
from emulators.salesforce.schema import ObjectType

if TYPE_CHECKING:
    from emulators.salesforce.dml import Change, Row
    from emulators.salesforce.org import Org

HISTORY_FIELDS = ("StageName", "Amount", "CloseDate", "Probability")


def before(change: Change) -> None:
    """Derive fields of the record that is about to be stored."""
    _currency(change)
    derive = _BEFORE.get(change.obj.name)
    if derive is not None:
        derive(change)


def after(change: Change) -> None:
    """Write what follows from the record that was just stored."""
    if change.obj.name.lower() in PERMISSION_OBJECTS:
        change.org.rights_changed()
    follow = _AFTER.get(change.obj.name)
    if follow is not None:
        follow(change)
    outbound.take(change)


def after_delete(org: Org, obj: ObjectType, row: dict[str, Any]) -> None:
    """Undo what hung on the record that was just deleted."""
    if obj.name.lower() in PERMISSION_OBJECTS:
        org.rights_changed()
    if obj.name in ("Partner", "OpportunityPartner", "AccountPartner"):
        _remove_partner_rows(org, row)


def lookup(org: Org, object_name: str, where: str, *values: object) -> dict[str, Any] | None:
    """The first record that fulfils the condition; None also when the org lacks the object."""
    obj = org.schema.object(object_name)
    if obj is None:
        return None
    return next(storage.rows(org.connection(), obj, where, *values), None)


def _write_plainly(change: Change, object_name: str, values: dict[str, Any]) -> None:
    """A row of the org's own making, in storage form, by the user of the change."""
    org = change.org
    obj = org.schema.object(object_name)
    if obj is not None:
        by = {"CreatedById": change.actor.user_id, "LastModifiedById": change.actor.user_id}
        loading.load_raw(org, obj, [{"Id": org.new_id(object_name), **by, **values}])


def _currency(change: Change) -> None:
    if "currencyisocode" not in change.obj.fields or change.obj.name in ("CurrencyType", "DatedConversionRate"):
        return
    if change.row.get("CurrencyIsoCode") is None:
        change.row["CurrencyIsoCode"] = change.org.corporate_currency
    elif change.changed("CurrencyIsoCode"):
        code = change.row["CurrencyIsoCode"]
        if lookup(change.org, "CurrencyType", "f_isocode = ? AND f_isactive = 1", code) is None:
            text = f"Currency ISO Code: bad value for restricted picklist field: {code}"
            raise DmlError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", text, ["CurrencyIsoCode"])


def _person_name(change: Change) -> None:
    parts = (change.row.get("FirstName"), change.row.get("LastName"))
    change.row["Name"] = " ".join(str(part) for part in parts if part) or None


def _opportunity(change: Change) -> None:
    row = change.row
    if change.changed("StageName"):
        _apply_stage(change)
    derive_opportunity(row)
    if change.changed("StageName"):
        row["LastStageChangeDate"] = row.get("LastModifiedDate")
    if change.old is not None and _pushed(str(change.old.get("CloseDate")), str(row.get("CloseDate"))):
        row["PushCount"] = int(row.get("PushCount") or 0) + 1


def _apply_stage(change: Change) -> None:
    row = change.row
    stage = lookup(change.org, "OpportunityStage", "f_apiname = ?", row.get("StageName"))
    row["IsClosed"] = stage["IsClosed"] if stage else 0
    row["IsWon"] = stage["IsWon"] if stage else 0
    if "Probability" not in change.given:
        row["Probability"] = stage["DefaultProbability"] if stage else 0.0
    category = stage["ForecastCategory"] if stage else "Pipeline"
    if "ForecastCategoryName" not in change.given:
        row["ForecastCategory"] = category
        row["ForecastCategoryName"] = stage["ForecastCategoryName"] if stage else "Pipeline"


def derive_opportunity(row: Row) -> None:
    """Expected revenue and fiscal fields from amount, probability and close date."""
    amount, chance = row.get("Amount"), row.get("Probability")
    if isinstance(amount, int | float) and isinstance(chance, int | float):
        row["ExpectedRevenue"] = round(amount * chance / 100, 2)
    else:
        row["ExpectedRevenue"] = None
    close = row.get("CloseDate")
    if isinstance(close, str):
        year, quarter = int(close[:4]), (int(close[5:7]) + 2) // 3
        row.update(FiscalYear=year, FiscalQuarter=quarter, Fiscal=f"{year} {quarter}")


def _pushed(old: str, new: str) -> bool:
    return new[:7] > old[:7]


def _opportunity_history(change: Change) -> None:
    if not change.changed(*HISTORY_FIELDS):
        return
    row, old = change.row, change.old or {}
    names = ("StageName", "Amount", "CloseDate", "Probability", "ExpectedRevenue", "ForecastCategory")
    values = {"OpportunityId": row["Id"], **{name: row.get(name) for name in names}}
    values.update(CreatedDate=row["LastModifiedDate"], SystemModstamp=row["SystemModstamp"])
    if change.old is not None:
        values.update(PrevAmount=old.get("Amount"), PrevCloseDate=old.get("CloseDate"))
    if "currencyisocode" in change.obj.fields:
        values["CurrencyIsoCode"] = row.get("CurrencyIsoCode")
    _write_plainly(change, "OpportunityHistory", values)


def _activity_account(change: Change) -> None:
    if not change.changed("WhatId", "WhoId") or "AccountId" in change.given:
        return
    what, who = str(change.row.get("WhatId") or ""), str(change.row.get("WhoId") or "")
    if what.startswith("001"):
        change.row["AccountId"] = what
        return
    for value, name in ((what, "Opportunity"), (who, "Contact")):
        parent = lookup(change.org, name, "f_id = ?", value) if value else None
        if parent is not None:
            change.row["AccountId"] = parent.get("AccountId")
            return
    change.row["AccountId"] = None


def _task(change: Change) -> None:
    row = change.row
    if change.changed("Status"):
        status = lookup(change.org, "TaskStatus", "f_apiname = ?", row.get("Status"))
        row["IsClosed"] = status["IsClosed"] if status else 0
        row["CompletedDateTime"] = row.get("LastModifiedDate") if row["IsClosed"] else None
    priority = lookup(change.org, "TaskPriority", "f_apiname = ?", row.get("Priority"))
    row["IsHighPriority"] = priority["IsHighPriority"] if priority else 0
    row["TaskSubtype"] = row.get("TaskSubtype") or "Task"
    _activity_account(change)


def _event(change: Change) -> None:
    row = change.row
    row["StartDateTime"] = start = row.get("StartDateTime") or row.get("ActivityDateTime")
    if change.actor.system and not isinstance(start, str):
        return
    if not isinstance(start, str):
        missing = ["DurationInMinutes", "ActivityDateTime"]
        raise DmlError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)
    derive_event(row, parse_instant(start), "DurationInMinutes" in change.given)
    row["EventSubtype"] = row.get("EventSubtype") or "Event"
    _activity_account(change)


def derive_event(row: Row, start: datetime, by_duration: bool) -> None:
    """End from duration or duration from end, and the date fields."""
    end, minutes = row.get("EndDateTime"), row.get("DurationInMinutes")
    if isinstance(end, str) and not by_duration:
        row["DurationInMinutes"] = int((parse_instant(end) - start).total_seconds() // 60)
    elif isinstance(minutes, int):
        row["EndDateTime"] = stored(start + timedelta(minutes=minutes))
    else:
        raise DmlError(
            "REQUIRED_FIELD_MISSING", "Required fields are missing: [DurationInMinutes]", ["DurationInMinutes"]
        )
    if int(row["DurationInMinutes"] or 0) < 0:
        text = "Due Date Time: Event duration cannot be negative"
        raise DmlError("FIELD_INTEGRITY_EXCEPTION", text, ["DurationInMinutes"])
    row["ActivityDateTime"] = row["StartDateTime"]
    row["ActivityDate"] = str(row["StartDateTime"])[:10]
    row["EndDate"] = str(row["EndDateTime"])[:10]


def _partner(change: Change) -> None:
    row = change.row
    if row.get("ReversePartnerId"):  # the reverse row, which the org itself writes
        return
    opportunity = lookup(change.org, "Opportunity", "f_id = ?", row.get("OpportunityId"))
    if opportunity is not None:
        row["AccountFromId"] = opportunity.get("AccountId")
    if not row.get("AccountToId") or not (opportunity or row.get("AccountFromId")):
        missing = [name for name in ("AccountFromId", "AccountToId") if not row.get(name)]
        raise DmlError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)
    if row["AccountFromId"] == row["AccountToId"]:
        raise DmlError("FIELD_INTEGRITY_EXCEPTION", "An account cannot be its own partner", ["AccountToId"])


def _partner_rows(change: Change) -> None:
    """The views of a new Partner: on the opportunity, on the account, and the reverse relationship."""
    org, row = change.org, change.row
    if row.get("ReversePartnerId"):
        return
    reverse_id = org.new_id("Partner") if row.get("AccountFromId") else None
    if row.get("OpportunityId") and row.get("IsPrimary"):
        _only_primary(org, str(row["OpportunityId"]), str(row["Id"]))
    forward = {**row, "ReversePartnerId": reverse_id}
    reverse = {
        **row,
        "Id": reverse_id,
        "AccountFromId": row["AccountToId"],
        "AccountToId": row.get("AccountFromId"),
        "Role": _reverse_role(org, row.get("Role")),
        "IsPrimary": 0,
        "ReversePartnerId": row["Id"],
    }
    if row.get("OpportunityId"):
        _write_plainly(change, "OpportunityPartner", forward)
    if reverse_id is not None:
        org.connection().execute(
            "UPDATE o_partner SET f_reversepartnerid = ? WHERE f_id = ?", (reverse_id, row["Id"])
        )
        _write_plainly(change, "Partner", reverse)
        _write_plainly(change, "AccountPartner", forward)
        _write_plainly(change, "AccountPartner", reverse)


def _reverse_role(org: Org, role: object) -> object:
    found = lookup(org, "PartnerRole", "f_apiname = ?", role) if role else None
    return found["ReverseRole"] if found else role


def _only_primary(org: Org, opportunity_id: str, record_id: str) -> None:
    for name in ("partner", "opportunitypartner", "accountpartner"):
        org.connection().execute(
            f"UPDATE o_{name} SET f_isprimary = 0, f_systemmodstamp = ? "
            "WHERE f_opportunityid = ? AND f_isprimary = 1 AND f_isdeleted = 0 AND f_id <> ?",
            (org.clock.stamp(), opportunity_id, record_id),
        )


def _remove_partner_rows(org: Org, row: dict[str, Any]) -> None:
    ids = [row["Id"], row.get("ReversePartnerId") or ""]
    for name in ("partner", "opportunitypartner", "accountpartner"):
        org.connection().execute(
            f"UPDATE o_{name} SET f_isdeleted = 1, f_systemmodstamp = ? WHERE f_id IN (?, ?) AND f_isdeleted = 0",
            (org.clock.stamp(), *ids),
        )


def _fund_request(change: Change) -> None:
    row = change.row
    allocation = lookup(change.org, "PartnerFundAllocation", "f_id = ?", row.get("AllocationId"))
    if allocation is not None and not row.get("BudgetId"):
        row["BudgetId"] = allocation.get("BudgetId")


def _fund_claim(change: Change) -> None:
    request = lookup(change.org, "PartnerFundRequest", "f_id = ?", change.row.get("RequestId"))
    if request is not None:
        change.row.update({name: request.get(name) for name in ("ChannelPartnerId", "BudgetId", "AllocationId")})


def _claim_totals(change: Change) -> None:
    """Approved and paid claims add up on their request, allocation and budget."""
    for name, key in (
        ("PartnerFundRequest", "RequestId"),
        ("PartnerFundAllocation", "AllocationId"),
        ("PartnerMarketingBudget", "BudgetId"),
    ):
        parent = change.row.get(key)
        if parent and change.org.schema.object(name):
            _sum_claims(change.org, name, key, str(parent))


def _sum_claims(org: Org, name: str, key: str, parent: str) -> None:
    total = (
        f"(SELECT coalesce(sum(f_amount), 0) FROM o_partnerfundclaim WHERE f_{key.lower()} = :id "
        "AND f_isdeleted = 0 AND f_status IN ({}))"
    )
    org.connection().execute(
        f"UPDATE o_{name.lower()} SET f_totalapprovedfcs = {total.format(repr('Approved') + ', ' + repr('Paid'))}, "
        f"f_totalreimbursedfcs = {total.format(repr('Paid'))}, f_systemmodstamp = :now WHERE f_id = :id",
        {"id": parent, "now": org.clock.stamp()},
    )


def _campaign_statuses(change: Change) -> None:
    if change.old is not None:
        return
    for place, (label, default, responded) in enumerate((("Sent", True, False), ("Responded", False, True)), start=1):
        values = {
            "CampaignId": change.row["Id"],
            "Label": label,
            "SortOrder": place,
            "IsDefault": default,
            "HasResponded": responded,
        }
        _write_plainly(change, "CampaignMemberStatus", values)


def _campaign_member(change: Change) -> None:
    row, org = change.row, change.org
    if not row.get("LeadId") and not row.get("ContactId"):
        raise DmlError("REQUIRED_FIELD_MISSING", "Required fields are missing: [LeadId]", ["LeadId"])
    campaign = row.get("CampaignId")
    if row.get("Status") is None:
        default = lookup(org, "CampaignMemberStatus", "f_campaignid = ? AND f_isdefault = 1", campaign)
        row["Status"] = default["Label"] if default else "Sent"
    status = lookup(org, "CampaignMemberStatus", "f_campaignid = ? AND f_label = ?", campaign, row["Status"])
    row["HasResponded"] = status["HasResponded"] if status else 0
    if row["HasResponded"] and not row.get("FirstRespondedDate"):
        row["FirstRespondedDate"] = str(row["LastModifiedDate"])[:10]
    row["Type"] = "Contact" if row.get("ContactId") else "Lead"
    row["LeadOrContactId"] = row.get("ContactId") or row.get("LeadId")
    person = lookup(org, str(row["Type"]), "f_id = ?", row["LeadOrContactId"]) or {}
    for name in ("FirstName", "LastName", "Name", "Title", "Email", "Phone", "MobilePhone"):
        row[name] = person.get(name)
    account = lookup(org, "Account", "f_id = ?", person.get("AccountId")) or {}
    row["CompanyOrAccount"] = person.get("Company") or account.get("Name")
    row["LeadOrContactOwnerId"] = person.get("OwnerId")


def _one_member(change: Change) -> None:
    _campaign_member(change)
    row = change.row
    where = "f_campaignid = ? AND f_leadorcontactid = ? AND f_id <> ? AND f_isdeleted = 0"
    if lookup(change.org, "CampaignMember", where, row["CampaignId"], row["LeadOrContactId"], row["Id"]):
        raise DmlError("DUPLICATE_VALUE", "Already a campaign member.")


def _quote(change: Change) -> None:
    opportunity = lookup(change.org, "Opportunity", "f_id = ?", change.row.get("OpportunityId"))
    if opportunity is not None:
        change.row["AccountId"] = opportunity.get("AccountId")
    if not change.row.get("QuoteNumber"):
        count = change.org.connection().execute("SELECT count(*) FROM o_quote").fetchone()[0]
        change.row["QuoteNumber"] = f"{count + 1:08d}"


def _one_assignment(change: Change) -> None:
    where = "f_assigneeid = ? AND f_permissionsetid = ? AND f_id <> ?"
    row = change.row
    found = lookup(change.org, "PermissionSetAssignment", where, row["AssigneeId"], row["PermissionSetId"], row["Id"])
    if found is not None:
        text = f"duplicate value found: <unknown> duplicates value on record with id: {found['Id']}"
        raise DmlError("DUPLICATE_VALUE", text)


def _object_permissions(change: Change) -> None:
    permissions.check_row(change.row)


def _contact(change: Change) -> None:
    person_accounts.refuse_contact(change)
    _person_name(change)


def _dated_rates(change: Change) -> None:
    """A rate holds until the next one of its currency starts, the last one for ever."""
    connection = change.org.connection()
    sql = "SELECT f_id, f_startdate FROM o_datedconversionrate WHERE f_isocode = ? ORDER BY f_startdate"
    rates = connection.execute(sql, (change.row.get("IsoCode"),)).fetchall()
    for place, (rate_id, _) in enumerate(rates):
        end = rates[place + 1][1] if place + 1 < len(rates) else "9999-12-31"
        connection.execute("UPDATE o_datedconversionrate SET f_nextstartdate = ? WHERE f_id = ?", (end, rate_id))


_BEFORE: dict[str, Callable[[Change], None]] = {
    "Account": person_accounts.before,
    "Opportunity": _opportunity,
    "Task": _task,
    "Event": _event,
    "Contact": _contact,
    "Lead": _person_name,
    "User": _person_name,
    "Partner": _partner,
    "PartnerFundRequest": _fund_request,
    "PartnerFundClaim": _fund_claim,
    "CampaignMember": _one_member,
    "Quote": _quote,
    "PermissionSetAssignment": _one_assignment,
    "ObjectPermissions": _object_permissions,
}
_AFTER: dict[str, Callable[[Change], None]] = {
    "Account": person_accounts.after,
    "DatedConversionRate": _dated_rates,
    "Opportunity": _opportunity_history,
    "Partner": _partner_rows,
    "PartnerFundClaim": _claim_totals,
    "Campaign": _campaign_statuses,
}
