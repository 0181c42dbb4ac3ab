"""Which records belong together, and by which labels; both directions are kept, as HubSpot shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulators.hubspot import association_limits, changes, labels
from emulators.hubspot.errors import HubError, invalid
from emulators.hubspot.labels import Kind

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal

DDL = """
CREATE TABLE IF NOT EXISTS association (
  from_type TEXT NOT NULL, from_id INTEGER NOT NULL, to_type TEXT NOT NULL, to_id INTEGER NOT NULL,
  category TEXT NOT NULL, kind INTEGER NOT NULL,
  PRIMARY KEY (from_type, from_id, to_type, to_id, category, kind)) WITHOUT ROWID;
"""
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Link:
    """One label of one association; `name` is v3's word for the kind (`deal_to_company_unlabeled`)."""

    to_id: str
    category: str
    type_id: int
    label: str | None
    name: str


def of(portal: Portal, type_id: str, ids: Iterable[str], to_type: str) -> dict[str, tuple[Link, ...]]:
    """The links of records to live records of another object, one a label, ascending by to_id; no key without any."""
    known = {(each.category, each.type_id): each for each in labels.kinds(portal, type_id, to_type)}
    found: dict[str, list[Link]] = {}
    numbers = [int(each) for each in dict.fromkeys(ids) if each.isdecimal() and len(each) <= 18]
    for start in range(0, len(numbers), _CHUNK):
        chunk = numbers[start : start + _CHUNK]
        rows = portal.connection.execute(
            "SELECT a.from_id, a.to_id, a.category, a.kind FROM association a"
            " JOIN record r ON r.type = a.to_type AND r.id = a.to_id AND r.archived IS NULL"
            f" WHERE a.from_type = ? AND a.to_type = ? AND a.from_id IN ({','.join('?' * len(chunk))})"
            " ORDER BY a.from_id, a.to_id",
            (type_id, to_type, *chunk),
        )
        for from_id, to_id, category, number in rows:
            kind = known.get((category, number))
            if kind is not None:
                link = Link(str(to_id), category, number, kind.label, kind.name)
                found.setdefault(str(from_id), []).append(link)
    order = {key: place for place, key in enumerate(known)}
    return {
        key: tuple(sorted(links, key=lambda link: (int(link.to_id), order[link.category, link.type_id])))
        for key, links in found.items()
    }


def add(
    portal: Portal, from_type: str, from_id: str, to_type: str, to_id: str, types: Sequence[tuple[str, int]] = ()
) -> tuple[Kind, ...]:
    """Associate two records by those (category, type id), none: the default. What they are associated by now.

    A label brings the plain association along. A deal, contact or ticket has one primary company: a new one takes the
    label from the old one, and the first company that is associated without a label becomes it.
    """
    known = labels.kinds(portal, from_type, to_type)
    base = next((each for each in known if each.label is None), None)
    if base is None:
        raise invalid(f"No association type exists between {from_type} and {to_type}")
    wanted = [_kind(known, category, number, from_type, to_type) for category, number in types]
    primary = next((each for each in known if each.primary), None)
    with portal.transaction(), changes.associating(portal, from_type, from_id, to_type, to_id):
        alone = not any(each.label for each in wanted)
        if alone and primary is not None and _first(portal, from_type, from_id, to_type, to_id, primary):
            wanted.append(primary)
        for kind in dict.fromkeys((base, *wanted)):
            if kind.primary:
                _demote(portal, from_type, from_id, to_type, to_id, kind)
            _insert(portal, from_type, from_id, to_type, to_id, kind)
    return tuple(dict.fromkeys((base, *wanted)))


def add_typed(portal: Portal, from_type: str, from_id: str, to_id: str, types: Sequence[tuple[str, int]]) -> None:
    """`add` where only the kinds say what the other record is, as creates do; 400 for a kind that does not exist."""
    for category, number in types:
        to_type = labels.target(portal, from_type, category, number)
        if to_type is None:
            raise invalid(f"Association type {category} {number} does not exist from object type {from_type}")
        require(portal, to_type, [to_id])
        add(portal, from_type, from_id, to_type, to_id, [(category, number)])


def take_labels(
    portal: Portal, from_type: str, from_id: str, to_type: str, to_id: str, types: Sequence[tuple[str, int]]
) -> None:
    """Remove single labels; removing the plain one removes all."""
    known = labels.kinds(portal, from_type, to_type)
    ends = (from_type, from_id, to_type, to_id)
    with portal.transaction() as connection, changes.associating(portal, *ends):
        for category, number in types:
            kind = _kind(known, category, number, from_type, to_type)
            if kind.label is None:
                remove(portal, from_type, from_id, to_type, to_id)
                return
            for row in _both(from_type, from_id, to_type, to_id, kind):
                connection.execute(_DELETE_ONE, row)


def add_labelled(portal: Portal, from_type: str, from_id: str, to_type: str, to_id: str, *, label: str = "") -> None:
    """`add` by the text of a label (`Primary` too); none: the default. ValueError for a label that is not there."""
    add(portal, from_type, from_id, to_type, to_id, _named(portal, from_type, to_type, label))


def remove(portal: Portal, from_type: str, from_id: str, to_type: str, to_id: str, *, label: str = "") -> None:
    """Take that label away; without one the two records are associated no more."""
    if label:
        take_labels(portal, from_type, from_id, to_type, to_id, _named(portal, from_type, to_type, label))
        return
    one, other = (from_type, int(from_id)), (to_type, int(to_id))
    ends = (from_type, from_id, to_type, to_id)
    with portal.transaction() as connection, changes.associating(portal, *ends):
        connection.executemany(_DELETE_PAIR, [(*one, *other), (*other, *one)])


def _named(portal: Portal, from_type: str, to_type: str, label: str) -> list[tuple[str, int]]:
    if not label:
        return []
    for each in labels.kinds(portal, from_type, to_type):
        if (each.label or "").lower() == label.lower():
            return [(each.category, each.type_id)]
    raise ValueError(f"no label {label!r} from {from_type} to {to_type}")


def drop(portal: Portal, type_id: str, ids: Iterable[str]) -> None:
    """Forget the links of purged records."""
    with portal.transaction() as connection:
        for each in ids:
            _forget(portal, type_id, each)
            connection.execute("DELETE FROM association WHERE from_type = ? AND from_id = ?", (type_id, int(each)))


def move(portal: Portal, type_id: str, loser: str, survivor: str) -> None:
    """Pass a record's links on to the one it was merged into; the survivor keeps its own primary company."""
    rows = portal.connection.execute(
        "SELECT to_type, to_id, category, kind FROM association WHERE from_type = ? AND from_id = ?",
        (type_id, int(loser)),
    ).fetchall()
    with portal.transaction():
        for to_type, to_id, category, number in rows:
            if (to_type, str(to_id)) == (type_id, survivor):
                continue
            known = labels.kinds(portal, type_id, to_type)
            kind = next((each for each in known if (each.category, each.type_id) == (category, number)), None)
            if kind is None or (kind.primary and _has(portal, type_id, survivor, to_type, kind)):
                continue
            _insert(portal, type_id, survivor, to_type, str(to_id), kind)
        drop(portal, type_id, [loser])


def require(portal: Portal, type_id: str, ids: Iterable[str]) -> None:
    """404 unless all those records are there and live."""
    missing = [each for each in dict.fromkeys(ids) if not _live(portal, type_id, each)]
    if missing:
        raise HubError(
            404,
            "OBJECT_NOT_FOUND",
            f"Could not get some {type_id} objects, they may be deleted or not exist. Check that ids are valid.",
            context={"ids": missing},
        )


def _live(portal: Portal, type_id: str, record_id: str) -> bool:
    if not record_id.isdecimal() or len(record_id) > 18:
        return False
    row = portal.connection.execute(
        "SELECT 1 FROM record WHERE type = ? AND id = ? AND archived IS NULL", (type_id, int(record_id))
    ).fetchone()
    return row is not None


def _kind(known: Sequence[Kind], category: str, number: int, from_type: str, to_type: str) -> Kind:
    for each in known:
        if (each.category, each.type_id) == (category, number):
            return each
    raise invalid(
        f"Association type {category} {number} does not exist between object types {from_type} and {to_type}",
        sub_category="crm.associations.INVALID_ASSOCIATION_TYPE",
    )


def _both(from_type: str, from_id: str, to_type: str, to_id: str, kind: Kind) -> list[tuple[object, ...]]:
    one, other = (from_type, int(from_id)), (to_type, int(to_id))
    return [(*one, *other, kind.category, kind.type_id), (*other, *one, kind.category, kind.inverse)]


def _insert(portal: Portal, from_type: str, from_id: str, to_type: str, to_id: str, kind: Kind) -> None:
    association_limits.demand(portal, from_type, from_id, to_type, to_id, kind)
    rows = _both(from_type, from_id, to_type, to_id, kind)
    with portal.transaction() as connection:
        connection.executemany("INSERT OR IGNORE INTO association VALUES (?, ?, ?, ?, ?, ?)", rows)


def _has(portal: Portal, from_type: str, from_id: str, to_type: str, kind: Kind) -> bool:
    row = portal.connection.execute(
        "SELECT 1 FROM association WHERE from_type=? AND from_id=? AND to_type=? AND category=? AND kind=?",
        (from_type, int(from_id), to_type, kind.category, kind.type_id),
    ).fetchone()
    return row is not None


def _first(portal: Portal, from_type: str, from_id: str, to_type: str, to_id: str, primary: Kind) -> bool:
    """Whether the one that may have a single primary company has none yet."""
    if from_type == _COMPANY:
        back = labels.kinds(portal, to_type, from_type)[0]
        return not _has(portal, to_type, to_id, from_type, back)
    return not _has(portal, from_type, from_id, to_type, primary)


def _demote(portal: Portal, from_type: str, from_id: str, to_type: str, to_id: str, kind: Kind) -> None:
    """Take the primary label from the company that had it."""
    owner, number, back = (from_type, int(from_id)), kind.type_id, kind.inverse
    if from_type == _COMPANY:
        owner, number, back = (to_type, int(to_id)), kind.inverse, kind.type_id
    with portal.transaction() as connection:
        had = connection.execute(_TO_OF_KIND, (*owner, _COMPANY, kind.category, number)).fetchall()
        for (company,) in had:
            with changes.associating(portal, owner[0], str(owner[1]), _COMPANY, str(company)):
                connection.execute(_DELETE_ONE, (*owner, _COMPANY, company, kind.category, number))
                connection.execute(_DELETE_ONE, (_COMPANY, company, *owner, kind.category, back))


def _forget(portal: Portal, type_id: str, record_id: str) -> None:
    """Delete the ways back to a record."""
    rows = portal.connection.execute(
        "SELECT DISTINCT to_type, to_id FROM association WHERE from_type = ? AND from_id = ?",
        (type_id, int(record_id)),
    ).fetchall()
    portal.connection.executemany(_DELETE_PAIR, [(*row, type_id, int(record_id)) for row in rows])


_COMPANY = "0-2"
_DELETE_PAIR = "DELETE FROM association WHERE from_type=? AND from_id=? AND to_type=? AND to_id=?"
_DELETE_ONE = f"{_DELETE_PAIR} AND category=? AND kind=?"
_TO_OF_KIND = "SELECT to_id FROM association WHERE from_type=? AND from_id=? AND to_type=? AND category=? AND kind=?"
