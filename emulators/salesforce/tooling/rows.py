"""Which rows the Tooling API's objects have: the org's objects, fields and rules as they are now.

Source: "EntityDefinition", "FieldDefinition", "EntityParticle", "CustomField", "CustomObject" and "ValidationRule" of
the Tooling API guide; durable ids as recorded: Account, Account.Name, Contact.Account, and the ids of custom ones.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from emulators.loopback.clock import stored
from emulators.salesforce.describe import field_body
from emulators.salesforce.ids import make_id
from emulators.salesforce.org import Org
from emulators.salesforce.schema import FieldType, ObjectType
from emulators.salesforce.search.resources import searchable
from emulators.salesforce.soql.operands import filterable, groupable, sortable
from emulators.salesforce.tooling.field_metadata import data_type, metadata_of
from emulators.salesforce.tooling.formulas import text_of

Row = dict[str, Any]


def rows_of(org: Org, user: str, name: str) -> Iterator[Row]:
    """The rows of one object, by field names; what is not named is null."""
    source = _SOURCES.get(name)
    return iter(()) if source is None else source(org, user)


def object_id(org: Org, obj: ObjectType) -> str:
    """The id of a custom object, the name of another; 15 characters, as in durable ids."""
    return make_id("01I", org.pod, zlib.crc32(obj.name.lower().encode()))[:15] if obj.custom else obj.name


def field_id(org: Org, obj: ObjectType, field: FieldType) -> str:
    """The 18-character id of a custom field, the same as deployments tell."""
    return make_id("00N", org.pod, zlib.crc32(f"{obj.name}.{field.name}".lower().encode()))


def rule_id(org: Org, number: int) -> str:
    """The 18-character id of a validation rule."""
    return make_id("03d", org.pod, number)


def custom_fields(org: Org) -> Iterator[tuple[ObjectType, FieldType]]:
    """Every custom field with its object."""
    for obj in _objects(org):
        for field in obj.fields.values():
            if field.custom:
                yield obj, field


def _objects(org: Org) -> list[ObjectType]:
    shown = [obj for obj in org.schema.objects.values() if not org.access.hidden_object(obj.name)]
    return sorted(shown, key=lambda obj: obj.name.lower())


def _developer_name(name: str) -> str:
    return name.removesuffix("__c")


def _audit(org: Org) -> Row:
    at = stored(org.access.changed_at)
    return {
        "CreatedDate": at,
        "CreatedById": org.user_id,
        "LastModifiedDate": at,
        "LastModifiedById": org.user_id,
        "ManageableState": "unmanaged",
    }


def _entity_definitions(org: Org, user: str) -> Iterator[Row]:
    for obj in _objects(org):
        durable = object_id(org, obj)
        work = obj.createable
        yield {
            "Id": durable, "DurableId": durable, "DeveloperName": _developer_name(obj.name), "MasterLabel": obj.label,
            "Label": obj.label, "PluralLabel": obj.label_plural, "QualifiedApiName": obj.name,
            "KeyPrefix": obj.key_prefix, "RunningUserEntityAccessId": f"{durable}.{user[:15]}",
            "PublisherId": "<local>" if obj.custom else "System", "IsLayoutable": work, "IsCustomizable": work,
            "IsApexTriggerable": work, "IsWorkflowEnabled": work, "IsProcessEnabled": work,
            "IsCompactLayoutable": work, "IsReplicateable": obj.replicateable, "IsRetrieveable": obj.queryable,
            "IsSearchable": searchable(obj), "IsSearchLayoutable": work, "IsIdEnabled": True, "IsTriggerable": work,
            "IsMruEnabled": obj.mergeable, "IsQueryable": obj.queryable, "IsEverCreatable": obj.createable,
            "IsEverUpdatable": obj.updateable, "IsEverDeletable": obj.deletable, "IsFeedEnabled": obj.mergeable,
            "DeploymentStatus": "Deployed" if obj.custom else None, "InternalSharingModel": "ReadWrite",
            "ExternalSharingModel": "Private",
            "LastModifiedDate": stored(org.access.changed_at) if obj.custom else None,
            "LastModifiedById": org.user_id if obj.custom else None,
        }  # fmt: skip


def _durable_field(org: Org, obj: ObjectType, field: FieldType) -> str:
    if field.custom:
        return f"{object_id(org, obj)}.{field_id(org, obj, field)[:15]}"
    short = field.name.removesuffix("Id") if field.type == "reference" and field.name != "Id" else field.name
    return f"{object_id(org, obj)}.{short}"


def _field_row(org: Org, obj: ObjectType, field: FieldType) -> Row:
    durable = _durable_field(org, obj, field)
    references = {"referenceTo": list(field.reference_to) if field.reference_to else None}
    return {
        "Id": durable, "DurableId": durable, "QualifiedApiName": field.name,
        "EntityDefinitionId": object_id(org, obj), "DeveloperName": _developer_name(field.name),
        "MasterLabel": field.label, "Label": field.label, "Length": field.length, "ValueTypeId": field.type,
        "ServiceDataTypeId": field.type, "IsCalculated": field.calculated and field.type != "address",
        "IsNameField": field.name_field, "IsNillable": field.nillable, "IsWorkflowFilterable": filterable(field),
        "IsCompactLayoutable": True, "Precision": field.precision, "Scale": field.scale,
        "IsApiFilterable": filterable(field), "IsApiSortable": sortable(field), "IsApiGroupable": groupable(field),
        "IsListVisible": True, "RelationshipName": field.relationship_name, "ReferenceTo": json.dumps(references),
        "IsCompound": field.type == "address",
    }  # fmt: skip


def _readable(org: Org, user: str) -> Iterator[tuple[ObjectType, FieldType]]:
    sees = org.visible(user)
    return ((obj, field) for obj in _objects(org) for field in obj.fields.values() if sees(obj, field))


def _field_definitions(org: Org, user: str) -> Iterator[Row]:
    for obj, field in _readable(org, user):
        keyed = field.external_id or field.unique or field.id_lookup or field.type in ("id", "reference")
        yield {
            **_field_row(org, obj, field), "DataType": data_type(field), "IsIndexed": keyed,
            "IsListFilterable": filterable(field), "IsListSortable": sortable(field),
            "Description": field.description,
            "PublisherId": "<local>" if field.custom else "System",
            "RunningUserFieldAccessId": f"{_durable_field(org, obj, field)}.{user[:15]}",
            "IsSearchPrefilterable": field.type == "reference",
            "IsPolymorphicForeignKey": len(field.reference_to) > 1,
            "LastModifiedDate": stored(org.access.changed_at) if field.custom else None,
            "LastModifiedById": org.user_id if field.custom else None,
        }  # fmt: skip


def _entity_particles(org: Org, user: str) -> Iterator[Row]:
    edits = org.access.editable(user)
    for obj, field in _readable(org, user):
        told = field_body(obj, field, edits(obj, field))
        row = _field_row(org, obj, field)
        particle = f"{object_id(org, obj)}.{field_id(org, obj, field)[:15] if field.custom else field.name}"
        yield {
            **row, "Id": particle, "DurableId": particle, "FieldDefinitionId": row["DurableId"], "Name": field.name,
            "DataType": field.type, "ByteLength": told["byteLength"], "IsCaseSensitive": field.case_sensitive,
            "IsUnique": field.unique, "IsCreatable": told["createable"], "IsUpdatable": told["updateable"],
            "IsDefaultedOnCreate": told["defaultedOnCreate"], "IsPermissionable": told["permissionable"],
            "IsEncrypted": told["encrypted"], "Digits": told["digits"], "InlineHelpText": field.help,
            "IsLayoutable": True, "IsIdLookup": told["idLookup"], "IsNamePointing": told["namePointing"],
            "IsComponent": told["compoundFieldName"] is not None,
        }  # fmt: skip


def _custom_objects(org: Org, user: str) -> Iterator[Row]:
    for obj in _objects(org):
        if obj.custom:
            number = make_id("01I", org.pod, zlib.crc32(obj.name.lower().encode()))
            name = _developer_name(obj.name)
            yield {"Id": number, "DeveloperName": name, "SharingModel": "ReadWrite", **_audit(org)}


def _custom_fields(org: Org, user: str) -> Iterator[Row]:
    for obj, field in custom_fields(org):
        yield {
            "Id": field_id(org, obj, field), "TableEnumOrId": object_id(org, obj),
            "DeveloperName": _developer_name(field.name), "Description": field.description,
            "Length": field.length or None, "Precision": field.precision or None,
            "Scale": field.scale if field.precision else None, "InlineHelpText": field.help,
            "EntityDefinitionId": object_id(org, obj), "Metadata": json.dumps(metadata_of(field)),
            "FullName": f"{obj.name}.{field.name}", **_audit(org),
        }  # fmt: skip


def _validation_rules(org: Org, user: str) -> Iterator[Row]:
    for rule in org.rulebook.listed("e_rule"):
        obj = org.schema.object(rule["object"])
        if obj is None:
            continue
        name = str(rule.get("name") or f"Rule_{rule['id']}")
        active = bool(rule.get("active", True))
        metadata = {
            "active": active, "description": rule.get("description"), "errorConditionFormula": text_of(obj, rule),
            "errorDisplayField": rule.get("error_field"), "errorMessage": rule["message"],
            "shouldEvaluateOnClient": None, "urls": None,
        }  # fmt: skip
        yield {
            "Id": rule_id(org, int(rule["id"])), "ValidationName": name, "Active": active,
            "Description": rule.get("description"),
            "ErrorDisplayField": rule.get("error_field"), "ErrorMessage": rule["message"],
            "EntityDefinitionId": object_id(org, obj), "Metadata": json.dumps(metadata),
            "FullName": f"{obj.name}.{name}", **_audit(org),
        }  # fmt: skip


_SOURCES: dict[str, Callable[[Org, str], Iterator[Row]]] = {
    "EntityDefinition": _entity_definitions,
    "FieldDefinition": _field_definitions,
    "EntityParticle": _entity_particles,
    "CustomObject": _custom_objects,
    "CustomField": _custom_fields,
    "ValidationRule": _validation_rules,
}
