"""What stands around a storm: two emulated CRMs with the product installed and synced once, kept to begin from."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks.storms.nursery import Born, Nursery
from connector.cli import stage
from connector.cli.stage import HUBSPOT, SALESFORCE, Emulated, Vendor
from connector.errors import GiveUp

SECRET = "o" * 40
NAMES = ("salesforce", "hubspot")
_PORTS = range(10_000, 32_000)
"""Below those that systems give to clients: a killed server's port must be free when it is started again."""
SUBSCRIBED = {
    "deal": ("amount", "dealstage", "closedate", "partner_company_id"),
    "company": (
        *("name", "type", "country", "pmom_override_decision", "pmom_exclude_from_scoring"),
        *("pmom_partner_persona", "pmom_footprint_regions", "phone"),
    ),
}
ANNOUNCED = ("Opportunity", "Account", "Quote", "Event", "Deal_Registration__c")
POLICY = """\
extends = "default"
name = "storms"
timezone = "{zone}"

[[market_fit.goals]]
name = "This half"
start = {start}
end = {end}
regions = {regions}
verticals = {verticals}

# No ceiling: which of several tasks comes first is a matter of order, and order is what a storm takes away.
[limits]
max_changed_share = 1.0
min_changed_partners = 10000
max_new_tasks = 10000

[tasks]
hold_runs = 1
hold_days = 0
max_open_per_partner = 100
new_per_partner_days = 0
max_new_per_user_day = 10000
cohort_personas = []
"""


def signing_secret(name: str) -> str:
    """What signs posts to the events address of that connection."""
    return f"{SECRET}-{name}"


def free_port() -> int:
    """A port that nobody has just now, and no client is given by the system while its server is dead."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as found, suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port


def calm_zone(now: datetime) -> str:
    """A time zone in which it is about noon, so that no storm lasts over midnight."""
    hours = now.hour - 12
    return f"Etc/GMT{hours:+d}" if hours else "Etc/GMT"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A folder with states of both CRMs and workspaces that are in step with them. `ports`: where each answers."""

    folder: Path
    zone: str
    day: date
    ports: Mapping[str, int]
    ahead: dict[str, float] = field(default_factory=dict)  # seconds by which each one's clock is early

    @property
    def stale(self) -> bool:
        """Whether it is another day by now: what was decided then is not what is decided now."""
        return datetime.now(ZoneInfo(self.zone)).date() != self.day

    def ids(self) -> dict[str, str]:
        """Id in the org -> id in the portal, of records of the world."""
        told = json.loads((self.folder / "worlds" / "hubspot" / "scenarios.json").read_text(encoding="utf-8"))
        found: dict[str, str] = told["ids"]
        return found


@dataclass
class Side:
    """One CRM that runs, with the folder of its settings and workspace."""

    vendor: Vendor
    folder: Path
    crm: Emulated
    program: Born
    names: dict[str, str] = field(default_factory=dict)  # name of a record in the sequence of changes -> its id here
    ahead: float = 0.0  # seconds by which its clock was advanced

    @property
    def name(self) -> str:
        """Of the CRM and of the connection."""
        return self.vendor.name

    @property
    def database(self) -> Path:
        """The emulator's own file."""
        return self.folder / "emulator.sqlite"

    def control(self, name: str, body: object = None, method: str = "POST") -> Any:
        """Steer the emulator."""
        return self.crm.control(name, body, method)

    def insist(self, name: str, body: object) -> Any:
        """A person's change: made again when a fault that strikes records refuses it."""
        for _ in range(30):
            try:
                return self.control(name, body)
            except GiveUp as error:
                refused = error
        raise refused

    def advance(self, seconds: float) -> None:
        """Let time pass there; what it signs is still signed as of now."""
        self.ahead += seconds
        self.control("clock", {"advance": seconds})
        if self.name == "hubspot":
            self.wire(skew=-self.ahead)

    def wire(self, **values: object) -> None:
        """Change how messages are delivered."""
        self.control("webhooks" if self.name == "hubspot" else "outbound_messages", values)

    def waiting(self) -> int:
        """How many messages are not delivered yet."""
        told = self.control("webhooks" if self.name == "hubspot" else "outbound_messages", None, "GET")
        return int(told["waiting"])

    def listen(self, url: str) -> None:
        """Send messages about what the mapping reads to that address."""
        if self.name == "hubspot":
            self.wire(target_url=f"{url}/hooks/hubspot/hubspot", skew=-self.ahead)
            for kind, names in SUBSCRIBED.items():
                for name in names:
                    self.control("subscribe", {"type": f"{kind}.propertyChange", "property": name})
                for word in ("creation", "deletion"):
                    self.control("subscribe", {"type": f"{kind}.{word}"})
            for name in ("quotes", "meetings"):
                self.control("subscribe", {"type": "object.creation", "object": name})
                self.control("subscribe", {"type": "object.associationChange", "object": name})
            return
        for name in ANNOUNCED:
            endpoint = f"{url}/hooks/salesforce/salesforce/{SECRET}"
            self.control("outbound_messages", {"object": name, "fields": [], "endpoint": endpoint})


def prepare(nursery: Nursery, folder: Path) -> Prepared:
    """Make worlds, install the product, let people fill in their fields, sync until nothing is left to do."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    zone = calm_zone(now)
    day = now.astimezone(ZoneInfo(zone)).date()
    made = Prepared(folder, zone, day, {name: free_port() for name in NAMES})
    words = ("world", str(folder / "worlds"), "--size", "tiny", "--as-of", day.isoformat(), "--crm", "both")
    assert nursery.start("emulators", *words, log=folder / "log").wait() == 0, told(folder)
    for vendor in (SALESFORCE, HUBSPOT):
        home = folder / vendor.name
        home.mkdir()
        load = (
            vendor.load,
            str(folder / "worlds" / vendor.name),
            "--save-state",
            str(folder / f"{vendor.name}.state"),
        )
        with running(nursery, made, vendor, home, *load) as side:
            _settings(side, made)
            well(side, pmom(nursery, side, "install", vendor.name))
            side.crm.people_fill_in()
            side.advance(60)
            for _ in range(2):
                well(side, pmom(nursery, side, "sync"))
                side.advance(60)
            made.ahead[vendor.name] = side.ahead
    return made


def pmom(nursery: Nursery, side: Side, *words: str) -> Born:
    """Begin a command of a person."""
    return nursery.start("pmom", "--config", str(side.folder / "config.toml"), *words, log=side.folder / "log")


def well(side: Side, begun: Born) -> None:
    """It must go well."""
    code = begun.wait()
    if code != 0:
        raise AssertionError(f"{side.name}: {' '.join(begun.words)} ended with {code}: {told(side.folder)}")


def told(folder: Path) -> str:
    """The end of what programs said there."""
    log = folder / "log"
    return log.read_text(encoding="utf-8", errors="replace")[-3000:] if log.exists() else ""


@contextmanager
def running(nursery: Nursery, made: Prepared, vendor: Vendor, home: Path, *options: str) -> Iterator[Side]:
    """The emulator at its port, stopped in good order when the block ends."""
    ready, world = home / "emulator.json", made.folder / "worlds" / vendor.name
    ready.unlink(missing_ok=True)
    words = ["emulators", vendor.name, "--db", str(home / "emulator.sqlite"), "--ready-file", str(ready)]
    words += ["--port", str(made.ports[vendor.name]), "--ca-folder", str(made.folder / vendor.name), *options]
    words += ["--time-zone", made.zone] if vendor.zone and "--load" in options else []
    ahead = made.ahead.get(vendor.name, 0.0)
    words += ["--now", (datetime.now(UTC) + timedelta(seconds=ahead)).strftime("%Y-%m-%dT%H:%M:%SZ")]
    program = nursery.start(*words, log=home / "emulator.log")
    until = time.monotonic() + 120
    while not ready.exists():
        if program.poll() is not None or time.monotonic() > until:
            raise AssertionError((home / "emulator.log").read_text(encoding="utf-8", errors="replace")[-2000:])
        time.sleep(0.02)
    said = json.loads(ready.read_text(encoding="utf-8"))
    side = Side(vendor, home, Emulated(vendor, home, world, said), program, ahead=ahead)
    try:
        yield side
    finally:
        stage._SESSION.close()
        program.end()


def copied(made: Prepared, name: str, home: Path) -> tuple[str, ...]:
    """Put the prepared workspace and settings there; the options with which the emulator begins as prepared."""
    home.mkdir(parents=True, exist_ok=True)
    before = made.folder / name
    for each in before.iterdir():
        if each.name == "workspace":
            shutil.copytree(each, home / each.name, dirs_exist_ok=True)
        elif not each.name.startswith(("emulator", "log")):
            shutil.copy2(each, home / each.name)
    return ("--state", str(made.folder / f"{name}.state"))


def _settings(side: Side, made: Prepared) -> None:
    """What an admin writes, with the secrets of the senders."""
    path, said, goals = side.crm.settings(), side.crm.said, side.crm.about["goals"]
    year = made.day.year
    start, end = (f"{year}-01-01", f"{year}-07-01") if made.day.month < 7 else (f"{year}-07-01", f"{year + 1}-01-01")
    lists = {name: json.dumps(goals[name]) for name in ("regions", "verticals")}
    (side.folder / "policy.toml").write_text(
        POLICY.format(zone=made.zone, start=start, end=end, **lists), encoding="utf-8"
    )
    if side.name == "hubspot":
        (side.folder / "client").write_text(str(said["client_secret"]), encoding="utf-8")
        hooks = f'hubspot_client_secret_file = "client"\nown_writer = "{said["app_id"]}"\n'
    else:
        (side.folder / "outbound").write_text(SECRET, encoding="utf-8")
        hooks = f'outbound_secret_file = "outbound"\noutbound_organization = "{said["org_id"]}"\n'
    (side.folder / "events").write_text(signing_secret(side.name), encoding="utf-8")
    hooks = f'\n[webhooks]\n{hooks}events_secret_file = "events"\n'
    path.write_text(path.read_text(encoding="utf-8") + hooks, encoding="utf-8")
