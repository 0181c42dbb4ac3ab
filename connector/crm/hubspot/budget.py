"""May we make another call: the portal's limits, our share of the day, and what must stay for others."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping

from connector.crm.base import Usage
from connector.crm.hubspot.connection import HubSpotConnection


class Budget:
    """Counts own calls by kind."""

    def __init__(self, connection: HubSpotConnection, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._lock = threading.Lock()
        self.by_kind: Counter[str] = Counter()

    def usage(self) -> Usage:
        """What the portal last said; 0 of 0 before it said anything."""
        return Usage(0, 0, sum(self.by_kind.values()))

    def require(self, calls: int, what: str) -> None:
        """BudgetExhausted when `calls` more would not fit today; says what was to be done with them."""

    def take(self, search: bool, kind: str, what: str) -> object:
        """Waits until one more call may go out."""
        with self._lock:
            self.by_kind[kind] += 1
        return None

    def landed(self, ticket: object, headers: Mapping[str, str]) -> None:
        """The call was answered."""

    def refused(self, search: bool, after: float) -> None:
        """A limit stopped a call: nobody calls for that many seconds."""

    def reset(self) -> str:
        """When the day's calls begin anew, in words."""
        return ""

    def zone(self, name: str) -> None:
        """The portal's time zone, in which its day ends."""

    def close(self) -> None:
        """Give back the file."""
