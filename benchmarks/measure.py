"""What did one contender cost: each runs in a process of its own that is watched from outside.

Wall and CPU seconds cover the work alone (from before the first call until everything is stored and the file is
closed). Interpreter start and imports are left out for everybody by the same rule: a rehearsal, which is not counted,
tells which modules a contender ends up with, also those that it loads lazily in the middle of its work, and each
measured run loads them before its clock starts. `process_s` is the whole process, imports and all.
Peak memory is the highest of the root's own high-water mark and the sampled sum over the whole process tree.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.prerendered import Server

_SAMPLE_SECONDS = 0.02
_PRELOAD = "BENCHMARK_PRELOAD"


@dataclass(frozen=True, slots=True)
class Target:
    """What a contender is given: where the server is, which certificate to trust, and a folder of its own."""

    host: str
    ca_file: Path
    folder: Path
    rows: int


@dataclass(frozen=True, slots=True)
class Cost:
    """One run of one contender. Seconds, megabytes (10^6 bytes), calls; `checks` is what it says it did."""

    name: str
    wall_s: float
    cpu_s: float
    process_s: float
    peak_mb: float
    calls: int
    calls_by_kind: dict[str, int]
    server_cpu_s: float
    checks: dict[str, object]
    modules: tuple[str, ...] = ()  # everything that was loaded at the end


class ContenderFailed(RuntimeError):
    """A contender ended without telling its result."""


def high_water_mb() -> float:
    """The most memory that this process ever had, in megabytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def _cpu_seconds() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def report(work: Callable[[], dict[str, object]]) -> None:
    """Inside a contender's process: do the work and print its cost as the last line of stdout."""
    for name in os.environ.get(_PRELOAD, "").split():
        with suppress(Exception):  # some can only be loaded by others
            importlib.import_module(name)
    cpu, wall = _cpu_seconds(), time.perf_counter()
    checks = work()
    told = {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": _cpu_seconds() - cpu,
        "peak_mb": high_water_mb(),
        "checks": checks,
        "modules": sorted(name for name in sys.modules if name != "__main__"),
    }
    print(json.dumps(told, default=str), flush=True)


class _Watch(threading.Thread):
    """Samples the memory of a process tree until it is gone."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak_mb = pid, 0.0

    def run(self) -> None:
        try:
            root = psutil.Process(self.pid)
            while root.is_running() and root.status() != psutil.STATUS_ZOMBIE:
                tree = [root, *root.children(recursive=True)]
                self.peak_mb = max(self.peak_mb, sum(p.memory_info().rss for p in tree) / 1e6)
                time.sleep(_SAMPLE_SECONDS)
        except psutil.Error:
            return


def run(module: str, name: str, server: Server, rehearsal: Cost | None = None) -> Cost:
    """Run one contender (`python -m MODULE NAME ...`) against the server and measure it.

    With `rehearsal`, what that run had loaded in the end is loaded before the clock starts.
    Raises ContenderFailed with the end of its stderr when it does not tell a result.
    """
    with tempfile.TemporaryDirectory(prefix="pmom-bench-") as folder:
        command = [sys.executable, "-m", module, name, server.host, str(server.ca_file), folder, str(server.rows)]
        server.control("reset")
        begun = time.perf_counter()
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=_environment(Path(folder), rehearsal),
        ) as process:
            watch = _Watch(process.pid)
            watch.start()
            out, err = process.communicate()
        process_s = time.perf_counter() - begun
        watch.join()
        if process.returncode or not out.strip():
            raise ContenderFailed(f"{name} ended with {process.returncode}: {err[-2000:]}")
        told = json.loads(out.strip().splitlines()[-1])
        calls, server_cpu = server.control("counts")
    unknown = [kind for kind in calls if kind.startswith("unknown")]
    if unknown:
        raise ContenderFailed(f"{name} made calls that the server does not know: {unknown}")
    return Cost(
        name=name,
        wall_s=told["wall_s"],
        cpu_s=told["cpu_s"],
        process_s=process_s,
        peak_mb=max(told["peak_mb"], watch.peak_mb),
        calls=sum(calls.values()),
        calls_by_kind=calls,
        server_cpu_s=server_cpu,
        checks=told["checks"],
        modules=tuple(told["modules"]),
    )


def _environment(folder: Path, rehearsal: Cost | None) -> dict[str, str]:
    """The caller's environment with a contender's own files kept in its folder, and no telemetry.

    A CA bundle named in the environment would overrule the session's own (requests' rule), so none is passed on.
    """
    bundles = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
    kept = {name: value for name, value in os.environ.items() if name not in bundles}
    return kept | {
        "HOME": str(folder),
        "DLT_DATA_DIR": str(folder / "dlt"),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "PYTHONWARNINGS": "ignore",
        _PRELOAD: " ".join(rehearsal.modules) if rehearsal else "",
    }


def target(arguments: list[str]) -> tuple[str, Target]:
    """Inside a contender's process: its name and what it was given."""
    name, host, ca_file, folder, rows = arguments
    return name, Target(host, Path(ca_file), Path(folder), int(rows))
