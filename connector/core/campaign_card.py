"""Which fields stand on a campaign's record, and what should each hold?

What a campaign brought is the track record's own sum, campaign by campaign; whether it is one of the last three, and
whether the facts now speak against it, are read off its partner's decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from connector.core.decisions import Decision
from connector.core.fields import Maker, ScoreField, Value
from connector.core.figures import Ratio, money
from connector.core.lever_audit import conflicts
from connector.core.policy import Policy
from connector.core.records import Kind
from connector.core.triage import FX_RATE_MISSING, NOT_MATURED, ZERO_SPEND
from connector.core.verdicts import Gate

CAMPAIGNS = "campaigns"
NOT_ENDED = "NOT_ENDED"
SPEND_UNKNOWN = "SPEND_UNKNOWN"
_LONGEST = 1_000
_LARGEST = Decimal("999999.99")
_ON = Maker(CAMPAIGNS)

CAMPAIGN_FIELDS: tuple[ScoreField, ...] = (
    _ON.number("PoP_Multiple", "PoP Multiple", "Pipeline to spend; empty until it is known and matured.", 8, 2),
    _ON.plain("PoP_Matured", "PoP Matured", "It ended long enough ago for its pipeline to show.", Kind.BOOL),
    _ON.plain(
        "Counts_Toward_Last_Three", "Counts Toward Last Three", "The partner's track record rests on it.", Kind.BOOL
    ),
    _ON.plain("Lever_Conflict", "Lever Conflict", "It is live although the facts speak against it.", Kind.BOOL),
    _ON.text(
        "Campaign_Reason",
        "Campaign Reason",
        "The figures behind the multiple, or why there is none.",
        _LONGEST,
        long=True,
    ),
    _ON.version(),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignFacts:
    """One partner's campaign: what it cost and brought, in the corporate currency, as far as that is known."""

    campaign_id: str
    partner_id: str
    name: str
    ended: date | None
    code: str  # why it has no figures yet; empty when it counts
    spend: Decimal = Decimal(0)
    pipeline: Decimal = Decimal(0)
    opportunities: int = 0
    missing_amounts: int = 0
    unconverted: int = 0


@dataclass(frozen=True, slots=True)
class CampaignStanding:
    """How one campaign stands: `multiple` is None when it cannot be known, and `reasons` say why."""

    campaign: CampaignFacts
    multiple: Ratio | None
    matured: bool
    counts: bool
    conflict: bool
    reasons: tuple[str, ...]


def standing(seen: CampaignFacts, decision: Decision, policy: Policy) -> CampaignStanding:
    """How the campaign stands under its partner's decision."""
    code = seen.code or _unsure(seen, policy)
    against = [each for each in conflicts(decision, policy) if f"campaign/{seen.campaign_id}" in each.items]
    record = decision.gate(Gate.TRACK_RECORD)
    return CampaignStanding(
        campaign=seen,
        multiple=None if code else Ratio(seen.pipeline, seen.spend),
        matured=seen.code not in (NOT_MATURED, NOT_ENDED),
        counts=record is not None and seen.campaign_id in record.evidence,
        conflict=bool(against),
        reasons=(
            _figures(seen, code, decision.currency, policy),
            *(f"{each.code}: {each.text} [{each.policy_key}]" for each in against),
        ),
    )


def _unsure(seen: CampaignFacts, policy: Policy) -> str:
    """Why figures that are there cannot be trusted; the third gate asks the same of the last three together."""
    if seen.unconverted:
        return FX_RATE_MISSING
    too_many = seen.missing_amounts > policy.track_record.max_missing_amounts * seen.opportunities
    return "AMOUNT_MISSING" if too_many else ""


def _figures(seen: CampaignFacts, code: str, currency: str, policy: Policy) -> str:
    gate = policy.track_record
    if code == "AMOUNT_MISSING":
        lacking = f"{seen.missing_amounts} of {seen.opportunities} opportunities have no amount"
        return f"{code}: {lacking} [track_record.max_missing_amounts]"
    if code == NOT_MATURED and seen.ended is not None:
        counts_on = seen.ended + timedelta(days=gate.maturity_days)
        return (
            f"{code}: ended {seen.ended}, counts from {counts_on} [track_record.maturity_days: {gate.maturity_days}]"
        )
    if code:
        return f"{code} [{_KEYS[code]}]"
    return (
        f"{money(seen.pipeline, currency)} pipeline of {seen.opportunities} opportunities on "
        f"{money(seen.spend, currency)} spent, opened until {gate.attribution_days} days after {seen.ended} "
        f"[track_record.attribution_days, track_record.spend_basis: {gate.spend_basis}]"
    )


_KEYS = {
    NOT_ENDED: "track_record.maturity_days",
    SPEND_UNKNOWN: "track_record.spend_basis",
    ZERO_SPEND: "track_record.spend_basis",
    FX_RATE_MISSING: "corporate_currency",
}


def campaign_card(held: CampaignStanding, policy: Policy) -> tuple[tuple[str, Value], ...]:
    """Every machine field with the value that it should hold."""
    multiple = held.multiple
    shown = None if multiple is None else multiple.rounded(2, threshold=policy.track_record.ratio)
    why = "; ".join(held.reasons)
    return (
        ("PoP_Multiple", None if shown is None else min(shown, _LARGEST)),
        ("PoP_Matured", held.matured),
        ("Counts_Toward_Last_Three", held.counts),
        ("Lever_Conflict", held.conflict),
        ("Campaign_Reason", why if len(why) <= _LONGEST else f"{why[: _LONGEST - 4]} ..."),
        ("Policy_Version", policy.version),
    )


NO_CARD: tuple[tuple[str, Value], ...] = (
    ("PoP_Multiple", None),
    ("PoP_Matured", False),
    ("Counts_Toward_Last_Three", False),
    ("Lever_Conflict", False),
    ("Campaign_Reason", None),
)
"""What stands on a campaign that is no partner's any more."""
