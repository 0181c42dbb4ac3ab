"""Has money stayed on levers that the facts now forbid? What a quarterly audit finds about one partner.

"It requires a quarterly "Audit of the Levers" to ensure you aren't still running demand gen for a partner who has a
massive confidence gap." What was prescribed at the quarter's end is compared with what was in effect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from connector.core.codec import from_json, to_json
from connector.core.decide import outcome_named
from connector.core.decisions import DEMAND_GEN, ENABLEMENT, FIRST_DEAL, THOUGHT_LEADERSHIP, Decision
from connector.core.facts import LiveItem
from connector.core.figures import Ratio, money
from connector.core.policy import Policy
from connector.core.quarters import Quarter, between, quarter_named
from connector.core.triage import allowed_motions
from connector.core.verdicts import Gate, Lever, Presence, Symptom, SymptomResult, Verdict


class Drift(StrEnum):
    """What can have gone apart."""

    CONTRADICTION = "D1"  # demand generation is live although the facts forbid it
    PERSONA = "D2"  # nobody confirmed the persona for long, or the partner behaves like another one
    STUCK = "D3"  # the same lever for quarters, and the symptom is no better
    UNATTENDED = "D4"  # a lever is prescribed and nothing was done
    POLICY = "D5"  # the answer is another only because the policy is
    DATA = "D6"  # what was judged before cannot be judged any more, as its source is gone
    OVERRIDE = "D7"  # an override has expired and still steers money


SEVERITY = {
    Drift.CONTRADICTION: "high",
    Drift.OVERRIDE: "high",
    Drift.STUCK: "medium",
    Drift.UNATTENDED: "medium",
    Drift.DATA: "medium",
    Drift.PERSONA: "low",
    Drift.POLICY: "low",
}


class AuditStatus(StrEnum):
    """How a partner stands after an audit."""

    ALIGNED = "Aligned"
    DRIFT = "Drift"
    NOT_REVIEWED = "Not Reviewed"  # excluded, or nothing could be judged
    ACCEPTED = "Accepted"  # drift that somebody signed for


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One drift of one partner; `items` are the live items whose money it is about."""

    drift: Drift
    code: str
    text: str
    policy_key: str
    items: tuple[str, ...] = ()
    excused: str = ""  # a valid override stands behind it: whose, until when


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the audit looks at for one partner."""

    decision: Decision  # at the quarter's end
    live: tuple[LiveItem, ...]  # live or approved then, each amount once
    earlier: tuple[Decision, ...] = ()  # at the ends of the quarters before, newest first, without gaps
    redecided: Decision | None = None  # the same facts under the policy of the quarter before, when that is another
    persona_since: str = ""  # the quarter in which the persona was set or last confirmed
    attended: bool = False  # somebody touched or completed a task about it


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One partner's line of an audit, with the whole decision that it rests on."""

    decision: Decision
    live: tuple[LiveItem, ...]
    found: tuple[Found, ...]
    status: AuditStatus
    persona_since: str = ""

    @property
    def partner_id(self) -> str:
        """The partner."""
        return self.decision.partner_id

    @property
    def at_risk(self) -> tuple[LiveItem, ...]:
        """Live items that some drift is about, each once."""
        ids = {id_ for each in self.found for id_ in each.items}
        return tuple(item for item in self.live if named(item) in ids)

    def of(self, drift: Drift) -> tuple[Found, ...]:
        """The findings of that class."""
        return tuple(each for each in self.found if each.drift is drift)

    @property
    def told(self) -> AuditLine:
        """The line without up to when the sources were read, which every pull moves on."""
        return replace(self, decision=replace(self.decision, freshness=None, first=False))

    def to_json(self) -> str:
        """Canonical JSON: equal lines give equal bytes."""
        return to_json(self)

    @staticmethod
    def from_json(text: str) -> AuditLine:
        """The value that `to_json` made."""
        return from_json(AuditLine, text)


def audited(seen: Seen, policy: Policy, quarter: Quarter) -> AuditLine:
    """One partner's line; a pure function of what was seen and the policy."""
    decision = seen.decision
    if decision.excluded:
        return AuditLine(decision=decision, live=seen.live, found=(), status=AuditStatus.NOT_REVIEWED)
    found = (
        *_contradiction(seen),
        *_persona(seen, policy, quarter),
        *_stuck(seen, policy),
        *_unattended(seen, policy),
        *_policy_drift(seen),
        *_data_drift(seen),
        *_expired(seen, policy),
    )
    return AuditLine(
        decision=decision,
        live=seen.live,
        found=found,
        status=_status(decision, found),
        persona_since=seen.persona_since,
    )


def conflicts(decision: Decision, policy: Policy) -> tuple[Found, ...]:
    """Drifts of the money at work now against this very decision, D1 and D7, unless an override stands behind it."""
    seen = Seen(decision=decision, live=decision.live)
    return tuple(each for each in (*_contradiction(seen), *_expired(seen, policy)) if not each.excused)


def _status(decision: Decision, found: tuple[Found, ...]) -> AuditStatus:
    if any(not each.excused for each in found):
        return AuditStatus.DRIFT
    if found:
        return AuditStatus.ACCEPTED
    judged = any(gate.verdict is not Verdict.INSUFFICIENT for gate in decision.gates)
    judged = judged or any(result.presence is not Presence.INSUFFICIENT for result in decision.symptoms)
    return AuditStatus.ALIGNED if judged and not decision.stale else AuditStatus.NOT_REVIEWED


def _sum(items: tuple[LiveItem, ...], currency: str) -> str:
    known = [item.amount for item in items if item.amount is not None]
    blank = len(items) - len(known)
    words = money(sum(known, Decimal(0)), currency) if known else "amounts unknown"
    return f"{words}, {blank} without an amount" if known and blank else words


def named(item: LiveItem) -> str:
    """A live item's name within its partner: in some CRMs ids are unique only among records of one kind."""
    return f"{item.kind}/{item.id}"


def _ids(items: tuple[LiveItem, ...]) -> tuple[str, ...]:
    return tuple(named(item) for item in items)


def _contradiction(seen: Seen) -> Iterator[Found]:
    """Demand generation live or approved while gate 1 fails or the Confidence Gap shows."""
    items = tuple(item for item in seen.live if item.motion == DEMAND_GEN)
    gate, decision = seen.decision.gate(Gate.VELOCITY), seen.decision
    fails = gate is not None and gate.verdict is Verdict.FAIL
    gap = decision.symptom_result(Symptom.CONFIDENCE)
    if not items or not (fails or decision.shows(Symptom.CONFIDENCE)):
        return
    said, key = [], "velocity.floor"
    if fails and gate is not None:
        said.append(f"quote-to-close fails (n = {gate.n})")
    if gap is not None and gap.presence is Presence.PRESENT:
        said.append(f"{gap.n} meetings with {gap.quoted} quotes")
        key = key if fails else gap.policy_key
    code = "VELOCITY_FAILS" if fails else "CONFIDENCE_GAP"
    yield Found(
        drift=Drift.CONTRADICTION,
        code=code,
        text=f"Demand generation is live ({_sum(items, decision.currency)}) while {' and '.join(said)}.",
        policy_key=key,
        items=_ids(items),
        excused=_excuse(decision),
    )


def _excuse(decision: Decision) -> str:
    """The override that allows it, when one holds and does."""
    held = decision.override
    if held is None or not held.applied or DEMAND_GEN not in decision.allowed_motions:
        return ""
    return f"override by {held.override.by or 'somebody unnamed'} until {held.override.expires}"


def _persona(seen: Seen, policy: Policy, quarter: Quarter) -> Iterator[Found]:
    """ "They assume a partner who was "Strategic" in 2024 will be "Strategic" in 2026." """
    decision, persona = seen.decision, seen.decision.accountability.persona
    if not persona:
        return
    if seen.persona_since:
        since = quarter_named(seen.persona_since, policy.fiscal_year_start_month)
        age = between(since, quarter)
        if age > policy.audit.persona_quarters:
            text = f"{persona} since {since} and not confirmed for {age} quarters."
            yield _stale_persona("PERSONA_UNCONFIRMED", text, "audit.persona_quarters")
    size = decision.symptom_result(Symptom.STRATEGIC)
    strategic = decision.accountability.strategic
    if strategic and decision.shows(Symptom.STRATEGIC) and size is not None:
        text = f"{persona} is strategic, and its won deals are {_size(size)} (n = {size.n})."
        yield _stale_persona("STRATEGIC_BUT_SMALL_DEALS", text, size.policy_key)
    if strategic and decision.shows(Symptom.AWARENESS):
        text = f"{persona} is strategic, and no sign of life was seen for {policy.levers.awareness.days} days."
        yield _stale_persona("STRATEGIC_BUT_DORMANT", text, "levers.awareness.days")
    if not strategic and size is not None and _large(size, policy.audit.large_deals):
        text = f"{persona} is transactional, and its won deals are {_size(size)} (n = {size.n})."
        yield _stale_persona("TRANSACTIONAL_BUT_LARGE_DEALS", text, "audit.large_deals")


def _large(size: SymptomResult, ratio: Decimal) -> bool:
    judged = size.presence in (Presence.PRESENT, Presence.ABSENT)
    return judged and size.value is not None and size.value.reaches(ratio)


def _size(size: SymptomResult) -> str:
    if size.value is None:
        return "small"
    return f"{size.value.text(2, threshold=size.threshold)} times the size of matched direct deals"


def _stale_persona(code: str, text: str, key: str) -> Found:
    return Found(drift=Drift.PERSONA, code=code, text=text, policy_key=key)


_SYMPTOM_OF = {
    Lever.STOP: Symptom.CONFIDENCE,
    Lever.THOUGHT_LEADERSHIP: Symptom.STRATEGIC,
    Lever.RE_RECRUIT: Symptom.AWARENESS,
}
_ANSWERED_BY = {
    Lever.STOP: ENABLEMENT,
    Lever.THOUGHT_LEADERSHIP: THOUGHT_LEADERSHIP,
    Lever.RE_RECRUIT: FIRST_DEAL,
}


def _stuck(seen: Seen, policy: Policy) -> Iterator[Found]:
    """The same lever at so many quarters' ends, and the number that it is for is no better than at the first."""
    lever, needed = seen.decision.lever, policy.audit.stuck_quarters
    symptom = _SYMPTOM_OF.get(lever)
    before = seen.earlier[: max(needed - 1, 1)]
    if symptom is None or len(before) < needed - 1 or not before or any(each.lever is not lever for each in before):
        return
    then, now = before[-1].symptom_result(symptom), seen.decision.symptom_result(symptom)
    if then is None or now is None or improved(symptom, then, now) is not False:
        return
    text = f"{lever} at {len(before) + 1} quarters' ends: {_metric(symptom, then)}, now {_metric(symptom, now)}."
    yield Found(drift=Drift.STUCK, code=f"{symptom.name}_NOT_BETTER", text=text, policy_key="audit.stuck_quarters")


def improved(symptom: Symptom, then: SymptomResult, now: SymptomResult) -> bool | None:
    """Whether a symptom's number is better than it was; None when either is unknown."""
    if symptom is Symptom.CONFIDENCE:
        if not then.n or not now.n:
            return None
        return now.quoted * then.n > then.quoted * now.n
    if symptom is Symptom.STRATEGIC:
        return None if then.value is None or now.value is None else _more(now.value, then.value)
    if Presence.INSUFFICIENT in (then.presence, now.presence):
        return None
    return now.n < then.n


def _more(one: Ratio, other: Ratio) -> bool:
    return one.top * other.bottom > other.top * one.bottom


def _metric(symptom: Symptom, result: SymptomResult) -> str:
    if symptom is Symptom.CONFIDENCE:
        return f"{result.quoted} quotes on {result.n} meetings"
    if symptom is Symptom.STRATEGIC:
        return f"{_size(result)} (n = {result.n})"
    return f"{result.n} days without a sign of life or more"


def _unattended(seen: Seen, policy: Policy) -> Iterator[Found]:
    """A lever is prescribed, nothing live answers it, and nobody has touched a task about it."""
    decision, days = seen.decision, policy.audit.unattended_days
    motion = _ANSWERED_BY.get(decision.lever)
    stood = (decision.as_of - decision.lever_since).days
    if motion is None or seen.attended or stood < days or any(item.motion == motion for item in seen.live):
        return
    text = f"{decision.lever} for {stood} days; no {motion} is live and nobody has touched a task about it."
    yield Found(drift=Drift.UNATTENDED, code="NOTHING_DONE", text=text, policy_key="audit.unattended_days")


def _answer(decision: Decision) -> tuple[str, str, tuple[str, ...]]:
    return decision.outcome.value, decision.lever.value, decision.allowed_motions


def _policy_drift(seen: Seen) -> Iterator[Found]:
    """Proven by deciding the same facts under the earlier policy: that gives what the quarter before had."""
    if not seen.earlier or seen.redecided is None:
        return
    before, now = seen.earlier[0], seen.decision
    if _answer(now) == _answer(before) or _answer(seen.redecided) != _answer(before):
        return
    text = (
        f"{now.outcome}, {now.lever} under {now.policy_version}; the same facts give {before.outcome}, "
        f"{before.lever} under {seen.redecided.policy_version}, as the quarter before."
    )
    yield Found(drift=Drift.POLICY, code="ONLY_THE_POLICY_CHANGED", text=text, policy_key="version")


def _data_drift(seen: Seen) -> Iterator[Found]:
    """What was judged a quarter ago and now lacks its source."""
    if not seen.earlier:
        return
    before = seen.earlier[0]
    lost: list[tuple[str, str]] = []  # what, and the thing that is missing
    for gate in seen.decision.gates:
        then = before.gate(gate.gate)
        judged = then is not None and then.verdict in (Verdict.PASS, Verdict.FAIL)
        if judged and gate.missing and gate.verdict is Verdict.INSUFFICIENT:
            lost.append((f"{gate.gate} ({gate.code})", gate.missing))
    for result in seen.decision.symptoms:
        held = before.symptom_result(result.symptom)
        judged = held is not None and held.presence in (Presence.PRESENT, Presence.ABSENT)
        if judged and result.missing and result.presence is Presence.INSUFFICIENT:
            lost.append((f"{result.symptom} ({result.code})", result.missing))
    if lost:
        things = ", ".join(dict.fromkeys(thing for _, thing in lost))
        text = f"Judged a quarter ago, no longer for want of {things}: {', '.join(what for what, _ in lost)}."
        yield Found(drift=Drift.DATA, code="FEED_LOST", text=text, policy_key="stale_after_hours")


def _expired(seen: Seen, policy: Policy) -> Iterator[Found]:
    """Money that only an override which is over would allow."""
    held = seen.decision.override
    if held is None or held.code != "OVERRIDE_EXPIRED":
        return
    outcome = outcome_named(held.override.decision)
    if outcome is None:
        return
    allowed = allowed_motions(outcome, policy.triage, stop=False)
    items = tuple(i for i in seen.live if i.motion in allowed and i.motion not in seen.decision.allowed_motions)
    if items:
        yield Found(
            drift=Drift.OVERRIDE,
            code="OVERRIDE_EXPIRED",
            text=f"{outcome} by {held.override.by or 'somebody unnamed'} ended on {held.override.expires}; "
            f"{_sum(items, seen.decision.currency)} still runs on it.",
            policy_key="tasks.override_notice_days",
            items=_ids(items),
        )


def persona_set(
    persona: str, before: AuditLine | None, first: tuple[str, date] | None, confirmed: str, now: Quarter, of: str
) -> str:
    """The quarter since which a persona stands or was confirmed.

    `before`: the line a quarter ago; `first`: the persona and the quarter's label when the partner was first decided
    (as (persona, day)); `confirmed`: the quarter ago when somebody signed an audit that listed it as stale; `of`: the
    label of the quarter of `first`'s day.
    """
    if before is not None:
        if before.decision.accountability.persona != persona:
            return now.label
        listed = any(each.code == "PERSONA_UNCONFIRMED" for each in before.found)
        return confirmed if listed and confirmed else before.persona_since or now.label
    if first is not None and first[0] == persona:
        return of
    return now.label
