"""What became of tracked fields: rows of AccountHistory, ContactHistory, LeadHistory and OpportunityFieldHistory.

The vendor's pages: Field History Tracking (20 fields an object; long texts are kept without values); AccountHistory;
OpportunityFieldHistory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from emulators.salesforce import storage
from emulators.salesforce.loading import filling as loading
from emulators.salesforce.schema import FieldType, ObjectType

if TYPE_CHECKING:
    from emulators.salesforce.dml import Change
    from emulators.salesforce.org import Org

MOST_FIELDS = 20
_TABLES = {
    "Account": "AccountHistory",
    "Contact": "ContactHistory",
    "Lead": "LeadHistory",
    "Opportunity": "OpportunityFieldHistory",
}
_KINDS = {
    "date": "DateOnly",
    "datetime": "DateTime",
    "currency": "Currency",
    "double": "Double",
    "int": "Double",
    "percent": "Percent",
    "boolean": "Boolean",
    "picklist": "DynamicEnum",
    "multipicklist": "MultiEnum",
    "email": "Email",
    "phone": "Phone",
    "url": "Url",
}
_LONG = 255


def track(org: Org, obj: ObjectType, names: Sequence[str]) -> list[str]:
    """Keep a history of these fields from now on, and of no others; ValueError for what cannot be tracked."""
    fields = [obj.field(name) for name in names]
    known = [field.name for field in fields if field is not None and _trackable(field)]
    if obj.name not in _TABLES or len(known) < len(names) or len(known) > MOST_FIELDS:
        raise ValueError(f"of {obj.name} these cannot be tracked (at most {MOST_FIELDS}): {', '.join(names)}")
    org.tracked = {**tracked(org), obj.name: known}
    org.put_state("tracked", org.tracked)
    return known


def tracked(org: Org) -> dict[str, list[str]]:
    """The tracked fields by object."""
    if org.tracked is None:
        org.tracked = org.state("tracked") or {}
    return org.tracked


def remember(change: Change) -> None:
    """Write a row for every tracked field that changed, or one that says that the record was made."""
    names = tracked(change.org).get(change.obj.name)
    table = change.org.schema.object(_TABLES.get(change.obj.name, "")) if names else None
    if not names or table is None:
        return
    rows = [_created()] if change.old is None else []
    if change.old is not None:
        fields = [change.obj.fields[name.lower()] for name in names if name.lower() in change.obj.fields]
        rows = [row for field in fields if change.changed(field.name) for row in _rows(change, field)]
    shared = {
        f"{change.obj.name}Id": change.row["Id"],
        "CreatedDate": change.row["LastModifiedDate"],
        "CreatedById": change.actor.user_id,
    }
    loading.load_raw(change.org, table, [{**shared, **row} for row in rows])


def _trackable(field: FieldType) -> bool:
    return field.updateable and storage.has_column(field)


def _created() -> dict[str, Any]:
    return {"Field": "created", "DataType": "Text"}


def _rows(change: Change, field: FieldType) -> list[dict[str, Any]]:
    """One row; of a look-up two: one with names, one with ids."""
    assert change.old is not None
    old, new = change.old.get(field.name), change.row.get(field.name)
    name = field.name if field.custom else _shown(field)
    if field.type == "reference":
        ids = {"Field": name, "DataType": "EntityId", "OldValue": old, "NewValue": new}
        names = {"OldValue": _named(change.org, field, old), "NewValue": _named(change.org, field, new)}
        return [{"Field": name, "DataType": "Text", **names}, ids]
    if field.length > _LONG:
        return [{"Field": name, "DataType": "StringPlusClob"}]
    return [{"Field": name, "DataType": _KINDS.get(field.type, "Text"), "OldValue": old, "NewValue": new}]


def _shown(field: FieldType) -> str:
    """Standard look-ups are told by their relationship: Owner, not OwnerId; Account, not AccountId."""
    return field.relationship_name or field.name if field.type == "reference" else field.name


def _named(org: Org, field: FieldType, record_id: object) -> object:
    for target in field.reference_to:
        obj = org.schema.object(target)
        if obj is not None and record_id and str(record_id).startswith(obj.key_prefix):
            name = next((each for each in obj.fields.values() if each.name_field), None)
            row = next(storage.rows(org.connection(), obj, "f_id = ?", record_id), None)
            return row.get(name.name) if row and name else record_id
    return record_id
