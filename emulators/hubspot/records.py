"""What a record is and how records lie in the file."""

from __future__ import annotations

from dataclasses import dataclass, field

DDL = """
CREATE TABLE IF NOT EXISTS record (
  type TEXT NOT NULL, id INTEGER NOT NULL, properties TEXT NOT NULL, created TEXT NOT NULL, modified TEXT NOT NULL,
  archived TEXT, PRIMARY KEY (type, id));
CREATE INDEX IF NOT EXISTS record_modified ON record (type, modified, id);
"""


@dataclass(slots=True)
class Record:
    """One record of any object.

    `type_id` "0-2" or "2-123"; `properties` holds only what has a value, in HubSpot's stored text form, without
    hs_object_id and the created and modified properties, which are `id`, `created`, `modified`
    (`2026-03-31T09:00:00.000Z`). `archived` is the instant of archiving, None for a live record.
    """

    type_id: str
    id: str
    properties: dict[str, str] = field(default_factory=dict)
    created: str = ""
    modified: str = ""
    archived: str | None = None
