"""What the token endpoint answers to each grant type, and what revocation and introspection say."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from emulators.salesforce import storage
from emulators.salesforce.oauth import grants, passwords
from emulators.salesforce.oauth.errors import OAuthError, invalid_grant
from emulators.salesforce.oauth.forms import credentials, form_of
from emulators.salesforce.oauth.grants import Grant, Kind
from emulators.salesforce.org import Org
from emulators.salesforce.router import Request, Response, Router, json_response

if TYPE_CHECKING:
    from emulators.salesforce.oauth.login import Client, Login

Form = Mapping[str, str]
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_UNCACHED = {"Cache-Control": "no-cache, no-store"}


def routes(router: Router, login: Login) -> None:
    """token, revoke and introspect."""

    def token(request: Request, org: Org) -> Response:
        form = form_of(request)
        act = _device_code if form.get("response_type") == "device_code" else _FLOWS.get(form.get("grant_type", ""))
        try:
            if act is None:
                raise OAuthError("unsupported_grant_type", "grant type not supported")
            return json_response(act(login, request, form), headers=_UNCACHED)
        except OAuthError as bad:
            return json_response(bad.body, bad.http, _UNCACHED)

    def revoke(request: Request, org: Org) -> Response:
        given = form_of(request).get("token", "") or request.query.get("token", "")
        if not _revoke(login, given):
            text = {"error": "unsupported_token_type", "error_description": "this token type is not supported"}
            return json_response(text, 400)
        return Response(200)

    def introspect(request: Request, org: Org) -> Response:
        form = form_of(request)
        try:
            client = _client(login, request, form)
        except OAuthError as bad:
            return json_response({"error": "invalid_client", "error_description": bad.body["error_description"]}, 401)
        if "token" not in form:
            return json_response({"error": "invalid_request", "error_description": "missing token parameter"}, 400)
        return json_response(_introspected(login, request, client, form["token"]))

    router.add("POST", "/services/oauth2/token", token, session=False)
    router.add("POST", "/services/oauth2/revoke", revoke, session=False)
    router.add("GET", "/services/oauth2/revoke", revoke, session=False)
    router.add("POST", "/services/oauth2/introspect", introspect, session=False)


def _client(login: Login, request: Request, form: Form) -> Client:
    """The application that calls, with its secret where it has one."""
    client_id, secret = credentials(request, form)
    client = login.client(client_id)
    if client.secret is not None and not hmac.compare_digest(secret.encode(), client.secret.encode()):
        raise OAuthError("invalid_client", "invalid client credentials", 401)
    return client


def _active(org: Org, where: str, value: str) -> str:
    """The id of an active user; OAuthError otherwise."""
    user = next(storage.rows(org.connection(), org.schema.objects["user"], where, value), None)
    if user is None:
        raise invalid_grant("user hasn't approved this consumer")
    if not user["IsActive"]:
        raise OAuthError("inactive_user", "user is inactive")
    return str(user["Id"])


# -- flows --------------------------------------------------------------------------------------------------------


def _client_credentials(login: Login, request: Request, form: Form) -> dict[str, str]:
    client = _client(login, request, form)
    if client.secret is None:
        raise invalid_grant("no client credentials user enabled")
    return login.session(_active(login.org, "f_id = ?", login.org.user_id), request.base_url, "api")


def _jwt(login: Login, request: Request, form: Form) -> dict[str, str]:
    from emulators.salesforce.oauth import jwt as oauth_jwt  # signatures take a while to load

    name = oauth_jwt.subject(login, request.base_url, form.get("assertion", ""))
    return login.session(_active(login.org, "f_username = ?", name), request.base_url, "api")


def _password(login: Login, request: Request, form: Form) -> dict[str, str]:
    _client(login, request, form)
    found = passwords.check(login.org, form.get("username", ""), form.get("password", ""))
    if found is passwords.Refusal.INACTIVE:
        raise OAuthError("inactive_user", "user is inactive")
    if not isinstance(found, passwords.Accepted):
        raise invalid_grant("authentication failure")
    return login.session(found.user_id, request.base_url, "id api full")  # this flow gives no refresh token


def _code(login: Login, request: Request, form: Form) -> dict[str, str]:
    client = _client(login, request, form)
    for name in ("code", "redirect_uri"):
        if name not in form:
            raise OAuthError("invalid_request", f"missing required {name} parameter")
    verifier = form.get("code_verifier", "")
    grant = grants.redeem_code(login.org, client.id, form["code"], form["redirect_uri"], verifier)
    return _granted(login, request, grant)


def _device_code(login: Login, request: Request, form: Form) -> dict[str, Any]:
    client = login.client(form.get("client_id", ""))
    scope = grants.read_scope(form.get("scope", ""))
    made = grants.new(login, Kind.DEVICE, client.id, scope=scope, user_code=grants.user_code(login))
    return {
        "device_code": made.token,
        "user_code": made.user_code,
        "verification_uri": f"{request.base_url}/setup/connect",
        "interval": grants.DEVICE_INTERVAL,
    }


def _device(login: Login, request: Request, form: Form) -> dict[str, str]:
    client = login.client(form.get("client_id", ""))
    return _granted(login, request, grants.poll_device(login.org, client.id, form.get("code", "")))


def _granted(login: Login, request: Request, grant: Grant) -> dict[str, str]:
    """A session for the user who approved, with a refresh token where the scope has one."""
    user = _active(login.org, "f_id = ?", grant.user)
    body = login.session(user, request.base_url, grant.scope)
    if not grant.lasting:
        return body
    kept = grants.new(login, Kind.REFRESH, grant.client, user=user, scope=grant.scope)
    grants.keep(login.org, replace(kept, sessions=(body["access_token"],)))
    return body | {"refresh_token": kept.token}


def _refresh(login: Login, request: Request, form: Form) -> dict[str, str]:
    client = _client(login, request, form)
    with login.org.transaction():
        grant = grants.find(login.org, Kind.REFRESH, form.get("refresh_token", ""))
        if grant is None or grant.client != client.id:
            raise invalid_grant("expired access/refresh token")
        body = login.session(_active(login.org, "f_id = ?", grant.user), request.base_url, grant.scope)
        sessions = (*grant.sessions[-20:], body["access_token"])
        if not login.app.rotate:
            grants.keep(login.org, replace(grant, sessions=sessions))
            return body
        grants.drop(login.org, grant)
        fresh = grants.new(login, Kind.REFRESH, grant.client, user=grant.user, scope=grant.scope)
        grants.keep(login.org, replace(fresh, sessions=sessions))
    return body | {"refresh_token": fresh.token}


_FLOWS: dict[str, Callable[[Login, Request, Form], dict[str, Any]]] = {
    "client_credentials": _client_credentials,
    JWT_GRANT: _jwt,
    "password": _password,
    "authorization_code": _code,
    "refresh_token": _refresh,
    "device": _device,
}


# -- what became of a token ---------------------------------------------------------------------------------------


def _revoke(login: Login, token: str) -> bool:
    """End a session, or a refresh token with every session that came of it; whether there was one."""
    grant = grants.find(login.org, Kind.REFRESH, token)
    if grant is None:
        return login.revoke(token)
    for session in grant.sessions:
        login.revoke(session)
    grants.drop(login.org, grant)
    return True


def _introspected(login: Login, request: Request, client: Client, token: str) -> dict[str, Any]:
    """RFC 7662, as the vendor's page has it; a token that is none of this org's is only not active."""
    grant = grants.find(login.org, Kind.REFRESH, token)
    session = login.used_at(token)
    if grant is None and session is None:
        return {"active": False}
    user_id = grant.user if grant is not None else session[0] if session else ""
    user = login.org.get("User", user_id) or {}
    told = {
        "active": True,
        "scope": grant.scope if grant is not None else "api",
        "client_id": client.id,
        "username": user.get("Username"),
        "sub": f"{request.base_url}/id/{login.org.org_id}/{user_id}",
        "token_type": "refresh_token" if grant is not None else "access_token",
    }
    if session is None:
        return told
    used = int(session[1].timestamp())
    return told | {"exp": used + int(login.app.session_life.total_seconds()), "iat": used, "nbf": used}
