"""One way out to the portal: every call is timed, counted, authorised and tried again by its class of error.

The vendor's client shapes the calls (paths, parameters, bodies); what it has no policy for (path versions, time
limits, limits of use, renewal, retries) is decided here and holds for calls that the client lacks as well.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import urllib3

from connector.crm.answers import lost, redacted
from connector.crm.hubspot.auth import Token, TokenProvider
from connector.crm.hubspot.budget import Budget
from connector.crm.hubspot.connection import HubSpotConnection
from connector.crm.hubspot.faults import Throttled, TokenRefused, error_of, fault_of
from connector.crm.hubspot.paths import is_search, kind_of, repeatable, rewritten, version_of
from connector.crm.hubspot.pool import broken, pool_of
from connector.crm.retry import retrying
from connector.errors import Misconfigured

DETAILS = "/account-info/v3/details"
IDLE = 20.0  # seconds after which a kept connection is not trusted with a call that must not be sent twice
LARGE = 16_384  # bytes from which an answer is not parsed only to see that it is whole
_REDIRECTS = 3
_UNREAD = object()


@dataclass(frozen=True, slots=True)
class Answer:
    """A success: 200, 201, 202, 204 or 207; header names are lower-case. The body was received whole."""

    status: int
    data: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    parsed: Any = field(default=_UNREAD, repr=False, compare=False)

    def json(self) -> Any:
        """The body's value, numbers with a fraction as Decimal; None for an empty body."""
        return _value(self.data) if self.parsed is _UNREAD else self.parsed


class Wire:
    """Calls to one portal.

    Raises the errors of `connector.errors`, `Refusal` for what the portal will not do, `Unanswered` when the
    answer to a call that must not be sent twice was lost.
    """

    def __init__(self, connection: HubSpotConnection, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.connection = connection
        self.sleep = sleep
        self._base = connection.base_url.rstrip("/")
        self._pool = pool_of(connection)
        self.tokens = TokenProvider(connection, self._pool, sleep=sleep)
        self.budget = Budget(connection, sleep=sleep)
        self._patience = replace(connection.patience, total=connection.patience.total * 5)  # limits may last
        self._apis: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self._live: set[str] = set()  # versions that have answered a call
        self._date: tuple[datetime, float] | None = None
        self._used = time.monotonic()

    @cached_property
    def client(self) -> Any:
        """The vendor's client: its APIs are made once, share our pool and return `Answer`."""
        import hubspot  # its generated families are only loaded as they are used

        return hubspot.HubSpot(api_factory=self._api)

    def call(self, method: str, path: str, *, query: Sequence[tuple[str, str]] = (), body: object = None) -> Answer:
        """A call that the client lacks; `path` is numbered (v3, v4) and rewritten like the client's."""
        data = None if body is None else json.dumps(body).encode()
        return self._send(method, rewritten(path, self.connection.api_version), list(query), data)

    def now(self) -> datetime:
        """The portal's clock, UTC, by the last answer's Date and the time since; asks when there was none."""
        if self._date is None:
            self.call("GET", DETAILS)
        if self._date is None:
            raise Misconfigured("hubspot.base_url", "its answers carry no Date", "Is a proxy removing it?")
        told, at = self._date
        return told + timedelta(seconds=time.monotonic() - at)

    def close(self) -> None:
        """Give back the connections."""
        self._pool.clear()
        self.budget.close()

    def _api(self, package: Any, name: str, config: Mapping[str, Any]) -> Any:
        """The `api_factory` of the client: one API object a class, on our pool and paths."""
        with self._lock:
            key = (package.__name__, name)
            if key not in self._apis:
                settings = package.Configuration()
                settings.host = self._base
                inner = package.ApiClient(configuration=settings)
                inner.rest_client.pool_manager = _Outlet(self)
                inner.call_api = _versioned(inner.call_api, self.connection.api_version)
                self._apis[key] = getattr(package, name)(api_client=inner)
            return self._apis[key]

    def _send(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, Any]],
        data: bytes | None,
        *,
        accept: str = "application/json",
        timeout: Any = None,
    ) -> Answer:
        where = f"{method} {path}"
        url = self._base + path + ("?" + urlencode([_worded(pair) for pair in query]) if query else "")
        call = _Call(method, path, url, where, data, repeatable(method, path), is_search(path), accept, timeout)
        expired: list[Token] = []
        throttled = [0]

        def attempt() -> Answer:
            token = self.tokens.refresh(expired[-1]) if expired else self.tokens.token()
            try:
                return self._tried(call, token, throttled[0] + 1)
            except Throttled:
                throttled[0] += 1
                raise
            except TokenRefused as error:
                if expired or not self.tokens.renewable:
                    raise self._locked_out(error) from None
                expired.append(token)
                raise

        return retrying(attempt, self._patience, sleep=self.budget.rest)

    def _tried(self, call: _Call, token: Token, refused: int) -> Answer:
        ticket = self.budget.take(call.search, kind_of(call.method, call.path), call.where)
        self._freshen(call.idempotent)
        try:
            response = self._exchanged(call, token)
        except urllib3.exceptions.HTTPError as error:
            self.budget.landed(ticket, {})
            raise broken(call.where, error, call.idempotent, self._base) from error
        headers = {name.lower(): value for name, value in response.headers.items()}
        self.budget.landed(ticket, headers)
        self._hear(headers.get("date"))
        version = version_of(call.path)
        if 200 <= response.status < 300:
            self._live.add(version)
            data = response.data
            if response.status == 207:  # its errors are shown and kept, and may echo what was sent
                data = redacted(data.decode("utf-8", "replace"), token.access, *self.tokens.secrets()).encode()
            return _answer(call, response.status, data, headers)
        secrets = (token.access, *self.tokens.secrets())
        fault = fault_of(call.where, response.status, response.data, headers, search=call.search, secrets=secrets)
        live = version in self._live
        reset = self.budget.reset() if response.status == 429 else ""
        found = error_of(fault, idempotent=call.idempotent, refused=refused, reset=reset, live=live)
        if isinstance(found, Throttled):
            self.budget.refused(call.search, found.after or 1.0)
        raise found

    def _exchanged(self, call: _Call, token: Token) -> Any:
        headers = {
            "Authorization": f"Bearer {token.access}",
            "User-Agent": "pmom-connector",
            "Accept": call.accept,
            "Accept-Encoding": "gzip",
        }
        if call.data is not None:
            headers["Content-Type"] = "application/json"
        kept = {} if call.timeout is None else {"timeout": call.timeout}
        url = call.url
        for _ in range(_REDIRECTS):
            response: Any = self._pool.urlopen(
                call.method,
                url,
                body=call.data,
                headers=headers,
                redirect=False,
                enforce_content_length=True,
                **kept,
            )
            target = self._moved(call, url, response)
            if target is None:
                break
            url = target
        return response

    def _moved(self, call: _Call, url: str, response: Any) -> str | None:
        """Where a read is to be asked instead, on the same host; a token never follows to another."""
        if call.method != "GET" or response.status not in (301, 302, 303, 307, 308):
            return None
        target = urljoin(url, response.headers.get("Location") or "")
        return target if urlsplit(target)[:2] == urlsplit(self._base)[:2] and target != url else None

    def _freshen(self, idempotent: bool) -> None:
        now = time.monotonic()
        if not idempotent and now - self._used > IDLE:
            self._pool.clear()
        self._used = now

    def _hear(self, date: str | None) -> None:
        try:
            told = parsedate_to_datetime(date) if date else None
        except ValueError:
            return
        if told is not None:
            self._date = (told if told.tzinfo else told.replace(tzinfo=UTC), time.monotonic())

    def _locked_out(self, error: TokenRefused) -> Misconfigured:
        if self.tokens.renewable:
            return Misconfigured(
                "hubspot.refresh_token", f"a fresh token is refused ({error})", "Install the app again"
            )
        fix = "Set the token of a service key or private app of this portal that was not deleted or rotated"
        return Misconfigured("hubspot.access_token", f"HubSpot does not take it ({error})", fix)


@dataclass(frozen=True, slots=True)
class _Call:
    """One call as it goes out."""

    method: str
    path: str
    url: str
    where: str
    data: bytes | None = field(repr=False)
    idempotent: bool
    search: bool
    accept: str
    timeout: Any


class _Outlet:
    """Stands where a generated API expects its urllib3 pool, and hands the finished request to the wire."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def request(
        self,
        method: str,
        url: str,
        *,
        body: str | None = None,
        fields: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: Any = None,
        **_: Any,
    ) -> Answer:
        """As urllib3's, for JSON bodies; the client's own headers other than Accept are left out."""
        path, _sep, rest = url.removeprefix(self._wire._base).partition("?")
        query: list[tuple[str, Any]] = [*(fields or ()), *parse_qsl(rest, keep_blank_values=True)]
        data = None if body is None else body.encode()
        accept = (headers or {}).get("Accept", "application/json")
        return self._wire._send(method, path, query, data, accept=accept, timeout=timeout)


def _versioned(call_api: Callable[..., Any], version: str) -> Callable[..., Any]:
    def call(resource_path: str, method: str, *args: Any, **kwargs: Any) -> Any:
        kwargs["_preload_content"] = False  # the answer is ours, not a generated model
        return call_api(rewritten(resource_path, version), method, *args, **kwargs)

    return call


def _answer(call: _Call, status: int, data: bytes, headers: Mapping[str, str]) -> Answer:
    if len(data) > LARGE and data.endswith((b"}", b"]")) and headers.keys() & {"content-length", "transfer-encoding"}:
        return Answer(status, data, headers)  # whole by its length; a page of records is decoded by who reads it
    try:
        return Answer(status, data, headers, _value(data))
    except ValueError as error:  # cut short, or a gateway's page with status 200
        raise lost(f"{call.where}: the answer is not whole JSON", call.idempotent) from error


def _value(data: bytes) -> Any:
    return json.loads(data, parse_float=Decimal) if data.strip() else None


def _worded(pair: tuple[str, Any]) -> tuple[str, Any]:
    name, value = pair
    return (name, str(value).lower()) if isinstance(value, bool) else pair
