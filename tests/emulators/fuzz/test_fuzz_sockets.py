"""Bytes that are no proper HTTP get an answer or a closed connection, never a hang, and the next caller is served."""

from __future__ import annotations

import gzip
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emulators.loopback import http
from emulators.loopback.http import Response
from emulators.replay.odd import OddCalls
from emulators.replay.targets import OrgUnderFire, PortalUnderFire

POST = b"POST /crm/v3/objects/companies HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
RAW = (
    b"\r\n\r\n",
    b"GET\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    b"GET / HTTP/1.1\r\nX" + b"x" * 70_000 + b"\r\n\r\n",
    b"BREW /coffee HTTP/1.1\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n\r\n",
    b"GET \xff\xfe HTTP/1.1\r\nHost: \xff\r\n\r\n",
    POST + b"Content-Length: -5\r\n\r\n{}",
    POST + b"Content-Length: five\r\n\r\n{}",
    POST + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n{}",
    POST + b"Content-Length: 50\r\n\r\n{}",
    POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    POST + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n{}",
    POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{",
    POST + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    POST + b"Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\n" + gzip.compress(b"{}" * 50)[:12],
    POST + b"Content-Encoding: gzip\r\nContent-Length: 0\r\n\r\n",
    POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
)


@pytest.fixture(params=(OrgUnderFire, PortalUnderFire), ids=lambda kind: kind.name)
def running(request: Any, tmp_path: Path) -> Iterator[Any]:
    made = request.param(tmp_path)
    made.emulator.start()
    yield made.emulator
    made.emulator.stop()


def answered(emulator: Any, raw: bytes, *, closing: bool = True) -> bytes:
    """What comes back until the emulator closes the connection; a hang is a timeout, which fails the test."""
    port = int(emulator.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(raw)
        if closing:
            connection.shutdown(socket.SHUT_WR)
        found = b""
        while part := connection.recv(65_536):
            found += part
    return found


def test_raw_bytes_are_answered_or_cut_off(running: Any) -> None:
    answers = [answered(running, raw) for raw in RAW]
    statuses = [int(each.split(b" ")[1]) for each in answers if each.startswith(b"HTTP/")]
    assert [status for status in statuses if status >= 500 and status != 505] == []


def test_the_next_caller_is_served_after_all_that(running: Any) -> None:
    for raw in RAW[:8]:
        answered(running, raw)
    assert b" 401 " in answered(running, b"GET /services/data/v67.0/limits HTTP/1.1\r\n\r\n") + answered(
        running, b"GET /crm/v3/owners HTTP/1.1\r\n\r\n"
    )


def test_a_body_that_never_comes_is_waited_for_only_so_long(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_PATIENCE", 0.2)
    found = answered(running, POST + b"Content-Length: 50\r\n\r\n{}", closing=False)
    assert found.startswith(b"HTTP/1.1 400 ")


def test_a_body_that_drips_in_is_waited_for_only_so_long(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_PATIENCE", 0.3)
    port = int(running.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        connection.settimeout(0.05)
        found = b""
        for _ in range(400):  # a byte at a time, each well within the patience
            try:
                connection.sendall(b"1\r\nx\r\n")
                found = connection.recv(65_536)
            except TimeoutError:
                continue
            except OSError:
                break
            if found:
                break
    assert found.startswith(b"HTTP/1.1 400 ")


def test_a_connection_without_a_call_is_closed_after_a_while(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_IDLE", 0.2)
    assert answered(running, b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow", closing=False) == b""


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET / HTTP/9.9\r\n\r\n", 505),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nno header\r\nHost: x\r\n\r\n", 400),
        (POST + b"Content-Length : 2\r\n\r\n{}", 400),
        (POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", 400),
        (POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}0\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 200 + b"\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X" * 9000 + b"\r\n\r\n", 400),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_read(
    running: Any, raw: bytes, status: int
) -> None:
    found = answered(running, raw + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 %d " % status)
    assert found.count(b"HTTP/1.1 ") == 1
    assert b"\r\nConnection: close\r\n" in found


def test_a_body_in_chunks_with_trailers_is_the_same_as_in_one_piece(running: Any) -> None:
    body = b"Transfer-Encoding: chunked\r\n\r\n1;a=b\r\n{\r\n1\r\n}\r\n0\r\nX: y\r\n\r\n"
    whole = answered(running, POST + b"Content-Length: 2\r\n\r\n{}")
    assert answered(running, POST + body).split(b" ")[:2] == whole.split(b" ")[:2]


def test_unknown_methods_are_refused_in_the_vendors_form(running: Any) -> None:
    path = b"/services/data/v67.0/limits" if hasattr(running, "org") else b"/crm/v3/owners"
    found = answered(running, b"BREW " + path + b" HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 405 ")


@pytest.fixture(params=(OrgUnderFire, PortalUnderFire), ids=lambda kind: kind.name)
def fired(request: Any, tmp_path: Path) -> Iterator[Any]:
    made = request.param(tmp_path)
    made.emulator.start()
    yield made
    made.close()


def test_malformed_requests_over_a_socket_are_all_answered(fired: Any) -> None:
    odd = OddCalls(fired.vocabulary, random.Random(11))
    statuses = []
    for _ in range(150):
        call = odd.call()
        lines = [f"{call.method} {call.target} HTTP/1.1", "Connection: close", f"Content-Length: {len(call.body)}"]
        lines += [f"{name}: {value}" for name, value in call.headers.items()]
        head = "\r\n".join(lines).encode("latin-1", "replace")
        found = answered(fired.emulator, head + b"\r\n\r\n" + call.body)
        if found.startswith(b"HTTP/1.1 5") and not fired.expects(call, Response(500, found)):
            statuses.append((call, found[:200]))
    assert statuses == []
    assert fired.sound() == ""
