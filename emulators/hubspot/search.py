"""What a search answers: filters become SQL over the index, results are read live."""

from __future__ import annotations

from typing import Any

from emulators.hubspot import definitions, records, search_index
from emulators.hubspot.definitions import ObjectType
from emulators.hubspot.errors import invalid
from emulators.hubspot.filters import Condition, compile_groups, order_by, register
from emulators.hubspot.portal import Portal
from emulators.hubspot.presenting import documents, named_object, wanted
from emulators.hubspot.router import Request, Response, Router, json_response

MAX_BODY, MAX_PAGE, MAX_RESULTS = 3000, 200, 10_000
_FEW = 5000  # so many hits are sorted after they were found; more are walked in their order


def routes(router: Router) -> None:
    """`POST /{object}/search`."""
    router.add(
        "POST", "/crm/v3/objects/{object}/search", search, scopes=("crm.objects.{object}.read",), limit="search"
    )


def search(request: Request, portal: Portal) -> Response:
    """`total` counts what the index finds; what was archived meanwhile is missing from `results`."""
    if len(request.body) > MAX_BODY:
        raise invalid(f"Search request body is too long: {len(request.body)} characters, at most {MAX_BODY} allowed")
    obj, body = named_object(portal, request.params["object"]), request.document()
    limit, after = _limit(body.get("limit")), _after(body.get("after"))
    if after + limit > MAX_RESULTS:
        raise invalid(f"Paging beyond {MAX_RESULTS} results is not supported: after {after}, limit {limit}")
    want = wanted(portal, obj, _names(body.get("properties")))
    total, ids = _found(portal, obj, body, limit, after)
    live = records.read(portal.connection, obj.type_id, ids)
    kept = [live[each] for each in ids if each in live and live[each].archived is None]
    answer: dict[str, Any] = {"total": total, "results": documents(portal, kept, want)}
    if after + limit < total:
        answer["paging"] = {"next": {"after": str(after + limit)}}
    return json_response(answer)


def _found(portal: Portal, obj: ObjectType, body: dict[str, Any], limit: int, after: int) -> tuple[int, list[str]]:
    connection = portal.connection
    register(connection)
    known = definitions.of(portal, obj.type_id)
    condition: Condition = compile_groups(portal, obj, known, body.get("filterGroups"), body.get("filters"))
    text = body.get("query")
    if text is not None and not isinstance(text, str):
        raise invalid("Invalid input JSON: query must be text")
    if text:
        condition = condition.also("hs_words(properties, ?)", text.lower())
    found = search_index.source(portal, connection, obj.type_id)
    values = (*found.values, *condition.values)
    where = f"FROM ({found.text}) WHERE {condition.text}"
    total = connection.execute(f"SELECT COUNT(*) {where}", values).fetchone()[0]
    order = order_by(obj, known, body.get("sorts"), by_index=total > _FEW)
    rows = connection.execute(f"SELECT id {where} ORDER BY {order} LIMIT ? OFFSET ?", (*values, limit, after))
    return int(total), [str(number) for (number,) in rows]


def _limit(value: Any) -> int:
    if value is None:
        return 10
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_PAGE:
        raise invalid(f"The limit must be between 0 and {MAX_PAGE}, not {value!r}")
    return value


def _after(value: Any) -> int:
    text = "" if value is None else str(value)
    if not text:
        return 0
    if not text.isdecimal() or len(text) > 9:
        raise invalid(f"The paging cursor is not valid: {text!r}")
    return int(text)


def _names(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise invalid("Invalid input JSON: properties must be a list of names")
    return tuple(value)
