"""What a custom field's Metadata says, and which field a given Metadata makes: the JSON of the Tooling API.

Source: "CustomField" of the Tooling API guide and of the Metadata API guide. Both APIs make fields by one function.
"""

from __future__ import annotations

from typing import Any

from emulators.salesforce.metadata.fields import KINDS, Problem, field_of
from emulators.salesforce.schema import FieldType, ObjectType, Schema
from emulators.salesforce.xml_text import Node

_LONG = 255
_NAMES = {
    "string": "Text", "double": "Number", "currency": "Currency", "percent": "Percent", "date": "Date",
    "datetime": "DateTime", "boolean": "Checkbox", "picklist": "Picklist", "multipicklist": "MultiselectPicklist",
    "url": "Url", "email": "Email", "phone": "Phone", "int": "Number", "address": "Address",
}  # fmt: skip
_SHOWN = {
    "id": "Lookup()", "DateTime": "Date/Time", "Url": "URL", "MultiselectPicklist": "Picklist (Multi-Select)",
    "LongTextArea": "Long Text Area", "TextArea": "Text Area", "MasterDetail": "Master-Detail",
}  # fmt: skip


def kind_of(field: FieldType) -> str:
    """The type's name in metadata: Text, LongTextArea, Lookup, ..."""
    if field.type == "textarea":
        return "LongTextArea" if field.length > _LONG else "TextArea"
    if field.type == "reference":
        return "MasterDetail" if field.custom and field.cascade_delete and not field.nillable else "Lookup"
    return _NAMES.get(field.type, "Text")


def data_type(field: FieldType) -> str:
    """The type as people see it: `Text(80)`, `Currency(16, 2)`, `Lookup(Account)`."""
    kind = kind_of(field)
    shown = _SHOWN.get(field.type, _SHOWN.get(kind, kind))
    if field.calculated and field.type != "address":
        return f"Formula ({shown})"
    if field.name_field:
        return f"{'Text' if field.createable else 'Name'}({field.length})" if field.createable else "Name"
    if kind in ("Lookup", "MasterDetail"):
        return f"{shown}({','.join(field.reference_to)})"
    if kind in ("Number", "Currency", "Percent"):
        return f"{shown}({max(field.precision - field.scale, 0)}, {field.scale})"
    return f"{shown}({field.length})" if kind in ("Text", "LongTextArea", "TextArea") and field.length else shown


def metadata_of(field: FieldType) -> dict[str, Any]:
    """The Metadata of a custom field."""
    kind = kind_of(field)
    number = kind in ("Number", "Currency", "Percent")
    reference = kind in ("Lookup", "MasterDetail")
    way = (field.child_relationship or "").removesuffix("__r") or None
    return {
        "caseSensitive": field.case_sensitive or None if kind == "Text" else None,
        "defaultValue": "false" if kind == "Checkbox" else None,
        "deleteConstraint": None if not reference else "Cascade" if field.cascade_delete else "SetNull",
        "description": field.description,
        "externalId": field.external_id,
        "formula": field.formula,
        "inlineHelpText": field.help,
        "label": field.label,
        "length": field.length if kind in ("Text", "LongTextArea") else None,
        "precision": field.precision if number else None,
        "referenceTo": field.reference_to[0] if reference and field.reference_to else None,
        "relationshipName": way if reference else None,
        "required": not field.nillable and kind != "Checkbox",
        "scale": field.scale if number else None,
        "trackHistory": False,
        "type": kind,
        "unique": field.unique,
        "valueSet": _value_set(field) if field.picklist else None,
        "visibleLines": {"LongTextArea": 3, "MultiselectPicklist": 4}.get(kind),
    }


def _value_set(field: FieldType) -> dict[str, Any]:
    values = [
        {"valueName": one.value, "label": one.label, "default": one.default, "isActive": one.active or None}
        for one in field.picklist
    ]
    definition = {"sorted": False, "value": values}
    return {"controllingField": None, "restricted": field.restricted_picklist, "valueSetDefinition": definition}


def made_of(full_name: str, metadata: Any, obj: ObjectType, schema: Schema) -> FieldType:
    """The field that FullName and Metadata describe. Problem says why it cannot be."""
    if not isinstance(metadata, dict):
        raise Problem("Metadata must be an object")
    root = Node("CustomField", 1, 1)
    root.children = [_leaf("fullName", full_name.partition(".")[2])]
    for name, value in metadata.items():
        root.children.extend(_nodes(name, value))
    if root.get("type") not in KINDS:
        raise Problem(f"Unknown field type: {root.get('type') or 'none'}")
    return field_of(root, obj, schema)


def _nodes(name: str, value: Any, depth: int = 0) -> list[Node]:
    """JSON as the elements of a metadata file; null is left out, a picklist value's name is its fullName."""
    if value is None or name == "urls" or depth > 10:
        return []
    if isinstance(value, list):
        return [node for one in value for node in _nodes(name, one, depth + 1)]
    if isinstance(value, dict):
        node = Node(name, 1, 1)
        node.children = [child for key, one in value.items() for child in _nodes(key, one, depth + 1)]
        return [node]
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return [_leaf("fullName" if name == "valueName" else name, text)]


def _leaf(tag: str, text: str) -> Node:
    return Node(tag, 1, 1, text)
