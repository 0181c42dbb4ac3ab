"""Which keys may a policy file hold, and which values does each take?

The shapes mirror `connector.core.policy`, key for key; ranges and vocabularies are checked here and nowhere else.
"""

from __future__ import annotations

import difflib
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from connector.config.countries import country_code
from connector.config.policy_shapes_conduct import AuditShape, RaciShape
from connector.config.policy_shapes_money import AllocationShape, FundsShape
from connector.config.policy_shapes_touch import TouchModelsShape

Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Days = Annotated[int, Field(strict=True, ge=0, le=36_500)]
Share = Annotated[Decimal, Field(ge=0, le=1)]
Amount = Annotated[Decimal, Field(ge=0)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Persona = Literal["VAR", "MSP", "Distributor", "Agency", "SI", "GSI", "Alliance", "ISV", "Referral", "Other"]
LinkRole = Literal["sourcing", "reseller", "lead", "influencer", "services", "other"]
FundedMotion = Literal["Demand Gen", "Enablement", "Thought Leadership", "First-Deal Incentive", "Other"]
TaskType = Literal["T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", "T9", "T10", "T11", "T12"]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class VelocityShape(_Shape):
    """Gate 1."""

    floor: Share
    min_quotes: Count
    window_days: Annotated[Days, Field(ge=1)]
    maturity_days: Days
    denominator: Literal["matured", "decided", "all_issued"]
    link_roles: Annotated[tuple[LinkRole, ...], Field(min_length=1)]
    interval: Annotated[Decimal, Field(gt=0, lt=1)]
    low_confidence_fail: Literal["fail", "review"]
    dead_band: Share
    dwell_days: Days
    reentry_quotes: Count
    not_applicable_personas: tuple[Persona, ...]
    not_applicable_passes: bool
    verdict: Literal["ratio", "bayes"]
    certainty: Annotated[Decimal, Field(gt=0.5, lt=1)]
    leave: Annotated[Decimal, Field(gt=0, le=1)]
    min_prior_partners: Annotated[Count, Field(ge=2)]
    min_persona_partners: Annotated[Count, Field(ge=2)]

    @model_validator(mode="after")
    def _band_leaves_room(self) -> VelocityShape:
        if self.leave > self.certainty:
            raise ValueError("leave: a state would be left before it is reached. Keep it at or below certainty.")
        if self.floor + self.dead_band > 1:
            raise ValueError(
                "dead_band: floor + dead_band is above 1, so no partner could ever pass again. Lower it."
            )
        return self


class GoalShape(_Shape):
    """One dated corporate goal."""

    name: Word
    start: date
    end: date
    regions: tuple[Word, ...] = ()
    verticals: tuple[Word, ...] = ()

    @model_validator(mode="after")
    def _asks_something_for_a_while(self) -> GoalShape:
        if self.end <= self.start:
            raise ValueError(
                f"end ({self.end}) must be after start ({self.start}). The end is the first day without it."
            )
        if not self.regions and not self.verticals:
            raise ValueError("a goal needs regions, verticals or both. Name at least one.")
        return self


class MarketFitShape(_Shape):
    """Gate 2."""

    match: Literal["any", "all"]
    observed_window_days: Annotated[Days, Field(ge=1)]
    observed_share: Share
    goals: tuple[GoalShape, ...]
    regions: dict[Word, tuple[Word, ...]]

    @model_validator(mode="after")
    def _no_region_inside_itself(self) -> MarketFitShape:
        for name in self.regions:
            if name in _inside(name, self.regions):
                raise ValueError(f"regions.{name}: lies inside itself. Take it out of the region that it holds.")
        return self

    @model_validator(mode="after")
    def _goals_name_known_regions(self) -> MarketFitShape:
        """A misspelt region would close the gate to nearly every partner."""
        inside = {code.upper() for held in self.regions.values() for code in held}
        known = {name.upper() for name in self.regions} | inside
        for goal in self.goals:
            for word in goal.regions:
                if word.upper() not in known and country_code(word) is None:
                    near = difflib.get_close_matches(word.upper(), sorted(known), n=1)
                    hint = f"Did you mean {near[0]}?" if near else "Add it to [market_fit.regions]."
                    raise ValueError(f'goal {goal.name}: "{word}" is no region and no country. {hint}')
        return self


def _inside(name: str, regions: dict[str, tuple[str, ...]]) -> set[str]:
    found: set[str] = set()
    queue = list(regions[name])
    while queue:
        code = queue.pop()
        if code not in found:
            found.add(code)
            queue.extend(regions.get(code, ()))
    return found


class TrackRecordShape(_Shape):
    """Gate 3."""

    ratio: Annotated[Decimal, Field(gt=0, le=1000)]
    campaigns: Annotated[Count, Field(ge=1, le=20)]
    rule: Literal["pooled", "each", "k_of_n"]
    k: Annotated[Count, Field(ge=1)]
    maturity_days: Days
    attribution_days: Days
    spend_basis: Literal["vendor_paid", "total_cost"]
    max_missing_amounts: Share

    @model_validator(mode="after")
    def _k_within_n(self) -> TrackRecordShape:
        if self.k > self.campaigns:
            raise ValueError(f"k ({self.k}) must be at most campaigns ({self.campaigns}). Lower k.")
        return self


class TriageShape(_Shape):
    """How the gates combine."""

    insufficient: Literal["pilot", "hold"]
    pilot_cap: Amount
    ungated_motions: tuple[FundedMotion, ...]

    @field_validator("ungated_motions")
    @classmethod
    def _demand_gen_stays_gated(cls, motions: tuple[str, ...]) -> tuple[str, ...]:
        if "Demand Gen" in motions:
            raise ValueError("Demand Gen is what the gates are for. Take it out.")
        return motions


class ConfidenceShape(_Shape):
    """Meetings but no quotes."""

    min_meetings: Annotated[Count, Field(ge=1)]
    window_days: Annotated[Days, Field(ge=1)]
    lag_days: Days
    max_quoted_share: Share


class StrategicShape(_Shape):
    """Deals that are small."""

    min_wins: Annotated[Count, Field(ge=1)]
    window_days: Annotated[Days, Field(ge=1)]
    ratio: Annotated[Decimal, Field(gt=0, le=1)]
    min_benchmark: Annotated[Count, Field(ge=1)]
    absolute: Annotated[Decimal, Field(gt=0)] | None = None


class AwarenessShape(_Shape):
    """Dormant, no logins."""

    days: Annotated[Days, Field(ge=1)]
    rule: Literal["both", "login", "activity"]
    no_portal_personas: tuple[Persona, ...]


class LeversShape(_Shape):
    """The symptoms."""

    precedence: tuple[Literal["awareness", "confidence", "strategic"], ...]
    onboarding_days: Days
    stop_wins: bool
    confidence: ConfidenceShape
    strategic: StrategicShape
    awareness: AwarenessShape

    @field_validator("precedence")
    @classmethod
    def _all_three(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if sorted(names) != ["awareness", "confidence", "strategic"]:
            raise ValueError(
                "must name awareness, confidence and strategic, each once. Write all three, in your order."
            )
        return names


class RuleShape(_Shape):
    """Who owns a motion."""

    motion: Literal["Through-Partner", "With-Partner", "To-Partner"]
    accountable: Literal["PMM", "PAM"]
    responsible: Word
    strategic: bool


class PersonaRuleShape(RuleShape):
    """Who owns the motion of one persona."""

    persona: Persona


class OwnershipShape(_Shape):
    """The line between PAM and PMM."""

    personas: tuple[PersonaRuleShape, ...]
    flagged: RuleShape
    unflagged: RuleShape
    fallback_queue: str

    @field_validator("personas")
    @classmethod
    def _each_once(cls, rules: tuple[PersonaRuleShape, ...]) -> tuple[PersonaRuleShape, ...]:
        names = [rule.persona for rule in rules]
        double = sorted({name for name in names if names.count(name) > 1})
        if double:
            raise ValueError(f"{', '.join(double)}: has two rules. Exactly one role is accountable; keep one rule.")
        return rules


class TasksShape(_Shape):
    """When a task may be made."""

    hold_runs: Annotated[Count, Field(ge=1)]
    hold_days: Days
    max_open_per_partner: Count
    new_per_partner_days: Days
    max_new_per_user_day: Count
    cooldown_days: Days
    data_gap_share: Share
    cohort_personas: tuple[Persona, ...]
    due_business_days: dict[TaskType, Days]
    registration_notice_days: Days
    override_notice_days: Days
    claim_notice_days: Days
    lock_notice_days: Days


Folded = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1, max_length=80)]


class AttributionShape(_Shape):
    """Who sourced and who influenced."""

    grace_days: Days
    window_days: Annotated[Days, Field(ge=1)]
    extension_days: Days
    lookback_days: Days
    prior_activity: Literal["anyone", "partners", "none"]
    referral_roles: tuple[LinkRole, ...]
    strong: tuple[Folded, ...]
    weak: tuple[Folded, ...]
    min_strong: Annotated[Count, Field(ge=1)]
    min_weak_days: Annotated[Count, Field(ge=1)]
    late_stages: tuple[Folded, ...]
    split: Literal["equal", "points"]
    strong_points: Annotated[Count, Field(ge=1, le=100)]
    weak_points: Annotated[Count, Field(ge=1, le=100)]
    business: Literal["new", "all"]
    sourced_lock_days: Days
    influence_lock_days: Annotated[Days, Field(le=5)]
    won_days: Annotated[Days, Field(ge=1)]

    @model_validator(mode="after")
    def _each_kind_once(self) -> AttributionShape:
        both = sorted(set(self.strong) & set(self.weak))
        if both:
            raise ValueError(f"{', '.join(both)}: is both strong and weak. Leave it in one list.")
        return self


class MultiplierShape(_Shape):
    """Partners' service revenue to our product."""

    lag_days: Days
    window_days: Annotated[Days, Field(ge=1)]
    split: Literal["influence", "full"]
    coverage_floor: Share
    provenances: Annotated[tuple[Literal["vendor", "partner", "estimated"], ...], Field(min_length=1)]
    high: Amount

    @field_validator("provenances")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("names one twice. Write each once, the most trusted first.")
        return names


class CycleTimeShape(_Shape):
    """Cycle time against direct."""

    definition: Literal["mean_won", "median_won", "mean_closed", "median_closed", "size_adjusted", "censored"]
    start: Literal["created", "qualified"]
    qualified_stage: Folded
    partner_side: Literal["any", "closing", "credited"]
    business: Literal["new", "all"]
    window_days: Annotated[Days, Field(ge=1, le=10_000)]
    cohort_days: Annotated[Days, Field(ge=30)]
    faster: Annotated[Decimal, Field(gt=0, lt=1)]
    slower: Annotated[Decimal, Field(gt=0, le=10)]
    certainty: Annotated[Decimal, Field(ge=0, lt=1)]
    leave: Annotated[Decimal, Field(ge=0, lt=1)]
    dead_band: Annotated[Decimal, Field(ge=0, le=0.1)]
    interval: Annotated[Decimal, Field(gt=0, lt=1)]
    maturity: Annotated[Decimal, Field(ge=0, lt=1)]
    min_opportunities: Annotated[Count, Field(ge=1)]
    min_wins: Annotated[Count, Field(ge=1)]
    min_direct_wins: Annotated[Count, Field(ge=1)]
    min_level_wins: Annotated[Count, Field(ge=1)]
    min_overlap: Share
    max_disagreement: Annotated[Decimal, Field(ge=0, le=10)]
    min_prior_partners: Annotated[Count, Field(ge=2)]
    false_discovery_rate: Annotated[Decimal, Field(gt=0, lt=1)]

    @model_validator(mode="after")
    def _left_below_certainty(self) -> CycleTimeShape:
        if self.leave > self.certainty:
            raise ValueError("leave: a claim would be taken back before it is made. Keep it at or below certainty.")
        return self


class LimitsShape(_Shape):
    """What `apply` refuses."""

    max_changed_share: Share
    min_changed_partners: Count
    max_new_tasks: Count


class PolicyShape(_Shape):
    """A whole policy file."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,18}$")]
    timezone: str
    fiscal_year_start_month: Annotated[int, Field(strict=True, ge=1, le=12)]
    corporate_currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    stale_after_hours: Annotated[Count, Field(ge=1)]
    velocity: VelocityShape
    market_fit: MarketFitShape
    track_record: TrackRecordShape
    triage: TriageShape
    levers: LeversShape
    ownership: OwnershipShape
    tasks: TasksShape
    attribution: AttributionShape
    cycle_time: CycleTimeShape
    multiplier: MultiplierShape
    touch_models: TouchModelsShape
    raci: RaciShape
    audit: AuditShape
    funds: FundsShape
    allocation: AllocationShape
    limits: LimitsShape

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError(f'no time zone is called "{name}". Write an IANA name such as Europe/Berlin.') from None
        return name
