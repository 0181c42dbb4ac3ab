"""How do many posts become durable at the price of one? One thread writes all that wait in one transaction.

A post is answered after its transaction, so that whoever sent it may forget it. While the disk is slow, more posts
wait for the next transaction and each transaction carries more: the rate grows instead of the queue.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from time import monotonic

from connector.errors import PmomError, Unkept
from connector.hooks.hint import Hint

Addressed = tuple[str, Hint]
"""A connection's name, and what it was told."""
Record = Callable[[Sequence[Addressed], datetime], int]
"""`Inbox.record`."""

PATIENCE = 4.0  # seconds; HubSpot gives a post up after five
MOST = 50_000  # hints that may wait: more are refused before memory is
ONE_TRANSACTION = 5_000  # hints
STUCK = 1.0  # seconds of one transaction after which new posts are refused at once: threads stay free for others


class _Post:
    """What one post wants to be kept."""

    __slots__ = ("done", "error", "given_up", "items")

    def __init__(self, items: Sequence[Addressed]) -> None:
        self.items = items
        self.done = threading.Event()
        self.error: Exception | None = None
        self.given_up = False


class InboxWriter:
    """The one writer of a process; its thread begins with the first post and ends with `stop`."""

    def __init__(
        self,
        record: Record,
        clock: Callable[[], datetime],
        *,
        patience: float = PATIENCE,
        most: int = MOST,
        stuck: float = STUCK,
        places: int | None = None,
    ) -> None:
        """`places`: so many posts may wait for `patience` seconds; those beyond them only until the writer is stuck.

        With one place fewer than there are threads, a thread is free again for other requests after that time.
        """
        self._record, self._clock = record, clock
        self._patience, self._most, self._stuck = patience, most, stuck
        self._places = most if places is None else places
        self._posted = 0  # posts whose senders wait
        self._begun: float | None = None  # when the transaction under way began, by the monotonic clock
        self._news = threading.Condition()
        self._posts: list[_Post] = []
        self._waiting = 0
        self._thread: threading.Thread | None = None
        self._stopped = False

    def keep(self, items: Sequence[Addressed]) -> None:
        """Return when the hints are durable; Unkept (or Busy) when they are not, and the sender must try again."""
        until = monotonic() + self._patience
        for start in range(0, len(items), ONE_TRANSACTION):  # so that others get their turn between
            self._keep(items[start : start + ONE_TRANSACTION], until)

    def _keep(self, items: Sequence[Addressed], until: float) -> None:
        post = _Post(items)
        patience = max(0.0, until - monotonic())
        if self._add(post) > self._places:
            patience = min(patience, self._stuck)
        kept = post.done.wait(patience)
        with self._news:
            self._posted -= 1
        if not kept:
            post.given_up = True
            raise Unkept(f"the inbox was not written within {patience:g} seconds")
        if post.error is not None:
            raise post.error if isinstance(post.error, PmomError) else Unkept("the inbox cannot be written")

    def waiting(self) -> int:
        """How many hints wait for their transaction."""
        with self._news:
            return self._waiting

    def stop(self) -> None:
        """Write what waits, and end the thread; later posts are refused."""
        with self._news:
            self._stopped = True
            self._news.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout=10)

    def _add(self, post: _Post) -> int:
        """Let it wait for its transaction; how many posts wait now."""
        with self._news:
            if self._stopped or self._waiting + len(post.items) > self._most:
                raise Unkept("the process ends" if self._stopped else "too much waits for the inbox")
            if self._begun is not None and monotonic() - self._begun > self._stuck:
                raise Unkept(f"the inbox has not been written for {self._stuck:g} seconds")
            self._posts.append(post)
            self._waiting += len(post.items)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="inbox")
                self._thread.start()
            self._posted += 1
            self._news.notify()
            return self._posted

    def _run(self) -> None:
        while True:
            with self._news:
                while not self._posts and not self._stopped:
                    self._news.wait()
                if not self._posts:
                    return
                posts = self._taken()
            self._write(posts)

    def _taken(self) -> list[_Post]:
        """The posts of the next transaction, oldest first; those that nobody waits for any more are left out."""
        posts: list[_Post] = []
        hints = 0
        while self._posts and (not posts or hints + len(self._posts[0].items) <= ONE_TRANSACTION):
            post = self._posts.pop(0)
            self._waiting -= len(post.items)
            if not post.given_up:
                posts.append(post)
                hints += len(post.items)
        return posts

    def _write(self, posts: Sequence[_Post]) -> None:
        error = self._tried([item for post in posts for item in post.items])
        if error is not None and len(posts) > 1 and not isinstance(error, PmomError):
            for post in posts:  # one of them holds what no database takes: the others shall not suffer for it
                self._end(post, self._tried(post.items))
            return
        for post in posts:
            self._end(post, error)

    def _tried(self, items: Sequence[Addressed]) -> Exception | None:
        try:
            if items:
                self._begun = monotonic()
                self._record(items, self._clock())
        except Exception as error:  # whatever it is, the sender must learn that nothing was kept
            return error
        finally:
            self._begun = None
        return None

    @staticmethod
    def _end(post: _Post, error: Exception | None) -> None:
        post.error = error
        post.done.set()
