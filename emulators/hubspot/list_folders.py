"""In which folders lists are kept; which id a list had in the first API; the memberships of several records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emulators.hubspot import definitions, lists
from emulators.hubspot.bodies import objects, text
from emulators.hubspot.errors import invalid, not_found
from emulators.hubspot.list_calls import BASE
from emulators.hubspot.portal import shown
from emulators.hubspot.router import Request, Response, Router, json_response, no_content

if TYPE_CHECKING:
    from emulators.hubspot.portal import Portal

DDL = """
CREATE TABLE IF NOT EXISTS list_folder (
  id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, name TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS list_place (list INTEGER PRIMARY KEY, folder INTEGER NOT NULL);
"""
ROOT = 0
MOST_MAPPED, MOST_RECORDS = 10_000, 100
_READ, _WRITE = ("crm.lists.read",), ("crm.lists.write",)


def routes(router: Router) -> None:
    """Folders, the mapping of old ids, and memberships by batch."""
    base = BASE + "/folders"
    router.add("GET", base, _read, scopes=_READ)
    router.add("POST", base, _create, scopes=_WRITE)
    router.add("PUT", base + "/move-list", _move_list, scopes=_WRITE)
    router.add("DELETE", base + "/{folder}", _delete, scopes=_WRITE)
    router.add("PUT", base + "/{folder}/rename", _rename, scopes=_WRITE)
    router.add("PUT", base + "/{folder}/move/{parent}", _move, scopes=_WRITE)
    router.add("GET", BASE + "/idmapping", _mapped, scopes=_READ)
    router.add("POST", BASE + "/idmapping", _several_mapped, scopes=_READ)
    router.add("POST", BASE + "/records/memberships/batch/read", _memberships, scopes=_READ)


def _folder(portal: Portal, spelled: str) -> int:
    """The id of a folder, 0 being the root; 404 when there is none."""
    number = int(spelled) if spelled.isdecimal() and spelled.isascii() and len(spelled) <= 18 else -1
    known = portal.connection.execute("SELECT 1 FROM list_folder WHERE id = ?", (number,)).fetchone()
    if number != ROOT and known is None:
        raise not_found(f"Folder does not exist with ID {spelled}.")
    return number


def _printed(portal: Portal, number: int) -> dict[str, Any]:
    """A folder with all that is in it."""
    connection = portal.connection
    row = connection.execute("SELECT parent, name, created, updated FROM list_folder WHERE id = ?", (number,))
    parent, name, created, updated = row.fetchone() or (ROOT, "", portal.now_text(), portal.now_text())
    children = connection.execute("SELECT id FROM list_folder WHERE parent = ? ORDER BY id", (number,)).fetchall()
    placed = dict(connection.execute("SELECT list, folder FROM list_place").fetchall())
    return {
        "id": str(number),
        "parentFolderId": str(parent),
        "name": name,
        "userId": portal.settings.user_id,
        "createdAt": shown(created),
        "updatedAt": shown(updated),
        "updatedContentsAt": shown(updated),
        "childNodes": [_printed(portal, child) for (child,) in children],
        "childLists": [each.id for each in lists.every(portal) if placed.get(each.id, ROOT) == number],
    }


def _answer(portal: Portal, number: int) -> Response:
    return json_response({"folder": _printed(portal, number)})


def _read(request: Request, portal: Portal) -> Response:
    return _answer(portal, _folder(portal, request.one("folderId", str(ROOT))))


def _create(request: Request, portal: Portal) -> Response:
    body = request.document()
    name = _demand_name(text(body, "name"))
    now = portal.now_text()
    with portal.transaction() as connection:
        parent = _folder(portal, text(body, "parentFolderId", str(ROOT)))
        row = (parent, name, now, now)
        made = connection.execute("INSERT INTO list_folder (parent, name, created, updated) VALUES (?,?,?,?)", row)
    return _answer(portal, int(made.lastrowid or 0))


def _demand_name(name: str) -> str:
    if not name.strip():
        raise invalid("A folder must have a name")
    return name.encode("utf-8", "replace").decode()


def _own(request: Request, portal: Portal) -> int:
    """The folder of the path, which may not be the root."""
    number = _folder(portal, request.params["folder"])
    if number == ROOT:
        raise invalid("The root folder cannot be changed")
    return number


def _rename(request: Request, portal: Portal) -> Response:
    number, name = _own(request, portal), _demand_name(request.one("newFolderName"))
    with portal.transaction() as connection:
        values = (name, portal.now_text(), number)
        connection.execute("UPDATE list_folder SET name = ?, updated = ? WHERE id = ?", values)
    return _answer(portal, number)


def _move(request: Request, portal: Portal) -> Response:
    """400 into itself or into a folder that is in it."""
    with portal.transaction() as connection:
        number, parent = _own(request, portal), _folder(portal, request.params["parent"])
        above = parent
        while above != ROOT:
            if above == number:
                raise invalid("A folder cannot be moved into itself")
            (above,) = connection.execute("SELECT parent FROM list_folder WHERE id = ?", (above,)).fetchone()
        values = (parent, portal.now_text(), number)
        connection.execute("UPDATE list_folder SET parent = ?, updated = ? WHERE id = ?", values)
    return _answer(portal, number)


def _move_list(request: Request, portal: Portal) -> Response:
    body = request.document()
    with portal.transaction() as connection:
        folder = _folder(portal, text(body, "newFolderId"))
        number = lists.get(portal, text(body, "listId")).id
        connection.execute("INSERT OR REPLACE INTO list_place VALUES (?, ?)", (number, folder))
    return no_content()


def _delete(request: Request, portal: Portal) -> Response:
    """400 while anything is in it."""
    with portal.transaction() as connection:
        number = _own(request, portal)
        held = _printed(portal, number)
        if held["childNodes"] or held["childLists"]:
            raise invalid(f"Folder {number} is not empty and cannot be deleted")
        connection.execute("DELETE FROM list_folder WHERE id = ?", (number,))
    return no_content()


def _mapped(request: Request, portal: Portal) -> Response:
    """A list made here has one id: that of the first API is the same."""
    wanted = request.one("legacyListId")
    return json_response({"legacyListId": wanted, "listId": str(lists.get(portal, wanted).id)})


def _several_mapped(request: Request, portal: Portal) -> Response:
    sent = request.json()
    if not isinstance(sent, list) or not all(isinstance(each, str) for each in sent) or len(sent) > MOST_MAPPED:
        raise invalid(f"Invalid input JSON: at most {MOST_MAPPED} ids of lists were expected")
    known = {str(each.id) for each in lists.every(portal)}
    found = [{"legacyListId": each, "listId": each} for each in sent if each in known]
    missing = [each for each in sent if each not in known]
    return json_response({"legacyListIdsToIdsMapping": found, "missingLegacyListIds": missing})


def _memberships(request: Request, portal: Portal) -> Response:
    inputs = objects(request.document(), "inputs")
    if len(inputs) > MOST_RECORDS:
        raise invalid(f"A batch takes at most {MOST_RECORDS} records; {len(inputs)} were sent")
    now = portal.now_text()
    found = [_of_one(portal, text(each, "objectTypeId"), text(each, "recordId")) for each in inputs]
    return json_response({"status": "COMPLETE", "results": found, "startedAt": now, "completedAt": now})


def _of_one(portal: Portal, object_type: str, record: str) -> dict[str, Any]:
    obj = definitions.required_type(portal, object_type)
    found = [
        {
            "listId": str(each.id),
            "listVersion": each.version,
            "firstAddedTimestamp": shown(first),
            "lastAddedTimestamp": shown(last),
        }
        for each, first, last in lists.of_record(portal, obj.type_id, record)
    ]
    return {"recordId": record, "objectTypeId": obj.type_id, "recordListMemberships": found}
