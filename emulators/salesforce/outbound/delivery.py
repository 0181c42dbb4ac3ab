"""How outbound messages reach their endpoints: up to 100 notifications each, repeated for a day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from emulators.loopback.clock import parse_instant, stored
from emulators.loopback.outgoing import Sender, batches, post
from emulators.salesforce.oauth.login import Login
from emulators.salesforce.outbound import envelope as outbound_envelope
from emulators.salesforce.outbound import messages as outbound
from emulators.salesforce.outbound.messages import Message, Waiting, Wire

MOST_NOTIFICATIONS = 100  # of a message
GIVEN_UP_AFTER = timedelta(hours=24)
FIRST_GAP, LONGEST_GAP = timedelta(minutes=1), timedelta(hours=2)  # doubling; the vendor tells only the longest
_AT_ONCE = 5  # requests


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt; status 0: no answer."""

    at: str
    url: str
    message: int
    attempt: int
    status: int
    acknowledged: bool
    problem: str
    notifications: tuple[dict[str, str], ...]  # {"id", "record"}


class Deliveries(Sender):
    """Posts what waits. Its thread begins with the first notification and ends with `stop`."""

    def __init__(self, login: Login, base_url: Callable[[], str]) -> None:
        super().__init__("outbound messages", "acknowledged", "given_up", "dropped")
        self.org, self._login, self._base_url = login.org, login, base_url
        outbound.wake_with(self.org, self.wake)

    def pending(self) -> tuple[int, int]:
        """Notifications that wait, and those that are due."""
        return outbound.pending(self.org)

    def idle(self) -> bool:
        """Whether nothing is due, or deliveries are paused."""
        return outbound.wire(self.org).paused or self.pending()[1] == 0

    def release(self) -> None:
        """Close the thread's connection."""
        self.org.release()

    def begin(self) -> None:
        """Start as many posts as may run at once."""
        wire = outbound.wire(self.org)
        running, busy = self.flying()
        room = _AT_ONCE - running
        if wire.paused or room <= 0:
            return
        with self.org.transaction() as connection:  # notifications become visible when their writer is done
            found = outbound.due(self.org, connection, len(busy) + room * MOST_NOTIFICATIONS)
            known = {each.id: each for each in outbound.messages(self.org)}
        free = [each for each in found if each.seq not in busy]
        order = self.org.seed if wire.reorder else None
        for batch in batches(free, _together, MOST_NOTIFICATIONS, order)[:room]:
            numbers = tuple(each.seq for each in batch)
            self.launch(numbers, partial(self._deliver, known[batch[0].message], batch, wire))

    def _deliver(self, message: Message, batch: tuple[Waiting, ...], wire: Wire) -> None:
        at = self.org.clock.now()
        obj = self.org.schema.objects[message.object.lower()]
        rows = [(each, self.org.get(obj.name, each.record)) for each in batch]
        found = [(each, row) for each, row in rows if row is not None and not row.get("IsDeleted")]
        gone = [each for each, row in rows if row is None or row.get("IsDeleted")]
        if gone:
            with self.org.transaction() as connection:
                outbound.forget(connection, gone)
            self.count("dropped", len(gone))
        if not found:
            return
        session = self._login.issue(found[0][0].user_id) if message.include_session_id else ""
        sender = outbound_envelope.Sender(self.org.org_id, self._base_url())
        body = outbound_envelope.printed(sender, message, obj, found, session)
        answer = post(message.endpoint, body, outbound_envelope.HEADERS, wire.timeout)
        good = outbound_envelope.acknowledged(answer)
        sent = tuple(each for each, _ in found)
        self._settle(sent, good)
        told = tuple({"id": each.id, "record": each.record} for each in sent)
        attempt = batch[0].attempt
        self.note(
            Delivery(stored(at), message.endpoint, message.id, attempt, answer.status, good, answer.problem, told)
        )

    def _settle(self, batch: tuple[Waiting, ...], good: bool) -> None:
        """Acknowledged: gone. Otherwise once more after a while, unless it is a day old by then."""
        then = self.org.clock.now() + gap(batch[0].attempt)
        late = tuple(each for each in batch if not good and then > parse_instant(each.made) + GIVEN_UP_AFTER)
        over = batch if good else late
        with self.org.transaction() as connection:
            outbound.forget(connection, over)
            outbound.postpone(connection, [each for each in batch if each not in over], stored(then))
        self.count("acknowledged", len(batch) if good else 0)
        self.count("given_up", len(late))


def _together(each: Waiting) -> tuple[int, int, str]:
    """Notifications of the same message and attempt."""
    return each.message, each.attempt, each.object


def gap(attempt: int) -> timedelta:
    """From failed attempt 0, 1, ... to the next: 1, 2, 4 ... minutes, at most two hours."""
    return min(FIRST_GAP * (1 << min(attempt, 10)), LONGEST_GAP)
