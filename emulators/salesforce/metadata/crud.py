"""What the synchronous metadata calls do: create, read, update, upsert, delete; each component by itself."""

from __future__ import annotations

from typing import Any

from emulators.salesforce.metadata import files, types
from emulators.salesforce.metadata import rules as validations
from emulators.salesforce.metadata.nodes import file_of, inline, make, named
from emulators.salesforce.metadata.plan import SUPPORTED, Component, Plan
from emulators.salesforce.metadata.xml import Package
from emulators.salesforce.org import Org
from emulators.salesforce.xml_text import Node, text_of

MOST = 10
_TAGS = {"CustomField": "fields", "ValidationRule": "validationRules"}


def known_as(org: Org, kind: str, name: str) -> str | None:
    """The component's name as the org spells it; None when there is none."""
    return next((found for found in types.names(org, kind) if found.lower() == name.lower()), None)


def save(org: Org, kind: str, node: Node, how: str) -> dict[str, Any]:
    """The SaveResult (UpsertResult for `upsert`) of one component; `how` is create, update or upsert."""
    name = node.get("fullName")
    known = known_as(org, kind, name) if kind in SUPPORTED else None
    if kind not in SUPPORTED:
        return _refused(name, "INVALID_TYPE", f"Components of type {kind or 'none'} are not emulated", how)
    if not name:
        return _refused(name, "REQUIRED_FIELD_MISSING", "Required field is missing: fullName", how)
    if how == "create" and known is not None:
        return _refused(name, "DUPLICATE_DEVELOPER_NAME", f"There is already a {kind} named {known}.", how)
    if how == "update" and known is None:
        text = f"In field: fullName - no {kind} named {name} found"
        return _refused(name, "INVALID_CROSS_REFERENCE_KEY", text, how)
    problem = _carried_out(org, Plan(org, _package(kind, name, node)))
    if problem is not None:
        return _refused(name, "FIELD_INTEGRITY_EXCEPTION", problem.problem, how)
    made = {"created": known is None} if how == "upsert" else {}
    return made | {"errors": [], "fullName": name, "success": True}


def _package(kind: str, name: str, node: Node) -> Package:
    """The component as a package of its own."""
    owner, _, part = name.partition(".")
    if kind in _TAGS:
        inner = named(Node(_TAGS[kind], node.line, node.column, "", node.children), part)
        path, body = f"objects/{owner}.object", file_of("CustomObject", Node("CustomObject", 1, 1, "", [inner]))
    else:
        folder, suffix = ("permissionsets", "permissionset") if kind == "PermissionSet" else ("objects", "object")
        path, body = f"{folder}/{name}.{suffix}", file_of(kind, named(node, ""))
    return Package({path: body}, {kind: (name,)}, "67.0", {})


def _carried_out(org: Org, plan: Plan) -> Component | None:
    """Do what the plan says, or tell the first component that is wrong."""
    bad = next((component for component in plan.components if component.failed), None)
    if bad is None:
        with org.transaction():
            for component in plan.changes():
                if component.apply is not None:
                    component.apply()
    return bad


def _refused(name: str, code: str, text: str, how: str = "") -> dict[str, Any]:
    made = {"created": False} if how == "upsert" else {}
    errors = {"message": text, "statusCode": code}
    return made | {"errors": errors, "fullName": name, "success": False}


def delete(org: Org, kind: str, name: str) -> dict[str, Any]:
    """The DeleteResult of one component."""
    if kind not in SUPPORTED:
        return _refused(name, "INVALID_TYPE", f"Components of type {kind or 'none'} are not emulated")
    plan = Plan(org, Package({}, {}, "67.0", {kind: (name,)}))
    if any(component.problem and component.warning for component in plan.components):
        return _refused(name, "INVALID_CROSS_REFERENCE_KEY", f"no {kind} named {name} found")
    bad = _carried_out(org, plan)
    if bad is not None:
        return _refused(name, "DELETE_FAILED", bad.problem)
    return {"errors": [], "fullName": name, "success": True}


def read(org: Org, kind: str, name: str) -> str:
    """The `records` element of one component; nil when there is none."""
    known = known_as(org, kind, name)
    node = None if known is None else _node(org, kind, known)
    if node is None or known is None:
        return '<records xsi:nil="true"/>'
    inner = "".join(inline(child) for child in named(node, "").children)
    return f'<records xsi:type="{text_of(kind)}">{inline(make("fullName", known))}{inner}</records>'


def _node(org: Org, kind: str, name: str) -> Node | None:
    if kind == "PermissionSet":
        return files.set_node(org, name)
    owner, _, part = name.partition(".")
    if kind == "CustomObject":
        return files.object_file(org, owner, files.ALL, files.ALL, whole=True)
    if kind == "ValidationRule":
        rule = validations.kept(org, owner, part)
        return None if rule is None else validations.written(rule)
    obj = files.object_of(org, owner)
    field = obj.field(part)
    return None if field is None else files.field_node(org, obj, field)
