"""Which records a list's filters mean: the documented subset that is emulated, as an SQL condition over records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from emulators.hubspot import definitions
from emulators.hubspot.bodies import objects, text, texts
from emulators.hubspot.definitions import ObjectType
from emulators.hubspot.errors import HubError, invalid
from emulators.hubspot.filters import Condition
from emulators.hubspot.portal import Portal, epoch_ms
from emulators.loopback.clock import stored

if TYPE_CHECKING:
    from emulators.hubspot.definitions import Definition

_NUMBERS = {
    "IS_EQUAL_TO": "=",
    "IS_NOT_EQUAL_TO": "<>",
    "IS_GREATER_THAN": ">",
    "IS_GREATER_THAN_OR_EQUAL_TO": ">=",
    "IS_LESS_THAN": "<",
    "IS_LESS_THAN_OR_EQUAL_TO": "<=",
}
_ANY, _NOT = ("IS_EQUAL_TO", "CONTAINS", "STARTS_WITH", "ENDS_WITH"), ("IS_NOT_EQUAL_TO", "DOES_NOT_CONTAIN")
Members = Callable[[str, str], list[int]]  # (object type, list id) -> ids of its members


def compiled(portal: Portal, obj: ObjectType, branch: Mapping[str, Any], members: Members) -> Condition:
    """The root branch: OR of ANDs, as the API demands; 400 for what it refuses and for what is not emulated."""
    if text(branch, "filterBranchType") != "OR" or objects(branch, "filters"):
        raise invalid("The root filter branch must be of type OR, with AND branches and without filters of its own")
    branches = objects(branch, "filterBranches")
    if not branches:
        raise invalid("The root filter branch must have at least one AND branch")
    if any(text(each, "filterBranchType") != "AND" for each in branches):
        raise invalid("The branches of the root filter branch must be of type AND")
    return _joined(" OR ", [_every(portal, obj, each, members) for each in branches])


def normal(branch: Mapping[str, Any]) -> dict[str, Any]:
    """The branch as the API prints it: with the operators of branches and the default for missing values."""
    kind = text(branch, "filterBranchType")
    found = dict(branch)
    found["filterBranches"] = [normal(each) for each in objects(branch, "filterBranches")]
    found["filterBranchOperator"] = "OR" if kind == "OR" else "AND"
    found["filters"] = [_normal_filter(each) for each in objects(branch, "filters")]
    return found


def _normal_filter(each: Mapping[str, Any]) -> dict[str, Any]:
    operation = each.get("operation")
    if not isinstance(operation, Mapping):
        return dict(each)
    return {**each, "operation": {"includeObjectsWithNoValueSet": False, **operation}}


def _every(portal: Portal, obj: ObjectType, branch: Mapping[str, Any], members: Members) -> Condition:
    """All filters and all nested branches hold."""
    parts = [_filter(portal, obj, each, members) for each in objects(branch, "filters")]
    for each in objects(branch, "filterBranches"):
        if text(each, "filterBranchType") != "ASSOCIATION":
            raise _unknown("filterBranchType", text(each, "filterBranchType"), ("ASSOCIATION",))
        parts.append(_associated(portal, obj, each, members))
    return _joined(" AND ", parts) if parts else Condition("1")


def _associated(portal: Portal, obj: ObjectType, branch: Mapping[str, Any], members: Members) -> Condition:
    """Some record that is associated in this way passes the branch's own filters; NOT_IN_LIST: none does."""
    operator = text(branch, "operator")
    if operator not in ("IN_LIST", "NOT_IN_LIST"):
        raise _unknown("operator", operator, ("IN_LIST", "NOT_IN_LIST"))
    other = definitions.required_type(portal, text(branch, "objectTypeId"))
    inner = _every(portal, other, branch, members)
    kind = (text(branch, "associationCategory"), text(branch, "associationTypeId"))
    found = (
        "id IN (SELECT a.from_id FROM association a WHERE a.from_type = ? AND a.to_type = ? AND a.category = ?"
        " AND a.kind = CAST(? AS INTEGER) AND a.to_id IN (SELECT id FROM record"
        f" WHERE type = ? AND archived IS NULL AND ({inner.text})))"
    )
    values = (obj.type_id, other.type_id, *kind, other.type_id, *inner.values)
    return Condition(found if operator == "IN_LIST" else f"NOT ({found})", values)


def _filter(portal: Portal, obj: ObjectType, given: Mapping[str, Any], members: Members) -> Condition:
    kind = text(given, "filterType")
    if kind == "IN_LIST":
        return _in_list(obj, given, members)
    if kind != "PROPERTY":
        raise _unknown("filterType", kind, ("PROPERTY", "IN_LIST"))
    name, operation = text(given, "property"), given.get("operation")
    definition = definitions.of(portal, obj.type_id).get(name)
    if definition is None:
        raise invalid(f"Property {name!r} does not exist on {obj.type_id}")
    if not isinstance(operation, Mapping):
        raise invalid("Some required fields were not set: [operation]")
    make = _OPERATIONS.get(text(operation, "operationType"))
    if make is None:
        raise _unknown("operationType", text(operation, "operationType"), tuple(_OPERATIONS))
    value = _value(obj, definition)
    found = make(portal, definition, value, operation)
    if operation.get("includeObjectsWithNoValueSet") is True:
        return Condition(f"({value} IS NULL OR {found.text})", found.values)
    if text(operation, "operationType") == "ALL_PROPERTY":
        return found
    return Condition(f"({value} IS NOT NULL AND {found.text})", found.values)


def _in_list(obj: ObjectType, given: Mapping[str, Any], members: Members) -> Condition:
    operator = text(given, "operator")
    if operator not in ("IN_LIST", "NOT_IN_LIST"):
        raise _unknown("operator", operator, ("IN_LIST", "NOT_IN_LIST"))
    ids = members(obj.type_id, text(given, "listId"))
    marks = ",".join(map(str, ids))  # numbers of the file itself
    return Condition(f"id {'NOT ' if operator == 'NOT_IN_LIST' else ''}IN ({marks})")


def _value(obj: ObjectType, definition: Definition) -> str:
    """The property as SQL text; the three that a record holds itself are columns."""
    if definition.name == "hs_object_id":
        return "CAST(id AS TEXT)"
    if definition.name in (obj.created, obj.modified):
        return "created" if definition.name == obj.created else "modified"
    return f"json_extract(properties, '$.\"{definition.name}\"')"  # a known name: letters, digits, underscores


def _text(portal: Portal, definition: Definition, value: str, given: Mapping[str, Any]) -> Condition:
    several = text(given, "operationType") == "MULTISTRING"
    wanted = [each.lower() for each in (texts(given, "values") if several else [text(given, "value")])]
    operator = text(given, "operator")
    if operator not in (*_ANY, *_NOT):
        raise _unknown("operator", operator, (*_ANY, *_NOT))
    if not wanted or "" in wanted:
        raise invalid(f"Operator {operator} requires {'values' if several else 'a value'}")
    if operator == "ENDS_WITH":
        return _joined(" OR ", [Condition(f"substr(lower({value}), {-len(each)}) = ?", (each,)) for each in wanted])
    one = {
        "IS_EQUAL_TO": f"lower({value}) = ?",
        "CONTAINS": f"instr(lower({value}), ?) > 0",
        "STARTS_WITH": f"instr(lower({value}), ?) = 1",
        "IS_NOT_EQUAL_TO": f"lower({value}) <> ?",
        "DOES_NOT_CONTAIN": f"instr(lower({value}), ?) = 0",
    }[operator]
    return _joined(" OR " if operator in _ANY else " AND ", [Condition(one, (each,)) for each in wanted])


def _number(portal: Portal, definition: Definition, value: str, given: Mapping[str, Any]) -> Condition:
    sign = _NUMBERS.get(text(given, "operator"))
    if sign is None:
        raise _unknown("operator", text(given, "operator"), tuple(_NUMBERS))
    return Condition(f"CAST({value} AS REAL) {sign} ?", (_real(given, "value"),))


def _between(portal: Portal, definition: Definition, value: str, given: Mapping[str, Any]) -> Condition:
    operator = text(given, "operator")
    if operator not in ("IS_BETWEEN", "IS_NOT_BETWEEN"):
        raise _unknown("operator", operator, ("IS_BETWEEN", "IS_NOT_BETWEEN"))
    bounds = (_real(given, "lowerBound"), _real(given, "upperBound"))
    word = "NOT BETWEEN" if operator == "IS_NOT_BETWEEN" else "BETWEEN"
    return Condition(f"CAST({value} AS REAL) {word} ? AND ?", bounds)


def _bool(portal: Portal, definition: Definition, value: str, given: Mapping[str, Any]) -> Condition:
    operator, wanted = text(given, "operator"), given.get("value")
    if operator not in ("IS_EQUAL_TO", "IS_NOT_EQUAL_TO"):
        raise _unknown("operator", operator, ("IS_EQUAL_TO", "IS_NOT_EQUAL_TO"))
    if not isinstance(wanted, bool):
        raise invalid("The value of a BOOL operation must be true or false")
    return Condition(f"{value} {'=' if operator == 'IS_EQUAL_TO' else '<>'} ?", (str(wanted).lower(),))


def _options(portal: Portal, definition: Definition, value: str, given: Mapping[str, Any]) -> Condition:
    operator, wanted = text(given, "operator"), texts(given, "values")
    known = ("IS_ANY_OF", "IS_NONE_OF", "CONTAINS_ALL", "DOES_NOT_CONTAIN_ALL")
    if operator not in known:
        raise _unknown("operator", operator, known)
    if not wanted:
        raise invalid(f"Operator {operator} requires values")
    has = [Condition(f"instr(';' || {value} || ';', ?) > 0", (f";{each};",)) for each in wanted]
    found = _joined(" OR " if operator in ("IS_ANY_OF", "IS_NONE_OF") else " AND ", has)
    return found if operator in ("IS_ANY_OF", "CONTAINS_ALL") else Condition(f"NOT {found.text}", found.values)


def _known(portal: Portal, definition: Definition, value: str, given: Mapping[str, Any]) -> Condition:
    operator = text(given, "operator")
    if operator not in ("IS_KNOWN", "IS_UNKNOWN"):
        raise _unknown("operator", operator, ("IS_KNOWN", "IS_UNKNOWN"))
    return Condition(f"({value} IS {'NOT ' if operator == 'IS_KNOWN' else ''}NULL)")


def _time(portal: Portal, definition: Definition, value: str, given: Mapping[str, Any]) -> Condition:
    """IS_BEFORE and IS_AFTER a fixed day or instant; other points of time are not emulated."""
    operator, point = text(given, "operator"), given.get("timePoint")
    if operator not in ("IS_BEFORE", "IS_AFTER"):
        raise _unknown("operator", operator, ("IS_BEFORE", "IS_AFTER"))
    if not isinstance(point, Mapping) or text(point, "timeType") != "DATE":
        raise invalid("The timePoint of a TIME_POINT operation must have the timeType DATE; others are not emulated")
    parts = ("year", "month", "day", "hour", "minute", "second", "millisecond")
    numbers = [int(_real(point, name)) if point.get(name) is not None else 0 for name in parts]
    try:
        zone = ZoneInfo(text(point, "zoneId") or "UTC")
        at = datetime(*numbers[:6], numbers[6] * 1000, tzinfo=zone).astimezone(UTC)  # type: ignore[arg-type, misc]
    except (ValueError, OSError, KeyError):
        raise invalid("The timePoint of a TIME_POINT operation is no point of time") from None
    stamp: Any = at.date().isoformat() if definition.type == "date" else stored(at)
    if definition.type == "number":
        value, stamp = f"CAST({value} AS INTEGER)", epoch_ms(at)
    return Condition(f"{value} {'<' if operator == 'IS_BEFORE' else '>'} ?", (stamp,))


_OPERATIONS: dict[str, Callable[[Portal, Definition, str, Mapping[str, Any]], Condition]] = {
    "STRING": _text,
    "MULTISTRING": _text,
    "NUMBER": _number,
    "NUMBER_RANGED": _between,
    "BOOL": _bool,
    "ENUMERATION": _options,
    "ALL_PROPERTY": _known,
    "TIME_POINT": _time,
}


def _joined(word: str, parts: Sequence[Condition]) -> Condition:
    values = tuple(value for each in parts for value in each.values)
    return Condition("(" + word.join(each.text for each in parts) + ")", values)


def _real(given: Mapping[str, Any], name: str) -> float:
    value = given.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e15:
        raise invalid(f"Invalid input JSON: {name} must be a number")
    return float(value)


def _unknown(what: str, given: str, known: Sequence[str]) -> HubError:
    return invalid(f"{what} {given!r} is not emulated here; known are {', '.join(known)}")
