"""What composite/sobjects answers: up to 200 records a call, one result a record, in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from emulators.salesforce import dml
from emulators.salesforce.errors import ApiError, DmlError
from emulators.salesforce.ids import to18
from emulators.salesforce.org import Org
from emulators.salesforce.rest import as_dml_error, body_values, select, visible_names
from emulators.salesforce.router import Request, Response, Router, json_response

MAX_RECORDS, MAX_CHUNKS = 200, 10
Result = dict[str, Any]
Write = Callable[[], Result]


class _RolledBackError(Exception):
    """Undo the transaction; the results are already known."""


def routes(router: Router) -> None:
    """sObject Collections."""
    base = "/services/data/{version}/composite/sobjects"
    router.add("POST", base, create)
    router.add("PATCH", base, update)
    router.add("DELETE", base, delete)
    router.add("GET", f"{base}/{{object}}", retrieve)
    router.add("POST", f"{base}/{{object}}", retrieve)
    router.add("PATCH", f"{base}/{{object}}/{{field}}", upsert)


def create(request: Request, org: Org) -> Response:
    """Records of one or several types."""
    records, all_or_none = _records(request)
    _check_chunks(records)

    def write(record: dict[str, Any]) -> Write:
        def one() -> Result:
            obj = _type(org, record)
            if any(name.lower() == "id" for name in record):
                raise DmlError("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ["Id"])
            return _done(org.insert(obj, record, request.actor()))

        return one

    return _run(org, [write(_typed(org, record)) for record in records], all_or_none)


def update(request: Request, org: Org) -> Response:
    """Records by `id`."""
    records, all_or_none = _records(request)
    _check_chunks(records)
    seen: set[str] = set()

    def write(record: dict[str, Any]) -> Write:
        def one() -> Result:
            obj = _type(org, record)
            values = {name: value for name, value in record.items() if name.lower() != "id"}
            given = next((value for name, value in record.items() if name.lower() == "id"), None)
            if not given:
                raise DmlError("MISSING_ARGUMENT", "Id not specified in an update call")
            record_id = to18(str(given)) or str(given)
            if record_id in seen:
                raise DmlError("DUPLICATE_VALUE", f"duplicate id in list: {record_id}")
            seen.add(record_id)
            org.update(obj, record_id, values, request.actor())
            return _done(record_id)

        return one

    return _run(org, [write(_typed(org, record)) for record in records], all_or_none)


def delete(request: Request, org: Org) -> Response:
    """`?ids=a,b&allOrNone=`."""
    ids = [part.strip() for part in request.query.get("ids", "").split(",") if part.strip()]
    _check_count(len(ids))

    def write(text: str) -> Write:
        def one() -> Result:
            record_id = to18(text)
            if record_id is None:
                raise DmlError("MALFORMED_ID", f"malformed id {text}")
            org.delete(owner_of(org, record_id), record_id, request.actor())
            return _done(record_id)

        return one

    all_or_none = request.query.get("allOrNone", "false").lower() == "true"
    return _run(org, [write(text) for text in ids], all_or_none)


def upsert(request: Request, org: Org) -> Response:
    """Records of one type by external id; `created` joins each result."""
    records, all_or_none = _records(request)
    obj = org.object(request.params["object"])
    field = obj.field(request.params["field"])
    if field is None or not org.visible(request.user)(obj, field) or not (field.external_id or field.id_lookup):
        text = f"Provided external ID field does not exist or is not accessible: {request.params['field']}"
        raise ApiError("NOT_FOUND", text, http=404)
    keys = [next((v for n, v in record.items() if n.lower() == field.name.lower()), None) for record in records]
    counts = Counter(str(key).lower() for key in keys if key is not None)

    def write(record: dict[str, Any], key: Any) -> Write:
        def one() -> Result:
            if key is not None and counts[str(key).lower()] > 1:
                raise DmlError("DUPLICATE_VALUE", f"Duplicate external id specified: {key}", [field.name])
            values = {name: value for name, value in record.items() if name.lower() != field.name.lower()}
            if any(name.lower() == "id" for name in values):
                raise DmlError("INVALID_FIELD", "The Id field should not be specified in the sobject data.")
            try:
                record_id, created = org.upsert(obj.name, field.name, key, values, request.actor())
            except dml.SeveralRecords as several:
                text = f"{field.name}: more than one record found for external id field: {several.ids}"
                raise DmlError("DUPLICATE_EXTERNAL_ID", text) from None
            return {**_done(record_id), "created": created}

        return one

    for record in records:
        body_values(obj, record)
    return _run(org, [write(record, key) for record, key in zip(records, keys, strict=True)], all_or_none)


def retrieve(request: Request, org: Org) -> Response:
    """Records of one type by id, in order; null where there is none."""
    obj = org.object(request.params["object"])
    if request.method == "POST":
        body = request.document()
        texts, names = _texts(body, "ids"), _texts(body, "fields")
    else:
        texts = [part.strip() for part in request.query.get("ids", "").split(",") if part.strip()]
        names = [part.strip() for part in request.query.get("fields", "").split(",") if part.strip()]
    if not texts or not names:
        raise ApiError("MISSING_ARGUMENT", "ids and fields must be specified")
    ids = [to18(text) for text in texts]
    if any(found is None for found in ids):
        raise ApiError("MALFORMED_ID", f"malformed id {texts[ids.index(None)]}")
    known = {name.lower() for name in visible_names(org, request, obj)}
    for name in names:
        if "." not in name and name.lower() not in known:
            raise ApiError("INVALID_FIELD", f"No such column '{name}' on sobject of type {obj.name}")
    rows = select(request, org, obj, ["Id", *(name for name in names if name.lower() != "id")], [str(i) for i in ids])
    by_id = {row["Id"]: row for row in rows}
    return json_response([by_id.get(str(found)) for found in ids])


def _texts(body: dict[str, Any], name: str) -> list[str]:
    found = body.get(name) or []
    if not isinstance(found, list):
        raise ApiError("JSON_PARSER_ERROR", f"{name} must be a list at [line:1, column:1]")
    return [str(text) for text in found]


def _records(request: Request) -> tuple[list[dict[str, Any]], bool]:
    body = request.json()
    if not isinstance(body, dict) or not isinstance(body.get("records"), list):
        raise ApiError("INVALID_INPUT", "Your request must contain a records list")
    records = body["records"]
    _check_count(len(records))
    if not all(isinstance(record, dict) and isinstance(record.get("attributes", {}), dict) for record in records):
        raise ApiError("JSON_PARSER_ERROR", "Cannot deserialize instance of sobject from VALUE_STRING")
    return records, body.get("allOrNone") in (True, "true")


def _check_count(count: int) -> None:
    if count == 0:
        raise ApiError("MISSING_ARGUMENT", "No records were specified")
    if count > MAX_RECORDS:
        raise ApiError("LIMIT_EXCEEDED", f"record limit reached. cannot submit more than {MAX_RECORDS} records")


def _check_chunks(records: list[dict[str, Any]]) -> None:
    types = [str((record.get("attributes") or {}).get("type")) for record in records]
    chunks = 1 + sum(one != other for one, other in pairwise(types))
    if chunks > MAX_CHUNKS:
        text = f"Cannot have more than {MAX_CHUNKS} chunks in a single operation."
        raise ApiError("LIMIT_EXCEEDED", f"{text} Please rearrange the data to reduce chunking.")


def _typed(org: Org, record: dict[str, Any]) -> dict[str, Any]:
    """The record, after its values were read as its type's; 400 for the whole call when that cannot be."""
    name = (record.get("attributes") or {}).get("type")
    if not name:
        raise ApiError("INVALID_INPUT", "Each record must have attributes with a type")
    obj = org.schema.object(str(name))
    return record if obj is None else body_values(obj, record)


def _type(org: Org, record: dict[str, Any]) -> str:
    name = str(record["attributes"]["type"])
    obj = org.schema.object(name)
    if obj is None or org.access.hidden_object(name):
        raise DmlError("INVALID_TYPE", f"sObject type '{name}' is not supported.")
    return obj.name


def owner_of(org: Org, record_id: str) -> str:
    """The object that holds the record; some prefixes are shared by several objects."""
    named = [obj.name for obj in org.schema.objects.values() if obj.key_prefix == record_id[:3] and obj.deletable]
    if not named:
        raise DmlError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
    return next((name for name in named if org.get(name, record_id)), named[0])


def _done(record_id: str) -> Result:
    return {"id": record_id, "success": True, "errors": []}


def _run(org: Org, writes: list[Write], all_or_none: bool) -> Response:
    return json_response(carried_out(org, writes, all_or_none))


def carried_out(org: Org, writes: list[Write], all_or_none: bool) -> list[Result]:
    """What came of each write, in order; with `all_or_none` one that fails takes all others back."""
    results: list[Result] = []
    try:
        with org.transaction():
            for write in writes:
                results.append(_attempt(org, write))
            if all_or_none and not all(result["success"] for result in results):
                raise _RolledBackError
    except _RolledBackError:
        results = [_rolled_back() if result["success"] else result for result in results]
    return results


def _attempt(org: Org, write: Write) -> Result:
    try:
        with org.save_point():
            return write()
    except (DmlError, ApiError) as bad:
        return {"success": False, "errors": as_dml_error(bad).as_results()}


def _rolled_back() -> Result:
    text = "Record rolled back because not all records were valid and the request was using AllOrNone header"
    return {"success": False, "errors": [DmlError("ALL_OR_NONE_OPERATION_ROLLED_BACK", text).as_result()]}
