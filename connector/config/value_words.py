"""In which words is a value told to be of the wrong kind? In those of the person who wrote the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KINDS = {
    "bool": "must be true or false",
    "date": "must be a day, as 2026-03-31 without quotes",
    "decimal": "must be a number",
    "dict": "must be a table",
    "float": "must be a number",
    "int": "must be a whole number",
    "list": "must be a list in square brackets",
    "model": "must be a table",
    "path": "must be a path in quotes",
    "string": "must be text in quotes",
    "tuple": "must be a list in square brackets",
}
_PATTERNS = {
    "^[A-Z]{3}$": "must be three capital letters, such as EUR",
    r"^\d{2,3}\.0$": 'must be a version, such as "67.0"',
    "^[a-z0-9-]+$": "must be lower-case letters, digits and hyphens",
    "^[A-Za-z0-9][A-Za-z0-9._-]{0,18}$": "must be at most 19 letters, digits, dots, hyphens and underscores",
}


def words(kind: str, context: Mapping[str, Any]) -> str | None:
    """What a value must be that is wrong in this way; `kind` and `context` as pydantic names them, None elsewhere."""
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(context["pattern"])
    if kind in ("string_too_short", "too_short"):
        least = context["min_length"]
        return "must not be empty" if least == 1 else f"must be {least} or more long"
    if kind in ("string_too_long", "too_long"):
        return f"must be at most {context['max_length']} long"
    known, _, way = kind.partition("_")
    return _KINDS.get(known) if way.startswith(("type", "parsing", "from", "attributes")) else None
