"""Which partners show what becomes of service revenue: high, zero, silent, mixed in provenance, beside others?"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from emulators.world.build import Builder
from emulators.world.recipes import BENCHMARK, Expect, Partner, Recipe, make
from emulators.world.scenarios import INSUFFICIENT, PILOT

VENDOR, PARTNER, ESTIMATED = "Vendor-recorded", "Partner-reported", "Estimated"
_CYCLE = 60  # days from opening to close


@dataclass(frozen=True, slots=True)
class Served:
    """A won deal that the partner registered, and what was recorded about its services, by provenance."""

    closed: int  # days ago
    services: dict[str, str] = field(default_factory=dict)
    amount: str = f"{BENCHMARK:f}"


@dataclass(frozen=True, slots=True)
class Story:
    """One partner with its served deals."""

    recipe: Recipe
    deals: tuple[Served, ...]
    beside: Recipe | None = None  # a second partner who influences all of them
    services_beside: str = ""  # that partner's own revenue on each


def _expect(value: str | None, coverage: str, source: str, code: str = "MEASURED") -> Expect:
    told = {"value": value, "coverage": coverage, "source": source, "code": code}
    return Expect(proof=INSUFFICIENT, decision=PILOT, detail={"multiplier": told})


def _recipe(key: str, why: str, expect: Expect) -> Recipe:
    """Without campaigns: answers to them would give the partner a part in further deals."""
    return Recipe(key, why, expect, campaigns=())


STORIES = (
    Story(
        _recipe("service_high", "3.5 of services for 1 of product; a deal won last month had no time for services",
                _expect("3.50", "100.0", VENDOR)),
        (Served(120, {VENDOR: "40000"}), Served(200, {VENDOR: "30000"}), Served(300, {VENDOR: "35000"}), Served(30)),
    ),
    Story(
        _recipe("service_zero", "zero was reported on two of three deals: a real zero",
                _expect("0.00", "66.7", VENDOR)),
        (Served(120, {VENDOR: "0"}), Served(200, {VENDOR: "0"}), Served(300)),
    ),
    Story(
        _recipe("service_silent", "one deal of three says anything", _expect(None, "33.3", VENDOR, "LOW_COVERAGE")),
        (Served(120, {VENDOR: "40000"}), Served(200), Served(300)),
    ),
    Story(
        _recipe("service_mixed", "our books know one deal, the partner tells all three: told apart",
                _expect("2.00", "100.0", PARTNER)),
        (Served(120, {VENDOR: "90000", PARTNER: "20000"}), Served(200, {PARTNER: "20000", ESTIMATED: "70000"}),
         Served(300, {PARTNER: "20000"})),
    ),
    Story(
        _recipe("service_reported", "only the partner tells", _expect("1.50", "100.0", PARTNER)),
        (Served(120, {PARTNER: "15000"}), Served(200, {PARTNER: "15000"})),
    ),
    Story(
        _recipe("service_without_product", "a deal worth nothing: no ratio, not an infinite one",
                _expect(None, "", VENDOR, "PRODUCT_ZERO")),
        (Served(120, {VENDOR: "40000"}, amount="0"),),
    ),
    Story(
        _recipe("service_shared", "sourced here, influenced by another: half of the product each, services apart",
                _expect("4.00", "100.0", VENDOR)),
        (Served(120, {VENDOR: "20000"}), Served(200, {VENDOR: "20000"})),
        _recipe("service_beside", "met the customers of the other's deals", _expect("1.00", "100.0", VENDOR)),
        "5000",
    ),
)  # fmt: skip


def make_services(build: Builder) -> list[Partner]:
    """Write these partners with their deals."""
    found = []
    for story in STORIES:
        partner = make(build, story.recipe)
        other = make(build, story.beside) if story.beside else None
        for served in story.deals:
            _serve(partner, served, other, story.services_beside)
        found += [partner, other] if other else [partner]
    return found


def _serve(partner: Partner, served: Served, other: Partner | None, beside: str) -> None:
    build, calendar = partner.build, partner.build.calendar
    customer = build.account(
        f"Served customer {served.closed} of {partner.recipe.key}", calendar.at(500), BillingCountry="Germany",
        Industry="Technology", Segment__c="SMB",
    )  # fmt: skip
    opened = calendar.at(served.closed + _CYCLE)
    deal = partner.deal(
        opened, "won", closed=calendar.day(served.closed), amount=Decimal(served.amount), account=customer,
        name=f"Served deal {served.closed}",
    )  # fmt: skip
    build.registration(partner.id, customer, deal, opened - timedelta(days=2), "Approved")
    for provenance, amount in served.services.items():
        _revenue(build, partner.id, deal, amount, provenance, served.closed)
    if other:
        expert = build.contact(other.id, "Exa", f"Expert {served.closed}", "Engineer")
        for days in (10, 20):  # two meetings are enough, and both CRMs tell them alike
            build.meeting(deal, expert, opened + timedelta(days=days))
        _revenue(build, other.id, deal, beside, VENDOR, served.closed)


def _revenue(build: Builder, partner: str, deal: str, amount: str, provenance: str, closed: int) -> None:
    at = build.calendar.at(closed // 2)
    build.add(
        "Partner_Service_Revenue__c", at, IsDeleted="false", Name=f"{provenance} services", Partner__c=partner,
        Opportunity__c=deal, Amount__c=amount, Provenance__c=provenance, OwnerId=build.staff["ae1"],
    )  # fmt: skip
