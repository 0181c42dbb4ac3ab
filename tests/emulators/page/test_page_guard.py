"""Who may see the page: the token, the cookie, loopback names, forms of its own; what a browser may do with it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

BASE = "/__emulator__/page"


@pytest.fixture
def stranger() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


def test_without_the_token_a_small_form_asks_for_it(browser: Any, stranger: requests.Session) -> None:
    for path in ("/", f"{BASE}/calls", f"{BASE}/objects/anything", f"{BASE}/snapshot"):
        answer = stranger.get(browser.url + path, timeout=10)
        assert answer.status_code == 401
        assert 'name="token"' in answer.text
        assert "<table" not in answer.text


def test_the_address_with_the_token_sets_a_cookie_and_leaves_the_token_behind(
    browser: Any, stranger: requests.Session
) -> None:
    answer = stranger.get(f"{browser.url}/?token=control-token", timeout=10, allow_redirects=False)
    cookie = answer.headers["Set-Cookie"]
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Strict")
    assert cookie.startswith(f"emulator_{urlsplit(browser.url).port}=")
    assert "control-token" not in cookie
    assert stranger.get(f"{browser.url}/", timeout=10).status_code == 200


def test_the_form_takes_the_right_token_and_refuses_another(browser: Any, stranger: requests.Session) -> None:
    wrong = stranger.post(f"{browser.url}{BASE}/enter", data={"token": "control-toke"}, timeout=10)
    assert (wrong.status_code, "That is not the control token." in wrong.text) == (403, True)
    assert "Set-Cookie" not in wrong.headers
    right = stranger.post(f"{browser.url}{BASE}/enter", data={"token": "control-token"}, timeout=10)
    assert (right.status_code, "<h1>Objects</h1>" in right.text) == (200, True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:80", "[::1]:8443"])
def test_names_of_this_machine_are_answered(browser: Any, host: str) -> None:
    assert browser.get("/", headers={"Host": host}).status_code in (200, 401)  # a cookie is of one name


@pytest.mark.parametrize("host", ["attacker.example", "127.0.0.1.attacker.example:80", "localhost.example"])
def test_a_name_that_was_rebound_to_this_machine_is_not(browser: Any, host: str) -> None:
    answer = browser.get("/", headers={"Host": host})
    assert (answer.status_code, "<" in answer.text) == (421, False)


def test_a_form_without_the_pages_token_does_nothing(browser: Any) -> None:
    for values in ({}, {"form": "0" * 64}):
        answer = browser.http.post(f"{browser.url}{BASE}/act/freeze", data=values, timeout=10)
        assert answer.status_code == 403
    browser.send("act/fault", kind="503", path="/never")
    refused = browser.http.post(f"{browser.url}{BASE}/act/end_faults", data={}, timeout=10)
    assert refused.status_code == 403
    assert len(browser.control("GET", "state")["faults"]) == 1
    browser.send("act/end_faults")


def test_a_form_of_another_site_does_nothing(browser: Any) -> None:
    values = {"form": browser.form_token(), "kind": "503"}
    headers = {"Origin": "http://attacker.example"}
    answer = browser.http.post(f"{browser.url}{BASE}/act/fault", data=values, headers=headers, timeout=10)
    assert (answer.status_code, browser.control("GET", "state")["faults"]) == (403, [])
    headers = {"Origin": browser.url}
    answer = browser.http.post(f"{browser.url}{BASE}/act/fault", data=values, headers=headers, timeout=10)
    assert (answer.status_code, len(browser.control("GET", "state")["faults"])) == (200, 1)
    browser.send("act/end_faults")


def test_every_answer_forbids_scripts_and_whatever_lies_elsewhere(browser: Any) -> None:
    for path in ("/", f"{BASE}/faults", f"{BASE}/nothing", f"{BASE}/objects/nothing"):
        answer = browser.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "script" not in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert (answer.headers["X-Content-Type-Options"], answer.headers["Cache-Control"]) == ("nosniff", "no-store")
        assert "<script" not in answer.text
        assert "http://" not in answer.text
        assert "https://" not in answer.text
        assert " style=" not in answer.text
        assert " onclick" not in answer.text


def test_what_is_not_there_is_told(browser: Any) -> None:
    for path in ("/nothing", "/objects/nothing", "/objects/nothing/1", "/objects/nothing/new", "/act/freeze"):
        assert browser.get(BASE + path).status_code == 404, path
    assert browser.send("act/nothing").status_code == 404
    answer = browser.http.request("DELETE", f"{browser.url}{BASE}/faults", timeout=10)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, POST")


def test_the_pages_calls_are_neither_counted_nor_limited_nor_struck(browser: Any) -> None:
    browser.control("POST", "reset_calls")
    before = browser.control("GET", "state")
    browser.control("POST", "faults", [{"kind": "503"}])
    assert browser.get("/").status_code == 200
    assert browser.get(f"{BASE}/calls").status_code == 200
    assert browser.control("GET", "calls")["total"] == 0
    after = browser.control("GET", "state")
    assert [each["matched"] for each in after["faults"]] == [0]
    assert after.get("used") == before.get("used")
    assert after.get("limits") == before.get("limits")
    browser.control("DELETE", "faults")


def test_a_clients_call_of_the_root_is_the_vendors_to_answer(browser: Any) -> None:
    browser.control("POST", "reset_calls")
    answer = browser.http.get(browser.url + "/", headers={"Authorization": "Bearer x"}, timeout=10)
    assert (answer.status_code, "Content-Security-Policy" in answer.headers) == (404, False)
    assert browser.http.post(browser.url + "/", timeout=10).status_code in (404, 405)
    assert browser.control("GET", "calls")["total"] == 2
