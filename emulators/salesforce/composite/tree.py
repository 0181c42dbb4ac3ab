"""What composite/tree answers: new records with their children, up to 200 in a call, all of them or none.

Source: "sObject Tree", "sObject Tree Request Body" and "sObject Tree Response Body" of the REST API guide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emulators.salesforce.errors import ApiError, DmlError
from emulators.salesforce.org import Org
from emulators.salesforce.rest import as_dml_error, body_values
from emulators.salesforce.router import Request, Response, Router, json_response
from emulators.salesforce.schema import FieldType, ObjectType

MAX_RECORDS, MAX_LEVELS, MAX_TYPES = 200, 5, 5
Result = dict[str, Any]
_Waiting = tuple[dict[str, Any], ObjectType, FieldType | None, int]  # record, type, way to its parent, which parent


class _UndoneError(Exception):
    """Undo the transaction; the failures are already known."""


@dataclass(frozen=True, slots=True)
class _Branch:
    """One record of the tree; `link` is its reference to the record `parent` (by position)."""

    name: str
    obj: ObjectType
    values: dict[str, Any]
    link: FieldType | None
    parent: int


def routes(router: Router) -> None:
    """composite/tree, from version 34."""
    router.add("POST", "/services/data/{version}/composite/tree/{object}", create, since=34)


def create(request: Request, org: Org) -> Response:
    """201 with an id for each referenceId; 400 with the failures alone, and nothing kept."""
    levels = _levels(org, org.object(request.params["object"]), request.json())
    doubles = _duplicates(levels)
    if doubles:
        return json_response({"hasErrors": True, "results": doubles}, 400)
    results: list[Result] = []
    try:
        with org.transaction():
            ids: list[str] = []
            for level in levels:
                results, ids = _insert(request, org, level, results, ids)
    except _UndoneError as undone:
        return json_response({"hasErrors": True, "results": undone.args[0]}, 400)
    return json_response({"hasErrors": False, "results": results}, 201)


def _insert(
    request: Request, org: Org, level: list[_Branch], results: list[Result], above: list[str]
) -> tuple[list[Result], list[str]]:
    """One level of the tree, whose records refer to the ids of the level above."""
    made: list[str] = []
    failures: list[Result] = []
    for branch in level:
        values = dict(branch.values)
        if branch.link is not None and not failures:
            values[branch.link.name] = above[branch.parent]
        try:
            with org.save_point():
                made.append(org.insert(branch.obj.name, values, request.actor()))
        except (DmlError, ApiError) as bad:
            failures.append({"referenceId": branch.name, "errors": [as_dml_error(bad).as_result()]})
    if failures:
        raise _UndoneError(failures)
    good = [{"referenceId": branch.name, "id": made_id} for branch, made_id in zip(level, made, strict=True)]
    return results + good, made


def _levels(org: Org, root: ObjectType, body: Any) -> list[list[_Branch]]:
    """The records by their distance from the root, in the order in which results are told."""
    levels: list[list[_Branch]] = []
    waiting: list[_Waiting] = [(record, root, None, -1) for record in _records(body)]
    count = 0
    while waiting:
        count += len(waiting)
        if count > MAX_RECORDS:
            raise ApiError("INVALID_INPUT", f"The request can't contain more than {MAX_RECORDS} records.")
        if len(levels) == MAX_LEVELS:
            raise ApiError("INVALID_INPUT", f"An sObject tree can't be more than {MAX_LEVELS} levels deep.")
        level: list[_Branch] = []
        below: list[_Waiting] = []
        for record, obj, link, parent in waiting:
            branch, children = _branch(org, record, obj, link, parent)
            below.extend((child, kind, way, len(level)) for child, kind, way in children)
            level.append(branch)
        levels.append(level)
        waiting = below
    _check_types(levels)
    return levels


def _branch(
    org: Org, record: dict[str, Any], obj: ObjectType, link: FieldType | None, parent: int
) -> tuple[_Branch, list[tuple[dict[str, Any], ObjectType, FieldType]]]:
    attributes = record.get("attributes")
    if not isinstance(attributes, dict) or not attributes.get("type"):
        raise ApiError("INVALID_INPUT", "Include an sObject type for each record in the request.")
    if not attributes.get("referenceId"):
        raise ApiError("INVALID_INPUT", "Include a reference ID for each record in the request.")
    if str(attributes["type"]).lower() != obj.name.lower():
        raise ApiError("INVALID_INPUT", f"The sObject type {attributes['type']} does not match {obj.name}.")
    values: dict[str, Any] = {}
    children: list[tuple[dict[str, Any], ObjectType, FieldType]] = []
    ways = org.schema.children(obj.name)
    for name, value in record.items():
        way = ways.get(name.lower())
        if name == "attributes":
            continue
        if way is not None and isinstance(value, Mapping) and "records" in value:
            children.extend((child, way[0], way[1]) for child in _records(value))
        else:
            values[name] = value
    if any(name.lower() == "id" for name in values):
        raise ApiError("INVALID_FIELD", "The Id field should not be specified in the sobject data.")
    return _Branch(str(attributes["referenceId"]), obj, body_values(obj, values), link, parent), children


def _records(body: Any) -> list[dict[str, Any]]:
    records = body.get("records") if isinstance(body, Mapping) else None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ApiError("JSON_PARSER_ERROR", "The request must contain a list records")
    if not records:
        raise ApiError("INVALID_INPUT", "Include at least one record in the request.")
    return records


def _check_types(levels: list[list[_Branch]]) -> None:
    types = {branch.obj.name for level in levels for branch in level}
    if len(types) > MAX_TYPES:
        raise ApiError("INVALID_INPUT", f"The request can't contain more than {MAX_TYPES} different sObject types.")


def _duplicates(levels: list[list[_Branch]]) -> list[Result]:
    """One failure for each use of a referenceId that is used more than once."""
    names = [branch.name for level in levels for branch in level]
    text = "Duplicate ReferenceId provided in the request: "
    return [
        {"referenceId": name, "errors": [DmlError("INVALID_INPUT", text + name).as_result()]}
        for name in names
        if names.count(name) > 1
    ]
