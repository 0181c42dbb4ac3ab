"""Each slot of the schedule is fired once, by however many schedulers; a missed one is made up for once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.config.operation import Schedule
from connector.errors import Misconfigured
from connector.hooks.hint import Happened, Hint, Sender
from jobs import requests
from jobs.orders import By, Kind, Order
from jobs.scheduler import Clock, latest, trigger
from jobs.watch import Watch

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def slot(now: datetime, **schedule: Any) -> datetime | None:
    when = trigger(Schedule(**schedule), Kind.SYNC)
    assert when is not None
    return latest(when, now)


def test_a_slot_begins_at_its_moment_and_not_before() -> None:
    assert slot(NOON, sync=15) == NOON
    assert slot(NOON - SECOND, sync=15) == NOON - timedelta(minutes=15)
    assert slot(NOON, sync="0 12 * * *") == NOON
    assert slot(NOON - SECOND, sync="0 12 * * *") == NOON - timedelta(days=1)


def test_cron_lines_follow_their_time_zone_and_summer_time() -> None:
    berlin = {"sync": "30 3 * * *", "timezone": "Europe/Berlin"}
    assert slot(datetime(2026, 3, 28, 12, tzinfo=UTC), **berlin) == datetime(2026, 3, 28, 2, 30, tzinfo=UTC)
    assert slot(datetime(2026, 3, 29, 12, tzinfo=UTC), **berlin) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_a_slot_of_last_week_and_of_last_spring_are_found() -> None:
    assert slot(NOON, sync="0 8 * * sat") == datetime(2026, 3, 28, 8, tzinfo=UTC)
    assert slot(NOON, sync="0 8 1 5 *") == datetime(2025, 5, 1, 8, tzinfo=UTC)


def test_never_is_never_and_a_line_that_means_nothing_is_refused() -> None:
    assert trigger(Schedule(sync=0), Kind.SYNC) is None
    with pytest.raises(Misconfigured, match=r"schedule\.sync: \"61 \* \* \* \*\" is no cron line"):
        trigger(Schedule(sync="61 * * * *"), Kind.SYNC)


@given(st.integers(1, 1440), st.integers(0, 10**7))
def test_the_latest_slot_is_never_ahead_and_never_older_than_its_interval(minutes: int, seconds: int) -> None:
    now = NOON + timedelta(seconds=seconds)
    found = slot(now, sync=minutes)
    assert found is not None
    assert timedelta(0) <= now - found < timedelta(minutes=minutes)


class Dial:
    """A clock that a test turns."""

    def __init__(self, yard: Any, **schedule: Any) -> None:
        self.at, self.yard = NOON, yard
        said = Schedule(**{"sync": 15, "audit": 0, "retention": 0, "probe": 5, **schedule})
        deployment = replace(yard.deployment, schedule=said)
        self.clocks = [Clock(deployment, yard.fleet, yard.queue, lambda: self.at) for _ in range(2)]

    def fire(self, kind: Kind = Kind.SYNC) -> list[str]:
        """All clocks fire at once; the new orders of the eastern connection."""
        before = {job.id for job in self.yard.queue.jobs()}
        threads = [threading.Thread(target=each.fire, args=(kind,)) for each in self.clocks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        new = [job.order for job in self.yard.queue.jobs() if job.id not in before]
        for order in new:
            self.yard.queue.cancel(order.id)  # as if it were done
        return sorted(order.key for order in new if order.connection == "east")


def test_two_schedulers_fire_each_slot_once(yard: Any) -> None:
    dial = Dial(yard)
    assert dial.fire() == ["2026-03-31T12:00Z"]
    assert dial.fire() == []
    dial.at += timedelta(minutes=15)
    assert dial.fire() == ["2026-03-31T12:15Z"]


def test_what_was_missed_is_made_up_for_once(yard: Any) -> None:
    dial = Dial(yard)
    dial.fire()
    dial.at += timedelta(hours=7, minutes=3)
    assert dial.fire() == ["2026-03-31T19:00Z"]
    assert dial.fire() == []


def test_a_clock_that_was_ahead_once_silences_nothing(yard: Any) -> None:
    dial = Dial(yard)
    assert dial.fire() == ["2026-03-31T12:00Z"]
    dial.at += timedelta(days=400)
    assert len(dial.fire()) == 1
    dial.at = NOON
    assert dial.fire() == []
    dial.at += timedelta(minutes=15)
    assert dial.fire() == ["2026-03-31T12:15Z"]


@pytest.mark.parametrize(("ahead", "fired"), [(5, []), (6, ["2026-03-31T12:00Z"])])
def test_clocks_of_two_machines_may_differ_by_five_minutes(yard: Any, ahead: int, fired: list[str]) -> None:
    dial = Dial(yard)
    yard.fleet.slot("east", "sync", NOON + timedelta(minutes=ahead))
    assert dial.fire() == fired


def test_a_clock_that_is_set_back_is_waited_by_from_then_on(yard: Any) -> None:
    at, seconds = [NOON], [0.0]
    deployment = replace(yard.deployment, schedule=Schedule(sync=15, audit=0, retention=0, probe=0))
    clock = Clock(deployment, yard.fleet, yard.queue, lambda: at[0], lambda: seconds[0])
    assert not clock.set_right()
    made = clock.begin()
    try:
        at[0], seconds[0] = NOON + timedelta(minutes=1), 60.0
        assert not clock.set_right()
        at[0], seconds[0] = NOON - timedelta(days=1), 70.0
        assert clock.set_right()
        assert not clock.set_right()
        [job] = made.get_jobs()
        assert job.next_run_time > datetime.now(UTC)
    finally:
        made.shutdown(wait=False)
    keys = {job.order.key for job in yard.queue.jobs(connection="east")}
    assert "2026-03-31T12:00Z" in keys


def test_a_slot_is_left_out_while_the_work_of_an_earlier_one_waits(yard: Any) -> None:
    dial = Dial(yard)
    yard.queue.put(Order(Kind.SYNC, "east", By.SCHEDULE, "waits"))
    assert dial.fire() == []


def test_a_connection_that_rests_is_only_probed_when_it_is_time(yard: Any) -> None:
    dial = Dial(yard)
    yard.fleet.pause("east", "revoked", NOON, NOON + timedelta(minutes=5))
    assert dial.fire() == []
    assert dial.fire(Kind.PROBE) == []
    dial.at += timedelta(minutes=5)
    assert dial.fire(Kind.PROBE) == ["2026-03-31T12:05Z"]
    requests.pause(yard.fleet, "east", "we move house")
    dial.at += timedelta(minutes=5)
    assert dial.fire(Kind.PROBE) == []


def test_two_schedulers_on_postgresql_fire_each_slot_once(
    tmp_path: Path, database: str, deploy: Callable[..., Path], yard_at: Callable[[Path], Any]
) -> None:
    dial = Dial(yard_at(deploy(tmp_path, database)))
    for _ in range(5):
        assert len(dial.fire()) == 1
        assert dial.fire() == []
        dial.at += timedelta(minutes=15)


def hint(number: int) -> Hint:
    return Hint(Sender.EVENTS, "deals", str(number % 7), Happened.CHANGED, f"k{number}")


def test_one_drain_is_asked_for_however_many_hints_and_watchers_there_are(yard: Any) -> None:
    inbox = yard.fleet.inbox()
    watches = [Watch(yard.fleet, yard.queue, frozenset({"east", "west"}), yard.deployment.fleet) for _ in range(2)]
    assert [watch.look() for watch in watches] == [(), ()]
    inbox.record([("east", hint(number)) for number in range(100)], NOON)
    assert [watch.look() for watch in watches] == [("drain:east:100",), ()]
    inbox.record([("east", hint(number)) for number in range(100, 200)], NOON)
    inbox.record([("elsewhere", hint(1))], NOON)
    assert [watch.look() for watch in watches] == [(), ()]
    assert [job.id for job in yard.queue.jobs()] == ["drain:east:100"]
    for watch in watches:
        watch.close()


def test_hints_of_a_connection_that_rests_wait(yard: Any) -> None:
    watch = Watch(yard.fleet, yard.queue, frozenset({"east"}))
    yard.fleet.pause("east", "revoked", NOON)
    yard.fleet.inbox().record([("east", hint(1))], NOON)
    assert watch.look() == ()
    yard.fleet.resume("east", NOON)
    assert watch.look() == ("drain:east:1",)


def test_hints_that_a_drain_left_unread_are_asked_about_again_later(
    yard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.watch.AGAIN", 0.0)
    watch = Watch(yard.fleet, yard.queue, frozenset({"east"}))
    yard.fleet.inbox().record([("east", hint(1))], NOON)
    assert watch.look() == ("drain:east:1",)
    yard.queue.cancel("drain:east:1")
    assert watch.look() == ("drain:east:1~2",)
    assert [job.state for job in yard.queue.jobs(ids=["drain:east:1~2"])] == ["delayed"]
    assert watch.look() == ()
