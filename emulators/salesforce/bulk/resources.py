"""What Bulk API 2.0 answers: the paths under jobs/query and jobs/ingest."""

from __future__ import annotations

from typing import Any

from emulators.loopback.clock import stored
from emulators.salesforce.bulk import ingest as bulk_ingest
from emulators.salesforce.bulk import jobs
from emulators.salesforce.bulk import query as bulk_query
from emulators.salesforce.bulk.jobs import DELIMITERS, ENDINGS, INGEST, QUERY, Job
from emulators.salesforce.errors import ApiError
from emulators.salesforce.org import Org
from emulators.salesforce.router import Request, Response, Router, json_response
from emulators.salesforce.soql import SoqlError, rows_for_bulk

_ROOT = "/services/data/{version}/jobs"
_NAMES = {name.lower(): name for name in ("successfulResults", "failedResults", "unprocessedrecords")}


def routes(router: Router) -> None:
    """Register the paths."""
    router.add("POST", f"{_ROOT}/query", create_query)
    router.add("GET", f"{_ROOT}/query", list_queries)
    router.add("GET", f"{_ROOT}/query/{{job}}", query_status)
    router.add("PATCH", f"{_ROOT}/query/{{job}}", abort_query)
    router.add("DELETE", f"{_ROOT}/query/{{job}}", delete_query)
    router.add("GET", f"{_ROOT}/query/{{job}}/results", query_results)
    router.add("GET", f"{_ROOT}/query/{{job}}/resultPages", result_pages)
    router.add("POST", f"{_ROOT}/ingest", create_ingest)
    router.add("GET", f"{_ROOT}/ingest", list_ingests)
    router.add("GET", f"{_ROOT}/ingest/{{job}}", ingest_status)
    router.add("PATCH", f"{_ROOT}/ingest/{{job}}", close_ingest)
    router.add("DELETE", f"{_ROOT}/ingest/{{job}}", delete_ingest)
    router.add("PUT", f"{_ROOT}/ingest/{{job}}/batches", upload)
    router.add("GET", f"{_ROOT}/ingest/{{job}}/{{which}}", ingest_results)


def _new(org: Org, request: Request, kind: str, body: dict[str, Any], **rest: Any) -> Job:
    content = str(body.get("contentType") or "CSV")
    if content != "CSV":
        raise ApiError("INVALIDJOB", f"contentType: {content} is not supported")
    now = stored(org.clock.now())
    job = Job(
        id=org.new_id("750"), kind=kind, user=request.user, version=request.version, created=now, modified=now,
        operation=str(body.get("operation") or ""),
        delimiter=jobs.choice(body, "columnDelimiter", DELIMITERS, "COMMA"),
        ending=jobs.choice(body, "lineEnding", ENDINGS, "LF"), **rest,
    )  # fmt: skip
    jobs.save(org, job)
    return job


def _body(request: Request, allowed: set[str]) -> dict[str, Any]:
    body = request.json()
    if not isinstance(body, dict):
        raise ApiError("JSON_PARSER_ERROR", "The HTTP entity body must be a JSON object")
    unknown = sorted(body.keys() - allowed)
    if unknown:
        raise ApiError("JSON_PARSER_ERROR", f'Unrecognized field "{unknown[0]}"')
    return body


# -- query --------------------------------------------------------------------------------------------------------


def create_query(request: Request, org: Org) -> Response:
    """A new query job; a query that cannot run is refused at once."""
    jobs.prepare(org)
    body = _body(request, {"operation", "query", "contentType", "columnDelimiter", "lineEnding"})
    if body.get("operation") not in ("query", "queryAll"):
        raise ApiError("INVALIDJOB", f"operation: {body.get('operation')} is not one of query, queryAll")
    if jobs.since_yesterday(org, QUERY) >= jobs.settings(org).query_jobs_a_day:
        raise ApiError("EXCEEDEDQUOTA", "DailyBulkV2QueryJobs Limit exceeded.")
    query = str(body.get("query") or "")
    try:
        surroundings = bulk_query.context(org, request.user, request.version, all_rows=False)
        rows_for_bulk(org.connection(), query, surroundings)
    except SoqlError as bad:
        raise ApiError(bad.code, bad.message) from None
    target = bulk_query.object_of(query)
    known = org.schema.object(target)
    job = _new(org, request, QUERY, body, state="UploadComplete", query=query, object=known.name if known else target)
    jobs.start(org, job, bulk_query.work)
    return json_response(jobs.described(job))


def query_status(request: Request, org: Org) -> Response:
    """Where a query job stands."""
    job = jobs.poll(org, jobs.find(org, request.params["job"], QUERY), bulk_query.work)
    pk = {"isPkChunkingSupported": " limit " not in job.query.lower() and " order by " not in job.query.lower()}
    return json_response(jobs.described(job) | jobs.counted(job) | pk)


def abort_query(request: Request, org: Org) -> Response:
    """End a query job before it is complete."""
    body = _body(request, {"state"})
    if body.get("state") != "Aborted":
        raise ApiError("INVALIDJOBSTATE", f"state: {body.get('state')} is not Aborted")
    return json_response(jobs.described(_aborted(org, request.params["job"], QUERY)))


def _aborted(org: Org, job_id: str, kind: str) -> Job:
    with org.transaction():
        job = jobs.find(org, job_id, kind)
        if job.state in ("JobComplete", "Failed", "Aborted"):
            raise ApiError("INVALIDJOBSTATE", f"Aborting already {job.state} Job not allowed")
        job.state, job.modified = "Aborted", stored(org.clock.now())
        jobs.save(org, job)
    return job


def delete_query(request: Request, org: Org) -> Response:
    """Forget a query job that has ended."""
    return _deleted(org, jobs.find(org, request.params["job"], QUERY), ("JobComplete", "Failed", "Aborted"))


def _deleted(org: Org, job: Job, when: tuple[str, ...]) -> Response:
    if job.state not in when:
        raise ApiError("INVALIDJOBSTATE", f"Deleting {job.state} Job not allowed")
    jobs.wait(org, job.id)
    jobs.remove(org, job)
    return Response(204)


def _finished(request: Request, org: Org) -> Job | None:
    """The job when its results may be read; None before that and after a failure."""
    job = jobs.find(org, request.params["job"], QUERY)
    if job.version != request.version:
        text = f"The API version of the job is {job.version}, the call asks in {request.version}"
        raise ApiError("API_VERSION_MISMATCH", text, http=409)
    return job if job.state == "JobComplete" else None


def query_results(request: Request, org: Org) -> Response:
    """A page of results; 204 without a body while there are none."""
    job = _finished(request, org)
    if job is None:
        return Response(204)
    size = _rows_wanted(request, jobs.settings(org).page)
    at = request.query.get("locator", "")
    page = bulk_query.page(org, job, bulk_query.place(at) if at else 0, size)
    headers = {
        "Content-Type": "text/csv",
        "Sforce-Locator": page.locator,
        "Sforce-NumberOfRecords": str(page.rows),
    }
    return Response(200, page.body, headers)


def _rows_wanted(request: Request, usual: int) -> int:
    text = request.query.get("maxRecords")
    if text is None:
        return usual
    if not text.isdigit() or int(text) < 1:
        raise ApiError("INVALID_INPUT", f"maxRecords: {text} is not a positive number")
    return int(text)


def result_pages(request: Request, org: Org) -> Response:
    """Up to five addresses of pages that may be read side by side."""
    job = _finished(request, org)
    if job is None:
        return Response(204)
    size = _rows_wanted(request, jobs.settings(org).page)
    at = request.query.get("locator", "")
    first = bulk_query.place(at) if at else 0
    starts = [first + size * number for number in range(5) if number == 0 or first + size * number < job.processed]
    root = f"/services/data/v{job.version}/jobs/query/{job.id}"
    urls = [f"{root}/results?maxRecords={size}&locator={bulk_query.locator(start)}" for start in starts]
    rest = first + size * len(starts)
    more = rest < job.processed
    following = f"{root}/resultPages?maxRecords={size}&locator={bulk_query.locator(rest)}" if more else None
    pages = [{"resultUrl": url} for url in urls]
    return json_response({"resultPages": pages, "nextRecordUrl": following, "done": not more})


def list_queries(request: Request, org: Org) -> Response:
    """All query jobs."""
    return _listed(request, org, QUERY)


def _listed(request: Request, org: Org, kind: str) -> Response:
    found = [jobs.described(job) for job in jobs.listed(org, kind)]
    start = bulk_query.place(request.query["queryLocator"]) if "queryLocator" in request.query else 0
    shown, more = found[start : start + 1000], len(found) > start + 1000
    path = f"/services/data/v{request.version}/jobs/{'query' if kind == QUERY else 'ingest'}"
    following = f"{path}?queryLocator={bulk_query.locator(start + 1000)}" if more else None
    return json_response({"done": not more, "records": shown, "nextRecordsUrl": following})


# -- ingest -------------------------------------------------------------------------------------------------------


def create_ingest(request: Request, org: Org) -> Response:
    """A new ingest job, open for one upload."""
    jobs.prepare(org)
    names = {"object", "operation", "externalIdFieldName", "contentType", "columnDelimiter", "lineEnding"}
    body = _body(request, names | {"assignmentRuleId"})
    operation, target = str(body.get("operation") or ""), str(body.get("object") or "")
    if operation not in bulk_ingest.OPERATIONS:
        raise ApiError("INVALIDJOB", f"operation: {operation} is not one of {', '.join(bulk_ingest.OPERATIONS)}")
    known = org.schema.object(target)
    if known is None or org.access.hidden_object(known.name):
        raise ApiError("INVALIDJOB", f"InvalidJob : Unable to find object: {target}")
    if jobs.since_yesterday(org, INGEST) >= jobs.settings(org).batches_a_day:
        raise ApiError("EXCEEDEDQUOTA", "DailyBulkApiBatches Limit exceeded.")
    external = external_id(org, request, known.name, operation, str(body.get("externalIdFieldName") or ""))
    job = _new(org, request, INGEST, body, state="Open", object=known.name, external_id=external)
    return json_response(_ingest(job))


def external_id(org: Org, request: Request, target: str, operation: str, name: str) -> str:
    """The key field of an upsert, empty for other operations; 400 INVALIDJOB when it cannot be one."""
    if operation != "upsert":
        return ""
    obj = org.object(target)
    field = obj.field(name)
    if not name or field is None or not org.visible(request.user)(obj, field):
        raise ApiError("INVALIDJOB", f"InvalidJob : Field name not found : {name or 'externalIdFieldName'}")
    if not (field.external_id or field.id_lookup or field.type == "id"):
        raise ApiError("INVALIDJOB", f"InvalidJob : Field is not an external id : {field.name}")
    return field.name


def _ingest(job: Job) -> dict[str, Any]:
    body = jobs.described(job)
    body["contentUrl"] = f"services/data/v{job.version}/jobs/ingest/{job.id}/batches"
    return body | ({"externalIdFieldName": job.external_id} if job.external_id else {})


def upload(request: Request, org: Org) -> Response:
    """Take the one file of an open job."""
    job = jobs.find(org, request.params["job"], INGEST)
    if job.state != "Open":
        raise ApiError("INVALIDJOBSTATE", f"Uploading data to {job.state} Job not allowed")
    if job.uploaded:
        raise ApiError("INVALIDJOBSTATE", "Found multiple contents for job: only one upload is allowed")
    if request.content_type != "text/csv":
        raise ApiError("UNSUPPORTED_MEDIA_TYPE", f"Unsupported content type: {request.content_type}", http=415)
    if len(request.body) > jobs.settings(org).max_upload:
        raise ApiError("REQUEST_ENTITY_TOO_LARGE", "The upload exceeds 150 MB once it is encoded in base64", http=413)
    bulk_ingest.keep_upload(org, job, request.body)
    return Response(201)


def close_ingest(request: Request, org: Org) -> Response:
    """Hand the upload over for work, or abort."""
    wanted = _body(request, {"state"}).get("state")
    job_id = request.params["job"]
    if wanted == "Aborted":
        return json_response(_ingest(_aborted(org, job_id, INGEST)))
    if wanted != "UploadComplete":
        raise ApiError("INVALIDJOBSTATE", f"state: {wanted} is not UploadComplete or Aborted")
    with org.transaction():
        job = jobs.find(org, job_id, INGEST)
        if job.state != "Open":
            raise ApiError("INVALIDJOBSTATE", f"Closing already {job.state} Job not allowed")
        job.state, job.started = "UploadComplete", stored(org.clock.now())
        job.modified = job.started
        jobs.save(org, job)
    jobs.start(org, job, bulk_ingest.work)
    return json_response(_ingest(job))


def ingest_status(request: Request, org: Org) -> Response:
    """Where an ingest job stands."""
    job = jobs.poll(org, jobs.find(org, request.params["job"], INGEST), bulk_ingest.work)
    ended = job.state in ("JobComplete", "Failed", "Aborted")
    times = {"apiActiveProcessingTime": job.milliseconds if ended else 0, "apexProcessingTime": 0}
    return json_response(
        _ingest(job) | jobs.counted(job) | times | {"numberRecordsFailed": job.failed if ended else 0}
    )


def ingest_results(request: Request, org: Org) -> Response:
    """One of the three result files of a job that has ended."""
    which = _NAMES.get(request.params["which"].lower())
    if which is None:
        raise ApiError("NOT_FOUND", "The requested resource does not exist", http=404)
    job = jobs.find(org, request.params["job"], INGEST)
    if job.state not in ("JobComplete", "Failed", "Aborted"):
        raise ApiError("INVALIDJOBSTATE", f"Results of {job.state} Job are not available")
    jobs.wait(org, job.id)
    return Response(200, bulk_ingest.results(org, job, which), {"Content-Type": "text/csv"})


def delete_ingest(request: Request, org: Org) -> Response:
    """Forget an ingest job that neither waits for data nor is at work."""
    job = jobs.find(org, request.params["job"], INGEST)
    return _deleted(org, job, ("UploadComplete", "JobComplete", "Failed", "Aborted"))


def list_ingests(request: Request, org: Org) -> Response:
    """All ingest jobs."""
    return _listed(request, org, INGEST)
