"""How many records of another object one record may be associated with, as far as an administrator has said so.

Of the kinds of association (labels, or the plain one for all of an object) between two objects; the pages are
"Configure association limits" and "Introducing Custom Association Limits for Associations API".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emulators.hubspot import bodies, definitions, labels
from emulators.hubspot.errors import HubError, invalid, not_found
from emulators.hubspot.labels import Kind
from emulators.hubspot.router import DATED, Request, Response, Router, json_response, no_content

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal

DDL = """
CREATE TABLE IF NOT EXISTS association_limit (
  from_type TEXT NOT NULL, to_type TEXT NOT NULL, category TEXT NOT NULL, kind INTEGER NOT NULL,
  most INTEGER NOT NULL,
  PRIMARY KEY (from_type, to_type, category, kind)) WITHOUT ROWID;
"""
MOST = 50_000  # records that one record may be associated with, whatever an administrator says
_READ = (
    "crm.objects.contacts.read",
    "crm.objects.companies.read",
    "crm.objects.deals.read",
    "crm.objects.custom.read",
)
_WRITE = ("crm.objects.{object}.write", "crm.schemas.{object}.write")
_ONE = "from_type = ? AND to_type = ? AND category = ? AND kind = ?"


def routes(router: Router) -> None:
    """The limits of associations, and the report of records that are near them."""
    base = "/crm/v4/associations/definitions/configurations"
    router.add("GET", base + "/all", _every, scopes=_READ)
    router.add("GET", base + "/{object}/{to}", _between, scopes=("crm.objects.{object}.read", *_WRITE))
    router.add("POST", base + "/{object}/{to}/batch/create", _create, scopes=_WRITE)
    router.add("POST", base + "/{object}/{to}/batch/update", _update, scopes=_WRITE)
    router.add("POST", base + "/{object}/{to}/batch/purge", _purge, scopes=_WRITE)
    router.add("POST", "/crm/v4/associations/usage/high-usage-report/{user}", _report, scopes=_READ)


def demand(portal: Portal, from_type: str, from_id: str, to_type: str, to_id: str, kind: Kind) -> None:
    """HubError 400 when one more association of that kind would be too many for either record."""
    if portal.connection.execute("SELECT 1 FROM association_limit LIMIT 1").fetchone() is None:
        return
    for one, number, other, to, type_id in (
        (from_type, from_id, to_type, to_id, kind.type_id),
        (to_type, to_id, from_type, from_id, kind.inverse),
    ):
        most = _of(portal, one, other, kind.category, type_id)
        if most is not None and _held(portal, one, number, other, to, kind.category, type_id) >= most:
            raise invalid(
                f"One or more associations between object types {one} and {other} of type {type_id} would exceed"
                f" the limit of {most}",
                sub_category="crm.associations.ASSOCIATION_LIMIT_EXCEEDED",
            )


def most(portal: Portal, one: str, other: str) -> int:
    """With how many records of another object one record may be associated."""
    plain = labels.plain(portal, one, other)
    said = None if plain is None else _of(portal, one, other, plain.category, plain.type_id)
    return MOST if said is None else said


def _of(portal: Portal, one: str, other: str, category: str, type_id: int) -> int | None:
    text = f"SELECT most FROM association_limit WHERE {_ONE}"
    row = portal.connection.execute(text, (one, other, category, type_id)).fetchone()
    return None if row is None else int(row[0])


def _held(portal: Portal, one: str, number: str, other: str, to: str, category: str, type_id: int) -> int:
    """Associations of that kind with other records than `to`."""
    (count,) = portal.connection.execute(
        "SELECT COUNT(*) FROM association WHERE from_type = ? AND from_id = ? AND to_type = ? AND category = ?"
        " AND kind = ? AND to_id <> ?",
        (one, int(number), other, category, type_id, int(to)),
    ).fetchone()
    return int(count)


def _printed(kind: Kind, most: int) -> dict[str, Any]:
    return {**kind.printed(), "userEnforcedMaxToObjectIds": most}


def _listed(portal: Portal, pairs: list[tuple[str, str]]) -> Response:
    found = [
        _printed(kind, most)
        for one, other in pairs
        for kind in labels.kinds(portal, one, other)
        if (most := _of(portal, one, other, kind.category, kind.type_id)) is not None
    ]
    return json_response({"results": found})


def _every(request: Request, portal: Portal) -> Response:
    text = "SELECT DISTINCT from_type, to_type FROM association_limit ORDER BY 1, 2"
    return _listed(portal, portal.connection.execute(text).fetchall())


def _ends(request: Request, portal: Portal) -> tuple[str, str]:
    one = definitions.required_type(portal, request.params["object"])
    return one.type_id, definitions.required_type(portal, request.params["to"]).type_id


def _between(request: Request, portal: Portal) -> Response:
    return _listed(portal, [_ends(request, portal)])


def _create(request: Request, portal: Portal) -> Response:
    """201; 207 when some of the kinds have a limit already or cannot have that one."""
    return _written(request, portal, new=True)


def _update(request: Request, portal: Portal) -> Response:
    """200; 207 when some of the kinds have no limit yet or cannot have that one."""
    return _written(request, portal, new=False)


def _written(request: Request, portal: Portal, *, new: bool) -> Response:
    ends, inputs = _ends(request, portal), bodies.objects(request.document(), "inputs")
    results: list[dict[str, Any]] = []
    refused: list[HubError] = []
    with portal.transaction():
        for each in inputs:
            try:
                results.append(_put(portal, ends, each, new=new))
            except HubError as bad:
                refused.append(bad)
    now = portal.now_text()
    body: dict[str, Any] = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
    if refused:
        body |= {"numErrors": len(refused), "errors": [each.item() for each in refused]}
    return json_response(body, 207 if refused else (201 if new else 200))


def _put(portal: Portal, ends: tuple[str, str], sent: Mapping[str, Any], *, new: bool) -> dict[str, Any]:
    kind, most = _kind(portal, ends, sent), bodies.whole(sent.get("maxToObjectIds"), "maxToObjectIds")
    if not 1 <= most <= MOST:
        raise invalid(f"maxToObjectIds must be between 1 and {MOST}")
    known = _of(portal, *ends, kind.category, kind.type_id)
    if new and known is not None:
        raise HubError(409, "CONFLICT", f"Association type {kind.type_id} has a limit already")
    if not new and known is None:
        raise not_found(f"Association type {kind.type_id} has no limit")
    _demand_order(portal, ends, kind, most)
    values = (*ends, kind.category, kind.type_id, most)
    portal.connection.execute("INSERT OR REPLACE INTO association_limit VALUES (?, ?, ?, ?, ?)", values)
    found = _printed(kind, most)
    return found if new else {key: value for key, value in found.items() if key != "label"}


def _demand_order(portal: Portal, ends: tuple[str, str], kind: Kind, most: int) -> None:
    """A label's limit may not be above that of the whole object."""
    for other in labels.kinds(portal, *ends):
        limit = _of(portal, *ends, other.category, other.type_id)
        if limit is None or other == kind:
            continue
        if kind.label is not None and other.label is None and most > limit:
            raise invalid(f"The limit of a label must be between 1 and {limit}, that of the object")
        if kind.label is None and other.label is not None and most < limit:
            raise invalid(f"The limit must be at least {limit}, that of the label {other.label}")


def _kind(portal: Portal, ends: tuple[str, str], sent: Mapping[str, Any]) -> Kind:
    """The kind that `typeId` names, in the category when one was sent: dated versions do not need it."""
    number, category = bodies.whole(sent.get("typeId"), "typeId"), bodies.text(sent, "category")
    for each in labels.kinds(portal, *ends):
        if each.type_id == number and category in ("", each.category):
            return each
    raise not_found(f"Association type {number} was not found between {ends[0]} and {ends[1]}")


def _purge(request: Request, portal: Portal) -> Response:
    """204: the kinds have no limit any more."""
    ends = _ends(request, portal)
    found = [_kind(portal, ends, each) for each in bodies.objects(request.document(), "inputs")]
    with portal.transaction() as connection:
        for kind in found:
            text = f"DELETE FROM association_limit WHERE {_ONE}"
            connection.execute(text, (*ends, kind.category, kind.type_id))
    return no_content()


def _report(request: Request, portal: Portal) -> Response:
    """200: the report will be sent by e-mail, which is all that a caller ever sees of it."""
    user = request.params["user"]
    if not user.isdecimal() or len(user) > 18:
        raise invalid(f"Invalid input for path parameter userId: '{user}' is not a number")
    if int(user) != portal.settings.user_id:
        raise not_found(f"User {user} was not found")
    at: Any = portal.now_text()
    if request.version in DATED:
        at = {"dateOnly": False, "timeZoneShift": 0, "value": portal.now_ms()}
    return json_response({"userId": int(user), "userEmail": "integration@example.com", "enqueueTime": at})
