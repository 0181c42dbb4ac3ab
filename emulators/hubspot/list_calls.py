"""The endpoints of lists and of their memberships."""

from __future__ import annotations

from typing import Any

from emulators.hubspot import definitions, lists
from emulators.hubspot.bodies import mapping, text, texts, whole
from emulators.hubspot.errors import invalid
from emulators.hubspot.lists import Listing
from emulators.hubspot.portal import Portal, shown
from emulators.hubspot.router import Request, Response, Router, json_response, no_content

BASE = "/crm/v3/lists"
PAGE, MAX_PAGE, MAX_FOUND = 100, 250, 500
_READ, _WRITE = ("crm.lists.read",), ("crm.lists.write",)


def routes(router: Router) -> None:
    """Folders, id mappings of the first API and scheduled conversions are not emulated."""
    for method, path, handler, scopes in (
        ("GET", "", _several, _READ),
        ("POST", "", _create, _WRITE),
        ("POST", "/search", _search, _READ),
        ("GET", "/{id}", _read, _READ),
        ("DELETE", "/{id}", _delete, _WRITE),
        ("PUT", "/{id}/restore", _restore, _WRITE),
        ("PUT", "/{id}/update-list-name", _rename, _WRITE),
        ("PUT", "/{id}/update-list-filters", _refilter, _WRITE),
        ("GET", "/object-type-id/{type}/name/{name}", _named, _READ),
        ("GET", "/{id}/memberships", _members, _READ),
        ("GET", "/{id}/memberships/join-order", _by_time, _READ),
        ("DELETE", "/{id}/memberships", _remove_all, _WRITE),
        ("PUT", "/{id}/memberships/add", _add, _WRITE),
        ("PUT", "/{id}/memberships/remove", _remove, _WRITE),
        ("PUT", "/{id}/memberships/add-and-remove", _add_and_remove, _WRITE),
        ("PUT", "/{id}/memberships/add-from/{source}", _add_from, _WRITE),
        ("GET", "/records/{type}/{record}/memberships", _of_record, _READ),
    ):
        router.add(method, BASE + path, handler, scopes=scopes)


def _one(request: Request, portal: Portal) -> Listing:
    """The list of the path, its members as of now."""
    found = lists.get(portal, request.params["id"])
    lists.refresh(portal, found)
    return found


def _create(request: Request, portal: Portal) -> Response:
    """200 with a list that is still being processed."""
    body = request.document()
    branch = body.get("filterBranch")
    made = lists.create(
        portal,
        text(body, "name"),
        text(body, "objectTypeId"),
        text(body, "processingType"),
        None if branch is None else mapping(body, "filterBranch"),
    )
    told = lists.printed(portal, made, with_filters=True)
    if made.branch is not None:
        told["processingStatus"] = "PROCESSING"
    return json_response({"list": told})


def _read(request: Request, portal: Portal) -> Response:
    return json_response({"list": lists.printed(portal, _one(request, portal), with_filters=_filters(request))})


def _named(request: Request, portal: Portal) -> Response:
    obj = definitions.required_type(portal, request.params["type"])
    found = lists.named(portal, obj.type_id, request.params["name"])
    lists.refresh(portal, found)
    return json_response({"list": lists.printed(portal, found, with_filters=_filters(request))})


def _several(request: Request, portal: Portal) -> Response:
    """The lists of `listIds`; unknown ones are passed over."""
    wanted = set(request.many("listIds"))
    found = [each for each in lists.every(portal) if str(each.id) in wanted]
    for each in found:
        lists.refresh(portal, each)
    return json_response({"lists": [lists.printed(portal, each, with_filters=_filters(request)) for each in found]})


def _search(request: Request, portal: Portal) -> Response:
    """By part of the name, processing type, object or id; pages of at most 500 by offset."""
    body = request.document()
    count, offset = whole(body.get("count"), "count", 20), whole(body.get("offset"), "offset")
    if not 1 <= count <= MAX_FOUND or offset < 0:
        raise invalid(f"count must be between 1 and {MAX_FOUND}, and offset not negative")
    query, types, ids = text(body, "query").lower(), texts(body, "processingTypes"), texts(body, "listIds")
    wanted = text(body, "objectTypeId")
    found = [
        each
        for each in lists.every(portal)
        if query in each.name.lower()
        and (not types or each.processing in types)
        and (not ids or str(each.id) in ids)
        and wanted in ("", each.type_id)
    ]
    part = found[offset : offset + count]
    told = [_found(portal, each) for each in part]
    more = offset + count < len(found)
    return json_response({"lists": told, "total": len(found), "offset": offset + len(part), "hasMore": more})


def _found(portal: Portal, each: Listing) -> dict[str, Any]:
    """As a search prints it: the size is one of the additional properties."""
    lists.refresh(portal, each)
    told = lists.printed(portal, each)
    return {**told, "additionalProperties": {"hs_list_size": str(told.pop("size"))}}


def _delete(request: Request, portal: Portal) -> Response:
    lists.delete(portal, lists.get(portal, request.params["id"]))
    return no_content()


def _restore(request: Request, portal: Portal) -> Response:
    lists.restore(portal, lists.get(portal, request.params["id"], deleted=True))
    return no_content()


def _rename(request: Request, portal: Portal) -> Response:
    changed = lists.rename(portal, lists.get(portal, request.params["id"]), request.one("listName"))
    return json_response({"updatedList": lists.printed(portal, changed, with_filters=_filters(request))})


def _refilter(request: Request, portal: Portal) -> Response:
    branch = mapping(request.document(), "filterBranch")
    changed = lists.refilter(portal, lists.get(portal, request.params["id"]), branch)
    told = lists.printed(portal, changed, with_filters=True)
    return json_response({"updatedList": {**told, "processingStatus": "PROCESSING"}})


def _members(request: Request, portal: Portal) -> Response:
    """Members by ascending id, at most 250 a page; `before` is not emulated."""
    _demand_forward(request)
    found, limit, after = _one(request, portal), _limit(request), request.one("after")
    if after and (not after.isdecimal() or len(after) > 18):
        raise invalid(f"The paging cursor is not valid: {after!r}")
    rows = lists.page(portal, found, int(after or 0), limit + 1)
    last = rows[limit - 1][0] if len(rows) > limit else ""
    return _page(request, portal, found, rows[:limit], last)


def _by_time(request: Request, portal: Portal) -> Response:
    """Members in the order in which they joined."""
    _demand_forward(request)
    found, limit, after = _one(request, portal), _limit(request), request.one("after", "0")
    if not after.isdecimal() or len(after) > 9:
        raise invalid(f"The paging cursor is not valid: {after!r}")
    every = sorted(lists.page(portal, found, 0, -1), key=lambda row: (row[1], int(row[0])))
    start = int(after)
    last = str(start + limit) if len(every) > start + limit else ""
    return _page(request, portal, found, every[start : start + limit], last)


def _page(request: Request, portal: Portal, found: Listing, rows: list[tuple[str, str]], after: str) -> Response:
    answer: dict[str, Any] = {
        "results": [{"recordId": record, "membershipTimestamp": shown(at)} for record, at in rows],
        "total": lists.size(portal, found),
    }
    if after:
        link = f"{request.base_url}{request.path}?limit={_limit(request)}&after={after}"
        answer["paging"] = {"next": {"after": after, "link": link}}
    return json_response(answer)


def _demand_forward(request: Request) -> None:
    if request.one("before"):
        raise invalid("Paging backwards by `before` is not emulated")


def _limit(request: Request) -> int:
    return request.number("limit", PAGE, most=MAX_PAGE)


def _add(request: Request, portal: Portal) -> Response:
    return _changed(request, portal, _ids(request.json()), [])


def _remove(request: Request, portal: Portal) -> Response:
    return _changed(request, portal, [], _ids(request.json()))


def _add_and_remove(request: Request, portal: Portal) -> Response:
    body = request.document()
    return _changed(request, portal, texts(body, "recordIdsToAdd"), texts(body, "recordIdsToRemove"))


def _changed(request: Request, portal: Portal, add: list[str], remove: list[str]) -> Response:
    added, removed, missing = lists.change(portal, lists.get(portal, request.params["id"]), add, remove)
    # the clients' models have a misspelled key, the guide's example has the other: both are sent
    found = {"recordsIdsAdded": added, "recordIdsAdded": added}
    return json_response({**found, "recordIdsRemoved": removed, "recordIdsMissing": missing})


def _add_from(request: Request, portal: Portal) -> Response:
    found, source = lists.get(portal, request.params["id"]), lists.get(portal, request.params["source"])
    if source.type_id != found.type_id:
        raise invalid("Lists of different objects cannot share members")
    lists.refresh(portal, source)
    lists.change(portal, found, [number for number, _ in lists.page(portal, source, 0, -1)], [])
    return no_content()


def _remove_all(request: Request, portal: Portal) -> Response:
    found = lists.get(portal, request.params["id"])
    lists.change(portal, found, [], [number for number, _ in lists.page(portal, found, 0, -1)])
    return no_content()


def _of_record(request: Request, portal: Portal) -> Response:
    obj = definitions.required_type(portal, request.params["type"])
    found = [
        {
            "listId": str(each.id),
            "listVersion": each.version,
            "firstAddedTimestamp": shown(first),
            "lastAddedTimestamp": shown(last),
        }
        for each, first, last in lists.of_record(portal, obj.type_id, request.params["record"])
    ]
    return json_response({"results": found, "total": len(found)})


def _ids(body: Any) -> list[str]:
    if not isinstance(body, list):
        raise invalid("Invalid input JSON: a list of record ids was expected")
    return texts({"ids": body}, "ids")


def _filters(request: Request) -> bool:
    return request.flag("includeFilters")
