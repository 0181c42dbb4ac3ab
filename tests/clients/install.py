"""What `make clients` does: other people's clients into .clients/, once for each lock; what fails is told.

`.clients/node` holds the npm packages of tests/clients/node, `.clients/NAME` a virtual environment of
requirements-clients-NAME.lock. Nothing that fails ends the command: the reason is printed and kept in
`.clients/NAME.absent`, where the tests of that client find it.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".clients"
NODE_LOCK = ROOT / "tests/clients/node/package-lock.json"
SECONDS = 900  # for one installation: the largest is 600 MB of small files


class Absent(Exception):
    """A client cannot be installed here; the text says why."""


def python_locks() -> dict[str, Path]:
    """The lock of each Python client that has an environment of its own."""
    return {
        path.stem.removeprefix("requirements-clients-"): path for path in ROOT.glob("requirements-clients-*.lock")
    }


def main() -> int:
    """Install what is missing or out of date; always 0."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / ".lock").open("w") as alone:  # two at a time would tear each other's work down
        fcntl.flock(alone, fcntl.LOCK_EX)
        _keep("node", NODE_LOCK, _install_node)
        for name, lock in sorted(python_locks().items()):
            _keep(name, lock, _install_python)
    return 0


def _keep(name: str, lock: Path, install: Callable[[Path, Path], None]) -> None:
    """Install one environment unless its stamp says that it is made from this very lock."""
    folder, reason, began = FOLDER / name, FOLDER / f"{name}.absent", time.monotonic()
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = folder / ".installed"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    reason.unlink(missing_ok=True)
    try:
        install(folder, lock)
    except Absent as why:
        reason.write_text(f"{why}\n", encoding="utf-8")
        print(f"clients: {name} is absent: {why}")
        return
    stamp.write_text(digest, encoding="utf-8")
    print(f"clients: {name} installed in {time.monotonic() - began:.0f} s")


def _install_node(folder: Path, lock: Path) -> None:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise Absent("node and npm are not installed")
    for name in ("package.json", lock.name):
        shutil.copyfile(lock.with_name(name), folder / name)
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--omit-lockfile-registry-resolved"]
    _run([npm, "ci", *quiet], folder)


def _install_python(folder: Path, lock: Path) -> None:
    target = str(folder / "bin" / "python")
    uv = Path(sys.executable).with_name("uv")
    if uv.exists():
        _run([str(uv), "venv", "-q", "--allow-existing", "--python", sys.executable, str(folder)], ROOT)
        _run([str(uv), "pip", "install", "-q", "--python", target, "--require-hashes", "-r", str(lock)], ROOT)
        return
    _run([sys.executable, "-m", "venv", str(folder)], ROOT)
    quiet = ["-q", "--disable-pip-version-check"]
    _run([target, "-m", "pip", "install", *quiet, "--require-hashes", "-r", str(lock)], ROOT)


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as bad:
        raise Absent(f"{Path(command[0]).name} does not end well: {bad}") from None
    if done.returncode:
        told = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise Absent(f"{Path(command[0]).name} ends with {done.returncode}: {' | '.join(told[-3:])[:400]}")


if __name__ == "__main__":
    sys.exit(main())
