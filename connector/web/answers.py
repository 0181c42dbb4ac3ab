"""What is said to those who call: the JSON forms of requests and answers, as the OpenAPI document shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from connector.hooks.hint import Happened
from connector.hooks.refusals import Refusal

Name = Annotated[str, Field(min_length=1, max_length=255)]


class Event(BaseModel):
    """One thing that happened to one record of the CRM."""

    model_config = ConfigDict(extra="forbid")

    object: Name = Field(description="The CRM's name of the object, such as Opportunity or deals")
    id: Name = Field(description="The record's id in the CRM")
    event_id: Name = Field(description="The same for every delivery of the same event; a repeated one is harmless")
    happened: Happened = Field(default=Happened.CHANGED, description="What happened")
    occurred_at: datetime | int | None = Field(
        default=None, description="When it happened: ISO 8601 with a time zone, or milliseconds since 1970"
    )
    property: str = Field(default="", max_length=255, description="The field that changed, where it is one")
    written_by: str = Field(default="", max_length=255, description="Id of the user or app behind the change")


class HubSpotEvent(BaseModel):
    """One event as HubSpot sends it; other keys come too and are not read."""

    model_config = ConfigDict(extra="allow")

    eventId: int  # noqa: N815
    subscriptionId: int  # noqa: N815
    portalId: int  # noqa: N815
    occurredAt: int = Field(description="Milliseconds since 1970")  # noqa: N815
    subscriptionType: str = Field(examples=["deal.propertyChange"])  # noqa: N815
    objectId: int | None = None  # noqa: N815
    objectTypeId: str | None = None  # noqa: N815
    propertyName: str | None = None  # noqa: N815


class Accepted(BaseModel):
    """What became of the events: all of them are kept, or rightly left aside."""

    accepted: int = Field(description="Events that are kept, or were before")
    echoes: int = Field(description="Events about what the connector wrote itself")
    unmapped: int = Field(description="Events about objects that the mapping does not read")


class Problem(BaseModel):
    """Why a request was refused. `request_id` stands in the log beside the details."""

    error: Refusal | Literal["not_found"]
    request_id: str


class Alive(BaseModel):
    """The process lives."""

    status: Literal["alive"]


class ConnectionHealth(BaseModel):
    """How one connection does."""

    name: str
    state: Literal["active", "paused", "in trouble"]
    trouble: str | None = Field(description="What a person should look into; None when nothing")
    waiting: int = Field(description="Hints that are not read yet")
    runs: list[dict[str, Any]] = Field(description="The latest runs, newest first")


class Ready(BaseModel):
    """`ready`: all is well. `degraded`: something rests or is silent, and posts are taken. `not ready`: neither."""

    status: Literal["ready", "degraded", "not ready"]
    trouble: str | None
    workers_alive: int
    connections: list[ConnectionHealth]
    runs: list[dict[str, Any]] = Field(description="The latest runs of the only connection; empty with several")
