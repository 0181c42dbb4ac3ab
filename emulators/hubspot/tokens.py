"""Who calls: static tokens, OAuth access and refresh tokens, and what they were granted."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

from emulators.hubspot import app_tokens
from emulators.hubspot.errors import HubError
from emulators.hubspot.portal import Portal
from emulators.hubspot.router import Request, Response, Router, json_response, no_content
from emulators.loopback.clock import stored

DDL = """
CREATE TABLE IF NOT EXISTS token (
  token TEXT PRIMARY KEY, kind TEXT NOT NULL, expires TEXT NOT NULL, revoked INTEGER NOT NULL DEFAULT 0)
  WITHOUT ROWID;
"""
LIFE = timedelta(seconds=1800)
_READ_WRITE = ("companies", "contacts", "deals", "custom", "quotes", "line_items", "leads", "products", "users")
SCOPES = tuple(
    sorted(
        [
            "oauth",
            "crm.objects.owners.read",
            "crm.lists.read",
            "crm.lists.write",
            "crm.export",
            "crm.import",
            "tickets",
            "settings.currencies.read",
        ]
        + ["marketing.campaigns.read", "marketing.campaigns.write", "marketing.campaigns.revenue.read"]
        + [f"crm.objects.{name}.{verb}" for name in _READ_WRITE for verb in ("read", "write")]
        + [f"crm.schemas.{name}.{verb}" for name in _READ_WRITE for verb in ("read", "write")]
        + ["account-info.security.read", "crm.pipelines.orders.read", "crm.schemas.tickets.read"]
    )
)


@dataclass(frozen=True, slots=True)
class App:
    """The one application that is installed in the portal."""

    client_id: str
    client_secret: str
    access_token: str  # static, `pat-...`
    refresh_token: str
    developer_key: str = ""  # `hapikey` of the calls that manage webhooks; empty: they need a token

    @classmethod
    def generated(cls) -> App:
        """New secrets."""
        token = f"pat-na1-{secrets.token_hex(16)}"
        return cls(secrets.token_hex(18), secrets.token_urlsafe(24), token, secrets.token_urlsafe(24))


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token it is."""

    token: str
    oauth: bool


class Tokens:
    """The tokens of a portal."""

    def __init__(self, portal: Portal, app: App) -> None:
        self.portal, self.app = portal, app
        with portal.transaction() as connection:
            rows = [(app.access_token, "static", ""), (app.refresh_token, "refresh", "")]
            connection.executemany("INSERT OR IGNORE INTO token (token, kind, expires) VALUES (?,?,?)", rows)

    def caller(self, request: Request) -> Caller:
        """The caller; 401 without a token, with an unknown one, with one that has expired."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        found = self._find(token.strip()) if scheme.lower() == "bearer" and token.strip() else None
        if found is None or found[0] == "refresh" or found[2]:
            raise _unknown()
        if found[1] and found[1] <= stored(self.portal.now()):
            raise HubError(
                401,
                "EXPIRED_AUTHENTICATION",
                f"The OAuth token used to make this call expired {self._age(found[1])} second(s) ago.",
                context={"expire time": [found[1]]},
            )
        return Caller(token.strip(), oauth=found[0] == "oauth")

    def granted(self) -> tuple[str, ...]:
        """The scopes of the application."""
        kept = self.portal.state("scopes")
        return SCOPES if kept is None else tuple(kept)

    def demand(self, wanted: tuple[str, ...]) -> None:
        """403 unless one of these scopes was granted."""
        if wanted and not set(wanted) & set(self.granted()):
            text = "One or more of the following scopes are required."
            error = {"message": text, "context": {"requiredGranularScopes": list(wanted)}}
            message = "This app hasn't been granted all required scopes to make this call. Read more about required"
            raise HubError(
                403, "MISSING_SCOPES", f"{message} scopes in the developers' documentation.", errors=[error]
            )

    def expire(self, token: str = "") -> int:
        """End that OAuth access token, or all; static tokens do not expire. How many ended."""
        with self.portal.transaction() as connection:
            now = stored(self.portal.now())
            text = "UPDATE token SET expires = ? WHERE kind = 'oauth' AND expires > ? AND (? = '' OR token = ?)"
            return int(connection.execute(text, (now, now, token, token)).rowcount)

    def revoke(self, token: str) -> int:
        """Withdraw a token of any kind."""
        with self.portal.transaction() as connection:
            return int(connection.execute("UPDATE token SET revoked = 1 WHERE token = ?", (token,)).rowcount)

    def grant(self, request: Request) -> Response:
        """`grant_type=refresh_token` -> a new access token; `client_credentials` -> one for the journal alone."""
        form = {name: values[-1] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        form = form or {name: values[-1] for name, values in request.query.items()}
        if form.get("grant_type") not in ("refresh_token", "client_credentials"):
            text = "grant_type must be refresh_token or client_credentials"
            raise _bad_grant("UNSUPPORTED_GRANT_TYPE", text)
        known = _same(form.get("client_id"), self.app.client_id)
        if not (known and _same(form.get("client_secret"), self.app.client_secret)):
            raise _bad_grant("BAD_CLIENT_SECRET", "missing or invalid client id or client secret")
        if form["grant_type"] == "client_credentials":
            return json_response(app_tokens.grant(self.portal, form))
        found = self._find(form.get("refresh_token", ""))
        if found is None or found[0] != "refresh" or found[2]:
            raise _bad_grant("BAD_REFRESH_TOKEN", "missing or invalid refresh token")
        token = secrets.token_urlsafe(48)
        with self.portal.transaction() as connection:
            row = (token, "oauth", stored(self.portal.now() + LIFE))
            connection.execute("INSERT INTO token (token, kind, expires) VALUES (?,?,?)", row)
        return json_response(self._granted(token, form["refresh_token"], request.version))

    def _granted(self, token: str, refresh_token: str, version: str) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "token_type": "bearer",
            "access_token": token,
            "refresh_token": refresh_token,
            "expires_in": int(LIFE.total_seconds()),
        }
        if version != "v1":
            settings = self.portal.settings
            answer |= {"token_use": "access_token", "hub_id": settings.portal_id, "user_id": settings.user_id}
            answer["scopes"] = list(self.granted())
        return answer

    def told(self, token: str) -> dict[str, Any]:
        """What the portal says about an OAuth access token; 404 for one it does not know."""
        found = self._find(token)
        if found is None or found[2] or found[0] != "oauth":
            raise HubError(404, "", "The access token is unknown or has expired")
        settings = self.portal.settings
        return {
            "token": token,
            "user": "integration@example.com",
            "hub_domain": "portal.example.com",
            "scopes": list(self.granted()),
            "hub_id": settings.portal_id,
            "app_id": settings.app_id,
            "expires_in": max(0, -self._age(found[1])),
            "user_id": settings.user_id,
            "token_type": "access",
        }

    def _find(self, token: str) -> tuple[str, str, int] | None:
        text = "SELECT kind, expires, revoked FROM token WHERE token = ?"
        row: tuple[str, str, int] | None = self.portal.connection.execute(text, (token,)).fetchone()
        return row

    def _age(self, at: str) -> int:
        from emulators.loopback.clock import parse_instant

        return int((self.portal.now() - parse_instant(at)).total_seconds())


def routes(router: Router, tokens: Tokens) -> None:
    """Token grants, revocation and what is told about tokens."""

    def static(request: Request, portal: Portal) -> Response:
        given = str(request.document().get("tokenKey", ""))
        row = tokens._find(given)
        if row is None or row[0] != "static" or row[2]:
            raise HubError(404, "OBJECT_NOT_FOUND", "resource not found")
        settings = portal.settings
        told = {"userId": settings.user_id, "hubId": settings.portal_id, "appId": settings.app_id}
        return json_response({**told, "scopes": list(tokens.granted())})

    def revoke(request: Request, portal: Portal) -> Response:
        tokens.revoke(request.params["token"])
        return no_content()

    for path in ("/oauth/v1/token", "/oauth/v3/token"):
        router.add(
            "POST", path, lambda r, p: tokens.grant(r), public=True, limit="", dated=path.startswith("/oauth/v1")
        )
    router.add(
        "GET",
        "/oauth/v1/access-tokens/{token}",
        lambda r, p: json_response(tokens.told(r.params["token"])),
        public=True,
        limit="",
        dated=False,
    )
    router.add("DELETE", "/oauth/v1/refresh-tokens/{token}", revoke, public=True, limit="", dated=False)
    router.add("POST", "/oauth/v2/private-apps/get/access-token-info", static, public=True, limit="", dated=False)


def _same(given: str | None, wanted: str) -> bool:
    return hmac.compare_digest((given or "").encode(), wanted.encode())


def _bad_grant(status: str, message: str) -> HubError:
    extra = {"status": status, "error": "invalid_grant", "error_description": message}
    return HubError(400, "", message, extra=extra)


def _unknown() -> HubError:
    return HubError(
        401,
        "INVALID_AUTHENTICATION",
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more"
        " details in the developers' documentation.",
    )
