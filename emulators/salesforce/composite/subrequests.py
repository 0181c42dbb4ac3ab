"""How calls inside a call are carried out: with references to earlier answers, alone or all together.

Source: "Composite Subrequest Result" and "Composite Request Body" of the REST API guide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from emulators.salesforce.errors import ApiError, DmlError, not_found
from emulators.salesforce.org import Org
from emulators.salesforce.router import Request, Response, Router, error_response

UNDONE = "The transaction was rolled back since another operation in the same transaction failed."
NULLS_SINCE = 52  # before, a reference to an empty field was one to nothing
_REFERENCE = re.compile(r"@\{([^.}\[]+)([^}]*)\}")
_PART = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_OUTERMOST = re.compile(r"/services/data/v[\d.]+(?:/tooling)?/composite(?:/batch|/graph|/tree/[^/]+)?/?\Z")
Answer = dict[str, Any]


class BadReference(Exception):
    """A reference to an answer or a value that is not there."""


class _UndoneError(Exception):
    """Undo the transaction; the answers are already known."""


class Calls:
    """The calls of one request, with what the earlier ones answered."""

    def __init__(self, router: Router, outer: Request, org: Org) -> None:
        self._router = router
        self._outer = outer
        self._org = org
        self.known: dict[str, Any] = {}

    def each(self, calls: list[dict[str, Any]]) -> list[Answer]:
        """Every call in order; one whose reference leads to nothing is refused, the others go on."""
        return [self.named(call) for call in calls]

    def named(self, call: Mapping[str, Any]) -> Answer:
        """One call with its referenceId: body, headers and status of its answer."""
        name = str(call["referenceId"])
        try:
            url, body = self._resolve(str(call["url"])), self._resolve(call.get("body"))
            answer = self.one(str(call["method"]), str(url), body, call.get("httpHeaders") or {})
        except BadReference as bad:
            answer = error_response(ApiError("PROCESSING_HALTED", str(bad)))
        parsed = json.loads(answer.body) if answer.body else None
        if answer.status < 300:
            self.known[name] = parsed
        headers = {
            kept: answer.headers[kept] for kept in ("Location", "ETag", "Last-Modified") if kept in answer.headers
        }
        return {"body": parsed, "httpHeaders": headers, "httpStatusCode": answer.status, "referenceId": name}

    def one(self, method: str, url: str, body: Any, headers: Mapping[str, Any] | None = None) -> Response:
        """One call through the routes; its own changes are undone when it is refused."""
        path, _, raw_query = url.partition("?")
        pairs = tuple(parse_qsl(raw_query, keep_blank_values=True))
        named = {str(name).lower(): str(value) for name, value in (headers or {}).items()}
        named["content-type"] = "application/json"
        inner = Request(method.upper(), path, query=dict(pairs), pairs=pairs, headers=named, user=self._outer.user)
        inner.base_url = self._outer.base_url
        inner.body = b"" if body is None else json.dumps(body).encode()
        try:
            if _OUTERMOST.match(path):
                raise not_found()
            with self._org.save_point():
                route, inner.params = self._router.find(inner.method, path)
                inner.version = inner.params.get("version", self._outer.version)
                return route.handler(inner, self._org)
        except (ApiError, DmlError) as bad:
            return error_response(bad)

    def _resolve(self, value: Any) -> Any:
        """`@{ref.path}` replaced by what that call answered; a value that is nothing else keeps its type."""
        if isinstance(value, dict):
            return {name: self._resolve(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._resolve(inner) for inner in value]
        if not isinstance(value, str):
            return value
        whole = _REFERENCE.fullmatch(value)
        if whole:
            return self._look_up(whole[1], whole[2])
        return _REFERENCE.sub(lambda match: _text(self._look_up(match[1], match[2])), value)

    def _look_up(self, name: str, path: str) -> Any:
        nothing = BadReference(f"Invalid reference specified. No value for {name}{path} found in {name}")
        if name not in self.known:
            raise nothing
        found: Any = self.known[name]
        parts = [match[1] or int(match[2]) for match in _PART.finditer(path)]
        for part in parts:
            try:
                found = found[part]
            except (KeyError, IndexError, TypeError):
                raise nothing from None
        if found is None and float(self._outer.version or 0) < NULLS_SINCE:
            raise nothing
        return found


def references(value: Any) -> set[str]:
    """The names of the calls whose answers a body or an address uses."""
    if isinstance(value, dict):
        return {name for inner in value.values() for name in references(inner)}
    if isinstance(value, list):
        return {name for inner in value for name in references(inner)}
    return {match[1] for match in _REFERENCE.finditer(value)} if isinstance(value, str) else set()


def undo_when_failed(org: Org, act: Callable[[], list[Answer]]) -> tuple[list[Answer], bool]:
    """The answers, and whether all are good; when one is not, nothing is kept and the others say so."""
    answers: list[Answer] = []
    try:
        with org.transaction():
            answers = act()
            if any(int(answer["httpStatusCode"]) >= 400 for answer in answers):
                raise _UndoneError
    except _UndoneError:
        return [answer if answer["httpStatusCode"] >= 400 else halted(answer) for answer in answers], False
    return answers, True


def halted(answer: Mapping[str, Any], text: str = UNDONE) -> Answer:
    """The answer of a call that was, or would have been, good but for another."""
    body = [{"errorCode": "PROCESSING_HALTED", "message": text}]
    return {"body": body, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": answer["referenceId"]}


def _text(value: Any) -> str:
    return "" if value is None else json.dumps(value) if isinstance(value, bool | dict | list) else str(value)
