"""The endpoints of imports: files of records sent as a form, what became of them, and the rows that failed."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from email import message_from_bytes
from email.policy import HTTP
from typing import Any

from emulators.hubspot import definitions, jobs
from emulators.hubspot.bodies import mapping, objects, text
from emulators.hubspot.errors import HubError, invalid
from emulators.hubspot.jobs import Job
from emulators.hubspot.portal import Portal, shown
from emulators.hubspot.router import Request, Response, Router, json_response
from emulators.loopback.json_text import parse

BASE = "/crm/v3/imports"
MAX_ROWS, MAX_COLUMNS = 1_048_576, 1000  # a file's, by the guide
_SCOPES = ("crm.import",)
_PAGE, _OPERATIONS = 100, ("CREATE", "UPDATE", "UPSERT")
_DATES = ("MONTH_DAY_YEAR", "DAY_MONTH_YEAR", "YEAR_MONTH_DAY")
KEYS = ("HUBSPOT_OBJECT_ID", "HUBSPOT_ALTERNATE_ID")
_PLAIN = ("", "STANDARD", *KEYS)


def routes(router: Router) -> None:
    """Spreadsheets, association labels, common columns of several files and opt-out lists are not emulated."""
    router.add("GET", BASE, _list, scopes=_SCOPES)
    router.add("POST", BASE, _create, scopes=_SCOPES)
    router.add("GET", BASE + "/{id}", _read, scopes=_SCOPES)
    router.add("POST", BASE + "/{id}/cancel", _cancel, scopes=_SCOPES)
    router.add("GET", BASE + "/{id}/errors", _errors, scopes=_SCOPES)


def _create(request: Request, portal: Portal) -> Response:
    """200 with the import as it is at its start."""
    wanted, files = _form(request)
    kept: list[dict[str, Any]] = []
    for each in objects(wanted, "files"):
        name = text(each, "fileName")
        if name not in files:
            raise invalid(f"The file {name!r} of the import request was not sent")
        kept.append(_file(portal, each, name, files[name]))
    if not kept:
        raise invalid("Some required fields were not set: [files]")
    if not text(wanted, "name"):
        raise invalid("Some required fields were not set: [name]")
    request_kept = {"json": wanted, "files": kept, "operations": _operations(portal, wanted), "dates": _dates(wanted)}
    if wanted.get("marketableContactImport") or wanted.get("optOutImport"):
        raise invalid("Marketable contacts and opt-out lists are not emulated")
    return json_response(printed(portal, jobs.begin(portal, "import", request_kept), "STARTED"))


def _form(request: Request) -> tuple[dict[str, Any], dict[str, str]]:
    """The request's JSON and the files by name; 415 for another media type, 400 for a form that cannot be read."""
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise HubError(415, "", "HTTP 415 Unsupported Media Type")
    message = message_from_bytes(
        f"Content-Type: {kind}\r\n\r\n".encode("latin-1", "replace") + request.body, policy=HTTP
    )
    wanted: Any = None
    files: dict[str, str] = {}
    for part in message.iter_parts():
        disposition = part["content-disposition"]
        name = disposition.params.get("name", "") if disposition is not None else ""
        payload = part.get_payload(decode=True)
        if not isinstance(payload, bytes):
            continue
        try:
            content = payload.decode("utf-8-sig")
            if name == "importRequest":
                wanted = parse(payload)
        except ValueError:
            raise invalid(f"The part {name!r} of the form cannot be read") from None
        if name == "files":
            files[str(part.get_filename() or "")] = content
    if not isinstance(wanted, dict):
        raise invalid("Some required fields were not set: [importRequest]")
    return wanted, files


def _file(portal: Portal, given: Mapping[str, Any], name: str, content: str) -> dict[str, Any]:
    """What is kept of a file: its rows and what their columns mean."""
    if text(given, "fileFormat", "CSV") != "CSV":
        raise invalid(f"The fileFormat {text(given, 'fileFormat')!r} is not emulated; send CSV")
    page = mapping(given, "fileImportPage")
    rows = list(csv.reader(io.StringIO(content, newline="")))
    header = page.get("hasHeader", True) is not False
    if not rows or len(rows) > MAX_ROWS or len(rows[0]) > MAX_COLUMNS:
        raise invalid(f"The file {name!r} must have between 1 and {MAX_ROWS} rows and at most {MAX_COLUMNS} columns")
    mapped = objects(page, "columnMappings")
    columns: list[dict[str, Any]] = []
    for place, each in enumerate(mapped):
        column = _column(portal, each)
        wanted = text(each, "columnName")
        if header and wanted not in rows[0]:
            raise invalid(f"The file {name!r} has no column {wanted!r}")
        columns.append({**column, "place": rows[0].index(wanted) if header else place})
    if not columns:
        raise invalid("Some required fields were not set: [columnMappings]")
    body = rows[1:] if header else rows
    first = 2 if header else 1
    return {
        "id": portal.new_id(),
        "name": name,
        "columns": columns,
        "rows": body,
        "first": first,
        "width": len(rows[0]),
    }


def _column(portal: Portal, each: Mapping[str, Any]) -> dict[str, Any]:
    kind = text(each, "columnType") or text(each, "idColumnType")
    if kind not in _PLAIN or each.get("toColumnObjectTypeId") or each.get("associationIdentifierColumn"):
        raise invalid(f"Columns of the type {kind!r} and those of other files' records are not emulated")
    obj = definitions.required_type(portal, text(each, "columnObjectTypeId"))
    name = text(each, "propertyName")
    if kind != KEYS[0] and name and name not in definitions.of(portal, obj.type_id):
        raise invalid(f"Property {name!r} does not exist on {obj.type_id}")
    return {"type": obj.type_id, "property": name, "key": kind if kind in KEYS else ""}


def _operations(portal: Portal, wanted: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for spelled in mapping(wanted, "importOperations"):
        operation = text(mapping(wanted, "importOperations"), spelled)
        if operation not in _OPERATIONS:
            raise invalid(f"importOperations are {', '.join(_OPERATIONS)}, not {operation!r}")
        found[definitions.required_type(portal, spelled).type_id] = operation
    return found


def _dates(wanted: Mapping[str, Any]) -> str:
    found = text(wanted, "dateFormat") or _DATES[0]
    if found not in _DATES:
        raise invalid(f"dateFormat must be one of {', '.join(_DATES)}, not {found!r}")
    return found


def printed(portal: Portal, job: Job, state: str = "") -> dict[str, Any]:
    """An import as the API prints it."""
    files = job.request["files"]
    types = dict.fromkeys(column["type"] for each in files for column in each["columns"])
    present = {jobs.WAITING: "PROCESSING", jobs.DONE: "DONE", jobs.CANCELED: "CANCELED", jobs.FAILED: "FAILED"}[
        job.state
    ]
    return {
        "id": job.id,
        "state": state or present,
        "importName": text(job.request["json"], "name"),
        "importSource": "API",
        "importRequestJson": job.request["json"],
        "mappedObjectTypeIds": list(types),
        "optOutImport": False,
        "createdAt": shown(job.created),
        "updatedAt": shown(job.updated),
        "metadata": {
            "counters": job.result.get("counters", {}),
            "fileIds": [each["id"] for each in files],
            "objectLists": job.result.get("lists", []),
        },
    }


def _read(request: Request, portal: Portal) -> Response:
    return json_response(printed(portal, jobs.get(portal, "import", request.params["id"])))


def _list(request: Request, portal: Portal) -> Response:
    """Imports, oldest first."""
    return _page(request, [printed(portal, each) for each in jobs.every(portal, "import")])


def _errors(request: Request, portal: Portal) -> Response:
    """What was wrong with which row; none before the import is done."""
    return _page(request, jobs.get(portal, "import", request.params["id"]).result.get("errors", []))


def _page(request: Request, found: list[dict[str, Any]]) -> Response:
    limit, after = request.number("limit", _PAGE), request.number("after", 0, least=0)
    answer: dict[str, Any] = {"results": found[after : after + limit]}
    if after + limit < len(found):
        link = f"{request.base_url}{request.path}?limit={limit}&after={after + limit}"
        answer["paging"] = {"next": {"after": str(after + limit), "link": link}}
    return json_response(answer)


def _cancel(request: Request, portal: Portal) -> Response:
    """200, for an import that is done already too."""
    job = jobs.get(portal, "import", request.params["id"])
    jobs.cancel(portal, job)
    after = jobs.get(portal, "import", job.id)
    state = "CANCELED" if after.state == jobs.CANCELED else "COMPLETE"
    return json_response({"status": state, "startedAt": shown(job.created), "completedAt": portal.now_text()})
