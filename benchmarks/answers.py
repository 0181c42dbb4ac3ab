"""What does the benchmark server answer: the calls of a pull and of a write-back, nothing else of an org.

Rows come from bytes that were rendered beforehand; an answer is looked up, sliced and sent. The org holds
`rows` Opportunities and no record of any other object, and every object has the fields of `rows.FIELDS`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

from benchmarks import render, rows
from benchmarks.calls import Act, Answer, Answering, Asked, routes, told

VERSION = "67.0"
ROOT = f"/services/data/v{VERSION}"
REST_PAGE = 2_000
ORG_ID, USER_ID = "00D5g000000BenchEA2", "0055g000000BenchAA2"
_SOQL = re.compile(r"\s*select\s+(?P<fields>.+?)\s+from\s+(?P<object>\w+)(?P<rest>.*)", re.I | re.S)
_WRITTEN_ID = re.compile(rb'"id"\s*:\s*"(\w{15,18})"', re.I)


def _error(status: int, code: str, message: str) -> Answer:
    return told([{"message": message, "errorCode": code}], status)


@dataclass(slots=True)
class Org(Answering):
    """The state: jobs made so far."""

    headers: ClassVar[tuple[tuple[str, str], ...]] = (("Sforce-Limit-Info", "api-usage=1000/5000000"),)

    queries: dict[str, tuple[tuple[str, ...], str, str]] = field(default_factory=dict)  # fields, object, the rest
    loads: dict[str, list[bytes]] = field(default_factory=dict)

    def matching(self, object_name: str, rest: str) -> int:
        """How many rows a query finds: all Opportunities, but no deleted ones."""
        if object_name.lower() != "opportunity" or re.search(r"isdeleted\s*=\s*true", rest, re.I):
            return 0
        limit = re.search(r"\blimit\s+(\d+)", rest, re.I)
        return min(self.rows, int(limit[1])) if limit else self.rows

    def keep(self, prefix: str, into: dict[str, list[bytes]] | dict[str, tuple[tuple[str, ...], str, str]]) -> str:
        """A new job's id."""
        return f"{prefix}5g{len(into):010d}AAA"


def _token(org: Org, request: Asked, _: re.Match[str]) -> Answer:
    return told(
        {
            "access_token": f"{ORG_ID[:15]}!benchmark",
            "instance_url": request.query.get("instance_url", ""),
            "id": f"/id/{ORG_ID}/{USER_ID}",
            "token_type": "Bearer",
            "issued_at": "1700000000000",
            "signature": "none",
            "scope": "api",
        }
    )


def _versions(org: Org, request: Asked, _: re.Match[str]) -> Answer:
    return told([{"label": "Summer '26", "url": ROOT, "version": VERSION}])


def _root(org: Org, request: Asked, _: re.Match[str]) -> Answer:
    names = ("query", "queryAll", "sobjects", "limits", "composite", "jobs")
    return told({name: f"{ROOT}/{name}" for name in names} | {"identity": f"/id/{ORG_ID}/{USER_ID}"})


def _user(org: Org, request: Asked, _: re.Match[str]) -> Answer:
    name = "bench@example.com"
    return told({"user_id": USER_ID, "organization_id": ORG_ID, "username": name, "preferred_username": name})


def _limits(org: Org, request: Asked, _: re.Match[str]) -> Answer:
    roomy = {"Max": 5_000_000, "Remaining": 4_999_000}
    names = ("DailyApiRequests", "DailyBulkV2QueryJobs", "DailyBulkV2QueryFileStorageMB", "DailyBulkApiBatches")
    return told(dict.fromkeys(names, roomy))


def _record_count(org: Org, request: Asked, _: re.Match[str]) -> Answer:
    names = request.query.get("sObjects", "Opportunity").split(",")
    return told({"sObjects": [{"name": name, "count": org.matching(name, "")} for name in names]})


def _objects(org: Org, request: Asked, _: re.Match[str]) -> Answer:
    names = ("Account", "Campaign", "Opportunity", "Partner", "User")
    return told({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [_described(name) for name in names]})


def _described(name: str) -> dict[str, object]:
    flags = ("createable", "updateable", "deletable", "queryable", "replicateable", "retrieveable", "searchable")
    return {
        "name": name,
        "label": name,
        "labelPlural": f"{name}s",
        "keyPrefix": "006",
        "custom": False,
    } | dict.fromkeys(flags, True)


def _describe(org: Org, request: Asked, found: re.Match[str]) -> Answer:
    return told(
        _described(found["object"]) | {"fields": [_described_field(f) for f in rows.FIELDS], "childRelationships": []}
    )


def _described_field(known: rows.WireField) -> dict[str, object]:
    ours = known.name not in ("Id", "CreatedDate", "LastModifiedDate", "SystemModstamp", "IsDeleted")
    picklist = known.type == "picklist"
    flags = {
        "createable": ours,
        "updateable": ours,
        "nillable": ours,
        "custom": known.name.endswith("__c"),
        "filterable": True,
        "sortable": True,
        "groupable": True,
    }
    off = ("calculated", "externalId", "unique", "idLookup", "restrictedPicklist", "defaultedOnCreate", "autoNumber")
    texts = {"name": known.name, "label": known.name, "type": known.type, "soapType": "xsd:string"}
    sizes = {
        "length": known.length,
        "precision": 18 if known.type in ("currency", "percent") else 0,
        "scale": known.scale,
    }
    links = {"referenceTo": list(known.refers_to), "relationshipName": None, "picklistValues": []}
    return (
        texts
        | sizes
        | flags
        | dict.fromkeys(off, False)
        | links
        | {"nameField": known.name == "Name", "picklist": picklist}
    )


def _deleted(org: Org, request: Asked, _: re.Match[str]) -> Answer:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:00.000+0000")
    return told(
        {"deletedRecords": [], "earliestDateAvailable": "2020-01-01T00:00:00.000+0000", "latestDateCovered": now}
    )


def _updated(org: Org, request: Asked, _: re.Match[str]) -> Answer:
    return told({"ids": [], "latestDateCovered": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:00.000+0000")})


def _parsed(soql: str) -> tuple[tuple[str, ...], str, str] | None:
    found = _SOQL.fullmatch(soql)
    if not found:
        return None
    return tuple(part.strip() for part in found["fields"].split(",")), found["object"], found["rest"]


def _unknown_field(fields: tuple[str, ...]) -> Answer | None:
    for name in fields:
        if name.lower() not in rows.BY_NAME:
            return _error(400, "INVALID_FIELD", f"No such column '{name}' on entity 'Opportunity'")
    return None


def _rest_query(org: Org, request: Asked, _: re.Match[str]) -> Answer:
    parsed = _parsed(request.query.get("q", ""))
    if parsed is None:
        return _error(400, "MALFORMED_QUERY", "unexpected token")
    fields, object_name, rest = parsed
    found = org.matching(object_name, rest)
    if len(fields) == 1 and fields[0].lower().startswith("count("):
        counted = (
            [] if fields[0].lower() == "count()" else [{"attributes": {"type": "AggregateResult"}, "expr0": found}]
        )
        return told({"totalSize": len(counted) or found, "done": True, "records": counted})
    if not found:
        return told({"totalSize": 0, "done": True, "records": []})
    if refused := _unknown_field(fields):
        return refused
    with org.lock:
        cursor = org.keep("01g", org.queries)
        org.queries[cursor] = parsed
    return _rest_page(org, cursor, 0)


def _rest_next(org: Org, request: Asked, found: re.Match[str]) -> Answer:
    if found["cursor"] not in org.queries:
        return _error(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    return _rest_page(org, found["cursor"], int(found["offset"]))


def _rest_page(org: Org, cursor: str, start: int) -> Answer:
    fields, object_name, rest = org.queries[cursor]
    total = org.matching(object_name, rest)
    pages = render.json_pages(fields, total, REST_PAGE)
    end = start + REST_PAGE
    more = f'"done":false,"nextRecordsUrl":"{ROOT}/query/{cursor}-{end}"' if end < total else '"done":true'
    return Answer(200, (f'{{"totalSize":{total},{more},"records":['.encode(), pages[start // REST_PAGE], b"]}"))


def _query_job(org: Org, request: Asked, _: re.Match[str]) -> Answer:
    wanted = json.loads(request.body)
    parsed = _parsed(wanted["query"])
    if parsed is None:
        return _error(400, "MALFORMED_QUERY", "unexpected token")
    if refused := _unknown_field(parsed[0]):
        return refused
    with org.lock:
        job = org.keep("750", org.queries)
        org.queries[job] = parsed
    return told(_job(org, job, wanted["operation"], "UploadComplete"))


def _job(org: Org, job: str, operation: str, state: str) -> dict[str, object]:
    _, object_name, rest = org.queries[job]
    return {
        "id": job,
        "operation": operation,
        "object": object_name,
        "createdById": USER_ID,
        "createdDate": "2026-01-01T00:00:00.000+0000",
        "systemModstamp": "2026-01-01T00:00:00.000+0000",
        "state": state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(VERSION),
        "jobType": "V2Query",
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
        "numberRecordsProcessed": org.matching(object_name, rest) if state == "JobComplete" else 0,
        "retries": 0,
        "totalProcessingTime": 1,
        "isPkChunkingSupported": True,
    }


def _query_job_state(org: Org, request: Asked, found: re.Match[str]) -> Answer:
    if found["job"] not in org.queries:
        return _error(404, "NOT_FOUND", "The requested resource does not exist")
    return told(_job(org, found["job"], "query", "JobComplete"))


def _results(org: Org, request: Asked, found: re.Match[str]) -> Answer:
    fields, object_name, rest = org.queries[found["job"]]
    total = org.matching(object_name, rest)
    start = int(request.query.get("locator", "0"))
    whole = render.csv_body(fields, total)
    sent, count = whole.page(start, int(request.query.get("maxRecords", "250000"))) if total else (b"", 0)
    after = str(start + count) if start + count < total else "null"
    headers = (("Sforce-Locator", after), ("Sforce-NumberOfRecords", str(count)))
    return Answer(200, (whole.header, sent), headers, "text/csv")


def _result_pages(org: Org, request: Asked, found: re.Match[str]) -> Answer:
    _, object_name, rest = org.queries[found["job"]]
    total, size = org.matching(object_name, rest), 50_000
    first = int(request.query.get("locator", "0"))
    starts = range(first, total, size)
    base = f"{ROOT}/jobs/query/{found['job']}/results?maxRecords={size}&locator="
    more = len(starts) > 5
    following = f"{ROOT}/jobs/query/{found['job']}/resultPages?locator={starts[5]}" if more else None
    return told(
        {
            "resultPages": [{"resultUrl": f"{base}{s}"} for s in starts[:5]],
            "nextRecordUrl": following,
            "done": not more,
        }
    )


def _gone(org: Org, request: Asked, _: re.Match[str]) -> Answer:
    return Answer(204)


def _collection(org: Org, request: Asked, _: re.Match[str]) -> Answer:
    written = _WRITTEN_ID.findall(request.body)
    return Answer(200, (b"[" + b",".join(b'{"id":"%s","success":true,"errors":[]}' % w for w in written) + b"]",))


def _load(org: Org, request: Asked, _: re.Match[str]) -> Answer:
    with org.lock:
        job = org.keep("751", org.loads)
        org.loads[job] = []
    return told(_load_state(org, job, "Open", json.loads(request.body)))


def _load_state(org: Org, job: str, state: str, wanted: dict[str, str] | None = None) -> dict[str, object]:
    done = sum(part.count(b"\n") - 1 for part in org.loads[job])
    return (wanted or {"operation": "update", "object": "Account"}) | {
        "id": job,
        "state": state,
        "contentUrl": f"{ROOT[1:]}/jobs/ingest/{job}/batches",
        "apiVersion": float(VERSION),
        "jobType": "V2Ingest",
        "contentType": "CSV",
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
        "numberRecordsProcessed": done,
        "numberRecordsFailed": 0,
    }


def _load_rows(org: Org, request: Asked, found: re.Match[str]) -> Answer:
    org.loads[found["job"]].append(request.body)
    return Answer(201)


def _load_close(org: Org, request: Asked, found: re.Match[str]) -> Answer:
    return told(_load_state(org, found["job"], "UploadComplete"))


def _load_ask(org: Org, request: Asked, found: re.Match[str]) -> Answer:
    return told(_load_state(org, found["job"], "JobComplete"))


def _load_results(org: Org, request: Asked, found: re.Match[str]) -> Answer:
    lines = b"".join(org.loads[found["job"]]).splitlines()
    header, sent = lines[0], lines[1:]
    if found["kind"].lower() == "failedresults":
        return Answer(200, (b'"sf__Id","sf__Error",' + header + b"\n",), (), "text/csv")
    if found["kind"].lower() == "unprocessedrecords":
        return Answer(200, (header + b"\n",), (), "text/csv")
    at = next(i for i, name in enumerate(header.split(b",")) if name.strip(b'"').lower() == b"id")
    made = (b'"%s","false",%s' % (line.split(b",")[at].strip(b'"'), line) for line in sent)
    return Answer(200, (b'"sf__Id","sf__Created",' + header + b"\n", b"\n".join(made), b"\n"), (), "text/csv")


_D, _JOB = r"/services/data(?:/v[\d.]+)", r"(?P<job>\w+)"
_TABLE: tuple[tuple[str, str, str, Act], ...] = (
    ("POST", r"/services/oauth2/token", "token", _token),
    ("GET", r"/services/oauth2/userinfo", "identity", _user),
    ("GET", r"/id/\w+/\w+", "identity", _user),
    ("GET", r"/services/data", "versions", _versions),
    ("GET", _D, "versions", _root),
    ("GET", _D + r"/limits", "limits", _limits),
    ("GET", _D + r"/limits/recordCount", "record count", _record_count),
    ("GET", _D + r"/sobjects", "describe", _objects),
    ("GET", _D + r"/sobjects/(?P<object>\w+)/describe", "describe", _describe),
    ("GET", _D + r"/sobjects/(?P<object>\w+)/deleted", "deleted", _deleted),
    ("GET", _D + r"/sobjects/(?P<object>\w+)/updated", "updated", _updated),
    ("PATCH", _D + r"/sobjects/(?P<object>\w+)/\w+", "one record", _gone),
    ("GET", _D + r"/query(?:All)?", "query", _rest_query),
    ("GET", _D + r"/query(?:All)?/(?P<cursor>\w+)-(?P<offset>\d+)", "query page", _rest_next),
    ("POST", _D + r"/jobs/query", "bulk job", _query_job),
    ("GET", _D + r"/jobs/query/" + _JOB, "bulk state", _query_job_state),
    ("DELETE", _D + r"/jobs/(?:query|ingest)/" + _JOB, "bulk delete", _gone),
    ("GET", _D + r"/jobs/query/" + _JOB + r"/results", "bulk page", _results),
    ("GET", _D + r"/jobs/query/" + _JOB + r"/resultPages", "bulk page list", _result_pages),
    ("PATCH", _D + r"/composite/sobjects", "collection", _collection),
    ("POST", _D + r"/jobs/ingest", "ingest job", _load),
    ("PUT", _D + r"/jobs/ingest/" + _JOB + r"/batches", "ingest rows", _load_rows),
    ("PATCH", _D + r"/jobs/ingest/" + _JOB, "ingest close", _load_close),
    ("GET", _D + r"/jobs/ingest/" + _JOB, "ingest state", _load_ask),
    (
        "GET",
        _D + r"/jobs/ingest/" + _JOB + r"/(?P<kind>successfulResults|failedResults|unprocessed[rR]ecords)",
        "ingest results",
        _load_results,
    ),
)
Org.routes = routes(_TABLE)
