"""Every object and field of the standard schema can be queried, by REST and where allowed by Bulk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from emulators.salesforce import storage
from emulators.salesforce.catalog import load
from emulators.salesforce.ids import make_id
from emulators.salesforce.schema import Schema
from emulators.salesforce.soql import Context, rows_for_bulk, run


@pytest.fixture(scope="module")
def standard() -> Iterator[tuple[sqlite3.Connection, Context, Schema]]:
    schema = load()
    connection = sqlite3.connect(":memory:")
    for obj in schema.objects.values():
        storage.create_object(connection, obj)
        required = [f for f in obj.fields.values() if storage.has_column(f) and f.type == "id"]
        assert [field.name for field in required] == ["Id"]
        connection.execute(f"INSERT INTO {storage.table(obj)} (f_id) VALUES (?)", (make_id(obj.key_prefix, "0", 1),))
    context = Context(
        schema, lambda *_: True, datetime(2026, 1, 1, tzinfo=UTC), ZoneInfo("UTC"), make_id("005", "0", 1)
    )
    yield connection, context, schema
    connection.close()


def test_every_field_of_every_object_can_be_selected(standard: tuple[sqlite3.Connection, Context, Schema]) -> None:
    connection, context, schema = standard
    for obj in schema.objects.values():
        if obj.queryable:
            (record,) = run(connection, f"SELECT FIELDS(ALL) FROM {obj.name} LIMIT 200", context).records
            assert list(record)[1:] == [field.name for field in obj.fields.values()], obj.name


def test_every_simple_field_can_be_exported(standard: tuple[sqlite3.Connection, Context, Schema]) -> None:
    connection, context, schema = standard
    for obj in schema.objects.values():
        if obj.queryable and obj.bulk_queryable:
            names = [field.name for field in obj.fields.values() if field.type != "address"]
            header, rows = rows_for_bulk(connection, f"SELECT {', '.join(names)} FROM {obj.name}", context)
            assert header == names
            assert [len(row) for row in rows] == [len(names)], obj.name


def test_every_relationship_leads_somewhere(standard: tuple[sqlite3.Connection, Context, Schema]) -> None:
    connection, context, schema = standard
    for obj in schema.objects.values():
        ways_up = [
            f"{field.relationship_name}.Id"
            for field in obj.fields.values()
            if field.relationship_name
            and field.reference_to
            and (obj.name, field.name) != ("Opportunity", "ContactId")
        ]
        ways_down = [
            f"(SELECT Id FROM {link.child_relationship})"
            for child, link in schema.children(obj.name).values()
            if child.queryable
        ]
        items = ", ".join(["Id", *ways_up, *ways_down[:20]])
        if obj.queryable:
            (record,) = run(connection, f"SELECT {items} FROM {obj.name}", context).records
            assert len(record) == 2 + len(ways_up) + len(ways_down[:20]), obj.name
