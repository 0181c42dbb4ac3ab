"""Tokens that an application gets for itself, by its credentials alone: only the webhooks journal takes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from emulators.hubspot.errors import HubError
from emulators.hubspot.portal import Portal
from emulators.hubspot.router import Request
from emulators.loopback.clock import stored

DDL = """
CREATE TABLE IF NOT EXISTS app_token (token TEXT PRIMARY KEY, scopes TEXT NOT NULL, expires TEXT NOT NULL)
  WITHOUT ROWID;
"""
_STEM = "developer.webhooks_journal"
READ = f"{_STEM}.read"
SUBSCRIPTIONS_READ, SUBSCRIPTIONS_WRITE = f"{_STEM}.subscriptions.read", f"{_STEM}.subscriptions.write"
SNAPSHOTS_READ, SNAPSHOTS_WRITE = f"{_STEM}.snapshots.read", f"{_STEM}.snapshots.write"
SCOPES = (READ, SUBSCRIPTIONS_READ, SUBSCRIPTIONS_WRITE, SNAPSHOTS_READ, SNAPSHOTS_WRITE)
_LIFE = 1800  # seconds


def grant(portal: Portal, form: Mapping[str, str], token: str) -> dict[str, Any]:
    """The answer to `grant_type=client_credentials` whose credentials were right: `token`; 400 for unknown scopes."""
    wanted = form.get("scope", "").split()
    wrong = [each for each in wanted if each not in SCOPES]
    if wrong or not wanted:
        text = f"The scopes of a client credentials token are {' '.join(SCOPES)}, not {' '.join(wrong) or 'none'}"
        extra = {"status": "BAD_SCOPES", "error": "invalid_scope", "error_description": text}
        raise HubError(400, "", text, extra=extra)
    row = (token, " ".join(wanted), stored(portal.now() + timedelta(seconds=_LIFE)))
    with portal.transaction() as connection:
        connection.execute("INSERT INTO app_token VALUES (?, ?, ?)", row)
    return {
        "token_type": "bearer",
        "access_token": token,
        "expires_in": _LIFE,
        "token_use": "client_credentials",
        "scopes": wanted,
    }


def demand(request: Request, portal: Portal, scope: str) -> None:
    """401 unless the call has a living client credentials token, 403 unless that has the scope."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    text = "SELECT scopes, expires FROM app_token WHERE token = ?"
    row = portal.connection.execute(text, (token.strip(),)).fetchone() if scheme.lower() == "bearer" else None
    if row is None:
        raise HubError(
            401, "INVALID_AUTHENTICATION", "The webhooks journal takes the token of a client credentials grant"
        )
    if row[1] <= stored(portal.now()):
        raise HubError(401, "EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired.")
    if scope not in row[0].split():
        message = "One or more of the following scopes are required."
        error = {"message": message, "context": {"requiredGranularScopes": [scope]}}
        raise HubError(
            403,
            "MISSING_SCOPES",
            "This app hasn't been granted all required scopes to make this call.",
            errors=[error],
        )
