"""Pages of a full pull that wait to be written: how much of them may be written now, and where reading goes on then?

The database keeps rows in groups of 122,880. Groups that a write fills go straight to their place, once; groups that
are left part full are read and written again later, many at a time and in memory. So whole groups are written.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import pyarrow as pa

GROUP_ROWS = 122_880
MOST_ROWS = 2 * GROUP_ROWS
MOST_BYTES = 64 << 20


@dataclass(slots=True)
class Gathered:
    """Pages in their order, each with the token of what follows it; the first may have lost rows already written."""

    pages: deque[tuple[pa.Table, str | None]] = field(default_factory=deque)
    rows: int = 0
    bytes: int = 0
    moving: bool = False  # whether whole groups were given since the last `waited`

    def add(self, rows: pa.Table, token: str | None) -> None:
        """One more page."""
        self.pages.append((rows, token))
        self.rows += rows.num_rows
        self.bytes += rows.nbytes

    def full(self) -> bool:
        """Whether to write before more is gathered."""
        return self.rows >= MOST_ROWS or self.bytes >= MOST_BYTES

    def waited(self) -> bool:
        """Whether to write although more could be gathered: a group is full, or none was since this was last asked.

        A table that rarely fills a group is written part by part, into the same group; between whole groups parts
        would stay part full.
        """
        moved, self.moving = self.moving, False
        return self.rows >= GROUP_ROWS or not moved

    def take(self, *, everything: bool) -> tuple[list[pa.Table], str | None]:
        """Rows to write now, and the token of the last page that they bring to its end; None when they end none.

        Unless `everything` is asked for, whole groups are given, or all rows where they do not fill one.
        """
        whole = self.rows - self.rows % GROUP_ROWS
        wanted = self.rows if everything or not whole else whole
        self.moving = self.moving or bool(whole)
        given: list[pa.Table] = []
        token: str | None = None
        while self.pages and (wanted or not self.pages[0][0].num_rows):
            rows, after = self.pages.popleft()
            self.rows, self.bytes = self.rows - rows.num_rows, self.bytes - rows.nbytes
            if rows.num_rows > wanted:
                given.append(rows.slice(0, wanted))
                self.pages.appendleft((rest := rows.slice(wanted), after))
                self.rows, self.bytes = self.rows + rest.num_rows, self.bytes + rest.nbytes
                break
            given.append(rows)
            wanted -= rows.num_rows
            token = after if after is not None else token
        return given, token
