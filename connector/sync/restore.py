"""How does a deployment get back the databases that a backup holds, and nothing when the backup is bad?

Everything is read, measured and checked beside its place before anything is moved. The databases that were there stay
beside the new ones, with `.before-restore` after their names.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from connector.errors import Busy, Misconfigured
from connector.sync.backup import FORMAT, MANIFEST, Copy, Form, Manifest, Part, digest_of

BEFORE = ".before-restore"
_NEW = ".restoring"
_BLOCK = 1 << 20
_LONGEST = 1 << 20  # bytes of a manifest
_BESIDE = ("-wal", "-shm", ".wal")  # what the databases keep beside their files
_ANOTHER = "Take another backup, or copy this one again from where it is kept."


def restore(parts: Sequence[Part], file: Path, *, known: Callable[[str, str], bool], force: bool = False) -> Manifest:
    """Put the databases of a backup into their places; `known(name, revision)` says whether a schema can be read.

    Databases of the same connections that the backup lacks are set aside: a mirror of another day fits no store.
    Raises Misconfigured, before anything was changed, for a file that is damaged, newer or of another deployment, and
    for databases in its place (unless `force`); Busy when a process still has one of them open.
    """
    with _opened(file) as archive:
        manifest = _manifest(archive, file)
        places = _places(parts, manifest, file)
        _refuse_newer(manifest, file, known)
        leaving = _leaving(parts, manifest)
        _refuse_overwriting([path for path in (*places.values(), *leaving) if path.exists()], force)
        try:
            for copy in manifest.copies:
                _brought(archive, copy, places[copy.name], file)
            for path in (*places.values(), *leaving):
                _refuse_in_use(path)
            _swapped(list(places.values()), leaving)
        except OSError as error:
            found = f"the databases cannot be written ({error.strerror})"
            raise Misconfigured(
                str(error.filename or file), found, "Make room, or correct the permissions."
            ) from error
        finally:
            for path in places.values():
                _beside(path, _NEW).unlink(missing_ok=True)
    return manifest


@contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(file)
    except FileNotFoundError:
        raise Misconfigured(str(file), "there is no such file", "Correct its name.") from None
    except (OSError, zipfile.BadZipFile) as error:
        raise Misconfigured(str(file), "it is no backup of pmom, or a damaged one", _ANOTHER) from error
    with archive:
        yield archive


def _manifest(archive: zipfile.ZipFile, file: Path) -> Manifest:
    try:
        if archive.getinfo(MANIFEST).file_size > _LONGEST:
            raise ValueError("too long")
        said = json.loads(archive.read(MANIFEST))
        if said["format"] > FORMAT:
            raise Misconfigured(str(file), "a newer pmom made this backup", "Upgrade pmom first.")
        copies = tuple(_copy(each) for each in said["copies"])
        return Manifest(datetime.fromisoformat(said["made_at"]), str(said["version"]), copies)
    except (KeyError, ValueError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise Misconfigured(str(file), "it is no backup of pmom, or a damaged one", _ANOTHER) from error


def _copy(said: Mapping[str, Any]) -> Copy:
    return Copy(str(said["name"]), Form(said["form"]), int(said["bytes"]), str(said["sha256"]), str(said["revision"]))


def _places(parts: Sequence[Part], manifest: Manifest, file: Path) -> dict[str, Path]:
    ours = {part.name: part for part in parts}
    for copy in manifest.copies:
        if copy.name not in ours or ours[copy.name].form is not copy.form:
            names = ", ".join(sorted({name.partition("/")[0] for name in ours} - {"_jobs"}))
            found = f"it holds {copy.name}, and this deployment connects {names}"
            raise Misconfigured(str(file), found, "Choose the deployment's own settings file with --config.")
    return {copy.name: ours[copy.name].path for copy in manifest.copies}


def _refuse_newer(manifest: Manifest, file: Path, known: Callable[[str, str], bool]) -> None:
    for copy in manifest.copies:
        if copy.revision and not known(copy.name, copy.revision):
            found = f"{copy.name} was written by a newer pmom (schema {copy.revision})"
            raise Misconfigured(str(file), found, "Upgrade pmom first, or take an older backup.")


def _leaving(parts: Sequence[Part], manifest: Manifest) -> list[Path]:
    held = {copy.name for copy in manifest.copies}
    groups = {name.partition("/")[0] for name in held}
    return [part.path for part in parts if part.name not in held and part.name.partition("/")[0] in groups]


def _refuse_overwriting(there: Sequence[Path], force: bool) -> None:
    if there and not force:
        names = ", ".join(str(path) for path in there)
        fix = f"Say --force: they are then kept beside the new ones as ...{BEFORE}."
        raise Misconfigured(names, "would be replaced", fix)


def _refuse_in_use(path: Path) -> None:
    """Nobody may have the database open: what it writes afterwards would be lost with the old file."""
    if not path.is_file():
        return
    busy = Busy(f"{path}: a process has it open. Stop `pmom serve` and `pmom work`, then restore.")
    if path.suffix == ".duckdb":
        try:
            duckdb.connect(str(path)).close()
        except duckdb.Error as error:
            if "lock" in str(error).lower():
                raise busy from None
        return
    with closing(sqlite3.connect(path, timeout=0)) as db:
        try:
            db.execute("PRAGMA journal_mode=DELETE")  # only the last one that has it open may do that
        except sqlite3.DatabaseError as error:
            if "locked" in str(error):
                raise busy from None


def _brought(archive: zipfile.ZipFile, copy: Copy, place: Path, file: Path) -> None:
    """The member as a file beside its place, whole and readable; Misconfigured when it is not."""
    new = _beside(place, _NEW)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    damaged = Misconfigured(str(file), f"{copy.name} in it is damaged", _ANOTHER)
    try:
        with archive.open(copy.name) as member, new.open("wb") as target:
            left = copy.bytes
            while block := member.read(_BLOCK):
                left -= len(block)
                if left < 0:
                    raise damaged
                target.write(block)
            target.flush()
            os.fsync(target.fileno())
    except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise damaged from error
    if left or digest_of(new) != copy.sha256 or not _readable(new, copy.form):
        raise damaged


def _readable(file: Path, form: Form) -> bool:
    try:
        if form is Form.DUCKDB:
            with closing(duckdb.connect(str(file), read_only=True)) as mirror:
                return bool(mirror.execute("SELECT count(*) FROM pmom_meta").fetchone())
        with closing(sqlite3.connect(file)) as db:
            return bool(db.execute("PRAGMA quick_check").fetchone() == ("ok",))
    except (duckdb.Error, sqlite3.Error):
        return False


def _swapped(places: Sequence[Path], leaving: Sequence[Path]) -> None:
    """Set aside what is there, put the new files in their places; back to the old ones when that fails."""
    moved: list[Path] = []
    try:
        for path in (*places, *leaving):
            for end in _BESIDE:
                _beside(path, end).unlink(missing_ok=True)
            if path.exists():
                os.replace(path, _beside(path, BEFORE))
                moved.append(path)
        for path in places:
            os.replace(_beside(path, _NEW), path)
    except BaseException:
        for path in moved:
            os.replace(_beside(path, BEFORE), path)
        raise


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)
