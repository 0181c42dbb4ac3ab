"""What a property definition, one of its options, a property group and an object type are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    """One value that an enumeration takes."""

    value: str
    label: str
    display_order: int = -1
    hidden: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """One property of an object. `type` and `field_type` are HubSpot's words; instants are text, empty for none."""

    name: str
    label: str
    type: str
    field_type: str
    group: str
    description: str = ""
    options: tuple[Option, ...] = ()
    display_order: int = -1
    calculated: bool = False
    read_only: bool = False  # its values
    hidden: bool = False
    unique: bool = False
    form_field: bool = False
    external_options: bool = False  # values live elsewhere: owners, pipelines, currencies
    referenced: str = ""  # OWNER, COMPANY ...
    hubspot_defined: bool = False
    currency_symbol: bool = False
    number_hint: str = ""
    text_hint: str = ""
    formula: str = ""
    sensitivity: str = "non_sensitive"
    created_at: str = ""
    updated_at: str = ""
    created_by: str = ""
    updated_by: str = ""
    archived: bool = False
    archived_at: str = ""

    @property
    def multiple(self) -> bool:
        """Whether a value is a list joined by `;`."""
        return self.type == "enumeration" and self.field_type == "checkbox"

    @property
    def money(self) -> bool:
        """Whether its numbers are amounts of a currency."""
        return self.currency_symbol or self.number_hint == "currency"


@dataclass(frozen=True, slots=True)
class Group:
    """One heading under which properties are shown."""

    name: str
    label: str
    display_order: int = -1
    archived: bool = False


@dataclass(frozen=True, slots=True)
class ObjectType:
    """One kind of record. `name` is the plural of paths (a custom object: its schema's name)."""

    type_id: str
    name: str
    singular: str  # lower case: "company"
    label: str
    plural_label: str
    created: str  # the property with the instant of creation
    modified: str
    mergeable: bool = False
    custom: bool = False
    scope: str = ""  # the word in crm.objects.<scope>.read
    primary: str = ""  # the property that names a record
    qualified: str = ""  # "p123_name" of a custom object, "COMPANY" of a standard one
    required: tuple[str, ...] = ()  # what a create by API must hold
