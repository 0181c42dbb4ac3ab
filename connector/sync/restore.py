"""How does a deployment get back the databases that a backup holds, and nothing when the backup is bad?

Everything is read, measured and checked beside its place before anything is moved. The databases that were there stay
beside the new ones, with `.before-restore` (and a number from the second on) after their names. While databases are
moved a mark lies beside each: where a process was killed then, nothing opens them until they are restored again.
"""

from __future__ import annotations

import glob
import json
import lzma
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

from connector.errors import CUT_OFF, Busy, Misconfigured
from connector.sync.backup import FORMAT, MANIFEST, Copy, Form, Manifest, Part, digest_of, revision_of

BEFORE = ".before-restore"
_NEW = ".restoring"
_BLOCK = 1 << 20
_LONGEST = 1 << 20  # bytes of a manifest
_BESIDE = ("-wal", "-shm", ".wal")  # what the databases keep beside their files
_DAMAGE = (
    *(KeyError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError, EOFError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError),
    RuntimeError,  # an encrypted member
)
"""What reading a damaged or foreign archive raises."""
_ANOTHER = "Take another backup, or copy this one again from where it is kept."


def restore(parts: Sequence[Part], file: Path, *, known: Callable[[str, str], bool], force: bool = False) -> Manifest:
    """Put the databases of a backup into their places; `known(name, revision)` says whether a schema can be read.

    Databases of the same connections that the backup lacks are set aside: a mirror of another day fits no store.
    Raises Misconfigured, before anything was changed, for a file that is damaged, newer or of another deployment, and
    for databases in its place (unless `force`); Busy when a process still has one of them open.
    """
    with _opened(file) as archive:
        manifest = _manifest(archive, file)
        places, tables = _places(parts, manifest, file), {part.name: part.revisions for part in parts}
        _refuse_newer(manifest, file, known)
        leaving = _leaving(parts, manifest)
        _refuse_overwriting([path for path in (*places.values(), *leaving) if path.exists()], force)
        try:
            for copy in manifest.copies:
                _brought(archive, copy, places[copy.name], file, tables[copy.name])
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
    except (OSError, *_DAMAGE) as error:
        raise Misconfigured(str(file), "it is no backup of pmom, or a damaged one", _ANOTHER) from error
    with archive:
        yield archive


def _manifest(archive: zipfile.ZipFile, file: Path) -> Manifest:
    try:
        members = archive.namelist()
        if archive.getinfo(MANIFEST).file_size > _LONGEST or len(set(members)) < len(members):
            raise ValueError("too long, or a member twice")
        said = json.loads(archive.read(MANIFEST))
        if said["format"] > FORMAT:
            raise Misconfigured(str(file), "a newer pmom made this backup", "Upgrade pmom first.")
        copies = tuple(_copy(each) for each in said["copies"])
        if not copies or len({each.name for each in copies}) < len(copies):
            raise ValueError("nothing in it, or a database twice")
        return Manifest(datetime.fromisoformat(said["made_at"]), str(said["version"]), copies)
    except (OSError, *_DAMAGE) as error:
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


def _brought(archive: zipfile.ZipFile, copy: Copy, place: Path, file: Path, revisions: str) -> None:
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
    except _DAMAGE as error:
        raise damaged from error
    if left or digest_of(new) != copy.sha256 or not _readable(new, copy.form, revisions):
        raise damaged


def _readable(file: Path, form: Form, revisions: str) -> bool:
    """Whether it is whole, and one of pmom's where a table tells that."""
    try:
        if form is Form.DUCKDB:
            with closing(duckdb.connect(str(file), read_only=True)) as mirror:
                return bool(mirror.execute("SELECT count(*) FROM pmom_meta").fetchone())
        with closing(sqlite3.connect(file)) as db:
            whole = db.execute("PRAGMA quick_check").fetchone() == ("ok",)
            return whole and _ours(db, revisions)
    except (duckdb.Error, sqlite3.Error):
        return False


_FIRST = {"meta", "runs", "decisions"}  # of a store from before revisions were kept


def _ours(db: sqlite3.Connection, revisions: str) -> bool:
    tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return bool(tables) and (not revisions or bool(revision_of(db, revisions)) or tables >= _FIRST)


def _swapped(places: Sequence[Path], leaving: Sequence[Path]) -> None:
    """Set aside what is there, put the new files in their places; back to the old ones when that fails.

    Marks lie beside all of them meanwhile; those of a restore that was cut off stay when this one fails too.
    """
    every = (*places, *leaving)
    before, moved, put = _unused(every), list[Path](), list[Path]()
    marks = [mark for path in every if not (mark := _beside(path, CUT_OFF)).exists()]
    try:
        for mark in marks:
            mark.touch(mode=0o600)
        _settle(every)
        for path in every:
            for end in _BESIDE:
                _beside(path, end).unlink(missing_ok=True)
            if path.exists():
                os.replace(path, _beside(path, before))
                moved.append(path)
        for path in places:
            os.replace(_beside(path, _NEW), path)
            put.append(path)
        _settle(every)
    except BaseException:
        for path in put:
            path.unlink(missing_ok=True)
        for path in moved:
            os.replace(_beside(path, before), path)
        _unmark(marks)
        raise
    _unmark([_beside(path, CUT_OFF) for path in every])


def _unused(paths: Sequence[Path]) -> str:
    """What no file that was set aside earlier has after its name: nothing that is kept is ever replaced."""
    end, number = BEFORE, 1
    while any(_beside(path, end).exists() for path in paths):
        number += 1
        end = f"{BEFORE}-{number}"
    return end


def _settle(paths: Sequence[Path]) -> None:
    """The names in their folders survive a power cut."""
    for folder in {path.parent for path in paths if path.parent.is_dir()}:
        held = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(held)
        finally:
            os.close(held)


def _unmark(marks: Sequence[Path]) -> None:
    for mark in marks:
        mark.unlink(missing_ok=True)


def kept_beside(parts: Sequence[Part]) -> tuple[Path, ...]:
    """The databases that restores have set aside, oldest first for each."""
    found = [sorted(part.path.parent.glob(f"{glob.escape(part.path.name)}{BEFORE}*")) for part in parts]
    return tuple(path for each in found for path in each)


def _beside(path: Path, end: str) -> Path:
    return path.with_name(path.name + end)
