"""What the tests of the web process share: two connections with every door open, here or in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from connector.config.deployment import Deployment
from connector.hooks import events, hubspot_signatures
from connector.store.inbox import Held, Inbox
from connector.web import application
from connector.web.application import Served

NOW = datetime(2026, 3, 31, 9, tzinfo=UTC)
PORTAL, ORG, ACTION = 48_000_001, "00D000000000001EAA", "04k000000000001AAA"
CLIENT_SECRET = "11111111-2222-3333-4444-555555555555"
OUTBOUND_SECRET = "o" * 32 + "-in-the-address"
EVENTS_SECRET = "e" * 32 + "-of-the-events"
PUBLIC = "https://pmom.acme.invalid"
ROOT = Path(__file__).parents[2]
_PROGRAM = """
import sys
from pathlib import Path
from connector.config.deployment import Deployment
from connector.web.serve import serve
serve(Deployment.load(Path(sys.argv[1])), heard=lambda url: print(url, flush=True))
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def settings(folder: Path, *, web: str = f'public_url = "{PUBLIC}"', hooks: str = "", hub_hooks: str = "") -> Path:
    """A deployment of an org "emea" and a portal "portal"; secrets stand in files."""
    for name, secret in (("client", CLIENT_SECRET), ("outbound", OUTBOUND_SECRET), ("events", EVENTS_SECRET)):
        write(folder, name, secret)
    write(
        folder,
        "emea.toml",
        f"""name = "emea"
[workspace]
dir = "emea"
[salesforce]
instance_url = "https://acme.my.salesforce.com"
client_id = "id"
[webhooks]
outbound_secret_file = "outbound"
outbound_organization = "{ORG[:15]}"
outbound_actions = "{ACTION}"
events_secret_file = "events"
{hooks}
""",
    )
    write(
        folder,
        "portal.toml",
        f"""name = "portal"
[workspace]
dir = "portal"
[hubspot]
portal_id = "{PORTAL}"
[webhooks]
hubspot_client_secret_file = "client"
own_writer = "7000001"
{hub_hooks}
""",
    )
    return write(
        folder,
        "pmom.toml",
        f'connections = ["emea.toml", "portal.toml"]\n[web]\n{web}\n[jobs]\ndir = "jobs"\n[log]\nformat = "json"\n',
    )


@dataclass
class Site:
    """The application in this process, at a clock that only the test moves."""

    served: Served
    client: FlaskClient
    at: list[datetime] = field(default_factory=lambda: [NOW])

    def held(self, connection: str) -> tuple[Held, ...]:
        return self.served.fleet.inbox().take(connection, 10**9)

    def refused(self) -> dict[tuple[str, str], int]:
        """The counters that outlive the process."""
        self.served.desk.tally.flush()
        return {(each.connection, each.name): each.count for each in self.served.fleet.counters()}

    def hubspot(
        self, body: bytes, *, name: str = "portal", secret: str = CLIENT_SECRET, signed_at: datetime | None = None
    ) -> Any:
        stamp = str(int((signed_at or self.at[0]).timestamp() * 1000))
        signed = hubspot_signatures.v3(secret, "POST", f"{PUBLIC}/hooks/hubspot/{name}", body, stamp)
        headers = {"X-HubSpot-Signature-v3": signed, "X-HubSpot-Request-Timestamp": stamp}
        return self.client.post(f"/hooks/hubspot/{name}", data=body, content_type="application/json", headers=headers)

    def outbound(self, body: bytes, *, name: str = "emea", secret: str = OUTBOUND_SECRET) -> Any:
        return self.client.post(f"/hooks/salesforce/{name}/{secret}", data=body, content_type="text/xml")

    def events(
        self, said: object, *, name: str = "emea", secret: str = EVENTS_SECRET, signed_at: datetime | None = None
    ) -> Any:
        body, stamp = json.dumps(said).encode(), str(int((signed_at or self.at[0]).timestamp()))
        headers = {"X-PMOM-Timestamp": stamp, "X-PMOM-Signature": events.signature(secret, stamp, body)}
        return self.client.post(f"/hooks/events/{name}", data=body, content_type="application/json", headers=headers)


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    with ExitStack() as stack:

        def make(**more: str) -> Site:
            clock = [NOW]
            served = application.served(Deployment.load(settings(tmp_path, **more)), clock=lambda: clock[0])
            stack.callback(served.close)
            return Site(served, served.app.test_client(), clock)

        yield make


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()


@dataclass
class Process:
    """The application in a process of its own."""

    folder: Path
    process: subprocess.Popen[str]
    url: str

    def inbox(self) -> Inbox:
        return Inbox.open(self.folder / "jobs" / "fleet.sqlite")

    def rows(self, connection: str) -> tuple[Held, ...]:
        inbox = self.inbox()
        try:
            return inbox.take(connection, 10**9, 1_000_000)
        finally:
            inbox.close()

    def end(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=20)


def spawn(config: Path) -> Process:
    """Serve that deployment; returns once it listens."""
    errors = (config.parent / "log").open("a", encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(config)], cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True
    )
    errors.close()
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert url, (config.parent / "log").read_text(encoding="utf-8")
    return Process(config.parent, process, url)


@pytest.fixture
def make_process(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    made: list[Process] = []

    def make(config: Path | None = None) -> Process:
        config = config or settings(tmp_path, web=f'public_url = "{PUBLIC}"\nport = {unused_port()}')
        made.append(spawn(config))
        return made[-1]

    yield make
    for each in made:
        each.end(signal.SIGKILL)
        if each.process.stdout is not None:
            each.process.stdout.close()


def unused_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def shared_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One process for all tests of a module that leave it as it was."""
    folder = tmp_path_factory.mktemp("web")
    found = spawn(settings(folder, web=f'public_url = "{PUBLIC}"\nport = {unused_port()}'))
    yield found
    found.end()
    assert found.process.stdout is not None
    found.process.stdout.close()


@pytest.fixture
def free_port() -> Callable[[], int]:
    return unused_port


@pytest.fixture
def settings_file(tmp_path: Path) -> Callable[..., Path]:
    return lambda **more: settings(tmp_path, **more)


@dataclass
class Crm:
    """An emulated CRM in a process of its own."""

    told: dict[str, Any]
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return str(self.told["url"])

    def control(self, name: str, body: object = None, method: str = "POST") -> Any:
        headers = {"X-Emulator-Token": self.told["control_token"]}
        answer = requests.request(method, f"{self.url}/__emulator__/{name}", json=body, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def emulated(tmp_path: Path) -> Iterator[Callable[..., Crm]]:
    made: list[subprocess.Popen[bytes]] = []

    def start(kind: str, *options: str) -> Crm:
        ready = tmp_path / f"{kind}.json"
        command = [sys.executable, "-m", "emulators", kind, "--http", "--ready-file", str(ready), *options]
        made.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        until = time.monotonic() + 60
        while not ready.exists():
            assert time.monotonic() < until
            assert made[-1].poll() is None
            time.sleep(0.02)
        return Crm(json.loads(ready.read_text(encoding="utf-8")), made[-1])

    yield start
    for each in made:
        os.kill(each.pid, signal.SIGTERM)
        each.wait(timeout=20)
