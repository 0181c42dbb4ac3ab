"""What does a JSON body say? Strictly read, so that a hostile one costs little and nothing in it surprises."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

_LATEST = 4_102_444_800  # seconds: the year 2100
_WORD = 255  # characters of any name or id


class NotJson(Exception):
    """The body is no JSON text in UTF-8."""


def parsed(body: bytes) -> Any:
    """The value; NotJson for other encodings, NaN and infinity, numbers of thousands of digits, endless nesting."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise NotJson(type(error).__name__) from None


def _refuse(name: str) -> Any:
    raise ValueError(name)


def number_text(value: object) -> str:
    """A record's number as text, from a number or its digits; empty for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if 0 < value < 10**19 else ""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return value
    return ""


def word(value: object) -> str:
    """A short text without control characters; empty for anything else."""
    if not isinstance(value, str) or len(value) > _WORD or not value.isprintable():
        return ""
    return value


def instant(value: object) -> datetime | None:
    """Milliseconds since 1970, or ISO 8601 with a time zone, as a moment; None for anything else."""
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value)
            return found.astimezone(UTC) if found.tzinfo and 1970 < found.year < 2100 else None
        except (ValueError, OverflowError):
            return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LATEST * 1000:
        return datetime.fromtimestamp(value / 1000, UTC)
    return None
