"""Reading an org that is large, slow, forgetful or broken, and being killed while doing so."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psutil
import pytest

from connector.crm.base import Action, Filter, MemoryLedger, Op, Page, ReadRequest, Write
from connector.errors import BudgetExhausted, Misconfigured

ROWS = 25
RESULTS = {"method": "GET", "path": "jobs/query/.*/results"}


@pytest.fixture
def rows(sf: Any) -> list[str]:
    """Ids of as many accounts as make several small pages; values that CSV must quote."""
    names = [f'row {at}, "quoted"\nand broken' for at in range(ROWS)]
    found = sf.crm.write([Write(name, "Account", Action.CREATE, (("Name", name),)) for name in names])
    by_name = {each.ref: each.id for each in found}
    sf.emulator.control("reset_calls")
    return [by_name[name] for name in names]


def request(sf: Any, **more: Any) -> ReadRequest:
    until = sf.start + timedelta(hours=1)
    return ReadRequest("Account", **({"fields": ("Id", "Name"), "since": sf.start, "until": until} | more))


def bulk(sf: Any, ledger: Any = None, **settings: Any) -> Any:
    return sf.open(ledger, **({"rest_rows": 3, "bulk_page_rows": 10} | settings))


def creations(name: str, count: int) -> list[Write]:
    return [Write(f"c{at}", "Account", Action.CREATE, (("Name", f"{name} {at}"),)) for at in range(count)]


def ids(pages: list[Page]) -> list[str]:
    return [row["Id"] for page in pages for row in page.rows.to_pylist()]


def jobs(sf: Any) -> int:
    return sum(
        count for kind, count in sf.emulator.calls().items() if kind.startswith("POST") and "jobs/query" in kind
    )


def test_many_rows_come_through_a_bulk_job_and_are_the_same_as_by_rest(sf: Any, rows: list[str]) -> None:
    by_rest = list(sf.crm.read(request(sf)))
    by_bulk = list(bulk(sf).read(request(sf)))
    assert (len(by_rest), [page.rows.num_rows for page in by_bulk]) == (1, [10, 10, 5])
    key = "Id"
    rest = sorted((row for page in by_rest for row in page.rows.to_pylist()), key=lambda row: row[key])
    assert sorted((row for page in by_bulk for row in page.rows.to_pylist()), key=lambda row: row[key]) == rest
    assert [row["Id"] for row in rest] == sorted(rows)
    assert {page.total for page in by_bulk} == {ROWS}


def test_the_threshold_itself_is_still_read_by_rest(sf: Any, rows: list[str]) -> None:
    assert len(ids(list(bulk(sf, rest_rows=ROWS).read(request(sf))))) == ROWS
    assert jobs(sf) == 0
    assert len(ids(list(bulk(sf, rest_rows=ROWS - 1).read(request(sf))))) == ROWS
    assert jobs(sf) == 1


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "expire_token", "after_n": 1, "times": 1, **RESULTS},
        {"kind": "drop", "times": 2, **RESULTS},
        {"kind": "truncate", "after_n": 1, "times": 2, **RESULTS},
        {"kind": "html_error", "times": 2, **RESULTS},
        {"kind": "500", "times": 1, **RESULTS},
        {"kind": "429", "times": 2, "path": "jobs/query"},
        {"kind": "expire_token", "times": 1, "method": "GET", "path": "jobs/query/[^/]*$"},
        {"kind": "drop_after", "times": 1, "method": "POST", "path": "jobs/query"},
    ],
    ids=lambda rule: f"{rule['kind']} {rule['path']}",
)
def test_a_fault_in_a_bulk_job_costs_time_but_no_row(sf: Any, rows: list[str], rule: dict[str, Any]) -> None:
    sf.emulator.faults(rule)
    found = ids(list(bulk(sf).read(request(sf))))
    assert Counter(found) == Counter(rows)


@pytest.mark.parametrize("kind", ["drop", "truncate", "503", "html_error", "429", "expire_token"])
def test_a_fault_in_rest_pages_costs_time_but_no_row(sf: Any, rows: list[str], kind: str) -> None:
    sf.emulator.faults({"kind": kind, "times": 2 if kind != "expire_token" else 1, "path": "/query"})
    assert ids(list(sf.crm.read(request(sf)))) == sorted(rows)


def test_another_process_goes_on_behind_each_bulk_page_without_a_new_job(sf: Any, rows: list[str]) -> None:
    ledger = MemoryLedger()
    reading = bulk(sf, ledger).read(request(sf))
    first = next(reading)
    assert len(ledger.kept) == 1
    reading.close()
    rest = list(bulk(sf, ledger).read(request(sf, resume=first.resume)))
    assert Counter(ids([first, *rest])) == Counter(rows)
    assert jobs(sf) == 1
    assert ledger.kept == {}


def test_a_process_without_a_page_takes_up_the_job_of_the_one_before(sf: Any, rows: list[str]) -> None:
    ledger = MemoryLedger()
    reading = bulk(sf, ledger).read(request(sf))
    next(reading)
    reading.close()
    assert Counter(ids(list(bulk(sf, ledger).read(request(sf))))) == Counter(rows)
    assert jobs(sf) == 1


def test_a_job_that_is_gone_is_begun_again(sf: Any, rows: list[str]) -> None:
    ledger = MemoryLedger()
    reading = bulk(sf, ledger).read(request(sf))
    first = next(reading)
    reading.close()
    job = json.loads(next(iter(ledger.kept.values())))["job"]
    sf.crm.wire.raw("DELETE", f"jobs/query/{job}", kind="test")
    found = ids(list(bulk(sf, ledger).read(request(sf, resume=first.resume))))
    assert Counter(found) == Counter(rows)
    assert jobs(sf) == 2


def test_a_job_of_another_api_version_is_begun_again(sf: Any, rows: list[str]) -> None:
    ledger = MemoryLedger()
    reading = bulk(sf, ledger).read(request(sf))
    first = next(reading)
    reading.close()
    older = bulk(sf, ledger, api_version="66.0")
    assert Counter(ids(list(older.read(request(sf, resume=first.resume))))) == Counter(rows)


def test_the_token_of_another_request_is_not_followed(sf: Any, rows: list[str]) -> None:
    reading = bulk(sf).read(request(sf))
    first = next(reading)
    reading.close()
    other = request(sf, where=(Filter("Name", Op.FILLED),), resume=first.resume)
    assert Counter(ids(list(sf.crm.read(other)))) == Counter(rows)


def test_a_rest_page_is_gone_on_from_by_its_last_row(sf: Any) -> None:
    made = []
    for at in range(5):
        made.append(sf.add("Account", Name=f"k{at}"))
        sf.advance(at % 2)
    question = request(sf)
    page = next(iter(sf.crm.read(question)))
    last = page.rows.to_pylist()[2]
    from connector.crm.salesforce.question import place_of, question_of, token_of

    asked = question_of(question, sf.crm._describer)
    record = sf.crm._reader.rows(f"SELECT Id, SystemModstamp FROM Account WHERE Id = '{last['Id']}'")[0]
    token = token_of(asked.passed(place_of(question), record, 3), question)
    assert ids(list(sf.crm.read(replace(question, resume=token)))) == made[3:]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_rows(sf: Any) -> None:
    list(sf.crm.write(creations("x" * 200, 1_000)))
    crm = bulk(sf, bulk_page_rows=50)
    process = psutil.Process()
    sizes = []
    for _ in range(4):
        for page in crm.read(request(sf)):
            sizes.append(page.rows.num_rows)
        sizes.append(process.memory_info().rss)
    seen = [size for size in sizes if size > 10_000]
    assert max(size for size in sizes if size <= 10_000) == 50
    assert seen[-1] - seen[1] < 8 << 20


def test_a_query_too_long_for_a_uri_is_sent_all_the_same(sf: Any, rows: list[str]) -> None:
    many = tuple(f"no such name number {at:06d}" for at in range(900))
    where = (Filter("Name", Op.IN, (*many, 'row 3, "quoted"\nand broken')),)
    assert ids(list(sf.crm.read(request(sf, where=where)))) == [rows[3]]


def test_thousands_of_ids_are_fetched_in_few_calls(sf: Any, rows: list[str]) -> None:
    unknown = [f"001510000{at:06d}" for at in range(100_000, 102_500)]
    sf.crm.schema("Account")
    before = sf.crm.usage().calls
    found = sf.crm.fetch("Account", [*unknown, *rows], ("Id",))
    assert sorted(found.column("Id").to_pylist()) == sorted(rows)
    assert sf.crm.usage().calls - before <= 1


def test_what_was_deleted_is_told_even_after_the_bin_was_emptied(sf: Any, rows: list[str]) -> None:
    sf.advance(60)
    sf.delete("Account", rows[0])
    sf.advance(60)
    sf.purge("Account", rows[1])
    sf.advance(120)
    assert set(sf.crm.deleted_since("Account", sf.start)) >= {rows[0]}
    where = (Filter("CreatedDate", Op.GE, sf.start),)
    assert set(sf.crm.ids("Account", where)) == set(rows[2:])


def test_a_hidden_field_is_as_if_it_were_not_there(sf: Any) -> None:
    sf.emulator.control("access", {"object": "Account", "field": "Website", "readable": False})
    try:
        crm = sf.open()
        assert crm.schema("Account").field("Website") is None
        with pytest.raises(Misconfigured, match=r"Account\.Website.*read access"):
            list(crm.read(request(sf, fields=("Id", "Website"))))
    finally:
        sf.emulator.control("access", {"object": "Account", "field": "Website", "readable": True})


def test_a_describe_that_did_not_change_is_not_sent_again(sf: Any) -> None:
    clock = [0.0]
    crm = sf.open()
    crm._describer._clock = lambda: clock[0]
    first = crm.schema("Account")
    clock[0] += 301
    assert crm.schema("Account") is first
    calls = sf.emulator.control("calls", method="GET")["calls"]
    assert [call["status"] for call in calls if call["path"].endswith("/describe")] == [200, 304]


def test_a_path_through_a_parent_is_read_by_both_transports(sf: Any, rows: list[str]) -> None:
    fields = ("Id", "Owner.Name", "Owner.IsActive")
    by_rest = next(iter(sf.crm.read(request(sf, fields=fields)))).rows.to_pylist()
    by_bulk = [row for page in bulk(sf).read(request(sf, fields=fields)) for row in page.rows.to_pylist()]
    assert by_rest[0]["Owner.Name"]
    assert by_rest[0]["Owner.IsActive"] is True
    assert sorted(by_bulk, key=lambda row: row["Id"]) == by_rest


def test_the_reserve_is_left_to_others(sf: Any, rows: list[str]) -> None:
    sf.emulator.control("limits", {"daily_max": 1_000, "used": 890})
    crm = sf.open()
    crm.identity()
    assert crm.usage().limit == 1_000
    for _ in range(20):
        try:
            list(crm.read(request(sf)))
        except BudgetExhausted as error:
            told = str(error)
    assert "of 1000 used" in told
    assert sf.emulator.control("state", method="GET")["used"] <= 901


def test_a_read_that_would_eat_the_reserve_is_not_begun(sf: Any, rows: list[str]) -> None:
    sf.emulator.control("limits", {"daily_max": 1_000, "used": 893})
    crm = bulk(sf)
    with pytest.raises(BudgetExhausted, match="reading 25 rows of Account"):
        list(crm.read(request(sf)))
    assert jobs(sf) == 0


def test_an_object_that_bulk_refuses_is_read_by_rest(sf: Any) -> None:
    crm = sf.open(rest_rows=1)
    found = [
        row for page in crm.read(ReadRequest("TaskStatus", ("Id", "MasterLabel"))) for row in page.rows.to_pylist()
    ]
    assert len(found) > 1
    assert jobs(sf) == 0
