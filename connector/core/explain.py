"""In which words does a decision account for itself?

Every sentence is made from the object that decided, never from a second computation, and names the policy key that
produced the number. Nothing in them moves from day to day while the numbers stay: windows are lengths, not dates.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from connector.core.credit_words import credit_story
from connector.core.cycle_words import belief_story, cycle_story
from connector.core.decisions import UNMAPPED, Decision, Outcome
from connector.core.facts import Window
from connector.core.figures import money, percent, plain, plain_percent
from connector.core.multiplier import Multiplier, multiplier_sentence, multiplier_story
from connector.core.verdicts import (
    Confidence,
    Gate,
    GateResult,
    Presence,
    Symptom,
    SymptomResult,
    Verdict,
)

WHY_LENGTH = 1000
GATE_NAMES = {
    Gate.VELOCITY: "Quote-to-close",
    Gate.MARKET_FIT: "Market fit",
    Gate.TRACK_RECORD: "Proof of performance",
}
_OVERRIDE_WORDS = {
    "OVERRIDE_UNKNOWN": "names no known decision",
    "OVERRIDE_WITHOUT_EXPIRY": "has no expiry date",
    "OVERRIDE_EXPIRED": "has expired",
}


def why(decision: Decision) -> str:
    """The account on the partner record, at most 1,000 characters: decision, lever, owner, gates, symptoms."""
    if decision.excluded:
        return "Hold. Excluded from scoring by a person."
    if decision.stale:
        return _stale(decision)
    lines = [
        headline(decision),
        *_override(decision),
        f"Lever: {decision.lever}.",
        *(symptom_sentence(result) for result in decision.symptoms if result.presence is Presence.PRESENT),
        *_stop(decision),
        owner_sentence(decision),
        *(sentence(gate) for gate in decision.gates),
        *(symptom_sentence(result) for result in decision.symptoms if result.presence is Presence.INSUFFICIENT),
        *_multiplier(decision),
    ]
    return _fitted(lines)


def story(decision: Decision) -> tuple[str, ...]:
    """The whole account, a line each: `why` and the evidence, what was left out and how to clear each gate."""
    if decision.excluded or decision.stale:
        return (why(decision),)
    lines = [headline(decision), *_override(decision), f"Allowed motions: {_listed(decision.allowed_motions)}."]
    lines += [f"Lever: {decision.lever}, since {decision.lever_since}.", *_stop(decision), owner_sentence(decision)]
    for gate in decision.gates:
        lines.append(sentence(gate))
        lines += [
            f"  {line}" for line in (to_clear(gate, decision.currency), *_behind(gate, decision.currency)) if line
        ]
    for result in decision.symptoms:
        lines.append(symptom_sentence(result))
        if result.evidence:
            lines.append(f"  Evidence: {_listed(result.evidence)}.")
    lines += credit_story(decision.credit, decision.currency)
    lines += belief_story(decision.quote_belief) + cycle_story(decision.cycle)
    if decision.multiplier is not None:
        lines += multiplier_story(decision.multiplier, decision.currency)
    lines += [_live(decision)] if decision.live else []
    lines.append(f"As of {decision.as_of}, policy {decision.policy_version}.")
    return tuple(lines)


def brief(decision: Decision) -> str:
    """Why, in a few words for one line of a table: what the deciding gates saw, and the symptom when there is one."""
    if decision.excluded or decision.stale:
        return why(decision)
    deciding = {code.partition(".")[0] for code in decision.reasons}
    gates = [_in_short(gate) for gate in decision.gates if gate.gate.value in deciding]
    seen = [_shown_by(result) for result in decision.symptoms if result.presence is Presence.PRESENT]
    return "; ".join(words for words in (*_override(decision), *gates, *seen) if words)


def _in_short(gate: GateResult) -> str:
    if gate.verdict is Verdict.NOT_APPLICABLE:
        return ""
    if gate.value is None or gate.threshold is None or gate.verdict is Verdict.INSUFFICIENT:
        if gate.verdict is Verdict.INSUFFICIENT:
            counted = f" ({gate.n} of {gate.needed})" if gate.needed else ""
            return f"{gate.code.lower().replace('_', ' ')}{counted}"
        return f"fits {_listed(gate.matched)}" if gate.matched else f"not in {_listed(gate.wanted)}"
    if gate.gate is Gate.VELOCITY:
        return f"{percent(gate.value, gate.threshold)} of {gate.n} quoted deals won"
    return f"{gate.value.text(1, threshold=gate.threshold)}:1 over {gate.n} campaigns"


def headline(decision: Decision) -> str:
    """The decision in one sentence."""
    if decision.outcome is Outcome.PILOT:
        cap = money(decision.pilot_cap, decision.currency)
        return f"{decision.outcome}: one campaign, at most {cap} a quarter [triage.pilot_cap]."
    return f"{decision.outcome}."


def owner_sentence(decision: Decision) -> str:
    """Who owns the motion."""
    held = decision.accountability
    if held.motion == UNMAPPED:
        return "Owner: none, as no persona is set [ownership.personas]."
    return f"Owner: {held.role}, {held.motion} as {held.persona} [ownership.personas]."


def sentence(gate: GateResult) -> str:
    """A gate's answer with its numbers and the policy key in brackets."""
    shown = gate.verdict if not gate.overridden else f"{gate.verdict}, overridden"
    low = ", low confidence" if gate.confidence is Confidence.LOW else ""
    return f"{GATE_NAMES[gate.gate]}: {shown}{low}. {_because(gate)} [{gate.policy_key}]."


def _because(gate: GateResult) -> str:
    if gate.code == "PERSONA_DOES_NOT_QUOTE":
        return "This persona issues no quotes"
    if gate.missing and gate.code != "FOOTPRINT_EMPTY":
        return f"{gate.code}: {gate.missing} missing"
    return {Gate.VELOCITY: _quotes, Gate.MARKET_FIT: _fit, Gate.TRACK_RECORD: _campaigns}[gate.gate](gate)


def _quotes(gate: GateResult) -> str:
    proxy = ", by stage as quotes are not kept" if gate.proxy else ""
    if gate.code == "FEW_QUOTES" or gate.value is None or gate.threshold is None:
        won = f", {plain(gate.value.top)} won" if gate.value is not None else ""
        return f"{_count(gate.n, 'quoted deal')}{won}{_within(gate.window)}{proxy}; {gate.needed} are needed"
    rate = percent(gate.value, gate.threshold)
    words = f"{rate}, {plain(gate.value.top)} of {gate.n} quoted deals won{_within(gate.window)}{proxy}"
    side = "below" if not gate.value.reaches(gate.threshold) else "not below"
    words += f"; {side} {plain_percent(gate.threshold)}"
    if gate.code == "HELD":
        return f"{words}, but not far or long enough to leave {gate.verdict}"
    unsure = {"LOW_CONFIDENCE": ", too unsure to fail", "UNDECIDED": ", too unsure to tell"}
    return words + unsure.get(gate.code, "")


def _fit(gate: GateResult) -> str:
    unmapped = f"; unknown words: {_listed(gate.unmapped)}" if gate.unmapped else ""
    goals = _listed(gate.wanted)
    if gate.verdict is Verdict.PASS:
        return f"The footprint meets {_listed(gate.matched)} of the goals {goals}{unmapped}"
    if gate.verdict is Verdict.FAIL:
        return (
            f"The footprint meets none of the goals {goals}{unmapped}"
            if not gate.matched
            else (f"The footprint meets only {_listed(gate.matched)} of the goals {goals}{unmapped}")
        )
    return f"The footprint is not known where the goals {goals} ask for it{unmapped}"


def _campaigns(gate: GateResult) -> str:
    met = f"{gate.met} of {gate.n} campaigns met {plain(gate.threshold or Decimal(0))}:1"
    if gate.code == "FEW_CAMPAIGNS" or gate.value is None:
        return f"{_count(gate.n, 'matured campaign')} with spend; {gate.needed} are needed"
    if gate.code == "AMOUNT_MISSING":
        return f"Too many opportunities of the last {gate.n} campaigns have no amount"
    return f"{gate.value.text(1, threshold=gate.threshold)}:1 pipeline to spend, {met}"


def symptom_sentence(result: SymptomResult) -> str:
    """A symptom's answer with its numbers and the policy key in brackets."""
    low = ", low confidence" if result.confidence is Confidence.LOW else ""
    return f"{result.symptom}: {result.presence}{low}. {_shown_by(result)} [{result.policy_key}]."


def _shown_by(result: SymptomResult) -> str:
    if result.presence is Presence.NOT_APPLICABLE:
        return _NOT_APPLICABLE.get(result.code, result.code)
    if result.missing and result.presence is Presence.INSUFFICIENT:
        return f"{result.code}: {result.missing} missing"
    return {Symptom.CONFIDENCE: _meetings, Symptom.STRATEGIC: _deals, Symptom.AWARENESS: _activity}[result.symptom](
        result
    )


_NOT_APPLICABLE = {
    "PERSONA_DOES_NOT_QUOTE": "This persona issues no quotes",
    "PERSONA_HAS_NO_PORTAL": "This persona uses no portal",
    "NEW_PARTNER": "The partner is new",
}


def _meetings(result: SymptomResult) -> str:
    words = f"{_count(result.n, 'meeting')} held and {_count(result.quoted, 'quoted deal')}{_within(result.window)}"
    return f"{words}; {result.needed} meetings are needed" if result.code == "FEW_MEETINGS" else words


def _deals(result: SymptomResult) -> str:
    words = f"{_count(result.n, 'won deal')}{_within(result.window)}"
    if result.code == "FEW_WINS":
        return f"{words}; {result.needed} are needed"
    if result.code == "THIN_BENCHMARK":
        return f"{words}; too few matched direct deals to compare"
    if result.value is None or result.threshold is None:
        return f"{words}, of small median"
    side = "below" if not result.value.reaches(result.threshold) else "not below"
    share = result.value.text(2, threshold=result.threshold)
    return f"{words}, median {share} of the matched direct deals'; {side} {plain(result.threshold)}"


def _activity(result: SymptomResult) -> str:
    seen = "No commercial activity" if result.code == "LOGIN_UNMAPPED" else "No sign of life"
    if result.presence is Presence.ABSENT:
        seen = "Commercial activity" if result.code == "LOGIN_UNMAPPED" else "A sign of life"
    blind = "; LOGIN_UNMAPPED: logins are not known" if result.code == "LOGIN_UNMAPPED" else ""
    return f"{seen} in {_count(result.needed, 'day')}{blind}"


def to_clear(gate: GateResult, currency: str = "") -> str:
    """What would clear a gate that does not pass; empty when it does, or when nothing is to be done."""
    if gate.verdict in (Verdict.PASS, Verdict.NOT_APPLICABLE):
        return ""
    if gate.missing:
        return f"To clear: supply {gate.missing}."
    if gate.code == "HELD":
        return f"To clear: stay {_far_enough(gate)} for the dwell time [velocity.dwell_days]."
    if gate.gate is Gate.VELOCITY:
        return f"To clear: {_clear_quotes(gate)}."
    if gate.gate is Gate.MARKET_FIT:
        return f"To clear: a footprint in {_listed(gate.wanted)}, or the next goals."
    return f"To clear: {_clear_campaigns(gate, currency)}."


def _far_enough(gate: GateResult) -> str:
    goal = gate.clears_at or gate.threshold or Decimal(0)
    return f"at {plain_percent(goal)} or more"


def _clear_quotes(gate: GateResult) -> str:
    """The fewest wins that lift the rate to where the gate passes again, and among how many next quotes."""
    if gate.code == "FEW_QUOTES" or gate.value is None:
        return f"{gate.needed - gate.n} more matured quotes"
    if gate.code in ("UNDECIDED", "LIKELY_BELOW_FLOOR"):
        return f"{gate.needed - gate.n or 'some'} more matured quotes, won at a better rate"
    goal = gate.clears_at or gate.threshold or Decimal(0)
    if goal >= 1:
        return "every quote won"
    wins = ((goal * gate.n - gate.value.top) / (1 - goal)).to_integral_value(ROUND_CEILING)
    among = ((gate.value.top + wins) / goal - gate.n).to_integral_value(ROUND_FLOOR)
    return f"{wins} more won of the next {max(among, wins)} quotes"


def _clear_campaigns(gate: GateResult, currency: str) -> str:
    if gate.code == "FEW_CAMPAIGNS" or gate.value is None or gate.threshold is None:
        return f"{_count(gate.needed - gate.n, 'more matured campaign')} with recorded spend"
    if gate.code == "AMOUNT_MISSING":
        return "amounts on the campaigns' opportunities"
    lacking = gate.threshold * gate.value.bottom - gate.value.top
    if lacking <= 0:
        return f"more campaigns that each reach {plain(gate.threshold)}:1"
    return f"{money(lacking.to_integral_value(ROUND_CEILING), currency)} more pipeline on the same spend"


def _behind(gate: GateResult, currency: str) -> tuple[str, ...]:
    lines = []
    if gate.gate is Gate.TRACK_RECORD and gate.value is not None:
        pipeline, spend = money(gate.value.top, currency), money(gate.value.bottom, currency)
        lines.append(f"Pipeline {pipeline}, spend {spend}.")
    if gate.left_out:
        lines.append("Left out: " + ", ".join(f"{campaign} ({code})" for campaign, code in gate.left_out) + ".")
    if gate.evidence:
        lines.append(f"Evidence: {_listed(gate.evidence)}.")
    return tuple(lines)


def _live(decision: Decision) -> str:
    return "In effect: " + "; ".join(f"{item.motion} ({item.name})" for item in decision.live) + "."


def _multiplier(decision: Decision) -> tuple[str, ...]:
    held = decision.multiplier
    known = isinstance(held, Multiplier) and held.told.value is not None
    return (multiplier_sentence(held, decision.currency),) if known and held is not None else ()


def _stop(decision: Decision) -> tuple[str, ...]:
    if not decision.stop_signal:
        return ()
    return ("Demand Gen is closed while the Confidence Gap lasts [levers.stop_wins].",)


def _override(decision: Decision) -> tuple[str, ...]:
    held = decision.override
    if held is None:
        return ()
    by = f" by {held.override.by}" if held.override.by else ""
    reason = f": {held.override.reason.strip().rstrip('.')}" if held.override.reason else ", no reason given"
    if held.applied:
        until = f"until {held.override.expires}"
        return (f"Overridden{by} {until}{reason}; the rules say {decision.computed}.",)
    return (f'The override "{held.override.decision}"{by} is ignored: it {_OVERRIDE_WORDS[held.code]}.',)


def _stale(decision: Decision) -> str:
    read = decision.freshness.isoformat(timespec="minutes") if decision.freshness else "an unknown time"
    return f"{decision.outcome}, kept from before: the sources were last read at {read} [stale_after_hours]."


def _within(window: Window | None) -> str:
    return f" in {_count((window.end - window.start).days, 'day')}" if window else ""


def _count(number: int, thing: str) -> str:
    return f"{number or 'no'} {thing}{'' if number == 1 else 's'}"


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(words) if words else "none"


def _fitted(lines: list[str]) -> str:
    """As many whole sentences as fit; the first one is cut when it alone is too long."""
    text = ""
    for line in lines:
        longer = f"{text} {line}".strip()
        if len(longer) > WHY_LENGTH - 2:
            return f"{text or line[: WHY_LENGTH - 2]} …"
        text = longer
    return text
