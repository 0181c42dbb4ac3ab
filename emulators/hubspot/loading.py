"""How a folder of files becomes the content of a portal: metadata first, then records, their links and their past."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from importlib import import_module
from itertools import compress, islice, repeat
from pathlib import Path
from typing import Any

from emulators.hubspot import calculated, definitions, records, values, writing
from emulators.hubspot.definitions import Definition, ObjectType
from emulators.hubspot.errors import HubError
from emulators.hubspot.portal import Portal
from emulators.hubspot.records import Record
from emulators.hubspot.remembered import Remembered, instant, quickly
from emulators.loopback.bulk_load import in_bulk, indexed_afterwards

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
_PLAIN_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_CALCULATED = frozenset({"0-2", "0-3", "0-27"})  # objects with formulas


_Keep = Callable[[str], str]
_Row = tuple[str, int, str, str, str, str | None]


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some records of a file: the rows of the table `record`, and the columns that they were made of."""

    rows: list[_Row]
    cells: dict[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of a record file: how a cell becomes what is kept; None: every text as it is."""

    name: str
    kept: _Keep | None


def load_folder(portal: Portal, folder: Path) -> dict[str, int]:
    """Load what is there; file name -> rows. ValueError names file and line of what is wrong."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; a portal is loaded from a folder of CSV and JSON files")
    counts: dict[str, int] = {}
    with in_bulk(portal.connection), portal.transaction():
        for name, module in _BEFORE.items():
            _one(portal, folder / name, module, counts)
        with indexed_afterwards(portal.connection, "record"):
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


def _insert(portal: Portal, obj: ObjectType, found: Iterator[_Chunk]) -> int:
    unique = writing.unique_names(portal, obj)
    count = highest = 0
    with portal.transaction() as connection:
        for chunk in found:
            connection.executemany("INSERT INTO record VALUES (?,?,?,?,?,?)", chunk.rows)
            connection.executemany(
                "INSERT OR IGNORE INTO unique_value VALUES (?,?,?,?)", _unique(obj.type_id, chunk, unique)
            )
            connection.executemany("INSERT OR REPLACE INTO merged VALUES (?,?,?)", _merged(obj.type_id, chunk))
            count, highest = count + len(chunk.rows), max(highest, max(row[1] for row in chunk.rows))
    portal.id_taken(highest)
    return count


def _unique(type_id: str, chunk: _Chunk, names: Iterable[str]) -> Iterator[tuple[str, str, str, int]]:
    for name in names:
        for value, row in zip(chunk.cells.get(name, ()), chunk.rows, strict=False):
            if value and row[5] is None:
                yield type_id, name, value.lower(), row[1]


def _merged(type_id: str, chunk: _Chunk) -> Iterator[tuple[str, int, int]]:
    for losers, row in zip(chunk.cells.get("hs_merged_object_ids", ()), chunk.rows, strict=False):
        for loser in losers.split(";"):
            if loser:
                yield type_id, int(loser), row[1]


def _columns(portal: Portal, obj: ObjectType, path: Path, header: Sequence[str]) -> list[_Column]:
    known = definitions.of(portal, obj.type_id)
    found: list[_Column] = []
    for name in header:
        if name == "archived_at" or name in (obj.created, obj.modified):
            found.append(_Column(name, quickly(instant)))
        elif name == "hs_object_id":
            found.append(_Column(name, _number))
        elif name in known:
            found.append(_Column(name, _keeper(portal, known[name])))
        else:
            raise ValueError(f"{path}, line 1: {obj.name} has no property {name!r}")
    if len(set(header)) < len(header):
        raise ValueError(f"{path}, line 1: a property is named twice")
    return found


def _keeper(portal: Portal, definition: Definition) -> _Keep | None:
    """Text of any length is taken as it is; other values are checked once each."""
    if definition.type in ("string", "json") and definition.name != "email":
        return None
    if definition.name in _CURRENCIES:  # of records, they outlive those of the portal
        return None

    def kept(text: str) -> str:
        found = values.stored(definition, text, portal)
        if isinstance(found, str):
            return found
        raise ValueError(f"{definition.name}: {found.message}")

    if definition.type == "number":
        plain = _PLAIN_NUMBER.fullmatch
        return lambda text: text if plain(text) else kept(text)
    return quickly(kept) if definition.type == "datetime" else Remembered(kept).__getitem__


def _number(text: str) -> str:
    if not text.isdecimal() or len(text) > 18:
        raise ValueError(f"{text!r} is no record id")
    return text


def _read(portal: Portal, obj: ObjectType, path: Path, rows: Any, columns: Sequence[_Column]) -> Iterator[_Chunk]:
    """The file's records, so many at a time; when one does not fit, its line is looked for."""
    place = next((at for at, each in enumerate(columns) if each.name == "hs_object_id"), None)
    seen: set[str] = set()
    done = 0
    while True:
        try:
            chunk = list(islice(rows, _CHUNK))
            if not chunk:
                return
            cells = _kept(chunk, columns)
            ids = [text or portal.new_id() for text in (cells[place] if place is not None else [""] * len(chunk))]
            fresh = set(ids)
            if len(fresh) < len(ids) or not seen.isdisjoint(fresh):
                raise ValueError("an id comes twice")
        except (ValueError, csv.Error):
            _tell_misfit(path, columns, done, seen)
            raise
        seen |= fresh
        done += len(chunk)
        yield _chunk(portal, obj, {each.name: column for each, column in zip(columns, cells, strict=True)}, ids)


def _kept(chunk: Sequence[Sequence[str]], columns: Sequence[_Column]) -> list[Sequence[str]]:
    """The chunk's columns as they are kept; ValueError when a row is too short or long, or a cell does not fit."""
    if any(len(row) != len(columns) for row in chunk):
        raise ValueError("a row of another length")
    return [
        cells if each.kept is None else [each.kept(text) if text else "" for text in cells]
        for each, cells in zip(columns, zip(*chunk, strict=True), strict=True)
    ]


def _chunk(portal: Portal, obj: ObjectType, cells: dict[str, Sequence[str]], ids: Sequence[str]) -> _Chunk:
    """The rows that the table keeps: what stands in the file is written once, formulas see only what they touch."""
    own, nothing = {"hs_object_id", obj.created, obj.modified, "archived_at"}, ("",) * len(ids)
    formulas = obj.type_id in _CALCULATED
    told = [name for name in cells if name not in own]
    touched = [
        (at, name)
        for at, name in enumerate(told)
        if name == "hs_object_source" or (formulas and calculated.touches(obj.type_id, name))
    ]
    names = [name for _, name in touched]
    parts = [nothing if name in names else records.column(name, cells[name]) for name in told]
    now = portal.now_text()
    created = [text or now for text in cells.get(obj.created, nothing)]
    modified = [text or instead for text, instead in zip(cells.get(obj.modified, nothing), created, strict=True)]
    archived = [text or None for text in cells.get("archived_at", nothing)]
    seen = zip(*(cells[name] for name in names), strict=True) if names else repeat((), len(ids))
    written = zip(*parts, strict=True) if parts else repeat((), len(ids))
    rows: list[_Row] = []
    terms = calculated.terms(portal)
    for record_id, texts, inputs, made, last, gone in zip(
        ids, written, seen, created, modified, archived, strict=True
    ):
        values = dict(compress(zip(names, inputs, strict=True), inputs))
        values["hs_object_source"] = "IMPORT"
        if formulas:
            calculated.refresh(portal, obj.type_id, Record(obj.type_id, record_id, values, made, last, gone), terms)
        pieces = list(texts)
        for (at, name), before in zip(touched, inputs, strict=True):
            if before and name in values:
                pieces[at] = records.piece(name, values.pop(name))
        pieces += records.pieces(values)
        rows.append((obj.type_id, int(record_id), "{" + ",".join(filter(None, pieces)) + "}", made, last, gone))
    return _Chunk(rows, cells)


def _tell_misfit(path: Path, columns: Sequence[_Column], done: int, seen: Set[str]) -> None:
    """ValueError for the first cell that does not fit, or id that came before, after so many sound rows."""
    width, known = len(columns), set(seen)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        for row in islice(rows, done + 1, None):
            if len(row) != width:
                raise ValueError(f"{path}, line {rows.line_num}: {len(row)} values under {width} columns")
            for each, text in zip(columns, row, strict=True):
                try:
                    kept = each.kept(text) if text and each.kept is not None else text
                except ValueError as bad:
                    raise ValueError(f"{path}, line {rows.line_num}: {bad}") from None
                if each.name == "hs_object_id" and kept:
                    if kept in known:
                        raise ValueError(f"{path}, line {rows.line_num}: the id {kept} stands on an earlier line too")
                    known.add(kept)
