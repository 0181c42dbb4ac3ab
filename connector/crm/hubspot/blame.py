"""Whom and what does an error of HubSpot's blame: its most precise code, its words, properties and records?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connector.crm.hubspot.faults import Complaint, complaint_of

_NAMES = ("propertyName", "propertyNames", "properties")
_TRACES = ("objectWriteTraceId", "objectWriteTraceIds")
_IDS = ("ids", "id", "objectId", "objectIds")
_PLACES = frozenset({"inputs", "properties", "id", "idProperty"})
"""What HubSpot names as the place of an error without naming a property."""

PASSING = frozenset({"LOCKED", "RATE_LIMITS", "INTERNAL_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE", "PROVIDER_TIMEOUT"})
"""Categories of faults that are not the record's: running again may succeed."""


@dataclass(frozen=True, slots=True)
class Blame:
    """One error. Records are named by id (or key), by the trace that was sent along, or not at all."""

    code: str
    message: str
    fields: tuple[str, ...] = ()
    ids: frozenset[str] = frozenset()
    traces: frozenset[str] = frozenset()
    category: str = ""

    @property
    def passing(self) -> bool:
        """Whether running again may succeed without anybody mending the record."""
        return self.category in PASSING


def blame_of(item: Mapping[str, Any]) -> Blame:
    """What one of the `errors` of a batch that succeeded in part says."""
    return blame(complaint_of(item))


def blame(complaint: Complaint) -> Blame:
    """What an error says."""
    problems = complaint.errors
    contexts = (complaint.context, *(each.context for each in problems))
    codes = (*(each.code for each in problems), complaint.sub_category, complaint.category)
    words = dict.fromkeys(each.message for each in problems if each.message)
    names = (*(each.name for each in problems), *_taken(contexts, _NAMES))
    return Blame(
        code=next((each for each in codes if each), "UNKNOWN"),
        message="; ".join(words) or complaint.message,
        fields=tuple(dict.fromkeys(each for each in names if each and each not in _PLACES)),
        ids=frozenset(_taken(contexts, _IDS)),
        traces=frozenset(_taken(contexts, _TRACES)),
        category=complaint.category,
    )


def _taken(contexts: Iterable[Mapping[str, tuple[str, ...]]], keys: Iterable[str]) -> list[str]:
    return [text for context in contexts for key in keys for text in context.get(key, ())]
