"""Since when does a condition hold, and did a task come of it? What the task rules must remember between runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from connector.core.codec import from_json, to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One condition (task type) of one subject (partner id, or missing thing), from the day on which it became true.

    `runs` counts the days with a run on which it was seen, so that running twice a day changes nothing. `task_key` is
    the task that stands for it: its own, or one shared by a cohort or a day's digest.
    """

    type: str
    subject: str
    began: date
    last: date  # the last day on which it was seen true
    holds: bool = True  # False: over, and kept only for the quiet time
    runs: int = 1
    silent: bool = False  # true when it was first looked at: there was no transition to speak of
    task_key: str = ""
    seen: bool = False  # the task was found in the CRM
    dismissed: bool = False  # a person deleted the task
    quiet_until: date | None = None  # a person completed a task: nothing new before that day

    @property
    def id(self) -> tuple[str, str]:
        """What tells episodes that are remembered at the same time apart."""
        return (self.type, self.subject)


@dataclass(frozen=True, slots=True)
class TaskState:
    """Every episode that must be remembered, ordered by type and subject."""

    episodes: tuple[Episode, ...] = ()

    def to_json(self) -> str:
        """Canonical JSON."""
        return to_json(self)

    @staticmethod
    def from_json(text: str) -> TaskState:
        """The value that `to_json` made."""
        return from_json(TaskState, text)
