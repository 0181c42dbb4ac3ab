"""How an emulator's state becomes one file and comes back: its SQLite file, and what it keeps in memory only.

The file: a line that says what it is, a line of JSON (what was in memory), the SQLite file compressed with zlib, and
the SHA-256 of all that. It is read as a whole or not at all.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from emulators.loopback.json_text import parse

_FORMAT = 1
_CHUNK = 1 << 20
_LINE = 64 * _CHUNK  # bytes of what was in memory, at most
_DIGEST = 32
_LEAST = 100  # bytes of the head of a SQLite file


class Kept(Protocol):
    """What has a state."""

    crm: str  # "salesforce" or "hubspot"

    @property
    def file(self) -> Path:
        """Its SQLite file."""

    def writing(self) -> AbstractContextManager[object]:
        """While inside, nobody else writes."""

    def memory(self) -> dict[str, Any]:
        """What the file does not hold, as JSON values."""


def save(kept: Kept, target: Path) -> None:
    """Write a consistent copy while calls go on; the file is there whole or not at all. OSError when it cannot be."""
    with tempfile.TemporaryDirectory(prefix=_prefix(target), dir=target.absolute().parent) as folder:
        copy, packed = Path(folder) / "copy.db", Path(folder) / "packed"
        memory = _copied(kept, copy)
        with packed.open("wb") as out:
            _pack(kept.crm, memory, copy, out)
        os.replace(packed, target)


def unpack(source: Path, crm: str, target: Path) -> dict[str, Any]:
    """Write the SQLite file of a saved state to `target`; what was in memory. ValueError with one clear sentence."""
    try:
        with source.open("rb") as found:
            return _unpack(found, source.stat().st_size, crm, target)
    except (OSError, ValueError, zlib.error, sqlite3.Error) as bad:
        target.unlink(missing_ok=True)
        text = os.strerror(bad.errno) if isinstance(bad, OSError) and bad.errno else str(bad)
        raise ValueError(f"{source.name} is not taken: {text}") from None


def overwrite(source: Path, target: Path) -> None:
    """Put the content of one SQLite file into another that is in use."""
    with closing(sqlite3.connect(source)) as new, closing(sqlite3.connect(target, timeout=30)) as old:
        new.backup(old)


@contextmanager
def beside(file: Path) -> Iterator[Path]:
    """A folder beside that file, for as long as it is needed; `sweep` removes it when the program was killed."""
    with tempfile.TemporaryDirectory(prefix=_prefix(file), dir=file.absolute().parent) as folder:
        yield Path(folder)


def sweep(file: Path) -> None:
    """Remove what a program that was killed left beside that file: copies of everything, secrets too."""
    for folder in file.absolute().parent.glob(f"{glob.escape(_prefix(file))}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _prefix(file: Path) -> str:
    return f".state-{file.name}-"


def _copied(kept: Kept, copy: Path) -> dict[str, Any]:
    """Copy the SQLite file as of one moment, and tell what was in memory at that moment."""
    with closing(sqlite3.connect(kept.file, timeout=30, isolation_level=None)) as source:
        with kept.writing():
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on it sees this moment
            memory = kept.memory()
        with closing(sqlite3.connect(copy, isolation_level=None)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # all of it is in the one file
    return memory


def _pack(crm: str, memory: dict[str, Any], copy: Path, out: IO[bytes]) -> None:
    digest, press = hashlib.sha256(), zlib.compressobj(1)

    def put(part: bytes) -> None:
        digest.update(part)
        out.write(part)

    put(_first_line(crm))
    put(json.dumps(memory, separators=(",", ":")).encode() + b"\n")
    with copy.open("rb") as source:
        while part := source.read(_CHUNK):
            put(press.compress(part))
    put(press.flush())
    out.write(digest.digest())


def _unpack(found: IO[bytes], size: int, crm: str, target: Path) -> dict[str, Any]:
    first = found.readline(200)
    if not first.startswith(b"emulator-state "):
        raise ValueError("it is not a saved state")
    if first != _first_line(crm):
        raise ValueError(f"it is a saved state of another kind ({first[15:60].decode('ascii', 'replace').strip()})")
    _demand_whole(found, size)
    memory = parse(found.readline(_LINE))
    if not isinstance(memory, dict):
        raise ValueError("it is damaged")
    with target.open("wb") as out:
        written, promised = 0, _LEAST
        for part in _unpressed(found, size - _DIGEST - found.tell()):
            promised = promised if written else _promised(part, target)
            written += len(part)
            if written > promised:
                raise ValueError("it is damaged: it holds more than it tells")
            out.write(part)
    if written != promised:
        raise ValueError("it is damaged: it holds less than it tells")
    return memory


def _unpressed(found: IO[bytes], left: int) -> Iterator[bytes]:
    """The next `left` bytes uncompressed, piece by piece: small files can hold more than any memory."""
    press, waiting = zlib.decompressobj(), b""
    while not press.eof and (left > 0 or waiting):
        if not waiting:
            waiting = found.read(min(_CHUNK, left))
            left -= len(waiting)
        part = press.decompress(waiting, _CHUNK)
        waiting = press.unconsumed_tail
        if part:
            yield part
    if not press.eof or press.unused_data or left:
        raise ValueError("it is damaged")


def _promised(start: bytes, target: Path) -> int:
    """How large a SQLite file is by its own first page (sqlite.org/fileformat2: page size, size in pages)."""
    if len(start) < _LEAST or not start.startswith(b"SQLite format 3\0"):
        raise ValueError("it is damaged: it holds no SQLite file")
    page = int.from_bytes(start[16:18])
    size = (65_536 if page == 1 else page) * int.from_bytes(start[28:32])
    if size > shutil.disk_usage(target.parent).free:
        raise ValueError("there is too little room for it on this disk")
    return size


def _demand_whole(found: IO[bytes], size: int) -> None:
    """ValueError unless the last 32 bytes are the digest of all others; reading goes on behind the first line."""
    start, digest = found.tell(), hashlib.sha256()
    found.seek(0)
    left = size - _DIGEST
    while left > 0 and (part := found.read(min(_CHUNK, left))):
        digest.update(part)
        left -= len(part)
    if found.read() != digest.digest():
        raise ValueError("it is damaged: its checksum is another")
    found.seek(start)


def _first_line(crm: str) -> bytes:
    return f"emulator-state {_FORMAT} {crm}\n".encode()
