"""A connection whose files are missing rests while the others work, and comes back by a probe or by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connector.config.deployment import Deployment
from connector.config.settings import Settings
from connector.errors import Misconfigured
from connector.store.fleet import Fleet
from jobs import requests
from jobs.contexts import Contexts
from jobs.orders import By, Kind, Order
from jobs.process import rest_unread
from jobs.work import worked
from jobs.worker import Worker, now


@dataclass(frozen=True)
class Acted:
    """As much of a context as the worker looks at."""

    connection: str
    progress: Any

    @property
    def crm(self) -> Any:
        return SimpleNamespace(usage=lambda: SimpleNamespace(used=1, limit=10))


class Warm:
    """A connection that needs its settings file and nothing else."""

    def __init__(self, path: Path) -> None:
        self.name = Settings.load(path).connection_name()

    @contextmanager
    def context(self, *, progress: Any) -> Iterator[Any]:
        yield Acted(self.name, progress)

    def close(self) -> None:
        pass


@pytest.fixture
def worker(tmp_path: Path, deploy: Callable[..., Path], yard_at: Callable[[Path], Any]) -> Worker:
    """Of a deployment of which one connection's secret is missing."""
    config = deploy(tmp_path)
    with (tmp_path / "east.toml").open("a") as file:
        file.write('access_token_file = "token"\n')
    (tmp_path / "token").write_text("secret")
    yard = yard_at(config)
    (tmp_path / "token").unlink()
    deployment = Deployment.load(config, spare=True)
    rest_unread(deployment, yard.fleet)
    contexts = Contexts(deployment, Warm)
    return Worker("here", deployment, yard.fleet, yard.queue, contexts, lambda ctx, order, desk: {})


def do(worker: Worker, kind: Kind, connection: str, key: str) -> str:
    order = Order(kind, connection, By.SCHEDULE, key)
    return str(worker.perform(worker.queue.put(order), order.as_json())["state"])


def test_it_rests_with_its_reason_and_the_others_work(worker: Worker) -> None:
    state = worker.fleet.state("east")
    assert state.paused
    assert "there is no file" in state.reason
    assert state.retry_at is not None
    assert [do(worker, Kind.SYNC, name, "1") for name in ("east", "west", "north")] == ["left out", "done", "done"]


def test_a_probe_finds_it_once_its_file_is_there(worker: Worker, tmp_path: Path) -> None:
    assert do(worker, Kind.PROBE, "east", "1") == "paused"
    (tmp_path / "token").write_text("secret")
    assert do(worker, Kind.PROBE, "east", "2") == "done"
    assert not worker.fleet.state("east").paused
    assert [job.order.connection for job in worker.queue.jobs(states=["waiting"], kind=Kind.SYNC)] == ["east"]


def test_a_person_resumes_it_once_its_file_is_there(worker: Worker, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    job = requests.resume(worker.queue, worker.fleet, "east")
    assert worker.perform(job.id, job.order.as_json())["state"] == "done"


def test_a_persons_pause_stays_theirs(worker: Worker, tmp_path: Path) -> None:
    requests.pause(worker.fleet, "east", "we move house")
    rest_unread(worker.deployment, worker.fleet)
    assert (worker.fleet.state("east").reason, worker.fleet.state("east").retry_at) == ("we move house", None)


def test_work_is_not_done_under_another_name_than_its_settings_say() -> None:
    ctx, order = Acted("portal", None), Order(Kind.PROBE, "hubspot", By.SCHEDULE, "1")
    with pytest.raises(Misconfigured, match='its settings now call it "portal"'):
        worked(ctx, order, None)  # type: ignore[arg-type]


def test_its_rest_is_not_noted_where_nothing_rests(tmp_path: Path, deploy: Callable[..., Path]) -> None:
    fleet = Fleet.open(tmp_path / "fleet.sqlite")
    rest_unread(Deployment.load(deploy(tmp_path), spare=True), fleet)
    assert (fleet.states(), fleet.workers(now(), timedelta(seconds=1))) == ({}, ())
    fleet.close()
