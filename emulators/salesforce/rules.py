"""Validation rules as data: when a record meets a rule's condition, it is refused with the rule's own text.

All rules are tried before any is told, as the vendor does: a record may be refused with several errors at once. A
rule with an `error_field` speaks at that field, one without speaks for the whole page. The vendor's pages:
ValidationRule; FIELD_CUSTOM_VALIDATION_EXCEPTION.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from emulators.salesforce.errors import DmlError
from emulators.salesforce.metadata import formulas
from emulators.salesforce.schema import ObjectType

if TYPE_CHECKING:
    from emulators.salesforce.org import Org

_CONDITION = frozenset({"field", "op", "value"})
_KEYS = _CONDITION | {"object", "name", "active", "all", "any", "message", "error_field"}
Body = dict[str, Any]


def _compare(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def fits(found: Any, wanted: Any) -> bool:
        try:
            return found is not None and test(found, wanted)
        except TypeError:  # a number against a text: neither more nor less
            return False

    return fits


_OPS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda found, wanted: bool(found == wanted),
    "ne": lambda found, wanted: bool(found != wanted),
    "gt": _compare(lambda found, wanted: found > wanted),
    "ge": _compare(lambda found, wanted: found >= wanted),
    "lt": _compare(lambda found, wanted: found < wanted),
    "le": _compare(lambda found, wanted: found <= wanted),
    "contains": _compare(lambda found, wanted: str(wanted) in str(found)),
    "starts": _compare(lambda found, wanted: str(found).startswith(str(wanted))),
    "in": _compare(lambda found, wanted: found in wanted),
    "longer": _compare(lambda found, wanted: len(str(found)) > wanted),
    "is_null": lambda found, _: found is None,
    "not_null": lambda found, _: found is not None,
}


class Rulebook:
    """The rules that people made in the org: validation rules and duplicate rules, read once and kept."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._lock = threading.Lock()
        self._generation = 0
        self._known: dict[str, dict[str, list[Body]]] = {}  # table -> object -> rules

    def forget(self) -> None:
        """Rules have changed."""
        with self._lock:
            self._generation += 1
            self._known.clear()

    def of(self, table: str, obj: ObjectType) -> list[Body]:
        """The rules of an object in that table, in the order in which they were made, each with its `id`."""
        known = self._known.get(table)
        if known is None:
            generation, known = self._generation, {}
            rows = self._org.connection().execute(f"SELECT id, object, body FROM {table} ORDER BY id")
            for rule_id, name, text in rows:
                known.setdefault(name, []).append({**json.loads(text), "id": rule_id})
            with self._lock:
                if generation == self._generation:
                    self._known[table] = known
        return known.get(obj.name, [])

    def keep(self, table: str, obj: ObjectType, body: Mapping[str, Any]) -> int:
        """Add a rule; its id."""
        with self._org.transaction() as connection:
            sql = f"INSERT INTO {table} (object, body) VALUES (?, ?)"
            made = connection.execute(sql, (obj.name, json.dumps(dict(body)))).lastrowid
            self._changed()
        return int(made or 0)

    def switch(self, table: str, rule_id: int, active: bool) -> None:
        """Switch a rule on or off; ValueError for an unknown one."""
        with self._org.transaction() as connection:
            row = connection.execute(f"SELECT body FROM {table} WHERE id = ?", (rule_id,)).fetchone()
            if row is None:
                raise ValueError(f"no rule {rule_id}")
            body = json.dumps({**json.loads(row[0]), "active": active})
            connection.execute(f"UPDATE {table} SET body = ? WHERE id = ?", (body, rule_id))
            self._changed()

    def change(self, table: str, rule_id: int, body: Mapping[str, Any] | None) -> None:
        """Another body for a rule; None removes it."""
        with self._org.transaction() as connection:
            if body is None:
                connection.execute(f"DELETE FROM {table} WHERE id = ?", (rule_id,))
            else:
                connection.execute(f"UPDATE {table} SET body = ? WHERE id = ?", (json.dumps(dict(body)), rule_id))
            self._changed()

    def clear(self, table: str) -> None:
        """Forget all rules of that table."""
        with self._org.transaction() as connection:
            connection.execute(f"DELETE FROM {table}")
            self._changed()

    def listed(self, table: str) -> list[Body]:
        """All rules of that table."""
        rows = self._org.connection().execute(f"SELECT id, object, body FROM {table} ORDER BY id")
        return [{**json.loads(row[2]), "id": row[0], "object": row[1]} for row in rows]

    def _changed(self) -> None:
        self.forget()
        self._org.on_undo(self.forget)


def add(org: Org, obj: ObjectType, body: Mapping[str, Any]) -> int:
    """Keep a rule `{object, field, op, value, message, error_field?, name?, active?, all?, any?}`.

    `all` and `any` are lists of further conditions `{field, op, value}` or of `all` and `any` again; ValueError
    names what is wrong.
    """
    unknown = sorted(set(body) - _KEYS)
    if unknown or "message" not in body:
        raise ValueError(f"a rule has the keys {', '.join(sorted(_KEYS))}; got {', '.join(sorted(body))}")
    check_condition(obj, {name: value for name, value in body.items() if name in _CONDITION | {"all", "any"}})
    if body.get("error_field") and obj.field(str(body["error_field"])) is None:
        raise ValueError(f"{obj.name} has no field {body['error_field']}")
    return org.rulebook.keep("e_rule", obj, body)


def check_condition(obj: ObjectType, condition: Mapping[str, Any]) -> None:
    """ValueError names what is wrong with a condition `{field, op, value?}` or `{all}` or `{any}` of conditions."""
    if not {"field", "all", "any"} & set(condition):
        raise ValueError("a condition needs a field, or all or any with a list of conditions")
    if "field" in condition:
        if condition.get("op") not in _OPS:
            raise ValueError(f"op must be one of {', '.join(_OPS)}; got {condition.get('op')}")
        if obj.field(str(condition["field"])) is None:
            raise ValueError(f"{obj.name} has no field {condition['field']}")
    for name in ("all", "any"):
        for inner in condition.get(name, ()):
            check_condition(obj, inner)


def check(org: Org, obj: ObjectType, row: Mapping[str, Any]) -> None:
    """Refuse the record with the text of every active rule whose condition holds for it as it would be stored."""
    broken = [
        rule for rule in org.rulebook.of("e_rule", obj) if rule.get("active", True) and _broken(org, obj, rule, row)
    ]
    errors = [_error(obj, rule) for rule in broken]
    if errors:
        first = errors[0]
        raise DmlError(first.status_code, first.message, first.fields, others=errors[1:])


def _broken(org: Org, obj: ObjectType, rule: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Deployed rules have a formula, the control plane's a condition."""
    if "formula" not in rule:
        return holds(obj, rule, row)
    today = org.clock.now().astimezone(org.timezone).date().isoformat()
    try:
        return formulas.holds(rule["formula"], obj, row, today)
    except formulas.BadFormula:  # a field that it names is gone
        return False


def _error(obj: ObjectType, rule: Mapping[str, Any]) -> DmlError:
    field = obj.field(str(rule["error_field"])) if rule.get("error_field") else None
    return DmlError("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule["message"], [field.name] if field else [])


def holds(obj: ObjectType, condition: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether a record, values in storage form, meets a condition."""
    tests = [holds(obj, inner, row) for inner in condition.get("all", ())]
    if "field" in condition:
        field = obj.field(condition["field"])
        tests.append(field is not None and _OPS[condition["op"]](row.get(field.name), condition.get("value")))
    if "any" in condition:
        tests.append(any(holds(obj, inner, row) for inner in condition["any"]))
    return all(tests)
