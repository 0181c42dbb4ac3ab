"""How a world is kept on disk: one Data Loader CSV a object, every cell quoted, Ids and audit fields included."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Any

_AUDIT = ("CreatedById", "CreatedDate", "LastModifiedById", "LastModifiedDate", "SystemModstamp")

COLUMNS: dict[str, tuple[str, ...]] = {
    "User": (
        "Id", "Username", "FirstName", "LastName", "Name", "Alias", "Email", "Title", "IsActive", "ManagerId",
        "UserType", "IsPortalEnabled", "AccountId", "ContactId", "LastLoginDate", "TimeZoneSidKey", "LocaleSidKey",
        "LanguageLocaleKey", "EmailEncodingKey", "CurrencyIsoCode", "DefaultCurrencyIsoCode", *_AUDIT,
    ),
    "CurrencyType": ("Id", "IsoCode", "ConversionRate", "DecimalPlaces", "IsActive", "IsCorporate", *_AUDIT),
    "DatedConversionRate": ("Id", "IsoCode", "ConversionRate", "StartDate", "NextStartDate", *_AUDIT),
    "OpportunityStage": (
        "Id", "MasterLabel", "ApiName", "IsActive", "SortOrder", "IsClosed", "IsWon", "ForecastCategory",
        "ForecastCategoryName", "DefaultProbability", *_AUDIT,
    ),
    "Account": (
        "Id", "IsDeleted", "MasterRecordId", "Name", "Type", "IsPartner", "ParentId", "BillingCountry", "Industry",
        "Segment__c", "Partner_Agreement_Date__c", "Partner_Marketing_Lead__c", "Strategic_Partner__c", "OwnerId",
        "CurrencyIsoCode", *_AUDIT,
    ),
    "Contact": (
        "Id", "IsDeleted", "MasterRecordId", "AccountId", "FirstName", "LastName", "Name", "Email", "Title",
        "OwnerId", "CurrencyIsoCode", *_AUDIT,
    ),
    "Campaign": (
        "Id", "IsDeleted", "Name", "ParentId", "Type", "Status", "IsActive", "StartDate", "EndDate", "BudgetedCost",
        "ActualCost", "Partner__c", "Motion__c", "OwnerId", "CurrencyIsoCode", *_AUDIT,
    ),
    "CampaignMember": (
        "Id", "IsDeleted", "CampaignId", "ContactId", "Status", "HasResponded", "FirstRespondedDate",
        "CurrencyIsoCode", *_AUDIT,
    ),
    "Opportunity": (
        "Id", "IsDeleted", "AccountId", "Name", "StageName", "IsClosed", "IsWon", "Amount", "CurrencyIsoCode",
        "Probability", "ForecastCategory", "ForecastCategoryName", "CloseDate", "Type", "LeadSource", "CampaignId",
        "Partner__c", "Product_Family__c", "OwnerId", "LastStageChangeDate", *_AUDIT,
    ),
    "OpportunityHistory": (
        "Id", "OpportunityId", "StageName", "Amount", "CurrencyIsoCode", "Probability", "ForecastCategory",
        "CloseDate", "CreatedById", "CreatedDate", "SystemModstamp", "IsDeleted",
    ),
    "Partner": (
        "Id", "IsDeleted", "OpportunityId", "AccountFromId", "AccountToId", "Role", "IsPrimary", "ReversePartnerId",
        *_AUDIT,
    ),
    "OpportunityPartner": (
        "Id", "IsDeleted", "OpportunityId", "AccountToId", "Role", "IsPrimary", "ReversePartnerId", *_AUDIT,
    ),
    "AccountPartner": (
        "Id", "IsDeleted", "OpportunityId", "AccountFromId", "AccountToId", "Role", "IsPrimary", "ReversePartnerId",
        *_AUDIT,
    ),
    "Deal_Registration__c": (
        "Id", "IsDeleted", "Name", "Partner__c", "Opportunity__c", "Account__c", "Status__c", "Submitted_At__c",
        "Approved_At__c", "Expires_On__c", "Agreed_Share__c", "OwnerId", *_AUDIT,
    ),
    "Partner_Service_Revenue__c": (
        "Id", "IsDeleted", "Name", "Partner__c", "Opportunity__c", "Amount__c", "Provenance__c", "OwnerId", *_AUDIT,
    ),
    "Quote": (
        "Id", "IsDeleted", "Name", "QuoteNumber", "OpportunityId", "AccountId", "Status", "GrandTotal",
        "ExpirationDate", "IsSyncing", "OwnerId", "CurrencyIsoCode", *_AUDIT,
    ),
    "Event": (
        "Id", "IsDeleted", "Subject", "Type", "WhatId", "WhoId", "StartDateTime", "EndDateTime", "DurationInMinutes",
        "ActivityDateTime", "ActivityDate", "IsChild", "IsGroupEvent", "Meeting_Outcome__c", "Internal_Only__c",
        "Calendar_Id__c", "OwnerId", "CurrencyIsoCode", *_AUDIT,
    ),
    "Task": (
        "Id", "IsDeleted", "Subject", "Type", "WhatId", "WhoId", "Status", "Priority", "ActivityDate", "IsClosed",
        "CompletedDateTime", "OwnerId", "CurrencyIsoCode", *_AUDIT,
    ),
    "PartnerMarketingBudget": (
        "Id", "IsDeleted", "Title", "Amount", "ChannelPartnerId", "StartDate", "EndDate", "OwnerId",
        "CurrencyIsoCode", *_AUDIT,
    ),
    "PartnerFundAllocation": (
        "Id", "IsDeleted", "Title", "Amount", "BudgetId", "ChannelPartnerId", "OwnerId", "CurrencyIsoCode", *_AUDIT,
    ),
    "PartnerFundRequest": (
        "Id", "IsDeleted", "Title", "RequestedAmount", "Amount", "Status", "Activity", "AllocationId", "BudgetId",
        "CampaignId", "ChannelPartnerId", "Expected_Pipeline__c", "Target_Conversion__c", "Match_Percent__c",
        "Activity_Start__c", "OwnerId", "CurrencyIsoCode", *_AUDIT,
    ),
    "PartnerFundClaim": (
        "Id", "IsDeleted", "Title", "Amount", "Status", "RequestId", "AllocationId", "BudgetId", "ChannelPartnerId",
        "Evidence_Status__c", "Evidence_Flags__c", "Claim_Deadline__c", "OwnerId", "CurrencyIsoCode", *_AUDIT,
    ),
}  # fmt: skip
"""The columns of each file, in order. Parents come before children, so files may be loaded in this order."""

AFTER_INSTALL = (
    "Id", "PMOM_Partner_Persona__c", "PMOM_Footprint_Regions__c", "PMOM_Footprint_Verticals__c",
    "PMOM_Override_Decision__c", "PMOM_Override_Reason__c", "PMOM_Override_Expires__c",
    "PMOM_Exclude_From_Scoring__c",
)  # fmt: skip
"""Columns of `after_install/Account.csv`: fields that people own, which exist once the product is installed."""


class Sheet:
    """One CSV file being written; a row is given by column name and empty cells are left out."""

    def __init__(self, path: Path, columns: Iterable[str]) -> None:
        self._columns = tuple(columns)
        self._names = frozenset(self._columns)
        self._file: IO[str] = path.open("w", encoding="utf-8", newline="")
        writer = csv.writer(self._file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        self._write = writer.writerow
        self._write(self._columns)
        self.rows = 0

    def add(self, row: dict[str, Any]) -> None:
        """Append one row; a name that is no column of the sheet is a KeyError."""
        if not row.keys() <= self._names:
            raise KeyError(sorted(row.keys() - self._names))
        self._write([row.get(column, "") for column in self._columns])
        self.rows += 1

    def close(self) -> None:
        """Flush and close the file."""
        self._file.close()


class Folder:
    """The folder of sheets; a context manager that closes them all."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        (path / "after_install").mkdir(exist_ok=True)
        self.path = path
        self.sheets = {name: Sheet(path / f"{name}.csv", columns) for name, columns in COLUMNS.items()}
        self.after_install = Sheet(path / "after_install" / "Account.csv", AFTER_INSTALL)

    def __enter__(self) -> Folder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sheet in (*self.sheets.values(), self.after_install):
            sheet.close()
