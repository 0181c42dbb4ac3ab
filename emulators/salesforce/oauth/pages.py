"""What a person sees in a browser: log in, then allow or deny; for applications and for devices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from emulators.salesforce.oauth import grants, passwords
from emulators.salesforce.oauth.errors import OAuthError
from emulators.salesforce.oauth.forms import form_of
from emulators.salesforce.oauth.grants import Grant, Kind
from emulators.salesforce.org import Org
from emulators.salesforce.router import Request, Response, Router

if TYPE_CHECKING:
    from emulators.salesforce.oauth.login import Login

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}=?")  # a SHA-256 in base64url (RFC 7636)
HTML = "text/html;charset=UTF-8"
_ASKED = (
    "response_type", "client_id", "redirect_uri", "state", "scope", "code_challenge", "code_challenge_method",
    "user_code",
)  # fmt: skip
_WRONG = "Please check your username and password. If you still can't log in, contact your Salesforce administrator."


def routes(router: Router, login: Login) -> None:
    """The authorization page and the device's page; both take their forms at their own address."""

    def authorize(request: Request, org: Org) -> Response:
        asked = _asked(request)
        try:
            _check(login, asked)
        except OAuthError as bad:  # a redirect to an address that is not trusted would help an attacker
            return _page("Authorization error", f"<p>{escape(bad.query())}</p>", 400)
        try:
            return _step(login, request, org, asked)
        except OAuthError as bad:
            return _back(asked, bad.body)

    def device(request: Request, org: Org) -> Response:
        asked = _asked(request)
        if grants.device_of(org, asked.get("user_code", "")) is None:
            return _page("Connect your device", _form("/setup/connect", {}, _field("user_code", "Code"), "Connect"))
        return _step(login, request, org, asked)

    for method in ("GET", "POST"):
        router.add(method, "/services/oauth2/authorize", authorize, session=False)
        router.add(method, "/setup/connect", device, session=False)


def _asked(request: Request) -> dict[str, str]:
    return {name: value for name, value in (request.query | form_of(request)).items() if name in _ASKED and value}


def _check(login: Login, asked: Mapping[str, str]) -> None:
    """What must hold before anybody is sent back to the application."""
    client = login.client(asked.get("client_id", ""))
    if not asked.get("redirect_uri"):
        raise OAuthError("invalid_request", "missing required redirect_uri parameter")
    if not client.allows(asked["redirect_uri"]):
        raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")


def _step(login: Login, request: Request, org: Org, asked: Mapping[str, str]) -> Response:
    """The next page: log in, approve, or the way back."""
    if "user_code" not in asked:
        _check_request(login, request, asked)
    form = form_of(request)
    ticket = grants.find(org, Kind.TICKET, form.get("ticket", ""))
    if ticket is not None and ticket.client == _key(asked) and not grants.over(org, ticket):
        grants.drop(org, ticket)
        return _decided(login, request, org, asked, ticket, allowed=form.get("decision") == "allow")
    if "username" not in form:
        return _login_page(request, asked, "")
    found = passwords.check(org, form["username"], form.get("password", ""))
    if not isinstance(found, passwords.Accepted):
        return _login_page(request, asked, _WRONG)
    made = grants.new(login, Kind.TICKET, _key(asked), user=found.user_id)
    return _approve_page(request, asked, made)


def _key(asked: Mapping[str, str]) -> str:
    """What a ticket is good for: this request and no other."""
    return urlencode(sorted(asked.items()))


def _check_request(login: Login, request: Request, asked: Mapping[str, str]) -> None:
    if asked.get("response_type") not in ("code", "token"):
        raise OAuthError("unsupported_response_type", "response type not supported")
    grants.read_scope(asked.get("scope", ""))
    if asked.get("code_challenge_method", "S256") != "S256":
        raise OAuthError("invalid_request", "code challenge method must be S256")
    if "code_challenge" in asked and not _CHALLENGE.fullmatch(asked["code_challenge"]):
        raise OAuthError("invalid_request", "invalid code challenge")
    client = login.client(asked["client_id"])
    if client.needs_proof and asked["response_type"] == "code" and "code_challenge" not in asked:
        raise OAuthError("invalid_request", "missing required code challenge")
    if request.query.get("immediate") == "true" or request.query.get("prompt") == "none":
        raise OAuthError("immediate_unsuccessful", "immediate authorization was not successful")


def _decided(
    login: Login, request: Request, org: Org, asked: Mapping[str, str], ticket: Grant, *, allowed: bool
) -> Response:
    """What follows when the user has allowed or denied."""
    device = grants.device_of(org, asked["user_code"]) if "user_code" in asked else None
    if device is not None:
        grants.keep(org, replace(device, user=ticket.user if allowed else "", denied=not allowed))
        text = "Your device is connected." if allowed else "Your device was not connected."
        return _page("Connect your device", f"<p>{text}</p>")
    if not allowed:
        raise OAuthError("access_denied", "end-user denied authorization")
    scope = grants.read_scope(asked.get("scope", ""))
    if asked["response_type"] == "token":
        body = login.session(ticket.user, request.base_url, scope.replace("refresh_token", "").strip())
        return _back(asked, body)
    code = grants.new(
        login, Kind.CODE, asked["client_id"], user=ticket.user, scope=scope, redirect=asked["redirect_uri"],
        challenge=asked.get("code_challenge", "").rstrip("="),
    )  # fmt: skip
    return _back(asked, {"code": code.token})


def _back(asked: Mapping[str, str], values: Mapping[str, str]) -> Response:
    """To the application: in the query, or in the fragment of the user-agent flow."""
    told = dict(values) | ({"state": asked["state"]} if "state" in asked else {})
    address = asked["redirect_uri"]
    mark = "#" if asked.get("response_type") == "token" else "&" if urlsplit(address).query else "?"
    return Response(302, b"", {"Location": f"{address}{mark}{urlencode(told)}"})


# -- pages --------------------------------------------------------------------------------------------------------


def _login_page(request: Request, asked: Mapping[str, str], problem: str) -> Response:
    hint = request.query.get("login_hint", "")
    fields = _field("username", "Username", hint) + _field("password", "Password", kind="password")
    told = f'<p id="error">{escape(problem)}</p>' if problem else ""
    return _page("Login", told + _form(request.path, asked, fields, "Log In"))


def _approve_page(request: Request, asked: Mapping[str, str], ticket: Grant) -> Response:
    scope = escape(asked.get("scope") or grants.USUAL_SCOPE)
    buttons = (
        '<button name="decision" value="allow" id="oaapprove">Allow</button>'
        '<button name="decision" value="deny" id="oadeny">Deny</button>'
    )
    form = _form(request.path, {**asked, "ticket": ticket.token}, buttons, "")
    return _page("Allow Access?", f"<p>The application asks for: {scope}</p>{form}")


def _field(name: str, label: str, value: str = "", kind: str = "text") -> str:
    return f'<label>{label} <input type="{kind}" name="{name}" id="{name}" value="{escape(value)}"></label>'


def _form(action: str, hidden: Mapping[str, str], fields: str, button: str) -> str:
    kept = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in hidden.items()
    )
    submit = f'<button id="Login">{button}</button>' if button else ""
    return f'<form method="post" action="{escape(action)}">{kept}{fields}{submit}</form>'


def _page(title: str, body: str, status: int = 200) -> Response:
    text = f'<!doctype html><html lang="en"><title>{escape(title)}</title><h1>{escape(title)}</h1>{body}</html>'
    headers = {"Content-Type": HTML, "Content-Security-Policy": "default-src 'none'", "X-Frame-Options": "DENY"}
    return Response(status, text.encode(), headers)
