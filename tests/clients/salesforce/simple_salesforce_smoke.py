"""simple-salesforce as its users call it: one line a capability, an AssertionError for what is not as on an org.

https://acme.my.salesforce.com, whose domain the client fixes, leads to the emulator.
"""

from __future__ import annotations

import base64
import io
import os
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import requests
from simple_salesforce import Salesforce, format_external_id, format_soql
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)

URL, APP, SECRET = (os.environ[f"EMULATOR_{name}"] for name in ("URL", "CLIENT_ID", "CLIENT_SECRET"))
USER = os.environ["EMULATOR_USER_ID"]
_META = 'xmlns="http://soap.sforce.com/2006/04/metadata"'
_PARTS = {
    "package.xml": f"""<Package {_META}>
        <types><members>Account.Smoke_Key__c</members><name>CustomField</name></types>
        <types><members>Smoke</members><name>PermissionSet</name></types><version>66.0</version></Package>""",
    "objects/Account.object": f"""<CustomObject {_META}><fields><fullName>Smoke_Key__c</fullName>
        <label>Smoke key</label><type>Text</type><length>40</length><externalId>true</externalId>
        <unique>false</unique></fields></CustomObject>""",
    "permissionsets/Smoke.permissionset": f"""<PermissionSet {_META}><label>Smoke</label><fieldPermissions>
        <editable>true</editable><field>Account.Smoke_Key__c</field><readable>true</readable></fieldPermissions>
        </PermissionSet>""",
}


def connect() -> Salesforce:
    form = {"grant_type": "client_credentials", "client_id": APP, "client_secret": SECRET}
    token = requests.post(f"{URL}/services/oauth2/token", data=form, timeout=20).json()
    return Salesforce(instance_url=token["instance_url"], session_id=token["access_token"], version="66.0")


def session_id(sf: Salesforce) -> None:
    assert sf.query("SELECT COUNT() FROM Account")["totalSize"] > 200
    assert sf.api_usage["api-usage"].used > 0
    stranger = Salesforce(instance_url=URL, session_id="00D510000000001!nobody")
    with pytest.raises(SalesforceExpiredSession) as refused:
        stranger.query("SELECT Id FROM Account")
    assert refused.value.content[0]["errorCode"] == "INVALID_SESSION_ID"


def client_credentials(sf: Salesforce) -> None:
    mine = Salesforce(consumer_key=APP, consumer_secret=SECRET, domain="acme.my")
    assert mine.query("SELECT Id FROM Organization")["totalSize"] == 1
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid_client"):
        Salesforce(consumer_key=APP, consumer_secret="wrong", domain="acme.my")


def jwt_bearer(sf: Salesforce) -> None:
    name = sf.User.get(USER)["Username"]
    given = {"username": name, "consumer_key": APP, "privatekey": os.environ["EMULATOR_PRIVATE_KEY"]}
    mine = Salesforce(**given, instance_url="acme.my", domain="login")
    assert mine.query("SELECT COUNT() FROM User")["totalSize"] > 10


def query(sf: Salesforce) -> None:
    soql = "SELECT Id, Name, Owner.Name, (SELECT Id, StageName FROM Opportunities LIMIT 3) FROM Account ORDER BY Name"
    found = sf.query(soql, headers={"Sforce-Query-Options": "batchSize=200"})
    assert not found["done"]
    assert len(found["records"]) == 200
    assert found["records"][0]["attributes"]["type"] == "Account"
    more = sf.query_more(found["nextRecordsUrl"], identifier_is_url=True)
    assert more["done"]
    assert found["totalSize"] == len(found["records"]) + len(more["records"])
    grouped = sf.query(
        "SELECT StageName, COUNT(Id) n, SUM(Amount) FROM Opportunity GROUP BY StageName ORDER BY StageName"
    )
    assert {"StageName", "n", "expr0"} <= set(grouped["records"][0])
    with pytest.raises(SalesforceMalformedRequest, match="No such column 'Nothing' on entity 'Account'"):
        sf.query("SELECT Nothing FROM Account")


def query_all(sf: Salesforce) -> None:
    count = sf.query("SELECT COUNT() FROM Opportunity")["totalSize"]
    assert len(sf.query_all("SELECT Id FROM Opportunity")["records"]) == count > 2_000
    assert sum(1 for _ in sf.query_all_iter("SELECT Id FROM Opportunity")) == count
    gone = sf.Account.create({"Name": "Short Lived"})["id"]
    sf.Account.delete(gone)
    soql = format_soql("SELECT IsDeleted FROM Account WHERE Id = {}", gone)
    assert sf.query_all(soql)["records"] == []
    assert sf.query_all(soql, include_deleted=True)["records"][0]["IsDeleted"] is True


def search(sf: Salesforce) -> None:
    sf.Account.create({"Name": "Quibblesworth Ltd"})
    found = sf.search("FIND {Quibblesworth} IN ALL FIELDS RETURNING Account(Id, Name)")
    assert [row["Name"] for row in found["searchRecords"]] == ["Quibblesworth Ltd"]
    assert len(sf.quick_search("Quibblesworth")["searchRecords"]) == 1


def records(sf: Salesforce) -> None:
    made = sf.Account.create({"Name": 'It\'s "quoted" & Söhne', "NumberOfEmployees": 7})
    assert (made["success"], made["errors"]) == (True, [])
    assert sf.Account.update(made["id"], {"Industry": "Banking"}) == 204
    row = sf.Account.get(made["id"])
    assert (row["Name"], row["Industry"], row["NumberOfEmployees"]) == ('It\'s "quoted" & Söhne', "Banking", 7)
    assert sf.Account.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound) as refused:
        sf.Account.get(made["id"])
    assert refused.value.content[0]["errorCode"] == "NOT_FOUND"
    with pytest.raises(SalesforceMalformedRequest) as missing:
        sf.Account.create({"Industry": "Banking"})
    assert missing.value.content[0] == {
        "message": "Required fields are missing: [Name]", "errorCode": "REQUIRED_FIELD_MISSING", "fields": ["Name"],
    }  # fmt: skip


def describe(sf: Salesforce) -> None:
    assert {"Account", "Opportunity", "Campaign"} <= {one["name"] for one in sf.describe()["sobjects"]}
    assert sf.Account.metadata()["objectDescribe"]["keyPrefix"] == "001"
    fields = {field["name"]: field for field in sf.Opportunity.describe()["fields"]}
    assert fields["StageName"]["type"] == "picklist"
    assert sf.is_sandbox() is False
    assert sf.limits()["DailyApiRequests"]["Max"] == 100_000


def replication(sf: Salesforce) -> None:
    end = datetime.now(UTC) + timedelta(minutes=2)
    kept, gone = (sf.Contact.create({"LastName": name})["id"] for name in ("Kept", "Gone"))
    sf.Contact.delete(gone)
    assert kept in sf.Contact.updated(end - timedelta(hours=1), end)["ids"]
    assert [row["id"] for row in sf.Contact.deleted(end - timedelta(hours=1), end)["deletedRecords"]] == [gone]


def deploy(sf: Salesforce) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in _PARTS.items():
            archive.writestr(name, text)
    packed.seek(0)
    mine = connect()
    asked = mine.deploy(packed, sandbox=False)
    told = mine.checkDeployStatus(asked["asyncId"])
    while told["state"] in {"Pending", "InProgress"}:
        told = mine.checkDeployStatus(asked["asyncId"])
    assert (told["state"], told["deployment_detail"]["errors"]) == ("Succeeded", [])
    granted = sf.query("SELECT Id FROM PermissionSet WHERE Name = 'Smoke'")["records"][0]["Id"]
    sf.PermissionSetAssignment.create({"AssigneeId": USER, "PermissionSetId": granted})
    assert "Smoke_Key__c" in {field["name"] for field in sf.Account.describe()["fields"]}


def upsert(sf: Salesforce) -> None:
    key = format_external_id("Smoke_Key__c", "a/b c?ä")
    assert sf.Account.upsert(key, {"Name": "Upserted"}) == 201
    assert sf.Account.upsert(key, {"Name": "Upserted again"}) == 200
    sf.Account.create({"Name": "Slashed", "Smoke_Key__c": "a/b?ä"})
    assert sf.Account.get_by_custom_id("Smoke_Key__c", "a/b?ä")["Name"] == "Slashed"
    sf.Account.create({"Name": "Twin", "Smoke_Key__c": "a/b c?ä"})
    with pytest.raises(SalesforceMoreThanOneRecord):
        sf.Account.upsert(key, {"Name": "Upserted again"})


def restful(sf: Salesforce) -> None:
    steps = [
        {
            "method": "POST",
            "url": "/services/data/v66.0/sobjects/Account",
            "referenceId": "one",
            "body": {"Name": "A"},
        },
        {"method": "GET", "url": "/services/data/v66.0/sobjects/Account/@{one.id}", "referenceId": "two"},
    ]
    done = sf.restful("composite", method="POST", json={"allOrNone": True, "compositeRequest": steps})
    assert [step["httpStatusCode"] for step in done["compositeResponse"]] == [201, 200]
    rows = [{"attributes": {"type": "Account"}, "Name": f"Row {n}"} for n in range(3)]
    made = sf.restful("composite/sobjects", method="POST", json={"allOrNone": False, "records": rows})
    assert [row["success"] for row in made] == [True] * 3
    ids = ",".join(row["id"] for row in made)
    assert all(row["success"] for row in sf.restful("composite/sobjects", {"ids": ids}, method="DELETE"))


def tree_and_graph(sf: Salesforce) -> None:
    child = {"attributes": {"type": "Contact", "referenceId": "c"}, "LastName": "Leaf"}
    parent = {"attributes": {"type": "Account", "referenceId": "p"}, "Name": "Tree", "Contacts": {"records": [child]}}
    told = sf.restful("composite/tree/Account", method="POST", json={"records": [parent]})
    assert (told["hasErrors"], [row["referenceId"] for row in told["results"]]) == (False, ["p", "c"])
    url = "/services/data/v66.0/sobjects"
    nodes = [
        {"url": f"{url}/Account", "method": "POST", "referenceId": "a", "body": {"Name": "Graph"}},
        {"url": f"{url}/Contact", "method": "POST", "referenceId": "b",
         "body": {"LastName": "Node", "AccountId": "@{a.id}"}},
    ]  # fmt: skip
    graphs = {"graphs": [{"graphId": "g", "compositeRequest": nodes}]}
    answer = sf.restful("composite/graph", method="POST", json=graphs)["graphs"][0]
    assert (answer["graphId"], answer["isSuccessful"]) == ("g", True)


def tooling(sf: Salesforce) -> None:
    found = sf.toolingexecute("query/", params={"q": "SELECT Id, DeveloperName FROM CustomField"})
    assert "Smoke_Key" in {row["DeveloperName"] for row in found["records"]}


def bulk_1(sf: Salesforce) -> None:
    """The client sleeps five seconds before it asks for a batch again, so this one runs beside the others."""
    made = sf.bulk.Contact.insert([{"LastName": f"Bulk {n}"} for n in range(5)] + [{"FirstName": "No last name"}])
    assert [row["success"] for row in made] == [True] * 5 + [False]
    assert made[5]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    ids = [row["id"] for row in made[:5]]
    rows = sf.bulk.Contact.query("SELECT Id, LastName FROM Contact WHERE LastName LIKE 'Bulk %'", wait=0.05)
    assert {row["Id"]: row["LastName"] for row in rows} == {one: f"Bulk {n}" for n, one in enumerate(ids)}
    keyed = [{"Smoke_Key__c": f"bulk-{n}", "Name": f"Bulk {n}"} for n in range(3)]
    assert [row["created"] for row in sf.bulk.Account.upsert(keyed, "Smoke_Key__c")] == [True] * 3
    assert all(row["success"] for row in sf.bulk.Contact.delete([{"Id": one} for one in ids]))


def bulk_2(sf: Salesforce) -> None:
    rows = [{"LastName": f"Twofold {n}", "Title": 'a "quoted", title'} for n in range(5)]
    (job,) = sf.bulk2.Contact.insert(records=[*rows, {"LastName": "", "Title": "nameless"}], wait=0.05)
    assert (job["numberRecordsTotal"], job["numberRecordsFailed"]) == (6, 1)
    assert "REQUIRED_FIELD_MISSING" in sf.bulk2.Contact.get_failed_records(job["job_id"])
    assert sf.bulk2.Contact.get_successful_records(job["job_id"]).count("\n") == 6
    soql = "SELECT Id, Title FROM Contact WHERE LastName LIKE 'Twofold %'"
    pages = list(sf.bulk2.Contact.query(soql, max_records=2, wait=0.05))
    assert len(pages) == 3
    ids = [line.split(",")[0].strip('"') for page in pages for line in page.splitlines()[1:]]
    (told,) = sf.bulk2.Contact.update(records=[{"Id": i, "Title": "Chief"} for i in ids], wait=0.05)
    assert told["numberRecordsFailed"] == 0
    keyed = [{"Smoke_Key__c": f"two-{n}", "Name": f"Two {n}"} for n in range(3)]
    (told,) = sf.bulk2.Account.upsert(records=keyed, external_id_field="Smoke_Key__c", wait=0.05)
    assert (told["numberRecordsTotal"], told["numberRecordsFailed"]) == (3, 0)
    (gone,) = sf.bulk2.Contact.delete(records=[{"Id": i} for i in ids], wait=0.05)
    assert (gone["numberRecordsTotal"], gone["numberRecordsFailed"]) == (5, 0)


def metadata(sf: Salesforce) -> None:
    mdapi = sf.mdapi
    assert "CustomObject" in {one.xmlName for one in mdapi.describe_metadata().metadataObjects}
    listed = mdapi.list_metadata([mdapi.ListMetadataQuery(type="CustomField")])
    assert "Account.Smoke_Key__c" in {one.fullName for one in listed}
    field = mdapi.CustomField(
        fullName="Account.Made_By_Call__c", label="Made by call", type=mdapi.FieldType("Text"), length=20
    )
    mdapi.CustomField.create([field])
    read = mdapi.CustomField.read("Account.Made_By_Call__c")
    assert (read.label, read.length) == ("Made by call", 20)
    read.label = "Called"
    mdapi.CustomField.update([read])
    assert mdapi.CustomField.read("Account.Made_By_Call__c").label == "Called"
    mdapi.CustomField.delete("Account.Made_By_Call__c")


def retrieve(sf: Salesforce) -> None:
    mdapi = sf.mdapi
    asked, _ = mdapi.retrieve("", unpackaged={"PermissionSet": ["Smoke"], "CustomField": ["Account.Smoke_Key__c"]})
    state, error, messages = mdapi.check_retrieve_status(asked)
    while state in {"Pending", "InProgress"}:
        state, error, messages = mdapi.check_retrieve_status(asked)
    assert (state, error, messages) == ("Succeeded", None, [])
    packed = mdapi.retrieve_zip(asked)[3]
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(packed) if packed[:2] != b"PK" else packed)) as archive:
        assert "objects/Account.object" in archive.namelist()


def password(sf: Salesforce) -> None:
    name = sf.User.get(USER)["Username"]
    sf.set_password(USER, "correct-horse-7")
    mine = Salesforce(username=name, password="correct-horse-7", security_token="", domain="acme.my")
    assert mine.query("SELECT COUNT() FROM Account")["totalSize"] > 200
    with pytest.raises(SalesforceAuthenticationFailed, match="INVALID_LOGIN"):
        Salesforce(username=name, password="wrong", security_token="", domain="acme.my")


CAPABILITIES: tuple[Callable[[Salesforce], None], ...] = (
    session_id, client_credentials, jwt_bearer, query, query_all, records, describe, replication, deploy, upsert,
    bulk_1, restful, bulk_2, search, tree_and_graph, password, tooling, metadata, retrieve,
)  # fmt: skip

if __name__ == "__main__":
    org = connect()
    with ThreadPoolExecutor(1) as beside:
        for capability in CAPABILITIES:
            if capability is bulk_1:
                last = beside.submit(bulk_1, connect())
            else:
                capability(org)
                print(capability.__name__, flush=True)
    last.result()
    print("bulk_1")
