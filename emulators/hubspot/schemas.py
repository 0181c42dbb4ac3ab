"""Which custom objects the portal has, and how callers make, change and archive them; Enterprise only."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulators.hubspot import bodies, definitions, labels, properties
from emulators.hubspot.catalog import OBJECTS, ObjectType
from emulators.hubspot.errors import HubError, conflict, invalid, not_found
from emulators.hubspot.router import DATED, Request, Response, Router, json_response, no_content

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal

MOST = 20  # custom objects; seen in developer test accounts
_FIRST = 30_100_001
_READ = ("crm.schemas.custom.read", "crm.schemas.custom.write", "crm.objects.custom.read")
_WRITE = ("crm.schemas.custom.write",)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,49}\Z")
_MANY = {"cardinality": "ONE_TO_MANY", "inverseCardinality": "ONE_TO_MANY"}  # recorded of custom objects
_CHANGEABLE = (
    "labels", "description", "primaryDisplayProperty", "secondaryDisplayProperties", "requiredProperties",
    "searchableProperties",
)  # fmt: skip


def routes(router: Router) -> None:
    """The schemas API under its own path and under the old one."""
    base = "/crm-object-schemas/v3/schemas"
    one = base + "/{schema}"
    router.add("GET", base, _list, scopes=_READ)
    router.add("POST", base, _create, scopes=_WRITE)
    router.add("GET", one, _read, scopes=_READ)
    router.add("PATCH", one, _change, scopes=_WRITE)
    router.add("DELETE", one, _archive, scopes=_WRITE)
    router.add("POST", one + "/associations", _associate, scopes=_WRITE)
    router.add("DELETE", one + "/associations/{kind}", _dissociate, scopes=_WRITE)
    router.add("POST", base + "/batch/read", _several, scopes=_READ)
    for method, tail, handler in (("GET", "", _list), ("POST", "", _create), ("GET", "/{schema}", _read)):
        scopes = _READ if method == "GET" else _WRITE
        router.add(method, "/crm/v3/schemas" + tail, handler, scopes=scopes, dated=False)


def make(portal: Portal, body: Mapping[str, Any]) -> dict[str, Any]:
    """A new custom object with its properties and associations: the kept schema. 400 and 409 as HubSpot refuses."""
    name = bodies.text(body, "name")
    _demand_sound(portal, name, body)
    with portal.transaction() as connection:
        number = _number(portal, body)
        now = portal.now_text()
        labels_ = bodies.mapping(body, "labels")
        kept = {
            "id": str(number),
            "objectTypeId": f"2-{number}",
            "name": name,
            "fullyQualifiedName": f"p{portal.settings.portal_id}_{name}",
            "labels": {each: bodies.text(labels_, each, name) for each in ("singular", "plural")},
            "description": bodies.text(body, "description"),
            "primaryDisplayProperty": bodies.text(body, "primaryDisplayProperty"),
            "secondaryDisplayProperties": bodies.texts(body, "secondaryDisplayProperties"),
            "requiredProperties": bodies.texts(body, "requiredProperties"),
            "searchableProperties": bodies.texts(body, "searchableProperties"),
            "createdAt": now,
            "updatedAt": now,
            "createdByUserId": portal.settings.user_id,
            "updatedByUserId": portal.settings.user_id,
        }
        connection.execute("INSERT INTO custom_object VALUES (?, ?, ?, 0)", (number, name, json.dumps(kept)))
        definitions.changed(portal)
        obj = definitions.custom_type(portal, kept)
        for each in bodies.objects(body, "properties"):
            properties.make(portal, obj, {"groupName": f"{name}_information", **each}, at_once=True)
        for other in bodies.texts(body, "associatedObjects"):
            labels.make_plain(portal, obj, _target(portal, other))
    return kept


def load(portal: Portal, path: Path) -> int:
    """schemas.json: [schema as the API takes it, `objectTypeId` when it must be a certain one]. How many."""
    listed = json.loads(path.read_text(encoding="utf-8"))
    with portal.transaction():
        for each in listed:
            make(portal, each)
    return len(listed)


def _number(portal: Portal, body: Mapping[str, Any]) -> int:
    given = str(body.get("objectTypeId") or "")
    if given.startswith("2-") and given[2:].isdecimal():
        return int(given[2:])
    (last,) = portal.connection.execute("SELECT MAX(number) FROM custom_object").fetchone()
    return _FIRST if last is None else max(_FIRST, int(last) + 1)


def _demand_sound(portal: Portal, name: str, body: Mapping[str, Any]) -> None:
    if not _NAME.match(name):
        raise invalid(
            f"invalid object type name {name}", sub_category="InboundDbObjectTypeError.OBJECT_TYPE_NAME_FORMAT"
        )
    words = body.get("labels")
    if not isinstance(words, Mapping) or not words.get("singular") or not words.get("plural"):
        raise invalid("Some required fields were not set: [labels]")
    primary = bodies.text(body, "primaryDisplayProperty")
    if not primary:
        code = "ObjectSchemaError.PRIMARY_DISPLAY_PROPERTY_REQUIRED"
        raise invalid("A primary display property is required", sub_category=code)
    known = definitions.custom_objects(portal)
    if any(each.name.lower() == name.lower() for each in known):
        raise conflict(
            f"{name} already exists",
            category="OBJECT_ALREADY_EXISTS",
            sub_category="InboundDbObjectTypeError.OBJECT_TYPE_ALREADY_EXIST",
        )
    if len(known) >= MOST:
        raise invalid(f"The limit of {MOST} custom objects has been reached")
    own = {str(each.get("name")) for each in bodies.objects(body, "properties")}
    for key in ("primaryDisplayProperty", "requiredProperties", "searchableProperties", "secondaryDisplayProperties"):
        lacking = [each for each in _named(body, key) if each not in own]
        if lacking:
            raise invalid(f"Invalid {key}: {', '.join(lacking)}", sub_category="ObjectSchemaError.INVALID_PROPERTIES")


def _named(body: Mapping[str, Any], key: str) -> list[str]:
    """The properties that one of the four keys names."""
    return bodies.texts(body, key) if key != "primaryDisplayProperty" else [bodies.text(body, key)] * (key in body)


def _target(portal: Portal, spelled: str) -> ObjectType:
    found = definitions.object_type(portal, spelled)
    if found is None:
        raise invalid(f"Invalid associated object type {spelled}")
    return found


def _printed(portal: Portal, kept: Mapping[str, Any], *, archived: bool = False) -> dict[str, Any]:
    type_id = kept["objectTypeId"]
    known = definitions.of(portal, type_id).values()
    return {
        **kept,
        "metaType": "PORTAL_SPECIFIC",
        "restorable": True,
        "archived": archived,
        "properties": [definitions.printed(each) for each in known],
        "associations": _associations(portal, type_id),
    }


def _told(request: Request, printed: dict[str, Any]) -> dict[str, Any]:
    """Dated versions tell one thing more; the older ones did not when they were recorded."""
    return printed | {"allowsSensitiveProperties": False} if request.version in DATED else printed


def _associations(portal: Portal, type_id: str) -> list[dict[str, Any]]:
    """Both directions, as HubSpot lists them."""
    rows = portal.connection.execute(
        "SELECT id, from_type, to_type, name FROM label WHERE ? IN (from_type, to_type) ORDER BY id", (type_id,)
    )
    return [
        {"id": str(number), "fromObjectTypeId": one, "toObjectTypeId": other, "name": name, **_MANY,
         "createdAt": None, "updatedAt": None}
        for number, one, other, name in rows
    ]  # fmt: skip


def _demand_edition(portal: Portal, scope: str) -> None:
    """403 in a portal that cannot have custom objects: its tokens never have their scopes."""
    if not portal.settings.has("custom_objects"):
        text = "This app hasn't been granted all required scopes to make this call."
        errors = [{"message": text, "context": {"requiredGranularScopes": [scope]}}]
        raise HubError(403, "MISSING_SCOPES", text, errors=errors)


def _kept(portal: Portal, spelled: str) -> dict[str, Any]:
    obj = definitions.object_type(portal, spelled)
    if obj is None:
        raise not_found(f"Object type {spelled} does not exist")
    if obj.custom:
        return _read_kept(portal, obj)
    return {
        "id": obj.type_id.partition("-")[2],
        "objectTypeId": obj.type_id,
        "name": obj.qualified,
        "fullyQualifiedName": obj.qualified,
        "labels": {"singular": obj.label, "plural": obj.plural_label},
        "primaryDisplayProperty": obj.primary,
        "secondaryDisplayProperties": [],
        "requiredProperties": list(obj.required),
        "searchableProperties": [obj.primary],
        "createdAt": "1970-01-01T00:00:00Z",
        "updatedAt": "1970-01-01T00:00:00Z",
    }


def _read_kept(portal: Portal, obj: ObjectType) -> dict[str, Any]:
    row = portal.connection.execute(
        "SELECT body FROM custom_object WHERE number = ?", (int(obj.type_id[2:]),)
    ).fetchone()
    found: dict[str, Any] = json.loads(row[0])
    return found


def _custom(portal: Portal, spelled: str) -> ObjectType:
    obj = definitions.object_type(portal, spelled)
    if obj is None or not obj.custom:
        raise invalid("Invalid object or event type id")
    return obj


def _list(request: Request, portal: Portal) -> Response:
    _demand_edition(portal, _READ[0])
    archived = request.flag("archived")
    rows = portal.connection.execute(
        "SELECT body FROM custom_object WHERE archived = ? ORDER BY number", (int(archived),)
    ).fetchall()
    return json_response(
        {"results": [_told(request, _printed(portal, json.loads(body), archived=archived)) for (body,) in rows]}
    )


def _create(request: Request, portal: Portal) -> Response:
    _demand_edition(portal, _WRITE[0])
    return json_response(_told(request, _printed(portal, make(portal, request.document()))), 201)


def _read(request: Request, portal: Portal) -> Response:
    _demand_edition(portal, _READ[0])
    kept = _kept(portal, request.params["schema"])
    found = _told(request, _printed(portal, kept))
    if any(each.type_id == kept["objectTypeId"] for each in OBJECTS):
        found["metaType"] = "HUBSPOT"
    return json_response(found)


def _change(request: Request, portal: Portal) -> Response:
    """200 with the definition alone, without properties and associations."""
    _demand_edition(portal, _WRITE[0])
    body = request.document()
    with portal.transaction() as connection:
        obj = _custom(portal, request.params["schema"])
        kept = _read_kept(portal, obj)
        known = definitions.of(portal, obj.type_id)
        for key in ("primaryDisplayProperty", "requiredProperties", "searchableProperties"):
            lacking = [each for each in _named(body, key) if each not in known]
            if lacking:
                raise invalid(f"Invalid {key}: {', '.join(lacking)}")
        kept |= {key: body[key] for key in _CHANGEABLE if key in body and key != "labels"}
        kept["labels"] |= {each: str(word) for each, word in bodies.mapping(body, "labels").items()}
        kept["updatedAt"] = portal.now_text()
        connection.execute("UPDATE custom_object SET body = ? WHERE number = ?", (json.dumps(kept), int(kept["id"])))
        definitions.changed(portal)
    return json_response({**kept, "archived": False, "portalId": portal.settings.portal_id})


def _archive(request: Request, portal: Portal) -> Response:
    """204; 400 while it has records. `archived=true` purges one that is archived."""
    _demand_edition(portal, _WRITE[0])
    with portal.transaction() as connection:
        if request.flag("archived"):
            number = request.params["schema"].partition("-")[2]
            done = connection.execute("DELETE FROM custom_object WHERE number = ? AND archived = 1", (number,))
            if not done.rowcount:
                raise invalid("Couldn't find soft-deleted object type(s)")
        else:
            obj = _custom(portal, request.params["schema"])
            row = connection.execute(
                "SELECT 1 FROM record WHERE type = ? AND archived IS NULL", (obj.type_id,)
            ).fetchone()
            if row is not None:
                text = f"Object type {obj.type_id} cannot be deleted until all object records are deleted"
                raise invalid(text, sub_category="ObjectSchemaError.EXISTING_OBJECT_RECORDS")
            connection.execute("UPDATE custom_object SET archived = 1 WHERE number = ?", (int(obj.type_id[2:]),))
        definitions.changed(portal)
    return no_content()


def _associate(request: Request, portal: Portal) -> Response:
    """201: the custom object and another one can be associated from now on."""
    _demand_edition(portal, _WRITE[0])
    body = request.document()
    with portal.transaction():
        obj = _custom(portal, request.params["schema"])
        other = _target(portal, str(body.get("toObjectTypeId") or ""))
        number = labels.make_plain(portal, obj, other, str(body.get("name") or ""))
    found = next(each for each in _associations(portal, obj.type_id) if each["id"] == str(number))
    return json_response(found, 201)


def _dissociate(request: Request, portal: Portal) -> Response:
    """204, also for a kind that is not there; what was associated by it no longer is."""
    _demand_edition(portal, _WRITE[0])
    number = request.params["kind"]
    with portal.transaction() as connection:
        obj = _custom(portal, request.params["schema"])
        text = "SELECT id, inverse FROM label WHERE CAST(id AS TEXT) = ? AND ? IN (from_type, to_type)"
        for each in connection.execute(text, (number, obj.type_id)).fetchone() or ():
            connection.execute("DELETE FROM label WHERE id = ?", (each,))
            connection.execute("DELETE FROM association WHERE category = ? AND kind = ?", (labels.USERS, each))
    return no_content()


def _several(request: Request, portal: Portal) -> Response:
    """The custom objects of `inputs`; 404 when one of them is not there."""
    _demand_edition(portal, _READ[0])
    body, now = request.document(), portal.now_text()
    if body.get("inputs") is None:
        raise invalid("Some required fields were not set: [inputs]")
    found = [_told(request, _printed(portal, _kept(portal, each))) for each in bodies.texts(body, "inputs")]
    for each in found:
        for key, shown in (("properties", "Property"), ("associations", "Association")):
            if not body.get(f"include{shown}Definitions"):
                each[key] = []
    return json_response({"status": "COMPLETE", "results": found, "startedAt": now, "completedAt": now})
