"""How the OAuth endpoints say no: a code of the vendor's list with its text."""

from __future__ import annotations

from urllib.parse import urlencode


class OAuthError(Exception):
    """An endpoint refuses: `{"error", "error_description"}`; the authorization endpoint tells it by redirect."""

    def __init__(self, error: str, description: str, http: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.body = {"error": error, "error_description": description}
        self.http = http

    def query(self, state: str = "") -> str:
        """The refusal as parameters of an address."""
        return urlencode(self.body | ({"state": state} if state else {}))


def invalid_grant(description: str) -> OAuthError:
    """The user, code, token or assertion is not good (any more)."""
    return OAuthError("invalid_grant", description)
