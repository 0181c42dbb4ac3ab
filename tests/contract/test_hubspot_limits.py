"""A portal's limits: never broken by us, in whatever threads and processes, and survived when others break them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from connector.crm.base import Action, ReadRequest, Write
from connector.crm.hubspot.adapter import HubSpotCRM
from connector.crm.hubspot.limiter import Window

BURST, WINDOW = 30, 3.0  # a window much longer than any call takes, also on a busy machine
SEARCHES = 2.0  # a second; the portal grants five in two seconds


@pytest.fixture
def narrow(start_emulator: Callable[..., Any]) -> Any:
    """A portal that grants few calls, in real seconds."""
    portal = start_emulator("--lag", "0", "--no-bumps", crm="hubspot")
    portal.control("limits", {"burst": BURST, "window": WINDOW, "search": 5, "second": 2.0})
    return portal


@pytest.fixture
def connect(narrow: Any, tmp_path: Path) -> Iterator[Callable[..., HubSpotCRM]]:
    """Connections that count their calls together."""
    made: list[HubSpotCRM] = []

    def connect(sleep: Callable[[float], None] = time.sleep, **settings: Any) -> HubSpotCRM:
        shared = {"burst": BURST, "searches": SEARCHES, "budget_file": str(tmp_path / "limits.db")}
        made.append(HubSpotCRM(narrow.connection(**shared | settings), sleep=sleep))
        return made[-1]

    yield connect
    for crm in made:
        crm.close()


def company(portal: Any) -> str:
    return str(portal.control("insert", {"object": "companies", "properties": {"name": "one"}})["id"])


@pytest.mark.slow
def test_threads_and_processes_together_never_reach_a_limit(narrow: Any, connect: Any, tmp_path: Path) -> None:
    record, settings = (
        company(narrow),
        {"burst": BURST, "searches": SEARCHES, "budget_file": str(tmp_path / "limits.db")},
    )
    script = [sys.executable, str(Path(__file__).parent / "calling_process.py")]
    arguments = [json.dumps(narrow.settings(**settings)), record, "25"]
    others = [subprocess.Popen([*script, *arguments], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    crm = connect()

    def ask(at: int) -> int:
        if at % 4 == 0:
            asked = ReadRequest("companies", ("name",), since=crm.now().replace(year=2020), deleted=False)
            return sum(page.rows.num_rows for page in crm.read(asked))
        return int(crm.fetch("companies", [record], ("name",)).num_rows)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(24))) == [1] * 24
    assert [each.communicate(timeout=60)[0].strip() for each in others] == ["25", "25"]
    answered = Counter(narrow.statuses())
    assert (answered[429], answered[200] >= 74) == (0, True)


def test_an_interval_that_is_told_to_be_shorter_forgets_no_call() -> None:
    """Ten seconds are assumed until the portal has told its own; calls of the last moment must go on counting."""
    for moment in (100.01, 100.05, 100.099):
        window = Window(BURST, 10.0, 0.2)
        for _ in range(BURST):
            window.add(moment)
        window.see(BURST, WINDOW, 0, BURST, moment + 0.005)
        assert window.wait(moment + 0.006) >= WINDOW


def use_up(portal: Any, record: str) -> None:
    """Another client of the same token asks until it is refused, by both limits."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {portal.said['access_token']}"
        url = f"{portal.url}/crm/objects/2026-03/companies"
        for method, address, body in (("GET", f"/{record}", None), ("POST", "/search", {"limit": 1})):
            answers = (session.request(method, url + address, json=body, verify=portal.ca_file) for _ in range(1_000))
            assert any(answer.status_code == 429 for answer in answers)


@pytest.mark.slow
def test_a_limit_that_another_client_uses_up_costs_time_but_no_record(narrow: Any, connect: Any) -> None:
    """Ten seconds of HubSpot's last one here; records are made once and read whole all the same."""
    record = company(narrow)
    crm = connect(sleep=lambda seconds: time.sleep(seconds / 10))
    crm.schema("companies")
    narrow.control("reset_calls")
    results = []
    for name in ("a", "b"):
        use_up(narrow, record)
        results += crm.write([Write(name, "companies", Action.CREATE, (("name", name),))])
    use_up(narrow, record)
    asked = ReadRequest("companies", ("name",), since=crm.now().replace(year=2020), deleted=False)
    names = [each for page in crm.read(asked) for each in page.rows.column(0).to_pylist()]
    assert {each.status for each in results} == {"applied"}
    assert sorted(names) == ["a", "b", "one"]
    told = [each["path"] for each in narrow.control("calls", method="GET")["calls"] if each["status"] == 429]
    assert "/crm/objects/2026-03/companies/batch/create" in told  # ours, before it was done
