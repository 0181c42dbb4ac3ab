"""What every CRM behind a wire must survive: throttling, lost answers, tokens that end, locks, killed processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.crm.base import MemoryLedger, ReadRequest, Write, WriteResult, WriteStatus
from connector.errors import BudgetExhausted

APPLIED, REFUSED, FAILED = WriteStatus.APPLIED, WriteStatus.REFUSED, WriteStatus.FAILED
both = pytest.mark.parametrize("bench", ["salesforce", "hubspot"], indirect=True)
every_version = pytest.mark.parametrize("bench", ["salesforce", "hubspot", "hubspot v3"], indirect=True)


def request(bench: Any, **more: Any) -> ReadRequest:
    until = bench.start + timedelta(hours=1)
    return ReadRequest(bench.company, bench.fields("id"), **({"since": bench.start, "until": until} | more))


def ids(crm: Any, asked: ReadRequest) -> list[str]:
    return [each for page in crm.read(asked) for each in page.rows.column(0).to_pylist()]


def outcomes(crm: Any, writes: list[Write]) -> dict[str, WriteResult]:
    found = list(crm.write(writes))
    assert sorted(each.ref for each in found) == sorted(each.ref for each in writes)
    return {each.ref: each for each in found}


def statuses(found: dict[str, WriteResult]) -> set[tuple[WriteStatus, str]]:
    return {(each.status, each.code) for each in found.values()}


def noted(bench: Any, records: list[str]) -> set[str | None]:
    return set(bench.crm.fetch(bench.company, records, bench.fields("note")).column(0).to_pylist())


@both
@pytest.mark.parametrize("kind", ["drop", "truncate", "503", "html_error", "429"])
def test_a_fault_while_reading_costs_time_but_no_row(bench: Any, kind: str) -> None:
    made = bench.fill(25)
    bench.emulator.faults({"kind": kind, "times": 2, "path": bench.words["reads"]})
    assert Counter(ids(bench.crm, request(bench))) == Counter(made)
    assert [each["struck"] for each in bench.emulator.control("state", method="GET")["faults"]] == [2]


@every_version
@pytest.mark.parametrize("kind", ["503", "429", "drop_after"])
def test_an_update_that_was_not_answered_is_sent_again(bench: Any, kind: str) -> None:
    records = bench.fill(3)
    bench.emulator.faults({"kind": kind, "times": 1, **bench.words["updates"]})
    found = outcomes(bench.crm, [bench.update(each, each, note="set") for each in records])
    assert (statuses(found), noted(bench, records)) == ({(APPLIED, "")}, {"set"})


@both
def test_a_creation_that_was_throttled_is_made_once(bench: Any) -> None:
    bench.emulator.faults({"kind": "429", "times": 2, **bench.words["creates"]})
    made = bench.fill(3)
    assert Counter(ids(bench.crm, request(bench))) == Counter(made)


@both
def test_a_creation_whose_answer_was_lost_is_reported_and_not_sent_again(bench: Any) -> None:
    bench.emulator.faults({"kind": "drop_after", "times": 1, **bench.words["creates"]})
    found = outcomes(bench.crm, [bench.creation(f"c{at}", name=f"lost {at}") for at in range(3)])
    assert statuses(found) == {(FAILED, "ANSWER_LOST")}
    assert len(ids(bench.crm, request(bench))) == 3


@every_version
def test_an_upsert_whose_answer_was_lost_makes_one_record(bench: Any) -> None:
    write = bench.upsert("up", f"lost {bench.start:%Y%m%d}", name="keyed")
    bench.emulator.faults({"kind": "drop_after", "times": 1, "path": f"upsert|composite/sobjects/{bench.company}"})
    assert statuses(outcomes(bench.crm, [write])) == {(APPLIED, "")}
    assert [each["struck"] for each in bench.emulator.control("state", method="GET")["faults"]] == [1]
    assert len(ids(bench.crm, request(bench))) == 1


@both
def test_a_lock_that_passes_is_waited_for_and_one_that_stays_is_reported(bench: Any) -> None:
    records = bench.fill(5)
    bench.emulator.control("locks", {"ids": records[:2], "times": 3})
    found = outcomes(bench.crm, [bench.update(each, each, note="one") for each in records])
    assert statuses(found) == {(APPLIED, "")}
    bench.emulator.faults()
    bench.emulator.control("locks", {"ids": records[:1]})
    found = outcomes(bench.crm, [bench.update(each, each, note="two") for each in records])
    assert (found[records[0]].status, found[records[0]].code) == (FAILED, bench.code("locked"))
    assert {each.status for ref, each in found.items() if ref != records[0]} == {APPLIED}
    assert noted(bench, records) == {"one", "two"}


@both
def test_a_refusal_of_some_records_is_theirs_alone(bench: Any) -> None:
    records = bench.fill(6)
    rule = {"kind": "partial_failure", "code": "NOT_ON_FRIDAYS", "message": "Not: on Fridays", "ids": records[2:4]}
    bench.emulator.faults(rule)
    found = outcomes(bench.crm, [bench.update(each, each, note="set") for each in records])
    assert [found[each].status for each in records] == [APPLIED, APPLIED, REFUSED, REFUSED, APPLIED, APPLIED]
    assert (found[records[2]].code, found[records[2]].message) == ("NOT_ON_FRIDAYS", "Not: on Fridays")


@every_version
def test_a_token_that_ends_while_reading_is_renewed_once(bench: Any) -> None:
    made = bench.fill(25)
    crm = bench.renewing()
    crm.schema(bench.company)
    before = crm.wire.tokens.renewals
    bench.emulator.faults({"kind": "expire_token", "times": 1, "path": bench.words["reads"]})
    assert Counter(ids(crm, request(bench))) == Counter(made)
    assert crm.wire.tokens.renewals == before + 1


@both
def test_a_token_that_ends_while_writing_makes_nothing_twice(bench: Any) -> None:
    crm = bench.renewing()
    crm.schema(bench.company)
    bench.emulator.control("expire_tokens")
    found = outcomes(crm, [bench.creation(f"c{at}", name=f"made {at}") for at in range(3)])
    assert statuses(found) == {(APPLIED, "")}
    assert Counter(ids(crm, request(bench))) == Counter(each.id for each in found.values())


@both
def test_what_would_eat_the_reserve_is_refused_before_anything_is_written(bench: Any) -> None:
    (record,) = bench.fill(1)
    bench.spend(897, of=1_000)
    crm = bench.open()
    crm.identity()
    crm.schema(bench.company)
    with pytest.raises(BudgetExhausted, match="writing 601 records"):
        list(crm.write([bench.creation(f"c{at}", name="never") for at in range(601)]))
    bench.spend(0, of=1_000_000)
    assert ids(bench.crm, request(bench)) == [record]


@both
def test_another_connection_goes_on_where_one_stopped(bench: Any) -> None:
    made, ledger = bench.fill(bench.words["many"]), MemoryLedger()
    reading = bench.paged(ledger).read(request(bench))
    first = next(reading)
    reading.close()
    rest = ids(bench.paged(ledger), request(bench, resume=first.resume))
    assert Counter([*first.rows.column(0).to_pylist(), *rest]) == Counter(made)


@both
@pytest.mark.slow
@pytest.mark.kill
def test_a_pull_killed_at_any_moment_ends_with_every_row_once(bench: Any, tmp_path: Path) -> None:
    made = bench.fill(3 * bench.words["many"])
    (tmp_path / "pages").mkdir()
    bounds = {"since": bench.start.isoformat(), "until": (bench.start + timedelta(hours=1)).isoformat()}
    question = {"object": bench.company, "id": bench.field("id"), **bounds}
    arguments = [str(tmp_path), bench.vendor, json.dumps(question), json.dumps(bench.settings())]
    script = [sys.executable, str(Path(__file__).parent / "reading_process.py"), *arguments]
    process = subprocess.Popen(script, cwd=Path.cwd())
    deadline = time.monotonic() + 30
    while len(list((tmp_path / "pages").glob("*.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = len(list((tmp_path / "pages").glob("*.json")))
    subprocess.run(script, check=True, timeout=60, cwd=Path.cwd())
    stored = [json.loads(path.read_text())["ids"] for path in sorted((tmp_path / "pages").glob("*.json"))]
    assert len(stored) > before
    assert Counter(each for page in stored for each in page) == Counter(made)
    jobs = {kind: n for kind, n in bench.emulator.calls().items() if kind.startswith("POST") and "jobs/query" in kind}
    assert sum(jobs.values()) <= 1
