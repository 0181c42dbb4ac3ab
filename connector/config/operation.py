"""How does the always-on half run: where it listens, where its work is kept, and when what is done?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, SecretStr, field_validator

from connector.config.connections import Part

NEVER = 0


class Web(Part):
    """Where `pmom serve` listens for what the CRMs send, and what it takes from them."""

    host: str = Field(
        default="127.0.0.1", description="Address to listen on; put a TLS proxy before it", min_length=1
    )
    port: int = Field(default=8080, description="Port to listen on", ge=1, le=65535)
    public_url: str | None = Field(
        default=None,
        description="How senders reach it: HubSpot signs this address",
        examples=["https://pmom.acme.invalid"],
    )
    threads: int = Field(default=8, description="Requests answered at the same time", ge=1, le=256)
    body_kb: int = Field(
        default=1024, description="Longest body that is taken, in kilobytes; longer is refused", ge=1, le=65536
    )

    @field_validator("public_url")
    @classmethod
    def _alone(cls, url: str | None) -> str | None:
        if url is not None and (set("?#") & set(url) or any(ch.isspace() for ch in url)):
            raise ValueError('must be an address alone. "https://pmom.acme.invalid" is one: no ?, # or blank.')
        return url


class Jobs(Part):
    """Where the work that waits is kept, and how `pmom work` does it."""

    dir: Path | None = Field(
        default=None,
        description="Folder of fleet.sqlite and dbos.sqlite; the workspace's without it",
        examples=["/var/lib/pmom/jobs"],
    )
    database: str | None = Field(
        default=None,
        description="PostgreSQL instead of these files, for workers on several machines",
        examples=["postgresql+psycopg://pmom@db.acme.invalid/pmom"],
    )
    database_password: SecretStr | None = Field(default=None, description="Password of that database")
    database_password_file: Path | None = Field(
        default=None,
        description="File that holds the password of that database",
        examples=["/run/secrets/pmom_database"],
    )
    workers: int = Field(default=1, description="Worker processes of one `pmom work`", ge=1, le=64)
    threads: int = Field(default=4, description="Connections that one worker works on at the same time", ge=1, le=64)
    quiet_ms: int = Field(
        default=250, description="Hints wait until nothing was said for so long, in milliseconds", ge=0, le=60_000
    )
    most_ms: int = Field(
        default=1000, description="And at most so long after the first of them, in milliseconds", ge=0, le=600_000
    )
    tries: int = Field(default=5, description="Failures in a row after which work is set aside as dead", ge=1, le=100)
    stale_after: float = Field(
        default=30.0, description="Seconds of silence after which another worker takes up a worker's work", ge=2
    )
    keep_days: int = Field(
        default=30, description="Days for which done work and hints that were read are kept", ge=1, le=3650
    )

    @field_validator("database")
    @classmethod
    def _without_password(cls, url: str | None) -> str | None:
        return without_password(url)


def without_password(url: str | None) -> str | None:
    """The database's address; an error when it is none of a database that is known, or holds a password."""
    if url is None:
        return None
    found = re.fullmatch(r"(postgresql(?:\+psycopg)?|sqlite)://(?:([^/@]*)@)?.*", url)
    if found is None:
        raise ValueError('must begin with postgresql:// or sqlite://. "postgresql+psycopg://pmom@host/pmom" is one.')
    if (found[2] or "").partition(":")[2]:
        raise ValueError("may not hold a password. Take it out, and name a file with database_password_file.")
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


_FIELD = re.compile(r"[0-9*/,a-z-]+", re.IGNORECASE)
_CRON = "minute hour day month weekday"


def _when(said: object) -> object:
    """Minutes, or a cron line of five fields whose weekdays are names."""
    if isinstance(said, str) and said.isascii() and said.isdigit():  # so a variable says minutes
        said = int(said)
    if isinstance(said, int) and not isinstance(said, bool):
        if not 0 <= said <= 1440:
            raise ValueError("must be 0 to 1440 minutes, or a cron line. 0 is never.")
        return said
    fields = said.split() if isinstance(said, str) else []
    if len(fields) != 5 or not all(map(_FIELD.fullmatch, fields)):
        raise ValueError(f'must be minutes or a cron line. "*/15 6-20 * * mon-fri" is one: {_CRON}.')
    if re.search(r"(?<!/)[0-9]", fields[4]):
        raise ValueError(
            "must name its weekdays. Write mon-fri: numbers of weekdays mean different days to different programs."
        )
    return " ".join(fields)


When = Annotated[int | str, BeforeValidator(_when)]
"""Every so many minutes since 1970 began (UTC), or a cron line. 0 is never."""


class Schedule(Part):
    """When work is done by itself: minutes, a cron line, or 0 for never."""

    sync: When = Field(default=15, description="Read what changed, decide and write")
    audit: When = Field(default="0 5 * * *", description="Look whether a quarter is to be frozen")
    retention: When = Field(default="30 3 * * *", description="Forget what was kept long enough")
    probe: When = Field(default=5, description="Try connections again that were set aside")
    timezone: str = Field(default="UTC", description="Time zone of the cron lines")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError('must be a time zone. "UTC" and "Europe/Berlin" are two.') from None
        return name
