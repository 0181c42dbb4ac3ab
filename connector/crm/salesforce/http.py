"""One way out to the org: every call is timed, counted, authorised and tried again by its class of error.

simple-salesforce shapes the JSON calls (its `Salesforce` on our session); what it has no policy for (time limits,
renewal, retries, roots of trust, the daily budget) is decided here and holds for bulk and metadata calls as well.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError

from connector.crm.answers import lost
from connector.crm.retry import Again, retrying
from connector.crm.salesforce.auth import SalesforceConnection, Token, TokenProvider, untrusted
from connector.crm.salesforce.budget import Budget
from connector.crm.salesforce.faults import Refusal, SessionExpired, error_of, fault_of
from connector.errors import GiveUp, Misconfigured

DATA = "/services/data"
IDLE = 20.0  # seconds after which a kept connection is not trusted with a call that must not be sent twice


class Bearer(AuthBase):
    """Puts the token on a request; being an `auth`, it also keeps a .netrc from replacing it."""

    def __init__(self, token: Token) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The request with its Authorization header."""
        request.headers["Authorization"] = f"Bearer {self.token.access}"
        return request


class TimedSession(requests.Session):
    """A pooled session whose every call has time limits, the configured roots of trust and no redirects."""

    def __init__(self, connection: SalesforceConnection) -> None:
        super().__init__()
        self._limits = (connection.connect_timeout, connection.read_timeout)
        self._roots: str | None = connection.ca_file
        self.mount("https://", HTTPAdapter(pool_connections=4, pool_maxsize=8, max_retries=0))
        self.headers["User-Agent"] = "pmom-connector"
        self.seen = threading.local()  # the last answer of each thread: simple-salesforce drops its headers

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """As requests', with our limits; `verify` is explicit, for the environment would override the session's."""
        kwargs.setdefault("timeout", self._limits)
        kwargs.setdefault("allow_redirects", False)
        if self._roots is not None:
            kwargs.setdefault("verify", self._roots)
        headers = dict(kwargs.get("headers") or {})
        headers.pop("X-PrettyPrint", None)  # simple-salesforce asks for indented JSON, a third more bytes
        response = super().request(method, url, *args, **{**kwargs, "headers": headers})
        self.seen.answer = response
        return response


class Wire:
    """Calls to one org. Paths without a leading slash are below /services/data/vNN.N/.

    A call is `idempotent` when sending it twice does no more than once; only then is it sent again after its
    answer was lost. Raises the errors of `connector.errors`, `Refusal` for what the org will not do.
    """

    def __init__(self, connection: SalesforceConnection, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.connection = connection
        self.sleep = sleep
        self.session = TimedSession(connection)
        self.tokens = TokenProvider(connection, self.session)
        self.budget = Budget(connection.budget_share, connection.budget_reserve)
        self._version: str | None = None
        self._clients: dict[str, Salesforce] = {}
        self._lock = threading.Lock()
        self._date: str | None = None
        self._used = time.monotonic()

    @property
    def version(self) -> str:
        """The API version in use: the configured one, or the org's latest where that is older."""
        if self._version is None:
            latest = max(self._offered())
            self._version = f"{min(latest, Decimal(self.connection.api_version)):.1f}"
        return self._version

    def _offered(self) -> list[Decimal]:
        where = "salesforce.instance_url"
        fix = "Set it to the org's My Domain and check the network and the proxy"
        try:
            return [Decimal(str(each["version"])) for each in self.open_call(DATA).json()]
        except Again as error:
            raise GiveUp(f"{where}: {error}. {fix}") if self._date is None else error from error
        except (Refusal, ValueError, TypeError, KeyError, ArithmeticError) as error:
            found = f"{self.connection.instance_url} does not answer as a Salesforce org does"
            raise Misconfigured(where, found, fix) from error

    def path(self, path: str) -> str:
        """The absolute path of a resource."""
        return path if path.startswith("/") else f"{DATA}/v{self.version}/{path}"

    def open_call(self, path: str) -> requests.Response:
        """A GET that needs no token and costs no request of the budget."""

        def attempt() -> requests.Response:
            url = self.connection.instance_url.rstrip("/") + path
            response: requests.Response = self._sent(f"GET {path}", True, lambda: self.session.get(url))
            if response.status_code != 200:
                fault = fault_of(f"GET {url}", response.status_code, response.content, response.headers)
                raise error_of(fault, idempotent=True)
            return response

        return retrying(attempt, self.connection.patience, sleep=self.sleep)

    def json(
        self,
        method: str,
        path: str,
        *,
        kind: str,
        params: dict[str, Any] | None = None,
        payload: Any = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
    ) -> Any:
        """The parsed answer (numbers with a fraction as Decimal); None for an empty one."""
        safe = method != "POST" if idempotent is None else idempotent
        where = f"{method} {self._short(path)}"
        data = None if payload is None else json.dumps(payload).encode()
        relative = self.path(path)[len(f"{DATA}/v{self.version}/") :]

        def send(token: Token) -> Any:
            return self._client(token).restful(
                relative, params, method, data=data, headers=dict(headers or {}), auth=Bearer(token)
            )

        return self._tried(where, kind, safe, send)

    def raw(
        self,
        method: str,
        path: str,
        *,
        kind: str,
        params: Mapping[str, str] | None = None,
        data: bytes | None = None,
        files: Any = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool | None = None,
    ) -> requests.Response:
        """The whole answer, read to its end; 304 counts as success."""
        safe = method != "POST" if idempotent is None else idempotent
        where = f"{method} {self._short(path)}"
        target = self.path(path)

        def send(token: Token) -> requests.Response:
            response = self.session.request(
                method,
                token.instance_url.rstrip("/") + target,
                params=params,
                data=data,
                files=files,
                headers=dict(headers or {}),
                auth=Bearer(token),
            )
            if response.status_code >= 300 and response.status_code != 304:
                raise error_of(
                    fault_of(where, response.status_code, response.content, response.headers), idempotent=safe
                )
            return response

        result: requests.Response = self._tried(where, kind, safe, send)
        return result

    def server_date(self) -> str | None:
        """The Date header of the last answer."""
        return self._date

    def close(self) -> None:
        """Give back the connections."""
        self.session.close()

    def _tried(self, where: str, kind: str, idempotent: bool, send: Callable[[Token], Any]) -> Any:
        expired: list[Token] = []

        def attempt() -> Any:
            token = self.tokens.refresh(expired[-1]) if expired else self.tokens.token()
            self.budget.require(1, where)
            self.budget.count(kind)
            self._freshen(idempotent)
            try:
                return self._sent(where, idempotent, lambda: send(token))
            except SessionExpired as error:
                if expired:
                    raise _locked_out(where, error) from error
                expired.append(token)
                raise

        return retrying(attempt, self.connection.patience, sleep=self.sleep)

    def _freshen(self, idempotent: bool) -> None:
        """Before a call that must not be sent twice, leave behind connections that the org may have dropped."""
        now = time.monotonic()
        if not idempotent and now - self._used > IDLE:
            for adapter in self.session.adapters.values():
                adapter.close()
        self._used = now

    def _sent(self, where: str, idempotent: bool, call: Callable[[], Any]) -> Any:
        self.session.seen.answer = None
        try:
            return call()
        except SalesforceError as error:
            headers = self.session.seen.answer.headers if self.session.seen.answer is not None else {}
            raise error_of(fault_of(where, error.status, error.content, headers), idempotent=idempotent) from None
        except ValueError as error:  # a body cut short, or a gateway's page with status 200
            if isinstance(error, requests.exceptions.InvalidURL):
                raise Misconfigured("salesforce.instance_url", "not an address", "Write https://<domain>") from error
            raise lost(f"{where}: the answer is not whole JSON", idempotent) from error
        except requests.exceptions.RequestException as error:
            raise self._broken(where, error, idempotent) from error
        finally:
            self._hear(self.session.seen.answer)

    def _broken(self, where: str, error: requests.exceptions.RequestException, idempotent: bool) -> Exception:
        if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY" in repr(error):
            return untrusted(self.connection.instance_url)
        if _never_sent(error):
            host = self.connection.instance_url
            return Again(f"{where}: nothing answers at {host}", tries=4)
        return lost(f"{where}: the connection broke ({type(error).__name__})", idempotent)

    def _hear(self, response: requests.Response | None) -> None:
        if response is not None:
            self.budget.hear(response.headers.get("Sforce-Limit-Info"))
            self._date = response.headers.get("Date") or self._date

    def _client(self, token: Token) -> Salesforce:
        with self._lock:
            if token.access not in self._clients:
                client = Salesforce(
                    session_id=token.access,
                    instance_url=token.instance_url,
                    session=self.session,
                    version=self.version,
                    parse_float=Decimal,
                    object_pairs_hook=None,
                )
                self._clients = {token.access: client}
            return self._clients[token.access]

    def _short(self, path: str) -> str:
        return path.split("?")[0]


def parsed_date(header: str) -> Any:
    """The instant of an HTTP Date header, UTC."""
    return parsedate_to_datetime(header)


def _never_sent(error: requests.exceptions.RequestException) -> bool:
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    cause: Any = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    return isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.NameResolutionError)


def _locked_out(where: str, error: Exception) -> GiveUp | Misconfigured:
    fix = "Check the session and IP policies of the app and of the integration user's profile"
    return Misconfigured(where, f"a fresh token is refused as well ({error})", fix)
