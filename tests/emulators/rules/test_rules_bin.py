"""The recycle bin: what comes back, what is purged, and when."""

from __future__ import annotations

from typing import Any

DAY = 86_400
FAILED = "UNDELETE_FAILED: Entity is not in the recycle bin"


def _all(caller: Any, soql: str) -> list[dict[str, Any]]:
    status, body = caller.call("GET", "/queryAll", params={"q": soql})
    assert status == 200, body
    return list(body["records"])


def _undelete(caller: Any, obj: str, record: str) -> str:
    try:
        caller.org.undelete(obj, record, caller.org.actor())
    except Exception as bad:
        return str(bad)
    return ""


def test_a_deleted_record_is_purged_after_fifteen_days_not_before(caller: Any) -> None:
    account = caller.make("Account", Name="Umbra")
    caller.call("DELETE", f"/sobjects/Account/{account}")
    caller.control("POST", "clock", {"advance": 15 * DAY - 3 * 3600})
    caller.login()  # sessions end as well
    assert [row["IsDeleted"] for row in _all(caller, "SELECT IsDeleted FROM Account")] == [True]
    caller.control("POST", "clock", {"advance": 3 * 3600})
    caller.login()
    assert _all(caller, "SELECT Id FROM Account") == []
    assert _undelete(caller, "Account", account) == FAILED


def test_the_oldest_leave_a_bin_that_is_too_full_but_never_within_two_hours(caller: Any) -> None:
    caller.control("POST", "limits", {"storage_mb": 1})
    records = [{"attributes": {"type": "Lead"}, "LastName": f"{n}", "Company": "x"} for n in range(27)]
    _, made = caller.call("POST", "/composite/sobjects", {"records": records})
    ids = [one["id"] for one in made]
    caller.call("DELETE", f"/composite/sobjects?ids={','.join(ids)}")
    caller.call("GET", "/limits")
    assert len(_all(caller, "SELECT Id FROM Lead")) == 27
    caller.control("POST", "clock", {"advance": 2 * 3600})
    caller.login()
    assert [row["Id"] for row in _all(caller, "SELECT Id FROM Lead ORDER BY Id")] == ids[2:]


def test_what_went_along_comes_back_with_its_parent_only(caller: Any) -> None:
    account = caller.make("Account", Name="Umbra")
    contact = caller.make("Contact", LastName="Berg", AccountId=account)
    caller.call("DELETE", f"/sobjects/Account/{account}")
    assert _undelete(caller, "Contact", contact) == FAILED
    assert _undelete(caller, "Account", account) == ""
    assert [row["Id"] for row in caller.query("SELECT Id FROM Contact")] == [contact]


def test_look_ups_come_back_where_nobody_has_set_another(caller: Any) -> None:
    gone, other = caller.make("Campaign", Name="Gone"), caller.make("Campaign", Name="Other")
    deal = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-04-01", "CampaignId": gone}
    kept, moved = caller.make("Opportunity", **deal), caller.make("Opportunity", **deal)
    caller.call("DELETE", f"/sobjects/Campaign/{gone}")
    assert {row["CampaignId"] for row in caller.query("SELECT CampaignId FROM Opportunity")} == {None}
    caller.call("PATCH", f"/sobjects/Opportunity/{moved}", {"CampaignId": other})
    assert _undelete(caller, "Campaign", gone) == ""
    found = {row["Id"]: row["CampaignId"] for row in caller.query("SELECT Id, CampaignId FROM Opportunity")}
    assert found == {kept: gone, moved: other}


def test_a_unique_value_that_was_taken_meanwhile_keeps_a_record_in_the_bin(keyed: Any) -> None:
    account = keyed.make("Account", Name="Umbra", Key__c="k")
    keyed.call("DELETE", f"/sobjects/Account/{account}")
    keyed.make("Account", Name="Lumen", Key__c="k")
    assert _undelete(keyed, "Account", account).startswith("DUPLICATE_VALUE")


def test_an_emptied_bin_gives_nothing_back(caller: Any) -> None:
    account, alive = caller.make("Account", Name="Umbra"), caller.make("Account", Name="Lumen")
    caller.make("Contact", LastName="Berg", AccountId=account)
    caller.call("DELETE", f"/sobjects/Account/{account}")
    answer = caller.control("POST", "empty_recycle_bin", {"ids": [account, alive]})
    assert answer == {"errors": [None, "INVALID_ID_FIELD: Invalid record id; no recycle bin entry found"]}
    assert [row["Name"] for row in _all(caller, "SELECT Name FROM Account")] == ["Lumen"]
    assert _all(caller, "SELECT Id FROM Contact") == []
    start, end = "2026-03-31T00:00:00Z", "2026-04-01T00:00:00Z"
    deleted = caller.call("GET", f"/sobjects/Account/deleted/?start={start}&end={end}")[1]["deletedRecords"]
    assert [one["id"] for one in deleted] == [account]
