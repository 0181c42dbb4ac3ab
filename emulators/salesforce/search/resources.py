"""What the search resources answer: the records whose words match, as SOSL or as parameters ask for them.

Source: "Search", "Parameterized Search" and "Search Scope and Order" of the REST API guide; "SOSL Limits on Search
Results" of the SOQL and SOSL reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from emulators.salesforce import storage
from emulators.salesforce.errors import ApiError
from emulators.salesforce.org import Org
from emulators.salesforce.router import Request, Response, Router, json_response
from emulators.salesforce.schema import FieldType, ObjectType
from emulators.salesforce.search.statement import GROUPS, MAX_ROWS, Returning, Statement, parse, row
from emulators.salesforce.search.terms import BadSearch, Either, Every, Term, digits_of, read, words_of
from emulators.salesforce.soql import Context, SoqlError
from emulators.salesforce.soql.run import records_among
from emulators.salesforce.viewpoint import context

MOST_TESTS = 400  # beyond, every row is read
LIST_UNTIL = 36  # up to this version the answer is a bare list
_TEXT = frozenset({"string", "textarea", "email", "phone", "url", "combobox"})
_NAMED = frozenset({"firstname", "lastname", "subject", "name"})
_SEARCHABLE = frozenset(
    (
        *("Account", "Campaign", "Contact", "Event", "Lead", "Opportunity", "PartnerFundAllocation"),
        *("PartnerFundClaim", "PartnerFundRequest", "PartnerMarketingBudget", "Pricebook2", "Product2", "Quote"),
        *("Task", "User"),
    )
)
Found = dict[str, Any]


def routes(router: Router) -> None:
    """search, parameterizedSearch and the objects that both look at."""
    router.add("GET", "/services/data/{version}/search", by_sosl)
    router.add("GET", "/services/data/{version}/search/scopeOrder", scope_order)
    for method, handler in (("GET", by_parameters), ("POST", by_body)):
        router.add(method, "/services/data/{version}/parameterizedSearch", handler, since=36)


def searchable(obj: ObjectType) -> bool:
    """Whether a search may return the object."""
    return obj.name in _SEARCHABLE or obj.custom


def search(org: Org, user_id: str, text: str, version: str = "67.0") -> list[Found]:
    """The records that a SOSL statement finds, in the JSON form of queries; for REST and SOAP alike.

    Raises ApiError MALFORMED_SEARCH, INVALID_SEARCH, INVALID_TYPE or INVALID_FIELD.
    """
    return _answer(org, user_id, _parsed(text), version)[0]


def by_sosl(request: Request, org: Org) -> Response:
    """`?q=FIND {...}`."""
    text = request.query.get("q", "")
    if not text.strip():
        raise ApiError("MALFORMED_SEARCH", "A search string has to be specified")
    statement = _parsed(text)
    return _response(org, request, statement)


def scope_order(request: Request, org: Org) -> Response:
    """The objects of a global search, in the order in which they are searched."""
    base = f"/services/data/v{request.version}/sobjects"
    objects = _everything(context(org, request.user, request.version))
    return json_response([{"type": obj.name, "url": f"{base}/{obj.name}/describe"} for obj in objects])


def by_parameters(request: Request, org: Org) -> Response:
    """`?q=words&sobject=Account&Account.fields=...`, without SOSL."""
    given = request.query
    objects = [
        {
            "name": name,
            "fields": _names(given.get(f"{name}.fields", "")),
            "where": given.get(f"{name}.where"),
            "limit": given.get(f"{name}.limit"),
            "orderBy": given.get(f"{name}.orderBy"),
        }
        for key, value in request.pairs
        if key == "sobject"
        for name in _names(value)
    ]
    flat: dict[str, Any] = {
        name: given[name] for name in ("q", "in", "defaultLimit", "overallLimit", "metadata") if name in given
    }
    return _response(
        org, request, _from_body({**flat, "fields": _names(given.get("fields", "")), "sobjects": objects})
    )


def by_body(request: Request, org: Org) -> Response:
    """The same parameters as JSON."""
    return _response(org, request, _from_body(request.document()))


def _response(org: Org, request: Request, statement: Statement) -> Response:
    records, objects = _answer(org, request.user, statement, request.version)
    if float(request.version) <= LIST_UNTIL:
        return json_response(records)
    metadata = {"metadata": {"entityMetadata": _labels(records, objects)}} if statement.metadata else {}
    return json_response({"searchRecords": records, **metadata})


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _parsed(text: str) -> Statement:
    try:
        return parse(text)
    except BadSearch as bad:
        raise ApiError(bad.code, bad.message) from None


def _from_body(body: Mapping[str, Any]) -> Statement:
    """A parameterized search; MALFORMED_SEARCH or INVALID_INPUT for what it cannot be."""
    text = body.get("q")
    if not isinstance(text, str) or not text.strip():
        raise ApiError("MALFORMED_SEARCH", "A search string has to be specified")
    group = str(body.get("in", "ALL")).upper()
    if group not in GROUPS:
        raise ApiError("INVALID_INPUT", f"Unknown search group: {body.get('in')}")
    objects = body.get("sobjects") or []
    if not isinstance(objects, list) or not all(isinstance(one, dict) and one.get("name") for one in objects):
        raise ApiError("INVALID_INPUT", "sobjects must be a list of objects with a name")
    fields = _list_of_names(body.get("fields"))
    if fields and not objects:
        raise ApiError("INVALID_INPUT", "fields can only be given with sobjects")
    least = body.get("defaultLimit")
    returning = tuple(_returning(one, fields, least) for one in objects)
    limit = min(_whole(body.get("overallLimit"), MAX_ROWS), MAX_ROWS)
    try:
        term = read(text, lenient=True, offset=0)
    except BadSearch as bad:
        raise ApiError(bad.code, bad.message) from None
    return Statement(term, group, returning, limit, bool(body.get("metadata")))


def _returning(one: Mapping[str, Any], fields: list[str], limit: Any) -> Returning:
    chosen = _list_of_names(one.get("fields")) or fields
    clauses = [
        f"{word} {one[key]}"
        for key, word in (("where", "WHERE"), ("orderBy", "ORDER BY"))
        if one.get(key) is not None
    ]
    most = one.get("limit") if one.get("limit") is not None else limit
    if most is not None:
        clauses.append(f"LIMIT {_whole(most, MAX_ROWS)}")
    return row(str(one["name"]), ", ".join(chosen), " ".join(clauses))


def _list_of_names(value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ApiError("INVALID_INPUT", "fields must be a list of names")
    return [str(name) for name in value]


def _whole(value: Any, otherwise: int) -> int:
    if value is None:
        return otherwise
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ApiError("INVALID_INPUT", f"A limit must be a number: {text}")
    return int(text)


def _answer(org: Org, user: str, statement: Statement, version: str) -> tuple[list[Found], list[ObjectType]]:
    seen_by = context(org, user, version)
    wanted = [(one, _entity(seen_by, one.name)) for one in statement.returning] or [
        (row(obj.name, ""), obj) for obj in _everything(seen_by)
    ]
    found: list[Found] = []
    for one, obj in wanted:
        ids = _matches(org, seen_by, obj, statement.term, statement.group) if statement.term else []
        try:
            found.extend(records_among(org.connection(), one.soql, seen_by, ids, MAX_ROWS))
        except SoqlError as bad:
            code = "MALFORMED_SEARCH" if bad.code == "MALFORMED_QUERY" else bad.code
            raise ApiError(code, bad.message) from None
    return found[: statement.limit], [obj for _, obj in wanted]


def _everything(seen_by: Context) -> list[ObjectType]:
    objects = [obj for obj in seen_by.schema.objects.values() if searchable(obj) and seen_by.shown(obj)]
    return sorted(objects, key=lambda obj: obj.name.lower())


def _entity(seen_by: Context, name: str) -> ObjectType:
    obj = seen_by.object(name)
    if obj is None:
        raise ApiError("INVALID_TYPE", f"sObject type '{name}' is not supported.")
    if not searchable(obj):
        raise ApiError("INVALID_TYPE", f"entity type {obj.name} does not support search")
    return obj


def _matches(org: Org, seen_by: Context, obj: ObjectType, term: Term, group: str) -> list[str]:
    """Ids of the living records whose fields of that group have the words."""
    fields = [field for field in obj.fields.values() if _in_group(field, group) and seen_by.visible(obj, field)]
    if not fields:
        return []
    columns = ", ".join(storage.column(field) for field in fields)
    alive = "f_isdeleted = 0 AND " if "isdeleted" in obj.fields else ""
    values: list[str] = []
    likely = _likely(term, fields, values)
    if len(values) > MOST_TESTS or likely.count("(") > MOST_TESTS:
        likely, values = "1", []
    cursor = org.connection().cursor()
    cursor.row_factory = None
    sql = f"SELECT f_id, {columns} FROM {storage.table(obj)} WHERE {alive}{likely} ORDER BY f_id"
    return [found[0] for found in cursor.execute(sql, values) if _has(term, fields, found[1:])]


def _likely(term: Term, fields: list[FieldType], values: list[str]) -> str:
    """SQL that holds for every record which has the words, and for few others: most rows need not be read."""
    if isinstance(term, Every):
        return f"({' AND '.join(_likely(one, fields, values) for one in term.terms)})"
    if isinstance(term, Either):
        return f"({' OR '.join(_likely(one, fields, values) for one in term.terms)})"
    chunk = max((part for word in term.words for part in word.replace("?", "*").split("*")), key=len, default="")
    if len(chunk) < 2 or not chunk.isascii():
        return "1"
    tests = []
    for field in fields:
        column = storage.column(field)
        if field.type == "phone" and chunk.isdigit():
            tests.append(f"{column} IS NOT NULL")  # numbers are found however they are written
            continue
        values.append(f"%{chunk}%")
        tests.append(f"{column} LIKE ? OR {column} GLOB '*[^ -~]*'")  # other letters fold in ways LIKE does not know
    return f"({' OR '.join(tests)})"


def _has(term: Term, fields: list[FieldType], values: tuple[object, ...]) -> bool:
    words = [words_of(str(value)) for value in values if value is not None]
    phones = [
        digits_of(str(value))
        for field, value in zip(fields, values, strict=True)
        if field.type == "phone" and value is not None
    ]
    return term.found([*words, *phones])


def _in_group(field: FieldType, group: str) -> bool:
    if field.calculated or field.type not in _TEXT or not storage.has_column(field):
        return False
    if group in ("NAME", "SIDEBAR"):
        return field.name_field or (not field.custom and field.name.lower() in _NAMED)
    return group == "ALL" or field.type == group.lower()


def _labels(records: list[Found], objects: list[ObjectType]) -> list[Found]:
    """WITH METADATA: the labels of the fields that were asked for."""
    found = []
    for obj in objects:
        first = next((one for one in records if one["attributes"]["type"] == obj.name), None)
        if first is None:
            continue
        fields = [obj.field(name) for name in first if name != "attributes"]
        named = [{"name": field.name, "label": field.label} for field in fields if field is not None]
        found.append({"entityName": obj.name, "fieldMetadata": named})
    return found
