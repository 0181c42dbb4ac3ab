"""Whether a ValidationRule of a package can be, and how the org keeps it: a formula among its validation rules."""

from __future__ import annotations

import re
from typing import Any

from emulators.salesforce.metadata import formulas
from emulators.salesforce.metadata.fields import Problem
from emulators.salesforce.metadata.nodes import make, optional
from emulators.salesforce.metadata.xml import NAMESPACE
from emulators.salesforce.org import Org
from emulators.salesforce.schema import ObjectType
from emulators.salesforce.xml_text import Node

_TABLE = "e_rule"
_KNOWN = frozenset(
    {"fullName", "active", "description", "errorConditionFormula", "errorDisplayField", "errorMessage"}
)
_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9]|_(?!_))*(?<!_)\Z")


def read(node: Node, obj: ObjectType) -> dict[str, Any]:
    """The rule that an element describes, as the org keeps it. Problem says why it cannot be."""
    for child in node.children:
        if child.tag not in _KNOWN:
            element = f"{{{NAMESPACE}}}{child.tag}"
            text = f"Error parsing file: Element {element} invalid at this location in type ValidationRule"
            raise Problem(text, child)
    name = node.get("fullName")
    if not _NAME.match(name) or len(name) > 40:
        raise Problem(f"Invalid fullName for a ValidationRule: {name}", node)
    for tag in ("active", "errorConditionFormula", "errorMessage"):
        if not node.get(tag):
            raise Problem(f"Required field is missing: {tag}", node)
    if len(node.get("errorMessage")) > 255:
        text = "Value too long for field: errorMessage maximum length is:255"
        raise Problem(text, node.first("errorMessage"))
    try:
        formulas.check(node.get("errorConditionFormula"), obj)
    except formulas.BadFormula as bad:
        raise Problem(str(bad), node.first("errorConditionFormula")) from None
    shown = obj.field(node.get("errorDisplayField")) if node.get("errorDisplayField") else None
    if node.get("errorDisplayField") and shown is None:
        text = f"Invalid field {node.get('errorDisplayField')} in ValidationRule"
        raise Problem(text, node.first("errorDisplayField"))
    return {
        "object": obj.name,
        "name": name,
        "active": node.get("active") in ("true", "1"),
        "description": node.get("description") or None,
        "formula": node.get("errorConditionFormula"),
        "error_field": shown.name if shown else None,
        "message": node.get("errorMessage"),
    }


def kept(org: Org, object_name: str, name: str) -> dict[str, Any] | None:
    """The deployed rule of that name; None when there is none."""
    return next((rule for rule in of(org, object_name) if rule["name"].lower() == name.lower()), None)


def of(org: Org, object_name: str) -> list[dict[str, Any]]:
    """The deployed rules of an object by name; those of the control plane have no formula and are none."""
    obj = org.schema.object(object_name)
    found = [rule for rule in org.rulebook.of(_TABLE, obj) if "formula" in rule] if obj else []
    return sorted(found, key=lambda rule: str(rule["name"]))


def store(org: Org, obj: ObjectType, wanted: dict[str, Any]) -> None:
    """Make or replace the rule."""
    with org.transaction():
        remove(org, obj.name, wanted["name"])
        org.rulebook.keep(_TABLE, obj, wanted)


def remove(org: Org, object_name: str, name: str) -> None:
    """Forget the rule of that name."""
    known = kept(org, object_name, name)
    if known is not None:
        with org.transaction() as connection:
            connection.execute(f"DELETE FROM {_TABLE} WHERE id = ?", (known["id"],))
            org.rulebook.forget()
            org.on_undo(org.rulebook.forget)


def written(rule: dict[str, Any]) -> Node:
    """The rule as an element."""
    return make(
        "validationRules", make("fullName", rule["name"]), make("active", rule["active"]),
        *optional("description", rule.get("description")), make("errorConditionFormula", rule["formula"]),
        *optional("errorDisplayField", rule.get("error_field")), make("errorMessage", rule["message"]),
    )  # fmt: skip
