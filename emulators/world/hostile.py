"""Which records trip a careless reader: names, empty amounts, merges, clock changes, equal stamps, zero spend."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from emulators.world.build import Builder, Deal
from emulators.world.recipes import Expect, Funded, Partner, Recipe, make

_TEN_THOUSAND = (("EUR", "7812.5"), ("JPY", "1562500"), ("GBP", "6250"), ("USD", "10000"))
"""Ten thousand dollars at the newest rates."""
_OPEN = Expect(None, None, None, None, None, None, None, None)


def _merge(partner: Partner) -> None:
    """A second record of the same company was merged into this one: deals came along, the record stays as deleted."""
    build, calendar = partner.build, partner.build.calendar
    loser = build.account(
        "Merged Away Partners GmbH", calendar.at(590), modified=calendar.at(12), IsDeleted="true", IsPartner="true",
        MasterRecordId=partner.id, Type="Channel Partner / Reseller", BillingCountry="Germany", Industry="Technology",
    )  # fmt: skip
    partner.notes["merged_from"] = loser
    customer = build.account(
        "Twice Known GmbH", calendar.at(400), modified=calendar.at(12), IsDeleted="true",
        MasterRecordId=partner.customers[0], BillingCountry="Germany",
    )  # fmt: skip
    gone: dict[str, Any] = {
        "AccountId": customer,
        "MasterRecordId": partner.contact,
        "LastName": "Twice",
        "Name": "Twice",
    }
    build.add("Contact", calendar.at(400), calendar.at(12), IsDeleted="true", OwnerId=build.staff["ae1"], **gone)


def _clock_edges(partner: Partner) -> None:
    """Deals made in the hour that a clock change skips or repeats, closed late in the evening."""
    build, calendar = partner.build, partner.build.calendar
    changed = calendar.clock_change()
    for hour in (5, 6, 7):
        created = datetime.combine(changed, time(hour, 30), UTC)
        partner.deal(created, amount=Decimal(10000), name=f"Opened at {hour}:30 UTC on the day of the clock change")
    late = calendar.local(30, 23, 30)
    partner.deal(
        calendar.at(80), "won", amount=Decimal(10000), closed=calendar.day(30), modified=late, name="Closed at 23:30"
    )
    build.meeting(partner.topic, partner.contact, calendar.local(41, 23, 30))


def _mixed_currencies(partner: Partner) -> None:
    calendar = partner.build.calendar
    for at, (currency, amount) in enumerate(_TEN_THOUSAND * 2):
        ago = 20 + 15 * at
        partner.deal(
            calendar.at(ago + 60), "won", closed=calendar.day(ago), amount=Decimal(amount), currency=currency,
            name=f"Won in {currency} {at}",
        )  # fmt: skip


def _reopened(partner: Partner) -> None:
    calendar = partner.build.calendar
    partner.deal(
        calendar.at(150), amount=Decimal(10000), quotes=(calendar.at(130),), name="Won, then opened again",
        modified=calendar.at(30), reopened=True,
    )  # fmt: skip


def _odd_deals(partner: Partner) -> None:
    calendar = partner.build.calendar
    for name in ("NA", "NULL", "null", "#N/A", "None", "0", "-", "TRUE", "a\r\nb", "tab\there", 'say "no"', "x,y;z"):
        partner.deal(calendar.at(25), amount=Decimal("0.01"), name=name)
    partner.deal(calendar.at(25), amount=Decimal(0), name="Nothing for it")
    partner.deal(calendar.at(25), amount=Decimal("9999999999999.99"), name="Everything for it")
    partner.deal(calendar.at(25), amount=Decimal("-250.00"), name="A credit note")
    partner.deal(calendar.at(1), "won", closed=calendar.day(1), amount=Decimal(100), name="Closed the day it opened")


HOSTILE = (
    Recipe("name_emoji", "an emoji outside the basic plane and a joined one",
           name="🚀 Rocket 👩‍👩‍👧 Partners", tiny=True),
    Recipe("name_one_letter", "one letter", name="Q"),
    Recipe("name_punctuation", "quote, comma, semicolon and apostrophe", name='O\'Neil, "Sons" & Co; <b>Ltd</b>'),
    Recipe("name_newline", "a line break inside a name", name="First line\nSecond line", tiny=True),
    Recipe("name_formula", "a spreadsheet would run it", name="=cmd|' /C calc'!A0"),
    Recipe("name_right_to_left", "right-to-left text with marks", name="شركة الشراكة \u200f(שותפים)"),
    Recipe("name_na", "a company called NA", name="NA"),
    Recipe("name_line_separator", "U+2028 and U+0085, at which splitlines() cuts",
           name="Sep\u2028arated\u0085 Partners"),
    Recipe("name_long", "255 characters", name="Long " + "n" * 250),
    Recipe("odd_deal_names", "deals called NA, NULL and #N/A, amounts of nothing and of everything",
           Expect(symptom=None, lever=None), also=_odd_deals),
    Recipe("no_quotes", "nothing was ever quoted, met or funded",
           Expect(velocity="Insufficient Evidence", proof="Insufficient Evidence",
                  decision="Pilot Only", symptom=None, lever=None), quotes=(0, 0), campaigns=(), meetings=0),
    Recipe("no_amounts", "no deal has an amount: unknown, not zero",
           Expect(market_fit=None, proof=None, decision=None, symptom=None, lever=None), no_amounts=True),
    Recipe("no_spend_at_all", "three campaigns, none of which cost anything",
           Expect(proof="Insufficient Evidence", decision="Pilot Only"),
           campaigns=(Funded(50000, 0, 140), Funded(50000, 0, 190), Funded(50000, 0, 240))),
    Recipe("mixed_currencies", "won in yen, euro, pounds and dollars: never added up unconverted", wins=0,
           also=_mixed_currencies),
    Recipe("merged", "another record of the company was merged into it", also=_merge, tiny=True),
    Recipe("clock_edges", "deals at the change of the clocks and late in the evening", also=_clock_edges),
    Recipe("reopened", "a won deal was opened again", _OPEN, also=_reopened),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EqualStamps:
    """Deals that one mass update touched in the same second: a page boundary falls among them."""

    count: int
    at: datetime


def equal_stamps(build: Builder, account: str, count: int) -> EqualStamps:
    """Write `count` direct deals with one SystemModstamp."""
    at = build.calendar.at(8, 2, 0, 0)
    for number in range(count):
        created = build.calendar.at(200) + timedelta(minutes=number)
        build.deal(
            Deal(account, created, amount=Decimal(1000 + number), name=f"Swept deal {number + 1}", modified=at)
        )
    return EqualStamps(count, at)


def make_hostile(build: Builder, *, tiny: bool) -> list[Partner]:
    """Write the hostile partners; the smallest world has only some of them."""
    return [make(build, recipe) for recipe in HOSTILE if recipe.tiny or not tiny]
