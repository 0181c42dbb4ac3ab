"""How an application gets tokens for a portal: by the code of an installation, and by a refresh token.

Pages: "OAuth quickstart", "Manage OAuth tokens", changelog "New OAuth v3 API Endpoints and Standardized
Error Responses".
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

from emulators.hubspot import app_tokens
from emulators.hubspot.errors import HubError
from emulators.hubspot.router import Request, Response, json_response, no_content
from emulators.loopback.clock import stored

if TYPE_CHECKING:
    from emulators.hubspot.tokens import Tokens

DDL = """
CREATE TABLE IF NOT EXISTS auth_code (code TEXT PRIMARY KEY, redirect TEXT NOT NULL, expires TEXT NOT NULL)
  WITHOUT ROWID;
"""
CODE_LIFE = timedelta(minutes=5)  # not documented; codes are taken within seconds
_RFC = {"BAD_GRANT_TYPE": "unsupported_grant_type", "BAD_CLIENT_ID": "invalid_client"}
_RFC |= {"BAD_CLIENT_SECRET": "invalid_client", "BAD_SCOPES": "invalid_scope"}


def form(request: Request) -> dict[str, str]:
    """What was sent, form-encoded; version 1 takes it from the address as well, later ones never do."""
    found = parse_qs(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    if not found and request.version == "v1":
        found = request.query
    return {name: values[-1] for name, values in found.items()}


def refused(status: str, message: str) -> HubError:
    """400 in both forms: HubSpot's `status` and `message`, and RFC 6749's."""
    extra = {"status": status, "error": _RFC.get(status, "invalid_grant"), "error_description": message}
    return HubError(400, "", message, extra=extra)


def authorize(tokens: Tokens, request: Request) -> Response:
    """302 to `redirect_uri` with a `code`, as after a user who says yes; 400 for another application."""
    target, parts = request.one("redirect_uri"), urlsplit(_plain(request.one("redirect_uri")))
    if not _same(request.one("client_id"), tokens.app.client_id):
        raise HubError(400, "", "The client ID in the authorization URL is not that of an application")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise HubError(400, "", "The redirect URL in the authorization URL is missing or not valid")
    code = tokens.unguessed("code")[:32]
    with tokens.portal.transaction() as connection:
        row = (code, target, stored(tokens.portal.now() + CODE_LIFE))
        connection.execute("INSERT INTO auth_code VALUES (?, ?, ?)", row)
    state = f"&state={quote(request.one('state'), safe='')}" if request.one("state") else ""
    address = quote(target, safe=":/?#[]@!$&'()*+,;=%~-._") + ("&" if parts.query else "?") + f"code={code}{state}"
    return Response(302, b"", {"Location": address})


def grant(tokens: Tokens, request: Request) -> Response:
    """Tokens for `authorization_code`, `refresh_token`, or (for the journal alone) `client_credentials`."""
    sent = form(request)
    kind = sent.get("grant_type", "")
    if kind not in ("authorization_code", "refresh_token", "client_credentials"):
        raise refused("BAD_GRANT_TYPE", "missing or unknown grant type")
    _demand_client(tokens, sent)
    if kind == "client_credentials":
        return json_response(app_tokens.grant(tokens.portal, sent, tokens.unguessed("app")))
    refresh = _taken(tokens, sent) if kind == "authorization_code" else _refreshed(tokens, sent)
    return json_response(tokens.granted_by(refresh, request.version))


def introspect(tokens: Tokens, request: Request) -> Response:
    """What is known of a token of this application; `{"active": false}` for any other."""
    sent = form(request)
    _demand_client(tokens, sent)
    return json_response(tokens.inspected(sent.get("token", "")))


def revoke(tokens: Tokens, request: Request) -> Response:
    """204 for any token: a refresh token is withdrawn, unknown ones change nothing."""
    sent = form(request)
    _demand_client(tokens, sent)
    tokens.revoke(sent.get("token", ""), "refresh")
    return no_content()


def about_refresh(tokens: Tokens, token: str) -> dict[str, Any]:
    """What version 1 says of a refresh token; 404 for one that it does not know."""
    found = tokens.inspected(token)
    if not found["active"] or found["token_use"] != "refresh_token":  # noqa: S105
        raise HubError(404, "", "missing or unknown refresh token")
    keys = ("token", "user", "hub_domain", "scopes", "hub_id", "client_id", "user_id")
    return {**{key: found[key] for key in keys}, "token_type": "refresh"}


def _demand_client(tokens: Tokens, sent: Mapping[str, str]) -> None:
    if not _same(sent.get("client_id", ""), tokens.app.client_id):
        raise refused("BAD_CLIENT_ID", "missing or unknown client id")
    if not _same(sent.get("client_secret", ""), tokens.app.client_secret):
        raise refused("BAD_CLIENT_SECRET", "missing or invalid client secret")


def _taken(tokens: Tokens, sent: Mapping[str, str]) -> str:
    """The refresh token for a code, which can be used once."""
    if not sent.get("redirect_uri"):
        raise refused("BAD_REDIRECT_URI", "missing or invalid redirect uri")
    with tokens.portal.transaction() as connection:
        text = "SELECT redirect, expires FROM auth_code WHERE code = ?"
        row = connection.execute(text, (_plain(sent.get("code", "")),)).fetchone()
        if row is None:
            raise refused("BAD_AUTH_CODE", "missing or unknown auth code")
        if row[1] <= stored(tokens.portal.now()):
            raise refused("EXPIRED_AUTH_CODE", "expired auth code")
        if row[0] != sent["redirect_uri"]:
            raise refused("MISMATCH_REDIRECT_URI_AUTH_CODE", "redirect uri is not the one of the auth code")
        connection.execute("DELETE FROM auth_code WHERE code = ?", (sent["code"],))
        return tokens.issued("refresh")


def _refreshed(tokens: Tokens, sent: Mapping[str, str]) -> str:
    given = sent.get("refresh_token", "")
    if tokens.kind_of(given) != "refresh":
        raise refused("BAD_REFRESH_TOKEN", "missing or invalid refresh token")
    return given


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _plain(text: str) -> str:
    """Text that every file and address can hold: lone surrogates are replaced."""
    return text.encode("utf-8", "replace").decode()
