"""How an emulator runs as a program: announced in one line of JSON, until SIGTERM or SIGINT."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import threading
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from emulators.loopback import tls
from emulators.loopback.server import Running

Build = Callable[[Namespace, Path], tuple[Running, Mapping[str, object]]]


def add_options(parser: ArgumentParser, thing: str) -> None:
    """The options that every emulator has."""
    add = parser.add_argument
    add("--db", type=Path, metavar="FILE", help=f"SQLite file of the {thing} (default: a temporary one)")
    add("--port", type=int, default=0, help="port on 127.0.0.1 (default 0: any free one)")
    add("--http", action="store_true", help="plain HTTP instead of TLS")
    add("--ca-folder", type=Path, metavar="DIR", help="where ca.pem is written (default: beside the SQLite file)")
    add("--ready-file", type=Path, metavar="FILE", help="write the JSON line there too, once calls are answered")
    add("--now", metavar="INSTANT", help=f"start the {thing}'s clock there, as 2026-03-31T09:00:00Z")
    add("--freeze", action="store_true", help="let the clock stand still")
    add("--control-token", metavar="TEXT", help="of the control plane (default: generated)")


def run(name: str, options: Namespace, build: Build) -> int:
    """Run what `build` makes of the options and a temporary folder; 2 for options that make no sense."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with tempfile.TemporaryDirectory(prefix="emulator-") as folder:
        try:
            emulator, line = build(options, Path(folder))
        except (ValueError, OSError) as bad:
            sys.stderr.write(f"emulators {name}: {bad}\n")
            return 2
        with emulator:
            _announce(options.ready_file, line)
            stopped.wait()
    return 0


def page_address(url: str, token: str) -> str:
    """The address that lets a browser in."""
    return f"{url}/?token={quote(token, safe='')}"


def _announce(ready_file: Path | None, line: Mapping[str, object]) -> None:
    text = json.dumps(line)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
    if ready_file is not None:
        tls.write_atomically(ready_file, text.encode() + b"\n")
