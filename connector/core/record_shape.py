"""What a canonical table and its columns are, and the words that some of them are limited to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a column is stored and compared."""

    ID = "id"
    TEXT = "text"
    BOOL = "bool"
    INTEGER = "integer"
    MONEY = "money"  # exact decimal, 4 places
    NUMBER = "number"  # exact decimal, 8 places: rates, percentages
    DATE = "date"
    INSTANT = "instant"  # UTC, microseconds


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `values` closes the vocabulary of a text column."""

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """One canonical table; `key` names the columns that identify a row."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ("id",)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.name}.{name}")


PERSONAS = ("VAR", "MSP", "Distributor", "Agency", "SI", "GSI", "Alliance", "ISV", "Referral", "Other")
MOTIONS = ("Demand Gen", "Enablement", "Thought Leadership", "First-Deal Incentive", "Other")
LINK_ROLES = ("sourcing", "reseller", "lead", "influencer", "services", "other")
PROOF_STATES = ("not_started", "needs_info", "flagged", "complete", "cleared")
PROVENANCES = ("vendor", "partner", "estimated")


def id_(meaning: str = "the CRM's id", *, required: bool = True, name: str = "id") -> Column:
    """The column that tells rows apart."""
    return Column(name, Kind.ID, meaning, required)


def ref(name: str, meaning: str, *, required: bool = False) -> Column:
    """A column with the id of another record."""
    return Column(name, Kind.ID, meaning, required)


def text(name: str, meaning: str, values: tuple[str, ...] = (), *, required: bool = False) -> Column:
    """A column of text, of these words only where any are given."""
    return Column(name, Kind.TEXT, meaning, required, values)


MODIFIED = Column("modified_at", Kind.INSTANT, "when the CRM last touched the row (the cursor)")
CURRENCY = text("currency", "ISO 4217 code; empty means the corporate currency")
