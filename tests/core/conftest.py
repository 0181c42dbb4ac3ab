"""Builders of facts for the rules' tests: a partner about whom nothing is known, and what one adds to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connector.config.policy import load
from connector.core.decide import decide
from connector.core.decisions import Decision, Previous
from connector.core.facts import (
    Activity,
    CampaignReturn,
    Footprint,
    LiveItem,
    Meetings,
    Override,
    PartnerFacts,
    QuoteCohort,
    TrackRecord,
    Unknown,
    Window,
    WonDeals,
)
from connector.core.policy import Goal, Policy

AS_OF = date(2026, 6, 30)


class Build:
    """Makes facts and policies; every method's result is a plain value of the core."""

    as_of = AS_OF
    window = Window(AS_OF - timedelta(days=455), AS_OF - timedelta(days=90))

    def policy(self, base: Policy, section: str, **changes: Any) -> Policy:
        """The policy with some keys of one section (or of `levers.x`) changed."""
        head, _, tail = section.partition(".")
        part = getattr(base, head)
        part = replace(part, **{tail: replace(getattr(part, tail), **changes)}) if tail else replace(part, **changes)
        return replace(base, **{head: part})

    def goal(self, *regions: str, verticals: tuple[str, ...] = ()) -> Goal:
        """A goal for the quarter around `as_of`."""
        return Goal(name="Q2", start=date(2026, 4, 1), end=date(2026, 7, 1), regions=regions, verticals=verticals)

    def quotes(self, won: int, counted: int, **changes: Any) -> QuoteCohort:
        """A matured cohort."""
        base = QuoteCohort(counted=counted, won=won, window=self.window, proxy=False, evidence=("o1",))
        return replace(base, **changes)

    def footprint(self, *regions: str, verticals: tuple[str, ...] = (), unmapped: tuple[str, ...] = ()) -> Footprint:
        """A declared footprint."""
        return Footprint(regions, verticals, True, 0, self.window, unmapped, ())

    def campaign(self, name: str, pipeline: int, spend: int, days_ago: int = 200, **changes: Any) -> CampaignReturn:
        """A campaign that ended so many days ago, with ten opportunities."""
        ended = AS_OF - timedelta(days=days_ago)
        base = CampaignReturn(name, name, ended, Decimal(spend), Decimal(pipeline), 10, 0)
        return replace(base, **changes)

    def record(self, *campaigns: CampaignReturn, excluded: tuple[tuple[str, str], ...] = ()) -> TrackRecord:
        """A track record."""
        return TrackRecord(campaigns, excluded)

    def meetings(self, held: int, quoted: int = 0) -> Meetings:
        """Held meetings and quoted opportunities."""
        return Meetings(held, quoted, Window(AS_OF - timedelta(days=210), AS_OF - timedelta(days=30)), ("m1",))

    def deals(
        self, won: int, median: int | None, benchmark: int | None, counted: int = 20, missing: int = 0
    ) -> WonDeals:
        """Won deals beside direct ones."""
        turned = [None if amount is None else Decimal(amount) for amount in (median, benchmark)]
        window = Window(AS_OF - timedelta(days=365), AS_OF)
        return WonDeals(won, turned[0], turned[1], counted, missing, window, ("o2",))

    def activity(
        self, *, login: int | None = None, registration: int | None = None, known: bool = True, **others: Any
    ) -> Activity:
        """Signs of life, in days ago."""
        return Activity(
            known,
            self.ago(login),
            self.ago(registration),
            **{"last_opportunity": None, "last_fund_activity": None, "evidence": ("l1",), **others},
        )

    def ago(self, days: int | None) -> datetime | None:
        """Noon (UTC) so many days before `as_of`."""
        if days is None:
            return None
        return datetime(AS_OF.year, AS_OF.month, AS_OF.day, 12, tzinfo=UTC) - timedelta(days=days)

    def live(self, motion: str = "Demand Gen", amount: int | None = 12000) -> LiveItem:
        """A live campaign."""
        return LiveItem("c9", "campaign", "Spring webinar", motion, None if amount is None else Decimal(amount))

    def override(self, decision: str = "Fund Demand Gen", days_left: int | None = 10) -> Override:
        """An override that expires in so many days."""
        expires = None if days_left is None else AS_OF + timedelta(days=days_left)
        return Override(decision, "Board wish", expires, "u7")

    def partner(self, **changes: Any) -> PartnerFacts:
        """A VAR of three years about whom nothing else is known."""
        nothing = Unknown("NOT_MAPPED", "a source")
        base = PartnerFacts(
            partner_id="p1",
            name="Example Reseller",
            personas=("VAR",),
            strategic=False,
            owner_id="u1",
            marketer_id="u2",
            since=AS_OF - timedelta(days=1000),
            excluded=False,
            quotes=nothing,
            footprint=nothing,
            track_record=nothing,
            meetings=nothing,
            won_deals=nothing,
            activity=nothing,
            live=(),
            override=None,
            freshness=None,
        )
        return replace(base, **changes)

    def good(self, **changes: Any) -> PartnerFacts:
        """A partner that passes every gate of `with_goal` and shows no symptom."""
        facts: dict[str, Any] = {
            "quotes": self.quotes(20, 40),
            "footprint": self.footprint("DE"),
            "track_record": self.record(*(self.campaign(f"c{i}", 50_000, 10_000, 200 + i) for i in range(3))),
            "meetings": self.meetings(12, 6),
            "won_deals": self.deals(20, 900, 1000),
            "activity": self.activity(login=3, registration=20),
        }
        return self.partner(**{**facts, **changes})

    def decided(self, facts: PartnerFacts, policy: Policy, previous: Previous | None = None) -> Decision:
        """The decision on `as_of`."""
        return decide(facts, policy, AS_OF, previous)


@pytest.fixture(scope="session")
def build() -> Build:
    """The builder."""
    return Build()


@pytest.fixture(scope="session")
def default() -> Policy:
    """The shipped default policy: no goals are set."""
    return load("default")


@pytest.fixture(scope="session")
def literal() -> Policy:
    """The essay read word by word."""
    return load("literal")


@pytest.fixture(scope="session")
def with_goal(default: Policy, build: Build) -> Policy:
    """The default policy with one goal: EMEA or health care."""
    goal = build.goal("EMEA", verticals=("Healthcare",))
    return build.policy(default, "market_fit", goals=(goal,))
