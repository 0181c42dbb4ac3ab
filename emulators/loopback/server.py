"""What every running emulator does with a call: control plane, planned faults, the vendor's answer, the log."""

from __future__ import annotations

import ssl
import threading
import time
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote

from emulators.loopback.calls import Answered
from emulators.loopback.clock import Clock, parse_instant, stored
from emulators.loopback.faults import Faults, Kind, Rule
from emulators.loopback.http import Call, Response, Server
from emulators.loopback.plane import PREFIX, Plane

if TYPE_CHECKING:
    from emulators.loopback.page import Page
    from emulators.loopback.page.shown import Crm

_PATIENCE = 5.0  # seconds for which a restore waits for calls that are being answered
_BYTES = "application/octet-stream"
_HTML = b"<html><head><title>Error</title></head><body><h1>Down for maintenance</h1></body></html>"
_MALFORMED = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>\r\n"


class Running(ABC):
    """One running CRM: `url`, `ca_file`, `start()`, `stop()`; usable as a context manager in tests."""

    crm: str  # "salesforce" or "hubspot"

    def __init__(self, plane: Plane, *, port: int = 0, ca_folder: Path | None = None) -> None:
        self.plane = plane
        self.ca_file: Path | None = None
        context: ssl.SSLContext | None = None
        if ca_folder is not None:
            self.ca_file, context = _certified(ca_folder)
        self._server = Server(self, port, context)
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self._thread: threading.Thread | None = None
        self._page: Page | None = None
        self._steer(plane)

    @abstractmethod
    def respond(self, call: Call) -> Response:
        """The vendor's answer, without faults."""

    @abstractmethod
    def planned(self, status: int, call: Call) -> Response:
        """The vendor's form of a planned refusal of that call."""

    @abstractmethod
    def unreadable(self) -> Response:
        """The vendor's answer to a body that cannot be read."""

    def malformed(self, status: int) -> Response:
        """As what stands before both vendors' servers answers: a small page."""
        body = _MALFORMED.format(f"{status} {HTTPStatus(status).phrase}").encode()
        return Response(status, body, {"Content-Type": "text/html"})

    @abstractmethod
    def expire(self, call: Call) -> None:
        """End the caller's session."""

    @abstractmethod
    def pattern(self, path: str) -> str:
        """The path with ids replaced, for counting."""

    @abstractmethod
    def release(self) -> None:
        """Close what the current thread holds open."""

    @property
    @abstractmethod
    def file(self) -> Path:
        """The SQLite file."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[object]:
        """While inside, nobody else writes to the file."""

    @abstractmethod
    def remembered(self) -> dict[str, Any]:
        """What the CRM keeps in memory only, as JSON values."""

    @abstractmethod
    def try_open(self, path: Path, memory: dict[str, Any]) -> None:
        """Open another file with what was in memory, and close it again; an exception when it cannot be."""

    @abstractmethod
    def reopen(self, memory: dict[str, Any]) -> Plane:
        """Begin anew on the file, which is another now; the control plane from now on."""

    @abstractmethod
    def browsing(self) -> Crm:
        """What the page in a browser shows."""

    def memory(self) -> dict[str, Any]:
        """What the file does not hold."""
        clock = self.plane.clock
        found = {"now": clock.now().isoformat(), "frozen": clock.frozen, "faults": self.plane.faults.keep()}
        return {**found, **self.remembered()}

    def recall(self, memory: dict[str, Any]) -> None:
        """Clock and faults as they were saved."""
        self.plane.clock.set(parse_instant(memory["now"]))
        self.plane.clock.freeze(memory["frozen"])
        self.plane.faults.restore(memory["faults"])

    def save(self, target: Path) -> None:
        """Write the whole state to a file while calls go on."""
        from emulators.loopback import state

        state.save(self, target)

    def snapshot(self) -> bytes:
        """The whole state as bytes."""
        from emulators.loopback import state

        with state.beside(self.file) as folder:
            self.save(folder / "state")
            return (folder / "state").read_bytes()

    def download(self) -> Response:
        """The whole state as a file that a browser keeps."""
        name = f"{self.crm}-{stored(self.now())[:19].replace(':', '')}.state"
        headers = {"Content-Type": _BYTES, "Content-Disposition": f'attachment; filename="{name}"'}
        return Response(200, self.snapshot(), headers)

    def restore(self, body: bytes) -> None:
        """Put a saved state in place of the present one; ValueError, and nothing changed, when it cannot be."""
        from emulators.loopback import state

        with state.beside(self.file) as folder:
            given, unpacked, tried = folder / "the saved state", folder / "unpacked.db", folder / "tried.db"
            given.write_bytes(body)
            memory = state.unpack(given, self.crm, unpacked)
            try:
                state.overwrite(unpacked, tried)
                Faults(0).restore(memory["faults"])
                Clock(parse_instant(memory["now"]), frozen=memory["frozen"])
                self.try_open(tried, memory)
            except Exception as bad:
                raise ValueError(f"the saved state is not taken: {type(bad).__name__}: {bad}") from None
            with self.plane.gate.alone(_PATIENCE):
                with self.writing():
                    state.overwrite(unpacked, self.file)
                self._exchange(memory)

    def _exchange(self, memory: dict[str, Any]) -> None:
        before, plane = self.plane, self.reopen(memory)
        plane.succeed(before)
        self.plane = plane
        if self._page is not None:
            self._page.plane, self._page.crm = plane, self.browsing()
        self._steer(plane)
        self.recall(memory)

    def _steer(self, plane: Plane) -> None:
        plane.add("GET", "snapshot", lambda body: Response(200, self.snapshot(), {"Content-Type": _BYTES}))
        plane.add_raw("snapshot", self.restore)

    def _browser(self, call: Call) -> Response | None:
        """The page's answer to a browser; None when the call is not one."""
        if call.path != "/" and not call.path.startswith(PREFIX + "/page"):
            return None
        if self._page is None:
            from emulators.loopback.page import Page

            self._page = Page(self.plane, self.browsing(), self)
        return self._page.answer(call) if self._page.takes(call) else None

    def now(self) -> datetime:
        """The emulated time."""
        return self.plane.clock.now()

    def start(self) -> Self:
        """Answer calls from a thread of its own."""
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Answer no more calls and close the file."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.drop_connections()
        self.release()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def handle(self, call: Call) -> tuple[Response | None, bool]:
        """The answer (None: close without one) and whether only half of it is sent; the call is logged."""
        seen = self._browser(call)
        if seen is not None:
            return seen, False
        if call.path.startswith(PREFIX + "/"):
            return self.plane.answer(call), False
        started = time.perf_counter()
        rule = self.plane.faults.of_call(call.method, unquote(call.target))
        response = self._faulty(rule, call) if rule else self._answered(call)
        self.plane.calls.add(
            Answered(
                method=call.method,
                path=call.path,
                pattern=self.pattern(call.path),
                query=call.query,
                status=0 if response is None else response.status,
                fault=str(rule.kind) if rule else "",
                at=stored(self.now()),
                seconds=round(time.perf_counter() - started, 6),
            )
        )
        return response, rule is not None and rule.kind is Kind.TRUNCATE

    def _answered(self, call: Call) -> Response:
        with self.plane.gate.shared():
            return self.respond(call)

    def _faulty(self, rule: Rule, call: Call) -> Response | None:
        """The answer that the plan has for this call."""
        if rule.kind is Kind.DROP:
            return None
        if rule.kind is Kind.DROP_AFTER:
            self._answered(call)
            return None
        if rule.kind in (Kind.SLOW, Kind.TRUNCATE, Kind.EXPIRE_TOKEN):
            if rule.kind is Kind.SLOW:
                time.sleep(rule.seconds)
            elif rule.kind is Kind.EXPIRE_TOKEN:
                self.expire(call)
            return self._answered(call)
        if rule.kind is Kind.HTML_ERROR:
            return Response(503, _HTML, {"Content-Type": "text/html; charset=UTF-8"})
        return self.planned(int(rule.kind), call)


def _certified(folder: Path) -> tuple[Path, ssl.SSLContext]:
    from emulators.loopback import tls  # takes a while, and plain HTTP does without

    return folder / tls.CA_FILE, tls.server_context(folder)
