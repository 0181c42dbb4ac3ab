"""What the tests of the page and of saved states share: both emulators, running, and a browser that is let in."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from emulators.hubspot.portal import Portal
from emulators.hubspot.server import Emulator as HubSpot
from emulators.hubspot.tokens import App as HubApp
from emulators.loopback.clock import Clock
from emulators.loopback.server import Running
from emulators.salesforce import catalog
from emulators.salesforce.oauth import login as oauth
from emulators.salesforce.org import Org
from emulators.salesforce.server import Emulator as Salesforce

TOKEN = "control-token"
START = datetime(2026, 3, 31, 9, 0, tzinfo=UTC)
BASE = "/__emulator__/page"
CRMS = ("salesforce", "hubspot")


@dataclass
class Browser:
    """Opens pages and sends forms of one emulator, as a person's browser does."""

    emulator: Any
    http: requests.Session

    @property
    def url(self) -> str:
        return str(self.emulator.url)

    def enter(self) -> Browser:
        """Open the address with the token."""
        assert self.get(f"/?token={TOKEN}").status_code == 200
        return self

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.http.get(self.url + path, timeout=20, **more)

    def text(self, path: str) -> str:
        """A page's HTML, which must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def form_token(self) -> str:
        found = re.search(r'name="form" value="([0-9a-f]{64})"', self.text(f"{BASE}/settings"))
        assert found is not None
        return found[1]

    def send(self, path: str, /, files: dict[str, Any] | None = None, **texts: str) -> requests.Response:
        """Send a form of the page with its token; -> the page that follows."""
        values = {"form": self.form_token(), **{name.replace("__", "."): text for name, text in texts.items()}}
        return self.http.post(f"{self.url}{BASE}/{path}", data=values, files=files, timeout=20)

    def control(self, method: str, name: str, body: Any = None) -> Any:
        """A call to the control plane."""
        headers = {"X-Emulator-Token": TOKEN}
        answer = self.http.request(method, f"{self.url}/__emulator__/{name}", json=body, headers=headers, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def add(self, object_name: str, **values: str) -> str:
        """A record, by the control plane; its id."""
        key = "values" if isinstance(self.emulator, Salesforce) else "properties"
        return str(self.control("POST", "insert", {"object": object_name, key: values})["id"])


def salesforce(folder: Path, seed: int = 1) -> Salesforce:
    org = Org.open(folder / "org.db", catalog.load(), Clock(START, frozen=True), seed)
    return Salesforce(org, oauth.App("an-app", "its-secret"), control_token=TOKEN)


def hubspot(folder: Path, seed: int = 1) -> HubSpot:
    portal = Portal.open(folder / "portal.db", None, Clock(START, frozen=True), seed)
    app = HubApp("an-app", "its-secret", "pat-na1-static", "a-refresh-token")
    return HubSpot(portal, app, control_token=TOKEN)


MAKERS: dict[str, Callable[..., Running]] = {"salesforce": salesforce, "hubspot": hubspot}
Make = Callable[..., Browser]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    """`make("hubspot", seed=2)`: a running emulator and a browser that has not entered yet."""
    running: list[Browser] = []

    def begin(crm: str, seed: int = 1) -> Browser:
        emulator = MAKERS[crm](tmp_path_factory.mktemp(crm), seed).start()
        session = requests.Session()
        session.trust_env = False
        running.append(Browser(emulator, session))
        return running[-1]

    yield begin
    for each in running:
        each.http.close()
        each.emulator.stop()


@pytest.fixture(scope="module", params=CRMS)
def browser(request: pytest.FixtureRequest, make: Make) -> Browser:
    """A browser that was let in, of each emulator in turn."""
    return make(request.param).enter()


@pytest.fixture(scope="module")
def org(make: Make) -> Browser:
    """A browser of a Salesforce org."""
    return make("salesforce").enter()


@pytest.fixture(scope="module")
def portal(make: Make) -> Browser:
    """A browser of a HubSpot portal."""
    return make("hubspot").enter()


@pytest.fixture(scope="session")
def plain() -> Callable[[str], str]:
    """What a person reads of HTML: without tags, entities resolved."""
    return lambda text: " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())
