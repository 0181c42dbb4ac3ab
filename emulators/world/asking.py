"""Which fund requests wait for an answer, and what each says about what it is to bring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from emulators.world.build import Money
from emulators.world.recipes import Partner


@dataclass(frozen=True, slots=True)
class Plea:
    """One request that was made so many days ago; None and "" are cells that were left empty."""

    title: str
    amount: int = 4000
    motion: str = "Demand Gen"
    expected: int | None = 20000
    conversion: str = "8"  # percent
    match: str = "50"  # percent
    starts: int | None = 30  # days from now
    made: int = 3  # days ago
    status: str = "Submitted"


def asks(*pleas: Plea) -> Callable[[Partner], None]:
    """What writes these requests of a partner."""

    def write(partner: Partner) -> None:
        for plea in pleas:
            _ask(partner, plea)

    return write


def _ask(partner: Partner, plea: Plea) -> None:
    build, calendar = partner.build, partner.build.calendar
    build.fund_request(
        partner.id, "", plea.title, calendar.at(plea.made), Money(approved=Decimal(plea.amount)), plea.motion,
        status=plea.status,
        said={
            "Expected_Pipeline__c": "" if plea.expected is None else f"{plea.expected}.00",
            "Target_Conversion__c": plea.conversion,
            "Match_Percent__c": plea.match,
            "Activity_Start__c": "" if plea.starts is None else calendar.day(-plea.starts).isoformat(),
        },
    )  # fmt: skip
