"""What objects and fields an org has: types only; `catalog.py` loads the standard ones.

Field types are those of Salesforce's describe (`type`): id, string, textarea, picklist, multipicklist, combobox,
boolean, int, double, currency, percent, date, datetime, reference, email, phone, url, address, base64, anyType,
encryptedstring. Names compare without case, as everywhere in Salesforce.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PicklistValue:
    """One entry of a picklist, in its defined order."""

    value: str
    label: str
    active: bool = True
    default: bool = False


@dataclass(frozen=True, slots=True)
class FieldType:
    """One field of an object."""

    name: str
    label: str
    type: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    filterable: bool = True
    sortable: bool = True
    groupable: bool = True
    custom: bool = False
    unique: bool = False
    external_id: bool = False
    case_sensitive: bool = False
    name_field: bool = False
    id_lookup: bool = False
    calculated: bool = False
    formula: str | None = None  # of the few that the emulator evaluates on read
    default_on_create: bool = False
    restricted_picklist: bool = False
    picklist: tuple[PicklistValue, ...] = ()
    reference_to: tuple[str, ...] = ()
    relationship_name: str | None = None  # the way up: Opportunity.AccountId -> Account
    child_relationship: str | None = None  # the way down, as the parent names it: Opportunities
    cascade_delete: bool = False
    help: str | None = None
    description: str | None = None
    feature: str | None = None  # the org feature without which the field does not exist
    # FLS: standard fields are visible to all; custom fields only through permission sets
    always_visible: bool = True


@dataclass(slots=True)
class ObjectType:
    """One sObject type."""

    name: str
    label: str
    label_plural: str
    key_prefix: str
    fields: dict[str, FieldType] = field(default_factory=dict)  # by lower-case name, in describe order
    custom: bool = False
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    queryable: bool = True
    replicateable: bool = True  # getUpdated and getDeleted answer
    mergeable: bool = False
    bulk_queryable: bool = True
    feature: str | None = None

    def field(self, name: str) -> FieldType | None:
        """The field of that name in any case, or None."""
        return self.fields.get(name.lower())


@dataclass(slots=True)
class Schema:
    """All object types of an org."""

    objects: dict[str, ObjectType] = field(default_factory=dict)  # by lower-case name

    def object(self, name: str) -> ObjectType | None:
        """The object of that name in any case, or None."""
        return self.objects.get(name.lower())

    def children(self, parent: str) -> dict[str, tuple[ObjectType, FieldType]]:
        """Child relationships of an object: lower-case relationship name -> (child type, its reference field)."""
        found: dict[str, tuple[ObjectType, FieldType]] = {}
        for child in self.objects.values():
            for child_field in child.fields.values():
                if child_field.child_relationship and parent in child_field.reference_to:
                    found[child_field.child_relationship.lower()] = (child, child_field)
        return found
