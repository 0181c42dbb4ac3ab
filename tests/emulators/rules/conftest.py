"""An org with users under profiles, and callers that hold their sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

As = Callable[..., Any]


@pytest.fixture
def person(caller: Any) -> Callable[..., str]:
    """`person("ann", profile="Standard User", role=None)`: a new user's id."""

    def make(name: str, profile: str = "Standard User", role: str | None = None) -> str:
        org = caller.org
        found = org.connection().execute("SELECT f_id FROM o_profile WHERE f_name = ?", (profile,)).fetchone()
        values = {
            "Username": f"{name}@emulated.example",
            "LastName": name,
            "Email": f"{name}@emulated.example",
            "Alias": name,
            "ProfileId": found[0],
            "UserRoleId": role,
            "IsActive": True,
            "TimeZoneSidKey": "America/Los_Angeles",
        }
        return str(org.insert("User", values, org.system()))

    return make


@pytest.fixture
def as_user(caller: Any) -> As:
    """`as_user(user_id)`: another caller, with a session of that user."""

    def make(user_id: str) -> Any:
        other = type(caller)(caller.emulator)
        other.http.headers["Authorization"] = f"Bearer {caller.emulator.login.issue(user_id)}"
        return other

    return make
