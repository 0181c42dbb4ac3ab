"""Does the shipped Salesforce mapping fit standard orgs, and how many reads does a sync cost?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connector.config.check import CheckReport, Coverage, Level, check
from connector.config.mapping_file import load_named
from connector.config.reads import ObjectRead, reads, usable
from connector.core.records import TABLES, Kind
from connector.crm.base import Field, Filter, ObjectSchema, Op
from connector.crm.memory import MemoryCRM

Org = dict[str, ObjectSchema]
MakeOrg = Callable[..., Org]

BARE = ("campaigninfluence", "multicurrency", "prm", "quotes", "recordtypes", "teamselling")
SHIPPED = load_named("salesforce")


def report(org: Org) -> CheckReport:
    return check(SHIPPED, MemoryCRM(org))


def coverage(org: Org) -> dict[str, Coverage]:
    return {covered.table: covered for covered in report(org).coverage}


def read_of(org: Org, key: str) -> ObjectRead:
    return next(read for read in reads(SHIPPED, org) if read.key == key)


def feeding(read: ObjectRead) -> list[tuple[str, str]]:
    return [(table, source.name) for table, source in read.feeds]


def test_every_canonical_table_has_a_source() -> None:
    assert [table.name for table in TABLES if not SHIPPED.of(table.name)] == []


@pytest.mark.parametrize("without", [(), ("prm",), ("multicurrency",), ("quotes",), BARE])
def test_a_standard_org_has_no_error_whatever_it_lacks(org: MakeOrg, without: tuple[str, ...]) -> None:
    found = report(org(without=without))
    assert found.of(Level.ERROR) == ()
    assert found.of(Level.WARNING) == ()
    assert found.ok


def test_with_partner_licences_a_partner_is_an_account_enabled_as_one(org: MakeOrg) -> None:
    assert coverage(org())["partners"].sources == ("enabled as partner",)


def test_without_partner_licences_a_partner_is_told_by_the_account_type(org: MakeOrg) -> None:
    schemas = org(without=("prm",))
    assert coverage(schemas)["partners"].sources == ("account type",)
    (note,) = [f for f in report(schemas).findings if f.key == "partners[0].where[0]"]
    assert note.level is Level.NOTE
    assert note.found == (
        "the field Account.IsPartner is absent or hidden from the connecting user, "
        'so the source "enabled as partner" is not read'
    )
    assert note.fix == 'The source "account type" is read instead.'


def test_an_org_that_cannot_tell_partners_is_an_error(org: MakeOrg) -> None:
    found = report(org(without=("prm",), hide=("Account.Type",)))
    assert [finding.key for finding in found.of(Level.ERROR)] == ["partners[0].where[0]", "partners[1].where[0]"]


def test_fields_of_features_that_are_off_are_named_with_the_feature(org: MakeOrg) -> None:
    notes = {finding.key: finding.fix for finding in report(org(without=BARE)).of(Level.NOTE)}
    assert notes["opportunities[0].columns.currency"] == "Needs: multiple currencies."
    assert notes["fund_claims[0].object"] == "Needs: partner licences with Market Development Funds."
    assert notes["quotes[0].object"] == "Needs: the Quotes setting."
    assert notes["partners[1].columns.persona"] == "Needs: pmom install salesforce."
    assert notes["logins[0].where[0]"] == "Needs: partner licences (PRM or Experience Cloud)."


def test_without_quotes_no_source_gives_quotes_and_stages_may_stand_in(org: MakeOrg) -> None:
    covered = coverage(org(without=("quotes",)))
    assert covered["quotes"].sources == ()
    assert "is_quoted" not in covered["stages"].empty


def test_cpq_quotes_are_read_where_standard_ones_are_off(org: MakeOrg) -> None:
    schemas = org(without=("quotes",))
    names = ("Id", "SBQQ__Opportunity2__c", "SBQQ__Status__c")
    fields = tuple(Field(name, name, Kind.TEXT) for name in names)
    schemas["SBQQ__Quote__c"] = ObjectSchema("SBQQ__Quote__c", "Quote", fields, cursor="SystemModstamp")
    assert coverage(schemas)["quotes"].sources == ("CPQ quotes",)


def test_a_sync_makes_one_read_an_object(org: MakeOrg) -> None:
    made = reads(SHIPPED, org())
    objects = [read.object for read in made]
    assert len(objects) == len(set(objects)) == report(org()).reads == 18
    assert len(reads(SHIPPED, org(without=BARE))) == 12


def test_one_read_of_accounts_gives_partners_and_companies(org: MakeOrg) -> None:
    read = read_of(org(), "Account")
    assert feeding(read) == [("partners", "enabled as partner"), ("accounts", "accounts")]
    assert read.where == ()
    assert read.fields == (
        "BillingCountry",
        "CreatedDate",
        "Id",
        "Industry",
        "IsPartner",
        "Name",
        "OwnerId",
        "ParentId",
        "SystemModstamp",
    )


def test_one_read_of_users_gives_logins_and_own_people(org: MakeOrg) -> None:
    read = read_of(org(), "User")
    assert feeding(read) == [("logins", "partner users"), ("users", "users")]
    assert read.drifting == ("LastLoginDate",)


def test_own_tasks_have_a_read_of_their_own_as_cohort_and_admin_tasks_hang_on_no_record(org: MakeOrg) -> None:
    key = Field("PMOM_Task_Key__c", "Task Key", Kind.TEXT, createable=True)
    installed = org(add=(("Task", key),))
    assert feeding(read_of(org(), "Task?WhatId filled")) == [("touches", "tasks")]
    assert feeding(read_of(installed, "Task?WhatId filled")) == [("touches", "tasks")]
    assert feeding(read_of(installed, "Task?PMOM_Task_Key__c filled")) == [("tasks", "own tasks")]


def test_all_links_that_stand_on_an_opportunity_come_from_its_one_read(org: MakeOrg) -> None:
    fields = (Field("Partner__c", "Partner", Kind.ID), Field("Sourced_By__c", "Sourced By", Kind.ID))
    read = read_of(org(add=tuple(("Opportunity", field) for field in fields)), "Opportunity")
    assert feeding(read) == [
        ("opportunities", "opportunities"),
        ("partner_links", "field"),
        ("partner_links", "sourced by"),
        ("partner_links", "owner"),
    ]
    assert read.drifting == ("Owner.AccountId",)
    assert {"Partner__c", "Sourced_By__c", "Owner.AccountId"} <= set(read.fields)


def test_the_partner_account_of_an_opportunity_comes_before_its_owners_account(org: MakeOrg) -> None:
    schemas = org(add=(("Opportunity", Field("PartnerAccountId", "Partner Account", Kind.ID)),))
    links = [source.name for source in usable(SHIPPED, schemas) if source.table == "partner_links"]
    assert links == ["partner account", "partner role"]


def test_meetings_leave_copies_of_invitees_with_the_crm(org: MakeOrg) -> None:
    read = read_of(org(), "Event?IsChild eq False")
    assert read.where == (Filter("IsChild", Op.EQ, False),)


def test_a_misspelt_picklist_value_of_an_org_is_pointed_at(org: MakeOrg) -> None:
    schemas = org()
    changed = tuple(
        Field(f.name, f.label, f.kind, options=(*f.options, "Presentd")) if f.name == "Status" else f
        for f in schemas["Quote"].fields
    )
    schemas["Quote"] = ObjectSchema("Quote", "Quote", changed, cursor="SystemModstamp")
    found = [(f.key, f.found, f.fix) for f in report(schemas).of(Level.WARNING)]
    assert found == [
        (
            "quotes[0].columns.status",
            'Quote.Status offers values that the table does not list: "Presentd"',
            "Add them to the value table; until then: left empty and counted.",
        )
    ]
