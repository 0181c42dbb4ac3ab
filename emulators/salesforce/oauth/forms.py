"""What OAuth requests carry: form fields, and the application's id and secret."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import parse_qs, unquote_plus

from emulators.salesforce.oauth.errors import OAuthError
from emulators.salesforce.router import Request


def form_of(request: Request) -> dict[str, str]:
    """The fields of a form, the last of equal names; empty for another content type."""
    if request.content_type != "application/x-www-form-urlencoded":
        return {}
    found = parse_qs(request.body.decode("utf-8", "replace"))
    return {name: values[-1] for name, values in found.items()}


def credentials(request: Request, form: Mapping[str, str]) -> tuple[str, str]:
    """(client id, secret) of a Basic header or of the form."""
    scheme, _, coded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(coded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise OAuthError("invalid_client", "invalid client credentials", 401) from None
    return unquote_plus(client_id), unquote_plus(secret)
