"""Who are we to the org: the connection's settings, and access tokens that renew themselves.

Two OAuth flows that need no person and no password: client credentials and JWT bearer, both with an External
Client App that the customer owns (docs/salesforce.md).
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import jwt
import requests

from connector.crm.answers import redacted
from connector.crm.retry import Again, Patience, retrying
from connector.errors import Misconfigured, Retry

GRANT_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
JWT_LIFE = 180  # seconds; Salesforce takes at most five minutes

_FIXES = {
    "invalid_client_id": "Copy the app's consumer key into client_id; a new app takes ten minutes to be known",
    "invalid_client": "Check client_id and client_secret",
    "invalid_grant": "Check the user, its profile's API access and that the app's policy pre-authorises it",
    "unsupported_grant_type": "Enable the flow (client credentials or JWT bearer) in the app's OAuth settings",
    "inactive_user": "Activate the integration user",
    "inactive_org": "The org is locked, closed or suspended",
}


@dataclass(frozen=True, slots=True)
class SalesforceConnection:
    """Everything needed to talk to one org; secrets are left out of its repr.

    `instance_url` is the org's My Domain, e.g. https://acme.my.salesforce.com; `login_url` only differs for JWT
    through login or test.salesforce.com. `budget_share` is the part of the org's daily requests that this process
    may use, `budget_reserve` the part that it always leaves to others; both 0..1. Times are in seconds.
    """

    instance_url: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)  # PEM
    username: str | None = None
    auth: Literal["client_credentials", "jwt"] = "client_credentials"
    login_url: str | None = None
    audience: str | None = None  # of the JWT; by default the login URL
    api_version: str = "67.0"
    ca_file: str | None = None
    token_file: str | None = field(default=None, repr=False)
    connect_timeout: float = 10.0
    read_timeout: float = 120.0
    patience: Patience = field(default_factory=Patience)
    budget_share: float = 0.5
    budget_reserve: float = 0.1
    rest_rows: int = 8_000  # above this a read becomes a Bulk query job
    bulk_page_rows: int = 50_000
    bulk_writes: int = 2_000  # above this a write becomes a Bulk ingest job
    first_poll: float = 1.0
    longest_poll: float = 15.0
    job_deadline: float = 4 * 3600.0  # a Bulk job or deploy that takes longer is given up

    def __post_init__(self) -> None:
        """Misconfigured when the settings cannot work whatever the org says."""
        for name in ("instance_url", "login_url"):
            _check_url(name, getattr(self, name))
        if self.auth == "client_credentials" and not self.client_secret:
            raise Misconfigured("salesforce.client_secret", "empty", "Client credentials need the app's secret")
        if self.auth == "jwt" and not (self.private_key and self.username):
            raise Misconfigured("salesforce.private_key", "key or username is empty", "JWT bearer needs both")
        if self.ca_file is not None and not Path(self.ca_file).is_file():
            raise Misconfigured("salesforce.ca_file", f"no file at {self.ca_file}", "Name a readable PEM file")

    @property
    def token_url(self) -> str:
        """Where tokens are asked for: the login URL, else the org's own domain."""
        return (self.login_url or self.instance_url).rstrip("/") + "/services/oauth2/token"


def _check_url(name: str, url: str | None) -> None:
    if url is None:
        return
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username:
        shown = f"{parts.scheme}://{parts.hostname or ''}"
        raise Misconfigured(f"salesforce.{name}", f"not an https address: {shown}", "Write https://<domain>")


@dataclass(frozen=True, slots=True)
class Token:
    """One access token; `org` and `user` are ids, read off the token's identity URL."""

    access: str = field(repr=False)
    instance_url: str
    org: str = ""
    user: str = ""


class TokenProvider:
    """Gives the current token and renews it once however many threads see it expire."""

    def __init__(self, connection: SalesforceConnection, http: requests.Session) -> None:
        self._connection = connection
        self._http = http
        self._lock = threading.Lock()
        self._token: Token | None = None
        self.renewals = 0

    def token(self) -> Token:
        """The token in memory, else in the token file, else a new one."""
        with self._lock:
            if self._token is None:
                self._token = self._load() or self._renew()
            return self._token

    def refresh(self, stale: Token) -> Token:
        """A token other than `stale`; asks the org only if nobody did so meanwhile."""
        with self._lock:
            if self._token is None or self._token.access == stale.access:
                kept = self._load()
                self._token = kept if kept and kept.access != stale.access else self._renew()
            return self._token

    def _renew(self) -> Token:
        token = retrying(self._ask, self._connection.patience)
        self.renewals += 1
        self._save(token)
        return token

    def _ask(self) -> Token:
        url = self._connection.token_url
        try:
            response = self._http.post(url, data=self._form(), headers={"Accept": "application/json"})
        except requests.exceptions.SSLError as error:
            raise untrusted(url) from error
        except requests.exceptions.RequestException as error:
            raise self._unreachable(url, error) from error
        if response.status_code in (429, 502, 503, 504):
            raise Again(f"{url}: HTTP {response.status_code}")
        return self._read(url, response)

    def _unreachable(self, url: str, error: Exception) -> Exception:
        host = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
        if "NameResolution" in repr(error):
            fix = "Check the address and this machine's DNS or proxy"
            return Misconfigured("salesforce.instance_url", f"the host of {host} is not known", fix)
        return Again(f"{host}: cannot connect ({type(error).__name__}); check address, network and proxy", tries=3)

    def _read(self, url: str, response: requests.Response) -> Token:
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            found = f"HTTP {response.status_code} with a body that is not an OAuth answer"
            raise Misconfigured(url, found, "Is instance_url the org's My Domain?")
        if response.status_code != 200 or "access_token" not in body:
            code = str(body.get("error", f"HTTP {response.status_code}"))
            if code == "rate_limit_exceeded":
                raise Retry(f"{url}: too many logins; wait before the next")
            raise Misconfigured(url, self._reason(code, body), _FIXES.get(code, "See docs/salesforce.md, 'Sign in'"))
        parts = urlsplit(str(body.get("id", ""))).path.strip("/").split("/")
        org, user = (parts[1], parts[2]) if len(parts) >= 3 else ("", "")
        return Token(
            str(body["access_token"]), str(body.get("instance_url") or self._connection.instance_url), org, user
        )

    def _reason(self, code: str, body: dict[str, object]) -> str:
        text = f"{code}: {body.get('error_description', 'no description')}"
        return redacted(text, self._connection.client_secret, self._connection.private_key)[:300]

    def _form(self) -> dict[str, str]:
        connection = self._connection
        if connection.auth == "client_credentials":
            return {
                "grant_type": "client_credentials",
                "client_id": connection.client_id,
                "client_secret": connection.client_secret or "",
            }
        return {"grant_type": GRANT_JWT, "assertion": self._assertion()}

    def _assertion(self) -> str:
        connection = self._connection
        claims = {
            "iss": connection.client_id,
            "sub": connection.username,
            "aud": connection.audience or connection.login_url or connection.instance_url,
            "exp": int(time.time()) + JWT_LIFE,
        }
        try:
            return jwt.encode(claims, connection.private_key or "", algorithm="RS256")
        except Exception as error:  # the libraries beneath raise a dozen kinds, some of which quote the key
            found = f"not an RSA private key in PEM form ({type(error).__name__})"
            raise Misconfigured("salesforce.private_key", found, "Paste the whole .key file") from None

    def _load(self) -> Token | None:
        path = self._connection.token_file
        if path is None or not Path(path).is_file():
            return None
        try:
            kept = json.loads(Path(path).read_text())[self._name()]
            return Token(kept["access"], kept["instance_url"], kept["org"], kept["user"])
        except (OSError, ValueError, KeyError, TypeError):
            return None  # a torn or foreign file only costs a new token

    def _save(self, token: Token) -> None:
        path = self._connection.token_file
        if path is None:
            return
        entry = {"access": token.access, "instance_url": token.instance_url, "org": token.org, "user": token.user}
        scratch = Path(f"{path}.{os.getpid()}.{threading.get_ident()}")
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as out:
            json.dump({self._name(): entry}, out)
        os.replace(scratch, path)

    def _name(self) -> str:
        connection = self._connection
        text = "\n".join((connection.token_url, connection.client_id, connection.username or "", connection.auth))
        return hashlib.sha256(text.encode()).hexdigest()


def untrusted(url: str) -> Misconfigured:
    """The error for a certificate that this machine does not trust."""
    host = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
    fix = "Set salesforce.ca_file to the PEM file of the authority that signed it"
    return Misconfigured(host, "its TLS certificate is not trusted here", fix)
