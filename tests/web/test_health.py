"""The health pages tell the truth and nothing that a stranger should not read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

import webhook_app
from connector.config.deployment import Deployment
from connector.hooks.hint import Happened, Hint, Sender
from connector.store.store import Store

SETTINGS = """[workspace]
dir = "workspace"
[salesforce]
instance_url = "https://acme.my.salesforce.com"
client_id = "id"
"""
NOW = datetime(2026, 3, 31, 9, tzinfo=UTC)


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    (tmp_path / "config.toml").write_text(SETTINGS, encoding="utf-8")
    monkeypatch.setenv("PMOM_CONFIG", str(tmp_path / "config.toml"))
    app = webhook_app.create_app()
    yield app.test_client()
    app.extensions["pmom"].close()


def remember(folder: Path, state: str, ended: datetime, name: str = "salesforce") -> None:
    folder.mkdir(exist_ok=True)
    store = Store.open(folder / "store.sqlite", name)
    run = store.begin_run("sync", ended - timedelta(seconds=5))
    store.end_run(run, state, {}, ended)
    store.close()


def test_a_living_process_says_so(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {"status": "alive"}


def test_before_the_first_run_it_is_not_ready(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["trouble"] == "nothing was run yet"


def test_after_a_good_run_it_is_ready(client: FlaskClient, tmp_path: Path) -> None:
    remember(tmp_path / "workspace", "done", datetime.now(UTC))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()["status"]) == (200, "ready")


def test_a_failed_latest_run_makes_it_not_ready(client: FlaskClient, tmp_path: Path) -> None:
    remember(tmp_path / "workspace", "done", datetime.now(UTC))
    remember(tmp_path / "workspace", "failed", datetime.now(UTC))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()["trouble"]) == (503, "the latest run failed")


def test_a_good_run_of_last_week_is_not_enough(client: FlaskClient, tmp_path: Path) -> None:
    remember(tmp_path / "workspace", "done", datetime.now(UTC) - timedelta(days=7))
    assert client.get("/readyz").status_code == 503


def test_what_is_broken_is_not_shown_to_strangers(client: FlaskClient, tmp_path: Path) -> None:
    store = tmp_path / "workspace" / "store.sqlite"
    store.parent.mkdir(exist_ok=True)
    store.write_bytes(b"broken" * 5_000)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["trouble"] == "Misconfigured"
    assert "store.sqlite" not in answer.text


def test_asking_for_readiness_reads_no_settings_again(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Deployment, "load", lambda *_: pytest.fail("read again"))
    assert client.get("/readyz").status_code == 503


def test_doubled_slashes_are_no_address_and_the_host_is_never_repeated(client: FlaskClient) -> None:
    answer = client.post("/hooks//events/emea", headers={"Host": "evil.invalid"})
    assert (answer.status_code, "Location" in answer.headers, "evil" in answer.text) == (404, False, False)


@pytest.fixture
def both(make_site: Callable[..., Any], tmp_path: Path) -> Any:
    """A deployment of two connections, both synced a minute ago."""
    site = make_site()
    for name in ("emea", "portal"):
        remember(tmp_path / name, "done", NOW - timedelta(minutes=1), name)
    return site


def ready(site: Any) -> tuple[int, str, str | None, list[str]]:
    answer = site.client.get("/readyz")
    said = answer.get_json()
    return answer.status_code, said["status"], said["trouble"], [each["state"] for each in said["connections"]]


def test_a_deployment_is_ready_when_all_of_its_connections_are(both: Any) -> None:
    assert ready(both) == (200, "ready", None, ["active", "active"])


def test_a_connection_that_rests_makes_it_degraded_and_its_reason_is_not_for_strangers(both: Any) -> None:
    both.served.fleet.pause("portal", "the token in /run/secrets/x was revoked", NOW)
    assert ready(both) == (200, "degraded", "paused", ["active", "paused"])
    assert "revoked" not in both.client.get("/readyz").text


def test_one_connection_in_trouble_is_degraded_and_all_of_them_are_not_ready(both: Any, tmp_path: Path) -> None:
    remember(tmp_path / "emea", "failed", NOW, "emea")
    assert ready(both) == (200, "degraded", "the latest run failed", ["in trouble", "active"])
    remember(tmp_path / "portal", "failed", NOW, "portal")
    assert ready(both) == (503, "not ready", "the latest run failed", ["in trouble", "in trouble"])


def test_a_silent_worker_is_told_and_hints_without_a_worker_are(both: Any) -> None:
    fleet = both.served.fleet
    fleet.inbox().record([("emea", Hint(Sender.EVENTS, "Account", "1", Happened.CHANGED, "k"))], NOW)
    assert ready(both)[1:3] == ("degraded", "hints wait and no worker is alive")
    fleet.beat("worker-1", NOW)
    assert ready(both)[1:3] == ("ready", None)
    both.at[0] = NOW + timedelta(seconds=31)
    assert ready(both)[1:3] == ("degraded", "a worker fell silent")
    assert both.client.get("/readyz").get_json()["connections"][0]["waiting"] == 1
