"""Whether the values of a JSON body are of the kinds that HubSpot's own types can be read from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from emulators.hubspot.errors import HubError, invalid

_WHOLE = re.compile(r"-?[0-9]{1,10}\Z")
_LEAST, _MOST = -(2**31), 2**31 - 1


def whole(value: object, name: str, default: int = 0) -> int:
    """A 32-bit number, or text that spells one; `default` for null; 400 for anything else."""
    if value is None:
        return default
    spelled = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not _WHOLE.match(spelled) or not _LEAST <= int(spelled) <= _MOST:
        raise _unreadable(name, "a whole number")
    return int(spelled)


def text(body: Mapping[str, Any], name: str, default: str = "") -> str:
    """A text; numbers and booleans as they are spelled; `default` for null; 400 for a list or an object."""
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int | float):
        raise _unreadable(name, "text")
    return str(value)


def texts(body: Mapping[str, Any], name: str) -> list[str]:
    """A list of texts, empty for null; 400 for anything else."""
    return [text({name: each}, name) for each in _list(body, name, "a list of texts")]


def objects(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of JSON objects, empty for null; 400 for anything else."""
    found = _list(body, name, "a list of objects")
    if not all(isinstance(each, dict) for each in found):
        raise _unreadable(name, "a list of objects")
    return found


def mapping(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A JSON object, empty for null; 400 for anything else."""
    found = body.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _unreadable(name, "an object")
    return found


def _list(body: Mapping[str, Any], name: str, what: str) -> list[Any]:
    found = body.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise _unreadable(name, what)
    return found


def _unreadable(name: str, what: str) -> HubError:
    return invalid(f"Invalid input JSON on line 1, column 1: {name} cannot be read as {what}")
