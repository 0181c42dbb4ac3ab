"""An emulated org with a generated world, the product installed in it, and the commands that a person types."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from connector.cli import app, stage
from connector.cli.stage import DAY, HUBSPOT, SALESFORCE, Emulated, Vendor

__all__ = ["DAY", "World"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> dict[str, Any]:
        """Its JSON document."""
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass
class World:
    """An emulated CRM's process, its files and its people; the product is installed in it."""

    folder: Path
    vendor: Vendor
    size: str = "tiny"
    crm: Emulated | None = None
    program: subprocess.Popen[bytes] | None = None
    http: requests.Session = field(default_factory=requests.Session)

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    @property
    def world(self) -> Path:
        return self.folder / "world"

    @property
    def org(self) -> Mapping[str, Any]:
        assert self.crm is not None
        return self.crm.said

    def start(self) -> None:
        self.program, self.crm = stage.spawn(self.vendor, self.folder, self.world)
        self.crm.settings()

    def stop(self) -> None:
        if self.program is not None:
            stage.stop(self.program)
        self.http.close()

    def control(self, name: str, body: object, method: str = "POST") -> Any:
        assert self.crm is not None
        return self.crm.control(name, body, method)

    def edit(self, object_name: str, record_id: str, **values: object) -> None:
        assert self.crm is not None
        self.crm.edit(object_name, record_id, **values)

    def next_day(self, days: int = 1) -> None:
        self.control("clock", {"advance": 86_400 * days})

    def settle(self) -> None:
        """A minute passes: a portal's search index has caught up with what was just changed."""
        self.control("clock", {"advance": 60})

    def faults(self, *rules: dict[str, object]) -> None:
        self.control("faults", list(rules))

    def pmom(self, *words: str) -> Answer:
        """A command in this process."""
        out, err = io.StringIO(), io.StringIO()
        before, sys.argv = sys.argv, ["pmom", "--config", str(self.config), "--json", *words]
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                app.main()
            code = 0
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        finally:
            sys.argv = before
        return Answer(code, out.getvalue(), err.getvalue())

    def spawn(self, *words: str) -> subprocess.Popen[bytes]:
        """A command in a process of its own, to be killed."""
        command = [sys.executable, "-m", "connector", "--config", str(self.config), "--json", *words]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill_at(self, calls: int, part: str, *words: str) -> bool:
        """Kill the command once the org has answered so many calls whose path holds `part`; False: it ended before.

        Counted in calls, not in seconds, so that it strikes at the same places on a fast machine and a slow one.
        """
        self.control("reset_calls", {})
        process = self.spawn(*words)
        while process.poll() is None:
            counted = self.control("calls", None, method="GET")["by_kind"]
            if sum(count for kind, count in counted.items() if part in kind) >= calls:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                return True
            time.sleep(0.02)
        return False

    def rows(self, soql: str) -> list[dict[str, Any]]:
        """What the org holds, asked as an administrator would."""
        token = self.http.post(
            f"{self.org['url']}/services/oauth2/token",
            data={
                "grant_type": "client_credentials",
                "client_id": self.org["client_id"],
                "client_secret": self.org["client_secret"],
            },
            verify=str(self.org["ca_file"]),
            timeout=20,
        ).json()["access_token"]
        answer = self.http.get(
            f"{self.org['url']}/services/data/v67.0/query",
            params={"q": soql},
            headers={"Authorization": f"Bearer {token}"},
            verify=str(self.org["ca_file"]),
            timeout=20,
        )
        assert answer.status_code == 200, answer.text
        records: list[dict[str, Any]] = answer.json()["records"]
        for record in records:
            del record["attributes"]
        return records

    def cards(self) -> list[dict[str, Any]]:
        """What stands on the partner records, stamps aside."""
        names = ", ".join(f"PMOM_{name}__c" for name in CARD)
        return self.rows(f"SELECT Id, {names} FROM Account WHERE IsPartner = true ORDER BY Id")

    def tasks(self) -> list[dict[str, Any]]:
        return self.rows(
            "SELECT PMOM_Task_Key__c, Subject, OwnerId, Status FROM Task WHERE PMOM_Task_Key__c != null "
            "ORDER BY PMOM_Task_Key__c"
        )

    def written(self) -> dict[str, dict[str, str]]:
        """Partner id -> what stands in our fields, as texts, under our names."""
        found = {}
        for row in self.cards():
            plain = {_ours(name): _plain(value) for name, value in row.items() if name != self.vendor.id}
            found[str(row[self.vendor.id])] = plain
        return found

    def task_keys(self) -> list[str]:
        """The keys of our tasks, in order; a task made twice is there twice."""
        return [str(row[name]) for row in self.tasks() for name in row if _ours(name) == "task_key"]

    def override(self, *scenarios: str) -> None:
        """People override partners for a few days: their decisions change, and a notice of the expiry is due."""
        for scenario in scenarios:
            self.edit(
                self.vendor.partners,
                self.story(scenario)["id"],
                **self.named(
                    Override_Decision="Fund Demand Gen",
                    Override_Reason="A joint launch",
                    Override_Expires="2026-04-09",
                ),
            )

    def named(self, **values: object) -> dict[str, object]:
        """Values under the names that our fields have in this CRM."""
        return {f"PMOM_{name}__c": value for name, value in values.items()}

    def story(self, scenario: str) -> dict[str, Any]:
        about = json.loads((self.world / "scenarios.json").read_text(encoding="utf-8"))
        return next(each for each in about["partners"] if each["scenario"] == scenario)

    def fresh_workspace(self) -> None:
        shutil.rmtree(self.folder / "workspace", ignore_errors=True)


class Portal(World):
    """The same in HubSpot."""

    def listed(self, object_name: str, *properties: str) -> list[dict[str, Any]]:
        """Every record of the object with those properties, asked as an administrator would."""
        found: list[dict[str, Any]] = []
        after: str | None = ""
        while after is not None:
            answer = self.http.get(
                f"{self.org['url']}/crm/objects/2026-03/{object_name}",
                params={"limit": "100", "properties": ",".join(properties), **({"after": after} if after else {})},
                headers={"Authorization": f"Bearer {self.org['access_token']}"},
                verify=str(self.org["ca_file"]),
                timeout=20,
            )
            if answer.status_code == 429:  # the portal's limit holds for administrators as well
                time.sleep(0.5)
                continue
            assert answer.status_code == 200, answer.text
            said = answer.json()
            found += [{name: each["properties"].get(name) for name in properties} for each in said["results"]]
            after = said.get("paging", {}).get("next", {}).get("after")
        return found

    def cards(self) -> list[dict[str, Any]]:
        names = [f"pmom_{name.lower()}" for name in CARD]
        rows = self.listed("companies", "hs_object_id", "type", *names)
        return [row for row in rows if row.pop("type") == "PARTNER"]

    def tasks(self) -> list[dict[str, Any]]:
        rows = self.listed("tasks", "pmom_task_key", "hs_task_subject", "hubspot_owner_id", "hs_task_status")
        return sorted((row for row in rows if row["pmom_task_key"]), key=lambda row: str(row["pmom_task_key"]))

    def named(self, **values: object) -> dict[str, object]:
        return {f"pmom_{name.lower()}": value for name, value in values.items()}


CARD = (
    *("Triage_Decision", "Allowed_Motions", "Gate_Velocity", "Gate_Market_Fit", "Gate_PoP", "Quote_to_Close_Rate"),
    *("Ecosystem_Multiplier", "Multiplier_Coverage", "Multiplier_Source"),
    *("Symptom", "Recommended_Lever", "Accountable_User", "Why"),
)


def _ours(name: str) -> str:
    return name.lower().removeprefix("pmom_").removesuffix("__c")


def _plain(value: object) -> str:
    """A value as text, numbers without the zeros that only one CRM writes."""
    text = "" if value is None else str(value)
    return text.rstrip("0").rstrip(".") if "." in text and text.replace(".", "", 1).isdigit() else text


def _set_up(world: World) -> None:
    """The running CRM gets the product installed and people's fields filled in."""
    vendor, size = world.vendor, world.size
    stage.make_world(world.world, crm=vendor.name, size=size)
    world.start()
    answer = world.pmom("install", vendor.name)
    assert answer.code == 0, answer.err
    assert world.crm is not None
    world.crm.people_fill_in()


@pytest.fixture(scope="module")
def make_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., World]]:
    """Makes running CRMs and stops them all."""
    running: list[World] = []

    def make(size: str, vendor: Vendor = SALESFORCE) -> World:
        kind = World if vendor is SALESFORCE else Portal
        running.append(kind(tmp_path_factory.mktemp(size), vendor, size))
        _set_up(running[-1])
        return running[-1]

    yield make
    for world in running:
        world.stop()


@pytest.fixture(scope="session")
def portal_class() -> type[Portal]:
    """For tests that start a portal of their own."""
    return Portal


@pytest.fixture(scope="module")
def tiny(make_world: Callable[..., World]) -> World:
    return make_world("tiny")


@pytest.fixture(scope="module")
def small(make_world: Callable[..., World]) -> World:
    return make_world("small")


@pytest.fixture(scope="module")
def tiny_portal(make_world: Callable[..., World]) -> World:
    return make_world("tiny", HUBSPOT)


@pytest.fixture(scope="module")
def small_portal(make_world: Callable[..., World]) -> World:
    return make_world("small", HUBSPOT)


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine's own gets in."""
    for name in list(os.environ):
        if name.startswith("PMOM_") and name != "PMOM_STRICT_OPTIONAL":
            monkeypatch.delenv(name)
