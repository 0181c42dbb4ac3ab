"""The written policy about touch models: what is a touch, what the rules are told, when a model must refuse."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRule:
    """A line of the custom model: points of a touch with that role, at that stage, in that position ("*": any)."""

    role: str
    stage: str  # lower case
    position: str  # "first", "middle", "last" or "*"
    points: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TouchModelRules:
    """How `pmom touch-models` parts what was won among the touches before it; shown, it decides nothing."""

    models: tuple[str, ...]  # shown when none is named
    window_days: int  # of the close date
    lookback_days: int  # of touches before the opportunity was opened
    direct: str  # our own touches: "ignored", or "counted" as a name of their own
    half_life_days: int
    two_touch: str  # "normalise" or "split_middle"
    markov_order: int
    custom: tuple[PointRule, ...]
    min_won: int  # below so many won opportunities a model that learns refuses
    available_won: int  # below so many it is provisional
    min_lost_share: Decimal
    min_mean_touches: Decimal
    won_per_state: int
    interval: Decimal  # two-sided, of resampled shares
    max_half_width: Decimal  # of the share itself
    min_won_each: int
    replications: int
    landmark_days: int  # after the opening: who was there by then counts as there, for the win lift
    lift_interval: Decimal
