"""The endpoints of single records: list, read, create, change, archive, merge, privacy delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulators.hubspot import changes, later, merge, records, writing
from emulators.hubspot.definitions import ObjectType
from emulators.hubspot.errors import invalid, not_found
from emulators.hubspot.portal import Portal
from emulators.hubspot.presenting import Wanted, documents, named_object, updated, wanted, written
from emulators.hubspot.records import Record
from emulators.hubspot.router import Request, Response, Router, json_response, no_content

BASE = "/crm/v3/objects/{object}"
READ, WRITE = ("crm.objects.{object}.read",), ("crm.objects.{object}.write",)
MAX_PAGE, MAX_PAGE_HISTORY = 100, 50


def routes(router: Router) -> None:
    """Records of every object."""
    router.add("GET", BASE, list_page, scopes=READ)
    router.add("POST", BASE, create, scopes=WRITE)
    router.add("GET", BASE + "/{id}", read, scopes=READ)
    router.add("PATCH", BASE + "/{id}", update, scopes=WRITE)
    router.add("DELETE", BASE + "/{id}", archive, scopes=WRITE)
    router.add("POST", BASE + "/merge", merge_two, scopes=WRITE)
    router.add("POST", BASE + "/gdpr-delete", forget, scopes=WRITE)
    # in no reference, but clients in use page through records there, and get what version 3 tells
    router.add("GET", "/crm/v4/objects/{object}", list_page, scopes=READ, dated=False)
    router.add("GET", "/crm/v4/objects/{object}/{id}", read, scopes=READ, dated=False)


def list_page(request: Request, portal: Portal) -> Response:
    """A page by ascending id; `paging` only while there is more."""
    obj = named_object(portal, request.params["object"])
    histories = request.many("propertiesWithHistory")
    limit = request.number("limit", 10, most=MAX_PAGE_HISTORY if histories else MAX_PAGE)
    after = _cursor(request.one("after"))
    want = _wanted(request, portal, obj)
    found = records.page(portal.connection, obj.type_id, after, limit + 1, archived=request.flag("archived"))
    answer: dict[str, Any] = {"results": documents(portal, found[:limit], want)}
    if len(found) > limit:
        answer["paging"] = {"next": _next(request, found[limit].id)}
    return json_response(answer)


def read(request: Request, portal: Portal) -> Response:
    """One record by id or by a unique property; a merged record's id leads to its survivor."""
    obj = named_object(portal, request.params["object"])
    found = find(portal, obj, request.params["id"], request.one("idProperty"), archived=request.flag("archived"))
    return json_response(documents(portal, [found], _wanted(request, portal, obj))[0])


def create(request: Request, portal: Portal) -> Response:
    """201 with the sent properties and what HubSpot filled in."""
    obj, body = named_object(portal, request.params["object"]), request.document()
    new = writing.New(sent_properties(body), _list(body.get("associations")))
    record, names = writing.create(portal, obj, [new], writing.Actor.app(portal))[0]
    return json_response(written(portal, record, obj, names), 201)


def update(request: Request, portal: Portal) -> Response:
    """200 with the sent properties and what changed with them."""
    obj, body = named_object(portal, request.params["object"]), request.document()
    record_id = find(portal, obj, request.params["id"], request.one("idProperty")).id
    changes = [(record_id, sent_properties(body))]
    done, missing = writing.update(portal, obj, changes, writing.Actor.app(portal))
    if missing:
        raise not_found()
    return json_response(updated(portal, done[0][0], obj, done[0][1]))


def archive(request: Request, portal: Portal) -> Response:
    """204, for ids that nobody has too."""
    writing.archive(portal, named_object(portal, request.params["object"]), [request.params["id"]])
    return no_content()


def merge_two(request: Request, portal: Portal) -> Response:
    """200 with the survivor."""
    obj, body = named_object(portal, request.params["object"]), request.document()
    if not (obj.mergeable or obj.custom):
        raise merge.refuse(obj)
    primary, other = str(body.get("primaryObjectId", "")), str(body.get("objectIdToMerge", ""))
    record = merge.merge(portal, obj, primary, other, writing.Actor.app(portal))
    return json_response(written(portal, record, obj, record.properties))


def forget(request: Request, portal: Portal) -> Response:
    """204: the record and its history are gone for good."""
    obj, body = named_object(portal, request.params["object"]), request.document()
    found = find(portal, obj, str(body.get("objectId", "")), str(body.get("idProperty") or ""))
    with portal.transaction() as connection:
        changes.about(portal, connection, changes.Kind.PRIVACY, [found])
        later.remove(portal, connection, obj.type_id, [found.id])
    return no_content()


def find(portal: Portal, obj: ObjectType, spelled: str, id_property: str = "", *, archived: bool = False) -> Record:
    """The record of an id or of a unique value; 404 when there is none, or none that is (not) archived."""
    connection = portal.connection
    if id_property and id_property != "hs_object_id":
        demand_unique(portal, obj, id_property)
        spelled = records.holder(connection, obj.type_id, id_property, spelled) or ""
    else:
        spelled = merge.survivor(connection, obj.type_id, spelled)
    found = records.read(connection, obj.type_id, [spelled]).get(spelled)
    if found is None or (found.archived is not None) is not archived:
        raise not_found()
    return found


def demand_unique(portal: Portal, obj: ObjectType, name: str) -> None:
    """400 for an idProperty that does not tell records apart."""
    if name not in writing.unique_names(portal, obj):
        raise invalid(f"Property '{name}' is not a unique property of {obj.singular.upper()}")


def sent_properties(body: Mapping[str, Any]) -> dict[str, Any]:
    """The `properties` of a write."""
    found = body.get("properties")
    if not isinstance(found, dict):
        raise invalid("Invalid input JSON: properties must be an object")
    return dict(found)


def _wanted(request: Request, portal: Portal, obj: ObjectType) -> Wanted:
    return wanted(
        portal, obj, request.many("properties"), request.many("propertiesWithHistory"), request.many("associations")
    )


def _cursor(text: str) -> int:
    if not text:
        return 0
    if not text.isdecimal() or len(text) > 18:
        raise invalid(f"The paging cursor is not valid: '{text}'")
    return int(text) - 1  # the cursor names the first record of the page


def _next(request: Request, after: str) -> dict[str, str]:
    from urllib.parse import urlencode

    pairs = [(name, value) for name, values in request.query.items() if name != "after" for value in values]
    return {"after": after, "link": f"{request.base_url}{request.path}?{urlencode([*pairs, ('after', after)])}"}


def _list(value: Any) -> list[Mapping[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise invalid("Invalid input JSON: associations must be a list of objects")
    return list(value)
