"""Which calls were made since the last reset, by kind and one by one."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any

_KEPT = 5000


@dataclass(frozen=True, slots=True)
class Answered:
    """One call as it was answered; status 0: without an answer."""

    method: str
    path: str
    pattern: str
    query: str
    status: int
    fault: str
    at: str
    seconds: float


class Calls:
    """The calls since the last reset."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque[Answered] = deque(maxlen=_KEPT)
        self._counts: Counter[str] = Counter()

    def add(self, call: Answered) -> None:
        """Remember a call."""
        with self._lock:
            self._recent.append(call)
            self._counts[f"{call.method} {call.pattern}"] += 1

    def reset(self) -> None:
        """Forget all."""
        with self._lock:
            self._recent.clear()
            self._counts.clear()

    def describe(self) -> dict[str, Any]:
        """Totals by kind and the latest calls, oldest first."""
        with self._lock:
            counts = dict(self._counts.most_common())
            return {"total": sum(counts.values()), "by_kind": counts, "calls": [asdict(c) for c in self._recent]}
