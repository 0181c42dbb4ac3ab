"""What the addresses under /tooling answer: its links, objects, describes, queries and records.

Source: "REST Resources" of the Tooling API guide; bodies as recorded.
"""

from __future__ import annotations

from typing import Any

from emulators.salesforce import describe, query
from emulators.salesforce.errors import ApiError, not_found
from emulators.salesforce.org import Org
from emulators.salesforce.router import Request, Response, Router, json_response
from emulators.salesforce.schema import ObjectType
from emulators.salesforce.tooling import customs
from emulators.salesforce.tooling.entities import CATALOG, entities, schema_for
from emulators.salesforce.tooling.tables import Found, ask

_LINKS = ("composite", "query", "queryAll", "sobjects")


def routes(router: Router) -> None:
    """The Tooling API; composite calls of it are where the others are."""
    base = "/services/data/{version}/tooling"
    router.add("GET", base, links)
    for name in ("query", "queryAll"):
        router.add("GET", f"{base}/{name}", queried)
    router.add("GET", f"{base}/sobjects", all_objects)
    router.add("GET", f"{base}/sobjects/{{object}}", basic)
    router.add("GET", f"{base}/sobjects/{{object}}/describe", full)
    router.add("POST", f"{base}/sobjects/{{object}}", create)
    for method, handler in (("GET", read), ("PATCH", update), ("DELETE", delete)):
        router.add(method, f"{base}/sobjects/{{object}}/{{record}}", handler)


def links(request: Request, org: Org) -> Response:
    """The links of the Tooling API."""
    return json_response({name: f"/services/data/v{request.version}/tooling/{name}" for name in _LINKS})


def queried(request: Request, org: Org) -> Response:
    """All rows of a query at once, with the names that this API has for its sizes."""
    soql = request.query.get("q", "")
    if not soql:
        raise ApiError("MALFORMED_QUERY", "A query string has to be specified")
    found = ask(org, query.context(org, request.user, request.version), soql, tooling=True)
    if query.wants_columns(request):
        return json_response(query.column_metadata(found.entity, found.columns))
    return json_response(_body(found))


def _body(found: Found) -> dict[str, Any]:
    return {
        "size": found.total,
        "totalSize": found.total,
        "done": True,
        "queryLocator": None,
        "entityTypeName": found.entity.name,
        "records": found.records,
    }


def _object(org: Org, request: Request) -> ObjectType:
    obj = schema_for(org.schema, tooling=True).object(request.params["object"])
    if obj is None:
        raise not_found()
    return obj


def _moved(value: Any) -> Any:
    """Addresses of describes, moved under /tooling."""
    if isinstance(value, dict):
        return {name: _moved(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_moved(one) for one in value]
    if isinstance(value, str) and value.startswith("/services/data/v"):
        return value.replace("/sobjects/", "/tooling/sobjects/", 1)
    return value


def all_objects(request: Request, org: Org) -> Response:
    """The global describe of this API."""
    objects = sorted(schema_for(org.schema, tooling=True).objects.values(), key=lambda obj: obj.name.lower())
    items = [_moved(describe.head(obj, request.version)) for obj in objects]
    return json_response({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": items})


def basic(request: Request, org: Org) -> Response:
    """The object's head."""
    obj = _object(org, request)
    return json_response({"objectDescribe": _moved(describe.head(obj, request.version)), "recentItems": []})


def full(request: Request, org: Org) -> Response:
    """The full describe; 404 for objects that the org has not got, such as those of source tracking."""
    obj = _object(org, request)
    return json_response(_moved(describe.describe(org, obj, request.user, request.version)))


def read(request: Request, org: Org) -> Response:
    """One record with all of its fields, Metadata and FullName too."""
    obj = _object(org, request)
    names = ", ".join(field.name for field in obj.fields.values())
    key = "DurableId" if obj.name in CATALOG else "Id"
    value = request.params["record"].replace("\\", "\\\\").replace("'", "\\'")
    seen_by = query.context(org, request.user, request.version)
    try:
        found = ask(org, seen_by, f"SELECT {names} FROM {obj.name} WHERE {key} = '{value}'", tooling=True)
    except ApiError:
        raise not_found() from None
    if not found.records:
        raise not_found()
    return json_response(found.records[0])


def create(request: Request, org: Org) -> Response:
    """201 with the id; fields and validation rules only."""
    obj = _object(org, request)
    acts = {"CustomField": customs.create_field, "ValidationRule": customs.create_rule}
    if obj.name not in acts or not org.permissions.of(request.user).unrestricted:
        raise _not_writable(obj, "inserted")
    made = acts[obj.name](org, request.document())
    where = {"Location": f"/services/data/v{request.version}/tooling/sobjects/{obj.name}/{made}"}
    return json_response({"id": made, "success": True, "errors": [], "warnings": [], "infos": []}, 201, where)


def update(request: Request, org: Org) -> Response:
    """204."""
    obj = _object(org, request)
    acts = {"CustomField": customs.update_field, "ValidationRule": customs.update_rule}
    if obj.name not in acts or not org.permissions.of(request.user).unrestricted:
        raise _not_writable(obj, "updated")
    acts[obj.name](org, request.params["record"], request.document())
    return Response(204)


def delete(request: Request, org: Org) -> Response:
    """204."""
    obj = _object(org, request)
    acts = {"CustomField": customs.delete_field, "ValidationRule": customs.delete_rule}
    if obj.name not in acts or not org.permissions.of(request.user).unrestricted:
        raise _not_writable(obj, "deleted")
    acts[obj.name](org, request.params["record"])
    return Response(204)


def _not_writable(obj: ObjectType, verb: str) -> ApiError:
    own = obj.name.lower() in entities()
    text = f"entity type cannot be {verb}: {obj.label}" if own else f"entity type cannot be {verb} here: {obj.label}"
    return ApiError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", text)
