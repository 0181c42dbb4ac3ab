"""Workers are killed at random moments: nothing is lost, nothing is done twice, and the silent are replaced."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector.hooks.hint import Happened, Hint, Sender
from jobs import requests
from jobs.orders import By, Kind, Order

pytestmark = [pytest.mark.slow, pytest.mark.kill]


def killed_at_random(yard: Any, seed: int, *, workers: int, kills: int, orders: int, seconds: float) -> None:
    """Orders are asked for and workers killed and started again, at moments that the seed names."""
    chance = random.Random(seed)
    alive = [yard.start(seconds) for _ in range(workers)]
    yard.until(lambda: len(yard.fleet.workers(requests.now(), yard.stale)) >= workers)
    ids = yard.ask(orders)
    for _ in range(kills):
        done = len(yard.lines())
        yard.until(lambda done=done: len(yard.lines()) > done)
        time.sleep(chance.random() * 0.4)
        yard.kill(alive.pop(chance.randrange(len(alive))))
        alive.append(yard.start(seconds))
    yard.until(lambda: yard.ended(ids))
    assert dict(yard.effects()) == dict.fromkeys(ids, 1)
    assert yard.overlaps() == []
    assert {job.answer["state"] for job in yard.queue.jobs(ids=ids)} <= {"done", "again"}


@pytest.mark.parametrize("seed", [1, 2])
def test_one_worker_killed_again_and_again_loses_and_doubles_nothing(yard: Any, seed: int) -> None:
    killed_at_random(yard, seed, workers=1, kills=2, orders=12, seconds=0.15)


def test_two_workers_on_postgresql_share_the_work_and_outlive_kills(
    tmp_path: Path, database: str, deploy: Callable[..., Path], yard_at: Callable[[Path], Any]
) -> None:
    yard = yard_at(deploy(tmp_path, database, "threads = 1\n"))
    killed_at_random(yard, 3, workers=2, kills=1, orders=12, seconds=0.4)
    assert len({line[2] for line in yard.lines()}) >= 2


@pytest.mark.parametrize("durable", ["sqlite", "postgresql"])
def test_the_work_of_a_worker_killed_for_good_is_taken_up_by_another(
    tmp_path: Path,
    durable: str,
    request: pytest.FixtureRequest,
    deploy: Callable[..., Path],
    yard_at: Callable[[Path], Any],
) -> None:
    database = request.getfixturevalue("database") if durable == "postgresql" else None
    yard = yard_at(deploy(tmp_path, database, "threads = 1\n"))
    first, second = yard.start(20), yard.start(0.1)
    ids = yard.ask(6)
    yard.until(lambda: str(first.pid) in {line[2] for line in yard.lines()})
    yard.kill(first)
    yard.until(lambda: yard.ended(ids))
    assert dict(yard.effects()) == dict.fromkeys(ids, 1)
    assert {line[2] for line in yard.lines() if line[1] == "end"} == {str(second.pid)}


def test_a_worker_that_is_told_to_stop_hands_its_work_back_within_ten_seconds(yard: Any) -> None:
    worker = yard.start()
    job = yard.queue.put(Order(Kind.SYNC, "east", By.PERSON, "1", partner="long"))
    yard.until(lambda: len(yard.lines()) == 1)
    began = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=15) == 0
    assert time.monotonic() - began < 10
    yard.workers.remove(worker)
    first, second = yard.queue.find(job), yard.queue.find(f"{job}~2")
    assert (first.answer["state"], first.answer["next"], second.state) == ("again", second.id, "waiting")
    assert second.order.failures == 0
    assert yard.fleet.workers(requests.now(), yard.stale) == ()


def test_work_that_kills_its_worker_is_set_aside_and_others_go_on(
    tmp_path: Path, deploy: Callable[..., Path], yard_at: Callable[[Path], Any]
) -> None:
    yard = yard_at(deploy(tmp_path, None, "tries = 2\n"))
    poison = yard.queue.put(Order(Kind.SYNC, "east", By.PERSON, "1", partner="poison"))
    ids = yard.ask(3)

    def tended() -> bool:
        for worker in [each for each in yard.workers if each.poll() is not None]:
            yard.workers.remove(worker)
            yard.killed.append(worker.pid)
        if not yard.workers:
            yard.start()
        return yard.ended(ids) and yard.queue.find(poison).state == "dead"

    yard.until(tended)
    assert yard.queue.find(poison).reason == "its worker ended 2 times while it was being done"
    assert len(yard.killed) == 2


def test_a_parent_replaces_a_killed_child_and_ends_with_all_of_them(yard: Any) -> None:
    import psutil

    words = [sys.executable, "-m", "jobs", "--config", str(yard.config), "work", "-w", "2"]
    with yard.log() as log:
        parent = subprocess.Popen(words, stderr=log)
    try:

        def alive() -> list[str]:
            return [each.name for each in yard.fleet.workers(requests.now(), yard.stale) if each.alive]

        yard.until(lambda: len(alive()) == 2)
        children = psutil.Process(parent.pid).children()
        children[0].kill()
        yard.until(lambda: len([c for c in psutil.Process(parent.pid).children() if c.status() != "zombie"]) == 2)
        yard.until(lambda: len(alive()) == 2)
    finally:
        parent.terminate()
        assert parent.wait(timeout=15) == 0
    assert not any(child.is_running() and child.status() != "zombie" for child in children)


def test_hints_survive_a_killed_worker_and_are_read_once(yard: Any) -> None:
    hints = [Hint(Sender.EVENTS, "deals", str(number), Happened.CHANGED, f"k{number}") for number in range(50)]
    worker = yard.start(0.5)
    yard.fleet.inbox().record([("east", hint) for hint in hints], requests.now())
    yard.until(lambda: len(yard.lines()) >= 1)
    yard.kill(worker)
    assert yard.fleet.inbox().waiting()[0].count == 50
    yard.start(0.1)
    yard.until(lambda: not yard.fleet.inbox().waiting())
    assert [count.count for count in yard.fleet.inbox().counts() if count.state == "read"] == [50]


def test_a_person_is_served_first_and_work_of_an_unknown_kind_is_told_and_holds_up_nobody(
    tmp_path: Path, deploy: Callable[..., Path], yard_at: Callable[[Path], Any]
) -> None:
    yard = yard_at(deploy(tmp_path, None, "threads = 1\n"))
    later = [yard.queue.put(Order(Kind.SYNC, "east", By.SCHEDULE, str(number))) for number in range(3)]
    first = yard.queue.put(Order(Kind.RECALCULATE, "east", By.PERSON, "1"))
    strange = {"queue_name": "work", "workflow_name": "work", "workflow_id": "dance:east:1", "app_version": "1"}
    asked = {**Order(Kind.SYNC, "east", By.PERSON, "1").as_json(), "kind": "dance"}
    yard.queue._client.enqueue({**strange, "queue_partition_key": "east", "priority": 1}, asked)
    yard.start(0.05)
    yard.until(lambda: yard.ended([first, *later]))
    assert next(line[4] for line in yard.lines() if line[1] == "begin") == first
    [dead] = yard.queue._client.list_workflows(status="ERROR")
    assert str(dead.error) == "this version of pmom knows no work called 'dance'"
