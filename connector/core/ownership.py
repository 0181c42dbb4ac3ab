"""Who owns the motion with this partner: the account manager (PAM) or the marketer (PMM), and which person?

"For Transactional Partners (VARs): Marketing owns the engine." "For Strategic Partners (GSIs/Alliances): The PAM
owns the relationship; Marketing is a service provider."
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from connector.core import policy as rules
from connector.core.decisions import UNMAPPED, Accountability, Owner, Step
from connector.core.facts import PartnerFacts
from connector.core.records import PERSONAS


@dataclass(frozen=True, slots=True)
class User:
    """One of our own people."""

    id: str
    active: bool
    manager_id: str | None = None


class People:
    """Our own people by id; `known` is False when no list of users was read."""

    __slots__ = ("_by_id", "known")

    def __init__(self, users: Iterable[User] | None) -> None:
        self.known = users is not None
        self._by_id = {user.id: user for user in users or ()}

    def get(self, user_id: str) -> User | None:
        """The user with that id."""
        return self._by_id.get(user_id)


UNCHECKED = People(None)
"""No list of users was read: ids on partner records are taken as they stand."""


def accountability(facts: PartnerFacts, policy: rules.Ownership, people: People = UNCHECKED) -> Accountability:
    """The owner of the partner's motion by persona, with both roles' people resolved."""
    account_manager = resolve(facts.owner_id, people, policy.fallback_queue)
    marketer = resolve(facts.marketer_id, people, policy.fallback_queue)
    found = persona_rule(facts, policy)
    if found is None:
        return Accountability("", UNMAPPED, "", "", facts.strategic, account_manager, marketer)
    persona, rule = found
    return Accountability(
        persona, rule.motion, rule.accountable, rule.responsible, rule.strategic, account_manager, marketer
    )


def persona_rule(facts: PartnerFacts, policy: rules.Ownership) -> tuple[str, rules.PersonaRule] | None:
    """The persona that counts and its rule; None when no persona is known.

    One persona is explicit. Of several without a primary one, the first strategic one counts, else the first.
    """
    ruled = [(name, rule) for name in facts.personas if (rule := _rule(name, facts.strategic, policy)) is not None]
    return next((pair for pair in ruled if pair[1].strategic), ruled[0] if ruled else None)


def _rule(persona: str, flagged: bool, policy: rules.Ownership) -> rules.PersonaRule | None:
    for rule in policy.personas:
        if rule.persona == persona:
            return rule
    if persona not in PERSONAS:
        return None
    return policy.flagged if flagged else policy.unflagged


def resolve(candidate: str | None, people: People, fallback: str) -> Owner:
    """The candidate if active, else the nearest active manager, else the policy's queue."""
    if candidate and not people.known:
        return Owner(candidate, Step.UNCHECKED)
    seen: set[str] = set()
    at, step = candidate, Step.MAPPED
    while at and at not in seen:
        seen.add(at)
        user = people.get(at)
        if user is None:
            break
        if user.active:
            return Owner(user.id, step)
        at, step = user.manager_id, Step.MANAGER
    return Owner(fallback, Step.FALLBACK) if fallback else Owner(None, Step.NOBODY)
