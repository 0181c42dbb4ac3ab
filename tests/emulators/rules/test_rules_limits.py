"""Limits: long calls side by side, storage, queries that take too long, addresses that are too long."""

from __future__ import annotations

from typing import Any

BUSY = [
    {
        "message": "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
        "errorCode": "REQUEST_LIMIT_EXCEEDED",
    }
]


def test_the_twenty_sixth_long_call_is_refused_and_the_twenty_fifth_is_not(caller: Any) -> None:
    caller.control("POST", "limits", {"long_running": 24})
    assert caller.call("GET", "/limits")[0] == 200
    caller.control("POST", "limits", {"long_running": 25})
    assert caller.call("GET", "/limits") == (403, BUSY)


def test_a_developer_org_has_five(caller: Any) -> None:
    caller.control("POST", "limits", {"long_running": 5, "concurrent_max": 5})
    assert caller.call("GET", "/limits") == (403, BUSY)


def test_the_daily_allowance_is_refused_with_its_body(caller: Any) -> None:
    caller.control("POST", "limits", {"daily_max": 10, "used": 10})
    text = "TotalRequests Limit exceeded."
    assert caller.call("GET", "/limits") == (403, [{"message": text, "errorCode": "REQUEST_LIMIT_EXCEEDED"}])


def test_storage_is_counted_and_refused_when_it_is_full(caller: Any) -> None:
    before = caller.call("GET", "/limits")[1]["DataStorageMB"]
    assert before == {"Max": 10_240, "Remaining": 10_240}
    caller.org.load_raw("Account", ({"Name": f"{n}"} for n in range(511)))
    caller.control("POST", "limits", {"storage_mb": 1})
    last = caller.make("Account", Name="512")
    full = [{"message": "storage limit exceeded", "errorCode": "STORAGE_LIMIT_EXCEEDED", "fields": []}]
    assert caller.call("POST", "/sobjects/Account", {"Name": "513"}) == (400, full)
    assert caller.call("GET", "/limits")[1]["DataStorageMB"] == {"Max": 1, "Remaining": 0}
    caller.call("DELETE", f"/sobjects/Account/{last}")
    assert caller.call("POST", "/sobjects/Account", {"Name": "512"})[0] == 201


def test_a_query_of_too_many_rows_takes_too_long_and_a_smaller_one_does_not(caller: Any) -> None:
    for name in ("a", "b"):
        caller.make("Account", Name=name)
    caller.control("POST", "limits", {"query_rows": 1})
    refused = [{"message": "Your query request was running for too long.", "errorCode": "QUERY_TIMEOUT"}]
    assert caller.call("GET", "/query", params={"q": "SELECT Id FROM Account"}) == (400, refused)
    assert len(caller.query("SELECT Id FROM Account WHERE Name = 'a'")) == 1


def test_addresses_and_headers_have_a_size(caller: Any) -> None:
    assert caller.raw("GET", f"/services/data/v67.0/query?q={'x' * 16_384}").status_code == 414
    assert caller.raw("GET", "/services/data", headers={"X-Long": "x" * 16_000}).status_code == 200
    assert caller.raw("GET", "/services/data", headers={"X-Long": "x" * 16_384}).status_code == 431
