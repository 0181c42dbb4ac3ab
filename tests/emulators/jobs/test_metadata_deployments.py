"""Deployments: what is made, what is refused and where, nothing kept on failure, nothing seen without permission."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from emulators.loopback.clock import Clock
from emulators.salesforce.catalog import load
from emulators.salesforce.metadata import deploy as metadata_deploy
from emulators.salesforce.metadata.xml import NAMESPACE
from emulators.salesforce.org import Org

SCORE = (
    "<fields><fullName>Score__c</fullName><label>Score</label><type>Number</type><precision>5</precision>"
    "<scale>1</scale><description>How good</description></fields>"
)
GRANT = (
    "<fieldPermissions><field>Account.Score__c</field><readable>true</readable>"
    "<editable>{}</editable></fieldPermissions>"
)


def xml(root: str, *inner: str) -> str:
    body = "\n".join(inner)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{NAMESPACE}">\n{body}\n</{root}>\n'


def manifest(**members: list[str]) -> str:
    types = "".join(
        f"<types>{''.join(f'<members>{m}</members>' for m in names)}<name>{kind}</name></types>"
        for kind, names in members.items()
    )
    return xml("Package", types, "<version>67.0</version>")


def permission_set(*inner: str) -> str:
    return xml("PermissionSet", "<label>Writers</label>", *inner)


def zipped(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


def start(call: Any, files: dict[str, str] | bytes, **options: Any) -> Any:
    body = files if isinstance(files, bytes) else zipped(files)
    head = json.dumps({"deployOptions": options}).encode()
    payload = (
        b'--xyz\r\nContent-Disposition: form-data; name="json"\r\nContent-Type: application/json\r\n\r\n' + head
        + b'\r\n--xyz\r\nContent-Disposition: form-data; name="file"; filename="deploy.zip"\r\n'
        + b"Content-Type: application/zip\r\n\r\n" + body + b"\r\n--xyz--\r\n"
    )  # fmt: skip
    kind = {"Content-Type": "multipart/form-data; boundary=xyz"}
    answer = call("POST", "metadata/deployRequest", payload, kind)
    assert answer.status == 201, answer.body
    return json.loads(answer.body)


def finish(call: Any, id_: str) -> Any:
    for _ in range(10):
        seen = call.json("GET", f"metadata/deployRequest/{id_}?includeDetails=true")["deployResult"]
        if seen["done"]:
            return seen
    raise AssertionError(seen)


def deploy(call: Any, files: dict[str, str], **options: Any) -> Any:
    return finish(call, start(call, files, **options)["id"])


def fields_file(*fields: str) -> dict[str, str]:
    return {
        "package.xml": manifest(CustomObject=["Account"]),
        "objects/Account.object": xml("CustomObject", *fields),
    }


def failures(result: Any) -> list[tuple[str, str]]:
    return [(item["fullName"], item["problem"]) for item in result["details"]["componentFailures"]]


def whole() -> dict[str, str]:
    return {
        "package.xml": manifest(CustomField=["Account.Score__c"], PermissionSet=["Writers"]),
        "objects/Account.object": xml("CustomObject", SCORE),
        "permissionsets/Writers.permissionset": permission_set(GRANT.format("true")),
    }


def assign(org: Org, name: str = "Writers") -> None:
    found = org.connection().execute("SELECT f_id FROM o_permissionset WHERE f_name = ?", (name,)).fetchone()
    values = {"PermissionSetId": found[0], "AssigneeId": org.user_id}
    org.insert("PermissionSetAssignment", values, org.system())
    org.access.forget()


def sees(org: Org, name: str, object_name: str = "Account") -> bool:
    obj = org.schema.objects[object_name.lower()]
    return org.visible(org.user_id)(obj, obj.fields[name.lower()])


def test_a_deployment_goes_from_pending_through_in_progress_to_succeeded(org: Org, call: Any) -> None:
    begun = start(call, whole())
    assert (begun["deployResult"]["status"], begun["deployResult"]["done"]) == ("Pending", False)
    assert begun["deployOptions"]["rollbackOnError"] is True
    states = [call.json("GET", f"metadata/deployRequest/{begun['id']}")["deployResult"] for _ in range(3)]
    assert [state["status"] for state in states] == ["InProgress", "Succeeded", "Succeeded"]
    assert "details" not in states[-1]
    numbers = ("numberComponentsTotal", "numberComponentsDeployed", "numberComponentErrors", "success")
    assert [states[-1][name] for name in numbers] == [2, 2, 0, True]


def test_a_deployed_field_is_invisible_until_its_permission_set_is_assigned(org: Org, call: Any) -> None:
    deploy(call, whole())
    field = org.schema.objects["account"].fields["score__c"]
    assert (field.type, field.precision, field.scale, field.label) == ("double", 5, 1, "Score")
    assert not sees(org, "Score__c")
    assign(org)
    assert sees(org, "Score__c")
    id_ = org.insert("Account", {"Name": "x", "Score__c": 4.5}, org.actor())
    assert (org.get("Account", id_) or {})["Score__c"] == 4.5


def test_the_same_package_again_makes_and_changes_nothing(org: Org, call: Any) -> None:
    first, again = deploy(call, whole()), deploy(call, whole())

    def flags(result: Any) -> dict[str, tuple[bool, bool]]:
        found = result["details"]["componentSuccesses"]
        return {item["fullName"]: (item["created"], item["changed"]) for item in found}

    made, nothing = (True, True), (False, False)
    assert flags(first) == {"Account.Score__c": made, "Writers": made, "package.xml": nothing}
    assert flags(again) == {"Account.Score__c": nothing, "Writers": nothing, "package.xml": nothing}
    relabelled = whole() | {"objects/Account.object": xml("CustomObject", SCORE.replace("How good", "How well"))}
    assert flags(deploy(call, relabelled))["Account.Score__c"] == (False, True)


def test_values_survive_a_deployment_again_and_an_assignment_too(org: Org, call: Any) -> None:
    deploy(call, whole())
    assign(org)
    id_ = org.insert("Account", {"Name": "x", "Score__c": 4.5}, org.actor())
    longer = SCORE.replace("<label>Score</label>", "<label>Score now</label>")
    deploy(call, whole() | {"objects/Account.object": xml("CustomObject", longer)})
    assert (org.get("Account", id_) or {})["Score__c"] == 4.5
    assert sees(org, "Score__c")


def test_what_a_permission_set_no_longer_grants_is_taken_away(org: Org, call: Any) -> None:
    deploy(call, whole())
    assign(org)
    deploy(call, whole() | {"permissionsets/Writers.permissionset": permission_set()})
    assert not sees(org, "Score__c")


def test_check_only_changes_nothing(org: Org, call: Any) -> None:
    result = deploy(call, whole(), checkOnly=True)
    assert (result["status"], result["checkOnly"]) == ("Succeeded", True)
    assert org.schema.objects["account"].field("Score__c") is None


def test_a_validation_that_succeeded_can_be_deployed_without_sending_it_again(org: Org, call: Any) -> None:
    validation = start(call, whole(), checkOnly=True)["id"]
    assert call.refused("POST", "metadata/deployRequest", {"validatedDeployRequestId": validation})[0] == 400
    finish(call, validation)
    quick = call.json("POST", "metadata/deployRequest", {"validatedDeployRequestId": validation})
    assert finish(call, quick["id"])["status"] == "Succeeded"
    assert org.schema.objects["account"].field("Score__c") is not None


def test_one_bad_component_keeps_all_out(org: Org, call: Any) -> None:
    bad = SCORE.replace("Score__c", "Bad__c").replace("<label>Score</label>", "")
    result = deploy(call, fields_file(SCORE, bad))
    assert (result["status"], result["success"], result["numberComponentErrors"]) == ("Failed", False, 1)
    assert failures(result) == [("Account.Bad__c", "Must specify a non-empty label for the CustomField")]
    assert org.schema.objects["account"].field("Score__c") is None


def test_without_rollback_the_good_components_stay(org: Org, call: Any) -> None:
    bad = SCORE.replace("Score__c", "Bad__c").replace("<label>Score</label>", "")
    result = deploy(call, fields_file(SCORE, bad), rollbackOnError=False)
    assert (result["status"], result["success"]) == ("SucceededPartial", True)
    assert org.schema.objects["account"].field("Score__c") is not None
    assert org.schema.objects["account"].field("Bad__c") is None


def text_field(*inner: str, name: str = "A__c", kind: str = "Text", label: str = "A") -> str:
    return f"<fields><fullName>{name}</fullName><label>{label}</label><type>{kind}</type>{''.join(inner)}</fields>"


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


OWN = (
    "<label>Run</label><pluralLabel>Runs</pluralLabel><deploymentStatus>Deployed</deploymentStatus>"
    "<sharingModel>ReadWrite</sharingModel><nameField><label>Run</label><type>Text</type></nameField>"
)


def own_object(inner: str = OWN) -> dict[str, str]:
    lookup = "<referenceTo>Account</referenceTo><relationshipName>Runs</relationshipName>"
    return {
        "package.xml": manifest(CustomObject=["Run__c"]),
        "objects/Run__c.object": xml("CustomObject", inner, text_field(lookup, name="Partner__c", kind="Lookup")),
    }


def test_an_own_object_comes_with_its_fields_and_its_way_back(org: Org, call: Any, tmp_path: Path) -> None:
    assert deploy(call, own_object())["status"] == "Succeeded"
    id_ = org.insert("Run__c", {"Name": "first"}, org.system())
    assert id_[0] == "a"
    assert "runs__r" in org.schema.children("Account")
    again = deploy(call, own_object())
    assert not any(item["changed"] for item in again["details"]["componentSuccesses"])
    reopened = Org.open(tmp_path / "org.db", load(), Clock(org.clock.now(), frozen=True))
    assert (reopened.get("Run__c", id_) or {})["Name"] == "first"


def test_an_own_object_without_a_name_field_is_refused(call: Any) -> None:
    inner = OWN[: OWN.index("<nameField>")]
    problem = "Must specify a nameField of type Text or AutoNumber for the CustomObject"
    assert ("Run__c", problem) in failures(deploy(call, own_object(inner)))


def test_removals_uninstall_and_missing_ones_only_warn(org: Org, call: Any) -> None:
    deploy(call, whole())
    deploy(call, own_object())
    gone = xml(
        "Package",
        "<types><members>Account.Score__c</members><members>Account.Never__c</members><name>CustomField</name></types>",
        "<types><members>Writers</members><name>PermissionSet</name></types>",
        "<types><members>Run__c</members><name>CustomObject</name></types>",
    )
    result = deploy(call, {"package.xml": manifest(), "destructiveChanges.xml": gone})
    assert result["status"] == "Succeeded"
    warned = [item["fullName"] for item in result["details"]["componentSuccesses"] if item["warning"]]
    assert warned == ["Account.Never__c"]
    assert org.schema.objects["account"].field("Score__c") is None
    assert org.schema.object("Run__c") is None
    assert (
        org.connection().execute("SELECT count(*) FROM o_permissionset WHERE f_name = 'Writers'").fetchone()[0] == 0
    )


def test_an_assigned_permission_set_cannot_be_removed(org: Org, call: Any) -> None:
    deploy(call, whole())
    assign(org)
    gone = xml("Package", "<types><members>Writers</members><name>PermissionSet</name></types>")
    result = deploy(call, {"package.xml": manifest(), "destructiveChanges.xml": gone})
    assert result["status"] == "Failed"
    assert "Permission Set Assignment" in failures(result)[0][1]


def test_a_cancelled_deployment_does_nothing_and_an_ended_one_cannot_be_cancelled(org: Org, call: Any) -> None:
    metadata_deploy.configure(org, polls=5)
    id_ = start(call, whole())["id"]
    answer = call("PATCH", f"metadata/deployRequest/{id_}", {"deployResult": {"status": "Canceling"}})
    assert (answer.status, json.loads(answer.body)["deployResult"]["status"]) == (202, "Canceling")
    assert finish(call, id_)["status"] == "Canceled"
    assert org.schema.objects["account"].field("Score__c") is None
    body = {"deployResult": {"status": "Canceling"}}
    assert call.refused("PATCH", f"metadata/deployRequest/{id_}", body)[0] == 400


def test_a_deployment_survives_a_restart(org: Org, call: Any, tmp_path: Path) -> None:
    id_ = start(call, whole())["id"]
    call.json("GET", f"metadata/deployRequest/{id_}")
    call.org = Org.open(tmp_path / "org.db", load(), Clock(org.clock.now(), frozen=True))
    assert finish(call, id_)["status"] == "Succeeded"
    assert call.org.schema.objects["account"].field("Score__c") is not None


@pytest.mark.parametrize(
    ("payload", "kind", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"--b\r\n\r\n--b--", "multipart/form-data; boundary=b", 400),
        (b'--b\r\nContent-Disposition: form-data; name="json"\r\n\r\nno\r\n'
         b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--',
         "multipart/form-data; boundary=b", 400),
    ],
)  # fmt: skip
def test_a_request_that_is_no_deployment_is_refused(call: Any, payload: bytes, kind: str, status: int) -> None:
    assert call("POST", "metadata/deployRequest", payload, {"Content-Type": kind}).status == status


def test_an_unknown_option_is_refused(call: Any) -> None:
    with pytest.raises(AssertionError, match="Unrecognized field"):
        start(call, whole(), rollback=True)


# -- SOAP


def soap(call: Any, token: str, inner: str) -> tuple[int, str]:
    envelope = (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        f'xmlns:met="{NAMESPACE}"><soapenv:Header><met:SessionHeader><met:sessionId>{token}</met:sessionId>'
        f"</met:SessionHeader></soapenv:Header><soapenv:Body>{inner}</soapenv:Body></soapenv:Envelope>"
    )
    answer = call("POST", "/services/Soap/m/67.0/deployRequest", envelope.encode(), {"Content-Type": "text/xml"})
    return answer.status, answer.body.decode()


def test_the_soap_form_deploys_as_well(org: Org, call: Any) -> None:
    with org.transaction() as connection:
        stamp = "2026-03-31T12:00:00.000Z"
        connection.execute("INSERT INTO e_session VALUES ('token', ?, ?)", (org.user_id, stamp))
    packed = base64.b64encode(zipped(whole())).decode()
    options = (
        "<met:checkOnly>False</met:checkOnly><met:rollbackOnError>True</met:rollbackOnError>"
        "<met:testLevel>None</met:testLevel>"
    )
    inner = f"<met:ZipFile>{packed}</met:ZipFile><met:DeployOptions>{options}</met:DeployOptions>"
    status, text = soap(call, "token", f"<met:deploy>{inner}</met:deploy>")
    id_ = text.partition("<id>")[2].partition("</id>")[0]
    assert (status, id_[:3]) == (200, "0Af")
    asked = f"<met:asyncProcessId>{id_}</met:asyncProcessId><met:includeDetails>true</met:includeDetails>"
    check = f"<met:checkDeployStatus>{asked}</met:checkDeployStatus>"
    assert "<status>InProgress</status>" in soap(call, "token", check)[1]
    done = soap(call, "token", check)[1]
    assert "<status>Succeeded</status>" in done
    assert done.count("<componentSuccesses>") == 3


def test_soap_without_a_session_and_with_an_unknown_operation_are_faults(org: Org, call: Any) -> None:
    status, text = soap(call, "nobody", "<met:deploy/>")
    assert (status, "INVALID_SESSION_ID" in text) == (500, True)
    with org.transaction() as connection:
        connection.execute("INSERT INTO e_session VALUES ('token', ?, '2026-03-31T12:00:00.000Z')", (org.user_id,))
    assert "INVALID_OPERATION" in soap(call, "token", "<met:fetch/>")[1]
