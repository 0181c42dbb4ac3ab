"""A small random world of partners, deals, quotes, meetings, campaigns and funds, as rows of the mirror."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

World = dict[str, list[dict[str, Any]]]


def small_world(chance: random.Random) -> World:
    """A few partners, customers and deals, with hostile rows among them."""
    pick, maybe = chance.choice, lambda value, odds=0.8: value if chance.random() < odds else None
    partners = [f"p{n}" for n in range(4)]
    accounts = [f"a{n}" for n in range(4)]
    deals = [f"o{n:02}" for n in range(chance.randrange(4, 18))]
    campaigns = [f"c{n}" for n in range(chance.randrange(1, 8))]
    boundary = [0, 1, 29, 30, 31, 89, 90, 91, 209, 210, 211, 364, 365, 366, 730, 731]

    def days() -> int:
        return pick(boundary) if chance.random() < 0.5 else chance.randrange(0, 800)

    def instant() -> datetime:
        return datetime(2026, 7, 1, pick([0, 12, 21, 22, 23]), pick([0, 59]), tzinfo=UTC) - timedelta(days=days())

    def day() -> date:
        return date(2026, 7, 1) - timedelta(days=days() - pick([0, 0, 0, 100]))

    def money() -> Decimal | None:
        return maybe(Decimal(chance.randrange(-2, 40)) * 1000)

    currency = lambda: pick([None, "", "USD", "EUR", "JPY"])  # noqa: E731
    roles = ["reseller", "lead", "sourcing", "influencer", None]
    world: World = {
        "partners": [
            {"id": p, "name": p, "created_at": instant(), "footprint_regions": maybe("DE; Atlantis", 0.3)}
            for p in partners
        ],
        "accounts": [
            {
                "id": a,
                "country": maybe(pick(["DE", "France", "Oz"])),
                "industry": maybe(pick(["Retail", "Health"])),
                "segment": maybe(pick(["S", "L"])),
            }
            for a in accounts
        ],
        "opportunities": [
            {
                "id": o,
                "account_id": maybe(pick(accounts)),
                "stage": "x",
                "is_closed": (c := pick([True, False, None])),
                "is_won": pick([True, None]) if c else False,
                "amount": money(),
                "currency": currency(),
                "created_at": maybe(instant(), 0.95),
                "close_date": maybe(day(), 0.95),
                "campaign_id": maybe(pick(campaigns)),
                "type": pick(["new", "renewal", None]),
                "product": maybe(pick(["A", "B"])),
                "segment": maybe("S", 0.3),
            }
            for o in deals
        ],
        "partner_links": [
            {
                "id": f"l{n}",
                "opportunity_id": pick(deals),
                "partner_id": pick([*partners, "gone"]),
                "role": pick(roles),
            }
            for n in range(chance.randrange(12))
        ],
        "account_links": [
            {"id": f"k{n}", "account_id": pick(accounts), "partner_id": pick(partners), "role": pick(roles)}
            for n in range(chance.randrange(3))
        ],
        "registrations": [
            {
                "id": f"r{n}",
                "partner_id": pick(partners),
                "opportunity_id": maybe(pick(deals)),
                "status": pick(["submitted", "approved", "expired", None]),
                "submitted_at": maybe(instant()),
                "approved_at": maybe(instant()),
            }
            for n in range(chance.randrange(4))
        ],
        "quotes": [{"id": "q", "opportunity_id": "nobody's", "status": "issued", "issued_at": instant()}]
        + [
            {
                "id": f"q{n}",
                "opportunity_id": maybe(pick(deals)),
                "status": pick(["issued", "accepted", "draft", None]),
                "issued_at": maybe(instant()),
            }
            for n in range(chance.randrange(20))
        ],
        "meetings": [
            {
                "id": f"m{n:02}",
                "related_id": maybe(pick([*deals, *accounts, *partners])),
                "calendar_id": pick([None, "", "x", "y"]),
                "starts_at": maybe(instant()),
                "outcome": pick(["held", "no_show", "planned", None, ""]),
                "internal": pick([True, False, None]),
            }
            for n in range(chance.randrange(20))
        ],
        "campaigns": [
            {
                "id": c,
                "name": c,
                "motion": maybe("Demand Gen"),
                "status": pick(["planned", "active", "completed"]),
                "partner_id": maybe(pick(partners)),
                "start_date": maybe(day()),
                "end_date": maybe(day()),
                "budgeted_cost": money(),
                "actual_cost": money(),
                "currency": currency(),
            }
            for c in campaigns
        ],
        "fund_requests": [
            {
                "id": f"f{n}",
                "partner_id": maybe(pick(partners)),
                "campaign_id": maybe(pick(campaigns)),
                "name": "f",
                "status": pick(["submitted", "approved", "draft"]),
                "requested_amount": money(),
                "approved_amount": money(),
                "currency": currency(),
                "created_at": maybe(instant()),
            }
            for n in range(chance.randrange(6))
        ],
        "logins": [
            {"id": f"u{n}", "partner_id": pick(partners), "last_login_at": maybe(instant())}
            for n in range(1, chance.randrange(2, 5))
        ],
        "exchange_rates": [
            {"id": "x1", "currency": "EUR", "rate": Decimal("0.5"), "start_date": None, "end_date": date(2025, 6, 1)},
            {
                "id": "x2",
                "currency": "EUR",
                "rate": Decimal("0.25"),
                "start_date": date(2025, 3, 1),
                "end_date": maybe(date(2026, 1, 1), 0.5),
            },
            {"id": "x3", "currency": "EUR", "rate": Decimal("2"), "start_date": date(2025, 3, 1), "end_date": None},
            {"id": "x4", "currency": "USD", "rate": Decimal("7"), "start_date": None, "end_date": None},
        ],
    }
    world["fund_claims"] = [
        {
            "id": f"e{n}",
            "request_id": maybe(f"f{chance.randrange(6)}"),
            "partner_id": maybe(pick(partners), 0.3),
            "status": pick(["paid", "approved", "submitted"]),
            "amount": money(),
            "currency": currency(),
            "created_at": maybe(instant()),
        }
        for n in range(chance.randrange(8))
    ]
    if chance.random() < 0.5:
        world["partners"][1]["merged_into"] = "p2"
        world["partners"][2]["merged_into"] = chance.choice([None, "p3"])
    if chance.random() < 0.5:
        world["accounts"][0]["merged_into"] = "a1"
    return world
