"""Validation rules as data: when a record meets the condition, it is refused with the rule's own text."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from emulators.salesforce.errors import DmlError
from emulators.salesforce.schema import ObjectType

_KEYS = frozenset({"object", "field", "op", "value", "message", "error_field"})


def _compare(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda found, wanted: found is not None and test(found, wanted)


_OPS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda found, wanted: bool(found == wanted),
    "ne": lambda found, wanted: bool(found != wanted),
    "gt": _compare(lambda found, wanted: found > wanted),
    "ge": _compare(lambda found, wanted: found >= wanted),
    "lt": _compare(lambda found, wanted: found < wanted),
    "le": _compare(lambda found, wanted: found <= wanted),
    "contains": _compare(lambda found, wanted: str(wanted) in str(found)),
    "starts": _compare(lambda found, wanted: str(found).startswith(str(wanted))),
    "is_null": lambda found, _: found is None,
    "not_null": lambda found, _: found is not None,
}


def add(connection: sqlite3.Connection, obj: ObjectType, body: Mapping[str, Any]) -> int:
    """Keep a rule `{object, field, op, value, message, error_field?}`; ValueError names what is wrong."""
    unknown = sorted(set(body) - _KEYS)
    if unknown or not {"field", "op", "message"} <= set(body):
        raise ValueError(f"a rule has the keys {', '.join(sorted(_KEYS))}; got {', '.join(sorted(body))}")
    if body["op"] not in _OPS:
        raise ValueError(f"op must be one of {', '.join(_OPS)}; got {body['op']}")
    if obj.field(str(body["field"])) is None:
        raise ValueError(f"{obj.name} has no field {body['field']}")
    cursor = connection.execute("INSERT INTO e_rule (object, body) VALUES (?, ?)", (obj.name, json.dumps(dict(body))))
    return int(cursor.lastrowid or 0)


def clear(connection: sqlite3.Connection) -> None:
    """Forget all rules."""
    connection.execute("DELETE FROM e_rule")


def check(connection: sqlite3.Connection, obj: ObjectType, row: Mapping[str, Any]) -> None:
    """Refuse the record when a rule's condition holds for it as it would be stored."""
    for (text,) in connection.execute("SELECT body FROM e_rule WHERE object = ? ORDER BY id", (obj.name,)).fetchall():
        body = json.loads(text)
        field = obj.field(body["field"])
        if field is not None and _OPS[body["op"]](row.get(field.name), body.get("value")):
            shown = [body["error_field"]] if body.get("error_field") else []
            raise DmlError("FIELD_CUSTOM_VALIDATION_EXCEPTION", body["message"], shown)
