"""Who may call: the applications, sessions and their life, and what the identity endpoints tell of a user."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from emulators.loopback.clock import parse_instant, stored
from emulators.loopback.secret import derived
from emulators.salesforce.errors import ApiError
from emulators.salesforce.ids import to18
from emulators.salesforce.oauth.errors import OAuthError
from emulators.salesforce.oauth.forms import form_of
from emulators.salesforce.router import Request, Response, Router, json_response

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from emulators.salesforce.org import Org

PLATFORM_CLI, PLATFORM_CLI_CALLBACK = "PlatformCLI", "http://localhost:1717/OauthRedirect"
_LOCAL = ("localhost", "127.0.0.1", "::1")
_SESSION = "0Ak"  # key prefix of AuthSession


@dataclass(frozen=True, slots=True)
class App:
    """The one client application that this org knows."""

    client_id: str
    client_secret: str
    public_key: RSAPublicKey | None = None  # of the certificate registered for JWT bearer
    jwt_user: str | None = None  # the only username approved for JWT; None: any active user
    session_life: timedelta = timedelta(hours=2)
    redirect_uris: tuple[str, ...] = ()  # where codes may be sent; none: any address of this machine
    rotate: bool = False  # a refresh token is used up by its use, and a new one comes with the answer


@dataclass(frozen=True, slots=True)
class Client:
    """An application as the endpoints see it: the connected one, or the vendor's own command line."""

    id: str
    secret: str | None  # None: a public client, which proves itself by PKCE
    redirect_uris: tuple[str, ...]

    @property
    def needs_proof(self) -> bool:
        """Whether PKCE is demanded."""
        return self.secret is None

    def allows(self, address: str) -> bool:
        """Whether codes may be sent to that address."""
        if self.redirect_uris:
            return address in self.redirect_uris
        try:
            parts = urlsplit(address)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and parts.hostname in _LOCAL and not parts.fragment


class Login:
    """Gives out and checks session tokens; they slide: each use renews the life."""

    def __init__(self, org: Org, app: App) -> None:
        self.org = org
        self.app = app
        self._lock = threading.Lock()
        rows = org.connection().execute("SELECT token, user_id, used_at FROM e_session")
        self._sessions = {row[0]: (str(row[1]), parse_instant(row[2])) for row in rows}

    def issue(self, user_id: str) -> str:
        """A new session token of that user."""
        token = f"{self.org.org_id[:15]}!AQ{self.unguessed(f'session/{user_id}', 86)}"
        now = self.org.clock.now()
        with self._lock:
            self._sessions[token] = (user_id, now)
        with self.org.transaction() as connection:
            connection.execute("INSERT INTO e_session VALUES (?, ?, ?)", (token, user_id, stored(now)))
        return token

    def unguessed(self, what: str, length: int = 64) -> str:
        """The next secret text of that kind: the same at the same place of the same calls, for who has the app's."""
        return derived(self.app.client_secret, f"{what}/{self.org.new_id(_SESSION)}", length).replace("-", ".")

    def keep(self) -> dict[str, str]:
        """When each session was used last, as JSON values."""
        with self._lock:
            return {token: stored(used) for token, (_, used) in self._sessions.items()}

    def recall(self, kept: Mapping[str, str]) -> None:
        """What `keep` told."""
        with self._lock:
            for token, used in kept.items():
                if token in self._sessions:
                    self._sessions[token] = (self._sessions[token][0], parse_instant(used))

    def client(self, client_id: str) -> Client:
        """The application of that id; OAuthError for an unknown one."""
        if hmac.compare_digest(client_id.encode(), self.app.client_id.encode()):
            return Client(client_id, self.app.client_secret, self.app.redirect_uris)
        if client_id == PLATFORM_CLI:
            return Client(client_id, None, (PLATFORM_CLI_CALLBACK,))
        raise OAuthError("invalid_client_id", "client identifier invalid")

    def session(self, user_id: str, base_url: str, scope: str) -> dict[str, str]:
        """A new session as the token endpoint tells it; the user is noted as logged in."""
        issued = str(int(self.org.clock.now().timestamp() * 1000))
        identity = f"{base_url}/id/{self.org.org_id}/{user_id}"
        digest = hmac.digest(self.app.client_secret.encode(), (identity + issued).encode(), hashlib.sha256)
        with self.org.transaction() as connection:
            sql = "UPDATE o_user SET f_lastlogindate = ? WHERE f_id = ?"
            connection.execute(sql, (self.org.clock.stamp(), user_id))
        return {
            "access_token": self.issue(user_id),
            "signature": base64.b64encode(digest).decode(),
            "scope": scope,
            "instance_url": base_url,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued,
        }

    def used_at(self, token: str) -> tuple[str, datetime] | None:
        """The user of a living session and when it was used last, without using it; None otherwise."""
        with self._lock:
            user_id, used = self._sessions.get(token, ("", self.org.clock.now()))
        living = user_id and self.org.clock.now() - used < self.app.session_life
        return (user_id, used) if living else None

    def user_of(self, token: str) -> str | None:
        """The user of a living session, whose life is renewed; None otherwise."""
        now = self.org.clock.now()
        with self._lock:
            user_id, used = self._sessions.get(token, ("", now))
            if not user_id:
                return None
            living = now - used < self.app.session_life
            if living:
                self._sessions[token] = (user_id, now)
        if not living:
            self.revoke(token)
        return user_id if living else None

    def revoke(self, token: str) -> bool:
        """End a session; whether there was one."""
        with self._lock:
            known = self._sessions.pop(token, None) is not None
        with self.org.transaction() as connection:
            connection.execute("DELETE FROM e_session WHERE token = ?", (token,))
        return known

    def revoke_all(self) -> int:
        """End all sessions; how many there were."""
        with self._lock:
            count = len(self._sessions)
            self._sessions.clear()
        with self.org.transaction() as connection:
            connection.execute("DELETE FROM e_session")
        return count


def bearer(request: Request) -> str:
    """The token of the Authorization header; empty when there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() in ("bearer", "oauth") else ""


def session_of(request: Request) -> str:
    """The token of a call, in the Authorization header or in Bulk API 1.0's X-SFDC-Session."""
    return request.headers.get("x-sfdc-session", "").strip() or bearer(request)


def routes(router: Router, login: Login) -> None:
    """The OAuth endpoints; none needs a session of the REST kind."""
    from emulators.salesforce.oauth import flows as oauth_flows
    from emulators.salesforce.oauth import pages as oauth_pages

    def userinfo(request: Request, org: Org) -> Response:
        user = login.user_of(_token_of(request))
        if user is None:
            return _forbidden("Bad_OAuth_Token")
        return json_response(_identity(org, user, request.base_url, userinfo=True))

    def identity(request: Request, org: Org) -> Response:
        token = _token_of(request)
        user = login.user_of(token)
        if user is None:
            return _forbidden("Bad_OAuth_Token" if token else "Missing_OAuth_Token")
        if to18(request.params["org"]) != org.org_id:
            return _forbidden("Wrong_Org")
        wanted = to18(request.params["user"])
        if wanted is None or org.get("User", wanted) is None:
            return Response(404, b"Bad_Id", {"Content-Type": "text/html;charset=UTF-8"})
        return json_response(_identity(org, user, request.base_url, userinfo=False))

    oauth_flows.routes(router, login)
    oauth_pages.routes(router, login)
    router.add("GET", "/services/oauth2/userinfo", userinfo, session=False)
    router.add("POST", "/services/oauth2/userinfo", userinfo, session=False)
    router.add("GET", "/id/{org}/{user}", identity, session=False)
    router.add("POST", "/id/{org}/{user}", identity, session=False)


def _token_of(request: Request) -> str:
    return bearer(request) or request.query.get("oauth_token", "") or form_of(request).get("oauth_token", "")


def _forbidden(text: str) -> Response:
    return Response(403, text.encode(), {"Content-Type": "text/html;charset=UTF-8"})


def _identity(org: Org, user_id: str, base_url: str, *, userinfo: bool) -> dict[str, Any]:
    user = org.get("User", user_id)
    if user is None:
        raise ApiError("NOT_FOUND", "The requested resource does not exist", http=404)
    urls = {
        "rest": f"{base_url}/services/data/v{{version}}/",
        "sobjects": f"{base_url}/services/data/v{{version}}/sobjects/",
        "query": f"{base_url}/services/data/v{{version}}/query/",
        "custom_domain": base_url,
    }
    identity = f"{base_url}/id/{org.org_id}/{user_id}"
    shared = {"user_id": user_id, "organization_id": org.org_id, "email": user["Email"], "urls": urls}
    shared |= {"active": bool(user["IsActive"]), "user_type": "STANDARD", "language": user["LanguageLocaleKey"]}
    if userinfo:
        names = {"preferred_username": user["Username"], "name": user["Name"], "nickname": user["CommunityNickname"]}
        return {
            "sub": identity,
            **shared,
            **names,
            "zoneinfo": user["TimeZoneSidKey"],
            "locale": user["LocaleSidKey"],
        }
    names = {"username": user["Username"], "display_name": user["Name"], "nick_name": user["CommunityNickname"]}
    return {"id": identity, "asserted_user": True, **shared, **names, "timezone": user["TimeZoneSidKey"]}
