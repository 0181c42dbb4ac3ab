"""The endpoints of exports: asked for, done one after another, and fetched by a link that ends soon."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from emulators.hubspot import definitions, export_files, jobs, journal, lists
from emulators.hubspot.bodies import mapping, text, texts
from emulators.hubspot.errors import HubError, invalid, not_found
from emulators.hubspot.filters import register
from emulators.hubspot.jobs import Job
from emulators.hubspot.portal import Portal, shown
from emulators.hubspot.router import Request, Response, Router, json_response
from emulators.loopback.clock import stored

BASE = "/crm/v3/exports"
MOST, WINDOW = 30, timedelta(hours=24)
_LINK_LIFE = timedelta(minutes=5)
_SCOPES = ("crm.export",)
_STATES = {jobs.DONE: "DONE", jobs.CANCELED: "CANCELED", jobs.FAILED: "FAILED"}
_OPTIONS = ("NAMES", "VALUES")
# asked for in the request and not emulated
_UNKNOWN = ("associatedObjectType", "includeLabeledAssociations", "includePrimaryDisplayPropertyForAssociatedObjects")


def routes(router: Router) -> None:
    """Spreadsheets, other languages than English and columns of associated objects are not emulated."""
    router.add("POST", BASE + "/export/async", _start, scopes=_SCOPES)
    router.add("GET", BASE + "/export/async/tasks/{id}/status", _status, scopes=_SCOPES)
    router.add("GET", BASE + "/export/{id}", _read, scopes=_SCOPES)
    router.add("GET", "/exported-files/{id}", _file, public=True, limit="", dated=False)


def _start(request: Request, portal: Portal) -> Response:
    """202 with the number of the task."""
    body = request.document()
    kind = text(body, "exportType")
    if kind not in ("VIEW", "LIST"):
        raise invalid(f"exportType must be VIEW or LIST, not {kind!r}")
    if text(body, "format") != "CSV" or text(body, "language", "EN") != "EN":
        raise invalid("Only exports of the format CSV in the language EN are emulated")
    asked = [name for name in _UNKNOWN if body.get(name)]
    if asked:
        raise invalid(f"{', '.join(asked)} of an export are not emulated")
    obj = definitions.required_type(portal, text(body, "objectType"))
    names, known = texts(body, "objectProperties"), definitions.of(portal, obj.type_id)
    wrong = [name for name in names if name not in known]
    if not names or wrong:
        raise invalid(f"objectProperties must be properties of {obj.name}; {wrong} are not")
    options = texts(body, "exportInternalValuesOptions")
    if set(options) - set(_OPTIONS):
        raise invalid(f"exportInternalValuesOptions are {', '.join(_OPTIONS)}")
    kept = {"kind": kind, "type": obj.type_id, "names": names, "options": options, "name": text(body, "exportName")}
    kept |= _source(portal, body, kind, obj.type_id)
    with portal.transaction():
        _demand_room(portal)
        job = jobs.begin(portal, "export", kept, queued=True)
    return json_response({"id": job.id}, 202)


def _source(portal: Portal, body: Mapping[str, Any], kind: str, type_id: str) -> dict[str, Any]:
    """Which records: those of a list, or those that a search means."""
    if kind == "LIST":
        found = lists.get(portal, text(body, "listId"))
        if found.type_id != type_id:
            raise invalid(f"List {found.id} is not of {type_id}")
        return {"list": str(found.id)}
    search = mapping(body, "publicCrmSearchRequest")
    register(portal.connection)
    export_files.condition(portal, type_id, search)  # refuse now what cannot be searched
    return {"search": search}


def _demand_room(portal: Portal) -> None:
    since = stored(portal.now() - WINDOW)
    recent = [each for each in jobs.every(portal, "export") if each.created > since]
    if len(recent) >= MOST:
        text = f"The limit of {MOST} exports within a rolling 24 hour window has been reached"
        raise HubError(429, "RATE_LIMITS", text)


def _status(request: Request, portal: Portal) -> Response:
    """The link is made anew by each call."""
    job = jobs.get(portal, "export", request.params["id"])
    now = portal.now_text()
    answer: dict[str, Any] = {
        "status": _word(portal, job),
        "requestedAt": shown(job.created),
        "startedAt": shown(job.created),
        "completedAt": shown(job.finished or now),  # required by the schema at all times
    }
    if job.state == jobs.DONE:
        stamp = str(round((portal.now() + _LINK_LIFE).timestamp()))
        sign = journal.signature(portal, job.id, stamp)
        answer["result"] = f"{request.base_url}/exported-files/{job.id}?expires={stamp}&signature={sign}"
    elif job.state == jobs.FAILED:
        bad = HubError(400, "VALIDATION_ERROR", job.result["message"])
        answer |= {"numErrors": 1, "errors": [bad.item()]}
    return json_response(answer)


def _word(portal: Portal, job: Job) -> str:
    """PROCESSING for the first that waits, PENDING for those behind it."""
    if job.state != jobs.WAITING:
        return "CANCELED" if job.state == jobs.CANCELED else "COMPLETE"
    waiting = [each for each in jobs.every(portal, "export") if each.state == jobs.WAITING]
    return "PROCESSING" if waiting[0].id == job.id else "PENDING"


def _read(request: Request, portal: Portal) -> Response:
    """What was exported."""
    job = jobs.get(portal, "export", request.params["id"])
    states = {"PROCESSING": "PROCESSING", "PENDING": "ENQUEUED"}
    answer: dict[str, Any] = {
        "id": job.id,
        "exportState": _STATES.get(job.state) or states[_word(portal, job)],
        "exportType": job.request["kind"],
        "exportName": job.request["name"],
        "objectType": job.request["type"],
        "objectProperties": job.request["names"],
        "createdAt": shown(job.created),
        "updatedAt": shown(job.updated),
    }
    if "count" in job.result:
        answer["recordCount"] = job.result["count"]
    return json_response(answer)


def _file(request: Request, portal: Portal) -> Response:
    """The file; 403 for a link that is not good or not good any more."""
    number, stamp = request.params["id"], request.one("expires")
    good = request.one("signature") == journal.signature(portal, number, stamp)
    if not good or int(stamp) <= portal.now().timestamp():
        raise HubError(403, "", "Request has expired")
    job = jobs.get(portal, "export", number)
    if job.state != jobs.DONE:
        raise not_found()
    headers = {
        "Content-Type": "text/csv;charset=utf-8",
        "Content-Disposition": f'attachment; filename="{number}.csv"',
    }
    return Response(200, job.result["text"].encode(), headers)
