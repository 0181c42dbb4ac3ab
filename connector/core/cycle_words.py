"""In which words are the cycle time and the quote-to-close state told?

Each line carries how many opportunities it rests on, the window, the definition and the policy key.
"""

from __future__ import annotations

from decimal import Decimal

from connector.core.cycle_time import CENSORED, CycleFact, CycleStatus, CycleTime
from connector.core.facts import Unknown
from connector.core.figures import plain, plain_percent
from connector.core.quote_state import QuoteBelief, QuoteState

DEFINITION_WORDS = {
    "mean_won": "mean of won opportunities",
    "median_won": "median of won opportunities",
    "mean_closed": "mean of won and lost opportunities",
    "median_closed": "median of won and lost opportunities",
    "size_adjusted": "won opportunities of matured cohorts at equal size, segment, product and cohort",
    "censored": "time to a win at equal size, segment, product and cohort, with lost and open ones censored",
}
_TENTH, _SURE = Decimal("0.1"), Decimal("0.999")


def cycle_story(held: CycleTime | Unknown | None) -> list[str]:
    """The lines about the cycle time; none where durations were never looked at."""
    if held is None:
        return []
    if isinstance(held, Unknown):
        return [f"Cycle time: {CycleStatus.INSUFFICIENT}. {held.code}: {held.missing} missing [cycle_time.start]."]
    lines = [f"Cycle time: {held.status}. {_because(held)} [{held.policy_key}]."]
    if held.delta is not None:
        lines.append(f"  {_doubt(held)}")
    lines += _kept(held)
    lines.append(f"  By {held.fact.definition}: {DEFINITION_WORDS[held.fact.definition]} [cycle_time.definition].")
    if held.fact.left_out:
        told = ", ".join(f"{count} {code}" for code, count in held.fact.left_out)
        lines.append(f"  Not timed: {told}.")
    return lines


def _kept(held: CycleTime) -> list[str]:
    """Why the record does not say just what was measured today."""
    lines = []
    if held.held:
        lines.append(f"  Held: it was {held.status} and has not gone far enough back [cycle_time.leave].")
    if held.shown is not None and held.shown != held.delta:
        lines.append(f"  The record shows {_side(held.shown)}: less than the dead band away [cycle_time.dead_band].")
    return lines


def _because(held: CycleTime) -> str:
    fact = held.fact
    counted = f"{_behind(fact)} against {fact.direct_n} direct ({fact.direct_wins} won)"
    if held.delta is None:
        return f"{held.code}: {_lacking(held)}; {counted}"
    claim = plain_percent(held.claim or Decimal(0))
    unclear = f"; that it is {claim} or more is not likely enough" if held.status is CycleStatus.NEUTRAL else ""
    return f"{_side(held.delta)} than direct{_between(held)}: {counted}{unclear}"


def _behind(fact: CycleFact) -> str:
    days = (fact.until - fact.since).days
    thing = "opportunity" if fact.n == 1 else "opportunities"
    return f"{fact.n} {thing} ({fact.wins} won) {fact.start} in {_days(days)}"


def _lacking(held: CycleTime) -> str:
    fact = held.fact
    if held.code == "IMMATURE_COHORT":
        old = "none is" if fact.oldest is None else f"the oldest is {_days(fact.oldest)}"
        return f"{old} old, {fact.mature_wins} won in matured cohorts; direct wins take up to {_days(fact.maturity)}"
    if held.code == "DEFINITIONS_DISAGREE" and fact.log_ratio is not None and fact.check is not None:
        here, there = _side(1 - fact.log_ratio.exp()), _side(1 - fact.check.exp())
        return f"do not quote it: {here} by {CENSORED}, {there} by size_adjusted"
    return _CODES.get(held.code, "it cannot be estimated")


_CODES = {
    "FEW_DIRECT_WINS": "too few direct wins to compare with",
    "FEW_OPPORTUNITIES": "too few opportunities",
    "FEW_WINS": "too few wins",
    "NO_SIZE_OVERLAP": "too few have a size as direct ones have",
    "NOT_CHECKED": "the size-adjusted cross-check cannot be made",
}


def _between(held: CycleTime) -> str:
    if held.low is None or held.high is None or held.interval is None:
        return ""
    return f" ({_percent(held.low)} to {_percent(held.high)} at {plain_percent(held.interval)})"


def _doubt(held: CycleTime) -> str:
    if held.chance_faster is None or held.chance_claimed is None or held.claim is None:
        return "An association, not causal."
    prior = held.fact.prior_partners
    given = f"given how {prior} partners lie" if prior else "taken by itself"
    faster, claimed = _chance(held.chance_faster), _chance(held.chance_claimed)
    return (
        f"{faster} likely faster, {claimed} likely faster by {plain_percent(held.claim)} or more, {given} "
        "[cycle_time.certainty]; an association, not causal."
    )


def belief_story(belief: QuoteBelief | None) -> list[str]:
    """The lines about what the quotes suffice for; none where there is nothing to go by."""
    if belief is None:
        return []
    more = belief.more
    waits = f"; about {more} more quotes at this rate would decide it" if more is not None else ""
    expected = belief.prior.a / (belief.prior.a + belief.prior.b)
    stays = _STAYS if belief.held else ""
    of = f" of persona {belief.prior.persona}" if belief.prior.persona else ""
    return [
        f"Quote-to-close state: {belief.state}{stays}. A second opinion: "
        f"{_STATES[belief.state]}; the gate follows it only "
        'where velocity.verdict is "bayes".',
        f"  {belief.won} of {belief.counted} quoted opportunities won; "
        f"{_chance(belief.below)} likely below {plain_percent(belief.floor)}, given the rates of "
        f"{belief.prior.partners} partners{of} (mean {_percent(expected)}){waits} [velocity.certainty].",
    ]


_STAYS = " (held: it has not gone far enough back [velocity.leave])"
_STATES = {
    QuoteState.BLOCK: "the true rate is likely below the floor",
    QuoteState.FUND: "the true rate is likely not below the floor",
    QuoteState.INSUFFICIENT: "its quotes cannot tell yet",
}


def _days(number: int | None) -> str:
    return f"{number} day{'' if number == 1 else 's'}"


def _side(delta: Decimal) -> str:
    return f"{_percent(abs(delta))} {'faster' if delta >= 0 else 'slower'}"


def _percent(share: Decimal) -> str:
    return f"{plain((share * 100).quantize(_TENTH))} %"


def _chance(share: Decimal) -> str:
    """Never rounded to certainty."""
    if share > _SURE:
        return f"more than {plain(_SURE * 100)} %"
    return (
        f"{plain((share * 100).quantize(_TENTH))} %"
        if share >= 1 - _SURE
        else f"less than {plain((1 - _SURE) * 100)} %"
    )
