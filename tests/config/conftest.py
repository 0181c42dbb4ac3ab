"""Orgs to check mappings against: the standard org of the emulator's catalogue, as an adapter describes it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import pytest

from connector.core.records import Kind
from connector.crm.base import Field, ObjectSchema
from emulators.salesforce import catalog
from emulators.salesforce.schema import FieldType

_KINDS = {
    "id": Kind.ID,
    "reference": Kind.ID,
    "boolean": Kind.BOOL,
    "int": Kind.INTEGER,
    "currency": Kind.MONEY,
    "double": Kind.NUMBER,
    "percent": Kind.NUMBER,
    "date": Kind.DATE,
    "datetime": Kind.INSTANT,
}

Org = dict[str, ObjectSchema]
MakeOrg = Callable[..., Org]


def _field(known: FieldType) -> Field:
    return Field(
        name=known.name,
        label=known.label,
        kind=_KINDS.get(known.type, Kind.TEXT),
        createable=known.createable,
        updateable=known.updateable,
        calculated=known.calculated,
        options=tuple(value.value for value in known.picklist),
        length=known.length or None,
        references=known.reference_to,
    )


@functools.cache
def _standard(without: tuple[str, ...]) -> Org:
    schema = catalog.load(without)
    return {
        known.name: ObjectSchema(
            known.name,
            known.label,
            tuple(_field(field) for field in known.fields.values()),
            createable=known.createable,
            updateable=known.updateable,
            cursor="SystemModstamp" if known.field("SystemModstamp") else "CreatedDate",
        )
        for known in schema.objects.values()
    }


@pytest.fixture
def org() -> MakeOrg:
    """A maker of standard orgs: features to leave out, fields to hide ("Account.Industry") and fields to add."""

    def make(
        *, without: tuple[str, ...] = (), hide: tuple[str, ...] = (), add: tuple[tuple[str, Field], ...] = ()
    ) -> Org:
        schemas = dict(_standard(without))
        for path in hide:
            name, _, field = path.partition(".")
            kept = tuple(f for f in schemas[name].fields if f.name != field)
            assert len(kept) < len(schemas[name].fields), path
            schemas[name] = replace(schemas[name], fields=kept)
        for name, extra in add:
            schemas[name] = replace(schemas[name], fields=(*schemas[name].fields, extra))
        return schemas

    return make
