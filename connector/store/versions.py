"""Is a database's schema the one that this program knows? A new one is made, an older one brought up to date.

The usual case costs one SELECT. Everything else happens in one transaction under a lock: a process killed in the
middle leaves the database as it was, and two that begin at once do it once. Alembic runs the scripts in
connector/store/migrations; it is imported only when there is one to run, because that takes half a second.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from connector.errors import Misconfigured, refuse_cut_off
from connector.store import engine as db
from connector.store import fleet_tables, tables

_LOCK = 0x706D6F6D02  # PostgreSQL's advisory lock for changing a schema
_ALEMBIC = threading.Lock()  # its scripts speak through one object a process
_SCRIPTS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class Schema:
    """One database's tables, the table that holds its revision, and the newest revision: a name and a number."""

    name: str
    what: str
    metadata: sa.MetaData
    version: sa.Table
    newest: str
    setting: str  # that names its server

    def number(self, revision: str) -> int | None:
        """The place of a revision in the line of them; None for what is none."""
        digits = revision.removeprefix(self.name)
        return int(digits) if digits != revision and digits.isdecimal() else None


STORE = Schema("store", "store", tables.metadata, tables.version, tables.REVISION, "[workspace] database")
FLEET = Schema(
    "fleet", "fleet database", fleet_tables.metadata, fleet_tables.version, fleet_tables.REVISION, "[jobs] database"
)


def prepared(where: str | Path, schema: Schema, password: str | None = None) -> sa.Engine:
    """An engine on a database with the newest schema.

    Raises Misconfigured when it cannot be opened, a newer program wrote it or a restore was cut off, Busy when
    another process holds it, Unkept when its server cannot be reached.
    """
    file = db.local_file(where)
    if file is not None:
        refuse_cut_off(file)
    engine = db.opened(where, password)
    with db.opening(engine, schema.what, schema.setting):
        if _found(engine, schema) != schema.newest:
            _bring_up(engine, schema)
    return engine


def _found(engine: sa.Engine, schema: Schema) -> str | None:
    try:
        with engine.connect().execution_options(**{db.READING: True}) as held:
            found: str | None = held.scalar(sa.select(schema.version.c.version_num))
            return found
    except DBAPIError:
        return None  # there is no such table, or something is wrong that `_bring_up` tells


def _bring_up(engine: sa.Engine, schema: Schema) -> None:
    with db.writing(engine) as held:
        if engine.dialect.name == "postgresql":
            held.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        there = set(sa.inspect(held).get_table_names())
        if schema.version.name in there:
            found = held.scalar(sa.select(schema.version.c.version_num))
            _refuse_newer(schema, str(found))
        elif schema is STORE and {"meta", "runs", "decisions"} <= there:
            _refuse_newer(schema, f"store{held.scalar(sa.select(tables.meta.c.value))}")
            found = None
        else:
            _make(held, schema)
            return
        if found != schema.newest:
            _migrate(held, schema)


def _make(held: sa.Connection, schema: Schema) -> None:
    schema.metadata.create_all(held)
    held.execute(schema.version.insert().values(version_num=schema.newest))
    if schema is STORE:
        held.execute(tables.meta.insert().values(key="version", value="1"))


def _refuse_newer(schema: Schema, found: str) -> None:
    number, known = schema.number(found), schema.number(schema.newest)
    if number is None or known is None or number > known:
        raise Misconfigured(
            schema.what,
            f"it was written by a newer pmom (schema {found}, this one knows {schema.newest})",
            "Upgrade pmom or restore an older copy.",
        )


def _migrate(held: sa.Connection, schema: Schema) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": held, "version_table": schema.version.name})
    config.set_main_option("script_location", _escaped(_SCRIPTS))
    config.set_main_option("version_locations", _escaped(_SCRIPTS / schema.name))
    config.set_main_option("path_separator", "newline")
    with _ALEMBIC:
        command.upgrade(config, "head")


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
