"""Which formula a validation rule has: its own, or the one that says what a condition of the control plane does.

Source: "Formula Operators and Functions" of the help.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from emulators.salesforce.schema import ObjectType

_SIGNS = {"eq": "=", "ne": "<>", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def text_of(obj: ObjectType, rule: Mapping[str, Any]) -> str:
    """The formula of a rule, or of a part of its condition."""
    if "formula" in rule:
        return str(rule["formula"])
    parts = [_comparison(obj, rule)] if "field" in rule else []
    parts += [text_of(obj, inner) for inner in rule.get("all", ())]
    if "any" in rule:
        parts.append(f"OR({', '.join(text_of(obj, inner) for inner in rule['any'])})")
    return parts[0] if len(parts) == 1 else f"AND({', '.join(parts)})"


def _comparison(obj: ObjectType, condition: Mapping[str, Any]) -> str:
    name, op, value = condition["field"], condition["op"], condition.get("value")
    field = obj.field(name)
    if op in ("is_null", "not_null"):
        return f"ISBLANK({name})" if op == "is_null" else f"NOT(ISBLANK({name}))"
    if op == "in":
        return f"OR({', '.join(_comparison(obj, {**condition, 'op': 'eq', 'value': one}) for one in value or ())})"
    if op in ("contains", "starts"):
        return f"{'CONTAINS' if op == 'contains' else 'BEGINS'}({name}, {json.dumps(value)})"
    if op == "longer":
        return f"LEN({name}) > {value}"
    if field is not None and field.type == "boolean":
        return f"{name} {_SIGNS[op]} {'TRUE' if value else 'FALSE'}"
    if field is not None and field.type == "picklist" and op in ("eq", "ne"):
        test = f"ISPICKVAL({name}, {json.dumps(value)})"
        return test if op == "eq" else f"NOT({test})"
    return f"{name} {_SIGNS[op]} {json.dumps(value)}"
