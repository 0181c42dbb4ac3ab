"""What a search filter means: each operator as an SQL condition, with the case rules of its property's type."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from typing import Any

from emulators.hubspot import associations, bodies
from emulators.hubspot.definitions import Definition, ObjectType
from emulators.hubspot.errors import invalid
from emulators.hubspot.portal import Portal, epoch_ms, instant
from emulators.hubspot.presenting import named_object
from emulators.loopback.clock import stored

MAX_GROUPS, MAX_PER_GROUP, MAX_FILTERS, MAX_SORTS = 5, 6, 18, 1
_COMPARED = {"EQ": "=", "LT": "<", "LTE": "<=", "GT": ">", "GTE": ">="}
_ALL = {*_COMPARED, "NEQ", "BETWEEN", "IN", "NOT_IN", "HAS_PROPERTY", "NOT_HAS_PROPERTY", "CONTAINS_TOKEN",
        "NOT_CONTAINS_TOKEN"}  # fmt: skip
_WORDS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL with its parameters."""

    text: str
    values: tuple[Any, ...] = ()

    def also(self, text: str, *values: Any) -> Condition:
        """Both this and that."""
        return Condition(f"({self.text}) AND {text}", (*self.values, *values))


@dataclass(frozen=True, slots=True)
class _Column:
    """A property as SQL: `text` is comparable with what `_value` makes of a filter's value; `given`: it has one."""

    text: str
    given: str
    kind: str  # id, stamp, number, instant, exact or word


def register(connection: sqlite3.Connection) -> None:
    """The functions that conditions call."""
    connection.create_function("hs_ms", 1, _ms, deterministic=True)
    connection.create_function("hs_token", 2, _token, deterministic=True)
    connection.create_function("hs_words", 2, _words, deterministic=True)


def compile_groups(
    portal: Portal, obj: ObjectType, known: Mapping[str, Definition], groups: Any, alone: Any
) -> Condition:
    """Groups are alternatives, filters of a group must all hold; none at all: everything."""
    listed = [
        *bodies.objects({"filterGroups": groups}, "filterGroups"),
        *([{"filters": alone}] if alone else []),
    ]
    filters = [bodies.objects(each, "filters") for each in listed]
    if len(listed) > MAX_GROUPS:
        raise invalid(f"Too many filter groups: {len(listed)}, at most {MAX_GROUPS} are supported")
    if any(len(each) > MAX_PER_GROUP for each in filters) or sum(map(len, filters)) > MAX_FILTERS:
        raise invalid(f"Too many filters: at most {MAX_PER_GROUP} in a group and {MAX_FILTERS} in all are supported")
    parts = [[_filter(portal, obj, known, each) for each in group] for group in filters]
    if not parts or any(not part for part in parts):
        return Condition("1")
    text = " OR ".join("(" + " AND ".join(each.text for each in part) + ")" for part in parts)
    return Condition(f"({text})", tuple(value for part in parts for each in part for value in each.values))


def order_by(obj: ObjectType, known: Mapping[str, Definition], sorts: Any, *, by_index: bool = True) -> str:
    """One sort, `-name`, `name` or `{propertyName, direction}`; the default is by creation. Ties go by id.

    Without `by_index` SQLite must not walk an index in that order, but sort what the filters found.
    """
    alone = "" if by_index else "+"
    listed = sorts or []
    if not isinstance(listed, list) or len(listed) > MAX_SORTS:
        raise invalid(f"At most {MAX_SORTS} sort is supported")
    if not listed:
        return f"{alone}id"
    first = listed[0]
    if isinstance(first, dict):
        name, down = str(first.get("propertyName", "")), str(first.get("direction", "ASCENDING")) == "DESCENDING"
    else:
        name, down = str(first).lstrip("-"), str(first).startswith("-")
    return f"{alone}{_column(obj, known, name).text} {'DESC' if down else 'ASC'}, {alone}id"


def _filter(portal: Portal, obj: ObjectType, known: Mapping[str, Definition], given: Any) -> Condition:
    if not isinstance(given, dict):
        raise invalid("Invalid input JSON: a filter must be an object")
    name, operator = str(given.get("propertyName", "")), str(given.get("operator", ""))
    if operator not in _ALL:
        raise invalid(f"Invalid input JSON: {operator!r} is not one of the operators {sorted(_ALL)}")
    if name.startswith("associations."):
        return _associated(portal, obj, name.partition(".")[2], operator, given)
    column = _column(obj, known, name)
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        if given.get("value") is not None or given.get("values"):
            raise invalid(f"Operator {operator} does not take a value")
        return Condition(column.given if operator == "HAS_PROPERTY" else f"NOT ({column.given})")
    if operator in ("IN", "NOT_IN"):
        return _listed(column, operator, given.get("values"))
    value = _demanded(given, "value", operator)
    if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
        text = "hs_token(" + column.text + ", ?)"
        return Condition(text if operator == "CONTAINS_TOKEN" else f"NOT ({text})", (value.lower(),))
    if operator == "BETWEEN":
        high = _demanded(given, "highValue", operator)
        return Condition(f"({column.text} BETWEEN ? AND ?)", (_value(column, value), _value(column, high)))
    if operator == "NEQ":
        return Condition(f"({column.given} AND {column.text} <> ?)", (_value(column, value),))
    if column.kind == "several" and operator == "EQ":
        return Condition(f"instr(';' || {column.text} || ';', ?) > 0", (f";{value};",))
    return Condition(f"({column.text} {_COMPARED[operator]} ?)", (_value(column, value),))


def _listed(column: _Column, operator: str, given: Any) -> Condition:
    """IN of text compares lower-cased stored text with the values as they are: they must be lower-case."""
    if not isinstance(given, list) or not given:
        raise invalid(f"Operator {operator} requires a list of values")
    if column.kind == "several":
        text = " OR ".join([f"instr(';' || {column.text} || ';', ?) > 0"] * len(given))
        values: tuple[Any, ...] = tuple(f";{each};" for each in given)
    else:
        text = f"{column.text} IN ({','.join('?' * len(given))})"
        values = tuple(str(each) if column.kind == "word" else _value(column, str(each)) for each in given)
    return Condition(f"({text})" if operator == "IN" else f"({column.given} AND NOT ({text}))", values)


def _associated(portal: Portal, obj: ObjectType, spelled: str, operator: str, given: Mapping[str, Any]) -> Condition:
    other = named_object(portal, spelled)
    if operator == "EQ":
        ids = [_demanded(given, "value", operator)]
    elif operator == "IN":
        ids = [str(each) for each in given.get("values") or ()]
    else:
        raise invalid(f"Operator {operator} is not supported for associations")
    found = associations.of(portal, other.type_id, ids, obj.type_id)
    here = sorted({int(link.to_id) for links in found.values() for link in links})
    return Condition("id IN (SELECT value FROM json_each(?))", (json.dumps(here),))


def _column(obj: ObjectType, known: Mapping[str, Definition], name: str) -> _Column:
    if name == "hs_object_id":
        return _Column("id", "1", "id")
    if name in (obj.created, obj.modified):
        return _Column("created" if name == obj.created else "modified", "1", "stamp")
    definition = known.get(name)
    if definition is None:
        raise invalid(
            "There was a problem with the request.",
            errors=[{"message": f"Property {name!r} does not exist", "code": "PROPERTY_DOESNT_EXIST"}],
        )
    kept = f"json_extract(properties, '$.\"{name}\"')"  # a known name: letters, digits, underscores
    given = f"{kept} IS NOT NULL"
    if definition.type == "number":
        return _Column(f"CAST({kept} AS REAL)", given, "number")
    if definition.type in ("date", "datetime"):
        return _Column(f"hs_ms({kept})", given, "instant")
    if definition.multiple:
        return _Column(kept, given, "several")
    if definition.type in ("enumeration", "bool"):
        return _Column(kept, given, "exact")
    return _Column(f"lower({kept})", given, "word")


def _value(column: _Column, text: str) -> Any:
    """A filter's value in the form in which the column compares; 400 when it is none."""
    try:
        if column.kind == "id":
            return int(text)
        if column.kind == "number":
            return float(Decimal(text))
        if column.kind == "stamp":
            return stored(instant(_milliseconds(text)))
        if column.kind == "instant":
            return _milliseconds(text)
    except (ValueError, InvalidOperation, OverflowError):
        raise invalid(f"Invalid value for a filter: {text!r}") from None
    return text.lower() if column.kind == "word" else text


def _demanded(given: Mapping[str, Any], name: str, operator: str) -> str:
    value = given.get(name)
    if value is None or isinstance(value, (list, dict)):
        raise invalid(f"Operator {operator} requires {name}")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _milliseconds(text: str) -> int:
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return epoch_ms(at if at.tzinfo else at.replace(tzinfo=UTC))


def _ms(text: str | None) -> int | None:
    try:
        return None if text is None else _milliseconds(text)
    except ValueError:
        return None


def _token(text: str | None, pattern: str) -> bool:
    """Whether one of the words, or all of the text, matches; `*` stands for anything."""
    if text is None:
        return False
    lowered = text.lower()
    words = [lowered, *_WORDS.split(lowered), *lowered.split()]
    if "*" in pattern:
        return any(fnmatchcase(word, pattern) for word in words)
    return pattern in words


def _words(properties: str, query: str) -> bool:
    """Whether every word of the query begins a word of some value."""
    found = [word for value in json.loads(properties).values() for word in _WORDS.split(value.lower())]
    return all(any(word.startswith(part) for word in found) for part in _WORDS.split(query) if part)
