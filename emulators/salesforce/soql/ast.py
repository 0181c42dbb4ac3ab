"""What a parsed SOQL statement is made of; every node that can be refused later knows its place in the text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LiteralKind(StrEnum):
    """How a value is written."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    NULL = "null"
    DATE = "date"
    DATETIME = "datetime"
    RANGE = "range"  # TODAY, LAST_N_DAYS:7
    CURRENCY = "currency"  # USD5000


@dataclass(frozen=True, slots=True)
class Literal:
    """One value. `value` is the unescaped string, or the text as written; `count` is the n of LAST_N_DAYS:n."""

    kind: LiteralKind
    value: str
    position: int
    pattern: str = ""
    wildcard_escape: bool = False
    count: int = 0


@dataclass(frozen=True, slots=True)
class Path:
    """A field, with the relationships that lead to it: Account.Owner.Name."""

    parts: tuple[str, ...]
    position: int

    def __str__(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Geolocation:
    """A fixed point in degrees: GEOLOCATION(37.775, -122.418)."""

    latitude: float
    longitude: float

    def __str__(self) -> str:
        return f"GEOLOCATION({self.latitude}, {self.longitude})"


@dataclass(frozen=True, slots=True)
class Call:
    """A function of a field, or of another function of one; COUNT() has no argument.

    DISTANCE also has a fixed point and a unit, mi or km.
    """

    name: str  # upper case
    argument: Path | Call | None
    position: int
    to: Geolocation | None = None
    unit: str = ""

    def __str__(self) -> str:
        if self.to is not None:
            return f"{self.name}({self.argument}, {self.to}, '{self.unit}')"
        return f"{self.name}({self.argument or ''})"


Operand = Path | Call


@dataclass(frozen=True, slots=True)
class SelectField:
    """A field or function in the SELECT list."""

    operand: Operand
    alias: str | None = None
    alias_position: int = 0


@dataclass(frozen=True, slots=True)
class SelectChildren:
    """A child sub-query in the SELECT list."""

    query: Query


@dataclass(frozen=True, slots=True)
class TypeOf:
    """TYPEOF relationship WHEN type THEN fields ... ELSE fields END."""

    relationship: Path
    branches: tuple[tuple[str, int, tuple[Path, ...]], ...]  # type name, its place, fields
    otherwise: tuple[Path, ...]
    position: int


SelectItem = SelectField | SelectChildren | TypeOf


@dataclass(frozen=True, slots=True)
class Comparison:
    """field operator value(s); operators are =, !=, <, <=, >, >=, LIKE, IN, NOT IN, INCLUDES, EXCLUDES."""

    left: Operand
    operator: str
    values: tuple[Literal, ...]
    semi_join: Query | None
    position: int  # of the operator


@dataclass(frozen=True, slots=True)
class Logical:
    """Several conditions joined by one of AND, OR."""

    operator: str
    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """NOT condition."""

    term: Condition


Condition = Comparison | Logical | Negation


@dataclass(frozen=True, slots=True)
class OrderTerm:
    """One key of ORDER BY; `nulls` is FIRST, LAST or None for the default."""

    operand: Operand
    descending: bool
    nulls: str | None


@dataclass(frozen=True, slots=True)
class Grouping:
    """GROUP BY keys; `mode` is empty, ROLLUP or CUBE."""

    keys: tuple[Operand, ...]
    mode: str
    position: int


@dataclass(frozen=True, slots=True)
class Query:
    """One SELECT."""

    items: tuple[SelectItem, ...]
    entity: Path  # the object, or in a child sub-query the relationship
    aliases: tuple[tuple[str, tuple[str, ...]], ...]
    scope: str | None
    scope_position: int
    security: str  # SECURITY_ENFORCED, USER_MODE, SYSTEM_MODE or empty
    where: Condition | None
    grouping: Grouping | None
    having: Condition | None
    order: tuple[OrderTerm, ...]
    order_position: int
    limit: int | None
    limit_position: int
    offset: int | None
    offset_position: int
    locks: tuple[str, ...]
    position: int

    @property
    def counts_only(self) -> bool:
        """Whether it is SELECT COUNT()."""
        item = self.items[0]
        return isinstance(item, SelectField) and isinstance(item.operand, Call) and item.operand.argument is None
