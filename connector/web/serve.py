"""How are the addresses served? One process of threads behind a TLS proxy, which ends in good order.

What is too large is refused before it is read, also without a Content-Length; a slow sender holds no thread, because
a post is handed to one when it is whole.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

import structlog
from waitress import wasyncore  # type: ignore[import-untyped]
from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.server import create_server  # type: ignore[import-untyped]
from waitress.task import ErrorTask  # type: ignore[import-untyped]

from connector.config.deployment import Deployment
from connector.errors import Misconfigured
from connector.hooks.refusals import Refusal
from connector.web import log as logs
from connector.web.application import Served, served
from connector.web.figures import Figures

log = structlog.get_logger("pmom.web")

HEADER_BYTES = 16 * 1024
PARTING = 8.0  # seconds that requests under way have once the process is told to end
_CONNECTIONS = 1000
_IDLE = 30  # seconds until a silent connection is closed
_WHOLE = 20.0  # seconds in which headers and body must have come, however little is sent at a time
_TURN = 0.001  # seconds a thread runs before another's turn: a post waits for several turns, a long batch for none
_REASONS = {413: Refusal.TOO_LARGE, 431: Refusal.TOO_LARGE, 500: Refusal.FAULT}
Heard = Callable[[str], object]
"""Called with the address once posts are taken."""


def serve(deployment: Deployment, *, heard: Heard = lambda url: None) -> None:
    """Serve until SIGTERM or SIGINT; what was taken by then is answered. Misconfigured when it cannot begin."""
    logs.configure(deployment.settings.log, secrets=deployment.secrets())
    sys.setswitchinterval(_TURN)
    with suppress(KeyboardInterrupt):
        running = Running(served(deployment), deployment)
        try:
            for each in (signal.SIGTERM, signal.SIGINT):
                signal.signal(each, running.told_to_end)
            log.info("serving", url=running.url, connections=list(deployment.names))
            heard(running.url)
            running.run()
        finally:
            running.close()
    log.info("ended")


class Running:
    """A server that listens; `run` answers until `end` is called from a signal or another thread."""

    def __init__(self, what: Served, deployment: Deployment) -> None:
        self._served, web = what, deployment.web
        self._map: dict[Any, Any] = {}
        self._ending = threading.Event()
        self._server = create_server(
            what.app,
            map=self._map,
            sockets=[_listening(what, deployment)],
            threads=web.threads,
            ident=None,  # no banner
            expose_tracebacks=False,
            connection_limit=_CONNECTIONS,
            channel_timeout=_IDLE,
            max_request_header_size=HEADER_BYTES,
            max_request_body_size=web.body_kb * 1024 + 1,  # the first size that is too large
            inbuf_overflow=web.body_kb * 1024 + 2,  # nothing that strangers send is written to disk
            clear_untrusted_proxy_headers=True,
            asyncore_use_poll=True,
        )
        self._listeners = [each for each in self._map.values() if hasattr(each, "channel_class")]
        for each in self._listeners:
            each.channel_class = _channel(what.desk.figures, what)

    @property
    def url(self) -> str:
        """Where it listens."""
        listener = self._listeners[0]
        host = listener.effective_host
        return f"http://{f'[{host}]' if ':' in host else host}:{listener.effective_port}"

    def told_to_end(self, number: int, frame: FrameType | None) -> None:
        """A signal's handler."""
        self.end()

    def end(self) -> None:
        """Listen no more, answer what is under way, and let `run` return."""
        self._ending.set()
        for each in self._listeners:
            each.pull_trigger()

    def run(self) -> None:
        """Answer until `end` is called."""
        while not self._ending.is_set():
            self._turn(1.0)
        for each in self._listeners:
            each.accepting = False
            each.socket.close()
            each.del_channel()
        until = time.monotonic() + PARTING
        while self._busy() and time.monotonic() < until:
            self._turn(0.05)

    def close(self) -> None:
        """Give back threads, connections and databases."""
        self._server.task_dispatcher.shutdown(timeout=1)
        wasyncore.close_all(self._map)
        self._served.close()

    def _turn(self, seconds: float) -> None:
        wasyncore.loop(timeout=seconds, map=self._map, use_poll=True, count=1)

    def _busy(self) -> bool:
        channels = [each for each in list(self._map.values()) if isinstance(each, HTTPChannel)]
        return any(each.requests or each.request is not None or each.total_outbufs_len for each in channels)


def _listening(what: Served, deployment: Deployment) -> socket.socket:
    """The socket, bound; Misconfigured when somebody else has it, or the host is none of this machine's."""
    web = deployment.web
    try:
        found = socket.getaddrinfo(web.host, web.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(found[4][:2], family=found[0], backlog=1024)
    except OSError as error:
        what.close()
        where = deployment.settings.where("web", "port")
        text = f"{web.host}:{web.port} cannot be listened on ({error.strerror})"
        raise Misconfigured(where, text, "Choose another [web] host or port.") from error


def _channel(figures: Figures, what: Served) -> type[HTTPChannel]:
    """A connection whose refusals before the application are counted, and told as the application tells its own."""

    class Refused(ErrorTask):  # type: ignore[misc]
        def execute(self) -> None:
            error = self.request.error
            reason = _REASONS.get(error.code, Refusal.MALFORMED)
            figures.turned_away(reason)
            what.desk.tally.add("", f"refused_{reason}")
            request_id = uuid.uuid4().hex
            body = json.dumps({"error": reason, "request_id": request_id}).encode() + b"\n"
            self.status = f"{error.code} {error.reason}"
            self.response_headers += [("Content-Type", "application/json"), ("X-Request-Id", request_id)]
            self.set_close_on_finish()
            self.content_length = len(body)
            self.write(body)

    class Channel(HTTPChannel):  # type: ignore[misc]
        error_task_class = Refused
        begun = 0.0  # when the request that is not whole yet began

        def received(self, data: bytes) -> bool:
            before, now = self.request, time.monotonic()
            if before is not None and now - self.begun > _WHOLE:
                self.will_close = True
                return False
            went = bool(super().received(data))
            if self.request is not before:
                self.begun = now
            return went

    return Channel
