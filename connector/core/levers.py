"""Which lever to pull? The essay's three symptoms, which one counts when several hold, and what follows.

"Partner has meetings but no quotes." "Partner closes deals but they are small." "Partner is dormant / No logins."
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from connector.core import policy as rules
from connector.core.facts import Activity, PartnerFacts, Unknown, WonDeals
from connector.core.figures import Ratio
from connector.core.policy import Policy
from connector.core.verdicts import Confidence, Lever, Presence, Symptom, SymptomResult

LEVER_OF = {
    Symptom.CONFIDENCE: Lever.STOP,
    Symptom.STRATEGIC: Lever.THOUGHT_LEADERSHIP,
    Symptom.AWARENESS: Lever.RE_RECRUIT,
}
_ORDER = {"awareness": Symptom.AWARENESS, "confidence": Symptom.CONFIDENCE, "strategic": Symptom.STRATEGIC}


def symptoms(facts: PartnerFacts, policy: Policy, as_of: date) -> tuple[SymptomResult, ...]:
    """All three symptoms, in the policy's order of precedence."""
    found = {
        Symptom.AWARENESS: awareness_gap(facts, policy, as_of),
        Symptom.CONFIDENCE: confidence_gap(facts, policy),
        Symptom.STRATEGIC: strategic_gap(facts, policy),
    }
    return tuple(found[_ORDER[name]] for name in policy.levers.precedence)


def primary(
    results: tuple[SymptomResult, ...], facts: PartnerFacts, levers: rules.Levers, as_of: date
) -> tuple[Symptom, Lever]:
    """The first symptom that is present and its lever; without one, onboard, sustain or review."""
    for result in results:
        if result.presence is Presence.PRESENT:
            return result.symptom, LEVER_OF[result.symptom]
    unsure = all(result.presence is not Presence.ABSENT for result in results)
    symptom = Symptom.INSUFFICIENT if unsure else Symptom.NONE
    if facts.since is not None and (as_of - facts.since).days < levers.onboarding_days:
        return symptom, Lever.ONBOARD
    return symptom, Lever.REVIEW if unsure else Lever.SUSTAIN


def confidence_gap(facts: PartnerFacts, policy: Policy) -> SymptomResult:
    """Enough meetings, and so few quotes that the partner cannot carry a conversation to a price."""
    gap, meetings, key = policy.levers.confidence, facts.meetings, "levers.confidence.min_meetings"
    quoteless = policy.velocity.not_applicable_personas
    if facts.personas and all(persona in quoteless for persona in facts.personas):
        return _not_applicable(Symptom.CONFIDENCE, "PERSONA_DOES_NOT_QUOTE", "velocity.not_applicable_personas")
    if isinstance(meetings, Unknown):
        return _unknown(Symptom.CONFIDENCE, meetings, key)
    few_quotes = Decimal(meetings.quoted) <= gap.max_quoted_share * meetings.held
    if meetings.held == 0:
        presence, code = Presence.ABSENT, "NO_MEETINGS"
    elif not few_quotes:
        presence, code, key = Presence.ABSENT, "QUOTES_ISSUED", "levers.confidence.max_quoted_share"
    elif meetings.held < gap.min_meetings:
        presence, code = Presence.INSUFFICIENT, "FEW_MEETINGS"
    else:
        presence, code = Presence.PRESENT, "MEETINGS_WITHOUT_QUOTES"
    return SymptomResult(
        symptom=Symptom.CONFIDENCE,
        presence=presence,
        code=code,
        policy_key=key,
        n=meetings.held,
        needed=gap.min_meetings,
        quoted=meetings.quoted,
        window=meetings.window,
        confidence=Confidence.NONE if presence is Presence.INSUFFICIENT else Confidence.HIGH,
        evidence=meetings.evidence,
    )


def strategic_gap(facts: PartnerFacts, policy: Policy) -> SymptomResult:
    """Enough won deals, and their median far below that of matched direct deals."""
    gap, deals = policy.levers.strategic, facts.won_deals
    if isinstance(deals, Unknown):
        return _unknown(Symptom.STRATEGIC, deals, "levers.strategic.min_wins")
    presence, code, key = _small_deals(deals, gap)
    benchmark = deals.benchmark_median
    known = deals.median is not None and benchmark is not None and benchmark > 0
    return SymptomResult(
        symptom=Symptom.STRATEGIC,
        presence=presence,
        code=code,
        policy_key=f"levers.strategic.{key}",
        n=deals.won,
        needed=gap.min_wins,
        value=Ratio(deals.median, benchmark)
        if known and deals.median is not None and benchmark is not None
        else None,
        threshold=gap.ratio,
        window=deals.window,
        confidence=Confidence.NONE if presence is Presence.INSUFFICIENT else Confidence.HIGH,
        evidence=deals.evidence,
        missing="amounts of won deals" if code == "AMOUNT_MISSING" else "",
    )


def _small_deals(deals: WonDeals, gap: rules.StrategicGap) -> tuple[Presence, str, str]:
    """Presence, reason code and the policy key below `levers.strategic` that decided."""
    if deals.won < gap.min_wins:
        return Presence.INSUFFICIENT, "FEW_WINS", "min_wins"
    if deals.median is None or deals.won - deals.missing_amounts < gap.min_wins:
        return Presence.INSUFFICIENT, "AMOUNT_MISSING", "min_wins"
    if gap.absolute is not None and deals.median < gap.absolute:
        return Presence.PRESENT, "SMALL_DEALS", "absolute"
    benchmark = deals.benchmark_median
    if benchmark is None or benchmark <= 0 or deals.benchmark_counted < gap.min_benchmark:
        return Presence.INSUFFICIENT, "THIN_BENCHMARK", "min_benchmark"
    if deals.median < gap.ratio * benchmark:
        return Presence.PRESENT, "SMALL_DEALS", "ratio"
    return Presence.ABSENT, "DEALS_OF_FAIR_SIZE", "ratio"


def awareness_gap(facts: PartnerFacts, policy: Policy, as_of: date) -> SymptomResult:
    """No sign of life for long enough; without a login feed, commercial activity decides at low confidence."""
    gap, activity = policy.levers.awareness, facts.activity
    quiet_portal = facts.personas and all(persona in gap.no_portal_personas for persona in facts.personas)
    if quiet_portal and gap.rule != "activity":
        key = "levers.awareness.no_portal_personas"
        return _not_applicable(Symptom.AWARENESS, "PERSONA_HAS_NO_PORTAL", key)
    if facts.since is not None and (as_of - facts.since).days < gap.days:
        return _not_applicable(Symptom.AWARENESS, "NEW_PARTNER", "levers.awareness.days")
    if isinstance(activity, Unknown):
        return _unknown(Symptom.AWARENESS, activity, "levers.awareness.days")
    if facts.since is None:
        return _unknown(Symptom.AWARENESS, Unknown("PARTNER_AGE_UNKNOWN", "agreement date"), "levers.awareness.days")
    if gap.rule == "login" and not activity.logins_known:
        return _unknown(Symptom.AWARENESS, Unknown("LOGIN_UNMAPPED", "login feed"), "levers.awareness.rule")
    return _judge_activity(activity, gap, facts.since, policy.timezone, as_of)


def _judge_activity(
    activity: Activity, gap: rules.AwarenessGap, since: date, timezone: str, as_of: date
) -> SymptomResult:
    commercial = (activity.last_registration, activity.last_opportunity, activity.last_fund_activity)
    watched = {"both": (activity.last_login, *commercial), "login": (activity.last_login,), "activity": commercial}
    last = _latest(watched[gap.rule])
    quiet = (as_of - (last.astimezone(ZoneInfo(timezone)).date() if last else since)).days
    blind = gap.rule == "both" and not activity.logins_known
    dormant = last is None or quiet >= gap.days
    return SymptomResult(
        symptom=Symptom.AWARENESS,
        presence=Presence.PRESENT if dormant else Presence.ABSENT,
        code="LOGIN_UNMAPPED" if blind else "DORMANT" if dormant else "ACTIVE",
        policy_key="levers.awareness.days",
        n=min(max(quiet, 0), gap.days),
        needed=gap.days,
        confidence=Confidence.LOW if blind else Confidence.HIGH,
        evidence=activity.evidence,
        missing="login feed" if blind else "",
    )


def _latest(moments: tuple[datetime | None, ...]) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def stale_symptoms(policy: Policy) -> tuple[SymptomResult, ...]:
    """All three symptoms when the sources are too old to judge by."""
    fact = Unknown("STALE_SOURCE", "a recent pull")
    return tuple(_unknown(_ORDER[name], fact, "stale_after_hours") for name in policy.levers.precedence)


def _unknown(symptom: Symptom, fact: Unknown, key: str) -> SymptomResult:
    return SymptomResult(
        symptom=symptom, presence=Presence.INSUFFICIENT, code=fact.code, policy_key=key, missing=fact.missing
    )


def _not_applicable(symptom: Symptom, code: str, key: str) -> SymptomResult:
    return SymptomResult(symptom=symptom, presence=Presence.NOT_APPLICABLE, code=code, policy_key=key)
