"""How does a table use the width that there is: which column gives way, which is left out, and is that said?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

MOST_ROWS = 40
"""A table for people shows at most so many rows and says how many it left out."""

_GAP = 2  # blanks between two columns
_LEAST = 8  # a name that is shorter tells nothing


@dataclass(frozen=True, slots=True)
class Column:
    """One column. It is never narrower than `least` or, when its text wraps, than its longest word.

    What goes beyond `most` gives way before anything else does: one long name must not take all the width.
    `spare`: where the width does not suffice, the column with the highest is left out first; 0 never.
    `right` holds numbers, `whole` what is as little use in parts: neither is ever cut, only its heading wraps.
    """

    name: str
    least: int = 6
    most: int = 1_000
    spare: int = 0
    right: bool = False
    wrap: bool = False
    whole: bool = False

    @property
    def stiff(self) -> bool:
        """Whether its cells are shown as they are or not at all."""
        return self.right or self.whole


@dataclass(frozen=True, slots=True)
class Fitted:
    """A table that lays itself out when its width is known; cells are rich's markup."""

    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[str]]
    headed: bool = True

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        cells = [[Text.from_markup(cell) for cell in row] for row in self.rows]
        wanted = [
            max((cell_len(each.plain) for each in column), default=0) for column in _turned(cells, self.columns)
        ]
        words = [
            max((cell_len(word) for each in column for word in each.plain.split()), default=0)
            for column in _turned(cells, self.columns)
        ]
        cell = [max((cell_len(row[at].plain) for row in cells), default=0) for at in range(len(self.columns))]
        words = [max(word, cell[at]) if self.columns[at].stiff else word for at, word in enumerate(words)]
        widths, left_out = fitted(self.columns, wanted, words, options.max_width)
        if self.title:
            yield Text.from_markup(self.title, style="bold")  # a table's own would wrap at the table's width
        table = Table(header_style="dim", box=None, pad_edge=False, show_header=self.headed)
        shown = [at for at, width in enumerate(widths) if width]
        for at in shown:
            each = self.columns[at]
            table.add_column(
                each.name,
                justify="right" if each.right else "left",
                width=widths[at],
                no_wrap=not (each.wrap or each.stiff),
                overflow="fold" if each.wrap or each.stiff else "ellipsis",
            )
        for row in cells:
            table.add_row(*(row[at] for at in shown))
        yield table
        if left_out:
            yield Text(f"{', '.join(left_out)}: use a wider terminal or --json.", style="dim")


def _turned(cells: Sequence[Sequence[Text]], columns: Sequence[Column]) -> list[list[Text]]:
    return [[Text(column.name), *(row[at] for row in cells)] for at, column in enumerate(columns)]


def fitted(
    columns: Sequence[Column], wanted: Sequence[int], words: Sequence[int], width: int
) -> tuple[list[int], list[str]]:
    """The width of each column (0: left out) within `width`, and the names of those left out.

    `wanted` are the columns' longest cells, `words` their longest words, of a stiff column what may not be broken.
    What is missing is taken from the headings of stiff columns, then from the widest of the others.
    """
    least = [
        word if column.stiff else min(want, max(column.least, cell_len(column.name), word if column.wrap else 0))
        for column, want, word in zip(columns, wanted, words, strict=True)
    ]
    kept = [at for at, _ in enumerate(columns)]
    left_out: list[str] = []
    while len(kept) > 1 and _total(least, kept) > width:
        going = _spared(columns, kept) or _last_number(columns, kept, least, width)
        if going is None:
            break
        kept.remove(going)
        left_out.append(columns[going].name)
    found = [wanted[at] if at in kept else 0 for at, _ in enumerate(columns)]
    if _total(found, kept) > width:
        found = [least[at] if at in kept and columns[at].stiff else each for at, each in enumerate(found)]
    while _total(found, kept) > width:
        soft = [at for at in kept if not columns[at].stiff]
        long = [at for at in soft if found[at] > max(least[at], columns[at].most)]
        loose = long or [at for at in soft if found[at] > least[at]] or [at for at in soft if found[at] > _LEAST]
        if not loose:
            break
        found[max(loose, key=lambda at: found[at])] -= 1
    return found, left_out


def _spared(columns: Sequence[Column], kept: Sequence[int]) -> int | None:
    """The column that is missed least; None where all are needed."""
    spare = max(kept, key=lambda at: columns[at].spare)
    return spare if columns[spare].spare else None


def _last_number(columns: Sequence[Column], kept: Sequence[int], least: Sequence[int], width: int) -> int | None:
    """The last stiff column, where even the shortest names leave too little room for all of them."""
    shortest = [each if columns[at].stiff else min(each, _LEAST) for at, each in enumerate(least)]
    stiff = [at for at in kept if columns[at].stiff]
    return stiff[-1] if stiff and _total(shortest, kept) > width else None


def _total(widths: Sequence[int], kept: Sequence[int]) -> int:
    return sum(widths[at] for at in kept) + _GAP * (len(kept) - 1)


def plain_table(title: str, *columns: str, right: Sequence[str] = ()) -> Table:
    """A small table whose cells wrap."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


def cut(table: RenderableType, shown: int, total: int, what: str) -> RenderableType:
    """The table, and how many rows it left out."""
    if total <= shown:
        return table
    return Group(table, Text(f"... and {total - shown} more {what}; --json shows all.", style="dim"))


def counted(number: int, thing: str) -> str:
    """`1 task`, `1,200 tasks`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
