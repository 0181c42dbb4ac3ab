"""A deployment with nothing behind its connections, and workers that act, as processes that can be killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO

import pytest

from connector.config.deployment import Deployment
from connector.store.fleet import Fleet
from jobs.orders import By, Kind, Order
from jobs.queue import Queue

ACTING = Path(__file__).parent / "acting_worker.py"
CONNECTIONS = ("east", "west", "north")


def deployed(folder: Path, database: str | None = None, more: str = "") -> Path:
    """A deployment of three connections whose CRMs are nowhere."""
    for name in CONNECTIONS:
        (folder / f"{name}.toml").write_text(
            f'name = "{name}"\n[workspace]\ndir = "{name}"\n[hubspot]\nportal_id = "1"\n', encoding="utf-8"
        )
    where = f'database = "{database}"\n' if database else 'dir = "jobs"\n'
    names = ", ".join(f'"{name}.toml"' for name in CONNECTIONS)
    path = folder / "deployment.toml"
    path.write_text(
        f"connections = [{names}]\n[schedule]\nsync = 0\naudit = 0\nretention = 0\nprobe = 0\n"
        f"[jobs]\nquiet_ms = 50\nmost_ms = 200\nstale_after = 3\n{where}{more}",
        encoding="utf-8",
    )
    return path


@dataclass
class Yard:
    """A deployment's databases, its acting workers, and what they wrote down."""

    config: Path
    ledger: Path
    deployment: Deployment
    fleet: Fleet
    queue: Queue
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    killed: list[int] = field(default_factory=list)

    @property
    def stale(self) -> timedelta:
        return timedelta(seconds=self.deployment.jobs.stale_after)

    def start(self, seconds: float = 0.15) -> subprocess.Popen[bytes]:
        words = [sys.executable, str(ACTING), str(self.config), str(self.ledger), str(seconds)]
        with self.log() as log:
            worker = subprocess.Popen(words, stdout=log, stderr=log, cwd=Path(__file__).parents[2])
        self.workers.append(worker)
        return worker

    def log(self) -> IO[bytes]:
        return (self.config.parent / "workers.log").open("ab")

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        self.killed.append(worker.pid)
        self.workers.remove(worker)

    def ask(self, count: int, kind: Kind = Kind.SYNC) -> list[str]:
        """So many orders, spread over the connections."""
        orders = [
            Order(kind, CONNECTIONS[number % len(CONNECTIONS)], By.SCHEDULE, f"{number:03}")
            for number in range(count)
        ]
        return [self.queue.put(order) for order in orders]

    def until(self, wanted: Callable[[], bool], patience: float = 90.0) -> None:
        deadline = time.monotonic() + patience
        while not wanted():
            assert all(worker.poll() in (None, -9) for worker in self.workers), self.told()
            assert time.monotonic() < deadline, self.told()
            time.sleep(0.05)

    def told(self) -> str:
        jobs = "\n".join(f"{job.id} {job.state} {job.worker} {job.answer} {job.reason}" for job in self.queue.jobs())
        log = self.config.parent / "workers.log"
        return f"{jobs}\n{log.read_text() if log.exists() else ''}"

    def ended(self, ids: list[str]) -> bool:
        return all(job.state == "done" for job in self.queue.jobs(ids=ids))

    def lines(self) -> list[list[str]]:
        return [line.split() for line in self.ledger.read_text().splitlines()] if self.ledger.exists() else []

    def effects(self) -> Counter[str]:
        """Job's id -> how often it was done to its end, its later tries counted with it.

        A worker that was killed between its last effect and the note of it does that job once more: where its last
        line is an end, one is left out.
        """
        lines = self.lines()
        last = {pid: [line for line in lines if line[2] == pid][-1] for pid in {line[2] for line in lines}}
        spared = [last[str(pid)] for pid in self.killed if str(pid) in last and last[str(pid)][1] == "end"]
        counts = Counter(line[4].partition("~")[0] for line in lines if line[1] == "end")
        for line in spared:
            name = line[4].partition("~")[0]
            if counts[name] > 1:
                counts[name] -= 1
        return counts

    def overlaps(self) -> list[str]:
        """Connections that two living workers worked on at once."""
        working: dict[str, str] = {}
        found = []
        dead = {str(pid) for pid in self.killed}
        for _, what, pid, connection, job in self.lines():
            if what == "end":
                working.pop(connection, None)
            else:
                before = working.get(connection)
                if before is not None and before.split()[0] not in dead and before != f"{pid} {job}":
                    found.append(f"{connection}: {before} and {pid} {job}")
                working[connection] = f"{pid} {job}"
        return found

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self.queue.close()
        self.fleet.close()


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    with closing(_yard(deployed(tmp_path))) as found:
        yield found


@pytest.fixture
def deploy() -> Callable[..., Path]:
    return deployed


@pytest.fixture
def yard_at() -> Iterator[Callable[[Path], Yard]]:
    """Makes a yard of a deployment's file."""
    made: list[Yard] = []

    def make(config: Path) -> Yard:
        made.append(_yard(config))
        return made[-1]

    yield make
    for each in made:
        each.close()


def _yard(config: Path) -> Yard:
    deployment = Deployment.load(config)
    deployment.folder.mkdir(parents=True, exist_ok=True)
    return Yard(
        config, config.parent / "ledger", deployment, Fleet.open(deployment.fleet), Queue.open(deployment.durable)
    )
