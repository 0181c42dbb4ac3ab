"""A mirror is given back soon after the last job, and people's commands wait for it."""

from __future__ import annotations

import threading
from pathlib import Path
from time import monotonic, sleep

import pytest

from connector.errors import Busy
from connector.mirror import Lingering, Mirror, lingering

LIMIT = "500MB"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path / "mirror.duckdb"


def free(path: Path) -> bool:
    """Whether the file could be opened by a process of its own, which the database's lock on it shows."""
    import subprocess
    import sys

    code = "import sys, duckdb; duckdb.connect(sys.argv[1])"
    return subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=False).returncode == 0


def test_the_next_job_finds_the_mirror_as_it_was_left(here: Path) -> None:
    warm = Lingering()
    first = warm.taken(here, LIMIT)
    warm.left(linger=True)
    assert warm.taken(here, LIMIT) is first
    warm.close()


def test_without_lingering_it_is_given_back_at_once(here: Path) -> None:
    warm = Lingering()
    warm.taken(here, LIMIT)
    assert not free(here)
    warm.left(linger=False)
    assert free(here)


def test_it_is_given_back_when_no_job_comes(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "IDLE", 0.05)
    warm = Lingering()
    warm.taken(here, LIMIT)
    warm.left(linger=True)
    until = monotonic() + 30
    while not free(here) and monotonic() < until:
        sleep(0.05)
    assert free(here)


def test_jobs_that_follow_each_other_do_not_keep_it_for_ever(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "MOST", 0.0)
    warm = Lingering()
    first = warm.taken(here, LIMIT)
    warm.left(linger=True)
    assert warm.taken(here, LIMIT) is not first
    warm.close()


def test_a_file_that_was_put_in_its_place_is_another_mirror(here: Path, tmp_path: Path) -> None:
    warm = Lingering()
    first = warm.taken(here, LIMIT)
    warm.left(linger=True)
    Mirror.open(tmp_path / "other.duckdb").close()
    (tmp_path / "other.duckdb").replace(here)
    assert warm.taken(here, LIMIT) is not first
    warm.close()


def test_busy_is_said_only_after_the_patience(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    real = Mirror.open

    def busy_twice(path: Path, *, memory_limit: str) -> Mirror:
        asked.append(monotonic())
        if len(asked) < 3:
            raise Busy("in use")
        return real(path, memory_limit=memory_limit)

    monkeypatch.setattr(lingering.Mirror, "open", busy_twice)
    with pytest.raises(Busy):
        Lingering().taken(here, LIMIT)
    warm = Lingering()
    warm.taken(here, LIMIT, patience=30)
    assert len(asked) == 3
    warm.close()


def test_a_job_that_begins_while_the_idle_time_ends_keeps_its_mirror(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lingering, "IDLE", 0.0)
    warm = Lingering()
    for _ in range(20):
        mirror = warm.taken(here, LIMIT)
        assert mirror.query("SELECT 1 AS one").num_rows == 1
        warm.left(linger=True)
    warm.close()
    assert threading.active_count() < 20
