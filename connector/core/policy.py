"""The written policy as types: every threshold, window and weight that a rule may use; no numbers anywhere else.

The values come from `policies/*.toml` through `connector.config.policy`, which checks them; each carries there the
sentence of the essay or the reason that it comes from. Shares are fractions (0.20 is 20 %). Windows are in days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from connector.core.policy_audit import AuditRules
from connector.core.policy_money import AllocationRules, FundRules
from connector.core.policy_raci import Raci
from connector.core.policy_touch import TouchModelRules


@dataclass(frozen=True, slots=True, kw_only=True)
class VelocityGate:
    """Gate 1: quote-to-close. "If it's below 20%, do not fund demand gen. Fund Enablement instead." """

    floor: Decimal
    min_quotes: int
    window_days: int
    maturity_days: int
    denominator: str  # "matured", "decided" or "all_issued"
    link_roles: tuple[str, ...]  # partner roles on a deal that make its quote the partner's
    interval: Decimal  # two-sided confidence of the Wilson interval, e.g. 0.80
    low_confidence_fail: str  # "fail" or "review"
    dead_band: Decimal
    dwell_days: int
    reentry_quotes: int
    not_applicable_personas: tuple[str, ...]
    not_applicable_passes: bool
    verdict: str  # "ratio": the rate against the floor; "bayes": the empirical-Bayes state
    certainty: Decimal  # chance of being below the floor, or above, from which the state is Block, or Fund
    leave: Decimal  # the same chance below which a state that was reached is left
    min_prior_partners: int  # fewer partners with quotes tell nothing about how rates lie
    min_persona_partners: int  # fewer of one persona are judged among partners of all


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One dated corporate goal; days are half-open [start, end)."""

    name: str
    start: date
    end: date
    regions: tuple[str, ...]
    verticals: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketFitGate:
    """Gate 2: "Does the partner's geographic or vertical footprint align with this quarter's corporate goals?" """

    match: str  # "any" or "all"
    observed_window_days: int
    observed_share: Decimal  # of won value in a region or vertical that makes it part of the footprint
    goals: tuple[Goal, ...]
    regions: tuple[tuple[str, tuple[str, ...]], ...]  # region -> codes or smaller regions inside it


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRecordGate:
    """Gate 3: "Did their last three campaigns meet the 3:1 pipeline-to-spend threshold?" """

    ratio: Decimal
    campaigns: int
    rule: str  # "pooled", "each" or "k_of_n"
    k: int
    maturity_days: int
    attribution_days: int
    spend_basis: str  # "vendor_paid" or "total_cost"
    max_missing_amounts: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """How the gates combine."""

    insufficient: str  # "pilot" or "hold"
    pilot_cap: Decimal  # corporate currency, a quarter
    ungated_motions: tuple[str, ...]  # motions that gate 3 does not close


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceGap:
    """Symptom "Partner has meetings but no quotes." """

    min_meetings: int
    window_days: int
    lag_days: int
    max_quoted_share: Decimal  # quoted opportunities per meeting at or below which the gap is seen; 0 is "no quotes"


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategicGap:
    """Symptom "Partner closes deals but they are small." """

    min_wins: int
    window_days: int
    ratio: Decimal
    min_benchmark: int
    absolute: Decimal | None  # corporate currency; a median below it is small whatever the benchmark says


@dataclass(frozen=True, slots=True, kw_only=True)
class AwarenessGap:
    """Symptom "Partner is dormant / No logins." """

    days: int
    rule: str  # "both" (no login and no activity), "login" or "activity"
    no_portal_personas: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Levers:
    """The three symptoms, in order of precedence when several hold."""

    precedence: tuple[str, ...]
    onboarding_days: int
    confidence: ConfidenceGap
    strategic: StrategicGap
    awareness: AwarenessGap
    stop_wins: bool  # a confidence gap closes demand generation even when the gates pass


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaRule:
    """Who owns the motion of one persona."""

    persona: str
    motion: str  # "Through-Partner", "With-Partner" or "To-Partner"
    accountable: str  # "PMM" or "PAM"
    responsible: str
    strategic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """The territorial line between PAM and PMM."""

    personas: tuple[PersonaRule, ...]
    flagged: PersonaRule  # stands for a silent persona that is marked strategic
    unflagged: PersonaRule  # stands for a silent persona that is not
    fallback_queue: str  # CRM user or queue id that owns what nobody else can; may be empty


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRules:
    """When a task may be made, and how many."""

    hold_runs: int
    hold_days: int
    max_open_per_partner: int
    new_per_partner_days: int
    max_new_per_user_day: int
    cooldown_days: int
    data_gap_share: Decimal  # of partners that lack the same thing before an admin is told
    cohort_personas: tuple[str, ...]  # one task a marketer and lever instead of one a partner
    due_business_days: tuple[tuple[str, int], ...]  # task type -> days
    registration_notice_days: int  # before a registration's last day
    override_notice_days: int
    claim_notice_days: int  # before the last day on which a claim may be proven
    lock_notice_days: int  # before the sourcing of an open opportunity becomes final


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """Who sourced and who influenced an opportunity, from dated evidence alone."""

    grace_days: int  # a registration may come so long after the opportunity was opened
    window_days: int  # a registration without an end of its own holds so long
    extension_days: int  # an end of its own may stand at most so long after that
    lookback_days: int  # of other people's activity on the account before a registration
    prior_activity: str  # whose activity speaks against it: "anyone", "partners" or "none"
    referral_roles: tuple[str, ...]  # partner roles on an opportunity that stand for an accepted referral
    strong: tuple[str, ...]  # kinds of touch, lower case, of which one is enough
    weak: tuple[str, ...]  # kinds of touch, lower case, that count by the day
    min_strong: int
    min_weak_days: int
    late_stages: tuple[str, ...]  # from the first of these on nobody influences any more; lower case
    split: str  # of the influence among partners: "equal" or "points"
    strong_points: int
    weak_points: int
    business: str  # "new": renewals give no credit; "all"
    sourced_lock_days: int  # after the opportunity was opened
    influence_lock_days: int  # after it was closed
    won_days: int  # the trailing days whose won amounts stand on partner records


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiplierRules:
    """ "For every $1 of your product sold, how much service revenue does the partner generate?" """

    lag_days: int  # a won deal is looked at so long after its close: services need time
    window_days: int  # of close dates before that
    split: str  # of a deal's amount among its partners: "influence" or "full"
    coverage_floor: Decimal  # of the won amount that must have a known service revenue
    provenances: tuple[str, ...]  # which may be reported, best first; they are never mixed
    high: Decimal  # from which a multiplier is called high


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleTimeRules:
    """Do deals with a partner close faster than direct ones?"""

    definition: str  # "mean_won", "median_won", "mean_closed", "median_closed", "size_adjusted" or "censored"
    start: str  # "created", or "qualified": when the qualified stage, or a later one, was first entered
    qualified_stage: str  # lower case; for the start "qualified"
    partner_side: str  # "any": linked or credited; "closing": by velocity.link_roles; "credited"
    business: str  # "new": without renewals; "all"
    window_days: int  # opportunities that started so long ago or later
    cohort_days: int  # those that started in one such span are compared with each other
    faster: Decimal  # "15%"
    slower: Decimal
    certainty: Decimal  # chance that the difference is as large as claimed, below which nothing is claimed
    leave: Decimal  # the same chance below which a claim once made is taken back
    dead_band: Decimal  # by how much the delta may move until the record shows another one
    interval: Decimal  # two-sided confidence of the interval that is shown
    maturity: Decimal  # share of direct wins that had come after the days in which a cohort matures
    min_opportunities: int
    min_wins: int
    min_direct_wins: int
    min_level_wins: int  # direct wins without which a segment, product or cohort is not told apart
    min_overlap: Decimal  # share of the partner's opportunities whose size is as most direct ones'
    max_disagreement: Decimal  # between the censored and the size-adjusted ratio
    min_prior_partners: int
    false_discovery_rate: Decimal  # of the list of partners that are faster


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What `apply` refuses unless it is told the plan's fingerprint with --force."""

    max_changed_share: Decimal  # of partners whose triage decision changes in one plan
    min_changed_partners: int  # below so many changed decisions the share does not matter
    max_new_tasks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A whole policy. `version` is the name and a hash of every value: it is written beside every decision."""

    name: str
    version: str
    timezone: str  # IANA name; windows and quarters are cut there
    fiscal_year_start_month: int
    corporate_currency: str
    stale_after_hours: int
    velocity: VelocityGate
    market_fit: MarketFitGate
    track_record: TrackRecordGate
    triage: Triage
    levers: Levers
    ownership: Ownership
    tasks: TaskRules
    attribution: Attribution
    cycle_time: CycleTimeRules
    multiplier: MultiplierRules
    touch_models: TouchModelRules
    raci: Raci
    audit: AuditRules
    funds: FundRules
    allocation: AllocationRules
    limits: Limits
