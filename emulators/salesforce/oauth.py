"""Who may call: the token endpoint (client credentials, JWT bearer), session life, identity and revocation."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote_plus

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from emulators.loopback.clock import parse_instant, stored
from emulators.salesforce import storage
from emulators.salesforce.errors import ApiError
from emulators.salesforce.router import Request, Response, Router, json_response

if TYPE_CHECKING:
    from emulators.salesforce.org import Org

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LOGIN_HOSTS = ("https://login.salesforce.com", "https://test.salesforce.com")
JWT_MAX_LIFE = timedelta(minutes=5)


class OAuthError(Exception):
    """The token endpoint refuses: `{"error", "error_description"}`."""

    def __init__(self, error: str, description: str, http: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.body = {"error": error, "error_description": description}
        self.http = http


@dataclass(frozen=True, slots=True)
class App:
    """The one client application that this org knows."""

    client_id: str
    client_secret: str
    public_key: rsa.RSAPublicKey | None = None  # of the certificate registered for JWT bearer
    jwt_user: str | None = None  # the only username approved for JWT; None: any active user
    session_life: timedelta = timedelta(hours=2)


def read_public_key(path: Path) -> rsa.RSAPublicKey:
    """The RSA key of a PEM certificate or public key; ValueError for anything else."""
    text = path.read_bytes()
    key = (
        x509.load_pem_x509_certificate(text).public_key()
        if b"CERTIFICATE" in text
        else serialization.load_pem_public_key(text)
    )
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError(f"{path} holds no RSA key")
    return key


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
        token = f"{self.org.org_id[:15]}!AQ{secrets.token_urlsafe(72).replace('-', '.')}"
        now = self.org.clock.now()
        with self._lock:
            self._sessions[token] = (user_id, now)
        with self.org.transaction() as connection:
            connection.execute("INSERT INTO e_session VALUES (?, ?, ?)", (token, user_id, stored(now)))
        return token

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

    def token(request: Request, org: Org) -> Response:
        try:
            return json_response(_token(login, request), headers={"Cache-Control": "no-cache, no-store"})
        except OAuthError as bad:
            return json_response(bad.body, bad.http)

    def userinfo(request: Request, org: Org) -> Response:
        user = login.user_of(bearer(request) or request.query.get("oauth_token", ""))
        if user is None:
            return Response(403, b"Bad_OAuth_Token", {"Content-Type": "text/html;charset=UTF-8"})
        return json_response(_identity(org, user, request.base_url, userinfo=True))

    def identity(request: Request, org: Org) -> Response:
        user = login.user_of(bearer(request) or request.query.get("oauth_token", ""))
        if user is None:
            return Response(403, b"Bad_OAuth_Token", {"Content-Type": "text/html;charset=UTF-8"})
        return json_response(_identity(org, user, request.base_url, userinfo=False))

    def revoke(request: Request, org: Org) -> Response:
        given = _form(request).get("token", "") or request.query.get("token", "")
        if not login.revoke(given):
            return json_response({"error": "unsupported_token_type", "error_description": "this token type is not "
                                  "supported"}, 400)  # fmt: skip
        return Response(200)

    router.add("POST", "/services/oauth2/token", token, session=False)
    router.add("GET", "/services/oauth2/userinfo", userinfo, session=False)
    router.add("POST", "/services/oauth2/userinfo", userinfo, session=False)
    router.add("POST", "/services/oauth2/revoke", revoke, session=False)
    router.add("GET", "/services/oauth2/revoke", revoke, session=False)
    router.add("GET", "/id/{org}/{user}", identity, session=False)


def _form(request: Request) -> dict[str, str]:
    if request.content_type != "application/x-www-form-urlencoded":
        return {}
    return {name: values[-1] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}


def _token(login: Login, request: Request) -> dict[str, str]:
    form = _form(request)
    grant = form.get("grant_type", "")
    if grant == "client_credentials":
        user_id = _client_credentials(login, request, form)
    elif grant == JWT_GRANT:
        user_id = _jwt(login, request, form.get("assertion", ""))
    else:
        raise OAuthError("unsupported_grant_type", "grant type not supported")
    issued = str(int(login.org.clock.now().timestamp() * 1000))
    identity = f"{request.base_url}/id/{login.org.org_id}/{user_id}"
    digest = hmac.digest(login.app.client_secret.encode(), (identity + issued).encode(), hashlib.sha256)
    return {
        "access_token": login.issue(user_id),
        "signature": base64.b64encode(digest).decode(),
        "scope": "api",
        "instance_url": request.base_url,
        "id": identity,
        "token_type": "Bearer",
        "issued_at": issued,
    }


def _client_credentials(login: Login, request: Request, form: dict[str, str]) -> str:
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _, coded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, secret = base64.b64decode(coded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise OAuthError("invalid_client", "invalid client credentials", 401) from None
        client_id, secret = unquote_plus(client_id), unquote_plus(secret)
    if not hmac.compare_digest(client_id.encode(), login.app.client_id.encode()):
        raise OAuthError("invalid_client_id", "client identifier invalid")
    if not hmac.compare_digest(secret.encode(), login.app.client_secret.encode()):
        raise OAuthError("invalid_client", "invalid client credentials", 401)
    return _active(login.org, "f_id = ?", login.org.user_id)


def _jwt(login: Login, request: Request, assertion: str) -> str:
    claims = _verified(login.app, assertion)
    if claims.get("iss") != login.app.client_id:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    if str(claims.get("aud", "")).rstrip("/") not in (*LOGIN_HOSTS, request.base_url):
        raise OAuthError("invalid_grant", "audience is invalid")
    expires = _instant(claims.get("exp"), login.org.clock.now())
    now = login.org.clock.now()
    if expires is None or not now < expires <= now + JWT_MAX_LIFE:
        raise OAuthError("invalid_grant", "invalid assertion")
    subject = str(claims.get("sub") or claims.get("prn") or "")
    approved = login.app.jwt_user is None or subject.lower() == login.app.jwt_user.lower()
    if not approved or not subject:
        raise OAuthError("invalid_grant", "user hasn't approved this consumer")
    return _active(login.org, "f_username = ?", subject)


def _verified(app: App, assertion: str) -> dict[str, Any]:
    """The claims of a JWT whose RS256 signature is that of the registered key."""
    try:
        head, body, signature = assertion.split(".")
        header, claims = json.loads(_unbase64(head)), json.loads(_unbase64(body))
        if app.public_key is None or header.get("alg") != "RS256" or not isinstance(claims, dict):
            raise ValueError("not a JWT of ours")
        app.public_key.verify(_unbase64(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, InvalidSignature, AttributeError):
        raise OAuthError("invalid_grant", "invalid assertion") from None
    return claims


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _instant(value: object, now: datetime) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(str(value)), now.tzinfo)
    except (ValueError, OverflowError, OSError):
        return None


def _active(org: Org, where: str, value: str) -> str:
    obj = org.schema.objects["user"]
    user = next(storage.rows(org.connection(), obj, where, value), None)
    if user is None:
        raise OAuthError("invalid_grant", "user hasn't approved this consumer")
    if not user["IsActive"]:
        raise OAuthError("inactive_user", "user is inactive")
    with org.transaction() as connection:
        connection.execute("UPDATE o_user SET f_lastlogindate = ? WHERE f_id = ?", (org.clock.stamp(), user["Id"]))
    return str(user["Id"])


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
