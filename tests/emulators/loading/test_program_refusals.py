"""Options that make no sense, and files of somebody else, are told in one sentence before anything is done."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emulators.hubspot import program as portal_program
from emulators.loopback import layout, program
from emulators.salesforce import program as org_program

MAINS: dict[str, Callable[[list[str]], int]] = {"salesforce": org_program.main, "hubspot": portal_program.main}
Refusal = Callable[..., str]


@pytest.fixture(params=["salesforce", "hubspot"])
def crm(request: Any) -> str:
    return str(request.param)


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refusal:
    monkeypatch.setattr(program.signal, "signal", lambda *_: None)

    def refused(crm: str, *options: object) -> str:
        try:
            code = MAINS[crm](["--http", *map(str, options)])
        except SystemExit as over:
            code = over.code
        said = capsys.readouterr()
        assert (code, said.out) == (2, "")
        return said.err.splitlines()[0].removeprefix(f"emulators {crm}: ")

    return refused


@pytest.mark.parametrize("option", ["--ready-file", "--save-state"])
def test_files_that_cannot_be_written_are_told_at_the_start(
    refusal: Refusal, crm: str, option: str, tmp_path: Path
) -> None:
    assert refusal(crm, option, tmp_path / "no" / "file") == f"{option}: there is no folder {tmp_path}/no"
    assert refusal(crm, option, tmp_path) == f"{option}: {tmp_path} is a folder, not a file"
    assert refusal(crm, option, "/proc/file").startswith(f"{option}: nothing can be written into /proc")


def test_a_port_in_use_is_named(refusal: Refusal, crm: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refusal(crm, "--port", port) == f"--port {port} cannot be had: Address already in use"


@pytest.mark.parametrize("now", ["0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59Z", "4000-01-01T00:00:00Z"])
def test_a_clock_beyond_its_years_is_no_start(refusal: Refusal, crm: str, now: str) -> None:
    assert refusal(crm, "--now", now) in (
        f"'{now}' lies beyond all calendars",
        f"the clock goes from 1970 to 3999, not to {now[:4]}",
    )


@pytest.mark.parametrize(
    ("crm", "option", "value"),
    [
        ("salesforce", "--session-seconds", "0"),
        ("salesforce", "--session-seconds", "nan"),
        ("salesforce", "--session-seconds", "9" * 400),
        ("salesforce", "--daily-limit", "-1"),
        ("salesforce", "--daily-limit", "9" * 30),
        ("hubspot", "--portal-id", "-5"),
        ("hubspot", "--portal-id", "0"),
        ("hubspot", "--portal-id", "9" * 30),
        ("hubspot", "--currency", "<b>"),
        ("hubspot", "--currency", "EURO"),
        ("hubspot", "--lag", "5-1"),
        ("hubspot", "--lag", "9" * 400),
    ],
)
def test_numbers_that_mean_nothing_are_told_with_their_option(
    refusal: Refusal, crm: str, option: str, value: str
) -> None:
    told = refusal(crm, option, value)
    assert option in told
    assert repr(value) in told


def test_the_file_of_the_other_crm_is_left_alone(refusal: Refusal, tmp_path: Path) -> None:
    org, portal = tmp_path / "org.db", tmp_path / "portal.db"
    layout.claim(org, "salesforce")
    layout.claim(portal, "hubspot")
    before = org.read_bytes(), portal.read_bytes()
    assert refusal("hubspot", "--db", org) == f"{org} holds a Salesforce org, not a HubSpot portal"
    assert refusal("salesforce", "--db", portal) == f"{portal} holds a HubSpot portal, not a Salesforce org"
    assert (org.read_bytes(), portal.read_bytes()) == before


def test_a_file_of_something_else_is_left_alone(refusal: Refusal, crm: str, tmp_path: Path) -> None:
    path = tmp_path / "diary.db"
    with contextlib.closing(sqlite3.connect(path)) as diary:
        diary.execute("CREATE TABLE state (day TEXT)")
        diary.commit()
    before = path.read_bytes()
    assert refusal(crm, "--db", path).startswith(f"{path} holds something else, not a ")
    assert path.read_bytes() == before


def test_a_file_of_a_newer_version_is_left_alone(refusal: Refusal, crm: str, tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    layout.claim(path, crm)
    with contextlib.closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version = {layout.LAYOUT + 1}")
    told = refusal(crm, "--db", path)
    assert (
        told == f"{path} was written by a newer version (layout {layout.LAYOUT + 1}; this one knows {layout.LAYOUT})"
    )


@pytest.mark.parametrize(("crm", "table"), [("salesforce", "e_state"), ("hubspot", "state")])
def test_a_file_from_before_files_were_marked_is_taken(crm: str, table: str, tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    with contextlib.closing(sqlite3.connect(path)) as old:
        old.execute(f"CREATE TABLE {table} (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
    layout.claim(path, crm)
    layout.claim(path, crm)


def test_no_file_is_left_behind_by_a_state_that_is_none(refusal: Refusal, crm: str, tmp_path: Path) -> None:
    (tmp_path / "junk").write_bytes(b"junk")
    told = refusal(crm, "--state", tmp_path / "junk", "--db", tmp_path / "crm.db")
    assert told == "--state: junk is not taken: it is not a saved state"
    assert [each.name for each in tmp_path.iterdir()] == ["junk"]
