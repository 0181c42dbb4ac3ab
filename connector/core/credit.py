"""Who is credited with what on an opportunity, and when can that no longer change?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from connector.core.codec import from_json, to_json

SOURCED, INFLUENCED, DISPUTED = "sourced", "influenced", "disputed"


class CreditType(StrEnum):
    """What partners are to an opportunity."""

    NONE = "None"
    SOURCED = "Sourced"
    INFLUENCED = "Influenced"
    BOTH = "Sourced + Influenced by others"
    DISPUTED = "Disputed"


@dataclass(frozen=True, slots=True)
class Part:
    """One partner's part: `role` is "sourced", "influenced" or "disputed"; `evidence` holds ids of records."""

    partner_id: str
    role: str
    reason: str
    points: int = 0
    agreed: int | None = None  # ten-thousandths of a percent, where a share was agreed in writing
    pieces: int = 0
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Credited:
    """A part with its amount in the corporate currency; None when it cannot be known, with what is lacking."""

    part: Part
    amount: Decimal | None
    lacking: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """What was settled about one opportunity: a version, kept for good. Equal parts give equal text."""

    parts: tuple[Part, ...]

    def to_json(self) -> str:
        """Canonical JSON."""
        return to_json(self)

    @staticmethod
    def from_json(text: str) -> Parts:
        """The value that `to_json` made."""
        return from_json(Parts, text)


@dataclass(frozen=True, slots=True)
class DealCredit:
    """All credit on one opportunity, sourcing first."""

    opportunity_id: str
    credited: tuple[Credited, ...]
    created_at: datetime
    version: int
    disputed: bool = False  # a person disputes it

    def of(self, role: str) -> tuple[Credited, ...]:
        """The parts of that role."""
        return tuple(each for each in self.credited if each.part.role == role)

    @property
    def type(self) -> CreditType:
        """What partners are to the opportunity."""
        sourced, influenced = bool(self.of(SOURCED)), bool(self.of(INFLUENCED))
        if self.disputed or self.of(DISPUTED):
            return CreditType.DISPUTED
        if sourced:
            return CreditType.BOTH if influenced else CreditType.SOURCED
        return CreditType.INFLUENCED if influenced else CreditType.NONE

    @property
    def source(self) -> str | None:
        """The sourcing partner's id."""
        return next((each.part.partner_id for each in self.of(SOURCED)), None)

    def amount(self, role: str) -> Decimal | None:
        """The role's amount together; None when one of its parts is unknown."""
        amounts = [each.amount for each in self.of(role)]
        known = [amount for amount in amounts if amount is not None]
        return sum(known, Decimal("0.00")) if len(known) == len(amounts) else None

    def sourcing_locks_at(self, lock_days: int) -> datetime:
        """From when on who sourced it changes only by a dispute."""
        return self.created_at + timedelta(days=lock_days)


@dataclass(frozen=True, slots=True)
class CreditSums:
    """What a partner sourced, influenced and touched, won in the window, and its open sourced pipeline."""

    sourced_won: Decimal
    sourced_count: int
    influenced_won: Decimal  # its shares, which add up over partners
    influenced_count: int
    touched_won: Decimal  # whole amounts of what it sourced or influenced; they do not add up over partners
    sourced_open: Decimal
    open_count: int
    unknown: int  # credited opportunities without an amount, which are in no figure
    since: date
    evidence: tuple[str, ...]  # opportunity ids


NOTHING = Decimal("0.00")
