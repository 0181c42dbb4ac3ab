"""Merges: children move, losers name the master, its fields take what the call gives."""

from __future__ import annotations

from typing import Any

import pytest

from emulators.salesforce.errors import DmlError


def test_the_master_takes_children_and_values_and_the_losers_name_it(caller: Any) -> None:
    master, *losers = (caller.make("Account", Name=name) for name in ("A", "B", "C"))
    contact = caller.make("Contact", LastName="Berg", AccountId=losers[0])
    org = caller.org
    done = org.merge("Account", master, losers, org.actor(), {"Phone": "1", "Name": "ABC"})
    assert (done.id, done.merged, done.related) == (master, tuple(losers), (contact,))
    assert caller.query("SELECT Name, Phone, (SELECT Id FROM Contacts) FROM Account")[0]["Phone"] == "1"
    rows = caller.call("GET", "/queryAll", params={"q": "SELECT MasterRecordId FROM Account WHERE IsDeleted = true"})
    assert [row["MasterRecordId"] for row in rows[1]["records"]] == [master, master]
    org.undelete("Account", losers[0], org.actor())
    assert caller.query(f"SELECT MasterRecordId FROM Account WHERE Id = '{losers[0]}'")[0]["MasterRecordId"] is None


def test_a_membership_that_the_master_has_already_is_not_doubled(caller: Any) -> None:
    campaign = caller.make("Campaign", Name="Launch")
    one, two = (caller.make("Contact", LastName=name) for name in ("Berg", "Tal"))
    for contact in (one, two):
        caller.make("CampaignMember", CampaignId=campaign, ContactId=contact)
    caller.org.merge("Contact", one, [two], caller.org.actor())
    assert [row["ContactId"] for row in caller.query("SELECT ContactId FROM CampaignMember")] == [one]


@pytest.mark.parametrize("count", [0, 3])
def test_one_or_two_losers_are_taken_no_other_number(caller: Any, count: int) -> None:
    master, *losers = (caller.make("Lead", LastName=f"{n}", Company="x") for n in range(count + 1))
    with pytest.raises(DmlError, match="INVALID_NUM_ARGUMENTS"):
        caller.org.merge("Lead", master, losers, caller.org.actor())


def test_records_of_another_type_are_not_merged(caller: Any) -> None:
    account, contact = caller.make("Account", Name="A"), caller.make("Contact", LastName="Berg")
    with pytest.raises(DmlError, match="INVALID_ID_FIELD"):
        caller.org.merge("Account", account, [contact], caller.org.actor())


def test_values_that_are_refused_leave_everything_as_it_was(caller: Any) -> None:
    master, loser = caller.make("Account", Name="A"), caller.make("Account", Name="B")
    with pytest.raises(DmlError, match="REQUIRED_FIELD_MISSING"):
        caller.org.merge("Account", master, [loser], caller.org.actor(), {"Name": None})
    assert len(caller.query("SELECT Id FROM Account")) == 2
