"""How bytes become calls and answers become bytes: HTTP/1.1 with keep-alive, over TLS or plain, on 127.0.0.1."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import time
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from email import errors
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

MAX_BODY = 160 * 1024 * 1024
_GZIP_FROM = 1024
_PATIENCE = 30.0  # seconds for which a body may come in, and one more for each of its megabytes
_IDLE = 300.0  # seconds for which a connection without a call is kept
_LINGER = 2.0  # seconds for which the rest of what is refused is read and thrown away
_LONGEST_LINE, _MOST_TRAILERS = 8192, 100  # of a body in chunks
_DEFECTS = (errors.MissingHeaderBodySeparatorDefect, errors.FirstHeaderLineIsContinuationDefect)
_PHRASES = {477: "Migration In Progress"}


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it came in; the body is already unzipped."""

    method: str
    target: str  # path and query as sent
    headers: dict[str, str] = field(default_factory=dict)  # by lower-case name
    body: bytes = b""

    @property
    def path(self) -> str:
        """The raw path without the query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The raw query."""
        return self.target.partition("?")[2]


@dataclass(slots=True)
class Response:
    """One answer."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Site(Protocol):
    """Who answers the calls."""

    def handle(self, call: Call) -> tuple[Response | None, bool]:
        """The answer, or None to close the connection without one; and whether to send only half of it."""

    def unreadable(self) -> Response:
        """The answer to a body that cannot be read."""

    def malformed(self, status: int) -> Response:
        """The answer to what is no HTTP, or exceeds its bounds."""

    def now(self) -> datetime:
        """The emulated time, for the Date header."""

    def release(self) -> None:
        """A connection ended: close what its thread held open."""


class Server(ThreadingHTTPServer):
    """Listens on 127.0.0.1 and gives every connection a thread."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, site: Site, port: int, context: ssl.SSLContext | None) -> None:
        self.site = site
        self._context = context
        self._open: set[Any] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self) -> tuple[Any, Any]:
        """Take a connection; its handshake waits for the handler's thread, so that a silent caller blocks nobody."""
        raw, address = super().get_request()
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is None:
            connection = raw
        else:
            connection = self._context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that ended."""
        self._open.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        """Close what keep-alive callers still hold open."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that breaks off is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server
    wbufsize = -1  # one write an answer

    def setup(self) -> None:
        if isinstance(self.request, ssl.SSLSocket):
            self.request.settimeout(30)
            self.request.do_handshake()
        self.request.settimeout(_IDLE)
        super().setup()

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()
        self.server.site.release()

    def log_message(self, format: str, *args: Any) -> None:
        """Calls are kept by the control plane, not printed."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What is no HTTP is refused as the site does it, in a form that every client can read."""
        self.request_version, self.close_connection = self.protocol_version, True
        self.request.settimeout(None)
        self._send(self.server.site.malformed(code), accepts_gzip=False)
        self._linger()

    def _serve(self) -> None:
        if any(isinstance(each, _DEFECTS) for each in self.headers.defects):  # a line that is no header
            self.send_error(400)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        accepts = "gzip" in headers.get("accept-encoding", "").lower()
        try:
            self._until = time.monotonic() + _PATIENCE
            call = Call(self.command, self.path, headers, self._body(headers))
            self.request.settimeout(None)
        except (ValueError, OSError, EOFError, zlib.error):
            self.close_connection = True
            self.request.settimeout(None)
            self._send(self.server.site.unreadable(), accepts)
            self._linger()
            return
        response, truncated = self.server.site.handle(call)
        if response is None:
            self.close_connection = True
        else:
            self._send(response, accepts, truncated=truncated)
            self.request.settimeout(_IDLE)

    def __getattr__(self, name: str) -> Any:
        """Every method is the site's to answer or to refuse."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _body(self, headers: dict[str, str]) -> bytes:
        coded = headers.get("transfer-encoding", "").strip().lower()
        lengths = set(self.headers.get_all("content-length", ["0"]))
        if coded not in ("", "identity", "chunked") or len(lengths) > 1:
            raise ValueError("nobody can tell where the body ends")
        if coded == "chunked":
            if "content-length" in headers:  # a proxy in between may have believed the other one
                raise ValueError("the body tells two lengths")
            body = self._chunks()
        else:
            body = self._exactly(_size(lengths.pop() or "0", 10))
        return _unzipped(body) if headers.get("content-encoding", "").lower() == "gzip" else body

    def _some(self, size: int) -> bytes:
        """At least one byte, until the time for the whole body is over."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the body does not come in")
        self.request.settimeout(left)
        found: bytes = self.rfile.read1(size)
        if not found:
            raise EOFError("the body ends before its length")
        return found

    def _exactly(self, size: int) -> bytes:
        self._until += size / 1_000_000
        parts: list[bytes] = []
        while size:
            parts.append(self._some(size))
            size -= len(parts[-1])
        return b"".join(parts)

    def _line(self) -> bytes:
        """One line of a body in chunks, without its end."""
        found = bytearray()
        while not found.endswith(b"\n"):
            found += self._some(1)
            if len(found) > _LONGEST_LINE:
                raise ValueError("a line has no end")
        return bytes(found).rstrip(b"\r\n")

    def _chunks(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        while count := _size(self._line().split(b";")[0].strip().decode("ascii"), 16):
            size += count
            if size > MAX_BODY:
                raise ValueError("body too large")
            parts.append(self._exactly(count))
            if self._line():
                raise ValueError("a chunk does not end where it should")
        for _ in range(_MOST_TRAILERS):
            line = self._line()
            if not line:
                return b"".join(parts)
            if b":" not in line:
                raise ValueError("the body has no end")
        raise ValueError("too many trailers")

    def _linger(self) -> None:
        """Let a caller who still sends read the answer: closing at once would take it away again."""
        until = time.monotonic() + _LINGER
        with contextlib.suppress(OSError):
            self.request.shutdown(socket.SHUT_WR)
            while (left := until - time.monotonic()) > 0:
                self.request.settimeout(left)
                if not self.request.recv(1 << 16):
                    return

    def _send(self, response: Response, accepts_gzip: bool, *, truncated: bool = False) -> None:
        body, headers = response.body, dict(response.headers)
        if accepts_gzip and len(body) >= _GZIP_FROM:
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = "gzip"
        headers["Vary"] = "Accept-Encoding"
        empty = response.status in (204, 304) or self.command == "HEAD"
        self.send_response_only(response.status, _phrase(response.status))
        now = self.server.site.now()  # the emulated time: clients bound their cursors by this header
        self.send_header("Date", self.date_time_string(now.timestamp()))
        for name, value in headers.items():
            self.send_header(name, value)
        if response.status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        if truncated or self.close_connection:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if not empty:
            self.wfile.write(body[: len(body) // 2] if truncated else body)
        with contextlib.suppress(OSError):
            self.wfile.flush()


def _size(text: str, base: int) -> int:
    """The length that a header or a chunk tells; ValueError unless it is a sound one."""
    if not text.isalnum():
        raise ValueError(f"{text!r} is no length")
    found = int(text, base)
    if found > MAX_BODY:
        raise ValueError("body too large")
    return found


def _unzipped(body: bytes) -> bytes:
    """The body unzipped; ValueError when it is cut or grows beyond all bounds."""
    reader = zlib.decompressobj(wbits=31)
    found = reader.decompress(body, MAX_BODY)
    if not reader.eof:
        raise ValueError("the zipped body is cut or too large")
    return found


def _phrase(status: int) -> str:
    return _PHRASES.get(status) or HTTPStatus(status).phrase
