"""What should become of a fund request, given the partner's decision, its open motions and what the request says?

"Stop letting the Partner Account Manager (PAM) or the "biggest voice" decide who gets MDF." A request that lacks
something is incomplete and told what; no request is rejected here. People approve.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from connector.core.decisions import DEMAND_GEN, Decision, Outcome
from connector.core.figures import Ratio, money, plain, plain_percent
from connector.core.policy import Policy


class Funding(StrEnum):
    """What is proposed."""

    FUND = "Fund"
    CAPPED = "Fund Capped"
    OTHER_MOTION = "Not This Motion"
    INCOMPLETE = "Incomplete"
    HOLD = "Hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class FundRequest:
    """A request that waits. Amounts are in `currency`, `value` in the corporate one; None is an empty cell."""

    id: str
    partner_id: str
    name: str
    status: str  # "draft" or "submitted"
    motion: str | None
    activity: str | None
    currency: str
    amount: Decimal | None
    value: Decimal | None  # None too when no dated rate holds
    expected_pipeline: Decimal | None
    target_conversion: Decimal | None  # percent
    match_share: Decimal | None  # percent of the cost that the partner bears
    asked_on: date | None
    starts_on: date | None


@dataclass(frozen=True, slots=True)
class ClaimHistory:
    """A partner's decided claims in the policy's trailing days; `known` false when the CRM shows no claims."""

    known: bool
    decided: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that speaks for or against, in words with its numbers; `key` is the policy's."""

    code: str
    key: str
    said: str

    @property
    def text(self) -> str:
        """As people read it."""
        return f"{self.code}: {self.said} [{self.key}]"


@dataclass(frozen=True, slots=True)
class FundingDecision:
    """What is proposed for one request, and why; `cap` (corporate currency) only when it is capped."""

    request: FundRequest
    decision: Funding
    reasons: tuple[Reason, ...]
    cap: Decimal | None = None

    @property
    def why(self) -> str:
        """All reasons in one text."""
        return "; ".join(reason.text for reason in self.reasons)


def decide_requests(
    requests: Iterable[FundRequest],
    partner: Decision | None,
    claims: ClaimHistory,
    policy: Policy,
    *,
    pilots_granted: int = 0,
) -> tuple[FundingDecision, ...]:
    """The decisions on one partner's waiting requests, by id.

    `partner` None: nothing was decided about the partner. `pilots_granted`: demand generation requests of this fiscal
    quarter that were approved; a pilot is one campaign a quarter, and of several waiting requests the earliest
    submitted that is otherwise fit takes it.
    """
    taken = pilots_granted
    found = []
    for request in sorted(requests, key=_in_turn):
        decided = _decide(request, partner, claims, policy, taken)
        piloted = partner is not None and partner.outcome is Outcome.PILOT and request.motion == DEMAND_GEN
        taken += piloted and decided.decision in (Funding.FUND, Funding.CAPPED)
        found.append(decided)
    return tuple(sorted(found, key=lambda each: each.request.id))


def _in_turn(request: FundRequest) -> tuple[bool, date, str]:
    return request.status != "submitted", request.asked_on or date.max, request.id


def _decide(
    request: FundRequest, partner: Decision | None, claims: ClaimHistory, policy: Policy, pilots: int
) -> FundingDecision:
    held = _held(partner, claims, policy)
    if held is not None or partner is None:
        return FundingDecision(request, Funding.HOLD, () if held is None else (held,))
    lacking = _lacking(request, claims, policy)
    if request.motion in policy.funds.eligible_motions and request.motion not in partner.allowed_motions:
        return FundingDecision(request, Funding.OTHER_MOTION, (_closed(request.motion, partner), *lacking))
    if lacking:
        return FundingDecision(request, Funding.INCOMPLETE, lacking)
    grounds = _grounds(request, partner, claims, policy)
    if partner.outcome is not Outcome.PILOT or request.motion != DEMAND_GEN:
        return FundingDecision(request, Funding.FUND, grounds)
    return _pilot(request, grounds, policy, pilots)


def _held(partner: Decision | None, claims: ClaimHistory, policy: Policy) -> Reason | None:
    """What a person must look at before anything is proposed."""
    rules = policy.funds
    if partner is None:
        return Reason("PARTNER_UNDECIDED", "funds.requires", "nothing was decided about the partner")
    if partner.excluded:
        return Reason("PARTNER_EXCLUDED", "triage.insufficient", "a person took the partner out of scoring")
    if partner.stale:
        return Reason("STALE_SOURCE", "stale_after_hours", "the sources are too old to decide by")
    if partner.outcome is Outcome.HOLD:
        return Reason("PARTNER_ON_HOLD", "triage.insufficient", "the partner is on hold")
    if "claims" in rules.requires and claims.known and claims.rejected > rules.max_rejected_claims:
        return Reason("CLAIMS_REJECTED", "funds.max_rejected_claims", _claims(claims, policy))
    return None


def _claims(claims: ClaimHistory, policy: Policy) -> str:
    return f"{claims.rejected} of {claims.decided} claims rejected in {policy.funds.claims_days} days"


def _closed(motion: str | None, partner: Decision) -> Reason:
    """The motion is not among those that the partner's decision allows."""
    allowed = ", ".join(partner.allowed_motions) or "none"
    why = "a confidence gap stops it" if partner.stop_signal and motion == DEMAND_GEN else f"{partner.outcome}"
    key = "levers.stop_wins" if partner.stop_signal and motion == DEMAND_GEN else "triage.ungated_motions"
    return Reason("MOTION_CLOSED", key, f"{motion} is not open to the partner ({why}); open: {allowed}")


def _lacking(request: FundRequest, claims: ClaimHistory, policy: Policy) -> tuple[Reason, ...]:
    """What the request would have to say, in the policy's order; the amount always."""
    checks = {
        "activity": _activity(request, policy),
        "conversion": _conversion(request),
        "pipeline": _pipeline(request, policy),
        "match": _match(request, policy),
        "lead_time": _lead_time(request, policy),
        "claims": None if claims.known else _missing("CLAIMS_UNKNOWN", "the partner's claims, which the CRM hides"),
    }
    found = [_amount(request), *(checks[name] for name in policy.funds.requires)]
    return tuple(reason for reason in found if reason is not None)


def _missing(code: str, what: str) -> Reason:
    return Reason(code, "funds.requires", f"{what}: missing")


def _amount(request: FundRequest) -> Reason | None:
    if request.amount is None or request.amount <= 0:
        return _missing("AMOUNT_MISSING", "amount asked for")
    if request.value is None:
        return Reason("FX_RATE_MISSING", "corporate_currency", f"no dated rate for {request.currency}")
    return None


def _activity(request: FundRequest, policy: Policy) -> Reason | None:
    if not request.activity and not request.motion:
        return _missing("ACTIVITY_MISSING", "activity")
    if request.motion in policy.funds.eligible_motions:
        return None
    said = f'"{request.activity or request.motion}" belongs to none of {", ".join(policy.funds.eligible_motions)}'
    return Reason("ACTIVITY_NOT_ELIGIBLE", "funds.eligible_motions", said)


def _conversion(request: FundRequest) -> Reason | None:
    told = request.target_conversion is not None and request.target_conversion > 0
    return None if told else _missing("CONVERSION_MISSING", "target conversion")


def _pipeline(request: FundRequest, policy: Policy) -> Reason | None:
    if request.expected_pipeline is None:
        return _missing("PIPELINE_MISSING", "expected pipeline")
    if not request.amount or request.amount < 0:
        return None  # the amount is asked for, and there is nothing to compare with
    if Ratio(request.expected_pipeline, request.amount).reaches(policy.funds.ratio):
        return None
    said = f"{_return(request, policy)}; at least {plain(policy.funds.ratio)}:1 is asked"
    return Reason("PIPELINE_BELOW_RATIO", "funds.ratio", said)


def _return(request: FundRequest, policy: Policy) -> str:
    assert request.expected_pipeline is not None
    assert request.amount
    ratio = Ratio(request.expected_pipeline, request.amount)
    currency = request.currency
    shown = ratio.text(1, threshold=policy.funds.ratio)
    return f"{money(request.expected_pipeline, currency)} from {money(request.amount, currency)} is {shown}:1"


def _match(request: FundRequest, policy: Policy) -> Reason | None:
    if request.match_share is None:
        return _missing("MATCH_MISSING", "confirmed match")
    if request.match_share >= policy.funds.match_share * 100:
        return None
    said = f"{plain(request.match_share)} % confirmed, {plain_percent(policy.funds.match_share)} asked"
    return Reason("MATCH_BELOW", "funds.match_share", said)


def _lead_time(request: FundRequest, policy: Policy) -> Reason | None:
    if request.starts_on is None or request.asked_on is None:
        return _missing("START_MISSING", "first day of the activity")
    days = (request.starts_on - request.asked_on).days
    if days >= policy.funds.lead_days:
        return None
    said = f"starts {request.starts_on}, {days} days after it was asked for; {policy.funds.lead_days} are needed"
    return Reason("LEAD_TIME_SHORT", "funds.lead_days", said)


def _grounds(request: FundRequest, partner: Decision, claims: ClaimHistory, policy: Policy) -> tuple[Reason, ...]:
    """What speaks for funding."""
    override = partner.override is not None and partner.override.applied
    by = "a person's override" if override else f"{partner.outcome}"
    found = [Reason("MOTION_OPEN", "triage.ungated_motions", f"{request.motion} is open to the partner ({by})")]
    if "pipeline" in policy.funds.requires:
        found.append(Reason("PIPELINE_REACHED", "funds.ratio", _return(request, policy)))
    if "claims" in policy.funds.requires:
        found.append(Reason("CLAIMS_CLEAN", "funds.claims_days", _claims(claims, policy)))
    return tuple(found)


def _pilot(request: FundRequest, grounds: tuple[Reason, ...], policy: Policy, pilots: int) -> FundingDecision:
    """A pilot is one campaign a fiscal quarter, of at most the cap."""
    cap, key = policy.triage.pilot_cap, "triage.pilot_cap"
    shown = money(cap, policy.corporate_currency)
    if pilots:
        said = "the pilot of this quarter is taken: one campaign a quarter until there is evidence"
        return FundingDecision(request, Funding.HOLD, (Reason("PILOT_TAKEN", key, said),))
    assert request.value is not None
    if request.value <= cap:
        return FundingDecision(request, Funding.FUND, (Reason("PILOT", key, f"within {shown}"), *grounds))
    said = f"asked {money(request.value, policy.corporate_currency)}, at most {shown} as a pilot"
    return FundingDecision(request, Funding.CAPPED, (Reason("PILOT_CAPPED", key, said), *grounds), cap)
