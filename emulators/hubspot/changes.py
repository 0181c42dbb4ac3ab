"""What happens in a portal that somebody may have asked to be told: creates, edits, deletions, merges, associations.

Writers call one function for each kind of change, inside their transaction; nothing but one look at a kept document
happens unless a webhook or journal subscription exists.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal
    from emulators.hubspot.records import Record

LISTENING = "listening"  # state: names of the modules below that have a subscription
_MODULES = {"webhooks": "webhook_events", "journal": "journal_events"}


class Kind(StrEnum):
    """The second word of a webhook's subscription type; the last two are told to the journal alone."""

    CREATION = "creation"
    PROPERTY = "propertyChange"
    DELETION = "deletion"
    RESTORE = "restore"
    MERGE = "merge"
    ASSOCIATION = "associationChange"
    PRIVACY = "privacyDeletion"
    LISTED = "listed"
    UNLISTED = "unlisted"


class By(Protocol):
    """Who writes; writing.Actor is one."""

    @property
    def source(self) -> str:
        """`INTEGRATION`, `CRM_UI`, `IMPORT` ..."""

    @property
    def source_id(self) -> str:
        """The application's id, or `userId:52000099`."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a change comes from."""

    source: str
    source_id: str


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one record.

    `details` by kind: PROPERTY {name, value}; MERGE {primary, merged, new, moved}; ASSOCIATION {to_type, to_id,
    category, kind, removed}; LISTED and UNLISTED {list}. `values` are the record's properties after the change.
    """

    kind: Kind
    type_id: str
    record_id: str
    at: int  # epoch milliseconds
    origin: Origin
    details: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)


_BY: ContextVar[Origin | None] = ContextVar("by", default=None)
_End = tuple[str, int]
_OPEN: ContextVar[frozenset[tuple[_End, ...]]] = ContextVar("open", default=frozenset())  # pairs being changed


@contextlib.contextmanager
def by(actor: By) -> Iterator[None]:
    """What is written inside comes from that actor; the default is the application."""
    token = _BY.set(Origin(actor.source, actor.source_id))
    try:
        yield
    finally:
        _BY.reset(token)


def listening(portal: Portal) -> bool:
    """Whether anybody wants to be told anything."""
    return bool(portal.state(LISTENING))


def listen(portal: Portal, name: str, *, wanted: bool) -> None:
    """`webhooks` or `journal` has subscriptions, or has none any more."""
    kept = set(portal.state(LISTENING) or ())
    portal.put_state(LISTENING, sorted(kept | {name} if wanted else kept - {name}))


def created(portal: Portal, connection: sqlite3.Connection, record: Record, actor: By) -> None:
    """A new record, and the first value of each of its properties."""
    if listening(portal):
        values = dict(record.properties)
        first = Change(Kind.CREATION, record.type_id, record.id, portal.now_ms(), _origin(actor), values=values)
        _tell(portal, connection, [first, *_properties(portal, record, values, _origin(actor))])


def edited(portal: Portal, connection: sqlite3.Connection, record: Record, names: Iterable[str], actor: By) -> None:
    """These properties of a record have other values now."""
    if listening(portal):
        _tell(portal, connection, _properties(portal, record, names, _origin(actor)))


def about(portal: Portal, connection: sqlite3.Connection, kind: Kind, found: Iterable[Record]) -> None:
    """Records were archived, restored or forgotten."""
    if listening(portal):
        origin, now = _present(portal), portal.now_ms()
        changes = [Change(kind, each.type_id, each.id, now, origin, values=dict(each.properties)) for each in found]
        _tell(portal, connection, changes)


def merged(portal: Portal, connection: sqlite3.Connection, kept: Record, lost: Record, winner: Record) -> None:
    """`lost` was merged into `kept`; `winner` is what lives on, under an id of its own or that of `kept`."""
    if not listening(portal):
        return
    moved = [name for name, value in winner.properties.items() if kept.properties.get(name) != value]
    taken = [name for name in moved if name in lost.properties]
    details = {"primary": kept.id, "merged": [lost.id], "new": winner.id, "moved": len(taken)}
    first = Change(
        Kind.MERGE, winner.type_id, winner.id, portal.now_ms(), _present(portal), details, dict(winner.properties)
    )
    origin = Origin("MERGE_OBJECTS", first.origin.source_id)
    _tell(portal, connection, [first, *_properties(portal, winner, moved, origin)])


def listed(portal: Portal, kind: Kind, type_id: str, list_id: str, ids: Iterable[str]) -> None:
    """Records joined or left a list."""
    if listening(portal):
        origin, now = _present(portal), portal.now_ms()
        found = [Change(kind, type_id, each, now, origin, {"list": list_id}) for each in ids]
        with portal.transaction() as connection:
            _tell(portal, connection, found)


@contextlib.contextmanager
def associating(portal: Portal, from_type: str, from_id: str, to_type: str, to_id: str) -> Iterator[None]:
    """The labels between two records change inside: what came and what went is told, once for each direction."""
    ends = (from_type, int(from_id)), (to_type, int(to_id))
    if not listening(portal) or ends in _OPEN.get():
        yield
        return
    with portal.transaction() as connection:
        before = _labels(connection, *ends)
        token = _OPEN.set(_OPEN.get() | {ends, ends[::-1]})
        try:
            yield
        finally:
            _OPEN.reset(token)
        after = _labels(connection, *ends)
        changed = [(row, False) for row in after if row not in before]
        changed += [(row, True) for row in before if row not in after]
        origin, now = _present(portal), portal.now_ms()
        _tell(portal, connection, [_association(row, now, origin, removed=gone) for row, gone in changed])


_Row = tuple[str, int, str, int, str, int]
_PAIR = """SELECT from_type, from_id, to_type, to_id, category, kind FROM association
  WHERE from_type = ? AND from_id = ? AND to_type = ? AND to_id = ? ORDER BY category, kind"""


def _labels(connection: sqlite3.Connection, one: tuple[str, int], other: tuple[str, int]) -> dict[_Row, None]:
    rows = [*connection.execute(_PAIR, (*one, *other)), *connection.execute(_PAIR, (*other, *one))]
    return dict.fromkeys(rows)


def _association(row: _Row, at: int, origin: Origin, *, removed: bool) -> Change:
    from_type, from_id, to_type, to_id, category, kind = row
    details = {"to_type": to_type, "to_id": str(to_id), "category": category, "kind": kind, "removed": removed}
    return Change(Kind.ASSOCIATION, from_type, str(from_id), at, origin, details)


def _properties(portal: Portal, record: Record, names: Iterable[str], origin: Origin) -> list[Change]:
    """One change a property; what HubSpot works out by itself has a source of its own."""
    from emulators.hubspot import definitions

    known, now, values = definitions.of(portal, record.type_id), portal.now_ms(), dict(record.properties)
    found: list[Change] = []
    for name in names:
        definition = known.get(name)
        itself = definition is not None and (definition.calculated or definition.field_type.startswith("calculation"))
        source = Origin("CALCULATED", "") if itself else origin
        details = {"name": name, "value": record.properties.get(name, "")}
        found.append(Change(Kind.PROPERTY, record.type_id, record.id, now, source, details, values))
    return found


def _origin(actor: By) -> Origin:
    return Origin(actor.source, actor.source_id)


def _present(portal: Portal) -> Origin:
    return _BY.get() or Origin("INTEGRATION", str(portal.settings.app_id))


def _tell(portal: Portal, connection: sqlite3.Connection, changes: list[Change]) -> None:
    for name in portal.state(LISTENING) or ():
        if changes:
            import_module(f"emulators.hubspot.{_MODULES[name]}").take(portal, connection, changes)
