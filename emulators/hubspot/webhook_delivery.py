"""How webhook events reach their receiver: batches, signatures, retries over 24 hours, and a log of every attempt."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import ssl
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from emulators.hubspot import webhook_events, webhook_signatures, webhooks
from emulators.hubspot.portal import Portal, epoch_ms
from emulators.hubspot.webhook_events import Waiting
from emulators.hubspot.webhooks import Wire
from emulators.loopback.clock import stored

MAX_EVENTS = 99  # "fewer than 100 events" a request
# minutes from each failure to the next attempt, at most: ten retries that end within 24 hours ("Webhooks API" says
# neither how they are spread nor by how much they are moved at random: by up to a fifth here)
_GAPS = (1, 5, 15, 30, 60, 120, 240, 240, 300, 360)
_LOOK = 0.25  # real seconds between looks at the clock while something waits for it
_KEPT = 5000
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


class Deliveries:
    """Posts what waits. Its thread begins with the first event and ends with `stop`."""

    def __init__(self, portal: Portal, secret: str) -> None:
        self.portal, self._secret = portal, secret
        self._lock = threading.RLock()
        self._news = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        self._flying: dict[threading.Thread, tuple[Waiting, ...]] = {}
        self._stopped = self._woken = False
        self._log: deque[Delivery] = deque(maxlen=_KEPT)
        self._delivered = self._given_up = 0
        webhook_events.wake_with(portal, self.wake)

    def resume(self) -> None:
        """Go on with what an earlier run of this file left undelivered."""
        with self._lock:
            self._stopped = False
        if webhook_events.pending(self.portal)[0]:
            self.wake()

    def wake(self) -> None:
        """There may be something to deliver: events have come or the clock was moved."""
        with self._lock:
            if self._stopped:
                return
            self._woken = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="webhooks")
                self._thread.start()
            self._news.notify_all()

    def stop(self) -> None:
        """End the thread; what is not delivered stays in the file."""
        with self._lock:
            self._stopped = True
            self._news.notify_all()
            threads = [*self._flying, *([self._thread] if self._thread else [])]
            self._thread = None
        for each in threads:
            each.join(timeout=10)

    def settle(self, seconds: float) -> bool:
        """Wait until nothing is due any more; False when it still is after that many real seconds."""
        until = time.monotonic() + seconds
        self.wake()
        while not self._idle():
            left = until - time.monotonic()
            if left <= 0:
                return False
            with self._lock:
                self._news.wait(min(left, _LOOK))
        return True

    def describe(self) -> dict[str, Any]:
        """How many events wait, were delivered and were given up."""
        waiting, late = webhook_events.pending(self.portal)
        with self._lock:
            return {"waiting": waiting, "due": late, "delivered": self._delivered, "given_up": self._given_up}

    def log(self) -> list[dict[str, Any]]:
        """The attempts, oldest first."""
        with self._lock:
            return [asdict(each) for each in self._log]

    def forget(self) -> None:
        """Empty the log."""
        with self._lock:
            self._log.clear()
            self._delivered = self._given_up = 0

    def _idle(self) -> bool:
        with self._lock:
            if self._flying or self._woken:
                return False
        return webhooks.wire(self.portal).paused or webhook_events.pending(self.portal)[1] == 0

    def _run(self) -> None:
        try:
            while True:
                with self._lock:
                    if self._stopped:
                        return
                    self._woken = False
                left = self._begin()
                with self._lock:
                    self._news.notify_all()
                    if not self._woken and not self._stopped:
                        self._news.wait(_LOOK if left else None)
        finally:
            self.portal.release()

    def _begin(self) -> bool:
        """Start as many posts as may run at once; whether events wait for a later time."""
        settings, wire = webhooks.settings(self.portal), webhooks.wire(self.portal)
        if settings is None or wire.paused:
            return False
        with self._lock:
            busy = {each.seq for batch in self._flying.values() for each in batch}
            room = settings.most - len(self._flying)
        if room > 0:
            with self.portal.transaction() as connection:  # events become visible when their writer is done
                found = webhook_events.due(self.portal, connection, len(busy) + room * MAX_EVENTS)
            batches = _batches(self.portal, [each for each in found if each.seq not in busy], wire)
            for batch in batches[:room]:
                self._fly(settings.target_url, batch, wire)
        return webhook_events.pending(self.portal)[0] > 0

    def _fly(self, url: str, batch: tuple[Waiting, ...], wire: Wire) -> None:
        thread = threading.Thread(target=self._deliver, args=(url, batch, wire), daemon=True, name="webhook")
        with self._lock:
            if self._stopped:
                return
            self._flying[thread] = batch
        thread.start()

    def _deliver(self, url: str, batch: tuple[Waiting, ...], wire: Wire) -> None:
        at = self.portal.now()
        events = tuple(each.printed(self.portal, repeat_ids=wire.repeat_ids) for each in batch)
        try:
            body = json.dumps(events, ensure_ascii=False, separators=(",", ":")).encode()
            signed = str(epoch_ms(at + timedelta(seconds=wire.skew)))
            status, problem = _post(url, body, _headers(self._secret, url, body, signed, wire), wire.timeout)
            delivered = 200 <= status < 300
            self._settle(batch, delivered=delivered)
            with self._lock:
                self._log.append(Delivery(stored(at), url, batch[0].attempt, status, problem, events))
        finally:
            self.portal.release()
            with self._lock:
                del self._flying[threading.current_thread()]
                self._woken = True
                self._news.notify_all()

    def _settle(self, batch: tuple[Waiting, ...], *, delivered: bool) -> None:
        attempt = batch[0].attempt
        with self.portal.transaction() as connection:
            if delivered or attempt >= len(_GAPS):
                webhook_events.forget(connection, batch)
            else:
                webhook_events.postpone(connection, batch, gap(self.portal.seed, batch[0].seq, attempt))
        with self._lock:
            if delivered:
                self._delivered += len(batch)
            elif attempt >= len(_GAPS):
                self._given_up += len(batch)


def gap(seed: int, seq: int, attempt: int) -> float:
    """Seconds from failed attempt 0 ... 9 of a batch that begins with this event to the next attempt."""
    part = random.Random(f"gap/{seed}/{seq}/{attempt}").uniform(0.8, 1.0)
    return round(_GAPS[attempt] * 60 * part, 3)


def _batches(portal: Portal, found: list[Waiting], wire: Wire) -> list[tuple[Waiting, ...]]:
    """Events of the same attempt together; in another order than they happened when that is asked for."""
    if wire.reorder:
        found = sorted(found, key=lambda each: random.Random(f"order/{portal.seed}/{each.seq}").random())
    parts: dict[int, list[Waiting]] = {}
    for each in found:
        parts.setdefault(each.attempt, []).append(each)
    return [
        tuple(part[start : start + MAX_EVENTS])
        for part in parts.values()
        for start in range(0, len(part), MAX_EVENTS)
    ]


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


def _post(url: str, body: bytes, headers: dict[str, str], timeout: float) -> tuple[int, str]:
    """Status and problem; no redirect is followed and no proxy asked."""
    webhooks.demand_loopback(url)
    parts = urlsplit(url)
    host, target = parts.hostname or "", (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.scheme == "https":
        trust = ssl.create_default_context()  # the receiver is on this machine, with a certificate of its own making
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, parts.port, timeout=timeout, context=trust
        )
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=timeout)
    with contextlib.closing(connection):
        try:
            connection.request("POST", target, body, headers)
            return connection.getresponse().status, ""
        except (OSError, http.client.HTTPException) as bad:
            return 0, f"{type(bad).__name__}: {bad}"
