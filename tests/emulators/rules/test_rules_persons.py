"""Person accounts and record types: what an account that is a person takes, makes and refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from emulators.loopback.clock import Clock
from emulators.salesforce import catalog
from emulators.salesforce.oauth import login as oauth
from emulators.salesforce.org import Org
from emulators.salesforce.server import Emulator


@pytest.fixture(scope="module")
def open_to_people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A running org with person accounts."""
    org = Org.open(tmp_path_factory.mktemp("persons") / "org.db", catalog.load(having=["personaccounts"]), Clock())
    with Emulator(org, oauth.App("an-app", "its-secret")) as emulator:
        yield emulator


@pytest.fixture
def persons(caller: Any, open_to_people: Emulator) -> Iterator[Any]:
    """A caller to it."""
    found = type(caller)(open_to_people)
    found.http.headers["Authorization"] = f"Bearer {open_to_people.login.issue(open_to_people.org.user_id)}"
    yield found
    found.http.close()


ANN = {"FirstName": "Ann", "LastName": "Berg", "PersonEmail": "ann@berg.example"}


def test_a_person_is_an_account_and_a_contact(persons: Any) -> None:
    account = persons.make("Account", **ANN)
    soql = "SELECT Name, IsPersonAccount, PersonContactId, RecordType.DeveloperName FROM Account WHERE Id = '{}'"
    row = persons.query(soql.format(account))[0]
    assert (row["Name"], row["IsPersonAccount"], row["RecordType"]["DeveloperName"]) == (
        "Ann Berg",
        True,
        "PersonAccount",
    )
    soql = "SELECT Id, Name, Email, IsPersonAccount FROM Contact WHERE AccountId = '{}'"
    contact = persons.query(soql.format(account))[0]
    del contact["attributes"]
    mail = "ann@berg.example"
    assert contact == {"Id": row["PersonContactId"], "Name": "Ann Berg", "Email": mail, "IsPersonAccount": True}


def test_the_contact_follows_the_account_and_is_not_written_itself(persons: Any) -> None:
    account = persons.make("Account", **ANN)
    assert persons.call("PATCH", f"/sobjects/Account/{account}", {"FirstName": "Anna"})[0] == 204
    contact = persons.query(f"SELECT Id, Name FROM Contact WHERE AccountId = '{account}'")[0]
    assert contact["Name"] == "Anna Berg"
    status, body = persons.call("PATCH", f"/sobjects/Contact/{contact['Id']}", {"FirstName": "Eve"})
    assert (status, body[0]["errorCode"]) == (403, "INSUFFICIENT_ACCESS_OR_READONLY")
    status, body = persons.call("DELETE", f"/sobjects/Contact/{contact['Id']}")
    assert (status, body[0]["errorCode"]) == (400, "INVALID_PERSON_ACCOUNT_OPERATION")


def test_the_contact_goes_and_comes_back_with_the_account(persons: Any) -> None:
    account = persons.make("Account", **ANN)
    count = f"SELECT Id FROM Contact WHERE AccountId = '{account}'"
    persons.call("DELETE", f"/sobjects/Account/{account}")
    assert persons.query(count) == []
    persons.org.undelete("Account", account, persons.org.actor())
    assert len(persons.query(count)) == 1


def test_a_person_takes_no_name_and_a_business_no_last_name(persons: Any) -> None:
    account = persons.make("Account", **ANN)
    code = "INVALID_FIELD_FOR_INSERT_UPDATE"
    name = [
        {"message": "Account: bad field names on insert/update call: Name", "errorCode": code, "fields": ["Name"]}
    ]
    assert persons.call("PATCH", f"/sobjects/Account/{account}", {"Name": "x"}) == (400, name)
    business = persons.make("Account", Name="Umbra")
    last = [
        {
            "message": "Account: bad field names on insert/update call: LastName",
            "errorCode": code,
            "fields": ["LastName"],
        }
    ]
    assert persons.call("PATCH", f"/sobjects/Account/{business}", {"LastName": "x"}) == (400, last)
    missing = persons.call("PATCH", f"/sobjects/Account/{account}", {"LastName": None})
    assert (missing[0], missing[1][0]["errorCode"]) == (400, "REQUIRED_FIELD_MISSING")


def test_persons_merge_with_persons_and_their_contacts_with_them(persons: Any) -> None:
    one, two = persons.make("Account", **ANN), persons.make("Account", **ANN)
    contacts = {row["AccountId"]: row["Id"] for row in persons.query("SELECT Id, AccountId FROM Contact")}
    task = persons.make("Task", Subject="Call", WhoId=contacts[two])
    persons.org.merge("Account", one, [two], persons.org.actor())
    assert persons.query(f"SELECT WhoId FROM Task WHERE Id = '{task}'")[0]["WhoId"] == contacts[one]
    assert len(persons.query(f"SELECT Id FROM Contact WHERE AccountId = '{one}'")) == 1
    business = persons.make("Account", Name="Umbra")
    with pytest.raises(Exception, match="MERGE_FAILED"):
        persons.org.merge("Account", one, [business], persons.org.actor())


def test_an_org_without_the_feature_has_no_such_fields(caller: Any) -> None:
    names = {field["name"] for field in caller.call("GET", "/sobjects/Account/describe")[1]["fields"]}
    assert not names & {"LastName", "IsPersonAccount", "PersonEmail"}
    assert caller.query("SELECT Id FROM RecordType") == []


def test_describes_list_record_types_and_the_master(persons: Any) -> None:
    found = persons.call("GET", "/sobjects/Account/describe")[1]["recordTypeInfos"]
    assert [(one["developerName"], one["defaultRecordTypeMapping"], one["master"]) for one in found] == [
        ("Business_Account", True, False),
        ("PersonAccount", False, False),
        ("Master", False, True),
    ]
    leads = persons.call("GET", "/sobjects/Lead/describe")[1]["recordTypeInfos"]
    assert [one["developerName"] for one in leads] == ["Master"]


def test_a_record_type_of_another_object_is_not_valid(persons: Any) -> None:
    record_type = persons.query("SELECT Id FROM RecordType WHERE DeveloperName = 'PersonAccount'")[0]["Id"]
    lead = {"LastName": "Berg", "Company": "x", "RecordTypeId": record_type}
    status, body = persons.call("POST", "/sobjects/Lead", lead)
    text = f"Record Type ID: this ID value isn't valid for the user: {record_type}"
    code = "INVALID_CROSS_REFERENCE_KEY"
    assert (status, body) == (400, [{"message": text, "errorCode": code, "fields": ["RecordTypeId"]}])
