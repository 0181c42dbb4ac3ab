"""Which fields stand on a partner record, and what should each hold after this decision?

Machine fields are overwritten every run, human fields never. Values are rounded to the field's scale here, before
anything is compared, so that an unchanged score costs no write.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from connector.core.credit import CreditSums
from connector.core.cycle_time import CycleStatus, CycleTime
from connector.core.decisions import FUNDED_MOTIONS, UNMAPPED, Decision, Outcome
from connector.core.explain import why
from connector.core.fields import Maker, ScoreField, Value, joined
from connector.core.figures import Ratio
from connector.core.lever_audit import AuditStatus
from connector.core.multiplier import NAMES, Multiplier
from connector.core.quote_state import QuoteState
from connector.core.records import MOTIONS, PERSONAS, Kind
from connector.core.verdicts import Confidence, Gate, Lever, Symptom, Verdict

_VERDICTS = tuple(verdict.value for verdict in Verdict)
_OUTCOMES = tuple(outcome.value for outcome in Outcome)

_ON = Maker("partners")

PARTNER_FIELDS: tuple[ScoreField, ...] = (
    _ON.human("Partner_Persona", "Partner Persona", "Set by people.", options=PERSONAS, multiple=True),
    _ON.words(
        "Partner_Motion",
        "Partner Motion",
        "How we market with this partner.",
        ("Through-Partner", "With-Partner", "To-Partner", UNMAPPED),
    ),
    _ON.words("Motion_Owner_Role", "Motion Owner Role", "The role that is accountable.", ("PMM", "PAM")),
    _ON.link("Accountable_User", "Accountable User", "The accountable role's person.", "users"),
    _ON.words("Triage_Decision", "Triage Decision", "What may be funded.", _OUTCOMES),
    _ON.words("Allowed_Motions", "Allowed Motions", "Motions that may be funded now.", FUNDED_MOTIONS, multiple=True),
    _ON.words("Gate_Velocity", "Gate: Velocity Check", "Quote-to-close against the floor.", _VERDICTS),
    _ON.words("Gate_Market_Fit", "Gate: Market Fit", "Footprint against this quarter's goals.", _VERDICTS),
    _ON.words("Gate_PoP", "Gate: Proof of Performance", "Pipeline to spend of the last campaigns.", _VERDICTS),
    _ON.number("Quote_to_Close_Rate", "Quote-to-Close Rate (%)", "Won of quoted opportunities, in percent.", 5, 1),
    _ON.number("Quotes_Counted", "Quotes Counted", "Matured opportunities with an issued quote.", 9, 0),
    _ON.words(
        "Quote_to_Close_State",
        "Quote-to-Close State",
        "What the quotes suffice for, given how all partners' rates lie; it informs.",
        tuple(state.value for state in QuoteState),
    ),
    _ON.number("PoP_Pooled_Ratio", "PoP Pooled Ratio", "Pipeline to spend of the last campaigns together.", 8, 2),
    _ON.text("PoP_Campaigns_Met", "PoP Campaigns Met", "Campaigns that met the ratio by themselves.", 20),
    _ON.words(
        "Symptom", "Symptom", "The first symptom that is present.", tuple(symptom.value for symptom in Symptom)
    ),
    _ON.words(
        "Recommended_Lever", "Recommended Lever", "What to do about it.", tuple(lever.value for lever in Lever)
    ),
    _ON.plain("Lever_Since", "Lever Since", "Since when this lever is recommended.", Kind.DATE),
    _ON.words(
        "Lever_In_Effect",
        "Lever In Effect",
        "Motions of live campaigns and approved fund requests.",
        MOTIONS,
        multiple=True,
    ),
    _ON.words(
        "Decision_Confidence",
        "Decision Confidence",
        "How firmly the numbers carry the decision.",
        tuple(level.value for level in Confidence),
    ),
    _ON.money("Sourced_Won_TTM", "Sourced Won (12 months)", "Won deals that this partner sourced."),
    _ON.money("Influenced_Won_TTM", "Influenced Won (12 months)", "Its shares of won deals that it influenced."),
    _ON.money("Touched_Won_TTM", "Touched Won (12 months)", "Whole won deals it sourced or influenced; overlapping."),
    _ON.money("Sourced_Open_Pipeline", "Sourced Open Pipeline", "Open deals that this partner sourced."),
    _ON.number("Ecosystem_Multiplier", "Ecosystem Multiplier", "Service revenue per product revenue.", 9, 2),
    _ON.number("Multiplier_Coverage", "Multiplier Coverage (%)", "Won amount with a known service revenue.", 5, 1),
    _ON.words("Multiplier_Source", "Multiplier Source", "Who says so; never mixed.", tuple(NAMES.values())),
    _ON.number("Cycle_Time_Delta", "Cycle-Time Delta (%)", "Faster than direct, in percent; not causal.", 6, 1),
    _ON.words(
        "Cycle_Delta_Status",
        "Cycle Delta Status",
        "What can be said of the cycle time against direct.",
        tuple(status.value for status in CycleStatus),
    ),
    _ON.number("Cycle_N", "Cycle N", "Opportunities behind the cycle-time delta.", 9, 0),
    _ON.words(
        "Audit_Status",
        "Audit Status",
        "How the partner stood in the last quarterly audit.",
        tuple(status.value for status in AuditStatus),
    ),
    _ON.text("Last_Audit_Quarter", "Last Audit Quarter", "The fiscal quarter of that audit.", 16),
    _ON.text("Why", "Why", "The decision's account, with the policy key of each number.", 1000, long=True),
    _ON.text(
        "Evidence_URL", "Evidence", "The first record behind the deciding number; `pmom explain` lists all.", 255
    ),
    _ON.plain("Scored_At", "Scored At", "When these fields were last written.", Kind.INSTANT, volatile=True),
    _ON.version(),
    _ON.plain("Data_Freshness", "Data Freshness", "Up to when every source was read.", Kind.INSTANT, volatile=True),
    _ON.human("Override_Decision", "Override: Decision", "Replaces the triage decision.", options=_OUTCOMES),
    _ON.human("Override_Reason", "Override: Reason", "Why the rules are overridden.", length=255),
    _ON.human("Override_Expires", "Override: Expires", "Last day on which the override holds.", Kind.DATE),
    _ON.human("Override_By", "Override: By", "Who decided.", Kind.ID, references="users"),
    _ON.human("Footprint_Regions", "Footprint: Regions", "Region or country codes parted by ';'.", length=255),
    _ON.human("Footprint_Verticals", "Footprint: Verticals", "Verticals parted by ';'.", length=255),
    _ON.human("Exclude_From_Scoring", "Exclude From Scoring", "Not scored while set.", Kind.BOOL),
)

_BY_NAME = {field.name: field for field in PARTNER_FIELDS}
MACHINE_FIELDS = tuple(field.name for field in PARTNER_FIELDS if not field.human)


def scorecard(
    decision: Decision,
    *,
    scored_at: datetime | None = None,
    evidence_url: str | None = None,
    audited: tuple[str, str] | None = None,
) -> tuple[tuple[str, Value], ...]:
    """Every machine field with the value that it should hold, in `PARTNER_FIELDS` order.

    An excluded partner keeps only the decision and its reason; a stale decision says so and leaves the rest standing.
    Without `evidence_url` that field is left alone, and so are those of the audit without `audited`: how the partner
    stood, and in which quarter.
    """
    stamps: dict[str, Value] = {
        "Scored_At": scored_at,
        "Policy_Version": decision.policy_version,
        "Data_Freshness": decision.freshness,
    }
    if decision.stale:
        values: dict[str, Value] = {"Why": why(decision)}
    elif decision.excluded:
        values = {name: None for name in MACHINE_FIELDS if name != "Evidence_URL"}
        values |= {"Triage_Decision": decision.outcome.value, "Why": why(decision), **stamps}
    else:
        values = {**_decided(decision), **_measured(decision), **_told(decision), **stamps}
    if evidence_url is not None and not decision.stale:
        values["Evidence_URL"] = evidence_url
    if audited is not None:
        values["Audit_Status"], values["Last_Audit_Quarter"] = audited
    return tuple((name, values[name]) for name in MACHINE_FIELDS if name in values)


EVIDENCE_TABLES = {
    Gate.VELOCITY: "opportunities",
    Gate.MARKET_FIT: "opportunities",
    Gate.TRACK_RECORD: "campaigns",
    Symptom.CONFIDENCE: "meetings",
    Symptom.STRATEGIC: "opportunities",
}


def leading_evidence(decision: Decision) -> tuple[str, str] | None:
    """Canonical table and id of the first record behind the decision: of a deciding gate, else of the symptom."""
    deciding = {code.partition(".")[0] for code in decision.reasons}
    for gate in decision.gates:
        if gate.gate.value in deciding and gate.evidence:
            return EVIDENCE_TABLES[gate.gate], gate.evidence[0]
    for result in decision.symptoms:
        if result.symptom is decision.symptom and result.evidence and result.symptom in EVIDENCE_TABLES:
            return EVIDENCE_TABLES[result.symptom], result.evidence[0]
    return None


def _decided(decision: Decision) -> dict[str, Value]:
    held = decision.accountability
    return {
        "Partner_Motion": held.motion,
        "Motion_Owner_Role": held.role or None,
        "Accountable_User": held.owner.user_id,
        "Triage_Decision": decision.outcome.value,
        "Allowed_Motions": joined(decision.allowed_motions, FUNDED_MOTIONS),
        "Symptom": decision.symptom.value,
        "Recommended_Lever": decision.lever.value,
        "Lever_Since": decision.lever_since,
        "Lever_In_Effect": joined(tuple(item.motion for item in decision.live), MOTIONS),
        "Decision_Confidence": decision.confidence.value,
        "Why": why(decision),
    }


def _measured(decision: Decision) -> dict[str, Value]:
    quotes, fit, record = (decision.gate(gate) for gate in Gate)
    values: dict[str, Value] = {}
    if quotes is not None:
        values["Gate_Velocity"] = quotes.shown.value
        values["Quote_to_Close_Rate"] = _rounded("Quote_to_Close_Rate", quotes.value, quotes.threshold, 100)
        known = quotes.value is not None or quotes.code == "FEW_QUOTES"
        values["Quotes_Counted"] = quotes.n if known else None
    if fit is not None:
        values["Gate_Market_Fit"] = fit.shown.value
    if record is not None:
        values["Gate_PoP"] = record.shown.value
        values["PoP_Pooled_Ratio"] = _rounded("PoP_Pooled_Ratio", record.value, record.threshold, 1)
        values["PoP_Campaigns_Met"] = f"{record.met} of {record.n}" if record.met is not None and record.n else None
    return values


def _told(decision: Decision) -> dict[str, Value]:
    """What is shown and decides nothing."""
    return {**_credited(decision), **_multiplied(decision), **_timed(decision)}


def _credited(decision: Decision) -> dict[str, Value]:
    held = decision.credit
    if not isinstance(held, CreditSums):
        return {} if held is None else dict.fromkeys(_CREDIT_FIELDS)
    amounts = (held.sourced_won, held.influenced_won, held.touched_won, held.sourced_open)
    return dict(zip(_CREDIT_FIELDS, amounts, strict=True))


_CREDIT_FIELDS = ("Sourced_Won_TTM", "Influenced_Won_TTM", "Touched_Won_TTM", "Sourced_Open_Pipeline")


def _timed(decision: Decision) -> dict[str, Value]:
    held, belief = decision.cycle, decision.quote_belief
    values: dict[str, Value] = {"Quote_to_Close_State": belief.state.value if belief else None}
    if not isinstance(held, CycleTime):
        lacking = {"Cycle_Time_Delta": None, "Cycle_Delta_Status": CycleStatus.INSUFFICIENT.value, "Cycle_N": None}
        return {**values, **lacking} if held is not None else values if belief else {}
    delta = None if held.shown is None else Ratio(held.shown, Decimal(1))
    values["Cycle_Time_Delta"] = _rounded("Cycle_Time_Delta", delta, held.claim, 100)
    return {**values, "Cycle_Delta_Status": held.status.value, "Cycle_N": held.fact.n}


def _multiplied(decision: Decision) -> dict[str, Value]:
    held = decision.multiplier
    names = ("Ecosystem_Multiplier", "Multiplier_Coverage", "Multiplier_Source")
    if not isinstance(held, Multiplier):
        return {} if held is None else dict.fromkeys(names)
    told = held.told
    coverage = _rounded(names[1], told.coverage, held.floor, 100)
    values = (_rounded(names[0], told.value, held.threshold, 1), coverage, NAMES[told.provenance])
    return dict(zip(names, values, strict=True))


def _rounded(name: str, value: Ratio | None, threshold: Decimal | None, factor: int) -> Decimal | None:
    """At the field's scale, on the same side of the threshold as the truth, and within the field's precision."""
    if value is None:
        return None
    spec = _BY_NAME[name]
    scale, precision = spec.scale or 0, spec.precision or 18
    largest = Decimal(10) ** (precision - scale) - Decimal(1).scaleb(-scale)
    return min(value.rounded(scale, threshold=threshold, factor=factor), largest)
