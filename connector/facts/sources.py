"""What the facts need of a mirror: where the rows come from, how fresh they are, and how to ask for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class SourceState:
    """Whether a canonical table could be read from the CRM, and up to which moment it was.

    A table that nobody ever reported on counts as unavailable. `read_until` None means that freshness is not
    tracked: the table is never stale.
    """

    available: bool
    reason: str = ""
    read_until: datetime | None = None


class Session(Protocol):
    """A database of its own beside the mirror's, empty at first; nothing in it is ever written to disk."""

    there: str
    """What to put before a canonical table's name, with a dot, to read the mirror's own from here."""

    def run(self, sql: str) -> None:
        """Run a statement for its effect."""
        ...

    def insert(self, name: str, rows: pa.Table) -> None:
        """Add rows to a table, by the names of their columns."""
        ...

    def cells(self, sql: str) -> list[str]:
        """The filled cells of the answer's first column."""
        ...

    def query(self, sql: str) -> pa.Table:
        """The answer as one Arrow table; instants are UTC."""
        ...

    def small(self) -> AbstractContextManager[None]:
        """While many questions are asked about few rows."""
        ...


class Tables(Protocol):
    """Rows in the canonical tables (views named as in `core.records`) behind a DuckDB dialect of SQL."""

    kept: dict[str, Any]
    """What a computation leaves for the next ones; forgotten when the mirror is closed."""

    def beside(self, name: str) -> Session:
        """An empty database of that name beside this one; what an earlier call gave is thrown away."""
        ...

    def index(self) -> None:
        """Make whatever lets a few partners' rows be found without reading whole tables; quick when it is there."""
        ...

    def run(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Run a statement for its effect; temporary tables last until the mirror is closed."""
        ...

    def load(self, name: str, rows: pa.Table) -> None:
        """Make or replace a temporary table with these rows."""
        ...

    def query(self, sql: str, values: Sequence[Any] = ()) -> pa.Table:
        """The answer as one Arrow table; instants are UTC."""
        ...

    def batches(self, sql: str, rows: int) -> Iterator[pa.RecordBatch]:
        """The answer in record batches of at most so many rows."""
        ...

    def sources(self) -> Mapping[str, SourceState]:
        """The state of every canonical table that was reported on."""
        ...
