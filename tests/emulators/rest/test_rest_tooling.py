"""The Tooling API tells the org's own objects, fields and rules, and makes fields and rules."""

from __future__ import annotations

from typing import Any

import pytest


def ask(client: Any, soql: str, version: str = "67.0") -> Any:
    return client.call("GET", "/tooling/query", params={"q": soql}, version=version)


def refusal(answer: Any) -> tuple[int, str]:
    return answer[0], answer[1][0]["errorCode"]


def text_field(**more: Any) -> dict[str, Any]:
    return {"label": "Tier", "type": "Text", "length": 20, **more}


def test_an_object_is_defined_by_its_name(client: Any) -> None:
    where = "QualifiedApiName = 'Account'"
    soql = f"SELECT DurableId, QualifiedApiName, Label, KeyPrefix FROM EntityDefinition WHERE {where}"
    record = {
        "attributes": {
            "type": "EntityDefinition",
            "url": "/services/data/v67.0/tooling/sobjects/EntityDefinition/Account",
        },
        "DurableId": "Account",
        "QualifiedApiName": "Account",
        "Label": "Account",
        "KeyPrefix": "001",
    }
    body = {"size": 1, "totalSize": 1, "done": True, "queryLocator": None, "entityTypeName": "EntityDefinition"}
    assert ask(client, soql) == (200, {**body, "records": [record]})


def test_a_field_is_defined_with_its_parent_and_types(client: Any) -> None:
    soql = (
        "SELECT DurableId, DataType, ReferenceTo, EntityDefinition.Label FROM FieldDefinition "
        "WHERE EntityDefinition.QualifiedApiName = 'Contact' AND QualifiedApiName = 'AccountId'"
    )
    _, body = ask(client, soql)
    record = body["records"][0]
    assert (record["DurableId"], record["DataType"]) == ("Contact.Account", "Lookup(Account)")
    assert (record["ReferenceTo"], record["EntityDefinition"]["Label"]) == ({"referenceTo": ["Account"]}, "Contact")


def test_the_ordinary_query_has_definitions_too(client: Any) -> None:
    where = "EntityDefinitionId = 'Account' AND QualifiedApiName = 'Name'"
    soql = f"SELECT Id, QualifiedApiName FROM FieldDefinition WHERE {where}"
    found = client.query(soql)
    url = "/services/data/v67.0/sobjects/FieldDefinition/Account.Name"
    attributes = {"type": "FieldDefinition", "url": url}
    assert found == [{"attributes": attributes, "Id": "000000000000000AAA", "QualifiedApiName": "Name"}]


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT QualifiedApiName FROM FieldDefinition", "MALFORMED_QUERY"),
        ("SELECT QualifiedApiName FROM EntityDefinition WHERE QualifiedApiName != 'Account'", "MALFORMED_QUERY"),
        ("SELECT QualifiedApiName FROM EntityDefinition WHERE Label = 'a' OR Label = 'b'", "MALFORMED_QUERY"),
        ("SELECT COUNT() FROM EntityDefinition", "EXTERNAL_OBJECT_UNSUPPORTED_EXCEPTION"),
        ("SELECT Id FROM Account", "INVALID_TYPE"),
        ("SELECT Id FROM SourceMember", "INVALID_TYPE"),
        ("SELECT Nothing FROM ApexClass", "INVALID_FIELD"),
    ],
)
def test_what_cannot_be_asked_is_refused(client: Any, soql: str, code: str) -> None:
    assert refusal(ask(client, soql)) == (400, code)


def test_particles_tell_the_types_of_describes(client: Any) -> None:
    soql = (
        "SELECT DataType, FieldDefinition.QualifiedApiName FROM EntityParticle WHERE EntityDefinitionId = 'Account'"
    )
    _, body = ask(client, soql)
    kinds = {one["FieldDefinition"]["QualifiedApiName"]: one["DataType"] for one in body["records"]}
    assert (kinds["Id"], kinds["Name"], kinds["ParentId"]) == ("id", "string", "reference")


@pytest.mark.parametrize("name", ["ApexClass", "ApexTrigger", "Flow", "Layout", "SandboxProcess"])
def test_what_an_org_without_code_has_none_of(client: Any, name: str) -> None:
    status, body = ask(client, f"SELECT Id FROM {name}")
    assert (status, body["size"], body["records"]) == (200, 0, [])


@pytest.mark.parametrize("path", ["/tooling/query", "/query"])
def test_columns_of_definitions_are_told(client: Any, path: str) -> None:
    soql = "SELECT QualifiedApiName FROM EntityDefinition WHERE QualifiedApiName = 'Account'"
    status, body = client.call("GET", path, params={"q": soql, "columns": "true"})
    columns = [one["columnName"] for one in body["columnMetadata"]]
    assert (status, body["entityName"], columns) == (200, "EntityDefinition", ["QualifiedApiName"])


def test_the_orgs_own_users_are_there(client: Any) -> None:
    _, body = ask(client, f"SELECT Id FROM User WHERE Id = '{client.org.user_id}'")
    assert body["records"][0]["attributes"]["url"].startswith("/services/data/v67.0/tooling/sobjects/User/005")


def test_describes_are_for_what_there_is(client: Any) -> None:
    status, body = client.call("GET", "/tooling/sobjects/CustomField/describe")
    assert (status, body["name"], body["urls"]["sobject"]) == (
        200,
        "CustomField",
        "/services/data/v67.0/tooling/sobjects/CustomField",
    )
    assert client.call("GET", "/tooling/sobjects/SourceMember/describe")[0] == 404
    names = {one["name"] for one in client.call("GET", "/tooling/sobjects")[1]["sobjects"]}
    assert {"ApexClass", "CustomField", "EntityDefinition", "User", "ValidationRule"} <= names
    assert client.call("GET", "/tooling/")[1]["query"] == "/services/data/v67.0/tooling/query"


def test_a_field_is_made_read_changed_and_removed(client: Any) -> None:
    body = {"FullName": "Account.Tier__c", "Metadata": text_field()}
    status, made = client.call("POST", "/tooling/sobjects/CustomField", body)
    assert (status, made["success"], made["errors"], made["warnings"], made["infos"]) == (201, True, [], [], [])
    path = f"/tooling/sobjects/CustomField/{made['id']}"
    _, record = client.call("GET", path)
    assert (record["FullName"], record["DeveloperName"], record["TableEnumOrId"]) == (
        "Account.Tier__c",
        "Tier",
        "Account",
    )
    assert (record["Metadata"]["type"], record["Metadata"]["length"]) == ("Text", 20)
    assert client.call("PATCH", path, {"FullName": "Account.Tier__c", "Metadata": text_field(length=30)}) == (
        204,
        None,
    )
    _, body = ask(client, "SELECT Length, Metadata FROM CustomField WHERE DeveloperName = 'Tier'")
    assert (body["records"][0]["Length"], body["records"][0]["Metadata"]["length"]) == (30, 30)
    assert client.call("DELETE", path) == (204, None)
    assert client.call("GET", path)[0] == 404


def test_a_picklist_is_made_with_its_values(client: Any) -> None:
    values = [{"valueName": "Gold", "label": "Gold", "default": False}, {"valueName": "Tin", "label": "Tin"}]
    metadata = {
        "label": "Metal",
        "type": "Picklist",
        "valueSet": {"restricted": True, "valueSetDefinition": {"sorted": False, "value": values}},
    }
    status, made = client.call(
        "POST", "/tooling/sobjects/CustomField", {"FullName": "Account.Metal__c", "Metadata": metadata}
    )
    assert status == 201, made
    _, record = client.call("GET", f"/tooling/sobjects/CustomField/{made['id']}")
    told = record["Metadata"]["valueSet"]
    assert [one["valueName"] for one in told["valueSetDefinition"]["value"]] == ["Gold", "Tin"]
    again = {"FullName": "Account.Metal__c", "Metadata": record["Metadata"]}
    assert client.call("PATCH", f"/tooling/sobjects/CustomField/{made['id']}", again) == (204, None)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"Metadata": text_field()}, "REQUIRED_FIELD_MISSING"),
        ({"FullName": "Nothing__c.Tier__c", "Metadata": text_field()}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"FullName": "Account.Tier", "Metadata": text_field()}, "FIELD_INTEGRITY_EXCEPTION"),
        ({"FullName": "Account.Long__c", "Metadata": text_field(length=256)}, "FIELD_INTEGRITY_EXCEPTION"),
        ({"FullName": "Account.Odd__c", "Metadata": text_field(colour="red")}, "FIELD_INTEGRITY_EXCEPTION"),
        ({"FullName": "Account.Odd__c", "Metadata": text_field(), "Length": 3}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ],
)
def test_a_field_that_cannot_be_is_refused(client: Any, body: dict[str, Any], code: str) -> None:
    assert refusal(client.call("POST", "/tooling/sobjects/CustomField", body)) == (400, code)


def test_a_second_field_of_a_name_is_refused(client: Any) -> None:
    body = {"FullName": "Account.Once__c", "Metadata": text_field(label="Once")}
    assert client.call("POST", "/tooling/sobjects/CustomField", body)[0] == 201
    again = client.call("POST", "/tooling/sobjects/CustomField", body)
    problem = {"message": "There is already a field named Once on Account.", "errorCode": "DUPLICATE_DEVELOPER_NAME"}
    assert again == (400, [{**problem, "fields": ["DeveloperName"]}])


def test_metadata_of_several_rows_is_refused(client: Any) -> None:
    for name in ("Some__c", "Other__c"):
        body = {"FullName": f"Contact.{name}", "Metadata": text_field(label=name)}
        client.call("POST", "/tooling/sobjects/CustomField", body)
    _, body = ask(client, "SELECT Metadata FROM CustomField WHERE EntityDefinitionId = 'Contact'")
    text = (
        "When retrieving results with Metadata or FullName fields, the query qualifications must specify no more "
        "than one row for retrieval. Result size: 2"
    )
    assert body == [{"message": text, "errorCode": "MALFORMED_QUERY"}]


def rule(formula: str, **more: Any) -> dict[str, Any]:
    metadata = {"active": True, "errorConditionFormula": formula, "errorMessage": "No.", **more}
    return {"FullName": "Lead.Checked", "Metadata": metadata}


def test_a_rule_made_here_is_obeyed_until_it_is_removed(client: Any) -> None:
    formula = 'AND(ISBLANK(Phone), OR(Company = "Mock", NOT(ISBLANK(Fax))))'
    status, made = client.call("POST", "/tooling/sobjects/ValidationRule", rule(formula, errorDisplayField="Phone"))
    assert status == 201, made
    path = f"/tooling/sobjects/ValidationRule/{made['id']}"
    lead = {"LastName": "Reed", "Company": "Mock"}
    refused = {"message": "No.", "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "fields": ["Phone"]}
    assert client.call("POST", "/sobjects/Lead", lead) == (400, [refused])
    assert client.call("POST", "/sobjects/Lead", {**lead, "Phone": "1"})[0] == 201
    _, record = client.call("GET", path)
    assert (record["ValidationName"], record["Active"]) == ("Checked", True)
    assert record["Metadata"]["errorConditionFormula"] == formula
    assert client.call("PATCH", path, rule(formula, active=False)) == (204, None)
    assert client.call("POST", "/sobjects/Lead", lead)[0] == 201
    assert client.call("DELETE", path) == (204, None)
    assert ask(client, "SELECT Id FROM ValidationRule WHERE ValidationName = 'Checked'")[1]["size"] == 0


@pytest.mark.parametrize(
    "formula", ["", "ISBLANK(Nothing)", "VLOOKUP(Phone)", "AND(ISBLANK(Phone)", "Phone", "Phone = "]
)
def test_a_formula_that_is_none_is_refused(client: Any, formula: str) -> None:
    assert client.call("POST", "/tooling/sobjects/ValidationRule", rule(formula))[0] == 400


def test_other_objects_are_not_written(client: Any) -> None:
    answer = client.call("POST", "/tooling/sobjects/ApexClass", {"Name": "A", "Body": "class A {}"})
    assert refusal(answer) == (400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY")


def test_composites_of_this_api_carry_its_calls(client: Any) -> None:
    call = {
        "method": "GET",
        "url": "/services/data/v67.0/tooling/query?q=SELECT+Id+FROM+ApexClass",
        "referenceId": "classes",
    }
    status, body = client.call("POST", "/tooling/composite", {"allOrNone": True, "compositeRequest": [call]})
    assert (status, body["compositeResponse"][0]["body"]["size"]) == (200, 0)
