"""Every law of the store, the inbox and the fleet is tried on a SQLite file and on a real PostgreSQL server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector.store import engine as databases


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: a file of SQLite, then one of PostgreSQL."""
    if request.param == "sqlite":
        return str(tmp_path / "store.sqlite")
    return str(request.getfixturevalue("database"))


@pytest.fixture
def statement(where: str) -> Iterator[Callable[[str], list[tuple[Any, ...]]]]:
    """Runs one statement in the database, as somebody else would."""
    engine = databases.opened(where)

    def run(text: str) -> list[tuple[Any, ...]]:
        with databases.writing(engine) as held:
            found = held.execute(sa.text(text))
            return [tuple(row) for row in found] if found.returns_rows else []

    yield run
    engine.dispose()
