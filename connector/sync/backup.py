"""How are the databases of a deployment copied into one file while its workers go on?

The file is a zip archive: `manifest.json`, then one member a database. A connection's store and mirror are copied
while nobody else can open the mirror, so that they tell of the same moment; the queue is copied before the inbox that
it names, so that nothing which waits is taken for done.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from time import monotonic, sleep

import duckdb

from connector.errors import Busy, Misconfigured, refuse_cut_off

FORMAT = 1
MANIFEST = "manifest.json"
_BLOCK = 1 << 20
_POLL = 0.2  # seconds between two tries to open a mirror that a worker holds


class Form(StrEnum):
    """What kind of database a file is."""

    SQLITE = "sqlite"
    DUCKDB = "duckdb"


@dataclass(frozen=True, slots=True)
class Part:
    """One database of the deployment: "_jobs/queue", "_jobs/fleet", "emea/store", "emea/mirror"."""

    name: str
    form: Form
    path: Path
    revisions: str = ""  # the table that holds its revision, such as store_version


@dataclass(frozen=True, slots=True)
class Copy:
    """One database as a backup holds it; `bytes` and `sha256` are those of the file."""

    name: str
    form: Form
    bytes: int
    sha256: str
    revision: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. `version` is that of the program that made it."""

    made_at: datetime
    version: str
    copies: tuple[Copy, ...]

    def to_json(self) -> str:
        """The text of the archive's first member."""
        copies = [asdict(each) for each in self.copies]
        said = {"format": FORMAT, "made_at": self.made_at.isoformat(), "version": self.version, "copies": copies}
        return json.dumps(said, indent=2)


def back_up(
    parts: Sequence[Part], file: Path, *, at: datetime, version: str, force: bool = False, wait: float = 120.0
) -> Manifest:
    """Copy the databases that are there into `file`, readable by its owner only.

    Raises Misconfigured when the file is there already (unless `force`), cannot be written or there is nothing to
    copy, and Busy when a mirror is not given back within `wait` seconds; `file` is then as it was.
    """
    for part in parts:
        refuse_cut_off(part.path)
    there = [part for part in parts if part.path.is_file()]
    if not there:
        raise Misconfigured(str(file), "there is nothing to back up yet", "Run `pmom pull` first.")
    if file.exists() and not force:
        raise Misconfigured(str(file), "it is already there", "Name another file, or say --force to overwrite it.")
    try:
        with _scratch(file.parent) as folder:
            copies = tuple(_copied(there, folder, wait))
            manifest = Manifest(at, version, copies)
            _archived(manifest, folder, file)
    except (OSError, sqlite3.Error, duckdb.Error) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        fix = "Look whether there is room, and whether `pmom status` reads the databases."
        raise Misconfigured(str(file), f"the backup cannot be made ({reason})", fix) from error
    return manifest


@contextmanager
def _scratch(beside: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=".pmom-backup-", dir=beside))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copied(parts: Sequence[Part], folder: Path, wait: float) -> Iterator[Copy]:
    groups: dict[str, list[Part]] = {}
    for part in parts:
        groups.setdefault(part.name.partition("/")[0], []).append(part)
    for group in groups.values():
        mirror = next((part for part in group if part.form is Form.DUCKDB), None)
        with closing(_alone(mirror.path, wait) if mirror else duckdb.connect(":memory:")) as held:
            for part in group:
                copy = folder / part.name.replace("/", "-")
                if part.form is Form.DUCKDB:
                    held.execute(f"ATTACH '{_quoted(copy)}' AS copy; COPY FROM DATABASE live TO copy; DETACH copy")
                    revision = ""
                else:
                    revision = copy_sqlite(part.path, copy, part.revisions)
                yield Copy(part.name, part.form, copy.stat().st_size, digest_of(copy), revision)


def _alone(mirror: Path, wait: float) -> duckdb.DuckDBPyConnection:
    """A session that reads the mirror as `live`, while nobody can write to it."""
    until = monotonic() + wait
    while True:
        held = duckdb.connect(":memory:")
        try:
            held.execute(f"ATTACH '{_quoted(mirror)}' AS live (READ_ONLY)")
            return held
        except duckdb.IOException as error:
            held.close()
            if "lock" not in str(error).lower():
                raise
            if monotonic() >= until:
                raise Busy(
                    f"{mirror}: a worker did not give the mirror back within {wait:g} seconds. "
                    "Say --wait for longer, or let the connection rest with `pmom jobs pause`."
                ) from None
        sleep(_POLL)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def copy_sqlite(source: Path, target: Path, revisions: str) -> str:
    """Copy a database as it is at one moment, whoever writes to it, into one file; its revision."""
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as live,
        closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
        return revision_of(copy, revisions)


def revision_of(db: sqlite3.Connection, table: str) -> str:
    """The revision of the schema; empty where none is kept."""
    if not table or not db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
        return ""
    found = db.execute(f"SELECT version_num FROM {table}").fetchone()
    return str(found[0]) if found else ""


def digest_of(file: Path) -> str:
    """The SHA-256 of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _archived(manifest: Manifest, folder: Path, file: Path) -> None:
    made = folder / "archive"
    with open(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(MANIFEST, manifest.to_json())
            for copy in manifest.copies:
                archive.write(folder / copy.name.replace("/", "-"), copy.name)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(made, file)
