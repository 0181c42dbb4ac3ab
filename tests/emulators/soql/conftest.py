"""A small org for queries: a schema with every kind of field, and rows whose answers can be worked out by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from emulators.salesforce import storage
from emulators.salesforce.ids import make_id
from emulators.salesforce.schema import FieldType, ObjectType, PicklistValue, Schema
from emulators.salesforce.soql import Context, run

NOW = datetime(2026, 3, 11, 18, 30, tzinfo=UTC)  # a Wednesday
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
STAGES = ("Prospecting", "Negotiation", "Closed Won", "Closed Lost")


def text(name: str, **more: Any) -> FieldType:
    return FieldType(name, name, more.pop("type", "string"), length=more.pop("length", 80), **more)


def look_up(
    name: str, *targets: str, way_up: str | None = None, way_down: str | None = None, **more: Any
) -> FieldType:
    way_up = way_up or name.removesuffix("Id")
    return FieldType(
        name, name, "reference", reference_to=targets, relationship_name=way_up, child_relationship=way_down, **more
    )


def an_object(name: str, prefix: str, *fields: FieldType, **more: Any) -> ObjectType:
    common = (
        FieldType("Id", "Record ID", "id", nillable=False),
        FieldType("IsDeleted", "Deleted", "boolean", nillable=False),
        FieldType("SystemModstamp", "System Modstamp", "datetime", nillable=False),
        FieldType("CreatedDate", "Created Date", "datetime", nillable=False),
    )
    every = {field.name.lower(): field for field in (*common, *fields)}
    return ObjectType(name, name, name + "s", prefix, every, **more)


def a_schema() -> Schema:
    stages = tuple(PicklistValue(value, value.upper() if value == "Negotiation" else value) for value in STAGES)
    account = an_object(
        "Account",
        "001",
        text("Name", name_field=True),
        text("Industry", type="picklist"),
        text("Description", type="textarea", length=32000),
        text("Ext__c", custom=True, unique=True, case_sensitive=True),
        FieldType("Tier__c", "Tier", "multipicklist", custom=True),
        FieldType("AnnualRevenue", "Annual Revenue", "currency", scale=2),
        FieldType("NumberOfEmployees", "Employees", "int"),
        FieldType("IsPartner", "Partner", "boolean"),
        FieldType("BillingAddress", "Billing Address", "address"),
        text("BillingCity"),
        text("BillingCountry"),
        look_up("ParentId", "Account", way_down="ChildAccounts"),
        look_up("OwnerId", "User"),
    )
    opportunity = an_object(
        "Opportunity",
        "006",
        text("Name", name_field=True),
        text("StageName", type="picklist", picklist=stages),
        FieldType("Amount", "Amount", "currency", scale=2),
        FieldType("Probability", "Probability", "percent"),
        FieldType("CloseDate", "Close Date", "date"),
        FieldType("IsWon", "Won", "boolean"),
        text("CurrencyIsoCode", type="picklist"),
        text("AccountIndustry__c", custom=True, calculated=True, formula="Account.Industry"),
        FieldType("Age__c", "Age", "double", custom=True, calculated=True, formula="TODAY()-CreatedDate"),
        look_up("AccountId", "Account", way_down="Opportunities"),
        look_up("ContactId", "Contact"),
        look_up("OwnerId", "User"),
    )
    contact = an_object(
        "Contact",
        "003",
        text("Name", name_field=True),
        text("Email", type="email"),
        text("Secret__c", custom=True),
        look_up("AccountId", "Account", way_down="Contacts"),
        look_up("ReportsToId", "Contact"),
    )
    task = an_object(
        "Task",
        "00T",
        text("Subject", type="combobox"),
        FieldType("ActivityDate", "Due", "date"),
        look_up("WhatId", "Account", "Opportunity", way_down="Tasks"),
        look_up("WhoId", "Contact"),
        look_up("OwnerId", "Group", "User"),
        name_field_is_subject(),
    )
    user = an_object("User", "005", text("Name", name_field=True), text("Email", type="email"))
    group = an_object("Group", "00G", text("Name", name_field=True), text("Type", type="picklist"))
    rates = an_object(
        "CurrencyType", "01L", text("IsoCode", type="picklist"), FieldType("ConversionRate", "Rate", "double")
    )
    status = an_object("TaskStatus", "01M", text("MasterLabel"), bulk_queryable=False)
    feed = an_object("AccountFeed", "0D5", text("Body"), queryable=False)
    objects = (account, opportunity, contact, task, user, group, rates, status, feed)
    return Schema({one.name.lower(): one for one in objects})


def name_field_is_subject() -> FieldType:
    return FieldType("Priority", "Priority", "picklist")


A = {name: make_id("001", "000", n) for n, name in enumerate(("acme", "bravo", "cafe", "delta", "gone"), 1)}
O = {name: make_id("006", "000", n) for n, name in enumerate(("big", "small", "lost", "open", "bare", "gone"), 1)}  # noqa: E741
C = {name: make_id("003", "000", n) for n, name in enumerate(("ann", "bob", "cid"), 1)}
T = {name: make_id("00T", "000", n) for n, name in enumerate(("call", "mail", "visit", "loose"), 1)}
U = {name: make_id("005", "000", n) for n, name in enumerate(("mia", "noa"), 1)}
G = {"queue": make_id("00G", "000", 1)}


def _rows() -> dict[str, list[dict[str, Any]]]:
    stamp = "2026-01-0{}T00:00:00.000Z"
    return {
        "User": [
            {"Id": U["mia"], "Name": "Mia", "Email": "mia@example.com"},
            {"Id": U["noa"], "Name": "Noa", "Email": None},
        ],
        "Group": [{"Id": G["queue"], "Name": "Partner Queue", "Type": "Queue"}],
        "Account": [
            {
                "Id": A["acme"],
                "Name": "Acme",
                "Industry": "Energy",
                "Tier__c": "gold;silver",
                "Ext__c": "aB1",
                "AnnualRevenue": 139000000.0,
                "NumberOfEmployees": 50,
                "IsPartner": 1,
                "BillingCity": "Oslo",
                "BillingCountry": "Norway",
                "OwnerId": U["mia"],
                "SystemModstamp": stamp.format(1),
                "Description": "long\ntext",
            },
            {
                "Id": A["bravo"],
                "Name": "bravo",
                "Industry": "Retail",
                "Tier__c": "gold",
                "Ext__c": "Ab1",
                "AnnualRevenue": 100.0,
                "NumberOfEmployees": 5,
                "ParentId": A["acme"],
                "OwnerId": U["noa"],
                "SystemModstamp": stamp.format(2),
            },
            {
                "Id": A["cafe"],
                "Name": "Café Zoë",
                "Industry": None,
                "Tier__c": None,
                "AnnualRevenue": None,
                "IsPartner": 1,
                "ParentId": A["bravo"],
                "OwnerId": U["mia"],
                "SystemModstamp": stamp.format(2),
            },
            {
                "Id": A["delta"],
                "Name": "Delta 50% off_",
                "Industry": "energy",
                "AnnualRevenue": 0.5,
                "NumberOfEmployees": 0,
                "OwnerId": U["mia"],
                "SystemModstamp": stamp.format(3),
            },
            {"Id": A["gone"], "Name": "Gone", "IsDeleted": 1, "OwnerId": U["mia"], "SystemModstamp": stamp.format(4)},
        ],
        "Opportunity": [
            {
                "Id": O["big"],
                "Name": "Big",
                "StageName": "Closed Won",
                "Amount": 900.0,
                "Probability": 100.0,
                "CloseDate": "2026-03-11",
                "IsWon": 1,
                "AccountId": A["acme"],
                "OwnerId": U["mia"],
                "CreatedDate": "2026-03-01T07:59:59.000Z",
                "CurrencyIsoCode": "EUR",
                "ContactId": C["ann"],
            },
            {
                "Id": O["small"],
                "Name": "small",
                "StageName": "Closed Won",
                "Amount": 100.0,
                "Probability": 100.0,
                "CloseDate": "2026-03-10",
                "IsWon": 1,
                "AccountId": A["acme"],
                "OwnerId": U["noa"],
                "CreatedDate": "2026-03-11T06:59:59.000Z",
                "CurrencyIsoCode": "USD",
            },
            {
                "Id": O["lost"],
                "Name": "Lost",
                "StageName": "Closed Lost",
                "Amount": 300.0,
                "Probability": 0.0,
                "CloseDate": "2025-12-31",
                "IsWon": 0,
                "AccountId": A["bravo"],
                "OwnerId": U["mia"],
                "CreatedDate": "2026-03-11T07:00:00.000Z",
                "CurrencyIsoCode": "USD",
            },
            {
                "Id": O["open"],
                "Name": "Open",
                "StageName": "Prospecting",
                "Amount": None,
                "Probability": 10.0,
                "CloseDate": "2026-04-01",
                "IsWon": 0,
                "AccountId": A["cafe"],
                "OwnerId": U["mia"],
                "CreatedDate": "2025-03-11T12:00:00.000Z",
                "CurrencyIsoCode": "USD",
            },
            {
                "Id": O["bare"],
                "Name": "Bare",
                "StageName": "Negotiation",
                "Amount": 50.5,
                "CloseDate": None,
                "AccountId": None,
                "OwnerId": U["noa"],
                "CreatedDate": "2026-01-15T00:00:00.000Z",
                "CurrencyIsoCode": "EUR",
            },
            {"Id": O["gone"], "Name": "Gone", "StageName": "Prospecting", "IsDeleted": 1, "AccountId": A["acme"]},
        ],
        "Contact": [
            {"Id": C["ann"], "Name": "Ann", "Email": "ann@example.com", "AccountId": A["acme"]},
            {"Id": C["bob"], "Name": "Bob", "AccountId": A["acme"], "ReportsToId": C["ann"], "Secret__c": "x"},
            {"Id": C["cid"], "Name": "Cid", "AccountId": A["bravo"], "IsDeleted": 1},
        ],
        "Task": [
            {"Id": T["call"], "Subject": "Call", "WhatId": A["acme"], "OwnerId": U["mia"], "WhoId": C["ann"]},
            {"Id": T["mail"], "Subject": "Mail", "WhatId": O["big"], "OwnerId": G["queue"]},
            {"Id": T["visit"], "Subject": "Visit", "WhatId": A["bravo"], "OwnerId": U["noa"]},
            {"Id": T["loose"], "Subject": "Loose", "WhatId": None, "OwnerId": U["mia"]},
        ],
        "CurrencyType": [
            {"Id": make_id("01L", "000", 1), "IsoCode": "USD", "ConversionRate": 1.0},
            {"Id": make_id("01L", "000", 2), "IsoCode": "EUR", "ConversionRate": 0.5},
        ],
    }


def fill(connection: sqlite3.Connection, schema: Schema, rows: dict[str, list[dict[str, Any]]]) -> None:
    for obj in schema.objects.values():
        storage.create_object(connection, obj)
        for row in rows.get(obj.name, []):
            names = ", ".join(storage.column(name) for name in row)
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO {storage.table(obj)} ({names}) VALUES ({marks})", tuple(row.values()))


def visible(_: ObjectType, field: FieldType) -> bool:
    return field.name != "Secret__c"


@pytest.fixture
def schema() -> Schema:
    return a_schema()


@pytest.fixture
def connection(schema: Schema) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    fill(connection, schema, _rows())
    connection.commit()
    yield connection
    connection.close()


@pytest.fixture
def context(schema: Schema) -> Context:
    return Context(schema, visible, NOW, LOS_ANGELES, U["mia"])


@pytest.fixture
def ask(connection: sqlite3.Connection, context: Context) -> Callable[[str], list[dict[str, Any]]]:
    def answer(soql: str) -> list[dict[str, Any]]:
        return list(run(connection, soql, context).records)

    return answer
