"""What a record is and how records lie in the file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from json.encoder import encode_basestring as _quoted
from typing import Any

DDL = """
CREATE TABLE IF NOT EXISTS record (
  type TEXT NOT NULL, id INTEGER NOT NULL, properties TEXT NOT NULL, created TEXT NOT NULL, modified TEXT NOT NULL,
  archived TEXT, PRIMARY KEY (type, id));
CREATE INDEX IF NOT EXISTS record_modified ON record (type, modified, id, archived);
CREATE INDEX IF NOT EXISTS record_archived ON record (archived) WHERE archived IS NOT NULL;
CREATE TABLE IF NOT EXISTS unique_value (
  type TEXT NOT NULL, property TEXT NOT NULL, value TEXT NOT NULL, id INTEGER NOT NULL,
  PRIMARY KEY (type, property, value)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS unique_value_record ON unique_value (type, id);
"""
COLUMNS = "id, properties, created, modified, archived"
_CHUNK = 500  # ids of one IN (...)


@dataclass(slots=True)
class Record:
    """One record of any object.

    `type_id` "0-2" or "2-123"; `properties` holds only what has a value, in HubSpot's stored text form, without
    hs_object_id and the created and modified properties, which are `id`, `created`, `modified`
    (`2026-03-31T09:00:00.000Z`). `archived` is the instant of archiving, None for a live record.
    """

    type_id: str
    id: str
    properties: dict[str, str] = field(default_factory=dict)
    created: str = ""
    modified: str = ""
    archived: str | None = None


def of_row(type_id: str, kept: Sequence[Any]) -> Record:
    """A record from the values of COLUMNS."""
    return Record(type_id, str(kept[0]), json.loads(kept[1]), kept[2], kept[3], kept[4])


def of_rows(type_id: str, rows: Iterable[Sequence[Any]]) -> list[Record]:
    """Records from many rows: their properties are read as one text, which costs half."""
    found = list(rows)
    properties = json.loads(f"[{','.join([kept[1] for kept in found])}]")
    return [
        Record(type_id, str(kept[0]), values, kept[2], kept[3], kept[4])
        for kept, values in zip(found, properties, strict=True)
    ]


def read(connection: sqlite3.Connection, type_id: str, ids: Iterable[str]) -> dict[str, Record]:
    """The records with these ids, archived ones too; ids that are no numbers are unknown."""
    numbers = [int(text) for text in dict.fromkeys(ids) if text.isdecimal() and len(text) <= 18]
    found: dict[str, Record] = {}
    for start in range(0, len(numbers), _CHUNK):
        part = numbers[start : start + _CHUNK]
        marks = ",".join("?" * len(part))
        rows = connection.execute(
            f"SELECT {COLUMNS} FROM record WHERE type = ? AND id IN ({marks})", (type_id, *part)
        )
        found |= {each.id: each for each in of_rows(type_id, rows)}
    return found


def page(connection: sqlite3.Connection, type_id: str, after: int, limit: int, *, archived: bool) -> list[Record]:
    """The next records by ascending id."""
    wanted = "IS NOT NULL" if archived else "IS NULL"
    text = f"SELECT {COLUMNS} FROM record WHERE type = ? AND id > ? AND archived {wanted} ORDER BY id LIMIT ?"
    return of_rows(type_id, connection.execute(text, (type_id, after, limit)))


def save(connection: sqlite3.Connection, found: Iterable[Record]) -> None:
    """Keep records, new or changed."""
    connection.executemany("INSERT OR REPLACE INTO record VALUES (?,?,?,?,?,?)", map(row, found))


def row(record: Record) -> tuple[Any, ...]:
    """The values of the table's columns."""
    text = encoded(record.properties)
    return record.type_id, int(record.id), text, record.created, record.modified, record.archived


def encoded(properties: Mapping[str, str]) -> str:
    """Properties as JSON: written by hand, as a general encoder costs several times as much for texts alone."""
    return "{" + ",".join(pieces(properties)) + "}"


def pieces(properties: Mapping[str, str]) -> list[str]:
    """The members of that JSON."""
    together = "".join(properties.values())
    if together.isprintable() and '"' not in together and "\\" not in together:  # nothing to escape
        return [f'{_NAMES[name]}"{value}"' for name, value in properties.items()]
    return [f"{_NAMES[name]}{_quoted(value)}" for name, value in properties.items()]


def piece(name: str, value: str) -> str:
    """One member of that JSON."""
    return _NAMES[name] + _quoted(value)


def column(name: str, values: Iterable[str]) -> list[str]:
    """That member of many records; empty where there is no value."""
    start = _NAMES[name]
    return [start + _quoted(value) if value else "" for value in values]


class _Names(dict[str, str]):
    """A property's name as JSON with its colon."""

    def __missing__(self, name: str) -> str:
        found = self[name] = _quoted(name) + ":"
        return found


_NAMES = _Names()


def remove(connection: sqlite3.Connection, type_id: str, ids: Sequence[str]) -> None:
    """Forget records for good, with their unique values."""
    numbers = [(type_id, int(text)) for text in ids]
    connection.executemany("DELETE FROM record WHERE type = ? AND id = ?", numbers)
    connection.executemany("DELETE FROM unique_value WHERE type = ? AND id = ?", numbers)


def holder(connection: sqlite3.Connection, type_id: str, name: str, value: str) -> str | None:
    """The id of the live record that has this unique value, without regard to case."""
    found = connection.execute(
        "SELECT id FROM unique_value WHERE type = ? AND property = ? AND value = ?", (type_id, name, value.lower())
    ).fetchone()
    return None if found is None else str(found[0])


def hold(connection: sqlite3.Connection, record: Record, names: Iterable[str]) -> None:
    """Note the unique values of a record in place of what was noted before."""
    connection.execute("DELETE FROM unique_value WHERE type = ? AND id = ?", (record.type_id, int(record.id)))
    if record.archived is None:
        rows = [
            (record.type_id, name, record.properties[name].lower(), int(record.id))
            for name in names
            if record.properties.get(name)
        ]
        connection.executemany("INSERT OR IGNORE INTO unique_value VALUES (?,?,?,?)", rows)


def archived_before(connection: sqlite3.Connection, at: str) -> Iterator[tuple[str, str]]:
    """(type, id) of records archived before that instant."""
    for type_id, number in connection.execute("SELECT type, id FROM record WHERE archived < ?", (at,)).fetchall():
        yield type_id, str(number)
