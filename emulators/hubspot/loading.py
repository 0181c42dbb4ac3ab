"""How a folder of files becomes the content of a portal: metadata first, then records, their links and their past."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

from emulators.hubspot import calculated, definitions, records, values, writing
from emulators.hubspot.definitions import Definition, ObjectType
from emulators.hubspot.errors import HubError
from emulators.hubspot.portal import Portal
from emulators.hubspot.records import Record

# file -> module with load(portal, path); in the order in which one needs the other
_BEFORE = {
    "owners.csv": "owners",
    "currencies.csv": "currencies",
    "schemas.json": "schemas",
    "properties.json": "properties",
    "pipelines.json": "pipelines",
    "labels.json": "labels",
    "validations.json": "validations",
}
_AFTER = {
    "campaigns.csv": "campaigns",
    "campaign_items.csv": "campaigns",
    "associations.csv": "links_file",
    "history.csv": "history_file",
}
_NOT_RECORDS = {*_BEFORE, *_AFTER, "ids.csv"}
_CHUNK = 2000
_CURRENCIES = frozenset({"deal_currency_code", "hs_currency"})
_CALCULATED = frozenset({"0-2", "0-3", "0-27"})  # objects with formulas


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of a record file: how a cell becomes what is kept."""

    name: str
    kept: Callable[[str], str]


def load_folder(portal: Portal, folder: Path) -> dict[str, int]:
    """Load what is there; file name -> rows. ValueError names file and line of what is wrong."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; a portal is loaded from a folder of CSV and JSON files")
    counts: dict[str, int] = {}
    with portal.transaction():
        for name, module in _BEFORE.items():
            _one(portal, folder / name, module, counts)
        for path in sorted(folder.glob("*.csv")):
            if path.name not in _NOT_RECORDS:
                counts[path.name] = load_records(portal, path)
        for name, module in _AFTER.items():
            _one(portal, folder / name, module, counts)
    return counts


def _one(portal: Portal, path: Path, module: str, counts: dict[str, int]) -> None:
    if not path.exists():
        return
    found = import_module(f"emulators.hubspot.{module}")
    try:
        counts[path.name] = getattr(found, "load_items" if path.name == "campaign_items.csv" else "load")(
            portal, path
        )
    except (KeyError, TypeError, json.JSONDecodeError, csv.Error, UnicodeError, sqlite3.IntegrityError) as bad:
        raise ValueError(f"{path}: {type(bad).__name__}: {bad}") from None
    except HubError as bad:
        raise ValueError(f"{path}: {bad}") from None


def load_records(portal: Portal, path: Path) -> int:
    """`<object>.csv`: property names in the first line; ids and the created and modified instants are kept."""
    obj = definitions.object_type(portal, path.stem)
    if obj is None:
        raise ValueError(f"{path}: the portal has no object {path.stem!r}")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        columns = _columns(portal, obj, path, next(rows, []))
        try:
            return _insert(portal, obj, _read(portal, obj, path, rows, columns))
        except (csv.Error, UnicodeError) as bad:
            raise ValueError(f"{path}, after line {rows.line_num}: {bad}") from None
        except sqlite3.IntegrityError:
            told = f"one of the last {_CHUNK} records has an id that the portal has already"
            raise ValueError(f"{path}, line {rows.line_num} or before: {told}") from None


def _insert(portal: Portal, obj: ObjectType, found: Iterator[Record]) -> int:
    unique = writing.unique_names(portal, obj)
    count = highest = 0
    with portal.transaction() as connection:
        while chunk := list(islice(found, _CHUNK)):
            rows = [records.row(each) for each in chunk]
            connection.executemany("INSERT INTO record VALUES (?,?,?,?,?,?)", rows)
            connection.executemany("INSERT OR IGNORE INTO unique_value VALUES (?,?,?,?)", _unique(chunk, unique))
            connection.executemany("INSERT OR REPLACE INTO merged VALUES (?,?,?)", _merged(chunk))
            count, highest = count + len(chunk), max(highest, max(row[1] for row in rows))
    portal.id_taken(highest)
    return count


def _unique(chunk: Sequence[Record], names: Sequence[str]) -> Iterator[tuple[str, str, str, int]]:
    for name in names:
        for each in chunk:
            if each.archived is None and name in each.properties:
                yield each.type_id, name, each.properties[name].lower(), int(each.id)


def _merged(chunk: Sequence[Record]) -> Iterator[tuple[str, int, int]]:
    for each in chunk:
        for loser in each.properties.get("hs_merged_object_ids", "").split(";"):
            if loser:
                yield each.type_id, int(loser), int(each.id)


def _columns(portal: Portal, obj: ObjectType, path: Path, header: Sequence[str]) -> list[_Column]:
    known = definitions.of(portal, obj.type_id)
    found: list[_Column] = []
    for name in header:
        if name == "archived_at" or name in (obj.created, obj.modified):
            found.append(_Column(name, _remembered(_instant)))
        elif name == "hs_object_id":
            found.append(_Column(name, _number))
        elif name in known:
            found.append(_Column(name, _keeper(portal, known[name])))
        else:
            raise ValueError(f"{path}, line 1: {obj.name} has no property {name!r}")
    if len(set(header)) < len(header):
        raise ValueError(f"{path}, line 1: a property is named twice")
    return found


def _keeper(portal: Portal, definition: Definition) -> Callable[[str], str]:
    """Text of any length is taken as it is; other values are checked once each."""
    if definition.type in ("string", "json") and definition.name != "email":
        return str
    if definition.name in _CURRENCIES:  # of records, they outlive those of the portal
        return str

    def kept(text: str) -> str:
        found = values.stored(definition, text, portal)
        if isinstance(found, str):
            return found
        raise ValueError(f"{definition.name}: {found.message}")

    return _remembered(kept)


def _remembered(kept: Callable[[str], str]) -> Callable[[str], str]:
    seen: dict[str, str] = {}

    def remembered(text: str) -> str:
        found = seen.get(text)
        if found is None:
            if len(seen) > 100_000:
                seen.clear()
            found = seen[text] = kept(text)
        return found

    return remembered


def _instant(text: str) -> str:
    at = values.instant(text)
    if at is None:
        raise ValueError(f"{text!r} is no instant; write it as 2026-03-31T09:00:00.000Z")
    return values.kept_instant(at)


def _number(text: str) -> str:
    if not text.isdecimal() or len(text) > 18:
        raise ValueError(f"{text!r} is no record id")
    return text


def _read(portal: Portal, obj: ObjectType, path: Path, rows: Any, columns: Sequence[_Column]) -> Iterator[Record]:
    names, keepers, width = [each.name for each in columns], [each.kept for each in columns], len(columns)
    refresh = calculated.refresh if obj.type_id in _CALCULATED else None
    now = portal.now_text()
    seen: set[str] = set()
    for row in rows:
        if len(row) != width:
            raise ValueError(f"{path}, line {rows.line_num}: {len(row)} values under {width} columns")
        try:
            kept = {name: keep(text) for name, keep, text in zip(names, keepers, row, strict=True) if text}
        except ValueError as bad:
            raise ValueError(f"{path}, line {rows.line_num}: {bad}") from None
        created = kept.pop(obj.created, now)
        record_id = kept.pop("hs_object_id", "") or portal.new_id()
        if record_id in seen:
            raise ValueError(f"{path}, line {rows.line_num}: the id {record_id} stands on an earlier line too")
        seen.add(record_id)
        record = Record(
            obj.type_id,
            record_id,
            kept,
            created,
            kept.pop(obj.modified, created),
            kept.pop("archived_at", None),
        )
        kept["hs_object_source"] = "IMPORT"
        if refresh is not None:
            refresh(portal, obj.type_id, record)
        yield record
