"""Sharing: whose records a user finds, changes and deletes under private and public defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Person = Callable[..., str]
As = Callable[..., Any]
READ_ONLY = (
    403,
    [
        {
            "message": "insufficient access rights on object id",
            "errorCode": "INSUFFICIENT_ACCESS_OR_READONLY",
            "fields": [],
        }
    ],
)


def _unseen(record: str) -> tuple[int, list[dict[str, Any]]]:
    text = f"insufficient access rights on cross-reference id: {record[:15]}"
    return 400, [{"message": text, "errorCode": "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "fields": []}]


def _names(user: Any, obj: str = "Account") -> list[str]:
    return [row["Name"] for row in user.query(f"SELECT Name FROM {obj} ORDER BY Name")]


@pytest.fixture
def ann(person: Person) -> str:
    """A standard user."""
    return person("ann")


def test_private_records_are_found_by_their_owner_alone(caller: Any, ann: str, as_user: As) -> None:
    theirs = caller.make("Account", Name="Theirs")
    mine = caller.make("Account", Name="Mine", OwnerId=ann)
    user = as_user(ann)
    assert _names(user) == ["Mine", "Theirs"]
    caller.control("POST", "sharing", {"object": "Account", "default": "Private"})
    assert _names(user) == ["Mine"]
    assert user.call("GET", f"/sobjects/Account/{mine}")[0] == 200
    assert user.call("GET", f"/sobjects/Account/{theirs}")[0] == 404
    assert user.call("PATCH", f"/sobjects/Account/{theirs}", {"Phone": "1"}) == _unseen(theirs)
    assert user.call("DELETE", f"/sobjects/Account/{theirs}") == _unseen(theirs)
    assert _names(caller) == ["Mine", "Theirs"]


def test_counts_groups_children_and_inner_selects_keep_to_it(caller: Any, ann: str, as_user: As) -> None:
    theirs = caller.make("Account", Name="Theirs")
    mine = caller.make("Account", Name="Mine", OwnerId=ann)
    for account in (theirs, mine):
        caller.make("Contact", LastName="Berg", AccountId=account)
    for name in ("Account", "Contact"):
        caller.control("POST", "sharing", {"object": name, "default": "Private"})
    user = as_user(ann)
    assert user.call("GET", "/query", params={"q": "SELECT COUNT() FROM Account"})[1]["totalSize"] == 1
    assert user.query("SELECT COUNT(Id) n FROM Account")[0]["n"] == 1
    assert user.query("SELECT Name, (SELECT Id FROM Contacts) FROM Account")[0]["Contacts"] is None
    assert user.query("SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact)") == []


def test_public_read_only_lets_see_but_not_change(caller: Any, ann: str, as_user: As) -> None:
    theirs = caller.make("Account", Name="Theirs")
    caller.control("POST", "sharing", {"object": "Account", "default": "Read"})
    user = as_user(ann)
    assert _names(user) == ["Theirs"]
    assert user.call("PATCH", f"/sobjects/Account/{theirs}", {"Phone": "1"}) == READ_ONLY


def test_public_read_write_lets_change_but_not_delete_or_give_away(caller: Any, ann: str, as_user: As) -> None:
    theirs = caller.make("Account", Name="Theirs")
    mine = caller.make("Account", Name="Mine", OwnerId=ann)
    user = as_user(ann)
    assert user.call("PATCH", f"/sobjects/Account/{theirs}", {"Phone": "1"})[0] == 204
    assert user.call("DELETE", f"/sobjects/Account/{theirs}") == READ_ONLY
    assert user.call("PATCH", f"/sobjects/Account/{theirs}", {"OwnerId": ann}) == READ_ONLY
    assert user.call("DELETE", f"/sobjects/Account/{mine}")[0] == 204


def test_who_stands_above_in_the_hierarchy_owns_along(caller: Any, person: Person, as_user: As) -> None:
    head = caller.make("UserRole", Name="Head")
    desk = caller.make("UserRole", Name="Desk", ParentRoleId=head)
    boss, clerk = person("boss", role=head), person("clerk", role=desk)
    caller.make("Account", Name="Boss's", OwnerId=boss)
    account = caller.make("Account", Name="Clerk's", OwnerId=clerk)
    caller.control("POST", "sharing", {"object": "Account", "default": "Private"})
    assert _names(as_user(boss)) == ["Boss's", "Clerk's"]
    assert _names(as_user(clerk)) == ["Clerk's"]
    assert as_user(boss).call("DELETE", f"/sobjects/Account/{account}")[0] == 204


@pytest.mark.parametrize(("level", "status"), [("Read", 403), ("Edit", 204)])
def test_a_share_row_opens_one_record(caller: Any, ann: str, as_user: As, level: str, status: int) -> None:
    caller.make("Account", Name="Other")
    account = caller.make("Account", Name="Shared")
    caller.control("POST", "sharing", {"object": "Account", "default": "Private"})
    row = {"AccountId": account, "UserOrGroupId": ann, "AccountAccessLevel": level, "RowCause": "Manual"}
    caller.make("AccountShare", **row)
    user = as_user(ann)
    assert _names(user) == ["Shared"]
    assert user.call("PATCH", f"/sobjects/Account/{account}", {"Phone": "1"})[0] == status


def test_a_rule_shares_what_a_role_owns_with_a_group(caller: Any, person: Person, as_user: As) -> None:
    desk = caller.make("UserRole", Name="Desk")
    ann, bob = person("ann", role=desk), person("bob")
    group = caller.make("Group", Name="Readers", DeveloperName="Readers", Type="Regular")
    caller.make("GroupMember", GroupId=group, UserOrGroupId=bob)
    caller.make("Account", Name="Ann's", OwnerId=ann)
    caller.make("Account", Name="Other")
    caller.control("POST", "sharing", {"object": "Account", "default": "Private"})
    assert _names(as_user(bob)) == []
    caller.control("POST", "sharing", {"object": "Account", "from": desk, "to": group, "access": "Read"})
    assert _names(as_user(bob)) == ["Ann's"]
    caller.control("DELETE", "sharing")
    assert _names(as_user(bob)) == ["Ann's", "Other"]


def test_a_deal_shows_its_account_and_contacts_follow_theirs(caller: Any, ann: str, as_user: As) -> None:
    seen, unseen = (caller.make("Account", Name=name) for name in ("Seen", "Unseen"))
    for account, owner in ((seen, ann), (unseen, caller.org.user_id)):
        deal = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-04-01", "AccountId": account}
        caller.make("Opportunity", OwnerId=owner, **deal)
        caller.make("Contact", LastName="Berg", AccountId=account)
    for name in ("Account", "Opportunity"):
        caller.control("POST", "sharing", {"object": name, "default": "Private"})
    caller.control("POST", "sharing", {"object": "Contact", "default": "ControlledByParent"})
    user = as_user(ann)
    assert _names(user) == ["Seen"]
    assert len(user.query("SELECT Id FROM Opportunity")) == 1
    assert [row["AccountId"] for row in user.query("SELECT AccountId FROM Contact")] == [seen]


def test_a_look_up_to_an_unseen_record_is_refused(caller: Any, ann: str, as_user: As) -> None:
    account = caller.make("Account", Name="Theirs")
    caller.control("POST", "sharing", {"object": "Account", "default": "Private"})
    made = as_user(ann).call("POST", "/sobjects/Contact", {"LastName": "Berg", "AccountId": account})
    assert made == _unseen(account)


def test_view_all_reads_past_sharing_and_modify_all_writes(caller: Any, ann: str, as_user: As) -> None:
    account = caller.make("Account", Name="Theirs")
    caller.control("POST", "sharing", {"object": "Account", "default": "Private"})
    org = caller.org
    granted = org.insert("PermissionSet", {"Name": "Wide", "Label": "Wide"}, org.system())
    org.insert("PermissionSetAssignment", {"AssigneeId": ann, "PermissionSetId": granted}, org.system())
    rights = {f"Permissions{right}": True for right in ("Read", "ViewAllRecords")}
    row = org.insert("ObjectPermissions", {"ParentId": granted, "SobjectType": "Account", **rights}, org.system())
    user = as_user(ann)
    assert _names(user) == ["Theirs"]
    assert user.call("PATCH", f"/sobjects/Account/{account}", {"Phone": "1"}) == READ_ONLY
    rights = {f"Permissions{right}": True for right in ("Edit", "Delete", "ModifyAllRecords")}
    org.update("ObjectPermissions", row, rights, org.system())
    assert user.call("DELETE", f"/sobjects/Account/{account}")[0] == 204


def test_scopes_stay_within_what_is_shared(caller: Any, ann: str, as_user: As) -> None:
    caller.make("Account", Name="Theirs")
    caller.make("Account", Name="Mine", OwnerId=ann)
    caller.control("POST", "sharing", {"object": "Account", "default": "Private"})
    user = as_user(ann)
    for scope in ("mine", "everything"):
        assert [row["Name"] for row in user.query(f"SELECT Name FROM Account USING SCOPE {scope}")] == ["Mine"]


def test_a_default_that_an_object_cannot_have_is_told(caller: Any) -> None:
    obj = caller.org.object("Lead")
    for default in ("ControlledByParent", "Open"):
        with pytest.raises(ValueError, match="Lead"):
            caller.org.sharing.set_default(obj, default)
