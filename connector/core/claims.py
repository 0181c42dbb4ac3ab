"""Which claims of the fund wait for proof, and until when may it be brought?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from connector.core.conditions import CLAIM_EVIDENCE, Condition
from connector.core.decisions import Decision
from connector.core.figures import money
from connector.core.policy import Policy

NOT_STARTED, NEEDS, FLAGGED = "not_started", "needs_info", "flagged"
_LACKS = {
    NOT_STARTED: "EVIDENCE_MISSING: no proof of performance was handed in yet.",
    NEEDS: "EVIDENCE_INCOMPLETE: the proof of performance lacks something.",
    FLAGGED: "EVIDENCE_FLAGGED: the proof of performance is to be looked at by a person.",
}


@dataclass(frozen=True, slots=True)
class OpenClaim:
    """A claim on which nothing was decided yet; amounts in `currency`. None is unknown."""

    id: str
    name: str
    partner_id: str
    submitted: bool  # else a draft
    evidence: str | None  # "not_started", "needs_info", "flagged", "complete" or "cleared"
    flags: str = ""
    amount: Decimal | None = None
    currency: str = ""
    deadline: date | None = None  # as the record has it
    activity_ended: date | None = None


def claim_conditions(
    found: Iterable[OpenClaim], partners: Mapping[str, Decision], policy: Policy
) -> Iterator[Condition]:
    """One condition a claim whose proof is missing, incomplete or flagged; a draft may still be without any.

    `holds` is None where the CRM does not tell the state of the proof.
    """
    for each in found:
        partner = partners.get(each.partner_id)
        if partner is None or partner.excluded:
            continue
        if each.evidence is None:
            yield Condition(CLAIM_EVIDENCE, each.id, None, partner)
        elif each.evidence in (NEEDS, FLAGGED) or (each.evidence == NOT_STARTED and each.submitted):
            ends = claim_deadline(each, policy)
            due = ends - timedelta(days=policy.tasks.claim_notice_days) if ends else None
            yield Condition(CLAIM_EVIDENCE, each.id, True, partner, text=_words(each, partner, ends, policy), due=due)


def claim_deadline(claim: OpenClaim, policy: Policy) -> date | None:
    """The record's own deadline, else the policy's days after the activity; None when neither is known."""
    if claim.deadline is not None or claim.activity_ended is None:
        return claim.deadline
    return claim.activity_ended + timedelta(days=policy.funds.claim_days)


def _words(claim: OpenClaim, partner: Decision, ends: date | None, policy: Policy) -> tuple[str, str]:
    assert claim.evidence is not None
    of = f" of {money(claim.amount, claim.currency)}" if claim.amount is not None else ""
    key = "" if claim.deadline is not None else f" [funds.claim_days: {policy.funds.claim_days}]"
    until = f"It may be proven until {ends}{key}." if ends else "Until when it may be proven is not known."
    lines = [f"Claim {claim.name or claim.id}{of}.", _LACKS[claim.evidence], f"Flags: {claim.flags}.", until]
    body = "\n".join(line for line in lines if claim.flags or not line.startswith("Flags"))
    return f"Proof of performance, claim {claim.name or claim.id}: {partner.name}", body
