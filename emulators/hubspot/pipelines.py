"""Which pipelines and stages records run through; metadata are strings, as HubSpot has them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from emulators.hubspot import bodies, definitions, pipeline_audits
from emulators.hubspot.catalog import DEFAULT_DEAL_STAGES, DEFAULT_TICKET_STAGES, ObjectType
from emulators.hubspot.errors import HubError, conflict, invalid, not_found
from emulators.hubspot.router import Request, Response, Router, json_response, no_content

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal

DDL = """
CREATE TABLE IF NOT EXISTS pipeline (
  type TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (type, id));
"""
_BEGINNING = "1970-01-01T00:00:00Z"
_ALWAYS = ("0-3", "0-5")
_READ = ("crm.objects.{object}.read", "crm.schemas.{object}.read", "crm.objects.{object}.write")
_WRITE = ("crm.schemas.{object}.write", "crm.objects.{object}.write")
# the properties that hold a record's pipeline and stage
PROPERTIES = {"0-3": ("pipeline", "dealstage"), "0-5": ("hs_pipeline", "hs_pipeline_stage")}

_READ_STAGES: WeakKeyDictionary[Portal, dict[str, tuple[str, dict[str, dict[str, Any]]]]] = WeakKeyDictionary()


def routes(router: Router) -> None:
    """The pipelines API."""
    base = "/crm/v3/pipelines/{object}"
    one, stage = base + "/{pipeline}", base + "/{pipeline}/stages"
    router.add("GET", base, _list, scopes=_READ)
    router.add("POST", base, _create, scopes=_WRITE)
    router.add("GET", one, _read, scopes=_READ)
    router.add("PATCH", one, _change, scopes=_WRITE)
    router.add("PUT", one, _replace, scopes=_WRITE)
    router.add("DELETE", one, _delete, scopes=_WRITE)
    router.add("GET", one + "/audit", _audit, scopes=_READ)
    router.add("GET", stage + "/{stage}/audit", _stage_audit, scopes=_READ)
    router.add("GET", stage, _stages, scopes=_READ)
    router.add("POST", stage, _add_stage, scopes=_WRITE)
    router.add("GET", stage + "/{stage}", _one_stage, scopes=_READ)
    router.add("PATCH", stage + "/{stage}", _change_stage, scopes=_WRITE)
    router.add("PUT", stage + "/{stage}", _replace_stage, scopes=_WRITE)
    router.add("DELETE", stage + "/{stage}", _delete_stage, scopes=_WRITE)


def found(portal: Portal) -> None:
    """The pipelines that every portal begins with."""
    deal = [
        _default_stage(name, label, order, {"isClosed": closed, "probability": probability})
        for order, (name, label, probability, closed) in enumerate(DEFAULT_DEAL_STAGES)
    ]
    ticket = [
        _default_stage(name, label, order, {"ticketState": state, "isClosed": str(state == "CLOSED").lower()})
        for order, (name, label, state) in enumerate(DEFAULT_TICKET_STAGES)
    ]
    put(portal, "0-3", _default_pipeline("default", "Sales Pipeline", deal))
    put(portal, "0-5", _default_pipeline("0", "Support Pipeline", ticket))


def of(portal: Portal, type_id: str) -> list[dict[str, Any]]:
    """The object's pipelines in display order, in HubSpot's own form."""
    rows = portal.connection.execute("SELECT body FROM pipeline WHERE type = ? ORDER BY rowid", (type_id,))
    return sorted((json.loads(body) for (body,) in rows), key=lambda each: int(each["displayOrder"]))


def stages(portal: Portal, type_id: str) -> dict[str, dict[str, Any]]:
    """The object's stages by id, each with `pipeline`, the id of the first pipeline that has it."""
    kept, stamp = _READ_STAGES.setdefault(portal, {}), definitions.stamp(portal)
    known = kept.get(type_id)
    if known is None or known[0] != stamp:
        listed = [(stage, pipeline["id"]) for pipeline in of(portal, type_id) for stage in pipeline["stages"]]
        read: dict[str, dict[str, Any]] = {}
        for stage, pipeline_id in listed:
            read.setdefault(stage["id"], {**stage, "pipeline": pipeline_id})
        known = kept[type_id] = (stamp, read)
    return known[1]


def put(portal: Portal, type_id: str, pipeline: Mapping[str, Any]) -> None:
    """Keep a pipeline, in HubSpot's own form, in place of the one of that id."""
    with portal.transaction() as connection:
        if pipeline["createdAt"] != _BEGINNING or _kept(portal, type_id, pipeline["id"]):
            pipeline_audits.note(portal, type_id, _kept(portal, type_id, pipeline["id"]), pipeline)
        body = json.dumps(pipeline)
        connection.execute(
            "INSERT INTO pipeline VALUES (?, ?, ?) ON CONFLICT (type, id) DO UPDATE SET body = excluded.body",
            (type_id, pipeline["id"], body),
        )
        definitions.changed(portal)


def load(portal: Portal, path: Path) -> int:
    """pipelines.json: {object: [{id?, label, displayOrder?, stages: [{id?, label, metadata}]}]}. How many."""
    listed = json.loads(path.read_text(encoding="utf-8"))
    count = 0
    with portal.transaction():
        for spelled, many in listed.items():
            obj = definitions.required_type(portal, spelled)
            for order, body in enumerate(many):
                put(portal, obj.type_id, _made(portal, obj, {"displayOrder": order, **body}))
                count += 1
    return count


def _default_stage(name: str, label: str, order: int, metadata: dict[str, str]) -> dict[str, Any]:
    return {
        "id": name,
        "label": label,
        "displayOrder": order,
        "metadata": metadata,
        "createdAt": _BEGINNING,
        "updatedAt": _BEGINNING,
        "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
        "archived": False,
    }


def _default_pipeline(name: str, label: str, stages_: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "label": label,
        "displayOrder": 0,
        "id": name,
        "stages": stages_,
        "createdAt": _BEGINNING,
        "updatedAt": _BEGINNING,
        "archived": False,
    }


def _object(request: Request, portal: Portal) -> ObjectType:
    obj = definitions.required_type(portal, request.params["object"])
    if obj.type_id not in _ALWAYS and not obj.custom:
        raise invalid(f"Pipelines are not enabled for object type {obj.type_id}")
    return obj


def _one(portal: Portal, obj: ObjectType, pipeline_id: str) -> dict[str, Any]:
    found_ = _kept(portal, obj.type_id, pipeline_id)
    if found_ is None:
        raise not_found(f"Pipeline {pipeline_id} was not found for object type {obj.type_id}")
    return found_


def _kept(portal: Portal, type_id: str, pipeline_id: str) -> dict[str, Any] | None:
    text = "SELECT body FROM pipeline WHERE type = ? AND id = ?"
    row = portal.connection.execute(text, (type_id, pipeline_id)).fetchone()
    return None if row is None else json.loads(row[0])


def _stage_of(pipeline: dict[str, Any], stage_id: str) -> dict[str, Any]:
    stage: dict[str, Any] | None = next((each for each in pipeline["stages"] if each["id"] == stage_id), None)
    if stage is None:
        raise not_found(f"Stage {stage_id} was not found in pipeline {pipeline['id']}")
    return stage


def _made(portal: Portal, obj: ObjectType, body: Mapping[str, Any]) -> dict[str, Any]:
    """A new pipeline from what was sent; ids are digits unless given (loading gives them)."""
    label = _text(body, "label", "pipeline")
    now = portal.now_text()
    sent = bodies.objects(body, "stages")
    if not sent:
        raise invalid("Pipelines must have at least one stage")
    made = [_made_stage(portal, obj, {"displayOrder": order, **each}) for order, each in enumerate(sent)]
    labels = [stage["label"].lower() for stage in made]
    if len(set(labels)) < len(labels):
        raise invalid("Stage labels must be unique within a pipeline")
    return {
        "label": label,
        "displayOrder": bodies.whole(body.get("displayOrder"), "displayOrder"),
        "id": str(body.get("id") or body.get("pipelineId") or portal.new_id()),
        "stages": made,
        "createdAt": now,
        "updatedAt": now,
        "archived": False,
    }


def _made_stage(portal: Portal, obj: ObjectType, body: Mapping[str, Any]) -> dict[str, Any]:
    now = portal.now_text()
    return {
        "id": str(body.get("id") or body.get("stageId") or portal.new_id()),
        "label": _text(body, "label", "stage"),
        "displayOrder": bodies.whole(body.get("displayOrder"), "displayOrder"),
        "metadata": _metadata(obj, body.get("metadata")),
        "createdAt": now,
        "updatedAt": now,
        "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
        "archived": False,
    }


def _metadata(obj: ObjectType, sent: object) -> dict[str, str]:
    """Deals need a probability from 0.0 to 1.0 in tenths; whether it is closed follows from it."""
    given = sent if isinstance(sent, Mapping) else {}
    found_ = {str(key): str(value).lower() if isinstance(value, bool) else str(value) for key, value in given.items()}
    if obj.type_id == "0-3":
        try:
            probability = float(found_.get("probability", ""))
        except ValueError:
            raise invalid("Deal stages must have a probability in their metadata") from None
        if not 0 <= probability <= 1:
            raise invalid(f"Deal stage probability {found_['probability']} must be between 0.0 and 1.0")
        return {"isClosed": str(probability in (0.0, 1.0)).lower(), "probability": str(probability)}
    if obj.type_id == "0-5":
        state = found_.get("ticketState", "OPEN").upper()
        if state not in ("OPEN", "CLOSED"):
            raise invalid(f"Ticket state {state} must be OPEN or CLOSED")
        return {"ticketState": state, "isClosed": str(state == "CLOSED").lower()}
    return found_


def _text(body: Mapping[str, Any], name: str, what: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value.strip():
        raise invalid(f"Some required fields were not set: [{name}] of the {what}")
    return value


def _list(request: Request, portal: Portal) -> Response:
    return json_response({"results": of(portal, _object(request, portal).type_id)})


def _read(request: Request, portal: Portal) -> Response:
    return json_response(_one(portal, _object(request, portal), request.params["pipeline"]))


def _create(request: Request, portal: Portal) -> Response:
    obj = _object(request, portal)
    made = _made(portal, obj, request.document())
    with portal.transaction():
        _refuse_label(portal, obj, made["label"], "")
        put(portal, obj.type_id, made)
    return json_response(made, 201)


def _refuse_label(portal: Portal, obj: ObjectType, label: str, own_id: str) -> None:
    if any(each["label"].lower() == label.lower() and each["id"] != own_id for each in of(portal, obj.type_id)):
        raise conflict(f"Pipeline with label {label} already exists")


def _change(request: Request, portal: Portal) -> Response:
    obj, body = _object(request, portal), request.document()
    with portal.transaction():
        pipeline = _one(portal, obj, request.params["pipeline"])
        if "label" in body:
            _refuse_label(portal, obj, _text(body, "label", "pipeline"), pipeline["id"])
            pipeline["label"] = body["label"]
        if "displayOrder" in body:
            pipeline["displayOrder"] = bodies.whole(body["displayOrder"], "displayOrder")
        pipeline["updatedAt"] = portal.now_text()
        put(portal, obj.type_id, pipeline)
    return json_response(pipeline)


def _replace(request: Request, portal: Portal) -> Response:
    """All stages are replaced; one whose id is sent stays the same stage."""
    obj, body = _object(request, portal), request.document()
    with portal.transaction():
        before = _one(portal, obj, request.params["pipeline"])
        made = _made(portal, obj, {**body, "id": before["id"]}) | {"createdAt": before["createdAt"]}
        gone = {stage["id"] for stage in before["stages"]} - {stage["id"] for stage in made["stages"]}
        for stage_id in sorted(gone):
            _refuse_used(portal, obj, 1, stage_id)
        put(portal, obj.type_id, made)
    return json_response(made)


def _delete(request: Request, portal: Portal) -> Response:
    obj = _object(request, portal)
    with portal.transaction() as connection:
        pipeline = _one(portal, obj, request.params["pipeline"])
        if pipeline["createdAt"] == _BEGINNING or len(of(portal, obj.type_id)) == 1:
            raise invalid(f"The last or default pipeline of object type {obj.type_id} cannot be deleted")
        _refuse_used(portal, obj, 0, pipeline["id"])
        connection.execute("DELETE FROM pipeline WHERE type = ? AND id = ?", (obj.type_id, pipeline["id"]))
        pipeline_audits.note(portal, obj.type_id, pipeline, None)
        definitions.changed(portal)
    return no_content()


def _refuse_used(portal: Portal, obj: ObjectType, which: int, value: str) -> None:
    """400 while a live record is in that pipeline (0) or stage (1)."""
    name = PROPERTIES.get(obj.type_id, ("hs_pipeline", "hs_pipeline_stage"))[which]
    (count,) = portal.connection.execute(
        "SELECT COUNT(*) FROM record WHERE type = ? AND archived IS NULL AND json_extract(properties, ?) = ?",
        (obj.type_id, f'$."{name}"', value),
    ).fetchone()
    if count:
        kind = ("PIPELINE", "STAGE")[which]
        raise HubError(
            400,
            "VALIDATION_ERROR",
            f"{kind.capitalize()} {value} is used by {count} records and cannot be deleted",
            f"PipelineError.{kind}_ID_IN_USE",
            context={"count": [str(count)]},
        )


def _stages(request: Request, portal: Portal) -> Response:
    pipeline = _one(portal, _object(request, portal), request.params["pipeline"])
    return json_response({"results": sorted(pipeline["stages"], key=lambda each: int(each["displayOrder"]))})


def _one_stage(request: Request, portal: Portal) -> Response:
    pipeline = _one(portal, _object(request, portal), request.params["pipeline"])
    return json_response(_stage_of(pipeline, request.params["stage"]))


def _add_stage(request: Request, portal: Portal) -> Response:
    obj = _object(request, portal)
    stage = _made_stage(portal, obj, request.document())
    with portal.transaction():
        pipeline = _one(portal, obj, request.params["pipeline"])
        if any(each["label"].lower() == stage["label"].lower() for each in pipeline["stages"]):
            raise conflict(f"Stage with label {stage['label']} already exists")
        pipeline["stages"].append(stage)
        put(portal, obj.type_id, pipeline)
    return json_response(stage, 201)


def _change_stage(request: Request, portal: Portal) -> Response:
    obj, body = _object(request, portal), request.document()
    with portal.transaction():
        pipeline = _one(portal, obj, request.params["pipeline"])
        stage = _stage_of(pipeline, request.params["stage"])
        if "label" in body:
            stage["label"] = _text(body, "label", "stage")
        if "displayOrder" in body:
            stage["displayOrder"] = bodies.whole(body["displayOrder"], "displayOrder")
        if "metadata" in body:
            stage["metadata"] = _metadata(obj, {**stage["metadata"], **bodies.mapping(body, "metadata")})
        stage["updatedAt"] = portal.now_text()
        put(portal, obj.type_id, pipeline)
    return json_response(stage)


def _replace_stage(request: Request, portal: Portal) -> Response:
    """All of a stage but its id and its creation is what was sent."""
    obj, body = _object(request, portal), request.document()
    with portal.transaction():
        pipeline = _one(portal, obj, request.params["pipeline"])
        before = _stage_of(pipeline, request.params["stage"])
        made = _made_stage(portal, obj, {**body, "id": before["id"]}) | {"createdAt": before["createdAt"]}
        pipeline["stages"][pipeline["stages"].index(before)] = made
        put(portal, obj.type_id, pipeline)
    return json_response(made)


def _delete_stage(request: Request, portal: Portal) -> Response:
    obj = _object(request, portal)
    with portal.transaction():
        pipeline = _one(portal, obj, request.params["pipeline"])
        stage = _stage_of(pipeline, request.params["stage"])
        if len(pipeline["stages"]) == 1:
            raise invalid("Pipelines must have at least one stage")
        _refuse_used(portal, obj, 1, stage["id"])
        pipeline["stages"].remove(stage)
        put(portal, obj.type_id, pipeline)
    return no_content()


def _audit(request: Request, portal: Portal) -> Response:
    return pipeline_audits.answer(
        portal, _object(request, portal).type_id, request.params["pipeline"], is_stage=False
    )


def _stage_audit(request: Request, portal: Portal) -> Response:
    """By the stage alone: the vendor's clients send whatever they like as pipeline."""
    return pipeline_audits.answer(portal, _object(request, portal).type_id, request.params["stage"], is_stage=True)
