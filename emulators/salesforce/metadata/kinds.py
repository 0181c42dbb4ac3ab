"""What a custom field is called in metadata, and what only fields of its kind say there.

Source: "CustomField" of the Metadata API guide. The Tooling API tells it as JSON, files of packages as elements.
"""

from __future__ import annotations

from emulators.salesforce.schema import FieldType

LONG = 255  # from here a text area is a long one
_NAMES = {
    "string": "Text", "double": "Number", "currency": "Currency", "percent": "Percent", "date": "Date",
    "datetime": "DateTime", "boolean": "Checkbox", "picklist": "Picklist", "multipicklist": "MultiselectPicklist",
    "url": "Url", "email": "Email", "phone": "Phone", "int": "Number", "address": "Address",
}  # fmt: skip


def kind_of(field: FieldType) -> str:
    """The type's name in metadata: Text, LongTextArea, Lookup, ..."""
    if field.type == "textarea":
        return "LongTextArea" if field.length > LONG else "TextArea"
    if field.type == "reference":
        return "MasterDetail" if field.custom and field.cascade_delete and not field.nillable else "Lookup"
    return _NAMES.get(field.type, "Text")


def required(field: FieldType) -> bool | None:
    """Whether a value must be given; None of kinds that never say so."""
    return None if kind_of(field) in ("Checkbox", "MasterDetail") else not field.nillable


def particular(field: FieldType) -> dict[str, str | int | bool]:
    """What only fields of this kind say, by element name; picklists' values are left to who writes them."""
    kind = kind_of(field)
    if kind == "Text":
        case = {"caseSensitive": True} if field.case_sensitive else {}
        return {"length": min(field.length or LONG, LONG), **case}
    if kind == "LongTextArea":
        return {"length": field.length, "visibleLines": 3}
    if kind in ("Number", "Currency", "Percent"):
        return {"precision": field.precision or 18, "scale": field.scale}
    if kind in ("Lookup", "MasterDetail"):
        return _reference(field, kind)
    if kind == "Checkbox":
        return {"defaultValue": "false"}
    return {"visibleLines": 4} if kind == "MultiselectPicklist" else {}


def _reference(field: FieldType, kind: str) -> dict[str, str | int | bool]:
    way = (field.child_relationship or field.name).removesuffix("__r").removesuffix("__c")
    found: dict[str, str | int | bool] = {
        "referenceTo": field.reference_to[0] if field.reference_to else "",
        "relationshipName": way,
    }
    if kind == "Lookup":
        found["deleteConstraint"] = "Cascade" if field.cascade_delete else "SetNull" if field.nillable else "Restrict"
    return found
