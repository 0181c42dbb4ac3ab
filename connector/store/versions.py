"""Is a database's schema the one that this program knows? A new one is made, an older one brought up to date.

The usual case costs one SELECT. Everything else happens in one transaction under a lock: a process killed in the
middle leaves the database as it was, and two that begin at once do it once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from connector.errors import Misconfigured
from connector.store import engine as db
from connector.store import fleet_tables

_LOCK = 0x706D6F6D02  # PostgreSQL's advisory lock for changing a schema


@dataclass(frozen=True, slots=True)
class Schema:
    """One database's tables, the table that holds its version, and the newest version."""

    what: str
    metadata: sa.MetaData
    version: sa.Table
    newest: str


FLEET = Schema("fleet database", fleet_tables.metadata, fleet_tables.version, fleet_tables.REVISION)


def prepare_fleet(where: str | Path, password: str | None = None) -> sa.Engine:
    """An engine on a fleet database with the newest schema. Errors as `prepare`."""
    engine = db.opened(where, password)
    with db.opening(engine, FLEET.what):
        prepare(engine, FLEET)
    return engine


def prepare(engine: sa.Engine, schema: Schema) -> None:
    """Bring the database to the newest schema.

    Raises Misconfigured when a newer program wrote it, and the errors of `engine.writing`.
    """
    if _current(engine, schema) == schema.newest:
        return
    with db.writing(engine) as held:
        if engine.dialect.name == "postgresql":
            held.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        if not sa.inspect(held).has_table(schema.version.name):
            schema.metadata.create_all(held)
            held.execute(schema.version.insert().values(version_num=schema.newest))
            return
        found = held.scalar(sa.select(schema.version.c.version_num))
        if found != schema.newest:
            raise Misconfigured(
                schema.what,
                f"it was written by a newer pmom (schema {found}, this one knows {schema.newest})",
                "Upgrade pmom or restore an older copy.",
            )


def _current(engine: sa.Engine, schema: Schema) -> str | None:
    try:
        with engine.connect().execution_options(**{db.READING: True}) as held:
            found: str | None = held.scalar(sa.select(schema.version.c.version_num))
            return found
    except DBAPIError:
        return None  # no such table, or something that the second look tells better
