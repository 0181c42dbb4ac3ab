"""Who are we to the portal: a token that a person made, or OAuth tokens that renew themselves."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import urllib3

from connector.crm.answers import plain, redacted
from connector.crm.hubspot.connection import HubSpotConnection
from connector.crm.hubspot.paths import rewritten
from connector.crm.hubspot.pool import broken
from connector.crm.retry import Again, retrying
from connector.errors import Misconfigured

EARLY = 120.0  # seconds before its end at which a token is renewed
_LIFE = 1800.0  # seconds, where the answer does not tell


@dataclass(frozen=True, slots=True)
class Token:
    """One access token; `portal`, `user`, `scopes` are known where the sign-in tells them, `until` is monotonic."""

    access: str = field(repr=False)
    portal: str = ""
    user: str = ""
    until: float | None = None
    scopes: tuple[str, ...] = ()


class TokenProvider:
    """Gives the current token and renews it once however many threads see it expire."""

    def __init__(
        self,
        connection: HubSpotConnection,
        pool: urllib3.PoolManager,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection, self._pool, self._sleep, self._clock = connection, pool, sleep, clock
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._refresh_token = connection.refresh_token
        self.renewals = 0

    @property
    def renewable(self) -> bool:
        """Whether another token can be had without a person."""
        return self._connection.auth == "oauth"

    def token(self) -> Token:
        """The token to use now."""
        if not self.renewable:
            return Token(self._connection.access_token or "")
        with self._lock:
            if self._token is None or self._ending(self._token):
                self._token = self._renew()
            return self._token

    def refresh(self, stale: Token) -> Token:
        """A token other than `stale`; asks only if nobody did so meanwhile."""
        with self._lock:
            if self._token is None or self._token.access == stale.access:
                self._token = self._renew()
            return self._token

    def secrets(self) -> tuple[str | None, ...]:
        """What no message may hold."""
        kept = self._token.access if self._token else None
        connection = self._connection
        return (
            connection.access_token,
            kept,
            connection.client_secret,
            self._refresh_token,
            connection.refresh_token,
        )

    def _ending(self, token: Token) -> bool:
        return token.until is not None and self._clock() > token.until - EARLY

    def _renew(self) -> Token:
        token = retrying(self._ask, self._connection.patience, sleep=self._sleep)
        self.renewals += 1
        return token

    def _ask(self) -> Token:
        connection = self._connection
        path = rewritten("/oauth/v3/token", connection.api_version)
        form = {
            "grant_type": "refresh_token",
            "client_id": connection.client_id or "",
            "client_secret": connection.client_secret or "",
            "refresh_token": self._refresh_token or "",
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        try:
            response: Any = self._pool.request(
                "POST", connection.base_url.rstrip("/") + path, body=urlencode(form).encode(), headers=headers
            )
        except urllib3.exceptions.HTTPError as error:
            raise broken(f"POST {path}", error, True, connection.base_url) from error
        if response.status in (423, 429, 477) or response.status >= 500:
            raise Again(f"POST {path}: HTTP {response.status}")
        return self._read(path, response.status, response.data)

    def _read(self, path: str, status: int, data: bytes) -> Token:
        try:
            body = json.loads(data)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            found = f"POST {path} answers HTTP {status} and {plain(data, *self.secrets())}"
            raise Misconfigured("hubspot.base_url", found, "Check base_url and api_version")
        if status != 200 or not body.get("access_token"):
            raise self._refused(status, body)
        self._refresh_token = str(body.get("refresh_token") or self._refresh_token)
        until = self._clock() + float(body.get("expires_in") or _LIFE)
        portal, user = str(body.get("hub_id") or ""), str(body.get("user_id") or "")
        return Token(str(body["access_token"]), portal, user, until, tuple(map(str, body.get("scopes") or ())))

    def _refused(self, status: int, body: dict[str, Any]) -> Misconfigured:
        code = str(body.get("error") or body.get("status") or f"HTTP {status}")
        said = redacted(str(body.get("error_description") or body.get("message") or ""), *self.secrets())[:200]
        client = "client" in f"{code} {said}".lower()
        where = "hubspot.client_secret" if client else "hubspot.refresh_token"
        fix = "Copy client_id and client_secret anew" if client else "Install the app in the portal again"
        return Misconfigured(where, f"HubSpot renews no token ({code}: {said})", fix)
