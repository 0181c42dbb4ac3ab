"""How the past of properties is loaded from a file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emulators.hubspot import definitions
from emulators.hubspot.portal import Portal
from emulators.hubspot.remembered import instant, quickly
from emulators.loopback.bulk_load import indexed_afterwards

_COLUMNS = ["object", "id", "property", "value", "timestamp", "source_type"]


def load(portal: Portal, path: Path) -> int:
    """history.csv: object,id,property,value,timestamp,source_type. How many rows; ValueError names the line."""
    with portal.transaction() as connection, path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        if header != _COLUMNS:
            raise ValueError(f"{path}, line 1: the columns must be {','.join(_COLUMNS)}")
        before = connection.total_changes
        with indexed_afterwards(connection, "history"):
            connection.executemany("INSERT INTO history VALUES (?,?,?,?,?,?,'','')", _rows(portal, path, rows))
        return connection.total_changes - before


def _rows(portal: Portal, path: Path, rows: Any) -> Iterator[tuple[str, int, str, str, str, str]]:
    types: dict[str, str] = {}
    kept = quickly(instant)
    for row in rows:
        try:
            name, record_id, label, value, stamp, source = row
        except ValueError:
            told = f"{len(row)} values under {len(_COLUMNS)} columns"
            raise ValueError(f"{path}, line {rows.line_num}: {told}") from None
        type_id = types.get(name)
        if type_id is None:
            found = definitions.object_type(portal, name)
            if found is None:
                raise ValueError(f"{path}, line {rows.line_num}: the portal has no object {name!r}")
            type_id = types[name] = found.type_id
        try:
            at = kept(stamp) if record_id.isdecimal() else ""
        except ValueError:
            at = ""
        if not at:
            told = f"{stamp!r} is no instant or {record_id!r} no record id"
            raise ValueError(f"{path}, line {rows.line_num}: {told}")
        yield type_id, int(record_id), label, at, value, source or "IMPORT"
