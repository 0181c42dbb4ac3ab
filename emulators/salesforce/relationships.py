"""What an address along a relationship answers: the parent or the children of a record.

Source: "sObject Relationships" and "Traverse Relationships with Friendly URLs" of the REST API guide. The same
addresses hold records by external id, which is what they mean when their second part is no id.
"""

from __future__ import annotations

from emulators.salesforce import query, rest
from emulators.salesforce.errors import ApiError, not_found
from emulators.salesforce.ids import to18
from emulators.salesforce.org import Org
from emulators.salesforce.router import Handler, Request, Response, Router, json_response
from emulators.salesforce.schema import FieldType, ObjectType

MAX_LEVELS = 5
SINCE = 36


def routes(router: Router) -> None:
    """Records by relationship, and by external id."""
    template = "/services/data/{version}/sobjects/{object}/{field}/{value...}"
    for method, along, by_key in (
        ("GET", read, rest.read_by_key),
        ("PATCH", update, rest.upsert),
        ("DELETE", delete, rest.delete_by_key),
    ):
        router.add(method, template, _either(along, by_key))


def _either(along: Handler, by_key: Handler) -> Handler:
    def answer(request: Request, org: Org) -> Response:
        obj = org.object(request.params["object"])
        name = request.params["field"]
        traverses = obj.field(name) is None and to18(name) is not None and float(request.version) >= SINCE
        return along(request, org) if traverses else by_key(request, org)

    return answer


def read(request: Request, org: Org) -> Response:
    """The parent's fields, or a page of the children's; 404 where there is no parent."""
    obj, record_id, child = _walk(request, org, children=True)
    if child is None:
        return json_response(rest.fetch(request, org, obj, record_id))
    kind, link = child
    asked = [name.strip() for name in request.query.get("fields", "").split(",") if name.strip()]
    names = ", ".join(asked or rest.visible_names(org, request, kind))
    return query.answer(request, org, f"SELECT {names} FROM {kind.name} WHERE {link.name} = '{record_id}'")


def update(request: Request, org: Org) -> Response:
    """204; parents only."""
    obj, record_id, _ = _walk(request, org, children=False)
    org.update(obj.name, record_id, rest.body_values(obj, request.document()), request.actor())
    return Response(204)


def delete(request: Request, org: Org) -> Response:
    """204; parents only."""
    obj, record_id, _ = _walk(request, org, children=False)
    org.delete(obj.name, record_id, request.actor())
    return Response(204)


def _walk(
    request: Request, org: Org, *, children: bool
) -> tuple[ObjectType, str, tuple[ObjectType, FieldType] | None]:
    """Where the path leads: a record, or with the last step the children of one."""
    obj, record_id = org.object(request.params["object"]), str(to18(request.params["field"]))
    names = request.params["value"].strip("/").split("/")
    if len(names) > MAX_LEVELS:
        raise not_found()
    for place, name in enumerate(names, 1):
        link = _link(org, request, obj, name)
        if link is not None:
            obj, record_id = _parent(org, request, obj, record_id, link)
            continue
        child = org.schema.children(obj.name).get(name.lower())
        if child is None or place < len(names) or not _shown(org, request, child):
            raise not_found()
        if not children:
            raise ApiError("METHOD_NOT_ALLOWED", f"HTTP Method '{request.method}' not allowed. Allowed are GET", 405)
        if not rest.select(request, org, obj, ["Id"], [record_id]):
            raise not_found()
        return obj, record_id, child
    return obj, record_id, None


def _shown(org: Org, request: Request, child: tuple[ObjectType, FieldType]) -> bool:
    return child[0].queryable and org.visible(request.user)(*child) and not org.access.hidden_object(child[0].name)


def _link(org: Org, request: Request, obj: ObjectType, name: str) -> FieldType | None:
    sees = org.visible(request.user)
    return next(
        (
            field
            for field in obj.fields.values()
            if (field.relationship_name or "").lower() == name.lower() and field.reference_to and sees(obj, field)
        ),
        None,
    )


def _parent(org: Org, request: Request, obj: ObjectType, record_id: str, link: FieldType) -> tuple[ObjectType, str]:
    found = rest.select(request, org, obj, ["Id", link.name], [record_id])
    value = found[0].get(link.name) if found else None
    if not value:
        raise not_found()
    targets = [org.schema.object(name) for name in link.reference_to]
    fitting = [target for target in targets if target is not None]
    parent = next((target for target in fitting if target.key_prefix == value[:3]), fitting[0] if fitting else None)
    if parent is None:
        raise not_found()
    return org.object(parent.name), str(value)
