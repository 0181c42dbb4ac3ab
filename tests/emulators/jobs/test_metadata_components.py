"""Metadata over SOAP: what is retrieved deploys again, components one by one, rules that are formulas."""

from __future__ import annotations

import base64
import io
import time
import zipfile
from typing import Any
from xml.etree import ElementTree

import pytest

from emulators.salesforce.catalog import load
from emulators.salesforce.errors import DmlError
from emulators.salesforce.metadata import deploy as metadata_deploy
from emulators.salesforce.metadata import formulas as metadata_formulas
from emulators.salesforce.metadata.formulas import BadFormula
from emulators.salesforce.org import Org

MET = "http://soap.sforce.com/2006/04/metadata"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
HEAD = f'<?xml version="1.0" encoding="UTF-8"?>\n<{{}} xmlns="{MET}">'
FIELDS = """
<fields><fullName>Note__c</fullName><label>Note</label><type>LongTextArea</type><length>1000</length>
<visibleLines>7</visibleLines></fields>
<fields><fullName>Ok__c</fullName><label>Ok</label><type>Checkbox</type><defaultValue>true</defaultValue></fields>
<fields><fullName>Tier__c</fullName><label>Tier &amp; rank</label><type>Picklist</type><valueSet>
<restricted>true</restricted><valueSetDefinition><sorted>false</sorted>
<value><fullName>A</fullName><default>false</default><label>Aye</label></value>
</valueSetDefinition></valueSet></fields>
<fields><fullName>Score__c</fullName><label>Score</label><type>Number</type><precision>5</precision>
<scale>1</scale></fields>
"""
RULE = """<validationRules><fullName>Score_needs_tier</fullName><active>true</active>
<errorConditionFormula>AND(Score__c &gt; 50, NOT(ISPICKVAL(Tier__c, &quot;A&quot;)))</errorConditionFormula>
<errorDisplayField>Tier__c</errorDisplayField><errorMessage>High scores need tier A</errorMessage>
</validationRules>"""
THING = """<deploymentStatus>Deployed</deploymentStatus><label>Thing</label><nameField><label>Thing No</label>
<type>Text</type></nameField><pluralLabel>Things</pluralLabel><sharingModel>ReadWrite</sharingModel>"""
GRANT = """<label>Readers</label><fieldPermissions><editable>true</editable><field>Account.Score__c</field>
<readable>true</readable></fieldPermissions><fieldPermissions><editable>true</editable><field>Account.Tier__c</field>
<readable>true</readable></fieldPermissions><hasActivationRequired>false</hasActivationRequired>"""


class Soap:
    """Calls of the Metadata API with a session."""

    def __init__(self, caller: Any) -> None:
        self.caller, self.org = caller, caller.org
        self.token = caller.http.headers["Authorization"].removeprefix("Bearer ")
        metadata_deploy.configure(self.org, polls=0)

    def __call__(self, name: str, inner: str = "") -> ElementTree.Element:
        answer = self.send(name, inner)
        assert answer.status_code == 200, answer.text
        return next(iter(next(iter(ElementTree.fromstring(answer.content)))))

    def send(self, name: str, inner: str = "", token: str = "") -> Any:
        text = (
            f'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="{XSI}">'
            f'<e:Header xmlns="{MET}">'
            f"<SessionHeader><sessionId>{token or self.token}</sessionId></SessionHeader></e:Header>"
            f'<e:Body xmlns="{MET}"><{name}>{inner}</{name}></e:Body></e:Envelope>'
        )
        headers = {"Content-Type": "text/xml", "SOAPAction": '""'}
        return self.caller.raw("POST", "/services/Soap/m/61.0", data=text.encode(), headers=headers)

    def result(self, name: str, inner: str = "") -> Any:
        """The one result as Python values; None where there is none."""
        found = [plain(child) for child in self(name, inner)]
        return found[0] if len(found) == 1 else found

    def fault(self, name: str, inner: str = "", token: str = "") -> str:
        answer = self.send(name, inner, token)
        assert answer.status_code == 500
        return str(ElementTree.fromstring(answer.content).findtext(".//faultcode"))

    def deploy(self, files: dict[str, str | bytes]) -> Any:
        body = base64.b64encode(zipped(files)).decode()
        options = "<DeployOptions><singlePackage>true</singlePackage></DeployOptions>"
        id_ = self.result("deploy", f"<ZipFile>{body}</ZipFile>{options}")["id"]
        inner = f"<asyncProcessId>{id_}</asyncProcessId><includeDetails>true</includeDetails>"
        return self("checkDeployStatus", inner)[0]

    def retrieve(self, members: str, single: bool = True) -> tuple[Any, dict[str, bytes]]:
        asked = f"<unpackaged>{members}<version>61.0</version></unpackaged>"
        kind = f"<singlePackage>{str(single).lower()}</singlePackage>"
        id_ = self.result(
            "retrieve", f"<retrieveRequest><apiVersion>61.0</apiVersion>{kind}{asked}</retrieveRequest>"
        )["id"]
        assert self.result("checkStatus", f"<asyncProcessId>{id_}</asyncProcessId>")["state"] == "Completed"
        found = self("checkRetrieveStatus", f"<asyncProcessId>{id_}</asyncProcessId>")[0]
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(str(found.findtext(f"{{{MET}}}zipFile"))))) as archive:
            return found, {name: archive.read(name) for name in archive.namelist()}


def plain(node: ElementTree.Element) -> Any:
    if not len(node):
        return node.text
    return {child.tag.partition("}")[2]: plain(child) for child in node}


def zipped(files: dict[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


def members(**kinds: list[str]) -> str:
    return "".join(
        f"<types>{''.join(f'<members>{name}</members>' for name in names)}<name>{kind}</name></types>"
        for kind, names in kinds.items()
    )


EVERYTHING = members(CustomObject=["Account", "Thing__c"], PermissionSet=["Readers"])


def package() -> dict[str, str | bytes]:
    return {
        "package.xml": f"{HEAD.format('Package')}{EVERYTHING}<version>61.0</version></Package>",
        "objects/Account.object": f"{HEAD.format('CustomObject')}{FIELDS}{RULE}</CustomObject>",
        "objects/Thing__c.object": f"{HEAD.format('CustomObject')}{THING}</CustomObject>",
        "permissionsets/Readers.permissionset": f"{HEAD.format('PermissionSet')}{GRANT}</PermissionSet>",
    }


def outcome(result: ElementTree.Element) -> dict[str, tuple[str | None, str | None]]:
    """Full name -> (changed, problem) of every component."""
    found = [*result.iter(f"{{{MET}}}componentSuccesses"), *result.iter(f"{{{MET}}}componentFailures")]
    return {
        str(node.findtext(f"{{{MET}}}fullName")): (
            node.findtext(f"{{{MET}}}changed"),
            node.findtext(f"{{{MET}}}problem"),
        )
        for node in found
    }


@pytest.fixture
def soap(caller: Any) -> Soap:
    return Soap(caller)


@pytest.fixture
def deployed(soap: Soap) -> Soap:
    result = soap.deploy(package())
    assert result.findtext(f"{{{MET}}}status") == "Succeeded", outcome(result)
    return soap


def test_what_is_retrieved_deploys_again_without_a_change(deployed: Soap) -> None:
    _, files = deployed.retrieve(EVERYTHING)
    assert set(files) == {
        "objects/Account.object", "objects/Thing__c.object", "permissionsets/Readers.permissionset", "package.xml",
    }  # fmt: skip
    result = deployed.deploy(dict(files))
    assert result.findtext(f"{{{MET}}}status") == "Succeeded"
    told = outcome(result)
    assert {"Account.Note__c", "Account.Score_needs_tier", "Thing__c", "Readers"} <= set(told)
    assert set(told.values()) == {("false", None)}
    assert deployed.retrieve(EVERYTHING)[1] == files
    text = files["objects/Account.object"].decode()
    assert "        <visibleLines>7</visibleLines>\n" in text
    assert "<label>Tier &amp; rank</label>" in text
    assert text.index("<fullName>Note__c<") < text.index("<label>Note<") < text.index("<length>1000<")


def test_fields_that_came_another_way_are_written_so_that_they_can_be_deployed(soap: Soap, tmp_path: Any) -> None:
    from emulators.salesforce.loading.csvload import load_folder
    from emulators.world import generate

    folder = generate(1, "tiny", soap.org.clock.now().date(), tmp_path / "world")
    load_folder(soap.org, folder)
    names = sorted({name.partition(".")[0] for name in _custom_fields(soap.org)})
    assert names
    _, files = soap.retrieve(members(CustomObject=names))
    told = outcome(soap.deploy(dict(files)))
    assert {problem for _, problem in told.values()} == {None}


def _custom_fields(org: Org) -> list[str]:
    return [f"{obj.name}.{name}" for obj in org.schema.objects.values() for name, f in obj.fields.items() if f.custom]


def test_parts_of_an_object_can_be_retrieved_alone_and_what_is_missing_is_told(deployed: Soap) -> None:
    asked = members(CustomField=["Account.Score__c", "Account.Nope__c"], Layout=["Account-Account Layout"])
    found, files = deployed.retrieve(asked, single=False)
    assert set(files) == {"unpackaged/objects/Account.object", "unpackaged/package.xml"}
    text = files["unpackaged/objects/Account.object"].decode()
    assert ("Score__c" in text, "Tier__c" in text, "Industry" in text) == (True, False, False)
    problems = [node.findtext(f"{{{MET}}}problem") for node in found.iter(f"{{{MET}}}messages")]
    assert problems == [
        "Entity of type 'CustomField' named 'Account.Nope__c' cannot be found",
        "Entity of type 'Layout' named 'Account-Account Layout' cannot be found",
    ]
    listed = files["unpackaged/package.xml"].decode()
    assert "<members>Account.Score__c</members>" in listed
    assert "Nope__c" not in listed


def test_fields_of_activity_are_retrieved_under_its_name(soap: Soap) -> None:
    field = "<fields><fullName>Key__c</fullName><label>Key</label><type>Text</type><length>40</length></fields>"
    files: dict[str, str | bytes] = {
        "package.xml": f"{HEAD.format('Package')}{members(CustomField=['Activity.Key__c'])}"
        "<version>61.0</version></Package>",
        "objects/Activity.object": f"{HEAD.format('CustomObject')}{field}</CustomObject>",
    }
    soap.deploy(files)
    for asked in (members(CustomField=["Activity.Key__c"]), members(CustomObject=["Activity", "Task"])):
        _, found = soap.retrieve(asked)
        assert "Key__c" in found["objects/Activity.object"].decode()
        assert "Key__c" not in found.get("objects/Task.object", b"").decode()
        assert set(outcome(soap.deploy(dict(found))).values()) == {("false", None)}


def test_a_rule_refuses_records_until_it_is_switched_off_or_removed(deployed: Soap, granting: Any) -> None:
    org = deployed.org
    granting(org, org.user_id, "Account.Score__c", "Account.Tier__c")
    for values in ({"Score__c": 50}, {"Score__c": 51, "Tier__c": "A"}):
        org.insert("Account", {"Name": "good", **values}, org.actor())
    with pytest.raises(DmlError) as refused:
        org.insert("Account", {"Name": "bad", "Score__c": 51}, org.actor())
    assert (refused.value.status_code, refused.value.message, refused.value.fields) == (
        "FIELD_CUSTOM_VALIDATION_EXCEPTION", "High scores need tier A", ("Tier__c",),
    )  # fmt: skip
    again = package()
    again["objects/Account.object"] = str(again["objects/Account.object"]).replace(
        "<active>true</active>", "<active>false</active>"
    )
    assert outcome(deployed.deploy(again))["Account.Score_needs_tier"] == ("true", None)
    org.insert("Account", {"Name": "bad", "Score__c": 51}, org.actor())
    gone = {
        "package.xml": f"{HEAD.format('Package')}<version>61.0</version></Package>",
        "destructiveChanges.xml": f"{HEAD.format('Package')}{members(ValidationRule=['Account.Score_needs_tier'])}"
        "<version>61.0</version></Package>",
    }
    deployed.deploy(dict(gone))
    assert deployed.result("listMetadata", "<queries><type>ValidationRule</type></queries>") == []


ACCOUNT = load().objects["account"]


@pytest.mark.parametrize(
    ("formula", "row", "true"),
    [
        ("ISBLANK(Site)", {}, True),
        ("ISBLANK(Site)", {"Site": "x"}, False),
        ("NumberOfEmployees >= 5 && NumberOfEmployees < 7", {"NumberOfEmployees": 5}, True),
        ("NumberOfEmployees >= 5 && NumberOfEmployees < 7", {"NumberOfEmployees": 7}, False),
        ("NumberOfEmployees > 5", {}, False),
        ("NumberOfEmployees * 2 + 1 = 7 || Site = 'x'", {"NumberOfEmployees": 3}, True),
        ('TEXT(Industry) <> "Banking" /* why */', {"Industry": "Banking"}, False),
        ("ISPICKVAL(Industry, '')", {}, True),
        ("LEN(Site) > 2", {"Site": "abc"}, True),
        ("LEN(Site) > 2", {"Site": "ab"}, False),
        ("NOT(OR(IsDeleted, Site = NULL))", {"Site": "x"}, True),
        ("!IsDeleted", {"IsDeleted": 1}, False),
        ("-NumberOfEmployees < 0", {"NumberOfEmployees": 1}, True),
    ],
)
def test_formulas_hold_or_not(formula: str, row: dict[str, Any], true: bool) -> None:
    assert metadata_formulas.holds(formula, ACCOUNT, row, "2026-03-31") is true


@pytest.mark.parametrize(
    ("formula", "problem"),
    [
        ("REGEX(Site, 'x')", "The function REGEX is not emulated"),
        ("FOO(Site)", "Unknown function FOO. Check spelling."),
        ("Nope__c = 1", "Field Nope__c does not exist. Check spelling."),
        ("NumberOfEmployees", "Formula result is data type (Number), incompatible with expected data type (true or "
         "false)."),
        ("Industry = 'x'", "Field is a picklist field. Picklist fields are only supported in certain functions."),
        ("AND(IsDeleted", "Syntax error. Missing ','"),
        ("IsDeleted)", "Syntax error. Extra )"),
        ("Owner.Name = 'x'", "Fields of other records (Owner.Name) are not emulated in formulas"),
        ("Site > 3", "Incorrect parameter type for operator '>'. Expected Text, received Number"),
        ("LEN(Site, 3) > 2", "Incorrect number of parameters for function 'LEN()'. Expected 1, received 2"),
        ("(" * 200, "Formula is too complex: it is nested too deeply"),
        ("!" * 200, "Formula is too complex: it is nested too deeply"),
    ],
)  # fmt: skip
def test_formulas_that_cannot_be_are_refused_by_name(formula: str, problem: str) -> None:
    with pytest.raises(BadFormula) as refused:
        metadata_formulas.check(formula, ACCOUNT)
    assert str(refused.value) == problem


def thing(name: str, label: str = "Thing") -> str:
    inner = THING.replace(">Thing<", f">{label}<")
    return f'<metadata xsi:type="CustomObject"><fullName>{name}</fullName>{inner}</metadata>'


def test_components_are_made_read_changed_and_removed_one_by_one(soap: Soap) -> None:
    made = soap.result("createMetadata", thing("Thing__c"))
    assert made == {"fullName": "Thing__c", "success": "true"}
    refused = soap.result("createMetadata", thing("Thing__c"))
    assert (refused["success"], refused["errors"]["statusCode"]) == ("false", "DUPLICATE_DEVELOPER_NAME")
    field = (
        '<metadata xsi:type="CustomField"><fullName>Thing__c.Size__c</fullName><label>Size</label><type>Number</type>'
        "<precision>4</precision><scale>0</scale></metadata>"
    )
    assert soap.result("upsertMetadata", field) == {
        "created": "true",
        "fullName": "Thing__c.Size__c",
        "success": "true",
    }
    assert soap.result("upsertMetadata", field)["created"] == "false"
    assert soap.result("updateMetadata", thing("Thing__c", "Other"))["success"] == "true"
    asked = "<type>CustomObject</type><fullNames>Thing__c</fullNames><fullNames>Nope__c</fullNames>"
    thing_node, nothing = soap("readMetadata", asked)[0]
    read = plain(thing_node)
    assert (read["fullName"], read["label"], read["nameField"]) == (
        "Thing__c", "Other", {"label": "Thing No", "type": "Text"},
    )  # fmt: skip
    assert (read["fields"]["fullName"], read["fields"]["precision"]) == ("Size__c", "4")
    assert thing_node.attrib == {f"{{{XSI}}}type": "CustomObject"}
    assert nothing.attrib == {f"{{{XSI}}}nil": "true"}
    one = soap("readMetadata", "<type>CustomField</type><fullNames>Thing__c.Size__c</fullNames>")[0][0]
    assert plain(one)["fullName"] == "Thing__c.Size__c"
    gone = soap.result("deleteMetadata", "<type>CustomObject</type><fullNames>Thing__c</fullNames>")
    assert gone == {"fullName": "Thing__c", "success": "true"}
    again = soap.result("deleteMetadata", "<type>CustomObject</type><fullNames>Thing__c</fullNames>")
    assert again["errors"]["statusCode"] == "INVALID_CROSS_REFERENCE_KEY"


def test_a_component_that_is_wrong_changes_nothing_and_the_others_are_made(soap: Soap) -> None:
    wrong = thing("Bad").replace("<label>Thing</label>", "")
    results = soap.result("createMetadata", wrong + thing("Good__c"))
    assert [item["success"] for item in results] == ["false", "true"]
    missing = soap.result("updateMetadata", thing("Nope__c"))
    assert missing["errors"]["statusCode"] == "INVALID_CROSS_REFERENCE_KEY"
    layout = '<metadata xsi:type="Layout"><fullName>x</fullName></metadata>'
    assert soap.result("createMetadata", layout)["errors"] == {
        "message": "Components of type Layout are not emulated", "statusCode": "INVALID_TYPE",
    }  # fmt: skip
    assert soap.result("createMetadata", "".join(thing(f"T{at}__c") for at in range(10)))[9]["success"] == "true"
    assert soap.fault("createMetadata", "".join(thing(f"U{at}__c") for at in range(11))) == "sf:LIMIT_EXCEEDED"


def test_types_and_lists_name_what_there_is(deployed: Soap) -> None:
    found = deployed("describeMetadata", "<asOfVersion>61.0</asOfVersion>")[0]
    kinds = [node.findtext(f"{{{MET}}}xmlName") for node in found.iter(f"{{{MET}}}metadataObjects")]
    assert kinds == ["CustomObject", "PermissionSet"]
    asked = "<queries><type>CustomField</type></queries><queries><type>PermissionSet</type></queries>"
    listed = {item["fullName"]: item for item in deployed.result("listMetadata", asked)}
    assert listed["Account.Score__c"] == {
        "createdById": deployed.org.user_id, "createdByName": listed["Readers"]["createdByName"],
        "createdDate": listed["Readers"]["createdDate"], "fileName": "objects/Account.object",
        "fullName": "Account.Score__c", "id": listed["Account.Score__c"]["id"],
        "lastModifiedById": deployed.org.user_id, "lastModifiedByName": listed["Readers"]["createdByName"],
        "lastModifiedDate": listed["Readers"]["createdDate"], "manageableState": "unmanaged", "type": "CustomField",
    }  # fmt: skip
    assert listed["Account.Score__c"]["id"].startswith("00N")
    assert deployed.fault("listMetadata", "<queries><type>CustomField</type></queries>" * 4) == "sf:LIMIT_EXCEEDED"
    objects = deployed.result("listMetadata", "<queries><type>CustomObject</type></queries>")
    assert {"Account", "Thing__c"} <= {item["fullName"] for item in objects}


def test_a_session_that_is_over_is_a_fault(soap: Soap) -> None:
    assert soap.fault("describeMetadata", token="nonsense") == "sf:INVALID_SESSION_ID"
    soap.org.clock.advance(7200)
    assert soap.fault("describeMetadata") == "sf:INVALID_SESSION_ID"


@pytest.mark.parametrize("body", ["<!DOCTYPE x []><x/>", "<x>" * 200, "", "\x00"])
def test_hostile_envelopes_are_faults(soap: Soap, body: str) -> None:
    begun = time.monotonic()
    answer = soap.caller.raw(
        "POST", "/services/Soap/m/61.0", data=body.encode(), headers={"Content-Type": "text/xml"}
    )
    assert (answer.status_code, "INVALID_SOAP" in answer.text) == (500, True)
    assert time.monotonic() - begun < 20
