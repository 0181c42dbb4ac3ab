"""How the benchmark server listens: one process over TLS on 127.0.0.1 that sends bytes rendered beforehand.

Only TLS, for every contender: none of them needs plain HTTP once its session trusts the certificate, and the cost of
TLS is then the same for all. No compression and no delay: what remains is the contenders' own work. The server counts
calls by kind and measures its own CPU, so that a report can show that it was never what was measured.
"""

from __future__ import annotations

import argparse
import json
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import BinaryIO, cast

from benchmarks import certificate, deals, render
from benchmarks.answers import Org
from benchmarks.calls import Answer, Answering, asked
from benchmarks.portal import Portal

_REASONS = {200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 404: "Not Found"}


def _send(conn: ssl.SSLSocket, answer: Answer, always: tuple[tuple[str, str], ...]) -> None:
    size = sum(len(part) for part in answer.body)
    lines = [f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}", f"Content-Length: {size}"]
    lines += [f"Content-Type: {answer.type}", f"Date: {formatdate(usegmt=True)}"]
    lines += [f"{name}: {value}" for name, value in (*always, *answer.headers)]
    conn.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    for part in answer.body:
        conn.sendall(part)


def _control(org: Answering, path: str) -> Answer:
    """Calls and CPU since the last reset; `/_control/reset` begins anew."""
    if path == "/_control/reset":
        org.calls.clear()
        org.since = time.process_time()
    told = {"calls": dict(org.calls), "cpu": time.process_time() - org.since}
    return Answer(200, (json.dumps(told).encode(),))


def _serve(conn: ssl.SSLSocket, org: Answering) -> None:
    with suppress(OSError), conn:
        conn.do_handshake()
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = cast(BinaryIO, conn.makefile("rb", buffering=1 << 16))
        while line := reader.readline():
            method, target, _ = line.decode().split(" ")
            length, chunked = 0, False
            while (header := reader.readline().strip().lower()) != b"":
                if header.startswith(b"content-length:"):
                    length = int(header[15:])
                chunked = chunked or header.replace(b" ", b"") == b"transfer-encoding:chunked"
            body = _chunks(reader) if chunked else reader.read(length)
            if target.startswith("/_control/"):
                _send(conn, _control(org, target), ())
            else:
                _send(conn, org.answer(asked(method, target, body)), org.headers)


def _chunks(reader: BinaryIO) -> bytes:
    parts = []
    while size := int(reader.readline(), 16):
        parts.append(reader.read(size))
        reader.readline()
    reader.readline()
    return b"".join(parts)


def _rendered(rows: int, fields: tuple[str, ...], rest: bool) -> Answering:
    """The portal when no fields are named, else the org; its pages are ready."""
    if not fields:
        if rest:
            deals.pages(rows)
        return Portal(rows)
    render.csv_body(fields, rows)
    if rest:
        render.json_pages(fields, rows, 2_000)
    return Org(rows)


def serve(rows: int, folder: Path, fields: tuple[str, ...], *, rest: bool) -> None:
    """Render, listen and answer until the process is ended; the first line on stdout is the port."""
    org = _rendered(rows, fields, rest)
    _, server_file = certificate.make(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_file)
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        raw, _ = listener.accept()
        conn = context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=_serve, args=(conn, org), daemon=True).start()


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it is, and which certificate to trust."""

    port: int
    ca_file: Path
    rows: int

    @property
    def host(self) -> str:
        """Host and port, as simple-salesforce's `instance` wants them."""
        return f"127.0.0.1:{self.port}"

    def control(self, what: str) -> tuple[dict[str, int], float]:
        """Calls by kind and the server's CPU seconds since the last reset; `what` is "counts" or "reset"."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        with (
            socket.create_connection(("127.0.0.1", self.port)) as raw,
            context.wrap_socket(raw, server_hostname="127.0.0.1") as conn,
        ):
            conn.sendall(f"GET /_control/{what} HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode())
            reader = conn.makefile("rb")
            size = 0
            while line := reader.readline().strip():
                if line.startswith(b"Content-Length:"):
                    size = int(line[15:])
            told = json.loads(reader.read(size))
        return told["calls"], told["cpu"]


@contextmanager
def running(rows: int, *, fields: tuple[str, ...] = (), rest: bool = True) -> Iterator[Server]:
    """A server process with so many Opportunities, its pages of those fields rendered (REST pages too if `rest`).

    Without fields it is a portal with so many deals.
    """
    with tempfile.TemporaryDirectory(prefix="pmom-bench-") as name:
        command = [sys.executable, "-m", "benchmarks.prerendered", "--rows", str(rows), "--folder", name]
        command += ["--fields", ",".join(fields)] + (["--rest"] if rest else [])
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError("the benchmark server ended before it listened; see its message above")
            yield Server(int(line), Path(name) / "ca.pem", rows)
        finally:
            process.kill()
            process.wait()


def main() -> None:
    """The command line of the server process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--fields", default="")
    parser.add_argument("--rest", action="store_true")
    given = parser.parse_args()
    serve(given.rows, given.folder, tuple(filter(None, given.fields.split(","))), rest=given.rest)


if __name__ == "__main__":
    main()
