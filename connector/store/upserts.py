"""How is a row added once, replaced or counted up in one statement, on SQLite as on PostgreSQL?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def _insert(held: sa.Connection, table: sa.Table) -> Any:
    return postgresql.insert(table) if held.dialect.name == "postgresql" else sqlite.insert(table)


def insert_new(held: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Add rows whose keys are not there yet, and leave the others; how many were added."""
    if not rows:
        return 0
    one = next(iter(table.primary_key.columns))
    return len(held.execute(_insert(held, table).on_conflict_do_nothing().returning(one), list(rows)).all())


def replaced(held: sa.Connection, table: sa.Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Set the row with that primary key to the values, whether it was there or not."""
    statement = _insert(held, table).values(**key, **values)
    held.execute(statement.on_conflict_do_update(index_elements=list(key), set_=dict(values)))


def added(held: sa.Connection, table: sa.Table, key: Mapping[str, Any], by: int) -> None:
    """Raise the `count` of the row with that primary key; a row that is absent counts 0."""
    statement = _insert(held, table).values(**key, count=by)
    more = {"count": table.c.count + statement.excluded.count}
    held.execute(statement.on_conflict_do_update(index_elements=list(key), set_=more))


def storable(text: str, limit: int | None = None) -> str:
    """The text without what PostgreSQL refuses and no longer than `limit`: a stranger's text must spoil no write."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")[:limit]
