"""How the past of properties is loaded from a file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emulators.hubspot import definitions, values
from emulators.hubspot.portal import Portal

_COLUMNS = ["object", "id", "property", "value", "timestamp", "source_type"]


def load(portal: Portal, path: Path) -> int:
    """history.csv: object,id,property,value,timestamp,source_type. How many rows; ValueError names the line."""
    with portal.transaction() as connection, path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        if header != _COLUMNS:
            raise ValueError(f"{path}, line 1: the columns must be {','.join(_COLUMNS)}")
        before = connection.total_changes
        connection.executemany("INSERT INTO history VALUES (?,?,?,?,?,?,'','')", _rows(portal, path, rows))
        return connection.total_changes - before


def _rows(portal: Portal, path: Path, rows: Any) -> Iterator[tuple[str, int, str, str, str, str]]:
    types: dict[str, str] = {}
    for row in rows:
        if len(row) != len(_COLUMNS):
            raise ValueError(f"{path}, line {rows.line_num}: {len(row)} values under {len(_COLUMNS)} columns")
        name, record_id, label, value, stamp, source = row
        if name not in types:
            found = definitions.object_type(portal, name)
            if found is None:
                raise ValueError(f"{path}, line {rows.line_num}: the portal has no object {name!r}")
            types[name] = found.type_id
        at = values.instant(stamp)
        if at is None or not record_id.isdecimal():
            raise ValueError(f"{path}, line {rows.line_num}: {stamp!r} is no instant or {record_id!r} no record id")
        yield types[name], int(record_id), label, values.kept_instant(at), value, source or "IMPORT"
