"""What one made-up partner is like, and how the records that make it so are written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from emulators.world.build import Builder, Deal, Money

BENCHMARK = Decimal(10000)
"""The median of direct small-business platform deals: what a partner's deals are measured by."""


@dataclass(frozen=True, slots=True)
class Funded:
    """One campaign of a partner, with the pipeline credited to it. `ended` is in days before today."""

    pipeline: int | str
    spend: int | str | None
    ended: int
    currency: str = "USD"  # of the spend
    approved: int | None = None  # of a request without a claim
    claim: str = "Paid"  # status of the claim
    budgeted: int | None = None
    empty_amounts: int = 0  # of the deals, how many have no amount
    deals: int = 3


@dataclass(frozen=True, slots=True)
class Expect:
    """What a careful reader of the operating model decides; None leaves a point open."""

    velocity: str | None = "Pass"
    market_fit: str | None = "Pass"
    proof: str | None = "Pass"
    decision: str | None = "Fund Demand Gen"
    symptom: str | None = "None"
    lever: str | None = "Sustain"
    motion: str | None = "Through-Partner"
    owner_role: str | None = "PMM"
    detail: dict[str, Any] = field(default_factory=dict)


TRACK_RECORD = (Funded(40000, 10000, 140), Funded(40000, 10000, 190), Funded(40000, 10000, 240))


@dataclass(frozen=True, slots=True)
class Recipe:
    """One partner. The defaults are a healthy reseller for whom every gate passes; a scenario changes one thing."""

    key: str
    why: str
    expect: Expect = field(default_factory=Expect)
    name: str = ""
    persona: str = "VAR"
    strategic: bool = False
    owner: str = "pam1"
    marketer: str = "pmm1"
    agreement: int = 600  # days ago
    quotes: tuple[int, int] = (12, 5)  # opportunities with a quote, of which won
    quote_days: tuple[int, ...] = ()  # when each was first quoted; empty spreads them over the window
    revisions: int = 1  # quotes of the first opportunity
    quote_status: str = ""
    quote_time: tuple[int, int] | None = None  # wall-clock time in the org's zone
    wins: int = 8  # won new business without a quote
    scale: str = "1"  # won amounts, as a multiple of the benchmark
    no_amounts: bool = False
    link: str = "field"
    open_deals: bool = True
    meetings: int = 10
    meeting_days: tuple[int, ...] = ()
    campaigns: tuple[Funded, ...] = TRACK_RECORD
    market: tuple[str, str] = ("Germany", "Technology")  # country and industry of its customers
    regions: str = ""  # declared
    verticals: str = ""
    logins: tuple[int | None, ...] = (5,)  # one portal user each: days since the last visit
    quiet: bool = False  # nothing at all happened in the last 100 days
    live: bool = False  # a demand generation campaign runs now, with its approved request
    override: tuple[str, str, int] | None = None  # decision, reason, days until it expires
    excluded: bool = False
    tiny: bool = False  # part of the smallest world
    also: Callable[[Partner], None] | None = None


@dataclass(slots=True)
class Partner:
    """A recipe's partner while its records are being written."""

    recipe: Recipe
    build: Builder
    id: str = ""
    customers: list[str] = field(default_factory=list)
    contact: str = ""
    topic: str = ""  # the open deal that its meetings are about
    deals: int = 0
    notes: dict[str, Any] = field(default_factory=dict)  # ids that a reader of the scenario needs

    def deal(self, created: datetime, outcome: str = "open", **rest: Any) -> str:
        """A deal of this partner with one of its own customers."""
        self.deals += 1
        values = {"account": self.customers[self.deals % 2], "partner": self.id, "link": self.recipe.link}
        return self.build.deal(Deal(created=created, outcome=outcome, **(values | rest)))

    @property
    def amount(self) -> Decimal | None:
        """What its won deals are worth."""
        return None if self.recipe.no_amounts else BENCHMARK * Decimal(self.recipe.scale)


def make(build: Builder, recipe: Recipe) -> Partner:
    """Write every record of one partner."""
    partner = Partner(recipe, build)
    _company(partner)
    _quoted_deals(partner)
    _won_deals(partner)
    _open_deals(partner)
    _meetings(partner)
    for number, funded in enumerate(recipe.campaigns, 1):
        _campaign(partner, number, funded)
    if recipe.live:
        _live_campaign(partner)
    if recipe.also:
        recipe.also(partner)
    _owned_by_people(partner)
    return partner


def _company(partner: Partner) -> None:
    recipe, build = partner.recipe, partner.build
    agreed = build.calendar.day(recipe.agreement)
    partner.id = build.account(
        recipe.name or recipe.key.replace("_", " ").title() + " Partners", build.calendar.at(recipe.agreement),
        Type="Channel Partner / Reseller", IsPartner="true", BillingCountry="Germany", Industry="Technology",
        Partner_Agreement_Date__c=agreed.isoformat(), Strategic_Partner__c=str(recipe.strategic).lower(),
        Partner_Marketing_Lead__c=build.staff.get(recipe.marketer, ""), OwnerId=build.staff[recipe.owner],
    )  # fmt: skip
    country, industry = recipe.market
    for number in (1, 2):
        customer = build.account(
            f"Customer {number} of {recipe.key}", build.calendar.at(500), BillingCountry=country, Industry=industry,
            Segment__c="SMB",
        )  # fmt: skip
        partner.customers.append(customer)
    partner.contact = build.contact(partner.customers[0], "Casey", f"Buyer of {recipe.key}", "Head of Procurement")
    person = build.contact(partner.id, "Robin", f"Seller of {recipe.key}", "Sales Engineer")
    for days in recipe.logins:
        build.portal_user(partner.id, person, None if days is None else build.calendar.at(days))


def _quoted_deals(partner: Partner) -> None:
    recipe, calendar = partner.recipe, partner.build.calendar
    total, won = recipe.quotes
    span = 200 if recipe.quiet else 250
    days = recipe.quote_days or tuple(350 - round(span * at / max(total - 1, 1)) for at in range(total))
    for at, ago in enumerate(days):
        clock = recipe.quote_time
        first = calendar.local(ago, *clock) if clock else calendar.at(ago)
        revisions = recipe.revisions if at == 0 else 1
        outcome, closes = ("won", 20) if at < won else (("lost", 40) if at % 2 else ("open", 0))
        partner.deal(
            calendar.at(ago + 10), outcome, closed=calendar.day(ago - closes) if closes else None,
            amount=partner.amount, quotes=tuple(first + timedelta(days=5 * n) for n in range(revisions)),
            quote_status=recipe.quote_status, name=f"Quoted deal {at + 1}",
        )  # fmt: skip


def _won_deals(partner: Partner) -> None:
    calendar = partner.build.calendar
    first = 102 if partner.recipe.quiet else 15
    for at in range(partner.recipe.wins):
        ago = first + 18 * at
        partner.deal(
            calendar.at(ago + 60), "won", closed=calendar.day(ago), amount=partner.amount, name=f"Won deal {at + 1}"
        )


def _open_deals(partner: Partner) -> None:
    if not partner.recipe.open_deals:
        return
    calendar = partner.build.calendar
    partner.topic = partner.deal(calendar.at(220), amount=BENCHMARK, name="Open deal 1")
    if not partner.recipe.quiet:
        partner.build.touch(partner.topic, partner.contact, "Technical Validation", calendar.at(25))
        for at, ago in enumerate((45, 20), 2):
            partner.deal(calendar.at(ago), amount=BENCHMARK, name=f"Open deal {at}", closed=calendar.day(-30))


def _meetings(partner: Partner) -> None:
    recipe, calendar = partner.recipe, partner.build.calendar
    first, every = (104, 10) if recipe.quiet else (40, 12)
    days = recipe.meeting_days or tuple(first + every * at for at in range(recipe.meetings))
    for ago in days:
        partner.build.meeting(partner.topic or partner.id, partner.contact, calendar.at(ago, 14))


def _campaign(partner: Partner, number: int, funded: Funded) -> None:
    build, calendar = partner.build, partner.build.calendar
    claimed = None if funded.spend is None else Decimal(funded.spend)
    money = Money(
        claimed=claimed, approved=None if funded.approved is None else Decimal(funded.approved),
        total=None if claimed is None else claimed * 2, currency=funded.currency,
        claim_status=funded.claim,
        budgeted=Decimal(funded.budgeted if funded.budgeted is not None else 20000),
    )  # fmt: skip
    name = f"Campaign {number} of {partner.recipe.key}"
    starts, ends = calendar.day(funded.ended + 30), calendar.day(funded.ended)
    campaign = build.campaign(partner.id, name, starts, ends, money)
    member: dict[str, Any] = {"Status": "Responded", "HasResponded": "true", "FirstRespondedDate": ends.isoformat()}
    build.add(
        "CampaignMember", calendar.at(funded.ended + 5), IsDeleted="false", CampaignId=campaign,
        ContactId=partner.contact, CurrencyIsoCode="USD", **member,
    )  # fmt: skip
    counted = funded.deals - funded.empty_amounts
    share = (Decimal(funded.pipeline) / counted).quantize(Decimal("0.01")) if counted else Decimal(0)
    for at in range(funded.deals):
        created = calendar.at(max(funded.ended + 20 - 15 * (at % 4), 2))
        rest = Decimal(funded.pipeline) - share * (counted - 1)
        amount = (rest if at == 0 else share) if at < counted else None
        partner.deal(
            created, "lost" if at == 1 else "open", amount=amount, campaign=campaign, name=f"{name}, deal {at + 1}",
            closed=(created + timedelta(days=5)).date() if at == 1 else None,
        )  # fmt: skip


def _live_campaign(partner: Partner) -> None:
    calendar = partner.build.calendar
    money = Money(approved=Decimal(15000), budgeted=Decimal(30000))
    name = f"Running campaign of {partner.recipe.key}"
    partner.build.campaign(partner.id, name, calendar.day(20), calendar.day(-40), money, status="In Progress")


def _owned_by_people(partner: Partner) -> None:
    recipe, build = partner.recipe, partner.build
    decision, reason, expires = recipe.override or ("", "", 0)
    build.folder.after_install.add(
        {
            "Id": partner.id,
            "PMOM_Partner_Persona__c": recipe.persona,
            "PMOM_Footprint_Regions__c": recipe.regions,
            "PMOM_Footprint_Verticals__c": recipe.verticals,
            "PMOM_Override_Decision__c": decision,
            "PMOM_Override_Reason__c": reason,
            "PMOM_Override_Expires__c": build.calendar.day(-expires).isoformat() if recipe.override else "",
            "PMOM_Exclude_From_Scoring__c": "true" if recipe.excluded else "",
        }
    )
