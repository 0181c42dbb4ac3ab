"""Tokens: who gets one, how long it lives, and what the endpoint says otherwise."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

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
            {"grant_type": "password", "client_id": "an-app", "client_secret": "its-secret"},
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


def test_without_a_registered_certificate_no_assertion_counts(caller: Any) -> None:
    status, body = token(caller, grant_type=GRANT, assertion=assertion(caller))
    assert (status, body["error_description"]) == (400, "invalid assertion")


def test_a_certificate_file_is_read_and_another_key_refused(tmp_path: Path) -> None:
    from emulators.salesforce.oauth import read_public_key

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
