"""What an answer other than success means, and therefore what to do: try again, renew, stop, or tell a person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connector.crm.answers import plain, redacted, retry_after
from connector.crm.retry import Again, Unanswered
from connector.errors import BudgetExhausted, GiveUp, Misconfigured

UNREACHED = frozenset({521, 522, 523})
"""What the network before the portal answers when it could not reach it: nothing was done."""

_LOCKED = 2.0  # seconds until a locked record may be tried again
_SECOND = 1.0
_TEN_SECONDS = 10.0
_DAILY_FIX = "Run again then, or lower what runs against this portal"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that HubSpot found wrong; `name` is the property where it blames one."""

    code: str
    message: str
    name: str = ""
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Complaint:
    """An error body, or one of the `errors` of a batch that succeeded in part (207), read as far as it can be."""

    category: str
    sub_category: str
    message: str
    errors: tuple[Problem, ...] = ()
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    policy: str = ""  # of a 429: which limit


class Refusal(GiveUp):
    """The portal understood the call and will not do it; everything but `where` is its own words."""

    def __init__(self, where: str, status: int, complaint: Complaint) -> None:
        self.where, self.status, self.complaint = where, status, complaint
        self.category, self.sub_category = complaint.category, complaint.sub_category
        self.message, self.errors, self.context = complaint.message, complaint.errors, complaint.context
        super().__init__(f"{where}: {self.category or f'HTTP {status}'}: {_told(complaint)}")


class NotFound(Refusal):
    """There is no such record, property, schema or pipeline."""


class MissingScopes(Misconfigured):
    """The token may not do this; `scopes` are those that HubSpot asks for, when it names them."""

    def __init__(self, where: str, scopes: tuple[str, ...]) -> None:
        self.scopes = scopes
        found = f"{where} needs a scope that the token lacks"
        named = f": {', '.join(scopes)}" if scopes else ""
        super().__init__("hubspot.access_token", found, f"Grant it to the service key or app{named}")


class TokenRefused(Again):
    """The token is no longer taken: renew it where that can be done, then send the same call again once."""


class Throttled(Again):
    """A limit is used up for the moment; nothing was done."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer that is not a success."""

    where: str  # method and path
    status: int
    complaint: Complaint
    after: float | None = None  # Retry-After in seconds
    spoken: bool = True  # HubSpot itself answered (JSON), not a gateway before it
    search: bool = False


def fault_of(
    where: str,
    status: int,
    content: bytes,
    headers: Mapping[str, str],
    *,
    search: bool = False,
    secrets: tuple[str | None, ...] = (),
) -> Fault:
    """Reads HubSpot's error object, or anything else as a gateway's page; no secret stays in it."""
    try:
        body = _without(json.loads(content.decode("utf-8", "replace")), secrets)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        return Fault(where, status, Complaint("", "", plain(content, *secrets)), retry_after(headers), False, search)
    return Fault(where, status, complaint_of(body), retry_after(headers), True, search)


def _without(value: Any, secrets: tuple[str | None, ...]) -> Any:
    """The parsed value with every text redacted: a secret may have been written with escapes."""
    if isinstance(value, str):
        return redacted(value, *secrets)
    if isinstance(value, dict):
        return {name: _without(each, secrets) for name, each in value.items()}
    return [_without(each, secrets) for each in value] if isinstance(value, list) else value


def complaint_of(body: Mapping[str, Any]) -> Complaint:
    """Reads one error object; what HubSpot put as JSON into the text of `message` is among the errors."""
    message = str(body.get("message") or body.get("error_description") or body.get("error") or "")
    inner = _inside(message)
    problems = [_problem(each) for each in _dicts(body.get("errors"))]
    problems += [_problem(each) for each in inner]
    category = str(body.get("category") or body.get("errorType") or "")
    sub = str(body.get("subCategory") or next((str(i["subCategory"]) for i in inner if i.get("subCategory")), ""))
    return Complaint(
        category, sub, message, tuple(problems), _context(body.get("context")), str(body.get("policyName") or "")
    )


def error_of(fault: Fault, *, idempotent: bool, refused: int = 1, reset: str = "", live: bool = False) -> Exception:
    """The exception that a fault is.

    `idempotent` says whether sending the call twice is harmless, `refused` how often in a row a limit has stopped
    it, `reset` when the day's calls begin anew, `live` whether the path's version has answered anything before:
    a retired version and a record that is not there are told apart by little else.
    """
    status = fault.status
    if status == 401:
        said = fault.complaint.category or fault.complaint.message
        return TokenRefused(f"{fault.where}: HTTP 401 {said}".rstrip()[:400], tries=2, promptly=True)
    if status == 429:
        return _throttled(fault, refused, reset)
    if status == 423:
        return Again(_text(fault), after=fault.after or _LOCKED, tries=6)
    if status == 477:  # the account is being moved to another data centre
        return Again(_text(fault), after=fault.after, tries=6)
    if status == 530:
        return Misconfigured("hubspot.access_token", f"{fault.where}: HTTP 530", "Copy the token anew, whole")
    if status >= 500:
        return _server(fault, idempotent=idempotent)
    if 300 <= status < 400:
        return Misconfigured("hubspot.base_url", f"{fault.where} is redirected elsewhere", "Leave base_url out")
    return _refused(fault, live)


def _refused(fault: Fault, live: bool) -> Exception:
    complaint = fault.complaint
    if fault.status == 403 and complaint.category == "MISSING_SCOPES":
        return MissingScopes(fault.where, _scopes(complaint))
    unknown = fault.status == 404 and not complaint.category and not live
    if fault.status == 410 or unknown:
        fix = "Set a version that HubSpot still offers (2026-03, 2026-09), and check base_url"
        return Misconfigured("hubspot.api_version", f"HubSpot has no {fault.where} (HTTP {fault.status})", fix)
    if fault.status == 404 and not complaint.category:
        asked = f"{complaint.message or 'not found'}; has HubSpot retired hubspot.api_version?"
        complaint = replace(complaint, message=asked)
        if fault.where.startswith("POST "):  # batches and searches do not name what could be missing
            return Refusal(fault.where, 404, complaint)
    kind = NotFound if fault.status == 404 else Refusal
    return kind(fault.where, fault.status, complaint)


def _throttled(fault: Fault, refused: int, reset: str) -> Exception:
    complaint = fault.complaint
    policy = (complaint.policy or complaint.message).lower()
    if "daily" in policy:
        when = reset or "at midnight of the portal's time zone"
        return BudgetExhausted(
            f"{fault.where}: HubSpot's calls of the day are used up; they begin anew {when}. {_DAILY_FIX}"
        )
    secondly = fault.search or ("secondly" in policy and "ten" not in policy)
    if fault.spoken and not secondly:
        return Throttled(_text(fault), after=fault.after or _TEN_SECONDS, tries=60)
    return Throttled(_text(fault), after=fault.after or _SECOND * min(refused, 10), tries=60)


def _server(fault: Fault, *, idempotent: bool) -> Exception:
    if not (idempotent or fault.status in UNREACHED):
        return Unanswered(_text(fault))
    return Again(_text(fault), after=fault.after, tries=5)


def _text(fault: Fault) -> str:
    return f"{fault.where}: HTTP {fault.status} {fault.complaint.category} {fault.complaint.message}".rstrip()[:400]


def _told(complaint: Complaint) -> str:
    named = [f"{each.name}: {each.message}" if each.name else each.message for each in complaint.errors]
    return "; ".join(each for each in named if each)[:400] or complaint.message[:400]


def _scopes(complaint: Complaint) -> tuple[str, ...]:
    contexts = (complaint.context, *(each.context for each in complaint.errors))
    names = ("requiredGranularScopes", "requiredScopes", "missingScopes")
    return tuple(dict.fromkeys(scope for each in contexts for name in names for scope in each.get(name, ())))


def _problem(item: Mapping[str, Any]) -> Problem:
    context = _context(item.get("context"))
    blamed = item.get("name") or next(iter(context.get("propertyName", ())), "") or item.get("in") or ""
    code = item.get("error") or item.get("code") or item.get("subCategory") or item.get("category") or ""
    return Problem(
        str(code), str(item.get("message") or item.get("localizedErrorMessage") or ""), str(blamed), context
    )


def _inside(message: str) -> list[Mapping[str, Any]]:
    """The JSON that HubSpot put into a text, e.g. `Property values were not valid: [{...}]`."""
    starts = [at for at in (message.find("["), message.find("{")) if at >= 0]
    if not starts:
        return []
    try:
        value, _ = json.JSONDecoder().raw_decode(message, min(starts))
    except ValueError:
        return []
    return _dicts(value if isinstance(value, list) else [value])


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _context(value: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        return {}
    return {str(k): tuple(str(x) for x in v) if isinstance(v, list) else (str(v),) for k, v in value.items()}
