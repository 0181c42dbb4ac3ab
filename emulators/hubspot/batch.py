"""The batch endpoints of records: up to 100 inputs, answers in another order, 207 when some failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emulators.hubspot import merge, records, writing
from emulators.hubspot.definitions import ObjectType
from emulators.hubspot.errors import HubError, invalid
from emulators.hubspot.objects import BASE, READ, WRITE, demand_unique, sent_properties
from emulators.hubspot.portal import Portal
from emulators.hubspot.presenting import documents, named_object, updated, wanted, written
from emulators.hubspot.router import Request, Response, Router, json_response, no_content
from emulators.loopback.faults import Kind

MAX_INPUTS, MAX_HISTORY = 100, 50
Input = Mapping[str, Any]


def routes(router: Router) -> None:
    """Batches of records of every object."""
    router.add("POST", BASE + "/batch/read", read, scopes=READ)
    for verb, handler in (("create", create), ("update", update), ("upsert", upsert), ("archive", archive)):
        router.add("POST", f"{BASE}/batch/{verb}", handler, scopes=WRITE)


def read(request: Request, portal: Portal) -> Response:
    """Records by id, or by a unique property; 207 when some are not there."""
    obj, body = named_object(portal, request.params["object"]), request.document()
    histories = _names(body, "propertiesWithHistory")
    inputs = _inputs(body, MAX_HISTORY if histories else MAX_INPUTS)
    id_property = str(body.get("idProperty") or "")
    ids = [_id(each) for each in inputs]
    places = _places(portal, obj, ids, id_property)
    live = records.read(portal.connection, obj.type_id, [place for place in places.values() if place])
    archived = request.flag("archived")
    kept = {key: each for key, each in live.items() if (each.archived is not None) is archived}
    missing = [each for each in places if places[each] not in kept]
    want = wanted(portal, obj, _names(body, "properties"), histories)
    found = documents(portal, list(kept.values()), want)
    return _answer(request, portal, found, _lacking(obj, missing))


def create(request: Request, portal: Portal) -> Response:
    """201 for all; all or nothing, unless every input has an objectWriteTraceId: then 207 with those that failed."""
    obj, body = named_object(portal, request.params["object"]), request.document()
    inputs = _inputs(body)
    traces = [str(each.get("objectWriteTraceId") or "") for each in inputs]
    actor, news = writing.Actor.app(portal), [_new(each) for each in inputs]
    if not all(traces):
        planned = _planned(portal, obj, "")
        if planned is not None:
            raise planned
        made = writing.create(portal, obj, news, actor)
        told = [written(portal, record, obj, names) for record, names in made]
        return _answer(request, portal, [_traced(*pair) for pair in zip(told, traces, strict=True)], [], 201)
    found, errors = [], []
    with portal.transaction():
        for new, trace in zip(news, traces, strict=True):
            try:
                _strike(portal, obj, "")
                record, names = writing.create(portal, obj, [new], actor)[0]
                found.append(_traced(written(portal, record, obj, names), trace))
            except HubError as bad:
                errors.append(_about(bad, "objectWriteTraceId", trace))
    return _answer(request, portal, found, errors, 201)


def update(request: Request, portal: Portal) -> Response:
    """200, or 207 when some records are not there; 400 for all when a value is not valid or an id comes twice."""
    obj, body = named_object(portal, request.params["object"]), request.document()
    inputs = _inputs(body)
    id_property = _one_id_property(inputs)
    places = _places(portal, obj, [_id(each) for each in inputs], id_property)
    if len(places) < len(inputs):
        raise invalid("Duplicate IDs found in batch input: every object can be updated only once in a batch")
    changes = [(places[_id(each)] or _id(each), sent_properties(each)) for each in inputs]
    spelled = {place or given: given for given, place in places.items()}
    for _, given in changes:
        writing.checked(portal, obj, given, writing.Actor.app(portal))
    return _update(request, portal, obj, changes, spelled, inputs)


def _update(
    request: Request,
    portal: Portal,
    obj: ObjectType,
    changes: Sequence[tuple[str, Mapping[str, Any]]],
    spelled: Mapping[str, str],
    inputs: Sequence[Input],
) -> Response:
    found: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    lacking: list[str] = []
    traces = [str(each.get("objectWriteTraceId") or "") for each in inputs]
    with portal.transaction():
        for (record_id, given), trace in zip(changes, traces, strict=True):
            try:
                _strike(portal, obj, record_id)
                done, missing = writing.update(portal, obj, [(record_id, given)], writing.Actor.app(portal))
            except HubError as bad:
                errors.append(_about(bad, "ids", spelled[record_id]))
                continue
            lacking.extend(spelled[each] for each in missing)
            found.extend(_traced(updated(portal, record, obj, names), trace) for record, names in done)
    return _answer(request, portal, found, [*errors, *_lacking(obj, lacking)])


def upsert(request: Request, portal: Portal) -> Response:
    """200 with `new` for each: made where no live record has the unique value, changed where one has."""
    obj, body = named_object(portal, request.params["object"]), request.document()
    inputs = _inputs(body)
    name = _one_id_property(inputs)
    if not name:
        raise invalid("idProperty is required for an upsert")
    places = _places(portal, obj, [_id(each) for each in inputs], name)
    if len(places) < len(inputs):
        raise invalid("Duplicate IDs found in batch input: every object can be upserted only once in a batch")
    actor, found = writing.Actor.app(portal), []
    with portal.transaction():
        for each in inputs:
            place, given = places[_id(each)], sent_properties(each)
            _strike(portal, obj, place)
            if place and name != "hs_object_id":
                record, names = writing.update(portal, obj, [(place, given)], actor)[0][0]
            else:
                new = writing.New({name: _id(each), **given})
                record, names = writing.create(portal, obj, [new], actor)[0]
            document = {**written(portal, record, obj, names), "new": not place}
            found.append(_traced(document, str(each.get("objectWriteTraceId") or "")))
    return _answer(request, portal, found, [])


def archive(request: Request, portal: Portal) -> Response:
    """204, whatever the ids."""
    obj, body = named_object(portal, request.params["object"]), request.document()
    writing.archive(portal, obj, [_id(each) for each in _inputs(body)])
    return no_content()


def _answer(
    request: Request, portal: Portal, found: list[dict[str, Any]], errors: list[dict[str, Any]], status: int = 200
) -> Response:
    portal.rng.shuffle(found)  # recorded: 12 of 13 creates came back in another order than the inputs
    now = portal.now_text()
    answer: dict[str, Any] = {"status": "COMPLETE", "results": found, "startedAt": now, "completedAt": now}
    if errors:
        answer |= {"numErrors": len(errors), "errors": errors}
    return json_response(answer, 207 if errors else status)


def _inputs(body: Mapping[str, Any], most: int = MAX_INPUTS) -> list[Input]:
    found = body.get("inputs")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise invalid("Invalid input JSON: inputs must be a list of objects")
    if not found:
        raise invalid("Some required fields were not set: [inputs]")
    if len(found) > most:
        raise invalid(f"Batch size exceeded: {len(found)} inputs, at most {most} are allowed")
    return found


def _id(each: Input) -> str:
    found = each.get("id")
    if found is None or isinstance(found, (list, dict)) or not str(found):
        raise invalid("Some required fields were not set: [id]")
    return str(found)


def _names(body: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = body.get(key) or []
    if not isinstance(found, list):
        raise invalid(f"Invalid input JSON: {key} must be a list of names")
    return tuple(str(each) for each in found)


def _new(each: Input) -> writing.New:
    links = each.get("associations") or []
    if not isinstance(links, list) or not all(isinstance(link, dict) for link in links):
        raise invalid("Invalid input JSON: associations must be a list of objects")
    return writing.New(sent_properties(each), links)


def _one_id_property(inputs: Sequence[Input]) -> str:
    names = {str(each.get("idProperty") or "") for each in inputs}
    if len(names) > 1:
        raise invalid("All inputs of a batch must have the same idProperty")
    return names.pop()


def _places(portal: Portal, obj: ObjectType, ids: Sequence[str], id_property: str) -> dict[str, str]:
    """Given id or unique value -> the record's id, empty when no record has that value."""
    connection = portal.connection
    if id_property and id_property != "hs_object_id":
        demand_unique(portal, obj, id_property)
        return {each: records.holder(connection, obj.type_id, id_property, each) or "" for each in ids}
    return {each: merge.survivor(connection, obj.type_id, each) for each in ids}


def _lacking(obj: ObjectType, ids: Sequence[str]) -> list[dict[str, Any]]:
    """One error for all ids that are not there, as recorded."""
    if not ids:
        return []
    name = obj.singular.upper()
    text = f"Could not get some {name} objects, they may be deleted or not exist. Check that ids are valid."
    return [HubError(207, "OBJECT_NOT_FOUND", text, context={"ids": list(ids)}).item()]


def _about(bad: HubError, key: str, value: str) -> dict[str, Any]:
    return {**bad.item(), "context": {**bad.context, key: [value]}}


def _traced(document: dict[str, Any], trace: str) -> dict[str, Any]:
    return {**document, "objectWriteTraceId": trace} if trace else document


def _planned(portal: Portal, obj: ObjectType, record_id: str) -> HubError | None:
    """The refusal that the fault plan has for this record."""
    rule = portal.faults.of_record(obj.name, record_id or None)
    if rule is None:
        return None
    if rule.kind is Kind.LOCK_ROW:
        return HubError(423, "LOCKED", "The object is locked by another update; try again in 2 seconds")
    return HubError(400, rule.code, rule.message)


def _strike(portal: Portal, obj: ObjectType, record_id: str) -> None:
    planned = _planned(portal, obj, record_id)
    if planned is not None:
        raise planned
