"""Which opportunities show who is credited: in time, late, expired, tied, agreed, disputed, reopened, recorded late?

The amounts are what a careful reader of docs/attribution.md expects to find on the opportunity in each CRM.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from emulators.world.build import Builder, Deal
from emulators.world.recipes import Expect, Partner, Recipe, make

AMOUNT = Decimal(100_000)
_CYCLE = 60  # days from opening to close
_OPENED = 200  # days ago
_NO_LABEL_DATE = "HubSpot dates no association: a referral label may have been set after the close"
_THREE_KINDS = "HubSpot's tasks are of three kinds, none of which is a proof of concept"


@dataclass(frozen=True, slots=True)
class Credit:
    """What stands on the opportunity. `source` and `shares` name partners by their story's key."""

    type: str = ""  # empty: there never was credit, so nothing is written
    source: str = ""
    shares: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Case:
    """One opportunity while its records are being written."""

    build: Builder
    partners: dict[str, Partner]
    customer: str
    id: str
    opened: int  # days ago

    def registered(self, who: str, days: int, share: str = "") -> None:
        """Registered so many days after the opening (before it, when negative), approved a day later."""
        at = self.build.calendar.at(self.opened - days)
        self.build.registration(self.partners[who].id, self.customer, self.id, at, "Approved", share=share)

    def met(self, who: str, *days: int, recorded: int | None = None) -> None:
        """A customer meeting with the partner's expert so many days after the opening."""
        calendar = self.build.calendar
        expert = self.build.contact(self.partners[who].id, "Lou", f"Expert of {who}", "Engineer")
        written = None if recorded is None else calendar.at(self.opened - recorded)
        for day in days:
            self.build.meeting(self.id, expert, calendar.at(self.opened - day), recorded=written)

    def proved(self, who: str, day: int) -> None:
        """The partner, named as a consultant, ran a proof of concept."""
        self.stands(who, "Consultant")
        expert = self.build.contact(self.partners[who].id, "Lou", f"Expert of {who}", "Engineer")
        self.build.touch(self.id, expert, "Proof of Concept", self.build.calendar.at(self.opened - day))

    def stands(self, who: str, role: str) -> None:
        """The partner has a role on the opportunity since the opening."""
        at = self.build.calendar.at(self.opened)
        self.build.partner_role(self.id, self.customer, self.partners[who].id, role, at)

    def known_before(self) -> None:
        """Our own people had another opportunity of the customer open a month before."""
        at = self.build.calendar.at(self.opened + 30)
        self.build.deal(Deal(self.customer, at, name="Earlier deal", link="none"))

    def called_before(self) -> None:
        """Our own people met the customer a month before."""
        buyer = self.build.contact(self.customer, "Kim", "Buyer", "Head of Procurement")
        self.build.meeting(self.customer, buyer, self.build.calendar.at(self.opened + 30))


@dataclass(frozen=True, slots=True)
class Story:
    """One opportunity, what happened on it, and what is expected; `hubspot` where that CRM cannot know the same."""

    key: str
    why: str
    happened: Callable[[Case], None]
    expect: Credit
    hubspot: Credit | None = None
    differs: str = ""
    outcome: str = "won"
    disputed: bool = False  # a person says so once the product is installed


def _tied(case: Case) -> None:
    case.registered("finder", -2)
    case.registered("rival", -2)


def _agreed(case: Case) -> None:
    case.registered("finder", 20, "70")
    case.registered("helper", 20, "30")


def _shared(case: Case) -> None:
    case.registered("finder", -2)
    case.met("helper", 10, 20)
    case.met("rival", 12, 24)


def _earlier_deal(case: Case) -> None:
    case.known_before()
    case.registered("finder", -2)


def _earlier_call(case: Case) -> None:
    case.called_before()
    case.registered("finder", -2)


_SOURCED = Credit("Sourced", "finder")
STORIES = (
    Story("credit_in_time", "registered before the opening", lambda c: c.registered("finder", -2), _SOURCED),
    Story("credit_last_day", "registered 13 days after the opening and approved on the 14th: in time",
          lambda c: c.registered("finder", 13), _SOURCED),
    Story("credit_late", "registered 15 days after the opening", lambda c: c.registered("finder", 15), Credit()),
    Story("credit_expired", "registered 100 days before the opening, for 90 days",
          lambda c: c.registered("finder", -100), Credit()),
    Story("credit_after_close", "registered after the close", lambda c: c.registered("finder", 65), Credit()),
    Story("credit_tied", "two partners registered it at one moment: nobody's until it is settled", _tied,
          Credit("Disputed")),
    Story("credit_agreed", "shares agreed in writing: 70 and 30", _agreed,
          Credit("Influenced", shares={"finder": "70000.00", "helper": "30000.00"})),
    Story("credit_prior_deal", "another opportunity of the customer was open before", _earlier_deal, Credit()),
    Story("credit_prior_activity", "our own people met the customer before", _earlier_call, Credit()),
    Story("credit_shared", "sourced by one, influenced by two: half each, beside the whole", _shared,
          Credit("Sourced + Influenced by others", "finder", {"helper": "50000.00", "rival": "50000.00"})),
    Story("credit_one_day", "two meetings on one day are one weak day", lambda c: c.met("helper", 10, 10), Credit()),
    Story("credit_logged_late", "two meetings, written down after the close",
          lambda c: c.met("helper", 10, 20, recorded=65), Credit()),
    Story("credit_reopened", "won, then reopened: open again, and still sourced",
          lambda c: c.registered("finder", -2), _SOURCED, outcome="open"),
    Story("credit_disputed", "a person disputes it: shown, while the figures stand",
          lambda c: c.registered("finder", -2), Credit("Disputed", "finder"), disputed=True),
    Story("credit_strong", "one proof of concept is enough", lambda c: c.proved("helper", 10),
          Credit("Influenced", shares={"helper": "100000.00"}), Credit(), _THREE_KINDS),
    Story("credit_referred", "a dated referral is as good as a registration; the deal was lost",
          lambda c: c.stands("finder", "Broker"), _SOURCED, Credit(), _NO_LABEL_DATE, outcome="lost"),
)  # fmt: skip

_OPEN = Expect(None, None, None, None, None, None, None, None)
PARTNERS = tuple(
    Recipe(f"credit_{key}", why, _OPEN, campaigns=())
    for key, why in (
        ("finder", "brings opportunities"),
        ("helper", "helps with other people's opportunities"),
        ("rival", "competes with the finder"),
    )
)


def make_credits(build: Builder) -> tuple[list[Partner], list[dict[str, Any]]]:
    """Write these partners and opportunities; -> the partners, and what is expected of each opportunity."""
    partners = {recipe.key.removeprefix("credit_"): make(build, recipe) for recipe in PARTNERS}
    told = [_told(build, partners, story, number) for number, story in enumerate(STORIES)]
    return list(partners.values()), told


def _told(build: Builder, partners: dict[str, Partner], story: Story, number: int) -> dict[str, Any]:
    calendar, opened = build.calendar, _OPENED + 2 * number
    customer = build.account(
        f"Customer of {story.key}",
        calendar.at(500),
        BillingCountry="Germany",
        Industry="Technology",
        Segment__c="SMB",
    )
    deal = Deal(
        customer, calendar.at(opened), story.outcome, calendar.day(opened - _CYCLE), AMOUNT, name=_named(story.key),
        link="none", product="Security", reopened=story.outcome == "open",
    )  # fmt: skip
    case = Case(build, partners, customer, build.deal(deal), opened)
    story.happened(case)
    told = {"id": case.id, "scenario": story.key, "why": story.why, "disputed": story.disputed}
    told |= {"credit": _expected(story.expect, partners)}
    if story.hubspot is not None:
        told["hubspot"] = {"credit": _expected(story.hubspot, partners), "why": story.differs}
    return told


def _named(key: str) -> str:
    return key.removeprefix("credit_").replace("_", " ").capitalize() + " deal"


def _expected(credit: Credit, partners: dict[str, Partner]) -> dict[str, Any]:
    return {
        "type": credit.type,
        "source": partners[credit.source].id if credit.source else "",
        "sourced": f"{AMOUNT:.2f}" if credit.source else "",
        "influenced": sorted([partners[who].id, amount] for who, amount in credit.shares.items()),
    }
