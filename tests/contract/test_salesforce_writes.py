"""Writing to an org that is locked, broken, nearly out of requests, or wrong in one record of two hundred."""

from __future__ import annotations

from typing import Any

import pytest

from connector.crm.base import Action, MemoryLedger, Write, WriteResult, WriteStatus
from connector.errors import BudgetExhausted

APPLIED, REFUSED, FAILED = WriteStatus.APPLIED, WriteStatus.REFUSED, WriteStatus.FAILED


def creations(count: int, name: str = "new") -> list[Write]:
    return [Write(f"c{at}", "Account", Action.CREATE, (("Name", f"{name} {at}"),)) for at in range(count)]


def done(crm: Any, writes: list[Write]) -> dict[str, WriteResult]:
    found = list(crm.write(writes))
    assert sorted(each.ref for each in found) == sorted(each.ref for each in writes)
    return {each.ref: each for each in found}


def made(sf: Any, count: int, name: str = "made") -> list[str]:
    found = done(sf.crm, creations(count, name))
    return [str(found[f"c{at}"].id) for at in range(count)]


def updates(ids: list[str], **values: Any) -> list[Write]:
    return [Write(f"u{at}", "Account", Action.UPDATE, tuple(values.items()), id=one) for at, one in enumerate(ids)]


def statuses(found: dict[str, WriteResult]) -> set[tuple[str, str]]:
    return {(str(each.status), each.code) for each in found.values()}


@pytest.fixture
def bulk(sf: Any) -> Any:
    """A connection that sends three records or more as a job."""
    return sf.open(bulk_writes=2)


@pytest.mark.parametrize(("records", "calls"), [(1, 1), (200, 1), (201, 2), (600, 3)])
def test_two_hundred_records_travel_in_one_call(sf: Any, records: int, calls: int) -> None:
    sf.crm.schema("Account")
    before = sf.crm.usage().calls
    assert statuses(done(sf.crm, creations(records))) == {("applied", "")}
    assert sf.crm.usage().calls - before == calls


@pytest.mark.slow
def test_above_the_threshold_one_job_carries_all_in_seven_calls(sf: Any) -> None:
    crm = sf.open(bulk_writes=400, first_poll=0.5)
    crm.schema("Account")
    before = crm.usage().calls
    found = done(crm, creations(600, "bulky"))
    assert (statuses(found), len({each.id for each in found.values()})) == ({("applied", "")}, 600)
    assert crm.usage().calls - before <= 9
    before = crm.usage().calls
    writes = updates([str(each.id) for each in found.values()], Website="x.example")
    assert statuses(done(crm, writes)) == {("applied", "")}
    assert crm.usage().calls - before <= 7


def test_a_job_matches_each_outcome_to_its_write_whatever_the_order(sf: Any, bulk: Any) -> None:
    texts = ['a,b "c"', "two\nlines", "same", "same", "#N/Ax"]
    writes = [Write(f"t{at}", "Account", Action.CREATE, (("Name", text),)) for at, text in enumerate(texts)]
    writes.append(Write("bad", "Account", Action.CREATE, (("Name", "x" * 256), ("Website", "w.example"))))
    found = done(bulk, writes)
    assert (found["bad"].status, found["bad"].code, found["bad"].fields) == (REFUSED, "STRING_TOO_LONG", ("Name",))
    kept = sf.crm.fetch("Account", [str(found[f"t{at}"].id) for at in range(5)], ("Id", "Name")).to_pylist()
    by_id = {row["Id"]: row["Name"] for row in kept}
    assert [by_id[str(found[f"t{at}"].id)] for at in range(5)] == texts


def test_null_clears_a_field_in_a_job_and_an_absent_value_leaves_it(sf: Any, bulk: Any) -> None:
    one, two, three = made(sf, 3)
    done(sf.crm, updates([one, two, three], Website="x.example", NumberOfEmployees=7))
    mixed = [
        Write("a", "Account", Action.UPDATE, (("Website", None),), id=one),
        Write("b", "Account", Action.UPDATE, (("NumberOfEmployees", None),), id=two),
        Write("c", "Account", Action.UPDATE, (("Website", ""),), id=three),
    ]
    assert statuses(done(bulk, mixed)) == {("applied", "")}
    rows = sf.crm.fetch("Account", [one, two, three], ("Id", "Website", "NumberOfEmployees")).to_pylist()
    assert {row["Id"]: (row["Website"], row["NumberOfEmployees"]) for row in rows} == {
        one: (None, 7),
        two: ("x.example", None),
        three: (None, 7),
    }


def test_the_text_that_bulk_takes_for_null_is_written_as_text(sf: Any, bulk: Any) -> None:
    ids = made(sf, 3)
    done(bulk, updates(ids, Website="#N/A"))
    assert set(sf.crm.fetch("Account", ids, ("Website",)).column("Website").to_pylist()) == {"#N/A"}


@pytest.mark.parametrize("transport", ["crm", "bulk"])
def test_a_lock_that_passes_is_waited_for_and_one_that_stays_is_reported(sf: Any, bulk: Any, transport: str) -> None:
    crm = sf.crm if transport == "crm" else bulk
    ids = made(sf, 5)
    sf.emulator.control("locks", {"ids": ids[:2], "times": 3})
    assert statuses(done(crm, updates(ids, Website="x.example"))) == {("applied", "")}
    sf.emulator.control("locks", {"ids": ids[:1]})
    found = done(crm, updates(ids, Website="y.example"))
    assert (found["u0"].status, found["u0"].code) == (FAILED, "UNABLE_TO_LOCK_ROW")
    assert {each.status for ref, each in found.items() if ref != "u0"} == {APPLIED}


def test_a_failure_of_some_records_is_theirs_alone(sf: Any, bulk: Any) -> None:
    ids = made(sf, 6)
    rule = {
        "kind": "partial_failure",
        "code": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "message": "Not: on Fridays",
        "ids": ids[2:4],
    }
    for crm in (sf.crm, bulk):
        sf.emulator.faults(rule)
        found = done(crm, updates(ids, Website="x.example"))
        assert [found[f"u{at}"].status for at in range(6)] == [APPLIED, APPLIED, REFUSED, REFUSED, APPLIED, APPLIED]
        assert found["u2"].message == "Not: on Fridays"


def test_a_creation_whose_answer_was_lost_is_reported_unknown_and_not_sent_again(sf: Any) -> None:
    sf.emulator.faults({"kind": "drop_after", "method": "POST", "path": "composite/sobjects", "times": 1})
    found = done(sf.crm, creations(3, f"lost {sf.start}"))
    assert statuses(found) == {("failed", "ANSWER_LOST")}
    names = [f"lost {sf.start} {at}" for at in range(3)]
    assert sf.crm.find("Account", "Name", names, ("Id",)).num_rows == 3


def test_an_update_whose_answer_was_lost_is_simply_sent_again(sf: Any) -> None:
    ids = made(sf, 3)
    sf.emulator.faults({"kind": "drop_after", "method": "PATCH", "path": "composite/sobjects", "times": 1})
    assert statuses(done(sf.crm, updates(ids, Website="x.example"))) == {("applied", "")}


def test_a_deletion_whose_answer_was_lost_is_applied(sf: Any) -> None:
    ids = made(sf, 3)
    sf.emulator.faults({"kind": "drop_after", "method": "DELETE", "path": "composite/sobjects", "times": 1})
    writes = [Write(f"d{at}", "Account", Action.DELETE, id=one) for at, one in enumerate(ids)]
    assert statuses(done(sf.crm, writes)) == {("applied", "")}


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "drop_after", "method": "PUT", "path": "jobs/ingest"},
        {"kind": "drop_after", "method": "PATCH", "path": "jobs/ingest"},
        {"kind": "drop_after", "method": "POST", "path": "jobs/ingest"},
        {"kind": "expire_token", "method": "GET", "path": "jobs/ingest"},
        {"kind": "truncate", "method": "GET", "path": "successfulResults"},
        {"kind": "html_error", "method": "PUT", "path": "jobs/ingest"},
    ],
    ids=lambda rule: f"{rule['kind']} {rule['method']}",
)
def test_no_fault_of_a_job_makes_a_record_twice(sf: Any, bulk: Any, rule: dict[str, Any]) -> None:
    name = f"once {sf.start}"
    sf.emulator.faults(rule | {"times": 1})
    assert statuses(done(bulk, creations(4, name))) == {("applied", "")}
    assert sf.crm.find("Account", "Name", [f"{name} {at}" for at in range(4)], ("Id",)).num_rows == 4


def test_a_crashed_apply_finds_its_job_and_makes_nothing_twice(sf: Any) -> None:
    class Crash(BaseException):
        pass

    def crash(seconds: float) -> None:
        raise Crash

    ledger, name = MemoryLedger(), f"crash {sf.start}"
    first = sf.open(ledger, bulk_writes=2)
    first.schema("Account")
    first.wire.sleep = crash
    first._writer._bulk._state = lambda job: {"state": "InProgress"}  # the org is not ready when the process dies
    with pytest.raises(Crash):
        list(first.write(creations(4, name)))
    assert len(ledger.kept) == 1
    found = done(sf.open(ledger, bulk_writes=2), creations(4, name))
    assert statuses(found) == {("applied", "")}
    assert sf.crm.find("Account", "Name", [f"{name} {at}" for at in range(4)], ("Id",)).num_rows == 4
    assert ledger.kept == {}


def test_a_batch_refused_as_a_whole_is_halved_until_the_culprit_stands_alone(sf: Any) -> None:
    real, sent = sf.crm.wire.json, []

    def strict(method: str, path: str, **more: Any) -> Any:
        records = (more.get("payload") or {}).get("records", [])
        sent.append(len(records))
        if any(each.get("Website") == "poison" for each in records):
            from connector.crm.salesforce.faults import Refusal

            raise Refusal(path, 400, "JSON_PARSER_ERROR", "Unexpected character")
        return real(method, path, **more)

    ids = made(sf, 50)
    sf.crm.wire.json = strict
    writes = updates(ids, Website="fine")
    writes[17] = Write("u17", "Account", Action.UPDATE, (("Website", "poison"),), id=ids[17])
    found = done(sf.crm, writes)
    assert (found["u17"].status, found["u17"].code) == (REFUSED, "JSON_PARSER_ERROR")
    assert {each.status for ref, each in found.items() if ref != "u17"} == {APPLIED}
    assert len(sent) <= 13


def test_what_would_eat_the_reserve_is_refused_before_anything_is_written(sf: Any) -> None:
    ids = made(sf, 2)
    sf.emulator.control("limits", {"daily_max": 1_000, "used": 897})
    crm = sf.open()
    crm.identity()
    with pytest.raises(BudgetExhausted, match="writing 601 records"):
        list(crm.write(creations(601, "never")))
    assert crm.fetch("Account", ids, ("Id",)).num_rows == 2


def test_a_day_that_ends_amid_a_write_leaves_the_rest_failed_and_asks_no_more(sf: Any) -> None:
    crm = sf.open(budget_reserve=0.0, budget_share=1.0)
    crm.schema("Account")
    used = sf.emulator.control("state", method="GET")["used"]
    sf.emulator.control("limits", {"daily_max": used + 1})
    found = done(crm, creations(500, "late"))
    by_code = [code for _, code in sorted((str(each.status), each.code) for each in found.values())]
    assert (by_code.count(""), by_code.count("REQUEST_LIMIT_EXCEEDED")) == (200, 300)


def test_a_value_that_cannot_be_sent_is_refused_and_the_others_go(sf: Any) -> None:
    from datetime import datetime

    one, two = made(sf, 2)
    naive = datetime.fromisoformat("2026-01-01T00:00:00")
    writes = [
        Write("naive", "Account", Action.UPDATE, (("Website", naive),), id=one),
        Write("good", "Account", Action.UPDATE, (("Website", "g.example"),), id=two),
        Write("nobody", "Account", Action.UPDATE, (("Website", "g.example"),)),
        Write("keyless", "Account", Action.UPSERT, (("Website", "g.example"),)),
    ]
    found = done(sf.crm, writes)
    assert {ref: (str(each.status), each.code) for ref, each in found.items()} == {
        "naive": ("refused", "BAD_VALUE"),
        "good": ("applied", ""),
        "nobody": ("refused", "MISSING_ARGUMENT"),
        "keyless": ("refused", "MISSING_ARGUMENT"),
    }


def test_tasks_of_one_account_lie_side_by_side(sf: Any) -> None:
    accounts = made(sf, 3)
    writes = [
        Write(f"t{at}", "Task", Action.CREATE, (("Subject", f"s{at}"), ("WhatId", accounts[at % 3])))
        for at in range(9)
    ]
    ordered = sf.crm._writer._ordered(writes)
    whats = [dict(write.values)["WhatId"] for write in ordered]
    assert whats == sorted(whats)
    assert statuses(done(sf.crm, writes)) == {("applied", "")}
