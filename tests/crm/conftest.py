"""An org and a portal that answer from a script, on loopback: for the answers that no well-meaning server gives."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connector.crm.hubspot.connection import HubSpotConnection
from connector.crm.hubspot.wire import Wire as HubSpotWire
from connector.crm.retry import Patience
from connector.crm.salesforce.adapter import SalesforceCRM
from connector.crm.salesforce.auth import SalesforceConnection
from connector.crm.salesforce.http import Wire

DATA = "/services/data/v67.0"
TOKEN = "00D000000000001!AQ{0}"


@dataclass(frozen=True)
class Reply:
    """One answer; `cut` sends only that many bytes of the body it announces, `drop` closes without answering.

    `hold` keeps the caller waiting for that many seconds at most, or until the test is over.
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    drop: bool = False
    hold: float = 0.0

    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    token: str
    body: bytes
    headers: dict[str, str]


class ScriptedOrg:
    """Answers by the first matching rule; a rule's last reply repeats."""

    def __init__(self, url: str, ca_file: str) -> None:
        self.url, self.ca_file = url, ca_file
        self.seen: list[Seen] = []
        self.tokens = 0
        self.over = threading.Event()
        self._rules: list[tuple[str, re.Pattern[str], list[Reply]]] = []

    def on(self, method: str, path: str, *replies: Reply) -> None:
        self._rules.insert(0, (method, re.compile(path), list(replies)))

    def answer(self, seen: Seen) -> Reply:
        self.seen.append(seen)
        for method, pattern, replies in self._rules:
            if method == seen.method and pattern.search(seen.path):
                return replies.pop(0) if len(replies) > 1 else replies[0]
        if seen.path == "/services/data":
            return Reply(body=[{"version": "66.0"}, {"version": "67.0"}])
        if seen.path == "/services/oauth2/token":
            self.tokens += 1
            identity = f"{self.url}/id/00D000000000001EAA/005000000000001AAA"
            return Reply(body={"access_token": TOKEN.format(self.tokens), "instance_url": self.url, "id": identity})
        return Reply(404, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}])

    def calls(self, text: str) -> list[Seen]:
        return [each for each in self.seen if text in each.path]

    def connection(self, **settings: Any) -> SalesforceConnection:
        basics: dict[str, Any] = {
            "instance_url": self.url,
            "client_id": "3MVG9.client",
            "client_secret": "s3cr3t-of-the-app",
            "ca_file": self.ca_file,
            "patience": Patience(first=0.001, longest=1.0, total=5.0),
            "connect_timeout": 2.0,
            "read_timeout": 2.0,
            "first_poll": 0.001,
        }
        return SalesforceConnection(**(basics | settings))


PORTAL = {"portalId": 4711, "uiDomain": "app-eu1.hubspot.com", "timeZone": "US/Eastern", "companyCurrency": "EUR"}


class ScriptedPortal(ScriptedOrg):
    """A portal that answers from a script, over plain HTTP on loopback."""

    def answer(self, seen: Seen) -> Reply:
        self.seen.append(seen)
        for method, pattern, replies in self._rules:
            if method == seen.method and pattern.search(seen.path):
                return replies.pop(0) if len(replies) > 1 else replies[0]
        if seen.path.startswith("/account-info/"):
            return Reply(body=PORTAL)
        if seen.path.endswith("/token"):
            self.tokens += 1
            token = f"CJSP-access-{self.tokens}"
            body = {"access_token": token, "refresh_token": f"na1-refresh-{self.tokens}", "expires_in": 1800}
            return Reply(body=body | {"hub_id": 4711, "user_id": 77})
        gone = {
            "status": "error",
            "message": "resource not found",
            "correlationId": "c",
            "category": "OBJECT_NOT_FOUND",
        }
        return Reply(404, gone)

    def portal_connection(self, **settings: Any) -> HubSpotConnection:
        basics: dict[str, Any] = {
            "access_token": None if settings.get("auth") == "oauth" else "pat-eu1-5ec2e7-of-the-app",
            "base_url": self.url,
            "patience": Patience(first=0.001, longest=30.0, total=60.0),
            "connect_timeout": 2.0,
            "read_timeout": 2.0,
            "burst": 100_000,
            "searches": 100_000.0,
        }
        return HubSpotConnection(**(basics | settings))


def _handler(org: Callable[[], ScriptedOrg]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65_536  # headers and body in one packet: two would wait 40 ms for each other

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            reply = org().answer(Seen(self.command, self.path, token, body, dict(self.headers)))
            self._send(reply)

        def _send(self, reply: Reply) -> None:
            if reply.hold:
                org().over.wait(reply.hold)
            if reply.drop:
                self.close_connection = True
                return
            content = reply.content()
            self.send_response_only(reply.status)
            for name, value in ({"Date": self.date_time_string()} | reply.headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content if reply.cut is None else content[: reply.cut])
            self.close_connection = self.close_connection or reply.cut is not None

        def log_message(self, *args: object) -> None:
            return None

    for verb in ("GET", "POST", "PATCH", "PUT", "DELETE"):
        setattr(Handler, f"do_{verb}", Handler._serve)
    return Handler


def _certificate(folder: Path) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    cert, secret = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(cert), str(secret)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Roots of trust and proxies of the machine that runs the tests must not matter."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    return _certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def org(certificate: tuple[str, str]) -> Iterator[ScriptedOrg]:
    """A scripted org of its own for each test."""
    holder: list[ScriptedOrg] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(lambda: holder[0]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.daemon_threads = True
    server.handle_error = lambda *args: None  # type: ignore[method-assign]
    holder.append(ScriptedOrg(f"https://127.0.0.1:{server.server_port}", certificate[0]))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield holder[0]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def portal() -> Iterator[ScriptedPortal]:
    """A scripted portal of its own for each test."""
    holder: list[ScriptedOrg] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(lambda: holder[0]))
    server.daemon_threads = True
    server.handle_error = lambda *args: None  # type: ignore[method-assign]
    made = ScriptedPortal(f"http://127.0.0.1:{server.server_port}", "")
    holder.append(made)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield made
    made.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def naps() -> list[float]:
    """The waits that a wire of the test asked for, none of which was slept."""
    return []


@pytest.fixture
def hub(portal: ScriptedPortal, naps: list[float]) -> Iterator[Callable[..., HubSpotWire]]:
    """Makes wires to the scripted portal, with settings of the test's own."""
    made: list[HubSpotWire] = []

    def make(**settings: Any) -> HubSpotWire:
        made.append(HubSpotWire(portal.portal_connection(**settings), sleep=naps.append))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def wire(org: ScriptedOrg) -> Iterator[Wire]:
    made = Wire(org.connection())
    yield made
    made.close()


@pytest.fixture
def crm(org: ScriptedOrg) -> Iterator[SalesforceCRM]:
    made = SalesforceCRM(org.connection())
    yield made
    made.close()


@pytest.fixture
def reply() -> type[Reply]:
    return Reply
