"""Is it what only the holder of a secret could know? Compared in constant time; several secrets may be in force."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

SKEW = 300  # seconds that a signature's time may be off, in either direction (HubSpot, "Validating requests", v3)
_DIGITS = 13


def one_of(found: bytes, expected: Iterable[bytes]) -> bool:
    """Whether it equals any of them; all are looked at, and neither lengths nor places show in the time taken."""
    digest, same = hashlib.sha256(found).digest(), False
    for each in expected:
        same |= hmac.compare_digest(digest, hashlib.sha256(each).digest())
    return same


def moment(text: str) -> int | None:
    """A count of seconds or milliseconds as senders write it, digits only; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else None
