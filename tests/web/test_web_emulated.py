"""What the emulated CRMs deliver arrives in the inbox once, however often they deliver it, and survives a kill."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from connector.hooks.hint import Happened

pytestmark = [pytest.mark.slow]
COMPANIES = 150


def deployment(folder: Path, port: int, portal: dict[str, Any], org: dict[str, Any]) -> Path:
    """The settings of both, as an admin writes them."""
    (folder / "client").write_text(portal["client_secret"], encoding="utf-8")
    (folder / "outbound").write_text("x" * 40, encoding="utf-8")
    (folder / "portal.toml").write_text(
        f'[workspace]\ndir = "portal"\n[hubspot]\nportal_id = "{portal["portal_id"]}"\n[webhooks]\n'
        f'hubspot_client_secret_file = "client"\nown_writer = "{portal["app_id"]}"\n',
        encoding="utf-8",
    )
    (folder / "org.toml").write_text(
        '[workspace]\ndir = "org"\n[salesforce]\ninstance_url = "https://acme.my.salesforce.com"\nclient_id = "x"\n'
        f'[webhooks]\noutbound_secret_file = "outbound"\noutbound_organization = "{org["organization"]}"\n',
        encoding="utf-8",
    )
    config = folder / "pmom.toml"
    config.write_text(
        f'connections = ["portal.toml", "org.toml"]\n[web]\nport = {port}\n'
        f'public_url = "http://127.0.0.1:{port}"\n[jobs]\ndir = "jobs"\n',
        encoding="utf-8",
    )
    return config


def made_companies(portal: Any, names: list[str]) -> list[str]:
    headers = {"Authorization": f"Bearer {portal.told['access_token']}"}
    ids = []
    for start in range(0, len(names), 100):
        inputs = [{"properties": {"name": name}} for name in names[start : start + 100]]
        answer = requests.post(
            f"{portal.url}/crm/v3/objects/companies/batch/create",
            json={"inputs": inputs},
            headers=headers,
            timeout=30,
        )
        assert answer.status_code == 201, answer.text
        ids += [each["id"] for each in answer.json()["results"]]
    return ids


def org_call(org: Any, token: str, method: str, path: str, body: object) -> Any:
    answer = requests.request(
        method,
        f"{org.url}/services/data/v67.0{path}",
        json=body,
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.content else None


def signed_in(org: Any) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": org.told["client_id"],
        "client_secret": org.told["client_secret"],
    }
    return str(requests.post(f"{org.url}/services/oauth2/token", data=form, timeout=30).json()["access_token"])


def test_events_of_both_crms_arrive_once_though_delivered_twice_and_after_a_kill(
    tmp_path: Path, emulated: Callable[..., Any], make_process: Callable[..., Any], free_port: Callable[[], int]
) -> None:
    portal, org = emulated("hubspot", "--lag", "0", "--no-limits"), emulated("salesforce")
    port, token = free_port(), signed_in(org)
    organization = org_call(org, token, "GET", "/query?q=SELECT+Id+FROM+Organization", None)["records"][0]["Id"]
    config = deployment(tmp_path, port, portal.told, {"organization": organization})
    web = make_process(config)
    portal.control("webhooks", {"target_url": f"{web.url}/hooks/hubspot/hubspot", "duplicates": 0.5, "reorder": True})
    portal.control("subscribe", {"type": "company.creation"})
    portal.control("subscribe", {"type": "company.propertyChange", "property": "name"})
    org.control(
        "outbound_messages",
        {"object": "Account", "fields": ["Name"], "endpoint": f"{web.url}/hooks/salesforce/salesforce/{'x' * 40}"},
    )
    org.control("outbound_messages", {"duplicates": 0.5, "reorder": True})
    by_us = made_companies(portal, [f"Company {number}" for number in range(COMPANIES)])
    assert portal.control("deliver", {"seconds": 60}) == {"idle": True}
    assert portal.control("webhooks", method="GET")["waiting"] == 0
    assert web.rows("hubspot") == ()  # the app that wrote them is ours: the events say so

    edited = by_us[:40]
    for number, company in enumerate(edited):
        change = {"object": "companies", "id": company, "properties": {"name": f"Another {number}"}}
        portal.control("edit", change)
    accounts = [org_call(org, token, "POST", "/sobjects/Account", {"Name": f"A {n}"})["id"] for n in range(40)]
    for crm in (portal, org):
        assert crm.control("deliver", {"seconds": 60}) == {"idle": True}
    assert web.end(signal.SIGKILL) == -signal.SIGKILL
    held = web.rows("hubspot")
    assert sorted(each.hint.record_id for each in held) == sorted(edited)
    assert {(each.hint.object, each.hint.happened, each.hint.property) for each in held} == {
        ("companies", Happened.CHANGED, "name")
    }
    assert sorted(each.hint.record_id for each in web.rows("salesforce")) == sorted(accounts)
    posted = portal.control("deliveries", method="GET")["deliveries"]
    assert sum(each["objectId"] in set(map(int, edited)) for post in posted for each in post["events"]) > 2 * 40
    sent = org.control("deliveries", method="GET")["deliveries"]
    assert all(post["acknowledged"] for post in sent)
    assert sum(len(post["notifications"]) for post in sent) > 40
