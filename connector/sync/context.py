"""What every step of a sync works with: the CRM, the mirror, the store, the mapping, the policy and the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connector.config.fieldmap import FieldMap
from connector.core.policy import Policy
from connector.crm.base import CRM, Progress, no_progress
from connector.mirror import Mirror
from connector.store.store import Store


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is read again so that nothing is missed (docs/decisions/0002), and how long what was done is kept."""

    overlap: timedelta = timedelta(minutes=10)
    holdback: timedelta = timedelta(seconds=60)
    refresh: timedelta = timedelta(hours=24)  # of fields that change without moving the cursor; zero is never
    reconcile: timedelta = timedelta(days=7)  # of ids, for hard deletes; zero is never
    keep_plans: timedelta = timedelta(days=90)  # bodies of plans
    keep_trail: timedelta = timedelta(days=7 * 365.25)  # runs, plans and outcomes


def wall_clock() -> datetime:
    """Now, by this machine."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Context:
    """One connection's sync. `clock` is the only clock that the shell looks at; the CRM has its own."""

    connection: str
    crm: CRM
    mirror: Mirror
    store: Store
    fieldmap: FieldMap
    policy: Policy
    pace: Pace = Pace()
    clock: Callable[[], datetime] = wall_clock
    progress: Progress = no_progress
    admin_user: str | None = None
    kept: dict[str, Any] = field(default_factory=dict)  # what a warm process remembers of the CRM between jobs

    def today(self, moment: datetime | None = None) -> date:
        """The day in the policy's time zone."""
        return (moment or self.clock()).astimezone(ZoneInfo(self.policy.timezone)).date()
