"""How HubSpot signs what it posts: the three versions of its request signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

# what is decoded in the address before it is signed, and nothing else ("Validating requests", v3)
_DECODED = {
    "3A": ":", "2F": "/", "3F": "?", "40": "@", "21": "!", "24": "$", "27": "'", "28": "(", "29": ")", "2A": "*",
    "2C": ",", "3B": ";",
}  # fmt: skip
_ESCAPE = re.compile(f"%({'|'.join(_DECODED)})", re.IGNORECASE)


def decoded(uri: str) -> str:
    """The address as version 3 signs it."""
    return _ESCAPE.sub(lambda found: _DECODED[found[1].upper()], uri)


def v1(secret: str, body: bytes) -> str:
    """Hexadecimal SHA-256 of secret and body."""
    return hashlib.sha256(secret.encode() + body).hexdigest()


def v2(secret: str, method: str, uri: str, body: bytes) -> str:
    """Hexadecimal SHA-256 of secret, method, address and body."""
    return hashlib.sha256(f"{secret}{method}{uri}".encode() + body).hexdigest()


def v3(secret: str, method: str, uri: str, body: bytes, timestamp: str) -> str:
    """Base64 HMAC-SHA-256 of method, decoded address, body and timestamp (epoch milliseconds as text)."""
    message = f"{method}{decoded(uri)}".encode() + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), message, hashlib.sha256).digest()).decode()
