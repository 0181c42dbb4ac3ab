"""Which opportunities need somebody to settle who brought them, before a lock passes or because people disagree?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from connector.core.conditions import CREDIT_CONTESTED, Condition
from connector.core.policy import Policy


@dataclass(frozen=True, slots=True)
class WaitingClaim:
    """A registration that was submitted in time and is neither approved nor rejected."""

    id: str
    partner: str  # its name
    submitted_on: date


@dataclass(frozen=True, slots=True)
class Contested:
    """An opportunity about whose sourcing something is open. `locks_on`: the day on which it becomes final."""

    opportunity_id: str
    name: str
    locks_on: date
    is_open: bool
    rivals: tuple[str, ...] = ()  # names of partners whose claims came at one moment
    disputed: bool = False  # a person set the dispute to Open
    words: str = ""  # what that person said
    waiting: tuple[WaitingClaim, ...] = ()


def contested_conditions(found: Iterable[Contested], policy: Policy, as_of: date) -> Iterator[Condition]:
    """One condition an opportunity: disputed, or open with a waiting claim and final within the policy's notice.

    Once the lock has passed a claim that still waits neither asks for a task nor takes one away: `holds` is None.
    """
    for each in found:
        days = (each.locks_on - as_of).days
        waits = bool(each.waiting) and each.is_open
        soon = waits and 0 <= days <= policy.tasks.lock_notice_days
        if each.rivals or each.disputed or soon:
            yield Condition(
                CREDIT_CONTESTED,
                each.opportunity_id,
                True,
                text=_words(each, policy),
                due=each.locks_on if soon else None,
                deal_id=each.opportunity_id,
            )
        elif waits and days < 0:
            yield Condition(CREDIT_CONTESTED, each.opportunity_id, None, text=_words(each, policy))


def _words(each: Contested, policy: Policy) -> tuple[str, str]:
    settled = each.rivals or each.disputed
    title = (
        f"Settle who brought {each.name}" if settled else f"Answer before {each.locks_on}: who brought {each.name}"
    )
    return title, "\n".join(_lines(each, policy))


def _lines(each: Contested, policy: Policy) -> Iterator[str]:
    rules = policy.attribution
    if each.rivals:
        yield f"SAME_MOMENT: {' and '.join(each.rivals)} claimed it at one moment, so that nobody is credited."
    if each.disputed:
        said = f': "{each.words}"' if each.words else ""
        yield f"DISPUTE_OPEN: somebody disputes it{said}."
    for claim in each.waiting if each.is_open else ():
        said = f"{claim.partner}, submitted {claim.submitted_on}, neither approved nor rejected ({claim.id})"
        yield f"CLAIM_WAITING: {said}."
    lock = f"[attribution.sourced_lock_days: {rules.sourced_lock_days}]"
    yield f"Who sourced it is final on {each.locks_on} {lock}; until then, correct or answer the registrations."
    yield "Later, or to close a dispute: set Credit: Dispute to Reassess with a reason, and empty it afterwards."
