"""How links between records are loaded from a file, and which kind of link a label's text means."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emulators.hubspot import definitions, labels
from emulators.hubspot.labels import Kind
from emulators.hubspot.portal import Portal

_COLUMNS = ["from_object", "from_id", "to_object", "to_id", "label"]
_Row = tuple[str, int, str, int, str, int]
_Ends = tuple[str, str, tuple[Kind, ...]]  # both type ids and the kinds of link that a row makes


def load(portal: Portal, path: Path) -> int:
    """associations.csv: from_object,from_id,to_object,to_id,label. How many lines; ValueError names the line.

    An empty label is the plain association, which every label brings along; `Primary` is HubSpot's own.
    """
    counted = [0]
    with portal.transaction() as connection, path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        if next(rows, []) != _COLUMNS:
            raise ValueError(f"{path}, line 1: the columns must be {','.join(_COLUMNS)}")
        text = "INSERT OR IGNORE INTO association VALUES (?,?,?,?,?,?)"
        connection.executemany(text, _rows(portal, path, rows, counted))
    return counted[0]


def kinds_of(portal: Portal, from_type: str, to_type: str, label: str) -> tuple[Kind, ...]:
    """The plain kind, and the one whose label is that text; ValueError for an unknown label or pair."""
    known = labels.kinds(portal, from_type, to_type)
    plain = next((each for each in known if each.label is None), None)
    if plain is None:
        raise ValueError(f"{from_type} and {to_type} cannot be associated")
    if not label:
        return (plain,)
    found = next((each for each in known if each.label is not None and each.label.lower() == label.lower()), None)
    if found is None:
        told = ", ".join(sorted(each.label for each in known if each.label)) or "none"
        raise ValueError(f"no label {label!r} from {from_type} to {to_type}; known are {told}")
    return plain, found


def _rows(portal: Portal, path: Path, rows: Any, counted: list[int]) -> Iterator[_Row]:
    ends: dict[tuple[str, str, str], _Ends] = {}
    for row in rows:
        try:
            from_object, from_id, to_object, to_id, label = row
            key = (from_object, to_object, label)
            found = ends.get(key)
            if found is None:
                found = ends[key] = _ends(portal, *key)
            from_type, to_type, kinds = found
            one, other = int(from_id), int(to_id)
        except ValueError as bad:
            raise ValueError(f"{path}, line {rows.line_num}: {bad}") from None
        for kind in kinds:
            yield from_type, one, to_type, other, kind.category, kind.type_id
            yield to_type, other, from_type, one, kind.category, kind.inverse
        counted[0] += 1


def _ends(portal: Portal, from_object: str, to_object: str, label: str) -> _Ends:
    found = [definitions.object_type(portal, name) for name in (from_object, to_object)]
    if found[0] is None or found[1] is None:
        missing = from_object if found[0] is None else to_object
        raise ValueError(f"the portal has no object {missing!r}")
    from_type, to_type = found[0].type_id, found[1].type_id
    return from_type, to_type, kinds_of(portal, from_type, to_type, label)
