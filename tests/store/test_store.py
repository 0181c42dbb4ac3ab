"""The store keeps what it was told, once, and nothing of what was never committed: on SQLite as on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.errors import Misconfigured, Unkept
from connector.store.audits import AuditVersion, LineRow, SignOff
from connector.store.credits import CreditRow, NewVersion
from connector.store.engine import unopened
from connector.store.store import DecisionRow, OutcomeRow, Store

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture
def store(where: str) -> Iterator[Store]:
    opened = Store.open(where, "acme")
    yield opened
    opened.close()


def decision(partner: str, digest: str) -> DecisionRow:
    return DecisionRow(partner, digest, f'{{"d":"{digest}"}}', "{}")


def test_two_connections_share_a_file_but_not_their_rows(store: Store, where: str) -> None:
    with closing(Store.open(where, "globex")) as other:
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


def test_the_ledger_forgets_only_what_it_is_told_to(store: Store, where: str) -> None:
    ledger = store.ledger()
    ledger.put("job", "1")
    ledger.put("job", "2")
    with closing(Store.open(where, "acme")) as other:
        again = other.ledger()
        assert again.get("job") == "2"
        again.drop("job")
    assert ledger.get("job") is None


def test_a_store_of_a_newer_version_is_refused(
    store: Store, where: str, statement: Callable[[str], list[tuple[Any, ...]]]
) -> None:
    statement("UPDATE store_version SET version_num = 'store99'")
    with pytest.raises(Misconfigured, match="newer pmom"):
        Store.open(where, "acme")


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_bytes(b"not a database at all, sorry" * 100)
    with pytest.raises(Misconfigured, match=r"store\.sqlite"):
        Store.open(tmp_path / "store.sqlite", "acme")


def test_a_moment_comes_back_in_utc(store: Store) -> None:
    berlin = timezone(timedelta(hours=2))
    run = store.begin_run("pull", NOON.astimezone(berlin))
    (row,) = store.runs()
    assert (row.id, row.started_at, row.started_at.tzinfo) == (run, NOON, UTC)


def test_every_statement_holds_out_when_it_is_said_often(store: Store) -> None:
    """A server may begin to treat a statement in another way after some calls."""
    day, ledger = date(2026, 3, 31), store.ledger()
    for n in range(12):
        run = store.begin_run("sync", NOON + timedelta(minutes=n))
        store.set_state("tasks", str(n))
        ledger.put("job", str(n))
        store.record_decisions(run, day, [decision("p1", str(n))], [decision("p2", "same")])
        plan = store.save_plan(run, f"f{n}", "{}", NOON)
        store.record_outcomes(plan, run, [OutcomeRow("fields:p1", "applied", "p1", "{}", "{}", "", "", NOON)])
        row = CreditRow("o1", n + 1, f"{n}", False, None)
        store.credits().record(run, day, "v1", [NewVersion(row, "evidence")], [])
        store.audits().record(
            run, AuditVersion("2026-Q1", n + 1, "revision", NOON, "d", "{}"), [LineRow("p1", "ok", "d", "{}")]
        )
        store.audits().sign(SignOff("2026-Q1", n + 1, "d", "ann", "", NOON))
        store.end_run(run, "done", {"n": n}, NOON + timedelta(minutes=n))
        assert (store.state("tasks"), ledger.get("job")) == (str(n), str(n))
    assert {row.partner_id: row.digest for row in store.latest_decisions(["p1", "p2"]).values()} == {
        "p1": "11",
        "p2": "same",
    }
    assert store.credits().latest(["o1"]) == {"o1": CreditRow("o1", 12, "11", False, None)}
    assert [each.version for each in store.credits().history("o1")] == list(range(12, 0, -1))
    assert [each.version for each in store.audits().versions("2026-Q1")] == list(range(1, 13))
    assert len(store.audits().signoffs()) == len(store.outcomes(record_id="p1")) == 12
    assert [run.summary for run in store.runs(1)] == [{"n": 11}]


def test_what_a_stranger_sent_spoils_no_write(store: Store) -> None:
    plan = store.save_plan(1, "f1", "{}", NOON)
    odd = OutcomeRow("fields:p1", "failed", "p1", "{}", "{}", "C" * 150, "a\x00b\ud800c", NOON)
    store.record_outcomes(plan, 1, [odd])
    (kept,) = store.outcomes()
    assert (len(kept.code), kept.message) == (100, "a\ufffdb?c")


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    nowhere = f"postgresql://pmom:hunter2@/pmom?host={tmp_path}"
    with pytest.raises(Unkept, match=r"^\[workspace\] database: postgresql.*cannot be reached") as raised:
        Store.open(nowhere, "acme")
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("connection refused", 8),
        ("connection failed: FATAL:  the database system is starting up", 8),
        ("connection failed: FATAL:  sorry, too many clients already", 8),
        ('connection failed: FATAL:  password authentication failed for user "pmom" (hunter2)', 3),
        ('connection failed: FATAL:  database "pmom" does not exist', 3),
        ("permission denied for schema public", 3),
    ],
)
def test_a_server_that_is_away_and_one_that_lets_nobody_in_are_told_apart(reason: str, code: int) -> None:
    url = sa.make_url("postgresql+psycopg://pmom:hunter2@db/pmom")
    told = unopened(url, "store", "[workspace] database", reason)
    assert (told.exit_code, "hunter2" in str(told)) == (code, False)


def test_a_database_of_another_kind_is_refused() -> None:
    with pytest.raises(Misconfigured, match="no database that pmom knows"):
        Store.open("mysql://pmom@db.acme.invalid/pmom", "acme")
