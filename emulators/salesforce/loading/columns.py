"""How a column of a file's cells becomes what is kept: plain values at once, all others as the API takes them."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from typing import Any

from emulators.salesforce.schema import FieldType
from emulators.salesforce.values import Stored, to_stored

_MEMO_LIMIT = 20_000
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z")
_WHOLE = re.compile(r"-?[0-9]{1,9}")
_TEXTS = ("string", "textarea", "url", "phone", "email", "combobox")
Convert = Callable[[Sequence[str]], list[Stored]]


def converter(field: FieldType) -> Convert:
    """What makes a column of cells of that field into stored values, None for empty cells; DmlError for a misfit."""
    if field.type in _TEXTS:
        return _text(field)
    if field.type in ("id", "reference"):
        return lambda cells: [cell if _right_id(cell) else to_stored(field, cell) if cell else None for cell in cells]
    if field.type == "datetime":
        return _instant(field)
    if field.type in ("double", "currency", "percent"):
        return _number(field)
    if field.type == "int":
        return _plainly(field, _WHOLE, int)
    if field.type in ("boolean", "picklist", "multipicklist", "date"):
        memo = _Memo(field)
        return lambda cells: list(map(memo.__getitem__, cells))
    return lambda cells: [to_stored(field, cell) if cell else None for cell in cells]


class _Memo(dict[str, Any]):
    """Cell -> stored value, for fields of few different values."""

    def __init__(self, field: FieldType) -> None:
        super().__init__({"": None})
        self._field = field

    def __missing__(self, cell: str) -> Stored:
        value = to_stored(self._field, cell)
        if len(self) < _MEMO_LIMIT:
            self[cell] = value
        return value


def _text(field: FieldType) -> Convert:
    """Text comes in as it is: a Data Loader export may hold what the API would not take today."""
    longest = field.length or 1 << 30

    def convert(cells: Sequence[str]) -> list[Stored]:
        if max(map(len, cells)) <= longest:
            return [cell or None for cell in cells]
        return [(cell or None) if len(cell) <= longest else to_stored(field, cell) for cell in cells]

    return convert


def _instant(field: FieldType) -> Convert:
    """Instants in the stored form stay as they are once their day is known to exist."""
    days: set[str] = set()
    plain = _INSTANT.fullmatch

    def checked(cell: str) -> Stored:
        value = to_stored(field, cell)
        if value == cell:
            days.add(cell[:10])
        return value

    def convert(cells: Sequence[str]) -> list[Stored]:
        return [cell if cell[:10] in days and plain(cell) else checked(cell) if cell else None for cell in cells]

    return convert


def _number(field: FieldType) -> Convert:
    """Numbers that need no rounding, and are not so large that they might not fit, are read at once."""
    digits = max(1, min(15, (field.precision or 18) - field.scale))
    decimals = rf"(?:\.[0-9]{{1,{field.scale}}})?" if field.scale else ""
    return _plainly(field, re.compile(rf"-?[0-9]{{1,{digits}}}{decimals}"), lambda cell: float(cell) or 0.0)


def _plainly(field: FieldType, pattern: re.Pattern[str], read: Callable[[str], Stored]) -> Convert:
    plain = pattern.fullmatch

    def convert(cells: Sequence[str]) -> list[Stored]:
        return [(read(cell) if plain(cell) else to_stored(field, cell)) if cell else None for cell in cells]

    return convert


_CASES = str.maketrans({letter: "1" if letter.isupper() else "0" for letter in string.ascii_letters + string.digits})
_CHECKS = {f"{bits:05b}"[::-1]: letter for bits, letter in enumerate(string.ascii_uppercase + "012345")}


class _Heads(dict[str, str]):
    """The first ten characters of an id -> the two that tell their case; ids of one file begin alike."""

    def __missing__(self, head: str) -> str:
        cases = head.translate(_CASES)
        found = _CHECKS[cases[:5]] + _CHECKS[cases[5:]]
        if len(self) < _MEMO_LIMIT:
            self[head] = found
        return found


_HEADS = _Heads()


def _right_id(cell: str) -> bool:
    """Whether this is an 18-character id with the right checksum; quick, for there are many."""
    if len(cell) != 18 or not (cell.isascii() and cell.isalnum()):
        return False
    return _HEADS[cell[:10]] == cell[15:17] and _CHECKS[cell[10:15].translate(_CASES)] == cell[17]
