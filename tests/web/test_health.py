"""The health pages tell the truth and nothing that a stranger should not read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

import webhook_app
from connector.store.store import Store

SETTINGS = """[workspace]
dir = "workspace"
[salesforce]
instance_url = "https://acme.my.salesforce.com"
client_id = "id"
"""


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    (tmp_path / "config.toml").write_text(SETTINGS, encoding="utf-8")
    monkeypatch.setenv("PMOM_CONFIG", str(tmp_path / "config.toml"))
    return webhook_app.create_app().test_client()


def remember(tmp_path: Path, state: str, ended: datetime) -> None:
    (tmp_path / "workspace").mkdir(exist_ok=True)
    store = Store.open(tmp_path / "workspace" / "store.sqlite", "salesforce")
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
    remember(tmp_path, "done", datetime.now(UTC))
    assert client.get("/readyz").status_code == 200


def test_a_failed_latest_run_makes_it_not_ready(client: FlaskClient, tmp_path: Path) -> None:
    remember(tmp_path, "done", datetime.now(UTC))
    remember(tmp_path, "failed", datetime.now(UTC))
    assert client.get("/readyz").get_json()["trouble"] == "the latest run failed"


def test_a_good_run_of_last_week_is_not_enough(client: FlaskClient, tmp_path: Path) -> None:
    remember(tmp_path, "done", datetime.now(UTC) - timedelta(days=7))
    assert client.get("/readyz").status_code == 503


def test_broken_settings_are_not_shown_to_strangers(client: FlaskClient, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[salesforce]\nclient_secret = 'hush'\n", encoding="utf-8")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["trouble"] == "Misconfigured"
    assert "hush" not in answer.text
