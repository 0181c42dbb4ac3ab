"""A portal in a few lines behind the vendor's real client: it shuffles, loses, refuses and throttles when told to."""

from __future__ import annotations

import json
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from connector.crm.hubspot.catalog import Catalog
from connector.crm.hubspot.connection import HubSpotConnection
from connector.crm.hubspot.wire import Wire
from connector.crm.retry import Patience

PAIRS = {("tasks", "companies"): 192, ("tasks", "deals"): 216, ("deals", "companies"): 341}


class Refused(Exception):
    """An error answer."""

    def __init__(self, status: int, category: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status, self.body = status, {"status": "error", "category": category, "message": message, **more}


class Dropped(Exception):
    """The connection is closed without an answer."""


def not_valid(code: str, name: str, message: str) -> Refused:
    inside = [{"isValid": False, "message": message, "error": code, "name": name}]
    return Refused(400, "VALIDATION_ERROR", f"Property values were not valid: {json.dumps(inside)}")


def text(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": "g", **more}


def options(*values: str) -> list[dict[str, Any]]:
    return [{"label": each, "value": each, "displayOrder": at, "hidden": False} for at, each in enumerate(values)]


def standard() -> list[dict[str, Any]]:
    frozen = {"modificationMetadata": {"readOnlyValue": True}}
    made = [
        text("hs_object_id", type="number", fieldType="number", **frozen),
        text("name"),
        text("key", hasUniqueValue=True),
        text("note", fieldType="textarea"),
        text("tier", type="enumeration", fieldType="select", options=options("gold", "silver")),
        text("regions", type="enumeration", fieldType="checkbox", options=options("EMEA", "APAC")),
        text("score", type="number", fieldType="number"),
        text("due", type="datetime", fieldType="date"),
        text("day", type="date", fieldType="date"),
        text("hs_created_by", **frozen),
    ]
    return [each | {"hubspotDefined": True, "description": ""} for each in made]


@dataclass
class TinyPortal:
    """Records by object and id; what it is to do wrong stands in the attributes."""

    seed: int = 7
    objects: tuple[str, ...] = ("companies", "deals", "tasks")
    records: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    properties: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    archived_properties: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    groups: dict[str, dict[str, str]] = field(default_factory=dict)
    labels: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    links: set[tuple[str, str, str, str, str, int]] = field(default_factory=set)
    calls: Counter[str] = field(default_factory=Counter)
    bodies: list[tuple[str, Any]] = field(default_factory=list)
    rule: Callable[[str, Mapping[str, str]], Refused | None] = lambda _object, _values: None
    before: Callable[[str, str, Any], None] = lambda _method, _path, _body: None
    after: Callable[[str, str, Any], Any] = lambda _method, _path, _answer: None
    traces: bool = True  # create answers 207 with traces; otherwise one bad record refuses the whole batch
    at: datetime = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        for name in self.objects:
            self.records[name] = {}
            self.properties[name] = {each["name"]: each for each in standard()}
            self.archived_properties[name] = {}
            self.groups[name] = {"g": "G"}
        for (one, other), type_id in PAIRS.items():
            self.labels[one, other] = [{"category": "HUBSPOT_DEFINED", "typeId": type_id, "label": None}]

    def add(self, object_name: str, **values: str) -> str:
        record_id = str(1000 + sum(len(each) for each in self.records.values()))
        now = self.tick()
        held = {"id": record_id, "properties": dict(values), "createdAt": now, "updatedAt": now, "archived": False}
        self.records[object_name][record_id] = held
        return record_id

    def tick(self) -> str:
        self.at += timedelta(milliseconds=10)
        return self.at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    def values(self, object_name: str, record_id: str) -> dict[str, str]:
        found: dict[str, str] = self.records[object_name][record_id]["properties"]
        return found

    def calls_to(self, part: str) -> int:
        return sum(count for path, count in self.calls.items() if part in path)

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> tuple[int, Any]:
        self.calls[f"{method} {path}"] += 1
        self.bodies.append((path, body))
        self.before(method, path, body)
        for verb, pattern, act in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and verb == method:
                status, made = act(self, *found.groups(), query, body)
                changed = self.after(method, path, made)
                return status, made if changed is None else changed
        raise Refused(404, "OBJECT_NOT_FOUND", f"no route {method} {path}")

    # ---- records

    def check(self, object_name: str, values: Mapping[str, str], record_id: str = "") -> None:
        for name, value in values.items():
            known = self.properties[object_name].get(name)
            if known is None:
                raise not_valid("PROPERTY_DOESNT_EXIST", name, f'Property "{name}" does not exist')
            offered = [each["value"] for each in known.get("options") or ()]
            if offered and value and any(each not in offered for each in value.split(";")):
                raise not_valid("INVALID_OPTION", name, f"{value} was not one of the allowed options")
            if known.get("hasUniqueValue") and value:
                holder = self.find(object_name, name, value)
                if holder and holder["id"] != record_id:
                    raise Refused(409, "CONFLICT", f"already exists. Existing ID: {holder['id']}")
        refused = self.rule(object_name, values)
        if refused is not None:
            raise refused

    def find(self, object_name: str, name: str, value: str) -> dict[str, Any] | None:
        rows = self.records[object_name].values()
        return next((e for e in rows if e["properties"].get(name) == value and not e["archived"]), None)

    def shuffled(self, results: list[Any], errors: list[Any], good: int) -> tuple[int, Any]:
        self.random.shuffle(results)
        body = {"status": "COMPLETE", "results": results, "startedAt": self.tick(), "completedAt": self.tick()}
        return (207, body | {"numErrors": len(errors), "errors": errors}) if errors else (good, body)

    def create(self, name: str, _query: Any, body: Any) -> tuple[int, Any]:
        started, results, errors = self.tick(), [], []
        good = []
        for each in body["inputs"]:
            try:
                self.check(name, each["properties"])
            except Refused as error:
                if not self.traces:
                    raise
                errors.append(error.body | {"context": {"objectWriteTraceId": [each["objectWriteTraceId"]]}})
                continue
            good.append(each)
        for each in good:
            made = self.records[name][self.add(name, **each["properties"])]
            for link in each["associations"]:
                for kind in link["types"]:
                    self.link(name, made["id"], kind, link["to"]["id"])
            trace = {"objectWriteTraceId": each["objectWriteTraceId"]} if self.traces else {}
            results.append({**made, **trace})
        status, answer = self.shuffled(results, errors, 201)
        return status, answer | {"startedAt": started}

    def update(self, name: str, _query: Any, body: Any) -> tuple[int, Any]:
        ids = [each["id"] for each in body["inputs"]]
        if len(set(ids)) < len(ids):
            raise Refused(400, "VALIDATION_ERROR", "Duplicate IDs found in batch input")
        for each in body["inputs"]:
            self.check(name, each["properties"], each["id"])
        results, missing = [], []
        for each in body["inputs"]:
            held = self.records[name].get(each["id"])
            if held is None or held["archived"]:
                missing.append(each["id"])
                continue
            held["properties"] |= each["properties"]
            results.append(dict(held))
        text_ = "Could not get some objects, they may be deleted or not exist."
        errors = [{"status": "error", "category": "OBJECT_NOT_FOUND", "message": text_, "context": {"ids": missing}}]
        return self.shuffled(results, errors if missing else [], 200)

    def upsert(self, name: str, _query: Any, body: Any) -> tuple[int, Any]:
        started, results = self.tick(), []
        for each in body["inputs"]:
            held = self.find(name, each["idProperty"], each["id"])
            self.check(name, each["properties"], held["id"] if held else "")
            new = held is None
            if held is None:
                held = self.records[name][self.add(name, **{each["idProperty"]: each["id"]})]
            held["properties"] |= each["properties"]
            results.append({**held, "new": new})
        status, answer = self.shuffled(results, [], 200)
        return status, answer | {"startedAt": started}

    def archive(self, name: str, _query: Any, body: Any) -> tuple[int, Any]:
        for each in body["inputs"]:
            if each["id"] in self.records[name]:
                self.records[name][each["id"]]["archived"] = True
        return 204, None

    def read(self, name: str, query: Any, body: Any) -> tuple[int, Any]:
        wanted, archived = [each["id"] for each in body["inputs"]], query.get("archived") == "true"
        key = body.get("idProperty")
        rows = [e for e in self.records[name].values() if e["archived"] == archived]
        found = [e for e in rows if (e["properties"].get(key) if key else e["id"]) in wanted]
        return self.shuffled([dict(each) for each in found], [], 200)

    def page(self, name: str, query: Any, _body: Any) -> tuple[int, Any]:
        rows = sorted(self.records[name].values(), key=lambda each: int(each["id"]))
        start = int(query.get("after", 0))
        part, more = rows[start : start + 100], start + 100 < len(rows)
        return 200, {"results": part} | ({"paging": {"next": {"after": str(start + 100)}}} if more else {})

    # ---- links

    def link(self, one: str, one_id: str, kind: Mapping[str, Any], other_id: str) -> None:
        type_id = int(kind["associationTypeId"])
        pair = next(pair for pair, labels in self.labels.items() if any(each["typeId"] == type_id for each in labels))
        self.links.add((one, one_id, pair[1], other_id, kind["associationCategory"], type_id))

    def associate(self, one: str, other: str, _query: Any, body: Any) -> tuple[int, Any]:
        for each in body["inputs"]:
            if each["to"]["id"] not in self.records[other]:
                raise Refused(404, "OBJECT_NOT_FOUND", f"{each['to']['id']} is not there")
        for each in body["inputs"]:
            for kind in each["types"]:
                self.link(one, each["from"]["id"], kind, each["to"]["id"])
        return 201, {"status": "COMPLETE", "results": []}

    def associated(self, one: str, other: str, _query: Any, body: Any) -> tuple[int, Any]:
        found = [
            {
                "from": {"id": each[1]},
                "to": [{"toObjectId": int(each[3]), "associationTypes": [{"category": each[4], "typeId": each[5]}]}],
            }
            for each in sorted(self.links)
            if each[0] == one and each[2] == other and {"id": each[1]} in body["inputs"]
        ]
        return 200, {"status": "COMPLETE", "results": found}

    def label_list(self, one: str, other: str, _query: Any, _body: Any) -> tuple[int, Any]:
        return 200, {"results": self.labels.get((one, other), [])}

    def label_make(self, one: str, other: str, _query: Any, body: Any) -> tuple[int, Any]:
        type_id = 10 + sum(len(each) for each in self.labels.values())
        made = {"category": "USER_DEFINED", "typeId": type_id, "label": body["label"]}
        self.labels.setdefault((one, other), []).append(made)
        return 200, {"results": [made]}

    def label_drop(self, one: str, other: str, type_id: str, _query: Any, _body: Any) -> tuple[int, Any]:
        known = self.labels[one, other]
        self.labels[one, other] = [each for each in known if each["typeId"] != int(type_id)]
        return 204, None

    # ---- definitions

    def known(self, name: str) -> None:
        if name not in self.properties:
            raise Refused(400, "VALIDATION_ERROR", f"Unable to infer object type from: {name}")

    def property_list(self, name: str, query: Any, _body: Any) -> tuple[int, Any]:
        self.known(name)
        held = self.archived_properties if query.get("archived") == "true" else self.properties
        return 200, {"results": list(held[name].values())}

    def property_make(self, name: str, _query: Any, body: Any) -> tuple[int, Any]:
        results, errors = [], []
        for each in body["inputs"]:
            refused = self.rule(name, each)
            if refused is not None:
                raise refused
            if each["groupName"] not in self.groups[name]:
                raise Refused(400, "VALIDATION_ERROR", f"property group {each['groupName']} does not exist")
            if each["name"] in self.properties[name]:
                words = f"A property named '{each['name']}' already exists."
                errors.append({"status": "error", "category": "OBJECT_ALREADY_EXISTS", "message": words})
                continue
            back = self.archived_properties[name].pop(each["name"], None)
            self.properties[name][each["name"]] = back or dict(each)
            results.append(self.properties[name][each["name"]])
        return self.shuffled(results, errors, 201)

    def property_change(self, name: str, prop: str, _query: Any, body: Any) -> tuple[int, Any]:
        self.properties[name][prop] |= body
        return 200, self.properties[name][prop]

    def property_archive(self, name: str, prop: str, _query: Any, _body: Any) -> tuple[int, Any]:
        if prop not in self.properties[name]:
            raise Refused(404, "OBJECT_NOT_FOUND", f"no property {prop}")
        if self.properties[name][prop].get("in_use"):
            raise Refused(400, "VALIDATION_ERROR", "in use by a list", subCategory="CANNOT_DELETE_PROPERTY_IN_USE")
        self.archived_properties[name][prop] = self.properties[name].pop(prop)
        return 204, None

    def group_list(self, name: str, _query: Any, _body: Any) -> tuple[int, Any]:
        return 200, {"results": [{"name": each, "label": label} for each, label in self.groups[name].items()]}

    def group_make(self, name: str, _query: Any, body: Any) -> tuple[int, Any]:
        self.groups[name][body["name"]] = body["label"]
        return 201, body

    def group_archive(self, name: str, group: str, _query: Any, _body: Any) -> tuple[int, Any]:
        del self.groups[name][group]
        return 204, None

    def schemas(self, _query: Any, _body: Any) -> tuple[int, Any]:
        return 200, {"results": []}


_O, _P, _A = (
    "/crm/objects/2026-03/(\\w+)",
    "/crm/properties/2026-03/(\\w+)",
    "/crm/associations/2026-03/(\\w+)/(\\w+)",
)
ROUTES: list[tuple[str, str, Callable[..., tuple[int, Any]]]] = [
    ("POST", f"{_O}/batch/create", TinyPortal.create),
    ("POST", f"{_O}/batch/update", TinyPortal.update),
    ("POST", f"{_O}/batch/upsert", TinyPortal.upsert),
    ("POST", f"{_O}/batch/archive", TinyPortal.archive),
    ("POST", f"{_O}/batch/read", TinyPortal.read),
    ("GET", _O, TinyPortal.page),
    ("POST", f"{_A}/batch/create", TinyPortal.associate),
    ("POST", f"{_A}/batch/read", TinyPortal.associated),
    ("GET", f"{_A}/labels", TinyPortal.label_list),
    ("POST", f"{_A}/labels", TinyPortal.label_make),
    ("DELETE", f"{_A}/labels/(\\d+)", TinyPortal.label_drop),
    ("GET", _P, TinyPortal.property_list),
    ("POST", f"{_P}/batch/create", TinyPortal.property_make),
    ("PATCH", f"{_P}/(\\w+)", TinyPortal.property_change),
    ("DELETE", f"{_P}/(\\w+)", TinyPortal.property_archive),
    ("GET", f"{_P}/groups", TinyPortal.group_list),
    ("POST", f"{_P}/groups", TinyPortal.group_make),
    ("DELETE", f"{_P}/groups/(\\w+)", TinyPortal.group_archive),
    ("GET", "/crm-object-schemas/2026-03/schemas", TinyPortal.schemas),
]


def _handler(portal: TinyPortal) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body leave together
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path, _, rest = self.path.partition("?")
            query = dict(each.split("=", 1) for each in rest.split("&") if "=" in each)
            try:
                status, body = portal.answer(self.command, path, query, json.loads(sent) if sent else None)
            except Refused as error:
                status, body = error.status, error.body
            except Dropped:
                self.close_connection = True
                return
            content = b"" if body is None else json.dumps(body).encode()
            self.send_response_only(status)
            self.send_header("Date", self.date_time_string())
            self.send_header("Content-Type", "application/json;charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            return None

    for verb in ("GET", "POST", "PATCH", "DELETE"):
        setattr(Handler, f"do_{verb}", Handler._serve)
    return Handler


@pytest.fixture
def portal() -> TinyPortal:
    return TinyPortal()


@pytest.fixture
def wire(portal: TinyPortal) -> Iterator[Wire]:
    """A real wire to the portal over loopback; its waits are not slept."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(portal))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    connection = HubSpotConnection(
        access_token="pat-na1-00000000",
        base_url=f"http://127.0.0.1:{server.server_port}",
        patience=Patience(first=0.001, longest=20.0, total=30.0),
        burst=100_000,
        read_timeout=5.0,
    )
    made = Wire(connection, sleep=lambda _: None)
    yield made
    made.close()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def catalog(wire: Wire) -> Catalog:
    return Catalog(wire)


@pytest.fixture
def refused() -> type[Refused]:
    return Refused


@pytest.fixture
def dropped() -> type[Dropped]:
    return Dropped


@pytest.fixture
def invalid() -> Callable[[str, str, str], Refused]:
    return not_valid
