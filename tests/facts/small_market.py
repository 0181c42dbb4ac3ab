"""Random markets of three partners and two customers: claims, links, touches, meetings, shares, as rows."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

FIRST = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RATES = {"": Decimal(1), "USD": Decimal(1), "EUR": Decimal("0.8")}

Row = dict[str, Any]
World = dict[str, list[Row]]


@dataclass(slots=True)
class Chance:
    """Rows by a seed; instants fall on each other often, because boundaries are what goes wrong."""

    dice: random.Random
    world: World = field(default_factory=lambda: defaultdict(list))

    def at(self, low: int = -100, high: int = 110) -> datetime:
        return FIRST + timedelta(days=self.dice.choice([*range(low, high, 7), 0, 13, 14, 15, -90, -91])) + (
            self.dice.choice([0, 0, 0, 1, -1]) * SECOND
        )  # fmt: skip

    def one(self, *options: Any) -> Any:
        return self.dice.choice(options)

    def add(self, table: str, **values: Any) -> None:
        self.world[table].append({"id": f"{table}{len(self.world[table])}", **values})

    def deal(self, number: int) -> None:
        opened = FIRST + timedelta(days=self.one(0, 0, 7, 20))
        closed = self.one(True, True, False)
        self.world["opportunities"].append(
            {
                "id": f"d{number}",
                "account_id": self.one("a", "a", "b", "gone", None),
                "stage": "x",
                "is_closed": closed,
                "is_won": closed and self.one(True, True, False),
                "close_date": (opened + timedelta(days=self.one(3, 30, 63))).date(),
                "amount": self.one(None, Decimal("100.00"), Decimal("0.01"), Decimal("99999.97"), Decimal("-50.01")),
                "currency": self.one(None, "USD", "EUR", "GBP"),
                "created_at": opened,
                "type": self.one(None, "new", "new", "expansion", "renewal"),
                "credit_dispute": self.one(None, None, "open", "reassess"),
            }
        )

    def partner(self) -> str:
        return str(self.one("A", "B", "C", "old"))

    def topic(self, *rest: Any) -> Any:
        return self.one(*(row["id"] for row in self.world["opportunities"]), *rest)

    def registration(self) -> None:
        submitted = self.one(self.at(-100, 20), FIRST + timedelta(days=self.one(-91, -30, -1, 0, 5, 8, 14, 20)))
        self.add(
            "registrations",
            partner_id=self.partner(),
            opportunity_id=self.topic(None),
            account_id=self.one("a", "b", "gone", None),
            status=self.one("approved", "approved", "expired", "submitted", "rejected"),
            submitted_at=submitted,
            approved_at=self.one(None, submitted, *(submitted + timedelta(days=days) for days in (1, 14, 20, 20))),
            expires_on=self.one(None, None, (submitted + timedelta(days=self.one(30, 119, 120, 121))).date()),
        )

    def link(self) -> None:
        self.add(
            "partner_links",
            opportunity_id=self.topic(),
            partner_id=self.partner(),
            role=self.one("lead", "reseller", "other"),
            via=self.one(None, "field", "registration"),
            recorded_at=self.one(None, self.at()),
            share=self.one(None, None, None, Decimal("33.3333"), Decimal(60)),
        )

    def touch(self) -> None:
        done = self.at()
        self.add(
            "touches",
            related_id=self.topic("a", "b", "gone", None),
            partner_id=self.one(None, self.partner()),
            contact_id=self.one(None, "ann", "eve"),
            type=self.one("Proof of Concept ", "technical validation", "call", "email", "lunch", None),
            occurred_at=self.one(done, done, None),
            recorded_at=self.one(done, done + timedelta(days=self.one(0, 1, 7)), None),
        )

    def meeting(self) -> None:
        begins = self.at()
        self.add(
            "meetings",
            related_id=self.topic("a", "gone"),
            contact_id=self.one(None, "ann", "eve"),
            starts_at=begins,
            created_at=begins - timedelta(days=self.one(0, 3)),
            outcome=self.one(None, "held", "no_show"),
            internal=self.one(None, False, True),
        )

    def answer(self) -> None:
        self.add(
            "campaign_members",
            campaign_id=self.one("camp", "nobody's"),
            contact_id=self.one("eve", "ann", None),
            responded=self.one(True, None),
            responded_on=self.one(None, self.at().date()),
        )

    def stage(self) -> None:
        self.add(
            "stage_history",
            opportunity_id=self.topic(),
            stage=self.one("Commit", "Negotiation/Review", "Proposal", None),
            at=self.at(),
        )


def market(seed: int) -> World:
    """Three partners, one of them under two ids, two customers likewise, and what happened between them."""
    chance = Chance(random.Random(seed))
    world = chance.world
    world["partners"] = [{"id": name, "name": name} for name in "ABC"]
    world["partners"].append({"id": "old", "name": "old", "merged_into": "A"})
    world["accounts"] = [{"id": "a"}, {"id": "b"}, {"id": "gone", "merged_into": "a"}]
    world["contacts"] = [{"id": "ann", "account_id": "old"}, {"id": "eve", "account_id": "gone"}]
    world["campaigns"] = [{"id": "camp", "partner_id": "B"}, {"id": "nobody's"}]
    world["exchange_rates"] = [{"id": "1", "currency": "EUR", "rate": RATES["EUR"], "start_date": date(2020, 1, 1)}]
    for number in range(6):
        chance.deal(number)
    for make, most in (
        (chance.registration, 12), (chance.link, 7), (chance.touch, 30), (chance.meeting, 8), (chance.answer, 6),
        (chance.stage, 4),
    ):  # fmt: skip
        for _ in range(chance.dice.randint(0, most)):
            make()
    return world
