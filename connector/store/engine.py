"""How is a database opened? One function for every SQLite file and PostgreSQL server that the connector remembers in.

SQLite runs in WAL mode with real transactions: writers begin with BEGIN IMMEDIATE and wait for each other, readers
see a snapshot and wait for nobody. A file that was replaced is opened anew and one that is gone is Unkept: what is
written into a file without a name is lost with the process. PostgreSQL is reached through psycopg 3; its statements
are never prepared on the server, so that a pooler in between is harmless.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError

from connector.errors import Busy, Misconfigured, PmomError, Unkept

READING = "pmom_reading"
RELAXED = "pmom_relaxed"
_PATIENCE = 30  # seconds that a SQLite writer waits for another one
_CONNECT = 10  # seconds until a PostgreSQL server that does not answer is given up


def address(where: str | Path, password: str | None = None) -> sa.URL:
    """The address of a SQLite file (a path) or of a database URL, with the password set when one is given.

    Raises Misconfigured for what is neither and for databases other than SQLite and PostgreSQL.
    """
    text = str(where)
    if "://" not in text:
        return sa.URL.create("sqlite", database=text)
    try:
        url = sa.make_url(text)
    except ArgumentError:
        raise Misconfigured("database", "the address is no database URL", _LIKE) from None
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    elif url.get_backend_name() != "sqlite":
        raise Misconfigured(shown(url), f"{url.get_backend_name()} is no database that pmom knows", _LIKE)
    return url if password is None else url.set(password=password)


_LIKE = 'Write it like "postgresql+psycopg://pmom@db.example.org/pmom".'


def shown(url: sa.URL) -> str:
    """The address as people may see it: a SQLite file's path, or the URL without its password."""
    if url.get_backend_name() == "sqlite":
        return url.database or "memory"
    return url.render_as_string(hide_password=True)


def local_file(where: str | Path) -> Path | None:
    """The file behind an address; None for a server."""
    url = address(where)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def opened(where: str | Path, password: str | None = None) -> sa.Engine:
    """An engine for that address; nothing is read yet, so nothing can fail but a wrong address."""
    url = address(where, password)
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(url)
        _tune_sqlite(engine)
        return engine
    wanted = {"connect_timeout": _CONNECT, "application_name": "pmom", "prepare_threshold": None}
    return sa.create_engine(url, pool_pre_ping=True, connect_args=wanted)


@contextmanager
def writing(engine: sa.Engine, *, relaxed: bool = False) -> Iterator[sa.Connection]:
    """One transaction that writes, durable when the block has ended.

    `relaxed` survives a killed process but, on SQLite, not a power cut: for what may be done twice.
    Raises Busy when another process holds the file too long, Unkept when the database is full, lost or read-only.
    """
    with _told(engine), engine.connect() as connection:
        chosen = connection.execution_options(**{RELAXED: relaxed, READING: False})
        with chosen.begin():
            yield chosen
        if stale(connection):
            raise Unkept(f"{shown(engine.url)}: the file was replaced while it was written. {_NOT_KEPT}")


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that only reads: it never waits for a writer. Errors as `writing`."""
    with _told(engine), engine.connect() as connection:
        chosen = connection.execution_options(**{RELAXED: True, READING: True})
        with chosen.begin():
            yield chosen


@contextmanager
def _told(engine: sa.Engine) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        told = trouble(engine, error)
        if told is None:
            raise
        raise told from error


def trouble(engine: sa.Engine, error: DBAPIError) -> PmomError | None:
    """What a database's error means to the caller; None when the statement itself was wrong."""
    text, where = str(error.orig), shown(engine.url)
    if "locked" in text or "LockNotAvailable" in type(error.orig).__name__:
        return Busy(f"{where}: another process holds the database. Wait for it or stop it.")
    if isinstance(error, sa.exc.OperationalError) or error.connection_invalidated:
        return Unkept(f"{where}: {text.strip().splitlines()[0]}. {_NOT_KEPT}")
    return None


_NOT_KEPT = "Nothing of this step was kept; it may be made again."


@contextmanager
def opening(engine: sa.Engine, what: str, setting: str) -> Iterator[None]:
    """While a database is opened: what is wrong with it is Misconfigured, and the engine is given back.

    Unkept when its server cannot be reached; `setting` is what names that server.
    """
    try:
        yield
    except (Unkept, DBAPIError) as error:
        engine.dispose()
        cause = error.__cause__ if isinstance(error, Unkept) else error
        reason = str(cause.orig if isinstance(cause, DBAPIError) else error).strip().splitlines()[0]
        raise unopened(engine.url, what, setting, reason) from error
    except BaseException:
        engine.dispose()
        raise


def unopened(url: sa.URL, what: str, setting: str, reason: str) -> PmomError:
    """What is said of a database that cannot be opened for that reason; a password is never shown."""
    if url.password:
        reason = reason.replace(str(url.password), "***")
    if url.get_backend_name() == "postgresql" and not _LET_IN.search(reason):
        return Unkept(f"{setting}: {shown(url)} cannot be reached ({reason}). {_REACH}")
    return Misconfigured(shown(url), f"the {what} cannot be opened ({reason})", _LOOK)


_LET_IN = re.compile(r"FATAL: (?!.*(?:starting up|shutting down|too many|reserved|recovery))|permission denied", re.I)
"""What a server that was reached says to somebody whom it does not want, for good."""
_REACH = "Look whether the server runs and the address is right; then run it again."
_LOOK = "Check the path and its permissions, or that the server runs and lets this user in."


def _tune_sqlite(engine: sa.Engine) -> None:
    """WAL, real transactions and patience: pysqlite's own transaction handling begins too late."""
    _watch_file(engine)

    @sa.event.listens_for(engine, "connect")
    def connect(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout={_PATIENCE * 1000}")  # first: WAL itself needs the lock
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        said = connection.get_execution_options()
        if said.get(READING):
            connection.exec_driver_sql("BEGIN")
            return
        connection.exec_driver_sql(f"PRAGMA synchronous={'NORMAL' if said.get(RELAXED) else 'FULL'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def seen(file: Path) -> tuple[int, int] | None:
    """Which file stands there, by device and inode; None when there is none."""
    try:
        told = file.stat()
    except OSError:
        return None
    return told.st_dev, told.st_ino


def stale(connection: sa.Connection) -> bool:
    """Whether another file than the one that this connection writes into stands in its place by now, or none."""
    held = connection.info.get(_FILE)
    return held is not None and seen(held[0]) != held[1]


_FILE = "pmom_file"


def _watch_file(engine: sa.Engine) -> None:
    """Each connection remembers its file: pooled ones to a file that was deleted or replaced are given up."""
    if not engine.url.database or engine.url.database == ":memory:":
        return
    file, made = Path(engine.url.database), [False]
    gone = f"{shown(engine.url)}: the file is gone. {_NOT_KEPT} Restore it, or start the process again."

    @sa.event.listens_for(engine, "do_connect")
    def do_connect(*about: Any) -> None:
        if made[0] and seen(file) is None:
            raise Unkept(gone)  # SQLite would make an empty one

    @sa.event.listens_for(engine, "connect", insert=True)
    def connect(connection: Any, record: Any) -> None:
        found = seen(file)
        made[0] = made[0] or found is not None
        if found is not None:
            record.info[_FILE] = (file, found)

    @sa.event.listens_for(engine, "checkout")
    def checkout(connection: Any, record: Any, proxy: Any) -> None:
        held = record.info.get(_FILE)
        if held is None or (now := seen(file)) == held[1]:
            return
        if now is None:
            raise Unkept(gone)
        raise sa.exc.DisconnectionError("another file stands there")
