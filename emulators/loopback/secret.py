"""Which token comes next: not to be guessed without the secret, the same for the same secret and place."""

from __future__ import annotations

import base64
import hmac


def derived(secret: str, place: str, length: int) -> str:
    """`length` characters (at most 86) of A-Z, a-z, 0-9, `_` and `-` for the thing that `place` names."""
    digest = hmac.digest(secret.encode(), place.encode(), "sha512")
    return base64.urlsafe_b64encode(digest).decode()[:length]
