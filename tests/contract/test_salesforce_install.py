"""Installing into a fresh org: what is announced, what is made, and what stops it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from connector.core.records import Kind
from connector.crm.base import Action, FieldSpec, Filter, Op, ReadRequest, StepStatus, Write, WriteStatus
from connector.crm.salesforce.adapter import SalesforceCRM

SPECS = (
    FieldSpec("Account", "Score", "Score", Kind.NUMBER, "0 to 100.", precision=5, scale=2),
    FieldSpec("Account", "Why", "Why", Kind.TEXT, "Reasons.", long=True, length=2_000),
    FieldSpec("Account", "Lever", "Lever", Kind.TEXT, "Levers.", options=("a", "b"), multiple=True),
    FieldSpec("Account", "Checked", "Checked", Kind.BOOL, "By a person.", human=True),
    FieldSpec("Opportunity", "Credit", "Credit", Kind.MONEY, "Money."),
    FieldSpec("Opportunity", "Sourced_By", "Sourced by", Kind.ID, "Partner.", references="Account"),
    FieldSpec("Task", "Task_Key", "Task key", Kind.TEXT, "Key.", length=64, unique_key=True),
    FieldSpec("PartnerFundRequest", "Lane", "Lane", Kind.TEXT, "Lane.", length=40),
)
PERSON = {
    "LastName": "Reader",
    "Username": "reader@pmom.example",
    "Email": "reader@pmom.example",
    "Alias": "reader",
}
PERMISSION = "permission set PMOM_Integration"


@pytest.fixture
def fresh(start_emulator: Callable[..., Any]) -> Any:
    return start_emulator("--without", "prm")


def connect(emulator: Any) -> SalesforceCRM:
    return SalesforceCRM(emulator.connection())


def by_name(steps: Any) -> dict[str, StepStatus]:
    return {step.name: step.status for step in steps}


@pytest.mark.slow
def test_an_install_is_announced_made_usable_and_then_found(fresh: Any) -> None:
    crm = connect(fresh)
    would = by_name(crm.install(SPECS, dry_run=True))
    skipped = "PartnerFundRequest.PMOM_Lane__c"
    names = [f"{spec.object}.PMOM_{spec.name}__c" for spec in SPECS]
    names += ["permission set PMOM_Viewer", "permission set PMOM_Editor"]
    assert would == dict.fromkeys([*names, PERMISSION], StepStatus.WOULD_CREATE) | {skipped: StepStatus.SKIPPED}
    assert crm.schema("Account").field("PMOM_Score__c") is None
    did = by_name(crm.install(SPECS, dry_run=False))
    assert did == dict.fromkeys([*names, PERMISSION], StepStatus.CREATED) | {skipped: StepStatus.SKIPPED}
    calls = crm.usage().calls
    again = by_name(crm.install(SPECS, dry_run=False))
    assert set(again.values()) == {StepStatus.PRESENT, StepStatus.SKIPPED}
    assert crm.usage().calls - calls <= 12
    task = Write("t", "Task", Action.UPSERT, (("Subject", "s"),), key_field="PMOM_Task_Key__c", key="k1")
    assert [each.status for each in crm.write([task, replace(task, ref="t2")])] == [WriteStatus.APPLIED] * 2
    lever = crm.schema("Account").field("PMOM_Lever__c")
    assert (lever.options, lever.restricted, lever.multiple) == (("a", "b"), True, True)
    assert not crm.schema("Account").field("PMOM_Checked__c").updateable
    crm.close()


@pytest.mark.slow
def test_another_field_of_that_name_stops_the_install_and_nothing_is_made(fresh: Any) -> None:
    crm = connect(fresh)
    text = FieldSpec("Account", "Score", "Score", Kind.TEXT, "Somebody's own.", length=20)
    crm.install([text], dry_run=False)
    for dry_run in (True, False):
        steps = crm.install(SPECS, dry_run=dry_run)
        clash = next(step for step in steps if step.name == "Account.PMOM_Score__c")
        assert (clash.status, "exists as string; Number is needed" in clash.detail) == (StepStatus.CLASH, True)
    assert crm.schema("Account").field("PMOM_Why__c") is None
    crm.close()


@pytest.mark.slow
def test_a_value_that_a_picklist_lacks_is_added(fresh: Any) -> None:
    crm = connect(fresh)
    spec = SPECS[2]
    crm.install([spec], dry_run=False)
    wider = replace(spec, options=("a", "b", "c"))
    assert by_name(crm.install([wider], dry_run=True))["Account.PMOM_Lever__c"] is StepStatus.WOULD_CHANGE
    assert by_name(crm.install([wider], dry_run=False))["Account.PMOM_Lever__c"] is StepStatus.CHANGED
    crm.close()
    later = connect(fresh)
    assert later.schema("Account").field("PMOM_Lever__c").options == ("a", "b", "c")
    later.close()


@pytest.mark.slow
def test_an_uninstall_takes_away_what_was_made_and_a_second_finds_nothing(fresh: Any) -> None:
    crm = connect(fresh)
    crm.install(SPECS, dry_run=False)
    skipped = dict.fromkeys(["PartnerFundRequest.PMOM_Lane__c"], StepStatus.SKIPPED)
    names = [f"{spec.object}.PMOM_{spec.name}__c" for spec in SPECS]
    names += [PERMISSION, "permission set PMOM_Viewer", "permission set PMOM_Editor"]
    would = by_name(crm.uninstall(SPECS, dry_run=True))
    assert would == dict.fromkeys(names, StepStatus.WOULD_REMOVE) | skipped
    assert by_name(crm.install(SPECS, dry_run=True))["Account.PMOM_Score__c"] is StepStatus.PRESENT
    did = by_name(crm.uninstall(SPECS, dry_run=False))
    assert did == dict.fromkeys(names, StepStatus.REMOVED) | skipped
    assert crm.schema("Account").field("PMOM_Score__c") is None
    assert set(by_name(crm.uninstall(SPECS, dry_run=False)).values()) == {StepStatus.SKIPPED}
    assert by_name(crm.install(SPECS, dry_run=False))["Account.PMOM_Score__c"] is StepStatus.CREATED
    crm.close()


@pytest.mark.slow
def test_an_uninstall_keeps_what_others_made_or_use_and_says_why(fresh: Any) -> None:
    crm = connect(fresh)
    theirs = FieldSpec("Account", "Checked", "Checked", Kind.BOOL, "Somebody's own.")
    crm.install([theirs if spec.name == "Checked" else spec for spec in SPECS], dry_run=False)
    sets = crm.read(ReadRequest("PermissionSet", ("Id",), (Filter("Name", Op.EQ, "PMOM_Viewer"),)))
    viewer = next(sets).rows.column("Id")[0].as_py()
    person = fresh.control("insert", {"object": "User", "values": PERSON})["id"]
    values = {"AssigneeId": person, "PermissionSetId": viewer}
    fresh.control("insert", {"object": "PermissionSetAssignment", "values": values})
    steps = crm.uninstall(SPECS, dry_run=False)
    kept = {step.name: step.detail for step in steps if step.status is StepStatus.KEPT}
    assert kept == {
        "Account.PMOM_Checked__c": "somebody else made it, or described it anew",
        PERMISSION: "fields stay; without it they could not be seen",
        "permission set PMOM_Viewer": "assigned to another user; take it from that one first",
    }
    assert by_name(steps)["Account.PMOM_Score__c"] is StepStatus.REMOVED
    assert crm.schema("Account").field("PMOM_Checked__c") is not None
    crm.close()
