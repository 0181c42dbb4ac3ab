"""getUpdated and getDeleted: what they tell and how far back they may be asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from emulators.loopback.clock import stored
from emulators.salesforce.org import Org


def ask(call: Any, which: str, *, start: timedelta, end: timedelta = timedelta(0), sobject: str = "Account") -> Any:
    now = call.org.clock.now()
    span = f"start={stored(now - start)}&end={stored(now - end)}"
    return f"sobjects/{sobject}/{which}/?{span}"


def test_changed_records_are_told_once_by_id(org: Org, call: Any) -> None:
    early = org.insert("Account", {"Name": "early"}, org.actor())
    org.clock.advance(3600)
    late = org.insert("Account", {"Name": "late"}, org.actor())
    org.update("Account", late, {"Name": "later"}, org.actor())
    org.clock.advance(60)
    told = call.json("GET", ask(call, "updated", start=timedelta(minutes=30)))
    assert told == {"ids": [late], "latestDateCovered": "2026-03-31T13:01:00.000+0000"}
    assert call.json("GET", ask(call, "updated", start=timedelta(hours=2)))["ids"] == [early, late]


def test_the_end_is_left_out_so_that_spans_can_be_chained(org: Org, call: Any) -> None:
    made = org.insert("Account", {"Name": "on the minute"}, org.actor())
    org.clock.advance(120)
    before = ask(call, "updated", start=timedelta(minutes=10), end=timedelta(minutes=2))
    after = ask(call, "updated", start=timedelta(minutes=2))
    assert call.json("GET", before)["ids"] == []
    assert call.json("GET", after)["ids"] == [made]


def test_nothing_is_promised_beyond_the_running_minute(org: Org, call: Any) -> None:
    org.clock.advance(30)
    future = ask(call, "updated", start=timedelta(hours=1), end=timedelta(hours=-1))
    assert call.json("GET", future)["latestDateCovered"] == "2026-03-31T12:00:00.000+0000"


def test_deleted_records_are_told_with_their_moment_until_they_come_back(org: Org, call: Any) -> None:
    gone = org.insert("Account", {"Name": "gone"}, org.actor())
    back = org.insert("Account", {"Name": "back"}, org.actor())
    org.delete("Account", gone, org.actor())
    org.delete("Account", back, org.actor())
    org.undelete("Account", back, org.actor())
    org.clock.advance(60)
    told = call.json("GET", ask(call, "deleted", start=timedelta(hours=1)))
    assert told == {
        "deletedRecords": [{"id": gone, "deletedDate": "2026-03-31T12:00:00.000+0000"}],
        "earliestDateAvailable": "2026-03-16T12:01:00.000+0000",
        "latestDateCovered": "2026-03-31T12:01:00.000+0000",
    }
    assert call.json("GET", ask(call, "updated", start=timedelta(hours=1)))["ids"] == [back]


def test_a_hard_delete_is_told_too(org: Org, call: Any) -> None:
    gone = org.insert("Account", {"Name": "gone"}, org.actor())
    org.hard_delete("Account", gone, org.actor())
    org.clock.advance(60)
    told = call.json("GET", ask(call, "deleted", start=timedelta(hours=1)))
    assert [record["id"] for record in told["deletedRecords"]] == [gone]


def test_the_losers_of_a_merge_are_deleted(org: Org, call: Any) -> None:
    master, loser = (org.insert("Account", {"Name": name}, org.actor()) for name in ("master", "loser"))
    org.merge("Account", master, [loser], org.actor())
    org.clock.advance(60)
    told = call.json("GET", ask(call, "deleted", start=timedelta(hours=1)))
    assert [record["id"] for record in told["deletedRecords"]] == [loser]


def test_updates_reach_thirty_days_back_and_no_further(call: Any) -> None:
    assert call("GET", ask(call, "updated", start=timedelta(days=30))).status == 200
    code = (400, "INVALID_REPLICATION_DATE")
    assert call.refused("GET", ask(call, "updated", start=timedelta(days=30, minutes=1))) == code


def test_deletions_reach_fifteen_days_back_and_no_further(call: Any) -> None:
    assert call("GET", ask(call, "deleted", start=timedelta(days=15))).status == 200
    code = (400, "INVALID_REPLICATION_DATE")
    assert call.refused("GET", ask(call, "deleted", start=timedelta(days=15, minutes=1))) == code


def test_a_span_is_at_least_a_minute(call: Any) -> None:
    assert call("GET", ask(call, "updated", start=timedelta(minutes=1))).status == 200
    code = (400, "INVALID_REPLICATION_DATE")
    assert call.refused("GET", ask(call, "updated", start=timedelta(0))) == code


def test_a_date_without_a_zone_is_refused(call: Any) -> None:
    code = (400, "INVALID_REPLICATION_DATE")
    assert call.refused("GET", "sobjects/Account/updated/?start=2026-03-30T00:00:00&end=2026-03-31T00:00:00") == code
    assert call.refused("GET", "sobjects/Account/updated/?start=2026-03-30T03:04:05:&end=x") == code
    assert call.refused("GET", "sobjects/Account/updated/?end=2026-03-31T00:00:00Z") == (400, "MISSING_ARGUMENT")


def test_objects_without_replication_and_unknown_ones_are_refused(call: Any) -> None:
    hour = timedelta(hours=1)
    assert call.refused("GET", ask(call, "updated", start=hour, sobject="OpportunityPartner"))[0] == 400
    assert call.refused("GET", ask(call, "updated", start=hour, sobject="Nope")) == (404, "NOT_FOUND")
