"""Did HubSpot send this? Its request signatures, versions 1 to 3 ("Validating requests").

Version 3 is demanded unless the settings say otherwise: the older ones hold no time and can be replayed. What is
signed is the address that HubSpot was told to call, which comes from the settings and never from the request: a
proxy may have changed it, and a sender of lies would choose it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from connector.hooks.compare import SKEW, moment, one_of
from connector.hooks.refusals import Refusal

_DECODED = {
    "3A": ":", "2F": "/", "3F": "?", "40": "@", "21": "!", "24": "$", "27": "'", "28": "(", "29": ")", "2A": "*",
    "2C": ",", "3B": ";",
}  # fmt: skip
_ESCAPE = re.compile(f"%({'|'.join(_DECODED)})", re.IGNORECASE)


class Version(StrEnum):
    """A version of the signature; each holds all that the one before it holds."""

    V1 = "v1"  # secret and body
    V2 = "v2"  # and method and address
    V3 = "v3"  # and the time


@dataclass(frozen=True, slots=True)
class Post:
    """What arrived: the body byte for byte, and the four headers, empty where they are absent."""

    body: bytes
    signature_v3: str = ""
    timestamp: str = ""  # milliseconds since 1970, as text
    signature: str = ""
    version: str = ""  # of `signature`: v1 or v2
    method: str = "POST"


def decoded(uri: str) -> str:
    """The address as version 3 signs it: twelve escapes are decoded, and no other."""
    return _ESCAPE.sub(lambda found: _DECODED[found[1].upper()], uri)


def v1(secret: str, body: bytes) -> str:
    """Hexadecimal SHA-256 of secret and body."""
    return hashlib.sha256(secret.encode() + body).hexdigest()


def v2(secret: str, method: str, uri: str, body: bytes) -> str:
    """Hexadecimal SHA-256 of secret, method, address and body."""
    return hashlib.sha256(f"{secret}{method}{uri}".encode() + body).hexdigest()


def v3(secret: str, method: str, uri: str, body: bytes, timestamp: str) -> str:
    """Base64 of the HMAC-SHA-256 of method, decoded address, body and timestamp."""
    signed = f"{method}{decoded(uri)}".encode() + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def refused(
    post: Post, *, uri: str, secrets: Sequence[str], now: float, oldest: Version = Version.V3
) -> Refusal | None:
    """Why the message is not HubSpot's, or None when it is.

    `uri`: the target address as HubSpot was given it. `secrets`: the app's client secret, and the previous one while
    it is being replaced. `now`: seconds since 1970. `oldest`: the oldest version that is believed.
    """
    if post.signature_v3:
        return _refused_v3(post, uri, secrets, now)
    if not post.signature or oldest is Version.V3:
        return Refusal.UNSIGNED
    if post.version == Version.V2:
        expected = [v2(secret, post.method, uri, post.body) for secret in secrets]
    elif post.version == Version.V1 and oldest is Version.V1:
        expected = [v1(secret, post.body) for secret in secrets]
    else:
        return Refusal.UNSIGNED
    return None if _same(post.signature, expected) else Refusal.BAD_SIGNATURE


def _refused_v3(post: Post, uri: str, secrets: Sequence[str], now: float) -> Refusal | None:
    signed_at = moment(post.timestamp)
    if signed_at is None:
        return Refusal.BAD_SIGNATURE if post.timestamp else Refusal.UNSIGNED
    if not _same(post.signature_v3, [v3(each, post.method, uri, post.body, post.timestamp) for each in secrets]):
        return Refusal.BAD_SIGNATURE
    return Refusal.STALE if abs(now * 1000 - signed_at) > SKEW * 1000 else None


def _same(found: str, expected: Sequence[str]) -> bool:
    return one_of(found.encode("utf-8", "replace"), [each.encode() for each in expected])
