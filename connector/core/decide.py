"""What is to be done about this partner, given the facts, the policy and the day? A pure function of the three."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from connector.core.cycle_time import CycleTime, judged, remembered
from connector.core.decisions import Decision, Held, Outcome, OverrideResult, Previous, Settled
from connector.core.facts import Override, PartnerFacts, Unknown
from connector.core.levers import primary, stale_symptoms, symptoms
from connector.core.multiplier import multiplied
from connector.core.ownership import UNCHECKED, People, accountability
from connector.core.policy import Policy
from connector.core.quote_state import QuoteBelief, QuoteState, believed
from connector.core.triage import allowed_motions, combine, market_fit, stale_gates, track_record, velocity
from connector.core.verdicts import Confidence, Gate, GateResult, Lever, Presence, Symptom, SymptomResult, Verdict

STALE_SOURCE = "STALE_SOURCE"
_DECIDING = {Outcome.ENABLE: Gate.VELOCITY, Outcome.DEFER: Gate.MARKET_FIT, Outcome.REWORK: Gate.TRACK_RECORD}


def decide(
    facts: PartnerFacts, policy: Policy, as_of: date, previous: Previous | None = None, *, people: People = UNCHECKED
) -> Decision:
    """The decision. `previous` is None when the partner was never decided before; `people` checks owners."""
    if facts.excluded:
        return _excluded(facts, policy, as_of, previous, people)
    if is_stale(facts.freshness, policy, as_of) or _misses_a_pull(facts):
        return _stale(facts, policy, as_of, previous, people)
    gates = _gates(facts, policy, as_of, previous)
    found = symptoms(facts, policy, as_of)
    symptom, lever = primary(found, facts, policy.levers, as_of)
    stop = policy.levers.stop_wins and any(
        result.symptom is Symptom.CONFIDENCE and result.presence is Presence.PRESENT for result in found
    )
    quotes, fit, record = (gate.verdict for gate in gates)
    computed = combine(quotes, fit, record, policy.triage, na_passes=policy.velocity.not_applicable_passes)
    override = _override(facts.override, as_of)
    applied = override is not None and override.applied
    outcome = outcome_named(override.override.decision) if applied and override is not None else None
    in_effect = computed if outcome is None else outcome
    return _decision(
        facts,
        policy,
        as_of,
        previous,
        people,
        outcome=in_effect,
        computed=computed,
        gates=_overridden(gates) if in_effect is not computed else gates,
        symptoms=found,
        symptom=symptom,
        lever=lever,
        stop=stop and not applied,
        confidence=_confidence(computed, gates),
        reasons=_reasons(computed, gates, override, stop and not applied),
        override=override,
        settled=_settled(gates, previous, as_of),
    )


def _gates(facts: PartnerFacts, policy: Policy, as_of: date, previous: Previous | None) -> tuple[GateResult, ...]:
    settled = next((s for s in previous.settled if s.gate is Gate.VELOCITY), None) if previous else None
    return (
        velocity(facts, policy.velocity, as_of, settled),
        market_fit(facts, policy.market_fit, as_of),
        track_record(facts, policy.track_record, as_of),
    )


def _decision(
    facts: PartnerFacts,
    policy: Policy,
    as_of: date,
    previous: Previous | None,
    people: People,
    *,
    outcome: Outcome,
    computed: Outcome,
    gates: tuple[GateResult, ...],
    symptoms: tuple[SymptomResult, ...],
    symptom: Symptom,
    lever: Lever,
    confidence: Confidence,
    reasons: tuple[str, ...],
    stop: bool = False,
    override: OverrideResult | None = None,
    settled: tuple[Settled, ...] = (),
    excluded: bool = False,
    stale: bool = False,
) -> Decision:
    kept = previous is not None and previous.lever is lever
    before = previous.held if previous else None
    cycle = None if excluded else _cycle(facts, policy, before)
    belief = None if excluded else _belief(facts, policy, before)
    return Decision(
        partner_id=facts.partner_id,
        name=facts.name,
        as_of=as_of,
        policy_version=policy.version,
        outcome=outcome,
        computed=computed,
        gates=gates,
        allowed_motions=allowed_motions(outcome, policy.triage, stop=stop),
        symptoms=symptoms,
        symptom=symptom,
        lever=lever,
        lever_since=previous.lever_since if kept and previous is not None else as_of,
        stop_signal=stop,
        accountability=accountability(facts, policy.ownership, people),
        confidence=confidence,
        reasons=reasons,
        currency=policy.corporate_currency,
        pilot_cap=policy.triage.pilot_cap,
        override=override,
        live=tuple(sorted(facts.live, key=lambda item: (item.kind, item.id))),
        freshness=facts.freshness,
        settled=settled,
        first=previous is None,
        excluded=excluded,
        stale=stale,
        credit=None if excluded else facts.credit,
        multiplier=None if excluded else multiplied(facts.services, policy.multiplier),
        cycle=cycle,
        quote_belief=belief,
        held=before if stale else _held(cycle, belief, policy),
    )


def _held(cycle: CycleTime | Unknown | None, belief: QuoteBelief | None, policy: Policy) -> Held | None:
    """What the next run must remember of the verdicts; None when there is nothing."""
    shown = remembered(cycle, policy.cycle_time) if isinstance(cycle, CycleTime) else None
    state = belief.state if belief and belief.state is not QuoteState.INSUFFICIENT else None
    return Held(state, policy.velocity.floor, shown) if state or shown else None


def _cycle(facts: PartnerFacts, policy: Policy, before: Held | None) -> CycleTime | Unknown | None:
    measured = facts.cycle
    if measured is None or isinstance(measured, Unknown):
        return measured
    return judged(measured, policy.cycle_time, before.cycle if before else None)


def _belief(facts: PartnerFacts, policy: Policy, before: Held | None) -> QuoteBelief | None:
    """What the quotes suffice for; None where there is nothing to go by."""
    gate, quotes = policy.velocity, facts.quotes
    quoteless = bool(facts.personas) and all(persona in gate.not_applicable_personas for persona in facts.personas)
    if facts.quote_prior is None or isinstance(quotes, Unknown) or quoteless:
        return None
    earlier = before.quotes if before and before.floor == gate.floor else None
    return believed(quotes.won, quotes.counted, facts.quote_prior, gate.floor, gate.certainty, gate.leave, earlier)


def _excluded(
    facts: PartnerFacts, policy: Policy, as_of: date, previous: Previous | None, people: People
) -> Decision:
    return _decision(
        facts,
        policy,
        as_of,
        previous,
        people,
        outcome=Outcome.HOLD,
        computed=Outcome.HOLD,
        gates=(),
        symptoms=(),
        symptom=Symptom.NONE,
        lever=Lever.REVIEW,
        confidence=Confidence.NONE,
        reasons=("EXCLUDED",),
        excluded=True,
    )


def _stale(facts: PartnerFacts, policy: Policy, as_of: date, previous: Previous | None, people: People) -> Decision:
    """Nothing can be judged: the last outcome and lever stay, marked stale."""
    outcome = previous.outcome if previous else Outcome.INSUFFICIENT
    return _decision(
        facts,
        policy,
        as_of,
        previous,
        people,
        outcome=outcome,
        computed=outcome,
        gates=stale_gates(),
        symptoms=stale_symptoms(policy),
        symptom=Symptom.INSUFFICIENT,
        lever=previous.lever if previous else Lever.REVIEW,
        confidence=Confidence.NONE,
        reasons=(STALE_SOURCE,),
        settled=previous.settled if previous else (),
        stale=True,
    )


def is_stale(freshness: datetime | None, policy: Policy, as_of: date) -> bool:
    """Whether the oldest source was last read more than the policy's hours before the day began."""
    return freshness is not None and freshness < _oldest_allowed(policy.timezone, policy.stale_after_hours, as_of)


def _misses_a_pull(facts: PartnerFacts) -> bool:
    """Whether one of the facts was found stale by itself, though most sources may be fresh."""
    found = (facts.quotes, facts.footprint, facts.track_record, facts.meetings, facts.won_deals, facts.activity)
    return any(isinstance(fact, Unknown) and fact.code == STALE_SOURCE for fact in found)


@lru_cache(maxsize=64)
def _oldest_allowed(timezone: str, hours: int, as_of: date) -> datetime:
    return datetime.combine(as_of, time.min, ZoneInfo(timezone)) - timedelta(hours=hours)


def _override(override: Override | None, as_of: date) -> OverrideResult | None:
    """Whether a person's decision holds; it does so through the day on which it expires."""
    if override is None:
        return None
    if outcome_named(override.decision) is None:
        return OverrideResult(override, False, "OVERRIDE_UNKNOWN")
    if override.expires is None:
        return OverrideResult(override, False, "OVERRIDE_WITHOUT_EXPIRY")
    if as_of > override.expires:
        return OverrideResult(override, False, "OVERRIDE_EXPIRED")
    return OverrideResult(override, True)


def outcome_named(words: str) -> Outcome | None:
    """The outcome that a person wrote, whatever the case and the kind of dash."""
    return _OUTCOMES.get(_folded(words))


def _folded(words: str) -> str:
    return " ".join(words.replace("–", "-").replace("—", "-").casefold().split())


_OUTCOMES = {_folded(outcome): outcome for outcome in Outcome}


def _overridden(gates: tuple[GateResult, ...]) -> tuple[GateResult, ...]:
    return tuple(
        replace(gate, overridden=True) if gate.verdict in (Verdict.FAIL, Verdict.INSUFFICIENT) else gate
        for gate in gates
    )


def _deciding(computed: Outcome, gates: tuple[GateResult, ...]) -> tuple[GateResult, ...]:
    """The gates without which the outcome would be another."""
    if computed in _DECIDING:
        return tuple(gate for gate in gates if gate.gate is _DECIDING[computed])
    if computed is Outcome.FUND:
        return gates
    return tuple(gate for gate in gates if gate.verdict is not Verdict.PASS)


def _confidence(computed: Outcome, gates: tuple[GateResult, ...]) -> Confidence:
    deciding = _deciding(computed, gates)
    if any(gate.verdict is Verdict.INSUFFICIENT for gate in deciding):
        return Confidence.NONE
    return Confidence.LOW if any(gate.confidence is Confidence.LOW for gate in deciding) else Confidence.HIGH


def _reasons(
    computed: Outcome, gates: tuple[GateResult, ...], override: OverrideResult | None, stop: bool
) -> tuple[str, ...]:
    codes = [f"{gate.gate}.{gate.code}" for gate in _deciding(computed, gates)]
    if stop:
        codes.append("levers.CONFIDENCE_GAP_STOPS_DEMAND_GEN")
    if override is not None:
        codes.append("OVERRIDE_APPLIED" if override.applied else override.code)
    return tuple(codes)


def _settled(gates: tuple[GateResult, ...], previous: Previous | None, as_of: date) -> tuple[Settled, ...]:
    """The quote-to-close verdict to hold on to; evidence that ran out starts afresh."""
    result = gates[0]
    firm = result.raw if result.code == "LOW_CONFIDENCE" else result.verdict
    if firm not in (Verdict.PASS, Verdict.FAIL) or result.threshold is None:
        return ()
    earlier = next((s for s in previous.settled if s.gate is result.gate), None) if previous else None
    same = earlier is not None and earlier.verdict is firm and earlier.threshold == result.threshold
    since = earlier.since if same and earlier is not None else as_of
    return (Settled(result.gate, firm, since, result.threshold),)
