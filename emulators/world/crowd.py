"""Who else is in a world: our people, direct customers to compare with, and partners without a story, at any size."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

from emulators.world.build import STAGES, Builder, Deal
from emulators.world.recipes import Funded, Recipe, make

MEDIANS = {"SMB": Decimal(10000), "Mid-Market": Decimal(40000), "Enterprise": Decimal(150000)}
PRODUCTS = ("Platform", "Security", "Analytics")
RATES = {
    "USD": ("1", "1", 2),
    "EUR": ("0.78125", "0.8", 2),
    "GBP": ("0.625", "0.64", 2),
    "JPY": ("156.25", "160", 0),
}
"""Units for one dollar now and before day 180, and the currency's decimal places; the inverse of each is exact too,
because a CRM may keep either with six decimals."""
_PERSONAS = (
    "VAR",
    "VAR",
    "VAR",
    "MSP",
    "MSP",
    "Distributor",
    "Agency",
    "SI",
    "GSI",
    "Alliance",
    "ISV",
    "Referral",
    "",
)
_MARKETS = (
    ("Germany", "Technology"), ("France", "Healthcare"), ("United Kingdom", "Banking"), ("United States", "Retail"),
    ("United States", "Healthcare"), ("Brazil", "Retail"), ("Japan", "Manufacturing"), ("", ""),
)  # fmt: skip
_FIRST = (
    "Amber",
    "Birch",
    "Cobalt",
    "Delta",
    "Ember",
    "Fjord",
    "Garnet",
    "Harbor",
    "Indigo",
    "Juniper",
    "Kelp",
    "Lark",
)
_LAST = ("Systems", "Networks", "Consulting", "Distribution", "Digital", "Alliance", "Cloud", "Solutions")


def staff(build: Builder) -> None:
    """Our own people, the currencies and stages, and the year's budget."""
    build.user("admin", "Ada", "Admin", "Sales Operations")
    build.user("manager", "Mona", "Manager", "Head of Partner Sales")
    for number, first in enumerate(("Pia", "Paul", "Petra", "Piet"), 1):
        build.user(f"pam{number}", first, "Pam", "Partner Account Manager", manager="manager")
    build.user("pam_left", "Lena", "Left", "Partner Account Manager", active=False, manager="manager")
    build.user("pam_alone", "Alan", "Alone", "Partner Account Manager", active=False)
    for number, first in enumerate(("Mia", "Max"), 1):
        build.user(f"pmm{number}", first, "Marketer", "Partner Marketing Manager", manager="manager")
    for number in range(1, 4):
        build.user(f"ae{number}", "Eve", f"Executive {number}", "Account Executive")
    _reference(build)


def _reference(build: Builder) -> None:
    old = build.calendar.at(900)
    for number, (name, is_closed, is_won, probability, forecast) in enumerate(STAGES, 1):
        build.add(
            "OpportunityStage", old, MasterLabel=name, ApiName=name, IsActive="true", SortOrder=number,
            IsClosed=str(is_closed).lower(), IsWon=str(is_won).lower(), ForecastCategory=forecast,
            ForecastCategoryName=forecast, DefaultProbability=probability,
        )  # fmt: skip
    for code, (rate, before, places) in RATES.items():
        build.add(
            "CurrencyType", old, IsoCode=code, ConversionRate=rate, DecimalPlaces=places, IsActive="true",
            IsCorporate=str(code == "USD").lower(),
        )  # fmt: skip
        if code != "USD":
            _dated_rates(build, code, rate, before)
    dates: dict[str, Any] = {
        "StartDate": build.calendar.day(400).isoformat(),
        "EndDate": build.calendar.day(-60).isoformat(),
    }
    build.staff["budget"] = build.add(
        "PartnerMarketingBudget", old, IsDeleted="false", Title="Market development", Amount="5000000.00",
        OwnerId=build.staff["pmm1"], CurrencyIsoCode="USD", **dates,
    )  # fmt: skip


def _dated_rates(build: Builder, code: str, rate: str, before: str) -> None:
    """Every currency was worth less before day 180; the newest rate has no end."""
    for value, start, end in ((before, 1200, 180), (rate, 180, None)):
        dates: dict[str, Any] = {"StartDate": build.calendar.day(start).isoformat()}
        dates["NextStartDate"] = "" if end is None else build.calendar.day(end).isoformat()
        build.add(
            "DatedConversionRate", build.calendar.at(start), IsoCode=code, ConversionRate=f"{Decimal(value):.6f}",
            **dates,
        )  # fmt: skip


def direct_customers(build: Builder) -> list[tuple[str, str]]:
    """24 direct wins for every segment and product, their median exact; -> (account id, segment)."""
    customers = []
    for segment, median in MEDIANS.items():
        market: dict[str, Any] = {"BillingCountry": "United States", "Industry": "Technology", "Segment__c": segment}
        account = build.account(f"Direct {segment} customer", build.calendar.at(700), **market)
        customers.append((account, segment))
        for product in PRODUCTS:
            for step in range(-12, 13):
                if step:
                    _direct_win(
                        build, account, product, median + median * step / 100, 10 + 13 * abs(step) + (step < 0)
                    )
    return customers


def _direct_win(build: Builder, account: str, product: str, amount: Decimal, ago: int) -> None:
    calendar = build.calendar
    build.deal(
        Deal(
            account, calendar.at(ago + 70), "won", closed=calendar.day(ago), amount=amount, product=product,
            name=f"Direct {product} deal",
        )
    )  # fmt: skip


def direct_deal(build: Builder, customers: list[tuple[str, str]], number: int) -> None:
    """One more direct deal; won amounts come in pairs around the median, so that the benchmark stays exact."""
    account, segment = customers[number // 2 % 3]
    product = PRODUCTS[number // 6 % 3]
    step = 1 + number // 18 % 40
    sign = -1 if number % 2 else 1
    _direct_win(build, account, product, MEDIANS[segment] * (100 + sign * step) / 100, 5 + number // 18 % 340)


def partner_recipes(build: Builder, count: int, deals: int) -> Iterator[tuple[Recipe, int]]:
    """`count` partners without a story that have about `deals` deals in all, each with its number; few have many."""
    rng = build.rng
    weights = [1 / (rank + 3) ** 0.7 for rank in range(count)]
    scale = deals / sum(weights) if count else 0
    for rank, weight in enumerate(weights):
        share = max(round(weight * scale), 4)
        yield _recipe(build, rank, share, rng.random()), share


def _recipe(build: Builder, rank: int, deals: int, luck: float) -> Recipe:
    rng = build.rng
    quoted = round(deals * rng.uniform(0.2, 0.5))
    campaigns = tuple(
        Funded(rng.randrange(10000, 60000, 500), 10000, 100 + 55 * at + rng.randrange(40))
        for at in range(rng.randrange(4))
    )
    wins = max(deals - quoted - 3 * len(campaigns) - 3, 0)
    values: dict[str, Any] = {
        "persona": rng.choice(_PERSONAS),
        "owner": f"pam{1 + rank % 4}",
        "marketer": f"pmm{1 + rank % 2}",
        "agreement": rng.randrange(20, 1200),
        "quote_days": tuple(sorted((rng.randrange(5, 360) for _ in range(quoted)), reverse=True)),
        "quotes": (quoted, round(quoted * luck * 0.6)),
        "scale": f"{rng.lognormvariate(0, 0.4):.3f}",
        "meetings": rng.randrange(14),
        "market": rng.choice(_MARKETS),
        "logins": tuple(rng.randrange(200) for _ in range(rng.randrange(3))),
        "live": rng.random() < 0.1,
        "link": "field" if rng.random() < 0.8 else "role",
    }
    name = f"{_FIRST[rank % 12]} {_LAST[rank // 12 % 8]} {rank + 1}"
    return Recipe(f"crowd_{rank + 1}", "", name=name, campaigns=campaigns, wins=min(wins, 18), **values)


def make_of_crowd(build: Builder, recipe: Recipe, deals: int) -> None:
    """Make one partner of the crowd and as many further lost or open deals as bring it to `deals`."""
    partner = make(build, recipe)
    rng, calendar = build.rng, build.calendar
    for number in range(max(deals - partner.deals, 0)):
        ago = rng.randrange(10, 900)
        outcome = "lost" if rng.random() < 0.7 and ago > 60 else "open"
        closed = calendar.day(ago - 45) if outcome == "lost" else None
        amount = (Decimal(10000) * Decimal(rng.randrange(20, 300)) / 100).quantize(Decimal("0.01"))
        created = calendar.at(ago) + timedelta(seconds=rng.randrange(3600))
        partner.deal(created, outcome, closed=closed, amount=amount, name=f"Further deal {number + 1}")
