"""What @jetstreamapp/soql-parser-js says of queries: installed by npm into a temporary folder and run by node."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "@jetstreamapp/soql-parser-js"
VERSION = "6.3.1"
_JUDGE = Path(__file__).with_name("judge.cjs")
_INSTALL_SECONDS, _JUDGE_SECONDS = 180, 120


class OtherMissing(Exception):
    """The other parser cannot be had here; the message says why."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """The version that judged, and for each query None or why it is refused."""

    version: str
    refusals: tuple[str | None, ...]


def judged(queries: Sequence[str], version: str = VERSION) -> Opinion:
    """The other parser's verdicts, in the queries' order. Raises OtherMissing."""
    node, npm = _program("node"), _program("npm")
    with tempfile.TemporaryDirectory(prefix="soql-corpus-") as folder:
        options = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        _run([npm, "install", "--prefix", folder, *options, f"{PACKAGE}@{version}"], "", _INSTALL_SECONDS)
        told = json.loads(_run([node, str(_JUDGE), folder], json.dumps(list(queries)), _JUDGE_SECONDS))
    return Opinion(told["version"], tuple(told["refusals"]))


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise OtherMissing(f"{name} is not on the PATH")
    return found


def _run(command: list[str], given: str, seconds: int) -> str:
    step = " ".join(Path(part).name if part.startswith("/") else part for part in command[:2])
    try:
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise OtherMissing(f"`{step}` took longer than {seconds} s") from None
    if done.returncode != 0:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise OtherMissing(f"`{step}` ended with {done.returncode}: {last}")
    return done.stdout
