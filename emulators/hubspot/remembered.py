"""How the cells of a column are checked once each: what a text became is remembered for the next that is the same."""

from __future__ import annotations

import re
from collections.abc import Callable

from emulators.hubspot import values

_LIMIT = 100_000  # texts; beyond, all are forgotten
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z")


class Remembered(dict[str, str]):
    """Text -> what `kept` makes of it."""

    def __init__(self, kept: Callable[[str], str]) -> None:
        super().__init__()
        self._kept = kept

    def __missing__(self, text: str) -> str:
        found = self._kept(text)
        if len(self) > _LIMIT:
            self.clear()
        self[text] = found
        return found


def quickly(kept: Callable[[str], str]) -> Callable[[str], str]:
    """`kept` of instants: those in the form in which they are kept stay as they are, once their day is known."""
    days: set[str] = set()
    plain = _INSTANT.fullmatch

    def quick(text: str) -> str:
        if text[:10] in days and plain(text):
            return text
        found = kept(text)
        if found == text:
            days.add(text[:10])
        return found

    return quick


def instant(text: str) -> str:
    """An instant as it is kept; ValueError for text that is none."""
    at = values.instant(text)
    if at is None:
        raise ValueError(f"{text!r} is no instant; write it as 2026-03-31T09:00:00.000Z")
    return values.kept_instant(at)
