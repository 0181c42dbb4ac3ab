"""How what an org has is written as metadata: objects with their fields and rules, and permission sets."""

from __future__ import annotations

from collections.abc import Collection

from emulators.salesforce.metadata import kept, sets
from emulators.salesforce.metadata import rules as validations
from emulators.salesforce.metadata.fields import Problem, field_of
from emulators.salesforce.metadata.kinds import kind_of, particular, required
from emulators.salesforce.metadata.nodes import make, optional, ordered
from emulators.salesforce.metadata.types import ACTIVITY
from emulators.salesforce.org import Org
from emulators.salesforce.schema import FieldType, ObjectType
from emulators.salesforce.xml_text import Node

ALL = None  # of names: every component there is
Names = Collection[str] | None


def object_of(org: Org, owner: str) -> ObjectType:
    """The object that bears the fields of that name; Activity's are those of Task."""
    return org.object("Task" if owner == ACTIVITY else owner)


def object_file(org: Org, owner: str, fields: Names, rules: Names, *, whole: bool) -> Node:
    """An object's element with those of its custom fields and rules; `whole` with what the object itself is."""
    obj, shared = object_of(org, owner), owner in ("Task", "Event")
    children = list(_object(org, obj)) if whole and owner != ACTIVITY else []
    for field in obj.fields.values():
        if field.custom and not shared and _wanted(fields, field.name):
            children.append(_renamed(field_node(org, obj, field), "fields"))
        elif whole and owner != ACTIVITY and not obj.custom and field.createable and not field.custom:
            children.append(make("fields", make("fullName", field.name), make("trackFeedHistory", False)))
    for rule in validations.of(org, owner):
        if _wanted(rules, rule["name"]):
            children.append(validations.written(rule))
    return ordered(Node("CustomObject", 1, 1, "", children))


def _wanted(names: Names, name: str) -> bool:
    return names is None or name.lower() in names


def _renamed(node: Node, tag: str) -> Node:
    return Node(tag, 1, 1, node.text, node.children)


def _object(org: Org, obj: ObjectType) -> list[Node]:
    """What the object itself is: as deployed, or as its type says."""
    known = kept.find(org, "CustomObject", obj.name)
    if known is not None:
        return [child for child in known.children if child.tag != "fullName"]
    if not obj.custom:
        return []
    name = obj.field("Name")
    return [
        make("deploymentStatus", "Deployed"), make("label", obj.label),
        make("nameField", make("label", name.label if name else "Name"), make("type", "Text")),
        make("pluralLabel", obj.label_plural), make("sharingModel", "ReadWrite"),
    ]  # fmt: skip


def field_node(org: Org, obj: ObjectType, field: FieldType) -> Node:
    """A custom field's element: as deployed where that is still what the field is, else as its type says."""
    for owner in _owners(obj):
        source = kept.find(org, "CustomField", f"{owner}.{field.name}")
        if source is not None and _describes(source, obj, field, org):
            return source
    return ordered(make("fields", make("fullName", field.name), *_derived(field)))


def _owners(obj: ObjectType) -> tuple[str, ...]:
    return (obj.name, "Activity") if obj.name in ("Task", "Event", "Activity") else (obj.name,)


def _describes(source: Node, obj: ObjectType, field: FieldType, org: Org) -> bool:
    try:
        found = field_of(source, obj, org.schema)
    except Problem:
        return False
    names = ("name", "label", "type", "length", "precision", "scale", "nillable", "unique", "external_id", "picklist")
    return all(getattr(found, name) == getattr(field, name) for name in (*names, "reference_to", "help"))


def _derived(field: FieldType) -> list[Node]:
    kind, must = kind_of(field), required(field)
    shared = [
        *optional("description", field.description), *optional("inlineHelpText", field.help),
        make("label", field.label), make("type", kind), make("trackFeedHistory", False),
    ]  # fmt: skip
    if must is not None:
        shared.append(make("required", must))
    if field.external_id or field.unique:
        shared += [make("externalId", field.external_id), make("unique", field.unique)]
    if kind in ("Picklist", "MultiselectPicklist"):
        shared.append(_value_set(field))
    return shared + [make(tag, value) for tag, value in particular(field).items()]


def _value_set(field: FieldType) -> Node:
    values = [
        make("value", make("fullName", value.value), make("default", value.default),
             *([] if value.active else [make("isActive", False)]), make("label", value.label))
        for value in field.picklist
    ]  # fmt: skip
    restricted = [make("restricted", True)] if field.restricted_picklist else []
    return make("valueSet", *restricted, make("valueSetDefinition", make("sorted", False), *values))


def set_node(org: Org, name: str) -> Node | None:
    """A permission set's element: as deployed where it still grants just that, else as its records say."""
    found = sets.kept(org, name)
    if found is None:
        return None
    source = kept.find(org, "PermissionSet", name)
    if source is not None:
        try:
            if sets.read(source, name, org.schema) == found:
                return source
        except Problem:
            pass  # it speaks of a field that is gone
    fields = [
        make("fieldPermissions", make("editable", edit), make("field", path), make("readable", read))
        for path, (read, edit) in sorted(found.fields.items())
    ]
    objects = [
        make(
            "objectPermissions", *(make(tag, value) for tag, value in sorted(rights.items())), make("object", target)
        )
        for target, rights in sorted(found.objects.items())
    ]
    return ordered(
        make("PermissionSet", *optional("description", found.description), *fields,
             make("hasActivationRequired", False), make("label", found.label), *objects)
    )  # fmt: skip
