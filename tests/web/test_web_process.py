"""The served process: nothing that it answered is lost, it ends in good order, and strangers get little out of it."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from connector.config.deployment import Deployment
from connector.errors import Misconfigured
from connector.hooks import events
from connector.web import serve as serving
from connector.web.application import served
from connector.web.serve import Running

SECRET = "e" * 32 + "-of-the-events"
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("web-process")]


def signed(event_id: str, secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
    body = json.dumps({"object": "Opportunity", "id": f"006-{event_id}", "event_id": event_id}).encode()
    stamp = str(int(time.time()))
    return body, {
        "Content-Type": "application/json",
        "X-PMOM-Timestamp": stamp,
        "X-PMOM-Signature": events.signature(secret, stamp, body),
    }


class Sender(threading.Thread):
    """Posts one event after the other and remembers which were answered with 200."""

    def __init__(self, url: str, name: str) -> None:
        super().__init__(daemon=True)
        self.url, self.label = url, name
        self.answered: list[str] = []
        self.stop = threading.Event()

    def run(self) -> None:
        with requests.Session() as http:
            number = 0
            while not self.stop.is_set():
                event_id = f"{self.label}-{number}"
                body, headers = signed(event_id)
                try:
                    answer = http.post(f"{self.url}/hooks/events/emea", data=body, headers=headers, timeout=10)
                except requests.RequestException:
                    return
                if answer.status_code == 200:
                    self.answered.append(event_id)
                number += 1


def senders(url: str, count: int = 6) -> list[Sender]:
    made = [Sender(url, str(number)) for number in range(count)]
    for each in made:
        each.start()
    until = time.monotonic() + 20
    while sum(len(each.answered) for each in made) < 60 and time.monotonic() < until:
        time.sleep(0.01)
    return made


@pytest.mark.kill
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_what_was_answered_is_in_the_inbox(make_process: Callable[..., Any], number: signal.Signals) -> None:
    web = make_process()
    made = senders(web.url)
    began = time.monotonic()
    code = web.end(number)
    took = time.monotonic() - began
    for each in made:
        each.stop.set()
        each.join(timeout=20)
    answered = {event_id for each in made for event_id in each.answered}
    kept = {each.hint.record_id.removeprefix("006-") for each in web.rows("emea")}
    assert len(answered) >= 60
    assert answered <= kept
    assert (code, took < 10) == (-9 if number == signal.SIGKILL else 0, True)


def test_a_process_that_was_told_to_end_answers_what_is_under_way(make_process: Callable[..., Any]) -> None:
    web = make_process()
    body, headers = signed("under-way")
    parts = urlsplit(web.url)
    with socket.create_connection((parts.hostname, parts.port)) as line:
        line.settimeout(10)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        line.sendall(
            f"POST /hooks/events/emea HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode()
            + body[:10]
        )
        requests.get(f"{web.url}/healthz", timeout=10)  # by now the first part has arrived
        web.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        line.sendall(body[10:])
        assert line.recv(100).startswith(b"HTTP/1.1 200")
    assert web.end() == 0
    assert [each.hint.record_id for each in web.rows("emea")] == ["006-under-way"]


def test_a_body_that_is_too_long_is_refused_unread_also_without_its_length(shared_process: Any) -> None:
    web = shared_process
    parts = urlsplit(web.url)
    for chunked in (True, False):
        line = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)
        sent = 0
        line.putrequest("POST", "/hooks/events/emea")
        line.putheader("Content-Type", "application/json")
        line.putheader(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(200 * 1024 * 1024))))
        line.endheaders()
        try:
            for _ in range(200 if chunked else 0):
                line.send(b"100000\r\n" + b" " * 0x100000 + b"\r\n")
                sent += 1
        except OSError:
            pass
        if not chunked:
            answer = line.getresponse()
            assert (answer.status, answer.getheader("Server")) == (413, None)
            assert json.loads(answer.read())["error"] == "too_large"
        assert sent < 100
        line.close()
    page = requests.get(f"{web.url}/metrics", timeout=10).text
    assert 'pmom_posts_total{connection="",outcome="too_large",sender="unknown"} 2.0' in page


def test_no_answer_tells_what_serves_and_endless_headers_are_refused(shared_process: Any) -> None:
    web = shared_process
    for path in ("/healthz", "/metrics", "/nowhere", "/hooks/hubspot/portal"):
        answer = requests.get(web.url + path, timeout=10)
        assert "Server" not in answer.headers
        assert len(answer.headers["X-Request-Id"]) == 32
    long = requests.get(f"{web.url}/healthz", headers={"X-Long": "x" * 20_000}, timeout=10)
    assert (long.status_code, long.json()["error"], "Server" in long.headers) == (431, "too_large", False)


def test_slow_senders_hold_nobody_up(shared_process: Any) -> None:
    web = shared_process
    parts = urlsplit(web.url)
    lines = [socket.create_connection((parts.hostname, parts.port)) for _ in range(40)]
    try:
        for line in lines:
            line.sendall(b"POST /hooks/events/emea HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        body, headers = signed("swift")
        answer = requests.post(f"{web.url}/hooks/events/emea", data=body, headers=headers, timeout=10)
        assert answer.json() == {"accepted": 1, "echoes": 0, "unmapped": 0}
    finally:
        for line in lines:
            line.close()


def test_lines_of_the_log_have_request_ids_and_no_secret(shared_process: Any) -> None:
    web = shared_process
    body, headers = signed("told", secret="w" * 40)
    answer = requests.post(f"{web.url}/hooks/events/emea", data=body, headers=headers, timeout=10)
    right = requests.post(f"{web.url}/hooks/salesforce/emea/{'o' * 32}-in-the-address", data=b"<", timeout=10)
    assert (answer.status_code, right.status_code) == (401, 415)
    text = (web.folder / "log").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    refused = [
        line for line in lines if line.get("request_id") in {each.headers["X-Request-Id"] for each in (answer, right)}
    ]
    assert [(line["request_id"], line["reason"]) for line in refused] == [
        (answer.headers["X-Request-Id"], "bad_signature"),
        (right.headers["X-Request-Id"], "media_type"),
    ]
    for secret in ("o" * 32, SECRET, "w" * 40, "11111111-2222"):
        assert secret not in text
    assert lines[0]["event"] == "serving"


def test_a_port_that_is_taken_is_told(settings_file: Callable[..., Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        deployment = Deployment.load(
            settings_file(web=f'public_url = "https://x.invalid"\nport = {taken.getsockname()[1]}')
        )
        with pytest.raises(Misconfigured, match="cannot be listened on"):
            Running(served(deployment), deployment)


def test_a_request_that_comes_byte_by_byte_is_given_up(
    settings_file: Callable[..., Path], free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_WHOLE", 0.3)
    deployment = Deployment.load(settings_file(web=f'public_url = "https://x.invalid"\nport = {free_port()}'))
    running = Running(served(deployment), deployment)
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        parts = urlsplit(running.url)
        with socket.create_connection((parts.hostname, parts.port), timeout=0.05) as line:
            line.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
            until, closed = time.monotonic() + 20, False
            while not closed and time.monotonic() < until:
                try:
                    line.sendall(b"x")
                    closed = line.recv(10) == b""
                except TimeoutError:
                    pass
                except OSError:
                    closed = True
        assert closed
        assert requests.get(f"{running.url}/healthz", timeout=10).status_code == 200
    finally:
        running.end()
        thread.join(20)
        running.close()
