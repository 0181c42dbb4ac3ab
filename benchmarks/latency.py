"""How long is it from a deal changed in a CRM until its partner's fields say so, with both CRMs connected?

Everything runs as its users run it: both emulators with their webhooks, `pmom serve`, `pmom work`, the shipped
mappings, TLS. Somebody else closes deals that were won as lost, at a steady rate, each of another partner, by turns
in the org and in the portal; a look every 100 ms at the records, as an administrator sees them, tells when our field
has another moment in it. The first use of a folder generates the world and mirrors it: a quarter of an hour with
20,000 partners.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from benchmarks.measure import ContenderFailed
from connector import wiring
from connector.cli import stage
from connector.sync.runs import run as run_step
from connector.sync.runs import sync, sync_summary

MEDIAN_S, P95_S = 2.0, 5.0
LOOK = 0.1  # seconds between two looks
PATIENCE = 60.0  # seconds after the last change until one counts as lost
LOAD = 600.0  # seconds until an emulator must have taken in its world
SECRET = "o" * 40
_KINDS = {"salesforce": "Opportunity", "hubspot": "deals"}
_SCORED = {"salesforce": "PMOM_Scored_At__c", "hubspot": "pmom_scored_at"}
_WON = """
WITH named AS (
    SELECT o.id AS opportunity_id, min(l.partner_id) AS partner_id
    FROM opportunities o JOIN partner_links l ON l.opportunity_id = o.id JOIN partners p ON p.id = l.partner_id
    JOIN (SELECT opportunity_id, min(issued_at) AS issued_at FROM quotes GROUP BY ALL) q ON q.opportunity_id = o.id
    WHERE o.is_won AND o.close_date >= ? AND q.issued_at < now() - INTERVAL 100 DAY
    GROUP BY ALL HAVING count(DISTINCT l.partner_id) = 1)
SELECT partner_id, min(opportunity_id) AS opportunity_id FROM named GROUP BY ALL ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Side:
    """One CRM that runs, with the workspace that mirrors it."""

    crm: stage.Emulated
    http: requests.Session = field(default_factory=requests.Session)

    @property
    def name(self) -> str:
        """Of the CRM and of the connection."""
        return self.crm.vendor.name

    def change(self, deal: str) -> None:
        """Somebody else says that the deal was lost after all."""
        lost = {"StageName": "Closed Lost"} if self.name == "salesforce" else {"dealstage": "closedlost"}
        self.crm.edit(_KINDS[self.name], deal, **lost)

    def scored(self, partners: list[str]) -> dict[str, str | None]:
        """When our fields of these partners were last written, as the CRM shows it to its administrator."""
        said, url = self.crm.said, str(self.crm.said["url"])
        if self.name == "hubspot":
            body = {"inputs": [{"id": each} for each in partners], "properties": [_SCORED["hubspot"]]}
            rows = self._ask("POST", f"{url}/crm/v3/objects/companies/batch/read", said["access_token"], json=body)
            return {row["id"]: row["properties"].get(_SCORED["hubspot"]) for row in rows["results"]}
        names = ", ".join(f"'{each}'" for each in partners)
        query = f"SELECT Id, {_SCORED['salesforce']} FROM Account WHERE Id IN ({names})"
        rows = self._ask("GET", f"{url}/services/data/v67.0/query", self._token(), params={"q": query})
        return {row["Id"]: row[_SCORED["salesforce"]] for row in rows["records"]}

    def _token(self) -> str:
        if "token" not in self.http.headers:
            said = self.crm.said
            form = {"grant_type": "client_credentials"} | {n: said[n] for n in ("client_id", "client_secret")}
            answer = self.http.post(f"{said['url']}/services/oauth2/token", form, verify=said["ca_file"], timeout=20)
            self.http.headers["token"] = str(answer.json()["access_token"])
        return str(self.http.headers["token"])

    def _ask(self, method: str, url: str, token: object, **what: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        answer = self.http.request(method, url, headers=headers, verify=self.crm.said["ca_file"], timeout=20, **what)
        if answer.status_code >= 300:
            raise ContenderFailed(f"{self.name} answered {answer.status_code}: {answer.text[:200]}")
        return answer.json()


@dataclass(slots=True)
class Change:
    """One changed deal; seconds are of this process's clock."""

    side: Side
    partner: str
    before: str | None
    began: float
    took: float | None = None


def prepared(folder: Path, size: str) -> Path:
    """The folder with both worlds; they are generated on its first use."""
    worlds = folder / "worlds"
    if not (worlds / "hubspot").is_dir():
        print("generating the worlds", flush=True)
        words = [
            "world",
            str(worlds),
            "--crm",
            "both",
            "--size",
            size,
            "--as-of",
            datetime.now(UTC).date().isoformat(),
        ]
        subprocess.run([sys.executable, "-m", "emulators", *words], check=True, stdout=subprocess.DEVNULL)
    return folder


@contextmanager
def running(folder: Path, vendor: stage.Vendor) -> Iterator[Side]:
    """The emulator with the product installed in it, and a workspace that mirrors it."""
    home = folder / vendor.name
    home.mkdir(parents=True, exist_ok=True)
    stage._PATIENCE = LOAD
    options = ("--no-limits", "--lag", "0") if vendor.name == "hubspot" else ()
    # the clock runs with this machine's: a signed post is refused when it is older than five minutes
    now = ("--now", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    with stage.emulated(vendor, home, folder / "worlds" / vendor.name, *now, *options) as crm:
        side = Side(crm)
        _settings(side)
        words = ["--config", str(home / "config.toml"), "install", side.name]
        subprocess.run([sys.executable, "-m", "connector", *words], check=True, stdout=subprocess.DEVNULL)
        _mirror(side, home)
        yield side


def _settings(side: Side) -> None:
    """What an admin writes, with the secrets of the senders."""
    path, said = side.crm.settings(), side.crm.said
    if side.name == "hubspot":
        (path.parent / "client").write_text(str(said["client_secret"]), encoding="utf-8")
        hooks = f'hubspot_client_secret_file = "client"\nown_writer = "{said["app_id"]}"\n'
    else:
        (path.parent / "outbound").write_text(SECRET, encoding="utf-8")
        hooks = f'outbound_secret_file = "outbound"\noutbound_organization = "{said["org_id"]}"\n'
    path.write_text(path.read_text(encoding="utf-8") + f"\n[webhooks]\n{hooks}", encoding="utf-8")


def _mirror(side: Side, home: Path) -> None:
    """A sync: the first reads and writes everything, later ones what the days in between have changed."""
    print(f"syncing {side.name}", flush=True)
    with wiring.opened(home / "config.toml") as ctx:
        run_step(ctx, "sync", lambda run_id: sync(ctx, run_id), sync_summary)


@contextmanager
def product(folder: Path, sides: list[Side]) -> Iterator[None]:
    """`pmom serve` and `pmom work` for both, with the CRMs' messages sent there."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    url, config = f"http://127.0.0.1:{port}", folder / "pmom.toml"
    files = ", ".join(f'"{side.name}/config.toml"' for side in sides)
    config.write_text(
        f'connections = [{files}]\n[web]\nport = {port}\npublic_url = "{url}"\n[jobs]\ndir = "jobs"\n'
        "[schedule]\nsync = 0\naudit = 0\nretention = 0\n",
        encoding="utf-8",
    )
    for side in sides:
        _subscribe(side, url)
    with ExitStack() as stack:
        for word in ("serve", "work"):
            stack.enter_context(_command(folder, config, word))
        _wait_for(url)
        yield


def _subscribe(side: Side, url: str) -> None:
    if side.name == "hubspot":
        side.crm.control("unsubscribe", {})
        side.crm.control("webhooks", {"target_url": f"{url}/hooks/hubspot/hubspot"})
        for name in ("amount", "dealstage", "closedate"):
            side.crm.control("subscribe", {"type": "deal.propertyChange", "property": name})
    else:
        endpoint = f"{url}/hooks/salesforce/salesforce/{SECRET}"
        side.crm.control(
            "outbound_messages", {"object": "Opportunity", "fields": ["StageName"], "endpoint": endpoint}
        )


@contextmanager
def _command(folder: Path, config: Path, word: str) -> Iterator[None]:
    with (folder / f"{word}.log").open("wb") as log:
        command = [sys.executable, "-m", "jobs", "--config", str(config), word]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def _wait_for(url: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if requests.get(f"{url}/healthz", timeout=2).status_code == 200:
                return
        except requests.ConnectionError:
            time.sleep(0.2)
    raise ContenderFailed("pmom serve does not answer")


def chosen(folder: Path, side: Side, count: int) -> list[tuple[str, str]]:
    """Won deals of the last 300 days whose quotes count by now, each of another partner."""
    since = (datetime.now(UTC) - timedelta(days=300)).date()
    with wiring.opened(folder / side.name / "config.toml") as ctx:
        rows = ctx.mirror.query(_WON, [since]).to_pylist()
    random.Random(len(rows)).shuffle(rows)
    if len(rows) < count:
        raise ContenderFailed(f"{side.name} has {len(rows)} such deals, {count} are wanted")
    return [(row["opportunity_id"], row["partner_id"]) for row in rows[:count]]


def measured(folder: Path, sides: list[Side], count: int, rate: float, warm: int) -> list[Change]:
    """Change so many deals in each CRM, after a few that are not counted."""
    deals = {side.name: chosen(folder, side, count + warm) for side in sides}
    before = {side.name: side.scored([partner for _, partner in deals[side.name]]) for side in sides}
    with product(folder, sides):
        for start, end, every in ((0, warm, 5.0), (warm, warm + count, 1 / rate)):
            turns = [(side, *deals[side.name][at]) for at in range(start, end) for side in sides]
            changes = _changed(turns, before, every)
    return changes


def _changed(
    turns: list[tuple[Side, str, str]], before: dict[str, dict[str, str | None]], every: float
) -> list[Change]:
    made: list[Change] = []
    begun, until = time.monotonic(), float("inf")
    while len(made) < len(turns) or any(each.took is None for each in made):
        now = time.monotonic()
        if now > until:
            break
        while len(made) < len(turns) and now >= begun + every * len(made):
            side, deal, partner = turns[len(made)]
            made.append(Change(side, partner, before[side.name].get(partner), time.monotonic()))
            side.change(deal)
            until = time.monotonic() + PATIENCE
        for side in {each.side.name: each.side for each in made}.values():
            waiting = [each for each in made if each.side is side and each.took is None]
            said = side.scored([each.partner for each in waiting]) if waiting else {}
            for each in waiting:
                if said.get(each.partner) != each.before:
                    each.took = time.monotonic() - each.began
        time.sleep(max(0.0, LOOK - (time.monotonic() - now)))
    return made


def main(argv: list[str]) -> int:
    """Measure and print; 0 when both targets are met and no change was lost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks latency", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("latency"), help="worlds and workspaces are kept there")
    parser.add_argument("--size", default="wide", help="of the world: wide has 20,000 partners")
    parser.add_argument("--count", type=int, default=100, help="deals to change in each CRM")
    parser.add_argument("--rate", type=float, default=1.0, help="changes a second, both CRMs together")
    parser.add_argument("--warm", type=int, default=3, help="changes in each CRM before, not counted")
    given = parser.parse_args(argv)
    folder = prepared(given.folder.absolute(), given.size)
    with ExitStack() as stack:
        sides = [stack.enter_context(running(folder, vendor)) for vendor in stage.VENDORS]
        changes = measured(folder, sides, given.count, given.rate, given.warm)
    return _report(changes, given.rate)


def _report(changes: list[Change], rate: float) -> int:
    took = sorted(each.took for each in changes if each.took is not None)
    lost = len(changes) - len(took)
    if len(took) < 2:
        print(json.dumps({"changes": len(changes), "lost": lost}))
        return 1
    said: dict[str, Any] = {"changes": len(changes), "lost": lost, "rate": rate, "load": round(os.getloadavg()[0], 1)}
    for name in ("both", *_KINDS):
        some = sorted(c.took for c in changes if c.took is not None and name in ("both", c.side.name))
        if len(some) > 1:
            cuts = statistics.quantiles(some, n=20)
            said[name] = {
                "median_s": round(statistics.median(some), 2),
                "p95_s": round(cuts[-1], 2),
                "max_s": round(some[-1], 2),
            }
    print(json.dumps(said))
    return 0 if not lost and said["both"]["median_s"] <= MEDIAN_S and said["both"]["p95_s"] <= P95_S else 1
