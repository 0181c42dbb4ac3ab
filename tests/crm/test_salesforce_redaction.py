"""An answer that echoes the access token does not bring it into a message."""

from __future__ import annotations

from connector.crm.salesforce.faults import error_of, fault_of

TOKEN = "00D510000000001!AQpsMj7N1k7UQ.dJFPewOb9b7yzEXs6eJjxOdsBhGoAWe"


def test_a_token_in_the_orgs_words_is_masked() -> None:
    content = [{"errorCode": "X", "message": f"your header was Bearer {TOKEN}"}]
    said = str(error_of(fault_of("GET query", 400, content, {}), idempotent=True))
    assert TOKEN not in said
    assert said == "GET query: X: your header was Bearer ***"


def test_a_jwt_after_bearer_is_masked_too() -> None:
    content = [{"errorCode": "X", "message": "Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln is odd"}]
    assert str(error_of(fault_of("GET query", 400, content, {}), idempotent=True)).endswith("Bearer *** is odd")
