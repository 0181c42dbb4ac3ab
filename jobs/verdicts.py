"""What becomes of work that did not get through: again soon, later, the connection rests, or it is set aside?

The class of the error decides (connector/errors.py). Trouble of the world lets the connection rest, because other
work of it would fail alike; only work that fails for reasons of its own is set aside as dead.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from connector.errors import BudgetExhausted, Busy, GiveUp, Misconfigured, PmomError, Refused, Retry, Stale, Unkept
from jobs.orders import Order

SOON = 2.0  # seconds until work is tried again that found the workspace in use
FIRST, LONGEST = 5.0, 600.0  # seconds of back-off
REST, LONGEST_REST = 300.0, 3600.0  # seconds until a connection that rests is tried again


class Fate(StrEnum):
    """What becomes of the work."""

    AGAIN = "again"  # the same work waits in the queue once more
    PAUSED = "paused"  # the connection rests; its work waits for it
    REFUSED = "refused"  # a safety limit or a stale state: a person looks, or the next sync mends it
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of work, why, and after how many seconds; `failed` when it counts as a failure."""

    fate: Fate
    reason: str
    after: float = 0.0
    failed: bool = True


def verdict(error: Exception, order: Order, tries: int) -> Verdict:
    """What becomes of work that ended with that error. `tries`: failures in a row that are suffered."""
    reason = told(error)
    failures = order.failures + 1
    match error:
        case Busy():
            return Verdict(Fate.AGAIN, reason, min(SOON * order.attempt, 30.0), failed=False)
        case Refused() | Stale():
            return Verdict(Fate.REFUSED, reason)
        case BudgetExhausted():
            return Verdict(Fate.PAUSED, reason, 3 * REST)
        case GiveUp() | Misconfigured():
            return Verdict(Fate.PAUSED, reason, REST)
        case Retry() | Unkept():
            wait = max(backoff(failures), getattr(error, "after", None) or 0.0)
            if failures >= tries or wait > LONGEST:  # so long a wait is told as what it is: the CRM is away
                return Verdict(Fate.PAUSED, reason, max(REST, wait))
            return Verdict(Fate.AGAIN, reason, wait)
    if failures >= tries:
        return Verdict(Fate.DEAD, f"failed {failures} times, last with {reason}")
    return Verdict(Fate.AGAIN, reason, backoff(failures))


def backoff(failures: int) -> float:
    """Seconds until work is tried again that failed so often in a row."""
    return float(min(FIRST * 2.0 ** (max(failures, 1) - 1), LONGEST))


def rest(pauses: int) -> float:
    """Seconds until a connection is tried again that was tried in vain so often."""
    return float(min(REST * 2.0**pauses, LONGEST_REST))


def told(error: Exception) -> str:
    """What is kept of an error: our own say where, what and what to do; of others also the class is said."""
    first = (str(error).strip().splitlines() or [""])[0][:500]
    if isinstance(error, PmomError):
        return first
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
