"""Which conditions that call for a task hold after these decisions? True, false, or unknown for want of evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from connector.core.decisions import DEMAND_GEN, ENABLEMENT, THOUGHT_LEADERSHIP, UNMAPPED, Decision
from connector.core.facts import LiveItem
from connector.core.funding import FundingDecision
from connector.core.policy import Policy
from connector.core.verdicts import Gate, Presence, Symptom, Verdict

STOP, SHADOW, UPGRADE, RE_RECRUIT, DATA_GAP, OVERRIDE = "T1", "T2", "T3", "T4", "T10", "T11"
AUDIT_PACK = "T9"
FUND_DECISION, CLAIM_EVIDENCE, CREDIT_CONTESTED, REGISTRATION_ENDS = "T5", "T6", "T7", "T8"
ORDER = (
    STOP, FUND_DECISION, CLAIM_EVIDENCE, SHADOW, UPGRADE, RE_RECRUIT, CREDIT_CONTESTED, REGISTRATION_ENDS, OVERRIDE,
    AUDIT_PACK, DATA_GAP,
)  # fmt: skip
"""The order in which tasks take the room that the limits leave: money first."""

EVENT_TYPES = (FUND_DECISION, CLAIM_EVIDENCE, CREDIT_CONTESTED, REGISTRATION_ENDS)
"""About single records: silent about those that were there when the connection was first looked at."""

PARTNER_TYPES = (STOP, SHADOW, UPGRADE, RE_RECRUIT)
"""About a partner's lever: silent while what was true at the first look stays true."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One task type for one subject; `holds` None means that the evidence is insufficient."""

    type: str
    subject: str  # id of a partner, request, claim, deal or registration, the missing thing, an audit's quarter
    holds: bool | None
    decision: Decision | None = None
    count: int = 0  # partners that lack the thing
    text: tuple[str, str] = ("", "")  # first line and text, where the condition brings its own
    owner_id: str | None = None  # whose portfolio an audit pack is about
    due: date | None = None  # where the condition brings its own
    deal_id: str | None = None  # the opportunity that it is about


def partner_conditions(decision: Decision, policy: Policy, as_of: date) -> Iterator[Condition]:
    """The conditions of one partner; none that concerns a lever for an excluded or unowned one."""
    partner = decision.partner_id
    unowned = decision.excluded or decision.accountability.motion == UNMAPPED
    for kind, holds in (
        (STOP, _stop(decision)),
        (SHADOW, _symptom(decision, Symptom.CONFIDENCE, ENABLEMENT)),
        (UPGRADE, _symptom(decision, Symptom.STRATEGIC, THOUGHT_LEADERSHIP)),
        (RE_RECRUIT, _symptom(decision, Symptom.AWARENESS, "")),
    ):
        yield Condition(kind, partner, False if unowned else holds, decision)
    yield Condition(OVERRIDE, partner, _override_ends(decision, policy, as_of), decision)


def _live(decision: Decision, motion: str) -> tuple[LiveItem, ...]:
    return tuple(item for item in decision.live if item.motion == motion)


def _stop(decision: Decision) -> bool | None:
    """Demand generation is live although the confidence gap or the quote-to-close gate speaks against it."""
    if not _live(decision, DEMAND_GEN):
        return None if decision.stale else False
    gate = decision.gate(Gate.VELOCITY)
    gap = decision.symptom_result(Symptom.CONFIDENCE)
    if decision.shows(Symptom.CONFIDENCE) or (gate is not None and gate.verdict is Verdict.FAIL):
        return DEMAND_GEN not in decision.allowed_motions
    unsure = (gate is not None and gate.verdict is Verdict.INSUFFICIENT) or (
        gap is not None and gap.presence is Presence.INSUFFICIENT
    )
    return None if unsure else False


def _symptom(decision: Decision, symptom: Symptom, answered_by: str) -> bool | None:
    """The symptom is the primary one, and no live item already answers it."""
    result = decision.symptom_result(symptom)
    if result is None:
        return False
    if result.presence is Presence.INSUFFICIENT:
        return None
    return decision.symptom is symptom and not (answered_by and _live(decision, answered_by))


def _override_ends(decision: Decision, policy: Policy, as_of: date) -> bool:
    """An override that expires within the notice, or has expired and still stands on the record."""
    held = decision.override
    if held is None or held.override.expires is None:
        return False
    return (held.override.expires - as_of).days <= policy.tasks.override_notice_days


@dataclass(frozen=True, slots=True)
class EndingRegistration:
    """An approved registration whose deal is open, with the last day on which it holds."""

    id: str
    partner_id: str
    deal: str  # what people call it
    expires_on: date


def request_conditions(decided: Iterable[FundingDecision], partners: Mapping[str, Decision]) -> Iterator[Condition]:
    """One condition a submitted request: its decision is ready. Drafts are still their partner's."""
    for each in decided:
        request, partner = each.request, partners.get(each.request.partner_id)
        if partner is not None and request.status == "submitted":
            title = f"Answer the fund request {request.name or request.id}: {partner.name}"
            text = f"Proposed: {each.decision}.\n" + "\n".join(reason.text for reason in each.reasons)
            yield Condition(FUND_DECISION, request.id, True, partner, text=(title, text))


def registration_conditions(
    ending: Iterable[EndingRegistration], partners: Mapping[str, Decision], policy: Policy, as_of: date
) -> Iterator[Condition]:
    """One condition a registration that holds today and ends within the notice."""
    notice = policy.tasks.registration_notice_days
    for each in ending:
        partner = partners.get(each.partner_id)
        if partner is not None and not partner.excluded and 0 <= (each.expires_on - as_of).days <= notice:
            title = f"Registration ends on {each.expires_on}: {partner.name}, {each.deal}"
            text = (
                f"The deal {each.deal} is open. Extend the registration, close the deal or let it end by "
                f"{each.expires_on} [tasks.registration_notice_days: {notice}]."
            )
            yield Condition(REGISTRATION_ENDS, each.id, True, partner, text=(title, text), due=each.expires_on)


def data_gaps(decisions: Iterable[Decision], policy: Policy) -> Iterator[Condition]:
    """Things that more than the policy's share of the scored partners lack: one condition a thing, not a partner."""
    lacking: Counter[str] = Counter()
    scored = 0
    for decision in decisions:
        if not decision.excluded:
            scored += 1
            lacking.update(missing_things(decision))
    for thing, count in sorted(lacking.items()):
        if count > policy.tasks.data_gap_share * scored:
            yield Condition(DATA_GAP, thing, True, None, count)


def missing_things(decision: Decision) -> set[str]:
    """What an admin would have to supply before this partner can be judged in full."""
    things = {gate.missing for gate in decision.gates} | {result.missing for result in decision.symptoms}
    if decision.accountability.motion == UNMAPPED:
        things.add("partner persona")
    return things - {""}
