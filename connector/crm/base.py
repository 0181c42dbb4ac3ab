"""The seam to a CRM: typed rows in, writes out, one result a write. Vendor code knows nothing of partners.

A CRM is read object by object into Arrow tables whose columns are named as the CRM names them and typed by
`arrow_type` of the field's `Kind`; an empty cell is null, whatever the transport.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import pyarrow as pa

from connector.core.records import Kind

Scalar = str | int | bool | Decimal | date | datetime | None
"""A value that may be written to a CRM; None clears the field."""


def arrow_type(kind: Kind) -> pa.DataType:
    """The one Arrow type that a column of that kind has everywhere in the connector."""
    types: dict[Kind, pa.DataType] = {
        Kind.ID: pa.string(),
        Kind.TEXT: pa.string(),
        Kind.BOOL: pa.bool_(),
        Kind.INTEGER: pa.int64(),
        Kind.MONEY: pa.decimal128(20, 4),
        Kind.NUMBER: pa.decimal128(20, 8),
        Kind.DATE: pa.date32(),
        Kind.INSTANT: pa.timestamp("us", tz="UTC"),
    }
    return types[kind]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a CRM object as the connecting user sees it."""

    name: str
    label: str
    kind: Kind
    nullable: bool = True
    createable: bool = False
    updateable: bool = False
    calculated: bool = False  # a formula or roll-up: may change without moving the modified date
    unique_key: bool = False  # may identify a record in an upsert
    length: int | None = None
    scale: int | None = None  # decimal places that the CRM keeps
    options: tuple[str, ...] = ()  # allowed values
    restricted: bool = False  # a value outside `options` is refused
    multiple: bool = False  # several options or ids, parted by ';'
    references: tuple[str, ...] = ()  # of an id: the objects that it may lead to


@dataclass(frozen=True, slots=True)
class ObjectSchema:
    """What the CRM says about one object; fields hidden from the connecting user are not in it."""

    name: str
    label: str
    fields: tuple[Field, ...]
    createable: bool = True
    updateable: bool = True
    cursor: str | None = None  # the field that moves whenever a record changes; None: only full reads
    deletes: bool = True  # deleted records can be told apart
    merges: bool = False  # merged records name their survivor
    announced: bool = True  # the CRM can send a message when one of its records changes

    def field(self, name: str) -> Field | None:
        """The field of that name (case does not matter to the vendors), or None."""
        wanted = name.lower()
        return next((f for f in self.fields if f.name.lower() == wanted), None)


class Op(StrEnum):
    """How a filter compares."""

    EQ = "eq"
    NE = "ne"
    IN = "in"
    GE = "ge"
    LT = "lt"
    EMPTY = "empty"
    FILLED = "filled"


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition; a request's filters all hold together."""

    field: str
    op: Op
    value: Scalar | tuple[Scalar, ...] = None


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """One object, the fields wanted, and which rows.

    `since` (inclusive) and `until` (exclusive) bound the object's cursor field. With `deleted` the answer also
    holds rows that were deleted or merged away; the page's `deleted` column tells them apart.
    Without `since`, a condition that the object's id is one of a few costs only the calls that fetching them costs.
    `resume` is a token from an earlier `Page` of the same request: reading goes on after that page.
    """

    object: str
    fields: tuple[str, ...]
    where: tuple[Filter, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    deleted: bool = True
    resume: str | None = None


@dataclass(frozen=True, slots=True)
class BadCell:
    """A value that does not fit its field's kind: the cell is null in the page and listed here."""

    row_id: str
    field: str
    found: str
    why: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows. Columns: the requested fields, then `pmom_deleted` (bool) and `pmom_merged_into` (text).

    `resume` re-opens the read after this page, also in another process; `total` is the number of rows of the
    whole request where the CRM tells it.
    """

    rows: pa.Table
    resume: str | None = None
    total: int | None = None
    bad_cells: tuple[BadCell, ...] = ()


class Action(StrEnum):
    """What a write does."""

    CREATE = "create"
    UPDATE = "update"
    UPSERT = "upsert"  # by `key_field`
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Write:
    """One record to write. `ref` is the caller's own name for it and comes back on the result."""

    ref: str
    object: str
    action: Action
    values: tuple[tuple[str, Scalar], ...] = ()
    id: str | None = None  # for update and delete
    key_field: str | None = None  # for upsert
    key: str | None = None  # for upsert


class WriteStatus(StrEnum):
    """What became of a write."""

    APPLIED = "applied"
    REFUSED = "refused"  # this record, for a reason a person must mend
    FAILED = "failed"  # the CRM could not do it now; running again may


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The outcome of one write; exactly one comes back for each."""

    ref: str
    status: WriteStatus
    id: str | None = None
    created: bool = False
    code: str = ""  # the CRM's own error code
    message: str = ""  # the CRM's own words
    fields: tuple[str, ...] = ()  # fields that the CRM blames


@dataclass(frozen=True, slots=True)
class Usage:
    """The request budget as last seen."""

    used: int
    limit: int
    calls: int  # made by this process


@dataclass(frozen=True, slots=True)
class Who:
    """Where a connection leads, and as whom."""

    tenant: str  # the org's or portal's id
    user: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a CRM can do, as data."""

    name: str  # "salesforce", "hubspot", "memory": also the name of its mapping and settings table
    batch: int  # records a write call
    upsert: bool = True
    together: int = 10_000  # records that are best checked and then written at one go


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A custom field that the product needs in the CRM."""

    object: str
    name: str  # without the vendor's suffix or prefix, e.g. "Triage_Decision"
    label: str
    kind: Kind
    help: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    options: tuple[str, ...] = ()
    multiple: bool = False
    long: bool = False
    unique_key: bool = False
    human: bool = False  # people write it, the connector never does
    references: str | None = None


@dataclass(frozen=True, slots=True)
class LabelSpec:
    """A named kind of link between records of two objects, where the CRM keeps such names."""

    from_object: str
    to_object: str
    label: str  # what people read on the side of `from_object`, e.g. "Sourcing partner"
    inverse: str = ""  # what they read on the other side; empty: the same


class StepStatus(StrEnum):
    """What an install or uninstall step found or did."""

    PRESENT = "present"
    CREATED = "created"
    WOULD_CREATE = "would create"
    CHANGED = "changed"
    WOULD_CHANGE = "would change"
    CLASH = "clash"  # something else has that name; a person must decide
    SKIPPED = "skipped"  # the CRM has no such object; nothing is made for it
    REMOVED = "removed"
    WOULD_REMOVE = "would remove"
    KEPT = "kept"  # not the product's own, or still in use: left alone


@dataclass(frozen=True, slots=True)
class InstallStep:
    """One thing that an install or uninstall looked at."""

    name: str
    status: StepStatus
    detail: str = ""


Progress = Callable[[str, int, int | None], None]
"""Called with (what, done so far, total or None)."""


def no_progress(what: str, done: int, total: int | None) -> None:
    """Report to nobody."""


class JobLedger(Protocol):
    """Where an adapter keeps what it needs to take up a server-side job again after a crash.

    Keys are made by the adapter and stable for the same request; values are JSON text.
    """

    def get(self, key: str) -> str | None: ...
    def put(self, key: str, value: str) -> None: ...
    def drop(self, key: str) -> None: ...


@dataclass(slots=True)
class MemoryLedger:
    """A ledger that forgets with its process."""

    kept: dict[str, str] = field(default_factory=dict)

    def get(self, key: str) -> str | None:
        """The value kept under the key."""
        return self.kept.get(key)

    def put(self, key: str, value: str) -> None:
        """Keep the value."""
        self.kept[key] = value

    def drop(self, key: str) -> None:
        """Forget the key."""
        self.kept.pop(key, None)


class CRM(Protocol):
    """What the shell needs of a CRM. Implementations: `crm.memory`, `crm.salesforce`, `crm.hubspot`."""

    @property
    def capabilities(self) -> Capabilities: ...

    def identity(self) -> str:
        """A stable name of the org or portal and the connecting user; proves that the credentials work."""
        ...

    def who(self) -> Who:
        """The org or portal, and the user as whom the connector writes: what others changed last is not ours."""
        ...

    def now(self) -> datetime:
        """The CRM's own clock, UTC: cursors are bounded by it, not by this machine's."""
        ...

    def schema(self, object_name: str) -> ObjectSchema | None:
        """The object as the connecting user sees it; None when it is absent or hidden."""
        ...

    def absence(self, object_name: str) -> str:
        """Why `schema` has no such object, in the CRM's own terms (a scope, a licence); empty when it is silent."""
        ...

    def read(self, request: ReadRequest, progress: Progress = no_progress) -> Iterator[Page]:
        """The matching rows, page by page, in memory that does not grow with their number.

        Where the CRM lost what a read was going on from, it begins anew: a row may come twice, never not at all.
        """
        ...

    def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> pa.Table:
        """The named records as they are now, in any order; a missing record is simply not there."""
        ...

    def find(self, object_name: str, key_field: str, keys: Sequence[str], fields: Sequence[str]) -> pa.Table:
        """The records whose key field holds one of the keys, deleted ones left out."""
        ...

    def write(self, writes: Sequence[Write], progress: Progress = no_progress) -> Iterator[WriteResult]:
        """Write in the largest batches that cost the fewest calls; one result a write, in any order."""
        ...

    def install(
        self, specs: Sequence[FieldSpec], labels: Sequence[LabelSpec] = (), *, dry_run: bool
    ) -> tuple[InstallStep, ...]:
        """Make the custom fields, the permission to see and edit them, and the names of links; idempotent."""
        ...

    def uninstall(
        self, specs: Sequence[FieldSpec], labels: Sequence[LabelSpec] = (), *, dry_run: bool
    ) -> tuple[InstallStep, ...]:
        """Take away what `install` made and nothing else; what people made under the same name is kept."""
        ...

    def field_name(self, spec: FieldSpec) -> str:
        """The name that a custom field of ours has in this CRM."""
        ...

    def record_url(self, object_name: str, record_id: str) -> str:
        """Where a person opens the record."""
        ...

    def usage(self) -> Usage:
        """The request budget as last seen."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...
