"""May we make another request: the org's daily limit, our share of it, and what must stay for others.

Fed by every answer's Sforce-Limit-Info header and by /limits. An unknown limit stops nothing: the first answer tells.
"""

from __future__ import annotations

import re
import threading
from collections import Counter

from connector.crm.base import Usage
from connector.errors import BudgetExhausted

_ORG = re.compile(r"(?:^|[;,\s])api-usage=(\d+)/(\d+)")
_APP = re.compile(r"per-app-api-usage=(\d+)/(\d+)")


class Budget:
    """Counts own calls by kind and refuses those that would eat the reserve or exceed the share.

    `share` and `reserve` are parts (0..1) of the org's limit over its rolling 24 hours.
    """

    def __init__(self, share: float, reserve: float) -> None:
        self._share, self._reserve = share, reserve
        self._lock = threading.Lock()
        self.by_kind: Counter[str] = Counter()
        self._org: tuple[int, int] | None = None
        self._app: tuple[int, int] | None = None

    def usage(self) -> Usage:
        """What the org last said; 0 of 0 before it said anything."""
        used, limit = self._org or (0, 0)
        return Usage(used=used, limit=limit, calls=sum(self.by_kind.values()))

    def count(self, kind: str) -> None:
        """One call of that kind goes out."""
        with self._lock:
            self.by_kind[kind] += 1

    def hear(self, header: str | None) -> None:
        """Take in a Sforce-Limit-Info header, plain or with the per-app part."""
        if not header:
            return
        org, app = _ORG.search(header), _APP.search(header)
        with self._lock:
            self._org = (int(org[1]), int(org[2])) if org else self._org
            self._app = (int(app[1]), int(app[2])) if app else self._app

    def told(self, used: int, limit: int) -> None:
        """Take in the DailyApiRequests of /limits."""
        with self._lock:
            self._org = (used, limit)

    def room(self) -> int | None:
        """How many more calls fit; None while the limit is unknown."""
        if self._org is None:
            return None
        used, limit = self._org
        own = int(limit * self._share) - sum(self.by_kind.values())
        rooms = [int(limit * (1 - self._reserve)) - used, own]
        if self._app is not None:
            rooms.append(int(self._app[1] * (1 - self._reserve)) - self._app[0])
        return max(0, min(rooms))

    def require(self, calls: int, what: str) -> None:
        """BudgetExhausted when `calls` more would not fit; says what was to be done with them."""
        room = self.room()
        if room is not None and calls > room:
            used, limit = self._org or (0, 0)
            raise BudgetExhausted(
                f"Salesforce requests: {what} needs about {calls}, {room} are free "
                f"({used} of {limit} used in 24 h, {self._reserve:.0%} kept for others). "
                "Run again when the window frees, or raise budget_share or lower budget_reserve"
            )
