"""What composite and composite/batch answer: up to 25 calls in one, each through the same routes as alone.

Source: "Composite", "Composite Request Body", "Batch" and "Batch Request Body" of the REST API guide.
"""

from __future__ import annotations

import json
import re
from typing import Any

from emulators.salesforce.composite.subrequests import Calls, undo_when_failed
from emulators.salesforce.errors import ApiError
from emulators.salesforce.org import Org
from emulators.salesforce.router import Request, Response, Router, json_response

MAX_CALLS, MAX_QUERIES = 25, 5
STRICT_NAMES_SINCE = 52  # before, a bad name spoilt its own call only
_NAME = re.compile(r"[A-Za-z0-9]\w*\Z", re.ASCII)
_HEAVY = re.compile(r"/(query|queryAll|composite/sobjects)(?=[/?]|\Z)")
_INHERITED = frozenset({"accept", "authorization", "content-type"})
_METHODS = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE", "HEAD"})
_HALTED = "The request was halted because a previous request in the batch failed and haltOnError is set to true."


def routes(router: Router) -> None:
    """composite and composite/batch, which call the other routes; the Tooling API has both too."""

    def composite(request: Request, org: Org) -> Response:
        return _composite(router, request, org)

    def batch(request: Request, org: Org) -> Response:
        return _batch(router, request, org)

    for base in ("/services/data/{version}", "/services/data/{version}/tooling"):
        router.add("POST", f"{base}/composite", composite, since=38)
        router.add("POST", f"{base}/composite/batch", batch, since=34)


def subrequests(body: Any, key: str) -> list[dict[str, Any]]:
    """The calls that a body lists under that key; 400 when there are none or they are no objects."""
    calls = body.get(key) if isinstance(body, dict) else None
    if not isinstance(calls, list) or not calls or not all(isinstance(call, dict) for call in calls):
        raise ApiError("JSON_PARSER_ERROR", f"The request must contain a list {key}")
    for call in calls:
        for name in ("method", "url"):
            if not isinstance(call.get(name), str) or not call[name]:
                raise ApiError("INVALID_INPUT", f"Each subrequest must have a {name}")
        if call["method"].upper() not in _METHODS:
            raise ApiError("INVALID_INPUT", f"Unsupported method in a subrequest: {call['method']}")
    return calls


def check_names(calls: list[dict[str, Any]], version: str) -> None:
    """Each call has a referenceId of its own; from version 52 a badly formed one refuses the whole request."""
    names = [call.get("referenceId") for call in calls]
    if not all(isinstance(name, str) and name for name in names) or len(set(map(str, names))) < len(names):
        raise ApiError("INVALID_INPUT", "Each subrequest needs a referenceId of its own")
    bad = next((str(name) for name in names if not well_named(str(name))), None)
    if bad is not None and float(version) >= STRICT_NAMES_SINCE:
        raise ApiError("INVALID_INPUT", name_problem(bad))


def well_named(name: str) -> bool:
    """Whether a referenceId is one: letters, numbers and underscores."""
    return _NAME.match(name) is not None


def name_problem(name: str) -> str:
    """What is wrong with a referenceId."""
    return (
        f"Provided referenceId ('{name}') must start with a letter or a number, "
        "and it can contain only letters, numbers and underscores ('_')."
    )


def check_headers(calls: list[dict[str, Any]]) -> None:
    """Subrequests inherit Accept, Authorization and Content-Type; naming one of them refuses the whole request."""
    for call in calls:
        headers = call.get("httpHeaders")
        if headers is not None and not isinstance(headers, dict):
            raise ApiError("JSON_PARSER_ERROR", "httpHeaders must be an object")
        bad = next((name for name in headers or {} if name.lower() in _INHERITED), None)
        if bad is not None:
            raise ApiError("INVALID_HTTP_HEADER", f"The header {bad} is not allowed in a subrequest")


def _composite(router: Router, request: Request, org: Org) -> Response:
    body = request.json()
    calls = subrequests(body, "compositeRequest")
    if len(calls) > MAX_CALLS:
        raise ApiError("LIMIT_EXCEEDED", f"The number of subrequests is limited to {MAX_CALLS}")
    check_names(calls, request.version)
    check_headers(calls)
    if sum(_HEAVY.search(call["url"]) is not None for call in calls) > MAX_QUERIES:
        raise ApiError("LIMIT_EXCEEDED", f"No more than {MAX_QUERIES} subrequests may be queries or collections")
    inner = Calls(router, request, org)
    if body.get("allOrNone") in (True, "true"):
        answers, _ = undo_when_failed(org, lambda: inner.each(calls))
    else:
        with org.transaction():
            answers = inner.each(calls)
    return json_response({"compositeResponse": answers})


def _batch(router: Router, request: Request, org: Org) -> Response:
    """binaryPartName and binaryPartNameAlias are taken and left alone: no object here has binary data."""
    body = request.json()
    calls = subrequests(body, "batchRequests")
    if len(calls) > MAX_CALLS:
        raise ApiError("LIMIT_EXCEEDED", f"The number of subrequests is limited to {MAX_CALLS}")
    inner = Calls(router, request, org)
    results: list[dict[str, Any]] = []
    halted = False
    for call in calls:
        if halted:
            problem = [{"errorCode": "BATCH_PROCESSING_HALTED", "message": _HALTED}]
            results.append({"statusCode": 412, "result": problem})
            continue
        url = "/services/data/" + call["url"].lstrip("/").removeprefix("services/data/")
        answer = inner.one(call["method"], url, call.get("richInput"))
        results.append({"statusCode": answer.status, "result": json.loads(answer.body) if answer.body else None})
        halted = answer.status >= 400 and body.get("haltOnError") in (True, "true")
    failed = any(int(str(one["statusCode"])) >= 400 for one in results)
    return json_response({"hasErrors": failed, "results": results})
