"""Which object and field of the CRM is which canonical column, as an admin wrote it in a mapping file?

A mapping names, never computes: object, field, value table, constant. Every canonical table has one or several
sources; the sources of one `choice` are alternatives, of which the first that the CRM offers is used.
`connector.config.mapping_file` reads and checks the file's shape, `connector.config.check` its meaning against a live
CRM, `connector.config.reads` says what to read for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from connector.config.toml_lines import Key
from connector.crm.base import LabelSpec

Plain = str | bool | int | Decimal
"""What a mapping file may say as a value."""


class How(StrEnum):
    """How a predicate looks at its field."""

    IS = "is"
    IS_NOT = "is_not"
    IN = "in"
    NOT_IN = "not_in"
    STARTS = "starts"
    FILLED = "filled"
    EMPTY = "empty"


MERGED_INTO = "merged_into"
"""The one canonical column that no mapping names: the CRM adapter tells it beside every row."""

PUSHABLE = (How.IS, How.IS_NOT, How.IN, How.FILLED, How.EMPTY)
"""Tests that a CRM can be asked to apply."""


class Unlisted(StrEnum):
    """What becomes of a value that stands in no value table. Each is counted and reported."""

    KEEP = "keep"
    EMPTY = "empty"
    REJECT = "reject"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Predicate:
    """One condition on a source's rows; all of a source's predicates hold together. Text compares without case.

    `push` asks the CRM to apply it, so that other rows never travel: only for fields that never change on a record,
    because a record that stops matching would not be seen to leave. `optional`: where the field is absent, the
    condition is left out.
    """

    field: str
    test: How
    values: tuple[Plain, ...] = ()
    push: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """Where one canonical column comes from: the first filled of `fields`, or `const`."""

    column: str
    fields: tuple[str, ...] = ()
    const: Plain | None = None
    values: tuple[tuple[str, Plain], ...] = ()  # CRM value -> canonical value; CRM values compare without case
    default: Plain | None = None  # for an empty or unlisted value
    unlisted: Unlisted = Unlisted.KEEP
    quiet: bool = False  # unlisted values are expected and not reported
    optional: bool = False
    requires: str | None = None  # the feature or permission without which the CRM has no such field
    tag: str | None = None  # appended to an id, where one record makes several rows
    multiple: bool = False  # several values, parted by ';'
    country: bool = False  # a country's name or code, brought to ISO 3166 alpha-2
    via: str | None = None  # for a field of a related record: the reference that leads there
    of: str | None = None  # and the object that it leads to
    drifts: bool = False  # may change without moving the record's modified date
    each: bool = False  # of a field with several ids: one canonical row for each of them
    first: bool = False  # of a field with several ids: the first one


@dataclass(frozen=True, slots=True)
class Source:
    """Where rows of one canonical table come from. `at` is its place in the file, for messages."""

    table: str
    name: str
    object: str
    columns: tuple[ColumnRule, ...]
    where: tuple[Predicate, ...] = ()
    choice: str | None = None
    optional: bool = False
    requires: str | None = None
    at: Key = ()
    dated_when_seen: bool = False  # `recorded_at` is when a pull first saw the row: the CRM does not say

    def rule(self, column: str) -> ColumnRule | None:
        """The rule for that canonical column, or None when the source does not give it."""
        return next((rule for rule in self.columns if rule.column == column), None)

    def spread(self) -> ColumnRule | None:
        """The rule whose field makes several rows of one record, or None: then a record is a row."""
        return next((rule for rule in self.columns if rule.each), None)


@dataclass(frozen=True, slots=True)
class TaskTarget:
    """How a task of ours is written: the object, its fields, and the words for open and closed."""

    object: str
    key_field: str
    subject: str
    owner: str
    due: str
    description: str
    related: str
    status: str
    open: str
    closed: str
    extra: tuple[tuple[str, Plain], ...] = ()  # written on every new task as it stands
    subject_length: int = 255
    description_length: int = 32_000
    upsert: bool = False  # the CRM takes an upsert by `key_field` on this object
    related_deal: str | None = None  # where an opportunity is named that a task is about; None leaves it out
    html: bool = False  # the description is shown as HTML: what partners wrote must not be obeyed there


@dataclass(frozen=True, slots=True)
class WriteMap:
    """Where decisions go: the object that carries each kind of score card, and tasks."""

    cards: tuple[tuple[str, str], ...]  # canonical table -> object
    task: TaskTarget
    labels: tuple[LabelSpec, ...] = ()  # names of links that `pmom install` makes where the CRM keeps such names
    uncarried: tuple[tuple[str, str], ...] = ()  # canonical table -> why this CRM cannot carry its score card

    def object_of(self, table: str) -> str:
        """The object that carries the score card of rows of that table; KeyError when there is none."""
        return dict(self.cards)[table]


@dataclass(frozen=True, slots=True)
class FieldMap:
    """A whole mapping file. `lines` leads from a key to its line, for messages about meaning."""

    path: str
    name: str
    sources: tuple[Source, ...]
    write: WriteMap
    lines: Mapping[Key, int]

    def of(self, table: str) -> tuple[Source, ...]:
        """The sources of that canonical table, in the file's order."""
        return tuple(source for source in self.sources if source.table == table)

    def objects(self) -> tuple[str, ...]:
        """Every CRM object that the mapping names, each once."""
        named = [source.object for source in self.sources]
        named += [rule.of for source in self.sources for rule in source.columns if rule.of]
        named += [name for _, name in self.write.cards] + [self.write.task.object]
        return tuple(dict.fromkeys(named))

    def where(self, key: Key) -> str:
        """file:line of that key, or of the nearest key above it that has a line."""
        for depth in range(len(key), 0, -1):
            if key[:depth] in self.lines:
                return f"{self.path}:{self.lines[key[:depth]]}"
        return self.path
