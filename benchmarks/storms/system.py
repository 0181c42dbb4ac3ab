"""What storms over: `pmom serve` and `pmom work` of one deployment, with disks that fill up and files that stick."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests
from sqlalchemy.exc import SQLAlchemyError

from benchmarks.storms.nursery import Born, Nursery
from benchmarks.storms.sides import Side, free_port, told
from connector.config.deployment import Deployment
from connector.errors import PmomError
from connector.store.fleet import Fleet
from jobs import requests as asked_for
from jobs.orders import By, Kind, Order
from jobs.queue import ACTIVE, Queue

DISK_MB = 96
WEB, WORKER = "serve", "work"
LONG = timedelta(seconds=30)
SPARE = 4_096  # bytes that a file may hold, where no disk can be made


def now() -> datetime:
    """By this machine."""
    return datetime.now(UTC)


@dataclass
class Disk:
    """A folder with a small file system of its own where we may make one; else its writers' files are bounded."""

    folder: Path
    mounted: bool = False

    def mount(self) -> None:
        """Put the file system there; what is in the folder moves along."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() != 0:
            return
        kept = self.folder.with_name(f"{self.folder.name}-before")
        self.folder.rename(kept)
        self.folder.mkdir(mode=0o700)
        words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=700", "storm", str(self.folder)]
        self.mounted = subprocess.run(words, check=False, capture_output=True).returncode == 0
        for each in kept.iterdir():
            subprocess.run(["mv", str(each), str(self.folder)], check=True)
        kept.rmdir()

    def fill(self, pids: tuple[int, ...]) -> None:
        """Nothing more goes onto it; `pids` are those who write there."""
        if not self.mounted:
            _bounded(pids, SPARE)
            return
        with suppress(OSError), (self.folder / "ballast").open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                with suppress(OSError):
                    while file.write(b"\0" * size):
                        pass

    def free(self, pids: tuple[int, ...]) -> None:
        """There is room again."""
        if self.mounted:
            (self.folder / "ballast").unlink(missing_ok=True)
        else:
            _bounded(pids, resource.RLIM_INFINITY)

    def unmount(self) -> None:
        """Take the file system away; what is on it stays in the folder."""
        if self.mounted:
            self.free(())
            kept = self.folder.with_name(f"{self.folder.name}-after")
            shutil.copytree(self.folder, kept)
            subprocess.run(["umount", "-l", str(self.folder)], check=False, capture_output=True)
            shutil.copytree(kept, self.folder, dirs_exist_ok=True)
            shutil.rmtree(kept)
            self.mounted = False


def _bounded(pids: tuple[int, ...], size: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


@dataclass
class System:
    """The deployment's processes; whoever dies is started again, as a service manager does."""

    nursery: Nursery
    folder: Path
    sides: tuple[Side, ...]
    port: int = field(default_factory=free_port)
    born: dict[str, Born] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    deaths: Counter[str] = field(default_factory=Counter)
    again: dict[str, float] = field(default_factory=dict)
    disks: dict[str, Disk] = field(default_factory=dict)
    probes: int = 0
    resumed: int = 0

    def __post_init__(self) -> None:
        files = ", ".join(f'"{side.name}/config.toml"' for side in self.sides)
        self.config.write_text(
            f'connections = [{files}]\n[web]\nport = {self.port}\npublic_url = "{self.url}"\n'
            '[jobs]\ndir = "jobs"\nquiet_ms = 100\nmost_ms = 400\nstale_after = 3\n'
            "[schedule]\nsync = 0\naudit = 0\nretention = 0\nprobe = 0\n",
            encoding="utf-8",
        )
        places = {"jobs": self.folder / "jobs"}
        places |= {side.name: side.folder / "workspace" for side in self.sides}
        self.disks = {name: Disk(place) for name, place in places.items()}
        for disk in self.disks.values():
            disk.mount()
        self.deployment = Deployment.load(self.config)
        self.fleet, self.queue = Fleet.open(self.deployment.fleet), Queue.open(self.deployment.durable)

    @property
    def config(self) -> Path:
        """The deployment's file."""
        return self.folder / "pmom.toml"

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the living."""
        return tuple(each.pid for each in self.born.values() if each.poll() is None)

    def start(self, name: str) -> None:
        """Begin `serve` or `work`."""
        self.born[name] = self.nursery.start("pmom", "--config", str(self.config), name, log=self.folder / "log")

    def kill(self, *names: str) -> None:
        """Without a word."""
        for name in names:
            if name in self.born and self.born[name].poll() is None:
                os.kill(self.born[name].pid, signal.SIGKILL)
                self.born[name].wait()
                self.kills[name] += 1
                self.again[name] = time.monotonic() + 0.1

    def tend(self) -> None:
        """Start again whoever is dead."""
        for name in (WEB, WORKER):
            process = self.born.get(name)
            if process is not None and process.poll() is None:
                continue
            if process is not None and name not in self.again:
                self.deaths[name] += 1
                self.again[name] = time.monotonic() + 0.3
            if time.monotonic() >= self.again.get(name, 0.0):
                self.again.pop(name, None)
                self.start(name)

    def until(self, wanted: Callable[[], bool], what: str, patience: float = 180.0) -> None:
        """Wait for that, and tend what dies meanwhile; AssertionError with what is known when it does not come."""
        deadline = time.monotonic() + patience
        while not wanted():
            self.tend()
            self.probe()
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: {self.story()}")
            time.sleep(0.05)

    def probe(self) -> None:
        """What the schedule does every few minutes: look whether a connection that rests is back."""
        for name, state in self.fleet.states().items():
            due = state.paused and state.retry_at is not None and state.retry_at <= now()
            if due and not self.queue.active(Kind.PROBE, name):
                self.probes += 1
                with suppress(PmomError, SQLAlchemyError):  # the disk may be full just now
                    self.queue.put(Order(Kind.PROBE, name, By.SCHEDULE, f"{now():%Y-%m-%dT%H:%M:%S.%fZ}"))

    def resume(self) -> None:
        """What a person does who knows that a CRM is back which asked for a long rest."""
        for name, state in self.fleet.states().items():
            if state.paused and (state.retry_at is None or state.retry_at > now() + LONG):
                with suppress(PmomError, SQLAlchemyError):  # likewise; whoever wants it asks again
                    asked_for.resume(self.queue, self.fleet, name)
                    self.resumed += 1

    def serves(self) -> bool:
        """Whether `pmom serve` answers."""
        try:
            return requests.get(f"{self.url}/healthz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def quiet(self) -> bool:
        """Whether nothing waits, nothing runs and no connection rests."""
        resting = any(state.paused for state in self.fleet.states().values())
        return not (resting or self.fleet.inbox().waiting() or self.queue.jobs(states=ACTIVE))

    def sync(self) -> None:
        """One scheduled sync of every connection, to its end."""
        asked = self.ask(Kind.SYNC)
        self.until(self.quiet, "the scheduled sync does not end")
        for job in self.queue.jobs(ids=asked):
            if job.answer.get("state") != "done":
                raise AssertionError(f"{job.id}: {job.answer}")

    def ask(self, kind: Kind) -> list[str]:
        """Ask for work of that kind on every connection, as the schedule does."""
        at = f"{now():%Y-%m-%dT%H:%M:%S.%fZ}"
        return [self.queue.put(Order(kind, side.name, By.SCHEDULE, at)) for side in self.sides]

    def stop(self) -> dict[str, int]:
        """End in good order; the exit codes."""
        return {name: process.end() for name, process in self.born.items()}

    def close(self) -> None:
        """Give everything back."""
        for process in self.born.values():
            process.end(signal.SIGKILL)
        self.queue.close()
        self.fleet.close()
        for disk in self.disks.values():
            disk.unmount()

    def story(self) -> str:
        """What is known, for whoever looks for the reason."""
        jobs = [f"{j.id} {j.state} {j.answer} {j.reason}" for j in self.queue.jobs(limit=12)]
        states = {name: (s.state, s.reason, str(s.retry_at)) for name, s in self.fleet.states().items()}
        waiting = [(each.connection, each.count) for each in self.fleet.inbox().waiting()]
        return "\n".join([str(states), str(waiting), *jobs, told(self.folder)])
