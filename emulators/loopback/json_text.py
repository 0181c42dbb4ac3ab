"""Which bytes are JSON: what the vendors' parsers take, and no more; and how answers become JSON."""

from __future__ import annotations

import json
import math
from typing import Any

# values made here hold no circles: not to look for them saves a tenth of a large answer
_compact = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
_spaced = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode


def compact(value: object) -> bytes:
    """A value as JSON without spaces, in UTF-8."""
    return _compact(value).encode()


def spaced(value: object) -> bytes:
    """A value as JSON with a space after commas and colons, in UTF-8."""
    return _spaced(value).encode()


def parse(body: bytes) -> Any:
    """The value of a JSON text; ValueError for anything else, for NaN and Infinity, and for nesting without end.

    Halves of surrogate pairs become question marks, as they do when a JVM writes its text out.
    """
    try:
        found = json.loads(body, parse_constant=_refuse, parse_float=_number)
        return _whole(found) if b"\\u" in body or b"\xed" in body else found
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _number(text: str) -> float:
    found = float(text)
    if math.isinf(found):
        raise ValueError(f"{text} is too large")
    return found


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(each) for key, each in value.items()}
    return value
