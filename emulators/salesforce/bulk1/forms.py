"""How jobs and batches of Bulk API 1.0 are told, in XML and in JSON, and how requests about them are read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from emulators.loopback.json_text import parse as parse_json
from emulators.salesforce.bulk.csv_text import line
from emulators.salesforce.bulk.jobs import Job
from emulators.salesforce.bulk1.jobs import STATES, Classic, Refused
from emulators.salesforce.bulk1.records import NAMESPACE
from emulators.salesforce.router import Request, Response
from emulators.salesforce.xml_text import DECLARATION, BadXml, element, parse

JSON_TYPES, XML_TYPES = ("application/json",), ("application/xml", "text/xml")
JSON, XML, CSV = "application/json", "application/xml", "text/csv"
_MODES = ("Parallel", "Serial")
Outcome = tuple[str, bool, str | None]


def document(request: Request) -> dict[str, str]:
    """The `jobInfo` of a request by names, empty values left out. Refused when it cannot be read."""
    if request.content_type in JSON_TYPES:
        return _from_json(request.body)
    if request.content_type not in XML_TYPES:
        raise Refused("ClientInputError", f"Unsupported content type: {request.content_type or 'none'}")
    try:
        root = parse(request.body)
    except BadXml as bad:
        raise Refused("InvalidXML", bad.problem) from None
    if root.tag != "jobInfo" or root.namespace != NAMESPACE:
        raise Refused("InvalidXML", f"The root element must be jobInfo of {NAMESPACE}")
    return {child.tag: child.text.strip() for child in root.children if child.text.strip()}


def _from_json(body: bytes) -> dict[str, str]:
    try:
        found = parse_json(body)
    except ValueError as bad:
        raise Refused("ClientInputError", f"Unable to parse the JSON of the request: {bad}") from None
    if not isinstance(found, dict):
        raise Refused("ClientInputError", "The request must be a JSON object")
    if isinstance(found.get("concurrencyMode"), int) and found["concurrencyMode"] in (0, 1):
        found["concurrencyMode"] = _MODES[found["concurrencyMode"]]  # an enumeration by its place
    return {name: str(value) for name, value in found.items() if value is not None and value != ""}


def wants_json(request: Request, usual: bool = False) -> bool:
    """Whether the caller speaks JSON: by its Content-Type, else by its Accept header, else as is usual here."""
    if request.content_type in JSON_TYPES:
        return True
    if request.content_type in XML_TYPES:
        return False
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted or (usual and "xml" not in accepted)


def answer(name: str, value: dict[str, Any], *, as_json: bool, status: int = 200) -> Response:
    """An answer whose root is that element; JSON has the value alone."""
    if as_json:
        return Response(status, json.dumps(value, ensure_ascii=False).encode(), {"Content-Type": JSON})
    inner = "".join(element(key, inner) for key, inner in value.items())
    text = f'{DECLARATION}<{name} xmlns="{NAMESPACE}">{inner}</{name}>'
    return Response(status, text.encode(), {"Content-Type": XML})


def refusal(request: Request, bad: Refused) -> Response:
    """The error body; always 400."""
    body = {"exceptionCode": bad.code, "exceptionMessage": bad.message}
    return answer("error", body, as_json=wants_json(request), status=400)


def job(classic: Classic, batches: Sequence[Job], *, as_json: bool) -> dict[str, Any]:
    """A `jobInfo`; XML leaves out what is not set, JSON has it as null."""
    states = Counter(STATES[batch.state] for batch in batches)
    ended = [batch for batch in batches if STATES[batch.state] in ("Completed", "Failed")]
    took = sum(batch.milliseconds for batch in ended)
    body: dict[str, Any] = {
        "id": classic.id,
        "operation": classic.operation,
        "object": classic.object,
        "createdById": classic.user,
        "createdDate": _instant(classic.created, as_json),
        "systemModstamp": _instant(classic.modified, as_json),
        "state": classic.state,
        "externalIdFieldName": classic.external_id or None,
        "assignmentRuleId": classic.assignment_rule or None,
        "concurrencyMode": classic.concurrency,
        "contentType": classic.content,
        "numberBatchesQueued": states["Queued"],
        "numberBatchesInProgress": states["InProgress"],
        "numberBatchesCompleted": states["Completed"],
        "numberBatchesFailed": states["Failed"],
        "numberBatchesTotal": len(batches),
        "numberRecordsProcessed": sum(batch.processed for batch in ended),
        "numberRetries": 0,
        "apiVersion": float(classic.version) if as_json else classic.version,
        "numberRecordsFailed": sum(batch.failed for batch in ended),
        "totalProcessingTime": took,
        "apiActiveProcessingTime": took,
        "apexProcessingTime": 0,
    }
    return body | {"fastPathEnabled": False} if as_json else body


def batch(classic: Classic, one: Job, *, as_json: bool) -> dict[str, Any]:
    """A `batchInfo`."""
    state = STATES[one.state]
    ended = state in ("Completed", "Failed")
    return {
        "id": one.id,
        "jobId": classic.id,
        "state": state,
        "stateMessage": _problem(classic, one) if ended else None,
        "createdDate": _instant(one.created, as_json),
        "systemModstamp": _instant(one.modified, as_json),
        "numberRecordsProcessed": one.processed if ended else 0,
        "numberRecordsFailed": one.failed if ended else 0,
        "totalProcessingTime": one.milliseconds if ended else 0,
        "apiActiveProcessingTime": one.milliseconds if ended else 0,
        "apexProcessingTime": 0,
    }


def _problem(classic: Classic, one: Job) -> str | None:
    if not one.error or one.error.startswith(("InvalidBatch : ", "ClientInputError : ")):
        return one.error or None
    return f"InvalidBatch : Failed to process query: {one.error}" if classic.querying else one.error


def _instant(text: str, as_json: bool) -> str:
    return text.replace("Z", "+0000") if as_json else text


def outcomes(content: str, found: Sequence[Outcome]) -> Response:
    """The result of a batch of records, in the order of the request and in the form of the job."""
    if content == "JSON":
        return Response(200, json.dumps([_result(one) for one in found]).encode(), {"Content-Type": JSON})
    if content == "XML":
        inner = "".join(element("result", _xml_result(one)) for one in found)
        text = f'{DECLARATION}<results xmlns="{NAMESPACE}">{inner}</results>'
        return Response(200, text.encode(), {"Content-Type": XML})
    rows = [("Id", "Success", "Created", "Error")]
    rows += [(id_, _flag(error is None), _flag(made), error or "") for id_, made, error in found]
    return Response(200, "".join(line(row, ",", "\n") for row in rows).encode(), {"Content-Type": CSV})


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _result(one: Outcome) -> dict[str, Any]:
    id_, created, error = one
    errors = [] if error is None else [_error(error) | {"extendedErrorDetails": None}]
    return {"success": error is None, "created": created, "id": id_ or None, "errors": errors}


def _xml_result(one: Outcome) -> dict[str, Any]:
    id_, created, error = one
    told = None if error is None else _error(error)
    return {"id": id_ or None, "success": error is None, "created": created, "errors": told}


def _error(text: str) -> dict[str, Any]:
    """The parts of `CODE:message:FIELDS --`."""
    code, _, rest = text.partition(":")
    message, _, fields = rest.rpartition(":")
    names = [name.strip() for name in fields.removesuffix("--").split(",") if name.strip()]
    return {"message": message, "fields": names, "statusCode": code}
