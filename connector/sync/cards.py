"""How our own fields are called in this CRM, and what a page says about them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyarrow import compute as pc

from connector.config.fieldmap import FieldMap
from connector.core.cards import CARRIERS, FIELDS, machine
from connector.core.fields import ScoreField
from connector.core.plan import PARTNERS, marked, same
from connector.crm.base import CRM, FieldSpec, arrow_type
from connector.mirror import Mirror

_FEW = 1_000
"""So many records are looked up one by one."""


def spec_of(field: ScoreField, fieldmap: FieldMap) -> FieldSpec:
    """The field as a CRM is asked to make it."""
    task = field.table == "tasks"
    people = fieldmap.of(field.references) if field.references else ()
    return FieldSpec(
        object=fieldmap.write.task.object if task else fieldmap.write.object_of(field.table),
        name=field.name,
        label=field.label,
        kind=field.kind,
        help=field.help,
        length=field.length,
        precision=field.precision,
        scale=field.scale,
        options=field.options,
        multiple=field.multiple,
        long=field.long,
        unique_key=field.unique_key,
        human=field.human,
        references=people[0].object if people else None,
    )


def specs(fieldmap: FieldMap) -> tuple[FieldSpec, ...]:
    """Every field that the product needs in the CRM."""
    there = {*carriers(fieldmap), "tasks"}
    return tuple(spec_of(field, fieldmap) for field in FIELDS if field.table in there)


def names(crm: CRM, fieldmap: FieldMap) -> dict[str, dict[str, str]]:
    """Canonical table -> our name of each machine field on its records -> the CRM's."""
    return {
        table: {field.name: crm.field_name(spec_of(field, fieldmap)) for field in machine(table)}
        for table in carriers(fieldmap)
    }


def carriers(fieldmap: FieldMap) -> tuple[str, ...]:
    """The canonical tables whose cards the mapping gives an object."""
    return tuple(table for table in CARRIERS if table in dict(fieldmap.write.cards))


def present(crm: CRM, fieldmap: FieldMap) -> tuple[str, ...]:
    """The carriers without which nothing works, and those of the others whose object the CRM shows."""
    return tuple(
        table
        for table in carriers(fieldmap)
        if not _optional(table, fieldmap) or crm.schema(fieldmap.write.object_of(table)) is not None
    )


def _optional(table: str, fieldmap: FieldMap) -> bool:
    return table != PARTNERS and all(source.optional for source in fieldmap.of(table))


def carried_by(object_name: str, fieldmap: FieldMap) -> tuple[str, ...]:
    """The canonical tables whose cards that object carries."""
    return tuple(t for t in carriers(fieldmap) if fieldmap.write.object_of(t).lower() == object_name.lower())


def card_rows(
    rows: pa.Table, id_field: str, table: str, taken: pa.ChunkedArray[Any], crm_names: dict[str, str]
) -> pa.Table:
    """`id` and our machine fields, under our names and types, of those rows that the table took."""
    held = {name.lower(): name for name in rows.column_names}
    ids = rows.column(held[id_field.lower()])
    ours = rows.filter(pc.is_in(ids, value_set=taken.combine_chunks()))
    columns = {"id": ours.column(held[id_field.lower()])}
    for field in machine(table):
        there = held.get(crm_names[field.name].lower())
        if there is not None:
            columns[field.name] = ours.column(there).cast(arrow_type(field.kind), safe=False)
    return pa.table(columns)


def edited_cards(mirror: Mirror, table: str, rows: pa.Table) -> tuple[set[str], pa.Table]:
    """Marks of those rows that differ from what the mirror last saw or wrote in the same fields, and rows to keep.

    A row that differs only in when it was scored is to be kept and says nothing.
    """
    fields = [field for field in machine(table) if field.name in rows.column_names]
    if not fields:
        return set(), rows.slice(0, 0)
    told = [str(id_) for id_ in rows.column("id").to_pylist()]
    ids = told if len(told) <= _FEW else None
    kept = mirror.existing([(field.name, field.kind) for field in fields], table, ids)
    held = {row.pop("id"): row for row in kept.to_pylist()}
    marks, other = set[str](), list[bool]()
    for row in rows.to_pylist():
        there = held.get(row["id"])
        differ = [f for f in fields if there is None or not same(f, there.get(f.name), row[f.name])]
        other.append(bool(differ))
        if any(not same(f, (there or {}).get(f.name), row[f.name]) for f in differ if not f.volatile):
            marks.add(marked(table, row["id"]))
    return marks, rows.filter(pa.array(other, pa.bool_()))
