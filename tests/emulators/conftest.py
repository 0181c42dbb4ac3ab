"""What the emulator's tests share: a running org on loopback and a caller that holds a session."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from emulators.loopback.clock import Clock
from emulators.salesforce import catalog
from emulators.salesforce.oauth import login as oauth
from emulators.salesforce.org import Org
from emulators.salesforce.schema import FieldType
from emulators.salesforce.server import Emulator

CLIENT_ID, CLIENT_SECRET, CONTROL_TOKEN = "an-app", "its-secret", "control-token"
START = datetime(2026, 3, 31, 9, 0, tzinfo=UTC)


class Caller:
    """Calls a running emulator as a client with a session would."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.org = emulator.org
        self.http = requests.Session()
        self.http.trust_env = False
        if emulator.ca_file is not None:
            self.http.verify = str(emulator.ca_file)

    def login(self) -> Caller:
        """Take a session by client credentials."""
        form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        answer = self.http.post(f"{self.emulator.url}/services/oauth2/token", data=form, timeout=10)
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return self

    def raw(self, method: str, path: str, **options: Any) -> requests.Response:
        """A call to any path."""
        return self.http.request(method, self.emulator.url + path, timeout=20, **options)

    def call(self, method: str, path: str, json: Any = None, version: str = "67.0", **options: Any) -> Any:
        """(status, parsed body) of a call under /services/data/vNN.0; None for an empty body."""
        answer = self.raw(method, f"/services/data/v{version}{path}", json=json, **options)
        return answer.status_code, answer.json() if answer.content else None

    def query(self, soql: str) -> list[dict[str, Any]]:
        """The first page's records."""
        status, body = self.call("GET", "/query", params={"q": soql})
        assert status == 200, body
        return list(body["records"])

    def make(self, object_name: str, **values: Any) -> str:
        """Create a record; its id."""
        status, body = self.call("POST", f"/sobjects/{object_name}", values)
        assert status == 201, body
        return str(body["id"])

    def control(self, method: str, name: str, body: Any = None) -> Any:
        """A call to the control plane, which must succeed."""
        headers = {"X-Emulator-Token": CONTROL_TOKEN}
        answer = requests.Session()
        answer.trust_env = False
        answer.verify = self.http.verify
        with answer:
            found = answer.request(
                method, f"{self.emulator.url}/__emulator__/{name}", json=body, headers=headers, timeout=20
            )
        assert found.status_code == 200, found.text
        return found.json()


Start = Callable[..., Caller]
Opened = Callable[..., Org]


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a new org with all features, made once and copied by whoever needs one."""
    path = tmp_path_factory.mktemp("founded") / "org.db"
    Org.open(path, catalog.load(), Clock(START, frozen=True), seed=1).release()
    return path


@pytest.fixture(scope="session")
def opened(founded: Path) -> Opened:
    """`opened(folder)`: an org of that folder, a new one unless its file is there; `without=[...]` lacks features."""

    def make(folder: Path, *, without: tuple[str, ...] = (), file: str = "org.db", frozen: bool = True) -> Org:
        if not without and not (folder / file).exists():
            shutil.copyfile(founded, folder / file)
        return Org.open(folder / file, catalog.load(without), Clock(START, frozen=frozen), seed=1)

    return make


@contextmanager
def answering(org: Org, app: dict[str, Any] | None = None, ca_folder: Path | None = None) -> Iterator[Caller]:
    """While inside, the org answers; a caller with a session."""
    known = oauth.App(**{"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **(app or {})})
    with Emulator(org, known, ca_folder=ca_folder, control_token=CONTROL_TOKEN) as emulator:
        caller = Caller(emulator).login()
        yield caller
        caller.http.close()


@pytest.fixture
def start(tmp_path: Path, opened: Opened) -> Iterator[Start]:
    """Start an org; `tls=True` for TLS, `app={...}` for the application, the rest as of `opened`."""
    with ExitStack() as running:

        def begin(*, tls: bool = False, app: dict[str, Any] | None = None, **options: Any) -> Caller:
            org = opened(tmp_path, **options)
            return running.enter_context(answering(org, app, tmp_path if tls else None))

        yield begin


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, opened: Opened) -> Iterator[Caller]:
    """A caller of one org for the whole module: its tests make their own records and leave the others' alone."""
    with answering(opened(tmp_path_factory.mktemp("module"))) as caller:
        yield caller


@pytest.fixture
def caller(start: Start) -> Caller:
    """A caller with a session to a fresh org over plain HTTP, its clock frozen at START."""
    return start()


def grant(org: Org, user_id: str, *fields: str, edit: bool = True) -> None:
    """Assign a permission set that shows those `Object.Field__c`."""
    system = org.system()
    name = f"Set_{len(fields)}_{org.new_id('PermissionSet')[8:15]}"
    granted = org.insert("PermissionSet", {"Name": name, "Label": name}, system)
    for field in fields:
        values = {"ParentId": granted, "SobjectType": field.split(".")[0], "Field": field, "PermissionsRead": True}
        org.insert("FieldPermissions", {**values, "PermissionsEdit": edit}, system)
    org.insert("PermissionSetAssignment", {"AssigneeId": user_id, "PermissionSetId": granted}, system)


@pytest.fixture
def keyed(caller: Caller) -> Caller:
    """A caller to an org whose accounts have a visible, unique external id Key__c."""
    field = FieldType("Key__c", "Key", "string", length=40, custom=True, unique=True, external_id=True,
                      id_lookup=True, always_visible=False)  # fmt: skip
    caller.org.add_custom_field("Account", field)
    grant(caller.org, caller.org.user_id, "Account.Key__c")
    return caller


@pytest.fixture
def granting() -> Callable[..., None]:
    """`granting(org, user_id, "Account.Key__c", edit=True)` shows fields to a user."""
    return grant
