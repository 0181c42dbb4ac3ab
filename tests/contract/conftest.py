"""Two CRMs behind one bench: the reference in memory, and the Salesforce adapter against a running emulator."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest
import requests

from connector.core.records import Kind
from connector.crm.base import CRM, Field, FieldSpec, JobLedger, ObjectSchema, Scalar
from connector.crm.memory import MemoryCRM
from connector.crm.retry import Patience
from connector.crm.salesforce.adapter import SalesforceCRM
from connector.crm.salesforce.auth import SalesforceConnection

SPECS = (
    FieldSpec("Account", "Score", "Score", Kind.NUMBER, "How the partner scores, 0 to 100.", precision=5, scale=2),
    FieldSpec("Account", "Decision", "Decision", Kind.TEXT, "What was decided.", options=("invest", "hold", "stop")),
    FieldSpec("Account", "Key", "Key", Kind.TEXT, "The connector's own key.", length=40, unique_key=True),
    FieldSpec("Account", "Note", "Note", Kind.TEXT, "A short note.", length=20),
    FieldSpec("Account", "Decided", "Decided", Kind.INSTANT, "When it was decided."),
    FieldSpec("Account", "Reviewer", "Reviewer", Kind.TEXT, "Who looked at it.", length=80, human=True),
    FieldSpec("Task", "Task_Key", "Task key", Kind.TEXT, "The connector's own key.", length=64, unique_key=True),
)
EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
_days = itertools.count(1)


class Bench(Protocol):
    """A CRM and the hands of the people who work in it; the clock stands at `start` until told to move."""

    crm: CRM
    start: datetime

    def add(self, object_name: str, **values: Scalar) -> str: ...
    def edit(self, object_name: str, record_id: str, **values: Scalar) -> None: ...
    def delete(self, object_name: str, record_id: str) -> None: ...
    def purge(self, object_name: str, record_id: str) -> None: ...
    def merge(self, object_name: str, winner: str, loser: str) -> None: ...
    def advance(self, seconds: float) -> None: ...


def _schemas() -> dict[str, ObjectSchema]:
    audit = (
        Field("Id", "Id", Kind.ID, nullable=False, unique_key=True),
        Field("CreatedDate", "Created", Kind.INSTANT),
        Field("SystemModstamp", "Stamp", Kind.INSTANT),
    )
    money = Field("AnnualRevenue", "Revenue", Kind.MONEY, createable=True, updateable=True, scale=0)
    text = {"createable": True, "updateable": True, "kind": Kind.TEXT}
    account = (
        *audit,
        Field(name="Name", label="Name", nullable=False, length=255, **text),  # type: ignore[arg-type]
        Field(name="Website", label="Website", length=255, **text),  # type: ignore[arg-type]
        money,
        Field("NumberOfEmployees", "Employees", Kind.INTEGER, createable=True, updateable=True),
    )
    task = (*audit, Field(name="Subject", label="Subject", length=255, **text))  # type: ignore[arg-type]
    return {
        "Account": ObjectSchema("Account", "Account", account, cursor="SystemModstamp", merges=True),
        "Task": ObjectSchema("Task", "Task", task, cursor="SystemModstamp"),
    }


@dataclass
class MemoryBench:
    crm: MemoryCRM
    start: datetime

    def add(self, object_name: str, **values: Scalar) -> str:
        return self.crm.add(object_name, {"CreatedDate": self.crm.now_at, **values})

    def edit(self, object_name: str, record_id: str, **values: Scalar) -> None:
        self.crm.records[object_name][record_id].values.update(values, SystemModstamp=self.crm.now_at)

    def delete(self, object_name: str, record_id: str) -> None:
        self.crm.delete(object_name, record_id)

    def purge(self, object_name: str, record_id: str) -> None:
        self.crm.purge(object_name, record_id)

    def merge(self, object_name: str, winner: str, loser: str) -> None:
        self.crm.delete(object_name, loser, merged_into=winner)

    def advance(self, seconds: float) -> None:
        self.crm.advance(timedelta(seconds=seconds))


@dataclass(frozen=True)
class Emulator:
    """A running emulator, and its control plane."""

    url: str
    ca_file: str
    client_id: str
    client_secret: str
    control_token: str
    user_id: str

    def control(self, name: str, body: Any = None, method: str = "POST") -> Any:
        with requests.Session() as session:
            session.trust_env = False
            session.verify = self.ca_file
            answer = session.request(
                method,
                f"{self.url}/__emulator__/{name}",
                json={} if body is None else body,
                headers={"X-Emulator-Token": self.control_token},
                timeout=20,
            )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def faults(self, *rules: Mapping[str, Any]) -> None:
        self.control("faults", list(rules))

    def calls(self) -> dict[str, int]:
        found: dict[str, int] = self.control("calls", method="GET")["by_kind"]
        return found

    def connection(self, **settings: Any) -> SalesforceConnection:
        basics: dict[str, Any] = {
            "instance_url": self.url,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "ca_file": self.ca_file,
            "patience": Patience(first=0.01, longest=2.0, total=10.0),
            "connect_timeout": 5.0,
            "read_timeout": 20.0,
            "first_poll": 0.02,
            "longest_poll": 0.2,
        }
        return SalesforceConnection(**(basics | settings))


@dataclass
class SalesforceBench:
    crm: SalesforceCRM
    start: datetime
    emulator: Emulator
    opened: list[SalesforceCRM] = field(default_factory=list)

    def add(self, object_name: str, **values: Scalar) -> str:
        plain = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
        found: str = self.emulator.control("insert", {"object": object_name, "values": plain})["id"]
        return found

    def edit(self, object_name: str, record_id: str, **values: Scalar) -> None:
        self.emulator.control("edit", {"object": object_name, "id": record_id, "values": values})

    def delete(self, object_name: str, record_id: str) -> None:
        self.emulator.control("delete", {"object": object_name, "id": record_id})

    def purge(self, object_name: str, record_id: str) -> None:
        self.emulator.control("delete", {"object": object_name, "id": record_id, "hard": True})

    def merge(self, object_name: str, winner: str, loser: str) -> None:
        self.emulator.control("merge", {"object": object_name, "master": winner, "losers": [loser]})

    def advance(self, seconds: float) -> None:
        self.emulator.control("clock", {"advance": seconds})

    def open(self, ledger: JobLedger | None = None, **settings: Any) -> SalesforceCRM:
        """Another connection to the same org."""
        made = SalesforceCRM(self.emulator.connection(**settings), ledger)
        self.opened.append(made)
        return made


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Roots of trust and proxies of the machine that runs the tests must not matter."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One emulator a worker, with our fields installed."""
    folder = tmp_path_factory.mktemp("emulator")
    running, made = _start(folder)
    try:
        crm = SalesforceCRM(made.connection())
        crm.install(SPECS, dry_run=False)
        crm.close()
        yield made
    finally:
        running.terminate()
        running.wait(10)


def _start(folder: Path, *options: str) -> tuple[subprocess.Popen[bytes], Emulator]:
    ready = folder / "ready.json"
    command = [sys.executable, "-m", "emulators", "salesforce", "--db", str(folder / "org.db")]
    log = (folder / "log.txt").open("wb")
    with log:
        running = subprocess.Popen([*command, "--ready-file", str(ready), *options], stdout=log, stderr=log)
    deadline = time.monotonic() + 60
    while not ready.is_file() or not ready.read_text().strip():
        if running.poll() is not None or time.monotonic() > deadline:
            raise AssertionError((folder / "log.txt").read_text())
        time.sleep(0.02)
    said = json.loads(ready.read_text())
    names = ("url", "ca_file", "client_id", "client_secret", "control_token", "user_id")
    return running, Emulator(**{name: said[name] for name in names})


@pytest.fixture
def start_emulator(tmp_path: Path) -> Iterator[Callable[..., Emulator]]:
    """Starts an emulator of the test's own, with options."""
    running: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> Emulator:
        folder = tmp_path / f"org{len(running)}"
        folder.mkdir()
        process, made = _start(folder, *options)
        running.append(process)
        return made

    yield start
    for process in running:
        process.kill()
        process.wait(10)


def _memory() -> Iterator[Bench]:
    crm = MemoryCRM(_schemas(), page_rows=3, now_at=EPOCH)
    crm.install(SPECS, dry_run=False)
    for name, schema in crm.schemas.items():
        # The fields that people write are read-only to the connector, as in the other CRM.
        fields = tuple(
            replace(each, createable=False, updateable=False) if each.name == "PMOM_Reviewer__c" else each
            for each in schema.fields
        )
        crm.schemas[name] = replace(schema, fields=fields)
    yield MemoryBench(crm, EPOCH)


def _salesforce(emulator: Emulator) -> Iterator[SalesforceBench]:
    start = EPOCH + timedelta(days=next(_days))
    emulator.faults()
    emulator.control("limits", {"daily_max": 1_000_000, "used": 0})
    emulator.control("clock", {"now": start.isoformat(), "frozen": True})
    emulator.control("reset_calls")
    bench = SalesforceBench(SalesforceCRM(emulator.connection(), sleep=time.sleep), start, emulator)
    yield bench
    for crm in (bench.crm, *bench.opened):
        crm.close()
    emulator.faults()


@pytest.fixture(params=["memory", "salesforce"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Each CRM in turn. Records of other tests lie before `start`."""
    if request.param == "memory":
        yield from _memory()
    else:
        yield from _salesforce(request.getfixturevalue("emulator"))


@pytest.fixture
def specs() -> tuple[FieldSpec, ...]:
    """The fields that both CRMs have."""
    return SPECS


@pytest.fixture
def sf(emulator: Emulator) -> Iterator[SalesforceBench]:
    """The Salesforce adapter with its emulator."""
    yield from _salesforce(emulator)
