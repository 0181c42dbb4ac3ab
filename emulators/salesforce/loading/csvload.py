"""How a folder of Data Loader files becomes the contents of an org: ids and audit fields kept, misfits named."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from emulators.loopback.bulk_load import in_bulk, indexed_afterwards
from emulators.salesforce import catalog
from emulators.salesforce.errors import DmlError
from emulators.salesforce.loading.columns import converter
from emulators.salesforce.loading.filling import CHUNK, Chunk, load_columns
from emulators.salesforce.org import Org
from emulators.salesforce.schema import FieldType, ObjectType, PicklistValue, Schema
from emulators.salesforce.storage import has_column, table

csv.field_size_limit(1 << 27)

REPLACED = frozenset(
    {"currencytype", "opportunitystage", "partnerrole", "taskstatus", "taskpriority", "leadstatus", "organization"}
)
"""Set-up tables of which every org has its own: a file of one replaces what the org was founded with."""

_DELETIONS = "INSERT OR IGNORE INTO e_deleted SELECT ?, f_id, f_systemmodstamp, 0 FROM {} WHERE f_isdeleted = 1"
_LARGE = 1 << 18  # bytes of a file from which on its indexes are made afterwards


class BadFile(ValueError):
    """A file that does not fit the org; says which file, line and column, what was found and what to do."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file whose header fits."""

    path: Path
    obj: ObjectType
    fields: tuple[FieldType | None, ...]  # None: of a feature that the org was made without


def load_folder(org: Org, folder: str | Path) -> dict[str, int]:
    """Load every `<sObject>.csv` of the folder; -> rows by object name.

    `fields.json`, when there, first makes the custom objects and fields that the files speak of. Headers are checked
    before anything is loaded; a bad row undoes everything but the fields. Sub-folders are left alone, and so
    are files and columns of features that the org was made without.
    """
    root = Path(folder)
    if not root.is_dir():
        raise BadFile(f"{root}: not a folder; give the folder that holds Account.csv and its like")
    declared = root / "fields.json"
    if declared.is_file():
        declare(org, json.loads(declared.read_text(encoding="utf-8")), declared)
    everything = catalog.load(having=catalog.EXTRAS)
    found = (_sheet(org, path, everything) for path in sorted(root.glob("*.csv")))
    sheets = [sheet for sheet in found if sheet is not None]
    sheets.sort(key=lambda sheet: sheet.obj.name.lower() not in REPLACED)  # later files may be completed from them
    if not sheets:
        raise BadFile(f"{root}: holds no .csv file")
    counts: dict[str, int] = {}
    with in_bulk(org.connection()), org.transaction() as connection:
        for sheet in sheets:
            if sheet.obj.name.lower() in REPLACED:
                connection.execute(f"DELETE FROM {table(sheet.obj)}")
            with indexed_afterwards(connection, table(sheet.obj), large=sheet.path.stat().st_size > _LARGE):
                counts[sheet.obj.name] = load_columns(org, sheet.obj, _chunks(sheet))
            if any(field is not None and field.name == "IsDeleted" for field in sheet.fields):
                connection.execute(_DELETIONS.format(table(sheet.obj)), (sheet.obj.name,))
    return counts


def _sheet(org: Org, path: Path, everything: Schema) -> Sheet | None:
    obj, full = org.schema.object(path.stem), everything.object(path.stem)
    if obj is None and full is not None:
        return None
    if obj is None:
        raise BadFile(
            f"{path.name}: this org has no object {path.stem}; rename the file or declare it in fields.json"
        )
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            header = next(csv.reader(file, strict=True), None)
        except (csv.Error, UnicodeDecodeError) as bad:
            raise BadFile(f"{path.name}, line 1: {bad}") from None
    if not header:
        raise BadFile(f"{path.name}, line 1: no header; the first line must name the fields")
    fields = tuple(_field(path, obj, full, name) for name in header)
    for at, field in enumerate(fields):
        if field is not None and field in fields[:at]:
            raise BadFile(f"{path.name}, line 1, column {field.name}: given twice; keep one")
    return Sheet(path, obj, fields)


def _field(path: Path, obj: ObjectType, full: ObjectType | None, name: str) -> FieldType | None:
    field = obj.field(name)
    if field is None and full is not None and full.field(name) is not None:
        return None
    if field is None:
        raise BadFile(f"{path.name}, line 1, column {name}: {obj.name} has no such field; remove the column")
    if not has_column(field):
        raise BadFile(f"{path.name}, line 1, column {name}: the org computes this field; remove the column")
    return field


def _chunks(sheet: Sheet) -> Iterator[Chunk]:
    """The file's columns, so many rows at a time; when one does not fit, its line is looked for."""
    used = [(at, field.name, converter(field)) for at, field in enumerate(sheet.fields) if field is not None]
    width, done = len(sheet.fields), 0
    with sheet.path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        next(reader)
        while True:
            try:
                rows = list(islice(reader, CHUNK))
                cells = list(zip(*rows, strict=True))
                if rows and len(cells) != width:
                    raise ValueError(len(cells))
                columns = {name: convert(cells[at]) for at, name, convert in used} if rows else {}
            except (DmlError, csv.Error, ValueError):
                _tell_misfit(sheet, done)
                raise
            if not rows:
                return
            yield columns, len(rows)
            done += len(rows)


def _tell_misfit(sheet: Sheet, done: int) -> None:
    """BadFile for the first cell that does not fit, after so many sound rows."""
    converts = [None if field is None else converter(field) for field in sheet.fields]
    width = len(sheet.fields)
    with sheet.path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            for cells in islice(reader, done + 1, None):
                if len(cells) != width:
                    _refuse_width(sheet, reader.line_num, cells, width)
                for convert, cell in zip(converts, cells, strict=True):
                    if convert is not None:
                        convert((cell,))
        except (DmlError, csv.Error, UnicodeDecodeError) as bad:
            raise BadFile(_complaint(sheet, reader.line_num, bad)) from None


def _refuse_width(sheet: Sheet, line: int, cells: list[str], wanted: int) -> None:
    raise BadFile(
        f"{sheet.path.name}, line {line}: {len(cells)} cells, the header has {wanted}; quote cells with commas"
    )


def _complaint(sheet: Sheet, line: int, bad: Exception) -> str:
    if isinstance(bad, DmlError):
        column = f", column {bad.fields[0]}" if bad.fields else ""
        return f"{sheet.path.name}, line {line}{column}: {bad.message}"
    return f"{sheet.path.name}, line {line}: {bad}"


# -- fields.json --------------------------------------------------------------------------------------------------


def declare(org: Org, body: dict[str, Any], path: Path) -> None:
    """Make custom objects and fields as `fields.json` has them; everybody may see them. Known ones stay.

    Fields of objects that the org was made without are left out.
    """
    everything = catalog.load(having=catalog.EXTRAS)
    for name, entry in body.items():
        if "prefix" in entry and org.schema.object(name) is None:
            org.add_object(catalog.custom_object(name, entry["label"], entry["plural"], entry["prefix"]))
        if org.schema.object(name) is None and everything.object(name) is not None:
            continue
        if org.schema.object(name) is None and name != "Activity":
            raise BadFile(f"{path.name}: this org has no object {name}; give it label, plural and prefix to make it")
        known = org.schema.object("Event" if name == "Activity" else name)
        for field in entry["fields"]:
            if known is None or known.field(field["name"]) is None:
                org.add_custom_field(name, _declared(field))


def _declared(entry: dict[str, Any]) -> FieldType:
    kind = str(entry["type"])
    money = kind in ("currency", "double", "percent")
    return FieldType(
        name=entry["name"], label=entry["label"], type=kind,
        length=int(entry.get("length", 18 if kind == "reference" else 255 if kind == "string" else 0)),
        precision=int(entry.get("precision", 18 if money else 0)), scale=int(entry.get("scale", 2 if money else 0)),
        custom=True, unique=bool(entry.get("unique")), external_id=bool(entry.get("externalId")),
        restricted_picklist=bool(entry.get("restricted")), default_on_create=kind == "boolean",
        picklist=tuple(PicklistValue(value, value) for value in entry.get("picklist", ())),
        reference_to=tuple(entry.get("referenceTo", ())), relationship_name=entry.get("relationshipName"),
        child_relationship=entry.get("childRelationship"), description=entry.get("description"),
        help=entry.get("help"), always_visible=True, nillable=kind != "boolean",
    )  # fmt: skip
