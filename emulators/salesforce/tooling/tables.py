"""How the Tooling API's objects are queried: as tables that live as long as one query, beside the org's own.

Source: "SOQL Operation Limitations" and "Tooling API Objects" of the Tooling API guide; the refusals as recorded.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from emulators.salesforce import storage
from emulators.salesforce.errors import ApiError
from emulators.salesforce.org import Org
from emulators.salesforce.schema import ObjectType, Schema
from emulators.salesforce.soql import Context, ResultColumn, SoqlError, parse, run
from emulators.salesforce.soql.ast import Comparison, Condition, Logical, Negation, Path, Query
from emulators.salesforce.soql.compile import is_aggregate
from emulators.salesforce.tooling.entities import CATALOG, SHARED, entities, schema_for
from emulators.salesforce.tooling.rows import rows_of

NO_ID = "000000000000000AAA"
_SINGLE = frozenset({"Metadata", "FullName"})
_REIFIED = {
    "FieldDefinition": ("EntityDefinitionId", "DurableId"),
    "EntityParticle": ("EntityDefinitionId", "FieldDefinitionId", "DurableId"),
}
_UNSUPPORTED = (
    "The requested operation is not yet supported by this SObject storage type, "
    "contact salesforce.com support for more information."
)
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """An answer: the object asked for, how many rows, and the rows."""

    entity: ObjectType
    total: int
    records: list[Record]
    columns: tuple[ResultColumn, ...]


def ask(org: Org, seen_by: Context, soql: str, *, tooling: bool) -> Found:
    """Answer a query over these objects. ApiError with the code of the refusal."""
    try:
        return _ask(org, seen_by, soql, tooling)
    except SoqlError as bad:
        raise ApiError(bad.code, bad.message) from None


def _ask(org: Org, seen_by: Context, soql: str, tooling: bool) -> Found:
    schema = schema_for(org.schema, tooling=tooling)
    query = parse(soql)
    asked = schema.object(str(query.entity))
    if asked is not None and asked.name in CATALOG:
        _check_catalog(query, asked.name)
    with _tables(org, seen_by.user_id, soql) as connection:
        result = run(connection, soql, _seeing(seen_by, schema))
        names = {column.name for column in result.columns}
        if result.total > 1 and names & _SINGLE and asked is not None and asked.name not in SHARED:
            text = (
                "When retrieving results with Metadata or FullName fields, the query qualifications must specify no "
                f"more than one row for retrieval. Result size: {result.total}"
            )
            raise SoqlError("MALFORMED_QUERY", text)
        records = [_told(record, seen_by.version, tooling) for record in result.records]
    return Found(result.entity, result.total, records, result.columns)


def _seeing(seen_by: Context, schema: Schema) -> Context:
    """Permissions and sharing are about the org's own objects; definitions are for everybody."""
    own = entities()
    records = seen_by.records
    return replace(
        seen_by,
        schema=schema,
        shown=lambda obj: obj.name.lower() in own or seen_by.shown(obj),
        visible=lambda obj, field: obj.name.lower() in own or seen_by.visible(obj, field),
        records=None
        if records is None
        else lambda obj, alias: None if obj.name.lower() in own else records(obj, alias),
    )


@contextmanager
def _tables(org: Org, user: str, soql: str) -> Iterator[sqlite3.Connection]:
    """The tables of all objects, with the rows of those that the query may mean."""
    connection = org.connection()
    text = soql.lower()
    made: list[ObjectType] = []
    try:
        for obj in entities().values():
            _create(connection, obj)
            made.append(obj)
            ways = [field.child_relationship or obj.name for field in obj.fields.values()]
            if any(way.lower() in text for way in (obj.name, *ways)):
                _fill(connection, org, user, obj)
        yield connection
    finally:
        for obj in made:
            connection.execute(f"DROP TABLE IF EXISTS temp.{storage.table(obj)}")


def _create(connection: sqlite3.Connection, obj: ObjectType) -> None:
    columns = ", ".join(storage.declaration(field) for field in obj.fields.values())
    connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {storage.table(obj)} ({columns}) WITHOUT ROWID")


def _fill(connection: sqlite3.Connection, org: Org, user: str, obj: ObjectType) -> None:
    fields = list(obj.fields.values())
    places = ", ".join("?" * len(fields))
    rows = ([_stored(row.get(field.name), field.type) for field in fields] for row in rows_of(org, user, obj.name))
    connection.executemany(f"INSERT OR REPLACE INTO temp.{storage.table(obj)} VALUES ({places})", rows)


def _stored(value: Any, kind: str) -> Any:
    if kind == "boolean":
        return int(bool(value))
    return None if value == "" else value


def _told(record: Record, version: str, tooling: bool) -> Record:
    """A record as the API tells it: its own address, no ids of definitions, metadata as an object."""
    attributes = record.get("attributes", {})
    kind = entities().get(str(attributes.get("type", "")).lower())
    found: Record = {}
    for name, value in record.items():
        if name == "attributes":
            base = f"/services/data/v{version}/"
            found[name] = dict(value)
            if tooling and "url" in value:
                found[name]["url"] = value["url"].replace(f"{base}sobjects/", f"{base}tooling/sobjects/")
        elif isinstance(value, dict):
            found[name] = {**value, "records": [_told(one, version, tooling) for one in value["records"]]} if (
                "records" in value
            ) else _told(value, version, tooling)  # fmt: skip
        elif kind is not None and (field := kind.field(name)) is not None and field.type == "complexvalue":
            found[name] = None if value is None else json.loads(value)
        elif kind is not None and name == "Id" and kind.name in CATALOG:
            found[name] = NO_ID
        else:
            found[name] = value
    return found


def _check_catalog(query: Query, name: str) -> None:
    """What the storage of definitions cannot do."""
    if query.counts_only or is_aggregate(query):
        raise SoqlError("EXTERNAL_OBJECT_UNSUPPORTED_EXCEPTION", _UNSUPPORTED)
    comparisons = _comparisons(query.where)
    wanted = _REIFIED.get(name)
    if wanted and not any(_reified(one, wanted) for one in comparisons):
        text = f"{name}: a filter on a reified column is required [{','.join(wanted)}]"
        raise SoqlError("MALFORMED_QUERY", text)


def _comparisons(where: Condition | None) -> list[Comparison]:
    """The conditions that all rows must fulfil; definitions know no OR and no NOT."""
    if isinstance(where, Negation):
        raise SoqlError("MALFORMED_QUERY", "Only equals comparisons permitted")
    if isinstance(where, Logical):
        if where.operator == "OR":
            raise SoqlError("MALFORMED_QUERY", "Disjunctions not supported")
        return [one for term in where.terms for one in _comparisons(term)]
    if where is None:
        return []
    if where.operator in ("!=", "NOT IN", "INCLUDES", "EXCLUDES"):
        raise SoqlError("MALFORMED_QUERY", "Only equals comparisons permitted")
    return [where]


def _reified(comparison: Comparison, columns: tuple[str, ...]) -> bool:
    if comparison.operator not in ("=", "IN") or not isinstance(comparison.left, Path):
        return False
    path = str(comparison.left).lower()
    named = {column.lower() for column in columns}
    through = {f"{column.removesuffix('id')}.{end}" for column in named for end in ("qualifiedapiname", "durableid")}
    return path in named | through
