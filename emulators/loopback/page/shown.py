"""What a CRM tells the page of its objects and records, and which calls of its control plane the acts are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class ObjectLine:
    """One object: its name in addresses, its label, how many records live and lie in the bin."""

    name: str
    label: str
    live: int
    deleted: int
    custom: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One record in a table."""

    id: str
    title: str
    deleted: bool
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """A page of records, the latest changed first; `columns` name the cells; `more`: another page follows."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Link:
    """Where a value leads: a record of an object."""

    object: str
    id: str


@dataclass(frozen=True, slots=True)
class Value:
    """One field of a record and what it holds, as text; empty for nothing."""

    name: str
    label: str
    kind: str
    text: str = ""
    editable: bool = True
    required: bool = False
    choices: tuple[str, ...] = ()
    long: bool = False
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What a field became, when, and by whom or what."""

    at: str
    field: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Related:
    """Another record that this one hangs together with."""

    how: str
    title: str
    link: Link


@dataclass(frozen=True, slots=True)
class Shown:
    """One record with all that is known of it."""

    id: str
    title: str
    deleted: bool
    values: tuple[Value, ...]
    changes: tuple[Change, ...] = ()
    related: tuple[Related, ...] = ()


@dataclass(frozen=True, slots=True)
class Meter:
    """One limit: what was used of what is granted."""

    label: str
    used: int
    most: int


@dataclass(frozen=True, slots=True)
class Panel:
    """A small table of names and values."""

    title: str
    rows: tuple[tuple[str, str], ...] = field(default=())


class Crm(Protocol):
    """One CRM as the page sees it. Acts are (name, body) pairs of its control plane's POST calls."""

    title: str
    kinds: tuple[str, ...]  # of faults that it knows

    def about(self) -> Panel:
        """Who it is."""

    def meters(self) -> tuple[Meter, ...]:
        """Its limits."""

    def limit_form(self) -> tuple[tuple[str, str, str], ...]:
        """(key, label, present value) of the numbers that `limits` of its control plane takes."""

    def panels(self) -> tuple[Panel, ...]:
        """What else is worth seeing at a glance."""

    def objects(self) -> tuple[ObjectLine, ...]:
        """Every object."""

    def records(self, name: str, text: str, start: int, size: int, *, deleted: bool) -> Rows | None:
        """Records of an object that hold that text; `deleted`: only those in the bin; None for no object."""

    def record(self, name: str, record_id: str) -> Shown | None:
        """One record, deleted or not."""

    def blank(self, name: str) -> tuple[Value, ...] | None:
        """The fields that a new record may be given; None for no object."""

    def write(self, name: str, record_id: str, values: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
        """Set these fields of a record; without an id: make one. ValueError for a text that is no value."""

    def delete(self, name: str, record_id: str) -> tuple[str, dict[str, Any]]:
        """Into the bin."""

    def undelete(self, name: str, record_id: str) -> tuple[str, dict[str, Any]]:
        """And back."""
