"""A full pull shows nothing until it is finished, survives a crash, and replaces exactly its own source's rows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connector.errors import Busy, Misconfigured
from connector.mirror import Mirror, SourceState

Rows = Callable[..., pa.Table]
Stamp = Callable[[int], Any]


def ids(mirror: Mirror, table: str) -> list[str]:
    return [row["id"] for row in mirror.query(f'SELECT id FROM "{table}" ORDER BY id').to_pylist()]


def test_staged_rows_are_not_seen_until_the_pull_is_finished(mirror: Mirror, rows: Rows) -> None:
    mirror.append("users", "a", rows("users", {"id": "1"}))
    assert (ids(mirror, "users"), mirror.staged("users", "a")) == ([], 1)
    mirror.finish_full("users", "a")
    assert (ids(mirror, "users"), mirror.staged("users", "a")) == (["1"], 0)


def test_a_full_pull_replaces_only_its_own_sources_rows(mirror: Mirror, rows: Rows) -> None:
    link = {"opportunity_id": "o", "partner_id": "p"}
    for source, id_ in (("field", "1"), ("role", "2"), ("field", "3")):
        mirror.begin_full("partner_links", source)
        mirror.append("partner_links", source, rows("partner_links", {"id": id_, **link}))
        mirror.finish_full("partner_links", source)
    found = mirror.query("SELECT id, _source FROM partner_links ORDER BY id").to_pylist()
    assert found == [{"id": "2", "_source": "role"}, {"id": "3", "_source": "field"}]
    assert mirror.feeds() == (("partner_links", "field"), ("partner_links", "role"))


def test_an_empty_pull_empties_its_source(mirror: Mirror, rows: Rows) -> None:
    mirror.upsert("users", "a", rows("users", {"id": "1"}))
    mirror.begin_full("users", "a")
    mirror.finish_full("users", "a")
    assert ids(mirror, "users") == []


def test_beginning_anew_drops_what_was_staged(mirror: Mirror, rows: Rows) -> None:
    mirror.append("users", "a", rows("users", {"id": "1"}), token="t1")
    mirror.begin_full("users", "a")
    assert (mirror.staged("users", "a"), mirror.staged_token("users", "a")) == (0, None)


def test_a_row_that_came_twice_is_kept_once_and_the_newest_stays(mirror: Mirror, rows: Rows, stamp: Stamp) -> None:
    mirror.append("users", "a", rows("users", {"id": "1", "name": "new", "modified_at": stamp(2)}))
    mirror.append("users", "a", rows("users", {"id": "1", "name": "old", "modified_at": stamp(1)}))
    mirror.finish_full("users", "a")
    assert mirror.query("SELECT id, name FROM users").to_pylist() == [{"id": "1", "name": "new"}]


def test_a_page_with_an_unknown_column_or_without_an_id_is_refused(mirror: Mirror) -> None:
    with pytest.raises(ValueError, match="users has no column shoe_size"):
        mirror.append("users", "a", pa.table({"id": ["1"], "shoe_size": ["44"]}))
    with pytest.raises(ValueError, match="users: a row has no id"):
        mirror.append("users", "a", pa.table({"id": pa.array([None], pa.string())}))


_KILLED = """
import sys, os, signal
import pyarrow as pa
from connector.mirror import Mirror
mirror = Mirror.open(sys.argv[1])
mirror.upsert("users", "a", pa.table({"id": ["before"]}))
for page in range(3):
    mirror.append("users", "a", pa.table({"id": [f"{page}-{n}" for n in range(1000)]}), token=f"page {page}")
    if sys.argv[2] == "durable":
        assert mirror.staged("users", "a") == 1000 * (page + 1)
if sys.argv[2] == "finished":
    mirror.finish_full("users", "a")
os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(path: Path, when: str) -> None:
    done = subprocess.run([sys.executable, "-c", _KILLED, str(path), when], check=False, env=os.environ)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.kill
def test_a_killed_pull_goes_on_after_its_last_stored_page(path: Path) -> None:
    killed(path, "durable")
    with Mirror.open(path) as mirror:
        assert (mirror.staged("users", "a"), mirror.staged_token("users", "a")) == (3000, "page 2")
        assert ids(mirror, "users") == ["before"]
        mirror.append("users", "a", pa.table({"id": ["last"]}), token="page 3")
        mirror.finish_full("users", "a")
        assert len(ids(mirror, "users")) == 3001


@pytest.mark.slow
@pytest.mark.kill
def test_pages_that_were_only_gathered_are_asked_for_again(path: Path) -> None:
    killed(path, "gathered")
    with Mirror.open(path) as mirror:
        assert (mirror.staged("users", "a"), mirror.staged_token("users", "a")) == (0, None)
        assert ids(mirror, "users") == ["before"]


@pytest.mark.slow
@pytest.mark.kill
def test_a_pull_that_was_finished_before_the_kill_stays_finished(path: Path) -> None:
    killed(path, "finished")
    with Mirror.open(path) as mirror:
        assert (mirror.staged("users", "a"), len(ids(mirror, "users"))) == (0, 3000)


@pytest.mark.slow
def test_a_second_process_is_told_that_the_mirror_is_busy(path: Path) -> None:
    with Mirror.open(path):
        code = (
            "import sys; from connector.mirror import Mirror; from connector.errors import Busy\n"
            "try: Mirror.open(sys.argv[1])\n"
            "except Busy as error: print(error)"
        )
        done = subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True)
    assert done.stdout.startswith(f"{path}: another process has the mirror open.")
    assert Busy.exit_code == 7


def test_a_file_of_a_newer_program_is_not_touched(path: Path) -> None:
    with Mirror.open(path) as mirror:
        mirror.set_meta("schema_version", "99")
    with pytest.raises(Misconfigured, match="schema version 99"):
        Mirror.open(path)


def test_a_file_that_is_no_mirror_is_named(path: Path) -> None:
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(Misconfigured, match="cannot be opened as a mirror"):
        Mirror.open(path)


def test_an_older_files_missing_columns_are_added(path: Path, rows: Rows) -> None:
    with Mirror.open(path) as mirror:
        mirror.upsert("users", "a", rows("users", {"id": "1", "name": "n"}))
        mirror.run('ALTER TABLE stored_users_1 DROP COLUMN "manager_id"')
    with Mirror.open(path) as mirror:
        assert mirror.query("SELECT id, name, manager_id FROM users").to_pylist() == [
            {"id": "1", "name": "n", "manager_id": None}
        ]


def test_what_is_known_about_a_source_outlives_the_process(path: Path, stamp: Stamp) -> None:
    with Mirror.open(path) as mirror:
        mirror.set_source("quotes", False, "the org has no Quote object")
        mirror.set_source("users", True, read_until=stamp(3))
        mirror.set_source("users", True, read_until=stamp(4))
        mirror.set_meta("org", "one")
    with Mirror.open(path) as mirror:
        assert mirror.sources() == {
            "quotes": SourceState(False, "the org has no Quote object", None),
            "users": SourceState(True, "", stamp(4)),
        }
        assert (mirror.get_meta("org"), mirror.get_meta("nothing")) == ("one", None)
