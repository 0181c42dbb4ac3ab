"""Three CRMs behind one bench: the reference in memory, and both adapters against running emulators.

The cases speak of companies, names and scores; words.toml says what each CRM calls them.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from connector.core.records import Kind
from connector.crm.base import Action, Field, FieldSpec, JobLedger, ObjectSchema, Scalar, Write
from connector.crm.hubspot.adapter import HubSpotCRM
from connector.crm.hubspot.connection import HubSpotConnection
from connector.crm.hubspot.read import Reader
from connector.crm.memory import MemoryCRM
from connector.crm.retry import Patience
from connector.crm.salesforce.adapter import SalesforceCRM
from connector.crm.salesforce.auth import SalesforceConnection

SPECS = (
    FieldSpec("company", "Score", "Score", Kind.NUMBER, "How the partner scores, 0 to 100.", precision=5, scale=2),
    FieldSpec("company", "Decision", "Decision", Kind.TEXT, "What was decided.", options=("invest", "hold", "stop")),
    FieldSpec("company", "Key", "Key", Kind.TEXT, "The connector's own key.", length=40, unique_key=True),
    FieldSpec("company", "Note", "Note", Kind.TEXT, "A short note.", length=20),
    FieldSpec("company", "Decided", "Decided", Kind.INSTANT, "When it was decided."),
    FieldSpec("company", "Day", "Day", Kind.DATE, "The day of it."),
    FieldSpec("company", "Reviewer", "Reviewer", Kind.TEXT, "Who looked at it.", length=80, human=True),
    FieldSpec("task", "Task_Key", "Task key", Kind.TEXT, "The connector's own key.", length=64, unique_key=True),
)
OWN = {each.name.lower(): each for each in SPECS}
WORDS = tomllib.loads((Path(__file__).parent / "words.toml").read_text())
WORDS["memory"] = WORDS["salesforce"] | {"many": 7}  # the reference speaks as Salesforce does
EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
_days = itertools.count(1)


@dataclass
class Bench:
    """A CRM and the hands of the people who work in it; the clock stands at `start` until told to move."""

    crm: Any
    start: datetime
    vendor = ""

    @property
    def words(self) -> dict[str, Any]:
        """What the CRM calls things."""
        found: dict[str, Any] = WORDS[self.vendor]
        return found

    @property
    def company(self) -> str:
        """The object of companies."""
        return str(self.words["objects"]["company"])

    def object(self, word: str) -> str:
        """The CRM's name of an object."""
        return str(self.words["objects"][word])

    def field(self, word: str) -> str:
        """The CRM's name of a field."""
        return str(self.crm.field_name(OWN[word]) if word in OWN else self.words["fields"][word])

    def fields(self, *words: str) -> tuple[str, ...]:
        """The CRM's names of fields."""
        return tuple(self.field(word) for word in words)

    def code(self, word: str) -> str:
        """The CRM's code for a refusal or failure."""
        return str(self.words["codes"][word])

    @property
    def specs(self) -> tuple[FieldSpec, ...]:
        """Our fields, on the CRM's objects."""
        return tuple(replace(each, object=self.object(each.object)) for each in SPECS)

    def values(self, **values: Scalar) -> tuple[tuple[str, Scalar], ...]:
        """Values by the CRM's names."""
        return tuple((self.field(word), value) for word, value in values.items())

    def creation(self, ref: str, **values: Scalar) -> Write:
        """A write that makes a company."""
        return Write(ref, self.company, Action.CREATE, self.values(**values))

    def update(self, ref: str, record_id: str, **values: Scalar) -> Write:
        """A write that changes a company."""
        return Write(ref, self.company, Action.UPDATE, self.values(**values), id=record_id)

    def upsert(self, ref: str, key: str, **values: Scalar) -> Write:
        """A write that makes or changes the company of that key."""
        own = self.values(**values)
        return Write(ref, self.company, Action.UPSERT, own, key_field=self.field("key"), key=key)

    def deletion(self, ref: str, record_id: str) -> Write:
        """A write that deletes a company."""
        return Write(ref, self.company, Action.DELETE, id=record_id)

    def make(self, **values: Scalar) -> str:
        """Somebody makes a company."""
        return str(self.add(self.company, **dict(self.values(**values))))  # type: ignore[attr-defined]

    def fill(self, number: int, name: str = "filled") -> list[str]:
        """So many companies, named `name 0`, `name 1`..., in as few calls as it takes; their ids."""
        writes = [self.creation(f"{at}", name=f"{name} {at}") for at in range(number)]
        found = {each.ref: each for each in self.crm.write(writes)}
        return [str(found[each.ref].id) for each in writes]

    def paged(self) -> Any:
        """The CRM with pages of few rows."""
        return self.crm


@dataclass
class MemoryBench(Bench):
    vendor = "memory"

    def add(self, object_name: str, **values: Scalar) -> str:
        return str(self.crm.add(object_name, {"CreatedDate": self.crm.now_at, **values}))

    def edit(self, object_name: str, record_id: str, **values: Scalar) -> None:
        self.crm.records[object_name][record_id].values.update(values, SystemModstamp=self.crm.now_at)

    def delete(self, object_name: str, record_id: str) -> None:
        self.crm.delete(object_name, record_id)

    def purge(self, object_name: str, record_id: str) -> None:
        self.crm.purge(object_name, record_id)

    def merge(self, object_name: str, winner: str, loser: str) -> str:
        self.crm.delete(object_name, loser, merged_into=winner)
        return winner

    def advance(self, seconds: float) -> None:
        self.crm.advance(timedelta(seconds=seconds))


@dataclass(frozen=True)
class Emulator:
    """A running emulator, what it said when it began, and its control plane."""

    said: Mapping[str, str]

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.said["url"]

    @property
    def ca_file(self) -> str:
        """Whom to trust."""
        return self.said["ca_file"]

    def control(self, name: str, body: Any = None, method: str = "POST") -> Any:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                method,
                f"{self.url}/__emulator__/{name}",
                json={} if body is None else body,
                headers={"X-Emulator-Token": self.said["control_token"]},
                timeout=20,
                verify=self.ca_file,
            )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def faults(self, *rules: Mapping[str, Any]) -> None:
        self.control("faults", list(rules))

    def calls(self) -> dict[str, int]:
        found: dict[str, int] = self.control("calls", method="GET")["by_kind"]
        return found

    def statuses(self) -> list[int]:
        """What the calls since the last reset were answered, in their order."""
        return [each["status"] for each in self.control("calls", method="GET")["calls"]]

    def settings(self, **settings: Any) -> dict[str, Any]:
        """Those of a connection to it, as JSON has them."""
        own = {name: self.said[name] for name in ("client_id", "client_secret", "ca_file")}
        if "access_token" in self.said:
            own |= {name: self.said[name] for name in ("access_token", "refresh_token")}
            own |= {"base_url": self.url, "burst": 100_000, "searches": 1_000.0}
        else:
            own |= {"instance_url": self.url, "first_poll": 0.02, "longest_poll": 0.2}
        return own | {"connect_timeout": 5.0, "read_timeout": 20.0} | settings

    def connection(self, **settings: Any) -> Any:
        made = self.settings(**settings)
        if "base_url" in made:
            return HubSpotConnection(**{"patience": Patience(first=0.01, longest=20.0, total=30.0)} | made)
        return SalesforceConnection(**{"patience": Patience(first=0.01, longest=2.0, total=10.0)} | made)


def _plain(value: Scalar) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


@dataclass
class EmulatedBench(Bench):
    """A CRM that an emulator plays."""

    emulator: Emulator
    opened: list[Any] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)  # settings of every connection
    own, daily = "values", "daily_max"  # where the control plane takes values and the calls of a day
    renewable: tuple[tuple[str, Any], ...] = ()  # settings of a connection that can have another token

    def add(self, object_name: str, **values: Scalar) -> str:
        plain = {name: _plain(value) for name, value in values.items()}
        return str(self.emulator.control("insert", {"object": object_name, self.own: plain})["id"])

    def edit(self, object_name: str, record_id: str, **values: Scalar) -> None:
        plain = {name: _plain(value) for name, value in values.items()}
        self.emulator.control("edit", {"object": object_name, "id": record_id, self.own: plain})

    def delete(self, object_name: str, record_id: str) -> None:
        self.emulator.control("delete", {"object": object_name, "id": record_id})

    def advance(self, seconds: float) -> None:
        self.emulator.control("clock", {"advance": seconds})

    def renewing(self) -> Any:
        """A connection that can have another token."""
        return self.open(**dict(self.renewable))  # type: ignore[attr-defined]

    def spend(self, used: int, of: int) -> None:
        """So many calls of the day are used."""
        self.emulator.control("limits", {self.daily: of, "used": used})

    def settings(self, **settings: Any) -> dict[str, Any]:
        """Those of a connection in another process."""
        return self.emulator.settings(**self.more, **settings)


@dataclass
class SalesforceBench(EmulatedBench):
    vendor = "salesforce"

    def purge(self, object_name: str, record_id: str) -> None:
        self.emulator.control("delete", {"object": object_name, "id": record_id, "hard": True})

    def merge(self, object_name: str, winner: str, loser: str) -> str:
        self.emulator.control("merge", {"object": object_name, "master": winner, "losers": [loser]})
        return winner

    def open(self, ledger: JobLedger | None = None, **settings: Any) -> SalesforceCRM:
        """Another connection to the same org."""
        self.opened.append(SalesforceCRM(self.emulator.connection(**settings), ledger))
        return self.opened[-1]

    def paged(self, ledger: JobLedger | None = None) -> SalesforceCRM:
        return self.open(ledger, rest_rows=3, bulk_page_rows=5)


def no_wait(seconds: float) -> None:
    """A wait that takes no time; the limiter counts it as slept."""


@dataclass
class HubSpotBench(EmulatedBench):
    vendor = "hubspot"
    own, daily = "properties", "daily"
    renewable: tuple[tuple[str, Any], ...] = (("auth", "oauth"), ("access_token", None))

    def purge(self, object_name: str, record_id: str) -> None:
        self.emulator.control("purge", {"object": object_name, "id": record_id})

    def merge(self, object_name: str, winner: str, loser: str) -> str:
        body = {"object": object_name, "primary": winner, "loser": loser}
        return str(self.emulator.control("merge", body)["id"])

    def open(
        self, ledger: JobLedger | None = None, sleep: Callable[[float], None] = no_wait, **settings: Any
    ) -> HubSpotCRM:
        """Another connection to the same portal."""
        self.opened.append(HubSpotCRM(self.emulator.connection(**self.more | settings), ledger, sleep=sleep))
        return self.opened[-1]

    def paged(self, ledger: JobLedger | None = None) -> HubSpotCRM:
        crm = self.open(ledger)
        crm._reader = Reader(crm.wire, crm.catalog, group=1)
        return crm


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Roots of trust and proxies of the machine that runs the tests must not matter."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def _start(folder: Path, name: str, *options: str) -> tuple[subprocess.Popen[bytes], Emulator]:
    ready = folder / "ready.json"
    command = [sys.executable, "-m", "emulators", name, "--db", str(folder / "emulated.db")]
    log = (folder / "log.txt").open("wb")
    with log:
        running = subprocess.Popen([*command, "--ready-file", str(ready), *options], stdout=log, stderr=log)
    deadline = time.monotonic() + 60
    while not ready.is_file() or not ready.read_text().strip():
        if running.poll() is not None or time.monotonic() > deadline:
            raise AssertionError((folder / "log.txt").read_text())
        time.sleep(0.02)
    return running, Emulator(json.loads(ready.read_text()))


def _session(folder: Path, kind: type[SalesforceBench | HubSpotBench], *options: str) -> Iterator[Emulator]:
    running, made = _start(folder, kind.vendor, *options)
    try:
        bench = kind(None, EPOCH, made)
        bench.crm = bench.open()
        bench.crm.install(bench.specs, dry_run=False)
        bench.crm.close()
        yield made
    finally:
        running.terminate()
        running.wait(10)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One org a worker, with our fields installed."""
    yield from _session(tmp_path_factory.mktemp("org"), SalesforceBench)


PROMPT = ("--lag", "0", "--no-bumps", "--no-limits")


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One portal a worker, with our fields installed; its index is never late and its limits stop nobody."""
    yield from _session(tmp_path_factory.mktemp("portal"), HubSpotBench, *PROMPT)


@pytest.fixture
def start_emulator(tmp_path: Path) -> Iterator[Callable[..., Emulator]]:
    """Starts an emulator of the test's own, with options; `crm` says which."""
    running: list[subprocess.Popen[bytes]] = []

    def start(*options: str, crm: str = "salesforce") -> Emulator:
        folder = tmp_path / f"{crm}{len(running)}"
        folder.mkdir()
        process, made = _start(folder, crm, *options)
        running.append(process)
        return made

    yield start
    for process in running:
        process.kill()
        process.wait(10)


def _memory() -> MemoryBench:
    audit = (
        Field("Id", "Id", Kind.ID, nullable=False, unique_key=True),
        Field("CreatedDate", "Created", Kind.INSTANT),
        Field("SystemModstamp", "Stamp", Kind.INSTANT),
    )
    kinds = {"Website": Kind.TEXT, "AnnualRevenue": Kind.MONEY, "NumberOfEmployees": Kind.INTEGER}
    name = Field("Name", "Name", Kind.TEXT, nullable=False, createable=True, updateable=True, length=255)
    free = (Field(each, each, kind, createable=True, updateable=True) for each, kind in kinds.items())
    made = {
        "Account": ObjectSchema("Account", "Account", (*audit, name, *free), cursor="SystemModstamp", merges=True),
        "Task": ObjectSchema("Task", "Task", audit, cursor="SystemModstamp"),
    }
    return MemoryBench(MemoryCRM(made, page_rows=3, now_at=EPOCH), EPOCH)


def _installed_memory() -> MemoryBench:
    """The fields that people write are read-only to the connector, as in Salesforce."""
    bench = _memory()
    bench.crm.install(bench.specs, dry_run=False)
    schema = bench.crm.schemas["Account"]
    frozen = replace(schema.field("PMOM_Reviewer__c"), createable=False, updateable=False)
    fields = tuple(frozen if each.name == frozen.name else each for each in schema.fields)
    bench.crm.schemas["Account"] = replace(schema, fields=fields)
    return bench


def _emulated(bench: SalesforceBench | HubSpotBench, *resets: tuple[str, Any]) -> Iterator[Any]:
    """Records of other tests lie before its start; faults and limits of other tests are ended."""
    bench.start = EPOCH + timedelta(days=next(_days))
    bench.emulator.faults()
    bench.emulator.control("clock", {"now": bench.start.isoformat(), "frozen": True})
    for name, body in resets:
        bench.emulator.control(name, body)
    bench.emulator.control("reset_calls")
    bench.crm = bench.open()
    yield bench
    for crm in bench.opened:
        crm.close()
    bench.emulator.faults()


def _salesforce(emulator: Emulator) -> Iterator[SalesforceBench]:
    yield from _emulated(SalesforceBench(None, EPOCH, emulator), ("limits", {"daily_max": 1_000_000, "used": 0}))


def _hubspot(portal: Emulator, version: str = "2026-03") -> Iterator[HubSpotBench]:
    limits = {"daily": 1_000_000, "used": 0, "enabled": False, "burst": 190, "search": 5, "window": 10, "second": 1}
    resets = ("limits", limits), ("lag", {"seconds": 0}), ("bumps", {"enabled": False}), ("retire", {"versions": []})
    yield from _emulated(HubSpotBench(None, EPOCH, portal, more={"api_version": version}), *resets)


@pytest.fixture(params=["memory", "salesforce", "hubspot"])
def bench(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Each CRM in turn; "hubspot v3" speaks numbered paths."""
    if request.param == "memory":
        yield _installed_memory()
    elif request.param == "salesforce":
        yield from _salesforce(request.getfixturevalue("emulator"))
    else:
        version = request.param.removeprefix("hubspot").strip() or "2026-03"
        yield from _hubspot(request.getfixturevalue("portal"), version)


@pytest.fixture(params=["memory", "salesforce", "hubspot"])
def fresh(request: pytest.FixtureRequest, start_emulator: Callable[..., Emulator]) -> Iterator[Any]:
    """Each CRM with nothing of ours in it."""
    if request.param == "memory":
        yield _memory()
        return
    kind, options = (HubSpotBench, PROMPT) if request.param == "hubspot" else (SalesforceBench, ())
    bench = kind(None, EPOCH, start_emulator(*options, crm=request.param))
    bench.crm = bench.open()
    yield bench
    bench.crm.close()


@pytest.fixture
def sf(emulator: Emulator) -> Iterator[SalesforceBench]:
    """The Salesforce adapter with its emulator."""
    yield from _salesforce(emulator)


@pytest.fixture
def hs(portal: Emulator) -> Iterator[HubSpotBench]:
    """The HubSpot adapter with its emulator."""
    yield from _hubspot(portal)


@pytest.fixture
def naive(hs: HubSpotBench) -> Any:
    """The vendor's client as its README uses it, with the retry that is shown there."""
    import hubspot
    from urllib3.util.retry import Retry

    said = hs.emulator.said
    return hubspot.HubSpot(
        access_token=said["access_token"],
        host=said["url"],
        base_url=said["url"],
        ssl_ca_cert=said["ca_file"],
        retry=Retry(total=3, status_forcelist=(429,)),
    )
