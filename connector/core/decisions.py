"""What was decided about one partner on one day, with everything that it rests on?

Decisions are kept append-only as JSON; the next run reads what it must remember through `Previous`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from connector.core.codec import from_json, to_json
from connector.core.credit import CreditSums
from connector.core.cycle_time import CycleShown, CycleTime
from connector.core.facts import LiveItem, Override, Unknown
from connector.core.multiplier import Multiplier
from connector.core.quote_state import QuoteBelief, QuoteState
from connector.core.verdicts import (
    Confidence,
    Gate,
    GateResult,
    Lever,
    Presence,
    Symptom,
    SymptomResult,
    Verdict,
)

DEMAND_GEN, ENABLEMENT = "Demand Gen", "Enablement"
THOUGHT_LEADERSHIP, FIRST_DEAL = "Thought Leadership", "First-Deal Incentive"
FUNDED_MOTIONS = (DEMAND_GEN, ENABLEMENT, THOUGHT_LEADERSHIP, FIRST_DEAL)
UNMAPPED = "Unmapped"


class Outcome(StrEnum):
    """What may be funded."""

    FUND = "Fund Demand Gen"
    ENABLE = "Fund Enablement Instead"
    PILOT = "Pilot Only"
    DEFER = "Defer – Market Fit"
    REWORK = "Rework – Proof of Performance"
    HOLD = "Hold"
    INSUFFICIENT = "Insufficient Evidence"


class Step(StrEnum):
    """Which step of the owner's resolution fired."""

    MAPPED = "mapped"  # the user on the partner record, active
    UNCHECKED = "unchecked"  # the user on the partner record; no list of users was read
    MANAGER = "manager"  # that user is inactive: the nearest active manager
    FALLBACK = "fallback"  # nobody there: the policy's queue
    NOBODY = "nobody"  # nobody there, and the policy names no queue


@dataclass(frozen=True, slots=True)
class Owner:
    """Who does it: a CRM user or queue id, and how it was found."""

    id: str | None
    step: Step

    @property
    def user_id(self) -> str | None:
        """The id when it is a person's; a queue does not fit a user field."""
        return None if self.step is Step.FALLBACK else self.id


NOBODY = Owner(None, Step.NOBODY)


@dataclass(frozen=True, slots=True)
class Accountability:
    """Who owns the motion: `role` is accountable, `owner` is that role's person."""

    persona: str
    motion: str  # "Unmapped" when nobody set a persona
    role: str  # "PMM" or "PAM"; empty when unmapped
    responsible: str
    strategic: bool
    account_manager: Owner
    marketer: Owner

    @property
    def owner(self) -> Owner:
        """The accountable role's person."""
        if not self.role:
            return NOBODY
        return self.account_manager if self.role == "PAM" else self.marketer


@dataclass(frozen=True, slots=True)
class OverrideResult:
    """A person's override and whether it was applied; `code` says why not."""

    override: Override
    applied: bool
    code: str = ""


@dataclass(frozen=True, slots=True)
class Settled:
    """A gate's last firm verdict, since when it stands, and under which threshold."""

    gate: Gate
    verdict: Verdict
    since: date
    threshold: Decimal


@dataclass(frozen=True, slots=True)
class Held:
    """Verdicts that stay until the evidence has gone far enough back."""

    quotes: QuoteState | None
    floor: Decimal  # under which the quotes were judged
    cycle: CycleShown | None


@dataclass(frozen=True, slots=True)
class Previous:
    """What the next run must remember of a decision."""

    outcome: Outcome
    lever: Lever
    lever_since: date
    settled: tuple[Settled, ...] = ()
    held: Held | None = None

    def to_json(self) -> str:
        """Canonical JSON."""
        return to_json(self)

    @staticmethod
    def from_json(text: str) -> Previous:
        """The value that `to_json` made."""
        return from_json(Previous, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One partner's decision. `outcome` is in effect; `computed` is what it is without a person's override."""

    partner_id: str
    name: str
    as_of: date
    policy_version: str
    outcome: Outcome
    computed: Outcome
    gates: tuple[GateResult, ...]  # in the essay's order; empty when the partner is excluded
    allowed_motions: tuple[str, ...]
    symptoms: tuple[SymptomResult, ...]
    symptom: Symptom  # the primary one
    lever: Lever
    lever_since: date
    stop_signal: bool  # a confidence gap closed demand generation
    accountability: Accountability
    confidence: Confidence
    reasons: tuple[str, ...]  # codes of what produced the outcome, e.g. "velocity.BELOW_FLOOR"
    currency: str  # of every amount here
    pilot_cap: Decimal
    override: OverrideResult | None = None
    live: tuple[LiveItem, ...] = ()
    freshness: datetime | None = None
    settled: tuple[Settled, ...] = ()
    first: bool = False  # no earlier decision was known
    excluded: bool = False
    stale: bool = False  # the sources are too old: the outcome and the lever are the earlier ones
    credit: CreditSums | Unknown | None = None
    multiplier: Multiplier | Unknown | None = None
    cycle: CycleTime | Unknown | None = None
    quote_belief: QuoteBelief | None = None
    held: Held | None = None

    def gate(self, gate: Gate) -> GateResult | None:
        """That gate's result; None when the partner is excluded."""
        return next((result for result in self.gates if result.gate is gate), None)

    def symptom_result(self, symptom: Symptom) -> SymptomResult | None:
        """That symptom's result; None when the partner is excluded."""
        return next((result for result in self.symptoms if result.symptom is symptom), None)

    def shows(self, symptom: Symptom) -> bool:
        """Whether the symptom is present, primary or not."""
        result = self.symptom_result(symptom)
        return result is not None and result.presence is Presence.PRESENT

    def to_json(self) -> str:
        """Canonical JSON: equal decisions give equal bytes."""
        return to_json(self)

    @staticmethod
    def from_json(text: str) -> Decision:
        """The value that `to_json` made."""
        return from_json(Decision, text)

    def carried(self) -> Previous:
        """What the next run must remember."""
        return Previous(self.outcome, self.lever, self.lever_since, self.settled, self.held)


def decision_id(kept: str) -> str:
    """A short name of a decision from its JSON: the same decision has the same name anywhere."""
    return hashlib.sha256(kept.encode()).hexdigest()[:16]
