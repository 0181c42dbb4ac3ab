"""How bulk files are written and what makes an uploaded one unreadable."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

csv.field_size_limit(1 << 27)


class BadUpload(Exception):
    """The file as a whole cannot be read; the text is the job's errorMessage."""


def line(cells: Iterable[object], separator: str, newline: str) -> str:
    """One line with every cell quoted; None is an empty cell."""
    texts = ["" if cell is None else str(cell) for cell in cells]
    if any('"' in text for text in texts):
        texts = [text.replace('"', '""') for text in texts]
    return '"' + f'"{separator}"'.join(texts) + '"' + newline


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded file: its header, and its rows as they came."""

    header: tuple[str, ...]
    rows: list[list[str]]


def read(body: bytes, separator: str, newline: str) -> Upload:
    """The parsed file. BadUpload for wrong encoding, line ending, quoting or number of cells, or a missing header."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as bad:
        raise BadUpload(f"ClientInputError : Invalid UTF-8 at byte {bad.start}") from None
    _check_newline(text, newline)
    rows = list(_rows(text, separator))
    if not rows:
        raise BadUpload("InvalidBatch : Unable to find header row")
    header = tuple(rows[0])
    if len({name.lower() for name in header}) < len(header):
        raise BadUpload("InvalidBatch : Duplicate field name in the header row")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(header):
            raise BadUpload(f"InvalidBatch : Row {number} has {len(row)} columns, the header row has {len(header)}")
    return Upload(header, rows[1:])


def _check_newline(text: str, newline: str) -> None:
    first = text.find("\n")
    found = "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"
    if first >= 0 and found != newline:
        setting = "LF" if newline == "\n" else "CRLF"
        raise BadUpload(
            f"ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is {setting}"
        )


def _rows(text: str, separator: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        yield from (row for row in reader if row)
    except csv.Error:
        why = "Found unescaped quote. A value with quote should be within a quote"
        raise BadUpload(f"ClientInputError : {why} (line {reader.line_num})") from None


def table(header: Sequence[str], rows: Iterable[Sequence[object]], separator: str, newline: str) -> bytes:
    """A whole file with its header."""
    return "".join((line(header, separator, newline), *(line(row, separator, newline) for row in rows))).encode()
