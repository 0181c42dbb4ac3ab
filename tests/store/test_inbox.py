"""Every hint is kept once, is read until it is marked, and is counted for good: on SQLite as on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from connector.errors import Unkept
from connector.hooks.hint import Happened, Hint, Sender
from connector.store import engine as databases
from connector.store.inbox import Inbox, Waiting, ids_of

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def inbox(where: str) -> Iterator[Inbox]:
    opened = Inbox.open(where)
    yield opened
    opened.close()


def hint(number: int, *, sender: Sender = Sender.HUBSPOT, record: str = "7") -> Hint:
    return Hint(sender, "deals", record, Happened.CHANGED, f"news-{number}", NOON, "amount", "app:1")


def counted(inbox: Inbox) -> dict[tuple[str, str, str], int]:
    return {(each.connection, each.sender.value, each.state): each.count for each in inbox.counts()}


def test_a_hint_comes_back_as_it_was_told(inbox: Inbox) -> None:
    whole = hint(1)
    bare = Hint(Sender.OUTBOUND, "Opportunity", "006", Happened.DELETED, "n1")
    assert inbox.record([("emea", whole), ("emea", bare)], NOON) == 2
    held = inbox.take("emea", 10**9)
    assert sorted((each.hint.sender, each.hint, each.received_at) for each in held) == [
        (Sender.HUBSPOT, whole, NOON),
        (Sender.OUTBOUND, bare, NOON),
    ]


def test_the_same_news_is_kept_once_for_each_connection_and_sender(inbox: Inbox) -> None:
    told = [("emea", hint(1)), ("emea", hint(1)), ("apac", hint(1)), ("emea", hint(1, sender=Sender.EVENTS))]
    assert inbox.record(told, NOON) == 3
    assert inbox.record(told, NOON + SECOND) == 0
    assert inbox.record([], NOON) == 0
    assert counted(inbox) == {
        ("emea", "hubspot", "received"): 1,
        ("emea", "hubspot", "duplicate"): 3,
        ("apac", "hubspot", "received"): 1,
        ("apac", "hubspot", "duplicate"): 1,
        ("emea", "events", "received"): 1,
        ("emea", "events", "duplicate"): 1,
    }


def test_news_that_was_dealt_with_is_no_news_when_it_comes_again(inbox: Inbox) -> None:
    inbox.record([("emea", hint(1))], NOON)
    inbox.done(ids_of(inbox.take("emea", 10**9)), NOON)
    assert inbox.record([("emea", hint(1))], NOON + SECOND) == 0
    assert inbox.waiting() == ()


def test_what_waits_is_told_by_connection(inbox: Inbox) -> None:
    inbox.record([("emea", hint(1))], NOON)
    inbox.record([("emea", hint(2)), ("apac", hint(1))], NOON + SECOND)
    highest = {each.connection: each.highest for each in inbox.waiting()}
    assert inbox.waiting() == (
        Waiting("apac", 1, NOON + SECOND, NOON + SECOND, highest["apac"]),
        Waiting("emea", 2, NOON, NOON + SECOND, highest["emea"]),
    )


def test_taken_hints_are_the_oldest_up_to_an_id_and_stay_until_marked(inbox: Inbox) -> None:
    for number in range(5):
        inbox.record([("emea", hint(number))], NOON + number * SECOND)
    ids = ids_of(inbox.take("emea", 10**9))
    assert ids == tuple(sorted(ids))
    assert ids_of(inbox.take("emea", ids[2])) == ids[:3]
    assert ids_of(inbox.take("emea", 10**9, limit=2)) == ids[:2]
    assert inbox.take("apac", 10**9) == ()
    inbox.done(ids[:2], NOON)
    assert ids_of(inbox.take("emea", 10**9)) == ids[2:]


def test_a_mark_is_made_and_counted_once(inbox: Inbox) -> None:
    inbox.record([("emea", hint(number)) for number in range(3)], NOON)
    ids = ids_of(inbox.take("emea", 10**9))
    inbox.done(ids[:2], NOON, how="echo")
    inbox.done(ids, NOON + SECOND)
    inbox.done(ids, NOON + SECOND)
    inbox.done([], NOON)
    found = counted(inbox)
    assert (found["emea", "hubspot", "echo"], found["emea", "hubspot", "read"]) == (2, 1)


def test_only_what_was_dealt_with_long_ago_is_forgotten(inbox: Inbox) -> None:
    inbox.record([("emea", hint(number)) for number in range(3)], NOON)
    ids = ids_of(inbox.take("emea", 10**9))
    inbox.done(ids[:1], NOON)
    inbox.done(ids[1:2], NOON + SECOND)
    assert inbox.forget(NOON) == 0
    assert inbox.forget(NOON + SECOND) == 1
    assert inbox.record([("emea", hint(1))], NOON) == 0  # still known
    assert ids_of(inbox.take("emea", 10**9)) == ids[2:]
    assert counted(inbox)["emea", "hubspot", "received"] == 3


def test_an_id_is_never_given_twice(inbox: Inbox) -> None:
    inbox.record([("emea", hint(1))], NOON)
    (first,) = inbox.take("emea", 10**9)
    inbox.done([first.id], NOON)
    assert inbox.forget(NOON + SECOND) == 1
    inbox.record([("emea", hint(2))], NOON)
    (second,) = inbox.take("emea", 10**9)
    assert second.id > first.id


def test_many_hints_are_one_transaction(inbox: Inbox) -> None:
    told = [("emea", hint(number)) for number in range(2_500)]
    assert inbox.record(told + told, NOON) == 2_500
    ids = ids_of(inbox.take("emea", 10**9))
    assert len(ids) == 2_500
    inbox.done(ids, NOON)
    assert inbox.waiting() == ()
    assert inbox.forget(NOON + SECOND) == 2_500


def test_a_hostile_message_spoils_nobody_elses(inbox: Inbox) -> None:
    odd = Hint(Sender.EVENTS, "a\x00b", "\ud800", Happened.CHANGED, "k" * 5_000, NOON, "p" * 100_000, "\x00")
    assert inbox.record([("emea", hint(1)), ("emea", odd), ("emea", odd)], NOON) == 2
    held = {each.hint.sender: each.hint for each in inbox.take("emea", 10**9)}
    assert (held[Sender.EVENTS].object, held[Sender.EVENTS].record_id) == ("a\ufffdb", "?")
    assert held[Sender.HUBSPOT] == hint(1)


def test_every_statement_holds_out_when_it_is_said_often(inbox: Inbox) -> None:
    for number in range(12):
        assert inbox.record([("emea", hint(number)), ("emea", hint(0))], NOON) == 1
        inbox.done(ids_of(inbox.take("emea", 10**9)), NOON)
        assert inbox.waiting() == ()
    assert inbox.forget(NOON + SECOND) == 12


def test_threads_share_an_inbox_and_lose_nothing(inbox: Inbox) -> None:
    def tell(offset: int) -> None:
        for number in range(20):
            inbox.record([("emea", hint(offset + number)), ("emea", hint(number))], NOON)

    threads = [threading.Thread(target=tell, args=(1_000 * each,)) for each in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(inbox.take("emea", 10**9)) == 80
    assert counted(inbox) == {("emea", "hubspot", "received"): 80, ("emea", "hubspot", "duplicate"): 80}


def test_a_reader_does_not_wait_for_a_writer(where: str, inbox: Inbox) -> None:
    inbox.record([("emea", hint(1))], NOON)
    other = databases.opened(where)
    with databases.writing(other) as held:
        held.execute(sa.text("DELETE FROM inbox"))
        assert len(inbox.waiting()) == 1
    other.dispose()
    assert inbox.waiting() == ()


def test_a_server_that_hangs_up_loses_one_call_and_the_next_one_works(database: str) -> None:
    inbox, other = Inbox.open(database), databases.opened(database)
    inbox.record([("emea", hint(0))], NOON)
    away = sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")

    @sa.event.listens_for(inbox._engine, "before_cursor_execute")
    def hang_up(held: sa.Connection, cursor: object, text: str, *rest: object) -> None:
        if text.startswith("INSERT INTO inbox "):
            with databases.writing(other) as admin:
                admin.execute(away)

    with pytest.raises(Unkept, match="Nothing of this step was kept"):
        inbox.record([("emea", hint(1))], NOON)
    sa.event.remove(inbox._engine, "before_cursor_execute", hang_up)
    assert inbox.record([("emea", hint(1))], NOON) == 1
    assert [each.hint for each in inbox.take("emea", 10**9)] == [hint(0), hint(1)]
    inbox.close()
    other.dispose()


def test_a_file_that_may_only_be_read_is_told(tmp_path: Path) -> None:
    with closing(Inbox.open(tmp_path / "fleet.sqlite")) as inbox:
        inbox.record([("emea", hint(0))], NOON)

        @sa.event.listens_for(inbox._engine, "begin", insert=True)
        def lock_up(held: sa.Connection) -> None:
            held.exec_driver_sql("PRAGMA query_only=ON")

        with pytest.raises(Unkept, match=r"fleet\.sqlite: attempt to write a readonly database"):
            inbox.record([("emea", hint(1))], NOON)


def test_a_disk_that_is_full_is_told_and_nothing_is_half_kept(tmp_path: Path) -> None:
    inbox = Inbox.open(tmp_path / "fleet.sqlite")
    inbox.record([("emea", hint(0))], NOON)

    @sa.event.listens_for(inbox._engine, "begin", insert=True)
    def fill(held: sa.Connection) -> None:
        held.exec_driver_sql(f"PRAGMA max_page_count={held.exec_driver_sql('PRAGMA page_count').scalar()}")

    with pytest.raises(Unkept, match=r"fleet\.sqlite: database or disk is full"):
        inbox.record([("emea", hint(number)) for number in range(1, 2_000)], NOON)
    assert [each.hint for each in inbox.take("emea", 10**9)] == [hint(0)]
    inbox.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "fleet.sqlite"


def test_nothing_is_kept_in_a_file_that_was_deleted(file: Path) -> None:
    with closing(Inbox.open(file)) as inbox:
        inbox.record([("emea", hint(1))], NOON)
        for each in file.parent.glob("fleet.sqlite*"):
            each.unlink()
        for _ in range(2):
            with pytest.raises(Unkept, match=r"fleet\.sqlite: the file is gone"):
                inbox.record([("emea", hint(2))], NOON)
        assert not file.exists()


def test_a_file_that_was_put_in_its_place_is_the_one_that_is_written(file: Path) -> None:
    other = file.with_name("other.sqlite")
    with closing(Inbox.open(other)) as inbox:
        inbox.record([("emea", hint(7))], NOON)
    with closing(Inbox.open(file)) as inbox:
        inbox.record([("emea", hint(1))], NOON)
        for each in file.parent.glob("fleet.sqlite*"):
            each.unlink()
        other.rename(file)
        inbox.record([("emea", hint(2))], NOON)
        assert [each.hint.key for each in inbox.take("emea", 10**9)] == ["news-7", "news-2"]
    with closing(Inbox.open(file)) as inbox:
        assert [each.hint.key for each in inbox.take("emea", 10**9)] == ["news-7", "news-2"]


def test_a_file_that_is_replaced_amid_a_transaction_is_told(file: Path) -> None:
    with closing(Inbox.open(file)), closing(Inbox.open(file.with_name("other.sqlite"))):
        engine = databases.opened(file)
        with pytest.raises(Unkept, match="replaced while it was written"), databases.writing(engine):
            file.with_name("other.sqlite").rename(file)
        engine.dispose()
