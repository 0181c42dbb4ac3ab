"""Object permissions: what a user may not read does not exist, what they may not write is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

API_ONLY = "Minimum Access - API Only Integrations"


def _allow(caller: Any, user: str, obj: str, *rights: str) -> None:
    org = caller.org
    system = org.system()
    name = f"Allow_{obj}_{len(rights)}"
    granted = org.insert("PermissionSet", {"Name": name, "Label": name}, system)
    values = {f"Permissions{right}": True for right in rights}
    org.insert("ObjectPermissions", {"ParentId": granted, "SobjectType": obj, **values}, system)
    org.insert("PermissionSetAssignment", {"AssigneeId": user, "PermissionSetId": granted}, system)


def test_an_object_without_read_does_not_exist_for_the_user(
    caller: Any, person: Callable[..., str], as_user: Callable[..., Any]
) -> None:
    account = caller.make("Account", Name="Umbra")
    user = as_user(person("ann", API_ONLY))
    gone = [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]
    for path in ("/sobjects/Account/describe", f"/sobjects/Account/{account}"):
        assert user.call("GET", path) == (404, gone)
    assert user.call("POST", "/sobjects/Account", {"Name": "x"}) == (404, gone)
    assert "Account" not in {one["name"] for one in user.call("GET", "/sobjects")[1]["sobjects"]}
    status, body = user.call("GET", "/query", params={"q": "SELECT Id FROM Account"})
    assert (status, body[0]["errorCode"]) == (400, "INVALID_TYPE")


def test_read_alone_lets_see_but_not_write(
    caller: Any, person: Callable[..., str], as_user: Callable[..., Any]
) -> None:
    account = caller.make("Account", Name="Umbra")
    ann = person("ann", API_ONLY)
    _allow(caller, ann, "Account", "Read")
    user = as_user(ann)
    assert [row["Name"] for row in user.query("SELECT Name FROM Account")] == ["Umbra"]
    code = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    create = user.call("POST", "/sobjects/Account", {"Name": "x"})
    change = user.call("PATCH", f"/sobjects/Account/{account}", {"Name": "x"})
    assert create == (
        400,
        [{"message": "entity type cannot be inserted: Account", "errorCode": code, "fields": []}],
    )
    assert change == (400, [{"message": "entity type cannot be updated: Account", "errorCode": code, "fields": []}])
    assert user.call("DELETE", f"/sobjects/Account/{account}") == (
        403,
        [
            {
                "message": "insufficient access rights on object id",
                "errorCode": "INSUFFICIENT_ACCESS_OR_READONLY",
                "fields": [],
            }
        ],
    )


def test_rights_of_several_sets_add_up_and_end_with_the_assignment(
    caller: Any, person: Callable[..., str], as_user: Callable[..., Any]
) -> None:
    ann = person("ann", API_ONLY)
    _allow(caller, ann, "Account", "Read")
    _allow(caller, ann, "Account", "Read", "Create")
    user = as_user(ann)
    assert user.call("POST", "/sobjects/Account", {"Name": "x"})[0] == 201
    for row in caller.query(f"SELECT Id FROM PermissionSetAssignment WHERE AssigneeId = '{ann}'"):
        caller.org.delete("PermissionSetAssignment", row["Id"], caller.org.system())
    assert user.call("POST", "/sobjects/Account", {"Name": "x"})[0] == 404


def test_children_follow_the_object_that_they_belong_to(
    caller: Any, person: Callable[..., str], as_user: Callable[..., Any]
) -> None:
    ann = person("ann", API_ONLY)
    user = as_user(ann)
    hidden = user.call("GET", "/query", params={"q": "SELECT Id FROM OpportunityContactRole"})
    assert (hidden[0], hidden[1][0]["errorCode"]) == (400, "INVALID_TYPE")
    _allow(caller, ann, "Opportunity", "Read")
    assert user.query("SELECT Id FROM OpportunityContactRole") == []


def test_a_standard_user_reads_setup_but_does_not_change_it(
    caller: Any, person: Callable[..., str], as_user: Callable[..., Any]
) -> None:
    user = as_user(person("ann"))
    assert user.query("SELECT Name FROM Profile WHERE Name = 'Standard User'") != []
    status, body = user.call("POST", "/sobjects/PermissionSet", {"Name": "Mine", "Label": "Mine"})
    assert (status, body[0]["errorCode"]) == (400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY")


_ENVELOPE = (
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:m="http://soap.sforce.com/2006/04/metadata" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><e:Header><m:SessionHeader><m:sessionId>{}</m:sessionId>'
    "</m:SessionHeader></e:Header><e:Body>{}</e:Body></e:Envelope>"
)


@pytest.mark.parametrize(
    "call",
    [
        "<m:describeMetadata><m:asOfVersion>60.0</m:asOfVersion></m:describeMetadata>",
        "<m:readMetadata><m:type>CustomObject</m:type><m:fullNames>Account</m:fullNames></m:readMetadata>",
        '<m:createMetadata><m:metadata xsi:type="m:PermissionSet"><m:fullName>Mine</m:fullName>'
        "<m:label>Mine</m:label></m:metadata></m:createMetadata>",
        "<m:deploy><m:ZipFile></m:ZipFile></m:deploy>",
    ],
)
def test_who_may_not_change_everything_gets_nothing_from_the_metadata_api(
    caller: Any, person: Callable[..., str], call: str
) -> None:
    statuses = {}
    for name, user in (("ann", person("ann")), ("admin", caller.org.user_id)):
        body = _ENVELOPE.format(caller.emulator.login.issue(user), call)
        headers = {"Content-Type": "text/xml", "SOAPAction": '""'}
        answer = caller.http.post(f"{caller.emulator.url}/services/Soap/m/60.0", body, headers=headers, timeout=20)
        statuses[name] = (answer.status_code, "INSUFFICIENT_ACCESS: use of the Metadata API requires" in answer.text)
    assert statuses["ann"] == (500, True)
    assert not statuses["admin"][1]


def test_who_may_not_change_everything_deploys_nothing_and_makes_no_fields(
    caller: Any, person: Callable[..., str], as_user: Callable[..., Any]
) -> None:
    user = as_user(person("ann"))
    status, body = user.call("POST", "/metadata/deployRequest", {"validatedDeployRequestId": "0Af"})
    assert (status, body[0]["errorCode"]) == (403, "INSUFFICIENT_ACCESS")
    field = {"FullName": "Account.Mine__c", "Metadata": {"label": "Mine", "type": "Text", "length": 5}}
    status, body = user.call("POST", "/tooling/sobjects/CustomField", field)
    assert (status, body[0]["errorCode"]) == (400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY")
    status, made = caller.call("POST", "/tooling/sobjects/CustomField", field)
    assert status == 201
    for method, change in (("PATCH", field), ("DELETE", None)):
        status, body = user.call(method, f"/tooling/sobjects/CustomField/{made['id']}", change)
        assert (status, body[0]["errorCode"]) == (400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY")


def test_rights_that_depend_on_others_are_refused_without_them(caller: Any) -> None:
    granted = caller.make("PermissionSet", Name="Edits", Label="Edits")
    row = {"ParentId": granted, "SobjectType": "Account", "PermissionsEdit": True}
    status, body = caller.call("POST", "/sobjects/ObjectPermissions", row)
    assert (status, body[0]["errorCode"]) == (400, "FIELD_INTEGRITY_EXCEPTION")
    assert caller.call("POST", "/sobjects/ObjectPermissions", {**row, "PermissionsRead": True})[0] == 201


def test_profiles_rights_are_rows(caller: Any) -> None:
    soql = (
        "SELECT PermissionsEdit FROM ObjectPermissions WHERE SobjectType = 'Account' "
        "AND Parent.Profile.Name = 'Standard User' AND Parent.IsOwnedByProfile = true"
    )
    assert [row["PermissionsEdit"] for row in caller.query(soql)] == [True]
