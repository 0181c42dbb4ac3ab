"""What an export's CSV file holds: one record a row, labels or internal names and values in its columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from emulators.hubspot import definitions, lists, records
from emulators.hubspot.bodies import objects
from emulators.hubspot.definitions import Definition, ObjectType
from emulators.hubspot.errors import invalid
from emulators.hubspot.filters import Condition, compile_groups, order_by, register
from emulators.hubspot.jobs import Job
from emulators.hubspot.portal import Portal
from emulators.hubspot.presenting import all_values
from emulators.hubspot.records import Record

_CHUNK = 1000


def run(portal: Portal, job: Job) -> dict[str, Any]:
    """The file's text and how many records it holds."""
    obj = definitions.required_type(portal, job.request["type"])
    known = definitions.of(portal, obj.type_id)
    columns = [known[name] for name in job.request["names"] if name in known]
    names, internal = "NAMES" in job.request["options"], "VALUES" in job.request["options"]
    file, count = io.StringIO(newline=""), 0
    writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(
        ["hs_object_id" if names else "Record ID", *(each.name if names else each.label for each in columns)]
    )
    for record in _records(portal, obj, job.request):
        held = all_values(record, obj)
        writer.writerow([record.id, *(_cell(each, held.get(each.name, ""), internal=internal) for each in columns)])
        count += 1
    return {"text": file.getvalue(), "count": count}


def condition(portal: Portal, type_id: str, search: Mapping[str, Any]) -> tuple[Condition, str]:
    """The search of a VIEW export as SQL and its order; 400 for one that makes no sense."""
    obj = definitions.required_type(portal, type_id)
    known = definitions.of(portal, type_id)
    groups = [{**each, "filters": objects(each, "filters")} for each in objects(search, "filterGroups")]
    found = compile_groups(portal, obj, known, groups, objects(search, "filters"))
    query = search.get("query") or ""
    if not isinstance(query, str):
        raise invalid("Invalid input JSON: query must be text")
    if query:
        found = found.also("hs_words(properties, ?)", query.lower())
    return found, order_by(obj, known, search.get("sorts"))


def _records(portal: Portal, obj: ObjectType, request: Mapping[str, Any]) -> Iterator[Record]:
    connection = portal.connection
    if "list" in request:
        found = lists.get(portal, request["list"])
        lists.refresh(portal, found)
        ids: Sequence[str] = [number for number, _ in lists.page(portal, found, 0, -1)]
    else:
        register(connection)
        where, order = condition(portal, obj.type_id, request["search"])
        text = f"SELECT id FROM record WHERE type = ? AND archived IS NULL AND ({where.text}) ORDER BY {order}"
        ids = [str(number) for (number,) in connection.execute(text, (obj.type_id, *where.values))]
    for start in range(0, len(ids), _CHUNK):
        part = ids[start : start + _CHUNK]
        held = records.read(connection, obj.type_id, part)
        yield from (held[each] for each in part if each in held)


def _cell(definition: Definition, value: str, *, internal: bool) -> str:
    """A value; options by their labels unless internal values were asked for."""
    if internal or not definition.options:
        return value
    words = {each.value: each.label for each in definition.options}
    return ";".join(words.get(part, part) for part in value.split(";"))
