"""What an answer other than success means, and therefore what to do: try again, renew, stop, or tell a person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connector.crm.answers import plain, redacted, retry_after
from connector.crm.retry import Again, Unanswered
from connector.errors import BudgetExhausted, GiveUp, Misconfigured

LOCKED = "UNABLE_TO_LOCK_ROW"
SLOW_QUERY = "QUERY_TIMEOUT"
TRANSIENT = frozenset({LOCKED, "SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION", SLOW_QUERY, "REQUEST_RUNNING_TOO_LONG"})
"""Codes of a single record's failure after which the same write may succeed."""


class Refusal(GiveUp):
    """The org understood the call and will not do it; `code`, `message` and `fields` are its own."""

    def __init__(self, where: str, status: int, code: str, message: str, fields: tuple[str, ...] = ()) -> None:
        self.status, self.code, self.message, self.fields = status, code, message, fields
        super().__init__(f"{where}: {code or f'HTTP {status}'}: {message}")


class QueryTooSlow(Refusal):
    """The query ran longer than the org allows: ask for less at a time."""


class SessionExpired(Again):
    """The token is no longer taken: renew it, then send the same call again once."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that is not a success, read as far as it can be."""

    where: str  # method and path
    status: int
    code: str
    message: str
    fields: tuple[str, ...] = ()
    after: float | None = None  # Retry-After in seconds
    spoken: bool = True  # the org itself answered (JSON), not a gateway before it


def fault_of(where: str, status: int, content: Any, headers: Mapping[str, str]) -> Fault:
    """Reads the JSON list that Salesforce sends, a JSON object, or anything else as a gateway's page."""
    if isinstance(content, (bytes, str)):
        try:
            content = json.loads(content)
        except ValueError:
            return Fault(where, status, "", plain(content), after=retry_after(headers), spoken=False)
    item = content[0] if isinstance(content, list) and content else content
    if not isinstance(item, dict):
        return Fault(where, status, "", redacted(str(content))[:300], after=retry_after(headers), spoken=False)
    code = str(item.get("errorCode") or item.get("statusCode") or item.get("error") or "")
    message = redacted(str(item.get("message") or item.get("error_description") or "").strip())
    fields = tuple(str(name) for name in item.get("fields") or ())
    return Fault(where, status, code, message, fields, retry_after(headers))


def error_of(fault: Fault, *, idempotent: bool) -> Exception:
    """The exception that a fault is; `idempotent` says whether sending the call twice is harmless."""
    by_code = _by_code(fault)
    if by_code is not None:
        return by_code
    if fault.status == 429:
        return Again(f"{fault.where}: HTTP 429", after=fault.after, tries=6)
    if fault.status >= 500:
        return _server(fault, idempotent=idempotent)
    if 301 <= fault.status <= 308:
        return Misconfigured(fault.where, "the org redirects elsewhere", "Set instance_url to the org's My Domain")
    return Refusal(fault.where, fault.status, fault.code, fault.message, fault.fields)


def _by_code(fault: Fault) -> Exception | None:
    where, text = fault.where, f"{fault.code}: {fault.message}"
    if fault.status == 401:
        if fault.code == "INVALID_SESSION_ID" and "not valid for use" not in fault.message:
            return SessionExpired(f"{where}: {text}", tries=2, promptly=True)
        return Misconfigured(
            where, text or "HTTP 401", "Check that the app's scopes hold 'api' and the user may use it"
        )
    if fault.code == "REQUEST_LIMIT_EXCEEDED":
        if "Concurrent" in fault.message:
            return Again(f"{where}: {text}", tries=6)
        return BudgetExhausted(f"{where}: {text} Run again when the org's rolling 24 hours free some requests")
    if fault.code in ("API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED"):
        return Misconfigured(
            where, text, "Give the integration user 'API Enabled', or ask for an edition with the API"
        )
    if fault.status == 410 or fault.code == "UNSUPPORTED_API_VERSION":
        return Misconfigured("salesforce.api_version", text or "HTTP 410", "Set a version that the org still offers")
    if fault.code == SLOW_QUERY:
        return QueryTooSlow(where, fault.status, fault.code, fault.message)
    if fault.code == LOCKED:
        return Again(f"{where}: {text}")
    return None


def _server(fault: Fault, *, idempotent: bool) -> Exception:
    text = f"{fault.where}: HTTP {fault.status} {fault.code} {fault.message}".rstrip()
    undone = fault.spoken and fault.status == 503
    if not (idempotent or undone):
        return Unanswered(text)
    return Again(text, after=fault.after, tries=2 if fault.status == 500 else 5)
