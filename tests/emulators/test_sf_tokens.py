"""Tokens: who gets one, how long it lives, and what the endpoint says otherwise."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from emulators.salesforce.oauth import passwords

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
KEY = rsa.generate_private_key(65537, 2048)
NOT_OURS = rsa.generate_private_key(65537, 2048)
AUDIENCE = "https://login.salesforce.com"


def token(caller: Any, **form: str) -> tuple[int, dict[str, str]]:
    answer = caller.raw("POST", "/services/oauth2/token", data=form)
    return answer.status_code, answer.json()


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def assertion(caller: Any, key: rsa.RSAPrivateKey = KEY, alg: str = "RS256", **changed: Any) -> str:
    seconds = int(caller.org.clock.now().timestamp())
    claims = {
        "iss": "an-app",
        "sub": "integration@emulated.example",
        "aud": AUDIENCE,
        "exp": seconds + 180,
        **changed,
    }
    signed = f"{encoded(json.dumps({'alg': alg}).encode())}.{encoded(json.dumps(claims).encode())}"
    return f"{signed}.{encoded(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


@pytest.fixture
def with_jwt(start: Any) -> Any:
    return start(app={"public_key": KEY.public_key(), "jwt_user": "integration@emulated.example"})


def test_client_credentials_in_the_body_give_the_documented_keys(caller: Any) -> None:
    status, body = token(caller, grant_type="client_credentials", client_id="an-app", client_secret="its-secret")
    assert status == 200
    assert set(body) == {"access_token", "signature", "scope", "instance_url", "id", "token_type", "issued_at"}
    assert body["access_token"].startswith(caller.org.org_id[:15] + "!AQ")
    assert body["token_type"] == "Bearer"
    assert body["instance_url"] == caller.emulator.url
    assert body["issued_at"] == "1774947600000"  # 2026-03-31T09:00:00Z
    assert body["id"] == f"{caller.emulator.url}/id/{caller.org.org_id}/{caller.org.user_id}"


def test_client_credentials_in_a_basic_header_are_taken_too(caller: Any) -> None:
    coded = base64.b64encode(b"an-app:its-secret").decode()
    answer = caller.raw(
        "POST",
        "/services/oauth2/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": f"Basic {coded}"},
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("form", "status", "body"),
    [
        (
            {"grant_type": "client_credentials", "client_id": "other", "client_secret": "its-secret"},
            400,
            {"error": "invalid_client_id", "error_description": "client identifier invalid"},
        ),
        (
            {"grant_type": "client_credentials", "client_id": "an-app", "client_secret": "wrong"},
            401,
            {"error": "invalid_client", "error_description": "invalid client credentials"},
        ),
        (
            {"grant_type": "guess", "client_id": "an-app", "client_secret": "its-secret"},
            400,
            {"error": "unsupported_grant_type", "error_description": "grant type not supported"},
        ),
    ],
)
def test_a_wrong_request_for_a_token_is_refused(caller: Any, form: dict[str, str], status: int, body: Any) -> None:
    assert token(caller, **form) == (status, body)


def test_an_inactive_user_gets_no_token(caller: Any) -> None:
    caller.org.update("User", caller.org.user_id, {"IsActive": False}, caller.org.system())
    status, body = token(caller, grant_type="client_credentials", client_id="an-app", client_secret="its-secret")
    assert (status, body["error"]) == (400, "inactive_user")


def test_a_signed_assertion_of_the_approved_user_gives_a_token(with_jwt: Any) -> None:
    status, body = token(with_jwt, grant_type=GRANT, assertion=assertion(with_jwt))
    assert (status, body["token_type"]) == (200, "Bearer")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"key": NOT_OURS}, ("invalid_grant", "invalid assertion")),
        ({"alg": "none"}, ("invalid_grant", "invalid assertion")),
        ({"aud": "https://elsewhere.example"}, ("invalid_grant", "audience is invalid")),
        ({"iss": "other"}, ("invalid_client_id", "client identifier invalid")),
        ({"sub": "nobody@emulated.example"}, ("invalid_grant", "user hasn't approved this consumer")),
        ({"sub": "admin@emulated.example"}, ("invalid_grant", "user hasn't approved this consumer")),
    ],
)
def test_a_wrong_assertion_is_refused(with_jwt: Any, changed: dict[str, Any], error: tuple[str, str]) -> None:
    status, body = token(with_jwt, grant_type=GRANT, assertion=assertion(with_jwt, **changed))
    assert (status, body["error"], body["error_description"]) == (400, *error)


@pytest.mark.parametrize(("ahead", "status"), [(1, 200), (0, 400), (300, 200), (301, 400)])
def test_an_assertion_lives_up_to_five_minutes(with_jwt: Any, ahead: int, status: int) -> None:
    seconds = int(with_jwt.org.clock.now().timestamp())
    found, _ = token(with_jwt, grant_type=GRANT, assertion=assertion(with_jwt, exp=seconds + ahead))
    assert found == status


@pytest.mark.parametrize("part", [0, 1])
def test_an_assertion_nested_without_end_is_refused(with_jwt: Any, part: int) -> None:
    parts = assertion(with_jwt).split(".")
    parts[part] = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    status, body = token(with_jwt, grant_type=GRANT, assertion=".".join(parts))
    assert (status, body["error_description"]) == (400, "invalid assertion")


def test_without_a_registered_certificate_no_assertion_counts(caller: Any) -> None:
    status, body = token(caller, grant_type=GRANT, assertion=assertion(caller))
    assert (status, body["error_description"]) == (400, "invalid assertion")


def test_a_certificate_file_is_read_and_another_key_refused(tmp_path: Path) -> None:
    from emulators.salesforce.oauth.jwt import read_public_key

    path = tmp_path / "key.pem"
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    path.write_bytes(KEY.public_key().public_bytes(*form))
    assert read_public_key(path).public_numbers() == KEY.public_key().public_numbers()


EXPIRED = (401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])


def test_a_session_lives_two_hours_from_its_last_use(caller: Any) -> None:
    caller.org.clock.advance(7199)
    assert caller.call("GET", "/limits")[0] == 200
    caller.org.clock.advance(7199)  # the use renewed it
    assert caller.call("GET", "/limits")[0] == 200
    caller.org.clock.advance(7200)
    assert caller.call("GET", "/limits") == EXPIRED


def test_the_life_of_a_session_can_be_set(start: Any) -> None:
    short = start(app={"session_life": timedelta(seconds=60)})
    short.org.clock.advance(60)
    assert short.call("GET", "/limits") == EXPIRED


def test_a_call_without_a_token_is_refused(caller: Any) -> None:
    del caller.http.headers["Authorization"]
    assert caller.call("GET", "/limits") == EXPIRED


def test_a_revoked_token_is_dead(caller: Any) -> None:
    mine = caller.http.headers["Authorization"].removeprefix("Bearer ")
    assert caller.raw("POST", "/services/oauth2/revoke", data={"token": mine}).status_code == 200
    assert caller.call("GET", "/limits") == EXPIRED
    again = caller.raw("POST", "/services/oauth2/revoke", data={"token": mine})
    assert (again.status_code, again.json()["error"]) == (400, "unsupported_token_type")


def test_userinfo_and_identity_name_user_and_org(caller: Any) -> None:
    info = caller.raw("GET", "/services/oauth2/userinfo").json()
    assert (info["user_id"], info["organization_id"]) == (caller.org.user_id, caller.org.org_id)
    assert info["preferred_username"] == "integration@emulated.example"
    identity = caller.raw("GET", f"/id/{caller.org.org_id}/{caller.org.user_id}").json()
    assert identity["username"] == "integration@emulated.example"
    del caller.http.headers["Authorization"]
    refused = caller.raw("GET", "/services/oauth2/userinfo")
    assert (refused.status_code, refused.text) == (403, "Bad_OAuth_Token")


def test_an_identity_is_of_this_org_and_of_a_user_there_is(caller: Any) -> None:
    org = caller.org
    wrong = caller.raw("GET", f"/id/00D000000000001/{org.user_id}")
    assert (wrong.status_code, wrong.text) == (403, "Wrong_Org")
    nobody = caller.raw("GET", f"/id/{org.org_id}/005000000000001")
    assert (nobody.status_code, nobody.text) == (404, "Bad_Id")
    del caller.http.headers["Authorization"]
    missing = caller.raw("GET", f"/id/{org.org_id}/{org.user_id}")
    assert (missing.status_code, missing.text) == (403, "Missing_OAuth_Token")


# -- what people approve ------------------------------------------------------------------------------------------

BACK = "http://localhost:8000/callback"
NAME, PASSWORD = "integration@emulated.example", "Secret123"
APP = {"client_id": "an-app", "client_secret": "its-secret"}
VERIFIER = "a-verifier-of-forty-three-characters-and-more-0"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
EXPIRED_GRANT = (400, {"error": "invalid_grant", "error_description": "expired access/refresh token"})


@pytest.fixture
def person(caller: Any) -> Any:
    """A caller without a session, to an org whose integration user has a password."""
    passwords.put(caller.org, caller.org.user_id, PASSWORD, "TOKEN")
    del caller.http.headers["Authorization"]
    return caller


def fields(page: Any) -> dict[str, str]:
    """The hidden fields of a page's form."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text)
    return {name: html.unescape(value) for name, value in found}


def ask(person: Any, **asked: str) -> Any:
    query = {"response_type": "code", "client_id": "an-app", "redirect_uri": BACK, **asked}
    return person.raw("GET", "/services/oauth2/authorize", params=query, allow_redirects=False)


def send(person: Any, page: Any, path: str = "/services/oauth2/authorize", **values: str) -> Any:
    return person.raw("POST", path, data=fields(page) | values, allow_redirects=False)


def approved(person: Any, decision: str = "allow", **asked: str) -> tuple[str, dict[str, str]]:
    """(address, parameters) to which a person is sent who logs in and decides."""
    page = send(person, ask(person, **asked), username=NAME, password=PASSWORD)
    assert page.status_code == 200, page.text
    answer = send(person, page, decision=decision)
    assert answer.status_code == 302, answer.text
    address, _, told = answer.headers["Location"].replace("#", "?").partition("?")
    return address, dict(parse_qsl(told))


def exchange(person: Any, code: str, **changed: str) -> tuple[int, dict[str, str]]:
    form = {**APP, "grant_type": "authorization_code", "code": code, "redirect_uri": BACK, **changed}
    return token(person, **form)


def test_a_person_logs_in_and_approves_and_the_code_counts_once(person: Any) -> None:
    address, told = approved(person, state="s & t", code_challenge=CHALLENGE)
    assert (address, set(told), told["state"]) == (BACK, {"code", "state"}, "s & t")
    status, body = exchange(person, told["code"], code_verifier=VERIFIER)
    assert status == 200
    assert set(body) == {
        "access_token", "signature", "scope", "instance_url", "id", "token_type", "issued_at", "refresh_token",
    }  # fmt: skip
    info = person.raw("GET", "/services/oauth2/userinfo", headers={"Authorization": f"Bearer {body['access_token']}"})
    assert info.json()["preferred_username"] == NAME
    again = exchange(person, told["code"], code_verifier=VERIFIER)
    assert again == (400, {"error": "invalid_grant", "error_description": "expired authorization code"})


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code": "nonsense"}, ("invalid_grant", "invalid authorization code")),
        ({"redirect_uri": BACK + "/"}, ("redirect_uri_mismatch", "redirect_uri must match configuration")),
        ({"code_verifier": "another"}, ("invalid_grant", "invalid code verifier")),
        ({"client_secret": "wrong"}, ("invalid_client", "invalid client credentials")),
        ({"client_id": "PlatformCLI"}, ("invalid_grant", "invalid authorization code")),
    ],
)
def test_a_code_is_only_for_whom_it_was_given(person: Any, changed: dict[str, str], error: tuple[str, str]) -> None:
    _, told = approved(person, code_challenge=CHALLENGE)
    form = {"code": told["code"], "code_verifier": VERIFIER, **changed}
    _, body = exchange(person, **form)
    assert (body["error"], body["error_description"]) == error


def test_a_proof_for_a_code_that_asks_for_none_is_refused(person: Any) -> None:
    _, told = approved(person)
    _, body = exchange(person, told["code"], code_verifier=VERIFIER)
    assert (body["error"], body["error_description"]) == ("invalid_grant", "invalid code verifier")


@pytest.mark.parametrize(("seconds", "status"), [(899, 200), (900, 400)])
def test_a_code_lives_fifteen_minutes(person: Any, seconds: int, status: int) -> None:
    _, told = approved(person)
    person.org.clock.advance(seconds)
    assert exchange(person, told["code"])[0] == status


def test_a_person_may_deny_or_mistype(person: Any) -> None:
    assert approved(person, "deny", state="x") == (
        BACK, {"error": "access_denied", "error_description": "end-user denied authorization", "state": "x"},
    )  # fmt: skip
    page = send(person, ask(person), username=NAME, password="wrong")
    assert (page.status_code, "Please check your username and password" in page.text) == (200, True)


def test_an_approval_counts_once_and_only_for_what_was_shown(person: Any) -> None:
    page = send(person, ask(person), username=NAME, password=PASSWORD)
    other = send(person, page, decision="allow", redirect_uri="http://localhost:9000/")
    assert (other.status_code, "Username" in other.text) == (200, True)
    assert send(person, page, decision="allow").status_code == 302
    assert send(person, page, decision="allow").status_code == 200


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"client_id": "other"}, "error=invalid_client_id&amp;error_description=client+identifier+invalid"),
        ({"redirect_uri": "https://elsewhere.example/"}, "error=redirect_uri_mismatch"),
        ({"redirect_uri": ""}, "error=invalid_request"),
        ({"redirect_uri": "http://[::1/"}, "error=redirect_uri_mismatch"),
    ],
)
def test_nobody_is_sent_to_an_address_that_is_not_trusted(person: Any, asked: dict[str, str], text: str) -> None:
    page = ask(person, **asked)
    assert (page.status_code, text in page.text, "Location" in page.headers) == (400, True, False)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"scope": "api everything"}, "invalid_scope"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "="}, "invalid_request"),
        ({"code_challenge": CHALLENGE[:-1]}, "invalid_request"),
        (
            {
                "client_id": "PlatformCLI",
                "redirect_uri": "http://localhost:1717/OauthRedirect",
                "code_challenge": "==",
            },
            "invalid_request",
        ),
        ({"prompt": "none"}, "immediate_unsuccessful"),
        ({"client_id": "PlatformCLI", "redirect_uri": "http://localhost:1717/OauthRedirect"}, "invalid_request"),
    ],
)
def test_a_wrong_wish_is_told_to_the_application(person: Any, asked: dict[str, str], error: str) -> None:
    answer = ask(person, **asked)
    told = dict(parse_qsl(answer.headers["Location"].partition("?")[2]))
    assert (answer.status_code, told["error"]) == (302, error)


def test_registered_addresses_are_the_only_ones(start: Any) -> None:
    strict = start(app={"redirect_uris": ("https://app.example/back",)})
    assert ask(strict, redirect_uri="https://app.example/back").status_code == 200
    assert ask(strict).status_code == 400


def test_the_user_agent_flow_answers_in_the_fragment(person: Any) -> None:
    _, told = approved(person, response_type="token", scope="api")
    assert set(told) == {"access_token", "signature", "scope", "instance_url", "id", "token_type", "issued_at"}


def test_the_command_line_of_the_vendor_needs_no_secret_but_a_proof(person: Any) -> None:
    back = "http://localhost:1717/OauthRedirect"
    client = {"client_id": "PlatformCLI", "redirect_uri": back}
    _, told = approved(person, **client, code_challenge=CHALLENGE)
    form = {"grant_type": "authorization_code", "code": told["code"], "code_verifier": VERIFIER, **client}
    status, body = token(person, **form)
    assert status == 200
    again, _ = token(person, grant_type="refresh_token", client_id="PlatformCLI", refresh_token=body["refresh_token"])
    assert again == 200


def refresh(person: Any, refresh_token: str, **changed: str) -> tuple[int, dict[str, str]]:
    return token(person, **{**APP, "grant_type": "refresh_token", "refresh_token": refresh_token, **changed})


def test_a_refresh_token_gives_sessions_until_it_is_revoked_with_them(person: Any) -> None:
    body = exchange(person, approved(person)[1]["code"])[1]
    status, fresh = refresh(person, body["refresh_token"])
    assert (status, "refresh_token" in fresh, fresh["scope"]) == (200, False, body["scope"])
    assert refresh(person, body["refresh_token"], client_secret="wrong")[0] == 401
    assert refresh(person, "5Aep861nonsense") == EXPIRED_GRANT
    assert person.raw("POST", "/services/oauth2/revoke", data={"token": body["refresh_token"]}).status_code == 200
    assert refresh(person, body["refresh_token"]) == EXPIRED_GRANT
    for session in (body["access_token"], fresh["access_token"]):
        assert person.emulator.login.user_of(session) is None


def test_without_its_scope_there_is_no_refresh_token(person: Any) -> None:
    body = exchange(person, approved(person, scope="api id")[1]["code"])[1]
    assert ("refresh_token" in body, body["scope"]) == (False, "api id")


def test_rotation_uses_a_refresh_token_up(start: Any) -> None:
    org = start(app={"rotate": True})
    passwords.put(org.org, org.org.user_id, PASSWORD)
    first = exchange(org, approved(org)[1]["code"])[1]["refresh_token"]
    status, body = refresh(org, first)
    assert (status, refresh(org, first)) == (200, EXPIRED_GRANT)
    assert refresh(org, body["refresh_token"])[0] == 200


@pytest.mark.parametrize(
    ("given", "status"), [(PASSWORD, 200), (PASSWORD + "TOKEN", 200), (PASSWORD + "token", 400), ("", 400)]
)
def test_a_password_counts_with_or_without_the_security_token(person: Any, given: str, status: int) -> None:
    found, body = token(person, **APP, grant_type="password", username=NAME.upper(), password=given)
    assert (found, "refresh_token" in body) == (status, False)
    if status == 400:
        assert body == {"error": "invalid_grant", "error_description": "authentication failure"}


def test_an_inactive_user_is_told_apart_only_by_the_right_password(person: Any) -> None:
    person.org.update("User", person.org.user_id, {"IsActive": False}, person.org.system())
    errors = [
        token(person, **APP, grant_type="password", username=NAME, password=given)[1]["error"]
        for given in (PASSWORD, "wrong")
    ]
    assert errors == ["inactive_user", "invalid_grant"]


def test_a_device_waits_until_somebody_types_its_code(person: Any) -> None:
    made = token(person, response_type="device_code", client_id="an-app", scope="api refresh_token")[1]
    assert set(made) == {"device_code", "user_code", "verification_uri", "interval"}
    poll = {"grant_type": "device", "client_id": "an-app", "code": made["device_code"]}
    assert token(person, **poll)[1]["error"] == "authorization_pending"
    assert token(person, **poll)[1]["error"] == "slow_down"
    person.org.clock.advance(5)
    assert token(person, **poll)[1]["error"] == "authorization_pending"
    entered = person.raw("GET", "/setup/connect", params={"user_code": made["user_code"]})
    page = send(person, entered, "/setup/connect", username=NAME, password=PASSWORD)
    assert "connected" in send(person, page, "/setup/connect", decision="allow").text
    status, body = token(person, **poll)
    assert (status, "refresh_token" in body) == (200, True)
    assert token(person, **poll)[1]["error"] == "invalid_grant"


def test_a_device_may_be_denied_or_come_too_late(person: Any) -> None:
    codes = [token(person, response_type="device_code", client_id="an-app")[1] for _ in range(2)]
    entered = person.raw("GET", "/setup/connect", params={"user_code": codes[0]["user_code"].lower()})
    page = send(person, entered, "/setup/connect", username=NAME, password=PASSWORD)
    send(person, page, "/setup/connect", decision="deny")
    form = {"grant_type": "device", "client_id": "an-app"}
    assert token(person, **form, code=codes[0]["device_code"])[1]["error"] == "access_denied"
    person.org.clock.advance(600)
    assert token(person, **form, code=codes[1]["device_code"])[1]["error"] == "invalid_grant"
    late = person.raw("GET", "/setup/connect", params={"user_code": codes[1]["user_code"]})
    assert 'name="user_code"' in late.text


def test_introspection_tells_a_living_token_from_any_other(person: Any) -> None:
    body = exchange(person, approved(person)[1]["code"])[1]
    answer = person.raw("POST", "/services/oauth2/introspect", data={**APP, "token": body["access_token"]})
    now = int(person.org.clock.now().timestamp())
    assert answer.json() == {
        "active": True, "scope": "api", "client_id": "an-app", "username": NAME, "sub": body["id"],
        "token_type": "access_token", "exp": now + 7200, "iat": now, "nbf": now,
    }  # fmt: skip
    told = person.raw("POST", "/services/oauth2/introspect", data={**APP, "token": body["refresh_token"]}).json()
    assert (told["active"], told["token_type"]) == (True, "refresh_token")
    assert person.raw("POST", "/services/oauth2/introspect", data={**APP, "token": "x"}).json() == {"active": False}
    stranger = person.raw("POST", "/services/oauth2/introspect", data={"client_id": "an-app", "token": "x"})
    assert (stranger.status_code, stranger.json()["error"]) == (401, "invalid_client")
