"""What is known about one partner on one day, before any rule is applied.

Every fact is either known, with its count, window and evidence ids, or `Unknown` with the thing that is missing.
Blank is never zero. Money is in the corporate currency, converted at the dated rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from connector.core.credit import CreditSums
from connector.core.cycle_time import CycleFact
from connector.core.quote_state import QuotePrior


@dataclass(frozen=True, slots=True)
class Unknown:
    """A fact that the records cannot give; `code` is the reason code, `missing` names the thing."""

    code: str
    missing: str


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of days [start, end) in the tenant's time zone."""

    start: date
    end: date


@dataclass(frozen=True, slots=True)
class QuoteCohort:
    """Matured opportunities with an issued quote, each counted once however many revisions."""

    counted: int
    won: int
    window: Window
    proxy: bool  # stage history stood in for quotes
    evidence: tuple[str, ...]  # opportunity ids, won ones first, at most `EVIDENCE_LIMIT`


@dataclass(frozen=True, slots=True)
class Footprint:
    """Where and in which verticals a partner is at home, as codes of the policy's taxonomy."""

    regions: tuple[str, ...]
    verticals: tuple[str, ...]
    declared: bool  # part of it was declared by a person
    won_counted: int  # won opportunities behind the observed part
    window: Window
    unmapped: tuple[str, ...]  # words that no taxonomy code covers
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CampaignReturn:
    """One funded, ended, matured campaign: what it cost and which pipeline it made."""

    campaign_id: str
    name: str
    ended: date
    spend: Decimal
    pipeline: Decimal
    opportunities: int
    missing_amounts: int  # opportunities whose amount is empty
    unconverted: int = 0  # opportunities or spend in a currency without a dated rate


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """A partner's newest matured campaigns, newest first, and those left out with the reason code."""

    last: tuple[CampaignReturn, ...]
    excluded: tuple[tuple[str, str], ...]  # (campaign id, reason code)


@dataclass(frozen=True, slots=True)
class Meetings:
    """Held, customer-facing, distinct meetings in the window, and issued quotes on the same partner's deals."""

    held: int
    quoted: int  # opportunities with an issued quote, from the window's start until as_of
    window: Window
    evidence: tuple[str, ...]  # meeting ids


@dataclass(frozen=True, slots=True)
class WonDeals:
    """A partner's won new-business deals beside matched direct deals."""

    won: int
    median: Decimal | None
    benchmark_median: Decimal | None  # of direct deals matched on segment and product
    benchmark_counted: int
    missing_amounts: int
    window: Window
    evidence: tuple[str, ...]  # opportunity ids


@dataclass(frozen=True, slots=True)
class ServiceSums:
    """What records of one provenance say about the partner's own services on its won deals."""

    provenance: str  # one of `records.PROVENANCES`
    deals: int  # with a known service revenue
    service: Decimal  # on those deals
    product: Decimal  # the partner's parts of those deals' amounts
    covered: Decimal  # the same without signs
    unconverted: int  # records in a currency without a rate on the deal's close date
    evidence: tuple[str, ...]  # opportunity ids


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """A partner's service revenue on the won deals of the window that it is credited with."""

    deals: int
    won: Decimal  # its parts of the amounts, without signs
    unconverted: int  # deals in a currency without a rate
    unknown: int  # deals whose amount, or whose parting, is not known; in no figure
    window: Window  # of the close date
    sums: tuple[ServiceSums, ...]  # one a provenance that says anything, by name


@dataclass(frozen=True, slots=True)
class Activity:
    """The last sign of life of each kind; None means none was ever recorded."""

    logins_known: bool  # a login feed is mapped and was read
    last_login: datetime | None
    last_registration: datetime | None
    last_opportunity: datetime | None
    last_fund_activity: datetime | None
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LiveItem:
    """A live or approved campaign or fund request of a partner: a lever that is in effect."""

    id: str
    kind: str  # "campaign" or "fund_request"
    name: str
    motion: str
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class PartnerFacts:
    """Everything that the rules may look at for one partner."""

    partner_id: str
    name: str
    personas: tuple[str, ...]  # the primary one first; empty when nobody set it
    strategic: bool
    owner_id: str | None
    marketer_id: str | None
    since: date | None  # agreement date, else the day the record was made
    excluded: bool
    quotes: QuoteCohort | Unknown
    footprint: Footprint | Unknown
    track_record: TrackRecord | Unknown
    meetings: Meetings | Unknown
    won_deals: WonDeals | Unknown
    activity: Activity | Unknown
    live: tuple[LiveItem, ...]
    override: Override | None
    freshness: datetime | None  # the oldest moment up to which a source was read
    credit: CreditSums | Unknown | None = None  # None: credit was never computed
    services: ServiceFacts | Unknown | None = None  # likewise
    cycle: CycleFact | Unknown | None = None  # None: durations were never looked at
    quote_prior: QuotePrior | None = None  # None: too few partners have quotes


@dataclass(frozen=True, slots=True)
class Override:
    """A person's decision on a partner record, with its expiry."""

    decision: str
    reason: str | None
    expires: date | None
    by: str | None


EVIDENCE_LIMIT = 25
"""At most so many ids are kept as evidence for one fact; the counts beside them are complete."""
