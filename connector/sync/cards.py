"""How our own fields are called in this CRM, and what a page says about them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from pyarrow import compute as pc

from connector.config.fieldmap import FieldMap
from connector.core.plan import same
from connector.core.scorecard import FIELDS, ScoreField
from connector.crm.base import CRM, FieldSpec, arrow_type
from connector.mirror import Mirror

MACHINE = tuple(field for field in FIELDS if field.object == "partner" and not field.human)


def spec_of(field: ScoreField, fieldmap: FieldMap) -> FieldSpec:
    """The field as a CRM is asked to make it."""
    task = field.object == "task"
    people = fieldmap.of(field.references) if field.references else ()
    return FieldSpec(
        object=fieldmap.write.task.object if task else fieldmap.write.object_of("partners"),
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
    return tuple(spec_of(field, fieldmap) for field in FIELDS)


def names(crm: CRM, fieldmap: FieldMap) -> dict[str, str]:
    """Our name of each machine field -> the CRM's."""
    return {field.name: crm.field_name(spec_of(field, fieldmap)) for field in MACHINE}


def card_rows(rows: pa.Table, id_field: str, partners: pa.ChunkedArray[Any], crm_names: dict[str, str]) -> pa.Table:
    """`id` and our machine fields, under our names and types, of those rows that are partners."""
    held = {name.lower(): name for name in rows.column_names}
    ids = rows.column(held[id_field.lower()])
    ours = rows.filter(pc.is_in(ids, value_set=partners.combine_chunks()))
    columns = {"id": ours.column(held[id_field.lower()])}
    for field in MACHINE:
        there = held.get(crm_names[field.name].lower())
        if there is not None:
            columns[field.name] = ours.column(there).cast(arrow_type(field.kind), safe=False)
    return pa.table(columns)


def edited_cards(mirror: Mirror, rows: pa.Table) -> set[str]:
    """Ids of those rows that differ from what the mirror last saw or wrote in the same fields."""
    fields = [field for field in MACHINE if field.name in rows.column_names and not field.volatile]
    if not fields:
        return set()
    kept = mirror.existing([(field.name, field.kind) for field in fields])
    held = {row.pop("id"): row for row in kept.to_pylist()}
    return {
        row["id"]
        for row in rows.to_pylist()
        if any(not same(field, held.get(row["id"], {}).get(field.name), row[field.name]) for field in fields)
    }
