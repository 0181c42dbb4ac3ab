"""What a custom field's Metadata says, and which field a given Metadata makes: the JSON of the Tooling API.

Source: "CustomField" of the Tooling API guide and of the Metadata API guide. Both APIs make fields by one function.
"""

from __future__ import annotations

from typing import Any

from emulators.salesforce.metadata.fields import KINDS, Problem, field_of
from emulators.salesforce.metadata.kinds import kind_of, particular, required
from emulators.salesforce.schema import FieldType, ObjectType, Schema
from emulators.salesforce.xml_text import Node

_SHOWN = {
    "id": "Lookup()", "DateTime": "Date/Time", "Url": "URL", "MultiselectPicklist": "Picklist (Multi-Select)",
    "LongTextArea": "Long Text Area", "TextArea": "Text Area", "MasterDetail": "Master-Detail",
}  # fmt: skip


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


_PARTICULAR = (
    "caseSensitive", "defaultValue", "deleteConstraint", "length", "precision", "referenceTo", "relationshipName",
    "scale", "visibleLines",
)  # fmt: skip


def metadata_of(field: FieldType) -> dict[str, Any]:
    """The Metadata of a custom field; what its kind has not is null."""
    every = {
        **dict.fromkeys(_PARTICULAR),
        **particular(field),
        "description": field.description,
        "externalId": field.external_id,
        "formula": field.formula,
        "inlineHelpText": field.help,
        "label": field.label,
        "required": bool(required(field)),
        "trackHistory": False,
        "type": kind_of(field),
        "unique": field.unique,
        "valueSet": _value_set(field) if field.picklist else None,
    }
    return dict(sorted(every.items()))


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
    root = node_of("CustomField", full_name.partition(".")[2], metadata)
    if root.get("type") not in KINDS:
        raise Problem(f"Unknown field type: {root.get('type') or 'none'}")
    return field_of(root, obj, schema)


def node_of(kind: str, name: str, metadata: dict[str, Any]) -> Node:
    """A component's Metadata as its element in a metadata file."""
    inner = [node for key, value in metadata.items() for node in _nodes(key, value)]
    return Node(kind, 1, 1, "", [_leaf("fullName", name), *inner])


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
