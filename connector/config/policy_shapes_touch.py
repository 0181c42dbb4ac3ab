"""Which keys may the section about touch models hold, and which values does each take?"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Days = Annotated[int, Field(strict=True, ge=0, le=36_500)]
Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Share = Annotated[Decimal, Field(ge=0, le=1)]
Inside = Annotated[Decimal, Field(gt=0, lt=1)]
Folded = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1, max_length=80)]
TouchModel = Literal[
    "first",
    "last",
    "last-non-direct",
    "linear",
    "unique",
    "participation",
    "time-decay",
    "u",
    "u-lead",
    "w",
    "full-path",
    "j",
    "inverse-j",
    "custom",
    "markov",
    "shapley",
]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class PointShape(_Shape):
    """A line of the custom model."""

    role: Literal["sourcing", "reseller", "lead", "influencer", "services", "other", "*"]
    stage: Folded
    position: Literal["first", "middle", "last", "*"]
    points: Annotated[Decimal, Field(ge=0, le=1000)]


class TouchModelsShape(_Shape):
    """How what was won is parted among touches."""

    models: Annotated[tuple[TouchModel, ...], Field(min_length=1)]
    window_days: Annotated[Days, Field(ge=1)]
    lookback_days: Days
    direct: Literal["ignored", "counted"]
    half_life_days: Annotated[Days, Field(ge=1)]
    two_touch: Literal["normalise", "split_middle"]
    markov_order: Annotated[int, Field(strict=True, ge=1, le=5)]
    custom: tuple[PointShape, ...]
    min_won: Count
    available_won: Count
    min_lost_share: Share
    min_mean_touches: Annotated[Decimal, Field(ge=0, le=1000)]
    won_per_state: Count
    interval: Inside
    max_half_width: Annotated[Decimal, Field(gt=0, le=100)]
    min_won_each: Count
    replications: Annotated[Count, Field(ge=20, le=10_000)]
    landmark_days: Days
    lift_interval: Inside
