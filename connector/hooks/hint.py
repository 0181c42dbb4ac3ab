"""What is a hint? The news that one record of the CRM may have changed; the record itself is read again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Sender(StrEnum):
    """Who said so."""

    HUBSPOT = "hubspot"
    OUTBOUND = "outbound"  # a Salesforce Outbound Message
    EVENTS = "events"  # the signed endpoint for Flow callouts and others


class Happened(StrEnum):
    """What is said to have happened; only the re-read record tells whether it did."""

    CHANGED = "changed"
    DELETED = "deleted"
    MERGED = "merged"
    LINKED = "linked"  # an association was made or taken away


@dataclass(frozen=True, slots=True)
class Hint:
    """One thing that a verified message said about one record, in the CRM's own terms."""

    sender: Sender
    object: str  # the CRM's name of the object as the mapping writes it: "Opportunity", "deals"
    record_id: str
    happened: Happened
    key: str  # the same for every delivery of the same news; differs between news
    occurred_at: datetime | None = None  # by the sender's clock
    property: str = ""  # the one field that changed, where the sender names it
    written_by: str = ""  # the app or user behind the change, where the sender names it
