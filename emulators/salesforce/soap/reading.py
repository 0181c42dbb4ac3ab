"""query, queryAll, queryMore, search, retrieve, getUpdated and getDeleted."""

from __future__ import annotations

import json
from typing import Any

from emulators.salesforce import query, replication
from emulators.salesforce.errors import ApiError
from emulators.salesforce.ids import to18
from emulators.salesforce.rest import select, visible_names
from emulators.salesforce.router import Response
from emulators.salesforce.search import resources as search
from emulators.salesforce.soap.calls import MOST_IDS, SoapCall
from emulators.salesforce.soap.dialect import nil, plain
from emulators.salesforce.soap.faults import SoapFault, unknown_field
from emulators.salesforce.soap.rows import Rows

_BATCH = "500"  # rows of a page unless QueryOptions asks for others ("Changing the Batch Size in Queries")


def run(call: SoapCall) -> str:
    """The first page of a query."""
    return _first(call, "query")


def run_all(call: SoapCall) -> str:
    """The same with deleted records."""
    return _first(call, "queryAll")


def more(call: SoapCall) -> str:
    """The page of a locator."""
    locator = call.text("queryLocator")
    return _page(call, query.next_page(call.as_rest("query", {"locator": locator}), call.org))


def _first(call: SoapCall, resource: str) -> str:
    size = call.option("QueryOptions", "batchSize") or _BATCH
    headers = {"sforce-query-options": f"batchSize={size}"}
    request = call.as_rest(resource, query={"q": call.text("queryString")}, headers=headers)
    return _page(call, query.first_page(request, call.org))


def _page(call: SoapCall, answer: Response) -> str:
    body = json.loads(answer.body)
    locator = body.get("nextRecordsUrl", "").rpartition("/")[2] or None
    return Rows(call.dialect, call.org.schema).result("result", body["records"], body["totalSize"], locator)


def find(call: SoapCall) -> str:
    """What a SOSL statement finds."""
    found = search.search(call.org, call.user, call.text("searchString"), call.version)
    rows = Rows(call.dialect, call.org.schema)
    records = "".join(f"<searchRecords>{rows.row('record', each)}</searchRecords>" for each in found)
    return f"<result>{records}</result>"


def retrieve(call: SoapCall) -> str:
    """Records by id in order; nil for those that are not there."""
    obj = call.object(call.text("sObjectType"))
    names = [name.strip() for name in call.text("fieldList").split(",") if name.strip()]
    texts = [node.text.strip() for node in call.nodes("ids", MOST_IDS)]
    request = call.as_rest("retrieve")
    known = {name.lower() for name in visible_names(call.org, request, obj)}
    for name in names:
        if name.lower() not in known:
            raise unknown_field(obj.name, name)
    ids = [to18(text) for text in texts]
    if None in ids:
        raise SoapFault("MALFORMED_ID", f"malformed id {texts[ids.index(None)]}")
    rows = select(request, call.org, obj, ["Id", *names], [str(each) for each in ids]) if ids else []
    return _in_order(call, rows, [str(each) for each in ids], asked="id" in {name.lower() for name in names})


def _in_order(call: SoapCall, rows: list[dict[str, Any]], ids: list[str], *, asked: bool) -> str:
    """The rows by id. The id is always told at the head, among the fields only when it was asked for."""
    print_row = Rows(call.dialect, call.org.schema).row
    found = {row["Id"]: print_row("result", row) for row in rows}
    if not asked and not call.dialect.typed:
        found = {key: text.replace(plain("sf:Id", key), "", 1) for key, text in found.items()}
    return "".join(found.get(each) or nil("result") for each in ids)


def updated(call: SoapCall) -> str:
    """Ids of records made or changed in a span."""
    body = _replicated(call, replication.updated)
    ids = "".join(plain("ids", each) for each in body["ids"])
    return f"<result>{ids}{_instant('latestDateCovered', body['latestDateCovered'])}</result>"


def deleted(call: SoapCall) -> str:
    """Ids of records deleted in a span, with the moment."""
    body = _replicated(call, replication.deleted)
    records = "".join(
        f"<deletedRecords>{_instant('deletedDate', each['deletedDate'])}{plain('id', each['id'])}</deletedRecords>"
        for each in body["deletedRecords"]
    )
    bounds = "".join(_instant(name, body[name]) for name in ("earliestDateAvailable", "latestDateCovered"))
    return f"<result>{records}{bounds}</result>"


def _replicated(call: SoapCall, resource: Any) -> dict[str, Any]:
    obj = call.object(call.text("sObjectType"))
    span = {"start": call.text("startDate"), "end": call.text("endDate")}
    try:
        answer = resource(call.as_rest("sobjects", {"object": obj.name}, span), call.org)
    except ApiError as bad:
        raise SoapFault(bad.code, bad.message) from None
    found: dict[str, Any] = json.loads(answer.body)
    return found


def _instant(name: str, text: str) -> str:
    return plain(name, text.replace("+0000", "Z"))
