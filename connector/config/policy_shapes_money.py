"""Which keys may the sections about money hold, and which values does each take?"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Days = Annotated[int, Field(strict=True, ge=0, le=36_500)]
Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Share = Annotated[Decimal, Field(ge=0, le=1)]
Motion = Literal["Demand Gen", "Enablement", "Thought Leadership", "First-Deal Incentive"]
Required = Literal["activity", "conversion", "pipeline", "match", "lead_time", "claims"]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class FundsShape(_Shape):
    """What a fund request must say."""

    requires: tuple[Required, ...]
    eligible_motions: Annotated[tuple[Motion, ...], Field(min_length=1)]
    ratio: Annotated[Decimal, Field(gt=0, le=1000)]
    match_share: Share
    lead_days: Days
    claims_days: Annotated[Days, Field(ge=1)]
    max_rejected_claims: Count
    claim_days: Days


class AllocationShape(_Shape):
    """How a budget is split."""

    increment: Annotated[Decimal, Field(gt=0)]
    hurdle: Annotated[Decimal, Field(ge=0, le=1000)]
    diminishing: Annotated[Decimal, Field(gt=0, le=1)]
    smoothing: Annotated[Decimal, Field(gt=0, lt=1)]
    interval: Annotated[Decimal, Field(gt=0, lt=1)]
    exploration: Share
    exploration_campaigns: Annotated[Count, Field(ge=1)]
    partner_cap: Share
    motion_caps: dict[Motion, Share]
    region_caps: dict[Annotated[str, Field(min_length=1, max_length=80)], Share]
