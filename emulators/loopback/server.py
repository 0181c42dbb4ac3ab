"""What every running emulator does with a call: control plane, planned faults, the vendor's answer, the log."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from datetime import datetime
from pathlib import Path
from typing import Self
from urllib.parse import unquote

from emulators.loopback import tls
from emulators.loopback.calls import Answered
from emulators.loopback.clock import stored
from emulators.loopback.faults import Kind, Rule
from emulators.loopback.http import Call, Response, Server
from emulators.loopback.plane import PREFIX, Plane

_HTML = b"<html><head><title>Error</title></head><body><h1>Down for maintenance</h1></body></html>"


class Running(ABC):
    """One running CRM: `url`, `ca_file`, `start()`, `stop()`; usable as a context manager in tests."""

    def __init__(self, plane: Plane, *, port: int = 0, ca_folder: Path | None = None) -> None:
        self.plane = plane
        self.ca_file = None if ca_folder is None else ca_folder / tls.CA_FILE
        context = None if ca_folder is None else tls.server_context(ca_folder)
        self._server = Server(self, port, context)
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self._thread: threading.Thread | None = None

    @abstractmethod
    def respond(self, call: Call) -> Response:
        """The vendor's answer, without faults."""

    @abstractmethod
    def planned(self, status: int) -> Response:
        """The vendor's form of a planned refusal."""

    @abstractmethod
    def unreadable(self) -> Response:
        """The vendor's answer to a body that cannot be read."""

    @abstractmethod
    def expire(self, call: Call) -> None:
        """End the caller's session."""

    @abstractmethod
    def pattern(self, path: str) -> str:
        """The path with ids replaced, for counting."""

    @abstractmethod
    def release(self) -> None:
        """Close what the current thread holds open."""

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
        if call.path.startswith(PREFIX + "/"):
            return self.plane.answer(call), False
        started = time.perf_counter()
        rule = self.plane.faults.of_call(call.method, unquote(call.target))
        response = self._faulty(rule, call) if rule else self.respond(call)
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

    def _faulty(self, rule: Rule, call: Call) -> Response | None:
        """The answer that the plan has for this call."""
        if rule.kind is Kind.DROP:
            return None
        if rule.kind is Kind.DROP_AFTER:
            self.respond(call)
            return None
        if rule.kind in (Kind.SLOW, Kind.TRUNCATE, Kind.EXPIRE_TOKEN):
            if rule.kind is Kind.SLOW:
                time.sleep(rule.seconds)
            elif rule.kind is Kind.EXPIRE_TOKEN:
                self.expire(call)
            return self.respond(call)
        if rule.kind is Kind.HTML_ERROR:
            return Response(503, _HTML, {"Content-Type": "text/html; charset=UTF-8"})
        return self.planned(int(rule.kind))
