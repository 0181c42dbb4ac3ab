"""When everything goes wrong at once nothing is lost and nothing doubled; each fault by itself is told clearly."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from benchmarks.storms import changes, compare
from benchmarks.storms.changes import Act
from benchmarks.storms.nursery import Nursery
from benchmarks.storms.sides import Prepared, Side, prepare, signing_secret
from benchmarks.storms.storm import Length, surroundings, weather
from benchmarks.storms.system import WEB, WORKER, System
from connector.hooks import events

pytestmark = [pytest.mark.slow, pytest.mark.kill, pytest.mark.xdist_group("storms")]

SHORT = Length(acts=15, seconds=3.0, longest=8.0)
SKEW = 400.0  # seconds; five minutes are believed


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with closing(Nursery()) as found:
        yield found


@pytest.fixture(scope="module")
def made(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(nursery, tmp_path_factory.mktemp("prepared"))


@dataclass
class Town:
    """Both CRMs, and the product that listens to them."""

    system: System
    made: Prepared

    @property
    def org(self) -> Side:
        return self.system.sides[0]

    @property
    def portal(self) -> Side:
        return self.system.sides[1]

    def exclude(self, side: Side, partner: str, *, on: bool = True) -> None:
        """A person takes a partner out of the scoring, which its card says at once."""
        changes.perform(side, Act("exclude", partner, {"on": on}), self.made.ids())

    def decision(self, side: Side, partner: str) -> str:
        record = self.made.ids()[partner] if side is self.portal else partner
        return compare.held(side).fields.get(("partners", record, "Triage_Decision"), "")

    def until(self, wanted: Callable[[], bool], what: str) -> None:
        self.system.until(wanted, what, patience=90)

    def rests(self, side: Side) -> str:
        """Why a connection rests; empty when it works."""
        state = self.system.fleet.state(side.name)
        return state.reason if state.paused else ""

    def posts(self, side: Side) -> list[int]:
        """How the posts of that CRM were answered."""
        side.control("deliver", {"seconds": 30})
        return [int(post["status"]) for post in side.control("deliveries", None, "GET")["deliveries"]]

    def received(self, side: Side) -> set[str]:
        """Ids of records that the inbox was told of."""
        with closing(sqlite3.connect(self.system.deployment.fleet)) as db:
            rows = db.execute("SELECT record_id FROM inbox WHERE connection = ?", (side.name,)).fetchall()
        return {row[0] for row in rows}


@pytest.fixture
def town(nursery: Nursery, made: Prepared, tmp_path: Path) -> Iterator[Town]:
    with surroundings(nursery, made, tmp_path) as system:
        yield Town(system, made)


@pytest.fixture
def partners(made: Prepared) -> tuple[str, ...]:
    """Partners that are scored."""
    return tuple(
        story["id"]
        for story in json.loads((made.folder / "worlds" / "salesforce" / "scenarios.json").read_text())["partners"]
        if story["scenario"] in ("fund_demand_gen", "velocity_fail", "market_fit_fail", "proof_fail")
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_a_storm_both_crms_hold_what_they_would_without_it(
    nursery: Nursery, made: Prepared, tmp_path: Path, seed: int
) -> None:
    found = weather(nursery, made, seed, tmp_path, SHORT)
    assert (found.differences, found.doubled, found.untold) == ([], [], [])
    assert found.codes == {WEB: 0, WORKER: 0}
    assert found.kills[WORKER] >= 1
    assert found.kills[WEB] >= 1
    assert found.writes["writes"] > 0


def test_a_full_disk_is_answered_with_503_and_nothing_acknowledged_is_lost(town: Town, partners: Any) -> None:
    disk = town.system.disks["jobs"]
    town.system.born[WORKER].end(signal.SIGKILL)  # so that it frees nothing by itself
    disk.fill(town.system.pids)
    for partner in partners:
        town.exclude(town.portal, partner)
    answers = town.posts(town.portal)
    assert 503 in answers
    acknowledged = {
        str(event["objectId"])
        for post in town.portal.control("deliveries", None, "GET")["deliveries"]
        for event in post["events"]
        if 200 <= post["status"] < 300
    }
    assert acknowledged <= town.received(town.portal)
    disk.free(town.system.pids)
    town.portal.advance(60)
    town.posts(town.portal)
    assert town.portal.waiting() == 0
    town.until(town.system.quiet, "what was sent again is not worked on")
    assert town.received(town.portal) >= {town.made.ids()[partner] for partner in partners}
    assert {town.decision(town.portal, partner) for partner in partners} == {"Hold"}


def test_a_store_that_may_only_be_read_lets_its_connection_rest_until_it_is_mended(town: Town, partners: Any) -> None:
    town.system.kill(WORKER)
    folder = town.org.folder / "workspace"
    for each in folder.glob("store.sqlite*"):
        each.chmod(0o400)
    town.exclude(town.org, partners[0])
    town.until(lambda: "store.sqlite" in town.rests(town.org), "the connection does not rest")
    town.exclude(town.portal, partners[0])
    town.until(lambda: town.decision(town.portal, partners[0]) == "Hold", "the other connection stands still")
    assert town.rests(town.portal) == ""
    for each in folder.glob("store.sqlite*"):  # also those that SQLite made meanwhile, as read-only as the first
        each.chmod(0o600)
    town.until(lambda: town.decision(town.org, partners[0]) == "Hold", "it does not recover")
    assert town.rests(town.org) == ""


@pytest.mark.parametrize("way", [-1, 1], ids=["slow", "fast"])
def test_a_senders_clock_that_is_off_is_refused_and_its_later_try_is_taken(
    town: Town, partners: Any, way: int
) -> None:
    town.portal.wire(skew=way * SKEW - town.portal.ahead)
    town.exclude(town.portal, partners[0])
    assert set(town.posts(town.portal)) == {401}
    assert town.received(town.portal) == set()
    town.portal.wire(skew=-town.portal.ahead)
    town.portal.advance(60)
    assert town.posts(town.portal)[-1] == 204
    town.until(lambda: town.decision(town.portal, partners[0]) == "Hold", "the later try is not followed")


def test_a_revoked_token_lets_its_connection_rest_and_the_other_goes_on(town: Town, partners: Any) -> None:
    town.portal.control("revoke", {"token": town.portal.crm.said["access_token"]})
    for side in town.system.sides:
        town.exclude(side, partners[0])
    town.until(lambda: bool(town.rests(town.portal)), "the connection does not rest")
    assert "401" in town.rests(town.portal)
    town.until(lambda: town.decision(town.org, partners[0]) == "Hold", "the other connection stands still")
    assert town.rests(town.org) == ""


def test_a_spent_daily_quota_lets_its_connection_rest_until_there_is_a_new_one(town: Town, partners: Any) -> None:
    limit = int(town.org.control("state", None, "GET")["daily_max"])
    town.org.control("limits", {"used": limit})
    for side in town.system.sides:
        town.exclude(side, partners[0])
    town.until(lambda: bool(town.rests(town.org)), "the connection does not rest")
    town.until(lambda: town.decision(town.portal, partners[0]) == "Hold", "the other connection stands still")
    assert town.rests(town.portal) == ""
    town.org.control("limits", {"used": 0})
    town.until(lambda: town.decision(town.org, partners[0]) == "Hold", "it does not recover")
    assert town.rests(town.org) == ""


def test_news_that_come_ten_times_and_backwards_are_read_once(town: Town, partners: Any) -> None:
    for side in town.system.sides:
        side.wire(paused=True)
    for partner in partners:
        town.exclude(town.org, partner)
    news = [{"object": "Account", "id": each, "event_id": f"e-{each}"} for each in partners]
    for _ in range(10):
        for each in reversed(news):
            assert _told(town, each) == 200
    town.until(town.system.quiet, "the news are not read")
    counts = {each.state: each.count for each in town.system.fleet.inbox().counts()}
    assert counts == {"received": len(news), "duplicate": 9 * len(news), "read": len(news)}
    assert {town.decision(town.org, partner) for partner in partners} == {"Hold"}
    decided = {each.name: each.count for each in town.system.fleet.counters() if each.connection == "salesforce"}
    assert decided["partners_decided"] <= len(partners) * counts["read"]


def _told(town: Town, event: dict[str, str]) -> int:
    body, stamp = json.dumps(event).encode(), str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "X-PMOM-Timestamp": stamp,
        "X-PMOM-Signature": events.signature(signing_secret("salesforce"), stamp, body),
    }
    url = f"{town.system.url}/hooks/events/salesforce"
    return requests.post(url, data=body, headers=headers, timeout=30).status_code
