"""When a CRM call is tried again, after how long, and when it is not: one policy for every vendor.

The vendor code classifies an answer by raising one of these errors; `retrying` only obeys.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import tenacity

from connector.errors import Retry

T = TypeVar("T")


class Again(Retry):
    """The CRM did not do the call: the same call may be sent again, at most `tries` times in all.

    `after` is the CRM's own wish in seconds (Retry-After); without it the wait grows, with jitter.
    `promptly` skips the wait: the cause has been mended (a renewed token, a stale connection).
    """

    def __init__(self, message: str, *, after: float | None = None, tries: int = 5, promptly: bool = False) -> None:
        super().__init__(message, after=after)
        self.tries = tries
        self.promptly = promptly


class Unanswered(Retry):
    """The call was sent and its answer lost: it may or may not have been done, so it is not sent again here."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call may be tried, in seconds: waits double from `first` to `longest`; `total` bounds their sum."""

    first: float = 0.5
    longest: float = 30.0
    total: float = 120.0


def retrying(
    call: Callable[[], T],
    patience: Patience,
    *,
    sleep: Callable[[float], None] = time.sleep,
    jitter: Callable[[], float] = random.random,
) -> T:
    """The call's result; `Again` is obeyed, every other error goes through at once.

    A wait longer than `patience.longest` that the CRM asks for is not slept here: the error is raised with its
    `after`, so that the caller may schedule the work instead of holding a worker.
    """

    def wait(state: tenacity.RetryCallState) -> float:
        error = _error(state)
        if error.promptly and state.attempt_number == 1:
            return 0.0
        if error.after is not None:
            return error.after
        reach = min(patience.longest, patience.first * 2.0 ** (state.attempt_number - 1))
        return reach * (0.5 + 0.5 * jitter())

    def stop(state: tenacity.RetryCallState) -> bool:
        error = _error(state)
        waited = state.idle_for + wait(state)
        too_long = error.after is not None and error.after > patience.longest
        return too_long or state.attempt_number >= error.tries or waited > patience.total

    loop = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Again), wait=wait, stop=stop, sleep=sleep, reraise=True
    )
    return loop(call)


def _error(state: tenacity.RetryCallState) -> Again:
    outcome = state.outcome
    error = outcome.exception() if outcome is not None else None
    assert isinstance(error, Again)
    return error
