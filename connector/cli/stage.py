"""How is an emulated CRM started on this machine, connected by settings of its own, and changed by other people?"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import requests

from connector.errors import GiveUp

DAY = date(2026, 3, 31)
"""The emulated CRMs' day: a fixed one, so that the same seed shows the same decisions on any day."""

_SESSION = requests.Session()
_PATIENCE = 60.0  # seconds until a program must answer


@dataclass(frozen=True, slots=True)
class Vendor:
    """What differs between the emulated CRMs. `secret`: the setting's name, which is its name in what they tell."""

    name: str  # of the emulator, the settings table and the mapping
    title: str
    partners: str  # the object that holds them
    id: str
    deals: str
    won: tuple[tuple[str, str], ...]  # what makes a deal a won one
    load: str  # the option that loads a world
    cells: str  # what the control plane calls the fields of a record
    secret: str
    settings: tuple[tuple[str, str], ...]  # setting -> what the emulator calls it
    more: str = ""
    zone: str = ""  # the option that says in which time zone the CRM lives
    dispute: str = "PMOM_Credit_Dispute__c"  # where a person says that a deal's credit is disputed

    def table(self, said: Mapping[str, Any]) -> str:
        """The settings table that leads to the running emulator, in TOML."""
        lines = [f"{setting} = {json.dumps(str(said[told]))}" for setting, told in self.settings]
        lines.append(f"ca_file = {json.dumps(os.path.abspath(said['ca_file']))}")
        lines.append(f'{self.secret}_file = "{self.secret}"')
        return f"[{self.name}]\n" + "\n".join(lines) + f"\n{self.more}"


SALESFORCE = Vendor(
    "salesforce", "Salesforce org", "Account", "Id", "Opportunity", (("StageName", "Closed Won"),), "--csv",
    "values", "client_secret", (("instance_url", "url"), ("client_id", "client_id")),
    "first_poll = 0.1\nlongest_poll = 0.5\n",
)  # fmt: skip
HUBSPOT = Vendor(
    "hubspot", "HubSpot portal", "companies", "hs_object_id", "deals", (("dealstage", "closedwon"),), "--load",
    "properties", "access_token", (("base_url", "url"), ("portal_id", "portal_id")), zone="--time-zone",
    dispute="pmom_credit_dispute",
)  # fmt: skip
VENDORS = (SALESFORCE, HUBSPOT)


@dataclass(frozen=True, slots=True)
class Emulated:
    """One running emulator: the folder of its files, the world that it holds, and what it told when it started."""

    vendor: Vendor
    folder: Path
    world: Path
    said: Mapping[str, Any]

    @property
    def about(self) -> dict[str, Any]:
        """What should be decided about whom in this world, and its goals."""
        found: dict[str, Any] = json.loads((self.world / "scenarios.json").read_text(encoding="utf-8"))
        return found

    def ids(self) -> dict[str, str]:
        """Salesforce id -> id here, of every record of a world that was translated from Salesforce's form."""
        beside = self.world / "ids.csv"
        if not beside.is_file():
            return dict(self.about.get("ids", {}))
        with beside.open(encoding="utf-8", newline="") as file:
            return {row[0]: row[1] for row in csv.reader(file)}

    def control(self, name: str, body: object = None, method: str = "POST") -> Any:
        """Steer the emulator; -> what it answers."""
        answer = _SESSION.request(
            method,
            f"{self.said['url']}/__emulator__/{name}",
            json=body,
            headers={"X-Emulator-Token": str(self.said["control_token"])},
            verify=str(self.said["ca_file"]) or None,
            timeout=20,
        )
        if answer.status_code != 200:
            raise GiveUp(f"the emulated {self.vendor.title} refused to {name}: {answer.text[:400]}")
        return answer.json()

    def edit(self, object_name: str, record_id: str, **values: object) -> None:
        """Somebody else changes a record."""
        self.control("edit", {"object": object_name, "id": record_id, self.vendor.cells: values})

    def people_fill_in(self) -> int:
        """What people type into the fields that are theirs, once the product is installed; -> how many records."""
        with (self.world / "after_install" / f"{self.vendor.partners}.csv").open(
            encoding="utf-8", newline=""
        ) as file:
            rows = list(csv.DictReader(file))
        self.control("clock", {"advance": 5})  # a portal shows new properties a moment after they were made
        filled = 0
        for row in rows:
            record_id = row.pop(self.vendor.id)
            values = {name: _typed(value) for name, value in row.items() if value != ""}
            if values:
                self.edit(self.vendor.partners, record_id, **values)
                filled += 1
        for story in self.about.get("opportunities", ()):
            if story["disputed"]:
                self.edit(self.vendor.deals, story["id"], **{self.vendor.dispute: "Open"})
        return filled

    def settings(self) -> Path:
        """The settings and the policy that a sales-ops person would write; the secret stands in a file of its own."""
        secret = self.folder / self.vendor.secret
        secret.touch(mode=0o600)
        secret.write_text(str(self.said[self.vendor.secret]), encoding="utf-8")
        about = self.about
        goal = "".join(f"{key} = {json.dumps(about['goals'][key])}\n" for key in ("regions", "verticals"))
        goal = f'\n[[market_fit.goals]]\nname = "First half"\nstart = 2026-01-01\nend = 2026-07-01\n{goal}'
        (self.folder / "policy.toml").write_text(
            f'extends = "default"\nname = "demo"\ntimezone = "{about["time_zone"]}"\n{goal}', encoding="utf-8"
        )
        config = self.folder / "config.toml"
        table = self.vendor.table(self.said)
        config.write_text(
            f'[workspace]\ndir = "workspace"\n\n{table}\n[policy]\nfile = "policy.toml"\n', encoding="utf-8"
        )
        return config


def _typed(value: str) -> str | bool:
    return {"true": True, "false": False}.get(value.lower(), value)


def make_world(folder: Path, *, crm: str, size: str, seed: int = 1, without: str = "") -> None:
    """Write the generated world: `crm` is "salesforce", "hubspot" or "both" (then a folder for each).

    `without` names what a portal does not have: custom_objects, labels, campaigns, quotes.
    """
    words = ["world", str(folder), "--size", size, "--seed", str(seed), "--as-of", DAY.isoformat(), "--crm", crm]
    words += ["--without", without] if without else []
    command = [sys.executable, "-m", "emulators", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  (our own program)


def spawn(vendor: Vendor, folder: Path, world: Path, *options: str) -> tuple[subprocess.Popen[bytes], Emulated]:
    """The emulator as a program of its own, once it answers. Its file in `folder` is taken up when it is there."""
    ready, database = folder / "emulator.json", folder / "emulator.sqlite"
    ready.unlink(missing_ok=True)
    command = [sys.executable, "-m", "emulators", vendor.name, "--db", str(database), "--ready-file", str(ready)]
    command += ["--now", f"{DAY}T09:00:00Z", *options]
    if vendor.zone:
        about = json.loads((world / "scenarios.json").read_text(encoding="utf-8"))
        command += [vendor.zone, str(about["time_zone"])]
    if not database.exists():
        command += [vendor.load, str(world)]
    with (folder / "emulator.log").open("wb") as log:
        program = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)  # noqa: S603  (our own program)
    return program, Emulated(vendor, folder, world, _wait_for(ready, program, vendor))


@contextmanager
def emulated(vendor: Vendor, folder: Path, world: Path, *options: str) -> Iterator[Emulated]:
    """The running emulator, stopped when the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    program, running = spawn(vendor, folder, world, *options)
    try:
        yield running
    finally:
        stop(program)


def stop(program: subprocess.Popen[bytes]) -> None:
    """Ask the program to end, and wait for it."""
    program.terminate()
    program.wait(timeout=20)


def _wait_for(ready: Path, program: subprocess.Popen[bytes], vendor: Vendor) -> dict[str, Any]:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if ready.is_file():
            said: dict[str, Any] = json.loads(ready.read_text(encoding="utf-8"))
            return said
        if program.poll() is not None:
            break
        time.sleep(0.02)
    program.kill()
    code = program.wait()
    log = (ready.parent / "emulator.log").read_text(encoding="utf-8", errors="replace").strip()
    raise GiveUp(f"the emulated {vendor.title} did not start (exit code {code}): {log[-300:]}")
