"""How calls reach the org: HTTP/1.1 over TLS on loopback, then faults, sessions, limits and the routes."""

from __future__ import annotations

import contextlib
import gzip
import secrets
import socket
import ssl
import threading
import time
import traceback
import zlib
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from emulators.loopback import tls
from emulators.loopback.clock import stored
from emulators.salesforce import (
    bulk,
    collections_,
    composite,
    control,
    describe,
    metadata,
    oauth,
    query,
    replication,
    rest,
    usage,
)
from emulators.salesforce.errors import ApiError, DmlError, not_found
from emulators.salesforce.faults import Kind, Rule
from emulators.salesforce.org import Org
from emulators.salesforce.router import Request, Response, Router, error_response, json_response

MAX_TARGET = 16_384  # bytes of path and query
MAX_BODY = 160 * 1024 * 1024
_GZIP_FROM = 1024
_RETIRED, _OLDEST, _LATEST = range(21, 31), rest.OLDEST, rest.LATEST
_HTML = b"<html><head><title>Error</title></head><body><h1>Down for maintenance</h1></body></html>"


class Emulator:
    """One running org: `url`, `ca_file`, `start()`, `stop()`; usable as a context manager in tests."""

    def __init__(
        self, org: Org, app: oauth.App, *, port: int = 0, ca_folder: Path | None = None, control_token: str = ""
    ) -> None:
        self.org = org
        self.login = oauth.Login(org, app)
        self.control = control.Control(org, self.login, control_token or secrets.token_urlsafe(24))
        self.router = build_router(self.login)
        self.ca_file = None if ca_folder is None else ca_folder / tls.CA_FILE
        context = None if ca_folder is None else tls.server_context(ca_folder)
        self._server = _Server(self, port, context)
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self._thread: threading.Thread | None = None

    def start(self) -> Emulator:
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
        self.org.release()

    def __enter__(self) -> Emulator:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def answer(self, request: Request) -> Response:
        """One call to the org, without faults."""
        try:
            response = self._answer(request)
        except (ApiError, DmlError) as bad:
            response = error_response(bad)
        except Exception:  # the vendor's own form of an unforeseen failure; the trace goes to stderr
            traceback.print_exc()
            response = json_response(
                [{"message": "An unexpected error occurred.", "errorCode": "UNKNOWN_EXCEPTION"}], 500
            )
        response.headers.setdefault("Cache-Control", "no-cache,must-revalidate,max-age=0,no-store,private")
        return response

    def _answer(self, request: Request) -> Response:
        _check_version(request.path)
        route, request.params = self.router.find(request.method, request.path)
        request.version = request.params.get("version", "")
        if not route.session:
            request.user = self.login.user_of(oauth.bearer(request)) or ""
            return route.handler(request, self.org)
        request.user = self.login.user_of(oauth.bearer(request)) or ""
        if not request.user:
            raise ApiError("INVALID_SESSION_ID", "Session expired or invalid", http=401)
        self.org.limits.spend()
        try:
            response = route.handler(request, self.org)
        except (ApiError, DmlError) as bad:
            response = error_response(bad)
        response.headers["Sforce-Limit-Info"] = self.org.limits.usage()
        return response


def build_router(login: oauth.Login) -> Router:
    """Every route of the org; the more special ones come first."""
    router = Router()
    oauth.routes(router, login)
    for module in (bulk, metadata, replication, usage, query, collections_, describe, composite, rest):
        module.routes(router)
    return router


def _check_version(path: str) -> None:
    """Retired versions answer 410, unknown ones 404."""
    parts = path.split("/")
    if len(parts) < 4 or parts[1:3] != ["services", "data"] or not parts[3]:
        return
    number = parts[3][1:].partition(".")
    if parts[3][:1] != "v" or not number[0].isdigit() or number[2] != "0":
        raise not_found()
    if int(number[0]) in _RETIRED:
        text = f"API version {number[0]}.0 is retired. Use version {_OLDEST}.0 or later."
        raise ApiError("UNSUPPORTED_API_VERSION", text, http=410)
    if not _OLDEST <= int(number[0]) <= _LATEST:
        raise not_found()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, emulator: Emulator, port: int, context: ssl.SSLContext | None) -> None:
        self.emulator = emulator
        self._context = context
        self._open: set[Any] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self) -> tuple[Any, Any]:
        raw, address = super().get_request()
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is None:
            connection = raw
        else:  # the handshake waits for the handler's thread, so that a silent caller blocks nobody
            connection = self._context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
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
    server: _Server
    wbufsize = -1  # one write an answer

    def setup(self) -> None:
        if isinstance(self.request, ssl.SSLSocket):
            self.request.settimeout(30)
            self.request.do_handshake()
            self.request.settimeout(None)
        super().setup()

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()
        self.server.emulator.org.release()

    def log_message(self, format: str, *args: Any) -> None:
        """Calls are kept by the control plane, not printed."""

    def _serve(self) -> None:
        emulator, started = self.server.emulator, time.perf_counter()
        request = self._request()
        if request is None:
            return
        if request.path.startswith(control.PREFIX + "/"):
            self._send(request, emulator.control.answer(request))
            return
        rule = emulator.org.faults.of_call(self.command, unquote(self.path))
        response = self._faulty(rule, request) if rule else emulator.answer(request)
        emulator.control.calls.add(
            control.Call(
                method=request.method,
                path=request.path,
                pattern=control.pattern_of(request.path),
                query=self.path.partition("?")[2],
                status=0 if response is None else response.status,
                fault=str(rule.kind) if rule else "",
                at=stored(emulator.org.clock.now()),
                seconds=round(time.perf_counter() - started, 6),
            )
        )
        if response is None:
            self.close_connection = True
        else:
            self._send(request, response, truncated=rule is not None and rule.kind is Kind.TRUNCATE)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815

    def _request(self) -> Request | None:
        """The call, its body read and unzipped; None when it was refused at this level."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        path, _, raw_query = self.path.partition("?")
        values = {name: found[-1] for name, found in parse_qs(raw_query, keep_blank_values=True).items()}
        method = values.get("_HttpMethod", self.command) if self.command == "POST" else self.command
        request = Request(method.upper(), path, query=values, headers=headers, base_url=self.server.emulator.url)
        try:
            request.body = self._body(headers)
        except (ValueError, OSError, zlib.error):
            refusal = json_response(
                [{"message": "The request body cannot be read", "errorCode": "INVALID_INPUT"}], 400
            )
            self.close_connection = True
            self._send(request, refusal)
            return None
        if len(self.path) > MAX_TARGET:
            text = "The length of the URI exceeds the 16,384 byte limit"
            self._send(request, json_response([{"message": text, "errorCode": "URI_TOO_LONG"}], 414))
            return None
        return request

    def _body(self, headers: dict[str, str]) -> bytes:
        if "chunked" in headers.get("transfer-encoding", "").lower():
            body = self._chunks()
        else:
            length = int(headers.get("content-length") or 0)
            if length > MAX_BODY:
                raise ValueError("body too large")
            body = self.rfile.read(length) if length else b""
        return gzip.decompress(body) if headers.get("content-encoding", "").lower() == "gzip" else body

    def _chunks(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        while count := int(self.rfile.readline(32).split(b";")[0], 16):
            size += count
            if size > MAX_BODY:
                raise ValueError("body too large")
            parts.append(self.rfile.read(count))
            self.rfile.readline(8)
        while self.rfile.readline(8192) not in (b"\r\n", b"\n", b""):
            pass
        return b"".join(parts)

    def _faulty(self, rule: Rule, request: Request) -> Response | None:
        """The answer that the plan has for this call; None closes the connection without one."""
        emulator = self.server.emulator
        if rule.kind is Kind.DROP:
            return None
        if rule.kind is Kind.DROP_AFTER:
            emulator.answer(request)
            return None
        if rule.kind in (Kind.SLOW, Kind.TRUNCATE):
            if rule.kind is Kind.SLOW:
                time.sleep(rule.seconds)
            return emulator.answer(request)
        if rule.kind is Kind.EXPIRE_TOKEN:
            emulator.login.revoke(oauth.bearer(request))
            return emulator.answer(request)
        if rule.kind is Kind.HTML_ERROR:
            return Response(503, _HTML, {"Content-Type": "text/html; charset=UTF-8"})
        return _planned(int(rule.kind))

    def _send(self, request: Request, response: Response, *, truncated: bool = False) -> None:
        body, headers = response.body, dict(response.headers)
        if len(body) >= _GZIP_FROM and "gzip" in request.headers.get("accept-encoding", "").lower():
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = "gzip"
        headers["Vary"] = "Accept-Encoding"
        empty = response.status in (204, 304) or self.command == "HEAD"
        self.send_response_only(response.status, _phrase(response.status))
        now = self.server.emulator.org.clock.now()  # the org's clock: clients bound their cursors by this header
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


def _planned(status: int) -> Response:
    texts = {
        429: ("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
        500: (
            "UNKNOWN_EXCEPTION",
            "An unexpected error occurred. Please include this ErrorId if you need help",
        ),
        502: ("SERVER_UNAVAILABLE", "Bad gateway"),
        503: ("SERVER_UNAVAILABLE", "We are down for maintenance. Sorry for the inconvenience."),
    }
    code, message = texts[status]
    return json_response([{"message": message, "errorCode": code}], status)


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase
