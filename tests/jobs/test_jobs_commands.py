"""What a person types about jobs, and what is answered: as tables and as JSON, with the documented exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from connector.errors import Unkept
from jobs import requests
from jobs.command import main
from jobs.orders import By, Kind, Order
from jobs.queue import Queue
from jobs.worker import now

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(yard: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Types `pmom --config ... jobs WORDS`: exit code, what stood on stdout, what on stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pmom", "--config", str(yard.config), *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_work_that_is_asked_for_is_listed_and_shown(yard: Any, typed: Typed) -> None:
    code, out, _ = typed("--json", "jobs", "start", "sync", "east")
    [job] = json.loads(out)["started"]
    assert (code, job[:10]) == (0, "sync:east:")
    listed = json.loads(typed("--json", "jobs", "list")[1])
    assert [(each["id"], each["state"], each["by"]) for each in listed["jobs"]] == [(job, "waiting", "person")]
    assert [each["name"] for each in listed["connections"]] == ["east", "west", "north"]
    assert json.loads(typed("jobs", "show", job, "--json")[1])["job"]["kind"] == "sync"
    assert "waiting" in typed("jobs", "list")[1]
    assert "for person" in typed("jobs", "show", job)[1]


def test_without_a_connection_all_are_meant(typed: Typed) -> None:
    started = json.loads(typed("jobs", "start", "recalculate", "--json")[1])["started"]
    assert [each.split(":")[1] for each in started] == ["east", "west", "north"]


def test_a_running_job_tells_how_far_it_is(yard: Any, typed: Typed) -> None:
    from jobs import listing

    job = requests.start(yard.queue, Kind.SYNC, "east")
    running = {"job": job.id, "kind": "sync", "what": "reading deals", "done": 250, "total": 1000}
    yard.fleet.note("east", {"running": running}, now())
    found = json.loads(typed("jobs", "show", job.id, "--json")[1])["job"]
    assert found["progress"] == running
    from dataclasses import replace

    assert listing.told(replace(job, state="running"), running) == "reading deals: 250 of 1,000 (25 %)"


def test_cancelled_work_is_retried_by_name(yard: Any, typed: Typed) -> None:
    job = yard.queue.put(Order(Kind.SYNC, "east", By.SCHEDULE, "1"))
    assert typed("jobs", "cancel", job)[:2] == (0, f"Cancelled: {job}\n")
    assert json.loads(typed("jobs", "retry", job, "--json")[1])["job"] == f"{job}~2"
    assert typed("jobs", "retry", job)[0] == 3
    assert json.loads(typed("jobs", "list", "--state", "cancelled", "--json")[1])["jobs"][0]["retried"] is True


def test_a_connection_rests_with_its_reason_until_it_is_resumed(yard: Any, typed: Typed) -> None:
    assert typed("jobs", "pause", "east", "--reason", "we move house")[0] == 0
    assert "we move house" in typed("jobs", "list")[1]
    code, out, _ = typed("jobs", "resume", "east", "--json")
    assert (code, json.loads(out)["connection"]["state"]) == (0, "active")
    assert [job.order.kind for job in yard.queue.jobs(states=["waiting"])] == [Kind.SYNC]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("jobs", "show", "nope"), "there is no such job"),
        (("jobs", "start", "drain"), "a drain begins when there are hints"),
        (("jobs", "start", "sync", "south"), "there is no connection 'south'. There are: east, west, north."),
    ],
)
def test_what_is_not_there_is_named_with_what_to_do(typed: Typed, words: tuple[str, ...], told: str) -> None:
    code, _, err = typed(*words)
    assert code == 3
    assert told in " ".join(err.split())


def test_usage_errors_are_two(typed: Typed) -> None:
    assert typed("jobs", "start", "dance")[0] == 2
    assert typed("work", "--workers", "0")[0] == 2


def test_a_connection_that_a_person_paused_is_not_worked_on_before_it_is_resumed(yard: Any, typed: Typed) -> None:
    typed("jobs", "pause", "east", "--reason", "moving house")
    code, _, err = typed("jobs", "start", "sync", "east")
    assert code == 5
    assert "east rests until a person resumes it: moving house" in err
    typed("jobs", "resume", "east")
    assert typed("jobs", "start", "sync", "east")[0] == 0


@pytest.mark.parametrize("words", [("jobs", "list"), ("status",), ("work", "--once"), ("serve",)])
def test_a_server_that_is_away_ends_with_8_and_names_its_setting(
    yard: Any, typed: Typed, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PMOM_JOBS__DATABASE_PASSWORD", "hunter2")
    with yard.config.open("a") as file:
        file.write('database = "postgresql://pmom@127.0.0.1:1/pmom"\n')
    code, out, err = typed(*words)
    assert code == 8, err
    assert "[jobs] database: postgresql+psycopg://pmom:***@127.0.0.1:1/pmom cannot be reached" in " ".join(
        err.split()
    )
    assert "hunter2" not in out + err


def test_a_queue_whose_server_is_away_is_told_alike() -> None:
    with pytest.raises(Unkept, match=r"^\[jobs\] database: .* cannot be reached") as raised:
        Queue.open("postgresql+psycopg://pmom:hunter2@127.0.0.1:1/pmom")
    assert "hunter2" not in str(raised.value)


def test_an_id_is_never_broken_in_80_columns(yard: Any, typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    first = yard.queue.put(Order(Kind.SYNC, "east", By.HINTS, "after-recalculate:east:2026-11-23T22:27:01.123456Z~2"))
    yard.queue.mark(first, starts=1)
    out = typed("jobs", "list")[1]
    assert first in out
    assert "waiting" in out
    assert max(map(len, out.splitlines())) <= 80


def test_the_help_of_start_names_each_kind_in_one_piece(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = typed("jobs", "start", "--help")[1]
    assert "sync, recalculate, audit, retention or probe." in out
    assert "dit|" not in out


def test_work_that_is_none_is_wrong_usage(typed: Typed) -> None:
    code, _, err = typed("jobs", "start", "snc")
    assert (code, "There are: sync, recalculate, audit, retention, probe." in " ".join(err.split())) == (2, True)
