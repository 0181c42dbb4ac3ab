"""An error body is read as far as it can be, and says what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connector.crm.hubspot.faults import (
    Complaint,
    NotFound,
    Problem,
    Refusal,
    Throttled,
    complaint_of,
    error_of,
    fault_of,
)
from connector.crm.retry import Again, Unanswered
from connector.errors import Misconfigured, PmomError


def error(status: int, body: Any, *, idempotent: bool = True, headers: dict[str, str] | None = None) -> Exception:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return error_of(fault_of("GET /x", status, content, headers or {}), idempotent=idempotent)


def test_every_field_of_an_error_is_optional() -> None:
    assert complaint_of({}) == Complaint("", "", "")
    assert str(error(400, {})) == "GET /x: HTTP 400: "


def test_problems_are_read_from_errors_and_from_the_text_of_the_message() -> None:
    inside = json.dumps([{"isValid": False, "message": "bad [option]", "error": "INVALID_OPTION", "name": "pmom_a"}])
    body = {
        "category": "VALIDATION_ERROR",
        "message": f"Property values were not valid: {inside} and so on",
        "errors": [{"message": "needed", "code": "MISSING_REQUIRED_PROPERTY", "context": {"propertyName": ["b"]}}],
        "context": {"ids": ["1", "2"], "one": "x"},
    }
    complaint = complaint_of(body)
    assert complaint.errors == (
        Problem("MISSING_REQUIRED_PROPERTY", "needed", "b", {"propertyName": ("b",)}),
        Problem("INVALID_OPTION", "bad [option]", "pmom_a"),
    )
    assert complaint.context == {"ids": ("1", "2"), "one": ("x",)}


def test_an_error_inside_the_message_of_an_error_tells_its_sub_category() -> None:
    inner = json.dumps({"status": "error", "message": "in use", "subCategory": "Group.WITH_ACTIVE_PROPERTIES"})
    refusal = error(400, {"category": "VALIDATION_ERROR", "message": inner})
    assert isinstance(refusal, Refusal)
    assert refusal.sub_category == "Group.WITH_ACTIVE_PROPERTIES"
    assert str(refusal) == "GET /x: VALIDATION_ERROR: in use"


@pytest.mark.parametrize("message", ["{", "[1, 2", "text {not json}", "[]", "[1]", '["a"]'])
def test_a_text_that_only_looks_like_json_is_a_text(message: str) -> None:
    complaint = complaint_of({"message": message})
    assert (complaint.message, complaint.errors) == (message, ())


@pytest.mark.parametrize("body", [b"", b"[]", b"3", b"null", b"\xff\xfe", b"<html>x</html>"])
def test_a_body_that_is_no_error_object_is_a_gateways_page(body: bytes) -> None:
    assert isinstance(error(502, body), Again)
    assert isinstance(error(502, body, idempotent=False), Unanswered)
    assert isinstance(error(400, body), Refusal)


@pytest.mark.parametrize(("status", "kind"), [(520, Unanswered), (521, Again), (523, Again), (524, Unanswered)])
def test_what_never_reached_the_portal_may_be_sent_again(status: int, kind: type[Exception]) -> None:
    assert isinstance(error(status, b"error code", idempotent=False), kind)


def test_a_conflict_is_a_refusal_with_its_own_words() -> None:
    refusal = error(409, {"category": "CONFLICT", "message": "Contact already exists. Existing ID: 123"})
    assert isinstance(refusal, Refusal)
    assert not isinstance(refusal, NotFound)
    assert (refusal.status, refusal.category) == (409, "CONFLICT")
    assert refusal.message == "Contact already exists. Existing ID: 123"


def test_waits_follow_the_portals_wish_before_our_own() -> None:
    tenly = {"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING", "message": "x"}
    plain, wished = error(429, tenly), error(429, tenly, headers={"RETRY-AFTER": "4"})
    assert isinstance(plain, Throttled)
    assert isinstance(wished, Throttled)
    assert (plain.after, wished.after) == (10.0, 4.0)


def test_a_locked_record_is_tried_again_in_two_seconds() -> None:
    locked = error(423, {"category": "LOCKED"})
    assert isinstance(locked, Again)
    assert locked.after == 2.0


def test_a_token_that_is_no_token_is_told() -> None:
    assert isinstance(error(530, b"<html>"), Misconfigured)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 414, 415, 422, 423, 429, 477, 500, 503, 530])
@pytest.mark.parametrize("body", [{"message": "at pat-na1-0123-4567-89ab"}, b"pat-na1-0123-4567-89ab Bearer CJSPabc"])
def test_no_fault_repeats_a_token(status: int, body: Any) -> None:
    found = error(status, body, idempotent=False)
    assert isinstance(found, PmomError)
    assert "0123-4567" not in str(found)
    assert "CJSPabc" not in str(found)
