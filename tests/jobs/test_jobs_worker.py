"""What becomes of one job: each class of error has its own consequence, and a person's word counts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import BudgetExhausted, Busy, GiveUp, Misconfigured, Refused, Retry, Stale, Unkept
from connector.hooks.hint import Happened, Hint, Sender
from jobs import requests
from jobs.contexts import Contexts
from jobs.orders import By, Kind, Order
from jobs.verdicts import Fate, verdict
from jobs.worker import Room, Worker, now

SYNC = Order(Kind.SYNC, "east", By.SCHEDULE, "1")
DRAIN = Order(Kind.DRAIN, "east", By.HINTS, "1")


@dataclass(frozen=True)
class Acted:
    """As much of a context as the worker looks at."""

    progress: Any = None

    @property
    def crm(self) -> Any:
        return SimpleNamespace(usage=lambda: SimpleNamespace(used=1, limit=10))


class Desk:
    """A worker without a queue that runs: each order is put and performed at once."""

    def __init__(self, yard: Any) -> None:
        self.yard, self.opened, self.closed = yard, 0, 0
        self.raises: BaseException | None = None
        self.does: Any = lambda ctx, order, desk: {}
        contexts = Contexts(yard.deployment, self.open)
        self.worker = Worker("here", yard.deployment, yard.fleet, yard.queue, contexts, self.act)

    def open(self, path: Path) -> Any:
        self.opened += 1
        return self

    @contextmanager
    def context(self, *, progress: Any) -> Iterator[Any]:
        yield Acted(progress)

    def close(self) -> None:
        self.closed += 1

    def act(self, ctx: Any, order: Order, desk: Any) -> dict[str, Any]:
        if self.raises is not None:
            raise self.raises
        found: dict[str, Any] = self.does(ctx, order, desk)
        return found

    def perform(self, order: Order = SYNC, raises: BaseException | None = None) -> dict[str, Any]:
        self.raises = raises
        return self.worker.perform(self.yard.queue.put(order), order.as_json())


@pytest.fixture
def desk(yard: Any) -> Desk:
    return Desk(yard)


@pytest.mark.parametrize(
    ("error", "fate", "failed"),
    [
        (Busy("in use"), Fate.AGAIN, False),
        (Retry("away"), Fate.AGAIN, True),
        (Unkept("disk full"), Fate.AGAIN, True),
        (BudgetExhausted("used up"), Fate.PAUSED, True),
        (GiveUp("revoked"), Fate.PAUSED, True),
        (Misconfigured("config.toml", "wrong", "Mend it."), Fate.PAUSED, True),
        (Refused("too many"), Fate.REFUSED, True),
        (Stale("nothing pulled"), Fate.REFUSED, True),
        (ValueError("a defect"), Fate.AGAIN, True),
    ],
)
def test_the_class_of_an_error_decides(error: Exception, fate: Fate, failed: bool) -> None:
    found = verdict(error, SYNC, 5)
    assert (found.fate, found.failed if fate is Fate.AGAIN else True) == (fate, failed)


def test_the_world_pauses_and_a_defect_dies_after_as_many_failures_as_are_suffered() -> None:
    fourth, fifth = (
        Order(Kind.SYNC, "east", By.SCHEDULE, "1", failures=3),
        Order(Kind.SYNC, "east", By.SCHEDULE, "1", failures=4),
    )
    assert [verdict(Retry("away"), each, 5).fate for each in (fourth, fifth)] == [Fate.AGAIN, Fate.PAUSED]
    assert [verdict(ValueError(), each, 5).fate for each in (fourth, fifth)] == [Fate.AGAIN, Fate.DEAD]


def test_a_crm_that_says_when_is_asked_again_then_and_not_before() -> None:
    assert verdict(Retry("throttled", after=90.0), SYNC, 5).after == 90.0
    assert verdict(Retry("throttled", after=1.0), SYNC, 5).after == 5.0


def test_a_portal_that_is_being_moved_rests_for_as_long_as_it_asks() -> None:
    """HubSpot answers 477 while it moves an account, for up to a day: nobody waits for that in the queue."""
    for attempt_failures in (0, 4):
        order = Order(Kind.DRAIN, "east", By.HINTS, "1", failures=attempt_failures)
        found = verdict(Retry("477 MIGRATION_IN_PROGRESS", after=86_400.0), order, 5)
        assert (found.fate, found.after) == (Fate.PAUSED, 86_400.0)


@pytest.mark.parametrize(("after", "fate"), [(600.0, Fate.AGAIN), (601.0, Fate.PAUSED)])
def test_a_wait_that_is_longer_than_any_of_ours_is_a_rest(after: float, fate: Fate) -> None:
    found = verdict(Retry("moving", after=after), SYNC, 5)
    assert (found.fate, found.after) == (fate, after)


def test_a_portal_that_is_being_moved_is_not_probed_before_it_said(desk: Desk) -> None:
    desk.perform(DRAIN, Retry("moving", after=7_200.0))
    state = desk.yard.fleet.state("east")
    assert state.paused
    assert round((state.retry_at - now()) / timedelta(minutes=1)) == 120


words = st.text("abc-0", min_size=1, max_size=8)
orders = st.builds(
    Order,
    st.sampled_from(Kind),
    words,
    st.sampled_from(By),
    words,
    st.integers(1, 9),
    st.integers(0, 9),
    words,
    st.booleans(),
)


@given(orders)
def test_an_order_is_read_as_it_was_written_also_with_words_of_a_newer_version(order: Order) -> None:
    assert Order.from_json({**order.as_json(), "newer": 1}) == order


@given(orders)
def test_the_next_try_has_an_id_of_its_own(order: Order) -> None:
    assert len({order.id, order.again(failed=True).id, order.again(failed=True).again(failed=False).id}) == 3


def test_a_person_comes_before_hints_before_the_schedule_before_retention() -> None:
    ranked = [
        Order(Kind.RETENTION, "east", By.PERSON, "1"),
        Order(Kind.DRAIN, "east", By.HINTS, "1"),
        Order(Kind.SYNC, "east", By.SCHEDULE, "1"),
        Order(Kind.RETENTION, "east", By.SCHEDULE, "1"),
    ]
    assert [each.priority for each in ranked] == sorted({each.priority for each in ranked})


def test_done_work_tells_its_figures_and_is_not_done_again(desk: Desk) -> None:
    desk.does = lambda ctx, order, with_: {"rows": 3}
    first = desk.perform()
    assert (first["state"], first["rows"]) == ("done", 3)
    desk.does = lambda ctx, order, with_: {"rows": 4}
    assert desk.perform() == first
    assert desk.opened == 1


def test_work_that_finds_the_workspace_in_use_waits_in_the_queue_and_not_in_a_worker(desk: Desk) -> None:
    answer = desk.perform(raises=Busy("in use"))
    following = desk.yard.queue.find(answer["next"])
    assert (answer["state"], following.state, following.order.failures) == ("again", "delayed", 0)


def test_a_revoked_token_lets_one_connection_rest_and_a_probe_wakes_it(desk: Desk) -> None:
    answer = desk.perform(raises=GiveUp("the token was revoked"))
    state = desk.yard.fleet.state("east")
    assert (answer["state"], state.paused, state.reason) == ("paused", True, "the token was revoked")
    assert state.retry_at is not None
    assert not desk.yard.fleet.state("west").paused
    assert desk.perform(Order(Kind.SYNC, "east", By.SCHEDULE, "2"))["state"] == "left out"
    assert desk.perform(Order(Kind.SYNC, "west", By.SCHEDULE, "2"))["state"] == "done"
    assert desk.perform(Order(Kind.PROBE, "east", By.SCHEDULE, "3"))["state"] == "done"
    assert not desk.yard.fleet.state("east").paused
    [sync] = desk.yard.queue.jobs(states=["waiting"], kind=Kind.SYNC, prefix="sync:east:after")
    assert sync.order.connection == "east"


def test_each_probe_in_vain_lets_it_rest_longer(desk: Desk) -> None:
    rests = []
    for number in range(3):
        desk.perform(Order(Kind.PROBE, "east", By.SCHEDULE, str(number)), GiveUp("revoked"))
        rests.append((desk.yard.fleet.state("east").retry_at - now()) / timedelta(minutes=1))
    assert [round(rest) for rest in rests] == [5, 10, 20]


def test_a_persons_pause_is_ended_by_a_person_only(desk: Desk) -> None:
    requests.pause(desk.yard.fleet, "east", "we move house")
    assert desk.perform(Order(Kind.PROBE, "east", By.PERSON, "1"))["state"] == "done"
    assert desk.yard.fleet.state("east").paused
    requests.resume(desk.yard.queue, desk.yard.fleet, "east")
    assert not desk.yard.fleet.state("east").paused


def test_a_defect_is_set_aside_after_as_many_tries_as_are_suffered_and_can_be_retried(desk: Desk) -> None:
    order, answers = SYNC, []
    for _ in range(5):
        answers.append(desk.perform(order, ValueError("a defect"))["state"])
        order = order.again(failed=True)
    assert answers == ["again"] * 4 + ["dead"]


def test_work_that_killed_its_workers_is_dead_before_it_begins(desk: Desk) -> None:
    desk.yard.queue.mark(desk.yard.queue.put(SYNC), starts=5)
    answer = desk.perform()
    assert answer == {"state": "dead", "reason": "its worker ended 5 times while it was being done"}
    assert desk.opened == 0


def test_hints_of_a_dead_drain_are_left_to_a_sync(desk: Desk) -> None:
    hint = Hint(Sender.EVENTS, "deals", "1", Happened.CHANGED, "k")
    desk.yard.fleet.inbox().record([("east", hint), ("west", hint)], now())
    desk.yard.queue.mark(desk.yard.queue.put(DRAIN), starts=5)
    assert desk.perform(DRAIN)["state"] == "dead"
    assert [each.connection for each in desk.yard.fleet.inbox().waiting()] == ["west"]
    assert [job.order.kind for job in desk.yard.queue.jobs(states=["waiting"], kind=Kind.SYNC)] == [Kind.SYNC]


def test_a_cancelled_job_ends_between_two_steps(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.worker.TOLD", 0.0)

    def cancelled_meanwhile(ctx: Any, order: Order, with_: Any) -> dict[str, Any]:
        ctx.progress("reading", 1, 2)
        requests.cancel(desk.yard.queue, desk.yard.fleet, order.id)
        ctx.progress("reading", 2, 2)
        raise AssertionError("it went on")

    desk.does = cancelled_meanwhile
    assert desk.perform() == {"state": "cancelled"}
    assert desk.closed == 1


def test_the_next_job_of_a_connection_waits_for_one_that_was_cancelled_and_works_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.contexts.PATIENCE", 0.01)
    second = Order(Kind.SYNC, "east", By.SCHEDULE, "2")

    def meanwhile(ctx: Any, order: Order, with_: Any) -> dict[str, Any]:
        if order.key == "1":
            requests.cancel(desk.yard.queue, desk.yard.fleet, order.id)
            answers.append(desk.perform(second))
            answers.append(desk.perform(Order(Kind.SYNC, "west", By.SCHEDULE, "1x")))
        return {}

    answers: list[dict[str, Any]] = []
    desk.does = meanwhile
    desk.perform()
    assert [each["state"] for each in answers] == ["again", "done"]
    assert answers[0]["reason"] == "east: the job before has not ended yet"
    assert desk.yard.queue.find(answers[0]["next"]).order.failures == 0
    assert desk.perform(second.again(failed=False))["state"] == "done"


def put_hint(desk: Desk, key: str, at: datetime) -> None:
    desk.yard.fleet.inbox().record([("east", Hint(Sender.EVENTS, "deals", key, Happened.CHANGED, key))], at)


def unread(desk: Desk) -> int:
    return sum(each.count for each in desk.yard.fleet.inbox().waiting())


def syncs(desk: Desk) -> list[str]:
    return [job.order.key for job in desk.yard.queue.jobs(states=["waiting"], kind=Kind.SYNC)]


@pytest.mark.parametrize("hours", [1, 24 * 400])
def test_hints_that_came_by_a_clock_that_was_ahead_are_not_waited_for(desk: Desk, hours: int) -> None:
    put_hint(desk, "1", now() + timedelta(hours=hours))
    desk.does = lambda ctx, order, with_: with_.settled("east") or {"hints": unread(desk)}
    began = monotonic()
    assert desk.perform(DRAIN)["hints"] == 1
    assert monotonic() - began < 30


def test_a_drain_that_waits_for_a_burst_to_end_can_be_cancelled(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.worker.TOLD", 0.0)
    put_hint(desk, "1", now() + timedelta(hours=1))

    def settles(ctx: Any, order: Order, with_: Any) -> dict[str, Any]:
        desk.yard.queue.cancel(order.id)
        with_.settled("east")
        raise AssertionError("it went on")

    desk.does = settles
    assert desk.perform(DRAIN) == {"state": "cancelled"}


def test_hints_of_a_cancelled_drain_are_left_to_a_sync(desk: Desk) -> None:
    put_hint(desk, "1", now())
    requests.cancel(desk.yard.queue, desk.yard.fleet, desk.yard.queue.put(DRAIN))
    assert (unread(desk), syncs(desk)) == (0, ["after-drain:east:1"])


@pytest.mark.parametrize(("read", "left"), [(True, []), (False, ["after-drain:east:1"])])
def test_a_refused_drain_asks_for_a_sync_only_when_hints_are_unread(desk: Desk, read: bool, left: list[str]) -> None:
    put_hint(desk, "1", now())

    def refused(ctx: Any, order: Order, with_: Any) -> dict[str, Any]:
        if read:
            desk.yard.fleet.inbox().done([1], now())
        raise Refused("too many")

    desk.does = refused
    assert desk.perform(DRAIN)["state"] == "refused"
    assert (unread(desk), syncs(desk)) == (0, left)


def test_a_hint_that_comes_while_others_are_let_go_is_not_dropped(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_hint(desk, "1", now())
    put = desk.yard.queue.put

    def late(order: Order, **more: Any) -> Any:
        put_hint(desk, "2", now())
        return put(order, **more)

    monkeypatch.setattr(desk.yard.queue, "put", late)
    assert requests.let_go(desk.yard.queue, desk.yard.fleet, DRAIN) == 1
    assert (unread(desk), syncs(desk)) == (1, ["after-drain:east:1"])


def test_a_sync_that_waits_already_is_enough_for_what_is_let_go(desk: Desk) -> None:
    put_hint(desk, "1", now())
    desk.yard.queue.put(SYNC)
    assert requests.let_go(desk.yard.queue, desk.yard.fleet, DRAIN) == 1
    assert (unread(desk), syncs(desk)) == (0, ["1"])


def test_progress_is_noted_and_taken_away_when_the_job_ends(desk: Desk) -> None:
    noted = []

    def reporting(ctx: Any, order: Order, with_: Any) -> dict[str, Any]:
        for step in range(100):
            ctx.progress("reading", step, 100)
        noted.extend(note.value for note in desk.yard.fleet.notes() if note.name == "running")
        return {}

    desk.does = reporting
    desk.perform()
    assert [(each["job"], each["what"], each["done"], each["total"]) for each in noted] == [
        (SYNC.id, "reading", 0, 100)
    ]
    assert [note.value for note in desk.yard.fleet.notes() if note.name == "running"] == [None]


def test_a_stopping_worker_hands_back_what_comes_up(desk: Desk) -> None:
    desk.worker.stopping.set()
    answer = desk.perform()
    assert (answer["state"], answer["next"]) == ("again", "sync:east:1~2")
    assert desk.opened == 0


def test_a_connection_stays_warm_between_two_jobs(desk: Desk) -> None:
    desk.perform()
    desk.perform(Order(Kind.SYNC, "east", By.SCHEDULE, "2"))
    desk.perform(Order(Kind.SYNC, "west", By.SCHEDULE, "1"))
    assert (desk.opened, desk.closed) == (2, 0)
    desk.worker.contexts.close()
    assert desk.closed == 2


def test_an_error_closes_the_connection_so_that_corrected_files_count(desk: Desk) -> None:
    desk.perform(raises=Misconfigured("config.toml", "wrong", "Mend it."))
    assert (desk.opened, desk.closed) == (1, 1)


def test_a_suspect_job_has_the_room_for_itself() -> None:
    room, stopping, order = Room(), threading.Event(), []

    def suspect() -> None:
        with room.taken(alone=True, stopping=stopping) as got:
            order.append(("suspect", got))

    with room.taken(alone=False, stopping=stopping), room.taken(alone=False, stopping=stopping):
        thread = threading.Thread(target=suspect)
        thread.start()
        order.append(("both", True))
    thread.join(5)
    assert order == [("both", True), ("suspect", True)]


def test_what_a_person_asks_for_twice_is_done_once(yard: Any) -> None:
    first = requests.start(yard.queue, Kind.RECALCULATE, "east")
    assert requests.start(yard.queue, Kind.RECALCULATE, "east", partner="p").id == first.id
    assert requests.start(yard.queue, Kind.RECALCULATE, "west").id != first.id


def test_a_cancelled_job_can_be_retried_once(yard: Any) -> None:
    job = requests.start(yard.queue, Kind.SYNC, "east")
    assert requests.cancel(yard.queue, yard.fleet, job.id).state == "cancelled"
    again = requests.retry(yard.queue, job.id)
    assert (again.state, again.order.attempt) == ("waiting", 2)
    with pytest.raises(Misconfigured, match="it was retried already"):
        requests.retry(yard.queue, job.id)
    with pytest.raises(Misconfigured, match="it is waiting"):
        requests.retry(yard.queue, again.id)
    with pytest.raises(Misconfigured, match="no such job"):
        requests.retry(yard.queue, "sync:east:none")


def test_the_same_work_is_kept_once(yard: Any) -> None:
    assert yard.queue.put(SYNC) == yard.queue.put(SYNC)
    assert len(yard.queue.jobs()) == 1


def test_what_ended_long_ago_is_forgotten_and_what_waits_is_not(yard: Any) -> None:
    job = requests.start(yard.queue, Kind.SYNC, "east")
    requests.cancel(yard.queue, yard.fleet, job.id)
    waiting = yard.queue.put(SYNC)
    assert yard.queue.forget(now() - timedelta(days=1)) == 0
    assert yard.queue.forget(now() + timedelta(days=1)) == 1
    assert [each.id for each in yard.queue.jobs()] == [waiting]
