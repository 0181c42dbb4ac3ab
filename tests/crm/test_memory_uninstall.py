"""Uninstalling from the CRM in memory: the reference of what uninstall means."""

from __future__ import annotations

import pytest

from connector.core.records import Kind
from connector.crm.base import Field, FieldSpec, InstallStep, LabelSpec, ObjectSchema, StepStatus
from connector.crm.memory import MemoryCRM

SCORE = FieldSpec("Account", "Score", "Score", Kind.NUMBER, "0 to 100.")
NOTE = FieldSpec("Account", "Note", "Note", Kind.TEXT, "A note.")
LANE = FieldSpec("Fund", "Lane", "Lane", Kind.TEXT, "Lane.")
LABEL = LabelSpec("Deal", "Account", "Sourcing partner")
UNNAMED = InstallStep("label 'Sourcing partner'", StepStatus.SKIPPED, "links have no names here")


@pytest.fixture
def crm() -> MemoryCRM:
    theirs = Field("PMOM_Note__c", "Somebody's own", Kind.TEXT, createable=True, updateable=True)
    return MemoryCRM({"Account": ObjectSchema("Account", "Account", (Field("Id", "Id", Kind.ID), theirs))})


def test_an_uninstall_takes_away_what_was_made_and_nothing_else(crm: MemoryCRM) -> None:
    before = crm.schema("Account")
    crm.install([SCORE, NOTE], [LABEL], dry_run=False)
    one = crm.add("Account", {"PMOM_Note__c": "n", "PMOM_Score__c": 5})
    specs = [SCORE, NOTE, LANE]
    kept = InstallStep("Account.PMOM_Note__c", StepStatus.KEPT, "somebody else made it")
    absent = InstallStep("Fund.PMOM_Lane__c", StepStatus.SKIPPED, "is not there")
    score = "Account.PMOM_Score__c"
    would = crm.uninstall(specs, [LABEL], dry_run=True)
    assert would == (InstallStep(score, StepStatus.WOULD_REMOVE), kept, absent, UNNAMED)
    assert crm.schema("Account") != before
    did = crm.uninstall(specs, [LABEL], dry_run=False)
    assert did == (InstallStep(score, StepStatus.REMOVED), kept, absent, UNNAMED)
    assert crm.schema("Account") == before
    assert crm.records["Account"][one].values == {"Id": one, "PMOM_Note__c": "n"}
    again = crm.uninstall(specs, dry_run=False)
    assert again == (InstallStep(score, StepStatus.SKIPPED, "is not there"), kept, absent)
