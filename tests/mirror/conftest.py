"""Rows for the mirror's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connector.mirror import Mirror
from connector.mirror.layout import CANONICAL, arrow_type


def rows_of(table: str, *rows: dict[str, Any]) -> pa.Table:
    names = dict.fromkeys(name for row in rows for name in row)
    kinds = {name: arrow_type(CANONICAL[table].column(name).kind) for name in names}
    return pa.table({name: pa.array([row.get(name) for row in rows], kinds[name]) for name in names})


@pytest.fixture
def rows() -> Callable[..., pa.Table]:
    """`rows(table, {column: value}, ...)`: a page of a canonical table."""
    return rows_of


@pytest.fixture
def stamp() -> Callable[[int], datetime]:
    """An instant on that day of January 2026."""
    return lambda day: datetime(2026, 1, day, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mirror.duckdb"


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with Mirror.open(":memory:", threads=1) as opened:
        yield opened
