"""The written policy about money: what a fund request must say, and how a budget is proposed to be split."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class FundRules:
    """What a fund request must say before it is decided; what it lacks makes it incomplete, never rejected."""

    requires: tuple[str, ...]  # of "activity", "conversion", "pipeline", "match", "lead_time" and "claims"
    eligible_motions: tuple[str, ...]
    ratio: Decimal  # of expected pipeline to the amount asked for
    match_share: Decimal  # of the cost that the partner bears
    lead_days: int  # from the request to the first day of the activity
    claims_days: int  # the trailing days of claims that are looked at
    max_rejected_claims: int
    claim_days: int  # after an activity in which it may be claimed and proven


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationRules:
    """How `pmom allocate` splits a budget; shares are of the budget."""

    increment: Decimal  # corporate currency; the smallest amount that is proposed
    hurdle: Decimal  # pipeline to spend that an increment must be expected to bring
    diminishing: Decimal  # what the next increment of one line brings, as a share of the one before
    smoothing: Decimal  # weight of the motion's own return in a single campaign's, so that nothing is log of zero
    interval: Decimal  # two-sided confidence of the intervals, e.g. 0.80
    exploration: Decimal  # share kept for partners with few campaigns
    exploration_campaigns: int  # fewer than so many are few
    partner_cap: Decimal
    motion_caps: tuple[tuple[str, Decimal], ...]  # motion -> share
    region_caps: tuple[tuple[str, Decimal], ...]  # region -> share
