"""Whether a JWT bearer assertion is good, and for whom."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from emulators.loopback.json_text import parse
from emulators.salesforce.oauth.errors import OAuthError, invalid_grant

if TYPE_CHECKING:
    from emulators.salesforce.oauth.login import App, Login

LOGIN_HOSTS = ("https://login.salesforce.com", "https://test.salesforce.com")
MAX_LIFE = timedelta(minutes=5)


def subject(login: Login, base_url: str, assertion: str) -> str:
    """The username for whom the assertion speaks. OAuthError says what is wrong with it."""
    claims = _verified(login.app, assertion)
    if claims.get("iss") != login.app.client_id:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    if str(claims.get("aud", "")).rstrip("/") not in (*LOGIN_HOSTS, base_url):
        raise invalid_grant("audience is invalid")
    now = login.org.clock.now()
    expires = _instant(claims.get("exp"), now)
    if expires is None or not now < expires <= now + MAX_LIFE:
        raise invalid_grant("invalid assertion")
    name = str(claims.get("sub") or claims.get("prn") or "")
    approved = login.app.jwt_user is None or name.lower() == login.app.jwt_user.lower()
    if not approved or not name:
        raise invalid_grant("user hasn't approved this consumer")
    return name


def _verified(app: App, assertion: str) -> dict[str, Any]:
    """The claims of a JWT whose RS256 signature is that of the registered key."""
    try:
        head, body, signature = assertion.split(".")
        header, claims = parse(_unbase64(head)), parse(_unbase64(body))
        if app.public_key is None or header.get("alg") != "RS256" or not isinstance(claims, dict):
            raise ValueError("not a JWT of ours")
        app.public_key.verify(_unbase64(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, InvalidSignature, AttributeError):
        raise invalid_grant("invalid assertion") from None
    return claims


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _instant(value: object, now: datetime) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(str(value)), now.tzinfo)
    except (ValueError, OverflowError, OSError):
        return None


def read_public_key(path: Path) -> rsa.RSAPublicKey:
    """The RSA key of a PEM certificate or public key; ValueError for anything else."""
    text = path.read_bytes()
    key = (
        x509.load_pem_x509_certificate(text).public_key()
        if b"CERTIFICATE" in text
        else serialization.load_pem_public_key(text)
    )
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError(f"{path} holds no RSA key")
    return key
