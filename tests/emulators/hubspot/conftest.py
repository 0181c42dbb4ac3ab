"""What the tests of the HubSpot emulator share: a running portal on loopback and a caller with its static token."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from emulators.hubspot.portal import Portal, Settings
from emulators.hubspot.server import Emulator
from emulators.hubspot.tokens import App
from emulators.loopback.clock import Clock

APP = App("an-app", "its-secret", "pat-na1-static", "a-refresh-token")
CONTROL_TOKEN = "control-token"
START = datetime(2026, 3, 31, 9, 0, tzinfo=UTC)


class Caller:
    """Calls a running portal as an integration would."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator, self.portal, self.url = emulator, emulator.portal, emulator.url
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["Authorization"] = f"Bearer {APP.access_token}"

    def raw(self, method: str, path: str, **options: Any) -> requests.Response:
        """A call to any path."""
        verify = str(self.emulator.ca_file) if self.emulator.ca_file else True
        return self.http.request(method, self.url + path, timeout=20, verify=verify, **options)

    def call(self, method: str, path: str, json: Any = None, **options: Any) -> tuple[int, Any]:
        """(status, parsed body); None for an empty body."""
        answer = self.raw(method, path, json=json, **options)
        return answer.status_code, answer.json() if answer.content else None

    def make(self, object_name: str, **properties: Any) -> str:
        """Create a record; its id."""
        status, body = self.call("POST", f"/crm/v3/objects/{object_name}", {"properties": properties})
        assert status == 201, body
        return str(body["id"])

    def get(self, object_name: str, record_id: str, *names: str) -> dict[str, Any]:
        """One record with those properties."""
        path = f"/crm/v3/objects/{object_name}/{record_id}"
        status, body = self.call("GET", path, params={"properties": ",".join(names)})
        assert status == 200, body
        return dict(body)

    def search(self, object_name: str, *filters: dict[str, Any], **more: Any) -> dict[str, Any]:
        """A search with one group of filters."""
        body = {"filterGroups": [{"filters": list(filters)}], **more}
        status, found = self.call("POST", f"/crm/v3/objects/{object_name}/search", body)
        assert status == 200, found
        return dict(found)

    def control(self, name: str, body: Any = None, method: str = "POST") -> Any:
        """A call to the control plane, which must succeed."""
        found = self.raw(method, f"/__emulator__/{name}", json=body, headers={"X-Emulator-Token": CONTROL_TOKEN})
        assert found.status_code == 200, found.text
        return found.json()


class Receiver:
    """A listener for webhooks on loopback: keeps what comes, answers with `statuses` in turn and then with 200."""

    def __init__(self) -> None:
        self.posts: list[tuple[dict[str, str], bytes]] = []  # headers by lower-case name, raw body
        self.statuses: list[int] = []
        self.busy = self.most_at_once = 0
        self.gate: threading.Event | None = None  # posts wait for it
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.take({name.lower(): value for name, value in self.headers.items()}, body)
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hooks/hubspot"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def take(self, headers: dict[str, str], body: bytes) -> int:
        with self._lock:
            self.busy += 1
            self.most_at_once = max(self.most_at_once, self.busy)
            gate = self.gate
        if gate is not None:
            gate.wait(20)
        with self._lock:
            self.busy -= 1
            self.posts.append((headers, body))
            return self.statuses.pop(0) if self.statuses else 200

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of all posts, in the order in which they came."""
        return [event for _, body in self.posts for event in json.loads(body)]

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A running receiver."""
    found = Receiver()
    yield found
    if found.gate is not None:
        found.gate.set()
    found.stop()


Start = Callable[..., Caller]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a portal: frozen at START, search never late, no limits; each can be turned on."""
    running: list[Caller] = []

    def begin(
        *,
        tls: bool = False,
        settings: Settings | None = None,
        file: str = "portal.db",
        frozen: bool = True,
        lag: tuple[float, float] = (0, 0),
        limits: bool = False,
        retired: tuple[str, ...] = (),
        seed: int = 1,
    ) -> Caller:
        portal = Portal.open(tmp_path / file, settings, Clock(START, frozen=frozen), seed)
        portal.put_state("lag", list(lag))
        folder = tmp_path if tls else None
        emulator = Emulator(portal, APP, ca_folder=folder, control_token=CONTROL_TOKEN, retired=retired)
        emulator.limits.set({"enabled": limits})
        running.append(Caller(emulator.start()))
        return running[-1]

    yield begin
    for caller in running:
        caller.http.close()
        caller.emulator.stop()


@pytest.fixture
def hub(start: Start) -> Caller:
    """A caller to a fresh portal over plain HTTP."""
    return start()
