"""What an install would deploy: fields and permission sets, the same bytes every time, and never a layout."""

from __future__ import annotations

import io
import zipfile

import pytest
from defusedxml.ElementTree import fromstring

from connector.core.records import Kind
from connector.crm.base import FieldSpec
from connector.crm.salesforce.package import NAMESPACE, api_name, metadata_type, package, permission_sets
from connector.errors import Misconfigured

SCORE = FieldSpec("Account", "Score", "Score", Kind.NUMBER, "0 to 100 & more", precision=5, scale=2)
SPECS = (
    SCORE,
    FieldSpec("Account", "Why", "Why", Kind.TEXT, "Reasons", long=True, length=2_000),
    FieldSpec("Account", "Key", "Key", Kind.TEXT, "Key", length=40, unique_key=True),
    FieldSpec("Account", "Lever", "Lever", Kind.TEXT, "Lever", options=("a & b", "c"), multiple=True),
    FieldSpec("Account", "Owner_Role", "Role", Kind.TEXT, "Role", options=("x",)),
    FieldSpec("Account", "Spend", "Spend", Kind.MONEY, "Spend"),
    FieldSpec("Account", "Flag", "Flag", Kind.BOOL, "Flag", human=True),
    FieldSpec("Account", "Day", "Day", Kind.DATE, "Day"),
    FieldSpec("Account", "At", "At", Kind.INSTANT, "At"),
    FieldSpec("Account", "Count", "Count", Kind.INTEGER, "Count"),
    FieldSpec("Opportunity", "Partner", "Partner", Kind.ID, "Partner", references="Account"),
    FieldSpec("Task", "Task_Key", "Task key", Kind.TEXT, "Key", length=64, unique_key=True),
)


def files() -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(package(SPECS, "67.0", granted=SPECS))) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def fields(text: str) -> dict[str, dict[str, str]]:
    root, prefix = fromstring(text), f"{{{NAMESPACE}}}"
    return {
        each.findtext(f"{prefix}fullName"): {part.tag.removeprefix(prefix): part.text or "" for part in each}
        for each in root.findall(f"{prefix}fields")
    }


def test_the_package_holds_fields_and_permission_sets_and_nothing_else() -> None:
    assert sorted(files()) == [
        "objects/Account.object",
        "objects/Activity.object",
        "objects/Opportunity.object",
        "package.xml",
        "permissionsets/PMOM_Editor.permissionset",
        "permissionsets/PMOM_Integration.permissionset",
        "permissionsets/PMOM_Viewer.permissionset",
    ]
    assert package(SPECS, "67.0", granted=SPECS) == package(SPECS[::-1], "67.0", granted=SPECS[::-1])


def test_every_field_has_label_description_and_help() -> None:
    made = fields(files()["objects/Account.object"])
    assert made["PMOM_Score__c"] == {
        "fullName": "PMOM_Score__c",
        "label": "Score",
        "description": "0 to 100 & more",
        "inlineHelpText": "0 to 100 & more",
        "type": "Number",
        "precision": "5",
        "scale": "2",
        "required": "false",
    }
    key = made["PMOM_Key__c"]
    assert (key["type"], key["length"], key["externalId"], key["unique"]) == ("Text", "40", "true", "true")
    assert {api_name(spec): metadata_type(spec) for spec in SPECS} == {
        "PMOM_Score__c": "Number",
        "PMOM_Why__c": "LongTextArea",
        "PMOM_Key__c": "Text",
        "PMOM_Lever__c": "MultiselectPicklist",
        "PMOM_Owner_Role__c": "Picklist",
        "PMOM_Spend__c": "Currency",
        "PMOM_Flag__c": "Checkbox",
        "PMOM_Day__c": "Date",
        "PMOM_At__c": "DateTime",
        "PMOM_Count__c": "Number",
        "PMOM_Partner__c": "Lookup",
        "PMOM_Task_Key__c": "Text",
    }


def test_the_integration_edits_what_it_computes_and_people_edit_what_they_own() -> None:
    def editable(name: str) -> list[str]:
        root, prefix = fromstring(permission_sets(SPECS)[name]), f"{{{NAMESPACE}}}"
        rows = root.findall(f"{prefix}fieldPermissions")
        assert all(row.findtext(f"{prefix}readable") == "true" for row in rows)
        assert len(rows) == len(SPECS)
        return [row.findtext(f"{prefix}field") for row in rows if row.findtext(f"{prefix}editable") == "true"]

    assert "Account.PMOM_Flag__c" not in editable("PMOM_Integration")
    assert len(editable("PMOM_Integration")) == len(SPECS) - 1
    assert editable("PMOM_Viewer") == []
    assert editable("PMOM_Editor") == ["Account.PMOM_Flag__c"]
    assert "PMOM_Editor" not in permission_sets((SCORE,))


def test_a_key_that_the_org_cannot_have_is_refused() -> None:
    spec = FieldSpec("Account", "K", "K", Kind.DATE, "h", unique_key=True)
    with pytest.raises(Misconfigured, match="cannot be a key"):
        package((spec,), "67.0", granted=(spec,))
