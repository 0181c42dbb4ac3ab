"""How records travel in batches of Bulk API 1.0: CSV, XML and JSON in, and what queries found as XML and JSON out."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from emulators.loopback.json_text import parse as parse_json
from emulators.salesforce.bulk import csv_text as bulk_csv
from emulators.salesforce.bulk import jobs
from emulators.salesforce.bulk import query as bulk_query
from emulators.salesforce.bulk.csv_text import BadUpload, Upload
from emulators.salesforce.bulk.ingest import NULL
from emulators.salesforce.bulk.jobs import Job
from emulators.salesforce.errors import ApiError
from emulators.salesforce.org import Org
from emulators.salesforce.soql import SoqlError, rows_for_bulk, run
from emulators.salesforce.xml_text import DECLARATION, INSTANCE, BadXml, Node, parse, text_of

NAMESPACE = "http://www.force.com/2009/06/asyncapi/dataload"
MOST_FIELDS = 5_000  # of a record; page "Bulk API Limits"


def read(content: str, body: bytes) -> Upload:
    """The records of a batch as a table, whatever their form. BadUpload when they cannot be read.

    What a record does not name, or names empty in XML, is an empty cell and stays as it is; null is #N/A.
    """
    if content == "CSV":
        ending = "\r\n" if b"\r\n" in body.partition(b"\n")[0] + b"\n" else "\n"
        return bulk_csv.read(body, ",", ending)
    found = list(_from_json(body) if content == "JSON" else _from_xml(body))
    names: dict[str, str] = {}
    for record in found:
        for name in record:
            names.setdefault(name.lower(), name)
    if len(names) > MOST_FIELDS:
        raise BadUpload(f"InvalidBatch : The records name more than {MOST_FIELDS} fields")
    return Upload(tuple(names.values()), [_row(record, names) for record in found])


def _row(record: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """The cells under those names in lower case; of names that differ in case only the first counts."""
    cells = {name.lower(): value for name, value in reversed(list(record.items()))}
    return [cells.get(name, "") for name in names]


def _from_json(body: bytes) -> Iterator[dict[str, str]]:
    try:
        found = parse_json(body)
    except ValueError as bad:
        raise BadUpload(f"InvalidBatch : Unable to parse the JSON of the batch: {bad}") from None
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise BadUpload("InvalidBatch : The batch must be a JSON array of objects")
    for record in found:
        cells: dict[str, str] = {}
        for name, value in record.items():
            if isinstance(value, dict) and name != "attributes":
                kind = (
                    value.get("attributes", {}).get("type", "") if isinstance(value.get("attributes"), dict) else ""
                )
                cells |= _parent(
                    name, kind, {key: _text(inner) for key, inner in value.items() if key != "attributes"}
                )
            elif name != "attributes":
                cells[name] = _text(value)
        yield cells


def _text(value: object) -> str:
    if value is None or value == "":
        return NULL
    if isinstance(value, list | dict):
        raise BadUpload("InvalidBatch : A field's value must not be an array or a nested object")
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _parent(way: str, kind: str, keys: Mapping[str, str]) -> dict[str, str]:
    """A parent found by a field of its own, as the column `Parent.Ext__c` or `Type:Parent.Ext__c`."""
    prefix = f"{kind}:{way}" if kind else way
    return {f"{prefix}.{name}": value for name, value in keys.items()}


def _from_xml(body: bytes) -> Iterator[dict[str, str]]:
    try:
        root = parse(body)
    except BadXml as bad:
        raise BadUpload(f"InvalidBatch : Unable to parse the XML of the batch: {bad.problem}") from None
    if root.tag != "sObjects":
        raise BadUpload("InvalidBatch : The root element of the batch must be sObjects")
    for record in root.all("sObject"):
        cells: dict[str, str] = {}
        for node in record.children:
            inner = node.first("sObject")
            if inner is not None:
                keys = {child.tag: _xml_text(child) for child in inner.children if child.tag != "type"}
                cells |= _parent(node.tag, inner.get("type"), keys)
            elif node.tag != "type":
                cells[node.tag] = _xml_text(node)
        yield cells


def _xml_text(node: Node) -> str:
    return NULL if node.nil else node.text


# -- what queries found -------------------------------------------------------------------------------------------


def query_work(org: Org, job: Job) -> None:
    """Run the query of an XML or JSON batch and write its records, one a line; callable again after a crash."""
    begun = time.monotonic()
    path = jobs.folder(org) / f"{job.id}.jsonl"
    count = 0
    try:
        seen_by = bulk_query.context(org, job.user, job.version, all_rows=job.operation == "queryAll")
        rows_for_bulk(org.connection(), job.query, seen_by)  # refuses what bulk queries cannot have
        with path.open("w", encoding="utf-8") as out:
            for record in run(org.connection(), job.query, seen_by).records:
                out.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
                count += 1
    except (SoqlError, ApiError) as bad:
        jobs.finish(org, job.id, job.kind, error=f"{bad.code}: {bad.message}")
        return
    took = int((time.monotonic() - begun) * 1000)
    jobs.finish(org, job.id, job.kind, processed=count, milliseconds=took)


def shown(org: Org, content: str, job: Job) -> bytes:
    """The records that `query_work` wrote, as a JSON array or a `queryResult`."""
    path = jobs.folder(org) / f"{job.id}.jsonl"
    with path.open(encoding="utf-8") as lines:
        found = (json.loads(line) for line in lines)
        if content == "JSON":
            records = (json.dumps(_dated(org, record), ensure_ascii=False) for record in found)
            return f"[{','.join(records)}]".encode()
        records = (f'<records xsi:type="sObject">{_xml_record(record)}</records>' for record in found)
        return (
            f'{DECLARATION}<queryResult xmlns="{NAMESPACE}" xmlns:xsi="{INSTANCE}">{"".join(records)}</queryResult>'
        ).encode()


def _dated(org: Org, record: dict[str, Any]) -> dict[str, Any]:
    """The record with dates and instants as milliseconds since 1970, as bulk JSON has them."""
    obj = org.schema.object(str(record.get("attributes", {}).get("type", "")))
    shown: dict[str, Any] = {}
    for name, value in record.items():
        field = obj.field(name) if obj else None
        if isinstance(value, dict) and name != "attributes":
            shown[name] = _dated(org, value)
        elif field is not None and field.type in ("date", "datetime") and isinstance(value, str):
            shown[name] = _milliseconds(value)
        else:
            shown[name] = value
    return shown


def _milliseconds(text: str) -> int:
    at = datetime.fromisoformat(text if "T" in text else f"{text}T00:00:00+00:00")
    return round(at.timestamp() * 1000)


def _xml_record(record: Mapping[str, Any]) -> str:
    """A record's elements: its type, its id and the fields; null is told by xsi:nil."""
    kind = f"<type>{text_of(record.get('attributes', {}).get('type', ''))}</type>"
    return kind + "".join(_xml_fields(record.items()))


def _xml_fields(items: Iterable[tuple[str, Any]]) -> Iterator[str]:
    for name, value in items:
        if name == "attributes":
            continue
        if value is None:
            yield f'<{name} xsi:nil="true"/>'
        elif isinstance(value, dict):
            yield f'<{name} xsi:type="sObject">{_xml_record(value)}</{name}>'
        else:
            text = str(value).replace("+0000", "Z") if isinstance(value, str) and value.endswith("+0000") else value
            yield f"<{name}>{text_of(text)}</{name}>"
