"""Does the check name what a CRM lacks, where the mapping says so, and what to do about it?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connector.config.check import CheckReport, Coverage, Finding, Level, check
from connector.config.mapping_file import parse
from connector.config.reads import Lack, Missing, lacks, reads
from connector.core.records import Kind
from connector.crm.base import Field, Filter, ObjectSchema, Op
from connector.crm.memory import MemoryCRM

SMALL = (Path(__file__).parent / "configs" / "good.toml").read_text(encoding="utf-8")
Schemas = dict[str, ObjectSchema]


def text(name: str, *options: str) -> Field:
    return Field(name, name, Kind.TEXT, createable=True, updateable=True, options=options)


def obj(name: str, *fields: Field) -> ObjectSchema:
    every = (Field("Id", "Id", Kind.ID), Field("SystemModstamp", "Modified", Kind.INSTANT), *fields)
    return ObjectSchema(name, name, every, cursor="SystemModstamp")


def org() -> Schemas:
    task = [
        text(name) for name in ("PMOM_Task_Key__c", "Subject", "OwnerId", "Description", "WhatId", "ActivityDate")
    ]
    return {
        "Account": obj(
            "Account", text("Name"), text("Type", "Partner", "Customer"), text("BillingCountry"), text("BillingCity")
        ),
        "Opportunity": obj(
            "Opportunity", text("StageName"), text("Type", "New Customer"), Field("Partner__c", "Partner", Kind.ID)
        ),
        "Task": obj("Task", *task, text("Status", "Not Started", "Completed")),
        "User": obj("User", Field("AccountId", "Account", Kind.ID)),
    }


def without(schemas: Schemas, path: str) -> Schemas:
    name, _, field = path.partition(".")
    kept = tuple(known for known in schemas[name].fields if known.name != field)
    return schemas | {name: replace(schemas[name], fields=kept)}


def having(schemas: Schemas, name: str, field: Field) -> Schemas:
    changed = without(schemas, f"{name}.{field.name}")
    return changed | {name: replace(changed[name], fields=(*changed[name].fields, field))}


def report(schemas: Schemas, *changes: tuple[str, str]) -> CheckReport:
    mapping = SMALL
    for old, new in changes:
        assert old in mapping
        mapping = mapping.replace(old, new, 1)
    return check(parse(mapping, "x.toml"), MemoryCRM(schemas))


def only(found: CheckReport) -> Finding:
    (finding,) = found.findings
    return finding


def test_a_mapping_that_fits_has_no_finding_and_its_coverage_is_told() -> None:
    found = report(org())
    assert (found.findings, found.ok, found.reads) == ((), True, 2)
    covered = {coverage.table: coverage for coverage in found.coverage}
    assert covered["partner_links"] == Coverage(
        "partner_links", ("field",), 3, 8, ("role", "via", "recorded_at", "share", "modified_at")
    )
    assert covered["quotes"].sources == ()
    assert covered["quotes"].filled == 0


def test_checking_reads_no_record_and_writes_nothing() -> None:
    crm = MemoryCRM(org())
    check(parse(SMALL, "x.toml"), crm)
    assert crm.calls == 0


def test_a_field_with_several_ids_needs_a_word_about_which_of_them_count() -> None:
    several = having(org(), "Opportunity", Field("Partner__c", "Partners", Kind.ID, multiple=True))
    found = only(report(several))
    assert (found.level, found.key) == (Level.ERROR, "partner_links[0].columns.partner_id")
    assert found.found == "Opportunity.Partner__c holds several ids, and partner_id takes one"
    for word in ("each", "first"):
        rule = f'partner_id = {{ field = "Partner__c", {word} = true }}'
        assert report(several, ('partner_id = "Partner__c"', rule)).findings == ()


def test_why_an_object_is_absent_is_told_where_the_crm_says_it() -> None:
    class Told(MemoryCRM):
        def absence(self, object_name: str) -> str:
            return "the token lacks a scope"

    schemas = {name: schema for name, schema in org().items() if name != "Task"}
    whole = check(parse(SMALL, "x.toml"), Told(schemas))
    assert [f.found for f in whole.findings if "absent" in f.found] == []  # tasks: the writing side tells it
    schemas.pop("Opportunity")
    (found, *_) = check(parse(SMALL, "x.toml"), Told(schemas)).findings
    assert found.found.startswith(
        "the object Opportunity is absent or hidden from the connecting user (the token lacks a scope), so"
    )


def test_a_misspelt_field_gets_the_nearest_name() -> None:
    found = only(report(org(), ('name = "Name"', 'name = "Name"\nindustry = "BilingCity"')))
    assert found == Finding(
        Level.ERROR,
        "x.toml:13",
        "partners[0].columns.industry",
        "the field Account.BilingCity is absent or hidden from the connecting user, so partners.industry stays empty",
        "Did you mean BillingCity? If the name is right, let the connecting user read the field; "
        "else write optional = true.",
    )


@pytest.mark.parametrize(
    ("rule", "level", "fix"),
    [
        ('{ field = "Tier__c" }', Level.ERROR, "If the name is right, let the connecting user read the field; "),
        ('{ field = "Tier__c", optional = true }', Level.NOTE, "Name your own field, or leave it: it is optional."),
        ('{ field = "Tier__c", optional = true, requires = "tiers" }', Level.NOTE, "Needs: tiers."),
        ('{ field = "Tier__c", requires = "tiers" }', Level.ERROR, "Needs: tiers."),
    ],
)
def test_a_missing_field_is_an_error_unless_it_is_optional(rule: str, level: Level, fix: str) -> None:
    found = only(report(org(), ('name = "Name"', f'name = "Name"\nindustry = {rule}')))
    assert (found.level, found.key) == (level, "partners[0].columns.industry")
    assert found.fix.startswith(fix)


def test_a_hidden_required_field_stops_its_source() -> None:
    found = only(report(without(org(), "Account.Name")))
    assert (found.level, found.where, found.key) == (Level.ERROR, "x.toml:12", "partners[0].columns.name")
    assert found.found == (
        'the field Account.Name is absent or hidden from the connecting user, so the source "accounts" is not read'
    )


def test_a_missing_object_is_an_error_or_with_optional_a_note() -> None:
    gone = {name: schema for name, schema in org().items() if name != "Opportunity"}
    optional = ('name = "opportunities"', 'name = "opportunities"\noptional = true')
    wrong, allowed = report(gone).findings, report(gone, optional).findings
    assert [(f.level, f.key) for f in wrong] == [
        (Level.ERROR, "opportunities[0].object"),
        (Level.ERROR, "partner_links[0].object"),
    ]
    assert [f.level for f in allowed] == [Level.NOTE, Level.ERROR]
    assert wrong[0].found.startswith("the object Opportunity is absent or hidden from the connecting user")


def test_of_several_fields_one_is_enough() -> None:
    assert report(org()).findings == ()
    found = only(report(without(org(), "Account.BillingCountry")))
    assert (found.level, found.key) == (Level.ERROR, "partners[0].columns.country")


def test_a_field_of_a_kind_that_cannot_fill_the_column_is_an_error() -> None:
    found = only(report(org(), ('stage = "StageName"', 'stage = "StageName"\namount = "StageName"')))
    assert (found.level, found.key) == (Level.ERROR, "opportunities[0].columns.amount")
    assert found.found == (
        "Opportunity.StageName is text, which cannot fill amount, so opportunities.amount stays empty"
    )
    assert found.fix == "Name a field of a fitting kind, or add a value table."


def test_a_condition_that_no_offered_value_can_meet_is_an_error() -> None:
    found = only(report(org(), ('is = "Partner"', 'is = "Reseller"')))
    assert (found.level, found.where, found.key) == (Level.ERROR, "x.toml:8", "partners[0].where[0]")
    assert 'offers none of the values asked for (it offers "Partner", "Customer")' in found.found


def test_a_condition_on_a_missing_field_stops_its_source_unless_optional() -> None:
    schemas = without(org(), "Account.Type")
    assert only(report(schemas)).key == "partners[0].where[0]"
    assert report(schemas, ('is = "Partner"', 'is = "Partner", optional = true')).findings == ()


def test_values_that_no_table_lists_are_a_warning_with_their_fate() -> None:
    schemas = having(org(), "Opportunity", text("Type", "New Customer", "Existing Customer", "Upsell"))
    found = only(report(schemas))
    assert (found.level, found.key) == (Level.WARNING, "opportunities[0].columns.type")
    assert found.found == 'Opportunity.Type offers values that the table does not list: "Existing Customer", "Upsell"'
    assert found.fix == "Add them to the value table; until then: left empty and counted."


def test_a_word_that_the_picklist_lacks_is_a_note_and_a_near_miss_a_warning() -> None:
    listed = '{ "New Customer" = "new", "Renewal" = "renewal" }'
    old = '{ "New Customer" = "new" }'
    assert only(report(org(), (old, listed))).level is Level.NOTE
    near = report(having(org(), "Opportunity", text("Type", "New Customer", "Renewals")), (old, listed)).findings
    assert [(f.level, f.where, f.fix) for f in near] == [
        (Level.WARNING, "x.toml:22", "Add them to the value table; until then: left empty and counted."),
        (Level.WARNING, "x.toml:22", 'Did you mean "Renewals"?'),
    ]


def test_a_field_of_a_related_record_needs_both_ends() -> None:
    path = ('partner_id = "Partner__c"', 'partner_id = { field = "Owner.AccountId", via = "OwnerId", of = "User" }')
    schemas = having(org(), "Opportunity", Field("OwnerId", "Owner", Kind.ID, references=("User",)))
    assert report(schemas, path).ok
    assert not report(org(), path).ok
    assert not report(without(schemas, "User.AccountId"), path).ok


def test_the_object_of_score_cards_must_be_there_and_writable() -> None:
    closed = org() | {"Account": replace(org()["Account"], updateable=False)}
    assert only(report(closed)).found == "the connecting user may not change Account"
    gone = {name: schema for name, schema in org().items() if name != "Account"}
    assert [f.key for f in report(gone).of(Level.ERROR)] == ["partners[0].object", "write.cards.partners"]


def test_a_card_on_an_object_that_may_be_absent_is_a_note() -> None:
    found = only(report(org(), ('partners = "Account"', 'partners = "Account"\nfund_claims = "PartnerFundClaim"')))
    assert (found.level, found.key) == (Level.NOTE, "write.cards.fund_claims")


def test_a_task_field_that_cannot_be_written_is_an_error() -> None:
    locked = having(org(), "Task", replace(text("Subject"), createable=False))
    found = only(report(locked))
    assert (found.level, found.where, found.found) == (
        Level.ERROR,
        "x.toml:39",
        "the connecting user may not write Task.Subject",
    )


def test_before_the_install_the_missing_task_key_is_only_a_note() -> None:
    found = only(report(without(org(), "Task.PMOM_Task_Key__c")))
    assert (found.level, found.key) == (Level.NOTE, "write.task.key_field")


def test_a_status_that_tasks_do_not_offer_is_an_error() -> None:
    found = only(report(org(), ('closed = "Completed"', 'closed = "Done"')))
    assert (found.level, found.key) == (Level.ERROR, "write.task.closed")
    assert found.fix == 'Write one of "Not Started", "Completed".'


def test_tasks_that_nobody_may_create_are_an_error() -> None:
    closed = org() | {"Task": replace(org()["Task"], createable=False)}
    assert only(report(closed)).key == "write.task.object"


def test_all_findings_come_at_once() -> None:
    found = report(
        without(org(), "Opportunity.Partner__c"),
        ('closed = "Completed"', 'closed = "Done"'),
        ('name = "Name"', 'name = "Name"\nindustry = "Nope__c"'),
    )
    assert [finding.key for finding in found.of(Level.ERROR)] == [
        "partners[0].columns.industry",
        "partner_links[0].columns.partner_id",
        "write.task.closed",
    ]


def test_a_lack_says_what_is_missing() -> None:
    (source,) = parse(SMALL, "x.toml").of("partner_links")
    assert lacks(source, without(org(), "Opportunity.Partner__c")) == (
        Lack(Missing.FIELD, "Opportunity", "Partner__c", "partner_id", fatal=True),
    )
    assert lacks(source, org()) == ()


PUSHED = 'where = [{ field = "Type", is = "Partner", push = true }]'
LOCAL = 'where = [{ field = "Type", is = "Partner" }]'
EVERYBODY = '[[opportunities]]\n', '[[accounts]]\nname = "all"\nobject = "Account"\ncolumns = { id = "Id", name = "Name" }\n\n[[opportunities]]\n'  # fmt: skip # noqa: E501


def keys(*changes: tuple[str, str]) -> list[str]:
    mapping = SMALL
    for old, new in changes:
        mapping = mapping.replace(old, new, 1)
    return [read.key for read in reads(parse(mapping, "x.toml"), org())]


def test_a_pushed_condition_is_asked_of_the_crm() -> None:
    (read, _) = reads(parse(SMALL.replace(LOCAL, PUSHED), "x.toml"), org())
    assert read.where == (Filter("Type", Op.EQ, "Partner"),)
    assert keys((LOCAL, PUSHED)) == ["Account?Type eq 'Partner'", "Opportunity"]


def test_a_source_without_conditions_makes_the_one_read_wide() -> None:
    assert keys((LOCAL, PUSHED), EVERYBODY) == ["Account", "Opportunity"]


def test_two_sources_that_push_different_conditions_make_two_reads() -> None:
    other = EVERYBODY[1].replace("columns", 'where = [{ field = "Type", is = "Customer", push = true }]\ncolumns')
    assert keys((LOCAL, PUSHED), (EVERYBODY[0], other)) == [
        "Account?Type eq 'Customer'",
        "Account?Type eq 'Partner'",
        "Opportunity",
    ]


def test_a_calculated_field_drifts() -> None:
    schemas = having(org(), "Opportunity", replace(text("StageName"), calculated=True))
    read = reads(parse(SMALL, "x.toml"), schemas)[1]
    assert read.drifting == ("StageName",)


def test_a_reads_fingerprint_changes_with_the_mapping_and_not_with_its_layout() -> None:
    def fingerprint(mapping: str) -> str:
        return reads(parse(mapping, "x.toml"), org())[0].fingerprint

    assert fingerprint(SMALL) == fingerprint("# a comment\n\n" + SMALL)
    assert fingerprint(SMALL) != fingerprint(SMALL.replace('name = "Name"', 'name = "BillingCity"'))
    assert fingerprint(SMALL) != fingerprint(SMALL.replace('is = "Partner"', 'is = "Customer"'))
