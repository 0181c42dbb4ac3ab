"""The store keeps what it was told, once, and nothing of what was never committed."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from connector.errors import Misconfigured
from connector.store.store import DecisionRow, OutcomeRow, Store

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store.sqlite", "acme")


def decision(partner: str, digest: str) -> DecisionRow:
    return DecisionRow(partner, digest, f'{{"d":"{digest}"}}', "{}")


def test_two_connections_share_a_file_but_not_their_rows(store: Store, tmp_path: Path) -> None:
    other = Store.open(tmp_path / "store.sqlite", "globex")
    store.set_state("tasks", "1")
    assert other.state("tasks") is None


def test_a_run_that_never_ended_is_abandoned_by_the_next(store: Store) -> None:
    first = store.begin_run("pull", NOON)
    second = store.begin_run("pull", NOON + timedelta(hours=1))
    store.end_run(second, "done", {"rows": 3}, NOON + timedelta(hours=2))
    assert [(r.id, r.state, r.summary) for r in store.runs()] == [
        (second, "done", {"rows": 3}),
        (first, "abandoned", {}),
    ]


def test_a_naive_moment_is_refused(store: Store) -> None:
    with pytest.raises(Exception, match="without a time zone"):
        store.begin_run("pull", datetime(2026, 3, 31))  # noqa: DTZ001


def test_decisions_are_appended_and_the_latest_replaced(store: Store) -> None:
    day = date(2026, 3, 31)
    store.record_decisions(1, day, [decision("p1", "a"), decision("p2", "a")], [])
    store.record_decisions(2, day, [decision("p1", "b")], [decision("p2", "a")])
    assert {k: v.digest for k, v in store.latest_decisions().items()} == {"p1": "b", "p2": "a"}
    assert [run for run, _, _ in store.decision_history("p1")] == [2, 1]
    assert [run for run, _, _ in store.decision_history("p2")] == [1]


def test_a_partner_that_is_gone_keeps_its_history(store: Store) -> None:
    day = date(2026, 3, 31)
    store.record_decisions(1, day, [decision("p1", "a")], [])
    store.record_decisions(2, day, [], [], gone=["p1"])
    assert store.latest_decisions() == {}
    assert len(store.decision_history("p1")) == 1


def test_more_partners_than_one_statement_takes(store: Store) -> None:
    rows = [decision(f"p{i:05}", "a") for i in range(1001)]
    store.record_decisions(1, date(2026, 3, 31), rows, [])
    assert len(store.latest_decisions()) == 1001
    assert len(store.latest_decisions([r.partner_id for r in rows[:900]])) == 900


def test_a_new_plan_supersedes_the_open_one(store: Store) -> None:
    first = store.save_plan(1, "f1", "{}", NOON)
    store.save_plan(2, "f2", "{}", NOON)
    store.close_plan(first, "applied")
    latest = store.latest_plan()
    assert latest is not None
    assert (latest.fingerprint, latest.state) == ("f2", "open")


def test_outcomes_are_found_by_plan_and_by_record(store: Store) -> None:
    plan = store.save_plan(1, "f1", "{}", NOON)
    row = OutcomeRow("fields:p1", "applied", "p1", '{"a":1}', '{"a":2}', "", "", NOON)
    store.record_outcomes(plan, 1, [row])
    assert store.outcomes(plan_id=plan) == (row,)
    assert store.outcomes(record_id="p1") == (row,)
    assert store.outcomes(record_id="p2") == ()


def test_the_ledger_forgets_only_what_it_is_told_to(store: Store, tmp_path: Path) -> None:
    ledger = store.ledger()
    ledger.put("job", "1")
    ledger.put("job", "2")
    again = Store.open(tmp_path / "store.sqlite", "acme").ledger()
    assert again.get("job") == "2"
    again.drop("job")
    assert ledger.get("job") is None


def test_a_store_of_a_newer_version_is_refused(store: Store, tmp_path: Path) -> None:
    store.close()
    with sqlite3.connect(tmp_path / "store.sqlite") as db:
        db.execute("UPDATE store_version SET version_num = 'store99'")
    db.close()
    with pytest.raises(Misconfigured, match="newer pmom"):
        Store.open(tmp_path / "store.sqlite", "acme")


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_bytes(b"not a database at all, sorry" * 100)
    with pytest.raises(Misconfigured, match=r"store\.sqlite"):
        Store.open(tmp_path / "store.sqlite", "acme")
