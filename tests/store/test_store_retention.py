"""What was kept long enough is forgotten, a little at a time; decisions, credits and what is open never are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest

from connector.store.audits import AuditVersion
from connector.store.credits import CreditRow, NewVersion
from connector.store.retention import Forgotten, forget
from connector.store.store import DecisionRow, OutcomeRow, Store

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def store(where: str) -> Iterator[Store]:
    opened = Store.open(where, "acme")
    yield opened
    opened.close()


def worked(store: Store, at: datetime, *, state: str = "applied") -> int:
    """A run with a plan and an outcome; the plan's id."""
    run = store.begin_run("sync", at)
    plan = store.save_plan(run, "f", '{"many": "words"}', at)
    store.record_outcomes(plan, run, [OutcomeRow("fields:p1", "applied", "p1", "{}", "{}", "", "", at)])
    if state != "open":
        store.close_plan(plan, state)
    store.end_run(run, "done", {}, at)
    return plan


def kept(store: Store) -> tuple[int, int]:
    """How many runs and outcomes there are."""
    return len(store.runs(1_000)), len(store.outcomes())


def test_old_trails_go_and_young_ones_stay_at_the_boundary(store: Store) -> None:
    for at in (NOON - timedelta(seconds=1), NOON, NOON + DAY):
        worked(store, at)
    assert forget(store, bodies_before=NOON, trail_before=NOON) == Forgotten(1, 1, 1, 1)
    assert kept(store) == (2, 2)
    assert [run.started_at for run in store.runs()] == [NOON + DAY, NOON]
    assert forget(store, bodies_before=NOON, trail_before=NOON) == Forgotten(0, 0, 0, 0)


def test_bodies_go_before_the_trail_does(store: Store) -> None:
    worked(store, NOON - 2 * DAY)
    worked(store, NOON)
    assert forget(store, bodies_before=NOON - DAY, trail_before=NOON - 9 * DAY) == Forgotten(1, 0, 0, 0)
    assert kept(store) == (2, 2)
    latest = store.latest_plan()
    assert latest is not None
    assert latest.body == '{"many": "words"}'


def test_the_newest_plan_and_run_stay_however_old(store: Store) -> None:
    plan = worked(store, NOON - 900 * DAY)
    assert forget(store, bodies_before=NOON, trail_before=NOON) == Forgotten(0, 0, 0, 0)
    latest = store.latest_plan()
    assert latest is not None
    assert (latest.id, latest.body, kept(store)) == (plan, '{"many": "words"}', (1, 1))


def test_what_a_young_run_wrote_of_an_old_plan_stays_with_it(store: Store) -> None:
    plan = worked(store, NOON - 9 * DAY)
    run = store.begin_run("apply", NOON)
    store.record_outcomes(plan, run, [OutcomeRow("fields:p2", "applied", "p2", "{}", "{}", "", "", NOON)])
    worked(store, NOON)
    assert forget(store, bodies_before=NOON - DAY, trail_before=NOON - DAY) == Forgotten(1, 1, 0, 0)
    assert [row.change for row in store.outcomes(plan_id=plan)] == ["fields:p2"]


def test_decisions_credits_and_audits_are_never_forgotten(store: Store) -> None:
    day = date(2020, 1, 1)
    store.record_decisions(1, day, [DecisionRow("p1", "a", "{}", "{}")], [])
    store.record_decisions(2, day, [DecisionRow("p1", "b", "{}", "{}")], [])
    store.credits().record(1, day, "v", [NewVersion(CreditRow("o1", 1, "{}", False, None), "first")], [])
    store.audits().record(1, AuditVersion("2020-Q1", 1, "snapshot", NOON - 2_000 * DAY, "d", "{}"), [])
    for at in (NOON - 2_000 * DAY, NOON):
        worked(store, at)
    forget(store, bodies_before=NOON, trail_before=NOON)
    assert len(store.decision_history("p1")) == 2
    assert len(store.latest_decisions()) == len(store.credits().history("o1")) == len(store.audits().versions()) == 1


def test_another_connections_memory_is_its_own(store: Store, where: str) -> None:
    for at in (NOON - 9 * DAY, NOON):
        worked(store, at)
    with closing(Store.open(where, "globex")) as other:
        for at in (NOON - 9 * DAY, NOON):
            worked(other, at)
        forget(store, bodies_before=NOON, trail_before=NOON)
        assert (kept(store), kept(other)) == ((1, 1), (2, 2))


def test_more_than_one_transaction_takes_is_forgotten(store: Store) -> None:
    plan = worked(store, NOON - 9 * DAY)
    rows = [OutcomeRow(f"fields:p{n}", "applied", f"p{n}", "{}", "{}", "", "", NOON - 9 * DAY) for n in range(4_100)]
    store.record_outcomes(plan, 1, rows)
    worked(store, NOON)
    assert forget(store, bodies_before=NOON, trail_before=NOON) == Forgotten(1, 4_101, 1, 1)
    assert kept(store) == (1, 1)
