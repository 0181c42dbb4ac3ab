"""Which packages does a deployment refuse, and does it say why and where?"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from emulators.salesforce.metadata.xml import NAMESPACE
from emulators.salesforce.org import Org


def beside(name: str) -> Any:
    """A module of this folder that is no test: tests are imported by path, so it is too."""
    made = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert made is not None
    assert made.loader is not None
    module = importlib.util.module_from_spec(made)
    sys.modules[name] = module  # dataclasses look there for what their annotations mean
    made.loader.exec_module(module)
    return module


PACKAGES = beside("metadata_packages")
SCORE = PACKAGES.SCORE
GRANT = PACKAGES.GRANT
xml = PACKAGES.xml
manifest = PACKAGES.manifest
permission_set = PACKAGES.permission_set
zipped = PACKAGES.zipped
start = PACKAGES.start
finish = PACKAGES.finish
deploy = PACKAGES.deploy
fields_file = PACKAGES.fields_file
failures = PACKAGES.failures
whole = PACKAGES.whole
assign = PACKAGES.assign
sees = PACKAGES.sees
text_field = PACKAGES.text_field


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        (text_field(kind="Txt"), "'Txt' is not a valid value for the enum 'FieldType'"),
        (text_field(), "Must specify 'length' for a CustomField of type Text"),
        (text_field("<length>256</length>"), "Invalid length 256: must be between 1 and 255"),
        (text_field("<length>0</length>"), "Invalid length 0: must be between 1 and 255"),
        (text_field("<length>9</length>", name="A"), "Invalid fullName, must end in a custom suffix (e.g. __c)"),
        (text_field("<length>9</length>", name="A__b__c"),
         "Invalid fullName, must end in a custom suffix (e.g. __c)"),
        (text_field("<length>9</length>", label="L" * 41), "Value too long for field: label maximum length is:40"),
        (text_field("<scale>0</scale>", kind="Number"), "Must specify 'precision' for a CustomField of type Number"),
        (text_field("<precision>19</precision><scale>0</scale>", kind="Number"),
         "Invalid precision 19: must be between 1 and 18"),
        (text_field("<precision>2</precision><scale>3</scale>", kind="Number"),
         "Scale 3 must not be greater than precision 2"),
        (text_field(kind="Checkbox"), "Must specify 'defaultValue' for a CustomField of type Checkbox"),
        (text_field(kind="Picklist"), "Must specify 'valueSet' for a CustomField of type Picklist"),
        (text_field("<length>255</length><visibleLines>3</visibleLines>", kind="LongTextArea"),
         "Invalid length 255: must be between 256 and 131072"),
        (text_field(kind="Lookup"), "Must specify 'referenceTo' for a CustomField of type Lookup"),
        (text_field("<referenceTo>User</referenceTo>", kind="Lookup"),
         "Must specify 'relationshipName' for a CustomField of type Lookup"),
        (text_field("<referenceTo>Nope</referenceTo>", kind="Lookup"),
         "referenceTo value of 'Nope' does not resolve to a valid sObject type"),
        (text_field("<referenceTo>Account</referenceTo><relationshipName>Opportunities</relationshipName>",
                    kind="Lookup"), None),
        (text_field("<externalId>true</externalId>", kind="Date"),
         "Can not specify 'externalId' or 'unique' for a CustomField of type Date"),
        (text_field("<colour>red</colour>"),
         f"Error parsing file: Element {{{NAMESPACE}}}colour invalid at this location in type CustomField"),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_is_refused_with_its_reason(call: Any, field: str, problem: str | None) -> None:
    found = failures(deploy(call, fields_file(field)))
    assert [text for _, text in found] == ([] if problem is None else [problem])


def test_lengths_and_precisions_at_their_limits_are_taken(org: Org, call: Any) -> None:
    fields = (
        text_field("<length>255</length>", name="A__c", label="L" * 40),
        text_field("<length>1</length>", name="B__c"),
        text_field("<length>131072</length><visibleLines>3</visibleLines>", name="C__c", kind="LongTextArea"),
        text_field("<precision>18</precision><scale>17</scale>", name="D__c", kind="Number"),
    )
    assert deploy(call, fields_file(*fields))["status"] == "Succeeded"


def test_a_failure_names_line_and_column(call: Any) -> None:
    result = deploy(call, fields_file(SCORE, text_field("<length>300</length>")))
    (failure,) = result["details"]["componentFailures"]
    line = "<fields><fullName>A__c</fullName><label>A</label><type>Text</type><length>300</length></fields>"
    assert (failure["lineNumber"], failure["columnNumber"]) == (4, line.index("<length>") + 1)
    assert (failure["fileName"], failure["problemType"]) == ("objects/Account.object", "Error")


def test_a_name_given_twice_is_refused(call: Any) -> None:
    result = deploy(call, fields_file(SCORE, SCORE))
    assert failures(result) == [("Account.Score__c", "Duplicate name specified: Account.Score__c")]


def test_the_type_of_a_field_cannot_change(org: Org, call: Any) -> None:
    deploy(call, fields_file(SCORE))
    changed = text_field("<length>9</length>", name="Score__c")
    assert failures(deploy(call, fields_file(changed))) == [
        ("Account.Score__c", "Cannot change the type of Account.Score__c from double to string")
    ]


def test_the_limit_of_external_ids_counts_those_of_the_package(org: Org, call: Any) -> None:
    def fields(count: int) -> list[str]:
        inner = "<length>9</length><externalId>true</externalId>"
        return [text_field(inner, name=f"E{number}__c") for number in range(count)]

    assert deploy(call, fields_file(*fields(25)), checkOnly=True)["status"] == "Succeeded"
    found = failures(deploy(call, fields_file(*fields(26)), checkOnly=True))
    assert found == [("Account.E25__c", "External ID limit exceeded: 25 on Account")]


@pytest.mark.parametrize(
    ("inner", "problem"),
    [
        (GRANT.format("true").replace("Score__c", "Nope__c"),
         "In field: field - no CustomField named Account.Nope__c found"),
        (GRANT.format("true").replace("<readable>true", "<readable>false"),
         "Field Account.Score__c: editable needs readable"),
        (GRANT.format("true") + GRANT.format("false"), "Duplicate fieldPermissions for Account.Score__c"),
        ("<objectPermissions><object>Nope__c</object><allowRead>true</allowRead></objectPermissions>",
         "In field: object - no CustomObject named Nope__c found"),
        ("<objectPermissions><object>Account</object><allowEdit>true</allowEdit></objectPermissions>",
         "Permission Edit<Account> depends on permission(s): Read<Account>"),
    ],
)  # fmt: skip
def test_a_permission_set_that_cannot_be_is_refused_with_its_reason(call: Any, inner: str, problem: str) -> None:
    files = whole() | {"permissionsets/Writers.permissionset": permission_set(inner)}
    assert failures(deploy(call, files)) == [("Writers", problem)]


def test_a_required_field_takes_no_field_permissions(call: Any) -> None:
    required = SCORE.replace("<precision>", "<required>true</required><precision>")
    files = whole() | {"objects/Account.object": xml("CustomObject", required)}
    assert failures(deploy(call, files)) == [("Writers", "You cannot deploy to a required field: Account.Score__c")]


def test_a_package_without_its_manifest_is_refused(call: Any) -> None:
    result = deploy(call, {"objects/Account.object": xml("CustomObject", SCORE)})
    assert (result["status"], failures(result)) == ("Failed", [("package.xml", "No package.xml found")])


def test_a_file_that_is_no_zip_is_refused(call: Any) -> None:
    result = finish(call, start(call, b"not a zip")["id"])
    assert (result["status"], result["errorMessage"]) == ("Failed", "Bad zip file: it cannot be opened")


def _swapped(body: bytes, mark: bytes, place: int, value: bytes) -> bytes:
    """A zip of which some bytes behind its last such mark are others."""
    start = body.rfind(mark) + place
    return body[:start] + value + body[start + len(value) :]


@pytest.mark.parametrize(
    ("mark", "place", "value"),
    [
        (b"PK\x01\x02", 8, b"\x01"),  # said to be encrypted
        (b"PK\x01\x02", 10, b"\x63"),  # in a compression that nobody knows
        (b"PK\x01\x02", 24, b"\x05\x00\x00\x00"),  # said to be five bytes long
        (b"PK\x01\x02", 42, b"\xff\xff\xff\x7f"),  # said to begin behind the end
        (b"<Custom", 0, b"<custom"),  # not what its checksum says
    ],
)
def test_a_zip_that_tells_lies_is_refused(call: Any, mark: bytes, place: int, value: bytes) -> None:
    body = zipped(whole() | {"objects/Account.object": xml("CustomObject", SCORE)})
    result = finish(call, start(call, _swapped(body, mark, place, value))["id"])
    assert (result["status"], result["errorMessage"]) == ("Failed", "Bad zip file: it cannot be opened")


def test_manifest_and_files_must_agree(call: Any) -> None:
    files = whole() | {"package.xml": manifest(CustomField=["Account.Other__c"], PermissionSet=["Writers"])}
    missing = (
        "An object 'Account.Other__c' of type CustomField was named in package.xml, "
        "but was not found in zipped directory"
    )
    assert ("Account.Score__c", "Not in package.xml") in failures(deploy(call, files))
    assert ("Account.Other__c", missing) in failures(deploy(call, files))


def test_an_unknown_type_in_the_manifest_is_refused(call: Any) -> None:
    files = whole() | {"package.xml": manifest(CustomField=["Account.Score__c"], PermissionSet=["*"], Nope=["x"])}
    assert failures(deploy(call, files)) == [("Nope", "Unknown type name 'Nope' specified in package.xml")]


def test_broken_xml_is_blamed_at_its_place(call: Any) -> None:
    files = whole() | {"objects/Account.object": xml("CustomObject", "<fields>", "<oops")}
    result = deploy(call, files)
    failure = next(item for item in result["details"]["componentFailures"] if item["fullName"] == "Account")
    assert failure["problem"].startswith("Error parsing file: ")
    assert failure["lineNumber"] == 5


def test_entities_are_not_read(call: Any) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]><CustomObject>&a;</CustomObject>'
    found = failures(deploy(call, whole() | {"objects/Account.object": bomb}))
    assert ("Account", "Error parsing file: DOCTYPE is disallowed") in found


def test_a_field_of_activity_is_one_of_task_and_event(org: Org, call: Any) -> None:
    grant = GRANT.format("true").replace("Account.Score__c", "Task.Key__c")
    files = {
        "package.xml": manifest(CustomField=["Activity.Key__c"], PermissionSet=["Writers"]),
        "objects/Activity.object": xml("CustomObject", text_field("<length>80</length>", name="Key__c")),
        "permissionsets/Writers.permissionset": permission_set(grant),
    }
    assert deploy(call, files)["status"] == "Succeeded"
    assign(org)
    assert sees(org, "Key__c", "Task")
    org.insert("Task", {"Subject": "x", "Key__c": "k"}, org.actor())


def test_source_form_is_read_as_well(org: Org, call: Any) -> None:
    field = SCORE.removeprefix("<fields>").removesuffix("</fields>")
    files = {
        "package.xml": manifest(CustomField=["Account.Score__c"], PermissionSet=["Writers"]),
        "objects/Account/fields/Score__c.field-meta.xml": xml("CustomField", field),
        "permissionsets/Writers.permissionset-meta.xml": permission_set(GRANT.format("false")),
    }
    assert deploy(call, files)["status"] == "Succeeded"
    assign(org)
    assert sees(org, "Score__c")
