"""The endpoints by which associations are read, made and removed: v4 and dated ones, and v3's batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emulators.hubspot import associations, definitions, labels
from emulators.hubspot.associations import Link
from emulators.hubspot.catalog import ObjectType
from emulators.hubspot.errors import HubError, invalid
from emulators.hubspot.portal import Portal
from emulators.hubspot.router import Request, Response, Router, json_response, no_content

MAX_READ, MAX_CREATE, MAX_DEFAULT, PAGE = 1000, 2000, 2000, 500
PAGE_STATE = "association_page"  # the portal's state of that name overrides PAGE
_READ = ("crm.objects.{object}.read", "crm.objects.{object}.write")
_WRITE = ("crm.objects.{object}.write",)
_Ends = tuple[ObjectType, ObjectType]


def routes(router: Router) -> None:
    """Every path of associations; v3's have no dated form."""
    record = "/crm/v4/objects/{object}/{id}/associations"
    router.add("GET", record + "/{to}", _read_one, scopes=_READ)
    router.add("PUT", record + "/{to}/{to_id}", _put_one, scopes=_WRITE)
    router.add("DELETE", record + "/{to}/{to_id}", _delete_one, scopes=_WRITE)
    router.add("PUT", record + "/default/{to}/{to_id}", _put_default, scopes=_WRITE)
    batch = "/crm/v4/associations/{object}/{to}/batch"
    router.add("POST", batch + "/read", _batch_read, scopes=_READ)
    for path, handler in (
        ("/create", _batch_create),
        ("/associate/default", _batch_default),
        ("/archive", _batch_archive),
        ("/labels/archive", _batch_archive_labels),
    ):
        router.add("POST", batch + path, handler, scopes=_WRITE)
    old = "/crm/v3/associations/{object}/{to}/batch"
    router.add("POST", old + "/read", _old_read, scopes=_READ, dated=False)
    router.add("POST", old + "/create", _old_create, scopes=_WRITE, dated=False)
    router.add("POST", old + "/archive", _old_archive, scopes=_WRITE, dated=False)
    router.add("GET", "/crm/v3/associations/{object}/{to}/types", _old_types, scopes=_READ, dated=False)
    router.add("GET", "/crm/v3/objects/{object}/{id}/associations/{to}", _old_read_one, scopes=_READ, dated=False)


def _ends(request: Request, portal: Portal) -> _Ends:
    one = definitions.required_type(portal, request.params["object"])
    return one, definitions.required_type(portal, request.params["to"])


def _grouped(links: Sequence[Link]) -> list[dict[str, Any]]:
    """v4's form: one entry a record, ids as numbers, its labels as `associationTypes`."""
    found: dict[str, dict[str, Any]] = {}
    for link in links:
        entry = found.setdefault(link.to_id, {"toObjectId": int(link.to_id), "associationTypes": []})
        entry["associationTypes"].append({"category": link.category, "typeId": link.type_id, "label": link.label})
    return list(found.values())


def _old_types(request: Request, portal: Portal) -> Response:
    """v3's names of the kinds."""
    one, other = _ends(request, portal)
    found = [
        {"id": str(kind.type_id), "name": kind.name} for kind in labels.kinds(portal, one.type_id, other.type_id)
    ]
    return json_response({"results": found})


def _page(entries: list[dict[str, Any]], after: str, limit: int) -> tuple[list[dict[str, Any]], str]:
    """The entries that come after an id, and the cursor for more; no text when that was all."""
    if after and not (after.isdecimal() and len(after) <= 18):
        raise invalid(f"Invalid paging cursor: {after}")
    rest = [each for each in entries if not after or int(each["toObjectId"]) > int(after)]
    return rest[:limit], str(rest[limit - 1]["toObjectId"]) if len(rest) > limit else ""


def _read_one(request: Request, portal: Portal) -> Response:
    one, other = _ends(request, portal)
    record_id = request.params["id"]
    associations.require(portal, one.type_id, [record_id])
    limit = request.number("limit", int(portal.state(PAGE_STATE) or PAGE), most=PAGE)
    links = associations.of(portal, one.type_id, [record_id], other.type_id).get(record_id, ())
    entries, after = _page(_grouped(links), request.one("after"), limit)
    found: dict[str, Any] = {"results": entries}
    if after:
        link = f"{request.base_url}{request.path}?limit={limit}&after={after}"
        found["paging"] = {"next": {"after": after, "link": link}}
    return json_response(found)


def _put_one(request: Request, portal: Portal) -> Response:
    """201 with the labels that join the two by now."""
    ends, types = _ends(request, portal), _types(request.json())
    return json_response(_join(portal, ends, request.params["id"], request.params["to_id"], types), 201)


def _put_default(request: Request, portal: Portal) -> Response:
    ends = _ends(request, portal)
    found = _join_default(portal, ends, request.params["id"], request.params["to_id"])
    return json_response(_batch(portal, found))


def _delete_one(request: Request, portal: Portal) -> Response:
    one, other = _ends(request, portal)
    record_id, to_id = request.params["id"], request.params["to_id"]
    if all(each.isdecimal() and len(each) <= 18 for each in (record_id, to_id)):
        associations.remove(portal, one.type_id, record_id, other.type_id, to_id)
    return no_content()


def _join(portal: Portal, ends: _Ends, from_id: str, to_id: str, types: Sequence[tuple[str, int]]) -> dict[str, Any]:
    one, other = ends
    associations.require(portal, one.type_id, [from_id])
    associations.require(portal, other.type_id, [to_id])
    associations.add(portal, one.type_id, from_id, other.type_id, to_id, types)
    links = associations.of(portal, one.type_id, [from_id], other.type_id).get(from_id, ())
    return {
        "fromObjectTypeId": one.type_id,
        "fromObjectId": int(from_id),
        "toObjectTypeId": other.type_id,
        "toObjectId": int(to_id),
        "labels": [link.label for link in links if link.to_id == to_id and link.label],
    }


def _join_default(portal: Portal, ends: _Ends, from_id: str, to_id: str) -> list[dict[str, Any]]:
    """Both directions."""
    _join(portal, ends, from_id, to_id, ())
    kind = labels.plain(portal, ends[0].type_id, ends[1].type_id)
    assert kind is not None  # else _join had refused
    pairs = ((from_id, to_id, kind.type_id), (to_id, from_id, kind.inverse))
    return [
        {
            "from": {"id": source},
            "to": {"id": target},
            "associationSpec": {"associationCategory": kind.category, "associationTypeId": number},
        }
        for source, target, number in pairs
    ]


def _types(sent: object) -> list[tuple[str, int]]:
    if not isinstance(sent, list) or not sent:
        raise invalid("Invalid input JSON: at least one association type is needed")
    found: list[tuple[str, int]] = []
    for each in sent:
        category = each.get("associationCategory") if isinstance(each, Mapping) else None
        number = each.get("associationTypeId") if isinstance(each, Mapping) else None
        if category not in ("HUBSPOT_DEFINED", "USER_DEFINED", "INTEGRATOR_DEFINED", "WORK"):
            raise invalid("Invalid input JSON: associationCategory must be HUBSPOT_DEFINED or USER_DEFINED")
        if not isinstance(number, int) or isinstance(number, bool):
            raise invalid("Invalid input JSON: associationTypeId must be a number")
        found.append((str(category), number))
    return found


def _inputs(request: Request, most: int) -> list[Mapping[str, Any]]:
    sent = request.document().get("inputs")
    if not isinstance(sent, list) or not all(isinstance(each, Mapping) for each in sent):
        raise invalid("Invalid input JSON: inputs must be a list of objects")
    if len(sent) > most:
        raise invalid(f"A batch of associations takes at most {most} inputs; {len(sent)} were sent")
    return sent


def _id(each: Mapping[str, Any], name: str) -> str:
    end = each.get(name)
    found = str(end.get("id", "")) if isinstance(end, Mapping) else ""
    if not found.isdecimal() or len(found) > 18:
        raise invalid(f"Invalid input JSON: {name}.id must be the id of a record")
    return found


def _batch(portal: Portal, results: list[dict[str, Any]], errors: Sequence[HubError] = ()) -> dict[str, Any]:
    now = portal.now_text()
    found: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if errors:
        found |= {"numErrors": len(errors), "errors": [each.item() for each in errors]}
    return found


def _answer(portal: Portal, results: list[dict[str, Any]], errors: Sequence[HubError], status: int) -> Response:
    portal.rng.shuffle(results)
    return json_response(_batch(portal, results, errors), 207 if errors else status)


def _nothing(ends: _Ends, record_id: str) -> HubError:
    one, other = ends
    return HubError(
        404,
        "OBJECT_NOT_FOUND",
        f"No {other.singular} is associated with {one.singular} {record_id}.",
        "crm.associations.NO_ASSOCIATIONS_FOUND",
        context={
            "fromObjectId": [record_id],
            "fromObjectType": [one.singular],
            "toObjectType": [other.singular],
        },
    )


def _batch_read(request: Request, portal: Portal) -> Response:
    """Records without associations are not among the results but among the errors, with 207."""
    ends = _ends(request, portal)
    inputs = _inputs(request, MAX_READ)
    cursors = {_id({"from": each}, "from"): str(each.get("after") or "") for each in inputs}
    limit = int(portal.state(PAGE_STATE) or PAGE)
    links = associations.of(portal, ends[0].type_id, cursors, ends[1].type_id)
    results, errors = [], []
    for record_id, cursor in cursors.items():
        entries, after = _page(_grouped(links.get(record_id, ())), cursor, limit)
        if not entries:
            errors.append(_nothing(ends, record_id))
            continue
        result: dict[str, Any] = {"from": {"id": record_id}, "to": entries}
        if after:
            result["paging"] = {"next": {"after": after}}
        results.append(result)
    return _answer(portal, results, errors, 200)


def _batch_create(request: Request, portal: Portal) -> Response:
    ends = _ends(request, portal)
    results, errors = [], []
    with portal.transaction():
        for each in _inputs(request, MAX_CREATE):
            types = _types(each.get("types"))
            try:
                results.append(_join(portal, ends, _id(each, "from"), _id(each, "to"), types))
            except HubError as refused:
                if refused.status != 404:
                    raise
                errors.append(refused)
    return _answer(portal, results, errors, 201)


def _batch_default(request: Request, portal: Portal) -> Response:
    ends = _ends(request, portal)
    results, errors = [], []
    with portal.transaction():
        for each in _inputs(request, MAX_DEFAULT):
            try:
                results += _join_default(portal, ends, _id(each, "from"), _id(each, "to"))
            except HubError as refused:
                if refused.status != 404:
                    raise
                errors.append(refused)
    return _answer(portal, results, errors, 200)


def _batch_archive(request: Request, portal: Portal) -> Response:
    one, other = _ends(request, portal)
    with portal.transaction():
        for each in _inputs(request, MAX_CREATE):
            targets = each.get("to")
            for target in targets if isinstance(targets, list) else [targets]:
                pair = (one.type_id, _id(each, "from"), other.type_id, _id({"to": target}, "to"))
                associations.remove(portal, *pair)
    return no_content()


def _batch_archive_labels(request: Request, portal: Portal) -> Response:
    one, other = _ends(request, portal)
    with portal.transaction():
        for each in _inputs(request, MAX_CREATE):
            pair = (one.type_id, _id(each, "from"), other.type_id, _id(each, "to"))
            associations.take_labels(portal, *pair, _types(each.get("types")))
    return no_content()


def _old(links: Sequence[Link]) -> list[dict[str, str]]:
    return [{"id": link.to_id, "type": link.name} for link in links]


def _old_read_one(request: Request, portal: Portal) -> Response:
    one, other = _ends(request, portal)
    record_id = request.params["id"]
    associations.require(portal, one.type_id, [record_id])
    found = associations.of(portal, one.type_id, [record_id], other.type_id).get(record_id, ())
    return json_response({"results": _old(found)})


def _old_read(request: Request, portal: Portal) -> Response:
    ends = _ends(request, portal)
    ids = [_id({"from": each}, "from") for each in _inputs(request, MAX_READ)]
    links = associations.of(portal, ends[0].type_id, ids, ends[1].type_id)
    results: list[dict[str, Any]] = [{"from": {"id": each}, "to": _old(found)} for each, found in links.items()]
    errors = [_nothing(ends, each) for each in dict.fromkeys(ids) if each not in links]
    return _answer(portal, results, errors, 200)


def _old_kind(portal: Portal, ends: _Ends, name: object) -> tuple[str, int]:
    for each in labels.kinds(portal, ends[0].type_id, ends[1].type_id):
        if str(name) in (each.name, str(each.type_id)):
            return each.category, each.type_id
    raise invalid(f"Invalid association type {name} from {ends[0].type_id} to {ends[1].type_id}")


def _old_create(request: Request, portal: Portal) -> Response:
    """201; both directions are among the results."""
    ends = _ends(request, portal)
    results: list[dict[str, Any]] = []
    with portal.transaction():
        for each in _inputs(request, MAX_CREATE):
            kind = _old_kind(portal, ends, each.get("type"))
            source, target = _id(each, "from"), _id(each, "to")
            _join(portal, ends, source, target, [kind])
            found = labels.kinds(portal, ends[0].type_id, ends[1].type_id)
            number = next(one.inverse for one in found if (one.category, one.type_id) == kind)
            back = labels.kinds(portal, ends[1].type_id, ends[0].type_id)
            name = next(one.name for one in back if (one.category, one.type_id) == (kind[0], number))
            results.append({"from": {"id": source}, "to": {"id": target}, "type": each.get("type")})
            results.append({"from": {"id": target}, "to": {"id": source}, "type": name})
    return _answer(portal, results, (), 201)


def _old_archive(request: Request, portal: Portal) -> Response:
    ends = _ends(request, portal)
    with portal.transaction():
        for each in _inputs(request, MAX_CREATE):
            kind = _old_kind(portal, ends, each.get("type"))
            pair = (ends[0].type_id, _id(each, "from"), ends[1].type_id, _id(each, "to"))
            associations.take_labels(portal, *pair, [kind])
    return no_content()
