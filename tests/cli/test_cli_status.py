"""`pmom status` tells of every connection what the databases know, while others work with them."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.cli import app as commands
from connector.cli.status import Standing, age, standings, status_tables
from connector.config.deployment import Deployment
from connector.hooks.hint import Happened, Hint, Sender
from connector.mirror import Mirror
from connector.store.fleet import Fleet, Worker
from connector.store.store import Store

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    org = '[salesforce]\ninstance_url = "https://127.0.0.1:9"\nclient_id = "id"\n'
    (tmp_path / "emea.toml").write_text(f'name = "emea"\n[workspace]\ndir = "emea"\n{org}', encoding="utf-8")
    (tmp_path / "portal.toml").write_text(
        '[workspace]\ndir = "portal"\n[hubspot]\nportal_id = "48"\n', encoding="utf-8"
    )
    top = tmp_path / "config.toml"
    top.write_text('connections = ["emea.toml", "portal.toml"]\n[jobs]\ndir = "jobs"\n', encoding="utf-8")
    return top


def worked(config: Path) -> None:
    """One connection synced and has hints; the other rests; one worker lives and one is silent."""
    folder = config.parent
    (folder / "emea").mkdir()
    (folder / "jobs").mkdir()
    with closing(Store.open(folder / "emea" / "store.sqlite", "emea")) as store:
        run = store.begin_run("sync", NOON - 10 * MINUTE)
        store.end_run(run, "done", {"pulled": {"changed": 3}}, NOON - 9 * MINUTE)
        failed = store.begin_run("decide", NOON - 5 * MINUTE)
        store.end_run(failed, "failed", {"error": "Stale: plan again\nsecond line"}, NOON - 5 * MINUTE)
    with closing(Fleet.open(folder / "jobs" / "fleet.sqlite")) as fleet:
        told = Hint(Sender.EVENTS, "Opportunity", "006", Happened.CHANGED, "n1")
        fleet.inbox().record([("emea", told)], NOON - timedelta(seconds=4))
        fleet.pause("hubspot", "the token was revoked", NOON - 60 * MINUTE, NOON + 5 * MINUTE)
        fleet.note("emea", {"budget_used": 400, "budget_limit": 1000, "failures": 2, "jobs_dead": 1}, NOON)
        fleet.note("emea", {"running": {"kind": "sync", "what": "Pulling"}, "jobs_waiting": 3}, NOON)
        fleet.beat("w1", NOON)
        fleet.beat("w2", NOON - MINUTE)


def test_every_connection_is_told_while_its_mirror_is_open(config: Path) -> None:
    worked(config)
    with Mirror.open(config.parent / "emea" / "mirror.duckdb"):
        found, workers = standings(Deployment.load(config), NOON)
        size = (config.parent / "emea" / "mirror.duckdb").stat().st_size
    emea, portal = found
    assert emea == Standing(
        name="emea",
        crm="salesforce",
        state="active",
        last_run={
            "id": 2,
            "kind": "decide",
            "state": "failed",
            "started_at": NOON - 5 * MINUTE,
            "finished_at": NOON - 5 * MINUTE,
            "came_to": "Stale: plan again",
        },
        waiting=1,
        lag=4.0,
        mirror_age=540.0,
        mirror_bytes=size,
        budget_left=600,
        budget_limit=1000,
        failures=2,
        jobs_waiting=3,
        jobs_dead=1,
        running={"kind": "sync", "what": "Pulling"},
    )
    assert portal == Standing(
        name="hubspot",
        crm="hubspot",
        state="paused",
        reason="the token was revoked",
        since=NOON - 60 * MINUTE,
        retry_at=NOON + 5 * MINUTE,
    )
    assert [(each.name, each.alive) for each in workers] == [("w1", True), ("w2", False)]


def test_before_anything_was_run_nothing_is_made(config: Path) -> None:
    before = sorted(config.parent.rglob("*"))
    found, workers = standings(Deployment.load(config), NOON)
    assert found == (Standing("emea", "salesforce", "active"), Standing("hubspot", "hubspot", "active"))
    assert (workers, sorted(config.parent.rglob("*"))) == ((), before)


def test_a_store_that_cannot_be_read_is_told_beside_the_others(config: Path) -> None:
    worked(config)
    (config.parent / "emea" / "store.sqlite").write_bytes(b"broken" * 5_000)
    (emea, portal), _ = standings(Deployment.load(config), NOON)
    assert "store.sqlite: the store cannot be opened" in emea.trouble
    assert (emea.last_run, emea.waiting, portal.trouble) == (None, 1, "")


@pytest.mark.parametrize(("fetched", "age_"), [(3, 60.0), (0, 540.0)])
def test_the_crm_was_read_by_whatever_read_it_last(config: Path, fetched: int, age_: float) -> None:
    worked(config)
    with closing(Store.open(config.parent / "emea" / "store.sqlite", "emea")) as store:
        store.end_run(store.begin_run("hints", NOON - 2 * MINUTE), "done", {"fetched": fetched}, NOON - MINUTE)
    with Mirror.open(config.parent / "emea" / "mirror.duckdb"):
        pass
    assert standings(Deployment.load(config), NOON)[0][0].mirror_age == age_


def test_a_connection_whose_settings_cannot_be_read_rests_beside_the_others(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worked(config)
    (config.parent / "emea.toml").unlink()
    (portal, emea), _ = standings(Deployment.load(config, spare=True), NOON)
    assert (portal.name, emea.name, emea.state, emea.waiting) == ("hubspot", "emea", "paused", 1)
    code, text = run(config, monkeypatch, capsys, "status")
    assert code == 0
    assert "emea rests, until its settings can be read" in " ".join(text.split())
    assert run(config, monkeypatch, capsys, "backup", str(config.parent / "kept.zip"))[0] == 3


def run(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["pmom", "--config", str(config), *words])
    monkeypatch.setattr(commands.state, "config", config)
    monkeypatch.setattr(commands.state, "voice", type(commands.state.voice)())
    with pytest.raises(SystemExit) as ended:
        commands.main()
    return int(ended.value.code or 0), capsys.readouterr().out


def test_the_command_answers_people_and_programs(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worked(config)
    code, text = run(config, monkeypatch, capsys, "--json", "status")
    said: dict[str, Any] = json.loads(text)
    assert (code, [each["state"] for each in said["connections"]]) == (0, ["active", "paused"])
    assert [each["name"] for each in said["workers"]] == ["w1", "w2"]
    code, text = run(config, monkeypatch, capsys, "status")
    words = " ".join(text.split())
    assert code == 0
    assert "hubspot rests since 2026-03-31 11:00, tried again at 2026-03-31 12:05: the token was revoked" in words
    assert "emea: the last run failed: Stale: plan again" in words
    assert "emea: 2 failures in a row" in words
    assert "emea: 1 job set aside as dead; see `pmom jobs`" in words


def test_what_a_stranger_sent_is_shown_as_it_is() -> None:
    from rich.console import Console

    console = Console(width=100, record=True, force_terminal=False)
    console.print(
        status_tables(
            [Standing("emea", "hubspot", "paused", reason="[red]no\x1b[31m")], [Worker("[w]", NOON, {}, False)]
        )
    )
    shown = console.export_text()
    assert "[red]no" in shown
    assert "\x1b" not in shown
    assert "Silent: [w]" in shown


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (3_599, "60 min"), (3_600, "1 h"), (172_800, "2 d")],
)
def test_an_age_is_told_in_one_unit(seconds: float, told: str) -> None:
    assert age(seconds) == told


def test_backup_and_restore_are_commands(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worked(config)
    file = config.parent / "kept.zip"
    code, text = run(config, monkeypatch, capsys, "--json", "backup", str(file))
    made = json.loads(text)
    assert (code, [each["name"] for each in made["databases"]]) == (0, ["_jobs/fleet", "emea/store"])
    code, _ = run(config, monkeypatch, capsys, "restore", str(file))
    assert code == 3
    code, text = run(config, monkeypatch, capsys, "--json", "restore", str(file), "--force")
    restored = json.loads(text)
    assert (code, restored["databases"]) == (0, made["databases"])
    assert sorted(Path(each).name for each in restored["kept"]) == [
        "fleet.sqlite.before-restore",
        "store.sqlite.before-restore",
    ]
    (config.parent / "jobs" / "fleet.sqlite").unlink()
    file.write_bytes(file.read_bytes()[:-100])
    assert run(config, monkeypatch, capsys, "restore", str(file), "--force")[0] == 3
    assert not (config.parent / "jobs" / "fleet.sqlite").exists()
