"""How Salesforce refuses a query: an error code and a message with the place marked by a caret."""

from __future__ import annotations

_AROUND = 30  # characters of the query shown on both sides of the mistake, widened to whole words


class SoqlError(Exception):
    """A query that Salesforce would refuse: `code` (as MALFORMED_QUERY) and `message` as in the REST error body."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def row_and_column(soql: str, position: int) -> tuple[int, int]:
    """Row and column, both counted from 1, of a character offset."""
    before = soql[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1


def refuse(code: str, soql: str, position: int, text: str) -> SoqlError:
    """The error with its caret block: a piece of the query, the caret beneath, row and column, then the text."""
    row, column = row_and_column(soql, position)
    line_start = position - (column - 1)
    line_end = soql.find("\n", position)
    line = soql[line_start : len(soql) if line_end < 0 else line_end].rstrip("\r")
    at = column - 1
    start, end = _window(line, at)
    piece = line[start:end]
    return SoqlError(code, f"\n{piece}\n{' ' * (at - start)}^\nERROR at Row:{row}:Column:{column}\n{text}")


def malformed(soql: str, position: int, text: str) -> SoqlError:
    """MALFORMED_QUERY at a place."""
    return refuse("MALFORMED_QUERY", soql, position, text)


def too_complicated() -> SoqlError:
    """QUERY_TOO_COMPLICATED, which has no place."""
    return SoqlError("QUERY_TOO_COMPLICATED", "Query is either selecting too many fields or too complicated.")


def _window(line: str, at: int) -> tuple[int, int]:
    start = max(0, at - _AROUND)
    while start > 0 and line[start - 1] not in " ,\t":
        start -= 1
    end = min(len(line), at + _AROUND)
    while end < len(line) and line[end] not in " ,\t":
        end += 1
    return start, end
