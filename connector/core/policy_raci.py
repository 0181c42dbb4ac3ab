"""The policy's matrix of who is accountable, responsible, consulted and informed, as types."""

from __future__ import annotations

from dataclasses import dataclass

TRANSACTIONAL, STRATEGIC, ALL = "transactional", "strategic", "all"
CLASSES = (TRANSACTIONAL, STRATEGIC, ALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One row: an activity for one class of personas, or for one persona, whose own row replaces its class's."""

    activity: str
    applies: str  # "transactional", "strategic", "all", or a persona
    accountable: str  # exactly one role
    responsible: tuple[str, ...]
    consulted: tuple[str, ...]
    informed: tuple[str, ...]
    tasks: tuple[str, ...]  # task types that are this activity's work
    worked_by: str  # whose the tasks are: "accountable" or "responsible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Raci:
    """The whole matrix."""

    max_both: int  # activities on which one role may be accountable and responsible before that is told
    cohort_role: str  # whose a task is that stands for many transactional partners
    people: tuple[tuple[str, str], ...]  # role -> CRM user or queue id; may be empty
    activities: tuple[Activity, ...]
