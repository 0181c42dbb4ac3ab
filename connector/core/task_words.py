"""What does a task say to the person who opens it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connector.core.conditions import (
    AUDIT_PACK,
    CLAIM_EVIDENCE,
    CREDIT_CONTESTED,
    DATA_GAP,
    FUND_DECISION,
    OVERRIDE,
    RE_RECRUIT,
    REGISTRATION_ENDS,
    SHADOW,
    STOP,
    UPGRADE,
    Condition,
)
from connector.core.decisions import DEMAND_GEN, Decision
from connector.core.explain import brief, symptom_sentence, why
from connector.core.figures import money

_LISTED = 300  # partners that a shared task names

_TITLES = {
    STOP: "Stop or pause demand generation",
    SHADOW: "Start technical sales shadowing",
    UPGRADE: "Plan a With-Partner play",
    RE_RECRUIT: "Re-recruit: first-deal bonus and executive alignment",
    FUND_DECISION: "Answer the fund request",
    CLAIM_EVIDENCE: "Proof of performance",
    CREDIT_CONTESTED: "Settle who brought it",
    REGISTRATION_ENDS: "Registration ends",
    OVERRIDE: "Renew or remove the override",
    AUDIT_PACK: "Audit of the levers",
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
    live = f"Live: {_live(decision)}.\n" if condition.type == STOP else ""
    return Words(f"{_TITLES[condition.type]}: {decision.name}", f"{live}{why(decision)}")


def _live(decision: Decision) -> str:
    """The demand generation to stop, with its amounts."""
    return "; ".join(
        f"{item.name} ({money(item.amount, decision.currency)})" if item.amount is not None else item.name
        for item in decision.live
        if item.motion == DEMAND_GEN
    )


def gap_words(condition: Condition) -> Words:
    """For an admin: the thing that is missing, and for how many partners."""
    body = f"{condition.count} partners cannot be judged in full for want of this. Mend its source or its mapping."
    return Words(f"{_TITLES[DATA_GAP]}: {condition.subject} missing", body)


def cohort_words(kind: str, conditions: Sequence[Condition]) -> Words:
    """For a marketer: one lever, and every partner that it is for, with what was seen of it."""
    return Words(f"{_TITLES[kind]}: {_partners(len(conditions))}", _lines([_seen(kind, c) for c in conditions]))


def _seen(kind: str, condition: Condition) -> str:
    decision = condition.decision
    if decision is None:
        return condition.subject
    result = decision.symptom_result(decision.symptom)
    said = brief(decision) if result is None else symptom_sentence(result)
    return f"{decision.name}: {f'live: {_live(decision)}; {brief(decision)}' if kind == STOP else said}"


def signed(words: Words, owner: str, policy_version: str) -> Words:
    """The words with whose task it is, how that was found, and the policy that asked for it."""
    return Words(words.subject, f"{words.body}\n{owner}\nPolicy {policy_version}.".strip())


def digest_words(conditions: Sequence[Condition]) -> Words:
    """For a person whose day is full: what else there is, a line each."""
    lines = [condition.text[0] or f"{_TITLES[condition.type]}: {_name(condition)}" for condition in conditions]
    return Words(f"{len(lines)} more things to do", _lines(lines))


def _partners(number: int) -> str:
    return "1 partner" if number == 1 else f"{number} partners"


def _name(condition: Condition) -> str:
    return condition.decision.name if condition.decision is not None else condition.subject


def _lines(lines: list[str]) -> str:
    more = len(lines) - _LISTED
    return "\n".join([*lines[:_LISTED], f"and {more} more"] if more > 0 else lines)
