"""How sObjects lie in SQLite: `o_<object>` tables with `f_<field>` columns, and the emulator's own `e_` tables.

Ids and references are 18-character text, booleans 0/1, numbers INTEGER or REAL, dates `YYYY-MM-DD`, datetimes
`YYYY-MM-DDTHH:MM:SS.mmmZ` in UTC, multi-select values joined by `;`; an empty string is stored as NULL.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from emulators.salesforce.schema import FieldType, ObjectType, PicklistValue, Schema

_OWN_TABLES = """
CREATE TABLE IF NOT EXISTS e_state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS e_sequence (prefix TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS e_custom_object (name TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS e_custom_field (object TEXT, name TEXT, body TEXT NOT NULL, PRIMARY KEY (object, name));
CREATE TABLE IF NOT EXISTS e_hidden (object TEXT, field TEXT, readable INTEGER, editable INTEGER,
  PRIMARY KEY (object, field));
CREATE TABLE IF NOT EXISTS e_rule (id INTEGER PRIMARY KEY, object TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS e_duplicate_rule (id INTEGER PRIMARY KEY, object TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS e_cleared (object TEXT, field TEXT, id TEXT, parent TEXT, PRIMARY KEY (object, field, id));
CREATE TABLE IF NOT EXISTS e_outbound_message (id INTEGER PRIMARY KEY, object TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS e_notification (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,
  message INTEGER NOT NULL, object TEXT NOT NULL, record TEXT NOT NULL, user_id TEXT NOT NULL, made TEXT NOT NULL,
  due TEXT NOT NULL, attempt INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS e_notification_due ON e_notification (due, seq);
CREATE TABLE IF NOT EXISTS e_session (token TEXT PRIMARY KEY, user_id TEXT, used_at TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS e_cursor (id TEXT PRIMARY KEY, user_id TEXT, created_at TEXT, total INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS e_page (cursor TEXT, start INTEGER, size INTEGER, body BLOB, PRIMARY KEY (cursor, start));
CREATE TABLE IF NOT EXISTS e_deleted (object TEXT, id TEXT, at TEXT, hard INTEGER, PRIMARY KEY (object, id));
CREATE INDEX IF NOT EXISTS e_deleted_at ON e_deleted (object, at);
"""


# What counts towards data storage, whatever is in the record; setup and what the org writes by itself is free.
_RECORD_KB, _SIZES_KB = 2, {"Campaign": 8, "CampaignMember": 1}
_STORED = frozenset(
    [
        "Account",
        "Contact",
        "Lead",
        "Opportunity",
        "Campaign",
        "CampaignMember",
        "Task",
        "Event",
        "Quote",
        "OpportunityLineItem",
        "OpportunityContactRole",
        "OpportunityTeamMember",
        "Partner",
        "Product2",
        "PricebookEntry",
        "PartnerMarketingBudget",
        "PartnerFundAllocation",
        "PartnerFundRequest",
        "PartnerFundClaim",
        "ChannelProgram",
        "ChannelProgramLevel",
        "ChannelProgramMember",
        "CampaignInfluence",
    ]
)


def record_kb(object_name: str) -> int:
    """What a record of that object counts towards data storage, in kilobytes; 0 for what is free."""
    stored = object_name in _STORED or object_name.endswith("__c")
    return _SIZES_KB.get(object_name, _RECORD_KB) if stored else 0


def stored_kb(connection: sqlite3.Connection, schema: Schema) -> int:
    """The data storage that the org's records use, those in the recycle bin left out."""
    binned = dict(
        connection.execute("SELECT object, count(*) FROM e_deleted WHERE hard = 0 GROUP BY object").fetchall()
    )
    total = 0
    for obj in schema.objects.values():
        if record_kb(obj.name):
            count = connection.execute(f"SELECT count(*) FROM {table(obj)}").fetchone()[0]  # walks the smallest index
            total += max(count - binned.get(obj.name, 0), 0) * record_kb(obj.name)
    return total


def table(obj: ObjectType | str) -> str:
    """The table of an object."""
    return "o_" + (obj if isinstance(obj, str) else obj.name).lower()


def column(field: FieldType | str) -> str:
    """The column of a field."""
    return "f_" + (field if isinstance(field, str) else field.name).lower()


def has_column(field: FieldType) -> bool:
    """Whether the field is kept: formulas and compound addresses are computed on read."""
    return not field.calculated and field.type != "address"


def declaration(field: FieldType) -> str:
    """The column's definition."""
    name = column(field)
    if field.type == "id":
        return f"{name} TEXT COLLATE BINARY PRIMARY KEY NOT NULL"
    if field.type == "boolean":
        return f"{name} INTEGER NOT NULL DEFAULT 0"
    if field.type == "int":
        return f"{name} INTEGER"
    if field.type in ("double", "currency", "percent"):
        return f"{name} REAL"
    binary = field.case_sensitive or field.type in ("reference", "date", "datetime", "base64")
    return f"{name} TEXT" if binary else f"{name} TEXT COLLATE NOCASE"


def create_own_tables(connection: sqlite3.Connection) -> None:
    """The emulator's own tables."""
    connection.executescript(_OWN_TABLES)


def create_object(connection: sqlite3.Connection, obj: ObjectType) -> None:
    """The object's table and indexes, or the columns which it still lacks."""
    kept = [field for field in obj.fields.values() if has_column(field)]
    columns = ", ".join(declaration(field) for field in kept)
    # without a rowid every index ends in the id, so that ORDER BY SystemModstamp, Id walks one
    connection.execute(f"CREATE TABLE IF NOT EXISTS {table(obj)} ({columns}) WITHOUT ROWID")
    present = {row[1] for row in connection.execute(f"PRAGMA table_info({table(obj)})")}
    for field in kept:
        if column(field) not in present:
            connection.execute(f"ALTER TABLE {table(obj)} ADD COLUMN {declaration(field)}")
    for field in kept:
        create_index(connection, obj, field)


def add_column(connection: sqlite3.Connection, obj: ObjectType, field: FieldType) -> None:
    """The column of a new field."""
    if has_column(field):
        connection.execute(f"ALTER TABLE {table(obj)} ADD COLUMN {declaration(field)}")
        create_index(connection, obj, field)


def drop_column(connection: sqlite3.Connection, obj: ObjectType, field: FieldType) -> None:
    """Forget a field's values."""
    if has_column(field):
        connection.execute(f"DROP INDEX IF EXISTS {_index(obj, field)}")
        connection.execute(f"ALTER TABLE {table(obj)} DROP COLUMN {column(field)}")


def create_index(connection: sqlite3.Connection, obj: ObjectType, field: FieldType) -> None:
    """Look-ups, keys and the modification stamp are indexed, as the vendor does."""
    audit_user = field.name in ("CreatedById", "LastModifiedById")
    keyed = field.unique or field.external_id or field.name in ("SystemModstamp", "Email", "Username")
    if keyed or (field.type == "reference" and not audit_user):
        connection.execute(f"CREATE INDEX IF NOT EXISTS {_index(obj, field)} ON {table(obj)} ({column(field)})")


def _index(obj: ObjectType, field: FieldType) -> str:
    return f"i_{obj.name.lower()}_{field.name.lower()}"


def kept_state(path: Path, name: str) -> Any:
    """A small JSON document of a file that may not exist yet; None when it has none."""
    if not path.exists():
        return None
    with contextlib.closing(sqlite3.connect(path)) as connection:
        create_own_tables(connection)
        row = connection.execute("SELECT value FROM e_state WHERE name = ?", (name,)).fetchone()
    return None if row is None else json.loads(row[0])


def field_json(field: FieldType) -> str:
    """A field as text, for the file."""
    return json.dumps(asdict(field))


def field_from(body: dict[str, Any]) -> FieldType:
    """A field from its dict form; missing keys take the defaults."""
    values = dict(body)
    values["picklist"] = tuple(PicklistValue(**value) for value in values.get("picklist", ()))
    values["reference_to"] = tuple(values.get("reference_to", ()))
    return FieldType(**values)


def object_json(obj: ObjectType) -> str:
    """An object without its fields as text, for the file."""
    return json.dumps({name: getattr(obj, name) for name in ObjectType.__slots__ if name != "fields"})


def restore_customs(connection: sqlite3.Connection, schema: Schema) -> None:
    """Put the file's custom objects and fields back into the schema."""
    for (body,) in connection.execute("SELECT body FROM e_custom_object"):
        obj = ObjectType(**json.loads(body))
        schema.objects[obj.name.lower()] = obj
    for name, body in connection.execute("SELECT object, body FROM e_custom_field ORDER BY rowid"):
        found = schema.object(name)
        if found is not None:
            field = field_from(json.loads(body))
            found.fields[field.name.lower()] = field


def as_record(obj: ObjectType, row: sqlite3.Row) -> dict[str, Any]:
    """A stored row by field names, values in storage form."""
    return {field.name: row[column(field)] for field in obj.fields.values() if has_column(field)}


def rows(connection: sqlite3.Connection, obj: ObjectType, where: str, *values: object) -> Iterator[dict[str, Any]]:
    """The records that fulfil an SQL condition over columns."""
    cursor = connection.execute(f"SELECT * FROM {table(obj)} WHERE {where}", values)
    for row in cursor.fetchall():
        yield as_record(obj, row)
