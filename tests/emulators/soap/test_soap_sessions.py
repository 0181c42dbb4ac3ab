"""Sessions over SOAP: logging in and out, who is who, and the envelopes that are no calls."""

from __future__ import annotations

from typing import Any

import pytest

USERNAME, PASSWORD, SECURITY_TOKEN = "integration@emulated.example", "its password", "ItsSecurityToken"
REFUSED = "INVALID_LOGIN: Invalid username, password, security token; or user locked out."
NO_SESSION = (
    "INVALID_SESSION_ID: Invalid Session ID found in SessionHeader: Illegal Session. Session not found, missing "
    "session key"
)


def credentials(username: str, password: str) -> str:
    return f"<urn:username>{username}</urn:username><urn:password>{password}</urn:password>"


@pytest.mark.parametrize("password", [PASSWORD, PASSWORD + SECURITY_TOKEN])
@pytest.mark.parametrize("letter", ["u", "c"])
def test_a_login_gives_a_session_for_soap_and_rest(soap: Any, password: str, letter: str) -> None:
    result = soap.call("login", credentials(USERNAME.upper(), password), letter=letter)[0]
    about = result.first("userInfo")
    url = soap.emulator.url
    assert result.get("serverUrl") == f"{url}/services/Soap/{letter}/59.0/{soap.org.org_id[:15]}"
    assert result.get("metadataServerUrl") == f"{url}/services/Soap/m/59.0/{soap.org.org_id[:15]}"
    assert (result.get("userId"), about.get("organizationId")) == (soap.org.user_id, soap.org.org_id)
    assert (about.get("userName"), about.get("sessionSecondsValid")) == (USERNAME, "7200")
    headers = {"Authorization": f"Bearer {result.get('sessionId')}"}
    assert soap.http.get(f"{url}/services/data/v59.0/limits", headers=headers, timeout=20).status_code == 200


@pytest.mark.parametrize(
    ("username", "password"), [(USERNAME, PASSWORD + "x"), (USERNAME, ""), ("nobody@emulated.example", PASSWORD)]
)
def test_a_wrong_name_or_password_is_the_same_fault(soap: Any, username: str, password: str) -> None:
    answer = soap.send("login", credentials(username, password))
    assert soap.fault(answer) == (500, "sf:INVALID_LOGIN", REFUSED)
    assert '<sf:LoginFault xsi:type="sf:LoginFault"><sf:exceptionCode>INVALID_LOGIN</sf:exceptionCode>' in answer.text


@pytest.mark.parametrize(("scope", "status"), [("00D510000000001", 200), ("00D510000000002", 500)])
def test_a_login_may_name_its_org(soap: Any, scope: str, status: int) -> None:
    header = f"<urn:LoginScopeHeader><urn:organizationId>{scope}</urn:organizationId></urn:LoginScopeHeader>"
    assert soap.send("login", credentials(USERNAME, PASSWORD), header).status_code == status


def test_login_ends_with_version_64(soap: Any) -> None:
    assert soap.send("login", credentials(USERNAME, PASSWORD), version="64.0").status_code == 200
    text = (
        "INVALID_OPERATION: The SOAP Login operation is not available in the API version specified (65.0). Refer to "
        "the documentation for supported versions."
    )
    answer = soap.send("login", credentials(USERNAME, PASSWORD), version="65.0")
    assert soap.fault(answer) == (500, "sf:INVALID_OPERATION", text)


@pytest.mark.parametrize(
    ("version", "status"), [("31.0", 200), ("67.0", 200), ("30.0", 500), ("68.0", 500), ("59.1", 500)]
)
def test_versions_in_force_are_those_of_rest(soap: Any, version: str, status: int) -> None:
    answer = soap.send("getUserInfo", version=version)
    assert answer.status_code == status
    if status == 500:
        text = "UNSUPPORTED_API_VERSION: Invalid Api version specified on URL"
        assert soap.fault(answer) == (500, "sf:UNSUPPORTED_API_VERSION", text)


def test_the_callers_limit_is_told_and_counted(soap: Any) -> None:
    before = soap.org.limits.used()
    answer = soap.send("getServerTimestamp")
    assert f"<current>{before + 1}</current><limit>100000</limit><type>API REQUESTS</type>" in answer.text
    assert "<timestamp>2026-03-31T09:00:00.000Z</timestamp>" in answer.text
    soap.org.limits.daily_max = soap.org.limits.used()
    assert soap.fault(soap.send("getServerTimestamp"))[1] == "sf:REQUEST_LIMIT_EXCEEDED"
    soap.org.limits.daily_max = 100_000


def test_without_a_session_nothing_is_answered_and_logging_out_ends_one(soap: Any) -> None:
    assert soap.fault(soap.send("getUserInfo", session="")) == (500, "sf:INVALID_SESSION_ID", NO_SESSION)
    session = soap.emulator.login.issue(soap.org.user_id)
    assert soap.send("logout", session=session).text.count("<logoutResponse/>") == 1
    assert soap.fault(soap.send("getUserInfo", session=session))[1] == "sf:INVALID_SESSION_ID"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", "Premature end of file."),
        ("<a", "Error parsing file: unclosed token"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "Error parsing file: DOCTYPE is disallowed"),
        ("<a>" * 200, "Error parsing file: elements are nested too deeply"),
    ],
)
def test_what_is_no_envelope_is_a_client_fault(soap: Any, body: str, text: str) -> None:
    assert soap.fault(soap.post(body)) == (500, "soapenv:Client", text)


def test_operations_are_those_of_the_wsdl(soap: Any) -> None:
    text = (
        "No operation available for request {urn:partner.soap.sforce.com}nope, please check the WSDL for the service."
    )
    assert soap.fault(soap.send("nope")) == (500, "soapenv:Client", text)
    assert soap.fault(soap.send("sendEmail"))[1] == "sf:FUNCTIONALITY_NOT_ENABLED"
    envelope = soap.send("getUserInfo").request.body
    assert soap.fault(soap.post(envelope, letter="c"))[1] == "soapenv:Client"


def test_the_action_header_is_demanded(soap: Any) -> None:
    url = f"{soap.emulator.url}/services/Soap/u/59.0"
    answer = soap.http.post(url, data=b"<a/>", headers={"Content-Type": "text/xml"}, timeout=20)
    assert soap.fault(answer) == (500, "soapenv:Client", "SOAPAction HTTP header missing")


def test_a_planned_end_of_a_session_strikes_soap_too(soap: Any) -> None:
    session = soap.emulator.login.issue(soap.org.user_id)
    soap.org.faults.replace([{"kind": "expire_token", "path": "/services/Soap/", "times": 1}])
    assert soap.fault(soap.send("getUserInfo", session=session))[1] == "sf:INVALID_SESSION_ID"
    soap.org.faults.replace([])
    assert soap.send("getUserInfo").status_code == 200
