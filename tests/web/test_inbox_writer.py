"""Group commit: many posts, few transactions, answers only for what is durable, and nobody suffers for a bad one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from connector.errors import Busy, Unkept
from connector.hooks.hint import Happened, Hint, Sender
from connector.web.inbox_writer import ONE_TRANSACTION, Addressed, InboxWriter
from connector.web.tally import Tally

NOW = datetime(2026, 3, 31, 9, tzinfo=UTC)


def hints(*numbers: int) -> list[Addressed]:
    return [("emea", Hint(Sender.EVENTS, "Opportunity", str(n), Happened.CHANGED, f"k{n}")) for n in numbers]


class Disk:
    """Remembers transactions; the first one waits until it is let go, and some records cannot be written."""

    def __init__(self, *, hold: bool = False, poison: str = "", error: Exception | None = None) -> None:
        self.transactions: list[list[str]] = []
        self.free = threading.Event()
        self.begun = threading.Event()
        self._poison, self._error = poison, error
        if not hold:
            self.free.set()

    def record(self, items: Sequence[Addressed], at: datetime) -> int:
        assert at == NOW
        self.begun.set()
        assert self.free.wait(10)
        ids = [hint.record_id for _, hint in items]
        if self._error is not None:
            raise self._error
        if self._poison in ids:
            raise ValueError("no database takes this")
        self.transactions.append(ids)
        return len(ids)


@contextmanager
def writing(disk: Disk, **options: float) -> Iterator[InboxWriter]:
    writer = InboxWriter(disk.record, lambda: NOW, **options)  # type: ignore[arg-type]
    try:
        yield writer
    finally:
        disk.free.set()
        writer.stop()


def posted(writer: InboxWriter, *numbers: int) -> tuple[threading.Thread, list[object]]:
    """A post in a thread of its own, and what came of it."""
    came: list[object] = []

    def post() -> None:
        try:
            writer.keep(hints(*numbers))
            came.append("kept")
        except (Unkept, Busy) as error:
            came.append(error)

    thread = threading.Thread(target=post)
    thread.start()
    return thread, came


def wait_until_waiting(writer: InboxWriter, count: int) -> None:
    until = time.monotonic() + 10
    while writer.waiting() < count and time.monotonic() < until:
        time.sleep(0.001)
    assert writer.waiting() == count


def test_all_posts_that_wait_share_one_transaction() -> None:
    disk = Disk(hold=True)
    with writing(disk) as writer:
        first = posted(writer, 0)
        assert disk.begun.wait(10)
        others = [posted(writer, n) for n in range(1, 20)]
        wait_until_waiting(writer, 19)
        disk.free.set()
        for thread, came in (first, *others):
            thread.join(10)
            assert came == ["kept"]
    assert [sorted(map(int, each)) for each in disk.transactions] == [[0], list(range(1, 20))]


def test_nothing_is_answered_before_it_is_durable() -> None:
    disk = Disk(hold=True)
    with writing(disk) as writer:
        thread, came = posted(writer, 1)
        assert disk.begun.wait(10)
        time.sleep(0.05)
        assert came == []
        disk.free.set()
        thread.join(10)
        assert came == ["kept"]


def test_a_bad_post_fails_alone() -> None:
    disk = Disk(hold=True, poison="2")
    with writing(disk) as writer:
        first = posted(writer, 0)
        assert disk.begun.wait(10)
        others = {n: posted(writer, n) for n in (1, 2, 3)}
        wait_until_waiting(writer, 3)
        disk.free.set()
        for thread, _ in (first, *others.values()):
            thread.join(10)
    assert [others[n][1] for n in (1, 3)] == [["kept"], ["kept"]]
    assert [type(error) for error in others[2][1]] == [Unkept]


@pytest.mark.parametrize("error", [Unkept("full"), Busy("locked")])
def test_a_disk_that_takes_nothing_fails_all_of_them_at_once(error: Exception) -> None:
    disk = Disk(hold=True, error=error)
    with writing(disk) as writer:
        posts = [posted(writer, n) for n in range(5)]
        disk.free.set()
        for thread, came in posts:
            thread.join(10)
            assert came == [error]


def test_patience_ends_and_what_nobody_waits_for_is_not_written() -> None:
    disk = Disk(hold=True)
    with writing(disk, patience=0.05) as writer:
        held, _ = posted(writer, 0)
        assert disk.begun.wait(10)
        with pytest.raises(Unkept, match="within"):
            writer.keep(hints(1))
        held.join(10)
        disk.free.set()
    assert disk.transactions == [["0"]]


def test_while_a_transaction_does_not_end_new_posts_are_refused_at_once_and_then_taken_again() -> None:
    disk = Disk(hold=True)
    with writing(disk, patience=10, stuck=0.05) as writer:
        thread, came = posted(writer, 0)
        assert disk.begun.wait(10)
        time.sleep(0.1)
        began = time.monotonic()
        with pytest.raises(Unkept, match="not been written for"):
            writer.keep(hints(1))
        assert time.monotonic() - began < 5
        disk.free.set()
        thread.join(10)
        assert came == ["kept"]
        writer.keep(hints(2))
    assert disk.transactions == [["0"], ["2"]]


def test_the_last_thread_does_not_wait_as_long_as_the_others() -> None:
    disk = Disk(hold=True)
    with writing(disk, patience=10, stuck=0.05, places=1) as writer:
        thread, came = posted(writer, 0)
        assert disk.begun.wait(10)
        began = time.monotonic()
        with pytest.raises(Unkept):
            writer.keep(hints(1))
        assert time.monotonic() - began < 5
        disk.free.set()
        thread.join(10)
        assert came == ["kept"]


def test_a_post_of_more_hints_than_a_transaction_takes_is_written_in_several() -> None:
    disk = Disk()
    with writing(disk) as writer:
        writer.keep(hints(*range(ONE_TRANSACTION * 2 + 1)))
    assert [len(each) for each in disk.transactions] == [ONE_TRANSACTION, ONE_TRANSACTION, 1]


def test_only_so_much_may_wait() -> None:
    disk = Disk(hold=True)
    with writing(disk, most=3) as writer:
        posts = [posted(writer, 0)]
        assert disk.begun.wait(10)
        posts += [posted(writer, 1, 2)]
        wait_until_waiting(writer, 2)
        with pytest.raises(Unkept, match="too much"):
            writer.keep(hints(3, 4))
        disk.free.set()
        for thread, came in posts:
            thread.join(10)
            assert came == ["kept"]


def test_stopping_writes_what_waits_and_refuses_the_rest() -> None:
    disk = Disk()
    writer = InboxWriter(disk.record, lambda: NOW)
    writer.keep(hints(1))
    writer.keep([])
    writer.stop()
    with pytest.raises(Unkept, match="ends"):
        writer.keep(hints(2))
    assert disk.transactions == [["1"]]


def test_counts_are_written_together_and_not_lost_when_they_cannot_be_written() -> None:
    wrote: list[tuple[str, str, int]] = []
    broken = [True]

    def count(connection: str, name: str, by: int) -> None:
        if broken[0] and name == "b":
            raise Unkept("full")
        wrote.append((connection, name, by))

    tally = Tally(count, every=3600)
    for _ in range(1000):
        tally.add("emea", "a")
    tally.add("emea", "b", 5)
    tally.add("emea", "c", 0)
    assert wrote == []
    tally.flush()
    assert wrote == [("emea", "a", 1000)]
    broken[0] = False
    tally.stop()
    assert wrote == [("emea", "a", 1000), ("emea", "b", 5)]


def test_counts_are_written_by_themselves_after_a_while() -> None:
    wrote = threading.Event()
    tally = Tally(lambda connection, name, by: wrote.set(), every=0.01)
    tally.add("emea", "a")
    assert wrote.wait(10)
    tally.stop()
