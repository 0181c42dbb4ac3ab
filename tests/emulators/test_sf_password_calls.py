"""The password of a user is set, reset and asked about by the resource of the REST API."""

from __future__ import annotations

from typing import Any

import pytest

from emulators.salesforce.oauth import passwords


def path(caller: Any) -> str:
    return f"/sobjects/User/{caller.org.user_id}/password"


def name(caller: Any) -> str:
    return str(caller.org.get("User", caller.org.user_id)["Username"])


def test_a_new_password_is_taken_and_then_right(caller: Any) -> None:
    assert caller.call("GET", path(caller)) == (200, {"isExpired": False})
    assert caller.call("POST", path(caller), {"NewPassword": "correct-horse-7"}) == (204, None)
    assert passwords.check(caller.org, name(caller), "correct-horse-7") == passwords.Accepted(caller.org.user_id)
    assert passwords.check(caller.org, name(caller), "correct-horse-8") is passwords.Refusal.WRONG


def test_a_reset_tells_the_password_that_it_made(caller: Any) -> None:
    status, told = caller.call("DELETE", path(caller))
    assert (status, list(told)) == (200, ["NewPassword"])
    assert isinstance(passwords.check(caller.org, name(caller), told["NewPassword"]), passwords.Accepted)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("short-1", "Your password must be at least 8 characters long."),
        ("long-enough", "Your password must have a mix of letters and numbers."),
        ("123456789", "Your password must have a mix of letters and numbers."),
    ],
)
def test_a_password_against_the_policy_is_refused(caller: Any, given: str, text: str) -> None:
    refused = [{"message": text, "errorCode": "INVALID_NEW_PASSWORD"}]
    assert caller.call("POST", path(caller), {"NewPassword": given}) == (400, refused)


def test_the_password_of_nobody_is_not_found(caller: Any) -> None:
    assert caller.call("GET", "/sobjects/User/005000000000999/password")[0] == 404
