"""An emulated org with a generated world, the product installed in it, and the commands that a person types."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from connector.cli import app, demo

DAY = demo.DAY


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
    """The org's process, its files and its people."""

    folder: Path
    size: str = "tiny"
    org: dict[str, Any] = field(default_factory=dict)
    program: subprocess.Popen[bytes] | None = None
    http: requests.Session = field(default_factory=requests.Session)

    @property
    def config(self) -> Path:
        return self.folder / "config.toml"

    @property
    def world(self) -> Path:
        return self.folder / "world"

    def start(self) -> None:
        ready = self.folder / "org.json"
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "emulators", "salesforce", "--db", str(self.folder / "org.sqlite")]
        command += ["--now", f"{DAY}T09:00:00Z", "--ready-file", str(ready), "--control-token", "control"]
        command += ["--client-id", "the-client", "--client-secret", "the-secret"]
        if not (self.folder / "org.sqlite").exists():
            command += ["--csv", str(self.world)]
        self.program = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.org = demo._wait_for(ready, self.program)

    def stop(self) -> None:
        if self.program is not None:
            self.program.terminate()
            self.program.wait(timeout=20)
        self.http.close()

    def control(self, name: str, body: object, method: str = "POST") -> Any:
        answer = self.http.request(
            method,
            f"{self.org['url']}/__emulator__/{name}",
            json=body,
            headers={"X-Emulator-Token": "control"},
            verify=str(self.org["ca_file"]),
            timeout=20,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def edit(self, object_name: str, record_id: str, **values: object) -> None:
        self.control("edit", {"object": object_name, "id": record_id, "values": values})

    def next_day(self, days: int = 1) -> None:
        self.control("clock", {"advance": 86_400 * days})

    def faults(self, *rules: dict[str, object]) -> None:
        self.control("faults", list(rules))

    def people_fill_in(self) -> None:
        with (self.world / "after_install" / "Account.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                values = {name: demo._typed(value) for name, value in row.items() if name != "Id" and value != ""}
                self.edit("Account", row["Id"], **values)

    def pmom(self, *words: str) -> Answer:
        """A command in this process."""
        out, err = io.StringIO(), io.StringIO()
        app.err.file = err
        before, sys.argv = sys.argv, ["pmom", "--config", str(self.config), "--json", *words]
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                app.main()
            code = 0
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        finally:
            sys.argv = before
            app.err.file = sys.stderr
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
            data={"grant_type": "client_credentials", "client_id": "the-client", "client_secret": "the-secret"},
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
        fields = (
            "Triage_Decision Allowed_Motions Gate_Velocity Gate_Market_Fit Gate_PoP Quote_to_Close_Rate Symptom "
            "Recommended_Lever Accountable_User Why"
        )
        names = ", ".join(f"PMOM_{name}__c" for name in fields.split())
        return self.rows(f"SELECT Id, {names} FROM Account WHERE IsPartner = true ORDER BY Id")

    def tasks(self) -> list[dict[str, Any]]:
        return self.rows(
            "SELECT PMOM_Task_Key__c, Subject, OwnerId, Status FROM Task WHERE PMOM_Task_Key__c != null "
            "ORDER BY PMOM_Task_Key__c"
        )

    def story(self, scenario: str) -> dict[str, Any]:
        about = json.loads((self.world / "scenarios.json").read_text(encoding="utf-8"))
        return next(each for each in about["partners"] if each["scenario"] == scenario)

    def fresh_workspace(self) -> None:
        shutil.rmtree(self.folder / "workspace", ignore_errors=True)


def made(folder: Path, size: str) -> World:
    """A running org with the product installed and people's fields filled in."""
    world = World(folder, size)
    demo._emulators("world", str(world.world), "--size", size, "--as-of", DAY.isoformat())
    world.start()
    demo._settings(folder, world.world, world.org)
    answer = world.pmom("install", "salesforce")
    assert answer.code == 0, answer.err
    world.people_fill_in()
    return world


@pytest.fixture(scope="module")
def make_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], World]]:
    """Makes running orgs and stops them all."""
    running: list[World] = []

    def make(size: str) -> World:
        running.append(made(tmp_path_factory.mktemp(size), size))
        return running[-1]

    yield make
    for world in running:
        world.stop()


@pytest.fixture(scope="module")
def tiny(make_world: Callable[[str], World]) -> World:
    return make_world("tiny")


@pytest.fixture(scope="module")
def small(make_world: Callable[[str], World]) -> World:
    return make_world("small")


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine's own gets in."""
    for name in list(os.environ):
        if name.startswith("PMOM_") and name != "PMOM_STRICT_OPTIONAL":
            monkeypatch.delenv(name)
