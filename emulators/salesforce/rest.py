"""What the record resources answer: versions, object lists, create, read, update, upsert, delete."""

from __future__ import annotations

import zlib
from email.utils import format_datetime
from typing import Any

from emulators.loopback.clock import parse_instant
from emulators.salesforce import dml
from emulators.salesforce.errors import ApiError, DmlError, not_found
from emulators.salesforce.ids import to18
from emulators.salesforce.org import Org
from emulators.salesforce.query import context
from emulators.salesforce.router import Request, Response, Router, json_response
from emulators.salesforce.schema import FieldType, ObjectType
from emulators.salesforce.soql import SoqlError, run
from emulators.salesforce.values import json_problem

OLDEST, LATEST = 31, 67
_SEASONS = ("Spring", "Summer", "Winter")
_RESOURCES = (
    "tooling metadata composite query queryAll search sobjects limits jobs recent identity parameterizedSearch "
    "actions analytics appMenu chatter connect theme tabs quickActions process support wave"
)


def routes(router: Router) -> None:
    """Versions and records; the more special routes must already be there."""
    data = "/services/data"
    router.add("GET", data, versions, session=False)
    router.add("GET", f"{data}/{{version}}", resources, session=False)
    record = f"{data}/{{version}}/sobjects/{{object}}/{{record}}"
    router.add("POST", f"{data}/{{version}}/sobjects/{{object}}", create)
    for template in (record, f"{data}/{{version}}/sobjects/{{object}}/Id/{{record}}"):
        router.add("GET", template, read)
        router.add("PATCH", template, update)
        router.add("DELETE", template, delete)
    router.add("POST", f"{data}/{{version}}/sobjects/{{object}}/Id", create, since=37)


def label(version: int) -> str:
    """The release's name: 67 -> Summer '26."""
    season = _SEASONS[(version - 66) % 3]
    year = 26 + (version - 66) // 3 + (season == "Winter")
    return f"{season} '{year:02d}"


def versions(request: Request, org: Org) -> Response:
    """All versions in force."""
    return json_response(
        [
            {"label": label(number), "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
            for number in range(OLDEST, LATEST + 1)
        ]
    )


def resources(request: Request, org: Org) -> Response:
    """The links of a version."""
    base = f"/services/data/v{request.version}"
    links = {name: f"{base}/{name}" for name in _RESOURCES.split()}
    links["identity"] = f"{request.base_url}/id/{org.org_id}/{request.user or org.user_id}"
    return json_response(links)


def body_values(obj: ObjectType, body: Any) -> dict[str, Any]:
    """A JSON object whose values can be read as the fields' types; the whole call is refused otherwise."""
    if not isinstance(body, dict):
        raise ApiError("JSON_PARSER_ERROR", f"Cannot deserialize instance of {obj.name} from START_ARRAY value [")
    for name, value in body.items():
        field = obj.field(name)
        problem = json_problem(field, value) if field is not None and field.type != "address" else None
        if problem:
            raise ApiError("JSON_PARSER_ERROR", f"{problem} at [line:1, column:1]")
    return body


def _without_id(obj: ObjectType, body: Any) -> dict[str, Any]:
    values = body_values(obj, body)
    if any(name.lower() == "id" for name in values):
        raise ApiError("INVALID_FIELD", "The Id field should not be specified in the sobject data.")
    return values


def create(request: Request, org: Org) -> Response:
    """201 with the id and its address."""
    obj = org.object(request.params["object"])
    record_id = org.insert(obj.name, _without_id(obj, request.json()), request.actor())
    where = {"Location": f"/services/data/v{request.version}/sobjects/{obj.name}/{record_id}"}
    return json_response({"id": record_id, "success": True, "errors": []}, 201, where)


def read(request: Request, org: Org) -> Response:
    """A record with the fields asked for, or with all that the user may see."""
    obj = org.object(request.params["object"])
    found = fetch(request, org, obj, _record_id(request))
    return json_response(found, headers=_validators(org, obj, _record_id(request)))


def _validators(org: Org, obj: ObjectType, record_id: str) -> dict[str, str]:
    """Last-Modified of a record, and the ETag that is recorded of accounts alone."""
    row = org.get(obj.name, record_id) or {}
    at = row.get("LastModifiedDate")
    if not at:
        return {}
    tag = {"ETag": f'"{zlib.crc32(f"{record_id}/{at}".encode()):08x}"'} if obj.name == "Account" else {}
    return {**tag, "Last-Modified": format_datetime(parse_instant(str(at)), usegmt=True)}


def update(request: Request, org: Org) -> Response:
    """204."""
    obj = org.object(request.params["object"])
    org.update(obj.name, _record_id(request), _without_id(obj, request.json()), request.actor())
    return Response(204)


def delete(request: Request, org: Org) -> Response:
    """204."""
    obj = org.object(request.params["object"])
    org.delete(obj.name, _record_id(request), request.actor())
    return Response(204)


def read_by_key(request: Request, org: Org) -> Response:
    """A record by its external id."""
    obj, field = _key(request, org)
    found = dml.find_by_key(org, obj, field, request.params["value"])
    if len(found) > 1:
        return _several(request, obj, found)
    if not found:
        raise not_found()
    return json_response(fetch(request, org, obj, found[0]))


def upsert(request: Request, org: Org) -> Response:
    """201 when made, 200 when changed (204 up to version 45), 300 when several records have the key."""
    obj, field = _key(request, org)
    values = _without_id(obj, request.json())
    if any(name.lower() == field.name.lower() for name in values):
        text = f"The {field.name} field should not be specified in the sobject data."
        raise ApiError("INVALID_FIELD", text)
    try:
        record_id, created = org.upsert(obj.name, field.name, request.params["value"], values, request.actor())
    except dml.SeveralRecords as several:
        return _several(request, obj, several.ids)
    result: dict[str, Any] = {"id": record_id, "success": True, "errors": []}
    if float(request.version) < 46:
        return json_response(result, 201) if created else Response(204)
    return json_response({**result, "created": created}, 201 if created else 200)


def delete_by_key(request: Request, org: Org) -> Response:
    """204."""
    obj, field = _key(request, org)
    found = dml.find_by_key(org, obj, field, request.params["value"])
    if len(found) > 1:
        return _several(request, obj, found)
    if not found:
        raise not_found()
    org.delete(obj.name, found[0], request.actor())
    return Response(204)


def fetch(request: Request, org: Org, obj: ObjectType, record_id: str) -> dict[str, Any]:
    """One living record as JSON; 404 when there is none."""
    asked = request.query.get("fields")
    names = [name.strip() for name in asked.split(",") if name.strip()] if asked else visible_names(org, request, obj)
    found = select(request, org, obj, names, [record_id])
    if not found:
        raise not_found()
    return found[0]


def visible_names(org: Org, request: Request, obj: ObjectType) -> list[str]:
    """All fields that the user may read, in describe order."""
    sees = org.visible(request.user)
    return [field.name for field in obj.fields.values() if sees(obj, field)]


def select(request: Request, org: Org, obj: ObjectType, names: list[str], ids: list[str]) -> list[dict[str, Any]]:
    """Living records by id, through the same door as queries."""
    quoted = ", ".join(f"'{record_id}'" for record_id in ids)
    soql = f"SELECT {', '.join(dict.fromkeys(names))} FROM {obj.name} WHERE Id IN ({quoted})"
    try:
        return list(run(org.connection(), soql, context(org, request.user, request.version)).records)
    except SoqlError as bad:
        raise ApiError(bad.code, bad.message) from None


def _record_id(request: Request) -> str:
    """The 18-character id of the path; anything else is taken for the name of an external id field."""
    text = request.params["record"]
    found = to18(text)
    if found is None:
        raise ApiError(
            "NOT_FOUND", f"Provided external ID field does not exist or is not accessible: {text}", http=404
        )
    return found


def _key(request: Request, org: Org) -> tuple[ObjectType, FieldType]:
    obj = org.object(request.params["object"])
    field = obj.field(request.params["field"])
    sees = org.visible(request.user)
    if field is None or not sees(obj, field) or not (field.external_id or field.id_lookup):
        text = f"Provided external ID field does not exist or is not accessible: {request.params['field']}"
        raise ApiError("NOT_FOUND", text, http=404)
    return obj, field


def _several(request: Request, obj: ObjectType, ids: list[str]) -> Response:
    return json_response([f"/services/data/v{request.version}/sobjects/{obj.name}/{found}" for found in ids], 300)


def as_dml_error(error: ApiError | DmlError) -> DmlError:
    """A refusal of the call as the refusal of one record, for collections."""
    return error if isinstance(error, DmlError) else DmlError(error.code, error.message)
