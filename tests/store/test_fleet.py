"""Processes know of each other what one of them said: on SQLite as on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from connector.store.fleet import ACTIVE, ConnectionState, Counter, Fleet, Note, Worker
from connector.store.store import Store

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def fleet(where: str) -> Iterator[Fleet]:
    opened = Fleet.open(where)
    yield opened
    opened.close()


def test_a_worker_is_alive_until_it_was_silent_for_too_long(fleet: Fleet) -> None:
    fleet.beat("w1", NOON - 2 * MINUTE)
    fleet.beat("w2", NOON)
    fleet.beat("w1", NOON, {"doing": "sync"})
    assert fleet.workers(NOON + MINUTE, MINUTE) == (
        Worker("w1", NOON, {"doing": "sync"}, True),
        Worker("w2", NOON, {}, True),
    )
    assert [each.alive for each in fleet.workers(NOON + MINUTE + timedelta(seconds=1), MINUTE)] == [False, False]


@pytest.mark.parametrize(("minutes", "alive"), [(5, True), (6, False)])
def test_a_heartbeat_from_far_ahead_is_no_sign_of_life(fleet: Fleet, minutes: int, alive: bool) -> None:
    fleet.beat("w1", NOON + minutes * MINUTE)
    assert [each.alive for each in fleet.workers(NOON, MINUTE)] == [alive]


def test_a_worker_that_left_is_missed_by_nobody(fleet: Fleet) -> None:
    fleet.beat("w1", NOON)
    fleet.beat("w2", NOON - MINUTE)
    fleet.leave("w1")
    assert [each.name for each in fleet.workers(NOON, MINUTE)] == ["w2"]
    assert (fleet.forget_workers(NOON - MINUTE), fleet.forget_workers(NOON)) == (0, 1)


def test_a_connection_is_active_until_it_is_paused(fleet: Fleet) -> None:
    assert fleet.state("emea") == ACTIVE
    assert fleet.pause("emea", "the token was revoked", NOON, retry_at=NOON + MINUTE)
    paused = ConnectionState("paused", "the token was revoked", NOON, NOON + MINUTE)
    assert (fleet.state("emea"), fleet.state("apac")) == (paused, ACTIVE)
    assert fleet.resume("emea", NOON + MINUTE)
    assert fleet.states() == {"emea": ConnectionState("active", "", NOON + MINUTE)}


def test_a_pause_keeps_its_beginning_and_takes_its_newest_reason(fleet: Fleet) -> None:
    assert fleet.pause("emea", "throttled", NOON)
    assert not fleet.pause("emea", "the quota is used up", NOON + MINUTE)
    assert fleet.state("emea") == ConnectionState("paused", "the quota is used up", NOON)
    assert fleet.resume("emea", NOON)
    assert not fleet.resume("emea", NOON)


def test_a_slot_is_taken_by_exactly_one(fleet: Fleet, where: str) -> None:
    taken: list[bool] = []
    with closing(Fleet.open(where)) as other:

        def take(book: Fleet) -> None:
            taken.extend(book.slot("emea", "sync", NOON + number * MINUTE) for number in range(12))

        threads = [threading.Thread(target=take, args=(book,)) for book in (fleet, other, fleet)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert (len(taken), sum(taken)) == (36, 12)
    assert fleet.last_slot("emea", "sync") == NOON + 11 * MINUTE
    assert fleet.last_slot("emea", "audit") is fleet.last_slot("apac", "sync") is None


def test_slots_are_forgotten_but_never_the_last_of_a_kind(fleet: Fleet) -> None:
    for number in range(3):
        fleet.slot("emea", "sync", NOON + number * MINUTE)
    fleet.slot("emea", "audit", NOON)
    assert fleet.forget_slots(NOON + timedelta(days=1)) == 2
    assert fleet.last_slot("emea", "sync") == NOON + 2 * MINUTE
    assert fleet.last_slot("emea", "audit") == NOON


def test_counters_add_up_over_processes(fleet: Fleet, where: str) -> None:
    with closing(Fleet.open(where)) as other:
        for _ in range(12):
            fleet.count("emea", "refused:signature")
            other.count("emea", "refused:signature", 2)
    assert fleet.counters() == (Counter("emea", "refused:signature", 36),)


def test_the_last_figure_of_each_name_is_known(fleet: Fleet) -> None:
    for number in range(12):
        fleet.note("emea", {"lag": number, "budget": {"left": 100}}, NOON)
    fleet.note("emea", {"lag": None}, NOON + MINUTE)
    assert fleet.notes() == (Note("emea", "budget", {"left": 100}, NOON), Note("emea", "lag", None, NOON + MINUTE))


def test_the_store_and_the_fleet_may_share_a_database(fleet: Fleet, where: str) -> None:
    with closing(Store.open(where, "emea")) as store:
        store.set_state("tasks", "1")
        fleet.beat("w1", NOON)
        assert fleet.inbox().waiting() == ()
        assert store.state("tasks") == "1"


def test_a_fleet_of_many_opens_a_new_database_at_once(where: str) -> None:
    opened: list[Fleet] = []
    threads = [threading.Thread(target=lambda: opened.append(Fleet.open(where))) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(opened) == 6
    for each in opened:
        each.beat("w", NOON)
        each.close()
