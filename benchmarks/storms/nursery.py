"""How are our programs started within milliseconds, so that they can be killed often? Forked, with all imported.

Run as a program it reads lines of JSON: which program to run with which words. Each becomes a process of its own,
exactly as `pmom` and `python -m emulators` run, but for two things: nothing is imported anew, and the waits between
two tries, of work and of one call to a CRM, are shorter, so that a storm does not last an hour. Processes end with
the nursery, and it with whoever started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
KILL_WITH_PARENT = 1  # prctl's PR_SET_PDEATHSIG
MAY_WRITE_ANYWHERE = 1 << 1 | 1 << 2 | 1 << 3  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
SHORTER = {"SOON": 0.2, "FIRST": 0.3, "LONGEST": 2.0, "REST": 0.5, "LONGEST_REST": 2.0}
"""Waits of jobs/verdicts.py, in seconds."""
HASTE, LONGEST_NAP = 0.2, 0.5
"""Waits between two tries of one call to a CRM: the share that is slept, and the most seconds."""


@dataclass(eq=False)
class Nursery:
    """The program, as others use it. One thread at a time may call it."""

    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PMOM_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.storms.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )

    def start(self, *words: str, log: Path) -> Born:
        """Begin `pmom` or `emulators` with these words."""
        return Born(self, self._ask({"words": words, "log": str(log)})["pid"], words)

    def ask(self, pid: int) -> int | None:
        """The exit code of a process, negative for a signal; None while it lives."""
        code: int | None = self._ask({"pid": pid})["code"]
        return code

    def close(self) -> None:
        """End it, and all that it started."""
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        self.process.wait(timeout=30)

    def _ask(self, what: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@dataclass
class Born:
    """One process of the nursery."""

    nursery: Nursery
    pid: int
    words: tuple[str, ...]
    code: int | None = None

    def poll(self) -> int | None:
        """Its exit code; None while it lives."""
        if self.code is None:
            self.code = self.nursery.ask(self.pid)
        return self.code

    def end(self, number: signal.Signals = signal.SIGTERM, patience: float = 60.0) -> int:
        """Send the signal and wait for the end; killed when it takes too long."""
        if self.poll() is None:
            os.kill(self.pid, number)
        return self.wait(patience)

    def wait(self, patience: float = 120.0) -> int:
        """Wait for its end; killed when it takes too long."""
        until = time.monotonic() + patience
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.01)
        return code


def main() -> None:
    """Read, fork, answer, until nobody writes any more."""
    _import_everything()
    codes: dict[int, int] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if "words" in asked:
            pid = os.fork()
            if pid == 0:
                _live(asked["words"], asked["log"])
            answer: dict[str, int | None] = {"pid": pid}
        else:
            answer = {"code": _code(asked["pid"], codes)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _code(pid: int, codes: dict[int, int]) -> int | None:
    if pid not in codes:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            codes[pid] = os.waitstatus_to_exitcode(status)
    return codes.get(pid)


def _live(words: list[str], log: str) -> None:
    """Be that program; never returns."""
    import ctypes
    import warnings

    ctypes.CDLL(None).prctl(KILL_WITH_PARENT, signal.SIGKILL)
    _obey_permissions()
    said = _heard(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, to in ((nothing, 0), (said, 1), (said, 2)):
        os.dup2(number, to)
    warnings.simplefilter("default")
    sys.argv = list(words)
    code: Any = 1
    try:
        code = _program(words[0])
    except SystemExit as exit_:
        code = exit_.code
    except BaseException:
        import traceback

        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _heard(log: int) -> int:
    """Where to write: what is said goes through a pipe, so that a bound on the size of files does not silence it."""
    if os.geteuid() == 0:
        return log
    to_read, to_write = os.pipe()
    if os.fork() == 0:
        os.close(to_write)
        while said := os.read(to_read, 65_536):
            os.write(log, said)
        os._exit(0)
    os.close(to_read)
    return to_write


def _program(name: str) -> int:
    if name == "emulators":
        from emulators.__main__ import main as emulate

        return int(emulate(sys.argv[1:]) or 0)
    from connector.crm.hubspot.adapter import HubSpotCRM
    from connector.crm.salesforce.adapter import SalesforceCRM
    from jobs import verdicts
    from jobs.command import main as pmom

    for crm in (HubSpotCRM, SalesforceCRM):
        defaults: dict[str, Any] = crm.__init__.__kwdefaults__ or {}
        assert "sleep" in defaults
        defaults["sleep"] = _nap
    for wait, seconds in SHORTER.items():
        setattr(verdicts, wait, seconds)
    pmom()
    return 0


def _nap(seconds: float) -> None:
    time.sleep(min(seconds * HASTE, LONGEST_NAP))


def _obey_permissions() -> None:
    """Also root is refused what a file's permissions refuse: a read-only file is one to everybody."""
    import ctypes

    if os.geteuid() != 0:
        return
    head = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    lib = ctypes.CDLL(None)
    if lib.capget(head, sets) == 0:
        sets[0] &= ~MAY_WRITE_ANYWHERE & 0xFFFFFFFF
        lib.capset(head, sets)


def _import_everything() -> None:
    """What the programs import as they go, so that a fork has it; nothing here may start a thread."""
    import importlib
    import pkgutil

    for root in ("connector", "jobs", "emulators"):
        for each in pkgutil.walk_packages(importlib.import_module(root).__path__, f"{root}."):
            if not each.name.endswith(("__main__", ".env")):
                importlib.import_module(each.name)
    for name in ("emulators.__main__", "scipy.stats", "scipy.optimize", "dbos", "duckdb", "ibis.backends.duckdb"):
        importlib.import_module(name)


if __name__ == "__main__":
    main()
