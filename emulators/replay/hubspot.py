"""How recordings of HubSpot are played against a portal, and why some answers differ from those of 2022."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from emulators.hubspot import definitions, schemas
from emulators.hubspot.portal import Portal, Settings
from emulators.hubspot.server import Emulator
from emulators.hubspot.tokens import App
from emulators.loopback.clock import Clock
from emulators.loopback.http import Call, Response
from emulators.replay.recordings import Exchange
from emulators.replay.shapes import Difference

_TOKEN, _CONTROL = "pat-of-the-replay", "of-the-replay"
_OBJECT = re.compile(r"/crm/v3/objects/([^/]+)/")
_LATE = timedelta(seconds=60)  # the longest lateness of the index in the recordings is 32 s
_FOREIGN = (
    ("/contacts/v1/contact", "legacy contacts API (v1)"),
    ("/contacts/v1/lists", "legacy contact lists API (v1)"),
    ("/crm-associations/v1", "legacy associations API (v1)"),
    ("/integrations/v1/me", "legacy account API (v1)"),
)
_OWN = frozenset({"hs_object_id", "createdate", "lastmodifieddate", "hs_createdate", "hs_lastmodifieddate"})


class PortalStage:
    """A portal in `folder` with the custom objects and properties that all exchanges of the vendor presuppose."""

    compared: tuple[str, ...] = (
        "x-hubspot-correlation-id", "x-hubspot-ratelimit-daily", "x-hubspot-ratelimit-daily-remaining",
        "x-hubspot-ratelimit-interval-milliseconds", "x-hubspot-ratelimit-max", "x-hubspot-ratelimit-remaining",
        "x-hubspot-ratelimit-secondly", "x-hubspot-ratelimit-secondly-remaining",
    )  # fmt: skip

    def __init__(self, folder: Path, exchanges: Sequence[Exchange]) -> None:
        self.names: dict[str, str] = {}
        begun = min(each.at for each in exchanges)
        self.portal = Portal.open(folder / "portal.db", Settings(portal_id=20858235), Clock(begun, frozen=True), 1)
        self.portal.put_state("lag", [0, 0])
        self.emulator = Emulator(self.portal, App("a", "b", _TOKEN, "c"), control_token=_CONTROL)
        self.emulator.limits.set({"enabled": False})
        self._oauth = self._refreshed()
        self._written: datetime | None = None
        self._found(exchanges)

    def close(self) -> None:
        """Let the file go."""
        self.emulator.stop()

    def foreign(self, exchange: Exchange) -> str:
        """Legacy APIs are not emulated."""
        return next((why for start, why in _FOREIGN if exchange.path.startswith(start)), "")

    def prepare(self, exchange: Exchange) -> None:
        """The time of the recording, its refusals for too many searches, and records that it has not made itself."""
        if exchange.at > self.portal.clock.now():
            self.portal.clock.set(exchange.at)
        self.emulator.limits.set({"enabled": exchange.status == 429, "search": 0 if exchange.status == 429 else 5})
        if not exchange.path.endswith(("/batch/create", "/batch/archive")):
            for each in _records(exchange.response):
                if each["id"] not in self.names:
                    self._insert(_object(exchange), each)

    def headers(self, exchange: Exchange) -> dict[str, str]:
        """A static token takes the place of the recorded key, an OAuth token that of the recorded OAuth token."""
        daily = "x-hubspot-ratelimit-daily" in exchange.headers  # told to callers without OAuth only
        return {"authorization": f"Bearer {_TOKEN if daily else self._oauth}", "content-type": "application/json"}

    def send(self, call: Call) -> Response:
        """The portal's answer."""
        found = self.emulator.handle(call)[0]
        if found is None:
            raise ValueError(f"no answer to {call.method} {call.target}")
        return found

    def learn(self, exchange: Exchange, emulated: Any) -> None:
        """New records are paired by what they hold, for batches answer in any order."""
        if "/batch/" in exchange.path:
            self._written = exchange.at
        if not exchange.path.endswith("/batch/create"):
            return
        left = _records(emulated)
        for each in _records(exchange.response):
            best = max(left, key=lambda other: _alike(each, other), default=None)
            if best is not None:
                left.remove(best)
                self.names[each["id"]] = best["id"]

    def explained(self, exchange: Exchange, difference: Difference) -> str:
        """One of the reasons below, or none."""
        late = self._written is not None and exchange.at - self._written <= _LATE
        if late and exchange.path.endswith("/search") and difference.path in ("results", "results[]"):
            return "the real index was late: within 60 s of a write a search finds what was before it"
        for kind, path, calls, why in _WHY:
            if kind.fullmatch(difference.kind) and path.fullmatch(difference.path) and calls.search(exchange.path):
                return why
        return ""

    def _refreshed(self) -> str:
        form = b"grant_type=refresh_token&client_id=a&client_secret=b&refresh_token=c"
        answer = self.send(
            Call("POST", "/oauth/v1/token", {"content-type": "application/x-www-form-urlencoded"}, form)
        )
        return str(json.loads(answer.body)["access_token"])

    def _found(self, exchanges: Sequence[Exchange]) -> None:
        """Custom objects, then properties: those whose definitions were recorded, and text for all others."""
        recorded: dict[str, dict[str, Any]] = {}
        for exchange in exchanges:
            if exchange.path.startswith("/crm/v3/schemas") and exchange.status == 200:
                listed = exchange.response.get("results", [exchange.response])
                recorded |= {each["objectTypeId"]: each for each in listed}
            custom = _object(exchange)
            if custom.startswith("2-"):
                recorded.setdefault(custom, _unseen(custom))
        for type_id, schema in sorted(recorded.items()):
            if type_id.startswith("2-"):
                schemas.make(self.portal, _body(schema))
        named = {(_object(each), name) for each in exchanges for name in _properties(each)}
        for type_id, schema in recorded.items():
            for each in schema["properties"]:
                self._define(type_id, each)
        for object_name, name in sorted(named):
            self._define(object_name, {"name": name, "label": name, "type": "string", "fieldType": "text"})

    def _define(self, spelled: str, sent: dict[str, Any]) -> None:
        obj = definitions.required_type(self.portal, spelled)
        if sent["name"] in definitions.of(self.portal, obj.type_id) or sent.get("hubspotDefined"):
            return
        if sent["name"].startswith("hs_"):  # HubSpot's own, which the catalogue lacks: let it be seen
            return
        group = next(iter(definitions.of(self.portal, obj.type_id).values())).group
        names = ("name", "label", "type", "fieldType", "options", "description")
        body = {**{name: sent[name] for name in names if name in sent}, "groupName": group}
        self._must("POST", f"/crm/v3/properties/{obj.type_id}", body, 201)

    def _insert(self, spelled: str, recorded: dict[str, Any]) -> None:
        known = definitions.of(self.portal, definitions.required_type(self.portal, spelled).type_id)
        values = {name: value for name, value in recorded["properties"].items() if value and name not in _OWN}
        sent = {name: value for name, value in values.items() if name in known and not known[name].calculated}
        body = {"object": spelled, "properties": sent}
        self.names[recorded["id"]] = self._must("POST", "/__emulator__/insert", body, 200)["id"]

    def _must(self, method: str, path: str, body: object, status: int) -> Any:
        headers = {
            "authorization": f"Bearer {_TOKEN}",
            "x-emulator-token": _CONTROL,
            "content-type": "application/json",
        }
        answer = self.send(Call(method, path, headers, json.dumps(body).encode()))
        if answer.status != status:
            raise ValueError(f"{method} {path} was refused: {answer.body!r}")
        return json.loads(answer.body)


def _object(exchange: Exchange) -> str:
    found = _OBJECT.match(exchange.path)
    return found[1] if found else ""


def _records(body: Any) -> list[dict[str, Any]]:
    listed = body.get("results", []) if isinstance(body, dict) else []
    return [each for each in listed if isinstance(each, dict) and isinstance(each.get("properties"), dict)]


def _alike(one: dict[str, Any], other: dict[str, Any]) -> int:
    return len(one["properties"].items() & other["properties"].items())


def _properties(exchange: Exchange) -> set[str]:
    """Names of properties in the answer's records and in what was sent."""
    found = {name for each in _records(exchange.response) for name in each["properties"]}
    if _object(exchange) and isinstance(exchange.request, dict):
        found |= {name for each in exchange.request.get("inputs", ()) for name in each.get("properties", ())}
        for group in exchange.request.get("filterGroups", ()):
            found |= {each["propertyName"] for each in group["filters"]}
    return found - _OWN


def _unseen(type_id: str) -> dict[str, Any]:
    """A custom object whose schema was not recorded."""
    name = f"object_{type_id[2:]}"
    return {"objectTypeId": type_id, "fullyQualifiedName": f"p1_{name}", "labels": {"singular": name, "plural": name},
            "primaryDisplayProperty": "name", "properties": [{"name": "name", "label": "Name", "type": "string",
                                                              "fieldType": "text"}]}  # fmt: skip


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    """What must be sent to make a custom object like the recorded one."""
    own = [each for each in schema["properties"] if not each.get("hubspotDefined")]
    names = ("name", "label", "type", "fieldType", "options")
    found = {name: schema[name] for name in ("labels", "primaryDisplayProperty", "objectTypeId")}
    found |= {name: schema.get(name, []) for name in ("requiredProperties", "searchableProperties")}
    return {
        **found,
        "name": schema["fullyQualifiedName"].partition("_")[2],
        "properties": [{name: each[name] for name in names if name in each} for each in own],
        "associatedObjects": ["COMPANY", "CONTACT"],
    }


_Why = tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str], str]


def _why(kind: str, path: str, calls: str, why: str) -> _Why:
    return re.compile(kind), re.compile(path), re.compile(calls), why


_ANY, _SCHEMAS = r".*", r"/crm/v3/schemas"
_SINCE = "told by HubSpot since 2022: recordings of 2024 to 2026 have it"
_PART = "the catalogue holds the part of HubSpot's own definitions that partner and deal work needs"
_DATES = "lifecycle stage by default, with its dates, and task label: in creates of 2026"
_EMPTY = "a cleared property reads as null since 2024, as empty text in 2022"
_WHY = (
    _why("more", r"results\[\]\.url", r"/objects/", _SINCE),
    _why("more", r"results\[\]\.properties\.(hs_(created_by|updated_by)_user_id|hs_object_source(_id|_label)?)",
         r"/batch/create", _SINCE),
    _why("more", r"results\[\]\.properties\.(lifecyclestage|hs_pipeline|hs_task_label|hs_(v2_)?date_entered_\w+)",
         r"/(COMPANY|CONTACT)/batch/", _DATES),
    _why("type", r"results\[\]\.properties\.(facebookfans|number_field|text_field|last_?name)", r"/search",
         _EMPTY),
    _why("type", r"results\[\]\.properties\.twitterhandle", r"/COMPANY/search",
         "filled by HubSpot's enrichment, which is not emulated"),
    _why("lacking", r"(results\[\]\.)?properties\[\]", _SCHEMAS, _PART),
    _why("more", r"(results\[\]\.)?properties\[\]", _SCHEMAS, _SINCE),
    _why("more", r"(results\[\]\.)?properties\[\]\.dataSensitivity", _SCHEMAS, _SINCE),
    _why("more", r"(results\[\]\.)?(createdByUserId|updatedByUserId|description)", _SCHEMAS, _SINCE),
    _why("more", r"(results\[\]\.)?properties\[\]\.(createdAt|updatedAt|createdUserId|updatedUserId|"
                 r"showCurrencySymbol|referencedObjectType)", _SCHEMAS,
         "an optional key: the recording has it for some definitions, and not for those that are older than it"),
    _why("lacking", r"(results\[\]\.)?properties\[\]\.(calculationFormula|modificationMetadata\.readOnlyOptions|"
                    r"options\[\]\.description)", _SCHEMAS, "an optional key of some of HubSpot's own definitions"),
    _why("length", r"properties\[\]\.options", _SCHEMAS, "lists of languages and time zones are not carried along"),
    _why("(lacking|more|length)", r"(results\[\]\.)?associations(\[\])?", _SCHEMAS,
         "associations with objects that are not emulated; ids are given in other order"),
    _why("length", r"(secondaryDisplay|searchable)Properties", r"/schemas/CONTACT$",
         "of HubSpot's own objects only the first of these properties is carried along"),
)  # fmt: skip
