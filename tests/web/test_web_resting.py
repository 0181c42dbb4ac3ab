"""One connection whose files are missing shuts its own doors only, and opens them when they are there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from connector.config.deployment import Deployment
from connector.errors import Misconfigured
from connector.web import application, tenants

SECRET = "e" * 32
HEADERS = {"X-PMOM-Secret": SECRET}
EVENT = {"object": "deals", "id": "1", "event_id": "n1"}


def deployed(folder: Path) -> Path:
    for name, secret in (("emea", SECRET), ("apac", "a" * 32)):
        (folder / f"{name}.secret").write_text(secret)
        (folder / f"{name}.toml").write_text(
            f'name = "{name}"\n[workspace]\ndir = "{name}"\n[hubspot]\nportal_id = "1"\n'
            f'[webhooks]\nevents_plain = true\nevents_secret_file = "{name}.secret"\n'
        )
    (folder / "pmom.toml").write_text('connections = ["emea.toml", "apac.toml"]\n[jobs]\ndir = "jobs"\n')
    return folder / "pmom.toml"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Serves a deployment without one connection's secret."""
    monkeypatch.setattr(tenants, "AGAIN", 0.0)
    config = deployed(tmp_path)
    (tmp_path / "emea.secret").unlink()
    with ExitStack() as stack:
        served = application.served(Deployment.load(config, spare=True))
        stack.callback(served.close)
        yield served.app.test_client()


def post(site: Any, name: str, secret: str) -> tuple[int, str | None]:
    answer = site.post(f"/hooks/events/{name}", json=EVENT, headers={"X-PMOM-Secret": secret})
    return answer.status_code, (answer.get_json() or {}).get("error")


def test_the_others_are_served_and_its_senders_are_to_try_again(site: Any, tmp_path: Path) -> None:
    assert post(site, "emea", SECRET) == (503, "resting")
    assert post(site, "apac", "a" * 32) == (200, None)
    assert post(site, "nobody", SECRET) == (404, "unknown")
    said = site.get("/readyz").get_json()
    assert [(each["name"], each["state"]) for each in said["connections"]] == [
        ("apac", "in trouble"),
        ("emea", "paused"),
    ]
    assert said["connections"][1]["trouble"] == "its settings cannot be read"
    assert "emea.secret" not in site.get("/readyz").text


def test_its_doors_open_when_the_file_is_there(site: Any, tmp_path: Path) -> None:
    (tmp_path / "emea.secret").write_text(SECRET)
    assert post(site, "emea", SECRET) == (200, None)
    assert [each["name"] for each in site.get("/readyz").get_json()["connections"]] == ["apac", "emea"]


def test_a_secret_that_another_connection_has_opens_no_door(site: Any, tmp_path: Path) -> None:
    (tmp_path / "emea.secret").write_text("a" * 32)
    assert post(site, "emea", "a" * 32) == (503, "resting")


def test_files_are_looked_for_at_most_once_in_a_while(tmp_path: Path) -> None:
    config = deployed(tmp_path)
    (tmp_path / "emea.secret").unlink()
    passed = [0.0]
    known = tenants.Tenants(Deployment.load(config, spare=True), lambda: passed[0])
    (tmp_path / "emea.secret").write_text(SECRET)
    assert known.rests("emea")
    passed[0] = tenants.AGAIN
    assert not known.rests("emea")
    assert sorted(known) == ["apac", "emea"]


def test_a_mapping_that_is_missing_or_a_weak_secret_shuts_one_connections_doors_only(tmp_path: Path) -> None:
    config = deployed(tmp_path)
    (tmp_path / "emea.secret").write_text("short")
    known = tenants.Tenants(Deployment.load(config, spare=True))
    assert ([*known], known.rests("emea"), known.rests("apac")) == (["apac"], True, False)
    (tmp_path / "apac.secret").write_text("short")
    with pytest.raises(Misconfigured, match="is shorter than 32"):
        tenants.Tenants(Deployment.load(config, spare=True))


def test_without_a_broken_connection_nothing_rests(tmp_path: Path) -> None:
    with closing(application.served(Deployment.load(deployed(tmp_path), spare=True))) as served:
        assert (sorted(served.desk.tenants), served.desk.rests("emea")) == (["apac", "emea"], False)
