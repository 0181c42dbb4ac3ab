"""What composite and composite/batch answer: up to 25 calls in one, each through the same routes as alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from emulators.salesforce.errors import ApiError, DmlError
from emulators.salesforce.org import Org
from emulators.salesforce.router import Request, Response, Router, error_response, json_response

MAX_CALLS, MAX_QUERIES = 25, 5
_REFERENCE = re.compile(r"@\{(\w+)\.([^}]+)\}")
_WHOLE = re.compile(r"@\{(\w+)\.([^}]+)\}\Z")
_UNDONE = "The transaction was rolled back since another operation in the same transaction failed."


class _UndoneError(Exception):
    """Undo the transaction; the answers are already known."""


def routes(router: Router) -> None:
    """composite and composite/batch, which call the other routes."""

    def composite(request: Request, org: Org) -> Response:
        return _composite(router, request, org)

    def batch(request: Request, org: Org) -> Response:
        return _batch(router, request, org)

    router.add("POST", "/services/data/{version}/composite", composite)
    router.add("POST", "/services/data/{version}/composite/batch", batch)


def _calls(body: Any, key: str) -> list[dict[str, Any]]:
    calls = body.get(key) if isinstance(body, dict) else None
    if not isinstance(calls, list) or not calls or not all(isinstance(call, dict) for call in calls):
        raise ApiError("JSON_PARSER_ERROR", f"The request must contain a list {key}")
    if len(calls) > MAX_CALLS:
        raise ApiError("LIMIT_EXCEEDED", f"The number of subrequests is limited to {MAX_CALLS}")
    return calls


def _composite(router: Router, request: Request, org: Org) -> Response:
    body = request.json()
    calls = _calls(body, "compositeRequest")
    _check_composite(calls)
    answers: list[dict[str, Any]] = []
    try:
        with org.transaction():
            _each(router, request, org, calls, answers)
            if body.get("allOrNone") and any(int(answer["httpStatusCode"]) >= 400 for answer in answers):
                raise _UndoneError
    except _UndoneError:
        answers = [answer if answer["httpStatusCode"] >= 400 else _undone(answer) for answer in answers]
    return json_response({"compositeResponse": answers})


def _check_composite(calls: list[dict[str, Any]]) -> None:
    names = [call.get("referenceId") for call in calls]
    if not all(isinstance(name, str) and name for name in names) or len(set(map(str, names))) < len(names):
        raise ApiError("INVALID_INPUT", "Each subrequest needs a referenceId of its own")
    heavy = [call for call in calls if re.search(r"/(query|queryAll|composite/sobjects)\b", str(call.get("url")))]
    if len(heavy) > MAX_QUERIES:
        raise ApiError("LIMIT_EXCEEDED", f"No more than {MAX_QUERIES} subrequests may be queries or collections")


def _each(
    router: Router, request: Request, org: Org, calls: list[dict[str, Any]], answers: list[dict[str, Any]]
) -> None:
    known: dict[str, Any] = {}
    for call in calls:
        name = str(call["referenceId"])
        try:
            url, body = _resolve(str(call.get("url")), known), _resolve(call.get("body"), known)
            answer = _inner(router, request, org, str(call.get("method")), url, body)
        except (KeyError, IndexError, TypeError, ValueError):
            answer = error_response(ApiError("PROCESSING_HALTED", "Invalid reference specified."))
        parsed = json.loads(answer.body) if answer.body else None
        if answer.status < 300:
            known[name] = parsed
        headers = {"Location": answer.headers["Location"]} if "Location" in answer.headers else {}
        answers.append({"body": parsed, "httpHeaders": headers, "httpStatusCode": answer.status, "referenceId": name})


def _undone(answer: Mapping[str, Any]) -> dict[str, Any]:
    body = [{"errorCode": "PROCESSING_HALTED", "message": _UNDONE}]
    return {**answer, "body": body, "httpHeaders": {}, "httpStatusCode": 400}


def _batch(router: Router, request: Request, org: Org) -> Response:
    body = request.json()
    results = []
    for call in _calls(body, "batchRequests"):
        url = "/services/data/" + str(call.get("url")).removeprefix("/services/data/").lstrip("/")
        answer = _inner(router, request, org, str(call.get("method")), url, call.get("richInput"))
        results.append({"statusCode": answer.status, "result": json.loads(answer.body) if answer.body else None})
        if body.get("haltOnError") and answer.status >= 400:
            break
    failed = any(int(str(one["statusCode"])) >= 400 for one in results)
    return json_response({"hasErrors": failed, "results": results})


def _inner(router: Router, outer: Request, org: Org, method: str, url: Any, body: Any) -> Response:
    path, _, raw_query = str(url).partition("?")
    values = {name: found[-1] for name, found in parse_qs(raw_query, keep_blank_values=True).items()}
    headers = {"content-type": "application/json"}
    inner = Request(method.upper(), path, query=values, headers=headers, user=outer.user, base_url=outer.base_url)
    inner.body = b"" if body is None else json.dumps(body).encode()
    try:
        with org.save_point():
            route, inner.params = router.find(inner.method, path)
            inner.version = inner.params.get("version", outer.version)
            return route.handler(inner, org)
    except (ApiError, DmlError) as bad:
        return error_response(bad)


def _resolve(value: Any, known: Mapping[str, Any]) -> Any:
    """`@{ref.path}` replaced by what that call answered; a value that is nothing else keeps its type."""
    if isinstance(value, dict):
        return {name: _resolve(inner, known) for name, inner in value.items()}
    if isinstance(value, list):
        return [_resolve(inner, known) for inner in value]
    if not isinstance(value, str):
        return value
    whole = _WHOLE.match(value)
    if whole:
        return _look_up(known, whole[1], whole[2])
    return _REFERENCE.sub(lambda match: str(_look_up(known, match[1], match[2])), value)


def _look_up(known: Mapping[str, Any], name: str, path: str) -> Any:
    found: Any = known[name]
    for part in re.findall(r"[^.\[\]]+", path):
        found = found[int(part)] if isinstance(found, list) else found[part]
    return found
