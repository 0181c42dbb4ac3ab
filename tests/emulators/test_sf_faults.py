"""Faults, limits, clock and other people's edits: explicit, counted, seeded."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from emulators.loopback.faults import Faults, parse_rule


def statuses(caller: Any, count: int) -> list[int]:
    return [caller.call("GET", "/limits")[0] for _ in range(count)]


def test_the_control_plane_demands_its_token(caller: Any) -> None:
    assert caller.raw("GET", "/__emulator__/state").status_code == 403
    state = caller.control("GET", "state")
    assert (state["org_id"], state["now"], state["frozen"]) == (caller.org.org_id, "2026-03-31T09:00:00.000Z", True)


PLANNED = {
    "429": "REQUEST_LIMIT_EXCEEDED",
    "500": "UNKNOWN_EXCEPTION",
    "502": "SERVER_UNAVAILABLE",
    "503": "SERVER_UNAVAILABLE",
}


@pytest.mark.parametrize(("kind", "code"), PLANNED.items())
def test_a_planned_status_has_the_vendors_body(caller: Any, kind: str, code: str) -> None:
    caller.control("POST", "faults", [{"kind": kind, "times": 1}])
    status, body = caller.call("GET", "/limits")
    assert (status, body[0]["errorCode"]) == (int(kind), code)
    assert statuses(caller, 1) == [200]


def test_a_rule_strikes_every_nth_match_after_the_first_n_so_many_times(caller: Any) -> None:
    caller.control("POST", "faults", [{"kind": "503", "path": "/limits$", "after_n": 1, "every_n": 2, "times": 2}])
    assert caller.call("GET", "/sobjects")[0] == 200  # not a match
    assert statuses(caller, 7) == [200, 200, 503, 200, 503, 200, 200]
    rule = caller.control("GET", "state")["faults"][0]
    assert (rule["matched"], rule["struck"]) == (7, 2)


def test_a_rule_of_a_method_leaves_the_others_alone(caller: Any) -> None:
    caller.control("POST", "faults", [{"kind": "500", "method": "POST"}])
    assert statuses(caller, 1) == [200]
    assert caller.call("POST", "/sobjects/Account", {"Name": "x"})[0] == 500
    caller.control("DELETE", "faults")
    assert caller.call("POST", "/sobjects/Account", {"Name": "x"})[0] == 201


def test_chance_is_the_same_for_the_same_seed() -> None:
    def struck(seed: int) -> list[bool]:
        rule = parse_rule({"kind": "503", "probability": 0.5}, seed)
        return [rule.strikes() for _ in range(40)]

    assert struck(1) == struck(1) != struck(2)
    assert 8 < sum(struck(1)) < 32


def test_a_wrong_rule_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="unknown keys n"):
        Faults(1).replace([{"kind": "503", "n": 1}])
    with pytest.raises(ValueError, match="'teapot' is not a valid Kind"):
        Faults(1).replace([{"kind": "teapot"}])


def test_a_dropped_call_was_not_carried_out_unless_dropped_after(caller: Any) -> None:
    for kind, made in (("drop", 0), ("drop_after", 1)):
        caller.control("POST", "faults", [{"kind": kind, "method": "POST", "times": 1}])
        with pytest.raises(requests.ConnectionError):
            caller.call("POST", "/sobjects/Account", {"Name": kind})
        assert len(caller.query(f"SELECT Id FROM Account WHERE Name = '{kind}'")) == made


def test_a_truncated_body_breaks_off(caller: Any) -> None:
    caller.control("POST", "faults", [{"kind": "truncate", "times": 1}])
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        caller.call("GET", "/sobjects", headers={"Accept-Encoding": "identity"})
    assert caller.call("GET", "/sobjects")[0] == 200


def test_a_slow_call_answers_late(caller: Any) -> None:
    caller.control("POST", "faults", [{"kind": "slow", "seconds": 0.3}])
    began = time.perf_counter()
    assert statuses(caller, 1) == [200]
    assert time.perf_counter() - began >= 0.3


def test_a_page_of_html_stands_for_a_gateway(caller: Any) -> None:
    caller.control("POST", "faults", [{"kind": "html_error", "times": 1}])
    answer = caller.raw("GET", "/services/data/v67.0/limits")
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "text/html; charset=UTF-8")


def test_a_token_can_expire_in_the_middle(caller: Any) -> None:
    caller.control("POST", "faults", [{"kind": "expire_token", "after_n": 1, "times": 1}])
    assert statuses(caller, 3) == [200, 401, 401]
    caller.login()
    assert statuses(caller, 1) == [200]
    assert caller.control("POST", "expire_tokens") == {"expired": 1}
    assert statuses(caller, 1) == [401]


def test_a_locked_record_refuses_so_many_writes(caller: Any) -> None:
    record_id = caller.make("Account", Name="x")
    caller.control("POST", "locks", {"ids": [record_id], "times": 1})
    text = f"unable to obtain exclusive access to this record or 1 records: {record_id}"
    refused = (400, [{"message": text, "errorCode": "UNABLE_TO_LOCK_ROW", "fields": []}])
    assert caller.call("PATCH", f"/sobjects/Account/{record_id}", {"Name": "y"}) == refused
    assert caller.call("PATCH", f"/sobjects/Account/{record_id}", {"Name": "y"}) == (204, None)


def test_a_part_of_a_collection_can_fail_by_plan(caller: Any) -> None:
    rule = {"kind": "partial_failure", "path": "^Account$", "every_n": 3, "code": "STORAGE_LIMIT_EXCEEDED",
            "message": "storage limit exceeded"}  # fmt: skip
    caller.control("POST", "faults", [rule])
    records = [{"attributes": {"type": "Account"}, "Name": str(place)} for place in range(6)]
    results = caller.call("POST", "/composite/sobjects", {"records": records})[1]
    assert [result["success"] for result in results] == [True, True, False, True, True, False]
    expected = {"statusCode": "STORAGE_LIMIT_EXCEEDED", "message": "storage limit exceeded", "fields": []}
    assert results[2]["errors"] == [expected]


def test_the_daily_allowance_ends_and_comes_back_after_a_day(caller: Any) -> None:
    caller.control("POST", "limits", {"daily_max": 2})
    assert statuses(caller, 2) == [200, 200]
    body = [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]
    assert caller.call("GET", "/limits") == (403, body)
    caller.control("POST", "clock", {"advance": 24 * 3600 - 60})
    caller.login()
    assert statuses(caller, 1) == [403]
    caller.control("POST", "clock", {"advance": 60})
    assert statuses(caller, 1) == [200]


def test_calls_already_used_can_be_set(caller: Any) -> None:
    caller.control("POST", "limits", {"daily_max": 100, "used": 98})
    answer = caller.raw("GET", "/services/data/v67.0/limits")
    assert answer.headers["Sforce-Limit-Info"] == "api-usage=99/100"


def test_the_clock_is_set_moved_and_frozen(caller: Any) -> None:
    assert caller.control("POST", "clock", {"now": "2026-04-01T00:00:00Z"})["now"] == "2026-04-01T00:00:00.000Z"
    assert caller.control("POST", "clock", {"advance": 1.5})["now"] == "2026-04-01T00:00:01.500Z"
    assert caller.control("POST", "clock", {"frozen": False})["frozen"] is False
    time.sleep(0.02)
    assert caller.control("GET", "state")["now"] > "2026-04-01T00:00:01.510Z"


def test_calls_are_counted_by_kind(caller: Any) -> None:
    record_id = caller.make("Account", Name="x")
    caller.control("POST", "reset_calls")
    caller.call("GET", f"/sobjects/Account/{record_id}")
    caller.call("GET", f"/sobjects/Account/{record_id}", version="60.0")
    caller.call("GET", "/limits")
    counted = caller.control("GET", "calls")
    one = "/services/data/vXX"
    assert counted["total"] == 3
    assert counted["by_kind"] == {f"GET {one}/sobjects/Account/{{id}}": 2, f"GET {one}/limits": 1}
    assert [call["status"] for call in counted["calls"]] == [200, 200, 200]


def test_somebody_else_edits_and_deletes(caller: Any) -> None:
    made = caller.control("POST", "insert", {"object": "Account", "values": {"Name": "x"}})["id"]
    caller.org.clock.advance(60)
    caller.control("POST", "edit", {"object": "Account", "id": made, "values": {"Name": "y"}})
    row = caller.org.get("Account", made)
    assert (row["Name"], row["SystemModstamp"]) == ("y", "2026-03-31T09:01:00.000Z")
    caller.control("POST", "delete", {"object": "Account", "id": made})
    assert caller.org.get("Account", made)["IsDeleted"] == 1
    caller.control("POST", "undelete", {"object": "Account", "id": made})
    caller.control("POST", "delete", {"object": "Account", "id": made, "hard": True})
    assert caller.org.get("Account", made) is None
