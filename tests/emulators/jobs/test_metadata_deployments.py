"""Deployments: what is made, what is refused and where, nothing kept on failure, nothing seen without permission."""

from __future__ import annotations

import base64
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from emulators.loopback.clock import Clock
from emulators.salesforce.catalog import load
from emulators.salesforce.metadata import deploy as metadata_deploy
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
