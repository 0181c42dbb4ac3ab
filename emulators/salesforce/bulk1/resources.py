"""What Bulk API 1.0 answers: the paths under /services/async, jobs and batches in XML, JSON and CSV."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from emulators.loopback.clock import stored
from emulators.salesforce import rest
from emulators.salesforce.bulk import ingest as bulk_ingest
from emulators.salesforce.bulk.resources import external_id
from emulators.salesforce.bulk1 import chunks, forms
from emulators.salesforce.bulk1 import jobs as classics
from emulators.salesforce.bulk1.jobs import Classic, Refused
from emulators.salesforce.bulk1.records import NAMESPACE
from emulators.salesforce.errors import ApiError
from emulators.salesforce.oauth.login import Login, session_of
from emulators.salesforce.org import Org
from emulators.salesforce.router import Request, Response, Router
from emulators.salesforce.xml_text import DECLARATION, element

Answer = Callable[[Request, Org], Response]
_ROOT = "/services/async/{number}/job"
_CONTENTS = ("CSV", "XML", "JSON")
_BODIES = {"CSV": ("text/csv",), "XML": forms.XML_TYPES, "JSON": forms.JSON_TYPES}


def routes(router: Router, login: Login) -> None:
    """Register the paths."""

    def add(method: str, template: str, handler: Answer) -> None:
        router.add(method, template, _guarded(login, handler), session=False)

    add("POST", _ROOT, create)
    add("GET", _ROOT + "/{job}", job_status)
    add("POST", _ROOT + "/{job}", change_state)
    add("POST", _ROOT + "/{job}/batch", add_batch)
    add("GET", _ROOT + "/{job}/batch", list_batches)
    add("GET", _ROOT + "/{job}/batch/{batch}", batch_status)
    add("GET", _ROOT + "/{job}/batch/{batch}/request", batch_request)
    add("GET", _ROOT + "/{job}/batch/{batch}/result", batch_result)
    add("GET", _ROOT + "/{job}/batch/{batch}/result/{result}", query_result)
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        add(method, "/services/async/{rest...}", _unknown)


def _guarded(login: Login, handler: Answer) -> Answer:
    """The handler behind this API's own refusals: every one is a 400 with an exceptionCode."""

    def answer(request: Request, org: Org) -> Response:
        try:
            _enter(login, request, org)
            return handler(request, org)
        except Refused as bad:
            return forms.refusal(request, bad)

    return answer


def _enter(login: Login, request: Request, org: Org) -> None:
    token = session_of(request)
    request.user = login.user_of(token) or ""
    if not request.user:
        raise Refused("InvalidSessionId", "Invalid session id" if token else "Unable to find session id")
    if "number" in request.params:
        request.version = _version(request.params["number"])
    try:
        org.limits.spend()
    except ApiError as bad:
        raise Refused("ExceededQuota", bad.message) from None
    classics.prepare(org)


def _version(text: str) -> str:
    number = int(text[:-2]) if re.fullmatch(r"\d{2}\.0", text) else 0
    if number in range(21, 31):
        raise Refused("InvalidVersion", f"API version {text} is retired")
    if not rest.OLDEST <= number <= rest.LATEST:
        raise Refused("InvalidUrl", f"unknown version: {text}")
    return text


def _unknown(request: Request, org: Org) -> Response:
    raise Refused("InvalidUrl", f"Destination URL is not one of this API: {request.method} {request.path}")


# -- jobs ---------------------------------------------------------------------------------------------------------


def create(request: Request, org: Org) -> Response:
    """A new job, open for batches."""
    given = forms.document(request)
    operation, content = given.get("operation", ""), given.get("contentType", "XML")
    if operation not in (*bulk_ingest.OPERATIONS, *classics.QUERIES):
        raise Refused("InvalidJob", f"Invalid operation: {operation or 'none'}")
    if content.startswith("ZIP_"):
        raise Refused("FeatureNotEnabled", f"Binary attachments ({content}) are not enabled for this organization")
    if content not in _CONTENTS:
        raise Refused("InvalidJob", f"Invalid contentType: {content}")
    mode = given.get("concurrencyMode", "Parallel")
    if mode not in ("Parallel", "Serial"):
        raise Refused("InvalidJob", f"Invalid concurrencyMode: {mode}")
    target = _object(org, given.get("object", ""))
    now = stored(org.clock.now())
    classic = Classic(
        id=org.new_id("750"), user=request.user, version=request.version, created=now, modified=now,
        operation=operation, object=target, content=content, concurrency=mode,
        external_id=_key(org, request, target, operation, given), assignment_rule=given.get("assignmentRuleId", ""),
    )  # fmt: skip
    _chunk(request, classic)
    classics.save(org, classic)
    return _job(request, org, classic, 201)


def _object(org: Org, name: str) -> str:
    known = org.schema.object(name)
    if known is None or org.access.hidden_object(known.name):
        raise Refused("InvalidJob", f"Unable to find object: {name}")
    if not known.bulk_queryable:
        raise Refused("InvalidEntity", f"Entity '{known.name}' is not supported by the Bulk API.")
    return known.name


def _key(org: Org, request: Request, target: str, operation: str, given: dict[str, str]) -> str:
    try:
        return external_id(org, request, target, operation, given.get("externalIdFieldName", ""))
    except ApiError as bad:
        raise Refused("InvalidJob", bad.message.removeprefix("InvalidJob : ")) from None


def _chunk(request: Request, classic: Classic) -> None:
    header = request.headers.get("sforce-enable-pkchunking", "")
    if header and classic.querying:
        try:
            classic.chunk, classic.start_row = chunks.wish(header)
        except chunks.CannotChunk as bad:
            raise Refused("InvalidJob", str(bad)) from None


def job_status(request: Request, org: Org) -> Response:
    """Where a job stands."""
    return _job(request, org, _mine(request, org))


def _job(request: Request, org: Org, classic: Classic, status: int = 200) -> Response:
    as_json = forms.wants_json(request, classic.content == "JSON")
    body = forms.job(classic, classics.batches(org, classic), as_json=as_json)
    return forms.answer("jobInfo", body, as_json=as_json, status=status)


def _mine(request: Request, org: Org) -> Classic:
    classic = classics.find(org, request.params["job"])
    if classic.user != request.user:
        raise Refused("InvalidUser", "The job was created by another user")
    return classic


def change_state(request: Request, org: Org) -> Response:
    """Close or abort a job."""
    wanted = forms.document(request).get("state", "")
    classic = _mine(request, org)
    if wanted not in ("Closed", "Aborted"):
        raise Refused("InvalidJobState", f"Invalid job state: {wanted or 'none'}")
    return _job(request, org, classics.close(org, classic.id, wanted))


# -- batches ------------------------------------------------------------------------------------------------------


def add_batch(request: Request, org: Org) -> Response:
    """A batch of records, or a query, for an open job; its content type is that of the job."""
    classic = _mine(request, org)
    if not classic.querying and request.content_type not in _BODIES[classic.content]:
        sent = request.content_type or "none"
        raise Refused("InvalidBatch", f"Content type {sent} of the batch is not that of the job, {classic.content}")
    made = classics.add(org, classic, request.body)
    as_json = classic.content == "JSON"
    body = forms.batch(classic, made, as_json=as_json)
    return forms.answer("batchInfo", body, as_json=as_json, status=201)


def list_batches(request: Request, org: Org) -> Response:
    """All batches of a job."""
    classic = _mine(request, org)
    as_json = classic.content == "JSON"
    found = [forms.batch(classic, one, as_json=as_json) for one in classics.batches(org, classic)]
    return forms.answer("batchInfoList", {"batchInfo": found}, as_json=as_json)


def batch_status(request: Request, org: Org) -> Response:
    """Where a batch stands."""
    classic = _mine(request, org)
    one = classics.batch_of(org, classic, request.params["batch"])
    as_json = classic.content == "JSON"
    return forms.answer("batchInfo", forms.batch(classic, one, as_json=as_json), as_json=as_json)


def batch_request(request: Request, org: Org) -> Response:
    """What was sent as a batch."""
    classic = _mine(request, org)
    one = classics.batch_of(org, classic, request.params["batch"])
    return Response(200, classics.request_of(org, one), {"Content-Type": _type(classic)})


def batch_result(request: Request, org: Org) -> Response:
    """The outcome of every record in the order of the request, or the ids of a query's results."""
    classic = _mine(request, org)
    one = classics.batch_of(org, classic, request.params["batch"])
    if not classic.querying:
        return forms.outcomes(classic.content, classics.outcomes(org, one))
    ids: list[Any] = [classics.result_id(one)]
    if classic.content == "JSON":
        return Response(200, json.dumps(ids).encode(), {"Content-Type": forms.JSON})
    inner = "".join(element("result", id_) for id_ in ids)
    text = f'{DECLARATION}<result-list xmlns="{NAMESPACE}">{inner}</result-list>'
    return Response(200, text.encode(), {"Content-Type": forms.XML})


def query_result(request: Request, org: Org) -> Response:
    """The records that a query found, in the form of the job."""
    classic = _mine(request, org)
    one = classics.batch_of(org, classic, request.params["batch"])
    if not classic.querying or classics.result_id(one)[:15] != request.params["result"][:15]:
        raise Refused("InvalidBatch", f"Invalid result id: {request.params['result']}")
    return Response(200, classics.result_file(org, classic, one), {"Content-Type": _type(classic)})


def _type(classic: Classic) -> str:
    return {"CSV": forms.CSV, "XML": forms.XML, "JSON": forms.JSON}[classic.content]
