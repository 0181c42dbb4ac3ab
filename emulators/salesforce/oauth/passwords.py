"""Whose password is right: salted digests in the org's file, and the security token that may follow a password."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulators.salesforce.org import Org

_ALPHABET = string.ascii_letters + string.digits
_ROUNDS = 1_000  # a toy's secret: enough that the file does not hold it in clear


class Refusal(StrEnum):
    """Why a login is refused."""

    WRONG = "wrong"  # unknown user, no password set, or another password
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A login that is right."""

    user_id: str


def generate() -> str:
    """A password that satisfies the vendor's usual policy: letters and digits, at least eight."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(14)) + "a1"


def put(org: Org, user_id: str, password: str, security_token: str = "") -> None:
    """Set the password of a user, and the security token that clients may append to it."""
    salt = secrets.token_hex(8)
    kept = {"salt": salt, "password": _digest(salt, password), "with_token": _digest(salt, password + security_token)}
    with org.transaction():
        org.put_state("passwords", (org.state("passwords") or {}) | {user_id: kept})


def check(org: Org, username: str, given: str) -> Accepted | Refusal:
    """Whether that user (names compare without case) may log in with `given`: the password, or password + token.

    Loopback counts as a trusted network, in which the vendor asks for no token but takes one that is right.
    """
    sql = "SELECT f_id, f_isactive FROM o_user WHERE f_username = ? COLLATE NOCASE"
    row = org.connection().execute(sql, (username,)).fetchone()
    kept = (org.state("passwords") or {}).get(row[0]) if row else None
    if row is None or kept is None:
        return Refusal.WRONG
    digest = _digest(kept["salt"], given)
    right = [hmac.compare_digest(digest, kept[name]) for name in ("password", "with_token")]
    if not any(right):
        return Refusal.WRONG
    return Accepted(str(row[0])) if row[1] else Refusal.INACTIVE


def _digest(salt: str, password: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), _ROUNDS).hex()
