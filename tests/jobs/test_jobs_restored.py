"""A queue that a restore put back beside other databases does nothing that is gone, and loses nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector.errors import CUT_OFF, Misconfigured
from connector.hooks.hint import Happened, Hint, Sender
from jobs.orders import By, Kind, Order
from jobs.queue import Queue, launch
from jobs.watch import Watch

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


def test_a_queue_whose_restore_was_cut_off_is_not_opened(tmp_path: Path) -> None:
    file = tmp_path / "dbos.sqlite"
    file.with_name(file.name + CUT_OFF).touch()
    with pytest.raises(Misconfigured, match="a restore was cut off"):
        Queue.open(f"sqlite:///{file}")
    with pytest.raises(Misconfigured, match="a restore was cut off"):
        launch(f"sqlite:///{file}", "w1", lambda job, said: {}, at_once=1)
    assert not file.exists()


def test_hints_of_an_older_inbox_are_read_though_a_newer_queue_knows_a_drain_of_their_number(yard: Any) -> None:
    """The inbox counts from an earlier number again: a drain of that number was done before the restore."""
    before = yard.queue.put(Order(Kind.DRAIN, "east", By.HINTS, "1"))
    yard.queue.cancel(before)  # it ended, as far as the queue knows
    yard.fleet.inbox().record([("east", Hint(Sender.EVENTS, "deals", "1", Happened.CHANGED, "k"))], NOON)
    watch = Watch(yard.fleet, yard.queue, frozenset({"east"}))
    assert watch.look() == ("drain:east:1~2",)
