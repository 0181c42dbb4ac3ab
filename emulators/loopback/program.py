"""How an emulator runs as a program: options that are told well, one line of JSON, answers until it is stopped."""

from __future__ import annotations

import difflib
import errno
import json
import re
import signal
import sqlite3
import sys
import tempfile
import threading
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

from emulators.loopback import layout
from emulators.loopback.clock import Clock, parse_instant
from emulators.loopback.server import Running
from emulators.loopback.whole import write_atomically

Build = Callable[[Namespace, Path], tuple[Running, Mapping[str, object]]]
CODES = """\
exit codes:
  0  stopped by SIGTERM or SIGINT (Ctrl-C)
  1  the state could not be saved at the end (--save-state)
  2  the options make no sense, or a file that they name cannot be read
"""


class Options(ArgumentParser):
    """A parser whose help keeps its line ends and whose refusals are one sentence, not the whole usage."""

    def __init__(self, name: str, description: str, epilog: str, usage: str = "[options]") -> None:
        super().__init__(
            prog=f"python -m emulators {name}",
            usage=f"python -m emulators {name} {usage}",
            description=description,
            epilog=epilog,
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.name = name

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and, of a misspelt option, which one may be meant."""
        unknown = re.search(r"unrecognized arguments: (-\S+)", message)
        near = (
            difflib.get_close_matches(unknown[1].partition("=")[0], self._option_string_actions, 1) if unknown else []
        )
        hint = f"; did you mean {near[0]}?" if near else ""
        self.exit(2, f"emulators {self.name}: {message}{hint}\nemulators {self.name}: --help tells all options\n")


def add_options(parser: ArgumentParser, thing: str) -> None:
    """The options that every emulator has, in groups."""
    add = parser.add_argument_group("where it answers").add_argument
    add("--port", type=_port, default=0, metavar="N", help="port on 127.0.0.1 (default 0: any free one)")
    add("--http", action="store_true", help="plain HTTP instead of TLS")
    add(
        "--ca-folder",
        type=Path,
        metavar="DIR",
        help="where ca.pem lies; others' authorities in it stay (default: beside the SQLite file)",
    )
    add("--ready-file", type=Path, metavar="FILE", help="write the JSON line there too, once calls are answered")
    add("--control-token", metavar="TEXT", help="of the control plane and the page (default: generated)")
    add = parser.add_argument_group("its clock").add_argument
    add("--now", metavar="INSTANT", help=f"start the {thing}'s clock there, as 2026-03-31T09:00:00Z")
    add("--freeze", action="store_true", help="let the clock stand still")
    add = parser.add_argument_group("what is kept").add_argument
    add("--db", type=Path, metavar="FILE", help=f"SQLite file of the {thing} (default: a temporary one)")
    add("--state", type=Path, metavar="FILE", help="begin with a copy of a saved state; the file stays as it is")
    add("--save-state", type=Path, metavar="FILE", help="save the state there when the program is stopped")


def saved(options: Namespace, crm: str, database: Path, *others: str) -> dict[str, Any] | None:
    """What was in memory when `--state` was saved, its file being `database` now; None without that option.

    ValueError when it cannot be taken, or when one of the `others` is given too, which the state brings along.
    """
    if options.state is None:
        layout.claim(database, crm)
        return None
    given = [f"--{name}" for name in others if getattr(options, name.replace("-", "_"))]
    if given:
        raise ValueError(f"--state brings its own; leave out {', '.join(given)}")
    if database.exists():
        raise ValueError(f"--state begins a new file, but {database} exists; name another --db, or none")
    from emulators.loopback import state

    try:
        memory = state.unpack(options.state, crm, database)
        layout.claim(database, crm)
        return memory
    except (ValueError, sqlite3.Error) as bad:
        database.unlink(missing_ok=True)
        raise ValueError(f"--state: {bad}") from None


def clock_of(options: Namespace, kept: Mapping[str, Any] | None) -> Clock:
    """The clock as the options say, else as it was saved, else the real time."""
    start = options.now or (kept["now"] if kept else None)
    return Clock(parse_instant(start) if start else None, frozen=options.freeze or bool(kept and kept["frozen"]))


def run(name: str, options: Namespace, build: Build) -> int:
    """Run what `build` makes of the options and a temporary folder; the exit code, as `CODES` tells."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with tempfile.TemporaryDirectory(prefix="emulator-") as folder:
        try:
            _demand_place(options.save_state, "--save-state")
            _demand_place(options.ready_file, "--ready-file")
            emulator, line = build(options, Path(folder))
            _sweep(options.save_state, options.db)
        except (ValueError, OSError, sqlite3.Error) as bad:
            sys.stderr.write(f"emulators {name}: {_sentence(bad, options)}\n")
            return 2
        with emulator:
            _announce(options.ready_file, line)
            stopped.wait()
            return _saved_at_end(name, emulator, options.save_state)


def page_address(url: str, token: str) -> str:
    """The address that lets a browser in."""
    return f"{url}/?token={quote(token, safe='')}"


def _saved_at_end(name: str, emulator: Running, target: Path | None) -> int:
    if target is None:
        return 0
    try:
        emulator.save(target)
    except (OSError, sqlite3.Error) as bad:
        sys.stderr.write(f"emulators {name}: the state was not saved: {bad}\n")
        return 1
    return 0


def _demand_place(target: Path | None, option: str) -> None:
    """A file that could not be written is told at the start, not at the end."""
    if target is None:
        return
    folder = target.absolute().parent
    if not folder.is_dir():
        raise ValueError(f"{option}: there is no folder {folder}")
    if target.is_dir():
        raise ValueError(f"{option}: {target} is a folder, not a file")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as bad:
        raise ValueError(f"{option}: nothing can be written into {folder} ({bad.strerror})") from None


def _sweep(*files: Path | None) -> None:
    from emulators.loopback import state

    for each in filter(None, files):
        state.sweep(each)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise ArgumentTypeError(f"{text!r} is no port; it is a number from 0 to 65535")
    return int(text)


def _sentence(bad: Exception, options: Namespace) -> str:
    if isinstance(bad, sqlite3.Error):
        return f"{options.db} cannot be used: {bad}"
    if isinstance(bad, OSError) and bad.errno in (errno.EADDRINUSE, errno.EACCES) and bad.filename is None:
        return f"--port {options.port} cannot be had: {bad.strerror}"
    if isinstance(bad, OSError) and bad.filename is not None:
        return f"{bad.filename}: {bad.strerror}"
    return str(bad)


def _announce(ready_file: Path | None, line: Mapping[str, object]) -> None:
    text = json.dumps(line)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
    if ready_file is not None:
        write_atomically(ready_file, text.encode() + b"\n")
