"""What a wrong clock wrote is believed no longer than a right one's word would be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.config.operation import Schedule
from jobs.alive import Heard
from jobs.orders import Kind
from jobs.rests import due, let_rest
from jobs.scheduler import Clock

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
STALE = timedelta(seconds=30)
DAY = timedelta(days=1)


@pytest.mark.parametrize("ahead", [timedelta(hours=1), 400 * DAY])
def test_a_rest_that_a_clock_ahead_began_is_as_long_as_it_was_meant_to_be(yard: Any, ahead: timedelta) -> None:
    let_rest(yard.fleet, "east", "revoked", NOON + ahead, 600)
    assert not due(yard.fleet, "east", NOON)
    assert yard.fleet.state("east").retry_at == NOON + timedelta(seconds=600)
    assert [due(yard.fleet, "east", NOON + timedelta(seconds=each)) for each in (599, 600)] == [False, True]
    assert yard.fleet.state("east").reason == "revoked"


def test_a_long_rest_that_the_crm_asked_for_is_kept(yard: Any) -> None:
    until = let_rest(yard.fleet, "east", "it moves house", NOON, DAY.total_seconds())
    assert [due(yard.fleet, "east", each) for each in (NOON, until - timedelta(seconds=1), until)] == [
        False,
        False,
        True,
    ]


def test_a_rest_without_a_note_is_at_most_the_longest_of_ours(yard: Any) -> None:
    yard.fleet.pause("east", "revoked", NOON, NOON + DAY)
    assert not due(yard.fleet, "east", NOON)
    assert yard.fleet.state("east").retry_at == NOON + timedelta(hours=1)


def test_nobody_else_is_tried(yard: Any) -> None:
    assert not due(yard.fleet, "east", NOON)
    yard.fleet.pause("east", "we move house", NOON)
    assert not due(yard.fleet, "east", NOON + DAY)


def test_the_schedule_probes_it_then(yard: Any) -> None:
    let_rest(yard.fleet, "east", "revoked", NOON + DAY, 300)
    at = [NOON]
    deployment = type("D", (), {"names": ("east",), "schedule": Schedule(probe=5)})()
    clock = Clock(deployment, yard.fleet, yard.queue, now=lambda: at[0])
    for minutes in (0, 5, 10):
        at[0] = NOON + timedelta(minutes=minutes)
        clock.fire(Kind.PROBE)
    assert [job.order.key for job in yard.queue.jobs(kind=Kind.PROBE)] == ["2026-03-31T12:05Z"]


def test_a_heartbeat_from_the_future_counts_once_as_now(yard: Any) -> None:
    passed = [0.0]
    heard = Heard(yard.fleet, STALE, lambda: passed[0])
    yard.fleet.beat("w1", NOON + DAY)
    found = []
    for passed[0] in (0.0, 29.0, 30.0):
        found.append(heard.alive(NOON + timedelta(seconds=passed[0])))
    assert found == [{"w1"}, {"w1"}, set()]
    yard.fleet.beat("w1", NOON + DAY + timedelta(seconds=1))
    assert heard.alive(NOON) == {"w1"}


def test_a_worker_whose_clock_is_behind_lives_as_long_as_it_beats(yard: Any) -> None:
    passed = [0.0]
    heard = Heard(yard.fleet, STALE, lambda: passed[0])
    for passed[0] in (0.0, 20.0, 40.0, 60.0):
        yard.fleet.beat("w1", NOON - timedelta(minutes=4) + timedelta(seconds=passed[0]))
        assert heard.alive(NOON + timedelta(seconds=passed[0])) == {"w1"}


def test_a_worker_that_was_silent_for_long_is_so_at_the_first_look(yard: Any) -> None:
    heard = Heard(yard.fleet, STALE, lambda: 0.0)
    yard.fleet.beat("w1", NOON - timedelta(hours=1))
    assert [heard.alive(NOON), heard.alive(NOON)] == [set(), set()]
