"""One running org for a whole module: its tests make their own records and leave the others' alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from emulators.loopback.clock import Clock
from emulators.salesforce import catalog
from emulators.salesforce.oauth import login as oauth
from emulators.salesforce.org import Org
from emulators.salesforce.server import Emulator

START = datetime(2026, 3, 31, 9, 0, tzinfo=UTC)


class Client:
    """Calls one running org with a session."""

    def __init__(self, emulator: Emulator) -> None:
        self.org = emulator.org
        self._url = emulator.url
        self._http = requests.Session()
        self._http.trust_env = False
        form = {"grant_type": "client_credentials", "client_id": "app", "client_secret": "secret"}
        token = self._http.post(f"{self._url}/services/oauth2/token", data=form, timeout=10).json()["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def call(
        self, method: str, path: str, json: Any = None, version: str = "67.0", **options: Any
    ) -> tuple[int, Any]:
        """Status and parsed body of a call under /services/data/vNN.0."""
        url = f"{self._url}/services/data/v{version}{path}"
        answer = self._http.request(method, url, json=json, timeout=20, **options)
        return answer.status_code, answer.json() if answer.content else None

    def make(self, name: str, **values: Any) -> str:
        """Create a record; its id."""
        status, body = self.call("POST", f"/sobjects/{name}", values)
        assert status == 201, body
        return str(body["id"])

    def query(self, soql: str) -> list[dict[str, Any]]:
        """The records of a query."""
        status, body = self.call("GET", "/query", params={"q": soql})
        assert status == 200, body
        return list(body["records"])

    def close(self) -> None:
        """End the connection."""
        self._http.close()


@pytest.fixture(scope="module")
def client(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of an org of the module's own, its clock frozen."""
    path = tmp_path_factory.mktemp("rest") / "org.db"
    shutil.copyfile(founded, path)
    org = Org.open(path, catalog.load(), Clock(START, frozen=True), seed=1)
    emulator = Emulator(org, oauth.App(client_id="app", client_secret="secret")).start()
    found = Client(emulator)
    yield found
    found.close()
    emulator.stop()
