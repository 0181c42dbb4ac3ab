"""What does a sync with one changed deal cost: calls by kind and seconds, against the emulated portal.

The portal is a made-up one with the shipped mapping, that is, with every object the connector knows. The emulator
answers calls as the portal does, so calls are what counts here; its seconds are not HubSpot's.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import measure

DAY = "2026-03-31"
DEALS = "/crm/objects/2026-03/deals"
_CONFIG = """
[workspace]
dir = "{folder}/work"
[hubspot]
base_url = "{url}"
portal_id = "{portal_id}"
access_token_file = "{folder}/secret"
ca_file = "{ca_file}"
"""


@dataclass(frozen=True, slots=True)
class Synced:
    """One pull: seconds, calls by kind, and how many rows it found changed."""

    wall_s: float
    cpu_s: float
    calls: Counter[str]
    changed: int


@contextmanager
def _portal(folder: Path, size: str) -> Iterator[dict[str, Any]]:
    world, ready = folder / "world", folder / "ready.json"
    command = [sys.executable, "-m", "emulators"]
    made = ["world", str(world), "--crm", "hubspot", "--size", size, "--as-of", DAY]
    subprocess.run([*command, *made], check=True, capture_output=True)
    told = ["--load", str(world), "--db", str(folder / "portal.db"), "--now", f"{DAY}T12:00:00Z", "--lag", "0"]
    process = subprocess.Popen(
        [*command, "hubspot", *told, "--ready-file", str(ready)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not ready.exists():
            if process.poll() is not None:
                raise measure.ContenderFailed("the emulated portal did not start")
            time.sleep(0.1)
        yield json.loads(ready.read_text())
    finally:
        process.terminate()
        process.wait()


def _change_one_deal(portal: dict[str, Any]) -> None:
    """A person raises a deal's amount."""
    context = ssl.create_default_context(cafile=portal["ca_file"])
    headers = {"Authorization": f"Bearer {portal['access_token']}", "Content-Type": "application/json"}

    def ask(method: str, path: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(portal["url"] + path, body, headers, method=method)
        with urllib.request.urlopen(request, context=context) as answer:
            return json.loads(answer.read())

    deal = ask("GET", f"{DEALS}?limit=1&properties=amount")["results"][0]
    raised = float(deal["properties"]["amount"] or 0) + 1_000
    ask("PATCH", f"{DEALS}/{deal['id']}", json.dumps({"properties": {"amount": str(raised)}}).encode())


def _pulled(config: Path, run: str) -> Synced:
    from connector import wiring
    from connector.sync.pull import pull

    wall, cpu = time.perf_counter(), time.process_time()
    with wiring.opened(config) as context:
        found = pull(context, run)
        calls = Counter(context.crm.wire.budget.by_kind)  # type: ignore[attr-defined]
    return Synced(time.perf_counter() - wall, time.process_time() - cpu, calls, found.changed)


def work(folder: Path, size: str) -> dict[str, object]:
    """First pull, nothing changed, one deal changed: each a pull in a program that is new to the portal."""
    with _portal(folder, size) as portal:
        config = folder / "config.toml"
        config.write_text(_CONFIG.format_map(portal | {"folder": folder}))
        secret = folder / "secret"
        secret.touch(mode=0o600)
        secret.write_text(portal["access_token"])
        first, second = _pulled(config, "first"), _pulled(config, "second")
        _change_one_deal(portal)
        third = _pulled(config, "third")
    told = {"first": first, "nothing changed": second, "one deal changed": third}
    return {
        name: {"wall_s": each.wall_s, "cpu_s": each.cpu_s, "calls": dict(each.calls), "changed": each.changed}
        for name, each in told.items()
    }


def run(size: str) -> dict[str, Any]:
    """The same in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="pmom-bench-") as name:
        environment = {key: value for key, value in os.environ.items() if "BUNDLE" not in key and "PROXY" not in key}
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.incremental", name, size],
            capture_output=True,
            text=True,
            env=environment,
        )
        if done.returncode:
            raise measure.ContenderFailed(f"the sync of one changed deal failed: {done.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found


if __name__ == "__main__":
    print(json.dumps(work(Path(sys.argv[1]), sys.argv[2])))
