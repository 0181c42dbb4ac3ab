"""What was granted and may be redeemed later: authorization codes, refresh tokens, device codes, half-done logins."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from emulators.loopback.clock import parse_instant, stored
from emulators.salesforce.oauth.errors import OAuthError, invalid_grant
from emulators.salesforce.org import Org

if TYPE_CHECKING:
    from emulators.salesforce.oauth.login import Login

CODE_LIFE = timedelta(minutes=15)
DEVICE_LIFE = timedelta(minutes=10)
DEVICE_INTERVAL = 5  # seconds between two polls
SCOPES = (
    "address", "api", "chatter_api", "content", "custom_permissions", "email", "full", "id", "lightning",
    "offline_access", "openid", "phone", "profile", "refresh_token", "visualforce", "web",
)  # fmt: skip
USUAL_SCOPE = "refresh_token web openid id api full"
_TABLE = "e_grant (token TEXT PRIMARY KEY, kind TEXT, body TEXT) WITHOUT ROWID"
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ23456789"


class Kind(StrEnum):
    """What a grant is."""

    CODE = "code"
    REFRESH = "refresh"
    DEVICE = "device"
    TICKET = "ticket"  # a user who has logged in and not yet approved


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant; `user` is empty while nobody has logged in."""

    kind: Kind
    token: str
    client: str
    at: str
    user: str = ""
    scope: str = ""
    redirect: str = ""
    challenge: str = ""  # of PKCE, S256
    user_code: str = ""  # of a device
    used: bool = False
    denied: bool = False
    polled: str = ""
    sessions: tuple[str, ...] = field(default=())  # the access tokens that came of a refresh token

    @property
    def lasting(self) -> bool:
        """Whether its scope includes a refresh token."""
        return bool({"refresh_token", "offline_access"} & set(self.scope.split()))


def new(
    login: Login, kind: Kind, client: str, *, user: str = "", scope: str = "", redirect: str = "",
    challenge: str = "", user_code: str = "",
) -> Grant:  # fmt: skip
    """Make a grant of that kind and keep it."""
    text = login.unguessed(kind)
    token = {Kind.CODE: f"aPrx{text}==", Kind.REFRESH: f"5Aep861{text}"}.get(kind, text)
    at = stored(login.org.clock.now())
    grant = Grant(kind, token, client, at, user, scope, redirect, challenge, user_code)
    keep(login.org, grant)
    return grant


def user_code(login: Login) -> str:
    """What a person types to approve a device: eight letters without look-alikes."""
    return "".join(_LETTERS[ord(each) % len(_LETTERS)] for each in login.unguessed("user code", 8))


def keep(org: Org, grant: Grant) -> None:
    """Keep a grant as it is now."""
    with org.transaction() as connection:
        connection.execute(f"CREATE TABLE IF NOT EXISTS {_TABLE}")
        values = (grant.token, grant.kind, json.dumps(asdict(grant)))
        connection.execute("INSERT OR REPLACE INTO e_grant VALUES (?, ?, ?)", values)


def find(org: Org, kind: Kind, token: str) -> Grant | None:
    """The grant of that kind and token, used or not."""
    return next((grant for grant in _all(org, kind, "token = ?", token)), None)


def device_of(org: Org, code: str) -> Grant | None:
    """The device that waits under a user code; None once it has ended."""
    wanted = code.replace("-", "").strip().upper()
    waiting = (grant for grant in _all(org, Kind.DEVICE, "1 = ?", 1) if not grant.used and not grant.denied)
    return next((grant for grant in waiting if grant.user_code == wanted and not over(org, grant)), None)


def _all(org: Org, kind: Kind, where: str, value: object) -> list[Grant]:
    org.connection().execute(f"CREATE TABLE IF NOT EXISTS {_TABLE}")
    rows = org.connection().execute(f"SELECT body FROM e_grant WHERE kind = ? AND {where}", (kind, value))
    bodies = [json.loads(row[0]) for row in rows.fetchall()]
    return [Grant(**body | {"kind": Kind(body["kind"]), "sessions": tuple(body["sessions"])}) for body in bodies]


def drop(org: Org, grant: Grant) -> None:
    """Forget a grant."""
    with org.transaction() as connection:
        connection.execute("DELETE FROM e_grant WHERE token = ?", (grant.token,))


def over(org: Org, grant: Grant) -> bool:
    """Whether its time is up; refresh tokens live until they are revoked."""
    life = {Kind.CODE: CODE_LIFE, Kind.TICKET: CODE_LIFE, Kind.DEVICE: DEVICE_LIFE}.get(grant.kind)
    return life is not None and org.clock.now() - parse_instant(grant.at) >= life


# -- redeeming ----------------------------------------------------------------------------------------------------


def redeem_code(org: Org, client: str, code: str, redirect: str, verifier: str) -> Grant:
    """Use an authorization code up. OAuthError for one that is not of this client, address and verifier."""
    with org.transaction():
        grant = find(org, Kind.CODE, code)
        if grant is None or grant.client != client:
            raise invalid_grant("invalid authorization code")
        if grant.used or over(org, grant):
            raise invalid_grant("expired authorization code")
        if grant.redirect != redirect:
            raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
        if (grant.challenge or verifier) and not hmac.compare_digest(_challenge(verifier), grant.challenge):
            raise invalid_grant("invalid code verifier")  # one without the other too: somebody took the proof away
        keep(org, replace(grant, used=True))
    return grant


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def poll_device(org: Org, client: str, code: str) -> Grant:
    """The device's grant once it is approved. OAuthError while it is not, or when the device asks too often."""
    with org.transaction():
        grant = find(org, Kind.DEVICE, code)
        if grant is None or grant.client != client or grant.used:
            raise invalid_grant("invalid device code")
        now, polled = org.clock.now(), grant.polled
        keep(org, replace(grant, polled=stored(now), used=bool(grant.user) or grant.denied))
    if grant.denied:
        raise OAuthError("access_denied", "end-user denied authorization")
    if over(org, grant):
        raise invalid_grant("expired device code")
    if grant.user:
        return grant
    if polled and now - parse_instant(polled) < timedelta(seconds=DEVICE_INTERVAL):
        raise OAuthError("slow_down", "polling too frequently")
    raise OAuthError("authorization_pending", "polling for user authorization")


def read_scope(asked: str) -> str:
    """The scope that is granted; OAuthError for a word that is none."""
    words = asked.split()
    if any(word not in SCOPES for word in words):
        raise OAuthError("invalid_scope", "the requested scope is not allowed")
    return " ".join(words) or USUAL_SCOPE
