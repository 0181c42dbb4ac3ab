"""Who calls: static tokens, OAuth access and refresh tokens, and what they were granted."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from emulators.hubspot import token_grants
from emulators.hubspot.errors import HubError
from emulators.hubspot.portal import Portal, epoch_ms
from emulators.hubspot.router import Handler, Request, Response, Router, json_response, no_content
from emulators.loopback.clock import parse_instant, stored
from emulators.loopback.secret import derived

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

    def revoke(self, token: str, kind: str = "") -> int:
        """Withdraw a token, of that kind or of any. How many were withdrawn."""
        text = "UPDATE token SET revoked = 1 WHERE token = ? AND (? = '' OR kind = ?)"
        with self.portal.transaction() as connection:
            return int(connection.execute(text, (token, kind, kind)).rowcount)

    def kind_of(self, token: str) -> str:
        """`static`, `oauth` or `refresh`; empty for a token that is unknown or was withdrawn."""
        found = self._find(token)
        return "" if found is None or found[2] else found[0]

    def issued(self, kind: str) -> str:
        """A new token of that kind; access tokens live 1,800 seconds."""
        expires = stored(self.portal.now() + LIFE) if kind == "oauth" else ""
        with self.portal.transaction() as connection:
            token = self.unguessed(kind)
            connection.execute("INSERT INTO token (token, kind, expires) VALUES (?,?,?)", (token, kind, expires))
        return token

    def unguessed(self, kind: str) -> str:
        """The next secret text of that kind: the same at the same place of the same calls, for who has the app's."""
        with self.portal.transaction():
            number = int(self.portal.state("tokens_issued") or 0) + 1
            self.portal.put_state("tokens_issued", number)
        return derived(self.app.client_secret, f"{kind}/{number}", 64)

    def granted_by(self, refresh_token: str, version: str) -> dict[str, Any]:
        """A new access token, as the token endpoints of that version tell it."""
        answer: dict[str, Any] = {
            "token_type": "bearer",
            "access_token": self.issued("oauth"),
            "refresh_token": refresh_token,
            "expires_in": int(LIFE.total_seconds()),
        }
        if version != "v1":
            settings = self.portal.settings
            answer |= {"token_use": "access_token", "hub_id": settings.portal_id, "user_id": settings.user_id}
            answer["scopes"] = list(self.granted())
        return answer

    def inspected(self, token: str) -> dict[str, Any]:
        """What introspection tells of an access or refresh token; `{"active": False}` for all others."""
        found = self._find(token)
        if found is None or found[2] or found[0] == "static" or (found[1] and self._age(found[1]) >= 0):
            return {"active": False}
        settings = self.portal.settings
        known = {
            "token": token,
            "active": True,
            "client_id": self.app.client_id,
            "user": "integration@example.com",
            "hub_domain": "portal.example.com",
            "scopes": list(self.granted()),
            "hub_id": settings.portal_id,
            "app_id": settings.app_id,
            "user_id": settings.user_id,
        }
        if found[0] == "refresh":
            return {**known, "token_type": "refresh", "token_use": "refresh_token"}
        known |= {"token_type": "access", "token_use": "access_token", "expires_in": -self._age(found[1])}
        return {**known, "is_private_distribution": False, "signed_access_token": self._signed(found[1])}

    def _signed(self, expires: str) -> dict[str, Any]:
        """The part that other services of HubSpot read; its signatures prove nothing here."""
        settings = self.portal.settings
        return {
            "expiresAt": epoch_ms(parse_instant(expires)),
            "scopes": "",
            "hubId": settings.portal_id,
            "userId": settings.user_id,
            "appId": settings.app_id,
            "signature": "",
            "scopeToScopeGroupPks": "",
            "newSignature": "",
            "hublet": "eu1" if "eu1" in settings.ui_domain else "na1",
            "trialScopes": "",
            "trialScopeToScopeGroupPks": "",
            "isUserLevel": False,
            "installingUserId": settings.user_id,
            "isServiceAccount": False,
            "isPrivateDistribution": False,
        }

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
        token = token.encode("utf-8", "replace").decode()  # a lone surrogate is no key
        text = "SELECT kind, expires, revoked FROM token WHERE token = ?"
        row: tuple[str, str, int] | None = self.portal.connection.execute(text, (token,)).fetchone()
        return row

    def _age(self, at: str) -> int:
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
        tokens.revoke(request.params["token"], "refresh")
        return no_content()

    def about_refresh(request: Request, portal: Portal) -> Response:
        return json_response(token_grants.about_refresh(tokens, request.params["token"]))

    def add(method: str, path: str, handler: Handler, *, dated: bool = False) -> None:
        router.add(method, path, handler, public=True, limit="", dated=dated)

    for path in ("/oauth/v1/token", "/oauth/v3/token"):
        add("POST", path, lambda r, p: token_grants.grant(tokens, r), dated=path.startswith("/oauth/v1"))
    add("POST", "/oauth/v3/token/introspect", lambda r, p: token_grants.introspect(tokens, r), dated=True)
    add("POST", "/oauth/v3/token/revoke", lambda r, p: token_grants.revoke(tokens, r), dated=True)
    add("GET", "/oauth/authorize", lambda r, p: token_grants.authorize(tokens, r))
    add("GET", "/oauth/v1/access-tokens/{token}", lambda r, p: json_response(tokens.told(r.params["token"])))
    add("GET", "/oauth/v1/refresh-tokens/{token}", about_refresh)
    add("DELETE", "/oauth/v1/refresh-tokens/{token}", revoke)
    add("POST", "/oauth/v2/private-apps/get/access-token-info", static)


def _unknown() -> HubError:
    return HubError(
        401,
        "INVALID_AUTHENTICATION",
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more"
        " details in the developers' documentation.",
    )
