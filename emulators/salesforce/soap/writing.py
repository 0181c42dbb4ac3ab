"""create, update, upsert, delete, undelete, emptyRecycleBin and merge: up to 200 records, one result each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from emulators.salesforce import dml
from emulators.salesforce.composite.collections_ import Result, Write, carried_out, owner_of
from emulators.salesforce.errors import DmlError
from emulators.salesforce.ids import to18
from emulators.salesforce.soap.calls import SoapCall
from emulators.salesforce.soap.dialect import nil, plain
from emulators.salesforce.soap.faults import SoapFault
from emulators.salesforce.soap.rows import Rows
from emulators.salesforce.soap.sobjects import Given, given
from emulators.salesforce.xml_text import Node


def create(call: SoapCall) -> str:
    """New records."""

    def write(record: Given) -> str:
        if record.id:
            raise DmlError("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ["Id"])
        return call.org.insert(record.obj.name, record.values, call.actor())

    records = [given(call, node) for node in call.nodes("sObjects")]
    return _saved(call, [""] * len(records), [_one(write, record) for record in records])


def update(call: SoapCall) -> str:
    """Changed records, by Id."""
    records = [given(call, node) for node in call.nodes("sObjects")]
    counts = Counter(to18(record.id) or record.id for record in records)

    def write(record: Given) -> str:
        if not record.id:
            raise DmlError("MISSING_ARGUMENT", "Id not specified in an update call")
        found = to18(record.id) or record.id
        if counts[found] > 1:
            raise DmlError("DUPLICATE_VALUE", f"duplicate id in list: {found}")
        call.org.update(record.obj.name, found, record.values, call.actor())
        return found

    return _saved(call, [record.id for record in records], [_one(write, record) for record in records])


def upsert(call: SoapCall) -> str:
    """Records by an external id or by Id; each result says whether it was made."""
    name = call.node.get("externalIDFieldName") or call.text("externalIdFieldName")
    records = [given(call, node) for node in call.nodes("sObjects")]
    keys = [_key(call, name, record) for record in records]
    counts = Counter(key.lower() for key in keys if key)

    def one(record: Given, key: str) -> Write:
        def write() -> Result:
            if key and counts[key.lower()] > 1:
                raise DmlError("DUPLICATE_VALUE", f"Duplicate external id specified: {key}", [name])
            rest = {field: value for field, value in record.values.items() if field.lower() != name.lower()}
            try:
                found, created = call.org.upsert(record.obj.name, name, key or None, rest, call.actor())
            except dml.SeveralRecords as several:
                text = f"{name}: more than one record found for external id field: {several.ids}"
                raise DmlError("DUPLICATE_EXTERNAL_ID", text) from None
            return {"id": found, "success": True, "errors": [], "created": created}

        return write

    writes = [one(record, key) for record, key in zip(records, keys, strict=True)]
    results = carried_out(call.org, writes, call.all_or_none())
    return "".join(printed(call, result, head=plain("created", bool(result.get("created")))) for result in results)


def _key(call: SoapCall, name: str, record: Given) -> str:
    field = record.obj.field(name)
    visible = field is not None and call.org.visible(call.user)(record.obj, field)
    if field is None or not visible or not (field.external_id or field.id_lookup or field.type == "id"):
        raise SoapFault("INVALID_FIELD", f"Field name provided, {name} is not an External ID or indexed field for "
                        f"{record.obj.name}")  # fmt: skip
    if field.type == "id":
        return record.id
    return str(next((value for key, value in record.values.items() if key.lower() == name.lower()), None) or "")


def delete(call: SoapCall) -> str:
    """Into the recycle bin."""

    def write(record_id: str) -> str:
        call.org.delete(owner_of(call.org, record_id), record_id, call.actor())
        return record_id

    return _by_id(call, write)


def undelete(call: SoapCall) -> str:
    """Back from the recycle bin."""

    def write(record_id: str) -> str:
        call.org.undelete(owner_of(call.org, record_id), record_id, call.actor())
        return record_id

    return _by_id(call, write)


def empty_recycle_bin(call: SoapCall) -> str:
    """Out of the recycle bin, for good."""

    def write(record_id: str) -> str:
        refused = call.org.empty_recycle_bin([record_id], call.actor())[0]
        if refused is not None:
            raise refused
        return record_id

    return _by_id(call, write)


def merge(call: SoapCall) -> str:
    """One or two records into a master, whose own values may change with it."""

    def one(node: Node) -> Write:
        record = given(call, node.first("masterRecord") or node)
        losers = [each.text.strip() for each in node.all("recordToMergeIds")]

        def write() -> Result:
            actor, name = call.actor(), record.obj.name
            ids = [to18(each) or each for each in (record.id, *losers)]
            done = call.org.merge(name, ids[0], ids[1:], actor, record.values)
            return {"id": done.id, "success": True, "errors": [], "merged": done.merged, "related": done.related}

        return write

    requests = call.nodes("request") or call.nodes("mergeRequests")
    results = carried_out(call.org, [one(node) for node in requests], call.all_or_none())
    return "".join(_merged(call, result) for result in results)


def _merged(call: SoapCall, result: Result) -> str:
    middle = "".join(plain("mergedRecordIds", each) for each in result.get("merged", ()))
    related = "".join(plain("updatedRelatedIds", each) for each in result.get("related", ()))
    return printed(call, result, middle=middle, tail=related)


def _by_id(call: SoapCall, act: Callable[[str], str]) -> str:
    texts = [node.text.strip() for node in call.nodes("ids")]

    def write(text: str) -> str:
        record_id = to18(text)
        if record_id is None:
            raise DmlError("MALFORMED_ID", f"malformed id {text}")
        return act(record_id)

    return _saved(call, texts, [_one(write, text) for text in texts])


def _one(act: Callable[[Any], str], thing: Any) -> Write:
    return lambda: {"id": act(thing), "success": True, "errors": []}


def _saved(call: SoapCall, ids: list[str], writes: list[Write]) -> str:
    """Results; those that failed name the id that was sent, if it is one."""
    results = carried_out(call.org, writes, call.all_or_none())
    return "".join(printed(call, {"id": to18(sent), **result}) for sent, result in zip(ids, results, strict=True))


def printed(call: SoapCall, result: Result, head: str = "", middle: str = "", tail: str = "") -> str:
    """One result: `head`, errors, id, `middle`, success, `tail`."""
    found = result.get("id")
    told = plain("id", found) if found else nil("id")
    return (
        f"<result>{head}{errors_of(call, result)}{told}{middle}{plain('success', result['success'])}{tail}</result>"
    )


def errors_of(call: SoapCall, result: Result) -> str:
    """What is wrong with a record; nothing for one that succeeded."""
    return "".join(_error(call, each) for each in result["errors"])


def _error(call: SoapCall, error: dict[str, Any]) -> str:
    fields = "".join(plain("fields", each) for each in error.get("fields", ()))
    rest = plain("message", error["message"]) + plain("statusCode", error["statusCode"])
    found = error.get("duplicateResult")
    if found is None:
        return f"<errors>{fields}{rest}</errors>"
    return f'<errors xsi:type="DuplicateError">{fields}{rest}{_duplicates(call, found)}</errors>'


def _duplicates(call: SoapCall, found: dict[str, Any]) -> str:
    """A DuplicateResult, as recorded in a refused lead conversion."""
    rows = Rows(call.dialect, call.org.schema)

    def match(result: dict[str, Any]) -> str:
        records = "".join(
            f"<matchRecords>{plain('matchConfidence', each['matchConfidence'])}{rows.row('record', each['record'])}"
            "</matchRecords>"
            for each in result["matchRecords"]
        )
        head = "".join(plain(name, result[name]) for name in ("entityType", "matchEngine"))
        tail = "".join(plain(name, result[name]) for name in ("rule", "size", "success"))
        return f"<matchResults>{head}{records}{tail}</matchResults>"

    names = ("allowSave", "duplicateRule", "duplicateRuleEntityType", "errorMessage")
    inner = "".join(plain(name, found[name]) for name in names) + "".join(map(match, found["matchResults"]))
    return f"<duplicateResult>{inner}</duplicateResult>"
