"""Who owns records: the portal's people and queues, active and gone."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulators.hubspot.errors import invalid, not_found
from emulators.hubspot.router import Request, Response, Router, json_response

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal

DDL = """
CREATE TABLE IF NOT EXISTS owner (
  id INTEGER PRIMARY KEY, user_id INTEGER, email TEXT, archived INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS owner_user ON owner (user_id);
"""
_SCOPES = ("crm.objects.owners.read",)
_PAGE = 500


def routes(router: Router) -> None:
    """The owners API."""
    router.add("GET", "/crm/v3/owners", _list, scopes=_SCOPES)
    router.add("GET", "/crm/v3/owners/{owner}", _read, scopes=_SCOPES)


def put(portal: Portal, owner: dict[str, Any]) -> None:
    """Keep an owner in HubSpot's own form: id, email, firstName, lastName, userId, archived, type, teams."""
    now = portal.now_text()
    person: dict[str, Any] = {
        "type": "PERSON",
        "firstName": "",
        "lastName": "",
        "createdAt": now,
        "updatedAt": now,
        "archived": False,
    }
    body = person | {key: value for key, value in owner.items() if value is not None}
    user = body.get("userId", body.get("userIdIncludingInactive"))
    row = (int(body["id"]), user, str(body.get("email", "")).lower(), int(body["archived"]), json.dumps(body))
    with portal.transaction() as connection:
        connection.execute("INSERT OR REPLACE INTO owner VALUES (?, ?, ?, ?, ?)", row)


def exists(portal: Portal, owner_id: str) -> bool:
    """Whether records may be given to that owner."""
    if not owner_id.isdecimal() or len(owner_id) > 18:
        return False
    found = portal.connection.execute("SELECT 1 FROM owner WHERE id = ?", (int(owner_id),)).fetchone()
    return found is not None


def load(portal: Portal, path: Path) -> int:
    """owners.csv: id, user_id, email, first_name, last_name, type, archived, created_at, updated_at. How many."""
    count = 0
    with portal.transaction(), path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            put(portal, _from_row(row))
            count += 1
    return count


def _from_row(row: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": row["id"],
        "email": row.get("email", ""),
        "firstName": row.get("first_name", ""),
        "lastName": row.get("last_name", ""),
        "archived": row.get("archived", "").strip().lower() == "true",
        "type": row.get("type") or "PERSON",
        "createdAt": row.get("created_at") or None,
        "updatedAt": row.get("updated_at") or None,
    }
    if row.get("user_id"):
        found["userId"] = int(row["user_id"])
    return found


def _printed(body: dict[str, Any]) -> dict[str, Any]:
    """A leaver has no userId any more, only `userIdIncludingInactive`."""
    found = dict(body)
    user = found.pop("userId", found.get("userIdIncludingInactive"))
    if user is not None:
        found["userIdIncludingInactive"] = user
        if not found["archived"]:
            found["userId"] = user
    found["id"] = str(found["id"])
    return found


def _list(request: Request, portal: Portal) -> Response:
    limit = request.number("limit", 100, most=_PAGE)
    email, archived = request.one("email").strip().lower(), request.flag("archived")
    after = request.one("after", "0")
    if not after.isdecimal() or len(after) > 18:
        raise invalid(f"Invalid input for query parameter after: '{after}'")
    rows = portal.connection.execute(
        "SELECT id, body FROM owner WHERE archived = ? AND id > ? AND (? = '' OR email = ?) ORDER BY id LIMIT ?",
        (int(archived), int(after), email, email, limit + 1),
    ).fetchall()
    page = rows[:limit]
    found: dict[str, Any] = {"results": [_printed(json.loads(body)) for _, body in page]}
    if len(rows) > limit:
        last = str(page[-1][0])
        link = f"{request.base_url}{request.path}?limit={limit}&after={last}"
        if archived:
            link += "&archived=true"
        found["paging"] = {"next": {"after": last, "link": link}}
    return json_response(found)


def _read(request: Request, portal: Portal) -> Response:
    wanted = request.params["owner"]
    kind = request.one("idProperty", "id")
    if kind not in ("id", "userId"):
        raise invalid(f"Invalid input for query parameter idProperty: '{kind}' is not one of [id, userId]")
    if not wanted.isdecimal() or len(wanted) > 18:
        raise invalid(f"Unable to parse value for path parameter: ownerId '{wanted}'")
    column = "id" if kind == "id" else "user_id"
    row = portal.connection.execute(
        f"SELECT body FROM owner WHERE {column} = ? AND archived = ?", (int(wanted), int(request.flag("archived")))
    ).fetchone()
    if row is None:
        raise not_found()
    return json_response(_printed(json.loads(row[0])))
