"""How an emulator calls others on this machine: one request, never elsewhere, and a thread that sends what is due."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import random
import ssl
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

from emulators.loopback.plane import Plane

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_KEPT = 5000  # attempts
_LOOK = 0.25  # real seconds between looks at the clock while something waits for it
_MOST_ANSWER = 65_536  # bytes of an answer that are read


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; status 0: nothing, with the problem."""

    status: int
    body: bytes = b""
    problem: str = ""


def on_this_machine(url: str) -> bool:
    """Whether the address leads to this machine (127.0.0.0/8, ::1, localhost); nobody else is ever called."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme not in ("http", "https") or (parts.port or 1) < 0:
            return False
    except ValueError:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def post(url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> Answer:
    """Send a body. No redirect is followed and no proxy asked; ValueError for an address of another machine."""
    if not on_this_machine(url):
        raise ValueError(f"{url!r} is not on this machine")
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
            connection.request("POST", target, body, dict(headers))
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(_MOST_ANSWER))
        except (OSError, http.client.HTTPException) as bad:
            return Answer(0, b"", f"{type(bad).__name__}: {bad}")


class Numbered(Protocol):
    """Something that waits, with its place in the order in which it came."""

    @property
    def seq(self) -> int: ...


Thing = TypeVar("Thing", bound=Numbered)


def batches(
    found: Iterable[Thing], together: Callable[[Thing], Hashable], most: int, shuffled_by: int | None = None
) -> list[tuple[Thing, ...]]:
    """Things of the same `together`, at most so many at once; in an order that only a seed gives, if one is given."""
    if shuffled_by is not None:
        found = sorted(found, key=lambda each: random.Random(f"order/{shuffled_by}/{each.seq}").random())
    parts: dict[Hashable, list[Thing]] = {}
    for each in found:
        parts.setdefault(together(each), []).append(each)
    return [tuple(part[at : at + most]) for part in parts.values() for at in range(0, len(part), most)]


class Sender(ABC):
    """Sends what is due, some requests at once. Its thread begins with the first `wake` and ends with `stop`."""

    def __init__(self, name: str, *ends: str) -> None:
        """`ends` name what becomes of things: they are counted."""
        self._name = name
        self._log: deque[DataclassInstance] = deque(maxlen=_KEPT)
        self._ends = dict.fromkeys(ends, 0)
        self._lock = threading.RLock()
        self._news = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        self._flying: dict[threading.Thread, tuple[int, ...]] = {}
        self._stopped = self._woken = False

    @abstractmethod
    def pending(self) -> tuple[int, int]:
        """How many things wait, and how many of them are due by now."""

    @abstractmethod
    def begin(self) -> None:
        """Start as many requests as may run at once, by `launch`."""

    @abstractmethod
    def idle(self) -> bool:
        """Whether nothing that is due would be sent."""

    @abstractmethod
    def release(self) -> None:
        """Close what the present thread holds open."""

    def describe(self) -> dict[str, int]:
        """How many things wait, are due, and came to each end."""
        waiting, late = self.pending()
        with self._lock:
            return {"waiting": waiting, "due": late, **self._ends}

    def log(self) -> list[dict[str, Any]]:
        """The attempts, oldest first."""
        with self._lock:
            return [asdict(each) for each in self._log]

    def forget(self) -> None:
        """Empty the log and its counts."""
        with self._lock:
            self._log.clear()
            self._ends = dict.fromkeys(self._ends, 0)

    def note(self, attempt: DataclassInstance) -> None:
        """Add an attempt to the log."""
        with self._lock:
            self._log.append(attempt)

    def count(self, end: str, number: int) -> None:
        """So many more things came to that end."""
        with self._lock:
            self._ends[end] += number

    def steer(self, plane: Plane) -> None:
        """The control plane's calls about deliveries."""
        plane.add("GET", "deliveries", lambda body: {"deliveries": self.log()})
        plane.add("POST", "reset_deliveries", lambda body: self.forget())
        plane.add("POST", "deliver", lambda body: {"idle": self.settle(float(body.get("seconds", 30)))})

    def resume(self) -> None:
        """Go on with what an earlier run of this file left behind."""
        with self._lock:
            self._stopped = False
        if self.pending()[0]:
            self.wake()

    def wake(self) -> None:
        """There may be something to send: it has come, or the clock was moved."""
        with self._lock:
            if self._stopped:
                return
            self._woken = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name=self._name)
                self._thread.start()
            self._news.notify_all()

    def stop(self) -> None:
        """End the thread; what is not sent stays in the file."""
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
        while not self._at_rest():
            left = until - time.monotonic()
            if left <= 0:
                return False
            with self._lock:
                self._news.wait(min(left, _LOOK))
        return True

    def flying(self) -> tuple[int, set[int]]:
        """How many requests run, and the numbers of all that they carry."""
        with self._lock:
            return len(self._flying), {each for batch in self._flying.values() for each in batch}

    def launch(self, carried: tuple[int, ...], act: Callable[[], None]) -> None:
        """Do that in a thread of its own."""
        thread = threading.Thread(target=self._fly, args=(act,), daemon=True, name=self._name)
        with self._lock:
            if self._stopped:
                return
            self._flying[thread] = carried
        thread.start()

    def _fly(self, act: Callable[[], None]) -> None:
        try:
            act()
        finally:
            self.release()
            with self._lock:
                del self._flying[threading.current_thread()]
                self._woken = True
                self._news.notify_all()

    def _at_rest(self) -> bool:
        with self._lock:
            if self._flying or self._woken:
                return False
        return self.idle()

    def _run(self) -> None:
        try:
            while True:
                with self._lock:
                    if self._stopped:
                        return
                    self._woken = False
                self.begin()
                waits = self.pending()[0] > 0
                with self._lock:
                    self._news.notify_all()
                    if not self._woken and not self._stopped:
                        self._news.wait(_LOOK if waits else None)
        finally:
            self.release()
