"""tap-salesforce as its users run it: one line a capability, an AssertionError for what is not as on an org."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

URL, APP, SECRET = (os.environ[f"EMULATOR_{name}"] for name in ("URL", "CLIENT_ID", "CLIENT_SECRET"))
BACK = "http://localhost:1717/OauthRedirect"
STREAMS = ("Account", "Opportunity", "PartnerFundClaim")


def refresh_token() -> str:
    """What a person gets by allowing the tap in a browser."""
    asked = {"response_type": "code", "client_id": APP, "redirect_uri": BACK, "scope": "api refresh_token"}
    page = f"{URL}/services/oauth2/authorize?{urlencode(asked)}"
    answer = requests.get(page, timeout=20)
    person = {"username": os.environ["EMULATOR_USERNAME"], "password": os.environ["EMULATOR_PASSWORD"]}
    for typed in (person, {"decision": "allow"}):
        found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', answer.text)
        form = {name: unescape(value) for name, value in found} | typed
        answer = requests.post(page.partition("?")[0], form, timeout=20, allow_redirects=False)
    code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
    given = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
    told = requests.post(
        f"{URL}/services/oauth2/token", {**given, "client_id": APP, "client_secret": SECRET}, timeout=20
    )
    return str(told.json()["refresh_token"])


def tap(config: dict[str, str], *options: str) -> list[dict[str, Any]]:
    """The messages of a run."""
    Path("config.json").write_text(json.dumps(config), encoding="utf-8")
    program = Path(sys.executable).with_name("tap-salesforce")
    done = subprocess.run(
        [program, "--config", "config.json", *options], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return (
        [json.loads(line) for line in done.stdout.splitlines()]
        if options[0] != "--discover"
        else json.loads(done.stdout)
    )


def discover(config: dict[str, str]) -> dict[str, Any]:
    found: Any = tap(config, "--discover")
    streams = {one["stream"]: one for one in found["streams"]}
    assert set(STREAMS) <= set(streams)
    assert streams["Account"]["schema"]["properties"]["NumberOfEmployees"]["type"] == ["null", "integer"]
    for name in STREAMS:
        for one in streams[name]["metadata"]:
            if one["breadcrumb"] == [] or one["metadata"].get("inclusion") == "available":
                one["metadata"]["selected"] = True
            if one["breadcrumb"] == []:
                (key,) = one["metadata"]["valid-replication-keys"]
                one["metadata"] |= {"replication-method": "INCREMENTAL", "replication-key": key}
    return {"streams": [streams[name] for name in STREAMS]}


def sync(config: dict[str, str], catalog: dict[str, Any]) -> None:
    Path("catalog.json").write_text(json.dumps(catalog), encoding="utf-8")
    told = tap(config, "--properties", "catalog.json")
    counts = {name: sum(one["type"] == "RECORD" and one["stream"] == name for one in told) for name in STREAMS}
    assert counts == {name: count(name) for name in STREAMS}
    state = next(one["value"] for one in reversed(told) if one["type"] == "STATE")
    Path("state.json").write_text(json.dumps(state), encoding="utf-8")
    again = tap(config, "--properties", "catalog.json", "--state", "state.json")
    newest = sum(one["type"] == "RECORD" for one in again)  # the tap asks for what is as new as its bookmark or newer
    assert len(STREAMS) <= newest < sum(counts.values()) / 10


def count(name: str) -> int:
    """Records with those in the recycle bin, which the tap reads too."""
    form = {"grant_type": "client_credentials", "client_id": APP, "client_secret": SECRET}
    token = requests.post(f"{URL}/services/oauth2/token", form, timeout=20).json()["access_token"]
    path = f"{URL}/services/data/v61.0/queryAll?q=SELECT+COUNT()+FROM+{name}"
    return int(requests.get(path, headers={"Authorization": f"Bearer {token}"}, timeout=20).json()["totalSize"])


if __name__ == "__main__":
    kept = {"client_id": APP, "client_secret": SECRET, "refresh_token": refresh_token()}
    print("refresh_token")
    for api in ("REST", "BULK"):  # the tap leaves compound fields out of its catalog for the Bulk API
        wanted = {**kept, "start_date": "2000-01-01T00:00:00Z", "api_type": api, "select_fields_by_default": "true"}
        chosen = discover(wanted)
        print(f"discover_{api.lower()}")
        sync(wanted, chosen)
        print(f"sync_{api.lower()}")
