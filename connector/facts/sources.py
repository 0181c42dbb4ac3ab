"""What the facts need of a mirror: where the rows come from, how fresh they are, and how to ask for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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


class Tables(Protocol):
    """Rows in the canonical tables (views named as in `core.records`) behind a DuckDB dialect of SQL."""

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
