"""The scheduler fires one sync at a time, and a sync that cannot run is left to the next slot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jobs.__main__ import main
from jobs.scheduler import scheduler, sync_once

SETTINGS = """[workspace]
dir = "workspace"
[salesforce]
instance_url = "https://127.0.0.1:9"
client_id = "id"
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PMOM_SALESFORCE__CLIENT_SECRET", "hush")
    (tmp_path / "config.toml").write_text(SETTINGS, encoding="utf-8")
    return tmp_path / "config.toml"


def test_a_slot_is_made_up_for_once_and_never_runs_beside_itself(config: Path) -> None:
    job = scheduler(config, minutes=15).get_jobs()[0]
    assert (job.coalesce, job.max_instances, job.misfire_grace_time) == (True, 1, 3600)
    assert job.trigger.interval.total_seconds() == 900


def test_a_workspace_in_use_is_left_alone(config: Path, tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from connector.mirror import Mirror; from pathlib import Path\n"
            f"m = Mirror.open(Path({str(tmp_path / 'workspace' / 'mirror.duckdb')!r})); print('held', flush=True)\n"
            "sys.stdin.read()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    try:
        assert sync_once(config) is False
    finally:
        holder.communicate()


def test_an_unreachable_org_is_a_failed_slot_and_no_crash(
    config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config.write_text("[salesforce]\nclient_id = 3\n", encoding="utf-8")
    with pytest.raises(SystemExit) as exit_:
        main(["--config", str(config), "--once"])
    assert exit_.value.code == 1
    assert "hush" not in capsys.readouterr().out


def test_nonsense_intervals_are_refused() -> None:
    with pytest.raises(SystemExit):
        main(["--every", "0"])
