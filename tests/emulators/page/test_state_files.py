"""A saved state: everything comes back, what is damaged is refused, the same calls get the same answers."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import signal
import subprocess
import sys
import threading
import zlib
from pathlib import Path
from typing import Any

import pytest
import requests

from emulators.loopback.state import beside, sweep

BASE = "/__emulator__/page"


def client(browser: Any) -> requests.Session:
    """A session of the CRM's own kind."""
    session = requests.Session()
    session.trust_env = False
    if browser.emulator.crm == "salesforce":
        form = {"grant_type": "client_credentials", "client_id": "an-app", "client_secret": "its-secret"}
        answer = session.post(f"{browser.url}/services/oauth2/token", data=form, timeout=10)
        session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    else:
        session.headers["Authorization"] = "Bearer pat-na1-static"
    return session


def snapshot(browser: Any) -> bytes:
    headers = {"X-Emulator-Token": "control-token"}
    answer = browser.http.get(f"{browser.url}/__emulator__/snapshot", headers=headers, timeout=20)
    assert answer.status_code == 200
    return bytes(answer.content)


def restore(browser: Any, body: bytes) -> requests.Response:
    headers = {"X-Emulator-Token": "control-token"}
    return browser.http.post(f"{browser.url}/__emulator__/snapshot", data=body, headers=headers, timeout=20)


SCRIPTS: dict[str, tuple[tuple[str, str, Any], ...]] = {
    "salesforce": (
        ("POST", "/services/data/v67.0/sobjects/Account", {"Name": "One"}),
        ("POST", "/services/data/v67.0/composite/sobjects", {"records": [
            {"attributes": {"type": "Contact"}, "LastName": each} for each in ("A", "B")]}),
        ("GET", "/services/data/v67.0/query?q=SELECT+Id,Name,CreatedDate+FROM+Account+ORDER+BY+Id", None),
        ("POST", "/services/data/v67.0/jobs/query", {"operation": "query", "query": "SELECT Id FROM Contact"}),
        ("GET", "/services/data/v67.0/sobjects/Nope/x", None),
        ("GET", "/services/data/v67.0/limits", None),
        ("POST", "/services/oauth2/token", "response_type=device_code&client_id=an-app"),
    ),
    "hubspot": (
        ("POST", "/crm/v3/objects/companies", {"properties": {"name": "One", "domain": "one.example"}}),
        ("POST", "/crm/v3/objects/deals/batch/create", {"inputs": [
            {"properties": {"dealname": f"Deal {place}"}} for place in range(12)]}),
        ("POST", "/crm/v3/objects/deals/search", {"filterGroups": [], "limit": 20}),
        ("GET", "/crm/v3/objects/deals?limit=20", None),
        ("GET", "/crm/v3/objects/deals/1", None),
        ("POST", "/oauth/v1/token?grant_type=refresh_token&client_id=an-app&client_secret=its-secret"
         "&refresh_token=a-refresh-token", None),
        ("GET", "/oauth/authorize?client_id=an-app&scope=x&redirect_uri=http%3A%2F%2Flocalhost%2Fback", None),
    ),
}  # fmt: skip


# what the last second and the last ten hold is measured in real time; addresses change the length of what is zipped
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
REAL_TIME = ("X-HubSpot-RateLimit-Remaining", "X-HubSpot-RateLimit-Secondly-Remaining")


def played(browser: Any, session: requests.Session) -> list[tuple[int, dict[str, str], bytes]]:
    """Status, headers and bytes of every answer of the CRM's script; its address is cut out."""
    answers = []
    for method, path, body in SCRIPTS[browser.emulator.crm]:
        sent = {"data": body, "headers": FORM} if isinstance(body, str) else {"json": body}
        answer = session.request(method, browser.url + path, timeout=20, allow_redirects=False, **sent)
        content = answer.content.replace(browser.url.encode(), b"URL")
        headers = {name: value.replace(browser.url, "URL") for name, value in answer.headers.items()}
        for each in ("Content-Length", *REAL_TIME):
            headers.pop(each, None)
        answers.append((answer.status_code, headers, content))
    return answers


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_the_same_seed_and_the_same_calls_get_the_same_bytes(make: Any, crm: str) -> None:
    first, second = make(crm, seed=3), make(crm, seed=3)
    assert played(first, client(first)) == played(second, client(second))
    other = make(crm, seed=4)
    assert played(other, client(other)) != played(second, client(second))


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_the_same_calls_after_a_state_was_loaded_get_the_same_bytes(make: Any, crm: str) -> None:
    browser, elsewhere = make(crm, seed=5), make(crm, seed=9)
    session = client(browser)
    played(browser, session)
    body = snapshot(browser)
    onward = played(browser, session)
    assert restore(browser, body).status_code == 200
    assert played(browser, session) == onward
    assert restore(elsewhere, body).status_code == 200
    assert played(elsewhere, session) == onward


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_everything_of_before_comes_back(make: Any, crm: str) -> None:
    browser = make(crm).enter()
    obj, name = ("Account", "Name") if crm == "salesforce" else ("companies", "name")
    kept, binned = browser.add(obj, **{name: "Kept"}), browser.add(obj, **{name: "Binned"})
    browser.control("POST", "delete", {"object": obj, "id": binned})
    browser.control("POST", "faults", [{"kind": "503", "path": "never", "probability": 0.5, "every_n": 2}])
    browser.control("POST", "limits", {"used": 77})
    browser.control("POST", "clock", {"now": "2026-06-01T12:00:00Z"})
    before, body = browser.control("GET", "state"), snapshot(browser)
    browser.control("POST", "edit", {"object": obj, "id": kept, **_changed(crm, name)})
    browser.control("DELETE", "faults")
    browser.control("POST", "limits", {"used": 1})
    browser.control("POST", "clock", {"advance": 5000, "frozen": False})
    added = browser.add(obj, **{name: "Later"})
    assert browser.control("GET", "state") != before
    assert restore(browser, body).status_code == 200
    assert browser.control("GET", "state") == before
    listed = browser.text(f"{BASE}/objects/{obj}")
    assert kept in listed
    assert binned in listed
    assert added not in listed
    assert "Edited" not in listed
    assert browser.get(f"{BASE}/objects/{obj}/{added}").status_code == 404


def _changed(crm: str, name: str) -> dict[str, Any]:
    return {"values" if crm == "salesforce" else "properties": {name: "Edited"}}


def test_custom_fields_sessions_cursors_and_jobs_of_an_org_come_back(make: Any) -> None:
    from emulators.salesforce.schema import FieldType

    browser = make("salesforce")
    org, session = browser.emulator.org, client(browser)
    org.load_raw("Contact", ({"LastName": str(place)} for place in range(2001)))
    first = session.get(f"{browser.url}/services/data/v67.0/query?q=SELECT+Id+FROM+Contact", timeout=10).json()
    job = session.post(f"{browser.url}/services/data/v67.0/jobs/query", timeout=10,
                       json={"operation": "query", "query": "SELECT Id FROM Contact"}).json()["id"]  # fmt: skip
    org.add_custom_field("Account", FieldType("Score__c", "Score", "double", precision=5, scale=2, custom=True))
    body = snapshot(browser)
    org.remove_custom_field("Account", "Score__c")
    browser.control("POST", "expire_tokens")
    other = make("salesforce", seed=8)
    for each in (browser, other):
        assert restore(each, body).status_code == 200
        assert each.emulator.org.schema.objects["account"].field("Score__c").scale == 2
        following = session.get(each.url + first["nextRecordsUrl"], timeout=10)
        assert (following.status_code, following.json()["done"]) == (200, True)
        assert session.get(f"{each.url}/services/data/v67.0/jobs/query/{job}", timeout=10).status_code == 200


def test_webhooks_schemas_and_tokens_of_a_portal_come_back(make: Any) -> None:
    browser = make("hubspot")
    session = client(browser)
    grant = {"grant_type": "refresh_token", "client_id": "an-app", "client_secret": "its-secret",
             "refresh_token": "a-refresh-token"}  # fmt: skip
    token = session.post(f"{browser.url}/oauth/v1/token", data=grant, timeout=10).json()["access_token"]
    browser.control("POST", "webhooks", {"target_url": "http://127.0.0.1:9/", "paused": True})
    browser.control("POST", "subscribe", {"type": "deal.creation"})
    browser.add("deals", dealname="Waiting")
    told, body = browser.control("GET", "webhooks"), snapshot(browser)
    assert told["waiting"] == 1
    other = make("hubspot", seed=8)
    for each in (browser, other):
        each.control("POST", "expire_tokens")
        assert restore(each, body).status_code == 200
        assert each.control("GET", "webhooks") == told
        headers = {"Authorization": f"Bearer {token}"}
        assert requests.get(f"{each.url}/crm/v3/objects/deals", headers=headers, timeout=10).status_code == 200


def test_what_is_no_saved_state_is_refused_and_changes_nothing(browser: Any, make: Any) -> None:
    good, before = snapshot(browser), browser.control("GET", "state")
    other = snapshot(make("hubspot" if browser.emulator.crm == "salesforce" else "salesforce"))
    middle = len(good) // 2
    flipped = good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :]
    wrong = {
        b"": "it is not a saved state",
        b"SQLite format 3\0": "it is not a saved state",
        gzip.compress(good): "it is not a saved state",
        good[:-1]: "it is damaged",
        good + b"x": "it is damaged",
        good[:200]: "it is damaged",
        flipped: "it is damaged",
        other: "it is a saved state of another kind",
    }
    for body, text in wrong.items():
        answer = restore(browser, body)
        assert (answer.status_code, text in answer.json()["error"]) == (400, True), (text, answer.text)
    assert browser.control("GET", "state") == before
    assert list(browser.emulator.file.parent.glob(".state-*")) == []


def forged(state: bytes, *, memory: Any = None, database: bytes | None = None, behind: bytes = b"") -> bytes:
    """That state with another memory or another file, and the checksum that goes with it."""
    first, told, packed = state[:-32].split(b"\n", 2)
    known = {**json.loads(told), **(memory or {})} if not isinstance(memory, bytes) else memory
    line = known if isinstance(known, bytes) else json.dumps(known).encode()
    packed = packed if database is None else zlib.compress(database, 1)
    body = b"\n".join((first, line, packed + behind))
    return body + hashlib.sha256(body).digest()


def test_what_was_forged_is_refused_and_changes_nothing(browser: Any) -> None:
    good, before = snapshot(browser), browser.control("GET", "state")
    whole = zlib.decompress(good[:-32].split(b"\n", 2)[2])
    page = int.from_bytes(whole[16:18])
    claiming = whole[:28] + (2**32 - 1).to_bytes(4) + whole[32:]
    wrong = {
        forged(good, database=b""): "it holds less than it tells",
        forged(good, database=b"junk" * 100): "it holds no SQLite file",
        forged(good, database=whole[:-page]): "it holds less than it tells",
        forged(good, database=whole + bytes(page)): "it holds more than it tells",
        forged(good, database=bytes(200_000_000)): "it holds no SQLite file",
        forged(good, behind=b"junk"): "it is damaged",
        forged(good, memory=b"[" * 100_000): "nested too deeply",
        forged(good, memory=b"[]"): "it is damaged",
        forged(good, memory={"now": "soon"}): "is no instant",
        forged(good, memory={"faults": [{"kind": "flood"}]}): "flood",
        forged(good, memory={"limits": {}}): "KeyError",
    }
    if page * (2**32 - 1) > shutil.disk_usage(browser.emulator.file.parent).free:
        wrong[forged(good, database=claiming)] = "too little room"
    for body, text in wrong.items():
        answer = restore(browser, body)
        assert (answer.status_code, text in answer.json()["error"]) == (400, True), (text, answer.text)
    assert browser.control("GET", "state") == before
    assert restore(browser, forged(good)).status_code == 200


def test_what_a_killed_program_left_of_a_state_is_removed_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "o[r]g.db"
    left, others = tmp_path / ".state-o[r]g.db-abc", tmp_path / ".state-org.db-abc"
    for folder in (left, others):
        folder.mkdir()
        (folder / "copy.db").write_bytes(b"secret")
    sweep(file)
    assert [each.name for each in tmp_path.iterdir()] == [others.name]
    with beside(file) as folder:
        assert (folder.parent, folder.name.startswith(".state-o[r]g.db-")) == (tmp_path, True)
    assert not folder.exists()


def test_a_copy_made_while_calls_go_on_is_whole(make: Any) -> None:
    browser = make("hubspot", seed=6)
    browser.emulator.limits.set({"enabled": False})
    stop, failed = threading.Event(), []

    def write() -> None:
        session = client(browser)
        while not stop.is_set():
            inputs = {"inputs": [{"properties": {"dealname": "Both"}} for _ in range(2)]}
            answer = session.post(f"{browser.url}/crm/v3/objects/deals/batch/create", json=inputs, timeout=20)
            if answer.status_code != 201:
                failed.append(answer.text)

    thread = threading.Thread(target=write)
    thread.start()
    bodies = [snapshot(browser) for _ in range(4)]
    assert restore(browser, bodies[0]).status_code == 200  # while calls go on
    stop.set()
    thread.join()
    assert failed == []
    counts = []
    for body in bodies:
        assert restore(browser, body).status_code == 200
        line = "SELECT COUNT(*) FROM record WHERE type = '0-3'"
        counts.append(browser.emulator.portal.connection.execute(line).fetchone()[0])
    assert [count % 2 for count in counts] == [0, 0, 0, 0]
    assert counts == sorted(counts)


def test_the_page_saves_and_loads_the_state(browser: Any, plain: Any) -> None:
    obj, name = ("Account", "Name") if browser.emulator.crm == "salesforce" else ("companies", "name")
    saved = browser.get(f"{BASE}/snapshot")
    assert saved.headers["Content-Disposition"].startswith(f'attachment; filename="{browser.emulator.crm}-2026')
    added = browser.add(obj, **{name: "After the save"})
    answer = browser.send("act/restore", files={"state": ("a.state", saved.content)})
    assert "The saved state was loaded." in plain(answer.text)
    assert browser.get(f"{BASE}/objects/{obj}/{added}").status_code == 404
    refused = browser.send("act/restore", files={"state": ("a.txt", b"no")})
    assert "it is not a saved state" in plain(refused.text)
    assert "Choose the file" in plain(browser.send("act/restore").text)


def program(*arguments: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """A running emulator and its line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "emulators", *arguments, "--http"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())


def ended(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    code = process.wait(20)
    assert process.stdout is not None
    process.stdout.close()
    return code


@pytest.mark.slow
@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_the_program_saves_at_its_end_and_begins_with_a_copy(tmp_path: Path, crm: str) -> None:
    file = tmp_path / "kept.state"
    process, line = program(
        crm, "--save-state", str(file), "--now", "2026-03-31T09:00:00Z", "--freeze", "--seed", "4"
    )
    key, obj = ("values", "Account") if crm == "salesforce" else ("properties", "companies")
    headers = {"X-Emulator-Token": line["control_token"]}
    body = {"object": obj, key: {"Name" if crm == "salesforce" else "name": "Kept"}}
    with requests.Session() as session:
        session.trust_env = False
        made = session.post(f"{line['url']}/__emulator__/insert", json=body, headers=headers, timeout=10).json()["id"]
        assert session.get(line["page"], timeout=10).status_code == 200
        assert ended(process) == 0
        content = file.read_bytes()
        process, again = program(crm, "--state", str(file))
        same = ("client_id", "client_secret", "now", "org_id" if crm == "salesforce" else "access_token")
        assert [again[name] for name in same] == [line[name] for name in same]
        session.cookies.clear()
        session.get(again["page"], timeout=10)
        assert session.get(f"{again['url']}{BASE}/objects/{obj}/{made}", timeout=10).status_code == 200
        assert (ended(process), file.read_bytes()) == (0, content)
