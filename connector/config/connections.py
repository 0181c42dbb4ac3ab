"""Which CRM is connected, and how does the connector sign in there: one settings table a vendor."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

_ADDRESS = "https://acme.my.salesforce.com"


def _https(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError(f"must be an address like {_ADDRESS}. Write it with https://.")
    if parts.username or parts.password:
        raise ValueError("must not hold a user or password. Leave only https:// and the host.")
    return url.rstrip("/")


def _digits(found: object) -> object:
    """A number is taken for its digits: people leave the quotes out."""
    text = str(found) if isinstance(found, int) and not isinstance(found, bool) else found
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{1,15}", text.strip()):
        raise ValueError('must be digits. Write them as portal_id = "48000001".')
    return text.strip()


Digits = Annotated[str, BeforeValidator(_digits)]
Url = Annotated[str, AfterValidator(_https)]
Share = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """One table of `config.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @classmethod
    def secrets(cls) -> tuple[str, ...]:
        """The names of its secrets; each may stand in a file of its own, named by `<secret>_file`."""
        return tuple(name for name, field in cls.model_fields.items() if is_secret(field.annotation))


class Connection(Part):
    """A table that leads to a CRM. `needs`: way to sign in -> the settings without which it cannot work."""

    needs: ClassVar[dict[str, tuple[str, ...]]]
    if TYPE_CHECKING:  # each table declares its own, where it belongs in the file
        auth: str

    def lacking(self) -> str | None:
        """The first setting that the chosen way to sign in needs and that is nowhere to be found."""
        return next((name for name in self.needs[self.auth] if not _said(getattr(self, name))), None)


def is_secret(annotation: object) -> bool:
    """Whether a setting of that type never stands in `config.toml`."""
    return SecretStr in (annotation, *getattr(annotation, "__args__", ()))


def _said(value: object) -> bool:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    return bool(text.strip()) if isinstance(text, str) else text is not None


class Salesforce(Connection):
    """The org, and the External Client App through which the connector signs in (docs/salesforce.md)."""

    needs = {"client_credentials": ("client_secret",), "jwt": ("private_key", "username")}

    instance_url: Url = Field(
        description="The org's My Domain", examples=["https://acme.my.salesforce.com"], max_length=255
    )
    client_id: str = Field(description="Consumer key of the External Client App", examples=["3MVG9..."], min_length=1)
    auth: Literal["client_credentials", "jwt"] = Field(
        default="client_credentials", description='How to sign in: "client_credentials" or "jwt"'
    )
    client_secret: SecretStr | None = Field(default=None, description="Consumer secret, for client_credentials")
    client_secret_file: Path | None = Field(
        default=None,
        description="File that holds the consumer secret",
        examples=["/run/secrets/salesforce_client_secret"],
    )
    username: str | None = Field(
        default=None, description="The integration user, for jwt", examples=["pmom@acme.invalid"], max_length=255
    )
    private_key: SecretStr | None = Field(default=None, description="Private key in PEM form, for jwt")
    private_key_file: Path | None = Field(
        default=None,
        description="File that holds the private key in PEM form, for jwt",
        examples=["/run/secrets/pmom.key"],
    )
    login_url: Url | None = Field(
        default=None, description="Only for jwt through a sandbox", examples=["https://test.salesforce.com"]
    )
    audience: str | None = Field(
        default=None,
        description="Audience of the JWT; login_url by default",
        examples=["https://test.salesforce.com"],
    )
    token_file: Path | None = Field(
        default=None,
        description="Keep the access token here between runs, readable by the owner only",
        examples=[".pmom/token"],
    )
    api_version: str = Field(default="67.0", description="Newest API version to use", pattern=r"^\d{2,3}\.0$")
    ca_file: Path | None = Field(
        default=None,
        description="Root certificates in PEM form, behind a TLS proxy",
        examples=["/etc/ssl/corporate.pem"],
    )
    connect_timeout: float = Field(default=10.0, description="Seconds to wait for a connection", gt=0, le=300)
    read_timeout: float = Field(default=120.0, description="Seconds to wait for an answer", gt=0, le=600)
    budget_share: Share = Field(
        default=0.5, description="Share of the org's daily API requests that the connector may use"
    )
    budget_reserve: Share = Field(
        default=0.1, description="Share of the daily requests that is always left to others"
    )
    rest_rows: int = Field(default=8_000, description="A read of more rows becomes a Bulk query job", ge=0)
    bulk_page_rows: int = Field(default=50_000, description="Rows in one page of a Bulk result", ge=1_000, le=250_000)
    bulk_writes: int = Field(default=2_000, description="More writes than this become a Bulk ingest job", ge=1)
    first_poll: float = Field(default=1.0, description="Seconds until a Bulk job is first asked about", gt=0, le=60)
    longest_poll: float = Field(
        default=15.0, description="Longest pause between questions about a job, in seconds", gt=0, le=600
    )
    job_deadline: float = Field(
        default=14_400.0, description="Seconds after which a Bulk job or deploy is given up", gt=0
    )


class HubSpot(Connection):
    """The portal, and the service key or app through which the connector signs in (docs/hubspot.md)."""

    needs = {"token": ("access_token",), "oauth": ("client_id", "client_secret", "refresh_token")}

    portal_id: Digits = Field(
        description="The portal's Hub ID: nothing is written to any other", examples=["12345678"]
    )
    auth: Literal["token", "oauth"] = Field(
        default="token", description='How to sign in: "token" (service key or private app) or "oauth"'
    )
    access_token: SecretStr | None = Field(default=None, description="Token of the service key or private app")
    access_token_file: Path | None = Field(
        default=None, description="File that holds the token", examples=["/run/secrets/hubspot_access_token"]
    )
    client_id: str | None = Field(
        default=None, description="Client id of the app, for oauth", examples=["0000-0000"], min_length=1
    )
    client_secret: SecretStr | None = Field(default=None, description="Client secret of the app, for oauth")
    client_secret_file: Path | None = Field(
        default=None,
        description="File that holds the client secret, for oauth",
        examples=["/run/secrets/hubspot_client_secret"],
    )
    refresh_token: SecretStr | None = Field(default=None, description="Refresh token of the install, for oauth")
    refresh_token_file: Path | None = Field(
        default=None,
        description="File that holds the refresh token, for oauth",
        examples=["/run/secrets/hubspot_refresh_token"],
    )
    api_version: Literal["2026-03", "2026-09", "v3"] = Field(
        default="2026-03", description='Path version: "2026-03", "2026-09", or "v3" for the numbered paths'
    )
    base_url: Url = Field(default="https://api.hubapi.com", description="Where HubSpot's API answers")
    ca_file: Path | None = Field(
        default=None,
        description="Root certificates in PEM form, behind a TLS proxy",
        examples=["/etc/ssl/corporate.pem"],
    )
    connect_timeout: float = Field(default=10.0, description="Seconds to wait for a connection", gt=0, le=300)
    read_timeout: float = Field(default=60.0, description="Seconds to wait for an answer", gt=0, le=600)
    budget_share: Share = Field(
        default=0.5, description="Share of the account's daily API calls that the connector may use"
    )
    budget_reserve: Share = Field(default=0.1, description="Share of the daily calls that is always left to others")
    searches: float = Field(
        default=4.0, description="Searches a second; HubSpot allows five to all apps of an account", gt=0, le=5
    )
    threads: int = Field(default=4, description="Calls at the same time", ge=1, le=16)


CONNECTIONS: dict[str, type[Connection]] = {"salesforce": Salesforce, "hubspot": HubSpot}
"""Settings table -> its model, for every CRM that can be connected."""
