"""What the query resource makes of the rarer clauses: records that count as seen, deleted rows, refusals as JSON."""

from __future__ import annotations

from typing import Any

import pytest

NOW = "2026-03-31T09:00:00.000+0000"


@pytest.mark.parametrize(
    ("clause", "viewed", "referenced"), [("VIEW", NOW, NOW), ("REFERENCE", None, NOW), ("UPDATE", None, None)]
)
def test_records_remember_that_they_were_seen(caller: Any, clause: str, viewed: Any, referenced: Any) -> None:
    caller.control("POST", "clock", {"now": "2026-03-31T09:00:00Z", "frozen": True})
    caller.org.load_raw("Contact", ({"LastName": name} for name in ("One", "Two")))
    fields = "SELECT LastName, LastViewedDate, LastReferencedDate, SystemModstamp FROM Contact"
    (before, other) = caller.query(f"{fields} ORDER BY LastName")
    caller.query(f"SELECT Id FROM Contact WHERE LastName = 'One' LIMIT 1 FOR {clause}")
    (after, same) = caller.query(f"{fields} ORDER BY LastName")
    assert after == before | {"LastViewedDate": viewed, "LastReferencedDate": referenced}
    assert same == other


def test_all_rows_come_by_query_all_and_never_by_words(caller: Any) -> None:
    gone = caller.make("Account", Name="Gone")
    caller.call("DELETE", f"/sobjects/Account/{gone}")
    status, body = caller.call("GET", "/queryAll", params={"q": "SELECT IsDeleted FROM Account"})
    assert (status, [row["IsDeleted"] for row in body["records"]]) == (200, [True])
    assert caller.query("SELECT Id FROM Account WHERE IsDeleted = true") == []
    status, body = caller.call("GET", "/query", params={"q": "SELECT Id FROM Account ALL ROWS"})
    assert (status, body[0]["errorCode"]) == (400, "MALFORMED_QUERY")


def test_a_refusal_is_an_array_with_the_place_in_the_query(caller: Any) -> None:
    status, body = caller.call("GET", "/query", params={"q": "SELECT Id FROM Account WHERE Nope__c = 5"})
    assert (status, body) == (
        400,
        [
            {
                "message": "\nSELECT Id FROM Account WHERE Nope__c = 5\n"
                "                             ^\nERROR at Row:1:Column:30\n"
                "No such column 'Nope__c' on entity 'Account'. If you are attempting to use a custom field, be sure "
                "to append the '__c' after the custom field name. Please reference your WSDL or the describe call "
                "for the appropriate names.",
                "errorCode": "INVALID_FIELD",
            }
        ],
    )
