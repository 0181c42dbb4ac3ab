"""How record ids look: 15 case-sensitive characters and a 3-character checksum of their case."""

from __future__ import annotations

import re

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHAPE = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?\Z")


def checksum(id15: str) -> str:
    """The three characters that tell the case of the fifteen."""
    groups = (id15[start : start + 5] for start in (0, 5, 10))
    return "".join(_CHECK[sum(1 << bit for bit, char in enumerate(group) if "A" <= char <= "Z")] for group in groups)


def to18(text: str) -> str | None:
    """The 18-character form of an id of 15 or 18 characters; None when it is not an id.

    The case of an 18-character id is restored from its checksum, as the vendor does.
    """
    if not _SHAPE.match(text):
        return None
    if len(text) == 15:
        return text + checksum(text)
    if checksum(text[:15]) == text[15:]:
        return text
    return _recased(text)


def _recased(text: str) -> str | None:
    chars = list(text[:15])
    for group, check in enumerate(text[15:].upper()):
        if check not in _CHECK:
            return None
        bits = _CHECK.index(check)
        for bit in range(5):
            at = group * 5 + bit
            chars[at] = chars[at].upper() if bits >> bit & 1 else chars[at].lower()
    id15 = "".join(chars)
    return id15 + checksum(id15) if checksum(id15) == text[15:].upper() else None


def base62(number: int, width: int) -> str:
    """The number in the ids' alphabet, padded with zeros."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _ALPHABET[rest] + digits
    return digits.rjust(width, "0")


def make_id(prefix: str, pod: str, number: int) -> str:
    """The 18-character id of the nth record: prefix (3) + pod (3) + counter (9) + checksum."""
    id15 = prefix + pod + base62(number, 9)
    return id15 + checksum(id15)


def pod_of(seed: int) -> str:
    """The three characters by which orgs of different seeds differ."""
    return "5" + base62(seed % 62, 1) + "0"
