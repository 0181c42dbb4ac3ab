"""Whose messages does a connection believe? Secrets of the senders, and what must be the same in every message."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, SecretStr, field_validator

from connector.config.connections import Part, Url
from connector.config.secret_files import strange_in
from connector.errors import Misconfigured

if TYPE_CHECKING:
    from connector.config.settings import Settings

SHORTEST = 32  # characters of a secret of our own making: nobody can guess it (Salesforce: "Outbound Messaging")
_SAFE = re.compile(r"[A-Za-z0-9._~-]+")


class Webhooks(Part):
    """Whose messages are believed by `pmom serve` (docs/webhooks.md)."""

    hubspot_client_secret: SecretStr | None = Field(
        default=None, description="Client secret of the HubSpot app that sends webhooks"
    )
    hubspot_client_secret_file: Path | None = Field(
        default=None,
        description="File that holds that client secret",
        examples=["/run/secrets/hubspot_webhook_secret"],
    )
    hubspot_previous_client_secret: SecretStr | None = Field(
        default=None, description="The client secret before it, while it is being replaced"
    )
    hubspot_previous_client_secret_file: Path | None = Field(
        default=None,
        description="File that holds the client secret before it",
        examples=["/run/secrets/hubspot_webhook_secret_before"],
    )
    hubspot_target_url: Url | None = Field(
        default=None,
        description="The target URL in HubSpot, where it is not made of [web] public_url",
        examples=["https://pmom.acme.invalid/hooks/hubspot/hubspot"],
    )
    hubspot_oldest_signature: Literal["v1", "v2", "v3"] = Field(
        default="v3", description='Oldest signature that is believed; "v1" and "v2" can be sent again by others'
    )
    outbound_secret: SecretStr | None = Field(
        default=None, description="Last part of the address of Salesforce outbound messages"
    )
    outbound_secret_file: Path | None = Field(
        default=None,
        description="File that holds the last part of that address",
        examples=["/run/secrets/outbound_secret"],
    )
    outbound_previous_secret: SecretStr | None = Field(
        default=None, description="The last part before it, while addresses are being changed"
    )
    outbound_previous_secret_file: Path | None = Field(
        default=None,
        description="File that holds the last part before it",
        examples=["/run/secrets/outbound_secret_before"],
    )
    outbound_organization: str = Field(
        default="", description="Id of the org whose outbound messages are taken: 00D and 12 or 15 more characters"
    )
    outbound_actions: str = Field(
        default="",
        description="Ids of the messages that are taken (04k...), parted by commas; empty is all",
    )
    events_secret: SecretStr | None = Field(default=None, description="Secret that signs posts to the events address")
    events_secret_file: Path | None = Field(
        default=None, description="File that holds that secret", examples=["/run/secrets/events_secret"]
    )
    events_previous_secret: SecretStr | None = Field(
        default=None, description="The secret before it, while it is being replaced"
    )
    events_previous_secret_file: Path | None = Field(
        default=None, description="File that holds the secret before it", examples=["/run/secrets/events_before"]
    )
    events_plain: bool = Field(
        default=False, description="Take the secret itself in a header too, for senders that cannot sign"
    )
    own_writer: str = Field(
        default="",
        description="Id of the app (HubSpot) or user (Salesforce) by which pmom writes: what it wrote is no news",
    )

    @field_validator("outbound_organization")
    @classmethod
    def _organization(cls, text: str) -> str:
        if text and not re.fullmatch(r"00D(?:\w{12}|\w{15})", text, re.ASCII):
            raise ValueError('must be an org\'s id. Setup, Company Information shows it: "00D" and 12 characters.')
        return text

    @field_validator("outbound_actions")
    @classmethod
    def _actions(cls, text: str) -> str:
        for each in filter(None, map(str.strip, text.split(","))):
            if not re.fullmatch(r"04k(?:\w{12}|\w{15})", each, re.ASCII):
                raise ValueError("must be ids of outbound messages. Part several with commas: 04k..., 04k...")
        return text

    def actions(self) -> frozenset[str]:
        """The ids of the messages that are taken; none: all of the org."""
        return frozenset(filter(None, (each.strip() for each in self.outbound_actions.split(","))))

    def held(self, *names: str) -> tuple[str, ...]:
        """The secrets of these names that are set."""
        found = (getattr(self, name) for name in names)
        return tuple(each.get_secret_value() for each in found if isinstance(each, SecretStr))


def checked(settings: Settings) -> Webhooks:
    """The table, complete; Misconfigured when a secret is weak, or an org is missing beside its address."""
    found = settings.webhooks
    for name in found.secrets():
        for secret in found.held(name):
            odd = _weak(name, secret)
            if odd:
                ours = f'Make one with `python -c "import secrets; print(secrets.token_urlsafe({SHORTEST}))"`.'
                fix = _COPY if name.startswith("hubspot_") else ours
                raise Misconfigured(settings.where("webhooks", f"{name}_file"), f"webhooks.{name} {odd}", fix)
    if found.held("outbound_secret") and not found.outbound_organization:
        fix = "Setup, Company Information shows it: 00D..."
        raise Misconfigured(settings.where("webhooks"), "webhooks.outbound_organization is missing", fix)
    return found


_COPY = "Copy it from the app's page anew, alone, without a blank or a line end. It is not shown here."


def _weak(name: str, secret: str) -> str:
    if name.startswith("hubspot_"):
        return strange_in(secret) if secret.strip() else "is empty"
    if len(secret) < SHORTEST:
        return f"is shorter than {SHORTEST} characters"
    if not _SAFE.fullmatch(secret):
        return "holds characters that an address cannot hold as they are"
    return ""
