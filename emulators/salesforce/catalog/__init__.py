"""Which objects and fields a standard org has, read from the data files beside this module."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

from emulators.salesforce.schema import FieldType, ObjectType, Schema
from emulators.salesforce.storage import field_from

_OBJECTS = Path(__file__).with_name("objects")
EXTRAS = frozenset({"personaccounts"})  # features that an org has only when they were switched on, for good


def load(without: Iterable[str] = (), having: Iterable[str] = ()) -> Schema:
    """The standard schema, less the objects and fields of the features named, with the extras named.

    ValueError for an unknown feature or extra.
    """
    absent = {name.strip().lower() for name in without if name.strip()}
    extras = {name.strip().lower() for name in having if name.strip()}
    objects = _all_objects()
    for given, known in ((absent, _features(objects) - EXTRAS), (extras, EXTRAS)):
        if given - known:
            text = f"unknown feature {', '.join(sorted(given - known))}; known are {', '.join(sorted(known))}"
            raise ValueError(text)
    absent |= EXTRAS - extras
    schema = Schema()
    for obj in objects:
        if obj.feature not in absent:
            obj.fields = {name: field for name, field in obj.fields.items() if field.feature not in absent}
            schema.objects[obj.name.lower()] = obj
    _forget_absent_targets(schema)
    return schema


def features() -> frozenset[str]:
    """The names that `--without` takes."""
    return _features(_all_objects()) - EXTRAS


def _features(objects: list[ObjectType]) -> frozenset[str]:
    names = {obj.feature for obj in objects} | {field.feature for obj in objects for field in obj.fields.values()}
    return frozenset(name for name in names if name)


def custom_object(name: str, label: str, label_plural: str, key_prefix: str) -> ObjectType:
    """A custom object with the fields that every one has: Id, owner, Name and audit fields."""
    obj = ObjectType(name=name, label=label, label_plural=label_plural, key_prefix=key_prefix, custom=True)
    fixed = {"createable": False, "updateable": False, "nillable": False, "default_on_create": True}
    user = {"type": "reference", "length": 18, "reference_to": ["User"]}
    for body in (
        {"name": "Id", "label": "Record ID", "type": "id", "length": 18, "id_lookup": True, **fixed},
        {**user, "name": "OwnerId", "label": "Owner ID", "relationship_name": "Owner", "default_on_create": True},
        {"name": "IsDeleted", "label": "Deleted", "type": "boolean", **fixed},
        {"name": "Name", "label": f"{label} Name", "type": "string", "length": 80, "name_field": True},
        {"name": "CreatedDate", "label": "Created Date", "type": "datetime", **fixed},
        {**user, "name": "CreatedById", "label": "Created By ID", "relationship_name": "CreatedBy", **fixed},
        {"name": "LastModifiedDate", "label": "Last Modified Date", "type": "datetime", **fixed},
        {
            **user,
            "name": "LastModifiedById",
            "label": "Last Modified By",
            "relationship_name": "LastModifiedBy",
            **fixed,
        },
        {"name": "SystemModstamp", "label": "System Modstamp", "type": "datetime", **fixed},
    ):
        obj.fields[str(body["name"]).lower()] = field_from(body)
    return obj


def _all_objects() -> list[ObjectType]:
    return [replace(obj, fields=dict(obj.fields)) for obj in _read()]


@cache
def _read() -> tuple[ObjectType, ...]:
    """The files as they are; read once, so nobody may change these objects."""
    return tuple(_object(path) for path in sorted(_OBJECTS.glob("*.json")))


def _object(path: Path) -> ObjectType:
    body = json.loads(path.read_text(encoding="utf-8"))
    fields: dict[str, FieldType] = {item["name"].lower(): field_from(item) for item in body.pop("fields")}
    return ObjectType(**body, fields=fields)


def _forget_absent_targets(schema: Schema) -> None:
    """Look-ups to objects that this org lacks: one target of several is dropped, a look-up to nothing goes too."""
    for obj in schema.objects.values():
        for name, field in list(obj.fields.items()):
            targets = tuple(target for target in field.reference_to if schema.object(target))
            if field.reference_to and not targets:
                del obj.fields[name]
            elif targets != field.reference_to:
                obj.fields[name] = replace(field, reference_to=targets)
