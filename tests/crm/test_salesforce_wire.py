"""Every class of answer that is not a success, and what the wire does about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError

from connector.crm.retry import Again, Unanswered
from connector.crm.salesforce.adapter import SalesforceCRM
from connector.crm.salesforce.auth import SalesforceConnection
from connector.crm.salesforce.faults import Refusal
from connector.crm.salesforce.http import Wire
from connector.errors import BudgetExhausted, GiveUp, Misconfigured

OK = {"ok": True}
EXPIRED = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


def fault(code: str, message: str = "said the org") -> list[dict[str, str]]:
    return [{"message": message, "errorCode": code}]


def bare(org: Any) -> Salesforce:
    """The client as its own documentation has it, with nothing of ours but the root of trust."""
    session = requests.Session()
    session.verify = org.ca_file
    return Salesforce(session_id="00D!x", instance_url=org.url, session=session, version="67.0")


def test_the_version_is_the_older_of_configured_and_offered(org: Any) -> None:
    newer, older = Wire(org.connection(api_version="99.0")), Wire(org.connection(api_version="66.0"))
    assert (newer.version, older.version) == ("67.0", "66.0")
    newer.close()
    older.close()


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateways_html_page_is_tried_again_where_the_bare_client_gives_up(
    org: Any, wire: Wire, reply: Any, status: int
) -> None:
    page = reply(status, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"})
    org.on("GET", "/thing", page, page, reply(body=OK), page)
    with pytest.raises(SalesforceError):
        bare(org).restful("thing")
    assert wire.json("GET", "thing", kind="query") == OK


def test_unknown_exception_is_tried_once_more_and_no_more(org: Any, wire: Wire, reply: Any) -> None:
    org.on("GET", "/once", reply(500, fault("UNKNOWN_EXCEPTION")), reply(body=OK))
    org.on("GET", "/always", reply(500, fault("UNKNOWN_EXCEPTION")))
    assert wire.json("GET", "once", kind="query") == OK
    with pytest.raises(Again):
        wire.json("GET", "always", kind="query")
    assert len(org.calls("/always")) == 2


def test_too_many_requests_waits_as_long_as_it_is_told(org: Any, reply: Any) -> None:
    waits: list[float] = []
    wire = Wire(org.connection(), sleep=waits.append)
    org.on("GET", "/told", reply(429, b"slow down", {"Retry-After": "1"}), reply(body=OK))
    org.on("GET", "/untold", reply(429, b""), reply(body=OK))
    org.on("GET", "/long", reply(429, b"", {"Retry-After": "3600"}))
    assert wire.json("GET", "told", kind="query") == OK
    assert waits == [1.0]
    assert wire.json("GET", "untold", kind="query") == OK
    assert 0 < waits[1] < 0.01
    with pytest.raises(Again) as caught:
        wire.json("GET", "long", kind="query")
    assert (caught.value.after, len(waits)) == (3600.0, 2)
    wire.close()


def test_a_spent_day_stops_at_once_and_a_crowded_moment_does_not(org: Any, wire: Wire, reply: Any) -> None:
    org.on("GET", "/day", reply(403, fault("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")))
    crowd = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
    org.on("GET", "/crowd", reply(403, fault("REQUEST_LIMIT_EXCEEDED", crowd)), reply(body=OK))
    with pytest.raises(BudgetExhausted):
        wire.json("GET", "day", kind="query")
    assert len(org.calls("/day")) == 1
    assert wire.json("GET", "crowd", kind="query") == OK


def test_an_expired_session_is_renewed_once_and_the_call_sent_again(org: Any, wire: Wire, reply: Any) -> None:
    org.on("POST", "/thing", reply(401, EXPIRED), reply(body=OK))
    assert wire.json("POST", "thing", kind="write", payload={}) == OK
    assert [each.token for each in org.calls("/thing")] == ["00D000000000001!AQ1", "00D000000000001!AQ2"]


def test_a_session_that_stays_refused_is_reported_instead_of_renewed_for_ever(
    org: Any, wire: Wire, reply: Any
) -> None:
    org.on("GET", "/thing", reply(401, EXPIRED))
    with pytest.raises(Misconfigured, match="a fresh token is refused as well"):
        wire.json("GET", "thing", kind="query")
    assert (len(org.calls("/thing")), org.tokens) == (2, 2)


def test_a_session_that_may_not_use_rest_is_not_renewed(org: Any, wire: Wire, reply: Any) -> None:
    text = "This session is not valid for use with the REST API"
    org.on("GET", "/thing", reply(401, fault("INVALID_SESSION_ID", text)))
    with pytest.raises(Misconfigured, match="scopes"):
        wire.json("GET", "thing", kind="query")
    assert org.tokens == 1


def test_a_dropped_connection_is_tried_again_where_that_is_harmless(org: Any, wire: Wire, reply: Any) -> None:
    org.on("GET", "/thing", reply(drop=True), reply(body=OK))
    org.on("POST", "/make", reply(drop=True), reply(body=OK))
    assert wire.json("GET", "thing", kind="query") == OK
    with pytest.raises(Unanswered):
        wire.json("POST", "make", kind="write", payload={})
    assert len(org.calls("/make")) == 1


def test_a_cut_body_is_asked_for_again(org: Any, wire: Wire, reply: Any) -> None:
    org.on("GET", "/short", reply(body=OK, cut=5), reply(body=OK))
    org.on("GET", "/half", reply(body=b'{"ok": tr'), reply(body=OK))
    assert wire.json("GET", "short", kind="query") == OK
    assert wire.json("GET", "half", kind="query") == OK


def test_numbers_arrive_exact(org: Any, wire: Wire, reply: Any) -> None:
    org.on("GET", "/thing", reply(body=b'{"Amount": 1234567890123456.01}'))
    assert str(wire.json("GET", "thing", kind="query")["Amount"]) == "1234567890123456.01"


def test_a_retired_version_and_a_user_without_the_api_are_told_plainly(org: Any, wire: Wire, reply: Any) -> None:
    org.on("GET", "/old", reply(410, fault("UNSUPPORTED_API_VERSION")))
    org.on(
        "GET", "/off", reply(403, fault("API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization"))
    )
    with pytest.raises(Misconfigured, match="api_version"):
        wire.json("GET", "old", kind="query")
    with pytest.raises(Misconfigured, match="API Enabled"):
        wire.json("GET", "off", kind="query")


def test_wrong_credentials_name_the_token_url_and_keep_the_secret(org: Any, reply: Any) -> None:
    text = "invalid client credentials s3cr3t-of-the-app"
    org.on("POST", "/token", reply(400, {"error": "invalid_client", "error_description": text}))
    wire = Wire(org.connection())
    with pytest.raises(Misconfigured) as caught:
        wire.json("GET", "thing", kind="query")
    assert "Check client_id and client_secret" in str(caught.value)
    assert "s3cr3t" not in str(caught.value) + repr(wire.connection)
    wire.close()


def test_an_untrusted_certificate_and_a_silent_host_are_told_plainly(org: Any) -> None:
    untrusting = Wire(org.connection(ca_file=None))
    with pytest.raises(Misconfigured, match="ca_file"):
        untrusting.json("GET", "thing", kind="query")
    silent = Wire(org.connection(instance_url="https://127.0.0.1:1"))
    with pytest.raises(GiveUp, match=r"127\.0\.0\.1:1"):
        silent.json("GET", "thing", kind="query")
    untrusting.close()
    silent.close()


def test_a_host_that_is_no_org_is_told_plainly(org: Any, reply: Any) -> None:
    for answer in (reply(body=b"<html>hello</html>"), reply(404, b"<html>"), reply(body={"a": 1})):
        org.on("GET", "/services/data$", answer)
        wire = Wire(org.connection())
        with pytest.raises(Misconfigured, match="does not answer as a Salesforce org"):
            wire.json("GET", "thing", kind="query")
        wire.close()


def test_a_jwt_is_signed_for_the_user_and_the_login_host(org: Any) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    settings = {"auth": "jwt", "client_secret": None, "private_key": pem, "username": "pmom@acme.example"}
    wire = Wire(org.connection(**settings))
    assert wire.tokens.token().user == "005000000000001AAA"
    assert b"grant-type%3Ajwt-bearer" in org.calls("/token")[0].body
    broken = Wire(org.connection(**(settings | {"private_key": "-----BEGIN SECRET-----"})))
    with pytest.raises(Misconfigured) as caught:
        broken.tokens.token()
    assert "BEGIN SECRET" not in str(caught.value)
    wire.close()
    broken.close()


def test_the_token_file_is_private_and_saves_a_login(org: Any, tmp_path: Path) -> None:
    path = tmp_path / "token.json"
    for _ in range(2):
        wire = Wire(org.connection(token_file=str(path)))
        wire.tokens.token()
        wire.close()
    assert org.tokens == 1
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("{torn")
    wire = Wire(org.connection(token_file=str(path)))
    wire.tokens.token()
    wire.close()
    assert org.tokens == 2


@pytest.mark.parametrize(
    "wrong",
    [{"instance_url": "http://acme.example"}, {"client_secret": None}, {"auth": "jwt"}, {"ca_file": "/no/such"}],
)
def test_settings_that_cannot_work_are_refused_before_any_call(wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"instance_url": "https://acme.my.salesforce.com", "client_id": "c", "client_secret": "s"}
    with pytest.raises(Misconfigured):
        SalesforceConnection(**(right | wrong))


def test_the_budget_hears_both_forms_and_keeps_the_reserve(org: Any, wire: Wire, reply: Any) -> None:
    header = {"Sforce-Limit-Info": "api-usage=50/1000; per-app-api-usage=40/100(appName=pmom)"}
    org.on("GET", "/thing", reply(body=OK, headers=header))
    org.on("GET", "/late", reply(body=OK, headers={"Sforce-Limit-Info": "api-usage=899/1000"}))
    org.on("GET", "/over", reply(body=OK, headers={"Sforce-Limit-Info": "api-usage=900/1000"}))
    wire.json("GET", "thing", kind="query")
    assert (wire.budget.usage().used, wire.budget.usage().limit, wire.budget.room()) == (50, 1000, 50)
    wire.json("GET", "late", kind="query")
    wire.json("GET", "over", kind="query")
    with pytest.raises(BudgetExhausted, match="900 of 1000"):
        wire.json("GET", "never", kind="query")
    assert (org.calls("/never"), wire.budget.by_kind) == ([], {"query": 3})


def test_the_environments_roots_do_not_replace_the_configured_file(
    org: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reply: Any
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login x password y\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file.pem")
    org.on("GET", "/thing", reply(body=OK))
    crm = SalesforceCRM(org.connection())
    assert crm.wire.json("GET", "thing", kind="query") == OK
    assert org.calls("/thing")[0].token == "00D000000000001!AQ1"
    crm.close()


def test_a_refusal_carries_the_orgs_own_words(org: Any, wire: Wire, reply: Any) -> None:
    body = [
        {"message": "Required fields are missing: [Name]", "errorCode": "REQUIRED_FIELD_MISSING", "fields": ["Name"]}
    ]
    org.on("POST", "/thing", reply(400, body))
    with pytest.raises(Refusal) as caught:
        wire.json("POST", "thing", kind="write", payload={})
    error = caught.value
    assert (error.status, error.code, error.fields) == (400, "REQUIRED_FIELD_MISSING", ("Name",))
