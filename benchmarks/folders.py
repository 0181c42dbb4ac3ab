"""Which files do the emulators load in the benchmark: folders of so many records, seeded, the same bytes each time.

An org's folder is a quarter Accounts, a quarter Contacts and half Opportunities; a portal's is two fifths companies
and three fifths deals, with a link of every deal to a company and an earlier value of every other deal's stage.
Records have 20 columns each, text with commas, quotes and line ends among them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from benchmarks import deals
from benchmarks.rows import SEED, Maker, Spelled, choice, column, flags, instants, money, names, record_ids, texts

Columns = dict[str, Any]  # name -> Arrow array of texts
FIRST_COMPANY = 20_000_000_001


def _made(name: str, maker: Maker, n: int) -> Any:
    return maker(np.random.default_rng([SEED, *name.encode()]), n).csv


def _with(columns: dict[str, Maker], n: int, prefix: str) -> Columns:
    return {name: _made(f"{prefix}.{name}", maker, n) for name, maker in columns.items()}


def _linked(prefix: str, pool: int) -> Maker:
    def make(rng: np.random.Generator, n: int) -> Spelled:
        values = record_ids(prefix, rng.integers(0, pool, n))
        return Spelled(values, values)

    return make


def _numbered(first: int, pool: int) -> Maker:
    def make(rng: np.random.Generator, n: int) -> Spelled:
        values = pa.array(rng.integers(first, first + pool, n)).cast(pa.string())
        return Spelled(values, values)

    return make


def _counted(text: str, n: int, tail: str = "") -> Any:
    return pc.binary_join_element_wise(text, pa.array(np.arange(n)).cast(pa.string()), tail, "")


_CITIES = choice("Zürich", "Lyon", "Austin", "São Paulo", "Osaka", "Leeds", None)
_COUNTRIES = choice("CH", "FR", "US", "BR", "JP", "GB")
_INDUSTRIES = choice("Banking", "Biotechnology", "Education", "Energy", "Retail", None)
_AUDIT: dict[str, Maker] = {"CreatedDate": instants, "LastModifiedDate": instants, "SystemModstamp": instants}


def _accounts(n: int) -> Columns:
    made: dict[str, Maker] = {
        "Name": names("Account"), "Type": choice("Customer - Direct", "Prospect", "Other", None),
        "BillingStreet": texts(3, 0.3, 255, breaks=True), "BillingCity": _CITIES, "BillingState": _CITIES,
        "BillingPostalCode": _numbered(10_000, 80_000), "BillingCountry": _COUNTRIES,
        "Phone": _numbered(4_900_000_000, 90_000_000), "Website": names("https://example.com/account"),
        "Industry": _INDUSTRIES, "AnnualRevenue": money(0.2, 90_000_000, 1),
        "NumberOfEmployees": _numbered(1, 20_000), "Rating": choice("Hot", "Warm", "Cold", None),
        "Description": texts(14, 0.5, 400, breaks=True),
        "IsPartner": flags(0.1), "CurrencyIsoCode": choice("USD", "EUR"), **_AUDIT,
    }  # fmt: skip
    return {"Id": record_ids("001", np.arange(n)), **_with(made, n, "Account")}


def _contacts(n: int, accounts: int) -> Columns:
    made: dict[str, Maker] = {
        "AccountId": _linked("001", accounts), "FirstName": choice("Ada", "Björn", "Chloé", "Dan"),
        "LastName": names("Contact"), "Phone": _numbered(4_900_000_000, 90_000_000),
        "MobilePhone": _numbered(1_500_000_000, 90_000_000), "Title": choice("CEO", "Buyer", "Engineer", None),
        "Department": choice("Sales", "IT", None), "Birthdate": _days, "MailingStreet": texts(3, 0.3, 255),
        "MailingCity": _CITIES, "MailingPostalCode": _numbered(10_000, 80_000), "MailingCountry": _COUNTRIES,
        "LeadSource": choice("Web", "Other", None), "Description": texts(14, 0.5, 400, breaks=True),
        "HasOptedOutOfEmail": flags(0.1), **_AUDIT,
    }  # fmt: skip
    mail = _counted("contact.", n, "@example.com")
    return {"Id": record_ids("003", np.arange(n)), "Email": mail, **_with(made, n, "Contact")}


def _days(rng: np.random.Generator, n: int) -> Spelled:
    values = pa.array(rng.integers(0, 12_000, n).astype("int32")).cast(pa.date32()).cast(pa.string())
    return Spelled(values, values)


OPPORTUNITY = (
    "Id", "Name", "StageName", "Amount", "CurrencyIsoCode", "CloseDate", "CreatedDate", "LastModifiedDate",
    "SystemModstamp", "CampaignId", "Type", "LeadSource", "Probability", "ForecastCategoryName", "NextStep",
    "Description", "IsClosed", "IsWon", "IsDeleted",
)  # fmt: skip


def _opportunities(n: int, accounts: int) -> Columns:
    found = {name: column(name, n).csv for name in OPPORTUNITY}
    return {**found, "AccountId": _made("Opportunity.AccountId", _linked("001", accounts), n)}


def org_folder(folder: Path, records: int) -> dict[str, int]:
    """Write Data Loader files of so many records; -> object name -> rows."""
    accounts = contacts = records // 4
    opportunities = records - accounts - contacts
    _write(folder / "Account.csv", _accounts(accounts))
    _write(folder / "Contact.csv", _contacts(contacts, accounts))
    _write(folder / "Opportunity.csv", _opportunities(opportunities, accounts))
    return {"Account": accounts, "Contact": contacts, "Opportunity": opportunities}


def _companies(n: int) -> Columns:
    made: dict[str, Maker] = {
        "name": names("Company"), "address": texts(3, 0.3, 255, breaks=True), "city": _CITIES, "state": _CITIES,
        "zip": _numbered(10_000, 80_000), "country": _COUNTRIES, "phone": _numbered(4_900_000_000, 90_000_000),
        "industry": choice("BANKING", "BIOTECHNOLOGY", "RETAIL", None), "annualrevenue": money(0.2, 90_000_000, 1),
        "numberofemployees": _numbered(1, 20_000), "type": choice("PROSPECT", "PARTNER", "OTHER", None),
        "lifecyclestage": choice("lead", "opportunity", "customer"), "is_public": flags(0.2),
        "description": texts(14, 0.5, 400, breaks=True), "founded_year": _numbered(1950, 70),
        "timezone": choice("Europe/Zurich", "America/Chicago", None), "createdate": instants,
        "hs_lastmodifieddate": instants,
    }  # fmt: skip
    ids = pa.array(np.arange(n) + FIRST_COMPANY).cast(pa.string())
    return {"hs_object_id": ids, "domain": _counted("company-", n, ".example.com"), **_with(made, n, "companies")}


_DEAL = (
    "hs_object_id", "dealname", "dealstage", "pipeline", "amount", "closedate", "createdate", "hs_lastmodifieddate",
    "dealtype", "description",
)  # fmt: skip


def _deals(n: int) -> Columns:
    made: dict[str, Maker] = {
        "dealtype": choice("newbusiness", "existingbusiness", None), "hs_next_step": texts(6, 0.4, 255),
        "hs_priority": choice("low", "medium", "high", None), "hs_campaign": _numbered(30_000_001, 3_000),
        "closed_lost_reason": texts(4, 0.8, 120), "closed_won_reason": texts(4, 0.8, 120),
        "hs_forecast_probability": money(0.5, 1, 2),
        "hs_manual_forecast_category": choice("COMMIT", "PIPELINE", None),
        "hs_analytics_source": choice("OFFLINE", "DIRECT_TRAFFIC", None), "hs_is_active_shared_deal": flags(0.1),
        "hs_pinned_engagement_id": _numbered(40_000_000_001, 500_000),
    }  # fmt: skip
    by_name = {each.name: each for each in deals.PROPERTIES}
    found = {name: _made(name, by_name[name].make, n) for name in _DEAL}
    return {**found, **_with(made, n, "deals")}


def _links(companies: int, n: int) -> Columns:
    to = _made("links", _numbered(FIRST_COMPANY, companies), n)
    ids = pa.array(np.arange(n) + deals.FIRST).cast(pa.string())
    same = {name: pa.array([text] * n) for name, text in (("from", "deals"), ("to", "companies"), ("label", ""))}
    return {"from_object": same["from"], "from_id": ids, "to_object": same["to"], "to_id": to, "label": same["label"]}


def _past(n: int) -> Columns:
    ids = pa.array(np.arange(0, 2 * n, 2) + deals.FIRST).cast(pa.string())
    stages = _made("past", choice(*deals.STAGES), n)
    said = {
        name: pa.array([text] * n)
        for name, text in (("object", "deals"), ("property", "dealstage"), ("source", "CRM_UI"))
    }
    return {"object": said["object"], "id": ids, "property": said["property"], "value": stages,
            "timestamp": _made("past.at", instants, n), "source_type": said["source"]}  # fmt: skip


def portal_folder(folder: Path, records: int) -> dict[str, int]:
    """Write a portal's files with so many records, their links and their past; -> file name -> rows."""
    companies = records * 2 // 5
    count = records - companies
    _write(folder / "companies.csv", _companies(companies))
    _write(folder / "deals.csv", _deals(count))
    _write(folder / "associations.csv", _links(companies, count))
    _write(folder / "history.csv", _past(count // 2))
    return {"companies": companies, "deals": count, "associations": count, "history": count // 2}


def _write(path: Path, columns: Columns) -> None:
    """CSV with quotes where a cell needs them; an empty cell where there is no value."""
    table = pa.table({name: pc.fill_null(values, "") for name, values in columns.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    csv.write_csv(table, path, csv.WriteOptions(quoting_style="needed", quoting_header="none"))
