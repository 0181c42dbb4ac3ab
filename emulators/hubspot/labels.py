"""Which kinds of association there are between two objects: HubSpot's own, and labels that the portal made."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulators.hubspot import bodies, definitions
from emulators.hubspot.catalog import ASSOCIATION_TYPES, OBJECTS, ObjectType
from emulators.hubspot.errors import HubError, conflict, invalid, not_found
from emulators.hubspot.router import Request, Response, Router, json_response, no_content

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal

DDL = """
CREATE TABLE IF NOT EXISTS label (
  id INTEGER PRIMARY KEY, from_type TEXT NOT NULL, to_type TEXT NOT NULL, label TEXT, name TEXT NOT NULL,
  inverse INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS label_pair ON label (from_type, to_type);
"""
OWN, USERS = "HUBSPOT_DEFINED", "USER_DEFINED"
MOST = 10  # labels a pair of objects; state `labels_a_pair` overrides it
_READ = ("crm.objects.{object}.read", "crm.schemas.{object}.read", "crm.objects.{object}.write")
_WRITE = ("crm.objects.{object}.write", "crm.schemas.{object}.write")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_STANDARD = {each.type_id: each for each in OBJECTS}


@dataclass(frozen=True, slots=True)
class Kind:
    """One association type in one direction; `inverse` is the type id of the way back. No label: the plain one."""

    category: str
    type_id: int
    label: str | None
    name: str  # v3's
    inverse: int
    primary: bool = False

    def printed(self) -> dict[str, Any]:
        """As v4 prints it."""
        return {"category": self.category, "typeId": self.type_id, "label": self.label}


def routes(router: Router) -> None:
    """The association labels API."""
    base = "/crm/v4/associations/{object}/{to}/labels"
    router.add("GET", base, _list, scopes=_READ)
    router.add("POST", base, _create, scopes=_WRITE)
    router.add("PUT", base, _change, scopes=_WRITE)
    router.add("DELETE", base + "/{kind}", _delete, scopes=_WRITE)


def kinds(portal: Portal, from_type: str, to_type: str) -> tuple[Kind, ...]:
    """All kinds from one object to another: primary, plain, labels by age. Empty when they cannot be associated."""
    rows = portal.connection.execute(
        "SELECT id, label, name, inverse FROM label WHERE from_type = ? AND to_type = ? ORDER BY id",
        (from_type, to_type),
    )
    made = tuple(Kind(USERS, number, label, name, inverse) for number, label, name, inverse in rows)
    return (*_own(from_type, to_type), *made)


def plain(portal: Portal, from_type: str, to_type: str) -> Kind | None:
    """The kind without a label; None when the two objects cannot be associated."""
    return next((each for each in kinds(portal, from_type, to_type) if each.label is None), None)


def target(portal: Portal, from_type: str, category: str, type_id: int) -> str | None:
    """The object to which a kind of association leads; None when there is no such kind from that object."""
    if category == OWN:
        found = (each for each in _STANDARD if any(kind.type_id == type_id for kind in _own(from_type, each)))
        return next(found, None)
    row = portal.connection.execute(
        "SELECT to_type FROM label WHERE from_type = ? AND id = ?", (from_type, type_id)
    ).fetchone()
    return None if row is None else str(row[0])


def make_plain(portal: Portal, one: ObjectType, other: ObjectType, name: str = "") -> int:
    """Let a custom object and another be associated: the type id, the old one when they can be already."""
    known = plain(portal, one.type_id, other.type_id)
    if known is not None:
        return known.type_id
    there, back = name or f"{one.singular}_to_{other.singular}", f"{other.singular}_to_{one.singular}"
    return _insert(portal, one.type_id, other.type_id, (None, there), (None, back))[0]


def make(
    portal: Portal, one: ObjectType, other: ObjectType, label: str, name: str, inverse_label: str | None = None
) -> tuple[int, ...]:
    """A new label: its type id, and for a pair that of the way back. 400 beyond the limit, 409 for a known label."""
    if not portal.settings.has("labels"):
        raise HubError(403, "MISSING_SCOPES", "This portal does not have access to association labels.")
    if not label.strip() or not _NAME.match(name):
        raise invalid("Association labels need a label, and a name of letters, digits and underscores")
    known = [each for each in kinds(portal, one.type_id, other.type_id) if each.label]
    if any((each.label or "").lower() == label.lower() for each in known):
        raise conflict(f"Association label {label} already exists", category="OBJECT_ALREADY_EXISTS")
    most = int(portal.state("labels_a_pair") or MOST)
    if sum(each.category == USERS for each in known) >= most:
        text = f"The limit of {most} association labels between {one.name} and {other.name} has been reached"
        raise invalid(text, sub_category="AssociationTypeError.LABEL_LIMIT_EXCEEDED")
    pair = _insert(portal, one.type_id, other.type_id, (label, name), (inverse_label or label, name))
    return pair if inverse_label else pair[:1]


def load(portal: Portal, path: Path) -> int:
    """labels.json: [{from, to, label, inverse?, name?}]. How many."""
    listed = json.loads(path.read_text(encoding="utf-8"))
    with portal.transaction():
        for each in listed:
            ends = (definitions.required_type(portal, each["from"]), definitions.required_type(portal, each["to"]))
            name = each.get("name") or re.sub(r"\W+", "_", str(each["label"]).lower()).strip("_")
            make(portal, *ends, each["label"], name, each.get("inverse"))
    return len(listed)


def count(portal: Portal) -> list[tuple[str, str, int]]:
    """(from type, to type, labels) of every pair that has labels, each pair once."""
    rows = portal.connection.execute(
        "SELECT from_type, to_type, COUNT(*) FROM label"
        " WHERE label IS NOT NULL AND from_type <= to_type GROUP BY 1, 2"
    )
    return [(one, other, number) for one, other, number in rows]


def _own(from_type: str, to_type: str) -> tuple[Kind, ...]:
    one, other = _STANDARD.get(from_type), _STANDARD.get(to_type)
    if one is None or other is None:
        return ()
    there = ASSOCIATION_TYPES.get((one.singular, other.singular), ())
    back = ASSOCIATION_TYPES.get((other.singular, one.singular), ())
    name = f"{one.singular}_to_{other.singular}"
    if len(there) == 2:
        return (
            Kind(OWN, there[0], "Primary", name, back[0], primary=True),
            Kind(OWN, there[1], None, f"{name}_unlabeled", back[1]),
        )
    return tuple(Kind(OWN, number, None, name, back[0]) for number in there)


_Words = tuple[str | None, str]


def _insert(portal: Portal, one: str, other: str, there: _Words, back: _Words) -> tuple[int, ...]:
    """Both directions; a label between records of one object that is not paired has one id for both."""
    with portal.transaction() as connection:
        (last,) = connection.execute("SELECT COALESCE(MAX(id), 0) FROM label").fetchone()
        same = one == other and there[0] == back[0]
        first, second = last + 1, last + (1 if same else 2)
        connection.execute("INSERT INTO label VALUES (?, ?, ?, ?, ?, ?)", (first, one, other, *there, second))
        if not same:
            connection.execute("INSERT INTO label VALUES (?, ?, ?, ?, ?, ?)", (second, other, one, *back, first))
    return (first, second)


def _ends(request: Request, portal: Portal) -> tuple[ObjectType, ObjectType]:
    one = definitions.required_type(portal, request.params["object"])
    return one, definitions.required_type(portal, request.params["to"])


def _list(request: Request, portal: Portal) -> Response:
    one, other = _ends(request, portal)
    return json_response({"results": [each.printed() for each in kinds(portal, one.type_id, other.type_id)]})


def _create(request: Request, portal: Portal) -> Response:
    one, other = _ends(request, portal)
    body = request.document()
    label, name, inverse = body.get("label"), body.get("name"), bodies.text(body, "inverseLabel")
    if not isinstance(label, str) or not isinstance(name, str):
        raise invalid("Some required fields were not set: [label, name]")
    with portal.transaction():
        ids = make(portal, one, other, label, name, inverse or None)
    words = (label, inverse or label)
    found = [{"category": USERS, "typeId": number, "label": word} for number, word in zip(ids, words, strict=False)]
    return json_response({"results": found})


def _change(request: Request, portal: Portal) -> Response:
    one, other = _ends(request, portal)
    body = request.document()
    number, label = body.get("associationTypeId"), body.get("label")
    if not isinstance(number, int) or not isinstance(label, str) or not label.strip():
        raise invalid("Some required fields were not set: [associationTypeId, label]")
    with portal.transaction() as connection:
        kind = _custom(portal, one, other, number)
        connection.execute("UPDATE label SET label = ? WHERE id = ?", (label, number))
        if kind.inverse != number:
            back = bodies.text(body, "inverseLabel") or (label if _same(portal, kind) else None)
            if back:
                connection.execute("UPDATE label SET label = ? WHERE id = ?", (back, kind.inverse))
    return no_content()


def _same(portal: Portal, kind: Kind) -> bool:
    """Whether both directions had the same words: a label that is not paired."""
    row = portal.connection.execute("SELECT label FROM label WHERE id = ?", (kind.inverse,)).fetchone()
    return bool(row is not None and row[0] == kind.label)


def _custom(portal: Portal, one: ObjectType, other: ObjectType, number: int) -> Kind:
    for each in kinds(portal, one.type_id, other.type_id):
        if each.category == USERS and each.type_id == number and each.label is not None:
            return each
    raise not_found(f"Association type {number} was not found between {one.type_id} and {other.type_id}")


def _delete(request: Request, portal: Portal) -> Response:
    one, other = _ends(request, portal)
    text = request.params["kind"]
    with portal.transaction() as connection:
        kind = _custom(portal, one, other, int(text) if text.isdecimal() and len(text) <= 18 else 0)
        for number in {kind.type_id, kind.inverse}:
            connection.execute("DELETE FROM label WHERE id = ?", (number,))
            connection.execute("DELETE FROM association WHERE category = ? AND kind = ?", (USERS, number))
    return no_content()
