"""A backup is the deployment as it was at one moment; a bad one changes nothing; the old databases are kept."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connector.cli.backup import parts_of
from connector.config.deployment import Deployment
from connector.errors import Busy, Misconfigured
from connector.hooks.hint import Happened, Hint, Sender
from connector.mirror import Mirror
from connector.store.fleet import Fleet
from connector.store.store import Store
from connector.sync import restore as restoring
from connector.sync.backup import Manifest, Part, back_up
from connector.sync.restore import BEFORE, restore

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
NAMES = ("emea", "portal")


def hint(number: int) -> Hint:
    return Hint(Sender.EVENTS, "deals", str(number), Happened.CHANGED, f"news-{number}")


class Desk:
    """A deployment of two connections in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        org = '[salesforce]\ninstance_url = "https://127.0.0.1:9"\nclient_id = "id"\n'
        for name in NAMES:
            text = f'name = "{name}"\n[workspace]\ndir = "{name}"\n{org}'
            (folder / f"{name}.toml").write_text(text, encoding="utf-8")
            (folder / name).mkdir(exist_ok=True)
        (folder / "jobs").mkdir(exist_ok=True)
        top = 'connections = ["emea.toml", "portal.toml"]\n[jobs]\ndir = "jobs"\n'
        (folder / "config.toml").write_text(top, encoding="utf-8")
        self.parts: tuple[Part, ...] = parts_of(Deployment.load(folder / "config.toml"))

    def says(self, word: str) -> None:
        """Every database says that word."""
        for name in NAMES:
            with closing(Store.open(self.folder / name / "store.sqlite", name)) as store:
                store.set_state("word", f"{name} {word}")
            with Mirror.open(self.folder / name / "mirror.duckdb") as mirror:
                mirror.set_meta("word", f"{name} {word}")
        with closing(Fleet.open(self.folder / "jobs" / "fleet.sqlite")) as fleet:
            fleet.note("emea", {"word": word}, NOON)
        with closing(sqlite3.connect(self.folder / "jobs" / "dbos.sqlite")) as queue:
            queue.execute("CREATE TABLE IF NOT EXISTS word (said TEXT)")
            queue.execute("INSERT INTO word VALUES (?)", (word,))
            queue.commit()

    def said(self) -> list[str | None]:
        """What each of them says."""
        found: list[str | None] = []
        for name in NAMES:
            with closing(Store.open(self.folder / name / "store.sqlite", name)) as store:
                found.append(store.state("word"))
            with Mirror.open(self.folder / name / "mirror.duckdb") as mirror:
                found.append(mirror.get_meta("word"))
        with closing(Fleet.open(self.folder / "jobs" / "fleet.sqlite")) as fleet:
            found.append(fleet.notes()[0].value)
        with closing(sqlite3.connect(self.folder / "jobs" / "dbos.sqlite")) as queue:
            found.append(queue.execute("SELECT said FROM word ORDER BY rowid DESC").fetchone()[0])
        return found

    def bytes(self) -> dict[str, bytes]:
        """Every file of the databases."""
        found = (path for path in self.folder.rglob("*") if path.is_file() and path.suffix != ".zip")
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in found}

    def back_up(self, *, force: bool = False, wait: float = 20) -> Path:
        back_up(self.parts, self.file, at=NOON, version="1.0", force=force, wait=wait)
        return self.file

    def restore(self, file: Path, *, force: bool = True) -> Manifest:
        return restore(self.parts, file, known=lambda name, revision: not revision.endswith("99"), force=force)

    @property
    def file(self) -> Path:
        return self.folder / "backup.zip"


def all_say(word: str) -> list[str]:
    return [f"emea {word}", f"emea {word}", f"portal {word}", f"portal {word}", word, word]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path / "desk")
    made.says("before")
    return made


def test_what_was_backed_up_comes_back_and_what_was_there_is_kept(desk: Desk) -> None:
    file = desk.back_up()
    desk.says("after")
    assert desk.said() == all_say("after")
    made = desk.restore(file)
    assert desk.said() == all_say("before")
    assert [copy.name for copy in made.copies] == [part.name for part in desk.parts]
    assert (made.made_at, made.version) == (NOON, "1.0")
    for part in desk.parts:
        os.replace(f"{part.path}{BEFORE}", part.path)
    assert desk.said() == all_say("after")


def test_a_backup_comes_back_on_another_machine(desk: Desk, tmp_path: Path) -> None:
    other = Desk(tmp_path / "other")
    other.restore(desk.back_up(), force=False)
    assert other.said() == all_say("before")


def test_a_backup_is_read_by_its_owner_only_and_is_overwritten_only_on_demand(desk: Desk) -> None:
    file = desk.back_up()
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    with pytest.raises(Misconfigured, match=r"backup\.zip: it is already there"):
        desk.back_up()
    assert file.read_bytes() == before
    desk.says("after")
    desk.back_up(force=True)
    desk.says("later")
    desk.restore(file)
    assert desk.said() == all_say("after")


def test_nothing_to_back_up_is_said(tmp_path: Path) -> None:
    empty = Desk(tmp_path / "empty")
    with pytest.raises(Misconfigured, match="nothing to back up yet"):
        empty.back_up()
    assert not empty.file.exists()


def test_a_folder_that_is_not_there_is_named(desk: Desk) -> None:
    with pytest.raises(Misconfigured, match=r"nowhere/b\.zip: the backup cannot be made"):
        back_up(desk.parts, desk.folder / "nowhere" / "b.zip", at=NOON, version="1")


def test_a_backup_while_others_write_holds_a_whole_moment(desk: Desk) -> None:
    """Each write changes two rows in one transaction: no copy may tell them apart."""
    stop, written = threading.Event(), [0]
    with (
        closing(Store.open(desk.folder / "emea" / "store.sqlite", "emea")) as store,
        closing(Fleet.open(desk.folder / "jobs" / "fleet.sqlite")) as fleet,
    ):

        def write() -> None:
            while not stop.is_set():
                written[0] += 1
                fleet.inbox().record([("emea", hint(2 * written[0])), ("emea", hint(2 * written[0] + 1))], NOON)
                store.save_plan(written[0], "f", "{}", NOON)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            file = desk.back_up()
        finally:
            stop.set()
            writer.join()
    other = Desk(desk.folder / "other")
    other.restore(file)
    with closing(Fleet.open(other.folder / "jobs" / "fleet.sqlite")) as fleet:
        held = fleet.inbox().take("emea", 10**9)
    assert len(held) % 2 == 0
    assert len(held) <= 2 * written[0]


HOLD = (
    "import sys, time; from connector.mirror import Mirror\n"
    "with Mirror.open(sys.argv[1]): print('held', flush=True); time.sleep(float(sys.argv[2]))"
)


def test_a_mirror_that_a_worker_has_open_is_waited_for(desk: Desk) -> None:
    path = str(desk.folder / "portal" / "mirror.duckdb")
    with subprocess.Popen([sys.executable, "-c", HOLD, path, "600"], stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        with pytest.raises(Busy, match=r"portal/mirror\.duckdb: a worker did not give the mirror back within 0 s"):
            desk.back_up(wait=0)
        assert [path.name for path in desk.folder.glob("*backup*")] == []
        threading.Timer(0.3, worker.kill).start()
        assert desk.back_up(wait=60).is_file()


def damaged(file: Path, change: Callable[[bytearray], None]) -> Path:
    held = bytearray(file.read_bytes())
    change(held)
    bad = file.with_name("bad.zip")
    bad.write_bytes(held)
    return bad


def rewritten(file: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    bad = file.with_name("bad.zip")
    with zipfile.ZipFile(bad, "w") as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return bad


def test_a_bit_that_turned_anywhere_is_found_or_harmless(desk: Desk) -> None:
    file = desk.back_up()
    desk.says("after")
    before, size, refused = desk.bytes(), file.stat().st_size, 0
    for place in range(0, size, size // 25):

        def turn(held: bytearray, place: int = place) -> None:
            held[place] ^= 0x10

        try:
            desk.restore(damaged(file, turn))
        except Misconfigured:
            refused += 1
            assert desk.bytes() == before
            continue
        assert desk.said() == all_say("before")  # a date of the archive turned, say
        desk.says("after")
        before = desk.bytes()
    assert refused >= 15


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.99])
def test_a_cut_backup_is_refused(desk: Desk, kept: float) -> None:
    file = desk.back_up()
    before = desk.bytes()
    length = int(kept if kept >= 1 else kept * file.stat().st_size)
    with pytest.raises(Misconfigured, match="no backup of pmom, or a damaged one"):
        desk.restore(damaged(file, lambda held: held.__delitem__(slice(length, None))))
    assert desk.bytes() == before


def manifest_with(**said: object) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        members["manifest.json"] = json.dumps(json.loads(members["manifest.json"]) | said).encode()

    return change


def first_copy(**said: object) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        found = json.loads(members["manifest.json"])
        found["copies"][1] |= said
        members["manifest.json"] = json.dumps(found).encode()

    return change


def other_body(members: dict[str, bytes]) -> None:
    members["_jobs/fleet"] = b"SQLite format 3\x00 and nothing else" + members["_jobs/fleet"][34:]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda members: members.pop("manifest.json"), "no backup of pmom"),
        (lambda members: members.update({"manifest.json": b"[1]"}), "no backup of pmom"),
        (manifest_with(format=2), "a newer pmom made this backup"),
        (manifest_with(made_at="soon"), "no backup of pmom"),
        (first_copy(revision="fleet99"), "_jobs/fleet was written by a newer pmom"),
        (first_copy(name="apac/store"), "it holds apac/store, and this deployment connects emea, portal"),
        (first_copy(form="duckdb"), "it holds _jobs/fleet"),
        (first_copy(sha256="0" * 64), "_jobs/fleet in it is damaged"),
        (first_copy(bytes=100), "_jobs/fleet in it is damaged"),
        (lambda members: members.pop("emea/store"), "emea/store in it is damaged"),
        (other_body, "_jobs/fleet in it is damaged"),
    ],
)
def test_a_backup_that_does_not_fit_is_refused_and_nothing_is_written(
    desk: Desk, change: Callable[[dict[str, bytes]], None], found: str
) -> None:
    bad = rewritten(desk.back_up(), change)
    before = desk.bytes()
    with pytest.raises(Misconfigured, match=found):
        desk.restore(bad)
    assert desk.bytes() == before


def test_databases_in_its_place_are_replaced_only_on_demand(desk: Desk) -> None:
    file = desk.back_up()
    before = desk.bytes()
    with pytest.raises(Misconfigured, match=r"store\.sqlite.* would be replaced.*--force"):
        desk.restore(file, force=False)
    assert desk.bytes() == before


def test_nothing_is_replaced_under_a_process_that_has_it_open(desk: Desk) -> None:
    file = desk.back_up()
    with closing(Fleet.open(desk.folder / "jobs" / "fleet.sqlite")) as fleet:
        fleet.note("emea", {"word": "open"}, NOON)
        with pytest.raises(Busy, match=r"fleet\.sqlite: a process has it open\. Stop `pmom serve`"):
            desk.restore(file)
        assert fleet.notes()[0].value == "open"
    path = str(desk.folder / "portal" / "mirror.duckdb")
    with subprocess.Popen([sys.executable, "-c", HOLD, path, "600"], stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        with pytest.raises(Busy, match=r"mirror\.duckdb: a process has it open"):
            desk.restore(file)
        worker.kill()
    desk.restore(file)
    assert desk.said() == all_say("before")


def test_a_mirror_of_another_day_does_not_stay_beside_the_store(desk: Desk) -> None:
    mirror = desk.folder / "emea" / "mirror.duckdb"
    away = mirror.rename(mirror.with_suffix(".away"))
    file = desk.back_up()
    away.rename(mirror)
    desk.restore(file)
    assert not mirror.exists()
    assert Path(f"{mirror}{BEFORE}").is_file()


def test_a_database_that_is_broken_is_replaced(desk: Desk) -> None:
    file = desk.back_up()
    for part in desk.parts:
        part.path.write_bytes(b"broken" * 5_000)
    desk.restore(file)
    assert desk.said() == all_say("before")


@pytest.mark.parametrize("at", [0, 5, 6, 11])
def test_a_restore_that_fails_in_the_middle_puts_everything_back(
    desk: Desk, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = desk.back_up()
    desk.says("after")
    real, calls = os.replace, [0]

    def failing(source: str, target: str) -> None:
        calls[0] += 1
        if calls[0] == at + 1:
            raise OSError(28, "No space left on device", str(target))
        real(source, target)

    monkeypatch.setattr(restoring.os, "replace", failing)
    with pytest.raises(Misconfigured, match="No space left on device"):
        desk.restore(file)
    monkeypatch.undo()
    assert desk.said() == all_say("after")
    assert not list(desk.folder.rglob("*.restoring"))


class Killed(BaseException):
    """The process is no more: nothing of it is run."""


@pytest.mark.parametrize("at", [0, 3, 6, 9, 11])
def test_a_restore_that_was_killed_is_told_and_goes_on_when_it_is_run_again(
    desk: Desk, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = desk.back_up()
    desk.says("after")
    real, calls = os.replace, [0]

    def killing(source: str, target: str) -> None:
        calls[0] += 1
        if calls[0] > at:
            raise Killed
        real(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(restoring.os, "replace", killing)
        patched.setattr(restoring, "_unmark", lambda marks: None)
        patched.setattr(restoring.Path, "unlink", lambda path, missing_ok=False: None)
        with pytest.raises(Killed):
            desk.restore(file)
    for path in (desk.folder / "jobs" / "fleet.sqlite", desk.folder / "emea" / "store.sqlite"):
        with pytest.raises(Misconfigured, match=r"a restore was cut off .* Run `pmom restore FILE --force` again"):
            Fleet.open(path) if "fleet" in path.name else Store.open(path, "emea")
    with pytest.raises(Misconfigured, match="a restore was cut off"):
        Mirror.open(desk.folder / "portal" / "mirror.duckdb")
    with pytest.raises(Misconfigured, match="a restore was cut off"):
        desk.back_up(force=True)
    desk.restore(file)
    assert desk.said() == all_say("before")
    assert not list(desk.folder.rglob("*under-way"))
    for part in desk.parts:
        kept = sorted(part.path.parent.glob(f"{part.path.name}{BEFORE}*"))
        os.replace(kept[0], part.path)
    assert desk.said() == all_say("after")


def test_a_second_restore_keeps_what_the_first_one_kept(desk: Desk) -> None:
    file = desk.back_up()
    desk.says("first")
    desk.restore(file)
    desk.says("second")
    desk.restore(file)
    assert desk.said() == all_say("before")
    for end, word in ((BEFORE, "first"), (f"{BEFORE}-2", "second")):
        for part in desk.parts:
            os.replace(f"{part.path}{end}", part.path)
        assert desk.said() == all_say(word)


def as_it_is(members: dict[str, bytes], name: str, body: bytes) -> None:
    """Another body with a manifest that agrees."""
    found = json.loads(members["manifest.json"])
    for each in found["copies"]:
        if each["name"] == name:
            each |= {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    members |= {name: body, "manifest.json": json.dumps(found).encode()}


def foreign(folder: Path) -> bytes:
    with closing(sqlite3.connect(folder / "foreign")) as db:
        db.execute("CREATE TABLE notes (n)")
        db.commit()
    return (folder / "foreign").read_bytes()


def bad_backup(kind: str, desk: Desk) -> Path:
    file = desk.back_up()
    if kind == "nested":
        return rewritten(file, lambda members: members.update({"manifest.json": b"[" * 200_000}))
    if kind == "infinite":
        return rewritten(file, first_copy(bytes=float("inf")))
    if kind == "empty":
        return rewritten(file, manifest_with(copies=[]))
    if kind == "foreign":
        return rewritten(file, lambda members: as_it_is(members, "emea/store", foreign(desk.folder)))
    if kind == "twice":
        with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(file, "a") as archive:
            archive.writestr("emea/store", b"another")
        return file
    if kind == "encrypted":
        return damaged(file, lambda held: mark_encrypted(held))
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        for name, body in members.items():
            archive.writestr(name, body)
    return damaged(file, spoil_lzma)


def mark_encrypted(held: bytearray) -> None:
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        held[held.index(magic) + offset] |= 1


def spoil_lzma(held: bytearray) -> None:
    at = held.index(b"manifest.json") + len("manifest.json") + 9
    held[at : at + 40] = b"\xff" * 40


@pytest.mark.parametrize("kind", ["nested", "infinite", "empty", "foreign", "twice", "encrypted", "lzma"])
def test_what_no_backup_looks_like_is_one_clear_refusal(desk: Desk, kind: str) -> None:
    bad = bad_backup(kind, desk)
    before = {name: body for name, body in desk.bytes().items() if not name.startswith("foreign")}
    with pytest.raises(Misconfigured, match=r"damaged"):
        desk.restore(bad)
    assert {name: body for name, body in desk.bytes().items() if not name.startswith("foreign")} == before


@pytest.mark.parametrize("place", ["workspace", "jobs"])
def test_a_database_on_a_server_is_left_to_its_own_tools(tmp_path: Path, place: str) -> None:
    org = '[salesforce]\ninstance_url = "https://127.0.0.1:9"\nclient_id = "id"\n'
    text = f'{org}[{place}]\ndatabase = "postgresql://pmom@db.acme.invalid/pmom"\n'
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured) as raised:
        parts_of(Deployment.load(tmp_path / "config.toml"))
    assert str(raised.value) == (
        f"{tmp_path}/config.toml:5: this database is on a server, and pmom copies only files. Use PostgreSQL's own: "
        "pg_dump --format=custom --file=pmom.dump postgresql://pmom@db.acme.invalid/pmom, and pg_restore "
        "(see docs/operations.md). A mirror needs no backup: the next sync reads it anew."
    )
