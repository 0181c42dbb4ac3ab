"""What the scripts of HubSpot's clients share: the portal's control plane, and a receiver of webhooks."""

from __future__ import annotations

import json
import os
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

URL, TOKEN, CA_FILE, PORTAL_ID, APP_ID = (
    os.environ[f"EMULATOR_{name}"] for name in ("URL", "ACCESS_TOKEN", "CA_FILE", "PORTAL_ID", "APP_ID")
)
CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, USER_ID = (
    os.environ[f"EMULATOR_{name}"] for name in ("CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN", "USER_ID")
)
_TLS = ssl.create_default_context(cafile=CA_FILE)


def control(call: str, body: Any = None, method: str = "POST") -> Any:
    """A call to the control plane: what an administrator, or bad luck, does to the portal."""
    headers = {"X-Emulator-Token": os.environ["EMULATOR_CONTROL_TOKEN"], "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{URL}/__emulator__/{call}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=20, context=_TLS) as answer:
        return json.loads(answer.read())


def real_time() -> None:
    """The portal's clock shows what this machine's does: clients compare signed times with their own."""
    control("clock", {"now": datetime.now(UTC).isoformat().replace("+00:00", "Z")})


def text_of(address: str) -> str:
    """What an address that the portal gave has for anybody who knows it."""
    with urllib.request.urlopen(address, timeout=20, context=_TLS) as answer:
        return str(answer.read().decode())


def posted(path: str, form: dict[str, str]) -> Any:
    """The answer to a form, as JSON; None for an empty one."""
    data = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(URL + path, data, timeout=20, context=_TLS) as answer:
        return json.loads(answer.read() or "null")


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        return None


def redirected(path: str) -> str:
    """Where a browser would be sent from that page."""
    opener = urllib.request.build_opener(_Stay, urllib.request.HTTPSHandler(context=_TLS))
    try:
        opener.open(URL + path, timeout=20)
    except urllib.error.HTTPError as answer:
        return str(answer.headers["Location"])
    raise AssertionError(f"{path} does not lead anywhere")


@contextmanager
def faults(*rules: dict[str, Any]) -> Iterator[None]:
    """Faults for as long as that lasts."""
    control("faults", list(rules))
    try:
        yield
    finally:
        control("faults", method="DELETE")


@contextmanager
def scopes_without(*taken: str) -> Iterator[None]:
    """The application lacks these scopes for as long as that lasts."""
    control("scopes", {"take": list(taken)})
    try:
        yield
    finally:
        control("scopes", {"give": list(taken)})


class Receiver:
    """A listener on loopback that keeps (headers by lower-case name, raw body) of every webhook."""

    def __init__(self) -> None:
        self.posts: list[tuple[dict[str, str], bytes]] = []
        posts = self.posts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                posts.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hooks/hubspot"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of all posts."""
        return [event for _, body in self.posts for event in json.loads(body)]

    def delivered(self) -> list[tuple[dict[str, str], bytes]]:
        """All posts once nothing is waiting any more."""
        assert control("deliver", {"seconds": 10})["idle"]
        return self.posts


def run(capabilities: tuple[Callable[[Any], None], ...], client: Any, chosen: list[str]) -> None:
    """Try the capabilities in turn, each with a line of output."""
    for capability in capabilities:
        if not chosen or capability.__name__ in chosen:
            capability(client)
            print(capability.__name__, flush=True)
