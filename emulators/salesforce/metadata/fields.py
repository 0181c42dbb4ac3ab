"""Whether a CustomField or CustomObject of a package can be, and what it is once deployed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from emulators.salesforce.catalog import custom_object
from emulators.salesforce.metadata.xml import NAMESPACE
from emulators.salesforce.schema import FieldType, ObjectType, PicklistValue, Schema
from emulators.salesforce.xml_text import Node

KINDS = {
    "Text": "string", "TextArea": "textarea", "LongTextArea": "textarea", "Html": "textarea", "Number": "double",
    "Currency": "currency", "Percent": "percent", "Date": "date", "DateTime": "datetime", "Checkbox": "boolean",
    "Picklist": "picklist", "MultiselectPicklist": "multipicklist", "Url": "url", "Email": "email", "Phone": "phone",
    "Lookup": "reference", "MasterDetail": "reference",
}  # fmt: skip
_LENGTHS = {"TextArea": 255, "Url": 255, "Email": 80, "Phone": 40, "Picklist": 255, "Lookup": 18, "MasterDetail": 18}
_KNOWN = frozenset(
    {
        "fullName", "label", "type", "length", "precision", "scale", "required", "unique", "externalId",
        "caseSensitive", "defaultValue", "description", "inlineHelpText", "referenceTo", "relationshipName",
        "relationshipLabel", "relationshipOrder", "deleteConstraint", "reparentableMasterDetail",
        "writeRequiresMasterRead", "valueSet", "visibleLines", "trackHistory", "trackTrending",
        "trackFeedHistory", "securityClassification", "businessOwnerGroup", "businessOwnerUser",
        "businessStatus", "complianceGroup", "formula", "formulaTreatBlanksAs", "stripMarkup",
        "isFilteringDisabled", "isNameField", "isSortingDisabled", "lookupFilter", "displayFormat",
        "encryptionScheme", "maskChar", "maskType", "mktDataLakeFieldAttributes", "populateExistingRows",
        "startingNumber", "summarizedField", "summaryFilterItems", "summaryForeignKey", "summaryOperation",
        "isAIPredictionField", "isConvertLeadDisabled", "fieldManageability", "customDataType",
        "metadataRelationshipControllingField",
    }
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9]|_(?!_))*(?<!_)__c\Z")
FIELDS_PER_OBJECT = 500
EXTERNAL_IDS_PER_OBJECT = 25


class Problem(Exception):
    """Why a component cannot be deployed, with the place in its file when one is to blame."""

    def __init__(self, text: str, node: Node | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.line = node.line if node else 1
        self.column = node.column if node else 1


def field_of(node: Node, obj: ObjectType, schema: Schema) -> FieldType:
    """The field that a `fields` element describes. Problem says why it cannot be."""
    for child in node.children:
        if child.tag not in _KNOWN:
            element = f"{{{NAMESPACE}}}{child.tag}"
            text = f"Error parsing file: Element {element} invalid at this location in type CustomField"
            raise Problem(text, child)
    name, kind = node.get("fullName"), node.get("type")
    if not _NAME.match(name):
        raise Problem("Invalid fullName, must end in a custom suffix (e.g. __c)", node)
    if len(name) > 43:
        raise Problem(f"Field name is too long: {name} (max length=40)", node)
    if kind not in KINDS:
        at = node.first("type") or node
        raise Problem(f"'{kind}' is not a valid value for the enum 'FieldType'" if kind else _must("type", kind), at)
    _texts(node)
    field = FieldType(
        name=name, label=node.get("label"), type=KINDS[kind], length=_LENGTHS.get(kind, 0), custom=True,
        nillable=not _true(node, "required"), unique=_true(node, "unique"), external_id=_true(node, "externalId"),
        case_sensitive=_true(node, "caseSensitive"), description=node.get("description") or None,
        help=node.get("inlineHelpText") or None, always_visible=False,
    )  # fmt: skip
    if kind in _FINISH:
        field = _FINISH[kind](node, field, schema)
    if (field.unique or field.external_id) and kind not in ("Text", "Number", "Email"):
        raise Problem(f"Can not specify 'externalId' or 'unique' for a CustomField of type {kind}", node)
    _fits(field, obj, node)
    return field


def _must(what: str, kind: str) -> str:
    return f"Must specify '{what}' for a CustomField of type {kind}" if kind else f"Must specify '{what}'"


def _true(node: Node, tag: str) -> bool:
    return node.get(tag) in ("true", "1")


def _texts(node: Node) -> None:
    if not node.get("label"):
        raise Problem("Must specify a non-empty label for the CustomField", node)
    for tag, longest in (("label", 40), ("description", 1000), ("inlineHelpText", 510)):
        found = node.first(tag)
        if found is not None and len(found.text.strip()) > longest:
            raise Problem(f"Value too long for field: {tag} maximum length is:{longest}", found)


def _number(node: Node, tag: str, kind: str, low: int, high: int) -> int:
    found = node.first(tag)
    if found is None:
        raise Problem(_must(tag, kind), node)
    text = found.text.strip()
    if not text.isdigit() or not low <= int(text) <= high:
        raise Problem(f"Invalid {tag} {text}: must be between {low} and {high}", found)
    return int(text)


def _text(node: Node, field: FieldType, schema: Schema) -> FieldType:
    return replace(field, length=_number(node, "length", "Text", 1, 255))


def _long_text(node: Node, field: FieldType, schema: Schema) -> FieldType:
    _number(node, "visibleLines", node.get("type"), 2, 50)
    length = _number(node, "length", node.get("type"), 256, 131_072)
    return replace(field, length=length, filterable=False, sortable=False, groupable=False)


def _decimal(node: Node, field: FieldType, schema: Schema) -> FieldType:
    precision = _number(node, "precision", node.get("type"), 1, 18)
    scale = _number(node, "scale", node.get("type"), 0, 17)
    if scale > precision:
        raise Problem(f"Scale {scale} must not be greater than precision {precision}", node.first("scale"))
    return replace(field, precision=precision, scale=scale)


def _checkbox(node: Node, field: FieldType, schema: Schema) -> FieldType:
    if node.get("defaultValue") not in ("true", "false"):
        raise Problem(_must("defaultValue", "Checkbox"), node)
    if _true(node, "required"):
        raise Problem("Can not specify 'required' for a CustomField of type Checkbox", node.first("required"))
    return replace(field, nillable=False, default_on_create=True)


def _picklist(node: Node, field: FieldType, schema: Schema) -> FieldType:
    kind = node.get("type")
    values = node.first("valueSet")
    definition = values.first("valueSetDefinition") if values else None
    if values is None or definition is None:
        raise Problem(_must("valueSet", kind), node)
    if kind == "MultiselectPicklist":
        _number(node, "visibleLines", kind, 3, 10)
    options = tuple(_option(value) for value in definition.all("value"))
    names = [option.value.lower() for option in options]
    if len(set(names)) < len(names):
        raise Problem("Duplicate value in the picklist", definition)
    if not options or len(options) > 1000:
        raise Problem("A picklist needs between 1 and 1,000 values", definition)
    restricted = values.get("restricted") in ("true", "1")
    length = 4099 if kind == "MultiselectPicklist" else field.length
    return replace(field, picklist=options, restricted_picklist=restricted, length=length)


def _option(value: Node) -> PicklistValue:
    name = value.get("fullName")
    if not name or len(name) > 255:
        raise Problem("A picklist value needs a fullName of at most 255 characters", value)
    active = value.get("isActive", "true") != "false"
    return PicklistValue(name, value.get("label") or name, active, value.get("default") == "true")


def _reference(node: Node, field: FieldType, schema: Schema) -> FieldType:
    kind, target = node.get("type"), node.get("referenceTo")
    if not target:
        raise Problem(_must("referenceTo", kind), node)
    parent = schema.object(target)
    if parent is None:
        text = f"referenceTo value of '{target}' does not resolve to a valid sObject type"
        raise Problem(text, node.first("referenceTo"))
    way = node.get("relationshipName")
    if not way:
        raise Problem(_must("relationshipName", kind), node)
    taken = schema.children(parent.name).get(f"{way}__r".lower())
    if taken is not None and taken[1].name.lower() != field.name.lower():
        text = f"There is already a Child Relationship named {way} on {parent.name}."
        raise Problem(text, node.first("relationshipName"))
    master = kind == "MasterDetail"
    return replace(
        field, reference_to=(parent.name,), relationship_name=field.name[:-1] + "r",
        child_relationship=f"{way}__r", cascade_delete=master or node.get("deleteConstraint") == "Cascade",
        nillable=field.nillable and not master,
    )  # fmt: skip


_FINISH: dict[str, Callable[[Node, FieldType, Schema], FieldType]] = {
    "Text": _text,
    "LongTextArea": _long_text,
    "Html": _long_text,
    "Number": _decimal,
    "Currency": _decimal,
    "Percent": _decimal,
    "Checkbox": _checkbox,
    "Picklist": _picklist,
    "MultiselectPicklist": _picklist,
    "Lookup": _reference,
    "MasterDetail": _reference,
}


def _fits(field: FieldType, obj: ObjectType, node: Node) -> None:
    """Against what the object already has: its type for good, and its limits."""
    known = obj.field(field.name)
    if known is not None and known.type != field.type:
        text = f"Cannot change the type of {obj.name}.{known.name} from {known.type} to {field.type}"
        raise Problem(text, node.first("type"))
    others = [other for other in obj.fields.values() if other.custom and other.name.lower() != field.name.lower()]
    if len(others) >= FIELDS_PER_OBJECT:
        raise Problem(f"Custom field limit exceeded: {FIELDS_PER_OBJECT} on {obj.name}", node)
    if field.external_id and sum(other.external_id for other in others) >= EXTERNAL_IDS_PER_OBJECT:
        raise Problem(f"External ID limit exceeded: {EXTERNAL_IDS_PER_OBJECT} on {obj.name}", node)


def object_of(root: Node, name: str, schema: Schema, prefix: str) -> ObjectType:
    """The custom object that a file describes, without its fields. Problem says why it cannot be."""
    if not _NAME.match(name):
        raise Problem("Invalid fullName, must end in a custom suffix (e.g. __c)", root)
    for tag in ("label", "pluralLabel", "deploymentStatus", "sharingModel"):
        if not root.get(tag):
            raise Problem(f"Must specify a non-empty {tag} for the CustomObject", root)
    name_field = root.first("nameField")
    if name_field is None or name_field.get("type") not in ("Text", "AutoNumber"):
        raise Problem("Must specify a nameField of type Text or AutoNumber for the CustomObject", name_field or root)
    known = schema.object(name)
    made = custom_object(name, root.get("label"), root.get("pluralLabel"), known.key_prefix if known else prefix)
    if known is not None:
        made.fields = dict(known.fields)
    return made
