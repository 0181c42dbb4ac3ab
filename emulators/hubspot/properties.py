"""Which properties an object has, and how callers make, change and archive their own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulators.hubspot import bodies, definitions, groups, search_index
from emulators.hubspot.catalog import Definition, Group, ObjectType
from emulators.hubspot.errors import HubError, conflict, invalid
from emulators.hubspot.router import Request, Response, Router, json_response, no_content

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal

MOST, MOST_UNIQUE, MAX_INPUTS = 1000, 10, 100
LATE = (250, 700)  # milliseconds until a new definition is read, observed; not at all where the index is never late
USES = "property_uses"  # state {"0-2/name": ["WORKFLOW/name" ...]}: where else properties are used
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}\Z")
_WORDS = re.compile(r"\w+")
_FIELD_TYPES = {
    "bool": ("booleancheckbox", "calculation_equation"),
    "enumeration": ("select", "radio", "checkbox", "booleancheckbox", "calculation_equation"),
    "date": ("date",),
    "datetime": ("date", "calculation_equation"),
    "string": ("text", "textarea", "html", "file", "phonenumber", "calculation_equation"),
    "number": ("number", "calculation_equation"),
    "phone_number": ("phonenumber",),
}
_NUMBER_HINTS = ("currency", "duration", "formatted", "percentage", "probability", "unformatted")
_SENSITIVITIES = ("non_sensitive", "sensitive", "highly_sensitive")


def routes(router: Router) -> None:
    """The properties API, without its groups."""
    base = "/crm/v3/properties/{object}"
    router.add("GET", base, _list, scopes=groups.READ)
    router.add("POST", base, _create, scopes=groups.WRITE)
    router.add("GET", base + "/{property}", _read, scopes=groups.READ)
    router.add("PATCH", base + "/{property}", _change, scopes=groups.WRITE)
    router.add("DELETE", base + "/{property}", _archive, scopes=groups.WRITE)
    router.add("POST", base + "/batch/read", _batch_read, scopes=groups.READ)
    router.add("POST", base + "/batch/create", _batch_create, scopes=groups.WRITE)
    router.add("POST", base + "/batch/archive", _batch_archive, scopes=groups.WRITE)


def make(portal: Portal, obj: ObjectType, body: Mapping[str, Any], *, at_once: bool = False) -> Definition:
    """A new property, or an archived one of that name restored with its old instant of creation.

    400 for a body that HubSpot does not take, 409 for a name that is there. Readable after the portal's lag.
    """
    made = _made(portal, obj, body)
    with portal.transaction():
        known = definitions.every(portal, obj.type_id)
        old = known.get(made.name)
        if old is not None and not old.archived:
            raise _exists(made.name)
        if old is not None:
            made = replace(made, created_at=old.created_at)
        _refuse_too_many(known, made, obj)
        definitions.put(portal, obj.type_id, made, 0 if at_once else _readable_from(portal))
    return made


def archive(portal: Portal, obj: ObjectType, name: str) -> None:
    """Into the recycling bin; 400 while it is used, 404 when it is not there."""
    with portal.transaction():
        known = _live(portal, obj, name)
        if known.hubspot_defined:
            raise invalid(f"Property {name} is defined by HubSpot and cannot be archived")
        users = _users(portal, obj, name)
        if users:
            raise _in_use(obj, name, users)
        now = portal.now_text()
        definitions.put(portal, obj.type_id, replace(known, archived=True, archived_at=now, updated_at=now))


def load(portal: Portal, path: Path) -> int:
    """properties.json: {object: [definition as the API takes it]}; groups that are not there are made. How many."""
    listed = json.loads(path.read_text(encoding="utf-8"))
    count = 0
    with portal.transaction():
        for spelled, many in listed.items():
            obj = definitions.required_type(portal, spelled)
            for body in many:
                name = body.setdefault("groupName", next(iter(groups.of(portal, obj))))
                if name not in groups.of(portal, obj):
                    groups.put(portal, obj, Group(name, name.replace("_", " ").capitalize()))
                make(portal, obj, body, at_once=True)
                count += 1
    return count


def _readable_from(portal: Portal) -> int:
    return 0 if search_index.lag(portal)[1] == 0 else portal.now_ms() + portal.rng.randint(*LATE)


def _made(portal: Portal, obj: ObjectType, body: Mapping[str, Any]) -> Definition:
    lacking = [key for key in ("name", "label", "type", "fieldType", "groupName") if not _filled(body.get(key))]
    if lacking:
        raise invalid(f"Some required fields were not set: [{', '.join(lacking)}]")
    name, now, user = str(body["name"]), portal.now_text(), str(portal.settings.user_id)
    if not _NAME.match(name) or name.startswith("hs_"):
        text = "it must begin with a letter and hold lower-case letters, digits and underscores; hs_ is reserved"
        raise invalid(f"Property name {name} is invalid: {text}", sub_category="PropertyValidationError.INVALID_NAME")
    blank = Definition(name, "", "", "", "", created_at=now, updated_at=now, created_by=user, updated_by=user)
    made = _with(blank, body) | {
        "unique": body.get("hasUniqueValue") is True,
        "sensitivity": body.get("dataSensitivity") or "non_sensitive",
        "external_options": body.get("externalOptions") is True,
        "referenced": body.get("referencedObjectType") or "",
    }
    found = replace(blank, **made)
    _demand_sound(portal, obj, found)
    return replace(found, calculated=_computed(found), read_only=_computed(found))


def _computed(found: Definition) -> bool:
    return found.field_type == "calculation_equation"


def _filled(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


_CHANGEABLE: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "label": ("label", str),
    "description": ("description", str),
    "groupName": ("group", str),
    "type": ("type", str),
    "fieldType": ("field_type", str),
    "displayOrder": ("display_order", int),
    "hidden": ("hidden", bool),
    "formField": ("form_field", bool),
    "calculationFormula": ("formula", str),
    "numberDisplayHint": ("number_hint", str),
    "textDisplayHint": ("text_hint", str),
    "showCurrencySymbol": ("currency_symbol", bool),
}


def _with(known: Definition, body: Mapping[str, Any]) -> dict[str, Any]:
    """What a body says, as attributes; `options`, when sent, is the whole new list."""
    sent = {name: body[key] for key, (name, _) in _CHANGEABLE.items() if body.get(key) is not None}
    kinds = dict(_CHANGEABLE.values())
    found: dict[str, Any] = {name: _as(kinds[name], name, value) for name, value in sent.items()}
    if body.get("options") is not None:
        sent_options = bodies.objects(body, "options")
        found["options"] = tuple(definitions.option_from(each, order) for order, each in enumerate(sent_options))
    return found


def _as(kind: Callable[[Any], Any], name: str, value: object) -> Any:
    return bodies.whole(value, name) if kind is int else kind(value)


def _demand_sound(portal: Portal, obj: ObjectType, found: Definition) -> None:
    """400 unless type, field type, group, options and hints fit together."""
    if found.type not in _FIELD_TYPES:
        raise invalid(f"Invalid input JSON: type {found.type} is not one of [{', '.join(_FIELD_TYPES)}]")
    if found.field_type not in _FIELD_TYPES[found.type]:
        raise invalid(f"fieldType {found.field_type} is not valid for a property of type {found.type}")
    if found.group not in groups.of(portal, obj):
        raise invalid(f"Property group {found.group} does not exist", sub_category="Properties.GROUP_NOT_FOUND")
    if found.number_hint and found.number_hint not in _NUMBER_HINTS:
        raise invalid(f"numberDisplayHint {found.number_hint} is not one of [{', '.join(_NUMBER_HINTS)}]")
    if found.sensitivity not in _SENSITIVITIES:
        raise invalid(f"dataSensitivity {found.sensitivity} is not one of [{', '.join(_SENSITIVITIES)}]")
    if _computed(found) and not found.formula:
        raise invalid("Calculation properties need a calculationFormula")
    if found.unique and found.type not in ("string", "number"):
        raise invalid("Only string and number properties can have unique values")
    _demand_options(found)


def _demand_options(found: Definition) -> None:
    if found.external_options or _computed(found):
        return
    known = [option.value for option in found.options]
    if found.type == "bool" and sorted(known) != ["false", "true"]:
        raise invalid("Boolean properties must have exactly two options: true and false")
    if found.type == "enumeration" and not known:
        raise invalid("Enumeration properties must have options")
    named = [option.label.lower() for option in found.options]
    if len(set(known)) < len(known) or len(set(named)) < len(named):
        raise invalid("Property option values and labels must be unique", sub_category="PROPERTY_OPTIONS_NOT_UNIQUE")


def _refuse_too_many(known: Mapping[str, Definition], made: Definition, obj: ObjectType) -> None:
    custom = [each for each in known.values() if not each.hubspot_defined and not each.archived]
    if len(custom) >= MOST:
        text = f"The limit of {MOST} custom properties of object type {obj.type_id} has been reached"
        raise invalid(text, sub_category="PropertyLimitError.PROPERTY_LIMIT_EXCEEDED")
    if made.unique and sum(each.unique for each in custom) >= MOST_UNIQUE:
        text = f"The limit of {MOST_UNIQUE} unique properties of object type {obj.type_id} has been reached"
        raise invalid(text, sub_category="PropertyLimitError.UNIQUE_PROPERTY_LIMIT_EXCEEDED")


def _exists(name: str) -> HubError:
    return conflict(
        f"A property named '{name}' already exists.",
        category="OBJECT_ALREADY_EXISTS",
        sub_category="Properties.PROPERTY_WITH_NAME_EXISTS",
    )


def _live(portal: Portal, obj: ObjectType, name: str) -> Definition:
    found = definitions.of(portal, obj.type_id).get(name)
    if found is None:
        raise definitions.unknown_property(name)
    return found


def _users(portal: Portal, obj: ObjectType, name: str) -> list[tuple[str, str]]:
    """(kind, name) of what uses a property: live formulas, and what the portal's state says."""
    formulas = [
        ("CALCULATED_PROPERTY", f"{obj.type_id}/{each.name}")
        for each in definitions.of(portal, obj.type_id).values()
        if name in _WORDS.findall(each.formula)
    ]
    others = (portal.state(USES) or {}).get(f"{obj.type_id}/{name}", ())
    pairs = (each.partition("/") for each in others)
    return formulas + [(kind, parent) for kind, _, parent in pairs]


def _in_use(obj: ObjectType, name: str, users: list[tuple[str, str]]) -> HubError:
    count = len(users)
    return HubError(
        400,
        "VALIDATION_ERROR",
        f"Property: {name} of object type {obj.type_id} is currently used in {count} places and cannot be deleted",
        "PropertyValidationError.CANNOT_DELETE_PROPERTY_IN_USE",
        errors=[
            {
                "message": f"{name} is used by {parent}",
                "subCategory": "PropertyValidationError.PROPERTY_USAGE",
                "context": {"parentType": [kind], "parentName": [parent]},
            }
            for kind, parent in users
        ],
        context={"usageCount": [str(count)]},
    )


def _object(request: Request, portal: Portal) -> ObjectType:
    return definitions.required_type(portal, request.params["object"])


def _listed(portal: Portal, obj: ObjectType, *, archived: bool, sensitivity: str) -> dict[str, Definition]:
    live = definitions.of(portal, obj.type_id)
    found = live if not archived else {n: e for n, e in definitions.every(portal, obj.type_id).items() if e.archived}
    return {name: each for name, each in found.items() if each.sensitivity == (sensitivity or "non_sensitive")}


def _asked(request: Request, portal: Portal, obj: ObjectType) -> dict[str, Definition]:
    return _listed(portal, obj, archived=request.flag("archived"), sensitivity=request.one("dataSensitivity"))


def _list(request: Request, portal: Portal) -> Response:
    found = _asked(request, portal, _object(request, portal))
    return json_response({"results": [definitions.printed(each) for each in found.values()]})


def _read(request: Request, portal: Portal) -> Response:
    name = request.params["property"]
    found = _asked(request, portal, _object(request, portal)).get(name)
    if found is None:
        raise definitions.unknown_property(name)
    return json_response(definitions.printed(found))


def _create(request: Request, portal: Portal) -> Response:
    made = make(portal, _object(request, portal), request.document())
    return json_response(definitions.printed(made), 201, {"Location": f"{request.path.rstrip('/')}/{made.name}"})


def _change(request: Request, portal: Portal) -> Response:
    """Without `options` they stay; with them the list is replaced. Name, uniqueness and sensitivity never change."""
    obj, body = _object(request, portal), request.document()
    with portal.transaction():
        known = _live(portal, obj, request.params["property"])
        changes = _with(known, body)
        if known.hubspot_defined and set(changes) - {"options"}:
            raise invalid(f"The definition of property {known.name} is read only")
        found = replace(known, **changes, updated_at=portal.now_text(), updated_by=str(portal.settings.user_id))
        if not known.hubspot_defined:
            _demand_sound(portal, obj, found)
        definitions.put(portal, obj.type_id, found)
    return json_response(definitions.printed(found))


def _archive(request: Request, portal: Portal) -> Response:
    archive(portal, _object(request, portal), request.params["property"])
    return no_content()


def _inputs(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    sent = body.get("inputs")
    if not isinstance(sent, list) or not all(isinstance(each, Mapping) for each in sent):
        raise invalid("Invalid input JSON: inputs must be a list of objects")
    if len(sent) > MAX_INPUTS:
        raise invalid(f"A batch takes at most {MAX_INPUTS} inputs; {len(sent)} were sent")
    return sent


def _answer(portal: Portal, found: list[Definition], errors: list[HubError], status: int) -> Response:
    now = portal.now_text()
    results = [definitions.printed(each) for each in found]
    answer: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if errors:
        answer |= {"numErrors": len(errors), "errors": [each.item() for each in errors]}
    return json_response(answer, 207 if errors else status)


def _batch_read(request: Request, portal: Portal) -> Response:
    obj, body = _object(request, portal), request.document()
    archived, sensitivity = body.get("archived") is True, str(body.get("dataSensitivity") or "")
    known = _listed(portal, obj, archived=archived, sensitivity=sensitivity)
    names = [str(each.get("name")) for each in _inputs(body)]
    errors = [definitions.unknown_property(name) for name in names if name not in known]
    return _answer(portal, [known[name] for name in names if name in known], errors, 200)


def _batch_create(request: Request, portal: Portal) -> Response:
    """201; 207 when a name is there or one of the inputs is not sound, the others are made all the same."""
    obj = _object(request, portal)
    found, errors = [], []
    for each in _inputs(request.document()):
        try:
            found.append(make(portal, obj, each))
        except HubError as refused:
            errors.append(refused)
    return _answer(portal, found, errors, 201)


def _batch_archive(request: Request, portal: Portal) -> Response:
    """204 for archived and unknown names too; 400 and nothing done when one is in use."""
    obj = _object(request, portal)
    with portal.transaction():
        for each in _inputs(request.document()):
            if str(each.get("name")) in definitions.of(portal, obj.type_id):
                archive(portal, obj, str(each["name"]))
    return no_content()


__all__ = ["LATE", "MOST", "MOST_UNIQUE", "USES", "archive", "load", "make", "routes"]
