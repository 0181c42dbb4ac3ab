"""May this partner's demand generation be funded? The essay's three gates and how they combine.

Thresholds are compared by cross-multiplication and met when reached: 20 % passes, 3.0 passes. Missing data is
`INSUFFICIENT` with the missing thing named, never `FAIL`. Every gate is evaluated even when an earlier one fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from math import sqrt
from statistics import NormalDist

from connector.core import policy as rules
from connector.core.decisions import DEMAND_GEN, ENABLEMENT, FUNDED_MOTIONS, Outcome, Settled
from connector.core.facts import CampaignReturn, Footprint, PartnerFacts, QuoteCohort, TrackRecord, Unknown
from connector.core.figures import Ratio
from connector.core.quote_state import QuoteState, believed
from connector.core.verdicts import Confidence, Gate, GateResult, Verdict

FX_RATE_MISSING = "FX_RATE_MISSING"
ZERO_SPEND = "ZERO_SPEND"
NOT_MATURED = "NOT_MATURED"


def velocity(facts: PartnerFacts, gate: rules.VelocityGate, as_of: date, settled: Settled | None) -> GateResult:
    """Gate 1: won to quoted opportunities, against "below 20%"; `settled` holds an earlier verdict near the floor."""
    if facts.personas and all(persona in gate.not_applicable_personas for persona in facts.personas):
        key = "velocity.not_applicable_personas"
        return _gate(Gate.VELOCITY, Verdict.NOT_APPLICABLE, "PERSONA_DOES_NOT_QUOTE", key)
    quotes = facts.quotes
    if isinstance(quotes, Unknown):
        return _unknown(Gate.VELOCITY, quotes, "velocity.link_roles")
    if gate.verdict == "bayes":
        return _believed(facts, quotes, gate, settled)
    if quotes.counted < max(gate.min_quotes, 1):
        return _few_quotes(quotes, gate)
    rate = Ratio(Decimal(quotes.won), Decimal(quotes.counted))
    raw = Verdict.PASS if rate.reaches(gate.floor) else Verdict.FAIL
    verdict = _settle(raw, rate, gate, as_of, settled)
    result = GateResult(
        gate=Gate.VELOCITY,
        verdict=verdict,
        code=("BELOW_FLOOR" if raw is Verdict.FAIL else "FLOOR_REACHED") if raw is verdict else "HELD",
        policy_key="velocity.floor" if raw is verdict else "velocity.dead_band",
        raw=None if raw is verdict else raw,
        value=rate,
        threshold=gate.floor,
        clears_at=gate.floor + gate.dead_band if verdict is Verdict.FAIL else None,
        n=quotes.counted,
        needed=gate.min_quotes,
        window=quotes.window,
        confidence=_wilson_confidence(quotes.won, quotes.counted, gate.floor, gate.interval),
        evidence=quotes.evidence,
        proxy=quotes.proxy,
    )
    if verdict is Verdict.FAIL and result.confidence is Confidence.LOW and gate.low_confidence_fail == "review":
        return replace(
            result,
            verdict=Verdict.INSUFFICIENT,
            raw=Verdict.FAIL,
            code="LOW_CONFIDENCE",
            policy_key="velocity.low_confidence_fail",
        )
    return result


_STATES = {
    QuoteState.BLOCK: (Verdict.FAIL, "LIKELY_BELOW_FLOOR"),
    QuoteState.FUND: (Verdict.PASS, "LIKELY_NOT_BELOW_FLOOR"),
    QuoteState.INSUFFICIENT: (Verdict.INSUFFICIENT, "UNDECIDED"),
}


_CONFIDENCE = {Verdict.INSUFFICIENT: Confidence.NONE}


def _believed(
    facts: PartnerFacts, quotes: QuoteCohort, gate: rules.VelocityGate, settled: Settled | None
) -> GateResult:
    """The answer by the empirical-Bayes state, which is left only when it is no longer likely."""
    if facts.quote_prior is None:
        missing = f"at least {gate.min_prior_partners} partners with quotes"
        return _gate(Gate.VELOCITY, Verdict.INSUFFICIENT, "PRIOR_UNKNOWN", "velocity.min_prior_partners", missing)
    firm = settled.verdict if settled is not None and settled.threshold == gate.floor else None
    earlier = {Verdict.FAIL: QuoteState.BLOCK, Verdict.PASS: QuoteState.FUND}.get(firm) if firm else None
    belief = believed(quotes.won, quotes.counted, facts.quote_prior, gate.floor, gate.certainty, gate.leave, earlier)
    verdict, code = _STATES[belief.state]
    return GateResult(
        gate=Gate.VELOCITY,
        verdict=verdict,
        code=code,
        policy_key="velocity.leave" if belief.held else "velocity.verdict",
        value=Ratio(Decimal(quotes.won), Decimal(quotes.counted)) if quotes.counted else None,
        threshold=gate.floor,
        n=quotes.counted,
        needed=quotes.counted + (belief.more or 0),
        window=quotes.window,
        confidence=_CONFIDENCE.get(verdict, Confidence.LOW if belief.held else Confidence.HIGH),
        evidence=quotes.evidence,
        proxy=quotes.proxy,
    )


def _few_quotes(quotes: QuoteCohort, gate: rules.VelocityGate) -> GateResult:
    return GateResult(
        gate=Gate.VELOCITY,
        verdict=Verdict.INSUFFICIENT,
        code="FEW_QUOTES",
        policy_key="velocity.min_quotes",
        value=Ratio(Decimal(quotes.won), Decimal(quotes.counted)) if quotes.counted else None,
        threshold=gate.floor,
        n=quotes.counted,
        needed=gate.min_quotes,
        window=quotes.window,
        evidence=quotes.evidence,
        proxy=quotes.proxy,
    )


def _settle(raw: Verdict, rate: Ratio, gate: rules.VelocityGate, as_of: date, settled: Settled | None) -> Verdict:
    """The earlier verdict until the rate leaves the dead band after the dwell; a new floor starts afresh."""
    if settled is None or settled.verdict is raw or settled.threshold != gate.floor:
        return raw
    if raw is Verdict.PASS:
        left = rate.reaches(gate.floor + gate.dead_band)
    else:
        left = not rate.reaches(gate.floor - gate.dead_band)
    dwelt = (as_of - settled.since).days >= gate.dwell_days
    return raw if left and dwelt else settled.verdict


@lru_cache(maxsize=65536)
def _wilson_confidence(won: int, counted: int, floor: Decimal, interval: Decimal) -> Confidence:
    low, high = wilson(won, counted, interval)
    return Confidence.HIGH if low > floor or high < floor else Confidence.LOW


def wilson(won: int, counted: int, interval: Decimal) -> tuple[float, float]:
    """The two-sided Wilson score interval of a share; `interval` is its confidence, e.g. 0.80."""
    z = NormalDist().inv_cdf((1 + float(interval)) / 2)
    share, z2 = won / counted, z * z
    centre = (share + z2 / (2 * counted)) / (1 + z2 / counted)
    half = z / (1 + z2 / counted) * sqrt(share * (1 - share) / counted + z2 / (4 * counted * counted))
    return centre - half, centre + half


@dataclass(frozen=True, slots=True)
class _Around:
    """One goal code and the folded footprint codes that meet it."""

    code: str
    meets: frozenset[str]


@dataclass(frozen=True, slots=True)
class _GoalInForce:
    regions: tuple[_Around, ...]
    verticals: tuple[_Around, ...]

    @property
    def wanted(self) -> tuple[str, ...]:
        return tuple(around.code for around in (*self.regions, *self.verticals))


def market_fit(facts: PartnerFacts, gate: rules.MarketFitGate, as_of: date) -> GateResult:
    """Gate 2: the footprint against the goals in force. Codes are compared without regard to case."""
    goals = _goals_in_force(gate, as_of)
    if not goals:
        return _gate(
            Gate.MARKET_FIT, Verdict.INSUFFICIENT, "GOALS_NOT_SET", "market_fit.goals", "policy market_fit.goals"
        )
    footprint = facts.footprint
    if isinstance(footprint, Unknown):
        return _unknown(Gate.MARKET_FIT, footprint, "market_fit.observed_share")
    answers = tuple(_goal_met(footprint, goal, gate.match) for goal in goals)
    verdict = _best(tuple(verdict for verdict, _ in answers))
    codes = {Verdict.PASS: "OVERLAP", Verdict.FAIL: "NO_OVERLAP", Verdict.INSUFFICIENT: "FOOTPRINT_EMPTY"}
    unsure = verdict is Verdict.FAIL and bool(footprint.unmapped)
    firm = Confidence.LOW if unsure else Confidence.HIGH
    return GateResult(
        gate=Gate.MARKET_FIT,
        verdict=verdict,
        code=codes[verdict],
        policy_key="market_fit.match",
        n=footprint.won_counted,
        window=footprint.window,
        confidence=Confidence.NONE if verdict is Verdict.INSUFFICIENT else firm,
        evidence=footprint.evidence,
        matched=tuple(dict.fromkeys(code for _, codes_met in answers for code in codes_met)),
        wanted=tuple(dict.fromkeys(code for goal in goals for code in goal.wanted)),
        unmapped=footprint.unmapped,
        missing="partner footprint" if verdict is Verdict.INSUFFICIENT else "",
    )


def _goal_met(footprint: Footprint, goal: _GoalInForce, match: str) -> tuple[Verdict, tuple[str, ...]]:
    regions = _overlap(goal.regions, footprint.regions)
    verticals = _overlap(goal.verticals, footprint.verticals)
    asked: list[bool | None] = []  # None: the goal asks, the footprint does not say
    if goal.regions:
        asked.append(bool(regions) if footprint.regions else None)
    if goal.verticals:
        asked.append(bool(verticals) if footprint.verticals else None)
    met = (*regions, *verticals)
    if match == "all":
        if False in asked:
            return Verdict.FAIL, met
        return (Verdict.INSUFFICIENT if None in asked or not asked else Verdict.PASS), met
    if True in asked:
        return Verdict.PASS, met
    return (Verdict.FAIL if False in asked else Verdict.INSUFFICIENT), met


def _best(verdicts: tuple[Verdict, ...]) -> Verdict:
    """One goal met is enough; a goal that could not be judged keeps the others from failing the partner."""
    for verdict in (Verdict.PASS, Verdict.INSUFFICIENT):
        if verdict in verdicts:
            return verdict
    return Verdict.FAIL


def _overlap(goal: tuple[_Around, ...], home: tuple[str, ...]) -> tuple[str, ...]:
    """The goal's codes that the footprint meets."""
    mine = {code.casefold() for code in home}
    return tuple(code.code for code in goal if not mine.isdisjoint(code.meets))


_in_force: tuple[rules.MarketFitGate, date, tuple[_GoalInForce, ...]] | None = None


def _goals_in_force(gate: rules.MarketFitGate, as_of: date) -> tuple[_GoalInForce, ...]:
    """The goals of the day; the last answer is kept by identity, as hashing a taxonomy costs more than the gate."""
    global _in_force
    kept = _in_force
    if kept is None or kept[0] is not gate or kept[1] != as_of:
        kept = _in_force = (gate, as_of, _compiled_goals(gate, as_of))
    return kept[2]


def _compiled_goals(gate: rules.MarketFitGate, as_of: date) -> tuple[_GoalInForce, ...]:
    taxonomy = {name.casefold(): tuple(code.casefold() for code in codes) for name, codes in gate.regions}
    return tuple(
        _GoalInForce(
            tuple(_around(code, taxonomy) for code in goal.regions),
            tuple(_around(code, {}) for code in goal.verticals),
        )
        for goal in gate.goals
        if goal.start <= as_of < goal.end
    )


def _around(code: str, taxonomy: Mapping[str, tuple[str, ...]]) -> _Around:
    """A goal's code meets itself, all inside it, and every region that holds it."""
    name = code.casefold()
    holders = {region for region in taxonomy if name in _inside(region, taxonomy)}
    return _Around(code, frozenset({name, *_inside(name, taxonomy), *holders}))


def _inside(region: str, taxonomy: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Every code inside a region, at any depth."""
    found: set[str] = set()
    queue = list(taxonomy.get(region, ()))
    while queue:
        code = queue.pop()
        if code not in found:
            found.add(code)
            queue.extend(taxonomy.get(code, ()))
    return found


def track_record(facts: PartnerFacts, gate: rules.TrackRecordGate, as_of: date) -> GateResult:
    """Gate 3: pipeline to spend of the newest matured campaigns, against "3:1"."""
    record = facts.track_record
    if isinstance(record, Unknown):
        return _unknown(Gate.TRACK_RECORD, record, "track_record.campaigns")
    counted, left_out = _counted(record, gate, as_of)
    pipeline = sum((campaign.pipeline for campaign in counted), Decimal(0))
    spend = sum((campaign.spend for campaign in counted), Decimal(0))
    thin = _thin_track_record(counted, left_out, gate)
    ratio = Ratio(pipeline, spend) if spend > 0 and thin != FX_RATE_MISSING else None
    met = sum(1 for campaign in counted if _reaches(campaign, gate.ratio))
    passes = not thin and _passes(ratio, met, len(counted), gate)
    pooled = ratio is not None and ratio.reaches(gate.ratio)
    agree = pooled == (met == len(counted))
    return GateResult(
        gate=Gate.TRACK_RECORD,
        verdict=Verdict.INSUFFICIENT if thin else Verdict.PASS if passes else Verdict.FAIL,
        code=thin or ("RATIO_REACHED" if passes else "RATIO_MISSED"),
        policy_key=_TRACK_RECORD_KEYS.get(thin, "track_record.rule"),
        value=ratio,
        threshold=gate.ratio,
        n=len(counted),
        needed=gate.campaigns,
        met=met,
        confidence=Confidence.NONE if thin else Confidence.HIGH if agree else Confidence.LOW,
        evidence=tuple(campaign.campaign_id for campaign in counted),
        left_out=left_out,
        missing="dated exchange rates" if thin == FX_RATE_MISSING else "",
    )


_TRACK_RECORD_KEYS = {
    "FEW_CAMPAIGNS": "track_record.campaigns",
    "AMOUNT_MISSING": "track_record.max_missing_amounts",
    FX_RATE_MISSING: "corporate_currency",
}


def _counted(
    record: TrackRecord, gate: rules.TrackRecordGate, as_of: date
) -> tuple[tuple[CampaignReturn, ...], tuple[tuple[str, str], ...]]:
    """The newest campaigns that count, and why others do not; zero spend is never an infinite return."""
    matured = as_of - timedelta(days=gate.maturity_days)
    counted, left_out = [], list(record.excluded)
    for campaign in sorted(record.last, key=lambda c: (-c.ended.toordinal(), c.campaign_id)):
        if campaign.spend <= 0 and not campaign.unconverted:
            left_out.append((campaign.campaign_id, ZERO_SPEND))
        elif campaign.ended > matured:
            left_out.append((campaign.campaign_id, NOT_MATURED))
        else:
            counted.append(campaign)
    return tuple(counted[: gate.campaigns]), tuple(sorted(left_out))


def _thin_track_record(
    counted: tuple[CampaignReturn, ...], left_out: tuple[tuple[str, str], ...], gate: rules.TrackRecordGate
) -> str:
    """Why the campaigns cannot be judged; empty when they can."""
    if any(campaign.unconverted for campaign in counted):
        return FX_RATE_MISSING
    if len(counted) < gate.campaigns:
        return FX_RATE_MISSING if any(code == FX_RATE_MISSING for _, code in left_out) else "FEW_CAMPAIGNS"
    missing = sum(campaign.missing_amounts for campaign in counted)
    opportunities = sum(campaign.opportunities for campaign in counted)
    return "AMOUNT_MISSING" if missing > gate.max_missing_amounts * opportunities else ""


def _reaches(campaign: CampaignReturn, ratio: Decimal) -> bool:
    return campaign.spend > 0 and campaign.pipeline >= ratio * campaign.spend


def _passes(ratio: Ratio | None, met: int, counted: int, gate: rules.TrackRecordGate) -> bool:
    if gate.rule == "pooled":
        return ratio is not None and ratio.reaches(gate.ratio)
    return met >= (counted if gate.rule == "each" else gate.k)


def combine(
    velocity: Verdict, market_fit: Verdict, track_record: Verdict, triage: rules.Triage, *, na_passes: bool = True
) -> Outcome:
    """The outcome of three verdicts; the first gate that fails, in the essay's order, decides."""
    verdicts = (velocity, market_fit, track_record)
    for verdict, outcome in zip(verdicts, (Outcome.ENABLE, Outcome.DEFER, Outcome.REWORK), strict=True):
        if verdict is Verdict.FAIL:
            return outcome
    unsure = Verdict.INSUFFICIENT in verdicts or (Verdict.NOT_APPLICABLE in verdicts and not na_passes)
    if unsure:
        return Outcome.HOLD if triage.insufficient == "hold" else Outcome.PILOT
    return Outcome.FUND


def allowed_motions(outcome: Outcome, triage: rules.Triage, *, stop: bool) -> tuple[str, ...]:
    """The motions that may be funded; a stop signal takes demand generation away."""
    open_motions = {
        Outcome.FUND: set(FUNDED_MOTIONS),
        Outcome.PILOT: {DEMAND_GEN, ENABLEMENT, *triage.ungated_motions},
        Outcome.ENABLE: {ENABLEMENT, *triage.ungated_motions} - {DEMAND_GEN},
        Outcome.REWORK: {ENABLEMENT, *triage.ungated_motions} - {DEMAND_GEN},
        Outcome.DEFER: {ENABLEMENT},
        Outcome.INSUFFICIENT: {ENABLEMENT},
        Outcome.HOLD: set(),
    }[outcome]
    return tuple(
        motion for motion in FUNDED_MOTIONS if motion in open_motions and not (stop and motion == DEMAND_GEN)
    )


def stale_gates() -> tuple[GateResult, ...]:
    """All three gates when the sources are too old to judge by."""
    return tuple(
        _gate(gate, Verdict.INSUFFICIENT, "STALE_SOURCE", "stale_after_hours", "a recent pull") for gate in Gate
    )


def _gate(gate: Gate, verdict: Verdict, code: str, key: str, missing: str = "") -> GateResult:
    return GateResult(gate=gate, verdict=verdict, code=code, policy_key=key, missing=missing)


def _unknown(gate: Gate, fact: Unknown, key: str) -> GateResult:
    return _gate(gate, Verdict.INSUFFICIENT, fact.code, key, fact.missing)
