"""How webhook events reach their receiver: batches, signatures, retries over 24 hours, and a log of every attempt."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from emulators.hubspot import webhook_events, webhook_signatures, webhooks
from emulators.hubspot.portal import Portal, epoch_ms
from emulators.hubspot.webhook_events import Waiting
from emulators.hubspot.webhooks import Wire
from emulators.loopback.clock import stored
from emulators.loopback.outgoing import Sender, batches, post

MAX_EVENTS = 99  # "fewer than 100 events" a request
# minutes from each failure to the next attempt, at most: ten retries that end within 24 hours ("Webhooks API" says
# neither how they are spread nor by how much they are moved at random: by up to a fifth here)
_GAPS = (1, 5, 15, 30, 60, 120, 240, 240, 300, 360)
_AGENT = "HubSpot Connect 2.0 (http://dev.hubspot.com/) (namespace: webhooks-nio-http-client)"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt; status 0: no answer."""

    at: str
    url: str
    attempt: int
    status: int
    problem: str
    events: tuple[dict[str, Any], ...]


class Deliveries(Sender):
    """Posts what waits. Its thread begins with the first event and ends with `stop`."""

    def __init__(self, portal: Portal, secret: str) -> None:
        super().__init__("webhooks", "delivered", "given_up")
        self.portal, self._secret = portal, secret
        webhook_events.wake_with(portal, self.wake)

    def pending(self) -> tuple[int, int]:
        """Events that wait, and those that are due."""
        return webhook_events.pending(self.portal)

    def idle(self) -> bool:
        """Whether nothing is due, or deliveries are paused."""
        return webhooks.wire(self.portal).paused or self.pending()[1] == 0

    def release(self) -> None:
        """Close the thread's connection."""
        self.portal.release()

    def begin(self) -> None:
        """Start as many posts as may run at once."""
        settings, wire = webhooks.settings(self.portal), webhooks.wire(self.portal)
        if settings is None or wire.paused:
            return
        running, busy = self.flying()
        room = settings.most - running
        if room > 0:
            with self.portal.transaction() as connection:  # events become visible when their writer is done
                found = webhook_events.due(self.portal, connection, len(busy) + room * MAX_EVENTS)
            free = [each for each in found if each.seq not in busy]
            order = self.portal.seed if wire.reorder else None
            for batch in batches(free, lambda each: each.attempt, MAX_EVENTS, order)[:room]:
                post_it = partial(self._deliver, settings.target_url, batch, wire)
                self.launch(tuple(each.seq for each in batch), post_it)

    def _deliver(self, url: str, batch: tuple[Waiting, ...], wire: Wire) -> None:
        at = self.portal.now()
        events = tuple(each.printed(self.portal, repeat_ids=wire.repeat_ids) for each in batch)
        body = json.dumps(events, ensure_ascii=False, separators=(",", ":")).encode()
        signed = str(epoch_ms(at + timedelta(seconds=wire.skew)))
        answer = post(url, body, _headers(self._secret, url, body, signed, wire), wire.timeout)
        self._settle(batch, delivered=200 <= answer.status < 300)
        self.note(Delivery(stored(at), url, batch[0].attempt, answer.status, answer.problem, events))

    def _settle(self, batch: tuple[Waiting, ...], *, delivered: bool) -> None:
        attempt = batch[0].attempt
        with self.portal.transaction() as connection:
            if delivered or attempt >= len(_GAPS):
                webhook_events.forget(connection, batch)
            else:
                webhook_events.postpone(connection, batch, gap(self.portal.seed, batch[0].seq, attempt))
        if delivered or attempt >= len(_GAPS):
            self.count("delivered" if delivered else "given_up", len(batch))


def gap(seed: int, seq: int, attempt: int) -> float:
    """Seconds from failed attempt 0 ... 9 of a batch that begins with this event to the next attempt."""
    part = random.Random(f"gap/{seed}/{seq}/{attempt}").uniform(0.8, 1.0)
    return round(_GAPS[attempt] * 60 * part, 3)


def _headers(secret: str, url: str, body: bytes, signed_at: str, wire: Wire) -> dict[str, str]:
    """What HubSpot sends with a batch, by a captured delivery."""
    uri, key = wire.public_url or url, "another secret" if wire.forge else secret
    old = webhook_signatures.v1(key, body)
    if wire.signature == "v2":
        old = webhook_signatures.v2(key, "POST", uri, body)
    return {
        "Content-Type": "application/json",
        "User-Agent": f"{_AGENT} - WebhooksExecutorDaemon-executor",
        "X-HubSpot-Timeout-Millis": "10000",
        "X-HubSpot-Signature": old,
        "X-HubSpot-Signature-Version": wire.signature,
        "X-HubSpot-Signature-v3": webhook_signatures.v3(key, "POST", uri, body, signed_at),
        "X-HubSpot-Request-Timestamp": signed_at,
    }
