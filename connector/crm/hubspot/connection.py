"""How do we reach one HubSpot portal: the address, the token, the path version and how much of the limits is ours?"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from connector.crm.retry import Patience
from connector.errors import Misconfigured

ApiVersion = Literal["2026-03", "2026-09", "v3"]
"""A dated path version, or the numbered paths (v3, and v4 for associations) that HubSpot retires in 2027."""


@dataclass(frozen=True, slots=True)
class HubSpotConnection:
    """Everything needed to talk to one portal; secrets are left out of its repr.

    `access_token` is a service key's or a private app's token; with `auth="oauth"` tokens are renewed with
    `refresh_token` at /oauth/{version}/token instead. `portal_id` refuses writes to any other portal when given.
    `budget_share` is the part of the account's daily calls that this connection may use, `budget_reserve` the part
    that it always leaves to others; both 0..1. `budget_file` is where all processes of this connection count their
    calls together; without one each process counts alone. Times are in seconds.
    """

    access_token: str | None = field(default=None, repr=False)
    auth: Literal["token", "oauth"] = "token"
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    portal_id: str | None = None
    base_url: str = "https://api.hubapi.com"
    api_version: ApiVersion = "2026-03"
    ca_file: str | None = None
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    patience: Patience = field(default_factory=Patience)
    budget_share: float = 0.5
    budget_reserve: float = 0.1
    budget_file: str | None = None
    burst: int = 90  # calls in ten seconds until the portal's own headers have told its limit
    searches: float = 4.0  # searches a second; HubSpot allows five to all apps of an account together
    threads: int = 4  # calls at the same time

    def __post_init__(self) -> None:
        """Misconfigured when the settings cannot work whatever the portal says."""
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.path not in ("", "/"):
            fix = "Leave it out, or write https:// and a host"
            raise Misconfigured("hubspot.base_url", f"{self.base_url!r} is no address", fix)
        if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise Misconfigured("hubspot.base_url", "http would send the token unprotected", "Write https://")
        if self.auth == "token" and not self.access_token:
            fix = "Make a service key or a private app and set its token"
            raise Misconfigured("hubspot.access_token", "empty", fix)
        if self.auth == "oauth" and not (self.client_id and self.client_secret and self.refresh_token):
            fix = "OAuth needs client_id, client_secret and refresh_token"
            raise Misconfigured("hubspot.refresh_token", "part of the sign-in is empty", fix)
        if self.ca_file is not None and not Path(self.ca_file).is_file():
            raise Misconfigured("hubspot.ca_file", f"no file at {self.ca_file}", "Name a readable PEM file")
