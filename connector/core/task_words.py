"""What does a task say to the person who opens it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connector.core.conditions import DATA_GAP, OVERRIDE, RE_RECRUIT, SHADOW, STOP, UPGRADE, Condition
from connector.core.explain import why
from connector.core.figures import money

_LISTED = 300  # partners that a shared task names

_TITLES = {
    STOP: "Stop or pause demand generation",
    SHADOW: "Start technical sales shadowing",
    UPGRADE: "Plan a With-Partner play",
    RE_RECRUIT: "Re-recruit: first-deal bonus and executive alignment",
    OVERRIDE: "Renew or remove the override",
    DATA_GAP: "Data gap blocks decisions",
}


@dataclass(frozen=True, slots=True)
class Words:
    """A task's first line and its text."""

    subject: str
    body: str


def partner_words(condition: Condition) -> Words:
    """For one partner: what to do, and the decision's own account."""
    decision = condition.decision
    assert decision is not None
    body = why(decision)
    if condition.type == STOP:
        live = [item for item in decision.live if item.motion == "Demand Gen"]
        items = [
            f"{item.name} ({money(item.amount, decision.currency)})" if item.amount is not None else item.name
            for item in live
        ]
        body = f"Live: {'; '.join(items)}.\n{body}"
    return Words(f"{_TITLES[condition.type]}: {decision.name}", body)


def gap_words(condition: Condition) -> Words:
    """For an admin: the thing that is missing, and for how many partners."""
    body = f"{condition.count} partners cannot be judged in full for want of this. Mend its source or its mapping."
    return Words(f"{_TITLES[DATA_GAP]}: {condition.subject} missing", body)


def cohort_words(kind: str, conditions: Sequence[Condition]) -> Words:
    """For a marketer: one lever, and every partner that it is for."""
    return Words(f"{_TITLES[kind]}: {_partners(len(conditions))}", _lines([_name(c) for c in conditions]))


def digest_words(conditions: Sequence[Condition]) -> Words:
    """For a person whose day is full: what else there is, a line each."""
    lines = [f"{_TITLES[condition.type]}: {_name(condition)}" for condition in conditions]
    return Words(f"{len(lines)} more things to do", _lines(lines))


def _partners(number: int) -> str:
    return "1 partner" if number == 1 else f"{number} partners"


def _name(condition: Condition) -> str:
    return condition.decision.name if condition.decision is not None else condition.subject


def _lines(lines: list[str]) -> str:
    more = len(lines) - _LISTED
    return "\n".join([*lines[:_LISTED], f"and {more} more"] if more > 0 else lines)
