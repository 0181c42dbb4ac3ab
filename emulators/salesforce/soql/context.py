"""What an answer to a query depends on besides the query and the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from emulators.salesforce.schema import FieldType, ObjectType, Schema
from emulators.salesforce.soql.dates import Calendar


def _every_object(_: ObjectType) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Context:
    """The org and the user who asks. `now` must be aware; `visible` is field-level security."""

    schema: Schema
    visible: Callable[[ObjectType, FieldType], bool]
    now: datetime
    timezone: ZoneInfo
    user_id: str
    all_rows: bool = False  # queryAll: deleted rows too
    version: str = "67.0"
    fiscal_start_month: int = 1
    fiscal_year_ends: bool = True  # a fiscal year is named by the calendar year in which it ends

    shown: Callable[[ObjectType], bool] = _every_object  # objects the user may read at all
    records: Callable[[ObjectType, str], str | None] | None = None  # SQL over an alias: records the user may read

    def object(self, name: str) -> ObjectType | None:
        """The object of that name when the org has it and the user may read it."""
        found = self.schema.object(name)
        return found if found is not None and self.shown(found) else None

    @property
    def calendar(self) -> Calendar:
        """Today as the user sees it, with the org's fiscal year."""
        return Calendar(self.now.astimezone(self.timezone).date(), self.fiscal_start_month)
