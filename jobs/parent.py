"""How do several workers of one machine live together? A parent starts them, starts them again, and ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import FrameType

import structlog

from connector.errors import Misconfigured

log = structlog.get_logger()

LOOK = 0.2  # seconds between two looks at the children
PATIENCE = 10.0  # seconds that children have to end
YOUNG = 10.0  # a child that dies younger is started again more and more slowly
LONGEST = 30.0


@dataclass(slots=True)
class Child:
    """One worker process; `again` is when it is started anew after it died."""

    process: subprocess.Popen[bytes]
    began: float
    deaths: int = 0
    again: float | None = None


def command(config: Path) -> list[str]:
    """How a child is started."""
    return [
        sys.executable,
        "-m",
        "jobs",
        "--config",
        str(config),
        "work",
        "--workers",
        "1",
        "--parent",
        str(os.getpid()),
    ]


def keep(config: Path, workers: int) -> None:
    """Keep so many workers alive until told to stop; then all end within ten seconds."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    children = [Child(_process(config), monotonic()) for _ in range(workers)]
    try:
        while not stopping.wait(LOOK):
            for child in children:
                _look_after(config, child)
    finally:
        _end(children)


def _process(config: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command(config))  # noqa: S603 - our own command line


def _look_after(config: Path, child: Child) -> None:
    if child.again is not None:
        if monotonic() >= child.again:
            child.process, child.began, child.again = _process(config), monotonic(), None
        return
    code = child.process.poll()
    if code is None:
        return
    if code == Misconfigured.exit_code:
        raise SystemExit(code)  # it has said what is wrong, and starting it again changes nothing
    child.deaths = child.deaths + 1 if monotonic() - child.began < YOUNG else 0
    wait = min(0.5 * 2.0**child.deaths, LONGEST)
    child.again = monotonic() + wait
    log.warning("worker died", pid=child.process.pid, code=code, again_in=wait)


def _end(children: list[Child]) -> None:
    alive = [child.process for child in children if child.process.poll() is None]
    for process in alive:
        process.send_signal(signal.SIGTERM)
    until = monotonic() + PATIENCE
    for process in alive:
        try:
            process.wait(max(0.0, until - monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
