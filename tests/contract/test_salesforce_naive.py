"""Where the bare client loses or harms data, and the adapter does not: both are run against the same org."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError

from connector.crm.base import Action, MemoryLedger, ReadRequest, Write, WriteStatus

ACCOUNT = ("Id", "Name")


@pytest.fixture
def naive(sf: Any) -> Any:
    """simple-salesforce as its own documentation uses it."""
    with requests.Session() as session:
        session.verify = sf.emulator.ca_file
        token = sf.crm.wire.tokens.token()
        yield Salesforce(session_id=token.access, instance_url=token.instance_url, session=session, version="67.0")


def stamp(sf: Any, seconds: int) -> str:
    return str((sf.start + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ"))


def ids(sf: Any, **bounds: Any) -> set[str]:
    request = ReadRequest("Account", ACCOUNT, **bounds)
    return {row["Id"] for page in sf.crm.read(request) for row in page.rows.to_pylist()}


def test_a_record_of_the_cursors_own_second_is_not_missed(sf: Any, naive: Any) -> None:
    """Row 1: the usual `> last` loses what shares the boundary's stamp; `>=` with de-duplication does not."""
    first = sf.add("Account", Name="first")
    cursor = sf.start
    late = sf.add("Account", Name="same second, visible later")
    query = f"SELECT Id FROM Account WHERE SystemModstamp > {stamp(sf, 0)}"
    assert naive.query_all(query)["records"] == []
    assert ids(sf, since=cursor) == {first, late}


def test_deletions_and_merges_arrive(sf: Any, naive: Any) -> None:
    """Row 4: a query says nothing of what is gone."""
    winner, loser, gone = (sf.add("Account", Name=name) for name in ("w", "l", "g"))
    sf.advance(10)
    sf.merge("Account", winner, loser)
    sf.delete("Account", gone)
    query = f"SELECT Id FROM Account WHERE SystemModstamp >= {stamp(sf, 5)}"
    assert {loser, gone} & {row["Id"] for row in naive.query_all(query)["records"]} == set()
    request = ReadRequest("Account", ACCOUNT, since=sf.start + timedelta(seconds=5))
    rows = [row for page in sf.crm.read(request) for row in page.rows.to_pylist()]
    assert {row["Id"]: row["pmom_merged_into"] for row in rows if row["pmom_deleted"]} == {loser: winner, gone: None}


def test_fields_that_change_without_a_stamp_are_known_as_such(sf: Any, naive: Any) -> None:
    """Row 5: an incremental query misses a roll-up's change; the schema names such fields to be re-read."""
    campaign = sf.add("Campaign", Name="roll-up")
    sf.advance(60)
    account = sf.add("Account", Name="a")
    values = {"Name": "o", "StageName": "Prospecting", "CloseDate": "2030-12-31", "AccountId": account, "Amount": 5}
    sf.add("Opportunity", CampaignId=campaign, **values)
    query = f"SELECT Id FROM Campaign WHERE SystemModstamp >= {stamp(sf, 30)}"
    assert naive.query_all(query)["records"] == []
    computed = [each.name for each in sf.crm.schema("Campaign").fields if each.calculated]
    assert "NumberOfOpportunities" in computed
    fetched = sf.crm.fetch("Campaign", [campaign], ("Id", "NumberOfOpportunities", "AmountAllOpportunities"))
    assert fetched.column("Id").to_pylist() == [campaign]


def test_a_row_that_was_locked_for_a_moment_is_written(sf: Any, naive: Any) -> None:
    """Row 11: the bare client hands the lock failure back once and for all."""
    one, two = (sf.add("Account", Name=name) for name in "ab")
    body = {"allOrNone": False, "records": [{"attributes": {"type": "Account"}, "id": one, "Website": "n.example"}]}
    sf.emulator.control("locks", {"ids": [one, two], "times": 1})
    answer = naive.restful("composite/sobjects", method="PATCH", json=body)
    assert answer[0]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"
    sf.emulator.faults()
    sf.emulator.control("locks", {"ids": [one, two], "times": 1})
    writes = [Write(each, "Account", Action.UPDATE, (("Website", "p.example"),), id=each) for each in (one, two)]
    assert {each.status for each in sf.crm.write(writes)} == {WriteStatus.APPLIED}


def test_null_clears_a_field_through_bulk(sf: Any, naive: Any) -> None:
    """Row 12: the bare client writes an empty cell for None, which the org takes for "leave it"."""
    made = [sf.add("Account", Name=name, Website="old.example") for name in "abc"]
    naive.bulk2.Account.update(records=[{"Id": each, "Website": None} for each in made], wait=0)
    kept = sf.crm.fetch("Account", made, ("Website",)).column("Website").to_pylist()
    assert kept == ["old.example"] * 3
    writes = [Write(each, "Account", Action.UPDATE, (("Website", None),), id=each) for each in made]
    assert {each.status for each in sf.open(bulk_writes=1).write(writes)} == {WriteStatus.APPLIED}
    assert sf.crm.fetch("Account", made, ("Website",)).column("Website").to_pylist() == [None] * 3


def test_a_hidden_field_is_left_out_instead_of_breaking_the_query(sf: Any, naive: Any) -> None:
    """Row 14: for a field that security hides the org answers as for one that does not exist."""
    sf.add("Account", Name="hidden", Website="x.example")
    sf.emulator.control("access", {"object": "Account", "field": "Website", "readable": False})
    try:
        with pytest.raises(SalesforceError, match="INVALID_FIELD"):
            naive.query("SELECT Id, Website FROM Account")
        crm = sf.open()
        visible = tuple(name for name in ("Id", "Website") if crm.schema("Account").field(name))
        rows = [
            row for page in crm.read(ReadRequest("Account", visible, since=sf.start)) for row in page.rows.to_pylist()
        ]
        assert (visible, len(rows)) == (("Id",), 1)
    finally:
        sf.emulator.control("access", {"object": "Account", "field": "Website", "readable": True})


def test_a_large_answer_is_held_a_page_at_a_time(sf: Any, naive: Any) -> None:
    """Row 16: the bare client's usual call holds every row at once."""
    writes = [Write(f"w{at}", "Account", Action.CREATE, (("Name", f"large {at}"),)) for at in range(400)]
    list(sf.crm.write(writes))
    query = f"SELECT Id, Name FROM Account WHERE SystemModstamp >= {stamp(sf, 0)}"
    assert len(naive.query_all(query)["records"]) == 400
    crm = sf.open(rest_rows=10, bulk_page_rows=50)
    held = [page.rows.num_rows for page in crm.read(ReadRequest("Account", ACCOUNT, since=sf.start))]
    assert (max(held), sum(held)) == (50, 400)


def test_a_session_that_ends_during_a_bulk_download_is_renewed(sf: Any, naive: Any) -> None:
    """Rows 17 and 19: the bare client's bulk calls never renew the session, and its job is lost with the process."""
    made = [sf.add("Account", Name=f"n{at}") for at in range(12)]
    expire = {"kind": "expire_token", "method": "GET", "path": "jobs/query/.*/results", "times": 1}
    query = f"SELECT Id, Name FROM Account WHERE SystemModstamp >= {stamp(sf, 0)}"
    sf.emulator.faults(expire)
    with pytest.raises(SalesforceError, match="Session expired"):
        list(naive.bulk2.Account.query(query, max_records=5, wait=0))
    sf.emulator.faults(expire)
    ledger = MemoryLedger()
    crm = sf.open(ledger, rest_rows=3, bulk_page_rows=5)
    request = ReadRequest("Account", ACCOUNT, since=sf.start, until=sf.start + timedelta(hours=1))
    found = [row["Id"] for page in crm.read(request) for row in page.rows.to_pylist()]
    assert Counter(found) == Counter(made)
    assert crm.wire.tokens.renewals == 2
