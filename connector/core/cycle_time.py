"""Do opportunities with a partner close faster than direct ones, and can that be said at all?

The measured ratio is judged by the policy's [cycle_time]: thin, immature or unmatched evidence is `Insufficient`, and
a difference is claimed only where it is likely to be as large as claimed, given how all partners lie. It is an
association at equal size, segment, product and cohort; it does not say that the partner causes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from statistics import NormalDist

from connector.core.policy import CycleTimeRules

ADJUSTED = ("size_adjusted", "censored")
CENSORED = "censored"
NONPOSITIVE, NO_CLOSE_DATE, NO_SIZE, NO_MATCH = "NONPOSITIVE_DURATION", "NO_CLOSE_DATE", "NO_AMOUNT", "NO_MATCH"
NOT_QUALIFIED = "NOT_QUALIFIED"

_PLACES = Decimal("0.000001")
_NORMAL = NormalDist()


class CycleStatus(StrEnum):
    """What can be said about a partner's cycle time."""

    FASTER = "Faster"
    NEUTRAL = "Neutral"
    SLOWER = "Slower"
    INSUFFICIENT = "Insufficient"


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleFact:
    """The measured side: log(partner's duration / direct duration) by the policy's definition, before any rule."""

    definition: str
    log_ratio: Decimal | None  # None: it cannot be estimated
    se: Decimal | None
    n: int  # the partner's opportunities behind it
    wins: int
    direct_n: int
    direct_wins: int
    check: Decimal | None  # the log ratio by the cross-check, size_adjusted
    mature_wins: int
    oldest: int | None  # days since the partner's first opportunity
    maturity: int  # days by which the policy's share of direct wins had come
    overlap: Decimal | None  # share of the partner's opportunities of a size as most direct ones have
    prior_mean: Decimal | None  # of log(ratio) over all partners
    prior_sd: Decimal | None
    prior_partners: int
    left_out: tuple[tuple[str, int], ...]  # (reason code, opportunities)
    since: date  # first day on which an opportunity may have started
    until: date
    start: str  # "created" or "qualified"


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleTime:
    """The verdict with all that it rests on; `delta` is 1 - ratio: 0.15 is 15 % faster."""

    status: CycleStatus
    code: str
    policy_key: str
    fact: CycleFact
    delta: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    interval: Decimal | None = None  # the confidence of `low` and `high`
    chance_faster: Decimal | None = None  # that the true ratio is below 1, given how all partners lie
    chance_claimed: Decimal | None = None  # that it is at most 1 - faster
    claim: Decimal | None = None  # the policy's `faster`
    shown: Decimal | None = None  # the delta that stands on the record: an earlier one within the dead band
    held: bool = False  # an earlier verdict stands, as the evidence has not gone far enough back


@dataclass(frozen=True, slots=True)
class CycleShown:
    """What the next run must remember, so that neither the verdict nor the figure moves without news."""

    status: CycleStatus
    delta: Decimal
    definition: str
    faster: Decimal
    slower: Decimal


def remembered(found: CycleTime, rules: CycleTimeRules) -> CycleShown | None:
    """What to remember of a verdict; nothing of one that was refused."""
    if found.shown is None:
        return None
    return CycleShown(found.status, found.shown, found.fact.definition, rules.faster, rules.slower)


def judged(fact: CycleFact, rules: CycleTimeRules, earlier: CycleShown | None = None) -> CycleTime:
    """What the policy lets us say about the measured ratio.

    A verdict is entered at `certainty` and then left only below `leave` or beyond the dead band; the `earlier` figure
    stays on the record while the measured one lies within the dead band. Other rules start afresh.
    """
    if earlier is not None and _asked(earlier) != (fact.definition, rules.faster, rules.slower):
        earlier = None
    refused = _refused(fact, rules, earlier)
    if refused is not None:
        code, key = refused
        return CycleTime(
            status=CycleStatus.INSUFFICIENT, code=code, policy_key=f"cycle_time.{key}", fact=fact, claim=rules.faster
        )
    assert fact.log_ratio is not None
    delta = (1 - fact.log_ratio.exp()).quantize(_PLACES)
    low, high = _interval(fact, rules.interval)
    below, claimed, above = (_chance(fact, limit) for limit in _limits(rules))
    slower = None if above is None else 1 - above
    status = _status(delta, claimed, slower, rules, rules.certainty, Decimal(0))
    held = False
    if earlier is not None and status is CycleStatus.NEUTRAL is not earlier.status:
        still = _status(delta, claimed, slower, rules, rules.leave, rules.dead_band)
        held = still is earlier.status
        status = still if held else status
    moved = earlier is None or status is not earlier.status or abs(delta - earlier.delta) >= rules.dead_band
    return CycleTime(
        shown=delta if moved or earlier is None else earlier.delta,
        held=held,
        status=status,
        code={CycleStatus.FASTER: "FASTER", CycleStatus.SLOWER: "SLOWER"}.get(status, "NO_CLEAR_DIFFERENCE"),
        policy_key="cycle_time.slower" if status is CycleStatus.SLOWER else "cycle_time.faster",
        fact=fact,
        delta=delta,
        low=low,
        high=high,
        interval=rules.interval,
        chance_faster=below,
        chance_claimed=claimed,
        claim=rules.faster,
    )


def _asked(earlier: CycleShown) -> tuple[str, Decimal, Decimal]:
    return earlier.definition, earlier.faster, earlier.slower


def _status(
    delta: Decimal,
    claimed: Decimal | None,
    slower: Decimal | None,
    rules: CycleTimeRules,
    sure: Decimal,
    band: Decimal,
) -> CycleStatus:
    if delta >= rules.faster - band and _sure(claimed, sure):
        return CycleStatus.FASTER
    if delta <= band - rules.slower and _sure(slower, sure):
        return CycleStatus.SLOWER
    return CycleStatus.NEUTRAL


def _refused(fact: CycleFact, rules: CycleTimeRules, earlier: CycleShown | None) -> tuple[str, str] | None:
    """Why nothing can be said, with the policy key; None when something can."""
    adjusted = fact.definition in ADJUSTED
    if fact.direct_wins < rules.min_direct_wins:
        return "FEW_DIRECT_WINS", "min_direct_wins"
    if fact.oldest is not None and fact.oldest < fact.maturity:
        return "IMMATURE_COHORT", "maturity"
    if fact.n < max(rules.min_opportunities, 1):
        return "FEW_OPPORTUNITIES", "min_opportunities"
    if fact.wins < max(rules.min_wins, 1):
        return "FEW_WINS", "min_wins"
    if adjusted and (fact.overlap is None or fact.overlap < rules.min_overlap):
        return "NO_SIZE_OVERLAP", "min_overlap"
    if fact.mature_wins < rules.min_wins:
        return "IMMATURE_COHORT", "maturity"
    if fact.log_ratio is None or (fact.se is None and rules.certainty > 0):
        return "NOT_ESTIMABLE", "definition"
    return _unchecked(fact, rules, rules.dead_band if earlier else Decimal(0))


def _unchecked(fact: CycleFact, rules: CycleTimeRules, band: Decimal) -> tuple[str, str] | None:
    """Two ways of looking that differ by more than the policy allows are not to be quoted."""
    if fact.definition != CENSORED or fact.log_ratio is None:
        return None
    if fact.check is None:
        return "NOT_CHECKED", "max_disagreement"
    apart = abs((fact.log_ratio - fact.check).exp() - 1)
    return ("DEFINITIONS_DISAGREE", "max_disagreement") if apart > rules.max_disagreement + band else None


def _interval(fact: CycleFact, confidence: Decimal) -> tuple[Decimal | None, Decimal | None]:
    """The delta's own two-sided interval, not drawn towards other partners."""
    if fact.log_ratio is None or fact.se is None:
        return None, None
    reach = fact.se * _quantile(confidence)
    ends = (fact.log_ratio + reach, fact.log_ratio - reach)
    return (1 - ends[0].exp()).quantize(_PLACES), (1 - ends[1].exp()).quantize(_PLACES)


@lru_cache(maxsize=8)
def _quantile(confidence: Decimal) -> Decimal:
    return Decimal(_NORMAL.inv_cdf((1 + float(confidence)) / 2))


@lru_cache(maxsize=8)
def _limits(rules: CycleTimeRules) -> tuple[float, float, float]:
    """The log ratios of no difference, of the claim "faster" and of the claim "slower"."""
    return 0.0, float((1 - rules.faster).ln()), float((1 + rules.slower).ln())


def _chance(fact: CycleFact, limit: float) -> Decimal | None:
    """The chance that the true log ratio is at most the limit, given the prior over partners where there is one."""
    if fact.log_ratio is None or fact.se is None or fact.se <= 0:
        return None
    mean, sd = float(fact.log_ratio), float(fact.se)
    if fact.prior_mean is not None and fact.prior_sd is not None:
        spread, center = float(fact.prior_sd) ** 2, float(fact.prior_mean)
        keep = spread / (spread + sd * sd)
        mean, sd = center + keep * (mean - center), keep**0.5 * sd
    if sd == 0:
        return Decimal(int(mean <= limit))
    return Decimal(_NORMAL.cdf((limit - mean) / sd)).quantize(_PLACES)


def _sure(chance: Decimal | None, certainty: Decimal) -> bool:
    return certainty == 0 or (chance is not None and chance >= certainty)
