"""Whether a PermissionSet of a package can be, and how it is kept as records once deployed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emulators.salesforce.metadata.fields import Problem
from emulators.salesforce.metadata.xml import NAMESPACE
from emulators.salesforce.org import Org
from emulators.salesforce.schema import FieldType, Schema
from emulators.salesforce.xml_text import Node

_KNOWN = frozenset(
    {
        "label", "description", "license", "hasActivationRequired", "fieldPermissions", "objectPermissions",
        "userPermissions", "tabSettings", "applicationVisibilities", "classAccesses", "customPermissions",
        "customMetadataTypeAccesses", "customSettingAccesses", "externalCredentialPrincipalAccesses",
        "externalDataSourceAccesses", "flowAccesses", "pageAccesses", "recordTypeVisibilities", "userLicense",
        "fullName",
    }
)  # fmt: skip
_NEEDS = (
    ("allowCreate", "allowRead"), ("allowEdit", "allowRead"), ("allowDelete", "allowEdit"),
    ("viewAllRecords", "allowRead"), ("modifyAllRecords", "allowDelete"), ("modifyAllRecords", "viewAllRecords"),
)  # fmt: skip
_COLUMNS = {
    "allowCreate": "PermissionsCreate", "allowRead": "PermissionsRead", "allowEdit": "PermissionsEdit",
    "allowDelete": "PermissionsDelete", "viewAllRecords": "PermissionsViewAllRecords",
    "modifyAllRecords": "PermissionsModifyAllRecords", "viewAllFields": "PermissionsViewAllFields",
}  # fmt: skip

Rights = Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class PermissionSet:
    """A permission set as its file has it; rights by `Object.Field` and by object."""

    name: str
    label: str
    description: str | None
    fields: dict[str, tuple[bool, bool]]  # readable, editable
    objects: dict[str, dict[str, bool]]


def read(root: Node, name: str, schema: Schema) -> PermissionSet:
    """The permission set of a file. Problem says why it cannot be."""
    for child in root.children:
        if child.tag not in _KNOWN:
            element = f"{{{NAMESPACE}}}{child.tag}"
            text = f"Error parsing file: Element {element} invalid at this location in type PermissionSet"
            raise Problem(text, child)
    if not root.get("label"):
        raise Problem("Required field is missing: label", root)
    fields: dict[str, tuple[bool, bool]] = {}
    for node in root.all("fieldPermissions"):
        path, rights = _field_rights(node, schema)
        if path in fields:
            raise Problem(f"Duplicate fieldPermissions for {path}", node)
        fields[path] = rights
    objects: dict[str, dict[str, bool]] = {}
    for node in root.all("objectPermissions"):
        target, allowed = _object_rights(node, schema)
        if target in objects:
            raise Problem(f"Duplicate objectPermissions for {target}", node)
        objects[target] = allowed
    return PermissionSet(name, root.get("label"), root.get("description") or None, fields, objects)


def _field_rights(node: Node, schema: Schema) -> tuple[str, tuple[bool, bool]]:
    path = node.get("field")
    owner, _, name = path.partition(".")
    obj = schema.object("Task" if owner.lower() == "activity" else owner)
    field = obj.field(name) if obj else None
    if obj is None or field is None:
        raise Problem(f"In field: field - no CustomField named {path} found", node)
    if _always_granted(field):
        raise Problem(f"You cannot deploy to a required field: {path}", node)
    readable, editable = node.get("readable") == "true", node.get("editable") == "true"
    if editable and not readable:
        raise Problem(f"Field {path}: editable needs readable", node)
    if editable and field.calculated:
        raise Problem(f"Field {path} is not editable", node)
    return f"{'Activity' if owner.lower() == 'activity' else obj.name}.{field.name}", (readable, editable)


def _always_granted(field: FieldType) -> bool:
    required = field.custom and not field.nillable and field.type != "boolean"
    return required or field.cascade_delete or field.type == "id"


def _object_rights(node: Node, schema: Schema) -> tuple[str, dict[str, bool]]:
    obj = schema.object(node.get("object"))
    if obj is None:
        raise Problem(f"In field: object - no CustomObject named {node.get('object')} found", node)
    allowed = {tag: node.get(tag) == "true" for tag in _COLUMNS}
    for right, needed in _NEEDS:
        if allowed[right] and not allowed[needed]:
            have, lacks = _spoken(right, obj.name), _spoken(needed, obj.name)
            raise Problem(f"Permission {have} depends on permission(s): {lacks}", node)
    return obj.name, allowed


def _spoken(right: str, name: str) -> str:
    verb = _COLUMNS[right].removeprefix("Permissions")
    return f"{verb}<{name}>"


# -- records ------------------------------------------------------------------------------------------------------


def find(org: Org, name: str) -> str | None:
    """The id of the permission set of that name."""
    row = org.connection().execute("SELECT f_id FROM o_permissionset WHERE f_name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def kept(org: Org, name: str) -> PermissionSet | None:
    """The permission set as the org has it."""
    found = find(org, name)
    if found is None:
        return None
    run = org.connection().execute
    label, description = run("SELECT f_label, f_description FROM o_permissionset WHERE f_id = ?", (found,)).fetchone()
    fields = {
        row[0]: (bool(row[1]), bool(row[2]))
        for row in run(
            "SELECT f_field, f_permissionsread, f_permissionsedit FROM o_fieldpermissions WHERE f_parentid = ?",
            (found,),
        )
    }
    columns = ", ".join(f"f_{column.lower()}" for column in _COLUMNS.values())
    rows = run(f"SELECT f_sobjecttype, {columns} FROM o_objectpermissions WHERE f_parentid = ?", (found,))
    objects = {row[0]: dict(zip(_COLUMNS, map(bool, row[1:]), strict=True)) for row in rows}
    return PermissionSet(name, label, description, fields, objects)


def store(org: Org, wanted: PermissionSet) -> None:
    """Make or replace the permission set; what the file does not grant is taken away."""
    values: dict[str, Any] = {"Name": wanted.name, "Label": wanted.label, "Description": wanted.description}
    found = find(org, wanted.name)
    if found is None:
        found = org.insert("PermissionSet", values | {"IsCustom": True, "Type": "Regular"}, org.system())
    else:
        org.update("PermissionSet", found, values, org.system())
        _clear(org, found)
    org.load_raw(
        "FieldPermissions",
        [
            {
                "ParentId": found, "SobjectType": path.partition(".")[0], "Field": path, "PermissionsRead": read,
                "PermissionsEdit": edit,
            }
            for path, (read, edit) in wanted.fields.items()
        ],
    )  # fmt: skip
    org.load_raw(
        "ObjectPermissions",
        [
            {"ParentId": found, "SobjectType": name} | {_COLUMNS[tag]: value for tag, value in rights.items()}
            for name, rights in wanted.objects.items()
        ],
    )
    org.access.forget()


def _clear(org: Org, set_id: str) -> None:
    with org.transaction() as connection:
        for table in ("o_fieldpermissions", "o_objectpermissions"):
            connection.execute(f"DELETE FROM {table} WHERE f_parentid = ?", (set_id,))


def assigned(org: Org, set_id: str) -> bool:
    """Whether a user has it."""
    sql = "SELECT 1 FROM o_permissionsetassignment WHERE f_permissionsetid = ?"
    return org.connection().execute(sql, (set_id,)).fetchone() is not None


def remove(org: Org, set_id: str) -> None:
    """The permission set is gone with all that it grants."""
    with org.transaction() as connection:
        _clear(org, set_id)
        connection.execute("DELETE FROM o_permissionset WHERE f_id = ?", (set_id,))
    org.access.forget()


def forget_fields(org: Org, path: str) -> None:
    """No permission set speaks any more of a field, or with a bare name of an object."""
    with org.transaction() as connection:
        connection.execute("DELETE FROM o_fieldpermissions WHERE lower(f_field) = lower(?)", (path,))
        if "." not in path:
            connection.execute("DELETE FROM o_fieldpermissions WHERE lower(f_sobjecttype) = lower(?)", (path,))
            connection.execute("DELETE FROM o_objectpermissions WHERE lower(f_sobjecttype) = lower(?)", (path,))
    org.access.forget()
