"""Under which headings an object's properties are shown."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from emulators.hubspot import catalog, definitions
from emulators.hubspot.bodies import whole
from emulators.hubspot.catalog import Group, ObjectType
from emulators.hubspot.errors import HubError, conflict, invalid, not_found
from emulators.hubspot.router import Request, Response, Router, json_response, no_content

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal

DDL = """
CREATE TABLE IF NOT EXISTS property_group (
  type TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (type, name));
"""
READ = (
    "crm.schemas.{object}.read", "crm.objects.{object}.read", "crm.objects.{object}.write",
    "crm.schemas.{object}.write",
)  # fmt: skip
WRITE = ("crm.schemas.{object}.write",)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}\Z")


def routes(router: Router) -> None:
    """The groups of the properties API."""
    base = "/crm/v3/properties/{object}/groups"
    router.add("GET", base, _list, scopes=READ)
    router.add("POST", base, _create, scopes=WRITE)
    router.add("GET", base + "/{group}", _read, scopes=READ)
    router.add("PATCH", base + "/{group}", _change, scopes=WRITE)
    router.add("DELETE", base + "/{group}", _archive, scopes=WRITE)


def of(portal: Portal, obj: ObjectType) -> dict[str, Group]:
    """The object's groups by name; archived ones are gone for all but `put`."""
    own = _custom_group(obj) if obj.custom else catalog.groups(obj.name)
    found = {each.name: each for each in own}
    rows = portal.connection.execute("SELECT body FROM property_group WHERE type = ? ORDER BY rowid", (obj.type_id,))
    for (body,) in rows:
        group = Group(**json.loads(body))
        found[group.name] = group
    return {name: each for name, each in found.items() if not each.archived}


def put(portal: Portal, obj: ObjectType, group: Group) -> None:
    """Keep a group in place of the one of that name."""
    with portal.transaction() as connection:
        values = (obj.type_id, group.name, json.dumps(asdict(group)))
        connection.execute("INSERT OR REPLACE INTO property_group VALUES (?, ?, ?)", values)


def _custom_group(obj: ObjectType) -> tuple[Group, ...]:
    return (Group(f"{obj.name}_information", f"{obj.label} Information", 0),)


def _printed(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "label": group.label,
        "displayOrder": group.display_order,
        "archived": group.archived,
    }


def _one(portal: Portal, obj: ObjectType, name: str) -> Group:
    found = of(portal, obj).get(name)
    if found is None:
        raise not_found(f"Property group {name} does not exist")
    return found


def _object(request: Request, portal: Portal) -> ObjectType:
    return definitions.required_type(portal, request.params["object"])


def _list(request: Request, portal: Portal) -> Response:
    return json_response({"results": [_printed(each) for each in of(portal, _object(request, portal)).values()]})


def _read(request: Request, portal: Portal) -> Response:
    return json_response(_printed(_one(portal, _object(request, portal), request.params["group"])))


def _create(request: Request, portal: Portal) -> Response:
    obj, body = _object(request, portal), request.document()
    name, label = body.get("name"), body.get("label")
    if not isinstance(name, str) or not isinstance(label, str) or not label:
        raise invalid("Some required fields were not set: [name, label]")
    if not _NAME.match(name):
        raise invalid(f"Invalid property group name {name}: lower-case letters, digits and underscores only")
    with portal.transaction():
        if name in of(portal, obj):
            raise conflict(
                f"A property group named '{name}' already exists.",
                category="OBJECT_ALREADY_EXISTS",
                sub_category="Properties.GROUP_WITH_NAME_EXISTS",
            )
        group = Group(name, label, whole(body.get("displayOrder"), "displayOrder", -1))
        put(portal, obj, group)
    return json_response(_printed(group), 201, {"Location": f"{request.path.rstrip('/')}/{name}"})


def _change(request: Request, portal: Portal) -> Response:
    obj, body = _object(request, portal), request.document()
    with portal.transaction():
        known = _one(portal, obj, request.params["group"])
        label = str(body.get("label") or known.label)
        group = Group(known.name, label, whole(body.get("displayOrder"), "displayOrder", known.display_order))
        put(portal, obj, group)
    return json_response(_printed(group))


def _archive(request: Request, portal: Portal) -> Response:
    """204; 400 with one error inside another's message while it has active properties."""
    obj = _object(request, portal)
    with portal.transaction():
        group = _one(portal, obj, request.params["group"])
        if any(each.group == group.name for each in definitions.of(portal, obj.type_id).values()):
            raise _in_use(request)
        put(portal, obj, Group(group.name, group.label, group.display_order, archived=True))
    return no_content()


def _in_use(request: Request) -> HubError:
    code = "PropertyGroupError.GROUP_WITH_ACTIVE_PROPERTIES"
    inner = {
        "status": "error",
        "message": "Can't delete or purge a group with active properties",
        "correlationId": request.correlation_id,
        "category": "VALIDATION_ERROR",
        "subCategory": code,
    }
    return invalid(json.dumps(inner, separators=(",", ":")), sub_category=code)
