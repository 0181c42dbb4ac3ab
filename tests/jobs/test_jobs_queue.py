"""What the queue says, and what becomes of work in it that this version of pmom does not know."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from connector.config.settings import Log
from connector.errors import Misconfigured
from connector.web import log as logs
from jobs import requests
from jobs.orders import By, Kind, Order
from jobs.queue import QUEUE, VERSION, _quiet


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """What the configured chain writes; all is as before afterwards."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level, ours = root.handlers[:], root.level, logging.getLogger("pmom").level
    logs.configure(Log(level="info", format="json"), secrets=["opensesame-12"], stream=stream)
    _quiet()
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("pmom").setLevel(ours)
    structlog.reset_defaults()


def lines(said: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.getvalue().splitlines()]


SQL = "(sqlite3.OperationalError) database is locked\n[SQL: UPDATE t SET x=?]\n[parameters: ('ada@acme.invalid',)]"


def test_a_warning_of_the_queue_is_one_line(said: io.StringIO) -> None:
    logging.getLogger("dbos").warning("a queue went %s", "slow")
    [line] = lines(said)
    assert (line["event"], line["level"]) == ("a queue went slow", "warning")


@pytest.mark.parametrize(
    ("words", "event"),
    [
        (f"Exception in the queue: {SQL}", "Exception in the queue: (sqlite3.OperationalError) database is locked"),
        ("failed [SQL: SELECT 1] [parameters: ('x',)]", "failed"),
        (
            'Polling: Traceback (most recent call last):\n  File "x.py", line 1, in y\n    z()\n'
            f"sqlalchemy.exc.OperationalError: {SQL}\n",
            "Polling: sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) database is locked",
        ),
        ("x" * 10_000_000, "x" * 500),
        ("", ""),
    ],
)
def test_neither_sql_nor_its_parameters_are_said(said: io.StringIO, words: str, event: str) -> None:
    logging.getLogger("dbos").warning(words)
    assert [line["event"] for line in lines(said)] == [event]


def test_an_error_of_the_queue_says_why(said: io.StringIO) -> None:
    logging.getLogger("dbos").error("not recovered:", exc_info=ValueError(SQL))
    [line] = lines(said)
    assert (line["event"], line["level"], line["reason"]) == (
        "not recovered:",
        "error",
        "ValueError: (sqlite3.OperationalError) database is locked",
    )


def test_a_long_line_keeps_its_beginning_and_end_and_no_secret(said: io.StringIO) -> None:
    words = "begin " + "a" * 2_000_000 + " opensesame-12 " + "b." * 50_000 + " end ada@acme.invalid"
    structlog.get_logger().warning(words)
    [line] = lines(said)
    assert len(line["event"]) < 20_000
    assert line["event"].startswith("begin [")
    assert line["event"].endswith("characters left out] end [e-mail]")
    assert "opensesame" not in line["event"]


def foreign(yard: Any, name: str, order: Order, *said: Any) -> str:
    """Put work under another name, as another version or program does."""
    options = {
        "workflow_name": name,
        "queue_name": QUEUE,
        "workflow_id": order.id,
        "queue_partition_key": order.connection,
        "priority": 1,
        "app_version": VERSION,
    }
    yard.queue._client.enqueue(options, *said)
    return order.id


STRANGE = Order(Kind.OTHER, "east", By.SCHEDULE, "1")


@pytest.mark.slow
def test_work_of_another_name_ends_as_dead_and_holds_up_nobody(yard: Any) -> None:
    former = Order(Kind.SYNC, "west", By.SCHEDULE, "former")
    ids = [foreign(yard, "dance", STRANGE, 1, "two"), foreign(yard, "sync", former, former.as_json())]
    later = [yard.queue.put(Order(Kind.SYNC, name, By.SCHEDULE, "1")) for name in ("east", "west")]
    yard.start()
    yard.until(lambda: yard.ended([*later, former.id]))
    strange, known = (yard.queue.find(each) for each in ids)
    assert (strange.state, strange.reason) == ("dead", "this version of pmom knows no work called 'dance'")
    assert known.answer["state"] == "done"


def test_work_that_nobody_knows_is_seen_and_can_be_cancelled_and_not_retried(yard: Any) -> None:
    newer = Order(Kind.SYNC, "east", By.SCHEDULE, "2")
    ids = [foreign(yard, "dance", STRANGE), foreign(yard, "work", newer, {"kind": "dance", "by": "person"})]
    assert {(job.id, job.order.kind, job.order.connection) for job in yard.queue.jobs()} == {
        (each, Kind.OTHER, "east") for each in ids
    }
    assert yard.queue.active(Kind.SYNC, "east") == ()
    assert requests.cancel(yard.queue, yard.fleet, STRANGE.id).state == "cancelled"
    with pytest.raises(Misconfigured, match="knows no work called 'dance'"):
        requests.retry(yard.queue, STRANGE.id)
