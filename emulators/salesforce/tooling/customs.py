"""What making, changing and removing a custom field or a validation rule as a record does.

Source: "CustomField" and "ValidationRule" of the Tooling API guide. Fields and formulas are judged by what judges
those of deployments, and nobody sees a new field until a permission set shows it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from emulators.salesforce.errors import DmlError, not_found
from emulators.salesforce.ids import to18
from emulators.salesforce.metadata import rules
from emulators.salesforce.metadata.fields import Problem
from emulators.salesforce.org import Org
from emulators.salesforce.schema import FieldType, ObjectType
from emulators.salesforce.tooling.field_metadata import made_of, node_of
from emulators.salesforce.tooling.rows import custom_fields, field_id, rule_id

_RULE = frozenset({"active", "description", "errorConditionFormula", "errorDisplayField", "errorMessage"})


def create_field(org: Org, body: dict[str, Any]) -> str:
    """A new field from FullName and Metadata; its id. DmlError for one that cannot be or is there."""
    name, metadata = _given(body)
    obj = _owner(org, name)
    short = name.partition(".")[2]
    if obj.field(short) is not None:
        text = f"There is already a field named {short.removesuffix('__c')} on {obj.label}."
        raise DmlError("DUPLICATE_DEVELOPER_NAME", text, ["DeveloperName"])
    field = _made(org, name, metadata, obj)
    org.add_custom_field(obj.name, field)
    return field_id(org, obj, field)


def update_field(org: Org, record_id: str, body: dict[str, Any]) -> None:
    """A field's Metadata, whole; its name and type stay."""
    obj, known = find_field(org, record_id)
    name, metadata = _given({"FullName": f"{obj.name}.{known.name}", **body})
    if name.lower() != f"{obj.name}.{known.name}".lower():
        raise DmlError("FIELD_INTEGRITY_EXCEPTION", "Cannot change the full name of a field", ["FullName"])
    made = replace(_made(org, name, metadata, obj), name=known.name, always_visible=known.always_visible)
    org.add_custom_field(obj.name, made)


def delete_field(org: Org, record_id: str) -> None:
    """The field and its values are gone."""
    obj, known = find_field(org, record_id)
    org.remove_custom_field(obj.name, known.name)


def find_field(org: Org, record_id: str) -> tuple[ObjectType, FieldType]:
    """The custom field of that id; 404 for none."""
    wanted = to18(record_id)
    for obj, field in custom_fields(org):
        if field_id(org, obj, field) == wanted:
            return obj, field
    raise not_found()


def create_rule(org: Org, body: dict[str, Any]) -> str:
    """A new validation rule from FullName and Metadata; its id."""
    name, metadata = _given(body)
    obj = _owner(org, name)
    short = name.partition(".")[2]
    if any(rule["object"] == obj.name and rule.get("name") == short for rule in org.rulebook.listed("e_rule")):
        text = f"There is already a validation rule named {short} on {obj.label}."
        raise DmlError("DUPLICATE_DEVELOPER_NAME", text, ["ValidationName"])
    return rule_id(org, org.rulebook.keep("e_rule", obj, _rule(obj, short, metadata)))


def update_rule(org: Org, record_id: str, body: dict[str, Any]) -> None:
    """A rule's Metadata, whole."""
    known = find_rule(org, record_id)
    obj = org.object(known["object"])
    _, metadata = _given({"FullName": f"{obj.name}.{known.get('name') or 'rule'}", **body})
    made = _rule(obj, str(known.get("name") or f"Rule_{known['id']}"), metadata)
    org.rulebook.change("e_rule", int(known["id"]), made)


def find_rule(org: Org, record_id: str) -> dict[str, Any]:
    """The rule of that id; 404 for none."""
    wanted = to18(record_id)
    found = next((rule for rule in org.rulebook.listed("e_rule") if rule_id(org, int(rule["id"])) == wanted), None)
    if found is None:
        raise not_found()
    return found


def delete_rule(org: Org, record_id: str) -> None:
    """The rule is gone."""
    org.rulebook.change("e_rule", int(find_rule(org, record_id)["id"]), None)


def _given(body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    unknown = next((name for name in body if name not in ("FullName", "Metadata", "attributes")), None)
    if unknown is not None:
        raise DmlError("INVALID_FIELD_FOR_INSERT_UPDATE", f"Unable to create/update fields: {unknown}.", [unknown])
    name, metadata = body.get("FullName"), body.get("Metadata")
    missing = [key for key, value in (("FullName", name), ("Metadata", metadata)) if not value]
    if missing:
        raise DmlError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)
    if not isinstance(name, str) or not isinstance(metadata, dict):
        raise DmlError("INVALID_FIELD", "FullName must be a text and Metadata an object", ["Metadata"])
    return name, metadata


def _owner(org: Org, full_name: str) -> ObjectType:
    owner, _, short = full_name.partition(".")
    obj = org.schema.object("Task" if owner.lower() == "activity" else owner)
    if obj is None or not short or org.access.hidden_object(obj.name):
        text = f"Entity Enumeration Or ID: bad value for restricted picklist field: {owner}"
        raise DmlError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", text, ["TableEnumOrId"])
    return obj


def _made(org: Org, full_name: str, metadata: dict[str, Any], obj: ObjectType) -> FieldType:
    try:
        return made_of(full_name, metadata, obj, org.schema)
    except Problem as bad:
        raise DmlError("FIELD_INTEGRITY_EXCEPTION", bad.text) from None


def _rule(obj: ObjectType, name: str, metadata: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(metadata) - _RULE - {"urls", "shouldEvaluateOnClient", "fullName"})
    if unknown:
        raise DmlError("JSON_PARSER_ERROR", f'Unrecognized field "{unknown[0]}"')
    if not metadata.get("errorMessage") or not str(metadata.get("errorConditionFormula") or "").strip():
        raise DmlError("REQUIRED_FIELD_MISSING", "Required fields are missing: [errorConditionFormula, errorMessage]")
    told = {key: value for key, value in {"active": False, **metadata}.items() if key in _RULE}
    try:
        return rules.read(node_of("ValidationRule", name, told), obj)
    except Problem as bad:
        raise DmlError("FIELD_INTEGRITY_EXCEPTION", bad.text, ["Metadata"]) from None
